/* test_uses.c - calls' uses of charon's tunnels: given when one is up and takes
 * their media, ended with it, and keys from the keeper to charon. */
#include "daemon/base/err.h"
#include "daemon/tunnel/uses.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ASKS "asks = { need = \"require\"; media = \"ike\"; " \
	     "discover = \"ask\"; };"
#define D "{ match = \"*@d.example\"; name = \"d\"; profile = \"asks\";" \
	  "  ike = \"discover\"; ike_id = \"d.example\"; " \
	  "  psk = \"file:d.psk\"; route = \"sip:192.0.2.4\"; " \
	  "  keepalive = 5; }"

static const char config[] =
	"inside = { listen = ( \"udp:127.0.0.1:5060\" );"
	"  nets = ( \"127.0.0.0/8\" ); };"
	"outside = { listen = ( \"udp:127.0.0.2:5060\" ); };"
	"profiles = { " ASKS "  ike = { need = \"require\"; media = \"ike\"; };"
	"  after = { need = \"require\"; media = \"ike\"; ike = \"after\"; };"
	"  before = { need = \"require\"; media = \"ike\"; ike = \"before\"; };"
	"  plain = { need = \"forbid\"; }; };"
	"peers = ( { match = \"*@b.example\"; name = \"b\"; profile = \"ike\";"
	"    ike = \"192.0.2.2\"; psk = \"file:b.psk\"; },"
	"  { match = \"*@a.example\"; name = \"a\"; profile = \"after\";"
	"    ike = \"192.0.2.3\"; psk = \"file:a.psk\"; },"
	D ", "
	"  { match = \"*@e.example\"; name = \"e\"; profile = \"before\";"
	"    ike = \"192.0.2.4\"; psk = \"file:e.psk\"; },"
	"  { match = \"*\"; name = \"rest\"; profile = \"plain\"; } );";

static struct rig {
	struct conf *conf;
	struct policy *policy;
	struct uses *uses;
	const struct standing_ops *ops;
	void *ops_user;
	const char *trouble, *down, *differs, *untaken;
	unsigned founds;
	struct msg_ike_sdp found;
	bool up, waits;
	unsigned begun, ended, keys, covers, no_keys;
	int no_list, no_want;
	unsigned wants, unwants;
	standing_sa_fn see;
	standing_listed_fn listed;
	void *list_user;
	unsigned refuse; /* the n-th question about what is covered */
	struct addr local[4], remote[4];
	struct secret key;
	struct {
		enum process to;
		enum message type;
		uint64_t id;
		union {
			struct msg_tunnel_used used;
			struct msg_tunnel_event event;
			struct msg_ike_key key;
			struct msg_ike_ours ours;
			struct msg_tunnel_listed listed;
		} m;
	} sent[8];
	unsigned n;
	char tail[2048];
} rig;

static int begin(void *state, struct event_base *base,
		 const struct settings *settings, const struct policy *policy,
		 const struct standing_ops *ops, void *user)
{
	assert_ptr_equal(state, &rig);
	assert_ptr_equal(policy, rig.policy);
	assert_null(base);
	assert_null(settings);
	rig.ops = ops;
	rig.ops_user = user;
	rig.begun++;
	return 0;
}

static void end(void *state)
{
	assert_ptr_equal(state, &rig);
	rig.ended++;
}

static void key(void *state, const char *peer, const struct secret *s)
{
	assert_ptr_equal(state, &rig);
	assert_string_equal(peer, "b");
	*(s ? &rig.keys : &rig.no_keys) += 1;
	if (s)
		rig.key = *s;
}

static const char *down(void *state, const char *peer)
{
	assert_ptr_equal(state, &rig);
	return strcmp(peer, "b") ? NULL : rig.down;
}

static const char *trouble(void *state, const char *peer)
{
	assert_ptr_equal(state, &rig);
	assert_true(*peer && strchr("abe", *peer) && !peer[1]);
	return rig.trouble;
}

static bool covers(void *state, const char *peer, const struct addr *local,
		   const struct addr *remote)
{
	assert_ptr_equal(state, &rig);
	assert_true(*peer && strchr("abe", *peer) && !peer[1]);
	rig.local[rig.covers % 4] = *local;
	rig.remote[rig.covers++ % 4] = *remote;
	return rig.covers != rig.refuse;
}

static bool up(void *state, const char *peer)
{
	assert_ptr_equal(state, &rig);
	(void)peer;
	return rig.up;
}

static void ours(void *state, const char *peer, struct msg_ike_sdp *out)
{
	assert_ptr_equal(state, &rig);
	if (!strcmp(peer, "d"))
		return; /* no address of ours */
	assert_true(*peer && strchr("abe", *peer) && !peer[1]);
	addr_parse("192.0.2.1", &out->at);
	print_of(PRINT_SHA256, "abc", 3, &out->certs.list[0]);
	out->certs.n = 1;
}

static const char *differs(void *state, const char *peer,
			   const struct msg_ike_sdp *far)
{
	assert_ptr_equal(state, &rig);
	assert_true(*peer && strchr("abe", *peer) && !peer[1]);
	assert_int_equal(far->there, 1);
	return rig.differs;
}

static const char *found(void *state, const char *peer,
			 const struct msg_ike_sdp *far)
{
	assert_ptr_equal(state, &rig);
	assert_true(!strcmp(peer, "d") || !strcmp(peer, "e"));
	rig.founds++;
	rig.found = *far;
	return rig.untaken;
}

static int want(void *state, const char *peer, bool wait, uint64_t *out)
{
	rig.waits = wait;
	assert_ptr_equal(state, &rig);
	assert_true(*peer && strchr("ae", *peer) && !peer[1]);
	*out = ++rig.wants;
	return rig.no_want;
}

static void unwant(void *state, uint64_t w)
{
	assert_ptr_equal(state, &rig);
	assert_true(w && w <= rig.wants);
	rig.unwants++;
}

static int list(void *state, standing_sa_fn fn, standing_listed_fn done,
		void *user)
{
	assert_ptr_equal(state, &rig);
	if (rig.no_list)
		return rig.no_list;
	rig.see = fn;
	rig.listed = done;
	rig.list_user = user;
	return 0;
}

static const struct standing standing = {
	&rig, begin, end, key, trouble, down, up, ours, differs, found,
	covers, want, unwant, list
};

static int tell(void *user, enum process to, enum message type, uint64_t id,
		const void *body, size_t len, const char *tail)
{
	snprintf(rig.tail, sizeof rig.tail, "%s", tail ? tail : "");
	assert_ptr_equal(user, &rig);
	assert_true(rig.n < 8 && len <= sizeof rig.sent[0].m);
	rig.sent[rig.n].to = to;
	rig.sent[rig.n].type = type;
	rig.sent[rig.n].id = id;
	memcpy(&rig.sent[rig.n++].m, body, len);
	return 0;
}

static int set_up(void **state)
{
	struct conf_err err = { "" };
	struct uses_conf conf = { .standing = &standing, .tell = tell,
				  .user = &rig };

	(void)state;
	memset(&rig, 0, sizeof rig);
	if (conf_parse(config, "x", NULL, settings_groups(), &rig.conf,
		       &err) ||
	    policy_new(rig.conf, &rig.policy, &err))
		fail_msg("%s", err.text);
	conf.policy = rig.policy;
	assert_int_equal(uses_new(&conf, &rig.uses), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	uses_free(rig.uses);
	assert_int_equal(rig.begun, rig.ended);
	policy_free(rig.policy);
	conf_free(rig.conf);
	return 0;
}

static int hear(enum message type, uint64_t id, void *body, size_t len)
{
	struct ipc_msg m = { .type = type, .id = id, .body = body, .len = len,
			     .fd = -1 };

	assert_true(uses_takes(&m));
	rig.n = 0;
	return uses_message(rig.uses, &m);
}

/* -- IKE in SDP ------------------------------------------------------------ */

static struct msg_tunnel_used use_sdp(struct msg_tunnel_use *m, int n)
{
	addr_parse("192.0.2.1:40000", &m->local);
	addr_parse("192.0.2.2:50000", &m->remote[0]);
	m->far.there = 1;
	assert_int_equal(hear(MSG_TUNNEL_USE, 99, m, sizeof *m), 0);
	assert_int_equal(rig.n, n);
	return rig.sent[0].m.used;
}

static void ike_in_sdp(void **state)
{
	struct msg_tunnel_use m = { .ask = 1, .peer = "b" };
	struct msg_tunnel_used a = use_sdp(&m, 1);

	(void)state;
	assert_int_equal(a.err, 0);
	assert_true(a.ours.there && a.ours.certs.n == 1 &&
		    a.ours.at.family == 4);
	rig.differs = "another certificate";
	a = use_sdp(&m, 1);
	assert_int_equal(a.err, E_AUTH);
	assert_string_equal(a.reason, "IKE in SDP: another certificate");
	assert_int_equal(a.ours.there, 0);
	m.ask = 0; /* nor is anything used then */
	assert_int_equal(use_sdp(&m, 1).err, E_AUTH);
	assert_int_equal(uses_count(rig.uses), 0);
	rig.differs = NULL;
	assert_int_equal(use_sdp(&m, 1).err, 0);
	assert_int_equal(uses_count(rig.uses), 1);
	m.far.certs.n = PRINTS_MAX + 1; /* the engine broke the rules */
	assert_int_equal(hear(MSG_TUNNEL_USE, 99, &m, sizeof m), E_FORMAT);
	assert_int_equal(rig.n, 0);
}

static void who_begins(void **state)
{
	struct msg_tunnel_use m = { .ask = 1, .peer = "a",
				    .begins = TUNNEL_BEGINS_THERE };
	struct msg_tunnel_used a = use_sdp(&m, 1);

	(void)state;
	assert_int_equal(a.err, E_STATE); /* it would come too late */
	assert_non_null(strstr(a.reason, "actpass"));
	rig.up = true;
	assert_int_equal(use_sdp(&m, 1).err, 0);
	m.ask = 0;
	use_sdp(&m, 0);
	assert_true(rig.waits);
	m.begins = TUNNEL_BEGINS_HERE;
	use_sdp(&m, 0);
	assert_false(rig.waits);
	rig.up = false;
	m = (struct msg_tunnel_use){ .ask = 1, .peer = "b",
				     .begins = TUNNEL_BEGINS_THERE };
	assert_int_equal(use_sdp(&m, 1).err, 0); /* it stands */
	strcpy(m.peer, "e");
	assert_int_equal(use_sdp(&m, 1).err, 0); /* who answers waits */
	m.ask = 0;
	use_sdp(&m, 0);
	assert_true(rig.waits);
}

/* -- OPTIONS --------------------------------------------------------------- */

/* Of each peer of the kind; none of which there is nothing to tell. */
static void our_ends_are_told(void **state)
{
	(void)state;
	rig.n = 0;
	uses_engine(rig.uses);
	assert_int_equal(rig.n, 3);
	for (int i = 0; i < 3; i++) {
		const struct msg_ike_ours *m = &rig.sent[i].m.ours;

		assert_int_equal(rig.sent[i].to, PROC_ENGINE);
		assert_int_equal(rig.sent[i].type, MSG_IKE_OURS);
		assert_int_equal(m->peer[0], "bae"[i]);
		assert_int_equal(m->ours.at.ip[3], 1);
		assert_int_equal(m->ours.certs.n, 1);
	}
}

static int find(const char *peer, unsigned prints)
{
	struct msg_ike_found m;

	memset(&m, 0, sizeof m);
	addr_parse("192.0.2.44", &m.far.at);
	m.far.certs.n = prints;
	snprintf(m.peer, sizeof m.peer, "%s", peer);
	return hear(MSG_IKE_FOUND, 0, &m, sizeof m);
}

/* Only of a peer that our own policy leaves open. */
static void where_one_is_found(void **state)
{
	(void)state;
	assert_int_equal(find("d", 0), 0);
	assert_int_equal(rig.founds, 1);
	assert_int_equal(rig.found.at.ip[3], 44);
	assert_int_equal(find("b", 0), 0);
	assert_int_equal(find("rest", 0), 0);
	assert_int_equal(find("nobody", 0), 0);
	assert_int_equal(find("d", PRINTS_MAX + 1), E_FORMAT);
	assert_int_equal(rig.founds, 1);
	rig.untaken = "it is our own address";
	assert_int_equal(find("d", 0), 0);
	assert_int_equal(rig.founds, 2);
	assert_int_equal(rig.n, 0); /* no answer */
}

/* Of peer's; what was answered. */
static struct msg_tunnel_used use(const char *peer, bool ask)
{
	struct msg_tunnel_use m = { .call = 7, .ask = ask };

	snprintf(m.peer, sizeof m.peer, "%s", peer);
	addr_parse("192.0.2.1:40000", &m.local);
	addr_parse("192.0.2.2:50000", &m.remote[0]);
	assert_int_equal(hear(MSG_TUNNEL_USE, 99, &m, sizeof m), 0);
	assert_int_equal(rig.n, 1);
	assert_int_equal(rig.sent[0].to, PROC_ENGINE);
	assert_int_equal(rig.sent[0].type, MSG_TUNNEL_USED);
	assert_int_equal(rig.sent[0].id, 99);
	assert_int_equal(rig.sent[0].m.used.ask, ask);
	return rig.sent[0].m.used;
}

static void given(void **state)
{
	struct msg_tunnel_used a = use("b", false), b = use("b", false);

	(void)state;
	assert_int_equal(a.err, 0);
	assert_true(a.tunnel & TUNNEL_USE_BIT && a.tunnel != b.tunnel);
	assert_int_equal(uses_count(rig.uses), 2);
	assert_int_equal(rig.covers, 4); /* RTP and RTCP of each */
	assert_int_equal(rig.local[1].port, 40001);
	assert_int_equal(rig.remote[1].port, 50001);
}

static void rtcp_that_goes_elsewhere(void **state)
{
	struct msg_tunnel_use m = { .peer = "b" };

	(void)state;
	addr_parse("192.0.2.1:40000", &m.local);
	addr_parse("192.0.2.2:50000", &m.remote[0]);
	addr_parse("192.0.2.9:6000", &m.remote[1]);
	assert_int_equal(hear(MSG_TUNNEL_USE, 1, &m, sizeof m), 0);
	assert_int_equal(rig.remote[1].port, 6000);
	assert_int_equal(rig.remote[1].ip[3], 9);
}

static void only_asked(void **state)
{
	(void)state;
	assert_int_equal(use("b", true).err, 0);
	assert_int_equal(use("b", true).tunnel, 0);
	assert_int_equal(uses_count(rig.uses), 0);
}

static void not_given(void **state)
{
	struct msg_tunnel_used a;

	(void)state;
	assert_int_equal(use("rest", false).err, E_NOTFOUND);
	assert_int_equal(use("nobody", true).err, E_NOTFOUND);
	rig.trouble = "charon is away";
	a = use("b", true);
	assert_int_equal(a.err, E_STATE);
	assert_non_null(strstr(a.reason, "charon is away"));
	assert_int_equal(use("b", false).err, E_STATE);
	rig.trouble = NULL;
	rig.refuse = 2; /* RTCP */
	a = use("b", false);
	assert_int_equal(a.err, E_POLICY);
	assert_int_equal(a.tunnel, 0);
	assert_int_equal(uses_count(rig.uses), 0);
}

static void not_without_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		rig.n = 0;
		assert_int_equal(use("b", false).err, 0);
	}
	rig.n = 0;
	assert_int_equal(use("b", false).err, E_FULL);
	assert_int_equal(uses_count(rig.uses), 65536);
}

static void the_engine_hears_of_the_end(void **state)
{
	uint32_t a = use("b", false).tunnel, b = use("b", false).tunnel;
	struct msg_tunnel_drop drop = { a };

	(void)state;
	assert_int_equal(hear(MSG_TUNNEL_DROP, 0, &drop, sizeof drop), 0);
	assert_int_equal(hear(MSG_TUNNEL_DROP, 0, &drop, sizeof drop), 0);
	rig.n = 0;
	rig.ops->gone(rig.ops_user, "rest");
	assert_int_equal(rig.n, 0);
	rig.ops->gone(rig.ops_user, "b");
	assert_int_equal(rig.n, 1);
	assert_int_equal(rig.sent[0].type, MSG_TUNNEL_EVENT);
	assert_int_equal(rig.sent[0].m.event.tunnel, b);
	assert_int_equal(rig.sent[0].m.event.event, TUNNEL_EVENT_GONE);
	assert_int_equal(uses_count(rig.uses), 0);
}

static void a_call_that_it_takes_no_more(void **state)
{
	uint32_t a = use("b", false).tunnel;

	(void)state;
	use("b", false);
	rig.n = 0;
	rig.ops->changed(rig.ops_user, "rest");
	rig.ops->changed(rig.ops_user, "b");
	assert_int_equal(rig.n, 0);
	rig.refuse = rig.covers + 4; /* the RTCP of the first, the last asked */
	rig.ops->changed(rig.ops_user, "b");
	assert_int_equal(rig.n, 1);
	assert_int_equal(rig.sent[0].type, MSG_TUNNEL_EVENT);
	assert_int_equal(rig.sent[0].m.event.tunnel, a);
	assert_int_equal(rig.sent[0].m.event.event, TUNNEL_EVENT_GONE);
	assert_int_equal(uses_count(rig.uses), 1);
}

/* Of a peer whose tunnel has to be raised; its number. */
static uint64_t wait_for_it(uint64_t ticket)
{
	struct msg_tunnel_use m = { .call = 8, .peer = "a" };

	addr_parse("192.0.2.1:40000", &m.local);
	addr_parse("192.0.2.3:50000", &m.remote[0]);
	assert_int_equal(hear(MSG_TUNNEL_USE, ticket, &m, sizeof m), 0);
	return rig.wants;
}

static void raised_for_a_call(void **state)
{
	uint64_t first, second;
	struct msg_tunnel_drop drop;

	(void)state;
	assert_int_equal(use("a", true).err, 0); /* charon is there */
	assert_int_equal(rig.wants, 0);
	first = wait_for_it(71);
	second = wait_for_it(72);
	assert_int_equal(rig.n, 0);
	rig.ops->gone(rig.ops_user, "a"); /* nothing that they had */
	rig.ops->changed(rig.ops_user, "a");
	assert_int_equal(rig.n, 0);
	rig.ops->wanted(rig.ops_user, first, NULL);
	assert_int_equal(rig.n, 1);
	assert_int_equal(rig.sent[0].type, MSG_TUNNEL_USED);
	assert_int_equal(rig.sent[0].id, 71);
	assert_int_equal(rig.sent[0].m.used.err, 0);
	drop.tunnel = rig.sent[0].m.used.tunnel;
	assert_true(drop.tunnel & TUNNEL_USE_BIT);
	rig.ops->wanted(rig.ops_user, second, "the far end is mute");
	assert_int_equal(rig.sent[1].id, 72);
	assert_int_equal(rig.sent[1].m.used.err, E_STATE);
	assert_int_equal(rig.sent[1].m.used.tunnel, 0);
	assert_string_equal(rig.sent[1].m.used.reason,
			    "no tunnel to the peer: the far end is mute");
	assert_int_equal(uses_count(rig.uses), 1);
	rig.ops->wanted(rig.ops_user, 99, NULL); /* nobody's */
	rig.unwants = 0;
	assert_int_equal(hear(MSG_TUNNEL_DROP, 0, &drop, sizeof drop), 0);
	assert_int_equal(rig.unwants, 1);
}

static void not_raised_for_a_call(void **state)
{
	uint64_t w;

	(void)state;
	rig.no_want = E_CLOSED;
	wait_for_it(70);
	assert_int_equal(rig.sent[0].m.used.err, E_STATE);
	assert_int_equal(uses_count(rig.uses), 0);
	rig.no_want = 0;
	w = wait_for_it(71);
	rig.refuse = rig.covers + 2; /* RTCP */
	rig.ops->wanted(rig.ops_user, w, NULL);
	assert_int_equal(rig.sent[0].m.used.err, E_POLICY);
	assert_int_equal(uses_count(rig.uses), 0);
	w = wait_for_it(72);
	rig.ops->wanted(rig.ops_user, w, NULL);
	assert_int_equal(rig.n, 1);
	rig.ops->wanted(rig.ops_user, w, "gone"); /* in the call */
	assert_int_equal(rig.sent[1].type, MSG_TUNNEL_EVENT);
	assert_int_equal(rig.sent[1].m.event.event, TUNNEL_EVENT_GONE);
	assert_int_equal(uses_count(rig.uses), 0);
	wait_for_it(73); /* is there until the end */
}

static void ask_list(void)
{
	struct msg_tunnel_list m = { .after = TUNNEL_USE_BIT };

	assert_int_equal(hear(MSG_TUNNEL_LIST, 5, &m, sizeof m), 0);
}

static void listed(void **state)
{
	struct standing_sa sa = {
		.peer = "b", .connection = "cs-b", .state = "INSTALLED",
		.raised = true, .child = "c", .suite = "AES_GCM_16-128",
		.takes_local = "l", .takes_remote = "r", .spi_in = 0x1001,
		.packets_out = 7, .bytes_in = 99, .left_s = 50
	};

	(void)state;
	use("b", false);
	rig.down = "another key";
	ask_list();
	assert_int_equal(rig.n, 0); /* charon has not answered */
	addr_parse("192.0.2.1:500", &sa.local);
	addr_parse("192.0.2.2:500", &sa.remote);
	rig.see(rig.list_user, &sa);
	rig.see(rig.list_user, &(struct standing_sa){
		.connection = "office", .state = "CONNECTING" });
	rig.listed(rig.list_user, 0);
	assert_int_equal(rig.n, 1);
	assert_int_equal(rig.sent[0].type, MSG_TUNNEL_LISTED);
	assert_int_equal(rig.sent[0].id, 5);
	assert_non_null(strstr(rig.tail, "\"charon\":[{\"connection\":"
		"\"cs-b\",\"state\":\"INSTALLED\",\"local\":\"192.0.2.1:500\","
		"\"remote\":\"192.0.2.2:500\",\"peer\":\"b\",\"child\":\"c\","
		"\"mode\":\"tunnel\",\"suite\":\"AES_GCM_16-128\",\"takes\":"
		"[\"l\",\"r\"],\"in\":{\"spi\":\"0x00001001\",\"bytes\":99,"
		"\"packets\":0},\"out\":{\"spi\":\"0x00000000\",\"bytes\":0,"
		"\"packets\":7},\"left_s\":50},{\"connection\":\"office\","
		"\"state\":\"CONNECTING\""));
	assert_non_null(strstr(rig.tail, "\"charon_count\":2,\"charon_down\":["
		"{\"peer\":\"b\",\"why\":\"another key\"}]}"));
	assert_int_equal(rig.sent[0].m.listed.len, strlen(rig.tail));
	assert_non_null(strstr(rig.tail, "\"call\":\"7\""));
	assert_non_null(strstr(rig.tail, "\"remote\":\"192.0.2.2:50000\""));
}

static void listed_without_charon(void **state)
{
	(void)state;
	use("b", false);
	rig.no_list = E_STATE;
	ask_list();
	assert_int_equal(rig.n, 1);
	assert_non_null(strstr(rig.tail, "\"call\":\"7\""));
	assert_non_null(strstr(rig.tail, "\"charon\":[],\"charon_count\":0,"
		"\"charon_down\":[],"
		"\"charon_trouble\":\"charon is not there\""));
	rig.no_list = 0;
	ask_list();
	rig.listed(rig.list_user, E_CLOSED); /* it went meanwhile */
	assert_non_null(strstr(rig.tail, "charon_trouble"));
}

/* What does not fit a message is counted. */
static void too_many_to_list(void **state)
{
	struct standing_sa sa = { .connection = "office", .state = "s" };
	struct msg_tunnel_listed *m = &rig.sent[0].m.listed;

	(void)state;
	ask_list();
	for (int i = 0; i < 20000; i++)
		rig.see(rig.list_user, &sa);
	rig.listed(rig.list_user, 0);
	assert_int_equal(m->err, 0);
	assert_true(m->len > IPC_BODY_MAX / 4 && m->len < IPC_BODY_MAX / 2);
}

static void another_configuration(void **state)
{
	static const struct {
		const char *peers;
		bool same, standing; /* of a */
	} rows[] = {
		{ "ike = \"192.0.2.2\"; psk = \"file:b.psk\"; }", false, true },
		{ "ike = \"192.0.2.2\"; psk = \"file:b.psk\"; }", true, false },
		{ "ike = \"192.0.2.2\"; psk = \"file:b.psk\"; route = "
		  "\"sip:h\"; }", true, false },
		{ "ike = \"192.0.2.3\"; psk = \"file:b.psk\"; }",
		  false, false },
		{ "ike = \"192.0.2.2\"; psk = \"file:c.psk\"; }",
		  false, false },
		{ "ike = \"192.0.2.2\"; psk = \"file:b.psk\"; ike_id = "
		  "\"b\"; }", false, false },
		{ "ike = \"192.0.2.2\"; psk = \"file:b.psk\"; ike_nets = "
		  "( \"192.0.2.2/31\" ); }", false, false },
		{ "ike = \"192.0.2.2\"; psk = \"file:b.psk\"; }, { match = "
		  "\"*@c\"; profile = \"ike\"; ike = \"192.0.2.9\"; psk = "
		  "\"file:c\"; }", false, false },
	};
	struct conf_err err = { "" };
	struct policy *p = NULL;
	struct conf *c = NULL;
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(text, sizeof text, "profiles = { " ASKS
			 "ike = { need = \"require\"; media = \"ike\"; }; "
			 "after = { need = "
			 "\"require\"; media = \"ike\"; ike = \"after\"; }; "
			 "before = { need = \"require\"; media = \"ike\"; "
			 "ike = \"before\"; }; }; "
			 "peers = ( " D ","
			 "{ match = \"*@b.example\"; name = \"b\"; "
			 "profile = \"ike\"; %s, { match = \"*@a.example\"; "
			 "name = \"a\"; profile = \"%s\"; ike = "
			 "\"192.0.2.3\"; psk = \"file:a.psk\"; }, { match = "
			 "\"*@e.example\"; name = \"e\"; profile = "
			 "\"before\"; ike = \"192.0.2.4\"; psk = "
			 "\"file:e.psk\"; } );",
			 rows[i].peers, rows[i].standing ? "ike" : "after");
		if (conf_parse(text, "x", NULL, settings_groups(), &c, &err) ||
		    policy_new(c, &p, &err))
			fail_msg("%s", err.text);
		if (tunnelpeers_same(rig.policy, p) != rows[i].same)
			fail_msg("%s", rows[i].peers);
		policy_free(p);
		conf_free(c);
	}
}

static void another_engine(void **state)
{
	(void)state;
	use("b", false);
	uses_clear(rig.uses);
	assert_int_equal(uses_count(rig.uses), 0);
}

static void what_is_not_ours(void **state)
{
	struct msg_tunnel_drop drop = { 5 };
	struct ipc_msg m = { .type = MSG_TUNNEL_DROP, .body = &drop };

	(void)state;
	assert_false(uses_takes(&m));
	m.type = MSG_TUNNEL_LIST;
	assert_false(uses_takes(&m));
}

/* -- keys ------------------------------------------------------------------ */

static int keyed(int err, uint32_t len)
{
	struct msg_ike_keyed m = { .err = err, .key_len = len, .peer = "b" };

	memcpy(m.key, "0123456789abcdef", 16);
	return hear(MSG_IKE_KEYED, 0, &m, sizeof m);
}

static void keys_come_from_the_keeper(void **state)
{
	(void)state;
	assert_int_equal(keyed(E_NOTFOUND, 0), 0); /* nobody asked */
	assert_int_equal(rig.no_keys, 0);
	rig.n = 0;
	rig.ops->need_key(rig.ops_user, "b");
	rig.ops->need_key(rig.ops_user, "b");
	assert_int_equal(rig.n, 2);
	assert_int_equal(rig.sent[0].to, PROC_KEEPER);
	assert_int_equal(rig.sent[0].type, MSG_IKE_KEY);
	assert_string_equal(rig.sent[0].m.key.peer, "b");
	assert_int_equal(keyed(0, 16), 0);
	assert_int_equal(rig.keys, 1);
	assert_int_equal(keyed(0, 16), 0); /* by a reload: may be another */
	assert_int_equal(rig.keys, 2);
	assert_int_equal(rig.key.len, 16);
	assert_memory_equal(rig.key.bytes, "0123456789abcdef", 16);
}

static void a_keeper_that_restarts(void **state)
{
	(void)state;
	rig.ops->need_key(rig.ops_user, "b");
	rig.n = 0;
	uses_keeper(rig.uses);
	assert_int_equal(rig.n, 1);
	assert_int_equal(rig.sent[0].type, MSG_IKE_KEY);
	assert_int_equal(keyed(0, 16), 0);
	uses_keeper(rig.uses);
	assert_int_equal(rig.n, 0);
}

static void no_key(void **state)
{
	(void)state;
	rig.ops->need_key(rig.ops_user, "b");
	assert_int_equal(keyed(E_POLICY, 0), 0);
	assert_int_equal(rig.no_keys, 1);
	rig.ops->need_key(rig.ops_user, "b");
	assert_int_equal(keyed(0, SECRET_MAX + 1), E_FORMAT);
	assert_int_equal(rig.keys, 0);
}

static void without_memory(void **state)
{
	struct msg_tunnel_used a;

	(void)state;
	alloc_fail_at(1);
	a = use("b", false);
	assert_int_equal(a.err, E_NOMEM);
	alloc_fail_at(1);
	rig.ops->need_key(rig.ops_user, "b");
	alloc_fail_never();
	assert_int_equal(uses_count(rig.uses), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(given),
		T(rtcp_that_goes_elsewhere),
		T(only_asked),
		T(ike_in_sdp),
		T(who_begins),
		T(our_ends_are_told),
		T(where_one_is_found),
		T(not_given),
		T(not_without_end),
		T(the_engine_hears_of_the_end),
		T(a_call_that_it_takes_no_more),
		T(raised_for_a_call),
		T(not_raised_for_a_call),
		T(listed),
		T(listed_without_charon),
		T(too_many_to_list),
		T(another_configuration),
		T(another_engine),
		T(what_is_not_ours),
		T(keys_come_from_the_keeper),
		T(a_keeper_that_restarts),
		T(no_key),
		T(without_memory),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
