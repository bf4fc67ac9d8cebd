/* keep.c - see keep.h. What else leaves for a far end is not looked at: an
 * octet more in each interval costs less than asking the kernel. */
#include "modules/xfrm/tunnel/keep.h"

#include "daemon/base/err.h"

#include <stdlib.h>

struct keep {
	struct keep *next;
	struct addr far;
	unsigned users;
	uint64_t due_us;
};

static struct keep **find(struct keeps *k, const struct addr *far)
{
	struct keep **at = &k->first;

	while (*at && !addr_equal(&(*at)->far, far))
		at = &(*at)->next;
	return at;
}

int keeps_add(struct keeps *k, const struct addr *far)
{
	struct keep **at = find(k, far);

	if (!*at) {
		*at = calloc(1, sizeof **at);
		if (!*at)
			return E_NOMEM;
		(*at)->far = *far;
	}
	(*at)->users++;
	return 0;
}

static void take_out(struct keep **at)
{
	struct keep *gone = *at;

	*at = gone->next;
	free(gone);
}

void keeps_remove(struct keeps *k, const struct addr *far)
{
	struct keep **at = find(k, far);

	if (*at && !--(*at)->users)
		take_out(at);
}

uint64_t keeps_tick(struct keeps *k, uint64_t now_us, keep_fn fn, void *user)
{
	uint64_t next_us = UINT64_MAX;

	for (struct keep *one = k->first; one; one = one->next) {
		if (one->due_us <= now_us) {
			fn(user, &one->far);
			one->due_us = now_us + k->every_us;
		}
		if (one->due_us - now_us < next_us)
			next_us = one->due_us - now_us;
	}
	return next_us;
}

void keeps_free(struct keeps *k)
{
	while (k->first)
		take_out(&k->first);
}
