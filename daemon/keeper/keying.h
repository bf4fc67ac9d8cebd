/* keying.h - the role "keying": agreeing on session keys.
 *
 * Pure functions from bytes, policy and time to bytes and keys: no network,
 * no clock of their own, no state but what they return, so that they can be
 * fuzzed and tested alone. Keeper process. */
#ifndef CALLSEAL_KEYING_H
#define CALLSEAL_KEYING_H

#include "daemon/base/buf.h"
#include "daemon/base/secret.h"
#include "daemon/base/suite.h"
#include "daemon/keeper/keying_esp.h"
#include "daemon/keeper/rank.h"
#include "daemon/keeper/certs/trust.h"
#include "daemon/message.h"

#include <stdbool.h>
#include <stdint.h>

struct credential;

/* What an offer is known by, drawn before it is made, so that the messages of
 * one offer can speak of each other. */
struct keying_name {
	uint32_t bundle; /* CSB ID */
	uint8_t rand[16];
};

#define KEYING_RAND_MAX 255

/* What a later message refers to that changes the keys of the same streams (a
 * MIKEY crypto session bundle, RFC 3830 4.5). Nothing in it is secret. */
struct keying_bundle {
	uint32_t csb_id;
	uint8_t prf;
	uint8_t rand_len; /* 0: the method's keys are changed by an exchange
	                     of its own, never by an update */
	uint8_t rand[KEYING_RAND_MAX];
	uint64_t their_stamp_us; /* of the far end's last offer; 0: none */
};

/* When a key carries a name in its packets (MKI, RFC 3711 3.1). */
enum keying_mki { KEYING_MKI_REKEY, KEYING_MKI_ALWAYS, KEYING_MKI_NEVER };

/* What some offers carry in place of the time: a number that rises with each
 * message of its sender (RFC 3830 5.4). */
struct keying_counter {
	bool set;
	uint32_t value;
};

/* What one side brings to an exchange. Everything is borrowed for the call. */
struct keying_terms {
	const char *local_id, *remote_id; /* SIP URIs */
	const struct secret *psk; /* NULL: the methods that need none */
	const struct credential *credential; /* certificates; NULL: none */
	struct trust trust;       /* of the far end's certificates */
	const char *peer;         /* its name in the policy */
	const enum suite *suites; /* allowed, best first */
	size_t n_suites;
	size_t n;                 /* streams, 1..STREAM_MAX */
	const uint32_t *ssrc;     /* n of them: what we send with */
	uint64_t wall_us;         /* now, UTC since 1970 */
	uint64_t window_us;       /* how far off a timestamp may be */
	bool verify;              /* offerer: ask for a verification (V) */
	uint8_t kdr;              /* offerer: key derivation rate to ask for,
	                             as in struct srtp_key */
	bool kemac_128;           /* offerer: keys go under AES-128, whatever
	                             the suite */
	bool sha256;              /* offerer: HMAC-SHA-256 derives keys and
	                             makes MACs, not HMAC-SHA-1 */
	bool no_rate;             /* answerer: the relay takes none but 0 */
	bool legacy;              /* answerer: weak algorithms, too */
	bool veiled;              /* answerer: the offer came in a body that
	                             was encrypted, and signed by the far
	                             end */
	bool retarget;            /* who answers may be another identity of
	                             the domain than the call's */
	bool check;               /* answerer: only authenticate the offer,
	                             where the rest is dear; the result is then
	                             without keys, but for its stamp */
	bool counters;            /* answerer: counters in place of the time */
	const struct keying_counter *last_counter; /* answerer: the far end's
	                                              last; NULL: none */
	const struct keying_name *name; /* offerer; NULL: it draws its own */
	/* The extension of rank.h that the message carries; NULL: none. */
	const uint8_t *ranks;
	size_t ranks_len;
	enum suite suite; /* answerer: what the lists give, whatever the offer's
	                     policy says; SUITE_NONE: its policy decides */
	const struct keying_bundle *bundle; /* that these streams have: an
	                                       offer of ours updates it, one
	                                       of theirs may; NULL: none */
	enum keying_mki mki;      /* of keys that we make */
	uint16_t keyings;         /* of these streams before this one */
	/* Tunnels are keyed: then ranks and mki are not looked at, and the keys
	 * come with the answer whatever the method. Without SRTP in them
	 * suites, n, ssrc and kdr are not looked at either. NULL: streams. */
	const struct esp_terms *esp;
};

/* Whether streams are keyed, be it in tunnels. */
static inline bool keying_streams(const struct keying_terms *t)
{
	return !t->esp || t->esp->srtp;
}

/* What came out: one key a direction and stream. Holds secrets: wipe it. */
struct keying_result {
	struct msg_key_facts facts;
	size_t n;
	struct srtp_key send[STREAM_MAX], recv[STREAM_MAX];
	uint32_t recv_ssrc[STREAM_MAX]; /* 0: not told */
	struct esp_result esp; /* in place of n, send, recv, or with them: SRTP
	                          in ESP */
	uint64_t stamp_us;  /* the offer's timestamp, for the replay cache */
	struct keying_counter counter; /* the offer's; the next is higher */
	bool ranked; /* finish: the answer says what was chosen, and why */
	struct rank_ext ranks; /* when ranked; it was checked */
	struct keying_bundle bundle; /* for later updates */
	struct pin pin;     /* by which the far end is believed, if by one; to
	                       be kept or not when all is done */
};

/* Lines that have keys; where there are tunnels alone, those. */
static inline size_t keying_keyed(const struct keying_result *r)
{
	return r->n ? r->n : r->esp.n;
}

/* The far end proved who it is: by a credential, or by a pin. */
static inline void keying_proven(struct keying_result *r)
{
	r->facts.verified = r->pin.state == PIN_NONE;
	r->facts.pinned = (uint8_t)r->pin.state;
	r->facts.confirmed = 1;
}

/* Why it failed, in words for the operator. */
struct keying_fault {
	char text[REASON_TEXT];
};

/* The outer form of a message, nothing of which is checked. Points into it. */
struct keying_outline {
	struct rank_name name;
	const uint8_t *ranks; /* the extension of rank.h; NULL: none */
	size_t ranks_len;
};

struct keying_pending; /* an offer that waits for its answer; has secrets */

struct keying {
	const char *name; /* as in a profile's keying list: "mikey-psk" */
	/* "mikey" (RFC 4567) or "sdes" (RFC 4568). */
	const char *protocol;
	/* It proves identities by certificates, not by the pre-shared key. */
	bool certified;
	/* Its answer costs an exponentiation or a private key's operation. */
	bool dear;
	/* It proves none: the keys stand in SDP as they are. Nothing of the
	 * peer's is lent for it, nothing in a message tells it from a replay
	 * (the signalling does), and each answer may bring another key. */
	bool bare;
	/* Whether an offer is one of this method: by its outer form alone,
	 * nothing is checked. */
	bool (*takes)(const uint8_t *offer, size_t len);
	/* What can be told of a message without a key. E_FORMAT. NULL: the
	 * method takes no part in the negotiation by priority. */
	int (*outline)(const uint8_t *message, size_t len,
		       struct keying_outline *out);
	/* Makes an offer. early has the keys if the method fixes them already
	 * (PSK, RSA), else early->n is 0. */
	int (*offer)(const struct keying_terms *t, struct buf *out,
		     struct keying_pending **pending,
		     struct keying_result *early,
		     struct keying_fault *fault);
	/* Checks an offer completely and makes the response. On failure out
	 * may hold an error message to send back (E_AUTH, E_EXPIRED,
	 * E_UNSUPPORTED), else it is empty. */
	int (*answer)(const struct keying_terms *t, const uint8_t *offer,
		      size_t len, struct buf *out,
		      struct keying_result *result,
		      struct keying_fault *fault);
	/* May be called several times for one pending (forked answers). */
	int (*finish)(struct keying_pending *pending, const uint8_t *answer,
		      size_t len, uint64_t wall_us,
		      struct keying_result *result,
		      struct keying_fault *fault);
	void (*drop)(struct keying_pending *pending); /* wipes; NULL allowed */
};

#endif
