/* pem.c - see pem.h.
 *
 * All is read from the descriptors' first byte by pread(), for the same open
 * file may be read again after a restart. The text is wiped once it is parsed:
 * there may be a key in it. */
#include "config.h"

#include "daemon/pem.h"

#include "daemon/base/err.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX (1 << 20) /* bytes */

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

static int parse_certs(const struct text *t, STACK_OF(X509) *all)
{
	BIO *bio = BIO_new_mem_buf(t->data, (int)t->len);
	int r = bio ? 0 : E_NOMEM;
	X509 *cert;

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
	return r;
}

/* Of any kind, encrypted or not. */
static bool has_key(const struct text *t)
{
	static const char word[] = "PRIVATE KEY-----";

	return t->len && memmem(t->data, t->len, word, sizeof word - 1);
}

int pem_certs(int fd, STACK_OF(X509) **out, bool *key)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	struct text t = { NULL, 0 };
	int r = all ? text_read(fd, &t) : E_NOMEM;

	if (!r)
		r = parse_certs(&t, all);
	*key = has_key(&t);
	text_wipe(&t);
	if (r)
		sk_X509_pop_free(all, X509_free);
	else
		*out = all;
	return r;
}

int pem_key(int fd, EVP_PKEY **out)
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
