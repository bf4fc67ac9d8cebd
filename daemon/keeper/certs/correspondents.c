#include "daemon/keeper/certs/correspondents.h"

#include "daemon/base/err.h"

#include <stdlib.h>
#include <string.h>

#define MOST 256 /* of some KiB each */

struct correspondent {
	char peer[NAME_TEXT], id[IDENTITY_TEXT];
	uint64_t used; /* the last time, in calls of this file */
	const struct bodies *how;
	struct bodies_card *card;
	struct bodies_capabilities able;
	bool told, knows_us;
};

struct correspondents {
	uint64_t now;
	size_t n;
	struct correspondent one[MOST];
};

int correspondents_new(struct correspondents **out)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : E_NOMEM;
}

void correspondents_free(struct correspondents *c)
{
	for (size_t i = 0; c && i < c->n; i++)
		if (c->one[i].how)
			c->one[i].how->card_free(c->one[i].card);
	free(c);
}

static struct correspondent *find(struct correspondents *c, const char *peer,
				  const char *id)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->one[i].peer, peer) && !strcmp(c->one[i].id, id))
			return &c->one[i];
	return NULL;
}

static struct correspondent *room(struct correspondents *c)
{
	struct correspondent *oldest = &c->one[0];

	if (c->n < MOST)
		return &c->one[c->n++];
	for (size_t i = 1; i < c->n; i++)
		if (c->one[i].used < oldest->used)
			oldest = &c->one[i];
	return oldest;
}

/* Its entry, made when there is none. NULL: no name of any. */
static struct correspondent *enter(struct correspondents *c, const char *peer,
				   const char *id)
{
	struct correspondent *at = find(c, peer, id);

	if (at || strlen(peer) >= NAME_TEXT || strlen(id) >= IDENTITY_TEXT)
		return at;
	at = room(c);
	if (at->how)
		at->how->card_free(at->card);
	*at = (struct correspondent){ .used = ++c->now };
	strcpy(at->peer, peer);
	strcpy(at->id, id);
	return at;
}

void correspondents_put(struct correspondents *c, const char *peer,
			const char *id, const struct bodies *how,
			struct bodies_opened *o)
{
	struct correspondent *at;

	at = o->card ? enter(c, peer, id) : NULL;
	if (!at)
		return;
	if (at->how)
		at->how->card_free(at->card);
	at->used = ++c->now;
	at->how = how;
	at->card = o->card;
	at->able = o->able;
	o->card = NULL;
}

void correspondents_seen(struct correspondents *c, const char *peer,
			 const char *id)
{
	struct correspondent *at = find(c, peer, id);

	if (at && at->told)
		at->knows_us = true;
}

void correspondents_told(struct correspondents *c, const char *peer,
			 const char *id)
{
	struct correspondent *at = enter(c, peer, id);

	if (at) {
		at->told = true;
		at->knows_us = false;
	}
}

bool correspondents_knows_us(struct correspondents *c, const char *peer,
			     const char *id)
{
	const struct correspondent *at = find(c, peer, id);

	return at && at->knows_us;
}

const struct bodies_card *correspondents_get(struct correspondents *c,
					     const char *peer, const char *id,
					     struct bodies_capabilities *able)
{
	struct correspondent *at = find(c, peer, id);

	*able = (struct bodies_capabilities){ .told = false };
	if (!at)
		return NULL;
	at->used = ++c->now;
	*able = at->able;
	return at->card;
}
