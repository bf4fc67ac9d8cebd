/* sessions.c - see sessions.h.
 *
 * Theirs is used before ours: who sends one along does not count on another of
 * ours. Until the far end has sealed something under ours each message of ours
 * carries it, for a message may get lost, or go to a fork. Both open: messages
 * cross. */
#include "daemon/keeper/sessions.h"

#include <stdio.h>
#include <string.h>

#define KEY_LEN 16 /* bytes */
#define ID_LEN 8

static bool make(struct bodies_session *k)
{
	struct secret id;

	if (secret_random(&k->key, KEY_LEN) || secret_random(&id, ID_LEN))
		return false;
	memcpy(k->id, id.bytes, ID_LEN);
	k->id_len = ID_LEN;
	return true;
}

/* Who had a key before could read what others send under it. */
static void meet(struct sessions *s, const struct bodies_terms *t)
{
	if (*s->whom && strcmp(s->whom, t->remote_id))
		wipe(s, sizeof *s);
	snprintf(s->whom, sizeof s->whom, "%s", t->remote_id);
}

void sessions_seal(struct sessions *s, bool anew, struct bodies_terms *t)
{
	if (anew && !s->anew) {
		wipe(s, sizeof *s); /* all zero: there are none */
		s->anew = true;
	}
	meet(s, t);
	if (!s->n)
		s->n = s->ours = make(&s->key[0]);
	t->session = s->n ? &s->key[s->n - 1] : NULL;
	t->n_session = s->n ? 1 : 0;
	t->carry = s->ours && s->n == 1 && !s->shared;
}

void sessions_open(struct sessions *s, struct bodies_terms *t)
{
	meet(s, t);
	t->session = s->key;
	t->n_session = s->n;
}

static bool is_same(const struct bodies_session *a,
		    const struct bodies_session *b)
{
	return a->id_len == b->id_len && !memcmp(a->id, b->id, a->id_len);
}

void sessions_opened(struct sessions *s, const struct bodies_opened *o)
{
	if (s->ours && o->by_session == 1)
		s->shared = true;
	if (!o->session.id_len || (s->ours && is_same(&o->session, &s->key[0])))
		return;
	s->key[s->ours] = o->session;
	s->n = (size_t)s->ours + 1;
}
