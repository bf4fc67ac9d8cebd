/* gate.c - see gate.h.
 *
 * Sofia's nta gives its transports a table of functions (tport_tcreate()), of
 * which the first takes each message. The dynamic linker prefers our function
 * of that name, as with those of tls.c: it calls Sofia's own with a table of
 * ours, whose first function asks the guard and then nta's. Only structs that
 * Sofia's header declares are touched. What is dropped here has cost its
 * parsing and nothing more: no transaction, no answer.
 *
 * Does not do: bytes that are no message (keepalives), which the transports
 * take by themselves. */
#include "modules/sip/transport/gate.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/sip/message/unquoted.h"
#include "modules/sip/registrar/stateless.h"
#include "modules/sip/reliable.h"

#include <dlfcn.h>
#include <stdlib.h>

#define TP_STACK_T nta_agent_t

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/su_tagarg.h>
#include <sofia-sip/tport.h>

/* Sofia's table, the same for each agent, and ours in its place. */
static const tport_stack_class_t *behind;
static tport_stack_class_t ours;

static bool is_malformed(const sip_t *sip)
{
	return (!sip->sip_request && !sip->sip_status) || sip->sip_error ||
	       (sip->sip_flags & (MSG_FLG_ERROR | MSG_FLG_TOOLARGE |
				  MSG_FLG_TRUNC));
}

static enum guard_fate ask(nta_agent_t *agent, msg_t *msg)
{
	const struct sip_face *f = nta_agent_magic(agent);
	const sip_t *sip = sip_object(msg);
	struct guard_message m = { .malformed = true };

	if (!f)
		return GUARD_PASS;
	m.face = f->face;
	addr_from_sockaddr(&msg_addr(msg)->su_sa, &m.source);
	if (sip) {
		m.request = sip->sip_request;
		m.malformed = is_malformed(sip);
		m.agent = sip->sip_user_agent ? sip->sip_user_agent->g_string
					      : NULL;
	}
	return engine_message(f->sip->engine, &m);
}

static void refuse(nta_agent_t *agent, msg_t *msg)
{
	const sip_t *sip = sip_object(msg);

	if (sip && sip->sip_request && sip->sip_via &&
	    sip->sip_request->rq_method != sip_method_ack)
		nta_msg_treply(agent, msg, SIP_403_FORBIDDEN, TAG_END());
	else
		msg_destroy(msg);
}

/* What the outside may send as it did in 2005, if the operator lets it. */
static void mend(nta_agent_t *agent, msg_t *msg)
{
	const struct sip_face *f = nta_agent_magic(agent);

	if (f && f->face == OUTSIDE && engine_legacy(f->sip->engine))
		unquoted_mend(msg);
}

static void take(tp_stack_t *agent, tport_t *tp, msg_t *msg,
		 tp_magic_t *magic, su_time_t received)
{
	mend(agent, msg);
	switch (ask(agent, msg)) {
	case GUARD_PASS:
		if (!reliable_prack(nta_agent_magic(agent), msg) &&
		    !stateless_challenge(nta_agent_magic(agent), tp, msg))
			behind->tpac_recv(agent, tp, msg, magic, received);
		break;
	case GUARD_REFUSE:
		refuse(agent, msg);
		break;
	case GUARD_DROP:
		msg_destroy(msg);
		break;
	}
}

tport_t *tport_tcreate(tp_stack_t *stack, const tport_stack_class_t *tpac,
		       su_root_t *root, tag_type_t tag, tag_value_t value,
		       ...)
{
	static tport_t *(*create)(tp_stack_t *, const tport_stack_class_t *,
				  su_root_t *, tag_type_t, tag_value_t, ...);
	tport_t *tp;
	ta_list ta;

	if (!create)
		*(void **)&create = dlsym(RTLD_NEXT, "tport_tcreate");
	if (!create)
		return NULL; /* no agent is made */
	behind = tpac;
	ours = *tpac;
	ours.tpac_recv = take;
	ta_start(ta, tag, value);
	tp = create(stack, &ours, root, ta_tags(ta));
	(void)ta_end(ta);
	return tp;
}

int gate_check(void)
{
	if (behind)
		return 0;
	log_error(SIP_TAG, "Sofia-SIP's messages do not come by the guard: not "
		  "the version this was built for");
	return E_STATE;
}
