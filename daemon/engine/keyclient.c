/* keyclient.c - the engine as the keeper's client: it carries keying messages
 * between SDP and the keeper, and learns key ids and facts. MIKEY is base64
 * there (RFC 4567 3.1), and a key itself never comes here; SDES is the values
 * of a line's a=crypto (RFC 4568), which hold the keys by their nature.
 *
 * One exchange serves the whole session or, with messages on media level, one
 * line each; the step is over when all are answered. */
#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/engine/inside.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* -- base64 --------------------------------------------------------------- */

/* Values of attributes: visible characters and spaces, one a line. */
static bool is_values(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != '\n' && (data[i] < 0x20 || data[i] > 0x7e))
			return false;
	return true;
}

char *keyclient_text(enum protocol p, const uint8_t *data, size_t len)
{
	char *out;

	if (p == PROTOCOL_SDES)
		return is_values(data, len)
			? strndup((const char *)data, len) : NULL;
	out = malloc((len + 2) / 3 * 4 + 1);
	if (out)
		EVP_EncodeBlock((unsigned char *)out, data, (int)len);
	return out;
}

static bool is_base64(struct sdp_text t)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = t.len;

	while (n && t.len - n < 2 && t.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		if (!memchr(set, t.p[i], sizeof set - 1))
			return false;
	return n && t.len % 4 == 0;
}

int keyclient_bytes(enum protocol p, struct sdp_text t, uint8_t *out,
		    size_t room)
{
	size_t pad = 0;
	int n;

	if (p == PROTOCOL_SDES) {
		if (t.len > room)
			return E_FORMAT;
		memcpy(out, t.p, t.len);
		return (int)t.len;
	}
	if (!is_base64(t) || t.len / 4 * 3 > room)
		return E_FORMAT;
	while (pad < 2 && t.p[t.len - 1 - pad] == '=')
		pad++;
	n = EVP_DecodeBlock(out, (const unsigned char *)t.p, (int)t.len);
	return n < 0 || (size_t)n < pad ? E_FORMAT : n - (int)pad;
}

/* -- asking --------------------------------------------------------------- */

enum stage keyclient_stage(const struct job *j)
{
	if (job_deal(j)->offerer == OUTSIDE)
		return STAGE_KEY_ANSWER;
	return j->q.role == BODY_ANSWER ? STAGE_KEY_FINISH : STAGE_KEY_OFFER;
}

static int keeper_fail(struct job *j, int r)
{
	return job_fail(j, keyclient_stage(j), r,
			r == E_CLOSED ? "the keeper is not there" : NULL);
}

/* The lines of exchange x: all usable ones, or the x-th of them. */
static uint32_t lines_of(const struct deal *d, unsigned x)
{
	uint32_t left = d->usable;

	if (!d->media_level)
		return left;
	while (x--)
		left &= left - 1;
	return left & -left;
}

/* One tunnel for all lines, and one key, but for those of SRTP in it. */
static bool has_one(const struct call *c)
{
	return c->tunnelled && c->scope != ESP_MEDIA;
}

static void fill_tunnel(const struct call *c, const struct deal *d, unsigned i,
			struct msg_key_line *out)
{
	out->tunnel = d->tunnel[call_slot(c, i)];
	out->spi = d->spi[call_slot(c, i)];
	out->local = c->line[i].local[OUTSIDE];
	if (has_one(c))
		out->local.port = 0;
}

static void fill_party(const struct call *c, const struct job *j, unsigned x,
		       struct msg_key_party *p)
{
	const struct deal *d = job_deal(j);
	const char *local = c->from == INSIDE ? c->caller : c->callee;
	const char *remote = c->from == INSIDE ? c->callee : c->caller;
	uint32_t lines = lines_of(d, x);

	p->call = c->id;
	p->secured = j->q.from == INSIDE ? c->secured : j->q.secured;
	p->outward = c->from == INSIDE;
	memcpy(p->peer, c->peer, sizeof p->peer);
	route_identity(local, p->local_id);
	route_identity(remote, p->remote_id);
	for (unsigned i = 0; i < SDP_LINES_MAX; i++)
		if (lines >> i & 1) {
			p->line[p->n].stream = c->line[i].stream;
			p->line[p->n].ssrc = c->line[i].ssrc;
			if (c->tunnelled && (!has_one(c) || !p->n))
				fill_tunnel(c, d, i, &p->line[p->n]);
			p->n++;
		}
	if (d->alone)
		fill_tunnel(c, d, 0, &p->line[0]);
	if (has_one(c) && !c->within)
		p->n = 1;
}

static int ask_offer(struct call *c, struct job *j, unsigned x)
{
	struct msg_key_offer m = { 0 };

	fill_party(c, j, x, &m.party);
	return child_send(c->engine->child, PROC_KEEPER, MSG_KEY_OFFER,
			  job_request(c, j, x), &m, sizeof m, NULL, 0);
}

/* The offer of an INVITE whose phone is still to be picked up is not answered
 * in full before, unless it may be answered early. */
static enum key_when when_of(const struct call *c, const struct job *j)
{
	if (j->q.role == BODY_ANSWER || j->q.final || c->won >= 0 || c->deal ||
	    c->from != OUTSIDE)
		return KEY_NOW;
	return call_wants_early(c) ? KEY_EARLY : KEY_CHECK;
}

/* An offer's messages, of which the i-th is text, behind each other. */
static int add_bytes(enum protocol p, const char *text, uint8_t *bytes,
		     struct bundle *b)
{
	struct bundle_item *i = &b->item[b->n];
	int n = keyclient_bytes(p, (struct sdp_text){ text, strlen(text) },
				bytes, KEYING_MAX);

	if (n < 0)
		return n;
	*i = (struct bundle_item){ bytes, (size_t)n };
	b->n++;
	return 0;
}

/* RFC 5939's alternatives go behind the message of the actual configuration. */
static int pack_offer(const struct deal *d, const struct exchange *x,
		      struct buf *out)
{
	const size_t room = KEYING_MAX + 3;
	uint8_t *bytes = malloc((x->n_also + 1) * room);
	struct bundle b = { 0 };
	int r;

	if (!bytes)
		return E_NOMEM;
	r = add_bytes(d->protocol, x->offer, bytes, &b);
	for (unsigned i = 0; i < x->n_also && !r; i++)
		r = add_bytes(d->protocol, x->also[i], bytes + (i + 1) * room,
			      &b);
	if (!r)
		r = bundle_pack(&b, out);
	wipe(bytes, (x->n_also + 1) * room);
	free(bytes);
	return r == E_SPACE || r == E_ARG ? E_FORMAT : r;
}

static int ask_answer(struct call *c, struct job *j, unsigned x)
{
	const struct deal *d = job_deal(j);
	struct msg_key_answer m = { .origin = d->origin,
				    .when = when_of(c, j) };
	struct buf tail = buf_of(KEYING_TAIL_MAX);
	int r = pack_offer(d, &d->exchange[x], &tail);

	m.len = (uint32_t)tail.len;
	fill_party(c, j, x, &m.party);
	if (!r)
		r = child_send(c->engine->child, PROC_KEEPER, MSG_KEY_ANSWER,
			       job_request(c, j, x), &m, sizeof m, tail.data,
			       m.len);
	buf_free(&tail);
	return r;
}

static int ask_finish(struct call *c, struct job *j, unsigned x)
{
	const struct deal *d = job_deal(j);
	unsigned line = d->alone ? 0
				 : (unsigned)__builtin_ctz(lines_of(d, x));
	struct msg_key_finish m = { .exchange = d->exchange[x].id,
				    .branch = j->q.branch };
	struct sdp_text text = answer_keys(j, line);
	uint8_t bytes[KEYING_MAX + 3];
	int n, r;

	if (d->media_level && !j->branch->end[line].accepted)
		return 0;
	n = text.len ? keyclient_bytes(d->protocol, text, bytes, KEYING_MAX)
		     : 0;
	if (n < 0)
		return n;
	m.len = (uint32_t)n;
	r = child_send(c->engine->child, PROC_KEEPER, MSG_KEY_FINISH,
		       job_request(c, j, x), &m, sizeof m, bytes, m.len);
	wipe(bytes, sizeof bytes);
	return r;
}

int keyclient_ask(struct call *c, struct job *j)
{
	const struct deal *d = job_deal(j);
	int r = 0;

	c->keyed = true;
	for (unsigned x = 0; !r && x < d->n_exchanges; x++)
		if (d->offerer == OUTSIDE)
			r = j->q.role == BODY_ANSWER && !d->exchange[x].later
				? 0 : ask_answer(c, j, x);
		else if (j->q.role == BODY_ANSWER)
			r = ask_finish(c, j, x);
		else
			r = ask_offer(c, j, x);
	if (r)
		return keeper_fail(j, r);
	return j->waiting ? E_AGAIN : 0;
}

int keyclient_ask_plain(struct call *c, struct job *j)
{
	struct msg_key_plain m = { 0 };
	int r;

	memcpy(m.peer, c->peer, sizeof m.peer);
	route_identity(c->from == INSIDE ? c->callee : c->caller,
		       m.remote_id);
	r = child_send(c->engine->child, PROC_KEEPER, MSG_KEY_PLAIN,
		       job_request(c, j, 0), &m, sizeof m, NULL, 0);
	return r ? job_fail(j, STAGE_PLAIN, r, NULL) : E_AGAIN;
}

/* -- what comes back ------------------------------------------------------ */

/* The keeper broke the rules of the pair: the body fails, the pair closes. */
static int broken(struct call *c, enum stage stage)
{
	filter_go_on(c, stage, E_INTERNAL, "the keeper's message is malformed");
	return E_FORMAT;
}

/* Whether the i-th line of an exchange has what its media take. */
static bool ids_sound(const struct call *c, const struct msg_key_ids *key,
		      unsigned i)
{
	bool stream = !c->tunnelled || c->within;
	bool tunnel = c->tunnelled && (!has_one(c) || !i);

	return (key->send != 0) == stream && (key->recv != 0) == stream &&
	       (key->tunnel != 0) == tunnel;
}

/* Gives the keys of exchange x to its lines; both directions must be there.
 * early: the method may fix them later (no key at all). */
static int take_keys(const struct call *c, unsigned x,
		     const struct msg_key_ids *key, unsigned n, bool early,
		     struct msg_key_ids out[static SDP_LINES_MAX])
{
	uint32_t lines = lines_of(job_deal(c->job), x);
	bool one = has_one(c) && !c->within;
	unsigned k = 0;

	if (early && !n)
		return 0;
	if (n != (one ? 1 : (unsigned)__builtin_popcount(lines)))
		return E_FORMAT;
	for (unsigned i = 0; i < n; i++)
		if (!ids_sound(c, &key[i], i))
			return E_FORMAT;
	for (unsigned i = 0; i < SDP_LINES_MAX; i++) {
		if (!(lines >> i & 1))
			continue;
		out[i] = key[one ? 0 : k++];
		if (has_one(c))
			out[i].tunnel = key[0].tunnel;
	}
	if (job_deal(c->job)->alone)
		out[0] = key[0];
	return 0;
}

/* What was keyed is what the call is of. */
static bool facts_sound(const struct call *c, const struct msg_key_facts *f)
{
	bool stream = !c->tunnelled || c->within;

	return (esp_suite_info(f->esp) != NULL) == c->tunnelled &&
	       (suite_info(f->suite) != NULL) == stream &&
	       (c->tunnelled || !f->esp);
}

static bool leads_to(const struct call *c, const struct addr *rtp,
		     const struct addr *far)
{
	return has_one(c) ? addr_same_host(rtp, far) : addr_equal(rtp, far);
}

/* A tunnel of a line takes its port and the next. */
static bool rtcp_leads_to(const struct call *c, const struct endpoint *end,
			  const struct addr *far)
{
	struct addr next = *far;

	next.port++;
	return end->fax || !end->rtcp.family || leads_to(c, &end->rtcp, far) ||
	       leads_to(c, &end->rtcp, &next);
}

bool keyclient_leads(const struct call *c, const struct branch *b,
		     unsigned line, const struct endpoint *end)
{
	const struct addr *far = &b->far[line];

	return addr_is_any(&end->rtp) || /* on hold: nothing goes there */
	       (leads_to(c, &end->rtp, far) && rtcp_leads_to(c, end, far));
}

/* Where the far end's media arrive stands in its keying message, under its MAC
 * or signature, and in SDP, which nobody vouches for: they must be the same, or
 * in its networks (direct_bind()). */
static bool far_fits(const struct call *c, unsigned x, const struct addr *far,
		     const struct endpoint *end,
		     struct addr out[static SDP_LINES_MAX])
{
	uint32_t lines = lines_of(job_deal(c->job), x);

	for (unsigned i = 0; c->tunnelled && !call_direct(c) &&
			     i < SDP_LINES_MAX; i++) {
		if (!(lines >> i & 1))
			continue;
		if (end[i].accepted && !leads_to(c, &end[i].rtp, far))
			return false;
		out[i] = *far;
		far += !has_one(c);
	}
	return true;
}

#define FAR_REASON "SDP names another address for media than the keying " \
		   "message: somebody on the way has changed it"

/* Several exchanges: the call is as good as the worst of them. */
static void merge_facts(struct msg_key_facts *all,
			const struct msg_key_facts *f)
{
	if (!all->suite) {
		*all = *f;
		return;
	}
	if ((!f->verified && !f->pinned) || (!all->verified && !all->pinned))
		all->pinned = 0; /* one of them is proven by nothing */
	else if (f->pinned && (!all->pinned || f->pinned < all->pinned))
		all->pinned = f->pinned;
	all->verified = all->verified && f->verified;
	all->confirmed = all->confirmed && f->confirmed;
	if (f->identity > all->identity) {
		all->identity = f->identity;
		memcpy(all->other, f->other, sizeof all->other);
	}
	all->bare = all->bare || f->bare;
	if (suite_info(f->suite)->readable)
		all->suite = f->suite;
	if (f->key_bits < all->key_bits)
		all->key_bits = f->key_bits; /* 0: not told by one of them */
}

static int set_text(enum protocol p, char **slot, const uint8_t *data,
		    size_t len)
{
	free(*slot);
	*slot = len ? keyclient_text(p, data, len) : NULL;
	return len && !*slot ? E_NOMEM : 0;
}

static void drop_exchange(struct engine *e, uint64_t id)
{
	const struct msg_key_drop m = { id };

	if (id)
		child_send(e->child, PROC_KEEPER, MSG_KEY_DROP, 0, &m,
			   sizeof m, NULL, 0);
}

/* Numbers of RFC 5939's capabilities and configurations of ours begin here, out
 * of the way of others; both are the same, and each once in a description. */
#define CONFIG_FIRST 101

/* The offer's message and its alternatives. */
static int take_offered(struct deal *d, unsigned x, const struct ipc_msg *msg)
{
	struct exchange *to = &d->exchange[x];
	struct bundle b;
	int r = bundle_unpack(msg->tail, msg->tail_len, &b);

	if (r)
		return E_FORMAT;
	r = set_text(d->protocol, &to->offer, b.item[0].data, b.item[0].len);
	for (unsigned i = 1; i < b.n && !r; i++) {
		unsigned number = CONFIG_FIRST + x * (BUNDLE_MAX - 1) + i - 1;
		const struct sdp_config config = { number, number };
		char *text = keyclient_text(d->protocol, b.item[i].data,
					    b.item[i].len);

		r = text ? exchange_add(to, (struct sdp_text){
					text, strlen(text) }, &config)
			 : E_NOMEM;
		free(text);
	}
	return r;
}

static int handle_offered(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_key_offered *m = msg->body;
	struct call *c;
	struct deal *d;
	int x, r = m->err;

	x = filter_reply(e, msg->id, STEP_KEYS, &c);
	if (x < 0) {
		drop_exchange(e, m->exchange);
		return 0;
	}
	d = c->job->deal;
	if (!r) {
		if (!m->exchange || !msg->tail_len ||
		    take_keys(c, (unsigned)x, m->key, m->n, true, d->key))
			return broken(c, STAGE_KEY_OFFER);
		d->exchange[x].id = m->exchange;
		d->recalled = d->recalled || m->recalled;
		r = take_offered(d, (unsigned)x, msg);
		if (r == E_FORMAT)
			return broken(c, STAGE_KEY_OFFER);
	}
	filter_go_on(c, STAGE_KEY_OFFER, r, m->reason);
	return 0;
}

static int take_answered(struct call *c, unsigned x, const struct ipc_msg *msg)
{
	const struct msg_key_answered *m = msg->body;
	struct deal *d = job_deal(c->job);

	d->exchange[x].later = !m->n;
	if (!m->n)
		return c->job->q.role == BODY_OFFER ? 0 : E_FORMAT;
	if (!facts_sound(c, &m->facts) ||
	    m->chosen > d->exchange[x].n_also ||
	    take_keys(c, x, m->key, m->n, false, d->key))
		return E_FORMAT;
	if (!far_fits(c, x, m->far, d->end, d->far))
		return E_AUTH;
	memcpy(d->behind, m->behind, sizeof d->behind);
	if (c->job->branch) {
		memcpy(c->job->branch->key, d->key, sizeof d->key);
		memcpy(c->job->branch->far, d->far, sizeof d->far);
	}
	d->exchange[x].chosen = m->chosen;
	merge_facts(&d->facts, &m->facts);
	return set_text(d->protocol, &d->exchange[x].answer, msg->tail,
			msg->tail_len);
}

/* RFC 4568 5.1.2: a line without an acceptable a=crypto is rejected, the
 * others live. What is wrong with the call as a whole stays an error. */
static int refuse_line(struct call *c, unsigned x, int err, const char *reason)
{
	struct deal *d = job_deal(c->job);

	if (d->protocol != PROTOCOL_SDES ||
	    (err != E_FORMAT && err != E_UNSUPPORTED))
		return err;
	d->refused |= lines_of(d, x);
	if (!(d->usable & ~d->refused))
		return err;
	LOG_CALL(c, LOG_CLASS_REMOTE, "peer %s: media line %d rejected: %s",
		 c->peer, __builtin_ctz(lines_of(d, x)) + 1, reason);
	return 0;
}

/* The keeper's error message to the far end, for the refusal (RFC 3830 5.1.2):
 * only who made the offer gets it. */
static void keep_error(struct job *j, const struct ipc_msg *msg)
{
	char *text = NULL;

	if (j->q.role != BODY_OFFER || j->q.from != OUTSIDE ||
	    j->deal->protocol != PROTOCOL_MIKEY || !msg->tail_len)
		return;
	text = keyclient_text(PROTOCOL_MIKEY, msg->tail, msg->tail_len);
	if (text && strlen(text) < sizeof j->error)
		strcpy(j->error, text);
	free(text);
}

static int handle_answered(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_key_answered *m = msg->body;
	const char *reason = m->reason;
	struct call *c;
	int x, r = m->err;

	x = filter_reply(e, msg->id, STEP_KEYS, &c);
	if (x < 0)
		return 0;
	if (!r && (r = take_answered(c, (unsigned)x, msg)) == E_FORMAT)
		return broken(c, STAGE_KEY_ANSWER);
	if (r == E_AUTH && !m->err)
		reason = FAR_REASON;
	if (r)
		r = refuse_line(c, (unsigned)x, r, reason);
	if (r)
		keep_error(c->job, msg);
	filter_go_on(c, STAGE_KEY_ANSWER, r, reason);
	return 0;
}

/* Whether a=acfg says of every line what the keeper found: the answer itself
 * tells which message it is for, so a contradiction is somebody's work. */
static bool says_chosen(const struct job *j, unsigned x, unsigned chosen)
{
	const struct deal *d = job_deal(j);
	const struct exchange *e = &d->exchange[x];
	uint32_t lines = lines_of(d, x);

	for (unsigned i = 0; i < j->sdp.n; i++) {
		unsigned says = 0;

		if (!(lines >> i & 1) || !j->branch->end[i].accepted)
			continue;
		for (unsigned k = 0; k < e->n_also; k++)
			if (e->config[k].number ==
			    j->sdp.media[i].chosen.number)
				says = k + 1;
		if (says != chosen)
			return false;
	}
	return true;
}

static int handle_finished(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_key_finished *m = msg->body;
	const char *reason = m->reason;
	struct branch *b;
	struct call *c;
	int x, r = m->err;

	x = filter_reply(e, msg->id, STEP_KEYS, &c);
	if (x < 0)
		return 0;
	b = c->job->branch;
	if (!r) {
		if (!facts_sound(c, &m->facts) ||
		    m->chosen > job_deal(c->job)->exchange[x].n_also ||
		    take_keys(c, (unsigned)x, m->key, m->n, false, b->key))
			return broken(c, STAGE_KEY_FINISH);
		merge_facts(&b->facts, &m->facts);
		memcpy(b->behind, m->behind, sizeof b->behind);
		if (!says_chosen(c->job, (unsigned)x, m->chosen)) {
			r = E_FORMAT;
			reason = "a=acfg does not name the keying message "
				 "that was answered";
		} else if (!far_fits(c, (unsigned)x, m->far, b->end,
				     b->far)) {
			r = E_AUTH;
			reason = FAR_REASON;
		}
	}
	filter_go_on(c, STAGE_KEY_FINISH, r, reason);
	return 0;
}

static int handle_plained(struct engine *e, const struct ipc_msg *msg)
{
	const struct msg_key_plained *m = msg->body;
	struct call *c;

	if (filter_reply(e, msg->id, STEP_KEYS, &c) >= 0)
		filter_go_on(c, STAGE_PLAIN, m->err, m->reason);
	return 0;
}

/* -- hints ---------------------------------------------------------------- */

/* The keeper reads it as an answer, says in the log what it is, and keeps the
 * exchange as it was. Its answer finds no request that waits. */
void call_hint(struct call *c, const void *data, size_t len)
{
	const struct deal *d = c->pending;
	uint8_t bytes[KEYING_MAX + 3];
	struct msg_key_finish m = { 0 };
	const char *why = NULL;
	struct sdp sdp;
	int n;

	if (!d || d->offerer != INSIDE || d->protocol != PROTOCOL_MIKEY ||
	    !d->n_exchanges || !d->exchange[0].id ||
	    sdp_read(data, len, &sdp, &why) || sdp.keys.n_mikey != 1)
		return;
	n = keyclient_bytes(d->protocol, sdp.keys.mikey, bytes, KEYING_MAX);
	if (n <= 0)
		return;
	m.exchange = d->exchange[0].id;
	m.len = (uint32_t)n;
	child_send(c->engine->child, PROC_KEEPER, MSG_KEY_FINISH,
		   call_request(c), &m, sizeof m, bytes, m.len);
}

/* -- letting go ----------------------------------------------------------- */

/* A deal that came to nothing. Exchanges that it only shares stay. */
void keyclient_drop(struct call *c, struct deal *d)
{
	for (unsigned i = 0; !d->kept && i < d->n_exchanges; i++)
		drop_exchange(c->engine, d->exchange[i].id);
	tunnelclient_drop(c->engine, d);
}

void keyclient_won(struct call *c)
{
	const struct msg_key_won m = { c->id };

	if (c->keyed)
		child_send(c->engine->child, PROC_KEEPER, MSG_KEY_WON, 0, &m,
			   sizeof m, NULL, 0);
}

void keyclient_release(struct call *c)
{
	const struct msg_key_release m = { c->id };

	if (!c->keyed)
		return;
	if (c->pending)
		keyclient_drop(c, c->pending);
	child_send(c->engine->child, PROC_KEEPER, MSG_KEY_RELEASE, 0, &m,
		   sizeof m, NULL, 0);
}

int keyclient_handle(struct engine *e, struct ipc_msg *msg)
{
	switch (msg->type) {
	case MSG_KEY_OFFERED:
		return handle_offered(e, msg);
	case MSG_KEY_ANSWERED:
		return handle_answered(e, msg);
	case MSG_KEY_FINISHED:
		return handle_finished(e, msg);
	case MSG_KEY_PLAINED:
		return handle_plained(e, msg);
	default:
		return E_FORMAT;
	}
}
