/* test_relay_ports.c - pairs of ports: even and odd, exhausted, resting, in
 * somebody else's hands, shared by two faces on one address. */
#include "daemon/base/err.h"
#include "daemon/relay/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define MIN 21280
#define PAIRS 4

static uint64_t now_us;

static uint64_t mono(void *user)
{
	(void)user;
	return now_us;
}

static const struct clock fake = { .mono_us = mono };

struct taken {
	int fd[2];
	struct addr rtp;
};

static struct ports *open_ports(void)
{
	struct ports *p;

	now_us = 1000000;
	assert_int_equal(ports_new(MIN, MIN + 2 * PAIRS - 1, &fake, &p), 0);
	return p;
}

static struct addr host(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int take(struct ports *p, const char *text, struct taken *t)
{
	struct addr h = host(text);

	return ports_open(p, &h, t->fd, &t->rtp);
}

static void close_both(struct taken *t)
{
	close(t->fd[0]);
	close(t->fd[1]);
}

static unsigned bound_port(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	struct addr a;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &a), 0);
	return a.port;
}

static void pairs_are_used_up_and_rest(void **state)
{
	struct ports *p = open_ports();
	struct taken t[PAIRS], more;

	(void)state;
	for (int i = 0; i < PAIRS; i++) {
		assert_int_equal(take(p, "127.0.0.1", &t[i]), 0);
		assert_int_equal(t[i].rtp.port % 2, 0);
		assert_true(t[i].rtp.port >= MIN);
		assert_int_equal(bound_port(t[i].fd[0]), t[i].rtp.port);
		assert_int_equal(bound_port(t[i].fd[1]), t[i].rtp.port + 1);
	}
	assert_int_equal(take(p, "127.0.0.1", &more), E_FULL);
	/* another address, another family: another pool */
	assert_int_equal(take(p, "127.0.0.2", &more), 0);
	close_both(&more);
	assert_int_equal(take(p, "::1", &more), 0);
	close_both(&more);
	close_both(&t[1]);
	ports_back(p, &t[1].rtp, true);
	assert_int_equal(take(p, "127.0.0.1", &more), E_FULL); /* it rests */
	now_us += PORTS_REST_US + 1000000;
	assert_int_equal(take(p, "127.0.0.1", &more), 0);
	assert_int_equal(more.rtp.port, t[1].rtp.port);
	close_both(&more);
	for (int i = 0; i < PAIRS; i++)
		if (i != 1)
			close_both(&t[i]);
	ports_free(p);
}

static void what_others_hold_is_left_out(void **state)
{
	struct ports *p = open_ports(), *q = open_ports();
	struct taken t[PAIRS], u[PAIRS];

	(void)state;
	for (int i = 0; i < PAIRS; i++)
		assert_int_equal(take(i % 2 ? p : q, "127.0.0.1", &t[i]), 0);
	assert_int_equal(take(p, "127.0.0.1", &u[0]), E_FULL);
	for (int i = 0; i < PAIRS; i++)
		close_both(&t[i]);
	ports_free(p);
	ports_free(q);
}

static void an_address_that_is_not_ours(void **state)
{
	struct ports *p = open_ports();
	struct taken t;

	(void)state;
	assert_int_equal(take(p, "192.0.2.1", &t), E_IO);
	ports_free(p);
	assert_int_equal(ports_new(3, 8, &fake, &p), E_ARG);
	assert_int_equal(ports_new(4, 8, &fake, &p), E_ARG);
	assert_int_equal(ports_new(8, 7, &fake, &p), E_ARG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_are_used_up_and_rest),
		cmocka_unit_test(what_others_hold_is_left_out),
		cmocka_unit_test(an_address_that_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
