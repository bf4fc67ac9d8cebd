/* relayrig.h - the relay without its process, a phone and a far end around
 * it, all in one thread beside the relay's workers: real sockets on loopback,
 * engine and keeper played by the test. */
#ifndef CALLSEAL_MOCK_RELAYRIG_H
#define CALLSEAL_MOCK_RELAYRIG_H

#include "daemon/relay/control.h"
#include "daemon/relay/index.h"

#define RIG_CALL 7
#define RIG_EPOCH (UINT64_C(3) << 32) /* the keeper's, of all key ids */
#define RIG_INBOX 64
#define RIG_TUNNEL_MIN 23460 /* tunnel.ports */
#define RIG_TUNNEL_MAX 23467

struct rig_message {
	enum message type;
	uint64_t id;
	union {
		struct msg_stream_added added;
		struct msg_stream_done done;
		struct msg_stream_stats stats;
		struct msg_stream_event event;
	};
};

/* Two sockets as a phone or far end has them: RTP and RTCP. */
struct rig_end {
	int fd[2];
	struct addr local; /* RTP; RTCP is the next port */
};

struct rig_conf {
	const char *loop;
	const struct transform *transform;
	enum suite suite;
	unsigned workers;
	unsigned timeout_s, silence_s;
	unsigned port_min, port_max;
	bool only_sealed; /* no peer's profile lets calls go in clear */
	bool tunnels;     /* some peer's has media = "esp" */
	bool within;      /* ... or "esp+srtp", "ike+srtp" */
};

struct rig {
	struct rig_conf conf;
	struct settings settings;
	struct clock clock;
	_Atomic uint64_t ahead_us; /* of the machine's clock */
	struct control *control;
	struct rig_message inbox[RIG_INBOX];
	unsigned n_inbox;
	uint64_t last_id; /* of requests */
};

/* The media loop to test with: the named one where that can work. Static. */
const char *rig_loop(const char *name);
void rig_open(struct rig *r, const struct rig_conf *conf);
void rig_close(struct rig *r);
void rig_end_open(struct rig_end *e, unsigned port);
void rig_end_close(struct rig_end *e);

/* The master key under a key id: the same on both sides. */
struct srtp_key rig_key_of(const struct rig *r, uint64_t key_id);
/* Messages; each returns what control_message() did. */
int rig_add(struct rig *r, unsigned n, enum stream_seal sealed);
int rig_key(struct rig *r, uint64_t key_id, uint32_t stream,
	    enum key_direction d);
int rig_key_gone(struct rig *r, uint64_t key_id);
int rig_set(struct rig *r, const struct msg_stream_set *m);
int rig_get(struct rig *r, uint32_t stream);
int rig_del(struct rig *r, uint32_t stream);
/* The next message of that type for the engine; fails the test after two
 * seconds. */
struct rig_message rig_wait(struct rig *r, enum message type);
/* Adds one stream; its ports. */
struct msg_stream_port rig_stream(struct rig *r, enum stream_seal sealed);
/* Waits for STREAM_DONE and returns its err. */
int rig_done(struct rig *r);
struct msg_stream_stats rig_stats(struct rig *r, uint32_t stream);
/* Whether a message of that type came within some milliseconds. */
bool rig_heard(struct rig *r, enum message type, unsigned ms);

/* A whole sealed stream: keys send and recv installed, both ends known. */
struct msg_stream_port rig_sealed(struct rig *r, const struct rig_end *phone,
				  const struct rig_end *far, uint64_t send,
				  uint64_t recv);

/* Packets. component: 0 RTP, 1 RTCP. rig_recv() gives 0 when nothing came
 * within ms. */
void rig_send(const struct rig_end *e, int component, const struct addr *to,
	      const void *pkt, size_t len);
size_t rig_recv(const struct rig_end *e, int component, void *pkt, size_t room,
		unsigned ms);
/* An RTP packet of 160 bytes payload, all of them text. */
#define RIG_RTP_LEN 172
void rig_rtp(uint8_t *pkt, uint32_t ssrc, uint16_t seq, uint32_t timestamp,
	     uint8_t text);

#endif
