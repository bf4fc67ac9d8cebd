/* worker.c - one thread that owns streams and forwards their packets. See
 * worker.h.
 *
 * The thread runs rounds of its media loop. Between packets it takes its mail
 * and once a second goes over its streams. What a packet makes worth telling
 * (the first one, a spent key) is noted in the stream and posted here. */
#include "daemon/relay/worker.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TICK_US 1000000
#define TICK_MS 1000

struct worker {
	const struct media_loop *loop;
	const struct clock *clock;
	struct media *media;
	struct mailbox *orders, *answers;
	struct order *stop; /* kept, so that stopping needs no memory */
	struct stream *streams;
	uint64_t tick_us; /* when the next one is due */
	pthread_t thread;
	bool started, stopping;
};

/* -- answers -------------------------------------------------------------- */

static void tell(struct worker *w, const struct answer *a)
{
	struct answer *copy = malloc(sizeof *copy);

	if (!copy) {
		log_error("relay", "no memory for an answer: it is lost");
		return;
	}
	*copy = *a;
	mailbox_post(w->answers, &copy->mail);
}

static void tell_event(struct worker *w, const struct stream *s,
		       enum stream_event event, enum face face)
{
	struct answer a = { .type = ANSWER_EVENT };

	a.event = (struct msg_stream_event){ .stream = s->id, .event = event,
					     .detail = face };
	tell(w, &a);
}

static void tell_events(struct worker *w, struct stream *s)
{
	uint8_t new = s->tell & (uint8_t)~s->told;

	s->tell = 0;
	s->told |= new;
	if (new & STREAM_TELL_FIRST_INSIDE)
		tell_event(w, s, STREAM_EVENT_FIRST, INSIDE);
	if (new & STREAM_TELL_FIRST_OUTSIDE)
		tell_event(w, s, STREAM_EVENT_FIRST, OUTSIDE);
	if (new & STREAM_TELL_IDLE)
		tell_event(w, s, STREAM_EVENT_IDLE, INSIDE);
	if (new & STREAM_TELL_QUIET)
		tell_event(w, s, STREAM_EVENT_QUIET, INSIDE);
	if (new & STREAM_TELL_SPENT)
		tell_event(w, s, STREAM_EVENT_SPENT, INSIDE);
	if (new & STREAM_TELL_SOFT)
		tell_event(w, s, STREAM_EVENT_SOFT, INSIDE);
}

/* -- streams -------------------------------------------------------------- */

static void link_in(struct worker *w, struct stream *s)
{
	s->next = w->streams;
	s->prev = &w->streams;
	if (s->next)
		s->next->prev = &s->next;
	w->streams = s;
}

static void add_ports(struct worker *w, struct stream *s)
{
	int r = 0;

	for (int f = INSIDE; f <= OUTSIDE; f++)
		for (int c = RTP; !r && c <= RTCP; c++)
			r = w->loop->add(w->media, &s->port[f][c]);
	if (r)
		log_line(LOG_CLASS_ERROR, "relay", s->call, "a media socket "
			 "of stream %u cannot be watched: %s", s->id,
			 err_text(r));
}

static void forget(struct worker *w, struct stream *s)
{
	for (int f = INSIDE; f <= OUTSIDE; f++)
		for (int c = RTP; c <= RTCP; c++)
			w->loop->remove(w->media, &s->port[f][c]);
	if (s->next)
		s->next->prev = s->prev;
	*s->prev = s->next;
	stream_free(s);
}

/* -- orders --------------------------------------------------------------- */

static void on_add(struct worker *w, struct order *o)
{
	link_in(w, o->stream);
	add_ports(w, o->stream);
}

/* Into the sockets at once, so that what comes next is behind it. */
static void send_held(struct worker *w, struct stream *s)
{
	uint8_t data[PACKET_MAX];
	struct packet p = { .data = data, .now_us = clock_mono_us(w->clock) };
	struct packet_way way;

	while (packet_held(s, &p, &way)) {
		struct sockaddr_storage to;
		socklen_t len = addr_to_sockaddr(way.to, &to);

		/* like the network, the socket may lose it */
		if (sendto(way.port->fd, p.data, p.len, MSG_DONTWAIT,
			   (struct sockaddr *)&to, len) < 0)
			continue;
	}
	if (s->tell & ~s->told)
		tell_events(w, s);
}

static void on_set(struct worker *w, struct order *o)
{
	struct answer a = { .type = ANSWER_DONE, .id = o->id };

	a.done.stream = o->stream->id;
	a.done.err = stream_set(o->stream, o->change,
				clock_mono_us(w->clock));
	send_held(w, o->stream);
	tell(w, &a);
}

static void on_drop_key(struct worker *w, struct order *o)
{
	(void)w;
	stream_drop_key(o->stream, o->id);
}

static void on_del(struct worker *w, struct order *o)
{
	forget(w, o->stream);
}

static void on_get(struct worker *w, struct order *o)
{
	struct answer a = { .type = ANSWER_STATS, .id = o->id };

	stream_stats(o->stream, clock_mono_us(w->clock), &a.stats);
	tell(w, &a);
}

static void on_stop(struct worker *w, struct order *o)
{
	(void)o;
	w->stopping = true;
}

static void (*const handlers[])(struct worker *, struct order *) = {
	[WORKER_ADD] = on_add, [WORKER_SET] = on_set,
	[WORKER_DROP_KEY] = on_drop_key, [WORKER_DEL] = on_del,
	[WORKER_GET] = on_get, [WORKER_STOP] = on_stop,
};

static void order_free(struct order *o)
{
	if (o->change)
		wipe(o->change, sizeof *o->change);
	free(o->change);
	free(o);
}

static void drop_order(struct mail *mail)
{
	struct order *o = (struct order *)mail;

	if (o->type == WORKER_ADD)
		stream_free(o->stream);
	order_free(o);
}

static void take_mail(void *user)
{
	struct worker *w = user;
	struct mail *mail = mailbox_take(w->orders), *next;

	for (; mail; mail = next) {
		struct order *o = (struct order *)mail;

		next = mail->next;
		if (w->stopping) {
			drop_order(mail);
			continue;
		}
		handlers[o->type](w, o);
		order_free(o);
	}
}

/* -- packets -------------------------------------------------------------- */

static int on_packet(void *user, struct media_port *port, struct packet *p,
		     struct packet_way *way)
{
	int r = packet_relay(port, p, way);
	struct stream *s = port->stream;

	if (s->tell & ~s->told)
		tell_events(user, s);
	return r;
}

/* -- the thread ----------------------------------------------------------- */

static void tick(struct worker *w)
{
	uint64_t now_us = clock_mono_us(w->clock);
	struct stream *s;

	if (now_us < w->tick_us)
		return;
	w->tick_us = now_us + TICK_US;
	for (s = w->streams; s; s = s->next) {
		stream_tick(s, now_us);
		if (s->tell & ~s->told)
			tell_events(w, s);
	}
}

static void *run(void *arg)
{
	struct worker *w = arg;
	int r = w->loop->begin(w->media);

	while (!r && !w->stopping) {
		r = w->loop->step(w->media, TICK_MS);
		tick(w);
	}
	if (r)
		log_error("relay", "the %s loop of a worker failed: %s",
			  w->loop->name, err_text(r));
	while (w->streams)
		forget(w, w->streams);
	return NULL;
}

int worker_new(const struct worker_conf *c, struct worker **out)
{
	struct worker *w = calloc(1, sizeof *w);
	struct media_user user = { .packet = on_packet, .mail = take_mail,
				   .user = w, .clock = c->clock };
	int r;

	if (!w)
		return E_NOMEM;
	w->loop = c->loop;
	w->clock = c->clock;
	w->answers = c->answers;
	w->stop = calloc(1, sizeof *w->stop);
	r = w->stop ? mailbox_new(&w->orders) : E_NOMEM;
	if (!r) {
		user.wake_fd = mailbox_fd(w->orders);
		r = w->loop->open(&user, &w->media);
	}
	if (r) {
		mailbox_free(w->orders, drop_order);
		free(w->stop);
		free(w);
		return r;
	}
	*out = w;
	return 0;
}

int worker_start(struct worker *w)
{
	sigset_t all, old;
	int failed;

	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed)
		return E_IO;
	w->started = true;
	return 0;
}

int worker_post(struct worker *w, const struct order *o)
{
	struct order *copy = malloc(sizeof *copy);

	if (!copy)
		return E_NOMEM;
	*copy = *o;
	worker_give(w, copy);
	return 0;
}

void worker_give(struct worker *w, struct order *o)
{
	mailbox_post(w->orders, &o->mail);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->started) {
		w->stop->type = WORKER_STOP;
		worker_give(w, w->stop);
		w->stop = NULL;
		pthread_join(w->thread, NULL);
	}
	mailbox_free(w->orders, drop_order);
	w->loop->close(w->media);
	free(w->stop);
	free(w);
}
