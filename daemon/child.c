/* child.c - what every child process shares. See child.h.
 *
 * Life: the parent's hello gives us our epoch; configuration, secrets, files
 * and pairs follow; MSG_BEGIN starts the process's own part and its modules;
 * then we confine ourselves, say ready and run. Later the parent may send a
 * new configuration (conf, secrets, begin), pairs to siblings that were
 * started again, pings, and stop.
 *
 * A configuration that was in force is kept until the end, since a call may
 * still point into its policy; its secrets are wiped at once. */
#include "daemon/child.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/confine.h"
#include "daemon/version.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

struct file {
	struct file *next;
	char name[NAME_TEXT];
	int fd;
};

/* The pair to the parent or a sibling. */
struct link {
	struct child *child;
	enum process to;
	struct ipc *ipc;
	void *watch;
	uint32_t epoch; /* of the process there, as the parent told */
	bool up;        /* it said hello and is not gone */
};

struct child {
	const struct child_ops *ops;
	void *state;
	struct core *core;
	struct link link[PROC_COUNT];
	struct version *now;
	/* While a configuration is being sent: */
	uint32_t next_generation; /* 0: none is */
	int next_err;             /* why it cannot be taken */
	struct version *next;     /* NULL when it cannot be read at all */
	struct file *files;
	uint32_t epoch, restarts, signal; /* our own */
	bool begun;   /* the first MSG_BEGIN came */
	bool running; /* the loop watches the pairs */
	bool stopping;
};

static const char *tag(const struct child *c)
{
	return process_name(c->ops->self);
}

/* -- configurations ------------------------------------------------------- */

/* MSG_CONF: a new configuration begins; what was half sent is forgotten. */
static int on_conf(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_conf *m = msg->body;

	if (!m->generation)
		return E_FORMAT;
	version_free(c->next);
	c->next = NULL;
	c->next_generation = m->generation;
	c->next_err = version_new((const char *)msg->tail, msg->tail_len,
				  m->generation, &c->next);
	return 0;
}

/* MSG_SECRET: the key is read from the file that came along. */
static int on_secret(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_secret *m = msg->body;
	int r = c->next ? version_add_psk(c->next, m->peer, msg->fd) : 0;

	close(msg->fd);
	if (!c->next_err)
		c->next_err = r;
	return 0;
}

/* MSG_PASSWORD: the same for the password of an account. */
static int on_password(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_password *m = msg->body;
	int r = c->next ? version_add_password(c->next, m->account, msg->fd)
			: 0;

	close(msg->fd);
	if (!c->next_err)
		c->next_err = r;
	return 0;
}

/* MSG_CREDENTIAL: the same for certificates, key and lists. */
static int on_credential(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_credential *m = msg->body;
	int r;

	if (m->part >= CREDENTIAL_PARTS) {
		close(msg->fd);
		return E_FORMAT;
	}
	r = c->next ? version_add_credential(c->next,
					     (enum credential_part)m->part,
					     m->peer, msg->fd) : 0;
	close(msg->fd);
	if (!c->next_err)
		c->next_err = r;
	return 0;
}

/* MSG_USERS: and for the accounts. */
static int on_users(struct child *c, const struct ipc_msg *msg)
{
	int r = c->next ? version_add_users(c->next, msg->fd) : 0;

	close(msg->fd);
	if (!c->next_err)
		c->next_err = r;
	return 0;
}

static void take_next(struct child *c)
{
	if (c->now)
		version_wipe(c->now);
	c->next->older = c->now;
	c->now = c->next;
	c->next = NULL;
	c->next_generation = 0;
}

static int reload(struct child *c)
{
	int one, r;

	if (c->next_err)
		return c->next_err;
	take_next(c);
	one = core_reload(c->core, c->now->conf);
	r = c->ops->reload ? c->ops->reload(c->state) : 0;
	return r ? r : one;
}

static int on_begin(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_begin *m = msg->body;
	struct msg_applied done = { .generation = m->generation };

	if (!c->next_err && c->next)
		c->next_err = version_check(c->next);
	if (!c->begun) {
		c->begun = true;
		return 0;
	}
	if (!c->running || !m->generation ||
	    c->next_generation != m->generation)
		return E_STATE;
	done.err = reload(c);
	version_free(c->next);
	c->next = NULL;
	c->next_generation = 0;
	child_send(c, PROC_PARENT, MSG_APPLIED, 0, &done, sizeof done, NULL, 0);
	return 0;
}

/* -- files and pairs ------------------------------------------------------ */

static int on_file(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_file *m = msg->body;
	struct file *f;

	for (f = c->files; f; f = f->next)
		if (!strcmp(f->name, m->name))
			break;
	if (!f) {
		f = calloc(1, sizeof *f);
		if (!f) {
			close(msg->fd);
			return E_NOMEM;
		}
		memcpy(f->name, m->name, sizeof f->name);
		f->next = c->files;
		c->files = f;
	} else {
		close(f->fd);
	}
	f->fd = msg->fd;
	return 0;
}

/* The process there is gone for us. */
static void link_down(struct link *l)
{
	struct child *c = l->child;
	bool was_up = l->up;

	l->up = false;
	if (l->watch)
		c->ops->unwatch(c->state, l->watch);
	l->watch = NULL;
	if (was_up && l->to != PROC_PARENT && c->running && c->ops->sibling)
		c->ops->sibling(c->state, l->to, 0);
}

static int link_watch(struct link *l)
{
	struct child *c = l->child;
	int r = c->ops->watch(c->state, l->ipc, &l->watch);

	if (!r && ipc_wants_write(l->ipc))
		c->ops->watch_write(c->state, l->watch, true);
	return r;
}

static int link_hello(struct link *l)
{
	struct msg_hello m = { l->child->ops->self, l->child->epoch, 0, 0 };

	return ipc_send(l->ipc, MSG_HELLO, 0, &m, sizeof m, NULL, 0, -1);
}

static const struct ipc_ops sibling_ops;

static bool is_sibling(const struct child *c, uint32_t p)
{
	return p > PROC_PARENT && p < PROC_COUNT && p != c->ops->self;
}

/* MSG_PAIR: a sibling was started, perhaps again. */
static int on_pair(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_pair *m = msg->body;
	struct link *l;
	int r;

	if (!is_sibling(c, m->process) || !m->epoch) {
		close(msg->fd);
		return E_FORMAT;
	}
	l = &c->link[m->process];
	link_down(l);
	ipc_free(l->ipc);
	l->ipc = NULL;
	l->epoch = m->epoch;
	r = ipc_new(msg->fd, c->ops->self, l->to, &sibling_ops, l, &l->ipc);
	if (r) {
		close(msg->fd);
		return r;
	}
	r = link_hello(l);
	if (r && r != E_CLOSED) /* it may be gone again: reading tells */
		return r;
	return c->running ? link_watch(l) : 0;
}

static int on_sibling(void *user, struct ipc_msg *msg)
{
	struct link *l = user;
	struct child *c = l->child;

	if (msg->type != MSG_HELLO)
		return c->ops->handle(c->state, l->to, msg);
	if (ipc_epoch(l->ipc) != l->epoch)
		return E_STATE;
	l->up = true;
	if (c->ops->sibling)
		c->ops->sibling(c->state, l->to, l->epoch);
	return 0;
}

static void sibling_closed(void *user, int err, enum message type)
{
	struct link *l = user;

	if (err != E_CLOSED)
		child_accuse(l->child, l->to, err, type);
	link_down(l);
}

static void link_want(void *user, bool write)
{
	struct link *l = user;

	if (l->watch)
		l->child->ops->watch_write(l->child->state, l->watch, write);
}

static const struct ipc_ops sibling_ops = {
	.handle = on_sibling, .closed = sibling_closed, .want = link_want
};

/* -- the parent ----------------------------------------------------------- */

static int on_hello(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_hello *m = msg->body;

	c->epoch = m->epoch; /* the parent gives it, see message.h */
	c->restarts = m->restarts;
	c->signal = m->signal;
	c->link[PROC_PARENT].up = true;
	return link_hello(&c->link[PROC_PARENT]);
}

static int on_ping(struct child *c, const struct ipc_msg *msg)
{
	child_send(c, PROC_PARENT, MSG_PONG, msg->id, NULL, 0, NULL, 0);
	return 0;
}

static int on_stop(struct child *c, const struct ipc_msg *msg)
{
	(void)msg;
	if (c->stopping)
		return 0;
	c->stopping = true;
	if (!c->running)
		return 0;
	core_drain(c->core);
	c->ops->stop(c->state);
	return 0;
}

static int on_level(struct child *c, const struct ipc_msg *msg)
{
	const struct msg_level *m = msg->body;

	(void)c;
	if (m->level > LOG_CLASS_DEBUG)
		return E_FORMAT;
	log_level(m->level);
	return 0;
}

/* MSG_TRUST: the process itself knows what to do. */
static int on_order(struct child *c, const struct ipc_msg *msg)
{
	struct ipc_msg own = *msg;

	if (!c->running)
		return E_STATE;
	return c->ops->handle(c->state, PROC_PARENT, &own);
}

static int (*const from_parent[MSG_COUNT])(struct child *,
					    const struct ipc_msg *) = {
	[MSG_HELLO] = on_hello, [MSG_CONF] = on_conf,
	[MSG_SECRET] = on_secret, [MSG_CREDENTIAL] = on_credential,
	[MSG_PASSWORD] = on_password, [MSG_USERS] = on_users,
	[MSG_FILE] = on_file,
	[MSG_PAIR] = on_pair, [MSG_BEGIN] = on_begin,
	[MSG_PING] = on_ping, [MSG_STOP] = on_stop, [MSG_LEVEL] = on_level,
	[MSG_TRUST] = on_order,
};

static int on_parent(void *user, struct ipc_msg *msg)
{
	struct link *l = user;

	if (!from_parent[msg->type])
		return E_STATE;
	return from_parent[msg->type](l->child, msg);
}

/* Without a parent nobody restarts or stops us: end. */
static void parent_closed(void *user, int err, enum message type)
{
	struct link *l = user;
	struct child *c = l->child;

	log_error(tag(c), "the parent is gone (%s%s%s): ending",
		  err_text(err), type ? ", " : "",
		  type ? message_name(type) : "");
	link_down(l);
	if (!c->stopping && c->running)
		(c->ops->orphaned ? c->ops->orphaned : c->ops->stop)(c->state);
	c->stopping = true;
}

static const struct ipc_ops parent_ops = {
	.handle = on_parent, .closed = parent_closed, .want = link_want
};

/* -- life ----------------------------------------------------------------- */

/* The parent ends us in order; a Ctrl-C at the terminal goes to it too. All
 * threads share malloc's first arena: glibc opens a file under /proc before it
 * shrinks one of a thread's own, which a confined process dies of. */
static void settle(const struct child *c)
{
	char name[16];

	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	snprintf(name, sizeof name, "callseal:%s", tag(c));
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mallopt(M_ARENA_MAX, 1);
	log_open(tag(c), LOG_CLASS_INFO);
}

/* Blocks until all that belongs to the first configuration is there. */
static int receive_start(struct child *c)
{
	struct link *l = &c->link[PROC_PARENT];
	struct pollfd p = { .fd = ipc_fd(l->ipc), .events = POLLIN };

	while (!c->begun && !c->stopping) {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return E_IO;
		ipc_read(l->ipc);
		ipc_write(l->ipc);
	}
	if (c->stopping)
		return E_CLOSED;
	if (!c->next_generation)
		return E_STATE;
	if (c->next_err)
		return c->next_err == E_NOMEM ? E_NOMEM : E_CONF;
	take_next(c);
	return 0;
}

/* What libraries read from files on first use, while files may be opened. */
static void warm_up(void)
{
	struct secret s = { 0 };

	tzset();
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG |
			    OPENSSL_INIT_ADD_ALL_CIPHERS |
			    OPENSSL_INIT_ADD_ALL_DIGESTS |
			    OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
	EVP_MD_free(EVP_MD_fetch(NULL, "SHA256", NULL));
	secret_random(&s, 1);
	secret_wipe(&s);
}

static int confine_self(const struct child *c)
{
	if (c->ops->self == PROC_TUNNEL)
		return confine_tunnel(policy_uses(c->now->policy, MEDIA_IKE));
	return confine(c->ops->self);
}

static int begin(struct child *c, bool sandbox)
{
	int r;

	if (c->ops->prepare && (r = c->ops->prepare(c->state)))
		return r;
	if ((r = core_start(c->core, c->ops->self, c->now->conf)))
		return r;
	warm_up();
	if (sandbox && (r = confine_self(c)))
		return r;
	if (!sandbox)
		log_error(tag(c), "--no-sandbox: this process is not confined");
	for (int p = 0; p < PROC_COUNT; p++)
		if (c->link[p].ipc && (r = link_watch(&c->link[p])))
			return r;
	c->running = true;
	return child_send(c, PROC_PARENT, MSG_READY, 0, NULL, 0, NULL, 0);
}

static void dismantle(struct child *c)
{
	struct version *v;
	struct file *f;

	c->running = false;
	if (c->core)
		core_stop(c->core);
	for (int p = 0; p < PROC_COUNT; p++) {
		link_down(&c->link[p]);
		ipc_free(c->link[p].ipc);
	}
	core_free(c->core);
	if (c->state)
		c->ops->fini(c->state);
	version_free(c->next);
	while ((v = c->now)) {
		c->now = v->older;
		version_free(v);
	}
	while ((f = c->files)) {
		c->files = f->next;
		close(f->fd);
		free(f);
	}
}

static int start(struct child *c, int fd, bool sandbox)
{
	int r;

	for (int p = 0; p < PROC_COUNT; p++)
		c->link[p] = (struct link){ .child = c, .to = p };
	r = ipc_new(fd, c->ops->self, PROC_PARENT, &parent_ops,
		    &c->link[PROC_PARENT], &c->link[PROC_PARENT].ipc);
	if (!r)
		r = c->ops->init(c, &c->state);
	if (!r)
		r = core_new(c->state, &c->core);
	if (!r)
		r = receive_start(c);
	return r ? r : begin(c, sandbox);
}

int child_main(const struct child_ops *ops, int fd, bool sandbox)
{
	struct child c = { .ops = ops };
	int r;

	settle(&c);
	r = start(&c, fd, sandbox);
	if (!r)
		ops->run(c.state);
	else if (r != E_CLOSED)
		log_error(tag(&c), "did not start: %s", err_text(r));
	dismantle(&c);
	if (!r || (r == E_CLOSED && c.stopping))
		return EX_OK;
	return r == E_CONF ? EX_CONFIG : EXIT_FAILURE;
}

/* -- for the process's own code ------------------------------------------- */

struct core *child_core(struct child *c)
{
	return c->core;
}

const struct conf *child_conf(const struct child *c)
{
	return c->now ? c->now->conf : NULL;
}

const struct settings *child_settings(const struct child *c)
{
	return c->now ? &c->now->settings : NULL;
}

const struct policy *child_policy(const struct child *c)
{
	return c->now ? c->now->policy : NULL;
}

unsigned child_restarts(const struct child *c, unsigned *signal)
{
	*signal = c->signal;
	return c->restarts;
}

uint32_t child_epoch(const struct child *c)
{
	return c->epoch;
}

int child_file(const struct child *c, const char *name)
{
	for (const struct file *f = c->files; f; f = f->next)
		if (!strcmp(f->name, name))
			return f->fd;
	return -1;
}

const struct secret *child_password(const struct child *c, const char *account)
{
	return c->now ? version_password(c->now, account) : NULL;
}

const struct secret *child_psk(const struct child *c, const char *peer)
{
	return c->now ? version_psk(c->now, peer) : NULL;
}

const struct credential *child_credential(const struct child *c)
{
	return c->now ? c->now->credential : NULL;
}

const struct digest_users *child_users(const struct child *c)
{
	return c->now ? c->now->users : NULL;
}

int child_send(struct child *c, enum process to, enum message type,
	       uint64_t id, const void *body, size_t len, const void *tail,
	       size_t tail_len)
{
	struct link *l;

	if ((unsigned)to >= PROC_COUNT)
		return E_ARG;
	l = &c->link[to];
	if (!l->ipc || !l->up)
		return E_CLOSED;
	return ipc_send(l->ipc, type, id, body, len, tail, tail_len, -1);
}

void child_accuse(struct child *c, enum process p, int err, enum message type)
{
	struct msg_accuse m = { p, err, type };

	log_bug(tag(c), "%s broke the rules of our pair: %s (%s)",
		process_name(p), err_text(err), message_name(type));
	child_send(c, PROC_PARENT, MSG_ACCUSE, 0, &m, sizeof m, NULL, 0);
}

void child_ask_reload(struct child *c)
{
	child_send(c, PROC_PARENT, MSG_RELOAD, 0, NULL, 0, NULL, 0);
}
