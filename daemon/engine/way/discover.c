/* discover.c - see discover.h. Whom we tell is decided by where the question
 * came from, an address to which a route of a peer leads: the answer goes there
 * and nowhere else, whoever the question says it is from. What is told is what
 * the profiles of those peers have; of IKE only what the tunnel process told us
 * of our end, by peers. */
#include "daemon/engine/way/discover.h"

#include "daemon/base/err.h"
#include "daemon/engine/inside.h"
#include "daemon/engine/sdp/sdpike.h"
#include "daemon/engine/way/hops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SDP_MAX 4096

/* Our end of IKE for one peer. */
struct ike_end {
	struct ike_end *next;
	struct msg_ike_ours m;
};

static struct ike_end *end_of(const struct engine *e, const char *peer)
{
	struct ike_end *at = e->ike_ends;

	while (at && strcmp(at->m.peer, peer))
		at = at->next;
	return at;
}

int discover_ours(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_ike_ours *m = msg->body;
	struct ike_end *end;

	if (!m->ours.at.family || !prints_sound(&m->ours.certs))
		return E_FORMAT;
	end = end_of(e, m->peer);
	if (!end) {
		end = calloc(1, sizeof *end);
		if (!end)
			return E_NOMEM;
		end->next = e->ike_ends;
		e->ike_ends = end;
	}
	end->m = *m;
	return 0;
}

void discover_free(struct engine *e)
{
	struct ike_end *end;

	while ((end = e->ike_ends)) {
		e->ike_ends = end->next;
		free(end);
	}
}

/* -- telling --------------------------------------------------------------- */

static bool is_there(const struct hops *role, const struct peer *p,
		     const struct addr *source)
{
	for (size_t i = 0; i < p->n_routes; i++)
		if (role->serves(role->user, p->routes[i], source))
			return true;
	return false;
}

static const struct addr *our_media(const struct engine *e, uint8_t family)
{
	const struct addr *media = engine_settings(e)->face[OUTSIDE].media;

	if (!media[family == 6].family)
		family = family == 6 ? 4 : 6;
	return &media[family == 6];
}

static struct addr seen(const struct engine *e, const struct addr *own)
{
	struct addr a = settings_seen(&engine_settings(e)->face[OUTSIDE], own);

	a.port = 0;
	return a;
}

static int add_ike(const struct engine *e, const struct peer *p,
		   struct sdp_can *can)
{
	const struct ike_end *end = end_of(e, p->name);

	if (!end)
		return E_STATE;
	if (!can->ike) {
		can->ike = true;
		can->ike_at = seen(e, &end->m.ours.at);
	}
	if (!can->certs.n)
		can->certs = end->m.ours.certs;
	return 0;
}

/* calls: IKE for each call is where its media are. */
static int add_peer(const struct engine *e, const struct peer *p,
		    const struct addr *media, struct sdp_can *can, bool *calls)
{
	if (profile_stands(p->profile))
		return add_ike(e, p, can);
	*calls |= p->profile->ike_call;
	if (p->profile->ike_call || !media->family)
		return 0;
	can->esp = true;
	can->esp_at = seen(e, media);
	return 0;
}

static int write_sdp(struct engine *e, const struct sdp_can *can,
		     struct buf *out)
{
	uint64_t now = clock_wall_us(e->clock);

	e->last_capable = now > e->last_capable ? now : e->last_capable + 1;
	return sdp_can_write(can, e->last_capable,
			     can->ike ? &can->ike_at : &can->esp_at, out);
}

int engine_capable(struct engine *e, const struct addr *source,
		   struct capable *out)
{
	const struct hops *role = core_find(e->core, "hops", NULL);
	const struct policy *policy = child_policy(e->child);
	const struct addr *media = our_media(e, source->family);
	struct sdp_can can;
	const struct peer *p;
	bool calls = false;
	int r = 0;

	memset(&can, 0, sizeof can);
	out->before = false;
	for (size_t i = 0; role && !r && (p = policy_at(policy, i)); i++)
		if (p->profile->media != MEDIA_SRTP &&
		    is_there(role, p, source)) {
			r = add_peer(e, p, media, &can, &calls);
			out->before |= p->profile->ike_before;
		}
	if (!r && calls && !can.ike && media->family) {
		can.ike = true;
		can.ike_at = seen(e, media);
	}
	if (!r && !can.ike && !can.esp)
		r = E_NOTFOUND;
	if (r)
		return r;
	out->sdp = buf_of(SDP_MAX);
	r = write_sdp(e, &can, &out->sdp);
	if (r)
		buf_free(&out->sdp);
	return r;
}

/* -- being told ------------------------------------------------------------ */

enum discovered discover_judge(const struct peer *p, const struct discovery *d)
{
	if (!d || !d->at_us || d->why)
		return DISCOVERED_NOTHING;
	if (p->profile->media == MEDIA_ESP)
		return d->can.esp ? DISCOVERED_YES : DISCOVERED_NO;
	return d->can.ike && (d->can.ike_at.family || !p->ike.discover)
		? DISCOVERED_YES : DISCOVERED_NO;
}

/* The tunnel process looks at it, and charon has it prove itself. Without a
 * tunnel process it is told when there is one. */
static void tell_found(struct engine *e, const struct peer *p,
		       const struct discovery *d)
{
	struct msg_ike_found m;

	memset(&m, 0, sizeof m);
	m.far.there = 1;
	m.far.at = d->can.ike_at;
	m.far.certs = d->can.certs;
	memcpy(m.peer, p->name, sizeof m.peer);
	child_send(e->child, PROC_TUNNEL, MSG_IKE_FOUND, 0, &m, sizeof m, NULL,
		   0);
}

/* Of several servers what the one says that would be called now: else each
 * answer would lead the tunnel elsewhere. */
static void tell_first(struct engine *e, const struct hops *role,
		       const struct peer *p)
{
	const char *servers[SERVERS_MAX];
	size_t n = p->ike.discover ? role->servers(role->user, p->routes,
						   p->n_routes, servers) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct discovery *d = role->said(role->user, servers[i]);

		if (discover_judge(p, d) != DISCOVERED_YES)
			continue;
		tell_found(e, p, d);
		return;
	}
}

void engine_discovered(struct engine *e, const char *hop)
{
	const struct hops *role = core_find(e->core, "hops", NULL);
	const struct policy *policy = child_policy(e->child);
	const struct peer *p;

	for (size_t i = 0; role && (p = policy_at(policy, i)); i++)
		for (size_t k = 0; k < p->n_routes; k++)
			if (!strcmp(p->routes[k], hop)) {
				tell_first(e, role, p);
				break;
			}
}

void discover_again(struct engine *e)
{
	const struct hops *role = core_find(e->core, "hops", NULL);
	const struct policy *policy = child_policy(e->child);
	const struct peer *p;

	for (size_t i = 0; role && (p = policy_at(policy, i)); i++)
		tell_first(e, role, p);
}

/* -- for the operator ------------------------------------------------------ */

static void show_address(json_t *o, const char *name, const struct addr *at)
{
	char host[ADDR_TEXT];

	if (at->family)
		json_object_set_new(o, name, json_string(addr_host(at, host)));
}

static json_t *show_prints(const struct prints *certs)
{
	json_t *list = json_array();
	struct buf text;

	for (unsigned i = 0; list && i < certs->n; i++) {
		text = buf_of(256);
		if (!sdp_print_write(&certs->list[i], &text))
			json_array_append_new(list,
					      json_string(buf_string(&text)));
		buf_free(&text);
	}
	return list;
}

static json_t *show_said(const struct discovery *d)
{
	json_t *o = json_pack("{s:f,s:b,s:b}", "at",
			      (double)(d->at_us / 1000) / 1e3,
			      "ike", d->can.ike, "esp", d->can.esp);

	if (!o)
		return NULL;
	show_address(o, "ike_address", &d->can.ike_at);
	show_address(o, "esp_address", &d->can.esp_at);
	if (d->can.certs.n)
		json_object_set_new(o, "fingerprints",
				    show_prints(&d->can.certs));
	if (d->why)
		json_object_set_new(o, "trouble", json_string(d->why));
	return o;
}

void discover_show(json_t *server, const struct peer *p,
		   const struct discovery *d)
{
	static const char *const words[] = {
		[DISCOVERED_NOTHING] = "unknown", [DISCOVERED_YES] = "yes",
		[DISCOVERED_NO] = "no"
	};

	if (p->profile->discover == DISCOVER_NONE)
		return;
	json_object_set_new(server, "ipsec",
			    json_string(words[discover_judge(p, d)]));
	if (d && d->at_us)
		json_object_set_new(server, "said", show_said(d));
}
