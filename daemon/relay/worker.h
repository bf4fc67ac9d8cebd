/* worker.h - one thread that owns streams and forwards their packets.
 *
 * The main thread posts orders and gets answers, both by mail. A stream is
 * named by its pointer, which the main thread keeps until it orders
 * WORKER_DEL; orders are carried out in the order in which they were posted. */
#ifndef CALLSEAL_WORKER_H
#define CALLSEAL_WORKER_H

#include "daemon/base/clock.h"
#include "daemon/relay/mailbox.h"
#include "daemon/relay/media_loop.h"
#include "daemon/relay/stream.h"

enum order_type {
	WORKER_ADD,      /* takes the stream */
	WORKER_SET,      /* answered by ANSWER_DONE */
	WORKER_DROP_KEY,
	WORKER_DEL,      /* frees it; no answer */
	WORKER_GET,      /* answered by ANSWER_STATS */
	WORKER_STOP      /* frees all; the thread ends */
};

struct order {
	struct mail mail;
	enum order_type type;
	struct stream *stream;
	uint64_t id; /* of the request, comes back; or the key's */
	struct stream_change *change; /* WORKER_SET: taken, wiped when done */
};

enum answer_type { ANSWER_DONE, ANSWER_STATS, ANSWER_EVENT };

struct answer {
	struct mail mail;
	enum answer_type type;
	uint64_t id;
	union {
		struct msg_stream_done done;
		struct msg_stream_stats stats;
		struct msg_stream_event event;
	};
};

struct worker;

struct worker_conf {
	const struct media_loop *loop;
	const struct clock *clock;  /* borrowed */
	struct mailbox *answers;    /* borrowed; holds struct answer */
};

/* Opens the loop, which may need more rights than are kept. E_UNSUPPORTED:
 * the kernel does not allow this loop. */
int worker_new(const struct worker_conf *c, struct worker **out);
/* Starts the thread. Once. */
int worker_start(struct worker *w);
/* Copies the order. E_NOMEM: then nothing it names was taken. */
int worker_post(struct worker *w, const struct order *o);
/* Takes the order itself, which came from malloc(): cannot fail. */
void worker_give(struct worker *w, struct order *o);
/* Stops and joins the thread, frees all its streams. */
void worker_free(struct worker *w);

#endif
