/* judge.h - whether a phone's answer to a challenge is right, by the accounts
 * that the keeper alone has. Knows no message and no socket. */
#ifndef CALLSEAL_KEEPER_JUDGE_H
#define CALLSEAL_KEEPER_JUDGE_H

#include "daemon/digest/users.h"
#include "daemon/message.h"
#include "daemon/registrar.h"

struct judge;

/* By whose word, and when. */
struct judge_terms {
	const struct digest_users *users; /* NULL: none */
	const struct registrar_settings *own;
	bool local; /* register = "local" */
	uint64_t now_us; /* monotonic */
};

int judge_new(struct judge **out);
void judge_free(struct judge *j); /* NULL is allowed */
/* 0 and rspauth, or err as in struct msg_digest_checked. An unknown user takes
 * the time of a wrong password and gets the same answer. */
int judge_check(struct judge *j, const struct judge_terms *t,
		const struct msg_digest_check *m,
		char rspauth[static DIGEST_HEX]);

#endif
