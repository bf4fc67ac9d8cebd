/* Session descriptions: what is read, and the bytes that the other leg gets,
 * against files in tests/vectors/sdp. */
#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_MAX 8192
#define KEY "AQAFgM0XflABAAAAAAAAAAAAAAsAyO"
#define CRYPTO "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhc" \
	       "YD0mXXtxaVBR\n2 AES_CM_128_HMAC_SHA1_32 inline:d0RmdmcmVCspe" \
	       "Ec3QGZiNWpVLFJhQX1cfHAwJSoj"

struct text {
	char p[FILE_MAX];
	size_t len;
};

static void path_of(char *out, size_t room, const char *name, const char *end)
{
	const char *dir = getenv("srcdir");

	snprintf(out, room, "%s/tests/vectors/sdp/%s.%s", dir ? dir : ".",
		 name, end);
}

static void load(const char *name, const char *end, struct text *t)
{
	char path[256];
	FILE *f;

	path_of(path, sizeof path, name, end);
	f = fopen(path, "rb");
	assert_non_null(f);
	t->len = fread(t->p, 1, sizeof t->p, f);
	fclose(f);
	assert_in_range(t->len, 1, sizeof t->p - 1);
}

/* One golden pair: how the description is rewritten. */
struct shape {
	const char *name;
	bool sealed;
	enum sdp_proto proto;
	enum { NO_KEY, SESSION_KEY, MEDIA_KEY, CRYPTO_KEY } key;
	unsigned six;    /* lines (bits) that get an IPv6 address */
	unsigned reject; /* lines (bits) beyond those with port 0 or not RTP */
};

static const struct shape shapes[] = {
	{ "baresip-out", true, SDP_PROTO_SECURE, SESSION_KEY, 0, 0 },
	{ "baresip-answer-in", true, SDP_PROTO_PLAIN, NO_KEY, 0, 0 },
	{ "baresip-plain", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "sipp-out", true, SDP_PROTO_SECURE, SESSION_KEY, 0, 0 },
	{ "linphone-out", true, SDP_PROTO_SECURE, MEDIA_KEY, 0, 0 },
	{ "linphone-plain", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "lf-out", true, SDP_PROTO_SECURE, SESSION_KEY, 0, 0 },
	{ "ipv6-plain", false, SDP_PROTO_KEEP, NO_KEY, 1, 0 },
	{ "ipv6-to-ipv4", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "mixed-families", false, SDP_PROTO_KEEP, NO_KEY, 2, 0 },
	{ "rejected-line", true, SDP_PROTO_SECURE, MEDIA_KEY, 0, 0 },
	{ "surplus-line", false, SDP_PROTO_KEEP, NO_KEY, 0, 2 },
	{ "hold-address", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "hold-media-address", true, SDP_PROTO_SECURE, SESSION_KEY, 0, 0 },
	{ "session-key-in", true, SDP_PROTO_PLAIN, NO_KEY, 0, 0 },
	{ "media-key-in", true, SDP_PROTO_PLAIN, NO_KEY, 0, 0 },
	{ "fax", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "media-c-only", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "ice", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "rtcp-address", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "rtcp-mux", true, SDP_PROTO_SECURE, SESSION_KEY, 0, 0 },
	{ "no-last-end", true, SDP_PROTO_SECURE, MEDIA_KEY, 0, 0 },
	{ "other-keys", true, SDP_PROTO_SECURE, SESSION_KEY, 0, 0 },
	{ "other-keys-plain", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "bundle", true, SDP_PROTO_SECURE, SESSION_KEY, 0, 0 },
	{ "blank-end", false, SDP_PROTO_KEEP, NO_KEY, 0, 0 },
	{ "crypto-out", true, SDP_PROTO_SECURE, CRYPTO_KEY, 0, 0 },
	{ "crypto-in", true, SDP_PROTO_PLAIN, NO_KEY, 0, 2 },
	{ "late-connection", false, SDP_PROTO_KEEP, NO_KEY, 1, 0 },
};

#define N_SHAPES (sizeof shapes / sizeof *shapes)

static void plan(const struct shape *s, const struct sdp *sdp,
		 struct sdp_edit *e)
{
	const struct sdp_media *m = sdp->media;

	memset(e, 0, sizeof *e);
	e->id = 4611686018427387904u;
	e->version = 3;
	e->sealed = s->sealed;
	e->mikey = s->key == SESSION_KEY ? KEY : NULL;
	assert_int_equal(addr_parse(s->six & 1 ? "2001:db8::9" : "203.0.113.9",
				    &e->addr), 0);
	for (unsigned i = 0; i < sdp->n; i++, m++) {
		struct sdp_edit_line *l = &e->line[i];

		l->reject = !m->port || !m->rtp || (s->reject >> i & 1);
		l->proto = s->proto;
		l->mikey = s->key == MEDIA_KEY ? KEY : NULL;
		l->crypto = s->key == CRYPTO_KEY ? CRYPTO : NULL;
		addr_parse(s->six >> i & 1 ? "2001:db8::9" : "203.0.113.9",
			   &l->addr);
		l->addr.port = (uint16_t)(20000 + 2 * i);
	}
}

static int convert(const struct shape *s, const struct text *in,
		   struct buf *out)
{
	struct sdp_edit e;
	const char *why;
	struct sdp sdp;
	int r = sdp_read(in->p, in->len, &sdp, &why);

	if (r)
		return r;
	plan(s, &sdp, &e);
	return sdp_write(&sdp, &e, out);
}

static void save(const struct shape *s, const struct buf *out)
{
	char path[256];
	FILE *f;

	path_of(path, sizeof path, s->name, "out");
	f = fopen(path, "wb");
	assert_non_null(f);
	fwrite(out->data, 1, out->len, f);
	fclose(f);
}

/* SDP_GOLDEN=write makes the .out files anew: read them before committing. */
static void golden(void **state)
{
	static struct text in, want;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < N_SHAPES; i++) {
		load(shapes[i].name, "in", &in);
		out = buf_of(FILE_MAX);
		assert_int_equal(convert(&shapes[i], &in, &out), 0);
		if (getenv("SDP_GOLDEN"))
			save(&shapes[i], &out);
		load(shapes[i].name, "out", &want);
		if (out.len != want.len || memcmp(out.data, want.p, out.len))
			fail_msg("%s differs:\n%s", shapes[i].name,
				 buf_string(&out));
		buf_free(&out);
	}
}

/* Written once more, what was written does not change. */
static void stable(void **state)
{
	static struct text want;
	struct shape again;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < N_SHAPES; i++) {
		again = shapes[i];
		again.key = NO_KEY;
		again.proto = SDP_PROTO_KEEP;
		again.sealed = false;
		load(shapes[i].name, "out", &want);
		out = buf_of(FILE_MAX);
		assert_int_equal(convert(&again, &want, &out), 0);
		assert_int_equal(out.len, want.len);
		assert_memory_equal(out.data, want.p, out.len);
		buf_free(&out);
	}
}

/* Every cut of every description is read or refused, and what is read can be
 * written. The copy has exact size, so that a reader past it is caught. */
static void truncated(void **state)
{
	static struct text in, cut;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < N_SHAPES; i++) {
		load(shapes[i].name, "in", &in);
		for (size_t n = 0; n < in.len; n++) {
			char *exact = malloc(n ? n : 1);

			assert_non_null(exact);
			memcpy(exact, in.p, n);
			memcpy(cut.p, exact, n);
			cut.len = n;
			out = buf_of(FILE_MAX);
			convert(&shapes[i], &cut, &out);
			buf_free(&out);
			struct sdp sdp;
			const char *why = NULL;
			int r = sdp_read(exact, n, &sdp, &why);
			assert_true(!r || why);
			free(exact);
		}
	}
}

static void malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
		"v=0\r\n",
		"v=0\r\no=- 1 1 IN IP4\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1 more\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\no=- 1 1 IN IP4 h\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 ::1\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP9 192.0.2.1\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 5004 RTP/AVP\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
		"m=audio 70000 RTP/AVP 0\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio -1 RTP/AVP 0\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 5/x RTP/AVP 0\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nx\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n\r\ns=-\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=a\rb\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\na=\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\na=key-mgmt:mikey\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 5 RTP/AVP 0\r\n"
		"a=rtcp:x\r\n",
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 5 RTP/AVP 9\r\n"
		"a=rtpmap:9 G722/1e3\r\n",
	};
	struct sdp sdp;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *why = NULL;

		assert_int_equal(sdp_read(bad[i], strlen(bad[i]), &sdp, &why),
				 E_FORMAT);
		assert_non_null(why);
	}
}

static void too_many_lines(void **state)
{
	struct buf in = buf_of(FILE_MAX);
	const char *why = NULL;
	struct sdp sdp;

	(void)state;
	buf_text(&in, "v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\n");
	for (int i = 0; i < SDP_LINES_MAX; i++)
		buf_text(&in, "m=audio 5004 RTP/AVP 0\n");
	assert_int_equal(sdp_read(in.data, in.len, &sdp, &why), 0);
	assert_int_equal(sdp.n, SDP_LINES_MAX);
	buf_text(&in, "m=audio 5004 RTP/AVP 0\n");
	assert_int_equal(sdp_read(in.data, in.len, &sdp, &why), E_UNSUPPORTED);
	buf_free(&in);
}

static void facts(void **state)
{
	static struct text in;
	const char *why = NULL;
	char text[ADDR_TEXT];
	struct sdp s;

	(void)state;
	load("media-key-in", "in", &in);
	assert_int_equal(sdp_read(in.p, in.len, &s, &why), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.keys.n_mikey, 0);
	assert_int_equal(s.media[0].keys.n_mikey, 1);
	assert_true(sdp_is(s.media[0].keys.mikey, KEY));
	assert_true(s.media[0].secure && s.media[0].rtp);
	assert_int_equal(s.media[1].clock_hz, 90000);
	assert_int_equal(s.media[1].direction, SDP_RECVONLY);
	load("rtcp-address", "in", &in);
	assert_int_equal(sdp_read(in.p, in.len, &s, &why), 0);
	assert_string_equal(addr_text(&s.media[0].rtcp, text),
			    "192.0.2.44:53020");
	assert_string_equal(addr_text(&s.media[0].addr, text),
			    "192.0.2.1:49170");
	load("other-keys", "in", &in);
	assert_int_equal(sdp_read(in.p, in.len, &s, &why), 0);
	assert_true(s.keys.clear && s.media[0].keys.n_crypto == 1);
	assert_int_equal(s.keys.n_other, 1);
}

/* The best come first; more than we hold are left out, not refused. */
static void many_crypto(void **state)
{
	struct buf text = buf_of(8192);
	const char *why = NULL;
	struct sdp s;

	(void)state;
	buf_text(&text, "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
			"a=crypto:9 A inline:x\r\n"
			"m=audio 5004 RTP/SAVP 0\r\n");
	for (unsigned i = 1; i < 40; i++)
		buf_printf(&text, "a=crypto:%u A inline:x%s", i,
			   i % 2 ? "\r\n" : "\n");
	assert_int_equal(sdp_read(text.data, text.len, &s, &why), 0);
	assert_int_equal(s.keys.n_crypto, 1);
	assert_int_equal(s.media[0].keys.n_crypto, SDP_CRYPTO_MAX);
	assert_true(sdp_is(s.media[0].keys.crypto[0], "1 A inline:x"));
	assert_true(sdp_is(s.media[0].keys.crypto[15], "16 A inline:x"));
	buf_text(&text, "a=crypto:\r\n");
	assert_int_equal(sdp_read(text.data, text.len, &s, &why), E_FORMAT);
	buf_free(&text);
}

/* A host name is no address: the line is marked, nothing is resolved. */
static void names(void **state)
{
	static const char in[] = "v=0\r\no=- 1 1 IN IP4 host.example\r\n"
				 "c=IN IP4 host.example\r\n"
				 "m=audio 5004 RTP/AVP 0\r\n"
				 "m=video 5006 RTP/AVP 31\r\n"
				 "c=IN IP4 192.0.2.7\r\n"
				 "m=audio 5008 RTP/AVP 0\r\n"
				 "c=IN IP4 224.2.1.1/127\r\n";
	const char *why = NULL;
	struct sdp s;

	(void)state;
	assert_int_equal(sdp_read(in, sizeof in - 1, &s, &why), 0);
	assert_true(s.media[0].named);
	assert_false(s.media[1].named);
	assert_int_equal(s.media[1].addr.port, 5006);
	assert_true(s.media[2].named);
}

static void digests(void **state)
{
	static const char a[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";
	static const char b[] = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\n";
	static const char c[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x\r\n";
	uint8_t d[3][32];
	const char *why;
	struct sdp s;

	(void)state;
	assert_int_equal(sdp_read(a, sizeof a - 1, &s, &why), 0);
	assert_int_equal(sdp_digest(&s, d[0]), 0);
	assert_int_equal(sdp_read(b, sizeof b - 1, &s, &why), 0);
	assert_int_equal(sdp_digest(&s, d[1]), 0);
	assert_int_equal(sdp_read(c, sizeof c - 1, &s, &why), 0);
	assert_int_equal(sdp_digest(&s, d[2]), 0);
	assert_memory_equal(d[0], d[1], 32);
	assert_memory_not_equal(d[0], d[2], 32);
}

/* -- alternatives (RFC 5939) ---------------------------------------------- */

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n" \
	     "c=IN IP4 192.0.2.1\r\nt=0 0\r\n"
#define LINE "m=audio 5004 RTP/SAVP 0\r\n"

static unsigned alternatives_in(const char *text, const char *first)
{
	struct sdp_text mikey[SDP_ALSO_MAX];
	struct sdp_config config[SDP_ALSO_MAX];
	const char *why = NULL;
	struct sdp s;
	unsigned n;

	assert_int_equal(sdp_read(text, strlen(text), &s, &why), 0);
	n = sdp_alternatives(&s.keys, &s.media[0], mikey, config);
	if (n)
		assert_true(sdp_is(mikey[0], first));
	return n;
}

/* What is not of our form is nothing to us, and breaks nothing. */
static void alternatives_are_read(void **state)
{
	static const struct {
		const char *text, *first;
		unsigned n;
	} rows[] = {
		{ HEAD "a=acap:1 key-mgmt:mikey AA==\r\n" LINE
		  "a=pcfg:1 a=1 +callseal=1\r\n", "AA==", 1 },
		{ HEAD "a=acap:1 key-mgmt:mikey AA==\r\n"
		  "a=acap:2 key-mgmt:mikey BB==\r\n" LINE
		  "a=pcfg:9 a=1 +callseal=1\r\n"
		  "a=pcfg:8 a=2 +callseal=1\r\n", "BB==", 2 },
		{ HEAD LINE "a=pcfg:1 a=1 +callseal=1\r\n", NULL, 0 },
		{ HEAD "a=acap:1 key-mgmt:mikey AA==\r\n" LINE, NULL, 0 },
		{ HEAD "a=acap:1 key-mgmt:mikey AA==\r\n" LINE
		  "a=pcfg:1 a=1\r\n", NULL, 0 },
		{ HEAD "a=acap:1 key-mgmt:mikey AA==\r\n" LINE
		  "a=pcfg:1 a=1,2 +callseal=1\r\n", NULL, 0 },
		{ HEAD "a=acap:1 key-mgmt:mikey AA==\r\n" LINE
		  "a=pcfg:1 a=-s:1 +callseal=1\r\n", NULL, 0 },
		{ HEAD "a=acap:0 key-mgmt:mikey AA==\r\n" LINE
		  "a=pcfg:1 a=0 +callseal=1\r\n", NULL, 0 },
		{ HEAD "a=acap:1x key-mgmt:mikey AA==\r\n" LINE
		  "a=pcfg:1 a=1 +callseal=1\r\n", NULL, 0 },
		{ HEAD "a=acap:9999999999 key-mgmt:mikey AA==\r\n" LINE
		  "a=pcfg:1 a=9999999999 +callseal=1\r\n", NULL, 0 },
		{ HEAD "a=acap:1 key-mgmt:other AA==\r\n" LINE
		  "a=pcfg:1 a=1 +callseal=1\r\n", NULL, 0 },
		{ HEAD "a=acap:1 key-mgmt:mikey\r\n" LINE
		  "a=pcfg:1 a=1 +callseal=1\r\n", NULL, 0 },
		{ HEAD "a=acap\r\na=pcfg\r\na=acfg:\r\n" LINE
		  "a=acap:\r\na=pcfg:\r\na=acfg\r\n", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(alternatives_in(rows[i].text, rows[i].first),
				 rows[i].n);
}

static void alternatives_are_written(void **state)
{
	static const char *const also[] = { "BBBB", "CCCC" };
	static const struct sdp_config config[] = { { 101, 101 },
						    { 102, 102 } };
	static const char text[] = HEAD "a=acap:7 x\r\n" LINE
		"a=pcfg:7 a=7\r\na=acfg:7 a=7\r\n";
	static const char want[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\n"
		"s=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
		"a=key-mgmt:mikey AAAA\r\n"
		"a=acap:101 key-mgmt:mikey BBBB\r\n"
		"a=acap:102 key-mgmt:mikey CCCC\r\n"
		"m=audio 5000 RTP/SAVP 0\r\n"
		"a=pcfg:101 a=101 +callseal=1\r\n"
		"a=pcfg:102 a=102 +callseal=1\r\n"
		"a=acfg:102 a=102\r\n";
	struct sdp_edit e = { .id = 1, .version = 1, .sealed = true,
			      .mikey = "AAAA", .also = { 2, also, config } };
	struct buf out = buf_of(4096);
	const char *why;
	struct sdp s;

	(void)state;
	e.addr = (struct addr){ .family = 4, .ip = { 192, 0, 2, 9 } };
	e.line[0].addr = e.addr;
	e.line[0].addr.port = 5000;
	e.line[0].configs = e.also;
	e.line[0].chosen = config[1];
	assert_int_equal(sdp_read(text, strlen(text), &s, &why), 0);
	assert_int_equal(sdp_write(&s, &e, &out), 0);
	assert_string_equal(buf_string(&out), want);
	assert_int_equal(alternatives_in(buf_string(&out), "BBBB"), 2);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden), cmocka_unit_test(stable),
		cmocka_unit_test(truncated), cmocka_unit_test(malformed),
		cmocka_unit_test(too_many_lines), cmocka_unit_test(facts),
		cmocka_unit_test(many_crypto),
		cmocka_unit_test(alternatives_are_read),
		cmocka_unit_test(alternatives_are_written),
		cmocka_unit_test(names), cmocka_unit_test(digests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
