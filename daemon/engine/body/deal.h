/* deal.h - what an offer and its answers agreed. For the files of this folder
 * only. Engine thread. */
#ifndef CALLSEAL_ENGINE_DEAL_H
#define CALLSEAL_ENGINE_DEAL_H

#include "daemon/base/esp.h"
#include "daemon/bundle.h"
#include "daemon/engine/call.h"
#include "daemon/engine/sdp/sdp.h"
#include "daemon/protocol.h"

/* Where one side receives a line. */
struct endpoint {
	bool accepted; /* the port is not 0 */
	bool mux;
	bool held;     /* not sendrecv, or no address */
	enum sdp_direction direction; /* as it says */
	bool fax;      /* UDPTL: no RTP, no RTCP, and one side at a time */
	struct addr rtp, rtcp; /* rtcp.family 0: RTP's port + 1 */
};

/* One keying message, for the session or for one line, as it stands in SDP:
 * MIKEY in base64, or values of a=crypto, one a line. Those hold keys: wiped
 * when they go. */
struct exchange {
	bool later;    /* their offer is only checked: to be answered when the
	                  phone is picked up */
	uint64_t id;   /* the keeper's; 0 when we answered */
	char *offer;   /* owned */
	char *answer;  /* our response, when we answered; owned */
	/* MIKEY's alternatives to the offer (RFC 5939); chosen counts from 1,
	 * 0: the offer itself. */
	unsigned n_also, chosen;
	char *also[BUNDLE_MAX - 1]; /* owned */
	struct sdp_config config[BUNDLE_MAX - 1];
};

/* One early dialog's answer. */
struct branch {
	struct branch *next;
	unsigned number;
	bool early;              /* its keying answer came before its SDP, and
	                            counts */
	uint8_t digest[32];      /* of the whole answer without o= */
	uint8_t keys_digest[32]; /* of its keying messages */
	uint8_t rest_digest[32]; /* of all but these, o= and c= */
	char *text;              /* the inside's answer itself; owned */
	size_t len;
	struct endpoint end[SDP_LINES_MAX];
	struct msg_key_ids key[SDP_LINES_MAX];
	struct addr far[SDP_LINES_MAX]; /* where those of tunnels lead */
	struct msg_key_facts facts;
	uint32_t use[SDP_LINES_MAX]; /* of charon's tunnel, until it wins (then
	                                the line's) or goes; 0: none */
	bool lost;  /* what it uses is gone: if it wins, the call ends */
	struct net behind[ESP_SELECTORS_MAX]; /* the same, when we offered */
	bool clear; /* it left the keys out: the call is plain */
};

/* An offer and its answers. */
struct deal {
	enum face offerer;
	bool kept;            /* keys and exchanges are the deal's before */
	bool moved;           /* the outside's offer of new keys: its address
	                         is another one */
	enum protocol protocol; /* of all its keying messages */
	bool recalled;        /* offered by the keeper's memory of the peer */
	bool hop;             /* its keys are shown to verified TLS only */
	bool media_level;     /* one keying message a line; SDES: always */
	unsigned n;           /* m= lines */
	bool alone;           /* none, and it raises the tunnel all the same */
	uint32_t usable;      /* a bit for each line that passes */
	uint32_t refused;     /* of those, SDES: the keeper took no key */
	uint8_t digest[32];   /* of the offer without o= */
	uint8_t rest_digest[32]; /* and without keying messages and c= */
	char *text;           /* the inside's offer itself; owned */
	size_t len;
	struct endpoint end[SDP_LINES_MAX];    /* the offerer's */
	struct msg_key_ids key[SDP_LINES_MAX]; /* fixed by the offer alone */
	struct addr far[SDP_LINES_MAX]; /* where those of tunnels lead */
	uint32_t tunnel[SDP_LINES_MAX]; /* reserved, not raised; 0: none */
	uint32_t spi[SDP_LINES_MAX];    /* of those */
	struct net behind[ESP_SELECTORS_MAX]; /* the far end, by its message */
	unsigned n_exchanges;
	struct exchange exchange[STREAM_MAX];
	struct msg_key_facts facts; /* when we answered */
	struct msg_key_origin origin; /* of their offer */
	struct ike_lines *ike;        /* owned; NULL: no IKE in SDP */
	struct branch *branches;    /* owned */
	struct branch *active;      /* whose media passes; or NULL */
};

struct deal *deal_new(enum face offerer);
void deal_free(struct deal *d);
/* Some of its exchanges wait for the phone to be picked up. */
bool deal_waits(const struct deal *d);
void branch_free(struct branch *b);
struct branch *deal_branch(const struct deal *d, unsigned number);
/* Replaces the branch of the same number; takes b. active: its media passes
 * from now on. */
void deal_take(struct deal *d, struct branch *b, bool active);
/* Keeps only this branch. */
void deal_settle(struct deal *d, unsigned number);
void deal_clear_exchanges(struct deal *d);
/* Whether the line is usable and keyed, or will be. */
bool deal_takes(const struct deal *d, unsigned line);
/* One more alternative, copied; E_FULL, E_NOMEM. */
int exchange_add(struct exchange *x, struct sdp_text mikey,
		 const struct sdp_config *config);
/* The alternatives as they are written. */
struct sdp_also exchange_also(const struct exchange *x);
bool exchange_same(const struct exchange *a, const struct exchange *b);
/* A copy of the old deal's keying for an offer that changes no key. */
int deal_keep(struct deal *d, const struct deal *old);

#endif
