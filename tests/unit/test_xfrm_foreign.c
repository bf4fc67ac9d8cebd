/* test_xfrm_foreign.c - policies of other programs that come while tunnels are
 * up: which of them end what, keep what from being raised, and are listed. */
#include "config.h"

#include "daemon/base/err.h"
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

static int ledger_fd, owner_a;
static struct pairs pairs;
static struct tunnel_maker role;
static struct tunnel_why why;
static struct xfrm_why xwhy;
static uint8_t next_key;

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
				.own = { .port_min = 40000,
					 .port_max = 40999 } };
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

static const struct ipsec_policy *policy_of(enum ipsec_dir dir)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		if (kernel.is_policy[i] && kernel.policy[i].dir == dir)
			return &kernel.policy[i];
	return NULL;
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

static void see_text(void *user, const char *text)
{
	assert_non_null(strstr(text, "10.1.0.0/16 to 0.0.0.0/0, priority 7: "
			       "that of tunnel.ports, before tunnels"));
	++*(unsigned *)user;
}

static unsigned seen(void)
{
	unsigned n = 0;

	assert_int_equal(role.foreign(role.state, see_text, &n, &why), 0);
	return n;
}

static const struct ipsec_policy lets_pass = {
	.sel = { .src = { { .family = 4, .ip = { 10, 1 } }, 16 },
		 .dst = { { .family = 4 }, 0 } },
	.dir = IPSEC_OUT, .action = IPSEC_BYPASS, .priority = 7
};

/* Added while tunnels are up: those that it would have leave in clear end, and
 * none is raised while it is there. */
static void policies_of_others_end_tunnels(void **state)
{
	struct reply r = { .kind = REPLY_POLICY, .policy = lets_pass };
	struct line a = reserve("10.1.1.1:40000", NULL), b;
	struct heard h = { .owner = NULL };

	(void)state;
	kernel.event = &r;
	assert_int_equal(raise_it(&a, NULL), 0);
	r.policy.priority = UINT32_MAX; /* what shuts the ports has them */
	assert_int_equal(role.events(role.state, hear, &h), 0);
	r.policy = lets_pass;
	r.policy.sel.src.base.ip[1] = 9;
	assert_int_equal(role.events(role.state, hear, &h), 0);
	r.policy = *policy_of(IPSEC_OUT); /* the kernel tells of ours, too */
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.gone, 0);
	r.policy = lets_pass;
	assert_int_equal(xfrmkernel_add_policy(&lets_pass), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.gone, 1);
	role.drop(role.state, a.pair);
	b = reserve("10.1.1.1:40002", NULL);
	assert_int_equal(raise_it(&b, NULL), E_EXISTS);
	assert_non_null(strstr(why.text, "lets what goes from 10.1.0.0/16"));
	assert_int_equal(seen(), 1);
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		kernel.is_policy[i] = false;
	assert_int_equal(seen(), 0);
	assert_int_equal(raise_it(&b, NULL), 0);
	role.drop(role.state, b.pair);
}

/* Then it is looked what is there. */
static void lost_events_hide_no_policy(void **state)
{
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct heard h = { .owner = NULL };

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	kernel.events = E_LOST;
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.gone, 0);
	assert_int_equal(xfrmkernel_add_policy(&lets_pass), 0);
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.gone, 1);
	role.drop(role.state, a.pair);
	a = reserve("10.1.1.1:40002", NULL);
	assert_int_equal(raise_it(&a, NULL), E_EXISTS);
	role.drop(role.state, a.pair);
}

static unsigned policies(void)
{
	unsigned n = 0;

	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		n += kernel.is_policy[i];
	return n;
}

static void remove_all(void)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		kernel.is_policy[i] = false;
}

/* Each at once, so that what it is for does not leave in clear. */
static void removed_policies_come_back(void **state)
{
	struct reply r = { .kind = REPLY_FLUSHED };
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct heard h = { .owner = NULL };
	struct ipsec_policy *out;
	unsigned n;

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	n = policies();
	assert_true(n >= 2);
	kernel.event = &r;
	remove_all();
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(policies(), n);
	r = (struct reply){ .kind = REPLY_REMOVED, .policy = lets_pass };
	assert_int_equal(role.events(role.state, hear, &h), 0);
	out = (struct ipsec_policy *)policy_of(IPSEC_OUT);
	r.policy = *out;
	kernel.is_policy[out - kernel.policy] = false;
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(policies(), n);
	assert_int_equal(policy_of(IPSEC_OUT)->reqid, r.policy.reqid);
	kernel.event = NULL;
	kernel.events = E_LOST;
	remove_all();
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(policies(), n);
	assert_int_equal(h.gone, 0);
	role.drop(role.state, a.pair);
	assert_int_equal(policies(), 0);
}

static void what_cannot_come_back_ends_tunnels(void **state)
{
	struct reply r = { .kind = REPLY_FLUSHED };
	struct line a = reserve("10.1.1.1:40000", NULL);
	struct heard h = { .owner = NULL };

	(void)state;
	assert_int_equal(raise_it(&a, NULL), 0);
	kernel.event = &r;
	remove_all();
	kernel.error = ENOMEM;
	kernel.fail_at = kernel.asked + 2;
	assert_int_equal(role.events(role.state, hear, &h), 0);
	assert_int_equal(h.gone, 1);
	assert_ptr_equal(h.owner, &owner_a);
	role.drop(role.state, a.pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(policies_of_others_end_tunnels,
						setup, teardown),
		cmocka_unit_test_setup_teardown(lost_events_hide_no_policy,
						setup, teardown),
		cmocka_unit_test_setup_teardown(removed_policies_come_back,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_cannot_come_back_ends_tunnels, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
