/* xfrm_samples.h - one SA and one policy for the tests of modules/xfrm. */
#ifndef CALLSEAL_TEST_XFRM_SAMPLES_H
#define CALLSEAL_TEST_XFRM_SAMPLES_H

#include "modules/xfrm/ipsec.h"

#include <netinet/in.h>

static inline struct addr sample_addr(const char *text)
{
	struct addr a = { 0 };

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static inline struct net sample_net(const char *text)
{
	struct net n;

	assert_int_equal(net_parse(text, &n), 0);
	return n;
}

/* Keys as in tests/vectors/iproute2_xfrm.txt. */
static inline struct esp_key sample_key(enum esp_suite suite)
{
	const struct esp_suite_info *info = esp_suite_info(suite);
	struct esp_key key = { .suite = suite, .key_len = info->key_len,
			       .salt_len = info->salt_len,
			       .auth_len = info->auth_len };

	for (int i = 0; i < ESP_KEY_MAX; i++) {
		key.key[i] = (uint8_t)i;
		key.auth[i] = (uint8_t)(0xc0 + i);
	}
	for (int i = 0; i < ESP_SALT_MAX; i++)
		key.salt[i] = (uint8_t)(0xa0 + i);
	return key;
}

static inline struct ipsec_sa sample_sa(void)
{
	return (struct ipsec_sa){
		.src = sample_addr("10.99.1.1"),
		.dst = sample_addr("10.99.2.1"), .spi = 0x2001,
		.reqid = 0x40000001, .mode = ESP_TRANSPORT, .window = 32,
		.key = sample_key(ESP_AES_128_GCM) };
}

static inline struct ipsec_selector sample_selector(void)
{
	return (struct ipsec_selector){
		.src = sample_net("10.99.1.1"), .dst = sample_net("10.99.2.1"),
		.sport = 40000, .sport_mask = 0xffff, .dport = 50000,
		.dport_mask = 0xffff, .proto = IPPROTO_UDP };
}

static inline struct ipsec_policy sample_policy(void)
{
	return (struct ipsec_policy){
		.sel = sample_selector(), .dir = IPSEC_OUT,
		.action = IPSEC_PROTECT, .priority = 0x2000,
		.src = sample_addr("10.99.1.1"),
		.dst = sample_addr("10.99.2.1"), .spi = 0x2001,
		.reqid = 0x40000001, .mode = ESP_TRANSPORT };
}

#endif
