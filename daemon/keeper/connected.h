/* connected.h - with whom a call is, by the tags of its far end (RFC 4916):
 * with another than it was made to where it was diverted. Keeper. */
#ifndef CALLSEAL_KEEPER_CONNECTED_H
#define CALLSEAL_KEEPER_CONNECTED_H

#include "daemon/keeper/bodies.h"
#include "daemon/message.h"

#define CONNECTED_MAX 16 /* branches of a call */

/* One end that said something in the call. */
struct connected {
	struct connected *next;
	char tag[BODIES_TAG];
	char called[IDENTITY_TEXT]; /* whom the call was for then */
	char who[IDENTITY_TEXT];    /* whose its messages must be */
	char first[IDENTITY_TEXT];  /* what From said of it at the beginning,
	                               and says as long as told does not */
	char told[IDENTITY_TEXT];
	struct bodies_session theirs; /* a key that it gave us, if it is another
	                                 than was called */
};

/* The one with that tag, of a call that is for called; NULL: nothing of it was
 * taken yet. */
struct connected *connected_find(struct connected *list, const char *tag,
				 const char *called);
/* Whether somebody of them is another than the call was for. */
bool connected_strays(const struct connected *list);
/* Puts a copy of it into the list, in place of what is there for the tag.
 * E_FULL: there are too many; E_NOMEM. */
int connected_put(struct connected **list, const struct connected *c);
/* All of them, wiped. */
void connected_free(struct connected **list);

#endif
