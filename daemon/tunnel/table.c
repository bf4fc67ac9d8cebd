/* table.c - the tunnels by id, by key and by port. See inside.h. */
#include "daemon/base/err.h"
#include "daemon/tunnel/inside.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 64

struct tunnel **table_port(const struct tunnels *c, const struct addr *local)
{
	int six = local->family == 6;

	if (!c->media[six].family || !addr_same_host(&c->media[six], local))
		return NULL;
	if (!local->port)
		return (struct tunnel **)&c->shared[six];
	if (local->port & 1 || local->port < c->own.port_min ||
	    local->port >= c->own.port_max)
		return NULL;
	return &c->ports[six][(local->port - c->own.port_min) / 2];
}

struct place *table_find(const struct tunnels *c, uint32_t id)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->places[mid].id == id)
			return &c->places[mid];
		if (c->places[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct place *table_find_key(const struct tunnels *c, uint64_t key_id)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->places[i].key_id == key_id)
			return &c->places[i];
	return NULL;
}

static int grow(struct tunnels *c)
{
	size_t room = c->room ? 2 * c->room : ROOM_FIRST;
	struct place *more = realloc(c->places, room * sizeof *more);

	if (!more)
		return E_NOMEM;
	c->places = more;
	c->room = room;
	return 0;
}

/* As many as all ports may have: those that calls share have none, and whoever
 * took the engine could ask for them without end. */
static size_t most(const struct tunnels *c)
{
	return PORT_TUNNELS * ((size_t)c->own.port_max - c->own.port_min + 1);
}

int table_add(struct tunnels *c, uint64_t call, const struct addr *local,
	      struct tunnel **out)
{
	struct tunnel **chain = table_port(c, local), *t;

	if (c->last_id == UINT32_MAX || c->n >= most(c))
		return E_FULL;
	if (c->n == c->room && grow(c))
		return E_NOMEM;
	t = calloc(1, sizeof *t);
	if (!t)
		return E_NOMEM;
	t->call = call;
	t->id = ++c->last_id;
	t->local = *local;
	t->next = *chain;
	*chain = t;
	c->places[c->n++] = (struct place){ .id = t->id, .tunnel = t };
	*out = t;
	return 0;
}

void table_remove(struct tunnels *c, struct tunnel *t)
{
	struct tunnel **at = table_port(c, &t->local);
	struct place *p = table_find(c, t->id);
	size_t after = c->n - 1 - (size_t)(p - c->places);

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	memmove(p, p + 1, after * sizeof *p);
	c->n--;
	free(t);
}
