/* cert_pair.h - two ends of an exchange that proves itself by certificates.
 * Include after cmocka.h. */
#ifndef CALLSEAL_TEST_CERT_PAIR_H
#define CALLSEAL_TEST_CERT_PAIR_H

#include "daemon/base/err.h"
#include "modules/mikey/dhsign.h"
#include "modules/mikey/pke.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/rsa_r.h"
#include "tests/mock/ca.h"

#include <string.h>

#define NOW_US (CA_NOW * 1000000ull)
#define ALICE "sip:alice@a.example"
#define BOB "sip:bob@b.example"

/* The keys by number: made once for the process. */
enum { KEY_CA, KEY_A, KEY_B, KEY_ROGUE_CA, KEY_ROGUE, KEY_SHORT, KEY_EC };

struct certs {
	struct ca ca;
	X509 *a, *b;
	struct credential *own[2];
};

static inline EVP_PKEY *rsa_key(unsigned which)
{
	return ca_key(which, "RSA", 2048);
}

/* A domain for a, a user for b. */
static inline void certs_open(struct certs *c)
{
	*c = (struct certs){ .ca = ca_make(KEY_CA, "the issuer") };
	c->a = ca_issue(&c->ca, rsa_key(KEY_A), "a", &(struct ca_order){
		.san = "URI:sip:a.example" });
	c->b = ca_issue(&c->ca, rsa_key(KEY_B), "b", &(struct ca_order){
		.san = "URI:sip:bob@b.example" });
	c->own[0] = ca_credential(c->a, NULL, rsa_key(KEY_A), &c->ca);
	c->own[1] = ca_credential(c->b, NULL, rsa_key(KEY_B), &c->ca);
	ca_add(c->own[0], CREDENTIAL_PEER, "them",
	       ca_file(c->b, NULL, NULL, NULL));
	ca_add(c->own[1], CREDENTIAL_PEER, "them",
	       ca_file(c->a, NULL, NULL, NULL));
}

static inline void certs_close(struct certs *c)
{
	credential_free(c->own[0]);
	credential_free(c->own[1]);
	X509_free(c->a);
	X509_free(c->b);
	ca_free(&c->ca);
}

/* Both ends of one exchange. */
struct cert_pair {
	const struct keying *how;
	enum suite suites[2];
	uint32_t ssrc[2][2];
	struct keying_terms a, b;
	struct buf offer, answer;
	struct keying_pending *pending;
	struct keying_result early, called, calling;
	struct keying_fault fault;
};

static inline void pair_open(struct cert_pair *p, const struct keying *how,
			     const struct certs *c)
{
	*p = (struct cert_pair){ .how = how, .offer = buf_of(KEYING_MAX),
				 .answer = buf_of(KEYING_MAX),
				 .suites = { SUITE_AEAD_AES_128_GCM,
					     SUITE_AES_CM_128_HMAC_SHA1_80 },
				 .ssrc = { { 0x11111111, 0x22222222 },
					   { 0x33333333, 0x44444444 } } };
	p->a = (struct keying_terms){
		.local_id = ALICE, .remote_id = BOB,
		.credential = c->own[0], .peer = "them",
		.suites = p->suites, .n_suites = 2, .n = 1,
		.ssrc = p->ssrc[0], .wall_us = NOW_US,
		.window_us = 300000000, .verify = true,
	};
	p->b = p->a;
	p->b.local_id = BOB;
	p->b.remote_id = ALICE;
	p->b.credential = c->own[1];
	p->b.ssrc = p->ssrc[1];
}

static inline void pair_close(struct cert_pair *p)
{
	p->how->drop(p->pending);
	buf_free(&p->offer);
	buf_free(&p->answer);
}

static inline int pair_offer(struct cert_pair *p)
{
	return p->how->offer(&p->a, &p->offer, &p->pending, &p->early,
			     &p->fault);
}

static inline int pair_answer(struct cert_pair *p)
{
	return p->how->answer(&p->b, p->offer.data, p->offer.len, &p->answer,
			      &p->called, &p->fault);
}

static inline int pair_finish(struct cert_pair *p)
{
	return p->how->finish(p->pending, p->answer.data, p->answer.len,
			      NOW_US, &p->calling, &p->fault);
}

#endif
