/* refusal.h - what it means when the kernel refuses, and what helps. */
#ifndef CALLSEAL_XFRM_REFUSAL_H
#define CALLSEAL_XFRM_REFUSAL_H

#include "modules/xfrm/request.h"

struct refusal {
	int code;         /* one of daemon/base/err.h */
	const char *text; /* what it means */
	const char *cure; /* what an operator can do */
};

/* error is an errno, positive. Always gives a row; static text. */
const struct refusal *refusal_of(enum request_kind kind, int error);

#endif
