/* flows.h - a relayed call as one line of seven words:
 *
 *   PHONE RELAY-INSIDE FAR RELAY-OUTSIDE SUITE KEY-TO-FAR KEY-FROM-FAR
 *
 * Addresses are IP:PORT: where load.c sends from, and where to, on the plain
 * side and on the sealed one. Keys are base64 of master key and salt, the
 * relay's to seal with and to open with. "#" begins a comment. */
#ifndef CALLSEAL_BENCH_FLOWS_H
#define CALLSEAL_BENCH_FLOWS_H

#include "daemon/base/addr.h"
#include "daemon/message.h"

#include <stdio.h>

struct flow {
	struct addr phone, far;
	struct addr relay[2];   /* by face */
	struct srtp_key key[2]; /* by enum key_direction, as the relay's */
};

void flow_print(FILE *f, const struct flow *flow);
/* Reads one line. Returns 1, 0 for a line that is no flow, or -1. */
int flow_parse(char *line, struct flow *out);

#endif
