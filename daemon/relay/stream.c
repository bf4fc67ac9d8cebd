/* stream.c - one relayed m= line. See stream.h.
 *
 * The life of a session key (the table of states; offered keys are parked in
 * keyring.c and never come here):
 *
 *   receive: armed/active (until_us 0) -> retired (until_us) -> gone
 *   send:    armed -> active -> gone, at once when the next becomes active
 *
 * A STREAM_SET arms the keys it names. With may_send the armed send key
 * becomes active, at once or when the far end proved to have its half, and
 * every other receive key is retired: it opens what is under way for the
 * grace time more. Without may_send the old keys stay, so that an offer which
 * fails changes nothing. A key has a life in packets, of SRTP and of SRTCP
 * (RFC 3711 9.2): before its end it is told, behind it nothing passes.
 * Numbering (transmit.h) and the
 * far end's indexes go on over a change of key: RFC 3711 section 3.3.1. */
#include "daemon/relay/stream.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int stream_new(const struct stream_seed *seed, struct stream **out)
{
	struct stream *s = calloc(1, sizeof *s);

	if (!s)
		return E_NOMEM;
	s->env = seed->env;
	s->hold.room = seed->env->held;
	s->call = seed->call;
	s->id = seed->id;
	s->sealed = stream_has_keys(seed->sealed);
	s->tunnel = stream_has_tunnel(seed->sealed);
	s->maybe = seed->sealed == STREAM_MAYBE;
	s->heard_us[INSIDE] = s->heard_us[OUTSIDE] = seed->now_us;
	transmit_init(&s->tx, seed->ssrc, seed->first, seed->clock_hz);
	for (int f = INSIDE; f <= OUTSIDE; f++)
		for (int c = RTP; c <= RTCP; c++)
			s->port[f][c] = (struct media_port){
				.stream = s, .fd = -1,
				.face = (uint8_t)f, .component = (uint8_t)c };
	*out = s;
	return 0;
}

static void send_close(const struct stream *s, struct stream_send *k)
{
	if (k->t)
		s->env->transform->close(k->t);
	*k = (struct stream_send){ 0 };
}

static void recv_free(const struct stream *s, struct stream_recv *k)
{
	if (!k)
		return;
	if (k->t)
		s->env->transform->close(k->t);
	free(k);
}

/* Takes recv[i] out of the list. */
static struct stream_recv *recv_take(struct stream *s, unsigned i)
{
	struct stream_recv *k = s->recv[i];

	for (; i + 1 < STREAM_RECV_MAX; i++)
		s->recv[i] = s->recv[i + 1];
	s->recv[i] = NULL;
	return k;
}

static void recv_put_first(struct stream *s, struct stream_recv *k)
{
	recv_free(s, s->recv[STREAM_RECV_MAX - 1]);
	for (unsigned i = STREAM_RECV_MAX - 1; i; i--)
		s->recv[i] = s->recv[i - 1];
	s->recv[0] = k;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	send_close(s, &s->send);
	send_close(s, &s->armed);
	for (int i = 0; i < STREAM_RECV_MAX; i++)
		recv_free(s, s->recv[i]);
	hold_clear(&s->hold);
	for (int f = INSIDE; f <= OUTSIDE; f++)
		for (int c = RTP; c <= RTCP; c++)
			if (s->port[f][c].fd >= 0)
				close(s->port[f][c].fd);
	free(s);
}

bool env_allows(const struct relay_env *env, const struct addr *a)
{
	for (size_t i = 0; i < env->n_nets; i++)
		if (net_contains(&env->nets[i], a))
			return true;
	return false;
}

/* -- keys ----------------------------------------------------------------- */

/* The far end goes on with its numbering under the new key. */
static void inherit(const struct stream *s, struct index_rx *rx)
{
	const struct stream_recv *old = s->recv[0];

	index_rx_init(rx);
	for (unsigned i = 0; old && i < old->rx.count; i++) {
		if (old->rx.sources[i].ssrc != s->far_ssrc)
			continue;
		rx->sources[0] = old->rx.sources[i];
		/* a sender that starts anew is no replay of the old key */
		rx->sources[0].rtcp_next = 0;
		rx->count = 1;
	}
}

static struct stream_life life_of(const struct srtp_key *key)
{
	struct stream_life l = { .limit = { INDEX_RTP_LIMIT,
					    INDEX_RTCP_LIMIT } };

	for (int c = RTP; c <= RTCP; c++)
		if (key->lifetime && key->lifetime < l.limit[c])
			l.limit[c] = key->lifetime;
	return l;
}

static int recv_open(const struct stream *s, const struct msg_key *key,
		     struct stream_recv **out)
{
	struct stream_recv *k = calloc(1, sizeof *k);
	int r;

	if (!k)
		return E_NOMEM;
	r = s->env->transform->open(&key->key, 0, &k->t);
	if (r) {
		free(k);
		return r;
	}
	k->id = key->key_id;
	k->ssrc = key->ssrc;
	k->life = life_of(&key->key);
	inherit(s, &k->rx);
	*out = k;
	return 0;
}

static bool is_same(const struct srtp_key *a, const struct srtp_key *b)
{
	return !CRYPTO_memcmp(a->key, b->key, sizeof a->key) &&
	       !CRYPTO_memcmp(a->salt, b->salt, sizeof a->salt);
}

/* What a change brings, opened before anything is changed. */
struct fresh {
	struct stream_send send;
	struct stream_recv *recv;
};

static int fresh_open(const struct stream *s, const struct stream_change *c,
		      struct fresh *out)
{
	struct fresh f = { 0 };
	int r = 0;

	if (c->has_key[KEY_SEND]) {
		f.send.id = c->key[KEY_SEND].key_id;
		f.send.life = life_of(&c->key[KEY_SEND].key);
		r = s->env->transform->open(&c->key[KEY_SEND].key, 1,
					    &f.send.t);
	}
	if (!r && c->has_key[KEY_RECV])
		r = recv_open(s, &c->key[KEY_RECV], &f.recv);
	if (f.recv && c->has_key[KEY_SEND])
		f.recv->mutual = is_same(&c->key[KEY_RECV].key,
					 &c->key[KEY_SEND].key);
	if (r && f.send.t)
		s->env->transform->close(f.send.t);
	if (!r)
		*out = f;
	return r;
}

/* A named key that is installed already comes to the front again. */
static void recv_choose(struct stream *s, uint64_t id, struct stream_recv *new)
{
	for (unsigned i = 0; !new && i < STREAM_RECV_MAX && s->recv[i]; i++)
		if (s->recv[i]->id == id)
			new = recv_take(s, i);
	if (!new)
		return;
	new->until_us = 0;
	recv_put_first(s, new);
}

static void activate(struct stream *s, uint64_t now_us)
{
	s->switch_us = 0;
	s->maybe = false;
	if (s->armed.id) {
		send_close(s, &s->send);
		s->send = s->armed;
		s->armed = (struct stream_send){ 0 };
		s->told &= (uint8_t)~(STREAM_TELL_SOFT | STREAM_TELL_SPENT);
	}
	for (unsigned i = 1; i < STREAM_RECV_MAX && s->recv[i]; i++)
		if (!s->recv[i]->until_us)
			s->recv[i]->until_us = now_us + s->env->grace_us;
}

static void set_keys(struct stream *s, const struct stream_change *c,
		     struct fresh *f, uint64_t now_us)
{
	if (f->send.id) {
		send_close(s, &s->armed);
		s->armed = f->send;
	}
	if (c->set.set_keys && c->set.key.recv)
		recv_choose(s, c->set.key.recv, f->recv);
	if (c->set.may_send == STREAM_SEND_PROVEN && s->armed.id && s->send.id)
		s->switch_us = now_us + s->env->grace_us / STREAM_SWITCH_PART;
	else if (c->set.may_send)
		activate(s, now_us);
}

void stream_proven(struct stream *s, uint64_t now_us)
{
	if (s->switch_us)
		activate(s, now_us);
}

bool stream_spent(const struct stream_life *l, enum component c)
{
	return l->used[c] >= l->limit[c];
}

void stream_used(struct stream *s, struct stream_life *l, enum component c)
{
	l->used[c]++;
	if (l->limit[c] - l->used[c] <= l->limit[c] / STREAM_SOFT_PART)
		s->tell |= STREAM_TELL_SOFT;
}

void stream_drop_key(struct stream *s, uint64_t key_id)
{
	if (s->send.id == key_id)
		send_close(s, &s->send);
	if (s->armed.id == key_id) {
		send_close(s, &s->armed);
		s->switch_us = 0;
	}
	for (unsigned i = 0; i < STREAM_RECV_MAX && s->recv[i]; i++) {
		if (s->recv[i]->id == key_id) {
			recv_free(s, recv_take(s, i));
			return;
		}
	}
}

/* -- addresses ------------------------------------------------------------ */

static void set_remote(struct stream *s, const struct msg_stream_set *m,
		       enum face f, uint64_t now_us)
{
	struct addr rtcp = m->remote_rtcp[f];

	if (!rtcp.family) {
		rtcp = m->remote[f];
		if (rtcp.port)
			rtcp.port++;
	}
	s->mux[f] = m->rtcp_mux[f];
	learn_set(&s->remote[f][RTP], &m->remote[f], now_us);
	learn_set(&s->remote[f][RTCP], &rtcp, now_us);
}

/* Never a stream whose keys have protected something. */
static int become_clear(struct stream *s)
{
	if (s->tunnel)
		return E_POLICY;
	if (!s->sealed)
		return 0;
	if (!s->maybe)
		return E_POLICY;
	send_close(s, &s->armed);
	send_close(s, &s->send);
	for (unsigned i = 0; i < STREAM_RECV_MAX && s->recv[i];)
		recv_free(s, recv_take(s, i));
	s->sealed = s->maybe = false;
	return 0;
}

int stream_set(struct stream *s, const struct stream_change *c, uint64_t now_us)
{
	struct fresh f = { 0 };
	int r = c->set.clear ? become_clear(s) : 0;

	if (r)
		return r;
	if (c->set.may_send && s->sealed && !c->has_key[KEY_SEND] &&
	    !s->armed.id && !s->send.id)
		return E_STATE;
	r = fresh_open(s, c, &f);
	if (r)
		return r;
	if (s->sealed)
		set_keys(s, c, &f, now_us);
	if (c->set.may_send) /* only a tunnel asks */
		s->open = true;
	for (int face = INSIDE; face <= OUTSIDE; face++)
		if (c->set.set_remote[face])
			set_remote(s, &c->set, face, now_us);
	return 0;
}

/* -- time ----------------------------------------------------------------- */

static uint64_t silent_us(const struct stream *s, int face, uint64_t now_us)
{
	return now_us > s->heard_us[face] ? now_us - s->heard_us[face] : 0;
}

static void tell_once(struct stream *s, uint8_t what, bool true_now)
{
	if (!true_now)
		s->told &= (uint8_t)~what;
	else if (!(s->told & what))
		s->tell |= what;
}

static void notice_silence(struct stream *s, uint64_t now_us)
{
	uint64_t in = silent_us(s, INSIDE, now_us);
	uint64_t out = silent_us(s, OUTSIDE, now_us);
	uint64_t least = in < out ? in : out, most = in < out ? out : in;
	const struct relay_env *env = s->env;

	tell_once(s, STREAM_TELL_IDLE,
		  env->timeout_us && least > env->timeout_us);
	tell_once(s, STREAM_TELL_QUIET,
		  env->silence_us && most > env->silence_us);
}

void stream_tick(struct stream *s, uint64_t now_us)
{
	for (unsigned i = STREAM_RECV_MAX; i--;) {
		struct stream_recv *k = s->recv[i];

		if (k && k->until_us && k->until_us <= now_us)
			recv_free(s, recv_take(s, i));
	}
	if (s->switch_us && s->switch_us <= now_us)
		activate(s, now_us);
	s->stats[INSIDE].dropped_no_key += hold_age(&s->hold, now_us);
	notice_silence(s, now_us);
}

/* Packets of a component until the key's life or its indexes end. */
static uint64_t left(const struct stream_life *l, enum component c,
		     uint64_t indexes)
{
	uint64_t own = l->limit[c] - l->used[c];

	return own < indexes ? own : indexes;
}

static void send_use(const struct stream *s, struct msg_key_use *out)
{
	const struct index_tx *tx = &s->tx.index;

	*out = (struct msg_key_use){
		.id = s->send.id,
		.rtp = s->send.life.used[RTP],
		.rtcp = s->send.life.used[RTCP],
		.rtp_index = tx->next ? tx->next - 1 : 0,
		.rtp_left = left(&s->send.life, RTP,
				 INDEX_RTP_LIMIT - tx->next),
		.rtcp_left = left(&s->send.life, RTCP,
				  INDEX_RTCP_LIMIT - tx->rtcp_next),
		.ssrc = s->tx.ssrc,
	};
}

static const struct stream_recv *recv_in_use(const struct stream *s)
{
	for (unsigned i = 0; i < STREAM_RECV_MAX && s->recv[i]; i++)
		if (s->recv[i]->life.used[RTP] || s->recv[i]->life.used[RTCP])
			return s->recv[i];
	return s->recv[0];
}

/* Of several sources the one that spoke last. */
static void recv_use(const struct stream *s, const struct stream_recv *k,
		     struct msg_key_use *out)
{
	*out = (struct msg_key_use){
		.id = k->id,
		.rtp = k->life.used[RTP],
		.rtcp = k->life.used[RTCP],
		.rtp_left = left(&k->life, RTP, INDEX_RTP_LIMIT),
		.rtcp_left = left(&k->life, RTCP, INDEX_RTCP_LIMIT),
		.ssrc = k->ssrc,
	};
	for (unsigned i = 0; i < k->rx.count; i++) {
		const struct index_source *from = &k->rx.sources[i];

		if (from->ssrc != s->far_ssrc || !from->rtp_next)
			continue;
		out->ssrc = from->ssrc;
		out->rtp_index = from->rtp_next - 1;
		out->rtp_left = left(&k->life, RTP,
				     INDEX_RTP_LIMIT - from->rtp_next);
		out->rtcp_left = left(&k->life, RTCP,
				      INDEX_RTCP_LIMIT - from->rtcp_next);
	}
}

void stream_stats(const struct stream *s, uint64_t now_us,
		  struct msg_stream_stats *out)
{
	memset(out, 0, sizeof *out);
	out->stream = s->id;
	for (int f = INSIDE; f <= OUTSIDE; f++) {
		out->remote[f] = s->remote[f][RTP].now;
		out->face[f] = s->stats[f];
	}
	if (s->send.id)
		send_use(s, &out->key[KEY_SEND]);
	if (s->recv[0])
		recv_use(s, recv_in_use(s), &out->key[KEY_RECV]);
	out->quiet_us[INSIDE] = silent_us(s, INSIDE, now_us);
	out->quiet_us[OUTSIDE] = silent_us(s, OUTSIDE, now_us);
}
