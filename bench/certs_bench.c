/* certs_bench.c - what a MIKEY exchange that proves itself by certificates
 * costs: offer, answer and finish, microseconds each, beside the bare OpenSSL
 * operations that it cannot do without: RSA-2048 signing, checking (of the
 * message alone: that of the far end's certificate is remembered), sealing and
 * opening, Diffie-Hellman in group 5; or ECDSA and ECDH on P-256. Medians of
 * rounds that take turns. */
#include "daemon/base/clock.h"
#include "modules/mikey/dh.h"
#include "modules/mikey/dhsign.h"
#include "modules/mikey/pke.h"
#include "modules/mikey/rsa_r.h"
#include "tests/mock/ca.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 15
#define CALLS 20 /* a round */

enum { OFFER, ANSWER, FINISH, STEPS };
enum { SIGN, CHECK, SEAL, OPEN, MAKE, AGREE, OPERATIONS };

/* Whose keys the methods use. */
enum { RSA_2048, P_256, KINDS };

static const struct {
	const char *type;
	unsigned bits, group;
	const EVP_MD *(*hash)(void);
} kinds[KINDS] = {
	[RSA_2048] = { "RSA", 2048, MIKEY_OAKLEY_5, EVP_sha1 },
	[P_256] = { "P-256", 0, MIKEY_P256, EVP_sha256 },
};

/* An exchange of signed values. */
#define SIGNED_DH { [OFFER] = { [SIGN] = 1, [MAKE] = 1 }, \
		    [ANSWER] = { [SIGN] = 1, [CHECK] = 1, [MAKE] = 1, \
				 [AGREE] = 1 }, \
		    [FINISH] = { [CHECK] = 1, [AGREE] = 1 } }

static const struct {
	const struct keying *method;
	int kind;
	int needs[STEPS][OPERATIONS]; /* how many of each operation */
} rows[] = {
	{ &mikey_pke, RSA_2048, { [OFFER] = { [SIGN] = 1, [SEAL] = 1 },
			[ANSWER] = { [CHECK] = 1, [OPEN] = 1 } } },
	{ &mikey_rsa_r, RSA_2048, { [OFFER] = { [SIGN] = 1 },
			  [ANSWER] = { [SIGN] = 1, [CHECK] = 1, [SEAL] = 1 },
			  [FINISH] = { [CHECK] = 1, [OPEN] = 1 } } },
	{ &mikey_dhsign, RSA_2048, SIGNED_DH },
	{ &mikey_ecdh, P_256, SIGNED_DH },
};

#define N_ROWS (sizeof rows / sizeof *rows)

/* Two ends with certificates of one kind. */
struct pair {
	struct keying_terms a, b;
	EVP_PKEY *key;
	struct mikey_dh *one, *other;
	uint8_t signature[256], sealed[256];
	size_t signature_len;
	double floor[OPERATIONS][ROUNDS];
};

struct bench {
	struct pair pair[KINDS];
	double us[N_ROWS][STEPS][ROUNDS];
};

static double lap(uint64_t *since)
{
	uint64_t now = clock_mono_us(&clock_system);
	double us = (double)(now - *since) / CALLS;

	*since = now;
	return us;
}

static int run_round(struct bench *b, size_t row, size_t round)
{
	struct buf offer[CALLS], answer[CALLS];
	struct keying_pending *pending[CALLS] = { NULL };
	const struct keying *k = rows[row].method;
	struct pair *p = &b->pair[rows[row].kind];
	struct keying_result res;
	struct keying_fault why = { "" };
	uint64_t since = clock_mono_us(&clock_system);
	int r = 0;

	for (size_t i = 0; i < CALLS; i++) {
		offer[i] = answer[i] = buf_of(KEYING_MAX);
		r |= k->offer(&p->a, &offer[i], &pending[i], &res, &why);
	}
	b->us[row][OFFER][round] = lap(&since);
	for (size_t i = 0; i < CALLS && !r; i++)
		r |= k->answer(&p->b, offer[i].data, offer[i].len, &answer[i],
			       &res, &why);
	b->us[row][ANSWER][round] = lap(&since);
	for (size_t i = 0; i < CALLS && !r; i++)
		r |= k->finish(pending[i], answer[i].data, answer[i].len,
			       p->a.wall_us, &res, &why);
	b->us[row][FINISH][round] = lap(&since);
	for (size_t i = 0; i < CALLS; i++) {
		k->drop(pending[i]);
		buf_free(&offer[i]);
		buf_free(&answer[i]);
	}
	if (r)
		fprintf(stderr, "certs_bench: %s\n", why.text);
	return r;
}

/* -- OpenSSL alone -------------------------------------------------------- */

static const uint8_t text[1000];

/* Of this kind of key there is such an operation. */
static bool has(int kind, int what)
{
	return kind == RSA_2048 || (what != SEAL && what != OPEN);
}

static bool sign(struct pair *p, EVP_MD_CTX *ctx, const EVP_MD *hash)
{
	p->signature_len = sizeof p->signature;
	return EVP_DigestSignInit(ctx, NULL, hash, NULL, p->key) &&
	       EVP_DigestSign(ctx, p->signature, &p->signature_len, text,
			      sizeof text);
}

static bool check(struct pair *p, EVP_MD_CTX *ctx, const EVP_MD *hash)
{
	return EVP_DigestVerifyInit(ctx, NULL, hash, NULL, p->key) &&
	       EVP_DigestVerify(ctx, p->signature, p->signature_len, text,
				sizeof text) == 1;
}

static bool envelope(struct pair *p, int what)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(p->key, NULL);
	uint8_t out[256];
	size_t len = sizeof out;
	bool ok = what == SEAL
		? EVP_PKEY_encrypt_init(ctx) > 0 &&
		  EVP_PKEY_encrypt(ctx, p->sealed, &len, text, 16) > 0
		: EVP_PKEY_decrypt_init(ctx) > 0 &&
		  EVP_PKEY_decrypt(ctx, out, &len, p->sealed, 256) > 0;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool operate(struct pair *p, int kind, int what)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct mikey_dh *dh = NULL;
	struct secret key;
	bool ok;

	if (what == SIGN)
		ok = sign(p, ctx, kinds[kind].hash());
	else if (what == CHECK)
		ok = check(p, ctx, kinds[kind].hash());
	else if (what == MAKE)
		ok = !mikey_dh_new(kinds[kind].group, &dh);
	else if (what == AGREE)
		ok = !mikey_dh_shared(p->one, mikey_dh_public(p->other), &key);
	else
		ok = envelope(p, what);
	mikey_dh_free(dh);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool floor_round(struct pair *p, int kind, size_t round)
{
	uint64_t since = clock_mono_us(&clock_system);
	bool ok = true;

	for (int what = 0; what < OPERATIONS; what++) {
		for (size_t i = 0; i < CALLS && has(kind, what); i++)
			ok &= operate(p, kind, what);
		p->floor[what][round] = lap(&since);
	}
	return ok;
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

static void print_row(struct bench *b, size_t row)
{
	struct pair *p = &b->pair[rows[row].kind];
	double sum = 0, least = 0;

	printf("%-14s", rows[row].method->name);
	for (size_t s = 0; s < STEPS; s++) {
		double us = median(b->us[row][s]), need = 0;

		for (size_t o = 0; o < OPERATIONS; o++)
			need += rows[row].needs[s][o] *
				median(p->floor[o]);
		printf(" %8.0f %8.0f", us, need);
		sum += us;
		least += need;
	}
	printf(" %8.0f %8.0f  %.2f\n", sum, least, sum / least);
}

static void certify(struct pair *p, int kind)
{
	struct ca ca = ca_make(0, "the issuer");
	X509 *x;

	p->key = ca_key(1 + (unsigned)kind, kinds[kind].type,
			kinds[kind].bits);
	x = ca_issue(&ca, p->key, "x", &(struct ca_order){
		.san = "URI:sip:a.example,URI:sip:b.example" });
	p->a.credential = ca_credential(x, NULL, p->key, &ca);
	p->b.credential = ca_credential(x, NULL, p->key, &ca);
	ca_add((struct credential *)(uintptr_t)p->a.credential,
	       CREDENTIAL_PEER, "b", ca_file(x, NULL, NULL, NULL));
	X509_free(x);
	ca_free(&ca);
}

static int open_pair(struct pair *p, int kind)
{
	static const enum suite suite[1] = { SUITE_AEAD_AES_128_GCM };
	static uint32_t ssrc[1] = { 1 };

	p->a = p->b = (struct keying_terms){
		.local_id = "sip:alice@a.example",
		.remote_id = "sip:bob@b.example", .peer = "b",
		.suites = suite, .n_suites = 1, .n = 1, .ssrc = ssrc,
		.wall_us = CA_NOW * 1000000ull, .window_us = 300000000,
		.verify = true,
	};
	p->b.local_id = p->a.remote_id;
	p->b.remote_id = p->a.local_id;
	certify(p, kind);
	return mikey_dh_new(kinds[kind].group, &p->one) ||
	       mikey_dh_new(kinds[kind].group, &p->other);
}

static int rounds(struct bench *b)
{
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t row = 0; row < N_ROWS; row++)
			if (run_round(b, row, round))
				return 1;
		for (int kind = 0; kind < KINDS; kind++)
			if (!floor_round(&b->pair[kind], kind, round))
				return 1;
	}
	return 0;
}

int main(void)
{
	static struct bench b;

	for (int kind = 0; kind < KINDS; kind++)
		if (open_pair(&b.pair[kind], kind))
			return 1;
	if (rounds(&b))
		return 1;
	printf("%-14s %17s %17s %17s %17s  ratio\n", "us a call, floor",
	       "offer", "answer", "finish", "sum");
	for (size_t row = 0; row < N_ROWS; row++)
		print_row(&b, row);
	for (int kind = 0; kind < KINDS; kind++) {
		mikey_dh_free(b.pair[kind].one);
		mikey_dh_free(b.pair[kind].other);
	}
	return 0;
}
