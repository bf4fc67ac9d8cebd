/* test_hop.c - a call whose peer has several next hops: which comes first,
 * what a further attempt takes along, and when there is none. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"
#include "daemon/engine/way/hops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OFFER "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	      "c=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
#define ANSWER "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	       "c=IN IP4 127.0.0.9\r\nt=0 0\r\n" \
	       "a=key-mgmt:mikey " RIG_MIKEY "\r\nm=audio 4000 RTP/SAVP 0\r\n"
static const char *up[SERVERS_MAX];
static size_t n_up;
static struct outcome o;

static size_t servers(void *user, const char *const *hops, size_t n,
		      const char *out[static SERVERS_MAX])
{
	assert_ptr_equal(user, &n_up);
	assert_int_equal(n, 2);
	assert_string_equal(hops[0], "sip:one");
	assert_string_equal(hops[1], "sip:two");
	memcpy(out, up, n_up * sizeof *up);
	return n_up;
}

static json_t *state(void *user, const char *hop)
{
	(void)user;
	return json_pack("[{s:s}]", "server", hop);
}

static bool serves(void *user, const char *hop, const struct addr *at)
{
	(void)user;
	(void)hop;
	(void)at;
	return false;
}

static const struct discovery *said(void *user, const char *server)
{
	(void)user;
	(void)server;
	return NULL;
}

static const struct hops role = { "test", &n_up, servers, state, serves, said };

static struct rig *open_rig(bool with_role)
{
	struct rig *r = rig_new("");

	if (with_role)
		assert_int_equal(core_register(child_core(r->child), "hops",
					       "test", &role), 0);
	return r;
}

static void offer(struct rig *r)
{
	rig_filter(r, INSIDE, BODY_OFFER, 0, OFFER, &o);
	assert_true(o.passed);
}

static void in_their_order(void **state_)
{
	struct rig *r = open_rig(false);
	struct call *c = rig_call(r, INSIDE, "two");

	(void)state_;
	assert_string_equal(call_route(c)->next_hop, "sip:one");
	assert_true(call_has_hop(c));
	assert_true(call_next_hop(c, "no answer"));
	assert_string_equal(call_route(c)->next_hop, "sip:two");
	assert_false(call_has_hop(c));
	assert_false(call_next_hop(c, "no answer"));
	assert_string_equal(call_route(c)->next_hop, "sip:two");
	assert_non_null(strstr(rig_log, "sip:one: no answer; now by sip:two"));
	rig_free(r);
}

static void as_the_role_says(void **state_)
{
	struct rig *r = open_rig(true);
	struct refusal no;
	struct call_start s = { .from = INSIDE, .callee = "sip:x@two.example",
				.caller = "sip:alice@a.example" };
	const char *hop;

	(void)state_;
	up[0] = "sip:c;maddr=127.0.0.1";
	up[1] = "sip:b";
	n_up = 2;
	assert_string_equal(call_route(rig_call(r, INSIDE, "two"))->next_hop,
			    up[0]);
	call_end(r->call, 200, "");
	r->call = NULL;
	n_up = 0;
	addr_parse("127.0.0.1:5080", &s.source);
	assert_int_equal(call_start(r->e, &s, r, &r->call, &no), E_CLOSED);
	r->call = NULL;
	assert_int_equal(no.status, 503);
	assert_string_equal(no.warn, "every next hop is down");
	assert_int_equal(hop_first(r->e, (const char *const[]){ "sip:one",
					  "sip:two" }, 2, &hop), E_CLOSED);
	rig_free(r);
}

/* Keys that went to one server are not offered to the next one. */
static void each_has_keys_of_its_own(void **state_)
{
	struct rig *r = open_rig(false);
	struct call *c = rig_call(r, INSIDE, "two");

	(void)state_;
	offer(r);
	assert_int_equal(r->offers, 1);
	assert_true(call_next_hop(c, "503 Service Unavailable"));
	offer(r);
	assert_int_equal(r->drops, 1);
	assert_int_equal(r->offers, 2);
	assert_int_equal(c->sealing, SEALING_YES);
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, ANSWER, &o);
	assert_true(o.passed);
	rig_free(r);
}

static void not_once_it_was_answered(void **state_)
{
	struct rig *r = open_rig(false);
	struct call *c = rig_call(r, INSIDE, "two");

	(void)state_;
	offer(r);
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, ANSWER, &o);
	assert_true(o.passed);
	assert_false(call_has_hop(c));
	assert_false(call_next_hop(c, "503 Service Unavailable"));
	rig_free(r);
}

static void requests_have_them_too(void **state_)
{
	struct rig *r = open_rig(false);
	struct call_start s = { .from = INSIDE, .callee = "sip:x@two.example",
				.caller = "sip:alice@a.example" };
	struct request_way w;
	struct refusal no;

	(void)state_;
	addr_parse("127.0.0.1:5080", &s.source);
	assert_int_equal(engine_route(r->e, &s, false, &w, &no), 0);
	assert_string_equal(w.peer, "two");
	assert_string_equal(w.next_hop, "sip:one");
	assert_true(request_has_hop(&w));
	assert_true(request_next_hop(&w, "no answer"));
	assert_string_equal(w.next_hop, "sip:two");
	assert_false(request_has_hop(&w));
	assert_false(request_next_hop(&w, "no answer"));
	assert_string_equal(w.next_hop, "sip:two");
	assert_non_null(strstr(rig_log, "peer two: sip:one: no answer; now by "
			       "sip:two"));
	request_way_free(r->e, &w);
	rig_free(r);
}

static void the_operator_sees_them(void **state_)
{
	struct rig *r = open_rig(true);
	json_t *list = engine_peers(r->e), *o1 = NULL, *servers_;
	size_t i;

	(void)state_;
	json_array_foreach(list, i, o1)
		if (!strcmp(json_string_value(json_object_get(o1, "name")),
			    "two"))
			break;
	servers_ = json_object_get(o1, "servers");
	assert_string_equal(json_string_value(json_object_get(o1, "name")),
			    "two");
	assert_int_equal(json_integer_value(
		json_object_get(o1, "keepalive_s")), 5);
	assert_int_equal(json_array_size(servers_), 2);
	json_decref(list);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_their_order),
		cmocka_unit_test(as_the_role_says),
		cmocka_unit_test(each_has_keys_of_its_own),
		cmocka_unit_test(not_once_it_was_answered),
		cmocka_unit_test(requests_have_them_too),
		cmocka_unit_test(the_operator_sees_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
