/* awaited.c - see awaited.h (RFC 3830 3.1, 3.2, 5.2).
 *
 *   R_MESSAGE = HDR, T, [IDr], V
 *
 * V proves that the far end holds the key of the messages, so that it is whom
 * that key is for. A verification without a MAC, for another offer or of
 * another identity is refused. Where the response names another suite than the
 * offer's policy, the keys are derived for that one (ranks.h). */
#include "modules/mikey/awaited.h"

#include "daemon/base/err.h"
#include "modules/mikey/error.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/ranks.h"
#include "modules/mikey/session.h"

#include <string.h>

/* For the suite of sp; named: the offer's policy has another. */
static int derive(const struct mikey_awaited *p, const struct mikey_settled *of,
		  struct keying_result *out)
{
	struct mikey_root root = mikey_outgoing_root(&p->o);
	const struct mikey_key tgk = { .type = MIKEY_KEY_TGK,
				       .kv = mikey_outgoing_kv(&p->o) };

	root.named = of->named;
	root.key = p->tgk.bytes;
	root.key_len = p->tgk.len;
	return mikey_session_keys(&root, &tgk, &of->sp, true, out);
}

static void begin(const struct mikey_awaited *p, struct keying_result *out)
{
	*out = (struct keying_result){ .n = 0 };
	mikey_outgoing_result(&p->o, p->method, out);
	out->facts.key_bits = p->key_bits;
}

int mikey_awaited_early(const struct mikey_awaited *p,
			struct keying_result *out)
{
	const struct mikey_settled own = { p->o.sp, false };
	int r;

	begin(p, out);
	r = derive(p, &own, out);
	if (r)
		wipe(out, sizeof *out);
	return r;
}

void mikey_awaited_clear(struct mikey_awaited *p)
{
	mikey_outgoing_free(&p->o);
	wipe(p, sizeof *p);
}

/* What the verification covers: the IDr that came, else the one we sent. */
static struct mikey_covered covered_of(const struct mikey_awaited *p,
				       const struct mikey_message *m)
{
	const struct mikey_payload *id = mikey_find(m, MIKEY_ID, 0);

	return (struct mikey_covered){
		.id_i = mikey_text_bytes(p->o.local_id),
		.id_r = id ? id->data : mikey_text_bytes(p->o.remote_id),
		.stamp = { p->o.stamp_bytes, sizeof p->o.stamp_bytes },
	};
}

/* The far end refused; without a V anybody may have said so (5.1.2). */
static int read_error(const struct mikey_awaited *p, struct mikey_bytes bytes,
		      const struct mikey_message *m,
		      struct keying_fault *fault)
{
	const struct mikey_payload *v = mikey_find(m, MIKEY_V, 0);
	struct mikey_covered also = covered_of(p, m);
	int r = v ? mikey_verified(&p->keys, bytes, v, &also) : 0;

	if (r)
		return mikey_fault(fault, r, "a MIKEY error message whose "
				   "verification is wrong");
	return mikey_error_read(m, v != NULL, fault);
}

static int check_answer(const struct mikey_awaited *p,
			struct mikey_bytes bytes,
			const struct mikey_message *m,
			struct keying_fault *fault)
{
	const struct mikey_payload *v = mikey_find(m, MIKEY_V, 0);
	const struct mikey_payload *id = mikey_find(m, MIKEY_ID, 0);
	struct mikey_covered also = covered_of(p, m);
	char who[IDENTITY_TEXT];
	int r;

	if (!v || v->kind == MIKEY_MAC_NULL)
		return mikey_fault(fault, E_AUTH, "the MIKEY answer has no "
				   "verification (V or its MAC is missing)");
	r = mikey_outgoing_who(&p->o, id, who, fault);
	if (r)
		return r;
	r = mikey_verified(&p->keys, bytes, v, &also);
	if (r)
		return mikey_fault(fault, r, "the verification in the MIKEY "
				   "answer is wrong: do both sides have the "
				   "same key?");
	if (mikey_find(m, MIKEY_ID, 1))
		return mikey_fault(fault, E_FORMAT, "the MIKEY answer has "
				   "several identities");
	return 0;
}

/* RFC 3830 6.1: without the V flag no response is expected; then nothing
 * proves who answered. */
static int finish_unasked(const struct mikey_awaited *p,
			  struct keying_result *result,
			  struct keying_fault *fault)
{
	if (p->o.verify)
		return mikey_fault(fault, E_AUTH, "the answer has no MIKEY "
				   "message, but we asked for one");
	return mikey_awaited_early(p, result);
}

/* The offer's keys, or those of another suite that the lists give. */
static int take_keys(const struct mikey_awaited *p,
		     const struct mikey_message *m, struct keying_result *got,
		     struct keying_fault *fault)
{
	struct mikey_settled with;
	char who[IDENTITY_TEXT];
	int r = mikey_rank_settle(&p->o, m, got, &with, fault);

	if (!r)
		r = mikey_outgoing_who(&p->o, mikey_find(m, MIKEY_ID, 0), who,
				       fault);
	if (r)
		return r;
	got->facts.verified = got->facts.confirmed = 1;
	mikey_outgoing_named(&p->o, who, &got->facts);
	r = derive(p, &with, got);
	return r ? mikey_fault(fault, r, "the session keys cannot be derived: "
			       "%s", err_text(r)) : 0;
}

int mikey_awaited_finish(const struct mikey_awaited *p,
			 struct mikey_bytes bytes,
			 struct keying_result *result,
			 struct keying_fault *fault)
{
	struct keying_result got;
	struct mikey_message m;
	int r;

	if (!bytes.len)
		return finish_unasked(p, result, fault);
	r = mikey_outgoing_read(&p->o, p->answer_type, bytes, &m, fault);
	if (r)
		return r;
	if (m.data_type == MIKEY_ERROR)
		return read_error(p, bytes, &m, fault);
	r = check_answer(p, bytes, &m, fault);
	if (r)
		return r;
	begin(p, &got);
	r = mikey_outgoing_map(&p->o, &m, &got, fault);
	if (!r)
		r = take_keys(p, &m, &got, fault);
	if (!r)
		*result = got;
	wipe(&got, sizeof got);
	return r;
}
