/* ranks.h - the extension of the negotiation by priority (daemon/keeper/rank.h)
 * in MIKEY: a general extension of type 0, vendor ID (RFC 3830 6.15). */
#ifndef CALLSEAL_MIKEY_RANKS_H
#define CALLSEAL_MIKEY_RANKS_H

#include "modules/mikey/outgoing.h"

/* Ours among a message's extensions: E_NOTFOUND, and E_FORMAT when it is there
 * more than once. *out points into the message. */
int mikey_rank_find(const struct mikey_message *m, struct mikey_bytes *out);
/* As keying.outline. */
int mikey_outline(const uint8_t *message, size_t len,
		  struct keying_outline *out);
/* Adds the terms' extension, if they have one. */
void mikey_rank_add(const struct keying_terms *t, struct mikey_message *m);
/* The length of TGK that fits a suite, or every suite of an offer: a response
 * may name any of them. */
size_t mikey_tgk_len(enum suite suite);
size_t mikey_rank_tgk(const struct keying_terms *t);
/* The longest key that our first suite takes, or any of ESP's. */
size_t mikey_key_len(const struct keying_terms *t);
struct mikey_settled {
	struct mikey_sp sp;
	bool named; /* its suite is not the one of the offer's policy */
};

/* What an authenticated response settles: the offer's policy when the far end
 * does not know the extension, else the suite that both lists give. result,
 * whose facts have the method, gets the suite and what the far end said.
 * E_AUTH when the response is not what our offer leads to. */
int mikey_rank_settle(const struct mikey_outgoing *o,
		      const struct mikey_message *m,
		      struct keying_result *result,
		      struct mikey_settled *out,
		      struct keying_fault *fault);

#endif
