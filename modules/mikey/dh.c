/* dh.c - Diffie-Hellman in the groups of RFC 3830 section 4.2.7: OAKLEY 5
 * (RFC 3526 section 2, 1536 bit) and, for old peers, OAKLEY 1 and 2 (RFC 2409
 * section 6.1 and 6.2); and on the curves P-256 and P-384, points and secret as
 * doc/MIKEY-ECC.md has them (RFC 5480 2.2, RFC 5903 section 7).
 *
 * The primes are safe ones, p = 2q + 1, and the private value serves one
 * offer: a public value from 2 to p - 2 is all that has to be checked (the
 * rule of RFC 6989 section 2.1 for the same groups in IKE); only a legal
 * order of q could be asked beyond that, at the price of another
 * exponentiation, and would tell a liar one bit of a value used once.
 * Both curves are of prime order, so that a point of them is all that has to be
 * checked there; OpenSSL does so when it reads one.
 *
 * OpenSSL knows group 5 by name and takes private values of twice the group's
 * strength there; the others are given by their numbers. The parameters of a
 * group are made once and live as long as the process. Any thread. */
#include "modules/mikey/dh.h"

#include "daemon/base/err.h"
#include "daemon/keeper/pace.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GENERATOR 2

static const struct group {
	uint8_t number;
	const char *name;
	size_t len, secret_len;
	unsigned bits; /* RFC 3526 8, the lower estimate; the others less */
	BIGNUM *(*prime)(BIGNUM *); /* NULL: a curve */
	const char *known; /* to OpenSSL by this name */
	bool weak;
} groups[] = {
	{ MIKEY_OAKLEY_5, "OAKLEY 5 (1536 bits)", 192, 192, 90,
	  BN_get_rfc3526_prime_1536, "modp_1536", false },
	{ MIKEY_OAKLEY_1, "OAKLEY 1 (768 bits)", 96, 96, 60,
	  BN_get_rfc2409_prime_768, NULL, true },
	{ MIKEY_OAKLEY_2, "OAKLEY 2 (1024 bits)", 128, 128, 70,
	  BN_get_rfc2409_prime_1024, NULL, true },
	{ MIKEY_P256, "P-256", 65, 32, 128, NULL, "P-256", false },
	{ MIKEY_P384, "P-384", 97, 48, 192, NULL, "P-384", false },
};

/* Its first byte tells that a point is not compressed (RFC 5480 2.2). */
#define UNCOMPRESSED 4

struct mikey_dh {
	const struct group *group;
	EVP_PKEY *key;
	uint8_t public[MIKEY_DH_MAX];
};

#define N_GROUPS (sizeof groups / sizeof *groups)

static const struct group *group_of(unsigned number)
{
	for (size_t i = 0; i < N_GROUPS; i++)
		if (groups[i].number == number)
			return &groups[i];
	return NULL;
}

size_t mikey_dh_len(unsigned group)
{
	const struct group *g = group_of(group);

	return g ? g->len : 0;
}

bool mikey_dh_is_curve(unsigned group)
{
	const struct group *g = group_of(group);

	return g && !g->prime;
}

unsigned mikey_dh_curve_for(size_t key_len)
{
	return key_len > 16 ? MIKEY_P384 : MIKEY_P256;
}

const char *mikey_dh_name(unsigned group)
{
	const struct group *g = group_of(group);

	return g ? g->name : "an unknown group";
}

unsigned mikey_dh_bits(unsigned group)
{
	const struct group *g = group_of(group);

	return g ? g->bits : 0;
}

bool mikey_dh_allowed(unsigned group, bool legacy)
{
	const struct group *g = group_of(group);

	return g && (legacy || !g->weak);
}

/* -- the parameters ------------------------------------------------------- */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) > 0)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *by_name(const struct group *g)
{
	char text[16];
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, text, 0),
		OSSL_PARAM_END,
	};

	strcpy(text, g->known);
	params[0].data_size = strlen(text);
	return from_params(g->prime ? "DH" : "EC", params);
}

static EVP_PKEY *by_number(const struct group *group)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *p = group->prime(NULL), *g = BN_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (bld && p && g && BN_set_word(g, GENERATOR) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_P, p) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_G, g))
		params = OSSL_PARAM_BLD_to_param(bld);
	if (params)
		key = from_params("DH", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(p);
	BN_free(g);
	return key;
}

/* Borrowed; NULL without memory. Two threads may both make one: the loser
 * frees its own. */
static EVP_PKEY *params_of(const struct group *group)
{
	static _Atomic(EVP_PKEY *) made[N_GROUPS];
	size_t i = (size_t)(group - groups);
	EVP_PKEY *key = atomic_load(&made[i]), *none = NULL;

	if (key)
		return key;
	key = group->known ? by_name(group) : by_number(group);
	if (key && !atomic_compare_exchange_strong(&made[i], &none, key)) {
		EVP_PKEY_free(key);
		key = none;
	}
	return key;
}

/* -- our half ------------------------------------------------------------- */

static int generate(struct mikey_dh *d)
{
	EVP_PKEY *params = params_of(d->group);
	EVP_PKEY_CTX *ctx = params ? EVP_PKEY_CTX_new_from_pkey(NULL, params,
								NULL) : NULL;
	int r = ctx ? 0 : E_NOMEM;

	pace_let_others();
	if (!r && (EVP_PKEY_keygen_init(ctx) <= 0 ||
		   EVP_PKEY_keygen(ctx, &d->key) <= 0))
		r = E_INTERNAL;
	EVP_PKEY_CTX_free(ctx);
	return r;
}

static int read_point(struct mikey_dh *d)
{
	size_t len;

	if (!EVP_PKEY_get_octet_string_param(d->key, OSSL_PKEY_PARAM_PUB_KEY,
					     d->public, sizeof d->public,
					     &len))
		return E_NOMEM;
	return len == d->group->len && d->public[0] == UNCOMPRESSED
		       ? 0 : E_INTERNAL;
}

static int read_public(struct mikey_dh *d)
{
	BIGNUM *y = NULL;
	int r = E_NOMEM;

	if (!d->group->prime)
		return read_point(d);
	if (EVP_PKEY_get_bn_param(d->key, OSSL_PKEY_PARAM_PUB_KEY, &y) &&
	    BN_bn2binpad(y, d->public, (int)d->group->len) > 0)
		r = 0;
	BN_free(y);
	return r;
}

int mikey_dh_new(unsigned group, struct mikey_dh **out)
{
	const struct group *g = group_of(group);
	struct mikey_dh *d;
	int r;

	if (!g)
		return E_UNSUPPORTED;
	d = calloc(1, sizeof *d);
	if (!d)
		return E_NOMEM;
	d->group = g;
	r = generate(d);
	if (!r)
		r = read_public(d);
	if (r) {
		mikey_dh_free(d);
		return r;
	}
	*out = d;
	return 0;
}

void mikey_dh_free(struct mikey_dh *d)
{
	if (!d)
		return;
	EVP_PKEY_free(d->key); /* wipes the private value */
	free(d);
}

unsigned mikey_dh_group(const struct mikey_dh *d)
{
	return d->group->number;
}

struct mikey_bytes mikey_dh_public(const struct mikey_dh *d)
{
	return (struct mikey_bytes){ d->public, d->group->len };
}

/* -- the other half ------------------------------------------------------- */

static int check_number(const struct group *g, struct mikey_bytes value)
{
	BIGNUM *y = BN_bin2bn(value.p, (int)value.len, NULL);
	BIGNUM *most = g->prime(NULL);
	int r = E_FORMAT;

	if (!y || !most || !BN_sub_word(most, 2))
		r = E_NOMEM;
	else if (!BN_is_zero(y) && !BN_is_one(y) && BN_cmp(y, most) <= 0)
		r = 0;
	BN_free(y);
	BN_free(most);
	return r;
}

/* On a curve this is the check, too; a number was checked before. */
static int import_peer(const struct group *g, struct mikey_bytes value,
		       EVP_PKEY **out)
{
	EVP_PKEY *params = params_of(g), *key = EVP_PKEY_new();
	int r = E_NOMEM;

	if (params && key && EVP_PKEY_copy_parameters(key, params) > 0 &&
	    EVP_PKEY_set1_encoded_public_key(key, value.p, value.len) > 0)
		r = 0;
	else if (params && key && !g->prime)
		r = E_FORMAT;
	if (r) {
		EVP_PKEY_free(key);
		return r;
	}
	*out = key;
	return 0;
}

static int check_point(const struct group *g, struct mikey_bytes value)
{
	EVP_PKEY *key;
	int r;

	if (value.p[0] != UNCOMPRESSED)
		return E_FORMAT;
	r = import_peer(g, value, &key);
	if (!r)
		EVP_PKEY_free(key);
	return r;
}

int mikey_dh_check(unsigned group, struct mikey_bytes value)
{
	const struct group *g = group_of(group);

	if (!g)
		return E_UNSUPPORTED;
	if (value.len != g->len)
		return E_FORMAT;
	return g->prime ? check_number(g, value) : check_point(g, value);
}

/* Without OpenSSL's own validation, which asks for the order, too. */
static int derive(const struct mikey_dh *d, EVP_PKEY *peer,
		  struct secret *out)
{
	unsigned pad = 1;
	OSSL_PARAM params[] = {
		OSSL_PARAM_uint(OSSL_EXCHANGE_PARAM_PAD, &pad),
		OSSL_PARAM_END,
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, d->key, NULL);
	struct secret got = { 0 };
	size_t len = sizeof got.bytes;
	int r = ctx ? 0 : E_NOMEM;

	pace_let_others();
	if (!r && (EVP_PKEY_derive_init_ex(ctx, params) <= 0 ||
		   EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) <= 0 ||
		   EVP_PKEY_derive(ctx, got.bytes, &len) <= 0 ||
		   len != d->group->secret_len))
		r = E_INTERNAL;
	EVP_PKEY_CTX_free(ctx);
	got.len = len;
	if (!r)
		*out = got;
	wipe(&got, sizeof got);
	return r;
}

int mikey_dh_shared(const struct mikey_dh *d, struct mikey_bytes peer,
		    struct secret *out)
{
	EVP_PKEY *key;
	int r = mikey_dh_check(d->group->number, peer);

	if (!r && !memcmp(peer.p, d->public, peer.len))
		r = E_FORMAT;
	if (!r)
		r = import_peer(d->group, peer, &key);
	if (r)
		return r;
	r = derive(d, key, out);
	EVP_PKEY_free(key);
	return r;
}
