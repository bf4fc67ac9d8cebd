/* callsealctl.c - the operator's command: asks a running callseald over its
 * control socket and shows what it says. One table of verbs. See
 * callsealctl(1); the protocol is in callseal-control(7). */
#include "config.h"

#include "ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_NAME "control.sock"
#define TRUST_NAME "trust.sock" /* beside it */
#define RUN_DIR "/run/callseal"

struct options {
	bool json, watch, ended;
	const char *socket; /* NULL: in run_dir */
	const char *run_dir;
	const char *key, *ca; /* of mikey decode */
	const char *accept, *forget; /* of trust */
	bool mend;
	char path[4096];
};

struct verb {
	const char *name, *args;
	const char *cmd;    /* of the protocol; NULL: not the daemon's */
	const char *member; /* of the reply, that is shown; NULL: none */
	bool id;            /* takes an ID */
	bool watch, ended;  /* takes these options */
	void (*show)(const json_t *value);
	const char *help;
};

static const struct verb verbs[] = {
	{ "status", "", "status", "status", false, true, false, show_status,
	  "the daemon, its processes and counters" },
	{ "calls", " [--ended]", "calls", "calls", false, true, true,
	  show_calls, "all calls, or the last that ended or failed, and why" },
	{ "call", " ID", "call", "call", true, false, false, show_call,
	  "one call with its streams" },
	{ "trace", " ID", "trace", "trace", true, false, false, show_trace,
	  "where a call came from, also one that ended or was refused" },
	{ "hangup", " ID", "hangup", NULL, true, false, false, NULL,
	  "end a call" },
	{ "rekey", " ID", "rekey", "call", true, false, false, show_rekeyed,
	  "give a call new keys now" },
	{ "certs", "", "certs", "certs", false, false, false, show_certs,
	  "certificates, whom we believe, and until when" },
	{ "trust", " [--accept NAME SHA256 | --forget NAME | --mend]", "trust",
	  "trust", false, false, false, show_trust,
	  "certificates trusted on first use; or change that (root)" },
	{ "sas", "", "sas", "sas", false, true, false, show_sas,
	  "the tunnels of calls in the kernel, and what else is ESP there" },
	{ "accounts", "", "accounts", "accounts", false, true, false,
	  show_accounts, "the gateway's own accounts, and where it is "
	  "registered" },
	{ "peers", "", "peers", "peers", false, true, false, show_peers,
	  "the peers, and which of their next hops work" },
	{ "registrations", "", "registrations", "registrations", false, true,
	  false, show_registrations, "the phones that are registered" },
	{ "metrics", "", NULL, NULL, false, false, false, NULL,
	  "counters and states for Prometheus" },
	{ "reload", "", "reload", NULL, false, false, false, NULL,
	  "read the configuration again" },
	{ "digest", " USER DOMAIN", NULL, NULL, false, false, false, NULL,
	  "lines for registrar.users from a password on stdin" },
	{ "mikey", " decode [FILE|-|TEXT]", NULL, NULL, false, false, false,
	  NULL, "explain MIKEY messages, check them with --key or --ca" },
};

#define N_VERBS (sizeof verbs / sizeof *verbs)

static void usage(FILE *f)
{
	fputs("usage: callsealctl [options] VERB [arguments]\n\n", f);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(f, "  %s%-*s %s\n", verbs[i].name,
			(int)(28 - strlen(verbs[i].name)), verbs[i].args,
			verbs[i].help);
	fputs("\noptions:\n"
	      "  --json          the daemon's own JSON\n"
	      "  --watch         again every second (status, calls, sas, "
	      "accounts, peers, registrations)\n"
	      "  --ended         calls that are over (calls)\n"
	      "  --accept NAME   the certificate with that fingerprint is "
	      "NAME's (trust)\n"
	      "  --forget NAME   know nothing of NAME any more (trust)\n"
	      "  --mend          do not miss what damage took (trust)\n"
	      "  --key FILE      pre-shared key to check MACs with "
	      "(mikey decode)\n"
	      "  --ca FILE       certificates to check signatures with "
	      "(mikey decode)\n"
	      "  --run-dir DIR   where the daemon's control.sock is\n"
	      "  --socket PATH   the socket itself\n"
	      "  --help, --version\n", f);
}

static int wrong_usage(const char *what, const char *name)
{
	fprintf(stderr, "callsealctl: %s%s; see callsealctl --help\n", what,
		name);
	return CTL_USAGE;
}

static const char *socket_path(struct options *o)
{
	if (o->socket)
		return o->socket;
	snprintf(o->path, sizeof o->path, "%s/%s", o->run_dir, SOCKET_NAME);
	return o->path;
}

static int unreachable(const char *path)
{
	const char *cure = "is callseald running? start it, or name its "
			   "folder with --run-dir";

	if (errno == EACCES)
		cure = "only its user and group may ask: add yourself to the "
		       "group callseal, or use sudo";
	fprintf(stderr, "callsealctl: %s: %s; %s\n", path, strerror(errno),
		cure);
	return CTL_UNREACHABLE;
}

static void show_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

static int show_reply(const struct verb *v, const struct options *o,
		      const json_t *reply)
{
	const json_t *error = json_object_get(reply, "error");
	const json_t *value = v->member ? json_object_get(reply, v->member)
					: NULL;

	if (!json_is_true(json_object_get(reply, "ok"))) {
		fprintf(stderr, "callsealctl: %s\n", json_is_string(error)
			? json_string_value(error) : "refused");
		return CTL_REFUSED;
	}
	if (o->json)
		show_json(value ? value : reply);
	else if (value && o->ended)
		show_ended(value);
	else if (value)
		v->show(value);
	fflush(stdout);
	return json_array_size(json_object_get(value, "warnings"))
		       ? CTL_WARNING : CTL_OK;
}

/* Clears a terminal between two pictures; a pipe just gets them in a row. */
static void next_picture(const struct options *o)
{
	sleep(1);
	if (isatty(STDOUT_FILENO) && !o->json)
		fputs("\033[H\033[J", stdout);
}

static int ask(const struct verb *v, const struct options *o, struct link *l,
	       const json_t *request)
{
	json_t *reply = link_ask(l, request);
	int status;

	if (!reply) {
		fputs("callsealctl: the daemon did not answer; it may be "
		      "restarting: try again\n", stderr);
		return CTL_UNREACHABLE;
	}
	status = show_reply(v, o, reply);
	json_decref(reply);
	return status;
}

static json_t *make_request(const struct verb *v, const struct options *o,
			    const char *id)
{
	json_t *q = json_pack("{s:s}", "cmd", v->cmd);

	if (v->id)
		json_object_set_new(q, "id", json_string(id));
	if (o->ended)
		json_object_set_new(q, "ended", json_true());
	return q;
}

static int run_verb(const struct verb *v, struct options *o, const char *id)
{
	const char *path = socket_path(o);
	json_t *request = make_request(v, o, id);
	struct link l;
	int status;

	if (link_open(&l, path)) {
		json_decref(request);
		return unreachable(path);
	}
	status = ask(v, o, &l, request);
	while (o->watch && status == CTL_OK) {
		next_picture(o);
		status = ask(v, o, &l, request);
	}
	link_close(&l);
	json_decref(request);
	return status;
}

static int orders_of(const struct options *o)
{
	return !!o->accept + !!o->forget + o->mend;
}

/* Several replies, one page. */
static int run_metrics(int argc, const struct options *o)
{
	static const struct verb parts[] = {
		{ .cmd = "status", .member = "status", .show = metrics_status },
		{ .cmd = "calls", .member = "calls", .show = metrics_calls },
		{ .cmd = "peers", .member = "peers", .show = metrics_peers },
		{ .cmd = "registrations", .member = "registrations",
		  .show = metrics_registrations },
	};
	struct options own = *o;
	int status = CTL_OK;

	if (argc != 1 || o->json || orders_of(o))
		return wrong_usage("usage: metrics", "");
	for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++)
		status = run_verb(&parts[i], &own, NULL);
	return status;
}

/* The socket beside the control socket. */
static const char *trust_path(struct options *o)
{
	const char *slash = o->socket ? strrchr(o->socket, '/') : NULL;

	if (!o->socket)
		snprintf(o->path, sizeof o->path, "%s/%s", o->run_dir,
			 TRUST_NAME);
	else
		snprintf(o->path, sizeof o->path, "%.*s%s",
			 slash ? (int)(slash - o->socket) + 1 : 0, o->socket,
			 TRUST_NAME);
	return o->path;
}

static json_t *make_order(const struct options *o, const char *print)
{
	if (o->accept)
		return json_pack("{s:s,s:s,s:s}", "cmd", "accept", "name",
				 o->accept, "sha256", print);
	if (o->forget)
		return json_pack("{s:s,s:s}", "cmd", "forget", "name",
				 o->forget);
	return json_pack("{s:s}", "cmd", "mend");
}

/* Changes go to the parent, by a socket of its own. */
static int run_order(struct options *o, const char *print)
{
	static const struct verb done = { .name = "trust" };
	const char *path = trust_path(o);
	json_t *order;
	struct link l;
	int status;

	if (link_open(&l, path)) {
		fprintf(stderr, "callsealctl: %s: %s; %s\n", path,
			strerror(errno), errno == EACCES || errno == EPERM
				? "only root changes whom we trust: use sudo"
				: "is callseald running?");
		return CTL_UNREACHABLE;
	}
	order = make_order(o, print);
	status = ask(&done, o, &l, order);
	json_decref(order);
	link_close(&l);
	return status;
}

static int run_trust(int argc, char **argv, struct options *o)
{
	if (orders_of(o) > 1 || argc != (o->accept ? 2 : 1))
		return wrong_usage("usage: trust [--accept NAME SHA256 | "
				   "--forget NAME | --mend]", "");
	return run_order(o, argv[1]);
}

static int run_mikey(int argc, char **argv, const struct options *o)
{
	const struct decode_options d = {
		.what = argc == 3 ? argv[2] : "-",
		.key = o->key, .ca = o->ca, .json = o->json,
	};

	if (argc < 2 || argc > 3 || strcmp(argv[1], "decode"))
		return wrong_usage("usage: mikey decode [FILE|-|TEXT]", "");
	return decode_mikey(&d);
}

static int run_digest(int argc, char **argv, const struct options *o)
{
	if (argc != 3 || o->key || o->ca || o->json)
		return wrong_usage("usage: digest USER DOMAIN", "");
	return digest_lines(argv[1], argv[2]);
}

static int run(int argc, char **argv, struct options *o)
{
	const struct verb *v = NULL;

	for (size_t i = 0; i < N_VERBS; i++)
		if (!strcmp(verbs[i].name, argv[0]))
			v = &verbs[i];
	if (!v)
		return wrong_usage("unknown verb ", argv[0]);
	if ((o->watch && !v->watch) || (o->ended && !v->ended) ||
	    ((o->key || o->ca) && v->cmd))
		return wrong_usage("an option does not fit ", v->name);
	if (!v->cmd && !strcmp(v->name, "digest"))
		return run_digest(argc, argv, o);
	if (!v->cmd && !strcmp(v->name, "metrics"))
		return run_metrics(argc, o);
	if (!v->cmd)
		return run_mikey(argc, argv, o);
	if (orders_of(o) && strcmp(v->name, "trust"))
		return wrong_usage("an option does not fit ", v->name);
	if (orders_of(o))
		return run_trust(argc, argv, o);
	if (argc != (v->id ? 2 : 1))
		return wrong_usage(v->id ? "one ID is needed for "
					 : "no arguments are taken by ",
				   v->name);
	return run_verb(v, o, argv[1]);
}

enum { OPT_JSON = 256, OPT_WATCH, OPT_ENDED, OPT_SOCKET, OPT_RUN_DIR,
       OPT_KEY, OPT_CA, OPT_ACCEPT, OPT_FORGET, OPT_MEND,
       OPT_VERSION, OPT_HELP };

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "watch", no_argument, NULL, OPT_WATCH },
	{ "ended", no_argument, NULL, OPT_ENDED },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "ca", required_argument, NULL, OPT_CA },
	{ "accept", required_argument, NULL, OPT_ACCEPT },
	{ "forget", required_argument, NULL, OPT_FORGET },
	{ "mend", no_argument, NULL, OPT_MEND },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

/* -1: go on; else the exit status. */
static int take_option(int opt, struct options *o)
{
	switch (opt) {
	case OPT_JSON:
		o->json = true;
		return -1;
	case OPT_WATCH:
		o->watch = true;
		return -1;
	case OPT_ENDED:
		o->ended = true;
		return -1;
	case OPT_KEY:
		o->key = optarg;
		return -1;
	case OPT_CA:
		o->ca = optarg;
		return -1;
	case OPT_ACCEPT:
		o->accept = optarg;
		return -1;
	case OPT_FORGET:
		o->forget = optarg;
		return -1;
	case OPT_MEND:
		o->mend = true;
		return -1;
	case OPT_SOCKET:
		o->socket = optarg;
		return -1;
	case OPT_RUN_DIR:
		o->run_dir = optarg;
		return -1;
	case OPT_VERSION:
		puts("callsealctl " PACKAGE_VERSION);
		return CTL_OK;
	case OPT_HELP:
		usage(stdout);
		return CTL_OK;
	default:
		usage(stderr);
		return CTL_USAGE;
	}
}

int main(int argc, char **argv)
{
	struct options o = { .run_dir = RUN_DIR };
	int opt, status;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if ((status = take_option(opt, &o)) >= 0)
			return status;
	if (optind == argc) {
		usage(stderr);
		return CTL_USAGE;
	}
	return run(argc - optind, argv + optind, &o);
}
