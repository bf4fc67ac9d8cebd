/* filter.h - a message on its way to the other leg: with SDP it waits for the
 * core's filter, and what comes after it in the same call waits behind it. */
#ifndef CALLSEAL_SIP_FILTER_H
#define CALLSEAL_SIP_FILTER_H

#include "modules/sip/sip.h"

enum passage_kind {
	PASS_REQUEST,
	PASS_RESPONSE,
	PASS_ACK,
	PASS_EARLY /* a response with keys and no SDP, for us alone */
};

struct passage {
	struct passage *next;
	struct txn *txn;
	struct leg *called; /* the branch it concerns; NULL: the only one */
	enum passage_kind kind;
	msg_t *msg;         /* as received; owned */
	bool waiting;       /* the core has it */
	bool secured;       /* as in struct filter_request */
	char *sdp;          /* what was sealed in it, or among its parts;
	                       owned, or NULL */
	bool parts;         /* the latter */
	bool held;          /* the core has passed it: sdp is what goes on, once
	                       early keys are acknowledged (early.c) */
	size_t sdp_len;
	msg_t *out;         /* what goes on, until its body is sealed; owned */
	bool secret;        /* its description, as in struct body */
	bool described;     /* what is sealed in out is SDP */
};

/* What a body is to us. */
enum body_kind {
	BODY_NONE,
	BODY_SDP,
	BODY_SEALED, /* S/MIME: SDP where both edges seal it, else hidden */
	BODY_PACKAGE, /* multipart/mixed: SDP and its keys, where tunnels are
			 keyed so, else hidden */
	BODY_OTHER, /* passes untouched */
	BODY_PARTS, /* another multipart, in which SDP may be */
	BODY_HIDDEN /* could hold SDP where the filter does not look */
};
enum body_kind filter_body_kind(const sip_t *sip);
/* The INVITE that a message belongs to (struct filter_request). */
void filter_origin(const sip_t *sip, struct msg_key_origin *out);
/* Whether it has a description, readable, sealed, in a package or among other
 * parts, as far as its type tells. */
bool filter_offers(const sip_t *sip);

/* What comes from there is in packages, if it has keys. */
bool filter_packaged(const struct pair *pair, const struct leg *from);
/* The body of a message, its type with all parameters; borrowed from home and
 * message. NULL data: no memory. */
struct body filter_body(su_home_t *home, const sip_t *sip);

/* Takes msg. Ends in txn_pass() or txn_refused(), maybe before it returns,
 * never once the pair has ended. called as in struct passage. */
void filter_pass(struct txn *t, enum passage_kind kind, struct leg *called,
		 msg_t *msg);
/* Forgets what waits; only after call_end(). */
void filter_drop(struct pair *pair);

#endif
