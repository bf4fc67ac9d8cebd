/* parent.h - the parent process: it starts its children, opens files for
 * them, watches over them, and holds no key. One thread, one poll() loop. */
#ifndef CALLSEAL_PARENT_H
#define CALLSEAL_PARENT_H

#include "daemon/child.h"
#include "daemon/tlsfile.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct options {
	const char *conf_path; /* NULL: the default path, if it is there */
	const char *state_dir, *run_dir;
	bool check, print_config, sandbox;
	int verbose;
};

#define CONF_PATH_DEFAULT "/etc/callseal/callseal.conf"
#define STATE_DIR_DEFAULT "/var/lib/callseal"
#define RUN_DIR_DEFAULT "/run/callseal"

/* -- files.c: directories, lock, sockets, files for the children ---------- */

enum file {
	FILE_CONTROL, FILE_REPLAY, FILE_MEMORY, FILE_RECORD, FILE_BINDINGS,
	FILE_LOCK, FILE_TRUST, FILE_LEDGER,
	FILE_COUNT
};

/* Whom children run as; uid -1 when we are not root. */
struct identity {
	uid_t uid;
	gid_t gid;
	bool low_ports; /* the engine listens below 1024 */
};

struct files {
	const char *run_dir;
	int fd[FILE_COUNT]; /* -1: not open */
};

/* E_CONF with a log line when the user is unknown. */
int identity_of(const struct conf *c, struct identity *out);
/* Becomes that user for good; for a child before exec. The engine keeps the
 * right to bind low ports, if they are configured, until it is confined; the
 * tunnel process CAP_NET_ADMIN, if we have it. */
int identity_take(const struct identity *id, enum process p);
/* Makes the directories, takes the lock, opens all. Logs what fails. */
int files_open(const struct options *o, const struct identity *id,
	       struct files *out);
/* Removes the sockets. */
void files_close(struct files *f);
/* A configured name as a path: E_SPACE, logged. */
int files_path(const char *name, const char *dir, char *out, size_t len);
/* Opens a file with these mode bits off; E_CONF: why says what is wrong. */
int files_open_checked(const char *path, mode_t forbidden, int *out,
		       char why[static 256]);
/* Opens a peer's pre-shared key file, refusing one that others may read. psk
 * is the configured value, dir the configuration's folder. */
int files_open_psk(const struct peer *peer, const char *dir, int *fd);
/* The same for the password of an account. */
int files_open_password(const struct account *a, const char *dir, int *fd);
/* Reads every password file once; E_CONF when one is no good. */
int files_check_passwords(const struct policy *policy, const char *dir);
/* Opens and reads all of them, and forgets what it read: for --check. */
int files_check_psks(const struct policy *policy, const char *dir);
/* The same for a file of our credential: none may be changed by others, a
 * private key not be read. */
int files_open_credential(const struct policy_file *file, const char *dir,
			  int *fd);
/* And for the file of accounts, which only register = "local" has (-1: not). */
int files_open_users(const struct conf *c, const char *dir, int *fd);
int files_check_users(const struct conf *c, const char *dir);
int files_check_credential(const struct policy *policy, const char *dir);

/* -- remind.c: notes of --check, a line each on standard output ---------- */

/* What may fail outside of the configuration (phones that register elsewhere),
 * and what it lets be worse than need be (long requests over UDP). */
void remind(const struct conf *c, const struct policy *policy);

/* -- tlsfiles.c: certificate, key and CAs of TLS, for the engine ---------- */

/* Their names on the pair to the engine. */
extern const char *const files_tls_names[TLS_FILES];
/* Opens those that are configured (-1: not), refusing what others may change,
 * and a key that others may read. Logs what fails. */
int files_open_tls(const struct conf *c, const char *dir,
		   int out[static TLS_FILES]);
void files_close_tls(int fd[static TLS_FILES]);
/* Reads them, too, and forgets what it read: for --check. */
int files_check_tls(const struct conf *c, const char *dir);

/* -- ikefiles.c: certificates of IKE, for the tunnel process -------------- */

struct ike_file {
	char name[NAME_TEXT]; /* on the pair */
	int fd;               /* -1: it is not configured */
};

/* Opens the i-th, refusing what others may change. E_NOTFOUND behind the last;
 * logs what else fails. */
int files_open_ike(const struct conf *c, const struct policy *policy,
		   const char *dir, size_t i, struct ike_file *out);
/* Reads them, too: for --check. */
int files_check_ike(const struct conf *c, const struct policy *policy,
		    const char *dir);

/* -- listfile.c: screening.file, for the engine --------------------------- */

/* Opens it if it is configured (*out is -1: not), refusing what others may
 * change. Logs what fails. */
int files_open_list(const struct conf *c, const char *dir, int *out);
/* Reads it, too: for --check. */
int files_check_list(const struct conf *c, const char *dir);

/* -- supervise.c: one child ----------------------------------------------- */

struct parent;

/* A child's place: the process in it comes and goes. */
struct worker {
	struct parent *parent;
	enum process process;
	const struct child_ops *ops;
	pid_t pid;      /* 0: none */
	struct ipc *ipc;
	uint32_t epoch;
	bool ready;
	bool broken;    /* its pair is closed */
	bool stop_sent;
	uint64_t started_us, ping_us, pong_us;
	uint64_t restart_us; /* when to start it again; 0: not waiting */
	uint64_t back_off_us;
	unsigned failed;     /* ends before ready, in a row */
	uint64_t restarts, accused;
	uint32_t signal; /* that ended it last; 0: none */
};

#define WORKERS 4 /* at most: the last is the tunnel process */

/* -- orders.c: the operator changes whom we trust ------------------------- */

struct orders {
	int fd;      /* the client; -1: none */
	char line[1024];
	size_t len;
	bool asked;  /* the keeper has it */
	uint64_t ticket;
	uint64_t until_us;
};

/* What to wait for: the socket, or its client; -1: for nothing. */
int orders_fd(const struct parent *p);
void orders_event(struct parent *p);
/* The keeper's answer. */
void orders_done(struct parent *p, uint64_t ticket,
		 const struct msg_trusted *m);
/* When to be called again; UINT64_MAX: need not. */
uint64_t orders_tick(struct parent *p, uint64_t now);
void orders_end(struct orders *o);

struct parent {
	const struct options *options;
	char conf_dir[1024];
	struct conf *conf, *conf_next; /* next: while a reload goes on */
	uint32_t generation;
	struct policy *policy, *policy_next;
	struct identity id;
	struct files files;
	struct worker worker[WORKERS];
	int n_workers; /* that are wanted, the first ones */
	struct orders orders;
	uint32_t epoch;       /* the last one given */
	uint32_t applying;    /* mask of processes whose answer is awaited */
	bool reload_wanted, announced;
	bool stopping;
	uint64_t stop_us;     /* when patience with a stop ends */
	uint64_t notify_us, watchdog_us; /* next; period, 0: none */
	int status;           /* exit status once leaving */
	bool leave;
};

struct worker *worker_of(struct parent *p, enum process process);
/* Starts the children of a mask, pairs them with all others, sends each its
 * configuration. */
int workers_start(struct parent *p, unsigned mask);
/* Sends conf, secrets and begin of a reload. */
int worker_reload(struct worker *w, const struct conf *conf,
		  const struct policy *policy);
void worker_stop(struct worker *w);
void worker_kill(struct worker *w, const char *why);
/* Collects those that ended. */
void workers_reap(struct parent *p);
/* Pings, deadlines, restarts; returns when to call again (clock_mono_us). */
uint64_t workers_tick(struct parent *p, uint64_t now);
/* Whether all are ready, or none is there at all. */
bool workers_all(const struct parent *p, bool ready);

/* -- parent.c ------------------------------------------------------------- */

/* Reads and checks the configuration, complaining in the log. *dir is its
 * folder. */
int parent_load(const struct options *o, struct conf **out, char *dir,
		size_t dir_len);
/* Runs until stopped; the exit status. */
int parent_run(const struct options *o);
/* From supervise.c: */
void parent_ready(struct parent *p);
void parent_applied(struct parent *p, struct worker *w, int err);
void parent_ask_reload(struct parent *p);
void parent_lost(struct parent *p, struct worker *w);
void parent_give_up(struct parent *p, int status);

#endif
