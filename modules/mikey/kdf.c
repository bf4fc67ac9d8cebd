/* kdf.c - HMAC and MIKEY's pseudo-random function (RFC 3830 4.1.2 to 4.1.4).
 *
 * PRF(inkey, label) is the XOR of P(s_i, label, m) over the 256-bit blocks
 * s_i of inkey; an inkey that is a multiple of 32 bytes has exactly len / 32
 * blocks (an old library counted one more, with an empty key: such peers
 * cannot be keyed, and the fault is not imitated). The second PRF puts
 * HMAC-SHA-256 in place of HMAC-SHA-1; its blocks of inkey stay 256 bits.
 *
 * HMAC contexts are copied from one template a hash, since setting one up by
 * name costs more than the hash itself. Templates live as long as the
 * process. Any thread. */
#include "modules/mikey/kdf.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/mikey/payload.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>

#define BLOCK 32 /* bytes of inkey in one P: 256 bits */

static EVP_MAC_CTX *template_new(const char *hash)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	char name[16];
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_END,
	};

	strcpy(name, hash);
	params[0].data_size = strlen(name);
	EVP_MAC_free(mac); /* the context holds it */
	if (ctx && !EVP_MAC_CTX_set_params(ctx, params)) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

/* Borrowed; NULL without memory. Two threads may both make one: the loser
 * frees its own. */
static EVP_MAC_CTX *template_of(unsigned alg)
{
	static _Atomic(EVP_MAC_CTX *) made[2];
	size_t i = alg == MIKEY_MAC_SHA256;
	EVP_MAC_CTX *ctx = atomic_load(&made[i]), *none = NULL;

	if (ctx)
		return ctx;
	ctx = template_new(i ? "SHA256" : "SHA1");
	if (ctx && !atomic_compare_exchange_strong(&made[i], &none, ctx)) {
		EVP_MAC_CTX_free(ctx);
		ctx = none;
	}
	return ctx;
}

static int hmac_open(unsigned alg, struct mikey_bytes key, EVP_MAC_CTX **out)
{
	static const uint8_t empty[1];
	EVP_MAC_CTX *ctx;

	if (alg != MIKEY_MAC_SHA1 && alg != MIKEY_MAC_SHA256)
		return E_UNSUPPORTED;
	ctx = template_of(alg);
	ctx = ctx ? EVP_MAC_CTX_dup(ctx) : NULL;
	if (!ctx)
		return E_NOMEM;
	if (!EVP_MAC_init(ctx, key.len ? key.p : empty, key.len, NULL)) {
		EVP_MAC_CTX_free(ctx);
		return E_NOMEM;
	}
	*out = ctx;
	return 0;
}

/* One more HMAC under the key of ctx. */
static int hmac_run(EVP_MAC_CTX *ctx, const struct mikey_bytes *run, size_t n,
		    uint8_t *out)
{
	size_t len;

	if (!EVP_MAC_init(ctx, NULL, 0, NULL))
		return E_INTERNAL;
	for (size_t i = 0; i < n; i++)
		if (run[i].len && !EVP_MAC_update(ctx, run[i].p, run[i].len))
			return E_INTERNAL;
	return EVP_MAC_final(ctx, out, &len, MIKEY_HASH_MAX) ? 0 : E_INTERNAL;
}

int mikey_hmac(unsigned alg, const uint8_t *key, size_t key_len,
	       const struct mikey_bytes *run, size_t n, uint8_t *out)
{
	uint8_t full[MIKEY_HASH_MAX];
	EVP_MAC_CTX *ctx;
	int r = hmac_open(alg, (struct mikey_bytes){ key, key_len }, &ctx);

	if (r)
		return r;
	r = hmac_run(ctx, run, n, full);
	EVP_MAC_CTX_free(ctx);
	if (!r)
		memcpy(out, full, (size_t)mikey_mac_len(alg));
	wipe(full, sizeof full);
	return r;
}

unsigned mikey_mac_of(unsigned prf)
{
	return prf == MIKEY_PRF_SHA1 ? MIKEY_MAC_SHA1 : MIKEY_MAC_SHA256;
}

/* out ^= P(s, label, m), cut to out_len. */
static int add_p(unsigned alg, struct mikey_bytes s, struct mikey_bytes label,
		 uint8_t *out, size_t out_len)
{
	size_t hash = (size_t)mikey_mac_len(alg);
	uint8_t a[MIKEY_HASH_MAX], block[MIKEY_HASH_MAX];
	struct mikey_bytes run[2] = { label, label };
	EVP_MAC_CTX *ctx;
	int r = hmac_open(alg, s, &ctx);

	if (r)
		return r;
	for (size_t at = 0; at < out_len; at += hash) {
		/* A_0 is the label itself */
		r = hmac_run(ctx, run, 1, a);
		run[0] = (struct mikey_bytes){ a, hash };
		if (!r)
			r = hmac_run(ctx, run, 2, block);
		if (r)
			break;
		for (size_t i = 0; i < hash && at + i < out_len; i++)
			out[at + i] ^= block[i];
	}
	EVP_MAC_CTX_free(ctx);
	wipe(a, sizeof a);
	wipe(block, sizeof block);
	return r;
}

int mikey_prf(unsigned prf, struct mikey_bytes key, struct mikey_bytes label,
	      uint8_t *out, size_t out_len)
{
	unsigned alg = mikey_mac_of(prf);
	int r = 0;

	if (prf > MIKEY_PRF_SHA256)
		return E_UNSUPPORTED;
	if (!key.len)
		return E_ARG;
	memset(out, 0, out_len);
	for (size_t at = 0; at < key.len && !r; at += BLOCK) {
		size_t n = key.len - at < BLOCK ? key.len - at : BLOCK;

		r = add_p(alg, (struct mikey_bytes){ key.p + at, n }, label,
			  out, out_len);
	}
	return r;
}

int mikey_derive(const struct mikey_root *root, uint32_t constant,
		 uint8_t cs_id, uint8_t *out, size_t out_len)
{
	uint8_t label[9 + MIKEY_RAND_MAX];
	uint32_t words[2] = { constant, root->csb_id };

	if (root->rand.len > MIKEY_RAND_MAX)
		return E_ARG;
	for (size_t i = 0; i < 4; i++) {
		label[i] = (uint8_t)(words[0] >> (24 - 8 * i));
		label[5 + i] = (uint8_t)(words[1] >> (24 - 8 * i));
	}
	label[4] = cs_id;
	if (root->rand.len)
		memcpy(label + 9, root->rand.p, root->rand.len);
	return mikey_prf(root->prf,
			 (struct mikey_bytes){ root->key, root->key_len },
			 (struct mikey_bytes){ label, 9 + root->rand.len },
			 out, out_len);
}
