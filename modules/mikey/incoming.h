/* incoming.h - an offer that came in, held against our terms: the steps that
 * the answers of all methods share. */
#ifndef CALLSEAL_MIKEY_INCOMING_H
#define CALLSEAL_MIKEY_INCOMING_H

#include "daemon/keeper/keying.h"
#include "modules/mikey/esp/answer.h"
#include "modules/mikey/error.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/sp.h"

/* On its way through the steps. A method sets the first four. */
struct mikey_incoming {
	const struct keying_terms *t;
	struct mikey_bytes bytes;
	struct keying_fault *fault;
	const char *method; /* its name */
	bool curves; /* the method agrees on a curve, not in a group */
	bool proven;
	const struct mikey_psk_keys *keys; /* for a V in an error message */
	struct mikey_covered also;
	const struct mikey_payload *kemac; /* DHHMAC: in place of that V */
	uint8_t error_no;
	bool policy; /* refused for its policy: tell ours */
	struct mikey_message offer;
	const struct mikey_payload *stamp, *id_i, *id_r;
	uint8_t identity;         /* enum key_identity, as the facts have it */
	struct mikey_bytes rand; /* the bundle's, in an update of it */
	const struct keying_bundle *update; /* of ours, that it changes */
	uint64_t stamp_us;
	struct keying_counter counter; /* in place of the time */
	struct mikey_sp sp; /* chosen */
	bool named; /* by the response: the offer's policy has another suite */
	/* GENERIC-ID (map.h): the number of the policy that was chosen, and
	 * whether the response must bring it; each session's SPI and SSRC. */
	uint8_t policy_no;
	bool brings_policy;
	struct mikey_bytes spi[2 * STREAM_MAX];
	uint8_t told[2 * STREAM_MAX][4];
	uint8_t params[MIKEY_SP_ROOM];
	size_t params_len;
	struct mikey_esp_answer esp; /* in place of sp, or with it, if the terms
	                                have it */
};

/* Fills fault and error number; the value is err. */
#define MIKEY_REFUSE(in, err, no, ...) \
	((in)->error_no = (no), mikey_fault((in)->fault, (err), __VA_ARGS__))

/* Decodes, wants that data type and sets stamp, ids, RAND and bundle. */
int mikey_incoming_decode(struct mikey_incoming *in, unsigned data_type);
/* T is there and of a kind we do, RAND or the bundle that an update (4.5) is of
 * too, ids are two at most, the PRF is known, and nothing of the stray types
 * (n of them) is in it. */
int mikey_incoming_shape(struct mikey_incoming *in, const uint8_t *stray,
			 size_t n);
/* All that a mere check gives (keying.h): when the offer was made. */
void mikey_incoming_checked(const struct mikey_incoming *in,
			    struct keying_result *out);
/* What keys come from; the mode adds the key. Points into in. */
struct mikey_root mikey_incoming_root(const struct mikey_incoming *in);
/* The offer is authenticated. keys (borrowed; NULL: none) make the V of what
 * is answered. */
void mikey_incoming_proven(struct mikey_incoming *in,
			   const struct mikey_psk_keys *keys);
/* The timestamp lies in the window, or the counter is new. */
int mikey_incoming_stamp(struct mikey_incoming *in);
/* The steps after the offer is authenticated: identities, key management
 * protocols, crypto sessions, suite. 0 or the fault. */
int mikey_incoming_terms(struct mikey_incoming *in);
/* A key's validity is one that we do: none, or an MKI. */
int mikey_incoming_validity(struct mikey_incoming *in,
			    const struct mikey_kv *kv);
/* The session keys and the facts of an offer that passed all: of one key for
 * all sessions, or one for each. 0 or the fault. key_bits: how strong the
 * exchange is. */
int mikey_incoming_result(struct mikey_incoming *in,
			  const struct mikey_keys *keys, unsigned key_bits,
			  struct keying_result *out);
/* The timestamp's 64 bits, as a KEMAC's IV has them. */
uint64_t mikey_incoming_stamp_bits(const struct mikey_incoming *in);
/* Begins the response: HDR, our side of the crypto sessions (with our SSRCs
 * filled in, 6.1.1), T, IDr. Points into in. */
void mikey_incoming_begin(struct mikey_incoming *in, enum mikey_data_type type,
			  struct mikey_message *m);
/* Adds IDi. */
void mikey_incoming_add_id_i(const struct mikey_incoming *in,
			     struct mikey_message *m);
/* HDR, T, IDr, V: the response to an offer that asked for one, else nothing. */
int mikey_incoming_verify(struct mikey_incoming *in,
			  enum mikey_data_type type, struct buf *out);
/* The end of the steps, r is what they gave: an error message of them into out
 * (RFC 3830 5.1.2; keying.h says for which failures). Returns r. */
int mikey_incoming_report(struct mikey_incoming *in, int r, struct buf *out);
/* The end of making the response, r is what that gave. Returns r. */
int mikey_incoming_made(struct mikey_incoming *in, int r, struct buf *out);

#endif
