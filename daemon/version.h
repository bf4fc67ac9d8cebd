/* version.h - one configuration as a child has it, with all that was made of
 * it. */
#ifndef CALLSEAL_VERSION_H
#define CALLSEAL_VERSION_H

#include "daemon/base/conf.h"
#include "daemon/base/secret.h"
#include "daemon/digest/users.h"
#include "daemon/keeper/certs/credential.h"
#include "daemon/policy.h"
#include "daemon/settings.h"

struct psk;

struct version {
	struct version *older; /* the child's list */
	uint32_t generation;
	struct conf *conf;
	struct settings settings;
	struct policy *policy;
	struct psk *psks;
	struct psk *passwords; /* by account */
	struct credential *credential; /* NULL: none was sent */
	struct digest_users *users;    /* NULL: none were sent */
};

/* Reads and checks everything; logs what is wrong. */
int version_new(const char *text, size_t len, uint32_t generation,
		struct version **out);
/* Wipes the keys too. */
void version_free(struct version *v);
/* Forgets the keys only: what is out of force needs none. */
void version_wipe(struct version *v);
/* Reads a peer's pre-shared key from an open file; logs what is wrong. */
int version_add_psk(struct version *v, const char *peer, int fd);
/* NULL when there is none. */
const struct secret *version_psk(const struct version *v, const char *peer);

/* The same for the password of an account. */
int version_add_password(struct version *v, const char *account, int fd);
const struct secret *version_password(const struct version *v,
				      const char *account);

/* Reads one PEM file; logs what is wrong. */
int version_add_credential(struct version *v, enum credential_part part,
			   const char *peer, int fd);
/* Reads the accounts that may register; logs what is wrong. */
int version_add_users(struct version *v, int fd);
/* Whether all that was added fits together; logs what is wrong. */
int version_check(const struct version *v);

#endif
