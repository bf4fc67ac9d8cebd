/* test_nonce.c - nonces: whose they are, how long they live, and that no count
 * of one is taken twice, whatever is forgotten. */
#include "daemon/base/err.h"
#include "modules/sip/registrar/nonce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SECOND 1000000ull

static const struct addr here = { .family = 4, .port = 5060,
				  .ip = { 192, 0, 2, 1 } };

/* With a life of one second. */
static int check_at(const struct nonces *n, const char *nonce, uint64_t now_us)
{
	return nonce_check(n, nonce, &here, now_us, SECOND);
}

static int set_up(void **state)
{
	struct nonces *n;

	assert_int_equal(nonces_new(&n), 0);
	*state = n;
	return 0;
}

static int tear_down(void **state)
{
	nonces_free(*state);
	return 0;
}

static void ours_in_its_life(void **state)
{
	char one[NONCE_TEXT], two[NONCE_TEXT], changed[NONCE_TEXT + 1];
	struct nonces *n = *state, *other;
	struct addr there;

	assert_int_equal(nonces_new(&other), 0);
	nonce_make(n, &here, 100 * SECOND, one);
	nonce_make(n, &here, 100 * SECOND, two);
	assert_string_not_equal(one, two);
	assert_string_not_equal(nonces_opaque(n), nonces_opaque(other));
	assert_int_equal(check_at(n, one, 100 * SECOND), 0);
	assert_int_equal(check_at(n, one, 101 * SECOND), 0);
	assert_int_equal(check_at(n, one, 101 * SECOND + 1), E_EXPIRED);
	assert_int_equal(check_at(n, one, 99 * SECOND), E_EXPIRED);
	assert_int_equal(check_at(other, one, 100 * SECOND), E_EXPIRED);
	assert_int_equal(nonce_use(other, one, &here, 1), E_EXPIRED);
	there = here;
	there.port = 9; /* the same phone behind another port */
	assert_int_equal(nonce_check(n, one, &there, 100 * SECOND, SECOND), 0);
	there.ip[3]++;
	assert_int_equal(nonce_check(n, one, &there, 100 * SECOND, SECOND),
			 E_EXPIRED);
	assert_int_equal(nonce_use(n, one, &there, 1), E_EXPIRED);
	for (size_t i = 0; i < strlen(one); i++) {
		strcpy(changed, one);
		changed[i] = changed[i] == '0' ? '1' : '0';
		assert_int_equal(check_at(n, changed, 100 * SECOND), E_EXPIRED);
		changed[i] = 0;
		assert_int_equal(check_at(n, changed, 100 * SECOND), E_EXPIRED);
	}
	snprintf(changed, sizeof changed, "%s0", one);
	assert_int_equal(check_at(n, changed, 100 * SECOND), E_EXPIRED);
	nonces_free(other);
}

static void each_count_once(void **state)
{
	struct nonces *n = *state;
	char nonce[NONCE_TEXT];
	const struct {
		uint32_t nc;
		int r;
	} steps[] = {
		{ 1, 0 }, { 1, E_REPLAY }, { 3, 0 }, { 2, 0 }, { 2, E_REPLAY },
		{ 3, E_REPLAY }, { 40, 0 }, { 9, 0 }, { 8, E_REPLAY },
		{ 9, E_REPLAY }, { 0, E_REPLAY }, { 41, 0 },
		{ UINT32_MAX, 0 }, { 42, E_REPLAY },
		{ UINT32_MAX - 31, 0 }, { UINT32_MAX - 32, E_REPLAY },
		{ UINT32_MAX, E_REPLAY },
	};

	nonce_make(n, &here, SECOND, nonce);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		assert_int_equal(nonce_use(n, nonce, &here, steps[i].nc),
				 steps[i].r);
}

static void without_counting_once(void **state)
{
	struct nonces *n = *state;
	char nonce[NONCE_TEXT];

	nonce_make(n, &here, SECOND, nonce);
	assert_int_equal(nonce_use(n, nonce, &here, 0), 0);
	assert_int_equal(nonce_use(n, nonce, &here, 0), E_REPLAY);
	assert_int_equal(nonce_use(n, nonce, &here, 1), E_REPLAY);
	assert_int_equal(nonce_use(n, nonce, &here, UINT32_MAX), E_REPLAY);
}

/* Far more nonces than places: what was used is never taken again, and what is
 * new always is. */
static void more_than_fit(void **state)
{
	enum { MANY = 40000, EACH = 97 };
	static char used[MANY / EACH + 1][NONCE_TEXT];
	struct nonces *n = *state;
	char nonce[NONCE_TEXT];
	size_t kept = 0;

	for (unsigned i = 0; i < MANY; i++) {
		nonce_make(n, &here, SECOND + i, nonce);
		assert_int_equal(nonce_use(n, nonce, &here, 1), 0);
		if (i % EACH == 0)
			memcpy(used[kept++], nonce, sizeof nonce);
	}
	for (size_t i = 0; i < kept; i++)
		assert_int_not_equal(nonce_use(n, used[i], &here, 1), 0);
	assert_int_equal(nonce_use(n, nonce, &here, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ours_in_its_life, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(each_count_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(without_counting_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(more_than_fit, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
