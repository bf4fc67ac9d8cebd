/* ikecert.c - see ikecert.h. Whether a chain leads to a CA, and whether the far
 * end has the key, charon finds out; here is what would fail there without a
 * word that the operator sees. */
#include "daemon/ikecert.h"

#include "daemon/base/err.h"
#include "daemon/pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(char why[static IKECERT_WHY], const char *text)
{
	snprintf(why, IKECERT_WHY, "%s", text);
	return E_CONF;
}

/* In its names alone, as charon does it: not in its subject. */
static bool names(X509 *x, const char *id)
{
	const unsigned how = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
			     X509_CHECK_FLAG_NO_WILDCARDS;
	struct addr a;

	if (!addr_parse(id, &a))
		return X509_check_ip_asc(x, id, how) == 1;
	if (strpbrk(id, "=:/,"))
		return true;
	if (strchr(id, '@'))
		return X509_check_email(x, id, 0, how) == 1;
	return X509_check_host(x, id, 0, how, NULL) == 1;
}

static int check_names(X509 *x, const char *id, char why[static IKECERT_WHY])
{
	if (!id || names(x, id))
		return 0;
	snprintf(why, IKECERT_WHY, "does not name %.100s (subjectAltName): get "
		 "a certificate that does, or set the identity that it has",
		 id);
	return E_CONF;
}

static int check_ca(X509 *x, char why[static IKECERT_WHY])
{
	return X509_check_ca(x) ? 0 :
	       fail(why, "holds a certificate that may not issue others: for "
		    "the far end's own, set ike_cert");
}

static int check_one(X509 *x, enum ikecert_use use, const char *id,
		     time_t now, char why[static IKECERT_WHY])
{
	if (X509_cmp_time(X509_get0_notBefore(x), &now) >= 0)
		return fail(why, "its certificate is not yet in force; look "
			    "at the clock");
	if (X509_cmp_time(X509_get0_notAfter(x), &now) <= 0)
		return fail(why, "its certificate has expired; get a new one");
	return use == IKECERT_CA ? check_ca(x, why) : check_names(x, id, why);
}

static int add(struct ikecerts *c, X509 *x)
{
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der), r = E_NOMEM;

	if (len > 0)
		c->cert[c->n].der = malloc((size_t)len);
	if (len > 0 && c->cert[c->n].der) {
		memcpy(c->cert[c->n].der, der, (size_t)len);
		c->cert[c->n++].len = (size_t)len;
		r = 0;
	}
	OPENSSL_free(der);
	return r;
}

static int check_count(int n, enum ikecert_use use,
		       char why[static IKECERT_WHY])
{
	if (use == IKECERT_OURS && n > 1)
		return fail(why, "holds more than our certificate: what leads "
			    "from it to its CA belongs in charon's own "
			    "folders (swanctl/x509ca)");
	return n <= IKECERTS_MAX ? 0 :
	       fail(why, "holds more than 4 certificates");
}

int ikecerts_read(int fd, enum ikecert_use use, const char *id,
		  uint64_t now_us, struct ikecerts *out,
		  char why[static IKECERT_WHY])
{
	struct ikecerts c = { 0 };
	STACK_OF(X509) *all = NULL;
	bool key = false;
	int r = pem_certs(fd, &all, &key);

	if (key)
		r = fail(why, "a private key lies in it: that belongs to "
			 "charon alone (swanctl/private); leave the "
			 "certificate here");
	else if (r)
		r = fail(why, "holds no certificate in PEM, or a broken one");
	else
		r = check_count(sk_X509_num(all), use, why);
	for (int i = 0; !r && i < sk_X509_num(all); i++) {
		X509 *x = sk_X509_value(all, i);

		r = check_one(x, use, id, (time_t)(now_us / 1000000), why);
		if (!r && (r = add(&c, x)))
			snprintf(why, IKECERT_WHY, "out of memory");
	}
	sk_X509_pop_free(all, X509_free);
	ERR_clear_error();
	if (r)
		ikecerts_free(&c);
	else
		*out = c;
	return r;
}

void ikecerts_free(struct ikecerts *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->cert[i].der);
	c->n = 0;
}
