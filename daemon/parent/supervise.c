/* supervise.c - the parent's children: starting, pairing, watching, starting
 * again.
 *
 * A child's place goes: waiting -> started -> ready -> (ended) -> waiting.
 * It starts again after 0.2 s, each time twice as long up to 10 s, and anew
 * from 0.2 s once it held 30 s. Three ends in a row before ready make the
 * parent give up: then the cause does not go away by itself.
 *
 * Epochs come from one counter over all children, which begins with the wall
 * clock's seconds, so that they grow over restarts of the parent too. */
#include "config.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/parent/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define TAG "parent"
#define SECOND 1000000ull
#define BACK_OFF_MIN (SECOND / 5)
#define BACK_OFF_MAX (10 * SECOND)
#define HELD (30 * SECOND)
#define PING_EVERY (5 * SECOND)
#define SILENCE_MAX (30 * SECOND) /* also from start to ready */
#define FAILED_MAX 3
#define ACCUSED_MAX 5 /* accusations of one engine, then it is the liar */
#define CHILD_FD 3

static uint64_t now_us(void)
{
	return clock_mono_us(&clock_system);
}

struct worker *worker_of(struct parent *p, enum process process)
{
	for (int i = 0; i < p->n_workers; i++)
		if (p->worker[i].process == process)
			return &p->worker[i];
	return NULL;
}

bool workers_all(const struct parent *p, bool ready)
{
	const struct worker *w = p->worker;

	for (int i = 0; i < p->n_workers; i++)
		if (ready ? !w[i].ready : w[i].pid != 0)
			return false;
	return true;
}

void worker_kill(struct worker *w, const char *why)
{
	if (!w->pid)
		return;
	log_error(TAG, "%s (process %d) is killed: %s",
		  process_name(w->process), (int)w->pid, why);
	kill(w->pid, SIGKILL);
}

/* -- messages from a child ------------------------------------------------ */

static int on_ready(struct worker *w)
{
	if (w->ready)
		return E_STATE;
	w->ready = true;
	w->failed = 0;
	w->pong_us = w->ping_us = now_us();
	log_debug(TAG, "%s is ready", process_name(w->process));
	parent_ready(w->parent);
	return 0;
}

static void pair_up(struct worker *a, struct worker *b);

/* A keeper or relay is not ended on the engine's word alone, since the engine
 * is what the network reaches: they get a new pair, and an engine that keeps
 * accusing is started again itself. */
static int on_accuse(struct worker *w, const struct msg_accuse *m)
{
	struct worker *accused = worker_of(w->parent, m->process);

	if (!accused || accused == w)
		return E_FORMAT;
	w->accused++;
	log_error(TAG, "%s accuses %s: %s (%s), accusation %llu",
		  process_name(w->process), process_name(m->process),
		  err_text(m->err), message_name(m->type),
		  (unsigned long long)w->accused);
	if (w->process != PROC_ENGINE)
		worker_kill(accused, "it broke the rules of a pair");
	else if (w->accused % ACCUSED_MAX == 0)
		worker_kill(w, "it accuses again and again");
	else
		pair_up(w, accused);
	return 0;
}

static int on_message(void *user, struct ipc_msg *msg)
{
	struct worker *w = user;

	switch (msg->type) {
	case MSG_HELLO:
		return ipc_epoch(w->ipc) == w->epoch ? 0 : E_STATE;
	case MSG_READY:
		return on_ready(w);
	case MSG_PONG:
		w->pong_us = now_us();
		return 0;
	case MSG_APPLIED:
		parent_applied(w->parent, w,
			       ((struct msg_applied *)msg->body)->err);
		return 0;
	case MSG_ACCUSE:
		return on_accuse(w, msg->body);
	case MSG_TRUSTED:
		orders_done(w->parent, msg->id, msg->body);
		return 0;
	case MSG_RELOAD:
		log_info(TAG, "the operator asks for a reload");
		parent_ask_reload(w->parent);
		return 0;
	default:
		return E_STATE;
	}
}

static void on_closed(void *user, int err, enum message type)
{
	struct worker *w = user;
	char why[96];

	w->broken = true;
	if (err == E_CLOSED) /* it is ending, or SIGKILL helps it */
		return;
	snprintf(why, sizeof why, "it broke the rules: %s (%s)", err_text(err),
		 message_name(type));
	worker_kill(w, why);
}

static const struct ipc_ops worker_ops = {
	.handle = on_message, .closed = on_closed
};

/* -- starting ------------------------------------------------------------- */

/* In the forked child, until exec. */
__attribute__((noreturn))
static void become(const struct worker *w, int fd)
{
	const struct parent *p = w->parent;
	char title[32];
	char *argv[] = {
		title, (char *)"--child", (char *)process_name(w->process),
		p->options->sandbox ? NULL : (char *)"--no-sandbox", NULL
	};
	sigset_t none;

	snprintf(title, sizeof title, "callseal: %s", argv[2]);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if ((fd == CHILD_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, CHILD_FD)) < 0)
		_exit(EX_OSERR);
	if (syscall(SYS_close_range, CHILD_FD + 1, ~0u, 0))
		_exit(EX_OSERR);
	if (identity_take(&p->id, w->process)) {
		log_error(TAG, "cannot become user %d: %s", (int)p->id.uid,
			  strerror(errno));
		_exit(EX_NOPERM);
	}
	execv("/proc/self/exe", argv);
	log_error(TAG, "cannot start %s: %s", argv[2], strerror(errno));
	_exit(EX_OSERR);
}

static int send_to(struct worker *w, enum message type, const void *body,
		   size_t len)
{
	return ipc_send(w->ipc, type, 0, body, len, NULL, 0, -1);
}

static int launch(struct worker *w)
{
	struct msg_hello hello = { PROC_PARENT, ++w->parent->epoch,
				   (uint32_t)w->restarts, w->signal };
	int fd[2], r;

	w->epoch = hello.epoch;
	if ((r = ipc_socketpair(fd)))
		return r;
	r = ipc_new(fd[0], PROC_PARENT, w->process, &worker_ops, w, &w->ipc);
	if (r) {
		close(fd[0]);
		close(fd[1]);
		return r;
	}
	w->pid = fork();
	if (!w->pid)
		become(w, fd[1]);
	close(fd[1]);
	if (w->pid < 0) {
		w->pid = 0;
		ipc_free(w->ipc);
		w->ipc = NULL;
		return E_IO;
	}
	w->ready = w->broken = w->stop_sent = false;
	w->restart_us = 0;
	w->started_us = now_us();
	return send_to(w, MSG_HELLO, &hello, sizeof hello);
}

static int send_fd(struct worker *w, enum message type, const void *body,
		   size_t len, int fd)
{
	int r = ipc_send(w->ipc, type, 0, body, len, NULL, 0, fd);

	if (r)
		close(fd);
	return r;
}

/* Media meet the tunnel in the kernel. */
static bool have_nothing_to_say(const struct worker *a, const struct worker *b)
{
	unsigned both = 1u << a->process | 1u << b->process;

	return both == (1u << PROC_RELAY | 1u << PROC_TUNNEL);
}

/* A fresh pair; what they had before is closed by its arrival. */
static void pair_up(struct worker *a, struct worker *b)
{
	struct msg_pair to_a = { b->process, b->epoch };
	struct msg_pair to_b = { a->process, a->epoch };
	int fd[2];

	if (!a->pid || !b->pid || a->broken || b->broken ||
	    have_nothing_to_say(a, b))
		return;
	if (ipc_socketpair(fd)) {
		log_error(TAG, "no socket pair: %s", strerror(errno));
		return;
	}
	send_fd(a, MSG_PAIR, &to_a, sizeof to_a, fd[0]);
	send_fd(b, MSG_PAIR, &to_b, sizeof to_b, fd[1]);
}

static int send_file(struct worker *w, const char *name, int fd)
{
	struct msg_file m = { "" };
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return E_IO;
	snprintf(m.name, sizeof m.name, "%s", name);
	return send_fd(w, MSG_FILE, &m, sizeof m, copy);
}

static int send_files(struct worker *w)
{
	static const struct {
		enum process process;
		const char *name;
		enum file file;
	} all[] = {
		{ PROC_ENGINE, "control", FILE_CONTROL },
		{ PROC_ENGINE, "record", FILE_RECORD },
		{ PROC_ENGINE, "bindings", FILE_BINDINGS },
		{ PROC_KEEPER, "replay", FILE_REPLAY },
		{ PROC_KEEPER, "memory", FILE_MEMORY },
		{ PROC_TUNNEL, "ledger", FILE_LEDGER },
	};
	int r = 0;

	for (size_t i = 0; !r && i < sizeof all / sizeof *all; i++)
		if (all[i].process == w->process)
			r = send_file(w, all[i].name,
				      w->parent->files.fd[all[i].file]);
	return r;
}

static int send_secrets(struct worker *w, const struct policy *policy)
{
	const struct peer *peer;
	struct msg_secret m;
	int fd, r;

	if (w->process != PROC_KEEPER)
		return 0;
	for (size_t i = 0; (peer = policy_at(policy, i)); i++) {
		if (!*peer->psk)
			continue;
		r = files_open_psk(peer, w->parent->conf_dir, &fd);
		if (r)
			return r;
		memcpy(m.peer, peer->name, sizeof m.peer);
		if ((r = send_fd(w, MSG_SECRET, &m, sizeof m, fd)))
			return r;
	}
	return 0;
}

static int send_passwords(struct worker *w, const struct policy *policy)
{
	const struct account *a;
	struct msg_password m;
	int fd, r = 0;

	if (w->process != PROC_KEEPER)
		return 0;
	for (size_t i = 0; !r && (a = policy_account_at(policy, i)); i++) {
		r = files_open_password(a, w->parent->conf_dir, &fd);
		if (r)
			return r;
		memcpy(m.account, a->name, sizeof m.account);
		r = send_fd(w, MSG_PASSWORD, &m, sizeof m, fd);
	}
	return r;
}

static int send_credential(struct worker *w, const struct policy *policy)
{
	struct policy_file file;
	int fd, r = 0;

	if (w->process != PROC_KEEPER)
		return 0;
	for (size_t i = 0; !r && policy_file(policy, i, &file); i++) {
		struct msg_credential m = { .part = file.part };

		strncpy(m.peer, file.peer, sizeof m.peer - 1);
		r = files_open_credential(&file, w->parent->conf_dir, &fd);
		if (!r)
			r = send_fd(w, MSG_CREDENTIAL, &m, sizeof m, fd);
	}
	return r;
}

static int send_users(struct worker *w, const struct conf *conf)
{
	int fd, r;

	if (w->process != PROC_KEEPER)
		return 0;
	r = files_open_users(conf, w->parent->conf_dir, &fd);
	return r || fd < 0 ? r : send_fd(w, MSG_USERS, NULL, 0, fd);
}

static int send_tls(struct worker *w, const struct conf *conf)
{
	int fd[TLS_FILES] = { -1, -1, -1 }, r;

	if (w->process != PROC_ENGINE)
		return 0;
	r = files_open_tls(conf, w->parent->conf_dir, fd);
	for (int i = 0; !r && i < TLS_FILES; i++)
		if (fd[i] >= 0)
			r = send_file(w, files_tls_names[i], fd[i]);
	files_close_tls(fd);
	return r;
}

static int send_ike(struct worker *w, const struct conf *conf,
		    const struct policy *policy)
{
	struct ike_file f;
	int r = 0;

	if (w->process != PROC_TUNNEL)
		return 0;
	for (size_t i = 0; !r; i++) {
		r = files_open_ike(conf, policy, w->parent->conf_dir, i, &f);
		if (!r && f.fd >= 0) {
			r = send_file(w, f.name, f.fd);
			close(f.fd);
		}
	}
	return r == E_NOTFOUND ? 0 : r;
}

static int send_list(struct worker *w, const struct conf *conf)
{
	int fd = -1, r;

	if (w->process != PROC_ENGINE)
		return 0;
	r = files_open_list(conf, w->parent->conf_dir, &fd);
	if (r || fd < 0)
		return r;
	r = send_file(w, SCREENING_FILE, fd);
	close(fd);
	return r;
}

static int send_conf(struct worker *w, const struct conf *conf,
		     const struct policy *policy)
{
	const char *text = conf_text_of(conf);
	struct msg_conf m = { w->parent->generation, (uint32_t)strlen(text) };
	struct msg_begin begin = { w->parent->generation };
	int r;

	if ((r = ipc_send(w->ipc, MSG_CONF, 0, &m, sizeof m, text, m.len, -1)))
		return r;
	if ((r = send_secrets(w, policy)) || (r = send_passwords(w, policy)) ||
	    (r = send_credential(w, policy)) || (r = send_users(w, conf)) ||
	    (r = send_tls(w, conf)) || (r = send_list(w, conf)) ||
	    (r = send_ike(w, conf, policy)))
		return r;
	return send_to(w, MSG_BEGIN, &begin, sizeof begin);
}

static int configure(struct worker *w)
{
	struct msg_level level = {
		w->parent->options->verbose ? LOG_CLASS_DEBUG : LOG_CLASS_INFO
	};
	int r;

	if ((r = send_to(w, MSG_LEVEL, &level, sizeof level)) ||
	    (r = send_files(w)))
		return r;
	return send_conf(w, w->parent->conf, w->parent->policy);
}

int worker_reload(struct worker *w, const struct conf *conf,
		  const struct policy *policy)
{
	return send_conf(w, conf, policy);
}

int workers_start(struct parent *p, unsigned mask)
{
	int r = 0;

	for (int i = 0; !r && i < p->n_workers; i++)
		if (mask & 1u << p->worker[i].process)
			r = launch(&p->worker[i]);
	for (int i = 0; i < p->n_workers; i++)
		for (int j = i + 1; j < p->n_workers; j++)
			if (mask & (1u << p->worker[i].process |
				    1u << p->worker[j].process))
				pair_up(&p->worker[i], &p->worker[j]);
	for (int i = 0; !r && i < p->n_workers; i++)
		if (mask & 1u << p->worker[i].process)
			r = configure(&p->worker[i]);
	if (r)
		log_error(TAG, "a process cannot be started: %s", err_text(r));
	return r;
}

/* -- ending --------------------------------------------------------------- */

void worker_stop(struct worker *w)
{
	if (w->pid && !w->broken && !w->stop_sent)
		w->stop_sent = !send_to(w, MSG_STOP, NULL, 0);
}

static void say_end(const struct worker *w, int status)
{
	const char *name = process_name(w->process);

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_error(TAG, "%s made a forbidden system call and was ended "
			  "(the kernel log names it)", name);
	else if (WIFSIGNALED(status))
		log_error(TAG, "%s was ended by signal %d (%s)", name,
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) || !w->parent->stopping)
		log_error(TAG, "%s ended with status %d", name,
			  WEXITSTATUS(status));
}

static void plan_restart(struct worker *w)
{
	uint64_t now = now_us();

	if (!w->back_off_us || now - w->started_us > HELD)
		w->back_off_us = BACK_OFF_MIN;
	else if ((w->back_off_us *= 2) > BACK_OFF_MAX)
		w->back_off_us = BACK_OFF_MAX;
	w->restart_us = now + w->back_off_us;
	w->restarts++;
	log_info(TAG, "%s is started again in %llu ms",
		 process_name(w->process),
		 (unsigned long long)w->back_off_us / 1000);
}

static void ended(struct worker *w, int status)
{
	struct parent *p = w->parent;
	bool was_ready = w->ready;

	say_end(w, status);
	w->signal = WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0;
	w->pid = 0;
	w->ready = false;
	ipc_free(w->ipc);
	w->ipc = NULL;
	if (p->stopping)
		return;
	parent_lost(p, w);
	if (!was_ready && WIFEXITED(status) &&
	    WEXITSTATUS(status) == EX_CONFIG) {
		parent_give_up(p, EX_CONFIG);
	} else if (!was_ready && ++w->failed >= FAILED_MAX) {
		log_error(TAG, "%s did not start %d times; the lines above say "
			  "why", process_name(w->process), FAILED_MAX);
		parent_give_up(p, EXIT_FAILURE);
	} else {
		plan_restart(w);
	}
}

void workers_reap(struct parent *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < p->n_workers; i++)
			if (p->worker[i].pid == pid) {
				ended(&p->worker[i], status);
				break;
			}
}

/* -- time ----------------------------------------------------------------- */

static void earlier(uint64_t *next, uint64_t at)
{
	if (at < *next)
		*next = at;
}

static void tick_running(struct worker *w, uint64_t now, uint64_t *next)
{
	uint64_t heard = w->ready ? w->pong_us : w->started_us;

	if (now > heard && now - heard >= SILENCE_MAX) {
		worker_kill(w, w->ready ? "it does not answer" :
					  "it takes too long to start");
		w->pong_us = w->started_us = now;
		return;
	}
	earlier(next, heard + SILENCE_MAX);
	if (!w->ready || w->broken)
		return;
	if (now >= w->ping_us + PING_EVERY) {
		send_to(w, MSG_PING, NULL, 0);
		w->ping_us = now;
	}
	earlier(next, w->ping_us + PING_EVERY);
}

static void tick_waiting(struct worker *w, uint64_t now, uint64_t *next)
{
	if (!w->restart_us || w->parent->stopping)
		return;
	if (now < w->restart_us) {
		earlier(next, w->restart_us);
		return;
	}
	w->restart_us = 0;
	if (!workers_start(w->parent, 1u << w->process))
		return;
	if (w->pid)
		worker_kill(w, "it cannot be given its configuration");
	else
		plan_restart(w);
}

uint64_t workers_tick(struct parent *p, uint64_t now)
{
	uint64_t next = now + PING_EVERY;

	for (int i = 0; i < p->n_workers; i++)
		if (p->worker[i].pid)
			tick_running(&p->worker[i], now, &next);
		else
			tick_waiting(&p->worker[i], now, &next);
	return next;
}
