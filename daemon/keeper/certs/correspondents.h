/* correspondents.h - the certificates that far ends signed bodies with, so that
 * bodies for them can be encrypted: in memory only, the longest unused gives
 * way. Keeper. */
#ifndef CALLSEAL_KEEPER_CORRESPONDENTS_H
#define CALLSEAL_KEEPER_CORRESPONDENTS_H

#include "daemon/keeper/bodies.h"

struct correspondents;

int correspondents_new(struct correspondents **out);
void correspondents_free(struct correspondents *c); /* NULL allowed */
/* Remembers the card of one that was opened by how, and takes it. */
void correspondents_put(struct correspondents *c, const char *peer,
			const char *id, const struct bodies *how,
			struct bodies_opened *o);
/* That identity's card, borrowed until the next put, and what it can; NULL:
 * none. */
const struct bodies_card *correspondents_get(struct correspondents *c,
					     const char *peer, const char *id,
					     struct bodies_capabilities *able);

/* Our certificates went to it, in a call that a phone of ours made. */
void correspondents_told(struct correspondents *c, const char *peer,
			 const char *id);
/* Something of it was opened. */
void correspondents_seen(struct correspondents *c, const char *peer,
			 const char *id);
/* Whether something of it was opened since: so it has them, as far as can be
 * known. */
bool correspondents_knows_us(struct correspondents *c, const char *peer,
			     const char *id);

#endif
