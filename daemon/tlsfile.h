/* tlsfile.h - what TLS needs, read from descriptors that the parent opened:
 * our certificate with its chain, its key, the CAs that we trust. */
#ifndef CALLSEAL_TLSFILE_H
#define CALLSEAL_TLSFILE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* How their files are called on the pair to the engine (struct msg_file). */
#define TLS_FILE_CERT "tls.cert"
#define TLS_FILE_KEY "tls.key"
#define TLS_FILE_CA "tls.ca"

enum { TLS_CERT, TLS_KEY, TLS_CA, TLS_FILES };

struct tls_file {
	X509 *cert;            /* ours; NULL: none configured */
	STACK_OF(X509) *chain; /* what leads from it to its CA */
	EVP_PKEY *key;
	STACK_OF(X509) *ca;    /* whom we trust; may be empty */
};

/* Reads them; -1 stands for a file that is not configured. Key and certificate
 * must come together, fit each other, and the certificate be in force. On
 * failure returns E_CONF or E_NOMEM, why says what and the cure; the caller
 * owns *out: tls_file_free(). The descriptors stay open, at any offset. */
int tls_file_read(const int fd[static TLS_FILES], struct tls_file **out,
		  char *why, size_t room);
/* Something will soon be wrong: our certificate ends within 30 days. */
bool tls_file_warns(const struct tls_file *f, char *why, size_t room);
void tls_file_free(struct tls_file *f); /* NULL is allowed */

#endif
