/* test_policy.c - names of URIs, patterns of peers, and what a policy may not
 * say. */
#include "daemon/base/err.h"
#include "daemon/policy.h"
#include "daemon/protocol.h"
#include "daemon/uri.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void uris_are_reduced_to_a_name(void **state)
{
	static const struct {
		const char *uri, *name;
	} rows[] = {
		{ "sip:bob@b.example", "bob@b.example" },
		{ "SIPS:Bob@B.Example:5061;transport=tcp?x=y",
		  "Bob@b.example" },
		{ "bob@b.example.", "bob@b.example" },
		{ "sip:bob:secret@b.example", "bob@b.example" },
		{ "sip:+49;ext=1@b.example", "+49@b.example" },
		{ "sip:%62o%62@b.example", "bob@b.example" },
		{ "sip:bob@[2001:DB8::1]:5060", "bob@[2001:db8::1]" },
		{ "sip:b.example", "b.example" },
		{ "tel:+49123;phone-context=x", "+49123" },
		/* RFC 3966 5.1.1: separators only please the eye */
		{ "tel:+49-(123).4", "+491234" },
		{ "TEL:+49-123-4;ext=5", "+491234" },
		/* read again they would be another name */
		{ "sip:bob%3bx@h", NULL }, { "sip:bob%3ax@h", NULL },
		{ "tel:-", NULL },
		{ "sip:bo%00b@h", NULL }, { "sip:bo%40b@h", NULL },
		{ "sip:b%2@h", NULL }, { "sip:b\nb@h", NULL },
		{ "sip:b@h@i", NULL }, { "sip:bob@", NULL }, { "", NULL },
		{ "sip:b@h h", NULL },
	};
	char name[URI_NAME_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(uri_name(rows[i].uri, name),
				 rows[i].name != NULL);
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
	}
}

static void long_uris_have_no_name(void **state)
{
	char uri[2 * URI_NAME_TEXT], name[URI_NAME_TEXT];

	(void)state;
	memset(uri, 'a', sizeof uri);
	uri[sizeof uri - 1] = 0;
	assert_false(uri_name(uri, name));
	for (size_t at = URI_NAME_TEXT - 5; at < URI_NAME_TEXT + 5; at++) {
		memset(uri, 'a', sizeof uri);
		strcpy(uri + at, "@h");
		uri_name(uri, name); /* the sanitizer judges */
	}
}

static void only_sip_uris_are_routes(void **state)
{
	static const char *const good[] = {
		"sip:h", "sip:u@h:5060;transport=tcp", "sip:[::1]:5060",
		"SIP:192.0.2.1"
	};
	static const char *const bad[] = {
		"", "h", "sips:h", "sip:", "sip:@h", "sip:u@", "sip:[::1",
		"sip:u@h@i", "sip:h h", "sip:<h>", "sip:h\"", "tel:1"
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(uri_is_sip(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(uri_is_sip(bad[i]));
}

#define PROFILES \
	"profiles = { s = { need = \"require\"; keying = [ \"mikey-psk\" ];" \
	" suites = [ \"AEAD_AES_256_GCM\", \"AES_CM_128_HMAC_SHA1_32\" ]; };" \
	" p = { need = \"forbid\"; }; };\n"

static struct conf *conf_of(const char *text)
{
	struct conf_err err = { "" };
	struct conf *c = NULL;

	if (conf_parse(text, "t", NULL, policy_groups, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static const char matching[] =
	PROFILES
	"peers = ( { match = \"*@b.example\"; profile = \"s\"; psk = "
	"\"file:b\"; name = \"b\"; route = \"sip:r\"; },\n"
	"{ match = \"+49*\"; profile = \"s\"; psk = \"file:c\"; },\n"
	"{ match = \"a*c*e@x\"; profile = \"p\"; },\n"
	"{ match = \"Sales@*.Shop.example\"; profile = \"p\"; } );";

static void the_first_match_counts(void **state)
{
	static const struct {
		const char *uri, *peer;
	} rows[] = {
		{ "sip:bob@b.example", "b" }, { "sip:bob@B.EXAMPLE:7", "b" },
		{ "sip:@b.example", "b" }, { "sip:b.example", NULL },
		{ "sip:bob@xb.example", NULL },
		{ "sip:bob@b.example.org", NULL },
		{ "tel:+4930", "+49*" }, { "sip:+4930@any", "+49*" },
		{ "sip:+4930@b.example", "b" }, { "sip:%2B4930@z", "+49*" },
		{ "sip:abcde@x", "a*c*e@x" }, { "sip:ace@X", "a*c*e@x" },
		{ "sip:acbde@x", "a*c*e@x" }, { "sip:aec@x", NULL },
		{ "sip:Ace@x", NULL },
		{ "sip:Sales@a.b.shop.example", "Sales@*.Shop.example" },
		{ "sip:sales@a.shop.example", NULL }, { "", NULL },
	};
	struct conf *c = conf_of(matching);
	struct policy *p = NULL;
	struct conf_err err;

	(void)state;
	assert_int_equal(policy_new(c, &p, &err), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct peer *peer = policy_match(p, rows[i].uri);

		if (rows[i].peer)
			assert_string_equal(peer->name, rows[i].peer);
		else
			assert_null(peer);
	}
	policy_free(p);
	conf_free(c);
}

static void peers_carry_their_profile(void **state)
{
	struct conf *c = conf_of(matching);
	const struct peer *peer;
	struct policy *p = NULL;
	struct conf_err err;

	(void)state;
	assert_int_equal(policy_new(c, &p, &err), 0);
	assert_int_equal(policy_count(p), 4);
	assert_null(policy_at(p, 4));
	peer = policy_peer(p, "b");
	assert_ptr_equal(peer, policy_at(p, 0));
	assert_int_equal(peer->n_routes, 1);
	assert_string_equal(peer->routes[0], "sip:r");
	assert_int_equal(peer->keepalive_s, 0);
	assert_string_equal(peer->psk, "file:b");
	assert_int_equal(peer->profile->need, NEED_REQUIRE);
	assert_int_equal(peer->profile->n_keying, 1);
	assert_string_equal(peer->profile->keying[0], "mikey-psk");
	assert_int_equal(peer->profile->n_suites, 2);
	assert_int_equal(peer->profile->suites[0], SUITE_AEAD_AES_256_GCM);
	assert_int_equal(policy_at(p, 3)->profile->need, NEED_FORBID);
	assert_null(policy_peer(p, "none"));
	policy_free(p);
	conf_free(c);
}

#define CERTS \
	"profiles = { c = { need = \"require\"; keying = [ \"mikey-rsa\" ];" \
	" }; };\n"
#define IDENTITY "identity = { cert = \"file:c\"; key = \"file:k\"; };\n"

static void files_of_the_credential_are_listed(void **state)
{
	static const struct {
		enum credential_part part;
		const char *peer, *path;
	} want[] = {
		{ CREDENTIAL_CERT, "", "c" }, { CREDENTIAL_KEY, "", "k" },
		{ CREDENTIAL_CA, "", "a" }, { CREDENTIAL_CA, "", "/b" },
		{ CREDENTIAL_CRL, "", "l" }, { CREDENTIAL_PEER, "two", "p" },
	};
	struct conf *c = conf_of(CERTS IDENTITY "trust = { ca = ( \"file:a\", "
				 "\"file:/b\" ); crl = ( \"file:l\" ); };\n"
				 "peers = ( { match = \"x\"; profile = \"c\"; "
				 "}, { match = \"*\"; profile = \"c\"; name = "
				 "\"two\"; cert = \"file:p\"; } );");
	struct policy_file file;
	struct policy *p = NULL;
	struct conf_err err;
	size_t i;

	(void)state;
	assert_int_equal(policy_new(c, &p, &err), 0);
	for (i = 0; policy_file(p, i, &file); i++) {
		assert_in_range(i, 0, 5);
		assert_int_equal(file.part, want[i].part);
		assert_string_equal(file.peer, want[i].peer);
		assert_string_equal(file.path, want[i].path);
	}
	assert_int_equal(i, 6);
	policy_free(p);
	conf_free(c);
}

#define IKE "profiles = { i = { need = \"require\"; media = \"ike\"; }; }; " \
	"peers = ( { match = \"*\"; profile = \"i\"; "

#define CALL "profiles = { i = { need = \"require\"; media = \"ike\"; " \
	"ike = \"call\"; keying = [ \"mikey-psk\" ]; "

#define ESP_PEER(scope) "profiles = { e = { need = \"require\"; media = " \
	"\"esp\"; keying = [ \"mikey-psk\" ]; esp_scope = \"" scope "\"; " \
	"}; }; peers = ( { match = \"*\"; profile = \"e\"; psk = " \
	"\"file:b\"; "
#define ESP_HOST_PEER ESP_PEER("host")
#define ROUTE(port) ESP_HOST_PEER "esp_nets = ( \"192.0.2.1/32\" ); " \
	"route = \"sip:192.0.2.1" port ";transport=tcp\"; } );"
#define ESP_OF(scope) ESP_PEER(scope) "esp_nets = ( \"192.0.2.1/32\", " \
	"\"fd99::/64\" ); } );"

/* What a tunnel between hosts leaves out was fixed when it began. */
static void ports_of_routes(void **state)
{
	static const struct {
		const char *now, *next;
		bool same;
	} rows[] = {
		{ ROUTE(":5080"), ROUTE(":5080"), true },
		{ ROUTE(""), ROUTE(":5080"), false },
		{ ROUTE(":5080"), ROUTE(":5081"), false },
		{ ROUTE(":5080"), ROUTE(""), true },
		{ ROUTE(""), ROUTE(":5061"), true },
		{ ESP_PEER("media") "} );", ROUTE(":5080"), false },
		{ ROUTE(":5080"), ESP_PEER("media") "route = "
		  "\"sip:h:5081;transport=tcp\"; } );", true },
	};
	struct policy *p[2] = { NULL };
	struct conf *c[2];
	struct conf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int k = 0; k < 2; k++) {
			c[k] = conf_of(k ? rows[i].next : rows[i].now);
			assert_int_equal(policy_new(c[k], &p[k], &err), 0);
		}
		if (tunnelpeers_same_ports(p[0], p[1]) != rows[i].same)
			fail_msg("row %zu", i);
		for (int k = 0; k < 2; k++) {
			policy_free(p[k]);
			conf_free(c[k]);
		}
	}
}

static void what_esp_is_for(void **state)
{
	struct conf *c = conf_of(ESP_OF("host"));
	struct policy *p = NULL;
	struct conf_err err;

	(void)state;
	assert_int_equal(policy_new(c, &p, &err), 0);
	assert_int_equal(policy_at(p, 0)->profile->esp_scope, ESP_HOST);
	assert_int_equal(policy_at(p, 0)->n_esp_nets, 2);
	assert_int_equal(policy_at(p, 0)->esp_nets[1].bits, 64);
	policy_free(p);
	conf_free(c);
	c = conf_of(ESP_OF("net\"; answer = \"early\"; esp_alone = \"allow"));
	assert_int_equal(policy_new(c, &p, &err), 0);
	assert_int_equal(policy_at(p, 0)->profile->esp_scope, ESP_NET);
	assert_true(policy_at(p, 0)->profile->esp_alone);
	policy_free(p);
	conf_free(c);
	c = conf_of(ESP_PEER("media") "} );");
	assert_int_equal(policy_new(c, &p, &err), 0);
	assert_int_equal(policy_at(p, 0)->profile->esp_scope, ESP_MEDIA);
	policy_free(p);
	conf_free(c);
}

static void ends_of_ike(void **state)
{
	struct conf *c = conf_of(
		"profiles = { i = { need = \"require\"; media = \"ike\"; }; };"
		"peers = ( { match = \"*@b\"; profile = \"i\"; psk = "
		"\"file:b\"; ike = \"192.0.2.1\"; }, { match = \"*\"; profile "
		"= \"i\"; psk = \"file:c\"; ike = \"2001:db8::1\"; ike_id = "
		"\"c.example\"; ike_nets = ( \"10.0.0.0/24\", "
		"\"fd99::/64\" ); } );");
	struct policy *p = NULL;
	const struct tunnel_peer *b, *d;
	struct conf_err err;

	(void)state;
	assert_int_equal(policy_new(c, &p, &err), 0);
	assert_true(policy_tunnels(p) && !policy_uses(p, MEDIA_ESP));
	b = &policy_at(p, 0)->ike;
	d = &policy_at(p, 1)->ike;
	assert_int_equal(b->n_nets, 1);
	assert_int_equal(b->nets[0].bits, 32);
	assert_true(addr_equal(&b->nets[0].base, &b->at));
	assert_string_equal(b->id, "");
	assert_int_equal(d->at.family, 6);
	assert_string_equal(d->id, "c.example");
	assert_int_equal(d->n_nets, 2);
	assert_int_equal(d->nets[1].bits, 64);
	assert_string_equal(d->cert, "");
	policy_free(p);
	conf_free(c);
}

#define FOUND(ike) "profiles = { i = { need = \"require\"; media = \"ike\"; " \
	"discover = \"require\"; }; }; peers = ( { match = \"*\"; profile = " \
	"\"i\"; psk = \"file:b\"; ike = \"" ike "\"; ike_id = \"b\"; " \
	"route = \"sip:b\"; keepalive = 5; } );"

/* Its address is not ours to know; what it is later is no reload. */
static void an_end_that_is_found(void **state)
{
	struct conf *c = conf_of(FOUND("discover")), *d = conf_of(
		FOUND("192.0.2.1"));
	struct policy *p = NULL, *q = NULL;
	struct conf_err err;

	(void)state;
	assert_int_equal(policy_new(c, &p, &err), 0);
	assert_int_equal(policy_new(d, &q, &err), 0);
	assert_true(policy_at(p, 0)->ike.discover);
	assert_int_equal(policy_at(p, 0)->ike.at.family, 0);
	assert_int_equal(policy_at(p, 0)->ike.n_nets, 0);
	assert_int_equal(policy_at(p, 0)->profile->discover, DISCOVER_REQUIRE);
	assert_false(policy_at(q, 0)->ike.discover);
	assert_false(tunnelpeers_same(p, q));
	assert_true(tunnelpeers_same(p, p));
	policy_free(p);
	policy_free(q);
	conf_free(c);
	conf_free(d);
}

static void certificates_of_ike(void **state)
{
	struct conf *c = conf_of(
		"profiles = { i = { need = \"require\"; media = \"ike\"; };"
		"  s = { need = \"require\"; media = \"ike\"; ike = "
		"\"before\"; ike_sdp = \"require\"; }; };"
		"peers = ( { match = \"*@b\"; profile = \"s\"; ike_cert = "
		"\"file:b\"; ike = \"192.0.2.1\"; }, { match = \"*\"; profile "
		"= \"i\"; ike_ca = \"file:c\"; ike = \"192.0.2.2\"; } );");
	struct policy *p = NULL;
	struct conf_err err;

	(void)state;
	assert_int_equal(policy_new(c, &p, &err), 0);
	assert_string_equal(policy_at(p, 0)->ike.cert, "file:b");
	assert_false(policy_at(p, 0)->ike.ca);
	assert_int_equal(policy_at(p, 0)->profile->ike_sdp, IKE_SDP_REQUIRE);
	assert_true(policy_at(p, 0)->profile->ike_before);
	assert_string_equal(policy_at(p, 1)->ike.cert, "file:c");
	assert_true(policy_at(p, 1)->ike.ca);
	policy_free(p);
	conf_free(c);
}

static const struct {
	const char *text, *says;
} refused[] = {
	{ PROFILES "peers = ( { match = \"*\"; profile = \"x\"; } );",
	  "t:2: peers: *: no profile \"x\"" },
	{ PROFILES "peers = ( { match = \"*\"; profile = \"s\"; } );",
	  "but the peer has none; make one (openssl rand -hex 32)" },
	{ PROFILES "peers = ( { match = \"*\"; profile = \"p\"; psk = "
	  "\"file:x\"; } );", "never uses the psk" },
	{ PROFILES "peers = ( { match = \"a\"; profile = \"p\"; },\n"
	  "{ match = \"a\"; profile = \"p\"; } );",
	  "t:3: peers: the name \"a\" is there twice" },
	{ "profiles = { s = { need = \"require\"; keying = "
	  "[ \"mikey-psk\" ]; suites = [ \"NULL_HMAC_SHA1_80\" ]; "
	  "}; };",
	  "t:1: profiles.s.suites: NULL_HMAC_SHA1_80 encrypts nothing"
	},
	{ "profiles = { s = { need = \"require\"; keying = "
	  "[ \"sdes\" ]; suites = [ \"NULL_HMAC_SHA1_32\" ]; "
	  "unencrypted = \"allow\"; }; };",
	  "t:1: profiles.s.suites: sdes has no NULL_HMAC_SHA1_32" },
	{ "profiles = { s = { need = \"prefer\"; }; };",
	  "t:1: profiles.s.keying: need = \"prefer\" takes" },
	{ "profiles = { s = { need = \"require\"; }; };",
	  "t:1: profiles.s.keying: need = \"require\" takes" },
	{ "profiles = { s = { need = \"require\"; keying = "
	  "[ \"mikey-psk\" ]; suites = []; }; };",
	  "profiles.s.suites: need = \"require\" takes" },
	{ "profiles = { s = { need = \"forbid\"; keying = "
	  "[ \"mikey-psk\" ]; }; };", "uses none" },
	{ CERTS "peers = ( { match = \"*\"; profile = \"c\"; } );",
	  "but we have none; set identity" },
	{ CERTS IDENTITY "peers = ( { match = \"*\"; profile = "
	  "\"c\"; } );", "but we believe nobody; set trust" },
	{ "profiles = { s = { need = \"forbid\"; body = \"sign\"; "
	  "answer = \"early\"; }; };", "profiles.s.body: \"sign\" "
	  "does not go with answer" },
	{ "profiles = { s = { need = \"forbid\"; body = \"sign\"; }; };"
	  "peers = ( { match = \"*\"; profile = \"s\"; } );",
	  "but we have none; set identity" },
	{ "profiles = { s = { need = \"forbid\"; hide = true; }; };",
	  "t:1: profiles.s.hide: only whole messages hide who calls; "
	  "set body = \"tunnel\"" },
	{ "profiles = { s = { need = \"forbid\"; body = \"sign\"; "
	  "hide = \"both\"; }; };", "t:1: profiles.s.hide: only" },
	{ "profiles = { s = { need = \"forbid\"; body = \"encrypt\"; "
	  "diverted = \"allow\"; }; };", "t:1: profiles.s.diverted: only a "
	  "signature tells" },
	{ "profiles = { s = { need = \"forbid\"; body = \"tunnel\"; hide = "
	  "true; diverted = \"allow\"; }; };", "t:1: profiles.s.diverted: it "
	  "does not go with hide" },
	{ "identity = { cert = \"file:c\"; };", "go together" },
	{ "identity = { key = \"file:c\"; };", "go together" },
	{ PROFILES "peers = ( { match = \"*\"; profile = \"p\"; "
	  "cert = \"file:x\"; } );", "never uses the cert" },
	{ PROFILES "peers = ( { match = \"*\"; profile = \"p\"; "
	  "route = ( \"sip:a\", \"sip:b;transport=tls\" ); } );",
	  "t:2: peers: *: route has next hops with and without TLS" },
	{ PROFILES "peers = ( { match = \"*\"; profile = \"p\"; "
	  "keepalive = 5; } );", "keepalive asks the next hops" },
	{ "profiles = { i = { need = \"forbid\"; ike = \"after\"; "
	  "}; };", "profiles.i.ike: it says when the tunnel" },
	{ "profiles = { i = { need = \"require\"; media = \"ike\"; ike = "
	  "\"before\"; body = \"sign\"; }; };",
	  "profiles.i.ike: \"before\" does not go with a body" },
	{ "profiles = { i = { need = \"require\"; media = \"ike+srtp\"; "
	  "ike = \"before\"; keying = [ \"mikey-dh\" ]; }; };",
	  "profiles.i.ike: \"before\" does not go with media = \"ike+srtp\"" },
	{ "profiles = { i = { need = \"forbid\"; ike = \"before\"; "
	  "}; };", "profiles.i.ike: it says when the tunnel" },
	{ "profiles = { i = { need = \"forbid\"; ike_sdp = \"send\"; "
	  "}; };", "profiles.i.ike_sdp: it says what SDP" },
	{ "profiles = { i = { need = \"require\"; media = \"ike\"; "
	  "ike_sdp = \"require\"; }; }; peers = ( { match = \"*\"; "
	  "profile = \"i\"; ike = \"192.0.2.1\"; ike_ca = \"file:x\"; } );",
	  "set ike_cert in place of ike_ca" },
	{ "profiles = { i = { need = \"require\"; media = \"esp\"; "
	  "keying = [ \"mikey-psk\" ]; ike = \"call\"; }; };",
	  "profiles.i.ike: it says when the tunnel" },
	{ "profiles = { i = { need = \"require\"; media = \"ike\"; "
	  "ike = \"call\"; }; };", "i.keying: need = \"require\"" },
	{ "profiles = { i = { need = \"require\"; media = \"ike+srtp\"; "
	  "ike = \"call\"; keying = [ \"mikey-dh\" ]; }; };",
	  "profiles.i.ike: \"call\" keys its tunnels" },
	{ CALL "ike_sdp = \"send\"; }; };",
	  "it does not go with ike = \"call\"" },
	{ CALL "esp_scope = \"host\"; }; };", "it says what tunnels of" },
	{ CALL "body = \"sign\"; }; };", "does not go with body" },
	{ CALL "late = \"allow\"; }; };", "does not go with late" },
	{ CALL "answer = \"early\"; }; };", "does not go with answer" },
	{ CALL "esp = []; }; };", "takes at least one suite" },
	{ CALL "esp = [ \"AES_128_CBC_HMAC_SHA1_96\" ]; }; };",
	  "suites with SHA1" },
	{ "profiles = { i = { need = \"prefer\"; media = \"ike\"; ike = "
	  "\"call\"; keying = [ \"mikey-psk\" ]; }; };",
	  "does not go with a need" },
	{ "profiles = { i = { need = \"require\"; media = \"ike\"; ike = "
	  "\"call\"; keying = [ \"sdes\" ]; }; };",
	  "does not go with keying by sdes" },
	{ CALL "}; }; peers = ( { match = \"*\"; profile = \"i\"; psk = "
	  "\"file:x\"; ike = \"192.0.2.1\"; } );",
	  "leave the peer's ike out" },
	{ CALL "}; }; peers = ( { match = \"*\"; profile = \"i\"; psk = "
	  "\"file:x\"; ike_id = \"b\"; } );", "or leave them out" },
	{ CALL "}; }; peers = ( { match = \"*\"; profile = \"i\"; } );",
	  "uses a pre-shared key, but the peer has none" },
	{ "profiles = { i = { need = \"prefer\"; media = \"ike\"; "
	  "}; };",
	  "profiles.i.media: \"ike\" does not go with a need" },
	{ "profiles = { i = { need = \"require\"; media = \"ike\"; "
	  "keying = [ \"mikey-psk\" ]; }; };",
	  "profiles.i.media: \"ike\" does not go with keying" },
	{ "profiles = { i = { need = \"require\"; media = "
	  "\"ike+srtp\"; }; };", "i.keying: need = \"require\"" },
	{ "profiles = { i = { need = \"require\"; media = "
	  "\"ike+srtp\"; keying = [ \"mikey-dh\", \"mikey-psk\" ]; "
	  "}; };", "does not go with keying by mikey-psk" },
	{ "profiles = { i = { need = \"require\"; media = "
	  "\"ike+srtp\"; keying = [ \"sdes\" ]; }; };",
	  "\"ike+srtp\" does not go with keying by sdes" },
	{ "profiles = { i = { need = \"require\"; media = \"esp+srtp\"; "
	  "keying = [ \"mikey-psk\" ]; esp_scope = \"net\"; answer = "
	  "\"early\"; }; };",
	  "\"esp+srtp\" does not go with esp_scope = \"net\"" },
	{ "profiles = { i = { need = \"require\"; media = \"esp+srtp\"; "
	  "keying = [ \"mikey-psk\" ]; esp_scope = \"host\"; "
	  "esp = [ \"3DES_CBC_HMAC_SHA1_96\" ]; }; };",
	  "does not go with suites of ESP with SHA1" },
	{ "profiles = { i = { need = \"require\"; media = \"esp+srtp\"; "
	  "keying = [ \"mikey-psk\" ]; unencrypted = \"allow\"; suites = [ "
	  "\"NULL_HMAC_SHA1_80\" ]; }; };",
	  "does not go with suites that encrypt nothing" },
	{ "profiles = { i = { need = \"require\"; media = \"esp+srtp\"; "
	  "keying = [ \"sdes\" ]; }; };",
	  "\"esp+srtp\" does not go with keying by sdes" },
	{ "profiles = { i = { need = \"require\"; media = \"esp+srtp\"; "
	  "keying = [ \"mikey-psk\" ]; esp = []; }; };",
	  "takes at least one suite" },
	{ "profiles = { i = { need = \"require\"; media = \"ike\"; "
	  "esp = []; }; };", "takes at least one suite" },
	{ "profiles = { i = { need = \"require\"; media = \"esp\"; "
	  "keying = [ \"mikey-psk\" ]; esp = [ \"AES_128_GCM\", "
	  "\"3DES_CBC_HMAC_SHA1_96\" ]; }; };", "suites with SHA1" },
	{ "profiles = { i = { need = \"require\"; media = \"ike\"; "
	  "esp = [ \"AES_128_CBC_HMAC_SHA1_96\" ]; }; };",
	  "suites with SHA1" },
	{ IKE "psk = \"file:x\"; } );", "go together" },
	{ IKE "ike = \"192.0.2.1\"; } );",
	  "set psk = \"file:PATH\", or ike_cert or ike_ca" },
	{ IKE "ike = \"192.0.2.1\"; psk = \"file:x\"; ike_cert = "
	  "\"file:y\"; } );", "leave psk out, or ike_cert" },
	{ IKE "ike = \"192.0.2.1\"; ike_ca = \"file:x\"; ike_cert = "
	  "\"file:y\"; } );", "set one of them" },
	{ IKE "ike_ca = \"file:x\"; } );", "say more of the far end" },
	{ IKE "psk = \"file:x\"; ike = \"b.example\"; } );",
	  "ike: \"b.example\" is no address" },
	{ IKE "psk = \"file:x\"; ike = \"192.0.2.1:500\"; } );",
	  "is no address" },
	{ IKE "psk = \"file:x\"; ike = \"0.0.0.0\"; } );",
	  "is no address" },
	{ IKE "ike = \"192.0.2.1\"; psk = \"file:x\"; ike_id = "
	  "\"*.example\"; } );", "would be anybody" },
	{ IKE "psk = \"file:x\"; ike_id = \"b\"; } );",
	  "say more of the far end" },
	{ IKE "psk = \"file:x\"; ike = \"discover\"; } );",
	  "takes an ike_id" },
	{ IKE "psk = \"file:x\"; ike = \"discover\"; ike_id = \"b\"; } );",
	  "set its discover" },
	{ "profiles = { i = { need = \"forbid\"; discover = \"ask\"; }; };",
	  "i.discover: it asks for IPsec" },
	{ "profiles = { i = { need = \"require\"; media = \"ike\"; discover = "
	  "\"require\"; }; }; peers = ( { match = \"*\"; profile = \"i\"; "
	  "ike = \"192.0.2.1\"; psk = \"file:x\"; route = \"sip:x\"; } );",
	  "when keepalive does; set both" },
	{ IKE "psk = \"file:x\"; ike = \"192.0.2.1\"; ike_nets = "
	  "( \"10.0.0.0/33\" ); } );", "is no ADDRESS/BITS" },
	{ IKE "psk = \"file:x\"; ike = \"192.0.2.1\"; ike_nets = "
	  "( \"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\", "
	  "\"10.0.0.4\", \"10.0.0.5\" ); } );", "has 5 entries" },
	{ PROFILES "peers = ( { match = \"*\"; profile = \"p\"; "
	  "ike = \"192.0.2.1\"; } );", "go together" },
	{ "profiles = { e = { need = \"require\"; esp_scope = \"host\"; "
	  "keying = [ \"mikey-psk\" ]; }; };", "it says what tunnels" },
	{ ESP_OF("media"), "esp_scope = \"host\" or \"net\" go together" },
	{ ESP_OF("net"), "set answer = \"early\"" },
	{ ESP_PEER("host\"; answer = \"early") "} );", "does not go with" },
	{ ESP_PEER("host\"; esp_alone = \"allow") "} );", "what goes with "
	  "esp_scope = \"net\"" },
	{ ESP_PEER("net\"; answer = \"early") "} );", "go together" },
	{ ESP_PEER("net\"; answer = \"early") "esp_nets = ( \"::/0\" ); } );",
	  "all addresses there are" },
	{ ESP_HOST_PEER "} );", "go together" },
	{ ESP_HOST_PEER "esp_nets = ( \"0.0.0.0/0\" ); } );",
	  "all addresses there are" },
	{ ESP_HOST_PEER "esp_nets = ( \"192.0.2.0/24\" ); }, { match = "
	  "\"*@c\"; profile = \"e\"; psk = \"file:c\"; esp_nets = ( "
	  "\"10.0.0.0/8\", \"192.0.2.9/32\" ); } );", "overlap with those" },
	{ ESP_PEER("net\"; answer = \"early") "esp_nets = ( \"192.0.2.0/24\", "
	  "\"10.0.0.0/8\", \"192.0.2.0/24\" ); } );", "two of its esp_nets" },
	{ ESP_PEER("net\"; answer = \"early") "esp_nets = ( \"192.0.2.9/32\", "
	  "\"192.0.2.0/24\" ); } );", "two of its esp_nets overlap" },
	{ ESP_HOST_PEER "esp_nets = ( \"192.0.2.0/24\", \"x\" ); } );",
	  "esp_nets: \"x\" is no ADDRESS/BITS" },
};

static void what_cannot_be_done_is_refused(void **state)
{
	struct conf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct conf *c = conf_of(refused[i].text);
		struct policy *p = NULL;

		assert_int_equal(policy_new(c, &p, &err), E_CONF);
		if (!strstr(err.text, refused[i].says))
			fail_msg("%s", err.text);
		assert_null(p);
		conf_free(c);
	}
}

#define PEER "peers = ( { match = \"*\"; profile = \"p\"; "

static void values_are_checked_by_the_tables(void **state)
{
	static const char *const bad[] = {
		"peers = ( { match = \"sip:a\"; profile = \"p\"; } );",
		"peers = ( { match = \"a b\"; profile = \"p\"; } );",
		PEER "route = \"h\"; } );",
		PEER "route = ( \"sip:h\", \"h\" ); } );",
		PEER "keepalive = -1; } );",
		PEER "psk = \"x\"; } );",
		PEER "psk = \"file:\"; } );",
		PEER "name = \"a b\"; } );",
		"peers = ( { match = \"*\"; } );",
		"profiles = { p = { need = \"perhaps\"; }; };",
		"profiles = { p = { need = \"require\"; suites = [ \"DES\" ]; "
		"}; };",
		"profiles = { p = { need = \"require\"; keying = [ \"dtls\" ]; "
		"}; };",
		"profiles = { p = { need = \"require\"; sdes = \"never\"; "
		"}; };",
	};
	struct conf *c = NULL;
	struct conf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(conf_parse(bad[i], "t", NULL, policy_groups,
					    &c, &err), E_CONF);
}

/* SDES is for verified TLS, unless the profile says otherwise. */
static void where_sdes_may_go(void **state)
{
	const struct profile tls = { .sdes = SDES_TLS };
	const struct profile any = { .sdes = SDES_ANY };

	(void)state;
	assert_int_equal(protocol_of("sdes"), PROTOCOL_SDES);
	assert_int_equal(protocol_of("mikey-psk"), PROTOCOL_MIKEY);
	assert_false(protocol_permits(&tls, "sdes", false));
	assert_true(protocol_permits(&tls, "sdes", true));
	assert_true(protocol_permits(&any, "sdes", false));
	assert_true(protocol_permits(&tls, "mikey-psk", false));
}

static void policy_short_of_memory(void *user)
{
	struct policy *p = NULL;
	struct conf_err err;
	int r = policy_new(user, &p, &err);

	assert_true(r == 0 || r == E_NOMEM);
	policy_free(p);
}

static void memory_may_run_out_anywhere(void **state)
{
	struct conf *c = conf_of(matching);

	(void)state;
	assert_true(alloc_walk(policy_short_of_memory, c) >= 3);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris_are_reduced_to_a_name),
		cmocka_unit_test(long_uris_have_no_name),
		cmocka_unit_test(only_sip_uris_are_routes),
		cmocka_unit_test(the_first_match_counts),
		cmocka_unit_test(peers_carry_their_profile),
		cmocka_unit_test(files_of_the_credential_are_listed),
		cmocka_unit_test(ends_of_ike),
		cmocka_unit_test(an_end_that_is_found),
		cmocka_unit_test(what_esp_is_for),
		cmocka_unit_test(ports_of_routes),
		cmocka_unit_test(certificates_of_ike),
		cmocka_unit_test(what_cannot_be_done_is_refused),
		cmocka_unit_test(where_sdes_may_go),
		cmocka_unit_test(values_are_checked_by_the_tables),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
