/* connected.c - see connected.h. */
#include "daemon/keeper/connected.h"

#include "daemon/base/err.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct connected *with_tag(struct connected *list, const char *tag)
{
	while (list && strcasecmp(list->tag, tag)) /* RFC 3261 7.3.1 */
		list = list->next;
	return list;
}

struct connected *connected_find(struct connected *list, const char *tag,
				 const char *called)
{
	struct connected *c = *tag ? with_tag(list, tag) : NULL;

	return c && !strcmp(c->called, called) ? c : NULL;
}

bool connected_strays(const struct connected *list)
{
	while (list && !strcmp(list->who, list->called))
		list = list->next;
	return list;
}

static size_t count(const struct connected *list)
{
	size_t n = 0;

	for (; list; list = list->next)
		n++;
	return n;
}

int connected_put(struct connected **list, const struct connected *c)
{
	struct connected *at = with_tag(*list, c->tag), *next;

	if (!at && count(*list) >= CONNECTED_MAX)
		return E_FULL;
	if (!at) {
		at = calloc(1, sizeof *at);
		if (!at)
			return E_NOMEM;
		at->next = *list;
		*list = at;
	}
	next = at->next;
	*at = *c;
	at->next = next;
	return 0;
}

void connected_free(struct connected **list)
{
	struct connected *c;

	while ((c = *list)) {
		*list = c->next;
		wipe(c, sizeof *c);
		free(c);
	}
}
