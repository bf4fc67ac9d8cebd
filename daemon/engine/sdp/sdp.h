/* sdp.h - session descriptions (RFC 8866): what a gateway must know of one,
 * and writing it anew for the other leg with all other bytes as they came.
 * Pure; any thread. */
#ifndef CALLSEAL_SDP_H
#define CALLSEAL_SDP_H

#include "daemon/base/addr.h"
#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SDP_LINES_MAX 16 /* m= lines that are read; more are refused */
#define SDP_ALSO_MAX 7   /* alternative keying messages of a level */
#define SDP_CRYPTO_MAX 16 /* a=crypto lines of one level; more are left out */

/* A run of the description's own bytes; borrowed from it. */
struct sdp_text {
	const char *p;
	size_t len;
};

enum sdp_direction { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };

/* RFC 5939, as far as we use it (sdpcap.c). */
struct sdp_capability {
	unsigned number;
	struct sdp_text mikey; /* base64 */
};

struct sdp_config {
	unsigned number;     /* 0: none */
	unsigned capability; /* its number */
};

/* What one level (the session or an m= line) says of keys. */
struct sdp_keys {
	unsigned n_mikey;      /* a=key-mgmt:mikey; one at most is legal */
	struct sdp_text mikey; /* the first one's base64 */
	unsigned n_other;      /* a=key-mgmt of other protocols */
	unsigned n_crypto;     /* a=crypto (RFC 4568): those in crypto[] */
	struct sdp_text crypto[SDP_CRYPTO_MAX]; /* their values, in order */
	bool clear;            /* k= */
	unsigned n_capabilities; /* a=acap of key-mgmt:mikey */
	struct sdp_capability capability[SDP_ALSO_MAX];
};

/* One m= line with its section. */
struct sdp_media {
	struct sdp_text media;  /* "audio" */
	struct sdp_text proto;  /* "RTP/AVP" */
	unsigned port, n_ports; /* port 0: rejected; n_ports 1 usually */
	bool rtp;               /* RTP/AVP, AVPF, SAVP or SAVPF */
	bool secure;            /* RTP/SAVP or RTP/SAVPF */
	bool fax;               /* T.38 over UDPTL: "image", "udptl" */
	bool named;             /* its c= has a host name, or none is there */
	struct addr addr;       /* RTP, where the sender receives */
	struct addr rtcp;       /* a=rtcp; family 0 if not said */
	bool rtcp_named;        /* ... with a host name */
	bool rtcp_mux;
	enum sdp_direction direction;
	unsigned clock_hz;      /* of the first payload type; 0: not said */
	struct sdp_keys keys;
	unsigned n_configs;    /* a=pcfg of ours */
	struct sdp_config config[SDP_ALSO_MAX];
	struct sdp_config chosen; /* a=acfg */
};

struct sdp {
	struct sdp_text text; /* all of it */
	const char *eol;      /* of the first line: "\r\n" or "\n" */
	struct sdp_keys keys; /* of the session level */
	unsigned n;
	struct sdp_media media[SDP_LINES_MAX];
};

/* Reads a description; data is borrowed as long as out. E_FORMAT, or
 * E_UNSUPPORTED for more lines than we read; *why is then static text that
 * names what is wrong. */
int sdp_read(const void *data, size_t len, struct sdp *out, const char **why);

/* A digest of everything but the o= line and the status of preconditions (RFC
 * 3312): equal digests, equal session. */
int sdp_digest(const struct sdp *s, uint8_t out[static 32]);
/* The same without what carries keys, and without addresses (c=), too: what
 * stays when only they change. */
int sdp_digest_rest(const struct sdp *s, uint8_t out[static 32]);

/* The alternative keying messages of a level, whose attributes are k, for the
 * line m: their base64 and the configurations that name them, in order. */
unsigned sdp_alternatives(const struct sdp_keys *k, const struct sdp_media *m,
			  struct sdp_text mikey[static SDP_ALSO_MAX],
			  struct sdp_config config[static SDP_ALSO_MAX]);

/* Alternatives as they are written; all is borrowed. */
struct sdp_also {
	unsigned n;
	const char *const *mikey; /* base64 */
	const struct sdp_config *config;
};

enum sdp_proto { SDP_PROTO_KEEP, SDP_PROTO_SECURE, SDP_PROTO_PLAIN };

struct sdp_edit_line {
	bool reject;          /* port 0 */
	bool hide;            /* left out with its section */
	bool bare;            /* none of its attributes pass */
	const char *section;  /* stands in place of it, m= and all; or NULL */
	enum sdp_proto proto; /* RTP/AVP(F) <-> RTP/SAVP(F) */
	struct addr addr;     /* ours, RTP; RTCP is the next port ... */
	bool direct;          /* ... or, where it is not ours, as it was read */
	const char *mikey;    /* base64 for the m= line, or NULL */
	const char *crypto;   /* values of a=crypto, one a line, or NULL */
	struct sdp_also also; /* beside mikey, of this line alone */
	struct sdp_also configs; /* that the line may take, of either level */
	struct sdp_config chosen; /* an answer to one of them; or number 0 */
	struct sdp_pre_edit {
		bool on; /* our security preconditions (sdppre.h) */
		unsigned current, confirm;
	} pre;
	bool directed;        /* another direction than the sender's */
	enum sdp_direction direction;
};

/* What the other leg sees. */
struct sdp_edit {
	uint64_t id, version; /* of o= */
	struct addr addr;     /* of o= and the session's c= */
	bool sealed;          /* a sealed call: nothing of keys passes */
	bool no_pre;          /* no preconditions of the sender's pass */
	bool ike;             /* one of the sections is of IKE: what the session
	                         says of it is somebody else's */
	const char *mikey;    /* base64 for the session, or NULL */
	struct sdp_also also; /* beside it */
	struct sdp_edit_line line[SDP_LINES_MAX];
};

/* Appends the description as the other leg gets it. E_NOMEM, E_SPACE. */
int sdp_write(const struct sdp *s, const struct sdp_edit *e, struct buf *out);
/* Appends an answer of our own to the offer s, which takes every format of
 * each line that is not rejected, before anybody knows which ones the phone
 * takes. Of the edit only addresses, id, version, reject, pre, and the section
 * of a line that is rejected count. */
int sdp_accept(const struct sdp *s, const struct sdp_edit *e, struct buf *out);

/* "sendrecv", ... */
const char *sdp_direction_name(enum sdp_direction d);
/* Case is ignored, as RFC 8866 does not for most and phones do for all. */
bool sdp_is(struct sdp_text t, const char *word);

#endif
