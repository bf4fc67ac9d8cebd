/* test_vici_message.c - VICI messages and packets: the encoding octet by
 * octet, each cut, each imbalance, lengths at their bounds. */
#include "daemon/base/err.h"
#include "modules/vici/packet.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* up = yes; gw { id = 7; ts [ a, b ]; none [ ]; in { } } */
static const char sample[] =
	"\3\2up\0\3yes"
	"\1\2gw"
	"\3\2id\0\1""7"
	"\4\2ts" "\5\0\1a" "\5\0\1b" "\6"
	"\4\4none" "\6"
	"\1\2in" "\2"
	"\2";
#define SAMPLE_LEN (sizeof sample - 1)

static void write_sample(struct vici_writer *w)
{
	vici_key_text(w, "up", "yes");
	vici_section(w, "gw");
	vici_key_number(w, "id", 7);
	vici_list(w, "ts");
	vici_item(w, "a", 1);
	vici_item(w, "b", 1);
	vici_list_end(w);
	vici_list(w, "none");
	vici_list_end(w);
	vici_section(w, "in");
	vici_section_end(w);
	vici_section_end(w);
}

static void written_as_the_protocol_says(void **state)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);

	(void)state;
	write_sample(&w);
	assert_int_equal(vici_finish(&w), 0);
	assert_int_equal(b.len, SAMPLE_LEN);
	assert_memory_equal(b.data, sample, SAMPLE_LEN);
	buf_free(&b);
}

static void read_element_by_element(void **state)
{
	static const struct {
		enum vici_type type;
		const char *name, *value;
	} want[] = {
		{ VICI_KEY, "up", "yes" }, { VICI_SECTION, "gw", "" },
		{ VICI_KEY, "id", "7" }, { VICI_LIST, "ts", "" },
		{ VICI_ITEM, "", "a" }, { VICI_ITEM, "", "b" },
		{ VICI_LIST_END, "", "" }, { VICI_LIST, "none", "" },
		{ VICI_LIST_END, "", "" }, { VICI_SECTION, "in", "" },
		{ VICI_SECTION_END, "", "" }, { VICI_SECTION_END, "", "" },
		{ VICI_END, "", "" }, { VICI_END, "", "" },
	};
	struct vici_reader r = vici_reader_of(sample, SAMPLE_LEN);
	struct vici_element e;

	(void)state;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		assert_int_equal(vici_next(&r, &e), 0);
		assert_int_equal(e.type, want[i].type);
		assert_true(vici_text_is(e.name, want[i].name));
		assert_true(vici_text_is(e.value, want[i].value));
	}
}

static void skipping_goes_behind_the_end(void **state)
{
	struct vici_reader r = vici_reader_of(sample, SAMPLE_LEN), at;
	struct vici_element e;

	(void)state;
	vici_next(&r, &e);
	vici_next(&r, &e);
	at = r; /* inside "gw" */
	assert_int_equal(vici_skip(&r), 0);
	assert_int_equal(vici_next(&r, &e), 0);
	assert_int_equal(e.type, VICI_END);
	vici_next(&at, &e);
	vici_next(&at, &e);
	assert_int_equal(vici_skip(&at), 0); /* the list "ts" */
	assert_int_equal(vici_next(&at, &e), 0);
	assert_true(vici_text_is(e.name, "none"));
	assert_int_equal(vici_skip(&at), 0);
	assert_int_equal(vici_next(&at, &e), 0);
	assert_true(vici_text_is(e.name, "in"));
}

static void each_cut_is_refused(void **state)
{
	char *copy;

	(void)state;
	assert_int_equal(vici_check(sample, SAMPLE_LEN), 0);
	for (size_t n = 0; n < SAMPLE_LEN; n++) {
		copy = malloc(n ? n : 1); /* so that valgrind sees its end */
		memcpy(copy, sample, n);
		assert_int_equal(vici_check(copy, n),
				 n && n != 9 ? E_FORMAT : 0);
		free(copy);
	}
}

static void what_is_malformed(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} bad[] = {
#define BAD(what, bytes) { what, bytes, sizeof bytes - 1 }
		BAD("type 0", "\0"),
		BAD("type 7", "\7"),
		BAD("an end without a section", "\2"),
		BAD("an item without a list", "\5\0\1a"),
		BAD("the end of no list", "\6"),
		BAD("a key in a list", "\4\1l\3\1k\0\0\6"),
		BAD("a section in a list", "\4\1l\1\1s\2\6"),
		BAD("a list in a list", "\4\1l\4\1m\6\6"),
		BAD("a section's end in a list", "\1\1s\4\1l\2\6"),
		BAD("a section left open", "\1\1s"),
		BAD("a list left open", "\4\1l"),
		BAD("a name of no length", "\3\0\0\1a"),
		BAD("a control in a name", "\3\2a\n\0\1a"),
		BAD("a NUL in a name", "\3\2a\0\0\1a"),
		BAD("a name past the end", "\3\377a"),
		BAD("a value past the end", "\3\1a\377\377a"),
#undef BAD
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (vici_check(bad[i].bytes, bad[i].len) != E_FORMAT)
			fail_msg("taken: %s", bad[i].what);
	assert_int_equal(vici_check("\3\2\303\274\0\1a", 7), 0);
}

static void a_failed_reader_stays_failed(void **state)
{
	struct vici_reader r = vici_reader_of("\2\3\1k\0\0", 6);
	struct vici_element e = { .type = VICI_ITEM };

	(void)state;
	assert_int_equal(vici_next(&r, &e), E_FORMAT);
	assert_int_equal(vici_next(&r, &e), E_FORMAT);
	assert_int_equal(vici_skip(&r), E_FORMAT);
	assert_int_equal(e.type, VICI_ITEM); /* untouched */
}

static void sections_go_so_deep(void **state)
{
	struct buf b = buf_of(1024);
	struct vici_writer w = vici_writer_of(&b);

	(void)state;
	for (int i = 0; i < VICI_DEPTH_MAX; i++)
		vici_section(&w, "s");
	for (int i = 0; i < VICI_DEPTH_MAX; i++)
		vici_section_end(&w);
	assert_int_equal(vici_finish(&w), 0);
	assert_int_equal(vici_check(b.data, b.len), 0);
	buf_clear(&b);
	for (int i = 0; i <= VICI_DEPTH_MAX; i++)
		buf_put(&b, "\1\1s", 3);
	for (int i = 0; i <= VICI_DEPTH_MAX; i++)
		buf_u8(&b, VICI_SECTION_END);
	assert_int_equal(vici_check(b.data, b.len), E_FORMAT);
	buf_clear(&b);
	w = vici_writer_of(&b);
	for (int i = 0; i <= VICI_DEPTH_MAX; i++)
		vici_section(&w, "s");
	assert_int_equal(vici_finish(&w), E_ARG);
	buf_free(&b);
}

static void writing_keeps_the_rules(void **state)
{
	static char big[VICI_VALUE_MAX + 1], name[VICI_NAME_MAX + 2];
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w;

	(void)state;
	memset(name, 'n', sizeof name - 1);
#define REFUSED(call) do { \
	w = vici_writer_of(&b); \
	call; \
	assert_int_equal(vici_finish(&w), E_ARG); \
} while (0)
	REFUSED(vici_key_text(&w, "", "v"));
	REFUSED(vici_key_text(&w, "a\nb", "v"));
	REFUSED(vici_key_text(&w, "caf\303\251", "v"));
	REFUSED(vici_key_text(&w, name, "v"));
	REFUSED(vici_key(&w, "k", big, sizeof big));
	REFUSED(vici_item(&w, "v", 1));
	REFUSED(vici_list_end(&w));
	REFUSED(vici_section_end(&w));
	REFUSED(vici_section(&w, "s"));
	REFUSED(vici_list(&w, "l"));
	REFUSED((vici_list(&w, "l"), vici_key_text(&w, "k", "v"),
		 vici_list_end(&w)));
#undef REFUSED
	buf_clear(&b);
	name[VICI_NAME_MAX] = 0;
	w = vici_writer_of(&b);
	vici_key(&w, name, big, VICI_VALUE_MAX);
	vici_list_of(&w, "l", "one");
	assert_int_equal(vici_finish(&w), 0);
	assert_int_equal(vici_check(b.data, b.len), 0);
	buf_free(&b);
	b = buf_of(8);
	w = vici_writer_of(&b);
	vici_key_text(&w, "key", "value");
	assert_int_equal(vici_finish(&w), E_SPACE);
	buf_free(&b);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		unsigned base;
		uint64_t max;
		int r;
		uint64_t v;
	} rows[] = {
		{ "0", 10, 9, 0, 0 }, { "42", 10, 42, 0, 42 },
		{ "43", 10, 42, E_FORMAT, 0 }, { "", 10, 9, E_FORMAT, 0 },
		{ "-1", 10, 9, E_FORMAT, 0 }, { "1a", 10, 99, E_FORMAT, 0 },
		{ "c0ffEE01", 16, UINT32_MAX, 0, 0xc0ffee01 },
		{ "100000000", 16, UINT32_MAX, E_FORMAT, 0 },
		{ "18446744073709551615", 10, UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", 10, UINT64_MAX, E_FORMAT, 0 },
		{ " 1", 10, 9, E_FORMAT, 0 }, { "2", 10, 1, E_FORMAT, 0 },
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct vici_text t = { rows[i].text, strlen(rows[i].text) };

		v = 0;
		assert_int_equal(vici_text_u64(t, rows[i].base, rows[i].max,
					       &v), rows[i].r);
		assert_true(v == rows[i].v);
	}
}

/* -- packets --------------------------------------------------------------- */

static void packets_are_written(void **state)
{
	struct buf b = buf_of(VICI_PACKET_MAX + VICI_LENGTH_LEN);

	(void)state;
	assert_int_equal(vici_packet_write(&b, VICI_REQUEST, "version", NULL,
					   0), 0);
	assert_int_equal(b.len, 13);
	assert_memory_equal(b.data, "\0\0\0\11\0\7version", 13);
	buf_clear(&b);
	assert_int_equal(vici_packet_write(&b, VICI_RESPONSE, NULL, sample,
					   SAMPLE_LEN), 0);
	assert_int_equal(b.len, 4 + 1 + SAMPLE_LEN);
	assert_int_equal(b.data[4], 1);
	assert_int_equal(vici_packet_write(&b, VICI_REQUEST, NULL, "", 0),
			 E_ARG);
	assert_int_equal(vici_packet_write(&b, VICI_CONFIRM, "x", "", 0),
			 E_ARG);
	assert_int_equal(vici_packet_write(&b, VICI_REGISTER, "x", "a", 1),
			 E_ARG);
	assert_int_equal(vici_packet_write(&b, VICI_REGISTER, "x\t", "", 0),
			 E_ARG);
	assert_int_equal(vici_packet_write(&b, VICI_OPS, NULL, "", 0), E_ARG);
	assert_int_equal(vici_packet_write(&b, VICI_REQUEST, "x", sample,
					   VICI_PACKET_MAX), E_SPACE);
	buf_free(&b);
}

static void packets_are_read(void **state)
{
	static uint8_t big[VICI_PACKET_MAX + 1];
	struct vici_packet p;
	char event[64];
	size_t len;

	(void)state;
	len = (size_t)snprintf(event, sizeof event, "\7\7list-sa");
	memcpy(event + len, sample, 9);
	assert_int_equal(vici_packet_read(event, len + 9, &p), 0);
	assert_int_equal(p.op, VICI_EVENT);
	assert_true(vici_text_is(p.name, "list-sa"));
	assert_int_equal(p.len, 9);
	assert_memory_equal(p.message, sample, 9);
	assert_int_equal(vici_packet_read("\5", 1, &p), 0);
	assert_int_equal(p.op, VICI_CONFIRM);
	assert_int_equal(p.name.len, 0);
	assert_int_equal(vici_packet_read("", 0, &p), E_FORMAT);
	assert_int_equal(vici_packet_read("\10", 1, &p), E_FORMAT);
	assert_int_equal(vici_packet_read("\5x", 2, &p), E_FORMAT);
	assert_int_equal(vici_packet_read("\7", 1, &p), E_FORMAT);
	assert_int_equal(vici_packet_read("\7\0", 2, &p), E_FORMAT);
	assert_int_equal(vici_packet_read("\7\3li", 4, &p), E_FORMAT);
	assert_int_equal(vici_packet_read("\7\2l\1", 4, &p), E_FORMAT);
	assert_int_equal(vici_packet_read("\1\2", 2, &p), E_FORMAT);
	assert_int_equal(vici_packet_read(big, sizeof big, &p), E_FORMAT);
}

static void write_all(void *user)
{
	struct buf b = buf_of(VICI_PACKET_MAX), packet = b;
	struct vici_writer w = vici_writer_of(&b);
	int r;

	(void)user;
	write_sample(&w);
	r = vici_finish(&w);
	if (!r)
		r = vici_packet_write(&packet, VICI_REQUEST, "x", b.data,
				      b.len);
	assert_true(r == 0 || r == E_NOMEM);
	buf_free(&b);
	buf_free(&packet);
}

static void memory_runs_out(void **state)
{
	(void)state;
	assert_true(alloc_walk(write_all, NULL) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_as_the_protocol_says),
		cmocka_unit_test(read_element_by_element),
		cmocka_unit_test(skipping_goes_behind_the_end),
		cmocka_unit_test(each_cut_is_refused),
		cmocka_unit_test(what_is_malformed),
		cmocka_unit_test(a_failed_reader_stays_failed),
		cmocka_unit_test(sections_go_so_deep),
		cmocka_unit_test(writing_keeps_the_rules),
		cmocka_unit_test(numbers),
		cmocka_unit_test(packets_are_written),
		cmocka_unit_test(packets_are_read),
		cmocka_unit_test(memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
