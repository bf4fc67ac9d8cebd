/* uses.c - which call's media use which of charon's tunnels. See uses.h. A use
 * is a name for (call's line, peer): when the peer's tunnel goes, the engine is
 * told of each. With ike = "after" it has the tunnel raised, and is answered
 * once that is up. */
#include "daemon/tunnel/uses.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/tunnel/uselist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "tunnel"
#define RTP_AND_RTCP 2
#define USES_MAX 65536 /* more lines than there are ports */

struct use {
	struct use *next;
	uint32_t id;
	uint64_t want;   /* of the tunnel; 0: it stands */
	uint64_t ticket; /* of the TUNNEL_USE */
	bool waits;      /* for the tunnel, and the engine for its answer */
	struct msg_tunnel_use m;
};

/* A key that the keeper was asked for. */
struct asked {
	struct asked *next;
	char peer[NAME_TEXT];
};

struct uses {
	struct uses_conf conf;
	struct use *list;
	struct asked *asked;
	size_t n;
	uint32_t last_id;
};

/* -- keys ------------------------------------------------------------------ */

static void ask_keeper(struct uses *u, const char *peer)
{
	struct msg_ike_key m = { 0 };

	snprintf(m.peer, sizeof m.peer, "%s", peer);
	/* a keeper that is not there is asked when it is back */
	u->conf.tell(u->conf.user, PROC_KEEPER, MSG_IKE_KEY, 0, &m, sizeof m,
		     NULL);
}

static struct asked **find_asked(struct uses *u, const char *peer)
{
	struct asked **at = &u->asked;

	while (*at && strcmp((*at)->peer, peer))
		at = &(*at)->next;
	return at;
}

static void need_key(void *user, const char *peer)
{
	struct uses *u = user;
	struct asked **at = find_asked(u, peer);

	if (!*at) {
		*at = calloc(1, sizeof **at);
		if (!*at)
			return; /* it is wanted again */
		snprintf((*at)->peer, sizeof (*at)->peer, "%s", peer);
	}
	ask_keeper(u, peer);
}

void uses_keeper(struct uses *u)
{
	for (struct asked *a = u->asked; a; a = a->next)
		ask_keeper(u, a->peer);
}

static int take_key(struct uses *u, const struct msg_ike_keyed *m)
{
	struct asked **at = find_asked(u, m->peer), *a = *at;
	const struct standing *s = u->conf.standing;
	struct secret key;
	int r = m->key_len <= sizeof m->key ? 0 : E_FORMAT;

	if (r || (!a && m->err))
		return r;
	if (a) { /* else a reload may have brought another one */
		*at = a->next;
		free(a);
	}
	r = m->err ? m->err : secret_set(&key, m->key, m->key_len);
	s->key(s->state, m->peer, r ? NULL : &key);
	secret_wipe(&key);
	return 0;
}

/* -- uses ------------------------------------------------------------------ */

static int add(struct uses *u, const struct msg_tunnel_use *m,
	       struct use **out)
{
	struct use *x;

	if (u->n == USES_MAX)
		return E_FULL;
	x = calloc(1, sizeof *x);
	if (!x)
		return E_NOMEM;
	*out = x;
	u->last_id = (u->last_id + 1) % TUNNEL_USE_BIT;
	x->id = u->last_id | TUNNEL_USE_BIT;
	x->m = *m;
	x->next = u->list;
	u->list = x;
	u->n++;
	return 0;
}

static void cut(struct uses *u, struct use **at)
{
	const struct standing *s = u->conf.standing;
	struct use *x = *at;

	*at = x->next;
	if (x->want)
		s->unwant(s->state, x->want);
	free(x);
	u->n--;
}

/* RTP and RTCP; with a remote of no address only its own side is asked. */
static bool all_covered(const struct uses *u, const struct msg_tunnel_use *m)
{
	const struct standing *s = u->conf.standing;
	struct addr local = m->local;

	for (int i = 0; i < RTP_AND_RTCP; i++, local.port++) {
		struct addr remote = m->remote[i];

		if (!remote.family) {
			remote = m->remote[0];
			remote.port++;
		}
		if (!s->covers(s->state, m->peer, &local, &remote))
			return false;
	}
	return true;
}

static const struct peer *peer_of(const struct policy *policy,
				  const char *name)
{
	const struct peer *p = policy_peer(policy, name);

	return p && profile_stands(p->profile) ? p : NULL;
}

static int no_tunnel(struct msg_tunnel_used *reply, const char *why)
{
	snprintf(reply->reason, sizeof reply->reason,
		 "no tunnel to the peer: %s", why);
	return E_STATE;
}

static int not_covered(struct msg_tunnel_used *reply)
{
	snprintf(reply->reason, sizeof reply->reason, "the tunnel to the peer "
		 "does not lead to the far end's media address: see ike_nets "
		 "of the peer");
	return E_POLICY;
}

/* E_AGAIN: wanted() goes on. */
static int use_once_up(struct uses *u, const struct ipc_msg *msg,
		       struct msg_tunnel_used *reply)
{
	const struct msg_tunnel_use *m = msg->body;
	const struct standing *s = u->conf.standing;
	struct use *x;
	int r = add(u, m, &x);

	if (r)
		return r;
	r = s->want(s->state, m->peer, m->begins == TUNNEL_BEGINS_THERE,
		    &x->want);
	if (r) {
		cut(u, &u->list);
		return no_tunnel(reply, err_text(r));
	}
	x->ticket = msg->id;
	x->waits = true;
	return E_AGAIN;
}

/* What SDP says of the far end's IKE, and ours for it. */
static int take_sdp(struct uses *u, const struct msg_tunnel_use *m,
		    struct msg_tunnel_used *reply)
{
	const struct standing *s = u->conf.standing;
	const char *why = s->differs(s->state, m->peer, &m->far);

	if (why) {
		snprintf(reply->reason, sizeof reply->reason, "IKE in SDP: %s",
			 why);
		return E_AUTH;
	}
	reply->ours.there = 1;
	s->ours(s->state, m->peer, &reply->ours);
	return 0;
}

/* Who called can begin only after our answer, which waits for the tunnel; but
 * not with ike = "before", where what waits is the phone. */
static bool comes_too_late(const struct uses *u, const struct peer *peer,
			   const struct msg_tunnel_use *m)
{
	const struct standing *s = u->conf.standing;

	return m->ask && m->begins == TUNNEL_BEGINS_THERE &&
	       peer->profile->ike_after && !peer->profile->ike_before &&
	       !s->up(s->state, m->peer);
}

static int use(struct uses *u, const struct ipc_msg *msg,
	       struct msg_tunnel_used *reply)
{
	const struct msg_tunnel_use *m = msg->body;
	const struct peer *peer = peer_of(u->conf.policy, m->peer);
	const struct standing *s = u->conf.standing;
	const char *why;
	struct use *x;
	int r;

	if (!peer)
		return E_NOTFOUND;
	why = s->trouble(s->state, m->peer);
	if (why)
		return no_tunnel(reply, why);
	if (comes_too_late(u, peer, m))
		return no_tunnel(reply, "the far end wants to begin IKE "
				 "(a=ike-setup:active), but who answers does; "
				 "let it offer actpass");
	r = m->far.there ? take_sdp(u, m, reply) : 0;
	if (r || m->ask)
		return r;
	if (peer->profile->ike_after)
		return use_once_up(u, msg, reply);
	if (!all_covered(u, m))
		return not_covered(reply);
	r = add(u, m, &x);
	if (!r)
		reply->tunnel = x->id;
	return r;
}

static int answer(struct uses *u, uint64_t ticket,
		  const struct msg_tunnel_used *reply)
{
	return u->conf.tell(u->conf.user, PROC_ENGINE, MSG_TUNNEL_USED,
			    ticket, reply, sizeof *reply, NULL) == E_FULL
		? E_FULL : 0;
}

static int on_use(struct uses *u, const struct ipc_msg *msg)
{
	const struct msg_tunnel_use *m = msg->body;
	struct msg_tunnel_used reply = { .ask = m->ask };

	if (!prints_sound(&m->far.certs))
		return E_FORMAT;
	reply.err = use(u, msg, &reply);
	return reply.err == E_AGAIN ? 0 : answer(u, msg->id, &reply);
}

static void on_drop(struct uses *u, const struct msg_tunnel_drop *m)
{
	for (struct use **at = &u->list; *at; at = &(*at)->next)
		if ((*at)->id == m->tunnel) {
			cut(u, at);
			return;
		}
}

static void end_use(struct uses *u, struct use **at)
{
	struct msg_tunnel_event m = { .tunnel = (*at)->id,
				      .event = TUNNEL_EVENT_GONE };

	cut(u, at);
	u->conf.tell(u->conf.user, PROC_ENGINE, MSG_TUNNEL_EVENT, 0, &m,
		     sizeof m, NULL);
}

static void gone(void *user, const char *peer)
{
	struct uses *u = user;
	struct use **at = &u->list;

	while (*at)
		if (strcmp((*at)->m.peer, peer) || (*at)->waits)
			at = &(*at)->next;
		else
			end_use(u, at);
}

/* What its new SAs do not take would go out in clear. */
static void changed(void *user, const char *peer)
{
	struct uses *u = user;
	struct use **at = &u->list;

	while (*at) {
		if (strcmp((*at)->m.peer, peer) || (*at)->waits ||
		    all_covered(u, &(*at)->m)) {
			at = &(*at)->next;
			continue;
		}
		log_error(TAG, "peer %s: the tunnel takes the media of a call "
			  "no more: the far end changed what it lets in", peer);
		end_use(u, at);
	}
}

/* The engine has its answer. */
static void raised(struct uses *u, struct use **at, const char *trouble)
{
	struct msg_tunnel_used reply = { 0 };
	uint64_t ticket = (*at)->ticket;

	(*at)->waits = false;
	reply.tunnel = (*at)->id;
	if (trouble)
		reply.err = no_tunnel(&reply, trouble);
	else if (!all_covered(u, &(*at)->m))
		reply.err = not_covered(&reply);
	if (reply.err) {
		reply.tunnel = 0;
		cut(u, at);
	}
	answer(u, ticket, &reply); /* what is lost, the engine's time ends */
}

static void wanted(void *user, uint64_t want, const char *trouble)
{
	struct uses *u = user;
	struct use **at = &u->list;

	while (*at && (*at)->want != want)
		at = &(*at)->next;
	if (*at && (*at)->waits)
		raised(u, at, trouble);
	else if (*at && (trouble || !all_covered(u, &(*at)->m)))
		end_use(u, at);
}

/* -- what OPTIONS may tell ------------------------------------------------- */

static void tell_ours(const struct uses *u, const char *peer)
{
	const struct standing *s = u->conf.standing;
	struct msg_ike_ours m;

	memset(&m, 0, sizeof m);
	m.ours.there = 1;
	s->ours(s->state, peer, &m.ours);
	snprintf(m.peer, sizeof m.peer, "%s", peer);
	if (m.ours.at.family)
		u->conf.tell(u->conf.user, PROC_ENGINE, MSG_IKE_OURS, 0, &m,
			     sizeof m, NULL);
}

void uses_engine(struct uses *u)
{
	const struct peer *p;

	for (size_t i = 0; (p = policy_at(u->conf.policy, i)); i++)
		if (profile_stands(p->profile))
			tell_ours(u, p->name);
}

/* -- what OPTIONS has found ------------------------------------------------ */

/* Of a peer that a newer configuration has it is passed over. */
static int on_found(struct uses *u, const struct msg_ike_found *m)
{
	const struct peer *p = peer_of(u->conf.policy, m->peer);
	const struct standing *s = u->conf.standing;
	const char *why;

	if (!prints_sound(&m->far.certs))
		return E_FORMAT;
	if (!p || !p->ike.discover)
		return 0;
	why = s->found(s->state, m->peer, &m->far);
	if (why)
		log_line(LOG_CLASS_REFUSED, TAG, 0, "audit: peer %s: where its "
			 "end of IKE is, as it says, is not taken: %s",
			 m->peer, why);
	return 0;
}

/* -- the operator's list --------------------------------------------------- */

/* A TUNNEL_LIST that waits for charon. */
struct listing {
	struct uses *uses;
	uint64_t id;
	struct uselist list;
};

static void see(void *user, const struct standing_sa *sa)
{
	struct listing *l = user;

	uselist_sa(&l->list, sa);
}

static void answer_list(struct listing *l, const char *trouble)
{
	struct msg_tunnel_listed a = { 0 };
	struct uses *u = l->uses;
	const struct standing *s = u->conf.standing;
	const struct peer *p;
	char *text;

	for (const struct use *x = u->list; x; x = x->next)
		uselist_call(&l->list, x->id, x->waits ? "reserved" : x->want
			     ? "raised" : "standing", &x->m);
	for (size_t i = 0; (p = policy_at(u->conf.policy, i)); i++) {
		const char *why = s->down(s->state, p->name);

		if (why && profile_stands(p->profile))
			uselist_down(&l->list, p->name, why);
	}
	text = uselist_text(&l->list, trouble);
	a.err = text ? 0 : E_NOMEM;
	a.len = text ? (uint32_t)strlen(text) : 0;
	u->conf.tell(u->conf.user, PROC_ENGINE, MSG_TUNNEL_LISTED, l->id,
		     &a, sizeof a, text);
	free(text);
	uselist_free(&l->list);
	free(l);
}

static void listed(void *user, int err)
{
	answer_list(user, err ? err_text(err) : NULL);
}

static int on_list(struct uses *u, const struct ipc_msg *msg)
{
	const struct standing *s = u->conf.standing;
	struct listing *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return 0; /* its time will be over */
	*l = (struct listing){ u, msg->id, uselist_of() };
	r = s->list(s->state, see, listed, l);
	if (r)
		answer_list(l, r == E_STATE || r == E_CLOSED
			    ? "charon is not there" : err_text(r));
	return 0;
}

/* -- dispatch -------------------------------------------------------------- */

bool uses_takes(const struct ipc_msg *msg)
{
	const struct msg_tunnel_drop *drop = msg->body;
	const struct msg_tunnel_list *list = msg->body;

	return msg->type == MSG_TUNNEL_USE || msg->type == MSG_IKE_KEYED ||
	       msg->type == MSG_IKE_FOUND ||
	       (msg->type == MSG_TUNNEL_DROP &&
		drop->tunnel & TUNNEL_USE_BIT) ||
	       (msg->type == MSG_TUNNEL_LIST && list->after & TUNNEL_USE_BIT);
}

int uses_message(struct uses *u, const struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_TUNNEL_USE:
		return on_use(u, msg);
	case MSG_IKE_KEYED:
		return take_key(u, msg->body);
	case MSG_IKE_FOUND:
		return on_found(u, msg->body);
	case MSG_TUNNEL_LIST:
		return on_list(u, msg);
	case MSG_TUNNEL_DROP:
		on_drop(u, msg->body);
		return 0;
	default:
		return E_STATE;
	}
}

void uses_clear(struct uses *u)
{
	while (u->list)
		cut(u, &u->list);
}

size_t uses_count(const struct uses *u)
{
	return u->n;
}

/* -- life ------------------------------------------------------------------ */

static const struct standing_ops ops = { need_key, gone, changed, wanted };

int uses_new(const struct uses_conf *conf, struct uses **out)
{
	const struct standing *s = conf->standing;
	struct uses *u = calloc(1, sizeof *u);
	int r;

	if (!u)
		return E_NOMEM;
	u->conf = *conf;
	r = s->begin(s->state, conf->base, conf->settings, conf->policy, &ops,
		     u);
	if (r)
		free(u);
	else
		*out = u;
	return r;
}

void uses_free(struct uses *u)
{
	struct asked *a;

	if (!u)
		return;
	uses_clear(u);
	u->conf.standing->end(u->conf.standing->state);
	while ((a = u->asked)) {
		u->asked = a->next;
		free(a);
	}
	free(u);
}
