/* connected.c - with whom a call is, where it was diverted to another than it
 * names (RFC 4916). Who that is the keeper says, message by message; of the
 * branches of a call the one counts that was answered. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>
#include <string.h>

const char *call_connected(const struct call *c)
{
	return c->connected;
}

bool call_changes(const struct call *c)
{
	const struct profile *p = call_profile(c);

	return p && p->diverted && call_signs(c);
}

static bool counts(const struct call *c, unsigned branch)
{
	return c->from == OUTSIDE || c->won < 0 || (unsigned)c->won == branch;
}

static bool is_so(const struct call *c, const char *who)
{
	return c->connected ? !strcmp(c->connected, who) : !*who;
}

static uint32_t bit(const struct call *c, unsigned branch)
{
	return c->from == OUTSIDE ? 1 : 1u << branch % 32;
}

bool call_strayed(const struct call *c)
{
	if (c->won < 0)
		return c->strayed;
	return c->connected || (c->strayed & bit(c, (unsigned)c->won));
}

void connected_forget(struct call *c)
{
	free(c->connected);
	c->connected = NULL;
	c->strayed = 0;
}

int connected_note(struct call *c, unsigned branch, const char *who)
{
	char *copy = NULL;

	if (*who)
		c->strayed |= bit(c, branch);
	if (!counts(c, branch) || is_so(c, who))
		return 0;
	if (*who && c->from == OUTSIDE && guard_denies(c->engine->guard, who))
		return E_POLICY;
	if (*who && !(copy = strdup(who)))
		return E_NOMEM;
	free(c->connected);
	c->connected = copy;
	LOG_CALL(c, LOG_CLASS_INFO, "peer %s: the call for %s is with %s",
		 c->peer, c->from == INSIDE ? c->callee : c->caller,
		 copy ? copy : "that one again");
	if (c->state == CALL_UP)
		call_judge_again(c);
	return 0;
}
