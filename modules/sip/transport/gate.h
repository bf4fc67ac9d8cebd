/* gate.h - the module's own entry: every message that Sofia's transports have
 * read passes the guard (daemon/engine/guard) before its transaction layer
 * sees it. */
#ifndef CALLSEAL_SIP_GATE_H
#define CALLSEAL_SIP_GATE_H

#include "modules/sip/sip.h"

/* Whether Sofia's messages come by the gate; E_STATE, and the log says so:
 * they would go round it. Once both agents are there. */
int gate_check(void);

#endif
