/* resolver.c - see resolver.h. The loop is in sres_send_dns_query(): a server
 * whose socket cannot be connected is marked as bad until a time that
 * overflows, and so is taken at once again. One to which nothing can be sent
 * is not. */
#define _GNU_SOURCE
#include "modules/sip/trunk/resolver.h"

#include "daemon/base/addr.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define TAG "sip"
#define DNS_PORT 53
#define LATER_MAX 32 /* six servers of each of Sofia's resolvers */

/* Sockets of name servers that are still to be connected. The inode tells them
 * from a later socket with the same number. */
static struct later {
	int fd;
	ino_t inode; /* 0: a free place */
	struct addr server;
} later[LATER_MAX];

typedef int connect_fn(int fd, const struct sockaddr *to, socklen_t len);
typedef ssize_t send_fn(int fd, const void *data, size_t len, int flags);

static void *behind(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

static bool is_udp(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       type == SOCK_DGRAM;
}

static struct later *find(int fd)
{
	ino_t inode = inode_of(fd);

	for (size_t i = 0; i < LATER_MAX; i++)
		if (later[i].inode && later[i].fd == fd &&
		    later[i].inode == inode)
			return &later[i];
	return NULL;
}

/* A place that is free, or whose socket is no more. */
static struct later *place(void)
{
	for (size_t i = 0; i < LATER_MAX; i++)
		if (!later[i].inode ||
		    inode_of(later[i].fd) != later[i].inode)
			return &later[i];
	return NULL;
}

static bool connect_later(int fd, const struct sockaddr *to, int why)
{
	struct later *l = place();
	char text[ADDR_TEXT];
	struct addr server;

	if (!l || addr_from_sockaddr(to, &server) ||
	    server.port != DNS_PORT || !is_udp(fd))
		return false;
	*l = (struct later){ fd, inode_of(fd), server };
	log_error(TAG, "no way to the name server %s: %s; names are not found "
		  "until there is a route", addr_text(&server, text),
		  strerror(why));
	return true;
}

/* Weak: a program that stands in for the network has its own. */
__attribute__((weak))
int connect(int fd, const struct sockaddr *to, socklen_t len)
{
	connect_fn *real = (connect_fn *)behind("connect");
	int r = real(fd, to, len), why = errno;

	if (r && why != EINPROGRESS && connect_later(fd, to, why))
		return 0;
	errno = why;
	return r;
}

static bool connect_now(struct later *l)
{
	connect_fn *real = (connect_fn *)behind("connect");
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&l->server, &sa);

	if (real(l->fd, (struct sockaddr *)&sa, len))
		return false;
	l->inode = 0;
	return true;
}

__attribute__((weak))
ssize_t send(int fd, const void *data, size_t len, int flags)
{
	send_fn *real = (send_fn *)behind("send");
	ssize_t n = real(fd, data, len, flags);
	struct later *l;

	if (n >= 0 || errno != EDESTADDRREQ)
		return n;
	l = find(fd);
	if (l && connect_now(l))
		return real(fd, data, len, flags);
	errno = EDESTADDRREQ;
	return n;
}

int resolver_check(void)
{
	if (dlsym(RTLD_DEFAULT, "connect") == (void *)connect &&
	    dlsym(RTLD_DEFAULT, "send") == (void *)send &&
	    behind("connect") && behind("send"))
		return 0;
	log_error(TAG, "Sofia-SIP's calls of connect() and send() do not come "
		  "to this program: it would stand still without a route to "
		  "DNS");
	return E_INTERNAL;
}
