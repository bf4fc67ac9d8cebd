/* clerk.c - the keeper's work: its life, and who does which request.
 *
 *   clerk_request.c  what a request brings: peer, method, key, terms
 *   clerk_offer.c    an offer of ours
 *   clerk_answer.c   an offer of the far end
 *   clerk_finish.c   an answer to an offer of ours
 *   clerk_tunnel.c   what differs where tunnels are keyed
 *   clerk_body.c     bodies of SIP messages
 *   clerk_veil.c     keys that stand in them
 *
 * Keys are shipped before the engine hears of them. They live until the
 * engine releases the call, so that a new relay can have them again; a new
 * engine knows of no call, so everything is dropped then. Nothing here
 * touches a socket or the disk but through the services and the replay
 * cache. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/memory/best.h"
#include "daemon/keeper/certs/correspondents.h"
#include "daemon/keeper/memory/recall.h"
#include "daemon/keeper/replay.h"

#include <stdlib.h>
#include <string.h>

int clerk_new(const struct clerk_services *services, uint32_t epoch,
	      size_t calls, struct replay *replay, struct clerk **out)
{
	struct clerk *c = calloc(1, sizeof *c);
	int r = c ? dockets_new(calls, &c->dockets) : E_NOMEM;

	if (!r)
		r = veil_draw(&c->veil);
	if (!r)
		r = correspondents_new(&c->correspondents);
	if (r) {
		dockets_free(c ? c->dockets : NULL);
		free(c);
		replay_free(replay);
		return r;
	}
	c->s = *services;
	c->keys = (struct shipping){ &c->s, c->dockets, epoch, 0 };
	c->replay = replay;
	c->limits = (struct clerk_limits){ .window_us = 300 * SECOND_US,
					   .verify = true, .ahead = 100 };
	*out = c;
	return 0;
}

void clerk_free(struct clerk *c)
{
	if (!c)
		return;
	correspondents_free(c->correspondents);
	dockets_free(c->dockets);
	replay_free(c->replay);
	wipe(&c->veil, sizeof c->veil);
	free(c);
}

void clerk_limits(struct clerk *c, const struct clerk_limits *limits)
{
	c->limits = *limits;
	replay_window(c->replay, limits->window_us,
		      clock_wall_us(c->s.clock));
}

void clerk_refused(const struct msg_key_party *p, int err, const char *why)
{
	log_line(err == E_POLICY || err == E_AUTH || err == E_REPLAY
			 ? LOG_CLASS_REFUSED : LOG_CLASS_REMOTE,
		 "keeper", p->call, "audit: peer %s: %s", p->peer, why);
}

int clerk_tell(struct clerk *c, enum message type, uint64_t id,
		       const void *body, size_t len, const struct buf *tail)
{
	return c->s.send(c->s.user, PROC_ENGINE, type, id, body, len,
			 tail ? tail->data : NULL, tail ? tail->len : 0);
}

/* -- ends ----------------------------------------------------------------- */

void clerk_end(struct clerk *c, struct exchange *x)
{
	struct csb *b = docket_csb(c->dockets, x->call,
					 x->line[0].stream);

	if (!x->finished)
		shipping_drop(&c->keys, x->call, x->key, x->n);
	if (!x->finished && x->recalled)
		recall_forget(&c->s, x->peer);
	if (!x->finished && x->updates && b && b->failed < UINT8_MAX)
		b->failed++;
	exchange_drop(c->dockets, x);
}

static int handle_drop(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_drop *m = msg->body;
	struct exchange *x = exchange_find(c->dockets, m->exchange);

	if (x)
		clerk_end(c, x);
	return 0;
}

static int handle_won(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_won *m = msg->body;

	docket_won(c->dockets, m->call);
	return 0;
}

static int handle_release(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_release *m = msg->body;

	docket_release(c->dockets, m->call, shipping_gone, &c->keys);
	return 0;
}

static int handle_plain(struct clerk *c, struct ipc_msg *msg)
{
	const struct msg_key_plain *m = msg->body;
	struct msg_key_plained reply = { .err = 0 };
	struct keying_fault why = { "" };

	reply.err = best_plain(&c->s, m, &why);
	memcpy(reply.reason, why.text, sizeof reply.reason);
	if (reply.err)
		log_line(LOG_CLASS_REFUSED, "keeper", 0, "peer %s: a call may "
			 "not be plain: %s", m->peer, why.text);
	clerk_tell(c, MSG_KEY_PLAINED, msg->id, &reply, sizeof reply, NULL);
	return 0;
}

static const struct {
	enum message type;
	int (*handle)(struct clerk *c, struct ipc_msg *msg);
} requests[] = {
	{ MSG_KEY_OFFER, clerk_offer },   { MSG_KEY_ANSWER, clerk_answer },
	{ MSG_KEY_FINISH, clerk_finish }, { MSG_KEY_DROP, handle_drop },
	{ MSG_KEY_WON, handle_won },       { MSG_KEY_RELEASE, handle_release },
	{ MSG_KEY_PLAIN, handle_plain },   { MSG_BODY_SEAL, clerk_seal },
	{ MSG_BODY_OPEN, clerk_open },     { MSG_BODY_LEARN, clerk_learn },
};

int clerk_handle(struct clerk *c, enum process from, struct ipc_msg *msg)
{
	if (from != PROC_ENGINE)
		return E_STATE;
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (requests[i].type == msg->type)
			return requests[i].handle(c, msg);
	return E_STATE;
}

void clerk_sibling(struct clerk *c, enum process p, uint32_t epoch)
{
	if (p == PROC_ENGINE && epoch && epoch != c->engine) {
		if (c->engine)
			dockets_release_all(c->dockets, shipping_gone,
					    &c->keys);
		c->engine = epoch;
	}
	if (p == PROC_RELAY && epoch && epoch != c->relay) {
		if (shipping_again(&c->keys))
			log_error("keeper", "not all keys reached the new "
				  "relay: calls without will end");
		c->relay = epoch;
	}
}

void clerk_tick(struct clerk *c)
{
	uint64_t now = clock_mono_us(c->s.clock);
	struct exchange *x;

	while ((x = exchange_expired(c->dockets, now)))
		clerk_end(c, x);
}
