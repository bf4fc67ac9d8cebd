/* credential.h - certificates: our own chain with its private key, whom we
 * trust, and what a far end's certificate proves about a SIP identity (RFC
 * 5280, RFC 5922 section 7). The private key stays inside. Keeper; --check
 * reads the same files in the parent. */
#ifndef CALLSEAL_KEEPER_CREDENTIAL_H
#define CALLSEAL_KEEPER_CREDENTIAL_H

#include "daemon/base/secret.h"
#include "daemon/keeper/certs/trust.h"
#include "daemon/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_MAX 8         /* certificates from leaf to anchor */
#define SIGNATURE_MAX 512   /* bytes: RSA up to 4096 bits */
#define RSA_BITS_MIN 2048
#define ENVELOPE_MIN 16     /* bytes of an envelope key */
#define ENVELOPE_MAX 32

/* DER, or any bytes; borrowed. */
struct der {
	const uint8_t *p;
	size_t len;
};

/* Why not, in words for the operator. */
struct credential_fault {
	char text[REASON_TEXT];
};

enum signature { /* the numbers of RFC 3830 table 6.5 */
	SIGNATURE_PKCS1 = 0,
	SIGNATURE_PSS = 1,
	SIGNATURE_ECDSA = 15 /* ours: doc/MIKEY-ECC.md */
};

enum certificate_use {
	CERTIFICATE_SIGNS = 1,
	CERTIFICATE_ENCRYPTS = 2, /* RSA: keys are sealed for it */
	CERTIFICATE_AGREES = 4    /* on a curve: keys are agreed with it */
};

struct credential;
struct certificate; /* a far end's, checked */

/* -- the store ------------------------------------------------------------ */

int credential_new(struct credential **out);
void credential_free(struct credential *c); /* wipes; NULL allowed */
/* One more owner, who frees, too: an exchange may outlive a reload. */
struct credential *credential_keep(const struct credential *c);
/* Reads one PEM file from the start of an open descriptor, which stays open.
 * peer counts for CREDENTIAL_PEER only. */
int credential_read(struct credential *c, enum credential_part part,
		    const char *peer, int fd, struct credential_fault *why);
/* Whether the parts fit together: key to certificate, dates, an identity in
 * subjectAltName. 0 when nothing at all was read. */
int credential_check(const struct credential *c, uint64_t wall_us,
		     struct credential_fault *why);
/* Whether some revocation list is over, so that its issuer's certificates are
 * refused; why says which. No fault by itself: a new one may come. */
bool credential_stale(const struct credential *c, uint64_t wall_us,
		      struct credential_fault *why);
/* RSA: sign by PSS, not by PKCS #1 v1.5. */
void credential_pss(struct credential *c, bool on);
/* Whether we can prove who we are, and know whom to believe. */
bool credential_ready(const struct credential *c);
/* The first half of it: enough where far ends are trusted on first use. */
bool credential_proves(const struct credential *c);

/* -- ours ----------------------------------------------------------------- */

/* Our chain, the leaf first; out has room for CHAIN_MAX. Returns how many. */
size_t credential_chain(const struct credential *c, struct der *out);
/* Whether our certificate holds for this SIP URI of ours; E_POLICY. */
int credential_holds(const struct credential *c, const char *id,
		     struct credential_fault *why);
/* How our key signs: by its kind, and by what was chosen for RSA. */
enum signature credential_signature(const struct credential *c);
/* Bytes of a signature of ours. */
size_t credential_signature_len(const struct credential *c);
/* Signs n runs of bytes: RSA with SHA-1 (RFC 3830 4.2.1, 6.5), ECDSA with the
 * hash of its curve. out has credential_signature_len() bytes. E_UNSUPPORTED:
 * our key makes none of that type. */
int credential_sign(const struct credential *c, enum signature type,
		    const struct der *run, size_t n, uint8_t *out);
/* Whether keys can be sealed for us: our key is RSA. */
bool credential_opens(const struct credential *c);
/* Opens what was sealed for us (RSA PKCS #1 v1.5). A wrong padding or length
 * gives a random key, in the same time: it shows where the key is used. Fails
 * for reasons that everybody can see: E_FORMAT (length), E_UNSUPPORTED (our
 * key is not RSA), E_NOMEM. */
int credential_open(const struct credential *c, struct der sealed,
		    struct secret *out);

/* -- theirs --------------------------------------------------------------- */

/* What is asked of a far end's certificate. */
struct credential_ask {
	unsigned use;      /* enum certificate_use, a mask */
	const char *id;    /* whose it must be: a SIP URI */
	uint64_t wall_us;
	struct trust trust;
};

/* Checks a chain (leaf first) up to an anchor, its dates and revocation, and
 * that the leaf may do what is asked for that identity. With trust on first
 * use it must be one self-signed certificate instead, and fit the pins; see
 * certificate_pin(). E_AUTH when not, E_LOST (trust.h), E_FORMAT,
 * E_UNSUPPORTED (not RSA of RSA_BITS_MIN, P-256 or P-384; on a curve, but shall
 * receive keys). The caller frees. */
int credential_verify(const struct credential *c, const struct der *chain,
		      size_t n, const struct credential_ask *ask,
		      struct certificate **out, struct credential_fault *why);
/* The same for the chain that is configured for a peer; E_NOTFOUND: none. With
 * trust on first use the operator's word is enough, and there is no pin. */
int credential_peer(const struct credential *c, const char *peer,
		    const struct credential_ask *ask, struct certificate **out,
		    struct credential_fault *why);
/* By which pin it is believed; state PIN_NONE: by an anchor, or configured. */
const struct pin *certificate_pin(const struct certificate *c);
void certificate_free(struct certificate *c); /* NULL allowed */
/* Whether sig is its owner's signature over n runs of bytes; E_AUTH,
 * E_UNSUPPORTED for a type that its key does not make. */
int certificate_signed(const struct certificate *c, unsigned type,
		       const struct der *run, size_t n, struct der sig);
/* Seals a key for its owner (RSA PKCS #1 v1.5); out has SIGNATURE_MAX bytes,
 * *len are used. */
int certificate_seal(const struct certificate *c, const struct secret *key,
		     uint8_t *out, size_t *len);
/* Bits of strength of its key: 112 for RSA-2048 (NIST SP 800-57). */
unsigned certificate_bits(const struct certificate *c);
unsigned credential_bits(const struct credential *c);

#endif
