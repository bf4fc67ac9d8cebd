/* test_memory.c - what the keeper knows of far ends: over restarts, under
 * damage, when full, without memory or disk. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/memory/memory.h"
#include "tests/mock/alloc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT 512
#define MOST 8
#define NOW 1900000000000000ull
#define MINUTE 60000000ull

static int fd_new(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct memory *open_at(int fd)
{
	struct memory *m;

	assert_int_equal(memory_new(fd, MOST, &m), 0);
	return m;
}

static struct memory *again(struct memory *m, int fd)
{
	memory_free(m);
	return open_at(fd);
}

static int put(struct memory *m, enum memory_kind kind, const char *name,
	       const char *data, uint64_t time_us)
{
	return memory_put(m, &(struct memory_record){
		.kind = kind, .name = name, .data = (const uint8_t *)data,
		.len = strlen(data), .time_us = time_us });
}

static void expect(const struct memory *m, enum memory_kind kind,
		   const char *name, const char *data)
{
	struct memory_record r;

	assert_int_equal(memory_get(m, kind, name, &r), 0);
	assert_int_equal(r.len, strlen(data));
	assert_memory_equal(r.data, data, r.len);
	assert_string_equal(r.name, name);
	assert_int_equal(r.kind, kind);
}

static int get(const struct memory *m, enum memory_kind kind, const char *name)
{
	struct memory_record r;

	return memory_get(m, kind, name, &r);
}

static void poke(int fd, off_t at, const void *bytes, size_t len)
{
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
}

static void a_restart_forgets_nothing(void **state)
{
	int fd = fd_new();
	struct memory *m = open_at(fd);
	struct memory_record r;

	(void)state;
	assert_int_equal(get(m, MEMORY_PIN, "b"), E_NOTFOUND);
	assert_int_equal(put(m, MEMORY_PIN, "b", "print", NOW), 0);
	assert_int_equal(put(m, MEMORY_METHOD, "b", "psk", NOW), 0);
	assert_int_equal(put(m, MEMORY_METHOD, "b", "rsa", NOW + 1), 0);
	m = again(m, fd);
	expect(m, MEMORY_PIN, "b", "print");
	expect(m, MEMORY_METHOD, "b", "rsa");
	assert_int_equal(memory_get(m, MEMORY_METHOD, "b", &r), 0);
	assert_true(r.time_us == NOW + 1);
	assert_int_equal(get(m, MEMORY_BEST, "b"), E_NOTFOUND);
	assert_int_equal(memory_forget(m, MEMORY_PIN, "b"), 0);
	assert_int_equal(memory_forget(m, MEMORY_PIN, "b"), E_NOTFOUND);
	m = again(m, fd);
	assert_int_equal(get(m, MEMORY_PIN, "b"), E_NOTFOUND);
	assert_int_equal(memory_count(m, MEMORY_PIN), 0);
	assert_int_equal(memory_count(m, MEMORY_METHOD), 1);
	memory_free(m);
	close(fd);
}

static int count_one(void *user, const struct memory_record *r)
{
	size_t *n = user;

	assert_int_equal(r->kind, MEMORY_PIN);
	return ++*n == 3 ? 7 : 0;
}

static void each_visits_a_kind_and_can_stop(void **state)
{
	struct memory *m = open_at(-1);
	size_t n = 0;

	(void)state;
	put(m, MEMORY_PIN, "a", "1", NOW);
	put(m, MEMORY_BEST, "a", "1", NOW);
	put(m, MEMORY_PIN, "b", "2", NOW);
	assert_int_equal(memory_each(m, MEMORY_PIN, count_one, &n), 0);
	assert_int_equal(n, 2);
	put(m, MEMORY_PIN, "c", "3", NOW);
	put(m, MEMORY_PIN, "d", "4", NOW);
	n = 0;
	assert_int_equal(memory_each(m, MEMORY_PIN, count_one, &n), 7);
	memory_free(m);
}

static void the_best_only_rises(void **state)
{
	int fd = fd_new();
	struct memory *m = open_at(fd);
	struct memory_record r;

	(void)state;
	assert_int_equal(put(m, MEMORY_BEST, "b", "5x", NOW), 0);
	assert_int_equal(put(m, MEMORY_BEST, "b", "3y", NOW + MINUTE), 0);
	assert_int_equal(memory_get(m, MEMORY_BEST, "b", &r), 0);
	assert_memory_equal(r.data, "5x", 2);
	assert_true(r.time_us == NOW);
	assert_int_equal(put(m, MEMORY_BEST, "b", "7", NOW + MINUTE), 0);
	m = again(m, fd);
	expect(m, MEMORY_BEST, "b", "7");
	assert_int_equal(memory_forget(m, MEMORY_BEST, "b"), 0);
	assert_int_equal(put(m, MEMORY_BEST, "b", "1", NOW), 0);
	expect(m, MEMORY_BEST, "b", "1");
	memory_free(m);
	close(fd);
}

static void the_same_again_is_not_written(void **state)
{
	int fd = fd_new();
	struct memory *m = open_at(fd);
	struct memory_record r;

	(void)state;
	put(m, MEMORY_METHOD, "b", "psk", NOW);
	put(m, MEMORY_METHOD, "b", "psk", NOW + MINUTE - 1);
	assert_int_equal(memory_get(m, MEMORY_METHOD, "b", &r), 0);
	assert_true(r.time_us == NOW);
	put(m, MEMORY_METHOD, "b", "psk", NOW + MINUTE);
	m = again(m, fd);
	assert_int_equal(memory_get(m, MEMORY_METHOD, "b", &r), 0);
	assert_true(r.time_us == NOW + MINUTE);
	memory_free(m);
	close(fd);
}

/* What we gave out may come back changed in its time only. */
static void a_record_may_be_put_back(void **state)
{
	struct memory *m = open_at(-1);
	struct memory_record r;

	(void)state;
	put(m, MEMORY_PIN, "b", "print", NOW);
	assert_int_equal(memory_get(m, MEMORY_PIN, "b", &r), 0);
	r.time_us += 2 * MINUTE;
	assert_int_equal(memory_put(m, &r), 0);
	expect(m, MEMORY_PIN, "b", "print");
	memory_free(m);
}

static void hints_give_way_pins_do_not(void **state)
{
	int fd = fd_new();
	struct memory *m = open_at(fd);
	char name[16];

	(void)state;
	for (int i = 0; i < MOST; i++) {
		snprintf(name, sizeof name, "n%d", i);
		assert_int_equal(put(m, i % 2 ? MEMORY_PIN : MEMORY_METHOD,
				     name, "x", NOW + (uint64_t)(9 - i)), 0);
	}
	for (int i = 0; i < MOST / 2; i++) {
		snprintf(name, sizeof name, "m%d", i);
		assert_int_equal(put(m, MEMORY_PIN, name, "x", NOW), 0);
		if (!i) /* the oldest, n6, gave way */
			assert_int_equal(get(m, MEMORY_METHOD, "n6"),
					 E_NOTFOUND);
	}
	assert_true(memory_is_full(m));
	assert_int_equal(put(m, MEMORY_PIN, "more", "x", NOW), E_FULL);
	assert_int_equal(put(m, MEMORY_METHOD, "more", "x", NOW), E_FULL);
	m = again(m, fd);
	assert_int_equal(memory_count(m, MEMORY_PIN), MOST);
	assert_int_equal(memory_lost(m, MEMORY_PIN), 0);
	assert_int_equal(memory_forget(m, MEMORY_PIN, "m1"), 0);
	assert_int_equal(put(m, MEMORY_METHOD, "more", "x", NOW), 0);
	memory_free(m);
	close(fd);
}

static void wrong_records_are_refused(void **state)
{
	static const char long_name[MEMORY_NAME_TEXT + 1] = { 0 };
	char name[sizeof long_name], data[MEMORY_DATA_MAX + 2];
	struct memory *m = open_at(-1);

	(void)state;
	memset(name, 'n', sizeof name);
	name[MEMORY_NAME_TEXT] = 0;
	memset(data, 'd', sizeof data);
	data[MEMORY_DATA_MAX + 1] = 0;
	assert_int_equal(put(m, MEMORY_PIN, name, "x", NOW), E_ARG);
	assert_int_equal(put(m, MEMORY_PIN, "", "x", NOW), E_ARG);
	assert_int_equal(put(m, MEMORY_PIN, "n", "", NOW), E_ARG);
	assert_int_equal(put(m, MEMORY_PIN, "n", data, NOW), E_ARG);
	assert_int_equal(put(m, MEMORY_NONE, "n", "x", NOW), E_ARG);
	assert_int_equal(put(m, MEMORY_KINDS, "n", "x", NOW), E_ARG);
	name[MEMORY_NAME_TEXT - 1] = 0;
	data[MEMORY_DATA_MAX] = 0;
	assert_int_equal(put(m, MEMORY_PIN, name, data, NOW), 0);
	expect(m, MEMORY_PIN, name, data);
	memory_free(m);
	assert_int_equal(put(NULL, MEMORY_PIN, "n", "x", NOW), E_FULL);
	assert_int_equal(get(NULL, MEMORY_PIN, "n"), E_NOTFOUND);
	memory_free(NULL);
}

/* -- damage --------------------------------------------------------------- */

static void three_pins(int fd)
{
	struct memory *m = open_at(fd);

	put(m, MEMORY_PIN, "a", "1", NOW);     /* slot 1 */
	put(m, MEMORY_PIN, "b", "2", NOW);     /* slot 2 */
	put(m, MEMORY_METHOD, "c", "3", NOW);  /* slot 3 */
	memory_free(m);
}

static void lost_until_mended(int fd)
{
	struct memory *m = open_at(fd);

	expect(m, MEMORY_PIN, "a", "1");
	expect(m, MEMORY_METHOD, "c", "3");
	assert_int_equal(memory_lost(m, MEMORY_PIN), 1);
	assert_int_equal(memory_lost(m, MEMORY_BEST), 0);
	assert_int_equal(get(m, MEMORY_PIN, "b"), E_LOST);
	assert_int_equal(get(m, MEMORY_PIN, "never"), E_LOST);
	assert_int_equal(get(m, MEMORY_BEST, "b"), E_NOTFOUND);
	/* accepting others does not end it, nor does a restart */
	assert_int_equal(put(m, MEMORY_PIN, "d", "4", NOW), 0);
	m = again(m, fd);
	assert_int_equal(get(m, MEMORY_PIN, "b"), E_LOST);
	assert_int_equal(memory_mend(m, MEMORY_PIN), 0);
	assert_int_equal(get(m, MEMORY_PIN, "b"), E_NOTFOUND);
	m = again(m, fd);
	assert_int_equal(get(m, MEMORY_PIN, "b"), E_NOTFOUND);
	assert_int_equal(memory_count(m, MEMORY_PIN), 2);
	memory_free(m);
}

static void each_byte_that_changes_costs_its_record_only(void **state)
{
	uint8_t byte;
	int fd;

	(void)state;
	for (off_t at = 2 * SLOT; at < 3 * SLOT; at += 37) {
		fd = fd_new();
		three_pins(fd);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		poke(fd, at, &byte, 1);
		lost_until_mended(fd);
		close(fd);
	}
}

static void a_record_without_a_trace_is_missed(void **state)
{
	static const uint8_t zero[SLOT];
	int fd = fd_new();
	struct memory *m;

	(void)state;
	three_pins(fd);
	poke(fd, 2 * SLOT, zero, SLOT);
	lost_until_mended(fd);
	close(fd);
	fd = fd_new();
	three_pins(fd);
	assert_int_equal(ftruncate(fd, 2 * SLOT + 100), 0);
	m = open_at(fd);
	expect(m, MEMORY_PIN, "a", "1");
	assert_int_equal(get(m, MEMORY_PIN, "b"), E_LOST);
	assert_int_equal(get(m, MEMORY_METHOD, "c"), E_NOTFOUND);
	memory_free(m);
	close(fd);
}

static void a_foreign_or_moved_slot_counts_for_nothing(void **state)
{
	int fd = fd_new(), other = fd_new();
	struct memory *m = open_at(other);
	uint8_t slot[SLOT];

	(void)state;
	put(m, MEMORY_PIN, "x", "evil", NOW);
	put(m, MEMORY_PIN, "b", "evil", NOW);
	memory_free(m);
	three_pins(fd);
	assert_int_equal(pread(other, slot, SLOT, 2 * SLOT), SLOT);
	poke(fd, 2 * SLOT, slot, SLOT);
	lost_until_mended(fd);
	close(fd);
	fd = fd_new();
	three_pins(fd);
	assert_int_equal(pread(fd, slot, SLOT, SLOT), SLOT);
	poke(fd, 2 * SLOT, slot, SLOT);
	lost_until_mended(fd);
	close(fd);
	close(other);
}

static void a_lost_hint_is_only_gone(void **state)
{
	int fd = fd_new();
	struct memory *m;

	(void)state;
	three_pins(fd);
	poke(fd, 3 * SLOT + 20, "?", 1);
	m = open_at(fd);
	assert_int_equal(get(m, MEMORY_METHOD, "c"), E_NOTFOUND);
	assert_int_equal(memory_lost(m, MEMORY_PIN), 0);
	expect(m, MEMORY_PIN, "b", "2");
	memory_free(m);
	close(fd);
}

static void without_its_head_all_is_lost_and_said_so(void **state)
{
	struct memory *m;
	uint8_t byte;
	int fd;

	(void)state;
	for (off_t at = 0; at < SLOT; at += 23) {
		fd = fd_new();
		three_pins(fd);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x80;
		poke(fd, at, &byte, 1);
		m = open_at(fd);
		assert_int_equal(get(m, MEMORY_PIN, "a"), E_LOST);
		assert_int_equal(get(m, MEMORY_BEST, "a"), E_LOST);
		assert_int_equal(get(m, MEMORY_METHOD, "c"), E_NOTFOUND);
		assert_int_equal(put(m, MEMORY_PIN, "a", "new", NOW), 0);
		m = again(m, fd);
		expect(m, MEMORY_PIN, "a", "new");
		assert_int_equal(get(m, MEMORY_PIN, "b"), E_LOST);
		memory_free(m);
		close(fd);
	}
}

/* A crash between a record and its count. */
static void one_too_many_is_kept(void **state)
{
	int fd = fd_new();
	struct memory *m = open_at(fd);
	uint8_t head[SLOT];

	(void)state;
	assert_int_equal(pread(fd, head, SLOT, 0), SLOT);
	put(m, MEMORY_PIN, "a", "1", NOW);
	memory_free(m);
	poke(fd, 0, head, SLOT);
	m = open_at(fd);
	expect(m, MEMORY_PIN, "a", "1");
	put(m, MEMORY_PIN, "b", "2", NOW);
	m = again(m, fd);
	assert_int_equal(memory_lost(m, MEMORY_PIN), 0);
	assert_int_equal(memory_count(m, MEMORY_PIN), 2);
	memory_free(m);
	close(fd);
}

static void a_full_disk_keeps_it_for_the_time_being(void **state)
{
	int fd = fd_new(), no;
	struct memory *m = open_at(fd);
	char path[64];

	(void)state;
	put(m, MEMORY_PIN, "a", "1", NOW);
	memory_free(m);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	no = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(no >= 0);
	m = open_at(no);
	assert_int_equal(put(m, MEMORY_PIN, "b", "2", NOW), E_IO);
	expect(m, MEMORY_PIN, "b", "2");
	assert_int_equal(memory_forget(m, MEMORY_PIN, "a"), E_IO);
	assert_int_equal(get(m, MEMORY_PIN, "a"), E_NOTFOUND);
	m = again(m, no);
	expect(m, MEMORY_PIN, "a", "1");
	memory_free(m);
	close(no);
	close(fd);
}

static void all_of_it(void *user)
{
	int fd = fd_new();
	struct memory *m = NULL;
	int r = memory_new(fd, MOST, &m);

	(void)user;
	assert_true(!r || r == E_NOMEM || r == E_INTERNAL);
	if (!r && !(r = put(m, MEMORY_PIN, "a", "1", NOW)))
		r = put(m, MEMORY_BEST, "a", "1", NOW);
	assert_true(!r || r == E_NOMEM);
	memory_free(m);
	m = NULL;
	if (!r)
		r = memory_new(fd, MOST, &m);
	assert_true(!r || r == E_NOMEM);
	if (!r)
		expect(m, MEMORY_PIN, "a", "1");
	memory_free(m);
	close(fd);
}

static void memory_runs_out_at_each_place(void **state)
{
	(void)state;
	assert_true(alloc_walk(all_of_it, NULL) >= 6);
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_forgets_nothing),
		cmocka_unit_test(each_visits_a_kind_and_can_stop),
		cmocka_unit_test(the_best_only_rises),
		cmocka_unit_test(the_same_again_is_not_written),
		cmocka_unit_test(a_record_may_be_put_back),
		cmocka_unit_test(hints_give_way_pins_do_not),
		cmocka_unit_test(wrong_records_are_refused),
		cmocka_unit_test(each_byte_that_changes_costs_its_record_only),
		cmocka_unit_test(a_record_without_a_trace_is_missed),
		cmocka_unit_test(a_foreign_or_moved_slot_counts_for_nothing),
		cmocka_unit_test(a_lost_hint_is_only_gone),
		cmocka_unit_test(without_its_head_all_is_lost_and_said_so),
		cmocka_unit_test(one_too_many_is_kept),
		cmocka_unit_test(a_full_disk_keeps_it_for_the_time_being),
		cmocka_unit_test(memory_runs_out_at_each_place),
	};

	log_to(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
