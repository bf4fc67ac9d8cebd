/* smime_rig.h - two ends that seal and open bodies, with RSA keys or on a
 * curve, and a third who is neither. Include after cmocka.h. */
#ifndef CALLSEAL_TEST_SMIME_RIG_H
#define CALLSEAL_TEST_SMIME_RIG_H

#include "daemon/base/err.h"
#include "daemon/mime/writer.h"
#include "modules/smime/open.h"
#include "modules/smime/seal.h"
#include "tests/mock/ca.h"

#include <string.h>

#define NOW_US (CA_NOW * 1000000ull)
#define ALICE "sip:alice@a.example"
#define BOB "sip:bob@b.example"
#define MALLORY "sip:mallory@m.example"
#define SDP "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n" \
	    "c=IN IP4 192.0.2.1\r\nm=audio 49170 RTP/AVP 0\r\n"
#define ENTITY "Content-Type: application/sdp\r\n\r\n" SDP

enum smime_kind { KIND_RSA, KIND_P256, KIND_P384, KINDS };

struct smime_rig {
	struct ca ca;
	X509 *cert[3]; /* alice, bob, mallory */
	struct credential *own[3];
	struct smime_card *card[3];
	struct smime_to to[3];
	struct smime_seal seal; /* alice to bob */
	struct smime_open open; /* bob, from alice */
	struct smime_sealed sealed;
	struct smime_opened opened;
	struct smime_fault why;
};

static inline EVP_PKEY *rig_key(enum smime_kind kind, unsigned who)
{
	static const char *const types[KINDS] = { "RSA", "P-256", "P-384" };

	return ca_key(1 + 3 * kind + who, types[kind], 2048);
}

/* The card of one's own certificate. */
static inline struct smime_card *rig_card(const struct credential *c)
{
	struct der chain[CHAIN_MAX];
	struct smime_card *card = NULL;
	struct smime_fault why;

	assert_int_equal(smime_card_new(chain, credential_chain(c, chain),
					&card, &why), 0);
	return card;
}

static inline void rig_open(struct smime_rig *g, enum smime_kind kind)
{
	static const char *const san[3] = { "URI:" ALICE, "URI:" BOB,
					    "URI:" MALLORY };
	static const char *const id[3] = { ALICE, BOB, MALLORY };

	memset(g, 0, sizeof *g);
	g->ca = ca_make(0, "the issuer");
	for (unsigned i = 0; i < 3; i++) {
		g->cert[i] = ca_issue(&g->ca, rig_key(kind, i), id[i] + 4,
				      &(struct ca_order){
			.san = san[i], .key_id = true });
		g->own[i] = ca_credential(g->cert[i], NULL, rig_key(kind, i),
					  &g->ca);
		g->card[i] = rig_card(g->own[i]);
		g->to[i] = (struct smime_to){ .card = g->card[i],
						    .id = id[i] };
	}
	g->seal = (struct smime_seal){
		.terms = { .credential = g->own[0], .wall_us = NOW_US },
		.envelope = { .cipher = SMIME_AES_128_GCM, .to = &g->to[1],
			      .n_to = 1 },
		.signing = { .certificates = true, .capabilities = true },
	};
	g->open = (struct smime_open){
		.terms = { .credential = g->own[1], .wall_us = NOW_US },
		.checking = { .id = ALICE },
	};
}

static inline void rig_forget(struct smime_rig *g)
{
	smime_sealed_free(&g->sealed);
	smime_opened_free(&g->opened);
	g->sealed = (struct smime_sealed){ .type = "" };
}

static inline void rig_close(struct smime_rig *g)
{
	rig_forget(g);
	for (unsigned i = 0; i < 3; i++) {
		credential_free(g->own[i]);
		smime_card_free(g->card[i]);
		X509_free(g->cert[i]);
	}
	ca_free(&g->ca);
}

static inline int rig_seal(struct smime_rig *g, enum smime_form form,
			   const char *entity)
{
	g->seal.form = form;
	return smime_seal(&g->seal, mime_text(entity), &g->sealed, &g->why);
}

static inline struct mime_fields rig_fields(const struct smime_rig *g)
{
	return (struct mime_fields){
		.type = mime_text(g->sealed.type),
		.disposition = mime_text(g->sealed.disposition),
		.transfer = mime_text(g->sealed.transfer),
	};
}

static inline int rig_unseal(struct smime_rig *g)
{
	const struct mime_fields f = rig_fields(g);

	return smime_open(&g->open, &f, (struct mime_bytes){
		g->sealed.body.data, g->sealed.body.len }, &g->opened,
		&g->why);
}

/* Opens a body, whose reason must be that one. */
static inline enum smime_reason rig_try(struct smime_rig *g, const char *type,
					struct mime_bytes body)
{
	const struct mime_fields f = { .type = mime_text(type) };
	int r;

	g->why.reason = SMIME_FINE;
	r = smime_open(&g->open, &f, body, &g->opened, &g->why);
	if (!r != (g->why.reason == SMIME_FINE) ||
	    (r && (g->opened.n || g->opened.content.n || g->opened.texts)))
		fail_msg("%d: %s", r, g->why.text);
	smime_opened_free(&g->opened);
	return g->why.reason;
}

static inline enum smime_reason rig_reason(struct smime_rig *g)
{
	const struct mime_fields f = rig_fields(g);
	int r;

	g->why.reason = SMIME_FINE;
	r = smime_open(&g->open, &f, (struct mime_bytes){
		g->sealed.body.data, g->sealed.body.len }, &g->opened,
		&g->why);
	assert_true(!r == (g->why.reason == SMIME_FINE));
	smime_opened_free(&g->opened);
	return g->why.reason;
}

static inline void rig_is_sdp(const struct smime_rig *g)
{
	const struct mime_part *p = &g->opened.content.part[0];

	assert_true(mime_type_is(&p->type, "application/sdp"));
	assert_int_equal(p->body.len, strlen(SDP));
	assert_memory_equal(p->body.p, SDP, p->body.len);
}

#endif
