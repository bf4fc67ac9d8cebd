/* smime_bytes.c - the bytes that each way of sealing adds to an INVITE with SDP
 * and to a message without, as the keeper's "bodies" seal them in calls: header
 * fields about the body and the body itself, less those of the plain message;
 * of whole messages also less what no longer stands around. The largest of many
 * tries, since ECDSA signatures and what is in them vary by some bytes. */
#include "daemon/keeper/bodies.h"
#include "daemon/mime/tree.h"
#include "daemon/mime/writer.h"
#include "modules/smime/seal.h"
#include "modules/smime/smime.h"
#include "tests/mock/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 50
#define ALICE "sip:alice@a.example"
#define BOB "sip:bob@b.example"
#define SDP "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n" \
	    "t=0 0\r\nm=audio 49170 RTP/AVP 0 8 101\r\n" \
	    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
#define PLAIN "Content-Type: application/sdp\r\n"
#define BOUND "From: <" ALICE ">;tag=7Hs8d1kQ\r\nTo: <" BOB ">\r\n" \
	      "Call-ID: 84b4c76e66710a41\r\nCSeq: 314159 INVITE\r\n" \
	      "Contact: <sip:192.0.2.1:5060>\r\n" \
	      "Date: Sun, 17 Mar 2030 17:46:40 GMT\r\n"
/* Of a whole message; what it has beyond is within only. */
#define WITHIN "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\r\n" \
	       "User-Agent: a phone\r\n"
#define FIRST "INVITE " BOB " SIP/2.0\r\n"

/* With one kind of key. */
struct ends {
	struct credential *alice;
	struct smime_card *bob;
	const char *kind;
	struct bodies_session session;
};

static const struct row {
	const char *name;
	enum body_mode mode; /* NONE: a form that is taken only */
	bool may_refer;      /* certificates are sent, or not */
	bool session, carry;
} rows[] = {
	{ "sign", BODY_MODE_SIGN, true, false, false },
	{ "encrypt", BODY_MODE_ENCRYPT, false, false, false },
	{ "encrypt-sign (taken only)", BODY_MODE_NONE, true, false, false },
	{ "sign-encrypt", BODY_MODE_SIGN_ENCRYPT, true, false, false },
	{ "tunnel, with the key", BODY_MODE_TUNNEL, true, true, true },
	{ "tunnel, under the key", BODY_MODE_TUNNEL, true, true, false },
};

#define N(a) (sizeof(a) / sizeof *(a))

static size_t fields_of(const char *type, const char *disposition,
			const char *transfer)
{
	struct buf b = buf_of(MIME_BODY_MAX);
	size_t n;

	mime_put_fields(&b, &(struct mime_head){ .type = type,
		.disposition = disposition, .transfer = transfer });
	n = b.len - 2;
	buf_free(&b);
	return n;
}

/* The form of older papers: SDP alone, encrypted, and that signed. */
static size_t seal_form(const struct ends *e, bool sent)
{
	const struct smime_to to = { .card = e->bob, .id = BOB };
	const struct smime_seal how = {
		.terms = { .credential = e->alice,
			   .wall_us = CA_NOW * 1000000ull },
		.form = SMIME_ENCRYPT_SIGN,
		.envelope = { .cipher = SMIME_AES_128_GCM, .to = &to,
			      .n_to = 1, .key_id = !sent },
		.signing = { .certificates = sent, .capabilities = sent,
			     .key_id = !sent },
	};
	struct smime_fault why = { SMIME_FINE, "" };
	struct smime_sealed s;
	size_t n;

	if (smime_seal(&how, mime_text(PLAIN "\r\n" SDP), &s, &why))
		abort();
	n = fields_of(s.type, s.disposition, s.transfer) + s.body.len;
	smime_sealed_free(&s);
	return n;
}

/* One message, sealed; with SDP or without. */
static size_t seal_mode(const struct ends *e, const struct row *row, bool sent,
			const char *content)
{
	bool whole = row->mode == BODY_MODE_TUNNEL;
	const char *frag = whole ? FIRST BOUND WITHIN : BOUND;
	const struct bodies_terms t = {
		.local_id = ALICE, .remote_id = BOB, .peer = "b",
		.credential = e->alice, .mode = row->mode,
		.wall_us = CA_NOW * 1000000ull, .brief = !sent,
		.known = (const struct bodies_card *)(const void *)e->bob,
		.able = { .told = true, .oaep = true,
			  .ciphers = 1u << SMIME_AES_128_GCM },
		.session = &e->session, .n_session = row->session,
		.carry = row->carry,
	};
	const struct bodies_text in = {
		.frag = (const uint8_t *)frag, .frag_len = strlen(frag),
		.content = (const uint8_t *)content,
		.content_len = strlen(content),
	};
	struct bodies_sealed out = { .body = buf_of(MIME_BODY_MAX) };
	struct bodies_fault why;
	size_t n;

	if (smime_bodies.seal(&t, &in, &out, &why)) {
		fprintf(stderr, "smime_bytes: %s: %s\n", row->name, why.text);
		exit(1);
	}
	n = fields_of(out.type, out.disposition, out.transfer) + out.body.len;
	buf_free(&out.body);
	return whole ? n - strlen(WITHIN) : n;
}

static size_t largest(const struct ends *e, const struct row *row, bool sent,
		      const char *content)
{
	size_t most = 0, n;

	for (int i = 0; i < TRIES; i++) {
		n = row->mode ? seal_mode(e, row, sent, content)
			      : seal_form(e, sent);
		most = n > most ? n : most;
	}
	return most - (*content ? strlen(PLAIN SDP) : 0);
}

static void print_row(const struct ends *e, const struct row *row, bool sent)
{
	bool bare = row->mode && row->mode != BODY_MODE_ENCRYPT;

	printf("| %s | %s | %s | %zu | ", row->name, e->kind,
	       !row->may_refer ? "-" : sent ? "sent" : "not sent",
	       largest(e, row, sent, SDP));
	if (bare)
		printf("%zu |\n", largest(e, row, sent, ""));
	else
		printf("- |\n");
}

static struct credential *certify(const struct ca *ca, EVP_PKEY *key,
				  const char *san)
{
	X509 *x = ca_issue(ca, key, "x", &(struct ca_order){
		.san = san, .key_id = true });
	struct credential *c = ca_credential(x, NULL, key, ca);

	X509_free(x);
	return c;
}

static void run_kind(const char *kind, const char *type, unsigned first)
{
	struct ca ca = ca_make(0, "the issuer");
	struct credential *bob = certify(&ca, ca_key(first, type, 2048),
					 "URI:" BOB);
	struct ends e = { .kind = kind, .session = { .id = "1234567890123456",
						     .id_len = 16 } };
	struct der chain[CHAIN_MAX];
	struct smime_fault why;

	e.alice = certify(&ca, ca_key(first + 1, type, 2048), "URI:" ALICE);
	if (smime_card_new(chain, credential_chain(bob, chain), &e.bob, &why) ||
	    secret_random(&e.session.key, 16))
		abort();
	for (size_t i = 0; i < N(rows); i++)
		for (int sent = rows[i].may_refer; sent >= 0; sent--)
			print_row(&e, &rows[i], sent);
	credential_free(bob);
	credential_free(e.alice);
	smime_card_free(e.bob);
	ca_free(&ca);
}

int main(void)
{
	printf("| body | keys | certificate | with SDP | without |\n"
	       "|---|---|---|---|---|\n");
	run_kind("RSA-2048", "RSA", 1);
	run_kind("P-256", "P-256", 3);
	return 0;
}
