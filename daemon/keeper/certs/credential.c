/* credential.c - reading our certificate chain, private key, trust anchors,
 * revocation lists and peers' certificates; signing and opening with the
 * private key. See credential.h.
 *
 * All are PEM, read once from descriptors that the parent opened; the text of
 * a private key passes through one buffer, which is wiped. RSA is what RFC 3830
 * signs and seals with (4.2.5, 4.2.6); a key on P-256 or P-384 signs only
 * (signature.c).
 *
 * A sealed key is opened without OpenSSL's unpadding: whether the padding was
 * right must not be told apart (Bleichenbacher), so the block is taken apart
 * in constant time and a random key takes the place of one that is wrong.
 * Not done: encrypted private keys, hardware keys; RSA-OAEP, for which MIKEY
 * has no field: RFC 3830 4.2.5 takes it from the certificate's kind of key (RFC
 * 4055 id-RSAES-OAEP), which could not sign, and which no CA gives out. */
#include "daemon/keeper/certs/credential_inside.h"

#include "daemon/base/err.h"
#include "daemon/keeper/certs/certname.h"
#include "daemon/keeper/certs/credential_cms.h"
#include "daemon/keeper/pace.h"
#include "daemon/keeper/certs/signature.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX (1024 * 1024) /* bytes of one file */
#define RSA_BYTES_MAX SIGNATURE_MAX

int credential_fault(struct credential_fault *why, int err, const char *fmt,
		     ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	return err;
}

int credential_error(int err)
{
	unsigned long e;

	while ((e = ERR_get_error()))
		if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
			err = E_NOMEM;
	return err;
}

/* -- life ----------------------------------------------------------------- */

/* Signatures on certificates must be as strong as RSA-2048 with SHA-224: level
 * 2. Whatever the operator names is an anchor, also an intermediate one. */
static int store_new(X509_STORE **out)
{
	X509_VERIFY_PARAM *param;
	X509_STORE *s = X509_STORE_new();

	if (!s)
		return credential_error(E_NOMEM);
	param = X509_STORE_get0_param(s);
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	X509_VERIFY_PARAM_set_depth(param, CHAIN_MAX);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	*out = s;
	return 0;
}

int credential_new(struct credential **out)
{
	struct credential *c = calloc(1, sizeof *c);
	int r = E_NOMEM;

	if (c && (c->verified = verified_new()))
		r = store_new(&c->store);
	if (r) {
		if (c)
			verified_free(c->verified);
		free(c);
		return r;
	}
	*out = c;
	return 0;
}

static void forget_own(struct credential *c)
{
	sk_X509_pop_free(c->own, X509_free);
	c->own = NULL;
	for (size_t i = 0; i < CHAIN_MAX; i++) {
		OPENSSL_free((void *)(uintptr_t)c->own_der[i].p);
		c->own_der[i] = (struct der){ NULL, 0 };
	}
}

void credential_free(struct credential *c)
{
	struct known *k;

	if (!c || c->owners-- > 0)
		return;
	while ((k = c->known)) {
		c->known = k->next;
		sk_X509_pop_free(k->chain, X509_free);
		free(k);
	}
	forget_own(c);
	EVP_PKEY_free(c->key); /* wipes */
	X509_STORE_free(c->store);
	verified_free(c->verified);
	free(c);
}

struct credential *credential_keep(const struct credential *c)
{
	struct credential *own = (struct credential *)(uintptr_t)c;

	own->owners++;
	return own;
}

/* -- reading -------------------------------------------------------------- */

/* The whole file; the caller wipes and frees. */
static int read_file(int fd, char **text, size_t *len)
{
	off_t size = lseek(fd, 0, SEEK_END);
	ssize_t n = 1;
	size_t at = 0;

	if (size < 0 || size > PEM_MAX)
		return size < 0 ? E_IO : E_SPACE;
	*text = malloc((size_t)size + 1);
	if (!*text)
		return E_NOMEM;
	while (n > 0 && at < (size_t)size) {
		n = pread(fd, *text + at, (size_t)size - at, (off_t)at);
		at += n > 0 ? (size_t)n : 0;
	}
	*len = at;
	if (n >= 0)
		return 0;
	wipe(*text, (size_t)size);
	free(*text);
	return E_IO;
}

/* The end of PEM text is an error to OpenSSL, too. */
static int pem_end(size_t n, struct credential_fault *why, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	bool end = n && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
	int r = credential_error(E_FORMAT);

	if (end && r != E_NOMEM)
		return 0;
	return credential_fault(why, r, "%s", r == E_NOMEM ? err_text(r)
				: n ? "a part of it is no PEM" : what);
}

static int read_certs(BIO *in, STACK_OF(X509) **out,
		      struct credential_fault *why)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	X509 *x;
	int r = 0;

	if (!all)
		return credential_fault(why, credential_error(E_NOMEM),
					"out of memory");
	while (!r && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)))
		if (!sk_X509_push(all, x)) {
			X509_free(x);
			r = credential_fault(why, credential_error(E_NOMEM),
					     "out of memory");
		}
	if (!r)
		r = pem_end((size_t)sk_X509_num(all), why,
			    "holds no certificate in PEM");
	if (r)
		sk_X509_pop_free(all, X509_free);
	else
		*out = all;
	return r;
}

int credential_key_kind(const EVP_PKEY *key, struct credential_fault *why)
{
	if (key && signature_curve(key))
		return 0;
	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		return credential_fault(why, E_UNSUPPORTED, "its key is "
					"neither RSA nor on P-256 or P-384");
	if (EVP_PKEY_get_bits(key) < RSA_BITS_MIN ||
	    EVP_PKEY_get_size(key) > RSA_BYTES_MAX)
		return credential_fault(why, E_UNSUPPORTED, "its RSA key has "
					"%d bits; allowed: %d to %d",
					EVP_PKEY_get_bits(key), RSA_BITS_MIN,
					8 * RSA_BYTES_MAX);
	return 0;
}

static int read_own(struct credential *c, BIO *in, struct credential_fault *why)
{
	STACK_OF(X509) *all;
	int r = read_certs(in, &all, why), len;

	if (r)
		return r;
	forget_own(c);
	c->own = all;
	if (sk_X509_num(all) > CHAIN_MAX)
		return credential_fault(why, E_SPACE, "holds more than %d "
					"certificates", CHAIN_MAX);
	for (int i = 0; i < sk_X509_num(all); i++) {
		uint8_t *der = NULL;

		len = i2d_X509(sk_X509_value(all, i), &der);
		if (len <= 0)
			return credential_fault(why, credential_error(E_NOMEM),
						"out of memory");
		c->own_der[i] = (struct der){ der, (size_t)len };
	}
	return credential_key_kind(X509_get0_pubkey(sk_X509_value(all, 0)),
				   why);
}

/* A key under a passphrase: nobody is there to be asked. */
static int no_passphrase(char *buf, int size, int writing, void *user)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(bool *)user = true;
	return -1;
}

static int read_key(struct credential *c, BIO *in, struct credential_fault *why)
{
	bool asked = false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase,
						&asked);

	if (!key && asked) {
		ERR_clear_error();
		return credential_fault(why, E_UNSUPPORTED, "is under a "
					"passphrase; take it off: openssl "
					"pkey -in OLD -out NEW");
	}
	if (!key)
		return credential_fault(why, credential_error(E_FORMAT),
					"holds no private key in PEM");
	EVP_PKEY_free(c->key);
	c->key = key;
	return credential_key_kind(key, why);
}

static int read_anchors(struct credential *c, BIO *in,
			struct credential_fault *why)
{
	STACK_OF(X509) *all;
	int r = read_certs(in, &all, why);

	if (r)
		return r;
	for (int i = 0; !r && i < sk_X509_num(all); i++, c->anchors++)
		if (!X509_STORE_add_cert(c->store, sk_X509_value(all, i)))
			r = credential_fault(why, credential_error(E_NOMEM),
					     "out of memory");
	sk_X509_pop_free(all, X509_free);
	return r;
}

static int read_lists(struct credential *c, BIO *in,
		      struct credential_fault *why)
{
	X509_CRL *crl;
	size_t n = 0;
	int r = 0;

	for (; !r && (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)); n++) {
		if (!X509_STORE_add_crl(c->store, crl))
			r = credential_fault(why, credential_error(E_NOMEM),
					     "out of memory");
		X509_CRL_free(crl);
	}
	if (!r)
		r = pem_end(n, why, "holds no revocation list in PEM");
	c->lists += n;
	return r;
}

static int read_known(struct credential *c, const char *peer, BIO *in,
		      struct credential_fault *why)
{
	struct known *k = calloc(1, sizeof *k);
	int r = k ? read_certs(in, &k->chain, why)
		  : credential_fault(why, E_NOMEM, "out of memory");

	if (r) {
		free(k);
		return r;
	}
	strncpy(k->peer, peer, sizeof k->peer - 1);
	k->next = c->known;
	c->known = k;
	return credential_key_kind(
		X509_get0_pubkey(sk_X509_value(k->chain, 0)), why);
}

static int read_part(struct credential *c, enum credential_part part,
		     const char *peer, BIO *in, struct credential_fault *why)
{
	switch (part) {
	case CREDENTIAL_CERT:
		return read_own(c, in, why);
	case CREDENTIAL_KEY:
		return read_key(c, in, why);
	case CREDENTIAL_CA:
		return read_anchors(c, in, why);
	case CREDENTIAL_CRL:
		return read_lists(c, in, why);
	case CREDENTIAL_PEER:
		return read_known(c, peer, in, why);
	case CREDENTIAL_PARTS:
		break;
	}
	return credential_fault(why, E_ARG, "is for nothing");
}

int credential_read(struct credential *c, enum credential_part part,
		    const char *peer, int fd, struct credential_fault *why)
{
	char *text;
	size_t len;
	BIO *in;
	int r = read_file(fd, &text, &len);

	if (r)
		return credential_fault(why, r, "cannot be read: %s",
					err_text(r));
	ERR_clear_error();
	verified_clear(c->verified); /* whatever it is, it may change them */
	in = BIO_new_mem_buf(text, (int)len);
	r = in ? read_part(c, part, peer, in, why)
	       : credential_fault(why, credential_error(E_NOMEM),
				  "out of memory");
	BIO_free(in);
	wipe(text, len);
	free(text);
	return r;
}

/* -- fitting together ----------------------------------------------------- */

static X509 *leaf_of(const struct credential *c)
{
	return sk_X509_num(c->own) > 0 ? sk_X509_value(c->own, 0) : NULL;
}

static int check_own(const struct credential *c, uint64_t wall_us,
		     struct credential_fault *why)
{
	time_t now = (time_t)(wall_us / 1000000);
	X509 *leaf = leaf_of(c);

	if (!leaf || !c->key)
		return credential_fault(why, E_CONF, "identity: cert and key "
					"are needed both");
	if (!X509_check_private_key(leaf, c->key)) {
		ERR_clear_error();
		return credential_fault(why, E_CONF, "identity: the key does "
					"not belong to the certificate (the "
					"first one in cert)");
	}
	if (X509_cmp_time(X509_get0_notBefore(leaf), &now) >= 0)
		return credential_fault(why, E_CONF, "identity: the "
					"certificate is not valid yet");
	if (X509_cmp_time(X509_get0_notAfter(leaf), &now) <= 0)
		return credential_fault(why, E_CONF, "identity: the "
					"certificate has expired; get a new "
					"one");
	if (!certname_any(leaf))
		return credential_fault(why, E_CONF, "identity: the "
					"certificate has no subjectAltName "
					"with a sip: URI or a DNS name");
	if (!certname_usage(leaf) ||
	    !(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
		return credential_fault(why, E_CONF, "identity: the "
					"certificate's key usage does not "
					"allow to sign for SIP");
	return 0;
}

int credential_check(const struct credential *c, uint64_t wall_us,
		     struct credential_fault *why)
{
	if (c->own || c->key)
		return check_own(c, wall_us, why);
	return 0;
}

bool credential_stale(const struct credential *c, uint64_t wall_us,
		      struct credential_fault *why)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(c->store);
	time_t now = (time_t)(wall_us / 1000000);
	char issuer[100] = "";

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509_CRL *crl = X509_OBJECT_get0_X509_CRL(
			sk_X509_OBJECT_value(all, i));
		const ASN1_TIME *next = crl ? X509_CRL_get0_nextUpdate(crl)
					    : NULL;

		if (!next || X509_cmp_time(next, &now) > 0)
			continue;
		X509_NAME_oneline(X509_CRL_get_issuer(crl), issuer,
				  sizeof issuer);
		credential_fault(why, 0, "trust.crl: the list of %.60s is out "
				 "of date: its certificates are refused; get "
				 "a new one", issuer);
		return true;
	}
	return false;
}

bool credential_proves(const struct credential *c)
{
	return c && leaf_of(c) && c->key;
}

bool credential_ready(const struct credential *c)
{
	return credential_proves(c) && c->anchors;
}

/* -- our own key ---------------------------------------------------------- */

size_t credential_chain(const struct credential *c, struct der *out)
{
	size_t n = 0;

	for (; n < CHAIN_MAX && c->own_der[n].p; n++)
		out[n] = c->own_der[n];
	return n;
}

int credential_holds(const struct credential *c, const char *id,
		     struct credential_fault *why)
{
	char name[64];

	if (leaf_of(c) && certname_holds(leaf_of(c), id))
		return 0;
	return credential_fault(why, E_POLICY, "our own certificate is for "
				"%s, not for %.64s",
				leaf_of(c) ? certname_text(leaf_of(c), name,
							   sizeof name)
					   : "nobody", id);
}

void credential_pss(struct credential *c, bool on)
{
	c->pss = on;
}

enum signature credential_signature(const struct credential *c)
{
	if (signature_curve(c->key))
		return SIGNATURE_ECDSA;
	return c->pss ? SIGNATURE_PSS : SIGNATURE_PKCS1;
}

size_t credential_signature_len(const struct credential *c)
{
	return signature_len(c->key);
}

int credential_sign(const struct credential *c, enum signature type,
		    const struct der *run, size_t n, uint8_t *out)
{
	return signature_make(c->key, type, run, n, out);
}

bool credential_opens(const struct credential *c)
{
	return EVP_PKEY_get_base_id(c->key) == EVP_PKEY_RSA;
}

/* Masks of constant time: all ones for true. */
static unsigned is_zero(unsigned v)
{
	return 0u - ((~v & (v - 1)) >> (8 * sizeof v - 1));
}

static unsigned is_less(unsigned a, unsigned b) /* both below 2^31 */
{
	return 0u - ((a - b) >> (8 * sizeof a - 1));
}

static uint8_t choose(unsigned mask, uint8_t yes, uint8_t no)
{
	return (uint8_t)((mask & yes) | (~mask & no));
}

/* 00 02, eight or more bytes that are not 0, 00, the key (RFC 8017 7.2.2).
 * out comes with a random key of ENVELOPE_MIN bytes, which stays if not. */
static void unpad(const uint8_t *em, size_t n, struct secret *out)
{
	unsigned good = is_zero(em[0]) & is_zero(em[1] ^ 2u);
	unsigned at = 0, found = 0, len;

	for (unsigned i = 2; i < n; i++) {
		unsigned zero = is_zero(em[i]) & ~found;

		at |= zero & i;
		found |= zero;
	}
	len = (unsigned)n - 1 - at;
	good &= found & ~is_less(at, 10) & ~is_less(len, ENVELOPE_MIN) &
		~is_less(ENVELOPE_MAX, len);
	for (unsigned i = 0; i < ENVELOPE_MAX; i++) {
		uint8_t v = 0;

		for (unsigned k = 10; k < n; k++)
			v |= (uint8_t)(is_zero(k ^ (at + 1 + i)) & em[k]);
		out->bytes[i] = choose(good, v, out->bytes[i]);
	}
	out->len = (good & len) | (~good & ENVELOPE_MIN);
}

static int decrypt(const struct credential *c, struct der sealed, uint8_t *em)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, c->key, NULL);
	size_t len = RSA_BYTES_MAX;
	int r = ctx ? 0 : credential_error(E_NOMEM);

	if (!r && (EVP_PKEY_decrypt_init(ctx) <= 0 ||
		   EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) <= 0))
		r = credential_error(E_INTERNAL);
	pace_let_others();
	if (!r && (EVP_PKEY_decrypt(ctx, em, &len, sealed.p,
				    sealed.len) <= 0 || len != sealed.len))
		r = credential_error(E_FORMAT); /* not below the modulus */
	EVP_PKEY_CTX_free(ctx);
	return r;
}

int credential_open(const struct credential *c, struct der sealed,
		    struct secret *out)
{
	uint8_t em[RSA_BYTES_MAX];
	int r;

	if (!credential_opens(c))
		return E_UNSUPPORTED;
	if (sealed.len != (size_t)EVP_PKEY_get_size(c->key))
		return E_FORMAT;
	r = secret_random(out, ENVELOPE_MAX);
	if (!r)
		r = decrypt(c, sealed, em);
	if (!r)
		unpad(em, sealed.len, out);
	wipe(em, sizeof em);
	return r;
}

unsigned credential_bits(const struct credential *c)
{
	return (unsigned)EVP_PKEY_get_security_bits(c->key);
}

/* -- for CMS -------------------------------------------------------------- */

X509 *credential_leaf(const struct credential *c)
{
	return c ? leaf_of(c) : NULL;
}

EVP_PKEY *credential_private(const struct credential *c)
{
	return c ? c->key : NULL;
}

STACK_OF(X509) *credential_own(const struct credential *c)
{
	return c ? c->own : NULL;
}

STACK_OF(X509) *credential_known(const struct credential *c, const char *peer)
{
	const struct known *k = c->known;

	while (k && strcmp(k->peer, peer))
		k = k->next;
	return k ? k->chain : NULL;
}

int credential_kind(const EVP_PKEY *key, struct credential_fault *why)
{
	return credential_key_kind(key, why);
}
