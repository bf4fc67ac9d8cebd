/* ipcwatch.c - an ipc end on a libevent loop. See ipcwatch.h. */
#include "daemon/ipcwatch.h"

#include "daemon/base/err.h"

#include <event2/event.h>
#include <stdlib.h>

struct ipcwatch {
	struct ipc *ipc;
	struct event *read, *write;
};

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct ipcwatch *w = arg;

	(void)fd;
	(void)what;
	ipc_read(w->ipc); /* w may be gone behind this */
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct ipcwatch *w = arg;

	(void)fd;
	(void)what;
	ipc_write(w->ipc);
}

void ipcwatch_free(struct ipcwatch *w)
{
	if (w->read)
		event_free(w->read);
	if (w->write)
		event_free(w->write);
	free(w);
}

int ipcwatch_new(struct event_base *base, struct ipc *ipc,
		 struct ipcwatch **out)
{
	struct ipcwatch *w = calloc(1, sizeof *w);

	if (!w)
		return E_NOMEM;
	w->ipc = ipc;
	w->read = event_new(base, ipc_fd(ipc), EV_READ | EV_PERSIST, on_read,
			    w);
	w->write = event_new(base, ipc_fd(ipc), EV_WRITE | EV_PERSIST,
			     on_write, w);
	if (!w->read || !w->write || event_add(w->read, NULL)) {
		ipcwatch_free(w);
		return E_NOMEM;
	}
	*out = w;
	return 0;
}

void ipcwatch_write(struct ipcwatch *w, bool write)
{
	if (write)
		event_add(w->write, NULL);
	else
		event_del(w->write);
}
