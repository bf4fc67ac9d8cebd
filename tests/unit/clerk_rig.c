/* clerk_rig.c - a clerk with a fake engine, relay, tunnel and clock. */
#include "tests/unit/clerk_rig.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/docket.h"
#include "daemon/keeper/rate.h"
#include "daemon/keeper/replay.h"
#include "modules/mikey/psk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint64_t house_mono(void *user)
{
	return ((struct house *)user)->mono_us;
}

static uint64_t house_wall(void *user)
{
	return ((struct house *)user)->wall_us;
}

static const struct peer *house_match(void *user, const char *uri)
{
	struct house *h = user;

	if (h->other.match && strstr(uri, h->other.match))
		return &h->other;
	return strstr(uri, h->peer.match) ? &h->peer : NULL;
}

static const struct secret *house_psk(void *user, const char *peer)
{
	struct house *h = user;

	assert_string_equal(peer, h->peer.name);
	return h->no_psk ? NULL : &h->psk;
}

static const struct keying *house_method(void *user, const char *name)
{
	struct house *h = user;

	if (h->no_method)
		return NULL;
	if (!strcmp(name, "mikey-dhhmac"))
		return h->dhhmac;
	if (h->method && !strcmp(name, h->method->name))
		return h->method;
	if (strcmp(name, "mikey-psk"))
		return NULL;
	return h->method ? h->method : &mikey_psk;
}

static const struct credential *house_credential(void *user)
{
	return ((struct house *)user)->credential;
}

static const struct bodies *house_bodies(void *user)
{
	return ((struct house *)user)->bodies;
}

static int house_send(void *user, enum process to, enum message type,
		      uint64_t id, const void *body, size_t len,
		      const void *tail, size_t tail_len)
{
	struct house *h = user;
	struct sent *s = &h->sent[h->n];
	int err = to == PROC_RELAY ? h->relay_err :
		  to == PROC_TUNNEL ? h->tunnel_err : h->engine_err;

	if (err)
		return err;
	assert_in_range(h->n, 0, SENT_MAX - 1);
	assert_in_range(len, 1, sizeof s->u);
	assert_in_range(tail_len, 0, sizeof s->tail);
	*s = (struct sent){ .to = to, .type = type, .id = id, .len = len,
			    .tail_len = tail_len };
	memcpy(&s->u, body, len);
	if (tail_len)
		memcpy(s->tail, tail, tail_len);
	h->n++;
	return 0;
}

void house_open_on(struct house *h, const char *match, size_t calls,
			  struct replay *replay)
{
	const struct clerk_services s = {
		.clock = &h->clock, .match = house_match, .psk = house_psk,
		.method = house_method, .send = house_send, .user = h,
		.memory = h->memory, .credential = house_credential,
		.bodies = house_bodies,
	};

	if (!replay)
		assert_int_equal(replay_new(-1, 1000, 300 * SECOND,
					    h->wall_us, &replay), 0);
	assert_int_equal(clerk_new(&s, EPOCH, calls, replay, &h->clerk), 0);
	clerk_limits(h->clerk, &(struct clerk_limits){
		.window_us = 300 * SECOND, .verify = true,
		.tunnel = { .port_min = 40000, .port_max = 40999,
			    .life_s = 3600, .window = 256 } });
	clerk_sibling(h->clerk, PROC_ENGINE, 1);
	clerk_sibling(h->clerk, PROC_RELAY, 1);
	clerk_sibling(h->clerk, PROC_TUNNEL, 1);
	assert_non_null(match);
}

void house_open(struct house *h, const char *match)
{
	memset(h, 0, sizeof *h);
	h->clock = (struct clock){ house_mono, house_wall, h };
	h->mono_us = 1000 * SECOND;
	h->wall_us = 1900000000 * SECOND;
	h->profile = (struct profile){ .name = "sealed", .need = NEED_REQUIRE,
				       .keying = { "mikey-psk" },
				       .n_keying = 1, .n_suites = 1 };
	h->profile.suites[0] = SUITE_AES_CM_128_HMAC_SHA1_80;
	strcpy(h->peer.name, "them");
	h->peer.match = match;
	h->peer.profile = &h->profile;
	secret_set(&h->psk, "0123456789abcdef", 16);
	house_open_on(h, match, 10, NULL);
}

void house_reopen(struct house *h)
{
	clerk_free(h->clerk);
	house_open_on(h, h->peer.match, 10, NULL);
}

void house_close(struct house *h)
{
	clerk_free(h->clerk);
}

struct msg_key_party party(uint64_t call, const char *local,
				  const char *remote)
{
	struct msg_key_party p = { .call = call, .n = 1,
				   .line = { { .stream = 11,
					     .ssrc = 0x11111111 } } };

	strcpy(p.peer, "them");
	strcpy(p.local_id, local);
	strcpy(p.remote_id, remote);
	return p;
}

int tell(struct house *h, enum message type, uint64_t id, void *body,
		size_t len, const struct sent *tail)
{
	struct ipc_msg m = { .type = type, .id = id, .body = body, .len = len,
			     .fd = -1 };

	if (tail) {
		m.tail = tail->tail;
		m.tail_len = tail->tail_len;
	}
	return clerk_handle(h->clerk, PROC_ENGINE, &m);
}

/* The last message to the engine. */
const struct sent *last(const struct house *h, enum message type)
{
	for (size_t i = h->n; i-- > 0;)
		if (h->sent[i].to == PROC_ENGINE) {
			assert_int_equal(h->sent[i].type, type);
			return &h->sent[i];
		}
	fail_msg("nothing was sent to the engine");
	return NULL;
}

size_t count(const struct house *h, enum message type)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		n += h->sent[i].type == type;
	return n;
}

const struct msg_key *key_of(const struct house *h, uint64_t id)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->sent[i].type == MSG_KEY &&
		    h->sent[i].u.key.key_id == id)
			return &h->sent[i].u.key;
	fail_msg("this key was not shipped");
	return NULL;
}

const struct sent *offer_as(struct house *h,
				   const struct msg_key_party *p)
{
	struct msg_key_offer m = { .party = *p };

	assert_int_equal(tell(h, MSG_KEY_OFFER, 5, &m, sizeof m, NULL), 0);
	assert_int_equal(last(h, MSG_KEY_OFFERED)->id, 5);
	return last(h, MSG_KEY_OFFERED);
}

const struct sent *offer(struct house *h, uint64_t call)
{
	struct msg_key_party p = party(call, "sip:alice@a.example",
				       "sip:bob@b.example");

	return offer_as(h, &p);
}

const struct sent *answer_as(struct house *h, const struct msg_key_party *p,
			     const struct sent *message, struct where w)
{
	struct msg_key_answer m = {
		.party = *p,
		.origin = { .dialog = { w.dialog }, .branch = { w.branch },
			    .cseq = w.cseq },
		.len = (uint32_t)message->tail_len,
	};

	assert_int_equal(tell(h, MSG_KEY_ANSWER, 6, &m, sizeof m, message),
			 0);
	assert_int_equal(last(h, MSG_KEY_ANSWERED)->id, 6);
	return last(h, MSG_KEY_ANSWERED);
}

const struct sent *answer(struct house *h, const struct sent *message,
				 struct where w)
{
	struct msg_key_party p = party(w.call, "sip:bob@b.example",
				       "sip:alice@a.example");

	p.line[0] = (struct msg_key_line){
		.stream = w.stream ? w.stream : 21, .ssrc = 0x22222222,
	};
	return answer_as(h, &p, message, w);
}

const struct sent *finish(struct house *h, uint64_t exchange,
				 uint32_t branch, const struct sent *message)
{
	struct msg_key_finish m = { .exchange = exchange, .branch = branch,
				    .len = (uint32_t)message->tail_len };

	assert_int_equal(tell(h, MSG_KEY_FINISH, 7, &m, sizeof m, message),
			 0);
	return last(h, MSG_KEY_FINISHED);
}

void drop(struct house *h, uint64_t exchange)
{
	struct msg_key_drop m = { exchange };

	assert_int_equal(tell(h, MSG_KEY_DROP, 0, &m, sizeof m, NULL), 0);
}

void won(struct house *h, uint64_t call)
{
	struct msg_key_won m = { call };

	assert_int_equal(tell(h, MSG_KEY_WON, 0, &m, sizeof m, NULL), 0);
}

void release(struct house *h, uint64_t call)
{
	struct msg_key_release m = { call };

	assert_int_equal(tell(h, MSG_KEY_RELEASE, 0, &m, sizeof m, NULL), 0);
}
