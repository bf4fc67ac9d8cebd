/* smime_bench.c - what an S/MIME body costs: microseconds of the thread's CPU
 * to seal and to open, beside the bare OpenSSL operations that it cannot do
 * without (signing, checking, hashing the content, sealing and opening a key
 * by RSA-OAEP, or making a key pair and agreeing on a curve with KDF and key
 * wrap, AES-GCM), and the bytes that it adds to an SDP body. Medians of rounds
 * that take turns. The far end's certificate was seen before, so that its chain
 * is remembered; the floor checks no chain either. */
#include "daemon/mime/writer.h"
#include "modules/smime/open.h"
#include "modules/smime/seal.h"
#include "tests/mock/ca.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 15
#define CALLS 20 /* a round */
#define ALICE "sip:alice@a.example"
#define BOB "sip:bob@b.example"
#define SDP "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n" \
	    "t=0 0\r\nm=audio 49170 RTP/AVP 0 8 101\r\n" \
	    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
#define ENTITY "Content-Type: application/sdp\r\n\r\n" SDP

enum { SIGN, CHECK, HASH, WRAP, UNWRAP, SHARED, CIPHER, OPERATIONS };

static const struct row {
	const char *name;
	enum smime_form form;
	bool kek;
	int seal[OPERATIONS], open[OPERATIONS];
} rows[] = {
	{ "sign", SMIME_SIGN, false, { [SIGN] = 1, [HASH] = 1 },
	  { [CHECK] = 1, [HASH] = 1 } },
	{ "encrypt", SMIME_ENCRYPT, false, { [WRAP] = 1, [CIPHER] = 1 },
	  { [UNWRAP] = 1, [CIPHER] = 1 } },
	{ "encrypt-sign", SMIME_ENCRYPT_SIGN, false,
	  { [SIGN] = 1, [HASH] = 1, [WRAP] = 1, [CIPHER] = 1 },
	  { [CHECK] = 1, [HASH] = 1, [UNWRAP] = 1, [CIPHER] = 1 } },
	{ "sign-encrypt", SMIME_SIGN_ENCRYPT, false,
	  { [SIGN] = 1, [HASH] = 1, [WRAP] = 1, [CIPHER] = 1 },
	  { [CHECK] = 1, [HASH] = 1, [UNWRAP] = 1, [CIPHER] = 1 } },
	{ "sign-encrypt, session key", SMIME_SIGN_ENCRYPT, true,
	  { [SIGN] = 1, [HASH] = 1, [SHARED] = 1, [CIPHER] = 1 },
	  { [CHECK] = 1, [HASH] = 1, [SHARED] = 1, [CIPHER] = 1 } },
};

#define N_ROWS (sizeof rows / sizeof *rows)

/* With one kind of key. */
struct bench {
	EVP_PKEY *key, *other;
	struct credential *alice, *bob;
	struct smime_card *card[2];
	struct smime_kek kek;
	double seal[N_ROWS][2][ROUNDS], open[N_ROWS][2][ROUNDS];
	double floor[OPERATIONS][ROUNDS];
	size_t bytes[N_ROWS][2];
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double lap(uint64_t *since)
{
	uint64_t now = cpu_ns();
	double us = (double)(now - *since) / 1000 / CALLS;

	*since = now;
	return us;
}

static size_t length_of(const struct smime_sealed *s)
{
	struct buf b = buf_of(2 * MIME_BODY_MAX);
	size_t n;

	mime_put_fields(&b, &(struct mime_head){ .type = s->type,
		.disposition = s->disposition, .transfer = s->transfer });
	n = b.len - 2 + s->body.len;
	buf_free(&b);
	return n;
}

static int run_round(struct bench *b, size_t row, int sent, size_t round)
{
	const struct smime_to to = { .card = b->card[1], .id = BOB };
	const struct smime_card *known[] = { b->card[0] };
	const struct smime_seal seal = {
		.terms = { .credential = b->alice,
			   .wall_us = CA_NOW * 1000000ull },
		.form = rows[row].form,
		.envelope = { .cipher = SMIME_AES_128_GCM, .to = &to,
			      .n_to = !rows[row].kek, .key_id = true,
			      .kek = rows[row].kek ? &b->kek : NULL },
		.signing = { .certificates = sent, .capabilities = sent,
			     .key_id = true },
	};
	const struct smime_open open = {
		.terms = { .credential = b->bob,
			   .wall_us = CA_NOW * 1000000ull },
		.checking = { .id = ALICE, .known = known, .n_known = 1 },
		.kek = &b->kek, .n_kek = 1,
	};
	struct smime_sealed s[CALLS];
	struct smime_fault why = { SMIME_FINE, "" };
	static struct smime_opened o;
	uint64_t since = cpu_ns();
	int r = 0;

	for (size_t i = 0; i < CALLS && !r; i++)
		r = smime_seal(&seal, mime_text(ENTITY), &s[i], &why);
	b->seal[row][sent][round] = lap(&since);
	for (size_t i = 0; i < CALLS && !r; i++) {
		const struct mime_fields f = {
			.type = mime_text(s[i].type),
			.transfer = mime_text(s[i].transfer) };

		r = smime_open(&open, &f, (struct mime_bytes){
			s[i].body.data, s[i].body.len }, &o, &why);
		smime_opened_free(&o);
	}
	b->open[row][sent][round] = lap(&since);
	if (r) {
		fprintf(stderr, "smime_bench: %s\n", why.text);
		return r;
	}
	b->bytes[row][sent] = length_of(&s[0]);
	for (size_t i = 0; i < CALLS; i++)
		smime_sealed_free(&s[i]);
	return 0;
}

/* -- OpenSSL alone -------------------------------------------------------- */

static uint8_t text[1000], signature[512], wrapped[512];
static size_t signature_len, wrapped_len;

/* AES key wrap (RFC 3394) of one key. */
static int shared(void)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t out[32];
	int n, ok;

	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = EVP_EncryptInit_ex(ctx, EVP_aes_128_wrap(), NULL, text, NULL) &&
	     EVP_EncryptUpdate(ctx, out, &n, text, 16);
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static int agree(EVP_PKEY *own, EVP_PKEY *other)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	uint8_t out[16];
	size_t len = sizeof out;
	int ok = EVP_PKEY_derive_init(ctx) > 0 &&
		 EVP_PKEY_CTX_set_ecdh_kdf_type(ctx,
			EVP_PKEY_ECDH_KDF_X9_63) > 0 &&
		 EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0 &&
		 EVP_PKEY_CTX_set_ecdh_kdf_outlen(ctx, sizeof out) > 0 &&
		 EVP_PKEY_derive_set_peer(ctx, other) > 0 &&
		 EVP_PKEY_derive(ctx, out, &len) > 0 && shared();

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int wrap_on_curve(struct bench *b, bool make)
{
	EVP_PKEY *fresh = make ? EVP_EC_gen("P-256") : NULL;
	int ok = agree(make ? fresh : b->key, b->other);

	EVP_PKEY_free(fresh);
	return ok;
}

static int wrap_by_rsa(struct bench *b, bool make)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(b->key, NULL);
	uint8_t out[512];
	size_t len = sizeof out;
	int ok = (make ? EVP_PKEY_encrypt_init(ctx)
		       : EVP_PKEY_decrypt_init(ctx)) > 0 &&
		 EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) >
			 0 &&
		 EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0;

	if (make) {
		wrapped_len = sizeof wrapped;
		ok = ok && EVP_PKEY_encrypt(ctx, wrapped, &wrapped_len, text,
					    16) > 0;
	} else {
		ok = ok && EVP_PKEY_decrypt(ctx, out, &len, wrapped,
					    wrapped_len) > 0;
	}
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int cipher(void)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t out[sizeof ENTITY + 16];
	int n;
	int ok = EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, text,
				    text) &&
		 EVP_EncryptUpdate(ctx, out, &n, (const uint8_t *)ENTITY,
				   sizeof ENTITY) &&
		 EVP_EncryptFinal_ex(ctx, out, &n);

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static int operate(struct bench *b, int what)
{
	bool rsa = EVP_PKEY_get_base_id(b->key) == EVP_PKEY_RSA;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = 0;

	if (what == SIGN) {
		signature_len = sizeof signature;
		ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL,
					b->key) &&
		     EVP_DigestSign(ctx, signature, &signature_len, text,
				    sizeof text);
	} else if (what == CHECK) {
		ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
					  b->key) &&
		     EVP_DigestVerify(ctx, signature, signature_len, text,
				      sizeof text) == 1;
	} else if (what == HASH) {
		ok = EVP_Digest(ENTITY, sizeof ENTITY, signature + 256, NULL,
				EVP_sha256(), NULL);
	} else if (what == SHARED) {
		ok = shared();
	} else if (what == CIPHER) {
		ok = cipher();
	} else {
		ok = rsa ? wrap_by_rsa(b, what == WRAP)
			 : wrap_on_curve(b, what == WRAP);
	}
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -1;
}

static int floor_round(struct bench *b, size_t round)
{
	uint64_t since = cpu_ns();
	int r = 0;

	for (int what = 0; what < OPERATIONS; what++) {
		for (size_t i = 0; i < CALLS; i++)
			r |= operate(b, what);
		b->floor[what][round] = lap(&since);
	}
	return r;
}

/* -- the table ------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof *v, by_size);
	return v[ROUNDS / 2];
}

static void print_row(struct bench *b, const char *kind, size_t row, int sent,
		      const double *floor)
{
	double seal = median(b->seal[row][sent]);
	double open = median(b->open[row][sent]), least[2] = { 0, 0 };

	for (size_t o = 0; o < OPERATIONS; o++) {
		least[0] += rows[row].seal[o] * floor[o];
		least[1] += rows[row].open[o] * floor[o];
	}
	printf("| %s | %s | %s | %.0f | %.0f | %.0f | %.0f | %.2f | %zd |\n",
	       rows[row].name, kind, sent ? "sent" : "not sent", seal,
	       least[0], open, least[1],
	       (seal + open) / (least[0] + least[1]),
	       b->bytes[row][sent] -
		       (strlen("Content-Type: application/sdp\r\n" SDP)));
}

static struct credential *certify(struct bench *b, const struct ca *ca,
				  EVP_PKEY *key, const char *san, unsigned who)
{
	X509 *x = ca_issue(ca, key, "x", &(struct ca_order){
		.san = san, .key_id = true });
	struct credential *c = ca_credential(x, NULL, key, ca);
	struct der chain[CHAIN_MAX];
	struct smime_fault why;

	if (smime_card_new(chain, credential_chain(c, chain), &b->card[who],
			   &why))
		abort();
	X509_free(x);
	return c;
}

static int run_kind(const char *kind, const char *type, unsigned first)
{
	static struct bench b;
	struct ca ca = ca_make(0, "the issuer");
	double floor[OPERATIONS];

	memset(&b, 0, sizeof b);
	b.key = ca_key(first, type, 2048);
	b.other = ca_key(first + 1, type, 2048);
	b.alice = certify(&b, &ca, b.key, "URI:" ALICE, 0);
	b.bob = certify(&b, &ca, b.other, "URI:" BOB, 1);
	b.kek = (struct smime_kek){ .id = "12345678", .id_len = 8 };
	secret_random(&b.kek.key, 16);
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t row = 0; row < 2 * N_ROWS; row++)
			if (run_round(&b, row / 2, row % 2, round))
				return 1;
		if (floor_round(&b, round))
			return 1;
	}
	for (size_t o = 0; o < OPERATIONS; o++)
		floor[o] = median(b.floor[o]);
	for (size_t row = 0; row < 2 * N_ROWS; row++)
		print_row(&b, kind, row / 2, row % 2, floor);
	credential_free(b.alice);
	credential_free(b.bob);
	smime_card_free(b.card[0]);
	smime_card_free(b.card[1]);
	ca_free(&ca);
	return 0;
}

int main(void)
{
	printf("| form | keys | certificate | seal | floor | open | floor | "
	       "ratio | bytes |\n|---|---|---|---|---|---|---|---|---|\n");
	return run_kind("RSA-2048", "RSA", 1) || run_kind("P-256", "P-256", 3);
}
