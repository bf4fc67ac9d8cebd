/* uselist.c - what callsealctl sas tells of charon's tunnels. Nothing in it is
 * secret. See uselist.h. */
#include "daemon/tunnel/uselist.h"

#include "daemon/base/err.h"
#include "daemon/ipc.h"

#include <stdio.h>

#define PORTION (IPC_BODY_MAX - 16384) /* bytes of SAs in one message */

struct uselist uselist_of(void)
{
	return (struct uselist){ json_array(), json_array(), json_array(), 0,
				 0 };
}

void uselist_free(struct uselist *l)
{
	json_decref(l->calls);
	json_decref(l->sas);
	json_decref(l->down);
}

void uselist_call(struct uselist *l, uint32_t id, const char *state,
		  const struct msg_tunnel_use *m)
{
	char call[20], local[ADDR_TEXT], remote[ADDR_TEXT];

	if (json_array_size(l->calls) >= USES_SHOWN)
		return;
	snprintf(call, sizeof call, "%llx", (unsigned long long)m->call);
	json_array_append_new(l->calls, json_pack(
		"{s:I,s:s,s:s,s:s,s:s,s:s}", "tunnel", (json_int_t)id,
		"call", call, "state", state,
		"local", addr_text(&m->local, local),
		"remote", addr_text(&m->remote[0], remote), "peer", m->peer));
}

static json_t *way_json(uint32_t spi, uint64_t bytes, uint64_t packets)
{
	char text[16];

	snprintf(text, sizeof text, "0x%08x", spi);
	return json_pack("{s:s,s:I,s:I}", "spi", text, "bytes",
			 (json_int_t)bytes, "packets", (json_int_t)packets);
}

static void add_child(json_t *o, const struct standing_sa *sa)
{
	json_object_set_new(o, "child", json_string(sa->child));
	json_object_set_new(o, "mode", json_string(sa->transport ? "transport"
							: "tunnel"));
	json_object_set_new(o, "suite", json_string(sa->suite));
	json_object_set_new(o, "takes", json_pack("[s,s]", sa->takes_local,
						  sa->takes_remote));
	json_object_set_new(o, "in", way_json(sa->spi_in, sa->bytes_in,
					      sa->packets_in));
	json_object_set_new(o, "out", way_json(sa->spi_out, sa->bytes_out,
					       sa->packets_out));
	if (sa->left_s)
		json_object_set_new(o, "left_s", json_integer(sa->left_s));
}

static json_t *sa_json(const struct standing_sa *sa)
{
	char local[ADDR_TEXT], remote[ADDR_TEXT];
	json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "connection",
			      sa->connection, "state", sa->state, "local",
			      addr_text(&sa->local, local), "remote",
			      addr_text(&sa->remote, remote));

	if (o && sa->peer)
		json_object_set_new(o, "peer", json_string(sa->peer));
	if (o && sa->raised)
		add_child(o, sa);
	return o;
}

void uselist_sa(struct uselist *l, const struct standing_sa *sa)
{
	json_t *o = sa_json(sa);

	l->n++;
	l->bytes += o ? json_dumpb(o, NULL, 0, JSON_COMPACT) + 1 : 0;
	if (l->bytes < PORTION / 2) /* the other half is the calls' */
		json_array_append(l->sas, o);
	json_decref(o);
}

void uselist_down(struct uselist *l, const char *peer, const char *why)
{
	if (json_array_size(l->down) < USES_SHOWN)
		json_array_append_new(l->down, json_pack("{s:s,s:s}", "peer",
							 peer, "why", why));
}

char *uselist_text(const struct uselist *l, const char *trouble)
{
	json_t *o = json_pack("{s:O,s:O,s:I,s:O,s:s*}", "tunnels", l->calls,
			      "charon", l->sas, "charon_count",
			      (json_int_t)l->n, "charon_down", l->down,
			      "charon_trouble", trouble);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	return text;
}
