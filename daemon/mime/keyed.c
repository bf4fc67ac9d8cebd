/* keyed.c - see keyed.h.
 *
 * Both parts must stand in the outermost multipart, once: readers that look
 * elsewhere would see other keys, or other media, than we do. Base64 that does
 * not say so is looked for only where the bytes are no MIKEY as they stand.
 * That a boundary lacks its quotes needs no consent: tree.h reads it anyway.
 */
#include "config.h" /* memmem() */

#include "daemon/mime/keyed.h"

#include "daemon/base/err.h"
#include "daemon/mime/base64.h"
#include "daemon/mime/choice.h"
#include "daemon/mime/writer.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define SDP "application/sdp"
#define MIKEY "application/mikey"
#define BOUNDARY_2005 "boun=_dry"
#define MIKEY_VERSION 1 /* RFC 3830 6.1: the first byte */

/* -- reading -------------------------------------------------------------- */

static bool knows(const struct mime_part *p, void *user)
{
	(void)user;
	return mime_type_is(&p->type, SDP) || mime_type_is(&p->type, MIKEY);
}

/* The two parts; *sdp is NULL when there is none. */
static int choose(const struct mime *m, const struct mime_part **sdp,
		  const struct mime_part **mikey)
{
	const struct mime_part *part[2];
	size_t n = 0;
	int r;

	if (m->part[0].multi != MIME_MIXED)
		return E_UNSUPPORTED;
	*sdp = *mikey = NULL;
	r = mime_choose(m, knows, NULL, part, 2, &n);
	for (size_t i = 0; i < n && !r; i++) {
		const struct mime_part **to =
			mime_type_is(&part[i]->type, SDP) ? sdp : mikey;

		if (part[i]->depth != 1)
			r = E_UNSUPPORTED;
		else if (*to)
			r = E_FORMAT;
		*to = part[i];
	}
	if (r == E_SPACE)
		return E_FORMAT;
	return r ? r : *mikey ? 0 : E_NOTFOUND;
}

static bool is_2005(const struct mime_part *p)
{
	return mime_plain(p) && p->body.len && p->body.p[0] != MIKEY_VERSION;
}

/* An empty line at the end of SDP is no line of it. */
static void trim(struct buf *sdp)
{
	while (sdp->len >= 4 &&
	       !memcmp(sdp->data + sdp->len - 4, "\r\n\r\n", 4))
		sdp->len -= 2;
}

int mime_keyed_read(const struct mime_fields *outer, struct mime_bytes body,
		    bool *old, struct buf *sdp, struct buf *mikey)
{
	const struct mime_part *with_sdp, *with_mikey;
	bool is_old = false;
	struct mime m;
	int r = mime_read(outer, body, &m);

	if (!r)
		r = choose(&m, &with_sdp, &with_mikey);
	if (!r) {
		is_old = old && is_2005(with_mikey);
		r = is_old ? mime_base64_read(with_mikey->body, mikey)
			   : mime_decode(with_mikey, mikey);
	}
	if (!r && with_sdp)
		r = mime_decode(with_sdp, sdp);
	if (r) {
		buf_clear(sdp);
		buf_clear(mikey);
		return r;
	}
	if (is_old)
		trim(sdp);
	if (old)
		*old = is_old;
	return 0;
}

/* -- writing -------------------------------------------------------------- */

static int write_parts(enum mime_keyed_form form, const struct mime_bytes *part,
		       struct buf *out, char *type)
{
	const struct mime_head heads[2] = {
		{ .type = SDP },
		{ .type = MIKEY,
		  .transfer = form == MIME_KEYED_BASE64 ? "base64"
							: "binary" },
	};
	struct mime_bytes whole[2];
	struct buf b[2] = { buf_of(MIME_BODY_MAX), buf_of(MIME_BODY_MAX) };
	char boundary[MIME_BOUNDARY_TEXT];
	int r = 0;

	for (size_t i = 0; i < 2; i++) {
		mime_put_entity(&b[i], &heads[i], part[i]);
		whole[i] = (struct mime_bytes){ b[i].data, b[i].len };
		r = r ? r : b[i].err;
	}
	if (!r)
		r = mime_boundary(boundary, whole, 2);
	if (!r) {
		mime_put_multipart(out, boundary, whole, 2);
		snprintf(type, MIME_KEYED_TYPE, "multipart/mixed;boundary=%s",
			 boundary);
		r = out->err;
	}
	buf_free(&b[0]);
	buf_free(&b[1]);
	return r;
}

/* One line of base64: its readers may know no other. */
static void put_line(struct buf *out, struct mime_bytes data)
{
	size_t n = 4 * ((data.len + 2) / 3);
	uint8_t *to = buf_room(out, n + 1); /* and a NUL */

	if (!to)
		return;
	EVP_EncodeBlock(to, data.p, (int)data.len);
	out->len--;
}

static int write_2005(const struct mime_bytes *part, struct buf *out,
		      char *type)
{
	if (part[0].len && memmem(part[0].p, part[0].len, BOUNDARY_2005,
				  strlen(BOUNDARY_2005)))
		return E_ARG;
	buf_text(out, "--" BOUNDARY_2005 "\r\nContent-type: " MIKEY
		 "\r\n\r\n");
	put_line(out, part[1]);
	buf_text(out, "\r\n\r\n--" BOUNDARY_2005 "\r\nContent-type: " SDP
		 "\r\n\r\n");
	buf_put(out, part[0].p, part[0].len);
	buf_text(out, "\r\n\r\n--" BOUNDARY_2005 "--\r\n");
	snprintf(type, MIME_KEYED_TYPE, "multipart/mixed; boundary=%s",
		 BOUNDARY_2005);
	return out->err;
}

int mime_keyed_write(enum mime_keyed_form form, struct mime_bytes sdp,
		     struct mime_bytes mikey, struct buf *out,
		     char type[static MIME_KEYED_TYPE])
{
	const struct mime_bytes part[2] = { sdp, mikey };

	return form == MIME_KEYED_2005 ? write_2005(part, out, type)
				       : write_parts(form, part, out, type);
}
