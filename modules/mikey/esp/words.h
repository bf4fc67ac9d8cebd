/* words.h - what a message that keys ESP says, in plain words, for explain.h.
 * Works on the bytes alone. */
#ifndef CALLSEAL_MIKEY_ESP_WORDS_H
#define CALLSEAL_MIKEY_ESP_WORDS_H

#include "daemon/base/buf.h"
#include "modules/mikey/message.h"

#include <stdbool.h>

/* Whether a session is one of ours or of 2005's for ESP. */
bool mikey_esp_is_session(const struct mikey_message *m, size_t i);
/* Appends "CS 1 (...): tunnel 1, ...", without an end of line. */
void mikey_esp_put_session(const struct mikey_message *m, size_t i,
			   struct buf *out);
/* Appends what the policy amounts to; false, and nothing, when it is none of
 * ESP's. */
bool mikey_esp_put_policy(const struct mikey_payload *sp, struct buf *out);

#endif
