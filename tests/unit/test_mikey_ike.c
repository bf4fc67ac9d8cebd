/* test_mikey_ike.c - tunnels that IKE raises, by a key that MIKEY agrees on:
 * both ends have the same key and name, nobody takes such an exchange for one
 * of the kernel's ESP or of SRTP, and what a hostile far end may say is refused
 * with its reason. What both kinds of tunnel share is in test_mikey_esp*.c. */
#include "daemon/base/err.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/error.h"
#include "modules/mikey/esp/keys.h"
#include "modules/mikey/esp/policy.h"
#include "modules/mikey/explain.h"
#include "modules/mikey/psk.h"

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

static void ike_pair_open(struct pair *p, const struct keying *method,
			  const struct esp_sides *s)
{
	pair_open(p);
	p->method = method;
	p->a.esp = &s->a.t;
	p->b.esp = &s->b.t;
	p->a.n = p->b.n = 0; /* not looked at */
	p->a.verify = false;
}

static void exchange(struct pair *p)
{
	assert_int_equal(pair_offer(p), 0);
	assert_int_equal(pair_answer(p), 0);
	assert_int_equal(pair_finish(p), 0);
	esp_same_ike(&p->calling.esp, &p->called.esp);
}

/* -- whole exchanges ------------------------------------------------------ */

static void each_line_has_a_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct esp_sides s;
		struct pair p;

		esp_open_ike(&s, ESP_TUNNELS_MAX);
		s.b.t.life_s = 600;
		ike_pair_open(&p, methods[i], &s);
		exchange(&p);
		assert_int_equal(p.early.esp.n, 0); /* none before an answer */
		assert_int_equal(p.calling.esp.n, ESP_TUNNELS_MAX);
		assert_int_equal(p.calling.esp.mode, ESP_TUNNEL);
		assert_int_equal(p.calling.esp.scope, ESP_MEDIA);
		assert_int_equal(p.called.esp.life_s, 600);
		assert_int_equal(p.calling.facts.verified, 1);
		assert_int_equal(p.calling.facts.confirmed, 1);
		pair_close(&p);
	}
}

static void every_suite_is_agreed_on(void **state)
{
	(void)state;
	for (unsigned i = ESP_AES_128_GCM; i <= ESP_AES_256_CBC_SHA256; i++) {
		struct esp_sides s;
		struct pair p;

		esp_open_ike(&s, 1);
		s.b.suites[0] = (enum esp_suite)i;
		s.b.t.n_suites = 1;
		ike_pair_open(&p, &mikey_psk, &s);
		p.a.sha256 = i % 2;
		exchange(&p);
		assert_int_equal(p.calling.esp.suite, i);
		pair_close(&p);
	}
}

/* The same offer answered twice: neither key nor name is had twice. */
static void each_answer_has_a_key_of_its_own(void **state)
{
	struct esp_key first;
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open_ike(&s, 1);
	ike_pair_open(&p, &mikey_psk, &s);
	exchange(&p);
	first = p.called.esp.tunnel[0].in;
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), 0);
	assert_memory_not_equal(first.key, p.called.esp.tunnel[0].in.key,
				TUNNEL_PSK);
	assert_memory_not_equal(first.auth, p.called.esp.tunnel[0].in.auth,
				TUNNEL_NAME);
	assert_int_equal(pair_finish(&p), 0);
	esp_same_ike(&p.calling.esp, &p.called.esp);
	pair_close(&p);
}

/* A re-INVITE: an update of the bundle (RFC 3830 4.5). */
static void an_update_brings_another_key(void **state)
{
	struct keying_bundle ours, theirs;
	struct esp_key old;
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open_ike(&s, 1);
	ike_pair_open(&p, &mikey_psk, &s);
	exchange(&p);
	ours = p.calling.bundle;
	theirs = p.called.bundle;
	old = p.called.esp.tunnel[0].in;
	pair_close(&p);
	ike_pair_open(&p, &mikey_psk, &s);
	p.a.bundle = &ours;
	p.b.bundle = &theirs;
	p.a.wall_us = p.b.wall_us = NOW_US + 1000000;
	p.a.keyings = p.b.keyings = 1;
	exchange(&p);
	assert_int_equal(p.called.bundle.csb_id, ours.csb_id);
	assert_memory_not_equal(old.key, p.called.esp.tunnel[0].in.key,
				TUNNEL_PSK);
	assert_memory_not_equal(old.auth, p.called.esp.tunnel[0].in.auth,
				TUNNEL_NAME);
	pair_close(&p);
}

/* -- bytes ---------------------------------------------------------------- */

static void every_byte_counts(void **state)
{
	struct keying_result res = { .n = 0 };
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open_ike(&s, 2);
	ike_pair_open(&p, &mikey_psk, &s);
	assert_int_equal(pair_offer(&p), 0);
	for (size_t k = 0; k < p.offer.len; k++) {
		buf_clear(&p.answer);
		p.offer.data[k] ^= 1;
		assert_true(p.method->answer(&p.b, p.offer.data, p.offer.len,
			&p.answer, &res, &p.fault) < 0);
		p.offer.data[k] ^= 1;
		buf_clear(&p.answer);
		assert_true(p.method->answer(&p.b, p.offer.data, k, &p.answer,
			&res, &p.fault) < 0);
	}
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), 0);
	for (size_t k = 0; k < p.answer.len; k++) {
		p.answer.data[k] ^= 1;
		assert_true(pair_finish(&p) < 0);
		p.answer.data[k] ^= 1;
		assert_true(p.method->finish(p.pending, p.answer.data, k,
			NOW_US, &p.calling, &p.fault) < 0);
	}
	assert_int_equal(res.esp.n, 0);
	assert_int_equal(p.calling.esp.n, 0);
	assert_int_equal(pair_finish(&p), 0);
	pair_close(&p);
}

/* -- one for the other ---------------------------------------------------- */

static void refused(struct pair *p, const char *reason, unsigned error_no)
{
	struct mikey_message m;

	assert_int_equal(pair_answer(p), E_UNSUPPORTED);
	if (!strstr(p->fault.text, reason))
		fail_msg("%s: %s", reason, p->fault.text);
	assert_int_equal(p->called.esp.n, 0);
	assert_int_equal(p->called.n, 0);
	assert_int_equal(mikey_decode(p->answer.data, p->answer.len, &m), 0);
	assert_int_equal(mikey_find(&m, MIKEY_ERR, 0)->kind, error_no);
}

/* Whatever else is the same. */
static void none_is_taken_for_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct esp_sides s;
		struct pair p;

		esp_open_ike(&s, 1);
		s.b.t.ike = false;
		ike_pair_open(&p, methods[i], &s);
		assert_int_equal(pair_offer(&p), 0);
		refused(&p, "of protocol 242, not ESP", MIKEY_ERR_SP);
		pair_close(&p);
		esp_open_ike(&s, 1);
		s.a.t.ike = false;
		ike_pair_open(&p, methods[i], &s);
		assert_int_equal(pair_offer(&p), 0);
		refused(&p, "of protocol 241, not ESP by IKE", MIKEY_ERR_SP);
		pair_close(&p);
		esp_open_ike(&s, 1);
		ike_pair_open(&p, methods[i], &s);
		p.b.esp = NULL;
		p.b.n = 1;
		assert_int_equal(pair_offer(&p), 0);
		refused(&p, "protocol 242, not SRTP", MIKEY_ERR_SP);
		pair_close(&p);
		ike_pair_open(&p, methods[i], &s);
		p.a.esp = NULL;
		p.a.n = 1;
		p.a.verify = true;
		assert_int_equal(pair_offer(&p), 0);
		refused(&p, "keys SRTP", MIKEY_ERR_OTHER);
		pair_close(&p);
	}
}

/* -- offers and answers that are refused ---------------------------------- */

static uint8_t scratch[128];

static struct mikey_bytes copy_of(struct mikey_bytes b)
{
	assert_true(b.len < sizeof scratch);
	memcpy(scratch, b.p, b.len);
	return (struct mikey_bytes){ scratch, b.len };
}

/* A byte of the end that the session has. */
static void set_byte(struct mikey_cs *cs, size_t at, uint8_t to)
{
	cs->data = copy_of(cs->data);
	scratch[at] = to;
}

/* Only the first policy is left, so that it is the one that counts. */
static struct mikey_payload *first_policy(struct mikey_message *m)
{
	m->cs[0].policies.len = m->cs[1].policies.len = 1;
	return find(m, MIKEY_SP, 0);
}

/* Parameters 3 and 4 are mode and scope (doc/MIKEY-IPSEC.md). */
static void set_policy(struct mikey_message *m, size_t at, uint8_t to)
{
	struct mikey_payload *sp = first_policy(m);

	sp->data = copy_of(sp->data);
	scratch[at] = to;
}

static void one_241(struct mikey_message *m)
{
	m->cs[1].protocol = MIKEY_PROTOCOL_ESP;
}

static void all_241(struct mikey_message *m)
{
	m->cs[0].protocol = m->cs[1].protocol = MIKEY_PROTOCOL_ESP;
}

static void policy_241(struct mikey_message *m)
{
	first_policy(m)->kind = MIKEY_PROTOCOL_ESP;
}

static void transport(struct mikey_message *m) { set_policy(m, 11, 1); }
static void host(struct mikey_message *m) { set_policy(m, 14, 2); }
static void net(struct mikey_message *m) { set_policy(m, 14, 3); }
static void port(struct mikey_message *m) { set_byte(&m->cs[1], 4, 80); }
static void natted(struct mikey_message *m) { set_byte(&m->cs[1], 1, 1); }

static void natted_port(struct mikey_message *m)
{
	natted(m);
	scratch[4] = 80;
}

static void spi_low(struct mikey_message *m)
{
	m->cs[1].spi = (struct mikey_bytes){ (const uint8_t *)"\0\0\0\xff",
					     4 };
}

static void spi_ours(struct mikey_message *m)
{
	m->cs[0].spi = m->cs[1].spi;
}

static void unasked(struct mikey_message *m) { m->v = false; }

static const struct {
	void (*change)(struct mikey_message *m);
	const char *reason;
} offers[] = {
	{ one_241, "session 2 of the MIKEY offer is of protocol 241" },
	{ all_241, "session 1 of the MIKEY offer is of protocol 241" },
	{ policy_241, "no ESP policy 0" },
	{ transport, "another mode or scope than tunnels of IKE" },
	{ host, "another mode or scope than tunnels of IKE" },
	{ net, "another mode or scope than tunnels of IKE" },
	{ port, "a port or a NAT" },
	{ natted, "no port for encapsulation" },
	{ natted_port, "a port or a NAT" },
	{ spi_low, "reserved SPI" },
	{ spi_ours, "says our end" },
	{ unasked, "wants no response" },
};

static void changed_offers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
		struct mikey_message m;
		struct esp_sides s;
		struct pair p;

		esp_open_ike(&s, 1);
		ike_pair_open(&p, &mikey_psk, &s);
		assert_int_equal(pair_offer(&p), 0);
		open_offer(&p, &m);
		offers[i].change(&m);
		seal_offer(&p, &m);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		if (!strstr(p.fault.text, offers[i].reason))
			fail_msg("%zu: %s", i, p.fault.text);
		assert_int_equal(p.called.esp.n, 0);
		pair_close(&p);
	}
}

static void far_port(struct mikey_message *m) { set_byte(&m->cs[0], 4, 80); }
static void far_natted(struct mikey_message *m) { set_byte(&m->cs[0], 1, 1); }
static void our_port(struct mikey_message *m) { set_byte(&m->cs[1], 4, 80); }
static void our_nonce(struct mikey_message *m)
{
	set_byte(&m->cs[1], 30, m->cs[1].data.p[30] ^ 1);
}

static const struct {
	void (*change)(struct mikey_message *m);
	int err;
	const char *reason;
} answers[] = {
	{ one_241, E_FORMAT, "other crypto sessions" },
	{ all_241, E_FORMAT, "other crypto sessions" },
	{ far_port, E_UNSUPPORTED, "a port or a NAT" },
	{ far_natted, E_UNSUPPORTED, "no port for encapsulation" },
	{ our_port, E_AUTH, "another end of tunnel 1 for us" },
	{ our_nonce, E_AUTH, "another end of tunnel 1 for us" },
};

static void changed_answers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct mikey_message m;
		struct esp_sides s;
		struct pair p;

		esp_open_ike(&s, 1);
		ike_pair_open(&p, &mikey_psk, &s);
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(pair_answer(&p), 0);
		assert_int_equal(mikey_decode(p.answer.data, p.answer.len,
					      &m), 0);
		answers[i].change(&m);
		seal_answer(&p, &m);
		assert_int_equal(pair_finish(&p), answers[i].err);
		if (!strstr(p.fault.text, answers[i].reason))
			fail_msg("%zu: %s", i, p.fault.text);
		assert_int_equal(p.calling.esp.n, 0);
		pair_close(&p);
	}
}

static void unsound_terms_make_no_offer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct esp_sides s;
		struct pair p;

		esp_open_ike(&s, 1);
		if (i == 0)
			s.a.t.mode = ESP_TRANSPORT;
		else if (i == 1)
			s.a.t.scope = ESP_HOST;
		else
			s.a.near[0].at.port = 4500;
		s.a.near[0].natted = i == 3;
		ike_pair_open(&p, &mikey_psk, &s);
		assert_int_equal(pair_offer(&p), E_ARG);
		assert_non_null(strstr(p.fault.text, "IKE raises tunnels"));
		assert_int_equal(p.offer.len, 0);
		pair_close(&p);
	}
}

/* -- keys ----------------------------------------------------------------- */

/* By who begins and who waits, whose sessions are the other way round. */
static void one_vector(const json_t *c, enum tunnel_ike ike)
{
	struct vector tgk = vector_hex(c, "tgk"), rand = vector_hex(c, "rand");
	struct vector begins = vector_hex(c, "initiator");
	struct vector waits = vector_hex(c, "responder");
	struct vector psk = vector_hex(c, "psk"), name = vector_hex(c, "name");
	struct mikey_root root = {
		.prf = (unsigned)json_integer_value(json_object_get(c, "prf")),
		.key = tgk.bytes, .key_len = tgk.len,
		.csb_id = (uint32_t)json_integer_value(
			json_object_get(c, "csb_id")),
		.rand = { rand.bytes, rand.len },
	};
	struct esp_result r = { .n = 1, .ike = ike, .suite = ESP_AES_256_GCM };
	struct esp_tunnel *t = &r.tunnel[0];
	unsigned tunnel = (unsigned)json_integer_value(
		json_object_get(c, "tunnel"));

	t->cs_in = (uint8_t)(2 * tunnel - (ike == TUNNEL_IKE_WAITS));
	t->cs_out = (uint8_t)(2 * tunnel - (ike == TUNNEL_IKE_BEGINS));
	t->fresh_len = (uint8_t)(begins.len + waits.len);
	memcpy(t->fresh, begins.bytes, begins.len);
	memcpy(t->fresh + begins.len, waits.bytes, waits.len);
	assert_int_equal(mikey_esp_keys(&root, &r), 0);
	assert_int_equal(psk.len, TUNNEL_PSK);
	assert_int_equal(name.len, TUNNEL_NAME);
	assert_memory_equal(t->in.key, psk.bytes, psk.len);
	assert_memory_equal(t->in.auth, name.bytes, name.len);
	assert_int_equal(t->out.key_len + t->out.auth_len, 0);
}

static void keys_are_those_of_a_plain_reading(void **state)
{
	json_t *root, *cases = vector_cases("mikey_ike_keys.json", &root);
	const json_t *c;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(cases), 4);
	json_array_foreach(cases, i, c) {
		one_vector(c, TUNNEL_IKE_BEGINS);
		one_vector(c, TUNNEL_IKE_WAITS);
	}
	json_decref(root);
}

/* The key is no stronger than what it comes of. */
static void a_short_tgk_is_refused(void **state)
{
	static const uint8_t bytes[TUNNEL_PSK];
	const struct esp_result r = { .n = 1, .ike = TUNNEL_IKE_WAITS,
				      .suite = ESP_AES_128_GCM };
	struct mikey_keys k = { .n = 1 };
	struct keying_fault fault;

	(void)state;
	k.key[0].type = MIKEY_KEY_TGK;
	k.key[0].key = (struct mikey_bytes){ bytes, TUNNEL_PSK };
	assert_int_equal(mikey_esp_keys_check(&k, &r, &fault), 0);
	k.key[0].key.len--;
	assert_int_equal(mikey_esp_keys_check(&k, &r, &fault), E_UNSUPPORTED);
	assert_non_null(strstr(fault.text, "a key of IKE's"));
}

/* -- words ---------------------------------------------------------------- */

static void it_is_told_in_plain_words(void **state)
{
	struct buf text = buf_of(16384);
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open_ike(&s, 1);
	ike_pair_open(&p, &mikey_psk, &s);
	exchange(&p);
	assert_int_equal(mikey_explain(p.answer.data, p.answer.len, &text), 0);
	assert_non_null(strstr(buf_string(&text), "CS 1 (RFC 6043 6.1.1, ESP "
			       "by IKE): tunnel 1, offerer to answerer"));
	assert_non_null(strstr(buf_string(&text), "number 00002001 at "
			       "2001:db8::2"));
	buf_clear(&text);
	assert_int_equal(mikey_explain(p.offer.data, p.offer.len, &text), 0);
	assert_non_null(strstr(buf_string(&text), "protocol 242 (ESP by IKE): "
			       "AES_128_GCM, tunnel mode, scope media"));
	buf_free(&text);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_has_a_key),
		cmocka_unit_test(every_suite_is_agreed_on),
		cmocka_unit_test(each_answer_has_a_key_of_its_own),
		cmocka_unit_test(an_update_brings_another_key),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(none_is_taken_for_another),
		cmocka_unit_test(changed_offers_are_refused),
		cmocka_unit_test(changed_answers_are_refused),
		cmocka_unit_test(unsound_terms_make_no_offer),
		cmocka_unit_test(keys_are_those_of_a_plain_reading),
		cmocka_unit_test(a_short_tgk_is_refused),
		cmocka_unit_test(it_is_told_in_plain_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
