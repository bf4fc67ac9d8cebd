/* verdict.h - one word for how well a call is protected. Pure. */
#ifndef CALLSEAL_VERDICT_H
#define CALLSEAL_VERDICT_H

#include "daemon/message.h"

#include <stdbool.h>

enum verdict_word { VERDICT_PLAIN, VERDICT_HOP, VERDICT_PEER, VERDICT_SEALED };

struct verdict {
	enum verdict_word word;
	const char *reason; /* static text */
};

/* What is known when it is asked. */
struct verdict_facts {
	bool forbidden; /* the profile forbids sealing */
	bool emergency; /* it went out whether it could be sealed or not */
	bool sealed;  /* the streams are SRTP or in ESP outside, for their
			 whole life */
	bool carried; /* they are plain, and go in a tunnel to the peer's
			 configured end of IKE and nowhere else */
	bool by_ike; /* they go in a tunnel of the call's, which IKE raised by
			a key that was agreed on */
	bool keyed;   /* keys are agreed and installed in both directions */
	bool hop;     /* bare keys were shown to verified TLS only */
	bool sdp_signed; /* SDP of both sides was signed, by certificates that
			    an anchor vouches for (S/MIME) */
	bool diverted; /* the far end signs, or signed, as another than the
	                  call names */
	bool offerer; /* our side made the keying offer */
	struct msg_key_facts key;
};

/* The only judge. Never better than the truth: what is not known is false. */
struct verdict verdict_of(const struct verdict_facts *f);
const char *verdict_name(enum verdict_word w);
/* The name of what media are protected by; NULL: nothing was keyed. */
const char *verdict_suite(const struct msg_key_facts *key);
/* Where that is SRTP in ESP, ESP's suite; else NULL. */
const char *verdict_around(const struct msg_key_facts *key);

#endif
