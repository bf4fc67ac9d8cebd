/* rank.h - negotiation by priority: who ranks what, the rule that chooses,
 * and the extension that carries both sides' lists under the MAC or signature
 * of each keying message. doc/NEGOTIATION.md has form and argument.
 *
 * Both sides rank methods of keying and crypto suites. The lowest sum of ranks
 * wins, ties go to the offerer's order; where one side does not go by rank,
 * the first of the offerer's that the answerer has. Pure; any thread. */
#ifndef CALLSEAL_KEEPER_RANK_H
#define CALLSEAL_KEEPER_RANK_H

#include "daemon/base/buf.h"
#include "daemon/base/suite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANK_LIST_MAX 16
#define RANK_HASH 32
/* Bytes of an extension: magic, head, two lists, hash, choice. */
#define RANK_EXT_MAX (8 + 3 + 2 * (1 + RANK_LIST_MAX) + RANK_HASH + 2)

/* Codes, the favourite first, each once. */
struct rank_list {
	uint8_t n;
	uint8_t item[RANK_LIST_MAX];
};

/* What one side says of itself. */
struct rank_lists {
	bool by_rank; /* it goes by the sum of ranks, if the other does, too */
	struct rank_list methods; /* rank_method() */
	struct rank_list suites;  /* enum suite */
};

struct rank_choice {
	uint8_t method, suite;
};

/* The code that both lists give, 0 when they have nothing in common. */
uint8_t rank_choose(bool by_rank, const struct rank_list *offerer,
		    const struct rank_list *answerer);
/* Method and suite; E_UNSUPPORTED when one of them has none in common. */
int rank_decide(const struct rank_lists *offerer,
		const struct rank_lists *answerer, struct rank_choice *out);

/* The code of a method by its name in a profile's keying list, and back; 0
 * and NULL when it takes no part in the negotiation. */
uint8_t rank_method(const char *name);
const char *rank_method_name(uint8_t code);

/* Adds a code at the end; E_FULL, and E_EXISTS when it is there. */
int rank_add(struct rank_list *l, uint8_t code);

/* -- in messages ---------------------------------------------------------- */

/* By what one message of an offer differs from every other: its bundle (CSB
 * ID) and its random bytes. */
struct rank_name {
	uint32_t bundle;
	const uint8_t *rand; /* borrowed */
	size_t rand_len;     /* at most 255 count */
};

/* Over an offer's lists and the names of all its messages in their order. */
int rank_hash(const struct rank_lists *lists, const struct rank_name *name,
	      size_t n, uint8_t out[static RANK_HASH]);

/* The extension of an offer, or of the answer to one. */
struct rank_ext {
	bool answer;
	struct rank_lists lists;   /* the sender's own */
	uint8_t hash[RANK_HASH];   /* of the offer, as its sender has it */
	struct rank_choice choice; /* answer only */
};

void rank_put(const struct rank_ext *e, struct buf *out);
/* E_NOTFOUND: some other vendor's; E_UNSUPPORTED: a later version of ours;
 * E_FORMAT: malformed (also an empty list, or a code twice). */
int rank_get(const uint8_t *data, size_t len, struct rank_ext *out);

/* Whether an answer is what our offer leads to: it saw the offer as it left,
 * and its choice is what the rule makes of both lists. E_AUTH, *why then has
 * a text. The answer must be authenticated. */
int rank_check(const struct rank_ext *offer, const struct rank_ext *answer,
	       const char **why);

#endif
