/* keepalive.h - holds open the way to registered phones behind a NAT. */
#ifndef CALLSEAL_SIP_NAT_KEEPALIVE_H
#define CALLSEAL_SIP_NAT_KEEPALIVE_H

#include "modules/sip/sip.h"

struct bindings; /* binding.h */
struct keepalive;

/* bindings is borrowed for its life. E_NOMEM. */
int keepalive_new(struct sip *s, const struct bindings *b,
		  struct keepalive **out);
void keepalive_free(struct keepalive *k); /* NULL is allowed */

#endif
