/* fuzz_tunnel.c - what a taken engine can say to the tunnel process, between a
 * keeper's keys: sequences of well-formed messages, with a role behind them
 * that aborts on a pair that is not there, on keys for another end than the
 * pair's, and on a second raising. After the end nothing may be left. Each step
 * is an octet that chooses what is done and a few that choose the values. */
#include "daemon/base/buf.h"
#include "daemon/base/log.h"
#include "daemon/tunnel/tunnels.h"
#include "tests/mock/maker.h"

#include <stdlib.h>
#include <string.h>

#define KEEPER_EPOCH (UINT64_C(3) << 32)
#define NEAR_4 { { .family = 4, .ip = { 10, 5 } }, 16 }
#define NEAR_6 { { .family = 6, .ip = { 0xfd, 5 } }, 16 }
#define FAR_4 { { .family = 4, .ip = { 10, 7 } }, 16 }
#define FAR_6 { { .family = 6, .ip = { 0xfd, 7 } }, 16 }
#define PORT_MIN 40000
#define PORT_MAX 40031

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct house {
	struct tunnels *tunnels;
	struct maker maker;
	struct clock clock;
	uint64_t now_us, id;
	struct reader in;
	struct addr local[64]; /* of tunnels, by their ids */
	uint32_t spi[64];
	struct msg_tunnel_reserve asked;
};

static uint64_t mono(void *user)
{
	return ((struct house *)user)->now_us;
}

static void say(void *user, enum message type, uint64_t id,
		const struct ipc_msg *m)
{
	struct house *h = user;
	const struct msg_tunnel_reserved *a = m->body;

	if (!m->len || id > h->id)
		abort();
	if (m->tail_len + m->len > IPC_BODY_MAX)
		abort();
	for (uint32_t i = 0; type == MSG_TUNNEL_RESERVED && i < a->n; i++) {
		h->local[a->tunnel[i] % 64] = h->asked.local[i];
		h->spi[a->tunnel[i] % 64] = a->spi[i];
	}
}

static void give(struct house *h, enum process from, enum message type,
		 void *body, size_t len)
{
	struct ipc_msg m = { .type = type, .id = ++h->id, .body = body,
			     .len = len, .fd = -1 };

	tunnels_message(h->tunnels, from, &m);
}

static uint8_t octet(struct house *h)
{
	return reader_u8(&h->in);
}

static struct addr address(struct house *h)
{
	static const char *const hosts[] = { "10.1.1.1", "10.1.1.1", "fd00::1",
					     "::", "192.0.2.1", "0.0.0.0" };
	uint8_t how = octet(h);
	struct addr a = { 0 };

	if (how % 8 < 6 && addr_parse(hosts[how % 8], &a))
		abort();
	a.port = (uint16_t)(PORT_MIN - 2 + (how >> 3));
	if (how == 0xfe)
		a.family = 5;
	return a;
}

static uint64_t key_id(struct house *h)
{
	uint8_t how = octet(h);

	return how & 0x80 ? how & 1 : KEEPER_EPOCH | (how & 31);
}

static void do_reserve(struct house *h)
{
	uint8_t how = octet(h);

	h->asked = (struct msg_tunnel_reserve){
		.call = how & 3, .n = (how >> 2) % 10,
		.scope = !(how & 0x80) ? ESP_MEDIA :
			 how & 1 ? ESP_NET : ESP_HOST };
	for (unsigned i = 0; i < h->asked.n && i < STREAM_MAX; i++) {
		h->asked.local[i] = address(h);
		if (how & 0x40)
			h->asked.local[i].port = 0;
	}
	give(h, PROC_ENGINE, MSG_TUNNEL_RESERVE, &h->asked, sizeof h->asked);
}

static void do_raise(struct house *h)
{
	struct msg_tunnel_raise m = { octet(h) % 64, octet(h) % 64,
				      key_id(h), 0, 0 };

	m.proven = (uint32_t)(m.key_id & 1);
	give(h, PROC_ENGINE, MSG_TUNNEL_RAISE, &m, sizeof m);
}

/* Mostly right, for its tunnel's end; sometimes one octet is not. */
static void do_key(struct house *h)
{
	static const struct net nets[] = { NEAR_4, NEAR_6, FAR_4, FAR_6 };
	uint8_t how = octet(h), tunnel = octet(h) % 64;
	struct msg_tunnel_key m = {
		.key_id = key_id(h), .call = how & 3, .tunnel = tunnel,
		.life_s = octet(h), .window = 32, .mode = ESP_TRANSPORT,
		.scope = ESP_MEDIA, .peer = "b",
		.in.suite = ESP_AES_128_GCM, .out.suite = ESP_AES_128_GCM };
	const struct addr *local = &h->local[tunnel], none = { 0 };
	struct addr far;
	uint16_t at = (uint16_t)(octet(h) << 8 | octet(h));

	addr_parse(local->family == 6 ? "[fd00::2]:50000" : "10.2.2.2:50000",
		   &far);
	if (local->family && !local->port) {
		m.scope = ESP_HOST;
		far.port = 0;
	}
	esp_own_end(m.scope, local, &none, 0, h->spi[tunnel], &m.near);
	esp_own_end(m.scope, &far, &none, 0, 0x5000, &m.far);
	if (m.scope == ESP_HOST && how & 4) {
		m.scope = ESP_NET;
		m.mode = ESP_TUNNEL;
		esp_net_end(nets, 2, &m.near);
		esp_net_end(nets + 2, 2, &m.far);
	}
	if (how & 0x80 && at % sizeof m < offsetof(struct msg_tunnel_key, peer))
		((uint8_t *)&m)[at % sizeof m] ^= how;
	give(h, PROC_KEEPER, MSG_TUNNEL_KEY, &m, sizeof m);
}

static void do_key_gone(struct house *h)
{
	struct msg_key_gone m = { key_id(h) };

	give(h, PROC_KEEPER, MSG_TUNNEL_KEY_GONE, &m, sizeof m);
}

static void do_drop(struct house *h)
{
	struct msg_tunnel_drop m = { octet(h) % 64 };

	give(h, PROC_ENGINE, MSG_TUNNEL_DROP, &m, sizeof m);
}

static void do_list(struct house *h)
{
	struct msg_tunnel_list m = { .after = octet(h) % 64 };

	give(h, PROC_ENGINE, MSG_TUNNEL_LIST, &m, sizeof m);
}

static void do_time(struct house *h)
{
	h->now_us += octet(h) * UINT64_C(100000);
	tunnels_tick(h->tunnels);
}

/* The kernel: an SA is at its end, or it refuses what comes next. */
static void do_kernel(struct house *h)
{
	static const int errors[] = { 0, 0, -11, -12, -9, -15 };
	uint8_t how = octet(h);
	struct tunnel_pair *p = &h->maker.pair[octet(h) % 64];

	h->maker.raise_err = errors[how % 6];
	h->maker.reserve_err = errors[how / 6 % 6];
	h->maker.turn_err = errors[how / 36 % 6];
	h->maker.heard = how & 2;
	h->maker.event_owner = p->raised ? p->owner : NULL;
	h->maker.event = how & 1 ? TUNNEL_EVENT_SOFT : TUNNEL_EVENT_GONE;
	tunnels_events(h->tunnels);
}

static void do_engine(struct house *h)
{
	tunnels_clear(h->tunnels);
	if (h->maker.there)
		abort();
}

static void (*const steps[])(struct house *h) = {
	do_reserve, do_reserve, do_key, do_key, do_key, do_raise, do_raise,
	do_raise, do_drop, do_key_gone, do_list, do_time, do_kernel, do_engine,
};

static void live(struct house *h)
{
	for (int n = 0; n < 300 && h->in.len; n++)
		steps[octet(h) % (sizeof steps / sizeof *steps)](h);
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct house *h = calloc(1, sizeof *h);
	struct settings s = { .media_grace_s = 3,
			      .tunnel = { .nets = { NEAR_4, NEAR_6 },
					  .n_nets = 2, .port_min = PORT_MIN,
					  .port_max = PORT_MAX } };
	struct tunnels_conf conf = { .settings = &s, .tell = say };

	if (!h)
		return 0;
	log_to(quiet);
	maker_open(&h->maker);
	h->clock = (struct clock){ .mono_us = mono, .user = h };
	h->in = reader_of(data, size);
	h->now_us = 1;
	conf.clock = &h->clock;
	conf.maker = &h->maker.role;
	conf.user = h;
	addr_parse("10.1.1.1", &s.face[OUTSIDE].media[0]);
	addr_parse("fd00::1", &s.face[OUTSIDE].media[1]);
	if (!tunnels_new(&conf, &h->tunnels))
		live(h);
	tunnels_free(h->tunnels);
	if (h->maker.there)
		abort();
	free(h);
	return 0;
}
