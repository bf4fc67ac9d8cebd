/* answer.h - the digest of one of our accounts, from its password. Pure. */
#ifndef CALLSEAL_KEEPER_ACCOUNT_ANSWER_H
#define CALLSEAL_KEEPER_ACCOUNT_ANSWER_H

#include "daemon/base/secret.h"
#include "daemon/policy.h"

/* Fills out, with err: E_NOTFOUND, no such account, or password is NULL;
 * E_POLICY, the account is not for this realm; else what digest_response()
 * says. Only an answer of the account's own user is made. */
void account_answer(const struct policy *policy, const struct secret *password,
		    const struct msg_account_answer *m,
		    struct msg_account_answered *out);

#endif
