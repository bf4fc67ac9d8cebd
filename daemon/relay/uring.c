/* uring.c - the media loop on io_uring. See media_loop.h. */
#include "daemon/base/err.h"
#include "daemon/relay/media_loop.h"

static int uring_open(const struct media_user *u, struct media **out)
{
	(void)u;
	(void)out;
	return E_UNSUPPORTED;
}

const struct media_loop media_uring = { .name = "uring", .open = uring_open };
