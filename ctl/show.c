/* show.c - what the daemon says, in aligned columns for human eyes. --json
 * gives the objects themselves; see callseal-control(7) for their members. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CELL 256
#define COLUMNS_MAX 8

static const char *text_of(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t && *t ? t : "-";
}

static long long int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Names come from far away: nothing of theirs may drive a terminal. */
static char *clean(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return text;
}

static void put_duration(char out[static CELL], double s)
{
	long long n = s < 0 ? 0 : (long long)s;

	if (n >= 86400)
		snprintf(out, CELL, "%lldd%02lldh", n / 86400,
			 n / 3600 % 24);
	else
		snprintf(out, CELL, "%lld:%02lld:%02lld", n / 3600,
			 n / 60 % 60, n % 60);
}

static void put_clock(char out[static CELL], double s)
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!localtime_r(&t, &tm) ||
	    !strftime(out, CELL, "%Y-%m-%d %H:%M:%S", &tm))
		strcpy(out, "-");
}

/* -- tables --------------------------------------------------------------- */

/* A column: its title, and how a cell is made of an object. */
struct column {
	const char *title;
	const char *key; /* a text member, when cell is NULL */
	void (*cell)(const json_t *o, char out[static CELL]);
};

static void cell(const struct column *c, const json_t *o, char out[static CELL])
{
	if (c->cell)
		c->cell(o, out);
	else
		snprintf(out, CELL, "%s", text_of(o, c->key));
	clean(out);
}

static void measure(const struct column *c, const json_t *list, int *width)
{
	char text[CELL];
	const json_t *o;
	size_t i;

	*width = (int)strlen(c->title);
	json_array_foreach(list, i, o) {
		cell(c, o, text);
		if ((int)strlen(text) > *width)
			*width = (int)strlen(text);
	}
}

/* The last column is not padded. */
static void put_row(const struct column *c, const int *width, const json_t *o)
{
	char text[CELL];

	for (; c->title; c++, width++) {
		if (o)
			cell(c, o, text);
		else
			snprintf(text, sizeof text, "%s", c->title);
		if (c[1].title)
			printf("%-*s  ", *width, text);
		else
			printf("%s\n", text);
	}
}

static void put_table(const struct column *columns, const json_t *list)
{
	int width[COLUMNS_MAX];
	const json_t *o;
	size_t i;

	for (i = 0; columns[i].title; i++)
		measure(&columns[i], list, &width[i]);
	put_row(columns, width, NULL);
	json_array_foreach(list, i, o)
		put_row(columns, width, o);
}

/* -- calls ---------------------------------------------------------------- */

static void cell_age(const json_t *o, char out[static CELL])
{
	double since = json_real_value(json_object_get(o, "since"));

	put_duration(out, difftime(time(NULL), (time_t)since));
}

static void cell_ended(const json_t *o, char out[static CELL])
{
	put_clock(out, json_real_value(json_object_get(o, "ended")));
}

static void cell_status(const json_t *o, char out[static CELL])
{
	snprintf(out, CELL, "%lld", int_of(o, "status"));
}

/* Why it failed, else how well it was protected. */
static void cell_why(const json_t *o, char out[static CELL])
{
	const char *trouble = json_string_value(json_object_get(o, "trouble"));
	const char *cause = text_of(o, "cause");

	snprintf(out, CELL, "%s", trouble ? trouble : cause);
}

void show_calls(const json_t *calls)
{
	static const struct column columns[] = {
		{ "ID", "id", NULL }, { "STATE", "state", NULL },
		{ "DIR", "direction", NULL }, { "VERDICT", "verdict", NULL },
		{ "AGE", NULL, cell_age }, { "CALLER", "caller", NULL },
		{ "CALLEE", "callee", NULL }, { NULL, NULL, NULL }
	};

	if (json_array_size(calls))
		put_table(columns, calls);
	else
		puts("no calls");
}

void show_ended(const json_t *calls)
{
	static const struct column columns[] = {
		{ "ID", "id", NULL }, { "ENDED", NULL, cell_ended },
		{ "STATUS", NULL, cell_status },
		{ "DIR", "direction", NULL }, { "VERDICT", "verdict", NULL },
		{ "CALLER", "caller", NULL }, { "CALLEE", "callee", NULL },
		{ "WHY", NULL, cell_why }, { NULL, NULL, NULL }
	};

	if (json_array_size(calls))
		put_table(columns, calls);
	else
		puts("no ended calls");
}

/* -- registrations -------------------------------------------------------- */

static void cell_left(const json_t *o, char out[static CELL])
{
	double until = json_real_value(json_object_get(o, "expires"));

	put_duration(out, difftime((time_t)until, time(NULL)));
}

static void cell_phone(const json_t *o, char out[static CELL])
{
	snprintf(out, CELL, "%s %s", text_of(o, "transport"),
		 text_of(o, "phone"));
}

void show_registrations(const json_t *registrations)
{
	static const struct column columns[] = {
		{ "ACCOUNT", "account", NULL }, { "KIND", "kind", NULL },
		{ "PHONE", NULL, cell_phone },
		{ "EXPIRES IN", NULL, cell_left },
		{ "CONTACT", "contact", NULL }, { NULL, NULL, NULL }
	};

	if (json_array_size(registrations))
		put_table(columns, registrations);
	else
		puts("no registrations");
}

/* -- accounts ------------------------------------------------------------- */

static void cell_until(const json_t *o, char out[static CELL])
{
	const json_t *expires = json_object_get(o, "expires");

	if (expires)
		put_duration(out, json_number_value(expires) -
					  (double)time(NULL));
	else
		strcpy(out, "-");
}

void show_accounts(const json_t *accounts)
{
	static const struct column columns[] = {
		{ "ACCOUNT", "name", NULL }, { "PEER", "peer", NULL },
		{ "STATE", "state", NULL }, { "EXPIRES IN", NULL, cell_until },
		{ "TROUBLE", "trouble", NULL }, { NULL, NULL, NULL }
	};

	if (json_array_size(accounts))
		put_table(columns, accounts);
	else
		puts("no accounts");
}

/* -- peers ---------------------------------------------------------------- */

static void cell_state(const json_t *o, char out[static CELL])
{
	const char *state = text_of(o, "state");

	if (json_object_get(o, "rests_s"))
		snprintf(out, CELL, "%s, rests %lld s", state,
			 int_of(o, "rests_s"));
	else
		snprintf(out, CELL, "%s", state);
}

/* What it said of that, and how long ago. */
static void cell_ipsec(const json_t *o, char out[static CELL])
{
	const json_t *said = json_object_get(o, "said");
	const char *ike = json_string_value(json_object_get(said,
							    "ike_address"));
	const char *esp = json_string_value(json_object_get(said,
							    "esp_address"));
	char ago[CELL];

	put_duration(ago, difftime(time(NULL), (time_t)json_number_value(
		json_object_get(said, "at"))));
	if (said)
		snprintf(out, CELL, "%.10s%s%.64s%s%.64s, %.20s ago",
			 text_of(o, "ipsec"), ike ? " ike " : "",
			 ike ? ike : "", esp ? " esp " : "", esp ? esp : "",
			 ago);
	else
		snprintf(out, CELL, "%s", text_of(o, "ipsec"));
}

/* A row for each server of a peer, or one for a peer without. */
static void add_rows(json_t *rows, const json_t *peer)
{
	const json_t *servers = json_object_get(peer, "servers");
	json_t *row, *server;
	size_t i;

	if (!json_array_size(servers))
		json_array_append_new(rows, json_copy((json_t *)peer));
	json_array_foreach(servers, i, server) {
		row = json_copy((json_t *)peer);
		json_object_update(row, server);
		json_array_append_new(rows, row);
	}
}

void show_peers(const json_t *peers)
{
	static const struct column columns[] = {
		{ "PEER", "name", NULL }, { "PROFILE", "profile", NULL },
		{ "NEED", "need", NULL }, { "STATE", NULL, cell_state },
		{ "IPSEC", NULL, cell_ipsec },
		{ "NEXT HOP", "server", NULL }, { "TROUBLE", "trouble", NULL },
		{ NULL, NULL, NULL }
	};
	json_t *rows = json_array(), *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
		add_rows(rows, peer);
	if (json_array_size(rows))
		put_table(columns, rows);
	else
		puts("no peers");
	json_decref(rows);
}

/* -- tunnels -------------------------------------------------------------- */

static void cell_spis(const json_t *o, char out[static CELL])
{
	snprintf(out, CELL, "%s %s", text_of(json_object_get(o, "in"), "spi"),
		 text_of(json_object_get(o, "out"), "spi"));
}

static void cell_packets(const json_t *o, char out[static CELL])
{
	snprintf(out, CELL, "%lld %lld",
		 int_of(json_object_get(o, "in"), "packets"),
		 int_of(json_object_get(o, "out"), "packets"));
}

static void cell_key_left(const json_t *o, char out[static CELL])
{
	const json_t *left = json_object_get(o, "left_s");

	if (left)
		put_duration(out, json_number_value(left));
	else
		strcpy(out, "-");
}

static void put_foreign(const json_t *sas)
{
	long long n = int_of(sas, "foreign_count");
	const json_t *o, *list = json_object_get(sas, "foreign");
	size_t i;

	if (json_object_get(sas, "block_policies"))
		printf("%lld policies keep all but ESP from ports and networks "
		       "of tunnels\n", int_of(sas, "block_policies"));
	if (n)
		printf("%lld SAs of ESP in the kernel are not ours:\n", n);
	json_array_foreach(list, i, o) {
		char text[CELL];

		snprintf(text, sizeof text, "%s from %s to %s",
			 text_of(o, "spi"), text_of(o, "source"),
			 text_of(o, "destination"));
		printf("  %s\n", clean(text));
	}
	list = json_object_get(sas, "foreign_policies");
	if (json_array_size(list))
		printf("policies of other programs let what tunnels are for "
		       "pass in clear:\n");
	json_array_foreach(list, i, o) {
		char text[CELL];

		snprintf(text, sizeof text, "%s", json_string_value(o)
			 ? json_string_value(o) : "");
		printf("  %s\n", clean(text));
	}
}

static void cell_owner(const json_t *o, char out[static CELL])
{
	snprintf(out, CELL, "%s", json_object_get(o, "peer")
		 ? text_of(o, "peer") : "(not ours)");
}

static void put_down(const json_t *list)
{
	const json_t *o;
	char text[CELL];
	size_t i;

	json_array_foreach(list, i, o) {
		snprintf(text, sizeof text, "no tunnel to %s: %s",
			 text_of(o, "peer"), text_of(o, "why"));
		puts(clean(text));
	}
}

/* What strongSwan has: the tunnels that calls use, and those of others. */
static void put_charon(const json_t *sas)
{
	static const struct column columns[] = {
		{ "PEER", NULL, cell_owner },
		{ "CONNECTION", "connection", NULL },
		{ "STATE", "state", NULL }, { "REMOTE", "remote", NULL },
		{ "SUITE", "suite", NULL }, { "SPI IN, OUT", NULL, cell_spis },
		{ "PACKETS IN, OUT", NULL, cell_packets },
		{ "KEYS LEFT", NULL, cell_key_left }, { NULL, NULL, NULL }
	};
	const json_t *list = json_object_get(sas, "charon");
	const char *trouble = json_string_value(
		json_object_get(sas, "charon_trouble"));
	char text[CELL];

	if (!list)
		return;
	snprintf(text, sizeof text, "strongSwan's SAs are not known: %s",
		 trouble ? trouble : "");
	if (trouble)
		puts(clean(text));
	else
		printf("SAs of strongSwan: %lld\n",
		       int_of(sas, "charon_count"));
	if (json_array_size(list))
		put_table(columns, list);
	put_down(json_object_get(sas, "charon_down"));
}

/* The far end, and the networks behind it. */
static void cell_remote(const json_t *o, char out[static CELL])
{
	const json_t *net, *list = json_object_get(json_object_get(o, "nets"),
						   "remote");
	size_t i, len = (size_t)snprintf(out, CELL, "%s",
					 text_of(o, "remote"));

	json_array_foreach(list, i, net)
		if (len < CELL && json_is_string(net))
			len += (size_t)snprintf(out + len, CELL - len, "%s%s",
						i ? "," : " for ",
						json_string_value(net));
}

static void put_elsewhere(const json_t *tunnels)
{
	const json_t *o;
	size_t i;

	json_array_foreach(tunnels, i, o) {
		char peer[CELL], from[CELL];

		if (!json_object_get(o, "elsewhere"))
			continue;
		snprintf(peer, sizeof peer, "%s", text_of(o, "peer"));
		snprintf(from, sizeof from, "%s", text_of(o, "elsewhere"));
		printf("tunnel %lld of %s comes from %s, too, and is not sent "
		       "there\n", int_of(o, "tunnel"), clean(peer),
		       clean(from));
	}
}

void show_sas(const json_t *sas)
{
	static const struct column columns[] = {
		{ "CALL", "call", NULL }, { "PEER", "peer", NULL },
		{ "STATE", "state", NULL }, { "REMOTE", NULL, cell_remote },
		{ "SUITE", "suite", NULL }, { "SPI IN, OUT", NULL, cell_spis },
		{ "PACKETS IN, OUT", NULL, cell_packets },
		{ "KEYS LEFT", NULL, cell_key_left }, { NULL, NULL, NULL }
	};
	const json_t *tunnels = json_object_get(sas, "tunnels");

	_Static_assert(sizeof columns / sizeof *columns <= COLUMNS_MAX + 1,
		       "room for the widths");
	if (json_array_size(tunnels))
		put_table(columns, tunnels);
	else
		puts("no tunnels");
	put_elsewhere(tunnels);
	put_charon(sas);
	put_foreign(sas);
}

/* -- one call ------------------------------------------------------------- */

static void put_pair(const char *name, const char *value)
{
	char text[CELL];

	snprintf(text, sizeof text, "%s", value);
	printf("%-12s %s\n", name, clean(text));
}

static void put_texts(const json_t *o, const char *const *keys)
{
	for (; *keys; keys++)
		if (json_object_get(o, *keys))
			put_pair(*keys, text_of(o, *keys));
}

static long long dropped(const json_t *face)
{
	static const char *const keys[] = {
		"dropped_auth", "dropped_replay", "dropped_no_key",
		"dropped_source", "dropped_format", "dropped_index", NULL
	};
	long long n = 0;

	for (const char *const *k = keys; *k; k++)
		n += int_of(face, *k);
	return n;
}

static void put_face(const char *name, const json_t *stream)
{
	const json_t *f = json_object_get(stream, name);

	if (f)
		printf("  %-8s in %lld packets, out %lld, dropped %lld, "
		       "remote %s\n", name, int_of(f, "packets_in"),
		       int_of(f, "packets_out"), dropped(f),
		       text_of(f, "remote"));
}

/* What a key has done and what is left of its life. */
static void put_key(const char *name, const char *does, const json_t *stream)
{
	const json_t *k = json_object_get(stream, name);

	if (k)
		printf("  %-8s key %s, SSRC %s, rollover counter %lld, %lld "
		       "packets and %lld of RTCP, %lld and %lld left\n", does,
		       text_of(k, "id"), text_of(k, "ssrc"), int_of(k, "roc"),
		       int_of(k, "packets"), int_of(k, "rtcp"),
		       int_of(k, "packets_left"), int_of(k, "rtcp_left"));
}

static void put_stream(const json_t *s)
{
	printf("line %lld: stream %lld, inside %s, outside %s\n",
	       int_of(s, "line"), int_of(s, "stream"),
	       text_of(s, "local_inside"), text_of(s, "local_outside"));
	put_face("inside", s);
	put_face("outside", s);
	put_key("key_send", "seals", s);
	put_key("key_receive", "opens", s);
}

static void put_rekeys(const json_t *call)
{
	double last = json_real_value(json_object_get(call, "last_rekey"));
	char text[CELL], when[CELL];

	if (!int_of(call, "rekeys"))
		return;
	put_clock(when, last);
	snprintf(text, sizeof text, "%lld times, last %.24s",
		 int_of(call, "rekeys"), when);
	put_pair("new keys", text);
}

void show_call(const json_t *call)
{
	static const char *const keys[] = {
		"id", "state", "direction", "caller", "callee", "peer",
		"connected", "profile", "need", "offered", "verdict", "reason",
		"keyed_as", "method", "chosen", "suite", "esp", NULL
	};
	static const char *const trouble[] = { "trouble", NULL };
	char text[CELL];
	const json_t *s;
	size_t i;

	put_texts(call, keys);
	if (int_of(call, "key_bits"))
		printf("%-12s %lld bits\n", "key strength",
		       int_of(call, "key_bits"));
	put_texts(call, trouble);
	put_rekeys(call);
	put_clock(text, json_real_value(json_object_get(call, "since")));
	put_pair("since", text);
	json_array_foreach(json_object_get(call, "streams"), i, s)
		put_stream(s);
}

static void put_header(const char *line)
{
	fputs("  ", stdout);
	for (; line && *line; line++)
		putchar((unsigned char)*line < 0x20 ||
			(unsigned char)*line > 0x7e ? '?' : *line);
	putchar('\n');
}

/* What a stranger wrote is shown without what a terminal would obey. */
void show_trace(const json_t *call)
{
	const json_t *o = json_object_get(call, "origin"), *line;
	size_t i;

	show_call(call);
	if (int_of(call, "status"))
		printf("%-12s %lld %s\n", "ended with", int_of(call, "status"),
		       text_of(call, "cause"));
	put_pair("from", text_of(o, "source"));
	put_pair("by", json_is_true(json_object_get(o, "verified_tls"))
		 ? "tls, verified" : text_of(o, "transport"));
	puts("headers of its INVITE:");
	json_array_foreach(json_object_get(o, "headers"), i, line)
		put_header(json_string_value(line));
}

void show_rekeyed(const json_t *call)
{
	printf("call %s has new keys (%s, %s); changes so far: %lld\n",
	       text_of(call, "id"), text_of(call, "method"),
	       text_of(call, "suite"), int_of(call, "rekeys"));
}

/* -- status --------------------------------------------------------------- */

static void put_process(const char *name, const json_t *p)
{
	char text[CELL];

	if (json_is_true(json_object_get(p, "up")) &&
	    json_object_get(p, "last_signal"))
		snprintf(text, sizeof text, "up, started %lld times, the last "
			 "time after signal %lld", int_of(p, "starts"),
			 int_of(p, "last_signal"));
	else if (json_is_true(json_object_get(p, "up")))
		snprintf(text, sizeof text, "up, started %lld times",
			 int_of(p, "starts"));
	else
		snprintf(text, sizeof text, "not there");
	put_pair(name, text);
}

/* What was refused or dropped; what never happened is left out. */
static void put_guard(json_t *guard)
{
	const char *name, *comma = "";
	json_t *n;

	printf("%-12s", "guard");
	json_object_foreach(guard, name, n) {
		if (!json_integer_value(n))
			continue;
		printf("%s %s %lld", comma, name,
		       (long long)json_integer_value(n));
		comma = ",";
	}
	puts(*comma ? "" : " nothing refused");
}

void show_status(const json_t *status)
{
	const json_t *n = json_object_get(status, "count"), *p;
	char text[CELL];
	const char *name;

	put_pair("version", text_of(status, "version"));
	put_duration(text, json_real_value(json_object_get(status,
							   "uptime_s")));
	put_pair("uptime", text);
	json_object_foreach(json_object_get(status, "processes"), name, p)
		put_process(name, p);
	snprintf(text, sizeof text, "%lld of %lld%s", int_of(status, "calls"),
		 int_of(status, "calls_max"),
		 json_is_true(json_object_get(status, "draining"))
			 ? ", stopping" : "");
	put_pair("calls", text);
	printf("%-12s started %lld, up %lld, failed %lld, refused %lld, "
	       "hung up %lld\n", "counters", int_of(n, "started"),
	       int_of(n, "up"), int_of(n, "failed"), int_of(n, "refused"),
	       int_of(n, "hung_up"));
	put_guard(json_object_get(status, "guard"));
}
