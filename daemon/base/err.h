/* err.h - the one list of error codes.
 *
 * Every function that can fail returns 0 or one of these negative codes.
 * Out-parameters are written on success only. */
#ifndef CALLSEAL_ERR_H
#define CALLSEAL_ERR_H

enum err {
	E_OK = 0,
	E_INTERNAL = -1,    /* a fault of ours; the initial value of r */
	E_NOMEM = -2,
	E_ARG = -3,         /* the caller broke the contract */
	E_FORMAT = -4,      /* malformed or truncated input, trailing bytes */
	E_UNSUPPORTED = -5, /* well-formed, but nothing we do */
	E_AUTH = -6,        /* a MAC, tag or identity did not verify */
	E_REPLAY = -7,      /* seen before */
	E_EXPIRED = -8,     /* a timestamp is outside its window */
	E_POLICY = -9,      /* the configuration does not allow it */
	E_NOTFOUND = -10,
	E_EXISTS = -11,
	E_FULL = -12,       /* a bounded table or queue is full */
	E_AGAIN = -13,      /* nothing to do now */
	E_TIMEOUT = -14,    /* a deadline passed */
	E_IO = -15,         /* a system call failed; errno says why */
	E_CLOSED = -16,     /* the other end is gone */
	E_CONF = -17,       /* wrong configuration */
	E_SPACE = -18,      /* the result does not fit */
	E_STATE = -19,      /* not allowed in this state */
	E_RESTART = -20,    /* a reload needs a restart of this part */
	E_LOST = -21,       /* damage took what would answer the question */
	E_REFUSED = -22     /* the other end understood, and said no */
};

/* What the code means, in lower case without a full stop. Static text. */
const char *err_text(int err);

#endif
