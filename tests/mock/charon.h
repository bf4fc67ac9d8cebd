/* charon.h - a VICI server that says what it is told to say, on the loop of
 * the client under test. It knows nothing of IKE. */
#ifndef CALLSEAL_MOCK_CHARON_H
#define CALLSEAL_MOCK_CHARON_H

#include "modules/vici/packet.h"

struct event_base;
struct charon;
struct ike_settings;

/* Turns that loop for a millisecond. */
void charon_turn(struct event_base *base);
/* Turns it until the condition holds; a failure when it never does. */
#define CHARON_WAIT(base, condition) do { \
	for (int turns = 0; !(condition); turns++) { \
		if (turns > 5000) \
			fail_msg("never: %s", #condition); \
		charon_turn(base); \
	} \
} while (0)

/* Has IKE wait a minute where it would wait seconds: no answer is to come too
 * late on a slow machine. */
void charon_patience(struct ike_settings *times);

/* Listens at path, removing what is there. Aborts when it cannot. */
struct charon *charon_new(struct event_base *base, const char *path);
void charon_free(struct charon *c);
/* "request NAME\n", "register NAME\n", "unregister NAME\n" as they came, since
 * the last charon_forget(). */
const char *charon_heard(struct charon *c);
void charon_forget(struct charon *c);
unsigned charon_connections(const struct charon *c); /* ever made */
/* The message of the last request, borrowed until the next. */
const struct buf *charon_message(const struct charon *c);

/* Events and commands of this name are unknown; commands of this name get no
 * answer; commands of this name are followed by as many events of their
 * stream's name before the answer. NULL: none. Borrowed. */
void charon_unknown(struct charon *c, const char *name);
void charon_silent(struct charon *c, const char *name);
void charon_streams(struct charon *c, const char *command, unsigned events);
/* What "version" answers, from now on: 5.9.8 if never told. */
void charon_version(struct charon *c, const char *version);
/* What other commands answer: "success = yes" if never told. Borrowed. */
void charon_answer(struct charon *c, const void *message, size_t len);
/* Called for each command before it is answered; true: it was answered there.
 * NULL: none. */
void charon_on_command(struct charon *c,
		       bool (*fn)(void *user, const char *command), void *user);
/* Nothing is read while deaf. */
void charon_deaf(struct charon *c, bool deaf);

/* On the latest connection. */
void charon_say(struct charon *c, enum vici_op op, const char *name,
		const void *message, size_t len);
void charon_say_raw(struct charon *c, const void *bytes, size_t len);
void charon_hang_up(struct charon *c);

#endif
