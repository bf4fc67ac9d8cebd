/* files.c - what the parent opens for its children: directories, the lock of
 * the state directory, the control socket, and key files.
 *
 * Each fault says the file and the cure: most of them are met by people who
 * start the daemon for the first time. */
#include "config.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/digest/users.h"
#include "daemon/keeper/certs/credential.h"
#include "daemon/parent/parent.h"
#include "daemon/password.h"
#include "daemon/psk.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define TAG "parent"
#define BACKLOG 16

/* -- whom to run as ------------------------------------------------------- */

static bool has_low_ports(const struct conf *c)
{
	struct conf_err err;
	struct settings s;

	if (settings_read(c, &s, &err))
		return false;
	for (int f = INSIDE; f <= OUTSIDE; f++)
		for (size_t i = 0; i < s.face[f].n_listen; i++)
			if (s.face[f].listen[i].addr.port < 1024)
				return true;
	return false;
}

int identity_of(const struct conf *c, struct identity *out)
{
	const char *name = conf_text(conf_one(c, ""), "user");
	const struct passwd *pw;

	*out = (struct identity){ (uid_t)-1, (gid_t)-1, false };
	if (geteuid())
		return 0;
	pw = getpwnam(name);
	if (!pw) {
		log_error(TAG, "there is no user \"%s\"; make it (systemd-"
			  "sysusers, or adduser --system --group %s), or set "
			  "user = \"NAME\" in the configuration", name, name);
		return E_CONF;
	}
	if (!pw->pw_uid)
		log_error(TAG, "user = \"%s\" is root: a process that is taken "
			  "over owns the machine; use a user of its own", name);
	*out = (struct identity){ pw->pw_uid, pw->pw_gid, has_low_ports(c) };
	return 0;
}

#define NO_CAP (-1)

/* The one capability that this process begins with. */
static int cap_of(const struct identity *id, enum process p)
{
	if (p == PROC_TUNNEL)
		return CAP_NET_ADMIN;
	return p == PROC_ENGINE && (id->low_ports || id->uid == (uid_t)-1)
		       ? CAP_NET_BIND_SERVICE : NO_CAP;
}

/* After setuid() with KEEPCAPS: this one capability, through exec. Who has not
 * got it goes on without: the process itself says what it lacks. */
static int keep_cap(int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct caps[2];
	uint32_t bit = 1u << cap;

	if (syscall(SYS_capget, &head, caps))
		return E_IO;
	if (!(caps[0].permitted & bit))
		return 0;
	memset(caps, 0, sizeof caps);
	caps[0].effective = caps[0].permitted = caps[0].inheritable = bit;
	if (syscall(SYS_capset, &head, caps) ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
		return E_IO;
	return 0;
}

/* Started with capabilities by a service manager: each child gets its own. */
static int lower_others(int cap)
{
	static const int ours[] = { CAP_NET_BIND_SERVICE, CAP_NET_ADMIN };

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (ours[i] != cap && prctl(PR_CAP_AMBIENT,
					    PR_CAP_AMBIENT_LOWER, ours[i], 0,
					    0))
			return E_IO;
	return 0;
}

int identity_take(const struct identity *id, enum process p)
{
	int cap = cap_of(id, p);
	bool keeps = cap != NO_CAP && id->uid;

	if (id->uid == (uid_t)-1)
		return lower_others(cap);
	if (keeps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return E_IO;
	if (setgroups(0, NULL) || setgid(id->gid) || setuid(id->uid))
		return E_IO;
	if (keeps && keep_cap(cap))
		return E_IO;
	if (id->uid && !setuid(0))
		return E_INTERNAL; /* it could come back */
	return 0;
}

/* -- directories and files ------------------------------------------------ */

static int own(int fd, const struct identity *id)
{
	return id->uid == (uid_t)-1 ? 0 : fchown(fd, id->uid, id->gid);
}

static int fault(const char *path, const char *option)
{
	log_error(TAG, "%s: %s; choose another folder with %s DIR", path,
		  strerror(errno), option);
	return E_IO;
}

static int make_dir(const char *path, const char *option,
		    const struct identity *id)
{
	int fd, r = 0;

	if (!mkdir(path, 0750)) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || own(fd, id))
			r = fault(path, option);
		if (fd >= 0)
			close(fd);
	} else if (errno != EEXIST) {
		r = fault(path, option);
	}
	return r;
}

static int path_in(const char *dir, const char *name, char *out, size_t len)
{
	if ((size_t)snprintf(out, len, "%s/%s", dir, name) < len)
		return 0;
	log_error(TAG, "%s/%s: the path is too long", dir, name);
	return E_SPACE;
}

struct spec {
	const char *name;
	int flags;
	mode_t mode;
};

static int open_state(const char *dir, const struct spec *spec,
		      const struct identity *id, int *out)
{
	char path[1024];
	int fd;

	if (path_in(dir, spec->name, path, sizeof path))
		return E_SPACE;
	fd = open(path, spec->flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		  spec->mode);
	if (fd < 0)
		return fault(path, "--state-dir");
	if (own(fd, id)) {
		fault(path, "--state-dir");
		close(fd);
		return E_IO;
	}
	*out = fd;
	return 0;
}

/* Two daemons with one state would undo each other's replay protection. */
static int take_lock(int fd, const char *dir)
{
	char pid[16] = "";
	ssize_t n;

	if (!flock(fd, LOCK_EX | LOCK_NB)) {
		n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
		if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) != n)
			return fault(dir, "--state-dir");
		return 0;
	}
	if (errno != EWOULDBLOCK)
		return fault(dir, "--state-dir");
	n = pread(fd, pid, sizeof pid - 1, 0);
	pid[n > 0 ? strcspn(pid, "\n") : 0] = 0;
	log_error(TAG, "the state directory %s is in use by another callseald "
		  "(process %s); stop it, or give this one its own with "
		  "--state-dir DIR", dir, *pid ? pid : "unknown");
	return E_EXISTS;
}

/* -- sockets -------------------------------------------------------------- */

struct socket_spec {
	const char *name;
	mode_t off;  /* bits of its mode that are off */
	bool shared; /* with the group callseal */
};

/* 0660: status, hanging up, reloading; served by the engine. */
static const struct socket_spec control = { "control.sock", 0117, true };
/* 0600: orders that the engine must not be able to give; the parent's. */
static const struct socket_spec trust = { "trust.sock", 0177, false };

static bool answers(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 &&
		   !connect(fd, (const struct sockaddr *)at, sizeof *at);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* root:callseal or the user's own. The folder may be the daemon's user's, who
 * must not make root touch what he put in the socket's place: no link is
 * followed, and the mode comes with the socket. */
static int set_owner(const char *path)
{
	const struct group *group = geteuid() ? NULL : getgrnam("callseal");

	return group && lchown(path, 0, group->gr_gid) ? E_IO : 0;
}

static int listen_at(const struct sockaddr_un *at,
		     const struct socket_spec *spec, int *out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0), r;
	mode_t mask;

	if (fd < 0)
		return fault(at->sun_path, "--run-dir");
	mask = umask(spec->off);
	r = bind(fd, (const struct sockaddr *)at, sizeof *at);
	umask(mask);
	if (r || (spec->shared && set_owner(at->sun_path)) ||
	    listen(fd, BACKLOG)) {
		fault(at->sun_path, "--run-dir");
		close(fd);
		return E_IO;
	}
	*out = fd;
	return 0;
}

static int open_socket(const char *run_dir, const struct socket_spec *spec,
		       int *out)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (path_in(run_dir, spec->name, at.sun_path, sizeof at.sun_path))
		return E_SPACE;
	if (answers(&at)) {
		log_error(TAG, "another callseald answers at %s; give this one "
			  "its own folder with --run-dir DIR", at.sun_path);
		return E_EXISTS;
	}
	unlink(at.sun_path);
	return listen_at(&at, spec, out);
}

static void remove_socket(const struct files *f, enum file which,
			  const struct socket_spec *spec)
{
	char path[1024];

	if (f->fd[which] >= 0 &&
	    !path_in(f->run_dir, spec->name, path, sizeof path))
		unlink(path);
}

/* -- all of them ---------------------------------------------------------- */

int files_open(const struct options *o, const struct identity *id,
	       struct files *out)
{
	static const struct spec lock = { "lock", O_RDWR, 0600 };
	static const struct spec replay = { "replay", O_RDWR, 0600 };
	static const struct spec memory = { "memory", O_RDWR, 0600 };
	static const struct spec record = { "calls.jsonl", O_WRONLY | O_APPEND,
					    0640 };
	static const struct spec bindings = { "bindings", O_RDWR, 0600 };
	static const struct spec ledger = { "ledger", O_RDWR, 0600 };
	struct files f = { o->run_dir, { -1, -1, -1, -1, -1, -1, -1, -1 } };
	int r;

	if ((r = make_dir(o->state_dir, "--state-dir", id)) ||
	    (r = open_state(o->state_dir, &lock, id, &f.fd[FILE_LOCK])) ||
	    (r = take_lock(f.fd[FILE_LOCK], o->state_dir)) ||
	    (r = open_state(o->state_dir, &replay, id, &f.fd[FILE_REPLAY])) ||
	    (r = open_state(o->state_dir, &memory, id, &f.fd[FILE_MEMORY])) ||
	    (r = open_state(o->state_dir, &record, id, &f.fd[FILE_RECORD])) ||
	    (r = open_state(o->state_dir, &bindings, id,
			    &f.fd[FILE_BINDINGS])) ||
	    (r = open_state(o->state_dir, &ledger, id, &f.fd[FILE_LEDGER])) ||
	    (r = make_dir(o->run_dir, "--run-dir", id)) ||
	    (r = open_socket(o->run_dir, &control, &f.fd[FILE_CONTROL])) ||
	    (r = open_socket(o->run_dir, &trust, &f.fd[FILE_TRUST]))) {
		files_close(&f);
		return r;
	}
	*out = f;
	return 0;
}

void files_close(struct files *f)
{
	remove_socket(f, FILE_CONTROL, &control);
	remove_socket(f, FILE_TRUST, &trust);
	for (int i = 0; i < FILE_COUNT; i++)
		if (f->fd[i] >= 0)
			close(f->fd[i]);
}

/* -- key files ------------------------------------------------------------ */

int files_path(const char *name, const char *dir, char *out, size_t len)
{
	if (*name != '/')
		return path_in(dir, name, out, len);
	return (size_t)snprintf(out, len, "%s", name) < len ? 0 : E_SPACE;
}

int files_open_checked(const char *path, mode_t forbidden, int *out,
		       char why[static 256])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0) {
		snprintf(why, 256, "%s", strerror(errno));
		return E_CONF;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		snprintf(why, 256, "is no regular file");
		return E_CONF;
	}
	if (st.st_mode & forbidden) {
		close(fd);
		snprintf(why, 256, "others may %schange it (mode %04o); cure: "
			 "chmod g-w,o%s %.150s",
			 forbidden & S_IROTH ? "read or " : "",
			 st.st_mode & 07777, forbidden & S_IROTH ? "=" : "-w",
			 path);
		return E_CONF;
	}
	*out = fd;
	return 0;
}

static int psk_fault(const struct peer *peer, const char *path,
		     const char *why)
{
	log_error(TAG, "peer %s: key file %s: %s", peer->name, path, why);
	return E_CONF;
}

int files_open_psk(const struct peer *peer, const char *dir, int *out)
{
	char path[1024], why[256];

	if (files_path(peer->psk + strlen("file:"), dir, path, sizeof path))
		return E_SPACE;
	if (files_open_checked(path, S_IWGRP | S_IRWXO, out, why))
		return psk_fault(peer, path, why);
	return 0;
}

int files_check_psks(const struct policy *policy, const char *dir)
{
	const struct peer *peer;
	struct secret secret = { 0 };
	const char *why;
	int fd, r = 0;

	for (size_t i = 0; (peer = policy_at(policy, i)); i++) {
		if (!*peer->psk)
			continue;
		if (files_open_psk(peer, dir, &fd)) {
			r = E_CONF;
			continue;
		}
		if (psk_read(fd, &secret, &why))
			r = psk_fault(peer, peer->psk, why);
		secret_wipe(&secret);
		close(fd);
	}
	return r;
}

/* -- accounts ------------------------------------------------------------- */

static int users_fault(const char *path, const char *why)
{
	log_error(TAG, "registrar.users: file %s: %s", path, why);
	return E_CONF;
}

int files_open_users(const struct conf *c, const char *dir, int *out)
{
	const char *value = conf_text(conf_one(c, "registrar"), "users");
	char path[1024], why[256];

	*out = -1;
	if (register_mode_of(c) != REGISTER_LOCAL)
		return 0;
	if (files_path(value + strlen("file:"), dir, path, sizeof path))
		return E_SPACE;
	if (files_open_checked(path, S_IWGRP | S_IRWXO, out, why))
		return users_fault(path, why);
	return 0;
}

int files_check_users(const struct conf *c, const char *dir)
{
	struct conf_err err = { "" };
	struct digest_users *users = NULL;
	struct registrar_settings own;
	char why[256] = "no memory";
	int fd, r = registrar_read(c, &own, &err);

	if (r || (r = files_open_users(c, dir, &fd)) || fd < 0)
		return r;
	r = digest_users_read(fd, own.domain, own.hashes, &users, why);
	close(fd);
	if (r)
		return users_fault(own.users + strlen("file:"), why);
	if (!digest_users_count(users))
		log_error(TAG, "registrar.users: file %s holds no account: "
			  "every phone is refused; make one with: callsealctl "
			  "digest", own.users + strlen("file:"));
	digest_users_free(users);
	return 0;
}

/* -- passwords ------------------------------------------------------------ */

static int password_fault(const struct account *a, const char *path,
			  const char *why)
{
	log_error(TAG, "account %s: password file %s: %s", a->name, path, why);
	return E_CONF;
}

int files_open_password(const struct account *a, const char *dir, int *out)
{
	char path[1024], why[256];

	if (files_path(a->password + strlen("file:"), dir, path, sizeof path))
		return E_SPACE;
	if (files_open_checked(path, S_IWGRP | S_IRWXO, out, why))
		return password_fault(a, path, why);
	return 0;
}

int files_check_passwords(const struct policy *policy, const char *dir)
{
	const struct account *a;
	struct secret secret = { 0 };
	const char *why;
	int fd, r = 0;

	for (size_t i = 0; (a = policy_account_at(policy, i)); i++) {
		if (files_open_password(a, dir, &fd)) {
			r = E_CONF;
			continue;
		}
		if (password_read(fd, &secret, &why))
			r = password_fault(a, a->password, why);
		secret_wipe(&secret);
		close(fd);
	}
	return r;
}

/* -- certificates --------------------------------------------------------- */

static int file_fault(const struct policy_file *file, const char *why)
{
	static const char *const names[] = {
		"identity.cert", "identity.key", "trust.ca", "trust.crl",
		"cert of peer "
	};

	log_error(TAG, "%s%s: file %s: %s", names[file->part], file->peer,
		  file->path, why);
	return E_CONF;
}

int files_open_credential(const struct policy_file *file, const char *dir,
			  int *out)
{
	mode_t forbidden = file->part == CREDENTIAL_KEY ? S_IWGRP | S_IRWXO
							: S_IWGRP | S_IWOTH;
	char path[1024], why[256];

	if (files_path(file->path, dir, path, sizeof path))
		return E_SPACE;
	if (files_open_checked(path, forbidden, out, why))
		return file_fault(file, why);
	return 0;
}

static int check_file(struct credential *c, const struct policy_file *file,
		      const char *dir)
{
	struct credential_fault why;
	int fd, r = files_open_credential(file, dir, &fd);

	if (r)
		return r;
	r = credential_read(c, file->part, file->peer, fd, &why);
	if (r)
		file_fault(file, why.text);
	close(fd);
	return r;
}

int files_check_credential(const struct policy *policy, const char *dir)
{
	struct credential_fault why = { "no memory" };
	struct policy_file file;
	struct credential *c = NULL;
	int r = credential_new(&c);

	for (size_t i = 0; !r && policy_file(policy, i, &file); i++)
		r = check_file(c, &file, dir);
	if (!r && (r = credential_check(c, clock_wall_us(&clock_system),
					&why)))
		log_error(TAG, "%s", why.text);
	else if (!r && credential_stale(c, clock_wall_us(&clock_system), &why))
		log_error(TAG, "%s", why.text);
	credential_free(c);
	return r ? E_CONF : 0;
}
