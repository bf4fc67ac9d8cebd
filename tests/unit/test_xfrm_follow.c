/* test_xfrm_follow.c - far ends behind a NAT, against a kernel of ours: their
 * port is followed in place, nobody else's is, nor any other address; and who
 * is behind one itself keeps it open. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/xfrm/tunnel/pair.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/mock/xfrmkernel.h"

#define DOOR 4501
#define EVERY UINT64_C(20000000)
#define FAR "10.2.2.2"

static int ledger_fd, owner_a;
static struct pairs pairs;
static struct tunnel_maker role;
static struct tunnel_why why;
static struct xfrm_why xwhy;
static uint8_t next_key;
static unsigned told; /* lines of the log about where a far end is */

struct line {
	struct tunnel_pair *pair;
	struct msg_tunnel_key key;
};

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void take_line(enum log_class c, const char *line)
{
	(void)c;
	told += strstr(line, "ESP") != NULL;
}

static int setup(void **state)
{
	(void)state;
	log_to(take_line);
	told = 0;
	kernel = (struct link){ .asked = 0 };
	ledger_fd = memfd_create("ledger", MFD_CLOEXEC);
	pairs = (struct pairs){ .media = { address("10.1.1.1") },
				.door = { -1, -1 },
				.keeps = { .every_us = EVERY } };
	role = pairs_maker(&pairs);
	return xfrm_open(ledger_fd, &pairs.x, &xwhy) ||
	       probe_all(pairs.x, &pairs.probe, &xwhy);
}

/* Each test drops what it raised. */
static int teardown(void **state)
{
	size_t left = ledger_count(xfrm_ledger(pairs.x)) + xfrmkernel_count();

	(void)state;
	left += pairs.keeps.first != NULL || pairs.groups != NULL;
	pairs_free(&pairs);
	xfrm_close(pairs.x);
	close(ledger_fd);
	return left != 0;
}

static struct esp_key a_key(void)
{
	struct esp_key k = { .suite = ESP_AES_128_GCM, .key_len = 16,
			     .salt_len = 4 };

	k.key[0] = ++next_key;
	k.key[1] = 1;
	return k;
}

/* Reserved, with a key in UDP; the far end is behind a NAT. */
static struct line reserve(enum esp_scope scope, const struct tunnel_pair *with,
			   uint32_t far_spi)
{
	static const struct addr none;
	struct addr at = address("10.1.1.1"), far = address(FAR);
	struct line l = { .key = { .life_s = 800, .window = 64,
				   .mode = ESP_TRANSPORT,
				   .scope = (uint8_t)scope, .udp = 1,
				   .in = a_key(), .out = a_key() } };
	uint32_t spi;

	at.port = scope == ESP_MEDIA ? 40000 : 0;
	far.port = scope == ESP_MEDIA ? 50000 : 0;
	strcpy(l.key.peer, "b");
	assert_int_equal(role.reserve(role.state, &at, with, &owner_a, &l.pair,
				      &spi, &why), 0);
	assert_int_equal(esp_own_end(scope, &at, &none, DOOR, spi,
				     &l.key.near), 0);
	assert_int_equal(esp_own_end(scope, &far, &none, DOOR, far_spi,
				     &l.key.far), 0);
	l.key.far.natted = true;
	return l;
}

static void raise_it(struct line *l, struct line *instead)
{
	assert_int_equal(role.raise(role.state, l->pair,
				    instead ? instead->pair : NULL, &l->key,
				    &why), 0);
}

static struct line up(void)
{
	struct line l = reserve(ESP_MEDIA, NULL, 0x7777);

	raise_it(&l, NULL);
	return l;
}

static struct ipsec_sa *sa_of(uint32_t spi)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		if (kernel.is_sa[i] && kernel.sa[i].spi == spi)
			return &kernel.sa[i];
	fail_msg("no SA 0x%08x", spi);
	return NULL;
}

static void no_event(void *user, void *owner, enum tunnel_event e)
{
	(void)user;
	(void)owner;
	(void)e;
	fail();
}

/* Something came by l's SA from there. */
static void heard_from(const struct line *l, const char *text)
{
	struct reply r = { .kind = REPLY_MOVED, .sa = *sa_of(l->key.near.spi) };

	r.sa.src = address(text);
	r.sa.encap.sport = r.sa.src.port;
	r.sa.src.port = 0;
	kernel.event = &r;
	assert_int_equal(role.events(role.state, no_event, NULL), 0);
	kernel.event = NULL;
}

/* Our door's, and the far end's port inbound and outbound. */
static void leads_to(const struct line *l, unsigned in, unsigned out)
{
	const struct ipsec_sa *i = sa_of(l->key.near.spi);
	const struct ipsec_sa *o = sa_of(l->key.far.spi);

	assert_int_equal(i->encap.sport, in);
	assert_int_equal(i->encap.dport, DOOR);
	assert_int_equal(o->encap.sport, DOOR);
	assert_int_equal(o->encap.dport, out);
}

static void drop(struct line *l)
{
	role.drop(role.state, l->pair);
}

static unsigned shown;
static struct tunnel_sa last;

static void show(void *user, void *owner, const struct tunnel_sa *sa)
{
	(void)user;
	if (owner && sa->out)
		last = *sa;
	shown++;
}

static void list(void)
{
	unsigned blocks;

	shown = 0;
	assert_int_equal(role.list(role.state, show, NULL, &blocks, &why), 0);
}

/* -- claims --------------------------------------------------------------- */

static void a_port_is_followed_in_place(void **state)
{
	struct line l = up();
	struct ipsec_sa in = *sa_of(l.key.near.spi), out = *sa_of(0x7777), now;

	(void)state;
	leads_to(&l, DOOR, DOOR);
	assert_int_equal(in.again_s, 2);
	assert_int_equal(out.again_s, 0);
	heard_from(&l, FAR ":61001");
	leads_to(&l, 61001, 61001);
	assert_int_equal(told, 1);
	/* and nothing else is another than before */
	now = *sa_of(l.key.near.spi);
	now.encap = in.encap;
	assert_memory_equal(&now.key, &in.key, sizeof in.key);
	assert_memory_equal(&now.life, &in.life, sizeof in.life);
	now = *sa_of(0x7777);
	assert_memory_equal(&now.key, &out.key, sizeof out.key);
	assert_memory_equal(&now.life, &out.life, sizeof out.life);
	list();
	assert_int_equal(last.port, 61001);
	assert_int_equal(last.elsewhere.family, 0);
	drop(&l);
}

/* A repeated event of what was followed asks the kernel for nothing. */
static void an_event_counts_once(void **state)
{
	struct line l = up();
	unsigned asked;

	(void)state;
	heard_from(&l, FAR ":61001");
	asked = kernel.asked;
	heard_from(&l, FAR ":61001");
	assert_int_equal(kernel.asked, asked);
	for (int i = 2; i < 40; i++)
		heard_from(&l, i % 2 ? FAR ":61001" : FAR ":61002");
	leads_to(&l, 61001, 61001);
	assert_in_range(told, 2, 7); /* somebody plays: the log stays short */
	drop(&l);
}

static void who_has_no_nat_is_not_followed(void **state)
{
	struct line l = reserve(ESP_MEDIA, NULL, 0x7777);
	struct addr from = address(FAR ":61001");

	(void)state;
	l.key.far.natted = false;
	l.key.near.natted = true;
	raise_it(&l, NULL);
	heard_from(&l, FAR ":61001");
	leads_to(&l, DOOR, DOOR);
	list();
	assert_int_equal(last.port, DOOR);
	assert_true(addr_equal(&last.elsewhere, &from));
	drop(&l);
}

static void another_address_is_not_followed(void **state)
{
	struct line l = up();
	struct addr from = address("10.3.3.3:4501");

	(void)state;
	heard_from(&l, "10.3.3.3:4501");
	heard_from(&l, "10.3.3.3:4501");
	leads_to(&l, DOOR, DOOR);
	assert_true(addr_same_host(&sa_of(0x7777)->dst,
				   &l.key.far.at));
	assert_int_equal(told, 1);
	list();
	assert_true(addr_equal(&last.elsewhere, &from));
	heard_from(&l, FAR ":61001");
	list();
	assert_int_equal(last.elsewhere.family, 0);
	drop(&l);
}

/* Each of the two requests. */
static void what_the_kernel_refuses_is_tried_again(void **state)
{
	struct line l = up();

	(void)state;
	for (unsigned k = 1; k <= 2; k++) {
		kernel.fail_at = kernel.asked + k;
		kernel.error = ENOBUFS;
		heard_from(&l, k == 1 ? FAR ":61001" : FAR ":61002");
		assert_int_not_equal(sa_of(l.key.near.spi)->encap.sport,
				     61000 + k);
		heard_from(&l, k == 1 ? FAR ":61001" : FAR ":61002");
		leads_to(&l, 61000 + k, 61000 + k);
	}
	drop(&l);
}

/* Should the kernel have lost the SA, and made room for another: what it makes
 * of the request has a key that nobody knows, not an empty one. */
static void a_lost_sa_gets_no_known_key(void **state)
{
	static const struct esp_key empty;
	struct line l = up();
	struct ipsec_sa *out = sa_of(0x7777);
	int i = (int)(out - kernel.sa);

	(void)state;
	kernel.reserved[i] = true;
	heard_from(&l, FAR ":61001");
	assert_int_equal(out->key.key_len, 16);
	assert_memory_not_equal(out->key.key, l.key.out.key, 16);
	assert_memory_not_equal(out->key.key, empty.key, 16);
	drop(&l);
}

static void new_keys_begin_where_the_far_end_was_heard(void **state)
{
	struct line a = up(), b = reserve(ESP_MEDIA, a.pair, 0x8888), c;

	(void)state;
	heard_from(&a, FAR ":61001");
	raise_it(&b, &a);
	leads_to(&b, 61001, 61001);
	assert_int_equal(role.turn(role.state, b.pair, &why), 0);
	drop(&a);
	/* but where it says another port than before that one counts */
	c = reserve(ESP_MEDIA, b.pair, 0x9999);
	c.key.far.at.port = 4777;
	raise_it(&c, &b);
	leads_to(&c, 4777, 4777);
	drop(&b);
	drop(&c);
}

static void pairs_of_a_group_follow_when_they_are_used(void **state)
{
	struct line a = reserve(ESP_HOST, NULL, 0x7771);
	struct line b = reserve(ESP_HOST, NULL, 0x7772);

	(void)state;
	raise_it(&a, NULL);
	raise_it(&b, NULL); /* a sends */
	heard_from(&b, FAR ":61001");
	leads_to(&a, DOOR, 61001);
	leads_to(&b, 61001, DOOR);
	kernel.fail_at = kernel.asked + 1;
	kernel.error = ENOBUFS;
	assert_int_equal(role.turn(role.state, b.pair, &why), E_FULL);
	assert_true(role.sends(role.state, a.pair));
	assert_int_equal(role.turn(role.state, b.pair, &why), 0);
	leads_to(&b, 61001, 61001);
	heard_from(&a, FAR ":61001");
	leads_to(&a, 61001, 61001);
	drop(&b);
	drop(&a);
}

static void strangers_events_are_nobodys(void **state)
{
	struct line l = up();
	struct reply r = { .kind = REPLY_MOVED, .sa = *sa_of(l.key.near.spi) };

	(void)state;
	r.sa.src = address(FAR);
	r.sa.encap.sport = 61001;
	kernel.event = &r;
	r.sa.reqid++;
	assert_int_equal(role.events(role.state, no_event, NULL), 0);
	r.sa.reqid--;
	r.sa.spi++;
	assert_int_equal(role.events(role.state, no_event, NULL), 0);
	r.sa = *sa_of(0x7777); /* nothing comes by that one */
	r.sa.encap.sport = 61001;
	assert_int_equal(role.events(role.state, no_event, NULL), 0);
	leads_to(&l, DOOR, DOOR);
	drop(&l);
}

static void without_udp_nothing_moves(void **state)
{
	struct line l = reserve(ESP_MEDIA, NULL, 0x7777);

	(void)state;
	l.key.udp = 0;
	raise_it(&l, NULL);
	heard_from(&l, FAR ":61001");
	assert_int_equal(sa_of(0x7777)->encap.dport, 0);
	assert_int_equal(sa_of(l.key.near.spi)->again_s, 0);
	assert_int_equal(role.tick(role.state, 1), UINT64_MAX);
	drop(&l);
}

/* Nor where the NAT is before the far end alone. */
static void keep_alives_are_who_is_behind_a_nats(void **state)
{
	struct line a = up(), b = reserve(ESP_MEDIA, a.pair, 0x8888);

	(void)state;
	assert_int_equal(role.tick(role.state, 1), UINT64_MAX);
	drop(&a);
	b.key.near.natted = true;
	raise_it(&b, NULL);
	assert_int_equal(role.tick(role.state, 1), EVERY);
	assert_int_equal(role.tick(role.state, 1 + EVERY / 2), EVERY / 2);
	heard_from(&b, FAR ":61001"); /* both are: the other way, too */
	assert_int_equal(role.tick(role.state, 2 + EVERY / 2), EVERY);
	drop(&b);
	assert_int_equal(role.tick(role.state, 3 + EVERY), UINT64_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_port_is_followed_in_place), TEST(an_event_counts_once),
		TEST(who_has_no_nat_is_not_followed),
		TEST(another_address_is_not_followed),
		TEST(what_the_kernel_refuses_is_tried_again),
		TEST(a_lost_sa_gets_no_known_key),
		TEST(new_keys_begin_where_the_far_end_was_heard),
		TEST(pairs_of_a_group_follow_when_they_are_used),
		TEST(strangers_events_are_nobodys),
		TEST(without_udp_nothing_moves),
		TEST(keep_alives_are_who_is_behind_a_nats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
