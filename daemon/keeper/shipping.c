/* shipping.c - see shipping.h. A key id is bound at birth to call, stream and
 * direction, and never reused; the relay checks the binding. What could not
 * be sent wholly is taken back wholly. */
#include "daemon/keeper/shipping.h"

#include "daemon/base/err.h"

#include <string.h>

/* Ids are never reused: 2^32 of an epoch, then the keeper wants a restart. */
int shipping_id(struct shipping *s, uint64_t *out)
{
	if (s->counter == UINT32_MAX)
		return E_FULL;
	*out = (uint64_t)s->epoch << 32 | ++s->counter;
	return 0;
}

static int to_relay(const struct shipping *s, enum message type,
		    const void *body, size_t len)
{
	return s->services->send(s->services->user, PROC_RELAY, type, 0, body,
				 len, NULL, 0);
}

static int ship(void *user, const struct msg_key *key)
{
	const struct shipping *s = user;
	int r = to_relay(s, MSG_KEY, key, sizeof *key);

	/* a relay that is not there gets it when it comes */
	return r == E_CLOSED ? 0 : r;
}

void shipping_gone(void *user, uint64_t key_id)
{
	const struct msg_key_gone gone = { .key_id = key_id };

	to_relay(user, MSG_KEY_GONE, &gone, sizeof gone);
}

/* One direction of one line: kept, then shipped. */
static int add_key(struct shipping *s, struct msg_key *key, uint64_t *id)
{
	int r = shipping_id(s, id);

	key->key_id = *id;
	if (!r)
		r = docket_key(s->dockets, key);
	if (!r && (r = ship(s, key)))
		docket_key_gone(s->dockets, key->call, *id);
	if (r)
		*id = 0;
	return r;
}

void shipping_drop(struct shipping *s, uint64_t call,
		   const struct msg_key_ids *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint64_t both[2] = { ids[i].send, ids[i].recv };

		for (size_t k = 0; k < 2; k++)
			if (both[k] &&
			    docket_key_gone(s->dockets, call, both[k]))
				shipping_gone(s, both[k]);
	}
}

static int add_line(struct shipping *s, const struct msg_key_line *line,
		    struct msg_key *key, const struct keying_result *res,
		    size_t i, struct msg_key_ids *ids)
{
	int r;

	key->stream = line->stream;
	key->direction = KEY_SEND;
	key->ssrc = line->ssrc;
	key->key = res->send[i];
	r = add_key(s, key, &ids->send);
	if (r)
		return r;
	key->direction = KEY_RECV;
	key->ssrc = res->recv_ssrc[i];
	key->key = res->recv[i];
	return add_key(s, key, &ids->recv);
}

/* All keys of a result, or none. */
int shipping_add(struct shipping *s, uint64_t call,
		 const struct msg_key_line *line,
		 const struct keying_result *res, struct msg_key_ids *ids)
{
	struct msg_key key = { .call = call };
	int r = 0;

	memset(ids, 0, STREAM_MAX * sizeof *ids);
	for (size_t i = 0; i < res->n && !r; i++)
		r = add_line(s, &line[i], &key, res, i, &ids[i]);
	wipe(&key, sizeof key);
	if (r) {
		shipping_drop(s, call, ids, res->n);
		memset(ids, 0, STREAM_MAX * sizeof *ids);
	}
	return r;
}

int shipping_again(struct shipping *s)
{
	return dockets_each_key(s->dockets, ship, s);
}
