/* fuzz_rtcp.c - compound RTCP: parts lie in the packet, rewriting agrees with
 * walking, changes nothing it should not, and can be undone. */
#include "daemon/relay/rtcp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct span {
	const uint8_t *at, *end;
	unsigned parts;
};

static void check(int ok)
{
	if (!ok)
		abort();
}

static void see_part(void *arg, const struct rtcp_part *part)
{
	struct span *s = arg;

	check(part->body >= s->at + 4 && part->body <= s->end);
	check(part->body_len <= (size_t)(s->end - part->body));
	s->at = part->body + part->body_len;
	s->parts++;
}

static bool same(void *arg, enum rtcp_whose whose, uint32_t ssrc,
		 struct rtcp_new *to)
{
	(void)arg;
	(void)whose;
	*to = (struct rtcp_new){ .ssrc = ssrc };
	return true;
}

/* Its own inverse but for the sums, whose sign is in arg. */
static bool turn(void *arg, enum rtcp_whose whose, uint32_t ssrc,
		 struct rtcp_new *to)
{
	uint32_t sign = *(uint32_t *)arg;

	*to = (struct rtcp_new){ .ssrc = ~ssrc };
	if (whose == RTCP_SENDER)
		to->add_timestamp = 0x12345678 * sign;
	else
		to->add_seq = 0x9abcdef1 * sign;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span before = { data, data + size, 0 };
	int r = rtcp_walk(data, size, see_part, &before);
	uint8_t *copy = malloc(size + 1);
	struct span after = { copy, copy + size, 0 };
	uint32_t sign = 1;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	check(rtcp_rewrite(copy, size, same, NULL) == r);
	check(!memcmp(copy, data, size));
	check(rtcp_rewrite(copy, size, turn, &sign) == r);
	if (!r) {
		check(!rtcp_walk(copy, size, see_part, &after));
		check(before.parts == after.parts && before.parts > 0);
		check(rtcp_is(data, size));
		sign = (uint32_t)-1;
		check(!rtcp_rewrite(copy, size, turn, &sign));
	}
	check(!memcmp(copy, data, size));
	free(copy);
	return 0;
}
