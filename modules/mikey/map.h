/* map.h - the crypto session map of an offer that came in: what each session
 * is, by the three types of map (RFC 3830 6.1.1, RFC 4563 section 5, RFC 6043
 * 6.1.1), held against the lines of media that it is for. */
#ifndef CALLSEAL_MIKEY_MAP_H
#define CALLSEAL_MIKEY_MAP_H

#include "modules/mikey/incoming.h"

/* Two sessions a line, in their order; nobody chooses our SSRC. 0 or the
 * fault. */
int mikey_map_check(struct mikey_incoming *in);
/* Chooses the suite: sets sp, and named. 0 or the fault. */
int mikey_map_suite(struct mikey_incoming *in);
/* That policy of the offer, one of SRTP and allowed. 0 or the fault. */
int mikey_map_policy(struct mikey_incoming *in, unsigned no,
		     struct mikey_sp *out);
/* Which of n keys session i (from 0) is for: the one key, the one that its
 * SPI names, or the i-th. -1: none. */
int mikey_map_key(const struct mikey_message *m, size_t i,
		  const struct mikey_key *key, size_t n);
/* The SSRC of session i (from 0); 0: not told. */
uint32_t mikey_map_ssrc(const struct mikey_message *m, size_t i);
/* The map of the response: our SSRCs filled in, one policy a session, and
 * that policy itself where the offer has none. Also for ESP. Points into in. */
void mikey_map_back(struct mikey_incoming *in, struct mikey_message *m);
/* Adds the policy that the response must bring, if any. */
void mikey_map_add_policy(const struct mikey_incoming *in,
			  struct mikey_message *m);

#endif
