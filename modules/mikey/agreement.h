/* agreement.h - the Diffie-Hellman values of one exchange, which the signed
 * and the MACed mode use alike (RFC 3830 3.3, RFC 4650 section 3): DHi in the
 * offer, DHr and DHi in the answer, the keys from both. */
#ifndef CALLSEAL_MIKEY_AGREEMENT_H
#define CALLSEAL_MIKEY_AGREEMENT_H

#include "modules/mikey/dh.h"
#include "modules/mikey/incoming.h"
#include "modules/mikey/outgoing.h"

/* Adds our public value and the key's validity. Points into dh and kv. */
void mikey_agreement_add(struct mikey_message *m, const struct mikey_dh *dh,
			 struct mikey_kv kv);

/* Answerer, behind all other checks: is the offer's value one that may be
 * used, then our own half (the caller frees *dh, on failure too) and the keys,
 * which nobody has confirmed. */
int mikey_agreement_answer(struct mikey_incoming *in,
			   const struct mikey_payload *dh_i,
			   struct mikey_dh **dh, struct keying_result *out);
/* Adds DHr and DHi to the answer. */
void mikey_agreement_back(struct mikey_message *m, const struct mikey_dh *dh,
			  const struct mikey_payload *dh_i);

/* Offerer: the answer has a value of our group, and ours came back as it
 * was; both have the validity that we offered. */
int mikey_agreement_check(const struct mikey_outgoing *o,
			  const struct mikey_dh *dh,
			  const struct mikey_message *m,
			  struct keying_fault *fault);
/* The keys from an answer that is authenticated and passed that check. */
int mikey_agreement_finish(const struct mikey_outgoing *o,
			   const struct mikey_dh *dh,
			   const struct mikey_message *m,
			   struct keying_result *out,
			   struct keying_fault *fault);

#endif
