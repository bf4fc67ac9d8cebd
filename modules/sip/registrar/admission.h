/* admission.h - requests of phones pass by their password, where the gateway
 * is their registrar (register = "local"): a challenge, the keeper's verdict,
 * and then on. */
#ifndef CALLSEAL_SIP_ADMISSION_H
#define CALLSEAL_SIP_ADMISSION_H

#include "daemon/digest/digest.h"
#include "modules/sip/sip.h"

struct admissions;

/* Who was admitted, borrowed for the call; NULL: nobody had to be asked. */
struct admitted {
	const char *user;
	const struct digest_info *info; /* for Authentication-Info */
};

/* The request goes on; irq is taken. */
typedef void (*admitted_fn)(struct sip_face *f, nta_incoming_t *irq,
			    const sip_t *sip, const struct admitted *who);

int admissions_new(struct sip *s, struct admissions **out);
/* Forgets what waits. NULL is allowed. */
void admissions_free(struct admissions *a);

/* A request outside a dialog; takes irq. From inside, with register = "local",
 * it is answered here (401 for REGISTER, else 407, or a refusal) until it has
 * the right credentials and, but for REGISTER, a From of their account. All
 * others go on at once. next is called at most once, maybe before this
 * returns. */
void admission_ask(struct sip_face *f, nta_incoming_t *irq, const sip_t *sip,
		   admitted_fn next);
/* Whether all that a REGISTER from there gets is a challenge, whoever sent it:
 * it may come in, and has no credentials for us, or (*stale) none by a nonce
 * that holds. Asks nobody. */
bool admission_unknown(const struct sip_face *f, const sip_t *sip,
		       const struct addr *source, bool *stale);
/* Puts the challenges of a response to it. False: they cannot be made. */
bool admission_challenge(const struct sip_face *f, const sip_t *sip,
			 const struct addr *source, bool stale, msg_t *msg);
/* What proves to the phone that we know its password (RFC 7615): value of a
 * Proxy-Authentication-Info for the 2xx. The caller frees. NULL: nothing to
 * prove, or no memory. */
char *admission_proof(const struct admitted *who);
/* Puts it there, if there is one. False: no memory. */
bool admission_prove(const char *proof, msg_t *msg);
/* The realm of ours whose credentials do not leave this face; NULL: none. */
const char *admission_realm(const struct sip_face *came);
/* With register = "local": where a URI of this message names us by address, it
 * gets the domain instead, so that a phone that has our address for a domain
 * is the same as one that has the domain. */
void admission_name(const struct sip_face *f, const sip_t *sip);

#endif
