/* trust.h - certificates that no anchor vouches for: trusted on first use, by a
 * pin in the keeper's memory. Whoever stores pins also lists, accepts and
 * forgets them. Keeper; one thread. */
#ifndef CALLSEAL_KEEPER_TRUST_H
#define CALLSEAL_KEEPER_TRUST_H

#include "daemon/keeper/memory/memory.h"
#include "daemon/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT 32 /* bytes: SHA-256 of the certificate's DER */
#define FINGERPRINT_TEXT (2 * FINGERPRINT + 1)

/* By whose word a far end's certificate is believed. */
struct trust {
	bool tofu; /* by that of an earlier call; else an anchor's */
	const struct memory *memory; /* borrowed; the pins. NULL: none */
};

/* The values are those of msg_key_facts.pinned. */
enum pin_state {
	PIN_NONE,  /* not needed: an anchor vouches */
	PIN_NEW,   /* never seen */
	PIN_KNOWN  /* the one of an earlier call, or accepted by the operator */
};

struct pin {
	enum pin_state state;
	char name[MEMORY_NAME_TEXT]; /* "b.example", or "bob@b.example" */
	uint8_t print[FINGERPRINT];
};

/* Holds the certificate with that fingerprint, which names the user or (domain
 * true) the domain of "user@host", against the pins of both. Sets *out.
 * E_AUTH: another one is pinned, which the log says loudly; E_LOST: damage may
 * have taken its pin. why has REASON_TEXT bytes. */
int trust_check(const struct trust *t, const char *user_at_host, bool domain,
		const uint8_t print[static FINGERPRINT], struct pin *out,
		char *why);
/* Remembers the pin of an exchange that succeeded. One that is new is stored
 * if a phone of ours made the call (outward), else only told in the log; one
 * that is known was seen again. E_AUTH: another one was stored meanwhile; an
 * error of memory_put(): without a pin there is no trust. why as above. */
int trust_keep(struct memory *m, const struct pin *pin, bool outward,
	       uint64_t wall_us, char *why);

/* The operator's orders. name as in struct pin; forget takes a peer's, too.
 * why as above. */
int trust_order(struct memory *m, const struct msg_trust *order,
		uint64_t wall_us, char *why);
int trust_accept(struct memory *m, const char *name,
		 const uint8_t print[static FINGERPRINT], uint64_t wall_us);

/* A pin as it is stored. */
struct trust_entry {
	const char *name;
	uint8_t print[FINGERPRINT];
	bool accepted; /* by the operator, not by a first call */
	uint64_t since_us, seen_us; /* wall clock */
};

/* E_FORMAT: the record is none of ours. name is borrowed from it. */
int trust_entry_of(const struct memory_record *r, struct trust_entry *out);

/* Lower case hex digits. */
const char *fingerprint_text(const uint8_t print[static FINGERPRINT],
			     char out[static FINGERPRINT_TEXT]);
/* Hex digits in either case, colons between allowed; E_FORMAT. */
int fingerprint_read(const char *text, uint8_t out[static FINGERPRINT]);

#endif
