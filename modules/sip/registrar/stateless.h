/* stateless.h - a REGISTER that is to be challenged is answered without a
 * transaction (RFC 3261 8.2.7), which Sofia would keep for 32 seconds. */
#ifndef CALLSEAL_SIP_STATELESS_H
#define CALLSEAL_SIP_STATELESS_H

#include "modules/sip/sip.h"

struct tport_s; /* Sofia's tport_t */

/* For what came in by tp, before anybody else sees it. True: it was answered,
 * and msg is taken. */
bool stateless_challenge(struct sip_face *f, const struct tport_s *tp,
			 msg_t *msg);

#endif
