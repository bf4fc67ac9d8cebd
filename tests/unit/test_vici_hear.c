/* test_vici_hear.c - whose line and whose end it is that charon tells: an
 * attempt has none of another one's. */
#include "daemon/base/err.h"
#include "modules/vici/ike/ike.h"
#include "tests/mock/charon.h"
#include "tests/mock/slow.h"
#include "tests/mock/vici_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <event2/event.h>

#define LONG_MS 60000
#define SHORT_MS rounds(300, 2000)

static struct rig {
	struct event_base *base;
	struct charon *charon;
	struct ike *ike;
	struct ike_settings settings;
	char path[64], why[IKE_WHY_TEXT];
	const char *tried;
	unsigned ups, initiated, events;
	int err; /* of the last event */
	bool short_next; /* what is loaded next does not come in time */
} rig;

static void tell(const char *event, const char *text)
{
	struct buf b = buf_of(4096);

	assert_int_equal(vici_from_text(&b, text), 0);
	charon_say(rig.charon, VICI_EVENT, event, b.data, b.len);
	buf_free(&b);
}

static void line(const char *id, const char *words)
{
	char text[1024];
	int n = snprintf(text, sizeof text, "ikesa-name = cs-b "
			 "ikesa-uniqueid = %s msg = 0x", id);

	for (; *words; words++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%02x",
			      (unsigned char)*words);
	tell("log", text);
}

static bool on_command(void *user, const char *command)
{
	(void)user;
	rig.initiated += !strcmp(command, "initiate");
	if (rig.short_next && !strcmp(command, "load-conn"))
		rig.settings.raise_ms = SHORT_MS; /* from the next step on */
	return false;
}

#define CONNECTING(id) "cs-b { uniqueid = " id " state = CONNECTING " \
	"initiator = yes }"

static void need_key(void *user, const char *peer)
{
	struct secret key = { 0 };

	(void)user;
	secret_set(&key, "0123456789abcdef", 16);
	ike_key(rig.ike, peer, &key);
}

static void on_event(void *user, const struct ike_event *e)
{
	(void)user;
	rig.events++;
	rig.err = e->err;
	snprintf(rig.why, sizeof rig.why, "%s", e->why ? e->why : "");
}

static void on_charon(void *user, bool up, const char *why)
{
	(void)user;
	(void)why;
	rig.ups += up;
}

static void tried(void *user, const char *peer, const char *why)
{
	(void)user;
	assert_string_equal(peer, "b");
	rig.tried = why;
}

static const struct ike_ops ops = { need_key, on_event, on_charon, tried };

#define WAIT(condition) CHARON_WAIT(rig.base, condition)

static int set_up(void **state)
{
	struct ike_peer b = {
		.name = "b", .ours = { .auth = VICI_AUTH_PSK, .id = "a" },
		.theirs = { .auth = VICI_AUTH_PSK, .id = "b" }
	};

	(void)state;
	memset(&rig, 0, sizeof rig);
	snprintf(rig.path, sizeof rig.path, "/tmp/callseal-hear-%d",
		 (int)getpid());
	rig.settings = (struct ike_settings){
		.client = { .path = rig.path, .greet_ms = LONG_MS,
			    .retry_min_ms = 1, .retry_max_ms = 8,
			    .steady_ms = LONG_MS },
		.prefix = "cs-", .ask_ms = LONG_MS, .raise_ms = LONG_MS,
		.hear_ms = 1, .end_ms = LONG_MS, .linger_ms = 1,
		.retry_min_ms = 1, .retry_max_ms = 4, .yield_ms = 1,
		.sweep_ms = LONG_MS
	};
	rig.base = event_base_new();
	rig.charon = charon_new(rig.base, rig.path);
	charon_on_command(rig.charon, on_command, NULL);
	assert_int_equal(ike_new(rig.base, &rig.settings, &ops, &rig,
				 &rig.ike), 0);
	addr_parse("10.0.0.1", &b.local);
	addr_parse("10.0.0.2", &b.remote);
	assert_int_equal(ike_peer_add(rig.ike, &b), 0);
	WAIT(rig.ups);
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

static void use(bool passive)
{
	struct vici_selector at = { .port_last = UINT16_MAX };
	struct ike_want want = { .peer = "b", .local = &at, .remote = &at,
				 .n_local = 1, .n_remote = 1,
				 .passive = passive };
	uint64_t id;

	addr_parse("10.0.0.1", &at.net.base);
	at.net.bits = 32;
	assert_int_equal(ike_use(rig.ike, &want, &id), 0);
}

/* This end begins, in the IKE_SA of that number. */
static void begin(const char *id)
{
	unsigned n = rig.initiated;

	use(false);
	WAIT(rig.initiated > n);
	line(id, "initiating IKE_SA cs-b[4] to 10.0.0.2");
}

static void quiet(void)
{
	for (int i = 0; i < 30; i++)
		charon_turn(rig.base);
}

/* Who waits for the far end's beginning has no reason of ours. */
static void a_wait_has_no_old_reason(void **state)
{
	(void)state;
	begin("4");
	line("4", "no private key found for 'a'");
	WAIT(rig.events);
	assert_non_null(strstr(rig.why, "swanctl/private"));
	rig.short_next = true;
	use(true);
	WAIT(rig.events == 2);
	assert_int_equal(rig.err, E_TIMEOUT);
	assert_string_equal(rig.why, "the far end raised no tunnel with us in "
			    "time; charon's log may say why");
}

/* Another charon counts anew: a stranger's IKE_SA has the number of ours. */
static void numbers_end_with_charon(void **state)
{
	unsigned n;

	(void)state;
	begin("4");
	charon_hang_up(rig.charon);
	WAIT(rig.events && rig.ups == 2);
	n = rig.initiated;
	use(false);
	WAIT(rig.initiated > n);
	line("4", "no shared key found for 'x' - 'y'");
	WAIT(rig.tried);
	quiet();
	assert_int_equal(rig.events, 1);
}

static void one_given_up_fails_no_other(void **state)
{
	(void)state;
	rig.short_next = true;
	begin("4");
	WAIT(rig.events);
	assert_int_equal(rig.err, E_TIMEOUT);
	rig.short_next = false;
	rig.settings.raise_ms = LONG_MS;
	begin("5");
	line("4", "giving up after 5 retransmits");
	tell("ike-updown", CONNECTING("4"));
	quiet();
	assert_int_equal(rig.events, 1);
	tell("ike-updown", CONNECTING("5"));
	WAIT(rig.events == 2);
	assert_int_equal(rig.err, E_REFUSED);
}

/* Before charon says in which IKE_SA it begins anew. */
static void one_given_up_before_the_next_line(void **state)
{
	unsigned n;

	(void)state;
	rig.short_next = true;
	begin("4");
	WAIT(rig.events);
	rig.short_next = false;
	rig.settings.raise_ms = LONG_MS;
	n = rig.initiated;
	use(false);
	WAIT(rig.initiated > n);
	line("4", "no private key found for 'a'");
	tell("ike-updown", CONNECTING("4"));
	quiet();
	assert_int_equal(rig.events, 1);
	line("4", "establishing CHILD_SA x{2}"); /* it joined that one */
	tell("ike-updown", CONNECTING("4"));
	WAIT(rig.events == 2);
	assert_int_equal(rig.err, E_REFUSED);
	assert_null(strstr(rig.why, "swanctl/private"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_wait_has_no_old_reason),
		T(numbers_end_with_charon),
		T(one_given_up_fails_no_other),
		T(one_given_up_before_the_next_line),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
