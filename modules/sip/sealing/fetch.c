/* fetch.c - see fetch.h.
 *
 * Both messages have signed headers and no content, whatever the profile's way
 * of sealing is: who asks cannot encrypt yet. The keeper believes certificates
 * as ever, and remembers them. Who asks and is no peer with sealed bodies, or
 * proves nothing, gets what any OPTIONS gets; so nobody hears from us which
 * peers there are. Whether the user exists is not looked at. */
#include "modules/sip/sealing/fetch.h"

#include "daemon/uri.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/sealed.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/words.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/tport_tag.h>

#define PATIENCE_MS 4000
#define FETCHES_MAX 64 /* on their way, both kinds together */

/* One OPTIONS: ours (fn), or somebody's (irq). */
struct fetch {
	struct fetch *next;
	struct sip *sip;
	struct body_way body;
	msg_t *out; /* until its headers are signed; owned */
	/* ours */
	nta_leg_t *dialog;
	nta_outgoing_t *orq;
	struct loop_timer *patience;
	char *hop; /* owned */
	bool sips;
	fetch_fn fn;
	void *asker;
	/* theirs */
	nta_incoming_t *irq;
};

static void fetch_drop(struct fetch *f)
{
	struct fetch **at = &f->sip->fetches;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	engine_words_forget(f->sip->engine, f);
	if (f->orq)
		nta_outgoing_destroy(f->orq);
	if (f->dialog)
		nta_leg_destroy(f->dialog);
	if (f->irq)
		nta_incoming_destroy(f->irq);
	loop_timer_free(f->patience);
	msg_destroy(f->out);
	free(f->hop);
	free(f);
}

static struct fetch *fetch_new(struct sip *s)
{
	struct fetch *f = NULL, *other;
	unsigned n = 0;

	for (other = s->fetches; other; other = other->next)
		n++;
	if (n < FETCHES_MAX)
		f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->sip = s;
	f->next = s->fetches;
	s->fetches = f;
	return f;
}

static void sign(struct fetch *f, seal_fn fn)
{
	const struct refusal no = reply_no(500, NULL);
	const struct body none = { .type = "" };
	char *frag = sealed_frag(sip_object(f->out));

	if (frag)
		engine_words_seal(f->sip->engine, &f->body, true, frag, &none,
				  fn, f);
	else
		fn(f, &no, NULL);
	free(frag);
}

/* False: fn is not called. */
static bool check(struct fetch *f, const sip_t *sip, filter_fn fn)
{
	struct call_given g;

	if (filter_body_kind(sip) != BODY_SEALED || !words_given(sip, &g))
		return false;
	g.words = false;
	g.bare = true;
	g.what = "OPTIONS";
	g.response = sip->sip_status != NULL;
	engine_words_open(f->sip->engine, &f->body, &g, fn, f);
	words_given_free(&g);
	return true;
}

/* -- ours ----------------------------------------------------------------- */

static void end(struct fetch *f, bool shown)
{
	fetch_fn fn = f->fn;
	void *asker = f->asker;

	fetch_drop(f);
	fn(asker, shown);
}

static void on_patience(void *user)
{
	end(user, false);
}

static void on_opened(void *user, const struct refusal *no,
		      const struct body *out)
{
	(void)out;
	end(user, !no);
}

static int on_response(struct txn *self, nta_outgoing_t *orq,
		       const sip_t *sip)
{
	struct fetch *f = (struct fetch *)(void *)self;
	int status = nta_outgoing_status(orq);

	if (status < 200)
		return 0;
	if (status >= 300 || !sip || nta_sip_is_internal(sip) ||
	    !check(f, sip, on_opened))
		end(f, false);
	return 0;
}

static void launch(struct fetch *f)
{
	struct txn *self = (struct txn *)(void *)f; /* Sofia's one type */
	struct sip_face *face = &f->sip->face[OUTSIDE];
	char branch[FACE_BRANCH];

	face_branch(f->sip, sip_object(f->out)->sip_request->rq_url, branch);
	f->orq = nta_outgoing_mcreate(
		face->agent, on_response, self,
		*f->hop ? (url_string_t *)f->hop : NULL, f->out,
		NTATAG_BRANCH_KEY(branch),
		TPTAG_IDENT(face_ident(f->out, f->hop)), TAG_END());
	if (f->orq)
		f->out = NULL;
}

static void on_signed(void *user, const struct refusal *no,
		      const struct call_sealed_body *body)
{
	struct fetch *f = user;

	if (!no && sealed_put(f->out, body) &&
	    face_may_leave(f->out, f->hop, f->sips))
		launch(f);
	if (!f->orq)
		end(f, false);
}

static int on_request(struct leg *self, nta_leg_t *dialog, nta_incoming_t *irq,
		      const sip_t *sip)
{
	(void)self;
	(void)dialog;
	(void)irq;
	(void)sip;
	return 481; /* there is no dialog */
}

static bool make_dialog(struct fetch *f)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct leg *self = (struct leg *)(void *)f;
	sip_call_id_t *id;
	sip_from_t *from;
	sip_to_t *to;

	su_home_init(home);
	id = sip_call_id_create(home, NULL);
	from = sip_from_format(home, "<%s>", f->body.local_id);
	to = sip_to_format(home, "<%s>", f->body.remote_id);
	if (id && from && to)
		f->dialog = nta_leg_tcreate(
			f->sip->face[OUTSIDE].agent, on_request, self,
			SIPTAG_CALL_ID(id), SIPTAG_FROM(from), SIPTAG_TO(to),
			TAG_END());
	su_home_deinit(home);
	return f->dialog && nta_leg_tag(f->dialog, NULL);
}

static bool fill(struct fetch *f, const struct body_way *w)
{
	msg_t *msg = f->out = nta_msg_create(f->sip->face[OUTSIDE].agent, 0);
	sip_route_t *route = NULL;

	if (!msg || !face_route_add(msg, w->next_hop))
		return false;
	if (*w->routes) {
		route = sip_route_make(msg_home(msg), w->routes);
		if (!route ||
		    msg_header_insert(msg, NULL, (msg_header_t *)route))
			return false;
	}
	return header_add(msg, "Accept", "application/pkcs7-mime") &&
	       sealed_date(msg) &&
	       !nta_msg_request_complete(msg, f->dialog, SIP_METHOD_OPTIONS,
					 (url_string_t *)w->target);
}

static void ask(void *sip, const struct body_way *w, fetch_fn fn, void *asker)
{
	struct fetch *f = fetch_new(sip);

	if (!f) {
		fn(asker, false);
		return;
	}
	f->fn = fn;
	f->asker = asker;
	f->body = *w;
	f->body.probe = true;
	f->body.target = NULL; /* it may be gone sooner than we */
	f->sips = uri_is_sips(w->target);
	f->hop = strdup(w->next_hop);
	if (!f->hop || !make_dialog(f) || !fill(f, w) ||
	    loop_timer_new(f->sip->loop, on_patience, f, &f->patience)) {
		end(f, false);
		return;
	}
	loop_timer_set(f->patience, PATIENCE_MS);
	sign(f, on_signed);
}

int fetch_open(struct core *core, struct sip *s)
{
	s->fetcher = (struct fetcher){ .name = "sip", .user = s, .ask = ask };
	return core_register(core, "fetcher", s->fetcher.name, &s->fetcher);
}

/* -- theirs --------------------------------------------------------------- */

/* As any other that nobody here answers in person. */
static void answer_plainly(struct fetch *f)
{
	const struct refusal no = reply_no(404, NULL);
	msg_t *request = nta_incoming_getrequest(f->irq);

	const sip_t *sip = request ? sip_object(request) : NULL;

	if (sip && face_is_us(&f->sip->face[OUTSIDE],
			      sip->sip_request->rq_url))
		reply_options(&f->sip->face[OUTSIDE], f->irq, sip);
	else
		reply_refuse(f->irq, &no);
	msg_destroy(request);
	fetch_drop(f);
}

static void on_answer_signed(void *user, const struct refusal *no,
			     const struct call_sealed_body *body)
{
	struct fetch *f = user;

	if (no || !sealed_put(f->out, body)) {
		answer_plainly(f);
		return;
	}
	nta_incoming_mreply(f->irq, f->out);
	f->out = NULL;
	fetch_drop(f);
}

static void on_proved(void *user, const struct refusal *no,
		      const struct body *out)
{
	struct fetch *f = user;

	(void)out;
	if (!no && nta_incoming_tag(f->irq, NULL))
		f->out = nta_incoming_create_response(f->irq, SIP_200_OK);
	if (f->out && sealed_date(f->out))
		sign(f, on_answer_signed);
	else
		answer_plainly(f);
}

static bool find_way(struct sip_face *face, nta_incoming_t *irq,
		     const sip_t *sip, struct body_way *w)
{
	struct call_start start = { .from = OUTSIDE,
				    .source = face_source(irq) };
	su_home_t home[1] = { SU_HOME_INIT(home) };
	bool found;

	su_home_init(home);
	start.caller = url_as_string(home, sip->sip_from->a_url);
	start.callee = url_as_string(home, sip->sip_request->rq_url);
	found = start.caller && start.callee &&
		!engine_probe_way(face->sip->engine, &start, w);
	su_home_deinit(home);
	return found;
}

bool fetch_asked(struct sip_face *face, nta_incoming_t *irq, const sip_t *sip)
{
	struct body_way w;
	struct fetch *f;

	if (face->face != OUTSIDE || sip->sip_to->a_tag ||
	    filter_body_kind(sip) != BODY_SEALED ||
	    !find_way(face, irq, sip, &w) || !(f = fetch_new(face->sip)))
		return false;
	f->irq = irq;
	f->body = w;
	if (!check(f, sip, on_proved))
		answer_plainly(f);
	return true;
}

void fetch_free(struct sip *s)
{
	while (s->fetches)
		fetch_drop(s->fetches);
}
