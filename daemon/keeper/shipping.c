/* shipping.c - see shipping.h. A key id is bound at birth to call, stream and
 * direction, or to call and tunnel, and never reused; who gets the key checks
 * the binding. What could not be sent wholly is taken back wholly.
 *
 * A stream's keys are kept, for a relay that was started again: it draws a new
 * SSRC, so that no index comes twice. A tunnel's keys leave us once and are not
 * kept: the IV of GCM is the sequence number (RFC 4106 3.1), which begins anew
 * with each SA, so that a key installed twice would give both streams away.
 * After a restart of the tunnel process only another exchange helps. */
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

static int to(const struct shipping *s, enum process holder, enum message type,
	      const void *body, size_t len)
{
	return s->services->send(s->services->user, holder, type, 0, body, len,
				 NULL, 0);
}

static int ship(void *user, const struct msg_key *key)
{
	const struct shipping *s = user;
	int r = to(s, PROC_RELAY, MSG_KEY, key, sizeof *key);

	/* a relay that is not there gets it when it comes */
	return r == E_CLOSED ? 0 : r;
}

void shipping_gone(void *user, enum process holder, uint64_t key_id)
{
	const struct msg_key_gone gone = { .key_id = key_id };

	to(user, holder, holder == PROC_RELAY ? MSG_KEY_GONE
					      : MSG_TUNNEL_KEY_GONE,
	   &gone, sizeof gone);
}

void shipping_drop(struct shipping *s, uint64_t call,
		   const struct msg_key_ids *ids, size_t n)
{
	enum process holder;

	for (size_t i = 0; i < n; i++) {
		const uint64_t all[] = { ids[i].send, ids[i].recv,
					 ids[i].tunnel };

		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			if (all[k] && docket_key_gone(s->dockets, call,
						      all[k], &holder))
				shipping_gone(s, holder, all[k]);
	}
}

/* -- streams -------------------------------------------------------------- */

/* One direction of one line: kept, then shipped. */
static int add_key(struct shipping *s, struct msg_key *key, uint64_t *id)
{
	enum process holder;
	int r = shipping_id(s, id);

	key->key_id = *id;
	if (!r)
		r = docket_key(s->dockets, PROC_RELAY, key);
	if (!r && (r = ship(s, key)))
		docket_key_gone(s->dockets, key->call, *id, &holder);
	if (r)
		*id = 0;
	return r;
}

static int add_line(struct shipping *s, const struct shipping_for *what,
		    const struct keying_result *res, size_t i,
		    struct msg_key_ids *ids)
{
	const struct msg_key_line *line = &what->line[i];
	struct msg_key key = { .call = what->call, .stream = line->stream,
			       .direction = KEY_SEND, .ssrc = line->ssrc,
			       .key = res->send[i] };
	int r = add_key(s, &key, &ids->send);

	if (!r) {
		key.direction = KEY_RECV;
		key.ssrc = res->recv_ssrc[i];
		key.key = res->recv[i];
		r = add_key(s, &key, &ids->recv);
	}
	wipe(&key, sizeof key);
	return r;
}

/* -- tunnels -------------------------------------------------------------- */

static void fill_tunnel(struct msg_tunnel_key *key,
			const struct shipping_for *what,
			const struct esp_result *esp, size_t i)
{
	const struct esp_tunnel *t = &esp->tunnel[i];

	*key = (struct msg_tunnel_key){
		.key_id = key->key_id, .call = what->call,
		.tunnel = what->line[i].tunnel,
		.life_s = esp->life_s, .life_kib = esp->life_kib,
		.window = esp->window, .mode = (uint8_t)esp->mode,
		.scope = (uint8_t)esp->scope, .udp = t->udp,
		.ike = esp->ike,
		.near = t->near, .far = t->far, .in = t->in, .out = t->out,
	};
	strncpy(key->peer, what->peer, sizeof key->peer - 1);
}

/* One id for both directions. */
static int add_tunnel(struct shipping *s, const struct shipping_for *what,
		      const struct keying_result *res, size_t i,
		      struct msg_key_ids *ids)
{
	struct msg_tunnel_key key = { .key_id = 0 };
	enum process holder;
	int r = shipping_id(s, &key.key_id);

	if (!r)
		r = docket_key(s->dockets, PROC_TUNNEL, &(struct msg_key){
			       .key_id = key.key_id, .call = what->call,
			       .stream = what->line[i].stream });
	if (r)
		return r;
	fill_tunnel(&key, what, &res->esp, i);
	r = to(s, PROC_TUNNEL, MSG_TUNNEL_KEY, &key, sizeof key);
	if (r)
		docket_key_gone(s->dockets, what->call, key.key_id, &holder);
	else
		ids->tunnel = key.key_id;
	wipe(&key, sizeof key);
	return r;
}

/* All keys of a result, or none. */
int shipping_add(struct shipping *s, const struct shipping_for *what,
		 const struct keying_result *res, struct msg_key_ids *ids)
{
	size_t n = keying_keyed(res);
	int r = 0;

	memset(ids, 0, STREAM_MAX * sizeof *ids);
	for (size_t i = 0; i < res->n && !r; i++)
		r = add_line(s, what, res, i, &ids[i]);
	for (size_t i = 0; i < res->esp.n && !r; i++)
		r = add_tunnel(s, what, res, i, &ids[i]);
	if (r) {
		shipping_drop(s, what->call, ids, n);
		memset(ids, 0, STREAM_MAX * sizeof *ids);
	}
	return r;
}

int shipping_again(struct shipping *s)
{
	return dockets_each_key(s->dockets, ship, s);
}
