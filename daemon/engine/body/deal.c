/* deal.c - what an offer and its answers agreed: addresses, keying messages
 * and keys. A forked offer has one branch for each early dialog (one
 * keying context each), and one of them is active. Data only. */
#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

struct deal *deal_new(enum face offerer)
{
	struct deal *d = calloc(1, sizeof *d);

	if (d)
		d->offerer = offerer;
	return d;
}

static void free_text(char *text)
{
	if (text)
		wipe(text, strlen(text));
	free(text);
}

void deal_clear_exchanges(struct deal *d)
{
	for (unsigned i = 0; i < d->n_exchanges; i++) {
		free_text(d->exchange[i].offer);
		free_text(d->exchange[i].answer);
		for (unsigned k = 0; k < d->exchange[i].n_also; k++)
			free_text(d->exchange[i].also[k]);
		d->exchange[i] = (struct exchange){ 0 };
	}
	d->n_exchanges = 0;
}

void branch_free(struct branch *b)
{
	if (!b)
		return;
	free(b->text);
	free(b);
}

void deal_free(struct deal *d)
{
	struct branch *b;

	if (!d)
		return;
	while ((b = d->branches)) {
		d->branches = b->next;
		branch_free(b);
	}
	deal_clear_exchanges(d);
	free(d->ike);
	free(d->text);
	free(d);
}

bool deal_waits(const struct deal *d)
{
	bool waits = false;

	for (unsigned i = 0; i < d->n_exchanges; i++)
		waits = waits || d->exchange[i].later;
	return waits;
}

struct branch *deal_branch(const struct deal *d, unsigned number)
{
	struct branch *b = d->branches;

	while (b && b->number != number)
		b = b->next;
	return b;
}

static void drop_branch(struct deal *d, struct branch **slot)
{
	struct branch *b = *slot;

	*slot = b->next;
	if (d->active == b)
		d->active = NULL;
	branch_free(b);
}

void deal_take(struct deal *d, struct branch *b, bool active)
{
	struct branch **slot = &d->branches;

	while (*slot && (*slot)->number != b->number)
		slot = &(*slot)->next;
	if (*slot)
		drop_branch(d, slot);
	b->next = d->branches;
	d->branches = b;
	if (active)
		d->active = b;
}

void deal_settle(struct deal *d, unsigned number)
{
	struct branch **slot = &d->branches;

	while (*slot)
		if ((*slot)->number != number)
			drop_branch(d, slot);
		else
			slot = &(*slot)->next;
}

bool deal_takes(const struct deal *d, unsigned line)
{
	return (d->usable & ~d->refused) >> line & 1;
}

int exchange_add(struct exchange *x, struct sdp_text mikey,
		 const struct sdp_config *config)
{
	char *copy;

	if (x->n_also == BUNDLE_MAX - 1)
		return E_FULL;
	copy = strndup(mikey.p, mikey.len);
	if (!copy)
		return E_NOMEM;
	x->also[x->n_also] = copy;
	x->config[x->n_also++] = *config;
	return 0;
}

struct sdp_also exchange_also(const struct exchange *x)
{
	return (struct sdp_also){ x->n_also, (const char *const *)x->also,
				  x->config };
}

bool exchange_same(const struct exchange *a, const struct exchange *b)
{
	if (a->n_also != b->n_also || strcmp(a->offer, b->offer))
		return false;
	for (unsigned i = 0; i < a->n_also; i++)
		if (strcmp(a->also[i], b->also[i]))
			return false;
	return true;
}

static int copy_also(struct exchange *to, const struct exchange *from)
{
	int r = 0;

	to->chosen = from->chosen;
	for (unsigned i = 0; i < from->n_also && !r; i++)
		r = exchange_add(to, (struct sdp_text){
			from->also[i], strlen(from->also[i]) },
			&from->config[i]);
	return r;
}

static int copy_text(char **to, const char *from)
{
	if (!from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : E_NOMEM;
}

int deal_keep(struct deal *d, const struct deal *old)
{
	d->kept = true;
	d->protocol = old->protocol;
	d->hop = old->hop;
	d->media_level = old->media_level;
	d->refused = old->refused;
	d->facts = old->facts;
	d->origin = old->origin;
	memcpy(d->key, old->key, sizeof d->key);
	memcpy(d->far, old->far, sizeof d->far);
	for (unsigned i = 0; i < old->n_exchanges; i++) {
		d->n_exchanges = i + 1;
		d->exchange[i].id = old->exchange[i].id;
		d->exchange[i].later = old->exchange[i].later;
		if (copy_text(&d->exchange[i].offer, old->exchange[i].offer) ||
		    copy_text(&d->exchange[i].answer,
			      old->exchange[i].answer) ||
		    copy_also(&d->exchange[i], &old->exchange[i]))
			return E_NOMEM;
	}
	return 0;
}
