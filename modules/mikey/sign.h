/* sign.h - certificates and signatures in messages (RFC 3830 6.5, 6.7). */
#ifndef CALLSEAL_MIKEY_SIGN_H
#define CALLSEAL_MIKEY_SIGN_H

#include "daemon/keeper/certs/credential.h"
#include "daemon/keeper/keying.h"
#include "modules/mikey/message.h"
#include "modules/mikey/psk.h"

enum mikey_cert_type {
	MIKEY_CERT_X509,
	MIKEY_CERT_URL,
	MIKEY_CERT_SIGN,
	MIKEY_CERT_ENCR
};

/* The terms must hold our own certificate for our identity and somebody to
 * believe. */
int mikey_sign_terms(const struct keying_terms *t, struct keying_fault *fault);
/* The same, and keys can be sealed for us. */
int mikey_open_terms(const struct keying_terms *t, struct keying_fault *fault);
/* Adds our certificates, one CERT each, the leaf first. */
void mikey_sign_certs(const struct credential *c, struct mikey_message *m);
/* Encodes m with a SIGN behind it over all of it. also (may be NULL): what the
 * signature of RSA-R covers behind the message; then the SIGN payload's own
 * first bytes are left out, as RFC 4738 3.6 has it. */
int mikey_encode_signed(struct mikey_message *m, const struct credential *c,
			const struct mikey_covered *also, struct buf *out);

/* A message that must be signed by the far end. */
struct mikey_signed {
	const struct credential *credential;
	const struct mikey_message *m;
	struct mikey_bytes bytes;         /* that m was decoded from */
	const struct mikey_covered *also; /* as above */
	unsigned use;                     /* enum certificate_use */
	const char *id;                   /* whose it must be: a SIP URI */
	uint64_t wall_us;
	struct trust trust;
	const char *peer; /* whose configured certificate counts when the
	                     message brings none; NULL: nobody's */
	struct keying_result *result;     /* gets the pin, if it is by one */
};

/* Checks the certificates in it and the signature, its last payload. E_AUTH,
 * E_FORMAT, E_UNSUPPORTED. The caller frees *out (NULL: not wanted). */
int mikey_sign_check(const struct mikey_signed *s, struct certificate **out,
		     struct keying_fault *fault);

/* Reads the answer to a signed offer: of that type, to this offer, by whom we
 * called. An error message is told as a fault. The signature is not checked
 * yet. m points into bytes. */
int mikey_sign_answer(const struct mikey_outgoing *o, unsigned type,
		      struct mikey_bytes bytes, struct mikey_message *m,
		      struct keying_fault *fault);

#endif
