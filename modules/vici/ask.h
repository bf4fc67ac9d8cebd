/* ask.h - the requests that a tunnel needs, each one call. All return at once
 * with 0 or what vici_client_request() or a write function (conn.h) refuses;
 * what charon says comes later, once, to then.done.
 *
 * No request waits inside charon: "initiate" and "terminate" are told not to
 * (timeout -1), since waiting ones take charon's threads until nobody is
 * served. So their success means "begun". That an SA is there, or gone, is
 * told by the events (sa.h); that it never came is told by nothing: charon has
 * no event for it. Whoever asks keeps a timer of his own. */
#ifndef CALLSEAL_VICI_ASK_H
#define CALLSEAL_VICI_ASK_H

#include "modules/vici/client.h"
#include "modules/vici/conn.h"
#include "modules/vici/sa.h"

/* Borrowed for the call; texts may be empty. */
struct vici_result {
	struct vici_text errmsg; /* why charon said no: for the log */
	struct vici_text id;     /* vici_load_key(): of the key */
	uint32_t matches;        /* vici_terminate(), vici_rekey() */
};

/* err: as of a vici_done_fn, or E_REFUSED: charon said no. */
typedef void (*vici_result_fn)(void *user, int err,
			       const struct vici_result *result);

struct vici_then {
	unsigned timeout_ms; /* see struct vici_request */
	vici_result_fn done; /* once, if the function gave 0; not NULL */
	void *user;
};

int vici_load_conn(struct vici_client *c, const struct vici_conn *conn,
		   const struct vici_then *then);
int vici_unload_conn(struct vici_client *c, const char *name,
		     const struct vici_then *then);
/* The copy of the key that waits here is wiped with the answer at the
 * latest; what charon does with it is charon's. */
int vici_load_psk(struct vici_client *c, const struct vici_psk *psk,
		  const struct vici_then *then);
int vici_unload_psk(struct vici_client *c, const char *id,
		    const struct vici_then *then);
/* DER or PEM. charon has no way to unload one: pin by vici_side.certs where
 * that is enough. */
int vici_load_cert(struct vici_client *c, struct vici_bytes cert, bool ca,
		   const struct vici_then *then);
/* DER or PEM, RSA or ECDSA, not encrypted. Wiped as a key is. */
int vici_load_key(struct vici_client *c, struct vici_bytes key,
		  const struct vici_then *then);
int vici_unload_key(struct vici_client *c, const char *id,
		    const struct vici_then *then);

/* Names of all connections, or of all keys that were loaded with one, those of
 * others, too: each as it is read, with then.user, before then.done. */
typedef void (*vici_name_fn)(void *user, struct vici_text name);

int vici_list_conns(struct vici_client *c, vici_name_fn each,
		    const struct vici_then *then);
int vici_list_psks(struct vici_client *c, vici_name_fn each,
		   const struct vici_then *then);

/* child NULL: only the IKE_SA. */
int vici_initiate(struct vici_client *c, const char *conn, const char *child,
		  const struct vici_then *then);

/* Which SAs: by what is set, and that must be something (E_ARG). */
struct vici_which {
	const char *conn, *child; /* names */
	uint32_t ike_id, child_id; /* charon's */
};

/* force: without the far end's answer, IKE_SAs only. E_REFUSED when none
 * matches. */
int vici_terminate(struct vici_client *c, const struct vici_which *which,
		   bool force, const struct vici_then *then);
int vici_rekey(struct vici_client *c, const struct vici_which *which,
	       const struct vici_then *then);

/* Each IKE_SA as it comes; walk its children by vici_ike_child() there. */
typedef void (*vici_ike_fn)(void *user, struct vici_ike *ike);

struct vici_listing {
	const char *prefix; /* of our connections' names; borrowed until done */
	const char *conn;   /* only these, or NULL */
	bool busy_too;      /* else without those that are in work: nothing
	                       waits for them */
	vici_ike_fn each;
};

/* then.done gets E_FORMAT when one of them was not understood. charon waits
 * for an IKE_SA that is busy, if that is wanted: give it time. What an event
 * told of is not at once out of the list: an old child stays some seconds after
 * its rekeying. */
int vici_list_sas(struct vici_client *c, const struct vici_listing *listing,
		  const struct vici_then *then);

#endif
