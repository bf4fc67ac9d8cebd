/* answer.c - see answer.h. RFC 7616 3.4.1 and, for what the server proves in
 * its turn, 3.5; the hashing itself is daemon/digest's. The realm is held to
 * the keeper's own configuration: whatever the engine asks, nobody else's
 * challenge is answered with this password. */
#include "daemon/keeper/account/answer.h"

#include "daemon/base/err.h"

#include <string.h>

static int make_secret(const struct account *a, const struct secret *password,
		       const struct msg_account_answer *m,
		       struct digest_secret *out)
{
	char text[SECRET_MAX + 1];
	int r;

	memcpy(text, password->bytes, password->len);
	text[password->len] = 0;
	r = digest_secret_make(m->algorithm.hash, a->user, m->realm, text,
			       out);
	wipe(text, sizeof text);
	return r;
}

static void describe(const struct account *a,
		     const struct msg_account_answer *m,
		     struct digest_credentials *c)
{
	memset(c, 0, sizeof *c);
	memcpy(c->user, a->user, sizeof c->user);
	memcpy(c->realm, m->realm, sizeof c->realm);
	memcpy(c->nonce, m->nonce, sizeof c->nonce);
	memcpy(c->uri, m->uri, sizeof c->uri);
	memcpy(c->cnonce, m->cnonce, sizeof m->cnonce);
	c->nc = m->nc;
	c->algorithm = m->algorithm;
	c->qop = m->qop;
}

void account_answer(const struct policy *policy, const struct secret *password,
		    const struct msg_account_answer *m,
		    struct msg_account_answered *out)
{
	const struct account *a = policy_account(policy, m->account);
	struct digest_credentials c;
	struct digest_secret s;

	*out = (struct msg_account_answered){ .err = E_NOTFOUND };
	if (!a || !password)
		return;
	out->err = E_POLICY;
	if (!account_answers(a, a->peer, m->realm))
		return;
	out->err = make_secret(a, password, m, &s);
	if (out->err)
		return;
	describe(a, m, &c);
	out->err = digest_response(&s, &c, m->method, out->response);
	if (!out->err)
		out->err = digest_rspauth(&s, &c, out->rspauth);
	wipe(&s, sizeof s);
	if (out->err)
		out->response[0] = out->rspauth[0] = 0;
}
