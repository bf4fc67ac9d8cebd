/* setup.c - what may ring: calls from outside are counted while they are set
 * up, by the address they came from, and those without an offer by peer.
 *
 * An INVITE without an offer proves nothing before the phone is picked up
 * (RFC 4567 leaves the keys to the ACK then): where calls must be sealed the
 * profile must allow it (late), and few ring at a time. The counts are by
 * hash: who falls together shares a limit, nothing is allocated or forgotten.
 * An IPv6 host counts as its /64. Calls from inside are not counted. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdarg.h>
#include <string.h>

static unsigned slot_of(const struct engine *e, const void *data, size_t len,
			unsigned slots)
{
	const uint8_t *p = data;
	uint64_t h = e->setup_seed ^ 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return (unsigned)(h >> 32) % slots;
}

static unsigned slot_of_source(const struct engine *e, const struct addr *a)
{
	struct addr net = *a;

	net.port = 0;
	if (net.family == 6)
		memset(net.ip + 8, 0, sizeof net.ip - 8);
	return slot_of(e, net.ip, sizeof net.ip, SETUP_SOURCES);
}

static int refuse(struct call *c, const struct call_start *s,
		  struct refusal *no, const char *reason)
{
	char where[ADDR_TEXT];

	snprintf(c->reason, sizeof c->reason, "%s", reason);
	log_line(LOG_CLASS_REFUSED, "engine", 0, "%s -> %s from %s, peer %s, "
		 "refused with %d: %s", c->caller, c->callee,
		 addr_text(&s->source, where), c->peer, no->status, reason);
	return E_POLICY;
}

static const struct refusal unproven = {
	.status = 488, .phrase = "Not Acceptable Here", .warn_code = 306,
	.warn = "an offer with key management is required in the INVITE"
};

static const struct refusal busy = {
	.status = 503, .phrase = "Service Unavailable", .retry_after_s = 5
};

/* Why an INVITE without an offer is not taken; NULL: it is. */
static const char *why_not_late(const struct call *c, struct refusal *no)
{
	const struct engine *e = c->engine;
	const struct peer *p = policy_peer(child_policy(e->child), c->peer);

	*no = unproven;
	if (!p->profile->late)
		return "an INVITE without an offer proves nothing: set late = "
		       "\"allow\" in the profile to take it";
	*no = busy;
	if (e->setup_late[c->peer_slot] >= engine_settings(e)->late_max)
		return "limits.late reached: so many calls without an offer "
		       "ring";
	return NULL;
}

int call_late(struct call *c, struct refusal *no)
{
	const char *why;

	if (!c->setup || c->late || !call_proves(c))
		return 0;
	why = why_not_late(c, no);
	if (why) {
		snprintf(c->reason, sizeof c->reason, "%s", why);
		LOG_CALL(c, LOG_CLASS_REFUSED, "peer %s: %s", c->peer, why);
		return E_POLICY;
	}
	c->late = true;
	c->engine->setup_late[c->peer_slot]++;
	return 0;
}

int setup_admit(struct call *c, const struct call_start *s, struct refusal *no)
{
	struct engine *e = c->engine;
	const struct settings *set = engine_settings(e);
	bool late = s->late && call_proves(c);
	const char *why;

	if (s->from != OUTSIDE)
		return 0;
	*no = busy;
	c->source_slot = slot_of_source(e, &s->source);
	c->peer_slot = slot_of(e, c->peer, strlen(c->peer), SETUP_PEERS);
	if (e->setup_source[c->source_slot] >= set->setup_max)
		return refuse(c, s, no, "limits.setup reached: so many calls "
			      "of one address are being set up");
	why = late ? why_not_late(c, no) : NULL;
	if (why)
		return refuse(c, s, no, why);
	c->setup = true;
	c->late = late;
	e->setup_source[c->source_slot]++;
	e->setup_late[c->peer_slot] += late;
	return 0;
}

void setup_over(struct call *c)
{
	struct engine *e = c->engine;

	if (!c->setup)
		return;
	c->setup = false;
	e->setup_source[c->source_slot]--;
	e->setup_late[c->peer_slot] -= c->late;
}
