/* ports.h - pairs of media ports: RTP on an even port, RTCP on the next one.
 *
 * Each address has its own pool; faces that share an address share its pool.
 * A pair is bound here, so that several relays on one machine get along. A
 * pair that was given back rests for some seconds: late packets of an old
 * call must not reach a new one. Main thread only. */
#ifndef CALLSEAL_PORTS_H
#define CALLSEAL_PORTS_H

#include "daemon/base/addr.h"
#include "daemon/base/clock.h"

#include <stdbool.h>

#define PORTS_REST_US UINT64_C(5000000)

struct ports;

/* min is even, max odd. clock is borrowed. */
int ports_new(unsigned min, unsigned max, const struct clock *clock,
	      struct ports **out);
void ports_free(struct ports *p);
/* Opens both sockets on address host (its port is ignored): fd[0] and the
 * even port in *rtp, fd[1] on the port behind it. The caller owns the
 * descriptors. E_FULL: no pair is left; E_IO: sockets cannot be opened. */
int ports_open(struct ports *p, const struct addr *host, int fd[2],
	       struct addr *rtp);
/* Gives the pair back; the descriptors are closed elsewhere. told: somebody
 * may still send there, so that it rests for PORTS_REST_US. */
void ports_back(struct ports *p, const struct addr *rtp, bool told);

#endif
