/* metrics.c - "metrics": what a monitoring system collects, in the text format
 * of Prometheus (exposition format 0.0.4), made of what the daemon says of
 * itself. For the textfile collector of node_exporter, or whatever runs it. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

static void head(const char *name, const char *type, const char *help)
{
	printf("# HELP callseal_%s %s\n# TYPE callseal_%s %s\n", name, help,
	       name, type);
}

/* A label's value: backslash, quote and line end are escaped. */
static void put_label(const char *text)
{
	for (; text && *text; text++) {
		if (*text == '\n') {
			fputs("\\n", stdout);
			continue;
		}
		if (*text == '\\' || *text == '"')
			putchar('\\');
		putchar(*text);
	}
}

static void put(const char *name, const char *label, const char *value,
		double number)
{
	printf("callseal_%s", name);
	if (label) {
		printf("{%s=\"", label);
		put_label(value);
		fputs("\"}", stdout);
	}
	printf(" %.15g\n", number);
}

static double number_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

/* One number of the status; what is not there is no metric. */
static void put_single(const json_t *from, const char *key, const char *name,
		       const char *help)
{
	if (!json_is_number(json_object_get(from, key)))
		return;
	head(name, "gauge", help);
	put(name, NULL, NULL, number_of(from, key));
}

/* Counters that stand side by side in an object. */
static void put_counters(const json_t *from, const char *name,
			 const char *label, const char *help)
{
	const char *key;
	json_t *value;

	head(name, "counter", help);
	json_object_foreach((json_t *)from, key, value)
		put(name, label, key, json_number_value(value));
}

static void put_processes(const json_t *all)
{
	const char *key;
	json_t *p;

	head("process_up", "gauge", "Whether the process is there.");
	json_object_foreach((json_t *)all, key, p)
		put("process_up", "process", key,
		    json_is_true(json_object_get(p, "up")));
	head("process_starts_total", "counter",
	     "Starts of the process; more than one is a fault.");
	json_object_foreach((json_t *)all, key, p)
		put("process_starts_total", "process", key,
		    number_of(p, "starts"));
}

void metrics_status(const json_t *status)
{
	put_single(status, "uptime_s", "uptime_seconds", "Since the start.");
	put_single(status, "calls", "calls", "Calls now.");
	put_single(status, "calls_max", "calls_max", "limits.calls.");
	put_single(json_object_get(status, "tls"), "expires",
		   "tls_certificate_expires_timestamp_seconds",
		   "When the certificate in tls.cert is over.");
	put_counters(json_object_get(status, "count"), "calls_total", "event",
		     "Calls by what became of them.");
	put_counters(json_object_get(status, "guard"), "guard_total",
		     "reason", "What was refused or dropped at the door.");
	put_processes(json_object_get(status, "processes"));
}

/* Calls that are up, by how well they are protected. */
void metrics_calls(const json_t *calls)
{
	static const char *const words[] = { "sealed", "peer", "hop", "plain" };
	const char *verdict;
	unsigned count;
	json_t *c;
	size_t i;

	head("calls_up", "gauge", "Calls that are up, by verdict.");
	for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
		count = 0;
		json_array_foreach((json_t *)calls, i, c) {
			verdict = json_string_value(
				json_object_get(c, "verdict"));
			count += verdict && !strcmp(verdict, words[k]);
		}
		put("calls_up", "verdict", words[k], count);
	}
}

static double state_of(const json_t *server)
{
	const char *state = json_string_value(json_object_get(server,
							      "state"));

	return !state || strcmp(state, "down");
}

/* A server serves several peers: then it is there once for each. */
void metrics_peers(const json_t *peers)
{
	json_t *peer, *server;
	size_t i, k;

	head("server_up", "gauge", "Whether a next hop is not known to be "
	     "down.");
	json_array_foreach((json_t *)peers, i, peer)
		json_array_foreach(json_object_get(peer, "servers"), k,
				   server) {
			fputs("callseal_server_up{peer=\"", stdout);
			put_label(json_string_value(json_object_get(peer,
								    "name")));
			fputs("\",server=\"", stdout);
			put_label(json_string_value(json_object_get(server,
								    "server")));
			printf("\"} %g\n", state_of(server));
		}
}

void metrics_registrations(const json_t *registrations)
{
	head("registrations", "gauge", "Registered contacts of phones.");
	put("registrations", NULL, NULL,
	    (double)json_array_size(registrations));
}
