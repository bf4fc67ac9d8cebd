/* test_vici_ask.c - what is loaded into charon, word by word, what is refused
 * before it leaves, and what comes back (tests/mock/charon.c). */
#include "daemon/base/err.h"
#include "modules/vici/ask.h"
#include "tests/mock/alloc.h"
#include "tests/mock/charon.h"
#include "tests/mock/vici_text.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct rig {
	struct event_base *base;
	struct charon *charon;
	struct vici_client *client;
	struct buf text, answer;
	unsigned dones, ikes, children;
	int err;
	char errmsg[64], id[64];
	uint32_t matches;
} rig;

static struct vici_client_settings settings;
static char path[64];

static void on_up(void *user, const struct vici_version *version)
{
	(void)user;
	(void)version;
}

static void on_down(void *user, const struct vici_down *down)
{
	(void)user;
	fail_msg("down: %s", down->why);
}

static const struct vici_client_ops ops = { on_up, on_down, NULL };

static void on_done(void *user, int err, const struct vici_result *r)
{
	assert_ptr_equal(user, &rig);
	rig.dones++;
	rig.err = err;
	rig.matches = r->matches;
	snprintf(rig.errmsg, sizeof rig.errmsg, "%.*s", (int)r->errmsg.len,
		 r->errmsg.p);
	snprintf(rig.id, sizeof rig.id, "%.*s", (int)r->id.len, r->id.p);
}

static const struct vici_then then = { 20000, on_done, &rig };

static void on_ike(void *user, struct vici_ike *ike)
{
	struct vici_child_sa child;

	assert_ptr_equal(user, &rig);
	rig.ikes++;
	while (!vici_ike_child(ike, &child))
		rig.children++;
}

#define WAIT(condition) CHARON_WAIT(rig.base, condition)

static int set_up(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof rig);
	rig.text = rig.answer = buf_of(VICI_PACKET_MAX);
	snprintf(path, sizeof path, "/tmp/callseal-vici-%d", (int)getpid());
	settings = (struct vici_client_settings)VICI_CLIENT_DEFAULTS;
	settings.path = path;
	rig.base = event_base_new();
	rig.charon = charon_new(rig.base, path);
	assert_int_equal(vici_client_new(rig.base, &settings, &ops, NULL,
					 &rig.client), 0);
	WAIT(vici_client_is_up(rig.client));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vici_client_free(rig.client);
	charon_free(rig.charon);
	event_base_free(rig.base);
	buf_free(&rig.text);
	buf_free(&rig.answer);
	return 0;
}

static void answer(const char *text)
{
	buf_clear(&rig.answer);
	assert_int_equal(vici_from_text(&rig.answer, text), 0);
	charon_answer(rig.charon, rig.answer.data, rig.answer.len);
}

/* That r was 0, and then what charon got for it. */
static void sent(int r, const char *command, const char *text)
{
	const struct buf *m = charon_message(rig.charon);
	char line[64];

	assert_int_equal(r, 0);
	charon_forget(rig.charon);
	rig.dones = 0;
	WAIT(rig.dones == 1);
	snprintf(line, sizeof line, "request %s\n", command);
	assert_non_null(strstr(charon_heard(rig.charon), line));
	assert_string_equal(vici_to_text(&rig.text, m->data, m->len), text);
}

/* -- connections ----------------------------------------------------------- */

static struct vici_selector selector(const char *text)
{
	struct vici_selector s;
	struct vici_text t = { text, strlen(text) };

	assert_int_equal(vici_selector_read(t, &s), 0);
	return s;
}

static struct vici_selector here, there;
static struct vici_child children[VICI_CHILDREN_MAX + 1];
static struct vici_conn conn;

static void a_conn(void)
{
	here = selector("10.99.11.2/32[udp/40000-40001]");
	there = selector("fd99:12::/64");
	children[0] = (struct vici_child){
		.name = "cs-1", .local = &here, .n_local = 1,
		.remote = &there, .n_remote = 1
	};
	conn = (struct vici_conn){
		.name = "cs-b", .ours = { .id = "a.example" },
		.theirs = { .id = "b.example" }, .children = children,
		.n_children = 1
	};
	addr_parse("10.99.2.1", &conn.remote);
}

static void a_small_connection(void **state)
{
	(void)state;
	a_conn();
	sent(vici_load_conn(rig.client, &conn, &then), "load-conn",
	     "cs-b { version = 2 mobike = no keyingtries = 1 encap = no "
	     "remote_addrs [ 10.99.2.1 ] "
	     "local { auth = psk id = a.example } "
	     "remote { auth = psk id = b.example } "
	     "children { cs-1 { mode = tunnel start_action = none "
	     "close_action = none dpd_action = clear "
	     "local_ts [ 10.99.11.2/32[17/40000-40001] ] "
	     "remote_ts [ fd99:12::/64 ] } } }");
	assert_int_equal(rig.err, 0);
}

static void a_full_connection(void **state)
{
	static const struct vici_bytes certs[] = { { "0\1\2", 3 } };
	static const struct vici_bytes cas[] = { { "0\3", 2 } };

	(void)state;
	a_conn();
	addr_parse("[fd99:1::1]:5500", &conn.local);
	addr_parse("[fd99:2::1]:5501", &conn.remote);
	conn.proposal = "aes128gcm16-prfsha256-x25519";
	conn.rekey_s = 3600;
	conn.dpd_s = 30;
	conn.encap = true;
	conn.ours.auth = conn.theirs.auth = VICI_AUTH_PUBKEY;
	conn.theirs.certs = certs;
	conn.theirs.n_certs = 1;
	conn.theirs.cas = cas;
	conn.theirs.n_cas = 1;
	children[0].transport = true;
	children[0].proposal = "aes128gcm16";
	children[0].rekey_s = 600;
	children[0].reqid = 7;
	sent(vici_load_conn(rig.client, &conn, &then), "load-conn",
	     "cs-b { version = 2 mobike = no keyingtries = 1 encap = yes "
	     "proposals [ aes128gcm16-prfsha256-x25519 ] rekey_time = 3600 "
	     "dpd_delay = 30 local_port = 5500 local_addrs [ fd99:1::1 ] "
	     "remote_port = 5501 remote_addrs [ fd99:2::1 ] "
	     "local { auth = pubkey id = a.example } "
	     "remote { auth = pubkey id = b.example certs [ 0x300102 ] "
	     "cacerts [ 0x3003 ] } "
	     "children { cs-1 { mode = transport start_action = none "
	     "close_action = none dpd_action = clear "
	     "esp_proposals [ aes128gcm16 ] rekey_time = 600 reqid = 7 "
	     "local_ts [ 10.99.11.2/32[17/40000-40001] ] "
	     "remote_ts [ fd99:12::/64 ] } } }");
}

static void connections_that_are_refused(void **state)
{
	(void)state;
#define REFUSED(change) do { \
	a_conn(); \
	change; \
	assert_int_equal(vici_load_conn(rig.client, &conn, &then), E_ARG); \
} while (0)
	REFUSED(conn.name = "");
	REFUSED(conn.name = "a\nb");
	REFUSED(conn.remote.family = 0);
	REFUSED(conn.ours.id = NULL);
	REFUSED(conn.theirs.id = "");
	REFUSED(conn.theirs.n_certs = 1); /* with a pre-shared key */
	REFUSED(conn.theirs.n_cas = 1);
	REFUSED(conn.theirs.auth = 2);
	REFUSED(children[0].name = "");
	REFUSED(children[0].n_local = 0);
	REFUSED(children[0].n_remote = 0);
	REFUSED(here.port = 50000); /* behind the range's end */
	REFUSED((children[1] = children[0], conn.n_children = 2));
	REFUSED(conn.n_children = VICI_CHILDREN_MAX + 1);
#undef REFUSED
	assert_int_equal(vici_client_pending(rig.client), 0);
	a_conn();
	conn.n_children = 0;
	assert_int_equal(vici_load_conn(rig.client, &conn, &then), 0);
}

/* -- keys ------------------------------------------------------------------ */

static void keys_and_certificates(void **state)
{
	static const char *const owners[] = { "a.example", "b.example" };
	struct vici_bytes der = { "0\1", 2 };
	struct secret key;
	struct vici_psk psk = { "cs-b", &key, owners, 2 };

	(void)state;
	secret_set(&key, "0123456789abcdef", 16);
	sent(vici_load_psk(rig.client, &psk, &then), "load-shared",
	     "id = cs-b type = IKE data = 0123456789abcdef "
	     "owners [ a.example b.example ]");
	secret_set(&key, "0123456789abcde", 15);
	assert_int_equal(vici_load_psk(rig.client, &psk, &then), E_ARG);
	secret_set(&key, "0123456789abcdef", 16);
	psk.n_owners = 0; /* would be everybody's */
	assert_int_equal(vici_load_psk(rig.client, &psk, &then), E_ARG);
	psk.n_owners = VICI_OWNERS_MAX + 1;
	assert_int_equal(vici_load_psk(rig.client, &psk, &then), E_ARG);
	sent(vici_unload_psk(rig.client, "cs-b", &then), "unload-shared",
	     "id = cs-b");
	sent(vici_load_cert(rig.client, der, true, &then), "load-cert",
	     "type = X509 flag = CA data = 0x3001");
	sent(vici_load_cert(rig.client, der, false, &then), "load-cert",
	     "type = X509 flag = NONE data = 0x3001");
	answer("success = yes id = c0ffee");
	sent(vici_load_key(rig.client, der, &then), "load-key",
	     "type = any data = 0x3001");
	assert_string_equal(rig.id, "c0ffee");
	sent(vici_unload_key(rig.client, "c0ffee", &then), "unload-key",
	     "id = c0ffee");
	sent(vici_unload_conn(rig.client, "cs-b", &then), "unload-conn",
	     "name = cs-b");
}

/* -- SAs ------------------------------------------------------------------- */

static void nothing_waits_inside_charon(void **state)
{
	struct vici_which which = { .conn = "cs-b" };

	(void)state;
	sent(vici_initiate(rig.client, "cs-b", "cs-1", &then), "initiate",
	     "ike = cs-b child = cs-1 timeout = -1 loglevel = -1");
	sent(vici_initiate(rig.client, "cs-b", NULL, &then), "initiate",
	     "ike = cs-b timeout = -1 loglevel = -1");
	answer("success = yes matches = 2 terminated = 2");
	sent(vici_terminate(rig.client, &which, true, &then), "terminate",
	     "timeout = -1 loglevel = -1 force = yes ike = cs-b");
	assert_int_equal(rig.matches, 2);
	which = (struct vici_which){ .ike_id = 3, .child_id = 4 };
	sent(vici_terminate(rig.client, &which, false, &then), "terminate",
	     "timeout = -1 loglevel = -1 ike-id = 3 child-id = 4");
	which = (struct vici_which){ .child = "cs-1" };
	sent(vici_rekey(rig.client, &which, &then), "rekey", "child = cs-1");
	which = (struct vici_which){ 0 };
	assert_int_equal(vici_terminate(rig.client, &which, false, &then),
			 E_ARG);
	assert_int_equal(vici_rekey(rig.client, &which, &then), E_ARG);
}

static void what_charon_answers(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *errmsg;
	} rows[] = {
		{ "success = yes", 0, "" },
		{ "success = no errmsg = unknown", E_REFUSED, "unknown" },
		{ "success = perhaps", E_REFUSED, "" },
		{ "", E_FORMAT, "" },
		{ "a { success = yes }", E_FORMAT, "" },
		{ "success = yes matches = x", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		answer(rows[i].text);
		sent(vici_unload_conn(rig.client, "x", &then), "unload-conn",
		     "name = x");
		assert_int_equal(rig.err, rows[i].err);
		assert_string_equal(rig.errmsg, rows[i].errmsg);
	}
	charon_unknown(rig.charon, "unload-conn");
	sent(vici_unload_conn(rig.client, "x", &then), "unload-conn",
	     "name = x");
	assert_int_equal(rig.err, E_UNSUPPORTED);
}

static void say_sa(const char *text)
{
	struct buf b = buf_of(4096);

	assert_int_equal(vici_from_text(&b, text), 0);
	charon_say(rig.charon, VICI_EVENT, "list-sa", b.data, b.len);
	buf_free(&b);
}

static void sas_are_listed(void **state)
{
	struct vici_listing listing = {
		.prefix = "cs-", .conn = "cs-b", .each = on_ike
	};

	(void)state;
	charon_silent(rig.charon, "list-sas");
	assert_int_equal(vici_list_sas(rig.client, &listing, &then), 0);
	WAIT(strstr(charon_heard(rig.charon), "request list-sas"));
	say_sa("cs-b { uniqueid = 1 child-sas { a { uniqueid = 1 } "
	       "b { uniqueid = 2 } } }");
	say_sa("cs-b { uniqueid = 2 child-sas { } }");
	charon_say(rig.charon, VICI_RESPONSE, NULL, NULL, 0);
	WAIT(rig.dones);
	assert_int_equal(rig.err, 0);
	assert_int_equal(rig.ikes, 2);
	assert_int_equal(rig.children, 2);
	assert_int_equal(vici_list_sas(rig.client, &listing, &then), 0);
	charon_forget(rig.charon);
	WAIT(strstr(charon_heard(rig.charon), "request list-sas"));
	say_sa("cs-b { uniqueid = many }");
	say_sa("cs-b { uniqueid = 2 }");
	charon_say(rig.charon, VICI_RESPONSE, NULL, NULL, 0);
	WAIT(rig.dones == 2);
	assert_int_equal(rig.err, E_FORMAT); /* not all was understood */
	assert_int_equal(rig.ikes, 3);
}

static char named[256];

static void on_name(void *user, struct vici_text name)
{
	assert_ptr_equal(user, &rig);
	snprintf(named + strlen(named), sizeof named - strlen(named), "%.*s;",
		 (int)name.len, name.p);
}

static void names_are_listed(void **state)
{
	struct buf b = buf_of(4096);

	(void)state;
	*named = 0;
	assert_int_equal(vici_from_text(&b, "conns [ a b-2 0x0a cs-c ]"), 0);
	charon_answer(rig.charon, b.data, b.len);
	assert_int_equal(vici_list_conns(rig.client, on_name, &then), 0);
	WAIT(rig.dones == 1);
	assert_int_equal(rig.err, 0);
	assert_string_equal(named, "a;b-2;cs-c;");
	assert_non_null(strstr(charon_heard(rig.charon), "request get-conns"));
	charon_answer(rig.charon, b.data, b.len - 1);
	assert_int_equal(vici_list_psks(rig.client, on_name, &then), 0);
	charon_unknown(rig.charon, "get-shared");
	WAIT(rig.dones == 2);
	assert_int_equal(rig.err, E_UNSUPPORTED);
	assert_string_equal(named, "a;b-2;cs-c;");
	buf_free(&b);
}

/* -- memory ---------------------------------------------------------------- */

static void load(void *user)
{
	unsigned before = vici_client_pending(rig.client);
	int r = vici_load_conn(rig.client, &conn, &then);

	(void)user;
	assert_true(r == 0 || r == E_NOMEM);
	assert_int_equal(vici_client_pending(rig.client), before + !r);
}

static void memory_runs_out(void **state)
{
	(void)state;
	a_conn();
	assert_true(alloc_walk(load, NULL) > 3);
	WAIT(!vici_client_pending(rig.client));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_small_connection),
		TEST(a_full_connection),
		TEST(connections_that_are_refused),
		TEST(keys_and_certificates),
		TEST(nothing_waits_inside_charon),
		TEST(what_charon_answers),
		TEST(sas_are_listed),
		TEST(names_are_listed),
		TEST(memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
