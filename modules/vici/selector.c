/* selector.c - traffic selectors in strongSwan's words. See selector.h. */
#include "modules/vici/selector.h"

#include "daemon/base/err.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define PORT_ANY_LAST 65535

static const struct {
	const char *name;
	uint8_t protocol;
} protocols[] = {
	{ "udp", IPPROTO_UDP }, { "tcp", IPPROTO_TCP },
	{ "sctp", IPPROTO_SCTP }, { "icmp", IPPROTO_ICMP },
	{ "ipv6-icmp", IPPROTO_ICMPV6 }, { "udplite", IPPROTO_UDPLITE },
};
#define PROTOCOLS (sizeof protocols / sizeof *protocols)

bool vici_selector_equal(const struct vici_selector *a,
			 const struct vici_selector *b)
{
	return addr_same_host(&a->net.base, &b->net.base) &&
	       a->net.bits == b->net.bits && a->protocol == b->protocol &&
	       a->port == b->port && a->port_last == b->port_last;
}

static bool net_within(const struct net *inner, const struct net *outer)
{
	return inner->bits >= outer->bits && net_contains(outer, &inner->base);
}

bool vici_selectors_equal(const struct vici_selectors *a,
			  const struct vici_selectors *b)
{
	bool equal = a->n == b->n && !a->odd && !b->odd;

	for (unsigned i = 0; equal && i < a->n; i++)
		equal = vici_selector_equal(&a->list[i], &b->list[i]);
	return equal;
}

bool vici_selector_within(const struct vici_selector *inner,
			  const struct vici_selector *outer)
{
	return net_within(&inner->net, &outer->net) &&
	       (!outer->protocol || outer->protocol == inner->protocol) &&
	       inner->port >= outer->port &&
	       inner->port_last <= outer->port_last;
}

bool vici_selectors_meet(const struct vici_selector *a,
			 const struct vici_selector *b)
{
	return (net_within(&a->net, &b->net) || net_within(&b->net, &a->net)) &&
	       (!a->protocol || !b->protocol || a->protocol == b->protocol) &&
	       a->port <= b->port_last && b->port <= a->port_last;
}

static bool any_port(const struct vici_selector *s)
{
	return s->port == 0 && s->port_last == PORT_ANY_LAST;
}

int vici_selector_text(const struct vici_selector *s,
		       char out[static VICI_SELECTOR_TEXT])
{
	char host[ADDR_TEXT];
	int n;

	if (!s->net.base.family || s->port > s->port_last ||
	    (!s->protocol && !any_port(s)))
		return E_ARG;
	n = snprintf(out, VICI_SELECTOR_TEXT, "%s/%u",
		     addr_host(&s->net.base, host), s->net.bits);
	if (!s->protocol)
		return 0;
	n += snprintf(out + n, VICI_SELECTOR_TEXT - n, "[%u", s->protocol);
	if (!any_port(s))
		n += snprintf(out + n, VICI_SELECTOR_TEXT - n, "/%u", s->port);
	if (!any_port(s) && s->port != s->port_last)
		n += snprintf(out + n, VICI_SELECTOR_TEXT - n, "-%u",
			      s->port_last);
	snprintf(out + n, VICI_SELECTOR_TEXT - n, "]");
	return 0;
}

/* Cuts what is before the first c off text; false and all of it when there is
 * none. */
static bool cut(struct vici_text *text, char c, struct vici_text *head)
{
	const char *at = text->len ? memchr(text->p, c, text->len) : NULL;

	*head = *text;
	if (!at) {
		text->len = 0;
		return false;
	}
	head->len = (size_t)(at - text->p);
	text->p = at + 1;
	text->len -= head->len + 1;
	return true;
}

static int read_net(struct vici_text t, struct net *out)
{
	char text[ADDR_TEXT + 4];

	if (!t.len || t.len >= sizeof text || memchr(t.p, 0, t.len))
		return E_UNSUPPORTED;
	memcpy(text, t.p, t.len);
	text[t.len] = 0;
	return net_parse(text, out) ? E_UNSUPPORTED : 0;
}

static int read_protocol(struct vici_text t, uint8_t *out)
{
	uint64_t v;

	for (size_t i = 0; i < PROTOCOLS; i++)
		if (vici_text_is(t, protocols[i].name)) {
			*out = protocols[i].protocol;
			return 0;
		}
	if (vici_text_u64(t, 10, UINT8_MAX, &v))
		return E_UNSUPPORTED;
	*out = (uint8_t)v;
	return 0;
}

/* "40000", "40000-40001" */
static int read_ports(struct vici_text t, struct vici_selector *s)
{
	struct vici_text first;
	uint64_t from, to;
	bool range = cut(&t, '-', &first);

	if (vici_text_u64(first, 10, UINT16_MAX, &from))
		return E_UNSUPPORTED;
	to = from;
	if (range && vici_text_u64(t, 10, UINT16_MAX, &to))
		return E_UNSUPPORTED;
	s->port = (uint16_t)from;
	s->port_last = (uint16_t)to;
	return from <= to ? 0 : E_UNSUPPORTED;
}

/* "udp/40000]" */
static int read_flow(struct vici_text t, struct vici_selector *s)
{
	struct vici_text protocol;

	if (!t.len || t.p[--t.len] != ']')
		return E_UNSUPPORTED;
	if (cut(&t, '/', &protocol) && read_ports(t, s))
		return E_UNSUPPORTED;
	return read_protocol(protocol, &s->protocol);
}

int vici_selector_read(struct vici_text text, struct vici_selector *out)
{
	struct vici_selector s = { .port_last = PORT_ANY_LAST };
	struct vici_text net;

	if (cut(&text, '[', &net) && read_flow(text, &s))
		return E_UNSUPPORTED;
	if (read_net(net, &s.net))
		return E_UNSUPPORTED;
	*out = s;
	return 0;
}

int vici_selectors_read(struct vici_reader *r, struct vici_selectors *out)
{
	struct vici_selectors s = { .n = 0 };
	struct vici_element e;
	int x;

	while (!(x = vici_next(r, &e)) && e.type == VICI_ITEM) {
		if (s.n < VICI_SELECTORS &&
		    !vici_selector_read(e.value, &s.list[s.n]))
			s.n++;
		else
			s.odd = true;
	}
	if (!x)
		*out = s;
	return x;
}
