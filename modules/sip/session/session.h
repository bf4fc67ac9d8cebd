/* session.h - session timers (RFC 4028), one leg at a time: the gateway is the
 * user agent on both, so that what one side agreed with us is nothing to the
 * other. Engine thread. */
#ifndef CALLSEAL_SIP_SESSION_H
#define CALLSEAL_SIP_SESSION_H

#include "modules/sip/sip.h"

#define SESSION_TEXT 40
#define SESSION_MIN_S 90 /* RFC 4028 section 5; also our Min-SE */

/* Option tags of ours, for headers_requires(). */
extern const char *const session_tags[];

/* What an INVITE or UPDATE asks of its receiver; kept in its txn. */
void session_read(struct session_ask *out, const sip_t *sip);
/* 0, or 422: the interval is too small. Notes the request's Min-SE. */
int session_asked(struct leg *from, const sip_t *sip);
/* Writes what we ask into an INVITE or UPDATE that leaves on t->to. */
bool session_request(struct txn *t, msg_t *msg, const sip_t *sip);
/* A 2xx to an INVITE or UPDATE came on this leg: what is agreed there. */
void session_agreed(struct leg *to, const sip_t *sip);
/* t's INVITE or UPDATE gets a 2xx: agrees on t->from. True: out is the value
 * of its Session-Expires, and "timer" is required. */
bool session_grant(struct txn *t, char out[static SESSION_TEXT]);
/* The same, into the response. False: no memory. */
bool session_response(struct txn *t, msg_t *msg);
/* A 422 came to t: whether it may go out once more, with a greater interval.
 * Notes its Min-SE. */
bool session_small(struct txn *t, const sip_t *sip);
/* Whether it is an UPDATE that, if it has no description, does nothing but
 * refresh the session, and need not pass. */
bool session_only(const struct leg *from, const struct leg *to,
		  const sip_t *sip);
/* Gives it its 200. */
void session_answer(struct txn *t);

/* SDP that t's request carries to the other leg; it counts once answered. */
void session_offered(struct txn *t, const struct body *body);
/* SDP that this leg was sent in a response or ACK. */
void session_said(struct leg *leg, const struct body *body);
void said_free(struct said *s);

/* The loop's timer: refreshes and ends what is due. */
void session_tick(void *sip);

#endif
