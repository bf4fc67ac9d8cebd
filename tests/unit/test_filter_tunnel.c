/* test_filter_tunnel.c - calls whose media go in ESP: when SPIs are reserved,
 * SAs raised and dropped, what the relay may send meanwhile, and that nothing
 * else is taken from outside. The same where charon raises them (ike = "call"),
 * and what is other there. */
#include "tests/unit/tunnel_calls.h"

#include "daemon/base/err.h"

#include <stdlib.h>

/* What leaves: its keying message is beside SDP, which says RTP/AVP. */
static void package_is(bool in_2005s_form)
{
	struct buf sdp = buf_of(4096);
	bool old;

	assert_non_null(strstr(o.type, "multipart/mixed"));
	assert_int_equal(package_open(o.type, o.body, strlen(o.body), &old,
				      &sdp), 0);
	assert_int_equal(old, in_2005s_form);
	assert_non_null(strstr(buf_string(&sdp), "RTP/AVP 0"));
	assert_null(strstr(o.body, "key-mgmt"));
	assert_non_null(strstr(o.body, "application/mikey"));
	buf_free(&sdp);
}

static void package_is_sound(void)
{
	package_is(false);
}

static void a_call_of_ours(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	inside(r, BODY_OFFER, SDP);
	passes();
	package_is_sound();
	assert_int_equal(r->seal, STREAM_TUNNEL);
	assert_int_equal(r->reserves, 1);
	assert_int_equal(r->reserve.n, 1);
	assert_int_equal(r->reserve.local[0].port,
			 r->call->line[0].local[OUTSIDE].port);
	assert_int_equal(r->offer.party.line[0].tunnel, 1);
	assert_int_equal(r->offer.party.line[0].spi, 0x1001);
	assert_true(addr_equal(&r->offer.party.line[0].local,
			       &r->call->line[0].local[OUTSIDE]));
	assert_int_equal(r->raises, 0);
	assert_false(last_set(r)->may_send);

	outside(r, BODY_ANSWER, HEAD, AUDIO);
	passes();
	assert_string_equal(o.type, "application/sdp");
	assert_null(strstr(o.body, "key-mgmt"));
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].tunnel, 1);
	assert_int_equal(r->raise[0].instead, 0);
	assert_int_equal(r->raise[0].key_id, r->last_key);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	assert_false(last_set(r)->set_keys);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	assert_non_null(strstr(rig_log, "suite AES_128_GCM"));
	call_end(r->call, 200, "bye");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, 1);
	rig_free(r);
}

/* Who answers has the SAs before its answer leaves, and sends when the far end
 * has them: at the ACK, or when something came through. */
static void a_call_of_theirs(bool early)
{
	struct rig *r = rig(OUTSIDE);
	struct msg_stream_event ev = { .event = STREAM_EVENT_FIRST,
				       .detail = OUTSIDE };
	unsigned sets;

	outside(r, BODY_OFFER, HEAD, AUDIO);
	passes();
	assert_int_equal(r->reserves, 1);
	assert_int_equal(r->answer.party.line[0].spi, 0x1001);
	assert_int_equal(r->raises, 0);
	inside(r, BODY_ANSWER, SDP);
	passes();
	package_is_sound();
	assert_int_equal(r->raises, 1);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NO);
	assert_true(last_set(r)->set_remote[OUTSIDE]);
	sets = r->n_set;
	ev.stream = r->call->line[0].stream;
	if (early)
		rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev, sizeof ev);
	call_won(r->call, 0);
	if (!early)
		call_up(r->call);
	rig_pump(r);
	assert_true(r->n_set > sets);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	rig_free(r);
}

static void the_answerer_waits_for_the_ack(void **state)
{
	(void)state;
	a_call_of_theirs(false);
}

static void the_answerer_waits_for_media(void **state)
{
	(void)state;
	a_call_of_theirs(true);
}

/* A method that is dear: keys at pick-up, for the SPI that was reserved. */
static void keys_at_pick_up(void **state)
{
	struct rig *r = rig(OUTSIDE);

	(void)state;
	r->dear = true;
	r->early = true;
	outside(r, BODY_OFFER, HEAD, AUDIO);
	passes();
	r->early = false;
	inside(r, BODY_ANSWER, SDP);
	passes();
	assert_int_equal(r->answers, 2);
	assert_int_equal(r->reserves, 1);
	assert_int_equal(r->answer.party.line[0].spi, 0x1001);
	assert_int_equal(r->raises, 1);
	rig_free(r);
}

/* SDP is not authenticated: where media go is the keying message's word. */
static void media_lead_where_the_keys_do(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	addr_parse("127.0.0.66:4000", &r->far);
	inside(r, BODY_OFFER, SDP);
	passes();
	outside(r, BODY_ANSWER, HEAD, AUDIO);
	refused(488);
	assert_int_equal(r->raises, 0);
	assert_non_null(strstr(rig_log, "another address"));
	rig_free(r);

	r = rig(OUTSIDE);
	r->far.port = 4002;
	outside(r, BODY_OFFER, HEAD, AUDIO);
	refused(488);
	rig_free(r);
}

static void only_packages_are_taken(void **state)
{
	static const char *const bodies[] = {
		SDP,                     /* in clear */
		HEAD MGMT "m=audio 4000 RTP/SAVP 0\r\n", /* SRTP */
	};
	struct rig *r;

	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		r = rig(OUTSIDE);
		rig_filter(r, OUTSIDE, BODY_OFFER, 0, bodies[i], &o);
		refused(488);
		assert_int_equal(r->answers, 0);
		rig_free(r);
		r = rig(INSIDE);
		inside(r, BODY_OFFER, SDP);
		rig_filter(r, OUTSIDE, BODY_ANSWER, 0, bodies[i], &o);
		refused(488);
		assert_int_equal(r->raises, 0);
		rig_free(r);
	}
	r = rig(OUTSIDE);
	r->type = "multipart/mixed; boundary=b";
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, "--b\r\n"
		   "Content-Type: application/sdp\r\n\r\n" SDP "\r\n--b--\r\n",
		   &o);
	refused(488);
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, "--c\r\n\r\n--c--\r\n", &o);
	refused(400);
	rig_free(r);
	r = rig(OUTSIDE); /* SDP with keys of its own beside the others */
	outside(r, BODY_OFFER, HEAD MGMT, AUDIO);
	refused(400);
	rig_free(r);
}

static void answered(const char *conf, bool in_2005s_form)
{
	struct rig *r = rig_with(conf, OUTSIDE);

	outside(r, BODY_OFFER, HEAD, AUDIO);
	passes();
	inside(r, BODY_ANSWER, SDP);
	passes();
	package_is(in_2005s_form);
	rig_free(r);
}

/* Each form is answered in that form; the old one if mikey.legacy has it, else
 * its base64 is for the keeper no message. */
static void an_offer_of_2005(void **state)
{
	static const char legacy[] = "mikey = { legacy = true; };";

	(void)state;
	form = MIME_KEYED_2005;
	answered(legacy, true);
	answered("", false);
	form = MIME_KEYED_BASE64;
	answered(legacy, false);
}

/* And packages are for tunnels only. */
static void others_take_no_package(void **state)
{
	struct rig *r = rig_new("");

	(void)state;
	rig_call(r, OUTSIDE, "b");
	outside(r, BODY_OFFER, HEAD, AUDIO);
	refused(415);
	rig_free(r);
}

/* Keys that are not those of a tunnel, or no tunnel at all. */
static void nothing_passes_without_a_tunnel(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	r->reserved_err = E_UNSUPPORTED;
	inside(r, BODY_OFFER, SDP);
	refused(500);
	rig_free(r);

	r = rig(INSIDE);
	inside(r, BODY_OFFER, SDP);
	r->raised_err = E_FULL;
	outside(r, BODY_ANSWER, HEAD, AUDIO);
	refused(503);
	assert_false(last_set(r)->may_send);
	assert_non_null(strstr(rig_log, "the kernel said no"));
	call_end(r->call, 503, "no tunnel");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, 1);
	rig_free(r);

	r = rig(INSIDE);
	r->hold_tunnel = true;
	inside(r, BODY_OFFER, SDP);
	rig_pass_time(r, RELAY_DEADLINE_MS);
	while (!o.n)
		rig_pass_time(r, 1000);
	refused(503);
	r->hold_tunnel = false;
	rig_free(r);

	r = rig(INSIDE);
	mock_child_refuse(r->child, PROC_TUNNEL, E_CLOSED);
	inside(r, BODY_OFFER, SDP);
	refused(503);
	mock_child_refuse(r->child, PROC_TUNNEL, 0);
	rig_free(r);
}

static void up(struct rig *r)
{
	inside(r, BODY_OFFER, SDP);
	outside(r, BODY_ANSWER, HEAD, AUDIO);
	passes();
	call_won(r->call, 0);
	call_up(r->call);
	rig_pump(r);
}

/* New keys are another tunnel, which takes over. */
static void new_keys_replace_the_tunnel(void **state)
{
	struct rig *r = rig(INSIDE);
	char type[MIME_KEYED_TYPE];
	const char *body;

	(void)state;
	up(r);
	rig_repeat(r, BODY_OFFER, &o);
	passes();
	package_is_sound();
	assert_int_equal(r->reserves, 2);
	assert_int_equal(r->offer.party.line[0].spi, 0x1002);
	body = packed(HOLD, AUDIO, type);
	r->type = type;
	rig_answer_own(r, body, &o);
	r->type = NULL;
	passes();
	assert_int_equal(r->raises, 2);
	assert_int_equal(r->raise[1].tunnel, 2);
	assert_int_equal(r->raise[1].instead, 1);
	assert_int_equal(r->raise[1].proven, 0); /* the far end has them */
	assert_int_equal(r->call->line[0].tunnel, 2);
	assert_int_equal(r->tunnel_drops, 0);
	rig_free(r);
}

static void new_keys_of_theirs_send_when_proven(void **state)
{
	struct rig *r = rig(OUTSIDE);

	(void)state;
	outside(r, BODY_OFFER, HEAD, AUDIO);
	inside(r, BODY_ANSWER, SDP);
	passes();
	assert_int_equal(r->raise[0].proven, 0);
	call_won(r->call, 0);
	call_up(r->call);
	rig_pump(r);
	mikey = "AQAFgM0XflABAAAB";
	outside(r, BODY_OFFER, HOLD, AUDIO);
	rig_repeat(r, BODY_ANSWER, &o);
	mikey = RIG_MIKEY;
	passes();
	assert_int_equal(r->raises, 2);
	assert_int_equal(r->raise[1].instead, 1);
	assert_int_equal(r->raise[1].proven, 1);
	assert_int_equal(r->call->line[0].tunnel, 2);
	rig_free(r);
}

#define MOVED "v=0\r\no=- 1 2 IN IP4 127.0.0.9\r\ns=-\r\n" \
	      "c=IN IP4 127.0.0.10\r\nt=0 0\r\n"

/* Its re-INVITE says another address: the tunnel leads there, and media. Only
 * where its keying message says so, too. */
static void a_far_end_that_moved(void **state)
{
	for (int told = 0; told < 2; told++) {
		struct rig *r = rig(OUTSIDE);

		outside(r, BODY_OFFER, HEAD, AUDIO);
		inside(r, BODY_ANSWER, SDP);
		passes();
		call_won(r->call, 0);
		call_up(r->call);
		rig_pump(r);
		if (told)
			addr_parse("127.0.0.10:4000", &r->far);
		mikey = "AQAFgM0XflABAAAB";
		outside(r, BODY_OFFER, MOVED, AUDIO);
		mikey = RIG_MIKEY;
		if (told) {
			passes();
			inside(r, BODY_ANSWER, SDP);
			passes();
			assert_int_equal(r->raises, 2);
			assert_int_equal(r->raise[1].instead, 1);
			assert_true(addr_equal(&last_set(r)->remote[OUTSIDE],
					       &r->far));
		} else {
			refused(488);
			assert_int_equal(r->raises, 1);
			assert_int_equal(r->call->line[0].tunnel, 1);
		}
		rig_free(r);
	}
	(void)state;
}

/* A phone's hold changes no key, and no tunnel. */
static void hold_keeps_the_tunnel(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	up(r);
	inside(r, BODY_OFFER, HOLD AUDIO "a=sendonly\r\n");
	passes();
	outside(r, BODY_ANSWER, HOLD, AUDIO "a=recvonly\r\n");
	passes();
	assert_int_equal(r->reserves, 1);
	assert_int_equal(r->raises, 1);
	rig_free(r);
}

/* T.38 on the line that voice had is in the same tunnel; a line of its own has
 * one of its own. */
/* Its keys stay, and its tunnel; SDP alone says that media go elsewhere. */
static void no_sdp_leads_out_of_the_tunnel(void **state)
{
	static const char *const wrong[] = {
		"m=audio 4002 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n",
		AUDIO "a=rtcp:4001 IN IP4 127.0.0.8\r\n",
	};
	struct rig *r;
	unsigned sets;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		r = rig(INSIDE);
		up(r);
		inside(r, BODY_OFFER, SDP "a=sendonly\r\n");
		passes();
		sets = r->n_set;
		outside(r, BODY_ANSWER, HOLD, wrong[i]);
		refused(488);
		assert_int_equal(r->n_set, sets);
		rig_free(r);
	}
	r = rig(INSIDE); /* nor with the first answer */
	inside(r, BODY_OFFER, SDP);
	outside(r, BODY_ANSWER, HEAD, wrong[1]);
	refused(488);
	assert_false(last_set(r)->may_send);
	rig_free(r);
	r = rig(INSIDE);
	up(r);
	inside(r, BODY_OFFER, SDP "a=sendonly\r\n");
	outside(r, BODY_ANSWER, HOLD, AUDIO "a=rtcp:4001\r\n");
	passes();
	rig_free(r);
}

static void a_fax_is_in_a_tunnel(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	up(r);
	inside(r, BODY_OFFER, HOLD FAX);
	passes();
	assert_non_null(strstr(o.body, " udptl t38\r\na=T38FaxVersion:0"));
	outside(r, BODY_ANSWER, HOLD, FAX);
	passes();
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	assert_true(addr_is_any(&last_set(r)->remote_rtcp[OUTSIDE]));
	assert_int_equal(r->reserves, 1);
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->adds, 1);

	inside(r, BODY_OFFER, HOLD "m=audio 0 RTP/AVP 0\r\n" FAX);
	passes();
	assert_int_equal(r->seal, STREAM_TUNNEL);
	assert_int_equal(r->reserves, 2);
	assert_int_equal(r->reserve.local[0].port,
			 r->call->line[1].local[OUTSIDE].port);
	outside(r, BODY_ANSWER, HOLD, "m=audio 0 RTP/AVP 0\r\n" FAX);
	passes();
	assert_int_equal(r->raises, 2);
	rig_free(r);
}

/* What is offered and declined leaves no tunnel behind. */
static void a_declined_line_has_none(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	inside(r, BODY_OFFER, SDP VIDEO);
	passes();
	assert_int_equal(r->reserve.n, 2);
	outside(r, BODY_ANSWER, HEAD,
		AUDIO "m=video 0 RTP/AVP 96\r\n");
	passes();
	rig_pump(r);
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->tunnel_drops, 1);
	rig_free(r);
}

/* -- one tunnel for all --------------------------------------------------- */

static struct rig *host_rig(enum face from)
{
	struct rig *r = rig_new("");

	addr_parse("127.0.0.9", &r->far);
	r->late_keys = true;
	rig_call(r, from, "host");
	return r;
}

/* Whatever lines there are, and which of them are declined. */
static void all_lines_have_one_tunnel(void **state)
{
	struct rig *r = host_rig(INSIDE);
	struct addr own;

	(void)state;
	inside(r, BODY_OFFER, SDP VIDEO);
	passes();
	assert_int_equal(r->seal, STREAM_TUNNEL);
	assert_int_equal(r->reserve.n, 1);
	assert_int_equal(r->reserve.scope, ESP_HOST);
	own = r->call->line[0].local[OUTSIDE];
	own.port = 0;
	assert_true(addr_equal(&r->reserve.local[0], &own));
	assert_int_equal(r->offer.party.n, 1);
	assert_int_equal(r->offer.party.line[0].spi, 0x1001);
	assert_true(addr_equal(&r->offer.party.line[0].local, &own));
	outside(r, BODY_ANSWER, HEAD,
		"m=audio 0 RTP/AVP 0\r\nm=video 4000 RTP/AVP 96\r\n");
	passes();
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].tunnel, 1);
	assert_int_equal(r->raise[0].key_id, r->last_key);
	assert_int_equal(r->raise[0].proven, 0);
	assert_int_equal(last_set(r)->stream, r->call->line[1].stream);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	call_end(r->call, 200, "bye");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, 1);
	rig_free(r);
}

/* Other calls may send by what is there until the far end has ours. */
static void an_answered_one_waits_its_turn(void **state)
{
	struct rig *r = host_rig(OUTSIDE);

	(void)state;
	outside(r, BODY_OFFER, HEAD, AUDIO VIDEO);
	passes();
	assert_int_equal(r->answer.party.n, 1);
	inside(r, BODY_ANSWER, SDP VIDEO);
	passes();
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].proven, 1);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NO);
	call_won(r->call, 0);
	call_up(r->call);
	rig_pump(r);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	rig_free(r);
}

static void its_new_keys_take_its_place(void **state)
{
	struct rig *r = host_rig(INSIDE);
	struct msg_tunnel_event ev = { 2, TUNNEL_EVENT_GONE };
	char type[MIME_KEYED_TYPE];
	const char *body;

	(void)state;
	up(r);
	rig_repeat(r, BODY_OFFER, &o);
	passes();
	body = packed(HOLD, AUDIO, type);
	r->type = type;
	rig_answer_own(r, body, &o);
	r->type = NULL;
	passes();
	assert_int_equal(r->raise[1].tunnel, 2);
	assert_int_equal(r->raise[1].instead, 1);
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev,
					 sizeof ev), 0);
	assert_int_equal(r->hangups, 1);
	rig_free(r);
}

/* What is for some of the same addresses stays as it is. */
static void a_tunnel_in_the_way_refuses_the_call(void **state)
{
	struct rig *r = host_rig(INSIDE);

	(void)state;
	inside(r, BODY_OFFER, SDP);
	passes();
	r->raised_err = E_EXISTS;
	outside(r, BODY_ANSWER, HEAD, AUDIO);
	refused(488);
	assert_false(last_set(r)->may_send);
	assert_non_null(strstr(rig_log, "ip xfrm policy"));
	rig_free(r);
}

/* Any port, but of the one host that the keying message names. */
static void all_lines_lead_to_one_host(void **state)
{
	struct rig *r = host_rig(INSIDE);

	(void)state;
	inside(r, BODY_OFFER, SDP VIDEO);
	passes();
	outside(r, BODY_ANSWER, HEAD, AUDIO
		"m=video 4000 RTP/AVP 96\r\nc=IN IP4 127.0.0.66\r\n");
	refused(488);
	assert_int_equal(r->raises, 0);
	assert_non_null(strstr(rig_log, "another address"));
	rig_free(r);
}

static void a_lost_tunnel_ends_the_call(void **state)
{
	struct msg_tunnel_event ev = { 1, TUNNEL_EVENT_SOFT };
	struct rig *r = rig(INSIDE);

	(void)state;
	up(r);
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev,
					 sizeof ev), 0);
	rig_pass_time(r, 1000);
	assert_int_equal(r->reoffers, 1);
	ev.event = TUNNEL_EVENT_GONE;
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev,
					 sizeof ev), 0);
	assert_int_equal(r->hangups, 1);
	rig_pump(r);
	assert_int_equal(r->dels, 1); /* media stop, too */
	ev.event = 9;
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev,
					 sizeof ev), E_FORMAT);
	rig_free(r);

	r = rig(INSIDE);
	up(r);
	engine_ops.sibling(r->e, PROC_TUNNEL, 0);
	assert_int_equal(r->hangups, 1);
	rig_pump(r);
	assert_int_equal(r->dels, 1);
	rig_free(r);
}

/* -- charon's ------------------------------------------------------------- */

static struct rig *ike_rig(enum face from)
{
	struct rig *r;

	whom = "call";
	r = rig(from);
	whom = "esp";
	return r;
}

static int says(struct rig *r, uint32_t tunnel, uint32_t event)
{
	struct msg_tunnel_event ev = { tunnel, event };
	int err = rig_tunnel_says(r, MSG_TUNNEL_EVENT, 0, &ev, sizeof ev);

	rig_pump(r);
	return err;
}

/* What holds for tunnels of the kernel's holds for these. */
static void charons_behave_alike(void **state)
{
	static void (*const tests[])(void **) = {
		a_call_of_ours, keys_at_pick_up, media_lead_where_the_keys_do,
		only_packages_are_taken, nothing_passes_without_a_tunnel,
		new_keys_replace_the_tunnel,
		new_keys_of_theirs_send_when_proven, a_far_end_that_moved,
		hold_keeps_the_tunnel, no_sdp_leads_out_of_the_tunnel,
		a_fax_is_in_a_tunnel,
		a_declined_line_has_none, a_lost_tunnel_ends_the_call,
	};

	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		whom = "call";
		tests[i](state);
	}
	whom = "esp";
}

static void charon_raises_the_tunnel(void **state)
{
	struct rig *r = rig(INSIDE);

	(void)state;
	inside(r, BODY_OFFER, SDP);
	assert_int_equal(r->reserve.ike, 0);
	rig_free(r);
	r = ike_rig(INSIDE);
	up(r);
	assert_int_equal(r->reserve.ike, 1);
	assert_int_equal(r->reserve.scope, ESP_MEDIA);
	assert_int_equal(r->seal, STREAM_TUNNEL);
	assert_int_equal(r->uses, 0); /* of what stands */
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	assert_non_null(strstr(r->call->verdict.reason, "MIKEY's key to IKE"));
	rig_free(r);
}

/* IKE takes its time; without it the call ends, and nothing has left. */
static void ike_has_time(void **state)
{
	struct rig *r = ike_rig(INSIDE);

	(void)state;
	inside(r, BODY_OFFER, SDP);
	passes();
	r->hold_raise = true;
	outside(r, BODY_ANSWER, HEAD, AUDIO);
	assert_int_equal(r->raises, 1);
	rig_pass_time(r, IKE_DEADLINE_MS - 1000);
	assert_int_equal(o.n, 0);
	rig_pass_time(r, 2000);
	refused(503);
	assert_false(last_set(r)->may_send);
	rig_free(r);
}

static void ike_that_fails_ends_the_call(void **state)
{
	struct rig *r = ike_rig(INSIDE);

	(void)state;
	inside(r, BODY_OFFER, SDP);
	r->raised_err = E_STATE;
	outside(r, BODY_ANSWER, HEAD, AUDIO);
	refused(503);
	assert_false(last_set(r)->may_send);
	call_end(r->call, 503, "no tunnel");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, 1);
	rig_free(r);
}

static struct rig *they_call(void)
{
	struct rig *r = ike_rig(OUTSIDE);

	outside(r, BODY_OFFER, HEAD, AUDIO);
	passes();
	assert_int_equal(r->reserve.ike, 1);
	inside(r, BODY_ANSWER, SDP);
	passes();
	assert_int_equal(r->raises, 1);
	assert_true(last_set(r)->set_remote[OUTSIDE]);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NO);
	return r;
}

static void answer_is_heard(struct rig *r)
{
	call_won(r->call, 0);
	call_up(r->call);
	rig_pump(r);
}

static void media_come(struct rig *r)
{
	struct msg_stream_event ev = { .event = STREAM_EVENT_FIRST,
				       .stream = r->call->line[0].stream,
				       .detail = OUTSIDE };

	rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev, sizeof ev);
	rig_pump(r);
}

/* An ACK proves nothing, nor does a packet: anybody may have sent them. */
static void only_ike_opens_an_answerers_media(void **state)
{
	struct rig *r = they_call();
	unsigned sets = r->n_set;

	(void)state;
	media_come(r);
	answer_is_heard(r);
	assert_int_equal(says(r, 7, TUNNEL_EVENT_UP), 0); /* not this one */
	assert_int_equal(r->n_set, sets);
	assert_int_equal(says(r, 1, TUNNEL_EVENT_UP), 0);
	assert_int_equal(r->n_set, sets + 1);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	assert_int_equal(says(r, 1, TUNNEL_EVENT_GONE), 0);
	assert_int_equal(r->hangups, 1);
	assert_int_equal(r->dels, 1);
	rig_free(r);
}

/* It is up here before who began it has our answer to IKE. */
static void what_they_cannot_open_yet_waits(void **state)
{
	struct rig *r;
	unsigned sets;

	(void)state;
	for (int heard = 0; heard < 2; heard++) {
		r = they_call();
		rig_pass_time(r, 100);
		sets = r->n_set;
		assert_int_equal(says(r, 1, TUNNEL_EVENT_UP), 0);
		assert_int_equal(r->n_set, sets);
		if (heard)
			media_come(r);
		else
			answer_is_heard(r);
		assert_int_equal(r->n_set, sets + 1);
		assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
		answer_is_heard(r);
		assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
		rig_free(r);
	}
}

/* A re-INVITE of theirs with new keys: what is up goes on; a line that it
 * brings has to be raised first. */
static void each_line_is_raised_by_itself(void **state)
{
	struct rig *r = they_call();
	uint32_t second;
	unsigned sets;

	(void)state;
	assert_int_equal(says(r, 1, TUNNEL_EVENT_UP), 0);
	answer_is_heard(r);
	mikey = "AQAFgM0XflABAAAB";
	outside(r, BODY_OFFER, HOLD, AUDIO VIDEO);
	passes();
	mikey = RIG_MIKEY;
	inside(r, BODY_ANSWER, SDP VIDEO);
	passes();
	assert_int_equal(r->raises, 3);
	assert_int_equal(r->raise[1].instead, 1);
	assert_int_equal(r->raise[2].instead, 0);
	assert_true(r->call->line[0].up);
	assert_false(r->call->line[1].up);
	second = r->call->line[1].stream;
	assert_int_equal(last_set(r)->stream, second);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NO);
	sets = r->n_set;
	assert_int_equal(says(r, r->call->line[1].tunnel, TUNNEL_EVENT_UP), 0);
	assert_true(r->n_set > sets);
	assert_int_equal(last_set(r)->stream, second);
	assert_int_equal(last_set(r)->may_send, STREAM_SEND_NOW);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_of_ours),
		cmocka_unit_test(the_answerer_waits_for_the_ack),
		cmocka_unit_test(the_answerer_waits_for_media),
		cmocka_unit_test(keys_at_pick_up),
		cmocka_unit_test(media_lead_where_the_keys_do),
		cmocka_unit_test(only_packages_are_taken),
		cmocka_unit_test(an_offer_of_2005),
		cmocka_unit_test(others_take_no_package),
		cmocka_unit_test(nothing_passes_without_a_tunnel),
		cmocka_unit_test(new_keys_replace_the_tunnel),
		cmocka_unit_test(new_keys_of_theirs_send_when_proven),
		cmocka_unit_test(a_far_end_that_moved),
		cmocka_unit_test(hold_keeps_the_tunnel),
		cmocka_unit_test(no_sdp_leads_out_of_the_tunnel),
		cmocka_unit_test(a_fax_is_in_a_tunnel),
		cmocka_unit_test(a_declined_line_has_none),
		cmocka_unit_test(all_lines_have_one_tunnel),
		cmocka_unit_test(an_answered_one_waits_its_turn),
		cmocka_unit_test(its_new_keys_take_its_place),
		cmocka_unit_test(a_tunnel_in_the_way_refuses_the_call),
		cmocka_unit_test(all_lines_lead_to_one_host),
		cmocka_unit_test(a_lost_tunnel_ends_the_call),
		cmocka_unit_test(charons_behave_alike),
		cmocka_unit_test(charon_raises_the_tunnel),
		cmocka_unit_test(ike_has_time),
		cmocka_unit_test(ike_that_fails_ends_the_call),
		cmocka_unit_test(only_ike_opens_an_answerers_media),
		cmocka_unit_test(what_they_cannot_open_yet_waits),
		cmocka_unit_test(each_line_is_raised_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
