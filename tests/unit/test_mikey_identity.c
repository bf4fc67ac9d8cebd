/* test_mikey_identity.c - whose keys they are: the call's caller always, the
 * answering side as the profile's retarget says, in every method that has a
 * pre-shared key; and what the facts then tell the verdict. */
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/ident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/mikey_pair.h"

#define CAROL "sip:carol@b.example"

static const struct keying *const methods[] = { &mikey_psk, &mikey_dhhmac };
#define EACH(i) for (size_t i = 0; i < 2; i++)

/* An exchange in which the call reaches answers, by the answerer's terms. */
static void open_diverted(struct pair *p, size_t method, const char *to)
{
	pair_open(p);
	p->method = methods[method];
	p->b.local_id = to;
	assert_int_equal(pair_offer(p), 0);
}

static void the_calls_own(void **state)
{
	struct pair p;

	(void)state;
	EACH(i) {
		open_diverted(&p, i, "sip:bob@b.example");
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), 0);
		assert_int_equal(p.called.facts.identity, KEY_IDENTITY_CALL);
		assert_int_equal(p.calling.facts.identity, KEY_IDENTITY_CALL);
		pair_close(&p);
	}
}

static void diverted_calls_are_refused(void **state)
{
	struct pair p;

	(void)state;
	EACH(i) {
		open_diverted(&p, i, CAROL);
		assert_int_equal(pair_answer(&p), E_AUTH);
		assert_non_null(strstr(p.fault.text, "see retarget"));
		pair_close(&p);
	}
}

/* Both sides must allow it; both learn of whom the keys are. */
static void diverted_calls_are_allowed(void **state)
{
	struct pair p;

	(void)state;
	EACH(i) {
		pair_open(&p);
		p.method = methods[i];
		p.b.local_id = CAROL;
		p.a.retarget = p.b.retarget = true;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(p.called.facts.identity, KEY_IDENTITY_OTHER);
		assert_string_equal(p.called.facts.other, "sip:bob@b.example");
		assert_int_equal(pair_finish(&p), 0);
		assert_int_equal(p.calling.facts.identity, KEY_IDENTITY_OTHER);
		assert_string_equal(p.calling.facts.other, CAROL);
		assert_memory_equal(p.calling.send[0].key, p.called.recv[0].key,
				    16);
		pair_close(&p);
	}
}

static void the_caller_must_allow_it_too(void **state)
{
	struct pair p;

	(void)state;
	EACH(i) {
		pair_open(&p);
		p.method = methods[i];
		p.b.local_id = CAROL;
		p.b.retarget = true;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(pair_finish(&p), E_AUTH);
		assert_non_null(strstr(p.fault.text, CAROL));
		assert_non_null(strstr(p.fault.text, "see retarget"));
		pair_close(&p);
	}
}

/* Another domain or port, a bare domain, or what is no name, never. */
static void other_domains_never(void **state)
{
	static const char *const to[] = {
		"sip:bob@c.example", "sip:carol@b.example:5070",
		"sip:b.example", "sip:carol@b.example.evil", "sip:carol@",
	};
	struct pair p;

	(void)state;
	EACH(i)
		for (size_t k = 0; k < sizeof to / sizeof *to; k++) {
			pair_open(&p);
			p.method = methods[i];
			p.b.local_id = to[k];
			p.a.retarget = p.b.retarget = true;
			assert_int_equal(pair_offer(&p), 0);
			assert_int_equal(pair_answer(&p), E_AUTH);
			assert_null(strstr(p.fault.text, "retarget"));
			pair_close(&p);
		}
}

/* Another caller of the same domain is no diversion. */
static void another_caller_never(void **state)
{
	struct pair p;

	(void)state;
	EACH(i) {
		pair_open(&p);
		p.method = methods[i];
		p.b.remote_id = "sip:mallory@a.example";
		p.a.retarget = p.b.retarget = true;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), E_AUTH);
		assert_non_null(strstr(p.fault.text, "from sip:alice"));
		pair_close(&p);
	}
}

/* 3.1: identities may be left out; then the facts say so. */
static void nobody_is_named(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	pair_open(&p);
	assert_int_equal(pair_offer(&p), 0);
	open_offer(&p, &m);
	for (size_t i = 0, n = m.n, k = 0; i < n; i++)
		if (m.payload[i].type == MIKEY_ID)
			m.n--;
		else
			m.payload[k++] = m.payload[i];
	seal_offer(&p, &m);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(p.called.facts.identity, KEY_IDENTITY_NONE);
	pair_close(&p);
}

static void domains(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} row[] = {
		{ "sip:a@x.example", "sip:b@X.Example", true },
		{ "sip:a@x.example", "b@x.example;p=1", true },
		{ "sips:a@x.example", "sip:b@x.example", true },
		{ "sip:a@x.example", "sip:b@y.example", false },
		{ "sip:a@x.example", "sip:x.example", false },
		{ "sip:a@x.example", "sip:b@x.example:5061", false },
		{ "sip:a@x.example", "sip:b c@x.example", false },
		{ "sip:a@x.example", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		assert_int_equal(mikey_same_domain(text(row[i].a),
						   text(row[i].b)),
				 row[i].same);
		assert_int_equal(mikey_same_domain(text(row[i].b),
						   text(row[i].a)),
				 row[i].same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_calls_own),
		cmocka_unit_test(diverted_calls_are_refused),
		cmocka_unit_test(diverted_calls_are_allowed),
		cmocka_unit_test(the_caller_must_allow_it_too),
		cmocka_unit_test(other_domains_never),
		cmocka_unit_test(another_caller_never),
		cmocka_unit_test(nobody_is_named), cmocka_unit_test(domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
