/* epoll.c - the media loop on epoll: works everywhere, costs a receive and a
 * send call for each packet. See media_loop.h. */
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/relay/media_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 128

struct media {
	struct media_user user;
	int fd;
	uint8_t data[PACKET_MAX + 1], spare[PACKET_MAX];
	struct epoll_event events[EVENTS];
};

static int epoll_media_open(const struct media_user *u, struct media **out)
{
	struct epoll_event wake = { .events = EPOLLIN }; /* no port: mail */
	struct media *m = calloc(1, sizeof *m);

	if (!m)
		return E_NOMEM;
	m->user = *u;
	m->fd = epoll_create1(EPOLL_CLOEXEC);
	if (m->fd < 0 ||
	    epoll_ctl(m->fd, EPOLL_CTL_ADD, u->wake_fd, &wake)) {
		if (m->fd >= 0)
			close(m->fd);
		free(m);
		return E_IO;
	}
	*out = m;
	return 0;
}

static int epoll_media_begin(struct media *m)
{
	(void)m;
	return 0;
}

static int epoll_media_add(struct media *m, struct media_port *port)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = port };

	return epoll_ctl(m->fd, EPOLL_CTL_ADD, port->fd, &e) ? E_IO : 0;
}

static void epoll_media_remove(struct media *m, struct media_port *port)
{
	struct epoll_event none = { 0 };

	/* it fails only when the port was never added */
	if (epoll_ctl(m->fd, EPOLL_CTL_DEL, port->fd, &none))
		return;
}

static void send_on(const struct packet *p, const struct packet_way *way)
{
	struct sockaddr_storage to;
	socklen_t len = addr_to_sockaddr(way->to, &to);

	/* Like the network, the socket may lose a packet; who misses it is
	 * told by RTCP. */
	if (sendto(way->port->fd, p->data, p->len, MSG_DONTWAIT,
		   (struct sockaddr *)&to, len) < 0)
		return;
}

static void receive(struct media *m, struct media_port *port, uint64_t now_us)
{
	struct packet p = { .data = m->data, .spare = m->spare,
			    .now_us = now_us };
	struct packet_way way;
	struct sockaddr_storage from;
	socklen_t from_len = sizeof from;
	ssize_t n = recvfrom(port->fd, m->data, sizeof m->data, MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);

	if (n < 0 || addr_from_sockaddr((struct sockaddr *)&from, &p.from))
		return;
	p.len = (size_t)n;
	if (!m->user.packet(m->user.user, port, &p, &way))
		send_on(&p, &way);
}

static int epoll_media_step(struct media *m, unsigned wait_ms)
{
	int n = epoll_wait(m->fd, m->events, EVENTS, (int)wait_ms);
	bool mail = false;
	uint64_t now_us;

	if (n < 0)
		return errno == EINTR ? 0 : E_IO;
	now_us = clock_mono_us(m->user.clock);
	for (int i = 0; i < n; i++) {
		if (m->events[i].data.ptr)
			receive(m, m->events[i].data.ptr, now_us);
		else
			mail = true;
	}
	if (mail) /* last: it may free ports named in events */
		m->user.mail(m->user.user);
	return 0;
}

static void epoll_media_close(struct media *m)
{
	if (!m)
		return;
	close(m->fd);
	free(m);
}

const struct media_loop media_epoll = {
	.name = "epoll", .open = epoll_media_open, .begin = epoll_media_begin,
	.add = epoll_media_add, .remove = epoll_media_remove,
	.step = epoll_media_step, .close = epoll_media_close,
};
