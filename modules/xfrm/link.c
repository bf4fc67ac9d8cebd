/* link.c - requests and events over netlink. See link.h.
 *
 * Two sockets, so that a flood of events (any program that adds and deletes
 * SAs, any packet that wants one) never costs an answer. All answers to a batch
 * come by one system call. What came is wiped after use: GETSA shows keys. */
#include "config.h"

#include "modules/xfrm/link.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define PARTS 8
#define PART 8192 /* bytes: the kernel puts no more into one datagram */
#define WAIT_MS 1000
#define EVENTS 64
#define EVENT_BUFFER (1024 * 1024) /* bytes; some 2000 events */
/* The last has a number only, and its bit no name. */
#define GROUPS \
	(XFRMGRP_EXPIRE | XFRMGRP_ACQUIRE | XFRMGRP_POLICY | \
	 1u << (XFRMNLGRP_MAPPING - 1))

struct link {
	struct mnl_socket *ask, *events;
	uint32_t seq, port; /* of requests; and the kernel's name of ask */
	_Alignas(8) uint8_t in[PARTS][PART]; /* answers */
	/* Apart, since whoever hears an event may ask for something. */
	_Alignas(8) uint8_t told[PART];
};

/* -- opening -------------------------------------------------------------- */

static int why_not(int error, const char **why)
{
	switch (error) {
	case EPROTONOSUPPORT:
	case EAFNOSUPPORT:
		*why = "this kernel has no XFRM: modprobe xfrm_user; without "
		       "CONFIG_XFRM_USER there is no media = \"esp\"";
		return E_UNSUPPORTED;
	case EPERM:
	case EACCES:
		*why = "CAP_NET_ADMIN is missing: start callseald by its "
		       "systemd unit, or with that capability";
		return E_POLICY;
	case ENOMEM:
	case ENOBUFS:
		*why = "no memory for the sockets to the kernel";
		return E_NOMEM;
	}
	*why = "no socket to the kernel's XFRM";
	return E_IO;
}

static struct mnl_socket *socket_open(unsigned groups)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC);
	int error;

	if (s && mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID)) {
		error = errno;
		mnl_socket_close(s);
		errno = error;
		return NULL;
	}
	return s;
}

/* Better answers where the kernel has them: its own words, and no echo of the
 * request with the key in it. */
static void set_options(struct mnl_socket *s)
{
	int on = 1;

	mnl_socket_setsockopt(s, NETLINK_EXT_ACK, &on, sizeof on);
	mnl_socket_setsockopt(s, NETLINK_CAP_ACK, &on, sizeof on);
}

static void set_buffer(struct mnl_socket *s)
{
	int fd = mnl_socket_get_fd(s), size = EVENT_BUFFER;

	/* the first takes CAP_NET_ADMIN, the second is cut by rmem_max */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

int link_open(struct link **out, const char **why)
{
	struct link *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return why_not(ENOMEM, why);
	l->ask = socket_open(0);
	if (l->ask) /* joining takes the capability; asking finds out late */
		l->events = socket_open(GROUPS);
	if (!l->events) {
		r = why_not(errno, why);
		link_close(l);
		return r;
	}
	l->port = mnl_socket_get_portid(l->ask);
	set_options(l->ask);
	set_buffer(l->events);
	*out = l;
	return 0;
}

void link_close(struct link *l)
{
	if (!l)
		return;
	if (l->ask)
		mnl_socket_close(l->ask);
	if (l->events)
		mnl_socket_close(l->events);
	free(l);
}

/* -- receiving ------------------------------------------------------------ */

static bool readable(struct mnl_socket *s, int ms)
{
	struct pollfd p = { .fd = mnl_socket_get_fd(s), .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

/* What is there, up to PARTS datagrams: their number, and the bytes of each (0
 * for what is not the kernel's); or a negative errno. */
static int receive(struct mnl_socket *s, uint8_t (*room)[PART], size_t n,
		   size_t *len)
{
	struct mmsghdr m[PARTS] = { 0 };
	struct sockaddr_nl from[PARTS] = { 0 };
	struct iovec part[PARTS];
	int got;

	for (size_t i = 0; i < n; i++) {
		part[i] = (struct iovec){ room[i], PART };
		m[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i], .msg_namelen = sizeof from[i],
			.msg_iov = &part[i], .msg_iovlen = 1 };
	}
	got = recvmmsg(mnl_socket_get_fd(s), m, (unsigned)n, MSG_DONTWAIT,
		       NULL);
	if (got < 0)
		return -errno;
	for (int i = 0; i < got; i++) {
		if (m[i].msg_hdr.msg_flags & MSG_TRUNC)
			return -ENOBUFS;
		len[i] = from[i].nl_pid ? 0 : m[i].msg_len;
	}
	return got;
}

/* -- requests ------------------------------------------------------------- */

struct run {
	uint32_t first; /* number of the first request */
	size_t n, open;
	int *done;
	link_fn fn;
	void *user;
};

static void take(struct run *run, const struct reply *r)
{
	size_t i = r->seq - run->first;

	if (i >= run->n || run->done[i] != -1)
		return; /* of an earlier run that was given up */
	if (r->kind == REPLY_ACK || r->kind == REPLY_DONE ||
	    r->kind == REPLY_REFUSED) {
		run->done[i] = r->error;
		run->open--;
	}
	if (r->kind != REPLY_ACK && r->kind != REPLY_DONE && run->fn)
		run->fn(run->user, i, r);
}

static int take_all(uint8_t *in, struct run *run, size_t len)
{
	struct reply r;
	size_t at = 0;
	int e;

	while (!(e = reply_next(in, len, &at, &r)))
		take(run, &r);
	wipe(in, len);
	return e == E_AGAIN ? 0 : E_LOST;
}

static int take_some(struct link *l, struct run *run, const size_t *len, int n)
{
	int r = 0, e;

	for (int i = 0; i < n; i++) {
		e = take_all(l->in[i], run, len[i]);
		r = e ? e : r;
	}
	return r;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* E_TIMEOUT: *end is over. 0 there: it begins to run. */
static int wait_until(struct mnl_socket *s, uint64_t *end)
{
	uint64_t now = now_ms();

	*end = *end ? *end : now + WAIT_MS;
	if (now >= *end)
		return E_TIMEOUT;
	readable(s, WAIT_MS);
	return 0;
}

static int collect(struct link *l, struct run *run)
{
	uint64_t end = 0;
	size_t len[PARTS];
	int r = 0;

	while (run->open && !r) {
		int n = receive(l->ask, l->in, PARTS, len);

		if (n > 0)
			r = take_some(l, run, len, n);
		else if (n == -EAGAIN)
			r = wait_until(l->ask, &end);
		else if (n && n != -EINTR)
			r = E_LOST;
	}
	return r;
}

static int send_all(struct link *l, const struct buf *b)
{
	ssize_t n;

	do
		n = mnl_socket_sendto(l->ask, b->data, b->len);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)b->len)
		return 0;
	return errno == ENOBUFS || errno == ENOMEM ? E_NOMEM : E_IO;
}

/* With our port: the kernel repeats it in what it tells of the policy. */
static void put(struct link *l, struct buf *b, const struct request *q)
{
	size_t at = b->len + offsetof(struct nlmsghdr, nlmsg_pid);

	request_put(b, q, ++l->seq);
	if (!b->err)
		memcpy(b->data + at, &l->port, sizeof l->port);
}

int link_run(struct link *l, const struct request *q, size_t n, int *done,
	     link_fn fn, void *user)
{
	struct buf b = buf_of((size_t)LINK_BATCH * REQUEST_ROOM);
	struct run run = { l->seq + 1, n, n, done, fn, user };
	int r;

	if (!n || n > LINK_BATCH)
		return E_ARG;
	for (size_t i = 0; i < n; i++)
		put(l, &b, &q[i]);
	r = b.err ? b.err : send_all(l, &b);
	buf_free(&b);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		done[i] = -1;
	return collect(l, &run);
}

/* -- events --------------------------------------------------------------- */

int link_events_fd(const struct link *l)
{
	return mnl_socket_get_fd(l->events);
}

static bool is_event(const struct link *l, const struct reply *r)
{
	switch (r->kind) {
	case REPLY_EXPIRE:
	case REPLY_ACQUIRE:
	case REPLY_MOVED:
		return true;
	case REPLY_POLICY:
	case REPLY_REMOVED:
	case REPLY_FLUSHED:
		return r->by != l->port;
	default:
		return false;
	}
}

static void give_all(struct link *l, size_t len,
		     void (*fn)(void *user, const struct reply *r), void *user)
{
	struct reply r;
	size_t at = 0;

	while (!reply_next(l->told, len, &at, &r))
		if (is_event(l, &r))
			fn(user, &r);
}

int link_events(struct link *l, void (*fn)(void *user, const struct reply *r),
		void *user)
{
	size_t len;

	for (int i = 0; i < EVENTS; i++) {
		int n = receive(l->events, &l->told, 1, &len);

		if (n == -EAGAIN)
			return 0;
		if (n == -ENOBUFS)
			return E_LOST;
		if (n < 0 && n != -EINTR)
			return E_IO;
		if (n > 0)
			give_all(l, len, fn, user);
	}
	return 0;
}
