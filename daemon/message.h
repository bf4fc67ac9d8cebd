/* message.h - what the processes say to each other: one struct a message, by
 * value, in host byte order. ipc.c has the table of who may send which.
 *
 * A struct may be followed by a tail of bytes (a MIKEY message, a
 * configuration): its len field says how many, and the whole message must
 * have exactly that size. Texts are NUL-terminated within their arrays.
 * Requests carry an id in the ipc header; the answer carries the same. */
#ifndef CALLSEAL_MESSAGE_H
#define CALLSEAL_MESSAGE_H

#include "daemon/base/addr.h"
#include "daemon/base/esp.h"
#include "daemon/base/secret.h"
#include "daemon/base/suite.h"
#include "daemon/digest/digest.h"
#include "daemon/print.h"
#include "daemon/uri.h"

#include <stdbool.h>
#include <stdint.h>

#define STREAM_MAX 8       /* relayed m= lines of one call */
#define NAME_TEXT 128      /* a peer's name */
#define REASON_TEXT 160
#define METHOD_TEXT 32     /* a SIP method */
#define KEYING_MAX 16384   /* bytes of one keying message */
#define KEYING_TAIL_MAX 49152 /* of an offer with its alternatives (bundle.h) */
#define BODY_TAIL_MAX 98304   /* of a message that is sealed or opened */
#define CONTENT_TEXT 192      /* a Content-Type with its parameters */

enum message {
	MSG_NONE,

	/* both directions of every pair; the first message on a new pair */
	MSG_HELLO,

	/* parent -> child */
	MSG_CONF,    /* tail: configuration text */
	MSG_SECRET,  /* keeper only; with a descriptor of the opened file */
	MSG_CREDENTIAL, /* keeper only; with a descriptor of the opened file */
	MSG_USERS,   /* keeper only; with the opened file of accounts */
	MSG_PASSWORD, /* keeper only; with a descriptor of the opened file */
	MSG_FILE,    /* a descriptor the child needs, by name */
	MSG_PAIR,    /* with one end of a socket pair to another child */
	MSG_BEGIN,   /* all that belongs to this configuration was sent */
	MSG_PING,
	MSG_STOP,    /* end in order: calls are ended, then the process */
	MSG_LEVEL,   /* how much is logged */
	MSG_TRUST,   /* keeper only: the operator's order; answered */

	/* child -> parent */
	MSG_READY,   /* started and confined */
	MSG_APPLIED, /* the answer to MSG_BEGIN of a reload */
	MSG_PONG,
	MSG_ACCUSE,  /* a process broke the rules of a pair */
	MSG_RELOAD,  /* engine: the operator asks for it */
	MSG_TRUSTED, /* keeper: the answer to MSG_TRUST */

	/* engine -> keeper, and the answers */
	MSG_KEY_OFFER,
	MSG_KEY_OFFERED,
	MSG_KEY_ANSWER,
	MSG_KEY_ANSWERED,
	MSG_KEY_FINISH,
	MSG_KEY_FINISHED,
	MSG_KEY_DROP,    /* an exchange that came to nothing; no answer */
	MSG_KEY_WON,     /* the call is answered; no answer */
	MSG_KEY_RELEASE, /* all keys of a call are done with; no answer */
	MSG_KEY_PLAIN,   /* may this peer's call go in clear? */
	MSG_KEY_PLAINED,
	MSG_BODY_SEAL,   /* a description for the far end */
	MSG_BODY_SEALED,
	MSG_BODY_OPEN,   /* one that came from there */
	MSG_BODY_OPENED,
	MSG_BODY_LEARN,  /* certificates that came with a 493 */
	MSG_BODY_LEARNED,

	MSG_DIGEST_CHECK, /* does a phone know its password? */
	MSG_DIGEST_CHECKED,
	MSG_ACCOUNT_ANSWER, /* the digest of an account of ours */
	MSG_ACCOUNT_ANSWERED,

	MSG_SHOW,        /* what the keeper has, for the operator's eyes */
	MSG_SHOWN,

	/* keeper -> relay */
	MSG_KEY,
	MSG_KEY_GONE,

	/* engine -> relay, and the answers */
	MSG_STREAM_ADD,
	MSG_STREAM_ADDED,
	MSG_STREAM_SET,
	MSG_STREAM_DONE, /* the answer to STREAM_SET, once keys are there */
	MSG_STREAM_DEL,  /* no answer */
	MSG_STREAM_GET,
	MSG_STREAM_STATS,
	/* relay -> engine, unasked */
	MSG_STREAM_EVENT,

	/* keeper -> tunnel */
	MSG_TUNNEL_KEY,
	MSG_TUNNEL_KEY_GONE,

	/* engine -> tunnel, and the answers */
	MSG_TUNNEL_RESERVE,
	MSG_TUNNEL_RESERVED,
	MSG_TUNNEL_RAISE,
	MSG_TUNNEL_RAISED, /* the answer, once the keys are there */
	MSG_TUNNEL_DROP,   /* no answer */
	MSG_TUNNEL_LIST,
	MSG_TUNNEL_LISTED,
	/* tunnel -> engine, unasked */
	MSG_TUNNEL_EVENT,
	/* engine -> tunnel, and the answer: of one that stands already */
	MSG_TUNNEL_USE,
	MSG_TUNNEL_USED,

	/* tunnel -> keeper, and the answer */
	MSG_IKE_KEY,
	MSG_IKE_KEYED,
	/* tunnel -> engine, unasked: our end of IKE for each peer */
	MSG_IKE_OURS,
	/* engine -> tunnel, unasked */
	MSG_IKE_FOUND,

	MSG_COUNT
};

struct msg_hello {
	uint32_t process; /* enum process of the sender */
	uint32_t epoch;   /* grows with every start of that process; the
	                     parent, which starts them, tells each child the
	                     child's own one */
	/* Of the child, by the parent: */
	uint32_t restarts; /* how often it was started again */
	uint32_t signal;   /* by which it ended last; 0: by itself, or never */
};

/* -- parent and children -------------------------------------------------- */

struct msg_conf {
	uint32_t generation; /* grows with every reload */
	uint32_t len;        /* tail: configuration text, without NUL */
};

struct msg_secret {
	char peer[NAME_TEXT]; /* whose pre-shared key; fd: the open file */
};

/* What a PEM file is for. */
enum credential_part {
	CREDENTIAL_CERT, /* our own chain, the leaf first */
	CREDENTIAL_KEY,  /* the leaf's private key */
	CREDENTIAL_CA,   /* trust anchors */
	CREDENTIAL_CRL,  /* revocation lists */
	CREDENTIAL_PEER, /* a peer's chain, for sealing a key to it */
	CREDENTIAL_PARTS
};

struct msg_credential {
	uint32_t part; /* enum credential_part */
	uint32_t pad;
	char peer[NAME_TEXT]; /* for CREDENTIAL_PEER, else "" */
};

struct msg_password {
	char account[NAME_TEXT]; /* whose; fd: the open file */
};

struct msg_file {
	char name[NAME_TEXT]; /* "control": the listening control socket;
	                         "replay": the keeper's replay cache;
	                         "memory": what it knows of far ends;
	                         "record": the call record, for appending;
	                         "bindings": the registered phones;
	                         "ledger": the tunnel's SAs and policies;
	                         "tls.cert", "tls.key", "tls.ca": the engine's
	                         files of TLS, again at each reload;
	                         "ike.cert", "ike.peer3": certificates of IKE,
	                         so, too (daemon/ikecert.h) */
};

struct msg_pair {
	uint32_t process; /* at the other end */
	uint32_t epoch;   /* of the process at the other end */
};

struct msg_begin {
	uint32_t generation;
};

struct msg_level {
	uint32_t level; /* enum log_class */
};

struct msg_applied {
	uint32_t generation;
	int32_t err; /* 0, or why the old configuration stays */
};

struct msg_accuse {
	uint32_t process; /* which broke the rules */
	int32_t err;
	uint32_t type;    /* the message that did, or 0 */
};

enum trust_order {
	TRUST_ACCEPT, /* this certificate is that of name from now on */
	TRUST_FORGET, /* what is known of name is known no more */
	TRUST_MEND    /* what damage took is lost, and shall not be missed */
};

/* Whom we trust is changed by the parent's word alone: it has it from the
 * operator by a socket that no other process of ours can reach. */
struct msg_trust {
	uint32_t order;           /* enum trust_order */
	uint32_t pad;
	char name[IDENTITY_TEXT]; /* "b.example", "bob@b.example", a peer's */
	uint8_t print[32];        /* TRUST_ACCEPT: SHA-256 */
};

struct msg_trusted {
	int32_t err;
	uint32_t pad;
	char reason[REASON_TEXT]; /* when err */
};

/* MSG_USERS, MSG_PING, MSG_PONG, MSG_STOP, MSG_READY, MSG_RELOAD have no body.
 */

/* -- engine and keeper ---------------------------------------------------- */

struct msg_key_line {
	uint32_t stream; /* the relay's id */
	uint32_t ssrc;   /* which the relay will send with */
	/* Where the profile wants media = "esp", or "esp+srtp": */
	uint32_t tunnel;   /* the tunnel's id; 0: it has none of its own */
	uint32_t spi;      /* that was reserved for it */
	struct addr local; /* where its media arrive, by esp_media_end() */
};

/* A key of one direction is named by its id: keeper epoch << 32 | counter.
 * 0 means none. A line has those of its stream, of its tunnel, or, where SRTP
 * goes in ESP, all three. */
struct msg_key_ids {
	uint64_t send;   /* we protect with it */
	uint64_t recv;   /* we open with it */
	uint64_t tunnel; /* both directions of the tunnel, and its ends; of no
	                    use to the relay */
};

/* Who the call is between, as the keeper checks it against its own policy. */
struct msg_key_party {
	uint64_t call;
	char peer[NAME_TEXT];           /* the peer's name in the policy */
	char local_id[IDENTITY_TEXT];   /* SIP URI of our side */
	char remote_id[IDENTITY_TEXT];  /* SIP URI of the far side */
	uint32_t outward;               /* 1: a phone of ours made the call */
	uint32_t n;                     /* lines used, 1..STREAM_MAX */
	uint32_t secured;               /* 1: SIP with the far side goes by
	                                   TLS that was verified; as the
	                                   engine sees it */
	uint32_t pad;
	struct msg_key_line line[STREAM_MAX];
};

struct msg_key_offer {
	struct msg_key_party party;
};

struct msg_key_offered {
	int32_t err;
	uint32_t len;      /* tail: the keying messages, binary (bundle.h) */
	uint64_t exchange; /* for KEY_FINISH or KEY_DROP */
	uint32_t n;
	uint32_t recalled; /* 1: short, by what the peer said earlier; once it
	                      is dropped, the next one has everything */
	struct msg_key_ids key[STREAM_MAX]; /* may receive from now on */
	char reason[REASON_TEXT];           /* when err */
};

/* Tells legal repeats from replays (a message is bound to the INVITE
 * it came in). Hashes are SHA-256. */
struct msg_key_origin {
	uint8_t dialog[32]; /* of Call-ID and From tag */
	uint8_t branch[32]; /* of the top Via's branch; zero if none */
	uint32_t cseq;
	uint32_t pad;
};

/* How far a far end's offer is answered. */
enum key_when {
	KEY_NOW,   /* in full: the call is picked up, or up */
	KEY_EARLY, /* in full, too, before that; as KEY_CHECK when the peer has
	              cost enough by its calls that nobody picked up */
	KEY_CHECK  /* the offer is authenticated; the answer is made at once
	              only where that is cheap */
};

struct msg_key_answer {
	struct msg_key_party party;
	struct msg_key_origin origin;
	uint32_t len;  /* tail: the offerer's keying messages (bundle.h) */
	uint32_t when; /* enum key_when */
};

/* Why a call has the keying method that it has. */
enum key_choice {
	KEY_CHOICE_UNTOLD,
	KEY_CHOICE_ONLY,       /* the profile has no other */
	KEY_CHOICE_FIRST,      /* the profile's first, which was answered */
	KEY_CHOICE_OFFERED,    /* the far end offered it, the profile has it */
	KEY_CHOICE_RULE,       /* the lowest sum of both sides' ranks */
	KEY_CHOICE_AUTOMATIC,  /* the offerer's first that both have */
	KEY_CHOICE_REMEMBERED, /* it last worked with this far end */
	KEY_CHOICES
};

/* Whose identity a key exchange has, beside what the call says. */
enum key_identity {
	KEY_IDENTITY_CALL, /* the call's own */
	KEY_IDENTITY_NONE, /* the far end's is not in it: the key alone tells */
	KEY_IDENTITY_OTHER /* another one of the same domain, where the
	                      profile's retarget takes it */
};

/* Facts for the verdict; the engine's verdict function alone judges. */
struct msg_key_facts {
	uint16_t suite;
	uint8_t verified;   /* 1: the far end proved a configured credential */
	uint8_t confirmed;  /* 1: it also proved to hold the key (V payload) */
	uint16_t key_bits;  /* strength of the weakest thing that the key hangs
	                       on: pre-shared key, cipher of the KEMAC, group
	                       of DH; 0: not told */
	uint8_t bare;       /* 1: they stood in SDP as they are (SDES): no
	                       better hidden than the SDP was */
	uint8_t pinned;     /* by a certificate that no anchor vouches for: 1:
	                       not seen before, 2: that of an earlier call */
	char method[32];    /* "mikey-psk" */
	uint8_t choice;     /* enum key_choice: why this method */
	uint8_t identity;   /* enum key_identity */
	uint8_t esp;        /* enum esp_suite: tunnels were keyed, and streams
	                       in them unless suite is SUITE_NONE; ESP_NONE:
	                       streams alone */
	uint8_t pad2[5];
	char other[NAME_TEXT]; /* KEY_IDENTITY_OTHER: which, cut to fit */
};

/* n is 0 without an err when the offer was only checked: the same request
 * with KEY_NOW answers it. */
struct msg_key_answered {
	int32_t err;
	uint32_t len; /* tail: our response, or an error message to send */
	uint32_t n;
	uint32_t repeat; /* 1: unchanged, the keys in force stay */
	uint32_t chosen; /* which of the offer's messages; 0: the actual one */
	uint32_t pad;
	struct msg_key_ids key[STREAM_MAX];
	struct addr far[STREAM_MAX]; /* of a tunnel: where the far end's media
	                                arrive, as its keying message says */
	struct net behind[ESP_SELECTORS_MAX]; /* of one between networks: what
	                                         is behind it; bits 0: none */
	struct msg_key_facts facts;
	char reason[REASON_TEXT];
};

struct msg_key_finish {
	uint64_t exchange;
	uint32_t branch; /* 0, 1, ...: which forked answer this is */
	uint32_t len;    /* tail: the answerer's keying message, binary */
};

struct msg_key_finished {
	int32_t err;
	uint32_t n;
	uint32_t chosen; /* which of our messages it answers; 0: the actual */
	uint32_t pad;
	struct msg_key_ids key[STREAM_MAX];
	struct addr far[STREAM_MAX]; /* as in msg_key_answered */
	struct net behind[ESP_SELECTORS_MAX];
	struct msg_key_facts facts;
	char reason[REASON_TEXT];
};

struct msg_key_drop {
	uint64_t exchange;
};

/* From now on the offer that was accepted for the call is a replay, whatever
 * branch it comes on: an INVITE forks only until it is answered. */
struct msg_key_won {
	uint64_t call;
};

struct msg_key_release {
	uint64_t call;
};

/* A call whose profile does not require sealing is about to be plain. */
struct msg_key_plain {
	char peer[NAME_TEXT];          /* the peer's name in the policy */
	char remote_id[IDENTITY_TEXT]; /* SIP URI of the far side */
};

struct msg_key_plained {
	int32_t err; /* E_POLICY: it was sealed before, or must be */
	char reason[REASON_TEXT];
};

/* What a phone answered to a challenge of ours. Whether its nonce is ours and
 * was not used before is the engine's to know. */
struct msg_digest_check {
	char method[METHOD_TEXT]; /* of its request */
	struct digest_credentials credentials;
};

struct msg_digest_checked {
	int32_t err; /* E_AUTH: wrong, or no such user; E_POLICY: not as the
	                configuration wants it; E_FULL: too many wrong ones */
	char rspauth[DIGEST_HEX]; /* without err: proves us to the phone */
	uint8_t pad[3];
};

/* How much of a message is sealed. */
enum msg_body_whole {
	WHOLE_NOT,  /* its body, and a few headers beside it */
	WHOLE_LAST, /* all of it; its call may be over */
	WHOLE_CALL, /* all of it; its call lives, and has session keys */
	WHOLE_REVEAL /* all of one that names nobody outside: who sends it? Of
	                the party only call counts; the tail that comes back is
	                the head alone, and each fault of the message has one
	                status */
};

/* The bodies of SIP messages (bodies.h). The tail begins with what the message
 * says of itself: lines "Name: value" with CRLF, From, To, Call-ID, CSeq,
 * Contact, Date; of a whole one its first line and every header that is not
 * about its body. No line of the party is used: n is 0. */
struct msg_body_seal {
	struct msg_key_party party;
	uint32_t len;        /* tail: those lines, Content- headers of words,
	                        then SDP or words; or nothing more */
	uint32_t frag_len;   /* bytes of the lines */
	uint32_t fields_len; /* bytes of the headers; 0 for SDP */
	uint8_t full;        /* 1: our certificates must go along */
	uint8_t words;       /* 1: the body of a MESSAGE; 0: SDP */
	uint8_t probe;       /* 1: signed headers and our certificates, whatever
	                        the profile says; the tail is the lines alone */
	uint8_t whole;       /* enum msg_body_whole */
	char connected[IDENTITY_TEXT]; /* to whom the call was diverted, or "":
	                  for what has nothing but headers, where the keeper
	                  knows of no such call any more */
};

struct msg_body_sealed {
	int32_t err;
	uint32_t status;   /* when err: what to refuse with, 0: any */
	uint32_t len;      /* tail: the body */
	uint8_t brief;     /* 1: it only refers to our certificates, which the
	                      far end should have */
	uint8_t fetch;     /* when err: its certificate is not known, and may be
	                      asked for */
	uint8_t pad[2];
	char type[CONTENT_TEXT];
	char disposition[64]; /* or "" */
	char transfer[32];    /* or "" */
	char reason[REASON_TEXT];
};

struct msg_body_open {
	struct msg_key_party party;
	struct msg_key_origin origin;
	uint32_t len;        /* tail: the lines, Content- headers, the body */
	uint32_t frag_len;   /* bytes of the lines */
	uint32_t fields_len; /* bytes of the headers */
	uint8_t response;    /* to a request of ours: nobody can repeat it
	                        later, in no transaction */
	uint8_t words;       /* as in msg_body_seal */
	uint8_t bare;        /* 1: there may be nothing but signed headers */
	uint8_t probe;       /* as in msg_body_seal */
	uint8_t whole;       /* the same way */
	uint8_t pad[7];
};

struct msg_body_opened {
	int32_t err;
	uint32_t status;   /* when err: what to refuse with */
	uint32_t len;      /* tail: the first line and headers of a whole
	                      message, Content- headers of words, then SDP or
	                      words */
	uint32_t head_len; /* bytes of that line and headers */
	uint32_t fields_len; /* bytes of the Content- headers; 0 for SDP. When
	                        err: the tail is what goes with the refusal,
	                        likewise */
	uint8_t is_signed; /* by the far end's identity, or connected */
	uint8_t encrypted;
	uint8_t pinned;    /* as in msg_key_facts */
	uint8_t pad;
	char reason[REASON_TEXT];
	char connected[IDENTITY_TEXT]; /* whose it is: another than the party
	                                  names, to whom the call was diverted;
	                                  else "" */
};

struct msg_body_learn {
	struct msg_key_party party;
	uint32_t len;        /* tail: Content- headers, the body */
	uint32_t fields_len; /* bytes of the headers */
};

struct msg_body_learned {
	int32_t err; /* 0: the next bodies for the far end are encrypted for
	                another certificate than the last */
	char reason[REASON_TEXT];
	uint8_t pad[4];
};

#define CNONCE_TEXT 64

/* A challenge to one of our accounts (RFC 7616 3.4.1), as the engine read it.
 * The keeper answers for that account's user, and only for its realm. */
struct msg_account_answer {
	char account[NAME_TEXT];
	char realm[DIGEST_TEXT];
	char nonce[DIGEST_NONCE];
	char cnonce[CNONCE_TEXT]; /* with qop */
	char uri[DIGEST_URI];
	char method[METHOD_TEXT];
	uint32_t nc;
	struct digest_algorithm algorithm;
	uint8_t qop; /* DIGEST_AUTH or 0 */
	uint8_t pad;
};

struct msg_account_answered {
	int32_t err;
	uint32_t pad;
	char response[DIGEST_HEX];
	char rspauth[DIGEST_HEX]; /* what the server has to prove, if it does */
	char pad2[6];
};

enum show { SHOW_CERTS, SHOW_TRUST };

struct msg_show {
	uint32_t what; /* enum show */
	uint32_t pad;
};

struct msg_shown {
	int32_t err;
	uint32_t len; /* tail: a JSON object; nothing in it is secret */
};

/* -- keeper and relay ----------------------------------------------------- */

enum key_direction { KEY_SEND, KEY_RECV };

/* Bound at birth to call, stream and direction; the relay refuses a second
 * install of one id and any use outside that binding. */
struct msg_key {
	uint64_t key_id;
	uint64_t call;
	uint32_t stream;
	uint32_t direction; /* enum key_direction */
	uint32_t ssrc;      /* of the sender; 0: bind to the first
	                       authenticated packet */
	uint32_t pad;
	struct srtp_key key;
};

struct msg_key_gone {
	uint64_t key_id;
};

/* -- keeper and tunnel ---------------------------------------------------- */

/* Who raises a tunnel: the kernel with the keys as they are, or charon, which
 * has a pre-shared key for this tunnel alone. Both identities of IKE are the
 * name in hex, with "-a" behind it who begins and "-b" who waits. Then in.suite
 * is that of the child SA, in.key the pre-shared key (TUNNEL_PSK), in.auth the
 * name (TUNNEL_NAME), and of out only the suite is set; the ends' SPIs are no
 * SPIs but numbers of their choosing, mode is ESP_TUNNEL, scope ESP_MEDIA, udp
 * 0, life_s that of the child's keys. */
enum tunnel_ike { TUNNEL_IKE_NONE, TUNNEL_IKE_BEGINS, TUNNEL_IKE_WAITS };

#define TUNNEL_PSK 32  /* bytes */
#define TUNNEL_NAME 16 /* bytes */

/* Both SAs of one tunnel under one key id, which is bound to call and tunnel.
 * What they are and whom they reach is the keeper's word, from the keying
 * message that it verified; the engine's is only when. */
struct msg_tunnel_key {
	uint64_t key_id;
	uint64_t call;
	uint32_t tunnel;
	uint32_t life_s, life_kib; /* life_kib 0: any number of bytes */
	uint16_t window;           /* packets of replay window */
	uint8_t mode;              /* enum esp_mode */
	uint8_t scope;             /* enum esp_scope */
	uint32_t udp;              /* 1: in UDP, between the ends' ports */
	uint32_t ike;              /* enum tunnel_ike */
	char peer[NAME_TEXT];      /* whose tunnel: its name in the policy */
	struct esp_end near, far;
	struct esp_key in, out;
};

/* MSG_TUNNEL_KEY_GONE is a struct msg_key_gone: what is raised with it goes. */

/* The pre-shared key of a peer with media = "ike", which charon has to be
 * given: it is asked for each time, and not kept. After a reload each comes
 * unasked, since it may be another one. */
struct msg_ike_key {
	char peer[NAME_TEXT];
};

struct msg_ike_keyed {
	int32_t err; /* E_NOTFOUND, E_POLICY: not a peer of that kind */
	uint32_t key_len;
	char peer[NAME_TEXT];
	uint8_t key[SECRET_MAX];
};

/* -- engine and relay ----------------------------------------------------- */

enum face { INSIDE, OUTSIDE }; /* index of two-element arrays */

/* What a stream is outside. MAYBE is as SEALED, but may become CLEAR by one
 * STREAM_SET before a key of it has protected anything. TUNNEL is RTP as it is
 * on a port of tunnel.ports, which the kernel lets through in ESP only; what
 * comes from the phone before may_send waits, bounded. BOTH is SRTP there. */
enum stream_seal {
	STREAM_CLEAR, STREAM_SEALED, STREAM_MAYBE, STREAM_TUNNEL, STREAM_BOTH
};

static inline bool stream_has_keys(enum stream_seal s)
{
	return s == STREAM_SEALED || s == STREAM_MAYBE || s == STREAM_BOTH;
}

static inline bool stream_has_tunnel(enum stream_seal s)
{
	return s == STREAM_TUNNEL || s == STREAM_BOTH;
}

struct msg_stream_line {
	uint8_t family[2]; /* 4 or 6, by face: where we open ports */
	uint8_t sealed;    /* enum stream_seal, for the stream's whole life */
	uint8_t pad;
	uint32_t clock_hz; /* of the RTP timestamp; 0: 8000 */
};

struct msg_stream_add {
	uint64_t call;
	uint32_t n;
	uint32_t emergency; /* 1: an emergency call, of which some may be clear
	                       where every profile requires sealing */
	struct msg_stream_line line[STREAM_MAX];
};

struct msg_stream_port {
	uint32_t stream; /* id, never reused within a relay's epoch */
	uint32_t ssrc;   /* ours on the sealed leg */
	struct addr local[2]; /* RTP, by face; RTCP is the next port */
};

struct msg_stream_added {
	int32_t err; /* E_FULL: no ports left */
	uint32_t n;
	struct msg_stream_port port[STREAM_MAX];
};

/* When a named key begins to protect. PROVEN is for who answers in a running
 * call: the far end cannot open what the new key protects before the answer
 * is there, but still opens what the old one does. */
enum stream_send_when {
	STREAM_SEND_NO,
	STREAM_SEND_NOW,
	STREAM_SEND_PROVEN /* once the far end sends under its new one, or after
	                      a part of media.grace; now, where none is used */
};

/* Changes what is known of a stream. Answered by STREAM_DONE once the named
 * keys are installed, or with E_TIMEOUT / E_AUTH (a wrong binding). */
struct msg_stream_set {
	uint32_t stream;
	uint8_t set_remote[2]; /* 1: remote[face] counts (relearn from it) */
	uint8_t set_keys;      /* 1: key counts */
	uint8_t may_send;      /* enum stream_send_when: activate key.send */
	struct addr remote[2];      /* RTP, from SDP */
	struct addr remote_rtcp[2]; /* family 0: RTP's port + 1 */
	uint8_t rtcp_mux[2];        /* 1: RTCP arrives and leaves on RTP's */
	uint8_t clear;              /* 1: a MAYBE stream becomes CLEAR; its
	                               keys are wiped */
	uint8_t pad[5];
	struct msg_key_ids key;
};

struct msg_stream_done {
	uint32_t stream;
	int32_t err;
};

struct msg_stream_del {
	uint32_t stream;
};

struct msg_stream_get {
	uint32_t stream;
};

struct msg_face_stats {
	uint64_t packets_in, bytes_in;   /* accepted */
	uint64_t packets_out, bytes_out; /* sent */
	uint64_t rtcp_in, rtcp_out;
	uint64_t dropped_auth;    /* tag did not verify */
	uint64_t dropped_replay;
	uint64_t dropped_no_key;  /* before the key, or after it */
	uint64_t dropped_source;  /* from elsewhere */
	uint64_t dropped_format;
	uint64_t dropped_index;   /* the transmit index would repeat or end */
};

/* The use of a session key. The index of a packet is ROC << 16 | SEQ (RFC
 * 3711 3.3.1); a change of key does not begin it anew. */
struct msg_key_use {
	uint64_t id;        /* 0: none */
	uint64_t rtp, rtcp; /* packets that it sealed or opened */
	uint64_t rtp_index; /* highest of those; of no meaning without any */
	uint64_t rtp_left, rtcp_left; /* packets until its life ends (9.2) */
	uint32_t ssrc;      /* of the sender; 0: not known yet */
	uint32_t pad;
};

struct msg_stream_stats {
	uint32_t stream;
	int32_t err;
	struct addr remote[2]; /* where media goes now, learnt or set */
	struct msg_face_stats face[2];
	struct msg_key_use key[2]; /* in use now, by enum key_direction */
	uint64_t quiet_us[2];  /* since the last accepted packet, by face */
};

enum stream_event {
	STREAM_EVENT_FIRST = 1, /* the first packet passed, inside to outside
	                           or back (detail: the face it came from) */
	STREAM_EVENT_IDLE = 2,  /* nothing accepted for media.timeout */
	STREAM_EVENT_SPENT = 3, /* a key reached its limit; stream is stopped */
	STREAM_EVENT_SOFT = 4,  /* a key is about to: a new one is wanted */
	STREAM_EVENT_QUIET = 5  /* nothing accepted from one of the faces for
	                           media.silence */
};

struct msg_stream_event {
	uint32_t stream;
	uint32_t event;  /* enum stream_event */
	uint64_t detail;
};

/* -- engine and tunnel ---------------------------------------------------- */

/* An SPI for each line, before any message names it (RFC 4303 2.1); with scopes
 * larger than ESP_MEDIA one for all of them. Reserved ones go with their
 * tunnel. */
struct msg_tunnel_reserve {
	uint64_t call;
	uint32_t n;
	uint32_t scope;                /* enum esp_scope */
	uint32_t ike; /* 1: charon raises them, by a key of the call's; spi is
	                 then a random number of ESP_SPI_MIN or more */
	uint32_t pad;
	struct addr local[STREAM_MAX]; /* the relay's outside ports; RTCP is
	                                  the next one. With larger scopes one,
	                                  our address without a port */
};

struct msg_tunnel_reserved {
	int32_t err; /* E_FULL, E_POLICY: not a port of tunnel.ports,
	                E_UNSUPPORTED: the kernel has no ESP */
	uint32_t n;
	uint32_t tunnel[STREAM_MAX]; /* id, never reused within an epoch */
	uint32_t spi[STREAM_MAX];
	char reason[REASON_TEXT]; /* when err */
};

/* Both SAs and their policies, or none. Waits for the key; E_TIMEOUT when it
 * does not come, E_AUTH when it is bound to something else, E_EXISTS when there
 * is another tunnel for some of the same traffic. With scopes larger than
 * ESP_MEDIA calls to one far end share the policies, which lead into the newest
 * tunnel; one that is dropped still receives for media.grace.
 *
 * New keys have SPIs of their own, so they are another tunnel, reserved for the
 * same call and port: it takes over the policies of the one that it is raised
 * instead of, whose SAs go a little later. Who answered them has them before
 * the far end has, so what is sent stays in the old ones until something came
 * by the new, or a third of media.grace has passed.
 *
 * Of charon's, who begins has RAISED when it is up, within IKE_DEADLINE_MS, and
 * who waits when charon has connection and key; UP follows when the far end has
 * raised it. What one is raised instead of stays until that: if it is lost
 * before, or the new one is not up in time, the new one is GONE. */
struct msg_tunnel_raise {
	uint32_t tunnel;
	uint32_t instead; /* the tunnel that it replaces; 0: none */
	uint64_t key_id;
	uint32_t proven; /* 1: it sends once the far end has it, too */
	uint32_t pad;
};

struct msg_tunnel_raised {
	uint32_t tunnel;
	int32_t err;
	char reason[REASON_TEXT]; /* when err: what the kernel said, the cure */
};

struct msg_tunnel_drop {
	uint32_t tunnel;
};

/* All tunnels may be more than a message holds. */
struct msg_tunnel_list {
	uint32_t after; /* tunnels with a greater id only; 0: from the first;
	                   TUNNEL_USE_BIT: what charon has */
	uint32_t pad;
};

struct msg_tunnel_listed {
	int32_t err;
	uint32_t len;  /* tail: a JSON object; nothing in it is secret */
	uint32_t next; /* more are there: ask for what is after this one */
	uint32_t pad;
};

/* What SDP says of one end's IKE (RFC 6193). */
struct msg_ike_sdp {
	uint32_t there; /* IKE is in this call's SDP */
	uint32_t pad;
	struct addr at; /* with the port; family 0: this end did not say yet */
	struct prints certs;
};

/* Who raises a tunnel with ike = "after" that is not up. */
enum tunnel_begins {
	TUNNEL_BEGINS_ANY,  /* SDP does not say: here */
	TUNNEL_BEGINS_HERE,
	TUNNEL_BEGINS_THERE /* it is waited for; asked: must be up already */
};

/* A call's line is to use the tunnel that charon keeps to a peer. */
struct msg_tunnel_use {
	uint64_t call;
	uint32_t ask;       /* 1: only whether it is up; nothing is used */
	uint32_t begins;    /* enum tunnel_begins */
	struct msg_ike_sdp far; /* as the far end's SDP has it */
	struct addr local;  /* the relay's outside port; RTCP's is the next */
	struct addr remote[2]; /* RTP's and RTCP's */
	char peer[NAME_TEXT];  /* its name in the policy */
};

struct msg_tunnel_used {
	uint32_t tunnel; /* the use's name, to TUNNEL_DROP and in
	                    TUNNEL_EVENT, with TUNNEL_USE_BIT; 0: none */
	int32_t err;     /* E_STATE: it is not up, E_POLICY: media would not go
	                    through it, E_NOTFOUND: no such peer, E_AUTH: the
	                    far end's SDP does not fit what is known of it */
	uint32_t ask;    /* as asked */
	struct msg_ike_sdp ours; /* for ours, where it was asked so */
	char reason[REASON_TEXT]; /* when err */
};

/* What an OPTIONS of the peer's may hear of our end of IKE. */
struct msg_ike_ours {
	struct msg_ike_sdp ours; /* as of MSG_TUNNEL_USED */
	char peer[NAME_TEXT];
};

/* Where a peer with ike = "discover" says that its end of IKE is. It proves
 * nothing; no answer. */
struct msg_ike_found {
	struct msg_ike_sdp far; /* without a port */
	char peer[NAME_TEXT];
};

#define TUNNEL_USE_BIT 0x80000000u /* no id of TUNNEL_RESERVED has it */

enum tunnel_event {
	TUNNEL_EVENT_SOFT = 1, /* new keys are wanted */
	TUNNEL_EVENT_GONE = 2, /* an SA is no more; nothing passes */
	TUNNEL_EVENT_UP = 3    /* the far end raised what waited for it
	                          (TUNNEL_IKE_WAITS): media may leave now */
};

struct msg_tunnel_event {
	uint32_t tunnel;
	uint32_t event; /* enum tunnel_event */
};

#endif
