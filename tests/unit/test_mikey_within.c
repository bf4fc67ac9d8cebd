/* test_mikey_within.c - SRTP in the tunnels of a message that keys ESP, under a
 * pre-shared key, with and without Diffie-Hellman: whole exchanges, keys, then
 * what must be refused, with its reason. Half a message never counts. What is
 * ESP's own is tested in test_mikey_esp_psk.c, the methods with certificates in
 * test_mikey_esp_certs.c. */
#include "daemon/base/err.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/error.h"
#include "modules/mikey/esp/policy.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/esp_pair.h"
#include "tests/unit/mikey_pair.h"
#include "tests/unit/mikey_vectors.h"

static const struct keying *const methods[] = { &mikey_psk, &mikey_dhhmac };

#define N_METHODS (sizeof methods / sizeof *methods)

/* p for lines of SRTP in the tunnels of s; four policies of ESP, two of SRTP.
 * Keys of all suites have 16 bytes, so that messages can be sealed again. */
static void within_open(struct pair *p, const struct keying *method,
			struct esp_sides *s, size_t lines)
{
	esp_with_srtp(s);
	s->a.suites[1] = s->b.suites[1] = ESP_AES_128_CBC_SHA256;
	s->a.t.n_suites = s->b.t.n_suites = 2;
	pair_open(p);
	p->method = method;
	p->a.esp = &s->a.t;
	p->b.esp = &s->b.t;
	p->a.n = p->b.n = lines;
	p->a.verify = false;
}

static void exchange(struct pair *p)
{
	assert_int_equal(pair_offer(p), 0);
	assert_int_equal(pair_answer(p), 0);
	assert_int_equal(pair_finish(p), 0);
	esp_same(&p->calling.esp, &p->called.esp);
	esp_same_srtp(&p->calling, &p->called);
}

static void nothing_came(const struct keying_result *r)
{
	assert_int_equal(r->n, 0);
	assert_int_equal(r->esp.n, 0);
}

/* -- whole exchanges ------------------------------------------------------ */

static void one_exchange_keys_both(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct esp_sides s;
		struct pair p;

		esp_open_lines(&s, 2);
		within_open(&p, methods[i], &s, 2);
		exchange(&p);
		nothing_came(&p.early); /* nothing counts before the answer */
		assert_int_equal(p.calling.n, 2);
		assert_int_equal(p.calling.esp.n, 2);
		assert_int_equal(p.calling.esp.suite, ESP_AES_128_GCM);
		assert_int_equal(p.calling.facts.suite,
				 SUITE_AEAD_AES_128_GCM);
		assert_int_equal(p.called.facts.suite, SUITE_AEAD_AES_128_GCM);
		assert_int_equal(p.called.recv_ssrc[1], 0x22222222);
		assert_int_equal(p.calling.recv_ssrc[0], 0x33333333);
		assert_int_equal(p.calling.recv_ssrc[1], 0x44444444);
		assert_int_equal(p.calling.facts.verified, 1);
		assert_int_equal(p.calling.facts.confirmed, 1);
		pair_close(&p);
	}
}

static void one_tunnel_has_all_lines(void **state)
{
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	within_open(&p, &mikey_psk, &s, 2);
	exchange(&p);
	assert_int_equal(p.calling.esp.n, 1);
	assert_int_equal(p.called.n, 2);
	pair_close(&p);
}

static void as_many_as_there_may_be_fit(void **state)
{
	uint32_t ssrc[STREAM_MAX];
	struct esp_sides s;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < STREAM_MAX; i++)
		ssrc[i] = 0x1000 + (uint32_t)i;
	esp_open_lines(&s, ESP_TUNNELS_MAX);
	within_open(&p, &mikey_dhhmac, &s, STREAM_MAX);
	p.a.ssrc = p.b.ssrc = ssrc;
	exchange(&p);
	assert_int_equal(p.calling.n, STREAM_MAX);
	assert_int_equal(p.calling.recv_ssrc[7], 0x1007);
	pair_close(&p);
}

/* Each protocol has a list of its own; the answerer chooses of both. */
static void both_suites_are_agreed_on(void **state)
{
	static const enum suite more[] = { SUITE_F8_128_HMAC_SHA1_80,
					   SUITE_AES_256_CM_HMAC_SHA1_80,
					   SUITE_AES_CM_128_HMAC_SHA1_80 };

	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		for (size_t k = 0; k < 3; k++) {
			struct esp_sides s;
			struct pair p;

			esp_open(&s);
			within_open(&p, methods[i], &s, 1);
			s.b.t.suites = s.b.suites + 1;
			s.b.t.n_suites = 1;
			p.a.suites = more;
			p.a.n_suites = 3;
			p.b.suites = more + k;
			p.b.n_suites = 1;
			p.a.kdr = 4;
			exchange(&p);
			assert_int_equal(p.calling.esp.suite,
					 ESP_AES_128_CBC_SHA256);
			assert_int_equal(p.calling.facts.suite, more[k]);
			assert_int_equal(p.calling.send[0].kdr, 4);
			assert_int_equal(p.calling.send[0].key_len,
					 suite_info(more[k])->key_len);
			pair_close(&p);
		}
	}
}

static void an_update_brings_new_keys_for_both(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct keying_bundle ours, theirs;
		struct keying_result old;
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		within_open(&p, methods[i], &s, 1);
		exchange(&p);
		ours = p.calling.bundle;
		theirs = p.called.bundle;
		old = p.called;
		pair_close(&p);
		within_open(&p, methods[i], &s, 1);
		s.a.near[0].spi = 0x1111;
		s.b.near[0].spi = 0x2222;
		p.a.bundle = &ours;
		p.b.bundle = &theirs;
		p.a.wall_us = p.b.wall_us = NOW_US + 1000000;
		p.a.keyings = p.b.keyings = 1;
		exchange(&p);
		assert_int_equal(p.called.bundle.csb_id, ours.csb_id);
		assert_memory_not_equal(old.esp.tunnel[0].in.key,
					p.called.esp.tunnel[0].in.key, 16);
		assert_memory_not_equal(old.send[0].key, p.called.send[0].key,
					16);
		assert_memory_not_equal(old.recv[0].key, p.called.recv[0].key,
					16);
		pair_close(&p);
	}
}

/* -- keys ----------------------------------------------------------------- */

static void same_key(const struct srtp_key *k, const json_t *line,
		     const char *key, const char *salt)
{
	struct vector want = vector_hex(line, key), s = vector_hex(line, salt);

	assert_int_equal(k->key_len, want.len);
	assert_memory_equal(k->key, want.bytes, want.len);
	assert_int_equal(k->salt_len, s.len);
	assert_memory_equal(k->salt, s.bytes, s.len);
}

static void one_vector(const json_t *c)
{
	struct vector tgk = vector_hex(c, "tgk"), rand = vector_hex(c, "rand");
	struct vector fresh = vector_hex(c, "fresh");
	const json_t *lines = json_object_get(c, "lines"), *line;
	const struct mikey_root root = {
		.prf = (unsigned)json_integer_value(json_object_get(c, "prf")),
		.key = tgk.bytes, .key_len = tgk.len,
		.csb_id = (uint32_t)json_integer_value(
			json_object_get(c, "csb_id")),
		.rand = { rand.bytes, rand.len },
	};
	const struct mikey_key key = { .type = MIKEY_KEY_TGK };
	struct mikey_sp sp = { .suite = suite_by_name(json_string_value(
		json_object_get(c, "suite"))) };
	struct keying_result r = { .n = json_array_size(lines) };
	size_t i;

	r.esp.n = (size_t)json_integer_value(json_object_get(c, "tunnels"));
	r.esp.suite = ESP_AES_128_GCM;
	r.esp.tunnel[0].fresh_len = (uint8_t)fresh.len;
	memcpy(r.esp.tunnel[0].fresh, fresh.bytes, fresh.len);
	assert_int_equal(mikey_session_keys(&root, &key, &sp, true, &r), 0);
	json_array_foreach(lines, i, line) {
		same_key(&r.send[i], line, "forth", "forth_salt");
		same_key(&r.recv[i], line, "back", "back_salt");
	}
	assert_true(i > 0);
}

static void keys_are_those_of_a_plain_reading(void **state)
{
	json_t *root, *within;
	const json_t *c;
	size_t i;

	(void)state;
	vector_cases("mikey_esp_keys.json", &root);
	within = json_object_get(root, "within");
	assert_int_equal(json_array_size(within), 4);
	json_array_foreach(within, i, c)
		one_vector(c);
	json_decref(root);
}

/* -- bytes ---------------------------------------------------------------- */

static void every_byte_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct keying_result res = { .n = 0 };
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		within_open(&p, methods[i], &s, 2);
		assert_int_equal(pair_offer(&p), 0);
		for (size_t k = 0; k < p.offer.len; k++) {
			buf_clear(&p.answer);
			p.offer.data[k] ^= 1;
			assert_true(p.method->answer(&p.b, p.offer.data,
				p.offer.len, &p.answer, &res, &p.fault) < 0);
			p.offer.data[k] ^= 1;
			buf_clear(&p.answer);
			assert_true(p.method->answer(&p.b, p.offer.data, k,
				&p.answer, &res, &p.fault) < 0);
		}
		buf_clear(&p.answer);
		assert_int_equal(pair_answer(&p), 0);
		for (size_t k = 0; k < p.answer.len; k++) {
			p.answer.data[k] ^= 1;
			assert_true(pair_finish(&p) < 0);
			p.answer.data[k] ^= 1;
			assert_true(p.method->finish(p.pending, p.answer.data,
				k, NOW_US, &p.calling, &p.fault) < 0);
		}
		nothing_came(&res);
		nothing_came(&p.calling);
		assert_int_equal(pair_finish(&p), 0);
		pair_close(&p);
	}
}

/* -- what is refused ------------------------------------------------------ */

#define BYTES(s) ((struct mikey_bytes){ (const uint8_t *)(s), sizeof(s) - 1 })

/* A message of one tunnel and two lines: CS 1 and 2 are ESP's, 3 to 6 SRTP's;
 * policies 0 and 1 ESP's, 2 and 3 SRTP's. */
static void swap(struct mikey_message *m, size_t a, size_t b)
{
	struct mikey_cs cs = m->cs[a];

	m->cs[a] = m->cs[b];
	m->cs[b] = cs;
	m->cs[a].id = (uint8_t)(a + 1);
	m->cs[b].id = (uint8_t)(b + 1);
}

static void srtp_first(struct mikey_message *m)
{
	swap(m, 0, 2);
	swap(m, 1, 3);
}

static void mixed(struct mikey_message *m) { swap(m, 1, 2); }
static void back_first(struct mikey_message *m) { swap(m, 2, 3); }
static void numbered_anew(struct mikey_message *m) { m->cs[2].id = 1; }

static void set_lists(struct mikey_message *m, struct mikey_bytes list)
{
	for (size_t i = 2; i < m->n_cs; i++)
		m->cs[i].policies = list;
}

static void policies_of_esp(struct mikey_message *m)
{
	set_lists(m, BYTES("\0\1"));
}

static void policies_of_srtp(struct mikey_message *m)
{
	m->cs[0].policies = m->cs[1].policies = BYTES("\2\3");
}

static void policy_unknown(struct mikey_message *m)
{
	set_lists(m, BYTES("\7"));
}

static void policy_none(struct mikey_message *m)
{
	set_lists(m, BYTES(""));
}

static void policy_other(struct mikey_message *m)
{
	m->cs[5].policies = BYTES("\2");
}

static void policy_unreadable(struct mikey_message *m)
{
	for (size_t i = 2; i < 4; i++) /* encryption algorithm 9 */
		find(m, MIKEY_SP, i)->data = BYTES("\0\1\11");
}

static void esp_alone(struct mikey_message *m) { m->n_cs = 2; }
static void one_line(struct mikey_message *m) { m->n_cs = 4; }
static void one_way(struct mikey_message *m) { m->n_cs = 5; }

static void two_tunnels(struct mikey_message *m)
{
	m->n_cs = 8;
	m->cs[6] = m->cs[0];
	m->cs[7] = m->cs[1];
	m->cs[6].id = 7;
	m->cs[7].id = 8;
}

static void all_esp(struct mikey_message *m)
{
	for (size_t i = 2; i < 6; i++)
		m->cs[i].protocol = MIKEY_PROTOCOL_ESP;
}

static void of_2005(struct mikey_message *m)
{
	m->cs[4].protocol = MIKEY_PROTOCOL_2005;
}

static void with_roc(struct mikey_message *m)
{
	m->cs[2].s = 1;
	m->cs[2].data = BYTES("\21\21\21\21\0\0\0\1\0\0");
}

static void half_ssrc(struct mikey_message *m) { m->cs[2].data.len = 3; }
static void no_ssrc(struct mikey_message *m) { m->cs[4].data.len = 0; }

static void our_ssrc(struct mikey_message *m)
{
	m->cs[3].data = BYTES("\63\63\63\63");
}

static void with_mki(struct mikey_message *m)
{
	m->cs[4].spi = BYTES("\0\1");
}

static void no_response(struct mikey_message *m) { m->v = 0; }

static void spi_low(struct mikey_message *m)
{
	m->cs[1].spi = BYTES("\0\0\0\1");
}

static const struct {
	void (*change)(struct mikey_message *m);
	int err;
	unsigned error_no;
	const char *reason;
} offers[] = {
	{ srtp_first, E_UNSUPPORTED, MIKEY_ERR_SP, "protocol 0, not ESP" },
	{ mixed, E_UNSUPPORTED, MIKEY_ERR_SP, "protocol 0, not ESP" },
	{ back_first, E_UNSUPPORTED, MIKEY_ERR_OTHER, "SSRC alone" },
	{ numbered_anew, E_UNSUPPORTED, MIKEY_ERR_OTHER, "another number" },
	{ policies_of_esp, E_UNSUPPORTED, MIKEY_ERR_SP, "no SRTP policy" },
	{ policies_of_srtp, E_UNSUPPORTED, MIKEY_ERR_SP, "no ESP policy" },
	{ policy_unknown, E_UNSUPPORTED, MIKEY_ERR_SP, "no SRTP policy 7" },
	{ policy_none, E_UNSUPPORTED, MIKEY_ERR_SP, "same policies" },
	{ policy_other, E_UNSUPPORTED, MIKEY_ERR_SP, "same policies" },
	{ policy_unreadable, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "asks for" },
	{ esp_alone, E_UNSUPPORTED, MIKEY_ERR_OTHER, "keys ESP alone" },
	{ one_line, E_UNSUPPORTED, MIKEY_ERR_OTHER, "4 crypto sessions" },
	{ one_way, E_UNSUPPORTED, MIKEY_ERR_OTHER, "5 crypto sessions" },
	{ two_tunnels, E_UNSUPPORTED, MIKEY_ERR_OTHER, "8 crypto sessions" },
	{ all_esp, E_UNSUPPORTED, MIKEY_ERR_SP, "not SRTP" },
	{ of_2005, E_UNSUPPORTED, MIKEY_ERR_SP, "protocol 7, not SRTP" },
	{ with_roc, E_UNSUPPORTED, MIKEY_ERR_OTHER, "rollover counter" },
	{ half_ssrc, E_UNSUPPORTED, MIKEY_ERR_OTHER, "SSRC alone" },
	{ no_ssrc, E_UNSUPPORTED, MIKEY_ERR_OTHER, "SSRC alone" },
	{ our_ssrc, E_UNSUPPORTED, MIKEY_ERR_OTHER, "SSRC alone" },
	{ with_mki, E_UNSUPPORTED, MIKEY_ERR_OTHER, "an SPI" },
	{ no_response, E_UNSUPPORTED, MIKEY_ERR_OTHER, "no response" },
	{ spi_low, E_UNSUPPORTED, MIKEY_ERR_OTHER, "reserved SPI" },
};

static void changed_offers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
		struct mikey_message m;
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		within_open(&p, &mikey_psk, &s, 2);
		assert_int_equal(pair_offer(&p), 0);
		open_offer(&p, &m);
		offers[i].change(&m);
		seal_offer(&p, &m);
		assert_int_equal(pair_answer(&p), offers[i].err);
		if (!strstr(p.fault.text, offers[i].reason))
			fail_msg("%zu: %s", i, p.fault.text);
		nothing_came(&p.called);
		assert_int_equal(mikey_decode(p.answer.data, p.answer.len,
					      &m), 0);
		assert_int_equal(mikey_find(&m, MIKEY_ERR, 0)->kind,
				 offers[i].error_no);
		assert_non_null(mikey_find(&m, MIKEY_V, 0));
		pair_close(&p);
	}
}

static void their_ssrc(struct mikey_message *m)
{
	m->cs[2].data = BYTES("\21\21\21\22");
}

static void no_back(struct mikey_message *m) { m->cs[5].data.len = 0; }
static void chosen_two(struct mikey_message *m) { set_lists(m, BYTES("\2\3")); }

static void chosen_mixed(struct mikey_message *m)
{
	m->cs[3].policies = BYTES("\3");
}

static void another_policy(struct mikey_message *m)
{
	struct mikey_payload v = m->payload[m->n - 1];

	m->n--;
	mikey_add(m, MIKEY_SP, MIKEY_PROTOCOL_SRTP)->extra = 3;
	m->payload[m->n++] = v;
}

static const struct {
	void (*change)(struct mikey_message *m);
	int err;
	const char *reason;
} answers[] = {
	{ srtp_first, E_FORMAT, "other crypto sessions" },
	{ mixed, E_FORMAT, "other crypto sessions" },
	{ back_first, E_AUTH, "another SSRC" },
	{ their_ssrc, E_AUTH, "another SSRC" },
	{ numbered_anew, E_FORMAT, "of SRTP" },
	{ policies_of_esp, E_FORMAT, "of SRTP" },
	{ policies_of_srtp, E_FORMAT, "other crypto sessions" },
	{ policy_unknown, E_FORMAT, "of SRTP" },
	{ policy_none, E_FORMAT, "of SRTP" },
	{ chosen_two, E_FORMAT, "of SRTP" },
	{ chosen_mixed, E_FORMAT, "of SRTP" },
	{ esp_alone, E_FORMAT, "other crypto sessions" },
	{ one_line, E_FORMAT, "other crypto sessions" },
	{ two_tunnels, E_FORMAT, "other crypto sessions" },
	{ all_esp, E_FORMAT, "of SRTP" },
	{ with_roc, E_FORMAT, "of SRTP" },
	{ with_mki, E_FORMAT, "of SRTP" },
	{ half_ssrc, E_FORMAT, "of SRTP" },
	{ no_back, E_FORMAT, "of SRTP" },
	{ another_policy, E_AUTH, "another policy" },
};

static void changed_answers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct mikey_message m;
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		within_open(&p, &mikey_psk, &s, 2);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(mikey_decode(p.answer.data, p.answer.len,
					      &m), 0);
		answers[i].change(&m);
		seal_answer(&p, &m);
		assert_int_equal(pair_finish(&p), answers[i].err);
		if (!strstr(p.fault.text, answers[i].reason))
			fail_msg("%zu: %s", i, p.fault.text);
		nothing_came(&p.calling);
		pair_close(&p);
	}
}

/* One end wants both and the other ESP, or SRTP, alone: with either as who
 * offers. */
static void half_of_it_is_refused(void **state)
{
	static const struct {
		bool esp[2], srtp[2]; /* by the offerer and the answerer */
		const char *reason;
	} rows[] = {
		{ { true, true }, { false, true }, "keys ESP alone" },
		{ { true, true }, { true, false }, "no SRTP in them" },
		{ { false, true }, { true, true }, "SRTP in it" },
		{ { true, false }, { true, true }, "4 crypto sessions" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		within_open(&p, &mikey_psk, &s, 1);
		p.a.verify = true;
		s.a.t.srtp = rows[i].srtp[0];
		s.b.t.srtp = rows[i].srtp[1];
		p.a.esp = rows[i].esp[0] ? &s.a.t : NULL;
		p.b.esp = rows[i].esp[1] ? &s.b.t : NULL;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		if (!strstr(p.fault.text, rows[i].reason))
			fail_msg("%zu: %s", i, p.fault.text);
		nothing_came(&p.called);
		pair_close(&p);
	}
}

static void a_suite_of_either_must_be_shared(void **state)
{
	static const enum suite other = SUITE_AEAD_AES_256_GCM;
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	within_open(&p, &mikey_psk, &s, 1);
	p.b.suites = &other;
	p.b.n_suites = 1;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "is not allowed"));
	nothing_came(&p.called);
	pair_close(&p);
	within_open(&p, &mikey_psk, &s, 1);
	s.b.suites[0] = ESP_AES_256_GCM;
	s.b.t.n_suites = 1;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "ESP suite"));
	nothing_came(&p.called);
	pair_close(&p);
}

static void unsound_terms_make_no_offer(void **state)
{
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	for (unsigned what = 0; what < 3; what++) {
		within_open(&p, &mikey_psk, &s, 1);
		if (what == 0)
			p.a.n_suites = 0;
		else
			p.a.n = what == 1 ? 0 : STREAM_MAX + 1;
		assert_int_equal(pair_offer(&p), what ? E_ARG : E_POLICY);
		assert_int_equal(p.offer.len, 0);
		pair_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_exchange_keys_both),
		cmocka_unit_test(one_tunnel_has_all_lines),
		cmocka_unit_test(as_many_as_there_may_be_fit),
		cmocka_unit_test(both_suites_are_agreed_on),
		cmocka_unit_test(an_update_brings_new_keys_for_both),
		cmocka_unit_test(keys_are_those_of_a_plain_reading),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(changed_offers_are_refused),
		cmocka_unit_test(changed_answers_are_refused),
		cmocka_unit_test(half_of_it_is_refused),
		cmocka_unit_test(a_suite_of_either_must_be_shared),
		cmocka_unit_test(unsound_terms_make_no_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
