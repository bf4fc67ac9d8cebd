/* test_clerk_tunnel.c - the keeper's requests where media go in ESP: one key a
 * tunnel, shipped once and never again; streams and tunnels are not taken for
 * each other; of forked answers one gets the tunnel. Keys by real MIKEY. */
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
static bool by_ike; /* charon raises them: ike = "call" */

static void set_tunnels(struct house *h)
{
	h->profile.media = by_ike ? MEDIA_IKE : MEDIA_ESP;
	h->profile.ike_call = by_ike;
	h->profile.esp_scope = ESP_MEDIA;
	h->profile.esp[0] = ESP_AES_256_GCM;
	h->profile.esp[1] = ESP_AES_128_CBC_SHA256;
	h->profile.n_esp = 2;
	h->profile.negotiate = NEGOTIATE_AUTOMATIC;
}

static void open_both(void)
{
	house_open(&a, "b.example");
	house_open(&b, "a.example");
	set_tunnels(&a);
	set_tunnels(&b);
}

static void close_both(void)
{
	house_close(&a);
	house_close(&b);
}

static struct msg_key_line line_of(uint32_t tunnel, const char *local)
{
	struct msg_key_line l = { .stream = tunnel + 100, .ssrc = 5,
				  .tunnel = tunnel, .spi = 0x1000 + tunnel };

	assert_int_equal(addr_parse(local, &l.local), 0);
	l.local.port = (uint16_t)(40000 + 2 * tunnel);
	return l;
}

/* n lines with tunnels from first on. */
static struct msg_key_party calling(uint64_t call, uint32_t first, uint32_t n)
{
	struct msg_key_party p = party(call, "sip:alice@a.example",
				       "sip:bob@b.example");

	p.n = n;
	for (uint32_t i = 0; i < n; i++) {
		p.line[i] = line_of(first + i, "192.0.2.1");
		p.line[i].stream = 11 + i;
	}
	return p;
}

static struct msg_key_party called(uint64_t call, uint32_t first, uint32_t n)
{
	struct msg_key_party p = party(call, "sip:bob@b.example",
				       "sip:alice@a.example");

	p.n = n;
	for (uint32_t i = 0; i < n; i++) {
		p.line[i] = line_of(first + i, "198.51.100.2");
		p.line[i].stream = 21 + i;
	}
	return p;
}

static const struct sent *offered(uint32_t first, uint32_t n)
{
	struct msg_key_party p = calling(1, first, n);

	return offer_as(&a, &p);
}

static const struct sent *answered(const struct sent *o, uint32_t first,
				   struct where w)
{
	struct msg_key_party p = called(w.call, first, 1);

	return answer_as(&b, &p, o, w);
}

static const struct msg_tunnel_key *tunnel_key(const struct house *h,
					       uint64_t id)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->sent[i].type == MSG_TUNNEL_KEY &&
		    h->sent[i].u.tunnel_key.key_id == id) {
			assert_int_equal(h->sent[i].to, PROC_TUNNEL);
			return &h->sent[i].u.tunnel_key;
		}
	fail_msg("this key was not shipped");
	return NULL;
}

static void assert_far(const struct addr *got, const char *host, unsigned port)
{
	struct addr want;

	assert_int_equal(addr_parse(host, &want), 0);
	want.port = (uint16_t)port;
	assert_true(addr_equal(got, &want));
}

/* -- whole exchanges ------------------------------------------------------ */

static void same_keys(const struct msg_tunnel_key *x,
		      const struct msg_tunnel_key *y)
{
	assert_memory_equal(&x->in, &y->out, sizeof x->in);
	assert_memory_equal(&x->out, &y->in, sizeof x->in);
	assert_memory_not_equal(x->in.key, x->out.key, 16);
	assert_int_equal(x->near.spi, y->far.spi);
	assert_int_equal(x->far.spi, y->near.spi);
	assert_true(addr_equal(&x->near.at, &y->far.at));
	assert_int_equal(x->far.sel[0].port, y->near.sel[0].port);
}

static void bound_as(const struct msg_tunnel_key *k, uint64_t call,
		     uint32_t tunnel)
{
	assert_int_equal(k->call, call);
	assert_int_equal(k->tunnel, tunnel);
	assert_int_equal(k->key_id >> 32, EPOCH);
	assert_string_equal(k->peer, "them");
	assert_int_equal(k->mode, ESP_TRANSPORT);
	assert_int_equal(k->scope, ESP_MEDIA);
	assert_int_equal(k->life_s, 3600);
	assert_int_equal(k->window, 256);
	assert_int_equal(k->udp, 0);
	assert_int_equal(k->ike, TUNNEL_IKE_NONE);
	assert_int_equal(k->in.suite, ESP_AES_256_GCM);
}

static void a_call_gets_its_tunnels(const struct keying *dhhmac)
{
	const struct sent *o, *r, *f;
	struct msg_key_party p;

	open_both();
	a.dhhmac = b.dhhmac = dhhmac;
	if (dhhmac)
		a.profile.keying[0] = b.profile.keying[0] = dhhmac->name;
	o = offered(1, 2);
	assert_int_equal(o->u.offered.err, 0);
	assert_int_equal(o->u.offered.n, 0); /* no key before the answer */
	p = called(2, 5, 2);
	r = answer_as(&b, &p, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_string_equal(r->u.answered.reason, "");
	assert_int_equal(r->u.answered.n, 2);
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(f->u.finished.n, 2);
	assert_int_equal(f->u.finished.facts.esp, ESP_AES_256_GCM);
	assert_int_equal(f->u.finished.facts.suite, SUITE_NONE);
	assert_int_equal(f->u.finished.facts.confirmed, 1);
	assert_true(f->u.finished.facts.key_bits > 0);
	assert_int_equal(r->u.answered.facts.esp, ESP_AES_256_GCM);
	for (uint32_t i = 0; i < 2; i++) {
		struct msg_key_ids x = f->u.finished.key[i];
		struct msg_key_ids y = r->u.answered.key[i];

		assert_true(!x.send && !x.recv && !y.send && !y.recv);
		bound_as(tunnel_key(&a, x.tunnel), 1, 1 + i);
		bound_as(tunnel_key(&b, y.tunnel), 2, 5 + i);
		same_keys(tunnel_key(&a, x.tunnel), tunnel_key(&b, y.tunnel));
		assert_far(&f->u.finished.far[i], "198.51.100.2",
			   40010 + 2 * i);
		assert_far(&r->u.answered.far[i], "192.0.2.1", 40002 + 2 * i);
	}
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 2);
	assert_int_equal(count(&a, MSG_KEY) + count(&b, MSG_KEY), 0);
	release(&a, 1);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY_GONE), 2);
	assert_int_equal(count(&a, MSG_KEY_GONE), 0);
	close_both();
}

static void by_a_pre_shared_key(void **state)
{
	(void)state;
	a_call_gets_its_tunnels(NULL);
}

static void by_diffie_hellman(void **state)
{
	(void)state;
	a_call_gets_its_tunnels(&mikey_dhhmac);
}

/* One for all lines, between the two hosts and nothing more. */
static void a_tunnel_of_two_hosts(void **state)
{
	const struct sent *o, *r, *f;
	const struct msg_tunnel_key *k;
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);

	(void)state;
	open_both();
	a.profile.esp_scope = b.profile.esp_scope = ESP_HOST;
	a.peer.n_esp_nets = b.peer.n_esp_nets = 1;
	assert_int_equal(net_parse("198.51.100.0/24", &a.peer.esp_nets[0]), 0);
	assert_int_equal(net_parse("192.0.2.1/32", &b.peer.esp_nets[0]), 0);
	o = offer_as(&a, &p); /* with a port it is a line's */
	assert_int_equal(o->u.offered.err, E_POLICY);
	p.line[0].local.port = q.line[0].local.port = 0;
	o = offer_as(&a, &p);
	assert_int_equal(o->u.offered.err, 0);
	r = answer_as(&b, &q, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_string_equal(r->u.answered.reason, "");
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(f->u.finished.n, 1);
	assert_far(&f->u.finished.far[0], "198.51.100.2", 0);
	k = tunnel_key(&a, f->u.finished.key[0].tunnel);
	same_keys(k, tunnel_key(&b, r->u.answered.key[0].tunnel));
	assert_int_equal(k->scope, ESP_HOST);
	assert_int_equal(k->mode, ESP_TRANSPORT);
	assert_int_equal(k->near.sel[0].protocol, 0);
	assert_int_equal(k->far.sel[0].net.bits, 32);
	assert_int_equal(net_parse("192.0.2.9/32", &b.peer.esp_nets[0]), 0);
	p.call = 3;
	q.call = 4;
	o = offer_as(&a, &p);
	r = answer_as(&b, &q, o, (struct where){ 4, 2, 2, 2, 0 });
	assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
	assert_non_null(strstr(r->u.answered.reason, "not allowed"));
	close_both();
}

/* Suites of old peers are for what comes from them. */
static void old_suites_are_not_offered(void **state)
{
	const struct sent *o, *r;

	(void)state;
	open_both();
	a.profile.esp[0] = b.profile.esp[0] = ESP_3DES_CBC_SHA1;
	o = offered(1, 1);
	assert_int_equal(o->u.offered.err, 0);
	r = answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_POLICY); /* without legacy */
	assert_non_null(strstr(r->u.answered.reason, "set mikey.legacy"));
	a.profile.n_esp = 1;
	o = offered(2, 1);
	assert_int_equal(o->u.offered.err, E_POLICY);
	assert_non_null(strstr(o->u.offered.reason, "ours need another one"));
	close_both();
}

static void behind(struct house *h, const char *own, const char *theirs)
{
	struct clerk_limits l = {
		.window_us = 300 * SECOND, .verify = true,
		.tunnel = { .port_min = 40000, .port_max = 40999,
			    .life_s = 3600, .window = 256, .n_nets = 1 } };

	assert_int_equal(net_parse(own, &l.tunnel.nets[0]), 0);
	clerk_limits(h->clerk, &l);
	h->profile.esp_scope = ESP_NET;
	h->peer.n_esp_nets = 1;
	assert_int_equal(net_parse(theirs, &h->peer.esp_nets[0]), 0);
}

/* Between what is behind both, in tunnel mode, as far as either allows. */
static void a_tunnel_of_networks(void **state)
{
	const struct sent *o, *r, *f;
	const struct msg_tunnel_key *k;
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);
	struct net want;

	(void)state;
	open_both();
	behind(&a, "10.1.7.0/24", "10.3.0.0/16");
	behind(&b, "10.3.3.0/24", "10.1.0.0/16");
	p.line[0].local.port = q.line[0].local.port = 0;
	o = offer_as(&a, &p);
	assert_int_equal(o->u.offered.err, 0);
	r = answer_as(&b, &q, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_string_equal(r->u.answered.reason, "");
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	assert_far(&f->u.finished.far[0], "198.51.100.2", 0);
	assert_int_equal(net_parse("10.3.3.0/24", &want), 0);
	assert_true(net_equal(&f->u.finished.behind[0], &want));
	assert_int_equal(f->u.finished.behind[1].bits, 0);
	assert_int_equal(net_parse("10.1.7.0/24", &want), 0);
	assert_true(net_equal(&r->u.answered.behind[0], &want));
	k = tunnel_key(&a, f->u.finished.key[0].tunnel);
	same_keys(k, tunnel_key(&b, r->u.answered.key[0].tunnel));
	assert_int_equal(k->scope, ESP_NET);
	assert_int_equal(k->mode, ESP_TUNNEL);
	assert_true(net_equal(&k->near.sel[0].net, &want));
	close_both();
}

/* Its lines are no streams of the relay; keys change all the same. */
static void networks_without_a_stream(void **state)
{
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);
	static struct sent o, r;

	(void)state;
	open_both();
	behind(&a, "10.1.7.0/24", "10.3.0.0/16");
	behind(&b, "10.3.3.0/24", "10.1.0.0/16");
	p.line[0].local.port = q.line[0].local.port = 0;
	p.line[0].stream = q.line[0].stream = 0;
	for (uint8_t i = 0; i < 3; i++) {
		p.line[0].spi += i;
		q.line[0].spi += i;
		o = *offer_as(&a, &p);
		assert_int_equal(o.u.offered.err, 0);
		r = *answer_as(&b, &q, &o, (struct where){
			2, 1, (uint8_t)(1 + i), (uint8_t)(1 + i), 0 });
		assert_string_equal(r.u.answered.reason, "");
		assert_int_equal(finish(&a, o.u.offered.exchange, 0, &r)
					 ->u.finished.err, 0);
		won(&a, 1);
		won(&b, 2);
		a.wall_us += SECOND;
		b.wall_us += SECOND;
	}
	release(&a, 1);
	release(&b, 2);
	close_both();
}

static void networks_of_others_are_refused(void **state)
{
	static const struct {
		const char *own, *theirs, *why;
	} rows[] = { /* as the answerer has it; the offer says 10.1.7.0/24 */
		{ "10.3.3.0/24", "10.1.8.0/24", "not allowed" },
		{ "10.3.3.0/24", "10.1.7.0/25", "not allowed" },
		{ "10.1.7.0/28", "10.1.7.0/24", "what is ours" },
		{ "192.0.2.0/24", "10.1.0.0/16", "behind us" },
	};
	struct msg_key_party p = calling(1, 1, 1), q = called(2, 5, 1);
	const struct sent *o, *r;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		open_both();
		behind(&a, "10.1.7.0/24", "10.3.0.0/16");
		behind(&b, rows[i].own, rows[i].theirs);
		p.line[0].local.port = q.line[0].local.port = 0;
		o = offer_as(&a, &p);
		r = answer_as(&b, &q, o, (struct where){ 2, 1, 1, 1, 0 });
		assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
		if (!strstr(r->u.answered.reason, rows[i].why))
			fail_msg("%s", r->u.answered.reason);
		assert_int_equal(r->u.answered.behind[0].bits, 0);
		assert_int_equal(count(&b, MSG_TUNNEL_KEY), 0);
		close_both();
	}
	open_both(); /* nothing of the end's family is behind us */
	behind(&a, "fd00::/64", "10.3.0.0/16");
	o = offer_as(&a, &p);
	assert_int_equal(o->u.offered.err, E_POLICY);
	close_both();
}

static void a_dear_offer_is_checked_first(void **state)
{
	struct msg_key_answer m = { .origin = { .dialog = { 1 }, .cseq = 1 },
				    .when = KEY_CHECK };
	const struct sent *o, *r;

	(void)state;
	open_both();
	a.dhhmac = b.dhhmac = &mikey_dhhmac;
	a.profile.keying[0] = b.profile.keying[0] = mikey_dhhmac.name;
	o = offered(1, 1);
	m.party = called(2, 5, 1);
	m.len = (uint32_t)o->tail_len;
	assert_int_equal(tell(&b, MSG_KEY_ANSWER, 6, &m, sizeof m, o), 0);
	r = last(&b, MSG_KEY_ANSWERED);
	assert_int_equal(r->u.answered.err, 0);
	assert_int_equal(r->u.answered.n, 0);
	assert_int_equal(count(&b, MSG_TUNNEL_KEY), 0);
	m.when = KEY_NOW;
	assert_int_equal(tell(&b, MSG_KEY_ANSWER, 6, &m, sizeof m, o), 0);
	r = last(&b, MSG_KEY_ANSWERED);
	assert_int_equal(r->u.answered.err, 0);
	assert_int_equal(r->u.answered.n, 1);
	assert_int_equal(finish(&a, o->u.offered.exchange, 0, r)
				 ->u.finished.err, 0);
	close_both();
}

/* -- once ----------------------------------------------------------------- */

static void no_key_is_shipped_twice(void **state)
{
	const struct sent *o, *r, *f;
	uint64_t id;

	(void)state;
	open_both();
	o = offered(1, 1);
	r = answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
	f = finish(&a, o->u.offered.exchange, 0, r);
	id = f->u.finished.key[0].tunnel;
	/* the same answer again, a repeated offer: the key in force */
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(f->u.finished.key[0].tunnel, id);
	assert_far(&f->u.finished.far[0], "198.51.100.2", 40010);
	r = answered(o, 6, (struct where){ 2, 1, 2, 2, 0 });
	assert_int_equal(r->u.answered.repeat, 1);
	assert_far(&r->u.answered.far[0], "192.0.2.1", 40002);
	assert_int_equal(count(&b, MSG_TUNNEL_KEY), 1);
	/* another tunnel process, another relay */
	clerk_sibling(a.clerk, PROC_TUNNEL, 2);
	clerk_sibling(a.clerk, PROC_RELAY, 2);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 1);
	assert_int_equal(count(&a, MSG_KEY), 0);
	/* another engine knows no call */
	clerk_sibling(a.clerk, PROC_ENGINE, 2);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY_GONE), 1);
	close_both();
}

static void without_a_tunnel_process_there_is_no_key(void **state)
{
	const struct sent *o, *r, *f;

	(void)state;
	open_both();
	o = offered(1, 1);
	b.tunnel_err = E_CLOSED;
	r = answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_CLOSED);
	assert_true(r->u.answered.reason[0]);
	assert_int_equal(r->tail_len, 0);
	b.tunnel_err = 0;
	house_close(&b);
	house_open(&b, "a.example");
	set_tunnels(&b);
	r = answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
	a.tunnel_err = E_CLOSED;
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, E_CLOSED);
	assert_int_equal(f->u.finished.n, 0);
	assert_int_equal(f->u.finished.key[0].tunnel, 0);
	assert_int_equal(f->u.finished.far[0].family, 0);
	/* the branch was not taken by that */
	a.tunnel_err = 0;
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	close_both();
}

/* -- forks, replays ------------------------------------------------------- */

static void the_first_branch_has_the_tunnel(void **state)
{
	static struct sent one, two;
	const struct sent *o, *f;
	struct sent wrong;
	uint64_t x;

	(void)state;
	open_both();
	o = offered(1, 1);
	x = o->u.offered.exchange;
	/* two phones behind one gateway */
	one = *answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
	two = *answered(o, 6, (struct where){ 3, 1, 2, 1, 0 });
	assert_int_equal(two.u.answered.err, 0);
	assert_memory_not_equal(
		tunnel_key(&b, one.u.answered.key[0].tunnel)->in.key,
		tunnel_key(&b, two.u.answered.key[0].tunnel)->in.key, 32);
	/* what is not authentic takes nothing */
	wrong = two;
	wrong.tail[wrong.tail_len - 1] ^= 1;
	f = finish(&a, x, 0, &wrong);
	assert_int_equal(f->u.finished.err, E_AUTH);
	f = finish(&a, x, 1, &two);
	assert_int_equal(f->u.finished.err, 0);
	f = finish(&a, x, 0, &one);
	assert_int_equal(f->u.finished.err, E_EXISTS);
	assert_non_null(strstr(f->u.finished.reason, "another branch"));
	assert_int_equal(f->u.finished.far[0].family, 0);
	won(&a, 1);
	f = finish(&a, x, 0, &one);
	assert_int_equal(f->u.finished.err, E_EXISTS);
	f = finish(&a, x, 1, &one); /* another answer of the same one */
	assert_int_equal(f->u.finished.err, E_EXISTS);
	f = finish(&a, x, 1, &two);
	assert_int_equal(f->u.finished.err, 0);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 1);
	close_both();
}

static void a_replay_is_refused(void **state)
{
	const struct sent *o, *r;

	(void)state;
	open_both();
	o = offered(1, 1);
	answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
	won(&b, 2);
	r = answered(o, 6, (struct where){ 3, 2, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_REPLAY);
	r = answered(o, 6, (struct where){ 3, 1, 2, 1, 0 });
	assert_int_equal(r->u.answered.err, E_REPLAY);
	assert_int_equal(count(&b, MSG_TUNNEL_KEY), 1);
	close_both();
}

static void new_keys_are_another_tunnel(void **state)
{
	static struct sent o, r;
	const struct sent *f;
	uint64_t id;

	(void)state;
	open_both();
	o = *offered(1, 1);
	r = *answered(&o, 5, (struct where){ 2, 1, 1, 1, 0 });
	id = finish(&a, o.u.offered.exchange, 0, &r)->u.finished.key[0].tunnel;
	won(&a, 1);
	won(&b, 2);
	a.wall_us += SECOND;
	a.profile.esp[0] = ESP_AES_128_GCM; /* what was agreed stays */
	a.profile.esp[1] = ESP_AES_256_GCM;
	o = *offered(3, 1);
	assert_int_equal(o.u.offered.err, 0);
	r = *answered(&o, 7, (struct where){ 2, 1, 3, 3, 0 });
	assert_string_equal(r.u.answered.reason, "");
	f = finish(&a, o.u.offered.exchange, 0, &r);
	assert_string_equal(f->u.finished.reason, "");
	assert_int_equal(f->u.finished.facts.esp, ESP_AES_256_GCM);
	assert_int_not_equal(f->u.finished.key[0].tunnel, id);
	bound_as(tunnel_key(&a, f->u.finished.key[0].tunnel), 1, 3);
	same_keys(tunnel_key(&a, f->u.finished.key[0].tunnel),
		  tunnel_key(&b, r.u.answered.key[0].tunnel));
	assert_memory_not_equal(
		tunnel_key(&a, id)->in.key,
		tunnel_key(&a, f->u.finished.key[0].tunnel)->in.key, 32);
	release(&a, 1);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY_GONE), 2);
	close_both();
}

/* -- policy --------------------------------------------------------------- */

static void refused_lines(struct msg_key_party *p, const char *why)
{
	const struct sent *o = offer_as(&a, p);

	assert_int_equal(o->u.offered.err, E_POLICY);
	assert_non_null(strstr(o->u.offered.reason, why));
	assert_int_equal(o->tail_len, 0);
}

static void every_line_must_be_a_tunnel(void **state)
{
	struct msg_key_party p = calling(1, 1, 2);

	(void)state;
	open_both();
	p.line[1] = (struct msg_key_line){ .stream = 12, .ssrc = 1 };
	refused_lines(&p, "line 2 has no tunnel");
	p = calling(1, 1, 1);
	p.line[0].tunnel = 0;
	refused_lines(&p, "line 1 has no tunnel");
	p = calling(1, 1, 1);
	p.line[0].spi = ESP_SPI_MIN - 1;
	refused_lines(&p, "line 1 has no tunnel");
	p = calling(1, 1, 1);
	p.line[0].local.port++;
	refused_lines(&p, "line 1 has no tunnel");
	p.line[0].local.port = 5060; /* not a port of tunnels */
	refused_lines(&p, "tunnel.ports");
	p.line[0].local.port = 41000;
	refused_lines(&p, "tunnel.ports");
	p = calling(1, 1, 1);
	memset(&p.line[0].local.ip, 0, sizeof p.line[0].local.ip);
	refused_lines(&p, "line 1 has no tunnel");
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 0);
	close_both();
}

static void two_lines_are_two_tunnels(void **state)
{
	struct msg_key_party p = calling(1, 1, 2);

	(void)state;
	open_both();
	p.line[1].spi = p.line[0].spi;
	assert_int_not_equal(offer_as(&a, &p)->u.offered.err, 0);
	p = calling(1, 1, 2);
	p.line[1].local = p.line[0].local;
	assert_int_not_equal(offer_as(&a, &p)->u.offered.err, 0);
	close_both();
}

static void limit(struct house *h, const char *seen, uint16_t udp)
{
	struct clerk_limits l = {
		.window_us = 300 * SECOND, .verify = true,
		.tunnel = { .port_min = 40000, .port_max = 40999,
			    .life_s = 3600, .window = 256, .udp = udp } };

	if (seen)
		assert_int_equal(addr_parse(seen, &l.tunnel.seen[0]), 0);
	clerk_limits(h->clerk, &l);
}

/* a is behind one: b sends to what it is seen as. */
static void a_nat_means_udp(void **state)
{
	const struct msg_tunnel_key *x, *y;
	const struct sent *o, *r, *f;

	(void)state;
	open_both();
	limit(&a, "203.0.113.9", 4501);
	limit(&b, NULL, 0);
	r = answered(offered(1, 1), 5, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
	assert_non_null(strstr(r->u.answered.reason, "no port for the "
			       "encapsulation"));
	limit(&b, NULL, 4777);
	o = offered(2, 1);
	r = answered(o, 6, (struct where){ 3, 2, 1, 2, 0 });
	assert_string_equal(r->u.answered.reason, "");
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_int_equal(f->u.finished.err, 0);
	x = tunnel_key(&a, f->u.finished.key[0].tunnel);
	y = tunnel_key(&b, r->u.answered.key[0].tunnel);
	assert_int_equal(x->udp, 1);
	assert_int_equal(y->udp, 1);
	same_keys(x, y);
	assert_true(x->near.natted && !y->near.natted);
	assert_far(&r->u.answered.far[0], "203.0.113.9", 40004);
	assert_far(&f->u.finished.far[0], "198.51.100.2", 40012);
	assert_int_equal(y->far.at.port, 4501);
	assert_int_equal(x->far.at.port, 4777);
	close_both();
}

static void streams_have_no_tunnels(void **state)
{
	struct msg_key_party p = calling(1, 1, 1);

	(void)state;
	open_both();
	a.profile.media = MEDIA_SRTP;
	refused_lines(&p, "has no tunnels");
	p.line[0].tunnel = 0;
	refused_lines(&p, "has no tunnels");
	p.line[0].spi = 0;
	refused_lines(&p, "has no tunnels");
	memset(&p.line[0].local, 0, sizeof p.line[0].local);
	assert_int_equal(offer_as(&a, &p)->u.offered.err, 0);
	close_both();
}

static void an_offer_of_the_other_kind_is_refused(void **state)
{
	const struct sent *o, *r;

	(void)state;
	open_both();
	b.profile.media = MEDIA_SRTP;
	o = offered(1, 1);
	r = answer(&b, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
	assert_int_equal(r->u.answered.far[0].family, 0);
	a.profile.media = MEDIA_SRTP;
	b.profile.media = MEDIA_ESP;
	o = offer(&a, 2);
	assert_int_equal(o->u.offered.err, 0);
	r = answered(o, 5, (struct where){ 3, 2, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
	assert_int_equal(count(&b, MSG_KEY) + count(&b, MSG_TUNNEL_KEY), 0);
	close_both();
}

/* Several methods: one message, of the first; the far end takes it by any of
 * its own. */
static void there_are_no_lists(void **state)
{
	const struct sent *o, *r;

	(void)state;
	open_both();
	a.dhhmac = b.dhhmac = &mikey_dhhmac;
	a.profile.negotiate = b.profile.negotiate = NEGOTIATE_PRIORITY;
	a.profile.n_keying = b.profile.n_keying = 2;
	a.profile.keying[0] = b.profile.keying[1] = mikey_dhhmac.name;
	a.profile.keying[1] = b.profile.keying[0] = mikey_psk.name;
	o = offered(1, 1);
	r = answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, 0);
	assert_string_equal(r->u.answered.facts.method, "mikey-dhhmac");
	assert_int_equal(r->u.answered.facts.choice, KEY_CHOICE_OFFERED);
	assert_int_equal(finish(&a, o->u.offered.exchange, 0, r)
				 ->u.finished.err, 0);
	close_both();
}

static void a_static_profile_has_one_suite(void **state)
{
	const struct sent *o, *r;

	(void)state;
	open_both();
	a.profile.negotiate = NEGOTIATE_STATIC;
	b.profile.esp[0] = ESP_AES_128_CBC_SHA256;
	b.profile.n_esp = 1;
	o = offered(1, 1);
	r = answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
	assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
	close_both();
}

/* -- charon's ------------------------------------------------------------- */

static void ike_key_is(const struct msg_tunnel_key *k, uint64_t call,
		       uint32_t tunnel, enum tunnel_ike ike)
{
	const struct esp_key none = { .suite = k->in.suite };

	assert_int_equal(k->call, call);
	assert_int_equal(k->tunnel, tunnel);
	assert_string_equal(k->peer, "them");
	assert_int_equal(k->ike, ike);
	assert_int_equal(k->mode, ESP_TUNNEL);
	assert_int_equal(k->scope, ESP_MEDIA);
	assert_int_equal(k->life_s, 3600);
	assert_int_equal(k->udp, 0);
	assert_int_equal(k->near.at.port, 0);
	assert_int_equal(k->in.suite, ESP_AES_256_GCM);
	assert_int_equal(k->in.key_len, TUNNEL_PSK);
	assert_int_equal(k->in.auth_len, TUNNEL_NAME);
	assert_memory_equal(&k->out, &none, sizeof none);
}

/* Its key goes to the tunnel process, as other keys of tunnels, and nowhere
 * else; the peer's own goes nowhere. */
static void keys_for_ike(void **state)
{
	const struct msg_tunnel_key *x, *y;
	const struct sent *o, *r, *f;
	struct msg_key_party p = called(2, 5, 2);

	(void)state;
	by_ike = true;
	open_both();
	limit(&a, NULL, 4501); /* a port of ESP in UDP is not IKE's */
	o = offered(1, 2);
	assert_int_equal(o->u.offered.n, 0);
	r = answer_as(&b, &p, o, (struct where){ 2, 1, 1, 1, 0 });
	assert_string_equal(r->u.answered.reason, "");
	f = finish(&a, o->u.offered.exchange, 0, r);
	assert_string_equal(f->u.finished.reason, "");
	assert_int_equal(f->u.finished.n, 2);
	assert_int_equal(f->u.finished.facts.esp, ESP_AES_256_GCM);
	for (uint32_t i = 0; i < 2; i++) {
		x = tunnel_key(&a, f->u.finished.key[i].tunnel);
		y = tunnel_key(&b, r->u.answered.key[i].tunnel);
		ike_key_is(x, 1, 1 + i, TUNNEL_IKE_BEGINS);
		ike_key_is(y, 2, 5 + i, TUNNEL_IKE_WAITS);
		assert_memory_equal(&x->in, &y->in, sizeof x->in);
		assert_int_equal(x->near.spi, y->far.spi);
		assert_int_equal(x->far.sel[0].port, y->near.sel[0].port);
		assert_memory_not_equal(x->in.key, "0123456789abcdef", 16);
		assert_far(&f->u.finished.far[i], "198.51.100.2",
			   40010 + 2 * i);
	}
	assert_int_equal(count(&a, MSG_TUNNEL_KEY), 2);
	assert_int_equal(count(&b, MSG_TUNNEL_KEY), 2);
	assert_int_equal(count(&a, MSG_KEY) + count(&b, MSG_KEY), 0);
	assert_int_equal(count(&a, MSG_IKE_KEYED), 0);
	release(&a, 1);
	assert_int_equal(count(&a, MSG_TUNNEL_KEY_GONE), 2);
	close_both();
	by_ike = false;
}

/* Forks, replays, restarts, lines: as with the kernel's. */
static void keys_for_ike_behave_alike(void **state)
{
	static void (*const tests[])(void **) = {
		a_dear_offer_is_checked_first, no_key_is_shipped_twice,
		without_a_tunnel_process_there_is_no_key,
		the_first_branch_has_the_tunnel, a_replay_is_refused,
		every_line_must_be_a_tunnel, two_lines_are_two_tunnels,
		there_are_no_lists, a_static_profile_has_one_suite,
	};

	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		by_ike = true;
		tests[i](state);
	}
	by_ike = false;
}

/* A profile is of one kind, in both directions. */
static void ike_is_not_taken_for_another(void **state)
{
	const struct sent *o, *r;
	struct msg_key_party p = calling(7, 3, 1);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		open_both();
		(i ? &a : &b)->profile.media = MEDIA_IKE;
		(i ? &a : &b)->profile.ike_call = true;
		o = offered(1, 1);
		assert_int_equal(o->u.offered.err, 0);
		r = answered(o, 5, (struct where){ 2, 1, 1, 1, 0 });
		assert_int_equal(r->u.answered.err, E_UNSUPPORTED);
		assert_non_null(strstr(r->u.answered.reason, i ? "242"
							       : "241"));
		assert_int_equal(count(&b, MSG_TUNNEL_KEY), 0);
		close_both();
	}
	open_both(); /* charon's tunnel for all calls is keyed by nobody */
	a.profile.media = MEDIA_IKE;
	refused_lines(&p, "has no tunnels");
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
		cmocka_unit_test(old_suites_are_not_offered),
		cmocka_unit_test(a_tunnel_of_networks),
		cmocka_unit_test(networks_without_a_stream),
		cmocka_unit_test(networks_of_others_are_refused),
		cmocka_unit_test(a_dear_offer_is_checked_first),
		cmocka_unit_test(no_key_is_shipped_twice),
		cmocka_unit_test(without_a_tunnel_process_there_is_no_key),
		cmocka_unit_test(the_first_branch_has_the_tunnel),
		cmocka_unit_test(a_replay_is_refused),
		cmocka_unit_test(new_keys_are_another_tunnel),
		cmocka_unit_test(every_line_must_be_a_tunnel),
		cmocka_unit_test(two_lines_are_two_tunnels),
		cmocka_unit_test(a_nat_means_udp),
		cmocka_unit_test(streams_have_no_tunnels),
		cmocka_unit_test(an_offer_of_the_other_kind_is_refused),
		cmocka_unit_test(there_are_no_lists),
		cmocka_unit_test(a_static_profile_has_one_suite),
		cmocka_unit_test(keys_for_ike),
		cmocka_unit_test(keys_for_ike_behave_alike),
		cmocka_unit_test(ike_is_not_taken_for_another),
	};

	log_to(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
