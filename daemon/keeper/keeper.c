/* keeper.c - the keeper process: libevent around the clerk; the map of this
 * folder.
 *
 *   keeper.c    the process: loop, descriptors, configuration
 *   clerk/      the engine's requests (clerk.c; clerk_*.c: one each), what the
 *               keeper's own policy allows (permit.c)
 *   docket.c    what is held for each call: exchanges, answers, live keys
 *   shipping.c  key ids, and the keys' way to relay and tunnel
 *   replay.c    the replay cache and its file
 *   memory/     what is known of far ends from earlier calls, and its file
 *               (memory.c); who may not be plain (best.c), counters (count.c),
 *               what worked last (recall.c)
 *   digest/     passwords of phones: whether an answer to a challenge is right
 *   show.c      what the operator may see
 *   account/    digests of our accounts at peers, keys of IKE for charon
 *   rate.c      how often a peer may ask
 *   certs/      certificates: ours, a far end's, the names in one; those that
 *               are trusted on first use (trust.c)
 *   keying.h    the role that modules fill
 *
 * It alone holds long-term secrets. It has no network and opens nothing once
 * confined: keys and the two files come as descriptors from the parent. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/child.h"
#include "daemon/ipcwatch.h"
#include "daemon/keeper/account/answer.h"
#include "daemon/keeper/account/ikekey.h"
#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/digest/judge.h"
#include "daemon/keeper/memory/memory.h"
#include "daemon/keeper/pace.h"
#include "daemon/keeper/rate.h"
#include "daemon/keeper/replay.h"
#include "daemon/keeper/show.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_FILE "replay"
#define REPLAY_MOST 262144 /* entries; 19 MB when full */
#define MEMORY_FILE "memory"
#define MEMORY_MOST 4096 /* records; 2 MB when full */
#define SECOND_US 1000000ull

struct keeper {
	struct child *child;
	struct event_base *base;
	struct event *tick;
	struct memory *memory;
	struct clerk *clerk;
	struct judge *judge;
	struct rate rate; /* of digests, by account */
};

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;

	(void)fd;
	(void)what;
	clerk_tick(k->clerk);
}

/* -- what the clerk needs ------------------------------------------------- */

static const struct peer *match(void *user, const char *uri)
{
	struct keeper *k = user;

	return policy_match(child_policy(k->child), uri);
}

static const struct secret *psk(void *user, const char *peer)
{
	struct keeper *k = user;

	return child_psk(k->child, peer);
}

static const struct credential *credential(void *user)
{
	struct keeper *k = user;

	return child_credential(k->child);
}

static const struct keying *method(void *user, const char *name)
{
	struct keeper *k = user;

	return core_find(child_core(k->child), "keying", name);
}

static const struct bodies *bodies(void *user)
{
	struct keeper *k = user;

	return core_find(child_core(k->child), "bodies", NULL);
}

static int send_to(void *user, enum process to, enum message type, uint64_t id,
		   const void *body, size_t len, const void *tail,
		   size_t tail_len)
{
	struct keeper *k = user;

	return child_send(k->child, to, type, id, body, len, tail, tail_len);
}

/* -- child_ops ------------------------------------------------------------ */

static void fini(void *state)
{
	struct keeper *k = state;

	clerk_free(k->clerk);
	judge_free(k->judge);
	memory_free(k->memory);
	if (k->tick)
		event_free(k->tick);
	if (k->base)
		event_base_free(k->base);
	free(k);
}

static int init(struct child *c, void **state)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct keeper *k = calloc(1, sizeof *k);

	if (!k)
		return E_NOMEM;
	k->child = c;
	k->base = event_base_new();
	if (k->base)
		k->tick = event_new(k->base, -1, EV_PERSIST, on_tick, k);
	if (!k->tick || event_add(k->tick, &second)) {
		fini(k);
		return E_NOMEM;
	}
	*state = k;
	return 0;
}

/* The rate is a power of 2: the module's check saw to it. */
static uint8_t kdr_of(long long rate)
{
	uint8_t kdr = 0;

	while (rate >> kdr)
		kdr++;
	return kdr;
}

static enum keying_mki mki_of(const char *word)
{
	if (!strcmp(word, "always"))
		return KEYING_MKI_ALWAYS;
	return strcmp(word, "never") ? KEYING_MKI_REKEY : KEYING_MKI_NEVER;
}

static struct clerk_limits limits_of(const struct child *child)
{
	const struct conf *c = child_conf(child);
	const struct conf_node *n = conf_one(c, "mikey");
	const char *transform = conf_text(conf_one(c, "media"), "transform");

	return (struct clerk_limits){
		.window_us = (uint64_t)conf_int(n, "window") * SECOND_US,
		.verify = conf_bool(n, "verify"),
		.kdr = kdr_of(conf_int(n, "derivation_rate")),
		.mki = mki_of(conf_text(n, "mki")),
		.kemac_128 = !strcmp(conf_text(n, "kemac"), "aes-128"),
		.sha256 = !strcmp(conf_text(n, "hash"), "sha-256"),
		.no_rate = !strcmp(transform, "libsrtp2"),
		.legacy = conf_bool(n, "legacy"),
		.ahead = (unsigned)conf_int(conf_one(c, "limits"), "early"),
		.counters = conf_bool(n, "counters"),
		.tunnel = child_settings(child)->tunnel,
	};
}

static int open_replay(struct keeper *k, uint64_t window_us,
		       struct replay **out)
{
	int fd = child_file(k->child, REPLAY_FILE), r;

	if (fd < 0)
		log_info("keeper", "no state directory: the replay cache is "
			 "lost when the keeper ends");
	r = replay_new(fd, REPLAY_MOST, window_us,
		       clock_wall_us(&clock_system), out);
	if (r)
		log_error("keeper", "the replay cache cannot be used: %s",
			  err_text(r));
	return r;
}

static int open_memory(struct keeper *k)
{
	int fd = child_file(k->child, MEMORY_FILE), r;

	if (fd < 0)
		log_info("keeper", "no state directory: what is known of far "
			 "ends is lost when the keeper ends");
	r = memory_new(fd, MEMORY_MOST, &k->memory);
	if (r)
		log_error("keeper", "what is known of far ends cannot be read: "
			  "%s", err_text(r));
	return r;
}

static int prepare(void *state)
{
	struct keeper *k = state;
	struct clerk_services services = {
		.clock = &clock_system, .match = match, .psk = psk,
		.method = method, .send = send_to, .user = k,
		.credential = credential, .bodies = bodies,
	};
	struct clerk_limits limits = limits_of(k->child);
	struct replay *replay;
	int r = open_memory(k);

	pace_behind_others();
	json_object_seed(0); /* from a file, which cannot be opened later */
	if (!r)
		r = judge_new(&k->judge);
	if (!r)
		r = open_replay(k, limits.window_us, &replay);
	if (r)
		return r;
	services.memory = k->memory;
	r = clerk_new(&services, child_epoch(k->child),
		      child_settings(k->child)->calls_max, replay, &k->clerk);
	if (!r)
		clerk_limits(k->clerk, &limits);
	return r;
}

static int watch(void *state, struct ipc *ipc, void **out)
{
	struct keeper *k = state;
	struct ipcwatch *w;
	int err = ipcwatch_new(k->base, ipc, &w);

	if (!err)
		*out = w;
	return err;
}

static void watch_write(void *state, void *watch, bool write)
{
	(void)state;
	ipcwatch_write(watch, write);
}

static void unwatch(void *state, void *watch)
{
	(void)state;
	ipcwatch_free(watch);
}

/* The operator's order, which the parent brings. */
static int take_order(struct keeper *k, const struct ipc_msg *msg)
{
	struct msg_trusted reply = { .err = 0 };

	reply.err = trust_order(k->memory, msg->body,
				clock_wall_us(&clock_system), reply.reason);
	child_send(k->child, PROC_PARENT, MSG_TRUSTED, msg->id, &reply,
		   sizeof reply, NULL, 0);
	return 0;
}

static int show(struct keeper *k, const struct ipc_msg *msg)
{
	const struct msg_show *m = msg->body;
	struct msg_shown reply = { .err = 0 };
	char *text;

	if (m->what > SHOW_TRUST)
		return E_FORMAT;
	text = m->what == SHOW_CERTS
		       ? show_certs(child_credential(k->child),
				    clock_wall_us(&clock_system))
		       : show_trust(k->memory);
	reply.len = text ? (uint32_t)strlen(text) : 0;
	reply.err = text ? 0 : E_NOMEM;
	if (reply.len > IPC_BODY_MAX - sizeof reply) {
		reply.len = 0;
		reply.err = E_SPACE;
	}
	child_send(k->child, PROC_ENGINE, MSG_SHOWN, msg->id, &reply,
		   sizeof reply, text, reply.len);
	free(text);
	return 0;
}

/* The engine's question about a phone's answer to a challenge. */
static int judge(struct keeper *k, const struct ipc_msg *msg)
{
	const struct settings *s = child_settings(k->child);
	struct judge_terms terms = {
		.users = child_users(k->child), .own = &s->registrar,
		.local = s->register_mode == REGISTER_LOCAL,
		.now_us = clock_mono_us(&clock_system),
	};
	struct msg_digest_checked reply = { .err = 0 };

	reply.err = judge_check(k->judge, &terms, msg->body, reply.rspauth);
	return child_send(k->child, PROC_ENGINE, MSG_DIGEST_CHECKED, msg->id,
			  &reply, sizeof reply, NULL, 0) == E_FORMAT ?
	       E_INTERNAL : 0;
}

/* The digest of an account of ours. */
static int answer(struct keeper *k, const struct ipc_msg *msg)
{
	const struct msg_account_answer *m = msg->body;
	struct msg_account_answered reply = { .err = E_FULL };

	if (rate_take(&k->rate, m->account, 1, clock_mono_us(&clock_system)))
		account_answer(child_policy(k->child),
			       child_password(k->child, m->account), m,
			       &reply);
	child_send(k->child, PROC_ENGINE, MSG_ACCOUNT_ANSWERED, msg->id,
		   &reply, sizeof reply, NULL, 0);
	wipe(&reply, sizeof reply);
	return 0;
}

static void give_key(struct keeper *k, uint64_t id,
		     const struct msg_ike_key *m)
{
	struct msg_ike_keyed reply;

	ikekey_answer(child_policy(k->child), child_psk(k->child, m->peer), m,
		      &reply);
	child_send(k->child, PROC_TUNNEL, MSG_IKE_KEYED, id, &reply,
		   sizeof reply, NULL, 0);
	wipe(&reply, sizeof reply);
}

/* Those that charon has may be others now. */
static void give_keys(struct keeper *k)
{
	const struct policy *policy = child_policy(k->child);
	const struct peer *p;
	struct msg_ike_key m;

	for (size_t i = 0; (p = policy_at(policy, i)); i++) {
		if (!profile_stands(p->profile))
			continue;
		memset(&m, 0, sizeof m);
		snprintf(m.peer, sizeof m.peer, "%s", p->name);
		give_key(k, 0, &m);
	}
}

static int handle(void *state, enum process from, struct ipc_msg *msg)
{
	struct keeper *k = state;

	if (from == PROC_PARENT)
		return msg->type == MSG_TRUST ? take_order(k, msg) : E_STATE;
	if (from == PROC_ENGINE && msg->type == MSG_SHOW)
		return show(k, msg);
	if (from == PROC_ENGINE && msg->type == MSG_DIGEST_CHECK)
		return judge(k, msg);
	if (from == PROC_ENGINE && msg->type == MSG_ACCOUNT_ANSWER)
		return answer(k, msg);
	if (from == PROC_TUNNEL && msg->type == MSG_IKE_KEY) {
		give_key(k, msg->id, msg->body);
		return 0;
	}
	return k->clerk ? clerk_handle(k->clerk, from, msg) : E_STATE;
}

static void sibling(void *state, enum process p, uint32_t epoch)
{
	struct keeper *k = state;

	if (k->clerk)
		clerk_sibling(k->clerk, p, epoch);
}

/* Policy and keys are looked up anew for each request; only the limits are
 * ours to take over, and charon's keys to be sent. Tables keep their size until
 * a restart. */
static int reload(void *state)
{
	struct keeper *k = state;
	struct clerk_limits limits = limits_of(k->child);

	clerk_limits(k->clerk, &limits);
	give_keys(k);
	return 0;
}

static void stop(void *state)
{
	struct keeper *k = state;

	event_base_loopbreak(k->base);
}

static void run(void *state)
{
	struct keeper *k = state;

	if (event_base_dispatch(k->base) < 0)
		log_bug("keeper", "the event loop failed");
}

const struct child_ops keeper_ops = {
	.self = PROC_KEEPER,
	.init = init,
	.prepare = prepare,
	.watch = watch,
	.watch_write = watch_write,
	.unwatch = unwatch,
	.handle = handle,
	.sibling = sibling,
	.reload = reload,
	.stop = stop,
	.run = run,
	.fini = fini,
};
