/* ipc.c - one end of a pair between two processes. See ipc.h.
 *
 * States of each direction: fresh -> (hello) -> talking -> closed. Whatever a
 * peer does against the message table (message.c), against "hello first", or
 * with descriptors ends in one place, offend(): the end is closed for good
 * and the owner is told once. Received bytes are wiped after the handler had
 * them, queued ones when they are gone, since some carry keys.
 *
 * It knows no loop, no timers and no request ids: the owners do. */
#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/ipc_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define QUEUE_MESSAGES 4096
#define QUEUE_BYTES (4 * 1024 * 1024)
#define READ_BATCH 64 /* messages, then other descriptors have their turn */
#define FDS_ROOM 4    /* more than the one that may come, to close them */
#define SOCKET_BYTES (2 * 1024 * 1024)
#define DATAGRAM_MAX (sizeof(struct ipc_header) + IPC_BODY_MAX)

struct queued {
	struct queued *next;
	int fd;
	size_t len;
	uint64_t data[]; /* the datagram */
};

struct ipc {
	int fd;
	enum process self, peer;
	const struct ipc_ops *ops;
	void *user;
	bool hello_sent, hello_seen, closed;
	uint32_t epoch;
	uint64_t refused;
	struct queued *first, **end;
	size_t queued, queued_bytes;
	uint64_t room[DATAGRAM_MAX / sizeof(uint64_t)];
};

int ipc_socketpair(int fd[2])
{
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int size = SOCKET_BYTES;

	if (socketpair(AF_UNIX, type, 0, fd))
		return E_IO;
	/* The kernel cuts this to wmem_max, which is enough by default; a
	 * smaller one shows as E_SPACE on the first long message. */
	for (int i = 0; i < 2; i++) {
		setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
		setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	}
	return 0;
}

int ipc_new(int fd, enum process self, enum process peer,
	    const struct ipc_ops *ops, void *user, struct ipc **out)
{
	struct ipc *ipc = calloc(1, sizeof *ipc);

	if (!ipc)
		return E_NOMEM;
	ipc->fd = fd;
	ipc->self = self;
	ipc->peer = peer;
	ipc->ops = ops;
	ipc->user = user;
	ipc->end = &ipc->first;
	*out = ipc;
	return 0;
}

static void queued_free(struct queued *q)
{
	if (q->fd >= 0)
		close(q->fd);
	wipe(q->data, q->len);
	free(q);
}

/* Takes the first message off the queue. */
static void queue_pop(struct ipc *ipc)
{
	struct queued *q = ipc->first;

	ipc->first = q->next;
	if (!ipc->first)
		ipc->end = &ipc->first;
	ipc->queued--;
	ipc->queued_bytes -= q->len;
	queued_free(q);
}

void ipc_free(struct ipc *ipc)
{
	if (!ipc)
		return;
	while (ipc->first)
		queue_pop(ipc);
	close(ipc->fd);
	wipe(ipc, sizeof *ipc);
	free(ipc);
}

int ipc_fd(const struct ipc *ipc)
{
	return ipc->fd;
}

uint32_t ipc_epoch(const struct ipc *ipc)
{
	return ipc->epoch;
}

uint64_t ipc_refused(const struct ipc *ipc)
{
	return ipc->refused;
}

bool ipc_wants_write(const struct ipc *ipc)
{
	return ipc->first && !ipc->closed;
}

/* The end is unusable from now on; the owner is told once. */
static void offend(struct ipc *ipc, int err, enum message type)
{
	if (ipc->closed)
		return;
	ipc->closed = true;
	shutdown(ipc->fd, SHUT_RDWR);
	ipc->ops->closed(ipc->user, err, type);
}

/* -- sending -------------------------------------------------------------- */

static int send_parts(struct ipc *ipc, struct iovec *iov, size_t n, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = n };
	struct cmsghdr *c;

	if (fd >= 0) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof control.room;
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	while (sendmsg(ipc->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS)
			return E_AGAIN;
		return errno == EMSGSIZE ? E_SPACE : E_CLOSED;
	}
	return 0;
}

static int enqueue(struct ipc *ipc, const struct iovec *iov, size_t n, int fd)
{
	size_t len = 0, at = 0;
	struct queued *q;

	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (ipc->queued >= QUEUE_MESSAGES ||
	    ipc->queued_bytes + len > QUEUE_BYTES) {
		ipc->refused++;
		return E_FULL;
	}
	q = malloc(sizeof *q + len);
	if (!q)
		return E_NOMEM;
	q->next = NULL;
	q->fd = fd;
	q->len = len;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len)
			memcpy((char *)q->data + at, iov[i].iov_base,
			       iov[i].iov_len);
		at += iov[i].iov_len;
	}
	*ipc->end = q;
	ipc->end = &q->next;
	ipc->queued_bytes += len;
	if (!ipc->queued++ && ipc->ops->want)
		ipc->ops->want(ipc->user, true);
	return 0;
}

static int may_send(const struct ipc *ipc, enum message type, int fd)
{
	if (ipc->closed)
		return E_CLOSED;
	if (message_has_fd(type) != (fd >= 0))
		return E_ARG;
	return (type == MSG_HELLO) == !ipc->hello_sent ? 0 : E_STATE;
}

int ipc_send(struct ipc *ipc, enum message type, uint64_t id, const void *body,
	     size_t len, const void *tail, size_t tail_len, int fd)
{
	struct ipc_header head = { .type = type, .id = id };
	struct iovec iov[3] = {
		{ &head, sizeof head }, { (void *)body, len },
		{ (void *)tail, tail_len }
	};
	int r;

	if (message_check(type, ipc->self, ipc->peer, body,
			  (struct message_sizes){ len, tail_len }))
		return E_ARG;
	if ((r = may_send(ipc, type, fd)))
		return r;
	r = ipc->first ? E_AGAIN : send_parts(ipc, iov, 3, fd);
	if (!r && fd >= 0)
		close(fd);
	if (r == E_AGAIN)
		r = enqueue(ipc, iov, 3, fd);
	if (!r)
		ipc->hello_sent = true;
	return r;
}

void ipc_write(struct ipc *ipc)
{
	struct iovec iov;
	int r;

	while (ipc_wants_write(ipc)) {
		iov = (struct iovec){ ipc->first->data, ipc->first->len };
		r = send_parts(ipc, &iov, 1, ipc->first->fd);
		if (r == E_AGAIN)
			return;
		if (r) {
			offend(ipc, r, MSG_NONE);
			return;
		}
		queue_pop(ipc);
	}
	if (!ipc->closed && ipc->ops->want)
		ipc->ops->want(ipc->user, false);
}

/* -- receiving ------------------------------------------------------------ */

/* Gathers the descriptors that came: 0 or one may be used, of more all are
 * closed. Returns how many there were. */
static size_t take_fds(struct msghdr *m, int *fd)
{
	size_t n = 0, here;
	int one;

	*fd = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (c->cmsg_len - CMSG_LEN(0)) / sizeof one;
		for (size_t i = 0; i < here; i++) {
			memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
			if (n++ == 0)
				*fd = one;
			else
				close(one);
		}
	}
	if (n > 1) {
		close(*fd);
		*fd = -1;
	}
	return n;
}

/* One datagram into the room: its length, or negative. */
static ssize_t receive(struct ipc *ipc, int *fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(FDS_ROOM * sizeof(int))];
	} control;
	struct iovec iov = { ipc->room, sizeof ipc->room };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof control.room,
	};
	ssize_t n;

	do
		n = recvmsg(ipc->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? E_AGAIN : E_CLOSED;
	if (take_fds(&m, fd) > 1 || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		if (*fd >= 0)
			close(*fd);
		return E_FORMAT;
	}
	return n ? n : E_CLOSED;
}

static int hello(struct ipc *ipc, const struct ipc_msg *msg)
{
	const struct msg_hello *h = msg->body;

	if (msg->type != MSG_HELLO)
		return ipc->hello_seen ? 0 : E_STATE;
	if (ipc->hello_seen || h->process != ipc->peer || !h->epoch)
		return E_STATE;
	ipc->hello_seen = true;
	ipc->epoch = h->epoch;
	return 0;
}

/* Checks and handles the datagram in the room. *type says what it was. */
static int deliver(struct ipc *ipc, size_t len, int fd, enum message *type)
{
	struct ipc_header head = { 0 };
	struct ipc_msg msg;
	int r;

	memcpy(&head, ipc->room, len < sizeof head ? len : sizeof head);
	*type = head.type < MSG_COUNT ? head.type : MSG_NONE;
	r = ipc_check(ipc->room, len, ipc->peer, ipc->self, &msg);
	if (!r && message_has_fd(msg.type) != (fd >= 0))
		r = E_FORMAT;
	if (!r)
		r = hello(ipc, &msg);
	if (r) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	msg.fd = fd;
	return ipc->ops->handle(ipc->user, &msg);
}

/* Returns whether to go on reading. */
static bool read_one(struct ipc *ipc)
{
	enum message type = MSG_NONE;
	ssize_t n;
	int fd, r;

	n = receive(ipc, &fd);
	if (n == E_AGAIN)
		return false;
	r = (int)n;
	if (n > 0) {
		r = deliver(ipc, (size_t)n, fd, &type);
		wipe(ipc->room, (size_t)n);
	}
	if (r < 0)
		offend(ipc, r, type);
	return r >= 0;
}

void ipc_read(struct ipc *ipc)
{
	for (int i = 0; i < READ_BATCH && !ipc->closed; i++)
		if (!read_one(ipc))
			return;
}
