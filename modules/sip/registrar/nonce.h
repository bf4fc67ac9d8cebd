/* nonce.h - the nonces of our challenges (RFC 7616 3.3, 5.4), and which counts
 * of them were used. Knows no SIP message. One thread. */
#ifndef CALLSEAL_SIP_NONCE_H
#define CALLSEAL_SIP_NONCE_H

#include "daemon/base/addr.h"

#include <stdint.h>

#define NONCE_TEXT 65  /* with the NUL */
#define OPAQUE_TEXT 33

struct nonces;

/* A new set: nonces of another are not known here. */
int nonces_new(struct nonces **out);
void nonces_free(struct nonces *n); /* NULL is allowed */
/* For who is at that address, whatever the port; now_us is monotonic. */
int nonce_make(const struct nonces *n, const struct addr *whose,
	       uint64_t now_us, char out[static NONCE_TEXT]);
/* The same for all challenges. */
const char *nonces_opaque(const struct nonces *n);
/* 0, or E_EXPIRED: not ours, given to another address, or older than life. So
 * whoever has one that holds does receive what is sent to his address. */
int nonce_check(const struct nonces *n, const char *nonce,
		const struct addr *whose, uint64_t now_us, uint64_t life_us);
/* Marks a count of a checked nonce as used, once its response was found right.
 * nc 0: an answer without counting, of which a nonce is good for one. 0,
 * E_REPLAY: it was used, or is too far behind; E_EXPIRED: it is not known any
 * more what was used. */
int nonce_use(struct nonces *n, const char *nonce, const struct addr *whose,
	      uint32_t nc);

#endif
