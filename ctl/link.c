/* link.c - the connection to the daemon's control socket: a line out, a line
 * in. Blocking, with a limit on how long a reply may take. */
#include "ctl/ctl.h"

#include "daemon/base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_SECONDS 10
#define CHUNK 65536

static int set_limits(int fd)
{
	struct timeval limit = { .tv_sec = REPLY_SECONDS };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit))
		return E_IO;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit))
		return E_IO;
	return 0;
}

int link_open(struct link *l, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	*l = (struct link){ .fd = -1 };
	if (strlen(path) >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return E_ARG;
	}
	strcpy(sa.sun_path, path);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return E_IO;
	if (!set_limits(l->fd) &&
	    !connect(l->fd, (struct sockaddr *)&sa, sizeof sa))
		return 0;
	link_close(l);
	return E_IO;
}

void link_close(struct link *l)
{
	int saved = errno;

	if (l->fd >= 0)
		close(l->fd);
	free(l->in);
	*l = (struct link){ .fd = -1 };
	errno = saved;
}

static int send_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	while (len) {
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return E_CLOSED;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_request(struct link *l, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int r = text ? send_all(l->fd, text, strlen(text)) : E_NOMEM;

	if (!r)
		r = send_all(l->fd, "\n", 1);
	free(text);
	return r;
}

static int read_more(struct link *l)
{
	char *in = realloc(l->in, l->len + CHUNK);
	ssize_t n;

	if (!in)
		return E_NOMEM;
	l->in = in;
	do
		n = recv(l->fd, in + l->len, CHUNK, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return E_CLOSED;
	l->len += (size_t)n;
	return 0;
}

/* The length of the first complete line; 0 when the daemon went away. */
static size_t read_line(struct link *l)
{
	size_t seen = 0;
	const char *end;

	while (!l->len || !(end = memchr(l->in + seen, '\n', l->len - seen))) {
		seen = l->len;
		if (read_more(l))
			return 0;
	}
	return (size_t)(end - l->in) + 1;
}

json_t *link_ask(struct link *l, const json_t *request)
{
	json_t *reply;
	size_t n;

	if (send_request(l, request))
		return NULL;
	n = read_line(l);
	if (!n)
		return NULL;
	reply = json_loadb(l->in, n, 0, NULL);
	l->len -= n;
	memmove(l->in, l->in + n, l->len);
	if (json_is_boolean(json_object_get(reply, "ok")))
		return reply;
	json_decref(reply);
	return NULL;
}
