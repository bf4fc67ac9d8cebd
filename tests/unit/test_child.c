/* test_child.c - the life of a child as its parent sees it: start protocol,
 * keys and files, pairs, reload, ping, stop, and what breaks the rules. The
 * child is a process of its own; what it saw lies in shared memory. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/child.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define KEY "000102030405060708090a0b0c0d0e0f"
#define CONF \
	"profiles = { s = { need = \"require\"; " \
	"keying = [ \"mikey-psk\" ]; };" \
	" };\npeers = ( { match = \"*\"; profile = \"s\"; psk = \"file:x\"; " \
	"name = \"p\"; } );\n"

/* What the child saw. */
struct seen {
	uint32_t epoch, relay_epoch;
	unsigned long long calls; /* limits.calls */
	size_t key_len;
	int file, prepared, reloads, messages, orphaned;
};

static struct seen *seen;

/* -- the child ------------------------------------------------------------ */

struct state {
	struct child *child;
	struct ipc *ipc[4];
	bool write[4], stop;
};

static int init(struct child *c, void **out)
{
	struct state *s = calloc(1, sizeof *s);

	if (!s)
		return E_NOMEM;
	s->child = c;
	*out = s;
	return 0;
}

static void look(struct state *s)
{
	const struct secret *key = child_psk(s->child, "p");

	seen->epoch = child_epoch(s->child);
	seen->calls = child_settings(s->child)->calls_max;
	seen->key_len = key ? key->len : 0;
	seen->file = child_file(s->child, "replay");
	assert_non_null(child_conf(s->child));
	assert_int_equal(policy_count(child_policy(s->child)), 1);
	assert_null(child_psk(s->child, "nobody"));
	assert_int_equal(child_file(s->child, "nothing"), -1);
}

static int prepare(void *state)
{
	seen->prepared++;
	look(state);
	return 0;
}

static int watch(void *state, struct ipc *ipc, void **out)
{
	struct state *s = state;
	size_t i = 0;

	while (s->ipc[i])
		i++;
	s->ipc[i] = ipc;
	*out = &s->ipc[i];
	return 0;
}

static void watch_write(void *state, void *at, bool write)
{
	struct state *s = state;

	s->write[(struct ipc **)at - s->ipc] = write;
}

static void unwatch(void *state, void *at)
{
	(void)state;
	*(struct ipc **)at = NULL;
}

static int handle(void *state, enum process from, struct ipc_msg *msg)
{
	struct state *s = state;
	struct msg_key_gone gone = { 5 };

	seen->messages++;
	if (from != PROC_ENGINE || msg->type != MSG_KEY_DROP)
		return E_STATE;
	return child_send(s->child, PROC_RELAY, MSG_KEY_GONE, 9, &gone,
			  sizeof gone, NULL, 0);
}

static void sibling(void *state, enum process p, uint32_t epoch)
{
	(void)state;
	if (p == PROC_RELAY)
		seen->relay_epoch = epoch;
}

static int reload(void *state)
{
	seen->reloads++;
	look(state);
	return seen->calls == 7 ? E_RESTART : 0;
}

static void stop(void *state)
{
	((struct state *)state)->stop = true;
}

static void orphaned(void *state)
{
	seen->orphaned++;
	stop(state);
}

static void run(void *state)
{
	struct state *s = state;
	struct pollfd fd[4];

	while (!s->stop) {
		for (size_t i = 0; i < 4; i++)
			fd[i] = (struct pollfd){
				s->ipc[i] ? ipc_fd(s->ipc[i]) : -1, POLLIN, 0
			};
		poll(fd, 4, -1);
		for (size_t i = 0; i < 4; i++)
			if (fd[i].revents && s->ipc[i])
				ipc_read(s->ipc[i]);
	}
}

static void fini(void *state)
{
	free(state);
}

static const struct child_ops keeper = {
	PROC_KEEPER, init, prepare, watch, watch_write, unwatch, handle,
	sibling, reload, stop, orphaned, run, fini
};

/* -- its parent and siblings: this process -------------------------------- */

struct end {
	struct ipc *ipc;
	unsigned count[MSG_COUNT];
	struct msg_applied applied;
	struct msg_accuse accused;
	int closed;
};

static struct end parent, relay, engine;
static pid_t pid;

static int take(void *user, struct ipc_msg *msg)
{
	struct end *e = user;

	e->count[msg->type]++;
	if (msg->type == MSG_APPLIED)
		memcpy(&e->applied, msg->body, sizeof e->applied);
	if (msg->type == MSG_ACCUSE)
		memcpy(&e->accused, msg->body, sizeof e->accused);
	return 0;
}

static void closed(void *user, int err, enum message type)
{
	(void)type;
	((struct end *)user)->closed = err;
}

static const struct ipc_ops ops = { take, closed, NULL };

static void say(struct end *e, enum message type, const void *body, size_t len)
{
	assert_int_equal(ipc_send(e->ipc, type, 1, body, len, NULL, 0, -1), 0);
}

static void say_hello(struct end *e, enum process self, uint32_t epoch)
{
	struct msg_hello m = { self, epoch, 0, 0 };

	say(e, MSG_HELLO, &m, sizeof m);
}

/* Reads until so many of that message came, or it closed. */
static void hear(struct end *e, enum message type, unsigned n)
{
	struct pollfd fd = { ipc_fd(e->ipc), POLLIN, 0 };

	while (e->count[type] < n && !e->closed) {
		assert_int_equal(poll(&fd, 1, 10000), 1);
		ipc_read(e->ipc);
	}
}

static void fork_child(void)
{
	int fd[2];

	memset(seen, 0, sizeof *seen);
	memset(&parent, 0, sizeof parent);
	memset(&relay, 0, sizeof relay);
	memset(&engine, 0, sizeof engine);
	assert_int_equal(ipc_socketpair(fd), 0);
	pid = fork();
	if (!pid) {
		close(fd[0]);
		_exit(child_main(&keeper, fd[1], false));
	}
	close(fd[1]);
	assert_int_equal(ipc_new(fd[0], PROC_PARENT, PROC_KEEPER, &ops,
				 &parent, &parent.ipc), 0);
}

static void send_conf(uint32_t generation, const char *text)
{
	struct msg_conf m = { generation, (uint32_t)strlen(text) };

	assert_int_equal(ipc_send(parent.ipc, MSG_CONF, 0, &m, sizeof m, text,
				  m.len, -1), 0);
}

static void send_key(const char *hex)
{
	struct msg_secret m = { "p" };
	int fd = memfd_create("key", MFD_CLOEXEC);

	assert_int_equal(write(fd, hex, strlen(hex)), strlen(hex));
	assert_int_equal(ipc_send(parent.ipc, MSG_SECRET, 0, &m, sizeof m,
				  NULL, 0, fd), 0);
}

static void send_begin(uint32_t generation)
{
	struct msg_begin m = { generation };

	say(&parent, MSG_BEGIN, &m, sizeof m);
}

/* One end goes to the child, the other is ours. */
static void send_pair(struct end *e, enum process p, uint32_t epoch)
{
	struct msg_pair m = { p, epoch };
	int fd[2];

	ipc_free(e->ipc);
	memset(e, 0, sizeof *e);
	assert_int_equal(ipc_socketpair(fd), 0);
	assert_int_equal(ipc_send(parent.ipc, MSG_PAIR, 0, &m, sizeof m, NULL,
				  0, fd[1]), 0);
	assert_int_equal(ipc_new(fd[0], p, PROC_KEEPER, &ops, e, &e->ipc), 0);
	say_hello(e, p, epoch);
}

/* A pair whose other end was gone before it arrived. */
static void send_dead_pair(enum process p, uint32_t epoch)
{
	struct msg_pair m = { p, epoch };
	int fd[2];

	assert_int_equal(ipc_socketpair(fd), 0);
	close(fd[0]);
	assert_int_equal(ipc_send(parent.ipc, MSG_PAIR, 0, &m, sizeof m, NULL,
				  0, fd[1]), 0);
}

static void start_child(void)
{
	struct msg_file file = { "replay" };

	fork_child();
	say_hello(&parent, PROC_PARENT, 77);
	assert_int_equal(ipc_send(parent.ipc, MSG_FILE, 0, &file, sizeof file,
				  NULL, 0, open("/dev/null", O_RDWR)), 0);
	send_pair(&relay, PROC_RELAY, 5);
	send_conf(1, CONF);
	send_key(KEY "\n");
	send_begin(1);
	hear(&parent, MSG_READY, 1);
	assert_int_equal(parent.count[MSG_READY], 1);
}

static int end_child(void)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	ipc_free(parent.ipc);
	ipc_free(relay.ipc);
	ipc_free(engine.ipc);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int stop_child(void)
{
	say(&parent, MSG_STOP, NULL, 0);
	return end_child();
}

/* A ping behind a message: when it is answered, that was handled. */
static void settle(void)
{
	unsigned n = parent.count[MSG_PONG];

	say(&parent, MSG_PING, NULL, 0);
	hear(&parent, MSG_PONG, n + 1);
}

static void it_starts_with_all_it_was_given(void **state)
{
	(void)state;
	start_child();
	assert_int_equal(ipc_epoch(parent.ipc), 77);
	assert_int_equal(seen->prepared, 1);
	assert_int_equal(seen->epoch, 77);
	assert_int_equal(seen->calls, 2000);
	assert_int_equal(seen->key_len, 16);
	assert_true(seen->file >= 0);
	hear(&relay, MSG_HELLO, 1);
	assert_int_equal(ipc_epoch(relay.ipc), 77);
	settle();
	assert_int_equal(stop_child(), 0);
}

static void siblings_come_go_and_come_again(void **state)
{
	struct msg_key_drop drop = { 3 };

	(void)state;
	start_child();
	send_pair(&engine, PROC_ENGINE, 6);
	hear(&engine, MSG_HELLO, 1);
	say(&engine, MSG_KEY_DROP, &drop, sizeof drop);
	hear(&relay, MSG_KEY_GONE, 1);
	assert_int_equal(seen->relay_epoch, 5);
	shutdown(ipc_fd(relay.ipc), SHUT_RDWR);
	while (seen->relay_epoch)
		settle();
	send_pair(&relay, PROC_RELAY, 8);
	hear(&relay, MSG_HELLO, 1);
	say(&engine, MSG_KEY_DROP, &drop, sizeof drop);
	hear(&relay, MSG_KEY_GONE, 1);
	assert_int_equal(seen->relay_epoch, 8);
	send_pair(&relay, PROC_RELAY, 9); /* without an end before */
	hear(&relay, MSG_HELLO, 1);
	while (seen->relay_epoch != 9)
		settle();
	send_dead_pair(PROC_RELAY, 10);
	while (seen->relay_epoch)
		settle();
	settle();
	assert_int_equal(stop_child(), 0);
}

static void a_sibling_that_breaks_the_rules_is_accused(void **state)
{
	struct msg_key_release release = { 1 };

	(void)state;
	start_child();
	send_pair(&engine, PROC_ENGINE, 6);
	say(&engine, MSG_KEY_RELEASE, &release, sizeof release);
	hear(&parent, MSG_ACCUSE, 1); /* the test's handler refuses it */
	assert_int_equal(parent.accused.process, PROC_ENGINE);
	assert_int_equal(parent.accused.err, E_STATE);
	assert_int_equal(parent.accused.type, MSG_KEY_RELEASE);
	settle();
	assert_int_equal(stop_child(), 0);
}

static void a_wrong_epoch_is_an_offence(void **state)
{
	struct msg_pair m = { PROC_ENGINE, 6 };
	int fd[2];

	(void)state;
	start_child();
	assert_int_equal(ipc_socketpair(fd), 0);
	assert_int_equal(ipc_send(parent.ipc, MSG_PAIR, 0, &m, sizeof m, NULL,
				  0, fd[1]), 0);
	assert_int_equal(ipc_new(fd[0], PROC_ENGINE, PROC_KEEPER, &ops,
				 &engine, &engine.ipc), 0);
	say_hello(&engine, PROC_ENGINE, 7);
	hear(&parent, MSG_ACCUSE, 1);
	assert_int_equal(parent.accused.process, PROC_ENGINE);
	assert_int_equal(stop_child(), 0);
}

static int apply(uint32_t generation, const char *conf, const char *key)
{
	unsigned n = parent.count[MSG_APPLIED];

	send_conf(generation, conf);
	if (key)
		send_key(key);
	send_begin(generation);
	hear(&parent, MSG_APPLIED, n + 1);
	assert_int_equal(parent.applied.generation, generation);
	return parent.applied.err;
}

static void a_reload_is_taken_whole_or_not(void **state)
{
	(void)state;
	start_child();
	assert_int_equal(apply(2, CONF "limits = { calls = 9; };", KEY KEY),
			 0);
	assert_int_equal(seen->reloads, 1);
	assert_int_equal(seen->calls, 9);
	assert_int_equal(seen->key_len, 32);
	assert_int_equal(apply(3, "nonsense = 1;", KEY), E_CONF);
	assert_int_equal(apply(4, CONF "limits = { calls = 3; };", "zz"),
			 E_FORMAT);
	assert_int_equal(seen->reloads, 1);
	assert_int_equal(apply(5, CONF "limits = { calls = 7; };", NULL),
			 E_RESTART);
	assert_int_equal(seen->key_len, 0);
	assert_int_equal(stop_child(), 0);
}

static void it_does_not_start_wrongly_configured(void **state)
{
	(void)state;
	fork_child();
	say_hello(&parent, PROC_PARENT, 1);
	send_conf(1, "nonsense = 1;");
	send_begin(1);
	assert_int_equal(end_child(), 78);
	fork_child();
	say_hello(&parent, PROC_PARENT, 1);
	send_conf(1, CONF);
	send_key("00");
	send_begin(1);
	assert_int_equal(end_child(), 78);
	assert_int_equal(seen->prepared, 0);
}

static void rules_of_the_parents_pair(void **state)
{
	struct msg_pair own = { PROC_KEEPER, 3 };
	struct msg_level level = { LOG_CLASS_DEBUG + 1 };
	int fd[2];

	(void)state;
	fork_child(); /* begin without a configuration */
	say_hello(&parent, PROC_PARENT, 1);
	send_begin(1);
	assert_int_not_equal(end_child(), 0);
	start_child(); /* a pair with itself: it ends in order */
	assert_int_equal(ipc_socketpair(fd), 0);
	assert_int_equal(ipc_send(parent.ipc, MSG_PAIR, 0, &own, sizeof own,
				  NULL, 0, fd[1]), 0);
	close(fd[0]);
	assert_int_equal(end_child(), 0);
	start_child(); /* no such level */
	say(&parent, MSG_LEVEL, &level, sizeof level);
	assert_int_equal(end_child(), 0);
	start_child(); /* begin of another configuration */
	send_begin(2);
	assert_int_equal(end_child(), 0);
}

static void it_ends_with_its_parent(void **state)
{
	(void)state;
	start_child();
	assert_int_equal(stop_child(), 0); /* by its word: in order */
	assert_int_equal(seen->orphaned, 0);
	start_child();
	shutdown(ipc_fd(parent.ipc), SHUT_RDWR);
	assert_int_equal(end_child(), 0);
	assert_int_equal(seen->orphaned, 1);
	fork_child();
	shutdown(ipc_fd(parent.ipc), SHUT_RDWR);
	assert_int_not_equal(end_child(), -1);
	fork_child(); /* stopped while it starts */
	say_hello(&parent, PROC_PARENT, 1);
	assert_int_equal(stop_child(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_starts_with_all_it_was_given),
		cmocka_unit_test(siblings_come_go_and_come_again),
		cmocka_unit_test(a_sibling_that_breaks_the_rules_is_accused),
		cmocka_unit_test(a_wrong_epoch_is_an_offence),
		cmocka_unit_test(a_reload_is_taken_whole_or_not),
		cmocka_unit_test(it_does_not_start_wrongly_configured),
		cmocka_unit_test(rules_of_the_parents_pair),
		cmocka_unit_test(it_ends_with_its_parent),
	};

	signal(SIGPIPE, SIG_IGN);
	seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
