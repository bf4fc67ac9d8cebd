/* screening.h - the config groups of who is let in and what is let out:
 * "screening", "tolls" and "emergency". Read by struct settings; the engine's
 * guard (daemon/engine/guard) acts by it. */
#ifndef CALLSEAL_SCREENING_H
#define CALLSEAL_SCREENING_H

#include "daemon/base/conf.h"

#include <stdbool.h>
#include <stddef.h>

/* The parent opens screening.file for the engine under this name. */
#define SCREENING_FILE "screening.file"
#define EMERGENCY_MAX 16

enum scanner { SCANNER_DROP, SCANNER_REFUSE, SCANNER_PASS };

/* Whose calls a toll rule counts together. */
enum toll_per { TOLL_USER, TOLL_HOST, TOLL_ALL };

/* One rule of "tolls": outward calls that cost. */
struct toll {
	const char *match; /* pattern of whom they are to */
	const char *user;  /* pattern of whom they are from */
	unsigned hour;     /* calls in one; 0: none at all */
	unsigned calls;    /* at one time */
	enum toll_per per;
};

/* Borrowed from the configuration. */
struct screening {
	const struct conf_node *lists; /* keys deny and allow */
	const char *file;              /* "file:PATH", or "" */
	const struct conf_node *agents; /* key agents */
	enum scanner scanner;
	const struct conf *conf;       /* for screening_toll() */
	const char *numbers[EMERGENCY_MAX];
	size_t n_numbers;
	const char *emergency_route;   /* SIP URI, or "" */
};

extern const struct conf_group *const screening_groups[];

void screening_read(const struct conf *c, struct screening *out);
/* What the key tables cannot hold. */
int screening_check(const struct conf *c, struct conf_err *err);
/* The i-th rule; false when there are no more. */
bool screening_toll(const struct screening *s, size_t i, struct toll *out);

#endif
