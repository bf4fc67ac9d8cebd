/* fault.c - reasons, their codes and their SIP status, in one table. See
 * fault.h. A signer whose certificate is not here gets 493 (RFC 3261 21.4.29)
 * like what cannot be decrypted: its cure is the same, to send with the
 * certificate. */
#include "modules/smime/fault.h"

#include "daemon/base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct row {
	int err;
	unsigned status;
	const char *text;
} rows[SMIME_REASONS] = {
	[SMIME_FINE] = { 0, 200, "fine" },
	[SMIME_MALFORMED] = { E_FORMAT, 400, "malformed" },
	[SMIME_TOO_LARGE] = { E_SPACE, 400, "too large" },
	[SMIME_UNSUPPORTED] = { E_UNSUPPORTED, 415, "not supported" },
	[SMIME_WEAK] = { E_POLICY, 488, "algorithm not accepted" },
	[SMIME_UNDECIPHERABLE] = { E_AUTH, 493, "undecipherable" },
	[SMIME_SIGNER_UNKNOWN] = { E_NOTFOUND, 493, "signer unknown" },
	[SMIME_SIGNER_REFUSED] = { E_AUTH, 403, "signer refused" },
	[SMIME_WRONG_SIGNATURE] = { E_AUTH, 403, "wrong signature" },
	[SMIME_MISSING] = { E_POLICY, 488, "not sealed as it must be" },
	[SMIME_MISMATCH] = { E_AUTH, 403, "sealed for another message" },
	[SMIME_OURS] = { E_CONF, 500, "own credential" },
	[SMIME_BROKEN] = { E_INTERNAL, 500, "internal" },
};

int smime_fault(struct smime_fault *why, enum smime_reason reason,
		const char *fmt, ...)
{
	va_list ap;

	why->reason = reason;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	return rows[reason].err;
}

int smime_fault_mime(struct smime_fault *why, int r)
{
	static const struct {
		int err;
		enum smime_reason reason;
	} mimes[] = {
		{ E_FORMAT, SMIME_MALFORMED }, { E_SPACE, SMIME_TOO_LARGE },
		{ E_UNSUPPORTED, SMIME_UNSUPPORTED },
	};
	enum smime_reason reason = SMIME_BROKEN;

	for (size_t i = 0; i < sizeof mimes / sizeof *mimes; i++)
		if (mimes[i].err == r)
			reason = mimes[i].reason;
	return smime_fault(why, reason, "its MIME cannot be read: %s",
			   err_text(r));
}

unsigned smime_status(enum smime_reason reason)
{
	return rows[reason].status;
}

const char *smime_reason_text(enum smime_reason reason)
{
	return rows[reason].text;
}
