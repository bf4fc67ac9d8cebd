/* ikelines.c - IKE in the outside's SDP, where the profile has ike_sdp (RFC
 * 6193 sections 4, 5.1 and 5.3): where it goes, who begins it, and by which
 * certificate. The line is last in our first offer, and stays where it is; the
 * phone does not see it (dual.c), nor more of them in their first offer. Of one
 * that comes later it sees a rejected line that says nothing: others may stand
 * behind it already. It changes nothing of what proves the far end: the
 * tunnel process holds it against what the operator said (uses.c), and what
 * does not fit ends the call.
 *
 * Not used: a=psk-fingerprint (8.2), which lets whoever sees SIP try keys; ICE
 * (5.1); and a re-INVITE for the sake of IKE, which 5.2 forbids. */
#include "daemon/engine/body/ikelines.h"

#include "daemon/base/err.h"

#include <stdlib.h>
#include <string.h>

#define PORT_IKE 500
#define PORT_NATT 4500 /* where RFC 6193 5.4 has IKE begin */

/* The phone has seen no line yet. */
static bool is_first(const struct call *c)
{
	return !c->deal && !c->pending;
}

static unsigned count_lines(const struct job *j)
{
	const char *p = j->data, *end = p + j->q.body.len;
	unsigned n = 0;

	while (p && end - p > 2) {
		n += p[0] == 'm' && p[1] == '=';
		p = memchr(p, '\n', (size_t)(end - p));
		p += p != NULL;
	}
	return n;
}

int ikelines_prepare(struct call *c, struct job *j)
{
	unsigned n = count_lines(j);
	int r;

	if (j->q.from != INSIDE || j->own || c->ike_line || !is_first(c) ||
	    c->ike_sdp == IKE_SDP_NONE || n >= SDP_LINES_MAX)
		return 0;
	r = dual_add(c, n, "m=application 0 udp ike-esp-udpencap");
	if (!r)
		c->ike_line = n + 1;
	return r;
}

/* -- what the far end says ------------------------------------------------- */

/* Whose line it is does not change while the call lasts. */
static int read_line(const struct call *c, const struct sdp *s,
		     struct sdp_ike *out, const char **why)
{
	unsigned line = c->ike_line - 1;
	int r = sdp_ike_read(s, &line, out, why);

	if (!r && line != c->ike_line - 1)
		return E_NOTFOUND;
	if (!r)
		memset(&out->psks, 0, sizeof out->psks);
	return r;
}

/* An offer or answer without it. */
static int without(const struct call *c, struct job *j)
{
	if (c->ike_sdp != IKE_SDP_REQUIRE)
		return 0;
	return job_fail(j, STAGE_TUNNEL, E_POLICY, "no IKE in the far end's "
			"SDP (RFC 6193), and the profile has ike_sdp = "
			"\"require\"");
}

static int malformed(struct job *j, int err, const char *why)
{
	return job_fail(j, j->q.role == BODY_OFFER ? STAGE_OFFER
						   : STAGE_ANSWER, err, why);
}

/* A first offer's lines are hidden from the phone; the first is used. */
static int find(struct call *c, struct job *j)
{
	struct sdp_ike ike;
	const char *why = NULL;
	unsigned line = 0;
	int r;

	while (!(r = sdp_ike_read(&j->sdp, &line, &ike, &why))) {
		if ((r = dual_hide(c, j, line)))
			return job_fail(j, STAGE_OFFER, r, NULL);
		line++;
		if (!c->ike_line)
			c->ike_line = line;
	}
	return r == E_NOTFOUND ? 0 : malformed(j, r, why);
}

static int make(struct job *j)
{
	j->deal->ike = calloc(1, sizeof *j->deal->ike);
	return j->deal->ike ? 0 : job_fail(j, STAGE_OFFER, E_NOMEM, NULL);
}

static int theirs(struct call *c, struct job *j)
{
	const char *why = NULL;
	struct sdp_ike ike;
	int r = E_NOTFOUND;

	if (!c->ike_line && is_first(c) && (r = find(c, j)))
		return r;
	if (c->ike_line > j->sdp.n)
		return malformed(j, E_FORMAT, "the line of IKE is not there "
				 "any more");
	r = c->ike_line ? read_line(c, &j->sdp, &ike, &why) : E_NOTFOUND;
	if (r == E_NOTFOUND || (!r && !ike.at.port))
		return without(c, j);
	if (r)
		return malformed(j, r, why);
	r = make(j);
	if (!r)
		j->deal->ike->offer = ike;
	return r;
}

int ikelines_offer(struct call *c, struct job *j)
{
	if (c->ike_sdp == IKE_SDP_NONE)
		return 0;
	if (j->q.from == OUTSIDE)
		return theirs(c, j);
	return c->ike_line ? make(j) : without(c, j);
}

/* Another early dialog has IKE agreed (5.3). */
static bool is_fork(const struct call *c, const struct job *j)
{
	const struct ike_lines *l = job_deal(j)->ike;

	return l->agreed && l->branch != j->q.branch && c->won < 0;
}

static int agree(struct job *j, struct ike_lines *l,
		 const struct sdp_ike *answer)
{
	struct sdp_ike_deal deal;
	const char *why = NULL;
	int r = sdp_ike_agree(&l->offer, answer, &deal, &why);

	if (r == E_AUTH)
		return job_fail(j, STAGE_TUNNEL, r, why);
	if (r)
		return malformed(j, r, why);
	l->answer = *answer;
	l->agreed = true;
	l->branch = j->q.branch;
	l->begins = deal.offerer_begins ? TUNNEL_BEGINS_HERE
					: TUNNEL_BEGINS_THERE;
	return 0;
}

/* An offer in an answer's place has an offer's roles; who began goes on to. */
static void turn_role(const struct ike_lines *l, struct sdp_ike *ike)
{
	bool begin = l->begins == TUNNEL_BEGINS_HERE;

	ike->setup = sdp_ike_reply(ike->setup, begin) == SDP_SETUP_ACTIVE
			     ? SDP_SETUP_PASSIVE : SDP_SETUP_ACTIVE;
}

int ikelines_answer(const struct call *c, struct job *j)
{
	struct ike_lines *l = job_deal(j)->ike;
	const char *why = NULL;
	struct sdp_ike ike;
	int r;

	if (!l || j->q.from == INSIDE)
		return 0;
	if (is_fork(c, j))
		return job_fail(j, STAGE_TUNNEL, E_POLICY, "a second far end "
				"answered an offer with IKE in it (RFC 6193 "
				"5.3)");
	r = read_line(c, &j->sdp, &ike, &why);
	if (r == E_NOTFOUND || (!r && !ike.at.port)) {
		l->agreed = false;
		return without(c, j);
	}
	if (r)
		return malformed(j, r, why);
	if (j->q.offered)
		turn_role(l, &ike);
	return agree(j, l, &ike);
}

static bool same_prints(const struct prints *a, const struct prints *b)
{
	bool same = a->n == b->n && a->unknown == b->unknown;

	for (unsigned i = 0; same && i < a->n; i++)
		same = print_equal(&a->list[i], &b->list[i]);
	return same;
}

int ikelines_agrees(const struct call *c, const struct sdp *s, const char **why)
{
	const struct ike_lines *l = c->deal->ike;
	struct sdp_ike_deal deal;
	struct sdp_ike ike;
	int r;

	if (!l || !l->agreed)
		return 0;
	r = read_line(c, s, &ike, why);
	if (r == E_NOTFOUND || (!r && !ike.at.port))
		return c->ike_sdp == IKE_SDP_REQUIRE ? E_POLICY : 0;
	if (!r)
		r = sdp_ike_agree(&l->answer, &ike, &deal, why);
	if (!r && !(addr_equal(&ike.at, &l->offer.at) &&
		    same_prints(&ike.certs, &l->offer.certs))) {
		*why = "another end of IKE, or another certificate";
		r = E_POLICY;
	}
	return r;
}

/* -- asking, and being told ------------------------------------------------ */

static void put(struct msg_tunnel_use *m, const struct sdp_ike *far)
{
	m->far.at = far->at;
	m->far.certs = far->certs;
}

bool ikelines_far_begins(const struct job *j)
{
	const struct ike_lines *l = job_deal(j)->ike;

	return l && j->q.role == BODY_OFFER && j->q.from == OUTSIDE &&
	       sdp_ike_reply(l->offer.setup, true) != SDP_SETUP_ACTIVE;
}

void ikelines_ask(const struct job *j, struct msg_tunnel_use *m)
{
	const struct ike_lines *l = job_deal(j)->ike;

	if (!l)
		return;
	if (j->q.role == BODY_ANSWER && l->agreed)
		m->begins = l->begins;
	m->far.there = j->q.role == BODY_OFFER || l->agreed;
	if (j->q.role == BODY_OFFER && j->q.from == OUTSIDE) {
		put(m, &l->offer);
		m->begins = ikelines_far_begins(j) ? TUNNEL_BEGINS_THERE
						   : TUNNEL_BEGINS_HERE;
	} else if (j->q.role == BODY_ANSWER && j->q.from == OUTSIDE &&
		   l->agreed) {
		put(m, &l->answer);
	}
}

static void offer_ours(struct ike_lines *l, const struct msg_ike_sdp *ours)
{
	l->offer = (struct sdp_ike){
		.at = ours->at, .udpencap = true, .setup = SDP_SETUP_ACTPASS,
		.certs = ours->certs
	};
	l->offer.at.port = PORT_NATT;
}

/* Who answers begins, where the offer lets it choose. */
static void answer_ours(struct ike_lines *l, const struct msg_ike_sdp *ours)
{
	enum sdp_setup setup = sdp_ike_reply(l->offer.setup, true);

	l->answer = (struct sdp_ike){
		.at = ours->at, .udpencap = l->offer.udpencap, .setup = setup
	};
	if (l->offer.certs.n)
		l->answer.certs = ours->certs;
	l->answer.at.port = l->offer.udpencap ? PORT_NATT : PORT_IKE;
	l->agreed = true;
	l->begins = setup == SDP_SETUP_ACTIVE ? TUNNEL_BEGINS_HERE
					      : TUNNEL_BEGINS_THERE;
}

int ikelines_told(const struct call *c, struct job *j,
		  const struct msg_ike_sdp *ours)
{
	struct ike_lines *l = j->deal ? j->deal->ike : NULL;

	if (!l)
		return 0;
	if (!ours->there || !ours->at.family || !prints_sound(&ours->certs))
		return job_fail(j, STAGE_TUNNEL, E_INTERNAL, "the tunnel "
				"process told no end of IKE");
	if (j->q.from == INSIDE) {
		offer_ours(l, ours);
		return 0;
	}
	if (ours->certs.n && !l->offer.certs.n &&
	    c->ike_sdp == IKE_SDP_REQUIRE)
		return job_fail(j, STAGE_TUNNEL, E_AUTH, "no fingerprint of a "
				"certificate in the far end's SDP");
	answer_ours(l, ours);
	return 0;
}

bool ikelines_seen(const struct call *c, const struct job *j, unsigned line)
{
	return c->ike_sdp != IKE_SDP_NONE && !dual_hides(c, line) &&
	       sdp_ike_is(&j->sdp, line);
}

int ikelines_write(const struct job *j, struct buf *out)
{
	const struct ike_lines *l = job_deal(j)->ike;
	struct sdp_ike ike;

	if (!l || (j->reply && !l->agreed))
		return 0;
	ike = j->q.role == BODY_OFFER ? l->offer : l->answer;
	if (j->reply)
		ike.setup = l->begins == TUNNEL_BEGINS_HERE
				    ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
	return ike.at.port ? sdp_ike_write(&ike, j->sdp.eol, out) : 0;
}
