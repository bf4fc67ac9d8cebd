/* test_smime_whose.c - who sends a whole message whose header names nobody:
 * what names him, what does not, and memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/base/err.h"
#include "modules/smime/message/whose.h"
#include "tests/mock/alloc.h"
#include "tests/unit/smime_rig.h"

#define N(a) (sizeof(a) / sizeof *(a))
#define TYPE "Content-Type: message/sip\r\n\r\n"
#define FROM "From: \"Alice\" <sip:alice@A.Example:5061;x=y>;tag=1\r\n"
#define TO "To: <sip:bob@b.example>;tag=2\r\n"
#define INVITE "INVITE sip:bob@b.example SIP/2.0\r\n"
#define MESSAGE TYPE INVITE FROM TO "\r\n" SDP

static struct smime_rig g;
static char id[IDENTITY_TEXT];

static int whose(void)
{
	const struct mime_fields f = rig_fields(&g);

	g.why.reason = SMIME_FINE;
	return smime_whose(&g.open.terms, false, &f, (struct mime_bytes){
		g.sealed.body.data, g.sealed.body.len }, id, &g.why);
}

static void sealed(enum smime_form form, const char *entity)
{
	rig_forget(&g);
	assert_int_equal(rig_seal(&g, form, entity), 0);
}

static void names_its_sender(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		rig_open(&g, (enum smime_kind)kind);
		sealed(SMIME_OPAQUE_ENCRYPT, MESSAGE);
		assert_int_equal(whose(), 0);
		assert_string_equal(id, "sip:alice@a.example");
		/* of a response it is who answers */
		sealed(SMIME_OPAQUE_ENCRYPT, TYPE "SIP/2.0 200 OK\r\n" FROM TO
		       "\r\n");
		assert_int_equal(whose(), 0);
		assert_string_equal(id, "sip:bob@b.example");
		rig_close(&g);
	}
}

static void names_nobody(void **state)
{
	static const char *const entities[] = {
		ENTITY,
		TYPE INVITE TO "\r\n",
		TYPE INVITE FROM FROM TO "\r\n",
		TYPE INVITE "From: <sip:a b@c.example>\r\n" TO "\r\n",
		TYPE INVITE "From: <>\r\n\r\n",
		TYPE "no message", TYPE, "",
	};

	(void)state;
	rig_open(&g, KIND_P256);
	strcpy(id, "as it was");
	for (size_t i = 0; i < N(entities); i++) {
		sealed(SMIME_OPAQUE_ENCRYPT, entities[i]);
		if (whose() != E_FORMAT || g.why.reason != SMIME_MALFORMED)
			fail_msg("%s: %s", entities[i], g.why.text);
		assert_string_equal(id, "as it was");
	}
	/* in another form, or for another */
	for (int form = 0; form < SMIME_FORMS; form++) {
		sealed((enum smime_form)form, MESSAGE);
		assert_int_equal(!whose(), form == SMIME_OPAQUE_ENCRYPT);
	}
	g.seal.envelope.to = &g.to[2];
	sealed(SMIME_OPAQUE_ENCRYPT, MESSAGE);
	assert_int_not_equal(whose(), 0);
	assert_int_equal(g.why.reason, SMIME_UNDECIPHERABLE);
	rig_close(&g);
}

static void no_cut_names_anybody(void **state)
{
	(void)state;
	rig_open(&g, KIND_P256);
	sealed(SMIME_OPAQUE_ENCRYPT, MESSAGE);
	while (g.sealed.body.len) {
		g.sealed.body.len--;
		strcpy(id, "as it was");
		assert_int_not_equal(whose(), 0);
		assert_string_equal(id, "as it was");
	}
	rig_close(&g);
}

static void work(void *user)
{
	(void)user;
	if (whose())
		assert_int_equal(g.why.reason, SMIME_BROKEN);
	else
		assert_string_equal(id, "sip:alice@a.example");
}

static void no_memory_no_name(void **state)
{
	(void)state;
	rig_open(&g, KIND_P256);
	sealed(SMIME_OPAQUE_ENCRYPT, MESSAGE);
	assert_in_range(alloc_walk(work, NULL), 2, 20000);
	rig_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_its_sender),
		cmocka_unit_test(names_nobody),
		cmocka_unit_test(no_cut_names_anybody),
		cmocka_unit_test(no_memory_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
