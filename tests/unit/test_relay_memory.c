/* test_relay_memory.c - the relay when memory runs out at any allocation:
 * either it does what was asked, or it says so and leaks nothing (the
 * sanitizer and valgrind runs look). Workers are not started, so that the
 * order of allocations is the same each time. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/relay/control.h"
#include "daemon/relay/packet.h"
#include "modules/srtp/transforms.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define CALL 5

static struct msg_stream_added added;
static int last_done;

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

static void tell(void *user, enum message type, uint64_t id, const void *body,
		 size_t len)
{
	const struct msg_stream_done *done = body;

	(void)user;
	(void)id;
	if (type == MSG_STREAM_ADDED)
		memcpy(&added, body, len);
	if (type == MSG_STREAM_DONE)
		last_done = done->err;
}

static struct settings settings;

static int setup(void **state)
{
	(void)state;
	log_to(quiet);
	for (int f = INSIDE; f <= OUTSIDE; f++)
		addr_parse("127.0.0.1", &settings.face[f].media[0]);
	net_parse("127.0.0.0/8", &settings.face[INSIDE].nets[0]);
	settings.face[INSIDE].n_nets = 1;
	settings.port_min = 21200;
	settings.port_max = 21279;
	settings.tunnel.port_min = 23460;
	settings.tunnel.port_max = 23467;
	settings.workers = 2;
	return 0;
}

static void give(struct control *c, enum process from, enum message type,
		 void *body)
{
	struct ipc_msg m = { .type = type, .body = body, .fd = -1 };

	assert_int_equal(control_message(c, from, &m), 0);
}

static struct srtp_key some_key(void)
{
	return (struct srtp_key){ .suite = SUITE_AEAD_AES_128_GCM,
				  .key_len = 16, .salt_len = 12 };
}

static void ask_all(struct control *c)
{
	struct msg_stream_add add = { .call = CALL, .n = 2 };
	struct msg_stream_set set = { .set_keys = 1, .may_send = 1,
				      .key = { .send = 1, .recv = 2 } };
	struct msg_key key = { .key_id = 1, .call = CALL, .key = some_key() };
	struct msg_stream_get get;
	struct msg_stream_del del;
	struct msg_key_gone gone = { 1 };

	for (int i = 0; i < 2; i++)
		add.line[i] = (struct msg_stream_line){ .family = { 4, 4 },
							.sealed = 1 };
	memset(&added, 0, sizeof added);
	last_done = 0;
	give(c, PROC_ENGINE, MSG_STREAM_ADD, &add);
	if (added.err) {
		assert_int_equal(added.err, E_NOMEM);
		assert_int_equal(added.n, 0);
		return;
	}
	key.stream = set.stream = get.stream = del.stream =
		added.port[0].stream;
	give(c, PROC_ENGINE, MSG_STREAM_SET, &set); /* parked */
	give(c, PROC_KEEPER, MSG_KEY, &key);
	key.key_id = 2;
	key.direction = KEY_RECV;
	give(c, PROC_KEEPER, MSG_KEY, &key);
	/* E_NOTFOUND: the key came, but could not be held */
	assert_true(last_done == 0 || last_done == E_NOMEM ||
		    last_done == E_NOTFOUND);
	give(c, PROC_ENGINE, MSG_STREAM_GET, &get);
	give(c, PROC_KEEPER, MSG_KEY_GONE, &gone);
	give(c, PROC_ENGINE, MSG_STREAM_DEL, &del);
}

static bool may_clear(void *user)
{
	(void)user;
	return true;
}

static bool may_tunnel(void *user, bool sealed)
{
	(void)user;
	(void)sealed;
	return true;
}

static void control_once(void *user)
{
	struct control_conf conf = { .settings = &settings, .tell = tell,
				     .may_clear = may_clear,
				     .may_tunnel = may_tunnel,
				     .clock = &clock_system };
	struct control *c;
	int r;

	settings.media_loop = user;
	r = control_new(&conf, &c);
	if (r) {
		assert_true(r == E_NOMEM || r == E_UNSUPPORTED);
		return;
	}
	ask_all(c);
	control_free(c);
}

static void control_copes(void **state)
{
	static char epoll[] = "epoll", any[] = "auto";

	(void)state;
	assert_true(alloc_walk(control_once, epoll) > 10);
	assert_true(alloc_walk(control_once, any) > 10);
}

static struct relay_env env = { .transform = &evp_transform };

static struct stream_change change_of(uint64_t send, uint64_t recv)
{
	struct stream_change c = {
		.set = { .set_keys = 1, .may_send = 1,
			 .key = { .send = send, .recv = recv } },
		.has_key = { true, true },
	};

	c.key[KEY_SEND] = (struct msg_key){ .key_id = send,
					    .key = some_key() };
	c.key[KEY_RECV] = (struct msg_key){ .key_id = recv,
					    .key = some_key() };
	return c;
}

static void stream_once(void *user)
{
	struct stream_seed seed = { .env = &env, .id = 1, .ssrc = 1,
				    .sealed = true };
	struct stream_change c = change_of(1, 2);
	struct stream *s;
	int r;

	(void)user;
	if (stream_new(&seed, &s))
		return;
	r = stream_set(s, &c, 1);
	assert_true(r == 0 || r == E_NOMEM);
	assert_int_equal(s->send.id, r ? 0 : 1);
	assert_true(!s->recv[0] == !!r);
	c = change_of(3, 4);
	if (!r && stream_set(s, &c, 2))
		assert_int_equal(s->send.id, 1); /* as it was */
	stream_free(s);
}

static void stream_copes(void **state)
{
	(void)state;
	assert_true(alloc_walk(stream_once, NULL) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_copes),
		cmocka_unit_test(stream_copes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
