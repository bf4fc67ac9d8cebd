/* test_discover.c - what the core tells by OPTIONS and to whom, and what comes
 * of what next hops said: shown, and with discover = "require" no call. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"
#include "daemon/engine/way/discover.h"
#include "daemon/engine/way/hops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "one", "two" and "three" are at 192.0.2.1, .2 and .3. */
static struct discovery said[3];

static int number(const char *hop)
{
	static const char *const names[] = { "sip:one", "sip:two",
					     "sip:three" };

	for (int i = 0; i < 3; i++)
		if (!strcmp(names[i], hop))
			return i;
	return -1;
}

static size_t servers(void *user, const char *const *hops, size_t n,
		      const char *out[static SERVERS_MAX])
{
	(void)user;
	memcpy(out, hops, n * sizeof *out);
	return n;
}

static json_t *state(void *user, const char *hop)
{
	(void)user;
	return json_pack("[{s:s}]", "server", hop);
}

static bool serves(void *user, const char *hop, const struct addr *at)
{
	int i = number(hop);

	(void)user;
	return i >= 0 && at->ip[0] == 192 && at->ip[3] == i + 1;
}

static const struct discovery *say(void *user, const char *server)
{
	int i = number(server);

	(void)user;
	return i < 0 ? NULL : &said[i];
}

static const struct hops role = { "test", NULL, servers, state, serves, say };

static struct rig *open_rig(void)
{
	struct rig *r = rig_new("");

	memset(said, 0, sizeof said);
	assert_int_equal(core_register(child_core(r->child), "hops", "test",
				       &role), 0);
	return r;
}

/* The tunnel process tells our end for that peer. */
static void told(struct rig *r, const char *peer, const char *at, bool cert)
{
	struct msg_ike_ours m;

	memset(&m, 0, sizeof m);
	m.ours.there = 1;
	addr_parse(at, &m.ours.at);
	if (cert) {
		print_of(PRINT_SHA256, "abc", 3, &m.ours.certs.list[0]);
		m.ours.certs.n = 1;
	}
	strcpy(m.peer, peer);
	assert_int_equal(rig_tunnel_says(r, MSG_IKE_OURS, 0, &m, sizeof m), 0);
}

static int ask(struct rig *r, const char *from, struct sdp_can *can)
{
	const char *why = NULL;
	struct capable out;
	struct addr source;
	int err;

	addr_parse(from, &source);
	err = engine_capable(r->e, &source, &out);
	if (err)
		return err;
	if (sdp_can_read(out.sdp.data, out.sdp.len, can, &why))
		fail_msg("%s: %s", buf_string(&out.sdp), why);
	buf_free(&out.sdp);
	return 0;
}

static void whoever_is_in_a_route_is_told(void **state_)
{
	struct rig *r = open_rig();
	struct sdp_can can;
	char text[ADDR_TEXT];

	(void)state_;
	assert_int_equal(ask(r, "192.0.2.1:5060", &can), E_STATE);
	told(r, "able", "127.0.0.2", true);
	assert_int_equal(ask(r, "192.0.2.1:40000", &can), 0);
	assert_true(can.ike && !can.esp && can.certs.n == 1);
	assert_string_equal(addr_text(&can.ike_at, text), "127.0.0.2");
	assert_int_equal(ask(r, "192.0.2.2:5060", &can), 0); /* two peers' */
	assert_true(can.ike && can.esp);
	assert_int_equal(ask(r, "192.0.2.3:5060", &can), 0);
	assert_true(!can.ike && can.esp && !can.certs.n);
	assert_string_equal(addr_text(&can.esp_at, text), "127.0.0.2");
	told(r, "able", "127.0.0.7", false); /* another certificate, say */
	assert_int_equal(ask(r, "192.0.2.1:5060", &can), 0);
	assert_string_equal(addr_text(&can.ike_at, text), "127.0.0.7");
	assert_int_equal(can.certs.n, 0);
	rig_free(r);
}

/* Its IKE is where the media of each call are; nobody has to tell. */
static void who_has_ike_for_each_call(void **state_)
{
	struct rig *r = open_rig();
	struct sdp_can can;
	char text[ADDR_TEXT];

	(void)state_;
	rig_reload(r, "media = \"esp\"; discover = \"ask\"", "media = \"ike\"; "
		   "ike = \"call\"; discover = \"ask\"");
	assert_int_equal(ask(r, "192.0.2.3:5060", &can), 0);
	assert_true(can.ike && !can.esp && !can.certs.n);
	assert_string_equal(addr_text(&can.ike_at, text), "127.0.0.2");
	told(r, "able", "127.0.0.7", true);
	assert_int_equal(ask(r, "192.0.2.2:5060", &can), 0); /* two peers' */
	assert_true(can.ike && can.certs.n == 1);
	rig_free(r);
}

static void strangers_hear_nothing(void **state_)
{
	struct rig *r = open_rig();
	struct sdp_can can;

	(void)state_;
	told(r, "able", "127.0.0.2", true);
	assert_int_equal(ask(r, "192.0.2.4:5060", &can), E_NOTFOUND);
	assert_int_equal(ask(r, "[2001:db8::1]:5060", &can), E_NOTFOUND);
	rig_free(r);
}

static void each_description_has_its_id(void **state_)
{
	struct rig *r = open_rig();
	struct capable a, b;
	struct addr source;

	(void)state_;
	addr_parse("192.0.2.3", &source);
	assert_int_equal(engine_capable(r->e, &source, &a), 0);
	assert_int_equal(engine_capable(r->e, &source, &b), 0);
	assert_string_not_equal(buf_string(&a.sdp), buf_string(&b.sdp));
	assert_false(a.before);
	buf_free(&a.sdp);
	buf_free(&b.sdp);
	rig_free(r);
}

static void what_is_no_end_of_ours(void **state_)
{
	struct rig *r = open_rig();
	struct msg_ike_ours m;
	struct sdp_can can;

	(void)state_;
	memset(&m, 0, sizeof m);
	strcpy(m.peer, "able");
	assert_int_equal(rig_tunnel_says(r, MSG_IKE_OURS, 0, &m, sizeof m),
			 E_FORMAT);
	addr_parse("127.0.0.2", &m.ours.at);
	m.ours.certs.n = PRINTS_MAX + 1;
	assert_int_equal(rig_tunnel_says(r, MSG_IKE_OURS, 0, &m, sizeof m),
			 E_FORMAT);
	assert_int_equal(ask(r, "192.0.2.1", &can), E_STATE);
	rig_free(r);
}

/* -- calls ----------------------------------------------------------------- */

/* Of a server: it can do that, or not (0). */
static void says(int server, bool ike, bool esp)
{
	said[server] = (struct discovery){ .at_us = 1700000000000000 };
	said[server].can.ike = ike;
	said[server].can.esp = esp;
}

static int call(struct rig *r, const char *callee, struct refusal *no)
{
	struct call_start s = { .from = INSIDE, .callee = callee,
				.caller = "sip:alice@a.example" };
	int err;

	addr_parse("127.0.0.1:5080", &s.source);
	err = call_start(r->e, &s, r, &r->call, no);
	if (err)
		r->call = NULL;
	return err;
}

static void ended(struct rig *r)
{
	call_end(r->call, 200, "");
	r->call = NULL;
}

static void hop_is(struct rig *r, const char *hop)
{
	struct refusal no;

	assert_int_equal(call(r, "sip:x@able.example", &no), 0);
	assert_string_equal(call_route(r->call)->next_hop, hop);
	ended(r);
}

static void who_cannot_is_not_called(void **state_)
{
	struct rig *r = open_rig();
	struct refusal no;

	(void)state_;
	hop_is(r, "sip:one"); /* nobody said anything yet */
	says(0, false, true);
	hop_is(r, "sip:two");
	says(1, true, false);
	hop_is(r, "sip:two");
	says(0, true, false);
	hop_is(r, "sip:one");
	says(0, false, false);
	says(1, false, false);
	assert_int_equal(call(r, "sip:x@able.example", &no), E_POLICY);
	assert_int_equal(no.status, 488);
	assert_int_equal(no.warn_code, 399);
	assert_string_equal(no.warn, "the far end cannot do IPsec");
	assert_non_null(strstr(rig_log, "it cannot do the IPsec of its "
			       "profile: see callsealctl peers"));
	said[1].why = "garbage"; /* which says nothing */
	hop_is(r, "sip:two");
	rig_free(r);
}

static void a_further_hop_cannot_either(void **state_)
{
	struct rig *r = open_rig();
	struct refusal no;

	(void)state_;
	says(1, false, false);
	assert_int_equal(call(r, "sip:x@able.example", &no), 0);
	assert_false(call_has_hop(r->call));
	rig_free(r);
}

static void to_ask_refuses_nothing(void **state_)
{
	struct rig *r = open_rig();
	struct refusal no;

	(void)state_;
	says(1, false, false);
	says(2, false, false);
	assert_int_equal(call(r, "sip:x@asked.example", &no), 0);
	assert_string_equal(call_route(r->call)->next_hop, "sip:two");
	rig_free(r);
}

/* A MESSAGE needs no tunnel. */
static void words_go_all_the_same(void **state_)
{
	struct rig *r = open_rig();
	struct call_start s = { .from = INSIDE, .callee = "sip:x@able.example",
				.caller = "sip:alice@a.example" };
	struct request_way w;
	struct refusal no;

	(void)state_;
	says(0, false, false);
	says(1, false, false);
	addr_parse("127.0.0.1:5080", &s.source);
	assert_int_equal(engine_route(r->e, &s, false, &w, &no), 0);
	assert_string_equal(w.next_hop, "sip:one");
	request_way_free(r->e, &w);
	rig_free(r);
}

/* -- the operator ---------------------------------------------------------- */

static json_t *server_of(json_t *peers, const char *name, size_t n)
{
	json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
		if (!strcmp(json_string_value(json_object_get(peer, "name")),
			    name))
			return json_array_get(json_object_get(peer, "servers"),
					      n);
	return NULL;
}

static const char *text(json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static void the_operator_sees_it(void **state_)
{
	struct rig *r = open_rig();
	json_t *peers, *o, *d;

	(void)state_;
	says(0, true, false);
	addr_parse("192.0.2.7", &said[0].can.ike_at);
	print_of(PRINT_SHA256, "abc", 3, &said[0].can.certs.list[0]);
	said[0].can.certs.n = 1;
	says(2, false, false);
	said[2].why = "nobody can read that";
	peers = engine_peers(r->e);
	o = server_of(peers, "able", 0);
	assert_string_equal(text(o, "ipsec"), "yes");
	d = json_object_get(o, "said");
	assert_true(json_is_true(json_object_get(d, "ike")));
	assert_true(json_is_false(json_object_get(d, "esp")));
	assert_string_equal(text(d, "ike_address"), "192.0.2.7");
	assert_int_equal(json_number_value(json_object_get(d, "at")),
			 1700000000);
	assert_memory_equal(json_string_value(json_array_get(
		json_object_get(d, "fingerprints"), 0)), "SHA-256 BA:78", 13);
	o = server_of(peers, "able", 1);
	assert_string_equal(text(o, "ipsec"), "unknown");
	assert_null(json_object_get(o, "said"));
	o = server_of(peers, "asked", 1);
	assert_string_equal(text(o, "ipsec"), "unknown");
	assert_string_equal(text(json_object_get(o, "said"), "trouble"),
			    "nobody can read that");
	assert_null(json_object_get(server_of(peers, "two", 0), "ipsec"));
	json_decref(peers);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_is_in_a_route_is_told),
		cmocka_unit_test(who_has_ike_for_each_call),
		cmocka_unit_test(strangers_hear_nothing),
		cmocka_unit_test(each_description_has_its_id),
		cmocka_unit_test(what_is_no_end_of_ours),
		cmocka_unit_test(who_cannot_is_not_called),
		cmocka_unit_test(a_further_hop_cannot_either),
		cmocka_unit_test(to_ask_refuses_nothing),
		cmocka_unit_test(words_go_all_the_same),
		cmocka_unit_test(the_operator_sees_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
