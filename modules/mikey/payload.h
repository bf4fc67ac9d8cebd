/* payload.h - the table of payloads: how each is read, written and named. */
#ifndef CALLSEAL_MIKEY_PAYLOAD_H
#define CALLSEAL_MIKEY_PAYLOAD_H

#include "modules/mikey/message.h"

struct mikey_payload_form {
	uint8_t type;
	uint8_t most;        /* how many a message may have */
	const char *name;    /* as in RFC 3830 table 6.1.b */
	const char *section; /* where it is defined */
	/* Everything behind the next payload field; failure in r->err. */
	void (*get)(struct reader *r, struct mikey_payload *p);
	void (*put)(struct buf *b, const struct mikey_payload *p);
};

/* NULL for a type that is not in the table. */
const struct mikey_payload_form *mikey_payload_form(unsigned type);
/* A run of n bytes, borrowed. */
struct mikey_bytes mikey_read_bytes(struct reader *r, size_t n);
/* Key validity data behind its 4-bit type (RFC 3830 6.14). */
void mikey_kv_get(struct reader *r, struct mikey_kv *kv);
void mikey_kv_put(struct buf *b, const struct mikey_kv *kv);
/* Bytes of a MAC by its algorithm (6.2); -1 when unknown. */
int mikey_mac_len(unsigned mac_alg);

#endif
