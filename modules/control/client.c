/* client.c - one connection to the control socket: complete lines in, replies
 * out, with bounds on both. While a reply is to come later, and while much is
 * still to be written, no further request is read. */
#include "modules/control/control.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MS 20

void client_free(struct client *c)
{
	struct client **slot = &c->control->clients;

	while (*slot != c)
		slot = &(*slot)->next;
	*slot = c->next;
	c->control->n_clients--;
	loop_unwatch(c->watch);
	loop_timer_free(c->slow);
	close(c->fd);
	buf_free(&c->out);
	free(c);
}

static bool all_written(const struct client *c)
{
	return c->out_off == c->out.len;
}

static void watch_write(struct client *c)
{
	bool more = !all_written(c);

	if (c->watch)
		loop_watch_write(c->watch, more);
	if (more)
		loop_timer_set(c->slow, c->watch ? SLOW_MS : RETRY_MS);
	else
		loop_timer_stop(c->slow);
}

/* 0, or negative when the connection is of no more use. */
static int flush(struct client *c)
{
	ssize_t n = 1;

	while (!all_written(c) && n > 0) {
		n = send(c->fd, c->out.data + c->out_off,
			 c->out.len - c->out_off, MSG_NOSIGNAL);
		if (n > 0) {
			c->out_off += (size_t)n;
			c->tries = 0;
		}
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return E_CLOSED;
	if (all_written(c)) {
		buf_clear(&c->out);
		c->out_off = 0;
	}
	watch_write(c);
	return 0;
}

static void put_reply(struct client *c, json_t *reply)
{
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	json_decref(reply);
	buf_text(&c->out, text ? text
			       : "{\"ok\":false,\"error\":\"out of memory\"}");
	buf_text(&c->out, "\n");
	free(text);
}

/* Length of the first complete line with its end; 0 when there is none. */
static size_t line_len(const struct client *c)
{
	const char *end = memchr(c->in, '\n', c->in_len);

	return end ? (size_t)(end - c->in) + 1 : 0;
}

static void run_lines(struct client *c)
{
	char line[REQUEST_MAX];
	json_t *reply;
	size_t n;

	while (!c->waiting && all_written(c) && (n = line_len(c))) {
		memcpy(line, c->in, n);
		c->in_len -= n;
		memmove(c->in, c->in + n, c->in_len);
		reply = command_run(c, line, n - 1);
		if (reply)
			put_reply(c, reply);
		if (flush(c))
			c->dead = true;
	}
}

/* Runs what is there; frees the client when it is over. */
static void go_on(struct client *c)
{
	run_lines(c);
	if (!c->dead && c->in_len == sizeof c->in && !line_len(c)) {
		put_reply(c, command_error("the request is too long"));
		flush(c);
		c->dead = true;
	}
	if (c->dead || c->out.err ||
	    (c->input_over && !c->waiting && all_written(c)))
		client_free(c);
}

/* The loop always watches for reading: after the end of input the watch would
 * fire for ever, so it goes, and a timer retries what is still to be
 * written. */
static void end_input(struct client *c)
{
	c->input_over = true;
	loop_unwatch(c->watch);
	c->watch = NULL;
	watch_write(c);
}

static void take_input(struct client *c)
{
	size_t room = sizeof c->in - c->in_len;
	ssize_t n = room ? recv(c->fd, c->in + c->in_len, room, 0) : 0;

	if (!room)
		c->dead = true; /* more requests than it reads replies */
	else if (n > 0)
		c->in_len += (size_t)n;
	else if (!n)
		end_input(c);
	else if (errno != EAGAIN && errno != EINTR)
		c->dead = true;
}

static void on_event(void *user, bool readable, bool writable)
{
	struct client *c = user;

	if (writable && flush(c))
		c->dead = true;
	if (readable && !c->dead)
		take_input(c);
	go_on(c);
}

static void on_timer(void *user)
{
	struct client *c = user;

	c->dead = c->watch || ++c->tries > SLOW_MS / RETRY_MS || flush(c);
	go_on(c);
}

void client_reply_late(struct client *c, json_t *reply)
{
	c->waiting = false;
	put_reply(c, reply);
	if (flush(c))
		c->dead = true;
	go_on(c);
}

static int client_open(struct client *c)
{
	struct loop *l = engine_loop(c->control->engine);
	int r = loop_timer_new(l, on_timer, c, &c->slow);

	return r ? r : loop_watch(l, c->fd, on_event, c, &c->watch);
}

int client_new(struct control *control, int fd)
{
	struct client *c = NULL;
	int r = E_FULL;

	if (control->n_clients < CLIENTS_MAX)
		r = (c = calloc(1, sizeof *c)) ? 0 : E_NOMEM;
	if (r) {
		log_error("control", "connection refused: %s", err_text(r));
		close(fd);
		return r;
	}
	c->control = control;
	c->fd = fd;
	c->token = ++control->last_token;
	c->out = buf_of(REPLY_MAX);
	c->next = control->clients;
	control->clients = c;
	control->n_clients++;
	r = client_open(c);
	if (r)
		client_free(c);
	return r;
}
