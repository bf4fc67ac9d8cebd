/* test_sdpike.c - IKE in session descriptions: RFC 6193's own examples, what
 * an offer and an answer agree on, and what is no such line. */
#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdpike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nt=0 0\r\n"
#define OURS "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB"
#define THEIRS "D2:9F:6F:1E:CD:D3:09:E8:70:65:1A:51:7C:9D:30:4F:21:E4:4A:8E"
#define KEY "12:DF:3E:5D:49:6B:19:E5:7C:AB:4A:AD:B9:B1:3F:82:18:3B:54:02"
#define IKE "m=application 500 udp ike-esp\r\nc=IN IP4 192.0.2.10\r\n"
/* FIPS 180's "abc" */
#define ABC_1 "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D"
#define ABC_256 "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3" \
	":96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"

static struct sdp sdp;
static const char *why;

static int try_read(const char *text, unsigned *line, struct sdp_ike *out)
{
	int r = sdp_read(text, strlen(text), &sdp, &why);

	if (r)
		fail_msg("%s: %s", text, why);
	why = NULL;
	return sdp_ike_read(&sdp, line, out, &why);
}

static struct sdp_ike read_one(const char *text)
{
	struct sdp_ike i;
	unsigned line = 0;
	int r = try_read(text, &line, &i);

	if (r)
		fail_msg("%s: %s", text, why ? why : err_text(r));
	return i;
}

static void assert_written(const struct sdp_ike *i, const char *text)
{
	struct buf b = buf_of(4096);

	assert_int_equal(sdp_ike_write(i, "\r\n", &b), 0);
	assert_string_equal(buf_string(&b), text);
	buf_free(&b);
}

/* -- the examples of RFC 6193 ---------------------------------------------- */

/* Figures 2, 3, 5 and 6; what ICE adds to figure 5 is passed over. */
static const struct {
	const char *offer, *answer;
	bool offerer_begins, udpencap;
	enum sdp_ike_proof proof;
} figures[] = {
	{ HEAD IKE "a=ike-setup:active\r\na=fingerprint:SHA-1 " OURS "\r\n",
	  HEAD "m=application 500 udp ike-esp\r\nc=IN IP4 192.0.2.20\r\n"
	  "a=ike-setup:passive\r\na=fingerprint:SHA-1 " THEIRS "\r\n",
	  true, false, SDP_IKE_BY_CERT },
	{ HEAD IKE "a=ike-setup:passive\r\na=fingerprint:SHA-1 " OURS "\r\n",
	  HEAD "m=application 500 udp ike-esp\r\nc=IN IP4 192.0.2.20\r\n"
	  "a=ike-setup:active\r\na=fingerprint:SHA-1 " THEIRS "\r\n",
	  false, false, SDP_IKE_BY_CERT },
	{ HEAD "a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\na=ice-ufrag:9uB6\r\n"
	  "m=application 4500 udp ike-esp-udpencap\r\nc=IN IP4 192.0.2.10\r\n"
	  "a=ike-setup:active\r\na=fingerprint:SHA-1 " OURS "\r\n"
	  "a=candidate:1 1 udp 2130706431 192.0.2.10 4500 typ host\r\n",
	  HEAD "a=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=ice-ufrag:8hhY\r\n"
	  "m=application 45664 udp ike-esp-udpencap\r\n"
	  "c=IN IP4 192.0.2.20\r\n"
	  "a=ike-setup:passive\r\na=fingerprint:SHA-1 " THEIRS "\r\n"
	  "a=candidate:1 1 udp 2130706431 192.0.2.100 4500 typ host\r\n"
	  "a=candidate:2 1 udp 1694498815 192.0.2.20 45664 typ srflx "
	  "raddr 192.0.2.100 rport 4500\r\n",
	  true, true, SDP_IKE_BY_CERT },
	{ HEAD IKE "a=ike-setup:active\r\na=psk-fingerprint:SHA-1 " KEY "\r\n",
	  HEAD "m=application 500 udp ike-esp\r\nc=IN IP4 192.0.2.20\r\n"
	  "a=ike-setup:passive\r\na=psk-fingerprint:SHA-1 " KEY "\r\n",
	  true, false, SDP_IKE_BY_PSK },
};

static void the_examples_agree(void **state)
{
	struct sdp_ike offer, answer;
	struct sdp_ike_deal deal;

	(void)state;
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		offer = read_one(figures[i].offer);
		answer = read_one(figures[i].answer);
		assert_int_equal(sdp_ike_agree(&offer, &answer, &deal, &why),
				 0);
		assert_int_equal(deal.offerer_begins,
				 figures[i].offerer_begins);
		assert_int_equal(deal.udpencap, figures[i].udpencap);
		assert_int_equal(deal.proof, figures[i].proof);
		assert_int_equal(answer.setup, sdp_ike_reply(offer.setup, 0));
	}
	answer = read_one(figures[2].answer);
	assert_int_equal(answer.at.port, 45664);
	assert_int_equal(answer.at.ip[3], 20);
}

static void what_is_read_is_written(void **state)
{
	struct sdp_ike i = read_one(figures[0].offer);

	(void)state;
	assert_written(&i, figures[0].offer + strlen(HEAD));
	i = read_one(figures[3].answer);
	assert_written(&i, figures[3].answer + strlen(HEAD));
	i.at.port = 0;
	assert_written(&i, "m=application 0 udp ike-esp\r\n");
	i = read_one(HEAD "c=IN IP6 2001:db8::1\r\n"
		     "m=application 4500 udp ike-esp-udpencap\r\n");
	assert_written(&i, "m=application 4500 udp ike-esp-udpencap\r\n"
		       "c=IN IP6 2001:db8::1\r\n");
}

static void what_is_not_written(void **state)
{
	struct buf b = buf_of(64), small = buf_of(8);
	struct sdp_ike i = { .at = { .port = 500 } };
	struct print p = { .hash = PRINT_SHA1, .len = 19 };

	(void)state;
	assert_int_equal(sdp_ike_write(&i, "\n", &b), E_ARG);
	i.at.family = 4;
	assert_int_equal(sdp_ike_write(&i, "\n", &small), E_SPACE);
	assert_int_equal(sdp_print_write(&p, &b), E_ARG);
	p = (struct print){ .hash = PRINT_NONE };
	assert_int_equal(sdp_print_write(&p, &b), E_ARG);
	buf_free(&b);
	buf_free(&small);
}

/* -- reading --------------------------------------------------------------- */

static void a_line_among_others(void **state)
{
	static const char text[] = HEAD "c=IN IP4 192.0.2.1\r\n"
		"m=audio 5004 RTP/AVP 0\r\n"
		"m=application 5 udp wb\r\n"
		"m=application 6 tcp ike-esp\r\n"
		"m=application 500 UDP wb ike-esp\r\na=ike-setup:active\r\n"
		"m=video 0 RTP/AVP 31\r\na=ike-setup:passive\r\n"
		"m=application 4500 udp ike-esp-udpencap ike-esp\r\n";
	struct sdp_ike i;
	unsigned line = 0;

	(void)state;
	assert_int_equal(try_read(text, &line, &i), 0);
	assert_int_equal(line, 3);
	assert_false(i.udpencap);
	assert_int_equal(i.at.ip[3], 1);
	line++;
	assert_int_equal(try_read(text, &line, &i), 0);
	assert_int_equal(line, 5);
	assert_true(i.udpencap);
	assert_int_equal(i.setup, SDP_SETUP_UNSAID); /* not video's */
	line++;
	assert_int_equal(try_read(text, &line, &i), E_NOTFOUND);
}

/* 5.1: the session's count where the line has none. */
static void levels(void **state)
{
	struct sdp_ike i = read_one(
		HEAD "a=ike-setup:actpass\r\na=fingerprint:sha-1 " OURS "\r\n"
		"a=psk-fingerprint:sha-1 " KEY "\r\n"
		IKE "a=psk-fingerprint:sha-1 " THEIRS "\r\n");

	(void)state;
	assert_int_equal(i.setup, SDP_SETUP_ACTPASS);
	assert_int_equal(i.certs.n, 1);
	assert_int_equal(i.certs.list[0].bytes[0], 0x4a);
	assert_int_equal(i.psks.n, 1);
	assert_int_equal(i.psks.list[0].bytes[0], 0xd2);
	i = read_one(HEAD "a=fingerprint:sha-1 " OURS "\r\n"
		     IKE "a=fingerprint:md5 00:11\r\n");
	assert_int_equal(i.certs.n, 0); /* the line said something */
	assert_int_equal(i.certs.unknown, 1);
}

static void more_than_are_kept(void **state)
{
	char text[2048] = HEAD IKE;
	struct sdp_ike i;

	(void)state;
	for (int n = 0; n < PRINTS_MAX + 3; n++)
		strcat(text, "a=fingerprint:SHA-1 " OURS "\r\n");
	i = read_one(text);
	assert_int_equal(i.certs.n, PRINTS_MAX);
}

static void malformed_lines(void **state)
{
	static const struct {
		const char *text;
		int err;
	} rows[] = {
		{ IKE "a=ike-setup:holdconn\r\n", E_FORMAT },
		{ IKE "a=ike-setup\r\n", E_FORMAT },
		{ IKE "a=ike-setup:active\r\na=ike-setup:active\r\n",
		  E_FORMAT },
		{ IKE "a=fingerprint:SHA-1\r\n", E_FORMAT },
		{ IKE "a=fingerprint:SHA-1 4A\r\n", E_FORMAT },
		{ IKE "a=fingerprint:SHA-1 " OURS ":00\r\n", E_FORMAT },
		{ IKE "a=fingerprint:SHA-1 " OURS " x\r\n", E_FORMAT },
		{ IKE "a=fingerprint:SHA-1 " OURS ":\r\n", E_FORMAT },
		{ IKE "a=fingerprint:md5 4\r\n", E_FORMAT },
		{ IKE "a=fingerprint:md5 4A-4A\r\n", E_FORMAT },
		{ IKE "a=fingerprint:md5 4A:4G\r\n", E_FORMAT },
		{ IKE "a=psk-fingerprint:SHA-256 " OURS "\r\n", E_FORMAT },
		{ "a=ike-setup:x\r\n" IKE, E_FORMAT },
		{ "m=application 500/2 udp ike-esp\r\nc=IN IP4 192.0.2.1\r\n",
		  E_FORMAT },
		{ "m=application 500 udp ike-esp\r\n", E_UNSUPPORTED },
		{ "m=application 500 udp ike-esp\r\nc=IN IP4 a.example\r\n",
		  E_UNSUPPORTED },
	};
	char text[1024];

	(void)state;
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		struct sdp_ike i = { .udpencap = true };
		unsigned line = 0;

		snprintf(text, sizeof text, HEAD "%s", rows[n].text);
		if (try_read(text, &line, &i) != rows[n].err || !why)
			fail_msg("%s", rows[n].text);
		assert_true(i.udpencap); /* untouched */
	}
}

/* -- agreeing -------------------------------------------------------------- */

/* Section 4's table; what is left out of it is not allowed. */
static void roles(void **state)
{
	static const struct {
		enum sdp_setup offer, answer;
		int begins; /* 1: the offerer, 0: the answerer, -1: no */
	} rows[] = {
		{ SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, 1 },
		{ SDP_SETUP_PASSIVE, SDP_SETUP_ACTIVE, 0 },
		{ SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, 0 },
		{ SDP_SETUP_ACTPASS, SDP_SETUP_PASSIVE, 1 },
		{ SDP_SETUP_UNSAID, SDP_SETUP_UNSAID, 1 },
		{ SDP_SETUP_ACTIVE, SDP_SETUP_UNSAID, 1 },
		{ SDP_SETUP_UNSAID, SDP_SETUP_PASSIVE, 1 },
		{ SDP_SETUP_PASSIVE, SDP_SETUP_UNSAID, -1 },
		{ SDP_SETUP_ACTIVE, SDP_SETUP_ACTIVE, -1 },
		{ SDP_SETUP_UNSAID, SDP_SETUP_ACTIVE, -1 },
		{ SDP_SETUP_PASSIVE, SDP_SETUP_PASSIVE, -1 },
		{ SDP_SETUP_ACTPASS, SDP_SETUP_ACTPASS, -1 },
		{ SDP_SETUP_ACTIVE, SDP_SETUP_ACTPASS, -1 },
	};
	struct sdp_ike offer = { .at = { .port = 500 } }, answer = offer;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sdp_ike_deal d = { .offerer_begins = false };

		offer.setup = rows[i].offer;
		answer.setup = rows[i].answer;
		assert_int_equal(sdp_ike_agree(&offer, &answer, &d, &why),
				 rows[i].begins < 0 ? E_FORMAT : 0);
		assert_int_equal(d.offerer_begins, rows[i].begins > 0);
	}
	assert_int_equal(sdp_ike_reply(SDP_SETUP_ACTPASS, true),
			 SDP_SETUP_ACTIVE);
	assert_int_equal(sdp_ike_reply(SDP_SETUP_ACTPASS, false),
			 SDP_SETUP_PASSIVE);
	assert_int_equal(sdp_ike_reply(SDP_SETUP_ACTIVE, true),
			 SDP_SETUP_PASSIVE);
}

static void what_does_not_agree(void **state)
{
	struct sdp_ike offer = read_one(figures[0].offer);
	struct sdp_ike answer = read_one(figures[0].answer), a = answer;
	struct sdp_ike_deal d;

	(void)state;
	a.at.port = 0;
	assert_int_equal(sdp_ike_agree(&offer, &a, &d, &why), E_REFUSED);
	a = answer;
	a.udpencap = true;
	assert_int_equal(sdp_ike_agree(&offer, &a, &d, &why), E_FORMAT);
	a = answer;
	a.certs.n = 0; /* one end alone */
	assert_int_equal(sdp_ike_agree(&offer, &a, &d, &why), E_AUTH);
	a.certs.unknown = 1; /* by a hash of no use */
	assert_int_equal(sdp_ike_agree(&offer, &a, &d, &why), E_AUTH);
	offer.certs.n = 0;
	a.certs.unknown = 0;
	assert_int_equal(sdp_ike_agree(&offer, &a, &d, &why), 0);
	assert_int_equal(d.proof, SDP_IKE_BY_TRUST);
	offer = read_one(figures[3].offer);
	a = read_one(figures[3].answer);
	a.psks.list[0].bytes[0] ^= 1; /* another key */
	assert_int_equal(sdp_ike_agree(&offer, &a, &d, &why), E_AUTH);
	offer.psks.n = 0;
	assert_int_equal(sdp_ike_agree(&offer, &a, &d, &why), E_AUTH);
}

/* -- fingerprints ---------------------------------------------------------- */

static void fingerprints_match(void **state)
{
	struct sdp_ike both = read_one(
		HEAD IKE "a=fingerprint:SHA-1 " ABC_1 "\r\n"
		"a=fingerprint:sha-256 " OURS ":00:00:00:00:00:00:00:00:00:00"
		":00:00\r\n");
	struct sdp_ike sha1 = read_one(
		HEAD IKE "a=fingerprint:SHA-1 " OURS "\r\n"
		"a=fingerprint:SHA-1 " ABC_1 "\r\n");
	struct sdp_ike sha256 = read_one(
		HEAD IKE "a=fingerprint:SHA-256 " ABC_256 "\r\n");
	struct prints none = { .n = 0 };

	(void)state;
	assert_true(prints_match(&sha256.certs, "abc", 3, false));
	assert_false(prints_match(&sha256.certs, "abd", 3, true));
	assert_true(prints_match(&sha1.certs, "abc", 3, true));
	assert_false(prints_match(&sha1.certs, "abc", 3, false));
	assert_false(prints_match(&both.certs, "abc", 3, true));
	assert_false(prints_match(&none, "abc", 3, true));
	assert_true(prints_sound(&both.certs) && prints_sound(&none));
	both.certs.list[0].len--; /* as another process may send them */
	assert_false(prints_sound(&both.certs));
	none.n = PRINTS_MAX + 1;
	assert_false(prints_sound(&none));
}

static void every_hash_goes_round(void **state)
{
	struct buf b = buf_of(512);
	struct print p, again;

	(void)state;
	assert_int_equal(print_of(PRINT_NONE, "", 0, &p), E_ARG);
	assert_int_equal(print_of(PRINT_HASHES, "", 0, &p), E_ARG);
	for (int h = PRINT_SHA1; h < PRINT_HASHES; h++) {
		buf_clear(&b);
		assert_int_equal(print_of((enum print_hash)h, "abc", 3, &p),
				 0);
		assert_int_equal(sdp_print_write(&p, &b), 0);
		assert_int_equal(sdp_print_read(
			(struct sdp_text){ buf_string(&b), b.len }, &again), 0);
		assert_true(print_equal(&p, &again));
	}
	buf_free(&b);
}

static void small_letters_are_read(void **state)
{
	static const char text[] = "sha-1 a9:99:3e:36:47:06:81:6a:ba:3e:25:71:"
		"78:50:c2:6c:9c:d0:d8:9d";
	struct print p, of;

	(void)state;
	assert_int_equal(sdp_print_read(
		(struct sdp_text){ text, strlen(text) }, &p), 0);
	assert_int_equal(print_of(PRINT_SHA1, "abc", 3, &of), 0);
	assert_true(print_equal(&p, &of));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_agree),
		cmocka_unit_test(what_is_read_is_written),
		cmocka_unit_test(what_is_not_written),
		cmocka_unit_test(a_line_among_others),
		cmocka_unit_test(levels),
		cmocka_unit_test(more_than_are_kept),
		cmocka_unit_test(malformed_lines),
		cmocka_unit_test(roles),
		cmocka_unit_test(what_does_not_agree),
		cmocka_unit_test(fingerprints_match),
		cmocka_unit_test(every_hash_goes_round),
		cmocka_unit_test(small_letters_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
