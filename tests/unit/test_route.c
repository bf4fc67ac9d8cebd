/* test_route.c - where calls and registrations go, with a role "location"
 * beside the configuration's phones. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"
#include "daemon/engine/way/location.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN "sip:0123456789abcdef0123456789abcdef@127.0.0.2:5060"
#define ROUTES "<sip:p1.a.example;lr>"

static int find(void *user, const char *uri, struct location_way *out,
		size_t room)
{
	static const struct {
		const char *next_hop;
		uint16_t q;
	} several[] = {
		{ "sip:127.0.0.9:5061;transport=tls", 1000 },
		{ "sip:127.0.0.9:5062;transport=udp", 1000 },
		{ "sip:127.0.0.9:5063;transport=tls", 500 },
		{ "sip:127.0.0.9:5064;transport=udp", 0 },
	};

	(void)user;
	assert_int_equal(room, CALL_PHONES_MAX);
	for (int i = 0; i < 4; i++) {
		strcpy(out[i].account, "sip:dora@a.example");
		snprintf(out[i].target, LOCATION_TEXT, "sip:dora@10.0.0.%d",
			 i);
		strcpy(out[i].next_hop, several[i].next_hop);
		out[i].nat = i == 1;
		out[i].q = several[i].q;
	}
	if (strstr(uri, "dora"))
		return 4;
	if (strcmp(uri, TOKEN))
		return E_NOTFOUND;
	strcpy(out->account, "sip:carol@a.example");
	strcpy(out->target, "sip:carol@127.0.0.9:5062");
	strcpy(out->next_hop, "sip:127.0.0.9:40000;transport=tcp");
	return 1;
}

static const char *routes(void *user, const char *caller,
			  const struct addr *source)
{
	(void)user;
	assert_true(source->port == 5080);
	return strcmp(caller, "sip:alice@a.example") ? "" : ROUTES;
}

static json_t *list(void *user)
{
	(void)user;
	return json_pack("[s]", "one");
}

static const struct location location = {
	.name = "test", .find = find, .phones = find, .routes = routes,
	.list = list
};

static struct rig *open_rig(const char *more)
{
	struct rig *r = rig_new(more);

	assert_int_equal(core_register(child_core(r->child), "location",
				       "test", &location), 0);
	return r;
}

static struct call *inward(struct rig *r, const char *callee,
			   struct refusal *no)
{
	struct call_start s = { .from = OUTSIDE, .callee = callee,
				.caller = "sip:bob@b.example" };

	addr_parse("127.0.0.3:5070", &s.source);
	return call_start(r->e, &s, r, &r->call, no) ? NULL : r->call;
}

static void a_registered_phone_is_called(void **state)
{
	struct rig *r = open_rig("");
	struct refusal no;
	struct call *c = inward(r, TOKEN, &no);

	(void)state;
	assert_non_null(c);
	assert_string_equal(call_route(c)->target, "sip:carol@127.0.0.9:5062");
	assert_string_equal(call_route(c)->next_hop,
			    "sip:127.0.0.9:40000;transport=tcp");
	assert_string_equal(call_route(c)->routes, "");
	assert_string_equal(c->callee, "sip:carol@a.example");
	rig_free(r);
}

static void others_go_as_before(void **state)
{
	struct rig *r = open_rig("");
	struct refusal no;
	struct call *c = inward(r, "sip:alice@a.example", &no);

	(void)state;
	assert_non_null(c);
	assert_string_equal(call_route(c)->target, "sip:alice@127.0.0.1:5080");
	assert_string_equal(call_route(c)->next_hop, "");
	call_end(c, 200, "");
	r->call = NULL;
	/* a registered account is no way in; its token is */
	c = inward(r, "sip:carol@a.example", &no);
	assert_true(c && call_route(c)->nowhere);
	call_end(c, 404, "");
	r->call = NULL;
	rig_free(r);
}

/* Which phones, and in which group: "target group" for each. */
static void expect_phones(struct call *c, const char *const *expected)
{
	const struct call_route *route = NULL;
	char text[64];
	unsigned n;

	assert_non_null(c);
	for (n = 0; expected[n]; n++) {
		route = call_phone(c, n);
		assert_non_null(route);
		snprintf(text, sizeof text, "%s %u", route->target,
			 route->group);
		assert_string_equal(text, expected[n]);
		assert_int_equal(route->nat,
				 !strcmp(route->target, "sip:dora@10.0.0.1"));
		assert_string_equal(route->routes, "");
	}
	assert_null(call_phone(c, n));
	assert_string_equal(call_route(c)->target,
			    call_phone(c, 0)->target);
	assert_string_equal(c->callee, "sip:dora@a.example");
	call_end(c, 200, "");
}

static void several_phones(void **state)
{
	static const char *const all[] = {
		"sip:dora@10.0.0.0 0", "sip:dora@10.0.0.1 0",
		"sip:dora@10.0.0.2 0", "sip:dora@10.0.0.3 0", NULL
	};
	static const char *const best[] = {
		"sip:dora@10.0.0.0 0", "sip:dora@10.0.0.1 0",
		"sip:dora@10.0.0.2 1", "sip:dora@10.0.0.3 2", NULL
	};
	static const char *const sips[] = {
		"sip:dora@10.0.0.0 0", "sip:dora@10.0.0.2 0", NULL
	};
	struct rig *r = open_rig("");
	struct refusal no;

	(void)state;
	expect_phones(inward(r, "sip:dora@a.example", &no), all);
	expect_phones(inward(r, "sips:dora@a.example", &no), sips);
	r->call = NULL;
	rig_free(r);
	r = open_rig("registrar = { ring = \"best\"; };");
	expect_phones(inward(r, "sip:dora@a.example", &no), best);
	r->call = NULL;
	rig_free(r);
}

#define ALICE "sip:alice@a.example"

/* Whom a phone may send its call to, where that is ours to do. */
static void transfers(void **state)
{
	struct location_way way[CALL_PHONES_MAX];
	struct rig *r = open_rig("calls = { refer = \"handle\"; };");
	struct call *c = rig_call(r, INSIDE, "b");

#define REFER(uri) call_refer(c, uri, ALICE, way, CALL_PHONES_MAX)
	(void)state;
	assert_int_equal(REFER("sip:dora@a.example"), 4);
	assert_string_equal(way[1].target, "sip:dora@10.0.0.1");
	assert_int_equal(REFER("sips:dora@a.example"), 2);
	assert_int_equal(REFER(TOKEN), 1);
	/* one of "phones", by the domain of who asks */
	assert_int_equal(REFER(ALICE), 1);
	assert_string_equal(way->target, "sip:alice@127.0.0.1:5080");
	assert_string_equal(way->next_hop, "");
	assert_int_equal(REFER("sip:alice@b.example"), E_NOTFOUND);
	assert_int_equal(REFER("sips:alice@a.example"), E_POLICY);
	assert_int_equal(REFER("sip:nobody@a.example"), E_NOTFOUND);
	assert_int_equal(REFER("sip:a.example"), E_NOTFOUND);
	assert_int_equal(REFER("urn:service:sos"), E_NOTFOUND);
	rig_free(r);
	r = open_rig("calls = { refer = \"handle\"; };"
		     "registrar = { ring = \"best\"; };");
	c = rig_call(r, INSIDE, "b");
	assert_int_equal(REFER("sip:dora@a.example"), 2);
	rig_free(r);
	r = open_rig("");
	c = rig_call(r, INSIDE, "b");
	assert_int_equal(REFER("sip:dora@a.example"), E_UNSUPPORTED);
	rig_free(r);
}

static void who_is_no_peer_reaches_no_phone(void **state)
{
	struct rig *r = open_rig("");
	struct call_start s = { .from = OUTSIDE, .callee = TOKEN,
				.caller = "sip:eve@e.example" };
	struct refusal no;

	(void)state;
	assert_int_equal(call_start(r->e, &s, r, &r->call, &no), E_POLICY);
	r->call = NULL;
	assert_int_equal(no.status, 403);
	rig_free(r);
}

/* Whoever is hidden by a profile: by what came, and by all that leaves. */
static void who_is_hidden_is_not_shown(void **state)
{
	static const char *const caller[] = { "sip:x@w.example",
					      "sip:x@h.example",
					      "sip:x@hb.example" };
	struct call_start s = { .from = OUTSIDE, .callee = ALICE };
	struct refusal no;

	(void)state;
	for (enum hide hides = HIDE_NONE; hides <= HIDE_BOTH; hides++) {
		for (enum hide h = HIDE_NONE; h <= HIDE_BOTH; h++) {
			struct rig *r = rig_new("");
			int want = h < hides ? E_POLICY : 0;

			s.caller = caller[hides];
			s.hidden = h;
			assert_int_equal(call_start(r->e, &s, r, &r->call,
						    &no), want);
			assert_true(!want || no.status == 488);
			r->call = want ? NULL : r->call;
			rig_free(r);
		}
	}
}

static void a_number_has_no_domain_to_hide_in(void **state)
{
	struct rig *r = rig_new("");
	struct call_start s = { .from = INSIDE, .caller = ALICE,
				.callee = "tel:+999-1" };
	struct refusal no;

	(void)state;
	assert_int_equal(addr_parse("127.0.0.1:5060", &s.source), 0);
	assert_int_equal(call_start(r->e, &s, r, &r->call, &no), E_POLICY);
	assert_int_equal(no.status, 403);
	assert_non_null(strstr(rig_log, "dial the number at one"));
	r->call = NULL;
	rig_free(r);
}

static void what_is_no_call_hides_nobody(void **state)
{
	struct rig *r = rig_new("");
	struct call_start s = { .from = INSIDE, .caller = ALICE,
				.callee = "sip:x@h.example" };
	struct request_way way;
	struct refusal no;

	(void)state;
	assert_int_equal(addr_parse("127.0.0.1:5060", &s.source), 0);
	assert_int_equal(engine_route(r->e, &s, false, &way, &no), E_POLICY);
	assert_int_equal(no.status, 403);
	assert_true(engine_hides(r->e));
	rig_free(r);
}

static void routes_lead_outwards(void **state)
{
	struct rig *r = open_rig("");
	struct call *c = rig_call(r, INSIDE, "p");

	(void)state;
	assert_string_equal(call_route(c)->routes, ROUTES);
	call_end(c, 200, "");
	c = rig_call(r, INSIDE, "b"); /* that peer has a route */
	assert_string_equal(call_route(c)->routes, "");
	assert_string_equal(call_route(c)->next_hop, "sip:127.0.0.3:5070");
	rig_free(r);
}

static void without_the_role(void **state)
{
	struct rig *r = rig_new("");
	struct refusal no;
	json_t *none = engine_registrations(r->e);
	struct call *c = inward(r, TOKEN, &no);

	(void)state;
	assert_true(c && call_route(c)->nowhere);
	call_end(c, 404, "");
	r->call = NULL;
	assert_string_equal(call_route(rig_call(r, INSIDE, "p"))->routes, "");
	assert_int_equal(json_array_size(none), 0);
	json_decref(none);
	rig_free(r);
	r = open_rig("");
	none = engine_registrations(r->e);
	assert_int_equal(json_array_size(none), 1);
	json_decref(none);
	rig_free(r);
}

static void registrars(void **state)
{
	struct rig *r = rig_new("");
	struct addr in, out;
	const char *hop = NULL;

	(void)state;
	addr_parse("127.0.0.1:5080", &in);
	addr_parse("192.0.2.1:5080", &out);
	assert_int_equal(engine_registrar(r->e, "a@b.example", &in, &hop),
			 E_UNSUPPORTED); /* off is the default */
	rig_free(r);
	r = rig_new("register = \"pass\";");
	assert_int_equal(engine_registrar(r->e, "a@b.example", &out, &hop),
			 E_POLICY);
	assert_null(hop);
	assert_int_equal(engine_registrar(r->e, "a@b.example", &in, &hop), 0);
	assert_string_equal(hop, "sip:127.0.0.3:5070"); /* the peer's route */
	assert_int_equal(engine_registrar(r->e, "a@p.example", &in, &hop), 0);
	assert_string_equal(hop, "");
	assert_int_equal(engine_registrar(r->e, "a@x.example", &in, &hop), 0);
	assert_string_equal(hop, "");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_registered_phone_is_called),
		cmocka_unit_test(others_go_as_before),
		cmocka_unit_test(several_phones),
		cmocka_unit_test(transfers),
		cmocka_unit_test(who_is_no_peer_reaches_no_phone),
		cmocka_unit_test(who_is_hidden_is_not_shown),
		cmocka_unit_test(a_number_has_no_domain_to_hide_in),
		cmocka_unit_test(what_is_no_call_hides_nobody),
		cmocka_unit_test(routes_lead_outwards),
		cmocka_unit_test(without_the_role),
		cmocka_unit_test(registrars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
