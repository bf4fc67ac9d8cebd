/* clerk_veil.c - keys that stand in sealed descriptions: the engine has them
 * veiled only (veil.h). A value of the far end's is made where its body was
 * opened, so what the engine brings in an exchange came in a body that was
 * encrypted, and signed by that far end, for that call; and what the engine has
 * of ours can be sealed for that far end only. */
#include "daemon/keeper/clerk/clerk_inside.h"

#include "daemon/base/err.h"
#include "daemon/keeper/veil/veil_sdp.h"
#include "daemon/protocol.h"

#include <stdio.h>
#include <string.h>

static int bind_to(const struct msg_key_party *p, enum veil_whose whose,
		struct veil_for *out)
{
	out->whose = whose;
	return veil_name(p->call, p->peer, p->remote_id, out->name);
}

/* -- exchanges ------------------------------------------------------------ */

#define STRANGE "the key in SDP came in no body that was opened for this call"

int request_show(struct clerk *c, struct request *q, struct bundle *offer,
		 struct buf *plain)
{
	struct bundle_item *first = &offer->item[0];
	const struct mime_bytes text = { first->data, first->len };
	int r;

	if (offer->n != 1 || !veil_is(text))
		return 0;
	r = bind_to(q->party, VEIL_THEIRS, &q->veil);
	if (!r)
		r = veil_show_lines(&c->veil, &q->veil, text, plain);
	if (r)
		return request_fault(q, r, STRANGE);
	*first = (struct bundle_item){ plain->data, plain->len };
	q->veiled = true;
	return 0;
}

static bool is_hidden(const struct request *q)
{
	return q->permit.method->bare &&
	       protocol_veiled(q->permit.peer->profile);
}

int request_veil_fits(struct request *q)
{
	if (!q->offer || is_hidden(q) == q->veiled)
		return 0;
	return request_fault(q, E_POLICY, STRANGE);
}

int request_hide(struct clerk *c, struct request *q, struct buf *msg)
{
	struct buf veiled = buf_of(msg->max);
	int r;

	if (!is_hidden(q))
		return 0;
	q->veiled = true;
	r = bind_to(q->party, VEIL_OURS, &q->veil);
	if (!r)
		r = veil_hide_lines(&c->veil, &q->veil, (struct mime_bytes){
				    msg->data, msg->len }, &veiled);
	buf_clear(msg);
	buf_put(msg, veiled.data, veiled.len);
	buf_free(&veiled);
	if (!r && !(r = msg->err))
		return 0;
	buf_clear(msg);
	return request_fault(q, r, "the keys cannot be hidden");
}

void veil_facts(const struct veil_for *f, struct msg_key_facts *facts)
{
	facts->bare = 0;
	facts->verified = f->note == PIN_NONE;
	facts->pinned = f->note;
	facts->confirmed = 1;
}

int exchange_show(struct clerk *c, struct exchange *x,
		  const struct ipc_msg *msg, struct buf *plain)
{
	const struct mime_bytes text = { msg->tail, msg->tail_len };

	if (!x->veiled) {
		buf_put(plain, text.p, text.len);
		return plain->err;
	}
	x->veil.whose = VEIL_THEIRS;
	return veil_show_lines(&c->veil, &x->veil, text, plain) ? E_AUTH : 0;
}

/* -- bodies --------------------------------------------------------------- */

int body_show(struct clerk *c, const struct msg_key_party *p,
	      struct mime_bytes sdp, struct buf *out)
{
	struct veil_for f = { .note = 0 };
	int r = bind_to(p, VEIL_OURS, &f);

	return r ? r : veil_sdp_show(&c->veil, &f, sdp, out);
}

int body_hide(struct clerk *c, const struct msg_key_party *p,
	      enum pin_state pin, struct buf *sdp)
{
	struct veil_for f = { .note = (uint8_t)pin };
	struct buf out = buf_of(sdp->max);
	int r = bind_to(p, VEIL_THEIRS, &f);

	if (!r)
		r = veil_sdp_hide(&c->veil, &f, c->limits.legacy,
				  (struct mime_bytes){ sdp->data, sdp->len },
				  &out);
	if (r) {
		buf_free(&out);
		return r;
	}
	buf_free(sdp);
	*sdp = out;
	return 0;
}
