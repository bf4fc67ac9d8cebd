/* parent.c - the parent's life: start, wait for signals and children, reload,
 * stop. See parent.h.
 *
 * Reload: the new configuration is read and checked here; the keeper gets it
 * first, since only it can judge the keys; when it took it, the others follow.
 * Any fault before that leaves the old configuration in force everywhere.
 * Stop: first the engine, so that calls are ended while media still runs, then
 * the others, the tunnel process last; who does not end within 5 s is
 * killed. */
#include "config.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/confine.h"
#include "daemon/parent/parent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define TAG "parent"
#define PATIENCE (5 * 1000000ull)

/* -- configuration -------------------------------------------------------- */

static void folder_of(const char *path, char *dir, size_t len)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(dir, len, ".");
	else
		snprintf(dir, len, "%.*s", (int)(slash - path) +
			 (slash == path), path);
}

static int load_text(const struct options *o, struct conf **out, char *dir,
		     size_t dir_len, struct conf_err *err)
{
	const char *path = o->conf_path ? o->conf_path : CONF_PATH_DEFAULT;

	folder_of(path, dir, dir_len);
	if (o->conf_path || !access(path, F_OK))
		return conf_load(path, settings_groups(), out, err);
	log_info(TAG, "%s does not exist: embedded defaults (loopback, no "
		 "peers: every call is refused)", path);
	return conf_parse("", "defaults", NULL, settings_groups(), out, err);
}

int parent_load(const struct options *o, struct conf **out, char *dir,
		size_t dir_len)
{
	struct conf_err err = { "" };
	struct conf *conf = NULL;
	int r = load_text(o, &conf, dir, dir_len, &err);

	if (!r)
		r = settings_check(conf, &err);
	if (r) {
		log_error(TAG, "%s", err.text);
		conf_free(conf);
		return r;
	}
	*out = conf;
	return 0;
}

static void warn_plain(const struct policy *policy)
{
	const struct peer *peer;

	for (size_t i = 0; (peer = policy_at(policy, i)); i++)
		if (peer->profile->need != NEED_REQUIRE)
			log_error(TAG, "peer %s: calls %s\"%s\" %s PLAIN: "
				  "anyone on the way can listen", peer->name,
				  strcmp(peer->match, "*") ? "with " :
				  "with everybody not named before, ",
				  peer->match,
				  peer->profile->need == NEED_FORBID ?
				  "are" : "may be");
	if (!policy_count(policy))
		log_error(TAG, "no peers are configured: every call is "
			  "refused; add one to peers = ( ... )");
}

/* -- reload --------------------------------------------------------------- */

static void announce(struct parent *p, const char *state)
{
	unsigned long long restarts = 0;

	for (int i = 0; i < p->n_workers; i++)
		restarts += p->worker[i].restarts;
	sd_notifyf(0, "%s\nSTATUS=configuration %u, %llu restarts of a process",
		   state, p->generation, restarts);
}

static void drop_next(struct parent *p)
{
	policy_free(p->policy_next);
	conf_free(p->conf_next);
	p->policy_next = NULL;
	p->conf_next = NULL;
	p->applying = 0;
}

static void reload_failed(struct parent *p, const char *why)
{
	log_error(TAG, "reload: %s; the old configuration stays", why);
	drop_next(p);
	announce(p, "READY=1");
}

static int check_tls_files(const struct conf *c, const char *dir)
{
	int fd[TLS_FILES], r = files_open_tls(c, dir, fd);

	if (!r)
		files_close_tls(fd);
	return r;
}

static int check_ike_files(const struct conf *c, const struct policy *policy,
			   const char *dir)
{
	struct ike_file f;
	int r = 0, one;

	for (size_t i = 0;
	     (one = files_open_ike(c, policy, dir, i, &f)) != E_NOTFOUND; i++)
		if (one)
			r = one;
		else if (f.fd >= 0)
			close(f.fd);
	return r;
}

/* What the tunnel process began with it keeps. NULL: nothing of it changes. */
static const char *tunnels_change(const struct policy *now,
				  const struct policy *next)
{
	static const struct {
		enum media_way way;
		const char *added, *gone;
	} rows[] = {
		{ MEDIA_ESP, "a peer has media = \"esp\" now, and none had "
		  "before",
		  "no peer has media = \"esp\" any more" },
		{ MEDIA_IKE, "a peer has media = \"ike\" now, and none had "
		  "before",
		  "no peer has media = \"ike\" any more" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (policy_uses(now, rows[i].way) !=
		    policy_uses(next, rows[i].way))
			return policy_uses(next, rows[i].way) ? rows[i].added
							      : rows[i].gone;
	if (policy_ike_calls(now) != policy_ike_calls(next))
		return "a peer's profile has ike = \"call\" now and none had "
		       "before, or none has it any more";
	if (!tunnelpeers_same_nets(now, next))
		return "other peers have esp_scope = \"net\", or their "
		       "esp_nets changed";
	if (!tunnelpeers_same_ports(now, next))
		return "a peer's route has a port that must stay out of the "
		       "tunnels for more than media (esp_scope)";
	return tunnelpeers_same(now, next) ? NULL :
	       "other peers have media = \"ike\", or their ike, ike_id, "
	       "ike_nets, ike_cert, ike_ca or psk, or their profile's ike or "
	       "esp, changed";
}

static int check_tunnels(struct parent *p)
{
	const char *change = tunnels_change(p->policy, p->policy_next);
	char why[200];

	if (!change)
		return 0;
	snprintf(why, sizeof why, "%s: to %s the tunnel process needs a "
		 "restart of the service", change,
		 policy_tunnels(p->policy) == policy_tunnels(p->policy_next)
		 ? "change" : policy_tunnels(p->policy) ? "end" : "start");
	reload_failed(p, why);
	return E_RESTART;
}

static int prepare_next(struct parent *p)
{
	char dir[sizeof p->conf_dir], key[128], why[200];
	struct conf_err err = { "" };
	int r;

	r = parent_load(p->options, &p->conf_next, dir, sizeof dir);
	if (r) {
		reload_failed(p, err_text(r));
		return r;
	}
	if (conf_needs_restart(p->conf, p->conf_next, key)) {
		snprintf(why, sizeof why, "%s changed, which needs a restart",
			 key);
		reload_failed(p, why);
		return E_RESTART;
	}
	if ((r = check_tls_files(p->conf_next, dir))) {
		reload_failed(p, "a file of tls cannot be used");
		return r;
	}
	if ((r = files_check_list(p->conf_next, dir))) {
		reload_failed(p, "screening.file cannot be used");
		return r;
	}
	r = policy_new(p->conf_next, &p->policy_next, &err);
	if (r) {
		reload_failed(p, err.text);
		return r;
	}
	r = check_ike_files(p->conf_next, p->policy_next, dir);
	if (r) {
		reload_failed(p, "a certificate of IKE cannot be used");
		return r;
	}
	return check_tunnels(p);
}

static void reload(struct parent *p)
{
	struct worker *keeper = worker_of(p, PROC_KEEPER);

	p->reload_wanted = false;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)clock_mono_us(&clock_system));
	if (prepare_next(p))
		return;
	p->generation++;
	p->applying = 1u << PROC_KEEPER;
	if (worker_reload(keeper, p->conf_next, p->policy_next))
		reload_failed(p, "a key file cannot be used");
}

/* Only when all are there and nothing else is going on. */
static void reload_if_due(struct parent *p)
{
	if (p->reload_wanted && !p->applying && !p->stopping &&
	    workers_all(p, true))
		reload(p);
}

void parent_ask_reload(struct parent *p)
{
	p->reload_wanted = true;
	reload_if_due(p);
}

/* The keeper took it: from here on it is the configuration. */
static void adopt(struct parent *p)
{
	struct worker *w;

	policy_free(p->policy);
	conf_free(p->conf);
	p->policy = p->policy_next;
	p->conf = p->conf_next;
	p->policy_next = NULL;
	p->conf_next = NULL;
	for (int i = 0; i < p->n_workers; i++) {
		w = &p->worker[i];
		if (w->process == PROC_KEEPER || !w->ready)
			continue;
		if (worker_reload(w, p->conf, p->policy))
			worker_kill(w, "it cannot be given the configuration");
		else
			p->applying |= 1u << w->process;
	}
	warn_plain(p->policy);
}

static void finished(struct parent *p)
{
	log_info(TAG, "reload: configuration %u is in force", p->generation);
	announce(p, "READY=1");
	reload_if_due(p);
}

void parent_applied(struct parent *p, struct worker *w, int err)
{
	char why[128];

	if (!(p->applying & 1u << w->process))
		return;
	p->applying &= ~(1u << w->process);
	if (w->process == PROC_KEEPER && p->conf_next) {
		if (err && err != E_RESTART) {
			snprintf(why, sizeof why, "the keeper refuses it (%s)",
				 err_text(err));
			reload_failed(p, why);
			return;
		}
		adopt(p);
	} else if (err) {
		log_error(TAG, "reload: %s: %s", process_name(w->process),
			  err_text(err));
	}
	if (!p->applying)
		finished(p);
}

void parent_lost(struct parent *p, struct worker *w)
{
	if (!(p->applying & 1u << w->process))
		return;
	if (p->conf_next)
		reload_failed(p, "the keeper ended while reading it");
	else
		parent_applied(p, w, 0); /* it starts with the new one */
}

/* -- start and stop ------------------------------------------------------- */

void parent_ready(struct parent *p)
{
	if (!workers_all(p, true))
		return;
	if (!p->announced)
		log_info(TAG, "ready");
	p->announced = true;
	announce(p, "READY=1");
	reload_if_due(p);
}

static void kill_all(struct parent *p, const char *why)
{
	for (int i = 0; i < p->n_workers; i++)
		worker_kill(&p->worker[i], why);
}

static void stop(struct parent *p)
{
	if (p->stopping) {
		kill_all(p, "asked to stop twice");
		return;
	}
	log_info(TAG, "stopping");
	sd_notify(0, "STOPPING=1");
	p->stopping = true;
	p->stop_us = clock_mono_us(&clock_system) + PATIENCE;
	if (worker_of(p, PROC_ENGINE)->pid)
		worker_stop(worker_of(p, PROC_ENGINE));
}

void parent_give_up(struct parent *p, int status)
{
	p->status = status;
	stop(p);
}

/* The tunnel process shuts ports until it ends: not while the relay may still
 * send from them. */
static bool may_stop(struct parent *p, const struct worker *w)
{
	return w->process != PROC_TUNNEL || !worker_of(p, PROC_RELAY)->pid;
}

/* After the engine the others; after patience, force. */
static uint64_t stop_tick(struct parent *p, uint64_t now)
{
	if (workers_all(p, false)) {
		p->leave = true;
		return now;
	}
	if (now >= p->stop_us) {
		if (worker_of(p, PROC_ENGINE)->pid)
			worker_kill(worker_of(p, PROC_ENGINE),
				    "it does not end");
		else
			kill_all(p, "it does not end");
		p->stop_us = now + PATIENCE;
	}
	if (!worker_of(p, PROC_ENGINE)->pid)
		for (int i = 0; i < p->n_workers; i++)
			if (may_stop(p, &p->worker[i]))
				worker_stop(&p->worker[i]);
	return p->stop_us;
}

/* -- the loop ------------------------------------------------------------- */

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(struct parent *p, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			workers_reap(p);
		else if (info.ssi_signo == SIGHUP)
			parent_ask_reload(p);
		else
			stop(p);
	}
}

/* Fed while every child that runs answers. */
static uint64_t feed_watchdog(struct parent *p, uint64_t now)
{
	const struct worker *w;
	bool fine = true;

	if (!p->watchdog_us)
		return UINT64_MAX;
	if (now < p->notify_us)
		return p->notify_us;
	for (int i = 0; i < p->n_workers; i++) {
		w = &p->worker[i];
		if (w->ready && w->pong_us + 2 * PATIENCE < w->ping_us)
			fine = false;
	}
	if (fine)
		sd_notify(0, "WATCHDOG=1");
	p->notify_us = now + p->watchdog_us;
	return p->notify_us;
}

static uint64_t tick(struct parent *p)
{
	uint64_t now = clock_mono_us(&clock_system);
	uint64_t next = workers_tick(p, now), at;

	at = feed_watchdog(p, now);
	next = at < next ? at : next;
	at = orders_tick(p, now);
	next = at < next ? at : next;
	if (p->stopping) {
		at = stop_tick(p, now);
		next = at < next ? at : next;
	}
	return next > now ? next - now : 0;
}

static void wait_for(struct parent *p, int signals, uint64_t us)
{
	struct pollfd fd[WORKERS + 2] = { { .fd = signals, .events = POLLIN } };
	int n = p->n_workers;
	struct worker *w;

	for (int i = 0; i < p->n_workers; i++) {
		w = &p->worker[i];
		fd[i + 1].fd = w->ipc && !w->broken ? ipc_fd(w->ipc) : -1;
		fd[i + 1].events = POLLIN;
		if (w->ipc && ipc_wants_write(w->ipc))
			fd[i + 1].events |= POLLOUT;
	}
	fd[n + 1].fd = orders_fd(p);
	fd[n + 1].events = POLLIN;
	if (poll(fd, (nfds_t)n + 2, (int)(us / 1000) + 1) < 0)
		return;
	for (int i = 0; i < p->n_workers; i++) {
		w = &p->worker[i];
		if (fd[i + 1].revents & POLLOUT)
			ipc_write(w->ipc);
		if (fd[i + 1].revents)
			ipc_read(w->ipc);
	}
	if (fd[n + 1].revents)
		orders_event(p);
	if (fd[0].revents)
		take_signals(p, signals);
}

static void loop(struct parent *p, int signals)
{
	uint64_t us;

	for (;;) {
		us = tick(p);
		if (p->leave)
			return;
		wait_for(p, signals, us);
	}
}

static void prepare(struct parent *p, const struct options *o)
{
	static const struct child_ops *const ops[WORKERS] = {
		&engine_ops, &keeper_ops, &relay_ops, &tunnel_ops
	};
	uint64_t watchdog_us = 0;

	*p = (struct parent){ .options = o, .generation = 1,
			      .n_workers = WORKERS, .orders.fd = -1 };
	for (int i = 0; i < FILE_COUNT; i++)
		p->files.fd[i] = -1;
	for (int i = 0; i < p->n_workers; i++)
		p->worker[i] = (struct worker){
			.parent = p, .process = ops[i]->self, .ops = ops[i]
		};
	p->epoch = (uint32_t)(clock_wall_us(&clock_system) / 1000000);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		p->watchdog_us = watchdog_us / 2;
}

static int read_all(struct parent *p)
{
	struct conf_err err = { "" };
	int r = parent_load(p->options, &p->conf, p->conf_dir,
			    sizeof p->conf_dir);

	if (!r)
		r = identity_of(p->conf, &p->id);
	return r ? r : policy_new(p->conf, &p->policy, &err);
}

/* Where no peer has tunnels the tunnel process is there only if a crash left
 * something in the kernel, which it removes. */
static bool needs_tunnels(const struct parent *p)
{
	struct stat st;

	return policy_tunnels(p->policy) ||
	       (!fstat(p->files.fd[FILE_LEDGER], &st) && st.st_size);
}

static int check_psk_files(const struct parent *p)
{
	const struct peer *peer;
	int fd, r = 0;

	for (size_t i = 0; (peer = policy_at(p->policy, i)); i++) {
		if (!*peer->psk)
			continue;
		if (files_open_psk(peer, p->conf_dir, &fd))
			r = E_CONF;
		else
			close(fd);
	}
	return r;
}

static int check_password_files(const struct parent *p)
{
	const struct account *a;
	int fd, r = 0;

	for (size_t i = 0; (a = policy_account_at(p->policy, i)); i++)
		if (files_open_password(a, p->conf_dir, &fd))
			r = E_CONF;
		else
			close(fd);
	return r;
}

static int check_credential_files(const struct parent *p)
{
	struct policy_file file;
	int fd, r = 0;

	for (size_t i = 0; policy_file(p->policy, i, &file); i++)
		if (files_open_credential(&file, p->conf_dir, &fd))
			r = E_CONF;
		else
			close(fd);
	return r;
}

static int check_users_file(const struct parent *p)
{
	int fd, r = files_open_users(p->conf, p->conf_dir, &fd);

	if (!r && fd >= 0)
		close(fd);
	return r;
}

/* The relay has four sockets for each line of a call. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log_error(TAG, "the number of open files cannot be raised: %s",
			  strerror(errno));
}

static int confine_us(const struct parent *p)
{
	if (p->options->sandbox)
		return confine_parent(p->n_workers == WORKERS);
	log_error(TAG, "--no-sandbox: for debugging only; whoever breaks into "
		  "a process has all its rights");
	return 0;
}

int parent_run(const struct options *o)
{
	struct parent p;
	int signals = -1;

	prepare(&p, o);
	p.status = EX_CONFIG;
	if (read_all(&p) || check_psk_files(&p) || check_password_files(&p) ||
	    check_credential_files(&p) || check_users_file(&p) ||
	    check_tls_files(p.conf, p.conf_dir) ||
	    check_ike_files(p.conf, p.policy, p.conf_dir))
		goto out;
	p.status = EXIT_FAILURE;
	if (files_open(o, &p.id, &p.files))
		goto out;
	if (!needs_tunnels(&p))
		p.n_workers--;
	warn_plain(p.policy);
	raise_files();
	signals = open_signals();
	if (signals < 0 || confine_us(&p) || workers_start(&p, ~0u))
		goto out;
	p.status = EX_OK;
	loop(&p, signals);
	log_info(TAG, "ended");
out:
	for (int i = 0; i < p.n_workers; i++) {
		if (p.worker[i].pid)
			kill(p.worker[i].pid, SIGKILL);
		ipc_free(p.worker[i].ipc);
	}
	if (signals >= 0)
		close(signals);
	orders_end(&p.orders);
	files_close(&p.files);
	policy_free(p.policy);
	conf_free(p.conf);
	drop_next(&p);
	return p.status;
}
