/* call.h - a call as the engine's core sees it: whom it is with, its streams
 * and keys, and its verdict. No SIP library shows here.
 *
 * The signalling module (modules/sip) owns the two legs and the transactions.
 * It asks the core at five points: call_start() when a call's first INVITE
 * came, call_filter() for every body with SDP before it goes on to the other
 * leg, call_won() when a branch answered with a 2xx, call_up() when the ACK
 * passed, call_end() when it is over. Engine thread only. */
#ifndef CALLSEAL_CALL_H
#define CALLSEAL_CALL_H

#include "daemon/base/addr.h"
#include "daemon/base/buf.h"
#include "daemon/message.h"
#include "daemon/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine; /* engine.h */

#define GUARD_TOLLS 8 /* rules of "tolls" that count for one call */

/* What somebody holds of limits (daemon/engine/guard); all zero: nothing. */
struct guard_ticket {
	uint64_t host, talk, caller, toll[GUARD_TOLLS];
};
struct body;
struct call;

#define REFUSAL_KEYS 1024 /* longer ones are left out */

/* Why a call or a body is refused: what the leg's peer is told. */
struct refusal {
	int status;          /* SIP status, 400..699 */
	const char *phrase;  /* static text */
	unsigned warn_code;  /* RFC 3261 20.43, or 0: no Warning header */
	char warn[REASON_TEXT];
	unsigned retry_after_s; /* 0: none */
	/* For the outside, who made the offer: an error message of the keying
	 * protocol as it stands in a=key-mgmt (RFC 4567), or "". */
	char keys[REFUSAL_KEYS];
	/* For the outside, too: our certificates, to who sealed for others (RFC
	 * 3261 23.2); borrowed as the refusal is. NULL: none. */
	const struct body *attached;
};

/* What the first INVITE says. Borrowed for the call. */
struct call_start {
	enum face from;          /* the face it came in on */
	const char *caller;      /* From URI, "sip:user@host" */
	const char *callee;      /* Request-URI */
	struct addr source;      /* who sent it */
	bool secured;            /* it came by TLS whose certificate (the
	                            other end's) was verified */
	bool late;               /* it has no offer */
	enum hide hidden;        /* whom the header around did not name, so that
	                            caller and callee are what was within */
	unsigned rank;           /* its priority (RFC 4412); 0: none */
	const char *transport;   /* "udp", "tcp", "tls"; or NULL */
	const char *head;        /* its headers, a line each; or NULL */
};

/* Where the call goes on the other face. Valid as long as the call. */
struct call_route {
	const char *target;      /* Request-URI for the other leg */
	const char *next_hop;    /* SIP URI to send to, or "" (the target) */
	const char *routes;      /* value of a Route header, or "" */
	bool nat;                /* further requests in the dialog go to
	                            next_hop, too: the target is behind a
	                            NAT */
	unsigned group;          /* of several phones: which of them ring
	                            together; 0: those that are first */
	bool nowhere;            /* nobody is there: once its offer may pass,
	                            and not before, the answer is 404 */
};

/* Finds peer, profile and route, and enters the call in the table. On refusal
 * returns negative, fills no; nothing is left behind. leg is the signalling
 * module's own object, handed back to its hangup (see struct signalling). */
int call_start(struct engine *e, const struct call_start *s, void *leg,
	       struct call **out, struct refusal *no);
uint64_t call_id(const struct call *c);
/* The name of its peer. */
const char *call_peer(const struct call *c);
const struct call_route *call_route(const struct call *c);
#define CALL_PHONES_MAX 12
/* The n-th of the phones that the call is for, the first being call_route();
 * NULL: there are no more. All of a group ring at once, and groups in order, as
 * long as nobody answers. */
const struct call_route *call_phone(const struct call *c, unsigned n);
/* What becomes of somebody's words: the body of a MESSAGE. */
enum words {
	WORDS_CLEAR,  /* they pass as they are */
	WORDS_SEALED, /* outside, only as they are sealed (S/MIME) */
	WORDS_NONE    /* they would have to be, and the profile seals none */
};

/* Between whom a body goes that is sealed, where no call says it. */
struct body_way {
	uint64_t id;  /* for the log, and the keeper's */
	bool outward; /* a phone of ours sends the request */
	bool probe;   /* it is about certificates: signed headers, and no more,
	                 whatever the profile says */
	bool whole;   /* as call_whole() */
	enum hide hide; /* as call_hides() */
	bool reveal;  /* engine_reveal()'s */
	/* Where the request goes, as in struct call_route; borrowed from the
	 * call or struct request_way. NULL: no certificate is asked for. */
	const char *target, *next_hop, *routes;
	char peer[NAME_TEXT];
	char local_id[IDENTITY_TEXT], remote_id[IDENTITY_TEXT];
	char connected[IDENTITY_TEXT]; /* as call_connected(); "": none */
};

/* Where a request may go, in order; at: where it went last. */
struct hop_list {
	char **uri; /* owned, as each text */
	size_t n, at;
};

/* Where a request outside a call goes on the other face; owned by the caller.
 */
struct request_way {
	char *target;   /* Request-URI for the other face */
	char *next_hop; /* SIP URI to send to, or "" (the target) */
	char *routes;   /* value of a Route header, or "" */
	char peer[NAME_TEXT];  /* with whom */
	struct hop_list hops;  /* empty: next_hop is the only way */
	bool nat;       /* as in struct call_route */
	bool nowhere;   /* nobody is there: once its words are opened, and not
	                   before, the answer is 404 */
	struct guard_ticket ticket;
	bool trusted;   /* as call_trusts() */
	enum words words;     /* of a MESSAGE; never WORDS_NONE */
	struct body_way body; /* where they are WORDS_SEALED */
};

/* Finds peer and way of a request that belongs to no call, by the same rules.
 * content: it has a body that is somebody's words (MESSAGE). On refusal returns
 * negative and fills no. request_way_free() frees what out holds. */
int engine_route(struct engine *e, const struct call_start *s, bool content,
		 struct request_way *out, struct refusal *no);
void request_way_free(struct engine *e, struct request_way *w);
/* Whether there is another next hop, for when this one does not serve. */
bool request_has_hop(const struct request_way *w);
/* next_hop is the next one from now on; why is for the log. False: there is
 * none, or no memory. */
bool request_next_hop(struct request_way *w, const char *why);

/* The peer's network is trusted with who is calling, and believed (RFC 3325):
 * asserted = "trust". Whom an emergency call reaches always is. */
bool call_trusts(const struct call *c);
/* Keys are, or may be, agreed in the caller's name: the outside must know it.
 */
bool call_names(const struct call *c);
/* Whether the outside may send the call's phone on to this URI, by redirection
 * or transfer: where a call must be sealed, only to where it must be, too, and
 * where descriptions are signed or encrypted, to where they are as well. An
 * answer that anybody can forge would else make the phone call in clear. */
bool call_may_lead(const struct call *c, const char *uri);

struct location_way; /* way/location.h */
/* The phones of ours to which a phone's REFER sends the call, if the gateway is
 * to do that itself; by is who sent it. Their number, at most room, the one
 * that the account prefers first; all ring at once. E_NOTFOUND: they are
 * elsewhere. E_POLICY: not by TLS as it should be. E_UNSUPPORTED: the far end
 * shall do it. */
int call_refer(const struct call *c, const char *uri, const char *by,
	       struct location_way *out, size_t room);
/* It is with that one now. */
void call_referred(struct call *c, const char *uri);

/* Sends a call from inside, of which nothing was answered, to another URI, as
 * the far end's redirection wants it: peer, profile and way are decided anew,
 * its first offer is filtered once more. E_POLICY: it may not go there. E_FULL:
 * it was there already, or went too far. E_STATE: too late. */
int call_redirect(struct call *c, const char *uri);

enum body_role { BODY_OFFER, BODY_ANSWER }; /* RFC 3264 */

struct body {
	const char *type; /* Content-Type, with parameters where it is a
	                     multipart; "" when len 0 */
	const char *fields; /* of words, instead: all their Content- headers,
	                       lines "Name: value" with CRLF; NULL: SDP */
	const char *head; /* of what call_open() gives of a whole message: its
	                     first line and every header that is not about its
	                     body, lines with CRLF; NULL: there is none */
	const uint8_t *data;
	size_t len;
	bool secret; /* of what call_filter() gives: it holds keys as they are
	                and may leave by TLS alone that is verified */
	bool seal;   /* of what call_filter() gives: it may leave only as
	                call_seal() makes it */
};

struct filter_request {
	enum face from;       /* the leg it came in on */
	enum body_role role;
	unsigned branch;      /* early dialog of the far leg: 0, 1, ... */
	bool final;           /* in a 2xx or ACK, not a provisional response */
	bool ours;            /* the answer to an offer of our own making:
	                         nothing of it goes on */
	bool held;            /* the phone hears of it later, when it comes
	                         once more (call_before()) */
	bool offered;         /* of those: it came as an offer, which is
	                         answered by call_respond() */
	bool secured;         /* as in struct call_start */
	bool opened;          /* the body is what call_open() gave */
	struct msg_key_origin origin; /* of the message it came in */
	struct addr nat;      /* the inside's: the NAT that its sender is
	                         behind, from where its media come, too, when
	                         its SDP says an address that is not inside;
	                         family 0: none */
	struct body body;     /* borrowed for the call */
};

/* no is NULL when the body may go on as out. An out that is empty though the
 * body was not stays here: the other leg need not know; an offer that ends so
 * is answered by call_repeat(). Otherwise the message must not pass:
 * the signalling module ends what the message belongs to with no's status
 * (a request is answered with it; an answer that fails ends the call on both
 * legs). Both are borrowed for the callback. */
typedef void (*filter_fn)(void *user, const struct refusal *no,
			  const struct body *out);

/* Steps offer, key, seal or open, verify, install: gives fn the body for the
 * other leg once streams and keys are ready. fn is called exactly once, maybe
 * before this returns; never after call_end(). An empty body passes as is. */
void call_filter(struct call *c, const struct filter_request *q, filter_fn fn,
		 void *user);

/* -- bodies that are sealed from edge to edge (S/MIME) -------------------- */

/* What becomes of the words of a MESSAGE in the call. */
enum words call_words(const struct call *c);
/* Whether the far end's descriptions must come sealed: call_filter() takes
 * none that call_open() did not give. */
bool call_opens(const struct call *c);
/* Whether its far end's messages must be signed, with a body or without. */
bool call_signs(const struct call *c);
/* The call's first INVITE was opened, and has no offer: its start could not
 * know. E_POLICY: that is not taken, *no says why. */
int call_late(struct call *c, struct refusal *no);
/* Whether messages go whole, within what is sealed (RFC 3261 23.4): all that
 * can be sealed. What is bound to a body is then its whole head. */
bool call_whole(const struct call *c);
/* Whom the header around its whole messages does not name. */
enum hide call_hides(const struct call *c);
/* Between whom its bodies go, for what is sealed after call_end(). */
void call_way(const struct call *c, struct body_way *out);

/* A message from outside. Borrowed for the call. */
struct call_given {
	const char *frag;   /* what it says of itself, lines "Name: value" with
	                       CRLF: From, To, Call-ID, CSeq, Contact, Date; a
	                       response has its first line before them. Of a
	                       whole one its first line and all headers */
	const char *fields; /* its Content- headers, the same way */
	struct msg_key_origin origin;
	bool response;
	bool words; /* it is a MESSAGE: its body is anything but SDP */
	bool bare;  /* it may have no content but signed headers */
	unsigned branch; /* of the called side that it came from */
	const char *what; /* the method, for the log; NULL: its description is
	                     what counts */
	const uint8_t *body;
	size_t len;
};

/* Opens its body and checks whose it is: fn gets the SDP, or the words, or, if
 * bare, an empty body. fn is called as that of call_filter(). */
void call_open(struct call *c, const struct call_given *g, filter_fn fn,
	       void *user);

/* The far end's identity, where it is another than the call names: what was
 * opened last was signed by that one, as the profile allows (RFC 4916). NULL:
 * the call's own. */
const char *call_connected(const struct call *c);
/* Whether the far end may turn out to be another, and say so in From. */
bool call_changes(const struct call *c);

/* Whether what old peers send is taken (mikey.legacy). */
bool engine_legacy(const struct engine *e);
/* Whether some peer's messages hide who calls. */
bool engine_hides(const struct engine *e);
/* The same of a whole first INVITE whose header names nobody, before there is a
 * call: fn gets its head alone (body.head), which the keeper believes. Opening
 * it in the call decides. fn is not called any more after
 * engine_words_forget(). */
void engine_reveal(struct engine *e, const struct call_given *g, filter_fn fn,
		   void *user);

/* The same as call_way() of a question for our certificates that came from
 * outside, by its caller and callee. E_NOTFOUND: nothing is sealed for that
 * caller, or nobody is to be answered; E_NOMEM. */
int engine_probe_way(struct engine *e, const struct call_start *s,
		     struct body_way *out);

/* Borrowed for the callback. */
struct call_sealed_body {
	bool brief; /* it only refers to our certificates: who does not know
	               them says 493 */
	bool whole; /* all of the message is in it */
	const char *type;        /* Content-Type */
	const char *disposition; /* or "" */
	const char *transfer;    /* Content-Transfer-Encoding, or "" */
	const uint8_t *data;
	size_t len;
};

typedef void (*seal_fn)(void *user, const struct refusal *no,
			const struct call_sealed_body *out);
/* Seals SDP, words, or nothing (an empty body: its headers are signed alone)
 * for a message whose headers are complete; frag as above, of a whole one
 * without what is about its body.
 * fn is called exactly once, maybe before this returns; never after
 * call_end(). */
void call_seal(struct call *c, const char *frag, const struct body *body,
	       seal_fn fn, void *user);

/* A 493 brought a body: if it has a certificate of the far end's that is
 * believed, and is not the one that was sealed for, the next bodies are sealed
 * for that one, and call_retry() may say so. fn is called exactly once, maybe
 * before this returns; never after call_end(). */
typedef void (*learn_fn)(void *user, bool learned);
void call_learn(struct call *c, const struct call_given *g, learn_fn fn,
		void *user);

/* The same for words outside a call. full: our certificates go along. fn is
 * not called any more after engine_words_forget(). */
void engine_words_seal(struct engine *e, const struct body_way *w, bool full,
		       const char *frag, const struct body *words, seal_fn fn,
		       void *user);
void engine_words_open(struct engine *e, const struct body_way *w,
		       const struct call_given *g, filter_fn fn, void *user);
void engine_words_learn(struct engine *e, const struct body_way *w,
			const struct call_given *g, learn_fn fn, void *user);
void engine_words_forget(struct engine *e, const void *user);

/* The call's offers and answers of keys go early (answer = "early"): our offer
 * may ask for it, theirs may be answered so. */
bool call_wants_early(const struct call *c);
/* A first INVITE of the outside goes on once the far end has acknowledged its
 * early keying answer, and is refused if it cannot be answered so: what the
 * phones send must find the tunnel up. */
bool call_rings_late(const struct call *c);
/* The keying answer to the INVITE, for a reliable provisional response before
 * the phone is picked up, as application/mikey; appended to out. Once the
 * offer has passed; E_NOTFOUND: there is none, it comes with the SDP. The
 * other side gives it to its call_filter() as a BODY_ANSWER of that type; what
 * passes then is empty, and the same message must come in the SDP answer. */
int call_early(const struct call *c, struct buf *out);

/* -- the tunnel as a precondition (RFC 3312, 5027; ike = "before") --------- */

/* Nobody may be called before the call's tunnel is up at both ends: what comes
 * from outside says so, and what goes there. */
bool call_before(const struct call *c);
/* The called side: our own answer to the outside's offer, which has passed and
 * of which no phone has heard; appended to out. E_STATE, E_NOMEM, E_SPACE. */
int call_accept(struct call *c, struct buf *out);
/* By what this branch of the outside said last: it is up at both ends. Who
 * calls from there is 0. */
bool call_met(const struct call *c, unsigned branch);
/* The caller's side: it is up here, and this branch is owed an offer that says
 * so, call_refresh(). */
bool call_due(const struct call *c, unsigned branch);
/* What a 580 says of a description that was refused by it, appended to out.
 * E_FORMAT: it is none. E_NOMEM, E_SPACE. */
int call_unmet(const void *data, size_t len, struct buf *out);
/* The called side: whether what the outside answers to an offer that is the
 * phone's answer leaves its media where they are. E_POLICY, E_FORMAT: no. */
int call_agrees(struct call *c, const void *data, size_t len);

/* What the inside said last, once more for the outside: as an offer with new
 * keys, or as the answer to an offer that brought nothing else. fn as for
 * call_filter(). */
void call_repeat(struct call *c, enum body_role role, filter_fn fn,
		 void *user);

/* The same as an offer, with the keys in force where they are still ours to
 * offer: it refreshes a session and changes nothing. branch: to whom, while the
 * call is set up. */
void call_refresh(struct call *c, unsigned branch, filter_fn fn, void *user);
/* The same as the answer to what came offered and held. */
void call_respond(struct call *c, unsigned branch, filter_fn fn, void *user);
/* Its descriptions go outside, and come from there, as packages with their keys
 * beside them: multipart/mixed (media = "esp"). call_filter() makes and opens
 * them. */
bool call_packages(const struct call *c);
/* Its streams are SRTP outside, or may turn out to be, or go in ESP. */
bool call_sealed(const struct call *c);

enum reoffered {
	REOFFER_DONE,       /* answered: the keys are new */
	REOFFER_BUSY,       /* the far end has an offer open (491), or has no
	                       time: once more after again_ms */
	REOFFER_CHALLENGED, /* 401, 407: we have no password */
	REOFFER_FAILED      /* the keys in force stay */
};

/* How the offer that signalling.reoffer() began has ended. why: a short text
 * for the operator, copied. Not called when the call ended by it. */
void call_reoffered(struct call *c, enum reoffered how, unsigned again_ms,
		    const char *why);

/* The far end refused the call's first offer with this status, before any
 * answer of it: true if the same offer shall be made again, less protected, as
 * the profile lets it (need = "prefer"), or with more to choose from. It goes
 * through call_filter() anew. */
bool call_retry(struct call *c, int status);
/* A 493 to a request in the call, which was sealed: true if it shall be sealed
 * once more, with our certificates and for the one that came (call_learn()).
 * Never twice in a call, and never less. */
bool call_seal_again(struct call *c);
/* Whether the call's first INVITE may still go to another next hop. */
bool call_has_hop(const struct call *c);
/* The next hop of the first INVITE does not work (why: for the operator): true
 * if it shall go to another one, which call_route() names from now on. It goes
 * through call_filter() anew. */
bool call_next_hop(struct call *c, const char *why);
/* An offer of ours came to nothing, but not for what it says: it goes through
 * call_filter() or call_repeat() once more, and its keys are made anew. */
void call_offer_again(struct call *c);
/* A refusal of the call's first offer came with a description: what it says of
 * keys (RFC 4567, an error message) is explained in the log. Nobody vouches for
 * it, so nothing else changes. data is borrowed. */
void call_hint(struct call *c, const void *data, size_t len);
/* This branch's answer counts from now on; others are forgotten. */
void call_won(struct call *c, unsigned branch);
/* Both legs are confirmed. */
void call_up(struct call *c);
/* Releases streams and keys, writes the call record, frees the call. cause is
 * a short static text or a refusal's warning, copied. */
void call_end(struct call *c, int status, const char *cause);

/* The role "signalling" in the engine's core. */
struct signalling {
	const char *name; /* "sip" */
	/* Ends the call on both legs: CANCEL, BYE or the status, whichever
	 * fits; call_end() follows, at the latest when the transactions are
	 * done. */
	void (*hangup)(void *leg, int status, const char *cause);
	/* Makes an offer to the outside by itself (call_repeat()), of which
	 * the inside sees nothing; call_reoffered() follows once, or the call
	 * ends. E_AGAIN: another offer is open. E_STATE: the call is not up.
	 * E_NOMEM. */
	int (*reoffer)(void *leg);
	/* When the certificate of SIP over TLS is over (seconds since 1970);
	 * false: there is none. May be NULL. */
	bool (*expires)(int64_t *unix_s);
};

#endif
