/* unquoted.h - bodies of programs of 2005, which key ESP by MIKEY beside SDP:
 * their boundary lacks the quotes that RFC 2045 5.1 wants, and to Sofia their
 * Content-Type is malformed (doc/MIKEY-IPSEC.md, "The dialect of 2005"). */
#ifndef CALLSEAL_SIP_UNQUOTED_H
#define CALLSEAL_SIP_UNQUOTED_H

#include <sofia-sip/msg.h>

/* Gives such a message the Content-Type that it means, if it has no other
 * fault. Without memory it stays malformed. */
void unquoted_mend(msg_t *msg);

#endif
