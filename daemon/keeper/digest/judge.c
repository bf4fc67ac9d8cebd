/* judge.c - see judge.h.
 *
 * The request is typed: method, uri and the phone's parameters come in, a
 * verdict goes out, and rspauth, which answers to no challenge, since its
 * method is empty. So a taken engine can guess here, as anybody can over the
 * network, but not ask for a response.
 *
 * Guessing is limited for each account by its wrong answers alone: phones that
 * know their password may ask as often as they like, until somebody guesses at
 * more than the rate. Who was refused for that is told in our log and not over
 * the network, where all refusals look alike. */
#include "daemon/keeper/digest/judge.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "daemon/keeper/rate.h"

#include <stdlib.h>
#include <string.h>

/* Of 2000 tokens a second, with a reserve of 4000 (rate.c): ten wrong answers
 * a second go, and twenty at once. */
#define WRONG_COST 200

struct judge {
	struct rate wrong;
	struct digest_secret nobody[DIGEST_COUNT]; /* for unknown users */
};

int judge_new(struct judge **out)
{
	struct judge *j = calloc(1, sizeof *j);
	struct secret random = { 0 };
	int r = j ? secret_random(&random, 32) : E_NOMEM;

	for (unsigned h = DIGEST_MD5; !r && h < DIGEST_COUNT; h++) {
		j->nobody[h].hash = (uint8_t)h;
		for (size_t i = 0; i < digest_hash_len(h); i++)
			j->nobody[h].hex[i] = "0123456789abcdef"[
				random.bytes[i / 2] >> 4 * (i % 2) & 15];
	}
	secret_wipe(&random);
	if (r) {
		free(j);
		return r;
	}
	*out = j;
	return 0;
}

void judge_free(struct judge *j)
{
	if (j)
		wipe(j, sizeof *j);
	free(j);
}

/* What does not depend on the account. */
static int check_form(const struct judge_terms *t,
		      const struct digest_credentials *c)
{
	if (!t->local || !t->users)
		return E_POLICY;
	if (c->algorithm.hash >= DIGEST_COUNT || c->algorithm.sess ||
	    !(t->own->hashes & DIGEST_BIT(c->algorithm.hash)))
		return E_POLICY; /* not what was asked for */
	if (c->userhash || strcmp(c->realm, t->own->domain))
		return E_POLICY;
	if (c->qop != DIGEST_AUTH && (c->qop || !t->own->any_qop))
		return E_POLICY;
	return 0;
}

int judge_check(struct judge *j, const struct judge_terms *t,
		const struct msg_digest_check *m,
		char rspauth[static DIGEST_HEX])
{
	const struct digest_credentials *c = &m->credentials;
	const struct digest_secret *s, *known;
	int r = check_form(t, c);

	if (r)
		return r;
	known = digest_users_find(t->users, c->algorithm.hash, c->user);
	s = known ? known : &j->nobody[c->algorithm.hash];
	r = digest_verify(s, c, m->method);
	if (!r)
		r = digest_rspauth(s, c, rspauth);
	if (!known)
		return E_AUTH;
	if (!rate_take(&j->wrong, c->user, r ? WRONG_COST : 0, t->now_us)) {
		log_line(LOG_CLASS_REFUSED, "keeper", 0, "account %s: too many "
			 "wrong passwords, none is looked at for now",
			 c->user);
		memset(rspauth, 0, DIGEST_HEX);
		return E_FULL;
	}
	return r == E_AUTH || !r ? r : E_AUTH;
}
