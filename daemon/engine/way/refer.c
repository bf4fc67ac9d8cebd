/* refer.c - the phones of ours that a phone sends its call to (RFC 3515), where
 * the gateway is to do that itself (calls.refer).
 *
 * An account that registered here, or through us at its provider, is known by
 * its whole name. A user of "phones" has none: he is meant when the host is
 * that of the phone that asks. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"
#include "daemon/engine/way/location.h"
#include "daemon/uri.h"

#include <stdio.h>
#include <string.h>

static bool same_host(const char *uri, const char *other)
{
	char a[URI_NAME_TEXT], b[URI_NAME_TEXT];
	const char *at, *bt;

	if (!uri_name(uri, a) || !uri_name(other, b))
		return false;
	at = strchr(a, '@');
	bt = strchr(b, '@');
	return at && bt && !strcmp(at, bt);
}

/* Those that the account prefers, where these alone ring. */
static int ringing(const struct call *c, const struct location_way *way, int n)
{
	int i = 1;

	if (!engine_settings(c->engine)->registrar.ring_best)
		return n;
	while (i < n && way[i].q == way[0].q)
		i++;
	return i;
}

static int registered(const struct call *c, const char *uri,
		      struct location_way *out, size_t room)
{
	const struct location *l = core_find(c->engine->core, "location",
					     NULL);
	int n = l ? l->phones(l->user, uri, out, room) : E_NOTFOUND;

	if (n <= 0 || !uri_is_sips(uri))
		return n <= 0 ? E_NOTFOUND : ringing(c, out, n);
	n = (int)phone_by_tls(out, (size_t)n);
	return uri_wants_tls(out[0].next_hop) ? ringing(c, out, n) : E_POLICY;
}

static int configured(const struct call *c, const char *uri,
		      struct location_way *out)
{
	const struct conf_node *phone =
		route_phone(child_conf(c->engine->child), uri);
	const char *contact = phone ? conf_text(phone, "contact") : NULL;

	if (!contact)
		return E_NOTFOUND;
	if (uri_is_sips(uri) && !uri_wants_tls(contact) &&
	    !conf_bool(phone, "sips"))
		return E_POLICY;
	*out = (struct location_way){ .q = 1000 };
	snprintf(out->account, sizeof out->account, "%s", uri);
	snprintf(out->target, sizeof out->target, "%s", contact);
	return 1;
}

int call_refer(const struct call *c, const char *uri, const char *by,
	       struct location_way *out, size_t room)
{
	int n;

	if (!engine_settings(c->engine)->refer_handle || !room)
		return E_UNSUPPORTED;
	n = registered(c, uri, out, room);
	if (n == E_NOTFOUND && same_host(uri, by))
		n = configured(c, uri, out);
	return n;
}

void call_referred(struct call *c, const char *uri)
{
	LOG_CALL(c, LOG_CLASS_INFO, "transferred to %s", uri);
}
