/* test_ikekey.c - whose pre-shared key the tunnel process may have: that of a
 * peer whose tunnel of charon's stands for all its calls, and nobody else's. */
#include "daemon/base/err.h"
#include "daemon/keeper/account/ikekey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char text[] =
	"profiles = {"
	"  ike = { need = \"require\"; media = \"ike\"; };"
	"  call = { need = \"require\"; media = \"ike\"; ike = \"call\";"
	"    keying = [ \"mikey-psk\" ]; };"
	"  esp = { need = \"require\"; media = \"esp\";"
	"    keying = [ \"mikey-psk\" ]; };"
	"  srtp = { need = \"require\"; keying = [ \"mikey-psk\" ]; }; };"
	"peers = ( { match = \"*@i\"; name = \"ike\"; profile = \"ike\";"
	"    ike = \"192.0.2.1\"; psk = \"file:x\"; },"
	"  { match = \"*@c\"; name = \"call\"; profile = \"call\";"
	"    psk = \"file:x\"; },"
	"  { match = \"*@e\"; name = \"esp\"; profile = \"esp\";"
	"    psk = \"file:x\"; },"
	"  { match = \"*@s\"; name = \"srtp\"; profile = \"srtp\";"
	"    psk = \"file:x\"; } );";

static void only_what_stands_has_a_key(void **state)
{
	static const struct {
		const char *peer;
		int err;
	} rows[] = {
		{ "ike", 0 }, { "call", E_POLICY }, { "esp", E_POLICY },
		{ "srtp", E_POLICY }, { "nobody", E_NOTFOUND },
	};
	static const uint8_t none[SECRET_MAX];
	struct conf_err err = { "" };
	struct msg_ike_keyed a;
	struct policy *p = NULL;
	struct conf *c = NULL;
	struct secret psk;

	(void)state;
	secret_set(&psk, "0123456789abcdef", 16);
	if (conf_parse(text, "x", NULL, policy_groups, &c, &err) ||
	    policy_new(c, &p, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct msg_ike_key m = { "" };

		snprintf(m.peer, sizeof m.peer, "%s", rows[i].peer);
		ikekey_answer(p, &psk, &m, &a);
		assert_int_equal(a.err, rows[i].err);
		assert_string_equal(a.peer, rows[i].peer);
		assert_int_equal(a.key_len, a.err ? 0 : 16);
		if (a.err)
			assert_memory_equal(a.key, none, sizeof none);
		ikekey_answer(p, NULL, &m, &a);
		assert_int_equal(a.err, E_NOTFOUND);
	}
	policy_free(p);
	conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_stands_has_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
