/* filter.c - the queue of messages before the core's body filter.
 *
 * Order is kept for the whole call: a 200 that follows a 183 whose answer is
 * still being checked must not overtake it. Only what ends a call (CANCEL, a
 * BYE that is not relayed) does not come here. The role of a body follows
 * RFC 3264, 3261 13.2.1, 3262 5 and 3311 5: INVITE and UPDATE offer; their
 * responses answer, unless the INVITE had no offer: then the response offers
 * and ACK or PRACK answers. SDP in any other method passes neither way, and a
 * body that may hide SDP (message, encrypted, compressed) is
 * refused where an offer or answer could stand: the filter fails closed. */
#include "modules/sip/filter.h"

#include "daemon/base/secret.h"
#include "daemon/uri.h"
#include "modules/sip/before/before.h"
#include "modules/sip/border/border.h"
#include "modules/sip/early.h"
#include "modules/sip/fork.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/leg.h"
#include "modules/sip/pair.h"
#include "modules/sip/reoffer.h"
#include "modules/sip/message/parts.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/sealed.h"
#include "modules/sip/sealing/seals.h"
#include "modules/sip/sealing/whole.h"
#include "modules/sip/session/naming.h"
#include "modules/sip/txn.h"
#include "modules/sip/words.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/sip_header.h>

enum body_kind filter_body_kind(const sip_t *sip)
{
	const char *type;

	if (!sip->sip_payload || !sip->sip_payload->pl_len)
		return BODY_NONE;
	if (!sip->sip_content_type || !sip->sip_content_type->c_type)
		return BODY_HIDDEN;
	if (sip->sip_content_encoding)
		return BODY_HIDDEN;
	type = sip->sip_content_type->c_type;
	if (!strcasecmp(type, "application/sdp"))
		return BODY_SDP;
	if (!strcasecmp(type, "multipart/signed") ||
	    !strcasecmp(type, "application/pkcs7-mime") ||
	    !strcasecmp(type, "application/x-pkcs7-mime"))
		return BODY_SEALED;
	if (!strcasecmp(type, "multipart/mixed"))
		return BODY_PACKAGE;
	if (!strcasecmp(type, "multipart/encrypted"))
		return BODY_HIDDEN;
	if (!strncasecmp(type, "multipart/", 10))
		return BODY_PARTS;
	if (!strncasecmp(type, "message/", 8) ||
	    !strncasecmp(type, "application/pkcs7", 17) ||
	    !strncasecmp(type, "application/sdp", 15))
		return BODY_HIDDEN;
	return BODY_OTHER;
}

bool filter_offers(const sip_t *sip)
{
	enum body_kind kind = filter_body_kind(sip);

	return kind == BODY_SDP || kind == BODY_SEALED ||
	       kind == BODY_PACKAGE || kind == BODY_PARTS;
}

bool filter_packaged(const struct pair *pair, const struct leg *from)
{
	return from->face->face == OUTSIDE && pair->call &&
	       call_packages(pair->call);
}

struct body filter_body(su_home_t *home, const sip_t *sip)
{
	struct body body = { .type = "" };
	const char *type = sip_header_as_string(home,
			(const sip_header_t *)sip->sip_content_type);

	if (!type)
		return body;
	body.type = filter_body_kind(sip) == BODY_SDP ? "application/sdp" :
							type;
	body.data = (const uint8_t *)sip->sip_payload->pl_data;
	body.len = sip->sip_payload->pl_len;
	return body;
}

static bool negotiates(const struct txn *t)
{
	return t->method == sip_method_invite ||
	       t->method == sip_method_update ||
	       t->method == sip_method_prack;
}

static enum body_role role_of(const struct passage *p)
{
	const struct txn *t = p->txn;

	switch (p->kind) {
	case PASS_REQUEST:
		return t->prack_answer ? BODY_ANSWER : BODY_OFFER;
	case PASS_RESPONSE:
		return t->offer ? BODY_ANSWER : BODY_OFFER;
	default:
		return BODY_ANSWER;
	}
}

static void hash(uint8_t out[static 32], const char *a, size_t a_len,
		 const char *b)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	memset(out, 0, 32);
	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) {
		EVP_DigestUpdate(ctx, a, a_len);
		EVP_DigestUpdate(ctx, b, strlen(b));
		EVP_DigestFinal_ex(ctx, out, NULL);
	}
	EVP_MD_CTX_free(ctx);
}

void filter_origin(const sip_t *sip, struct msg_key_origin *out)
{
	const char *id = sip->sip_call_id ? sip->sip_call_id->i_id : "";
	const char *tag = sip->sip_from && sip->sip_from->a_tag ?
		sip->sip_from->a_tag : "";

	memset(out, 0, sizeof *out);
	hash(out->dialog, id, strlen(id) + 1, tag);
	if (sip->sip_via && sip->sip_via->v_branch)
		hash(out->branch, sip->sip_via->v_branch,
		     strlen(sip->sip_via->v_branch), "");
	out->cseq = sip->sip_cseq ? sip->sip_cseq->cs_seq : 0;
}

static void pop(struct passage *p)
{
	struct passage **at = &p->txn->pair->queue;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
}

static void passage_free(struct passage *p)
{
	msg_destroy(p->msg);
	msg_destroy(p->out);
	if (p->sdp)
		wipe(p->sdp, p->sdp_len); /* it may hold keys */
	free(p->sdp);
	free(p);
}

/* An offer that the other leg need not see. */
static bool stays(const struct passage *p, const struct body *out)
{
	return p->kind == PASS_REQUEST && !p->txn->prack_answer &&
	       !p->txn->initial && !out->len;
}

/* The message was in the queue until its fate was known. */
static void settle(struct passage *p, const struct refusal *no,
		   const struct body *out)
{
	struct refusal late = { .status = 0 };

	if (!no && early_keeps(p, out, &late)) {
		p->waiting = false;
		return;
	}
	if (late.status)
		no = &late;
	pop(p);
	if (no)
		txn_refused(p, no);
	else if (stays(p, out))
		reoffer_answer(p->txn);
	else
		txn_pass(p, out);
	passage_free(p);
}

static void on_sealed(void *user, const struct refusal *no,
		      const struct call_sealed_body *body)
{
	const struct refusal fault = reply_no(500, NULL);
	struct passage *p = user;
	struct pair *pair = p->txn->pair;

	pair->depth++;
	pop(p);
	if (pair->state != PAIR_ENDED) {
		if (no || !sealed_put(p->out, body))
			txn_refused(p, no ? no : &fault);
		else
			txn_pass_built(p);
	}
	passage_free(p);
	pair->depth--;
	pair_run(pair);
}

/* With the caller's own names in his first INVITE, where they are hidden. */
static char *bound(const struct passage *p)
{
	const struct txn *t = p->txn;
	const sip_t *sip = sip_object(p->msg);
	struct crossing x = border_crossing(t->pair, INSIDE);
	bool first = t->initial && p->kind == PASS_REQUEST;
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct body_way way;
	char *text;

	su_home_init(home);
	call_way(t->pair->call, &way);
	text = whole_bound(&way, first ? border_from(home, &x, sip) : NULL,
			   first ? sip->sip_to : NULL, p->out);
	su_home_deinit(home);
	return text;
}

/* The headers that are bound to the body must be final: the message is built
 * first, and waits. */
static void seal(struct passage *p, const struct body *out)
{
	const struct refusal no = reply_no(500, NULL);
	char *frag;

	p->secret = out->secret;
	p->described = out->len && !out->fields;
	p->out = txn_build(p);
	frag = p->out ? bound(p) : NULL;
	if (frag)
		call_seal(p->txn->pair->call, frag, out, on_sealed, p);
	else
		settle(p, &no, NULL);
	free(frag);
}

static void filtered(void *user, const struct refusal *no,
		     const struct body *out)
{
	struct passage *p = user;
	struct pair *pair = p->txn->pair;

	pair->depth++;
	if (pair->state == PAIR_ENDED) {
		pop(p);
		passage_free(p);
	} else if (!no && out->seal && !stays(p, out)) {
		seal(p, out);
	} else {
		settle(p, no, out);
	}
	pair->depth--;
	pair_run(pair);
}

static struct leg *came_from(const struct passage *p)
{
	bool back = p->kind == PASS_RESPONSE || p->kind == PASS_EARLY;
	const struct txn *t = p->txn;

	if (!back)
		return t->from;
	return p->called && !t->to->caller ? p->called : t->to;
}

static void ask(struct passage *p, const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const struct refusal no = reply_no(500, "out of memory");
	struct pair *pair = p->txn->pair;
	const struct leg *came = came_from(p);
	struct filter_request q = {
		.from = came->face->face,
		.role = role_of(p),
		.branch = p->called ? p->called->branch : 0,
		.final = p->kind == PASS_ACK ||
			 (p->kind == PASS_RESPONSE &&
			  sip->sip_status->st_status >= 200),
		.secured = p->secured,
		.opened = p->sdp && !p->parts,
	};

	su_home_init(home);
	q.body = filter_body(home, sip);
	if (p->kind == PASS_EARLY)
		q.body.type = "application/mikey";
	if (p->sdp)
		q.body = (struct body){ .type = "application/sdp",
					.data = (const uint8_t *)p->sdp,
					.len = p->sdp_len };
	filter_origin(sip, &q.origin);
	if (q.from == INSIDE && came->hop)
		uri_address(came->hop, &q.nat);
	p->waiting = true;
	pair->depth++;
	if (q.body.len)
		call_filter(pair->call, &q, filtered, p);
	else
		filtered(p, &no, NULL);
	pair->depth--;
	su_home_deinit(home);
}

/* How a message that is here is sealed on the outside, if it has no SDP. */
static enum seals seals(const struct passage *p, const sip_t *sip)
{
	const struct leg *leg = came_from(p);
	const struct txn *t = p->txn;
	int status = sip->sip_status ? sip->sip_status->st_status : 0;

	if (leg->face->face == INSIDE)
		leg = status ? t->from : t->to;
	return seals_on(t->pair, leg, sip->sip_cseq->cs_method, status);
}

static bool may_be_bare(const struct passage *p, const sip_t *sip)
{
	return seals(p, sip) != SEALS_NONE;
}

static void end_words(struct passage *p, const struct refusal *no,
		      const struct body *out);

/* What was opened has no description: a first INVITE that did not look so is
 * late. */
static void end_bare(struct passage *p)
{
	static const struct body none = { .type = "" };
	struct refusal no;

	if (p->kind == PASS_REQUEST)
		p->txn->offer = false;
	if (p->kind == PASS_REQUEST && p->txn->initial &&
	    call_late(p->txn->pair->call, &no))
		end_words(p, &no, NULL);
	else
		end_words(p, NULL, &none);
}

/* Of a whole message what was within goes on, and counts. */
static bool unwrap(struct passage *p, const char *head)
{
	msg_t *msg = head ? whole_within(head, p->msg) : NULL;

	if (!msg)
		return !head;
	leg_note_allow(came_from(p), sip_object(msg));
	msg_destroy(p->msg);
	p->msg = msg;
	return true;
}

static void on_opened(void *user, const struct refusal *no,
		      const struct body *out)
{
	const struct refusal fault = reply_no(400, "malformed description");
	struct passage *p = user;
	bool bad, bare, fits = no || unwrap(p, out->head);
	struct pair *pair = p->txn->pair;

	pair->depth++;
	bare = !no && fits && !out->len;
	bad = no || !fits || bare || memchr(out->data, 0, out->len);
	p->waiting = false;
	p->sdp = bad ? NULL : strndup((const char *)out->data, out->len);
	p->sdp_len = p->sdp ? strlen(p->sdp) : 0;
	if (bare && may_be_bare(p, sip_object(p->msg)))
		end_bare(p);
	else if (!p->sdp || !p->sdp_len)
		settle(p, no ? no : &fault, NULL);
	pair->depth--;
	pair_run(pair); /* the next step is the core's filter */
}

/* -- words, and messages that have nothing but headers -------------------- */

static void end_words(struct passage *p, const struct refusal *no,
		      const struct body *out)
{
	pop(p);
	if (no)
		txn_refused(p, no);
	else
		txn_pass(p, out);
	passage_free(p);
}

static void on_words(void *user, const struct refusal *no,
		     const struct body *out)
{
	const struct refusal fault = reply_no(400, "malformed message");
	struct passage *p = user;
	struct pair *pair = p->txn->pair;

	pair->depth++;
	if (!no && !unwrap(p, out->head))
		no = &fault;
	end_words(p, no, out);
	pair->depth--;
	pair_run(pair);
}

static void open_words(struct passage *p, const sip_t *sip)
{
	const struct refusal no = reply_no(500, NULL);
	struct call_given g;

	if (whole_given(call_whole(p->txn->pair->call), sip, &g)) {
		g.response = sip->sip_status != NULL;
		g.branch = came_from(p)->branch;
		g.bare = may_be_bare(p, sip);
		g.what = sip->sip_cseq->cs_method_name;
		call_open(p->txn->pair->call, &g, on_words, p);
	} else
		end_words(p, &no, NULL);
	words_given_free(&g);
}

static void seal_words(struct passage *p, const sip_t *sip)
{
	const struct refusal no = reply_no(500, NULL);
	char *fields = sealed_fields(sip);
	const struct body words = words_of(sip, fields);

	if (fields)
		seal(p, &words);
	else
		end_words(p, &no, NULL);
	free(fields);
}

/* False: it goes on as any other. */
static bool step_words(struct passage *p, const sip_t *sip)
{
	const struct refusal no = reply_no(403, "the profile requires sealing, "
		"and has no body = \"sign-encrypt\" for a MESSAGE");
	struct pair *pair = p->txn->pair;
	enum words fate = call_words(pair->call);

	if (!words_in(sip) || fate == WORDS_CLEAR)
		return false;
	if (filter_body_kind(sip) == BODY_SDP && fate == WORDS_SEALED &&
	    came_from(p)->face->face == INSIDE)
		return false; /* refused, as ever */
	p->waiting = true;
	pair->depth++;
	if (fate == WORDS_NONE)
		end_words(p, &no, NULL);
	else if (came_from(p)->face->face == OUTSIDE)
		open_words(p, sip);
	else
		seal_words(p, sip);
	pair->depth--;
	return true;
}

/* -- steps ---------------------------------------------------------------- */

/* Where both edges seal descriptions none is read that was not opened. */
static void open_body(struct passage *p, const sip_t *sip)
{
	const struct refusal no = reply_no(500, NULL);
	struct pair *pair = p->txn->pair;
	struct call_given g;

	p->waiting = true;
	pair->depth++;
	if (whole_given(call_whole(pair->call), sip, &g)) {
		g.words = false;
		g.response = sip->sip_status != NULL;
		g.branch = came_from(p)->branch;
		g.bare = may_be_bare(p, sip);
		g.what = g.len ? NULL : sip->sip_cseq->cs_method_name;
		call_open(pair->call, &g, on_opened, p);
	} else {
		settle(p, &no, NULL);
	}
	pair->depth--;
	words_given_free(&g);
}

/* Where both edges sign what they can, what is left has no description. False:
 * it goes on as any other. */
static bool step_signed(struct passage *p, const sip_t *sip,
			enum body_kind kind)
{
	static const struct body none = { .type = "" };
	bool in = came_from(p)->face->face == OUTSIDE;
	struct pair *pair = p->txn->pair;
	enum seals how = seals(p, sip);

	if (how == SEALS_NONE ||
	    (in && how == SEALS_OURS && kind != BODY_SEALED) ||
	    (!in && ((kind == BODY_HIDDEN && negotiates(p->txn)) ||
		     (kind == BODY_SDP && p->kind == PASS_REQUEST))))
		return false;
	p->waiting = true;
	pair->depth++;
	if (in && negotiates(p->txn))
		open_body(p, sip);
	else if (in)
		open_words(p, sip);
	else if (kind == BODY_NONE || kind == BODY_SDP || negotiates(p->txn))
		seal(p, &none);
	else
		seal_words(p, sip);
	pair->depth--;
	return true;
}

/* Whoever it is for wants bare SDP. False: it is refused, and p gone. */
static bool unpack(struct passage *p, const sip_t *sip)
{
	int status = parts_description(sip, &p->sdp, &p->sdp_len);
	const struct refusal no = reply_no(p->kind == PASS_REQUEST ? status
								   : 502,
		"a body of several parts wants one description, and no other "
		"part that is required");

	p->parts = !status;
	if (!status)
		return true;
	pop(p);
	txn_refused(p, &no);
	passage_free(p);
	return false;
}

/* The far end has its keys, or never will. */
static void let_go(struct passage *p)
{
	const struct body body = { .type = "application/sdp",
				   .data = (const uint8_t *)p->sdp,
				   .len = p->sdp_len };
	const struct refusal no = reply_no(504, "no PRACK came for the keys");

	settle(p, p->txn->pracked ? NULL : &no, &body);
}

/* Ends p, one way or the other, or leaves it with the core. */
static void step(struct passage *p)
{
	const sip_t *sip = sip_object(p->msg);
	enum body_kind kind = filter_body_kind(sip);
	bool failed = p->kind == PASS_RESPONSE &&
		      sip->sip_status->st_status >= 300;
	bool opens = negotiates(p->txn) && !failed &&
		     sealed_from(p->txn->pair, came_from(p));
	struct body body = { .type = "" };
	struct refusal no;

	if (p->held) {
		let_go(p);
		return;
	}
	if (step_words(p, sip))
		return;
	if (p->kind == PASS_RESPONSE &&
	    (fork_hushes(p->txn, sip) || before_hushes(p->txn, sip)))
		kind = BODY_NONE;
	before_describes(p);
	if (opens && !p->sdp && kind != BODY_NONE && filter_offers(sip)) {
		open_body(p, sip);
		return;
	}
	if (kind == BODY_PACKAGE &&
	    !filter_packaged(p->txn->pair, came_from(p)))
		kind = BODY_PARTS;
	if (kind == BODY_PARTS && !p->sdp && negotiates(p->txn) && !failed &&
	    p->kind != PASS_EARLY && !unpack(p, sip))
		return;
	if (p->kind == PASS_EARLY || p->sdp ||
	    ((kind == BODY_SDP || kind == BODY_PACKAGE) &&
	     negotiates(p->txn) && !failed)) {
		ask(p, sip);
		return;
	}
	if (step_signed(p, sip, kind))
		return;
	if (kind == BODY_SEALED || kind == BODY_PACKAGE || kind == BODY_PARTS)
		kind = BODY_HIDDEN;
	pop(p);
	no = reply_no(p->kind == PASS_REQUEST ? 415 : 502,
		      "a body that cannot be checked");
	if ((kind == BODY_OTHER ||
	     (kind == BODY_HIDDEN && !negotiates(p->txn))) &&
	    !(p->txn->method == sip_method_message &&
	      call_words(p->txn->pair->call) == WORDS_SEALED))
		body = (struct body){
			.type = "",
			.data = (const uint8_t *)sip->sip_payload->pl_data,
			.len = sip->sip_payload->pl_len,
		};
	if ((kind == BODY_HIDDEN && negotiates(p->txn) && !failed) ||
	    (kind == BODY_SDP && p->kind == PASS_REQUEST))
		txn_refused(p, &no);
	else
		txn_pass(p, &body);
	passage_free(p);
}

void pair_run(struct pair *pair)
{
	if (pair->running)
		return;
	pair->running = true;
	while (pair->queue && !pair->queue->waiting &&
	       pair->state != PAIR_ENDED && !early_holds(pair->queue) &&
	       !before_waits(pair->queue))
		step(pair->queue);
	pair->running = false;
	naming_tell(pair);
}

void filter_pass(struct txn *t, enum passage_kind kind, struct leg *called,
		 msg_t *msg)
{
	struct passage *p = calloc(1, sizeof *p), **at;
	struct refusal no;
	unsigned n = 0;

	if (!p || !msg) {
		free(p);
		msg_destroy(msg);
		no = reply_no(500, NULL);
		pair_end(t->pair, &no, "out of memory");
		return;
	}
	p->txn = t;
	p->kind = kind;
	p->called = called;
	p->msg = msg;
	p->secured = kind == PASS_REQUEST ? t->secured :
		face_delivers_secured((kind == PASS_ACK ? t->from : t->to)
				      ->face, msg);
	for (at = &t->pair->queue; *at; at = &(*at)->next)
		n++;
	if (n >= QUEUE_MAX && kind == PASS_RESPONSE &&
	    sip_object(msg)->sip_status->st_status < 200) {
		passage_free(p); /* requests are bounded by TXNS_MAX */
		return;
	}
	*at = p;
	pair_run(t->pair);
}

void filter_drop(struct pair *pair)
{
	struct passage *p;

	while ((p = pair->queue)) {
		pair->queue = p->next;
		passage_free(p);
	}
}
