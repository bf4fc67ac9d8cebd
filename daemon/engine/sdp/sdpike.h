/* sdpike.h - IKE in session descriptions (RFC 6193): an m= line by which two
 * ends agree who of them begins an IKE session, where, and by which
 * certificates or pre-shared key each will know the other. Pure; any thread.
 *
 * What stands in SDP is worth what the SDP is: unsigned, a fingerprint proves
 * nobody. The session itself is never maintained from here (5.2), and forked
 * answers are refused by the caller (5.3). */
#ifndef CALLSEAL_SDPIKE_H
#define CALLSEAL_SDPIKE_H

#include "daemon/engine/sdp/sdp.h"
#include "daemon/print.h"

/* Of "a=ike-setup" (section 4). UNSAID is active in an offer and passive in an
 * answer. */
enum sdp_setup {
	SDP_SETUP_UNSAID,
	SDP_SETUP_ACTIVE,  /* its sender begins */
	SDP_SETUP_PASSIVE, /* its sender waits */
	SDP_SETUP_ACTPASS  /* offers: the other chooses */
};

struct sdp_ike {
	struct addr at; /* of IKE; port 0: rejected, and only udpencap counts */
	bool udpencap;  /* "ike-esp-udpencap", else "ike-esp" */
	enum sdp_setup setup;
	struct prints certs; /* a=fingerprint */
	struct prints psks;  /* a=psk-fingerprint (8.2) */
};

/* Whether m= line n (of s->n) is of IKE, well-formed or not. */
bool sdp_ike_is(const struct sdp *s, unsigned n);
/* The first m= line of s, from number *line on, that is of IKE; *line becomes
 * its number. What the session says counts where the line says nothing.
 * E_NOTFOUND; E_FORMAT for a line that is malformed, and E_UNSUPPORTED for an
 * address that is a name: *why (static text) tells. */
int sdp_ike_read(const struct sdp *s, unsigned *line, struct sdp_ike *out,
		 const char **why);
/* Appends the m= line and its section. E_ARG, E_NOMEM, E_SPACE. */
int sdp_ike_write(const struct sdp_ike *i, const char *eol, struct buf *out);

/* -- agreeing (sdpikedeal.c) ---------------------------------------------- */

/* What to say to an offer's role; begin: whether we would, if we may choose. */
enum sdp_setup sdp_ike_reply(enum sdp_setup offered, bool begin);

enum sdp_ike_proof {
	SDP_IKE_BY_TRUST, /* no fingerprint: keys configured before (8) */
	SDP_IKE_BY_CERT,  /* both told theirs */
	SDP_IKE_BY_PSK    /* both told the same */
};

struct sdp_ike_deal {
	bool offerer_begins;
	bool udpencap;
	enum sdp_ike_proof proof;
};

/* What an offer and its answer agree on, as both ends find it. E_REFUSED: the
 * line was rejected; E_FORMAT: an answer that no such offer allows; E_AUTH: the
 * pre-shared keys are not the same, or only one end has told a fingerprint. */
int sdp_ike_agree(const struct sdp_ike *offer, const struct sdp_ike *answer,
		  struct sdp_ike_deal *out, const char **why);

/* -- fingerprints (sdpprint.c) -------------------------------------------- */

/* "SHA-256 AB:CD:..."; hexadecimal digits of both cases. A hash that is of no
 * use is read to its end, too, and leaves len 0. E_FORMAT. */
int sdp_print_read(struct sdp_text value, struct print *out);
/* E_ARG. */
int sdp_print_write(const struct print *p, struct buf *out);

#endif
