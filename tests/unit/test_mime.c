/* test_mime.c - fields, parameters, parts to the byte, base64, and what is
 * written; the S/MIME messages of RFC 6216. */
#include "config.h" /* memmem() */

#include "daemon/base/err.h"
#include "daemon/mime/base64.h"
#include "daemon/mime/tree.h"
#include "daemon/mime/writer.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof *(a))

static struct mime_bytes text(const char *s)
{
	return mime_text(s);
}

static void is(struct mime_bytes a, const char *want)
{
	if (a.len != strlen(want) || memcmp(a.p, want, a.len))
		fail_msg("\"%.*s\" is not \"%s\"", (int)a.len,
			 (const char *)a.p, want);
}

/* -- fields --------------------------------------------------------------- */

static void fields_are_found(void **state)
{
	struct mime_fields f;

	(void)state;
	assert_int_equal(mime_fields_read(text(
		"content-TYPE :  a/b;\r\n\tx=y \r\n"
		"Content-Whatever: (anything)\r\n"
		"Content-ID:<1@a>\r\n"), &f), 0);
	is(f.type, "a/b;\r\n\tx=y");
	is(f.id, "<1@a>");
	assert_int_equal(f.disposition.len, 0);
	assert_int_equal(mime_fields_read(text(""), &f), 0);
	assert_int_equal(f.type.len, 0);
}

static void bad_fields_are_refused(void **state)
{
	static const char *const bad[] = {
		"Content-Type: a/b", "Content-Type: a/b\n", "\r\n", ":x\r\n",
		"Content-Type a/b\r\n", " Content-Type: a/b\r\n",
		"Content-Type: a/b\r\nContent-Type: a/b\r\n",
		"Content-Type: a\rb\r\n", "Content-Type: a\x01/b\r\n",
		"Content-Type: \r\n", "Content-ID:\r\n \r\n",
	};
	static const struct mime_bytes nul = {
		(const uint8_t *)"A: \0\r\n", 6 };
	struct mime_fields f;
	char *line = calloc(1, MIME_HEAD_MAX + 8);

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		if (mime_fields_read(text(bad[i]), &f) != E_FORMAT)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(mime_fields_read(nul, &f), E_FORMAT);
	memset(line, 'a', MIME_HEAD_MAX);
	strcpy(line + MIME_HEAD_MAX - 3, ":\r\n");
	assert_int_equal(mime_fields_read(text(line), &f), 0);
	strcpy(line + MIME_HEAD_MAX - 2, ":\r\n");
	assert_int_equal(mime_fields_read(text(line), &f), E_SPACE);
	for (size_t i = 0; i < 33; i++)
		strcpy(line + 4 * i, "A:\r\n");
	assert_int_equal(mime_fields_read(text(line), &f), E_SPACE);
	line[32 * 4] = 0;
	assert_int_equal(mime_fields_read(text(line), &f), 0);
	free(line);
}

static void types_and_parameters(void **state)
{
	static const struct {
		const char *type, *name, *value;
	} rows[] = {
		{ "a/b;x=y", "X", "y" },
		{ "a/b ; x = \"y;\\\" z\" ; q=1", "x", "y;\" z" },
		{ "a/b ; x=\"y;\\\" z\" ; q=1", "q", "1" },
		{ "a/b;boundary=boun=_dry", "boundary", "boun=_dry" },
		{ "a/b;x=y;", "x", "y" },
		{ "a/b;\r\n x=y", "x", "y" },
		{ "a/b;x=\"\"", "x", "" },
	};
	static const char *const bad[] = {
		"", "a", "a/", "/b", "a b/c", "a/b;x", "a/b;x=", "a/b;=y",
		"a/b;x=\"y", "a/b;x=y;X=z", "a/b x=y", "a/b;x=y z",
		"a/b;x=\"y\\", "a/b, c/d", "a/b;x=\"y\r\n z\"", "a/b (c)",
	};
	struct mime_type t;
	char out[16];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		assert_int_equal(mime_type_read(text(rows[i].type), &t), 0);
		assert_true(mime_type_is(&t, "A/B"));
		assert_true(mime_type_is(&t, "a/*"));
		assert_false(mime_type_is(&t, "a/bc"));
		assert_false(mime_type_is(&t, "ab/b"));
		assert_int_equal(mime_param(t.params, rows[i].name, out,
					    sizeof out), 0);
		assert_string_equal(out, rows[i].value);
		assert_int_equal(mime_param(t.params, "other", out,
					    sizeof out), E_NOTFOUND);
	}
	for (size_t i = 0; i < N(bad); i++)
		if (mime_type_read(text(bad[i]), &t) != E_FORMAT)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(mime_type_read(text("a/b;x=1234"), &t), 0);
	assert_int_equal(mime_param(t.params, "x", out, 4), E_SPACE);
	assert_int_equal(mime_param(t.params, "x", out, 5), 0);
}

static void dispositions_and_encodings(void **state)
{
	static const struct {
		const char *value;
		bool required;
	} rows[] = {
		{ "", true }, { "session", true },
		{ "render;handling=optional", false },
		{ "render; Handling=\"OPTIONAL\"", false },
		{ "render;handling=required", true },
		{ "render;handling=whatever", true },
		{ "render;handling=something-much-longer", true },
	};
	struct mime_disposition d;
	enum mime_transfer t;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		assert_int_equal(mime_disposition_read(text(rows[i].value),
						       &d), 0);
		assert_int_equal(d.required, rows[i].required);
	}
	assert_int_equal(mime_disposition_read(text(";x=y"), &d), E_FORMAT);
	assert_int_equal(mime_disposition_read(text("a;x"), &d), E_FORMAT);
	assert_int_equal(mime_transfer_read(text(" BASE64 "), &t), 0);
	assert_int_equal(t, MIME_BASE64);
	assert_int_equal(mime_transfer_read(text(""), &t), 0);
	assert_int_equal(t, MIME_IDENTITY);
	assert_int_equal(mime_transfer_read(text("quoted-printable"), &t), 0);
	assert_int_equal(t, MIME_FOREIGN);
	assert_int_equal(mime_transfer_read(text("a b"), &t), E_FORMAT);
	assert_int_equal(mime_transfer_read(text("/"), &t), E_FORMAT);
}

/* -- base64 --------------------------------------------------------------- */

static void base64_both_ways(void **state)
{
	static const struct { /* RFC 4648 section 10 */
		const char *plain, *coded;
	} rows[] = {
		{ "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9v\r\n YmFy" },
	};
	static const char *const bad[] = {
		"Zg=", "Zg", "Z", "Zh==", "Zm9=", "=", "====", "Zg==Zg==",
		"Zm9v=", "Zm-v", "Zg==x", "Z===", "Zm8=\xff",
	};
	struct buf out = buf_of(100), wide = buf_of(1000), back = buf_of(300);
	uint8_t bytes[200];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		buf_clear(&out);
		assert_int_equal(mime_base64_read(text(rows[i].coded), &out),
				 0);
		assert_string_equal(buf_string(&out), rows[i].plain);
	}
	for (size_t i = 0; i < N(bad); i++) {
		buf_clear(&out);
		if (mime_base64_read(text(bad[i]), &out) != E_FORMAT)
			fail_msg("taken: %s", bad[i]);
	}
	for (size_t n = 0; n <= sizeof bytes; n++) {
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(i * 7 + n);
		buf_clear(&wide);
		buf_clear(&back);
		mime_base64_write(&wide, (struct mime_bytes){ bytes, n });
		assert_int_equal(mime_base64_read((struct mime_bytes){
			wide.data, wide.len }, &back), 0);
		assert_int_equal(back.len, n);
		assert_memory_equal(n ? back.data : bytes, bytes, n);
	}
	back.max = 8;
	buf_clear(&back);
	assert_int_equal(mime_base64_read((struct mime_bytes){
		wide.data, wide.len }, &back), E_SPACE);
	buf_free(&out);
	buf_free(&wide);
	buf_free(&back);
}

/* -- parts ---------------------------------------------------------------- */

static int read_mixed(const char *body, struct mime *m)
{
	const struct mime_fields f = {
		.type = text("multipart/mixed;boundary=b") };

	return mime_read(&f, text(body), m);
}

static void parts_are_exact(void **state)
{
	static struct mime m;

	(void)state;
	assert_int_equal(read_mixed(
		"preamble\r\n"
		"--b \t\r\n"
		"Content-Type: application/sdp\r\n\r\nv=0\r\n--c\r\n\r\n"
		"--b\r\n"
		"\r\n--\r\n b --b"
		"\r\n--b\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n"
		"\r\n--b--\r\nepilogue --b", &m), 0);
	assert_int_equal(m.n, 4);
	assert_int_equal(m.part[0].n, 3);
	assert_int_equal(m.part[0].first, 1);
	is(m.part[1].raw,
	   "Content-Type: application/sdp\r\n\r\nv=0\r\n--c\r\n");
	is(m.part[1].body, "v=0\r\n--c\r\n");
	is(m.part[2].raw, "\r\n--\r\n b --b");
	is(m.part[2].body, "--\r\n b --b");
	assert_true(mime_type_is(&m.part[2].type, "text/plain"));
	assert_int_equal(m.part[3].body.len, 0);
	assert_int_equal(m.part[3].transfer, MIME_BASE64);
	assert_int_equal(m.part[3].depth, 1);
}

static void parts_within_parts(void **state)
{
	static struct mime m;

	(void)state;
	assert_int_equal(read_mixed(
		"--b\r\nContent-Type: multipart/alternative;boundary=\"c d\""
		"\r\n\r\n--c d\r\n\r\n1\r\n--c d\r\n\r\n2\r\n--c d--\r\n"
		"--b\r\nContent-Type: multipart/digest;boundary=e\r\n\r\n"
		"--e\r\n\r\n3\r\n--e--"
		"\r\n--b--", &m), 0);
	assert_int_equal(m.n, 6);
	assert_int_equal(m.part[1].multi, MIME_ALTERNATIVE);
	assert_int_equal(m.part[1].n, 2);
	is(m.part[m.part[1].first].body, "1");
	is(m.part[m.part[1].first + 1].body, "2");
	assert_int_equal(m.part[2].multi, MIME_DIGEST);
	is(m.part[m.part[2].first].body, "3");
	assert_true(mime_type_is(&m.part[m.part[2].first].type,
				 "message/rfc822"));
	assert_int_equal(m.part[m.part[2].first].depth, 2);
}

static void bad_bodies_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "x", "--b", "--b\r\n", "--b--", "--b\r\n\r\n1",
		"--b\r\n\r\n1\r\n--b", "--b\r\n\r\n1\r\n--b-",
		"--b\r\n\r\n1\n--b--", "--b\n\r\n1\r\n--b--",
		"--b\r\n--b--", "--b\r\n\r\n--b\r\n\r\n1\r\n--bx",
		"--bx\r\n\r\n1\r\n--b--", "--b\r\n\r\n1\r\n--bb\r\n--b--",
		"--b\r\nA: b\r\n--b--", "--b\r\nA\r\n\r\n1\r\n--b--",
		"--b\r\n\r\n1\r\n--b--x",
		"--b\r\nContent-Type: multipart/mixed\r\n\r\n1\r\n--b--",
		"--b\r\nContent-Type: multipart/mixed;boundary=c\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n"
		"--c\r\n\r\n1\r\n--c--\r\n--b--",
		"--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n"
		"--c\r\n\r\n1\r\n--b--",
		"--b\r\nContent-Type: multipart/signed;boundary=c\r\n\r\n"
		"--c\r\n\r\n1\r\n--c--\r\n--b--",
	};
	static struct mime m;
	struct mime_fields f = { .type = { NULL, 0 } };
	char wide[200];

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		if (read_mixed(bad[i], &m) != E_FORMAT)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(mime_read(&f, text("x"), &m), E_FORMAT);
	f.type = text("multipart/mixed;boundary=\"b \"");
	assert_int_equal(mime_read(&f, text("--b \r\n\r\n1\r\n--b --"), &m),
			 E_FORMAT);
	f.type = text("multipart/mixed;boundary=\"b\\\"\"");
	assert_int_equal(mime_read(&f, text("--b\"\r\n\r\n1\r\n--b\"--"), &m),
			 E_FORMAT);
	snprintf(wide, sizeof wide, "multipart/mixed;boundary=%071d", 0);
	f.type = text(wide);
	assert_int_equal(mime_read(&f, text("x"), &m), E_FORMAT);
}

/* n parts in one multipart, or n multiparts within each other. */
static int read_many(size_t n, bool deep, struct mime *m)
{
	struct buf b = buf_of(MIME_BODY_MAX);
	int r;

	if (!deep) {
		for (size_t i = 0; i < n; i++)
			buf_text(&b, "--b\r\n\r\n\r\n");
		buf_text(&b, "--b--");
		r = read_mixed(buf_string(&b), m);
		buf_free(&b);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "Content-Type: multipart/x; boundary=b%zu.\r\n"
			   "\r\n--b%zu.\r\n", i, i);
	buf_text(&b, "\r\n1");
	for (size_t i = n; i-- > 0; )
		buf_printf(&b, "\r\n--b%zu.--", i);
	r = mime_read_entity((struct mime_bytes){ b.data, b.len }, m);
	buf_free(&b);
	return r;
}

static void limits_hold(void **state)
{
	static struct mime m;
	struct mime_fields f = { .type = text("a/b") };
	uint8_t *big = calloc(1, MIME_BODY_MAX + 1);

	(void)state;
	assert_int_equal(read_many(MIME_PARTS - 1, false, &m), 0);
	assert_int_equal(m.n, MIME_PARTS);
	assert_int_equal(read_many(MIME_PARTS, false, &m), E_SPACE);
	assert_int_equal(m.n, 0);
	assert_int_equal(read_many(MIME_DEPTH, true, &m), 0);
	assert_int_equal(read_many(MIME_DEPTH + 1, true, &m), E_SPACE);
	assert_int_equal(mime_read(&f, (struct mime_bytes){
		big, MIME_BODY_MAX }, &m), 0);
	assert_int_equal(mime_read(&f, (struct mime_bytes){
		big, MIME_BODY_MAX + 1 }, &m), E_SPACE);
	assert_int_equal(mime_read_entity((struct mime_bytes){
		big, MIME_BODY_MAX + 1 }, &m), E_SPACE);
	free(big);
}

/* -- writing -------------------------------------------------------------- */

static void write_all(void *user)
{
	static const struct mime_head sdp = { .type = "application/sdp" };
	static const struct mime_head bin = {
		.type = "application/x", .disposition = "render",
		.transfer = "base64", .id = "<1@a>" };
	struct buf one = buf_of(1000), two = buf_of(1000), all = buf_of(2000);
	struct buf body = buf_of(100);
	char boundary[MIME_BOUNDARY_TEXT], type[100];
	struct mime_fields f = { .type = { NULL, 0 } };
	struct mime_bytes part[2];
	static struct mime m;

	(void)user;
	mime_put_entity(&one, &sdp, text("v=0\r\n"));
	mime_put_entity(&two, &bin, text("binary"));
	part[0] = (struct mime_bytes){ one.data, one.len };
	part[1] = (struct mime_bytes){ two.data, two.len };
	assert_int_equal(mime_boundary(boundary, part, 2), 0);
	mime_put_multipart(&all, boundary, part, 2);
	if (!one.err && !two.err && !all.err) {
		snprintf(type, sizeof type, "multipart/mixed;boundary=%s",
			 boundary);
		f.type = text(type);
		assert_int_equal(mime_read(&f, (struct mime_bytes){
			all.data, all.len }, &m), 0);
		assert_int_equal(m.n, 3);
		is(m.part[1].raw, buf_string(&one));
		is(m.part[2].raw, buf_string(&two));
		if (!mime_decode(&m.part[2], &body))
			assert_string_equal(buf_string(&body), "binary");
		else
			assert_int_equal(body.err, E_NOMEM);
	}
	buf_free(&one);
	buf_free(&two);
	buf_free(&all);
	buf_free(&body);
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	write_all(NULL);
	assert_true(alloc_walk(write_all, NULL) > 3);
}

static void foreign_encodings_are_not_decoded(void **state)
{
	static struct mime m;
	struct buf out = buf_of(100);

	(void)state;
	assert_int_equal(mime_read_entity(text(
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n=20"),
		&m), 0);
	assert_false(mime_plain(&m.part[0]));
	assert_int_equal(mime_decode(&m.part[0], &out), E_UNSUPPORTED);
	assert_int_equal(mime_read_entity(text("\r\nabc"), &m), 0);
	assert_true(mime_plain(&m.part[0]));
	assert_int_equal(mime_decode(&m.part[0], &out), 0);
	assert_string_equal(buf_string(&out), "abc");
	buf_free(&out);
}

/* -- RFC 6216 ------------------------------------------------------------- */

static struct mime_bytes vector(const char *name)
{
	static uint8_t bytes[4096];
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/rfc6216/%s", VECTOR_DIR, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	return (struct mime_bytes){ bytes, n };
}

/* The bytes that smime-msg.dat signs are a file of the same archive. */
static void signed_bytes_of_rfc6216(void **state)
{
	static const char field[] = "\r\nContent-Type: ";
	struct mime_bytes all = vector("smime-msg.dat");
	struct mime_fields f = { .type = { NULL, 0 } };
	const uint8_t *end = memmem(all.p, all.len, "\r\n\r\n", 4);
	static struct mime m;
	uint8_t part[256];

	(void)state;
	f.type.p = (uint8_t *)memmem(all.p, all.len, field,
				     sizeof field - 1) + sizeof field - 1;
	f.type.len = (size_t)((uint8_t *)memmem(f.type.p, all.len, "\r\n", 2) -
			      f.type.p);
	for (size_t n = (size_t)(end + 4 - all.p); n <= all.len; n++)
		assert_int_equal(mime_read(&f, (struct mime_bytes){
			end + 4, n - (size_t)(end + 4 - all.p) }, &m),
			n == all.len ? 0 : E_FORMAT);
	assert_int_equal(m.part[0].multi, MIME_SIGNED);
	assert_int_equal(m.n, 3);
	assert_true(mime_type_is(&m.part[2].type,
				 "application/pkcs7-signature"));
	assert_true(m.part[2].disposition.required);
	memcpy(part, m.part[1].raw.p, m.part[1].raw.len);
	f.type.len = m.part[1].raw.len; /* before the next file is read */
	all = vector("smime-msg-what-got-signed.dat");
	assert_int_equal(all.len, f.type.len);
	assert_memory_equal(all.p, part, all.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found),
		cmocka_unit_test(bad_fields_are_refused),
		cmocka_unit_test(types_and_parameters),
		cmocka_unit_test(dispositions_and_encodings),
		cmocka_unit_test(base64_both_ways),
		cmocka_unit_test(parts_are_exact),
		cmocka_unit_test(parts_within_parts),
		cmocka_unit_test(bad_bodies_are_refused),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(foreign_encodings_are_not_decoded),
		cmocka_unit_test(signed_bytes_of_rfc6216),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
