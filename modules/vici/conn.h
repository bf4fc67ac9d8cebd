/* conn.h - what is loaded into charon: connections with their children, keys
 * and certificates. Pure functions that write a request's message.
 *
 * One connection a peer, loaded again with the children that it has now: a
 * load replaces the one of that name, and SAs that are up stay. What charon
 * would do by itself (begin, retry for ever, reroute, follow an address) is
 * switched off: the calls say when. */
#ifndef CALLSEAL_VICI_CONN_H
#define CALLSEAL_VICI_CONN_H

#include "daemon/base/secret.h"
#include "modules/vici/selector.h"

#define VICI_CHILDREN_MAX 512 /* of one connection */
#define VICI_OWNERS_MAX 8     /* of one key */
#define VICI_PSK_MIN 16       /* bytes: less can be guessed offline */

struct vici_bytes {
	const void *p;
	size_t len;
};

enum vici_auth {
	VICI_AUTH_PSK,
	VICI_AUTH_PUBKEY
};

struct vici_side {
	enum vici_auth auth;
	const char *id; /* IKE identity; never NULL */
	/* Ours: what is sent. Theirs: the only ones that are accepted (charon
	 * pins certificates, no fingerprints). PUBKEY only; DER or PEM. */
	const struct vici_bytes *certs;
	size_t n_certs;
	/* Theirs: one of these must have issued what is shown. */
	const struct vici_bytes *cas;
	size_t n_cas;
};

struct vici_child {
	const char *name;
	const struct vici_selector *local, *remote;
	size_t n_local, n_remote; /* one at least of each */
	bool transport;           /* else tunnel mode */
	const char *proposal;     /* "aes128gcm16"; NULL: charon's own */
	unsigned rekey_s;         /* 0: charon's own */
	uint32_t reqid;           /* 0: charon takes one */
};

struct vici_conn {
	const char *name;
	struct addr local, remote; /* local may be none; ports: 0 is 500 */
	const char *proposal;      /* "aes128gcm16-prfsha256-x25519" or NULL */
	struct vici_side ours, theirs;
	const struct vici_child *children;
	size_t n_children; /* may be 0 */
	unsigned rekey_s, dpd_s; /* 0: charon's own, and none */
	bool encap; /* ESP in UDP, NAT or not */
};

/* A pre-shared key between these identities. */
struct vici_psk {
	const char *id; /* by which it is replaced and unloaded */
	const struct secret *key;
	const char *const *owners;
	size_t n_owners;
};

/* E_ARG for what the comments above do not allow, E_SPACE, E_NOMEM; nobody may
 * send what is in out then. */
int vici_conn_write(struct buf *out, const struct vici_conn *conn);
int vici_psk_write(struct buf *out, const struct vici_psk *psk);

#endif
