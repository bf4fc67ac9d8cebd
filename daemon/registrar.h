/* registrar.h - the configuration of the embedded registrar (register =
 * "local"): group "registrar" of callseal.conf(5). */
#ifndef CALLSEAL_REGISTRAR_H
#define CALLSEAL_REGISTRAR_H

#include "daemon/base/conf.h"

#include <stdbool.h>
#include <stdint.h>

/* What becomes of a phone's REGISTER. */
enum register_mode { REGISTER_OFF, REGISTER_PASS, REGISTER_LOCAL };

struct registrar_settings {
	const char *domain;   /* of accounts; realm of their passwords */
	const char *users;    /* "file:PATH" */
	unsigned hashes;      /* mask of DIGEST_BIT() */
	bool ring_best;       /* calls ring preferred phones first, not all */
	bool any_qop;         /* clients without qop are taken */
	uint32_t nonce_s;     /* how long a nonce lives */
	uint32_t expires_min; /* s */
	uint32_t expires_max;
};

extern const struct conf_group registrar_group;
/* The words of "register", in the order of enum register_mode. */
extern const char *const register_modes[];
enum register_mode register_mode_of(const struct conf *c);

/* Reads and checks the group; strings are borrowed from c. */
int registrar_read(const struct conf *c, struct registrar_settings *out,
		   struct conf_err *err);

#endif
