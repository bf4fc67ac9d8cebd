/* sealed.h - what a message whose body is sealed from edge to edge (S/MIME) is
 * to the keeper, by way of the core: the headers that are bound to the body,
 * and the body itself. */
#ifndef CALLSEAL_SIP_SEALED_H
#define CALLSEAL_SIP_SEALED_H

#include "modules/sip/sip.h"

/* Whether a message that goes on from there may have a sealed description:
 * the far end of a call whose profile says so. */
bool sealed_from(const struct pair *pair, const struct leg *from);
/* From, To, Call-ID, CSeq, Contact and Date, each a line with its CRLF, in one
 * form whatever the message's own is, in a response behind its first line; the
 * caller frees. NULL: no memory. */
char *sealed_frag(const sip_t *sip);
/* The Content- headers; the caller frees. NULL: no memory. */
char *sealed_fields(const sip_t *sip);
/* Gives a message that is complete but for its body a Date of now. Before
 * sealed_frag(). False: no memory. */
bool sealed_date(msg_t *msg);
/* And its sealed body. False: no memory. */
bool sealed_put(msg_t *msg, const struct call_sealed_body *body);
/* Asks for the body of t->out; fn is called once, with t. */
void sealed_ask(struct txn *t, const struct body *body, seal_fn fn);
/* What came of it: puts it in t->out. False: there is none. */
bool sealed_fits(struct txn *t, const struct refusal *no,
		 const struct call_sealed_body *body);

#endif
