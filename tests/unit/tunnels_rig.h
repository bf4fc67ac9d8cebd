/* tunnels_rig.h - what the tests of the tunnel process share: it, on a mock of
 * the kernel's side, one of charon's and a made clock, asked as engine and
 * keeper would. */
#ifndef CALLSEAL_TUNNELS_RIG_H
#define CALLSEAL_TUNNELS_RIG_H

#include "daemon/tunnel/tunnels.h"
#include "tests/mock/maker.h"

#define EPOCH (UINT64_C(5) << 32)
#define CALL 77

/* The last answer of each kind, and how many there were. */
struct rig_said {
	unsigned n;
	uint64_t id;
	struct msg_tunnel_reserved reserved;
	struct msg_tunnel_raised raised;
	struct msg_tunnel_event event;
	struct msg_tunnel_listed listed;
	char *text;
};

extern struct maker maker, charon; /* the kernel's, and that of IKE */
extern struct tunnels *t;
extern uint64_t now;
extern struct rig_said said;

int rig_open(void **state);
int rig_close(void **state);
uint64_t rig_mono(void *user);
void rig_tell(void *user, enum message type, uint64_t id,
	      const struct ipc_msg *m);

int give(enum process from, enum message type, uint64_t id, void *body,
		size_t len);
struct addr port(unsigned n);
int reserve_of(uint64_t call, unsigned at);
uint32_t reserve(unsigned at);
struct msg_tunnel_key key_of(uint32_t tunnel, unsigned at, uint64_t id);
void key(struct msg_tunnel_key m);
void ask(uint32_t tunnel, uint64_t id, uint32_t instead);
int raise_it(uint32_t tunnel, uint64_t id, uint32_t instead);
void drop(uint32_t tunnel);
void gone(uint64_t id);
struct tunnels_counts counts(void);
uint32_t up(unsigned at, uint64_t id);
bool sends(uint32_t tunnel);
void ask_proven(uint32_t tunnel, uint64_t id, uint32_t instead);

#endif
