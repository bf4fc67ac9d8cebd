/* test_settings.c - the faces, media and limits, and what they may not say. */
#include "daemon/base/err.h"
#include "daemon/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int read_text(const char *text, struct conf **c, struct settings *s,
		     struct conf_err *err)
{
	int r = conf_parse(text, "t", NULL, settings_groups(), c, err);

	if (!r)
		r = settings_check(*c, err);
	return r ? r : settings_read(*c, s, err);
}

static void defaults_are_loopback(void **state)
{
	struct conf_err err = { "" };
	struct conf *c = NULL;
	char text[ADDR_TEXT];
	struct settings s;

	(void)state;
	assert_int_equal(read_text("", &c, &s, &err), 0);
	assert_int_equal(s.face[INSIDE].n_listen, 2);
	assert_int_equal(s.face[INSIDE].listen[1].transport, TRANSPORT_TCP);
	assert_string_equal(addr_text(&s.face[INSIDE].listen[0].addr, text),
			    "127.0.0.1:5060");
	assert_string_equal(addr_text(&s.face[OUTSIDE].listen[0].addr, text),
			    "127.0.0.1:5070");
	assert_string_equal(addr_text(&s.face[OUTSIDE].media[0], text),
			    "127.0.0.1");
	assert_int_equal(s.face[OUTSIDE].media[1].family, 0);
	assert_int_equal(s.face[INSIDE].n_nets, 2);
	assert_string_equal(s.face[INSIDE].proxy, "");
	assert_int_equal(s.port_min, 16384);
	assert_int_equal(s.port_max, 32767);
	assert_int_equal(s.workers, 1);
	assert_int_equal(s.media_timeout_s, 300);
	assert_int_equal(s.media_grace_s, 5);
	assert_int_equal(s.calls_max, 2000);
	assert_int_equal(s.session_s, 1800);
	assert_string_equal(s.media_loop, "auto");
	assert_string_equal(s.transform, "evp");
	conf_free(c);
}

static void the_printed_default_passes_all_checks(void **state)
{
	struct conf_err err = { "" };
	struct conf *c = NULL;
	struct settings s;
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	conf_print_default(f, settings_groups());
	fclose(f);
	if (read_text(text, &c, &s, &err))
		fail_msg("%s", err.text);
	conf_free(c);
	free(text);
}

static void media_follow_the_listeners_or_are_named(void **state)
{
	struct conf_err err = { "" };
	struct conf *c = NULL;
	char text[ADDR_TEXT];
	struct settings s;

	(void)state;
	assert_int_equal(read_text(
		"inside = { listen = ( \"udp:[::1]:5060\", "
		"\"udp:127.0.0.2:5060\" ); };\n"
		"outside = { media = ( \"127.0.0.9\", \"::1\" ); proxy = "
		"\"sip:p\"; };", &c, &s, &err), 0);
	assert_string_equal(addr_text(&s.face[INSIDE].media[0], text),
			    "127.0.0.2");
	assert_string_equal(addr_text(&s.face[INSIDE].media[1], text), "::1");
	assert_string_equal(addr_text(&s.face[OUTSIDE].media[0], text),
			    "127.0.0.9");
	assert_string_equal(s.face[OUTSIDE].proxy, "sip:p");
	conf_free(c);
}

struct wrong {
	const char *text, *says;
};

static void refuses(const struct wrong *rows, size_t n)
{
	struct conf_err err;
	struct settings s;

	for (size_t i = 0; i < n; i++) {
		struct conf *c = NULL;

		*err.text = 0;
		assert_int_equal(read_text(rows[i].text, &c, &s, &err),
				 E_CONF);
		if (!strstr(err.text, rows[i].says))
			fail_msg("\"%s\" is not in: %s", rows[i].says,
				 err.text);
		conf_free(c);
	}
}

#define TUNNELS(more) "profiles = { s = { need = \"require\"; media = " \
	"\"esp\"; keying = [ \"mikey-psk\" ]; }; }; peers = ( { match = " \
	"\"*\"; psk = \"file:k\"; profile = \"s\"; } ); " more

static void tunnels_have_ports_of_their_own(void **state)
{
	static const struct wrong rows[] = {
		{ TUNNELS("tunnel = { ports = \"16384-17383\"; };"),
		  "tunnel.ports: 16384-17383 and media.ports (16384-32767) "
		  "overlap" },
		{ TUNNELS("tunnel = { ports = \"4000-5999\"; };"),
		  "tunnel.ports: port 5060 of a listener" },
		{ TUNNELS("outside = { public = ( \"192.0.2.1\" ); };"),
		  "tunnel.udp: with outside.public a NAT is before us" },
		{ TUNNELS("tunnel = { udp = 4500; };"),
		  "tunnel.udp: 4500 is IKE's" },
		{ TUNNELS("tunnel = { udp = 40002; };"),
		  "tunnel.udp: 40002" },
		{ TUNNELS("tunnel = { udp = 16384; };"), "tunnel.udp: 16384" },
		{ TUNNELS("tunnel = { udp = 5060; };"),
		  "tunnel.udp: 5060 is a listener's" },
		{ "profiles = { s = { need = \"require\"; media = \"ike\"; "
		  "}; }; peers = ( { match = \"*@b.example\"; profile = \"s\"; "
		  "ike = \"192.0.2.2\"; psk = \"file:k\"; } ); outside"
		  " = { public = ( \"192.0.2.1\" ); };",
		  "media = \"ike\" do not pass a NAT" },
		{ "profiles = { s = { need = \"require\"; media = \"ike\"; "
		  "ike = \"call\"; keying = [ \"mikey-psk\" ]; }; }; peers = "
		  "( { match = \"*\"; profile = \"s\"; psk = \"file:k\"; } ); "
		  "outside = { public = ( \"192.0.2.1\" ); };",
		  "media = \"ike\" do not pass a NAT" },
		{ "tunnel = { ports = \"40001-40999\"; };", "FIRST even" },
		{ "profiles = { s = { need = \"prefer\"; media = \"esp\"; "
		  "keying = [ \"mikey-psk\" ]; }; };",
		  "profiles.s.media: \"esp\" does not go with a need" },
		{ "profiles = { s = { need = \"require\"; media = \"esp\"; "
		  "keying = [ \"sdes\" ]; }; };", "keying by sdes" },
		{ "profiles = { s = { need = \"require\"; media = \"esp\"; "
		  "esp = [ ]; keying = [ \"mikey-psk\" ]; }; };", "esp" },
	};

	(void)state;
	refuses(rows, sizeof rows / sizeof *rows);
}

#define NETS(peer, more) "profiles = { s = { need = \"require\"; media = " \
	"\"esp\"; esp_scope = \"net\"; answer = \"early\"; keying = [ " \
	"\"mikey-psk\" ]; }; }; peers = ( { match = \"*\"; psk = \"file:k\"; " \
	"profile = \"s\"; esp_nets = ( " peer " ); } ); " \
	"outside = { listen = ( \"udp:192.0.2.1:5060\" ); media = [ " \
	"\"192.0.2.1\" ]; }; " more
#define OWN(nets) "tunnel = { nets = ( " nets " ); };"

static void tunnels_lead_between_two_sides(void **state)
{
	static const struct wrong rows[] = {
		{ NETS("\"10.2.0.0/16\"", ""), "tunnel.nets = [" },
		{ TUNNELS(OWN("\"10.1.0.0/16\"")), "tunnel.nets = [" },
		{ NETS("\"10.1.7.0/24\"", OWN("\"10.1.0.0/16\"")),
		  "overlap with tunnel.nets" },
		{ NETS("\"10.0.0.0/8\"", OWN("\"10.1.0.0/16\"")),
		  "overlap with tunnel.nets" },
		{ NETS("\"192.0.2.0/24\"", OWN("\"10.1.0.0/16\"")),
		  "one of our own addresses is in its esp_nets" },
		{ NETS("\"127.0.0.0/24\"", OWN("\"10.1.0.0/16\"")),
		  "one of our own addresses" },
		{ NETS("\"10.2.0.0/16\"", OWN("\"0.0.0.0/0\"")),
		  "all addresses there are" },
		{ NETS("\"10.2.0.0/16\"", OWN("\"10.1.0.0/16\", \"x\"")),
		  "\"x\" is no ADDRESS/BITS" },
		{ NETS("\"10.2.0.0/16\"", OWN("\"10.1.0.0/16\", "
		  "\"10.1.2.0/24\"")), "10.1.2.0/24 overlaps" },
		{ NETS("\"10.2.0.0/16\"", OWN("\"10.11.0.0/24\", "
		  "\"10.12.0.0/24\", \"10.13.0.0/24\", \"10.14.0.0/24\", "
		  "\"10.15.0.0/24\"")), "more than 4 of IPv4" },
	};
	struct conf_err err = { "" };
	struct settings s;
	struct conf *c;

	(void)state;
	refuses(rows, sizeof rows / sizeof *rows);
	assert_int_equal(read_text(NETS("\"10.2.0.0/16\"", OWN(
		"\"10.1.7.9/24\", \"fd00::/64\"")), &c, &s, &err), 0);
	assert_int_equal(s.tunnel.n_nets, 2);
	assert_int_equal(s.tunnel.nets[0].base.ip[3], 0);
	conf_free(c);
}

static void wrong_settings_are_refused(void **state)
{
	static const struct wrong rows[] = {
		{ "inside = { listen = ( \"sctp:127.0.0.1:5061\" ); };",
		  "t:1: inside.listen[1]: wrong value \"sctp:127.0.0.1:5061\"; "
		  "allowed: \"udp:ADDRESS:PORT\"" },
		{ "outside = { listen = ( \"tls:127.0.0.1:5061\" ); };",
		  "needs tls.cert and tls.key" },
		{ "outside = { listen = ( \"tls:127.0.0.1:5061\" ); }; "
		  "tls = { cert = \"file:c\"; key = \"file:k\"; };",
		  "tls.ca: is missing" },
		{ "outside = { listen = ( \"tls:127.0.0.1:5061\", "
		  "\"tcp:127.0.0.1:5061\" ); };", "there twice" },
		{ "tls = { cert = \"c.pem\"; };", "\"file:PATH\"" },
		{ "tls = { verify = \"maybe\"; };", "mutual" },
		{ "outside = { proxy = \"sip:p;transport=tls\"; };",
		  "no \"tls:ADDRESS:PORT\"" },
		{ "profiles = { s = { need = \"forbid\"; }; }; peers = ( "
		  "{ match = \"*\"; profile = \"s\"; "
		  "route = \"sip:p;TRANSPORT=TLS;lr\"; } );",
		  "asks for TLS" },
		{ "inside = { listen = ( \"udp:0.0.0.0:5060\" ); };",
		  "not the any-address" },
		{ "inside = { listen = ( \"udp:[::]:5060\" ); };",
		  "not the any-address" },
		{ "inside = { listen = ( \"udp:127.0.0.1\" ); };", "PORT" },
		{ "inside = { listen = ( \"udp:host:1\" ); };", "ADDRESS" },
		{ "\ninside = { listen = ( ); };",
		  "t:2: inside.listen: 0 entries; allowed: 1 to 8" },
		{ "inside = { listen = ( \"udp:127.0.0.1:5070\" ); };",
		  "listen: 127.0.0.1:5070 is there twice" },
		{ "inside = { media = ( \"127.0.0.1:4\" ); };",
		  "without a port" },
		{ "inside = { media = ( \"127.0.0.1\", \"127.0.0.2\" ); };",
		  "one IPv4 and one IPv6" },
		{ "inside = { nets = ( \"127.0.0.0/99\" ); };",
		  "a network, ADDRESS/BITS" },
		{ "inside = { proxy = \"proxy.example\"; };", "a SIP URI" },
		{ "outside = { nets = ( ); };", "unknown key" },
		{ "calls = { session = 89; };",
		  "calls.session: 89; allowed: 0, or 90 to 604800" },
		{ "media = { ports = \"16385-32767\"; };", "FIRST even" },
		{ "media = { ports = \"16384-32768\"; };", "LAST odd" },
		{ "media = { ports = \"16384-16385\"; };", "at least four" },
		{ "media = { ports = \"100-200\"; };", "within 1024-65535" },
		{ "media = { ports = \"16384-99999\"; };", "FIRST-LAST" },
		{ "media = { ports = \"5000-5999\"; };",
		  "port 5060 lies within media.ports (5000-5999)" },
		{ "media = { workers = 0; };", "from 1 to 64 threads" },
		{ "limits = { calls = 0; };", "from 1 to 1000000" },
		{ "user = \"a b\";", "the name of a system user" },
		{ "phones = ( { user = \"a\"; } );", "contact: must be set" },
		{ "phones = ( { user = \"a@b\"; contact = \"sip:c\"; } );",
		  "without \"@\"" },
		{ "phones = ( { user = \"a\"; contact = \"sip:c\"; },\n"
		  "{ user = \"a\"; contact = \"sip:d\"; } );",
		  "t:2: phones: user \"a\" is there twice" },
		{ "register = \"here\";",
		  "allowed: \"off\", \"pass\", \"local\"" },
		{ "register = \"local\"; registrar = { users = \"file:u\"; };",
		  "registrar.domain: is missing" },
		{ "register = \"local\"; registrar = { domain = \"a\"; };",
		  "callsealctl digest" },
		{ "registrar = { domain = \"A.example\"; };", "lower case" },
		{ "registrar = { users = \"u\"; };", "file:PATH" },
		{ "registrar = { hash = [ ]; };", "registrar.hash: is empty" },
		{ "registrar = { expires_min = 500; expires_max = 400; };",
		  "registrar.expires_min: 500 is more than" },
		{ "peers = ( { match = \"*\"; profile = \"x\"; } );",
		  "no profile \"x\"" },
	};

	(void)state;
	refuses(rows, sizeof rows / sizeof *rows);
}

static void lists_are_bounded(void **state)
{
	char text[4000] = "inside = { nets = ( \"10.0.0.0/8\"";
	struct conf_err err;
	struct conf *c = NULL;
	struct settings s;

	(void)state;
	for (int i = 0; i < NETS_MAX; i++)
		strcat(text, ", \"10.0.0.0/8\"");
	strcat(text, " ); };");
	assert_int_equal(read_text(text, &c, &s, &err), E_CONF);
	assert_non_null(strstr(err.text, "33 entries; allowed: up to 32"));
	conf_free(c);
}

static void what_is_ours(void **state)
{
	static const char text[] =
		"inside = { listen = ( \"udp:10.1.1.1:5060\" ); nets = ( "
		"\"10.1.1.0/24\" ); media = ( \"10.1.1.2\" ); }; outside = { "
		"listen = ( \"udp:192.0.2.1:5060\" ); media = ( \"192.0.2.2\", "
		"\"2001:db8::2\" ); public = ( \"198.51.100.1\" ); };";
	static const char *const ours[] = { "10.1.1.1", "10.1.1.2",
		"192.0.2.1:9", "192.0.2.2", "2001:db8::2", "198.51.100.1",
		"127.0.0.1", "127.9.9.9", "::1" };
	static const char *const others[] = { "10.1.1.3", "192.0.2.3",
		"2001:db8::1", "198.51.100.2", "::2" };
	struct conf_err err = { "" };
	struct conf *c = NULL;
	struct settings s;
	struct addr a;

	(void)state;
	if (read_text(text, &c, &s, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		addr_parse(ours[i], &a);
		if (!settings_is_own(&s, &a))
			fail_msg("%s", ours[i]);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		addr_parse(others[i], &a);
		if (settings_is_own(&s, &a))
			fail_msg("%s", others[i]);
	}
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_loopback),
		cmocka_unit_test(the_printed_default_passes_all_checks),
		cmocka_unit_test(media_follow_the_listeners_or_are_named),
		cmocka_unit_test(wrong_settings_are_refused),
		cmocka_unit_test(tunnels_have_ports_of_their_own),
		cmocka_unit_test(tunnels_lead_between_two_sides),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(what_is_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
