/* request.h - what we ask the kernel's XFRM, as netlink messages. Pure: bytes
 * from structs. */
#ifndef CALLSEAL_XFRM_REQUEST_H
#define CALLSEAL_XFRM_REQUEST_H

#include "daemon/base/buf.h"
#include "modules/xfrm/ipsec.h"

/* Of an SA, UPDATE, DELETE and GET read dst and spi (the others all, as ADD);
 * of a policy, DELETE and GET read selector and direction. */
enum request_kind {
	REQUEST_SA_ADD,     /* fails when its name is taken (EEXIST) */
	REQUEST_SA_UPDATE,  /* fills in what RESERVE made (ESRCH: it is gone) */
	REQUEST_SA_FOLLOW,  /* other ports of UDP for one that is there: key,
	                       sequence and window stay (ESRCH: it is gone) */
	REQUEST_SA_RESERVE, /* takes sa->spi inbound; gone after some 30 s
	                       (net.core.xfrm_acq_expires) */
	REQUEST_SA_DELETE,
	REQUEST_SA_GET,
	REQUEST_SA_DUMP,    /* all there are */
	REQUEST_POLICY_ADD, /* fails when the name is taken, whoever has it */
	REQUEST_POLICY_UPDATE, /* takes the place of what has the name, in one
	                          step; makes it where there is none */
	REQUEST_POLICY_DELETE,
	REQUEST_POLICY_GET,
	REQUEST_POLICY_DUMP,
	REQUEST_KINDS
};

/* Borrowed; kind says which is read. */
struct request {
	enum request_kind kind;
	const struct ipsec_sa *sa;
	const struct ipsec_policy *policy;
};

#define REQUEST_ROOM 1024 /* no request is longer, in bytes */

/* Appends one message, numbered seq, that asks for an acknowledgement (a dump
 * ends by itself). sa or policy must have passed its check. Failures are
 * out's. The bytes hold the key: buf_free() wipes them. */
void request_put(struct buf *out, const struct request *q, uint32_t seq);
/* "add an SA" and the like. Static text. */
const char *request_text(enum request_kind kind);

#endif
