/* maker.c - see maker.h. */
#include "tests/mock/maker.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool can(void *state, uint8_t family, enum esp_suite suite)
{
	const struct maker *m = state;

	(void)suite;
	return family == 4 || !m->no_six;
}

static int fail(int err, struct tunnel_why *why)
{
	snprintf(why->text, sizeof why->text, "the mock says %s",
		 err_text(err));
	return err;
}

static int reserve(void *state, const struct addr *local,
		   const struct tunnel_pair *with, void *owner,
		   struct tunnel_pair **out, uint32_t *spi,
		   struct tunnel_why *why)
{
	struct maker *m = state;
	struct tunnel_pair *p = m->pair;

	if (m->reserve_err)
		return fail(m->reserve_err, why);
	while (p < m->pair + MAKER_PAIRS && p->owner)
		p++;
	if (p == m->pair + MAKER_PAIRS)
		return fail(E_FULL, why);
	if (with && (!with->owner || !addr_equal(&with->local, local)))
		abort();
	*p = (struct tunnel_pair){
		.owner = owner, .local = *local, .spi = ++m->last_spi,
		.group = with ? with->group : ++m->last_group };
	m->there++;
	*spi = p->spi;
	*out = p;
	return 0;
}

static struct tunnel_pair *sender_of(struct maker *m, unsigned group)
{
	for (struct tunnel_pair *p = m->pair; p < m->pair + MAKER_PAIRS; p++)
		if (p->policies && p->group == group)
			return p;
	return NULL;
}

static int raise_pair(void *state, struct tunnel_pair *p,
		      struct tunnel_pair *instead,
		      const struct msg_tunnel_key *key, struct tunnel_why *why)
{
	struct maker *m = state;

	if (!p->owner || p->raised || p->raising || key->near.spi != p->spi ||
	    (key->scope == ESP_MEDIA && instead &&
	     (!instead->raised || instead->group != p->group)))
		abort();
	m->last = *key;
	wipe(&m->last.in, sizeof m->last.in);
	wipe(&m->last.out, sizeof m->last.out);
	if (m->raise_err)
		return fail(m->raise_err, why);
	if (m->slow) {
		p->raising = true;
		return E_AGAIN;
	}
	if (key->scope != ESP_MEDIA)
		p->group = MAKER_SHARED + key->far.at.ip[3];
	p->policies = !sender_of(m, p->group);
	p->raised = true;
	m->raised++;
	return 0;
}

static bool sends(void *state, const struct tunnel_pair *p)
{
	(void)state;
	return p->policies;
}

static int turn(void *state, struct tunnel_pair *p, struct tunnel_why *why)
{
	struct maker *m = state;
	struct tunnel_pair *from = sender_of(m, p->group);

	if (!p->raised)
		abort();
	if (p->policies)
		return 0;
	if (m->slow)
		return fail(E_STATE, why);
	if (m->turn_err || !from)
		return fail(from ? m->turn_err : E_STATE, why);
	p->policies = true;
	from->policies = false;
	return 0;
}

static bool heard(void *state, const struct tunnel_pair *p)
{
	const struct maker *m = state;

	return p->raised && m->heard;
}

static void drop(void *state, struct tunnel_pair *p)
{
	struct maker *m = state;

	if (!p->owner)
		abort();
	m->there--;
	m->raised -= p->raised;
	*p = (struct tunnel_pair){ .owner = NULL };
}

static int events_fd(void *state)
{
	(void)state;
	return -1;
}

static int events(void *state, tunnel_event_fn fn, void *user)
{
	struct maker *m = state;
	void *owner = m->event_owner;

	m->event_owner = NULL;
	if (owner)
		fn(user, owner, m->event);
	return m->events_err;
}

static uint64_t tick(void *state, uint64_t now_us)
{
	struct maker *m = state;

	m->ticked_us = now_us;
	return m->tick_again_us ? m->tick_again_us : UINT64_MAX;
}

static int list(void *state, tunnel_sa_fn fn, void *user, unsigned *blocks,
		struct tunnel_why *why)
{
	struct maker *m = state;
	struct tunnel_sa sa = { .spi = 7, .bytes = 100, .packets = 3 };

	(void)why;
	*blocks = 12;
	for (struct tunnel_pair *p = m->pair; p < m->pair + MAKER_PAIRS; p++)
		for (int out = 0; p->raised && out < 2; out++) {
			sa.spi = out ? 0xffff : p->spi;
			sa.out = out;
			addr_parse("10.2.2.2", &sa.dst);
			sa.port = out ? m->port : 0;
			sa.elsewhere = m->elsewhere;
			fn(user, p->owner, &sa);
		}
	for (uint32_t n = 0; n < 40; n++) {
		sa = (struct tunnel_sa){ .spi = 0xabc00 + n };
		fn(user, NULL, &sa);
	}
	return 0;
}

static int foreign(void *state, tunnel_foreign_fn fn, void *user,
		   struct tunnel_why *why)
{
	(void)state;
	(void)why;
	for (int n = 0; n < 40; n++)
		fn(user, "10.1.0.0/16 to 0.0.0.0/0, priority 7");
	return 0;
}

void maker_open(struct maker *m)
{
	memset(m, 0, sizeof *m);
	m->last_spi = 0x1000;
	m->role = (struct tunnel_maker){
		.state = m, .can = can, .reserve = reserve,
		.raise = raise_pair, .sends = sends, .turn = turn,
		.heard = heard, .drop = drop, .tick = tick,
		.events_fd = events_fd,
		.events = events, .list = list, .foreign = foreign };
}

static void listen_to(void *state, const struct tunnel_ears *ears, void *user)
{
	struct maker *m = state;

	m->ears = ears;
	m->user = user;
}

void maker_open_slow(struct maker *m)
{
	maker_open(m);
	m->slow = true;
	m->role.events_fd = NULL;
	m->role.events = NULL;
	m->role.list = NULL;
	m->role.foreign = NULL;
	m->role.listen = listen_to;
}

static struct tunnel_pair *pair_of(struct maker *m, uint32_t spi)
{
	struct tunnel_pair *p = m->pair;

	while (p < m->pair + MAKER_PAIRS && (!p->owner || p->spi != spi))
		p++;
	if (p == m->pair + MAKER_PAIRS)
		abort();
	return p;
}

void maker_raised(struct maker *m, uint32_t spi, int err, bool up)
{
	struct tunnel_pair *p = pair_of(m, spi);

	if (!p->raising)
		abort();
	p->raising = false;
	p->raised = !err;
	p->policies = !err && up;
	m->raised += !err;
	m->ears->raised(m->user, p->owner, err, err ? "the mock says so"
						    : NULL);
}

void maker_told(struct maker *m, uint32_t spi, enum tunnel_event e)
{
	struct tunnel_pair *p = pair_of(m, spi);

	if (!p->raised)
		abort();
	p->policies = e == TUNNEL_EVENT_UP;
	m->ears->event(m->user, p->owner, e, "the mock says so");
}
