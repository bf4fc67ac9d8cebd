/* whole.c - see whole.h.
 *
 * Around a message is left what proxies and the other gateway's transactions
 * read before it is opened; the keeper there compares both. Of the one around
 * counts afterwards only what its way has put there: Via, Record-Route,
 * Max-Forwards, and RSeq with its Require, which are of each hop's transaction.
 * The parser of the inner head is the one that reads all of the network. */
#include "modules/sip/sealing/whole.h"

#include "daemon/base/buf.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/sealed.h"
#include "modules/sip/words.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#define HEAD_MAX (32 * 1024)
#define LINE_MAX_LEN 8192 /* of a header of our own making */

/* -- a head as text ------------------------------------------------------- */

static const char *name_of(const msg_header_t *h)
{
	if (h->sh_class == (msg_hclass_t *)sip_unknown_class)
		return h->sh_unknown->un_name;
	return h->sh_class->hc_name;
}

static void put_start(struct buf *out, su_home_t *home, const sip_t *sip)
{
	const sip_request_t *rq = sip->sip_request;
	const sip_status_t *st = sip->sip_status;
	const char *uri = rq ? url_as_string(home, rq->rq_url) : NULL;

	if (uri)
		buf_printf(out, "%s %s SIP/2.0\r\n", rq->rq_method_name, uri);
	else if (st)
		buf_printf(out, "SIP/2.0 %d %s\r\n", st->st_status,
			   st->st_phrase ? st->st_phrase : "");
}

/* As it came, or else as Sofia prints it. */
static void put_header(struct buf *out, const msg_header_t *h)
{
	char line[LINE_MAX_LEN];
	issize_t n;

	if (h->sh_data) {
		buf_put(out, h->sh_data, h->sh_len); /* 0: of the one before */
		return;
	}
	n = msg_header_e(line, sizeof line, h, 0);
	if (n > 0 && (size_t)n < sizeof line)
		buf_put(out, line, (size_t)n);
	else
		out->err = out->err ? out->err : -1;
}

static bool is_about_body(const char *name)
{
	return header_fate(name, strlen(name)) == HEADER_BODY ||
	       !strcasecmp(name, "Content-Length") || !strcasecmp(name, "l");
}

static bool is_line(const msg_header_t *h)
{
	return name_of(h) && *name_of(h);
}

/* Of a message that came: as it did, whatever was made of it. */
static void put_received(struct buf *out, const sip_t *sip)
{
	const msg_header_t *h = sip->sip_request ?
		(const msg_header_t *)sip->sip_request :
		(const msg_header_t *)sip->sip_status;

	for (h = h ? h->sh_succ : NULL; h; h = h->sh_succ)
		if (is_line(h))
			put_header(out, h);
}

static char *text_of(struct buf *b)
{
	char *text = b->err || !b->len ? NULL : strdup(buf_string(b));

	buf_free(b);
	return text;
}

/* What only the next hops are for is of no use within. */
static const char *const ways[] = {
	"Via", "Route", "Record-Route", "Max-Forwards"
};

static bool is_in(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(names[i], name))
			return true;
	return false;
}

#define IS_IN(names, name) is_in(names, sizeof names / sizeof *names, name)

/* -- ours ----------------------------------------------------------------- */

/* What is left around: what proxies route, challenge and admit by, and what the
 * far end's transaction and dialog need before anything is opened. */
static const char *const kept[] = {
	"Via", "Route", "Record-Route", "Max-Forwards", "From", "To",
	"Call-ID", "CSeq", "Contact", "Date", "Content-Length",
	"Authorization", "Event", "Expires", "Min-SE", "Priority",
	"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck",
	"Refer-To", "Replaces", "Require", "Resource-Priority", "RSeq",
	"Session-Expires", "Subscription-State", "Supported",
	"WWW-Authenticate",
};

/* Of these, what may name somebody: not where nobody looks within. */
static const char *const naming[] = { "Contact", "Refer-To", "Replaces" };

/* Calls fn for each header of a message of ours; it may take that one out. */
static void each(msg_t *msg, void (*fn)(msg_t *, msg_header_t *, void *),
		 void *user)
{
	const msg_mclass_t *mc = msg_mclass(msg);
	char *object = (char *)sip_object(msg);
	msg_header_t *h, *next;

	for (int i = 0; i < mc->mc_hash_size; i++) {
		if (!mc->mc_hash[i].hr_class)
			continue;
		h = *(msg_header_t **)(void *)(object +
					       mc->mc_hash[i].hr_offset);
		for (; h; h = next) {
			next = h->sh_next;
			fn(msg, h, user);
		}
	}
	for (h = (msg_header_t *)sip_object(msg)->sip_unknown; h; h = next) {
		next = h->sh_next;
		fn(msg, h, user);
	}
}

/* A head that is being written. */
struct writing {
	struct buf out;
	su_home_t home[1];
	const struct body_way *way;
	const sip_from_t *from;
	const sip_to_t *to;
};

/* Of the header around it. From of what we send in a call of ours names the
 * caller, and of what we answer there who was called. */
static bool is_hidden(const struct body_way *way, const sip_t *sip, bool from)
{
	bool by_caller = way->outward == (sip->sip_request != NULL);

	return from == by_caller ? way->hide : way->hide == HIDE_BOTH;
}

/* The one with whom it is, or us. */
static void put_named(struct writing *w, const sip_t *sip, bool from)
{
	const sip_addr_t *own = from ? (const sip_addr_t *)w->from
				     : (const sip_addr_t *)w->to;
	bool us = from == (sip->sip_request != NULL);
	const char *uri = own ? url_as_string(w->home, own->a_url)
			: us ? w->way->local_id : w->way->remote_id;
	const char *display = own && own->a_display ? own->a_display : "";
	const char *tag = from ? sip->sip_from->a_tag : sip->sip_to->a_tag;

	buf_printf(&w->out, "%s: %s%s<%s>%s%s\r\n", from ? "From" : "To",
		   display, *display ? " " : "", uri ? uri : "",
		   tag ? ";tag=" : "", tag ? tag : "");
}

static void put_bound(msg_t *msg, msg_header_t *h, void *user)
{
	const sip_t *sip = sip_object(msg);
	bool from = h == (msg_header_t *)sip->sip_from;
	struct writing *w = user;

	if (!is_line(h) || is_about_body(name_of(h)) ||
	    IS_IN(ways, name_of(h)))
		return;
	if ((from || h == (msg_header_t *)sip->sip_to) &&
	    is_hidden(w->way, sip, from))
		put_named(w, sip, from);
	else
		put_header(&w->out, h);
}

char *whole_bound(const struct body_way *way, const sip_from_t *from,
		  const sip_to_t *to, msg_t *msg)
{
	struct writing w = { .out = buf_of(HEAD_MAX), .way = way,
			     .home = { SU_HOME_INIT(w.home) },
			     .from = from, .to = to };
	const sip_t *sip = sip_object(msg);

	if (!way->whole)
		return sealed_frag(sip);
	su_home_init(w.home);
	if (way->hide == HIDE_BOTH && to && way->target)
		buf_printf(&w.out, "%s %s SIP/2.0\r\n",
			   sip->sip_request->rq_method_name, way->target);
	else
		put_start(&w.out, w.home, sip);
	each(msg, put_bound, &w);
	su_home_deinit(w.home);
	return text_of(&w.out);
}

static void reduce(msg_t *msg, msg_header_t *h, void *user)
{
	const bool *unsealed = user;

	if (is_line(h) && (!IS_IN(kept, name_of(h)) ||
			   (*unsealed && IS_IN(naming, name_of(h)))))
		msg_header_remove(msg, (msg_pub_t *)sip_object(msg), h);
}

void whole_reduce(msg_t *msg, bool unsealed)
{
	each(msg, reduce, &unsealed);
}

/* -- theirs --------------------------------------------------------------- */

bool whole_given(bool whole, const sip_t *sip, struct call_given *g)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct buf b = buf_of(HEAD_MAX);

	if (!words_given(sip, g))
		return false;
	if (!whole)
		return true;
	free((char *)(uintptr_t)g->frag);
	su_home_init(home);
	put_start(&b, home, sip);
	put_received(&b, sip);
	su_home_deinit(home);
	g->frag = text_of(&b);
	if (!g->frag)
		words_given_free(g);
	return g->frag;
}

/* What the message around has, and the one within has not. */
static msg_hclass_t *const around[] = {
	sip_via_class, sip_max_forwards_class, sip_record_route_class,
	sip_rseq_class, sip_content_type_class, sip_content_length_class,
	sip_payload_class,
};

static bool take_class(msg_t *to, const msg_t *from, msg_hclass_t *class)
{
	msg_pub_t *pub = (msg_pub_t *)sip_object(to);
	msg_header_t **at = msg_hclass_offset(msg_mclass(to), pub, class);
	msg_header_t *h = msg_header_access((msg_pub_t *)sip_object(from),
					    class);

	while (at && *at)
		msg_header_remove(to, pub, *at);
	for (; h; h = h->sh_next)
		if (msg_header_insert(to, pub,
				      msg_header_dup_one(msg_home(to), h)))
			return false;
	return true;
}

/* That of a reliable response is put there by who sends it. */
static bool take_around(msg_t *to, const msg_t *from)
{
	const sip_t *sip = sip_object(from);

	for (size_t i = 0; i < sizeof around / sizeof *around; i++)
		if (!take_class(to, from, around[i]))
			return false;
	return !sip->sip_rseq || take_class(to, from, sip_require_class);
}

static bool is_alike(const sip_t *a, const sip_t *b)
{
	return a && !a->sip_request == !b->sip_request && a->sip_from &&
	       a->sip_to && a->sip_call_id && a->sip_cseq &&
	       a->sip_cseq->cs_method == b->sip_cseq->cs_method;
}

static msg_t *parsed(const char *head)
{
	struct buf b = buf_of(HEAD_MAX);
	msg_t *msg = NULL;

	buf_text(&b, head);
	buf_text(&b, "\r\n");
	if (!b.err)
		msg = msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY,
			       b.data, (ssize_t)b.len);
	buf_free(&b);
	return msg;
}

msg_t *whole_within(const char *head, msg_t *outer)
{
	msg_t *msg = parsed(head);

	if (msg && is_alike(sip_object(msg), sip_object(outer)) &&
	    take_around(msg, outer))
		return msg;
	msg_destroy(msg);
	return NULL;
}
