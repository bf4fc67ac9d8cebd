/* fuzz_rank.c - what a stranger says of his priorities: the extension comes
 * back as it went, what is chosen is in both lists, messages and outlines lie
 * within their bytes. The first octet says which. */
#include "daemon/bundle.h"
#include "daemon/keeper/rank.h"
#include "modules/mikey/ranks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static int has(const struct rank_list *l, uint8_t code)
{
	return code && memchr(l->item, code, l->n) != NULL;
}

static void both_ways(const struct rank_ext *e)
{
	struct rank_lists turned = { !e->lists.by_rank, e->lists.suites,
				     e->lists.methods };
	struct rank_choice c;

	check(!rank_decide(&e->lists, &e->lists, &c));
	check(c.method == e->lists.methods.item[0] &&
	      c.suite == e->lists.suites.item[0]);
	if (rank_decide(&e->lists, &turned, &c))
		return;
	check(has(&e->lists.methods, c.method) &&
	      has(&turned.methods, c.method));
	check(has(&e->lists.suites, c.suite) &&
	      has(&turned.suites, c.suite));
}

static void extension(const uint8_t *data, size_t size)
{
	struct buf b = buf_of(RANK_EXT_MAX);
	struct rank_ext e, other = { .answer = true };
	const char *why;

	if (rank_get(data, size, &e))
		return;
	rank_put(&e, &b);
	check(!b.err && b.len == size && !memcmp(b.data, data, size));
	both_ways(&e);
	check(rank_check(&e, &other, &why) && rank_check(&other, &e, &why));
	buf_free(&b);
}

static int within(const uint8_t *p, size_t len, const uint8_t *data,
		  size_t size)
{
	return p >= data && len <= size && p <= data + size - len;
}

static void packed(const uint8_t *data, size_t size)
{
	struct buf b = buf_of(size + 64);
	struct bundle one, two;

	if (bundle_unpack(data, size, &one))
		return;
	check(one.n && one.n <= BUNDLE_MAX);
	for (size_t i = 0; i < one.n; i++)
		check(within(one.item[i].data, one.item[i].len, data, size));
	if (!bundle_pack(&one, &b)) {
		check(!bundle_unpack(b.data, b.len, &two) && two.n == one.n);
		for (size_t i = 0; i < one.n; i++)
			check(two.item[i].len == one.item[i].len &&
			      !memcmp(two.item[i].data, one.item[i].data,
				      one.item[i].len));
	}
	buf_free(&b);
}

static void outlined(const uint8_t *data, size_t size)
{
	struct keying_outline o;

	if (mikey_outline(data, size, &o))
		return;
	check(!o.ranks || within(o.ranks, o.ranks_len, data, size));
	check(!o.name.rand ||
	      within(o.name.rand, o.name.rand_len, data, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const what[])(const uint8_t *, size_t) = {
		extension, packed, outlined
	};
	uint8_t *copy;

	if (!size)
		return 0;
	copy = malloc(size); /* so that a sanitizer sees its end */
	memcpy(copy, data, size);
	what[copy[0] % 3](copy + 1, size - 1);
	free(copy);
	return 0;
}
