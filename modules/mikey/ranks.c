/* ranks.c - see ranks.h and doc/NEGOTIATION.md.
 *
 * The extension stands before the payload that closes a message, so that MAC,
 * signature or verification covers it. A reader of RFC 3830 alone skips it.
 * What is read from an offer before it is authenticated is a hint which message
 * to look at; the keeper's clerk holds it against the hash, and the method then
 * proves that very message, extension and all. */
#include "modules/mikey/ranks.h"

#include "daemon/base/err.h"
#include "modules/mikey/esp/keys.h"
#include "modules/mikey/psk.h"

#include <string.h>

int mikey_rank_find(const struct mikey_message *m, struct mikey_bytes *out)
{
	const struct mikey_payload *p, *ours = NULL;
	struct rank_ext e;

	for (size_t i = 0; (p = mikey_find(m, MIKEY_EXTENSION, i)); i++) {
		if (p->kind != MIKEY_EXT_VENDOR ||
		    rank_get(p->data.p, p->data.len, &e) == E_NOTFOUND)
			continue;
		if (ours)
			return E_FORMAT;
		ours = p;
	}
	if (!ours)
		return E_NOTFOUND;
	*out = ours->data;
	return 0;
}

int mikey_outline(const uint8_t *message, size_t len,
		  struct keying_outline *out)
{
	const struct mikey_payload *rand;
	struct mikey_bytes ranks = { NULL, 0 };
	struct mikey_message m;
	int r = mikey_decode(message, len, &m);

	if (!r)
		r = mikey_rank_find(&m, &ranks);
	if (r && r != E_NOTFOUND)
		return E_FORMAT;
	rand = mikey_find(&m, MIKEY_RAND, 0);
	*out = (struct keying_outline){
		.name = { .bundle = m.csb_id },
		.ranks = ranks.p, .ranks_len = ranks.len,
	};
	if (rand) {
		out->name.rand = rand->data.p;
		out->name.rand_len = rand->data.len;
	}
	return 0;
}

void mikey_rank_add(const struct keying_terms *t, struct mikey_message *m)
{
	if (t->ranks_len && !t->esp)
		mikey_add(m, MIKEY_EXTENSION, MIKEY_EXT_VENDOR)->data =
			(struct mikey_bytes){ t->ranks, t->ranks_len };
}

size_t mikey_tgk_len(enum suite suite)
{
	const struct suite_info *s = suite_info(suite);

	return s->key_len > MIKEY_TGK_MIN ? s->key_len : MIKEY_TGK_MIN;
}

/* Of all suites, in the tunnels and theirs. */
static size_t longest(const struct keying_terms *t)
{
	size_t most = mikey_esp_tgk_len(t->esp);

	for (size_t i = 0; t->esp->srtp && i < t->n_suites; i++)
		if (mikey_tgk_len(t->suites[i]) > most)
			most = mikey_tgk_len(t->suites[i]);
	return most;
}

size_t mikey_key_len(const struct keying_terms *t)
{
	return t->esp ? longest(t) : suite_info(t->suites[0])->key_len;
}

size_t mikey_rank_tgk(const struct keying_terms *t)
{
	size_t most;

	if (t->esp)
		return longest(t);
	most = mikey_tgk_len(t->suites[0]);
	for (size_t i = 1; t->ranks_len && i < t->n_suites; i++)
		if (mikey_tgk_len(t->suites[i]) > most)
			most = mikey_tgk_len(t->suites[i]);
	return most;
}

static int check(const struct mikey_outgoing *o, struct mikey_bytes answer,
		 const char *method, struct rank_ext *theirs, const char **why)
{
	struct rank_ext ours;

	*why = "its lists are malformed";
	if (rank_get(o->ranks, o->ranks_len, &ours) ||
	    rank_get(answer.p, answer.len, theirs))
		return E_AUTH;
	if (rank_check(&ours, theirs, why))
		return E_AUTH;
	*why = "it answers another message than the one it chose";
	return theirs->choice.method == rank_method(method) ? 0 : E_AUTH;
}

int mikey_rank_settle(const struct mikey_outgoing *o,
		      const struct mikey_message *m,
		      struct keying_result *result,
		      struct mikey_settled *out,
		      struct keying_fault *fault)
{
	const char *why = "it lists priorities that we did not ask for";
	struct mikey_bytes answer;
	struct rank_ext theirs;
	int r = mikey_rank_find(m, &answer);

	*out = (struct mikey_settled){ o->sp, false };
	if (o->esp) /* SRTP's is the answer's choice, if there is any */
		out->sp.suite = (enum suite)result->facts.suite;
	if (r == E_NOTFOUND)
		return 0;
	if (!r && o->ranks_len)
		r = check(o, answer, result->facts.method, &theirs, &why);
	else
		r = E_AUTH;
	if (!r && !suite_info(theirs.choice.suite))
		r = E_AUTH; /* our own list has none of that kind */
	if (r)
		return mikey_fault(fault, E_AUTH, "the MIKEY answer is "
				   "refused: %s", why);
	out->sp.suite = theirs.choice.suite;
	out->named = out->sp.suite != o->sp.suite;
	result->facts.suite = (uint16_t)out->sp.suite;
	result->ranked = true;
	result->ranks = theirs;
	return 0;
}
