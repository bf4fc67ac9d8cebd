/* proof.h - the certificates of IKE of peers that are believed by them: read
 * from files that the parent opened, held for charon. */
#ifndef CALLSEAL_VICI_PROOF_H
#define CALLSEAL_VICI_PROOF_H

#include "daemon/ikecert.h"
#include "daemon/print.h"
#include "modules/vici/ike/ike.h"

/* Where the files are: a descriptor by its name (daemon/ikecert.h), or -1. */
struct proof_files {
	int (*fd)(void *user, const char *name);
	void *user;
	uint64_t now_us; /* since 1970 */
};

struct proof;

/* Reads those of all peers of the policy; our identity is `id`, or NULL where
 * each peer has another. What is wrong with a file is proof_give()'s to say.
 * E_NOMEM. */
int proof_new(const struct policy *policy, const char *id,
	      const struct proof_files *files, struct proof **out);
void proof_free(struct proof *p); /* NULL is allowed */
/* Gives both sides of a peer with a cert its certificates, borrowed as long as
 * the proof. NULL, or what is wrong with a file, and the cure. */
const char *proof_give(const struct proof *p, const char *peer,
		       struct ike_peer *out);
/* Takes ours, or a peer's, from what was read later, which has the one before
 * then. NULL, with *other set if it is another one: or what is wrong with it,
 * and nothing is changed. One that was of no use stays so. */
const char *proof_take_ours(struct proof *p, struct proof *later, bool *other);
const char *proof_take(struct proof *p, struct proof *later, const char *peer,
		       bool *other);
/* The fingerprint of ours; none without one that is of use. */
void proof_ours(const struct proof *p, struct prints *out);
/* Whether one of the certificates that are pinned for a peer has one of these
 * fingerprints. By SHA-1 alone, too: it is the pin that proves it. */
bool proof_fits(const struct proof *p, const char *peer,
		const struct prints *theirs);

#endif
