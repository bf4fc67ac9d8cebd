/* inside.h - the inside of struct tunnels, for the files of tunnels.h only. */
#ifndef CALLSEAL_TUNNEL_INSIDE_H
#define CALLSEAL_TUNNEL_INSIDE_H

#include "daemon/spent.h"
#include "daemon/tunnel/tunnels.h"
#include "daemon/tunnelnets.h"

#define PORT_TUNNELS 4 /* of one port: in force, replaced, on trial */
#define TUNNEL_KEYS 8  /* that wait for one tunnel: a fork's branches */

enum tunnel_state { TUNNEL_RESERVED, TUNNEL_RAISED, TUNNEL_REPLACED };

/* A key that came and that nobody named yet. */
struct held {
	struct held *next;
	const char *wrong; /* why it is never used; its bytes are wiped then */
	struct msg_tunnel_key m;
};

struct tunnel {
	struct tunnel *next; /* of its port */
	uint64_t call;
	uint32_t id, spi;
	uint32_t scope;      /* enum esp_scope */
	struct addr local;   /* port 0: it is for more than one line */
	enum tunnel_state state;
	const struct tunnel_maker *maker;
	struct tunnel_pair *pair; /* the maker's */
	unsigned n_held;
	bool told; /* the engine, that new keys are wanted */
	/* A TUNNEL_RAISE that waits for its key: */
	bool waits;
	bool raising; /* it has the key, and its maker is at it */
	uint64_t ticket, until_us; /* REPLACED: when it goes */
	struct msg_tunnel_raise wanted;
	uint64_t turn_us; /* it sends at that time at the latest; 0: it does */
	/* Once it has its key, for the list: */
	uint64_t raised_us;
	uint32_t life_s;
	uint16_t suite;
	uint8_t mode;
	struct esp_end far;
	char peer[NAME_TEXT];
};

/* Dense, so that finding one by id or key touches few lines of a cache. */
struct place {
	uint32_t id;
	uint64_t key_id; /* it was raised with; 0: it is not */
	struct tunnel *tunnel;
};

struct tunnels {
	struct tunnels_conf conf;
	struct addr media[2]; /* of the outside: IPv4, IPv6 */
	struct tunnel_settings own;
	uint64_t grace_us;
	struct place *places; /* by id, which grows */
	size_t n, room;
	struct tunnel **ports[2]; /* by family and pair of ports */
	struct tunnel *shared[2]; /* by family: of scopes that calls share */
	struct held *held;
	uint64_t n_held, n_waits;
	uint64_t due_us; /* when the first of them has waited enough */
	uint32_t last_id;
	struct spent *spent;
	struct tunnels_counts counts;
};

/* table.c */

/* The chain of a port, or without one that of tunnels which calls share; NULL:
 * it is none of tunnel.ports on our address. */
struct tunnel **table_port(const struct tunnels *c, const struct addr *local);
struct place *table_find(const struct tunnels *c, uint32_t id);
struct place *table_find_key(const struct tunnels *c, uint64_t key_id);
/* Enters a new one of that port. E_FULL, E_NOMEM. */
int table_add(struct tunnels *c, uint64_t call, const struct addr *local,
	      struct tunnel **out);
/* Takes it out and frees it; the rest was taken from it before. */
void table_remove(struct tunnels *c, struct tunnel *t);

/* binding.c: why a key is not for that tunnel; NULL: it is. */
const char *binding_wrong(const struct tunnels *c, const struct tunnel *t,
			  const struct msg_tunnel_key *m);

/* turn.c: which of several tunnels to one place sends. */

/* It sends now, or once it was heard. An error: nothing has changed. */
int turn_begin(struct tunnels *c, struct tunnel *t, struct tunnel_why *why);
/* Whether the far end has yet to raise it, by IKE. */
bool turn_waits(const struct tunnels *c, const struct tunnel *t);
/* It sends now, if it did not. */
int turn_now(struct tunnels *c, struct tunnel *t);
/* If it was heard, or its time has come. */
int turn_tick(struct tunnels *c, struct tunnel *t, uint64_t now_us);
/* old goes: another has to send. */
void turn_from(struct tunnels *c, const struct tunnel *old);

/* share.c: tunnels that calls to one far end have in common. */

static inline bool share_is(const struct tunnel *t)
{
	return t->scope != ESP_MEDIA;
}

/* Whether both are raised, or were, and lead to the same place. */
bool share_same(const struct tunnel *a, const struct tunnel *b);
/* Of the others to the same place that are raised the one that should send when
 * t does not any more; NULL: there is none. */
struct tunnel *share_next(const struct tunnels *c, const struct tunnel *t);

/* list.c: answers TUNNEL_LIST. */
int list_answer(struct tunnels *c, const struct ipc_msg *msg);

#endif
