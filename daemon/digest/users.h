/* users.h - the file of accounts that may register: for each user the hash of
 * name, realm and password (RFC 7616 3.4.2), never the password.
 *
 *   # comment
 *   alice:a.example:296f2f27e5eb48e6f0fe4ba1363a3107
 *   alice:a.example:d9030225365ecb2137cf096055a83eb6...
 *
 * One line a hash, MD5 or SHA-256 by its length; the file that htdigest(1)
 * writes is one with MD5 alone. What is in it is as good as the passwords. */
#ifndef CALLSEAL_DIGEST_USERS_H
#define CALLSEAL_DIGEST_USERS_H

#include "daemon/digest/digest.h"

struct digest_users;

/* A hash as a bit of a mask. */
#define DIGEST_BIT(hash) (1u << (hash))

/* Reads the whole open file. Every line must be of that realm, and every user
 * have each hash of the mask, so that no account can be told from another by
 * what it is asked for. E_CONF, E_IO, E_NOMEM, E_SPACE: why says what is
 * wrong and where. */
int digest_users_read(int fd, const char *realm, unsigned hashes,
		      struct digest_users **out, char why[static 256]);
/* Wipes them. NULL is allowed. */
void digest_users_free(struct digest_users *u);
/* Borrowed; NULL when there is none. */
const struct digest_secret *digest_users_find(const struct digest_users *u,
					      unsigned hash, const char *user);
/* How many users. */
size_t digest_users_count(const struct digest_users *u);

#endif
