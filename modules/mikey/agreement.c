/* agreement.c - see agreement.h.
 *
 * The TGK is the secret that both values give; the answer fixes it, so each
 * forked answer has its own. What the far end's value must be is dh.c's
 * business; it is looked at only when its sender is known. An MKI that came
 * with the value of the offer is the answer's, too. */
#include "modules/mikey/agreement.h"

#include "daemon/base/err.h"
#include "modules/mikey/ranks.h"
#include "modules/mikey/session.h"

#include <string.h>

void mikey_agreement_add(struct mikey_message *m, const struct mikey_dh *dh,
			 struct mikey_kv kv)
{
	struct mikey_payload *p = mikey_add(m, MIKEY_DH,
					    (uint8_t)mikey_dh_group(dh));

	p->data = mikey_dh_public(dh);
	p->kv = kv;
}

/* -- answer --------------------------------------------------------------- */

static int check_value(struct mikey_incoming *in,
		       const struct mikey_payload *dh)
{
	int r;

	if (mikey_dh_is_curve(dh->kind) != in->curves)
		return MIKEY_REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_DH, "the "
				    "MIKEY offer is in group %s, which %s "
				    "does not use", mikey_dh_name(dh->kind),
				    in->method);
	if (!mikey_dh_allowed(dh->kind, in->t->legacy))
		return MIKEY_REFUSE(in, E_UNSUPPORTED, MIKEY_ERR_DH, "the "
				    "MIKEY offer is in group %s: set "
				    "mikey.legacy to take it",
				    mikey_dh_name(dh->kind));
	r = mikey_incoming_validity(in, &dh->kv);
	if (r)
		return r;
	r = mikey_dh_check(dh->kind, dh->data);
	return r ? MIKEY_REFUSE(in, r, MIKEY_ERR_OTHER, "the public value in "
				"the MIKEY offer is none of the group's") : 0;
}

int mikey_agreement_answer(struct mikey_incoming *in,
			   const struct mikey_payload *dh_i,
			   struct mikey_dh **dh, struct keying_result *out)
{
	struct mikey_keys keys = { .n = 1 };
	struct secret tgk = { 0 };
	int r = check_value(in, dh_i);

	if (r)
		return r;
	r = mikey_dh_new(dh_i->kind, dh);
	if (!r)
		r = mikey_dh_shared(*dh, dh_i->data, &tgk);
	if (r)
		return MIKEY_REFUSE(in, r, MIKEY_ERR_OTHER, "the "
				    "Diffie-Hellman key cannot be computed: "
				    "%s", err_text(r));
	keys.key[0] = (struct mikey_key){ .type = MIKEY_KEY_TGK,
					  .key = { tgk.bytes, tgk.len },
					  .kv = dh_i->kv };
	r = mikey_incoming_result(in, &keys, mikey_dh_bits(dh_i->kind), out);
	out->facts.confirmed = 0; /* nobody has the key but us yet */
	secret_wipe(&tgk);
	return r;
}

void mikey_agreement_back(struct mikey_message *m, const struct mikey_dh *dh,
			  const struct mikey_payload *dh_i)
{
	mikey_agreement_add(m, dh, dh_i->kv);
	m->payload[m->n++] = *dh_i;
}

/* -- finish --------------------------------------------------------------- */

int mikey_agreement_check(const struct mikey_outgoing *o,
			  const struct mikey_dh *dh,
			  const struct mikey_message *m,
			  struct keying_fault *fault)
{
	const struct mikey_payload *theirs = mikey_find(m, MIKEY_DH, 0);
	const struct mikey_payload *ours = mikey_find(m, MIKEY_DH, 1);
	struct mikey_bytes own = mikey_dh_public(dh);

	if (!ours)
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer lacks a "
				   "public value");
	if (ours->kind != mikey_dh_group(dh) ||
	    !mikey_outgoing_kv_same(o, &ours->kv) ||
	    ours->data.len != own.len || memcmp(ours->data.p, own.p, own.len))
		return mikey_fault(fault, E_AUTH, "the MIKEY answer is to "
				   "another public value than ours");
	if (theirs->kind != ours->kind)
		return mikey_fault(fault, E_UNSUPPORTED, "the MIKEY answer is "
				   "in group %s, our offer in %s",
				   mikey_dh_name(theirs->kind),
				   mikey_dh_name(ours->kind));
	if (!mikey_outgoing_kv_same(o, &theirs->kv))
		return mikey_fault(fault, E_UNSUPPORTED, "the MIKEY answer "
				   "gives the key another validity or MKI");
	return 0;
}

static int take_key(const struct mikey_outgoing *o,
		    const struct mikey_message *m, const struct secret *tgk,
		    struct keying_result *out, struct keying_fault *fault)
{
	struct mikey_root root = mikey_outgoing_root(o);
	struct mikey_key key = { .type = MIKEY_KEY_TGK,
				 .kv = mikey_outgoing_kv(o) };
	struct mikey_settled with;
	int r = mikey_rank_settle(o, m, out, &with, fault);

	if (r)
		return r;
	root.key = tgk->bytes;
	root.key_len = tgk->len;
	root.named = with.named;
	r = mikey_session_keys(&root, &key, &with.sp, true, out);
	return r ? mikey_fault(fault, r, "the session keys cannot be derived: "
			       "%s", err_text(r)) : 0;
}

int mikey_agreement_finish(const struct mikey_outgoing *o,
			   const struct mikey_dh *dh,
			   const struct mikey_message *m,
			   struct keying_result *out,
			   struct keying_fault *fault)
{
	struct secret tgk = { 0 };
	int r = mikey_outgoing_map(o, m, out, fault);

	if (r)
		return r;
	r = mikey_dh_shared(dh, mikey_find(m, MIKEY_DH, 0)->data, &tgk);
	if (r)
		return mikey_fault(fault, r, "the public value in the MIKEY "
				   "answer is none of the group's, or ours");
	out->facts.key_bits = (uint16_t)mikey_dh_bits(mikey_dh_group(dh));
	keying_proven(out);
	r = take_key(o, m, &tgk, out, fault);
	secret_wipe(&tgk);
	return r;
}
