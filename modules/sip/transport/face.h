/* face.h - one side of the gateway: its agent, its listeners, what we call
 * ourselves there. */
#ifndef CALLSEAL_SIP_FACE_H
#define CALLSEAL_SIP_FACE_H

#include "modules/sip/sip.h"

/* Opens the listeners of f->settings. Requests of no dialog go to stranger,
 * with f->door. On failure the log says which address; face_close() frees. */
int face_open(struct sip_face *f, nta_request_f *stranger);
void face_close(struct sip_face *f);
/* Takes other settings whose listeners are the same. True: what the network
 * sees of us is another address (outside.public), and every Contact of ours,
 * those of dialogs, too, has it from now on; so has Via of requests that begin
 * then. */
bool face_moved(struct sip_face *f, const struct face_settings *now);
/* Our Contact on this face for a request that came in, or for a message to
 * that URI: the listener of the same transport and address family. sips: the
 * call is to a sips: URI, and so is our Contact if that listener does TLS. */
const sip_contact_t *face_contact_of(const struct sip_face *f,
				     nta_incoming_t *irq, bool sips);
const sip_contact_t *face_contact_to(const struct sip_face *f,
				     const url_t *to, bool sips);
/* The request came in by TLS, from somebody whose certificate was verified. */
bool face_secured(const struct sip_face *f, nta_incoming_t *irq);
/* The same of a message that Sofia is just delivering: a response, an ACK. */
bool face_delivers_secured(const struct sip_face *f, const msg_t *msg);
/* Over what it came: "udp", "tcp" or "tls". */
const char *face_transport(const struct sip_face *f, nta_incoming_t *irq);
/* The request came in by TLS. */
bool face_by_tls(const struct sip_face *f, nta_incoming_t *irq);
/* A message to this URI leaves by TLS: a sips: URI, or transport=tls. */
bool face_wants_tls(const url_t *uri);
/* RFC 5630: a request to a sips: URI, or in a call to one (sips), leaves on a
 * hop with TLS only. hop as in face_ident(). */
bool face_may_leave(msg_t *msg, const char *hop, bool sips);
/* A request with keys in it leaves by TLS to a server that is verified, only.
 * hop as in face_ident(). */
bool face_may_carry(msg_t *msg, const char *hop);
/* Names a next hop with ";lr" in a Route header, as an outbound proxy wants it
 * (RFC 3261 8.1.2); others and "" are no part of the message. False: no
 * memory. */
bool face_route_add(msg_t *msg, const char *hop);
/* Names the listeners by which a complete request may leave, for TPTAG_IDENT:
 * those of its next hop's address family. hop: a URI text, or "" (as the
 * message says). NULL: a host name, any will do. */
const char *face_ident(msg_t *msg, const char *hop);
/* Who sent the request. */
struct addr face_source(nta_incoming_t *irq);
/* A branch for a request with this URI that face_looped() knows again. out
 * has room for FACE_BRANCH bytes. */
#define FACE_BRANCH 64
void face_branch(const struct sip *s, const url_t *uri, char *out);
/* The request has passed us before with the same Request-URI (RFC 3261
 * 16.3): one of its Vias is ours and bears the mark of this URI. */
bool face_looped(const struct sip *s, const sip_t *sip);
/* The URI's host and port are one of our listeners, or it has no host. */
bool face_is_us(const struct sip_face *f, const url_t *uri);
/* A request that is no INVITE waits for others: its sender is told so by a 100
 * when he could lose patience (RFC 4320 4.1), 3.5 s by UDP, and not before. */
void face_works(nta_incoming_t *irq);

#endif
