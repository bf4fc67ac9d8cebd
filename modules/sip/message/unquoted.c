/* unquoted.c - see unquoted.h.
 *
 * Sofia keeps nothing of a header that it cannot read but its name. These
 * programs have one boundary only, so the body shows what it was.
 *
 * nta refuses by a mask of headers that were malformed, which nobody can clear:
 * it asks for it by msg_extract_errors(). The dynamic linker prefers ours, as
 * with the functions of gate.c. */
#include "modules/sip/message/unquoted.h"

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY "boun=_dry"
#define MENDED (1 << 14) /* of sip_flags: the applications' (msg.h) */
#define TYPE "multipart/mixed;boundary=\"" BOUNDARY "\""

static bool is_only_fault(const sip_t *sip)
{
	const sip_error_t *e = sip->sip_error; /* or a header too many */

	return e && e->er_common->h_class == sip_error_class && !e->er_next &&
	       e->er_name && !strcasecmp(e->er_name, "Content-Type") &&
	       !sip->sip_content_type;
}

static bool begins(const sip_payload_t *pl)
{
	static const char line[] = "--" BOUNDARY "\r\n";

	return pl && pl->pl_len >= sizeof line - 1 &&
	       !memcmp(pl->pl_data, line, sizeof line - 1);
}

void unquoted_mend(msg_t *msg)
{
	sip_t *sip = sip_object(msg);
	sip_content_type_t *c;

	if (!sip || !is_only_fault(sip) || !begins(sip->sip_payload))
		return;
	c = sip_content_type_make(msg_home(msg), TYPE);
	if (!c || msg_header_insert(msg, (msg_pub_t *)sip, (msg_header_t *)c))
		return;
	msg_header_remove(msg, (msg_pub_t *)sip,
			  (msg_header_t *)sip->sip_error);
	sip->sip_flags |= MENDED;
}

unsigned msg_extract_errors(const msg_t *msg)
{
	static unsigned (*next)(const msg_t *);
	const sip_t *sip = sip_object(msg);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "msg_extract_errors");
	if (!next)
		return ~0u;
	return sip && sip->sip_flags & MENDED ? 0 : next(msg);
}
