/* tunnels.h - the tunnel process without its loop: what engine and keeper ask
 * for, held against each other. One thread. */
#ifndef CALLSEAL_TUNNELS_H
#define CALLSEAL_TUNNELS_H

#include "daemon/base/clock.h"
#include "daemon/ipc.h"
#include "daemon/settings.h"
#include "daemon/tunnel/tunnel.h"

/* How long a TUNNEL_RAISE waits for the key that it names. */
#define TUNNEL_PARK_US UINT64_C(5000000)

struct tunnels;

struct tunnels_conf {
	const struct settings *settings;   /* what is needed is copied */
	const struct clock *clock;         /* borrowed */
	/* Of the kernel's ESP, and of charon's; borrowed. NULL: no peer has
	 * tunnels of that kind. */
	const struct tunnel_maker *maker, *charon;
	uint32_t list_then; /* where TUNNEL_LIST goes on; 0: nowhere */
	/* A message for the engine. */
	void (*tell)(void *user, enum message type, uint64_t id,
		     const struct ipc_msg *m);
	void *user;
};

int tunnels_new(const struct tunnels_conf *conf, struct tunnels **out);
/* Drops all tunnels, wipes keys. NULL is allowed. */
void tunnels_free(struct tunnels *c);
/* Another configuration: what the network sees of us may be another address,
 * for tunnels that are keyed from now on. All else takes a restart. */
void tunnels_reload(struct tunnels *c, const struct settings *s);
/* A message of engine or keeper. As ipc_ops.handle. */
int tunnels_message(struct tunnels *c, enum process from,
		    const struct ipc_msg *msg);
/* Another engine than before: it knows none of our tunnels. */
void tunnels_clear(struct tunnels *c);
/* The maker's events_fd() is readable. E_IO: it never will be again. */
int tunnels_events(struct tunnels *c);
/* What charon's maker told: as struct tunnel_ears, for its listen(). */
extern const struct tunnel_ears tunnels_ears;
/* Fails what waited too long, drops what was replaced. Returns in how many
 * microseconds it wants to be called again; UINT64_MAX: not at all. */
uint64_t tunnels_tick(struct tunnels *c);
/* For tests. */
struct tunnels_counts {
	uint64_t tunnels;      /* there now */
	uint64_t held;         /* keys that wait for their TUNNEL_RAISE */
	uint64_t late;         /* messages about what is gone */
	uint64_t refused_keys; /* wrong binding, or an id that came before */
};
void tunnels_counts(const struct tunnels *c, struct tunnels_counts *out);

#endif
