/* policy.h - peers and profiles: what a call to or from a far end must use.
 * Built from the configuration; immutable. Engine and keeper each have their
 * own, so that the keeper need not believe the engine. */
#ifndef CALLSEAL_POLICY_H
#define CALLSEAL_POLICY_H

#include "daemon/account.h"
#include "daemon/base/conf.h"
#include "daemon/message.h"
#include "daemon/profile.h"
#include "daemon/tunnelpeer.h"

#include <stdbool.h>
#include <stddef.h>

#define ROUTES_MAX 8

struct peer {
	char name[NAME_TEXT];  /* unique; the match when not configured */
	const char *match;     /* "*@b.example", "+49*", "*": see peer_find */
	const char *routes[ROUTES_MAX]; /* SIP URIs of next hops, in the order
					   in which they are tried */
	size_t n_routes;
	unsigned keepalive_s;  /* how often they are asked; 0: never */
	const char *psk;       /* "file:PATH", or "" */
	const char *cert;      /* "file:PATH", or "" */
	const struct profile *profile;
	struct tunnel_peer ike; /* profile_stands() */
	/* MEDIA_ESP, but not with ESP_MEDIA: what its tunnels may be for */
	struct net esp_nets[TUNNEL_NETS_MAX];
	size_t n_esp_nets;
};

struct policy;

/* One file of our credential: certificates, key, lists. */
struct policy_file {
	enum credential_part part;
	const char *peer; /* for CREDENTIAL_PEER, else "" */
	const char *path; /* without "file:"; borrowed */
};

/* The groups "profiles", "peers", "accounts", "identity" and "trust" as key
 * tables, NULL-terminated. */
extern const struct conf_group *const policy_groups[];

/* conf is borrowed for the policy's life. */
int policy_new(const struct conf *c, struct policy **out, struct conf_err *err);
void policy_free(struct policy *p);
/* The first peer in file order whose pattern matches the URI ("sip:u@h;p" or
 * "u@h", scheme, port and parameters ignored, the host part without regard to
 * case; "*" matches any run of characters). NULL: no peer, refuse the call. */
const struct peer *policy_match(const struct policy *p, const char *uri);
const struct peer *policy_peer(const struct policy *p, const char *name);
size_t policy_count(const struct policy *p);
const struct peer *policy_at(const struct policy *p, size_t i);

/* Our accounts, by number and by name; NULL when there is none. */
const struct account *policy_account_at(const struct policy *p, size_t i);
const struct account *policy_account(const struct policy *p, const char *name);
/* The first that answers challenges of that peer and realm; NULL: nobody. */
const struct account *policy_account_for(const struct policy *p,
					 const char *peer, const char *realm);

/* Whether calls of some peer hide who calls. */
bool policy_hides(const struct policy *p);
/* Whether calls of some peer need tunnels, of the kernel or charon's. */
bool policy_tunnels(const struct policy *p);
/* Whether some of them are of this kind. */
bool policy_uses(const struct policy *p, enum media_way way);
/* Whether charon makes some of them for each call (ike = "call"). */
bool policy_ike_calls(const struct policy *p);

/* The i-th file of our credential, in the order in which to read them; false
 * when there are no more. */
bool policy_file(const struct policy *p, size_t i, struct policy_file *out);

#endif
