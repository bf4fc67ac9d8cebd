/* charon.c - a VICI server that says what it is told. See charon.h. */
#include "tests/mock/charon.h"

#include "modules/vici/ike/ike.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static const char yes[] = "\3\7success\0\3yes";

struct charon {
	struct event_base *base;
	char path[108];
	int listening, fd;
	struct event *accept, *read;
	struct buf in, heard, message;
	unsigned connections, events;
	const char *unknown, *silent, *streams, *version;
	const void *answer;
	size_t answer_len;
	bool (*command)(void *user, const char *command);
	void *command_user;
	char stream[VICI_NAME_MAX + 1]; /* registered last */
};

static void must(bool held)
{
	if (!held)
		abort();
}

void charon_say_raw(struct charon *c, const void *bytes, size_t len)
{
	must(c->fd >= 0);
	/* one that went away meanwhile is no matter */
	must(send(c->fd, bytes, len, MSG_NOSIGNAL) != 0 || !len);
}

void charon_say(struct charon *c, enum vici_op op, const char *name,
		const void *message, size_t len)
{
	struct buf b = buf_of(2 * VICI_PACKET_MAX);

	must(!vici_packet_write(&b, op, name, message, len));
	charon_say_raw(c, b.data, b.len);
	buf_free(&b);
}

void charon_hang_up(struct charon *c)
{
	if (c->read)
		event_free(c->read);
	if (c->fd >= 0)
		close(c->fd);
	c->read = NULL;
	c->fd = -1;
	buf_clear(&c->in);
}

static bool is(const char *wanted, const char *name)
{
	return wanted && !strcmp(wanted, name);
}

static void say_version(struct charon *c)
{
	struct buf b = buf_of(1024);
	struct vici_writer w = vici_writer_of(&b);

	vici_key_text(&w, "daemon", "charon-mock");
	vici_key_text(&w, "version", c->version ? c->version : "5.9.8");
	must(!vici_finish(&w));
	charon_say(c, VICI_RESPONSE, NULL, b.data, b.len);
	buf_free(&b);
}

static void requested(struct charon *c, const char *name)
{
	if (c->command && c->command(c->command_user, name))
		return;
	if (is(c->silent, name))
		return;
	for (unsigned i = 0; is(c->streams, name) && i < c->events; i++)
		charon_say(c, VICI_EVENT, c->stream, "\3\1n\0\1x", 6);
	if (is(c->unknown, name))
		charon_say(c, VICI_UNKNOWN, NULL, NULL, 0);
	else if (is("version", name))
		say_version(c);
	else
		charon_say(c, VICI_RESPONSE, NULL,
			   c->answer ? c->answer : yes,
			   c->answer ? c->answer_len : sizeof yes - 1);
}

static void heard(struct charon *c, const struct vici_packet *p)
{
	static const char *const words[VICI_OPS] = {
		[VICI_REQUEST] = "request", [VICI_REGISTER] = "register",
		[VICI_UNREGISTER] = "unregister",
	};
	char name[VICI_NAME_MAX + 1];

	must(words[p->op] != NULL);
	snprintf(name, sizeof name, "%.*s", (int)p->name.len, p->name.p);
	buf_printf(&c->heard, "%s %s\n", words[p->op], name);
	if (p->op == VICI_REQUEST) {
		buf_clear(&c->message);
		buf_put(&c->message, p->message, p->len);
		requested(c, name);
		return;
	}
	if (p->op == VICI_REGISTER)
		strcpy(c->stream, name);
	charon_say(c, is(c->unknown, name) ? VICI_EVENT_UNKNOWN : VICI_CONFIRM,
		   NULL, NULL, 0);
}

/* One packet off the input, if there is a whole one. */
static bool take(struct charon *c)
{
	struct reader r = reader_of(c->in.data, c->in.len);
	size_t len = reader_u32(&r), all = len + VICI_LENGTH_LEN;
	struct vici_packet p;

	if (r.err || c->in.len < all)
		return false;
	must(!vici_packet_read(c->in.data + VICI_LENGTH_LEN, len, &p));
	heard(c, &p);
	if (c->fd < 0)
		return false;
	memmove(c->in.data, c->in.data + all, c->in.len - all);
	c->in.len -= all;
	return true;
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct charon *c = arg;
	uint8_t chunk[4096];
	ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);

	(void)what;
	if (n <= 0) {
		charon_hang_up(c);
		return;
	}
	buf_put(&c->in, chunk, (size_t)n);
	while (take(c))
		;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct charon *c = arg;
	int new = accept(fd, NULL, NULL);

	(void)what;
	must(new >= 0);
	charon_hang_up(c);
	c->connections++;
	c->fd = new;
	c->read = event_new(c->base, new, EV_READ | EV_PERSIST, on_read, c);
	must(c->read && !event_add(c->read, NULL));
}

struct charon *charon_new(struct event_base *base, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct charon *c = calloc(1, sizeof *c);

	must(c && strlen(path) < sizeof a.sun_path);
	strcpy(a.sun_path, path);
	strcpy(c->path, path);
	unlink(path);
	c->base = base;
	c->fd = -1;
	c->in = buf_of(2 * VICI_PACKET_MAX);
	c->heard = c->message = buf_of(VICI_PACKET_MAX);
	c->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(!bind(c->listening, (struct sockaddr *)&a, sizeof a));
	must(!listen(c->listening, 5));
	c->accept = event_new(base, c->listening, EV_READ | EV_PERSIST,
			      on_accept, c);
	must(c->accept && !event_add(c->accept, NULL));
	return c;
}

void charon_free(struct charon *c)
{
	if (!c)
		return;
	charon_hang_up(c);
	event_free(c->accept);
	close(c->listening);
	unlink(c->path);
	buf_free(&c->in);
	buf_free(&c->heard);
	buf_free(&c->message);
	free(c);
}

const char *charon_heard(struct charon *c)
{
	return buf_string(&c->heard);
}

void charon_turn(struct event_base *base)
{
	struct timeval tick = { 0, 1000 };

	event_base_loopexit(base, &tick);
	event_base_loop(base, EVLOOP_ONCE);
}

void charon_patience(struct ike_settings *times)
{
	times->client.greet_ms = PATIENCE_MS;
	times->ask_ms = times->raise_ms = times->await_ms = PATIENCE_MS;
}

void charon_forget(struct charon *c)
{
	buf_clear(&c->heard);
}

unsigned charon_connections(const struct charon *c)
{
	return c->connections;
}

const struct buf *charon_message(const struct charon *c)
{
	return &c->message;
}

void charon_unknown(struct charon *c, const char *name)
{
	c->unknown = name;
}

void charon_silent(struct charon *c, const char *name)
{
	c->silent = name;
}

void charon_streams(struct charon *c, const char *command, unsigned events)
{
	c->streams = command;
	c->events = events;
}

void charon_version(struct charon *c, const char *version)
{
	c->version = version;
}

void charon_answer(struct charon *c, const void *message, size_t len)
{
	c->answer = message;
	c->answer_len = len;
}

void charon_on_command(struct charon *c,
		       bool (*fn)(void *user, const char *command), void *user)
{
	c->command = fn;
	c->command_user = user;
}

void charon_deaf(struct charon *c, bool deaf)
{
	if (deaf)
		event_del(c->read);
	else
		event_add(c->read, NULL);
}
