/* error.c - MIKEY error messages: HDR, T, {ERR}, {SP}, [V] (RFC 3830 5.1.2).
 *
 * With a policy error the suites that we would take are listed, one SP each,
 * as 5.1.1 wants. V is added once the offer was authenticated; a failed
 * authentication is answered without one, since a MAC on request would be an
 * oracle. */
#include "modules/mikey/error.h"

#include "daemon/base/err.h"
#include "modules/mikey/outgoing.h"
#include "modules/mikey/sp.h"

#include <string.h>

static const struct {
	const char *text;
	int code;
} errors[] = {
	{ "authentication failure", E_AUTH },
	{ "invalid timestamp", E_EXPIRED },
	{ "PRF not supported", E_UNSUPPORTED },
	{ "MAC algorithm not supported", E_UNSUPPORTED },
	{ "encryption algorithm not supported", E_UNSUPPORTED },
	{ "hash function not supported", E_UNSUPPORTED },
	{ "DH group not supported", E_UNSUPPORTED },
	{ "identity not accepted", E_AUTH },
	{ "certificate not supported", E_UNSUPPORTED },
	{ "security policy type not supported", E_UNSUPPORTED },
	{ "security policy parameters not supported", E_UNSUPPORTED },
	{ "message type not supported", E_UNSUPPORTED },
	{ "unspecified error", E_UNSUPPORTED },
	{ "message type unsupported or unparseable", E_UNSUPPORTED },
	{ "invalid ticket", E_UNSUPPORTED },
	{ "invalid ticket parameters", E_UNSUPPORTED },
};

#define N_ERRORS (sizeof errors / sizeof *errors)

const char *mikey_error_text(unsigned no)
{
	return no < N_ERRORS ? errors[no].text : "unknown error";
}

int mikey_error_code(unsigned no)
{
	return no < N_ERRORS ? errors[no].code : E_UNSUPPORTED;
}

/* One SP payload a suite; their parameters lie in params. */
static void add_suites(const struct mikey_refusal *r, struct buf *params,
		       struct mikey_message *m)
{
	size_t at[SUITE_COUNT + 1] = { 0 };
	size_t n = r->n_suites < SUITE_COUNT ? r->n_suites : SUITE_COUNT;

	for (size_t i = 0; i < n; i++) {
		mikey_sp_put(params,
			     &(struct mikey_sp){ .suite = r->suites[i] });
		at[i + 1] = params->len;
	}
	for (size_t i = 0; i < n && !params->err; i++) {
		struct mikey_payload *p = mikey_add(m, MIKEY_SP, 0);

		p->extra = (uint16_t)i;
		p->data = (struct mikey_bytes){ params->data + at[i],
						at[i + 1] - at[i] };
	}
}

/* With what proves that we made it, if we can. */
static int encode(const struct mikey_refusal *r, struct mikey_message *m,
		  struct buf *out)
{
	static const uint8_t zero[MIKEY_HASH_MAX];

	if (!r->keys)
		return mikey_encode(m, out);
	if (r->kemac) {
		mikey_add(m, MIKEY_KEMAC, r->kemac->kind)->mac_alg =
			r->kemac->mac_alg;
		return mikey_encode_maced(m, r->keys, out);
	}
	mikey_add(m, MIKEY_V, r->keys->mac_alg)->data =
		(struct mikey_bytes){ zero, r->keys->auth_len };
	return mikey_encode_verified(m, r->keys, &r->also, out);
}

int mikey_error_make(const struct mikey_refusal *r, struct buf *out)
{
	const struct mikey_payload *stamp = mikey_find(r->offer, MIKEY_T, 0);
	struct buf params = buf_of(SUITE_COUNT * MIKEY_SP_ROOM);
	struct mikey_message m = { .data_type = MIKEY_ERROR,
				   .prf = r->offer->prf,
				   .csb_id = r->offer->csb_id };
	int err;

	if (!stamp)
		return E_ARG;
	m.payload[m.n++] = *stamp;
	mikey_add(&m, MIKEY_ERR, r->error_no);
	if (r->suites)
		add_suites(r, &params, &m);
	err = params.err ? params.err : encode(r, &m, out);
	buf_free(&params);
	return err;
}

/* 5.1.1: with a policy error come the policies that would do. */
static void put_suites(const struct mikey_message *m, struct buf *out)
{
	const struct mikey_payload *p;
	const char *why, *before = "; it would take ";
	struct mikey_sp sp;

	for (size_t i = 0; (p = mikey_find(m, MIKEY_SP, i)); i++) {
		if (p->kind || mikey_sp_get(p->data, &sp, &why))
			continue;
		buf_printf(out, "%s%s", before, suite_info(sp.suite)->name);
		before = ", ";
	}
}

int mikey_error_read(const struct mikey_message *m, bool proven,
		     struct keying_fault *fault)
{
	const struct mikey_payload *e = mikey_find(m, MIKEY_ERR, 0), *more;
	struct buf text = buf_of(sizeof fault->text);

	if (!e)
		return mikey_fault(fault, E_FORMAT, "a MIKEY error message "
				   "without an error");
	buf_printf(&text, "%s", mikey_error_text(e->kind));
	for (size_t i = 1; (more = mikey_find(m, MIKEY_ERR, i)); i++)
		buf_printf(&text, ", %s", mikey_error_text(more->kind));
	put_suites(m, &text);
	mikey_fault(fault, 0, "the far end refused our MIKEY offer%s: %.*s",
		    proven ? "" : " (not authenticated)", (int)text.len,
		    (const char *)text.data);
	buf_free(&text);
	return mikey_error_code(e->kind);
}
