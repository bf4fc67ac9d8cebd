/* remind.c - what no check can judge, or what works less well than it may: said
 * in notes by --check, which stays fine. See parent.h. */
#include "config.h" /* strcasestr() */

#include "daemon/parent/parent.h"

#include "daemon/registrar.h"
#include "daemon/uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DATAGRAM "a sealed INVITE that does not fit a datagram (1300 bytes, " \
		 "RFC 3261 18.1.1) then leaves as UDP fragments, which many " \
		 "networks drop"

static bool listens_tcp(const struct conf *c)
{
	const struct conf_node *n = conf_one(c, "outside");
	size_t count = conf_texts(n, "listen");

	for (size_t i = 0; i < count; i++)
		if (!strncmp(conf_text_at(n, "listen", i), "tcp:", 4))
			return true;
	return false;
}

/* What is wrong with the way to that next hop ("": whatever the called URI
 * says), or NULL. Connections go out where some may come in. */
static const char *narrow(const struct conf *c, const char *hop)
{
	if (uri_wants_tls(hop))
		return NULL;
	if (strcasestr(hop, ";transport=udp"))
		return "its next hop is reached by UDP alone";
	return listens_tcp(c) ? NULL : "outside.listen has no TCP";
}

static void remind_of_size(const struct conf *c, const struct peer *p)
{
	const char *proxy = conf_text(conf_one(c, "outside"), "proxy");
	const char *why = p->n_routes ? NULL : narrow(c, proxy);

	for (size_t i = 0; !why && i < p->n_routes; i++)
		why = narrow(c, p->routes[i]);
	if (why)
		printf("note: peer %s: its profile seals bodies, and %s: "
		       DATAGRAM "; add \"tcp:ADDRESS:PORT\" to "
		       "outside.listen and let the far end take TCP, or give "
		       "the peer a route with ;transport=tls or tcp\n",
		       p->name, why);
}

/* Whose first message must be encrypted for it, and nobody knows by what. */
static void remind_of_cert(const struct peer *p)
{
	const struct profile *f = p->profile;

	if (f->body == BODY_MODE_NONE || f->body == BODY_MODE_SIGN ||
	    f->fetch || *p->cert)
		return;
	printf("note: peer %s: calls to it are encrypted for its certificate, "
	       "and none is asked for (its profile has %s): they get 403 until "
	       "it has called, after each start; set its cert\n", p->name,
	       f->hide ? "hide" : "fetch = false");
}

static void remind_of_bodies(const struct conf *c, const struct peer *p)
{
	if (!p->profile->body)
		return;
	remind_of_size(c, p);
	remind_of_cert(p);
}

void remind(const struct conf *c, const struct policy *policy)
{
	if (register_mode_of(c) == REGISTER_PASS)
		puts("note: with register = \"pass\" each phone needs the "
		     "gateway as its outbound proxy and the provider as its "
		     "registrar; one that has the gateway as registrar cannot "
		     "register, and answers with qop=auth-int do not pass");
	for (size_t i = 0; i < policy_count(policy); i++)
		remind_of_bodies(c, policy_at(policy, i));
}
