/* test_mikey_2005.c - an offer in the dialect of 2005 that keys ESP, answered
 * to the byte as a plain reading has it (tests/vectors/mikey_2005.py), and
 * what must be refused. Only with mikey.legacy. */
#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/esp/dialect.h"
#include "modules/mikey/psk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/esp_pair.h"
#include "tests/unit/mikey_pair.h"
#include "tests/unit/mikey_vectors.h"

/* p.b is we; the offer is the vector's. */
static void open_2005(struct pair *p, struct esp_sides *s, json_t **root)
{
	const json_t *c = json_array_get(vector_cases("mikey_2005.json",
						      root), 0);
	struct vector offer = vector_hex(c, "offer");

	esp_open(s);
	s->b.near[0] = esp_host("198.51.100.2", 0xb0b);
	s->b.suites[0] = ESP_3DES_CBC_SHA1;
	s->b.suites[1] = ESP_AES_128_CBC_SHA1;
	s->b.suites[2] = ESP_AES_256_CBC_SHA1;
	pair_open(p);
	p->b.esp = &s->b.t;
	p->b.legacy = true;
	buf_put(&p->offer, offer.bytes, offer.len);
}

static void close_2005(struct pair *p, json_t *root)
{
	pair_close(p);
	json_decref(root);
}

static void it_is_answered_to_the_letter(void **state)
{
	struct vector answer, key[2], auth[2];
	struct esp_tunnel *t;
	struct esp_sides s;
	struct pair p;
	json_t *root;
	const json_t *c;

	(void)state;
	open_2005(&p, &s, &root);
	c = json_array_get(json_object_get(root, "cases"), 0);
	answer = vector_hex(c, "answer");
	key[0] = vector_hex(c, "in_key");
	key[1] = vector_hex(c, "out_key");
	auth[0] = vector_hex(c, "in_auth");
	auth[1] = vector_hex(c, "out_auth");
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(p.answer.len, answer.len);
	assert_memory_equal(p.answer.data, answer.bytes, answer.len);
	t = &p.called.esp.tunnel[0];
	assert_int_equal(p.called.esp.n, 1);
	assert_true(p.called.esp.legacy);
	assert_int_equal(p.called.esp.suite, ESP_3DES_CBC_SHA1);
	assert_int_equal(p.called.esp.mode, ESP_TRANSPORT);
	assert_int_equal(p.called.esp.scope, ESP_HOST);
	assert_int_equal(t->far.spi, 0xc0ffee);
	assert_int_equal(t->near.spi, 0xb0b);
	assert_true(addr_equal(&t->far.at, &s.a.near[0].at));
	assert_int_equal(t->far.sel[0].net.bits, 32);
	assert_int_equal(t->in.key_len, 24);
	assert_int_equal(t->in.auth_len, 16);
	assert_int_equal(t->in.salt_len, 0);
	assert_memory_equal(t->in.key, key[0].bytes, 24);
	assert_memory_equal(t->out.key, key[1].bytes, 24);
	assert_memory_equal(t->in.auth, auth[0].bytes, 16);
	assert_memory_equal(t->out.auth, auth[1].bytes, 16);
	assert_int_equal(p.called.facts.identity, KEY_IDENTITY_NONE);
	close_2005(&p, root);
}

static void every_byte_counts(void **state)
{
	struct esp_sides s;
	struct pair p;
	json_t *root;

	(void)state;
	open_2005(&p, &s, &root);
	for (size_t k = 0; k < p.offer.len; k++) {
		buf_clear(&p.answer);
		p.offer.data[k] ^= 1;
		assert_true(pair_answer(&p) < 0);
		p.offer.data[k] ^= 1;
		buf_clear(&p.answer);
		assert_true(p.method->answer(&p.b, p.offer.data, k, &p.answer,
					     &p.called, &p.fault) < 0);
	}
	assert_int_equal(p.called.esp.n, 0);
	close_2005(&p, root);
}

/* -- the terms ------------------------------------------------------------ */

static void refused(struct pair *p, const char *reason)
{
	assert_int_equal(pair_answer(p), E_UNSUPPORTED);
	if (!strstr(p->fault.text, reason))
		fail_msg("%s", p->fault.text);
	assert_int_equal(p->called.esp.n, 0);
	assert_int_equal(mikey_data_type(p->answer.data, p->answer.len),
			 MIKEY_ERROR);
	buf_clear(&p->answer);
}

static void it_takes_the_operators_consent(void **state)
{
	struct esp_sides s;
	struct pair p;
	json_t *root;

	(void)state;
	open_2005(&p, &s, &root);
	p.b.legacy = false;
	assert_int_equal(pair_answer(&p), E_POLICY);
	assert_non_null(strstr(p.fault.text, "set mikey.legacy"));
	s.b.suites[0] = ESP_AES_128_GCM;
	s.b.t.n_suites = 1;
	refused(&p, "mikey.legacy");
	p.b.legacy = true;
	refused(&p, "3DES_CBC_HMAC_SHA1_96 is not allowed");
	p.b.esp = NULL;
	refused(&p, "the profile wants SRTP");
	close_2005(&p, root);
}

static void what_it_does_not_know_is_refused(void **state)
{
	struct esp_sides s;
	struct pair p;
	json_t *root;

	(void)state;
	open_2005(&p, &s, &root);
	s.b.near[0] = esp_host("2001:db8::1", 0xb0b);
	refused(&p, "two IPv4 hosts");
	s.b.near[0] = esp_host("198.51.100.2:4500", 0xb0b);
	s.b.near[0].natted = true;
	refused(&p, "without NAT");
	s.b.near[0] = esp_line("198.51.100.2", 0xb0b, 4000);
	s.b.t.scope = ESP_MEDIA;
	refused(&p, "two IPv4 hosts");
	s.b.near[0] = esp_host("198.51.100.2", 0xb0b);
	s.b.t.scope = ESP_HOST;
	s.b.t.mode = ESP_TUNNEL;
	refused(&p, "another mode");
	s.b.t.mode = ESP_TRANSPORT;
	s.b.near[0] = esp_host("192.0.2.1", 0xb0b); /* their own address */
	refused(&p, "our own address");
	close_2005(&p, root);
}

/* -- what it says --------------------------------------------------------- */

static uint8_t spi[2][4], data[2][8], scratch[32];

static void change_id(struct mikey_message *m, size_t i, uint32_t number,
		      const char *from, const char *to)
{
	struct mikey_2005_id id = { .spi = number };
	struct addr a, b;

	assert_int_equal(addr_parse(from, &a), 0);
	assert_int_equal(addr_parse(to, &b), 0);
	memcpy(id.from, a.ip, 4);
	memcpy(id.to, b.ip, 4);
	mikey_2005_put(&id, spi[i], data[i], &m->cs[i]);
}

static void same_order(struct mikey_message *m)
{
	struct mikey_cs cs = m->cs[0];

	m->cs[0] = m->cs[1];
	m->cs[1] = cs;
}

static void addresses_told(struct mikey_message *m)
{
	change_id(m, 0, 0xc0ffee, "198.51.100.2", "192.0.2.1");
	change_id(m, 1, 0, "192.0.2.1", "198.51.100.2");
}

static void spi_255(struct mikey_message *m)
{
	change_id(m, 0, 255, "0.0.0.0", "192.0.2.1");
}

static void spi_0(struct mikey_message *m)
{
	change_id(m, 0, 0, "0.0.0.0", "192.0.2.1");
}

static void spi_ours(struct mikey_message *m)
{
	change_id(m, 1, 0xb0b, "192.0.2.1", "0.0.0.0");
}

static void other_host(struct mikey_message *m)
{
	change_id(m, 1, 0, "192.0.2.1", "198.51.100.9");
}

static void swapped(struct mikey_message *m)
{
	change_id(m, 0, 0xc0ffee, "192.0.2.1", "0.0.0.0");
	change_id(m, 1, 0, "0.0.0.0", "192.0.2.1");
}

static void two_hosts(struct mikey_message *m)
{
	change_id(m, 0, 0xc0ffee, "0.0.0.0", "192.0.2.9");
}

static void big_endian(struct mikey_message *m)
{
	change_id(m, 0, 0xc0ffee, "0.0.0.0", "1.2.0.192");
	change_id(m, 1, 0, "1.2.0.192", "198.51.100.2");
}

static void many(struct mikey_message *m)
{
	change_id(m, 0, 0xc0ffee, "0.0.0.0", "224.0.0.1");
	change_id(m, 1, 0, "224.0.0.1", "0.0.0.0");
}

static void self(struct mikey_message *m)
{
	change_id(m, 0, 0xc0ffee, "0.0.0.0", "127.0.0.1");
	change_id(m, 1, 0, "127.0.0.1", "0.0.0.0");
}

static void unknown(struct mikey_message *m)
{
	change_id(m, 0, 0xc0ffee, "0.0.0.0", "0.0.0.0");
	change_id(m, 1, 0, "0.0.0.0", "0.0.0.0");
}

static void one_session(struct mikey_message *m) { m->n_cs = 1; }
static void other_policy(struct mikey_message *m) { m->cs[1].policy = 1; }
static void unasked(struct mikey_message *m) { m->v = 0; }

static void no_policy(struct mikey_message *m)
{
	find(m, MIKEY_SP, 0)->extra = 1;
}

static void our_protocol(struct mikey_message *m)
{
	find(m, MIKEY_SP, 0)->kind = 241;
}

static void set_param(struct mikey_message *m, size_t at, uint8_t to)
{
	struct mikey_payload *sp = find(m, MIKEY_SP, 0);

	memcpy(scratch, sp->data.p, sp->data.len);
	scratch[at] = to;
	sp->data.p = scratch;
}

static void des(struct mikey_message *m) { set_param(m, 11, 2); }
static void bits(struct mikey_message *m) { set_param(m, 20, 160); }
static void ah(struct mikey_message *m) { set_param(m, 2, 2); }
static void whole(struct mikey_message *m) { set_param(m, 20, 20); }

static const struct {
	void (*change)(struct mikey_message *m);
	const char *reason; /* NULL: it is taken */
} changes[] = {
	{ same_order, NULL },
	{ addresses_told, NULL },
	{ whole, NULL },
	{ spi_255, "reserved SPI" },
	{ spi_0, "not one to us" },
	{ spi_ours, "not one to us" },
	{ other_host, "not one to us" },
	{ swapped, "not one to us" },
	{ two_hosts, "not one to us" },
	{ big_endian, NULL }, /* not to be told from another host */
	{ many, "no address of a host" },
	{ self, "loopback" },
	{ unknown, "not one to us" },
	{ one_session, "two crypto sessions" },
	{ other_policy, "two crypto sessions" },
	{ unasked, "no response" },
	{ no_policy, "not one policy" },
	{ our_protocol, "of protocol 241" },
	{ des, "a cipher" },
	{ bits, "HMAC-SHA-1 of 16" },
	{ ah, "not ESP" },
};

static void changed_offers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct mikey_message m;
		struct esp_sides s;
		struct pair p;
		json_t *root;
		int r;

		open_2005(&p, &s, &root);
		open_offer(&p, &m);
		changes[i].change(&m);
		seal_offer(&p, &m);
		r = pair_answer(&p);
		if (changes[i].reason ? !strstr(p.fault.text,
						changes[i].reason)
				      : r)
			fail_msg("%zu: %s", i, p.fault.text);
		assert_int_equal(r, changes[i].reason ? E_UNSUPPORTED : 0);
		assert_int_equal(p.called.esp.n, !r);
		close_2005(&p, root);
	}
}

/* The session to us is numbered by its place, and so are its keys. */
static void keys_follow_the_place(void **state)
{
	struct keying_result first;
	struct mikey_message m;
	struct esp_sides s;
	struct pair p;
	json_t *root;

	(void)state;
	open_2005(&p, &s, &root);
	assert_int_equal(pair_answer(&p), 0);
	first = p.called;
	open_offer(&p, &m);
	same_order(&m);
	seal_offer(&p, &m);
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), 0);
	assert_memory_equal(first.esp.tunnel[0].in.key,
			    p.called.esp.tunnel[0].out.key, 24);
	assert_memory_equal(first.esp.tunnel[0].out.key,
			    p.called.esp.tunnel[0].in.key, 24);
	close_2005(&p, root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_answered_to_the_letter),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(it_takes_the_operators_consent),
		cmocka_unit_test(what_it_does_not_know_is_refused),
		cmocka_unit_test(changed_offers_are_refused),
		cmocka_unit_test(keys_follow_the_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
