/* uselist.h - the text that shows charon's tunnels: the calls that use them,
 * and all SAs that it has. */
#ifndef CALLSEAL_USELIST_H
#define CALLSEAL_USELIST_H

#include "daemon/message.h"
#include "daemon/tunnel/standing.h"

#include <jansson.h>

#define USES_SHOWN 256 /* calls; more do not fit a message beside the SAs */

struct uselist {
	json_t *calls, *sas, *down; /* arrays, or NULL without memory */
	size_t n, bytes;     /* of all SAs, also those not shown */
};

struct uselist uselist_of(void);
void uselist_free(struct uselist *l);
void uselist_call(struct uselist *l, uint32_t id, const char *state,
		  const struct msg_tunnel_use *m);
void uselist_sa(struct uselist *l, const struct standing_sa *sa);
/* A peer's tunnel that is not up, and why. */
void uselist_down(struct uselist *l, const char *peer, const char *why);
/* trouble: why there are no SAs, or NULL. The caller frees it; NULL: no
 * memory. */
char *uselist_text(const struct uselist *l, const char *trouble);

#endif
