/* packet.h - the way of one packet through a stream: pure given the stream,
 * the packet and the time; no socket is touched, so a test can drive it. */
#ifndef CALLSEAL_PACKET_H
#define CALLSEAL_PACKET_H

#include "daemon/relay/stream.h"

/* Bytes of a packet with all that sealing may add. */
#define PACKET_MAX 2048

struct packet {
	uint8_t *data;  /* room for PACKET_MAX bytes, changed in place */
	size_t len;
	uint8_t *spare; /* another PACKET_MAX bytes, for the call only */
	struct addr from;
	uint64_t now_us;
};

/* Where it goes; to is borrowed from the stream. */
struct packet_way {
	const struct media_port *port;
	const struct addr *to;
};

/* Takes a packet that came in on a port. On 0 data and len are what to send.
 * Negative: drop it; it was counted in the stream's statistics. E_STATE: no
 * key (yet, or any more); E_EXISTS: its index was used, or all were;
 * E_AGAIN: it waits for its tunnel (packet_held()). */
int packet_relay(const struct media_port *in, struct packet *p,
		 struct packet_way *out);
/* The next packet that waited for a tunnel which may be used now: true, with
 * data, len and the way out. Until it says false nothing else of the stream may
 * be sent. */
bool packet_held(struct stream *s, struct packet *p, struct packet_way *out);

#endif
