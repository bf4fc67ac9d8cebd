/* mode.c - see mode.h. */
#include "modules/smime/body/mode.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <string.h>

static const struct body_mode_row modes[] = {
	[BODY_MODE_SIGN] = { SMIME_SIGN, SMIME_NEED_SIGNED, true },
	[BODY_MODE_ENCRYPT] = { SMIME_ENCRYPT, SMIME_NEED_ENCRYPTED, false },
	[BODY_MODE_SIGN_ENCRYPT] = { SMIME_OPAQUE_ENCRYPT,
				     SMIME_NEED_SIGNED | SMIME_NEED_ENCRYPTED,
				     true },
	[BODY_MODE_TUNNEL] = { SMIME_OPAQUE_ENCRYPT,
			       SMIME_NEED_SIGNED | SMIME_NEED_ENCRYPTED |
				       SMIME_NEED_HIDDEN,
			       true },
};

const struct body_mode_row *body_mode(const struct bodies_terms *t)
{
	return &modes[t->mode];
}

bool body_whole(const struct bodies_terms *t)
{
	return t->mode == BODY_MODE_TUNNEL;
}

struct smime_terms body_terms(const struct bodies_terms *t)
{
	return (struct smime_terms){ .credential = t->credential,
				     .trust = t->trust, .wall_us = t->wall_us };
}

const struct smime_card *body_card(const struct bodies_terms *t)
{
	return (const struct smime_card *)(const void *)t->known;
}

struct smime_kek body_kek(const struct bodies_session *s)
{
	struct smime_kek k = { .id_len = s->id_len, .key = s->key };

	memcpy(k.id, s->id, sizeof k.id);
	return k;
}

int body_fail(const struct smime_fault *f, int err, struct bodies_fault *why)
{
	why->status = smime_status(f->reason);
	snprintf(why->text, sizeof why->text, "S/MIME: %.140s", f->text);
	return err;
}

int body_broken(struct smime_fault *f, int err)
{
	return err ? smime_fault(f, SMIME_BROKEN, "%s", err_text(err)) : 0;
}
