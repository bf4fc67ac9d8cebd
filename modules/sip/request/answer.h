/* answer.h - the responses to a request outside a call go back. */
#ifndef CALLSEAL_SIP_ANSWER_H
#define CALLSEAL_SIP_ANSWER_H

#include "modules/sip/request/talk.h"

/* For Sofia: its object is a struct ask, under its one type. */
int answer_take(struct txn *ask, nta_outgoing_t *orq, const sip_t *sip);
/* Takes a final response back to who asked; a is over then. */
void answer_back(struct ask *a, const sip_t *sip);

#endif
