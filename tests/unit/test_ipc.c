/* test_ipc.c - pairs between processes: what passes, every offence, queues,
 * descriptors, and memory that runs out. */
#include "daemon/base/err.h"
#include "daemon/ipc.h"
#include "tests/mock/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* One end with what happened at it. */
struct end {
	struct ipc *ipc;
	unsigned n; /* messages handled, hello included */
	enum message last;
	uint64_t id;
	size_t tail_len;
	uint8_t tail[IPC_BODY_MAX];
	struct msg_file file;
	int fd;
	int answer; /* what the handler returns */
	int closed; /* the code, 0: open */
	enum message closed_by;
	bool wants;
};

static int handle(void *user, struct ipc_msg *msg)
{
	struct end *e = user;

	e->n++;
	e->last = msg->type;
	e->id = msg->id;
	e->tail_len = msg->tail_len;
	memcpy(e->tail, msg->tail, msg->tail_len);
	if (msg->type == MSG_FILE)
		memcpy(&e->file, msg->body, sizeof e->file);
	if (msg->fd >= 0)
		e->fd = msg->fd;
	return e->answer;
}

static void closed(void *user, int err, enum message type)
{
	struct end *e = user;

	assert_int_equal(e->closed, 0); /* told once */
	e->closed = err;
	e->closed_by = type;
}

static void want(void *user, bool write)
{
	((struct end *)user)->wants = write;
}

static const struct ipc_ops ops = { handle, closed, want };

static struct end a, b; /* parent and keeper unless said otherwise */

static void open_end(struct end *e, int fd, enum process self,
		     enum process peer)
{
	memset(e, 0, sizeof *e);
	e->fd = -1;
	assert_int_equal(ipc_new(fd, self, peer, &ops, e, &e->ipc), 0);
}

static int hello(struct end *e, enum process self, uint32_t epoch)
{
	struct msg_hello m = { self, epoch, 0, 0 };

	return ipc_send(e->ipc, MSG_HELLO, 0, &m, sizeof m, NULL, 0, -1);
}

static int open_pair(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(ipc_socketpair(fd), 0);
	open_end(&a, fd[0], PROC_PARENT, PROC_KEEPER);
	open_end(&b, fd[1], PROC_KEEPER, PROC_PARENT);
	assert_int_equal(hello(&a, PROC_PARENT, 7), 0);
	assert_int_equal(hello(&b, PROC_KEEPER, 9), 0);
	ipc_read(a.ipc);
	ipc_read(b.ipc);
	assert_int_equal(a.n, 1);
	assert_int_equal(b.n, 1);
	return 0;
}

static int close_pair(void **state)
{
	(void)state;
	ipc_free(a.ipc);
	ipc_free(b.ipc);
	if (b.fd >= 0)
		close(b.fd);
	return 0;
}

static void hellos_give_epochs(void **state)
{
	(void)state;
	assert_int_equal(ipc_epoch(a.ipc), 9);
	assert_int_equal(ipc_epoch(b.ipc), 7);
	assert_int_equal(hello(&a, PROC_PARENT, 7), E_STATE);
}

static void a_message_arrives_whole(void **state)
{
	static uint8_t text[IPC_BODY_MAX - sizeof(struct msg_conf)];
	struct msg_conf m = { 1, sizeof text };

	(void)state;
	memset(text, 'x', sizeof text);
	assert_int_equal(ipc_send(a.ipc, MSG_CONF, 42, &m, sizeof m, text,
				  sizeof text, -1), 0);
	ipc_read(b.ipc);
	assert_int_equal(b.last, MSG_CONF);
	assert_int_equal(b.id, 42);
	assert_int_equal(b.tail_len, sizeof text);
	assert_memory_equal(b.tail, text, sizeof text);
	assert_int_equal(b.closed, 0);
}

static void what_the_table_forbids_is_not_sent(void **state)
{
	struct msg_conf conf = { 1, 4 };
	struct msg_file file;
	struct msg_key key = { 0 };

	(void)state;
	memset(&file, 'x', sizeof file);
	assert_int_equal(ipc_send(a.ipc, MSG_PONG, 0, NULL, 0, NULL, 0, -1),
			 E_ARG);
	assert_int_equal(ipc_send(a.ipc, MSG_KEY, 0, &key, sizeof key, NULL,
				  0, -1), E_ARG);
	assert_int_equal(ipc_send(a.ipc, MSG_PING, 0, &key, 1, NULL, 0, -1),
			 E_ARG);
	assert_int_equal(ipc_send(a.ipc, MSG_CONF, 0, &conf, sizeof conf,
				  "abc", 3, -1), E_ARG);
	assert_int_equal(ipc_send(a.ipc, MSG_FILE, 0, &file, sizeof file, NULL,
				  0, 0), E_ARG); /* no end of text */
	memset(&file, 0, sizeof file);
	assert_int_equal(ipc_send(a.ipc, MSG_FILE, 0, &file, sizeof file, NULL,
				  0, -1), E_ARG); /* no descriptor */
	assert_int_equal(ipc_send(a.ipc, MSG_PING, 0, NULL, 0, NULL, 0, 0),
			 E_ARG);
	assert_int_equal(ipc_send(a.ipc, MSG_COUNT, 0, NULL, 0, NULL, 0, -1),
			 E_ARG);
}

static void hello_comes_first(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(ipc_socketpair(fd), 0);
	open_end(&a, fd[0], PROC_PARENT, PROC_KEEPER);
	open_end(&b, fd[1], PROC_KEEPER, PROC_PARENT);
	assert_int_equal(ipc_send(a.ipc, MSG_PING, 0, NULL, 0, NULL, 0, -1),
			 E_STATE);
	close_pair(state);
}

static void a_descriptor_passes(void **state)
{
	struct msg_file m = { "replay" };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(ipc_send(a.ipc, MSG_FILE, 0, &m, sizeof m, NULL, 0,
				  fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken */
	ipc_read(b.ipc);
	assert_string_equal(b.file.name, "replay");
	assert_true(b.fd >= 0);
	assert_int_equal(fcntl(b.fd, F_GETFD), FD_CLOEXEC);
}

static void the_end_is_told(void **state)
{
	(void)state;
	shutdown(ipc_fd(a.ipc), SHUT_RDWR);
	ipc_read(b.ipc);
	assert_int_equal(b.closed, E_CLOSED);
	ipc_read(b.ipc);
	assert_int_equal(ipc_send(b.ipc, MSG_PONG, 0, NULL, 0, NULL, 0, -1),
			 E_CLOSED);
	assert_false(ipc_wants_write(b.ipc));
}

static void a_handler_may_refuse(void **state)
{
	(void)state;
	b.answer = E_STATE;
	assert_int_equal(ipc_send(a.ipc, MSG_PING, 0, NULL, 0, NULL, 0, -1),
			 0);
	assert_int_equal(ipc_send(a.ipc, MSG_PING, 0, NULL, 0, NULL, 0, -1),
			 0);
	ipc_read(b.ipc);
	assert_int_equal(b.n, 2); /* hello, one ping */
	assert_int_equal(b.closed, E_STATE);
	assert_int_equal(b.closed_by, MSG_PING);
	ipc_read(a.ipc);
	assert_int_equal(a.closed, E_CLOSED);
}

static void a_full_queue_is_counted_and_drains_in_order(void **state)
{
	unsigned sent = 0;
	int r;

	(void)state;
	while (!(r = ipc_send(a.ipc, MSG_PING, sent, NULL, 0, NULL, 0, -1)))
		sent++;
	assert_int_equal(r, E_FULL);
	assert_int_equal(ipc_refused(a.ipc), 1);
	assert_true(a.wants && ipc_wants_write(a.ipc));
	while (b.n < sent + 1) {
		ipc_read(b.ipc);
		assert_int_equal(b.id, b.n - 2);
		ipc_write(a.ipc);
	}
	assert_false(a.wants || ipc_wants_write(a.ipc));
	assert_int_equal(b.closed, 0);
}

static void a_queued_descriptor_passes_too(void **state)
{
	struct msg_file m = { "late" };
	unsigned sent = 0;

	(void)state;
	while (!ipc_wants_write(a.ipc)) {
		assert_int_equal(ipc_send(a.ipc, MSG_PING, 0, NULL, 0, NULL,
					  0, -1), 0);
		sent++;
	}
	assert_int_equal(ipc_send(a.ipc, MSG_FILE, 0, &m, sizeof m, NULL, 0,
				  open("/dev/null", O_RDONLY)), 0);
	while (b.n < sent + 2) {
		ipc_read(b.ipc);
		ipc_write(a.ipc);
	}
	assert_string_equal(b.file.name, "late");
	assert_true(b.fd >= 0);
}

/* -- offences ------------------------------------------------------------- */

struct raw {
	uint32_t type, zero;
	uint64_t id;
	uint8_t body[512];
};

struct offence {
	const char *what;
	uint32_t type, zero;
	size_t len;   /* of the body */
	int fds;
	uint8_t fill;
	bool no_hello;
	int err;
};

#define KEY_LEN sizeof(struct msg_key)

static const struct offence offences[] = {
	{ "unknown type", MSG_COUNT, 0, 0, 0, 0, 0, E_UNSUPPORTED },
	{ "type 0", MSG_NONE, 0, 0, 0, 0, 0, E_UNSUPPORTED },
	{ "far type", 0xffffffff, 0, 0, 0, 0, 0, E_UNSUPPORTED },
	{ "a child's message from the parent", MSG_PONG, 0, 0, 0, 0, 0,
	  E_POLICY },
	{ "keeper's to relay", MSG_KEY, 0, KEY_LEN, 0, 0, 0, E_POLICY },
	{ "body for none", MSG_PING, 0, 1, 0, 0, 0, E_FORMAT },
	{ "short body", MSG_LEVEL, 0, 3, 0, 0, 0, E_FORMAT },
	{ "no body", MSG_LEVEL, 0, 0, 0, 0, 0, E_FORMAT },
	{ "long body", MSG_LEVEL, 0, 5, 0, 0, 0, E_FORMAT },
	{ "header not zero", MSG_PING, 1, 0, 0, 0, 0, E_FORMAT },
	{ "tail longer than told", MSG_CONF, 0, 9, 0, 0, 0, E_FORMAT },
	{ "tail shorter than told", MSG_CONF, 0, 8, 0, 1, 0, E_FORMAT },
	{ "text without end", MSG_FILE, 0, 128, 1, 'x', 0, E_FORMAT },
	{ "descriptor missing", MSG_FILE, 0, 128, 0, 0, 0, E_FORMAT },
	{ "descriptor unasked", MSG_PING, 0, 0, 1, 0, 0, E_FORMAT },
	{ "two descriptors", MSG_FILE, 0, 128, 2, 0, 0, E_FORMAT },
	{ "many descriptors", MSG_FILE, 0, 128, 20, 0, 0, E_FORMAT },
	{ "before hello", MSG_PING, 0, 0, 0, 0, 1, E_STATE },
	{ "hello of another", MSG_HELLO, 0, 16, 0, 3, 1, E_STATE },
	{ "hello without epoch", MSG_HELLO, 0, 16, 0, 0, 1, E_STATE },
};

static void send_raw(int to, const void *data, size_t len, int fds)
{
	char control[CMSG_SPACE(32 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int list[32];

	if (fds) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE((size_t)fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)fds * sizeof(int));
		for (int i = 0; i < fds; i++)
			list[i] = to;
		memcpy(CMSG_DATA(c), list, (size_t)fds * sizeof(int));
	}
	assert_int_equal(sendmsg(to, &m, 0), len);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void commit(const struct offence *o)
{
	struct msg_hello m = { PROC_PARENT, 1, 0, 0 };
	struct raw raw = { .type = MSG_HELLO };
	int fd[2], before;

	assert_int_equal(ipc_socketpair(fd), 0);
	open_end(&b, fd[1], PROC_KEEPER, PROC_PARENT);
	if (!o->no_hello) {
		memcpy(raw.body, &m, sizeof m);
		send_raw(fd[0], &raw, 16 + sizeof m, 0);
	}
	raw.type = o->type;
	raw.zero = o->zero;
	memset(raw.body, o->fill, sizeof raw.body);
	before = open_fds();
	send_raw(fd[0], &raw, 16 + o->len, o->fds);
	ipc_read(b.ipc);
	if (b.closed != o->err || b.n != !o->no_hello)
		fail_msg("%s: %d after %u messages", o->what, b.closed, b.n);
	assert_int_equal(open_fds(), before); /* none is kept */
	close(fd[0]);
	ipc_free(b.ipc);
}

static void every_offence_closes_the_pair(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof offences / sizeof *offences; i++)
		commit(&offences[i]);
}

static void a_runt_and_a_giant_are_offences(void **state)
{
	static uint8_t big[IPC_BODY_MAX + 100];
	int fd[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ipc_socketpair(fd), 0);
		open_end(&b, fd[1], PROC_KEEPER, PROC_PARENT);
		send_raw(fd[0], big, i ? sizeof big : 15, 0);
		ipc_read(b.ipc);
		assert_int_equal(b.closed, E_FORMAT);
		close(fd[0]);
		ipc_free(b.ipc);
	}
}

static void counts_must_fit_their_arrays(void **state)
{
	struct {
		uint32_t type, zero;
		uint64_t id;
		struct msg_stream_add add;
	} raw = { .type = MSG_STREAM_ADD };
	struct ipc_msg msg;

	(void)state;
	raw.add.n = STREAM_MAX;
	assert_int_equal(ipc_check(&raw, sizeof raw, PROC_ENGINE, PROC_RELAY,
				   &msg), 0);
	raw.add.n = STREAM_MAX + 1;
	assert_int_equal(ipc_check(&raw, sizeof raw, PROC_ENGINE, PROC_RELAY,
				   &msg), E_FORMAT);
	assert_int_equal(ipc_check(&raw, sizeof raw, PROC_ENGINE, 99, &msg),
			 E_POLICY);
}

static void every_message_has_a_name(void **state)
{
	(void)state;
	for (int i = MSG_NONE + 1; i < MSG_COUNT; i++)
		assert_string_not_equal(message_name(i), "?");
	assert_string_equal(message_name(MSG_NONE), "?");
	assert_string_equal(message_name(MSG_COUNT), "?");
	for (int i = 0; i < PROC_COUNT; i++)
		assert_string_not_equal(process_name(i), "?");
	assert_string_equal(process_name(PROC_COUNT), "?");
}

static void talk_short_of_memory(void *user)
{
	struct ipc *x = NULL;
	int fd[2], r;

	(void)user;
	assert_int_equal(ipc_socketpair(fd), 0);
	r = ipc_new(fd[0], PROC_PARENT, PROC_KEEPER, &ops, &a, &x);
	if (r) {
		assert_int_equal(r, E_NOMEM);
		close(fd[0]);
	} else {
		a.ipc = x;
		assert_int_equal(hello(&a, PROC_PARENT, 1), 0);
		do
			r = ipc_send(x, MSG_PING, 0, NULL, 0, NULL, 0, -1);
		while (!r && !ipc_wants_write(x));
		assert_true(!r || r == E_NOMEM);
		ipc_free(x);
	}
	close(fd[1]);
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	assert_int_equal(alloc_walk(talk_short_of_memory, NULL), 2);
}

#define WITH_PAIR(test) \
	cmocka_unit_test_setup_teardown(test, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PAIR(hellos_give_epochs),
		WITH_PAIR(a_message_arrives_whole),
		WITH_PAIR(what_the_table_forbids_is_not_sent),
		cmocka_unit_test(hello_comes_first),
		WITH_PAIR(a_descriptor_passes),
		WITH_PAIR(the_end_is_told),
		WITH_PAIR(a_handler_may_refuse),
		WITH_PAIR(a_full_queue_is_counted_and_drains_in_order),
		WITH_PAIR(a_queued_descriptor_passes_too),
		cmocka_unit_test(every_offence_closes_the_pair),
		cmocka_unit_test(a_runt_and_a_giant_are_offences),
		cmocka_unit_test(counts_must_fit_their_arrays),
		cmocka_unit_test(every_message_has_a_name),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
