/* within.h - SRTP in the tunnels of a message that keys ESP: its crypto
 * sessions stand behind theirs in the same map, its policies beside theirs
 * (doc/MIKEY-IPSEC.md). Where the terms have none of it each function does
 * nothing. */
#ifndef CALLSEAL_MIKEY_ESP_WITHIN_H
#define CALLSEAL_MIKEY_ESP_WITHIN_H

#include "daemon/keeper/keying.h"
#include "modules/mikey/message.h"
#include "modules/mikey/sp.h"

#define MIKEY_SSRC 4 /* bytes */

struct mikey_incoming;

/* What an offer must remember; nothing secret. */
struct mikey_within {
	size_t n; /* lines; 0: ESP alone is keyed */
	uint8_t ssrc[STREAM_MAX][MIKEY_SSRC]; /* that we send with */
	/* one for each suite, best first; their numbers go on where those of
	 * ESP's policies end */
	size_t n_policies;
	struct mikey_sp sp[SUITE_COUNT];
	uint8_t number[SUITE_COUNT];
	uint8_t params[SUITE_COUNT][MIKEY_SP_ROOM];
	uint8_t params_len[SUITE_COUNT];
};

/* -- the offerer ---------------------------------------------------------- */

/* Fills it by terms that mikey_terms() has checked. */
int mikey_within_draw(const struct keying_terms *t, struct mikey_within *w);
/* Adds the sessions, behind those that are in the map. Points into w. */
void mikey_within_map(const struct mikey_within *w, struct mikey_message *m);
/* Adds the policies. Points into w. */
void mikey_within_policies(const struct mikey_within *w,
			   struct mikey_message *m);
/* Takes what an authenticated answer with as many sessions as the offer says of
 * them: how many lines, the SSRCs that we shall hear, the suite. E_FORMAT for
 * other sessions than the offer's, E_AUTH for our own SSRC or a policy changed.
 */
int mikey_within_answered(const struct mikey_within *w,
			  const struct mikey_message *m,
			  struct keying_result *out,
			  struct keying_fault *fault);

/* -- the answerer --------------------------------------------------------- */

/* Whether the map has as many sessions as tunnels and streams take: an offer of
 * ESP alone is refused where SRTP goes in it, and the other way round. */
int mikey_within_count(struct mikey_incoming *in);
/* Its sessions and policies; the first that all of them list and the terms
 * have is chosen. 0 or the fault. */
int mikey_within_check(struct mikey_incoming *in);
/* The sessions of the response: our SSRCs filled in, one policy. Points into
 * in. */
void mikey_within_back(struct mikey_incoming *in, struct mikey_message *m);
/* Adds the chosen policy as the offer has it. */
void mikey_within_add_policy(const struct mikey_incoming *in,
			     struct mikey_message *m);

#endif
