/* fault.h - why a body was not sealed or not opened: one reason, and with it
 * the SIP status that a request with such a body gets. */
#ifndef CALLSEAL_SMIME_FAULT_H
#define CALLSEAL_SMIME_FAULT_H

#define SMIME_FAULT_TEXT 160

enum smime_reason {
	SMIME_FINE,
	SMIME_MALFORMED,      /* no MIME, no CMS, or two readings of it */
	SMIME_TOO_LARGE,      /* bytes, parts, nesting, layers */
	SMIME_UNSUPPORTED,    /* a type or a form that is not understood */
	SMIME_WEAK,           /* an algorithm that policy does not take */
	SMIME_UNDECIPHERABLE, /* not for us, or it does not open: told apart
	                         nowhere, so that nobody can ask */
	SMIME_SIGNER_UNKNOWN, /* it refers to a certificate that is not here */
	SMIME_SIGNER_REFUSED, /* not believed, or not whose it must be */
	SMIME_WRONG_SIGNATURE,
	SMIME_MISSING,        /* not signed, or not encrypted, as it must be */
	SMIME_MISMATCH,       /* sealed for another message than this one */
	SMIME_OURS,           /* our own credential or terms do not do */
	SMIME_BROKEN,         /* no memory, or a fault of ours */
	SMIME_REASONS
};

struct smime_fault {
	enum smime_reason reason;
	char text[SMIME_FAULT_TEXT]; /* for the operator's log */
};

/* Sets both; returns the code of err.h that goes with the reason. */
int smime_fault(struct smime_fault *why, enum smime_reason reason,
		const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same for what daemon/mime gave, not 0. */
int smime_fault_mime(struct smime_fault *why, int r);
/* 400, 403, 415, 488, 493 or 500. */
unsigned smime_status(enum smime_reason reason);
/* Static text, a few words. */
const char *smime_reason_text(enum smime_reason reason);

#endif
