/* test_loop.c - descriptors and timers on the engine's loop. */
#include "daemon/engine/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct seen {
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_timer *timer;
	int fd;
	int reads, writes, timers;
};

static void on_fd(void *user, bool readable, bool writable)
{
	struct seen *s = user;
	char byte;

	if (readable && read(s->fd, &byte, 1) == 1)
		s->reads++;
	if (writable) {
		s->writes++;
		loop_watch_write(s->watch, false);
	}
}

static void on_last(void *user, bool readable, bool writable)
{
	struct seen *s = user;

	(void)readable;
	(void)writable;
	s->reads++;
	loop_unwatch(s->watch);
}

static void on_timer(void *user)
{
	struct seen *s = user;

	if (++s->timers < 3)
		loop_timer_set(s->timer, 1);
	else
		loop_stop(s->loop);
}

static void descriptors_are_watched(void **state)
{
	struct seen s = { 0 };
	int pair[2], i;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(loop_new(&s.loop), 0);
	s.fd = pair[0];
	assert_int_equal(loop_watch(s.loop, pair[0], on_fd, &s, &s.watch), 0);
	loop_step(s.loop, 1);
	assert_int_equal(s.reads + s.writes, 0);
	loop_watch_write(s.watch, true);
	assert_int_equal(write(pair[1], "ab", 2), 2);
	for (i = 0; i < 5; i++)
		loop_step(s.loop, 1);
	assert_int_equal(s.reads, 2);
	assert_int_equal(s.writes, 1);
	loop_unwatch(s.watch);
	assert_int_equal(write(pair[1], "c", 1), 1);
	loop_step(s.loop, 1);
	assert_int_equal(s.reads, 2);
	/* unwatched from inside the callback */
	assert_int_equal(loop_watch(s.loop, pair[0], on_last, &s, &s.watch), 0);
	for (i = 0; i < 3; i++)
		loop_step(s.loop, 1);
	assert_int_equal(s.reads, 3);
	loop_free(s.loop);
	close(pair[0]);
	close(pair[1]);
}

static void timers_fire_once_and_may_be_set_again(void **state)
{
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(loop_new(&s.loop), 0);
	assert_int_equal(loop_timer_new(s.loop, on_timer, &s, &s.timer), 0);
	loop_timer_set(s.timer, 1);
	loop_run(s.loop);
	assert_int_equal(s.timers, 3);
	loop_timer_set(s.timer, 1);
	loop_timer_stop(s.timer);
	loop_step(s.loop, 5);
	assert_int_equal(s.timers, 3);
	loop_timer_free(s.timer);
	loop_free(s.loop);
}

static void a_stop_before_the_run_counts(void **state)
{
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(loop_new(&s.loop), 0);
	loop_stop(s.loop);
	loop_run(s.loop);
	loop_unwatch(NULL);
	loop_timer_free(NULL);
	loop_free(s.loop);
	loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_are_watched),
		cmocka_unit_test(timers_fire_once_and_may_be_set_again),
		cmocka_unit_test(a_stop_before_the_run_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
