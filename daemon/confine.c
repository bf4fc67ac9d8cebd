/* confine.c - giving up what a process does not need. See confine.h.
 *
 * Order: no new privileges, no capabilities (nor a way to get them back), no
 * core dump and no reading of our memory by others, then the files that may be
 * read (the engine's, by landlock.c), then the system call filter. The filter
 * is an allow-list: rules without a condition are groups of names with the
 * reason for them, rules with conditions come as a table of one argument each.
 * What is on no list kills the process. The parent, which starts programs, has
 * a list of what is forbidden instead.
 *
 * io_uring goes round a filter of system calls: rings are made and restricted
 * before this; only enabling and entering them stays. */
#include "config.h"

#include "daemon/confine.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
	ENGINE = 1 << PROC_ENGINE,
	KEEPER = 1 << PROC_KEEPER,
	RELAY = 1 << PROC_RELAY,
	TUNNEL = 1 << PROC_TUNNEL,
	CHARON = 1 << PROC_COUNT, /* the tunnel process that asks it */
	ALL = ENGINE | KEEPER | RELAY | TUNNEL
};

/* -- the lists ------------------------------------------------------------ */

/* Names that do not exist on a machine are left out. */
static const struct {
	int who;
	const char *const *calls;
} groups[] = {
	/* memory: without making any of it executable, see conditions */
	{ ALL, (const char *const[]){ "brk", "munmap", "mremap", "madvise",
		NULL } },
	/* reading and writing what is open */
	{ ALL, (const char *const[]){ "read", "write", "readv", "writev",
		"pread64", "pwrite64", "lseek", "close", "fstat", "fcntl",
		"fsync", "fdatasync", "ftruncate", NULL } },
	/* waiting */
	{ ALL, (const char *const[]){ "epoll_create1", "epoll_ctl",
		"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
		"select", "pselect6", "nanosleep", "clock_nanosleep",
		"restart_syscall", "timerfd_create", "timerfd_settime",
		"eventfd2", "pipe2", NULL } },
	/* time and who we are */
	{ ALL, (const char *const[]){ "clock_gettime", "clock_getres",
		"gettimeofday", "time", "times", "getpid", "gettid", "getppid",
		"getuid", "geteuid", "getgid", "getegid", "getrusage",
		"sysinfo", "uname", "getcpu", NULL } },
	/* threads, signals and the end */
	{ ALL, (const char *const[]){ "futex", "set_robust_list", "rseq",
		"sched_yield", "sched_getaffinity", "rt_sigaction",
		"rt_sigprocmask", "rt_sigreturn", "sigaltstack", "membarrier",
		"exit", "exit_group", NULL } },
	/* randomness */
	{ ALL, (const char *const[]){ "getrandom", NULL } },
	/* the pairs to other processes, and sockets that are open */
	{ ALL, (const char *const[]){ "recvmsg", "sendmsg", "recvfrom",
		"sendto", "shutdown", "getsockopt", NULL } },
	/* media packets, and setting their sockets up */
	{ RELAY, (const char *const[]){ "recvmmsg", "sendmmsg", "bind",
		"getsockname", "setsockopt", "io_uring_enter", NULL } },
	/* the kernel's XFRM, over sockets that are open: the kernel looks at
	 * CAP_NET_ADMIN with each request */
	{ TUNNEL, (const char *const[]){ "recvmmsg", NULL } },
	{ CHARON, (const char *const[]){ "connect", NULL } },
	/* SIP: connections come and go; DNS and its files are read */
	{ ENGINE, (const char *const[]){ "bind", "connect", "listen", "accept",
		"accept4", "getsockname", "getpeername", "setsockopt",
		"recvmmsg", "sendmmsg", "stat", "newfstatat", "statx",
		"access", "faccessat", "faccessat2", "readlink", "getdents64",
		NULL } },
};

/* Allowed when one argument, masked, has a value. */
struct condition {
	int who;
	const char *call;
	unsigned arg;
	uint64_t mask, value;
};

static const struct condition conditions[] = {
	/* memory that is executable is never made */
	{ ALL, "mmap", 2, PROT_EXEC, 0 },
	{ ALL, "mprotect", 2, PROT_EXEC, 0 },
	/* names for threads and for memory */
	{ ALL, "prctl", 0, ~0ull, PR_SET_NAME },
	{ ALL, "prctl", 0, ~0ull, 0x53564d41 /* PR_SET_VMA */ },
	/* limits may be read; stdio asks whether it is a terminal; how much
	 * can be read; non-blocking */
	{ ALL, "prlimit64", 2, ~0ull, 0 },
	{ ALL, "ioctl", 1, ~0u, 0x5401 /* TCGETS */ },
	{ ALL, "ioctl", 1, ~0u, 0x541b /* FIONREAD */ },
	{ ALL, "ioctl", 1, ~0u, 0x5421 /* FIONBIO */ },
	/* fstat() of glibc: of a descriptor, not of a path (see paths) */
	{ KEEPER | RELAY | TUNNEL, "newfstatat", 3, AT_EMPTY_PATH,
	  AT_EMPTY_PATH },
	/* more threads, but no processes: clone3() hides its flags, see
	 * refused */
	{ RELAY, "clone", 0, CLONE_THREAD, CLONE_THREAD },
	/* a ring that was made and restricted before is enabled by the thread
	 * that will use it; IORING_REGISTER_ENABLE_RINGS is 12 */
	{ RELAY, "io_uring_register", 1, ~0u, 12 },
	/* media sockets: UDP */
	{ RELAY, "socket", 1, 0xf, SOCK_DGRAM },
	/* charon's VICI socket */
	{ CHARON, "socket", 0, ~0u, AF_UNIX },
	/* SIP and DNS sockets, and the list of our addresses */
	{ ENGINE, "socket", 0, ~0u, AF_INET },
	{ ENGINE, "socket", 0, ~0u, AF_INET6 },
	{ ENGINE, "socket", 0, ~0u, AF_NETLINK },
	/* files for reading: resolv.conf is read again when it changes */
	{ ENGINE, "openat", 2, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, 0 },
	{ ENGINE, "open", 1, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, 0 },
	/* interfaces by name and number */
	{ ENGINE, "ioctl", 1, ~0xfu, 0x8910 },
	{ ENGINE, "ioctl", 1, ~0xfu, 0x8930 },
};

/* Refused with an error instead of death, since callers have another way. */
static const struct {
	const char *call;
	int error;
} refused[] = {
	{ "clone3", ENOSYS }, /* glibc falls back to clone() */
};

/* What the parent and whatever it starts never need; it cannot have a list of
 * what it may, since a program it starts begins with far more. */
static const char *const never[] = {
	/* looking into others, and changing the kernel */
	"ptrace", "process_vm_readv", "process_vm_writev", "kcmp",
	"perf_event_open", "bpf", "userfaultfd", "init_module",
	"finit_module", "delete_module", "kexec_load", "kexec_file_load",
	"iopl", "ioperm", "modify_ldt", "personality", "lookup_dcookie",
	/* changing the machine */
	"mount", "umount2", "pivot_root", "chroot", "swapon", "swapoff",
	"reboot", "sethostname", "setdomainname", "settimeofday",
	"clock_settime", "adjtimex", "clock_adjtime", "acct", "quotactl",
	"syslog", "unshare", "setns", "open_by_handle_at", "name_to_handle_at",
	/* the kernel's keys */
	"add_key", "request_key", "keyctl",
	NULL
};

/* What the parent needs for restarts when it is root: to give children their
 * user and end them, to own files and read the operator's. */
static const uint64_t parent_caps =
	1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER |
	1ull << CAP_KILL | 1ull << CAP_SETGID | 1ull << CAP_SETUID |
	1ull << CAP_SETPCAP | 1ull << CAP_NET_BIND_SERVICE;

/* What the tunnel process keeps, and the parent for it. */
static const uint64_t tunnel_caps = 1ull << CAP_NET_ADMIN;

/* -- privileges ----------------------------------------------------------- */

/* Keeps those of the mask that there are; programs it starts inherit them, or
 * not. */
static int drop_capabilities(uint64_t keep, bool inherit)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct caps[2];

	/* Needs CAP_SETPCAP: who lacks it has no_new_privs, which does. */
	for (int cap = 0; cap <= 63; cap++)
		if (!(keep & 1ull << cap) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno == EINVAL)
			break;
	if (!inherit)
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, caps))
		return E_IO;
	for (int i = 0; i < 2; i++) {
		caps[i].permitted &= (uint32_t)(keep >> 32 * i);
		caps[i].effective &= (uint32_t)(keep >> 32 * i);
		caps[i].inheritable &= inherit ? (uint32_t)(keep >> 32 * i)
					       : 0;
	}
	return syscall(SYS_capset, &head, caps) ? E_IO : 0;
}

/* A leak sanitizer traces its own process, which takes a dumpable one. */
static int drop_privileges(enum process p, uint64_t keep)
{
	const struct rlimit zero = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    drop_capabilities(keep, p == PROC_PARENT) ||
	    setrlimit(RLIMIT_CORE, &zero))
		return E_IO;
	if (p == PROC_PARENT || !confine_filters())
		return 0;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? E_IO : 0;
}

/* -- files ---------------------------------------------------------------- */

/* What looking up a name reads, again whenever it changes. resolv.conf may be
 * a link into one of the folders. */
static const char *const names[] = {
	"/etc/resolv.conf", "/etc/hosts", "/etc/host.conf",
	"/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
	"/etc/localtime", "/usr/share/zoneinfo", "/run/systemd/resolve",
	"/run/resolvconf", "/run/NetworkManager", NULL
};

/* Of the children only the engine opens files at all, and it runs as the user
 * whom the key files belong to. */
static int restrict_files(enum process p)
{
	int r;

	if (p != PROC_ENGINE)
		return 0;
	r = landlock_reading(names);
	if (r != E_UNSUPPORTED)
		return r;
	log_error(process_name(p), "this kernel has no Landlock: the engine "
		  "can read what its user can, key files too; use a kernel "
		  "that has it");
	return 0;
}

/* -- the filter ----------------------------------------------------------- */

static int add(scmp_filter_ctx ctx, uint32_t action, const char *const *calls)
{
	int nr, r;

	for (; *calls; calls++) {
		nr = seccomp_syscall_resolve_name(*calls);
		if (nr == __NR_SCMP_ERROR)
			continue;
		r = seccomp_rule_add(ctx, action, nr, 0);
		if (r && r != -EDOM) /* EDOM: not on this architecture */
			return r;
	}
	return 0;
}

static int allow_if(scmp_filter_ctx ctx, const struct condition *c)
{
	struct scmp_arg_cmp cmp = SCMP_CMP(c->arg, SCMP_CMP_MASKED_EQ, c->mask,
					   c->value);
	int r, nr = seccomp_syscall_resolve_name(c->call);

	if (nr == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, 1, &cmp);
	return r == -EDOM ? 0 : r;
}

/* abort() and raise() signal ourselves, and nobody else. */
static int allow_own_death(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp self = {
		.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()
	};

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				      &self);
}

static int add_rules(scmp_filter_ctx ctx, int who)
{
	int r = allow_own_death(ctx);

	for (size_t i = 0; !r && i < sizeof groups / sizeof *groups; i++)
		if (groups[i].who & who)
			r = add(ctx, SCMP_ACT_ALLOW, groups[i].calls);
	for (size_t i = 0; !r && i < sizeof conditions / sizeof *conditions;
	     i++)
		if (conditions[i].who & who)
			r = allow_if(ctx, &conditions[i]);
	for (size_t i = 0; !r && i < sizeof refused / sizeof *refused; i++)
		r = seccomp_rule_add(ctx,
			SCMP_ACT_ERRNO((uint32_t)refused[i].error),
			seccomp_syscall_resolve_name(refused[i].call), 0);
	return r;
}

/* Sorted as a tree: the packet path goes through it. */
static int load(scmp_filter_ctx ctx, enum process p, int more)
{
	int r;

	if ((r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1)) ||
	    (r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2)))
		return r;
	if (p == PROC_PARENT)
		r = add(ctx, SCMP_ACT_KILL_PROCESS, never);
	else
		r = add_rules(ctx, 1 << p | more);
	return r ? r : seccomp_load(ctx);
}

static int filter(enum process p, int more)
{
	scmp_filter_ctx ctx = seccomp_init(p == PROC_PARENT ?
		SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return E_NOMEM;
	r = load(ctx, p, more);
	seccomp_release(ctx);
	if (r)
		log_error(process_name(p), "the system call filter cannot be "
			  "set: %s", strerror(-r));
	return r ? E_IO : 0;
}

bool confine_filters(void)
{
	return !SANITIZED;
}

/* more: what it may besides, of who. */
static int confine_with(enum process p, uint64_t caps, int more)
{
	int r;

	if ((r = drop_privileges(p, caps))) {
		log_error(process_name(p), "privileges cannot be dropped: %s",
			  strerror(errno));
		return r;
	}
	if (!confine_filters()) {
		log_error(process_name(p), "this build has a sanitizer: no "
			  "system call filter");
		return 0;
	}
	if ((r = restrict_files(p))) {
		log_error(process_name(p), "files cannot be restricted: %s",
			  strerror(errno));
		return r;
	}
	return filter(p, more);
}

int confine(enum process p)
{
	if ((unsigned)p >= PROC_COUNT)
		return E_ARG;
	if (p == PROC_PARENT)
		return confine_parent(false);
	return confine_with(p, p == PROC_TUNNEL ? tunnel_caps : 0, 0);
}

int confine_tunnel(bool charon)
{
	return confine_with(PROC_TUNNEL, tunnel_caps, charon ? CHARON : 0);
}

int confine_parent(bool tunnels)
{
	return confine_with(PROC_PARENT,
			    parent_caps | (tunnels ? tunnel_caps : 0), 0);
}
