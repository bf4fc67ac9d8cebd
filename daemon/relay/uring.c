/* uring.c - the media loop on io_uring: receives and sends for all sockets of
 * a worker with a few system calls for a batch. See media_loop.h.
 *
 * Each socket has one request that goes on receiving (multishot) into buffers
 * that the kernel takes from a ring shared by all. A packet is changed in its
 * buffer and sent from there. Sends never wait (MSG_DONTWAIT), so they are
 * done when io_uring_enter() returns: their buffers go back into the ring
 * then, and only a failed send makes a completion.
 *
 * When there is much to do, a round waits for BATCH packets or a millisecond,
 * whichever comes first; when little, for the first packet.
 *
 * A ring goes round the filter of system calls. So it is made disabled, is
 * restricted for ever to the four operations below, and then enabled by the
 * thread that uses it; the filter lets nobody make another one. Kernels that
 * lack any of this (before 6.1) are left to epoll.c. */
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/relay/media_loop.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SQ_ENTRIES 512
#define CQ_ENTRIES 8192
#define BUFFERS 1024 /* a power of two */
#define GROUP 1
#define BATCH 32
#define BATCH_US 1000
#define BUSY_PER_MS 3 /* packets a millisecond that make batching worth it */
#define NO_SLOT UINT32_MAX

/* In front of each packet the kernel puts its lengths and the source. */
#define NAME_LEN sizeof(struct sockaddr_in6)
#define HEAD_LEN (sizeof(struct io_uring_recvmsg_out) + NAME_LEN)
#define BUFFER_LEN ((HEAD_LEN + PACKET_MAX + 63) / 64 * 64)

enum kind { KIND_RECEIVE, KIND_SEND, KIND_CANCEL, KIND_WAKE };

/* One socket. It is free again when its last completion came. */
struct slot {
	struct media_port *port; /* NULL: removed */
	bool armed;              /* a receive request is under way */
	uint32_t next_free;
};

/* What a send request points at until it was submitted. */
struct leaving {
	struct msghdr msg;
	struct iovec iov;
	struct sockaddr_in6 to;
};

struct media {
	struct media_user user;
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	uint8_t *pool;
	struct msghdr receive; /* says how long a source may be */
	struct slot *slots;
	uint32_t n_slots, first_free;
	bool starved;          /* some socket waits for buffers */
	struct leaving *leaving;        /* by buffer */
	uint16_t sent[BUFFERS];         /* buffers of requests not submitted */
	unsigned n_sent, n_back;
	bool busy;
	uint64_t window_us;    /* since when packets are counted */
	unsigned counted;
	uint8_t spare[PACKET_MAX];
};

static uint64_t tag(enum kind kind, uint32_t slot)
{
	return (uint64_t)kind << 32 | slot;
}

static uint8_t *buffer(const struct media *m, unsigned id)
{
	return m->pool + (size_t)id * BUFFER_LEN;
}

/* -- buffers -------------------------------------------------------------- */

/* The kernel sees it after buffers_publish(). */
static void buffer_back(struct media *m, unsigned id)
{
	io_uring_buf_ring_add(m->buffers, buffer(m, id), BUFFER_LEN,
			      (unsigned short)id,
			      io_uring_buf_ring_mask(BUFFERS),
			      (int)m->n_back++);
}

static void buffers_publish(struct media *m)
{
	if (m->n_back)
		io_uring_buf_ring_advance(m->buffers, (int)m->n_back);
	m->n_back = 0;
}

/* After a submission: what was sent from may be received into. */
static void sent_back(struct media *m)
{
	if (io_uring_sq_ready(&m->ring))
		return; /* not all was taken: the next time */
	for (unsigned i = 0; i < m->n_sent; i++)
		buffer_back(m, m->sent[i]);
	m->n_sent = 0;
	buffers_publish(m);
}

/* -- opening -------------------------------------------------------------- */

/* Debian 12's liburing declares but does not export these two. */
static int ring_register(const struct io_uring *ring, unsigned what, void *arg,
			 unsigned n)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, what, arg, n) ?
	       -errno : 0;
}

static int restrict_ring(struct io_uring *ring)
{
	static const uint8_t ops[] = { IORING_OP_RECVMSG, IORING_OP_SENDMSG,
				       IORING_OP_POLL_ADD,
				       IORING_OP_ASYNC_CANCEL };
	struct io_uring_restriction r[sizeof ops + 1];
	unsigned n = 0;

	memset(r, 0, sizeof r);
	for (; n < sizeof ops; n++) {
		r[n].opcode = IORING_RESTRICTION_SQE_OP;
		r[n].sqe_op = ops[n];
	}
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[n++].sqe_flags = IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
	return ring_register(ring, IORING_REGISTER_RESTRICTIONS, r, n);
}

static int open_ring(struct io_uring *ring)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		.cq_entries = CQ_ENTRIES,
	};

	if (io_uring_queue_init_params(SQ_ENTRIES, ring, &p))
		return E_UNSUPPORTED;
	if (!(p.features & IORING_FEAT_CQE_SKIP) ||
	    !(p.features & IORING_FEAT_EXT_ARG)) {
		io_uring_queue_exit(ring);
		return E_UNSUPPORTED;
	}
	return 0;
}

static int open_buffers(struct media *m)
{
	size_t ring_len = BUFFERS * sizeof(struct io_uring_buf);
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS,
					.bgid = GROUP };

	m->buffers = mmap(NULL, ring_len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->buffers == MAP_FAILED) {
		m->buffers = NULL;
		return E_NOMEM;
	}
	m->pool = malloc(BUFFERS * BUFFER_LEN);
	m->leaving = calloc(BUFFERS, sizeof *m->leaving);
	if (!m->pool || !m->leaving)
		return E_NOMEM;
	reg.ring_addr = (uint64_t)(uintptr_t)m->buffers;
	if (io_uring_register_buf_ring(&m->ring, &reg, 0))
		return E_UNSUPPORTED;
	io_uring_buf_ring_init(m->buffers);
	for (unsigned i = 0; i < BUFFERS; i++)
		buffer_back(m, i);
	buffers_publish(m);
	return 0;
}

static void free_memory(struct media *m)
{
	if (m->buffers)
		munmap(m->buffers, BUFFERS * sizeof(struct io_uring_buf));
	free(m->pool);
	free(m->leaving);
	free(m->slots);
	free(m);
}

static void uring_close(struct media *m)
{
	if (!m)
		return;
	io_uring_queue_exit(&m->ring);
	free_memory(m);
}

static int uring_open(const struct media_user *u, struct media **out)
{
	struct media *m = calloc(1, sizeof *m);
	int r;

	if (!m)
		return E_NOMEM;
	m->user = *u;
	m->first_free = NO_SLOT;
	m->receive.msg_namelen = NAME_LEN;
	r = open_ring(&m->ring);
	if (r) {
		free_memory(m);
		return r;
	}
	r = open_buffers(m);
	if (!r && restrict_ring(&m->ring))
		r = E_UNSUPPORTED;
	if (r) {
		uring_close(m);
		return r;
	}
	*out = m;
	return 0;
}

/* -- requests ------------------------------------------------------------- */

static int submit(struct media *m)
{
	int r = io_uring_submit(&m->ring);

	sent_back(m);
	return r < 0 && r != -EINTR && r != -EBUSY && r != -EAGAIN ? E_IO : 0;
}

/* NULL when the kernel takes no more just now. */
static struct io_uring_sqe *request(struct media *m)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&m->ring);

	if (sqe)
		return sqe;
	submit(m);
	return io_uring_get_sqe(&m->ring);
}

static void arm(struct media *m, uint32_t slot)
{
	struct io_uring_sqe *sqe = request(m);

	m->slots[slot].armed = sqe != NULL;
	if (!sqe) {
		m->starved = true;
		return;
	}
	io_uring_prep_recvmsg_multishot(sqe, m->slots[slot].port->fd,
					&m->receive, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	io_uring_sqe_set_data64(sqe, tag(KIND_RECEIVE, slot));
}

static void arm_starved(struct media *m)
{
	if (!m->starved)
		return;
	m->starved = false;
	for (uint32_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].port && !m->slots[i].armed)
			arm(m, i);
}

static int arm_wake(struct media *m)
{
	struct io_uring_sqe *sqe = request(m);

	if (!sqe)
		return E_FULL;
	io_uring_prep_poll_multishot(sqe, m->user.wake_fd, POLLIN);
	io_uring_sqe_set_data64(sqe, tag(KIND_WAKE, 0));
	return 0;
}

static int uring_begin(struct media *m)
{
	int r = ring_register(&m->ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

	if (r) {
		log_error("relay", "io_uring cannot be enabled: %s",
			  strerror(-r));
		return E_IO;
	}
	return arm_wake(m);
}

/* -- sockets -------------------------------------------------------------- */

static int more_slots(struct media *m)
{
	uint32_t n = m->n_slots ? m->n_slots * 2 : 64;
	struct slot *grown = realloc(m->slots, n * sizeof *grown);

	if (!grown)
		return E_NOMEM;
	m->slots = grown;
	for (uint32_t i = n; i-- > m->n_slots;) {
		grown[i] = (struct slot){ .next_free = m->first_free };
		m->first_free = i;
	}
	m->n_slots = n;
	return 0;
}

static void free_slot(struct media *m, uint32_t slot)
{
	m->slots[slot] = (struct slot){ .next_free = m->first_free };
	m->first_free = slot;
}

static int uring_add(struct media *m, struct media_port *port)
{
	uint32_t slot;
	int r = m->first_free == NO_SLOT ? more_slots(m) : 0;

	port->slot = NO_SLOT;
	if (r)
		return r;
	slot = m->first_free;
	m->first_free = m->slots[slot].next_free;
	m->slots[slot].port = port;
	port->slot = slot;
	arm(m, slot);
	return 0;
}

static void uring_remove(struct media *m, struct media_port *port)
{
	uint32_t slot = port->slot;
	struct io_uring_sqe *sqe;

	if (slot == NO_SLOT)
		return;
	port->slot = NO_SLOT;
	m->slots[slot].port = NULL;
	if (!m->slots[slot].armed) {
		free_slot(m, slot);
		return;
	}
	sqe = request(m);
	if (sqe) {
		io_uring_prep_cancel64(sqe, tag(KIND_RECEIVE, slot), 0);
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
		io_uring_sqe_set_data64(sqe, tag(KIND_CANCEL, 0));
	}
	/* requests name the socket by number until they are submitted */
	submit(m);
}

/* -- completions ---------------------------------------------------------- */

static void send_on(struct media *m, unsigned id, const struct packet *p,
		    const struct packet_way *way)
{
	struct leaving *l = &m->leaving[id];
	struct io_uring_sqe *sqe = request(m);
	struct sockaddr_storage to;

	if (!sqe) {
		buffer_back(m, id);
		return;
	}
	l->iov = (struct iovec){ .iov_base = p->data, .iov_len = p->len };
	l->msg = (struct msghdr){ .msg_iov = &l->iov, .msg_iovlen = 1,
				  .msg_name = &l->to };
	l->msg.msg_namelen = addr_to_sockaddr(way->to, &to);
	memcpy(&l->to, &to, sizeof l->to);
	io_uring_prep_sendmsg(sqe, way->port->fd, &l->msg, MSG_DONTWAIT);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, tag(KIND_SEND, id));
	m->sent[m->n_sent++] = (uint16_t)id;
}

/* A packet in a buffer. Gives the buffer on, or back. */
static void deliver(struct media *m, struct media_port *port, unsigned id,
		    int len, uint64_t now_us)
{
	struct packet p = { .spare = m->spare, .now_us = now_us };
	struct io_uring_recvmsg_out *o = io_uring_recvmsg_validate(
		buffer(m, id), len, &m->receive);
	struct packet_way way;

	if (!o || addr_from_sockaddr(io_uring_recvmsg_name(o), &p.from)) {
		buffer_back(m, id);
		return;
	}
	p.data = io_uring_recvmsg_payload(o, &m->receive);
	p.len = o->flags & MSG_TRUNC ? PACKET_MAX + 1 :
		io_uring_recvmsg_payload_length(o, len, &m->receive);
	m->counted++;
	if (m->user.packet(m->user.user, port, &p, &way))
		buffer_back(m, id);
	else
		send_on(m, id, &p, &way);
}

static void on_receive(struct media *m, const struct io_uring_cqe *cqe,
		       uint64_t now_us)
{
	uint32_t slot = (uint32_t)cqe->user_data;
	struct media_port *port = m->slots[slot].port;
	unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

	if (cqe->flags & IORING_CQE_F_BUFFER) {
		if (port && cqe->res > 0)
			deliver(m, port, id, cqe->res, now_us);
		else
			buffer_back(m, id);
	}
	if (cqe->flags & IORING_CQE_F_MORE)
		return;
	m->slots[slot].armed = false;
	if (port)
		m->starved = true; /* armed again at the end of the round */
	else
		free_slot(m, slot);
}

/* Handles what is there. Returns whether there is mail. */
static bool completions(struct media *m, uint64_t now_us)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;
	bool mail = false;

	io_uring_for_each_cqe(&m->ring, head, cqe) {
		n++;
		if (cqe->user_data >> 32 == KIND_RECEIVE)
			on_receive(m, cqe, now_us);
		if (cqe->user_data >> 32 != KIND_WAKE)
			continue;
		mail = true;
		if (!(cqe->flags & IORING_CQE_F_MORE))
			arm_wake(m);
	}
	io_uring_cq_advance(&m->ring, n);
	return mail;
}

/* Much or little to do, by the packets of the last millisecond or more. */
static void weigh(struct media *m, uint64_t now_us)
{
	uint64_t gone_us = now_us - m->window_us;

	if (gone_us < BATCH_US)
		return;
	m->busy = m->counted * UINT64_C(1000) >= BUSY_PER_MS * gone_us;
	m->counted = 0;
	m->window_us = now_us;
}

static int uring_step(struct media *m, unsigned wait_ms)
{
	struct __kernel_timespec t = { .tv_sec = wait_ms / 1000,
		.tv_nsec = (long long)(wait_ms % 1000) * 1000000 };
	struct __kernel_timespec soon = { .tv_nsec = BATCH_US * 1000 };
	struct io_uring_cqe *first;
	uint64_t now_us;
	bool mail;
	int r = io_uring_submit_and_wait_timeout(&m->ring, &first,
						 m->busy ? BATCH : 1,
						 m->busy ? &soon : &t, NULL);

	if (r < 0 && r != -ETIME && r != -EINTR && r != -EBUSY && r != -EAGAIN)
		return E_IO;
	now_us = clock_mono_us(m->user.clock);
	sent_back(m);
	mail = completions(m, now_us);
	buffers_publish(m);
	arm_starved(m);
	weigh(m, now_us);
	if (mail)
		m->user.mail(m->user.user);
	return 0;
}

const struct media_loop media_uring = {
	.name = "uring", .open = uring_open, .begin = uring_begin,
	.add = uring_add, .remove = uring_remove,
	.step = uring_step, .close = uring_close,
};
