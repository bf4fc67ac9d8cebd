/* test_vici_client.c - the VICI client against a server that hangs, restarts,
 * refuses and talks nonsense (tests/mock/charon.c). */
#include "daemon/base/err.h"
#include "modules/vici/client.h"
#include "tests/mock/alloc.h"
#include "tests/mock/charon.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define LONG_MS 20000 /* longer than a test waits */

static const char *const events[] = { "ike-updown", "child-updown", NULL };

/* The client and what it told. */
static struct rig {
	struct event_base *base;
	struct charon *charon;
	struct vici_client *client;
	struct vici_client_settings settings;
	char path[64];
	unsigned ups, downs, events, eaches, dones;
	int down_err, done_err[8];
	size_t done_len;
	unsigned retry_ms[8];
	char why[256], event_name[64];
	struct vici_version version;
	const char *free_in; /* the callback that frees the client */
} rig;

static void free_if(const char *callback)
{
	if (!rig.free_in || strcmp(rig.free_in, callback))
		return;
	rig.free_in = NULL;
	vici_client_free(rig.client);
	rig.client = NULL;
}

static void on_up(void *user, const struct vici_version *version)
{
	assert_ptr_equal(user, &rig);
	rig.ups++;
	rig.version = *version;
	assert_true(vici_client_is_up(rig.client));
	free_if("up");
}

static void on_down(void *user, const struct vici_down *down)
{
	assert_ptr_equal(user, &rig);
	assert_false(vici_client_is_up(rig.client));
	assert_int_equal(vici_client_pending(rig.client), 0);
	rig.retry_ms[rig.downs % 8] = down->retry_ms;
	rig.downs++;
	rig.down_err = down->err;
	snprintf(rig.why, sizeof rig.why, "%s", down->why);
	free_if("down");
}

static void on_event(void *user, const char *name, const void *message,
		     size_t len)
{
	assert_ptr_equal(user, &rig);
	assert_int_equal(vici_check(message, len), 0);
	rig.events++;
	snprintf(rig.event_name, sizeof rig.event_name, "%s", name);
	free_if("event");
}

static void on_each(void *user, const void *message, size_t len)
{
	assert_ptr_equal(user, &rig);
	assert_int_equal(vici_check(message, len), 0);
	rig.eaches++;
	free_if("each");
}

static void on_done(void *user, int err, const void *message, size_t len)
{
	assert_ptr_equal(user, &rig);
	assert_non_null(message);
	rig.done_err[rig.dones++ % 8] = err;
	rig.done_len = len;
	free_if("done");
}

static const struct vici_client_ops ops = { on_up, on_down, on_event };

static void start(void)
{
	assert_int_equal(vici_client_new(rig.base, &rig.settings, &ops, &rig,
					 &rig.client), 0);
}

static int set_up(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof rig);
	snprintf(rig.path, sizeof rig.path, "/tmp/callseal-vici-%d",
		 (int)getpid());
	rig.settings = (struct vici_client_settings){
		.path = rig.path, .events = events, .greet_ms = LONG_MS,
		.retry_min_ms = 1, .retry_max_ms = 8, .steady_ms = LONG_MS
	};
	rig.base = event_base_new();
	rig.charon = charon_new(rig.base, rig.path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vici_client_free(rig.client);
	charon_free(rig.charon);
	event_base_free(rig.base);
	return 0;
}

#define WAIT(condition) CHARON_WAIT(rig.base, condition)

static void be_up(void)
{
	if (!rig.client)
		start();
	WAIT(rig.client && vici_client_is_up(rig.client));
	charon_forget(rig.charon);
}

static int ask(const char *command, const char *stream, unsigned timeout_ms)
{
	struct vici_request rq = {
		.command = command, .stream = stream,
		.timeout_ms = timeout_ms, .each = on_each, .done = on_done,
		.user = &rig
	};

	return vici_client_request(rig.client, &rq);
}

/* -- in order -------------------------------------------------------------- */

static void it_greets(void **state)
{
	(void)state;
	start();
	assert_int_equal(rig.ups + rig.downs, 0); /* nothing from inside new */
	assert_int_equal(ask("x", NULL, LONG_MS), E_STATE);
	WAIT(rig.ups);
	assert_string_equal(charon_heard(rig.charon),
			    "request version\nregister ike-updown\n"
			    "register child-updown\n");
	assert_string_equal(rig.version.text, "5.9.8");
	assert_string_equal(rig.version.daemon, "charon-mock");
	assert_int_equal(rig.version.patch, 8);
	assert_int_equal(rig.downs, 0);
}

static void requests_go_one_after_the_other(void **state)
{
	(void)state;
	be_up();
	assert_int_equal(ask("one", NULL, LONG_MS), 0);
	assert_int_equal(ask("two", NULL, LONG_MS), 0);
	assert_int_equal(ask("three", NULL, LONG_MS), 0);
	assert_int_equal(rig.dones, 0);
	assert_int_equal(vici_client_pending(rig.client), 3);
	WAIT(rig.dones == 3);
	assert_string_equal(charon_heard(rig.charon),
			    "request one\nrequest two\nrequest three\n");
	assert_int_equal(rig.done_err[2], 0);
	assert_int_equal(rig.done_len, 14);
	assert_int_equal(vici_client_pending(rig.client), 0);
	assert_int_equal(rig.downs, 0);
}

static void only_one_is_under_way(void **state)
{
	(void)state;
	be_up();
	charon_silent(rig.charon, "one");
	ask("one", NULL, LONG_MS);
	ask("two", NULL, LONG_MS);
	for (int i = 0; i < 20; i++)
		charon_turn(rig.base);
	assert_string_equal(charon_heard(rig.charon), "request one\n");
	charon_say(rig.charon, VICI_RESPONSE, NULL, NULL, 0);
	WAIT(rig.dones == 2);
}

static void an_unknown_command(void **state)
{
	(void)state;
	be_up();
	charon_unknown(rig.charon, "frob");
	ask("frob", NULL, LONG_MS);
	ask("next", NULL, LONG_MS);
	WAIT(rig.dones == 2);
	assert_int_equal(rig.done_err[0], E_UNSUPPORTED);
	assert_int_equal(rig.done_err[1], 0);
}

static void a_stream_is_registered_for(void **state)
{
	(void)state;
	be_up();
	charon_streams(rig.charon, "list-sas", 100);
	ask("list-sas", "list-sa", LONG_MS);
	ask("next", NULL, LONG_MS);
	WAIT(rig.dones == 2);
	assert_int_equal(rig.eaches, 100);
	assert_int_equal(rig.events, 0);
	assert_string_equal(charon_heard(rig.charon),
			    "register list-sa\nrequest list-sas\n"
			    "unregister list-sa\nrequest next\n");
}

static void an_unknown_stream(void **state)
{
	(void)state;
	be_up();
	charon_unknown(rig.charon, "list-sa");
	ask("list-sas", "list-sa", LONG_MS);
	ask("next", NULL, LONG_MS);
	WAIT(rig.dones == 2);
	assert_int_equal(rig.done_err[0], E_UNSUPPORTED);
	assert_int_equal(rig.done_err[1], 0);
	assert_string_equal(charon_heard(rig.charon),
			    "register list-sa\nrequest next\n");
}

static void events_come_at_any_time(void **state)
{
	(void)state;
	be_up();
	charon_say(rig.charon, VICI_EVENT, "child-updown", "\3\1n\0\1x", 6);
	WAIT(rig.events == 1);
	assert_string_equal(rig.event_name, "child-updown");
	charon_silent(rig.charon, "one");
	ask("one", NULL, LONG_MS);
	WAIT(*charon_heard(rig.charon));
	charon_say(rig.charon, VICI_EVENT, "ike-updown", NULL, 0);
	charon_say(rig.charon, VICI_EVENT, "nobody-asked", NULL, 0);
	charon_say(rig.charon, VICI_RESPONSE, NULL, NULL, 0);
	WAIT(rig.dones);
	assert_int_equal(rig.events, 2);
	assert_int_equal(rig.done_err[0], 0);
}

static void packets_come_octet_by_octet(void **state)
{
	static const char answer[] = "\0\0\0\17\1\3\7success\0\3yes";

	(void)state;
	be_up();
	charon_silent(rig.charon, "one");
	ask("one", NULL, LONG_MS);
	WAIT(*charon_heard(rig.charon));
	for (size_t i = 0; i < sizeof answer - 1; i++) {
		assert_int_equal(rig.dones, 0);
		charon_say_raw(rig.charon, answer + i, 1);
		charon_turn(rig.base);
	}
	WAIT(rig.dones);
	assert_int_equal(rig.done_err[0], 0);
	assert_int_equal(rig.done_len, 14);
}

/* More than a socket holds, to somebody who does not read at first. */
static void large_requests_leave_in_parts(void **state)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);
	static char value[60000];
	struct vici_request rq = {
		.command = "load", .message = &b, .timeout_ms = LONG_MS,
		.done = on_done, .user = &rig
	};

	(void)state;
	vici_list(&w, "l");
	for (int i = 0; i < 8; i++)
		vici_item(&w, value, sizeof value);
	vici_list_end(&w);
	be_up();
	charon_deaf(rig.charon, true);
	assert_int_equal(vici_client_request(rig.client, &rq), 0);
	for (int i = 0; i < 20; i++)
		charon_turn(rig.base);
	charon_deaf(rig.charon, false);
	WAIT(rig.dones);
	assert_int_equal(rig.done_err[0], 0);
	assert_int_equal(charon_message(rig.charon)->len, b.len);
	assert_memory_equal(charon_message(rig.charon)->data, b.data, b.len);
	buf_free(&b);
}

/* -- bounds ---------------------------------------------------------------- */

static void the_queue_has_a_bound(void **state)
{
	(void)state;
	be_up();
	charon_silent(rig.charon, "x");
	for (int i = 0; i < VICI_QUEUE_MAX; i++)
		assert_int_equal(ask("x", NULL, LONG_MS), 0);
	assert_int_equal(ask("x", NULL, LONG_MS), E_FULL);
	vici_client_free(rig.client);
	rig.client = NULL;
	assert_int_equal(rig.dones, VICI_QUEUE_MAX);
	assert_int_equal(rig.done_err[0], E_CLOSED);
}

static void and_its_octets(void **state)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_request rq = {
		.command = "load", .message = &b, .timeout_ms = LONG_MS,
		.done = on_done, .user = &rig
	};
	int r = 0, n = 0;

	(void)state;
	be_up();
	memset(buf_room(&b, VICI_PACKET_MAX - 100), 0, VICI_PACKET_MAX - 100);
	while (!(r = vici_client_request(rig.client, &rq)))
		n++;
	assert_int_equal(r, E_FULL);
	assert_int_equal(n, VICI_QUEUE_BYTES / VICI_PACKET_MAX);
	buf_room(&b, 100);
	rq.message = &b;
	vici_client_free(rig.client);
	rig.client = NULL;
	start();
	be_up();
	assert_int_equal(vici_client_request(rig.client, &rq), E_SPACE);
	buf_free(&b);
}

static void what_is_asked_is_checked(void **state)
{
	(void)state;
	be_up();
	assert_int_equal(ask("", NULL, LONG_MS), E_ARG);
	assert_int_equal(ask("a\nb", NULL, LONG_MS), E_ARG);
	assert_int_equal(ask("x", "", LONG_MS), E_ARG);
	assert_int_equal(ask("x", NULL, 0), E_ARG);
	assert_int_equal(vici_client_pending(rig.client), 0);
}

static void the_settings_are_checked(void **state)
{
	static const char *const bad[] = { "", NULL };
	struct vici_client_settings s = rig.settings;
	char path[128];

	(void)state;
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = 0;
#define REFUSED(field, value) do { \
	s = rig.settings; \
	s.field = value; \
	assert_int_equal(vici_client_new(rig.base, &s, &ops, &rig, \
					 &rig.client), E_ARG); \
	assert_null(rig.client); \
} while (0)
	REFUSED(path, path);
	REFUSED(path, "");
	REFUSED(events, bad);
	REFUSED(greet_ms, 0);
	REFUSED(retry_min_ms, 0);
	REFUSED(retry_max_ms, 0);
#undef REFUSED
	vici_client_free(NULL);
}

/* A length that is claimed costs nothing until the octets come. */
static void claims_cost_nothing(void **state)
{
	(void)state;
	be_up();
	alloc_fail_never();
	charon_say_raw(rig.charon, "\0\7\377\377\1\3", 6);
	for (int i = 0; i < 20; i++)
		charon_turn(rig.base);
	assert_true(alloc_largest() <= 64);
	assert_true(vici_client_is_up(rig.client));
}

/* -- when it goes wrong ---------------------------------------------------- */

static void no_answer_ends_the_connection(void **state)
{
	(void)state;
	be_up();
	charon_silent(rig.charon, "hang");
	ask("hang", NULL, 30);
	ask("two", NULL, LONG_MS);
	ask("three", NULL, LONG_MS);
	WAIT(rig.downs);
	assert_int_equal(rig.dones, 3);
	assert_int_equal(rig.done_err[0], E_TIMEOUT);
	assert_int_equal(rig.done_err[1], E_CLOSED);
	assert_int_equal(rig.done_err[2], E_CLOSED);
	assert_int_equal(rig.down_err, E_TIMEOUT);
	assert_string_equal(rig.why, "no answer to hang within 30 ms");
	assert_int_equal(ask("x", NULL, LONG_MS), E_STATE);
	charon_forget(rig.charon);
	WAIT(rig.ups == 2);
	assert_string_equal(charon_heard(rig.charon),
			    "request version\nregister ike-updown\n"
			    "register child-updown\n");
	assert_int_equal(charon_connections(rig.charon), 2);
	assert_int_equal(ask("again", NULL, LONG_MS), 0);
	WAIT(rig.dones == 4);
	assert_int_equal(rig.done_err[3], 0);
}

static void one_that_never_left_costs_nobody(void **state)
{
	(void)state;
	be_up();
	charon_silent(rig.charon, "slow");
	ask("slow", NULL, LONG_MS);
	ask("impatient", NULL, 20);
	ask("patient", NULL, LONG_MS);
	WAIT(rig.dones == 1);
	assert_int_equal(rig.done_err[0], E_TIMEOUT);
	assert_true(vici_client_is_up(rig.client));
	charon_say(rig.charon, VICI_RESPONSE, NULL, NULL, 0);
	WAIT(rig.dones == 3);
	assert_int_equal(rig.done_err[2], 0);
	assert_string_equal(charon_heard(rig.charon),
			    "request slow\nrequest patient\n");
}

static void it_waits_longer_each_time(void **state)
{
	static const unsigned pauses[] = { 1, 2, 4, 8, 8 };

	(void)state;
	charon_free(rig.charon);
	rig.charon = NULL;
	start();
	WAIT(rig.downs == 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(rig.retry_ms[i], pauses[i]);
	assert_int_equal(rig.down_err, E_IO);
	assert_non_null(strstr(rig.why, "No such file"));
	rig.charon = charon_new(rig.base, rig.path);
	WAIT(rig.ups);
}

static void a_steady_connection_starts_anew(void **state)
{
	(void)state;
	rig.settings.steady_ms = 10;
	rig.settings.retry_max_ms = 50;
	for (unsigned i = 1; i <= 3; i++) {
		be_up();
		for (int t = 0; t < 40; t++)
			charon_turn(rig.base);
		charon_hang_up(rig.charon);
		WAIT(rig.downs == i);
		assert_int_equal(rig.retry_ms[i - 1], 1);
	}
	assert_int_equal(rig.down_err, E_CLOSED);
}

static void a_restart_fails_what_is_pending(void **state)
{
	(void)state;
	be_up();
	charon_silent(rig.charon, "one");
	ask("one", NULL, LONG_MS);
	ask("two", NULL, LONG_MS);
	WAIT(*charon_heard(rig.charon));
	charon_free(rig.charon);
	WAIT(rig.dones == 2);
	assert_int_equal(rig.done_err[0], E_CLOSED);
	assert_int_equal(rig.done_err[1], E_CLOSED);
	WAIT(rig.downs > 3); /* nobody is there */
	rig.charon = charon_new(rig.base, rig.path);
	WAIT(rig.ups == 2);
	assert_int_equal(rig.dones, 2); /* nothing was sent a second time */
}

static void nonsense_ends_the_connection(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} bad[] = {
#define BAD(what, bytes) { what, bytes, sizeof bytes - 1 }
		BAD("a packet of no length", "\0\0\0\0"),
		BAD("a packet too long", "\0\10\0\1"),
		BAD("text", "HTTP/1.1 400 Bad Request\r\n\r\n"),
		BAD("a type that is none", "\0\0\0\1\10"),
		BAD("a request", "\0\0\0\3\0\1x"),
		BAD("a confirmation of nothing", "\0\0\0\1\5"),
		BAD("a broken message", "\0\0\0\2\1\2"),
		BAD("a broken event", "\0\0\0\4\7\1x\2"),
		BAD("an event of no name", "\0\0\0\2\7\0"),
#undef BAD
	};

	(void)state;
	charon_silent(rig.charon, "one");
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		be_up();
		ask("one", NULL, LONG_MS);
		WAIT(*charon_heard(rig.charon));
		charon_say_raw(rig.charon, bad[i].bytes, bad[i].len);
		WAIT(rig.downs == i + 1);
		assert_int_equal(rig.down_err, E_FORMAT);
		assert_int_equal(rig.done_err[i % 8], E_FORMAT);
		if (rig.dones != i + 1)
			fail_msg("%s: %u answers", bad[i].what, rig.dones);
	}
}

static void an_answer_to_no_question(void **state)
{
	(void)state;
	be_up();
	charon_say(rig.charon, VICI_RESPONSE, NULL, NULL, 0);
	WAIT(rig.downs);
	assert_int_equal(rig.down_err, E_FORMAT);
}

static void who_is_refused(void **state)
{
	static const struct {
		const char *version, *unknown, *silent;
		int err;
		const char *why;
	} rows[] = {
		{ "5.8.4", NULL, NULL, E_UNSUPPORTED, "5.8.4 is older" },
		{ "4.9", NULL, NULL, E_UNSUPPORTED, "4.9 is older" },
		{ "U5.9", NULL, NULL, E_FORMAT, "no charon" },
		{ "5.", NULL, NULL, E_FORMAT, "no charon" },
		{ "5.9.", NULL, NULL, E_FORMAT, "no charon" },
		{ "", NULL, NULL, E_FORMAT, "no charon" },
		{ "5.9.8", "version", NULL, E_FORMAT, "no charon" },
		{ "5.9.8", "child-updown", NULL, E_UNSUPPORTED,
		  "no event child-updown" },
		{ "5.9.8", NULL, "version", E_TIMEOUT, "did not answer" },
	};

	(void)state;
	start();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned downs;

		charon_version(rig.charon, rows[i].version);
		charon_unknown(rig.charon, rows[i].unknown);
		charon_silent(rig.charon, rows[i].silent);
		if (rows[i].silent)
			rig.settings.greet_ms = 50;
		downs = rig.downs + 2; /* one may be from the row before */
		WAIT(rig.downs >= downs);
		assert_int_equal(rig.down_err, rows[i].err);
		if (!strstr(rig.why, rows[i].why))
			fail_msg("row %zu: %s", i, rig.why);
	}
	assert_int_equal(rig.ups, 0);
	rig.settings.greet_ms = LONG_MS;
	charon_version(rig.charon, "6.0.1dr2");
	charon_silent(rig.charon, NULL);
	WAIT(rig.ups);
	assert_int_equal(rig.version.major, 6);
}

/* -- freed inside ---------------------------------------------------------- */

static void freed_in(const char *callback, bool fails)
{
	rig.dones = 0;
	charon_streams(rig.charon, "list-sas", 3);
	charon_silent(rig.charon, fails ? "one" : NULL);
	rig.free_in = callback;
	if (!strcmp(callback, "up")) {
		start();
		WAIT(!rig.client);
		return;
	}
	rig.free_in = NULL;
	be_up();
	rig.free_in = callback;
	ask("list-sas", "list-sa", fails ? 30 : LONG_MS);
	ask("one", NULL, fails ? 30 : LONG_MS);
	ask("two", NULL, LONG_MS);
	charon_say(rig.charon, VICI_EVENT, "ike-updown", NULL, 0);
	WAIT(!rig.client);
	assert_int_equal(rig.dones, 3);
}

static void freed_inside_each_callback(void **state)
{
	(void)state;
	freed_in("up", false);
	freed_in("event", false);
	freed_in("each", false);
	freed_in("done", false);
	freed_in("down", true);
	freed_in("done", true);
	assert_int_equal(rig.ups, 6);
}

static void ask_again(void *user, int err, const void *message, size_t len)
{
	struct vici_request rq = {
		.command = "more", .timeout_ms = LONG_MS, .done = on_done,
		.user = user
	};

	(void)message;
	(void)len;
	assert_int_equal(vici_client_request(rig.client, &rq),
			 err ? E_STATE : 0);
	rig.eaches++;
}

static void asked_inside_an_answer(void **state)
{
	struct vici_request rq = {
		.command = "one", .stream = "s", .timeout_ms = LONG_MS,
		.done = ask_again, .user = &rig
	};

	(void)state;
	be_up();
	vici_client_request(rig.client, &rq);
	rq.stream = NULL;
	vici_client_request(rig.client, &rq);
	WAIT(rig.dones == 2);
	charon_silent(rig.charon, "one");
	vici_client_request(rig.client, &rq);
	charon_turn(rig.base);
	charon_hang_up(rig.charon);
	WAIT(rig.downs);
	assert_int_equal(rig.eaches, 3);
}

/* -- memory ---------------------------------------------------------------- */

static void begin_and_end(void *user)
{
	struct vici_client *c = NULL;
	int r = vici_client_new(rig.base, &rig.settings, &ops, &rig, &c);

	(void)user;
	assert_true(r == 0 || r == E_NOMEM);
	vici_client_free(c);
}

static void request(void *user)
{
	unsigned before = vici_client_pending(rig.client);
	int r = ask("list-sas", "list-sa", LONG_MS);

	(void)user;
	assert_true(r == 0 || r == E_NOMEM);
	assert_int_equal(vici_client_pending(rig.client), before + !r);
}

/* The server's own memory must not run out: so one turn at a time. */
static void memory_runs_out(void **state)
{
	static const char big[5 + 300] = "\3\1k\1\54"; /* 300 octets */

	(void)state;
	assert_true(alloc_walk(begin_and_end, NULL) > 0);
	start();
	alloc_fail_at(1);
	WAIT(rig.downs == 1); /* the greeting */
	assert_int_equal(rig.down_err, E_NOMEM);
	alloc_fail_never();
	be_up();
	assert_true(alloc_walk(request, NULL) > 1);
	WAIT(!vici_client_pending(rig.client));
	charon_silent(rig.charon, "one");
	ask("one", NULL, LONG_MS);
	WAIT(strstr(charon_heard(rig.charon), "one"));
	charon_say(rig.charon, VICI_RESPONSE, NULL, big, sizeof big);
	alloc_fail_at(1);
	WAIT(rig.downs == 2); /* the answer */
	alloc_fail_never();
	assert_int_equal(rig.down_err, E_NOMEM);
	be_up();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_greets),
		TEST(requests_go_one_after_the_other),
		TEST(only_one_is_under_way),
		TEST(an_unknown_command),
		TEST(a_stream_is_registered_for),
		TEST(an_unknown_stream),
		TEST(events_come_at_any_time),
		TEST(packets_come_octet_by_octet),
		TEST(large_requests_leave_in_parts),
		TEST(the_queue_has_a_bound),
		TEST(and_its_octets),
		TEST(what_is_asked_is_checked),
		TEST(the_settings_are_checked),
		TEST(claims_cost_nothing),
		TEST(no_answer_ends_the_connection),
		TEST(one_that_never_left_costs_nobody),
		TEST(it_waits_longer_each_time),
		TEST(a_steady_connection_starts_anew),
		TEST(a_restart_fails_what_is_pending),
		TEST(nonsense_ends_the_connection),
		TEST(an_answer_to_no_question),
		TEST(who_is_refused),
		TEST(freed_inside_each_callback),
		TEST(asked_inside_an_answer),
		TEST(memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
