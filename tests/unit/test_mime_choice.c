/* test_mime_choice.c - which parts of a body count: one row a body. In the
 * rows a part's kind is a letter: S is SDP, M is MIKEY, T is text, U is
 * unknown; small letters are the same with handling=optional; I are SDP parts
 * with a Content-ID. */
#include "daemon/base/err.h"
#include "daemon/mime/choice.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof *(a))

static const char *type_of(char c)
{
	switch (toupper(c)) {
	case 'S':
	case 'I':
		return "application/sdp";
	case 'M':
		return "application/mikey";
	case 'T':
		return "text/plain";
	default:
		return "application/unknown";
	}
}

static bool knows(const struct mime_part *p, void *user)
{
	(void)user;
	return mime_type_is(&p->type, "application/sdp") ||
	       mime_type_is(&p->type, "application/mikey");
}

static bool knows_signed(const struct mime_part *p, void *user)
{
	return p->multi == MIME_SIGNED || knows(p, user);
}

/* "mixed:ST", with "(" kind ":" ... ")" for what is nested. The body of each
 * part is its number, from 1. */
struct maker {
	struct buf *out;
	const char *at;
	unsigned boundary, number;
};

static void put_many(struct maker *k)
{
	unsigned own = k->boundary++;
	size_t len = strcspn(k->at, ":");

	buf_printf(k->out, "Content-Type: multipart/%.*s;boundary=b%u.\r\n"
		   "\r\n", (int)len, k->at, own);
	for (k->at += len + 1; *k->at && *k->at != ')'; k->at++) {
		buf_printf(k->out, "--b%u.\r\n", own);
		if (*k->at == '(') {
			k->at++;
			put_many(k);
		} else {
			buf_printf(k->out, "Content-Type: %s\r\n%s%s\r\n%u",
				   type_of(*k->at), islower(*k->at)
				   ? "Content-Disposition: x;"
				     "handling=optional\r\n" : "",
				   *k->at == 'I' ? "Content-ID: <i@a>\r\n" : "",
				   ++k->number);
		}
		buf_text(k->out, "\r\n");
	}
	buf_printf(k->out, "--b%u.--", own);
}

static int choose(const char *row, mime_knows_fn fn, char *got, size_t room)
{
	struct buf b = buf_of(MIME_BODY_MAX);
	struct maker k = { .out = &b, .at = row };
	const struct mime_part *part[MIME_PARTS];
	static struct mime m;
	size_t n = 0;
	int r;

	put_many(&k);
	assert_int_equal(mime_read_entity((struct mime_bytes){
		b.data, b.len }, &m), 0);
	r = mime_choose(&m, fn, NULL, part, room, &n);
	*got = 0;
	for (size_t i = 0; i < n; i++)
		sprintf(got + strlen(got), "%.*s,", part[i]->multi ? 1 :
			(int)part[i]->body.len, part[i]->multi ? "*" :
			(const char *)part[i]->body.p);
	buf_free(&b);
	return r;
}

static void each_kind_chooses(void **state)
{
	static const struct {
		const char *row;
		int r;
		const char *got;
	} rows[] = {
		{ "mixed:S", 0, "1," },
		{ "mixed:SM", 0, "1,2," },
		{ "mixed:MS", 0, "1,2," },
		{ "mixed:uSt", 0, "2," },
		{ "mixed:uu", 0, "" },
		{ "mixed:US", E_UNSUPPORTED, "" },
		{ "mixed:SU", E_UNSUPPORTED, "" },
		{ "parallel:Su", 0, "1," },
		{ "parallel:SU", E_UNSUPPORTED, "" },
		{ "digest:SM", 0, "1,2," },
		{ "whatever:uS", 0, "2," },
		{ "alternative:TS", 0, "2," },
		{ "alternative:ST", 0, "1," },
		{ "alternative:SUM", 0, "3," },
		{ "alternative:TU", E_UNSUPPORTED, "" },
		{ "related:ST", 0, "1," },
		{ "related:TS", E_UNSUPPORTED, "" },
		{ "related;start=\"<i@a>\":TI", 0, "2," },
		{ "related;start=\"<other@a>\":TI", E_FORMAT, "" },
		{ "related;start=i:TI", E_FORMAT, "" },
		{ "signed:SU", E_UNSUPPORTED, "" },
		{ "encrypted:SU", E_UNSUPPORTED, "" },
		{ "mixed:S(alternative:TM)u", 0, "1,3," },
		{ "mixed:(mixed:(related:SU)M)", 0, "1,3," },
		{ "mixed:S(mixed:MU)", E_UNSUPPORTED, "" },
		/* what was chosen on the way is taken back */
		{ "alternative:S(mixed:MU)", 0, "1," },
		{ "alternative:(mixed:SM)(signed:SU)", 0, "1,2," },
		{ "alternative:(alternative:SU)U", 0, "1," },
	};
	char got[200];

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		if (choose(rows[i].row, knows, got, MIME_PARTS) != rows[i].r ||
		    strcmp(got, rows[i].got))
			fail_msg("%s: %s", rows[i].row, got);
	assert_int_equal(choose("mixed:SS", knows, got, 1), E_SPACE);
	assert_int_equal(choose("mixed:(signed:SU)M", knows_signed, got, 9),
			 0);
	assert_string_equal(got, "*,3,");
}

static void an_optional_body_may_be_unknown(void **state)
{
	const struct mime_fields f = {
		.type = mime_text("a/b"),
		.disposition = mime_text("x;handling=optional") };
	const struct mime_part *part[1];
	static struct mime m;
	size_t n = 1;

	(void)state;
	assert_int_equal(mime_read(&f, mime_text("x"), &m), 0);
	assert_int_equal(mime_choose(&m, knows, NULL, part, 1, &n), 0);
	assert_int_equal(n, 0);
	m.n = 0;
	assert_int_equal(mime_choose(&m, knows, NULL, part, 1, &n), E_ARG);
}

static void parts_are_found_by_id(void **state)
{
	static struct mime m;

	(void)state;
	assert_int_equal(mime_read_entity(mime_text(
		"Content-Type: multipart/related;boundary=b\r\n\r\n"
		"--b\r\nContent-ID: <1@a>\r\n\r\n1\r\n"
		"--b\r\nContent-ID: 2@a\r\n\r\n2\r\n--b--"), &m), 0);
	assert_ptr_equal(mime_by_id(&m, "1@a"), &m.part[1]);
	assert_null(mime_by_id(&m, "2@a"));
	assert_null(mime_by_id(&m, "1@A"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_chooses),
		cmocka_unit_test(an_optional_body_may_be_unknown),
		cmocka_unit_test(parts_are_found_by_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
