/* call.h - a call of the mock core, for its own files. */
#ifndef CALLSEAL_MOCK_CALL_H
#define CALLSEAL_MOCK_CALL_H

#include "tests/mock/core.h"

struct phone {
	struct call_route route;
	struct location_way way;
};

struct call {
	struct engine *e;
	struct call *next;
	void *leg;
	enum face from;
	char target[512], next_hop[512], routes[512];
	char more[8][512]; /* further next hops */
	size_t n_more, at;
	struct call_route route;
	struct phone phone[CALL_PHONES_MAX]; /* but the first */
	uint64_t id;
	struct loop_timer *timer;
	struct filter_request late; /* with a copy of the body */
	filter_fn fn;
	void *user;
	bool waiting, up;
	bool met; /* the outside's last description said so */
	struct loop_timer *sealer;
	char *sealed; /* on its way */
	seal_fn seal_fn;
	void *seal_user;
};

#endif
