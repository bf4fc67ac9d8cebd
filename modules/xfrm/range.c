/* range.c - sub-ranges of names. See range.h.
 *
 * The lock is a datagram socket bound to an abstract name, since that is what
 * the kernel keeps for each network namespace, as it does SAs and policies, and
 * drops with the process. Any local user can bind such names: he can keep an
 * instance from starting, as long as he holds them (xfrm.c), no more. */
#include "modules/xfrm/range.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQID_FIRST 0x40000000u
#define REQIDS (0x40000000u / RANGES)
#define SPIS ((0xc0000000u - ESP_SPI_MIN) / RANGES)
#define TRIES 64

#define BYPASS_FIRST 0x1000u
#define PROTECT_FIRST 0x2000u
#define BLOCK_FIRST 0x40000000u

struct range range_of(uint32_t n)
{
	return (struct range){
		.n = n,
		.reqid_first = REQID_FIRST + n * REQIDS,
		.reqid_last = REQID_FIRST + (n + 1) * REQIDS - 1,
		.spi_first = ESP_SPI_MIN + n * SPIS,
		.spi_last = ESP_SPI_MIN + (n + 1) * SPIS - 1 };
}

int range_lock(uint32_t n, int *fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int len = snprintf(at.sun_path + 1, sizeof at.sun_path - 1,
			   RANGE_LOCK, n);
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool taken;

	if (s < 0)
		return E_IO;
	if (bind(s, (struct sockaddr *)&at,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			     (size_t)len))) {
		taken = errno == EADDRINUSE;
		close(s);
		return taken ? E_EXISTS : E_IO;
	}
	*fd = s;
	return 0;
}

static int random_range(uint32_t *out)
{
	struct secret s;
	int r = secret_random(&s, 4);

	if (r)
		return r;
	memcpy(out, s.bytes, 4);
	secret_wipe(&s);
	*out %= RANGES;
	return 0;
}

int range_claim(bool (*taken)(void *user, uint32_t n), void *user,
		uint32_t *n, int *fd)
{
	uint32_t at;
	int r = E_FULL;

	for (int i = 0; i < TRIES; i++) {
		r = random_range(&at);
		if (r)
			return r;
		if (taken && taken(user, at)) {
			r = E_FULL;
			continue;
		}
		r = range_lock(at, fd);
		if (!r)
			*n = at;
		if (r != E_EXISTS)
			return r;
	}
	return E_FULL;
}

uint32_t range_priority(const struct range *r, enum ipsec_action action,
			unsigned rank)
{
	switch (action) {
	case IPSEC_BYPASS:
		return BYPASS_FIRST + r->n;
	case IPSEC_PROTECT:
		return PROTECT_FIRST + rank % RANGE_RANKS * RANGES + r->n;
	default:
		return BLOCK_FIRST + r->n;
	}
}

uint32_t range_of_reqid(uint32_t reqid)
{
	return reqid < REQID_FIRST || reqid - REQID_FIRST >= RANGES * REQIDS
		       ? RANGE_NONE : (reqid - REQID_FIRST) / REQIDS;
}

static uint32_t in_band(uint32_t priority, uint32_t first)
{
	return priority < first || priority - first >= RANGES
		       ? RANGE_NONE : priority - first;
}

uint32_t range_of_policy(const struct ipsec_policy *p)
{
	switch (p->action) {
	case IPSEC_PROTECT:
		return range_of_reqid(p->reqid);
	case IPSEC_BYPASS:
		return in_band(p->priority, BYPASS_FIRST);
	default:
		return in_band(p->priority, BLOCK_FIRST);
	}
}
