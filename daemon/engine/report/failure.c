/* failure.c - the table of failures.
 *
 * RFC 4567 4.1.2: a key management failure that ends the attempt is a 488,
 * with Warning 306; RFC 3261 20.43 has the other codes. The Warning text says
 * which step failed, never how near a guess came. */
#include "daemon/engine/report/failure.h"

#include "daemon/base/err.h"

#include <stddef.h>

#define NOT_HERE 488, "Not Acceptable Here"
#define UNAVAILABLE 503, "Service Unavailable"
#define UNMET 580, "Precondition Failure", 399
#define OURS 500, "Server Internal Error"

#define RELAY_CURE "is the relay running? see callsealctl status"
#define TUNNEL_CURE "is the tunnel process running? see callsealctl status"
#define KEEPER_CURE "is the keeper running? see callsealctl status"
#define NO_RELAY UNAVAILABLE, 399, "the gateway's media relay does not answer"
#define NO_KEEPER UNAVAILABLE, 399, "the gateway's key keeper does not answer"
#define NO_TUNNEL UNAVAILABLE, 399, "the gateway's tunnels do not answer"
#define FAULT OURS, 399, "a fault of the gateway"
#define BUSY UNAVAILABLE, 399, "too many key exchanges at once"

static const struct failure table[] = {
	{ STAGE_OFFER, E_FORMAT, 400, "Bad Request", 399,
	  "malformed session description", 0, LOG_CLASS_REMOTE,
	  "the sender's SDP is broken" },
	{ STAGE_OFFER, E_UNSUPPORTED, NOT_HERE, 305,
	  "nothing in the session description can be relayed", 0,
	  LOG_CLASS_REMOTE, "offer RTP with an IPv4 or IPv6 address" },
	{ STAGE_OFFER, E_POLICY, NOT_HERE, 301,
	  "no media address of this family", 0, LOG_CLASS_ERROR,
	  "configure an address of that family in media" },
	{ STAGE_OFFER, E_ARG, 415, "Unsupported Media Type", 399,
	  "only application/sdp is carried", 0,
	  LOG_CLASS_REMOTE, "only application/sdp is carried" },
	{ STAGE_OFFER, 0, FAULT, 0, LOG_CLASS_ERROR,
	  "out of memory?" },

	{ STAGE_ANSWER, E_NOMEM, FAULT, 0, LOG_CLASS_ERROR,
	  "out of memory?" },
	{ STAGE_ANSWER, E_FORMAT, NOT_HERE, 399,
	  "malformed answer from the far end", 0, LOG_CLASS_REMOTE,
	  "the sender's SDP is broken or does not match the offer" },
	{ STAGE_ANSWER, E_STATE, OURS, 399,
	  "an answer without an offer", 0, LOG_CLASS_REMOTE,
	  "an answer without an offer" },
	{ STAGE_ANSWER, 0, NOT_HERE, 399,
	  "the far end's answer cannot be used", 0, LOG_CLASS_REMOTE,
	  "the far end answered with what cannot be relayed" },

	{ STAGE_UNSEALED, 0, NOT_HERE, 306,
	  "key management required here: RTP/SAVP with the keys that the "
	  "profile wants", 0,
	  LOG_CLASS_REFUSED,
	  "the profile requires sealing: the far end must use MIKEY, or give "
	  "the peer a profile with need = \"forbid\"" },
	{ STAGE_SEALED, 0, NOT_HERE, 306,
	  "key management is not wanted here: only RTP/AVP", 0,
	  LOG_CLASS_REFUSED,
	  "the profile forbids sealing: give the peer a profile with need = "
	  "\"require\"" },

	{ STAGE_PLAIN, E_CLOSED, NO_KEEPER, 5, LOG_CLASS_ERROR,
	  KEEPER_CURE },
	{ STAGE_PLAIN, E_TIMEOUT, NO_KEEPER, 5, LOG_CLASS_ERROR,
	  KEEPER_CURE },
	{ STAGE_PLAIN, 0, NOT_HERE, 306,
	  "key management required: earlier calls with this peer were sealed",
	  0, LOG_CLASS_REFUSED, "see the reason: somebody on the way may want "
	  "the call in clear" },

	{ STAGE_PORTS, E_FULL, UNAVAILABLE, 399,
	  "no media ports left at the gateway", 5, LOG_CLASS_ERROR,
	  "no media ports left: widen media.ports" },
	{ STAGE_PORTS, E_CLOSED, NO_RELAY, 5, LOG_CLASS_ERROR,
	  RELAY_CURE },
	{ STAGE_PORTS, E_TIMEOUT, NO_RELAY, 5, LOG_CLASS_ERROR,
	  RELAY_CURE },
	{ STAGE_PORTS, 0, FAULT, 0, LOG_CLASS_ERROR, RELAY_CURE },

	{ STAGE_KEY_OFFER, E_CLOSED, NO_KEEPER, 5, LOG_CLASS_ERROR,
	  KEEPER_CURE },
	{ STAGE_KEY_OFFER, E_TIMEOUT, NO_KEEPER, 5, LOG_CLASS_ERROR,
	  KEEPER_CURE },
	{ STAGE_KEY_OFFER, E_FULL, BUSY, 5, LOG_CLASS_ERROR,
	  "the keeper has too much to do" },
	{ STAGE_KEY_OFFER, E_POLICY, 403, "Forbidden", 399,
	  "key management: the gateway has no credential for this call", 0,
	  LOG_CLASS_REFUSED, "the keeper's policy does not allow this call" },
	{ STAGE_KEY_OFFER, E_NOTFOUND, OURS, 399,
	  "key management: the gateway has no key for this peer", 0,
	  LOG_CLASS_ERROR,
	  "give the peer a psk" },
	{ STAGE_KEY_OFFER, 0, FAULT, 0, LOG_CLASS_ERROR,
	  "see the keeper's log" },

	{ STAGE_KEY_ANSWER, E_FORMAT, 400, "Bad Request", 399,
	  "malformed key management message", 0, LOG_CLASS_REMOTE,
	  "the far end's MIKEY message is broken" },
	{ STAGE_KEY_ANSWER, E_AUTH, NOT_HERE, 306,
	  "key management: message not authenticated", 0, LOG_CLASS_REFUSED,
	  "the credentials of both sides must fit, and the identities be the "
	  "call's" },
	{ STAGE_KEY_ANSWER, E_REPLAY, NOT_HERE, 306,
	  "key management: message not fresh", 0, LOG_CLASS_REFUSED,
	  "see the reason; an old offer that comes again is an attack" },
	{ STAGE_KEY_ANSWER, E_EXPIRED, NOT_HERE, 306,
	  "key management: time outside the window", 0, LOG_CLASS_REFUSED,
	  "set both clocks, or widen mikey.window" },
	{ STAGE_KEY_ANSWER, E_UNSUPPORTED, NOT_HERE, 306,
	  "key management: parameters not supported", 0, LOG_CLASS_REFUSED,
	  "let the profiles of both sides share a method and a suite" },
	{ STAGE_KEY_ANSWER, E_STATE, OURS, 399,
	  "key management: update of an unknown bundle", 0, LOG_CLASS_REFUSED,
	  "the keeper was restarted, or the far end mixes up calls" },
	{ STAGE_KEY_ANSWER, E_POLICY, 403, "Forbidden", 399,
	  "key management: this identity may not make this call here", 0,
	  LOG_CLASS_REFUSED, "the identity is not the peer's" },
	{ STAGE_KEY_ANSWER, E_FULL, BUSY, 5, LOG_CLASS_ERROR,
	  "the keeper has too much to do" },
	{ STAGE_KEY_ANSWER, E_CLOSED, NO_KEEPER, 5, LOG_CLASS_ERROR,
	  KEEPER_CURE },
	{ STAGE_KEY_ANSWER, E_TIMEOUT, NO_KEEPER, 5, LOG_CLASS_ERROR,
	  KEEPER_CURE },
	{ STAGE_KEY_ANSWER, E_NOTFOUND, OURS, 399,
	  "key management: the gateway has no key for this peer", 0,
	  LOG_CLASS_ERROR,
	  "give the peer a psk" },
	{ STAGE_KEY_ANSWER, 0, FAULT, 0, LOG_CLASS_ERROR,
	  "see the keeper's log" },

	{ STAGE_KEY_FINISH, E_CLOSED, NO_KEEPER, 5, LOG_CLASS_ERROR,
	  KEEPER_CURE },
	{ STAGE_KEY_FINISH, E_TIMEOUT, NO_KEEPER, 5, LOG_CLASS_ERROR,
	  KEEPER_CURE },
	{ STAGE_KEY_FINISH, E_FORMAT, NOT_HERE, 399,
	  "malformed key management answer", 0, LOG_CLASS_REMOTE,
	  "the far end's MIKEY answer is broken" },
	{ STAGE_KEY_FINISH, E_AUTH, NOT_HERE, 306,
	  "key management: answer not authenticated", 0, LOG_CLASS_REFUSED,
	  "the credentials of both sides must fit, and the identities be the "
	  "call's" },
	{ STAGE_KEY_FINISH, 0, NOT_HERE, 306, "key management: answer refused",
	  0, LOG_CLASS_REFUSED, "see the reason" },

	{ STAGE_EXPOSED, 0, NOT_HERE, 306,
	  "key management: a=crypto needs SIP over TLS", 0, LOG_CLASS_REFUSED,
	  "sdes is for SIP over verified TLS: give the peer a route with "
	  "transport=tls, set tls.verify (\"mutual\" for calls that it makes "
	  "to us), or its profile sdes = \"any\"" },

	{ STAGE_NEXT_HOP, 0, NOT_HERE, 399,
	  "the far end cannot do IPsec", 0, LOG_CLASS_REFUSED,
	  "the profile has discover = \"require\": see callsealctl peers" },

	{ STAGE_TUNNEL, E_CLOSED, NO_TUNNEL, 5, LOG_CLASS_ERROR,
	  TUNNEL_CURE },
	{ STAGE_TUNNEL, E_TIMEOUT, NO_TUNNEL, 5, LOG_CLASS_ERROR,
	  "keeper, kernel or charon did not deliver in time: see the tunnel's "
	  "log, and charon's" },
	{ STAGE_TUNNEL, E_STATE, NO_TUNNEL, 5, LOG_CLASS_ERROR,
	  "see callsealctl sas, and charon's log" },
	{ STAGE_TUNNEL, E_FULL, UNAVAILABLE, 399,
	  "no room for a tunnel at the gateway", 5, LOG_CLASS_ERROR,
	  "see callsealctl sas" },
	{ STAGE_TUNNEL, E_POLICY, NOT_HERE, 399, "tunnel not allowed", 0,
	  LOG_CLASS_REFUSED, "see the reason: a tunnel leads to the far end's "
	  "media and nowhere else" },
	{ STAGE_TUNNEL, E_AUTH, NOT_HERE, 399,
	  "IKE in SDP is not that of the peer", 0, LOG_CLASS_REFUSED,
	  "see the reason: compare ike and ike_cert of the peer with what the "
	  "far end's SDP says" },
	{ STAGE_TUNNEL, E_EXISTS, NOT_HERE, 399,
	  "another tunnel of the gateway is in the way", 0, LOG_CLASS_REFUSED,
	  "see the reason, callsealctl sas and \"ip xfrm policy\"" },
	{ STAGE_TUNNEL, 0, FAULT, 0, LOG_CLASS_ERROR, "see the tunnel's log" },

	{ STAGE_PRECONDITION, E_FORMAT, 400, "Bad Request", 399,
	  "malformed preconditions", 0, LOG_CLASS_REMOTE,
	  "the sender's SDP is broken" },
	{ STAGE_PRECONDITION, E_UNSUPPORTED, UNMET,
	  "security preconditions are required here, and no others", 0,
	  LOG_CLASS_REFUSED, "see the reason: the profile wants the tunnel "
	  "before the call; the far end must want it, too (RFC 5027)" },
	{ STAGE_PRECONDITION, 0, UNMET,
	  "the tunnel that the call needs is not there", 0, LOG_CLASS_ERROR,
	  "see the reason, callsealctl sas, and charon's log" },

	{ STAGE_BIND, E_CLOSED, NO_RELAY, 5, LOG_CLASS_ERROR,
	  RELAY_CURE },
	{ STAGE_BIND, E_TIMEOUT, NO_RELAY, 5, LOG_CLASS_ERROR,
	  "relay or keeper did not deliver a key in time" },
	{ STAGE_BIND, E_POLICY, NOT_HERE, 399, "media address not allowed", 0,
	  LOG_CLASS_REFUSED, "the media address in the SDP must be in "
	  "inside.nets" },
	{ STAGE_BIND, 0, FAULT, 0, LOG_CLASS_ERROR,
	  "see the relay's log" },

	{ STAGE_QUEUE, 0, OURS, 399, "too many bodies at once", 5,
	  LOG_CLASS_REMOTE,
	  "more bodies at once than a call may have" },
};

const struct failure *failure_at(size_t i)
{
	return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {
		[STAGE_OFFER] = "offer",
		[STAGE_ANSWER] = "answer",
		[STAGE_UNSEALED] = "unsealed",
		[STAGE_SEALED] = "sealed",
		[STAGE_PLAIN] = "plain",
		[STAGE_PORTS] = "ports",
		[STAGE_KEY_OFFER] = "key-offer",
		[STAGE_KEY_ANSWER] = "key-answer",
		[STAGE_KEY_FINISH] = "key-finish",
		[STAGE_EXPOSED] = "exposed",
		[STAGE_NEXT_HOP] = "next-hop",
		[STAGE_TUNNEL] = "tunnel",
		[STAGE_PRECONDITION] = "precondition",
		[STAGE_BIND] = "bind",
		[STAGE_QUEUE] = "queue",
	};

	return names[stage];
}

const struct failure *failure_of(enum stage stage, int err)
{
	static const struct failure unknown = {
		STAGE_QUEUE, 0, OURS, 0, "", 0, LOG_CLASS_BUG, "please report"
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].stage == stage &&
		    (table[i].err == err || !table[i].err))
			return &table[i];
	return &unknown;
}
