/* test_relay_packet.c - the way of a packet without sockets or cryptography:
 * a transform that writes down what it is asked to do. No index is used twice
 * under a key whatever a phone does; nothing leaves a sealed stream plain. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/relay/packet.h"
#include "daemon/relay/rtcp.h"
#include "daemon/relay/rtp.h"
#include "tests/mock/slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* -- a transform that remembers ------------------------------------------- */

/* Every (key, SSRC, index) that was sealed, in an open hash table. */
#define SEEN_MAX (1 << 21)

struct use {
	uint32_t key, ssrc;
	uint64_t index; /* + 1 */
};

static struct use *seen;
static unsigned sealed_count;
static int open_err;

struct transform_key {
	uint32_t number; /* from the master key's first byte */
	int send;
};

static int mock_open(const struct srtp_key *key, int send,
		     struct transform_key **out)
{
	struct transform_key *t;

	if (open_err)
		return open_err;
	t = calloc(1, sizeof *t);
	assert_non_null(t);
	memcpy(&t->number, key->key, sizeof t->number);
	t->send = send;
	*out = t;
	return 0;
}

static void mock_close(struct transform_key *t)
{
	free(t);
}

static uint32_t get(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void put(uint8_t *p, size_t n, uint32_t v)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static void use_once(struct use u)
{
	uint64_t h = (u.index * 0x9e3779b97f4a7c15u ^ u.key * 2654435761u ^
		      u.ssrc) >> 20;

	while (seen[h % SEEN_MAX].index) {
		const struct use *was = &seen[h++ % SEEN_MAX];

		assert_false(was->index == u.index && was->key == u.key &&
			     was->ssrc == u.ssrc);
	}
	seen[h % SEEN_MAX] = u;
	sealed_count++;
}

/* Sealed: a tag of 4 bytes, the key's number; payload inverted. */
static void invert(uint8_t *p, size_t len)
{
	while (len--)
		p[len] ^= 0xff;
}

static int mock_protect_rtp(struct transform_key *t, uint8_t *pkt, size_t *len,
			    size_t hdr_len, uint64_t index)
{
	assert_true(t->send);
	assert_int_equal((uint16_t)index, get(pkt) & 0xffff);
	use_once((struct use){ t->number, get(pkt + 8), index + 1 });
	invert(pkt + hdr_len, *len - hdr_len);
	put(pkt + *len, 4, t->number);
	*len += 4;
	return 0;
}

static int mock_open_rtp(struct transform_key *t, uint8_t *pkt, size_t *len,
			 size_t hdr_len, uint64_t index)
{
	(void)index;
	assert_false(t->send);
	invert(pkt + hdr_len, *len - hdr_len);
	if (*len < hdr_len + 4 || ~get(pkt + *len - 4) != t->number)
		return E_AUTH;
	*len -= 4;
	return 0;
}

static int mock_protect_rtcp(struct transform_key *t, uint8_t *pkt, size_t *len,
			     uint32_t index)
{
	use_once((struct use){ t->number, ~get(pkt + 4), index + 1u });
	put(pkt + *len, 4, index);
	put(pkt + *len + 4, 4, t->number);
	*len += 8;
	return 0;
}

static int mock_open_rtcp(struct transform_key *t, uint8_t *pkt, size_t *len,
			  uint32_t *index)
{
	if (*len < 16 || get(pkt + *len - 4) != t->number)
		return E_AUTH;
	*index = get(pkt + *len - 8);
	*len -= 8;
	return 0;
}

static const struct transform mock = {
	.name = "mock", .open = mock_open, .close = mock_close,
	.protect_rtp = mock_protect_rtp, .open_rtp = mock_open_rtp,
	.protect_rtcp = mock_protect_rtcp, .open_rtcp = mock_open_rtcp,
};

/* -- a stream ------------------------------------------------------------- */

#define OURS 0x77777777u

static struct relay_env env = { .transform = &mock };
static struct stream *s;
static uint64_t now_us;
static struct addr phone, far, stranger;
static uint8_t data[PACKET_MAX], spare[PACKET_MAX];
static struct packet_way way;

#define GRACE_US 5000000
static uint64_t lifetime; /* of keys; 0: what the RFC gives */

static int setup(void **state)
{
	struct stream_seed seed = { .env = &env, .call = 1, .id = 1,
				    .ssrc = OURS, .first = 32000,
				    .sealed = true };

	(void)state;
	assert_int_equal(addr_parse("10.0.0.5:4000", &phone), 0);
	assert_int_equal(addr_parse("192.0.2.9:4000", &far), 0);
	assert_int_equal(addr_parse("10.0.0.6:4000", &stranger), 0);
	assert_int_equal(net_parse("10.0.0.0/24", &env.nets[0]), 0);
	env.n_nets = 1;
	env.grace_us = GRACE_US;
	lifetime = 0;
	now_us = 1000000;
	seen = calloc(SEEN_MAX, sizeof *seen);
	assert_non_null(seen);
	sealed_count = 0;
	open_err = 0;
	return stream_new(&seed, &s);
}

static int teardown(void **state)
{
	(void)state;
	stream_free(s);
	free(seen);
	return 0;
}

static struct msg_key key_of(uint32_t number, enum key_direction d)
{
	struct msg_key k = { .key_id = number, .direction = d,
			     .key.lifetime = lifetime };

	memcpy(k.key.key, &number, sizeof number);
	return k;
}

/* Keys by number, 0: none; addresses of both sides. */
static int set_all(uint32_t send, uint32_t recv, unsigned may_send, bool mutual)
{
	struct stream_change c = {
		.set = { .set_remote = { 1, 1 }, .remote = { phone, far },
			 .set_keys = 1, .may_send = (uint8_t)may_send,
			 .key = { .send = send, .recv = recv } },
		.has_key = { send != 0, recv != 0 },
		.key = { key_of(send, KEY_SEND), key_of(recv, KEY_RECV) },
	};

	if (mutual) {
		memcpy(c.key[KEY_SEND].key.key, c.key[KEY_RECV].key.key,
		       sizeof c.key[0].key.key);
		memcpy(c.key[KEY_SEND].key.salt, c.key[KEY_RECV].key.salt,
		       sizeof c.key[0].key.salt);
	}
	return stream_set(s, &c, now_us);
}

static int set(uint32_t send, uint32_t recv, unsigned may_send)
{
	return set_all(send, recv, may_send, false);
}

static int relay(enum face from, enum component c, const struct addr *source,
		 size_t *len)
{
	struct packet p = { .data = data, .len = *len, .spare = spare,
			    .from = *source, .now_us = now_us };
	int r;

	p.from.port = (uint16_t)(p.from.port + c);
	r = packet_relay(&s->port[from][c], &p, &way);
	*len = p.len;
	return r;
}

static size_t rtp(uint32_t ssrc, uint16_t seq)
{
	memset(data, 'p', 40);
	put(data, 2, 0x8000);
	put(data + 2, 2, seq);
	put(data + 4, 4, seq * 160u);
	put(data + 8, 4, ssrc);
	return 40;
}

static int from_phone(uint32_t ssrc, uint16_t seq)
{
	size_t len = rtp(ssrc, seq);

	return relay(INSIDE, RTP, &phone, &len);
}

static int from_far(uint32_t ssrc, uint16_t seq, uint32_t number)
{
	size_t len = rtp(ssrc, seq);
	int r;

	invert(data + 12, len - 12);
	put(data + len, 4, number);
	len += 4;
	r = relay(OUTSIDE, RTP, &far, &len);
	if (!r) {
		assert_int_equal(len, 40);
		assert_int_equal(data[12], 'p');
	}
	return r;
}

/* -- a phone that does what it likes -------------------------------------- */

struct phone {
	uint32_t ssrc;
	uint16_t seq;
};

static void misbehave(struct phone *p)
{
	switch (random() % 60) {
	case 0: /* another source */
		p->ssrc = (uint32_t)random();
		break;
	case 1: /* starts again */
		p->seq = (uint16_t)random();
		break;
	case 2: /* steps back */
		p->seq = (uint16_t)(p->seq - random() % 3000);
		break;
	case 3: /* a gap */
		p->seq = (uint16_t)(p->seq + random() % 3000);
		break;
	case 4: /* the same source as ever, from its beginning */
		p->ssrc = 0xabcdef01;
		p->seq = 100;
		break;
	case 5: case 6: case 7: /* disorder */
		p->seq = (uint16_t)(p->seq + random() % 7 - 3);
		break;
	case 8: /* says it again */
		break;
	default:
		p->seq++;
	}
}

/* What the far end makes of it: it must find our index by itself. */
static void follow(struct index_rx *rx)
{
	uint16_t seq = (uint16_t)get(data);
	uint64_t index, ours = 0;

	assert_int_equal(get(data + 8), OURS);
	for (uint64_t top = s->tx.index.next, i = 0; i < 70000; i++) {
		ours = top - 1 - i;
		if ((uint16_t)ours == seq)
			break;
	}
	assert_int_equal(index_rx_rtp(rx, OURS, seq, &index), 0);
	assert_int_equal(index, ours);
	assert_int_equal(index_rx_rtp_done(rx, OURS, index), 0);
}

static void no_index_is_used_twice(void **state)
{
	const unsigned n = rounds(400000, 40000);
	struct phone p = { 0xabcdef01, 100 };
	uint32_t key = 1;
	unsigned sent = 0;
	struct index_rx rx;

	(void)state;
	srandom(1);
	index_rx_init(&rx);
	assert_int_equal(set(key, 1000, true), 0);
	for (unsigned i = 0; i < n; i++) {
		misbehave(&p);
		now_us += (uint64_t)random() % 40000;
		if (!from_phone(p.ssrc, p.seq)) {
			follow(&rx);
			sent++;
		}
		if (random() % (n / 20))
			continue;
		key++;
		assert_int_equal(set(key, 1000 + key, true), 0);
	}
	assert_int_equal(sent, sealed_count);
	assert_true(sent > n / 4 * 3);
	assert_true(key > 5);
	assert_int_equal(s->stats[INSIDE].dropped_index, n - sent);
}

/* Three ways one by one, under one key. */
static void repeat_restart_step_back(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	for (int round = 0; round < 3; round++) /* a restart: same numbers */
		for (uint16_t i = 0; i < 500; i++)
			from_phone(5, (uint16_t)(65400 + i));
	for (int i = 0; i < 10; i++) /* one packet again and again */
		from_phone(5, 364);
	for (uint16_t i = 5000; i > 4000; i -= 5) /* backwards */
		from_phone(5, i);
	assert_true(sealed_count > 1400);
	assert_int_equal(s->stats[OUTSIDE].packets_out, sealed_count);
}

static void rtcp_indexes_grow(void **state)
{
	uint8_t rr[8] = { 0x80, RTCP_RR, 0, 1, 0, 0, 0, 9 };
	size_t len;

	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	for (unsigned i = 0; i < 100; i++) {
		if (i % 10 == 0)
			assert_int_equal(set(3 + i, 4 + i, true), 0);
		len = sizeof rr;
		memcpy(data, rr, len);
		assert_int_equal(relay(INSIDE, RTCP, &phone, &len), 0);
		assert_int_equal(len, 16);
		assert_int_equal(get(data + 8), i);
		assert_ptr_equal(way.port, &s->port[OUTSIDE][RTCP]);
		assert_int_equal(way.to->port, far.port + 1);
	}
	assert_int_equal(s->stats[OUTSIDE].rtcp_out, 100);
}

/* -- keys ----------------------------------------------------------------- */

static void nothing_before_the_key(void **state)
{
	(void)state;
	assert_int_equal(set(0, 0, false), 0);
	assert_int_equal(from_phone(1, 1), E_STATE);
	assert_int_equal(from_far(1, 1, 2), E_STATE);
	assert_int_equal(set(1, 2, false), 0); /* armed: receive only */
	assert_int_equal(from_phone(1, 2), E_STATE);
	assert_int_equal(from_far(1, 2, 2), 0);
	assert_int_equal(s->stats[INSIDE].dropped_no_key, 2);
	assert_int_equal(s->stats[OUTSIDE].dropped_no_key, 1);
	assert_int_equal(sealed_count, 0);
	assert_int_equal(set(0, 0, true), 0);
	assert_int_equal(from_phone(1, 3), 0);
	stream_drop_key(s, 1);
	assert_int_equal(from_phone(1, 4), E_STATE);
	stream_drop_key(s, 2);
	assert_int_equal(from_far(1, 3, 2), E_STATE);
	assert_int_equal(sealed_count, 1);
}

static struct msg_stream_stats stats(void)
{
	struct msg_stream_stats st;

	stream_stats(s, now_us, &st);
	return st;
}

/* What an operator sees of keys: counters are the key's own, the index and
 * what is left of it go on over a change. */
static void use_of_keys_is_told(void **state)
{
	struct msg_stream_stats st = stats();

	(void)state;
	assert_int_equal(st.key[KEY_SEND].id, 0);
	assert_int_equal(st.key[KEY_RECV].id, 0);
	assert_int_equal(set(1, 2, true), 0);
	st = stats();
	assert_int_equal(st.key[KEY_SEND].id, 1);
	assert_int_equal(st.key[KEY_SEND].ssrc, OURS);
	assert_int_equal(st.key[KEY_SEND].rtp, 0);
	assert_true(st.key[KEY_SEND].rtp_left == INDEX_RTP_LIMIT - 32000);
	assert_int_equal(st.key[KEY_RECV].ssrc, 0);
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(from_phone(1, i), 0);
	assert_int_equal(from_far(9, 65535, 2), 0);
	assert_int_equal(from_far(9, 0, 2), 0);
	assert_int_equal(from_far(9, 0, 2), E_REPLAY);
	st = stats();
	assert_int_equal(st.key[KEY_SEND].rtp, 3);
	assert_int_equal(st.key[KEY_SEND].rtp_index, 32002);
	assert_int_equal(st.key[KEY_RECV].id, 2);
	assert_int_equal(st.key[KEY_RECV].ssrc, 9);
	assert_int_equal(st.key[KEY_RECV].rtp, 2);
	assert_int_equal(st.key[KEY_RECV].rtp_index >> 16, 1);
	assert_true(st.key[KEY_RECV].rtp_left == INDEX_RTP_LIMIT - 0x10001);
	assert_int_equal(set(3, 4, true), 0);
	assert_int_equal(stats().key[KEY_RECV].id, 2); /* 4 opened nothing */
	assert_int_equal(from_far(9, 1, 4), 0);
	st = stats();
	assert_int_equal(st.key[KEY_SEND].id, 3);
	assert_int_equal(st.key[KEY_SEND].rtp, 0);
	assert_true(st.key[KEY_SEND].rtp_left == INDEX_RTP_LIMIT - 32003);
	assert_int_equal(st.key[KEY_RECV].id, 4);
	assert_int_equal(st.key[KEY_RECV].rtp, 1);
	assert_int_equal(st.key[KEY_RECV].rtp_index, 0x10001);
}

static void an_old_key_opens_for_a_while(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	assert_int_equal(from_far(1, 1, 2), 0);
	assert_int_equal(set(3, 4, false), 0);
	assert_int_equal(s->send.id, 1); /* the old one still sends */
	assert_int_equal(from_far(1, 2, 4), 0);
	now_us += 60000000; /* not replaced yet, so it does not end */
	stream_tick(s, now_us);
	assert_int_equal(from_far(1, 3, 2), 0);
	assert_int_equal(set(0, 0, true), 0);
	assert_int_equal(s->send.id, 3);
	now_us += GRACE_US - 1;
	assert_int_equal(from_far(1, 4, 2), 0);
	assert_int_equal(from_far(1, 4, 2), E_REPLAY);
	now_us += 1;
	assert_int_equal(from_far(1, 5, 2), E_AUTH); /* even before the tick */
	stream_tick(s, now_us);
	assert_null(s->recv[1]);
	assert_int_equal(from_far(1, 6, 4), 0);
}

static void an_offer_that_fails_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	assert_int_equal(set(3, 4, false), 0);
	stream_drop_key(s, 3);
	stream_drop_key(s, 4);
	assert_int_equal(from_phone(1, 1), 0);
	assert_int_equal(from_far(1, 1, 2), 0);
	assert_int_equal(from_far(1, 2, 4), E_AUTH);
	open_err = E_NOMEM;
	assert_int_equal(set(5, 6, true), E_NOMEM);
	assert_int_equal(s->send.id, 1);
	assert_int_equal(from_far(1, 3, 2), 0);
}

static void a_new_key_does_not_reset_the_far_index(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	for (unsigned i = 0; i < 70000; i++)
		assert_int_equal(from_far(8, (uint16_t)i, 2), 0);
	assert_int_equal(set(3, 4, true), 0);
	assert_int_equal(from_far(8, (uint16_t)70000, 4), 0);
	assert_int_equal(s->recv[0]->rx.sources[0].rtp_next, 70001);
	/* what was opened under the old key is no news under the new one */
	assert_int_equal(from_far(8, (uint16_t)69999, 4), E_REPLAY);
}

static void a_bound_source(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	s->recv[0]->ssrc = 50;
	assert_int_equal(from_far(51, 1, 2), E_AUTH);
	assert_int_equal(from_far(50, 1, 2), 0);
	s->recv[0]->ssrc = 0; /* any, but not any number of them */
	for (uint32_t i = 0; i < 2 * INDEX_SSRC_MAX; i++)
		from_far(100 + i, 1, 2);
	assert_int_equal(s->recv[0]->rx.count, INDEX_SSRC_MAX);
}

/* With one key for both directions it would open, and be our own. */
static void our_own_source_is_not_heard(void **state)
{
	(void)state;
	assert_int_equal(set_all(1, 2, true, true), 0);
	assert_int_equal(from_far(OURS, 1, 2), E_AUTH);
	assert_int_equal(from_far(OURS + 1, 1, 2), 0);
}

/* With two, who only sends back what he hears is heard. */
static void an_echo_is_heard(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	assert_int_equal(from_far(OURS, 1, 2), 0);
}

/* -- sources -------------------------------------------------------------- */

static void strangers_are_not_heard(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(from_phone(1, (uint16_t)i), 0);
		len = rtp(2, (uint16_t)i);
		assert_int_equal(relay(INSIDE, RTP, &stranger, &len),
				 E_POLICY);
		len = rtp(2, (uint16_t)i);
		assert_int_equal(relay(INSIDE, RTP, &far, &len), E_POLICY);
	}
	assert_int_equal(s->stats[INSIDE].dropped_source, 20);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(from_far(1, (uint16_t)i, 99), E_AUTH);
	assert_int_equal(s->stats[OUTSIDE].dropped_auth, 10);
	assert_int_equal(s->stats[INSIDE].packets_out, 0);
}

/* Whatever bytes come in on either side, what leaves outside was sealed, and
 * what leaves inside was opened. */
static void nothing_leaves_as_it_came(void **state)
{
	const unsigned n = rounds(300000, 30000);
	unsigned passed = 0;

	(void)state;
	srandom(2);
	assert_int_equal(set(1, 2, true), 0);
	s->mux[INSIDE] = s->mux[OUTSIDE] = true;
	for (unsigned i = 0; i < n; i++) {
		enum component c = random() % 2 ? RTCP : RTP;
		size_t len = (size_t)random() % 64, was;

		for (size_t j = 0; j < len; j++)
			data[j] = (uint8_t)random();
		if (random() % 4)
			data[0] = (uint8_t)(0x80 | (data[0] & 0x1));
		if (random() % 2)
			put(data + 2, 2, (uint32_t)(len / 4 - 1));
		was = len;
		if (!relay(INSIDE, c, &phone, &len)) {
			passed++;
			assert_true(len >= was + 4);
		}
		len = was;
		assert_int_not_equal(relay(OUTSIDE, c, &far, &len), 0);
	}
	assert_true(passed > n / 300);
	assert_int_equal(passed, sealed_count);
}

static void too_long_for_a_tag(void **state)
{
	size_t len = PACKET_MAX - TRANSFORM_ROOM + 1;

	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	memset(data, 0, sizeof data);
	data[0] = 0x80;
	assert_int_equal(relay(INSIDE, RTP, &phone, &len), E_FORMAT);
	len = PACKET_MAX + 1;
	assert_int_equal(relay(OUTSIDE, RTP, &far, &len), E_FORMAT);
	len = 0;
	assert_int_equal(relay(OUTSIDE, RTP, &far, &len), E_FORMAT);
	assert_int_equal(sealed_count, 0);
}

static void a_spent_key_is_told(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, true), 0);
	assert_int_equal(from_phone(1, 1), 0);
	s->tx.index.next = INDEX_RTP_LIMIT;
	assert_int_equal(from_phone(2, 1), E_EXISTS);
	assert_true(s->tell & STREAM_TELL_SPENT);
	assert_int_equal(s->stats[INSIDE].dropped_index, 1);
}

/* -- new keys ------------------------------------------------------------- */

static uint32_t sealed_by(uint16_t seq)
{
	size_t len = rtp(1, seq);

	assert_int_equal(relay(INSIDE, RTP, &phone, &len), 0);
	return get(data + len - 4);
}

/* Who answers sends on under the old key until the far end has the new one. */
static void an_answerer_waits_for_proof(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, STREAM_SEND_NOW), 0);
	assert_int_equal(sealed_by(1), 1);
	assert_int_equal(set(3, 4, STREAM_SEND_PROVEN), 0);
	assert_int_equal(sealed_by(2), 1);
	assert_int_equal(from_far(8, 1, 2), 0); /* the old one: no proof */
	assert_int_equal(sealed_by(3), 1);
	assert_int_equal(from_far(8, 2, 5), E_AUTH); /* nor this */
	assert_int_equal(sealed_by(4), 1);
	assert_int_equal(from_far(8, 3, 4), 0);
	assert_int_equal(sealed_by(5), 3);
	/* what was under way is opened for the grace time */
	assert_int_equal(from_far(8, 2, 2), 0);
	now_us += GRACE_US;
	assert_int_equal(from_far(8, 4, 2), E_AUTH);
	assert_int_equal(s->stats[OUTSIDE].dropped_auth, 2);
}

static void an_answerer_does_not_wait_for_ever(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, STREAM_SEND_NOW), 0);
	assert_int_equal(set(3, 4, STREAM_SEND_PROVEN), 0);
	now_us += GRACE_US / STREAM_SWITCH_PART - 1;
	stream_tick(s, now_us);
	assert_int_equal(sealed_by(1), 1);
	now_us++;
	stream_tick(s, now_us);
	assert_int_equal(sealed_by(2), 3);
	assert_int_equal(from_far(8, 1, 2), 0);
	assert_int_equal(from_far(8, 2, 4), 0);
}

/* The first keys of a stream: nothing to go on with. */
static void the_first_answer_sends_at_once(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, STREAM_SEND_PROVEN), 0);
	assert_int_equal(sealed_by(1), 1);
	assert_int_equal(s->switch_us, 0);
}

static void a_key_that_is_taken_back_is_not_switched_to(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, STREAM_SEND_NOW), 0);
	assert_int_equal(set(3, 4, STREAM_SEND_PROVEN), 0);
	stream_drop_key(s, 3);
	assert_int_equal(from_far(8, 1, 4), 0);
	now_us += GRACE_US;
	stream_tick(s, now_us);
	assert_int_equal(sealed_by(1), 1);
}

/* Several in a row: each opens until its grace is over. */
static void many_changes_in_one_grace(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < STREAM_RECV_MAX; i++)
		assert_int_equal(set(1 + 2 * i, 2 + 2 * i, STREAM_SEND_NOW), 0);
	for (uint32_t i = 0; i < STREAM_RECV_MAX; i++)
		assert_int_equal(from_far(8, (uint16_t)(i + 1), 2 + 2 * i), 0);
	assert_int_equal(set(101, 102, STREAM_SEND_NOW), 0);
	assert_int_equal(from_far(8, 10, 2), E_AUTH); /* the oldest went */
	assert_int_equal(from_far(8, 11, 4), 0);
}

static void a_short_life_is_told_and_ends(void **state)
{
	(void)state;
	lifetime = 16;
	assert_int_equal(set(1, 2, STREAM_SEND_NOW), 0);
	for (uint16_t i = 1; i <= 16; i++) {
		assert_false(s->tell & STREAM_TELL_SOFT && i <= 14);
		assert_int_equal(from_phone(1, i), 0);
	}
	assert_true(s->tell & STREAM_TELL_SOFT);
	assert_false(s->tell & STREAM_TELL_SPENT);
	assert_int_equal(from_phone(1, 17), E_EXISTS);
	assert_true(s->tell & STREAM_TELL_SPENT);
	assert_int_equal(sealed_count, 16);
	/* a new key has a life of its own */
	s->told = s->tell;
	s->tell = 0;
	assert_int_equal(set(3, 4, STREAM_SEND_NOW), 0);
	assert_int_equal(s->told & (STREAM_TELL_SOFT | STREAM_TELL_SPENT), 0);
	assert_int_equal(from_phone(1, 18), 0);
}

static void a_short_life_holds_for_what_is_opened(void **state)
{
	(void)state;
	lifetime = 16;
	assert_int_equal(set(1, 2, STREAM_SEND_NOW), 0);
	for (uint16_t i = 1; i <= 16; i++)
		assert_int_equal(from_far(8, i, 2), 0);
	assert_true(s->tell & STREAM_TELL_SOFT);
	assert_int_equal(from_far(8, 17, 2), E_EXISTS);
	assert_int_equal(s->stats[OUTSIDE].dropped_index, 1);
	/* the key after it opens what it may not */
	lifetime = 0;
	assert_int_equal(set(3, 4, STREAM_SEND_NOW), 0);
	assert_int_equal(from_far(8, 18, 4), 0);
	assert_int_equal(from_far(8, 19, 2), E_EXISTS);
}

static void the_limits_of_the_rfc(void **state)
{
	(void)state;
	assert_int_equal(set(1, 2, STREAM_SEND_NOW), 0);
	assert_true(s->send.life.limit[RTP] == UINT64_C(1) << 48);
	assert_true(s->send.life.limit[RTCP] == UINT64_C(1) << 31);
	lifetime = UINT64_C(1) << 60; /* nobody may ask for more */
	assert_int_equal(set(3, 4, STREAM_SEND_NOW), 0);
	assert_true(s->send.life.limit[RTP] == UINT64_C(1) << 48);
	s->send.life.used[RTP] = (UINT64_C(1) << 48) - 1;
	assert_int_equal(from_phone(1, 1), 0);
	assert_int_equal(from_phone(1, 2), E_EXISTS);
	assert_true(s->tell & STREAM_TELL_SPENT);
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(no_index_is_used_twice),
		WITH(repeat_restart_step_back),
		WITH(rtcp_indexes_grow),
		WITH(nothing_before_the_key),
		WITH(use_of_keys_is_told),
		WITH(an_old_key_opens_for_a_while),
		WITH(an_offer_that_fails_changes_nothing),
		WITH(a_new_key_does_not_reset_the_far_index),
		WITH(a_bound_source),
		WITH(our_own_source_is_not_heard),
		WITH(an_echo_is_heard),
		WITH(strangers_are_not_heard),
		WITH(nothing_leaves_as_it_came),
		WITH(too_long_for_a_tag),
		WITH(a_spent_key_is_told),
		WITH(an_answerer_waits_for_proof),
		WITH(an_answerer_does_not_wait_for_ever),
		WITH(the_first_answer_sends_at_once),
		WITH(a_key_that_is_taken_back_is_not_switched_to),
		WITH(many_changes_in_one_grace),
		WITH(a_short_life_is_told_and_ends),
		WITH(a_short_life_holds_for_what_is_opened),
		WITH(the_limits_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
