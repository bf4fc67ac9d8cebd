/* test_negotiation.c - the negotiation by priority against a man in the middle:
 * an exhaustive search, with the code that the keeper runs
 * (alternatives_choose(), rank_check()). doc/NEGOTIATION.md, section 6.
 *
 * The world: A offers B twice, B offers A once, with all pairs of lists over
 * three methods and both kinds of rule, A's lists being the same or turned
 * round at its first offer, B's turned round half way. The man in the middle
 * holds every message. He gives B as an offer
 *
 *   - every sequence of up to three messages of those nine (stripped,
 *     reordered, doubled, mixed, replayed, reflected),
 *   - every sequence of the current offer's messages with every other list put
 *     into all of them and the hash made anew,
 *
 * and A every answer that B ever gave, and A's and B's own extensions sent
 * back. He cannot make a MAC: what he changed is marked, as a method would
 * find out. Methods, not suites, are searched: the rule is the same function,
 * the lists stand side by side under one hash.
 *
 * Wanted, in every state:
 *   choice  who accepts goes by what the rule makes of the two lists
 *   whole   who accepts has seen an offer as it left, every message in order
 *   once    no offer is accepted under two names (the replay cache knows one)
 *
 * Controls: the same search, with the same rule written a second time and a
 * check left out, must find the attack; with all checks it must agree with
 * the real one, state by state. */
#include "daemon/base/err.h"
#include "daemon/keeper/alternatives.h"
#include "daemon/keeper/clerk/clerk.h"
#include "tests/mock/slow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define METHODS 3
#define LISTS 15 /* ordered choices of one to three of three */
#define OFFERS 3 /* A's first, A's second, B's */
#define SEQUENCE 3
#define ANSWERS_MAX 4096

enum who { ALICE, BOB };

static const uint8_t code_of[METHODS] = { 1, 3, 5 };

/* -- messages: a method would prove all of it ------------------------------ */

struct term {
	uint8_t mark;   /* never 0 */
	uint8_t maker;  /* enum who: the identity in it */
	uint8_t offer;  /* which of the offers it belongs to */
	uint8_t method;
	uint8_t altered;
	uint8_t ext_len;
	uint32_t bundle;
	uint8_t rand[16];
	uint8_t ext[RANK_EXT_MAX];
};

static struct term read_term(const uint8_t *p)
{
	struct term m;

	memcpy(&m, p, sizeof m);
	return m;
}

static int outline(const uint8_t *p, size_t len, struct keying_outline *out)
{
	const size_t rand = offsetof(struct term, rand);
	struct term m;

	if (len != sizeof m)
		return E_FORMAT;
	m = read_term(p);
	*out = (struct keying_outline){
		.name = { m.bundle, p + rand, sizeof m.rand },
		.ranks = p + offsetof(struct term, ext),
		.ranks_len = m.ext_len };
	return 0;
}

static bool takes_1(const uint8_t *p, size_t len)
{
	return len && read_term(p).method == code_of[0];
}

static bool takes_3(const uint8_t *p, size_t len)
{
	return len && read_term(p).method == code_of[1];
}

static bool takes_5(const uint8_t *p, size_t len)
{
	return len && read_term(p).method == code_of[2];
}

static const struct keying methods[METHODS] = {
	{ .name = "mikey-psk", .protocol = "mikey", .takes = takes_1,
	  .outline = outline },
	{ .name = "mikey-rsa", .protocol = "mikey", .takes = takes_3,
	  .outline = outline },
	{ .name = "mikey-dh", .protocol = "mikey", .takes = takes_5,
	  .outline = outline },
};

/* -- lists ---------------------------------------------------------------- */

static size_t all_lists(struct rank_list out[LISTS])
{
	size_t n = 0;

	for (int i = 0; i < METHODS; i++) {
		out[n++] = (struct rank_list){ 1, { code_of[i] } };
		for (int j = 0; j < METHODS; j++) {
			if (j == i)
				continue;
			out[n++] = (struct rank_list){ 2, {
				code_of[i], code_of[j] } };
			out[n++] = (struct rank_list){ 3, {
				code_of[i], code_of[j],
				code_of[METHODS - i - j] } };
		}
	}
	return n;
}

static struct rank_list turned(const struct rank_list *l)
{
	struct rank_list out = { l->n, { 0 } };

	for (int i = 0; i < l->n; i++)
		out.item[i] = l->item[l->n - 1 - i];
	return out;
}

/* -- the world ------------------------------------------------------------ */

struct party {
	struct profile profile;
	struct peer peer;
	struct secret psk;
	struct rank_lists lists;
};

struct offer {
	struct rank_lists lists;
	size_t n;
	struct term m[METHODS];
};

struct answered {
	uint32_t bundle; /* of the message it answers */
	uint8_t method;
	int offer;       /* the offer it was, whole; -1: none */
	uint8_t id[RANK_HASH];
	uint8_t ext[RANK_EXT_MAX];
	size_t ext_len;
};

struct world {
	struct offer offer[OFFERS];
	struct party bob;
	size_t n;
	struct answered answer[ANSWERS_MAX];
	size_t n_twice;
	uint8_t id[OFFERS][RANK_HASH]; /* under which each was accepted */
	bool has_id[OFFERS];
};

/* What is switched off in the second writing of the rule. */
struct controls {
	bool real;     /* the keeper's own code */
	bool no_hash;  /* what binds the messages is not looked at: that all
	                  have one extension, and its hash */
	bool no_lists; /* nor are lists: the first that is there counts */
};

struct found {
	unsigned long states, accepted, finished;
	unsigned long choice, whole, once; /* violations */
};

static const struct keying *method(void *user, const char *name)
{
	(void)user;
	for (size_t i = 0; i < METHODS; i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

static const struct secret *psk(void *user, const char *peer)
{
	(void)peer;
	return &((struct party *)user)->psk;
}

static void set_party(struct party *p, const struct rank_list *l, bool by_rank)
{
	memset(p, 0, sizeof *p);
	p->lists = (struct rank_lists){ by_rank, *l, { 1, { 1 } } };
	p->profile.negotiate = by_rank ? NEGOTIATE_PRIORITY
				       : NEGOTIATE_AUTOMATIC;
	p->profile.suites[0] = SUITE_AES_CM_128_HMAC_SHA1_80;
	p->profile.n_suites = 1;
	for (int i = 0; i < l->n; i++)
		p->profile.keying[p->profile.n_keying++] =
			rank_method_name(l->item[i]);
	p->peer.profile = &p->profile;
	assert_int_equal(secret_set(&p->psk, "0123456789abcdef", 16), 0);
}

static void put_ext(struct term *m, size_t n, const struct rank_lists *l)
{
	struct rank_ext e = { .lists = *l };
	struct rank_name name[SEQUENCE];
	struct buf b = buf_of(RANK_EXT_MAX);

	for (size_t i = 0; i < n; i++)
		name[i] = (struct rank_name){ m[i].bundle, m[i].rand,
					      sizeof m[i].rand };
	assert_int_equal(rank_hash(l, name, n, e.hash), 0);
	rank_put(&e, &b);
	assert_int_equal(b.err, 0);
	for (size_t i = 0; i < n; i++) {
		m[i].altered |= m[i].ext_len && (m[i].ext_len != b.len ||
				memcmp(m[i].ext, b.data, b.len));
		memcpy(m[i].ext, b.data, b.len);
		m[i].ext_len = (uint8_t)b.len;
	}
	buf_free(&b);
}

static void make_offer(struct world *w, int no, enum who maker,
		       const struct rank_list *l, bool by_rank)
{
	struct offer *o = &w->offer[no];

	o->lists = (struct rank_lists){ by_rank, *l, { 1, { 1 } } };
	o->n = l->n;
	for (size_t i = 0; i < o->n; i++) {
		o->m[i] = (struct term){ .mark = 1, .maker = maker,
			.offer = (uint8_t)no, .method = l->item[i],
			.bundle = (uint32_t)(16 * no + (int)i + 1) };
		memset(o->m[i].rand, (int)o->m[i].bundle, 16);
	}
	put_ext(o->m, o->n, &o->lists);
}

/* -- the rule a second time, with checks that can be left out -------------- */

static int second_choose(const struct party *bob, const struct controls *off,
			 const struct term *m, size_t n,
			 struct alternatives_pick *out)
{
	struct rank_ext theirs, answer;
	struct rank_name name[SEQUENCE];
	struct rank_choice c = { 0, 1 };
	uint8_t hash[RANK_HASH];
	struct buf b = buf_of(RANK_EXT_MAX);

	if (rank_get(m[0].ext, m[0].ext_len, &theirs))
		return E_FORMAT;
	for (size_t i = 0; i < n; i++) {
		name[i] = (struct rank_name){ m[i].bundle, m[i].rand, 16 };
		if (!off->no_hash && (m[i].ext_len != m[0].ext_len ||
		    memcmp(m[i].ext, m[0].ext, m[0].ext_len)))
			return E_AUTH;
	}
	rank_hash(&theirs.lists, name, n, hash);
	if (!off->no_hash && memcmp(hash, theirs.hash, RANK_HASH))
		return E_AUTH;
	for (size_t i = 0; off->no_lists && i < n && !c.method; i++)
		for (int k = 0; k < bob->lists.methods.n; k++)
			if (bob->lists.methods.item[k] == m[i].method)
				c.method = m[i].method;
	if (!off->no_lists && rank_decide(&theirs.lists, &bob->lists, &c))
		return E_UNSUPPORTED;
	for (out->i = 0; out->i < n && m[out->i].method != c.method; out->i++)
		;
	if (out->i == n)
		return E_UNSUPPORTED;
	memcpy(out->id, off->no_hash ? m[out->i].rand : theirs.hash, 16);
	answer = (struct rank_ext){ true, bob->lists, { 0 }, c };
	memcpy(answer.hash, theirs.hash, RANK_HASH);
	rank_put(&answer, &b);
	memcpy(out->ext, b.data, b.len);
	out->ext_len = b.len;
	buf_free(&b);
	return 0;
}

static int first_choose(struct party *bob, const struct term *m, size_t n,
			struct alternatives_pick *out)
{
	const struct clerk_services s = { .method = method, .psk = psk,
					  .user = bob };
	struct bundle b = { .n = n };
	struct keying_fault why;
	int r;

	for (size_t i = 0; i < n; i++)
		b.item[i] = (struct bundle_item){ (const uint8_t *)&m[i],
						  sizeof m[i] };
	r = alternatives_choose(&s, &bob->peer, &b, out, &why);
	return !r && !out->ranked ? E_NOTFOUND : r;
}

static int choose(struct world *w, const struct controls *off,
		  const struct term *m, size_t n,
		  struct alternatives_pick *out)
{
	struct alternatives_pick second;
	int r, r2;

	if (!off->real)
		return second_choose(&w->bob, off, m, n, out);
	r = first_choose(&w->bob, m, n, out);
	r2 = second_choose(&w->bob, off, m, n, &second);
	assert_int_equal(!r, !r2);
	if (r)
		return r;
	assert_int_equal(out->i, second.i);
	assert_int_equal(out->ext_len, second.ext_len);
	assert_memory_equal(out->ext, second.ext, second.ext_len);
	return 0;
}

/* -- what Bob does with a sequence ---------------------------------------- */

/* Which offer it is, message by message; -1: none. */
static int whole_offer(const struct world *w, const struct term *m,
		       size_t n)
{
	const struct offer *o = &w->offer[m[0].offer];

	for (size_t i = 0; i < n; i++)
		if (o->n != n || m[i].bundle != o->m[i].bundle ||
		    m[i].altered)
			return -1;
	return m[0].offer;
}

static void check_bob(struct world *w, const struct term *m, size_t n,
		      const struct alternatives_pick *p, struct found *f)
{
	const struct term *c = &m[p->i];
	const struct offer *o = &w->offer[c->offer];
	struct rank_choice want = { 0, 0 };

	f->accepted++;
	if (rank_decide(&o->lists, &w->bob.lists, &want) ||
	    want.method != c->method)
		f->choice++;
	if (whole_offer(w, m, n) < 0)
		f->whole++;
	if (w->has_id[c->offer] &&
	    memcmp(w->id[c->offer], p->id, sizeof p->id))
		f->once++;
	w->has_id[c->offer] = true;
	memcpy(w->id[c->offer], p->id, sizeof p->id);
}

static void give_bob(struct world *w, const struct controls *off,
		     const struct term *m, size_t n, struct found *f)
{
	struct alternatives_pick p = { .ranked = false };
	struct answered *a = &w->answer[w->n];

	f->states++;
	/* the method: its MAC covers all of it, IDi is who calls */
	if (choose(w, off, m, n, &p) || m[p.i].altered ||
	    m[p.i].maker != ALICE)
		return;
	check_bob(w, m, n, &p, f);
	assert_true(w->n < ANSWERS_MAX);
	*a = (struct answered){ .bundle = m[p.i].bundle,
				.method = m[p.i].method,
				.offer = whole_offer(w, m, n),
				.ext_len = p.ext_len };
	memcpy(a->id, p.id, sizeof a->id);
	memcpy(a->ext, p.ext, p.ext_len);
	w->n++;
}

static void every_sequence(struct world *w, const struct controls *off,
			   struct found *f)
{
	const struct term *pool[OFFERS * METHODS];
	struct term seq[SEQUENCE];
	size_t n = 0, k, x, total;

	for (int o = 0; o < OFFERS; o++)
		for (size_t i = 0; i < w->offer[o].n; i++)
			pool[n++] = &w->offer[o].m[i];
	for (size_t len = 1; len <= SEQUENCE; len++) {
		for (total = 1, k = 0; k < len; k++)
			total *= n;
		for (size_t no = 0; no < total; no++) {
			for (x = no, k = 0; k < len; k++, x /= n)
				seq[k] = *pool[x % n];
			give_bob(w, off, seq, len, f);
		}
	}
}

static void every_forged_list(struct world *w, const struct controls *off,
			      struct found *f)
{
	const struct offer *o = &w->offer[1];
	struct term seq[SEQUENCE];
	struct rank_list lists[LISTS];
	size_t total = 1, k, x;

	all_lists(lists);
	for (size_t len = 1; len <= SEQUENCE; len++) {
		total *= o->n;
		for (size_t no = 0; no < total * LISTS * 2; no++) {
			const struct rank_lists forged = {
				no & 1, lists[no / 2 % LISTS], { 1, { 1 } } };

			for (x = no / 2 / LISTS, k = 0; k < len;
			     k++, x /= o->n)
				seq[k] = o->m[x % o->n];
			put_ext(seq, len, &forged);
			give_bob(w, off, seq, len, f);
		}
	}
}

/* -- what Alice does with an answer --------------------------------------- */

/* As modules/mikey/ranks.c does, once MAC and CSB ID are right. */
static bool alice_takes(const struct offer *o, const struct answered *a)
{
	struct rank_ext ours, theirs;
	const char *why;
	size_t i = 0;

	while (i < o->n && o->m[i].bundle != a->bundle)
		i++;
	if (i == o->n)
		return false;
	if (rank_get(o->m[0].ext, o->m[0].ext_len, &ours) ||
	    rank_get(a->ext, a->ext_len, &theirs))
		return false;
	return !rank_check(&ours, &theirs, &why) &&
	       theirs.choice.method == o->m[i].method;
}

/* A far end that looks at neither list nor hash. */
static bool careless_takes(const struct offer *o, const struct answered *a)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->m[i].bundle == a->bundle)
			return true;
	return false;
}

static bool choice_is_given(const struct world *w, uint8_t method,
			    const struct rank_list *first)
{
	struct rank_lists then = w->bob.lists;
	struct rank_choice c;

	/* Bob's lists are those before or after he turned them */
	if (!rank_decide(&w->offer[1].lists, &then, &c) && c.method == method)
		return true;
	then.methods = *first;
	return !rank_decide(&w->offer[1].lists, &then, &c) &&
	       c.method == method;
}

static void give_alice(struct world *w, const struct controls *off,
		       const struct rank_list *first, struct found *f)
{
	const struct offer *o = &w->offer[1];

	for (size_t i = 0; i < w->n; i++) {
		const struct answered *a = &w->answer[i];

		f->states++;
		if (off->no_lists ? !careless_takes(o, a) : !alice_takes(o, a))
			continue;
		f->finished++;
		if (!choice_is_given(w, a->method, first))
			f->choice++;
		if (a->offer != 1)
			f->whole++;
	}
	/* reflected: every extension that was in an offer */
	for (int k = 0; k < OFFERS; k++) {
		struct answered back = { .bundle = o->m[0].bundle,
					 .method = o->m[0].method,
					 .ext_len = w->offer[k].m[0].ext_len };

		memcpy(back.ext, w->offer[k].m[0].ext, back.ext_len);
		f->states++;
		if (!off->no_lists && alice_takes(o, &back))
			f->choice++;
	}
}

/* -- the search ----------------------------------------------------------- */

static void one_world(const struct rank_list *la, const struct rank_list *lb,
		      unsigned kind, const struct controls *off,
		      struct found *f)
{
	static struct world w;
	struct rank_list la0 = kind & 1 ? turned(la) : *la, lb1 = turned(lb);
	bool a_ranks = kind & 2, b_ranks = kind & 4;

	memset(&w, 0, sizeof w);
	make_offer(&w, 0, ALICE, &la0, a_ranks);
	make_offer(&w, 1, ALICE, la, a_ranks);
	make_offer(&w, 2, BOB, lb, b_ranks);
	set_party(&w.bob, lb, b_ranks);
	every_sequence(&w, off, f);
	every_forged_list(&w, off, f);
	set_party(&w.bob, &lb1, b_ranks);
	every_sequence(&w, off, f);
	give_alice(&w, off, lb, f);
}

static struct found search(const struct controls *off)
{
	struct rank_list lists[LISTS];
	struct found f = { 0 };

	assert_int_equal(all_lists(lists), LISTS);
	for (size_t i = 0; i < LISTS; i += rounds(1, 7))
		for (size_t j = 0; j < LISTS; j++)
			for (unsigned kind = 0; kind < 8; kind++)
				one_world(&lists[i], &lists[j], kind, off, &f);
	printf("%lu states, %lu accepted, %lu finished; wrong: choice %lu, "
	       "whole %lu, once %lu\n", f.states, f.accepted, f.finished,
	       f.choice, f.whole, f.once);
	return f;
}

static void no_run_ends_wrong(void **state)
{
	struct found f = search(&(struct controls){ .real = true });

	(void)state;
	assert_true(f.accepted > 1000 && f.finished > 1000);
	assert_int_equal(f.choice, 0);
	assert_int_equal(f.whole, 0);
	assert_int_equal(f.once, 0);
}

static void without_the_hash_attacks_are_found(void **state)
{
	struct found f = search(&(struct controls){ .no_hash = true });

	(void)state;
	assert_true(f.choice > 0);
	assert_true(f.whole > 0);
	assert_true(f.once > 0);
}

static void without_the_lists_the_choice_is_forced(void **state)
{
	struct found f = search(&(struct controls){ .no_hash = true,
						    .no_lists = true });

	(void)state;
	assert_true(f.choice > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_run_ends_wrong),
		cmocka_unit_test(without_the_hash_attacks_are_found),
		cmocka_unit_test(without_the_lists_the_choice_is_forced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
