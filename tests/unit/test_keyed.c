/* test_keyed.c - bodies with a keying message beside SDP: what is written and
 * read back, what must be refused, and an INVITE in the form of 2005. */
#include "daemon/base/err.h"
#include "daemon/mime/keyed.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/mikey_vectors.h"

#define SDP "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
static const uint8_t message[] = { 1, 0, 5, 0x80, '\r', '\n', '-', '-', 0,
				   'x', 255 };

struct read {
	struct buf sdp, mikey;
	bool old;
};

static struct read read_open(void)
{
	return (struct read){ buf_of(MIME_BODY_MAX), buf_of(16384), false };
}

static void read_close(struct read *r)
{
	buf_free(&r->sdp);
	buf_free(&r->mikey);
}

static int read_bytes(struct read *r, const char *type, struct mime_bytes body,
		      bool legacy)
{
	const struct mime_fields outer = { .type = mime_text(type) };
	bool old = false;
	int err = mime_keyed_read(&outer, body, legacy ? &old : NULL, &r->sdp,
				  &r->mikey);

	r->old = old;
	if (err) {
		assert_false(old);
		assert_int_equal(r->sdp.len, 0);
		assert_int_equal(r->mikey.len, 0);
	}
	return err;
}

static void is(const struct buf *b, const void *want, size_t len)
{
	assert_int_equal(b->len, len);
	assert_memory_equal(b->data, want, len);
}

static const struct mime_bytes mikey = { message, sizeof message };

static void what_is_written_is_read(void **state)
{
	static const enum mime_keyed_form forms[] = {
		MIME_KEYED_BASE64, MIME_KEYED_BINARY, MIME_KEYED_2005 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		bool old = forms[i] == MIME_KEYED_2005;
		struct buf body = buf_of(MIME_BODY_MAX);
		struct read r = read_open();
		char type[MIME_KEYED_TYPE];

		assert_int_equal(mime_keyed_write(forms[i], mime_text(SDP),
						  mikey, &body, type), 0);
		assert_int_equal(read_bytes(&r, type, (struct mime_bytes){
			body.data, body.len }, old), 0);
		is(&r.sdp, SDP, strlen(SDP));
		is(&r.mikey, message, sizeof message);
		assert_int_equal(r.old, old);
		read_close(&r);
		r = read_open();
		/* the end of the form of 2005 has a line end behind it */
		for (size_t k = 0; k + (old ? 2 : 0) < body.len; k++)
			assert_true(read_bytes(&r, type, (struct mime_bytes){
				body.data, k }, old) < 0);
		assert_int_equal(read_bytes(&r, type, (struct mime_bytes){
			body.data, body.len }, false), 0);
		assert_int_equal(r.mikey.len == sizeof message, !old);
		read_close(&r);
		buf_free(&body);
	}
}

static void the_one_boundary_of_2005_may_not_be_in_sdp(void **state)
{
	struct buf body = buf_of(MIME_BODY_MAX);
	char type[MIME_KEYED_TYPE];

	(void)state;
	assert_int_equal(mime_keyed_write(MIME_KEYED_2005,
		mime_text("s=--boun=_dry\r\n"), mikey, &body, type), E_ARG);
	buf_free(&body);
}

/* -- other bodies --------------------------------------------------------- */

#define MIXED "multipart/mixed;boundary=x"
#define PART(fields, text) "--x\r\n" fields "\r\n\r\n" text "\r\n"
#define WITH_SDP PART("Content-Type: application/sdp", "v=0")
#define WITH_KEY PART("Content-Type: application/mikey\r\n" \
		      "Content-Transfer-Encoding: base64", "AQAF")
#define OTHER "Content-Type: text/plain"
#define END "--x--"
#define INNER(parts) PART("Content-Type: multipart/mixed;boundary=y", parts)

static const struct {
	const char *type, *body;
	int err;
	bool sdp; /* it has one */
} bodies[] = {
	{ MIXED, WITH_SDP WITH_KEY END, 0, true },
	{ MIXED, WITH_KEY WITH_SDP END, 0, true },
	{ MIXED, WITH_KEY END, 0, false },
	{ MIXED, "a preamble\r\n" WITH_SDP WITH_KEY END "\r\nmore", 0, true },
	{ MIXED, WITH_SDP WITH_KEY PART(OTHER "\r\nContent-Disposition: x;"
		"handling=optional", "hi") END, 0, true },
	{ MIXED, WITH_SDP END, E_NOTFOUND, false },
	{ MIXED, WITH_SDP WITH_KEY PART(OTHER, "hi") END, E_UNSUPPORTED,
	  false },
	{ MIXED, WITH_SDP WITH_KEY WITH_KEY END, E_FORMAT, false },
	{ MIXED, WITH_KEY WITH_KEY END, E_FORMAT, false },
	{ MIXED, WITH_SDP WITH_SDP WITH_KEY END, E_FORMAT, false },
	{ MIXED, WITH_SDP WITH_KEY, E_FORMAT, false },
	{ MIXED, WITH_SDP INNER("--y\r\nContent-Type: application/mikey"
		"\r\n\r\nx\r\n--y--") END, E_UNSUPPORTED, false },
	{ MIXED, WITH_SDP PART("Content-Type: application/mikey\r\n"
		"Content-Transfer-Encoding: base64", "AQ-F") END, E_FORMAT,
	  false },
	{ MIXED, WITH_SDP PART("Content-Type: application/mikey\r\n"
		"Content-Transfer-Encoding: quoted-printable", "=01") END,
	  E_UNSUPPORTED, false },
	{ "multipart/alternative;boundary=x", WITH_SDP WITH_KEY END,
	  E_UNSUPPORTED, false },
	{ "multipart/signed;boundary=x", WITH_SDP WITH_KEY END,
	  E_UNSUPPORTED, false },
	{ "application/mikey", "x", E_UNSUPPORTED, false },
	{ "application/sdp", "v=0", E_UNSUPPORTED, false },
	{ "multipart/mixed", WITH_SDP WITH_KEY END, E_FORMAT, false },
	{ "multipart/mixed;boundary=boun=_dry", WITH_KEY END, E_FORMAT,
	  false },
	{ "", "", E_FORMAT, false },
};

static void other_bodies_are_judged(void **state)
{
	(void)state;
	for (unsigned legacy = 0; legacy < 2; legacy++)
		for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
			struct read r = read_open();
			int err = read_bytes(&r, bodies[i].type,
					     mime_text(bodies[i].body),
					     legacy);

			if (err != bodies[i].err)
				fail_msg("%zu: %s", i, err_text(err));
			assert_int_equal(r.sdp.len, bodies[i].sdp ? 3 : 0);
			assert_int_equal(r.mikey.len, err ? 0 : 3);
			read_close(&r);
		}
}

/* Only with consent is text taken for base64 that does not say so. */
static void base64_that_is_not_said_is_left_alone(void **state)
{
	static const char body[] = PART("Content-Type: application/mikey",
					"AQAF") END;
	struct read r = read_open();

	(void)state;
	assert_int_equal(read_bytes(&r, MIXED, mime_text(body), false), 0);
	is(&r.mikey, "AQAF", 4);
	read_close(&r);
	r = read_open();
	assert_int_equal(read_bytes(&r, MIXED, mime_text(body), true), 0);
	is(&r.mikey, "\1\0\5", 3);
	read_close(&r);
}

static void a_message_past_its_bound_is_refused(void **state)
{
	struct read r = { buf_of(MIME_BODY_MAX), buf_of(2), false };

	(void)state;
	assert_int_equal(read_bytes(&r, MIXED, mime_text(
		WITH_SDP WITH_KEY END), false), E_SPACE);
	read_close(&r);
}

static void write_and_read(void *user)
{
	const enum mime_keyed_form *form = user;
	struct buf body = buf_of(MIME_BODY_MAX);
	struct read r = read_open();
	char type[MIME_KEYED_TYPE];
	int err = mime_keyed_write(*form, mime_text(SDP), mikey, &body, type);

	if (!err)
		err = read_bytes(&r, type, (struct mime_bytes){ body.data,
				 body.len }, true);
	assert_true(!err || err == E_NOMEM);
	assert_int_equal(r.mikey.len, err ? 0 : sizeof message);
	read_close(&r);
	buf_free(&body);
}

static void memory_may_run_out(void **state)
{
	static enum mime_keyed_form forms[] = {
		MIME_KEYED_BASE64, MIME_KEYED_BINARY, MIME_KEYED_2005 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		write_and_read(&forms[i]); /* what is made once */
		assert_in_range(alloc_walk(write_and_read, &forms[i]), 3, 99);
	}
}

/* -- an INVITE of 2005 ---------------------------------------------------- */

static char invite[4096];

static size_t read_invite(void)
{
	FILE *f = fopen(VECTOR_DIR "/mikey_2005_invite.txt", "rb");
	size_t n;

	assert_non_null(f);
	n = fread(invite, 1, sizeof invite - 1, f);
	fclose(f);
	invite[n] = 0;
	return n;
}

/* Cuts the Content-Type out; returns the body. */
static struct mime_bytes taken_apart(char *type, size_t room)
{
	size_t n = read_invite();
	const char *t = strstr(invite, "\r\nContent-Type: ");
	const char *body = strstr(invite, "\r\n\r\n");

	assert_non_null(t);
	assert_non_null(body);
	t += strlen("\r\nContent-Type: ");
	snprintf(type, room, "%.*s", (int)strcspn(t, "\r"), t);
	body += 4;
	return (struct mime_bytes){ (const uint8_t *)body,
				    n - (size_t)(body - invite) };
}

static void an_invite_of_2005_is_read(void **state)
{
	struct read r = read_open();
	json_t *root;
	struct vector offer = vector_hex(json_array_get(
		vector_cases("mikey_2005.json", &root), 0), "offer");
	char type[128];
	struct mime_bytes body = taken_apart(type, sizeof type);

	(void)state;
	assert_string_equal(type, "multipart/mixed; boundary=boun=_dry");
	assert_int_equal(read_bytes(&r, type, body, true), 0);
	is(&r.mikey, offer.bytes, offer.len);
	assert_memory_equal(r.sdp.data, "v=0\r\n", 5);
	assert_memory_equal(r.sdp.data + r.sdp.len - 7, "AVP 0\r\n", 7);
	read_close(&r);
	r = read_open();
	for (size_t k = 0; k + 2 < body.len; k++)
		assert_true(read_bytes(&r, type, (struct mime_bytes){
			body.p, k }, true) < 0);
	read_close(&r);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_one_boundary_of_2005_may_not_be_in_sdp),
		cmocka_unit_test(other_bodies_are_judged),
		cmocka_unit_test(base64_that_is_not_said_is_left_alone),
		cmocka_unit_test(a_message_past_its_bound_is_refused),
		cmocka_unit_test(memory_may_run_out),
		cmocka_unit_test(an_invite_of_2005_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
