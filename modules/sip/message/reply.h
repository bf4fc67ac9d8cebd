/* reply.h - answers of our own. */
#ifndef CALLSEAL_SIP_REPLY_H
#define CALLSEAL_SIP_REPLY_H

#include "modules/sip/sip.h"

/* What we can relay, for Allow. */
#define SIP_ALLOW                                                            \
	"INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, MESSAGE, " \
	"REFER, NOTIFY, SUBSCRIBE, PUBLISH"

/* The standard phrase of a status; static text. */
const char *reply_phrase(int status);
/* Fills a refusal without a warning, or with one if text is not NULL. */
struct refusal reply_no(int status, const char *text);
/* Answers with the refusal's status, Warning, Retry-After and (405) Allow. */
void reply_refuse(nta_incoming_t *irq, const struct refusal *no);
/* Answers an OPTIONS that is for us (RFC 3261 11.2). What we can do besides is
 * told to next hops outside. */
void reply_options(struct sip_face *face, nta_incoming_t *irq,
		   const sip_t *sip);

#endif
