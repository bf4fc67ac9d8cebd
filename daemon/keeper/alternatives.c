/* alternatives.c - see alternatives.h and doc/NEGOTIATION.md.
 *
 * Offer: the names of all messages are drawn first, then the extension is
 * written, which is the same in each, then the messages are made. Answer: the
 * extension of the first message and the names of all give hash and choice;
 * what was read so far is a hint, until the chosen message, which has the same
 * extension, is proven by its method. */
#include "daemon/keeper/alternatives.h"

#include "daemon/base/err.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refuse(struct keying_fault *fault, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct keying_fault *fault, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault->text, sizeof fault->text, fmt, ap);
	va_end(ap);
	return err;
}

void alternatives_drop(const struct alternative *alt, size_t n)
{
	for (size_t i = 0; i < n; i++)
		alt[i].method->drop(alt[i].pending);
}

/* Methods that take part, best first, and what we say of ourselves. */
struct own {
	struct permits permits;
	struct rank_lists lists;
};

bool alternatives_apply(const struct keying *k)
{
	return k->outline && rank_method(k->name);
}

static void own_methods(struct own *own)
{
	struct permits *p = &own->permits;
	size_t n = 0;

	own->lists.methods.n = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct keying *k = p->item[i].method;

		if (!alternatives_apply(k) ||
		    rank_add(&own->lists.methods, rank_method(k->name)))
			continue;
		p->item[n++] = p->item[i];
	}
	p->n = n;
}

static void own_side(const struct clerk_services *s, const struct peer *peer,
		     struct own *own)
{
	const struct profile *f = peer->profile;
	size_t n = f->negotiate == NEGOTIATE_STATIC && f->n_suites
		   ? 1 : f->n_suites;

	*own = (struct own){ .lists.by_rank =
				     f->negotiate == NEGOTIATE_PRIORITY };
	permit_all(s, peer, &own->permits);
	own_methods(own);
	for (size_t i = 0; i < n; i++) /* one that is there twice: once */
		rank_add(&own->lists.suites, (uint8_t)f->suites[i]);
}

static size_t index_of(const struct own *own, uint8_t method)
{
	size_t i = 0;

	while (own->lists.methods.item[i] != method)
		i++;
	return i;
}

/* -- our offer ------------------------------------------------------------ */

struct making {
	const struct alternatives_ask *ask;
	struct own own;
	size_t order[BUNDLE_MAX]; /* indices of own's, the actual one first */
	enum suite suites[SUITE_COUNT]; /* the policy's one first */
	size_t n_suites;
	struct keying_name name[BUNDLE_MAX];
	struct buf ext;
	struct buf message[BUNDLE_MAX];
	struct alternatives_made made;
};

static void set_suites(struct making *m, uint8_t first)
{
	const struct rank_list *l = &m->own.lists.suites;

	m->n_suites = 0;
	m->suites[m->n_suites++] = (enum suite)first;
	for (size_t i = 0; i < l->n; i++)
		if (l->item[i] != first)
			m->suites[m->n_suites++] = (enum suite)l->item[i];
}

/* Which messages: the one that the peer will choose, or all. */
static void plan(struct making *m)
{
	struct rank_choice c;

	set_suites(m, m->own.lists.suites.item[0]);
	m->made.n = m->own.permits.n;
	m->made.recalled = false;
	for (size_t i = 0; i < m->made.n; i++)
		m->order[i] = i;
	if (!m->ask->theirs ||
	    rank_decide(&m->own.lists, m->ask->theirs, &c))
		return;
	m->made.n = 1;
	m->made.recalled = true;
	m->order[0] = index_of(&m->own, c.method);
	set_suites(m, c.suite);
}

static int write_ext(struct making *m)
{
	struct rank_ext e = { .lists = m->own.lists };
	struct rank_name name[BUNDLE_MAX];
	int r;

	for (size_t i = 0; i < m->made.n; i++) {
		struct keying_name *n = &m->name[i];

		if (RAND_bytes((uint8_t *)&n->bundle, sizeof n->bundle) != 1 ||
		    RAND_bytes(n->rand, sizeof n->rand) != 1)
			return E_INTERNAL;
		name[i] = (struct rank_name){ n->bundle, n->rand,
					      sizeof n->rand };
	}
	r = rank_hash(&e.lists, name, m->made.n, e.hash);
	buf_clear(&m->ext);
	rank_put(&e, &m->ext);
	return r ? r : m->ext.err;
}

static int make_one(struct making *m, size_t i, struct keying_fault *fault)
{
	const struct permit *p = &m->own.permits.item[m->order[i]];
	struct keying_terms t = *m->ask->terms;
	struct alternative *a = &m->made.alt[i];
	struct keying_result early = { .n = 0 };
	int r;

	t.psk = p->psk;
	t.credential = p->credential;
	t.suites = m->suites;
	t.n_suites = m->n_suites;
	t.name = &m->name[i];
	t.ranks = m->ext.data;
	t.ranks_len = m->ext.len;
	*a = (struct alternative){ .method = p->method,
				   .bundle = m->name[i].bundle };
	buf_clear(&m->message[i]);
	r = p->method->offer(&t, &m->message[i], &a->pending, &early, fault);
	if (!r) {
		a->early = early.n > 0;
		if (i == 0)
			m->made.early = early;
	}
	wipe(&early, sizeof early);
	return r;
}

static void forget(struct making *m, size_t made)
{
	alternatives_drop(m->made.alt, made);
	wipe(&m->made.early, sizeof m->made.early);
}

static void leave_out(struct making *m, size_t i)
{
	struct permits *p = &m->own.permits;
	size_t gone = m->order[i];

	p->n--;
	memmove(&p->item[gone], &p->item[gone + 1],
		(p->n - gone) * sizeof *p->item);
	own_methods(&m->own);
}

/* Makes all of them, or tells which one cannot be made. */
static int make_all(struct making *m, size_t *failed,
		    struct keying_fault *fault)
{
	int r = write_ext(m);

	*failed = 0;
	for (size_t i = 0; i < m->made.n && !r; i++) {
		r = make_one(m, i, fault);
		if (r) {
			*failed = i;
			forget(m, i);
		}
	}
	return r;
}

static int pack(struct making *m, struct buf *tail)
{
	struct bundle b = { .n = m->made.n };

	for (size_t i = 0; i < b.n; i++)
		b.item[i] = (struct bundle_item){ m->message[i].data,
						  m->message[i].len };
	return bundle_pack(&b, tail);
}

static int make(struct making *m, struct buf *tail, struct keying_fault *fault)
{
	size_t failed;
	int r;

	do {
		plan(m);
		r = make_all(m, &failed, fault);
		if (r && failed)
			leave_out(m, failed);
	} while (r && failed);
	if (r)
		return r;
	r = pack(m, tail);
	if (r) {
		forget(m, m->made.n);
		return refuse(fault, r, "the keying offer is too long with all "
			      "its alternatives: %s", err_text(r));
	}
	return 0;
}

int alternatives_offer(const struct alternatives_ask *ask, struct buf *tail,
		       struct alternatives_made *out,
		       struct keying_fault *fault)
{
	struct making m = { .ask = ask, .ext = buf_of(RANK_EXT_MAX) };
	int r;

	for (size_t i = 0; i < BUNDLE_MAX; i++)
		m.message[i] = buf_of(KEYING_MAX);
	own_side(ask->services, ask->peer, &m.own);
	r = m.own.permits.n && m.own.lists.suites.n
		? make(&m, tail, fault)
		: refuse(fault, E_POLICY, "peer %.48s has no method of keying "
			 "or no suite that can be used", ask->peer->name);
	if (r)
		buf_clear(tail);
	else
		*out = m.made;
	for (size_t i = 0; i < BUNDLE_MAX; i++)
		buf_free(&m.message[i]);
	buf_free(&m.ext);
	wipe(&m.made, sizeof m.made);
	return r;
}

/* -- theirs --------------------------------------------------------------- */

#define ALTERED "the keying offer was altered on the way: "

/* What the messages say of themselves: all must say the same. */
static int outlines(const struct keying *k, const struct bundle *offer,
		    struct keying_outline *line, struct keying_fault *fault)
{
	for (size_t i = 0; i < offer->n; i++) {
		const struct bundle_item *m = &offer->item[i];

		if (k->outline(m->data, m->len, &line[i]))
			return refuse(fault, E_FORMAT, "alternative %zu of the "
				      "keying offer is malformed", i);
		if (line[i].ranks_len != line[0].ranks_len ||
		    memcmp(line[i].ranks, line[0].ranks, line[0].ranks_len))
			return refuse(fault, E_AUTH, ALTERED "its messages do "
				      "not belong together");
	}
	return 0;
}

static int check_hash(const struct rank_ext *theirs, size_t n,
		      const struct keying_outline *line,
		      struct keying_fault *fault)
{
	struct rank_name name[BUNDLE_MAX];
	uint8_t hash[RANK_HASH];
	int r;

	for (size_t i = 0; i < n; i++)
		name[i] = line[i].name;
	r = rank_hash(&theirs->lists, name, n, hash);
	if (r)
		return refuse(fault, r, "SHA-256: %s", err_text(r));
	if (memcmp(hash, theirs->hash, sizeof hash))
		return refuse(fault, E_AUTH, ALTERED "alternatives are "
			      "missing, new or in another order");
	return 0;
}

/* The message of the method that the lists lead to. */
static int find_message(const struct own *own, const struct bundle *offer,
			uint8_t method, struct alternatives_pick *out,
			struct keying_fault *fault)
{
	out->permit = own->permits.item[index_of(own, method)];
	for (out->i = 0; out->i < offer->n; out->i++)
		if (out->permit.method->takes(offer->item[out->i].data,
					      offer->item[out->i].len))
			return 0;
	return refuse(fault, E_UNSUPPORTED, "both lists lead to %s, which the "
		      "keying offer does not have: the far end goes by an old "
		      "memory, let it call again", out->permit.method->name);
}

static int write_answer(const struct own *own, const struct rank_ext *theirs,
			struct rank_choice choice,
			struct alternatives_pick *out)
{
	struct rank_ext e = { .answer = true, .lists = own->lists,
			      .choice = choice };
	struct buf b = buf_of(RANK_EXT_MAX);

	memcpy(e.hash, theirs->hash, sizeof e.hash);
	memcpy(out->id, theirs->hash, sizeof out->id);
	rank_put(&e, &b);
	if (!b.err) {
		memcpy(out->ext, b.data, b.len);
		out->ext_len = b.len;
	}
	buf_free(&b);
	return b.err;
}

static int choose(const struct own *own, const struct bundle *offer,
		  const struct rank_ext *theirs, struct alternatives_pick *out,
		  struct keying_fault *fault)
{
	struct keying_outline line[BUNDLE_MAX];
	struct rank_choice c;
	int r = outlines(own->permits.item[0].method, offer, line, fault);

	if (!r)
		r = check_hash(theirs, offer->n, line, fault);
	if (r)
		return r;
	if (rank_decide(&theirs->lists, &own->lists, &c))
		return refuse(fault, E_UNSUPPORTED, "the far end's lists have "
			      "no method or no suite of ours: compare both "
			      "profiles' keying and suites");
	out->ranked = true;
	out->by_rank = theirs->lists.by_rank && own->lists.by_rank;
	out->suite = (enum suite)c.suite;
	r = find_message(own, offer, c.method, out, fault);
	return r ? r : write_answer(own, theirs, c, out);
}

int alternatives_choose(const struct clerk_services *s,
			const struct peer *peer, const struct bundle *offer,
			struct alternatives_pick *out,
			struct keying_fault *fault)
{
	struct alternatives_pick pick = { .ranked = false };
	struct keying_outline first;
	struct rank_ext theirs;
	struct own own;
	int r = E_NOTFOUND;

	own_side(s, peer, &own);
	if (own.permits.n &&
	    !own.permits.item[0].method->outline(offer->item[0].data,
						 offer->item[0].len, &first) &&
	    first.ranks)
		r = rank_get(first.ranks, first.ranks_len, &theirs);
	if (!r && theirs.answer)
		r = E_FORMAT;
	if (r == E_FORMAT)
		return refuse(fault, r, "the lists of the keying offer are "
			      "malformed");
	if (!r)
		r = choose(&own, offer, &theirs, &pick, fault);
	else
		r = 0; /* no lists, or those of a time to come */
	if (!r)
		*out = pick;
	return r;
}
