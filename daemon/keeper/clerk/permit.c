/* permit.c - the keeper does not believe the engine: the far end's identity
 * is matched against the keeper's own policy, and only the peer that it falls
 * to lends its key. Reasons name the peer and the cure. */
#include "daemon/keeper/clerk/permit.h"

#include "daemon/base/err.h"
#include "daemon/keeper/certs/credential.h"
#include "daemon/protocol.h"
#include "daemon/psk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refuse(struct keying_fault *fault, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct keying_fault *fault, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault->text, sizeof fault->text, fmt, ap);
	va_end(ap);
	return E_POLICY;
}

static bool is_text(const char *s, size_t size)
{
	return s[0] && memchr(s, 0, size);
}

int permit_form(const struct msg_key_party *p)
{
	return p->n < 1 || p->n > STREAM_MAX ? E_FORMAT : permit_names(p);
}

int permit_names(const struct msg_key_party *p)
{
	if (!p->call)
		return E_FORMAT;
	if (!is_text(p->peer, sizeof p->peer) ||
	    !is_text(p->local_id, sizeof p->local_id) ||
	    !is_text(p->remote_id, sizeof p->remote_id))
		return E_FORMAT;
	return 0;
}

static size_t allowed(const struct profile *profile)
{
	return profile->negotiate == NEGOTIATE_STATIC ? 1 : profile->n_keying;
}

static const struct keying *method_of(const struct clerk_services *s,
				      const struct profile *profile,
				      const struct keying_bytes *offer,
				      bool secured)
{
	const struct keying *first = NULL, *k;

	for (size_t i = 0; i < allowed(profile); i++) {
		if (!protocol_permits(profile, profile->keying[i], secured))
			continue;
		k = s->method(s->user, profile->keying[i]);
		if (k && offer && k->takes(offer->data, offer->len))
			return k;
		if (!first)
			first = k;
	}
	return first; /* it says in detail why it does not take the offer */
}

static int lend_psk(const struct clerk_services *s, struct permit *own,
		    struct keying_fault *fault)
{
	own->psk = s->psk(s->user, own->peer->name);
	if (!own->psk)
		return refuse(fault, "peer %.48s has no pre-shared key: set "
			      "psk = \"file:...\"", own->peer->name);
	if (own->psk->len < PSK_MIN)
		return refuse(fault, "peer %.48s: its pre-shared key has only "
			      "%zu bytes, at least %d are needed",
			      own->peer->name, own->psk->len, PSK_MIN);
	return 0;
}

int permit_credential(const struct clerk_services *s, const struct peer *peer,
		      const struct credential **out,
		      struct keying_fault *fault)
{
	const struct credential *own =
		s->credential ? s->credential(s->user) : NULL;

	if (peer->profile->tofu ? !credential_proves(own)
				: !credential_ready(own))
		return refuse(fault, "peer %.48s takes certificates: set "
			      "identity = { cert, key } and trust = { ca }",
			      peer->name);
	*out = own;
	return 0;
}

static int lend(const struct clerk_services *s, struct permit *own,
		struct keying_fault *fault)
{
	if (own->method->bare)
		return 0;
	return own->method->certified
		? permit_credential(s, own->peer, &own->credential, fault)
		: lend_psk(s, own, fault);
}

static int match(const struct clerk_services *s,
		 const struct msg_key_party *party, const struct peer **out,
		 struct keying_fault *fault)
{
	const struct peer *peer = s->match(s->user, party->remote_id);

	if (!peer)
		return refuse(fault, "no peer matches %.80s: add one to peers",
			      party->remote_id);
	if (strcmp(peer->name, party->peer))
		return refuse(fault, "%.56s belongs to peer %.32s, not to "
			      "%.32s", party->remote_id, peer->name,
			      party->peer);
	*out = peer;
	return 0;
}

int permit_peer(const struct clerk_services *s,
		const struct msg_key_party *party, const struct peer **out,
		struct keying_fault *fault)
{
	int r = match(s, party, out, fault);

	if (r || (*out)->profile->need != NEED_FORBID)
		return r;
	return refuse(fault, "peer %.48s is plain (its profile says need = "
		      "\"forbid\")", (*out)->name);
}

int permit_bodies(const struct clerk_services *s,
		  const struct msg_key_party *party, const struct peer **out,
		  struct keying_fault *fault)
{
	int r = match(s, party, out, fault);

	if (r || (*out)->profile->body)
		return r;
	return refuse(fault, "peer %.48s has no S/MIME (its profile says body "
		      "= \"none\")", (*out)->name);
}

int permit_method(const struct clerk_services *s,
		  const struct permit_ask *ask, struct permit *out,
		  struct keying_fault *fault)
{
	const struct peer *peer = ask->peer;
	const struct keying *method;
	struct permit own;
	int r;

	method = method_of(s, peer->profile, ask->offer, ask->secured);
	if (!method)
		return refuse(fault, "peer %.48s has no keying method that "
			      "can be used here: set its profile's keying; "
			      "sdes needs SIP over verified TLS", peer->name);
	own = (struct permit){ .peer = peer, .method = method };
	r = lend(s, &own, fault);
	if (!r)
		*out = own;
	return r;
}

void permit_all(const struct clerk_services *s, const struct peer *peer,
		struct permits *out)
{
	struct keying_fault why;

	*out = (struct permits){ .n = 0 };
	for (size_t i = 0; i < allowed(peer->profile); i++) {
		struct permit own = { .peer = peer, .method =
			s->method(s->user, peer->profile->keying[i]) };

		if (own.method && !lend(s, &own, &why))
			out->item[out->n++] = own;
	}
}
