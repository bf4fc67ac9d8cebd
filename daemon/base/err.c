/* err.c - the words for the error codes. */
#include "daemon/base/err.h"

#include <stddef.h>

static const char *const text[] = {
	[-E_OK] = "success",
	[-E_INTERNAL] = "internal error",
	[-E_NOMEM] = "out of memory",
	[-E_ARG] = "wrong argument",
	[-E_FORMAT] = "malformed",
	[-E_UNSUPPORTED] = "not supported",
	[-E_AUTH] = "authentication failed",
	[-E_REPLAY] = "replayed",
	[-E_EXPIRED] = "outside the time window",
	[-E_POLICY] = "not allowed by policy",
	[-E_NOTFOUND] = "not found",
	[-E_EXISTS] = "already there",
	[-E_FULL] = "full",
	[-E_AGAIN] = "nothing to do now",
	[-E_TIMEOUT] = "timed out",
	[-E_IO] = "input or output failed",
	[-E_CLOSED] = "closed by the other end",
	[-E_CONF] = "wrong configuration",
	[-E_SPACE] = "does not fit",
	[-E_STATE] = "not in this state",
	[-E_RESTART] = "needs a restart",
	[-E_LOST] = "lost by damage",
	[-E_REFUSED] = "refused by the other end",
};

const char *err_text(int err)
{
	if (err > 0 || (size_t)-err >= sizeof text / sizeof *text)
		return "unknown error";
	return text[-err];
}
