/* replaces.c - see replaces.h.
 *
 * The names are those that the receiver of the INVITE has for its dialog:
 * to-tag is its own tag, from-tag the other's (RFC 3891 section 3). A leg of
 * ours that fits stands for the call; the end of its other leg is whom the
 * header is for, and knows the call by that leg's Call-ID and tags.
 *
 *   phone A --(x)-- gateway --(y)-- C     REFER to B, Refer-To: C?Replaces=x
 *   becomes Replaces=y, which B repeats to C.
 *
 * A dialog that is none of ours was named by somebody out there (B's gateway
 * only carries it), so it passes as it is. */
#include "modules/sip/message/replaces.h"

#include "modules/sip/dialog.h"
#include "modules/sip/txn.h"

#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_string.h>
#include <sofia-sip/url.h>

#define NAME "Replaces"
/* What must be escaped in the headers of a URI (RFC 3261 25.1: hnv). */
#define ESCAPED ";@=&,<>\" "

/* The leg on face f that this names; NULL: none of ours. */
static const struct leg *leg_of(const struct sip_face *f,
				const sip_replaces_t *rp)
{
	const nta_leg_t *dialog = rp ? nta_leg_by_replaces(f->agent, rp)
				     : NULL;
	const struct leg *leg =
		dialog ? nta_leg_magic(dialog, dialog_on_request) : NULL;

	return leg && leg->tagged && leg->pair->state != PAIR_ENDED ? leg
								    : NULL;
}

/* The same call as the other side names it; rp itself when it is not ours, or
 * nobody is there yet. */
static const sip_replaces_t *translate(su_home_t *home,
				       const struct sip_face *f,
				       const sip_replaces_t *rp)
{
	const struct leg *leg = leg_of(f, rp), *to;

	if (!leg)
		return rp;
	to = leg->caller ? leg->pair->called : leg->pair->caller;
	if (!to || !to->dialog || !to->tagged)
		return rp;
	return nta_leg_make_replaces(to->dialog, home,
				     (int)rp->rp_early_only);
}

bool replaces_allowed(const struct sip_face *f, const sip_t *sip)
{
	const struct leg *leg = leg_of(f, sip_replaces(sip));
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *caller;
	bool may;

	if (!leg || f->face == INSIDE)
		return true;
	su_home_init(home);
	caller = url_as_string(home, sip->sip_from->a_url);
	may = caller && leg->pair->call &&
	      call_may_lead(leg->pair->call, caller);
	su_home_deinit(home);
	return may;
}

/* -- in a Refer-To -------------------------------------------------------- */

/* The next header of a URI from *rest on; false at the end. */
static bool next_header(const char **rest, const char **at, size_t *len)
{
	if (!*rest || !**rest)
		return false;
	*at = *rest;
	*len = strcspn(*rest, "&");
	*rest += *len;
	*rest += **rest == '&';
	return true;
}

static bool is_replaces(const char *at, size_t len)
{
	return len > strlen(NAME) + 1 && at[strlen(NAME)] == '=' &&
	       !strncasecmp(at, NAME, strlen(NAME));
}

static const sip_replaces_t *read_header(su_home_t *home, const char *at,
					 size_t len)
{
	char *text = su_strndup(home, at + strlen(NAME) + 1,
				len - strlen(NAME) - 1);

	return text ? sip_replaces_make(home, url_unescape(text, text)) : NULL;
}

const sip_replaces_t *replaces_wanted(su_home_t *home, const url_t *uri)
{
	const char *rest = uri->url_headers, *at;
	size_t len;

	while (next_header(&rest, &at, &len))
		if (is_replaces(at, len))
			return read_header(home, at, len);
	return NULL;
}

static const char *write_header(su_home_t *home, const sip_replaces_t *rp)
{
	const char *text = sip_header_as_string(home, (sip_header_t *)rp);
	char *out = text ? su_zalloc(home, (isize_t)url_esclen(text, ESCAPED) +
					   1) : NULL;

	return out ? su_sprintf(home, NAME "=%s", url_escape(out, text,
							     ESCAPED)) : NULL;
}

/* The headers of the URI, each dialog of ours by its other name; *ours counts
 * them. NULL: no memory. */
static const char *translate_headers(su_home_t *home,
				     const struct sip_face *f,
				     const char *headers, unsigned *ours)
{
	const sip_replaces_t *rp, *to;
	const char *out = "", *at, *one;
	size_t len;

	while (out && next_header(&headers, &at, &len)) {
		rp = is_replaces(at, len) ? read_header(home, at, len) : NULL;
		to = rp ? translate(home, f, rp) : NULL;
		if (to == rp) {
			one = su_strndup(home, at, len);
		} else {
			one = to ? write_header(home, to) : NULL;
			++*ours;
		}
		out = one ? su_sprintf(home, "%s%s%s", out, *out ? "&" : "",
				       one) : NULL;
	}
	return out;
}

static const sip_refer_to_t *refer_to(const sip_t *sip)
{
	const sip_refer_to_t *r = sip->sip_refer_to;

	return sip->sip_request->rq_method == sip_method_refer && r &&
	       r->r_url->url_headers ? r : NULL;
}

bool replaces_refers(const struct sip_face *f, const sip_t *sip)
{
	const sip_refer_to_t *r = refer_to(sip);
	su_home_t home[1] = { SU_HOME_INIT(home) };
	unsigned ours = 0;

	if (!r)
		return false;
	su_home_init(home);
	translate_headers(home, f, r->r_url->url_headers, &ours);
	su_home_deinit(home);
	return ours > 0;
}

static bool refer_add(const struct sip_face *f, const sip_t *sip, msg_t *msg)
{
	su_home_t *home = msg_home(msg);
	sip_refer_to_t *r = sip_refer_to_dup(home, refer_to(sip));
	unsigned ours = 0;

	if (!r)
		return false;
	r->r_url->url_headers =
		translate_headers(home, f, r->r_url->url_headers, &ours);
	return r->r_url->url_headers &&
	       !msg_header_insert(msg, NULL, (msg_header_t *)r);
}

bool replaces_add(const struct sip_face *f, const sip_t *sip, msg_t *msg)
{
	const sip_replaces_t *rp = sip_replaces(sip), *to;
	su_home_t *home = msg_home(msg);

	if (replaces_refers(f, sip))
		return refer_add(f, sip, msg);
	if (!rp || sip->sip_request->rq_method != sip_method_invite)
		return true;
	to = translate(home, f, rp);
	if (to == rp)
		to = sip_replaces_dup(home, rp);
	return to && !msg_header_insert(msg, NULL, (msg_header_t *)to);
}
