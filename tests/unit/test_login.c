/* test_login.c - the engine asks the keeper about passwords: what goes, what
 * comes back and to whom, and a keeper that is late or gone. */
#include "daemon/base/err.h"
#include "tests/unit/filter_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* Who asked, and what he got. */
struct phone {
	unsigned n;
	int err;
	char rspauth[DIGEST_HEX];
};

static void on_verdict(void *user, int err, const char *rspauth)
{
	struct phone *p = user;

	p->n++;
	p->err = err;
	snprintf(p->rspauth, sizeof p->rspauth, "%s", rspauth ? rspauth : "-");
}

static const struct digest_credentials credentials = {
	.user = "alice", .realm = "a.example", .nonce = "n",
	.uri = "sip:a.example", .response = "00",
};

static uint64_t ask(struct rig *r, struct phone *p)
{
	const struct mock_sent *sent;
	const struct msg_digest_check *m;

	assert_int_equal(engine_login(r->e, "REGISTER", &credentials,
				      on_verdict, p), 0);
	sent = mock_child_take(r->child, MSG_DIGEST_CHECK);
	assert_non_null(sent);
	m = (const void *)sent->body.bytes;
	assert_int_equal(sent->to, PROC_KEEPER);
	assert_string_equal(m->method, "REGISTER");
	assert_memory_equal(&m->credentials, &credentials, sizeof credentials);
	return sent->id;
}

static void answer(struct rig *r, uint64_t id, int err, const char *rspauth)
{
	struct msg_digest_checked m = { .err = err };

	snprintf(m.rspauth, sizeof m.rspauth, "%s", rspauth);
	assert_int_equal(rig_keeper_says(r, MSG_DIGEST_CHECKED, id, &m,
					 sizeof m, ""), 0);
}

/* In any order, each to its own; one that nobody waits for is nothing. */
static void each_gets_its_own(void **state)
{
	struct rig *r = rig_new("");
	struct phone p[3] = { { 0 } };
	uint64_t id[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		id[i] = ask(r, &p[i]);
	answer(r, id[2], 0, "cc");
	answer(r, id[0], E_AUTH, "");
	answer(r, id[1], 0, "bb");
	answer(r, id[1], 0, "again");
	answer(r, 4711, 0, "");
	assert_true(p[0].n == 1 && p[1].n == 1 && p[2].n == 1);
	assert_int_equal(p[0].err, E_AUTH);
	assert_string_equal(p[1].rspauth, "bb");
	assert_string_equal(p[2].rspauth, "cc");
	id[0] = ask(r, &p[0]); /* the queue is empty and begins anew */
	id[1] = ask(r, &p[1]);
	answer(r, id[1], 0, "");
	answer(r, id[0], 0, "");
	assert_true(p[0].n == 2 && p[1].n == 2);
	rig_free(r);
}

static void a_keeper_that_is_late(void **state)
{
	struct rig *r = rig_new("");
	struct phone p = { 0 };
	uint64_t id = ask(r, &p);

	(void)state;
	rig_pass_time(r, KEEPER_DEADLINE_MS - 1000);
	assert_int_equal(p.n, 0);
	rig_pass_time(r, 2000);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.err, E_TIMEOUT);
	assert_string_equal(p.rspauth, "-");
	answer(r, id, 0, "late");
	assert_int_equal(p.n, 1);
	rig_free(r);
}

static void a_keeper_that_is_gone(void **state)
{
	struct rig *r = rig_new("");
	struct phone p = { 0 };

	(void)state;
	ask(r, &p);
	assert_false(login_tick(r->e, true));
	assert_int_equal(p.err, E_CLOSED);
	mock_child_refuse(r->child, PROC_KEEPER, E_CLOSED);
	assert_int_equal(engine_login(r->e, "REGISTER", &credentials,
				      on_verdict, &p), E_CLOSED);
	mock_child_refuse(r->child, PROC_KEEPER, 0);
	assert_int_equal(engine_login(r->e, "A-METHOD-OF-MORE-THAN-31-LETTERS",
				      &credentials, on_verdict, &p), E_FULL);
	assert_int_equal(p.n, 1);
	rig_free(r);
}

static void whoever_forgets_hears_nothing(void **state)
{
	struct rig *r = rig_new("");
	struct phone p = { 0 }, other = { 0 };
	uint64_t id = ask(r, &p), id2 = ask(r, &other);

	(void)state;
	engine_login_forget(r->e, &p);
	answer(r, id, 0, "");
	answer(r, id2, 0, "");
	assert_int_equal(p.n, 0);
	assert_int_equal(other.n, 1);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_gets_its_own),
		cmocka_unit_test(a_keeper_that_is_late),
		cmocka_unit_test(a_keeper_that_is_gone),
		cmocka_unit_test(whoever_forgets_hears_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
