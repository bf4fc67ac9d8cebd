/* test_confine.c - each kind of process, once confined, can do its work and
 * dies of what it must not do. */
#include "config.h"

#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "daemon/confine.h"
#include "tests/mock/slow.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define DIED (-1) /* of a forbidden call */

static bool charon; /* it is to speak with it */

/* Runs act() in a confined child of that kind: its status, or DIED. */
static int confined(enum process p, int (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		log_level(LOG_CLASS_BUG);
		if (charon)
			_exit(confine_tunnel(true) ? 100 : act());
		_exit(confine(p) ? 100 : act());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WTERMSIG(status) == SIGSYS ? DIED : 200 + WTERMSIG(status);
}

/* -- what each must not do ------------------------------------------------ */

static int exec_shell(void)
{
	execl("/bin/true", "true", NULL);
	return 1;
}

static int open_to_read(void)
{
	return open("/etc/hosts", O_RDONLY) < 0;
}

/* 0: refused, as a key file would be. */
static int open_another(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES;
}

static int open_to_write(void)
{
	return open("/tmp/callseal-test-confine", O_WRONLY | O_CREAT, 0600) < 0;
}

static int fork_once(void)
{
	return syscall(SYS_fork) < 0;
}

static int make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int kill_another(void)
{
	return kill(getppid(), 0);
}

static int trace(void)
{
	return syscall(SYS_ptrace, 0, 0, 0, 0) < 0;
}

static int make_ring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL) < 0;
}

static int register_ring(void)
{
	return syscall(SYS_io_uring_register, 0, 0, NULL, 0) < 0;
}

static int udp_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0;
}

static int tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) < 0;
}

static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0;
}

static int raw_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) < 0;
}

static int netlink_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0;
}

static int connect_out(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	return connect(0, (struct sockaddr *)&to, sizeof to) < 0 &&
	       errno == EPERM;
}

static int set_limit(void)
{
	struct rlimit r = { 0, 0 };

	return setrlimit(RLIMIT_NOFILE, &r);
}

static int unlink_file(void)
{
	return unlink("/tmp/callseal-test-confine-none") < 0 && errno == EPERM;
}

static void forbidden_calls_kill(void **state)
{
	static const struct {
		const char *what;
		int (*act)(void);
		int engine, keeper, relay, tunnel; /* 0: works, else DIED */
	} rows[] = {
		{ "exec", exec_shell, DIED, DIED, DIED, DIED },
		{ "open for reading", open_to_read, 0, DIED, DIED, DIED },
		{ "open what it does not need", open_another, 0, DIED, DIED,
		  DIED },
		{ "open for writing", open_to_write, DIED, DIED, DIED, DIED },
		{ "fork", fork_once, DIED, DIED, DIED, DIED },
		{ "executable memory", make_code, DIED, DIED, DIED, DIED },
		{ "kill", kill_another, DIED, DIED, DIED, DIED },
		{ "ptrace", trace, DIED, DIED, DIED, DIED },
		{ "io_uring_setup", make_ring, DIED, DIED, DIED, DIED },
		{ "io_uring_register", register_ring, DIED, DIED, DIED, DIED },
		{ "UDP socket", udp_socket, 0, DIED, 0, DIED },
		{ "TCP socket", tcp_socket, 0, DIED, DIED, DIED },
		{ "packet socket", raw_socket, DIED, DIED, DIED, DIED },
		{ "connect", connect_out, 0, DIED, DIED, DIED },
		{ "setrlimit", set_limit, DIED, DIED, DIED, DIED },
		{ "netlink socket", netlink_socket, 0, DIED, DIED, DIED },
		{ "unlink", unlink_file, DIED, DIED, DIED, DIED },
	};

	(void)state;
	if (!confine_filters() || under_valgrind())
		skip();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int got[] = { confined(PROC_ENGINE, rows[i].act),
			      confined(PROC_KEEPER, rows[i].act),
			      confined(PROC_RELAY, rows[i].act),
			      confined(PROC_TUNNEL, rows[i].act) };

		if (got[0] != rows[i].engine || got[1] != rows[i].keeper ||
		    got[2] != rows[i].relay || got[3] != rows[i].tunnel)
			fail_msg("%s: %d %d %d %d", rows[i].what, got[0],
				 got[1], got[2], got[3]);
	}
	assert_int_not_equal(confined(PROC_ENGINE, unix_socket), 0);
	assert_int_equal(confined(PROC_RELAY, unix_socket), DIED);
	assert_int_equal(confined(PROC_TUNNEL, unix_socket), DIED);
	charon = true;
	assert_int_equal(confined(PROC_TUNNEL, unix_socket), 0); /* VICI */
	charon = false;
}

/* -- what each must be able to do ----------------------------------------- */

static int crypto(void)
{
	static const uint8_t key[16], iv[12];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	struct secret s;
	int bad;

	bad = !ctx || !gcm || !mac || secret_random(&s, 32) ||
	      EVP_EncryptInit_ex2(ctx, gcm, key, iv, NULL) != 1;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(gcm);
	EVP_MAC_free(mac);
	return bad;
}

static int memory(void)
{
	void *p[64];

	for (size_t i = 0; i < 64; i++) {
		p[i] = malloc(i * 40000 + 1);
		if (!p[i])
			return 1;
		memset(p[i], 1, i * 40000 + 1);
	}
	for (size_t i = 0; i < 64; i++) {
		p[i] = realloc(p[i], 5000);
		free(p[i]);
	}
	return 0;
}

static int wait_a_little(void)
{
	struct epoll_event e;
	int pipe_fd[2], fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0 || pipe2(pipe_fd, O_CLOEXEC))
		return 1;
	e = (struct epoll_event){ .events = EPOLLIN };
	if (epoll_ctl(fd, EPOLL_CTL_ADD, pipe_fd[0], &e))
		return 1;
	return epoll_wait(fd, &e, 1, 5) != 0 || usleep(1000);
}

static int log_a_line(void)
{
	log_level(LOG_CLASS_DEBUG);
	log_debug("test", "a line from a confined process");
	fprintf(stderr, "%s", "");
	return 0;
}

static int do_work(void)
{
	return crypto() || memory() || wait_a_little() || log_a_line();
}

static int give_up(void)
{
	abort();
}

/* But for the tunnel process's one, if there was any. */
static int privileges_are_gone(uint32_t but)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps))
		return 1;
	return (caps[0].effective & ~but) || (caps[0].permitted & ~but) ||
	       (!geteuid() && (caps[0].effective & but) != but) ||
	       caps[0].inheritable ||
	       !prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static int all_are_gone(void)
{
	return privileges_are_gone(0);
}

static int one_is_left(void)
{
	return privileges_are_gone(1u << CAP_NET_ADMIN);
}

static const char thread_word[] = "done";

static void *thread(void *arg)
{
	return malloc(100) ? arg : NULL;
}

static int start_thread(void)
{
	pthread_t t;
	void *result;

	return pthread_create(&t, NULL, thread, (void *)thread_word) ||
	       pthread_join(t, &result) || !result;
}

static int use_udp(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int one = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof at;
	char byte;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	       bind(fd, (struct sockaddr *)&at, sizeof at) ||
	       getsockname(fd, (struct sockaddr *)&at, &len) ||
	       sendto(fd, "x", 1, 0, (struct sockaddr *)&at, len) != 1 ||
	       recv(fd, &byte, 1, 0) != 1;
}

static void work_goes_on(void **state)
{
	(void)state;
	crypto(); /* as child.c does: what is loaded on first use */
	for (enum process p = PROC_ENGINE; p <= PROC_TUNNEL; p++) {
		if (under_valgrind())
			skip();
		assert_int_equal(confined(p, do_work), 0);
		assert_int_equal(confined(p, give_up), 200 + SIGABRT);
	}
	assert_int_equal(confined(PROC_RELAY, start_thread), 0);
	assert_int_equal(confined(PROC_RELAY, use_udp), 0);
	assert_int_equal(confined(PROC_ENGINE, use_udp), 0);
}

/* Without the filter, which forbids asking. */
static void privileges_are_dropped(void **state)
{
	(void)state;
	if (confine_filters())
		skip();
	for (enum process p = PROC_ENGINE; p <= PROC_TUNNEL; p++)
		assert_int_equal(confined(p, p == PROC_TUNNEL ? one_is_left
							      : all_are_gone),
				 0);
}

static int run_true(void)
{
	return system("exit 0");
}

static int chroot_away(void)
{
	return chroot("/nonexistent") < 0 && errno == EPERM;
}

static int end_child(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		pause();
	return kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid;
}

static void the_parent_can_start_processes_only(void **state)
{
	(void)state;
	if (!confine_filters() || under_valgrind())
		skip();
	assert_int_equal(confined(PROC_PARENT, run_true), 0);
	assert_int_equal(confined(PROC_PARENT, end_child), 0);
	assert_int_equal(confined(PROC_PARENT, do_work), 0);
	assert_int_equal(confined(PROC_PARENT, trace), DIED);
	assert_int_equal(confined(PROC_PARENT, chroot_away), DIED);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	assert_true(confine(PROC_COUNT) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden_calls_kill),
		cmocka_unit_test(work_goes_on),
		cmocka_unit_test(privileges_are_dropped),
		cmocka_unit_test(the_parent_can_start_processes_only),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
