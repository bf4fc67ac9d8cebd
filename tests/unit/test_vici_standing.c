/* test_vici_standing.c - the tunnels that peers of a configuration get: what
 * charon is given for them, and what is told of them. */
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
#include <openssl/pem.h>

#define CONF \
	"inside = { listen = ( \"udp:127.0.0.1:5060\" );" \
	"  nets = ( \"127.0.0.0/8\" ); };" \
	"outside = { listen = ( \"udp:127.0.0.2:5060\" );" \
	"  media = ( \"192.0.2.1\" ); };" \
	"profiles = { ike = { need = \"require\"; media = \"ike\"; };" \
	"  cbc = { need = \"require\"; media = \"ike\"; esp = [" \
	"    \"AES_256_CBC_HMAC_SHA256_128\", \"AES_128_GCM\"," \
	"    \"AES_128_CBC_HMAC_SHA256_128\" ]; };" \
	"  after = { need = \"require\"; media = \"ike\"; ike = \"after\"; };" \
	"  plain = { need = \"forbid\"; }; };"
#define B "{ match = \"*@b\"; name = \"b\"; profile = \"ike\";" \
	  "  ike = \"192.0.2.2\"; psk = \"file:b\"; }"
#define AFTER "{ match = \"*@b\"; name = \"b\"; profile = \"after\";" \
	      "  ike = \"192.0.2.2\"; psk = \"file:b\"; }"

static struct rig {
	struct event_base *base;
	struct charon *charon;
	struct conf *conf;
	struct settings settings;
	struct policy *policy;
	struct standing *standing;
	bool begun;
	unsigned keys, gone, changed;
	uint64_t wanted;
	char why[160];
	const char *key;  /* the keeper's; NULL: the first */
	const char *have; /* what list-sas streams */
	char path[64], heard[8192];
	int fd[3]; /* our certificate, and those of two peers; 0: none came */
} rig;

static void tell(const char *event, const char *text)
{
	struct buf b = buf_of(4096);

	assert_int_equal(vici_from_text(&b, text), 0);
	charon_say(rig.charon, VICI_EVENT, event, b.data, b.len);
	buf_free(&b);
}

static void say(const char *text)
{
	tell("child-updown", text);
}

static bool on_command(void *user, const char *command)
{
	const struct buf *m = charon_message(rig.charon);
	struct buf text = buf_of(VICI_PACKET_MAX);
	size_t n = strlen(rig.heard);

	(void)user;
	snprintf(rig.heard + n, sizeof rig.heard - n, "%s %s\n", command,
		 vici_to_text(&text, m->data, m->len));
	buf_free(&text);
	if (rig.have && !strcmp(command, "list-sas"))
		tell("list-sa", rig.have);
	return false;
}

static void need_key(void *user, const char *peer)
{
	struct secret key;

	assert_ptr_equal(user, &rig);
	rig.keys++;
	secret_set(&key, rig.key ? rig.key : "0123456789abcdef", 16);
	rig.standing->key(rig.standing->state, peer, &key);
}

static void gone(void *user, const char *peer)
{
	assert_ptr_equal(user, &rig);
	assert_string_equal(peer, "b");
	rig.gone++;
}

static void changed(void *user, const char *peer)
{
	assert_ptr_equal(user, &rig);
	assert_string_equal(peer, "b");
	rig.changed++;
}

static void wanted(void *user, uint64_t want, const char *why)
{
	assert_ptr_equal(user, &rig);
	rig.wanted = want;
	snprintf(rig.why, sizeof rig.why, "%s", why ? why : "up");
}

static const struct standing_ops ops = { need_key, gone, changed, wanted };

static int file_of(void *user, const char *name)
{
	static const char *const names[] = { "ike.cert", "ike.peer0",
					     "ike.peer1" };

	assert_ptr_equal(user, &rig);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], name) && rig.fd[i])
			return rig.fd[i];
	return -1;
}

static int set_up(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof rig);
	snprintf(rig.path, sizeof rig.path, "/tmp/callseal-standing-%d",
		 (int)getpid());
	rig.base = event_base_new();
	rig.charon = charon_new(rig.base, rig.path);
	charon_on_command(rig.charon, on_command, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (rig.begun)
		rig.standing->end(rig.standing->state);
	vici_standing_free(rig.standing);
	policy_free(rig.policy);
	conf_free(rig.conf);
	charon_free(rig.charon);
	event_base_free(rig.base);
	for (size_t i = 0; i < sizeof rig.fd / sizeof *rig.fd; i++)
		if (rig.fd[i])
			close(rig.fd[i]);
	return 0;
}

/* All groups of the daemon, and the module's. */
static const struct conf_group *const *groups(void)
{
	static const struct conf_group *all[32];
	size_t n = 0;

	while (settings_groups()[n]) {
		all[n] = settings_groups()[n];
		n++;
	}
	all[n++] = &vici_group;
	all[n] = NULL;
	return all;
}

static int begin(const char *vici, const char *peers)
{
	struct proof_files files = { file_of, &rig,
				     CA_NOW * UINT64_C(1000000) };
	struct conf_err err = { "" };
	char text[4096];
	int r;

	snprintf(text, sizeof text, CONF "vici = { socket = \"%s\"; %s };"
		 "peers = ( %s );", rig.path, vici, peers);
	if (conf_parse(text, "t", NULL, groups(), &rig.conf, &err) ||
	    settings_read(rig.conf, &rig.settings, &err) ||
	    policy_new(rig.conf, &rig.policy, &err) ||
	    vici_standing_check(rig.conf, &err))
		fail_msg("%s", err.text);
	assert_int_equal(vici_standing_new(rig.conf, &rig.standing), 0);
	charon_patience(vici_standing_times(rig.standing));
	assert_int_equal(vici_standing_certs(rig.standing, rig.policy, &files),
			 0);
	r = rig.standing->begin(rig.standing->state, rig.base, &rig.settings,
				rig.policy, &ops, &rig);
	rig.begun = !r;
	return r;
}

static void wait_for(const char *heard)
{
	for (int turns = 0; !strstr(rig.heard, heard); turns++) {
		if (turns > 5000)
			fail_msg("never: %s; but\n%s", heard, rig.heard);
		charon_turn(rig.base);
	}
}

static const char *trouble(const char *peer)
{
	return rig.standing->trouble(rig.standing->state, peer);
}

static void what_charon_is_given(void **state)
{
	(void)state;
	assert_int_equal(begin("", B), 0);
	assert_non_null(trouble("b"));
	wait_for("initiate ike = callseal-b child = 192.0.2.1/32[17/40000-"
		 "40999]=192.0.2.2/32[17]");
	assert_int_equal(rig.keys, 1);
	wait_for("owners [ 192.0.2.1 192.0.2.2 ]");
	wait_for("local_addrs [ 192.0.2.1 ] remote_addrs [ 192.0.2.2 ]");
	wait_for("esp_proposals [ aes128gcm16-aes256gcm16-x25519-ecp256 ]");
	wait_for("dpd_delay = 5");
	wait_for("rekey_time = 3600");
}

static void what_the_configuration_says(void **state)
{
	(void)state;
	assert_int_equal(begin("prefix = \"x-\"; id = \"a.example\"; address = "
			       "\"192.0.2.77\";",
			       "{ match = \"*@b\"; name = \"b\"; profile = "
			       "\"cbc\"; ike = \"192.0.2.2\"; psk = "
			       "\"file:b\"; ike_id = \"b.example\"; "
			       "ike_nets = ( "
			       "\"10.0.0.0/24\", \"10.0.1.0/24\" ); },"
			       "{ match = \"*\"; profile = \"plain\"; }"), 0);
	wait_for("owners [ a.example b.example ]");
	wait_for("load-conn x-b");
	wait_for("local_addrs [ 192.0.2.77 ]");
	wait_for("esp_proposals [ aes256-aes128-sha256-x25519-ecp256 ]");
	wait_for("remote_ts [ 10.0.0.0/24[17] 10.0.1.0/24[17] ]");
	assert_non_null(trouble("*")); /* it has none */
}

#define SA_OF(id, ports) \
	"callseal-b { uniqueid = 1 state = ESTABLISHED child-sas { c { " \
	"name = 192.0.2.1/32[17/40000-40999]=192.0.2.2/32[17]#56bd8dcd3b7c " \
	"uniqueid = " id " state = INSTALLED " \
	"local-ts [ 192.0.2.1/32[udp/40000-40999] ] " \
	"remote-ts [ 192.0.2.2/32[udp/" ports "] ] } } }"
#define SA SA_OF("2", "50000-50999")

static void up_and_gone(void **state)
{
	struct addr local, remote, wide;

	(void)state;
	addr_parse("192.0.2.1:40001", &local);
	addr_parse("192.0.2.2:50999", &remote);
	addr_parse("192.0.2.2:51000", &wide);
	assert_int_equal(begin("", B), 0);
	wait_for("initiate");
	assert_non_null(trouble("b"));
	say("up = yes " SA);
	for (int i = 0; trouble("b") && i < 1000; i++)
		charon_turn(rig.base);
	assert_null(trouble("b"));
	assert_true(rig.standing->covers(rig.standing->state, "b", &local,
					 &remote));
	assert_false(rig.standing->covers(rig.standing->state, "b", &local,
					  &wide));
	assert_false(rig.standing->covers(rig.standing->state, "x", &local,
					  &remote));
	assert_int_equal(rig.changed, 0);
	say("up = yes " SA_OF("3", "50000-50001"));
	for (int i = 0; !rig.changed && i < 1000; i++)
		charon_turn(rig.base);
	assert_int_equal(rig.changed, 1);
	assert_null(trouble("b"));
	assert_false(rig.standing->covers(rig.standing->state, "b", &local,
					  &remote));
	say(SA_OF("3", "50000-50001"));
	say(SA);
	for (int i = 0; !rig.gone && i < 1000; i++)
		charon_turn(rig.base);
	assert_int_equal(rig.gone, 1);
	assert_non_null(trouble("b"));
}

static void wait_gone(unsigned n)
{
	for (int i = 0; rig.gone < n && i < 1000; i++)
		charon_turn(rig.base);
	assert_int_equal(rig.gone, n);
}

/* What charon tells in one breath is told one after the other: between the two
 * packets may have left in clear. */
static void gone_and_back_in_one_turn(void **state)
{
	(void)state;
	assert_int_equal(begin("", B), 0);
	wait_for("initiate");
	say("up = yes " SA);
	for (int i = 0; trouble("b") && i < 1000; i++)
		charon_turn(rig.base);
	say(SA);
	say("up = yes " SA_OF("3", "50000-50999"));
	wait_gone(1);
	assert_null(trouble("b"));
	say(SA_OF("3", "50000-50999"));
	say("up = yes " SA_OF("4", "50000-50999"));
	say(SA_OF("4", "50000-50999"));
	wait_gone(2);
	assert_non_null(trouble("b")); /* it did not stay */
	assert_int_equal(rig.changed, 0);
}

static void give(const char *key)
{
	struct secret psk;

	rig.key = key;
	secret_set(&psk, key, strlen(key));
	rig.standing->key(rig.standing->state, "b", &psk);
}

static void another_key(void **state)
{
	(void)state;
	assert_int_equal(begin("", B), 0);
	wait_for("initiate");
	say("up = yes " SA);
	for (int i = 0; trouble("b") && i < 1000; i++)
		charon_turn(rig.base);
	give("0123456789abcdef");
	for (int i = 0; i < 20; i++)
		charon_turn(rig.base);
	assert_null(trouble("b")); /* the same one */
	*rig.heard = 0;
	give("fedcba9876543210");
	wait_for("force = yes ike = callseal-b");
	wait_for("unload-shared id = callseal-b");
	wait_for("data = fedcba9876543210");
	assert_int_equal(rig.gone, 1);
	assert_int_equal(rig.keys, 2);
	wait_for("initiate");
	wait_for("#56bd8dcd");
	assert_null(strstr(rig.heard, "#56bd8dcd3b7c"));
}

/* -- refused --------------------------------------------------------------- */

static void log_words(const char *id, const char *words)
{
	char text[1024];
	int n = snprintf(text, sizeof text, "ikesa-name = callseal-b "
			 "ikesa-uniqueid = %s msg = 0x", id);

	for (; *words; words++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%02x",
			      (unsigned char)*words);
	tell("log", text);
}

#define CONNECTING(more) \
	"callseal-b { uniqueid = 4 state = CONNECTING " more " }"
#define BEGUN "initiating IKE_SA callseal-b[4] to 192.0.2.2"

static void wait_down(const char *why)
{
	const char *is = NULL;

	for (int i = 0; (!is || !strstr(is, why)) && i < 1000; i++) {
		charon_turn(rig.base);
		is = rig.standing->down(rig.standing->state, "b");
	}
	assert_non_null(is);
	assert_non_null(strstr(is, why));
}

/* Long before the time is over in which a tunnel may come up. */
static void refused_at_once(void **state)
{
	(void)state;
	assert_int_equal(begin("", B), 0);
	wait_for("initiate");
	log_words("4", BEGUN);
	tell("ike-updown", CONNECTING("initiator = yes"));
	log_words("4", "received AUTHENTICATION_FAILED notify error");
	wait_down("does not believe us");
	assert_non_null(strstr(trouble("b"), "does not believe us"));
	*rig.heard = 0;
	wait_for("initiate"); /* again, after its pause */
	tell("ike-updown", CONNECTING("initiator = yes"));
	wait_down("its log may say why");
}

static void a_child_is_refused(void **state)
{
	(void)state;
	assert_int_equal(begin("", B), 0);
	wait_for("initiate");
	log_words("4", BEGUN);
	log_words("4", "received TS_UNACCEPTABLE notify, no CHILD_SA built");
	log_words("4", "failed to establish CHILD_SA, keeping IKE_SA");
	wait_down("TS_UNACCEPTABLE");
	wait_for("force = yes ike = callseal-b"); /* it is of no use */
}

static void quiet(void)
{
	for (int i = 0; i < 200; i++)
		charon_turn(rig.base);
}

/* Of what a stranger began in its name nothing fails. */
static void others_end_nothing(void **state)
{
	(void)state;
	assert_int_equal(begin("", B), 0);
	wait_for("initiate");
	log_words("4", BEGUN);
	log_words("5", "no shared key found for 'x' - 'y'");
	log_words("5", "tried 1 shared key for 'x' - 'y', but MAC mismatched");
	log_words("4", "constraint check failed: x"); /* others may be tried */
	tell("ike-updown", CONNECTING("initiator = no"));
	tell("log", "msg = odd");
	quiet();
	assert_string_equal(trouble("b"), "it was not raised yet");
	say("up = yes " SA);
	for (int i = 0; trouble("b") && i < 1000; i++)
		charon_turn(rig.base);
	assert_null(trouble("b"));
	assert_null(rig.standing->down(rig.standing->state, "b"));
}

/* But the operator hears of it, whichever of line and event comes first. */
static void of_what_others_begin(void **state)
{
	(void)state;
	assert_int_equal(begin("", AFTER), 0);
	wait_for("list-sas");
	log_words("4", "tried 1 shared key for 'x' - 'y', but MAC mismatched");
	quiet();
	assert_null(rig.standing->down(rig.standing->state, "b"));
	tell("ike-updown", CONNECTING("initiator = no"));
	wait_down("another pre-shared key");
	tell("ike-updown", "callseal-b { uniqueid = 5 state = CONNECTING }");
	log_words("5", "no trusted RSA public key found for 'x'");
	wait_down("not the pinned one");
	assert_null(trouble("b"));
}

static void a_call_is_refused(void **state)
{
	uint64_t id = 0;

	(void)state;
	assert_int_equal(begin("", AFTER), 0);
	wait_for("list-sas");
	assert_null(rig.standing->down(rig.standing->state, "b"));
	assert_int_equal(rig.standing->want(rig.standing->state, "b", false,
					    &id), 0);
	wait_for("initiate");
	log_words("4", BEGUN);
	log_words("4", "no private key found for 'a.example'");
	for (int i = 0; !rig.wanted && i < 1000; i++)
		charon_turn(rig.base);
	assert_int_equal(rig.wanted, id);
	assert_non_null(strstr(rig.why, "swanctl/private"));
	assert_non_null(rig.standing->down(rig.standing->state, "b"));
	assert_null(trouble("b")); /* the next call may have it */
}

/* The far end was told first, and has ended the tunnel. */
static void another_key_while_it_pauses(void **state)
{
	(void)state;
	assert_int_equal(begin("", B), 0);
	wait_for("initiate");
	say("up = yes " SA);
	say(SA);
	wait_gone(1);
	*rig.heard = 0;
	give("fedcba9876543210");
	wait_for("data = fedcba9876543210");
	wait_for("initiate");
}

/* charon has one by that name, but not by that key. */
static void raised_by_another_key(void **state)
{
	(void)state;
	rig.have = "callseal-b { uniqueid = 9 state = ESTABLISHED child-sas { "
		   "c { name = 192.0.2.1/32[17/40000-40999]=192.0.2.2/32[17]"
		   "#56bd8dcd0000 uniqueid = 3 state = INSTALLED local-ts [ "
		   "192.0.2.1/32[udp/40000-40999] ] remote-ts [ "
		   "192.0.2.2/32[udp/50000-50999] ] } } }";
	assert_int_equal(begin("", B), 0);
	wait_for("force = yes ike-id = 9");
	assert_non_null(trouble("b"));
	wait_for("initiate");
}

static void what_cannot_be(void **state)
{
	(void)state;
	/* whose key would it be, and whose packets */
	assert_int_equal(begin("", B ", { match = \"*@c\"; name = \"c\"; "
			       "profile = \"ike\"; ike = \"192.0.2.2\"; psk = "
			       "\"file:b\"; }"), 0);
	assert_non_null(strstr(trouble("c"), "already there; see ike"));
	wait_for("load-conn callseal-b");
}

static void an_address_of_another_family(void **state)
{
	(void)state;
	assert_int_equal(begin("", "{ match = \"*@b\"; name = \"b\"; profile = "
			       "\"ike\"; ike = \"2001:db8::1\"; psk = "
			       "\"file:b\"; }"), 0);
	assert_non_null(strstr(trouble("b"), "not supported; see ike"));
}

/* A far end has a certificate, and we have none. */
#define UNSHOWN "peers = ( { match = \"*\"; profile = \"p\"; " \
	"ike_ca = \"file:x\"; } );"

static void bad_values(void **state)
{
	static const char *const bad[] = {
		"vici = { prefix = \"x\"; };",
		"vici = { prefix = \"a b-\"; };",
		"vici = { prefix = \"-\"; };",
		"vici = { prefix = \"a-b-\"; };",
		"vici = { cert = \"a.pem\"; };",
	};
	static const char *const odd[] = {
		"vici = { prefix = \"\"; };", "vici = { address = \"x\"; };",
		"vici = { address = \"192.0.2.1:500\"; };",
		UNSHOWN,
	};
	struct conf_err err;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(conf_parse(bad[i], "t", NULL, groups(),
					    &rig.conf, &err), E_CONF);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		assert_int_equal(conf_parse(odd[i], "t", NULL, groups(),
					    &rig.conf, &err), 0);
		assert_int_equal(vici_standing_check(rig.conf, &err), E_CONF);
		conf_free(rig.conf);
		rig.conf = NULL;
	}
}

/* -- certificates ---------------------------------------------------------- */

#define CERT "id = \"a.example\"; cert = \"file:a.pem\";"
#define PINNED "{ match = \"*@b\"; name = \"b\"; profile = \"ike\"; ike = " \
	"\"192.0.2.2\"; ike_id = \"b.example\"; ike_cert = \"file:b\"; }"

/* One of the first key, which is wide of the CA's. */
static int cert_file(const char *san, long to_s, char der[static 80])
{
	static struct ca ca;
	struct ca_order order = { .san = san, .to_s = to_s };
	unsigned char *bytes = NULL;
	X509 *x;
	int fd;

	if (!ca.cert)
		ca = ca_make(0, "ca");
	x = ca_issue(&ca, ca_key(1, "P-256", 0), "x", &order);
	i2d_X509(x, &bytes);
	for (int i = 0; i < 32; i++) /* as vici_to_text() has it */
		snprintf(der + 2 * i, 3, "%02x", bytes[i]);
	fd = ca_file(x, NULL, NULL, NULL);
	OPENSSL_free(bytes);
	X509_free(x);
	return fd;
}

static int renew(void)
{
	struct proof_files files = { file_of, &rig,
				     CA_NOW * UINT64_C(1000000) };

	return vici_standing_renew(rig.standing, rig.policy, &files);
}

/* Another file in the place of the i-th. */
static void replace(size_t i, int fd)
{
	close(rig.fd[i]);
	rig.fd[i] = fd;
}

static void renewed_certificates(void **state)
{
	char ours[80], theirs[80], text[200];

	(void)state;
	rig.fd[0] = cert_file("DNS:a.example", 0, ours);
	rig.fd[1] = cert_file("DNS:b.example", 0, theirs);
	assert_int_equal(begin(CERT, PINNED), 0);
	wait_for("initiate");
	say("up = yes callseal-b { uniqueid = 1 state = ESTABLISHED }");
	*rig.heard = 0;
	assert_int_equal(renew(), 0); /* the same ones */
	for (int i = 0; i < 50; i++)
		charon_turn(rig.base);
	assert_null(strstr(rig.heard, "terminate"));

	replace(1, cert_file("DNS:b.example", 0, theirs));
	assert_int_equal(renew(), 0);
	wait_for("force = yes ike = callseal-b");
	snprintf(text, sizeof text, "remote { auth = pubkey id = b.example "
		 "certs [ 0x%s", theirs);
	wait_for(text);
	wait_for("initiate");

	*rig.heard = 0;
	replace(0, cert_file("DNS:a.example", 0, ours));
	assert_int_equal(renew(), 0);
	snprintf(text, sizeof text, "local { auth = pubkey id = a.example "
		 "certs [ 0x%s", ours);
	wait_for(text);
	wait_for("initiate");

	*rig.heard = 0; /* one that is of no use changes nothing */
	replace(1, cert_file("DNS:c.example", 0, theirs));
	assert_int_equal(renew(), 0);
	for (int i = 0; i < 50; i++)
		charon_turn(rig.base);
	assert_null(strstr(rig.heard, "load-conn"));
	assert_null(strstr(rig.heard, "terminate"));
}

/* While charon is being told of those before. */
static void renewed_at_once(void **state)
{
	char der[80], text[200];

	(void)state;
	rig.fd[0] = cert_file("DNS:a.example", 0, der);
	rig.fd[1] = cert_file("DNS:b.example", 0, der);
	assert_int_equal(begin(CERT, PINNED), 0);
	wait_for("load-conn");
	replace(1, cert_file("DNS:b.example", 0, der));
	assert_int_equal(renew(), 0);
	snprintf(text, sizeof text, "remote { auth = pubkey id = b.example "
		 "certs [ 0x%s", der);
	wait_for(text);
	wait_for("initiate");
}

/* -- IKE in SDP ------------------------------------------------------------ */

/* The certificate of a file, as SDP has it. */
static void print_file(int fd, struct prints *out)
{
	BIO *in = BIO_new_fd(dup(fd), BIO_CLOSE);
	unsigned char *bytes = NULL;
	X509 *x;
	int n;

	lseek(fd, 0, SEEK_SET);
	x = PEM_read_bio_X509(in, NULL, NULL, NULL);
	assert_non_null(x);
	n = i2d_X509(x, &bytes);
	*out = (struct prints){ .n = 1 };
	assert_int_equal(print_of(PRINT_SHA1, bytes, (size_t)n, out->list), 0);
	OPENSSL_free(bytes);
	X509_free(x);
	BIO_free(in);
}

static const char *differs(const struct msg_ike_sdp *far)
{
	return rig.standing->differs(rig.standing->state, "b", far);
}

static void sdp_against_the_pin(void **state)
{
	struct msg_ike_sdp far = { .there = 1 }, ours = { .there = 1 };
	char der[80];

	(void)state;
	rig.fd[0] = cert_file("DNS:a.example", 0, der);
	rig.fd[1] = cert_file("DNS:b.example", 0, der);
	assert_int_equal(begin(CERT, PINNED), 0);
	assert_null(differs(&far)); /* it did not say yet */
	addr_parse("192.0.2.2:4500", &far.at);
	print_file(rig.fd[1], &far.certs);
	assert_null(differs(&far));
	far.at.port = 500;
	assert_null(differs(&far));
	far.at.port = 501;
	assert_non_null(strstr(differs(&far), "port"));
	addr_parse("192.0.2.3:500", &far.at);
	assert_non_null(strstr(differs(&far), "address"));
	addr_parse("192.0.2.2:500", &far.at);
	far.certs.list[0].bytes[7] ^= 1;
	assert_non_null(strstr(differs(&far), "fingerprint"));
	far.certs = (struct prints){ .unknown = 1 };
	assert_non_null(strstr(differs(&far), "fingerprint"));
	rig.standing->ours(rig.standing->state, "b", &ours);
	assert_int_equal(ours.certs.n, 1);
	assert_int_equal(ours.certs.list[0].hash, PRINT_SHA256);
	assert_int_equal(ours.at.ip[3], 1);
	assert_false(rig.standing->up(rig.standing->state, "b"));
}

static void sdp_of_a_pre_shared_key(void **state)
{
	struct msg_ike_sdp far = { .there = 1 }, ours = { .there = 1 };

	(void)state;
	assert_int_equal(begin("address = \"192.0.2.7\";", B), 0);
	addr_parse("192.0.2.2:500", &far.at);
	assert_null(differs(&far));
	print_of(PRINT_SHA256, "abc", 3, far.certs.list);
	far.certs.n = 1;
	assert_non_null(strstr(differs(&far), "psk"));
	rig.standing->ours(rig.standing->state, "b", &ours);
	assert_int_equal(ours.certs.n, 0);
	assert_int_equal(ours.at.ip[3], 7);
}

/* A call waits for the far end's tunnel, and takes what comes. */
static void waited_for(void **state)
{
	uint64_t id = 0;

	(void)state;
	assert_int_equal(begin("", AFTER), 0);
	wait_for("list-sas");
	quiet();
	assert_int_equal(rig.standing->want(rig.standing->state, "b", true,
					    &id), 0);
	quiet();
	assert_null(strstr(rig.heard, "initiate"));
	assert_int_equal(rig.wanted, 0);
	say("up = yes " SA);
	for (int i = 0; !rig.wanted && i < 1000; i++)
		charon_turn(rig.base);
	assert_int_equal(rig.wanted, id);
	assert_string_equal(rig.why, "up");
	assert_true(rig.standing->up(rig.standing->state, "b"));
	rig.wanted = 0;
	say(SA);
	for (int i = 0; !rig.wanted && i < 1000; i++)
		charon_turn(rig.base);
	assert_string_not_equal(rig.why, "up");
}

static void by_certificates(void **state)
{
	char ours[80], theirs[80], text[200];

	(void)state;
	rig.fd[0] = cert_file("DNS:a.example", 0, ours);
	rig.fd[1] = cert_file("DNS:b.example", 0, theirs);
	assert_int_equal(begin(CERT, PINNED), 0);
	snprintf(text, sizeof text, "local { auth = pubkey id = a.example "
		 "certs [ 0x%s", ours);
	wait_for(text);
	snprintf(text, sizeof text, "remote { auth = pubkey id = b.example "
		 "certs [ 0x%s", theirs);
	wait_for(text);
	wait_for("initiate");
	assert_int_equal(rig.keys, 0);
	assert_null(strstr(rig.heard, "cacerts"));
	assert_null(strstr(rig.heard, "load-shared"));
}

static void by_a_ca(void **state)
{
	static const char peer[] =
		"{ match = \"*@b\"; name = \"b\"; profile = \"ike\"; ike = "
		"\"192.0.2.2\"; ike_ca = \"file:ca\"; }";
	struct ca ca = ca_make(0, "ca");
	char ours[80];

	(void)state;
	rig.fd[0] = cert_file("DNS:a.example", 0, ours);
	rig.fd[1] = ca_file(ca.cert, NULL, NULL, NULL);
	assert_int_equal(begin(CERT, peer), 0);
	wait_for("remote { auth = pubkey id = 192.0.2.2 cacerts [ 0x30");
	ca_free(&ca);
}

/* Who has a bad one has no tunnel; others have theirs. */
static void a_bad_certificate(void **state)
{
	char der[80];

	(void)state;
	rig.fd[0] = cert_file("DNS:a.example", 0, der);
	rig.fd[1] = cert_file("DNS:b.example", -1, der);
	assert_int_equal(begin(CERT, PINNED
			       ", { match = \"*@c\"; name = \"c\"; "
			       "profile = \"after\"; ike = \"192.0.2.3\"; "
			       "psk = \"file:c\"; }"), 0);
	assert_string_equal(trouble("b"), "ike_cert: its certificate has "
			    "expired; get a new one");
	wait_for("load-conn callseal-c");
	assert_null(strstr(rig.heard, "callseal-b"));
}

static void bad_ones_of_ours(void **state)
{
	char der[80];

	(void)state;
	rig.fd[0] = cert_file("DNS:c.example", 0, der);
	rig.fd[1] = cert_file("DNS:b.example", 0, der);
	assert_int_equal(begin(CERT, PINNED), 0);
	assert_non_null(strstr(trouble("b"), "vici.cert: does not name "
			       "a.example"));
}

static void one_that_did_not_come(void **state)
{
	char der[80];

	(void)state;
	rig.fd[0] = cert_file("DNS:a.example", 0, der);
	assert_int_equal(begin(CERT, PINNED), 0);
	assert_non_null(strstr(trouble("b"), "ike_cert: the file did not "
			       "come"));
}

/* ike = "after": charon knows the peer, and begins when a call wants it. */
static void raised_for_a_call(void **state)
{
	struct standing *s;
	uint64_t a = 0, b = 0;

	(void)state;
	assert_int_equal(begin("", AFTER), 0);
	s = rig.standing;
	assert_non_null(trouble("b")); /* charon is not there yet */
	assert_int_equal(s->want(s->state, "b", false, &a), E_CLOSED);
	assert_int_equal(s->want(s->state, "x", false, &a), E_NOTFOUND);
	wait_for("list-sas ike = callseal-b");
	for (int i = 0; i < 30; i++)
		charon_turn(rig.base);
	assert_null(trouble("b"));
	assert_null(strstr(rig.heard, "initiate"));
	assert_int_equal(s->want(s->state, "b", false, &a), 0);
	assert_int_equal(s->want(s->state, "b", false, &b), 0);
	wait_for("initiate");
	assert_int_equal(rig.wanted, 0);
	say("up = yes " SA);
	for (int i = 0; strcmp(rig.why, "up") && i < 1000; i++)
		charon_turn(rig.base);
	assert_true(rig.wanted == a || rig.wanted == b);
	s->unwant(s->state, a);
	s->unwant(s->state, b);
	wait_for("terminate"); /* none stands any more */
	say(SA);
	*rig.heard = 0;
	for (int i = 0; i < 30; i++)
		charon_turn(rig.base);
	assert_int_equal(rig.gone, 0); /* nobody had it */
	assert_false(s->up(s->state, "b"));
	assert_null(strstr(rig.heard, "initiate"));
	assert_int_equal(s->want(s->state, "b", false, &a), 0);
	wait_for("initiate"); /* the next one's is raised anew */
	charon_free(rig.charon);
	rig.charon = NULL;
	for (int i = 0; rig.wanted != a && i < 1000; i++)
		charon_turn(rig.base);
	assert_non_null(strstr(rig.why, "charon"));
	assert_non_null(trouble("b"));
}

/* What the far end began it ends, however few calls are here. */
static void raised_by_the_far_end(void **state)
{
	(void)state;
	assert_int_equal(begin("", AFTER), 0);
	wait_for("list-sas ike = callseal-b");
	say("up = yes " SA);
	for (int i = 0; i < 2500; i++)
		charon_turn(rig.base);
	assert_null(strstr(rig.heard, "terminate"));
	say(SA);
	wait_gone(1);
	assert_null(trouble("b"));
}

static unsigned n_seen;

static void see(void *user, const struct standing_sa *sa)
{
	assert_ptr_equal(user, &rig);
	if (!n_seen++) {
		assert_string_equal(sa->peer, "b");
		assert_string_equal(sa->connection, "callseal-b");
		assert_string_equal(sa->state, "INSTALLED");
		assert_string_equal(sa->suite,
				    "AES_CBC-128/HMAC_SHA2_256_128");
		assert_true(sa->raised && !sa->transport);
		assert_int_equal(sa->spi_in, 0xc1);
		assert_int_equal(sa->bytes_out, 12);
		assert_int_equal(sa->left_s, 77);
		assert_string_equal(sa->takes_local,
				    "192.0.2.1/32[17/40000-40999]");
		assert_string_equal(sa->takes_remote, "...");
	} else {
		assert_null(sa->peer);
		assert_string_equal(sa->connection, "office");
		assert_string_equal(sa->state, "CONNECTING");
		assert_false(sa->raised);
	}
}

static void listed(void *user, int err)
{
	assert_ptr_equal(user, &rig);
	assert_int_equal(err, 0);
	n_seen += 100;
}

static void what_charon_has(void **state)
{
	(void)state;
	assert_int_equal(begin("", B), 0);
	assert_int_equal(rig.standing->list(rig.standing->state, see, listed,
					    &rig), E_STATE);
	wait_for("initiate");
	rig.have = "callseal-b { uniqueid = 1 state = ESTABLISHED child-sas { "
		   "c { name = x uniqueid = 2 state = INSTALLED mode = TUNNEL "
		   "spi-in = c1 spi-out = c2 encr-alg = AES_CBC encr-keysize = "
		   "128 integ-alg = HMAC_SHA2_256_128 bytes-out = 12 life-time "
		   "= 77 local-ts [ 192.0.2.1/32[udp/40000-40999] ] remote-ts "
		   "[ 192.0.2.1..192.0.2.7 ] } } }";
	n_seen = 0;
	*rig.heard = 0;
	assert_int_equal(rig.standing->list(rig.standing->state, see, listed,
					    &rig), 0);
	wait_for("list-sas noblock = yes");
	for (int i = 0; n_seen < 100 && i < 1000; i++)
		charon_turn(rig.base);
	assert_int_equal(n_seen, 101);
	rig.have = "office { uniqueid = 3 state = CONNECTING }";
	assert_int_equal(rig.standing->list(rig.standing->state, see, listed,
					    &rig), 0);
	for (int i = 0; n_seen < 200 && i < 1000; i++)
		charon_turn(rig.base);
	assert_int_equal(n_seen, 202);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_charon_is_given),
		T(what_the_configuration_says),
		T(up_and_gone),
		T(gone_and_back_in_one_turn),
		T(another_key),
		T(raised_for_a_call),
		T(raised_by_the_far_end),
		T(what_charon_has),
		T(another_key_while_it_pauses),
		T(refused_at_once),
		T(a_child_is_refused),
		T(others_end_nothing),
		T(a_call_is_refused),
		T(of_what_others_begin),
		T(raised_by_another_key),
		T(what_cannot_be),
		T(an_address_of_another_family),
		T(bad_values),
		T(by_certificates),
		T(renewed_certificates),
		T(renewed_at_once),
		T(sdp_against_the_pin),
		T(sdp_of_a_pre_shared_key),
		T(waited_for),
		T(by_a_ca),
		T(a_bad_certificate),
		T(bad_ones_of_ours),
		T(one_that_did_not_come),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
