/* toll.c - outward calls that cost: how many of them in an hour and at one
 * time, by user, by address or all together (the group "tolls"). Somebody who
 * got a phone's password, or the phone, calls for money as long as he can: a
 * limit turns a fortune into a nuisance.
 *
 * A From is what the phone says; a rule per = "host" or "all" holds whatever
 * it says. All rules that fit count; a refused call counts in none of the
 * hours. */
#include "daemon/engine/guard/inside.h"
#include "daemon/uri.h"

#include <string.h>

#define HOUR_US (3600 * 1000000ull)

struct key_text {
	uint32_t rule;
	uint32_t per;
	uint8_t who[URI_NAME_TEXT];
};

/* The user alone: his domain he may write as he likes. */
static uint64_t key_of(const struct guard *g, const struct toll *toll,
		       uint32_t rule, const struct guard_asker *a,
		       const char *caller)
{
	struct key_text text = { .rule = rule, .per = toll->per };
	size_t len = 0;

	switch (toll->per) {
	case TOLL_USER:
		len = strcspn(caller, "@");
		memcpy(text.who, caller, len);
		break;
	case TOLL_HOST:
		len = sizeof a->source.ip;
		memcpy(text.who, a->source.ip, len);
		break;
	case TOLL_ALL:
		break;
	}
	return tally_key(g->callers, &text, offsetof(struct key_text, who) +
			 len);
}

static const char *refuse(struct guard *g, struct refusal *no,
			  const char *reason)
{
	return guard_no(g, GUARD_TOLL, 403, reason, no);
}

const char *toll_take(struct guard *g, const struct settings *s,
		      const struct guard_asker *a, struct guard_ticket *t,
		      struct refusal *no)
{
	char callee[URI_NAME_TEXT], caller[URI_NAME_TEXT];
	uint64_t now = clock_mono_us(g->clock), key;
	struct tally_rate hour[GUARD_TOLLS];
	struct toll toll;
	unsigned n = 0;

	if (!uri_name(a->callee, callee))
		return NULL; /* no peer matches either */
	if (!uri_name(a->caller, caller))
		caller[0] = 0; /* all that cannot be read are one */
	for (uint32_t i = 0; screening_toll(&s->screening, i, &toll) &&
			     n < GUARD_TOLLS; i++) {
		if (!uri_matches(toll.match, callee) ||
		    !uri_matches(toll.user, caller))
			continue;
		key = key_of(g, &toll, i, a, caller);
		hour[n] = (struct tally_rate){ toll.hour, toll.hour, HOUR_US };
		if (!tally_may(g->callers, key, &hour[n], now) || !toll.hour)
			return refuse(g, no, "a rule of tolls: so many calls "
				      "in an hour");
		if (!tally_hold(g->callers, key, toll.calls, now))
			return refuse(g, no, "a rule of tolls: so many calls "
				      "at one time");
		t->toll[n++] = key;
	}
	for (unsigned i = 0; i < n; i++)
		tally_take(g->callers, t->toll[i], &hour[i], now);
	return NULL;
}
