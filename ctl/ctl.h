/* ctl.h - callsealctl's own parts. */
#ifndef CALLSEAL_CTL_H
#define CALLSEAL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit status, see callsealctl(1). */
enum { CTL_OK, CTL_REFUSED, CTL_USAGE, CTL_UNREACHABLE, CTL_WARNING };

/* link.c: the connection to the daemon. */
struct link {
	int fd;
	char *in; /* what came after the last line */
	size_t len;
};

/* 0, or negative with errno set. */
int link_open(struct link *l, const char *path);
/* Sends a request (borrowed) and gives the reply; the caller owns it. NULL
 * when the daemon went away or sent what is no reply. */
json_t *link_ask(struct link *l, const json_t *request);
void link_close(struct link *l);

/* show.c: a reply for human eyes, on stdout. */
void show_status(const json_t *status);
void show_calls(const json_t *calls);
void show_ended(const json_t *calls);
void show_call(const json_t *call);
void show_trace(const json_t *call); /* with its origin */
void show_rekeyed(const json_t *call); /* it just got new keys */
void show_registrations(const json_t *registrations);
void show_peers(const json_t *peers);
void show_accounts(const json_t *accounts);
void show_sas(const json_t *sas);

/* metrics.c: replies in the text format of Prometheus, on stdout. */
void metrics_status(const json_t *status);
void metrics_calls(const json_t *calls);
void metrics_peers(const json_t *peers);
void metrics_registrations(const json_t *registrations);

/* certs.c: certificates and pins. */
void show_certs(const json_t *certs);
void show_trust(const json_t *trust);

/* decode.c: "mikey decode". */
struct decode_options {
	const char *what;     /* a file's name, "-", or the text itself */
	const char *key, *ca; /* files to hold messages against; NULL: none */
	bool json;
};

/* An exit status. */
int decode_mikey(const struct decode_options *o);

/* digest.c: the lines of an account, on stdout; an exit status. */
int digest_lines(const char *user, const char *domain);

#endif
