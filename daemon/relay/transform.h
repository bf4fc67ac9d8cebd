/* transform.h - the role "transform": turning RTP into SRTP and back.
 *
 * A transform does the cryptography of one master key (RFC 3711, RFC 7714)
 * and nothing else: which index a packet has, whether it was seen before and
 * whether it may leave is decided in the relay (index.h). A transform is used
 * by one worker thread only. */
#ifndef CALLSEAL_TRANSFORM_H
#define CALLSEAL_TRANSFORM_H

#include "daemon/base/suite.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes a packet can grow: the longest tag, MKI and the SRTCP index. */
#define TRANSFORM_ROOM (16 + SRTP_MKI_MAX + 4)

/* Opaque state of one key; each transform defines its own. */
struct transform_key;

struct transform {
	const char *name; /* "evp", "libsrtp2": the value of media.transform */
	/* key is copied; E_UNSUPPORTED for a suite it cannot do. send tells
	 * the direction: a key only protects or only opens. */
	int (*open)(const struct srtp_key *key, int send,
		    struct transform_key **out);
	void (*close)(struct transform_key *t); /* wipes; NULL is allowed */

	/* In place. pkt holds *len bytes and has room for TRANSFORM_ROOM more.
	 * hdr_len is the whole RTP header with CSRCs and extension, as
	 * rtp_parse() found it. index is the 48-bit packet index (ROC << 16 |
	 * SEQ); E_ARG when SEQ is not the packet's. On success *len is the
	 * new length. E_AUTH leaves *len; the bytes are then undefined and
	 * must be dropped. */
	int (*protect_rtp)(struct transform_key *t, uint8_t *pkt, size_t *len,
			   size_t hdr_len, uint64_t index);
	int (*open_rtp)(struct transform_key *t, uint8_t *pkt, size_t *len,
			size_t hdr_len, uint64_t index);

	/* A compound RTCP packet. index is the 31-bit SRTCP index; the E bit
	 * is set. open_rtcp gives the index found in the packet. */
	int (*protect_rtcp)(struct transform_key *t, uint8_t *pkt, size_t *len,
			    uint32_t index);
	int (*open_rtcp)(struct transform_key *t, uint8_t *pkt, size_t *len,
			 uint32_t *index);
};

#endif
