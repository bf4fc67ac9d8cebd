/* bodies.h - the role "bodies": sealing and opening the bodies of SIP messages
 * end to end (RFC 3261 section 23), with the keeper's credential.
 *
 * Pure functions from bytes, policy and time to bytes: no network, no clock, no
 * state but what they return. Keeper process. */
#ifndef CALLSEAL_KEEPER_BODIES_H
#define CALLSEAL_KEEPER_BODIES_H

#include "daemon/base/buf.h"
#include "daemon/keeper/certs/credential.h"
#include "daemon/keeper/keying.h"
#include "daemon/policy.h"

/* A far end's certificates, as the module keeps them. They prove nothing by
 * themselves: each use verifies them. */
struct bodies_card;

/* What can be sent to a far end (RFC 8551 2.5.2), as the module numbers it. */
struct bodies_capabilities {
	bool told; /* it said so in an earlier message */
	unsigned ciphers;
	bool oaep;
};

/* A key that both ends of a dialog have, under which its later messages are
 * encrypted without public keys. */
struct bodies_session {
	uint8_t id[16];
	size_t id_len; /* 0: there is none */
	struct secret key;
};

#define BODIES_SESSIONS 2 /* of a dialog: one of each end */
#define BODIES_KEYS 3 /* that may open a message */
#define BODIES_TAG 128

/* What one side brings. Everything is borrowed for the call. */
struct bodies_terms {
	const char *local_id, *remote_id; /* SIP URIs */
	const char *peer;                 /* its name in the policy */
	/* What is opened may be signed by another than remote_id, whose
	 * certificate comes along: by this one (NULL: nobody), or by whomever
	 * it names. */
	const char *also;
	bool anybody;
	const struct credential *credential;
	struct trust trust;
	enum body_mode mode;              /* how bodies with it must be */
	/* Whole messages: whom the header around one need not name as it is
	 * named within. Where that is who sends it, remote_id must be named
	 * there. */
	bool hides_caller, hides_callee;
	bool inward; /* the far end made the call */
	bool legacy;                      /* what 2004 used is taken, too */
	uint64_t wall_us;
	uint64_t window_us;               /* how far a signed Date may be off */
	bool brief; /* the far end has our certificates: refer to them */
	const struct bodies_card *known; /* from earlier messages, or NULL */
	struct bodies_capabilities able;
	/* Of whole messages (BODY_MODE_TUNNEL): what opens them, and the one
	 * that seals them. carry: the far end may not have it yet; it goes
	 * along, and the message is encrypted for the certificate. */
	const struct bodies_session *session;
	size_t n_session;
	bool carry;
};

/* What a message's headers name; "" is what they do not, or in no way that
 * counts here. */
struct bodies_names {
	bool response, invite, update; /* of such a request, or one itself */
	char from[IDENTITY_TEXT], to[IDENTITY_TEXT]; /* "sip:user@host" */
	char from_tag[BODIES_TAG], to_tag[BODIES_TAG];
};

/* A message in the clear. */
struct bodies_text {
	/* What of its headers is bound to the body: lines "Name: value", each
	 * with its CRLF, From, To, Call-ID, CSeq, Contact and Date; of a whole
	 * message its first line and all that are not about the body. */
	const uint8_t *frag;
	size_t frag_len;
	bool words; /* somebody's, of a MESSAGE; else SDP */
	/* Of words: the Content- headers, the same way. */
	const uint8_t *fields;
	size_t fields_len;
	const uint8_t *content; /* none: the headers are sealed alone */
	size_t content_len;
};

#define BODIES_TYPE_TEXT 192

struct bodies_sealed {
	char type[BODIES_TYPE_TEXT];          /* Content-Type */
	const char *disposition, *transfer;   /* or NULL; static text */
	struct buf body;                      /* owned */
};

/* A message as it came. */
struct bodies_given {
	const uint8_t *frag; /* as in bodies_text, of the message itself */
	size_t frag_len;
	const uint8_t *fields; /* its Content- headers, the same way */
	size_t fields_len;
	const uint8_t *body;
	size_t body_len;
	bool words; /* it may hold anything but SDP; else only SDP */
	bool bare;  /* or nothing but the headers */
};

struct bodies_opened {
	struct buf fields;  /* of words: the Content- headers of the content, as
	                       above; owned, wiped */
	struct buf content; /* the same way */
	struct buf head; /* of a whole message: its first line and headers, as
	                    in frag; owned, wiped */
	struct bodies_session session; /* what came along, or none; wiped by
	                                  the owner */
	size_t by_session; /* which of the terms' it was under, from 1; 0: by
	                      our certificate */
	bool is_signed, encrypted;
	uint64_t stamp_us; /* Date of a signed one, UTC */
	uint8_t mark[32];  /* SHA-256 of what counts of a signed one, be the
	                      bytes around it what they may */
	struct pin pin;    /* to be kept if all else is fine */
	char other[IDENTITY_TEXT]; /* who signed, if not remote_id; else "" */
	struct bodies_card *card; /* the signer's, owned; NULL: it did not
	                             bring any */
	struct bodies_capabilities able;
};

/* err is one of err.h's; status (400, 403, 415, 488, 493, 500) and text say
 * more. */
struct bodies_fault {
	unsigned status;
	char text[REASON_TEXT];
};

struct bodies {
	const char *name; /* "smime" */
	int (*seal)(const struct bodies_terms *t, const struct bodies_text *in,
		    struct bodies_sealed *out, struct bodies_fault *why);
	/* Nothing is set on failure: no content of a body that is not in
	 * order is seen. What is not sealed at all is refused, too. */
	int (*open)(const struct bodies_terms *t, const struct bodies_given *in,
		    struct bodies_opened *out, struct bodies_fault *why);
	/* Our certificates alone, as a body: its Content- headers, lines as in
	 * bodies_text, and itself, appended (RFC 3261 23.2). */
	int (*show)(const struct bodies_terms *t, struct buf *fields,
		    struct buf *body, struct bodies_fault *why);
	/* Such a body of the far end's: the one for which bodies for it can be
	 * encrypted, by what it says of itself. Only card is set; nobody signed
	 * it, so nothing else is to be believed. */
	int (*learn)(const struct bodies_terms *t,
		     const struct bodies_given *in, struct bodies_opened *out,
		     struct bodies_fault *why);
	/* Who says within a whole message that he sends it, a SIP URI: where
	 * the header around it names nobody. Proves nothing: open() does, with
	 * him as remote_id, which does not count here, nor does peer. */
	int (*whose)(const struct bodies_terms *t,
		     const struct bodies_given *in,
		     char id[static IDENTITY_TEXT], struct bodies_fault *why);
	/* Between whom a message goes, by its headers (frag as above). They
	 * prove nothing. E_FORMAT. */
	int (*names)(const uint8_t *frag, size_t len, struct bodies_names *out);
	/* Whether what is encrypted for the far end names no more than its
	 * domain. */
	bool (*veils)(const struct bodies_terms *t);
	/* Whether bodies for the far end can be encrypted, or need not be. */
	bool (*reaches)(const struct bodies_terms *t);
	/* Whether they are encrypted for that one already, or for none. */
	bool (*uses)(const struct bodies_terms *t, const struct bodies_card *c);
	void (*card_free)(struct bodies_card *c); /* NULL allowed */
};

#endif
