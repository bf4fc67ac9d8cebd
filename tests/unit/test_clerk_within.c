/* test_clerk_within.c - the keeper's requests where SRTP goes in ESP: of one
 * exchange streams' keys go to the relay and tunnels' to the tunnel process,
 * all or none; neither kind is taken for both. Keys by real MIKEY. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/clerk/clerk.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/psk.h"
#include "tests/unit/clerk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct house a, b;

static void set_both(struct house *h)
{
	h->profile.media = MEDIA_ESP;
	h->profile.srtp_within = true;
	h->profile.esp_scope = ESP_MEDIA;
	h->profile.esp[0] = ESP_AES_128_GCM;
	h->profile.esp[1] = ESP_AES_256_GCM;
	h->profile.n_esp = 2;
	h->profile.suites[0] = SUITE_AES_CM_128_HMAC_SHA1_80;
	h->profile.suites[1] = SUITE_AEAD_AES_256_GCM;
	h->profile.n_suites = 2;
	h->profile.negotiate = NEGOTIATE_PRIORITY;
}

static void open_both(void)
{
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	set_both(&a);
	set_both(&b);
}

static void close_both(void)
{
	house_close(&a);
	house_close(&b);
}

static void fill_lines(struct msg_key_party *p, const char *local,
		       uint32_t first, uint32_t n)
{
	p->n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct msg_key_line *l = &p->line[i];

		*l = (struct msg_key_line){
			.stream = 10 * first + i, .ssrc = 0x100 * first + i,
			.tunnel = first + i, .spi = 0x1000 + first + i };
		assert_int_equal(addr_parse(local, &l->local), 0);
		l->local.port = (uint16_t)(40000 + 2 * (first + i));
	}
}

/* n lines with tunnels from first on. */
static struct msg_key_party calling(uint64_t call, uint32_t first, uint32_t n)
{
	struct msg_key_party p = party(call, "sip:alice@a.example",
				       "sip:bob@b.example");

	fill_lines(&p, "192.0.2.1", first, n);
	return p;
}

static struct msg_key_party called(uint64_t call, uint32_t first, uint32_t n)
{
	struct msg_key_party p = party(call, "sip:bob@b.example",
				       "sip:alice@a.example");

	fill_lines(&p, "198.51.100.2", first, n);
	return p;
}

static const struct msg_tunnel_key *tunnel_key(const struct house *h,
					       uint64_t id)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->sent[i].type == MSG_TUNNEL_KEY &&
		    h->sent[i].u.tunnel_key.key_id == id)
			return &h->sent[i].u.tunnel_key;
	fail_msg("this key was not shipped");
	return NULL;
}

static void same_stream(const struct msg_key_ids *x,
			const struct msg_key_ids *y, uint32_t line)
{
	const struct msg_key *ours = key_of(&a, x->send);
	const struct msg_key *theirs = key_of(&b, y->recv);

	assert_memory_equal(&ours->key, &theirs->key, sizeof ours->key);
	assert_int_equal(ours->stream, 10 + line);
	assert_int_equal(ours->direction, KEY_SEND);
	assert_int_equal(theirs->stream, 50 + line);
	assert_int_equal(theirs->ssrc, 0x100 + line);
	ours = key_of(&a, x->recv);
	assert_memory_equal(&ours->key, &key_of(&b, y->send)->key,
			    sizeof ours->key);
	assert_int_equal(ours->ssrc, 0x500 + line);
	assert_memory_not_equal(&ours->key, &theirs->key, sizeof ours->key);
}

static void same_tunnel(const struct msg_key_ids *x,
			const struct msg_key_ids *y)
{
	const struct msg_tunnel_key *ours = tunnel_key(&a, x->tunnel);
	const struct msg_tunnel_key *theirs = tunnel_key(&b, y->tunnel);

	assert_memory_equal(&ours->in, &theirs->out, sizeof ours->in);
	assert_memory_equal(&ours->out, &theirs->in, sizeof ours->in);
	assert_int_equal(ours->near.spi, theirs->far.spi);
	assert_true(x->tunnel != x->send && x->tunnel != x->recv);
}

static void nothing_shipped(const struct house *h)
{
	assert_int_equal(count(h, MSG_KEY) + count(h, MSG_TUNNEL_KEY), 0);
}

/* -- whole exchanges ------------------------------------------------------ */

static void one_exchange(const struct keying *dhhmac)
{
	const struct sent *o, *r, *f;
	struct msg_key_party p = calling(1, 1, 2);

	open_both();
	a.dhhmac = b.dhhmac = dhhmac;
	if (dhhmac)
		a.profile.keying[0] = b.profile.keying[0] = dhhmac->name;
	o = offer_as(&a, &p);
	assert_string_equal(o->u.offered.reason, "");
	assert_int_equal(o->u.offered.n, 0); /* no key before the answer */
	nothing_shipped(&a);
	p = called(2, 5, 2);
	r = answer_as(&b, &p, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_string_equal(r->u.answered.reason, "");
	assert_int_equal(r->u.answered.n, 2);
	assert_int_equal(r->u.answered.facts.esp, ESP_AES_128_GCM);
	assert_int_equal(r->u.answered.facts.suite,
			 SUITE_AES_CM_128_HMAC_SHA1_80);
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_string_equal(f->u.finished.reason, "");
	assert_int_equal(f->u.finished.n, 2);
	assert_int_equal(f->u.finished.facts.esp, ESP_AES_128_GCM);
	assert_int_equal(f->u.finished.facts.suite,
			 SUITE_AES_CM_128_HMAC_SHA1_80);
	assert_int_equal(f->u.finished.far[1].port, 40012);
	for (uint32_t i = 0; i < 2; i++) {
		same_stream(&f->u.finished.key[i], &r->u.answered.key[i], i);
		same_tunnel(&f->u.finished.key[i], &r->u.answered.key[i]);
	}
	assert_int_equal(count(&a, MSG_KEY), 4);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 2);
	release(&a, 1);
	assert_int_equal(count(&a, MSG_KEY_GONE), 4);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY_GONE), 2);
	close_both();
}

static void by_a_pre_shared_key(void **state)
{
	(void)state;
	one_exchange(NULL);
}

static void by_diffie_hellman(void **state)
{
	(void)state;
	one_exchange(&mikey_dhhmac);
}

/* One tunnel, which stands in the first line, and SRTP of each line in it. */
static void a_tunnel_of_two_hosts(void **state)
{
	const struct sent *o, *r, *f;
	struct msg_key_party p = calling(1, 1, 2), q = called(2, 5, 2);

	(void)state;
	open_both();
	a.profile.esp_scope = b.profile.esp_scope = ESP_HOST;
	a.peer.n_esp_nets = b.peer.n_esp_nets = 1;
	assert_int_equal(net_parse("198.51.100.0/24", &a.peer.esp_nets[0]), 0);
	assert_int_equal(net_parse("192.0.2.1/32", &b.peer.esp_nets[0]), 0);
	p.line[0].local.port = q.line[0].local.port = 0;
	o = offer_as(&a, &p); /* more than one */
	assert_int_equal(o->u.offered.err, E_POLICY);
	assert_non_null(strstr(o->u.offered.reason, "one for all lines"));
	for (unsigned i = 1; i < 2; i++) {
		p.line[i].tunnel = q.line[i].tunnel = 0;
		p.line[i].spi = q.line[i].spi = 0;
		p.line[i].local.family = q.line[i].local.family = 0;
	}
	o = offer_as(&a, &p);
	assert_string_equal(o->u.offered.reason, "");
	r = answer_as(&b, &q, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_string_equal(r->u.answered.reason, "");
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_string_equal(f->u.finished.reason, "");
	assert_int_equal(f->u.finished.n, 2);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 1);
	assert_int_equal(count(&b, MSG_TUNNEL_KEY), 1);
	same_tunnel(&f->u.finished.key[0], &r->u.answered.key[0]);
	assert_int_equal(f->u.finished.key[1].tunnel, 0);
	for (uint32_t i = 0; i < 2; i++)
		same_stream(&f->u.finished.key[i], &r->u.answered.key[i], i);
	close_both();
}

/* New keys, for both, with the suites that were agreed. */
static void new_keys_are_for_both(void **state)
{
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);
	static struct sent o, r;
	struct msg_key_ids old;
	const struct sent *f;

	(void)state;
	open_both();
	b.profile.suites[0] = SUITE_AEAD_AES_256_GCM;
	b.profile.n_suites = 1;
	o = *offer_as(&a, &p);
	r = *answer_as(&b, &q, &o, (struct where){ 2, 1, 1, 1, 0 });
	f = finish(&a, o.u.offered.exchange, 0, &r);
	assert_int_equal(f->u.finished.facts.suite, SUITE_AEAD_AES_256_GCM);
	old = f->u.finished.key[0];
	won(&a, 1);
	won(&b, 2);
	a.wall_us += SECOND;
	b.profile.suites[1] = SUITE_AES_CM_128_HMAC_SHA1_80;
	b.profile.n_suites = 2;
	p.line[0].tunnel = q.line[0].tunnel = 9;
	p.line[0].spi = q.line[0].spi = 0x9999;
	o = *offer_as(&a, &p);
	assert_string_equal(o.u.offered.reason, "");
	r = *answer_as(&b, &q, &o, (struct where){ 2, 1, 3, 3, 0 });
	assert_string_equal(r.u.answered.reason, "");
	f = finish(&a, o.u.offered.exchange, 0, &r);
	assert_string_equal(f->u.finished.reason, "");
	assert_int_equal(f->u.finished.facts.suite, SUITE_AEAD_AES_256_GCM);
	same_stream(&f->u.finished.key[0], &r.u.answered.key[0], 0);
	same_tunnel(&f->u.finished.key[0], &r.u.answered.key[0]);
	assert_memory_not_equal(
		key_of(&a, old.send)->key.key,
		key_of(&a, f->u.finished.key[0].send)->key.key, 32);
	assert_memory_not_equal(
		tunnel_key(&a, old.tunnel)->in.key,
		tunnel_key(&a, f->u.finished.key[0].tunnel)->in.key, 16);
	close_both();
}

/* -- all or nothing ------------------------------------------------------- */

/* What was shipped before it failed is taken back. */
static void half_a_result_is_none(void **state)
{
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);
	static struct sent o, r;
	const struct sent *f;

	(void)state;
	open_both();
	o = *offer_as(&a, &p);
	b.tunnel_err = E_CLOSED;
	r = *answer_as(&b, &q, &o, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r.u.answered.err, E_CLOSED);
	assert_int_equal(r.tail_len, 0);
	assert_int_equal(r.u.answered.key[0].send, 0);
	assert_int_equal(count(&b, MSG_KEY_GONE), 2);
	house_close(&b);
	house_open(&b, "a.example");
	set_both(&b);
	r = *answer_as(&b, &q, &o, (struct where){ 2, 1, 1, 1, 0 });
	a.tunnel_err = E_CLOSED;
	f = finish(&a, o.u.offered.exchange, 0, &r);
	assert_int_equal(f->u.finished.err, E_CLOSED);
	assert_int_equal(f->u.finished.n, 0);
	assert_int_equal(f->u.finished.key[0].send, 0);
	assert_int_equal(f->u.finished.key[0].tunnel, 0);
	assert_int_equal(count(&a, MSG_KEY_GONE), 2);
	close_both();
}

/* Another relay gets the keys of streams again; nobody those of tunnels. */
static void tunnels_are_keyed_once(void **state)
{
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);
	const struct sent *o, *r;

	(void)state;
	open_both();
	o = offer_as(&a, &p);
	r = answer_as(&b, &q, o, (struct where){ 2, 1, 1, 1, 0 });
	finish(&a, o->u.offered.exchange, 0, r);
	clerk_sibling(a.clerk, PROC_TUNNEL, 2);
	clerk_sibling(a.clerk, PROC_RELAY, 2);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 1);
	assert_int_equal(count(&a, MSG_KEY), 4);
	close_both();
}

static void the_first_branch_has_both(void **state)
{
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);
	static struct sent o, one, two;
	const struct sent *f;

	(void)state;
	open_both();
	o = *offer_as(&a, &p);
	one = *answer_as(&b, &q, &o, (struct where){ 2, 1, 1, 1, 0 });
	q = called(3, 7, 1);
	two = *answer_as(&b, &q, &o, (struct where){ 3, 1, 2, 1, 0 });
	assert_string_equal(two.u.answered.reason, "");
	f = finish(&a, o.u.offered.exchange, 1, &two);
	assert_string_equal(f->u.finished.reason, "");
	f = finish(&a, o.u.offered.exchange, 0, &one);
	assert_int_equal(f->u.finished.err, E_EXISTS);
	assert_int_equal(count(&a, MSG_KEY), 2);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 1);
	close_both();
}

static void refused(const char *why)
{
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);
	const struct sent *o, *r;

	if (a.profile.media != MEDIA_ESP)
		p.line[0] = (struct msg_key_line){ .stream = 1, .ssrc = 2 };
	if (b.profile.media != MEDIA_ESP)
		q.line[0] = (struct msg_key_line){ .stream = 1, .ssrc = 2 };
	o = offer_as(&a, &p);
	assert_string_equal(o->u.offered.reason, "");
	r = answer_as(&b, &q, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
	if (!strstr(r->u.answered.reason, why))
		fail_msg("%s", r->u.answered.reason);
	nothing_shipped(&b);
	close_both();
}

static void either_alone_is_refused(void **state)
{
	(void)state;
	open_both();
	a.profile.srtp_within = false;
	refused("keys ESP alone");
	open_both();
	b.profile.srtp_within = false;
	refused("no SRTP in them");
	open_both();
	a.profile.srtp_within = false;
	a.profile.media = MEDIA_SRTP;
	refused("SRTP in it");
	open_both();
	b.profile.srtp_within = false;
	b.profile.media = MEDIA_SRTP;
	refused("4 crypto sessions");
}

static void both_lists_of_suites_count(void **state)
{
	(void)state;
	open_both();
	b.profile.suites[0] = SUITE_F8_128_HMAC_SHA1_80;
	b.profile.n_suites = 1;
	refused("not allowed");
	open_both();
	b.profile.esp[0] = ESP_AES_256_CBC_SHA256;
	b.profile.n_esp = 1;
	refused("not allowed");
	open_both();
	a.profile.negotiate = NEGOTIATE_STATIC; /* the first of each */
	b.profile.suites[0] = SUITE_AEAD_AES_256_GCM;
	b.profile.n_suites = 1;
	refused("not allowed");
}

static void every_line_has_a_tunnel(void **state)
{
	struct msg_key_party p = calling(1, 1, 2);
	const struct sent *o;

	(void)state;
	open_both();
	p.line[1].tunnel = 0;
	o = offer_as(&a, &p);
	assert_int_equal(o->u.offered.err, E_POLICY);
	assert_non_null(strstr(o->u.offered.reason, "line 2 has no tunnel"));
	close_both();
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_a_pre_shared_key),
		cmocka_unit_test(by_diffie_hellman),
		cmocka_unit_test(a_tunnel_of_two_hosts),
		cmocka_unit_test(new_keys_are_for_both),
		cmocka_unit_test(half_a_result_is_none),
		cmocka_unit_test(tunnels_are_keyed_once),
		cmocka_unit_test(the_first_branch_has_both),
		cmocka_unit_test(either_alone_is_refused),
		cmocka_unit_test(both_lists_of_suites_count),
		cmocka_unit_test(every_line_has_a_tunnel),
	};

	log_to(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
