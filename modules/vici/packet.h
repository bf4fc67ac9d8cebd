/* packet.h - VICI packets: a length of four octets, a type, for some types a
 * name, then the message (message.h). Pure functions. */
#ifndef CALLSEAL_VICI_PACKET_H
#define CALLSEAL_VICI_PACKET_H

#include "modules/vici/message.h"

#define VICI_LENGTH_LEN 4 /* octets of the length in front */

enum vici_op {
	VICI_REQUEST,       /* a command, by name */
	VICI_RESPONSE,      /* to the one command under way */
	VICI_UNKNOWN,       /* no such command */
	VICI_REGISTER,      /* for an event, by name */
	VICI_UNREGISTER,
	VICI_CONFIRM,       /* of either */
	VICI_EVENT_UNKNOWN, /* no such event, or not registered for it */
	VICI_EVENT,         /* at any time */
	VICI_OPS
};

/* name and message are borrowed, empty where the type has none. */
struct vici_packet {
	enum vici_op op;
	struct vici_text name;
	const uint8_t *message;
	size_t len; /* of the message */
};

/* From the octets behind the length; the message in it is checked, too.
 * E_FORMAT. */
int vici_packet_read(const void *data, size_t len, struct vici_packet *out);
/* Appends a packet, its length included. name is NULL for types without one;
 * the message is not looked at. E_ARG for a bad name, E_SPACE past
 * VICI_PACKET_MAX, E_NOMEM; out is then to be thrown away. */
int vici_packet_write(struct buf *out, enum vici_op op, const char *name,
		      const void *message, size_t len);

#endif
