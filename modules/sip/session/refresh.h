/* refresh.h - a session refresh of our own (RFC 4028 section 10). */
#ifndef CALLSEAL_SIP_REFRESH_H
#define CALLSEAL_SIP_REFRESH_H

#include "modules/sip/sip.h"

/* Sends one on this leg: UPDATE without SDP where the other end allows it, else
 * a re-INVITE with what was said last. What it leads to shows in the leg's
 * session. */
void refresh_begin(struct leg *leg);
/* The same by UPDATE, for what its header says (naming.h): nothing comes of
 * it if it is refused. Not while another is open. */
void refresh_tell(struct leg *leg);

#endif
