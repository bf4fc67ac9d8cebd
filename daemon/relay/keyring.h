/* keyring.h - the keys that the keeper shipped, by id.
 *
 * Each key hangs off the stream that it is bound to, and goes with it. An id
 * that was seen is never taken again, whatever became of its key. Main thread
 * only. */
#ifndef CALLSEAL_KEYRING_H
#define CALLSEAL_KEYRING_H

#include "daemon/message.h"

#include <stdbool.h>
#include <stdint.h>

#define KEYRING_OF_STREAM 16 /* held at one time */

enum key_state {
	KEY_PARKED,    /* came, nobody named it yet: the bytes are here */
	KEY_INSTALLED, /* a worker has it; the bytes were wiped */
	KEY_WRONG      /* its binding did not fit: it is never used */
};

struct held_key {
	struct held_key *next_hash;
	struct held_key *next; /* of its stream */
	enum key_state state;
	struct msg_key key; /* key.key: only while parked */
};

/* What hangs off one stream; all zero at first. */
struct key_list {
	struct held_key *first;
	unsigned n;
};

struct keyring;

int keyring_new(struct keyring **out);
void keyring_free(struct keyring *k);
/* Whether an id was ever seen, and the mark that it was: keyring_mark() returns
 * E_REPLAY when it was already, or belongs to an older keeper. */
bool keyring_seen(const struct keyring *k, uint64_t id);
int keyring_mark(struct keyring *k, uint64_t id);
/* Takes a copy of a key into a stream's list. E_FULL, E_NOMEM. */
int keyring_hold(struct keyring *k, struct key_list *list,
		 const struct msg_key *key, enum key_state state);
struct held_key *keyring_find(const struct keyring *k, uint64_t id);
/* A worker has it from now on. */
void keyring_installed(struct held_key *h);
/* Forget one, or all of a stream; wiped. */
void keyring_drop(struct keyring *k, struct key_list *list, uint64_t id);
void keyring_drop_all(struct keyring *k, struct key_list *list);
/* 0, or E_AUTH unless it is bound to just this use. */
int keyring_check(const struct held_key *h, uint64_t call, uint32_t stream,
		  enum key_direction d);

#endif
