/* control.c - the operator's socket: one JSON object a line, each answered by
 * one line. See callseal-control(7).
 *
 *   control.c   the listening socket (the parent opened it and set its mode)
 *   client.c    one connection: lines in, lines out, bounds
 *   command.c   the table of commands
 *
 * Who may connect is a matter of the socket's owner and mode. Nothing here
 * blocks: a client that sends no end of line, or takes no reply, is dropped. */
#include "config.h"

#include "modules/control/control.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct module control_module;

static void on_connect(void *user, bool readable, bool writable)
{
	struct control *control = user;
	int fd;

	(void)writable;
	if (!readable)
		return;
	fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		client_new(control, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_error("control", "accept: %s", strerror(errno));
}

static int listen_on(struct control *control)
{
	int flags = fcntl(control->fd, F_GETFL);

	if (flags < 0 || fcntl(control->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return E_IO;
	return loop_watch(engine_loop(control->engine), control->fd,
			  on_connect, control, &control->watch);
}

static int start(struct core *core, const struct conf *c, void **state)
{
	struct control *control = calloc(1, sizeof *control);
	int r;

	(void)c;
	if (!control)
		return E_NOMEM;
	control->engine = core_process(core);
	control->fd = child_file(engine_child(control->engine), "control");
	if (control->fd < 0) {
		log_error("control", "no control socket: callsealctl cannot "
			  "reach this daemon");
	} else if ((r = listen_on(control))) {
		free(control);
		return r;
	}
	*state = control;
	return 0;
}

static void stop(void *state)
{
	struct control *control = state;

	engine_forget(control->engine, control);
	while (control->clients)
		client_free(control->clients);
	loop_unwatch(control->watch);
	free(control);
}

const struct module control_module = {
	.name = "control",
	.process = PROC_ENGINE,
	.start = start,
	.stop = stop,
};
