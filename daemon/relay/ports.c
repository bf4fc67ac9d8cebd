/* ports.c - pairs of media ports. See ports.h.
 *
 * The search starts at a random pair, so that a call's ports cannot be
 * guessed from the last one's, and takes the first that is free and can be
 * bound. A pool remembers for each pair the second until which it rests. */
#include "daemon/relay/ports.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define POOLS_MAX 4 /* two faces, two families */
#define IN_USE UINT32_MAX
#define RECEIVE_BYTES (256 * 1024)
#define EXPEDITED (46 << 2) /* DSCP EF, RFC 3246 */

struct pool {
	struct addr host;
	uint32_t *rests_s; /* one a pair: until when, or IN_USE */
};

struct ports {
	unsigned min, pairs;
	const struct clock *clock;
	struct pool pools[POOLS_MAX];
	size_t n_pools;
};

int ports_new(unsigned min, unsigned max, const struct clock *clock,
	      struct ports **out)
{
	struct ports *p;

	if (min % 2 || max % 2 != 1 || max < min || max > 65535)
		return E_ARG;
	p = calloc(1, sizeof *p);
	if (!p)
		return E_NOMEM;
	p->min = min;
	p->pairs = (max - min + 1) / 2;
	p->clock = clock;
	*out = p;
	return 0;
}

void ports_free(struct ports *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_pools; i++)
		free(p->pools[i].rests_s);
	free(p);
}

static struct pool *find(struct ports *p, const struct addr *host)
{
	for (size_t i = 0; i < p->n_pools; i++)
		if (addr_same_host(&p->pools[i].host, host))
			return &p->pools[i];
	return NULL;
}

static int find_or_add(struct ports *p, const struct addr *host,
		       struct pool **out)
{
	struct pool *pool = find(p, host);

	if (!pool) {
		if (p->n_pools == POOLS_MAX)
			return E_FULL;
		pool = &p->pools[p->n_pools];
		pool->rests_s = calloc(p->pairs, sizeof *pool->rests_s);
		if (!pool->rests_s)
			return E_NOMEM;
		pool->host = *host;
		p->n_pools++;
	}
	*out = pool;
	return 0;
}

/* Options are wishes: a socket without them still carries media. */
static void tune(int fd, uint8_t family)
{
	int size = RECEIVE_BYTES, class = EXPEDITED;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (family == 4)
		setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof class);
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class);
}

/* E_EXISTS when somebody else has the port. */
static int open_one(const struct addr *a, int *out)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(a, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return E_IO;
	if (bind(fd, (struct sockaddr *)&sa, len)) {
		int r = errno == EADDRINUSE ? E_EXISTS : E_IO;
		int why = errno;

		close(fd);
		errno = why;
		return r;
	}
	tune(fd, a->family);
	*out = fd;
	return 0;
}

static int open_pair(const struct addr *rtp, int fd[2])
{
	struct addr rtcp = *rtp;
	int pair[2];
	int r = open_one(rtp, &pair[0]);

	if (r)
		return r;
	rtcp.port++;
	r = open_one(&rtcp, &pair[1]);
	if (r) {
		close(pair[0]);
		return r;
	}
	fd[0] = pair[0];
	fd[1] = pair[1];
	return 0;
}

static unsigned random_start(unsigned n)
{
	uint32_t v;

	if (getrandom(&v, sizeof v, 0) != sizeof v)
		v = 0;
	return v % n;
}

int ports_open(struct ports *p, const struct addr *host, int fd[2],
	       struct addr *rtp)
{
	uint64_t now_s = clock_mono_us(p->clock) / 1000000;
	unsigned start = random_start(p->pairs);
	struct addr a = *host;
	struct pool *pool;
	int r = find_or_add(p, host, &pool);

	if (r)
		return r;
	for (unsigned i = 0; i < p->pairs; i++) {
		unsigned pair = (start + i) % p->pairs;
		char text[ADDR_TEXT];

		if (pool->rests_s[pair] > now_s)
			continue;
		a.port = (uint16_t)(p->min + 2 * pair);
		r = open_pair(&a, fd);
		if (r == E_EXISTS)
			continue;
		if (r) {
			log_error("relay", "media port %s: %s",
				  addr_text(&a, text), strerror(errno));
			return r;
		}
		/* Of a range that the kernel guards (control.c, ports_of())
		 * nothing else hides what passes: a port outside it would be
		 * a call in clear, unseen. */
		assert(a.port >= p->min &&
		       a.port + 1u < p->min + 2 * p->pairs);
		pool->rests_s[pair] = IN_USE;
		*rtp = a;
		return 0;
	}
	return E_FULL;
}

void ports_back(struct ports *p, const struct addr *rtp, bool told)
{
	uint64_t until = clock_mono_us(p->clock) + PORTS_REST_US;
	struct pool *pool = find(p, rtp);
	unsigned pair = (rtp->port - p->min) / 2;

	if (pool && rtp->port >= p->min && pair < p->pairs)
		pool->rests_s[pair] =
			told ? (uint32_t)(until / 1000000) + 1 : 0;
}
