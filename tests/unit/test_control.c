/* The control socket: requests and replies over a real unix socket, with an
 * engine whose relay is scripted. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PLAIN "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	      "c=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

extern const struct module control_module;

static struct {
	struct rig *r;
	void *control;
	struct sockaddr_un sa;
	int listening;
} t;

static int setup(void **state)
{
	char dir[] = "/tmp/callseal-control-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	t.sa.sun_family = AF_UNIX;
	snprintf(t.sa.sun_path, sizeof t.sa.sun_path, "%s/s", dir);
	t.listening = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(t.listening, (struct sockaddr *)&t.sa,
			      sizeof t.sa), 0);
	assert_int_equal(listen(t.listening, 8), 0);
	t.r = rig_new("");
	mock_child_file(t.r->child, "control", t.listening);
	assert_int_equal(control_module.start(child_core(t.r->child),
		child_conf(t.r->child), &t.control), 0);
	return 0;
}

static int teardown(void **state)
{
	char *slash;

	(void)state;
	control_module.stop(t.control);
	rig_free(t.r);
	close(t.listening);
	unlink(t.sa.sun_path);
	slash = strrchr(t.sa.sun_path, '/');
	*slash = 0;
	rmdir(t.sa.sun_path);
	return 0;
}

static void turn(unsigned times)
{
	while (times--) {
		loop_step(engine_loop(t.r->e), 2);
		rig_pump(t.r);
	}
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&t.sa, sizeof t.sa),
			 0);
	turn(2);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* One reply line; NULL when the connection was closed. */
static char *hear(int fd)
{
	static char line[65536];
	size_t n = 0;
	ssize_t got;

	for (int i = 0; i < 200 && n < sizeof line - 1; i++) {
		got = read(fd, line + n, 1);
		if (got < 0 && errno == EAGAIN) {
			turn(1);
			continue;
		}
		if (got <= 0)
			return NULL;
		i = 0;
		if (line[n++] == '\n')
			break;
	}
	line[n] = 0;
	return line;
}

static json_t *ask(int fd, const char *request)
{
	json_t *reply;
	char *line;

	say(fd, request);
	line = hear(fd);
	assert_non_null(line);
	reply = json_loads(line, 0, NULL);
	assert_non_null(reply);
	return reply;
}

static bool ok(json_t *reply)
{
	bool yes = json_is_true(json_object_get(reply, "ok"));

	assert_int_equal(!yes, json_is_string(json_object_get(reply, "error")));
	json_decref(reply);
	return yes;
}

static void start_call(char id[static 64])
{
	struct outcome o = { 0 };

	rig_call(t.r, INSIDE, "p");
	rig_filter(t.r, INSIDE, BODY_OFFER, 0, PLAIN, &o);
	assert_true(o.passed);
	snprintf(id, 64, "%llx", (unsigned long long)call_id(t.r->call));
}

static void status(void **state)
{
	int fd = dial();
	json_t *reply = ask(fd, "{\"cmd\":\"status\"}\n");
	json_t *s = json_object_get(reply, "status");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(s, "calls")), 0);
	assert_true(json_is_true(json_object_get(json_object_get(
		json_object_get(s, "processes"), "relay"), "up")));
	assert_true(ok(reply));
	close(fd);
}

/* Nobody keeps registrations here: none, which is no error. */
static void registrations(void **state)
{
	int fd = dial();
	json_t *reply = ask(fd, "{\"cmd\":\"registrations\"}\n");
	json_t *list = json_object_get(reply, "registrations");

	(void)state;
	assert_true(json_is_array(list));
	assert_int_equal(json_array_size(list), 0);
	assert_true(ok(reply));
	close(fd);
}

/* What the relay told of the line's keys; one that it has not is not there. */
static void check_keys(const json_t *line)
{
	const json_t *key = json_object_get(line, "key_send");

	assert_null(json_object_get(line, "key_receive"));
	assert_string_equal(json_string_value(json_object_get(key, "id")),
			    "300000001");
	assert_string_equal(json_string_value(json_object_get(key, "ssrc")),
			    "0000abc0");
	assert_int_equal(json_integer_value(json_object_get(key, "roc")), 1);
	assert_int_equal(json_integer_value(json_object_get(key, "packets")),
			 5);
	assert_int_equal(json_integer_value(json_object_get(key,
							    "packets_left")),
			 1000);
}

static void calls(void **state)
{
	int fd = dial();
	char id[64], text[128];
	json_t *reply, *call;

	(void)state;
	start_call(id);
	reply = ask(fd, "{\"cmd\":\"calls\"}\n");
	call = json_array_get(json_object_get(reply, "calls"), 0);
	assert_string_equal(json_string_value(json_object_get(call, "id")),
			    id);
	assert_string_equal(json_string_value(json_object_get(call, "peer")),
			    "p");
	assert_true(ok(reply));
	snprintf(text, sizeof text, "{\"cmd\":\"call\",\"id\":\"%s\"}\n", id);
	reply = ask(fd, text);
	call = json_object_get(reply, "call");
	call = json_array_get(json_object_get(call, "streams"), 0);
	check_keys(call);
	call = json_object_get(call, "inside");
	assert_int_equal(json_integer_value(json_object_get(call,
							    "packets_in")), 42);
	assert_true(ok(reply));
	snprintf(text, sizeof text, "{\"cmd\":\"hangup\",\"id\":\"%s\"}\n", id);
	assert_true(ok(ask(fd, text)));
	assert_int_equal(t.r->hangups, 1);
	assert_false(ok(ask(fd, text)));
	reply = ask(fd, "{\"cmd\":\"calls\",\"ended\":true}\n");
	call = json_array_get(json_object_get(reply, "calls"), 0);
	assert_int_equal(json_integer_value(json_object_get(call, "status")),
			 480);
	assert_string_equal(json_string_value(json_object_get(call, "trouble")),
			    "ended by the operator");
	assert_true(ok(reply));
	close(fd);
}

/* The relay says nothing: the call is shown without new counters. */
static void relay_silent(void **state)
{
	int fd = dial();
	char id[64], text[128];

	(void)state;
	start_call(id);
	t.r->hold_relay = true;
	snprintf(text, sizeof text, "{\"cmd\":\"call\",\"id\":\"%s\"}\n"
		 "{\"cmd\":\"help\"}\n", id);
	say(fd, text);
	turn(3);
	rig_pass_time(t.r, RELAY_DEADLINE_MS + 1);
	assert_non_null(strstr(hear(fd), "\"call\""));
	assert_non_null(strstr(hear(fd), "\"commands\""));
	t.r->hold_relay = false;
	close(fd);
}

/* A call that ends, and a client that goes, while counters are on the way. */
static void gone_meanwhile(void **state)
{
	int fd = dial(), other = dial();
	char id[64], text[128];

	(void)state;
	start_call(id);
	t.r->hold_relay = true;
	snprintf(text, sizeof text, "{\"cmd\":\"call\",\"id\":\"%s\"}\n", id);
	say(fd, text);
	say(other, text);
	turn(3);
	close(other);
	turn(3);
	call_end(t.r->call, 200, "over");
	t.r->call = NULL;
	assert_non_null(strstr(hear(fd), "no such call"));
	t.r->hold_relay = false;
	turn(2);
	close(fd);
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"\n", "[]\n", "{}\n", "nonsense\n", "{\"cmd\":7}\n",
		"{\"cmd\":\"fly\"}\n", "{\"cmd\":\"call\"}\n",
		"{\"cmd\":\"call\",\"id\":\"zz\"}\n",
		"{\"cmd\":\"call\",\"id\":\" 1\"}\n",
		"{\"cmd\":\"call\",\"id\":\"\"}\n",
		"{\"cmd\":\"hangup\",\"id\":\"fffffffffffffffff\"}\n",
		"{\"cmd\":\"call\",\"id\":\"1\"}\n",
		"{\"cmd\":\"status\",\"cmd\":\"status\"}\n",
	};
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(ok(ask(fd, bad[i])));
	assert_true(ok(ask(fd, "{\"cmd\":\"help\"}\n")));
	close(fd);
}

static void reload(void **state)
{
	int fd = dial();

	(void)state;
	assert_true(ok(ask(fd, "{\"cmd\":\"reload\"}\n")));
	assert_int_equal(mock_child_reloads(t.r->child), 1);
	close(fd);
}

static void in_pieces(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "{\"cmd\":");
	turn(2);
	say(fd, "\"help\"}\n{\"cmd\":\"status\"}\n{\"cm");
	assert_non_null(strstr(hear(fd), "commands"));
	assert_non_null(strstr(hear(fd), "uptime_s"));
	say(fd, "d\":\"reload\"}\n");
	shutdown(fd, SHUT_WR);
	assert_non_null(strstr(hear(fd), "true"));
	assert_null(hear(fd));
	close(fd);
}

static void too_long(void **state)
{
	char text[5000];
	int fd = dial();

	(void)state;
	memset(text, 'x', sizeof text);
	assert_true(write(fd, text, sizeof text) > 0);
	assert_non_null(strstr(hear(fd), "too long"));
	assert_null(hear(fd));
	close(fd);
}

static void too_many(void **state)
{
	int fd[20];

	(void)state;
	for (int i = 0; i < 20; i++)
		fd[i] = dial();
	turn(5);
	assert_true(ok(ask(fd[0], "{\"cmd\":\"help\"}\n")));
	assert_null(hear(fd[19]));
	for (int i = 0; i < 20; i++)
		close(fd[i]);
	turn(25);
	fd[0] = dial();
	assert_true(ok(ask(fd[0], "{\"cmd\":\"help\"}\n")));
	close(fd[0]);
}

/* A client that asks and never reads is dropped; others go on. */
static void never_reads(void **state)
{
	int fd = dial(), other = dial(), i;
	ssize_t n = 1;

	(void)state;
	for (i = 0; i < 100000 && n > 0; i++) {
		n = send(fd, "{\"cmd\":\"help\"}\n", 15, MSG_NOSIGNAL);
		turn(i % 64 ? 0 : 1);
		if (n < 0 && errno == EAGAIN) {
			turn(20);
			n = send(fd, "x", 1, MSG_NOSIGNAL);
		}
	}
	assert_true(i < 100000);
	assert_true(ok(ask(other, "{\"cmd\":\"help\"}\n")));
	close(other);
	close(fd);
}

#define SEALED "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	       "c=IN IP4 127.0.0.9\r\nt=0 0\r\n" \
	       "a=key-mgmt:mikey " RIG_MIKEY "\r\nm=audio 4000 RTP/SAVP 0\r\n"

/* The answer comes when the far end has answered. */
static void rekey(void **state)
{
	struct outcome o = { 0 };
	struct call *c = rig_call(t.r, INSIDE, "b");
	char text[128];
	int fd = dial();
	json_t *reply;

	(void)state;
	snprintf(text, sizeof text, "{\"cmd\":\"rekey\",\"id\":\"%llx\"}\n",
		 (unsigned long long)call_id(c));
	assert_false(ok(ask(fd, text))); /* not up */
	rig_filter(t.r, INSIDE, BODY_OFFER, 0, PLAIN, &o);
	rig_filter(t.r, OUTSIDE, BODY_ANSWER, 0, SEALED, &o);
	call_won(c, 0);
	call_up(c);
	say(fd, text);
	turn(20);
	assert_int_equal(t.r->reoffers, 1);
	assert_true(t.r->own.passed);
	rig_answer_own(t.r, SEALED "a=x\r\n", &o);
	call_reoffered(c, REOFFER_DONE, 0, "");
	reply = json_loads(hear(fd), 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(
		json_object_get(reply, "call"), "rekeys")), 1);
	assert_true(ok(reply));
	say(fd, text);
	turn(20);
	call_reoffered(c, REOFFER_FAILED, 0, "503");
	reply = json_loads(hear(fd), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(reply, "error")),
			    "no new keys: 503");
	assert_false(ok(reply));
	/* gone before the answer */
	say(fd, text);
	turn(20);
	close(fd);
	turn(20);
	call_reoffered(c, REOFFER_DONE, 0, "");
	fd = dial();
	assert_false(ok(ask(fd, "{\"cmd\":\"rekey\",\"id\":\"1\"}\n")));
	assert_false(ok(ask(fd, "{\"cmd\":\"rekey\"}\n")));
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* The tunnel process answers with a portion; next: more are there. */
static void list(uint32_t after, uint32_t next, const char *text)
{
	const struct mock_sent *s;
	struct ipc_msg m = { .type = MSG_TUNNEL_LISTED, .fd = -1 };
	struct {
		struct msg_tunnel_listed m;
		char tail[512];
	} a = { .m = { .next = next, .len = (uint32_t)strlen(text) } };

	for (int i = 0; i < 100 && !mock_child_count(t.r->child,
						     MSG_TUNNEL_LIST); i++)
		turn(1);
	s = mock_child_take(t.r->child, MSG_TUNNEL_LIST);
	assert_non_null(s);
	assert_int_equal(s->to, PROC_TUNNEL);
	assert_int_equal(((const struct msg_tunnel_list *)
			  (const void *)s->body.bytes)->after, after);
	strcpy(a.tail, text);
	m.id = s->id;
	m.body = &a.m;
	m.len = sizeof a.m;
	m.tail = (const uint8_t *)a.tail;
	m.tail_len = a.m.len;
	assert_int_equal(engine_ops.handle(t.r->e, PROC_TUNNEL, &m), 0);
}

static void sas(void **state)
{
	int fd = dial();
	json_t *reply, *what;

	(void)state;
	t.r->hold_tunnel = true;
	say(fd, "{\"cmd\":\"sas\"}\n");
	list(0, 7, "{\"tunnels\":[{\"tunnel\":7}],\"block_policies\":12}");
	list(7, 0, "{\"tunnels\":[{\"tunnel\":9}],\"charon\":[1,2,3],"
	     "\"block_policies\":99}");
	reply = json_loads(hear(fd), 0, NULL);
	what = json_object_get(reply, "sas");
	assert_int_equal(json_integer_value(json_object_get(
		what, "block_policies")), 12);
	assert_int_equal(json_array_size(json_object_get(what, "tunnels")),
			 2);
	assert_int_equal(json_array_size(json_object_get(what, "charon")), 3);
	assert_true(ok(reply));
	say(fd, "{\"cmd\":\"sas\"}\n");
	list(0, 0, "{\"no\":1}");
	assert_false(ok(json_loads(hear(fd), 0, NULL)));
	say(fd, "{\"cmd\":\"sas\"}\n");
	turn(5);
	engine_ops.sibling(t.r->e, PROC_TUNNEL, 0);
	assert_false(ok(json_loads(hear(fd), 0, NULL)));
	mock_child_take(t.r->child, MSG_TUNNEL_LIST);
	mock_child_refuse(t.r->child, PROC_TUNNEL, E_CLOSED);
	reply = ask(fd, "{\"cmd\":\"sas\"}\n");
	assert_non_null(strstr(json_string_value(json_object_get(reply,
		"error")), "no peer has a profile with media"));
	assert_false(ok(reply));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(status), TEST(calls), TEST(relay_silent),
		TEST(registrations),
		TEST(gone_meanwhile), TEST(refused), TEST(reload),
		TEST(in_pieces), TEST(too_long), TEST(too_many),
		TEST(never_reads), TEST(rekey),
		TEST(sas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
