/* group.h - the policies that pairs have in common which lead to the same
 * place: made with the first of them, turned from one's SAs to another's, and
 * removed with the last. Two pairs of a line of media are a group while one
 * takes the other's place; pairs of larger scopes are one for all calls. */
#ifndef CALLSEAL_XFRM_GROUP_H
#define CALLSEAL_XFRM_GROUP_H

#include "modules/xfrm/tunnel/pair.h"

struct tunnel_pair {
	struct tunnel_pair *next;
	void *owner;
	struct addr local;
	uint32_t reqid, spi, far_spi;
	struct group *group; /* NULL: it is not raised */
	uint32_t sa[2];      /* slots, by enum ipsec_dir; 0: none */
	struct ipsec_sa as[2]; /* what they are now, without keys */
	bool shadowed;       /* it was told gone by foreign.c */
};

struct group {
	struct group *next;
	uint32_t reqid;             /* of all its SAs: inbound any serves */
	uint8_t scope;              /* enum esp_scope */
	struct addr near, far;      /* between which ESP goes; without ports */
	char peer[NAME_TEXT];       /* whose keys they are */
	/* Of ESP in UDP (follow.h): */
	uint16_t said, port;        /* the far end's, by its own word and as it
	                               is reached; 0: not in UDP */
	bool near_natted, far_natted;
	struct addr kept;           /* where keep-alives go; family 0: none */
	struct addr elsewhere;      /* from where it was heard, too, and is not
	                               sent to; family 0: nowhere */
	unsigned moves;             /* that there was something to tell of */
	size_t n;
	struct ipsec_selector out[PAIR_SELECTORS]; /* of its policies */
	unsigned pairs;             /* raised */
	struct tunnel_pair *sender; /* NULL: it has no policies */
	/* slots, n of each direction that it has, by enum ipsec_dir */
	uint32_t policy[IPSEC_DIRS][PAIR_SELECTORS];
	uint32_t *bypass;           /* slots; owned */
	size_t n_bypass;
};

/* The group that a pair of such a place belongs to. A line of media has the
 * policies of the pair that it is raised instead of, if they lead there (with;
 * or NULL); others those of whatever call is there. A new one, which has
 * no policies yet, only bypasses: none where it would take what another
 * tunnel, of ours or of somebody else, is for (E_EXISTS). E_NOMEM, others by
 * refusal.h. */
int group_join(struct pairs *p, const struct group *like, struct group *with,
	       struct group **out, struct tunnel_why *why);
/* Whether it is for some of what leaves by such a selector. */
bool group_meets(const struct group *g, const struct ipsec_selector *out);
/* Frees one that no pair is in any more, with its bypasses; the policies went
 * with the last. */
void group_settle(struct pairs *p, struct group *g);

#endif
