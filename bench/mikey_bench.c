/* mikey_bench.c - what a MIKEY exchange costs: offer, answer and finish,
 * microseconds each; under a pre-shared key for every suite, by Diffie-Hellman
 * for one, beside what OpenSSL alone takes for the same values. Prints the
 * median of some rounds, so that one disturbed round does not count; the
 * method and its floor take turns. */
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/psk.h"

#include "daemon/base/clock.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 15
#define CALLS 400 /* a round */
#define CALLS_DH 40

enum { OFFER, ANSWER, FINISH, STEPS };

struct bench {
	const struct keying *method;
	size_t calls; /* a round */
	struct secret psk;
	enum suite suite[1];
	uint32_t ssrc[1];
	struct keying_terms a, b;
	double us[STEPS][ROUNDS]; /* per call */
	double floor[STEPS][ROUNDS];
};

static double lap(uint64_t *since)
{
	uint64_t now = clock_mono_us(&clock_system);
	double us = (double)(now - *since);

	*since = now;
	return us;
}

static int failed(const struct keying_fault *why)
{
	fprintf(stderr, "mikey_bench: %s\n", why->text);
	return -1;
}

/* Step by step for all calls of a round, so that the clock is read seldom. */
static int run_round(struct bench *b, size_t round)
{
	static struct buf offer[CALLS], answer[CALLS];
	static struct keying_pending *pending[CALLS];
	struct keying_result res;
	struct keying_fault why;
	uint64_t since = clock_mono_us(&clock_system);
	int r = 0;

	for (size_t i = 0; i < b->calls; i++) {
		offer[i] = answer[i] = buf_of(KEYING_MAX);
		r |= b->method->offer(&b->a, &offer[i], &pending[i], &res,
				     &why);
	}
	b->us[OFFER][round] = lap(&since) / (double)b->calls;
	for (size_t i = 0; i < b->calls && !r; i++)
		r |= b->method->answer(&b->b, offer[i].data, offer[i].len,
				      &answer[i], &res, &why);
	b->us[ANSWER][round] = lap(&since) / (double)b->calls;
	for (size_t i = 0; i < b->calls && !r; i++)
		r |= b->method->finish(pending[i], answer[i].data,
				      answer[i].len, 0, &res, &why);
	b->us[FINISH][round] = lap(&since) / (double)b->calls;
	for (size_t i = 0; i < b->calls; i++) {
		b->method->drop(pending[i]);
		buf_free(&offer[i]);
		buf_free(&answer[i]);
	}
	return r ? failed(&why) : 0;
}

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

/* -- the floor of Diffie-Hellman: OpenSSL, group 5, nothing else ---------- */

static EVP_PKEY *group_5(void)
{
	char name[] = "modp_1536";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name,
				       sizeof name - 1),
		OSSL_PARAM_END,
	};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) > 0)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *generate(EVP_PKEY *group)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, group, NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_keygen_init(ctx) > 0)
		EVP_PKEY_keygen(ctx, &key);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static int derive(EVP_PKEY *own, EVP_PKEY *peer)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	unsigned char out[192];
	size_t len = sizeof out;
	int ok = ctx && EVP_PKEY_derive_init(ctx) > 0 &&
		 EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) > 0 &&
		 EVP_PKEY_derive(ctx, out, &len) > 0;

	EVP_PKEY_CTX_free(ctx);
	return ok ? 0 : -1;
}

static int floor_round(struct bench *b, EVP_PKEY *group, size_t round)
{
	static EVP_PKEY *own[CALLS], *peer[CALLS];
	uint64_t since = clock_mono_us(&clock_system);
	int r = 0;

	for (size_t i = 0; i < b->calls; i++)
		own[i] = generate(group);
	b->floor[OFFER][round] = lap(&since) / (double)b->calls;
	for (size_t i = 0; i < b->calls; i++) {
		peer[i] = generate(group);
		r |= derive(peer[i], own[i]);
	}
	b->floor[ANSWER][round] = lap(&since) / (double)b->calls;
	for (size_t i = 0; i < b->calls; i++)
		r |= derive(own[i], peer[i]);
	b->floor[FINISH][round] = lap(&since) / (double)b->calls;
	for (size_t i = 0; i < b->calls; i++) {
		EVP_PKEY_free(own[i]);
		EVP_PKEY_free(peer[i]);
	}
	return r;
}

/* -- tables --------------------------------------------------------------- */

static void print_row(const char *name, double (*rounds)[ROUNDS])
{
	double us[STEPS], sum = 0;

	for (size_t i = 0; i < STEPS; i++)
		sum += us[i] = median(rounds[i]);
	printf("%-24s %8.1f %8.1f %8.1f %8.1f\n", name, us[OFFER], us[ANSWER],
	       us[FINISH], sum);
}

static int run_dhhmac(struct bench *b)
{
	EVP_PKEY *group = group_5();
	int r = group ? 0 : -1;

	b->method = &mikey_dhhmac;
	b->calls = CALLS_DH;
	b->suite[0] = SUITE_AEAD_AES_128_GCM;
	for (size_t i = 0; i < ROUNDS && !r; i++) {
		r = run_round(b, i);
		if (!r)
			r = floor_round(b, group, i);
	}
	EVP_PKEY_free(group);
	if (r)
		return -1;
	print_row("mikey-dhhmac, group 5", b->us);
	print_row("OpenSSL alone, group 5", b->floor);
	return 0;
}

static int run_suite(struct bench *b, unsigned suite)
{

	b->suite[0] = (enum suite)suite;
	for (size_t i = 0; i < ROUNDS; i++)
		if (run_round(b, i))
			return -1;
	print_row(suite_info(suite)->name, b->us);
	return 0;
}

int main(void)
{
	static struct bench b;

	secret_set(&b.psk, "0123456789abcdef", 16);
	b.ssrc[0] = 1;
	b.a = (struct keying_terms){
		.local_id = "sip:alice@a.example",
		.remote_id = "sip:bob@b.example",
		.psk = &b.psk, .suites = b.suite, .n_suites = 1, .n = 1,
		.ssrc = b.ssrc, .wall_us = clock_wall_us(&clock_system),
		.window_us = 300000000, .verify = true,
	};
	b.b = b.a;
	b.b.local_id = b.a.remote_id;
	b.b.remote_id = b.a.local_id;
	printf("%-24s %8s %8s %8s %8s\n", "us a call, one line", "offer",
	       "answer", "finish", "sum");
	b.method = &mikey_psk;
	b.calls = CALLS;
	for (unsigned s = 1; s < SUITE_COUNT; s++)
		if (run_suite(&b, s))
			return 1;
	return run_dhhmac(&b) ? 1 : 0;
}
