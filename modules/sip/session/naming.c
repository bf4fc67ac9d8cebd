/* naming.c - see naming.h.
 *
 * To a phone: where the core has found the call to be with another than it
 * called. P-Asserted-Identity in what it gets anyway is what phones show; one
 * that says "from-change" gets the URI in From, too. What nothing else carries
 * in time goes in an UPDATE of our own, if it allows that. A network that is
 * trusted says itself who is there, and who wants privacy (RFC 3323) is
 * anonymous.
 *
 * To the outside: whose phone the call came to, where that is not who To names,
 * and the bodies are signed, so that it is proved. What the far end says of
 * itself goes into To from then on (4.4.2).
 *
 * Does not do: an UPDATE before the call is up, a re-INVITE in place of one,
 * another From of phones. */
#include "modules/sip/session/naming.h"

#include "daemon/uri.h"
#include "modules/sip/border/border.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/session/refresh.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_string.h>

#define OPTION "from-change"

void naming_free(struct leg *leg)
{
	free(leg->named.own);
	free(leg->named.theirs);
	free(leg->named.told);
	leg->named = (struct naming){ .own = NULL };
}

static bool set(char **at, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return false;
	free(*at);
	*at = copy;
	return true;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* -- what came ------------------------------------------------------------ */

void naming_note(struct leg *from, const sip_t *sip)
{
	if (sip_has_feature(sip->sip_supported, OPTION))
		from->named.changes = true;
}

static bool identity_of(const url_t *uri, char out[static IDENTITY_TEXT])
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *text;
	bool fits;

	su_home_init(home);
	text = url_as_string(home, uri);
	fits = text && uri_identity(text, out);
	su_home_deinit(home);
	return fits;
}

/* Outside its messages are signed: From has been proved where it may change. */
void naming_heard(struct leg *from, const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const char *uri;

	if (from->face->face != OUTSIDE || !from->pair->call ||
	    !call_changes(from->pair->call) || !sip->sip_from ||
	    (sip->sip_request->rq_method != sip_method_invite &&
	     sip->sip_request->rq_method != sip_method_update))
		return;
	su_home_init(home);
	uri = url_as_string(home, sip->sip_from->a_url);
	if (uri)
		(void)set(&from->named.theirs, uri); /* else the old one */
	su_home_deinit(home);
}

bool naming_begin(struct pair *pair, const sip_t *invite)
{
	struct leg *leg = pair->caller;
	char to[IDENTITY_TEXT];
	struct body_way way;

	if (leg->face->face != OUTSIDE || !call_signs(pair->call) ||
	    call_hides(pair->call) || !identity_of(invite->sip_to->a_url, to))
		return true;
	call_way(pair->call, &way);
	return !strcmp(to, way.local_id) ||
	       set(&leg->named.own, way.local_id);
}

/* -- what leaves ---------------------------------------------------------- */

bool naming_hides(const sip_t *sip)
{
	return sip_has_feature(sip->sip_supported, OPTION);
}

bool naming_supports(const struct leg *to, msg_t *msg)
{
	return to->face->face != OUTSIDE || !to->pair->call ||
	       !call_changes(to->pair->call) ||
	       header_add(msg, "Supported", OPTION);
}

/* Whom the phone is to see at that far end; NULL: nothing else than ever. Who
 * wants no name is nobody: the phone would go on showing who was called. */
static const char *who_is_it(const struct leg *to, const struct leg *far,
			     struct body_way *way)
{
	const struct pair *pair = to->pair;
	const char *now = pair->call ? call_connected(pair->call) : NULL;

	if (to->face->face != INSIDE || !pair->call ||
	    (!now && !to->named.told))
		return NULL;
	if (far && far->named.unnamed)
		return "sip:anonymous@anonymous.invalid";
	if (now)
		return now;
	call_way(pair->call, way); /* not diverted any more */
	return way->remote_id;
}

/* With whom a phone is. */
static struct leg *far_of(const struct leg *to)
{
	struct pair *pair = to->pair;

	return to == pair->caller ? pair->called : pair->caller;
}

static bool put_from(msg_t *msg, const char *uri)
{
	sip_from_t *from = sip_from_format(msg_home(msg), "<%s>", uri);

	return from && !msg_header_insert(msg, NULL, (msg_header_t *)from);
}

static bool put_to(msg_t *msg, const char *uri)
{
	sip_to_t *to = sip_to_format(msg_home(msg), "<%s>", uri);

	return to && !msg_header_insert(msg, NULL, (msg_header_t *)to);
}

/* Tags are the dialog's, which come with completion. */
bool naming_name(struct leg *to, msg_t *msg)
{
	struct naming *n = &to->named;
	struct body_way way;
	const char *who = who_is_it(to, far_of(to), &way);

	if (who && n->changes &&
	    !(set(&n->own, who) && set(&n->told, who)))
		return false;
	if (to->face->face == OUTSIDE && n->own && n->changes &&
	    !to->updates && to->pair->state == PAIR_UP &&
	    !set(&n->told, n->own)) /* no UPDATE can tell it before */
		return false;
	return (!n->told || !n->own || put_from(msg, n->own)) &&
	       (!n->theirs || put_to(msg, n->theirs));
}

/* Under that From nothing else leaves before it was taken: were it not, no BYE
 * would be either. */
bool naming_first(struct leg *to, msg_t *msg)
{
	struct naming *n = &to->named;

	if (to->face->face == INSIDE)
		return naming_name(to, msg) &&
		       naming_assert(to, far_of(to), msg, NULL);
	return (!n->own || put_from(msg, n->own)) &&
	       (!n->theirs || put_to(msg, n->theirs));
}

void naming_told(struct leg *to, bool taken)
{
	struct naming *n = &to->named;

	if (to->face->face == INSIDE || (taken && set(&n->told, n->own)))
		return;
	free(n->own);
	n->own = NULL;
}

static bool names_somebody(const sip_t *sip)
{
	const sip_unknown_t *h = sip ? sip->sip_unknown : NULL;

	while (h && strcasecmp(h->un_name, "P-Asserted-Identity"))
		h = h->un_next;
	return h;
}

bool naming_assert(struct leg *to, struct leg *far, msg_t *msg,
		   const sip_t *from)
{
	struct body_way way;
	char text[IDENTITY_TEXT + 2];
	const char *who;

	if (from && to->face->face == INSIDE && border_unnamed(from))
		far->named.unnamed = true;
	who = who_is_it(to, far, &way);
	if (!who)
		return true;
	snprintf(text, sizeof text, "<%s>", who);
	return ((call_trusts(to->pair->call) && names_somebody(from)) ||
		header_add(msg, "P-Asserted-Identity", text)) &&
	       (to->named.changes || set(&to->named.told, who));
}

/* -- an UPDATE of our own ------------------------------------------------- */

static void tell(struct leg *leg)
{
	struct naming *n = &leg->named;
	struct body_way way;
	const char *who = leg->face->face == OUTSIDE
		? (n->changes ? n->own : NULL)
		: who_is_it(leg, far_of(leg), &way);

	if (who && !same(who, n->told) && leg->updates && leg->dialog)
		refresh_tell(leg);
}

void naming_tell(struct pair *pair)
{
	if (pair->state != PAIR_UP || !pair->call || pair->queue)
		return;
	tell(pair->caller);
	if (pair->called && pair->state == PAIR_UP)
		tell(pair->called);
}
