/* maker.h - the role "tunnel" without a kernel, or without charon: what was
 * asked of it is counted, and it fails when told to. Aborts when a pair is used
 * that is not there. */
#ifndef CALLSEAL_MOCK_MAKER_H
#define CALLSEAL_MOCK_MAKER_H

#include "daemon/tunnel/tunnel.h"

#define MAKER_PAIRS 8192
#define MAKER_SHARED 100000 /* groups of larger scopes: and the far end's last
                               octet */

struct tunnel_pair {
	void *owner;
	struct addr local;
	uint32_t spi;
	unsigned group; /* of those that can take each other's place */
	bool raising, raised, policies;
};

struct maker {
	struct tunnel_maker role; /* give this one */
	struct tunnel_pair pair[MAKER_PAIRS];
	unsigned there, raised; /* now */
	uint32_t last_spi;
	unsigned last_group;
	/* For the next ones; 0: they work: */
	int reserve_err, raise_err, turn_err;
	bool slow;                  /* raise() gives E_AGAIN: it is charon's */
	const struct tunnel_ears *ears;
	void *user;
	bool heard;                 /* something came by each pair */
	bool no_six;                /* no ESP over IPv6 */
	struct msg_tunnel_key last; /* of the last raise(), without keys */
	/* What events() gives, once: */
	void *event_owner;
	enum tunnel_event event;
	int events_err;
	uint16_t port;              /* as list() shows each pair's */
	struct addr elsewhere;
	uint64_t ticked_us;         /* the last tick() */
	uint64_t tick_again_us;     /* what it returns; 0: UINT64_MAX */
};

void maker_open(struct maker *m);
/* The same as charon's. */
void maker_open_slow(struct maker *m);
/* Of a slow one: the raise() of the pair with this number is over, and it is up
 * or the far end is awaited. */
void maker_raised(struct maker *m, uint32_t spi, int err, bool up);
void maker_told(struct maker *m, uint32_t spi, enum tunnel_event e);

#endif
