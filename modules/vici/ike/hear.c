/* hear.c - how an attempt ends that fails: charon's log tells why, and that an
 * IKE_SA went that was never there; of a child that the far end refused only
 * the log tells. See ike.h.
 *
 * Line and event come in any order, so an attempt that is over has a moment
 * more for its reason. Only lines of an IKE_SA in which this end began
 * something end an attempt: what a stranger begins ends nothing. */
#include "modules/vici/ike/inside.h"

#include <string.h>

/* Which of several children a line means it does not say. */
static struct child *only_begun(const struct peer *p)
{
	struct child *found = NULL;

	for (struct child *c = p->children; c; c = c->next) {
		if (c->state != CHILD_RAISING || !c->begun)
			continue;
		if (found)
			return NULL;
		found = c;
	}
	return found;
}

static void of_ours(struct peer *p, const struct vici_reason *r)
{
	struct child *c = r->over ? only_begun(p) : NULL;

	if (r->weight > p->said.weight)
		p->said = *r;
	if (c)
		child_refused(c);
}

/* That charon does not like something need not be the end of it. */
static void tell_tried(struct peer *p)
{
	struct ike *m = p->m;
	const char *why = p->other.said.why;

	if (!why || !p->other.down || p->conf.once) /* child.c tells */
		return;
	memset(&p->other, 0, sizeof p->other);
	if (m->ops->tried)
		m->ops->tried(m->user, p->bare, why);
}

static void of_other(struct peer *p, uint32_t ike_id)
{
	if (p->other.ike_id != ike_id)
		memset(&p->other, 0, sizeof p->other);
	p->other.ike_id = ike_id;
}

void hear_line(struct ike *m, const void *message, size_t len)
{
	struct vici_line line;
	struct vici_reason r;
	struct peer *p;

	if (vici_line_read(message, len, &line))
		return;
	r = vici_reason_of(line.text);
	p = peer_find(m, line.conn);
	if (!p)
		return;
	if (r.begins) {
		p->attempt = line.ike_id;
		if (p->given_up == p->attempt)
			p->given_up = 0; /* it is joined */
	} else if (line.ike_id == p->given_up) {
		return; /* the next attempt has nothing of it */
	} else if (line.ike_id == p->attempt) {
		of_ours(p, &r);
	} else if (r.check || (r.over && !r.weight)) {
		of_other(p, line.ike_id);
		p->other.down |= r.over;
		if (r.weight > p->other.said.weight)
			p->other.said = r;
		tell_tried(p);
	}
}

void hear_forget(struct peer *p)
{
	p->attempt = p->given_up = 0;
	memset(&p->said, 0, sizeof p->said);
	memset(&p->other, 0, sizeof p->other);
}

void hear_ike_down(struct peer *p, const struct vici_ike *ike)
{
	if (ike->state != VICI_IKE_CONNECTING || ike->id == p->given_up)
		return;
	if (!ike->initiator) {
		of_other(p, ike->id);
		p->other.down = true;
		tell_tried(p);
		return;
	}
	for (struct child *c = p->children; c; c = c->next)
		if (c->state == CHILD_RAISING && c->begun) {
			c->begun = false; /* nothing of it is left */
			child_refused(c);
		}
}
