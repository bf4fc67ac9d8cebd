/* early.c - the keying answer before the phone is picked up, without SDP: an
 * application/mikey body in a reliable provisional response (doc/ARCHITECTURE
 * section 4).
 *
 * Answerer: what the keeper answered to the INVITE's offer is there already;
 * call_early() gives it to the signalling module. Offerer: early_read() makes
 * a branch that has keys, but no address; the relay opens what comes under
 * them from now on, and sends nothing before the SDP answer, which must carry
 * the very same message (answer.c).
 *
 * One MIKEY message for the whole session only: messages of single lines, and
 * SDES, are answered in SDP. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <string.h>

static const struct profile *profile_of(const struct call *c)
{
	const struct peer *p =
		policy_peer(child_policy(c->engine->child), c->peer);

	return p ? p->profile : NULL;
}

/* Where descriptions are sealed, keys come within them or not at all. */
bool call_wants_early(const struct call *c)
{
	const struct profile *p = profile_of(c);

	return call_sealed(c) && !c->body && p && p->early;
}

bool call_rings_late(const struct call *c)
{
	return call_direct(c) && c->from == OUTSIDE;
}

/* The deal of the first INVITE, if its keying goes in one MIKEY message. */
static const struct deal *deal_of(const struct call *c, enum face offerer)
{
	const struct deal *d = c->pending;

	if (!d || c->deal || d->offerer != offerer || d->kept ||
	    d->protocol != PROTOCOL_MIKEY || d->media_level ||
	    d->n_exchanges != 1)
		return NULL;
	return d;
}

int call_early(const struct call *c, struct buf *out)
{
	const struct deal *d = deal_of(c, OUTSIDE);
	const char *text = d ? d->exchange[0].answer : NULL;
	uint8_t bytes[KEYING_MAX + 3];
	int n;

	if (!text || !call_wants_early(c))
		return E_NOTFOUND;
	n = keyclient_bytes(d->protocol,
			    (struct sdp_text){ text, strlen(text) }, bytes,
			    KEYING_MAX);
	if (n < 0)
		return n;
	buf_put(out, bytes, (size_t)n);
	return out->err;
}

int early_read(struct call *c, struct job *j)
{
	static const uint8_t none[32];
	const struct deal *d = deal_of(c, INSIDE);
	const struct branch *b;
	int r;

	if (!d || j->q.from != OUTSIDE || !call_wants_early(c))
		return job_fail(j, STAGE_ANSWER, E_STATE,
				"an early keying answer that nobody asked for");
	if ((r = answer_branch(j, none)))
		return r;
	if ((r = answer_digest(j, j->branch->keys_digest)))
		return job_fail(j, STAGE_ANSWER, r, NULL);
	b = deal_branch(d, j->q.branch);
	j->repeat = b && !memcmp(b->keys_digest, j->branch->keys_digest, 32);
	if (b && !j->repeat)
		return job_fail(j, STAGE_KEY_FINISH, E_POLICY,
				"another keying answer than before");
	j->branch->early = true;
	j->rekey = true;
	return 0;
}
