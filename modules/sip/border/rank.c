/* rank.c - Resource-Priority (RFC 4412 sections 3.1 and 10, RFC 7135): values
 * of the namespaces that the configuration names, each from its lowest up. Of
 * several the highest counts; a value that its namespace does not have counts
 * for nothing, unless the request requires that it does (section 4.6.1).
 * Whether the sender may say so is not for this file. */
#include "modules/sip/border/rank.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/sip_header.h>

#define HEADER "Resource-Priority"

/* In the order of the bits. */
static const struct {
	const char *name;
	const char *value[7]; /* the lowest first */
} spaces[] = {
	{ "dsn", { "routine", "priority", "immediate", "flash",
		   "flash-override" } },
	{ "drsn", { "routine", "priority", "immediate", "flash",
		    "flash-override", "flash-override-override" } },
	{ "q735", { "4", "3", "2", "1", "0" } },
	{ "ets", { "4", "3", "2", "1", "0" } },
	{ "wps", { "4", "3", "2", "1", "0" } },
	{ "esnet", { "0", "1", "2", "3", "4" } },
};

static bool is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && !strncasecmp(text, word, len);
}

/* One "namespace.value". */
static unsigned value_of(const char *text, size_t len, unsigned namespaces)
{
	const char *dot = memchr(text, '.', len);
	size_t name = dot ? (size_t)(dot - text) : len;

	for (size_t i = 0; dot && i < sizeof spaces / sizeof *spaces; i++) {
		if (!(namespaces >> i & 1) || !is(text, name, spaces[i].name))
			continue;
		for (unsigned k = 0; spaces[i].value[k]; k++)
			if (is(dot + 1, len - name - 1, spaces[i].value[k]))
				return k + 1;
	}
	return 0;
}

static unsigned highest(const char *list, unsigned namespaces)
{
	unsigned best = 0, one;
	size_t len;

	for (; *list; list += len) {
		list += strspn(list, ", \t\r\n");
		len = strcspn(list, ", \t\r\n");
		one = value_of(list, len, namespaces);
		best = one > best ? one : best;
	}
	return best;
}

unsigned rank_of(const sip_t *sip, unsigned namespaces)
{
	const sip_unknown_t *h = namespaces ? sip->sip_unknown : NULL;
	unsigned best = 0, one;

	for (; h; h = h->un_next) {
		if (!h->un_name || !h->un_value ||
		    strcasecmp(h->un_name, HEADER))
			continue;
		one = highest(h->un_value, namespaces);
		best = one > best ? one : best;
	}
	return best;
}

static bool has_any(const sip_t *sip)
{
	const sip_unknown_t *h = sip->sip_unknown;

	while (h && (!h->un_name || strcasecmp(h->un_name, HEADER)))
		h = h->un_next;
	return h;
}

bool rank_unknown(const sip_t *sip, unsigned namespaces)
{
	return namespaces && has_any(sip) && !rank_of(sip, namespaces) &&
	       sip_has_feature(sip->sip_require, "resource-priority");
}

void rank_accepted(unsigned namespaces, char out[static RANK_TEXT])
{
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
		for (unsigned k = 0; namespaces >> i & 1 && k < 7 &&
		     spaces[i].value[k] && n < RANK_TEXT; k++)
			n += (size_t)snprintf(out + n, RANK_TEXT - n, "%s%s.%s",
					      n ? ", " : "Accept-" HEADER ": ",
					      spaces[i].name,
					      spaces[i].value[k]);
}
