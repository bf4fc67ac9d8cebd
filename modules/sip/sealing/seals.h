/* seals.h - which messages of a call are sealed (S/MIME) where both edges sign
 * all that they can: those without a body, too, by their headers. */
#ifndef CALLSEAL_SIP_SEALS_H
#define CALLSEAL_SIP_SEALS_H

#include "modules/sip/sip.h"

enum seals {
	SEALS_NONE, /* leaves as it is, and is taken so: a hint, for it could
	               come from anybody on the way */
	SEALS_OURS, /* leaves sealed, but is taken without: nothing comes of
	               it that a forger could not have by saying nothing */
	SEALS_MUST  /* leaves sealed, and is refused without */
};

/* For a request status is 0. Answers for messages whose body is not SDP; those
 * with SDP are sealed wherever call_opens() says so. whole: as call_whole(). */
enum seals seals_of(sip_method_t method, int status, bool whole);
/* The same for a message; SEALS_NONE on a leg whose far end signs nothing. */
enum seals seals_on(const struct pair *pair, const struct leg *leg,
		    sip_method_t method, int status);

#endif
