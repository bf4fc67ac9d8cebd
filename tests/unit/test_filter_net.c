/* test_filter_net.c - calls whose media go from phone to phone through a tunnel
 * between networks: the phones' addresses pass, the tunnel is raised early, and
 * no description leads out of it. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"
#include "daemon/engine/body/package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD(o, ip) "v=0\r\no=- 1 " o " IN IP4 " ip "\r\ns=-\r\n" \
	"c=IN IP4 " ip "\r\nt=0 0\r\n"
#define AUDIO "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define NEAR "10.1.7.5"
#define FAR "10.3.3.5"
#define OURS HEAD("1", NEAR)
#define THEIRS HEAD("1", FAR)

/* What RIG_MIKEY is in base64. */
static const uint8_t early_bytes[] = { 1, 0, 5, 0x80, 0xcd, 0x17, 0x7e, 0x50,
				       1, 0, 0, 0 };

static struct outcome o;

static const char *packed(const char *head, const char *media,
			  char type[static MIME_KEYED_TYPE])
{
	static struct buf b;
	char text[2048];

	buf_free(&b);
	b = buf_of(4096);
	snprintf(text, sizeof text, "%sa=key-mgmt:mikey %s\r\n%s", head,
		 RIG_MIKEY, media);
	assert_int_equal(package_close(MIME_KEYED_BASE64, text, strlen(text),
				       &b, type), 0);
	return buf_string(&b);
}

static void outside(struct rig *r, enum body_role role, const char *head,
		    const char *media)
{
	char type[MIME_KEYED_TYPE];
	const char *body = packed(head, media, type);

	r->type = type;
	r->early = role == BODY_OFFER; /* no final response yet */
	rig_filter(r, OUTSIDE, role, 0, body, &o);
	r->type = NULL;
	r->early = false;
}

static void early(struct rig *r)
{
	r->early = true;
	r->type = "application/mikey";
	r->len = sizeof early_bytes;
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, (const char *)early_bytes, &o);
	r->type = NULL;
	r->len = 0;
	r->early = false;
}

static void inside(struct rig *r, enum body_role role, const char *body)
{
	rig_filter(r, INSIDE, role, 0, body, &o);
}

static void passes(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(o.n, 1);
}

static void refused(int status, const char *why)
{
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
	if (!strstr(rig_log, why) && !strstr(o.no.warn, why))
		fail_msg("%s\n%s", o.no.warn, rig_log);
}

static struct rig *rig(enum face from, const char *peer)
{
	struct rig *r = rig_new("");

	addr_parse("127.0.0.9", &r->far);
	net_parse(!strcmp(peer, "vpn") ? "10.4.0.0/16" : "10.3.3.0/24",
		  &r->behind);
	r->late_keys = true;
	rig_call(r, from, peer);
	return r;
}

static void end(struct rig *r, unsigned drops)
{
	call_end(r->call, 200, "bye");
	r->call = NULL;
	rig_pump(r);
	assert_int_equal(r->tunnel_drops, drops);
	assert_int_equal(r->adds, 0); /* the relay has no part in it */
	assert_int_equal(r->n_set, 0);
	rig_free(r);
}

static void a_call_of_ours(void **state)
{
	struct rig *r = rig(INSIDE, "net");
	struct addr end_of_us;

	(void)state;
	addr_parse("127.0.0.2", &end_of_us);
	assert_true(call_wants_early(r->call));
	assert_false(call_rings_late(r->call));
	inside(r, BODY_OFFER, OURS AUDIO "a=rtcp:53020 IN IP4 10.1.7.6\r\n"
	       "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
	passes();
	assert_non_null(strstr(o.body, "c=IN IP4 " NEAR));
	assert_non_null(strstr(o.body, "m=audio 4000 RTP/AVP 0"));
	assert_non_null(strstr(o.body, "a=rtcp:53020 IN IP4 10.1.7.6\r\n"));
	assert_non_null(strstr(o.body, "m=video 4002 RTP/AVP 96"));
	assert_non_null(strstr(o.body, "application/mikey"));
	assert_int_equal(r->reserves, 1);
	assert_int_equal(r->reserve.n, 1);
	assert_int_equal(r->reserve.scope, ESP_NET);
	assert_true(addr_equal(&r->reserve.local[0], &end_of_us));
	assert_int_equal(r->offer.party.n, 1);
	assert_true(addr_equal(&r->offer.party.line[0].local, &end_of_us));
	assert_int_equal(r->raises, 0);
	early(r);
	passes();
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].tunnel, 1);
	assert_int_equal(r->raise[0].proven, 0);
	assert_int_equal(r->raise[0].key_id, r->last_key);
	outside(r, BODY_ANSWER, THEIRS, AUDIO "m=video 0 RTP/AVP 96\r\n");
	passes();
	assert_non_null(strstr(o.body, "c=IN IP4 " FAR));
	assert_null(strstr(o.body, "key-mgmt"));
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->finishes, 1);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	/* a phone's hold changes no key */
	inside(r, BODY_OFFER, HEAD("2", "0.0.0.0") AUDIO
	       "m=video 0 RTP/AVP 96\r\n");
	passes();
	outside(r, BODY_ANSWER, HEAD("2", FAR),
		AUDIO "m=video 0 RTP/AVP 96\r\n");
	passes();
	end(r, 1);
}

/* A far end that knows no early answer. */
static void keys_in_the_answer_alone(void **state)
{
	struct rig *r = rig(INSIDE, "net");

	(void)state;
	inside(r, BODY_OFFER, OURS AUDIO);
	outside(r, BODY_ANSWER, THEIRS, AUDIO);
	passes();
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].key_id, r->last_key);
	end(r, 1);
	r = rig(INSIDE, "net"); /* which declines all */
	inside(r, BODY_OFFER, OURS AUDIO);
	outside(r, BODY_ANSWER, THEIRS, "m=audio 0 RTP/AVP 0\r\n");
	passes();
	assert_int_equal(r->raises, 0);
	end(r, 1);
}

static void a_call_of_theirs(void **state)
{
	struct rig *r = rig(OUTSIDE, "net");
	struct buf keys = buf_of(64);

	(void)state;
	assert_true(call_rings_late(r->call));
	outside(r, BODY_OFFER, THEIRS, AUDIO);
	passes();
	assert_non_null(strstr(o.body, "c=IN IP4 " FAR));
	assert_int_equal(r->answer.when, KEY_EARLY);
	assert_int_equal(r->raises, 1); /* before the answer leaves */
	assert_int_equal(r->raise[0].proven, 1);
	assert_int_equal(r->raise[0].key_id, r->last_key);
	assert_int_equal(call_early(r->call, &keys), 0);
	buf_free(&keys);
	inside(r, BODY_ANSWER, OURS AUDIO);
	passes();
	assert_non_null(strstr(o.body, "c=IN IP4 " NEAR));
	assert_int_equal(r->raises, 1);
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	end(r, 1);
}

/* What would leave in clear, or reach somebody else. */
static void nothing_leads_out_of_the_tunnel(void **state)
{
	static const struct {
		const char *near, *far;
		const char *why;
	} rows[] = {
		{ HEAD("1", "10.1.8.5") AUDIO, NULL, "not in tunnel.nets" },
		{ OURS AUDIO "a=rtcp:9 IN IP4 10.1.8.5\r\n", NULL,
		  "not in tunnel.nets" },
		{ HEAD("1", FAR) AUDIO, NULL, "not in tunnel.nets" },
		{ OURS AUDIO, HEAD("1", "10.3.4.5"), "not behind the far end" },
		{ OURS AUDIO, HEAD("1", "203.0.113.7"), "not behind the far "
		  "end" },
		{ OURS AUDIO, HEAD("1", NEAR), "not behind the far end" },
		{ OURS AUDIO, HEAD("1", "127.0.0.2"), "not behind the far "
		  "end" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig(INSIDE, "net");

		inside(r, BODY_OFFER, rows[i].near);
		if (rows[i].far) {
			passes();
			early(r);
			passes();
			outside(r, BODY_ANSWER, rows[i].far, AUDIO);
		}
		refused(488, rows[i].why);
		rig_free(r);
		r = rig(OUTSIDE, "net");
		outside(r, BODY_OFFER, rows[i].far ? rows[i].far : THEIRS,
			AUDIO);
		if (!rows[i].far) {
			passes();
			inside(r, BODY_ANSWER, rows[i].near);
		}
		refused(488, rows[i].why);
		rig_free(r);
	}
}

/* Of what is said of RTCP only that passes which was looked at, and no other
 * address to choose from. */
static void rtcp_stays_within(void **state)
{
	static const char media[] = AUDIO "a=rtcp:9 IN IP4 192.0.2.9\r\n"
		"a=rtcp:7 IN IP4 10.3.3.6\r\na=altc:1 IP4 192.0.2.9 9\r\n"
		"a=alt:1 1 : x y 192.0.2.9 9\r\n";
	static const char *const names[] = {
		AUDIO "a=rtcp:5005 IN IP4 evil.example\r\n",
		AUDIO "a=rtcp:5005 IN IP4 224.2.1.1/127\r\n",
		AUDIO "a=rtcp:9 IN IP4 evil.example\r\n"
		"a=rtcp:7 IN IP4 10.3.3.6\r\n",
	};

	(void)state;
	for (int from = INSIDE; from <= OUTSIDE; from++) {
		struct rig *r = rig((enum face)from, "net");

		if (from == INSIDE) {
			inside(r, BODY_OFFER, OURS AUDIO);
			early(r);
		}
		outside(r, from == INSIDE ? BODY_ANSWER : BODY_OFFER,
			THEIRS "a=rtcp:9 IN IP4 192.0.2.9\r\n", media);
		passes();
		assert_non_null(strstr(o.body, "a=rtcp:7 IN IP4 10.3.3.6\r\n"));
		assert_null(strstr(o.body, "192.0.2.9"));
		assert_null(strstr(strstr(o.body, "a=rtcp") + 1, "a=rtcp"));
		rig_free(r);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct rig *r = rig(OUTSIDE, "net");

		outside(r, BODY_OFFER, THEIRS, names[i]);
		refused(488, "");
		rig_free(r);
		r = rig(INSIDE, "net");
		inside(r, BODY_OFFER, OURS AUDIO);
		early(r);
		outside(r, BODY_ANSWER, THEIRS, names[i]);
		refused(488, "");
		rig_free(r);
	}
}

/* Also when it is led there later. */
static void a_change_stays_within(void **state)
{
	struct rig *r = rig(INSIDE, "net");

	(void)state;
	inside(r, BODY_OFFER, OURS AUDIO);
	early(r);
	outside(r, BODY_ANSWER, THEIRS, AUDIO);
	passes();
	call_won(r->call, 0);
	call_up(r->call);
	inside(r, BODY_OFFER, HEAD("2", "10.1.7.99") AUDIO);
	passes();
	outside(r, BODY_ANSWER, HEAD("2", "10.3.3.99"), AUDIO);
	passes();
	inside(r, BODY_OFFER, HEAD("3", "192.0.2.9") AUDIO);
	refused(488, "not in tunnel.nets");
	inside(r, BODY_OFFER, HEAD("4", "10.1.7.98") AUDIO);
	passes();
	outside(r, BODY_ANSWER, HEAD("3", "192.0.2.9"), AUDIO);
	refused(488, "not behind the far end");
	end(r, 1);
}

static void a_failing_tunnel_ends_the_call(void **state)
{
	struct rig *r = rig(OUTSIDE, "net");

	(void)state;
	r->raised_err = E_EXISTS;
	outside(r, BODY_OFFER, THEIRS, AUDIO);
	refused(488, "ip xfrm policy");
	rig_free(r);
	r = rig(INSIDE, "net");
	inside(r, BODY_OFFER, OURS AUDIO);
	r->raised_err = E_FULL;
	early(r);
	refused(503, "the kernel said no");
	end(r, 1);
}

/* A fork: the tunnel is the first one's. */
static void another_branch_is_refused_alone(void **state)
{
	struct rig *r = rig(INSIDE, "net");

	(void)state;
	inside(r, BODY_OFFER, OURS AUDIO);
	early(r);
	passes();
	r->finished_err = E_EXISTS;
	r->early = true;
	r->type = "application/mikey";
	r->len = sizeof early_bytes;
	rig_filter(r, OUTSIDE, BODY_ANSWER, 1, (const char *)early_bytes, &o);
	r->type = NULL;
	r->len = 0;
	r->early = false;
	assert_false(o.passed);
	r->finished_err = 0;
	outside(r, BODY_ANSWER, THEIRS, AUDIO);
	passes();
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->raises, 1);
	end(r, 1);
}

static void new_keys_are_another_tunnel(void **state)
{
	struct rig *r = rig(INSIDE, "net");
	char type[MIME_KEYED_TYPE];
	const char *body;

	(void)state;
	inside(r, BODY_OFFER, OURS AUDIO);
	early(r);
	outside(r, BODY_ANSWER, THEIRS, AUDIO);
	passes();
	call_won(r->call, 0);
	call_up(r->call);
	rig_repeat(r, BODY_OFFER, &o);
	passes();
	assert_int_equal(r->reserves, 2);
	body = packed(HEAD("2", FAR), AUDIO, type);
	r->type = type;
	rig_answer_own(r, body, &o);
	r->type = NULL;
	passes();
	assert_int_equal(r->raises, 2);
	assert_int_equal(r->raise[1].tunnel, 2);
	assert_int_equal(r->raise[1].instead, 1);
	end(r, 1);
}

/* With the old tunnel its networks stay. */
static void refused_keys_change_no_network(void **state)
{
	struct rig *r = rig(INSIDE, "net");
	char type[MIME_KEYED_TYPE];
	const char *body;

	(void)state;
	inside(r, BODY_OFFER, OURS AUDIO);
	early(r);
	outside(r, BODY_ANSWER, THEIRS, AUDIO);
	passes();
	call_won(r->call, 0);
	call_up(r->call);
	rig_repeat(r, BODY_OFFER, &o);
	passes();
	net_parse("10.9.9.0/24", &r->behind);
	r->raised_err = E_FULL;
	body = packed(HEAD("2", "10.9.9.5"), AUDIO, type);
	r->type = type;
	rig_answer_own(r, body, &o);
	r->type = NULL;
	refused(503, "the kernel said no");
	inside(r, BODY_OFFER, HEAD("2", "10.1.7.98") AUDIO);
	passes();
	outside(r, BODY_ANSWER, HEAD("3", "10.3.3.99"), AUDIO);
	passes();
	end(r, 2);
}

/* Its address is in SDP, and the kernel leads there. */
static void another_phone_there_is_shown(void **state)
{
	struct rig *r = rig(INSIDE, "net");

	(void)state;
	inside(r, BODY_OFFER, OURS AUDIO);
	early(r);
	outside(r, BODY_ANSWER, THEIRS, AUDIO);
	call_won(r->call, 0);
	call_up(r->call);
	outside(r, BODY_OFFER, HEAD("3", "10.3.3.99"), AUDIO);
	passes();
	assert_non_null(strstr(o.body, "c=IN IP4 10.3.3.99\r\n"));
	rig_free(r);
}

/* The relay has nothing of it; the tunnel process has. */
static void a_relay_may_go(void **state)
{
	struct rig *r = rig(INSIDE, "net");

	(void)state;
	inside(r, BODY_OFFER, OURS AUDIO);
	early(r);
	outside(r, BODY_ANSWER, THEIRS, AUDIO);
	call_won(r->call, 0);
	call_up(r->call);
	engine_ops.sibling(r->e, PROC_RELAY, 0);
	assert_int_equal(r->hangups, 0);
	engine_ops.sibling(r->e, PROC_TUNNEL, 0);
	assert_int_equal(r->hangups, 1);
	rig_free(r);
}

/* -- the tunnel alone ----------------------------------------------------- */

static void alone_where_it_may_be(void **state)
{
	struct rig *r = rig(INSIDE, "net");

	(void)state;
	inside(r, BODY_OFFER, OURS);
	refused(488, "esp_alone");
	assert_int_equal(r->reserves, 0);
	rig_free(r);
	r = rig(OUTSIDE, "net");
	outside(r, BODY_OFFER, THEIRS, "");
	refused(488, "esp_alone");
	assert_int_equal(r->answers, 0);
	rig_free(r);

	r = rig(INSIDE, "vpn");
	inside(r, BODY_OFFER, OURS);
	passes();
	assert_non_null(strstr(o.body, "application/mikey"));
	assert_null(strstr(o.body, NEAR));
	assert_int_equal(r->offer.party.n, 1);
	assert_int_equal(r->offer.party.line[0].spi, 0x1001);
	early(r);
	passes();
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].key_id, r->last_key);
	outside(r, BODY_ANSWER, THEIRS, "");
	passes();
	assert_null(strstr(o.body, "key-mgmt"));
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	end(r, 1);

	r = rig(OUTSIDE, "vpn");
	outside(r, BODY_OFFER, THEIRS, "");
	passes();
	assert_int_equal(r->raises, 1);
	assert_int_equal(r->raise[0].proven, 1);
	inside(r, BODY_ANSWER, OURS);
	passes();
	assert_non_null(strstr(o.body, "application/mikey"));
	call_won(r->call, 0);
	call_up(r->call);
	assert_int_equal(r->call->verdict.word, VERDICT_SEALED);
	end(r, 1);
}

/* An answer that leaves the keys out is no answer. */
static void alone_needs_its_keys(void **state)
{
	struct rig *r = rig(INSIDE, "vpn");

	(void)state;
	inside(r, BODY_OFFER, OURS);
	passes();
	rig_filter(r, OUTSIDE, BODY_ANSWER, 0, THEIRS, &o);
	refused(488, "key management required");
	assert_int_equal(r->raises, 0);
	rig_free(r);
	r = rig(OUTSIDE, "vpn");
	rig_filter(r, OUTSIDE, BODY_OFFER, 0, THEIRS, &o);
	refused(488, "key management required");
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_of_ours),
		cmocka_unit_test(keys_in_the_answer_alone),
		cmocka_unit_test(a_call_of_theirs),
		cmocka_unit_test(nothing_leads_out_of_the_tunnel),
		cmocka_unit_test(a_change_stays_within),
		cmocka_unit_test(a_failing_tunnel_ends_the_call),
		cmocka_unit_test(another_branch_is_refused_alone),
		cmocka_unit_test(new_keys_are_another_tunnel),
		cmocka_unit_test(refused_keys_change_no_network),
		cmocka_unit_test(another_phone_there_is_shown),
		cmocka_unit_test(a_relay_may_go),
		cmocka_unit_test(alone_where_it_may_be),
		cmocka_unit_test(alone_needs_its_keys),
		/* the last: what is refused here fills the log's rate */
		cmocka_unit_test(rtcp_stays_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
