/* hold.c - see hold.h. */
#include "daemon/relay/tunnel/hold.h"

#include "daemon/base/err.h"

#include <stdlib.h>
#include <string.h>

static size_t size_of(const struct held *p)
{
	return sizeof *p + p->len;
}

static bool room_take(struct hold_room *room, size_t size)
{
	if (!room)
		return true;
	if (atomic_fetch_add(&room->bytes, size) + size <= HOLD_ROOM)
		return true;
	atomic_fetch_sub(&room->bytes, size);
	return false;
}

static void room_give(struct hold_room *room, size_t size)
{
	if (room)
		atomic_fetch_sub(&room->bytes, size);
}

struct held *hold_take(struct hold *h)
{
	struct held *p = h->first;

	if (!p)
		return NULL;
	h->first = p->next;
	if (!h->first)
		h->last = NULL;
	h->n--;
	h->bytes -= p->len;
	room_give(h->room, size_of(p));
	return p;
}

static bool fits(const struct hold *h, const struct held *p)
{
	return h->n < HOLD_PACKETS && h->bytes + p->len <= HOLD_BYTES;
}

static void append(struct hold *h, struct held *p)
{
	*(h->last ? h->last : &h->first) = p;
	h->last = &p->next;
	h->n++;
	h->bytes += p->len;
}

int hold_put(struct hold *h, const struct held *what, const uint8_t *data)
{
	struct held *p;
	int gone = 0;

	if (what->len > HOLD_BYTES)
		return E_SPACE;
	p = malloc(size_of(what));
	if (!p)
		return E_NOMEM;
	*p = *what;
	p->next = NULL;
	memcpy(p->data, data, p->len);
	for (; !fits(h, p); gone++)
		free(hold_take(h));
	while (!room_take(h->room, size_of(p))) {
		gone++;
		if (!h->n) {
			free(p);
			return gone;
		}
		free(hold_take(h));
	}
	append(h, p);
	return gone;
}

unsigned hold_age(struct hold *h, uint64_t now_us)
{
	unsigned gone = 0;

	for (; h->first && h->first->at_us + HOLD_US <= now_us; gone++)
		free(hold_take(h));
	return gone;
}

void hold_clear(struct hold *h)
{
	while (h->first)
		free(hold_take(h));
}
