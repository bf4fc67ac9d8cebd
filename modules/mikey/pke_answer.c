/* pke_answer.c - the public-key encryption method, responder's side (RFC 3830
 * 3.2, 5.3).
 *
 * Steps from cheap to dear: shape, timestamp, certificate chain and name,
 * signature; only then our private key opens the envelope, so that nobody
 * without a certificate that we believe can make us do so. The signature
 * proves the far end, the encrypted IDi that the envelope was made by it and
 * for this call. */
#include "modules/mikey/pke.h"

#include "daemon/base/err.h"
#include "modules/mikey/envelope.h"
#include "modules/mikey/incoming.h"
#include "modules/mikey/sign.h"

#include <openssl/evp.h>
#include <string.h>

#define REFUSE(a, ...) MIKEY_REFUSE(&(a)->in, __VA_ARGS__)

/* One offer on its way through the steps. Secret: wipe it. */
struct answer {
	struct mikey_incoming in;
	struct mikey_envelope e;
	struct keying_result result;
};

static int check_shape(struct answer *a)
{
	static const uint8_t stray[] = { MIKEY_DH, MIKEY_V, MIKEY_ERR };
	int r = mikey_incoming_decode(&a->in, MIKEY_PK_INIT);

	if (r)
		return r;
	if (!mikey_find(&a->in.offer, MIKEY_KEMAC, 0) ||
	    !mikey_find(&a->in.offer, MIKEY_PKE, 0))
		return REFUSE(a, E_FORMAT, MIKEY_ERR_OTHER, "the MIKEY offer "
			      "lacks KEMAC or PKE");
	return mikey_incoming_shape(&a->in, stray, sizeof stray);
}

/* Hash functions of table 6.8 and RFC 6043; MD5 (1) can be forged. */
static const EVP_MD *hash_of(unsigned kind)
{
	return kind == 0 ? EVP_sha1() : kind == 2 ? EVP_sha256() : NULL;
}

/* 6.8: which of our keys it is for; we have one. */
static int check_hash(struct answer *a)
{
	const struct mikey_payload *h = mikey_find(&a->in.offer, MIKEY_CHASH,
						   0);
	struct der chain[CHAIN_MAX];
	const EVP_MD *md = h ? hash_of(h->kind) : NULL;
	uint8_t hash[EVP_MAX_MD_SIZE];

	if (!h)
		return 0;
	if (!md)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_HASH, "MIKEY hash "
			      "function %u is not supported", h->kind);
	credential_chain(a->in.t->credential, chain);
	if (EVP_Digest(chain[0].p, chain[0].len, hash, NULL, md,
		       NULL) != 1)
		return REFUSE(a, E_NOMEM, MIKEY_ERR_OTHER, "CHASH: %s",
			      err_text(E_NOMEM));
	if (memcmp(hash, h->data.p, h->data.len))
		return REFUSE(a, E_AUTH, MIKEY_ERR_AUTH, "the MIKEY offer is "
			      "for another certificate than ours");
	return 0;
}

static int check_signature(struct answer *a)
{
	const struct mikey_signed s = {
		.credential = a->in.t->credential, .m = &a->in.offer,
		.bytes = a->in.bytes, .use = CERTIFICATE_SIGNS,
		.id = a->in.t->remote_id, .wall_us = a->in.t->wall_us,
		.trust = a->in.t->trust, .peer = a->in.t->peer,
		.result = &a->result,
	};
	int r = mikey_sign_check(&s, NULL, a->in.fault);

	a->in.error_no = r == E_AUTH ? MIKEY_ERR_AUTH : MIKEY_ERR_CERT;
	return r;
}

static int open_envelope(struct answer *a)
{
	struct mikey_root root = mikey_incoming_root(&a->in);
	int r = mikey_envelope_open(&a->e, a->in.t->credential, &a->in.offer,
				    &root, a->in.t->remote_id, a->in.fault);

	a->in.error_no = r == E_AUTH ? MIKEY_ERR_AUTH : MIKEY_ERR_OTHER;
	if (!r)
		mikey_incoming_proven(&a->in, &a->e.keys);
	return r;
}

static int check_terms(struct answer *a)
{
	return mikey_incoming_terms(&a->in);
}

static int make_keys(struct answer *a)
{
	unsigned bits = credential_bits(a->in.t->credential);

	if (a->e.keys.bits < bits)
		bits = a->e.keys.bits;
	return mikey_incoming_result(&a->in, &a->e.key, bits, &a->result);
}

static int check_stamp(struct answer *a)
{
	return mikey_incoming_stamp(&a->in);
}

static const struct {
	int (*step)(struct answer *a);
	bool dear; /* left out by a mere check */
} steps[] = {
	{ check_shape, false }, { check_stamp, false },
	{ check_hash, false }, { check_signature, false },
	{ open_envelope, true }, { check_terms, false }, { make_keys, true },
};

static int run(struct answer *a, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && !r; i++)
		if (!a->in.t->check || !steps[i].dear)
			r = steps[i].step(a);
	if (r)
		return mikey_incoming_report(&a->in, r, out);
	if (a->in.t->check) {
		mikey_incoming_checked(&a->in, &a->result);
		return 0;
	}
	r = mikey_incoming_verify(&a->in, MIKEY_PK_VERIFY, out);
	return mikey_incoming_made(&a->in, r, out);
}

int mikey_pke_answer(const struct keying_terms *t, const uint8_t *offer,
		     size_t len, struct buf *out, struct keying_result *result,
		     struct keying_fault *fault)
{
	struct answer a = { .in = { .t = t, .bytes = { offer, len },
				    .fault = fault,
				    .method = mikey_pke.name } };
	int r = mikey_open_terms(t, fault);

	if (r)
		return r;
	r = run(&a, out);
	if (!r)
		*result = a.result;
	wipe(&a, sizeof a);
	return r;
}
