/* dh.h - Diffie-Hellman in MIKEY's groups (RFC 3830 6.4) and on two curves
 * (doc/MIKEY-ECC.md), for all modes that agree on a TGK: a private value, its
 * public one, the shared secret. */
#ifndef CALLSEAL_MIKEY_DH_H
#define CALLSEAL_MIKEY_DH_H

#include "daemon/base/secret.h"
#include "modules/mikey/message.h"

#include <stdbool.h>
#include <stddef.h>

#define MIKEY_DH_MAX 192 /* bytes of a public value or secret */

/* The DH payload's numbers. Those of the curves are from the range for private
 * use (RFC 3830 section 10). */
enum mikey_dh_group {
	MIKEY_OAKLEY_5 = 0,
	MIKEY_OAKLEY_1 = 1,
	MIKEY_OAKLEY_2 = 2,
	MIKEY_P256 = 241,
	MIKEY_P384 = 242
};

/* Our half of one exchange. Holds the private value. */
struct mikey_dh;

/* Bytes of the group's public values; 0: unknown group. */
size_t mikey_dh_len(unsigned group);
/* Whether it is a curve's. */
bool mikey_dh_is_curve(unsigned group);
/* The curve that is as strong as a key of that many bytes. */
unsigned mikey_dh_curve_for(size_t key_len);
/* "OAKLEY 5 (1536 bits)"; "an unknown group". Static text. */
const char *mikey_dh_name(unsigned group);
/* About how many bits of a symmetric key it is worth; 0: unknown group. */
unsigned mikey_dh_bits(unsigned group);
/* Whether keys may be agreed in it. Groups 1 and 2 only when legacy: today's
 * means break the first and are close to the second. */
bool mikey_dh_allowed(unsigned group, bool legacy);

/* A fresh private value and its public one; E_UNSUPPORTED, E_NOMEM. The
 * caller frees. About 0.2 ms in group 5, a tenth of it on P-256. */
int mikey_dh_new(unsigned group, struct mikey_dh **out);
void mikey_dh_free(struct mikey_dh *d); /* wipes; NULL allowed */
unsigned mikey_dh_group(const struct mikey_dh *d);
/* Our public value, mikey_dh_len() bytes; borrowed from d. */
struct mikey_bytes mikey_dh_public(const struct mikey_dh *d);
/* Whether a peer's public value may be used at all: of the group's length and
 * from 2 to p - 2; on a curve an uncompressed point of it, which the point at
 * infinity is not. E_FORMAT when not, E_UNSUPPORTED for the group. */
int mikey_dh_check(unsigned group, struct mikey_bytes value);
/* The TGK: the secret shared with the owner of that public value, as long as
 * the group's values, or the x coordinate (leading zeros stay). Checks the
 * value as mikey_dh_check() does and refuses our own one (E_FORMAT: our message
 * came back). May be called for several peers. */
int mikey_dh_shared(const struct mikey_dh *d, struct mikey_bytes peer,
		    struct secret *out);

#endif
