/* test_tls.c - for whom a certificate speaks, and the files of TLS. */
#include "daemon/base/err.h"
#include "daemon/tlsfile.h"
#include "daemon/uri.h"
#include "modules/sip/transport/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#define DAY (24 * 3600)

struct made {
	X509 *cert;
	EVP_PKEY *key;
};

/* A self-signed certificate, in force from so many days on for 60 days. */
static struct made make(const char *cn, const char *san, long from)
{
	struct made m = { X509_new(), EVP_EC_gen("P-256") };
	X509_NAME *name = X509_get_subject_name(m.cert);
	X509_EXTENSION *ext;

	assert_non_null(m.key);
	X509_set_version(m.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(m.cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(m.cert), from * DAY);
	X509_gmtime_adj(X509_getm_notAfter(m.cert), (from + 60) * DAY);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
				   (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(m.cert, name);
	X509_set_pubkey(m.cert, m.key);
	if (san) {
		ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
					  san);
		assert_non_null(ext);
		X509_add_ext(m.cert, ext, -1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(m.cert, m.key, EVP_sha256()));
	return m;
}

static void drop(struct made *m)
{
	X509_free(m->cert);
	EVP_PKEY_free(m->key);
}

/* RFC 5922 sections 7.1 and 7.2. */
static void names_are_compared(void **state)
{
	static const struct {
		const char *cn, *san, *host;
		bool yes;
	} t[] = {
		{ "x", "DNS:sip.example", "sip.example", true },
		{ "x", "DNS:SIP.example", "sip.Example.", true },
		{ "x", "DNS:sip.example", "a.sip.example", false },
		{ "x", "DNS:sip.example", "p.example", false },
		{ "x", "DNS:*.example", "sip.example", false },
		{ "x", "URI:sip:b.example", "b.example", true },
		{ "x", "URI:SIP:b.example:5061;transport=tls", "b.example",
		  true },
		{ "x", "URI:sip:bob@b.example", "b.example", false },
		{ "x", "URI:https://b.example", "b.example", false },
		{ "x", "URI:sips:b.example", "b.example", false },
		/* a SIP URI excludes the DNS names */
		{ "x", "URI:sip:b.example,DNS:c.example", "c.example", false },
		{ "x", "URI:sip:u@b.example,DNS:c.example", "c.example", true },
		/* the CN counts only without any other name */
		{ "d.example", NULL, "d.example", true },
		{ "d.example", NULL, "e.example", false },
		{ "d.example", "DNS:e.example", "d.example", false },
		{ "d.example", "email:a@e.example", "d.example", false },
		{ "x", "IP:192.0.2.1", "192.0.2.1", true },
		{ "x", "IP:192.0.2.1", "192.0.2.2", false },
		{ "x", "IP:2001:db8::1", "[2001:db8::1]", true },
		{ "x", "IP:2001:db8::1", "2001:db8:0::1", true },
		{ "x", "DNS:192.0.2.1", "192.0.2.1", false },
		{ "192.0.2.1", NULL, "192.0.2.1", false },
		{ "x", "DNS:sip.example", "", false },
	};
	struct made m;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		m = make(t[i].cn, t[i].san, 0);
		if (tls_speaks_for(m.cert, t[i].host) != t[i].yes)
			fail_msg("%s for %s", t[i].san, t[i].host);
		drop(&m);
	}
}

static void a_zero_byte_ends_no_name(void **state)
{
	static const unsigned char evil[] = "b.example\0.evil.example";
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	struct made m = make("x", NULL, 0);

	(void)state;
	ASN1_STRING_set(text, evil, sizeof evil - 1);
	GENERAL_NAME_set0_value(name, GEN_DNS, text);
	sk_GENERAL_NAME_push(names, name);
	X509_add1_ext_i2d(m.cert, NID_subject_alt_name, names, 0, 0);
	GENERAL_NAMES_free(names);
	assert_false(tls_speaks_for(m.cert, "b.example"));
	drop(&m);
}

static int file_with(const struct made *cert, const struct made *key,
		     const char *text)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	if (cert)
		PEM_write_X509(f, cert->cert);
	if (key)
		PEM_write_PrivateKey(f, key->key, NULL, NULL, 0, NULL, NULL);
	fputs(text, f);
	fflush(f);
	fd = dup(fileno(f));
	fclose(f);
	return fd;
}

static void refused(int cert, int key, int ca, const char *because)
{
	const int fd[TLS_FILES] = { cert, key, ca };
	struct tls_file *f = NULL;
	char why[256] = "";

	assert_int_equal(tls_file_read(fd, &f, why, sizeof why), E_CONF);
	assert_null(f);
	assert_non_null(strstr(why, because));
	for (int i = 0; i < TLS_FILES; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static void wrong_files_are_refused(void **state)
{
	struct made a = make("a", NULL, 0), b = make("b", NULL, 0);
	struct made old = make("c", NULL, -61), later = make("d", NULL, 1);

	(void)state;
	refused(file_with(&a, NULL, ""), file_with(NULL, &b, ""), -1,
		"is not the key");
	refused(file_with(&old, NULL, ""), file_with(NULL, &old, ""), -1,
		"expired");
	refused(file_with(&later, NULL, ""), file_with(NULL, &later, ""), -1,
		"not yet");
	refused(file_with(&a, NULL, ""), -1, -1, "go together");
	refused(file_with(NULL, NULL, "x"), file_with(NULL, &a, ""), -1,
		"tls.cert holds no");
	refused(file_with(&a, NULL, "-----BEGIN CERTIFICATE-----\nAAAA\n"
			  "-----END CERTIFICATE-----\n"),
		file_with(NULL, &a, ""), -1, "broken");
	refused(file_with(&a, NULL, ""), file_with(NULL, NULL, "no"), -1,
		"tls.key holds no");
	refused(-1, -1, file_with(NULL, NULL, ""), "tls.ca holds no");
	drop(&a);
	drop(&b);
	drop(&old);
	drop(&later);
}

static void good_files_are_read_again_and_again(void **state)
{
	struct made a = make("a", NULL, 0), b = make("b", NULL, -40);
	const int fd[TLS_FILES] = { file_with(&a, NULL, ""),
				    file_with(NULL, &a, ""),
				    file_with(&b, NULL, "") };
	const int soon[TLS_FILES] = { file_with(&b, NULL, ""),
				      file_with(NULL, &b, ""), -1 };
	struct tls_file *f = NULL;
	char why[256] = "";

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tls_file_read(fd, &f, why, sizeof why), 0);
		assert_int_equal(sk_X509_num(f->ca), 1);
		assert_false(tls_file_warns(f, why, sizeof why));
		tls_file_free(f);
	}
	assert_int_equal(tls_file_read(soon, &f, why, sizeof why), 0);
	assert_true(tls_file_warns(f, why, sizeof why));
	assert_non_null(strstr(why, "30 days"));
	tls_file_free(f);
	for (int i = 0; i < TLS_FILES; i++) {
		close(fd[i]);
		if (soon[i] >= 0)
			close(soon[i]);
	}
	drop(&a);
	drop(&b);
}

/* The functions that Sofia calls are those of this program. */
static void the_hooks_are_in_force(void **state)
{
	struct made a = make("a", NULL, 0);
	const int fd[TLS_FILES] = { file_with(&a, NULL, ""),
				    file_with(NULL, &a, ""), -1 };
	struct tls_file *f = NULL;
	char why[256] = "";

	(void)state;
	assert_int_equal(tls_file_read(fd, &f, why, sizeof why), 0);
	assert_int_equal(tls_use(f, TLS_VERIFY_SERVER), 0);
	assert_int_equal(tls_links(), 0);
	assert_null(tls_failure("b.example"));
	tls_forget();
	close(fd[0]);
	close(fd[1]);
	drop(&a);
}

static void uris_that_ask_for_tls(void **state)
{
	(void)state;
	assert_true(uri_wants_tls("sips:a@b"));
	assert_true(uri_wants_tls("sip:b;transport=tls"));
	assert_true(uri_wants_tls("sip:b;lr;Transport=TLS;x=1"));
	assert_false(uri_wants_tls("sip:b;transport=tlsx"));
	assert_false(uri_wants_tls("sip:b;transport=tcp"));
	assert_false(uri_wants_tls("sip:b?x=;transport=tls"));
	assert_false(uri_wants_tls("sip:b"));
	assert_false(uri_wants_tls(""));
	assert_true(uri_is_sips("SIPS:b"));
	assert_false(uri_is_sips("sip:b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_compared),
		cmocka_unit_test(a_zero_byte_ends_no_name),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(good_files_are_read_again_and_again),
		cmocka_unit_test(the_hooks_are_in_force),
		cmocka_unit_test(uris_that_ask_for_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
