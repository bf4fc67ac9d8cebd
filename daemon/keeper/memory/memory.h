/* memory.h - what the keeper knows of far ends from earlier calls: small
 * records (kind, name) -> bytes and a time, in a file that outlives it. Only
 * what may come from a call is here; what the operator says is configuration.
 * Keeper; one thread.
 *
 * Damage never gives a wrong answer. A record that is damaged, or that was
 * written for another file or place, is none. For the kinds that protect
 * (see below) the file also knows how many there must be: while some are
 * missing, the question for one that is not there is answered by E_LOST, "may
 * have been there", and the caller must fail closed. */
#ifndef CALLSEAL_KEEPER_MEMORY_H
#define CALLSEAL_KEEPER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_NAME_TEXT 256 /* bytes of a name with its NUL */
#define MEMORY_DATA_MAX 192  /* bytes of a record's data */

/* Values are in the file: append only. */
enum memory_kind {
	MEMORY_NONE,
	/* A far end's certificate, trusted on first use. Protects: kept until
	 * it is forgotten by order. Name: the peer's and the identity. */
	MEMORY_PIN,
	/* The best protection that a peer managed; data[0] is its rank.
	 * Protects, and only rises: a put with a lower rank is no fault and
	 * changes nothing, time included. */
	MEMORY_BEST,
	/* Method and suite that worked last. A hint: gives way to others when
	 * the file is full, the oldest first. */
	MEMORY_METHOD,
	/* The last counter of a far end that has no clock (RFC 3830 5.4), four
	 * bytes in network order. Protects. Name: the peer's, and the identity
	 * where a certificate proves it. */
	MEMORY_COUNTER,
	MEMORY_KINDS
};

/* Borrowed from the memory until the next put, forget or mend. */
struct memory_record {
	enum memory_kind kind;
	const char *name;
	const uint8_t *data;
	size_t len;       /* bytes of data, 1..MEMORY_DATA_MAX */
	uint64_t time_us; /* wall clock of the last put */
};

struct memory;

/* fd is an open file (read and write; borrowed), or -1: nothing outlives the
 * keeper. An empty file is a first start. most bounds the records. Losses are
 * logged. E_NOMEM, E_IO. */
int memory_new(int fd, size_t most, struct memory **out);
void memory_free(struct memory *m); /* NULL allowed */

/* E_NOTFOUND: there is none, for sure; E_LOST: kinds that protect only. m may
 * be NULL: E_NOTFOUND. */
int memory_get(const struct memory *m, enum memory_kind kind,
	       const char *name, struct memory_record *out);
/* Writes r anew or over the one of that kind and name; the pointers in it are
 * copied from. E_ARG (no kind, no name, too long), E_FULL (only records that
 * protect are left, or m is NULL), E_NOMEM; E_IO: it holds, but only until the
 * keeper ends. */
int memory_put(struct memory *m, const struct memory_record *r);
/* Only records that protect are left: what is not here may have found no
 * place, and the caller must fail closed. m may be NULL: true. */
bool memory_is_full(const struct memory *m);
/* By order of the operator, or because it is over. E_NOTFOUND; E_IO: it may
 * come back with the next start. */
int memory_forget(struct memory *m, enum memory_kind kind, const char *name);

/* Calls fn for every record of a kind, in no order; fn must not change the
 * memory. Stops when fn says other than 0, and returns that. */
typedef int (*memory_fn)(void *user, const struct memory_record *r);
int memory_each(const struct memory *m, enum memory_kind kind, memory_fn fn,
		void *user);
size_t memory_count(const struct memory *m, enum memory_kind kind);

/* How many records of a kind that protects are missing; at least 1 when that
 * cannot be told. */
size_t memory_lost(const struct memory *m, enum memory_kind kind);
/* The operator says that what is missing may be missing: E_LOST ends. E_IO. */
int memory_mend(struct memory *m, enum memory_kind kind);

#endif
