/* answer.c - reading an answer: it must match the offer line by line
 * (RFC 3264 6) and keep the protection that was offered; a far end that
 * answers our sealed offer in clear, or without its keying message, is
 * refused. An answer equal to the one this branch gave before (a 2xx after a
 * provisional response) needs no new work. */
#include "daemon/base/err.h"
#include "daemon/engine/body/ikelines.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static int check_protection(const struct call *c, struct job *j,
			    const struct sdp_media *m)
{
	bool secure = call_savp(c) && j->q.from == OUTSIDE;

	if (m->secure == secure)
		return 0;
	if (secure)
		return job_fail(j, STAGE_UNSEALED, E_POLICY,
				"a plain answer to a sealed offer");
	if (!call_sealed(c))
		return job_fail(j, STAGE_SEALED, E_POLICY,
				"a sealed answer to a plain offer");
	return job_fail(j, STAGE_ANSWER, E_UNSUPPORTED,
			"an RTP/SAVP answer to an RTP/AVP offer");
}

static int check_line(const struct call *c, struct job *j, unsigned i)
{
	const struct sdp_media *m = &j->sdp.media[i];
	const struct addr *local = &c->line[i].local[j->q.from];

	if (!(m->rtp || m->fax) || m->n_ports != 1 || !call_sees(c, m))
		return job_fail(j, STAGE_ANSWER, E_UNSUPPORTED,
				"a line of the answer cannot be relayed");
	if (m->fax != job_deal(j)->end[i].fax)
		return job_fail(j, STAGE_ANSWER, E_UNSUPPORTED,
				"T.38 answered by RTP, or the other way "
				"round");
	if (m->addr.family != local->family)
		return job_fail(j, STAGE_ANSWER, E_UNSUPPORTED,
				"the answer's address is of another family");
	return check_protection(c, j, m);
}

static int read_lines(const struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	const struct sdp_media *m = j->sdp.media;
	struct endpoint *end = j->branch->end;
	int r;

	for (unsigned i = 0; i < j->sdp.n; i++, m++, end++) {
		if (!m->port || !deal_takes(d, i))
			continue;
		if ((r = check_line(c, j, i)))
			return r;
		end->accepted = true;
		end->fax = m->fax;
		end->mux = m->rtcp_mux && d->end[i].mux;
		end->held = m->direction != SDP_SENDRECV ||
			    addr_is_any(&m->addr);
		end->direction = m->direction;
		end->rtp = m->addr;
		end->rtcp = m->rtcp;
	}
	return 0;
}

static bool any_accepted(const struct branch *b)
{
	bool any = false;

	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		any = any || b->end[i].accepted;
	return any;
}

/* RFC 3830 3.1: without a V flag the pre-shared key method has no response. */
static bool wants_response(const struct call *c)
{
	const struct conf *conf = child_conf(c->engine->child);

	return conf_bool(conf_one(conf, "mikey"), "verify");
}

struct sdp_text answer_keys(const struct job *j, unsigned line)
{
	const struct deal *d = job_deal(j);
	const struct sdp_keys *k = d->media_level ? &j->sdp.media[line].keys
						  : &j->sdp.keys;

	if (j->early)
		return (struct sdp_text){ j->early, strlen(j->early) };
	return d->protocol == PROTOCOL_SDES ? k->crypto[0] : k->mikey;
}

/* RFC 4568 5.1.2: exactly one of those that were offered. */
static int check_crypto(struct job *j, const struct sdp_keys *k)
{
	if (k->n_crypto > 1)
		return job_fail(j, STAGE_KEY_FINISH, E_FORMAT,
				"more than one a=crypto in an answer");
	if (!k->n_crypto)
		return job_fail(j, STAGE_UNSEALED, E_POLICY,
				"an answer without a=crypto");
	return 0;
}

static int check_level(struct job *j, const struct sdp_keys *k, bool wanted)
{
	if (k->n_mikey > 1)
		return job_fail(j, STAGE_KEY_FINISH, E_FORMAT,
				"more than one a=key-mgmt:mikey on a level");
	if (!k->n_mikey && wanted)
		return job_fail(j, STAGE_UNSEALED, E_POLICY,
				"an answer without a=key-mgmt:mikey");
	return 0;
}

/* Every keying message that must be there is there, once. */
static int check_keys(const struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	bool wanted = wants_response(c);
	int r = 0;

	if (!d->media_level)
		return check_level(j, &j->sdp.keys, wanted);
	for (unsigned i = 0; !r && i < j->sdp.n; i++) {
		const struct sdp_keys *k = &j->sdp.media[i].keys;

		if (j->branch->end[i].accepted)
			r = d->protocol == PROTOCOL_SDES
				? check_crypto(j, k)
				: check_level(j, k, wanted);
	}
	return r;
}

int answer_digest(const struct job *j, uint8_t out[static 32])
{
	bool whole = j->early || job_deal(j)->alone;
	unsigned lines = whole ? 1 : j->sdp.n;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct sdp_text t;
	int r = E_NOMEM;

	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		goto out;
	for (unsigned i = 0; i < lines; i++) {
		if (!whole && !j->branch->end[i].accepted)
			continue;
		t = answer_keys(j, i);
		if (!EVP_DigestUpdate(md, &t.len, sizeof t.len) ||
		    (t.len && !EVP_DigestUpdate(md, t.p, t.len)))
			goto out;
		if (!job_deal(j)->media_level)
			break; /* one for all */
	}
	if (EVP_DigestFinal_ex(md, out, NULL))
		r = 0;
out:
	EVP_MD_CTX_free(md);
	return r;
}

/* An answer of this branch whose keying messages were finished already. */
static const struct branch *finished(const struct call *c, const struct job *j)
{
	const struct deal *d = job_deal(j);
	const struct branch *b = deal_branch(d, j->q.branch);

	if (!b && d == c->pending && d->kept && c->deal)
		b = c->deal->active;
	if (b && !memcmp(b->keys_digest, j->branch->keys_digest, 32))
		return b;
	return NULL;
}

/* The early answer counts: another one now is somebody else's. */
static int check_early(struct job *j)
{
	const struct branch *b = deal_branch(job_deal(j), j->q.branch);

	if (!b || !b->early)
		return 0;
	j->branch->early = true;
	if (!memcmp(b->keys_digest, j->branch->keys_digest, 32))
		return 0;
	return job_fail(j, STAGE_KEY_FINISH, E_POLICY,
			"another keying message than in the early answer");
}

static int plan_keys(const struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	struct branch *b = j->branch;
	const struct branch *old;
	int r;

	if (!call_sealed(c) || !(any_accepted(b) || d->alone) ||
	    sealing_answer(c, j))
		return 0;
	if (d->offerer == OUTSIDE) {
		memcpy(b->key, d->key, sizeof b->key);
		memcpy(b->far, d->far, sizeof b->far);
		j->rekey = deal_waits(d);
		return 0;
	}
	if ((r = check_keys(c, j)))
		return r;
	if ((r = answer_digest(j, b->keys_digest)))
		return job_fail(j, STAGE_ANSWER, r, NULL);
	if ((r = check_early(j)))
		return r;
	old = finished(c, j);
	j->rekey = !old;
	if (old) {
		memcpy(b->key, old->key, sizeof b->key);
		memcpy(b->far, old->far, sizeof b->far);
		b->facts = old->facts;
	}
	return 0;
}

int answer_branch(struct job *j, const uint8_t digest[static 32])
{
	j->branch = calloc(1, sizeof *j->branch);
	if (!j->branch)
		return job_fail(j, STAGE_ANSWER, E_NOMEM, NULL);
	j->branch->number = j->q.branch;
	memcpy(j->branch->digest, digest, 32);
	if (sdp_digest_rest(&j->sdp, j->branch->rest_digest))
		return job_fail(j, STAGE_ANSWER, E_NOMEM, NULL);
	return 0;
}

int answer_read(struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	const struct branch *b;
	const char *why = NULL;
	uint8_t digest[32];
	int r;

	if (!d || d->offerer == j->q.from)
		return job_fail(j, STAGE_ANSWER, E_STATE,
				"an answer without an offer");
	if (j->q.from == OUTSIDE && d->protocol == PROTOCOL_SDES && d->hop &&
	    !j->q.secured)
		return job_fail(j, STAGE_EXPOSED, E_POLICY, "an answer to "
				"a=crypto that did not come by verified TLS");
	if ((r = dual_restore(c, j)) ||
	    (r = sdp_read(j->data, j->q.body.len, &j->sdp, &why)))
		return job_fail(j, STAGE_ANSWER, r, why);
	media_nat(c, j);
	if ((r = before_read(c, j)))
		return r;
	if (j->sdp.n != d->n)
		return job_fail(j, STAGE_ANSWER, E_FORMAT,
				"the answer has not the offer's m= lines");
	if ((r = sdp_digest(&j->sdp, digest)))
		return job_fail(j, STAGE_ANSWER, r, NULL);
	b = deal_branch(d, j->q.branch);
	j->repeat = b && !j->own && !memcmp(b->digest, digest, 32);
	if (j->repeat)
		return 0;
	if ((r = answer_branch(j, digest)) || (r = read_lines(c, j)) ||
	    (r = ikelines_answer(c, j)))
		return r;
	return plan_keys(c, j);
}
