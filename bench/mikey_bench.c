/* mikey_bench.c - what a MIKEY pre-shared key exchange costs: offer, answer
 * and finish, microseconds each, for every suite. Prints the median of some
 * rounds, so that one disturbed round does not count. */
#include "modules/mikey/psk.h"

#include "daemon/base/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 15
#define CALLS 400 /* a round */

enum { OFFER, ANSWER, FINISH, STEPS };

struct bench {
	struct secret psk;
	enum suite suite[1];
	uint32_t ssrc[1];
	struct keying_terms a, b;
	double us[STEPS][ROUNDS]; /* per call */
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

	for (size_t i = 0; i < CALLS; i++) {
		offer[i] = answer[i] = buf_of(KEYING_MAX);
		r |= mikey_psk.offer(&b->a, &offer[i], &pending[i], &res,
				     &why);
	}
	b->us[OFFER][round] = lap(&since) / CALLS;
	for (size_t i = 0; i < CALLS && !r; i++)
		r |= mikey_psk.answer(&b->b, offer[i].data, offer[i].len,
				      &answer[i], &res, &why);
	b->us[ANSWER][round] = lap(&since) / CALLS;
	for (size_t i = 0; i < CALLS && !r; i++)
		r |= mikey_psk.finish(pending[i], answer[i].data,
				      answer[i].len, 0, &res, &why);
	b->us[FINISH][round] = lap(&since) / CALLS;
	for (size_t i = 0; i < CALLS; i++) {
		mikey_psk.drop(pending[i]);
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

static int run_suite(struct bench *b, unsigned suite)
{
	double us[STEPS];

	b->suite[0] = (enum suite)suite;
	for (size_t i = 0; i < ROUNDS; i++)
		if (run_round(b, i))
			return -1;
	for (size_t i = 0; i < STEPS; i++)
		us[i] = median(b->us[i]);
	printf("%-24s %8.1f %8.1f %8.1f %8.1f\n", suite_info(suite)->name,
	       us[OFFER], us[ANSWER], us[FINISH],
	       us[OFFER] + us[ANSWER] + us[FINISH]);
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
	for (unsigned s = 1; s < SUITE_COUNT; s++)
		if (run_suite(&b, s))
			return 1;
	return 0;
}
