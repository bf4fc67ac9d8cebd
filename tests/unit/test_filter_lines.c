/* Lines of running calls that come, go and come back, those of faxes, and
 * those that never pass: sealed, plain, and in a tunnel of charon's (in one of
 * their own: test_filter_tunnel.c). */
#include "tests/unit/filter_rig.h"

#include "daemon/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	     "c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define AUDIO "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define VIDEO "m=video 4010 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
#define NO_VIDEO "m=video 0 RTP/AVP 96\r\n"
#define FAX "m=image 4020 udptl t38\r\na=T38FaxVersion:0\r\n"
#define NO_AUDIO "m=audio 0 RTP/AVP 0\r\n"
#define NO_FAX "m=image 0 udptl t38\r\n"
#define EVENTS "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n" \
	       "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"

/* A kind of call, and how the far end's descriptions begin in it. */
struct kind {
	const char *peer, *head;
	bool sealed; /* by SRTP */
};

static const struct kind kinds[] = {
	{ "b", HEAD MGMT, true },
	{ "p", HEAD, false },
	{ "ike", HEAD, false },
};

#define N_KINDS (sizeof kinds / sizeof *kinds)

static struct outcome o;

static void says(struct rig *r, enum face from, enum body_role role,
		 const char *body)
{
	rig_filter(r, from, role, 0, body, &o);
}

static void passes(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(o.n, 1);
}

/* The far end answers with these lines, RTP/SAVP where the call is sealed. */
static void far_answers(struct rig *r, const struct kind *k,
			const char *lines)
{
	struct buf body = buf_of(BODY_MAX);
	const char *p;

	buf_put(&body, k->head, strlen(k->head));
	while ((p = strstr(lines, "RTP/AVP"))) {
		buf_put(&body, lines, (size_t)(p - lines));
		buf_put(&body, k->sealed ? "RTP/S" : "RTP/", k->sealed ? 5 : 4);
		lines = p + 4;
	}
	buf_put(&body, lines, strlen(lines) + 1);
	assert_int_equal(body.err, 0);
	says(r, OUTSIDE, BODY_ANSWER, (const char *)body.data);
	buf_free(&body);
	passes();
}

static void phone_offers(struct rig *r, const char *body)
{
	says(r, INSIDE, BODY_OFFER, body);
	passes();
}

/* A call of audio, and video as wanted, that is up. */
static struct rig *talk(const struct kind *k, const char *offer,
			const char *answer)
{
	struct rig *r = rig_new("media = { silence = 60; };");
	struct call *c = rig_call(r, INSIDE, k->peer);

	phone_offers(r, offer);
	far_answers(r, k, answer);
	call_won(c, 0);
	call_up(c);
	rig_pump(r);
	return r;
}

static void still_talks(struct rig *r, const struct kind *k)
{
	assert_int_equal(r->hangups, 0);
	assert_int_equal(r->call->deal->usable, 1);
	assert_int_equal(r->dels, 0);
	phone_offers(r, HEAD AUDIO);
	far_answers(r, k, AUDIO);
	assert_non_null(strstr(o.body, "RTP/AVP 0\r\n"));
}

static void refused(struct rig *r, enum face from, enum body_role role,
		    const char *body, const char *why)
{
	says(r, from, role, body);
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, 488);
	assert_non_null(strstr(rig_log, why));
}

/* SRTP cannot protect it. From either end nothing that is in force changes, and
 * voice goes on. */
static void no_fax_in_srtp(void **state)
{
	const struct kind *k = &kinds[0];
	struct rig *r = talk(k, HEAD AUDIO, AUDIO);
	unsigned sets = r->n_set;

	(void)state;
	refused(r, INSIDE, BODY_OFFER, HEAD FAX, "T.38");
	refused(r, OUTSIDE, BODY_OFFER, HEAD MGMT FAX, "T.38");
	refused(r, INSIDE, BODY_OFFER, HEAD FAX NO_VIDEO, "T.38");
	assert_int_equal(r->n_set, sets);
	still_talks(r, k);
	phone_offers(r, HEAD AUDIO FAX);
	assert_non_null(strstr(o.body, NO_FAX));
	far_answers(r, k, AUDIO NO_FAX);
	assert_non_null(strstr(o.body, NO_FAX));
	assert_int_equal(r->call->deal->usable, 1);
	rig_free(r);
}

/* No RTCP goes anywhere, and no port is shared with it. */
static void fax_is_set(const struct rig *r)
{
	const struct msg_stream_set *m = &r->set[(r->n_set - 1) % 64];

	for (int f = INSIDE; f <= OUTSIDE; f++) {
		assert_int_equal(m->set_remote[f], 1);
		assert_int_equal(m->remote[f].port, 4020);
		assert_int_equal(m->remote_rtcp[f].family, 4);
		assert_true(addr_is_any(&m->remote_rtcp[f]));
		assert_int_equal(m->remote_rtcp[f].port, 0);
		assert_int_equal(m->rtcp_mux[f], 0);
	}
	assert_false(m->set_keys);
}

static void shows_fax(struct rig *r, unsigned line, enum face to)
{
	char want[64];

	passes();
	snprintf(want, sizeof want, "m=image %u udptl t38\r\na=T38",
		 r->call->line[line].local[to].port);
	assert_non_null(strstr(o.body, want));
}

/* The line changes its kind, and back. Its ports and its way stay; where it
 * was in a tunnel it still is. */
static void voice_gives_way_to_fax(void **state)
{
	(void)state;
	for (size_t i = 1; i < N_KINDS; i++) {
		struct rig *r = talk(&kinds[i], HEAD AUDIO, AUDIO);
		const struct msg_stream_set *m;

		says(r, INSIDE, BODY_OFFER, HEAD FAX "a=rtcp-mux\r\n");
		shows_fax(r, 0, OUTSIDE);
		says(r, OUTSIDE, BODY_ANSWER, HEAD FAX "a=rtcp-mux\r\n");
		shows_fax(r, 0, INSIDE);
		fax_is_set(r);
		still_talks(r, &kinds[i]);
		m = &r->set[(r->n_set - 1) % 64];
		assert_int_equal(m->remote[OUTSIDE].port, 4000);
		assert_int_equal(m->remote_rtcp[OUTSIDE].family, 0);

		says(r, OUTSIDE, BODY_OFFER, HEAD FAX);
		shows_fax(r, 0, INSIDE);
		says(r, INSIDE, BODY_ANSWER, HEAD FAX);
		shows_fax(r, 0, OUTSIDE);
		fax_is_set(r);
		assert_int_equal(r->adds, 1);
		assert_int_equal(r->hangups, 0);
		rig_free(r);
	}
}

/* Or a line of its own comes for it, and voice ends or goes on. */
static void fax_beside_voice(void **state)
{
	static const char *const voice[] = { HEAD NO_AUDIO FAX,
					     HEAD AUDIO FAX };

	(void)state;
	for (size_t i = 1; i < N_KINDS; i++)
		for (size_t v = 0; v < 2; v++) {
			struct rig *r = talk(&kinds[i], HEAD AUDIO, AUDIO);
			uint8_t way = r->seal;

			says(r, INSIDE, BODY_OFFER, voice[v]);
			shows_fax(r, 1, OUTSIDE);
			says(r, OUTSIDE, BODY_ANSWER, HEAD NO_AUDIO FAX);
			shows_fax(r, 1, INSIDE);
			fax_is_set(r);
			assert_int_equal(r->seal, way);
			assert_int_equal(r->adds, 2);
			rig_free(r);
		}
}

/* UDPTL where RTP was asked for would go unchecked, and the other way round. */
static void another_kind_is_no_answer(void **state)
{
	(void)state;
	for (size_t i = 1; i < N_KINDS; i++) {
		struct rig *r = talk(&kinds[i], HEAD AUDIO, AUDIO);
		unsigned sets = r->n_set;

		phone_offers(r, HEAD FAX);
		refused(r, OUTSIDE, BODY_ANSWER, HEAD AUDIO, "T.38");
		phone_offers(r, HEAD AUDIO "a=sendonly\r\n");
		refused(r, OUTSIDE, BODY_ANSWER, HEAD FAX, "T.38");
		assert_int_equal(r->n_set, sets);
		rig_free(r);
	}
}

/* Pages go one way, for minutes: that is no far end that disappeared. */
static void one_side_of_a_fax_is_silent(void **state)
{
	struct msg_stream_event ev = { 0, STREAM_EVENT_QUIET, 0 };
	struct rig *r = talk(&kinds[1], HEAD AUDIO, AUDIO);

	(void)state;
	phone_offers(r, HEAD FAX);
	far_answers(r, &kinds[1], FAX);
	ev.stream = r->call->line[0].stream;
	r->quieter_us = 100000000;
	rig_relay_says(r, MSG_STREAM_EVENT, 0, &ev, sizeof ev);
	rig_pump(r);
	assert_int_equal(r->hangups, 0);
	still_talks(r, &kinds[1]);
	rig_pass_time(r, 25000);
	rig_pump(r);
	assert_int_equal(r->hangups, 1);
	rig_free(r);
}

/* The far end declines video; a later offer has it again, and it is taken. */
static void a_declined_line_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct rig *r = talk(&kinds[i], HEAD AUDIO VIDEO,
				     AUDIO NO_VIDEO);

		assert_non_null(strstr(o.body, "m=video 0 RTP/AVP"));
		assert_false(r->call->deal->active->end[1].accepted);
		phone_offers(r, HEAD AUDIO VIDEO);
		assert_null(strstr(o.body, "m=video 0 "));
		far_answers(r, &kinds[i], AUDIO VIDEO);
		assert_null(strstr(o.body, "m=video 0 "));
		assert_true(r->call->deal->active->end[1].accepted);
		assert_true(r->set[(r->n_set - 1) % 64].may_send);
		assert_int_equal(r->hangups, 0);
		rig_free(r);
	}
}

/* The phone drops video, and takes it up again. */
static void a_dropped_line_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct rig *r = talk(&kinds[i], HEAD AUDIO VIDEO,
				     AUDIO VIDEO);

		phone_offers(r, HEAD AUDIO NO_VIDEO);
		assert_non_null(strstr(o.body, "m=video 0 "));
		far_answers(r, &kinds[i], AUDIO NO_VIDEO);
		assert_int_equal(r->call->deal->usable, 1);
		phone_offers(r, HEAD AUDIO VIDEO);
		far_answers(r, &kinds[i], AUDIO VIDEO);
		assert_int_equal(r->call->deal->usable, 3);
		assert_null(strstr(o.body, "m=video 0 "));
		assert_int_equal(r->hangups, 0);
		rig_free(r);
	}
}

/* RFC 4733: what says how digits travel is nobody's to change. */
static void telephone_events(void **state)
{
	static const char said[] = "0 101\r\na=rtpmap:0 PCMU/8000\r\n"
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n";

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct rig *r = rig_new("");

		rig_call(r, INSIDE, kinds[i].peer);
		phone_offers(r, HEAD EVENTS);
		assert_non_null(strstr(o.body, said));
		far_answers(r, &kinds[i], EVENTS);
		assert_non_null(strstr(o.body, said));
		rig_free(r);
	}
}

#define AT(address, lines) \
	"v=0\r\no=- 1 2 IN IP4 127.0.0.9\r\ns=-\r\n" \
	"c=IN IP4 " address "\r\nt=0 0\r\n" lines
#define ALAW "m=audio 4200 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"

/* Another address, port and codec, by a re-INVITE: the relay hears of it, and
 * the keys stay; so with the hold of old phones (RFC 2543). */
static void a_phone_moves(void **state)
{
	char where[ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		struct rig *r = talk(&kinds[i], HEAD AUDIO, AUDIO);
		const struct msg_stream_set *set =
			&r->set[(r->n_set - 1) % 64];
		uint64_t key = set->key.send;

		phone_offers(r, AT("127.0.0.8", ALAW "a=rtcp:4301\r\n"));
		assert_non_null(strstr(o.body, "AVP 8\r\n"));
		assert_null(strstr(o.body, "127.0.0.8"));
		far_answers(r, &kinds[i], ALAW);
		set = &r->set[(r->n_set - 1) % 64];
		assert_int_equal(r->offers, kinds[i].sealed);
		assert_int_equal(set->key.send, key);
		assert_true(set->set_remote[INSIDE]);
		assert_string_equal(addr_text(&set->remote[INSIDE], where),
				    "127.0.0.8:4200");
		assert_string_equal(addr_text(&set->remote_rtcp[INSIDE],
					      where), "127.0.0.8:4301");
		phone_offers(r, AT("0.0.0.0", ALAW));
		assert_non_null(strstr(o.body, "c=IN IP4 0.0.0.0\r\n"));
		far_answers(r, &kinds[i], ALAW);
		set = &r->set[(r->n_set - 1) % 64];
		assert_true(addr_is_any(&set->remote[INSIDE]));
		rig_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_fax_in_srtp),
		cmocka_unit_test(voice_gives_way_to_fax),
		cmocka_unit_test(fax_beside_voice),
		cmocka_unit_test(another_kind_is_no_answer),
		cmocka_unit_test(one_side_of_a_fax_is_silent),
		cmocka_unit_test(a_declined_line_comes_back),
		cmocka_unit_test(a_dropped_line_comes_back),
		cmocka_unit_test(telephone_events),
		cmocka_unit_test(a_phone_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
