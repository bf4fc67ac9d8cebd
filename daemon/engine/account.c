/* account.c - digests of our accounts: questions to the keeper, which has the
 * passwords, and its answers back to who asked. */
#include "daemon/base/err.h"
#include "daemon/engine/inside.h"

#include <stdlib.h>

#define QUESTIONS_MAX 4096

struct question {
	struct question *next;
	uint64_t id;
	uint64_t until_us; /* monotonic */
	answer_fn fn;
	void *user;
};

static void answer(struct engine *e, struct question **at, int err,
		   const struct msg_account_answered *m)
{
	struct question *q = *at;

	*at = q->next;
	e->n_questions--;
	q->fn(q->user, err, m);
	free(q);
}

int engine_answer(struct engine *e, const struct msg_account_answer *m,
		  answer_fn fn, void *user)
{
	struct question *q;
	int r;

	if (e->n_questions == QUESTIONS_MAX)
		return E_FULL;
	q = calloc(1, sizeof *q);
	if (!q)
		return E_NOMEM;
	*q = (struct question){ .next = e->questions,
				.id = ++e->last_question,
				.fn = fn, .user = user,
				.until_us = clock_mono_us(e->clock) +
					    KEEPER_DEADLINE_MS * 1000ull };
	r = child_send(e->child, PROC_KEEPER, MSG_ACCOUNT_ANSWER, q->id, m,
		       sizeof *m, NULL, 0);
	if (r) {
		free(q);
		return r;
	}
	e->questions = q;
	e->n_questions++;
	engine_glance_soon(e);
	return 0;
}

void engine_answer_forget(struct engine *e, const void *user)
{
	struct question **at = &e->questions, *q;

	while ((q = *at))
		if (q->user == user) {
			*at = q->next;
			e->n_questions--;
			free(q);
		} else {
			at = &q->next;
		}
}

/* fn may ask and forget: the walk begins anew. */
bool account_tick(struct engine *e, bool lost)
{
	uint64_t now = clock_mono_us(e->clock);
	struct question **at = &e->questions;

	while (*at)
		if (lost || now >= (*at)->until_us) {
			answer(e, at, lost ? E_CLOSED : E_TIMEOUT, NULL);
			at = &e->questions;
		} else {
			at = &(*at)->next;
		}
	return e->questions;
}

int account_handle(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_account_answered *m = msg->body;
	struct question **at = &e->questions;

	while (*at && (*at)->id != msg->id)
		at = &(*at)->next;
	if (*at) /* else its time was over */
		answer(e, at, m->err, m->err ? NULL : m);
	return 0;
}
