/* test_credential.c - reading certificates, keys and lists, and what is wrong
 * with them, in words. */
#include "daemon/base/err.h"
#include "tests/mock/ca.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW_US (CA_NOW * 1000000ull)

static struct ca ca;
static X509 *own;

static int file_of(const char *text)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	fputs(text, f);
	fflush(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

static EVP_PKEY *rsa(unsigned which)
{
	return ca_key(which, "RSA", 2048);
}

static void refuse(enum credential_part part, int fd, const char *reason)
{
	struct credential_fault why = { "" };
	struct credential *c;

	assert_int_equal(credential_new(&c), 0);
	assert_true(credential_read(c, part, "p", fd, &why) < 0);
	if (!strstr(why.text, reason))
		fail_msg("%s", why.text);
	assert_false(credential_ready(c));
	close(fd);
	credential_free(c);
}

static void wrong_files_are_refused(void **state)
{
	X509 *weak = ca_issue(&ca, ca_key(3, "RSA", 1024), "w",
			      &(struct ca_order){ .san = "DNS:w" });

	(void)state;
	for (int part = 0; part < CREDENTIAL_PARTS; part++) {
		refuse((enum credential_part)part, file_of(""), "holds no");
		refuse((enum credential_part)part, file_of("nonsense\n"),
		       "holds no");
	}
	refuse(CREDENTIAL_CERT, ca_file(NULL, NULL, rsa(1), NULL), "holds no");
	refuse(CREDENTIAL_KEY, ca_file(own, NULL, NULL, NULL), "holds no");
	refuse(CREDENTIAL_CERT, ca_file(weak, NULL, NULL, NULL), "1024 bits");
	refuse(CREDENTIAL_PEER, ca_file(weak, NULL, NULL, NULL), "1024 bits");
	refuse(CREDENTIAL_KEY, ca_file(NULL, NULL, ca_key(3, "RSA", 1024),
				       NULL), "1024 bits");
	refuse(CREDENTIAL_KEY, ca_file(NULL, NULL, ca_key(4, "P-521", 0), NULL),
	       "neither RSA nor");
	refuse(CREDENTIAL_KEY, ca_file(NULL, NULL, ca_key(5, "secp256k1", 0),
				       NULL), "neither RSA nor");
	refuse(CREDENTIAL_CA, file_of("-----BEGIN CERTIFICATE-----\nAAAA\n"
				      "-----END CERTIFICATE-----\n"),
	       "no certificate");
	refuse(CREDENTIAL_KEY, file_of(
		"-----BEGIN RSA PRIVATE KEY-----\n"
		"Proc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
		"AAAAAAAAAAAAAAAAAAAAAA==\n"
		"-----END RSA PRIVATE KEY-----\n"), "passphrase");
	X509_free(weak);
}

static void check(X509 *cert, EVP_PKEY *key, const char *reason)
{
	struct credential_fault why = { "" };
	struct credential *c = ca_credential(cert, NULL, key, &ca);
	int r = credential_check(c, NOW_US, &why);

	assert_int_equal(r, *reason ? E_CONF : 0);
	if (!strstr(why.text, reason))
		fail_msg("%s", why.text);
	assert_true(credential_ready(c));
	credential_free(c);
}

static void parts_must_fit_together(void **state)
{
	static const struct {
		struct ca_order order;
		const char *reason;
	} rows[] = {
		{ { .san = "DNS:a" }, "" },
		{ { .san = "DNS:a", .to_s = -1 }, "expired" },
		{ { .san = "DNS:a", .from_s = 10 }, "not valid yet" },
		{ { .san = NULL }, "no subjectAltName" },
		{ { .san = "email:a@a" }, "no subjectAltName" },
		{ { .san = "DNS:a", .usage = "keyEncipherment" },
		  "key usage" },
		{ { .san = "DNS:a", .extended = "serverAuth" }, "key usage" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		X509 *x = ca_issue(&ca, rsa(1), "x", &rows[i].order);

		check(x, rsa(1), rows[i].reason);
		X509_free(x);
	}
	check(own, rsa(2), "does not belong");
}

static void a_list_that_is_over_is_told(void **state)
{
	X509_CRL *crl = ca_revoke(&ca, NULL, 10);
	struct credential_fault why = { "" };
	struct credential *c;

	(void)state;
	assert_int_equal(credential_new(&c), 0);
	assert_false(credential_stale(c, NOW_US, &why));
	ca_add(c, CREDENTIAL_CRL, "", ca_file(NULL, NULL, NULL, crl));
	assert_false(credential_stale(c, NOW_US, &why));
	assert_true(credential_stale(c, NOW_US + 10000000, &why));
	assert_non_null(strstr(why.text, "the issuer is out of date"));
	credential_free(c);
	X509_CRL_free(crl);
}

static void halves_are_not_ready(void **state)
{
	struct credential_fault why;
	struct credential *c;

	(void)state;
	assert_false(credential_ready(NULL));
	assert_int_equal(credential_new(&c), 0);
	assert_int_equal(credential_check(c, NOW_US, &why), 0);
	assert_false(credential_ready(c));
	ca_add(c, CREDENTIAL_CERT, "", ca_file(own, NULL, NULL, NULL));
	assert_int_equal(credential_check(c, NOW_US, &why), E_CONF);
	ca_add(c, CREDENTIAL_KEY, "", ca_file(NULL, NULL, rsa(1), NULL));
	assert_int_equal(credential_check(c, NOW_US, &why), 0);
	assert_false(credential_ready(c));
	ca_add(c, CREDENTIAL_CA, "", ca_file(ca.cert, NULL, NULL, NULL));
	assert_true(credential_ready(c));
	credential_free(credential_keep(c));
	assert_true(credential_ready(c)); /* the other owner has it */
	credential_free(c);
}

static int setup(void **state)
{
	(void)state;
	ca = ca_make(0, "the issuer");
	own = ca_issue(&ca, rsa(1), "own", &(struct ca_order){
		.san = "DNS:a.example" });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	X509_free(own);
	ca_free(&ca);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(parts_must_fit_together),
		cmocka_unit_test(halves_are_not_ready),
		cmocka_unit_test(a_list_that_is_over_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
