/* test_rank.c - the rule of the negotiation by priority, and the extension
 * that carries it. */
#include "daemon/base/err.h"
#include "daemon/bundle.h"
#include "daemon/keeper/rank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { PSK = 1, DH = 5, PKE = 3 };
enum {
	CM_80 = SUITE_AES_CM_128_HMAC_SHA1_80,
	CM_32 = SUITE_AES_CM_128_HMAC_SHA1_32,
	F8_80 = SUITE_F8_128_HMAC_SHA1_80
};

/* -- the rule ------------------------------------------------------------- */

/* "both sides get their favourites by their priority comparison" */
static void the_papers_example(void **state)
{
	const struct rank_lists a = { true, { 3, { PSK, PKE, DH } },
				      { 2, { CM_80, CM_32 } } };
	const struct rank_lists b = { true, { 3, { PKE, DH, PSK } },
				      { 2, { CM_32, F8_80 } } };
	struct rank_choice c;

	(void)state;
	assert_int_equal(rank_method("mikey-psk"), PSK);
	assert_int_equal(rank_method("mikey-rsa"), PKE);
	assert_int_equal(rank_method("mikey-dh"), DH);
	assert_int_equal(rank_decide(&a, &b, &c), 0);
	assert_int_equal(c.method, PKE); /* 1 + 0 */
	assert_int_equal(c.suite, CM_32); /* 1 + 0, and the only one */
	assert_string_equal(suite_info(c.suite)->name,
			    "AES_CM_128_HMAC_SHA1_32");
	/* the other way round: the same two */
	assert_int_equal(rank_decide(&b, &a, &c), 0);
	assert_int_equal(c.method, PKE);
	assert_int_equal(c.suite, CM_32);
}

struct list_case {
	struct rank_list offerer, answerer;
	uint8_t by_rank, automatic;
	const char *why;
};

static void rules_differ(void **state)
{
	static const struct list_case rows[] = {
		{ { 3, { 1, 2, 3 } }, { 3, { 3, 2, 1 } }, 1, 1,
		  "all sums are 2: the tie is the offerer's" },
		{ { 3, { 1, 2, 3 } }, { 3, { 2, 3, 1 } }, 2, 1,
		  "2 has 1+0, the offerer's first has 0+2" },
		{ { 4, { 1, 2, 3, 4 } }, { 4, { 4, 1, 2, 3 } }, 1, 1,
		  "1 has 0+1; the answerer's favourite 4 has 3+0" },
		/* minimax would take 3 (worst rank 2), the sum takes 1 (0+3) */
		{ { 5, { 1, 4, 3, 5, 2 } }, { 5, { 2, 6, 3, 1, 7 } }, 1, 1,
		  "1 has 0+3, 3 has 2+2, 2 has 4+0" },
		{ { 1, { 9 } }, { 3, { 1, 2, 9 } }, 9, 9, "one in common" },
		{ { 2, { 1, 2 } }, { 2, { 3, 4 } }, 0, 0, "none in common" },
		{ { 0, { 0 } }, { 2, { 3, 4 } }, 0, 0, "an empty list" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(rank_choose(true, &rows[i].offerer,
					     &rows[i].answerer),
				 rows[i].by_rank);
		assert_int_equal(rank_choose(false, &rows[i].offerer,
					     &rows[i].answerer),
				 rows[i].automatic);
	}
}

static void by_rank_only_if_both_do(void **state)
{
	struct rank_lists a = { true, { 3, { 1, 2, 3 } }, { 1, { 1 } } };
	struct rank_lists b = { false, { 3, { 2, 3, 1 } }, { 1, { 1 } } };
	struct rank_choice c;

	(void)state;
	assert_int_equal(rank_decide(&a, &b, &c), 0);
	assert_int_equal(c.method, 1);
	assert_int_equal(rank_decide(&b, &a, &c), 0);
	assert_int_equal(c.method, 2);
	b.by_rank = true;
	assert_int_equal(rank_decide(&a, &b, &c), 0);
	assert_int_equal(c.method, 2);
	b.suites.item[0] = 7;
	assert_int_equal(rank_decide(&a, &b, &c), E_UNSUPPORTED);
}

/* -- the extension -------------------------------------------------------- */

static struct rank_ext sample(bool answer)
{
	struct rank_ext e = { .answer = answer,
			      .lists = { true, { 3, { 1, 3, 5 } },
					 { 2, { 1, 2 } } } };

	memset(e.hash, 0xa5, sizeof e.hash);
	if (answer)
		e.choice = (struct rank_choice){ 3, 2 };
	return e;
}

static void it_comes_back_as_it_went(void **state)
{
	(void)state;
	for (int answer = 0; answer < 2; answer++) {
		struct rank_ext e = sample(answer), back;
		struct buf b = buf_of(RANK_EXT_MAX);

		rank_put(&e, &b);
		assert_int_equal(b.err, 0);
		assert_int_equal(rank_get(b.data, b.len, &back), 0);
		assert_memory_equal(&back, &e, sizeof e);
		for (size_t cut = 0; cut < b.len; cut++)
			assert_int_equal(rank_get(b.data, cut, &back),
					 cut < 8 ? E_NOTFOUND : E_FORMAT);
		buf_u8(&b, 0);
		assert_int_equal(rank_get(b.data, b.len, &back), E_FORMAT);
		buf_free(&b);
	}
}

static void the_longest_fits(void **state)
{
	struct rank_ext e = sample(true), back;
	struct buf b = buf_of(RANK_EXT_MAX);

	(void)state;
	e.lists.methods.n = e.lists.suites.n = 0;
	for (int i = 1; i <= RANK_LIST_MAX; i++) {
		assert_int_equal(rank_add(&e.lists.methods, (uint8_t)i), 0);
		assert_int_equal(rank_add(&e.lists.suites, (uint8_t)i), 0);
	}
	assert_int_equal(rank_add(&e.lists.suites, 1), E_EXISTS);
	assert_int_equal(rank_add(&e.lists.suites, 200), E_FULL);
	rank_put(&e, &b);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.len, RANK_EXT_MAX);
	assert_int_equal(rank_get(b.data, b.len, &back), 0);
	buf_free(&b);
}

/* offset of a byte, what to put there, what comes of it */
static void malformed_ones_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t to;
		int r;
	} rows[] = {
		{ 0, 'C', E_NOTFOUND }, { 8, 2, E_UNSUPPORTED },
		{ 9, 2, E_FORMAT },     /* kind */
		{ 9, 1, E_FORMAT },     /* an answer without a choice */
		{ 10, 2, E_FORMAT },    /* flags */
		{ 11, 0, E_FORMAT },    /* no method */
		{ 11, 17, E_FORMAT },
		{ 12, 3, E_FORMAT },    /* one twice */
		{ 12, 0, E_FORMAT },
		{ 15, 0, E_FORMAT },    /* no suite */
		{ 15, 3, E_FORMAT },
	};
	struct rank_ext e = sample(false), back;
	struct buf b = buf_of(RANK_EXT_MAX);

	(void)state;
	rank_put(&e, &b);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t was = b.data[rows[i].at];

		b.data[rows[i].at] = rows[i].to;
		assert_int_equal(rank_get(b.data, b.len, &back), rows[i].r);
		b.data[rows[i].at] = was;
	}
	buf_free(&b);
}

static void the_hash_covers_everything(void **state)
{
	static const uint8_t r1[16] = { 1 }, r2[16] = { 2 };
	struct rank_lists l = { true, { 2, { 1, 3 } }, { 1, { 1 } } };
	struct rank_name n[2] = { { 7, r1, 16 }, { 8, r2, 16 } };
	struct rank_name back[2] = { n[1], n[0] };
	uint8_t h[10][RANK_HASH];
	size_t k = 0;

	(void)state;
	assert_int_equal(rank_hash(&l, n, 2, h[k++]), 0);
	assert_int_equal(rank_hash(&l, n, 1, h[k++]), 0);
	assert_int_equal(rank_hash(&l, n + 1, 1, h[k++]), 0);
	assert_int_equal(rank_hash(&l, back, 2, h[k++]), 0);
	n[1].bundle = 9;
	assert_int_equal(rank_hash(&l, n, 2, h[k++]), 0);
	n[1].bundle = 8;
	n[1].rand_len = 15;
	assert_int_equal(rank_hash(&l, n, 2, h[k++]), 0);
	n[1].rand_len = 16;
	n[1].rand = r1;
	assert_int_equal(rank_hash(&l, n, 2, h[k++]), 0);
	n[1].rand = r2;
	l.by_rank = false;
	assert_int_equal(rank_hash(&l, n, 2, h[k++]), 0);
	l.by_rank = true;
	l.suites.item[0] = 2;
	assert_int_equal(rank_hash(&l, n, 2, h[k++]), 0);
	l.suites.item[0] = 1;
	l.methods = (struct rank_list){ 2, { 3, 1 } };
	assert_int_equal(rank_hash(&l, n, 2, h[k++]), 0);
	assert_int_equal(k, 10);
	for (size_t i = 0; i < k; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(h[i], h[j], RANK_HASH);
}

static void an_answer_must_follow_from_the_offer(void **state)
{
	struct rank_ext offer = sample(false), good = sample(true), bad;
	const char *why = NULL;

	(void)state;
	offer.lists.methods = (struct rank_list){ 3, { 1, 3, 5 } };
	good.lists.methods = (struct rank_list){ 3, { 3, 5, 1 } };
	good.lists.suites = (struct rank_list){ 2, { 2, 9 } };
	assert_int_equal(rank_check(&offer, &good, &why), 0);
	assert_null(why);
	bad = good;
	bad.hash[31] ^= 1;
	assert_int_equal(rank_check(&offer, &bad, &why), E_AUTH);
	assert_non_null(strstr(why, "altered"));
	bad = good;
	bad.choice.method = 1;
	assert_int_equal(rank_check(&offer, &bad, &why), E_AUTH);
	bad = good;
	bad.choice.suite = 1;
	assert_int_equal(rank_check(&offer, &bad, &why), E_AUTH);
	bad = good; /* reflected */
	bad.answer = false;
	assert_int_equal(rank_check(&offer, &bad, &why), E_AUTH);
	assert_int_equal(rank_check(&good, &good, &why), E_AUTH);
}

/* -- several messages in one tail ----------------------------------------- */

static void bundles_come_back(void **state)
{
	static const uint8_t m[3][4] = { "\1ab", "\1cd", "\1ef" };
	struct bundle in = { 0 }, back;
	struct buf b = buf_of(4096);

	(void)state;
	for (in.n = 0; in.n < 3;) {
		in.item[in.n] = (struct bundle_item){ m[in.n], 3 };
		in.n++;
		buf_clear(&b);
		assert_int_equal(bundle_pack(&in, &b), 0);
		assert_int_equal(b.len, in.n == 1 ? 3 : 2 + 5 * in.n);
		assert_int_equal(bundle_unpack(b.data, b.len, &back), 0);
		assert_int_equal(back.n, in.n);
		for (size_t i = 0; i < in.n; i++)
			assert_memory_equal(back.item[i].data, m[i], 3);
		for (size_t cut = 0; in.n > 1 && cut < b.len; cut++)
			assert_int_equal(bundle_unpack(b.data, cut, &back),
					 E_FORMAT);
	}
	buf_u8(&b, 0);
	assert_int_equal(bundle_unpack(b.data, b.len, &back), E_FORMAT);
	b.data[1] = BUNDLE_MAX + 1;
	assert_int_equal(bundle_unpack(b.data, b.len, &back), E_UNSUPPORTED);
	assert_int_equal(bundle_unpack((const uint8_t *)"\0\0", 2, &back),
			 E_FORMAT);
	assert_int_equal(bundle_unpack((const uint8_t *)"\0\2\0\0\0\1a", 7,
				       &back), E_FORMAT);
	buf_free(&b);
}

/* A stranger's message may begin as a bundle does: it stays one message. */
static void a_message_is_never_taken_for_a_bundle(void **state)
{
	static const uint8_t sly[] = "\0\2\0\1a\0\1b";
	const struct bundle in = { 1, { { sly, 8 } } };
	struct buf b = buf_of(64);
	struct bundle back;

	(void)state;
	assert_int_equal(bundle_pack(&in, &b), 0);
	assert_int_equal(bundle_unpack(b.data, b.len, &back), 0);
	assert_int_equal(back.n, 1);
	assert_int_equal(back.item[0].len, 8);
	assert_memory_equal(back.item[0].data, sly, 8);
	buf_free(&b);
}

static void what_is_no_bundle_is_not_packed(void **state)
{
	static uint8_t big[KEYING_MAX + 1];
	struct bundle b = { 0 };
	struct buf out = buf_of(3 * KEYING_MAX);

	(void)state;
	assert_int_equal(bundle_pack(&b, &out), E_ARG);
	b.n = 1;
	assert_int_equal(bundle_pack(&b, &out), E_ARG);
	b.item[0] = (struct bundle_item){ big, KEYING_MAX + 1 };
	assert_int_equal(bundle_pack(&b, &out), E_ARG);
	b.n = BUNDLE_MAX + 1;
	assert_int_equal(bundle_pack(&b, &out), E_ARG);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_papers_example),
		cmocka_unit_test(rules_differ),
		cmocka_unit_test(by_rank_only_if_both_do),
		cmocka_unit_test(it_comes_back_as_it_went),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(malformed_ones_are_refused),
		cmocka_unit_test(the_hash_covers_everything),
		cmocka_unit_test(an_answer_must_follow_from_the_offer),
		cmocka_unit_test(bundles_come_back),
		cmocka_unit_test(a_message_is_never_taken_for_a_bundle),
		cmocka_unit_test(what_is_no_bundle_is_not_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
