/* test_mikey_map.c - the other types of crypto session map (RFC 4563 section 5,
 * RFC 6043 6.1.1) and of timestamp (RFC 3830 6.6), under a pre-shared key with
 * the MAC set right: taken where they can be used, else refused with a
 * reason. */
#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/sp.h"
#include "modules/mikey/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "modules/mikey/kemac.h"
#include "tests/unit/mikey_pair.h"

static struct mikey_bytes run_of(const void *p, size_t len)
{
	return (struct mikey_bytes){ p, len };
}

/* An offer of ours as a message, for changing it. */
static void offered(struct pair *p, struct mikey_message *m)
{
	pair_open(p);
	assert_int_equal(pair_offer(p), 0);
	open_offer(p, m);
}

static int answer_to(struct pair *p, struct mikey_message *m)
{
	seal_offer(p, m);
	return pair_answer(p);
}

/* Takes the i-th payload out. */
static void without(struct mikey_message *m, enum mikey_payload_type type)
{
	size_t i = (size_t)(find(m, type, 0) - m->payload);

	memmove(&m->payload[i], &m->payload[i + 1],
		(m->n - i - 1) * sizeof *m->payload);
	m->n--;
}

static void decode_answer(const struct pair *p, struct mikey_message *m)
{
	assert_int_equal(mikey_decode(p->answer.data, p->answer.len, m), 0);
}

/* -- the empty map -------------------------------------------------------- */

/* The sessions are those of the lines, the policy is SRTP's own. */
static void an_empty_map_means_the_lines(void **state)
{
	const uint8_t counts[] = { 0, 2 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mikey_message m;
		struct pair p;

		offered(&p, &m);
		m.map = MIKEY_MAP_EMPTY;
		m.n_cs = counts[i];
		without(&m, MIKEY_SP);
		assert_int_equal(answer_to(&p, &m), 0);
		assert_int_equal(p.called.facts.suite,
				 SUITE_AES_CM_128_HMAC_SHA1_80);
		assert_int_equal(p.called.recv_ssrc[0], 0);
		assert_memory_not_equal(p.called.recv[0].key,
					p.called.send[0].key, 16);
		decode_answer(&p, &m);
		assert_int_equal(m.map, MIKEY_MAP_EMPTY);
		assert_int_equal(m.n_cs, counts[i]);
		assert_null(mikey_find(&m, MIKEY_SP, 0));
		pair_close(&p);
	}
}

static void an_empty_map_that_cannot_be(void **state)
{
	static const struct {
		uint8_t n;
		bool policy, allowed;
		int err;
		const char *why;
	} rows[] = {
		{ 0, true, true, E_FORMAT, "policy" },
		{ 3, false, true, E_UNSUPPORTED, "3 crypto sessions" },
		{ 255, false, true, E_UNSUPPORTED, "255 crypto sessions" },
		{ 0, false, false, E_UNSUPPORTED, "AES_CM_128_HMAC_SHA1_80" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mikey_message m;
		struct pair p;

		offered(&p, &m);
		m.map = MIKEY_MAP_EMPTY;
		m.n_cs = rows[i].n;
		if (!rows[i].policy)
			without(&m, MIKEY_SP);
		if (!rows[i].allowed)
			p.suites[1] = SUITE_AEAD_AES_256_GCM;
		assert_int_equal(answer_to(&p, &m), rows[i].err);
		assert_non_null(strstr(p.fault.text, rows[i].why));
		pair_close(&p);
	}
}

/* -- GENERIC-ID ----------------------------------------------------------- */

/* The offer's two sessions in that form; all lists policy 0. */
static void as_generic(struct mikey_message *m)
{
	m->map = MIKEY_MAP_GENERIC;
	for (size_t i = 0; i < m->n_cs; i++)
		m->cs[i] = (struct mikey_cs){ .id = (uint8_t)(i + 1),
			.policies = run_of("\0", 1) };
	m->cs[0].data = run_of("\x11\x11\x11\x11", 4);
}

static void a_generic_map_is_taken(void **state)
{
	struct mikey_message m;
	struct pair p;

	(void)state;
	offered(&p, &m);
	as_generic(&m);
	assert_int_equal(answer_to(&p, &m), 0);
	assert_int_equal(p.called.recv_ssrc[0], 0x11111111);
	assert_int_equal(p.called.facts.suite, SUITE_AEAD_AES_128_GCM);
	assert_memory_equal(&p.called.recv[0], &p.early.send[0],
			    sizeof p.early.send[0]);
	decode_answer(&p, &m);
	assert_int_equal(m.map, MIKEY_MAP_GENERIC);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(m.cs[i].id, i + 1);
		assert_int_equal(m.cs[i].policies.len, 1);
		assert_int_equal(m.cs[i].data.len, 4);
	}
	assert_memory_equal(m.cs[0].data.p, "\x11\x11\x11\x11", 4);
	assert_memory_equal(m.cs[1].data.p, "\x33\x33\x33\x33", 4);
	assert_null(mikey_find(&m, MIKEY_SP, 0));
	pair_close(&p);
}

static void other_numbers(struct mikey_message *m)
{
	m->cs[0].id = 2;
	m->cs[1].id = 1;
}

static void another_protocol(struct mikey_message *m)
{
	m->cs[1].protocol = 1;
}

static void short_data(struct mikey_message *m)
{
	m->cs[0].data.len = 3;
}

static void data_without_its_flag(struct mikey_message *m)
{
	m->cs[0].data = run_of("\1\1\1\1\0\0\0\0\0\0", 10);
}

static void flag_without_its_data(struct mikey_message *m)
{
	m->cs[0].s = 1;
}

static void a_running_stream(struct mikey_message *m)
{
	m->cs[0].s = 1;
	m->cs[0].data = run_of("\1\1\1\1\0\0\0\1\0\0", 10);
}

static void our_ssrc(struct mikey_message *m)
{
	m->cs[1].data = run_of("\5\5\5\5", 4);
}

static void an_unknown_policy(struct mikey_message *m)
{
	m->cs[0].policies = m->cs[1].policies = run_of("\7", 1);
}

static void no_policy_in_common(struct mikey_message *m)
{
	m->cs[1].policies = run_of("\7", 1);
}

static void one_session_without(struct mikey_message *m)
{
	m->cs[1].policies.len = 0;
}

static void an_unknown_spi(struct mikey_message *m)
{
	m->cs[0].spi = run_of("\1\2", 2);
}

static void three_sessions(struct mikey_message *m)
{
	m->cs[2] = m->cs[1];
	m->cs[2].id = 3;
	m->n_cs = 3;
}

static void generic_maps_that_cannot_be(void **state)
{
	static const struct {
		void (*change)(struct mikey_message *m);
		int err;
	} rows[] = {
		{ other_numbers, E_UNSUPPORTED },
		{ another_protocol, E_UNSUPPORTED },
		{ short_data, E_FORMAT },
		{ data_without_its_flag, E_FORMAT },
		{ flag_without_its_data, E_FORMAT },
		{ a_running_stream, E_UNSUPPORTED },
		{ our_ssrc, E_UNSUPPORTED },
		{ an_unknown_policy, E_UNSUPPORTED },
		{ no_policy_in_common, E_UNSUPPORTED },
		{ one_session_without, E_UNSUPPORTED },
		{ an_unknown_spi, E_UNSUPPORTED },
		{ three_sessions, E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mikey_message m;
		struct pair p;

		offered(&p, &m);
		as_generic(&m);
		rows[i].change(&m);
		assert_int_equal(answer_to(&p, &m), rows[i].err);
		assert_int_equal(p.called.n, 0);
		assert_true(strlen(p.fault.text) > 10);
		pair_close(&p);
	}
}

/* The first policy that all list and we may use. */
static void policies_are_chosen_from(void **state)
{
	struct mikey_message m;
	struct mikey_payload kemac;
	struct buf b = buf_of(64);
	struct pair p;

	(void)state;
	offered(&p, &m);
	as_generic(&m);
	kemac = m.payload[--m.n];
	mikey_sp_put(&b, &(struct mikey_sp){
			 .suite = SUITE_AEAD_AES_256_GCM }); /* not allowed */
	mikey_add(&m, MIKEY_SP, 0)->data = run_of(b.data, b.len);
	m.payload[m.n - 1].extra = 5;
	mikey_add(&m, MIKEY_SP, 0)->extra = 6; /* SRTP's defaults */
	m.payload[m.n++] = kemac;
	m.cs[0].policies = run_of("\5\6\0", 3);
	m.cs[1].policies = run_of("\0\6\5", 3);
	assert_int_equal(answer_to(&p, &m), 0);
	assert_int_equal(p.called.facts.suite, SUITE_AES_CM_128_HMAC_SHA1_80);
	decode_answer(&p, &m);
	assert_memory_equal(m.cs[0].policies.p, "\6", 1);
	assert_memory_equal(m.cs[1].policies.p, "\6", 1);
	buf_free(&b);
	pair_close(&p);
}

/* "if #P = 0 [...] a security profile MUST be provided in the response" */
static void a_policy_is_brought(void **state)
{
	const struct mikey_payload *sp;
	struct mikey_message m;
	struct mikey_sp got;
	const char *why;
	struct pair p;

	(void)state;
	offered(&p, &m);
	as_generic(&m);
	without(&m, MIKEY_SP);
	m.cs[0].policies.len = m.cs[1].policies.len = 0;
	assert_int_equal(answer_to(&p, &m), 0);
	assert_int_equal(p.called.facts.suite, SUITE_AEAD_AES_128_GCM);
	decode_answer(&p, &m);
	sp = mikey_find(&m, MIKEY_SP, 0);
	assert_non_null(sp);
	assert_int_equal(mikey_sp_get(sp->data, &got, &why), 0);
	assert_int_equal(got.suite, SUITE_AEAD_AES_128_GCM);
	assert_int_equal(m.cs[0].policies.p[0], sp->extra);
	pair_close(&p);
}

/* -- timestamps ----------------------------------------------------------- */

static int with_stamp(struct pair *p, unsigned kind, const void *bytes,
		      size_t len)
{
	struct mikey_message m;
	struct mikey_psk_keys k;
	struct mikey_payload *kemac;
	uint8_t room[64], iv[16];
	int r;

	offered(p, &m);
	p->b.counters = true;
	message_keys(p, &m, MIKEY_MAC_SHA1, &k);
	kemac = find(&m, MIKEY_KEMAC, 0);
	mikey_iv(k.salt, m.csb_id, mikey_stamp_bits(find(&m, MIKEY_T, 0)), iv);
	assert_int_equal(mikey_aes_cm(k.encr, 16, iv, kemac->data, room), 0);
	find(&m, MIKEY_T, 0)->kind = (uint8_t)kind;
	find(&m, MIKEY_T, 0)->data = run_of(bytes, len);
	mikey_iv(k.salt, m.csb_id, mikey_stamp_bits(find(&m, MIKEY_T, 0)), iv);
	assert_int_equal(mikey_aes_cm(k.encr, 16, iv, (struct mikey_bytes){
				      room, kemac->data.len }, room), 0);
	kemac->data.p = room;
	r = answer_to(p, &m);
	return r;
}

static void other_times_are_taken(void **state)
{
	uint8_t now[8];
	uint64_t ntp = mikey_stamp_of(NOW_US, 0);
	struct pair p;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		now[i] = (uint8_t)(ntp >> (56 - 8 * i));
	assert_int_equal(with_stamp(&p, MIKEY_TS_NTP, now, 8), 0);
	assert_true(p.called.stamp_us == NOW_US);
	pair_close(&p);
	assert_int_equal(with_stamp(&p, MIKEY_TS_UTC_32, now, 4), 0);
	assert_true(p.called.stamp_us == NOW_US);
	assert_memory_equal(p.called.recv[0].key, p.early.send[0].key, 16);
	pair_close(&p);
	now[2] ^= 8;
	assert_int_equal(with_stamp(&p, MIKEY_TS_UTC_32, now, 4), E_EXPIRED);
	pair_close(&p);
	assert_int_equal(with_stamp(&p, MIKEY_TS_NTP, now, 8), E_EXPIRED);
	pair_close(&p);
}

static void counters_must_rise(void **state)
{
	static const struct {
		struct keying_counter last;
		uint8_t now[4];
		int err;
	} rows[] = {
		{ { false, 0 }, { 0, 0, 0, 0 }, 0 },
		{ { false, 9 }, { 0, 0, 0, 3 }, 0 },
		{ { true, 3 }, { 0, 0, 0, 3 }, E_REPLAY },
		{ { true, 3 }, { 0, 0, 0, 2 }, E_REPLAY },
		{ { true, 3 }, { 0, 0, 0, 4 }, 0 },
		{ { true, 0xffffffff }, { 255, 255, 255, 255 }, E_REPLAY },
		{ { true, 0xffffffff }, { 0, 0, 0, 0 }, E_REPLAY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mikey_message m;
		struct pair p;

		assert_int_equal(with_stamp(&p, MIKEY_TS_COUNTER, rows[i].now,
					    4), 0);
		open_offer(&p, &m);
		buf_clear(&p.answer);
		p.called = (struct keying_result){ .n = 0 };
		p.b.last_counter = &rows[i].last;
		assert_int_equal(pair_answer(&p), rows[i].err);
		assert_int_equal(p.called.counter.set, !rows[i].err);
		if (!rows[i].err)
			assert_int_equal(p.called.counter.value,
					 rows[i].now[3]);
		pair_close(&p);
	}
}

static void counters_are_refused_unless_wanted(void **state)
{
	struct pair p;

	(void)state;
	assert_int_equal(with_stamp(&p, MIKEY_TS_COUNTER, "\0\0\0\1", 4), 0);
	p.b.counters = false;
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "mikey.counters"));
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_means_the_lines),
		cmocka_unit_test(an_empty_map_that_cannot_be),
		cmocka_unit_test(a_generic_map_is_taken),
		cmocka_unit_test(generic_maps_that_cannot_be),
		cmocka_unit_test(policies_are_chosen_from),
		cmocka_unit_test(a_policy_is_brought),
		cmocka_unit_test(other_times_are_taken),
		cmocka_unit_test(counters_must_rise),
		cmocka_unit_test(counters_are_refused_unless_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
