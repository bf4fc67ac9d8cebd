/* xfrmkernel.c - see xfrmkernel.h. */
#include "config.h"

#include "tests/mock/xfrmkernel.h"

#include "daemon/base/err.h"

#include <errno.h>
#include <stddef.h>

struct link kernel;

int link_open(struct link **out, const char **why)
{
	(void)why;
	*out = &kernel;
	return 0;
}

void link_close(struct link *l)
{
	(void)l;
}

int link_events_fd(const struct link *l)
{
	(void)l;
	return -1;
}

int link_events(struct link *l, void (*fn)(void *user, const struct reply *r),
		void *user)
{
	if (l->event)
		fn(user, l->event);
	return l->events;
}

static int find_sa(const struct link *l, const struct ipsec_sa *sa)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		if (l->is_sa[i] && l->sa[i].spi == sa->spi &&
		    addr_same_host(&l->sa[i].dst, &sa->dst))
			return i;
	return -1;
}

static int find_policy(const struct link *l, const struct ipsec_policy *p)
{
	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		if (l->is_policy[i] && l->policy[i].dir == p->dir &&
		    ipsec_selector_equal(&l->policy[i].sel, &p->sel))
			return i;
	return -1;
}

static int add_sa(struct link *l, const struct ipsec_sa *sa, bool reserved)
{
	int i = 0;

	if (find_sa(l, sa) >= 0)
		return reserved ? ENOENT : EEXIST;
	while (l->is_sa[i])
		i++;
	l->sa[i] = *sa;
	l->is_sa[i] = true;
	l->reserved[i] = reserved;
	return 0;
}

static int add_policy(struct link *l, const struct ipsec_policy *p)
{
	int i = 0;

	if (find_policy(l, p) >= 0)
		return EEXIST;
	while (l->is_policy[i])
		i++;
	l->policy[i] = *p;
	l->is_policy[i] = true;
	return 0;
}

static void show(struct link *l, size_t i, int sa, int policy, link_fn fn,
		 void *user)
{
	struct reply r = { .kind = sa >= 0 ? REPLY_SA : REPLY_POLICY };

	if (sa >= 0) {
		r.sa = l->sa[sa];
		r.reserved = l->reserved[sa];
		r.use.packets = l->packets;
	} else {
		r.policy = l->policy[policy];
	}
	if (fn)
		fn(user, i, &r);
}

static int perform(struct link *l, const struct request *q, size_t n,
		   link_fn fn, void *user)
{
	int i = q->sa ? find_sa(l, q->sa)
		      : q->policy ? find_policy(l, q->policy) : -1;

	switch (q->kind) {
	case REQUEST_SA_ADD:
		return add_sa(l, q->sa, false);
	case REQUEST_SA_RESERVE:
		return add_sa(l, q->sa, true);
	case REQUEST_SA_UPDATE:
		if (i < 0)
			return ESRCH;
		l->sa[i] = *q->sa;
		l->reserved[i] = false;
		return 0;
	case REQUEST_SA_FOLLOW: /* as xfrm_state_update() does */
		if (i < 0)
			return ESRCH;
		if (l->reserved[i])
			l->sa[i] = *q->sa;
		l->reserved[i] = false;
		l->sa[i].encap = q->sa->encap;
		l->sa[i].life = q->sa->life;
		return 0;
	case REQUEST_SA_DELETE:
		if (i < 0)
			return ESRCH;
		l->is_sa[i] = false;
		return 0;
	case REQUEST_POLICY_ADD:
		return add_policy(l, q->policy);
	case REQUEST_POLICY_UPDATE:
		if (i < 0)
			return add_policy(l, q->policy);
		l->policy[i] = *q->policy;
		return 0;
	case REQUEST_POLICY_DELETE:
		if (i < 0)
			return ENOENT;
		l->is_policy[i] = false;
		return 0;
	case REQUEST_SA_GET:
		if (i >= 0)
			show(l, n, i, -1, fn, user);
		return i < 0 ? ESRCH : 0;
	case REQUEST_POLICY_GET:
		if (i >= 0)
			show(l, n, -1, i, fn, user);
		return i < 0 ? ENOENT : 0;
	default:
		for (int k = 0; k < XFRMKERNEL_ROOM; k++)
			if (q->kind == REQUEST_SA_DUMP ? l->is_sa[k]
						       : l->is_policy[k])
				show(l, n, q->kind == REQUEST_SA_DUMP ? k : -1,
				     k, fn, user);
		return 0;
	}
}

int link_run(struct link *l, const struct request *q, size_t n, int *done,
	     link_fn fn, void *user)
{
	bool lost = false;

	for (size_t i = 0; i < n; i++) {
		bool fails = ++l->asked == l->fail_at;

		lost |= l->lose_from && l->asked >= l->lose_from;
		if (!lost || !l->lose_whole)
			done[i] = fails ? l->error
					: perform(l, &q[i], i, fn, user);
		if (lost)
			done[i] = -1;
	}
	if (lost)
		l->lose_from = 0;
	return lost ? E_LOST : 0;
}

int xfrmkernel_add(const struct ipsec_sa *sa)
{
	return add_sa(&kernel, sa, false);
}

int xfrmkernel_add_policy(const struct ipsec_policy *p)
{
	return add_policy(&kernel, p);
}

unsigned xfrmkernel_count(void)
{
	unsigned n = 0;

	for (int i = 0; i < XFRMKERNEL_ROOM; i++)
		n += kernel.is_sa[i] + kernel.is_policy[i];
	return n;
}
