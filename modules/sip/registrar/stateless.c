/* stateless.c - see stateless.h.
 *
 * Nothing is decided here: what the registrar would refuse, what has
 * credentials that the keeper may have to look at, and what a transaction is
 * at work on goes the usual way. The same request gets the same To tag
 * whenever it comes; its nonce is another each time, and the phone may answer
 * any. The topmost Via is made as Sofia would make it (RFC 3261 18.2.1, RFC
 * 3581), since its own look at it comes later. */
#include "modules/sip/registrar/stateless.h"

#include "modules/sip/message/reply.h"
#include "modules/sip/registrar/admission.h"
#include "modules/sip/registrar/registrar.h"
#include "modules/sip/registration/binding.h"
#include "modules/sip/registration/register.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_string.h>
#include <sofia-sip/tport.h>

static bool is_register(const sip_t *sip)
{
	return sip && sip->sip_request && !sip->sip_error && sip->sip_via &&
	       sip->sip_request->rq_method == sip_method_register &&
	       !(sip->sip_flags & (MSG_FLG_ERROR | MSG_FLG_TOOLARGE)) &&
	       su_casematch(sip->sip_request->rq_version, sip_version_2_0) &&
	       sip_sanity_check(sip) >= 0;
}

static bool came_as_it_says(const tport_t *tp, const sip_via_t *v)
{
	const char *by = strrchr(v->v_protocol, '/');

	return by && !strcasecmp(by + 1, tport_name(tp)->tpn_proto);
}

/* Where it came from. */
static bool note_source(msg_t *msg, const tport_t *tp, sip_via_t *v)
{
	su_home_t *home = msg_home(msg);
	const su_sockaddr_t *from = msg_addr(msg);
	char host[INET6_ADDRSTRLEN];
	const char *text;

	if (!inet_ntop(from->su_family, SU_ADDR(from), host, sizeof host))
		return false;
	text = su_sprintf(home, "received=%s", host);
	if (!text || msg_header_replace_param(home, v->v_common, text) < 0)
		return false;
	if (!v->v_rport && !tport_is_tcp(tp))
		return true;
	text = su_sprintf(home, "rport=%u", ntohs(from->su_port));
	return text && msg_header_replace_param(home, v->v_common, text) >= 0;
}

/* The same for the same request: nobody remembers it. */
static sip_to_t *tagged(const struct sip_face *f, su_home_t *home,
			const sip_t *sip)
{
	sip_to_t *to = sip_to_dup(home, sip->sip_to);
	char tag[TOKEN_TEXT];
	const char *text = su_sprintf(home, "%u %s %s", sip->sip_cseq->cs_seq,
				      sip->sip_from->a_tag,
				      sip->sip_call_id->i_id);

	if (!to || !text)
		return NULL;
	bindings_alias(registry_bindings(f->sip->registry), "to", text, tag);
	return sip_to_tag(home, to, tag) < 0 ? NULL : to;
}

static msg_t *answer(struct sip_face *f, const sip_t *sip,
		     const struct addr *source, bool stale)
{
	msg_t *reply = nta_msg_create(f->agent, 0);
	sip_to_t *to = reply ? tagged(f, msg_home(reply), sip) : NULL;

	if (to && !msg_header_insert(reply, NULL, (msg_header_t *)to) &&
	    admission_challenge(f, sip, source, stale, reply))
		return reply;
	msg_destroy(reply);
	return NULL;
}

bool stateless_challenge(struct sip_face *f, const tport_t *tp, msg_t *msg)
{
	sip_t *sip = sip_object(msg);
	struct addr source;
	msg_t *reply;
	bool stale;

	if (!f || !is_register(sip) || !registrar_asks(f, sip) ||
	    !came_as_it_says(tp, sip->sip_via))
		return false;
	addr_from_sockaddr(&msg_addr(msg)->su_sa, &source);
	if (!admission_unknown(f, sip, &source, &stale) ||
	    nta_incoming_find(f->agent, sip, sip->sip_via) ||
	    !note_source(msg, tp, sip->sip_via))
		return false;
	reply = answer(f, sip, &source, stale);
	if (!reply)
		return false;
	nta_msg_mreply(f->agent, reply, sip_object(reply), 401,
		       reply_phrase(401), msg, TAG_END());
	return true;
}
