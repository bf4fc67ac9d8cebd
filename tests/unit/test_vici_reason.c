/* test_vici_reason.c - why charon raised no tunnel, from lines of its log. */
#include "daemon/base/err.h"
#include "modules/vici/reason.h"
#include "tests/mock/vici_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static int read_text(const char *text, struct vici_line *out)
{
	struct buf b = buf_of(4096);
	int r;

	assert_int_equal(vici_from_text(&b, text), 0);
	r = vici_line_read(b.data, b.len, out);
	if (!r) { /* borrowed from b */
		assert_true(vici_text_is(out->conn, "cs-b"));
		assert_true(vici_text_is(out->text, "words"));
	}
	buf_free(&b);
	return r;
}

static void lines(void **state)
{
	struct vici_line line = { .ike_id = 0 };

	(void)state;
	assert_int_equal(read_text("group = IKE level = 1 thread = 9 "
				   "ikesa-name = cs-b ikesa-uniqueid = 7 "
				   "msg = words", &line), 0);
	assert_int_equal(line.ike_id, 7);
	assert_int_equal(read_text("group = CFG level = 1 msg = words",
				   &line), E_NOTFOUND);
	assert_int_equal(read_text("ikesa-name = cs-b ikesa-uniqueid = 7",
				   &line), E_NOTFOUND);
	assert_int_equal(read_text("ikesa-uniqueid = 7 msg = words", &line),
			 E_NOTFOUND);
	assert_int_equal(read_text("x { ikesa-name = cs-b ikesa-uniqueid = 7 "
				   "msg = words }", &line), E_NOTFOUND);
	assert_int_equal(read_text("ikesa-name = cs-b ikesa-uniqueid = "
				   "4294967296 msg = words", &line), E_FORMAT);
	assert_int_equal(vici_line_read("\3\1", 2, &line), E_FORMAT);
}

static struct vici_reason of(const char *line)
{
	return vici_reason_of((struct vici_text){ line, strlen(line) });
}

/* As strongSwan 5.9.8 wrote them. */
static void reasons(void **state)
{
	static const struct {
		const char *line, *why;
		bool over, check;
	} rows[] = {
		{ "received AUTHENTICATION_FAILED notify error",
		  "does not believe us", false, false },
		{ "received NO_PROPOSAL_CHOSEN notify error", "suites of IKE",
		  false, false },
		{ "received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built",
		  "suites of ESP", true, false },
		{ "received TS_UNACCEPTABLE notify, no CHILD_SA built",
		  "TS_UNACCEPTABLE", true, false },
		{ "failed to establish CHILD_SA, keeping IKE_SA", NULL, true,
		  false },
		{ "retransmit 1 of request with message ID 0",
		  "does not answer", false, false },
		{ "giving up after 2 retransmits", "does not answer", true,
		  false },
		{ "constraint check failed: peer not authenticated with peer "
		  "cert 'CN=c'", "pinned", false, true },
		{ "constraint check failed: identity 'x' required ",
		  "ike_id", false, true },
		{ "no trusted ECDSA public key found for 'b.example'",
		  "ike_ca", false, true },
		{ "  self-signed certificate \"CN=b\" is not trusted",
		  "pinned", false, true },
		{ "tried 1 shared key for 'b.example' - 'a.example', but MAC "
		  "mismatched", "another pre-shared key", false, true },
		{ "no shared key found for 'a.example' - 'b.example'",
		  "no pre-shared key", true, true },
		{ "no private key found for 'a.example'", "swanctl/private",
		  true, true },
		{ "no acceptable proposal found", "suites of ESP", false,
		  true },
		{ "authentication of 'b.example' with pre-shared key "
		  "successful", NULL, false, false },
		{ "retransmit", NULL, false, false },
		{ "", NULL, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct vici_reason r = of(rows[i].line);

		assert_int_equal(r.over, rows[i].over);
		assert_int_equal(r.check, rows[i].check);
		assert_false(r.begins);
		assert_int_equal(!r.weight, !r.why);
		assert_int_equal(!r.why, !rows[i].why);
		if (r.why)
			assert_non_null(strstr(r.why, rows[i].why));
	}
	assert_true(of("initiating IKE_SA cs-b[3] to 10.0.0.2").begins);
	assert_true(of("establishing CHILD_SA c{3}").begins);
}

/* What was found here says more than the far end's word, and that more than
 * that it said nothing. */
static void weights(void **state)
{
	(void)state;
	assert_true(of("tried 1 shared key").weight >
		    of("received AUTHENTICATION_FAILED notify error").weight);
	assert_true(of("received TS_UNACCEPTABLE notify, no").weight >
		    of("retransmit 1 of").weight);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(reasons),
		cmocka_unit_test(weights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
