/* proof.c - see proof.h. */
#include "modules/vici/proof.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNREAD "its certificate was not read"

_Static_assert(IKECERTS_MAX <= IKE_CERTS_MAX, "charon gets all of a file");

/* One file. */
struct held {
	struct ikecerts certs;
	struct vici_bytes bytes[IKECERTS_MAX];
	char why[IKECERT_WHY + 32]; /* "": it is good */
};

struct theirs {
	char peer[NAME_TEXT];
	bool ca;
	struct held held;
};

struct proof {
	struct held ours;
	struct theirs *theirs;
	size_t n;
};

static void hold(struct held *h, const char *key, int fd, enum ikecert_use use,
		 const char *id, uint64_t now_us)
{
	char why[IKECERT_WHY] = "the file did not come: restart the service";

	if (fd < 0 || ikecerts_read(fd, use, id, now_us, &h->certs, why))
		snprintf(h->why, sizeof h->why, "%s: %s", key, why);
	for (size_t i = 0; i < h->certs.n; i++)
		h->bytes[i] = (struct vici_bytes){ h->certs.cert[i].der,
						   h->certs.cert[i].len };
}

static void hold_theirs(struct theirs *t, const struct peer *p, size_t i,
			const struct proof_files *files)
{
	char name[NAME_TEXT], at[ADDR_TEXT];

	snprintf(t->peer, sizeof t->peer, "%s", p->name);
	snprintf(name, sizeof name, IKECERT_FILE_PEER, i);
	t->ca = p->ike.ca;
	hold(&t->held, t->ca ? "ike_ca" : "ike_cert",
	     files->fd(files->user, name), t->ca ? IKECERT_CA : IKECERT_PIN,
	     *p->ike.id ? p->ike.id : addr_host(&p->ike.at, at),
	     files->now_us);
}

int proof_new(const struct policy *policy, const char *id,
	      const struct proof_files *files, struct proof **out)
{
	struct proof *p = calloc(1, sizeof *p);
	const struct peer *peer;

	if (p)
		p->theirs = calloc(policy_count(policy) + 1,
				   sizeof *p->theirs);
	if (!p || !p->theirs) {
		proof_free(p);
		return E_NOMEM;
	}
	for (size_t i = 0; (peer = policy_at(policy, i)); i++)
		if (*peer->ike.cert)
			hold_theirs(&p->theirs[p->n++], peer, i, files);
	if (p->n)
		hold(&p->ours, "vici.cert",
		     files->fd(files->user, IKECERT_FILE_OURS), IKECERT_OURS,
		     id, files->now_us);
	*out = p;
	return 0;
}

void proof_free(struct proof *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		ikecerts_free(&p->theirs[i].held.certs);
	ikecerts_free(&p->ours.certs);
	free(p->theirs);
	free(p);
}

static struct theirs *find(const struct proof *p, const char *peer)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->theirs[i].peer, peer))
			return &p->theirs[i];
	return NULL;
}

static bool same_certs(const struct held *a, const struct held *b)
{
	bool same = a->certs.n == b->certs.n;

	for (size_t i = 0; same && i < a->certs.n; i++)
		same = a->certs.cert[i].len == b->certs.cert[i].len &&
		       !memcmp(a->certs.cert[i].der, b->certs.cert[i].der,
			       a->certs.cert[i].len);
	return same;
}

static const char *take(struct held *h, struct held *later, bool *other)
{
	struct held was = *h;

	if (*h->why || same_certs(h, later))
		return NULL;
	if (*later->why)
		return later->why;
	*h = *later;
	*later = was;
	*other = true;
	return NULL;
}

const char *proof_take_ours(struct proof *p, struct proof *later, bool *other)
{
	return take(&p->ours, &later->ours, other);
}

const char *proof_take(struct proof *p, struct proof *later, const char *peer,
		       bool *other)
{
	struct theirs *t = find(p, peer), *next = find(later, peer);

	return t && next ? take(&t->held, &next->held, other) : UNREAD;
}

void proof_ours(const struct proof *p, struct prints *out)
{
	const struct ikecerts *c = &p->ours.certs;

	*out = (struct prints){ .n = 0 };
	if (c->n && !*p->ours.why && !print_of(PRINT_SHA256, c->cert[0].der,
					       c->cert[0].len, &out->list[0]))
		out->n = 1;
}

bool proof_fits(const struct proof *p, const char *peer,
		const struct prints *theirs)
{
	const struct theirs *t = find(p, peer);
	bool fits = false;

	for (size_t i = 0; t && !t->ca && !*t->held.why &&
	     i < t->held.certs.n; i++)
		fits = fits || prints_match(theirs, t->held.certs.cert[i].der,
					    t->held.certs.cert[i].len, true);
	return fits;
}

const char *proof_give(const struct proof *p, const char *peer,
		       struct ike_peer *out)
{
	const struct theirs *t = find(p, peer);
	struct vici_side *ours = &out->ours, *far = &out->theirs;

	if (!t)
		return UNREAD;
	if (*p->ours.why || *t->held.why)
		return *p->ours.why ? p->ours.why : t->held.why;
	ours->auth = far->auth = VICI_AUTH_PUBKEY;
	ours->certs = p->ours.bytes;
	ours->n_certs = p->ours.certs.n;
	*(t->ca ? &far->cas : &far->certs) = t->held.bytes;
	*(t->ca ? &far->n_cas : &far->n_certs) = t->held.certs.n;
	return NULL;
}
