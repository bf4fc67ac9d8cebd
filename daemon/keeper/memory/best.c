/* best.c - see best.h. Memory only raises: a record is made when a far end
 * was sealed with, and goes by the operator's word alone. When records were
 * lost by damage, or there is no place for more, nobody is spoken to in clear
 * until the operator says that it may be: that, too, would be a way down. */
#include "daemon/keeper/memory/best.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <stdio.h>
#include <string.h>

#define SEALED 1 /* the one rank so far: see memory.h */

void best_name(const struct peer *peer, const char *remote_id,
	       char out[static MEMORY_NAME_TEXT])
{
	const char *host = strchr(remote_id, '@');
	int n = 0;

	out[0] = 0;
	if (!peer || peer->profile->need != NEED_PREFER)
		return;
	n = snprintf(out, MEMORY_NAME_TEXT, "%s %s", peer->name,
		     host ? host + 1 : remote_id);
	if (n >= MEMORY_NAME_TEXT)
		out[0] = 0;
}

void best_raise(const struct clerk_services *s, const char *name)
{
	static const uint8_t rank[1] = { SEALED };
	const struct memory_record r = {
		.kind = MEMORY_BEST, .name = name, .data = rank,
		.len = sizeof rank, .time_us = clock_wall_us(s->clock),
	};
	int err;

	if (!*name || !s->memory)
		return;
	err = memory_put(s->memory, &r);
	if (err)
		log_line(LOG_CLASS_ERROR, "keeper", 0, "cannot remember that "
			 "%s can be sealed: %s", name, err_text(err));
}

static void explain(int r, const char *name, struct keying_fault *why)
{
	if (!r)
		snprintf(why->text, sizeof why->text, "\"%.60s\" was sealed "
			 "before; if it cannot be any more: callsealctl trust "
			 "--forget", name);
	else if (r == E_FULL)
		snprintf(why->text, sizeof why->text, "no place is left to "
			 "remember who was sealed, perhaps \"%.40s\": "
			 "callsealctl trust --forget who is gone", name);
	else
		snprintf(why->text, sizeof why->text, "records of who was "
			 "sealed are lost, perhaps \"%.50s\": callsealctl "
			 "trust --mend", name);
}

int best_plain(const struct clerk_services *s, const struct msg_key_plain *m,
	       struct keying_fault *why)
{
	const struct peer *peer = s->match(s->user, m->remote_id);
	char name[MEMORY_NAME_TEXT];
	struct memory_record was;
	int r;

	snprintf(why->text, sizeof why->text, "%.80s is not of a peer that "
		 "may be plain", m->remote_id);
	if (!peer || strcmp(peer->name, m->peer) ||
	    peer->profile->need == NEED_REQUIRE)
		return E_POLICY;
	if (peer->profile->need != NEED_PREFER)
		return 0;
	best_name(peer, m->remote_id, name);
	r = *name ? memory_get(s->memory, MEMORY_BEST, name, &was) : E_SPACE;
	if (r == E_NOTFOUND && memory_is_full(s->memory))
		r = E_FULL;
	if (r == E_NOTFOUND)
		return 0;
	explain(r, name, why);
	return E_POLICY;
}
