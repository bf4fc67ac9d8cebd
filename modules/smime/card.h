/* card.h - a far end's certificates, read once and kept: to read one takes
 * OpenSSL 3.0 as long as to check several signatures. A card proves nothing by
 * itself; who uses one verifies it for an identity and a use, which is
 * remembered (daemon/keeper/certs/verified.h). */
#ifndef CALLSEAL_SMIME_CARD_H
#define CALLSEAL_SMIME_CARD_H

#include "daemon/keeper/certs/credential.h"
#include "modules/smime/fault.h"

#include <openssl/x509.h>

struct smime_card;

/* Copies a chain, the leaf first. SMIME_MALFORMED, SMIME_TOO_LARGE (more than
 * CHAIN_MAX), SMIME_BROKEN. */
int smime_card_new(const struct der *chain, size_t n, struct smime_card **out,
		   struct smime_fault *why);
/* One more owner, who frees, too. */
struct smime_card *smime_card_keep(const struct smime_card *c);
void smime_card_free(struct smime_card *c); /* NULL allowed */
/* Borrowed, as long as the card. */
const struct der *smime_card_chain(const struct smime_card *c, size_t *n);

/* For modules/smime only. A card of certificates that were read already, the
 * leaf and all of others that are not it (NULL: none); takes references. */
int smime_card_of(X509 *leaf, STACK_OF(X509) *others, struct smime_card **out,
		  struct smime_fault *why);
X509 *smime_card_leaf(const struct smime_card *c); /* borrowed */

#endif
