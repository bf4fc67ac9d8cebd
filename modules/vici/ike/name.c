/* name.c - children are named by their selectors, so that whoever wants the
 * same finds the same, in this process or its next. See ike.h. */
#include "modules/vici/ike/inside.h"

#include "daemon/base/err.h"

#include <netinet/in.h>
#include <string.h>

static int put_side(struct buf *out, const struct vici_selector *list, size_t n)
{
	char text[VICI_SELECTOR_TEXT];

	if (!n || n > VICI_SELECTORS)
		return E_ARG;
	for (size_t i = 0; i < n; i++) {
		if (vici_selector_text(&list[i], text))
			return E_ARG;
		buf_printf(out, "%s%s", i ? "," : "", text);
	}
	return out->err ? E_ARG : 0;
}

int child_name(const struct ike_want *want,
	       char out[static VICI_NAME_MAX + 1 - IKE_STAMP])
{
	struct buf b = buf_of(VICI_NAME_MAX - IKE_STAMP);
	int r;

	buf_text(&b, want->transport ? "transport:" : "");
	r = put_side(&b, want->local, want->n_local);
	buf_text(&b, "=");
	if (!r)
		r = put_side(&b, want->remote, want->n_remote);
	if (!r)
		strcpy(out, buf_string(&b));
	buf_free(&b);
	return r;
}

static bool any_meet(const struct vici_selector *a, size_t n_a,
		     const struct vici_selector *b, size_t n_b)
{
	for (size_t i = 0; i < n_a; i++)
		for (size_t k = 0; k < n_b; k++)
			if (vici_selectors_meet(&a[i], &b[k]))
				return true;
	return false;
}

bool child_meets(const struct child *c, const struct ike_want *want)
{
	return any_meet(c->local, c->conf.n_local, want->local,
			want->n_local) &&
	       any_meet(c->remote, c->conf.n_remote, want->remote,
			want->n_remote);
}

static bool all_within(const struct vici_selectors *s,
		       const struct vici_selector *list, size_t n)
{
	for (unsigned i = 0; i < s->n; i++) {
		size_t k = 0;

		while (k < n && !vici_selector_within(&s->list[i], &list[k]))
			k++;
		if (k == n)
			return false;
	}
	return s->n && !s->odd;
}

bool child_fits(const struct child *c, const struct vici_child_sa *sa)
{
	return all_within(&sa->local, c->local, c->conf.n_local) &&
	       all_within(&sa->remote, c->remote, c->conf.n_remote);
}

static bool takes(const struct vici_selectors *s, const struct addr *a)
{
	struct vici_selector one = {
		.net = { *a, a->family == 4 ? 32 : 128 },
		.protocol = IPPROTO_UDP, .port = a->port, .port_last = a->port
	};

	for (unsigned i = 0; i < s->n; i++)
		if (vici_selector_within(&one, &s->list[i]))
			return true;
	return false;
}

/* NULL: it is not up. */
static const struct child *tunnel_of(const struct ike *m, uint64_t use)
{
	const struct use *u = m->uses;

	while (u && u->id != use)
		u = u->next;
	return u && u->child && u->child->state == CHILD_UP &&
	       u->child->n_sas ? u->child : NULL;
}

bool ike_is_up(const struct ike *m, uint64_t use)
{
	return tunnel_of(m, use);
}

bool ike_covers(const struct ike *m, uint64_t use, const struct addr *local,
		const struct addr *remote)
{
	const struct child *c = tunnel_of(m, use);

	/* charon does not say which of several it sends by */
	for (size_t i = 0; c && i < c->n_sas; i++)
		if (!takes(&c->sa[i].local, local) ||
		    !takes(&c->sa[i].remote, remote))
			return false;
	return c;
}
