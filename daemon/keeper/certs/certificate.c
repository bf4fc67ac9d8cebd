/* certificate.c - a far end's certificate: its chain, its name, its key.
 *
 * The chain must lead to an anchor of the operator's (RFC 5280 as OpenSSL does
 * it), at the time of the call. When revocation lists are configured, the
 * leaf's issuer must have one that is in date, and no certificate of the chain
 * may be on one. Then the leaf must be for SIP and name the far end (RFC 5922
 * section 7, certname.c), with a key usage for what it is used for.
 *
 * A chain that passed is remembered (verified.c), as long as all of this holds.
 *
 * Where the profile says so, a self-signed certificate takes the place of the
 * chain: the same but for anchor and lists, and the pins (trust.c) must agree
 * to it. A certificate that the operator names for a peer needs neither. */
#include "daemon/keeper/certs/credential_inside.h"

#include "daemon/base/err.h"
#include "daemon/keeper/certs/certname.h"
#include "daemon/keeper/certs/signature.h"
#include "daemon/uri.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct certificate {
	EVP_PKEY *key;
	struct pin pin;
};

void certificate_free(struct certificate *c)
{
	if (!c)
		return;
	EVP_PKEY_free(c->key);
	free(c);
}

/* An intermediate issuer without a list is no fault; the leaf's is. */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
	if (!ok &&
	    X509_STORE_CTX_get_error(ctx) == X509_V_ERR_UNABLE_TO_GET_CRL &&
	    X509_STORE_CTX_get_error_depth(ctx) > 0) {
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return 1;
	}
	return ok;
}

static int run_verify(const struct credential *c, X509_STORE_CTX *ctx,
		      uint64_t wall_us, struct credential_fault *why)
{
	unsigned long lists = X509_V_FLAG_CRL_CHECK |
			      X509_V_FLAG_CRL_CHECK_ALL;
	int err, r;

	X509_STORE_CTX_set_time(ctx, 0, (time_t)(wall_us / 1000000));
	if (c->lists)
		X509_STORE_CTX_set_flags(ctx, lists);
	X509_STORE_CTX_set_verify_cb(ctx, on_verify);
	if (X509_verify_cert(ctx) == 1)
		return 0;
	err = X509_STORE_CTX_get_error(ctx);
	r = credential_error(err == X509_V_ERR_OUT_OF_MEM ? E_NOMEM : E_AUTH);
	return credential_fault(why, r, "the far end's certificate is "
				"refused: %s",
				X509_verify_cert_error_string(err));
}

static long long seconds(const ASN1_TIME *t)
{
	struct tm tm = { .tm_year = 0 };

	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (long long)timegm(&tm) : 0;
}

static void narrow(struct span *span, const ASN1_TIME *from,
		   const ASN1_TIME *until)
{
	long long from_s = seconds(from), until_s = seconds(until);

	if (from_s >= span->from_s)
		span->from_s = from_s + 1; /* OpenSSL wants it to be past */
	if (until_s < span->until_s)
		span->until_s = until_s;
}

/* How long what was verified holds: as long as each of the chain, and all
 * lists that there are. */
static struct span span_of(const struct credential *c, X509_STORE_CTX *ctx)
{
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(c->store);
	struct span span = { 0, INT64_MAX };

	for (int i = 0; i < sk_X509_num(chain); i++)
		narrow(&span, X509_get0_notBefore(sk_X509_value(chain, i)),
		       X509_get0_notAfter(sk_X509_value(chain, i)));
	for (int i = 0; c->lists && i < sk_X509_OBJECT_num(all); i++) {
		const X509_CRL *crl = X509_OBJECT_get0_X509_CRL(
			sk_X509_OBJECT_value(all, i));

		if (crl)
			narrow(&span, X509_CRL_get0_lastUpdate(crl),
			       X509_CRL_get0_nextUpdate(crl));
	}
	return span;
}

static int check_path(const struct credential *c, STACK_OF(X509) *chain,
		      uint64_t wall_us, struct span *span,
		      struct credential_fault *why)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r;

	if (!ctx || !X509_STORE_CTX_init(ctx, c->store,
					 sk_X509_value(chain, 0), chain))
		r = credential_fault(why, credential_error(E_NOMEM),
				     "out of memory");
	else
		r = run_verify(c, ctx, wall_us, why);
	if (!r)
		*span = span_of(c, ctx);
	X509_STORE_CTX_free(ctx);
	return r;
}

static int check_use(X509 *leaf, unsigned use, struct credential_fault *why)
{
	uint32_t may = X509_get_key_usage(leaf);

	if (use & CERTIFICATE_SIGNS && !(may & KU_DIGITAL_SIGNATURE))
		return credential_fault(why, E_AUTH, "the far end's "
					"certificate may not sign (key usage)");
	if (use & CERTIFICATE_ENCRYPTS &&
	    signature_curve(X509_get0_pubkey(leaf)))
		return credential_fault(why, E_UNSUPPORTED, "the far end's key "
					"is on a curve and can receive no "
					"keys: use mikey-ecdh or mikey-dh");
	if (use & CERTIFICATE_ENCRYPTS && !(may & KU_KEY_ENCIPHERMENT))
		return credential_fault(why, E_AUTH, "the far end's "
					"certificate may not receive keys (key "
					"usage)");
	if (use & CERTIFICATE_AGREES && (!(may & KU_KEY_AGREEMENT) ||
	    !signature_curve(X509_get0_pubkey(leaf))))
		return credential_fault(why, E_AUTH, "no keys may be agreed "
					"with the far end's certificate (key "
					"usage)");
	if (!certname_usage(leaf))
		return credential_fault(why, E_AUTH, "the far end's "
					"certificate is not for SIP (extended "
					"key usage)");
	return 0;
}

static int check_name(X509 *leaf, const char *id, struct credential_fault *why)
{
	char name[64];

	if (certname_holds(leaf, id))
		return 0;
	return credential_fault(why, credential_error(E_AUTH), "the far end's "
				"certificate is for %s, the call is with %.56s",
				certname_text(leaf, name, sizeof name), id);
}

/* One that nobody vouches for: it must stand for itself, and be in date. */
static int check_self(STACK_OF(X509) *chain, uint64_t wall_us,
		      struct credential_fault *why)
{
	X509 *leaf = sk_X509_value(chain, 0);
	time_t now = (time_t)(wall_us / 1000000);

	if (sk_X509_num(chain) != 1 || X509_self_signed(leaf, 1) != 1)
		return credential_fault(why, credential_error(E_AUTH), "the "
					"far end's certificate is not self-"
					"signed: trust = \"ca\" is for those "
					"of an issuer");
	if (X509_cmp_time(X509_get0_notBefore(leaf), &now) >= 0)
		return credential_fault(why, E_AUTH, "the far end's "
					"certificate is not valid yet");
	if (X509_cmp_time(X509_get0_notAfter(leaf), &now) <= 0)
		return credential_fault(why, E_AUTH, "the far end's "
					"certificate has expired");
	return 0;
}

static int check_pin(X509 *leaf, const struct credential_ask *ask,
		     struct pin *pin, struct credential_fault *why)
{
	char name[URI_NAME_TEXT];
	uint8_t print[FINGERPRINT];
	unsigned len = sizeof print;

	if (!uri_name(ask->id, name) ||
	    X509_digest(leaf, EVP_sha256(), print, &len) != 1)
		return credential_fault(why, credential_error(E_INTERNAL),
					"the certificate has no fingerprint");
	return trust_check(&ask->trust, name, certname_is_domain(leaf, ask->id),
			   print, pin, why->text);
}

static int check_leaf(X509 *leaf, const struct credential_ask *ask,
		      struct credential_fault *why)
{
	struct credential_fault kind;
	int r = credential_key_kind(X509_get0_pubkey(leaf), &kind);

	if (r)
		return credential_fault(why, credential_error(r), "the far "
					"end's certificate is refused: %.100s",
					kind.text);
	r = check_use(leaf, ask->use, why);
	if (!r)
		r = check_name(leaf, ask->id, why);
	return r ? credential_error(r) : 0;
}

/* By its leaf's key, of which it takes a reference. */
static int certificate_new(EVP_PKEY *key, const struct pin *pin,
			   struct certificate **out,
			   struct credential_fault *why)
{
	struct certificate *x = calloc(1, sizeof *x);

	if (!x || !key || !EVP_PKEY_up_ref(key)) {
		free(x);
		return credential_fault(why, E_NOMEM, "out of memory");
	}
	x->key = key;
	x->pin = *pin;
	*out = x;
	return 0;
}

/* Up to an anchor; kept for the next time under that name of it. */
static int believe_path(const struct credential *c, STACK_OF(X509) *chain,
			const struct credential_ask *ask, const uint8_t *key,
			struct credential_fault *why)
{
	struct span span;
	int r = check_path(c, chain, ask->wall_us, &span, why);

	if (!r)
		verified_add(c->verified, key, span,
			     X509_get0_pubkey(sk_X509_value(chain, 0)));
	return r;
}

static int check_chain(const struct credential *c, STACK_OF(X509) *chain,
		       const struct credential_ask *ask, const uint8_t *key,
		       struct pin *pin, struct credential_fault *why)
{
	X509 *leaf = sk_X509_value(chain, 0);
	int r = check_leaf(leaf, ask, why);

	if (r)
		return r;
	if (!ask->trust.tofu)
		return believe_path(c, chain, ask, key, why);
	r = check_self(chain, ask->wall_us, why);
	return r || !pin ? r : check_pin(leaf, ask, pin, why);
}

/* What was verified before; E_NOTFOUND. Sets its name for the next time. */
static int known_path(const struct credential *c,
		      const struct verified_case *of, uint8_t key[static 32],
		      struct certificate **out, struct credential_fault *why)
{
	const struct pin none = { .state = PIN_NONE };
	EVP_PKEY *leaf;
	int r = verified_key(of, key);

	if (r)
		return credential_fault(why, r, "out of memory");
	leaf = of->ask->trust.tofu ? NULL
				   : verified_find(c->verified, key,
						   of->ask->wall_us);
	if (!leaf)
		return E_NOTFOUND;
	r = certificate_new(leaf, &none, out, why);
	EVP_PKEY_free(leaf);
	return r;
}

const struct pin *certificate_pin(const struct certificate *c)
{
	return &c->pin;
}

static int parse(const struct der *chain, size_t n, STACK_OF(X509) **out,
		 struct credential_fault *why)
{
	STACK_OF(X509) *all = sk_X509_new_reserve(NULL, (int)n);
	int r = all ? 0 : credential_error(E_NOMEM);

	for (size_t i = 0; i < n && !r; i++) {
		const uint8_t *p = chain[i].p;
		X509 *x = d2i_X509(NULL, &p, (long)chain[i].len);

		if (!x || p != chain[i].p + chain[i].len) {
			X509_free(x);
			r = credential_error(E_FORMAT);
		} else {
			sk_X509_push(all, x); /* has room */
		}
	}
	if (!r) {
		*out = all;
		return 0;
	}
	sk_X509_pop_free(all, X509_free);
	return credential_fault(why, r, "the far end's certificate is %s",
				err_text(r));
}

int credential_verify(const struct credential *c, const struct der *chain,
		      size_t n, const struct credential_ask *ask,
		      struct certificate **out, struct credential_fault *why)
{
	const struct verified_case of = { false, chain, n, ask };
	struct pin pin = { .state = PIN_NONE };
	STACK_OF(X509) *all = NULL;
	uint8_t key[32];
	int r;

	if (!n || n > CHAIN_MAX)
		return credential_fault(why, E_UNSUPPORTED, "the far end sent "
					"%zu certificates; allowed: 1 to %d",
					n, CHAIN_MAX);
	ERR_clear_error();
	r = known_path(c, &of, key, out, why);
	if (r != E_NOTFOUND)
		return r;
	r = parse(chain, n, &all, why);
	if (r)
		return r;
	r = check_chain(c, all, ask, key, &pin, why);
	if (!r)
		r = certificate_new(X509_get0_pubkey(sk_X509_value(all, 0)),
				    &pin, out, why);
	sk_X509_pop_free(all, X509_free);
	return r;
}

int credential_peer(const struct credential *c, const char *peer,
		    const struct credential_ask *ask, struct certificate **out,
		    struct credential_fault *why)
{
	const struct der name = { (const uint8_t *)peer, strlen(peer) };
	const struct verified_case of = { true, &name, 1, ask };
	const struct pin none = { .state = PIN_NONE };
	const struct known *k = c->known;
	uint8_t key[32];
	int r;

	while (k && strcmp(k->peer, peer))
		k = k->next;
	if (!k)
		return credential_fault(why, E_NOTFOUND, "no certificate of "
					"peer %.40s is configured: set its "
					"cert, or use mikey-rsa-r", peer);
	ERR_clear_error();
	r = known_path(c, &of, key, out, why);
	if (r != E_NOTFOUND)
		return r;
	r = check_chain(c, k->chain, ask, key, NULL, why);
	if (!r)
		r = certificate_new(
			X509_get0_pubkey(sk_X509_value(k->chain, 0)), &none,
			out, why);
	return r;
}

int certificate_signed(const struct certificate *c, unsigned type,
		       const struct der *run, size_t n, struct der sig)
{
	ERR_clear_error();
	return signature_check(c->key, type, run, n, sig);
}

int certificate_seal(const struct certificate *c, const struct secret *key,
		     uint8_t *out, size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, c->key, NULL);
	size_t n = SIGNATURE_MAX;
	int r = ctx ? 0 : credential_error(E_NOMEM);

	if (!r && (EVP_PKEY_encrypt_init(ctx) <= 0 ||
		   EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) <= 0 ||
		   EVP_PKEY_encrypt(ctx, out, &n, key->bytes, key->len) <= 0))
		r = credential_error(E_INTERNAL);
	EVP_PKEY_CTX_free(ctx);
	if (!r)
		*len = n;
	return r;
}

unsigned certificate_bits(const struct certificate *c)
{
	return (unsigned)EVP_PKEY_get_security_bits(c->key);
}
