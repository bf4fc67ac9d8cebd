/* explain.h - a MIKEY message in plain words. */
#ifndef CALLSEAL_MIKEY_EXPLAIN_H
#define CALLSEAL_MIKEY_EXPLAIN_H

#include "daemon/base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Appends one line a payload with its RFC section. Nothing that is secret is
 * shown, encrypted or not: keys appear as lengths. A message that cannot be
 * decoded is described up to where it fails and the decoder's error returned;
 * else 0, or E_NOMEM / E_SPACE of out. */
int mikey_explain(const uint8_t *msg, size_t len, struct buf *out);

#endif
