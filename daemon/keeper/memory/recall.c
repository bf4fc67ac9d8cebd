/* recall.c - see recall.h. The record is an extension as answers have it
 * (rank.h), without its hash. It is written when it changes, not at each call.
 * Whoever makes us forget it makes the next offer longer, nothing else. */
#include "daemon/keeper/memory/recall.h"

#include "daemon/keeper/memory/memory.h"

#include <string.h>

bool recall_get(const struct clerk_services *s, const char *peer,
		struct rank_lists *out)
{
	struct memory_record r;
	struct rank_ext e;

	if (memory_get(s->memory, MEMORY_METHOD, peer, &r) ||
	    rank_get(r.data, r.len, &e) || !e.answer)
		return false;
	*out = e.lists;
	return true;
}

static bool is_known(const struct clerk_services *s, const char *peer,
		     const struct buf *b)
{
	struct memory_record r;

	return !memory_get(s->memory, MEMORY_METHOD, peer, &r) &&
	       r.len == b->len && !memcmp(r.data, b->data, b->len);
}

void recall_put(const struct clerk_services *s, const char *peer,
		const struct keying_result *res)
{
	struct rank_ext e = { .answer = true, .choice = {
		rank_method(res->facts.method), (uint8_t)res->facts.suite } };
	struct buf b = buf_of(RANK_EXT_MAX);

	e.lists.methods = (struct rank_list){ 1, { e.choice.method } };
	e.lists.suites = (struct rank_list){ 1, { e.choice.suite } };
	if (res->ranked)
		e.lists = res->ranks.lists;
	rank_put(&e, &b);
	if (s->memory && !b.err && !is_known(s, peer, &b))
		memory_put(s->memory, &(struct memory_record){
			.kind = MEMORY_METHOD, .name = peer, .data = b.data,
			.len = b.len, .time_us = clock_wall_us(s->clock) });
	buf_free(&b);
}

void recall_forget(const struct clerk_services *s, const char *peer)
{
	if (s->memory)
		memory_forget(s->memory, MEMORY_METHOD, peer);
}
