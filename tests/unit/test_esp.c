/* test_esp.c - the table of ESP suites, and what an end may say of itself. */
#include "daemon/base/err.h"
#include "daemon/base/esp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void every_suite_has_a_whole_row(void **state)
{
	(void)state;
	for (unsigned i = 1; i < ESP_SUITES; i++) {
		const struct esp_suite_info *s = esp_suite_info(i);

		assert_non_null(s);
		assert_int_equal(esp_suite_by_name(s->name), i);
		assert_true(s->key_len >= 16 && s->key_len <= ESP_KEY_MAX);
		assert_true(s->auth_len <= ESP_AUTH_MAX);
		assert_int_equal(s->salt_len, s->integ ? 0 : ESP_SALT_MAX);
		assert_int_equal(!s->auth_len, !s->integ);
	}
	assert_null(esp_suite_info(ESP_NONE));
	assert_null(esp_suite_info(ESP_SUITES));
	assert_int_equal(esp_suite_by_name("aes_128_gcm"), ESP_AES_128_GCM);
	assert_int_equal(esp_suite_by_name("NULL"), ESP_NONE);
}

static struct esp_end end(const char *at)
{
	struct esp_end e = { .spi = 0x1000, .n = 1 };

	assert_int_equal(addr_parse(at, &e.at), 0);
	e.sel[0].net.base = e.at;
	e.sel[0].net.base.port = 0;
	e.sel[0].net.bits = e.at.family == 4 ? 32 : 128;
	return e;
}

static void networks(struct esp_end *e, const char *a, const char *b)
{
	e->n = b ? 2 : 1;
	assert_int_equal(net_parse(a, &e->sel[0].net), 0);
	e->sel[1] = (struct esp_selector){ .port = 0 };
	if (b)
		assert_int_equal(net_parse(b, &e->sel[1].net), 0);
}

static int check(const struct esp_end *e, enum esp_scope scope)
{
	const char *why = NULL;
	int r = esp_end_check(e, scope, ESP_TUNNEL, &why);

	assert_int_equal(!why, !r);
	return r;
}

static void sound_ends_are_taken(void **state)
{
	struct esp_end e = end("192.0.2.1");

	(void)state;
	assert_int_equal(check(&e, ESP_HOST), 0);
	e.spi = ESP_SPI_MIN;
	e.sel[0].protocol = 17;
	e.sel[0].port = 4000;
	e.sel[0].mask = 0xfffe;
	assert_int_equal(check(&e, ESP_MEDIA), 0);
	e.sel[0].port = 4001;
	e.sel[0].mask = 0xffff;
	assert_int_equal(check(&e, ESP_MEDIA), 0);
	e = end("[2001:db8::1]:4501");
	e.natted = true;
	assert_int_equal(check(&e, ESP_HOST), 0);
	networks(&e, "10.1.0.0/16", "fd00:1::/32");
	assert_int_equal(check(&e, ESP_NET), 0);
}

static void ports(struct esp_end *e, uint16_t port, uint16_t mask, uint8_t p)
{
	e->sel[0].port = port;
	e->sel[0].mask = mask;
	e->sel[0].protocol = p;
}

static void media_ends_have_a_port_or_two(void **state)
{
	struct esp_end e = end("192.0.2.1");

	(void)state;
	assert_int_equal(check(&e, ESP_MEDIA), E_ARG);
	ports(&e, 4001, 0xfffe, 17);
	assert_int_equal(check(&e, ESP_MEDIA), E_ARG);
	ports(&e, 4000, 0xff00, 17);
	assert_int_equal(check(&e, ESP_MEDIA), E_ARG);
	ports(&e, 4000, 0xffff, 6);
	assert_int_equal(check(&e, ESP_MEDIA), E_ARG);
	ports(&e, 0, 0xffff, 17);
	assert_int_equal(check(&e, ESP_MEDIA), E_ARG);
	ports(&e, 4000, 0xffff, 17);
	assert_int_equal(check(&e, ESP_HOST), E_ARG);
}

static void a_line_of_media_has_an_end(void **state)
{
	struct esp_end e;
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1:40000", &a), 0);
	assert_int_equal(esp_media_end(&a, 0x1000, &e), 0);
	assert_int_equal(check(&e, ESP_MEDIA), 0);
	assert_int_equal(e.sel[0].port, 40000);
	assert_int_equal(e.sel[0].mask, 0xfffe);
	assert_int_equal(e.at.port, 0); /* of no encapsulation */
	assert_int_equal(esp_media_end(&a, ESP_SPI_MIN - 1, &e), E_ARG);
	a.port = 40001;
	assert_int_equal(esp_media_end(&a, 0x1000, &e), E_ARG);
	a.port = 0;
	assert_int_equal(esp_media_end(&a, 0x1000, &e), E_ARG);
	assert_int_equal(addr_parse("0.0.0.0:40000", &a), 0);
	assert_int_equal(esp_media_end(&a, 0x1000, &e), E_ARG);
	assert_int_equal(addr_parse("[2001:db8::1]:40000", &a), 0);
	assert_int_equal(esp_media_end(&a, 0x1000, &e), 0);
	assert_int_equal(e.sel[0].net.bits, 128);
}

static void unsound_addresses_are_refused(void **state)
{
	static const char *const hosts[] = { "0.0.0.0", "224.0.0.1", "::",
		"255.255.255.255", "ff02::1", "::ffff:192.0.2.1", "0.1.2.3" };
	struct esp_end e;

	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		e = end(hosts[i]);
		assert_int_equal(check(&e, ESP_HOST), E_ARG);
	}
	e = end("192.0.2.1");
	e.at.family = 5;
	assert_int_equal(check(&e, ESP_HOST), E_ARG);
	e = end("192.0.2.1");
	e.natted = true;
	assert_int_equal(check(&e, ESP_HOST), E_ARG);
	for (uint32_t spi = 0; spi < ESP_SPI_MIN; spi++) {
		e = end("192.0.2.1");
		e.spi = spi;
		assert_int_equal(check(&e, ESP_HOST), E_ARG);
	}
}

static void unsound_selectors_are_refused(void **state)
{
	static const struct {
		const char *a, *b;
	} nets[] = {
		{ "0.0.0.0/0", NULL }, { "::/0", NULL },
		{ "10.0.0.1/8", NULL }, { "fd00::1/64", NULL },
		{ "224.0.0.0/4", NULL }, { "10.0.0.0/8", "10.1.0.0/16" },
		{ "10.1.0.0/16", "10.0.0.0/8" },
	};
	struct esp_end e;

	(void)state;
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
		e = end("192.0.2.1");
		networks(&e, nets[i].a, nets[i].b);
		assert_int_equal(check(&e, ESP_NET), E_ARG);
	}
	e = end("192.0.2.1");
	networks(&e, "192.0.2.0/24", NULL);
	assert_int_equal(check(&e, ESP_HOST), E_ARG);
	networks(&e, "192.0.2.2", NULL);
	assert_int_equal(check(&e, ESP_HOST), E_ARG);
	e.n = 0;
	assert_int_equal(check(&e, ESP_NET), E_ARG);
	e.n = ESP_SELECTORS_MAX + 1;
	assert_int_equal(check(&e, ESP_NET), E_ARG);
}

static void networks_want_tunnel_mode(void **state)
{
	struct esp_end e = end("192.0.2.1");
	const char *why;

	(void)state;
	networks(&e, "10.0.0.0/8", NULL);
	assert_int_equal(esp_end_check(&e, ESP_NET, ESP_TUNNEL, &why), 0);
	assert_int_equal(esp_end_check(&e, ESP_NET, ESP_TRANSPORT, &why),
			 E_ARG);
	assert_non_null(strstr(why, "transport"));
}

/* Of the end's own family, in their order; a NAT's address changes none. */
static void networks_are_behind_an_end(void **state)
{
	struct esp_end e = end("192.0.2.1"), was;
	struct addr in, out, local;
	struct net nets[3];

	(void)state;
	assert_int_equal(net_parse("10.1.0.0/16", &nets[0]), 0);
	assert_int_equal(net_parse("fd00::/16", &nets[1]), 0);
	assert_int_equal(net_parse("192.0.2.0/30", &nets[2]), 0);
	assert_int_equal(addr_parse("10.1.255.255", &in), 0);
	assert_int_equal(addr_parse("10.2.0.0", &out), 0);
	assert_int_equal(addr_parse("10.9.9.9", &local), 0);
	assert_int_equal(esp_net_end(nets, 3, &e), 0);
	assert_int_equal(check(&e, ESP_NET), 0);
	assert_int_equal(e.n, 2);
	assert_true(net_equal(&e.sel[1].net, &nets[2]));
	assert_true(esp_end_has(&e, &in));
	assert_false(esp_end_has(&e, &out));
	was = e;
	esp_end_behind(ESP_NET, &local, &e);
	assert_true(addr_equal(&e.at, &local));
	assert_int_equal(e.n, 2);
	for (size_t i = 0; i < e.n; i++)
		assert_true(net_equal(&e.sel[i].net, &was.sel[i].net));
	e = end("192.0.2.1");
	esp_end_behind(ESP_HOST, &local, &e);
	assert_true(addr_equal(&e.sel[0].net.base, &local));
	e = was = end("2001:db8::1");
	assert_int_equal(esp_net_end(nets, 1, &e), E_ARG); /* none of IPv6 */
	assert_int_equal(esp_net_end(nets, 0, &e), E_ARG);
	nets[1].base.ip[15] = 1; /* behind its prefix */
	assert_int_equal(esp_net_end(nets, 3, &e), E_ARG);
	assert_memory_equal(&e, &was, sizeof e);
	net_trim(&nets[1]);
	assert_int_equal(esp_net_end(nets, 3, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_has_a_whole_row),
		cmocka_unit_test(sound_ends_are_taken),
		cmocka_unit_test(media_ends_have_a_port_or_two),
		cmocka_unit_test(a_line_of_media_has_an_end),
		cmocka_unit_test(unsound_addresses_are_refused),
		cmocka_unit_test(unsound_selectors_are_refused),
		cmocka_unit_test(networks_want_tunnel_mode),
		cmocka_unit_test(networks_are_behind_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
