/* command.c - the commands of the control socket, one row each. A request is
 * {"cmd":NAME, ...}; a reply has "ok", and "error" when that is false. Unknown
 * members of a request are ignored, unknown commands are not. */
#include "modules/control/control.h"

#include "daemon/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *command_error(const char *text)
{
	return json_pack("{s:b,s:s}", "ok", 0, "error", text);
}

/* {"ok":true, name: value}; takes value. */
static json_t *reply_with(const char *name, json_t *value)
{
	if (!value)
		return command_error("out of memory");
	return json_pack("{s:b,s:o}", "ok", 1, name, value);
}

static json_t *cmd_status(struct client *c, const json_t *q)
{
	(void)q;
	return reply_with("status", engine_status(c->control->engine));
}

static json_t *cmd_calls(struct client *c, const json_t *q)
{
	struct engine *e = c->control->engine;

	if (json_is_true(json_object_get(q, "ended")))
		return reply_with("calls", engine_ended(e));
	return reply_with("calls", engine_calls(e));
}

/* "id" is text in hexadecimal, as calls shows it. */
static int read_id(const json_t *q, uint64_t *out)
{
	const char *text = json_string_value(json_object_get(q, "id"));
	char *end;

	if (!text || !strchr("0123456789abcdefABCDEF", *text) || !*text)
		return E_FORMAT;
	errno = 0;
	*out = strtoull(text, &end, 16);
	return *end || errno ? E_FORMAT : 0;
}

static json_t *call_reply(struct client *c)
{
	json_t *call = engine_call(c->control->engine, c->call);

	if (!call)
		return command_error("no such call");
	return reply_with("call", call);
}

static struct client *client_of(struct control *control, uint64_t token)
{
	struct client *c = control->clients;

	while (c && c->token != token)
		c = c->next;
	return c;
}

/* Counters that could not be renewed are shown as they were. */
static void on_measured(void *user, uint64_t token, int err)
{
	struct client *c = client_of(user, token);

	(void)err;
	if (c && c->waiting)
		client_reply_late(c, call_reply(c));
	else if (c)
		c->measured = true;
}

static json_t *cmd_call(struct client *c, const json_t *q)
{
	struct control *control = c->control;

	if (read_id(q, &c->call))
		return command_error("\"id\" is missing or not hexadecimal");
	c->measured = false;
	if (engine_measure(control->engine, c->call, on_measured, control,
			   c->token) || c->measured)
		return call_reply(c);
	c->waiting = true;
	return NULL;
}

static json_t *cmd_trace(struct client *c, const json_t *q)
{
	json_t *trace;
	uint64_t id;

	if (read_id(q, &id))
		return command_error("\"id\" is missing or not hexadecimal");
	trace = engine_trace(c->control->engine, id);
	return trace ? reply_with("trace", trace)
		     : command_error("no such call, or it ended too long ago");
}

static json_t *cmd_hangup(struct client *c, const json_t *q)
{
	uint64_t id;

	if (read_id(q, &id))
		return command_error("\"id\" is missing or not hexadecimal");
	if (engine_hangup(c->control->engine, id))
		return command_error("no such call");
	return json_pack("{s:b}", "ok", 1);
}

static void on_rekeyed(void *user, uint64_t token, int err, const char *why)
{
	struct client *c = client_of(user, token);
	char text[256];

	if (!c || !c->waiting)
		return;
	snprintf(text, sizeof text, "no new keys: %s", why);
	client_reply_late(c, err ? command_error(text) : call_reply(c));
}

static json_t *cmd_rekey(struct client *c, const json_t *q)
{
	struct control *control = c->control;

	if (read_id(q, &c->call))
		return command_error("\"id\" is missing or not hexadecimal");
	switch (engine_rekey(control->engine, c->call, on_rekeyed, control,
			     c->token)) {
	case 0:
		c->waiting = true;
		return NULL;
	case E_NOTFOUND:
		return command_error("no such call");
	case E_STATE:
		return command_error("the call is not up yet");
	case E_UNSUPPORTED:
		return command_error("the call is not sealed: it has no keys");
	default:
		return command_error("out of memory");
	}
}

static void on_glance(void *user, uint64_t token, int err, json_t *what)
{
	struct client *c = client_of(user, token);
	char text[128];

	if (!c || !c->waiting)
		return;
	snprintf(text, sizeof text, "the process that knows did not tell: %s",
		 err_text(err));
	client_reply_late(c, err ? command_error(text)
				 : reply_with(c->glance, json_incref(what)));
}

static json_t *glance(struct client *c, enum show what, const char *member)
{
	struct control *control = c->control;

	if (engine_glance(control->engine, what, on_glance, control, c->token))
		return command_error("the keeper is not there");
	c->glance = member;
	c->waiting = true;
	return NULL;
}

static json_t *cmd_certs(struct client *c, const json_t *q)
{
	(void)q;
	return glance(c, SHOW_CERTS, "certs");
}

static json_t *cmd_trust(struct client *c, const json_t *q)
{
	(void)q;
	return glance(c, SHOW_TRUST, "trust");
}

static json_t *cmd_sas(struct client *c, const json_t *q)
{
	struct control *control = c->control;

	(void)q;
	if (engine_tunnels(control->engine, on_glance, control, c->token))
		return command_error("there are no tunnels: no peer has a "
				     "profile with media = \"esp\" or "
				     "\"ike\", or the tunnel process is "
				     "being started");
	c->glance = "sas";
	c->waiting = true;
	return NULL;
}

static json_t *cmd_reload(struct client *c, const json_t *q)
{
	(void)q;
	child_ask_reload(engine_child(c->control->engine));
	return json_pack("{s:b}", "ok", 1);
}

static json_t *cmd_registrations(struct client *c, const json_t *q)
{
	(void)q;
	return reply_with("registrations",
			  engine_registrations(c->control->engine));
}

static json_t *cmd_accounts(struct client *c, const json_t *q)
{
	(void)q;
	return reply_with("accounts", engine_accounts(c->control->engine));
}

static json_t *cmd_peers(struct client *c, const json_t *q)
{
	(void)q;
	return reply_with("peers", engine_peers(c->control->engine));
}

static json_t *cmd_help(struct client *c, const json_t *q);

static const struct {
	const char *name;
	json_t *(*run)(struct client *c, const json_t *q);
	const char *help;
} commands[] = {
	{ "status", cmd_status, "the engine, its counters and siblings" },
	{ "calls", cmd_calls, "all calls; with \"ended\":true the last ended" },
	{ "call", cmd_call, "one call by \"id\", with its streams" },
	{ "trace", cmd_trace, "where the call with this \"id\" came from" },
	{ "hangup", cmd_hangup, "ends the call with this \"id\"" },
	{ "rekey", cmd_rekey, "gives the call with this \"id\" new keys" },
	{ "certs", cmd_certs, "certificates, anchors, lists and their dates" },
	{ "trust", cmd_trust, "certificates trusted on first use" },
	{ "sas", cmd_sas, "the tunnels of calls, and other SAs of ESP" },
	{ "accounts", cmd_accounts, "our accounts at peers, and their state" },
	{ "peers", cmd_peers, "the peers, and which next hops work" },
	{ "registrations", cmd_registrations, "the registered phones" },
	{ "reload", cmd_reload, "asks the parent to read the configuration" },
	{ "help", cmd_help, "this list" },
};

static json_t *cmd_help(struct client *c, const json_t *q)
{
	json_t *list = json_object();

	(void)c;
	(void)q;
	for (size_t i = 0; list && i < sizeof commands / sizeof *commands; i++)
		json_object_set_new(list, commands[i].name,
				    json_string(commands[i].help));
	return reply_with("commands", list);
}

static json_t *run_object(struct client *c, const json_t *q)
{
	const char *name = json_string_value(json_object_get(q, "cmd"));

	if (!name)
		return command_error("the request has no \"cmd\"");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(commands[i].name, name))
			return commands[i].run(c, q);
	return command_error("no such command; \"help\" lists them");
}

json_t *command_run(struct client *c, const char *line, size_t len)
{
	json_t *q = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *reply;

	if (!json_is_object(q))
		reply = command_error("the request is no JSON object");
	else
		reply = run_object(c, q);
	json_decref(q);
	return reply;
}
