/* mode.h - how a profile's word for bodies is made and what must be found, and
 * the keeper's terms as this module's. Private to the module. */
#ifndef CALLSEAL_SMIME_MODE_H
#define CALLSEAL_SMIME_MODE_H

#include "daemon/keeper/bodies.h"
#include "modules/smime/open.h"
#include "modules/smime/seal.h"

#define ENTITY_MAX (64 * 1024)

struct body_mode_row {
	enum smime_form form;
	unsigned need; /* enum smime_need */
	bool binds;    /* headers are signed, too */
};

/* Of the terms' mode. */
const struct body_mode_row *body_mode(const struct bodies_terms *t);
/* Whether it is of whole messages. */
bool body_whole(const struct bodies_terms *t);
/* What they borrow stays the caller's. The key is to be wiped. */
struct smime_terms body_terms(const struct bodies_terms *t);
const struct smime_card *body_card(const struct bodies_terms *t);
struct smime_kek body_kek(const struct bodies_session *s);
/* Sets why; returns err. */
int body_fail(const struct smime_fault *f, int err, struct bodies_fault *why);
/* 0, or the fault that an error of a buffer is. */
int body_broken(struct smime_fault *f, int err);

#endif
