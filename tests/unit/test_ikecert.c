/* test_ikecert.c - certificates of IKE from files: what is taken, and what is
 * refused with which cure. */
#include "daemon/base/err.h"
#include "daemon/ikecert.h"
#include "tests/mock/ca.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW_US (CA_NOW * UINT64_C(1000000))

static struct rig {
	struct ca ca;
	char why[IKECERT_WHY];
	struct ikecerts certs;
} rig;

static int set_up(void **state)
{
	(void)state;
	rig.ca = ca_make(0, "ca");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ca_free(&rig.ca);
	return 0;
}

static X509 *issue(const struct ca_order *order)
{
	return ca_issue(&rig.ca, ca_key(1, "P-256", 0), "b", order);
}

/* The file is closed. */
static int read_fd(int fd, enum ikecert_use use, const char *id)
{
	int r;

	*rig.why = 0;
	r = ikecerts_read(fd, use, id, NOW_US, &rig.certs, rig.why);
	close(fd);
	return r;
}

static void refused(int fd, enum ikecert_use use, const char *id,
		    const char *why)
{
	assert_int_equal(read_fd(fd, use, id), E_CONF);
	if (!strstr(rig.why, why))
		fail_msg("\"%s\" says nothing of \"%s\"", rig.why, why);
}

static void taken(int fd, enum ikecert_use use, const char *id, size_t n)
{
	if (read_fd(fd, use, id))
		fail_msg("%s", rig.why);
	assert_int_equal(rig.certs.n, n);
	ikecerts_free(&rig.certs);
}

static void one_is_read_to_its_last_byte(void **state)
{
	X509 *x = issue(&(struct ca_order){ .san = "DNS:b.example" });
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	(void)state;
	assert_int_equal(read_fd(ca_file(x, NULL, NULL, NULL), IKECERT_PIN,
				 "b.example"), 0);
	assert_int_equal(rig.certs.n, 1);
	assert_int_equal(rig.certs.cert[0].len, len);
	assert_memory_equal(rig.certs.cert[0].der, der, (size_t)len);
	ikecerts_free(&rig.certs);
	OPENSSL_free(der);
	X509_free(x);
}

/* An identity of IKE must be in the subjectAltName, as charon has it. */
static void whom_it_names(void **state)
{
	static const struct {
		const char *san, *id;
		bool good;
	} rows[] = {
		{ "DNS:b.example", "b.example", true },
		{ "DNS:b.example", "c.example", false },
		{ "DNS:*.example", "b.example", false },
		{ "IP:192.0.2.2", "192.0.2.2", true },
		{ "IP:192.0.2.2", "192.0.2.3", false },
		{ "DNS:192.0.2.2", "192.0.2.2", false },
		{ "IP:2001:db8::1", "2001:db8::1", true },
		{ "email:gate@b.example", "gate@b.example", true },
		{ "email:gate@b.example", "gate@c.example", false },
		{ NULL, "b", false }, /* the subject's name is none */
		{ "DNS:b.example", "CN=b", true }, /* charon compares */
		{ "DNS:b.example", NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		X509 *x = issue(&(struct ca_order){ .san = rows[i].san });
		int fd = ca_file(x, NULL, NULL, NULL);

		if (rows[i].good)
			taken(fd, IKECERT_OURS, rows[i].id, 1);
		else
			refused(fd, IKECERT_OURS, rows[i].id,
				"does not name");
		X509_free(x);
	}
}

static void times(void **state)
{
	X509 *old = issue(&(struct ca_order){ .san = "DNS:b", .to_s = -1 });
	X509 *early = issue(&(struct ca_order){ .san = "DNS:b",
						.from_s = 60 });

	(void)state;
	refused(ca_file(old, NULL, NULL, NULL), IKECERT_PIN, "b", "expired");
	refused(ca_file(early, NULL, NULL, NULL), IKECERT_PIN, "b",
		"not yet in force");
	X509_free(old);
	X509_free(early);
}

static void whose_key_it_is(void **state)
{
	X509 *x = issue(&(struct ca_order){ .san = "DNS:b" });

	(void)state;
	refused(ca_file(x, NULL, ca_key(1, "P-256", 0), NULL), IKECERT_OURS,
		"b", "a private key lies in it");
	refused(ca_file(NULL, NULL, ca_key(1, "P-256", 0), NULL), IKECERT_OURS,
		"b", "a private key lies in it");
	X509_free(x);
}

static void how_many(void **state)
{
	X509 *x = issue(&(struct ca_order){ .san = "DNS:b" });

	(void)state;
	refused(ca_file(NULL, NULL, NULL, NULL), IKECERT_PIN, "b",
		"no certificate in PEM");
	refused(ca_file(x, rig.ca.cert, NULL, NULL), IKECERT_OURS, "b",
		"swanctl/x509ca");
	taken(ca_file(x, x, NULL, NULL), IKECERT_PIN, "b", 2);
	X509_free(x);
}

/* More than a conn takes. */
static void five(void **state)
{
	X509 *x = issue(&(struct ca_order){ .san = "DNS:b" });
	char text[8192];
	FILE *f = tmpfile();
	ssize_t n;
	int fd = ca_file(x, NULL, NULL, NULL);

	(void)state;
	assert_non_null(f);
	n = pread(fd, text, sizeof text, 0);
	close(fd);
	for (int i = 0; i < IKECERTS_MAX + 1; i++)
		fwrite(text, 1, (size_t)n, f);
	fflush(f);
	refused(dup(fileno(f)), IKECERT_PIN, "b", "more than 4");
	fclose(f);
	X509_free(x);
}

static void who_may_issue(void **state)
{
	X509 *x = issue(&(struct ca_order){ .san = "DNS:b" });

	(void)state;
	taken(ca_file(rig.ca.cert, NULL, NULL, NULL), IKECERT_CA, "b", 1);
	refused(ca_file(x, NULL, NULL, NULL), IKECERT_CA, "b",
		"set ike_cert");
	X509_free(x);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_read_to_its_last_byte),
		cmocka_unit_test(whom_it_names),
		cmocka_unit_test(times),
		cmocka_unit_test(whose_key_it_is),
		cmocka_unit_test(how_many),
		cmocka_unit_test(five),
		cmocka_unit_test(who_may_issue),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
