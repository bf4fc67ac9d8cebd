/* clerk_connected.c - with whom a call is, where its profile takes another than
 * was called (RFC 4916): by our own policy, and by signatures alone.
 *
 * The first message that is taken of a far end's tag decides whose all that
 * follow must be. Only an answer to a first INVITE of ours may be anybody's, by
 * what its certificate says of him. Later an INVITE or UPDATE with another URI
 * in From is of whom that names, if he signed it; what comes under the URI of
 * the beginning may be under an old one. A number in From names nobody.
 *
 * Whoever it is must have a peer of the call's own profile: by that it goes on.
 * Nothing is pinned for him, and he gets no key that another has. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/certs/correspondents.h"
#include "daemon/uri.h"

#include <stdio.h>
#include <string.h>

static int refuse(struct far *f, unsigned status, int err, const char *text)
{
	f->why->status = status;
	snprintf(f->why->text, sizeof f->why->text, "%s", text);
	return err;
}

static int refuse_other(struct far *f, int err, const char *who,
			const char *why)
{
	f->why->status = 403;
	snprintf(f->why->text, sizeof f->why->text, "the call was diverted to "
		 "%.48s, %s", who, why);
	return err;
}

static bool same(const char *a, const char *b)
{
	return !strcmp(a, b);
}

static void set(char out[static IDENTITY_TEXT], const char *id)
{
	char text[IDENTITY_TEXT];

	snprintf(text, sizeof text, "%s", id);
	memcpy(out, text, sizeof text);
}

bool far_is_other(const struct far *f)
{
	return f->counts && !same(f->at.who, f->at.called);
}

bool far_expects_other(const struct far *f)
{
	return f->counts &&
	       (f->terms->also || !same(f->whose, f->at.called));
}

/* Of a domain: the peer that any of its users has. */
static const struct peer *peer_of(const struct clerk *c, const char *id)
{
	const struct peer *p = c->s.match(c->s.user, id);
	char any[IDENTITY_TEXT + 8];

	if (p || strchr(id, '@'))
		return p;
	snprintf(any, sizeof any, "sip:*@%s", id + strlen("sip:"));
	return c->s.match(c->s.user, any);
}

/* That a message is of him: in the terms, from there on. */
static int expect(struct far *f, const char *id)
{
	const struct peer *p = f->peer;

	/* he is named in headers */
	if (!same(id, f->at.called))
		p = uri_is_sip(id) ? peer_of(f->c, id) : NULL;
	if (!p || p->profile != f->peer->profile)
		return refuse_other(f, E_POLICY, id, "who has no peer of the "
				    "same profile");
	set(f->whose, id);
	f->terms->remote_id = f->whose;
	f->terms->peer = p->name;
	f->terms->known = correspondents_get(f->c->correspondents, p->name,
					     f->whose, &f->terms->able);
	return 0;
}

/* All ends that said something in the call; NULL: none, or it is over, or we
 * were started again. */
static struct connected *ends_of(const struct far *f)
{
	const struct docket *k = docket_find(f->c->dockets, f->party->call);

	return k ? k->connected : NULL;
}

static const struct connected *find(const struct far *f, const char *tag)
{
	return connected_find(ends_of(f), tag, f->party->remote_id);
}

static void begin(struct far *f, const char *tag)
{
	struct connected *at = &f->at;

	*at = (struct connected){ .next = NULL };
	snprintf(at->tag, sizeof at->tag, "%s", tag);
	set(at->called, f->party->remote_id);
	set(at->who, f->party->remote_id);
	set(at->first, f->names.response && *f->names.to
		       ? f->names.to : f->party->remote_id);
	set(at->told, at->first);
}

static int read_names(struct far *f, const struct bodies *how,
		      const uint8_t *frag, size_t len)
{
	return how->names(frag, len, &f->names)
		? refuse(f, 400, E_FORMAT, "malformed From or To") : 0;
}

/* -- theirs --------------------------------------------------------------- */

/* Who may come to be in the call must say so before anything else. */
static int expect_request(struct far *f)
{
	const char *from = f->names.from;
	bool changes = f->names.invite || f->names.update;

	if (!changes || !*from || same(from, f->at.told))
		return expect(f, f->at.who);
	if (same(from, f->at.first))
		f->terms->also = f->at.who;
	return expect(f, from);
}

static bool expects_answers(const struct far *f)
{
	return f->names.response && f->names.invite && f->party->outward &&
	       !docket_is_won(f->c->dockets, f->party->call);
}

static int expect_response(struct far *f, bool first)
{
	f->terms->anybody = first && expects_answers(f);
	return expect(f, f->at.who);
}

/* An end that is new in a call where others said something: by a response to
 * its INVITE, before it is answered. Under a tag that is nobody's yet who was
 * called could else speak for the one that the call is with. */
static bool may_begin(const struct far *f, const char *tag)
{
	return !ends_of(f) || (*tag && expects_answers(f));
}

int far_expect(struct far *f, const struct bodies *how,
	       const struct bodies_given *in)
{
	const struct connected *old;
	const char *tag;
	int r;

	if (!f->peer->profile->diverted)
		return 0;
	r = read_names(f, how, in->frag, in->frag_len);
	if (r)
		return r;
	tag = f->names.response ? f->names.to_tag : f->names.from_tag;
	old = find(f, tag);
	if (!old && !may_begin(f, tag))
		return refuse(f, 403, E_AUTH, "its tag is of none who are in "
			      "the call");
	if (!old && (!*tag || in->words))
		return 0; /* of no dialog, or none that is known */
	f->counts = true;
	if (old)
		f->at = *old;
	else
		begin(f, tag);
	return f->names.response ? expect_response(f, !old)
				 : expect_request(f);
}

void far_keys(struct far *f, const struct sessions *s)
{
	size_t n = 0;

	for (size_t i = 0; s && i < s->n; i++)
		f->keys[n++] = s->key[i];
	if (f->at.theirs.id_len)
		f->keys[n++] = f->at.theirs;
	f->terms->session = f->keys;
	f->terms->n_session = n;
}

int far_check(struct far *f, const struct bodies_opened *o)
{
	const char *who = *o->other ? o->other : f->whose, *from;
	int r;

	if (!f->counts)
		return 0;
	r = expect(f, who);
	if (r)
		return r;
	if (!same(who, f->at.called) && o->pin.state == PIN_NEW)
		return refuse_other(f, E_AUTH, who, "whose certificate nobody "
				    "vouches for: callsealctl trust --accept");
	from = f->names.from;
	f->changed = !same(who, f->at.who);
	if (f->changed)
		wipe(&f->at.theirs, sizeof f->at.theirs);
	if (!f->names.response && same(who, from))
		set(f->at.told, from);
	set(f->at.who, who);
	return 0;
}

int far_keep(struct far *f, const struct bodies_opened *o)
{
	int r;

	if (!f->counts)
		return 0;
	if (far_is_other(f) && o->session.id_len)
		f->at.theirs = o->session;
	r = docket_connected(f->c->dockets, f->party->call, &f->at);
	if (r)
		return refuse(f, 503, r, "with whom the call is cannot be "
			      "kept");
	if (f->changed)
		log_line(LOG_CLASS_INFO, "keeper", f->party->call, "audit: "
			 "peer %s: the call for %s is with %s, who signed it",
			 f->peer->name, f->at.called, f->at.who);
	return 0;
}

/* -- ours ----------------------------------------------------------------- */

/* With whom the call is that ours is of. Once it is over, or we were started
 * again, that is the engine's word, for what says no more than its headers and
 * is of a dialog. */
static void find_far(struct far *f, const struct bodies_text *in,
		     const char *told)
{
	const char *tag = f->names.response ? f->names.from_tag
					    : f->names.to_tag;
	const struct connected *to = find(f, tag);

	if (to) {
		f->at = *to;
	} else {
		begin(f, tag);
		if (*told && *tag && !ends_of(f) && !in->content_len &&
		    !in->words)
			set(f->at.who, told);
	}
	f->counts = !same(f->at.who, f->at.called);
}

int far_seal(struct far *f, const struct bodies *how,
	     const struct bodies_text *in, const struct msg_body_seal *m)
{
	bool anew = m->full;
	int r;

	if (!f->peer->profile->diverted)
		return 0;
	r = read_names(f, how, in->frag, in->frag_len);
	if (r)
		return r;
	find_far(f, in, m->connected);
	if (!f->counts)
		return 0;
	r = expect(f, f->at.who);
	if (!r && !anew && f->at.theirs.id_len) {
		f->terms->session = &f->at.theirs;
		f->terms->n_session = 1;
	}
	return r;
}

void far_forget(struct far *f)
{
	wipe(&f->at, sizeof f->at);
	wipe(f->keys, sizeof f->keys);
}
