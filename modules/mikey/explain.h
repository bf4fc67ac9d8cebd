/* explain.h - a MIKEY message in plain words. */
#ifndef CALLSEAL_MIKEY_EXPLAIN_H
#define CALLSEAL_MIKEY_EXPLAIN_H

#include "daemon/base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* One payload in words; the header is the first. All borrowed for the call. */
struct mikey_item {
	const char *name;  /* "KEMAC" */
	char section[24];  /* "RFC 3830 6.2" */
	size_t at, len;    /* its bytes in the message */
	const char *text;  /* a line; more of them, set in, for details */
};

/* How a message ended. */
struct mikey_end {
	int err;   /* 0, or the decoder's error */
	size_t at; /* the byte where it failed, or the length */
};

typedef void (*mikey_item_fn)(void *user, const struct mikey_item *item);
/* Calls fn for each payload, as mikey_explain() has them, up to where the
 * message fails. E_NOMEM, E_SPACE. */
int mikey_items(const uint8_t *msg, size_t len, mikey_item_fn fn, void *user,
		struct mikey_end *end);

/* Appends one line a payload with its RFC section. Nothing that is secret is
 * shown, encrypted or not: keys appear as lengths. A message that cannot be
 * decoded is described up to where it fails and the decoder's error returned;
 * else 0, or E_NOMEM / E_SPACE of out. */
int mikey_explain(const uint8_t *msg, size_t len, struct buf *out);

#endif
