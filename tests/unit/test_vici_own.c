/* test_vici_own.c - tunnels that calls have for themselves: what charon is
 * given and told to forget, in which order, and what is told of them. */
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "modules/vici/own.h"
#include "modules/vici/standing.h"
#include "tests/mock/alloc.h"
#include "tests/mock/charon.h"
#include "tests/mock/vici_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>

#define MANY 300 /* more at once than the client holds requests */
#define LINGER_US 2000000
#define NAME_A "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f-a"
#define NAME_B "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f-b"

struct call {
	struct tunnel_pair *pair;
	uint32_t number;
	unsigned raised, ups, gone;
	int err;
	bool drop; /* inside the next callback */
	char why[512];
};

static struct rig {
	struct event_base *base;
	struct charon *charon;
	struct conf *conf;
	struct settings settings;
	struct policy *policy;
	struct standing *standing;
	const struct tunnel_maker *maker;
	struct call call[MANY];
	const char *have; /* what list-sas streams */
	const char *conns, *keys; /* what get-conns and get-shared answer */
	char path[64], heard[1 << 20];
	size_t heard_len;
} rig;

/* -- charon --------------------------------------------------------------- */

static void say(enum vici_op op, const char *name, const char *text)
{
	struct buf b = buf_of(VICI_PACKET_MAX);

	assert_int_equal(vici_from_text(&b, text), 0);
	charon_say(rig.charon, op, name, b.data, b.len);
	buf_free(&b);
}

static void hear(const char *command)
{
	const struct buf *m = charon_message(rig.charon);
	struct buf text = buf_of(VICI_PACKET_MAX);
	size_t room = sizeof rig.heard - rig.heard_len;
	int n = snprintf(rig.heard + rig.heard_len, room, "%s %s\n", command,
			 vici_to_text(&text, m->data, m->len));

	if (n > 0 && (size_t)n < room)
		rig.heard_len += (size_t)n;
	buf_free(&text);
}

static bool on_command(void *user, const char *command)
{
	const char *answer = !strcmp(command, "get-conns") ? rig.conns
			   : !strcmp(command, "get-shared") ? rig.keys : NULL;

	(void)user;
	hear(command);
	if (rig.have && !strcmp(command, "list-sas"))
		say(VICI_EVENT, "list-sa", rig.have);
	if (answer)
		say(VICI_RESPONSE, NULL, answer);
	return answer;
}

/* -- the rig -------------------------------------------------------------- */

static void drop_inside(struct call *c)
{
	if (!c->drop)
		return;
	rig.maker->drop(rig.maker->state, c->pair);
	c->pair = NULL;
}

static void on_raised(void *user, void *owner, int err, const char *why)
{
	struct call *c = owner;

	assert_ptr_equal(user, &rig);
	c->raised++;
	c->err = err;
	snprintf(c->why, sizeof c->why, "%s", why ? why : "");
	drop_inside(c);
}

static void on_told(void *user, void *owner, enum tunnel_event e,
		    const char *why)
{
	struct call *c = owner;

	assert_ptr_equal(user, &rig);
	c->ups += e == TUNNEL_EVENT_UP;
	c->gone += e == TUNNEL_EVENT_GONE;
	snprintf(c->why, sizeof c->why, "%s", why ? why : "");
	drop_inside(c);
}

static const struct tunnel_ears ears = { on_raised, on_told };

static void need_key(void *user, const char *peer)
{
	(void)user;
	fail_msg("nobody else has a key for %s", peer);
}

static void other(void *user, const char *peer)
{
	(void)user;
	(void)peer;
}

static void wanted(void *user, uint64_t want, const char *trouble)
{
	(void)user;
	(void)want;
	(void)trouble;
}

static const struct standing_ops ops = { need_key, other, other, wanted };

#define CONF \
	"inside = { listen = ( \"udp:127.0.0.1:5060\" );" \
	"  nets = ( \"127.0.0.0/8\" ); };" \
	"outside = { listen = ( \"udp:127.0.0.2:5060\" );" \
	"  media = ( \"192.0.2.1\" ); };" PEERS
#define PEERS \
	"profiles = { own = { need = \"require\"; media = \"ike\";" \
	"  ike = \"call\"; keying = [ \"mikey-psk\" ]; }; };" \
	"peers = ( { match = \"*@b\"; name = \"b\"; profile = \"own\";" \
	"  psk = \"file:b\"; } );"

/* All groups of the daemon, and the module's. */
static const struct conf_group *const *groups(void)
{
	static const struct conf_group *all[32];
	size_t n = 0;

	while (settings_groups()[n]) {
		all[n] = settings_groups()[n];
		n++;
	}
	all[n++] = &vici_group;
	all[n] = NULL;
	return all;
}

static void read_conf(void)
{
	struct conf_err err = { "" };
	char text[4096];

	snprintf(text, sizeof text, CONF "vici = { socket = \"%s\"; };",
		 rig.path);
	if (conf_parse(text, "t", NULL, groups(), &rig.conf, &err) ||
	    settings_read(rig.conf, &rig.settings, &err) ||
	    policy_new(rig.conf, &rig.policy, &err) ||
	    vici_standing_check(rig.conf, &err))
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof rig);
	snprintf(rig.path, sizeof rig.path, "/tmp/callseal-own-%d",
		 (int)getpid());
	rig.base = event_base_new();
	rig.charon = charon_new(rig.base, rig.path);
	charon_on_command(rig.charon, on_command, NULL);
	read_conf();
	assert_int_equal(vici_standing_new(rig.conf, &rig.standing), 0);
	charon_patience(vici_standing_times(rig.standing));
	rig.maker = vici_standing_maker(rig.standing);
	rig.maker->listen(rig.maker->state, &ears, &rig);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < MANY; i++)
		if (rig.call[i].pair)
			rig.maker->drop(rig.maker->state, rig.call[i].pair);
	rig.standing->end(rig.standing->state);
	vici_standing_free(rig.standing);
	policy_free(rig.policy);
	conf_free(rig.conf);
	charon_free(rig.charon);
	event_base_free(rig.base);
	return 0;
}

#define WAIT(condition) do { \
	for (int turns = 0; !(condition); turns++) { \
		if (turns > 20000) \
			fail_msg("never: %s; heard:\n%.4000s", #condition, \
				 rig.heard); \
		charon_turn(rig.base); \
	} \
} while (0)

static void quiet(void)
{
	for (int i = 0; i < 30; i++)
		charon_turn(rig.base);
}

static bool heard(const char *what)
{
	return strstr(rig.heard, what);
}

static unsigned times(const char *what)
{
	unsigned n = 0;

	for (const char *p = rig.heard; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void forget(void)
{
	*rig.heard = 0;
	rig.heard_len = 0;
}

static int reserve(size_t i)
{
	struct call *c = &rig.call[i];
	struct tunnel_why why;
	struct addr local;

	addr_parse("192.0.2.1:40000", &local);
	return rig.maker->reserve(rig.maker->state, &local, NULL, c, &c->pair,
				  &c->number, &why);
}

/* charon is there, and nothing is left of others. */
static void begin(void)
{
	assert_int_equal(rig.standing->begin(rig.standing->state, rig.base,
					     &rig.settings, rig.policy, &ops,
					     &rig), 0);
	assert_int_equal(reserve(0), E_STATE);
	WAIT(heard("list-sas"));
	quiet();
}

static void ends(struct msg_tunnel_key *m, size_t i, const char *far)
{
	struct addr near, f;

	addr_parse("192.0.2.1", &near);
	near.port = (uint16_t)(40000 + 2 * i);
	addr_parse(far, &f);
	assert_int_equal(esp_media_end(&near, rig.call[i].number, &m->near),
			 0);
	assert_int_equal(esp_media_end(&f, 0x7777, &m->far), 0);
}

static struct msg_tunnel_key key_of(size_t i, enum tunnel_ike ike)
{
	struct msg_tunnel_key m = {
		.call = i, .life_s = 3600, .mode = ESP_TUNNEL, .ike = ike,
		.scope = ESP_MEDIA, .peer = "b",
		.in = { .suite = ESP_AES_256_GCM, .key_len = TUNNEL_PSK,
			.auth_len = TUNNEL_NAME },
		.out = { .suite = ESP_AES_256_GCM } };

	memset(m.in.key, 0xa5, TUNNEL_PSK);
	memset(m.in.auth, 0x0f, TUNNEL_NAME);
	m.in.auth[0] = (uint8_t)(i + 0x0f);
	m.in.auth[1] = (uint8_t)((i >> 8) + 0x0f);
	ends(&m, i, "192.0.2.2:50000");
	return m;
}

static int raise_by(size_t i, size_t instead, const struct msg_tunnel_key *m)
{
	struct tunnel_why why = { "" };
	int r = rig.maker->raise(rig.maker->state, rig.call[i].pair,
				 instead == i ? NULL : rig.call[instead].pair,
				 m, &why);

	if (r != E_AGAIN)
		snprintf(rig.call[i].why, sizeof rig.call[i].why, "%s",
			 why.text);
	return r;
}

static void raise_it(size_t i, enum tunnel_ike ike)
{
	struct msg_tunnel_key m;

	assert_int_equal(reserve(i), 0);
	m = key_of(i, ike);
	assert_int_equal(raise_by(i, i, &m), E_AGAIN);
}

static const char *conn_of(size_t i)
{
	static char name[64];

	snprintf(name, sizeof name, "callseal-once:%08x:b",
		 rig.call[i].number);
	return name;
}

/* The child's name in charon. */
static const char *child_name(size_t i)
{
	static char name[256];
	char load[96];
	const char *at;

	snprintf(load, sizeof load, "load-conn %s { ", conn_of(i));
	at = strstr(rig.heard, load);
	assert_non_null(at);
	at = strstr(at, "children { ");
	assert_non_null(at);
	at += strlen("children { ");
	snprintf(name, sizeof name, "%.*s", (int)strcspn(at, " "), at);
	return name;
}

/* Whether charon was told to begin it. */
static bool begun(size_t i)
{
	char text[96];

	snprintf(text, sizeof text, "\ninitiate ike = %s child", conn_of(i));
	return heard(text);
}

static void child(size_t i, bool up, unsigned id, const char *theirs)
{
	char text[1024];

	snprintf(text, sizeof text, "%s %s { uniqueid = %zu state = "
		 "ESTABLISHED child-sas { c { name = %s uniqueid = %u state = "
		 "INSTALLED local-ts [ 192.0.2.1/32[udp/%zu-%zu] ] remote-ts "
		 "[ 192.0.2.2/32[udp/%s] ] } } }", up ? "up = yes" : "",
		 conn_of(i), i + 1, child_name(i), id, 40000 + 2 * i,
		 40001 + 2 * i, theirs);
	say(VICI_EVENT, "child-updown", text);
}

static void come_up(size_t i)
{
	child(i, true, 7, "50000-50001");
}

static void drop(size_t i)
{
	rig.maker->drop(rig.maker->state, rig.call[i].pair);
	rig.call[i].pair = NULL;
}

/* -- tests ---------------------------------------------------------------- */

static void who_begins(void **state)
{
	uint64_t dropped_us;

	(void)state;
	begin();
	raise_it(0, TUNNEL_IKE_BEGINS);
	WAIT(heard("initiate"));
	assert_true(heard("owners [ " NAME_A " " NAME_B " ]"));
	assert_true(heard("data = 0xa5a5a5a5"));
	assert_true(heard("local_addrs [ 192.0.2.1 ] remote_addrs "
			  "[ 192.0.2.2 ]"));
	assert_true(heard("local { auth = psk id = " NAME_A));
	assert_true(heard("remote { auth = psk id = " NAME_B));
	assert_true(heard("mode = tunnel"));
	assert_true(heard("esp_proposals [ aes256gcm16-x25519-ecp256 ]"));
	assert_true(heard("rekey_time = 3240"));
	assert_true(heard("local_ts [ 192.0.2.1/32[17/40000-40001] ] remote_ts "
			  "[ 192.0.2.2/32[17/50000-50001] ]"));
	assert_false(heard("unload-shared"));
	assert_int_equal(rig.call[0].raised, 0);
	assert_false(rig.maker->sends(rig.maker->state, rig.call[0].pair));
	come_up(0);
	WAIT(rig.call[0].raised);
	assert_int_equal(rig.call[0].err, 0);
	assert_true(rig.maker->sends(rig.maker->state, rig.call[0].pair));
	WAIT(heard("unload-shared")); /* it did what it was for */
	forget();
	dropped_us = clock_mono_us(&clock_system);
	drop(0);
	WAIT(heard("unload-conn"));
	WAIT(heard("terminate")); /* not at once: the far end may not know */
	assert_true(clock_mono_us(&clock_system) - dropped_us > LINGER_US / 2);
	assert_true(heard(conn_of(0)));
	assert_true(strstr(rig.heard, "unload-conn") <
		    strstr(rig.heard, "terminate"));
	assert_false(heard("unload-shared"));
	assert_int_equal(rig.call[0].gone, 0);
}

static void who_waits(void **state)
{
	struct tunnel_why why;

	(void)state;
	begin();
	raise_it(0, TUNNEL_IKE_WAITS);
	WAIT(rig.call[0].raised);
	assert_int_equal(rig.call[0].err, 0);
	assert_true(heard("local { auth = psk id = " NAME_B));
	assert_true(heard("load-conn")); /* before that was told */
	quiet();
	assert_false(heard("initiate"));
	assert_int_equal(rig.call[0].ups, 0);
	assert_int_equal(rig.maker->turn(rig.maker->state, rig.call[0].pair,
					 &why), E_STATE);
	come_up(0);
	WAIT(rig.call[0].ups);
	assert_int_equal(rig.call[0].raised, 1);
	assert_int_equal(rig.maker->turn(rig.maker->state, rig.call[0].pair,
					 &why), 0);
	child(0, false, 7, "50000-50001");
	WAIT(rig.call[0].gone);
}

/* The far end begins before we heard that charon has all. */
static void the_far_end_is_first(void **state)
{
	(void)state;
	begin();
	charon_silent(rig.charon, "load-conn");
	raise_it(0, TUNNEL_IKE_WAITS);
	WAIT(heard("load-conn"));
	come_up(0);
	WAIT(rig.call[0].ups);
	assert_int_equal(rig.call[0].raised, 1);
	assert_int_equal(rig.call[0].err, 0);
}

/* And whom we tell first that it was ready has no use for it any more. */
static void dropped_when_told(void **state)
{
	(void)state;
	begin();
	charon_silent(rig.charon, "load-conn");
	raise_it(0, TUNNEL_IKE_WAITS);
	WAIT(heard("load-conn"));
	rig.call[0].drop = true;
	come_up(0);
	WAIT(rig.call[0].raised);
	assert_int_equal(rig.call[0].ups, 0);
	assert_null(rig.call[0].pair);
}

static void narrowed_is_no_tunnel(void **state)
{
	(void)state;
	begin();
	raise_it(0, TUNNEL_IKE_BEGINS);
	WAIT(heard("initiate"));
	child(0, true, 7, "50000"); /* without RTCP */
	WAIT(rig.call[0].raised);
	assert_int_equal(rig.call[0].err, E_POLICY);
	drop(0);
	raise_it(1, TUNNEL_IKE_WAITS);
	WAIT(rig.call[1].raised);
	child(1, true, 8, "50001");
	WAIT(rig.call[1].gone);
	assert_int_equal(rig.call[1].ups, 0);
	drop(1);
	forget();
	raise_it(2, TUNNEL_IKE_BEGINS);
	WAIT(heard("initiate"));
	child(2, true, 9, "50000-50001");
	WAIT(rig.call[2].raised);
	assert_int_equal(rig.call[2].err, 0);
	child(2, true, 10, "50000"); /* new SAs take less */
	WAIT(rig.call[2].gone);
}

static void charon_says_no(void **state)
{
	struct buf b = buf_of(4096);

	(void)state;
	begin();
	assert_int_equal(vici_from_text(&b, "success = no errmsg = because"),
			 0);
	charon_answer(rig.charon, b.data, b.len);
	raise_it(0, TUNNEL_IKE_BEGINS);
	WAIT(rig.call[0].raised);
	assert_int_equal(rig.call[0].err, E_STATE);
	assert_non_null(strstr(rig.call[0].why, "because"));
	drop(0);
	WAIT(heard("terminate")); /* the last one that is answered so */
	quiet();
	buf_free(&b);
}

static void charon_goes(void **state)
{
	(void)state;
	begin();
	raise_it(0, TUNNEL_IKE_BEGINS);
	raise_it(1, TUNNEL_IKE_BEGINS);
	raise_it(2, TUNNEL_IKE_WAITS);
	WAIT(times("initiate") == 2 && rig.call[2].raised);
	forget();
	raise_it(3, TUNNEL_IKE_BEGINS);
	WAIT(heard("initiate"));
	come_up(3);
	WAIT(rig.call[3].raised);
	charon_hang_up(rig.charon);
	WAIT(rig.call[0].raised && rig.call[1].raised && rig.call[2].gone &&
	     rig.call[3].gone);
	assert_int_equal(rig.call[0].err, E_STATE);
	assert_non_null(strstr(rig.call[0].why, "charon"));
	for (size_t i = 0; i < 4; i++)
		drop(i);
	forget();
	WAIT(heard("list-sas")); /* it is back, and is asked what is left */
	quiet();
	assert_false(heard("load-")); /* nothing is raised again */
}

static void the_place_of_another(void **state)
{
	struct msg_tunnel_key m;
	struct addr a;

	(void)state;
	begin();
	raise_it(0, TUNNEL_IKE_BEGINS);
	WAIT(heard("initiate"));
	come_up(0);
	WAIT(rig.call[0].raised);
	assert_int_equal(reserve(1), 0);
	m = key_of(1, TUNNEL_IKE_BEGINS);
	addr_parse("192.0.2.1:40000", &a);
	assert_int_equal(esp_media_end(&a, rig.call[1].number, &m.near), 0);
	assert_int_equal(raise_by(1, 1, &m), E_EXISTS); /* not beside it */
	drop(1);
	assert_int_equal(reserve(1), 0);
	assert_int_equal(esp_media_end(&a, rig.call[1].number, &m.near), 0);
	addr_parse("192.0.2.2:50002", &a);
	assert_int_equal(esp_media_end(&a, 0x7778, &m.far), 0);
	assert_int_equal(raise_by(1, 0, &m), E_POLICY); /* nor elsewhere */
	addr_parse("192.0.2.2:50000", &a);
	assert_int_equal(esp_media_end(&a, 0x7778, &m.far), 0);
	forget();
	assert_int_equal(raise_by(1, 0, &m), E_AGAIN);
	WAIT(heard("initiate"));
	assert_int_equal(rig.call[0].gone, 0); /* make before break */
}

static void what_cannot_be(void **state)
{
	struct msg_tunnel_key m;

	(void)state;
	begin();
	assert_int_equal(reserve(0), 0);
	m = key_of(0, TUNNEL_IKE_BEGINS);
	m.in.suite = ESP_3DES_CBC_SHA1;
	assert_int_equal(raise_by(0, 0, &m), E_UNSUPPORTED);
	assert_false(rig.maker->can(rig.maker->state, 4, ESP_3DES_CBC_SHA1));
	assert_true(rig.maker->can(rig.maker->state, 6, ESP_NONE));
	m = key_of(0, TUNNEL_IKE_BEGINS);
	ends(&m, 0, "192.0.2.1:50000");
	assert_int_equal(raise_by(0, 0, &m), E_POLICY);
	quiet();
	assert_false(heard("load-"));
}

/* Its requests are more than the client holds. */
static void many_at_once(void **state)
{
	static const size_t many = MANY / 2;

	(void)state;
	begin();
	for (size_t i = 0; i < many; i++)
		raise_it(i, TUNNEL_IKE_WAITS);
	for (size_t i = 0; i < many; i++)
		WAIT(rig.call[i].raised && !rig.call[i].err);
	for (size_t i = 0; i < many; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(rig.call[i].number,
					     rig.call[k].number);
	for (size_t i = 0; i < many; i++)
		drop(i);
	WAIT(times("terminate") == many);
	assert_int_equal(times("unload-conn"), many);
	assert_int_equal(times("unload-shared"), many);
}

static void once(void *user)
{
	struct msg_tunnel_key m;
	int r = reserve(0);

	(void)user;
	assert_true(r == 0 || r == E_NOMEM);
	if (r)
		return;
	m = key_of(0, TUNNEL_IKE_BEGINS);
	r = raise_by(0, 0, &m);
	assert_true(r == E_AGAIN || r == E_NOMEM || r == E_ARG);
	drop(0);
}

/* Not even that keeps a call's tunnel from its end. */
static void memory_runs_out(void **state)
{
	(void)state;
	begin();
	assert_true(alloc_walk(once, NULL) > 6);
	quiet();
	assert_false(heard("\nload-"));
	raise_it(0, TUNNEL_IKE_BEGINS);
	WAIT(heard("initiate"));
	forget();
	alloc_fail_at(1);
	drop(0);
	alloc_fail_never();
	WAIT(heard("terminate"));
	assert_true(heard("unload-conn"));
	assert_true(heard("unload-shared"));
}

/* A far end's charon answers five beginnings at a time. */
static void a_few_begin_at_a_time(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < 7; i++)
		raise_it(i, TUNNEL_IKE_BEGINS);
	WAIT(times("\nload-conn") == 7 && times("\ninitiate") == 4);
	quiet();
	assert_int_equal(times("\ninitiate"), 4);
	drop(0); /* what nobody wants makes room, too, at work or not */
	drop(5);
	WAIT(times("\ninitiate") == 5);
	quiet();
	assert_int_equal(times("\ninitiate"), 5);
	assert_true(begun(1)); /* the oldest that waited */
	charon_hang_up(rig.charon);
	for (size_t i = 1; i < 7; i++)
		if (i != 5)
			WAIT(rig.call[i].raised && rig.call[i].err);
}

/* What the far end has begun makes no use of the room that comes. */
static void one_that_is_up_begins_no_more(void **state)
{
	size_t last = 0;

	(void)state;
	begin();
	for (size_t i = 0; i < 5; i++)
		raise_it(i, TUNNEL_IKE_BEGINS);
	WAIT(times("\ninitiate") == 4);
	quiet();
	while (last < 4 && begun(last))
		last++;
	assert_false(begun(last));
	come_up(last);
	WAIT(rig.call[last].raised);
	assert_int_equal(rig.call[last].err, 0);
	forget();
	drop((last + 1) % 5);
	WAIT(heard("terminate")); /* there is room */
	quiet();
	assert_false(heard("\ninitiate"));
}

#define LEFT(n) "callseal-once:" n ":b"

static void what_an_earlier_one_left(void **state)
{
	(void)state;
	rig.conns = "conns [ " LEFT("00000001") " other-once:1:b callseal-b ]";
	rig.keys = "keys [ " LEFT("00000002") " callseal-b mine ]";
	rig.have = LEFT("00000003") " { uniqueid = 9 state = ESTABLISHED "
		   "child-sas { } }";
	assert_int_equal(rig.standing->begin(rig.standing->state, rig.base,
					     &rig.settings, rig.policy, &ops,
					     &rig), 0);
	WAIT(times("terminate") == 3);
	quiet();
	assert_int_equal(times("terminate"), 3);
	assert_true(heard("unload-conn name = " LEFT("00000001")));
	assert_true(heard("unload-shared id = " LEFT("00000002")));
	assert_true(heard("force = yes ike = " LEFT("00000003")));
	assert_false(heard("name = other-once:1:b"));
	assert_false(heard("name = callseal-b"));
	assert_false(heard("id = callseal-b"));
}

/* Neither what would linger, nor what was not asked yet. */
static void nothing_is_left_at_the_end(void **state)
{
	(void)state;
	begin();
	for (size_t i = 0; i < 3; i++)
		raise_it(i, TUNNEL_IKE_BEGINS);
	WAIT(times("\ninitiate") == 3);
	come_up(0);
	WAIT(rig.call[0].raised);
	drop(0);
	WAIT(heard("\nunload-conn"));
	quiet();
	assert_false(heard("\nterminate")); /* it lingers */
	drop(1);
	drop(2);
	rig.standing->end(rig.standing->state);
	assert_int_equal(times("\nunload-conn"), 3);
	assert_int_equal(times("\nunload-shared"), 3);
	assert_int_equal(times("\nterminate"), 3);
}

static void a_charon_that_hangs_delays_the_end_a_little(void **state)
{
	uint64_t begun_us;

	(void)state;
	begin();
	raise_it(0, TUNNEL_IKE_BEGINS);
	WAIT(heard("\ninitiate"));
	charon_silent(rig.charon, "unload-conn");
	drop(0);
	begun_us = clock_mono_us(&clock_system);
	rig.standing->end(rig.standing->state);
	assert_true(heard("\nunload-conn"));
	assert_true(clock_mono_us(&clock_system) - begun_us > LINGER_US / 4);
	assert_false(heard("\nterminate"));
}

static void names_in_charon(void **state)
{
	struct conf_err err = { "" };
	struct conf *c;

	(void)state;
	assert_string_equal(owns_peer("once:0123abcd:b"), "b");
	assert_null(owns_peer("b"));
	assert_null(owns_peer("once:"));
	assert_int_equal(conf_parse(
		"inside = { listen = ( \"udp:127.0.0.1:5060\" ); };"
		"outside = { listen = ( \"udp:127.0.0.2:5060\" ); };"
		"profiles = { p = { need = \"forbid\"; }; };"
		"peers = ( { match = \"*\"; name = \"once:1\";"
		"profile = \"p\"; } );", "t", NULL, groups(), &c, &err), 0);
	assert_int_equal(vici_standing_check(c, &err), E_CONF);
	assert_non_null(strstr(err.text, "once:"));
	conf_free(c);
}

/* All that goes to the other end's media address goes to a charon that does ESP
 * itself. */
static void media_have_an_address_of_their_own(void **state)
{
	static const struct {
		const char *shut, *listen;
		int result;
	} rows[] = {
		{ "kernel", "192.0.2.1", 0 }, { "relay", "192.0.2.1", E_CONF },
		{ "relay", "192.0.2.3", 0 },
	};
	struct conf_err err = { "" };
	struct conf *c;
	char text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(text, sizeof text, "inside = { listen = ( "
			 "\"udp:127.0.0.1:5060\" ); nets = ( \"127.0.0.0/8\" "
			 "); }; outside = { listen = ( \"udp:%s:5060\" );"
			 "media = ( \"192.0.2.1\" ); };"
			 "tunnel = { shut = \"%s\"; }; " PEERS,
			 rows[i].listen, rows[i].shut);
		assert_int_equal(conf_parse(text, "t", NULL, groups(), &c,
					    &err), 0);
		assert_int_equal(vici_standing_check(c, &err), rows[i].result);
		conf_free(c);
	}
	assert_non_null(strstr(err.text, "an address that outside.listen"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_begins), TEST(who_waits), TEST(the_far_end_is_first),
		TEST(dropped_when_told), TEST(narrowed_is_no_tunnel),
		TEST(charon_says_no), TEST(charon_goes),
		TEST(the_place_of_another), TEST(what_cannot_be),
		TEST(many_at_once), TEST(what_an_earlier_one_left),
		TEST(nothing_is_left_at_the_end),
		TEST(a_charon_that_hangs_delays_the_end_a_little),
		TEST(names_in_charon), TEST(memory_runs_out),
		TEST(media_have_an_address_of_their_own),
		TEST(a_few_begin_at_a_time),
		TEST(one_that_is_up_begins_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
