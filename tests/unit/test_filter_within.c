/* test_filter_within.c - calls whose media are SRTP in ESP (media =
 * "esp+srtp"): both are there or nothing, by one keying message. */
#include "tests/unit/tunnel_calls.h"

#include "daemon/base/err.h"

#define SAUDIO "m=audio 4000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define SVIDEO "m=video 4000 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\n"

static struct rig *within_rig(enum face from, const char *peer)
{
	struct rig *r = rig_new("");

	addr_parse(strcmp(peer, "wide") ? "127.0.0.9:4000" : "127.0.0.9",
		   &r->far);
	r->late_keys = true;
	rig_call(r, from, peer);
	return r;
}

static void within_up(struct rig *r)
{
	inside(r, BODY_OFFER, SDP);
	outside(r, BODY_ANSWER, HEAD, SAUDIO);
	passes();
	call_won(r->call, 0);
	call_up(r->call);
	rig_pump(r);
}

static void set_has_keys(const struct rig *r)
{
	assert_true(last_set(r)->set_keys && last_set(r)->key.send &&
		    last_set(r)->key.recv);
}

static void srtp_goes_in_a_tunnel_of_ours(void **state)
{
	struct rig *r = within_rig(INSIDE, "within");
	struct buf sdp = buf_of(4096);
	bool old;

	(void)state;
	inside(r, BODY_OFFER, SDP);
	passes();
	assert_int_equal(package_open(o.type, o.body, strlen(o.body), &old,
				      &sdp), 0);
	assert_non_null(strstr(buf_string(&sdp), "RTP/SAVP 0"));
	buf_free(&sdp);
	assert_int_equal(r->seal, STREAM_BOTH);
	assert_int_equal(r->offer.party.line[0].tunnel, 1);
	assert_int_equal(r->offer.party.line[0].ssrc, r->call->line[0].ssrc);
	outside(r, BODY_ANSWER, HEAD, SAUDIO);
	passes();
	assert_non_null(strstr(o.body, "RTP/AVP 0"));
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].key_id, r->last_key + 1000);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	set_has_keys(r);
	assert_int_equal(last_set(r)->key.recv, r->last_key);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	assert_non_null(strstr(r->call->verdict.reason, "SRTP, in ESP"));
	assert_non_null(strstr(rig_log,
			       "suite AEAD_AES_128_GCM in ESP AES_128_GCM"));
	assert_false(call_takes_fax(r->call));
	rig_free(r);
}

/* Who answers has keys and SAs, and sends when the far end has them. */
static void srtp_waits_in_a_tunnel_of_theirs(void **state)
{
	struct rig *r = within_rig(OUTSIDE, "within");

	(void)state;
	outside(r, BODY_OFFER, HEAD, SAUDIO);
	passes();
	inside(r, BODY_ANSWER, SDP);
	passes();
	assert_int_equal(r->raises, 1);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NO);
	set_has_keys(r);
	call_won(r->call, 0);
	call_up(r->call);
	rig_pump(r);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	assert_false(last_set(r)->set_keys);
	/* new keys: both go over once the far end has shown that it has them */
	mikey = "AQAFgM0XflABAAAB";
	outside(r, BODY_OFFER, HOLD, SAUDIO);
	rig_repeat(r, BODY_ANSWER, &o);
	mikey = RIG_MIKEY;
	passes();
	assert_int_equal(r->raises, 2);
	assert_int_equal(r->raise[1].instead, 1);
	assert_int_equal(r->raise[1].proven, 1);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_PROVEN);
	set_has_keys(r);
	rig_free(r);
}

static void new_keys_of_ours_are_for_both(void **state)
{
	struct rig *r = within_rig(INSIDE, "within");
	char type[MIME_KEYED_TYPE];
	const char *body;
	uint64_t old;

	(void)state;
	within_up(r);
	old = last_set(r)->key.send;
	rig_repeat(r, BODY_OFFER, &o);
	passes();
	body = packed(HOLD, SAUDIO, type);
	r->type = type;
	rig_answer_own(r, body, &o);
	r->type = NULL;
	passes();
	assert_int_equal(r->raises, 2);
	assert_int_equal(r->raise[1].proven, 0);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	set_has_keys(r);
	assert_true(last_set(r)->key.send != old);
	rig_free(r);
}

/* One tunnel, and SRTP's keys for each line. */
static void lines_of_srtp_share_a_tunnel(void **state)
{
	struct rig *r = within_rig(INSIDE, "wide");

	(void)state;
	inside(r, BODY_OFFER, SDP VIDEO);
	passes();
	assert_int_equal(r->seal, STREAM_BOTH);
	assert_int_equal(r->reserve.n, 1);
	assert_int_equal(r->offer.party.n, 2);
	assert_int_equal(r->offer.party.line[0].tunnel, 1);
	assert_int_equal(r->offer.party.line[0].local.port, 0);
	assert_int_equal(r->offer.party.line[1].tunnel, 0);
	assert_int_equal(r->offer.party.line[1].local.family, 0);
	assert_int_equal(r->offer.party.line[1].ssrc, r->call->line[1].ssrc);
	outside(r, BODY_ANSWER, HEAD, "m=audio 0 RTP/SAVP 0\r\n" SVIDEO);
	passes();
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].key_id, r->last_key - 2 + 1000);
	assert_int_equal(last_set(r)->stream, r->call->line[1].stream);
	set_has_keys(r);
	assert_int_equal(last_set(r)->key.recv, r->last_key);
	rig_free(r);
}

static void srtp_in_esp_needs_both(void **state)
{
	static const char *const plain[] = { AUDIO, SAUDIO };
	struct rig *r;

	(void)state;
	for (int from = INSIDE; from <= OUTSIDE; from++) { /* no key of SRTP */
		r = within_rig((enum face)from, "within");
		if (from == INSIDE)
			inside(r, BODY_OFFER, SDP);
		r->half_keys = true;
		outside(r, from == INSIDE ? BODY_ANSWER : BODY_OFFER, HEAD,
			SAUDIO);
		refused(from == INSIDE ? 488 : 500);
		assert_int_equal(r->raises, 0);
		rig_free(r);
	}
	/* no tunnel */
	r = within_rig(INSIDE, "within");
	inside(r, BODY_OFFER, SDP);
	r->raised_err = E_FULL;
	outside(r, BODY_ANSWER, HEAD, SAUDIO);
	refused(503);
	assert_false(last_set(r)->may_send);
	rig_free(r);
	/* ESP alone, or SRTP alone, to one who wants both, and the other way
	 * round */
	for (size_t i = 0; i < 2; i++) {
		r = within_rig(OUTSIDE, i ? "esp" : "within");
		outside(r, BODY_OFFER, HEAD, plain[i]);
		refused(488);
		rig_free(r);
	}
	r = within_rig(INSIDE, "within");
	inside(r, BODY_OFFER, HEAD FAX); /* SRTP cannot protect it */
	refused(488);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(srtp_goes_in_a_tunnel_of_ours),
		cmocka_unit_test(srtp_waits_in_a_tunnel_of_theirs),
		cmocka_unit_test(new_keys_of_ours_are_for_both),
		cmocka_unit_test(lines_of_srtp_share_a_tunnel),
		cmocka_unit_test(srtp_in_esp_needs_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
