/* auth.h - our own answers to challenges (RFC 3261 22, RFC 7616, RFC 8760):
 * the credentials of one request, which the keeper makes. Engine thread. */
#ifndef CALLSEAL_SIP_AUTH_H
#define CALLSEAL_SIP_AUTH_H

#include "modules/sip/sip.h"

#define NONCES_MAX 64

/* How often each of the last nonces was used (RFC 7616 3.4, nc). */
struct nonce_counts {
	struct {
		uint64_t hash;
		uint32_t nc;
	} used[NONCES_MAX];
	unsigned next;
};

struct auth;

/* A request that was challenged. Borrowed for the call. */
struct auth_request {
	const char *peer;      /* with whom: name of the peer */
	const char *method;
	const char *uri;       /* Request-URI as it was sent */
	const sip_t *response; /* the 401 or 407 */
	const sip_t *theirs;   /* the phone's request, whose own credentials
	                          are not ours to better; or NULL */
};

/* good: the credentials are there, send the request again with auth_put().
 * else: the keeper gave none. */
typedef void (*auth_fn)(void *user, bool good);

/* Begins to answer. *a is what the request had, NULL at first, and is owned by
 * the caller. fn is called once, later, unless auth_free() comes before. Fails
 * and leaves *a when there is no account for any of the challenges
 * (E_NOTFOUND), when what we said is refused (E_AUTH, logged), when they want
 * what we cannot do (E_UNSUPPORTED, logged), or E_CLOSED, E_NOMEM, E_FULL. */
int auth_challenged(struct sip *s, const struct auth_request *q, auth_fn fn,
		    void *user, struct auth **a);
/* Asks for further credentials by the same nonces, for the next request of
 * that method and URI. */
int auth_again(struct auth *a, const char *method, const char *uri,
	       auth_fn fn, void *user);
/* Adds them to a request; false: no memory. NULL is allowed: none. */
bool auth_put(const struct auth *a, msg_t *msg);
/* Whether a 2xx to the request says nothing wrong about the server itself: an
 * Authentication-Info with rspauth must prove that it knows the password, too
 * (RFC 7616 3.5). Logs when it does not. */
bool auth_proved(const struct auth *a, const sip_t *sip);
void auth_free(struct auth *a); /* NULL is allowed */

#endif
