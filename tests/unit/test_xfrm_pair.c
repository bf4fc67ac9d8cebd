/* test_xfrm_pair.c - the module of the tunnel process against a kernel of ours:
 * ports are shut, lines of media get SAs and policies, new keys take over, and
 * what the kernel refuses leaves nothing behind. */
#include "config.h"

#include "daemon/base/err.h"
#include "modules/xfrm/tunnel/block.h"
#include "modules/xfrm/tunnel/pair.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/mock/xfrmkernel.h"

static int ledger_fd;
static struct pairs pairs;
static struct tunnel_maker role;
static struct tunnel_why why;
static struct xfrm_why xwhy;
static uint8_t next_key;
static int owner_a;

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int setup(void **state)
{
	(void)state;
	kernel = (struct link){ .asked = 0 };
	ledger_fd = memfd_create("ledger", MFD_CLOEXEC);
	pairs = (struct pairs){ .media = { address("10.1.1.1") },
				.door = { -1, -1 },
				.sip = { address("10.1.1.1:5060"),
					 address("10.9.9.9:5062") },
				.n_sip = 2 };
	role = pairs_maker(&pairs);
	return xfrm_open(ledger_fd, &pairs.x, &xwhy) ||
	       probe_all(pairs.x, &pairs.probe, &xwhy);
}

static int teardown(void **state)
{
	(void)state;
	pairs_free(&pairs);
	xfrm_close(pairs.x);
	close(ledger_fd);
	return 0;
}

static size_t recorded(void)
{
	return ledger_count(xfrm_ledger(pairs.x));
}

/* -- ports ---------------------------------------------------------------- */

static bool covers(const struct block_prefix *p, size_t n, unsigned port)
{
	unsigned hits = 0;

	for (size_t i = 0; i < n; i++)
		hits += (port & p[i].mask) == p[i].port;
	assert_true(hits <= 1);
	return hits;
}

static void prefixes_cover_a_range_and_no_more(void **state)
{
	static const struct {
		unsigned first, last;
		size_t n;
	} rows[] = {
		{ 40000, 40999, 6 }, { 50000, 50999, 8 }, { 0, 65535, 1 },
		{ 1, 65534, 30 }, { 65534, 65535, 1 }, { 1024, 2047, 1 },
		{ 40000, 40001, 1 }, { 32768, 61000, 8 }, { 7, 7, 1 },
	};
	struct block_prefix p[BLOCK_PREFIXES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = block_prefixes(rows[i].first, rows[i].last, p);

		assert_int_equal(n, rows[i].n);
		for (unsigned port = 0; port <= UINT16_MAX; port++)
			assert_int_equal(covers(p, n, port),
					 port >= rows[i].first &&
					 port <= rows[i].last);
	}
}

static void ports_stay_shut_over_a_crash(void **state)
{
	struct addr host = address("10.1.1.1");
	struct xfrm_swept swept;

	(void)state;
	assert_int_equal(block_ports(pairs.x, &host, 40000, 40999, &xwhy), 0);
	assert_int_equal(block_count(pairs.x), 12);
	assert_int_equal(xfrmkernel_count(), 12);
	xfrm_close(pairs.x);
	assert_int_equal(xfrm_open(ledger_fd, &pairs.x, &xwhy), 0);
	assert_int_equal(xfrm_sweep(pairs.x, true, &swept, &xwhy), 0);
	assert_int_equal(block_ports(pairs.x, &host, 40512, 40999, &xwhy), 0);
	assert_int_equal(block_forget(pairs.x, &xwhy), 0);
	assert_int_equal(xfrmkernel_count(), recorded());
	assert_true(xfrmkernel_count() < 12); /* the others were not wanted */
	assert_int_equal(xfrm_sweep(pairs.x, false, &swept, &xwhy), 0);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static void refused_blocks_are_told(void **state)
{
	struct addr host = address("10.1.1.1");

	(void)state;
	kernel.fail_at = kernel.asked + 5;
	kernel.error = EPERM;
	assert_int_equal(block_ports(pairs.x, &host, 40000, 40999, &xwhy),
			 E_POLICY);
	assert_non_null(strstr(xwhy.text, "CAP_NET_ADMIN"));
}

/* -- pairs ---------------------------------------------------------------- */

struct line {
	struct tunnel_pair *pair;
	struct msg_tunnel_key key;
};

static struct esp_key a_key(void)
{
	struct esp_key k = { .suite = ESP_AES_128_GCM, .key_len = 16,
			     .salt_len = 4 };

	k.key[0] = ++next_key;
	k.key[1] = 1;
	return k;
}

static struct line reserve(const char *local, const struct tunnel_pair *with)
{
	struct addr at = address(local), far = address("10.2.2.2:50000");
	struct line l = { .key = { .life_s = 800, .life_kib = 8,
				   .window = 64, .mode = ESP_TRANSPORT,
				   .scope = ESP_MEDIA, .in = a_key(),
				   .out = a_key() } };
	uint32_t spi;

	assert_int_equal(role.reserve(role.state, &at, with, &owner_a,
				      &l.pair, &spi, &why), 0);
	assert_int_equal(esp_media_end(&at, spi, &l.key.near), 0);
	assert_int_equal(esp_media_end(&far, 0x7777, &l.key.far), 0);
	return l;
}

static int raise_it(struct line *l, struct line *instead)
{
	return role.raise(role.state, l->pair, instead ? instead->pair : NULL,
			  &l->key, &why);
}

static const struct ipsec_sa *sa_of(uint32_t spi)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		if (kernel.is_sa[i] && kernel.sa[i].spi == spi)
			return &kernel.sa[i];
	return NULL;
}

static const struct ipsec_policy *policy_of(enum ipsec_dir dir)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		if (kernel.is_policy[i] && kernel.policy[i].dir == dir)
			return &kernel.policy[i];
	return NULL;
}

static void a_line_is_raised_and_removed(void **state)
{
	struct line l = reserve("10.1.1.1:40000", NULL);
	const struct ipsec_policy *in, *out;
	const struct ipsec_sa *sa;

	(void)state;
	assert_int_equal(xfrmkernel_count(), 1); /* the SPI is ours */
	assert_int_equal(raise_it(&l, NULL), 0);
	assert_int_equal(xfrmkernel_count(), 4);
	sa = sa_of(l.key.near.spi);
	in = policy_of(IPSEC_IN);
	out = policy_of(IPSEC_OUT);
	assert_int_equal(sa->life.hard_s, 800);
	assert_int_equal(sa->life.soft_s, 700);
	assert_int_equal(sa->life.hard_bytes, 8192);
	assert_int_equal(sa->sel.dport, 40000);
	assert_int_equal(sa->sel.dport_mask, 0xfffe);
	assert_int_equal(in->spi, 0);
	assert_int_equal(out->spi, 0x7777);
	assert_int_equal(out->sel.sport, 40000);
	assert_int_equal(out->sel.dport, 50000);
	assert_true(out->priority < range_priority(xfrm_range(pairs.x),
						   IPSEC_BLOCK, 0));
	role.drop(role.state, l.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* Each request of a raising is refused in turn. */
static void a_line_goes_in_udp(void **state)
{
	struct line l = reserve("10.1.1.1:40000", NULL);
	const struct ipsec_sa *in, *out;

	(void)state;
	l.key.udp = 1;
	l.key.near.at.port = 4501;
	l.key.far.at.port = 4777;
	assert_int_equal(raise_it(&l, NULL), 0);
	in = sa_of(l.key.near.spi);
	out = sa_of(0x7777);
	assert_int_equal(in->encap.sport, 4777);
	assert_int_equal(in->encap.dport, 4501);
	assert_int_equal(out->encap.sport, 4501);
	assert_int_equal(out->encap.dport, 4777);
	role.drop(role.state, l.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static void refusals_leave_nothing(void **state)
{
	static const struct {
		int error, code;
	} rows[] = { { EEXIST, E_EXISTS }, { ENOBUFS, E_FULL },
		     { EPERM, E_POLICY } };

	(void)state;
	for (unsigned k = 1; k <= 4; k++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct line l = reserve("10.1.1.1:40000", NULL);

			kernel.fail_at = kernel.asked + k;
			kernel.error = rows[i].error;
			assert_int_equal(raise_it(&l, NULL), rows[i].code);
			assert_true(*why.text);
			assert_int_equal(xfrmkernel_count() + recorded(), 0);
			l.key.in = a_key();
			l.key.out = a_key();
			assert_int_equal(raise_it(&l, NULL), 0);
			role.drop(role.state, l.pair);
			assert_int_equal(xfrmkernel_count() + recorded(), 0);
		}
}

static void a_key_is_raised_once(void **state)
{
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct line b = reserve("10.1.1.1:40002", NULL);

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	b.key.in = a.key.in;
	assert_int_equal(raise_it(&b, NULL), E_REPLAY);
	role.drop(role.state, a.pair);
	b.key.in = a_key();
	b.key.out = a.key.out; /* also when its SA is gone */
	assert_int_equal(raise_it(&b, NULL), E_REPLAY);
	role.drop(role.state, b.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static void an_spi_that_is_taken_is_left(void **state)
{
	struct addr at = address("10.1.1.1:40000");
	struct tunnel_pair *p;
	uint32_t spi;

	(void)state;
	kernel.fail_at = kernel.asked + 1;
	kernel.error = ENOENT;
	assert_int_equal(role.reserve(role.state, &at, NULL, &owner_a, &p,
				      &spi, &why), 0);
	role.drop(role.state, p);
	kernel.fail_at = kernel.asked + 1;
	kernel.error = ENOBUFS;
	assert_int_equal(role.reserve(role.state, &at, NULL, &owner_a, &p,
				      &spi, &why), E_FULL);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static void hostile_ends_are_refused(void **state)
{
	static const char *const hosts[] = {
		"10.1.1.1:50000",  /* ours, for media */
		"10.9.9.9:50000",  /* ours, for SIP */
		"127.0.0.1:50000", "224.0.0.1:50000", "0.0.0.0:50000",
		"255.255.255.255:50000",
	};
	struct line l = reserve("10.1.1.1:40000", NULL);
	struct msg_tunnel_key good = l.key;

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		l.key = good;
		l.key.far.at = address(hosts[i]);
		l.key.far.at.port = 0;
		l.key.far.sel[0].net.base = l.key.far.at;
		assert_int_equal(raise_it(&l, NULL), E_POLICY);
		assert_int_equal(xfrmkernel_count(), 1);
	}
	l.key = good;
	l.key.far.sel[0].net.base = address("10.2.2.3");
	assert_int_equal(raise_it(&l, NULL), E_POLICY);
	l.key = good;
	l.key.far.sel[0].net.base = address("10.2.0.0");
	l.key.far.sel[0].net.bits = 16;
	assert_int_equal(raise_it(&l, NULL), E_POLICY);
	l.key = good;
	l.key.far.sel[0].mask = l.key.far.sel[0].port = 0;
	assert_int_equal(raise_it(&l, NULL), E_POLICY);
	assert_int_equal(raise_it(&(struct line){ l.pair, good }, NULL), 0);
	role.drop(role.state, l.pair);
}

static void new_keys_take_over(void **state)
{
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct line b = reserve("10.1.1.1:40000", a.pair);
	struct line c = reserve("10.1.1.1:40002", NULL);

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	assert_int_equal(raise_it(&c, &a), E_ARG); /* another reqid */
	role.drop(role.state, c.pair);
	b.key.far.spi = 0x8888;
	assert_int_equal(raise_it(&b, &a), 0);
	assert_int_equal(xfrmkernel_count(), 6); /* four SAs, two policies */
	assert_int_equal(policy_of(IPSEC_OUT)->spi, 0x7777);
	assert_false(role.heard(role.state, b.pair));
	kernel.packets = 1;
	assert_true(role.heard(role.state, b.pair));
	assert_int_equal(role.turn(role.state, b.pair, &why), 0);
	assert_int_equal(role.turn(role.state, b.pair, &why), 0);
	assert_int_equal(policy_of(IPSEC_OUT)->spi, 0x8888);
	role.drop(role.state, a.pair);
	assert_int_equal(xfrmkernel_count(), 4);
	assert_null(sa_of(0x7777));
	role.drop(role.state, b.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* The far end moved: policies of their own, beside the old ones. */
static void new_keys_to_another_place(void **state)
{
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct line b = reserve("10.1.1.1:40000", a.pair);
	struct addr far = address("10.3.3.3:50004");

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	assert_int_equal(esp_media_end(&far, 0x8888, &b.key.far), 0);
	assert_int_equal(raise_it(&b, &a), 0);
	assert_int_equal(role.turn(role.state, b.pair, &why), 0);
	assert_int_equal(xfrmkernel_count(), 8);
	role.drop(role.state, a.pair);
	assert_int_equal(xfrmkernel_count(), 4);
	assert_int_equal(policy_of(IPSEC_OUT)->sel.dport, 50004);
	role.drop(role.state, b.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* The kernel takes the new SAs, but does not turn the policy. */
static void a_failed_change_leaves_the_old_keys(void **state)
{
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct line b = reserve("10.1.1.1:40000", a.pair);

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	b.key.far.spi = 0x8888;
	assert_int_equal(raise_it(&b, &a), 0);
	kernel.fail_at = kernel.asked + 1;
	kernel.error = ENOBUFS;
	assert_int_equal(role.turn(role.state, b.pair, &why), E_FULL);
	assert_int_equal(policy_of(IPSEC_OUT)->spi, 0x7777);
	assert_int_equal(xfrmkernel_count(), 6);
	role.drop(role.state, b.pair);
	assert_int_equal(xfrmkernel_count(), 4);
	role.drop(role.state, a.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* -- what calls share ----------------------------------------------------- */

static struct line host_line(const char *to, uint32_t far_spi)
{
	static const struct addr none;
	struct addr at = address("10.1.1.1"), far = address(to);
	struct line l = { .key = { .life_s = 800, .window = 64,
				   .mode = ESP_TRANSPORT, .scope = ESP_HOST,
				   .in = a_key(), .out = a_key() } };
	uint32_t spi;

	assert_int_equal(role.reserve(role.state, &at, NULL, &owner_a,
				      &l.pair, &spi, &why), 0);
	assert_int_equal(esp_own_end(ESP_HOST, &at, &none, 0, spi,
				     &l.key.near), 0);
	assert_int_equal(esp_own_end(ESP_HOST, &far, &none, 0, far_spi,
				     &l.key.far), 0);
	return l;
}

static unsigned policies(enum ipsec_action action)
{
	unsigned n = 0;

	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		n += kernel.is_policy[i] && kernel.policy[i].action == action;
	return n;
}

static const struct ipsec_policy *outward(void)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		if (kernel.is_policy[i] && kernel.policy[i].dir == IPSEC_OUT &&
		    kernel.policy[i].action == IPSEC_PROTECT)
			return &kernel.policy[i];
	return NULL;
}

static void calls_share_policies(void **state)
{
	struct line a = host_line("10.2.2.2", 0x7771);
	struct line b = host_line("10.2.2.2", 0x7772);
	uint32_t reqid;

	(void)state;
	pairs.bypass = (struct bypass){ 3, {
		{ IPPROTO_UDP, BYPASS_OURS, 5060 },
		{ IPPROTO_TCP, BYPASS_THEIRS, 5061 },
		{ IPPROTO_ICMPV6, BYPASS_TYPE, 135 } } };
	assert_int_equal(raise_it(&a, NULL), 0);
	assert_int_equal(policies(IPSEC_PROTECT), 2);
	assert_int_equal(policies(IPSEC_BYPASS), 4); /* IPv4 has no 135 */
	reqid = outward()->reqid;
	assert_int_equal(outward()->sel.src.bits, 32);
	assert_int_equal(outward()->sel.proto, 0);
	assert_int_equal(outward()->priority,
			 range_priority(xfrm_range(pairs.x), IPSEC_PROTECT, 1));
	assert_int_equal(raise_it(&b, NULL), 0);
	assert_int_equal(policies(IPSEC_PROTECT), 2);
	assert_int_equal(policies(IPSEC_BYPASS), 4);
	assert_int_equal(sa_of(b.key.near.spi)->reqid, reqid);
	assert_int_equal(outward()->spi, 0x7771);
	assert_true(role.sends(role.state, a.pair));
	assert_int_equal(role.turn(role.state, b.pair, &why), 0);
	assert_int_equal(outward()->spi, 0x7772);
	role.drop(role.state, a.pair);
	assert_int_equal(outward()->spi, 0x7772);
	assert_null(sa_of(0x7771));
	role.drop(role.state, b.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static bool passes_by(const struct bypass *b, uint8_t proto,
		      enum bypass_side side, uint16_t port)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->rule[i].proto == proto && b->rule[i].side == side &&
		    b->rule[i].port == port)
			return true;
	return false;
}

/* SIP's ports, ours and those we connect to; no UDP but to ours. */
static void signalling_passes_by(void **state)
{
	static const char text[] =
		"profiles = { e = { need = \"require\"; media = \"esp\"; "
		"keying = [ \"mikey-psk\" ]; }; p = { need = \"forbid\"; }; "
		"}; peers = ( { match = \"*@b\"; profile = \"e\"; psk = "
		"\"file:b\"; route = ( \"sip:b.example:5080;transport=tcp\", "
		"\"sip:[2001:db8::1]:5082\", \"sip:b\", \"sip:b:70000\" ); "
		"}, { match = \"*\"; profile = \"p\"; route = \"sip:c:5090\"; "
		"} );";
	static struct settings s;
	struct listener *l = s.face[OUTSIDE].listen;
	struct conf_err err = { "" };
	struct policy *policy;
	struct bypass b;
	struct conf *c;

	(void)state;
	s.face[OUTSIDE].n_listen = 3;
	l[0].addr = l[1].addr = address("10.1.1.1:5060"); /* UDP and TCP */
	l[2].addr = address("10.1.1.1:5071");
	s.tunnel.udp = 4501;
	assert_int_equal(conf_parse(text, "t", NULL, policy_groups, &c, &err),
			 0);
	assert_int_equal(policy_new(c, &policy, &err), 0);
	assert_int_equal(bypass_read(&s, policy, &b), 0);
	assert_true(passes_by(&b, IPPROTO_UDP, BYPASS_OURS, 5060));
	assert_true(passes_by(&b, IPPROTO_UDP, BYPASS_OURS, 5071));
	assert_true(passes_by(&b, IPPROTO_UDP, BYPASS_OURS, 4501));
	assert_true(passes_by(&b, IPPROTO_TCP, BYPASS_OURS, 5071));
	assert_true(passes_by(&b, IPPROTO_TCP, BYPASS_THEIRS, 5061));
	assert_true(passes_by(&b, IPPROTO_TCP, BYPASS_THEIRS, 5080));
	assert_true(passes_by(&b, IPPROTO_TCP, BYPASS_THEIRS, 5082));
	assert_true(passes_by(&b, IPPROTO_ICMPV6, BYPASS_TYPE, 136));
	assert_false(passes_by(&b, IPPROTO_TCP, BYPASS_THEIRS, 5090));
	assert_int_equal(b.n, 12); /* each once, and nothing else */
	for (size_t i = 0; i < b.n; i++)
		assert_true(b.rule[i].port && (b.rule[i].proto != IPPROTO_UDP ||
					       b.rule[i].side == BYPASS_OURS));
	policy_free(policy);
	conf_free(c);
}

/* Nobody turned in time: no policy leads to an SA that is gone; the next call
 * brings them back. */
static void a_group_without_a_sender_is_shut(void **state)
{
	struct line a = host_line("10.2.2.2", 0x7771);
	struct line b = host_line("10.2.2.2", 0x7772);
	struct line c = host_line("10.2.2.2", 0x7773);

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	assert_int_equal(raise_it(&b, NULL), 0);
	role.drop(role.state, a.pair);
	assert_int_equal(policies(IPSEC_PROTECT), 0);
	assert_int_equal(role.turn(role.state, b.pair, &why), E_STATE);
	assert_int_equal(raise_it(&c, NULL), 0);
	assert_int_equal(outward()->spi, 0x7773);
	assert_int_equal(role.turn(role.state, b.pair, &why), 0);
	role.drop(role.state, c.pair);
	role.drop(role.state, b.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* Each request of raising the first and the second is refused in turn. */
static void shared_refusals_leave_nothing(void **state)
{
	struct line a = host_line("10.2.2.2", 0x7771), b;
	unsigned most = 0;

	(void)state;
	pairs.bypass = (struct bypass){ 2, {
		{ IPPROTO_UDP, BYPASS_OURS, 5060 },
		{ IPPROTO_TCP, BYPASS_OURS, 5060 } } };
	for (unsigned k = 1; k <= 8; k++) {
		b = host_line("10.2.2.3", 0x7772);
		kernel.fail_at = kernel.asked + k;
		kernel.error = ENOBUFS;
		if (raise_it(&b, NULL))
			most = k;
		role.drop(role.state, b.pair);
		kernel.fail_at = 0;
		assert_int_equal(xfrmkernel_count(), 1); /* a's SPI */
		assert_int_equal(recorded(), 1);
	}
	assert_int_equal(most, 8); /* and a look at what is there before */
	assert_int_equal(raise_it(&a, NULL), 0);
	b = host_line("10.2.2.2", 0x7772);
	kernel.fail_at = kernel.asked + 2;
	assert_int_equal(raise_it(&b, NULL), E_FULL);
	assert_int_equal(policies(IPSEC_PROTECT), 2);
	assert_true(role.sends(role.state, a.pair));
	role.drop(role.state, b.pair);
	role.drop(role.state, a.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* What somebody else has in the kernel is not taken, nor overwritten. */
static void standing_policies_are_left(void **state)
{
	static const struct {
		const char *src, *dst;
		uint8_t proto;
		bool meets;
	} rows[] = {
		{ "10.1.1.1/32", "10.2.2.2/32", 0, true },
		{ "10.0.0.0/8", "10.2.0.0/16", 0, true },
		{ "0.0.0.0/0", "0.0.0.0/0", IPPROTO_TCP, true },
		{ "10.1.1.1/32", "10.2.2.3/32", 0, false },
		{ "10.1.2.0/24", "10.2.2.2/32", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		struct line a = host_line("10.2.2.2", 0x7771);
		struct ipsec_policy p = {
			.dir = IPSEC_OUT, .action = IPSEC_PROTECT,
			.mode = ESP_TUNNEL, .priority = 300000, .reqid = 1,
			.src = address("10.1.1.1"), .dst = address("10.2.2.9"),
			.sel = { .proto = rows[i / 2].proto } };

		assert_int_equal(net_parse(rows[i / 2].src, &p.sel.src), 0);
		assert_int_equal(net_parse(rows[i / 2].dst, &p.sel.dst), 0);
		if (i % 2) { /* seen from the other side, and it only blocks */
			struct net src = p.sel.src;

			p.sel.src = p.sel.dst;
			p.sel.dst = src;
			p.dir = IPSEC_FWD;
			p.action = IPSEC_BLOCK;
		}
		xfrmkernel_add_policy(&p);
		assert_int_equal(raise_it(&a, NULL),
				 rows[i / 2].meets ? E_EXISTS : 0);
		if (rows[i / 2].meets)
			assert_non_null(strstr(why.text, "ip xfrm policy"));
		role.drop(role.state, a.pair);
		assert_int_equal(xfrmkernel_count(), 1);
		assert_int_equal(recorded(), 0);
		kernel.is_policy[0] = false;
	}
}

/* Ports that another instance shuts, and its media, are no conflict; what it
 * has between the same hosts is. */
static void other_instances(void **state)
{
	struct range other = range_of((xfrm_range(pairs.x)->n + 1) % RANGES);
	struct line a = host_line("10.2.2.2", 0x7771);
	struct ipsec_policy p = {
		.dir = IPSEC_IN, .action = IPSEC_BLOCK,
		.priority = range_priority(&other, IPSEC_BLOCK, 0),
		.mode = ESP_TRANSPORT,
		.sel = { .proto = IPPROTO_UDP, .dport = 50000,
			 .dport_mask = 0xfffe } };

	(void)state;
	net_parse("0.0.0.0/0", &p.sel.src);
	net_parse("10.1.1.1/32", &p.sel.dst);
	xfrmkernel_add_policy(&p);
	net_parse("10.2.2.2/32", &p.sel.src);
	p.action = IPSEC_PROTECT;
	p.reqid = other.reqid_first;
	p.sel.sport = 40000;
	p.sel.sport_mask = 0xfffe;
	xfrmkernel_add_policy(&p);
	assert_int_equal(raise_it(&a, NULL), 0);
	role.drop(role.state, a.pair);
	a = host_line("10.2.2.2", 0x7771);
	p.sel.sport = p.sel.sport_mask = p.sel.dport = p.sel.dport_mask = 0;
	p.sel.proto = 0;
	xfrmkernel_add_policy(&p);
	assert_int_equal(raise_it(&a, NULL), E_EXISTS);
	role.drop(role.state, a.pair);
	assert_int_equal(recorded(), 0);
}

/* Whoever it is, he has no part in another peer's. */
static void other_peers(void **state)
{
	struct line a = host_line("10.2.2.2", 0x7771);
	struct line b = host_line("10.2.2.2", 0x7772);
	struct line c = host_line("10.2.2.3", 0x7773);

	(void)state;
	strcpy(a.key.peer, "a");
	strcpy(b.key.peer, "b");
	strcpy(c.key.peer, "b");
	assert_int_equal(raise_it(&a, NULL), 0);
	assert_int_equal(raise_it(&b, NULL), E_EXISTS);
	assert_non_null(strstr(why.text, "esp_nets"));
	assert_int_equal(raise_it(&c, NULL), 0);
	role.drop(role.state, b.pair);
	role.drop(role.state, a.pair);
	role.drop(role.state, c.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static void hostile_hosts_are_refused(void **state)
{
	static const char *const hosts[] = {
		"10.1.1.1", "10.9.9.9", "127.0.0.1", "224.0.0.1", "0.0.0.0",
		"255.255.255.255",
	};
	struct line l = host_line("10.2.2.2", 0x7771);
	struct msg_tunnel_key good = l.key;

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		l.key = good;
		l.key.far.at = l.key.far.sel[0].net.base = address(hosts[i]);
		assert_int_equal(raise_it(&l, NULL), E_POLICY);
		assert_int_equal(xfrmkernel_count(), 1);
	}
	l.key = good; /* one more host than the one that it is */
	l.key.far.sel[0].net.bits = 31;
	assert_int_equal(raise_it(&l, NULL), E_POLICY);
	l.key = good;
	l.key.near.sel[0].net.base = address("10.1.1.3");
	assert_int_equal(raise_it(&l, NULL), E_POLICY);
	role.drop(role.state, l.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

struct heard {
	unsigned soft, gone;
	void *owner;
};

static void hear(void *user, void *owner, enum tunnel_event e)
{
	struct heard *h = user;

	h->soft += e == TUNNEL_EVENT_SOFT;
	h->gone += e == TUNNEL_EVENT_GONE;
	h->owner = owner;
}

static void events_have_their_owner(void **state)
{
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct reply r = { .kind = REPLY_EXPIRE };
	struct heard h = { .owner = NULL };

	(void)state;
	kernel.event = &r;
	assert_int_equal(raise_it(&a, NULL), 0);
	r.sa = *sa_of(0x7777);
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.soft, 1);
	assert_ptr_equal(h.owner, &owner_a);
	r.hard = true;
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.gone, 1);
	r.kind = REPLY_ACQUIRE; /* a packet met no SA */
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.gone, 2);
	role.drop(role.state, a.pair);
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.gone, 2);
}

struct listed {
	unsigned ours, out, foreign;
};

static void count(void *user, void *owner, const struct tunnel_sa *sa)
{
	struct listed *l = user;

	l->ours += owner == &owner_a;
	l->out += owner && sa->out;
	l->foreign += !owner;
}

static void the_list_tells_ours_from_others(void **state)
{
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct ipsec_sa foreign = { .src = address("10.1.1.1"),
				    .dst = address("10.5.5.5"),
				    .spi = 0xabc, .reqid = 3 };
	struct listed l = { 0 };
	unsigned blocks;

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	xfrmkernel_add(&foreign);
	assert_int_equal(role.list(role.state, count, &l, &blocks, &why), 0);
	assert_int_equal(l.ours, 2);
	assert_int_equal(l.out, 1);
	assert_int_equal(l.foreign, 1);
	assert_int_equal(blocks, 0);
	role.drop(role.state, a.pair);
}

static void it_says_what_the_kernel_can(void **state)
{
	(void)state;
	assert_true(role.can(role.state, 4, ESP_NONE));
	assert_true(role.can(role.state, 6, ESP_AES_256_GCM));
	assert_true(role.can(role.state, 4, ESP_3DES_CBC_SHA1));
	assert_false(role.can(role.state, 6, ESP_3DES_CBC_SHA1));
	assert_false(role.can(role.state, 4, ESP_SUITES));
	pairs.probe = (struct probe){ .text = "" };
	assert_false(role.can(role.state, 4, ESP_NONE));
}

/* -- networks ------------------------------------------------------------- */

static struct net network(const char *text)
{
	struct net n;

	assert_int_equal(net_parse(text, &n), 0);
	return n;
}

static void have_nets(void)
{
	pairs.own.nets[0] = network("10.5.0.0/24");
	pairs.own.nets[1] = network("10.6.0.0/24");
	pairs.own.n_nets = 2;
	pairs.peer = calloc(1, sizeof *pairs.peer);
	assert_non_null(pairs.peer);
	strcpy(pairs.peer->name, "b");
	pairs.peer->net[0] = network("10.7.0.0/16");
	pairs.peer->n = pairs.n_peers = 1;
}

static struct line net_line(const char *to, uint32_t far_spi, const char *net)
{
	struct line l = host_line(to, far_spi);

	l.key.scope = ESP_NET;
	l.key.mode = ESP_TUNNEL;
	strcpy(l.key.peer, "b");
	assert_int_equal(esp_net_end(pairs.own.nets, 2, &l.key.near), 0);
	l.key.far.sel[0].net = network(net);
	return l;
}

static unsigned turned_to(uint32_t spi)
{
	unsigned n = 0;

	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		n += kernel.is_policy[i] && kernel.policy[i].spi == spi;
	return n;
}

/* Each of ours with each of theirs, in, out and forward, in tunnel mode. */
static void networks_have_policies_of_their_own(void **state)
{
	struct line a, b;
	struct ipsec_policy *p;

	(void)state;
	have_nets();
	a = net_line("10.2.2.2", 0x7771, "10.7.1.0/24");
	b = net_line("10.2.2.2", 0x7772, "10.7.1.0/24");
	assert_int_equal(raise_it(&a, NULL), 0);
	assert_int_equal(policies(IPSEC_PROTECT), 6);
	assert_int_equal(policies(IPSEC_BYPASS), 0);
	assert_int_equal(turned_to(0x7771), 2);
	for (int i = 0; i < XFRMKERNEL_ROOM; i++) {
		const struct net *far;

		p = &kernel.policy[i];
		far = p->dir == IPSEC_OUT ? &p->sel.dst : &p->sel.src;
		if (!kernel.is_policy[i])
			continue;
		assert_int_equal(p->mode, ESP_TUNNEL);
		assert_int_equal(p->sel.src.bits, 24);
		assert_int_equal(far->base.ip[1], 7);
	}
	assert_int_equal(sa_of(a.key.near.spi)->sel.src.base.family, 0);
	assert_int_equal(raise_it(&b, NULL), 0);
	assert_int_equal(policies(IPSEC_PROTECT), 6);
	/* the second one of the turns fails: the first goes back */
	kernel.fail_at = kernel.asked + 2;
	kernel.error = ENOBUFS;
	assert_int_equal(role.turn(role.state, b.pair, &why), E_FULL);
	assert_int_equal(turned_to(0x7771), 2);
	assert_true(role.sends(role.state, a.pair));
	assert_int_equal(role.turn(role.state, b.pair, &why), 0);
	assert_int_equal(turned_to(0x7772), 2);
	role.drop(role.state, a.pair);
	assert_int_equal(policies(IPSEC_PROTECT), 6);
	role.drop(role.state, b.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

static void networks_of_nobody_are_refused(void **state)
{
	static const struct {
		const char *to, *net;
		int code;
		const char *peer;
	} rows[] = {
		{ "10.2.2.2", "10.8.0.0/24", E_POLICY, "b" },
		{ "10.2.2.2", "10.6.0.0/15", E_POLICY, "b" },
		{ "10.2.2.2", "10.7.1.0/24", E_POLICY, "c" },
		{ "10.5.0.9", "10.7.1.0/24", E_POLICY, "b" }, /* behind us */
		{ "10.1.1.1", "10.7.1.0/24", E_POLICY, "b" }, /* us */
		{ "10.2.2.3", "10.7.1.0/24", E_EXISTS, "b" },
		{ "10.2.2.2", "10.7.1.0/25", E_EXISTS, "b" },
		{ "10.2.2.2", "10.7.2.0/24", 0, "b" },
	};
	struct line first, l;

	(void)state;
	have_nets();
	first = net_line("10.2.2.2", 0x7771, "10.7.1.0/24");
	assert_int_equal(raise_it(&first, NULL), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		l = net_line(rows[i].to, 0x7780 + (uint32_t)i, rows[i].net);
		strcpy(l.key.peer, rows[i].peer);
		if (raise_it(&l, NULL) != rows[i].code)
			fail_msg("row %zu: %s", i, why.text);
		role.drop(role.state, l.pair);
		assert_int_equal(policies(IPSEC_PROTECT), 6);
	}
	l = net_line("10.2.2.2", 0x7790, "10.7.3.0/24");
	l.key.near.sel[1].net = network("10.9.9.0/24"); /* with our SIP */
	assert_int_equal(raise_it(&l, NULL), E_POLICY);
	role.drop(role.state, l.pair);
	role.drop(role.state, first.pair);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

/* All that asks for one is refused in turn. */
static void refused_networks_leave_nothing(void **state)
{
	struct line l;
	unsigned most = 0;

	(void)state;
	have_nets();
	for (unsigned k = 1; k <= 9; k++) {
		l = net_line("10.2.2.2", 0x7771, "10.7.1.0/24");
		kernel.fail_at = kernel.asked + k;
		kernel.error = ENOBUFS;
		if (raise_it(&l, NULL))
			most = k;
		role.drop(role.state, l.pair);
		kernel.fail_at = 0;
		assert_int_equal(xfrmkernel_count() + recorded(), 0);
	}
	assert_int_equal(most, 9); /* a list, two SAs, six policies */
}

/* To and from a network, from wherever; over a crash, too. */
static void networks_stay_shut(void **state)
{
	struct net net = network("10.7.0.0/16");
	struct xfrm_swept swept;

	(void)state;
	assert_int_equal(block_net(pairs.x, &net, &xwhy), 0);
	assert_int_equal(block_count(pairs.x), IPSEC_DIRS);
	for (enum ipsec_dir dir = IPSEC_IN; dir < IPSEC_DIRS; dir++) {
		const struct ipsec_policy *p = policy_of(dir);

		assert_int_equal(p->action, IPSEC_BLOCK);
		assert_true(net_equal(dir == IPSEC_OUT ? &p->sel.dst
						       : &p->sel.src, &net));
		assert_int_equal((dir == IPSEC_OUT ? &p->sel.src
						   : &p->sel.dst)->bits, 0);
	}
	xfrm_close(pairs.x);
	assert_int_equal(xfrm_open(ledger_fd, &pairs.x, &xwhy), 0);
	assert_int_equal(xfrm_sweep(pairs.x, true, &swept, &xwhy), 0);
	assert_int_equal(xfrmkernel_count(), IPSEC_DIRS);
	assert_int_equal(block_net(pairs.x, &net, &xwhy), 0);
	assert_int_equal(block_forget(pairs.x, &xwhy), 0);
	assert_int_equal(xfrmkernel_count(), IPSEC_DIRS);
	assert_int_equal(xfrm_sweep(pairs.x, false, &swept, &xwhy), 0);
	assert_int_equal(xfrmkernel_count() + recorded(), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_cover_a_range_and_no_more),
		TEST(ports_stay_shut_over_a_crash),
		TEST(refused_blocks_are_told),
		TEST(a_line_is_raised_and_removed),
		TEST(a_line_goes_in_udp),
		TEST(refusals_leave_nothing), TEST(a_key_is_raised_once),
		TEST(an_spi_that_is_taken_is_left),
		TEST(hostile_ends_are_refused), TEST(new_keys_take_over),
		TEST(networks_have_policies_of_their_own),
		TEST(networks_of_nobody_are_refused),
		TEST(refused_networks_leave_nothing), TEST(networks_stay_shut),
		TEST(new_keys_to_another_place),
		TEST(a_failed_change_leaves_the_old_keys),
		TEST(calls_share_policies),
		cmocka_unit_test(signalling_passes_by),
		TEST(a_group_without_a_sender_is_shut),
		TEST(shared_refusals_leave_nothing),
		TEST(standing_policies_are_left), TEST(other_instances),
		TEST(other_peers),
		TEST(hostile_hosts_are_refused),
		TEST(events_have_their_owner),
		TEST(the_list_tells_ours_from_others),
		TEST(it_says_what_the_kernel_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
