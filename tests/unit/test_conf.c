/* test_conf.c - the configuration: values, defaults, and for every kind of
 * fault the whole line that the operator sees. */
#include "daemon/base/conf.h"
#include "daemon/base/err.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static int even_valid(const char *value, const char **why)
{
	*why = "an even number of letters";
	return strlen(value) % 2 ? E_FORMAT : 0;
}

static const char *const words[] = { "red", "green", "blue", NULL };

static const struct conf_key top_keys[] = {
	{ .name = "user", .type = CONF_TEXT, .dflt = "me", .help = "Who." },
	{ .name = NULL }
};
static const struct conf_key one_keys[] = {
	{ .name = "count", .type = CONF_INT, .dflt = "3", .min = 1, .max = 10,
	  .unit = "s", .reload = RELOAD_RESTART, .help = "How many." },
	{ .name = "loud", .type = CONF_BOOL, .dflt = "true", .help = "Loud." },
	{ .name = "colour", .type = CONF_WORD, .dflt = "red",
	  .choices = words, .help = "Which." },
	{ .name = "colours", .type = CONF_WORDS, .dflt = "green,blue",
	  .choices = words, .help = "Which ones." },
	{ .name = "names", .type = CONF_TEXTS, .dflt = "a b, c",
	  .help = "Names." },
	{ .name = "even", .type = CONF_TEXT, .valid = even_valid,
	  .help = "Of even length." },
	{ .name = NULL }
};
static const struct conf_key member_keys[] = {
	{ .name = "key", .type = CONF_TEXT, .required = true,
	  .help = "The key." },
	{ .name = "size", .type = CONF_INT, .min = -5, .max = 5,
	  .dflt = "0", .help = "The size." },
	{ .name = NULL }
};
static const struct conf_group top = { "", CONF_ONE, top_keys, "Top." };
static const struct conf_group one = { "one", CONF_ONE, one_keys, "One." };
static const struct conf_group named = { "named", CONF_NAMED, member_keys,
					 "Named." };
static const struct conf_group list = { "list", CONF_LIST, member_keys,
					"List." };
static const struct conf_group *const groups[] = { &top, &one, &named, &list,
						   NULL };

static struct conf *parse(const char *text)
{
	struct conf_err err = { "" };
	struct conf *c = NULL;

	if (conf_parse(text, "t.conf", NULL, groups, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static void assert_defaults(const struct conf *c)
{
	const struct conf_node *n = conf_one(c, "one");

	assert_string_equal(conf_text(conf_one(c, ""), "user"), "me");
	assert_int_equal(conf_int(n, "count"), 3);
	assert_true(conf_bool(n, "loud"));
	assert_string_equal(conf_text(n, "colour"), "red");
	assert_int_equal(conf_texts(n, "colours"), 2);
	assert_string_equal(conf_text_at(n, "colours", 1), "blue");
	assert_null(conf_text_at(n, "colours", 2));
	assert_int_equal(conf_texts(n, "names"), 2);
	assert_string_equal(conf_text_at(n, "names", 0), "a b");
	assert_string_equal(conf_text_at(n, "names", 1), "c");
	assert_string_equal(conf_text(n, "even"), "");
	assert_int_equal(conf_count(c, "named"), 0);
	assert_int_equal(conf_count(c, "list"), 0);
	assert_null(conf_at(c, "list", 0));
	assert_null(conf_named(c, "named", "x"));
}

static void nothing_gives_the_defaults(void **state)
{
	struct conf *c = parse("");

	(void)state;
	assert_defaults(c);
	assert_string_equal(conf_node_where(conf_one(c, "one")), "default");
	conf_free(c);
}

static void the_printed_default_means_the_same(void **state)
{
	struct conf *c;
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	conf_print_default(f, groups);
	fclose(f);
	assert_non_null(strstr(text, "\t# [1 to 10 s; a change needs a "
			       "restart]\n\tcount = 3;\n"));
	c = parse(text);
	assert_defaults(c);
	conf_free(c);
	free(text);
}

static const char full[] =
	"user = \"you\";\n"
	"one = {\n"
	"  count = 10; loud = false; colour = \"blue\";\n"
	"  colours = [ \"red\" ]; names = ( ); even = \"ab\";\n"
	"};\n"
	"named = {\n"
	"  a = { key = \"x\"; };\n"
	"  b = { key = \"y\"; size = -5; };\n"
	"};\n"
	"list = ( { key = \"p\"; },\n"
	"  {\n"
	"    key = \"q\"; } );\n";

/* A list of texts may be one text without brackets. */
static void one_text_is_a_list_of_one(void **state)
{
	struct conf *c = parse("one = { names = \"x, y\"; };");
	const struct conf_node *n = conf_one(c, "one");

	(void)state;
	assert_int_equal(conf_texts(n, "names"), 1);
	assert_string_equal(conf_text_at(n, "names", 0), "x, y");
	conf_free(c);
}

static void assert_full(const struct conf *c)
{
	const struct conf_node *n = conf_one(c, "one");

	assert_string_equal(conf_text(conf_one(c, ""), "user"), "you");
	assert_int_equal(conf_int(n, "count"), 10);
	assert_false(conf_bool(n, "loud"));
	assert_string_equal(conf_text(n, "colour"), "blue");
	assert_int_equal(conf_texts(n, "colours"), 1);
	assert_int_equal(conf_texts(n, "names"), 0);
	assert_string_equal(conf_text(n, "even"), "ab");
	assert_string_equal(conf_node_where(n), "t.conf:2");
	assert_int_equal(conf_count(c, "named"), 2);
	n = conf_named(c, "named", "b");
	assert_string_equal(conf_node_name(n), "b");
	assert_string_equal(conf_node_where(n), "t.conf:8");
	assert_int_equal(conf_int(n, "size"), -5);
	n = conf_at(c, "list", 1);
	assert_string_equal(conf_text(n, "key"), "q");
	assert_string_equal(conf_node_where(n), "t.conf:11");
	assert_string_equal(conf_node_name(n), "");
	assert_int_equal(conf_int(n, "size"), 0);
}

static void all_is_read(void **state)
{
	struct conf *c = parse(full), *again;

	(void)state;
	assert_full(c);
	again = parse(conf_text_of(c)); /* as a child does */
	assert_full(again);
	assert_null(conf_needs_restart(c, again, (char[128]){ 0 }));
	conf_free(c);
	conf_free(again);
}

#define WORDS "\"red\", \"green\", \"blue\""

static void every_fault_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
		{ "\none = { count = 11; };",
		  "t.conf:2: one.count: 11 is out of range; allowed: a number "
		  "from 1 to 10 s" },
		{ "one = { count = 99999999999L; };",
		  "t.conf:1: one.count: 99999999999 is out of range; allowed: "
		  "a number from 1 to 10 s" },
		{ "one = { count = \"1\"; };",
		  "t.conf:1: one.count: not a number; allowed: a number from 1 "
		  "to 10 s" },
		{ "one = { loud = 1; };",
		  "t.conf:1: one.loud: neither true nor false; allowed: true, "
		  "false" },
		{ "one = { colour = \"rde\"; };",
		  "t.conf:1: one.colour: unknown word \"rde\"; allowed: "
		  WORDS },
		{ "one = {\n colours = [ \"red\",\n \"red\" ]; };",
		  "t.conf:3: one.colours[2]: \"red\" is there twice" },
		{ "one = { colours = \"red\"; };",
		  "t.conf:1: one.colours: not a list; allowed: a list of "
		  WORDS },
		{ "one = { names = ( 5 ); };",
		  "t.conf:1: one.names[1]: not a text; allowed: a list of "
		  "texts, ( \"...\", \"...\" )" },
		{ "one = { even = \"abc\"; };",
		  "t.conf:1: one.even: wrong value \"abc\"; allowed: an even "
		  "number of letters" },
		{ "one = { even = { }; };",
		  "t.conf:1: one.even: not a text; allowed: a text, \"...\"" },
		{ "one = { coutn = 1; };",
		  "t.conf:1: one.coutn: unknown key; did you mean \"count\"? "
		  "allowed: count, loud, colour, colours, names, even" },
		{ "one = { zebra = 1; };",
		  "t.conf:1: one.zebra: unknown key; allowed: count, loud, "
		  "colour, colours, names, even" },
		{ "nmaed = { };",
		  "t.conf:1: nmaed: unknown key; did you mean \"named\"? "
		  "allowed: one, named, list, user" },
		{ "one = 5;",
		  "t.conf:1: one: not a group; allowed: { key = value; ... }" },
		{ "named = ( );",
		  "t.conf:1: named: not a group; allowed: { name = { key = "
		  "value; ... }; ... }" },
		{ "list = { };",
		  "t.conf:1: list: not a list; allowed: ( { key = value; ... },"
		  " ... )" },
		{ "list = ( { key = \"a\"; },\n { size = 1; } );",
		  "t.conf:2: list[2].key: must be set: The key." },
		{ "named = { a = { key = \"\"; }; };",
		  "t.conf:1: named.a.key: must not be empty" },
		{ "user = \"a\";\nuser = \"b\";",
		  "t.conf:2: duplicate setting name" },
		{ "user = \"a\"\n one = = 5;", "t.conf:2: syntax error" },
		{ "@include \"x\"",
		  "t.conf:1: @include is not possible here" },
	};
	struct conf_err err;
	struct conf *c = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(conf_parse(rows[i].text, "t.conf", NULL,
					    groups, &c, &err), E_CONF);
		assert_string_equal(err.text, rows[i].message);
		assert_null(c);
	}
}

/* -- files ---------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/callseal-conf-XXXXXX");
	return !mkdtemp(folder) || chdir(folder) || mkdir("conf.d", 0700);
}

static int remove_folder(void **state)
{
	static const char *const files[] = {
		"m.conf", "in.inc", "deep.inc", "conf.d/1.conf",
		"conf.d/2.conf", "conf.d/not-read"
	};

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(files[i]);
	return rmdir("conf.d") || chdir("/") || rmdir(folder);
}

static void files_add_up(void **state)
{
	struct conf_err err = { "" };
	struct conf *c = NULL, *again;

	(void)state;
	write_file("m.conf", "user = \"x\"; /*\n@include \"not\" */\n"
		   "list = ( { key = \"1\"; } );\n"
		   "one = {\n@include \"in.inc\"\n};\nnamed = { a = { "
		   "key = \"1\"; }; };\n");
	write_file("in.inc", "# nothing\n@include \"deep.inc\"\nloud = false;");
	write_file("deep.inc", "count = 4;\n");
	write_file("conf.d/1.conf", "user = \"y\";\nlist = ({ key = \"2\"; });"
		   "\nnamed = { b = { key = \"2\"; }; };\n");
	write_file("conf.d/2.conf", "one = { colour = \"green\"; };");
	write_file("conf.d/not-read", "wrong");
	if (conf_load("m.conf", groups, &c, &err))
		fail_msg("%s", err.text);
	again = parse(conf_text_of(c));
	for (int i = 0; i < 2; i++) {
		const struct conf *now = i ? again : c;

		assert_string_equal(conf_text(conf_one(now, ""), "user"), "y");
		assert_int_equal(conf_int(conf_one(now, "one"), "count"), 4);
		assert_false(conf_bool(conf_one(now, "one"), "loud"));
		assert_string_equal(conf_text(conf_one(now, "one"), "colour"),
				    "green");
		assert_int_equal(conf_count(now, "list"), 2);
		assert_string_equal(conf_node_where(conf_at(now, "list", 1)),
				    "conf.d/1.conf:2");
		assert_string_equal(conf_node_where(conf_named(now, "named",
				    "a")), "m.conf:7");
	}
	conf_free(c);
	conf_free(again);
}

static void faults_in_files_name_the_file(void **state)
{
	struct conf_err err = { "" };
	struct conf *c = NULL;

	(void)state;
	assert_int_equal(conf_load("none.conf", groups, &c, &err), E_CONF);
	assert_string_equal(err.text, "none.conf: No such file or directory");
	write_file("m.conf", "one = {\n@include \"in.inc\"\n count = 0; };\n");
	write_file("in.inc", "loud = true;\n");
	assert_int_equal(conf_load("m.conf", groups, &c, &err), E_CONF);
	assert_non_null(strstr(err.text, "m.conf:3: one.count"));
	write_file("in.inc", "\n\nloud = 3;\n");
	assert_int_equal(conf_load("m.conf", groups, &c, &err), E_CONF);
	assert_non_null(strstr(err.text, "./in.inc:3: one.loud"));
	write_file("m.conf", "\n@include \"gone\"\n");
	assert_int_equal(conf_load("m.conf", groups, &c, &err), E_CONF);
	assert_string_equal(err.text, "m.conf:2: @include \"./gone\": No such "
			    "file or directory");
	write_file("m.conf", "@include \"m.conf\"\n");
	assert_int_equal(conf_load("m.conf", groups, &c, &err), E_CONF);
	assert_non_null(strstr(err.text, "too deep"));
	write_file("m.conf", "named = { a = { key = \"1\"; }; };");
	write_file("conf.d/1.conf", "\nnamed = { a = { key = \"1\"; }; };");
	assert_int_equal(conf_load("m.conf", groups, &c, &err), E_CONF);
	assert_string_equal(err.text, "conf.d/1.conf:2: named.a: is there "
			    "already, at m.conf:1");
}

static void a_change_that_takes_a_restart_is_found(void **state)
{
	struct conf *a = parse("one = { count = 4; };");
	struct conf *b = parse("one = { count = 5; };");
	struct conf *c = parse("one = { count = 4; loud = false; };");
	char key[128];

	(void)state;
	assert_string_equal(conf_needs_restart(a, b, key), "one.count");
	assert_null(conf_needs_restart(a, c, key));
	conf_free(a);
	conf_free(b);
	conf_free(c);
}

static void too_long_a_text_is_refused(void **state)
{
	char *text = malloc(CONF_TEXT_MAX + 2);
	struct conf_err err = { "" };
	struct conf *c = NULL;

	(void)state;
	memset(text, '\n', CONF_TEXT_MAX + 1);
	text[CONF_TEXT_MAX + 1] = 0;
	assert_int_equal(conf_parse(text, "t.conf", NULL, groups, &c, &err),
			 E_CONF);
	assert_non_null(strstr(err.text, "too long"));
	free(text);
}

static void parse_short_of_memory(void *user)
{
	struct conf_err err = { "" };
	struct conf *c = NULL;
	int r = conf_parse(full, "t.conf", NULL, groups, &c, &err);

	(void)user;
	assert_true(r == 0 || r == E_NOMEM);
	assert_true(r == 0 ? c != NULL : c == NULL && *err.text);
	conf_free(c);
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	assert_true(alloc_walk(parse_short_of_memory, NULL) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_gives_the_defaults),
		cmocka_unit_test(the_printed_default_means_the_same),
		cmocka_unit_test(one_text_is_a_list_of_one),
		cmocka_unit_test(all_is_read),
		cmocka_unit_test(every_fault_is_told_with_its_place),
		cmocka_unit_test_setup_teardown(files_add_up, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(faults_in_files_name_the_file,
						make_folder, remove_folder),
		cmocka_unit_test(a_change_that_takes_a_restart_is_found),
		cmocka_unit_test(too_long_a_text_is_refused),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
