/* clerk_request.c - what a request of the engine brings: which peer it is by
 * the keeper's own policy, which method and key, in which terms. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/protocol.h"

#include <stdio.h>
#include <string.h>

#define UPDATES_FAILED 2 /* after so many a new bundle is tried */
#define COST 1

int request_fault(struct request *q, int err, const char *why)
{
	snprintf(q->fault.text, sizeof q->fault.text, "%s: %s", why,
		 err_text(err));
	return err;
}

static void request_suites(struct request *q, const struct profile *f)
{
	q->n_suites = f->negotiate == NEGOTIATE_STATIC && f->n_suites
		      ? 1 : f->n_suites;
	memcpy(q->suites, f->suites, sizeof q->suites);
}

/* Puts a suite before all others; false if the profile has it not. */
static bool request_first(struct request *q, const struct profile *f,
			  unsigned suite)
{
	size_t i = 0;

	request_suites(q, f);
	while (i < q->n_suites && q->suites[i] != suite)
		i++;
	if (i == q->n_suites)
		return false;
	memmove(&q->suites[1], &q->suites[0], i * sizeof *q->suites);
	q->suites[0] = (enum suite)suite;
	return true;
}

/* What the streams have already: an update goes on with it, and the MKI tells
 * the new key from the old. A bundle of another method, or one that the far
 * end does not seem to know, is left alone. */
static void add_bundle(struct clerk *c, struct request *q, bool ours)
{
	const struct csb *b = docket_csb(c->dockets, q->party->call,
					       q->party->line[0].stream);

	if (!b)
		return;
	q->terms.keyings = b->keyings;
	if (b->method == q->permit.method &&
	    !(ours && b->failed >= UPDATES_FAILED))
		q->terms.bundle = &b->at;
}

/* New keys for streams that have some stay with method and suite that were
 * agreed (RFC 4567 4.1.2): there is nothing to negotiate, whether the method
 * updates its bundle or makes a new one. False: the streams have no keys, or
 * the method may not be used now. */
static bool agreed_first(struct request *q, const struct profile *f,
			 const struct csb *b)
{
	if (q->esp.wanted && !request_esp_first(q, b->esp))
		return false;
	return (q->esp.wanted && !q->esp.terms.srtp) ||
	       request_first(q, f, b->suite);
}

static bool permit_update(struct clerk *c, struct request *q,
			  const struct peer *peer)
{
	const struct csb *b = docket_csb(c->dockets, q->party->call,
					 q->party->line[0].stream);
	struct permits own;

	if (!b || b->failed >= UPDATES_FAILED ||
	    !agreed_first(q, peer->profile, b))
		return false;
	permit_all(&c->s, peer, &own);
	for (size_t i = 0; i < own.n && !q->update; i++)
		if (own.item[i].method == b->method &&
		    protocol_permits(peer->profile, b->method->name,
				     q->party->secured == 1)) {
			q->permit = own.item[i];
			q->update = true;
		}
	return q->update;
}

/* Which method, with its key. */
static int permit_way(struct clerk *c, struct request *q,
		      const struct peer *peer)
{
	const struct bundle *b = q->offer;
	struct keying_bytes first = { NULL, 0 };
	int r;

	request_suites(q, peer->profile);
	if (!b && permit_update(c, q, peer))
		return 0;
	/* lists are of suites that tunnels do not have */
	r = b && !q->esp.wanted
		? alternatives_choose(&c->s, peer, b, &q->pick, &q->fault) : 0;
	if (r)
		return r;
	if (q->pick.ranked) {
		q->permit = q->pick.permit;
		return 0;
	}
	if (b)
		first = (struct keying_bytes){ b->item[0].data,
					       b->item[0].len };
	return permit_method(&c->s, &(struct permit_ask){
			     peer, b ? &first : NULL, q->party->secured == 1 },
			     &q->permit, &q->fault);
}

int request_admit(struct clerk *c, struct request *q)
{
	uint64_t now = clock_mono_us(c->s.clock);
	const struct peer *peer;
	int r = permit_peer(&c->s, q->party, &peer, &q->fault);

	if (!r)
		r = request_lines(c, q, peer);
	if (!r)
		r = permit_way(c, q, peer);
	if (!r)
		r = request_veil_fits(q);
	if (r)
		return r;
	if (!rate_take(q->offer ? &c->answers : &c->offers, peer->name, COST,
		       now))
		return request_fault(q, E_FULL,
				     "too many requests of this peer");
	for (size_t i = 0; i < q->party->n; i++)
		q->ssrc[i] = q->party->line[i].ssrc;
	q->terms = (struct keying_terms){
		.local_id = q->party->local_id,
		.remote_id = q->party->remote_id,
		.psk = q->permit.psk,
		.credential = q->permit.credential,
		.trust = { q->permit.peer->profile->tofu, c->s.memory },
		.peer = q->permit.peer->name,
		.suites = q->suites,
		.n_suites = q->n_suites,
		.suite = q->pick.suite,
		.ranks = q->pick.ext_len ? q->pick.ext : NULL,
		.ranks_len = q->pick.ext_len,
		.n = q->party->n,
		.ssrc = q->ssrc,
		.wall_us = clock_wall_us(c->s.clock),
		.window_us = c->limits.window_us,
		.verify = c->limits.verify,
		.kdr = c->limits.kdr,
		.kemac_128 = c->limits.kemac_128,
		.sha256 = c->limits.sha256,
		.no_rate = c->limits.no_rate,
		.legacy = c->limits.legacy,
		.veiled = q->veiled,
		.retarget = q->permit.peer->profile->retarget,
		.counters = c->limits.counters,
		.mki = c->limits.mki,
		.esp = q->esp.wanted ? &q->esp.terms : NULL,
	};
	add_bundle(c, q, !q->offer);
	return 0;
}

uint8_t request_choice(uint8_t dflt, bool ranked, bool by_rank)
{
	if (dflt == KEY_CHOICE_ONLY || dflt == KEY_CHOICE_REMEMBERED ||
	    !ranked)
		return dflt;
	return by_rank ? KEY_CHOICE_RULE : KEY_CHOICE_AUTOMATIC;
}

uint8_t request_choice_without(const struct request *q, uint8_t otherwise)
{
	return q->permit.peer->profile->n_keying == 1 ? KEY_CHOICE_ONLY
						      : otherwise;
}
