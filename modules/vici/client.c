/* client.c - an asynchronous client of strongSwan's VICI socket. See client.h.
 *
 * States: paused -> (retry timer) -> greeting -> up -> (lost) -> paused.
 * While greeting, the version and then each event are asked for; while up,
 * the first job of the queue is under way: [register for its stream,] request
 * [, unregister]. `await` says which answer is to come next, and no other is
 * taken. In whatever way a connection ends, it ends in lose().
 *
 * Callbacks may free the client. So the functions that the loop calls hold it
 * (enter, leave), and after each callback ask whether it is still the same
 * connection (`talking`). */
#include "modules/vici/client.h"

#include "daemon/base/err.h"
#include "modules/vici/packet.h"
#include "modules/vici/version.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_CHUNK 16384 /* octets of a packet that are made room for */
#define READ_BATCH 64    /* packets, then other descriptors have their turn */

enum await {
	AWAIT_NOTHING,
	AWAIT_VERSION,  /* greeting */
	AWAIT_EVENT,    /* greeting */
	AWAIT_STREAM,   /* the first job's */
	AWAIT_RESPONSE,
	AWAIT_UNSTREAM,
	AWAITS
};

struct job {
	struct job *next;
	struct vici_client *client;
	struct event *timer;
	struct buf packet;
	unsigned timeout_ms;
	const char *stream;
	vici_each_fn each;
	vici_done_fn done; /* NULL once it was called */
	void *user;
	char command[VICI_NAME_MAX + 1];
};

struct vici_client {
	struct event_base *base;
	const struct vici_client_settings *settings;
	const struct vici_client_ops *ops;
	void *user;
	struct sockaddr_un address;
	int fd; /* -1: paused */
	struct event *read, *write;           /* of fd */
	struct event *retry, *greet, *steady; /* timers */
	unsigned pause_ms;                    /* the next one */
	bool up;
	enum await await;
	struct vici_version version;
	size_t registered; /* events of the settings */
	struct job *jobs, **end;
	unsigned pending;
	size_t pending_bytes;
	struct buf small;       /* a packet of our own, not of a job */
	const struct buf *out;  /* what is being written, or NULL */
	size_t written;
	struct buf in;          /* length and octets of one packet */
	unsigned held;          /* by functions that go on after a callback */
	bool dead;              /* freed, but held */
};

static void lose(struct vici_client *c, int err, const char *why);

/* -- holding --------------------------------------------------------------- */

static void destroy(struct vici_client *c)
{
	struct event *timers[] = { c->retry, c->greet, c->steady };

	for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
		if (timers[i])
			event_free(timers[i]);
	buf_free(&c->small);
	buf_free(&c->in);
	free(c);
}

static void enter(struct vici_client *c)
{
	c->held++;
}

static void leave(struct vici_client *c)
{
	if (!--c->held && c->dead)
		destroy(c);
}

/* Whether there is (still) a connection: a lost one comes back from a timer,
 * so never within the function that asks. */
static bool talking(const struct vici_client *c)
{
	return c->fd >= 0;
}

static int timer_set(struct event *timer, unsigned ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	return event_add(timer, &tv) ? E_NOMEM : 0;
}

/* -- jobs ------------------------------------------------------------------ */

static void job_free(struct job *j)
{
	if (j->timer)
		event_free(j->timer);
	buf_free(&j->packet);
	free(j);
}

static void job_answer(struct job *j, int err, const void *message, size_t len)
{
	vici_done_fn done = j->done;

	j->done = NULL;
	if (done)
		done(j->user, err, message, len);
}

/* Out of the queue, answered, gone. */
static void job_finish(struct job *j, int err, const void *message, size_t len)
{
	struct vici_client *c = j->client;
	struct job **slot = &c->jobs;

	while (*slot != j)
		slot = &(*slot)->next;
	*slot = j->next;
	if (c->end == &j->next)
		c->end = slot;
	c->pending--;
	c->pending_bytes -= j->packet.len;
	if (c->out == &j->packet)
		c->out = NULL;
	job_answer(j, err, message, len);
	job_free(j);
}

/* One that is under way takes the connection with it: its answer could come
 * later and be taken for another's. */
static void on_job_timer(evutil_socket_t fd, short what, void *arg)
{
	struct job *j = arg;
	struct vici_client *c = j->client;
	char why[VICI_NAME_MAX + 64];

	(void)fd;
	(void)what;
	enter(c);
	if (j == c->jobs && c->await != AWAIT_NOTHING) {
		snprintf(why, sizeof why, "no answer to %s within %u ms",
			 j->command, j->timeout_ms);
		lose(c, E_TIMEOUT, why);
	} else {
		job_finish(j, E_TIMEOUT, "", 0);
	}
	leave(c);
}

static int job_new(struct vici_client *c, const struct vici_request *rq,
		   struct job **out)
{
	struct job *j = calloc(1, sizeof *j);
	int r = E_NOMEM;

	if (!j)
		return E_NOMEM;
	j->client = c;
	j->stream = rq->stream;
	j->each = rq->each;
	j->done = rq->done;
	j->user = rq->user;
	j->timeout_ms = rq->timeout_ms;
	j->packet = buf_of(VICI_PACKET_MAX + VICI_LENGTH_LEN);
	snprintf(j->command, sizeof j->command, "%s", rq->command);
	j->timer = evtimer_new(c->base, on_job_timer, j);
	if (j->timer)
		r = vici_packet_write(&j->packet, VICI_REQUEST, rq->command,
				      rq->message ? rq->message->data : NULL,
				      rq->message ? rq->message->len : 0);
	if (r)
		job_free(j);
	else
		*out = j;
	return r;
}

/* -- the end of a connection ----------------------------------------------- */

static void disconnect(struct vici_client *c)
{
	if (c->read)
		event_free(c->read);
	if (c->write)
		event_free(c->write);
	c->read = c->write = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->up = false;
	c->await = AWAIT_NOTHING;
	c->out = NULL;
	buf_clear(&c->in);
	event_del(c->greet);
	event_del(c->steady);
}

/* Popped one by one: a callback may free the client, which ends here, too. */
static void fail_all(struct vici_client *c, int err)
{
	for (; c->jobs; err = E_CLOSED)
		job_finish(c->jobs, err, "", 0);
}

static unsigned next_pause(struct vici_client *c)
{
	unsigned now = c->pause_ms, max = c->settings->retry_max_ms;

	c->pause_ms = now < max / 2 ? now * 2 : max;
	return now;
}

/* err goes to the job that was under way, E_CLOSED to the others. */
static void lose(struct vici_client *c, int err, const char *why)
{
	struct vici_down down = { err, why, c->up, 0 };
	bool under_way = c->await != AWAIT_NOTHING;

	disconnect(c);
	down.retry_ms = next_pause(c);
	timer_set(c->retry, down.retry_ms);
	enter(c);
	fail_all(c, under_way ? err : E_CLOSED);
	if (!c->dead)
		c->ops->down(c->user, &down);
	leave(c);
}

void vici_client_free(struct vici_client *c)
{
	if (!c || c->dead)
		return;
	enter(c);
	c->dead = true;
	event_del(c->retry);
	disconnect(c);
	fail_all(c, E_CLOSED);
	leave(c);
}

/* -- writing --------------------------------------------------------------- */

static void flush(struct vici_client *c)
{
	ssize_t n;

	while (c->out && c->written < c->out->len) {
		n = send(c->fd, c->out->data + c->written,
			 c->out->len - c->written, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			event_add(c->write, NULL);
			return;
		}
		if (n < 0) {
			lose(c, E_CLOSED, "charon closed the connection");
			return;
		}
		c->written += (size_t)n;
	}
	c->out = NULL;
	event_del(c->write);
}

static void send_packet(struct vici_client *c, const struct buf *packet,
			enum await await)
{
	c->await = await;
	c->out = packet;
	c->written = 0;
	flush(c);
}

static void send_small(struct vici_client *c, enum vici_op op,
		       const char *name, enum await await)
{
	buf_clear(&c->small);
	if (vici_packet_write(&c->small, op, name, NULL, 0))
		lose(c, E_NOMEM, "out of memory");
	else
		send_packet(c, &c->small, await);
}

/* The first job, if none is under way. */
static void go_on(struct vici_client *c)
{
	struct job *j = c->jobs;

	if (!c->up || c->await != AWAIT_NOTHING || !j)
		return;
	if (j->stream)
		send_small(c, VICI_REGISTER, j->stream, AWAIT_STREAM);
	else
		send_packet(c, &j->packet, AWAIT_RESPONSE);
}

/* There is room, or a request wants to leave: vici_client_request() does not
 * send by itself, since that may fail, and callbacks would come from there. */
static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct vici_client *c = arg;

	(void)fd;
	(void)what;
	enter(c);
	if (c->out)
		flush(c);
	else
		go_on(c);
	if (talking(c) && !c->out)
		event_del(c->write);
	leave(c);
}

int vici_client_request(struct vici_client *c, const struct vici_request *rq)
{
	struct job *j;
	int r;

	if (!c->up || c->dead)
		return E_STATE;
	if (c->pending >= VICI_QUEUE_MAX)
		return E_FULL;
	if (!rq->done || !rq->timeout_ms ||
	    (rq->stream && !vici_name_ok(rq->stream, strlen(rq->stream))))
		return E_ARG;
	r = job_new(c, rq, &j);
	if (r)
		return r;
	if (c->pending_bytes + j->packet.len > VICI_QUEUE_BYTES)
		r = E_FULL;
	else
		r = timer_set(j->timer, j->timeout_ms);
	if (r) {
		job_free(j);
		return r;
	}
	*c->end = j;
	c->end = &j->next;
	c->pending++;
	c->pending_bytes += j->packet.len;
	if (c->await == AWAIT_NOTHING)
		event_add(c->write, NULL);
	return 0;
}

/* -- greeting -------------------------------------------------------------- */

/* The next event to register for; up when there is none left. */
static void greet_next(struct vici_client *c)
{
	const char *const *events = c->settings->events;

	if (events && events[c->registered]) {
		send_small(c, VICI_REGISTER, events[c->registered],
			   AWAIT_EVENT);
		return;
	}
	c->await = AWAIT_NOTHING;
	c->up = true;
	event_del(c->greet);
	timer_set(c->steady, c->settings->steady_ms);
	c->ops->up(c->user, &c->version);
}

/* -- reading --------------------------------------------------------------- */

static void got_version(struct vici_client *c, const struct vici_packet *p)
{
	char why[128];

	if (p->op != VICI_RESPONSE ||
	    vici_version_read(p->message, p->len, &c->version)) {
		lose(c, E_FORMAT, "what answers is no charon");
		return;
	}
	if (!vici_version_new_enough(&c->version)) {
		snprintf(why, sizeof why, "strongSwan %s is older than %d.%d",
			 c->version.text, VICI_OLDEST_MAJOR,
			 VICI_OLDEST_MINOR);
		lose(c, E_UNSUPPORTED, why);
		return;
	}
	greet_next(c);
}

static void got_event_registered(struct vici_client *c,
				 const struct vici_packet *p)
{
	char why[VICI_NAME_MAX + 64];

	if (p->op == VICI_EVENT_UNKNOWN) {
		snprintf(why, sizeof why, "charon knows no event %s",
			 c->settings->events[c->registered]);
		lose(c, E_UNSUPPORTED, why);
		return;
	}
	c->registered++;
	greet_next(c);
}

static void first_done(struct vici_client *c, int err, const void *message,
		       size_t len)
{
	c->await = AWAIT_NOTHING;
	job_finish(c->jobs, err, message, len);
	if (talking(c))
		go_on(c);
}

static void got_stream(struct vici_client *c, const struct vici_packet *p)
{
	if (p->op == VICI_EVENT_UNKNOWN)
		first_done(c, E_UNSUPPORTED, "", 0);
	else
		send_packet(c, &c->jobs->packet, AWAIT_RESPONSE);
}

/* The answer is told at once; the registration ends before the next job. */
static void got_response(struct vici_client *c, const struct vici_packet *p)
{
	int err = p->op == VICI_UNKNOWN ? E_UNSUPPORTED : 0;
	struct job *j = c->jobs;

	if (!j->stream) {
		first_done(c, err, p->message, p->len);
		return;
	}
	c->await = AWAIT_UNSTREAM;
	job_answer(j, err, p->message, p->len);
	if (talking(c))
		send_small(c, VICI_UNREGISTER, j->stream, AWAIT_UNSTREAM);
}

static void got_unstream(struct vici_client *c, const struct vici_packet *p)
{
	(void)p; /* that it was not registered is as good */
	first_done(c, 0, "", 0);
}

#define BIT(op) (1u << (op))

static const struct {
	unsigned ops; /* what may come */
	void (*got)(struct vici_client *c, const struct vici_packet *p);
} awaited[AWAITS] = {
	[AWAIT_VERSION] = { BIT(VICI_RESPONSE) | BIT(VICI_UNKNOWN),
			    got_version },
	[AWAIT_EVENT] = { BIT(VICI_CONFIRM) | BIT(VICI_EVENT_UNKNOWN),
			  got_event_registered },
	[AWAIT_STREAM] = { BIT(VICI_CONFIRM) | BIT(VICI_EVENT_UNKNOWN),
			   got_stream },
	[AWAIT_RESPONSE] = { BIT(VICI_RESPONSE) | BIT(VICI_UNKNOWN),
			     got_response },
	[AWAIT_UNSTREAM] = { BIT(VICI_CONFIRM) | BIT(VICI_EVENT_UNKNOWN),
			     got_unstream },
};

/* Streamed, or one of the settings; others nobody asked for are passed over. */
static void got_event(struct vici_client *c, const struct vici_packet *p)
{
	const char *const *name = c->settings->events;
	struct job *j = c->jobs;

	if (c->await == AWAIT_RESPONSE && j->stream &&
	    vici_text_is(p->name, j->stream)) {
		if (j->each)
			j->each(j->user, p->message, p->len);
		return;
	}
	while (name && *name && !vici_text_is(p->name, *name))
		name++;
	if (c->up && name && *name && c->ops->event)
		c->ops->event(c->user, *name, p->message, p->len);
}

static void got_packet(struct vici_client *c)
{
	struct vici_packet p;

	if (vici_packet_read(c->in.data + VICI_LENGTH_LEN,
			     c->in.len - VICI_LENGTH_LEN, &p))
		lose(c, E_FORMAT, "charon sent a malformed packet");
	else if (p.op == VICI_EVENT)
		got_event(c, &p);
	else if (!(awaited[c->await].ops & BIT(p.op)) || c->out)
		lose(c, E_FORMAT, "charon sent an answer to no question");
	else
		awaited[c->await].got(c, &p);
}

/* Octets that the packet being read still lacks; negative: it is too long.
 * Room is made as they come, not as the length claims. */
static ssize_t lacking(const struct vici_client *c)
{
	struct reader r = reader_of(c->in.data, c->in.len);
	uint32_t len;

	if (c->in.len < VICI_LENGTH_LEN)
		return VICI_LENGTH_LEN - (ssize_t)c->in.len;
	len = reader_u32(&r);
	if (!len || len > VICI_PACKET_MAX)
		return E_FORMAT;
	return (ssize_t)(len + VICI_LENGTH_LEN - c->in.len);
}

/* A large buffer does not stay, to be wiped at each small packet. */
static void packet_over(struct vici_client *c)
{
	if (c->in.cap > READ_CHUNK)
		buf_free(&c->in);
	else
		buf_clear(&c->in);
}

/* Returns whether there may be more to read. */
static bool read_some(struct vici_client *c, size_t n)
{
	uint8_t chunk[READ_CHUNK];
	ssize_t got;

	if (n > sizeof chunk)
		n = sizeof chunk;
	do
		got = recv(c->fd, chunk, n, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		buf_put(&c->in, chunk, (size_t)got);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0)
		lose(c, E_CLOSED, "charon closed the connection");
	else if (c->in.err)
		lose(c, E_NOMEM, "out of memory");
	return talking(c);
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct vici_client *c = arg;
	unsigned packets = 0;
	ssize_t n;

	(void)fd;
	(void)what;
	enter(c);
	while (talking(c) && packets < READ_BATCH) {
		n = lacking(c);
		if (n > 0) {
			if (!read_some(c, (size_t)n))
				break;
		} else if (n < 0) {
			lose(c, E_FORMAT, "charon sent no VICI packet");
		} else {
			packets++;
			got_packet(c);
			packet_over(c);
		}
	}
	leave(c);
}

/* -- connecting ------------------------------------------------------------ */

/* A unix socket connects at once or not at all. */
static int try_connect(struct vici_client *c)
{
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return E_IO;
	if (connect(c->fd, (struct sockaddr *)&c->address, sizeof c->address))
		return E_IO;
	c->read = event_new(c->base, c->fd, EV_READ | EV_PERSIST, on_read, c);
	c->write = event_new(c->base, c->fd, EV_WRITE | EV_PERSIST, on_write,
			     c);
	if (!c->read || !c->write || event_add(c->read, NULL))
		return E_NOMEM;
	return 0;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct vici_client *c = arg;
	char why[sizeof c->address.sun_path + 64];
	int r;

	(void)fd;
	(void)what;
	enter(c);
	r = try_connect(c);
	if (!r)
		r = timer_set(c->greet, c->settings->greet_ms);
	if (r) {
		snprintf(why, sizeof why, "cannot connect to %s: %s",
			 c->address.sun_path,
			 r == E_IO ? strerror(errno) : err_text(r));
		lose(c, r, why);
	} else {
		c->registered = 0;
		send_small(c, VICI_REQUEST, "version", AWAIT_VERSION);
	}
	leave(c);
}

static void on_greet(evutil_socket_t fd, short what, void *arg)
{
	struct vici_client *c = arg;
	char why[64];

	(void)fd;
	(void)what;
	snprintf(why, sizeof why, "charon did not answer within %u ms",
		 c->settings->greet_ms);
	enter(c);
	lose(c, E_TIMEOUT, why);
	leave(c);
}

static void on_steady(evutil_socket_t fd, short what, void *arg)
{
	struct vici_client *c = arg;

	(void)fd;
	(void)what;
	c->pause_ms = c->settings->retry_min_ms;
}

static int settings_check(const struct vici_client_settings *s,
			  struct sockaddr_un *address)
{
	size_t len = strlen(s->path);

	if (!len || len >= sizeof address->sun_path || !s->greet_ms ||
	    !s->retry_min_ms || s->retry_max_ms < s->retry_min_ms)
		return E_ARG;
	for (const char *const *e = s->events; e && *e; e++)
		if (!vici_name_ok(*e, strlen(*e)))
			return E_ARG;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, s->path, len + 1);
	return 0;
}

int vici_client_new(struct event_base *base,
		    const struct vici_client_settings *settings,
		    const struct vici_client_ops *ops, void *user,
		    struct vici_client **out)
{
	struct vici_client *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return E_NOMEM;
	c->base = base;
	c->settings = settings;
	c->ops = ops;
	c->user = user;
	c->fd = -1;
	c->end = &c->jobs;
	c->small = buf_of(VICI_PACKET_MAX);
	c->in = buf_of(VICI_PACKET_MAX + VICI_LENGTH_LEN);
	c->pause_ms = settings->retry_min_ms;
	c->retry = evtimer_new(base, on_retry, c);
	c->greet = evtimer_new(base, on_greet, c);
	c->steady = evtimer_new(base, on_steady, c);
	r = settings_check(settings, &c->address);
	if (!r && (!c->retry || !c->greet || !c->steady))
		r = E_NOMEM;
	if (!r)
		r = timer_set(c->retry, 0);
	if (r) {
		destroy(c);
		return r;
	}
	*out = c;
	return 0;
}

bool vici_client_is_up(const struct vici_client *c)
{
	return c->up;
}

unsigned vici_client_pending(const struct vici_client *c)
{
	return c->pending;
}
