/* headers.h - which headers pass from leg to leg, and how: as the bytes they
 * came in. See the table in headers.c. */
#ifndef CALLSEAL_SIP_HEADERS_H
#define CALLSEAL_SIP_HEADERS_H

#include "modules/sip/sip.h"

enum header_fate {
	HEADER_PASSES, /* whatever is not in the table */
	HEADER_OURS,   /* each leg has its own */
	HEADER_BODY    /* describes the body: passes with it */
};

/* What becomes of a header, by its name in any letter case or compact form. */
enum header_fate header_fate(const char *name, size_t len);
#define COPY_BODY 1u       /* also what describes the body */
#define COPY_NO_REQUIRE 2u /* not Require: we say ourselves what we require */
#define COPY_NO_REFER_TO 8u /* replaces.h writes another */
#define COPY_NO_DATE 16u    /* we say when */
#define COPY_NO_PROOF 32u   /* Authentication-Info: it was for us */
#define COPY_NO_SUPPORTED 4u /* headers_support() */
/* and BORDER_FLAGS (border.h): what does not cross to the other side */
/* Copies what passes from a received message into a new one, in order, byte
 * for byte. Returns 0 or E_NOMEM. */
int headers_copy(msg_t *to, const sip_t *from, unsigned flags);
/* The same for a request that came in on this face: what a phone said to prove
 * itself to us does not leave, nor does whom it says it is beside From. */
int headers_copy_request(const struct sip_face *came, msg_t *to,
			 const sip_t *from, unsigned flags);
/* Whether Require has one of these option tags, which are our own business.
 * NULL-terminated. */
bool headers_requires(const sip_t *from, const char *const *drop);
/* Adds Require without them, for what is copied with COPY_NO_REQUIRE. from has
 * a Require. False: no memory. */
bool headers_require(msg_t *to, const sip_t *from, const char *const *drop);
/* Adds Supported, if from has any, without these option tags, for what is
 * copied with COPY_NO_SUPPORTED. False: no memory. */
bool headers_support(msg_t *to, const sip_t *from, const char *const *drop);
/* Copies the Contacts of a redirection (RFC 3261 21.3), but not those that
 * would show the inside: hidden says where that is, NULL: nothing to hide.
 * Returns how many were copied, or E_NOMEM. */
int headers_contacts(msg_t *to, const sip_t *from,
		     const struct face_settings *hidden);
/* Whether a URI names an address of the inside, which that face's settings
 * tell; with no nets configured, any address may be one. */
bool headers_show_inside(const url_t *uri, const struct face_settings *inside);
/* Takes one hop from the Max-Forwards of from. 0, or E_FULL when none was
 * left, E_NOMEM. */
int headers_hop(msg_t *to, const sip_t *from);
/* Adds a header of our own from text; false when memory is out. */
bool header_add(msg_t *to, const char *name, const char *value);
/* Gives the message a body; false when memory is out. */
bool body_add(msg_t *to, const void *data, size_t len);

#endif
