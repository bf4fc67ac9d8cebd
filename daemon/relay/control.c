/* control.c - what engine and keeper ask the relay for. See control.h.
 *
 * A stream is made here (ports, sockets, SSRC) and then given to a worker;
 * what stays is an entry with its binding. Order does not matter between the
 * engine's STREAM_SET and the keeper's KEY: whichever comes first is parked,
 * the key in keyring.c, the SET in its entry until CONTROL_PARK_US have passed.
 * STREAM_DONE is sent when the worker has both.
 *
 * The engine is not believed: the plain side goes into inside.nets only, and
 * a key is used for the call, stream and direction that the keeper bound it
 * to, or not at all. */
#include "daemon/relay/control.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "daemon/relay/keyring.h"
#include "daemon/relay/ports.h"
#include "daemon/relay/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define EMERGENCY_STREAMS 16 /* at one time: some calls */
#define BUCKETS 4096
#define WORKERS_MAX 64
#define FIRST_SEQ_MASK 0x7fff /* RFC 3711 section 3.3.1 */

/* A STREAM_SET that waits for its keys. */
struct parked {
	struct parked *next;
	struct entry *entry;
	uint64_t id, until_us;
	struct msg_stream_set set;
};

struct entry {
	struct entry *next; /* of its bucket */
	uint64_t call;
	uint32_t id;
	enum stream_seal sealed;
	bool told; /* the engine has set it: its ports may be known */
	struct addr local[2];
	struct worker *worker;
	struct stream *stream; /* only to name it to the worker */
	struct order *del;     /* kept, so that ending needs no memory */
	bool emergency;        /* counted in n_emergency */
	struct key_list keys;
};

struct control {
	struct control_conf conf;
	struct relay_env env;
	struct hold_room held;
	struct addr media[2][2]; /* by face, family: 4, 6 */
	struct ports *ports;
	struct ports *guarded; /* tunnel.ports: the kernel lets only ESP pass */
	struct keyring *keys;
	struct mailbox *answers;
	struct worker *workers[WORKERS_MAX];
	unsigned n_workers;
	const struct media_loop *loop;
	struct entry *buckets[BUCKETS];
	struct parked *parked;
	uint32_t last_id;
	unsigned n_emergency; /* streams that may be clear where none may */
	struct control_counts counts;
};

static uint64_t now_us(const struct control *c)
{
	return clock_mono_us(c->conf.clock);
}

/* -- entries -------------------------------------------------------------- */

static struct entry **place(struct control *c, uint32_t id)
{
	struct entry **p = &c->buckets[id % BUCKETS];

	while (*p && (*p)->id != id)
		p = &(*p)->next;
	return p;
}

static int post(const struct entry *e, enum order_type type, uint64_t id)
{
	struct order o = { .type = type, .stream = e->stream, .id = id };

	return worker_post(e->worker, &o);
}

static struct parked **parked_of(struct control *c, const struct entry *e)
{
	struct parked **p = &c->parked;

	while (*p && (*p)->entry != e)
		p = &(*p)->next;
	return p;
}

static void done(struct control *c, uint32_t stream, uint64_t id, int err)
{
	struct msg_stream_done m = { .stream = stream, .err = err };

	c->conf.tell(c->conf.user, MSG_STREAM_DONE, id, &m, sizeof m);
}

/* Answers a parked SET with an error. */
static void unpark(struct control *c, struct parked **at, int err)
{
	struct parked *p = *at;

	*at = p->next;
	done(c, p->entry->id, p->id, err);
	free(p);
}

/* A stream of a tunnel has its outside ports from the one range that the kernel
 * guards, and no other stream has: this function alone says which. */
static struct ports *ports_of(struct control *c, enum face f,
			      enum stream_seal sealed)
{
	return f == OUTSIDE && stream_has_tunnel(sealed) ? c->guarded
							 : c->ports;
}

static void give_ports(struct control *c, const struct entry *e, enum face f)
{
	ports_back(ports_of(c, f, e->sealed), &e->local[f], e->told);
}

static void entry_del(struct control *c, struct entry **at)
{
	struct entry *e = *at;
	struct parked **p = parked_of(c, e);

	if (*p)
		unpark(c, p, E_CLOSED);
	*at = e->next;
	keyring_drop_all(c->keys, &e->keys);
	for (int f = INSIDE; f <= OUTSIDE; f++)
		give_ports(c, e, (enum face)f);
	*e->del = (struct order){ .type = WORKER_DEL, .stream = e->stream };
	worker_give(e->worker, e->del);
	c->n_emergency -= e->emergency;
	free(e);
	c->counts.streams--;
}

void control_clear(struct control *c)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (c->buckets[i])
			entry_del(c, &c->buckets[i]);
}

/* -- STREAM_ADD ----------------------------------------------------------- */

static int open_face(struct control *c, struct entry *e, enum face f,
		     uint8_t family)
{
	const struct addr *host = &c->media[f][family == 6];
	struct stream *s = e->stream;
	int fd[2], r;

	if (!host->family)
		return E_UNSUPPORTED;
	r = ports_open(ports_of(c, f, e->sealed), host, fd, &e->local[f]);
	if (r)
		return r;
	s->port[f][RTP].fd = fd[0];
	s->port[f][RTCP].fd = fd[1];
	return 0;
}

static int open_faces(struct control *c, struct entry *e,
		      const struct msg_stream_line *line)
{
	int r = open_face(c, e, INSIDE, line->family[INSIDE]);

	if (r)
		return r;
	r = open_face(c, e, OUTSIDE, line->family[OUTSIDE]);
	if (r)
		give_ports(c, e, INSIDE);
	return r;
}

/* Numbers that cannot be guessed; 0 is no SSRC of ours. */
static int random_seed(struct stream_seed *seed)
{
	uint32_t r[2];

	if (getrandom(r, sizeof r, 0) != sizeof r)
		return E_IO;
	seed->ssrc = r[0] ? r[0] : 1;
	seed->first = r[1] & FIRST_SEQ_MASK;
	return 0;
}

static int make_stream(struct control *c, uint64_t call,
		       const struct msg_stream_line *line, struct entry *e)
{
	struct stream_seed seed = { .env = &c->env, .call = call, .id = e->id,
				    .sealed = line->sealed,
				    .clock_hz = line->clock_hz,
				    .now_us = now_us(c) };
	int r = random_seed(&seed);

	if (!r)
		r = stream_new(&seed, &e->stream);
	if (r)
		return r;
	r = open_faces(c, e, line);
	if (r)
		stream_free(e->stream);
	return r;
}

/* Gives a new stream to its worker, which owns it from then on. */
static int start_stream(struct control *c, struct entry *e)
{
	struct order o = { .type = WORKER_ADD, .stream = e->stream };

	e->worker = c->workers[e->id % c->n_workers];
	e->del = malloc(sizeof *e->del);
	return e->del ? worker_post(e->worker, &o) : E_NOMEM;
}

static int make_entry(struct control *c, struct entry *e,
		      const struct msg_stream_line *line, uint32_t *ssrc)
{
	int r = make_stream(c, e->call, line, e);

	if (r)
		return r;
	*ssrc = e->stream->tx.ssrc;
	r = start_stream(c, e);
	if (!r)
		return 0;
	for (int f = INSIDE; f <= OUTSIDE; f++)
		give_ports(c, e, (enum face)f);
	stream_free(e->stream);
	free(e->del);
	return r;
}

/* Makes a stream and enters it. */
static int add_line(struct control *c, const struct msg_stream_add *m,
		    uint32_t i, bool emergency, struct msg_stream_port *out)
{
	const struct msg_stream_line *line = &m->line[i];
	struct entry *e = calloc(1, sizeof *e);
	uint32_t ssrc;
	int r;

	if (!e)
		return E_NOMEM;
	e->id = c->last_id + 1;
	e->call = m->call;
	e->sealed = line->sealed;
	r = make_entry(c, e, line, &ssrc);
	if (r) {
		free(e);
		return r;
	}
	e->emergency = emergency;
	c->n_emergency += emergency;
	c->last_id = e->id;
	*place(c, e->id) = e;
	c->counts.streams++;
	*out = (struct msg_stream_port){ .stream = e->id, .ssrc = ssrc };
	memcpy(out->local, e->local, sizeof out->local);
	return 0;
}

static bool line_is_sound(const struct msg_stream_line *line)
{
	for (int f = INSIDE; f <= OUTSIDE; f++)
		if (line->family[f] != 4 && line->family[f] != 6)
			return false;
	return line->sealed <= STREAM_BOTH;
}

/* A taken engine must not let a gateway speak in clear that never does; but
 * for a few streams of emergency calls. */
static bool clear_is_refused(const struct control *c,
			     const struct msg_stream_add *m, bool *emergency)
{
	bool clear = false;

	*emergency = false;
	for (uint32_t i = 0; i < m->n; i++)
		clear = clear || m->line[i].sealed == STREAM_CLEAR ||
			m->line[i].sealed == STREAM_MAYBE;
	if (!clear || c->conf.may_clear(c->conf.user))
		return false;
	if (m->emergency && c->n_emergency + m->n <= EMERGENCY_STREAMS) {
		*emergency = true;
		log_line(LOG_CLASS_INFO, "relay", m->call, "audit: an "
			 "emergency call may be in clear, though every peer's "
			 "profile requires sealing");
		return false;
	}
	log_line(LOG_CLASS_REFUSED, "relay", m->call, "a clear stream, though "
		 "every peer's profile requires sealing");
	return true;
}

static bool may_tunnel(const struct control *c, enum stream_seal s)
{
	return !stream_has_tunnel(s) ||
	       c->conf.may_tunnel(c->conf.user, stream_has_keys(s));
}

static bool tunnel_is_refused(const struct control *c,
			      const struct msg_stream_add *m)
{
	uint32_t i = 0;

	while (i < m->n && may_tunnel(c, m->line[i].sealed))
		i++;
	if (i == m->n)
		return false;
	log_line(LOG_CLASS_REFUSED, "relay", m->call, "a stream in a tunnel "
		 "%s SRTP, though no peer's profile has such media",
		 stream_has_keys(m->line[i].sealed) ? "with" : "without");
	return true;
}

static int on_add(struct control *c, const struct ipc_msg *msg)
{
	const struct msg_stream_add *m = msg->body;
	struct msg_stream_added a = { 0 };
	bool emergency;

	if (!m->n || m->n > STREAM_MAX || m->emergency > 1)
		return E_FORMAT;
	for (uint32_t i = 0; i < m->n; i++)
		if (!line_is_sound(&m->line[i]))
			return E_FORMAT;
	if (tunnel_is_refused(c, m) || clear_is_refused(c, m, &emergency)) {
		a.err = E_POLICY;
		goto tell;
	}
	for (; !a.err && a.n < m->n; a.n++)
		a.err = add_line(c, m, a.n, emergency, &a.port[a.n]);
	if (a.err) {
		log_line(LOG_CLASS_ERROR, "relay", m->call, "no media ports: "
			 "%s", a.err == E_FULL ?
			 "all are in use, see media.ports and tunnel.ports"
			 : err_text(a.err));
		for (a.n--; a.n; a.n--)
			entry_del(c, place(c, a.port[a.n - 1].stream));
		memset(a.port, 0, sizeof a.port);
	}
tell:
	c->conf.tell(c->conf.user, MSG_STREAM_ADDED, msg->id, &a, sizeof a);
	return 0;
}

/* -- STREAM_SET ----------------------------------------------------------- */

static bool is_addr(const struct addr *a)
{
	return !a->family || a->family == 4 || a->family == 6;
}

static bool set_is_sound(const struct msg_stream_set *m)
{
	for (int f = INSIDE; f <= OUTSIDE; f++)
		if (m->set_remote[f] > 1 || m->rtcp_mux[f] > 1 ||
		    !is_addr(&m->remote[f]) || !is_addr(&m->remote_rtcp[f]))
			return false;
	return m->set_keys <= 1 && m->may_send <= STREAM_SEND_PROVEN &&
	       m->clear + m->set_keys <= 1;
}

/* An address of no use means "send nothing there": that is always allowed. */
static int check_remote(const struct control *c, const struct entry *e,
			enum face f, const struct addr *a)
{
	if (addr_is_any(a) || !a->port)
		return 0;
	if (a->family != e->local[f].family)
		return E_UNSUPPORTED;
	if (f == INSIDE && !env_allows(&c->env, a))
		return E_POLICY;
	return 0;
}

static int check_remotes(const struct control *c, const struct entry *e,
			 const struct msg_stream_set *m)
{
	int r = 0;

	for (int f = INSIDE; !r && f <= OUTSIDE; f++) {
		if (!m->set_remote[f])
			continue;
		r = check_remote(c, e, f, &m->remote[f]);
		if (!r)
			r = check_remote(c, e, f, &m->remote_rtcp[f]);
	}
	return r;
}

/* E_AGAIN: the key did not come yet. E_NOTFOUND: it is gone. */
static int check_key(const struct control *c, const struct entry *e,
		     enum key_direction d, uint64_t id)
{
	const struct held_key *h = keyring_find(c->keys, id);

	if (!id)
		return 0;
	if (!h)
		return keyring_seen(c->keys, id) ? E_NOTFOUND : E_AGAIN;
	return keyring_check(h, e->call, e->id, d);
}

static int check_keys(const struct control *c, const struct entry *e,
		      const struct msg_stream_set *m)
{
	int send, recv;

	if (!m->set_keys)
		return 0;
	if (!stream_has_keys(e->sealed))
		return E_STATE;
	send = check_key(c, e, KEY_SEND, m->key.send);
	recv = check_key(c, e, KEY_RECV, m->key.recv);
	/* what will never do is told before what may still come */
	if (send && send != E_AGAIN)
		return send;
	return recv ? recv : send;
}

static void give_key(struct control *c, struct stream_change *change,
		     enum key_direction d, uint64_t id)
{
	struct held_key *h = id ? keyring_find(c->keys, id) : NULL;

	if (!h || h->state != KEY_PARKED)
		return;
	change->has_key[d] = true;
	change->key[d] = h->key;
	keyring_installed(h);
}

/* The others were replaced; the worker retires them by itself. */
static void forget_replaced(struct control *c, struct entry *e,
			    const struct msg_key_ids *named)
{
	struct held_key *h, *next;

	for (h = e->keys.first; h; h = next) {
		next = h->next;
		if (h->state == KEY_INSTALLED &&
		    h->key.key_id != named->send &&
		    h->key.key_id != named->recv)
			keyring_drop(c->keys, &e->keys, h->key.key_id);
	}
}

/* A stream that may be clear is decided by the first that says so, or by the
 * first key that may protect. */
static int decide(struct control *c, struct entry *e,
		  const struct msg_stream_set *m)
{
	if (m->clear && e->sealed != STREAM_CLEAR && e->sealed != STREAM_MAYBE)
		return E_POLICY;
	if (m->clear) {
		e->sealed = STREAM_CLEAR;
		keyring_drop_all(c->keys, &e->keys);
	} else if (m->may_send && m->set_keys && e->sealed == STREAM_MAYBE) {
		e->sealed = STREAM_SEALED;
	}
	return 0;
}

/* All is there: to the worker. */
static int install(struct control *c, struct entry *e, uint64_t id,
		   const struct msg_stream_set *m)
{
	struct order *o = calloc(1, sizeof *o);
	struct stream_change *change = calloc(1, sizeof *change);
	int r = o && change ? decide(c, e, m) : E_NOMEM;

	if (r) {
		free(o);
		free(change);
		return r;
	}
	change->set = *m;
	if (m->set_keys) {
		give_key(c, change, KEY_SEND, m->key.send);
		give_key(c, change, KEY_RECV, m->key.recv);
	}
	*o = (struct order){ .type = WORKER_SET, .stream = e->stream,
			     .id = id, .change = change };
	worker_give(e->worker, o);
	if (m->set_keys && m->may_send && m->key.send && m->key.recv)
		forget_replaced(c, e, &m->key);
	return 0;
}

static int park(struct control *c, struct entry *e, uint64_t id,
		const struct msg_stream_set *m)
{
	struct parked *p = calloc(1, sizeof *p);

	if (!p)
		return E_NOMEM;
	p->next = c->parked;
	p->entry = e;
	p->id = id;
	p->until_us = now_us(c) + CONTROL_PARK_US;
	p->set = *m;
	c->parked = p;
	return 0;
}

static int set(struct control *c, struct entry *e, uint64_t id,
	       const struct msg_stream_set *m)
{
	struct parked **old = parked_of(c, e);
	int r = check_remotes(c, e, m);

	if (!r)
		r = check_keys(c, e, m);
	if (r && r != E_AGAIN)
		return r;
	if (*old) /* a newer word on the same stream counts */
		unpark(c, old, E_STATE);
	return r ? park(c, e, id, m) : install(c, e, id, m);
}

static int on_set(struct control *c, const struct ipc_msg *msg)
{
	const struct msg_stream_set *m = msg->body;
	struct entry *e = *place(c, m->stream);
	int r = E_NOTFOUND;

	if (!set_is_sound(m))
		return E_FORMAT;
	if (e) {
		e->told = true;
		r = set(c, e, msg->id, m);
	} else {
		c->counts.late++;
	}
	if (r) {
		log_line(LOG_CLASS_REFUSED, "relay", e ? e->call : 0,
			 "stream %u cannot be set: %s", m->stream,
			 err_text(r));
		done(c, m->stream, msg->id, r);
	}
	return 0;
}

/* -- the engine's other messages ------------------------------------------ */

static int on_del(struct control *c, const struct ipc_msg *msg)
{
	const struct msg_stream_del *m = msg->body;
	struct entry **at = place(c, m->stream);

	if (*at)
		entry_del(c, at);
	else
		c->counts.late++;
	return 0;
}

static int on_get(struct control *c, const struct ipc_msg *msg)
{
	const struct msg_stream_get *m = msg->body;
	const struct entry *e = *place(c, m->stream);
	struct msg_stream_stats none = { .stream = m->stream,
					 .err = E_NOTFOUND };

	if (e)
		none.err = post(e, WORKER_GET, msg->id);
	if (none.err)
		c->conf.tell(c->conf.user, MSG_STREAM_STATS, msg->id, &none,
			     sizeof none);
	return 0;
}

/* -- the keeper's --------------------------------------------------------- */

/* A key came: SETs that wait for it go on, or fail if it is not for them. */
static void wake(struct control *c, uint64_t key_id)
{
	struct parked **at = &c->parked;

	while (*at) {
		struct parked *p = *at;
		int r = E_AGAIN;

		if (p->set.key.send == key_id || p->set.key.recv == key_id)
			r = check_keys(c, p->entry, &p->set);
		if (r == E_AGAIN) {
			at = &p->next;
			continue;
		}
		if (!r)
			r = install(c, p->entry, p->id, &p->set);
		if (r) {
			unpark(c, at, r);
			continue;
		}
		*at = p->next;
		free(p);
	}
}

static int on_key(struct control *c, const struct ipc_msg *msg)
{
	const struct msg_key *m = msg->body;
	struct entry *e = *place(c, m->stream);
	enum key_state state = KEY_PARKED;
	int r;

	if (m->direction > KEY_RECV || !m->key_id)
		return E_FORMAT;
	r = keyring_mark(c->keys, m->key_id);
	if (!r && !e) {
		c->counts.late++; /* its stream was removed meanwhile */
		return 0;
	}
	if (!r && (m->call != e->call || !stream_has_keys(e->sealed)))
		state = KEY_WRONG;
	if (!r)
		r = keyring_hold(c->keys, &e->keys, m, state);
	if (r || state == KEY_WRONG) {
		c->counts.refused_keys++;
		log_line(LOG_CLASS_BUG, "relay", m->call, "key %llx refused: "
			 "%s", (unsigned long long)m->key_id,
			 r ? err_text(r) : "not of that stream's call");
	}
	wake(c, m->key_id);
	return 0;
}

static int on_key_gone(struct control *c, const struct ipc_msg *msg)
{
	const struct msg_key_gone *m = msg->body;
	const struct held_key *h = keyring_find(c->keys, m->key_id);
	struct entry **at;

	if (!h) {
		keyring_mark(c->keys, m->key_id); /* should it still come */
		return 0;
	}
	at = place(c, h->key.stream);
	/* rather no stream than one with a key that was taken back */
	if (h->state == KEY_INSTALLED &&
	    post(*at, WORKER_DROP_KEY, m->key_id))
		entry_del(c, at);
	else
		keyring_drop(c->keys, &(*at)->keys, m->key_id);
	return 0;
}

/* -- dispatch ------------------------------------------------------------- */

static const struct {
	enum process from;
	int (*handle)(struct control *c, const struct ipc_msg *msg);
} handlers[MSG_COUNT] = {
	[MSG_KEY] = { PROC_KEEPER, on_key },
	[MSG_KEY_GONE] = { PROC_KEEPER, on_key_gone },
	[MSG_STREAM_ADD] = { PROC_ENGINE, on_add },
	[MSG_STREAM_SET] = { PROC_ENGINE, on_set },
	[MSG_STREAM_DEL] = { PROC_ENGINE, on_del },
	[MSG_STREAM_GET] = { PROC_ENGINE, on_get },
};

int control_message(struct control *c, enum process from,
		    const struct ipc_msg *msg)
{
	if (!handlers[msg->type].handle || handlers[msg->type].from != from)
		return E_STATE;
	return handlers[msg->type].handle(c, msg);
}

static void pass_answer(struct control *c, const struct answer *a)
{
	switch (a->type) {
	case ANSWER_DONE:
		c->conf.tell(c->conf.user, MSG_STREAM_DONE, a->id, &a->done,
			     sizeof a->done);
		break;
	case ANSWER_STATS:
		c->conf.tell(c->conf.user, MSG_STREAM_STATS, a->id, &a->stats,
			     sizeof a->stats);
		break;
	case ANSWER_EVENT:
		if (*place(c, a->event.stream))
			c->conf.tell(c->conf.user, MSG_STREAM_EVENT, 0,
				     &a->event, sizeof a->event);
		break;
	}
}

void control_answers(struct control *c)
{
	struct mail *mail = mailbox_take(c->answers), *next;

	for (; mail; mail = next) {
		next = mail->next;
		pass_answer(c, (struct answer *)mail);
		free(mail);
	}
}

uint64_t control_tick(struct control *c)
{
	struct parked **at = &c->parked;
	uint64_t now = now_us(c), least = UINT64_MAX;

	while (*at) {
		uint64_t until = (*at)->until_us;

		if (until <= now) {
			unpark(c, at, E_TIMEOUT);
			continue;
		}
		if (until - now < least)
			least = until - now;
		at = &(*at)->next;
	}
	return least;
}

void control_counts(const struct control *c, struct control_counts *out)
{
	*out = c->counts;
}

int control_fd(const struct control *c)
{
	return mailbox_fd(c->answers);
}

const char *control_loop(const struct control *c)
{
	return c->loop->name;
}

/* -- life ----------------------------------------------------------------- */

static void copy_settings(struct control *c, const struct settings *s)
{
	const struct face_settings *in = &s->face[INSIDE];

	_Static_assert(NETS_MAX == sizeof c->env.nets / sizeof *c->env.nets,
		       "room for all nets");
	c->env.n_nets = in->n_nets;
	memcpy(c->env.nets, in->nets, sizeof c->env.nets);
	c->env.timeout_us = (uint64_t)s->media_timeout_s * 1000000;
	c->env.silence_us = (uint64_t)s->media_silence_s * 1000000;
	c->env.grace_us = (uint64_t)s->media_grace_s * 1000000;
	for (int f = INSIDE; f <= OUTSIDE; f++)
		memcpy(c->media[f], s->face[f].media, sizeof c->media[f]);
	c->n_workers = s->workers < WORKERS_MAX ? s->workers : WORKERS_MAX;
	if (!c->n_workers)
		c->n_workers = 1;
}

static int open_workers(struct control *c, const struct media_loop *loop)
{
	struct worker_conf conf = { .loop = loop, .clock = c->conf.clock,
				    .answers = c->answers };
	int r = 0;

	for (unsigned i = 0; !r && i < c->n_workers; i++)
		r = worker_new(&conf, &c->workers[i]);
	if (!r) {
		c->loop = loop;
		return 0;
	}
	for (unsigned i = 0; i < c->n_workers; i++) {
		worker_free(c->workers[i]);
		c->workers[i] = NULL;
	}
	return r;
}

/* "auto" is the first that the kernel allows. */
static int choose_loop(struct control *c, const char *name)
{
	static const struct media_loop *const loops[] = { &media_uring,
							  &media_epoll };
	bool any = !strcmp(name, "auto");
	int r = E_UNSUPPORTED;

	for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
		if (!any && strcmp(name, loops[i]->name))
			continue;
		r = open_workers(c, loops[i]);
		if (!r) {
			log_info("relay", "media loop %s, %u worker%s",
				 loops[i]->name, c->n_workers,
				 c->n_workers == 1 ? "" : "s");
			return 0;
		}
		log_info("relay", "media loop %s cannot be used: %s",
			 loops[i]->name, err_text(r));
	}
	return r;
}

int control_new(const struct control_conf *conf, struct control **out)
{
	struct control *c = calloc(1, sizeof *c);
	const struct settings *s = conf->settings;
	int r;

	if (!c)
		return E_NOMEM;
	c->conf = *conf;
	c->conf.settings = NULL;
	copy_settings(c, s);
	r = ports_new(s->port_min, s->port_max, conf->clock, &c->ports);
	if (!r)
		r = ports_new(s->tunnel.port_min, s->tunnel.port_max,
			      conf->clock, &c->guarded);
	if (!r)
		r = keyring_new(&c->keys);
	if (!r)
		r = mailbox_new(&c->answers);
	if (!r)
		r = choose_loop(c, s->media_loop);
	if (r) {
		control_free(c);
		return r;
	}
	*out = c;
	return 0;
}

int control_start(struct control *c, const struct transform *t)
{
	int r = 0;

	c->env.transform = t;
	c->env.held = &c->held;
	for (unsigned i = 0; !r && i < c->n_workers; i++)
		r = worker_start(c->workers[i]);
	return r;
}

static void drop_answer(struct mail *mail)
{
	free(mail);
}

void control_free(struct control *c)
{
	if (!c)
		return;
	control_clear(c);
	for (unsigned i = 0; i < c->n_workers; i++)
		worker_free(c->workers[i]);
	mailbox_free(c->answers, drop_answer);
	keyring_free(c->keys);
	ports_free(c->ports);
	ports_free(c->guarded);
	free(c);
}
