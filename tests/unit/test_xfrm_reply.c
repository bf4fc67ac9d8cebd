/* test_xfrm_reply.c - what a kernel (6.1) said, read: the files of
 * tests/fuzz/corpus/xfrm are its messages. */
#include "config.h"

#include "daemon/base/err.h"
#include "modules/xfrm/reply.h"

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

struct said {
	_Alignas(8) uint8_t bytes[8192];
	size_t len;
};

static struct said said(const char *name)
{
	static struct said s;
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/../fuzz/corpus/xfrm/%s", VECTOR_DIR,
		 name);
	f = fopen(path, "rb");
	assert_non_null(f);
	s.len = fread(s.bytes, 1, sizeof s.bytes, f);
	fclose(f);
	return s;
}

static struct reply first(const char *name)
{
	struct said s = said(name);
	struct reply r;
	size_t at = 0;

	assert_int_equal(reply_next(s.bytes, s.len, &at, &r), 0);
	return r;
}

static int read_one(const struct said *s, struct reply *r)
{
	size_t at = 0;

	return reply_next(s->bytes, s->len, &at, r);
}

static void is_host(const struct addr *a, const char *text)
{
	struct addr want = sample_addr(text);

	assert_true(addr_equal(a, &want));
}

static void an_expiry_names_its_sa(void **state)
{
	struct reply r = first("event-18");

	(void)state;
	assert_int_equal(r.kind, REPLY_EXPIRE);
	assert_int_equal(r.seq, 0);
	assert_int_equal(r.sa.spi, 0x2001);
	is_host(&r.sa.src, "10.0.0.1");
	is_host(&r.sa.dst, "10.0.0.2");
	assert_int_equal(r.sa.life.soft_packets, 1);
	assert_int_equal(r.sa.life.hard_packets, 2);
	assert_int_equal(r.sa.life.soft_bytes, 0);
	assert_false(r.hard);
	assert_int_equal(r.use.packets, 1);
}

static void a_wish_for_an_sa_names_its_policy(void **state)
{
	struct reply r = first("event-17");

	(void)state;
	assert_int_equal(r.kind, REPLY_ACQUIRE);
	is_host(&r.sa.dst, "10.0.0.2");
	assert_int_equal(r.sa.spi, 0x2001);
	assert_in_range(r.sa.reqid, 0x40000000, 0x7fffffff);
	assert_int_equal(r.policy.action, IPSEC_PROTECT);
	assert_int_equal(r.policy.sel.proto, IPPROTO_UDP);
	assert_int_equal(r.policy.sel.sport, 4000);
	assert_int_equal(r.policy.sel.dport, 5000);
}

/* As the kernel said it in tests/kernel/nat_guest.py (learnt). */
static void another_source_is_told_with_its_port(void **state)
{
	struct said s = said("event-26");
	struct reply r = first("event-26");

	(void)state;
	assert_int_equal(r.kind, REPLY_MOVED);
	assert_int_equal(r.seq, 0);
	is_host(&r.sa.src, "10.99.2.254");
	is_host(&r.sa.dst, "10.99.2.1");
	assert_int_equal(r.sa.encap.sport, 61001);
	assert_true(r.sa.spi >= ESP_SPI_MIN);
	assert_in_range(r.sa.reqid, 0x40000000, 0x7fffffff);
	assert_int_equal(s.len, 16 + sizeof(struct xfrm_user_mapping));
	s.bytes[16 + 22] = IPPROTO_AH; /* id.proto */
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_OTHER);
	s = said("event-26");
	s.bytes[16 + 20] = 0; /* id.family */
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_OTHER);
	s = said("event-26");
	memset(s.bytes + 16 + 62, 0, 2); /* new_sport */
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_OTHER);
}

static void new_sas_and_policies_are_read(void **state)
{
	struct reply r = first("event-10");

	(void)state;
	assert_int_equal(r.kind, REPLY_SA);
	assert_int_equal(r.sa.spi, 0x1001);
	assert_false(r.reserved);
	r = first("event-13");
	assert_int_equal(r.kind, REPLY_POLICY);
	assert_int_equal(r.policy.sel.sport_mask, 0xfffe);
	assert_int_equal(r.policy.mode, ESP_TRANSPORT);
	r = first("event-14");
	assert_int_equal(r.kind, REPLY_REMOVED);
	assert_int_equal(r.policy.action, IPSEC_PROTECT);
	is_host(&r.policy.sel.src.base, "fd00::2");
	is_host(&r.policy.sel.dst.base, "fd00::1");
	assert_int_equal(r.policy.reqid, 0x56440001);
	assert_int_equal(first("event-1e").kind, REPLY_OTHER);
}

/* Changed, by whom, and all gone: the same messages under other numbers. */
static void what_others_do_to_policies_is_told(void **state)
{
	struct said s = said("event-13");
	struct nlmsghdr *m = (struct nlmsghdr *)s.bytes;
	struct reply r;

	(void)state;
	m->nlmsg_type = XFRM_MSG_UPDPOLICY;
	m->nlmsg_pid = 4711;
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_POLICY);
	assert_int_equal(r.by, 4711);
	*m = (struct nlmsghdr){ .nlmsg_len = sizeof *m,
				.nlmsg_type = XFRM_MSG_FLUSHPOLICY };
	s.len = sizeof *m;
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_FLUSHED);
	assert_int_equal(r.by, 0);
	s = said("event-14"); /* a number alone says nothing */
	m = (struct nlmsghdr *)s.bytes;
	m->nlmsg_len = sizeof *m + sizeof(struct xfrm_userpolicy_id);
	s.len = m->nlmsg_len;
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_REMOVED);
	assert_int_equal(r.policy.sel.src.base.family, 0);
}

static void refusals_have_the_kernels_words(void **state)
{
	struct reply r = first("refused-text");

	(void)state;
	assert_int_equal(r.kind, REPLY_REFUSED);
	assert_int_equal(r.error, EINVAL);
	assert_int_equal(r.seq, 9);
	assert_string_equal(r.text, "Invalid address family");
	r = first("refused-get");
	assert_int_equal(r.error, ESRCH);
	assert_string_equal(r.text, "");
}

static size_t count(const char *name, enum reply_kind kind, enum reply_kind end)
{
	struct said s = said(name);
	struct reply r = { 0 };
	size_t at = 0, n = 0;

	while (!reply_next(s.bytes, s.len, &at, &r)) {
		assert_true(r.more);
		n += r.kind == kind;
	}
	assert_int_equal(at, s.len);
	assert_int_equal(r.kind, end);
	return n;
}

static void dumps_end(void **state)
{
	(void)state;
	assert_int_equal(count("dump-sa", REPLY_SA, REPLY_DONE), 4);
	assert_int_equal(count("dump-policy", REPLY_POLICY, REPLY_DONE), 7);
}

/* Never past the end, never on a half: a cut gives fewer messages. */
static void every_cut_is_noticed(void **state)
{
	static const char *const names[] = {
		"event-10", "event-13", "event-17", "event-18", "event-26",
		"dump-sa",
		"dump-policy", "refused-text", "refused-get" };
	struct reply r;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct said s = said(names[i]);

		for (size_t cut = 1; cut < s.len; cut++) {
			uint8_t *exact = malloc(cut);
			size_t at = 0;
			int e;

			assert_non_null(exact);
			memcpy(exact, s.bytes, cut);
			while (!(e = reply_next(exact, cut, &at, &r)))
				assert_in_range(at, 1, cut);
			assert_true(e == E_FORMAT || at == cut);
			free(exact);
		}
	}
}

/* -- made by hand --------------------------------------------------------- */

static void put_attribute(struct said *s, uint16_t type, const void *data,
			  uint16_t len)
{
	struct nlattr a = { (uint16_t)(sizeof a + len), type };
	uint32_t whole;

	memcpy(s->bytes + s->len, &a, sizeof a);
	memcpy(s->bytes + s->len + sizeof a, data, len);
	s->len += sizeof a + ((len + 3u) & ~3u);
	whole = (uint32_t)s->len;
	memcpy(s->bytes, &whole, sizeof whole);
}

static void what_is_not_ours_is_left_alone(void **state)
{
	struct xfrm_mark mark = { 1, ~0u };
	struct xfrm_user_tmpl two[2] = { { .reqid = 1 }, { .reqid = 2 } };
	uint32_t id = 7, none = 0;
	struct reply r;
	struct said s = said("event-10");

	(void)state;
	put_attribute(&s, XFRMA_IF_ID, &none, sizeof none);
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_SA);
	put_attribute(&s, XFRMA_IF_ID, &id, sizeof id);
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_OTHER);
	s = said("event-13");
	put_attribute(&s, XFRMA_MARK, &mark, sizeof mark);
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_OTHER);
	s = said("event-13");
	put_attribute(&s, XFRMA_TMPL, two, sizeof two);
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_FOREIGN);
	assert_int_equal(r.policy.action, IPSEC_PROTECT);
	assert_int_equal(r.policy.reqid, 0);
	put_attribute(&s, XFRMA_MARK, &mark, sizeof mark);
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_OTHER);
	s = said("event-10");
	s.bytes[16 + 76] = IPPROTO_AH; /* id.proto */
	assert_int_equal(read_one(&s, &r), 0);
	assert_int_equal(r.kind, REPLY_OTHER);
}

static void wild_lengths_and_errors_are_refused(void **state)
{
	struct said s = said("event-10");
	int32_t wild = 1;
	struct reply r;

	(void)state;
	s.bytes[16 + 224] = 3; /* an attribute shorter than its head */
	assert_int_equal(read_one(&s, &r), E_FORMAT);
	s = said("event-10");
	s.bytes[16 + 225] = 0xff; /* or longer than the message */
	assert_int_equal(read_one(&s, &r), E_FORMAT);
	s = said("refused-get");
	memcpy(s.bytes + 16, &wild, sizeof wild); /* no errno is positive */
	assert_int_equal(read_one(&s, &r), E_FORMAT);
	wild = INT32_MIN;
	memcpy(s.bytes + 16, &wild, sizeof wild);
	assert_int_equal(read_one(&s, &r), E_FORMAT);
	s.bytes[0] = 8;
	assert_int_equal(read_one(&s, &r), E_FORMAT);
	memset(s.bytes, 0xff, 4);
	assert_int_equal(read_one(&s, &r), E_FORMAT);
}

static void text_is_made_printable(void **state)
{
	struct said s = said("refused-text");
	struct reply r;

	(void)state;
	s.bytes[16 + 20 + 4] = '\n';
	s.bytes[16 + 20 + 5] = 0x9b;
	assert_int_equal(read_one(&s, &r), 0);
	assert_string_equal(r.text, "??valid address family");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_expiry_names_its_sa),
		cmocka_unit_test(a_wish_for_an_sa_names_its_policy),
		cmocka_unit_test(another_source_is_told_with_its_port),
		cmocka_unit_test(new_sas_and_policies_are_read),
		cmocka_unit_test(what_others_do_to_policies_is_told),
		cmocka_unit_test(refusals_have_the_kernels_words),
		cmocka_unit_test(dumps_end),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(what_is_not_ours_is_left_alone),
		cmocka_unit_test(wild_lengths_and_errors_are_refused),
		cmocka_unit_test(text_is_made_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
