/* test_smime_binding.c - what was sealed for one message is not taken for
 * another: tunnelled messages (RFC 3261 23.4) and AIBs (RFC 3893), and what
 * they are read with: headers, dates; keys in k= lines. */
#include "daemon/base/err.h"
#include "daemon/keeper/veil/clear.h"
#include "daemon/mime/tree.h"
#include "modules/smime/binding.h"
#include "modules/smime/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof *(a))
#define DATE "Thu, 21 Feb 2002 13:02:03 GMT"
#define DATE_US (1014296523 * 1000000ull)

static const struct smime_when now = { DATE_US + 5000000, 300000000 };
static struct smime_fault why;

/* RFC 3893 section 3, as it stands there. */
static const char invite[] =
	"INVITE sip:bob@example.net SIP/2.0\r\n"
	"Via: SIP/2.0/UDP pc33.example.com;branch=z9hG4bKnashds8\r\n"
	"To: Bob <sip:bob@example.net>\r\n"
	"From: Alice <sip:alice@example.com>;tag=1928301774\r\n"
	"Call-ID: a84b4c76e66710\r\n"
	"CSeq: 314159 INVITE\r\n"
	"Max-Forwards: 70\r\n"
	"Date: " DATE "\r\n"
	"Contact: <sip:alice@pc33.example.com>\r\n";

static const char aib[] =
	"From: Alice <sip:alice@example.com>\r\n"
	"To: Bob <sip:bob@example.net>\r\n"
	"Contact: <sip:alice@pc33.example.com>\r\n"
	"Date: " DATE "\r\n"
	"Call-ID: a84b4c76e66710\r\n"
	"CSeq: 314159 INVITE\r\n";

static const char ok[] =
	"SIP/2.0 200 OK\r\n"
	"To: Bob <sip:bob@example.net>;tag=2\r\n"
	"From: Alice <sip:alice@example.com>;tag=1928301774\r\n"
	"Call-ID: a84b4c76e66710\r\n"
	"CSeq: 314159 INVITE\r\n"
	"Date: " DATE "\r\n"
	"Contact: <sip:bob@192.0.2.4>\r\n";

/* text with a line in place of that of the same name; "" as value: without it;
 * NULL: as it is. add: one line more. The result stays until the next but
 * three. */
static const char *change(const char *text, const char *name,
			  const char *value, const char *add)
{
	static char room[4][4096];
	static unsigned turn;
	char *out = room[turn++ % 4], *at = out;
	size_t len = name ? strlen(name) : 0;

	while (*text) {
		size_t n = (size_t)(strstr(text, "\r\n") - text) + 2;

		if (!name || strncmp(text, name, len))
			at += sprintf(at, "%.*s", (int)n, text);
		else if (*value)
			at += sprintf(at, "%s%s\r\n", name, value);
		text += n;
	}
	strcpy(at, add ? add : "");
	return out;
}

static void read_it(const char *text, bool whole, struct smime_fragment *f)
{
	if (smime_fragment_read(mime_text(text), whole, f, &why))
		fail_msg("%s: %s", why.text, text);
}

/* -- reading -------------------------------------------------------------- */

static void is(struct mime_bytes a, const char *want)
{
	if (a.len != strlen(want) || (a.len && memcmp(a.p, want, a.len)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)a.len,
			 (const char *)a.p, want);
}

static void fragments_are_read(void **state)
{
	static struct smime_fragment f;

	(void)state;
	read_it("INVITE sip:b SIP/2.0\r\nf : <sip:a>\r\n ;tag=x\r\nM: <sip:c>"
		"\r\nSubject:\r\nX-Y: 1\r\nx-y: 2\r\n\r\n v=0\r\n", true, &f);
	is(f.start, "INVITE sip:b SIP/2.0");
	assert_int_equal(f.n, 5);
	is(smime_fragment_get(&f, "From", 0), "<sip:a>\r\n ;tag=x");
	is(smime_fragment_get(&f, "contact", 0), "<sip:c>");
	assert_non_null(smime_fragment_get(&f, "Subject", 0).p);
	is(smime_fragment_get(&f, "X-Y", 1), "2");
	assert_null(smime_fragment_get(&f, "X-Y", 2).p);
	is(f.body, " v=0\r\n");
	read_it("From: <sip:a>\r\nTo: <sip:b>", false, &f);
	assert_int_equal(f.start.len, 0);
	is(smime_fragment_get(&f, "To", 0), "<sip:b>");
}

static void bad_fragments_are_refused(void **state)
{
	static const struct {
		const char *text;
		bool whole;
	} bad[] = {
		{ "", false }, { "\r\n", false }, { "From: a\r\n", true },
		{ "INVITE sip:b SIP/2.0\r\n", true },
		{ "INVITE x\r\nINVITE y\r\nFrom: a\r\n", true },
		{ "From: a\nTo: b\r\n", false }, { "From: \x01\r\n", false },
		{ "From: a\r\nTo\r\n", false }, { "From: a\rb\r\n", false },
	};
	static struct smime_fragment f;
	struct buf b = buf_of(10000);

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		if (smime_fragment_read(mime_text(bad[i].text), bad[i].whole,
					&f, &why) != E_FORMAT)
			fail_msg("taken: %s", bad[i].text);
	for (size_t i = 0; i < SMIME_FIELDS; i++)
		buf_text(&b, "A: b\r\n");
	read_it(buf_string(&b), false, &f);
	assert_int_equal(f.n, SMIME_FIELDS);
	buf_text(&b, "A: b\r\n");
	assert_int_equal(smime_fragment_read(mime_text(buf_string(&b)), false,
					     &f, &why), E_SPACE);
	assert_int_equal(why.reason, SMIME_TOO_LARGE);
	buf_free(&b);
}

static void addresses_are_read(void **state)
{
	static const struct {
		const char *value, *uri, *tag;
	} rows[] = {
		{ "<sip:a@b>", "sip:a@b", "" },
		{ "\"A; \\\"<x>\" <sip:a@b;p=1>;x=2;tag=7;y", "sip:a@b;p=1",
		  "7" },
		{ "sip:a@b;tag=7", "sip:a@b", "7" },
		{ "A <sip:a@b> ; Tag = 7", "sip:a@b", "7" },
		{ "<sip:a@b>;tagged=1", "sip:a@b", "" },
	};
	static const char *const bad[] = {
		"", "<sip:a@b", "\"A <sip:a@b>", "<>", "<sip:a@b>x",
		"<sip:a@b>;tag=1;tag=2", ";tag=1",
	};
	struct mime_bytes uri, tag;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		assert_int_equal(smime_address_read(mime_text(rows[i].value),
						    &uri, &tag), 0);
		is(uri, rows[i].uri);
		is(tag, rows[i].tag);
	}
	for (size_t i = 0; i < N(bad); i++)
		if (smime_address_read(mime_text(bad[i]), &uri, &tag) !=
		    E_FORMAT)
			fail_msg("taken: %s", bad[i]);
}

static void dates_there_and_back(void **state)
{
	static const char *const bad[] = {
		"", "Fri, 21 Feb 2002 13:02:03 GMT",
		"Thu, 31 Feb 2002 13:02:03 GMT",
		"Thu, 21 Feb 2002 13:02:03 UTC",
		"Thu, 21 Feb 2002 13:02:03 GMT ",
		"Thu, 21 Feb 2002 24:02:03 GMT",
		"Thu, 21 Feb 2002 13:60:03 GMT",
		"Thu, 21 Feb 2002 13:02:61 GMT",
		"Thu, 21 Fab 2002 13:02:03 GMT",
		"Thu,  1 Feb 2002 13:02:03 GMT",
		"Thu, 21 Feb 1902 13:02:03 GMT",
		"Thu, 21-Feb 2002 13:02:03 GMT",
	};
	char text[SMIME_DATE_TEXT];
	uint64_t us;

	(void)state;
	assert_int_equal(smime_date_read(mime_text(DATE), &us), 0);
	assert_int_equal(us, DATE_US);
	for (uint64_t s = 0; s < 4000000000u; s += 12345678) {
		smime_date_write(s * 1000000, text);
		assert_int_equal(smime_date_read(mime_text(text), &us), 0);
		assert_int_equal(us, s * 1000000);
	}
	for (size_t i = 0; i < N(bad); i++)
		if (smime_date_read(mime_text(bad[i]), &us) != E_FORMAT)
			fail_msg("taken: %s", bad[i]);
}

/* -- AIBs ----------------------------------------------------------------- */

static int check_aib(const char *inner, const char *outer,
		     const char *responder)
{
	static struct smime_fragment a, b;
	int r;

	read_it(inner, false, &a);
	read_it(outer, true, &b);
	why.reason = SMIME_FINE;
	r = smime_aib_check(&a, &b, responder, now, &why);
	assert_int_equal(r ? SMIME_MISMATCH : SMIME_FINE, why.reason);
	return r;
}

static void aib_of_rfc3893(void **state)
{
	(void)state;
	assert_int_equal(check_aib(aib, invite, NULL), 0);
}

static void aibs_for_another_message(void **state)
{
	static const struct {
		const char *name, *value, *add;
	} rows[] = {
		{ "From:", " <sip:mallory@example.com>", NULL },
		{ "From:", " <sip:alice@example.com>;tag=1", NULL },
		{ "To:", " <sip:carol@example.net>", NULL },
		{ "Contact:", " <sip:alice@pc34.example.com>", NULL },
		{ "Date:", " Thu, 21 Feb 2002 13:02:04 GMT", NULL },
		{ "Call-ID:", " a84b4c76e66711", NULL },
		{ "CSeq:", " 314160 INVITE", NULL },
		{ "CSeq:", " 314159 UPDATE", NULL },
		{ "From:", "", NULL }, { "To:", "", NULL },
		{ "Contact:", "", NULL }, { "Date:", "", NULL },
		{ "Call-ID:", "", NULL }, { "CSeq:", "", NULL },
		{ NULL, NULL, "Subject: hello\r\n" },
		{ NULL, NULL, "From: <sip:alice@example.com>\r\n" },
		{ NULL, NULL, "i: a84b4c76e66710\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		if (!check_aib(change(aib, rows[i].name, rows[i].value,
				      rows[i].add), invite, NULL))
			fail_msg("taken: %s%s%s", rows[i].name, rows[i].value,
				 rows[i].add);
	/* what is no difference */
	assert_int_equal(check_aib(change(aib, "From:",
		" Nobody <sip:alice@EXAMPLE.com>;tag=1928301774", NULL),
		invite, NULL), 0);
	assert_int_equal(check_aib(change(aib, "CSeq:", "  314159\r\n INVITE",
					  NULL), invite, NULL), 0);
	assert_int_equal(check_aib(aib, change(invite, "Contact:", "", NULL),
				   NULL), 0);
	assert_int_equal(check_aib(aib, change(invite, NULL, NULL,
		"From: <sip:alice@example.com>\r\n"), NULL), E_AUTH);
}

static void dates_have_a_window(void **state)
{
	static struct smime_fragment a, b;
	struct smime_when when = { DATE_US, 10000000 };

	(void)state;
	read_it(aib, false, &a);
	read_it(invite, true, &b);
	for (int i = -2; i <= 2; i++) {
		when.wall_us = (uint64_t)((int64_t)DATE_US + i * 10000000ll -
					  (i > 0) + (i < 0));
		assert_int_equal(smime_aib_check(&a, &b, NULL, when, &why),
				 i * i > 1 ? E_AUTH : 0);
	}
	read_it(change(aib, "Date:", " today", NULL), false, &a);
	read_it(change(invite, "Date:", " today", NULL), true, &b);
	assert_int_equal(smime_aib_check(&a, &b, NULL, when, &why), E_AUTH);
}

/* What is written is an entity that fits its message and no other. */
static void aibs_are_written(void **state)
{
	static const struct {
		const char *of, *responder, *text;
	} rows[] = {
		{ invite, NULL, "From: Alice <sip:alice@example.com>;"
		  "tag=1928301774\r\nTo: Bob <sip:bob@example.net>\r\n"
		  "Contact: <sip:alice@pc33.example.com>\r\nDate: " DATE
		  "\r\nCall-ID: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\n" },
		{ ok, "sip:bob@example.net", "From: <sip:bob@example.net>\r\n"
		  "Contact: <sip:bob@192.0.2.4>\r\nDate: " DATE "\r\n"
		  "Call-ID: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\n" },
	};
	static struct smime_fragment f;
	static struct mime m;
	struct buf out = buf_of(2000);

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		buf_clear(&out);
		read_it(rows[i].of, true, &f);
		assert_int_equal(smime_aib_write(&f, rows[i].responder, &out,
						 &why), 0);
		assert_int_equal(mime_read_entity((struct mime_bytes){
			out.data, out.len }, &m), 0);
		assert_true(mime_type_is(&m.part[0].type, "message/sipfrag"));
		assert_true(mime_is(m.part[0].disposition.type, "aib"));
		assert_false(m.part[0].disposition.required);
		is(m.part[0].body, rows[i].text);
		assert_int_equal(check_aib(rows[i].text, rows[i].of,
					   rows[i].responder), 0);
	}
	assert_int_equal(check_aib(rows[1].text, ok, "sip:carol@example.net"),
			 E_AUTH);
	assert_int_equal(check_aib(rows[1].text, invite, NULL), E_AUTH);
	read_it(change(invite, "Date:", "", NULL), true, &f);
	assert_int_equal(smime_aib_write(&f, NULL, &out, &why), E_CONF);
	read_it(change(invite, "From:", " A\r\n <sip:a@b>", NULL), true, &f);
	buf_clear(&out);
	assert_int_equal(smime_aib_write(&f, NULL, &out, &why), 0);
	assert_non_null(strstr(buf_string(&out), "From: A <sip:a@b>\r\n"));
	out.max = 10;
	buf_clear(&out);
	assert_int_equal(smime_aib_write(&f, NULL, &out, &why), E_SPACE);
	buf_free(&out);
}

/* -- tunnelled messages --------------------------------------------------- */

static int check_tunnel(const char *inner, const char *outer,
			enum smime_veil veil)
{
	static struct smime_fragment a, b;
	int r;

	read_it(inner, true, &a);
	read_it(outer, true, &b);
	why.reason = SMIME_FINE;
	r = smime_tunnel_check(&a, &b, veil, now, &why);
	assert_int_equal(r ? SMIME_MISMATCH : SMIME_FINE, why.reason);
	return r;
}

/* Whether a difference in that field is more than the veil hides. */
static bool shows(const char *name, enum smime_veil veil)
{
	bool from = veil == SMIME_VEIL_FROM || veil == SMIME_VEIL_PARTIES;
	bool to = veil == SMIME_VEIL_TO || veil == SMIME_VEIL_PARTIES;

	return name && ((!from && !strcmp(name, "From:")) ||
			(!to && !strcmp(name, "To:")));
}

static void what_may_differ_and_what_not(void **state)
{
	static const struct {
		const char *name, *value, *add; /* of the outer message */
		bool is_signed, encrypted;      /* that it is taken when */
	} rows[] = {
		{ NULL, NULL, NULL, true, true },
		{ "INVITE ", "sip:bob@192.0.2.4 SIP/2.0", NULL, true, true },
		{ "INVITE ", "", "", false, false },
		{ "Via:", " SIP/2.0/TCP p.example.com", NULL, true, true },
		{ "Max-Forwards:", " 69", NULL, true, true },
		{ NULL, NULL, "Record-Route: <sip:p>\r\n", true, true },
		{ NULL, NULL, "Content-Type: multipart/signed\r\n", true,
		  true },
		{ NULL, NULL, "Proxy-Authorization: Digest x\r\n", true,
		  true },
		{ NULL, NULL, "X-Unknown: x\r\n", true, true },
		{ "Call-ID:", " b", NULL, false, false },
		{ "CSeq:", " 314160 INVITE", NULL, false, false },
		{ "Contact:", " <sip:mallory@192.0.2.66>", NULL, false,
		  false },
		{ "Contact:", "", NULL, false, false },
		{ NULL, NULL, "m: <sip:mallory@192.0.2.66>\r\n", false,
		  false },
		{ "Date:", " Thu, 21 Feb 2002 13:02:04 GMT", NULL, false,
		  false },
		{ "Date:", "", NULL, false, false },
		{ NULL, NULL, "Allow: INVITE\r\n", false, false },
		{ NULL, NULL, "Call-Info: <http://x>\r\n", false, false },
		{ NULL, NULL, "Refer-To: <sip:x@y>\r\n", false, false },
		{ NULL, NULL, "RAck: 1 2 INVITE\r\n", false, false },
		{ NULL, NULL, "Subject: x\r\n", false, true },
		{ NULL, NULL, "Authorization: Digest x\r\n", false, true },
		{ "From:", " <sip:anonymous@x.invalid>;tag=1928301774", NULL,
		  false, true },
		{ "From:", " <sip:alice@example.com>;tag=1", NULL, false,
		  false },
		{ "To:", " <sip:other@example.net>", NULL, false, true },
		{ "To:", "", NULL, false, false },
		{ NULL, NULL, "To: <sip:x@y>\r\n", false, false },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		const char *outer = change(invite, rows[i].name,
					   rows[i].value, rows[i].add);

		if (rows[i].add && !*rows[i].add)
			outer = change(ok, NULL, NULL, NULL);
		for (enum smime_veil v = SMIME_VEIL_NONE;
		     v <= SMIME_VEIL_PARTIES; v++) {
			bool fits = v == SMIME_VEIL_NONE ? rows[i].is_signed :
				    rows[i].encrypted &&
				    !shows(rows[i].name, v);

			if (fits == (check_tunnel(invite, outer, v) != 0))
				fail_msg("%zu, %d: %s%s%s: %s", i, v,
					 rows[i].name, rows[i].value,
					 rows[i].add, why.text);
		}
	}
}

static void the_inner_message_is_whole(void **state)
{
	static const char *const must[] = { "To:", "From:", "Call-ID:",
					    "CSeq:", "Date:" };
	struct smime_when late = { DATE_US + 400000000, 300000000 };
	static struct smime_fragment a;

	(void)state;
	for (size_t i = 0; i < N(must); i++) {
		const char *less = change(invite, must[i], "", NULL);

		assert_int_equal(check_tunnel(less, less, SMIME_VEIL_NONE),
				 E_AUTH);
		assert_int_equal(check_tunnel(less, less, SMIME_VEIL_PARTIES),
				 E_AUTH);
	}
	assert_int_equal(check_tunnel(change(ok, NULL, NULL, "Allow: BYE\r\n"),
				      ok, SMIME_VEIL_NONE), E_AUTH);
	assert_int_equal(check_tunnel(change(ok, NULL, NULL, "Allow: BYE\r\n"),
				      ok, SMIME_VEIL_FIELDS), 0);
	assert_int_equal(check_tunnel(ok, ok, SMIME_VEIL_NONE), 0);
	assert_int_equal(check_tunnel(ok, change(ok, "SIP/2.0", " 183 Session",
						 NULL), SMIME_VEIL_PARTIES),
			 E_AUTH);
	assert_int_equal(check_tunnel(ok, change(ok, "SIP/2.0", " 200 Fine",
						 NULL), SMIME_VEIL_PARTIES),
			 0);
	read_it(invite, true, &a);
	assert_int_equal(smime_tunnel_check(&a, &a, SMIME_VEIL_NONE, late,
					    &why), E_AUTH);
}

/* -- k= ------------------------------------------------------------------- */

#define HEX30 "000102030405060708090a0b0c0d0e0f1011121314151617" \
	      "18191a1B1C1D"

static void keys_are_read_and_cut_out(void **state)
{
	static const char sdp[] =
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
		"k=clear:" HEX30 "\r\nt=0 0\r\n"
		"m=audio 1 RTP/SAVP 0\r\nm=video 2 RTP/SAVP 96\r\n"
		"k=clear:" HEX30 "\n";
	struct clear_key k[CLEAR_KEYS];
	struct buf out = buf_of(1000);
	size_t n = 0;

	(void)state;
	assert_int_equal(clear_read(mime_text(sdp), k, &n, &out), 0);
	assert_int_equal(n, 2);
	assert_int_equal(k[0].line, -1);
	assert_int_equal(k[1].line, 1);
	for (size_t i = 0; i < CLEAR_KEY; i++)
		assert_int_equal(k[0].key[i], i);
	for (size_t i = 0; i < CLEAR_SALT; i++)
		assert_int_equal(k[1].salt[i], CLEAR_KEY + i);
	assert_string_equal(buf_string(&out),
		"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
		"m=audio 1 RTP/SAVP 0\r\nm=video 2 RTP/SAVP 96\r\n");
	buf_free(&out);
}

static void other_keys_are_refused(void **state)
{
	static const char *const bad[] = {
		"k=prompt\r\n", "k=clear:\r\n", "k=clear:" HEX30 "0\r\n",
		"k=clear:" HEX30 " \r\n", "k=Clear:" HEX30 "\r\n", "k", "k=",
		"k=clear:g00102030405060708090a0b0c0d0e0f101112131415161718"
		"191a1b1c1d\r\n",
		"k=base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd\r\n",
		"k=clear:" HEX30 "\r\nk=clear:" HEX30 "\r\n",
		"k}clear:" HEX30 "\r\n", "k clear:" HEX30 "\r\n",
	};
	struct clear_key k[CLEAR_KEYS];
	struct buf out = buf_of(4000), many = buf_of(4000);
	size_t n = 77;

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		if (clear_read(mime_text(bad[i]), k, &n, &out) != E_FORMAT)
			fail_msg("taken: %s", bad[i]);
	for (size_t i = 0; i <= CLEAR_KEYS; i++)
		buf_text(&many, "m=audio 1 RTP/SAVP 0\r\nk=clear:" HEX30
			 "\r\n");
	assert_int_equal(clear_read((struct mime_bytes){
		many.data, many.len }, k, &n, &out), E_SPACE);
	assert_int_equal(n, 77);
	buf_free(&out);
	buf_free(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_are_read),
		cmocka_unit_test(bad_fragments_are_refused),
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(dates_there_and_back),
		cmocka_unit_test(aib_of_rfc3893),
		cmocka_unit_test(aibs_for_another_message),
		cmocka_unit_test(dates_have_a_window),
		cmocka_unit_test(aibs_are_written),
		cmocka_unit_test(what_may_differ_and_what_not),
		cmocka_unit_test(the_inner_message_is_whole),
		cmocka_unit_test(keys_are_read_and_cut_out),
		cmocka_unit_test(other_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
