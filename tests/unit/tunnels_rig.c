/* tunnels_rig.c - see tunnels_rig.h. */
#include "tests/unit/tunnels_rig.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct maker maker, charon;
struct tunnels *t;
uint64_t now;
struct rig_said said;


uint64_t rig_mono(void *user)
{
	(void)user;
	return now;
}

void rig_tell(void *user, enum message type, uint64_t id,
	      const struct ipc_msg *m)
{
	void *at = type == MSG_TUNNEL_RESERVED ? (void *)&said.reserved
		 : type == MSG_TUNNEL_RAISED ? (void *)&said.raised
		 : type == MSG_TUNNEL_EVENT ? (void *)&said.event
					    : (void *)&said.listed;

	(void)user;
	memcpy(at, m->body, m->len);
	said.n++;
	said.id = id;
	if (m->tail) {
		free(said.text);
		said.text = strndup((const char *)m->tail, m->tail_len);
	}
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int rig_open(void **state)
{
	static const struct clock clock = { .mono_us = rig_mono };
	struct settings s = { .media_grace_s = 10,
			      .tunnel = { .n_nets = 2, .nets = {
				{ { .family = 4, .ip = { 10, 1, 7 } }, 24 },
				{ { .family = 4, .ip = { 10, 1, 8 } }, 24 } },
			      .port_min = 40000,
					  .port_max = 41199 } };
	struct tunnels_conf conf = { .settings = &s, .clock = &clock,
				     .maker = &maker.role,
				     .charon = &charon.role, .tell = rig_tell,
				     .list_then = TUNNEL_USE_BIT };

	int r;

	(void)state;
	log_to(quiet);
	maker_open(&maker);
	maker_open_slow(&charon);
	addr_parse("10.1.1.1", &s.face[OUTSIDE].media[0]);
	addr_parse("fd00::1", &s.face[OUTSIDE].media[1]);
	now = 1000000;
	memset(&said, 0, sizeof said);
	r = tunnels_new(&conf, &t);
	charon.role.listen(&charon, &tunnels_ears, t);
	return r;
}

int rig_close(void **state)
{
	(void)state;
	tunnels_free(t);
	free(said.text);
	return maker.there || charon.there ? -1 : 0;
}

/* -- saying --------------------------------------------------------------- */

int give(enum process from, enum message type, uint64_t id, void *body,
		size_t len)
{
	struct ipc_msg m = { .type = type, .id = id, .body = body,
			     .len = len, .fd = -1 };

	return tunnels_message(t, from, &m);
}

struct addr port(unsigned n)
{
	struct addr a;

	addr_parse("10.1.1.1", &a);
	a.port = (uint16_t)n;
	return a;
}

int reserve_of(uint64_t call, unsigned at)
{
	struct msg_tunnel_reserve m = {
		.call = call, .n = 1, .scope = at ? ESP_MEDIA : ESP_HOST };

	m.local[0] = port(at);
	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RESERVE, 3, &m,
			      sizeof m), 0);
	assert_int_equal(said.id, 3);
	return said.reserved.err;
}

uint32_t reserve(unsigned at)
{
	assert_int_equal(reserve_of(CALL, at), 0);
	assert_int_equal(said.reserved.n, 1);
	return said.reserved.tunnel[0];
}

static struct esp_key a_key(uint8_t n)
{
	struct esp_key k = { .suite = ESP_AES_128_GCM, .key_len = 16,
			     .salt_len = 4 };

	memset(k.key, n, sizeof k.key);
	return k;
}

/* As the keeper would for the tunnel that was reserved last at that port. */
struct msg_tunnel_key key_of(uint32_t tunnel, unsigned at, uint64_t id)
{
	struct msg_tunnel_key m = {
		.key_id = EPOCH | id, .call = CALL, .tunnel = tunnel,
		.life_s = 3600, .window = 64, .mode = ESP_TRANSPORT,
		.scope = ESP_MEDIA, .peer = "b",
		.in = a_key((uint8_t)id), .out = a_key((uint8_t)(id + 128)) };
	struct addr near = port(at), far;

	addr_parse("10.2.2.2:50000", &far);
	assert_int_equal(esp_media_end(&near, said.reserved.spi[0], &m.near),
			 0);
	assert_int_equal(esp_media_end(&far, 0x7777, &m.far), 0);
	return m;
}

void key(struct msg_tunnel_key m)
{
	assert_int_equal(give(PROC_KEEPER, MSG_TUNNEL_KEY, 0, &m, sizeof m),
			 0);
}

void ask(uint32_t tunnel, uint64_t id, uint32_t instead)
{
	struct msg_tunnel_raise m = { .tunnel = tunnel, .instead = instead,
				     .key_id = EPOCH | id };

	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RAISE, 4, &m, sizeof m),
			 0);
}

int raise_it(uint32_t tunnel, uint64_t id, uint32_t instead)
{
	unsigned n = said.n;

	ask(tunnel, id, instead);
	assert_int_equal(said.n, n + 1);
	assert_int_equal(said.id, 4);
	assert_int_equal(said.raised.tunnel, tunnel);
	return said.raised.err;
}

void drop(uint32_t tunnel)
{
	struct msg_tunnel_drop m = { tunnel };

	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_DROP, 0, &m, sizeof m),
			 0);
}

void gone(uint64_t id)
{
	struct msg_key_gone m = { EPOCH | id };

	assert_int_equal(give(PROC_KEEPER, MSG_TUNNEL_KEY_GONE, 0, &m,
			      sizeof m), 0);
}

struct tunnels_counts counts(void)
{
	struct tunnels_counts n;

	tunnels_counts(t, &n);
	return n;
}

/* Reserved, keyed and raised. */
uint32_t up(unsigned at, uint64_t id)
{
	uint32_t tunnel = reserve(at);

	key(key_of(tunnel, at, id));
	assert_int_equal(raise_it(tunnel, id, 0), 0);
	return tunnel;
}

/* What is sent goes by the new keys of that tunnel. */
bool sends(uint32_t tunnel)
{
	for (size_t i = 0; i < MAKER_PAIRS; i++)
		if (maker.pair[i].owner &&
		    maker.pair[i].spi == 0x1000 + tunnel)
			return maker.pair[i].policies;
	return false;
}

void ask_proven(uint32_t tunnel, uint64_t id, uint32_t instead)
{
	struct msg_tunnel_raise m = { tunnel, instead, EPOCH | id, 1, 0 };

	assert_int_equal(give(PROC_ENGINE, MSG_TUNNEL_RAISE, 4, &m, sizeof m),
			 0);
}
