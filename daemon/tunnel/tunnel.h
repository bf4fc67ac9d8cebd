/* tunnel.h - the role "tunnel": ESP for lines of media, or for all between two
 * ends. tunnels.c asks for it, modules of the tunnel process do it: "xfrm" in
 * the kernel, by keys as they are, and "charon" by IKE with a key of the
 * call's, for lines of media only. One thread.
 *
 * Of the first: nothing but ESP passes the UDP ports of tunnel.ports on our
 * outside media addresses, either way: from before the module's start() is over
 * until its stop(), whether a tunnel is up or not, and when the process dies
 * until a later one has taken over. It also does that for the second's, where
 * the kernel has ESP (tunnel.shut). */
#ifndef CALLSEAL_TUNNEL_H
#define CALLSEAL_TUNNEL_H

#include "daemon/message.h"

#include <stdbool.h>

struct child;
struct tunnel_pair; /* the module's: an SPI, then the SAs of both directions
                       and their policies */
struct tunnel_process;

/* Of the process that core_process() gives its modules. */
struct child *tunnel_child(struct tunnel_process *p);

/* What failed, what it means, and the cure: one line. */
struct tunnel_why {
	char text[512];
};

/* An SA as the kernel counts it. */
struct tunnel_sa {
	uint32_t spi;
	struct addr src, dst; /* without ports */
	uint64_t bytes, packets;
	uint32_t dropped; /* replayed, forged, outside the window */
	bool out;         /* of a pair: it leads to the far end */
	uint16_t port;    /* out, in UDP: to that port of dst; else 0 */
	/* From where the pair's far end was heard and is not sent to; family 0:
	 * nowhere. */
	struct addr elsewhere;
};

/* owner is reserve()'s. */
typedef void (*tunnel_event_fn)(void *user, void *owner, enum tunnel_event e);

/* What a maker tells from the loop, never inside a function of its own; each of
 * its functions may be called there. why is one line, borrowed. */
struct tunnel_ears {
	/* The end of a raise() that gave E_AGAIN: 0, or what failed; then
	 * there is nothing but to drop it. */
	void (*raised)(void *user, void *owner, int err, const char *why);
	/* As of events(), but of what the far end was to raise also UP. */
	void (*event)(void *user, void *owner, enum tunnel_event e,
		      const char *why);
};

/* owner is NULL for an SA that is none of ours. */
typedef void (*tunnel_sa_fn)(void *user, void *owner,
			     const struct tunnel_sa *sa);

/* What it lets pass, in words. */
typedef void (*tunnel_foreign_fn)(void *user, const char *text);

struct tunnel_maker {
	void *state; /* of each function */
	/* Whether the kernel has that suite of ESP; ESP_NONE: any at all. */
	bool (*can)(void *state, uint8_t family, enum esp_suite suite);
	/* An SPI for what arrives at local; it has a port where that is one
	 * line of media. (Of charon's: a number that none of its pairs has.)
	 * With a pair for the same port (or NULL): one of them
	 * can be raised instead of the other. E_FULL, others by what the kernel
	 * says. */
	int (*reserve)(void *state, const struct addr *local,
		       const struct tunnel_pair *with, void *owner,
		       struct tunnel_pair **out, uint32_t *spi,
		       struct tunnel_why *why);
	/* Both SAs and their policies, or none. What near and far name is
	 * checked against our own addresses and ports (E_POLICY), and against
	 * what other tunnels are for (E_EXISTS), nor is any raised while
	 * another program's policy lets what tunnels are for pass before them
	 * (E_EXISTS). Where a pair to the same place
	 * is raised, this one has no policies yet, and what leaves goes by that
	 * one's SAs until turn(). Of a line of media that is instead, the pair
	 * whose place it is to take (or NULL); with larger scopes all pairs to
	 * one place are a group. The keys count as used also when it failed.
	 * E_AGAIN: charon was told, and tunnel_ears.raised follows: when it is
	 * up, or where the far end is to begin when that finds all it needs;
	 * until UP it neither sends nor turns. What it needs of the key it has
	 * copied. */
	int (*raise)(void *state, struct tunnel_pair *p,
		     struct tunnel_pair *instead,
		     const struct msg_tunnel_key *key, struct tunnel_why *why);
	/* Whether what leaves goes by p's SAs. */
	bool (*sends)(void *state, const struct tunnel_pair *p);
	/* From now on it does, not by those of the pair of its group that did,
	 * which still receive until it is dropped. 0 also when it is so
	 * already. E_STATE: the group has no policies (any more). */
	int (*turn)(void *state, struct tunnel_pair *p, struct tunnel_why *why);
	/* Whether anything came by its SA. */
	bool (*heard)(void *state, const struct tunnel_pair *p);
	/* Removes what there is of it, and frees it. Its group loses the
	 * policies if it sends: turn() another first. */
	void (*drop)(void *state, struct tunnel_pair *p);
	/* Does what is due by itself (keep-alives). Returns in how many
	 * microseconds it wants to be called again; UINT64_MAX: not at all.
	 * NULL: nothing ever is. */
	uint64_t (*tick)(void *state, uint64_t now_us);
	/* Of charon's: who hears it from now on, before anything is reserved.
	 * NULL: events() tells all. */
	void (*listen)(void *state, const struct tunnel_ears *ears,
		       void *user);
	/* Readable when events() has something. NULL, and so the next: it
	 * tells its ears. */
	int (*events_fd)(void *state);
	/* Gives fn what happened to pairs that are raised; fn may drop them.
	 * E_IO: it cannot hear any more. */
	int (*events)(void *state, tunnel_event_fn fn, void *user);
	/* All SAs of ESP in the kernel. blocks: the policies that keep all
	 * else from the ports. NULL: its SAs are another's to list. */
	int (*list)(void *state, tunnel_sa_fn fn, void *user, unsigned *blocks,
		    struct tunnel_why *why);
	/* The policies of other programs by which what tunnels are for may pass
	 * in clear. NULL: as list. */
	int (*foreign)(void *state, tunnel_foreign_fn fn, void *user,
		       struct tunnel_why *why);
};

#endif
