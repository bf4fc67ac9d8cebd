/* mac.h - HMAC-SHA1 with a key that is kept between packets. */
#ifndef CALLSEAL_SRTP_MAC_H
#define CALLSEAL_SRTP_MAC_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_LEN 20 /* bytes of key and of result */

/* All NULL: not open. */
struct mac {
	EVP_MD_CTX *inner, *outer; /* HMAC's two states with the key in them */
	EVP_MD_CTX *work;
};

/* key is copied. On failure (E_NOMEM, E_INTERNAL) mac_close() is still due. */
int mac_open(struct mac *m, const uint8_t key[static MAC_LEN]);
/* Puts another key in. After a failure it must be called again. */
int mac_key(struct mac *m, const uint8_t key[static MAC_LEN]);
/* Wipes; a mac that is not open is allowed. */
void mac_close(struct mac *m);
/* The MAC of len bytes at p. E_INTERNAL when libcrypto fails, for want of
 * memory too. */
int mac_make(struct mac *m, const uint8_t *p, size_t len,
	     uint8_t out[static MAC_LEN]);
/* The same with another key, which takes half as long again. */
int mac_make_with(struct mac *m, const uint8_t key[static MAC_LEN],
		  const uint8_t *p, size_t len, uint8_t out[static MAC_LEN]);

#endif
