/* slots.h - a file of numbered slots, each one small record: what the table of
 * bindings keeps over a restart. One thread. */
#ifndef CALLSEAL_SIP_SLOTS_H
#define CALLSEAL_SIP_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#define SLOT_ROOM 1008    /* bytes of one record */
#define SLOTS_SECRET 32   /* bytes that the file keeps beside the records */

struct slots;

/* What slots_load() finds. 0 keeps the record where it is; negative frees its
 * slot. */
typedef int (*slot_fn)(void *user, uint32_t slot, const uint8_t *data,
		       size_t len);

/* fd is an open file (read and write; borrowed), or -1: nothing is kept. An
 * empty file is a first start: it gets a new secret. One whose head is damaged
 * begins anew, too, and the log says so. */
int slots_new(int fd, struct slots **out);
/* Gives found every record, once, before anything is written. A damaged one is
 * dropped, alone, and logged. E_NOMEM, E_IO. */
int slots_load(struct slots *s, slot_fn found, void *user);
void slots_free(struct slots *s); /* NULL is allowed */
/* Random at the first start, then always the same. */
const uint8_t *slots_secret(const struct slots *s);
/* Writes a record into *slot, or into a free one when *slot is 0; then *slot
 * is set. E_SPACE, E_NOMEM, E_IO. */
int slots_put(struct slots *s, uint32_t *slot, const void *data, size_t len);
/* Empties a slot; 0 is none. */
void slots_drop(struct slots *s, uint32_t slot);

#endif
