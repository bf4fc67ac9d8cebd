/* test_mikey_psk.c - the pre-shared key method: offer, answer, finish. */
#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/psk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define NOW_US 1900000000000000ull

/* Both ends of one exchange. */
struct pair {
	struct secret psk[2];
	enum suite suites[2];
	uint32_t ssrc[2][2];
	struct keying_terms a, b;
	struct buf offer, answer;
	struct keying_pending *pending;
	struct keying_result early, called, calling;
	struct keying_fault fault;
};

static void pair_open(struct pair *p)
{
	*p = (struct pair){ .offer = buf_of(KEYING_MAX),
			    .answer = buf_of(KEYING_MAX) };
	for (size_t i = 0; i < 2; i++)
		secret_set(&p->psk[i], "0123456789abcdef", 16);
	p->suites[0] = SUITE_AEAD_AES_128_GCM;
	p->suites[1] = SUITE_AES_CM_128_HMAC_SHA1_80;
	p->ssrc[0][0] = 0x11111111;
	p->ssrc[0][1] = 0x22222222;
	p->ssrc[1][0] = 0x33333333;
	p->ssrc[1][1] = 0x44444444;
	p->a = (struct keying_terms){
		.local_id = "sip:alice@a.example",
		.remote_id = "sip:bob@b.example",
		.psk = &p->psk[0], .suites = p->suites, .n_suites = 2,
		.n = 1, .ssrc = p->ssrc[0], .wall_us = NOW_US,
		.window_us = 300000000, .verify = true,
	};
	p->b = p->a;
	p->b.local_id = p->a.remote_id;
	p->b.remote_id = p->a.local_id;
	p->b.psk = &p->psk[1];
	p->b.ssrc = p->ssrc[1];
}

static void pair_close(struct pair *p)
{
	mikey_psk.drop(p->pending);
	buf_free(&p->offer);
	buf_free(&p->answer);
}

static int pair_offer(struct pair *p)
{
	return mikey_psk.offer(&p->a, &p->offer, &p->pending, &p->early,
			       &p->fault);
}

static int pair_answer(struct pair *p)
{
	return mikey_psk.answer(&p->b, p->offer.data, p->offer.len, &p->answer,
				&p->called, &p->fault);
}

static int pair_finish(struct pair *p)
{
	return mikey_psk.finish(p->pending, p->answer.data, p->answer.len,
				NOW_US, &p->calling, &p->fault);
}

static void both_sides_get_the_same_keys(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.a.n = p.b.n = 2;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(pair_finish(&p), 0);
	assert_int_equal(p.calling.n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_memory_equal(&p.calling.send[i], &p.called.recv[i],
				    sizeof(struct srtp_key));
		assert_memory_equal(&p.calling.recv[i], &p.called.send[i],
				    sizeof(struct srtp_key));
		assert_memory_not_equal(p.calling.send[i].key,
					p.calling.recv[i].key, 16);
		assert_int_equal(p.called.recv_ssrc[i], p.ssrc[0][i]);
		assert_int_equal(p.calling.recv_ssrc[i], p.ssrc[1][i]);
	}
	assert_memory_equal(&p.early.send, &p.calling.send,
			    sizeof p.early.send);
	assert_int_equal(p.called.stamp_us, NOW_US);
	assert_int_equal(p.calling.facts.confirmed, 1);
	assert_int_equal(p.early.facts.verified, 0);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_get_the_same_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
