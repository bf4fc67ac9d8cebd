/* Whole calls with the n-th allocation failing: each attempt is refused or
 * passes, and nothing is left behind. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	     "c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define PLAIN HEAD "m=audio 4000 RTP/AVP 0\r\n"
#define HELD PLAIN "a=inactive\r\n"
#define SEALED HEAD "a=key-mgmt:mikey AQAFgM0XflABAAAA\r\n" \
	       "m=audio 4000 RTP/SAVP 0\r\n"

static struct outcome o;

#define CRYPTO HEAD "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 A inline:x\r\n"
#define AHEAD(current) PLAIN "a=curr:sec e2e " current "\r\n" \
	"a=des:sec mandatory e2e sendrecv\r\n" \
	"m=application 4500 udp ike-esp-udpencap\r\na=ike-setup:active\r\n"
#define DUAL CRYPTO "m=audio 4002 RTP/AVP 0\r\n"

static const char *far_uri; /* of the peer */

static bool start(struct rig *r, enum face from)
{
	struct call_start s = { .from = from, .secured = true };
	struct refusal no = { 0 };

	s.caller = from == INSIDE ? "sip:alice@a.example" : far_uri;
	s.callee = from == INSIDE ? far_uri : "sip:alice@a.example";
	addr_parse("127.0.0.1:5080", &s.source);
	if (!call_start(r->e, &s, r, &r->call, &no))
		return true;
	r->call = NULL;
	assert_int_equal(no.status, 500);
	return false;
}

/* Every body is told of exactly once. */
static bool pass(struct rig *r, enum face from, enum body_role role,
		 const char *body)
{
	rig_filter(r, from, role, 0, body, &o);
	assert_int_equal(o.n, 1);
	assert_true(o.passed || o.no.status >= 400);
	return o.passed;
}

static unsigned told;

static void on_rekey(void *user, uint64_t token, int err, const char *why)
{
	(void)user;
	(void)token;
	(void)err;
	assert_non_null(why);
	told++;
}

/* Ours, then theirs. Who asked is told once. */
static void new_keys(struct rig *r)
{
	bool asked = !engine_rekey(r->e, call_id(r->call), on_rekey, &told, 0);

	told = 0;
	rig_pass_time(r, 20);
	rig_pump(r);
	if (r->own.n) {
		assert_int_equal(r->own.n, 1);
		if (r->own.passed)
			rig_answer_own(r, SEALED "a=x\r\n", &o);
		call_reoffered(r->call, r->own.passed && o.passed
			       ? REOFFER_DONE : REOFFER_FAILED, 0, "");
		assert_int_equal(told, asked);
	}
	if (pass(r, OUTSIDE, BODY_OFFER, SEALED "a=x\r\n") && !*o.body)
		rig_repeat(r, BODY_ANSWER, &o);
}

static void talk(struct rig *r, enum face from)
{
	enum face to = from == INSIDE ? OUTSIDE : INSIDE;

	if (!start(r, from) ||
	    !pass(r, from, BODY_OFFER, from == INSIDE ? PLAIN : SEALED) ||
	    !pass(r, to, BODY_ANSWER, from == INSIDE ? SEALED : PLAIN))
		return;
	call_won(r->call, 0);
	call_up(r->call);
	json_decref(engine_calls(r->e));
	new_keys(r);
	if (from == INSIDE)
		pass(r, INSIDE, BODY_OFFER, HELD);
}

/* The same by SDES; a dual offer, then a hold and a new key. */
static void talk_sdes(struct rig *r, enum face from)
{
	enum face to = from == INSIDE ? OUTSIDE : INSIDE;

	r->bare = r->secured = r->late_keys = true;
	if (!start(r, from) ||
	    !pass(r, from, BODY_OFFER, from == INSIDE ? PLAIN : DUAL) ||
	    !pass(r, to, BODY_ANSWER, from == INSIDE ? CRYPTO : PLAIN))
		return;
	call_won(r->call, 0);
	call_up(r->call);
	if (from == OUTSIDE)
		pass(r, INSIDE, BODY_OFFER, HELD);
	else if (pass(r, INSIDE, BODY_OFFER, HELD))
		pass(r, OUTSIDE, BODY_ANSWER, CRYPTO "a=crypto-new\r\n");
}

/* The tunnel comes first, and SDP tells of IKE. */
static void talk_ahead(struct rig *r, enum face from)
{
	struct buf b = buf_of(4096);

	addr_parse("127.0.0.2", &r->ours.at);
	r->ours.there = 1;
	if (!start(r, from) || !pass(r, from, BODY_OFFER,
				     from == INSIDE ? PLAIN : AHEAD("none")))
		return;
	if (from == INSIDE) {
		rig_hold(r, 0, AHEAD("recv"), &o);
		rig_refresh(r, &o);
		rig_hold_offer(r, 0, AHEAD("sendrecv"), &o);
		rig_respond(r, &o);
		pass(r, OUTSIDE, BODY_ANSWER, AHEAD("sendrecv"));
		return;
	}
	if (!call_accept(r->call, &b) &&
	    pass(r, OUTSIDE, BODY_OFFER, AHEAD("sendrecv")) &&
	    pass(r, INSIDE, BODY_ANSWER, PLAIN))
		call_agrees(r->call, AHEAD("sendrecv"),
			    strlen(AHEAD("sendrecv")));
	buf_free(&b);
}

static const char *uri_of(void (*how)(struct rig *r, enum face from))
{
	if (how == talk_ahead)
		return "sip:bob@surely.example";
	return how == talk ? "sip:bob@b.example" : "sip:bob@t.example";
}

static void walk(enum face from,
		 void (*how)(struct rig *r, enum face from))
{
	unsigned long n = 0, used;

	far_uri = uri_of(how);
	do {
		struct rig *r = rig_new("");

		alloc_fail_at(++n);
		how(r, from);
		used = alloc_count();
		alloc_fail_never();
		rig_free(r);
	} while (used >= n);
	assert_true(n > 10);
}

static void outgoing(void **state)
{
	(void)state;
	walk(INSIDE, talk);
	walk(INSIDE, talk_sdes);
	walk(INSIDE, talk_ahead);
}

static void incoming(void **state)
{
	(void)state;
	walk(OUTSIDE, talk);
	walk(OUTSIDE, talk_sdes);
	walk(OUTSIDE, talk_ahead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outgoing), cmocka_unit_test(incoming),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
