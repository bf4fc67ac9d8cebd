/* end.c - peers of calls that are over: charon forgets the connection and the
 * key, and ends what they raised. See ike.h.
 *
 * In that order, so that nothing the far end begins meanwhile comes about; and
 * one peer after the other, since hundreds of calls may end at once and the
 * client holds so many requests at most. What was up lingers before its end:
 * signalling may not have told the far end yet, which would take a tunnel that
 * goes under it for lost. What is not done when charon goes needs no end where
 * it died; where it did not, it is swept (adopt.c). */
#include "modules/vici/ike/inside.h"

#include "daemon/base/err.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#define AGAIN_MS 50
#define FINISH_S 1

static int unload_conn(struct ike *m, const struct ending *e,
		       const struct vici_then *then)
{
	return vici_unload_conn(m->client, e->name, then);
}

static int unload_key(struct ike *m, const struct ending *e,
		      const struct vici_then *then)
{
	return e->keyed ? vici_unload_psk(m->client, e->name, then)
			: E_NOTFOUND;
}

static int terminate(struct ike *m, const struct ending *e,
		     const struct vici_then *then)
{
	struct vici_which which = { .conn = e->name };

	return vici_terminate(m->client, &which, true, then);
}

static int (*const steps[])(struct ike *m, const struct ending *e,
			    const struct vici_then *then) = {
	unload_conn, unload_key, terminate
};

#define STEPS (sizeof steps / sizeof *steps)

void end_free(struct ending *e)
{
	if (e && e->timer)
		event_free(e->timer);
	free(e);
}

static struct ending *take_first(struct ike *m)
{
	struct ending *e = m->ends;

	m->ends = e->next;
	if (!m->ends)
		m->ends_end = &m->ends;
	e->next = NULL;
	return e;
}

static void append(struct ike *m, struct ending *e)
{
	*m->ends_end = e;
	m->ends_end = &e->next;
}

void end_forget(struct ike *m)
{
	struct ending *e;

	while (m->ends)
		end_free(take_first(m));
	while ((e = m->lingering)) {
		m->lingering = e->next;
		end_free(e);
	}
	if (m->end_again)
		event_del(m->end_again);
}

static void linger(struct ike *m, struct ending *e)
{
	unsigned ms = m->settings->linger_ms;
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	e->lingers = false;
	e->next = m->lingering;
	m->lingering = e;
	event_add(e->timer, &t);
}

static void lingered(struct ending *e)
{
	struct ending **at = &e->m->lingering;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	e->next = NULL;
	event_del(e->timer);
	append(e->m, e);
}

static void on_lingered(evutil_socket_t fd, short what, void *arg)
{
	struct ending *e = arg;

	(void)fd;
	(void)what;
	lingered(e);
	end_go_on(e->m);
}

int end_new(struct ike *m, struct ending **out)
{
	struct ending *e = calloc(1, sizeof *e);

	if (e)
		e->timer = evtimer_new(m->base, on_lingered, e);
	if (!e || !e->timer) {
		free(e);
		return E_NOMEM;
	}
	e->m = m;
	*out = e;
	return 0;
}

/* That charon had no such thing is as good. */
static void on_step(void *user, int err, const struct vici_result *result)
{
	struct ike *m = user;

	(void)result;
	if (!m->ends)
		return;
	if (err == E_CLOSED || err == E_TIMEOUT || err == E_FORMAT) {
		end_forget(m);
		return;
	}
	m->ends->step++;
	m->ends->busy = false;
	end_go_on(m);
}

void end_go_on(struct ike *m)
{
	static const struct timeval again = { 0, AGAIN_MS * 1000 };
	struct vici_then then = ike_then(m, on_step, m);
	struct ending *e;
	int r;

	while ((e = m->ends) && !e->busy) {
		if (e->step == STEPS) {
			end_free(take_first(m));
			continue;
		}
		if (e->lingers && !m->finishing &&
		    steps[e->step] == terminate) {
			linger(m, take_first(m));
			continue;
		}
		r = steps[e->step](m, e, &then);
		if (r == E_STATE) { /* no charon */
			end_forget(m);
		} else if (r == E_FULL || r == E_NOMEM) {
			event_add(m->end_again, &again);
			return;
		} else {
			e->busy = !r;
			e->step += r != 0;
		}
	}
}

bool end_has(const struct ike *m, struct vici_text name)
{
	const struct ending *e = m->ends;

	while (e && !vici_text_is(name, e->name))
		e = e->next;
	return e;
}

void end_conn(struct ike *m, struct ending *e, const char *name, bool keyed,
	      bool lingers)
{
	snprintf(e->name, sizeof e->name, "%s", name);
	e->keyed = keyed;
	e->lingers = lingers;
	append(m, e);
	end_go_on(m);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	bool *late = arg;

	(void)fd;
	(void)what;
	*late = true;
}

void ike_finish(struct ike *m)
{
	static const struct timeval most = { FINISH_S, 0 };
	bool late = false;
	struct event *timer = evtimer_new(m->base, on_late, &late);

	m->finishing = true;
	while (m->lingering)
		lingered(m->lingering);
	end_go_on(m); /* and on_step() */
	if (!timer)
		return;
	event_add(timer, &most);
	while (m->ends && !late && !event_base_loop(m->base, EVLOOP_ONCE))
		;
	event_free(timer);
}
