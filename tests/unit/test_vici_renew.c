/* test_vici_renew.c - certificates of IKE that are read again, of two peers:
 * each file is taken or left by itself. */
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
	"inside = { listen = ( \"udp:127.0.0.1:5060\" );" \
	"  nets = ( \"127.0.0.0/8\" ); };" \
	"outside = { listen = ( \"udp:127.0.0.2:5060\" );" \
	"  media = ( \"192.0.2.1\" ); };" \
	"profiles = { ike = { need = \"require\"; media = \"ike\"; }; };" \
	"vici = { socket = \"%s\"; id = \"a.example\";" \
	"  cert = \"file:a.pem\"; };" \
	"peers = ( " PEER("b", "2") ", " PEER("c", "3") " );"
#define PEER(name, host) \
	"{ match = \"*@" name "\"; name = \"" name "\"; profile = \"ike\";" \
	"  ike = \"192.0.2." host "\"; ike_id = \"" name ".example\";" \
	"  ike_cert = \"file:" name "\"; }"
#define EXPIRED (-1)
#define DER_TEXT 65 /* of a certificate's first bytes */

enum { OURS, B, C };

static struct rig {
	struct event_base *base;
	struct charon *charon;
	struct conf *conf;
	struct settings settings;
	struct policy *policy;
	struct standing *standing;
	char path[64], heard[16384];
	int fd[3];
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
	(void)user;
	fail_msg("%s needs a key", peer);
}

static void of_peer(void *user, const char *peer)
{
	(void)user;
	(void)peer;
}

static void wanted(void *user, uint64_t want, const char *why)
{
	(void)user;
	(void)want;
	(void)why;
}

static const struct standing_ops ops = { need_key, of_peer, of_peer, wanted };

static int file_of(void *user, const char *name)
{
	static const char *const names[] = { "ike.cert", "ike.peer0",
					     "ike.peer1" };

	(void)user;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], name))
			return rig.fd[i];
	return -1;
}

static const struct proof_files files = { file_of, &rig,
					  CA_NOW * UINT64_C(1000000) };

/* Another certificate in the place of one, all of one key. */
static void put(size_t i, long to_s, char der[static DER_TEXT])
{
	static const char *const names[] = { "DNS:a.example", "DNS:b.example",
					     "DNS:c.example" };
	static struct ca ca;
	struct ca_order order = { .san = names[i], .to_s = to_s };
	unsigned char *bytes = NULL;
	X509 *x;

	if (!ca.cert)
		ca = ca_make(0, "ca");
	x = ca_issue(&ca, ca_key(1, "P-256", 0), "x", &order);
	i2d_X509(x, &bytes);
	for (int k = 0; k < DER_TEXT / 2; k++) /* as vici_to_text() has it */
		snprintf(der + 2 * k, 3, "%02x", bytes[k]);
	if (rig.fd[i])
		close(rig.fd[i]);
	rig.fd[i] = ca_file(x, NULL, NULL, NULL);
	OPENSSL_free(bytes);
	X509_free(x);
}

static void begin(void)
{
	static const struct conf_group *groups[32];
	struct conf_err err = { "" };
	char text[4096];
	size_t n = 0;

	for (; settings_groups()[n]; n++)
		groups[n] = settings_groups()[n];
	groups[n] = &vici_group;
	snprintf(text, sizeof text, CONF, rig.path);
	if (conf_parse(text, "t", NULL, groups, &rig.conf, &err) ||
	    settings_read(rig.conf, &rig.settings, &err) ||
	    policy_new(rig.conf, &rig.policy, &err))
		fail_msg("%s", err.text);
	assert_int_equal(vici_standing_new(rig.conf, &rig.standing), 0);
	charon_patience(vici_standing_times(rig.standing));
	assert_int_equal(vici_standing_certs(rig.standing, rig.policy, &files),
			 0);
	assert_int_equal(rig.standing->begin(rig.standing->state, rig.base,
					     &rig.settings, rig.policy, &ops,
					     &rig), 0);
}

static int set_up(void **state)
{
	char der[DER_TEXT];

	(void)state;
	memset(&rig, 0, sizeof rig);
	snprintf(rig.path, sizeof rig.path, "/tmp/callseal-renew-%d",
		 (int)getpid());
	rig.base = event_base_new();
	rig.charon = charon_new(rig.base, rig.path);
	charon_on_command(rig.charon, on_command, NULL);
	for (size_t i = OURS; i <= C; i++)
		put(i, 0, der);
	begin();
	return 0;
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
	for (size_t i = OURS; i <= C; i++)
		close(rig.fd[i]);
	return 0;
}

static void wait_for(const char *heard)
{
	for (int turns = 0; !strstr(rig.heard, heard); turns++) {
		if (turns > 5000)
			fail_msg("never: %s; but\n%s", heard, rig.heard);
		charon_turn(rig.base);
	}
}

static void be_loaded(void)
{
	wait_for("initiate ike = callseal-b");
	wait_for("initiate ike = callseal-c");
	*rig.heard = 0;
}

static void renew(void)
{
	assert_int_equal(vici_standing_renew(rig.standing, rig.policy, &files),
			 0);
}

static void wait_shown(const char *side, const char *id, const char *der)
{
	char text[256];

	snprintf(text, sizeof text, "%s { auth = pubkey id = %s.example "
		 "certs [ 0x%s", side, id, der);
	wait_for(text);
}

static void nothing_of(const char *peer)
{
	char text[64];

	for (int i = 0; i < 50; i++)
		charon_turn(rig.base);
	snprintf(text, sizeof text, "callseal-%s", peer);
	assert_null(strstr(rig.heard, text));
}

/* A pin that is withdrawn is, whatever is wrong with another peer's. */
static void a_bad_one_holds_no_other(void **state)
{
	char pin[DER_TEXT], bad[DER_TEXT];

	(void)state;
	be_loaded();
	put(B, 0, pin);
	put(C, EXPIRED, bad);
	renew();
	wait_for("force = yes ike = callseal-b");
	wait_shown("remote", "b", pin);
	nothing_of("c");
	*rig.heard = 0;
	renew(); /* the same files */
	nothing_of("b");
	nothing_of("c");
	put(C, 0, pin);
	renew();
	wait_for("force = yes ike = callseal-c");
	wait_shown("remote", "c", pin);
	nothing_of("b");
}

static void a_bad_one_of_ours(void **state)
{
	char pin[DER_TEXT], ours[DER_TEXT];

	(void)state;
	put(OURS, 0, ours);
	renew();
	wait_shown("local", "a", ours);
	be_loaded();
	put(OURS, EXPIRED, pin);
	put(B, 0, pin);
	renew();
	wait_for("force = yes ike = callseal-b");
	wait_shown("remote", "b", pin);
	wait_shown("local", "a", ours); /* the one before */
	nothing_of("c");
}

/* Ours is shown to the peer whose own stays, too. */
static void another_of_ours_and_a_bad_one(void **state)
{
	char ours[DER_TEXT], bad[DER_TEXT];

	(void)state;
	be_loaded();
	put(OURS, 0, ours);
	put(C, EXPIRED, bad);
	renew();
	wait_for("force = yes ike = callseal-b");
	wait_for("force = yes ike = callseal-c");
	wait_for("load-conn callseal-c");
	wait_shown("local", "a", ours);
	assert_null(strstr(rig.heard, bad));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_bad_one_holds_no_other),
		T(a_bad_one_of_ours),
		T(another_of_ours_and_a_bad_one),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
