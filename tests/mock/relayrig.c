/* relayrig.c - the relay without its process. See relayrig.h. */
#include "tests/mock/relayrig.h"

#include "daemon/base/err.h"
#include "tests/mock/slow.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define WAIT_MS 2000

/* -- the relay ------------------------------------------------------------ */

static uint64_t mono_us(void *user)
{
	struct rig *r = user;

	return clock_mono_us(&clock_system) + r->ahead_us;
}

static void tell(void *user, enum message type, uint64_t id, const void *body,
		 size_t len)
{
	struct rig *r = user;
	struct rig_message *m = &r->inbox[r->n_inbox];

	assert_true(r->n_inbox < RIG_INBOX);
	*m = (struct rig_message){ .type = type, .id = id };
	memcpy(&m->added, body, len);
	r->n_inbox++;
}

/* valgrind 3.19 waits for ever in a ring that was created disabled. */
const char *rig_loop(const char *name)
{
	return under_valgrind() ? "epoll" : name;
}

static void read_settings(struct rig *r)
{
	struct settings *s = &r->settings;
	struct addr host;

	assert_int_equal(addr_parse("127.0.0.1", &host), 0);
	for (int f = INSIDE; f <= OUTSIDE; f++) {
		s->face[f].media[0] = host;
		assert_int_equal(addr_parse("::1", &s->face[f].media[1]), 0);
	}
	assert_int_equal(net_parse("127.0.0.1/32", &s->face[0].nets[0]), 0);
	assert_int_equal(net_parse("::1/128", &s->face[0].nets[1]), 0);
	s->face[0].n_nets = 2;
	s->port_min = r->conf.port_min ? r->conf.port_min : 21200;
	s->port_max = r->conf.port_max ? r->conf.port_max : 21279;
	s->tunnel.port_min = RIG_TUNNEL_MIN;
	s->tunnel.port_max = RIG_TUNNEL_MAX;
	s->workers = r->conf.workers;
	s->media_loop = rig_loop(r->conf.loop);
	s->media_timeout_s = r->conf.timeout_s;
	s->media_silence_s = r->conf.silence_s;
	s->media_grace_s = 5;
}

static bool may_clear(void *user)
{
	const struct rig *r = user;

	return !r->conf.only_sealed;
}

static bool may_tunnel(void *user, bool sealed)
{
	const struct rig *r = user;

	return sealed ? r->conf.within : r->conf.tunnels;
}

void rig_open(struct rig *r, const struct rig_conf *conf)
{
	struct control_conf c = { .settings = &r->settings, .tell = tell,
				  .may_clear = may_clear,
				  .may_tunnel = may_tunnel,
				  .clock = &r->clock, .user = r };

	memset(r, 0, sizeof *r);
	r->conf = *conf;
	r->clock = clock_system;
	r->clock.mono_us = mono_us;
	r->clock.user = r;
	read_settings(r);
	assert_int_equal(control_new(&c, &r->control), 0);
	assert_int_equal(control_start(r->control, conf->transform), 0);
}

void rig_close(struct rig *r)
{
	control_free(r->control);
}

static int give(struct rig *r, enum process from, enum message type,
		void *body)
{
	struct ipc_msg m = { .type = type, .id = ++r->last_id, .body = body,
			     .fd = -1 };

	return control_message(r->control, from, &m);
}

struct srtp_key rig_key_of(const struct rig *r, uint64_t key_id)
{
	const struct suite_info *info = suite_info(r->conf.suite);
	struct srtp_key k = { .suite = r->conf.suite,
			      .key_len = info->key_len,
			      .salt_len = info->salt_len };

	memset(k.key, (uint8_t)key_id, k.key_len);
	memset(k.salt, (uint8_t)~key_id, k.salt_len);
	return k;
}

int rig_add(struct rig *r, unsigned n, enum stream_seal sealed)
{
	struct msg_stream_add m = { .call = RIG_CALL, .n = n };

	for (unsigned i = 0; i < n && i < STREAM_MAX; i++)
		m.line[i] = (struct msg_stream_line){ .family = { 4, 4 },
						      .sealed = sealed };
	return give(r, PROC_ENGINE, MSG_STREAM_ADD, &m);
}

int rig_key(struct rig *r, uint64_t key_id, uint32_t stream,
	    enum key_direction d)
{
	struct msg_key m = { .key_id = key_id, .call = RIG_CALL,
			     .stream = stream, .direction = d,
			     .key = rig_key_of(r, key_id) };

	return give(r, PROC_KEEPER, MSG_KEY, &m);
}

int rig_key_gone(struct rig *r, uint64_t key_id)
{
	struct msg_key_gone m = { key_id };

	return give(r, PROC_KEEPER, MSG_KEY_GONE, &m);
}

int rig_set(struct rig *r, const struct msg_stream_set *m)
{
	struct msg_stream_set copy = *m;

	return give(r, PROC_ENGINE, MSG_STREAM_SET, &copy);
}

int rig_get(struct rig *r, uint32_t stream)
{
	struct msg_stream_get m = { stream };

	return give(r, PROC_ENGINE, MSG_STREAM_GET, &m);
}

int rig_del(struct rig *r, uint32_t stream)
{
	struct msg_stream_del m = { stream };

	return give(r, PROC_ENGINE, MSG_STREAM_DEL, &m);
}

/* -- answers -------------------------------------------------------------- */

static bool take(struct rig *r, enum message type, struct rig_message *out)
{
	for (unsigned i = 0; i < r->n_inbox; i++) {
		if (r->inbox[i].type != type)
			continue;
		*out = r->inbox[i];
		r->n_inbox--;
		memmove(&r->inbox[i], &r->inbox[i + 1],
			(r->n_inbox - i) * sizeof *r->inbox);
		return true;
	}
	return false;
}

static bool wait_for(struct rig *r, enum message type, unsigned ms,
		     struct rig_message *out)
{
	uint64_t end = clock_mono_us(&clock_system) + ms * 1000ull;
	struct pollfd p = { .fd = control_fd(r->control), .events = POLLIN };

	while (!take(r, type, out)) {
		if (clock_mono_us(&clock_system) > end)
			return false;
		poll(&p, 1, 5);
		control_tick(r->control);
		control_answers(r->control);
	}
	return true;
}

struct rig_message rig_wait(struct rig *r, enum message type)
{
	struct rig_message m = { 0 };

	if (!wait_for(r, type, WAIT_MS, &m))
		fail_msg("no %s came", message_name(type));
	return m;
}

bool rig_heard(struct rig *r, enum message type, unsigned ms)
{
	struct rig_message m;

	return wait_for(r, type, ms, &m);
}

struct msg_stream_port rig_stream(struct rig *r, enum stream_seal sealed)
{
	struct rig_message m;

	assert_int_equal(rig_add(r, 1, sealed), 0);
	m = rig_wait(r, MSG_STREAM_ADDED);
	assert_int_equal(m.added.err, 0);
	assert_int_equal(m.added.n, 1);
	return m.added.port[0];
}

int rig_done(struct rig *r)
{
	return rig_wait(r, MSG_STREAM_DONE).done.err;
}

struct msg_stream_stats rig_stats(struct rig *r, uint32_t stream)
{
	assert_int_equal(rig_get(r, stream), 0);
	return rig_wait(r, MSG_STREAM_STATS).stats;
}

struct msg_stream_port rig_sealed(struct rig *r, const struct rig_end *phone,
				  const struct rig_end *far, uint64_t send,
				  uint64_t recv)
{
	struct msg_stream_port p = rig_stream(r, true);
	struct msg_stream_set m = {
		.stream = p.stream, .set_remote = { 1, 1 }, .set_keys = 1,
		.may_send = 1, .remote = { phone->local, far->local },
		.key = { .send = send, .recv = recv },
	};

	assert_int_equal(rig_key(r, send, p.stream, KEY_SEND), 0);
	assert_int_equal(rig_key(r, recv, p.stream, KEY_RECV), 0);
	assert_int_equal(rig_set(r, &m), 0);
	assert_int_equal(rig_done(r), 0);
	return p;
}

/* -- packets -------------------------------------------------------------- */

void rig_end_open(struct rig_end *e, unsigned port)
{
	struct sockaddr_storage sa;
	struct addr a;
	socklen_t len;

	assert_int_equal(addr_parse("127.0.0.1", &e->local), 0);
	e->local.port = (uint16_t)port;
	for (int i = 0; i < 2; i++) {
		a = e->local;
		a.port = (uint16_t)(port + (unsigned)i);
		len = addr_to_sockaddr(&a, &sa);
		e->fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		assert_true(e->fd[i] >= 0);
		assert_int_equal(bind(e->fd[i], (struct sockaddr *)&sa, len),
				 0);
	}
}

void rig_end_close(struct rig_end *e)
{
	close(e->fd[0]);
	close(e->fd[1]);
}

void rig_send(const struct rig_end *e, int component, const struct addr *to,
	      const void *pkt, size_t len)
{
	struct addr a = *to;
	struct sockaddr_storage sa;
	socklen_t sa_len;

	a.port = (uint16_t)(a.port + component);
	sa_len = addr_to_sockaddr(&a, &sa);
	assert_int_equal(sendto(e->fd[component], pkt, len, 0,
				(struct sockaddr *)&sa, sa_len), len);
}

size_t rig_recv(const struct rig_end *e, int component, void *pkt, size_t room,
		unsigned ms)
{
	struct pollfd p = { .fd = e->fd[component], .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, (int)ms) <= 0)
		return 0;
	n = recv(e->fd[component], pkt, room, 0);
	assert_true(n >= 0);
	return (size_t)n;
}

static void put(uint8_t *p, size_t n, uint32_t v)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

void rig_rtp(uint8_t *pkt, uint32_t ssrc, uint16_t seq, uint32_t timestamp,
	     uint8_t text)
{
	memset(pkt, text, RIG_RTP_LEN);
	put(pkt, 2, 0x8000);
	put(pkt + 2, 2, seq);
	put(pkt + 4, 4, timestamp);
	put(pkt + 8, 4, ssrc);
}
