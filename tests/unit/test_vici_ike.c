/* test_vici_ike.c - tunnels by their uses, against a charon that says what it
 * is told: raised once, shared, lost, raised again, taken over, ended. */
#include "daemon/base/err.h"
#include "modules/vici/ike/ike.h"
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

#define LONG_MS 60000
#define SHORT_MS 30
#define TOLD 8

struct told {
	uint64_t use;
	enum ike_news news;
	int err;
	unsigned retry_ms;
	char why[IKE_WHY_TEXT];
};

static struct rig {
	struct event_base *base;
	struct charon *charon;
	struct ike *ike;
	struct ike_settings settings;
	char path[64];
	unsigned ups, downs, keys, events;
	struct told told[TOLD];
	bool no_key, late_key, passive;
	uint64_t drop_at; /* this use is dropped inside its event */
	const char *refuse; /* a command that charon says no to */
	const char *have;   /* what list-sas streams */
	const char *sa_now; /* what "initiate" brings up at once */
	bool short_next;    /* what is loaded next does not come in time */
	unsigned asked;     /* list-sas */
	char heard[4096];   /* commands since forget() */
} rig;

/* -- charon ---------------------------------------------------------------- */

static void say(enum vici_op op, const char *name, const char *text)
{
	struct buf b = buf_of(VICI_PACKET_MAX);

	assert_int_equal(vici_from_text(&b, text), 0);
	charon_say(rig.charon, op, name, b.data, b.len);
	buf_free(&b);
}

static void event(const char *name, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void event(const char *name, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	say(VICI_EVENT, name, text);
}

static bool on_command(void *user, const char *command)
{
	const struct buf *m = charon_message(rig.charon);
	struct buf text = buf_of(VICI_PACKET_MAX);
	size_t n = strlen(rig.heard);

	(void)user;
	if (strcmp(command, "version"))
		snprintf(rig.heard + n, sizeof rig.heard - n, "%s %.300s\n",
			 command, vici_to_text(&text, m->data, m->len));
	buf_free(&text);
	if (rig.short_next && !strcmp(command, "load-conn"))
		rig.settings.raise_ms = SHORT_MS; /* from the next step on */
	if (rig.refuse && !strcmp(rig.refuse, command)) {
		say(VICI_RESPONSE, NULL, "success = no errmsg = because");
		return true;
	}
	if (rig.have && !strcmp(command, "list-sas")) {
		rig.asked++;
		event("list-sa", "%s", rig.have);
	}
	if (rig.sa_now && !strcmp(command, "initiate"))
		event("child-updown", "up = yes %s", rig.sa_now);
	return false;
}

/* How often charon was told something like that. */
static unsigned heard(const char *what)
{
	unsigned n = 0;

	for (const char *p = rig.heard; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void forget(void)
{
	*rig.heard = 0;
	rig.events = 0;
}

/* -- the rig --------------------------------------------------------------- */

static void give_key(const char *peer)
{
	struct secret key = { 0 };

	secret_set(&key, "0123456789abcdef", 16);
	ike_key(rig.ike, peer, rig.no_key ? NULL : &key);
}

static void on_need_key(void *user, const char *peer)
{
	assert_ptr_equal(user, &rig);
	rig.keys++;
	if (!rig.late_key)
		give_key(peer);
}

static void on_event(void *user, const struct ike_event *e)
{
	struct told *t = &rig.told[rig.events++ % TOLD];

	assert_ptr_equal(user, &rig);
	*t = (struct told){ e->use, e->news, e->err, e->retry_ms, "" };
	snprintf(t->why, sizeof t->why, "%s", e->why);
	if (e->use == rig.drop_at)
		ike_drop(rig.ike, e->use);
}

static void on_charon(void *user, bool up, const char *why)
{
	assert_ptr_equal(user, &rig);
	assert_non_null(why);
	assert_int_equal(up, !ike_trouble(rig.ike));
	*(up ? &rig.ups : &rig.downs) += 1;
}

static const struct ike_ops ops = { on_need_key, on_event, on_charon, NULL };

static int set_up(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof rig);
	snprintf(rig.path, sizeof rig.path, "/tmp/callseal-ike-%d",
		 (int)getpid());
	rig.settings = (struct ike_settings){
		.client = { .path = rig.path, .greet_ms = LONG_MS,
			    .retry_min_ms = 1, .retry_max_ms = 8,
			    .steady_ms = LONG_MS },
		.prefix = "cs-", .ask_ms = LONG_MS, .raise_ms = LONG_MS,
		.end_ms = LONG_MS, .linger_ms = 1, .retry_min_ms = 1,
		.retry_max_ms = 4, .yield_ms = 1, .sweep_ms = LONG_MS
	};
	rig.base = event_base_new();
	rig.charon = charon_new(rig.base, rig.path);
	charon_on_command(rig.charon, on_command, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ike_free(rig.ike);
	charon_free(rig.charon);
	event_base_free(rig.base);
	return 0;
}

#define WAIT(condition) do { \
	for (int turns = 0; !(condition); turns++) { \
		if (turns > 5000) \
			fail_msg("never: %s; heard:\n%s", #condition, \
				 rig.heard); \
		charon_turn(rig.base); \
	} \
} while (0)

static void quiet(void)
{
	for (int i = 0; i < 30; i++)
		charon_turn(rig.base);
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* A peer by its name, which is its host's last part, too: "b9" is 10.0.0.9. */
static int add_peer(const char *name, enum vici_auth auth, const char *ours)
{
	char remote[32], id[32];
	struct ike_peer p = {
		.name = name, .local = addr("10.0.0.1"),
		.ours = { .auth = auth, .id = ours },
		.theirs = { .auth = auth, .id = id },
	};

	snprintf(remote, sizeof remote, "10.0.0.%s", name + 1);
	snprintf(id, sizeof id, "%s.example", name);
	p.remote = addr(remote);
	return ike_peer_add(rig.ike, &p);
}

static void start(void)
{
	assert_int_equal(ike_new(rig.base, &rig.settings, &ops, &rig,
				 &rig.ike), 0);
	assert_int_equal(add_peer("b2", VICI_AUTH_PSK, "a.example"), 0);
	assert_non_null(ike_trouble(rig.ike));
}

static void be_up(void)
{
	start();
	WAIT(rig.ups && heard("list-sas")); /* what is left of calls */
	forget();
}

static int try_use(const char *peer, const char *local, const char *remote,
		   bool standing, uint64_t *use)
{
	struct vici_selector l, r;
	struct ike_want want = { .peer = peer, .local = &l, .remote = &r,
				 .n_local = 1, .n_remote = 1,
				 .standing = standing,
				 .passive = rig.passive };

	assert_int_equal(vici_selector_read(
		(struct vici_text){ local, strlen(local) }, &l), 0);
	assert_int_equal(vici_selector_read(
		(struct vici_text){ remote, strlen(remote) }, &r), 0);
	return ike_use(rig.ike, &want, use);
}

#define LOCAL "10.0.0.1/32[17/40000-40001]"
#define REMOTE "10.0.0.2/32[17/50000-50001]"
#define STAMP "#95ba362a6849" /* of b2 with the rig's key */
#define NAME LOCAL "=" REMOTE STAMP

/* A use of the peer b2's one tunnel. */
static uint64_t use(bool standing)
{
	uint64_t id = 0;

	assert_int_equal(try_use("b2", LOCAL, REMOTE, standing, &id), 0);
	assert_true(id);
	return id;
}

#define SA(ike, id, name, local, remote) \
	"cs-b2 { uniqueid = " ike " state = ESTABLISHED child-sas { " \
	"c { name = " name " uniqueid = " id " state = INSTALLED " \
	"local-ts [ " local " ] remote-ts [ " remote " ] } } }"
#define SA_1 SA("1", "11", NAME, LOCAL, REMOTE)

static void come_up(void)
{
	unsigned before = rig.events;

	WAIT(heard("initiate"));
	event("child-updown", "up = yes " SA_1);
	WAIT(rig.events > before);
}

static void assert_told(unsigned n, uint64_t id, enum ike_news news, int err)
{
	assert_true(n < rig.events);
	assert_int_equal(rig.told[n].use, id);
	assert_int_equal(rig.told[n].news, news);
	assert_int_equal(rig.told[n].err, err);
}

/* -- coming up ------------------------------------------------------------- */

static void one_is_raised(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	id = use(false);
	assert_int_equal(rig.keys + rig.events, 0); /* nothing from inside */
	WAIT(heard("initiate"));
	assert_int_equal(rig.keys, 1);
	assert_non_null(strstr(rig.heard, "load-shared id = cs-b2 type = IKE "
			       "data = 0123456789abcdef owners [ a.example "
			       "b2.example ]\nload-conn cs-b2 { "));
	assert_non_null(strstr(rig.heard, "\nlist-sas ike = cs-b2\n"
			       "initiate ike = cs-b2 child = " NAME));
	quiet();
	assert_int_equal(rig.events, 0);
	come_up();
	assert_told(0, id, IKE_UP, 0);
	assert_int_equal(rig.events, 1);
}

static void uses_share_one(void **state)
{
	uint64_t first, second, third;

	(void)state;
	be_up();
	first = use(false);
	second = use(false);
	come_up();
	WAIT(rig.events == 2);
	third = use(false);
	assert_int_equal(rig.events, 2);
	WAIT(rig.events == 3);
	assert_told(0, second, IKE_UP, 0); /* the order is nobody's affair */
	assert_told(1, first, IKE_UP, 0);
	assert_told(2, third, IKE_UP, 0);
	assert_int_equal(heard("initiate"), 1);
	ike_drop(rig.ike, first);
	ike_drop(rig.ike, second);
	quiet();
	assert_int_equal(heard("terminate"), 0);
	ike_drop(rig.ike, third);
	WAIT(heard("child-id = 11\n"));
	event("child-updown", SA_1);
	quiet();
	assert_int_equal(rig.events, 3);
	assert_int_equal(heard("terminate"), 1);
}

static void others_are_not_shared(void **state)
{
	uint64_t id = 0;

	(void)state;
	be_up();
	use(false);
	assert_int_equal(try_use("b2", "10.0.0.1/32[17/40002-40003]", REMOTE,
				 false, &id), 0);
	WAIT(heard("initiate") == 2);
	assert_int_equal(heard("load-shared"), 1);
	assert_int_equal(rig.keys, 1);
	assert_int_equal(heard("list-sas"), 1); /* once is enough */
}

/* The next call begins while the last one's tunnel is being ended. */
static void wanted_again_while_it_ends(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	id = use(false);
	come_up();
	ike_drop(rig.ike, id);
	WAIT(heard("terminate"));
	forget();
	id = use(false);
	quiet();
	assert_int_equal(heard("initiate"), 0);
	event("child-updown", SA_1); /* down: that is over */
	WAIT(heard("initiate"));
	event("child-updown", "up = yes " SA("1", "12", NAME, LOCAL, REMOTE));
	WAIT(rig.events);
	assert_told(0, id, IKE_UP, 0);
	quiet();
	assert_int_equal(heard("terminate"), 0);
}

static void wanted_again_while_it_lingers(void **state)
{
	uint64_t id;

	(void)state;
	rig.settings.linger_ms = LONG_MS;
	be_up();
	id = use(false);
	come_up();
	ike_drop(rig.ike, id);
	quiet();
	use(false);
	WAIT(rig.events == 2);
	assert_int_equal(heard("initiate"), 1);
	assert_int_equal(heard("terminate"), 0);
}

/* The far end was first. */
static void raised_by_the_other(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	rig.passive = true;
	id = use(false);
	WAIT(heard("list-sas"));
	quiet();
	assert_int_equal(heard("initiate"), 0);
	event("child-updown", "up = yes " SA_1);
	WAIT(rig.events);
	assert_told(0, id, IKE_UP, 0);
	assert_true(ike_is_up(rig.ike, id));
}

/* A call has it that waited for the far end, and this end began it. */
static void kept_for_who_waits(void **state)
{
	uint64_t id, late;

	(void)state;
	be_up();
	id = use(false);
	come_up();
	rig.passive = true;
	late = use(false);
	WAIT(rig.events == 2);
	ike_drop(rig.ike, id);
	quiet();
	assert_int_equal(heard("terminate"), 0);
	ike_drop(rig.ike, late);
	WAIT(heard("terminate"));
}

static void taken_over(void **state)
{
	uint64_t id;

	(void)state;
	rig.have = SA_1;
	be_up();
	id = use(false);
	WAIT(rig.events);
	assert_told(0, id, IKE_UP, 0);
	quiet();
	assert_int_equal(heard("initiate"), 0);
}

static void what_nobody_knows_is_ended(void **state)
{
	(void)state;
	rig.settings.sweep_ms = 5;
	rig.have = "cs-old { uniqueid = 7 state = ESTABLISHED }";
	start();
	WAIT(heard("force = yes ike-id = 7\n"));
	WAIT(heard("unload-conn name = cs-old"));
}

static void what_is_others_stays(void **state)
{
	(void)state;
	rig.settings.sweep_ms = 5;
	rig.have = "office { uniqueid = 7 state = ESTABLISHED }";
	start();
	WAIT(rig.asked);
	quiet();
	assert_int_equal(heard("terminate") + heard("unload"), 0);
}

/* -- selectors ------------------------------------------------------------- */

static void what_it_covers(void **state)
{
	struct addr local = addr("10.0.0.1:40000"), odd = addr("10.0.0.1:1");
	struct addr remote = addr("10.0.0.2:50001");
	struct addr other = addr("10.0.0.3:50001");
	uint64_t id;

	(void)state;
	be_up();
	id = use(true);
	assert_false(ike_covers(rig.ike, id, &local, &remote));
	WAIT(heard("initiate"));
	event("child-updown", "up = yes " SA("1", "11", NAME,
	      "10.0.0.1/32[17/40000]", "10.0.0.2/32[17]"));
	quiet();
	assert_int_equal(rig.events, 0); /* wider than was wanted */
	assert_int_equal(heard("child-id = 11\n"), 1);
	event("child-updown", "up = yes " SA("1", "12", NAME,
	      "10.0.0.1/32[17/40000]", REMOTE));
	WAIT(rig.events);
	assert_true(ike_covers(rig.ike, id, &local, &remote));
	assert_false(ike_covers(rig.ike, id, &odd, &remote));
	assert_false(ike_covers(rig.ike, id, &local, &other));
	assert_false(ike_covers(rig.ike, id + 1, &local, &remote));
	/* the next one takes less, and who uses it is told */
	event("child-rekey", "cs-b2 { uniqueid = 1 child-sas { c { old { "
	      "name = " NAME " uniqueid = 12 } new { name = " NAME
	      " uniqueid = 13 state = INSTALLED local-ts [ "
	      "10.0.0.1/32[17/40001] ] remote-ts [ " REMOTE " ] } } } }");
	WAIT(rig.events == 2);
	assert_told(1, id, IKE_UP, 0);
	assert_false(ike_covers(rig.ike, id, &local, &remote));
	event("child-updown", SA("1", "13", NAME, LOCAL, REMOTE));
	WAIT(rig.events == 3);
	assert_false(ike_covers(rig.ike, id, &local, &remote));
}

static void no_two_peers_for_one_packet(void **state)
{
	uint64_t id = 0;

	(void)state;
	be_up();
	assert_int_equal(add_peer("b3", VICI_AUTH_PUBKEY, "a.example"), 0);
	use(false);
	assert_int_equal(try_use("b3", LOCAL, "10.0.0.0/24", false, &id),
			 E_EXISTS);
	assert_int_equal(try_use("b3", LOCAL, "10.0.0.3/32[17]", false, &id),
			 0);
	assert_int_equal(try_use("b9", LOCAL, "10.0.0.9/32", false, &id),
			 E_NOTFOUND);
}

static void peers_that_are_none(void **state)
{
	struct ike_peer p = { .name = "", .remote = addr("10.0.0.2"),
			      .ours.id = "a", .theirs.id = "b" };

	(void)state;
	be_up();
	assert_int_equal(ike_peer_add(rig.ike, &p), E_ARG);
	p.name = "a\nb";
	assert_int_equal(ike_peer_add(rig.ike, &p), E_ARG);
	p.name = "b2";
	assert_int_equal(ike_peer_add(rig.ike, &p), E_EXISTS);
	p.name = "b4";
	p.ours.id = "a.example";
	p.theirs.id = "b2.example"; /* whose key would it be */
	assert_int_equal(ike_peer_add(rig.ike, &p), E_EXISTS);
	p.remote.family = 0;
	assert_int_equal(ike_peer_add(rig.ike, &p), E_ARG);
}

/* -- failing --------------------------------------------------------------- */

static void charon_says_no(void **state)
{
	static const char *const commands[] = {
		"load-shared", "load-conn", "initiate"
	};
	uint64_t id;

	(void)state;
	be_up();
	for (size_t i = 0; i < 3; i++) {
		rig.refuse = commands[i];
		forget();
		id = use(false);
		WAIT(rig.events);
		assert_told(0, id, IKE_FAILED, E_REFUSED);
		assert_string_equal(rig.told[0].why, "charon: because");
	}
	rig.refuse = NULL;
	forget();
	id = use(false);
	come_up();
	assert_told(0, id, IKE_UP, 0);
}

static void no_key_no_tunnel(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	rig.no_key = true;
	id = use(false);
	WAIT(rig.events);
	assert_told(0, id, IKE_FAILED, E_AUTH);
	assert_int_equal(heard("load"), 0);
}

static void a_key_that_is_late(void **state)
{
	(void)state;
	rig.late_key = true;
	be_up();
	give_key("b2"); /* nobody asked */
	give_key("nobody");
	use(false);
	WAIT(rig.keys);
	quiet();
	assert_int_equal(heard("load"), 0);
	give_key("b2");
	give_key("b2");
	WAIT(heard("initiate"));
	assert_int_equal(heard("load-shared"), 1);
}

/* charon has no event for what never comes. */
static void it_never_comes(void **state)
{
	uint64_t id;

	(void)state;
	rig.short_next = true;
	be_up();
	id = use(false);
	WAIT(rig.events);
	assert_told(0, id, IKE_FAILED, E_TIMEOUT);
	WAIT(heard("force = yes ike = cs-b2\n"));
	quiet();
	assert_int_equal(heard("initiate"), 1);
	assert_int_equal(rig.events, 1);
}

static void one_that_fails_leaves_the_others(void **state)
{
	uint64_t first, second = 0;

	(void)state;
	be_up();
	first = use(false);
	come_up();
	rig.short_next = true;
	try_use("b2", "10.0.0.1/32[17/40002-40003]", REMOTE, false, &second);
	WAIT(rig.events == 2);
	assert_told(0, first, IKE_UP, 0);
	assert_told(1, second, IKE_FAILED, E_TIMEOUT);
	quiet();
	assert_int_equal(heard("terminate"), 0);
}

/* -- standing -------------------------------------------------------------- */

static void a_standing_one_comes_again(void **state)
{
	uint64_t id;

	(void)state;
	rig.short_next = true;
	be_up();
	id = use(true);
	WAIT(rig.events == 4);
	for (unsigned i = 0; i < 4; i++)
		assert_told(i, id, IKE_FAILED, E_TIMEOUT);
	assert_int_equal(rig.told[0].retry_ms, 1);
	assert_int_equal(rig.told[1].retry_ms, 2);
	assert_int_equal(rig.told[3].retry_ms, 4);
	rig.settings.raise_ms = LONG_MS;
	rig.sa_now = SA_1;
	WAIT(rig.events == 5);
	assert_told(4, id, IKE_UP, 0);
	rig.sa_now = SA("1", "12", NAME, LOCAL, REMOTE);
	forget();
	event("child-updown", SA_1);
	WAIT(rig.events == 2);
	assert_told(0, id, IKE_GONE, E_CLOSED);
	assert_told(1, id, IKE_UP, 0);
}

/* A call does not wait for the pause of the standing use. */
static void a_call_begins_at_once(void **state)
{
	uint64_t standing, call;

	(void)state;
	rig.short_next = true;
	rig.settings.retry_min_ms = rig.settings.retry_max_ms = LONG_MS;
	be_up();
	standing = use(true);
	WAIT(rig.events);
	assert_told(0, standing, IKE_FAILED, E_TIMEOUT);
	rig.settings.raise_ms = LONG_MS;
	rig.sa_now = SA_1;
	forget();
	call = use(false);
	WAIT(rig.events == 2);
	assert_told(0, call, IKE_UP, 0);
	assert_told(1, standing, IKE_UP, 0);
	ike_drop(rig.ike, standing);
	event("child-updown", SA_1);
	WAIT(rig.events == 3);
	assert_told(2, call, IKE_GONE, E_CLOSED);
}

static void the_greater_identity_yields(void **state)
{
	uint64_t id = 0;

	(void)state;
	rig.settings.yield_ms = LONG_MS;
	be_up();
	assert_int_equal(add_peer("b3", VICI_AUTH_PSK, "z.example"), 0);
	try_use("b3", LOCAL, "10.0.0.3/32", true, &id);
	WAIT(heard("list-sas"));
	quiet();
	assert_int_equal(heard("initiate"), 0);
	try_use("b3", LOCAL, "10.0.0.3/32", false, &id);
	WAIT(heard("initiate")); /* but not to a call */
}

/* -- SAs ------------------------------------------------------------------- */

static void rekeying_is_no_loss(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	id = use(false);
	come_up();
	event("child-rekey", "cs-b2 { uniqueid = 1 child-sas { c { old { "
	      "name = " NAME " uniqueid = 11 } new { name = " NAME
	      " uniqueid = 12 state = INSTALLED local-ts [ " LOCAL
	      " ] remote-ts [ " REMOTE " ] } } } }");
	event("child-updown", SA_1); /* the old one, later */
	event("ike-rekey", "cs-b2 { old { uniqueid = 1 } "
	      "new { uniqueid = 2 } }");
	event("ike-updown", "cs-b2 { uniqueid = 1 }");
	quiet();
	assert_int_equal(rig.events, 1);
	event("ike-updown", "cs-b2 { uniqueid = 2 }");
	WAIT(rig.events == 2);
	assert_told(1, id, IKE_GONE, E_CLOSED);
}

/* Both ends began at once: it is up until the last one goes. */
static void two_pairs(void **state)
{
	(void)state;
	be_up();
	use(false);
	come_up();
	for (unsigned i = 0; i < 6; i++)
		event("child-updown", "up = yes cs-b2 { uniqueid = 2 "
		      "state = ESTABLISHED child-sas { c { name = " NAME
		      " uniqueid = %u state = INSTALLED local-ts [ " LOCAL
		      " ] remote-ts [ " REMOTE " ] } } }", 20 + i % 2);
	event("child-updown", SA_1);
	event("child-updown", SA("2", "20", NAME, LOCAL, REMOTE));
	quiet();
	assert_int_equal(rig.events, 1);
	event("child-updown", SA("2", "21", NAME, LOCAL, REMOTE));
	WAIT(rig.events == 2);
}

static void a_tunnel_of_nobody_is_ended(void **state)
{
	(void)state;
	be_up();
	use(false);
	come_up();
	event("child-updown", "up = yes " SA("1", "12", "x", LOCAL, REMOTE));
	WAIT(heard("child-id = 12\n"));
	event("child-updown", "up = yes office { uniqueid = 3 child-sas { c { "
	      "name = lan uniqueid = 33 state = INSTALLED } } }");
	quiet();
	assert_int_equal(heard("terminate"), 1);
}

/* -- charon goes ----------------------------------------------------------- */

static void without_charon(void **state)
{
	uint64_t id = 0;

	(void)state;
	charon_free(rig.charon);
	rig.charon = NULL;
	start();
	assert_int_equal(try_use("b2", LOCAL, REMOTE, false, &id), E_CLOSED);
	use(true); /* waits */
	WAIT(rig.downs > 2);
	assert_int_equal(rig.events, 0);
	assert_non_null(strstr(ike_trouble(rig.ike), "cannot connect"));
	rig.charon = charon_new(rig.base, rig.path);
	charon_on_command(rig.charon, on_command, NULL);
	WAIT(heard("initiate"));
	assert_null(ike_trouble(rig.ike));
}

static void charon_restarts(void **state)
{
	uint64_t call, standing, other = 0;

	(void)state;
	be_up();
	call = use(false);
	standing = use(true);
	come_up();
	try_use("b2", "10.0.0.1/32[17/40002-40003]", REMOTE, false, &other);
	WAIT(heard("initiate") == 2);
	forget();
	charon_hang_up(rig.charon);
	WAIT(rig.events == 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rig.told[i].err, E_CLOSED);
		assert_int_equal(rig.told[i].news, rig.told[i].use == other
				 ? IKE_FAILED : IKE_GONE);
	}
	WAIT(rig.ups == 2);
	come_up();
	assert_told(3, standing, IKE_UP, 0); /* all was given anew */
	assert_int_equal(heard("load-shared"), 1);
	assert_int_equal(heard("load-conn"), 1);
	ike_drop(rig.ike, call); /* nobody any more */
	ike_drop(rig.ike, 12345);
}

static void still_there_when_charon_is_back(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	id = use(true);
	come_up();
	forget();
	rig.have = SA_1;
	charon_hang_up(rig.charon);
	WAIT(rig.events == 2);
	assert_told(0, id, IKE_GONE, E_CLOSED);
	assert_told(1, id, IKE_UP, 0);
	assert_int_equal(heard("initiate"), 0);
}

/* What it was asked before has its answer: only one request hangs. */
static void charon_hangs(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	quiet();
	rig.settings.ask_ms = SHORT_MS;
	charon_silent(rig.charon, "load-conn");
	id = use(false);
	WAIT(rig.events);
	assert_told(0, id, IKE_FAILED, E_TIMEOUT);
	WAIT(rig.downs);
}

static void it_goes_while_one_ends(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	id = use(false);
	come_up();
	ike_drop(rig.ike, id);
	WAIT(heard("terminate"));
	id = use(false);
	charon_hang_up(rig.charon);
	WAIT(rig.events == 2);
	assert_told(1, id, IKE_FAILED, E_CLOSED);
}

/* -- ending ---------------------------------------------------------------- */

static void a_peer_goes(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	id = use(false);
	come_up();
	assert_int_equal(ike_peer_del(rig.ike, "b2"), E_STATE);
	ike_drop(rig.ike, id);
	assert_int_equal(ike_peer_del(rig.ike, "b2"), 0);
	assert_int_equal(ike_peer_del(rig.ike, "b2"), E_NOTFOUND);
	WAIT(heard("unload-shared id = cs-b2"));
	assert_int_equal(heard("force = yes ike = cs-b2\n"), 1);
	assert_int_equal(heard("unload-conn name = cs-b2"), 1);
	assert_int_equal(add_peer("b2", VICI_AUTH_PSK, "a.example"), 0);
	forget();
	use(false);
	come_up();
}

static void dropped_in_every_state(void **state)
{
	static const char *const until[] = {
		"load-shared", "load-conn", "list-sas", "initiate"
	};

	(void)state;
	be_up();
	ike_drop(rig.ike, use(false)); /* at once */
	for (size_t i = 0; i < 4; i++) {
		uint64_t id;

		ike_peer_del(rig.ike, "b2"); /* it is loaded anew */
		assert_int_equal(add_peer("b2", VICI_AUTH_PSK, "a.example"), 0);
		forget();
		id = use(false);
		WAIT(heard(until[i]));
		ike_drop(rig.ike, id);
		ike_drop(rig.ike, id);
	}
	rig.sa_now = SA_1;
	rig.drop_at = use(false);
	event("child-updown", "up = yes " SA_1);
	WAIT(heard("child-id = 11\n"));
	assert_int_equal(rig.events, 1);
}

static void with_much_under_way(void **state)
{
	uint64_t id = 0;
	char local[64];

	(void)state;
	be_up();
	charon_silent(rig.charon, "initiate");
	for (unsigned i = 0; i < 20; i++) {
		snprintf(local, sizeof local, "10.0.0.1/32[17/%u]", 40000 + i);
		assert_int_equal(try_use("b2", local, REMOTE, i & 1, &id), 0);
	}
	WAIT(heard("initiate"));
	/* tear_down() frees it all */
}

static void memory_runs_out_once(void *user)
{
	struct ike *m;
	uint64_t id = 0;

	(void)user;
	if (ike_new(rig.base, &rig.settings, &ops, &rig, &rig.ike))
		return;
	m = rig.ike;
	if (!add_peer("b2", VICI_AUTH_PSK, "a.example"))
		try_use("b2", LOCAL, REMOTE, true, &id);
	rig.ike = NULL;
	ike_free(m);
}

static void without_memory(void **state)
{
	(void)state;
	assert_true(alloc_walk(memory_runs_out_once, NULL) >= 6);
}

/* While charon is asked: what could not be asked failed, and comes again. */
static void without_memory_when_up(void **state)
{
	uint64_t id;

	(void)state;
	be_up();
	for (unsigned long n = 1; n < 8; n++) {
		forget();
		rig.sa_now = SA_1;
		alloc_fail_at(n);
		id = 0;
		if (!try_use("b2", LOCAL, REMOTE, false, &id))
			assert_true(id > 0);
		alloc_fail_never();
		if (id) {
			WAIT(rig.events);
			ike_drop(rig.ike, id);
			assert_int_equal(ike_peer_del(rig.ike, "b2"), 0);
			add_peer("b2", VICI_AUTH_PUBKEY, "a.example");
		}
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(one_is_raised), T(uses_share_one), T(others_are_not_shared),
		T(wanted_again_while_it_ends),
		T(wanted_again_while_it_lingers), T(raised_by_the_other),
		T(kept_for_who_waits), T(taken_over),
		T(what_nobody_knows_is_ended), T(what_is_others_stays),
		T(what_it_covers), T(no_two_peers_for_one_packet),
		T(peers_that_are_none), T(charon_says_no),
		T(no_key_no_tunnel), T(a_key_that_is_late), T(it_never_comes),
		T(one_that_fails_leaves_the_others),
		T(a_standing_one_comes_again), T(a_call_begins_at_once),
		T(the_greater_identity_yields), T(rekeying_is_no_loss),
		T(two_pairs), T(a_tunnel_of_nobody_is_ended),
		T(without_charon), T(charon_restarts),
		T(still_there_when_charon_is_back), T(charon_hangs),
		T(it_goes_while_one_ends), T(a_peer_goes),
		T(dropped_in_every_state), T(with_much_under_way),
		T(without_memory), T(without_memory_when_up),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
