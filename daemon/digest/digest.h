/* digest.h - digest access authentication (RFC 7616, RFC 8760) for both of
 * its sides: header values read and written, and what is hashed. Pure: no
 * clock, no randomness, no state.
 *
 * Text values are kept as they stand between their quotes, backslashes
 * included: so they are hashed (unq() of RFC 7616 3.4.1) and so they go back.
 * They hold no controls and none is longer than its room; what does not fit is
 * refused. Of qop only "auth" and none at all (RFC 2069) are computed. */
#ifndef CALLSEAL_DIGEST_H
#define CALLSEAL_DIGEST_H

#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values travel between processes; append only. */
enum digest_hash {
	DIGEST_NONE = 0,
	DIGEST_MD5 = 1,
	DIGEST_SHA_256 = 2,
	DIGEST_SHA_512_256 = 3,
	DIGEST_COUNT
};

enum digest_qop { /* bits; 0: the client or server knows none */
	DIGEST_AUTH = 1,
	DIGEST_AUTH_INT = 2,
	DIGEST_OTHER = 4 /* some word that is none of these */
};

struct digest_algorithm {
	uint8_t hash; /* enum digest_hash; DIGEST_MD5 where none was named */
	uint8_t sess; /* 1: the "-sess" variant */
};

#define DIGEST_HEX 65    /* room for a hash in hex, with its NUL */
#define DIGEST_TEXT 128  /* of names: user and realm */
#define DIGEST_NONCE 512 /* of nonce, opaque and cnonce */
#define DIGEST_URI 512
#define DIGEST_VALUE 4096 /* of any header value of ours */

/* WWW-Authenticate, Proxy-Authenticate. */
struct digest_challenge {
	char realm[DIGEST_TEXT];
	char nonce[DIGEST_NONCE];
	char opaque[DIGEST_NONCE];
	struct digest_algorithm algorithm;
	uint8_t qop;   /* bits of enum digest_qop */
	uint8_t stale; /* 1: only the nonce was wrong */
	uint8_t with_opaque;
};

/* Authorization, Proxy-Authorization. */
struct digest_credentials {
	char user[DIGEST_TEXT];
	char realm[DIGEST_TEXT];
	char nonce[DIGEST_NONCE];
	char uri[DIGEST_URI];
	char response[DIGEST_HEX];
	char cnonce[DIGEST_NONCE]; /* "" without qop */
	char opaque[DIGEST_NONCE];
	uint32_t nc; /* 0 without qop */
	struct digest_algorithm algorithm;
	uint8_t qop; /* one of enum digest_qop, or 0 */
	uint8_t with_opaque;
	uint8_t userhash; /* 1: user is a hash (RFC 7616 3.4.4) */
};

/* Authentication-Info, Proxy-Authentication-Info (RFC 7615). */
struct digest_info {
	char rspauth[DIGEST_HEX]; /* "" when absent, as the others */
	char cnonce[DIGEST_NONCE];
	char nextnonce[DIGEST_NONCE];
	uint32_t nc;
	uint8_t qop;
};

/* H(user:realm:password), as good as the password within its realm: a secret,
 * wipe() it. */
struct digest_secret {
	uint8_t hash; /* enum digest_hash */
	char hex[DIGEST_HEX];
};

/* -- header values: field.c ----------------------------------------------- */

/* Reads a whole header value, "Digest realm=...". Unknown parameters are
 * passed over. E_FORMAT: not well-formed, a parameter that is there twice, or
 * a needed one missing. E_UNSUPPORTED: another scheme, or an algorithm that
 * we lack: try the next header of that name. E_SPACE: longer than its room. */
int digest_read_challenge(const char *value, size_t len,
			  struct digest_challenge *out);
/* So, too; with qop there are nc and cnonce, without they are passed over. */
int digest_read_credentials(const char *value, size_t len,
			    struct digest_credentials *out);
/* So, too, without a scheme before it. */
int digest_read_info(const char *value, size_t len, struct digest_info *out);

/* Append a header value. E_ARG when a text holds what may not stand between
 * quotes, else the buffer's failure. */
int digest_write_challenge(const struct digest_challenge *c, struct buf *out);
int digest_write_credentials(const struct digest_credentials *c,
			     struct buf *out);
int digest_write_info(const struct digest_info *i, struct buf *out);

/* -- what is hashed: digest.c --------------------------------------------- */

/* "MD5", "SHA-256", "SHA-512-256"; NULL for others. */
const char *digest_hash_name(unsigned hash);
/* Length of its hex form, without NUL; 0 for unknown ones. */
size_t digest_hash_len(unsigned hash);

/* E_UNSUPPORTED for an unknown hash or one that OpenSSL does not give. */
int digest_secret_make(unsigned hash, const char *user, const char *realm,
		       const char *password, struct digest_secret *out);
/* The response to these credentials' nonce, uri, nc, cnonce and qop (3.4.1);
 * c->response is not looked at. E_UNSUPPORTED for another qop than auth or
 * none, E_ARG for a secret of another hash. */
int digest_response(const struct digest_secret *s,
		    const struct digest_credentials *c, const char *method,
		    char out[static DIGEST_HEX]);
/* What the server proves by (3.5): rspauth. */
int digest_rspauth(const struct digest_secret *s,
		   const struct digest_credentials *c,
		   char out[static DIGEST_HEX]);
/* 0 if c->response is the right one for this method, else E_AUTH, or what
 * digest_response() says. The comparison takes constant time. Whether the
 * nonce is ours, c->uri the request's and c->nc new is the caller's to see. */
int digest_verify(const struct digest_secret *s,
		  const struct digest_credentials *c, const char *method);

/* The client's side of one challenge, all but the response: user, realm,
 * nonce, algorithm, opaque, qop auth where any qop is offered. cnonce and nc (1
 * for a nonce's first use) are used with qop only. E_UNSUPPORTED where auth is
 * not among what is offered, or "-sess" comes without qop; E_SPACE, E_ARG. */
int digest_answer(const struct digest_challenge *ch, const char *user,
		  const char *uri, const char *cnonce, uint32_t nc,
		  struct digest_credentials *out);

#endif
