/* tlsfile.c - certificate, key and CAs of TLS. See tlsfile.h. */
#include "daemon/tlsfile.h"

#include "daemon/base/err.h"
#include "daemon/pem.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARN_DAYS 30
#define DAY_S (24 * 3600)

static int fail(char *why, size_t room, const char *text)
{
	snprintf(why, room, "%s", text);
	ERR_clear_error();
	return E_CONF;
}

static int read_certs(int fd, STACK_OF(X509) **out)
{
	bool key; /* many keep both in one file */

	return pem_certs(fd, out, &key);
}

static int check_fit(const struct tls_file *f, char *why, size_t room)
{
	if (!X509_check_private_key(f->cert, f->key))
		return fail(why, room, "tls.key is not the key of the first "
			    "certificate in tls.cert");
	if (X509_cmp_current_time(X509_get0_notBefore(f->cert)) >= 0)
		return fail(why, room, "the certificate in tls.cert is not yet "
			    "in force; look at the clock");
	if (X509_cmp_current_time(X509_get0_notAfter(f->cert)) <= 0)
		return fail(why, room, "the certificate in tls.cert has "
			    "expired; get a new one");
	return 0;
}

static int read_ours(const int fd[static TLS_FILES], struct tls_file *f,
		     char *why, size_t room)
{
	if (fd[TLS_CERT] < 0 && fd[TLS_KEY] < 0)
		return 0;
	if (fd[TLS_CERT] < 0 || fd[TLS_KEY] < 0)
		return fail(why, room, "tls.cert and tls.key go together");
	if (read_certs(fd[TLS_CERT], &f->chain))
		return fail(why, room, "tls.cert holds no certificate in PEM, "
			    "or a broken one");
	f->cert = sk_X509_shift(f->chain);
	if (pem_key(fd[TLS_KEY], &f->key))
		return fail(why, room, "tls.key holds no private key in PEM "
			    "without a passphrase");
	return check_fit(f, why, room);
}

int tls_file_read(const int fd[static TLS_FILES], struct tls_file **out,
		  char *why, size_t room)
{
	struct tls_file *f = calloc(1, sizeof *f);
	int r;

	if (!f)
		return fail(why, room, "out of memory");
	r = read_ours(fd, f, why, room);
	if (!r && fd[TLS_CA] >= 0 && read_certs(fd[TLS_CA], &f->ca))
		r = fail(why, room, "tls.ca holds no certificate in PEM, or a "
			 "broken one");
	if (r) {
		tls_file_free(f);
		return r;
	}
	*out = f;
	return 0;
}

bool tls_file_warns(const struct tls_file *f, char *why, size_t room)
{
	time_t then = time(NULL) + WARN_DAYS * DAY_S;

	if (!f->cert || X509_cmp_time(X509_get0_notAfter(f->cert), &then) > 0)
		return false;
	snprintf(why, room, "the certificate in tls.cert expires within %d "
		 "days; get a new one, then callsealctl reload", WARN_DAYS);
	return true;
}

void tls_file_free(struct tls_file *f)
{
	if (!f)
		return;
	X509_free(f->cert);
	sk_X509_pop_free(f->chain, X509_free);
	EVP_PKEY_free(f->key);
	sk_X509_pop_free(f->ca, X509_free);
	free(f);
}
