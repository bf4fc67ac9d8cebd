/* sp.h - the parameters of a security policy for SRTP (RFC 3830 6.10.1, RFC
 * 7714 section 15), and the crypto suite they amount to. */
#ifndef CALLSEAL_MIKEY_SP_H
#define CALLSEAL_MIKEY_SP_H

#include "daemon/base/buf.h"
#include "daemon/base/suite.h"
#include "modules/mikey/message.h"

/* Whether the type-length-value fields are whole, each type once. */
int mikey_sp_check(struct mikey_bytes params);
/* What it amounts to. */
struct mikey_sp {
	enum suite suite;
	uint8_t kdr; /* key derivation rate, as in struct srtp_key */
};

/* Absent parameters have SRTP's defaults. E_UNSUPPORTED for anything that no
 * suite of ours has, *why then says what (static text). */
int mikey_sp_get(struct mikey_bytes params, struct mikey_sp *out,
		 const char **why);
#define MIKEY_SP_ROOM 48 /* bytes of the parameters that mikey_sp_put() makes */

/* Appends the parameters that state it completely. */
void mikey_sp_put(struct buf *b, const struct mikey_sp *sp);
/* What a parameter means, for explain.h; NULL when unknown. */
const char *mikey_sp_name(unsigned type);

#endif
