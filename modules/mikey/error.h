/* error.h - MIKEY error messages (RFC 3830 5.1.2, 6.12). */
#ifndef CALLSEAL_MIKEY_ERROR_H
#define CALLSEAL_MIKEY_ERROR_H

#include "daemon/base/suite.h"
#include "modules/mikey/psk.h"

enum mikey_error_no {
	MIKEY_ERR_AUTH = 0,
	MIKEY_ERR_TS = 1,
	MIKEY_ERR_PRF = 2,
	MIKEY_ERR_MAC = 3,
	MIKEY_ERR_EA = 4,
	MIKEY_ERR_HASH = 5,
	MIKEY_ERR_DH = 6,
	MIKEY_ERR_ID = 7,
	MIKEY_ERR_CERT = 8,
	MIKEY_ERR_SP = 9,
	MIKEY_ERR_SPPAR = 10,
	MIKEY_ERR_DT = 11,
	MIKEY_ERR_OTHER = 12
};

/* What to tell the initiator. */
struct mikey_refusal {
	const struct mikey_message *offer;
	uint8_t error_no;
	const enum suite *suites; /* what we would take, or NULL */
	size_t n_suites;
	const struct mikey_psk_keys *keys; /* NULL: not authenticated */
	struct mikey_covered also;
	/* DHHMAC, which has no V (RFC 4650 4.1): authenticated by a KEMAC with
	 * the algorithms of this one. NULL: by V. */
	const struct mikey_payload *kemac;
};

/* Appends HDR, T, ERR, {SP}, [V or KEMAC]; E_ARG when the offer has no T. */
int mikey_error_make(const struct mikey_refusal *r, struct buf *out);
/* What an error message m, to an offer of ours, says: fills the fault and
 * returns the code of ours that says the same. proven: it is authenticated;
 * else anybody may have said so, and the fault says that, too. */
int mikey_error_read(const struct mikey_message *m, bool proven,
		     struct keying_fault *fault);
/* "invalid timestamp", ...; "unknown error" for other numbers. */
const char *mikey_error_text(unsigned error_no);
/* The code of ours that says the same. */
int mikey_error_code(unsigned error_no);

#endif
