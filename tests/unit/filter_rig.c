/* filter_rig.c - see filter_rig.h. */
#include "tests/unit/filter_rig.h"

#include "daemon/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char conf[] =
	"inside = { listen = ( \"udp:127.0.0.1:5060\" );"
	"  nets = ( \"127.0.0.0/8\" ); media = ( \"127.0.0.1\", \"::1\" ); };"
	"outside = { listen = ( \"udp:127.0.0.2:5060\" );"
	"  media = ( \"127.0.0.2\" ); };"
	"identity = { cert = \"file:x\"; key = \"file:x\"; };"
	"tunnel = { nets = ( \"10.1.7.0/24\" ); };"
	"trust = { ca = \"file:x\"; };"
	"profiles = {"
	"  sealed = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    suites = [ \"AEAD_AES_128_GCM\" ]; };"
	"  early = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    suites = [ \"AEAD_AES_128_GCM\" ]; answer = \"early\";"
	"    late = \"allow\"; };"
	"  trunk = { need = \"require\"; keying = [ \"sdes\" ]; };"
	"  open = { need = \"require\"; keying = [ \"sdes\" ];"
	"    sdes = \"any\"; };"
	"  mixed = { need = \"require\";"
	"    keying = [ \"sdes\", \"mikey-psk\" ]; };"
	"  first = { need = \"prefer\"; keying = [ \"mikey-psk\" ]; };"
	"  taken = { need = \"allow\"; keying = [ \"mikey-psk\" ]; };"
	"  plain = { need = \"forbid\"; };"
	"  tunnel = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    media = \"esp\"; };"
	"  host = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    media = \"esp\"; esp_scope = \"host\"; };"
	"  within = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    media = \"esp+srtp\"; };"
	"  wide = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    media = \"esp+srtp\"; esp_scope = \"host\"; };"
	"  net = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    media = \"esp\"; esp_scope = \"net\"; answer = \"early\"; };"
	"  vpn = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    media = \"esp\"; esp_scope = \"net\"; answer = \"early\";"
	"    esp_alone = \"allow\"; };"
	"  call = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    media = \"ike\"; ike = \"call\"; };"
	"  ike = { need = \"require\"; media = \"ike\"; };"
	"  before = { need = \"require\"; media = \"ike\";"
	"    ike = \"before\"; };"
	"  ahead = { need = \"require\"; media = \"ike\";"
	"    ike = \"before\"; ike_sdp = \"send\"; };"
	"  surely = { need = \"require\"; media = \"ike\";"
	"    ike = \"before\"; ike_sdp = \"require\"; };"
	"  told = { need = \"require\"; media = \"ike\"; ike = \"after\";"
	"    ike_sdp = \"send\"; };"
	"  able = { need = \"require\"; media = \"ike\";"
	"    discover = \"require\"; };"
	"  asked = { need = \"require\"; keying = [ \"mikey-psk\" ];"
	"    media = \"esp\"; discover = \"ask\"; };"
	"  must = { need = \"require\"; media = \"ike\";"
	"    ike_sdp = \"require\"; };"
	"  both = { need = \"require\"; media = \"ike+srtp\";"
	"    keying = [ \"mikey-dh\" ]; };"
	"  signed = { need = \"forbid\"; body = \"sign\"; };"
	"  whole = { need = \"forbid\"; body = \"tunnel\"; };"
	"  hidden = { need = \"forbid\"; body = \"tunnel\"; hide = true; };"
	"  shut = { need = \"forbid\"; body = \"tunnel\";"
	"    hide = \"both\"; }; };"
	"peers = ( { match = \"*@b.example\"; profile = \"sealed\";"
	"    name = \"b\"; psk = \"file:b.psk\";"
	"    route = \"sip:127.0.0.3:5070\"; },"
	"  { match = \"*@y.example\"; profile = \"early\"; name = \"y\";"
	"    psk = \"file:y.psk\"; route = \"sip:127.0.0.3:5070\"; },"
	"  { match = \"*@t.example\"; profile = \"trunk\"; name = \"t\";"
	"    route = \"sip:127.0.0.3:5071;transport=tls\"; },"
	"  { match = \"*@u.example\"; profile = \"trunk\"; name = \"u\";"
	"    route = \"sip:127.0.0.3:5070\"; },"
	"  { match = \"*@o.example\"; profile = \"open\"; name = \"o\";"
	"    route = \"sip:127.0.0.3:5070\"; },"
	"  { match = \"*@m.example\"; profile = \"mixed\"; name = \"m\";"
	"    psk = \"file:m.psk\"; route = \"sip:127.0.0.3:5070\"; },"
	"  { match = \"*@two.example\"; profile = \"sealed\";"
	"    name = \"two\"; psk = \"file:b.psk\"; keepalive = 5;"
	"    route = ( \"sip:one\", \"sip:two\" ); },"
	"  { match = \"*@first.example\"; profile = \"first\";"
	"    psk = \"file:b.psk\"; },"
	"  { match = \"*@taken.example\"; profile = \"taken\";"
	"    psk = \"file:b.psk\"; },"
	"  { match = \"*@esp.example\"; profile = \"tunnel\"; name = \"esp\";"
	"    psk = \"file:b.psk\"; },"
	"  { match = \"*@call.example\"; profile = \"call\"; name = \"call\";"
	"    psk = \"file:b.psk\"; },"
	"  { match = \"*@host.example\"; profile = \"host\"; name = \"host\";"
	"    psk = \"file:b.psk\"; esp_nets = ( \"127.0.0.9/32\" ); },"
	"  { match = \"*@within.example\"; profile = \"within\";"
	"    name = \"within\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@wide.example\"; profile = \"wide\"; name = \"wide\";"
	"    psk = \"file:b.psk\"; esp_nets = ( \"127.0.0.8/32\" ); },"
	"  { match = \"*@net.example\"; profile = \"net\"; name = \"net\";"
	"    psk = \"file:b.psk\"; esp_nets = ( \"10.3.0.0/16\" ); },"
	"  { match = \"*@vpn.example\"; profile = \"vpn\"; name = \"vpn\";"
	"    psk = \"file:b.psk\"; esp_nets = ( \"10.4.0.0/16\" ); },"
	"  { match = \"*@ike.example\"; profile = \"ike\"; name = \"ike\";"
	"    ike = \"127.0.0.9\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@before.example\"; profile = \"before\";"
	"    name = \"before\"; ike = \"127.0.0.9\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@ahead.example\"; profile = \"ahead\";"
	"    name = \"ahead\"; ike = \"127.0.0.9\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@surely.example\"; profile = \"surely\";"
	"    name = \"surely\"; ike = \"127.0.0.9\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@told.example\"; profile = \"told\"; name = \"told\";"
	"    ike = \"127.0.0.9\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@must.example\"; profile = \"must\"; name = \"must\";"
	"    ike = \"127.0.0.9\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@both.example\"; profile = \"both\"; name = \"both\";"
	"    ike = \"127.0.0.9\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@able.example\"; profile = \"able\"; name = \"able\";"
	"    ike = \"127.0.0.9\"; psk = \"file:b.psk\"; keepalive = 5;"
	"    route = ( \"sip:one\", \"sip:two\" ); },"
	"  { match = \"*@asked.example\"; profile = \"asked\";"
	"    name = \"asked\"; psk = \"file:b.psk\"; keepalive = 5;"
	"    route = ( \"sip:two\", \"sip:three\" ); },"
	"  { match = \"*@w.example\"; profile = \"whole\"; name = \"w\"; },"
	"  { match = \"*@h.example\"; profile = \"hidden\"; name = \"h\"; },"
	"  { match = \"*@hb.example\"; profile = \"shut\"; name = \"hb\"; },"
	"  { match = \"+999*\"; profile = \"shut\"; },"
	"  { match = \"*@s.example\"; profile = \"signed\"; name = \"s\"; },"
	"  { match = \"*@p.example\"; profile = \"plain\"; name = \"p\"; } );"
	"phones = ( { user = \"alice\";"
	"             contact = \"sip:alice@127.0.0.1:5080\"; } );";

static uint64_t now_us;
char rig_log[16384];

static uint64_t now(void *user)
{
	(void)user;
	return now_us;
}

static const struct clock fake = { now, now, NULL };

static void on_log(enum log_class c, const char *line)
{
	size_t n = strlen(rig_log);

	(void)c;
	snprintf(rig_log + n, sizeof rig_log - n, "%s\n", line);
}

static void on_hangup(void *leg, int status, const char *cause)
{
	struct rig *r = leg;

	r->hangups++;
	r->hangup_status = status;
	if (r->call)
		call_end(r->call, status, cause);
	r->call = NULL;
}

static void on_filtered(void *user, const struct refusal *no,
			const struct body *out);

static int on_reoffer(void *leg)
{
	struct rig *r = leg;

	r->reoffers++;
	if (r->reoffer_err)
		return r->reoffer_err;
	memset(&r->own, 0, sizeof r->own);
	call_repeat(r->call, BODY_OFFER, on_filtered, &r->own);
	return 0;
}

static const struct signalling signalling = {
	.name = "test", .hangup = on_hangup, .reoffer = on_reoffer,
};

struct rig *rig_new(const char *more_conf)
{
	struct rig *r = calloc(1, sizeof *r);
	char text[8192];
	void *state;

	assert_non_null(r);
	rig_log[0] = 0;
	log_to(on_log);
	snprintf(text, sizeof text, "%s%s", conf, more_conf);
	r->child = mock_child_new(text);
	assert_int_equal(engine_ops.init(r->child, &state), 0);
	r->e = state;
	mock_child_core(r->child, r->e);
	core_register(child_core(r->child), "signalling", "test", &signalling);
	now_us = 1700000000ull * 1000000;
	r->e->clock = &fake;
	r->confirmed = 1;
	assert_int_equal(engine_ops.prepare(r->e), 0);
	engine_ops.sibling(r->e, PROC_RELAY, 3);
	engine_ops.sibling(r->e, PROC_KEEPER, 4);
	engine_ops.sibling(r->e, PROC_TUNNEL, 5);
	return r;
}

void rig_reload(struct rig *r, const char *what, const char *instead)
{
	const char *at = strstr(conf, what);
	char text[8192];

	assert_non_null(at);
	snprintf(text, sizeof text, "%.*s%s%s", (int)(at - conf), conf, instead,
		 at + strlen(what));
	mock_child_conf(r->child, text);
	assert_int_equal(engine_ops.reload(r->e), 0);
}

void rig_free(struct rig *r)
{
	if (r->call)
		call_end(r->call, 200, "test over");
	rig_pump(r);
	assert_int_equal(r->e->n_calls, 0);
	assert_null(r->e->waiting);
	for (size_t i = 0; i < CALL_BUCKETS; i++)
		assert_null(r->e->streams[i]);
	engine_ops.fini(r->e);
	mock_child_free(r->child);
	log_to(NULL);
	free(r);
}

struct call *rig_call(struct rig *r, enum face from, const char *peer)
{
	char far_uri[64];
	struct call_start s = { .from = from, .secured = r->secured };
	struct refusal no;

	snprintf(far_uri, sizeof far_uri, "sip:bob@%s.example", peer);
	s.caller = from == INSIDE ? "sip:alice@a.example" : far_uri;
	s.callee = from == INSIDE ? far_uri : "sip:alice@a.example";
	addr_parse("127.0.0.1:5080", &s.source);
	assert_int_equal(call_start(r->e, &s, r, &r->call, &no), 0);
	return r->call;
}

int rig_keeper_says(struct rig *r, enum message type, uint64_t id, void *body,
		    size_t len, const char *tail)
{
	struct ipc_msg m = { .type = type, .id = id, .body = body, .len = len,
			     .tail = (const uint8_t *)tail,
			     .tail_len = tail ? strlen(tail) : 0, .fd = -1 };

	return engine_ops.handle(r->e, PROC_KEEPER, &m);
}

int rig_relay_says(struct rig *r, enum message type, uint64_t id, void *body,
		   size_t len)
{
	struct ipc_msg m = { .type = type, .id = id, .body = body, .len = len,
			     .fd = -1 };

	return engine_ops.handle(r->e, PROC_RELAY, &m);
}

int rig_tunnel_says(struct rig *r, enum message type, uint64_t id, void *body,
		    size_t len)
{
	struct ipc_msg m = { .type = type, .id = id, .body = body, .len = len,
			     .fd = -1 };

	return engine_ops.handle(r->e, PROC_TUNNEL, &m);
}

/* -- the relay ------------------------------------------------------------ */

static void relay_add(struct rig *r, const struct mock_sent *s)
{
	const struct msg_stream_add *m = (const void *)s->body.bytes;
	struct msg_stream_added a = { .err = r->added_err, .n = m->n };

	r->adds++;
	r->seal = m->line[0].sealed;
	for (unsigned i = 0; i < m->n; i++) {
		struct msg_stream_port *p = &a.port[i];

		p->stream = ++r->last_stream;
		p->ssrc = 0xabc0 + i;
		for (int f = INSIDE; f <= OUTSIDE; f++) {
			addr_parse(m->line[i].family[f] == 6 ? "::1"
				   : f == INSIDE ? "127.0.0.1" : "127.0.0.2",
				   &p->local[f]);
			p->local[f].port =
				(uint16_t)(20000 + 4 * p->stream + 2 * f);
		}
	}
	assert_int_equal(rig_relay_says(r, MSG_STREAM_ADDED, s->id, &a,
					sizeof a), 0);
}

static void relay_set(struct rig *r, const struct mock_sent *s)
{
	struct msg_stream_done d = { 0, r->done_err };

	memcpy(&r->set[r->n_set % 64], s->body.bytes, sizeof *r->set);
	d.stream = r->set[r->n_set++ % 64].stream;
	assert_int_equal(rig_relay_says(r, MSG_STREAM_DONE, s->id, &d,
					sizeof d), 0);
}

static void relay_get(struct rig *r, const struct mock_sent *s)
{
	const struct msg_stream_get *m = (const void *)s->body.bytes;
	struct msg_stream_stats st = { .stream = m->stream };

	st.face[INSIDE].packets_in = 42;
	st.key[KEY_SEND] = (struct msg_key_use){
		.id = 0x300000001, .rtp = 5, .rtp_index = 0x10002,
		.rtp_left = 1000, .ssrc = 0xabc0 };
	st.quiet_us[INSIDE] = r->idle_us;
	st.quiet_us[OUTSIDE] = r->idle_us + r->quieter_us;
	assert_int_equal(rig_relay_says(r, MSG_STREAM_STATS, s->id, &st,
					sizeof st), 0);
}

static bool relay_answers(struct rig *r, const struct mock_sent *s)
{
	switch (s->type) {
	case MSG_STREAM_ADD:
		relay_add(r, s);
		return true;
	case MSG_STREAM_SET:
		relay_set(r, s);
		return true;
	case MSG_STREAM_GET:
		relay_get(r, s);
		return true;
	case MSG_STREAM_DEL:
		r->dels++;
		return true;
	default:
		return false;
	}
}

/* -- the keeper ----------------------------------------------------------- */

static void new_keys(struct rig *r, struct msg_key_ids *key, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		key[i].send = ++r->last_key;
		key[i].recv = ++r->last_key;
	}
}

static const struct msg_key_facts good = {
	.suite = SUITE_AEAD_AES_128_GCM, .verified = 1, .method = "mikey-psk"
};

/* A tunnel has one id for both directions; beside those of SRTP in it, if the
 * peer has that. */
static void fill_tunnels(const struct rig *r, const struct msg_key_party *p,
			 struct msg_key_ids *key, struct addr *far,
			 struct net *behind, struct msg_key_facts *f)
{
	bool srtp = !strcmp(p->peer, "within") || !strcmp(p->peer, "wide");

	behind[0] = r->behind;
	for (unsigned i = 0; i < p->n && p->line[i].tunnel; i++) {
		key[i].tunnel = key[i].recv;
		if (srtp)
			key[i].tunnel += 1000;
		else
			key[i].send = key[i].recv = 0;
		far[i] = r->far;
		f->suite = srtp ? f->suite : SUITE_NONE;
		f->esp = ESP_AES_128_GCM;
	}
	if (r->half_keys)
		key[0].send = key[0].recv = 0;
}

static void fill_facts(const struct rig *r, struct msg_key_facts *f)
{
	if (!r->bare)
		return;
	*f = (struct msg_key_facts){ .suite = SUITE_AEAD_AES_128_GCM,
				     .bare = 1, .method = "sdes" };
}

static void keeper_offer(struct rig *r, const struct mock_sent *s)
{
	struct msg_key_offered a = { .err = r->offered_err };

	memcpy(&r->offer, s->body.bytes, sizeof r->offer);
	r->offers++;
	a.n = r->late_keys ? 0 : r->offer.party.n - r->keys_short;
	a.exchange = 100 + r->offers;
	a.recalled = r->recalled;
	new_keys(r, a.key, a.n);
	if (a.err)
		strcpy(a.reason, "the keeper said no");
	assert_int_equal(rig_keeper_says(r, MSG_KEY_OFFERED, s->id, &a,
					 sizeof a, a.err ? NULL : "offer!"),
			 r->keys_short ? E_FORMAT : 0);
}

static void keeper_answer(struct rig *r, const struct mock_sent *s)
{
	struct msg_key_answered a = { .err = r->answered_err, .facts = good };

	memcpy(&r->answer, s->body.bytes, sizeof r->answer);
	if (++r->answers == r->refuse_answer)
		a.err = E_UNSUPPORTED;
	a.n = r->answer.party.n;
	if (r->dear && r->answer.when != KEY_NOW) {
		a = (struct msg_key_answered){ .err = a.err };
		assert_int_equal(rig_keeper_says(r, MSG_KEY_ANSWERED, s->id,
						 &a, sizeof a, NULL), 0);
		return;
	}
	new_keys(r, a.key, a.n);
	fill_facts(r, &a.facts);
	fill_tunnels(r, &r->answer.party, a.key, a.far, a.behind,
		     &a.facts);
	if (a.err)
		strcpy(a.reason, "the keeper said no");
	assert_int_equal(rig_keeper_says(r, MSG_KEY_ANSWERED, s->id, &a,
					 sizeof a, a.err ? r->error : "answer"),
			 r->half_keys ? E_FORMAT : 0);
}

static void keeper_finish(struct rig *r, const struct mock_sent *s)
{
	struct msg_key_finished a = { .err = r->finished_err, .facts = good };

	memcpy(&r->finish, s->body.bytes, sizeof r->finish);
	r->finishes++;
	a.facts.confirmed = r->confirmed;
	fill_facts(r, &a.facts);
	a.n = r->offer.party.n;
	new_keys(r, a.key, a.n);
	fill_tunnels(r, &r->offer.party, a.key, a.far, a.behind, &a.facts);
	if (a.err)
		strcpy(a.reason, "the keeper said no");
	assert_int_equal(rig_keeper_says(r, MSG_KEY_FINISHED, s->id, &a,
					 sizeof a, NULL),
			 r->half_keys ? E_FORMAT : 0);
}

static void keeper_plain(struct rig *r, const struct mock_sent *s)
{
	struct msg_key_plained a = { .err = r->plained_err };

	memcpy(&r->plain, s->body.bytes, sizeof r->plain);
	r->plains++;
	if (a.err)
		strcpy(a.reason, "it was sealed before");
	assert_int_equal(rig_keeper_says(r, MSG_KEY_PLAINED, s->id, &a,
					 sizeof a, NULL), 0);
}

static bool keeper_answers(struct rig *r, const struct mock_sent *s)
{
	switch (s->type) {
	case MSG_KEY_PLAIN:
		keeper_plain(r, s);
		return true;
	case MSG_KEY_OFFER:
		keeper_offer(r, s);
		return true;
	case MSG_KEY_ANSWER:
		keeper_answer(r, s);
		return true;
	case MSG_KEY_FINISH:
		keeper_finish(r, s);
		return true;
	case MSG_KEY_DROP:
		r->drops++;
		return true;
	case MSG_KEY_WON:
		r->wins++;
		return true;
	case MSG_KEY_RELEASE:
		r->releases++;
		return true;
	default:
		return false;
	}
}

/* -- the tunnel process --------------------------------------------------- */

static void tunnel_reserve(struct rig *r, const struct mock_sent *s)
{
	struct msg_tunnel_reserved a = { .err = r->reserved_err };

	memcpy(&r->reserve, s->body.bytes, sizeof r->reserve);
	r->reserves++;
	for (a.n = 0; !a.err && a.n < r->reserve.n; a.n++) {
		a.tunnel[a.n] = ++r->last_tunnel;
		a.spi[a.n] = 0x1000 + r->last_tunnel;
	}
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_RESERVED, s->id, &a,
					 sizeof a), 0);
}

static void tunnel_raise(struct rig *r, const struct mock_sent *s)
{
	struct msg_tunnel_raise *m = &r->raise[r->raises++ % 16];
	struct msg_tunnel_raised a = { .err = r->raised_err };

	memcpy(m, s->body.bytes, sizeof *m);
	a.tunnel = m->tunnel;
	if (r->hold_raise)
		return;
	if (a.err)
		strcpy(a.reason, "the kernel said no");
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_RAISED, s->id, &a,
					 sizeof a), 0);
}

static void tunnel_use(struct rig *r, const struct mock_sent *s)
{
	struct msg_tunnel_use *m = &r->use[r->uses++ % 16];
	struct msg_tunnel_used a = { .err = r->used_err };

	memcpy(m, s->body.bytes, sizeof *m);
	a.ask = m->ask;
	if (r->used_late && a.ask)
		a.err = 0;
	if (m->far.there)
		a.ours = r->ours;
	if (a.err)
		strcpy(a.reason, "charon said no");
	else if (!a.ask)
		a.tunnel = ++r->last_tunnel | TUNNEL_USE_BIT;
	assert_int_equal(rig_tunnel_says(r, MSG_TUNNEL_USED, s->id, &a,
					 sizeof a), 0);
}

static bool tunnel_answers(struct rig *r, const struct mock_sent *s)
{
	switch (s->type) {
	case MSG_TUNNEL_RESERVE:
		tunnel_reserve(r, s);
		return true;
	case MSG_TUNNEL_RAISE:
		tunnel_raise(r, s);
		return true;
	case MSG_TUNNEL_USE:
		tunnel_use(r, s);
		return true;
	case MSG_TUNNEL_DROP:
		r->tunnel_drops++;
		return true;
	default:
		return false;
	}
}

void rig_pump(struct rig *r)
{
	const struct mock_sent *s;
	struct mock_sent one;

	while (!r->hold_relay && !r->hold_keeper && !r->hold_tunnel &&
	       (s = mock_child_take(r->child, MSG_NONE))) {
		one = *s;
		assert_true(relay_answers(r, &one) || keeper_answers(r, &one) ||
			    tunnel_answers(r, &one));
	}
}

/* -- bodies --------------------------------------------------------------- */

static void on_filtered(void *user, const struct refusal *no,
			const struct body *out)
{
	struct outcome *o = user;

	o->n++;
	o->passed = !no;
	if (no)
		o->no = *no;
	if (!no)
		o->secret = out->secret, o->seal = out->seal;
	snprintf(o->type, sizeof o->type, "%s", no ? "" : out->type);
	if (!no)
		snprintf(o->body, sizeof o->body, "%.*s", (int)out->len,
			 (const char *)out->data);
	if (o->end_call)
		call_end(o->call, 488, "ended by the callback");
}

static void run_body(struct rig *r, struct filter_request q, const char *body,
		     struct outcome *o)
{
	bool end = o->end_call;

	q.secured = r->secured;
	q.opened = r->opened;
	memset(o, 0, sizeof *o);
	o->end_call = end;
	o->call = r->call;
	q.body.type = r->type ? r->type : "application/sdp";
	q.body.data = (const uint8_t *)body;
	q.body.len = r->len ? r->len : strlen(body);
	call_filter(r->call, &q, on_filtered, o);
	rig_pump(r);
}

void rig_filter(struct rig *r, enum face from, enum body_role role,
		unsigned branch, const char *body, struct outcome *o)
{
	run_body(r, (struct filter_request){ .from = from, .role = role,
					     .branch = branch,
					     .final = !r->early },
		 body, o);
}

void rig_answer_own(struct rig *r, const char *body, struct outcome *o)
{
	run_body(r, (struct filter_request){ .from = OUTSIDE,
					     .role = BODY_ANSWER,
					     .final = true, .ours = true },
		 body, o);
}

void rig_hold(struct rig *r, unsigned branch, const char *body,
	      struct outcome *o)
{
	run_body(r, (struct filter_request){ .from = OUTSIDE,
					     .role = BODY_ANSWER,
					     .branch = branch, .held = true },
		 body, o);
}

void rig_hold_offer(struct rig *r, unsigned branch, const char *body,
		    struct outcome *o)
{
	run_body(r, (struct filter_request){ .from = OUTSIDE,
					     .role = BODY_ANSWER,
					     .branch = branch, .held = true,
					     .offered = true },
		 body, o);
}

void rig_repeat(struct rig *r, enum body_role role, struct outcome *o)
{
	memset(o, 0, sizeof *o);
	call_repeat(r->call, role, on_filtered, o);
	rig_pump(r);
}

void rig_refresh_to(struct rig *r, unsigned branch, struct outcome *o)
{
	memset(o, 0, sizeof *o);
	call_refresh(r->call, branch, on_filtered, o);
	rig_pump(r);
}

void rig_refresh(struct rig *r, struct outcome *o)
{
	rig_refresh_to(r, 0, o);
}

void rig_respond(struct rig *r, struct outcome *o)
{
	memset(o, 0, sizeof *o);
	call_respond(r->call, 0, on_filtered, o);
	rig_pump(r);
}

void rig_pass_time(struct rig *r, unsigned ms)
{
	now_us += ms * 1000ull;
	engine_tick(r->e);
}
