/* clerk.h - answers the engine's keying requests, by the keeper's own policy,
 * and ships the keys to relay and tunnel. Knows no loop and no socket: what it
 * needs comes through struct clerk_services, so that tests can play the
 * rest. */
#ifndef CALLSEAL_KEEPER_CLERK_H
#define CALLSEAL_KEEPER_CLERK_H

#include "daemon/base/clock.h"
#include "daemon/ipc.h"
#include "daemon/keeper/keying.h"
#include "daemon/policy.h"
#include "daemon/tunneling.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bodies;
struct memory;
struct replay;

/* Every function gets user. What they return is borrowed for the call. */
struct clerk_services {
	const struct clock *clock;
	/* The first peer whose pattern matches the URI; NULL: none. */
	const struct peer *(*match)(void *user, const char *uri);
	/* The pre-shared key of a peer, by name; NULL: none. */
	const struct secret *(*psk)(void *user, const char *peer);
	/* A method by name; NULL: not there. */
	const struct keying *(*method)(void *user, const char *name);
	/* As child_send(). */
	int (*send)(void *user, enum process to, enum message type,
		    uint64_t id, const void *body, size_t len,
		    const void *tail, size_t tail_len);
	void *user;
	/* Our certificates; NULL: none. The function may be NULL. */
	const struct credential *(*credential)(void *user);
	struct memory *memory; /* NULL: nothing is remembered */
	/* What seals bodies; NULL: nothing. The function may be NULL. */
	const struct bodies *(*bodies)(void *user);
};

struct clerk_limits {
	uint64_t window_us; /* how far off a timestamp may be */
	bool verify;        /* our offers ask for a verification */
	uint8_t kdr;        /* key derivation rate they ask for (suite.h) */
	bool kemac_128;     /* keys they carry are under AES-128 */
	bool sha256;        /* their PRF and MACs are of HMAC-SHA-256 */
	bool no_rate;       /* the relay takes none but 0 */
	bool legacy;        /* weak algorithms are taken, too */
	unsigned ahead;     /* calls of a peer that have cost a dear answer
	                       before they are picked up */
	bool counters;      /* counters in place of timestamps are taken */
	enum keying_mki mki; /* when keys that we make have one */
	struct tunnel_settings tunnel;
};

struct clerk;

/* epoch is the keeper's own, the upper half of every id. calls bounds the
 * tables. replay is taken, on failure too. */
int clerk_new(const struct clerk_services *services, uint32_t epoch,
	      size_t calls, struct replay *replay, struct clerk **out);
void clerk_free(struct clerk *c);
void clerk_limits(struct clerk *c, const struct clerk_limits *limits);
/* One message of a sibling; as ipc_ops.handle. */
int clerk_handle(struct clerk *c, enum process from, struct ipc_msg *msg);
/* A sibling came with a new epoch, or went (epoch 0). A new engine knows of
 * no call: all is dropped. A new relay has no key: all are shipped again. A new
 * tunnel process gets none (shipping.c). */
void clerk_sibling(struct clerk *c, enum process p, uint32_t epoch);
/* Drops exchanges whose time is over; to be called about once a second. */
void clerk_tick(struct clerk *c);

#endif
