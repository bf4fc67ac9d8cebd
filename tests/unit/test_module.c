/* test_module.c - modules start in order of needs, all or none. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static char events[256]; /* "+a" started, "-a" stopped, "d", "r" */
static char said[1024];
static const char *failing; /* the module that does not start */
static int reload_answer[2];

static void event(char what, const char *name)
{
	size_t n = strlen(events);

	snprintf(events + n, sizeof events - n, "%c%s ", what, name);
}

static int start(struct core *core, const char *name, const char *role,
		 void **state)
{
	if (failing && !strcmp(failing, name))
		return E_IO;
	event('+', name);
	*state = (void *)name;
	return role ? core_register(core, role, name, name) : 0;
}

static void stop(void *state)
{
	event('-', state);
}

static void drain(void *state)
{
	event('d', state);
}

static int start_a(struct core *core, const struct conf *c, void **state)
{
	(void)c;
	return start(core, "a", NULL, state);
}

static int start_b(struct core *core, const struct conf *c, void **state)
{
	(void)c;
	return start(core, "b", "bolt", state);
}

static int start_c(struct core *core, const struct conf *c, void **state)
{
	(void)c;
	return start(core, "c", "cog", state);
}

static int reload_b(void *state, const struct conf *c)
{
	(void)c;
	event('r', state);
	return reload_answer[0];
}

static int reload_c(void *state, const struct conf *c)
{
	(void)c;
	event('r', state);
	return reload_answer[1];
}

static const char *const bolt[] = { "bolt", NULL };
static const char *const cog[] = { "cog", NULL };
static const char *const bolt_and_own[] = { "bolt", "own", NULL };
static const char *const nothing_has[] = { "moon", NULL };

/* a needs b's and the process's role, b needs c's, c nothing. */
static const struct module a = {
	.name = "a", .needs = bolt_and_own, .start = start_a, .stop = stop,
	.drain = drain
};
static const struct module b = {
	.name = "b", .needs = cog, .provides = bolt, .start = start_b,
	.stop = stop, .reload = reload_b
};
static const struct module c = {
	.name = "c", .provides = cog, .start = start_c, .stop = stop,
	.reload = reload_c, .drain = drain
};
static const struct module lost = {
	.name = "lost", .needs = nothing_has, .start = start_a, .stop = stop
};

static const struct module *const good[] = { &a, &b, &c, NULL };
static const struct module *const unmet[] = { &lost, &c, NULL };
static const struct module *const *modules = good;

const struct module *const *modules_of(enum process p)
{
	(void)p;
	return modules;
}

static void hear(enum log_class class, const char *line)
{
	(void)class;
	strncat(said, line, sizeof said - strlen(said) - 1);
}

static int prepare(void **state)
{
	struct core *core;

	*events = *said = 0;
	failing = NULL;
	modules = good;
	memset(reload_answer, 0, sizeof reload_answer);
	log_to(hear);
	if (core_new(events, &core) ||
	    core_register(core, "own", "process", said))
		return -1;
	*state = core;
	return 0;
}

static int finish(void **state)
{
	core_free(*state);
	return 0;
}

static void needs_give_the_order(void **state)
{
	struct core *core = *state;

	assert_int_equal(core_start(core, PROC_RELAY, NULL), 0);
	assert_string_equal(events, "+c +b +a ");
	assert_non_null(strstr(said, "in order: c b a"));
	assert_string_equal(core_find(core, "bolt", NULL), "b");
	assert_string_equal(core_find(core, "cog", "c"), "c");
	assert_null(core_find(core, "cog", "x"));
	assert_ptr_equal(core_process(core), events);
	core_drain(core);
	core_stop(core);
	assert_string_equal(events, "+c +b +a da dc -a -b -c ");
	assert_null(core_find(core, "bolt", NULL)); /* their roles go too */
	assert_non_null(core_find(core, "own", NULL));
}

static void one_failure_stops_all(void **state)
{
	struct core *core = *state;

	failing = "a";
	assert_int_equal(core_start(core, PROC_RELAY, NULL), E_IO);
	assert_string_equal(events, "+c +b -b -c ");
	assert_non_null(strstr(said, "did not start"));
	assert_null(core_find(core, "cog", NULL));
}

static void an_unmet_need_is_named(void **state)
{
	struct core *core = *state;

	modules = unmet;
	assert_int_equal(core_start(core, PROC_RELAY, NULL), E_NOTFOUND);
	assert_string_equal(events, "+c -c ");
	assert_non_null(strstr(said, "lost: error: needs the role \"moon\""));
}

static void reload_tells_the_worst(void **state)
{
	struct core *core = *state;

	assert_int_equal(core_start(core, PROC_RELAY, NULL), 0);
	*events = 0;
	assert_int_equal(core_reload(core, NULL), 0);
	assert_string_equal(events, "rc rb ");
	reload_answer[1] = E_RESTART;
	assert_int_equal(core_reload(core, NULL), E_RESTART);
	reload_answer[0] = E_NOMEM;
	assert_int_equal(core_reload(core, NULL), E_NOMEM);
}

static void a_role_has_one_record_a_name(void **state)
{
	struct core *core = *state;

	assert_int_equal(core_register(core, "own", "process", said),
			 E_EXISTS);
	assert_int_equal(core_register(core, "own", "other", said), 0);
	for (int i = 0, r = 0; !r; i++) {
		static char names[100][16];

		snprintf(names[i], sizeof names[i], "%d", i);
		r = core_register(core, "x", names[i], said);
		assert_true(!r || (r == E_FULL && i > 20));
	}
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, prepare, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(needs_give_the_order),
		TEST(one_failure_stops_all),
		TEST(an_unmet_need_is_named),
		TEST(reload_tells_the_worst),
		TEST(a_role_has_one_record_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
