/* server.c - see server.h.
 *
 * The question is an OPTIONS outside any dialog (RFC 3261 11), for the server
 * itself. Any answer but 408 and 503 says that it is there. Two questions in a
 * row without one, the second asked at once, and it is down; the next answer
 * makes it up again. What calls meet says less: after a failure the server
 * rests, which means that others are tried first, for half a minute, each time
 * twice as long up to five, or as its Retry-After wants.
 *
 * A 200 also says what the server can do, for whoever wants to know
 * (daemon/engine/way/discover.h): its SDP is kept as it was read. Other answers
 * say nothing of that, and change nothing. */
#include "modules/sip/trunk/server.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"
#include "daemon/uri.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/parts.h"
#include "modules/sip/message/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/tport_tag.h>

#define DOWN_AFTER 2     /* questions */
#define ANSWER_MAX_S 5   /* an answer takes no longer */
#define REST_MIN_S 30
#define REST_MAX_S 300

static void on_timer(void *user);

/* As Sofia writes it, so that the URI of a request can be compared. */
static char *written(const char *uri)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const url_t *url;
	const char *text;
	char *copy;

	su_home_init(home);
	url = url_make(home, uri);
	text = url ? url_as_string(home, url) : NULL;
	copy = text ? strdup(text) : NULL;
	su_home_deinit(home);
	return copy;
}

/* The address that DNS gave is its maddr. */
static void read_address(struct server *v)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	char host[ADDR_TEXT] = "";
	const url_t *url;

	su_home_init(home);
	url = url_make(home, v->uri);
	if (url && url->url_params)
		url_param(url->url_params, "maddr", host, sizeof host);
	su_home_deinit(home);
	if (!*host || addr_parse(host, &v->addr))
		uri_address(v->uri, &v->addr);
}

int server_new(struct sip *s, const char *uri, const char *hop,
	       struct server **out)
{
	struct server *v = calloc(1, sizeof *v);

	if (!v)
		return E_NOMEM;
	v->sip = s;
	v->hop = hop;
	v->since_us = clock_wall_us(&clock_system);
	v->uri = written(uri);
	if (!v->uri || loop_timer_new(s->loop, on_timer, v, &v->timer)) {
		server_free(v);
		return E_NOMEM;
	}
	read_address(v);
	*out = v;
	return 0;
}

static void forget_question(struct server *v)
{
	if (v->orq)
		nta_outgoing_destroy(v->orq);
	v->orq = NULL;
}

void server_free(struct server *v)
{
	if (!v)
		return;
	forget_question(v);
	loop_timer_free(v->timer);
	free(v->uri);
	free(v);
}

/* -- states --------------------------------------------------------------- */

static void change(struct server *v, enum server_state to)
{
	uint64_t now = clock_wall_us(&clock_system);
	unsigned long long s = (now - v->since_us) / 1000000;

	if (v->state == to)
		return;
	if (to == SERVER_DOWN)
		log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "next hop %s is down: "
			 "%s", v->uri, v->why);
	else if (v->state == SERVER_DOWN)
		log_info(SIP_TAG, "next hop %s is up again after %llu s",
			 v->uri, s);
	else
		log_info(SIP_TAG, "next hop %s is up", v->uri);
	v->state = to;
	v->since_us = now;
}

bool server_rests(const struct server *v)
{
	return v->rest_us && clock_mono_us(&clock_system) < v->rest_us;
}

void server_answered(struct server *v)
{
	v->rest_us = 0;
	v->rest_s = 0;
}

void server_failed(struct server *v, unsigned after_s, const char *why)
{
	snprintf(v->why, sizeof v->why, "%s", why);
	v->rest_s = !v->rest_s ? REST_MIN_S : 2 * v->rest_s;
	if (after_s)
		v->rest_s = after_s;
	if (v->rest_s > REST_MAX_S)
		v->rest_s = REST_MAX_S;
	v->rest_us = clock_mono_us(&clock_system) + v->rest_s * 1000000ull;
	log_line(LOG_CLASS_REMOTE, SIP_TAG, 0, "next hop %s: %s; others come "
		 "first for %u s", v->uri, why, v->rest_s);
	if (v->keepalive_s && !v->orq)
		loop_timer_set(v->timer, 0);
}

/* -- questions ------------------------------------------------------------ */

static unsigned wait_ms(const struct server *v)
{
	return 1000 * (v->keepalive_s < ANSWER_MAX_S ? v->keepalive_s :
						       ANSWER_MAX_S);
}

static void no_answer(struct server *v, const char *why)
{
	snprintf(v->why, sizeof v->why, "%s", why);
	v->failed++;
	if (v->failed >= DOWN_AFTER)
		change(v, SERVER_DOWN);
	loop_timer_set(v->timer, v->state == SERVER_DOWN ?
		       1000 * v->keepalive_s : 0);
}

/* Without a description it can do nothing of what that would tell. */
static void hear(struct server *v, const sip_t *sip)
{
	struct discovery said = { .at_us = clock_wall_us(&clock_system) };
	char *sdp = NULL;
	size_t len = 0;
	int status = 0;

	if (sip->sip_payload && sip->sip_payload->pl_len)
		status = parts_description(sip, &sdp, &len);
	if (status == 400 || status == 500)
		said.why = "the answer's body cannot be taken apart";
	else if (sdp && sdp_can_read(sdp, len, &said.can, &said.why) &&
		 !said.why)
		said.why = "its description cannot be read";
	if (sdp)
		wipe(sdp, len);
	free(sdp);
	v->said = said;
	engine_discovered(v->sip->engine, v->hop);
}

static int on_response(struct txn *self, nta_outgoing_t *orq, const sip_t *sip)
{
	struct server *v = (struct server *)(void *)self;
	int status = nta_outgoing_status(orq);
	bool own = !sip || nta_sip_is_internal(sip);
	char why[64];

	if (status < 200)
		return 0;
	forget_question(v);
	if (own || status == 408 || status == 503) {
		snprintf(why, sizeof why, "%s", own ?
			 "it cannot be reached" : reply_phrase(status));
		no_answer(v, why);
		return 0;
	}
	v->failed = 0;
	v->why[0] = 0;
	server_answered(v);
	change(v, SERVER_UP);
	if (status == 200)
		hear(v, sip);
	loop_timer_set(v->timer, 1000 * v->keepalive_s);
	return 0;
}

static bool put(msg_t *msg, void *header)
{
	return header && !msg_header_insert(msg, NULL, header);
}

/* The server itself: no user, no parameters but the transport. */
static url_t *itself(msg_t *msg, const struct server *v)
{
	url_t *url = url_make(msg_home(msg), v->uri);

	if (!url)
		return NULL;
	url->url_user = url->url_password = NULL;
	url->url_headers = NULL;
	url->url_params = url_strip_param_string(
		su_strdup(msg_home(msg), url->url_params ? url->url_params :
							   ""), "maddr");
	url->url_params = url_strip_param_string((char *)url->url_params,
						 "lr");
	if (url->url_params && !*url->url_params)
		url->url_params = NULL;
	return url;
}

static bool fill(const struct server *v, msg_t *msg)
{
	const struct sip_face *f = &v->sip->face[OUTSIDE];
	su_home_t *home = msg_home(msg);
	url_t *url = itself(msg, v), *route = url_make(home, v->uri);
	const sip_contact_t *us;
	sip_from_t *from;
	sip_to_t *to;

	if (!url || !route)
		return false;
	us = face_contact_to(f, route, false);
	from = sip_from_create(home, (url_string_t *)us->m_url);
	to = sip_to_create(home, (url_string_t *)url);
	return from && to &&
	       !sip_from_tag(home, from, nta_agent_newtag(home, "%s",
							   f->agent)) &&
	       put(msg, sip_request_create(home, SIP_METHOD_OPTIONS,
					   (url_string_t *)url, NULL)) &&
	       put(msg, from) && put(msg, to) &&
	       put(msg, sip_call_id_create(home, NULL)) &&
	       put(msg, sip_cseq_create(home, 1, SIP_METHOD_OPTIONS)) &&
	       put(msg, sip_max_forwards_make(home, "70")) &&
	       put(msg, sip_contact_dup(home, us)) &&
	       header_add(msg, "Accept", "application/sdp");
}

static bool ask(struct server *v)
{
	nta_agent_t *agent = v->sip->face[OUTSIDE].agent;
	msg_t *msg = nta_msg_create(agent, 0);
	struct txn *self = (struct txn *)(void *)v; /* Sofia's one type */

	if (!msg)
		return false;
	if (fill(v, msg))
		v->orq = nta_outgoing_mcreate(
			agent, on_response, self, (url_string_t *)v->uri, msg,
			TPTAG_IDENT(face_ident(msg, v->uri)), TAG_END());
	if (!v->orq)
		msg_destroy(msg);
	return v->orq;
}

/* Time for a question, or its answer is late. */
static void on_timer(void *user)
{
	struct server *v = user;

	if (!v->keepalive_s)
		return;
	if (v->orq) {
		forget_question(v);
		no_answer(v, "no answer to OPTIONS");
	} else if (ask(v)) {
		loop_timer_set(v->timer, wait_ms(v));
	} else {
		loop_timer_set(v->timer, 1000 * v->keepalive_s);
	}
}

void server_keepalive(struct server *v, unsigned seconds)
{
	unsigned before = v->keepalive_s;

	v->keepalive_s = seconds;
	if (seconds && !before)
		loop_timer_set(v->timer, 0);
	if (seconds)
		return;
	forget_question(v);
	loop_timer_stop(v->timer);
	memset(&v->said, 0, sizeof v->said);
	v->state = SERVER_UNKNOWN; /* nobody would find out that it is up */
	v->failed = 0;
}

/* -- for the operator ----------------------------------------------------- */

json_t *server_json(const struct server *v)
{
	static const char *const text[] = { "unknown", "up", "down" };
	uint64_t now = clock_mono_us(&clock_system);
	json_t *o = json_pack("{s:s,s:s,s:f}", "server", v->uri,
			      "state", text[v->state], "since",
			      (double)(v->since_us / 1000) / 1e3);

	if (o && server_rests(v))
		json_object_set_new(o, "rests_s", json_integer(
			(json_int_t)((v->rest_us - now) / 1000000 + 1)));
	if (o && *v->why)
		json_object_set_new(o, "trouble", json_string(v->why));
	return o;
}
