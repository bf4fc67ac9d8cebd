/* words.h - the words of a MESSAGE (RFC 3428), which go from edge to edge
 * sealed (S/MIME, RFC 8591) where the profile seals bodies. */
#ifndef CALLSEAL_SIP_WORDS_H
#define CALLSEAL_SIP_WORDS_H

#include "modules/sip/sip.h"

/* Whether it is a MESSAGE that has any. */
bool words_in(const sip_t *sip);
/* What the keeper must know of one from outside to open it. frag and fields are
 * made; words_given_free() frees them. False: no memory. */
bool words_given(const sip_t *sip, struct call_given *g);
void words_given_free(struct call_given *g);
/* Those of a message as they came, fields the same way. */
struct body words_of(const sip_t *sip, const char *fields);
/* Gives a message what was opened, with its own Content- headers. False: no
 * memory. */
bool words_put(msg_t *msg, const struct body *words);

#endif
