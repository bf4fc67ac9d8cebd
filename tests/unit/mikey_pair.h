/* mikey_pair.h - two ends of an exchange under a pre-shared key, for tests that
 * change what passes between them. Include after cmocka.h. */
#ifndef CALLSEAL_TEST_MIKEY_PAIR_H
#define CALLSEAL_TEST_MIKEY_PAIR_H

#include "daemon/base/err.h"
#include "modules/mikey/psk.h"

#include <stdint.h>
#include <string.h>

#define NOW_US 1900000000000000ull

/* Both ends of one exchange. */
struct pair {
	const struct keying *method;
	struct secret psk[2];
	enum suite suites[2];
	uint32_t ssrc[2][2];
	struct keying_terms a, b;
	struct buf offer, answer;
	struct keying_pending *pending;
	struct keying_result early, called, calling;
	struct keying_fault fault;
};

static inline void pair_open(struct pair *p)
{
	*p = (struct pair){ .method = &mikey_psk,
			    .offer = buf_of(KEYING_MAX),
			    .answer = buf_of(KEYING_MAX) };
	for (size_t i = 0; i < 2; i++)
		secret_set(&p->psk[i], "0123456789abcdef", 16);
	p->suites[0] = SUITE_AEAD_AES_128_GCM;
	p->suites[1] = SUITE_AES_CM_128_HMAC_SHA1_80;
	p->ssrc[0][0] = 0x11111111;
	p->ssrc[0][1] = 0x22222222;
	p->ssrc[1][0] = 0x33333333;
	p->ssrc[1][1] = 0x44444444;
	p->a = (struct keying_terms){
		.local_id = "sip:alice@a.example",
		.remote_id = "sip:bob@b.example",
		.psk = &p->psk[0], .suites = p->suites, .n_suites = 2,
		.n = 1, .ssrc = p->ssrc[0], .wall_us = NOW_US,
		.window_us = 300000000, .verify = true,
	};
	p->b = p->a;
	p->b.local_id = p->a.remote_id;
	p->b.remote_id = p->a.local_id;
	p->b.psk = &p->psk[1];
	p->b.ssrc = p->ssrc[1];
}

static inline void pair_close(struct pair *p)
{
	p->method->drop(p->pending);
	buf_free(&p->offer);
	buf_free(&p->answer);
}

static inline int pair_offer(struct pair *p)
{
	return p->method->offer(&p->a, &p->offer, &p->pending, &p->early,
				&p->fault);
}

static inline int pair_answer(struct pair *p)
{
	return p->method->answer(&p->b, p->offer.data, p->offer.len,
				 &p->answer, &p->called, &p->fault);
}

static inline int pair_finish(struct pair *p)
{
	return p->method->finish(p->pending, p->answer.data, p->answer.len,
				 NOW_US, &p->calling, &p->fault);
}

/* The offer as a message, for changing it. */
static inline void open_offer(const struct pair *p, struct mikey_message *m)
{
	assert_int_equal(mikey_decode(p->offer.data, p->offer.len, m), 0);
}

/* The keys that protect the messages of p's offer. */
static inline void message_keys(const struct pair *p,
				const struct mikey_message *offer,
				unsigned mac_alg, struct mikey_psk_keys *keys)
{
	const struct mikey_payload *rand = mikey_find(offer, MIKEY_RAND, 0);
	struct mikey_root root = { .prf = offer->prf,
				   .csb_id = offer->csb_id };

	if (rand)
		root.rand = rand->data;
	assert_int_equal(mikey_psk_derive(&p->psk[0], &root, 1, mac_alg,
					  keys), 0);
}

/* Writes m as the offer again, with a right MAC under p's key. */
static inline void seal_offer(struct pair *p, struct mikey_message *m)
{
	struct mikey_payload *kemac = &m->payload[m->n - 1];
	struct mikey_psk_keys keys;
	struct buf b = buf_of(KEYING_MAX);
	struct mikey_bytes covered;

	message_keys(p, m, kemac->mac_alg, &keys);
	assert_int_equal(mikey_encode(m, &b), 0);
	covered.p = b.data;
	covered.len = b.len - keys.auth_len;
	assert_int_equal(mikey_hmac(keys.mac_alg, keys.auth, keys.auth_len,
				    &covered, 1, b.data + covered.len), 0);
	buf_free(&p->offer);
	p->offer = b;
}

/* Writes m as the answer (RFC 3830 3.1) again, its V right. */
static inline void seal_answer(struct pair *p, struct mikey_message *m)
{
	struct mikey_message offer;
	struct mikey_psk_keys keys;
	struct buf b = buf_of(KEYING_MAX);
	struct mikey_covered also;

	open_offer(p, &offer);
	message_keys(p, &offer, MIKEY_MAC_SHA1, &keys);
	also = (struct mikey_covered){
		.id_i = mikey_find(&offer, MIKEY_ID, 0)->data,
		.id_r = mikey_find(m, MIKEY_ID, 0)->data,
		.stamp = mikey_find(&offer, MIKEY_T, 0)->data,
	};
	assert_int_equal(mikey_encode_verified(m, &keys, &also, &b), 0);
	buf_free(&p->answer);
	p->answer = b;
}

static inline struct mikey_payload *find(struct mikey_message *m,
					 enum mikey_payload_type type, size_t i)
{
	return (struct mikey_payload *)(uintptr_t)mikey_find(m, type, i);
}

static inline struct mikey_bytes text(const char *s)
{
	return (struct mikey_bytes){ (const uint8_t *)s, strlen(s) };
}

#endif
