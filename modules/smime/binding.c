/* binding.c - is what was sealed meant for the message that it came in? See
 * binding.h.
 *
 * One table says what RFC 3261 23.4.1 lets differ. A field of it that is not
 * free must be there as often, in the same order and with the same value inside
 * and outside, so that none can be added or taken away. Date must be in both
 * (23.4.1 only recommends it): without it nothing is fresh. */
#include "modules/smime/binding.h"

#include "daemon/base/err.h"
#include "daemon/mime/writer.h"
#include "daemon/uri.h"
#include "modules/smime/date.h"

#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))
#define URI_MAX 512

enum rule {
	SAME,  /* always */
	INNER, /* within encryption it may differ, and the inner one counts */
	OUTER, /* within encryption it may differ, and the outer one counts */
	PARTY, /* like INNER, but the tag stays */
	SHOWN, /* within encryption it need not be outside; if it is, SAME */
	FREE   /* changed by proxies, or about the body, or of a transaction */
};

static const struct row {
	const char *name;
	enum rule rule;
	bool must; /* be in the inner message */
} rows[] = {
	{ "Accept", INNER, false }, { "Accept-Encoding", INNER, false },
	{ "Accept-Language", INNER, false }, { "Alert-Info", INNER, false },
	{ "Allow", SHOWN, false }, { "Authentication-Info", INNER, false },
	{ "Authorization", OUTER, false }, { "Call-ID", SAME, true },
	{ "Call-Info", SHOWN, false }, { "Contact", SAME, false },
	{ "Content-Disposition", FREE, false },
	{ "Content-Encoding", FREE, false },
	{ "Content-Language", FREE, false },
	{ "Content-Length", FREE, false }, { "Content-Type", FREE, false },
	{ "CSeq", SAME, true }, { "Date", SAME, true },
	{ "Error-Info", INNER, false }, { "Expires", INNER, false },
	{ "From", PARTY, true }, { "In-Reply-To", INNER, false },
	{ "Max-Forwards", FREE, false }, { "MIME-Version", FREE, false },
	{ "Min-Expires", OUTER, false }, { "Organization", INNER, false },
	{ "Priority", OUTER, false }, { "Proxy-Authenticate", SAME, false },
	{ "Proxy-Authorization", FREE, false },
	{ "Proxy-Require", SAME, false }, { "RAck", SAME, false },
	{ "Record-Route", FREE, false }, { "Refer-To", SAME, false },
	{ "Replaces", SAME, false }, { "Reply-To", INNER, false },
	{ "Require", INNER, false }, { "Retry-After", INNER, false },
	{ "Route", FREE, false }, { "RSeq", FREE, false },
	{ "Server", INNER, false }, { "Subject", INNER, false },
	{ "Supported", INNER, false }, { "Timestamp", OUTER, false },
	{ "To", PARTY, true }, { "Unsupported", INNER, false },
	{ "User-Agent", INNER, false }, { "Via", FREE, false },
	{ "Warning", INNER, false }, { "WWW-Authenticate", OUTER, false },
};

static int differs(struct smime_fault *why, const char *name)
{
	return smime_fault(why, SMIME_MISMATCH, "it was sealed for another "
			   "message: %s differs or is missing", name);
}

/* -- single values -------------------------------------------------------- */

static bool same_bytes(struct mime_bytes a, struct mime_bytes b)
{
	return a.len == b.len && (!a.len || !memcmp(a.p, b.p, a.len));
}

static bool same_tag(struct mime_bytes inner, struct mime_bytes outer)
{
	struct mime_bytes uri, a, b;

	if (smime_address_read(inner, &uri, &a) ||
	    smime_address_read(outer, &uri, &b))
		return false;
	return !a.len || same_bytes(a, b);
}

/* As a name that policy knows: "user@host". */
static bool name_of(struct mime_bytes uri, char out[static URI_NAME_TEXT])
{
	char text[URI_MAX];

	if (uri.len >= sizeof text)
		return false;
	memcpy(text, uri.p, uri.len);
	text[uri.len] = 0;
	return strlen(text) == uri.len && uri_name(text, out);
}

static bool same_uri(struct mime_bytes a, struct mime_bytes b)
{
	char x[URI_NAME_TEXT], y[URI_NAME_TEXT];

	return name_of(a, x) && name_of(b, y) && !strcmp(x, y);
}

static bool same_party(struct mime_bytes inner, struct mime_bytes outer)
{
	struct mime_bytes a, b, tag;

	return !smime_address_read(inner, &a, &tag) &&
	       !smime_address_read(outer, &b, &tag) && same_uri(a, b) &&
	       same_tag(inner, outer);
}

static int check_date(struct mime_bytes date, struct smime_when when,
		      struct smime_fault *why)
{
	uint64_t us, off;

	if (smime_date_read(date, &us))
		return smime_fault(why, SMIME_MISMATCH, "its Date cannot be "
				   "read");
	off = us > when.wall_us ? us - when.wall_us : when.wall_us - us;
	if (off > when.window_us)
		return smime_fault(why, SMIME_MISMATCH, "its Date is off by "
				   "%llu s: old, or a clock is wrong",
				   (unsigned long long)(off / 1000000));
	return 0;
}

/* -- a message within ----------------------------------------------------- */

static bool same_all(const struct smime_fragment *a,
		     const struct smime_fragment *b, const char *name)
{
	struct mime_bytes x, y;
	size_t i = 0;

	do {
		x = smime_fragment_get(a, name, i);
		y = smime_fragment_get(b, name, i);
		if (!smime_same_value(x, y))
			return false;
		i++;
	} while (x.p);
	return true;
}

static bool is_once(const struct smime_fragment *f, const char *name)
{
	return smime_fragment_get(f, name, 0).len &&
	       !smime_fragment_get(f, name, 1).p;
}

static bool is_hidden(const char *party, enum smime_veil veil)
{
	return veil == SMIME_VEIL_PARTIES ||
	       (veil == SMIME_VEIL_FROM && !strcmp(party, "From")) ||
	       (veil == SMIME_VEIL_TO && !strcmp(party, "To"));
}

static bool row_holds(const struct row *row, const struct smime_fragment *a,
		      const struct smime_fragment *b, enum smime_veil veil)
{
	if (row->rule == FREE)
		return true;
	if (row->must && (!is_once(a, row->name) || !is_once(b, row->name)))
		return false;
	if (row->rule == SHOWN && veil != SMIME_VEIL_NONE &&
	    !smime_fragment_get(b, row->name, 0).p)
		return true;
	if (row->rule == SAME || row->rule == SHOWN ||
	    veil == SMIME_VEIL_NONE ||
	    (row->rule == PARTY && !is_hidden(row->name, veil)))
		return same_all(a, b, row->name);
	return row->rule != PARTY ||
	       same_tag(smime_fragment_get(a, row->name, 0),
			smime_fragment_get(b, row->name, 0));
}

/* The first word: a method, or "SIP/2.0"; and of a response the second, its
 * status. The rest is the Request-URI, which proxies change, or words. */
static bool same_start(struct mime_bytes a, struct mime_bytes b)
{
	const uint8_t *space = a.len ? memchr(a.p, ' ', a.len) : NULL;
	size_t n = space ? (size_t)(space - a.p) + 1 : 0;

	if (smime_is_status(a))
		n += 4; /* "200 " */
	return n && a.len >= n && b.len >= n && !memcmp(a.p, b.p, n);
}

int smime_tunnel_check(const struct smime_fragment *inner,
		       const struct smime_fragment *outer, enum smime_veil veil,
		       struct smime_when when, struct smime_fault *why)
{
	if (!same_start(inner->start, outer->start))
		return differs(why, "the first line");
	for (size_t i = 0; i < N(rows); i++)
		if (!row_holds(&rows[i], inner, outer, veil))
			return differs(why, rows[i].name);
	return check_date(smime_fragment_get(inner, "Date", 0), when, why);
}

bool smime_tunnel_leaves(struct mime_bytes name)
{
	for (size_t i = 0; i < N(rows); i++)
		if (rows[i].rule == FREE && mime_is(name, rows[i].name))
			return true;
	return false;
}

/* -- authenticated identity bodies ---------------------------------------- */

static const struct aib_row {
	const char *name;
	bool request, response; /* must be there, if the message has it */
	bool always;            /* which it must */
} aib_rows[] = {
	{ "From", true, true, true },
	{ "To", true, false, false },
	{ "Contact", true, true, false },
	{ "Date", true, true, true },
	{ "Call-ID", true, true, true },
	{ "CSeq", true, true, true },
};

/* A value with its folds is written as one line. */
static void put_value(struct buf *out, struct mime_bytes v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] != '\r' && v.p[i] != '\n')
			buf_u8(out, v.p[i]);
	buf_text(out, "\r\n");
}

static int put_row(const struct aib_row *row, const struct smime_fragment *of,
		   const char *responder, struct buf *out,
		   struct smime_fault *why)
{
	struct mime_bytes v = smime_fragment_get(of, row->name, 0);

	if (responder ? !row->response : !row->request)
		return 0;
	if (!v.p)
		return !row->always ? 0 : smime_fault(why, SMIME_OURS,
			"an AIB cannot be made: the message has no %s",
			row->name);
	buf_printf(out, "%s: ", row->name);
	if (responder && !strcmp(row->name, "From"))
		buf_printf(out, "<%s>\r\n", responder);
	else
		put_value(out, v);
	return 0;
}

int smime_aib_write(const struct smime_fragment *of, const char *responder,
		    struct buf *out, struct smime_fault *why)
{
	int r = 0;

	mime_put_fields(out, &(struct mime_head){
		.type = "message/sipfrag",
		.disposition = "aib;handling=optional" });
	if (!responder && smime_is_status(of->start))
		put_value(out, of->start); /* or 180 could be made 200 */
	for (size_t i = 0; i < N(aib_rows) && !r; i++)
		r = put_row(&aib_rows[i], of, responder, out, why);
	if (!r && out->err)
		r = smime_fault(why, out->err == E_SPACE ? SMIME_TOO_LARGE
							 : SMIME_BROKEN,
				"an AIB cannot be made: %s",
				err_text(out->err));
	return r;
}

static bool is_from_responder(struct mime_bytes v, const char *responder)
{
	struct mime_bytes uri, tag;

	return !smime_address_read(v, &uri, &tag) &&
	       same_uri(uri, mime_text(responder));
}

/* One field of the AIB against the message. */
static bool field_holds(const struct smime_field *f,
			const struct smime_fragment *of, const char *responder)
{
	struct mime_bytes outer;
	char name[64];

	if (f->name.len >= sizeof name)
		return false;
	memcpy(name, f->name.p, f->name.len);
	name[f->name.len] = 0;
	if (responder && mime_is(f->name, "From"))
		return is_from_responder(f->value, responder);
	outer = smime_fragment_get(of, name, 0);
	if (mime_is(f->name, "Contact") && !outer.p)
		return true; /* a BYE has none, RFC 3893 5 wants one */
	if (mime_is(f->name, "From") || mime_is(f->name, "To"))
		return outer.p && same_party(f->value, outer);
	return smime_same_value(f->value, outer);
}

int smime_aib_check(const struct smime_fragment *aib,
		    const struct smime_fragment *of, const char *responder,
		    struct smime_when when, struct smime_fault *why)
{
	for (size_t i = 0; i < N(aib_rows); i++) {
		const struct aib_row *row = &aib_rows[i];
		bool must = responder ? row->response : row->request;

		if (!must || (!row->always &&
			      !smime_fragment_get(of, row->name, 0).p))
			continue;
		if (!is_once(aib, row->name) || !is_once(of, row->name))
			return differs(why, row->name);
	}
	if (aib->start.len && !same_start(aib->start, of->start))
		return differs(why, "the first line");
	for (size_t i = 0; i < aib->n; i++)
		if (!field_holds(&aib->field[i], of, responder))
			return smime_fault(why, SMIME_MISMATCH, "it was "
					   "signed for another message: %.*s "
					   "differs",
					   (int)aib->field[i].name.len,
					   (const char *)aib->field[i].name.p);
	return check_date(smime_fragment_get(aib, "Date", 0), when, why);
}
