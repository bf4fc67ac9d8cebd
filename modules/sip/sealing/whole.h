/* whole.h - messages of a call that go whole within what is sealed
 * (message/sip, RFC 3261 23.4): what they are to the keeper, what is left
 * around them, and what came out put in place of what was around it. */
#ifndef CALLSEAL_SIP_WHOLE_H
#define CALLSEAL_SIP_WHOLE_H

#include "modules/sip/sip.h"

/* What of a message that is complete but for its body is bound to that: as
 * sealed_frag(), or, whole, its first line and all headers but those about its
 * body. Who is hidden there is named within, by his identity, or as from and to
 * say (of the first INVITE; else NULL). The caller frees; NULL: no memory. */
char *whole_bound(const struct body_way *way, const sip_from_t *from,
		  const sip_to_t *to, msg_t *msg);
/* Takes off what nobody on the way needs; unsealed: nothing is within, so what
 * names somebody, too. */
void whole_reduce(msg_t *msg, bool unsealed);

/* What the keeper must know of a message to open it, as words_given(). */
bool whole_given(bool whole, const sip_t *sip, struct call_given *g);
/* The message that was within, whose head that is, with what the one around it
 * has from its way, and its body, as it came. NULL: it is none, or no
 * memory. */
msg_t *whole_within(const char *head, msg_t *around);

#endif
