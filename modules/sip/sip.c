/* sip.c - the signalling module: a B2BUA on Sofia's nta.
 *
 * A call is two legs and a transaction relay with a body filter. The map:
 *
 *   transport/ agents and listeners of both sides, Contact, loop mark (face.c);
 *              the first look at every message, the guard's (gate.c); TLS under
 *              Sofia's transports (tls.c), for whom a certificate speaks
 *              (tlsname.c)
 *   nat/       ends behind a NAT: where they are, and keeping the way open
 *   sip.c      the module record; requests that belong to no dialog
 *   invite.c   the first INVITE; branches, reliable responses, ACK, CANCEL
 *   fork.c     the first INVITE to several phones of one account
 *   transfer/  a phone's call sent on to another phone, by us
 *   dialog.c   a request that came in a leg's dialog
 *   txn.c      any request from one leg to the other, its responses back
 *   filter.c   messages wait here, in order, for the core's body filter
 *   reoffer.c  offers with the outside alone, for new keys
 *   session/   session timers, and refreshes of our own
 *   border/    who is believed, who wants to be private; priority (rank.c)
 *   leg.c      one SIP dialog
 *   pair.c     the two legs of a call: made, ended, freed
 *   request/   requests outside a call, subscriptions
 *   registrar/ the registrar of our own, and passwords of phones
 *   registration/ a phone's REGISTER on its way to the registrar (register.c),
 *              the table of registered phones (binding.c) and its file
 *              (slots.c), how calls find them (location.c)
 *   retry.c    a first INVITE again: less protected, where that is allowed,
 *              or by another next hop
 *   trunk/     next hops: which there are (locate.c), which work (hops.c,
 *              server.c); our accounts there (account.c), answers to
 *              challenges (auth.c, challenge.c); no way to DNS (resolver.c)
 *   reliable.c reliable responses, and whose PRACK it is
 *   early.c    keys before the phone is picked up
 *   sealed.c, words.c  bodies and words on their way to S/MIME and back
 *   sealing/   which messages are sealed (seals.c), and as a whole (whole.c);
 *              BYEs and ACKs of our own (errand.c); certificates asked for
 *              (fetch.c)
 *   message/   the same request on two ways (merge.c), what passes byte for
 *              byte (headers.c), bodies of several parts (parts.c), what is
 *              kept for a trace (origin.c), dialogs that a message names
 *              (replaces.c), answers of our own (reply.c)
 *
 * Works by RFC 3261, 3262 (100rel), 3264 (offer and answer), 3311 (UPDATE),
 * 3326 (Reason). Sofia's nta keeps the transactions' timers, repeats 2xx and
 * ACK, merges and matches; nothing else of it is used (no nua, no soa).
 *
 * Does not do: following a 3xx of a phone, which passes, without Contacts that
 * show the inside. */
#include "modules/sip/sip.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/module.h"
#include "modules/sip/sealing/errand.h"
#include "modules/sip/sealing/fetch.h"
#include "modules/sip/sealing/reveal.h"
#include "modules/sip/transport/face.h"
#include "modules/sip/transport/gate.h"
#include "modules/sip/invite.h"
#include "modules/sip/message/merge.h"
#include "modules/sip/pair.h"
#include "modules/sip/registration/register.h"
#include "modules/sip/registrar/admission.h"
#include "modules/sip/registrar/registrar.h"
#include "modules/sip/reoffer.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/request/request.h"
#include "modules/sip/session/session.h"
#include "modules/sip/transport/tls.h"
#include "modules/sip/trunk/account.h"
#include "modules/sip/trunk/auth.h"
#include "modules/sip/trunk/hops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_uniqueid.h>

#define STOP_US 1000000       /* for what is cancelled or not acknowledged */
#define STOP_REPEAT_US 600000 /* a lost BYE is repeated once (T1: 500 ms) */
#define STOP_STEP_MS 20
#define PATIENCE_US 40000000 /* more than 64*T1 */

extern const struct module sip_module;

/* -- requests of no dialog ------------------------------------------------ */

static int stranger_status(const sip_t *sip)
{
	switch (sip->sip_request->rq_method) {
	case sip_method_invite:
	case sip_method_options:
		return 0;
	case sip_method_register:
	case sip_method_subscribe:
	case sip_method_message:
	case sip_method_publish:
	case sip_method_refer:
	case sip_method_notify:
		return sip->sip_to->a_tag ? 481 : 405;
	case sip_method_cancel:
	case sip_method_bye:
	case sip_method_prack:
	case sip_method_update:
	case sip_method_info:
		return 481;
	default:
		return 501;
	}
}

static void log_refused(nta_incoming_t *irq, const sip_t *sip, int status)
{
	struct addr source = face_source(irq);
	char where[ADDR_TEXT];

	log_line(LOG_CLASS_REFUSED, SIP_TAG, 0, "%s from %s: %d %s",
		 sip->sip_request->rq_method_name, addr_text(&source, where),
		 status, reply_phrase(status));
}

static int on_register(struct sip_face *f, nta_incoming_t *irq,
		       const sip_t *sip)
{
	const struct settings *s = engine_settings(f->sip->engine);

	return s->register_mode == REGISTER_LOCAL
		? registrar_request(f, irq, sip)
		: register_request(f, irq, sip);
}

static void on_admitted(struct sip_face *f, nta_incoming_t *irq,
			const sip_t *sip, const struct admitted *who)
{
	char *proof = admission_proof(who);

	if (sip->sip_request->rq_method == sip_method_invite)
		invite_first(f, irq, sip, proof);
	else
		request_outside(f, irq, sip, proof);
}

static int on_stranger(struct leg *door, nta_leg_t *dialog,
		       nta_incoming_t *irq, const sip_t *sip)
{
	sip_method_t m = sip->sip_request->rq_method;
	struct refusal no;
	int status;

	(void)dialog;
	if (m == sip_method_ack) {
		nta_incoming_destroy(irq);
		return 0;
	}
	if (m == sip_method_register && door->face->face == INSIDE)
		return on_register(door->face, irq, sip);
	if (request_passes(door->face, sip)) {
		admission_ask(door->face, irq, sip, on_admitted);
		return 0;
	}
	status = stranger_status(sip);
	if (!status && sip->sip_to->a_tag)
		status = 481;
	if (!status && merge_seen(door->face->sip, door->face->face, sip))
		status = 482;
	if (!status && m == sip_method_options &&
	    fetch_asked(door->face, irq, sip))
		return 0;
	if (!status && m == sip_method_invite) {
		admission_ask(door->face, irq, sip, on_admitted);
		return 0;
	}
	if (!status && !face_is_us(door->face, sip->sip_request->rq_url))
		status = 404; /* OPTIONS for someone else */
	if (!status) {
		reply_options(door->face, irq, sip);
	} else {
		log_refused(irq, sip, status);
		no = reply_no(status, NULL);
		reply_refuse(irq, &no);
	}
	nta_incoming_destroy(irq);
	return 0;
}

/* -- the role ------------------------------------------------------------- */

static void hangup(void *leg, int status, const char *cause)
{
	struct refusal no = reply_no(status, cause);

	if (no.status < 400 || no.status > 699)
		no = reply_no(480, cause);
	pair_end(leg, &no, cause);
}

static int reoffer(void *leg)
{
	return reoffer_begin(leg);
}

static const struct signalling role = { .name = "sip", .hangup = hangup,
					.reoffer = reoffer,
					.expires = tls_expires };

/* -- the module ----------------------------------------------------------- */

/* Sofia's own lines, as far as they are not silenced, for debugging. */
__attribute__((format(printf, 2, 0)))
static void sofia_says(void *stream, const char *fmt, va_list ap)
{
	char line[256];

	(void)stream;
	vsnprintf(line, sizeof line, fmt, ap);
	log_debug(SIP_TAG, "sofia: %s", line);
}

/* Reads what the parent opened; keeps what is there when it is no good. */
static int take_tls(struct sip *s)
{
	const struct settings *settings = engine_settings(s->engine);
	const struct tls_settings *t = &settings->tls;
	const char *const value[TLS_FILES] = { t->cert, t->key, t->ca };
	static const char *const name[TLS_FILES] = {
		TLS_FILE_CERT, TLS_FILE_KEY, TLS_FILE_CA
	};
	struct tls_file *file = NULL;
	char why[256] = "no memory";
	int fd[TLS_FILES], r;

	if (!settings_has_tls(&settings->face[INSIDE]) &&
	    !settings_has_tls(&settings->face[OUTSIDE]))
		return 0;
	for (int i = 0; i < TLS_FILES; i++)
		fd[i] = *value[i] ? child_file(engine_child(s->engine),
					       name[i]) : -1;
	r = tls_file_read(fd, &file, why, sizeof why);
	if (r) {
		log_error(SIP_TAG, "tls: %s", why);
		return r;
	}
	if (tls_file_warns(file, why, sizeof why))
		log_error(SIP_TAG, "tls: %s", why);
	if (t->verify == TLS_VERIFY_NONE)
		log_error(SIP_TAG, "tls.verify = \"none\": anyone on the way "
			  "can pose as the next hop");
	r = tls_use(file, t->verify);
	if (r)
		log_error(SIP_TAG, "tls: certificate, key or CA is too weak or "
			  "cannot be used: %s", err_text(r));
	return r;
}

static void sip_free(struct sip *s)
{
	admissions_free(s->admissions);
	requests_free(s->requests);
	errands_forget(s);
	fetch_free(s);
	reveal_free(s);
	accounts_free(s->accounts);
	hops_free(s->hops);
	free(s->counts);
	registry_free(s->registry);
	face_close(&s->face[INSIDE]);
	face_close(&s->face[OUTSIDE]);
	tls_forget();
	merges_free(s->merges);
	loop_timer_free(s->sweeper);
	loop_timer_free(s->patient);
	loop_timer_free(s->sessions);
	su_home_deinit(s->home);
	free(s);
}

static int open_faces(struct sip *s)
{
	const struct settings *settings = engine_settings(s->engine);
	int face, r;

	for (face = INSIDE; face <= OUTSIDE; face++) {
		s->face[face].sip = s;
		s->face[face].face = face;
		s->face[face].settings = &settings->face[face];
		r = face_open(&s->face[face], on_stranger);
		if (r)
			return r;
	}
	return gate_check();
}

static int start(struct core *core, const struct conf *c, void **state)
{
	struct sip *s = calloc(1, sizeof *s);
	int r = E_INTERNAL;

	(void)c;
	if (!s)
		return E_NOMEM;
	su_home_init(s->home);
	su_log_set_level(NULL, 0);
	su_log_redirect(NULL, sofia_says, NULL);
	su_randmem(s->secret, sizeof s->secret);
	s->merges = merges_new();
	s->counts = calloc(1, sizeof *s->counts);
	if (!s->merges || !s->counts) {
		r = E_NOMEM;
		goto out;
	}
	s->engine = core_process(core);
	s->loop = engine_loop(s->engine);
	s->patience_us = PATIENCE_US;
	if ((r = loop_timer_new(s->loop, pair_sweep, s, &s->sweeper)) ||
	    (r = loop_timer_new(s->loop, pair_give_up, s, &s->patient)) ||
	    (r = loop_timer_new(s->loop, session_tick, s, &s->sessions)))
		goto out;
	if ((r = take_tls(s)) || (r = open_faces(s)))
		goto out;
	if ((r = hops_new(s, core, &s->hops)) ||
	    (r = accounts_new(s, core, &s->accounts)) ||
	    (r = registry_new(s, core, &s->registry)) ||
	    (r = requests_new(s, &s->requests)) ||
	    (r = admissions_new(s, &s->admissions)))
		goto out;
	r = core_register(core, "signalling", role.name, &role);
	if (!r)
		r = fetch_open(core, s);
	if (r)
		goto out;
	pair_give_up(s);
	*state = s;
	return 0;
out:
	sip_free(s);
	return r;
}

static void drain(void *state)
{
	struct sip *s = state;

	s->draining = true;
}

/* Every call and every registrar is told; their last transactions get a
 * bounded time. */
static void last_words(struct sip *s)
{
	struct refusal no = reply_no(503, "the gateway is being stopped");
	uint64_t now = clock_mono_us(&clock_system), start = now;
	struct pair *pair;

	for (pair = s->pairs; pair; pair = pair->next)
		pair_end(pair, &no, no.warn);
	accounts_end(s->accounts);
	while ((s->bye_us && now - s->bye_us < STOP_REPEAT_US) ||
	       ((s->pairs || accounts_busy(s->accounts)) &&
		now - start < STOP_US)) {
		loop_step(s->loop, STOP_STEP_MS);
		now = clock_mono_us(&clock_system);
	}
}

static void stop(void *state)
{
	struct sip *s = state;
	struct pair *pair;

	s->draining = true;
	last_words(s);
	while ((pair = s->pairs))
		pair_free(pair);
	sip_free(s);
}

/* Listeners are opened once, TLS files are read again; other settings are read
 * at each call. */
static int reload(void *state, const struct conf *c)
{
	const struct settings *settings;
	struct sip *s = state;
	bool moved = false;
	int r = take_tls(s);

	(void)c;
	if (!r)
		r = hops_reload(s->hops);
	if (!r)
		r = accounts_reload(s->accounts);
	settings = engine_settings(s->engine);
	for (int face = INSIDE; !r && face <= OUTSIDE; face++)
		moved |= face_moved(&s->face[face], &settings->face[face]);
	if (moved)
		accounts_moved(s->accounts);
	return r;
}

static const char *const provides[] = { "signalling", NULL };

const struct module sip_module = {
	.name = "sip",
	.process = PROC_ENGINE,
	.provides = provides,
	.start = start,
	.reload = reload,
	.drain = drain,
	.stop = stop,
};
