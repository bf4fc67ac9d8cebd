/* tlsfile.c - certificate, key and CAs of TLS. See tlsfile.h.
 *
 * All is read from the descriptors' first byte by pread(), for the same open
 * file may be read again after a restart of the engine. The key's PEM bytes
 * are wiped once they are parsed. */
#include "daemon/tlsfile.h"

#include "daemon/base/err.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX (1 << 20)  /* bytes */
#define WARN_DAYS 30
#define DAY_S (24 * 3600)

struct text {
	char *data;
	size_t len;
};

static void text_wipe(struct text *t)
{
	if (t->data)
		OPENSSL_cleanse(t->data, t->len);
	free(t->data);
	*t = (struct text){ NULL, 0 };
}

static int fail(char *why, size_t room, const char *text)
{
	snprintf(why, room, "%s", text);
	ERR_clear_error();
	return E_CONF;
}

static int text_read(int fd, struct text *out)
{
	struct text t = { malloc(PEM_MAX), 0 };
	ssize_t n = 1;

	if (!t.data)
		return E_NOMEM;
	while (t.len < PEM_MAX && n > 0) {
		n = pread(fd, t.data + t.len, PEM_MAX - t.len, (off_t)t.len);
		t.len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0 || t.len == PEM_MAX) {
		text_wipe(&t);
		return n < 0 ? E_IO : E_SPACE;
	}
	*out = t;
	return 0;
}

static int no_passphrase(char *buf, int size, int rwflag, void *user)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)user;
	return -1;
}

/* All certificates of a PEM file, in order; none is an error. */
static int read_certs(int fd, STACK_OF(X509) **out)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	struct text t = { NULL, 0 };
	int r = text_read(fd, &t);
	BIO *bio = r ? NULL : BIO_new_mem_buf(t.data, (int)t.len);
	X509 *cert;

	if (!r && (!bio || !all))
		r = E_NOMEM;
	while (!r && (cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)))
		if (!sk_X509_push(all, cert)) {
			X509_free(cert);
			r = E_NOMEM;
		}
	if (!r && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = E_FORMAT; /* a broken one behind whole ones */
	if (!r && !sk_X509_num(all))
		r = E_FORMAT;
	ERR_clear_error();
	BIO_free(bio);
	text_wipe(&t);
	if (r)
		sk_X509_pop_free(all, X509_free);
	else
		*out = all;
	return r;
}

static int read_key(int fd, EVP_PKEY **out)
{
	struct text t = { NULL, 0 };
	int r = text_read(fd, &t);
	BIO *bio = r ? NULL : BIO_new_mem_buf(t.data, (int)t.len);

	if (!r && !bio)
		r = E_NOMEM;
	if (!r && !(*out = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase,
						   NULL)))
		r = E_FORMAT;
	ERR_clear_error();
	BIO_free(bio);
	text_wipe(&t);
	return r;
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
	if (read_key(fd[TLS_KEY], &f->key))
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
