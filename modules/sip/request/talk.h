/* talk.h - requests outside a call on their way, and the two dialogs that some
 * of them leave. For the files of this folder. Engine thread. */
#ifndef CALLSEAL_SIP_TALK_H
#define CALLSEAL_SIP_TALK_H

#include "daemon/engine/loop.h"
#include "modules/sip/border/border.h"
#include "modules/sip/nat/nat.h"
#include "modules/sip/sip.h"

#define ASKS_MAX 8 /* requests of one talk on their way */

struct talk;
struct auth;

/* Our end of the dialog on one face. */
struct talk_end {
	struct talk *talk;
	struct sip_face *face;
	nta_leg_t *dialog;
	const sip_contact_t *contact; /* ours */
	char hop[NAT_HOP];            /* behind a NAT; or "" (nat.h) */
	bool tagged;                  /* the other side gave its tag */
};

/* One request on its way from end[from] to the other. */
struct ask {
	struct ask *next;
	struct talk *talk;
	unsigned from;
	nta_incoming_t *irq;
	nta_outgoing_t *orq;
	struct auth *auth; /* our answers to challenges, or NULL; owned */
	char *proof;      /* admission_proof(); or NULL; owned */
	struct loop_timer *patience; /* with its next hop; or NULL; owned */
	msg_t *out;       /* what goes on, until its words are sealed; owned */
	sip_method_t method;
	uint32_t asked_s; /* Expires of a SUBSCRIBE */
	bool sealed;      /* its words are, outside */
	bool brief, full; /* with our certificates referred to; or with them */
	bool first;       /* the one that made the talk */
	bool last;        /* a NOTIFY that says "terminated" */
};

struct talk {
	struct talk *next, **prev;
	struct requests *all;
	struct talk_end end[2]; /* [0]: whose request came first */
	struct request_way way;
	struct ask *asks;
	unsigned n_asks;
	bool sips;
	bool over;         /* the sweeper frees it */
	uint64_t until_us; /* 0: its one request is on its way */
};

struct requests {
	struct sip *sip;
	struct loop_timer *sweeper;
	struct talk *talks;
	size_t n;
};

/* One more in the list, which owns it; its first request came from there. NULL:
 * no memory. */
struct talk *talk_new(struct requests *all, struct sip_face *f);
/* Only where none of its callbacks is at work; else talk_over(). */
void talk_free(struct talk *t);
/* Freed from the loop. */
void talk_over(struct talk *t);
/* It stays for so long, and what is still under way comes to its end. */
void talk_lasts(struct talk *t, uint32_t seconds);
/* Our Contact on the other face is one that suits where it goes. */
void talk_toward(struct talk *t);
/* What the other face may see of what came by this one. */
struct crossing talk_crossing(const struct talk_end *came);
/* COPY_ flags (headers.h) for such a message. */
unsigned talk_flags(const struct crossing *x, const sip_t *sip);

/* Takes irq. NULL: no memory. */
struct ask *ask_new(struct talk *t, unsigned from, nta_incoming_t *irq,
		    const sip_t *sip);
/* Answers with it, and ends a. */
void ask_refuse(struct ask *a, const struct refusal *no);
/* Frees a; its talk is over when it has nothing else. */
void ask_end(struct ask *a);
/* Whether it goes to the outside. */
bool ask_goes_out(const struct ask *a);
/* Whether its messages bear a Contact of ours. */
bool ask_has_contact(const struct ask *a);

#endif
