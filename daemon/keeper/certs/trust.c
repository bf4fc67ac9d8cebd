/* trust.c - trust on first use. See trust.h.
 *
 * A certificate that names a domain is pinned for the domain, one that names a
 * user for the user: with one pin for each user of a domain, whoever calls
 * would have a first use with every one of them. A user's own pin counts
 * before his domain's.
 *
 * Nothing is pinned by looking. The clerk keeps a pin once the whole exchange
 * succeeded, and only of calls that a phone of ours made: who calls
 * in chooses himself whose name he uses. A pin changes by order of the
 * operator alone, never because a call brought another certificate. */
#include "daemon/keeper/certs/trust.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"

#include <stdio.h>
#include <string.h>

#define TAG "keeper"
#define PIN_LEN (1 + 8 + FINGERPRINT) /* bytes of a record */

enum origin { FIRST_CALL = 1, OPERATOR = 2 };

const char *fingerprint_text(const uint8_t print[static FINGERPRINT],
			     char out[static FINGERPRINT_TEXT])
{
	hex_write(print, FINGERPRINT, out);
	return out;
}

int fingerprint_read(const char *text, uint8_t out[static FINGERPRINT])
{
	uint8_t print[FINGERPRINT];
	int high, low;

	for (size_t i = 0; i < FINGERPRINT; i++) {
		if (i && *text == ':')
			text++;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return E_FORMAT;
		print[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return E_FORMAT;
	memcpy(out, print, sizeof print);
	return 0;
}

int trust_entry_of(const struct memory_record *r, struct trust_entry *out)
{
	struct reader in = reader_of(r->data, r->len);
	uint8_t origin = reader_u8(&in);
	uint64_t since_us = reader_u64(&in);
	const uint8_t *print = reader_bytes(&in, FINGERPRINT);

	if (reader_end(&in) || (origin != FIRST_CALL && origin != OPERATOR))
		return E_FORMAT;
	*out = (struct trust_entry){ .name = r->name,
				     .accepted = origin == OPERATOR,
				     .since_us = since_us,
				     .seen_us = r->time_us };
	memcpy(out->print, print, FINGERPRINT);
	return 0;
}

/* E_NOTFOUND, E_LOST; a record that is none of ours is lost as well. */
static int find(const struct memory *m, const char *name,
		struct trust_entry *out)
{
	struct memory_record rec;
	int r = memory_get(m, MEMORY_PIN, name, &rec);

	if (!r && trust_entry_of(&rec, out))
		r = E_LOST;
	return r;
}

static int put(struct memory *m, const char *name, const uint8_t *print,
	       enum origin origin, uint64_t since_us, uint64_t wall_us)
{
	uint8_t bytes[PIN_LEN + 1];
	struct buf b = { .data = bytes, .cap = sizeof bytes, .max = PIN_LEN };

	buf_u8(&b, (uint8_t)origin);
	buf_u64(&b, since_us);
	buf_put(&b, print, FINGERPRINT);
	return memory_put(m, &(struct memory_record){
		.kind = MEMORY_PIN, .name = name, .data = bytes,
		.len = PIN_LEN, .time_us = wall_us });
}

/* -- a call --------------------------------------------------------------- */

static int changed(const struct trust_entry *e, const uint8_t *print, char *why)
{
	char old[FINGERPRINT_TEXT], now[FINGERPRINT_TEXT];

	fingerprint_text(e->print, old);
	fingerprint_text(print, now);
	log_line(LOG_CLASS_REFUSED, TAG, 0, "THE CERTIFICATE OF %s CHANGED: "
		 "trusted is SHA-256 %s, now it is %s. Somebody may be in "
		 "between; nothing was accepted. If the far end says that the "
		 "new one is right: callsealctl trust --accept %s %s",
		 e->name, old, now, e->name, now);
	snprintf(why, REASON_TEXT, "the certificate of %.40s changed from "
		 "%.16s... to %.16s...; if right: callsealctl trust --accept",
		 e->name, old, now);
	return E_AUTH;
}

static int lost(const char *name, const uint8_t *print, char *why)
{
	char now[FINGERPRINT_TEXT];

	log_line(LOG_CLASS_REFUSED, TAG, 0, "whether the certificate of %s "
		 "was trusted before is not known, since trusted ones were "
		 "lost by damage. If SHA-256 %s is right: callsealctl trust "
		 "--accept %s %s", name, fingerprint_text(print, now), name,
		 now);
	snprintf(why, REASON_TEXT, "trusted certificates were lost by damage, "
		 "that of %.40s may be among them: callsealctl trust --accept",
		 name);
	return E_LOST;
}

int trust_check(const struct trust *t, const char *user_at_host, bool domain,
		const uint8_t print[static FINGERPRINT], struct pin *out,
		char *why)
{
	const char *at = strchr(user_at_host, '@');
	const char *host = at ? at + 1 : user_at_host;
	struct pin pin = { .state = PIN_NEW };
	struct trust_entry e;
	int r = find(t->memory, user_at_host, &e);

	if (r)
		r = find(t->memory, host, &e);
	if (!r && !equal_ct(e.print, print, FINGERPRINT))
		return changed(&e, print, why);
	if (!r)
		pin.state = PIN_KNOWN;
	snprintf(pin.name, sizeof pin.name, "%s",
		 !r ? e.name : domain ? host : user_at_host);
	if (r == E_LOST)
		return lost(pin.name, print, why);
	memcpy(pin.print, print, FINGERPRINT);
	*out = pin;
	return 0;
}

static int first_use(struct memory *m, const struct pin *pin, bool outward,
		     uint64_t wall_us)
{
	char now[FINGERPRINT_TEXT];
	int r;

	fingerprint_text(pin->print, now);
	if (!outward) {
		log_info(TAG, "a caller's certificate for %s was not seen "
			 "before; no call inwards makes it trusted. To trust "
			 "it: callsealctl trust --accept %s %s", pin->name,
			 pin->name, now);
		return 0;
	}
	r = put(m, pin->name, pin->print, FIRST_CALL, wall_us, wall_us);
	if (!r)
		log_info(TAG, "the certificate of %s is trusted from now on, "
			 "since it is the first: SHA-256 %s", pin->name, now);
	return r;
}

static int seen_again(struct memory *m, const struct trust_entry *e,
		      const struct pin *pin, uint64_t wall_us)
{
	int r;

	if (!equal_ct(e->print, pin->print, FINGERPRINT))
		return E_AUTH;
	r = put(m, pin->name, pin->print, e->accepted ? OPERATOR : FIRST_CALL,
		e->since_us, wall_us);
	return r == E_IO ? 0 : r; /* only the time is old */
}

int trust_keep(struct memory *m, const struct pin *pin, bool outward,
	       uint64_t wall_us, char *why)
{
	struct trust_entry e;
	int r;

	if (pin->state == PIN_NONE)
		return 0;
	r = find(m, pin->name, &e);
	if (!r)
		r = seen_again(m, &e, pin, wall_us);
	else if (r == E_NOTFOUND)
		r = first_use(m, pin, outward, wall_us);
	if (r)
		snprintf(why, REASON_TEXT, "the certificate of %.60s cannot be "
			 "trusted: %s", pin->name, err_text(r));
	return r;
}

/* -- the operator --------------------------------------------------------- */

int trust_accept(struct memory *m, const char *name,
		 const uint8_t print[static FINGERPRINT], uint64_t wall_us)
{
	int r = put(m, name, print, OPERATOR, wall_us, wall_us);
	char now[FINGERPRINT_TEXT];

	if (!r)
		log_info(TAG, "the operator trusts the certificate of %s: "
			 "SHA-256 %s", name, fingerprint_text(print, now));
	return r;
}

/* A name is a peer's, a host's or user's, or a peer's and a host's with a space
 * between (best.c); to forget "b" is to forget all of these. */
struct match {
	const char *want;
	char name[MEMORY_NAME_TEXT]; /* what was found */
};

static int is_match(void *user, const struct memory_record *r)
{
	struct match *m = user;
	size_t want = strlen(m->want), len = strlen(r->name);
	bool same = !strcmp(r->name, m->want) ||
		    (len > want && r->name[want] == ' ' &&
		     !strncmp(r->name, m->want, want)) ||
		    (len > want && r->name[len - want - 1] == ' ' &&
		     !strcmp(r->name + len - want, m->want));

	if (same)
		snprintf(m->name, sizeof m->name, "%s", r->name);
	return same;
}

/* Pins, and what else calls have taught us of it; but no counter, which is a
 * guard against replays. */
static int forget(struct memory *m, const char *name)
{
	static const enum memory_kind taught[] = { MEMORY_PIN, MEMORY_BEST,
						   MEMORY_METHOD };
	struct match match = { .want = name };
	int r = E_NOTFOUND, one;

	for (size_t i = 0; i < sizeof taught / sizeof *taught; i++)
		while (memory_each(m, taught[i], is_match, &match)) {
			one = memory_forget(m, taught[i], match.name);
			r = r == E_IO ? r : one;
		}
	if (!r)
		log_info(TAG, "the operator lets us forget %s", name);
	return r;
}

static int mend(struct memory *m)
{
	int r = 0, one;

	for (int k = MEMORY_NONE + 1; k < MEMORY_KINDS; k++) {
		if (!memory_lost(m, (enum memory_kind)k))
			continue;
		one = memory_mend(m, (enum memory_kind)k);
		r = r ? r : one;
	}
	log_info(TAG, "the operator says: what damage took is not missed any "
		 "more");
	return r;
}

static int run(struct memory *m, const struct msg_trust *order,
	       uint64_t wall_us)
{
	switch (order->order) {
	case TRUST_ACCEPT:
		return trust_accept(m, order->name, order->print, wall_us);
	case TRUST_FORGET:
		return forget(m, order->name);
	case TRUST_MEND:
		return mend(m);
	default:
		return E_ARG;
	}
}

int trust_order(struct memory *m, const struct msg_trust *order,
		uint64_t wall_us, char *why)
{
	int r = run(m, order, wall_us);

	if (r)
		snprintf(why, REASON_TEXT, "%s",
			 r == E_NOTFOUND ? "nothing is known by that name"
			 : r == E_IO ? "it holds, but cannot be written: it "
				       "will be lost with a restart"
				     : err_text(r));
	return r;
}
