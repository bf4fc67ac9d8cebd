/* test_xfrm_selector.c - hostile selectors, each refused for its reason. */
#include "config.h"

#include "daemon/base/err.h"
#include "modules/xfrm/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/xfrm_samples.h"

static struct net near[3], far[2];
static struct addr sip[2];
static struct selector_rules rules;

static int setup(void **state)
{
	(void)state;
	near[0] = sample_net("10.99.1.1");
	near[1] = sample_net("10.99.11.0/24");
	near[2] = sample_net("fd99:1::/64");
	far[0] = sample_net("10.99.2.0/24");
	far[1] = sample_net("fd99:2::/64");
	sip[0] = sample_addr("10.99.1.1:5060");
	sip[1] = sample_addr("0.0.0.0:5061");
	rules = (struct selector_rules){
		.scope = ESP_MEDIA, .near = near, .n_near = 3, .far = far,
		.n_far = 2, .sip = sip, .n_sip = 2 };
	return 0;
}

static struct ipsec_selector between(const char *src, const char *dst)
{
	struct ipsec_selector s = sample_selector();

	s.src = sample_net(src);
	s.dst = sample_net(dst);
	return s;
}

static void good(struct ipsec_selector s)
{
	const char *why = "";

	assert_int_equal(selector_check(&s, &rules, &why), 0);
}

static void bad(struct ipsec_selector s, int code, const char *about)
{
	const char *why = "";

	assert_int_equal(selector_check(&s, &rules, &why), code);
	assert_non_null(strstr(why, about));
}

static void flows_of_media_pass(void **state)
{
	struct ipsec_selector s = between("10.99.1.1", "10.99.2.1");

	(void)state;
	good(s);
	s.sport_mask = s.dport_mask = 0xfffe;
	good(s);
	good(between("fd99:1::1", "fd99:2::1"));
	good(between("10.99.11.7", "10.99.2.200"));
}

static void other_hosts_and_nets_do_not(void **state)
{
	(void)state;
	bad(between("10.99.1.2", "10.99.2.1"), E_POLICY, "ours alone");
	bad(between("10.99.1.1", "10.99.3.1"), E_POLICY, "peer's alone");
	bad(between("10.99.2.1", "10.99.1.1"), E_POLICY, "ours alone");
	bad(between("10.99.1.1", "10.99.0.0/16"), E_POLICY, "peer's alone");
	bad(between("10.99.1.0/24", "10.99.2.1"), E_POLICY, "ours alone");
	bad(between("10.99.1.1", "10.99.2.0/25"), E_POLICY, "two hosts");
	bad(between("0.0.0.0/0", "10.99.2.1"), E_POLICY, "all addresses");
	bad(between("10.99.1.1", "0.0.0.0/0"), E_POLICY, "all addresses");
	bad(between("fd99:1::1", "::/0"), E_POLICY, "all addresses");
}

/* Also when a careless configuration allows all. */
static void addresses_nobody_calls_from_do_not(void **state)
{
	static const struct {
		const char *net, *about;
	} cases[] = {
		{ "0.0.0.0/1", "no host" }, { "0.0.0.1", "no host" },
		{ "127.0.0.1", "loopback" }, { "126.0.0.0/7", "loopback" },
		{ "224.0.0.251", "multicast" }, { "192.0.0.0/2", "multicast" },
		{ "255.255.255.255", "broadcast" },
	};
	static const struct {
		const char *net, *about;
	} six[] = {
		{ "::1", "loopback" }, { "::", "no host" },
		{ "ff02::1", "multicast" }, { "8000::/1", "multicast" },
		{ "::ffff:10.99.2.1", "written as IPv6" },
	};

	(void)state;
	far[0] = sample_net("0.0.0.0/0");
	far[1] = sample_net("::/0");
	rules.scope = ESP_NET;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		bad(between("10.99.1.1", cases[i].net), E_POLICY,
		    cases[i].about);
	for (size_t i = 0; i < sizeof six / sizeof *six; i++)
		bad(between("fd99:1::1", six[i].net), E_POLICY, six[i].about);
	good(between("10.99.1.1", "198.51.100.0/24"));
}

#define changed(what) \
	({ struct ipsec_selector s_ = sample_selector(); s_.what; s_; })

static void more_than_a_flow_does_not(void **state)
{
	(void)state;
	bad(changed(sport_mask = 0), E_ARG, "never match");
	bad(changed(sport = s_.sport_mask = 0), E_POLICY, "more ports");
	bad(changed(dport = s_.dport_mask = 0), E_POLICY, "more ports");
	bad(changed(dport = s_.dport_mask = 0xc000), E_POLICY, "more ports");
	bad(changed(sport = 0), E_POLICY, "more ports");
	bad(changed(proto = IPPROTO_TCP), E_POLICY, "UDP only");
	bad(changed(src.base.family = 0), E_ARG, "none");
	bad(changed(src.base.family = 6), E_ARG, "two families");
}

static void our_sip_ports_do_not(void **state)
{
	struct ipsec_selector s = sample_selector();

	(void)state;
	bad(changed(sport = 5060), E_POLICY, "SIP port");
	bad(changed(sport = 5061), E_POLICY, "SIP port");
	/* where we do not listen it is a port like others */
	s.src = sample_net("10.99.11.7");
	s.sport = 5060;
	good(s);
	s.sport = 5061;
	bad(s, E_POLICY, "SIP port");
	/* all ports of a host: the bypass policies are for that */
	s = between("10.99.1.1", "10.99.2.1");
	s.sport = s.sport_mask = s.dport = s.dport_mask = 0;
	s.proto = 0;
	rules.scope = ESP_HOST;
	good(s);
	s = between("10.99.1.1", "10.99.2.1");
	s.sport = 5060;
	bad(s, E_POLICY, "SIP port");
	s.proto = IPPROTO_TCP;
	bad(s, E_POLICY, "SIP port");
}

static void scopes_are_kept(void **state)
{
	struct ipsec_selector s = between("10.99.11.0/24", "10.99.2.0/24");

	(void)state;
	s.sport = s.sport_mask = s.dport = s.dport_mask = 0;
	s.proto = 0;
	rules.scope = ESP_NET;
	good(s);
	rules.scope = ESP_HOST;
	bad(s, E_POLICY, "two hosts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(flows_of_media_pass, setup),
		cmocka_unit_test_setup(other_hosts_and_nets_do_not, setup),
		cmocka_unit_test_setup(addresses_nobody_calls_from_do_not,
				       setup),
		cmocka_unit_test_setup(more_than_a_flow_does_not, setup),
		cmocka_unit_test_setup(our_sip_ports_do_not, setup),
		cmocka_unit_test_setup(scopes_are_kept, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
