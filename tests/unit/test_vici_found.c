/* test_vici_found.c - peers with ike = "discover": charon is given them once
 * they have said where they are, and again where they are later, but what is up
 * stays; and which addresses are not taken. */
#include "daemon/base/err.h"
#include "modules/vici/standing.h"
#include "tests/mock/ca.h"
#include "tests/mock/charon.h"
#include "tests/mock/vici_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>
#include <openssl/x509.h>

#define CONF \
	"inside = { listen = ( \"udp:10.1.1.1:5060\" );" \
	"  nets = ( \"10.1.1.0/24\" ); media = ( \"10.1.1.1\" ); };" \
	"outside = { listen = ( \"udp:192.0.2.8:5060\" );" \
	"  media = ( \"192.0.2.1\" ); };" \
	"profiles = { ike = { need = \"require\"; media = \"ike\";" \
	"    discover = \"ask\"; };" \
	"  after = { need = \"require\"; media = \"ike\"; ike = \"after\";" \
	"    discover = \"require\"; }; };" \
	"vici = { socket = \"%s\"; id = \"a.example\";" \
	"  address = \"192.0.2.9\"; cert = \"file:a.pem\"; };" \
	"peers = ( " PEER("b", "ike", "psk = \"file:b\";") ", " \
	PEER("c", "after", "psk = \"file:c\"; " \
	     "ike_nets = ( \"10.9.9.0/24\" );") \
	", " PEER("d", "ike", "ike_cert = \"file:d\";") ", " \
	"{ match = \"*@e\"; name = \"e\"; profile = \"ike\"; keepalive = 5;" \
	"  route = \"sip:e\"; ike = \"192.0.2.6\"; psk = \"file:e\"; } );"
#define PEER(name, profile, more) \
	"{ match = \"*@" name "\"; name = \"" name "\"; keepalive = 5;" \
	"  route = \"sip:" name "\"; profile = \"" profile "\";" \
	"  ike = \"discover\"; ike_id = \"" name ".example\"; " more " }"

static struct rig {
	struct event_base *base;
	struct charon *charon;
	struct conf *conf;
	struct settings settings;
	struct policy *policy;
	struct standing *standing;
	unsigned gone;
	uint64_t wanted;
	char why[160], path[64], heard[65536];
	int fd[2]; /* our certificate, and d's */
} rig;

static bool on_command(void *user, const char *command)
{
	const struct buf *m = charon_message(rig.charon);
	struct buf text = buf_of(VICI_PACKET_MAX);
	size_t n = strlen(rig.heard);

	(void)user;
	snprintf(rig.heard + n, sizeof rig.heard - n, "%s %s\n", command,
		 vici_to_text(&text, m->data, m->len));
	buf_free(&text);
	return false;
}

static void need_key(void *user, const char *peer)
{
	struct secret key;

	(void)user;
	secret_set(&key, "0123456789abcdef", 16);
	rig.standing->key(rig.standing->state, peer, &key);
}

static void gone(void *user, const char *peer)
{
	(void)user;
	(void)peer;
	rig.gone++;
}

static void changed(void *user, const char *peer)
{
	(void)user;
	(void)peer;
}

static void wanted(void *user, uint64_t want, const char *why)
{
	(void)user;
	rig.wanted = want;
	snprintf(rig.why, sizeof rig.why, "%s", why ? why : "up");
}

static const struct standing_ops ops = { need_key, gone, changed, wanted };

static int file_of(void *user, const char *name)
{
	(void)user;
	return !strcmp(name, "ike.cert") ? rig.fd[0] :
	       !strcmp(name, "ike.peer2") ? rig.fd[1] : -1;
}

static int certificate(const char *san)
{
	static struct ca ca;
	struct ca_order order = { .san = san };
	X509 *x;
	int fd;

	if (!ca.cert)
		ca = ca_make(0, "ca");
	x = ca_issue(&ca, ca_key(1, "P-256", 0), "x", &order);
	fd = ca_file(x, NULL, NULL, NULL);
	X509_free(x);
	return fd;
}

static int set_up(void **state)
{
	struct proof_files files = { file_of, &rig,
				     CA_NOW * UINT64_C(1000000) };
	struct conf_err err = { "" };
	const struct conf_group *all[32];
	char text[4096];
	size_t n = 0;

	(void)state;
	memset(&rig, 0, sizeof rig);
	snprintf(rig.path, sizeof rig.path, "/tmp/callseal-found-%d",
		 (int)getpid());
	rig.base = event_base_new();
	rig.charon = charon_new(rig.base, rig.path);
	charon_on_command(rig.charon, on_command, NULL);
	for (; settings_groups()[n]; n++)
		all[n] = settings_groups()[n];
	all[n++] = &vici_group;
	all[n] = NULL;
	rig.fd[0] = certificate("DNS:a.example");
	rig.fd[1] = certificate("DNS:d.example");
	snprintf(text, sizeof text, CONF, rig.path);
	if (conf_parse(text, "t", NULL, all, &rig.conf, &err) ||
	    settings_read(rig.conf, &rig.settings, &err) ||
	    policy_new(rig.conf, &rig.policy, &err) ||
	    vici_standing_check(rig.conf, &err))
		fail_msg("%s", err.text);
	assert_int_equal(vici_standing_new(rig.conf, &rig.standing), 0);
	charon_patience(vici_standing_times(rig.standing));
	assert_int_equal(vici_standing_certs(rig.standing, rig.policy, &files),
			 0);
	return rig.standing->begin(rig.standing->state, rig.base, &rig.settings,
				   rig.policy, &ops, &rig);
}

static int tear_down(void **state)
{
	(void)state;
	rig.standing->end(rig.standing->state);
	vici_standing_free(rig.standing);
	policy_free(rig.policy);
	conf_free(rig.conf);
	charon_free(rig.charon);
	event_base_free(rig.base);
	close(rig.fd[0]);
	close(rig.fd[1]);
	return 0;
}

static void hears(const char *what)
{
	for (int turns = 0; !strstr(rig.heard, what); turns++) {
		if (turns > 5000)
			fail_msg("never: %s; but\n%s", what, rig.heard);
		charon_turn(rig.base);
	}
}

static void turn(int times)
{
	while (times--)
		charon_turn(rig.base);
}

static const char *found_with(const char *peer, const char *at,
			      const struct prints *certs)
{
	struct msg_ike_sdp far;

	memset(&far, 0, sizeof far);
	far.there = 1;
	if (*at)
		addr_parse(at, &far.at);
	if (certs)
		far.certs = *certs;
	return rig.standing->found(rig.standing->state, peer, &far);
}

static const char *found(const char *peer, const char *at)
{
	return found_with(peer, at, NULL);
}

static const char *trouble(const char *peer)
{
	return rig.standing->trouble(rig.standing->state, peer);
}

/* The tunnel to that address, of which charon tells so. */
static void say(const char *at, bool up)
{
	struct buf b = buf_of(4096);
	char text[1024], name[128];
	const char *stamp;

	snprintf(name, sizeof name, "192.0.2.1/32[17/40000-40999]=%s/32[17]#",
		 at);
	hears(name);
	stamp = strstr(rig.heard, name) + strlen(name);
	snprintf(text, sizeof text, "%scallseal-b { uniqueid = 1 "
		 "state = ESTABLISHED child-sas { c { name = %s%.12s "
		 "uniqueid = 2 state = INSTALLED "
		 "local-ts [ 192.0.2.1/32[udp/40000-40999] ] "
		 "remote-ts [ %s/32[udp] ] } } }", up ? "up = yes " : "",
		 name, stamp, at);
	assert_int_equal(vici_from_text(&b, text), 0);
	charon_say(rig.charon, VICI_EVENT, "child-updown", b.data, b.len);
	buf_free(&b);
}

static void is_up(const char *at)
{
	say(at, true);
	for (int i = 0; trouble("b") && i < 5000; i++)
		charon_turn(rig.base);
	assert_null(trouble("b"));
}

/* -- tests ----------------------------------------------------------------- */

static void not_before_it_is_found(void **state)
{
	(void)state;
	hears("initiate ike = callseal-e");
	turn(50);
	assert_null(strstr(rig.heard, "callseal-b"));
	assert_non_null(strstr(trouble("b"), "it has not said yet"));
	assert_non_null(strstr(rig.standing->down(rig.standing->state, "c"),
			       "it has not said yet"));
	assert_null(found("b", "192.0.2.2"));
	hears("initiate ike = callseal-b child = 192.0.2.1/32[17/40000-"
	      "40999]=192.0.2.2/32[17]");
	hears("local_addrs [ 192.0.2.9 ] remote_addrs [ 192.0.2.2 ]");
	hears("owners [ a.example b.example ]");
	assert_string_equal(trouble("b"), "it was not raised yet");
}

/* The networks that the configuration names stay; a call can want it then. */
static void one_that_calls_raise(void **state)
{
	uint64_t want;

	(void)state;
	assert_int_equal(rig.standing->want(rig.standing->state, "c", false,
					    &want), E_NOTFOUND);
	assert_null(found("c", "192.0.2.3"));
	hears("remote_ts [ 10.9.9.0/24[17] ]");
	assert_null(trouble("c"));
	assert_int_equal(rig.standing->want(rig.standing->state, "c", false,
					    &want), 0);
	hears("initiate ike = callseal-c");
	assert_null(found("c", "192.0.2.33")); /* a call waits */
	turn(50);
	assert_null(strstr(rig.heard, "192.0.2.33"));
	rig.standing->unwant(rig.standing->state, want);
	assert_null(found("c", "192.0.2.33"));
	hears("remote_addrs [ 192.0.2.33 ]");
}

static void elsewhere_while_it_is_not_up(void **state)
{
	(void)state;
	assert_null(found("b", "192.0.2.2"));
	hears("initiate ike = callseal-b");
	assert_null(found("b", "192.0.2.2"));
	turn(50);
	assert_null(strstr(rig.heard, "unload-conn name = callseal-b"));
	assert_null(found("b", "192.0.2.22"));
	hears("remote_addrs [ 192.0.2.22 ]");
	hears("=192.0.2.22/32[17]");
	is_up("192.0.2.22");
}

/* What has proved itself is not given up for what somebody says. */
static void what_is_up_stays(void **state)
{
	(void)state;
	assert_null(found("b", "192.0.2.2"));
	is_up("192.0.2.2");
	assert_null(found("b", "192.0.2.23"));
	assert_null(found("b", "192.0.2.22"));
	turn(100);
	assert_null(trouble("b"));
	assert_int_equal(rig.gone, 0);
	assert_null(strstr(rig.heard, "192.0.2.22"));
	say("192.0.2.2", false);
	hears("remote_addrs [ 192.0.2.22 ]");
	assert_int_equal(rig.gone, 1);
	assert_null(strstr(rig.heard, "192.0.2.23")); /* the last counts */
	is_up("192.0.2.22");
}

/* It said the old one again meanwhile. */
static void and_back(void **state)
{
	(void)state;
	assert_null(found("b", "192.0.2.2"));
	is_up("192.0.2.2");
	assert_null(found("b", "192.0.2.22"));
	assert_null(found("b", "192.0.2.2"));
	say("192.0.2.2", false);
	for (int i = 0; !rig.gone && i < 5000; i++)
		charon_turn(rig.base);
	turn(100);
	assert_int_equal(rig.gone, 1);
	assert_null(strstr(rig.heard, "192.0.2.22"));
}

static void not_taken(void **state)
{
	static const char *const bad[] = {
		"", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
		"127.0.0.1", "2001:db8::1", "::", "ff02::1",
		"192.0.2.1", "192.0.2.8", "192.0.2.9", "10.1.1.1",
		"192.0.2.6" /* e's */
	};

	(void)state;
	hears("initiate ike = callseal-e");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		rig.heard[0] = 0;
		found("b", bad[i]);
		turn(5);
		if (strstr(rig.heard, "callseal-b"))
			fail_msg("%s: %s", bad[i], rig.heard);
	}
	assert_null(found("c", "192.0.2.3"));
	assert_string_equal(found("d", "192.0.2.3"),
			    "it is another peer's address");
	assert_null(found("d", "192.0.2.3")); /* told once */
	assert_string_equal(found("d", "192.0.2.1"), "it is our own address");
	assert_non_null(found("e", "192.0.2.7")); /* it is configured */
	assert_non_null(found("nobody", "192.0.2.7"));
}

static void another_fingerprint(void **state)
{
	struct prints certs = { .n = 1 };

	(void)state;
	print_of(PRINT_SHA256, "abc", 3, &certs.list[0]);
	assert_string_equal(found_with("d", "192.0.2.4", &certs),
			    "its fingerprint is not that of the peer's "
			    "ike_cert");
	assert_string_equal(trouble("d"), "where its end of IKE is, it has not "
			    "said yet");
	assert_null(found("d", "192.0.2.4")); /* one that says none */
	hears("initiate ike = callseal-d");
}

/* What OPTIONS of a peer hears of us, before we know where it is. */
static void our_own_end(void **state)
{
	struct msg_ike_sdp ours;
	char text[ADDR_TEXT];

	(void)state;
	memset(&ours, 0, sizeof ours);
	rig.standing->ours(rig.standing->state, "d", &ours);
	assert_string_equal(addr_text(&ours.at, text), "192.0.2.9");
	assert_true(ours.certs.n > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(not_before_it_is_found),
		T(one_that_calls_raise),
		T(elsewhere_while_it_is_not_up),
		T(what_is_up_stays),
		T(and_back),
		T(not_taken),
		T(another_fingerprint),
		T(our_own_end),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
