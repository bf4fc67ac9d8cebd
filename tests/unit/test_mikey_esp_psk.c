/* test_mikey_esp_psk.c - tunnels keyed under a pre-shared key, with and without
 * Diffie-Hellman: whole exchanges, then what must be refused, with its reason.
 * What an offer says is changed and sealed again with the right key: it comes
 * from a far end that we know and that is hostile or broken. */
#include "daemon/base/err.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/error.h"
#include "modules/mikey/esp/policy.h"
#include "modules/mikey/psk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/esp_pair.h"
#include "tests/unit/mikey_pair.h"

static const struct keying *const methods[] = { &mikey_psk, &mikey_dhhmac };

#define N_METHODS (sizeof methods / sizeof *methods)

/* p for tunnels, by the terms of s. */
static void esp_pair_open(struct pair *p, const struct keying *method,
			  const struct esp_sides *s)
{
	pair_open(p);
	p->method = method;
	p->a.esp = &s->a.t;
	p->b.esp = &s->b.t;
	p->a.n = p->b.n = 0; /* not looked at */
	p->a.suites = p->b.suites = NULL;
	p->a.n_suites = p->b.n_suites = 0;
	p->a.ssrc = p->b.ssrc = NULL;
	p->a.verify = false;
}

static void exchange(struct pair *p)
{
	assert_int_equal(pair_offer(p), 0);
	assert_int_equal(pair_answer(p), 0);
	assert_int_equal(pair_finish(p), 0);
	esp_same(&p->calling.esp, &p->called.esp);
}

/* -- whole exchanges ------------------------------------------------------ */

static void two_hosts_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		esp_pair_open(&p, methods[i], &s);
		exchange(&p);
		assert_int_equal(p.early.n, 0);
		assert_int_equal(p.early.esp.n, 0);
		assert_int_equal(p.called.n, 0);
		assert_int_equal(p.calling.n, 0);
		assert_int_equal(p.calling.esp.n, 1);
		assert_int_equal(p.calling.esp.suite, ESP_AES_128_GCM);
		assert_int_equal(p.calling.esp.tunnel[0].in.key_len, 16);
		assert_int_equal(p.calling.esp.tunnel[0].in.salt_len, 4);
		assert_int_equal(p.calling.esp.tunnel[0].in.auth_len, 0);
		assert_int_equal(p.calling.esp.life_s, 3600);
		assert_false(p.calling.esp.tunnel[0].udp);
		assert_int_equal(p.calling.facts.verified, 1);
		assert_int_equal(p.calling.facts.confirmed, 1);
		assert_int_equal(p.calling.facts.suite, SUITE_NONE);
		assert_string_equal(p.calling.facts.method, methods[i]->name);
		assert_int_equal(p.called.stamp_us, NOW_US);
		pair_close(&p);
	}
}

static void lines_have_a_tunnel_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct esp_sides s;
		struct pair p;

		esp_open_lines(&s, ESP_TUNNELS_MAX);
		esp_pair_open(&p, methods[i], &s);
		exchange(&p);
		assert_int_equal(p.calling.esp.n, ESP_TUNNELS_MAX);
		for (size_t k = 1; k < ESP_TUNNELS_MAX; k++)
			assert_memory_not_equal(
				p.calling.esp.tunnel[k].in.key,
				p.calling.esp.tunnel[k - 1].in.key, 16);
		assert_int_equal(p.called.esp.tunnel[3].far.sel[0].port, 4006);
		assert_int_equal(p.calling.esp.tunnel[3].far.sel[0].port,
				 6006);
		pair_close(&p);
	}
}

static void networks_have_a_tunnel(void **state)
{
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open_nets(&s);
	esp_pair_open(&p, &mikey_psk, &s);
	exchange(&p);
	assert_int_equal(p.calling.esp.mode, ESP_TUNNEL);
	assert_int_equal(p.calling.esp.scope, ESP_NET);
	assert_int_equal(p.calling.esp.tunnel[0].far.sel[0].net.bits, 16);
	pair_close(&p);
}

static void every_suite_is_agreed_on(void **state)
{
	(void)state;
	for (unsigned i = ESP_AES_128_GCM; i <= ESP_AES_256_CBC_SHA256; i++) {
		const struct esp_suite_info *info = esp_suite_info(i);
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		s.b.suites[0] = (enum esp_suite)i;
		s.b.t.n_suites = 1;
		esp_pair_open(&p, &mikey_psk, &s);
		p.a.sha256 = i % 2;
		exchange(&p);
		assert_int_equal(p.calling.esp.suite, i);
		assert_int_equal(p.calling.esp.tunnel[0].in.key_len,
				 info->key_len);
		assert_int_equal(p.calling.esp.tunnel[0].in.auth_len,
				 info->auth_len);
		pair_close(&p);
	}
}

static void the_shorter_life_counts_for_the_answerer(void **state)
{
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	s.a.t.life_s = 600;
	s.b.t.life_kib = 1000;
	s.a.t.window = 1024;
	esp_pair_open(&p, &mikey_psk, &s);
	exchange(&p);
	assert_int_equal(p.called.esp.life_s, 600);
	assert_int_equal(p.called.esp.life_kib, 1000);
	assert_int_equal(p.called.esp.window, 1024);
	assert_int_equal(p.calling.esp.life_kib, 0);
	pair_close(&p);
}

static void a_nat_before_either_side_means_udp(void **state)
{
	(void)state;
	for (unsigned who = 1; who < 4; who++) {
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		s.a.near[0].at.port = 4501;
		s.b.near[0].at.port = 4502;
		s.a.near[0].natted = who & 1;
		s.b.near[0].natted = who & 2;
		esp_pair_open(&p, &mikey_psk, &s);
		exchange(&p);
		assert_true(p.called.esp.tunnel[0].udp);
		assert_int_equal(p.called.esp.tunnel[0].far.at.port, 4501);
		assert_int_equal(p.calling.esp.tunnel[0].far.at.port, 4502);
		pair_close(&p);
	}
}

/* The same offer answered twice (forked, or sent again to one who lost its
 * memory): no key is had twice. */
static void each_answer_has_keys_of_its_own(void **state)
{
	struct keying_result other = { .n = 0 };
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	esp_pair_open(&p, &mikey_psk, &s);
	exchange(&p);
	buf_clear(&p.answer);
	other = p.called;
	assert_int_equal(pair_answer(&p), 0);
	assert_memory_not_equal(other.esp.tunnel[0].in.key,
				p.called.esp.tunnel[0].in.key, 16);
	assert_memory_not_equal(other.esp.tunnel[0].out.key,
				p.called.esp.tunnel[0].out.key, 16);
	assert_memory_not_equal(other.esp.tunnel[0].out.salt,
				p.called.esp.tunnel[0].out.salt, 4);
	assert_int_equal(pair_finish(&p), 0);
	esp_same(&p.calling.esp, &p.called.esp);
	pair_close(&p);
}

/* New keys for the tunnels of a call: an update of its bundle (RFC 3830 4.5),
 * with SPIs of its own. */
static void an_update_brings_new_keys(void **state)
{
	for (size_t i = 0; i < N_METHODS; i++) {
		struct keying_bundle ours, theirs;
		struct keying_result old;
		struct esp_sides s;
		struct pair p;

		(void)state;
		esp_open(&s);
		esp_pair_open(&p, methods[i], &s);
		exchange(&p);
		ours = p.calling.bundle;
		theirs = p.called.bundle;
		old = p.called;
		pair_close(&p);
		esp_pair_open(&p, methods[i], &s);
		s.a.near[0].spi = 0x1111;
		s.b.near[0].spi = 0x2222;
		p.a.bundle = &ours;
		p.b.bundle = &theirs;
		p.a.wall_us = p.b.wall_us = NOW_US + 1000000;
		p.a.keyings = p.b.keyings = 1;
		exchange(&p);
		assert_int_equal(p.called.bundle.csb_id, ours.csb_id);
		assert_int_equal(p.called.esp.tunnel[0].far.spi, 0x1111);
		assert_memory_not_equal(old.esp.tunnel[0].in.key,
					p.called.esp.tunnel[0].in.key, 16);
		pair_close(&p);
	}
}

/* -- bytes ---------------------------------------------------------------- */

static void every_byte_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct keying_result res = { .n = 0 };
		struct esp_sides s;
		struct pair p;

		esp_open_lines(&s, 2);
		esp_pair_open(&p, methods[i], &s);
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
		assert_int_equal(res.esp.n, 0);
		assert_int_equal(p.calling.esp.n, 0);
		assert_int_equal(pair_finish(&p), 0);
		pair_close(&p);
	}
}

/* Before there is a MAC to fail: the codec alone, cut and sealed at each byte
 * of the session data and of the policies. */
static void cut_fields_are_refused(void **state)
{
	struct esp_sides s;

	(void)state;
	esp_open(&s);
	for (size_t cut = 0; cut < 80; cut++) {
		struct mikey_message m;
		struct pair p;

		esp_pair_open(&p, &mikey_psk, &s);
		assert_int_equal(pair_offer(&p), 0);
		open_offer(&p, &m);
		if (cut < m.cs[1].data.len)
			m.cs[1].data.len = cut;
		else if (cut - m.cs[1].data.len < m.payload[4].data.len)
			m.payload[4].data.len = cut - m.cs[1].data.len;
		else
			m.cs[1].spi.len = cut % 4;
		if (mikey_find(&m, MIKEY_SP, 0) != &m.payload[4])
			fail();
		/* of the four policies only the first is cut */
		m.cs[0].policies.len = m.cs[1].policies.len = 1;
		seal_offer(&p, &m);
		assert_in_range(-pair_answer(&p), -E_FORMAT, -E_UNSUPPORTED);
		assert_int_equal(p.called.esp.n, 0);
		pair_close(&p);
	}
}

/* -- offers that are refused ---------------------------------------------- */

static uint8_t scratch[128];

static struct mikey_bytes copy_of(struct mikey_bytes b)
{
	assert_true(b.len < sizeof scratch);
	memcpy(scratch, b.p, b.len);
	return (struct mikey_bytes){ scratch, b.len };
}

/* The far end's data with another byte. */
static void set_byte(struct mikey_message *m, size_t at, uint8_t to)
{
	m->cs[1].data = copy_of(m->cs[1].data);
	scratch[at] = to;
}

static void set_spi(struct mikey_message *m, const char *spi)
{
	m->cs[1].spi = (struct mikey_bytes){ (const uint8_t *)spi, 4 };
}

static void set_at(struct mikey_message *m, const char *at)
{
	struct addr a;

	assert_int_equal(addr_parse(at, &a), 0);
	m->cs[1].data = copy_of(m->cs[1].data);
	memcpy(scratch + 5, a.ip, 4);
	memcpy(scratch + 33, a.ip, 4); /* its selector */
}

static void spi_0(struct mikey_message *m) { set_spi(m, "\0\0\0\0"); }
static void spi_1(struct mikey_message *m) { set_spi(m, "\0\0\0\1"); }
static void spi_255(struct mikey_message *m) { set_spi(m, "\0\0\0\xff"); }

static void spi_none(struct mikey_message *m)
{
	m->cs[1].spi.len = 0;
}

static void spi_long(struct mikey_message *m)
{
	m->cs[1].spi = (struct mikey_bytes){ (const uint8_t *)"\0\0\1\0", 5 };
}

static void spi_ours(struct mikey_message *m)
{
	m->cs[0].spi = m->cs[1].spi;
}

static void data_ours(struct mikey_message *m)
{
	m->cs[0].data = m->cs[1].data;
}

static void data_none(struct mikey_message *m) { m->cs[1].data.len = 0; }

static void swapped(struct mikey_message *m)
{
	struct mikey_cs cs = m->cs[0];

	m->cs[0] = m->cs[1];
	m->cs[1] = cs;
	m->cs[0].id = 1;
	m->cs[1].id = 2;
}

static void at_us(struct mikey_message *m) { set_at(m, "198.51.100.2"); }
static void at_any(struct mikey_message *m) { set_at(m, "0.0.0.0"); }
static void at_many(struct mikey_message *m) { set_at(m, "224.0.0.5"); }
static void at_self(struct mikey_message *m) { set_at(m, "127.0.0.1"); }
static void version(struct mikey_message *m) { set_byte(m, 0, 2); }
static void flag(struct mikey_message *m) { set_byte(m, 1, 4); }
static void natted(struct mikey_message *m) { set_byte(m, 1, 1); }
static void wide(struct mikey_message *m) { set_byte(m, 27, 24); }
static void all(struct mikey_message *m) { set_byte(m, 27, 0); }
static void other_host(struct mikey_message *m) { set_byte(m, 36, 9); }
static void protocol(struct mikey_message *m) { set_byte(m, 28, 6); }
static void a_port(struct mikey_message *m) { set_byte(m, 30, 9); }

static void other_protocol(struct mikey_message *m) { m->cs[0].protocol = 0; }
static void other_number(struct mikey_message *m) { m->cs[1].id = 3; }
static void s_flag(struct mikey_message *m) { m->cs[1].s = 1; }
static void one_session(struct mikey_message *m) { m->n_cs = 1; }

static void more_sessions(struct mikey_message *m)
{
	m->cs[2] = m->cs[0];
	m->cs[3] = m->cs[1];
	m->cs[2].id = 3;
	m->cs[3].id = 4;
	m->n_cs = 4;
}

static void for_srtp(struct mikey_message *m)
{
	m->map = MIKEY_MAP_SRTP;
}

static void unasked(struct mikey_message *m) { m->v = 0; }

static void set_list(struct mikey_message *m, const char *list, size_t n)
{
	for (size_t i = 0; i < 2; i++)
		m->cs[i].policies = (struct mikey_bytes){
			(const uint8_t *)list, n };
}

static void no_policy(struct mikey_message *m) { set_list(m, "", 0); }
static void unknown_policy(struct mikey_message *m) { set_list(m, "\7", 1); }
static void policy_twice(struct mikey_message *m) { set_list(m, "\0\0", 2); }

static void two_policies(struct mikey_message *m)
{
	m->cs[0].policies.len = 1;
	m->cs[1].policies.len = 2;
}

/* The first policy alone, with another byte. */
static void set_param(struct mikey_message *m, size_t at, uint8_t to)
{
	struct mikey_payload *sp = find(m, MIKEY_SP, 0);

	set_list(m, "\0", 1);
	sp->data = copy_of(sp->data);
	scratch[at] = to;
}

static void cipher(struct mikey_message *m) { set_param(m, 2, 3); }
static void key_len(struct mikey_message *m) { set_param(m, 5, 15); }
static void key_bits(struct mikey_message *m) { set_param(m, 5, 128); }
static void integrity(struct mikey_message *m) { set_param(m, 8, 12); }
static void mode(struct mikey_message *m) { set_param(m, 11, 2); }
static void scope(struct mikey_message *m) { set_param(m, 14, 1); }
static void short_life(struct mikey_message *m) { set_param(m, 19, 0); }

static void srtp_policy(struct mikey_message *m)
{
	find(m, MIKEY_SP, 0)->kind = 0;
	set_list(m, "\0", 1);
}

static void old_policy(struct mikey_message *m)
{
	find(m, MIKEY_SP, 0)->kind = MIKEY_PROTOCOL_2005;
	set_list(m, "\0", 1);
}

static const struct {
	void (*change)(struct mikey_message *m);
	int err;
	unsigned error_no;
	const char *reason;
} changes[] = {
	{ spi_0, E_UNSUPPORTED, MIKEY_ERR_OTHER, "reserved SPI" },
	{ spi_1, E_UNSUPPORTED, MIKEY_ERR_OTHER, "reserved SPI" },
	{ spi_255, E_UNSUPPORTED, MIKEY_ERR_OTHER, "reserved SPI" },
	{ spi_none, E_FORMAT, 0, "malformed" },
	{ spi_long, E_FORMAT, 0, "malformed" },
	{ spi_ours, E_UNSUPPORTED, MIKEY_ERR_OTHER, "our end" },
	{ data_ours, E_UNSUPPORTED, MIKEY_ERR_OTHER, "our end" },
	{ data_none, E_FORMAT, 0, "malformed" },
	{ swapped, E_UNSUPPORTED, MIKEY_ERR_OTHER, "our end" },
	{ at_us, E_UNSUPPORTED, MIKEY_ERR_OTHER, "our own address" },
	{ at_any, E_UNSUPPORTED, MIKEY_ERR_OTHER, "no address" },
	{ at_many, E_UNSUPPORTED, MIKEY_ERR_OTHER, "no address" },
	{ at_self, E_UNSUPPORTED, MIKEY_ERR_OTHER, "loopback" },
	{ version, E_UNSUPPORTED, MIKEY_ERR_OTHER, "far end" },
	{ flag, E_UNSUPPORTED, MIKEY_ERR_OTHER, "far end" },
	{ natted, E_UNSUPPORTED, MIKEY_ERR_OTHER, "no port" },
	{ wide, E_UNSUPPORTED, MIKEY_ERR_OTHER, "network is none" },
	{ all, E_UNSUPPORTED, MIKEY_ERR_OTHER, "network is none" },
	{ other_host, E_UNSUPPORTED, MIKEY_ERR_OTHER, "more than its scope" },
	{ protocol, E_UNSUPPORTED, MIKEY_ERR_OTHER, "against its scope" },
	{ a_port, E_UNSUPPORTED, MIKEY_ERR_OTHER, "against its scope" },
	{ other_protocol, E_UNSUPPORTED, MIKEY_ERR_SP, "not ESP" },
	{ other_number, E_UNSUPPORTED, MIKEY_ERR_OTHER, "another number" },
	{ s_flag, E_UNSUPPORTED, MIKEY_ERR_OTHER, "a flag" },
	{ one_session, E_UNSUPPORTED, MIKEY_ERR_OTHER, "1 crypto sessions" },
	{ more_sessions, E_UNSUPPORTED, MIKEY_ERR_OTHER, "4 crypto" },
	{ for_srtp, E_UNSUPPORTED, MIKEY_ERR_OTHER, "keys SRTP" },
	{ unasked, E_UNSUPPORTED, MIKEY_ERR_OTHER, "no response" },
	{ no_policy, E_UNSUPPORTED, MIKEY_ERR_SP, "same policies" },
	{ unknown_policy, E_UNSUPPORTED, MIKEY_ERR_SP, "no ESP policy 7" },
	{ policy_twice, E_UNSUPPORTED, MIKEY_ERR_SP, "one twice" },
	{ two_policies, E_UNSUPPORTED, MIKEY_ERR_SP, "same policies" },
	{ cipher, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "no suite we know" },
	{ key_len, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "no suite we know" },
	{ key_bits, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "no suite we know" },
	{ integrity, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "no suite we know" },
	{ mode, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "another mode" },
	{ scope, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "another mode or scope" },
	{ short_life, E_UNSUPPORTED, MIKEY_ERR_SPPAR, "live 16 s" },
	{ srtp_policy, E_UNSUPPORTED, MIKEY_ERR_SP, "no ESP policy" },
	{ old_policy, E_UNSUPPORTED, MIKEY_ERR_SP, "no ESP policy" },
};

static void changed_offers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct mikey_message m;
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		esp_pair_open(&p, &mikey_psk, &s);
		assert_int_equal(pair_offer(&p), 0);
		open_offer(&p, &m);
		changes[i].change(&m);
		seal_offer(&p, &m);
		assert_int_equal(pair_answer(&p), changes[i].err);
		if (!strstr(p.fault.text, changes[i].reason))
			fail_msg("%zu: %s", i, p.fault.text);
		assert_int_equal(p.called.esp.n, 0);
		if (changes[i].err == E_FORMAT) {
			assert_int_equal(p.answer.len, 0);
		} else {
			open_offer(&p, &m);
			assert_int_equal(mikey_decode(p.answer.data,
						      p.answer.len, &m), 0);
			assert_int_equal(mikey_find(&m, MIKEY_ERR, 0)->kind,
					 changes[i].error_no);
			assert_non_null(mikey_find(&m, MIKEY_V, 0));
		}
		pair_close(&p);
	}
}

/* What is wrong stands in the terms of one side. */
static void refused_terms(const struct esp_sides *s, const char *reason)
{
	struct pair p;

	esp_pair_open(&p, &mikey_psk, s);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	if (!strstr(p.fault.text, reason))
		fail_msg("%s", p.fault.text);
	assert_int_equal(p.called.esp.n, 0);
	assert_int_equal(pair_finish(&p), E_UNSUPPORTED);
	pair_close(&p);
}

static void terms_that_differ_are_refused(void **state)
{
	struct esp_sides s;

	(void)state;
	esp_open(&s);
	s.b.t.mode = ESP_TUNNEL;
	refused_terms(&s, "another mode or scope");
	esp_open(&s);
	s.a.t.n_suites = 1;
	s.b.suites[0] = ESP_AES_256_GCM;
	s.b.t.n_suites = 1;
	refused_terms(&s, "AES_128_GCM is not allowed");
	esp_open(&s);
	s.b.near[0] = esp_host("2001:db8::2", 0x2002);
	refused_terms(&s, "the other family");
	esp_open_lines(&s, 2);
	s.b.t.n = 1;
	refused_terms(&s, "4 crypto sessions, 1 tunnels take 2");
	esp_open(&s);
	s.b.near[0].at.port = 4500;
	s.b.near[0].natted = true;
	refused_terms(&s, "no port for the encapsulation");
}

static void foreign_networks_are_refused(void **state)
{
	static const struct {
		const char *net, *ours, *reason;
	} nets[] = {
		{ "10.3.0.0/16", "10.2.0.0/16", "not allowed" },
		{ "10.0.0.0/14", "172.16.0.0/12", "not allowed" },
		{ "10.0.0.0/8", "10.2.0.0/16", "what is ours" },
		{ "10.2.1.0/24", "10.2.0.0/16", "what is ours" },
		{ "198.51.100.2/32", "10.2.0.0/16", "not allowed" },
		{ "0.0.0.0/0", "10.2.0.0/16", "more than its scope" },
		{ "0.0.0.0/1", "10.2.0.0/16", "more than its scope" },
		{ "128.0.0.0/1", "172.16.0.0/12", "what is ours" },
	};
	struct esp_sides s;

	(void)state;
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
		struct mikey_message m;
		struct net net;
		struct pair p;

		assert_int_equal(net_parse(nets[i].net, &net), 0);
		esp_open_nets(&s);
		assert_int_equal(net_parse(nets[i].ours,
					   &s.b.near[0].sel[0].net), 0);
		esp_pair_open(&p, &mikey_psk, &s);
		assert_int_equal(pair_offer(&p), 0);
		open_offer(&p, &m);
		m.cs[1].data = copy_of(m.cs[1].data);
		scratch[27] = net.bits;
		memcpy(scratch + 33, net.base.ip, 4);
		seal_offer(&p, &m);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		if (!strstr(p.fault.text, nets[i].reason))
			fail_msg("%s: %s", nets[i].net, p.fault.text);
		pair_close(&p);
	}
	esp_open_nets(&s);
	s.b.t.n_nets = 0;
	refused_terms(&s, "not allowed");
	esp_open_nets(&s); /* its gateway would be within the tunnel */
	assert_int_equal(net_parse("192.0.2.0/24", &s.b.near[0].sel[0].net),
			 0);
	refused_terms(&s, "behind us");
}

/* A host, too, must be one that the operator has named. */
static void foreign_hosts_are_refused(void **state)
{
	static const char *const nets[] = { "192.0.2.2/32", "198.51.100.0/24",
					    "2001:db8::/32" };
	struct esp_sides s;
	struct pair p;

	(void)state;
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
		esp_open(&s);
		s.b.t.n_nets = 1;
		assert_int_equal(net_parse(nets[i], &s.b.nets[0]), 0);
		refused_terms(&s, "not allowed");
	}
	esp_open(&s);
	s.b.t.n_nets = 0;
	refused_terms(&s, "not allowed");
	esp_open(&s); /* nor may who answers be anywhere */
	s.a.t.n_nets = 1;
	assert_int_equal(net_parse("198.51.100.3/32", &s.a.nets[0]), 0);
	esp_pair_open(&p, &mikey_psk, &s);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), 0);
	assert_int_equal(pair_finish(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "not allowed"));
	pair_close(&p);
}

/* Two tunnels of one offer in each other's way. */
static void collisions_are_refused(void **state)
{
	(void)state;
	for (unsigned what = 0; what < 2; what++) {
		struct mikey_message m;
		struct esp_sides s;
		struct pair p;

		esp_open_lines(&s, 2);
		esp_pair_open(&p, &mikey_psk, &s);
		assert_int_equal(pair_offer(&p), 0);
		open_offer(&p, &m);
		if (what)
			m.cs[3].spi = m.cs[1].spi;
		else
			m.cs[3].data = m.cs[1].data;
		seal_offer(&p, &m);
		assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
		assert_non_null(strstr(p.fault.text, "another of its tunnels"));
		pair_close(&p);
	}
}

/* -- our own terms -------------------------------------------------------- */

static void unsound_terms(struct esp_sides *s, int err)
{
	struct pair p;

	esp_pair_open(&p, &mikey_psk, s);
	assert_int_equal(pair_offer(&p), err);
	assert_int_equal(p.offer.len, 0);
	assert_true(p.fault.text[0]);
	pair_close(&p);
}

static void unsound_terms_make_no_offer(void **state)
{
	struct esp_sides s;

	(void)state;
	esp_open(&s);
	s.a.near[0].spi = 255;
	unsound_terms(&s, E_ARG);
	esp_open(&s);
	s.a.t.n = 2;
	unsound_terms(&s, E_ARG);
	esp_open_lines(&s, 2);
	s.a.near[1].spi = s.a.near[0].spi;
	unsound_terms(&s, E_ARG);
	esp_open_lines(&s, 2);
	s.a.near[1].sel[0] = s.a.near[0].sel[0];
	unsound_terms(&s, E_ARG);
	esp_open(&s);
	s.a.t.n_suites = 0;
	unsound_terms(&s, E_POLICY);
	esp_open(&s);
	s.a.suites[1] = ESP_3DES_CBC_SHA1;
	unsound_terms(&s, E_POLICY);
	esp_open(&s);
	s.a.suites[1] = s.a.suites[0];
	unsound_terms(&s, E_POLICY);
	esp_open(&s);
	s.a.t.life_s = ESP_LIFE_MIN_S - 1;
	unsound_terms(&s, E_ARG);
	esp_open(&s);
	s.a.t.window = 31;
	unsound_terms(&s, E_ARG);
}

/* -- answers that are refused --------------------------------------------- */

static void back_spi(struct mikey_message *m) { set_spi(m, "\0\0\x10\2"); }
static void back_data(struct mikey_message *m) { set_byte(m, 30, 1); }

/* Random, so whatever is there becomes something else. */
static void back_nonce(struct mikey_message *m)
{
	m->cs[1].data = copy_of(m->cs[1].data);
	scratch[10] ^= 1;
}

static void forth_spi(struct mikey_message *m)
{
	m->cs[0].spi = (struct mikey_bytes){ (const uint8_t *)"\0\0\0\xff",
					     4 };
}

static void forth_none(struct mikey_message *m)
{
	m->cs[0].spi.len = m->cs[0].data.len = 0;
}

static void forth_ours(struct mikey_message *m)
{
	m->cs[0].data = m->cs[1].data;
}

static void chosen_unknown(struct mikey_message *m) { set_list(m, "\4", 1); }
static void chosen_two(struct mikey_message *m) { set_list(m, "\0\1", 2); }
static void chosen_none(struct mikey_message *m) { set_list(m, "", 0); }

static void chosen_mixed(struct mikey_message *m)
{
	m->cs[1].policies = (struct mikey_bytes){ (const uint8_t *)"\1", 1 };
}

static void forth_wrong(struct mikey_message *m) { m->cs[0].protocol = 0; }

static void map_wrong(struct mikey_message *m)
{
	m->map = MIKEY_MAP_EMPTY;
}

static const struct {
	void (*change)(struct mikey_message *m);
	int err;
	const char *reason;
} answers[] = {
	{ back_spi, E_AUTH, "another end" },
	{ back_data, E_AUTH, "another end" },
	{ back_nonce, E_AUTH, "another end" },
	{ swapped, E_AUTH, "another end" },
	{ forth_spi, E_UNSUPPORTED, "reserved SPI" },
	{ forth_none, E_FORMAT, "malformed" },
	{ forth_ours, E_UNSUPPORTED, "our own address" },
	{ chosen_unknown, E_FORMAT, "other crypto sessions or policies" },
	{ chosen_two, E_FORMAT, "other crypto sessions or policies" },
	{ chosen_none, E_FORMAT, "other crypto sessions or policies" },
	{ chosen_mixed, E_FORMAT, "other crypto sessions or policies" },
	{ forth_wrong, E_FORMAT, "other crypto sessions or policies" },
	{ other_number, E_FORMAT, "other crypto sessions or policies" },
	{ one_session, E_FORMAT, "other crypto sessions or policies" },
	{ map_wrong, E_FORMAT, "other crypto sessions or policies" },
};

static void changed_answers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct mikey_message m;
		struct esp_sides s;
		struct pair p;

		esp_open(&s);
		s.a.t.n_suites = 2; /* AES-128 for the messages' keys */
		s.a.suites[1] = ESP_AES_128_CBC_SHA256;
		esp_pair_open(&p, &mikey_psk, &s);
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

/* An answer to an earlier offer of the same two, seen again. */
static void an_old_answer_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct esp_sides s;
		struct pair p, q;

		esp_open(&s);
		esp_pair_open(&p, methods[i], &s);
		exchange(&p);
		esp_pair_open(&q, methods[i], &s);
		assert_int_equal(pair_offer(&q), 0);
		assert_int_equal(q.method->finish(q.pending, p.answer.data,
			p.answer.len, NOW_US, &q.calling, &q.fault), E_AUTH);
		pair_close(&q);
		pair_close(&p);
	}
}

/* An update that is seen again, and an offer outside the window: the keeper's
 * cache refuses the rest (test_clerk.c). */
static void an_old_update_is_refused(void **state)
{
	struct keying_bundle ours, theirs;
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	esp_pair_open(&p, &mikey_psk, &s);
	exchange(&p);
	ours = p.calling.bundle;
	theirs = p.called.bundle;
	buf_clear(&p.answer);
	p.b.wall_us += p.b.window_us + 1000000;
	assert_int_equal(pair_answer(&p), E_EXPIRED);
	pair_close(&p);
	esp_pair_open(&p, &mikey_psk, &s);
	p.a.bundle = &ours;
	p.b.bundle = &theirs;
	p.a.wall_us = p.b.wall_us = NOW_US + 1000000;
	exchange(&p);
	theirs = p.called.bundle;
	buf_clear(&p.answer);
	assert_int_equal(pair_answer(&p), E_REPLAY);
	pair_close(&p);
}

static void no_answer_is_refused(void **state)
{
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	esp_pair_open(&p, &mikey_psk, &s);
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(p.method->finish(p.pending, NULL, 0, NOW_US,
					  &p.calling, &p.fault), E_AUTH);
	pair_close(&p);
}

/* -- beside SRTP ---------------------------------------------------------- */

static void an_srtp_profile_refuses_esp(void **state)
{
	struct mikey_message m;
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	pair_open(&p);
	p.a.esp = &s.a.t;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "protocol 241, not SRTP"));
	assert_int_equal(mikey_decode(p.answer.data, p.answer.len, &m), 0);
	assert_int_equal(mikey_find(&m, MIKEY_ERR, 0)->kind, MIKEY_ERR_SP);
	assert_int_equal(pair_finish(&p), E_UNSUPPORTED);
	pair_close(&p);
}

static void an_esp_profile_refuses_srtp(void **state)
{
	struct esp_sides s;
	struct pair p;

	(void)state;
	esp_open(&s);
	pair_open(&p);
	p.b.esp = &s.b.t;
	assert_int_equal(pair_offer(&p), 0);
	assert_int_equal(pair_answer(&p), E_UNSUPPORTED);
	assert_non_null(strstr(p.fault.text, "keys SRTP"));
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hosts_agree),
		cmocka_unit_test(lines_have_a_tunnel_each),
		cmocka_unit_test(networks_have_a_tunnel),
		cmocka_unit_test(every_suite_is_agreed_on),
		cmocka_unit_test(the_shorter_life_counts_for_the_answerer),
		cmocka_unit_test(a_nat_before_either_side_means_udp),
		cmocka_unit_test(each_answer_has_keys_of_its_own),
		cmocka_unit_test(an_update_brings_new_keys),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(cut_fields_are_refused),
		cmocka_unit_test(changed_offers_are_refused),
		cmocka_unit_test(terms_that_differ_are_refused),
		cmocka_unit_test(foreign_networks_are_refused),
		cmocka_unit_test(foreign_hosts_are_refused),
		cmocka_unit_test(collisions_are_refused),
		cmocka_unit_test(unsound_terms_make_no_offer),
		cmocka_unit_test(changed_answers_are_refused),
		cmocka_unit_test(an_old_answer_is_refused),
		cmocka_unit_test(an_old_update_is_refused),
		cmocka_unit_test(no_answer_is_refused),
		cmocka_unit_test(an_srtp_profile_refuses_esp),
		cmocka_unit_test(an_esp_profile_refuses_srtp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
