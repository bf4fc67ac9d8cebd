/* server.h - one server of a next hop: asked by OPTIONS whether it is there,
 * and what became of requests to it. For hops.c. Engine thread. */
#ifndef CALLSEAL_SIP_SERVER_H
#define CALLSEAL_SIP_SERVER_H

#include "daemon/engine/way/discover.h"
#include "modules/sip/sip.h"

#include <jansson.h>

enum server_state {
	SERVER_UNKNOWN, /* nobody asked, or no answer yet */
	SERVER_UP,
	SERVER_DOWN     /* it left several questions in a row unanswered */
};

struct server {
	struct server *next;
	struct sip *sip;
	char *uri;
	const char *hop;        /* whose it is, as it is configured; borrowed */
	struct addr addr;       /* of its host; family 0: not known */
	uint64_t rank;
	unsigned group, weight; /* as in struct located */
	unsigned keepalive_s;   /* 0: it is not asked */
	enum server_state state;
	uint64_t since_us;      /* wall clock of the last change */
	unsigned failed;        /* questions without a good answer, in a row */
	nta_outgoing_t *orq;    /* the question that is open */
	struct loop_timer *timer;
	uint64_t rest_us;       /* monotonic: others come first until then */
	unsigned rest_s;        /* how long the last time */
	char why[96];           /* of the last failure, or "" */
	struct discovery said;  /* in its last 200 to a question */
};

int server_new(struct sip *s, const char *uri, const char *hop,
	       struct server **out);
void server_free(struct server *v); /* NULL is allowed */
/* From now on it is asked so often. */
void server_keepalive(struct server *v, unsigned seconds);
/* A request to it failed: others come first for a while, after_s or one that
 * grows. */
void server_failed(struct server *v, unsigned after_s, const char *why);
/* It answered a request. */
void server_answered(struct server *v);
bool server_rests(const struct server *v);
/* As callseal-control(7) says; NULL: no memory. */
json_t *server_json(const struct server *v);

#endif
