/* test_xfrm_request.c - our requests say what iproute2's say; what the reader
 * of the kernel's messages finds in them is what went in; SAs and policies that
 * are none are refused. */
#include "config.h"

#include "daemon/base/err.h"
#include "modules/xfrm/refusal.h"
#include "modules/xfrm/reply.h"
#include "modules/xfrm/request.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/xfrm_samples.h"

#define ROOM 1024
#define HEAD 16 /* struct nlmsghdr */

struct message {
	_Alignas(8) uint8_t bytes[ROOM];
	size_t len;
};

/* The n-th message of iproute2, from 1. */
static struct message theirs(unsigned n)
{
	FILE *f = fopen(VECTOR_DIR "/iproute2_xfrm.txt", "r");
	static char line[4096];
	struct message m = { .len = 0 };
	unsigned v;

	assert_non_null(f);
	while (n && fgets(line, sizeof line, f))
		n -= line[0] != '#';
	fclose(f);
	assert_int_equal(n, 0);
	for (char *p = line; sscanf(p, "%2x", &v) == 1; p += 2)
		m.bytes[m.len++] = (uint8_t)v;
	return m;
}

static struct message ours(enum request_kind kind, const struct ipsec_sa *sa,
			   const struct ipsec_policy *p)
{
	struct request q = { .kind = kind, .sa = sa, .policy = p };
	struct buf b = buf_of(ROOM);
	struct message m;

	request_put(&b, &q, 77);
	assert_int_equal(b.err, 0);
	m.len = b.len;
	memcpy(m.bytes, b.data, b.len);
	buf_free(&b);
	return m;
}

static unsigned u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* An attribute of the message whose structure has head bytes; NULL: none. */
static const uint8_t *attribute(const struct message *m, size_t head,
				unsigned type)
{
	for (size_t at = HEAD + head; at < m->len;
	     at += (u16(m->bytes + at) + 3u) & ~3u)
		if (u16(m->bytes + at + 2) == type)
			return m->bytes + at;
	return NULL;
}

/* Type and structure byte for byte, and the same attributes in any order. */
static void same(const struct message *a, unsigned n, size_t head)
{
	struct message b = theirs(n);
	const uint8_t *other;

	assert_int_equal(a->len, b.len);
	assert_int_equal(u16(a->bytes), a->len);
	assert_int_equal(u16(a->bytes + 4), u16(b.bytes + 4));
	assert_memory_equal(a->bytes + HEAD, b.bytes + HEAD, head);
	for (size_t at = HEAD + head; at < b.len;
	     at += (u16(b.bytes + at) + 3u) & ~3u) {
		other = attribute(a, head, u16(b.bytes + at + 2));
		assert_non_null(other);
		assert_memory_equal(other, b.bytes + at, u16(b.bytes + at));
	}
}

#define SA_HEAD 224 /* struct xfrm_usersa_info and so on */
#define NAME_HEAD 24
#define RESERVE_HEAD 232
#define POLICY_HEAD 168
#define POLICY_NAME_HEAD 64

static void sas_are_as_iproute2_writes_them(void **state)
{
	struct ipsec_sa sa = sample_sa();
	struct message m;

	(void)state;
	sa.life = (struct ipsec_life){ 1000, 2000, 100, 200, 30, 60 };
	m = ours(REQUEST_SA_ADD, &sa, NULL);
	same(&m, 1, SA_HEAD);
	assert_int_equal(u16(m.bytes + 6), NLM_F_REQUEST | NLM_F_ACK |
					   NLM_F_CREATE | NLM_F_EXCL);
	assert_int_equal(m.bytes[8], 77);
	sa = sample_sa();
	sa.src = sample_addr("fd99:1::1");
	sa.dst = sample_addr("fd99:2::1");
	sa.esn = true;
	sa.window = 1024;
	sa.key = sample_key(ESP_AES_128_CBC_SHA256);
	m = ours(REQUEST_SA_ADD, &sa, NULL);
	same(&m, 2, SA_HEAD);
	sa = sample_sa();
	sa.mode = ESP_TUNNEL;
	sa.encap = (struct ipsec_encap){ 4501, 4502 };
	m = ours(REQUEST_SA_ADD, &sa, NULL);
	same(&m, 3, SA_HEAD);
	m = ours(REQUEST_SA_UPDATE, &sa, NULL);
	assert_int_equal(u16(m.bytes + 4), 0x1a); /* XFRM_MSG_UPDSA */
	assert_int_equal(u16(m.bytes + 6), NLM_F_REQUEST | NLM_F_ACK);
	m = ours(REQUEST_SA_FOLLOW, &sa, NULL);
	assert_int_equal(u16(m.bytes + 4), 0x1a);
	assert_int_equal(u16(m.bytes + 6), NLM_F_REQUEST | NLM_F_ACK);
}

static void other_sources_are_told_now_and_then(void **state)
{
	struct ipsec_sa sa = sample_sa();
	struct message m;
	const uint8_t *a;
	const char *why;
	uint32_t s;

	(void)state;
	sa.again_s = 2;
	assert_int_equal(ipsec_sa_check(&sa, &why), E_ARG); /* not in UDP */
	sa.encap = (struct ipsec_encap){ 4501, 4502 };
	assert_int_equal(ipsec_sa_check(&sa, &why), 0);
	m = ours(REQUEST_SA_ADD, &sa, NULL);
	a = attribute(&m, SA_HEAD, XFRMA_MTIMER_THRESH);
	assert_non_null(a);
	assert_int_equal(u16(a), 8);
	memcpy(&s, a + 4, sizeof s);
	assert_int_equal(s, 2);
	sa.again_s = 0;
	m = ours(REQUEST_SA_ADD, &sa, NULL);
	assert_null(attribute(&m, SA_HEAD, XFRMA_MTIMER_THRESH));
}

static void names_are_as_iproute2_writes_them(void **state)
{
	struct ipsec_policy p = sample_policy();
	struct ipsec_sa sa = sample_sa(), plain = sample_sa();
	struct message m = ours(REQUEST_SA_DELETE, &sa, NULL), b;

	(void)state;
	/* the source is its own addition: SPI and destination are the name */
	b = theirs(4);
	assert_memory_equal(m.bytes + HEAD, b.bytes + HEAD, NAME_HEAD);
	assert_int_equal(u16(m.bytes + 4), u16(b.bytes + 4));
	m = ours(REQUEST_SA_GET, &sa, NULL);
	b = theirs(5);
	assert_memory_equal(m.bytes + HEAD, b.bytes + HEAD, NAME_HEAD);
	assert_int_equal(u16(m.bytes + 4), u16(b.bytes + 4));
	plain.window = 32;
	m = ours(REQUEST_SA_RESERVE, &plain, NULL);
	b = theirs(6);
	assert_int_equal(m.len, HEAD + RESERVE_HEAD);
	/* but for limits and window, which ours has and which do not matter */
	assert_memory_equal(m.bytes + HEAD, b.bytes + HEAD, 96);
	assert_memory_equal(m.bytes + HEAD + 204, b.bytes + HEAD + 204, 11);
	assert_memory_equal(m.bytes + HEAD + 216, b.bytes + HEAD + 216, 16);
	m = ours(REQUEST_POLICY_DELETE, NULL, &p);
	same(&m, 9, POLICY_NAME_HEAD);
}

static void policies_are_as_iproute2_writes_them(void **state)
{
	struct ipsec_policy p = sample_policy();
	struct message m = ours(REQUEST_POLICY_ADD, NULL, &p);

	(void)state;
	same(&m, 7, POLICY_HEAD);
	m.bytes[4] += 6; /* XFRM_MSG_UPDPOLICY, not to be made only */
	m.bytes[7] = 0;
	assert_memory_equal(ours(REQUEST_POLICY_UPDATE, NULL, &p).bytes,
			    m.bytes, m.len);
	p = (struct ipsec_policy){
		.sel = { .src = sample_net("10.99.1.1"),
			 .dst = sample_net("0.0.0.0/0"), .sport = 5060,
			 .sport_mask = 0xffff, .proto = IPPROTO_UDP },
		.dir = IPSEC_OUT, .action = IPSEC_BLOCK,
		.priority = 0x40000000 };
	m = ours(REQUEST_POLICY_ADD, NULL, &p);
	same(&m, 8, POLICY_HEAD);
	p.action = IPSEC_BYPASS;
	m = ours(REQUEST_POLICY_ADD, NULL, &p);
	assert_int_equal(m.len, HEAD + POLICY_HEAD);
	assert_int_equal(m.bytes[HEAD + 161], 0); /* action: allow */
}

static void a_batch_is_aligned_and_numbered(void **state)
{
	struct ipsec_sa sa = sample_sa();
	struct ipsec_policy p = sample_policy();
	struct request q[] = { { REQUEST_SA_ADD, &sa, NULL },
			       { REQUEST_SA_DUMP, NULL, NULL },
			       { REQUEST_POLICY_ADD, NULL, &p } };
	struct buf b = buf_of(8 * ROOM);
	struct reply r;
	size_t at = 0;

	(void)state;
	sa.encap = (struct ipsec_encap){ 4501, 4501 };
	for (uint32_t i = 0; i < 3; i++)
		request_put(&b, &q[i], 5 + i);
	assert_int_equal(reply_next(b.data, b.len, &at, &r), 0);
	assert_int_equal(r.kind, REPLY_SA);
	assert_int_equal(r.seq, 5);
	assert_int_equal(r.sa.encap.dport, 4501);
	assert_int_equal(reply_next(b.data, b.len, &at, &r), 0);
	assert_int_equal(r.kind, REPLY_OTHER);
	assert_int_equal(r.seq, 6);
	assert_int_equal(reply_next(b.data, b.len, &at, &r), 0);
	assert_int_equal(r.kind, REPLY_POLICY);
	assert_int_equal(reply_next(b.data, b.len, &at, &r), E_AGAIN);
	buf_free(&b);
	b = buf_of(ROOM + 10);
	request_put(&b, &q[0], 1);
	request_put(&b, &q[0], 2);
	assert_int_equal(b.err, E_SPACE);
	buf_free(&b);
}

/* What goes in is read out, for every cut of it nothing or an error. */
static void an_sa_comes_back(void **state)
{
	struct ipsec_sa sa = sample_sa();
	struct message m;
	struct reply r;
	size_t at = 0;

	(void)state;
	sa.life = (struct ipsec_life){ 1000, 2000, 100, 200, 30, 60 };
	sa.esn = true;
	sa.mode = ESP_TUNNEL;
	sa.sel = sample_selector();
	m = ours(REQUEST_SA_ADD, &sa, NULL);
	assert_int_equal(reply_next(m.bytes, m.len, &at, &r), 0);
	assert_int_equal(at, m.len);
	assert_int_equal(r.kind, REPLY_SA);
	assert_false(r.reserved);
	assert_true(addr_equal(&r.sa.src, &sa.src));
	assert_true(addr_equal(&r.sa.dst, &sa.dst));
	assert_int_equal(r.sa.spi, sa.spi);
	assert_int_equal(r.sa.reqid, sa.reqid);
	assert_int_equal(r.sa.mode, sa.mode);
	assert_true(r.sa.esn);
	assert_memory_equal(&r.sa.life, &sa.life, sizeof sa.life);
	assert_true(ipsec_selector_equal(&r.sa.sel, &sa.sel));
	assert_int_equal(r.sa.key.suite, 0);
	for (size_t cut = 0; cut < m.len; cut++) {
		at = 0;
		assert_int_not_equal(reply_next(m.bytes, cut, &at, &r), 0);
		assert_int_equal(at, 0);
	}
}

static void a_policy_comes_back(void **state)
{
	static const enum ipsec_action actions[] = {
		IPSEC_PROTECT, IPSEC_BYPASS, IPSEC_BLOCK };
	struct ipsec_policy p = sample_policy();
	struct message m;
	struct reply r;
	size_t at;

	(void)state;
	for (int i = 0; i < 3; i++) {
		at = 0;
		p.action = actions[i];
		p.dir = (uint8_t)i;
		m = ours(REQUEST_POLICY_ADD, NULL, &p);
		assert_int_equal(reply_next(m.bytes, m.len, &at, &r), 0);
		assert_int_equal(r.kind, REPLY_POLICY);
		assert_true(ipsec_selector_equal(&r.policy.sel, &p.sel));
		assert_int_equal(r.policy.action, p.action);
		assert_int_equal(r.policy.dir, p.dir);
		assert_int_equal(r.policy.priority, p.priority);
		assert_int_equal(r.policy.spi, i ? 0 : p.spi);
		assert_int_equal(r.policy.reqid, i ? 0 : p.reqid);
	}
}

/* -- what is none --------------------------------------------------------- */

static void bad_sa(struct ipsec_sa sa, const char *about)
{
	const char *why = "";

	assert_int_equal(ipsec_sa_check(&sa, &why), E_ARG);
	assert_non_null(strstr(why, about));
}

#define with(what) ({ struct ipsec_sa s_ = sample_sa(); s_.what; s_; })

static void wrong_sas_are_refused(void **state)
{
	struct ipsec_sa sa = sample_sa();
	const char *why;

	(void)state;
	assert_int_equal(ipsec_sa_check(&sa, &why), 0);
	for (unsigned spi = 0; spi < 256; spi++)
		bad_sa(with(spi = spi), "reserved");
	sa.spi = 256;
	assert_int_equal(ipsec_sa_check(&sa, &why), 0);
	sa.spi = 0xffffffff;
	assert_int_equal(ipsec_sa_check(&sa, &why), 0);
	bad_sa(with(src = sample_addr("::1")), "one family");
	bad_sa(with(dst.family = 0), "one family");
	bad_sa(with(dst = sample_addr("0.0.0.0")), "unknown");
	bad_sa(with(key.suite = ESP_NONE), "suite");
	bad_sa(with(key.suite = ESP_SUITES), "suite");
	bad_sa(with(key.key_len = 15), "lengths");
	bad_sa(with(key.salt_len = 0), "lengths");
	bad_sa(with(key.auth_len = 1), "lengths");
	bad_sa(with(mode = 7), "mode");
	bad_sa(with(reqid = 0), "reqid");
	bad_sa(with(window = 0), "window");
	bad_sa(with(window = 4097), "window");
	bad_sa(with(encap.sport = 4501), "both ports");
	sa.life.soft_packets = sa.life.hard_packets = 5;
	bad_sa(sa, "below its hard");
	bad_sa(with(sel.src = sample_net("10.0.0.0/8")), "none");
}

static void bad_policy(struct ipsec_policy p, const char *about)
{
	const char *why = "";

	assert_int_equal(ipsec_policy_check(&p, &why), E_ARG);
	assert_non_null(strstr(why, about));
}

#define policy_with(what) \
	({ struct ipsec_policy p_ = sample_policy(); p_.what; p_; })

static void wrong_policies_are_refused(void **state)
{
	struct ipsec_policy p = sample_policy();
	const char *why;

	(void)state;
	assert_int_equal(ipsec_policy_check(&p, &why), 0);
	bad_policy(policy_with(spi = 0), "without an SPI");
	bad_policy(policy_with(spi = 255), "reserved");
	bad_policy(policy_with(reqid = 0), "reqid");
	bad_policy(policy_with(dir = IPSEC_DIRS), "direction");
	bad_policy(policy_with(action = IPSEC_ACTIONS), "action");
	bad_policy(policy_with(mode = 3), "mode");
	bad_policy(policy_with(dst.family = 0), "one family");
	bad_policy(policy_with(sel.sport_mask = 0xff00), "never match");
	bad_policy(policy_with(sel.proto = 0), "without a protocol");
	bad_policy(policy_with(sel.dst = sample_net("fd99::/32")), "families");
	bad_policy(policy_with(sel.src.bits = 33), "none");
	bad_policy(policy_with(sel.src.bits = 31), "none"); /* .1 has the bit */
}

/* -- refusals ------------------------------------------------------------- */

static void every_refusal_has_a_meaning_and_a_cure(void **state)
{
	static const struct {
		enum request_kind kind;
		int error, code;
		const char *part;
	} cases[] = {
		{ REQUEST_SA_ADD, EEXIST, E_EXISTS, "ip xfrm state" },
		{ REQUEST_POLICY_ADD, EEXIST, E_EXISTS, "ip xfrm policy" },
		{ REQUEST_SA_ADD, ENOBUFS, E_FULL, "fewer calls" },
		{ REQUEST_SA_ADD, EPERM, E_POLICY, "systemd unit" },
		{ REQUEST_SA_DELETE, ESRCH, E_NOTFOUND, "expired" },
		{ REQUEST_POLICY_DELETE, ENOENT, E_NOTFOUND, "deleted" },
		{ REQUEST_SA_ADD, EAFNOSUPPORT, E_UNSUPPORTED, "esp4" },
		{ REQUEST_SA_ADD, EPROTONOSUPPORT, E_UNSUPPORTED, "esp4" },
		{ REQUEST_SA_ADD, EOPNOTSUPP, E_UNSUPPORTED, "kernel" },
		{ REQUEST_SA_ADD, ENOSYS, E_UNSUPPORTED, "modprobe" },
		{ REQUEST_SA_ADD, ENOENT, E_UNSUPPORTED, "modprobe" },
		{ REQUEST_SA_RESERVE, ENOENT, E_EXISTS, "another SPI" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct refusal *r = refusal_of(cases[i].kind,
						     cases[i].error);

		assert_int_equal(r->code, cases[i].code);
		assert_non_null(strstr(r->cure, cases[i].part));
	}
	for (int error = 1; error < 140; error++)
		for (int k = 0; k < REQUEST_KINDS; k++) {
			const struct refusal *r = refusal_of(k, error);

			assert_true(r->code < 0 && *r->text && *r->cure);
		}
	assert_string_equal(request_text(REQUEST_KINDS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sas_are_as_iproute2_writes_them),
		cmocka_unit_test(other_sources_are_told_now_and_then),
		cmocka_unit_test(names_are_as_iproute2_writes_them),
		cmocka_unit_test(policies_are_as_iproute2_writes_them),
		cmocka_unit_test(a_batch_is_aligned_and_numbered),
		cmocka_unit_test(an_sa_comes_back),
		cmocka_unit_test(a_policy_comes_back),
		cmocka_unit_test(wrong_sas_are_refused),
		cmocka_unit_test(wrong_policies_are_refused),
		cmocka_unit_test(every_refusal_has_a_meaning_and_a_cure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
