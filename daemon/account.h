/* account.h - our accounts at peers, the group "accounts": where we register
 * and whose challenges we answer. Part of the policy (policy.h), which engine
 * and keeper each read for themselves; the password is the keeper's alone. */
#ifndef CALLSEAL_ACCOUNT_H
#define CALLSEAL_ACCOUNT_H

#include "daemon/base/conf.h"
#include "daemon/digest/digest.h"
#include "daemon/message.h"

struct account {
	char name[NAME_TEXT];    /* unique; "user@host" when not configured */
	const char *uri;         /* address of record */
	const char *peer;        /* name of the peer that it is for */
	const char *password;    /* "file:PATH" */
	char user[DIGEST_TEXT];  /* digest user name */
	char realm[DIGEST_TEXT]; /* whose challenges are answered; "*": any */
	unsigned register_s;     /* for how long to register; 0: not at all */
};

extern const struct conf_group accounts_group;

/* Texts are borrowed from the conf. Whether name and peer fit the others is
 * the policy's to check. */
int account_read(const struct conf_node *n, struct account *out,
		 struct conf_err *err);
/* Whether it answers challenges of that peer and realm. */
bool account_answers(const struct account *a, const char *peer,
		     const char *realm);

#endif
