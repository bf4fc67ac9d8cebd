/* show.h - what the keeper has, for the operator's eyes, as JSON text: no
 * secret is in it. Keeper. */
#ifndef CALLSEAL_KEEPER_SHOW_H
#define CALLSEAL_KEEPER_SHOW_H

#include "daemon/keeper/certs/credential.h"
#include "daemon/keeper/memory/memory.h"

/* Our certificates, whom we believe, lists, peers' certificates, and warnings
 * of what is over or soon will be; see callseal-control(7). c may be NULL.
 * The caller frees; NULL: no memory. */
char *show_certs(const struct credential *c, uint64_t wall_us);
/* The pins, and how many are lost. */
char *show_trust(const struct memory *m);

#endif
