/* list.c - what callsealctl sas tells: our tunnels, a portion at a time, and
 * what else the kernel has of ESP. Nothing in it is secret. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/tunnel/inside.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOREIGN_SHOWN 32
#define PORTION (IPC_BODY_MAX - 16384) /* bytes of tunnels in one message */

struct picture {
	struct tunnels *c;
	uint64_t now_us;
	struct tunnel_sa (*sa)[2]; /* by place: inbound, outbound */
	json_t *tunnels, *foreign, *policies;
	unsigned n_foreign;
	uint32_t last; /* the last tunnel shown */
	bool more;
};

static json_t *spi_json(uint32_t spi)
{
	char text[16];

	snprintf(text, sizeof text, "0x%08x", spi);
	return json_string(text);
}

static void see(void *user, void *owner, const struct tunnel_sa *sa)
{
	struct picture *p = user;
	struct tunnel *t = owner;
	struct place *at = t ? table_find(p->c, t->id) : NULL;
	char src[ADDR_TEXT], dst[ADDR_TEXT];

	if (at)
		p->sa[at - p->c->places][sa->out] = *sa;
	else if (p->n_foreign++ < FOREIGN_SHOWN)
		json_array_append_new(p->foreign, json_pack(
			"{s:o,s:s,s:s}", "spi", spi_json(sa->spi),
			"source", addr_host(&sa->src, src),
			"destination", addr_host(&sa->dst, dst)));
}

static void see_policy(void *user, const char *text)
{
	struct picture *p = user;

	if (json_array_size(p->policies) < FOREIGN_SHOWN)
		json_array_append_new(p->policies, json_string(text));
}

/* What is in the kernel, beside tunnels. */
static void look(struct picture *p, unsigned *blocks)
{
	const struct tunnel_maker *maker = p->c->conf.maker;
	struct tunnel_why why;

	if (!maker)
		return;
	if (maker->list(maker->state, see, p, blocks, &why) ||
	    maker->foreign(maker->state, see_policy, p, &why))
		log_error("tunnel", "%s", why.text);
}

static json_t *sa_json(const struct tunnel_sa *sa)
{
	return json_pack("{s:o,s:I,s:I,s:I}", "spi", spi_json(sa->spi),
			 "bytes", (json_int_t)sa->bytes,
			 "packets", (json_int_t)sa->packets,
			 "dropped", (json_int_t)sa->dropped);
}

static const char *const states[] = {
	[TUNNEL_RESERVED] = "reserved", [TUNNEL_RAISED] = "raised",
	[TUNNEL_REPLACED] = "replaced"
};

static json_int_t left_s(const struct picture *p, const struct tunnel *t)
{
	json_int_t gone = (json_int_t)((p->now_us - t->raised_us) / 1000000);

	return (json_int_t)t->life_s - gone;
}

static json_t *net_json(const struct net *n)
{
	char host[ADDR_TEXT], text[ADDR_TEXT + 8];

	snprintf(text, sizeof text, "%s/%u", addr_host(&n->base, host),
		 n->bits);
	return json_string(text);
}

/* What is behind both ends. */
static json_t *nets_json(const struct picture *p, const struct tunnel *t)
{
	const struct tunnel_settings *own = &p->c->own;
	json_t *local = json_array(), *remote = json_array();

	for (size_t i = 0; i < own->n_nets; i++)
		if (own->nets[i].base.family == t->local.family)
			json_array_append_new(local, net_json(&own->nets[i]));
	for (size_t i = 0; i < t->far.n; i++)
		json_array_append_new(remote, net_json(&t->far.sel[i].net));
	return json_pack("{s:o,s:o}", "local", local, "remote", remote);
}

/* Where ESP in UDP goes; and from where it came and must not go. */
static void add_udp(json_t *o, const struct tunnel_sa *out)
{
	struct addr to = out->dst;
	char text[ADDR_TEXT];

	to.port = out->port;
	if (to.port)
		json_object_set_new(o, "udp",
				    json_string(addr_text(&to, text)));
	if (out->elsewhere.family)
		json_object_set_new(o, "elsewhere", json_string(
			addr_text(&out->elsewhere, text)));
}

static void add_raised(const struct picture *p, const struct tunnel *t,
		       const struct tunnel_sa sa[2], json_t *o)
{
	struct addr far = t->scope == ESP_NET ? t->far.at
					      : t->far.sel[0].net.base;
	char text[ADDR_TEXT];

	far.port = t->far.sel[0].port;
	json_object_set_new(o, "peer", json_string(t->peer));
	json_object_set_new(o, "remote", json_string(addr_text(&far, text)));
	json_object_set_new(o, "suite",
		json_string(esp_suite_info(t->suite)->name));
	json_object_set_new(o, "mode", json_string(
		t->mode == ESP_TUNNEL ? "tunnel" : "transport"));
	if (t->maker->list) { /* else its SAs are under "charon" */
		json_object_set_new(o, "in", sa_json(&sa[false]));
		json_object_set_new(o, "out", sa_json(&sa[true]));
		json_object_set_new(o, "left_s",
				    json_integer(left_s(p, t)));
		add_udp(o, &sa[true]);
	}
	if (t->scope == ESP_NET)
		json_object_set_new(o, "nets", nets_json(p, t));
}

static json_t *tunnel_json(const struct picture *p, const struct tunnel *t,
			   const struct tunnel_sa sa[2])
{
	char call[20], text[ADDR_TEXT];
	json_t *o;

	snprintf(call, sizeof call, "%llx", (unsigned long long)t->call);
	o = json_pack("{s:I,s:s,s:s,s:s}", "tunnel", (json_int_t)t->id,
		      "call", call, "state", turn_waits(p->c, t)
		      ? "awaited" : states[t->state],
		      "local", addr_text(&t->local, text));
	if (o && t->state == TUNNEL_RESERVED && t->maker->list)
		json_object_set_new(o, "in", json_pack(
			"{s:o}", "spi", spi_json(t->spi)));
	else if (o && t->state != TUNNEL_RESERVED)
		add_raised(p, t, sa, o);
	return o;
}

static void add_tunnels(struct picture *p, uint32_t after)
{
	struct tunnels *c = p->c;
	size_t bytes = 0;

	for (size_t i = 0; i < c->n && !p->more; i++) {
		const struct tunnel *t = c->places[i].tunnel;
		json_t *o;

		if (t->id <= after)
			continue;
		o = tunnel_json(p, t, p->sa[i]);
		bytes += o ? json_dumpb(o, NULL, 0, JSON_COMPACT) + 1 : 0;
		p->more = bytes > PORTION;
		if (!p->more) {
			json_array_append(p->tunnels, o);
			p->last = t->id;
		}
		json_decref(o);
	}
}

/* The text of the answer, or NULL. */
static char *draw(struct picture *p, uint32_t after)
{
	unsigned blocks = 0;
	char *text = NULL;
	json_t *o;

	p->tunnels = json_array();
	p->foreign = json_array();
	p->policies = json_array();
	p->sa = calloc(p->c->n + 1, sizeof *p->sa);
	if (p->tunnels && p->foreign && p->policies && p->sa) {
		look(p, &blocks);
		add_tunnels(p, after);
	}
	o = json_pack("{s:O,s:I,s:O,s:I,s:O}", "tunnels", p->tunnels,
		      "block_policies", (json_int_t)blocks, "foreign",
		      p->foreign, "foreign_count", (json_int_t)p->n_foreign,
		      "foreign_policies", p->policies);
	if (o && p->sa)
		text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	json_decref(p->tunnels);
	json_decref(p->foreign);
	json_decref(p->policies);
	free(p->sa);
	return text;
}

int list_answer(struct tunnels *c, const struct ipc_msg *msg)
{
	const struct msg_tunnel_list *m = msg->body;
	struct picture p = { .c = c, .now_us = clock_mono_us(c->conf.clock) };
	char *text = draw(&p, m->after);
	struct msg_tunnel_listed a = {
		.err = text ? 0 : E_NOMEM,
		.len = text ? (uint32_t)strlen(text) : 0,
		.next = p.more ? p.last : c->conf.list_then,
	};
	struct ipc_msg out = { .body = &a, .len = sizeof a,
			       .tail = (const uint8_t *)text,
			       .tail_len = a.len };

	c->conf.tell(c->conf.user, MSG_TUNNEL_LISTED, msg->id, &out);
	free(text);
	return 0;
}
