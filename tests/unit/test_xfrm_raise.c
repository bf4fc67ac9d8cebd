/* test_xfrm_raise.c - adding, turning, removing and sweeping against a kernel
 * of ours (tests/mock/xfrmkernel.h). */
#include "config.h"

#include "daemon/base/err.h"
#include "modules/xfrm/xfrm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/mock/xfrmkernel.h"
#include "tests/unit/xfrm_samples.h"

/* -- what is wanted ------------------------------------------------------- */

static int ledger_fd;
static struct xfrm *x;
static struct xfrm_why why;
static uint8_t next_key;

struct wanted {
	struct ipsec_sa sa[2];
	struct ipsec_policy policy[2];
	struct xfrm_wanted w;
	uint32_t slot[4];
};

/* Two SAs and two policies under the n-th SPIs and ports. */
static struct wanted *want(uint32_t n)
{
	static struct wanted u;
	uint32_t reqid;

	u = (struct wanted){ .sa = { sample_sa(), sample_sa() },
			     .policy = { sample_policy(), sample_policy() } };
	assert_int_equal(xfrm_reqid(x, &reqid), 0);
	for (int i = 0; i < 2; i++) {
		u.sa[i].spi = 0x1000 + 2 * n + (uint32_t)i;
		u.sa[i].reqid = u.policy[i].reqid = reqid;
		u.sa[i].key.key[0] = next_key++;
		u.policy[i].sel.sport = (uint16_t)(10000 + 2 * n);
		u.policy[i].dir = (uint8_t)i;
		u.policy[i].spi = i ? u.sa[1].spi : 0;
	}
	u.w = (struct xfrm_wanted){ u.sa, 2, u.policy, 2 };
	return &u;
}

static int raise_it(struct wanted *u)
{
	return xfrm_raise(x, &u->w, u->slot, &why);
}

static size_t recorded(void)
{
	return ledger_count(xfrm_ledger(x));
}

static void restart(void)
{
	xfrm_close(x);
	assert_int_equal(xfrm_open(ledger_fd, &x, &why), 0);
}

static int setup(void **state)
{
	(void)state;
	kernel = (struct link){ .asked = 0 };
	ledger_fd = memfd_create("ledger", MFD_CLOEXEC);
	return xfrm_open(ledger_fd, &x, &why);
}

static int teardown(void **state)
{
	(void)state;
	xfrm_close(x);
	close(ledger_fd);
	return 0;
}

/* -- tests ---------------------------------------------------------------- */

static void up_and_down(void **state)
{
	struct wanted *u = want(1);

	(void)state;
	assert_int_equal(raise_it(u), 0);
	assert_int_equal(xfrmkernel_count(), 4);
	assert_int_equal(recorded(), 4);
	assert_int_equal(xfrm_drop(x, u->slot, 4, &why), 0);
	assert_int_equal(xfrm_drop(x, u->slot, 4, &why), 0);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* Each of the four is refused in turn: none of the others stays. */
static void all_or_nothing(void **state)
{
	static const int errors[] = { EEXIST, ENOBUFS, EPERM, ENOSYS, EINVAL };

	(void)state;
	for (unsigned k = 1; k <= 4; k++)
		for (unsigned e = 0; e < 5; e++) {
			struct wanted *u = want(10 * k + e);

			kernel.fail_at = kernel.asked + k;
			kernel.error = errors[e];
			assert_true(raise_it(u) < 0);
			assert_int_equal(why.at, k - 1);
			assert_int_equal(why.error, errors[e]);
			assert_int_equal(xfrmkernel_count() + recorded(), 0);
		}
}

/* Nobody knows what was done: what was, is undone; a stranger's stays. */
static void lost_answers_leave_nothing(void **state)
{
	(void)state;
	for (unsigned k = 1; k <= 4; k++) {
		struct wanted *u = want(k);

		kernel.lose_from = kernel.asked + k;
		assert_int_equal(raise_it(u), E_IO);
		assert_int_equal(xfrmkernel_count() + recorded(), 0);
	}
	{
		struct wanted *u = want(9);
		struct ipsec_sa foreign = u->sa[0];

		foreign.reqid = 1;
		assert_int_equal(xfrmkernel_add(&foreign), 0);
		kernel.lose_from = kernel.asked + 1;
		assert_int_equal(raise_it(u), E_IO);
		assert_int_equal(xfrmkernel_count(), 1);
		assert_int_equal(recorded(), 0);
	}
}

static void what_cannot_be_removed_stays_recorded(void **state)
{
	struct wanted *u = want(1);
	struct xfrm_swept swept;

	(void)state;
	assert_int_equal(raise_it(u), 0);
	kernel.fail_at = kernel.asked + 2;
	kernel.error = EPERM;
	assert_int_equal(xfrm_drop(x, u->slot, 4, &why), E_IO);
	assert_non_null(strstr(why.text, "CAP_NET_ADMIN"));
	assert_int_equal(xfrmkernel_count(), 1);
	assert_int_equal(recorded(), 1);
	kernel.lose_from = kernel.asked + 1;
	restart();
	kernel.lose_from = 0;
	assert_int_equal(xfrm_sweep(x, false, &swept, &why), 0);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static void names_and_keys_of_others_are_refused(void **state)
{
	struct wanted *u = want(1);

	(void)state;
	u->sa[0].reqid = u->policy[0].reqid = 7;
	assert_int_equal(raise_it(u), E_ARG);
	u = want(1);
	u->policy[1].reqid ^= 0x20000000;
	assert_int_equal(raise_it(u), E_ARG);
	assert_int_equal(why.at, 3);
	u = want(1);
	u->sa[1].key = u->sa[0].key; /* both directions under one key */
	assert_int_equal(raise_it(u), E_REPLAY);
	u = want(1);
	u->sa[0].spi = 3;
	assert_int_equal(raise_it(u), E_ARG);
	assert_non_null(strstr(why.text, "reserved"));
	assert_int_equal(xfrm_raise(x, &(struct xfrm_wanted){ .n_sa = 0 },
				    u->slot, &why), E_ARG);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static void a_sweep_touches_only_its_own(void **state)
{
	struct wanted *u = want(1);
	struct ipsec_sa foreign = sample_sa(), like_ours;
	struct xfrm_swept swept;

	(void)state;
	assert_int_equal(raise_it(u), 0);
	foreign.reqid = 3;
	foreign.spi = 0x777;
	like_ours = u->sa[0];
	like_ours.spi = 0x778; /* our reqid, but nobody recorded it */
	xfrmkernel_add(&foreign);
	xfrmkernel_add(&like_ours);
	restart();
	assert_int_equal(xfrm_sweep(x, false, &swept, &why), 0);
	assert_int_equal(swept.sas, 2);
	assert_int_equal(swept.policies, 2);
	assert_int_equal(swept.foreign, 1);
	assert_int_equal(xfrmkernel_count(), 2);
	assert_int_equal(recorded(), 0);
}

static void what_went_by_itself_is_forgotten(void **state)
{
	struct xfrm_swept swept;

	(void)state;
	assert_int_equal(raise_it(want(1)), 0);
	memset(kernel.is_sa, 0, sizeof kernel.is_sa);
	restart();
	assert_int_equal(xfrm_sweep(x, false, &swept, &why), 0);
	assert_int_equal(swept.gone, 2);
	assert_int_equal(swept.policies, 2);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static const struct ipsec_policy *outbound(void)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		if (kernel.is_policy[i] && kernel.policy[i].dir == IPSEC_OUT)
			return &kernel.policy[i];
	return NULL;
}

static void a_policy_turns_to_new_keys(void **state)
{
	struct wanted *u = want(1);
	uint32_t in, out;

	(void)state;
	assert_int_equal(raise_it(u), 0);
	in = u->slot[2 + IPSEC_IN];
	out = u->slot[2 + IPSEC_OUT];
	assert_int_equal(xfrm_turn(x, out, 0x7777, &why), 0);
	assert_int_equal(outbound()->spi, 0x7777);
	assert_int_equal(xfrm_turn(x, in, 0x7777, &why), E_ARG);
	assert_int_equal(xfrm_turn(x, u->slot[0], 0x7777, &why), E_ARG);
	assert_int_equal(xfrm_turn(x, 99, 0x7777, &why), E_ARG);
	kernel.fail_at = kernel.asked + 1;
	kernel.error = EPERM;
	assert_int_equal(xfrm_turn(x, out, 0x8888, &why), E_POLICY);
	assert_int_equal(outbound()->spi, 0x7777);
	assert_int_equal(xfrm_drop(x, u->slot, 4, &why), 0);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* Whether the kernel did it or not: a sweep knows the policy again. */
static void a_turn_that_ended_halfway_is_swept(void **state)
{
	struct xfrm_swept swept;

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct wanted *u = want(1 + k);

		assert_int_equal(raise_it(u), 0);
		kernel.lose_from = kernel.asked + 1;
		kernel.lose_whole = k;
		assert_int_equal(xfrm_turn(x, u->slot[3], 0x7777, &why), E_IO);
		restart();
		assert_int_equal(xfrm_sweep(x, false, &swept, &why), 0);
		assert_int_equal(swept.policies, 2);
		assert_int_equal(xfrmkernel_count() + recorded(), 0);
	}
}

static void block_policies_outlive_a_restart(void **state)
{
	struct ipsec_policy p = { .sel = sample_selector(), .dir = IPSEC_IN,
				  .action = IPSEC_BLOCK };
	struct xfrm_wanted w = { .policy = &p, .n_policy = 1 };
	struct xfrm_swept swept;
	uint32_t slot, again;

	(void)state;
	p.priority = range_priority(xfrm_range(x), IPSEC_BLOCK, 0);
	assert_int_equal(xfrm_raise(x, &w, &slot, &why), 0);
	assert_int_equal(xfrm_raise(x, &w, &again, &why), E_EXISTS);
	restart();
	assert_int_equal(xfrm_sweep(x, true, &swept, &why), 0);
	assert_int_equal(xfrmkernel_count(), 1);
	assert_int_equal(xfrm_raise(x, &w, &again, &why), 0);
	assert_int_equal(again, slot);
	assert_int_equal(xfrm_raise(x, &w, &slot, &why), E_EXISTS);
	assert_int_equal(xfrm_drop(x, &again, 1, &why), 0);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* Somebody binds the lock while we are away: what is recorded stays so. */
static void a_lock_that_is_held_loses_nothing(void **state)
{
	struct ipsec_policy p = { .sel = sample_selector(), .dir = IPSEC_IN,
				  .action = IPSEC_BLOCK };
	struct xfrm_wanted w = { .policy = &p, .n_policy = 1 };
	struct xfrm_swept swept;
	uint32_t slot, n = xfrm_range(x)->n;
	int lock;

	(void)state;
	p.priority = range_priority(xfrm_range(x), IPSEC_BLOCK, 0);
	assert_int_equal(xfrm_raise(x, &w, &slot, &why), 0);
	xfrm_close(x);
	assert_int_equal(range_lock(n, &lock), 0);
	assert_int_equal(xfrm_open(ledger_fd, &x, &why), E_EXISTS);
	assert_non_null(strstr(why.text, "end that process"));
	close(lock);
	assert_int_equal(xfrm_open(ledger_fd, &x, &why), 0);
	assert_int_equal(xfrm_range(x)->n, n);
	assert_int_equal(recorded(), 1);
	/* of what is no more in the kernel the name may go to another */
	kernel = (struct link){ .asked = 0 };
	xfrm_close(x);
	assert_int_equal(range_lock(n, &lock), 0);
	assert_int_equal(xfrm_open(ledger_fd, &x, &why), 0);
	assert_int_not_equal(xfrm_range(x)->n, n);
	assert_int_equal(recorded(), 0);
	close(lock);
	assert_int_equal(xfrm_sweep(x, false, &swept, &why), 0);
}

struct heard {
	unsigned n[XFRM_REMOVED + 1];
	uint32_t slot;
};

static void hear(void *user, const struct xfrm_event *e)
{
	struct heard *h = user;

	h->n[e->kind]++;
	h->slot = e->slot ? e->slot : h->slot;
}

static void events_find_their_slot(void **state)
{
	struct wanted *u = want(1);
	struct reply r = { .kind = REPLY_EXPIRE };
	struct heard h = { .slot = 0 };

	(void)state;
	assert_int_equal(raise_it(u), 0);
	r.sa = u->sa[1];
	kernel.event = &r;
	assert_int_equal(xfrm_events(x, hear, &h), 0);
	assert_int_equal(h.n[XFRM_SOFT], 1);
	assert_int_equal(h.slot, u->slot[1]);
	r.hard = true;
	assert_int_equal(xfrm_events(x, hear, &h), 0);
	assert_int_equal(h.n[XFRM_GONE], 1);
	r.sa.reqid = 1; /* somebody else's */
	assert_int_equal(xfrm_events(x, hear, &h), 0);
	r.kind = REPLY_ACQUIRE;
	assert_int_equal(xfrm_events(x, hear, &h), 0);
	assert_int_equal(h.n[XFRM_GONE] + h.n[XFRM_ACQUIRE], 1);
	kernel.event = NULL;
	kernel.is_sa[0] = false; /* and nobody told us */
	kernel.events = E_LOST;
	assert_int_equal(xfrm_events(x, hear, &h), 0);
	assert_int_equal(h.n[XFRM_GONE], 2);
	assert_int_equal(h.slot, u->slot[0]);
	kernel.events = E_IO;
	assert_int_equal(xfrm_events(x, hear, &h), E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(up_and_down, setup, teardown),
		cmocka_unit_test_setup_teardown(all_or_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lost_answers_leave_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_cannot_be_removed_stays_recorded, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			names_and_keys_of_others_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sweep_touches_only_its_own,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_went_by_itself_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(a_policy_turns_to_new_keys,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_turn_that_ended_halfway_is_swept, setup, teardown),
		cmocka_unit_test_setup_teardown(
			block_policies_outlive_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_lock_that_is_held_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(events_find_their_slot, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
