/* hold.c - see hold.h. */
#include "daemon/relay/tunnel/hold.h"

#include "daemon/base/err.h"

#include <stdlib.h>
#include <string.h>

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
	return p;
}

int hold_put(struct hold *h, const struct held *what, const uint8_t *data)
{
	struct held *p;
	int gone = 0;

	if (what->len > HOLD_BYTES)
		return E_SPACE;
	p = malloc(sizeof *p + what->len);
	if (!p)
		return E_NOMEM;
	*p = *what;
	p->next = NULL;
	memcpy(p->data, data, p->len);
	for (; h->n == HOLD_PACKETS || h->bytes + p->len > HOLD_BYTES; gone++)
		free(hold_take(h));
	*(h->last ? h->last : &h->first) = p;
	h->last = &p->next;
	h->n++;
	h->bytes += p->len;
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
