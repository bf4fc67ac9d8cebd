/* test_account.c - accounts of the gateway: the configuration, the file of a
 * password, and the keeper's answer to a challenge. */
#include "daemon/base/err.h"
#include "daemon/keeper/account/answer.h"
#include "daemon/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define HEAD "profiles = { p = { need = \"forbid\"; }; };\npeers = ( { " \
	     "match = \"*\"; profile = \"p\"; name = \"far\"; } );\n"
#define ONE "uri = \"sip:Mufasa@Example.ORG\"; peer = \"far\"; " \
	    "password = \"file:x\"; "

static struct conf *conf_of(const char *text)
{
	struct conf_err err = { "" };
	struct conf *c = NULL;

	if (conf_parse(text, "t", NULL, policy_groups, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static struct policy *policy_of(struct conf *c)
{
	struct conf_err err = { "" };
	struct policy *p = NULL;

	if (policy_new(c, &p, &err))
		fail_msg("%s", err.text);
	return p;
}

static void what_is_left_out_is_the_uris(void **state)
{
	struct conf *c = conf_of(HEAD "accounts = ( { " ONE "}, { " ONE
				 "user = \"u\"; realm = \"*\"; name = \"n\"; "
				 "register = 60; } );");
	struct policy *p = policy_of(c);
	const struct account *a = policy_account_at(p, 0);

	(void)state;
	assert_string_equal(a->name, "Mufasa@example.org");
	assert_string_equal(a->user, "Mufasa");
	assert_string_equal(a->realm, "example.org");
	assert_int_equal(a->register_s, 0);
	assert_ptr_equal(policy_account(p, "Mufasa@example.org"), a);
	a = policy_account_at(p, 1);
	assert_string_equal(a->name, "n");
	assert_string_equal(a->user, "u");
	assert_int_equal(a->register_s, 60);
	assert_null(policy_account_at(p, 2));
	assert_null(policy_account(p, "none"));
	/* the first that fits answers */
	assert_ptr_equal(policy_account_for(p, "far", "example.org"),
			 policy_account_at(p, 0));
	assert_ptr_equal(policy_account_for(p, "far", "other"), a);
	assert_null(policy_account_for(p, "near", "example.org"));
	policy_free(p);
	conf_free(c);
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ HEAD "accounts = ( { uri = \"sip:a@b\"; peer = \"x\"; "
		  "password = \"file:x\"; } );",
		  "t:3: accounts: a@b: no peer has the name \"x\"" },
		{ HEAD "accounts = ( { " ONE "}, { " ONE "} );",
		  "accounts: the name \"Mufasa@example.org\" is there twice" },
	};
	static const char *const bad[] = {
		"uri = \"sip:b\"; peer = \"far\"; password = \"file:x\";",
		"uri = \"sips:a@b\"; peer = \"far\"; password = \"file:x\";",
		"uri = \"sip:a@b\"; peer = \"far\"; password = \"secret\";",
		"uri = \"sip:a@b\"; peer = \"far\";",
		ONE "user = \"a\\\"b\";", ONE "realm = \"a\\\\b\";",
		ONE "register = 86401;", ONE "name = \"a b\";",
	};
	struct conf_err err;
	struct policy *p = NULL;
	struct conf *c = NULL;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		c = conf_of(rows[i].text);
		assert_int_equal(policy_new(c, &p, &err), E_CONF);
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s", err.text);
		conf_free(c);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "accounts = ( { %s } );", bad[i]);
		assert_int_equal(conf_parse(text, "t", NULL, policy_groups,
					    &c, &err), E_CONF);
	}
}

static int read_text(const char *text, size_t len, struct secret *out)
{
	const char *why = "";
	FILE *f = tmpfile();
	int r;

	fwrite(text, 1, len, f);
	fflush(f);
	r = password_read(fileno(f), out, &why);
	assert_true(!r || *why);
	fclose(f);
	return r;
}

static void one_line_is_a_password(void **state)
{
	static const char *const good[] = { "a b", "a b\n", "a b\r\n" };
	static const char *const bad[] = { "", "\n", "a\nb", "a\r\rb\n",
					   "a\n\n" };
	char most[300];
	struct secret s = { 0 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(read_text(good[i], strlen(good[i]), &s), 0);
		assert_int_equal(s.len, 3);
		assert_memory_equal(s.bytes, "a b", 3);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(read_text(bad[i], strlen(bad[i]), &s),
				 E_FORMAT);
	assert_int_equal(read_text("a\0b", 3, &s), E_FORMAT);
	memset(most, 'x', sizeof most);
	assert_int_equal(read_text(most, 255, &s), 0);
	assert_int_equal(read_text(most, 256, &s), E_SPACE);
	assert_int_equal(read_text(most, 300, &s), E_SPACE);
	assert_int_equal(password_read(-1, &s, &(const char *){ "" }), E_IO);
}

/* RFC 7616 section 3.9.1, for this account's name and realm. */
static const struct msg_account_answer question = {
	.account = "m", .realm = "http-auth@example.org",
	.nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
	.cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
	.uri = "/dir/index.html", .method = "GET", .nc = 1,
	.algorithm = { DIGEST_SHA_256, 0 }, .qop = DIGEST_AUTH,
};

static void the_keeper_answers(void **state)
{
	struct conf *c = conf_of(HEAD "accounts = ( { " ONE "name = \"m\"; "
				 "realm = \"http-auth@example.org\"; } );");
	struct policy *p = policy_of(c);
	struct msg_account_answer m = question;
	struct msg_account_answered a;
	struct secret password = { 0 };

	(void)state;
	secret_set(&password, "Circle of Life", 14);
	account_answer(p, &password, &m, &a);
	assert_int_equal(a.err, 0);
	assert_string_equal(a.response, "753927fa0e85d155564e2e272a28d1802ca10"
			    "daf4496794697cf8db5856cb6c1");
	assert_string_not_equal(a.rspauth, a.response);
	assert_int_equal(strlen(a.rspauth), 64);
	m.algorithm.hash = DIGEST_MD5;
	account_answer(p, &password, &m, &a);
	assert_string_equal(a.response, "8ca523f5e9506fed4657c9700eebdbec");

	strcpy(m.realm, "evil.example"); /* whatever the engine wants */
	account_answer(p, &password, &m, &a);
	assert_int_equal(a.err, E_POLICY);
	assert_string_equal(a.response, "");
	m = question;
	account_answer(p, NULL, &m, &a);
	assert_int_equal(a.err, E_NOTFOUND);
	m.algorithm.hash = 77;
	account_answer(p, &password, &m, &a);
	assert_int_equal(a.err, E_UNSUPPORTED);
	m = question;
	m.qop = DIGEST_AUTH_INT;
	account_answer(p, &password, &m, &a);
	assert_int_equal(a.err, E_UNSUPPORTED);
	assert_string_equal(a.response, "");
	m = question;
	strcpy(m.account, "other");
	account_answer(p, &password, &m, &a);
	assert_int_equal(a.err, E_NOTFOUND);
	policy_free(p);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_is_the_uris),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(one_line_is_a_password),
		cmocka_unit_test(the_keeper_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
