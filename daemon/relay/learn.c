/* learn.c - where media goes, and from where it is taken. See learn.h.
 *
 * Plain: open -> (LEARN_LOCK packets from the address, or LEARN_MOVE in a row
 * from another one) -> locked, until signalling says an address again. What
 * comes from elsewhere meanwhile is not taken.
 *
 * Sealed: the address moves only in a window after signalling, after several
 * authenticated packets with growing index from one new source and none from
 * the old one. Somebody off the path who copies packets and wins the race
 * authenticates, too; but then the originals arrive as copies, which is why
 * learn_copy() counts them for the old source. */
#include "daemon/relay/learn.h"

#include <string.h>

void learn_set(struct learn *l, const struct addr *a, uint64_t now_us)
{
	struct addr to = *a;

	if (addr_is_any(a) || !a->port)
		memset(&to, 0, sizeof to);
	if (!addr_equal(&to, &l->set) || !l->now.family)
		l->now = to;
	l->set = to;
	l->top = 0;
	l->run = 0;
	l->seen = 0;
	l->until_us = now_us + LEARN_WINDOW_US;
}

/* Counts one more packet in a row from a new source. */
static bool moves(struct learn *l, const struct addr *from)
{
	if (!l->run || !addr_equal(from, &l->maybe)) {
		l->maybe = *from;
		l->run = 0;
	}
	if (++l->run < LEARN_MOVE)
		return false;
	l->now = *from;
	l->run = 0;
	return true;
}

bool learn_plain(struct learn *l, const struct addr *from, bool may_move)
{
	if (!l->now.family)
		return false;
	if (addr_equal(from, &l->now)) {
		l->run = 0;
		if (l->seen < LEARN_LOCK)
			l->seen++;
		return true;
	}
	if (!may_move || l->seen == LEARN_LOCK || !moves(l, from))
		return false;
	l->seen = LEARN_LOCK;
	return true;
}

void learn_sealed(struct learn *l, const struct addr *from, uint64_t index,
		  uint64_t now_us)
{
	bool grows = index > l->top;

	if (grows)
		l->top = index;
	if (!l->now.family)
		return;
	if (addr_equal(from, &l->now))
		l->run = 0;
	else if (grows && now_us < l->until_us)
		moves(l, from);
}

void learn_copy(struct learn *l, const struct addr *from)
{
	if (addr_equal(from, &l->now))
		l->run = 0;
}
