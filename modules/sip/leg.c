/* leg.c - one SIP dialog of a pair, on Sofia's nta_leg.
 *
 * Each leg has its own Call-ID, tags, CSeq and route set; none tells anything
 * of the other side. On the called side each early dialog is a leg, since an
 * nta_leg holds one remote tag: the first is made with the INVITE, further
 * ones when a response brings a new tag. The caller sees one dialog whatever
 * the number of branches: to it we are one phone that answers once, and its
 * media address with us is the same for all of them. */
#include "modules/sip/leg.h"

#include "daemon/base/clock.h"
#include "daemon/base/hex.h"
#include "modules/sip/dialog.h"
#include "modules/sip/border/border.h"
#include "modules/sip/sealing/errand.h"
#include "modules/sip/sealing/hidden.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/nat/nat.h"
#include "modules/sip/sealed.h"
#include "modules/sip/session/naming.h"
#include "modules/sip/session/session.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/tport_tag.h>

static struct leg *leg_new(struct pair *pair, struct sip_face *f)
{
	struct leg *leg = calloc(1, sizeof *leg);

	if (!leg)
		return NULL;
	leg->pair = pair;
	leg->face = f;
	return leg;
}

void leg_free(struct leg *leg)
{
	if (!leg)
		return;
	if (leg->dialog)
		nta_leg_destroy(leg->dialog);
	said_free(&leg->terms);
	free(leg->hop);
	naming_free(leg);
	free(leg);
}

const char *leg_hop(const struct leg *leg)
{
	return leg->hop ? leg->hop : "";
}

/* Where the sender really is. Without memory the old way stays. */
static void note_nat(struct leg *leg, nta_incoming_t *irq, const sip_t *sip)
{
	char hop[NAT_HOP];
	char *copy = NULL;
	bool nat = nat_hop(leg->face, irq, sip, hop);

	if (nat && !(copy = strdup(hop)))
		return;
	free(leg->hop);
	leg->hop = copy;
}

/* Our side with its tag from the beginning: with one given later, Sofia would
 * take the same INVITE on a fork's other branch for one of this dialog. */
static nta_leg_t *caller_dialog(struct leg *leg, nta_incoming_t *irq,
				const sip_t *sip)
{
	const char *tag = nta_incoming_tag(irq, NULL);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	nta_leg_t *dialog = NULL;
	sip_to_t *local;

	su_home_init(home);
	local = sip_to_dup(home, sip->sip_to);
	if (tag && local && !sip_to_tag(home, local, tag))
		dialog = nta_leg_tcreate(
			leg->face->agent, dialog_on_request, leg,
			SIPTAG_CALL_ID(sip->sip_call_id), SIPTAG_FROM(local),
			SIPTAG_TO(sip->sip_from),
			NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq), TAG_END());
	su_home_deinit(home);
	return dialog;
}

struct leg *leg_caller(struct pair *pair, struct sip_face *f,
		       nta_incoming_t *irq, const sip_t *sip)
{
	struct leg *leg = leg_new(pair, f);
	struct addr source;

	if (!leg)
		return NULL;
	leg->caller = leg->tagged = true;
	source = face_source(irq);
	leg->known = engine_trusts(f->sip->engine, f->face, &source);
	leg->sips = sip->sip_request->rq_url->url_type == url_sips;
	leg->contact = face_contact_of(f, irq, leg->sips);
	note_nat(leg, irq, sip);
	leg->dialog = caller_dialog(leg, irq, sip);
	if (!leg->dialog ||
	    nta_leg_server_route(leg->dialog, sip->sip_record_route,
				 sip->sip_contact) < 0) {
		leg_free(leg);
		return NULL;
	}
	leg_note_allow(leg, sip);
	pair->caller = leg;
	return leg;
}

static void random_id(char out[static 33])
{
	uint8_t bytes[16];

	su_randmem(bytes, sizeof bytes);
	hex_write(bytes, sizeof bytes, out);
}

/* One that we begin; NULL is allowed. */
static nta_leg_t *own_dialog(struct leg *leg, const sip_from_t *from,
			     const sip_to_t *to)
{
	nta_leg_t *dialog = NULL;

	if (from && to)
		dialog = nta_leg_tcreate(leg->face->agent,
					 dialog_on_request, leg,
					 SIPTAG_CALL_ID_STR(leg->call_id),
					 SIPTAG_FROM(from), SIPTAG_TO(to),
					 TAG_END());
	if (dialog && !nta_leg_tag(dialog, NULL)) {
		nta_leg_destroy(dialog);
		dialog = NULL;
	}
	return dialog;
}

static nta_leg_t *called_dialog(struct leg *leg, const sip_t *sip)
{
	const struct pair *pair = leg->pair;
	struct crossing x = border_crossing(pair,
					    (enum face)!leg->face->face);
	enum hide hide = hidden_on(pair, leg);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	nta_leg_t *dialog;

	if (pair->revealed)
		sip = sip_object(pair->revealed);
	su_home_init(home);
	dialog = own_dialog(leg, hide ? hidden_from(home)
				      : border_from(home, &x, sip),
			    hide == HIDE_BOTH
			    ? hidden_to(home, call_route(pair->call)->target,
					leg->call_id)
			    : sip_to_dup(home, sip->sip_to));
	su_home_deinit(home);
	return dialog;
}

struct leg *leg_called(struct pair *pair, struct sip_face *f, const sip_t *sip,
		       const struct leg_to *to)
{
	struct leg *leg = leg_new(pair, f);

	if (!leg)
		return NULL;
	leg->sips = to->sips;
	leg->contact = face_contact_to(f, to->hop, to->sips);
	leg->hop = *to->nat ? strdup(to->nat) : NULL;
	random_id(leg->call_id);
	leg->dialog = called_dialog(leg, sip);
	if (!leg->dialog) {
		leg_free(leg);
		return NULL;
	}
	leg->branch = pair->branches++;
	leg->next = pair->called;
	pair->called = leg;
	return leg;
}

/* Who called the phone, as it knows him, calls the other one. */
static nta_leg_t *referred_dialog(struct leg *leg, const sip_t *refer,
				  const url_t *whom)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	nta_leg_t *dialog = NULL;
	sip_from_t *from;

	su_home_init(home);
	from = sip_from_dup(home, refer->sip_to);
	if (from) {
		msg_header_remove_param(from->a_common, "tag");
		from->a_tag = NULL;
		dialog = own_dialog(leg, from,
				    sip_to_create(home, (void *)whom));
	}
	su_home_deinit(home);
	return dialog;
}

struct leg *leg_referred(const struct leg *old, const sip_t *refer,
			 const url_t *whom, const struct leg_to *to)
{
	struct leg *leg = leg_new(old->pair, old->face);

	if (!leg)
		return NULL;
	leg->caller = old->caller;
	leg->branch = old->branch;
	leg->referred = true;
	leg->sips = to->sips;
	leg->contact = face_contact_to(old->face, to->hop, to->sips);
	leg->hop = *to->nat ? strdup(to->nat) : NULL;
	random_id(leg->call_id);
	leg->dialog = referred_dialog(leg, refer, whom);
	if (leg->dialog)
		return leg;
	leg_free(leg);
	return NULL;
}

static struct leg *tagged_so(struct leg *leg, unsigned prong, const char *tag)
{
	const char *theirs;

	for (; leg; leg = leg->next) {
		if (!leg->dialog || !leg->tagged || leg->prong != prong)
			continue;
		theirs = nta_leg_get_rtag(leg->dialog);
		if (theirs && !strcmp(theirs, tag))
			return leg;
	}
	return NULL;
}

static struct leg *branch_by_tag(const struct txn *t, const char *tag)
{
	struct leg *leg = tagged_so(t->pair->called, t->prong, tag);

	return leg ? leg : tagged_so(t->pair->lost, t->prong, tag);
}

bool leg_too_many(const struct txn *t, const sip_t *sip)
{
	return t->pair->branches >= BRANCHES_MAX && sip->sip_to &&
	       sip->sip_to->a_tag &&
	       !branch_by_tag(t, sip->sip_to->a_tag);
}

/* A further dialog of the same INVITE. */
static struct leg *branch_new(struct txn *t, const sip_t *sip)
{
	struct leg *first = t->to, *leg;

	leg = leg_new(t->pair, first->face);
	if (!leg)
		return NULL;
	leg->contact = first->contact;
	leg->sips = first->sips;
	leg->prong = first->prong;
	leg->lost = first->lost;
	leg->hop = first->hop ? strdup(first->hop) : NULL;
	leg->dialog = nta_leg_tcreate(
		leg->face->agent, dialog_on_request, leg,
		SIPTAG_CALL_ID(sip->sip_call_id), SIPTAG_FROM(sip->sip_from),
		SIPTAG_TO(sip->sip_to), SIPTAG_CSEQ(sip->sip_cseq), TAG_END());
	if (!leg->dialog) {
		leg_free(leg);
		return NULL;
	}
	leg->branch = t->pair->branches++;
	leg->next = first->next;
	first->next = leg;
	return leg;
}

/* Where the branch is reached; without a Contact, where the INVITE went. */
static void first_target(struct leg *leg, const struct txn *t,
			 const sip_t *sip)
{
	const url_t *uri = nta_outgoing_request_uri(t->orq);
	const sip_contact_t *contact = sip->sip_contact;
	sip_contact_t made[1];

	if (!contact && uri) {
		sip_contact_init(made);
		*made->m_url = *uri;
		contact = made;
	}
	nta_leg_client_route(leg->dialog, sip->sip_record_route, contact);
	if (sip->sip_record_route) { /* who is in between knows the way */
		free(leg->hop);
		leg->hop = NULL;
	}
}

struct leg *leg_branch(struct txn *t, const sip_t *sip)
{
	const char *tag = sip->sip_to ? sip->sip_to->a_tag : NULL;
	struct leg *leg;

	if (!tag)
		return NULL;
	leg = branch_by_tag(t, tag);
	if (leg)
		return leg;
	leg = t->to;
	if (!leg->dialog)
		return NULL;
	if (leg->tagged)
		leg = branch_new(t, sip);
	else
		nta_leg_rtag(leg->dialog, tag);
	if (!leg)
		return NULL;
	leg->tagged = true;
	first_target(leg, t, sip);
	return leg;
}

void leg_note_allow(struct leg *leg, const sip_t *sip)
{
	naming_note(leg, sip);
	if (sip->sip_allow)
		leg->updates = sip_is_allowed(sip->sip_allow,
					      SIP_METHOD_UPDATE);
}

void leg_retarget(struct leg *leg, const sip_t *sip, bool first)
{
	leg_note_allow(leg, sip);
	if (sip->sip_contact || first)
		nta_leg_client_reroute(leg->dialog,
				       first ? sip->sip_record_route : NULL,
				       sip->sip_contact, first);
}

void leg_answered(struct leg *leg, const struct txn *t, const sip_t *sip)
{
	if (!leg->tagged && sip->sip_to && sip->sip_to->a_tag) {
		nta_leg_rtag(leg->dialog, sip->sip_to->a_tag);
		leg->tagged = true;
		first_target(leg, t, sip);
	}
	leg_retarget(leg, sip, true);
}

void leg_accepted(struct leg *leg, nta_incoming_t *irq)
{
	msg_t *msg = nta_incoming_getrequest(irq);

	if (msg) {
		leg_retarget(leg, sip_object(msg), false);
		naming_heard(leg, sip_object(msg));
		note_nat(leg, irq, sip_object(msg));
	}
	msg_destroy(msg);
}

/* Puts a leg aside that is in no list any more. */
static void lose(struct leg *leg, bool over)
{
	struct pair *pair = leg->pair;

	if (over && leg->dialog) {
		nta_leg_destroy(leg->dialog);
		leg->dialog = NULL;
	}
	leg->lost = true;
	leg->next = pair->lost;
	pair->lost = leg;
}

void leg_won(struct leg *leg)
{
	struct pair *pair = leg->pair;
	struct leg *other, *next;

	for (other = pair->called; other; other = next) {
		next = other->next;
		if (other != leg)
			lose(other, other->prong == leg->prong);
	}
	leg->next = NULL;
	pair->called = leg;
}

void leg_swap(struct leg *old, struct leg *leg)
{
	struct pair *pair = old->pair;

	leg->referred = false;
	leg->known = old->known;
	leg->next = NULL;
	if (old->caller)
		pair->caller = leg;
	else
		pair->called = leg;
	pair->no_bye[leg->caller] = false;
	lose(old, false);
}

void leg_lost(struct txn *t)
{
	struct leg **at = &t->pair->called, *leg;

	while ((leg = *at)) {
		if (leg->prong != t->prong ||
		    (leg == t->pair->called && !leg->next)) {
			at = &leg->next;
			continue;
		}
		*at = leg->next;
		lose(leg, true);
	}
}

/* Sends what we say by ourselves; takes msg. For an ACK branch is that of its
 * INVITE, else NULL. */
static void put(struct leg *leg, msg_t *msg, const char *branch)
{
	const char *hop = leg_hop(leg);
	nta_outgoing_t *orq = nta_outgoing_mcreate(
		leg->face->agent, NULL, NULL,
		*hop ? (url_string_t *)hop : NULL, msg,
		TAG_IF(branch, NTATAG_ACK_BRANCH(branch)),
		TPTAG_IDENT(face_ident(msg, hop)), TAG_END());

	if (orq)
		nta_outgoing_destroy(orq); /* repeats itself as needed */
	else
		msg_destroy(msg);
}

/* Outside it may be challenged. */
void leg_say(struct leg *leg, msg_t *msg, sip_method_t method,
	     const char *name)
{
	if ((!errand_is_sealed(leg, method) || sealed_date(msg)) &&
	    naming_name(leg, msg) &&
	    !nta_msg_request_complete(msg, leg->dialog, method, name, NULL) &&
	    face_may_leave(msg, leg_hop(leg), leg->sips)) {
		if (leg->face->face == OUTSIDE)
			errand_send(leg, msg, NULL);
		else
			put(leg, msg, NULL);
	} else {
		msg_destroy(msg);
	}
}

/* sealed: its body comes later. */
static bool ack_fill(msg_t *msg, const struct txn *t, const sip_t *from,
		     const struct body *body, bool sealed)
{
	sip_cseq_t *cseq = sip_cseq_create(msg_home(msg), t->cseq,
					   SIP_METHOD_ACK);
	struct crossing x;
	unsigned flags;

	/* those of its INVITE (RFC 3261 13.2.2.4) */
	if (!cseq || msg_header_insert(msg, NULL, (msg_header_t *)cseq) ||
	    !auth_put(t->auth, msg) || (sealed && !sealed_date(msg)))
		return false;
	if (!from)
		return !body || (header_add(msg, "Content-Type", body->type) &&
				 body_add(msg, body->data, body->len));
	x = border_crossing(t->pair, t->from->face->face);
	flags = border_flags(&x, from, &t->from->privacy);
	return !headers_copy_request(t->from->face, msg, from,
				     flags | (body ? COPY_BODY : 0) |
				     (sealed ? COPY_NO_DATE : 0)) &&
	       border_privacy(msg, from, &x, flags) &&
	       (!body || body_add(msg, body->data, body->len));
}

static msg_t *ack_build(struct leg *leg, const struct txn *t,
			const sip_t *from, const struct body *body, bool sealed)
{
	msg_t *msg = nta_msg_create(leg->face->agent, 0);

	if (msg && ack_fill(msg, t, from, body, sealed) &&
	    !nta_msg_request_complete(msg, leg->dialog, SIP_METHOD_ACK, NULL) &&
	    face_may_leave(msg, leg_hop(leg), leg->sips) &&
	    (!body || !body->secret || face_may_carry(msg, leg_hop(leg))))
		return msg;
	msg_destroy(msg);
	return NULL;
}

msg_t *leg_ack_build(struct leg *leg, struct txn *t, const sip_t *from)
{
	return ack_build(leg, t, from, NULL, true);
}

void leg_ack_send(struct leg *leg, struct txn *t, msg_t *msg)
{
	t->acked = true;
	put(leg, msg, nta_outgoing_branch(t->orq));
}

void leg_ack(struct leg *leg, struct txn *t, const sip_t *from,
	     const struct body *body)
{
	bool sealed = errand_is_sealed(leg, sip_method_ack);
	msg_t *msg = ack_build(leg, t, from, body, sealed);

	t->acked = true;
	if (msg && sealed)
		errand_send(leg, msg, nta_outgoing_branch(t->orq));
	else if (msg)
		put(leg, msg, nta_outgoing_branch(t->orq));
}

void leg_prack(struct leg *leg, uint32_t rseq, uint32_t cseq)
{
	msg_t *msg = nta_msg_create(leg->face->agent, 0);
	char rack[48];

	if (!msg)
		return;
	snprintf(rack, sizeof rack, "%u %u INVITE", rseq, cseq);
	if (header_add(msg, "RAck", rack))
		leg_say(leg, msg, SIP_METHOD_PRACK);
	else
		msg_destroy(msg);
}

void leg_reason(const struct leg *leg, int status, const char *cause,
		char *out, size_t room)
{
	char text[REASON_TEXT], *c;

	if (leg->face->face == OUTSIDE || !cause || !*cause) {
		snprintf(out, room, "SIP;cause=%d", status);
		return;
	}
	snprintf(text, sizeof text, "%s", cause);
	for (c = text; *c; c++)
		if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '\'';
	snprintf(out, room, "SIP;cause=%d;text=\"%s\"", status, text);
}

void leg_bye(struct leg *leg, int status, const char *cause)
{
	msg_t *msg = nta_msg_create(leg->face->agent, 0);
	char reason[REASON_TEXT + 32];

	if (!msg)
		return;
	leg->face->sip->bye_us = clock_mono_us(&clock_system);
	leg_reason(leg, status, cause, reason, sizeof reason);
	if (status < 400 || header_add(msg, "Reason", reason))
		leg_say(leg, msg, SIP_METHOD_BYE);
	else
		msg_destroy(msg);
}
