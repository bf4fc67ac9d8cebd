/* keyset.h - the keys that were installed last, so that none of them is
 * installed once more: with a key given by hand the counter of AES-GCM
 * begins anew, and two packets under one counter give both away (RFC 4106 2;
 * RFC 8221 3). Holds no key, only keyed hashes. One thread. */
#ifndef CALLSEAL_XFRM_KEYSET_H
#define CALLSEAL_XFRM_KEYSET_H

#include "modules/xfrm/ipsec.h"

struct keyset;

/* most: how many keys it knows at the least, once there were so many, and half
 * of what it knows at the most; 11 to 22 bytes of memory each. */
int keyset_new(size_t most, struct keyset **out);
void keyset_free(struct keyset *s); /* NULL is allowed */
/* Remembers the key, whatever becomes of it: adding one that is not installed
 * after all is no loss. The cipher's key counts, whatever salt is with it, and
 * by itself the key of authentication. E_REPLAY: known, of either direction.
 * E_NOMEM. On failure nothing was added. */
int keyset_add(struct keyset *s, const struct esp_key *key);
size_t keyset_count(const struct keyset *s);

#endif
