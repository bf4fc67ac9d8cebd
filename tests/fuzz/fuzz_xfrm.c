/* fuzz_xfrm.c - any bytes as what the kernel's XFRM says: read to the end or to
 * the first message that is none, never past it; an SA or policy that is good
 * makes a request that reads the same. */
#include "modules/xfrm/reply.h"
#include "modules/xfrm/request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static void ask_again(const struct reply *r)
{
	struct request q = { .kind = REQUEST_POLICY_ADD,
			     .policy = &r->policy };
	struct buf b = buf_of(REQUEST_ROOM);
	struct reply back;
	size_t at = 0;

	request_put(&b, &q, 1);
	must(!b.err && !reply_next(b.data, b.len, &at, &back));
	must(back.kind == REPLY_POLICY && at == b.len);
	must(ipsec_selector_equal(&back.policy.sel, &r->policy.sel));
	must(back.policy.action == r->policy.action &&
	     back.policy.priority == r->policy.priority &&
	     back.policy.spi == r->policy.spi &&
	     back.policy.reqid == r->policy.reqid);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *aligned = malloc(size + 1);
	struct reply r;
	size_t at = 0, before = 0;
	const char *why;

	if (!aligned)
		return 0;
	memcpy(aligned, data, size);
	while (!reply_next(aligned, size, &at, &r)) {
		must(at > before && at <= size);
		before = at;
		must(r.kind < REPLY_KINDS);
		must(memchr(r.text, 0, sizeof r.text));
		must(r.kind != REPLY_REFUSED || r.error > 0);
		if (r.kind == REPLY_POLICY &&
		    !ipsec_policy_check(&r.policy, &why))
			ask_again(&r);
	}
	must(at == before);
	free(aligned);
	return 0;
}
