/* status.c - the engine and its calls as JSON, for the control socket. See
 * callseal-control(7), which names every member. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/engine/accounts.h"
#include "daemon/engine/inside.h"
#include "daemon/engine/way/location.h"

#include <inttypes.h>
#include <stdlib.h>

const char *status_state(const struct call *c)
{
	if (c->state == CALL_UP)
		return "up";
	return c->deal ? "answered" : "setup";
}

/* Ids are 64 bits, more than some JSON readers hold: they go as text. */
json_t *status_id(uint64_t id)
{
	return json_sprintf("%" PRIx64, id);
}

static json_t *seconds(uint64_t us)
{
	return json_real((double)(us / 1000) / 1000.0);
}

static json_t *face_stats(const struct msg_face_stats *f)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
			 "packets_in", (json_int_t)f->packets_in,
			 "bytes_in", (json_int_t)f->bytes_in,
			 "packets_out", (json_int_t)f->packets_out,
			 "bytes_out", (json_int_t)f->bytes_out,
			 "rtcp_in", (json_int_t)f->rtcp_in,
			 "rtcp_out", (json_int_t)f->rtcp_out,
			 "dropped_auth", (json_int_t)f->dropped_auth,
			 "dropped_replay", (json_int_t)f->dropped_replay,
			 "dropped_no_key", (json_int_t)f->dropped_no_key,
			 "dropped_source", (json_int_t)f->dropped_source,
			 "dropped_format", (json_int_t)f->dropped_format,
			 "dropped_index", (json_int_t)f->dropped_index);
}

/* An SSRC as captures show it; none before the first packet told it. */
static json_t *ssrc_text(uint32_t ssrc)
{
	return ssrc ? json_sprintf("%08x", ssrc) : NULL;
}

static json_t *key_use(const struct msg_key_use *k)
{
	return json_pack("{s:o*,s:o*,s:I,s:I,s:I,s:I,s:I}", "id",
			 status_id(k->id), "ssrc", ssrc_text(k->ssrc), "roc",
			 (json_int_t)(k->rtp_index >> 16), "packets",
			 (json_int_t)k->rtp, "rtcp", (json_int_t)k->rtcp,
			 "packets_left", (json_int_t)k->rtp_left, "rtcp_left",
			 (json_int_t)k->rtcp_left);
}

static void put_keys(json_t *o, const struct msg_key_use key[static 2])
{
	static const char *const name[] = { [KEY_SEND] = "key_send",
					    [KEY_RECV] = "key_receive" };

	for (int d = KEY_SEND; d <= KEY_RECV; d++)
		if (key[d].id)
			json_object_set_new(o, name[d], key_use(&key[d]));
}

static void put_stats(json_t *o, const struct msg_stream_stats *s)
{
	static const char *const face[] = { "inside", "outside" };
	char text[ADDR_TEXT];
	json_t *side;

	for (int f = INSIDE; f <= OUTSIDE; f++) {
		side = face_stats(&s->face[f]);
		json_object_set_new(side, "quiet_s", seconds(s->quiet_us[f]));
		if (s->remote[f].family)
			json_object_set_new(side, "remote",
				json_string(addr_text(&s->remote[f], text)));
		json_object_set_new(o, face[f], side);
	}
	put_keys(o, s->key);
	json_object_set_new(o, "idle_s", seconds(
		s->quiet_us[INSIDE] < s->quiet_us[OUTSIDE]
		? s->quiet_us[INSIDE] : s->quiet_us[OUTSIDE]));
}

static json_t *line_json(const struct call *c, unsigned i)
{
	const struct line *l = &c->line[i];
	char in[ADDR_TEXT], out[ADDR_TEXT];
	json_t *o = json_pack("{s:i,s:I,s:s,s:s}", "line", (int)i + 1,
			      "stream", (json_int_t)l->stream,
			      "local_inside", addr_text(&l->local[INSIDE], in),
			      "local_outside",
			      addr_text(&l->local[OUTSIDE], out));

	if (o && l->stats)
		put_stats(o, l->stats);
	return o;
}

static json_t *lines_json(const struct call *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; list && i < SDP_LINES_MAX; i++)
		if (c->line[i].stream)
			json_array_append_new(list, line_json(c, i));
	return list;
}

/* Why it has its method; NULL: not told. */
static const char *choice_text(unsigned choice)
{
	static const char *const text[KEY_CHOICES] = {
		[KEY_CHOICE_ONLY] = "the profile has no other",
		[KEY_CHOICE_FIRST] = "the profile's first, and it was answered",
		[KEY_CHOICE_OFFERED] = "the far end offered it, and the "
				       "profile has it",
		[KEY_CHOICE_RULE] = "the lowest sum of both sides' ranks",
		[KEY_CHOICE_AUTOMATIC] = "the offerer's first that both sides "
					 "have",
		[KEY_CHOICE_REMEMBERED] = "it last worked with this far end",
	};

	return choice < KEY_CHOICES ? text[choice] : NULL;
}

static void put_method(json_t *o, const struct msg_key_facts *key)
{
	const char *why = choice_text(key->choice);

	json_object_set_new(o, "method", json_string(key->method));
	if (why)
		json_object_set_new(o, "chosen", json_string(why));
	json_object_set_new(o, "suite",
			    json_string(verdict_suite(key)));
	if (verdict_around(key))
		json_object_set_new(o, "esp",
				    json_string(verdict_around(key)));
	if (key->identity == KEY_IDENTITY_OTHER)
		json_object_set_new(o, "keyed_as", json_string(key->other));
	if (key->key_bits)
		json_object_set_new(o, "key_bits",
				    json_integer(key->key_bits));
}

static void put_protection(json_t *o, const struct call *c)
{
	const struct msg_key_facts *key = call_facts(c);

	if (c->state == CALL_UP) {
		json_object_set_new(o, "verdict",
			json_string(verdict_name(c->verdict.word)));
		json_object_set_new(o, "reason",
				    json_string(c->verdict.reason));
	}
	if (key && verdict_suite(key))
		put_method(o, key);
	if (call_sealed(c) && c->state == CALL_UP)
		json_object_set_new(o, "rekeys",
				    json_integer(c->rekey.count));
	if (c->rekey.last_us)
		json_object_set_new(o, "last_rekey",
				    seconds(c->rekey.last_us));
	if (*c->reason)
		json_object_set_new(o, "trouble", json_string(c->reason));
}

/* How the call was offered, where there are several ways. */
static const char *attempt_text(const struct call *c)
{
	static const char *const text[] = {
		[RUNG_SEALED] = "sealed",
		[RUNG_OPPORTUNISTIC] = "with keys that may be left out",
		[RUNG_PLAIN] = "plain",
	};

	return c->need == NEED_PREFER && c->from == INSIDE ? text[c->rung]
							   : NULL;
}

json_t *status_call(const struct call *c, bool streams)
{
	json_t *o = json_pack("{s:o*,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s*,s:o*}",
			      "id", status_id(c->id),
			      "state", status_state(c),
			      "direction", c->from == INSIDE ? "out" : "in",
			      "caller", c->caller, "callee", c->callee,
			      "peer", c->peer, "profile", c->profile,
			      "need", profile_need(c->need),
			      "offered", attempt_text(c),
			      "since", seconds(c->started_us));

	if (!o)
		return NULL;
	if (c->up_us)
		json_object_set_new(o, "up", seconds(c->up_us));
	if (c->connected)
		json_object_set_new(o, "connected", json_string(c->connected));
	put_protection(o, c);
	if (streams)
		json_object_set_new(o, "streams", lines_json(c));
	return o;
}

static json_t *process_json(const struct engine *e, enum process p)
{
	const struct sibling *s = &e->sibling[p];

	return json_pack("{s:b,s:I,s:I}", "up", s->epoch != 0, "epoch",
			 (json_int_t)s->epoch, "starts", (json_int_t)s->starts);
}

/* This process itself: the one that a fault in what it parses ends. */
static json_t *self_json(const struct engine *e)
{
	unsigned signal, restarts = child_restarts(e->child, &signal);
	json_t *o = json_pack("{s:b,s:I,s:I}", "up", 1, "epoch",
			      (json_int_t)child_epoch(e->child), "starts",
			      (json_int_t)restarts + 1);

	if (signal)
		json_object_set_new(o, "last_signal",
				    json_integer((json_int_t)signal));
	return o;
}

static json_t *counters_json(const struct counters *n)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "started",
			 (json_int_t)n->started, "refused",
			 (json_int_t)n->refused, "up", (json_int_t)n->up,
			 "ended", (json_int_t)n->ended, "failed",
			 (json_int_t)n->failed, "hung_up",
			 (json_int_t)n->hung_up, "late",
			 (json_int_t)n->late, "rekeyed",
			 (json_int_t)n->rekeyed, "rekey_failed",
			 (json_int_t)n->rekey_failed);
}

/* Those that this configuration has. */
static json_t *processes_json(const struct engine *e)
{
	static const enum process others[] = { PROC_KEEPER, PROC_RELAY,
					       PROC_TUNNEL };
	json_t *o = json_object();

	json_object_set_new(o, process_name(PROC_ENGINE), self_json(e));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (others[i] != PROC_TUNNEL || e->sibling[others[i]].starts)
			json_object_set_new(o, process_name(others[i]),
					    process_json(e, others[i]));
	return o;
}

/* NULL: no TLS. */
static json_t *tls_json(const struct engine *e)
{
	const struct signalling *s = core_find(e->core, "signalling", NULL);
	int64_t expires;

	if (!s || !s->expires || !s->expires(&expires))
		return NULL;
	return json_pack("{s:I}", "expires", (json_int_t)expires);
}

json_t *engine_status(const struct engine *e)
{
	uint64_t now = clock_wall_us(e->clock);

	return json_pack("{s:s,s:o*,s:b,s:I,s:I,s:o*,s:o*,s:o*,s:o*}",
			 "version", PACKAGE_VERSION, "uptime_s",
			 seconds(now - e->started_us), "draining", e->draining,
			 "calls", (json_int_t)e->n_calls, "calls_max",
			 (json_int_t)engine_settings(e)->calls_max, "count",
			 counters_json(&e->count), "guard",
			 guard_counters(e->guard), "processes",
			 processes_json(e), "tls", tls_json(e));
}

/* Oldest first: ids grow within one engine. */
static int by_id(const void *a, const void *b)
{
	const struct call *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static json_t *list_of(const struct call **list, size_t n)
{
	json_t *out = json_array();

	qsort(list, n, sizeof *list, by_id);
	for (size_t i = 0; out && i < n; i++)
		json_array_append_new(out, status_call(list[i], false));
	return out;
}

json_t *engine_calls(const struct engine *e)
{
	const struct call **list = calloc(e->n_calls + 1, sizeof *list);
	json_t *out = NULL;
	size_t n = 0;

	if (!list)
		return NULL;
	for (size_t i = 0; i < CALL_BUCKETS; i++)
		for (struct call *c = e->calls[i]; c; c = c->next)
			list[n++] = c;
	out = list_of(list, n);
	free(list);
	return out;
}

json_t *engine_call(const struct engine *e, uint64_t id)
{
	const struct call *c = call_find(e, id);

	return c ? status_call(c, true) : NULL;
}

int engine_hangup(struct engine *e, uint64_t id)
{
	struct call *c = call_find(e, id);

	if (!c)
		return E_NOTFOUND;
	LOG_CALL(c, LOG_CLASS_INFO, "hung up by the operator");
	call_hang_up(c, 480, "ended by the operator");
	return 0;
}

json_t *engine_accounts(const struct engine *e)
{
	const struct accounts_role *a = core_find(e->core, "accounts", NULL);

	return a ? a->list(a->user) : json_array();
}

json_t *engine_registrations(const struct engine *e)
{
	const struct location *l = core_find(e->core, "location", NULL);

	return l ? l->list(l->user) : json_array();
}
