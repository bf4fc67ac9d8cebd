/* fuzz_relay.c - what a taken engine can say to the relay, between a keeper's
 * keys: sequences of well-formed messages, with sockets on loopback and a
 * worker behind them. Each step is an octet that chooses what is done and a
 * few that choose the values. Answers must fit what was asked; after the end
 * nothing may be left. */
#include "daemon/base/buf.h"
#include "daemon/base/log.h"
#include "daemon/relay/control.h"
#include "modules/srtp/transforms.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define KEEPER_EPOCH (UINT64_C(3) << 32)
#define PORT_MIN 23400
#define PORT_MAX 23431

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct house {
	struct control *control;
	struct settings settings;
	struct clock clock;
	_Atomic uint64_t ahead_us;
	struct reader in;
	uint64_t id;
	uint64_t added; /* streams */
	uint8_t asked[STREAM_MAX]; /* enum stream_seal, of the last add */
};

static uint64_t mono(void *user)
{
	return clock_mono_us(&clock_system) + ((struct house *)user)->ahead_us;
}

/* The ports that the kernel guards are those of tunnels, and of no others. */
static void check_ports(const struct house *h,
			const struct msg_stream_added *a)
{
	for (unsigned i = 0; i < a->n; i++)
		if ((a->port[i].local[OUTSIDE].port > PORT_MAX) !=
			    (h->asked[i] == STREAM_TUNNEL) ||
		    a->port[i].local[INSIDE].port > PORT_MAX)
			abort();
}

static void say(void *user, enum message type, uint64_t id, const void *body,
		size_t len)
{
	struct house *h = user;
	const struct msg_stream_added *a = body;

	if (!len || id > h->id)
		abort();
	if (type == MSG_STREAM_ADDED && !a->err) {
		h->added += a->n;
		check_ports(h, a);
	}
}

/* As a policy with a plain peer, and now and then as one without. */
static bool may_clear(void *user)
{
	return ((struct house *)user)->id % 5 != 0;
}

static bool may_tunnel(void *user, bool sealed)
{
	return ((struct house *)user)->id % (sealed ? 11 : 7) != 0;
}

static void give(struct house *h, enum process from, enum message type,
		 const void *body, size_t len)
{
	uint64_t *copy = calloc(len / 8 + 1, sizeof *copy);
	struct ipc_msg m = { .type = type, .id = ++h->id, .body = copy,
			     .len = len, .fd = -1 };

	if (!copy)
		return;
	memcpy(copy, body, len);
	control_message(h->control, from, &m);
	free(copy);
}

static uint8_t octet(struct house *h)
{
	return reader_u8(&h->in);
}

/* -- steps ---------------------------------------------------------------- */

static void do_add(struct house *h)
{
	uint8_t how = octet(h);
	struct msg_stream_add m = { .call = how & 3 };

	m.n = (how >> 2) % (STREAM_MAX + 1);
	for (unsigned i = 0; i < m.n; i++) {
		how = octet(h);
		m.line[i] = (struct msg_stream_line){
			.family = { how & 1 ? 6 : 4, how & 2 ? 6 : 4 },
			.sealed = (how >> 2) & 3,
			.clock_hz = how & 0x80 ? 0xffffffff : 0 };
		if ((how & 0x78) == 0x78)
			m.line[i].family[0] = how;
		h->asked[i] = m.line[i].sealed;
	}
	give(h, PROC_ENGINE, MSG_STREAM_ADD, &m, sizeof m);
}

static struct addr address(struct house *h)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "::1",
					     "::", "192.0.2.1", "127.0.0.1" };
	uint8_t how = octet(h);
	struct addr a = { 0 };

	if (how % 8 < 6 && addr_parse(hosts[how % 8], &a))
		abort();
	a.port = (uint16_t)(PORT_MIN + (how >> 3));
	if (how == 0xff)
		a.port = 0xffff;
	if (how == 0xfe)
		a.family = 5;
	return a;
}

static uint64_t key_id(struct house *h)
{
	uint8_t how = octet(h);

	return how & 0x80 ? how & 1 : KEEPER_EPOCH | (how & 31);
}

static void do_set(struct house *h)
{
	uint8_t how = octet(h);
	struct msg_stream_set m = { .stream = octet(h) % 20 };

	m.set_remote[0] = how & 1;
	m.set_remote[1] = how >> 1 & 1;
	m.set_keys = how >> 2 & 1;
	m.may_send = how >> 3 & 1;
	m.rtcp_mux[0] = how >> 4 & 1;
	m.rtcp_mux[1] = how >> 5 & 1;
	if (how >> 6 == 3)
		m.may_send = how;
	for (int f = 0; f < 2; f++) {
		m.remote[f] = address(h);
		m.remote_rtcp[f] = address(h);
	}
	m.key.send = key_id(h);
	m.key.recv = key_id(h);
	give(h, PROC_ENGINE, MSG_STREAM_SET, &m, sizeof m);
}

static void do_key(struct house *h)
{
	uint8_t how = octet(h);
	struct msg_key m = { .key_id = key_id(h), .call = how & 3,
			     .stream = octet(h) % 20,
			     .direction = how >> 2 & 1, .ssrc = how >> 3 };

	m.key.suite = SUITE_AES_CM_128_HMAC_SHA1_80;
	m.key.key_len = 16;
	m.key.salt_len = 14;
	memset(m.key.key, (int)m.key_id, 16);
	give(h, PROC_KEEPER, MSG_KEY, &m, sizeof m);
}

static void do_key_gone(struct house *h)
{
	struct msg_key_gone m = { key_id(h) };

	give(h, PROC_KEEPER, MSG_KEY_GONE, &m, sizeof m);
}

static void do_del(struct house *h)
{
	struct msg_stream_del m = { octet(h) % 20 };

	give(h, PROC_ENGINE, MSG_STREAM_DEL, &m, sizeof m);
}

static void do_get(struct house *h)
{
	struct msg_stream_get m = { octet(h) % 20 };

	give(h, PROC_ENGINE, MSG_STREAM_GET, &m, sizeof m);
}

static void do_time(struct house *h)
{
	static const uint64_t step[] = { 0, 1000, 100000, 5100000 };
	struct pollfd p = { .fd = control_fd(h->control), .events = POLLIN };
	uint8_t how = octet(h);

	h->ahead_us += step[how & 3];
	if (how & 4)
		poll(&p, 1, 1);
	control_tick(h->control);
	control_answers(h->control);
}

static void do_other(struct house *h)
{
	uint32_t m[512] = { octet(h) % 20 }; /* as long as the longest */

	give(h, octet(h) % PROC_COUNT, octet(h) % MSG_COUNT, m, sizeof m);
}

static void do_clear(struct house *h)
{
	if (octet(h) > 200)
		control_clear(h->control);
}

static void (*const steps[])(struct house *h) = {
	do_add, do_set, do_key, do_key_gone, do_del, do_get, do_time, do_other,
	do_clear, do_set, do_key, do_key, do_set, do_time,
};

static bool house_open(struct house *h)
{
	struct control_conf conf = { .settings = &h->settings, .tell = say,
				     .may_clear = may_clear,
				     .may_tunnel = may_tunnel,
				     .clock = &h->clock, .user = h };
	struct settings *s = &h->settings;

	h->clock = clock_system;
	h->clock.mono_us = mono;
	h->clock.user = h;
	for (int f = INSIDE; f <= OUTSIDE; f++)
		if (addr_parse("127.0.0.1", &s->face[f].media[0]) ||
		    addr_parse("::1", &s->face[f].media[1]))
			return false;
	if (net_parse("127.0.0.1/32", &s->face[0].nets[0]))
		return false;
	s->face[0].n_nets = 1;
	s->port_min = PORT_MIN;
	s->port_max = PORT_MAX;
	s->tunnel.port_min = PORT_MAX + 1;
	s->tunnel.port_max = PORT_MAX + 8;
	s->workers = 1;
	s->media_loop = "epoll";
	s->media_timeout_s = 1;
	return !control_new(&conf, &h->control) &&
	       !control_start(h->control, &evp_transform);
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct house *h = calloc(1, sizeof *h);
	struct control_counts counts;

	log_to(quiet);
	if (h && house_open(h)) {
		h->in = reader_of(data, size);
		for (int i = 0; i < 300 && h->in.len && !h->in.err; i++)
			steps[octet(h) % 14](h);
		control_counts(h->control, &counts);
		if (counts.streams > h->added)
			abort();
	}
	if (h)
		control_free(h->control);
	free(h);
	return 0;
}
