/* border.c - the trust boundary (RFC 3325), and the gateway as the privacy
 * service of its phones (RFC 3323).
 *
 * What a network says that nobody trusts is left out on its way in: who the
 * caller is by its word (P-Asserted-Identity and its kin), whom the call went
 * to before (Diversion, History-Info), how urgent it is, and whether the phone
 * shall pick up by itself, which would make it a bug in the room.
 *
 * What a phone says leaves as it is, unless it asks for privacy. A network that
 * is trusted gets that wish along with all the rest. For others it is done
 * here: "id", "header", "history" and "user" take headers out, "user" also puts
 * an anonymous From in place of the phone's, "session" is what the relay does
 * for every call. Where keys are agreed in the caller's name From has to stay,
 * and the wish passes on; with "critical" the request is refused.
 *
 * Does not do: privacy of whom is called, beyond the same headers in what the
 * phone answers. */
#include "modules/sip/border/border.h"

#include "modules/sip/message/headers.h"

#include <string.h>
#include <strings.h>

#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_string.h>

#define STRANGER 0x0100u /* it came from a network that is not trusted */
#define UNKNOWN 0x8000u  /* nor from an address that is */
#define ID 0x0200u
#define HEADER 0x0400u
#define USER 0x0800u
#define HISTORY 0x1000u
#define SESSION 0x2000u
#define LEAVES 0x4000u /* to a network that is not trusted */
#define WISHED (ID | HEADER | USER | HISTORY | SESSION)
#define ANY (ID | HEADER | USER)

static const struct {
	const char *name;
	unsigned when;
	const char *with; /* only with this in it, in small letters; or NULL */
} table[] = {
	{ "P-Asserted-Identity", STRANGER | ANY, NULL },
	{ "P-Preferred-Identity", STRANGER | ANY, NULL },
	{ "Remote-Party-ID", STRANGER | ANY, NULL },
	{ "P-Access-Network-Info", STRANGER | ANY, NULL },
	{ "P-Charging-Vector", STRANGER, NULL },
	{ "P-Charging-Function-Addresses", STRANGER, NULL },
	{ "Diversion", STRANGER | HEADER | USER, NULL },
	{ "Diversion", LEAVES, "privacy=full" }, /* RFC 5806 section 4 */
	{ "Diversion", LEAVES, "privacy=\"full\"" },
	{ "History-Info", STRANGER | HEADER | USER | HISTORY, NULL },
	{ "History-Info", LEAVES, "privacy=history" }, /* RFC 7044 10.1.2 */
	{ "Priority", UNKNOWN, NULL }, /* RFC 3261 20.26: a night setting */
	{ "Resource-Priority", UNKNOWN, NULL }, /* RFC 4412 */
	{ "Answer-Mode", STRANGER, NULL }, /* RFC 5373 */
	{ "Priv-Answer-Mode", STRANGER, NULL },
	{ "Call-Info", STRANGER, "answer-after" },
	{ "Alert-Info", STRANGER, "auto" },
	{ "Alert-Info", STRANGER, "answer" },
	{ "Alert-Info", STRANGER, "intercom" },
	{ "Subject", USER, NULL },
	{ "Reply-To", USER, NULL },
	{ "Referred-By", USER, NULL },
	{ "Organization", HEADER | USER, NULL },
	{ "Call-Info", HEADER | USER, NULL },
	{ "User-Agent", HEADER | USER, NULL },
	{ "Server", HEADER | USER, NULL },
};

static const struct {
	const char *value;
	unsigned flag;
} wishes[] = {
	{ "id", ID }, { "header", HEADER }, { "user", USER },
	{ "history", HISTORY }, { "session", SESSION },
};

static unsigned flag_of(const char *value)
{
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++)
		if (!strcasecmp(wishes[i].value, value))
			return wishes[i].flag;
	return 0;
}

static const msg_param_t *values_of(const sip_t *sip)
{
	return sip->sip_privacy ? sip->sip_privacy->priv_values : NULL;
}

static bool says(const sip_t *sip, const char *value)
{
	const msg_param_t *p = values_of(sip);

	while (p && *p && strcasecmp(*p, value))
		p++;
	return p && *p;
}

static unsigned wishes_of(const sip_t *sip)
{
	unsigned flags = 0;

	if (says(sip, "none"))
		return 0;
	for (const msg_param_t *p = values_of(sip); p && *p; p++)
		flags |= flag_of(*p);
	return flags;
}

struct crossing border_crossing(const struct pair *pair, enum face from)
{
	const struct call *call = pair->call;
	const struct leg *leg = pair->caller->face->face == from
		? pair->caller : pair->called;

	return (struct crossing){ from, call && call_trusts(call),
				  leg && leg->known,
				  !call || call_names(call) };
}

unsigned border_flags(const struct crossing *x, const sip_t *sip,
		      unsigned *asked)
{
	unsigned now = wishes_of(sip);

	if (x->from == OUTSIDE && x->trusted)
		return now & ID; /* that one leaves it to us */
	if (x->from == OUTSIDE)
		return STRANGER | (x->known ? 0 : UNKNOWN);
	if (asked && !says(sip, "none"))
		now = *asked |= now;
	if (x->trusted)
		return 0;
	return LEAVES | now;
}

bool border_unnamed(const sip_t *sip)
{
	return wishes_of(sip) & (ID | USER);
}

/* With no bytes at hand it is taken to be there. */
static bool has(const msg_header_t *h, const char *text)
{
	const char *s = h->sh_data;
	size_t n = strlen(text);

	if (!s)
		return true;
	for (size_t i = 0; i + n <= h->sh_len; i++)
		if (!strncasecmp(s + i, text, n))
			return true;
	return false;
}

bool border_stops(unsigned flags, const msg_header_t *h, const char *name)
{
	if (!(flags & BORDER_FLAGS))
		return false;
	if (flags & LEAVES && flags & WISHED) {
		if (!strcasecmp(name, "Privacy"))
			return true; /* border_privacy() writes the rest */
		if (!strcasecmp(name, "Proxy-Require"))
			return !has(h, ",") && has(h, "privacy"); /* us */
	}
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (flags & table[i].when && !strcasecmp(table[i].name, name) &&
		    (!table[i].with || has(h, table[i].with)))
			return true;
	return false;
}

/* What we do of it. */
static bool is_done(const struct crossing *x, const char *value)
{
	unsigned flag = flag_of(value);

	return flag && !(flag == USER && x->names);
}

static bool all_done(const struct crossing *x, const sip_t *sip)
{
	const msg_param_t *p = values_of(sip);

	while (p && *p && (is_done(x, *p) || !strcasecmp(*p, "critical")))
		p++;
	return !p || !*p;
}

bool border_privacy(msg_t *to, const sip_t *from, const struct crossing *x,
		    unsigned flags)
{
	su_home_t *home = msg_home(to);
	char *text = NULL;

	if (!(flags & LEAVES) || !(flags & WISHED) || !values_of(from) ||
	    says(from, "none") || all_done(x, from))
		return true;
	for (const msg_param_t *p = values_of(from); *p; p++)
		if (!is_done(x, *p)) {
			text = text ? su_sprintf(home, "%s;%s", text, *p)
				    : su_strdup(home, *p);
			if (!text)
				return false;
		}
	return header_add(to, "Privacy", text);
}

const char *border_refuses(const struct crossing *x, const sip_t *sip)
{
	if (x->from == OUTSIDE || x->trusted || says(sip, "none") ||
	    !says(sip, "critical") || all_done(x, sip))
		return NULL;
	return says(sip, "user") && x->names
		? "privacy of the user cannot be had where keys name it"
		: "a privacy that is not known here";
}

sip_from_t *border_from(su_home_t *home, const struct crossing *x,
			const sip_t *sip)
{
	sip_from_t *from;

	if (x->from == INSIDE && !x->trusted && !x->names &&
	    wishes_of(sip) & USER)
		return sip_from_make(home, BORDER_ANONYMOUS);
	from = sip_from_dup(home, sip->sip_from);
	if (!from)
		return NULL;
	msg_header_remove_param(from->a_common, "tag");
	from->a_tag = NULL;
	return from;
}
