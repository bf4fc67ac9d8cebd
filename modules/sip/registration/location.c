/* location.c - where registered phones are: daemon/engine/way/location.h over
 * the table of bindings.
 *
 * A call inwards bears the token that we registered upstream as the user part
 * of its Request-URI, or the name of an account of our own registrar, which
 * leads to its phones: those first that the account prefers (q), among equals
 * the one that registered last. The phone gets its own Contact as the
 * Request-URI. The message goes to that Contact's host and port if the
 * REGISTER came from this host, else to where the REGISTER came from: then
 * the Contact is behind a NAT (RFC 3581). Either way the transport is the one
 * that it registered over; a connection that still stands is used again. */
#include "modules/sip/registration/location.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/engine/call.h"
#include "daemon/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIP_PORT 5060
#define SIPS_PORT 5061

static uint64_t now(void)
{
	return clock_wall_us(&clock_system);
}

/* Whether it is where the REGISTER came from, and not its Contact. */
static bool way_to(const struct binding *e, char *out, size_t room)
{
	struct addr at;
	char where[ADDR_TEXT];
	bool nat = !uri_address(e->contact, &at) ||
		   !addr_same_host(&at, &e->source);

	if (nat)
		at = e->source;
	if (!at.port)
		at.port = strcmp(e->proto, "tls") ? SIP_PORT : SIPS_PORT;
	snprintf(out, room, "sip:%s;transport=%s", addr_text(&at, where),
		 e->proto);
	return nat;
}

/* The user part, when it can be a token. */
static bool token_of(const char *uri, char out[static TOKEN_TEXT])
{
	const char *user = strchr(uri, ':');
	size_t len;

	if (!user)
		return false;
	user++;
	len = strcspn(user, "@");
	if (len != TOKEN_TEXT - 1 || user[len] != '@')
		return false;
	memcpy(out, user, len);
	out[len] = 0;
	return true;
}

/* By q, then the latest. */
static bool before(const struct binding *a, const struct binding *b)
{
	return a->q > b->q || (a->q == b->q && a->since_us > b->since_us);
}

/* Of an account (any: one of a provider, too), the best at most so many; how
 * many there are. */
static size_t phones_of(const struct bindings *b, const char *uri, bool any,
			const struct binding **out, size_t room)
{
	const struct binding *e = NULL;
	char name[URI_NAME_TEXT];
	uint64_t at = now();
	size_t n = 0, i;

	if (!uri_name(uri, name))
		return 0;
	while ((e = bindings_next(b, name, e))) {
		if ((!any && !e->local) || e->expires_us <= at)
			continue;
		for (i = n < room ? n++ : room; i && before(e, out[i - 1]); i--)
			if (i < room)
				out[i] = out[i - 1];
		if (i < room)
			out[i] = e;
	}
	return n;
}

static void tell(const struct binding *e, struct location_way *out)
{
	snprintf(out->account, sizeof out->account, "sip:%s", e->account);
	snprintf(out->target, sizeof out->target, "%s", e->contact);
	out->nat = way_to(e, out->next_hop, sizeof out->next_hop);
	out->q = e->q;
}

static int tell_all(const struct binding *const *phone, size_t n,
		    struct location_way *out)
{
	for (size_t i = 0; i < n; i++)
		tell(phone[i], &out[i]);
	return n ? (int)n : E_NOTFOUND;
}

static size_t at_most(size_t room)
{
	return room < CALL_PHONES_MAX ? room : CALL_PHONES_MAX;
}

static int find(void *user, const char *uri, struct location_way *out,
		size_t room)
{
	const struct binding *phone[CALL_PHONES_MAX] = { NULL };
	char token[TOKEN_TEXT];
	size_t n;

	if (token_of(uri, token))
		phone[0] = bindings_find(user, token, now());
	n = phone[0] && !phone[0]->local;
	if (!n)
		n = phones_of(user, uri, false, phone, at_most(room));
	return tell_all(phone, n, out);
}

static int phones(void *user, const char *account, struct location_way *out,
		  size_t room)
{
	const struct binding *phone[CALL_PHONES_MAX];

	return tell_all(phone, phones_of(user, account, true, phone,
					 at_most(room)), out);
}

static const char *routes(void *user, const char *caller,
			  const struct addr *source)
{
	const struct binding *e = NULL;
	char name[URI_NAME_TEXT];
	uint64_t at = now();

	if (!uri_name(caller, name))
		return "";
	while ((e = bindings_next(user, name, e)))
		if (addr_same_host(&e->source, source) && e->expires_us > at)
			return e->routes;
	return "";
}

/* -- the list ------------------------------------------------------------- */

struct all {
	const struct binding **at;
	size_t n;
};

static void collect(const struct binding *e, void *user)
{
	struct all *all = user;

	all->at[all->n++] = e;
}

static int by_account(const void *a, const void *b)
{
	const struct binding *const *x = a, *const *y = b;
	int r = strcmp((*x)->account, (*y)->account);

	return r ? r : strcmp((*x)->contact, (*y)->contact);
}

static double seconds(uint64_t us)
{
	return (double)(us / 1000) / 1e3;
}

static json_t *object_of(const struct binding *e)
{
	char where[ADDR_TEXT];
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s,s:f,s:f}",
			      "account", e->account,
			      "kind", e->local ? "local" : "pass",
			      "phone", addr_text(&e->source, where),
			      "transport", e->proto, "contact", e->contact,
			      "since", seconds(e->since_us),
			      "expires", seconds(e->expires_us));

	if (o && *e->routes)
		json_object_set_new(o, "service_route",
				    json_string(e->routes));
	return o;
}

static json_t *list(void *user)
{
	struct all all = { 0 };
	json_t *out = json_array();
	uint64_t at = now();

	all.at = calloc(bindings_count(user) + 1, sizeof(void *));
	if (!out || !all.at) {
		free(all.at);
		json_decref(out);
		return NULL;
	}
	bindings_each(user, collect, &all);
	qsort(all.at, all.n, sizeof *all.at, by_account);
	for (size_t i = 0; i < all.n; i++)
		if (all.at[i]->expires_us > at)
			json_array_append_new(out, object_of(all.at[i]));
	free(all.at);
	return out;
}

struct location location_of(struct bindings *b)
{
	return (struct location){ .name = "sip", .user = b, .find = find,
				  .phones = phones, .routes = routes,
				  .list = list };
}
