/* naming.h - with whom a call is, told to both ends: by the URI in From and
 * To of later requests (RFC 4916), and to phones by P-Asserted-Identity (RFC
 * 3325, 5876), too. Engine thread. */
#ifndef CALLSEAL_SIP_NAMING_H
#define CALLSEAL_SIP_NAMING_H

#include "modules/sip/sip.h"

/* The call begins, with this INVITE. False: no memory. */
bool naming_begin(struct pair *pair, const sip_t *invite);
/* A message came on this leg: whether its sender takes another From. */
void naming_note(struct leg *from, const sip_t *sip);
/* A request that came on this leg is accepted: who its sender is by now. */
void naming_heard(struct leg *from, const sip_t *sip);

/* Option tags that say nothing of the other side, for headers_support(). */
bool naming_hides(const sip_t *sip);
/* What is ours to say of it: in an INVITE, or in what makes its dialog. False:
 * no memory. */
bool naming_supports(const struct leg *to, msg_t *msg);

/* From and To of a request in its dialog that leaves on this leg, before it is
 * completed. False: no memory. */
bool naming_name(struct leg *to, msg_t *msg);
/* The same of an UPDATE of ours that tells it. Then whether it was taken. */
bool naming_first(struct leg *to, msg_t *msg);
void naming_told(struct leg *to, bool taken);
/* Tells the phone on this leg that it is with that far end, in a request or
 * response; what it is made of came from there, or is NULL. False: no
 * memory. */
bool naming_assert(struct leg *to, struct leg *far, msg_t *msg,
		   const sip_t *from);
/* Whoever was not told yet, and can be, is told now. */
void naming_tell(struct pair *pair);
void naming_free(struct leg *leg);

#endif
