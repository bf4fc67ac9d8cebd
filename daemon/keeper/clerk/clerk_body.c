/* clerk_body.c - the bodies of SIP messages, sealed for the far end and opened,
 * by our own policy. A signature is good for one message: its Date must be
 * near, and the replay cache, which is that of keying, remembers it as long. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/certs/correspondents.h"
#include "daemon/keeper/replay.h"
#include "daemon/protocol.h"

#include <stdio.h>
#include <string.h>

#define COST 1
#define HIDDEN " hidden" /* no peer has that name */

/* One request on its way. */
struct work {
	const struct msg_key_party *party;
	bool probe, words;
	enum msg_body_whole whole;
	struct msg_key_party named; /* by what was hidden */
	bool fetch; /* what is wrong is that no certificate is known */
	const struct peer *peer;
	const struct bodies *how;
	struct bodies_terms terms;
	struct far far;
	struct bodies_fault why;
};

static int refuse(struct work *w, unsigned status, int err, const char *text)
{
	w->why.status = status;
	snprintf(w->why.text, sizeof w->why.text, "%s", text);
	return err;
}

/* Messages of calls go whole where the profile says so, and nowhere else; what
 * is said outside of calls then goes sealed as well as it can be. */
static int mode_of(struct work *w, enum body_mode *out)
{
	enum body_mode mode = w->peer->profile->body;
	bool whole = mode == BODY_MODE_TUNNEL && !w->probe;

	if (w->whole != WHOLE_NOT && !whole)
		return refuse(w, 403, E_POLICY, "the peer's profile has no "
			      "body = \"tunnel\"");
	if (w->whole == WHOLE_NOT && whole && !w->words)
		return refuse(w, 403, E_POLICY, "the peer's profile has body "
			      "= \"tunnel\", and this is no whole message");
	*out = w->probe ? BODY_MODE_SIGN :
	       whole && w->whole == WHOLE_NOT ? BODY_MODE_SIGN_ENCRYPT : mode;
	return 0;
}

/* rate: NULL where that was asked before. */
static int admit(struct clerk *c, struct work *w, struct rate *rate)
{
	const struct msg_key_party *p = w->party;
	struct keying_fault fault = { "" };
	const struct credential *own = NULL;
	enum body_mode mode = BODY_MODE_NONE;
	int r = permit_bodies(&c->s, p, &w->peer, &fault);

	if (!r)
		r = permit_credential(&c->s, w->peer, &own, &fault);
	if (r)
		return refuse(w, 403, r, fault.text);
	r = mode_of(w, &mode);
	if (r)
		return r;
	w->how = c->s.bodies ? c->s.bodies(c->s.user) : NULL;
	if (!w->how)
		return refuse(w, 500, E_NOTFOUND, "no module seals bodies");
	if (rate && !rate_take(rate, w->peer->name, COST,
			       clock_mono_us(c->s.clock)))
		return refuse(w, 503, E_FULL, "too many requests of this peer");
	w->terms = (struct bodies_terms){
		.local_id = p->local_id, .remote_id = p->remote_id,
		.peer = w->peer->name, .credential = own,
		.trust = { w->peer->profile->tofu, c->s.memory },
		.mode = mode,
		.hides_caller = w->peer->profile->hide,
		.hides_callee = w->peer->profile->hide == HIDE_BOTH,
		.inward = !p->outward,
		.legacy = c->limits.legacy,
		.wall_us = clock_wall_us(c->s.clock),
		.window_us = c->limits.window_us,
	};
	w->terms.known = correspondents_get(c->correspondents, w->peer->name,
					    p->remote_id, &w->terms.able);
	w->far = (struct far){ .c = c, .party = p, .peer = w->peer,
			       .terms = &w->terms, .why = &w->why };
	return 0;
}

/* -- ours ----------------------------------------------------------------- */

/* Our certificates travel once. Who encrypted for us has them; whom we call has
 * them if it answered earlier, or says 493 and hears them then. */
static bool may_be_brief(struct clerk *c, const struct work *w,
			 const struct msg_body_seal *m)
{
	if (m->full || m->probe)
		return false;
	if (!m->party.outward && !far_is_other(&w->far))
		return w->terms.mode == BODY_MODE_SIGN_ENCRYPT ||
		       w->terms.mode == BODY_MODE_TUNNEL;
	return correspondents_knows_us(c->correspondents, w->terms.peer,
				       w->terms.remote_id);
}

/* By its certificate a user would be named to everybody; a call's session key
 * names nobody. */
static int check_veil(struct work *w, bool outward)
{
	enum hide hide = w->peer->profile->hide;
	bool hidden = hide == HIDE_BOTH || (hide && !outward);

	if (!hidden || (w->terms.n_session && !w->terms.carry) ||
	    w->how->veils(&w->terms))
		return 0;
	return refuse(w, 403, E_POLICY, "the far end's certificate is a user's:"
		      " encrypting for it would show who is hidden; it takes "
		      "one of the domain");
}

/* The keys of a description, which the engine has veiled. */
static int show_keys(struct clerk *c, struct work *w, struct bodies_text *in,
		     struct buf *plain)
{
	int r;

	if (in->words || !in->content_len ||
	    !protocol_veiled(w->peer->profile))
		return 0;
	r = body_show(c, w->party, (struct mime_bytes){
		      in->content, in->content_len }, plain);
	if (r)
		return refuse(w, 500, r, "a key in SDP is not ours, or for "
			      "another call");
	in->content = plain->data;
	in->content_len = plain->len;
	return 0;
}

static int hide_keys(struct clerk *c, struct work *w,
		     const struct msg_body_open *m, struct bodies_opened *o)
{
	int r;

	if (m->words || !o->content.len || !o->is_signed || !o->encrypted)
		return 0;
	r = body_hide(c, w->party, o->pin.state, &o->content);
	return r ? refuse(w, 488, r, "its keys cannot be read: k= is taken as "
			  "clear: with 60 hexadecimal digits only") : 0;
}

/* The session keys of the call, if any. They end with it, so they are made for
 * one that lives only. */
static struct sessions *sessions_of(struct clerk *c, const struct work *w)
{
	uint64_t call = w->party->call;
	struct docket *k = docket_find(c->dockets, call);
	struct sessions *s = k ? k->sessions : NULL;

	if (w->whole == WHOLE_CALL && docket_sessions(c->dockets, call, &s))
		return NULL;
	return w->whole == WHOLE_NOT ? NULL : s;
}

/* The key that seals the next whole message. */
static void seal_key(struct clerk *c, struct work *w, bool anew)
{
	struct sessions *s = far_is_other(&w->far) ? NULL : sessions_of(c, w);

	if (s)
		sessions_seal(s, anew, &w->terms);
}

static int seal(struct clerk *c, struct work *w, const struct ipc_msg *msg,
		struct bodies_sealed *out)
{
	const struct msg_body_seal *m = msg->body;
	struct buf plain = buf_of(BODY_TAIL_MAX);
	struct bodies_text in = {
		.frag = msg->tail, .frag_len = m->frag_len,
		.words = m->words, .fields = msg->tail + m->frag_len,
		.fields_len = m->fields_len,
		.content = msg->tail + m->frag_len + m->fields_len,
		.content_len = msg->tail_len - m->frag_len - m->fields_len,
	};
	struct credential_fault fault;
	int r = admit(c, w, &c->offers);

	if (!r && !m->probe)
		r = far_seal(&w->far, w->how, &in, m);
	if (r)
		return r;
	r = credential_holds(w->terms.credential, m->party.local_id, &fault);
	if (r)
		return refuse(w, 403, r, fault.text);
	if (!w->how->reaches(&w->terms)) {
		w->fetch = m->party.outward && w->peer->profile->fetch &&
			   !far_is_other(&w->far);
		return refuse(w, 403, E_NOTFOUND, "no certificate of the far "
			      "end is known: set its peer's cert, or its "
			      "profile's fetch");
	}
	w->terms.brief = may_be_brief(c, w, m);
	seal_key(c, w, m->full);
	r = check_veil(w, m->party.outward);
	if (!r)
		r = show_keys(c, w, &in, &plain);
	if (!r)
		r = w->how->seal(&w->terms, &in, out, &w->why);
	buf_free(&plain);
	if (!r && !w->terms.brief &&
	    (m->party.outward || far_is_other(&w->far)))
		correspondents_told(c->correspondents, w->terms.peer,
				    w->terms.remote_id);
	return r;
}

static void set(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

int clerk_seal(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_body_seal *m = msg->body;
	struct work w = { .party = &m->party, .probe = m->probe,
			  .words = m->words,
			  .whole = (enum msg_body_whole)m->whole };
	struct bodies_sealed sealed = { .body = buf_of(BODY_TAIL_MAX) };
	struct msg_body_sealed reply = { .err = 0 };

	if (permit_names(&m->party) || m->whole > WHOLE_CALL ||
	    m->frag_len > msg->tail_len ||
	    m->fields_len > msg->tail_len - m->frag_len)
		return E_FORMAT;
	reply.err = seal(c, &w, msg, &sealed);
	if (reply.err) {
		reply.status = w.why.status;
		memcpy(reply.reason, w.why.text, sizeof reply.reason);
		reply.fetch = w.fetch;
		if (!w.fetch)
			clerk_refused(&m->party, reply.err, reply.reason);
	} else {
		reply.len = (uint32_t)sealed.body.len;
		reply.brief = w.terms.brief;
		set(reply.type, sizeof reply.type, sealed.type);
		set(reply.disposition, sizeof reply.disposition,
		    sealed.disposition);
		set(reply.transfer, sizeof reply.transfer, sealed.transfer);
	}
	clerk_tell(c, MSG_BODY_SEALED, msg->id, &reply, sizeof reply,
		   &sealed.body);
	far_forget(&w.far);
	buf_free(&sealed.body);
	return 0;
}

/* -- theirs --------------------------------------------------------------- */

/* Taken once: as long as its Date is near, the cache has it. A response is of
 * our transaction, whose Call-ID, tag and CSeq are signed: there it may say the
 * same again. An INVITE may come on several branches as long as a call of the
 * first waits for its answer; words that came are answered. */
static int taken_once(struct clerk *c, struct work *w,
		      const struct ipc_msg *msg, const struct bodies_opened *o)
{
	const struct msg_body_open *m = msg->body;
	uint64_t now = w->terms.wall_us;
	struct replay_case rc = { .hash = o->mark, .origin = &m->origin,
				  .peer = w->peer->name, .now_us = now };
	/* a call of theirs, which ends with a word to us */
	bool begins = !m->words && !m->probe && !m->party.outward &&
		      m->whole != WHOLE_LAST;
	enum replay_verdict v;
	int r;

	if (m->response)
		return 0;
	v = replay_check(c->replay, &rc);
	if (v == REPLAY_SEEN ||
	    (v == REPLAY_BRANCH && !(begins &&
	     dockets_may_fork(c->dockets, o->mark, m->origin.dialog))))
		return refuse(w, 488, E_REPLAY, "the signed body was seen "
			      "before: somebody repeats it");
	r = v == REPLAY_NEW ? replay_add(c->replay, &rc, o->stamp_us) : 0;
	if (!r && begins)
		r = docket_body(c->dockets, m->party.call, o->mark,
				m->origin.dialog);
	return r ? refuse(w, 503, r, "the replay cache does not take it") : 0;
}

static struct bodies_given given(const struct ipc_msg *msg)
{
	const struct msg_body_open *m = msg->body;

	return (struct bodies_given){
		.frag = msg->tail, .frag_len = m->frag_len,
		.fields = msg->tail + m->frag_len, .fields_len = m->fields_len,
		.body = msg->tail + m->frag_len + m->fields_len,
		.body_len = msg->tail_len - m->frag_len - m->fields_len,
		.words = m->words, .bare = m->bare,
	};
}

/* Who it says it is, and whose peer that is: by our own key alone. */
static int name_sender(struct clerk *c, struct work *w,
		       const struct bodies_given *in)
{
	struct msg_key_party *p = &w->named;
	struct bodies_terms t = { .wall_us = clock_wall_us(c->s.clock),
				  .legacy = c->limits.legacy };
	const struct peer *peer;
	int r;

	w->how = c->s.bodies ? c->s.bodies(c->s.user) : NULL;
	t.credential = c->s.credential ? c->s.credential(c->s.user) : NULL;
	if (!w->how || !credential_proves(t.credential))
		return refuse(w, 500, E_NOTFOUND, "nothing opens bodies");
	if (!rate_take(&c->answers, HIDDEN, COST, clock_mono_us(c->s.clock)))
		return refuse(w, 503, E_FULL, "too many hidden callers");
	r = w->how->whose(&t, in, p->remote_id, &w->why);
	if (r)
		return r;
	peer = c->s.match(c->s.user, p->remote_id);
	if (!peer || !peer->profile->hide)
		return refuse(w, 493, E_POLICY, "the hidden caller belongs to "
			      "no peer whose profile has hide");
	memcpy(p->peer, peer->name, sizeof p->peer);
	return 0;
}

/* The head of a message whose sender is hidden, if all is as it would be for
 * him; nothing is remembered, for the call that it begins has it opened again.
 * Whoever sends what does not open learns one thing, whatever is wrong. */
static int reveal(struct clerk *c, struct work *w, const struct ipc_msg *msg,
		  struct bodies_opened *out)
{
	const struct msg_body_open *m = msg->body;
	struct bodies_given in = given(msg);
	int r;

	w->named = m->party;
	w->party = &w->named;
	w->whole = WHOLE_LAST;
	in.bare = true;
	r = name_sender(c, w, &in);
	if (!r)
		r = admit(c, w, NULL);
	if (!r)
		r = w->how->open(&w->terms, &in, out, &w->why);
	if (!r) {
		buf_free(&out->content);
		buf_free(&out->fields);
	} else if (w->why.status != 503 && w->why.status != 500) {
		w->why.status = 493;
	}
	return r;
}

/* The keys that may open it; *s: those of the call, where it is with whom it is
 * for. */
static void open_keys(struct clerk *c, struct work *w, struct sessions **s)
{
	*s = sessions_of(c, w);
	if (far_expects_other(&w->far))
		far_keys(&w->far, *s);
	else if (*s)
		sessions_open(*s, &w->terms);
}

/* What is known of who signed it. */
static void learn_signer(struct clerk *c, struct work *w, bool outward,
			 struct bodies_opened *o)
{
	correspondents_put(c->correspondents, w->terms.peer, w->terms.remote_id,
			   w->how, o);
	if (outward || far_is_other(&w->far))
		correspondents_seen(c->correspondents, w->terms.peer,
				    w->terms.remote_id);
}

static int open_body(struct clerk *c, struct work *w, const struct ipc_msg *msg,
		     struct bodies_opened *out)
{
	const struct msg_body_open *m = msg->body;
	const struct bodies_given in = given(msg);
	struct bodies_opened o = { .card = NULL };
	struct sessions *s = NULL;
	int r = admit(c, w, &c->answers);

	if (!r && !w->probe) /* of no call */
		r = far_expect(&w->far, w->how, &in);
	if (!r)
		open_keys(c, w, &s);
	if (!r)
		r = w->how->open(&w->terms, &in, &o, &w->why);
	if (!r)
		r = far_check(&w->far, &o);
	if (!r && o.is_signed)
		r = taken_once(c, w, msg, &o);
	if (!r && o.is_signed) {
		r = trust_keep(c->s.memory, &o.pin, m->party.outward,
			       w->terms.wall_us, w->why.text);
		w->why.status = 403;
	}
	if (!r)
		r = hide_keys(c, w, m, &o);
	if (!r)
		r = far_keep(&w->far, &o);
	if (!r && s && !far_is_other(&w->far))
		sessions_opened(s, &o);
	/* a question pins nothing, so who asks it is not whom we seal for */
	if (!r && o.is_signed && !(w->probe && !m->party.outward &&
				   o.pin.state == PIN_NEW))
		learn_signer(c, w, m->party.outward, &o);
	*out = o;
	return r;
}

/* What was opened, into the reply and its tail: all of it or nothing. */
static int give(struct work *w, const struct bodies_opened *o,
		struct msg_body_opened *reply, struct buf *tail)
{
	buf_put(tail, o->head.data, o->head.len);
	buf_put(tail, o->fields.data, o->fields.len);
	buf_put(tail, o->content.data, o->content.len);
	if (tail->err) {
		buf_clear(tail);
		return refuse(w, 500, E_NOMEM, err_text(E_NOMEM));
	}
	reply->head_len = (uint32_t)o->head.len;
	reply->fields_len = (uint32_t)o->fields.len;
	reply->len = (uint32_t)tail->len;
	reply->is_signed = o->is_signed;
	reply->encrypted = o->encrypted;
	reply->pinned = (uint8_t)o->pin.state;
	if (far_is_other(&w->far))
		memcpy(reply->connected, w->far.at.who,
		       sizeof reply->connected);
	return 0;
}

/* Who sealed for another certificate than ours hears ours (RFC 3261 23.2), if
 * it is a peer. */
static void show(struct work *w, struct msg_body_opened *reply,
		 struct buf *tail)
{
	struct buf body = buf_of(BODY_TAIL_MAX);
	struct bodies_fault why;

	if (!w->how || reply->status != 493 || w->peer->profile->hide)
		return; /* it would name us, or the hidden */
	if (!w->how->show(&w->terms, tail, &body, &why)) {
		reply->fields_len = (uint32_t)tail->len;
		buf_put(tail, body.data, body.len);
	}
	if (tail->err || !body.len) {
		buf_clear(tail);
		reply->fields_len = 0;
	}
	reply->len = (uint32_t)tail->len;
	buf_free(&body);
}

int clerk_open(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_body_open *m = msg->body;
	struct work w = { .party = &m->party, .probe = m->probe,
			  .words = m->words,
			  .whole = (enum msg_body_whole)m->whole };
	struct bodies_opened o = { .card = NULL };
	struct msg_body_opened reply = { .err = 0 };
	struct buf tail = buf_of(BODY_TAIL_MAX);

	if (permit_names(&m->party) || m->whole > WHOLE_REVEAL ||
	    m->frag_len > msg->tail_len ||
	    m->fields_len > msg->tail_len - m->frag_len)
		return E_FORMAT;
	reply.err = m->whole == WHOLE_REVEAL ? reveal(c, &w, msg, &o)
					     : open_body(c, &w, msg, &o);
	if (!reply.err)
		reply.err = give(&w, &o, &reply, &tail);
	if (reply.err) {
		reply.status = w.why.status;
		memcpy(reply.reason, w.why.text, sizeof reply.reason);
		clerk_refused(w.party, reply.err, reply.reason);
		if (w.peer)
			show(&w, &reply, &tail);
	}
	clerk_tell(c, MSG_BODY_OPENED, msg->id, &reply, sizeof reply, &tail);
	buf_free(&tail);
	far_forget(&w.far);
	wipe(&o.session, sizeof o.session);
	buf_free(&o.head);
	buf_free(&o.fields);
	buf_free(&o.content);
	if (o.card)
		w.how->card_free(o.card);
	return 0;
}

/* -- certificates with a 493 ---------------------------------------------- */

static int learn(struct clerk *c, struct work *w, const struct ipc_msg *msg)
{
	const struct msg_body_learn *m = msg->body;
	const struct bodies_given in = {
		.fields = msg->tail, .fields_len = m->fields_len,
		.body = msg->tail + m->fields_len,
		.body_len = msg->tail_len - m->fields_len,
	};
	struct bodies_opened o = { .card = NULL };
	int r = admit(c, w, &c->answers);

	if (!r)
		r = w->how->learn(&w->terms, &in, &o, &w->why);
	if (!r && w->how->uses(&w->terms, o.card))
		r = refuse(w, 493, E_STATE, "its 493 brings the certificate "
			   "that the body was sealed for");
	if (!r)
		correspondents_put(c->correspondents, w->peer->name,
				   m->party.remote_id, w->how, &o);
	if (o.card)
		w->how->card_free(o.card);
	return r;
}

int clerk_learn(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_body_learn *m = msg->body;
	struct work w = { .party = &m->party, .words = true };
	struct msg_body_learned reply = { .err = 0 };

	if (permit_names(&m->party) || m->fields_len > msg->tail_len)
		return E_FORMAT;
	reply.err = learn(c, &w, msg);
	if (reply.err)
		memcpy(reply.reason, w.why.text, sizeof reply.reason);
	clerk_tell(c, MSG_BODY_LEARNED, msg->id, &reply, sizeof reply, NULL);
	return 0;
}
