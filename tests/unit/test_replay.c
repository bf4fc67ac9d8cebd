/* test_replay.c - the replay cache and its file over restarts. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND 1000000ull
#define NOW (1900000000 * SECOND)
#define WINDOW (300 * SECOND)
#define RECORD 80

/* A case with its own storage. */
struct one {
	uint8_t hash[32];
	struct msg_key_origin origin;
	struct replay_case c;
};

static struct replay_case *message(struct one *o, uint32_t number,
				   uint64_t now_us)
{
	*o = (struct one){ .origin = { .dialog = { 1 }, .branch = { 1 },
				       .cseq = 1 } };
	memcpy(o->hash, &number, sizeof number);
	o->c = (struct replay_case){ o->hash, &o->origin, "peer", now_us };
	return &o->c;
}

static int fd_new(void)
{
	int fd = memfd_create("replay", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct replay *open_at(int fd, uint64_t now_us)
{
	struct replay *r;

	assert_int_equal(replay_new(fd, 5000, WINDOW, now_us, &r), 0);
	return r;
}

static void add(struct replay *r, uint32_t number, uint64_t now_us)
{
	struct one o;

	assert_int_equal(replay_add(r, message(&o, number, now_us),
				    now_us), 0);
}

static int add_at(struct replay *r, uint32_t number, uint64_t stamp_us)
{
	struct one o;

	return replay_add(r, message(&o, number, stamp_us), stamp_us);
}

/* As a stranger to the INVITE that the message came in. */
static enum replay_verdict check(const struct replay *r, uint32_t number,
				 uint64_t now_us)
{
	struct one o;

	message(&o, number, now_us);
	o.origin.dialog[0] = 99;
	return replay_check(r, &o.c);
}

static off_t size_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static void a_restart_forgets_nothing(void **state)
{
	int fd = fd_new();
	struct replay *r = open_at(fd, NOW);

	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		add(r, i, NOW + i * 1000);
	replay_free(r);
	r = open_at(fd, NOW + 3 * SECOND);
	assert_int_equal(replay_count(r), 2000);
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(check(r, i, NOW + 3 * SECOND), REPLAY_SEEN);
	assert_int_equal(check(r, 2000, NOW), REPLAY_NEW);
	replay_free(r);
	close(fd);
}

static void a_further_branch_survives_a_restart_too(void **state)
{
	int fd = fd_new();
	struct replay *r = open_at(fd, NOW);
	struct one o;

	(void)state;
	add(r, 1, NOW);
	replay_free(r);
	r = open_at(fd, NOW);
	message(&o, 1, NOW + SECOND);
	assert_int_equal(replay_check(r, &o.c), REPLAY_SEEN);
	o.origin.branch[0] = 2;
	assert_int_equal(replay_check(r, &o.c), REPLAY_BRANCH);
	o.c.peer = "other";
	assert_int_equal(replay_check(r, &o.c), REPLAY_SEEN);
	replay_free(r);
	close(fd);
}

static void forks_are_counted(void **state)
{
	struct replay *r = open_at(-1, NOW);
	struct one o;
	uint8_t b;

	(void)state;
	add(r, 1, NOW);
	message(&o, 1, NOW);
	for (b = 2; b < 100; b++) {
		o.origin.branch[0] = b;
		if (replay_check(r, &o.c) != REPLAY_BRANCH)
			break;
		assert_int_equal(replay_add(r, &o.c, NOW), 0);
	}
	assert_int_equal(b, 9);
	replay_free(r);
}

static void what_is_over_is_cut_out(void **state)
{
	int fd = fd_new();
	struct replay *r = open_at(fd, NOW);

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		add(r, i, NOW + (i % 2 ? 0 : 100 * SECOND));
	replay_free(r);
	assert_int_equal(size_of(fd), 101 * RECORD);
	r = open_at(fd, NOW + WINDOW + SECOND);
	assert_int_equal(replay_count(r), 50);
	assert_int_equal(size_of(fd), 51 * RECORD);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(check(r, i, NOW + WINDOW + SECOND),
				 i % 2 ? REPLAY_NEW : REPLAY_SEEN);
	replay_free(r);
	close(fd);
}

/* Days of calls: neither memory nor file grows beyond the window's worth. */
static void it_stays_small(void **state)
{
	int fd = fd_new();
	struct replay *r = open_at(fd, NOW);
	uint64_t now = NOW;

	(void)state;
	for (uint32_t i = 0; i < 60000; i++, now += SECOND)
		add(r, i, now);
	assert_in_range(replay_count(r), 300, 1024);
	assert_in_range(size_of(fd), 300 * RECORD, 2 * 1024 * 1024);
	assert_int_equal(check(r, 59999, now), REPLAY_SEEN);
	assert_int_equal(check(r, 59800, now), REPLAY_SEEN);
	replay_free(r);
	close(fd);
}

static void a_torn_record_is_cut_off(void **state)
{
	int fd = fd_new();
	struct replay *r = open_at(fd, NOW);

	(void)state;
	add(r, 1, NOW);
	add(r, 2, NOW);
	replay_free(r);
	assert_int_equal(ftruncate(fd, 3 * RECORD - 7), 0);
	r = open_at(fd, NOW);
	assert_int_equal(check(r, 1, NOW), REPLAY_SEEN);
	assert_int_equal(check(r, 2, NOW), REPLAY_NEW);
	add(r, 3, NOW);
	replay_free(r);
	r = open_at(fd, NOW);
	assert_int_equal(replay_count(r), 2);
	replay_free(r);
	close(fd);
}

static void damage_makes_blind_for_a_while(void **state)
{
	static const off_t where[] = { 3, RECORD + 5, 2 * RECORD + 79 };

	(void)state;
	for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
		int fd = fd_new();
		struct replay *r = open_at(fd, NOW);

		add(r, 1, NOW);
		add(r, 2, NOW);
		replay_free(r);
		assert_int_equal(pwrite(fd, "\xff\xfe", 1, where[i]), 1);
		/* twice: a restart does not open its eyes */
		for (size_t k = 0; k < 2; k++) {
			r = open_at(fd, NOW + k * SECOND);
			assert_int_equal(add_at(r, 5, NOW + WINDOW),
					 E_EXPIRED);
			replay_free(r);
		}
		r = open_at(fd, NOW + SECOND);
		assert_int_equal(add_at(r, 5, NOW + WINDOW + 1), 0);
		assert_int_equal(check(r, 5, NOW + WINDOW + 1), REPLAY_SEEN);
		replay_free(r);
		close(fd);
	}
}

/* What a short window let go must not be taken under a longer one. */
static void a_longer_window_finds_no_gap(void **state)
{
	uint64_t later = NOW + 2 * WINDOW;
	int fd = fd_new();
	struct replay *r = open_at(fd, NOW);

	(void)state;
	add(r, 1, NOW);
	replay_window(r, 4 * WINDOW, later);
	assert_int_equal(check(r, 1, later), REPLAY_NEW);
	assert_int_equal(add_at(r, 1, NOW), E_EXPIRED);
	assert_int_equal(add_at(r, 2, later - WINDOW + 1), 0);
	replay_free(r);
	/* the same over a restart, which cuts the record out for good */
	assert_int_equal(replay_new(fd, 100, 4 * WINDOW, later, &r), 0);
	assert_int_equal(add_at(r, 1, NOW), E_EXPIRED);
	replay_free(r);
	close(fd);
	fd = fd_new();
	r = open_at(fd, NOW);
	add(r, 1, NOW);
	replay_free(r);
	assert_int_equal(replay_new(fd, 100, 4 * WINDOW, later, &r), 0);
	assert_int_equal(check(r, 1, later), REPLAY_NEW);
	assert_int_equal(add_at(r, 1, NOW), E_EXPIRED);
	replay_free(r);
	close(fd);
}

static void a_file_that_fails_refuses(void **state)
{
	int fds[2], fd = fd_new();
	struct replay *r = open_at(fd, NOW);
	struct one o;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(dup2(fds[0], fd), fd);
	assert_int_equal(replay_add(r, message(&o, 1, NOW), NOW), E_IO);
	assert_int_equal(check(r, 1, NOW), REPLAY_NEW);
	replay_free(r);
	assert_int_equal(replay_new(fd, 10, WINDOW, NOW, &r), E_IO);
	close(fd);
	close(fds[0]);
	close(fds[1]);
}

#define DAY (86400 * SECOND)

/* A clock that goes a day ahead and comes back finds what it forgot on its
 * way refused, in memory and over a restart. */
static void a_clock_that_comes_back_finds_no_gap(void **state)
{
	int fd = fd_new();
	struct replay *r = open_at(fd, NOW);

	(void)state;
	add(r, 1, NOW);
	for (uint32_t i = 10; i < 400; i++)
		add(r, i, NOW + DAY);
	assert_int_equal(check(r, 1, NOW + SECOND), REPLAY_NEW);
	assert_int_equal(add_at(r, 1, NOW), E_EXPIRED);
	assert_int_equal(add_at(r, 2, NOW + SECOND), 0);
	replay_free(r);
	r = open_at(fd, NOW + 2 * SECOND);
	assert_int_equal(add_at(r, 1, NOW), E_EXPIRED);
	assert_int_equal(add_at(r, 3, NOW + SECOND), 0);
	replay_free(r);
	r = open_at(fd, NOW + 2 * DAY);
	replay_free(r);
	r = open_at(fd, NOW + 3 * SECOND);
	assert_int_equal(add_at(r, 3, NOW + SECOND), E_EXPIRED);
	replay_free(r);
	close(fd);
}

static void ignore_line(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_forgets_nothing),
		cmocka_unit_test(a_further_branch_survives_a_restart_too),
		cmocka_unit_test(forks_are_counted),
		cmocka_unit_test(what_is_over_is_cut_out),
		cmocka_unit_test(it_stays_small),
		cmocka_unit_test(a_torn_record_is_cut_off),
		cmocka_unit_test(damage_makes_blind_for_a_while),
		cmocka_unit_test(a_longer_window_finds_no_gap),
		cmocka_unit_test(a_file_that_fails_refuses),
		cmocka_unit_test(a_clock_that_comes_back_finds_no_gap),
	};

	log_to(ignore_line);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
