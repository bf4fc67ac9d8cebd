/* keepalive.c - see keepalive.h.
 *
 * A NAT forgets a UDP mapping after half a minute or so in which nothing came
 * from inside it. Each phone whose Contact is not where its REGISTER came from
 * is asked by OPTIONS every inside.keepalive seconds: its answer, whatever it
 * says, is the packet that counts. Phones are spread over the period by their
 * tokens. Over TCP and TLS the question also finds out that the connection is
 * gone.
 *
 * Does not do: take a binding away when no answer comes; it ends by itself. */
#include "modules/sip/nat/keepalive.h"

#include "daemon/base/err.h"
#include "daemon/uri.h"
#include "modules/sip/registration/binding.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/message/headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/tport_tag.h>

#define TICK_MS 1000

struct keepalive {
	struct sip *sip;
	const struct bindings *bindings;
	struct loop_timer *timer;
	unsigned tick, period_s;
};

static bool is_behind_nat(const struct binding *e)
{
	struct addr at;

	return !uri_address(e->contact, &at) ||
	       !addr_same_host(&at, &e->source);
}

/* Tokens are random hex digits. */
static unsigned share(const struct binding *e)
{
	char head[9] = "";

	memcpy(head, e->token, sizeof head - 1);
	return (unsigned)strtoul(head, NULL, 16);
}

static bool put(msg_t *msg, void *header)
{
	return header && !msg_header_insert(msg, NULL, header);
}

static bool fill(const struct sip_face *f, const struct binding *e, msg_t *msg,
		 const url_t *hop)
{
	const sip_contact_t *us = face_contact_to(f, hop, false);
	su_home_t *home = msg_home(msg);
	url_t *target = url_make(home, e->contact);
	sip_from_t *from = sip_from_create(home, (url_string_t *)us->m_url);

	return target && from &&
	       !sip_from_tag(home, from, nta_agent_newtag(home, "%s",
							   f->agent)) &&
	       put(msg, sip_request_create(home, SIP_METHOD_OPTIONS,
					   (url_string_t *)target, NULL)) &&
	       put(msg, from) &&
	       put(msg, sip_to_create(home, (url_string_t *)target)) &&
	       put(msg, sip_call_id_create(home, NULL)) &&
	       put(msg, sip_cseq_create(home, 1, SIP_METHOD_OPTIONS)) &&
	       put(msg, sip_max_forwards_make(home, "70")) &&
	       put(msg, sip_contact_dup(home, us));
}

static void ask(struct keepalive *k, const struct binding *e)
{
	const struct sip_face *f = &k->sip->face[INSIDE];
	msg_t *msg = nta_msg_create(f->agent, 0);
	char where[ADDR_TEXT], hop[ADDR_TEXT + 32];
	nta_outgoing_t *orq = NULL;
	url_t *to;

	if (!msg)
		return;
	snprintf(hop, sizeof hop, "sip:%s;transport=%s",
		 addr_text(&e->source, where), e->proto);
	to = url_make(msg_home(msg), hop);
	if (to && fill(f, e, msg, to))
		orq = nta_outgoing_mcreate(f->agent, NULL, NULL,
					   (url_string_t *)hop, msg,
					   TPTAG_IDENT(face_ident(msg, hop)),
					   TAG_END());
	if (orq)
		nta_outgoing_destroy(orq); /* the answer is for the NAT */
	else
		msg_destroy(msg);
}

static void visit(const struct binding *e, void *user)
{
	struct keepalive *k = user;

	if (share(e) % k->period_s == k->tick && is_behind_nat(e))
		ask(k, e);
}

static void on_timer(void *user)
{
	struct keepalive *k = user;

	k->period_s = engine_settings(k->sip->engine)->nat_keepalive_s;
	if (k->period_s) {
		k->tick = (k->tick + 1) % k->period_s;
		bindings_each(k->bindings, visit, k);
	}
	loop_timer_set(k->timer, TICK_MS);
}

int keepalive_new(struct sip *s, const struct bindings *b,
		  struct keepalive **out)
{
	struct keepalive *k = calloc(1, sizeof *k);
	int r;

	if (!k)
		return E_NOMEM;
	k->sip = s;
	k->bindings = b;
	r = loop_timer_new(s->loop, on_timer, k, &k->timer);
	if (r) {
		free(k);
		return r;
	}
	loop_timer_set(k->timer, TICK_MS);
	*out = k;
	return 0;
}

void keepalive_free(struct keepalive *k)
{
	if (!k)
		return;
	loop_timer_free(k->timer);
	free(k);
}
