/* rank_bench.c - the three modes of negotiation over all pairs of ranked lists:
 * how often they agree, and how often one side or both get what they like best.
 * By the keeper's own rule (daemon/keeper/rank.c); no time is measured, so the
 * figures are the same everywhere. Usage: rank_bench [kinds, 2..5] */
#include "daemon/keeper/rank.h"

#include <stdio.h>
#include <stdlib.h>

#define KINDS_MAX 5
#define LISTS_MAX 325 /* ordered choices of one to five of five */

struct lists {
	size_t n;
	struct rank_list l[LISTS_MAX];
};

struct tally {
	unsigned long pairs, common, agreed, offerer, answerer, both;
	unsigned long sum, worst; /* of ranks from 0, over agreed pairs */
};

static void extend(struct lists *all, const struct rank_list *l, int kinds)
{
	for (int k = 1; k <= kinds; k++) {
		struct rank_list longer = *l;

		if (rank_add(&longer, (uint8_t)k))
			continue;
		all->l[all->n++] = longer;
		extend(all, &longer, kinds);
	}
}

static int rank_in(const struct rank_list *l, uint8_t code)
{
	int i = 0;

	while (l->item[i] != code)
		i++;
	return i;
}

static uint8_t choose(int mode, struct rank_list a, struct rank_list b)
{
	if (mode == 0)
		a.n = b.n = 1; /* static: only the first */
	return rank_choose(mode == 2, &a, &b);
}

static void one_pair(struct tally *t, int mode, const struct rank_list *a,
		     const struct rank_list *b)
{
	uint8_t c = choose(mode, *a, *b);
	int ra, rb;

	t->pairs++;
	t->common += rank_choose(false, a, b) != 0;
	if (!c)
		return;
	ra = rank_in(a, c);
	rb = rank_in(b, c);
	t->agreed++;
	t->offerer += !ra;
	t->answerer += !rb;
	t->both += !ra && !rb;
	t->sum += (unsigned long)(ra + rb);
	t->worst += (unsigned long)(ra > rb ? ra : rb);
}

static double percent(unsigned long part, unsigned long of)
{
	return 100.0 * (double)part / (double)of;
}

static void print(const char *mode, const struct tally *t)
{
	printf("| %s | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %.2f "
	       "| %.2f |\n", mode, percent(t->agreed, t->pairs),
	       percent(t->agreed, t->common), percent(t->offerer, t->common),
	       percent(t->answerer, t->common), percent(t->both, t->common),
	       (double)t->sum / (double)t->agreed,
	       (double)t->worst / (double)t->agreed);
}

int main(int argc, char **argv)
{
	static const char *const modes[] = { "static", "automatic",
					     "priority" };
	int kinds = argc > 1 ? atoi(argv[1]) : 3;
	static struct lists all;
	const struct rank_list none = { 0 };

	if (kinds < 2 || kinds > KINDS_MAX)
		return 2;
	extend(&all, &none, kinds);
	printf("%d kinds, %zu lists, %zu pairs\n\n", kinds, all.n,
	       all.n * all.n);
	printf("| mode | agree | of those that could | offerer's favourite | "
	       "answerer's | both | sum of ranks | worse rank |\n"
	       "|---|---|---|---|---|---|---|---|\n");
	for (int mode = 0; mode < 3; mode++) {
		struct tally t = { 0 };

		for (size_t i = 0; i < all.n; i++)
			for (size_t j = 0; j < all.n; j++)
				one_pair(&t, mode, &all.l[i], &all.l[j]);
		print(modes[mode], &t);
	}
	return 0;
}
