/* outgoing.h - an offer of ours, as far as it is the same in every mode: who,
 * when, for what, and whether an answer belongs to it. */
#ifndef CALLSEAL_MIKEY_OUTGOING_H
#define CALLSEAL_MIKEY_OUTGOING_H

#include "daemon/keeper/keying.h"
#include "modules/mikey/esp/offer.h"
#include "modules/mikey/kdf.h"
#include "modules/mikey/message.h"
#include "modules/mikey/sp.h"

#include <stdbool.h>

#define MIKEY_RAND_MIN 16 /* bytes (6.11 says "should", we demand it) */
#define MIKEY_MKI_LEN 2   /* bytes, of keys that we make */

/* What an offer must remember; nothing secret. */
struct mikey_outgoing {
	uint8_t prf, verify;
	uint32_t csb_id;
	uint64_t stamp;
	uint8_t stamp_bytes[8]; /* as T has it */
	uint8_t rand[MIKEY_RAND_MAX];
	uint8_t rand_len;
	bool update; /* of a bundle that is there: RAND is not sent (4.5) */
	uint8_t mki[MIKEY_MKI_LEN];
	uint8_t mki_len; /* 0: the key has no MKI */
	uint64_t wall_us;
	struct mikey_sp sp; /* what it asks for */
	uint8_t ranks[RANK_EXT_MAX]; /* the extension it carries */
	size_t ranks_len;            /* 0: none */
	struct trust trust;
	size_t n; /* lines */
	uint32_t ssrc[STREAM_MAX];
	char local_id[IDENTITY_TEXT], remote_id[IDENTITY_TEXT];
	bool retarget; /* another of the domain may answer */
	struct mikey_esp_offer *esp; /* owned; NULL: SRTP alone is keyed */
};

/* The terms must hold lines, identities and a suite. */
int mikey_terms(const struct keying_terms *t, struct keying_fault *fault);
/* Draws bundle, RAND and timestamp, copies what it needs of the terms. */
int mikey_outgoing_draw(const struct keying_terms *t,
			struct mikey_outgoing *o);
/* Frees what it owns; also of one that could not be drawn, or is all zeros. */
void mikey_outgoing_free(struct mikey_outgoing *o);
/* Begins m: HDR, crypto sessions, T, RAND, IDi, IDr, SP, SDP IDs. They point
 * into o, and into params, which gets the policy: both must outlive m. */
int mikey_outgoing_head(const struct mikey_outgoing *o,
			enum mikey_data_type type, struct buf *params,
			struct mikey_message *m);
/* The MKI that a key of ours gets by the terms: its length, 0 for none. The
 * number of the keying, so that it differs from the one before. */
uint8_t mikey_mki_of(const struct keying_terms *t,
		     uint8_t mki[static MIKEY_MKI_LEN]);
/* The validity of the offered key: its MKI, or none. Points into o. */
struct mikey_kv mikey_outgoing_kv(const struct mikey_outgoing *o);
/* Whether an answer repeats it. */
bool mikey_outgoing_kv_same(const struct mikey_outgoing *o,
			    const struct mikey_kv *kv);
/* What keys come from; the mode adds the key. Points into o. */
struct mikey_root mikey_outgoing_root(const struct mikey_outgoing *o);
/* Whether m has the offer's bundle, PRF and timestamp. */
bool mikey_outgoing_is_answer(const struct mikey_outgoing *o,
			      const struct mikey_message *m);
/* Reads what came as the answer: a message of that type, or an error message
 * (m->data_type tells), to this offer. m points into bytes. Nothing is
 * authenticated. */
int mikey_outgoing_read(const struct mikey_outgoing *o, unsigned type,
			struct mikey_bytes bytes, struct mikey_message *m,
			struct keying_fault *fault);
/* Who answered, by the answer's IDr (NULL: it has none): the identity that was
 * called, or one of its domain if the terms take it. who has IDENTITY_TEXT
 * bytes. E_AUTH for anybody else. */
int mikey_outgoing_who(const struct mikey_outgoing *o,
		       const struct mikey_payload *id_r, char *who,
		       struct keying_fault *fault);
/* Notes in the facts who answered. */
void mikey_outgoing_named(const struct mikey_outgoing *o, const char *who,
			  struct msg_key_facts *facts);
/* Takes the SSRCs we shall hear (6.1.1), the far ends of ESP's tunnels, or
 * both; m is authenticated. E_FORMAT when it has other crypto sessions than
 * the offer. */
int mikey_outgoing_map(const struct mikey_outgoing *o,
		       const struct mikey_message *m,
		       struct keying_result *out,
		       struct keying_fault *fault);
/* What is known of the result before its keys; method: the mode's name. */
void mikey_outgoing_result(const struct mikey_outgoing *o, const char *method,
			   struct keying_result *out);

/* An offer that cannot be made: clears out, says why; returns r. */
int mikey_outgoing_failed(int r, struct buf *out, struct keying_fault *fault);

/* The bytes of a text; borrowed. */
struct mikey_bytes mikey_text_bytes(const char *s);
/* Fills the fault's text; returns err. */
int mikey_fault(struct keying_fault *fault, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
