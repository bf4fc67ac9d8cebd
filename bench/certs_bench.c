/* certs_bench.c - what a MIKEY exchange that proves itself by certificates
 * costs: offer, answer and finish, microseconds each, beside the bare OpenSSL
 * operations that it cannot do without: RSA-2048 signing, checking (of the
 * message alone: that of the far end's certificate is remembered), sealing and
 * opening; Diffie-Hellman in group 5. Medians of rounds that take turns. */
#include "daemon/base/clock.h"
#include "modules/mikey/dh.h"
#include "modules/mikey/dhsign.h"
#include "modules/mikey/pke.h"
#include "modules/mikey/rsa_r.h"
#include "tests/mock/ca.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 15
#define CALLS 20 /* a round */

enum { OFFER, ANSWER, FINISH, STEPS };
enum { SIGN, CHECK, SEAL, OPEN, MAKE, AGREE, OPERATIONS };

static const struct {
	const struct keying *method;
	int needs[STEPS][OPERATIONS]; /* how many of each operation */
} rows[] = {
	{ &mikey_pke, { [OFFER] = { [SIGN] = 1, [SEAL] = 1 },
			[ANSWER] = { [CHECK] = 1, [OPEN] = 1 } } },
	{ &mikey_rsa_r, { [OFFER] = { [SIGN] = 1 },
			  [ANSWER] = { [SIGN] = 1, [CHECK] = 1, [SEAL] = 1 },
			  [FINISH] = { [CHECK] = 1, [OPEN] = 1 } } },
	{ &mikey_dhsign, { [OFFER] = { [SIGN] = 1, [MAKE] = 1 },
			   [ANSWER] = { [SIGN] = 1, [CHECK] = 1, [MAKE] = 1,
					[AGREE] = 1 },
			   [FINISH] = { [CHECK] = 1, [AGREE] = 1 } } },
};

#define N_ROWS (sizeof rows / sizeof *rows)

struct bench {
	struct keying_terms a, b;
	enum suite suite[1];
	uint32_t ssrc[1];
	EVP_PKEY *key;
	double us[N_ROWS][STEPS][ROUNDS];
	double floor[OPERATIONS][ROUNDS];
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
	struct keying_result res;
	struct keying_fault why = { "" };
	uint64_t since = clock_mono_us(&clock_system);
	int r = 0;

	for (size_t i = 0; i < CALLS; i++) {
		offer[i] = answer[i] = buf_of(KEYING_MAX);
		r |= k->offer(&b->a, &offer[i], &pending[i], &res, &why);
	}
	b->us[row][OFFER][round] = lap(&since);
	for (size_t i = 0; i < CALLS && !r; i++)
		r |= k->answer(&b->b, offer[i].data, offer[i].len, &answer[i],
			       &res, &why);
	b->us[row][ANSWER][round] = lap(&since);
	for (size_t i = 0; i < CALLS && !r; i++)
		r |= k->finish(pending[i], answer[i].data, answer[i].len,
			       b->a.wall_us, &res, &why);
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

static uint8_t text[1000], signature[256], sealed[256];
static struct mikey_dh *one, *other;

static int operate(struct bench *b, int what)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = EVP_PKEY_CTX_new(b->key, NULL);
	uint8_t out[256];
	struct secret key;
	struct mikey_dh *dh = NULL;
	size_t len = sizeof out;
	int ok = 0;

	if (what == SIGN)
		ok = EVP_DigestSignInit(ctx, NULL, EVP_sha1(), NULL, b->key) &&
		     EVP_DigestSign(ctx, signature, &len, text, sizeof text);
	else if (what == CHECK)
		ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha1(), NULL,
					  b->key) &&
		     EVP_DigestVerify(ctx, signature, 256, text,
				      sizeof text) == 1;
	else if (what == SEAL)
		ok = EVP_PKEY_encrypt_init(pctx) > 0 &&
		     EVP_PKEY_encrypt(pctx, sealed, &len, text, 16) > 0;
	else if (what == OPEN)
		ok = EVP_PKEY_decrypt_init(pctx) > 0 &&
		     EVP_PKEY_decrypt(pctx, out, &len, sealed, 256) > 0;
	else if (what == MAKE)
		ok = !mikey_dh_new(MIKEY_OAKLEY_5, &dh);
	else
		ok = !mikey_dh_shared(one, mikey_dh_public(other), &key);
	mikey_dh_free(dh);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_CTX_free(pctx);
	return ok ? 0 : -1;
}

static int floor_round(struct bench *b, size_t round)
{
	uint64_t since = clock_mono_us(&clock_system);
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

static void print_row(struct bench *b, size_t row, const double *floor)
{
	double sum = 0, least = 0;

	printf("%-14s", rows[row].method->name);
	for (size_t s = 0; s < STEPS; s++) {
		double us = median(b->us[row][s]), need = 0;

		for (size_t o = 0; o < OPERATIONS; o++)
			need += rows[row].needs[s][o] * floor[o];
		printf(" %8.0f %8.0f", us, need);
		sum += us;
		least += need;
	}
	printf(" %8.0f %8.0f  %.2f\n", sum, least, sum / least);
}

static void certify(struct bench *b)
{
	struct ca ca = ca_make(0, "the issuer");
	X509 *x;

	b->key = ca_key(1, "RSA", 2048);
	x = ca_issue(&ca, b->key, "x", &(struct ca_order){
		.san = "URI:sip:a.example,URI:sip:b.example" });
	b->a.credential = ca_credential(x, NULL, b->key, &ca);
	b->b.credential = ca_credential(x, NULL, b->key, &ca);
	ca_add((struct credential *)(uintptr_t)b->a.credential,
	       CREDENTIAL_PEER, "b", ca_file(x, NULL, NULL, NULL));
	X509_free(x);
	ca_free(&ca);
}

int main(void)
{
	static struct bench b;
	double floor[OPERATIONS];

	b.suite[0] = SUITE_AEAD_AES_128_GCM;
	b.ssrc[0] = 1;
	b.a = b.b = (struct keying_terms){
		.local_id = "sip:alice@a.example",
		.remote_id = "sip:bob@b.example", .peer = "b",
		.suites = b.suite, .n_suites = 1, .n = 1, .ssrc = b.ssrc,
		.wall_us = CA_NOW * 1000000ull, .window_us = 300000000,
		.verify = true,
	};
	b.b.local_id = b.a.remote_id;
	b.b.remote_id = b.a.local_id;
	certify(&b);
	if (mikey_dh_new(MIKEY_OAKLEY_5, &one) ||
	    mikey_dh_new(MIKEY_OAKLEY_5, &other))
		return 1;
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t row = 0; row < N_ROWS; row++)
			if (run_round(&b, row, round))
				return 1;
		if (floor_round(&b, round))
			return 1;
	}
	for (size_t o = 0; o < OPERATIONS; o++)
		floor[o] = median(b.floor[o]);
	printf("%-14s %17s %17s %17s %17s  ratio\n", "us a call, floor",
	       "offer", "answer", "finish", "sum");
	for (size_t row = 0; row < N_ROWS; row++)
		print_row(&b, row, floor);
	mikey_dh_free(one);
	mikey_dh_free(other);
	return 0;
}
