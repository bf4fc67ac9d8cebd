/* test_binding.c - the table of registered phones and its file: refreshes,
 * ends, restarts, and every kind of damage. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/engine/call.h"
#include "daemon/base/log.h"
#include "modules/sip/registration/binding.h"
#include "modules/sip/registration/location.h"
#include "modules/sip/registration/slots.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000ull
#define NOW (1900000000 * SECOND)
#define SLOT 1024
#define PHONE "sip:alice@10.1.1.1:5062"

static unsigned lines; /* in the log */

static void count_line(enum log_class c, const char *line)
{
	(void)line;
	lines += c == LOG_CLASS_ERROR;
}

static int quiet(void **state)
{
	(void)state;
	lines = 0;
	log_to(count_line);
	return 0;
}

static int fd_new(void)
{
	int fd = memfd_create("bindings", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct bindings *open_at(int fd, uint64_t now_us)
{
	struct bindings *b;

	assert_int_equal(bindings_new(fd, now_us, &b), 0);
	return b;
}

static struct binding_facts facts(const char *account, const char *contact)
{
	struct binding_facts f = {
		.account = account, .contact = contact, .routes = "",
		.proto = "udp", .expires_us = NOW + 600 * SECOND,
		.now_us = NOW
	};

	addr_parse("10.1.1.1:5062", &f.source);
	return f;
}

static const struct binding *find(const struct bindings *b,
				  const struct binding_facts *f,
				  uint64_t now_us)
{
	char token[TOKEN_TEXT];

	bindings_token(b, f, token);
	return bindings_find(b, token, now_us);
}

static struct binding_facts nth(unsigned n, char contact[static 64])
{
	snprintf(contact, 64, "sip:u%u@10.1.1.1:5062", n);
	return facts("many@a.example", contact);
}

static void fill(struct bindings *b, unsigned n)
{
	char contact[64];

	for (unsigned i = 0; i < n; i++) {
		struct binding_facts f = nth(i, contact);

		assert_int_equal(bindings_put(b, &f), 0);
	}
}

/* -- the table ------------------------------------------------------------ */

static void a_binding_lives_and_ends(void **state)
{
	struct bindings *b = open_at(-1, NOW);
	struct binding_facts f = facts("alice@a.example", PHONE);
	const struct binding *e;

	(void)state;
	assert_null(find(b, &f, NOW));
	f.routes = "<sip:p1;lr>";
	assert_int_equal(bindings_put(b, &f), 0);
	e = find(b, &f, NOW);
	assert_non_null(e);
	assert_string_equal(e->contact, PHONE);
	assert_string_equal(e->routes, "<sip:p1;lr>");
	assert_int_equal(strlen(e->token), 32);
	f.source.port = 9; /* a refresh from another port */
	f.proto = "tcp";
	f.routes = "";
	f.now_us += 5 * SECOND;
	f.expires_us = NOW + 700 * SECOND;
	assert_int_equal(bindings_put(b, &f), 0);
	e = find(b, &f, NOW);
	assert_int_equal(e->source.port, 9);
	assert_string_equal(e->proto, "tcp");
	assert_string_equal(e->routes, "");
	assert_true(e->since_us == NOW);
	assert_int_equal(bindings_count(b), 1);
	assert_non_null(find(b, &f, NOW + 699 * SECOND));
	assert_null(find(b, &f, NOW + 700 * SECOND));
	bindings_sweep(b, NOW + 699 * SECOND);
	assert_int_equal(bindings_count(b), 1);
	bindings_sweep(b, NOW + 700 * SECOND);
	assert_int_equal(bindings_count(b), 0);
	bindings_free(b);
}

static void what_makes_a_name(void **state)
{
	struct bindings *b = open_at(-1, NOW), *other = open_at(-1, NOW);
	struct binding_facts f = facts("alice@a.example", PHONE), g = f;
	char one[TOKEN_TEXT], two[TOKEN_TEXT];

	(void)state;
	bindings_token(b, &f, one);
	g.source.port = 1;
	g.proto = "tcp";
	g.expires_us = 5;
	bindings_token(b, &g, two);
	assert_string_equal(one, two);
	bindings_token(other, &f, two); /* another secret */
	assert_string_not_equal(one, two);
	g.source.ip[3]++;
	bindings_token(b, &g, two);
	assert_string_not_equal(one, two);
	/* no shifting of bytes between account and contact */
	g = facts("alice@a.example" PHONE, "");
	bindings_token(b, &g, two);
	assert_string_not_equal(one, two);
	bindings_alias(b, "tag", "x", one);
	bindings_alias(b, "call-id", "x", two);
	assert_string_not_equal(one, two);
	bindings_free(b);
	bindings_free(other);
}

static void accounts(void **state)
{
	struct bindings *b = open_at(-1, NOW);
	struct binding_facts f = facts("alice@a.example", PHONE), g = f;
	const struct binding *e = NULL;
	unsigned n = 0;

	(void)state;
	fill(b, 5);
	bindings_put(b, &f);
	g.source.ip[0] = 11;
	bindings_put(b, &g);
	while ((e = bindings_next(b, "many@a.example", e)))
		n++;
	assert_int_equal(n, 5);
	assert_null(bindings_next(b, "nobody@a.example", NULL));
	assert_int_equal(bindings_count_host(b, &f.source), 6);
	bindings_drop_account(b, "many@a.example");
	assert_int_equal(bindings_count(b), 2);
	e = bindings_next(b, "alice@a.example", NULL);
	bindings_drop(b, e->token);
	bindings_drop(b, "0123456789abcdef0123456789abcdef");
	assert_int_equal(bindings_count(b), 1);
	bindings_free(b);
}

static void too_long(void **state)
{
	struct bindings *b = open_at(-1, NOW);
	struct binding_facts f;
	char text[CONTACT_TEXT + 1];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = 0;
	f = facts("alice@a.example", text);
	assert_int_equal(bindings_put(b, &f), E_SPACE);
	f = facts(text, PHONE);
	assert_int_equal(bindings_put(b, &f), E_SPACE);
	f = facts("alice@a.example", PHONE);
	f.routes = text;
	assert_int_equal(bindings_put(b, &f), E_SPACE);
	assert_int_equal(bindings_count(b), 0);
	bindings_free(b);
}

/* -- the file ------------------------------------------------------------- */

static void a_restart_keeps_all(void **state)
{
	struct binding_facts f = facts("alice@a.example", PHONE);
	struct binding_facts brief = facts("bob@a.example", PHONE);
	char account[ACCOUNT_TEXT], contact[CONTACT_TEXT], routes[ROUTES_TEXT];
	struct binding_facts big = facts(account, contact);
	int fd = fd_new();
	struct bindings *b = open_at(fd, NOW);
	const struct binding *e;
	char token[TOKEN_TEXT];

	(void)state;
	memset(account, 'a', sizeof account);
	memset(contact, 'c', sizeof contact);
	memset(routes, 'r', sizeof routes);
	account[sizeof account - 1] = contact[sizeof contact - 1] =
		routes[sizeof routes - 1] = 0;
	big.routes = routes;
	f.routes = "<sip:p1;lr>";
	brief.expires_us = NOW + SECOND;
	bindings_put(b, &f);
	bindings_put(b, &brief);
	assert_int_equal(bindings_put(b, &big), 0);
	bindings_token(b, &f, token);
	bindings_free(b);

	b = open_at(fd, NOW + 2 * SECOND);
	assert_int_equal(bindings_count(b), 2);
	e = bindings_find(b, token, NOW);
	assert_non_null(e);
	assert_string_equal(e->account, "alice@a.example");
	assert_string_equal(e->contact, PHONE);
	assert_string_equal(e->routes, "<sip:p1;lr>");
	assert_string_equal(e->proto, "udp");
	assert_true(addr_equal(&e->source, &f.source));
	assert_true(e->expires_us == f.expires_us && e->since_us == NOW);
	assert_string_equal(find(b, &big, NOW)->routes, routes);
	bindings_drop(b, token);
	bindings_free(b);
	b = open_at(fd, NOW + 2 * SECOND);
	assert_int_equal(bindings_count(b), 1);
	assert_int_equal(lines, 0);
	bindings_free(b);
	close(fd);
}

static void slots_are_used_again(void **state)
{
	struct stat st;
	int fd = fd_new();
	struct bindings *b = open_at(fd, NOW);

	(void)state;
	for (int round = 0; round < 5; round++) {
		fill(b, 200);
		fill(b, 200); /* refreshes */
		bindings_drop_account(b, "many@a.example");
		bindings_free(b);
		b = open_at(fd, NOW);
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 201 * SLOT);
	bindings_free(b);
	close(fd);
}

/* Each byte of a record and of the head, flipped. */
static void damage_stays_in_its_slot(void **state)
{
	int fd = fd_new();
	struct bindings *b = open_at(fd, NOW);
	uint8_t byte;

	(void)state;
	fill(b, 3);
	bindings_free(b);
	for (off_t at = 2 * SLOT; at < 3 * SLOT; at += 7) {
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		lines = 0;
		b = open_at(fd, NOW);
		assert_int_equal(bindings_count(b), 2);
		assert_int_equal(lines, 1);
		bindings_free(b);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	b = open_at(fd, NOW);
	assert_int_equal(bindings_count(b), 3);
	bindings_free(b);
	/* a slot in another's place is damage, too */
	{
		uint8_t slot[SLOT];

		assert_int_equal(pread(fd, slot, SLOT, SLOT), SLOT);
		assert_int_equal(pwrite(fd, slot, SLOT, 4 * SLOT), SLOT);
	}
	b = open_at(fd, NOW);
	assert_int_equal(bindings_count(b), 3);
	bindings_free(b);
	close(fd);
}

static void a_torn_write(void **state)
{
	int fd = fd_new();
	struct bindings *b = open_at(fd, NOW);
	char contact[64];
	struct binding_facts f = nth(1, contact);

	(void)state;
	fill(b, 2);
	bindings_free(b);
	assert_int_equal(ftruncate(fd, 3 * SLOT - 100), 0);
	b = open_at(fd, NOW);
	assert_int_equal(bindings_count(b), 1);
	assert_int_equal(bindings_put(b, &f), 0);
	bindings_free(b);
	b = open_at(fd, NOW);
	assert_int_equal(bindings_count(b), 2);
	bindings_free(b);
	close(fd);
}

static void a_damaged_head_begins_anew(void **state)
{
	static const off_t cuts[] = { 1, 20, SLOT - 1 };
	char one[TOKEN_TEXT], two[TOKEN_TEXT];
	struct binding_facts f = facts("alice@a.example", PHONE);
	struct bindings *b;
	int fd = fd_new();

	(void)state;
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		b = open_at(fd, NOW);
		bindings_token(b, &f, one);
		fill(b, 2);
		bindings_free(b);
		lines = 0;
		if (i % 2)
			assert_int_equal(pwrite(fd, "?", 1, cuts[i]), 1);
		else
			assert_int_equal(ftruncate(fd, cuts[i]), 0);
		b = open_at(fd, NOW);
		assert_int_equal(bindings_count(b), 0);
		assert_int_equal(lines, 1);
		bindings_token(b, &f, two);
		assert_string_not_equal(one, two);
		bindings_free(b);
	}
	close(fd);
}

/* Records with a right checksum that make no sense. */
static void senseless_records(void **state)
{
	static const uint8_t junk[][8] = { { 0 }, { 1, 2, 3 },
					   { 255, 255, 255, 255 } };
	struct slots *s;
	struct bindings *b;
	int fd = fd_new();

	(void)state;
	assert_int_equal(slots_new(fd, &s), 0);
	for (size_t i = 0; i < 3; i++)
		for (size_t len = 1; len < 60; len += 13) {
			uint8_t data[64] = { 0 };
			uint32_t slot = 0;

			memcpy(data, junk[i], sizeof junk[i]);
			assert_int_equal(slots_put(s, &slot, data, len), 0);
		}
	slots_free(s);
	b = open_at(fd, NOW);
	assert_int_equal(bindings_count(b), 0);
	assert_int_equal(lines, 1);
	bindings_free(b);
	close(fd);
}

/* A file that cannot grow: all goes on in memory, one line is logged. */
static void a_full_disk(void **state)
{
	const struct rlimit small = { 3 * SLOT, RLIM_INFINITY };
	struct rlimit before;
	int fd = fd_new();
	struct bindings *b = open_at(fd, NOW);

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fill(b, 5);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(bindings_count(b), 5);
	assert_int_equal(lines, 1);
	fill(b, 5); /* the refreshes find room again */
	bindings_free(b);
	b = open_at(fd, NOW);
	assert_int_equal(bindings_count(b), 5);
	bindings_free(b);
	close(fd);
}

static void memory_walk(void *user)
{
	struct bindings *b = NULL;
	int fd = *(int *)user, r;
	char contact[64];

	r = bindings_new(fd, NOW, &b);
	if (r)
		return;
	for (unsigned i = 0; i < 3; i++) {
		struct binding_facts f = nth(i, contact);

		f.routes = i % 2 ? "<sip:p1>" : "";
		if (bindings_put(b, &f) == 0) {
			f.routes = "<sip:p2>";
			(void)bindings_put(b, &f);
		}
	}
	bindings_drop_account(b, "many@a.example");
	bindings_free(b);
}

static void memory_runs_out(void **state)
{
	int fd = fd_new();

	(void)state;
	assert_true(alloc_walk(memory_walk, &fd) > 5);
	close(fd);
}

/* -- the role ------------------------------------------------------------- */

static uint64_t real_now(void)
{
	return (uint64_t)time(NULL) * SECOND;
}

static void way(const char *contact, const char *source, const char *proto,
		const char *expected)
{
	struct bindings *b = open_at(-1, NOW);
	struct location l = location_of(b);
	struct binding_facts f = facts("alice@a.example", contact);
	struct location_way out;
	char uri[80] = "sip:", token[TOKEN_TEXT];

	f.expires_us = real_now() + 60 * SECOND;
	f.proto = proto;
	assert_int_equal(addr_parse(source, &f.source), 0);
	assert_int_equal(bindings_put(b, &f), 0);
	bindings_token(b, &f, token);
	strcat(strcat(uri, token), "@192.0.2.1:5070;transport=tcp");
	assert_int_equal(l.find(l.user, uri, &out, 1), 1);
	assert_string_equal(out.target, contact);
	assert_string_equal(out.next_hop, expected);
	assert_string_equal(out.account, "sip:alice@a.example");
	uri[8] = uri[8] == '0' ? '1' : '0';
	assert_int_equal(l.find(l.user, uri, &out, 1), E_NOTFOUND);
	bindings_free(b);
}

static void ways_to_a_phone(void **state)
{
	(void)state;
	way("sip:alice@10.1.1.1:5062", "10.1.1.1:5062", "udp",
	    "sip:10.1.1.1:5062;transport=udp");
	way("sip:alice@10.1.1.1;ob", "10.1.1.1:40000", "tcp",
	    "sip:10.1.1.1:5060;transport=tcp");
	way("sip:alice@10.1.1.1;transport=tls", "10.1.1.1:40000", "tls",
	    "sip:10.1.1.1:5061;transport=tls");
	way("sip:alice@192.168.0.9:5062", "10.1.1.1:40000", "udp",
	    "sip:10.1.1.1:40000;transport=udp");
	way("sip:alice@phone.example", "10.1.1.1:40000", "udp",
	    "sip:10.1.1.1:40000;transport=udp");
	way("sip:10.1.1.1", "10.1.1.1:40000", "udp",
	    "sip:10.1.1.1:5060;transport=udp");
	way("sip:alice@[fd00::1]:5064", "[fd00::1]:9", "udp",
	    "sip:[fd00::1]:5064;transport=udp");
	way("sip:alice@[fd00::1]", "[fd00::1]:9", "tcp",
	    "sip:[fd00::1]:5060;transport=tcp");
	way("sip:alice@[fd00::2]", "[fd00::1]:9", "tcp",
	    "sip:[fd00::1]:9;transport=tcp");
}

static void routes_of_an_account(void **state)
{
	struct bindings *b = open_at(-1, NOW);
	struct location l = location_of(b);
	struct binding_facts f = facts("alice@a.example", PHONE);
	struct addr other;
	json_t *list;

	(void)state;
	f.routes = "<sip:p1;lr>";
	f.expires_us = real_now() + 60 * SECOND;
	assert_int_equal(bindings_put(b, &f), 0);
	addr_parse("10.1.1.2:5060", &other);
	assert_string_equal(l.routes(l.user, "sip:alice@a.example:5060",
				     &f.source), "<sip:p1;lr>");
	assert_string_equal(l.routes(l.user, "sip:alice@a.example", &other),
			    "");
	assert_string_equal(l.routes(l.user, "sip:bob@a.example", &f.source),
			    "");
	assert_string_equal(l.routes(l.user, "\1", &f.source), "");
	list = l.list(l.user);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
	f.expires_us = real_now() - SECOND;
	assert_int_equal(bindings_put(b, &f), 0);
	assert_string_equal(l.routes(l.user, "sip:alice@a.example", &f.source),
			    "");
	list = l.list(l.user);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	bindings_free(b);
}

/* -- of our own registrar ------------------------------------------------- */

static struct binding_facts local(const char *contact, const char *source)
{
	struct binding_facts f = facts("alice@a.example", contact);

	f.local = true;
	f.q = 1000;
	f.cseq = 7;
	f.call = "0123456789abcdef0123456789abcdef";
	f.expires_us = real_now() + 600 * SECOND;
	addr_parse(source, &f.source);
	return f;
}

/* The longest of everything fits, and comes back whole. */
static void a_local_binding_is_kept(void **state)
{
	char account[ACCOUNT_TEXT], routes[ROUTES_TEXT];
	char contact[CONTACT_TEXT] = "";
	struct binding_facts f = local(contact, "10.1.1.1:5062");
	int fd = fd_new();
	struct bindings *b = open_at(fd, NOW);
	const struct binding *e;

	(void)state;
	memset(account, 'a', sizeof account);
	memset(contact, 'c', sizeof contact);
	memset(routes, 'r', sizeof routes);
	account[sizeof account - 1] = contact[sizeof contact - 1] =
		routes[sizeof routes - 1] = 0;
	f.account = account;
	f.routes = routes;
	f.proto = "udptcp7";
	f.q = 250;
	f.cseq = UINT32_MAX;
	f.expires_us = NOW + 600 * SECOND;
	assert_int_equal(bindings_put(b, &f), 0);
	bindings_free(b);
	b = open_at(fd, NOW);
	e = find(b, &f, NOW);
	assert_non_null(e);
	assert_true(e->local && e->q == 250 && e->cseq == UINT32_MAX);
	assert_string_equal(e->call, f.call);
	f.local = false; /* the other kind has another name */
	assert_null(find(b, &f, NOW));
	bindings_free(b);
	close(fd);
}

static void expect_way(struct bindings *b, const char *uri, const char *target)
{
	struct location l = location_of(b);
	struct location_way way;
	int r = l.find(l.user, uri, &way, 1);

	if (!target) {
		assert_int_equal(r, E_NOTFOUND);
		return;
	}
	assert_int_equal(r, 1);
	assert_string_equal(way.target, target);
	assert_string_equal(way.account, "sip:alice@a.example");
}

/* The best first, as many as there is room for. */
static void several_phones_in_order(void **state)
{
	static const struct { uint16_t q; unsigned since; } given[] = {
		{ 500, 1 }, { 1000, 1 }, { 0, 9 }, { 1000, 2 }, { 500, 3 },
	};
	static const int order[] = { 3, 1, 4, 0, 2 };
	struct bindings *b = open_at(-1, NOW);
	struct location l = location_of(b);
	struct location_way way[CALL_PHONES_MAX];
	struct binding_facts f;
	char contact[64];

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(contact, sizeof contact, "sip:alice@10.1.1.%d", i);
		f = local(contact, "10.1.1.1:5062");
		f.q = given[i].q;
		f.now_us += given[i].since * SECOND;
		bindings_put(b, &f);
	}
	for (int room = 1; room <= 5; room++) {
		assert_int_equal(l.find(l.user, "sip:alice@a.example", way,
					(size_t)room), room);
		for (int i = 0; i < room; i++) {
			snprintf(contact, sizeof contact,
				 "sip:alice@10.1.1.%d", order[i]);
			assert_string_equal(way[i].target, contact);
			assert_int_equal(way[i].q, given[order[i]].q);
		}
	}
	assert_int_equal(l.find(l.user, "sip:alice@a.example", way,
				CALL_PHONES_MAX), 5);
	bindings_free(b);
}

/* A call to the account goes to the highest q, then to the latest; to a phone
 * that passes through, by its token alone, and to a local one never by that. */
static void ways_to_an_account(void **state)
{
	struct bindings *b = open_at(-1, NOW);
	struct binding_facts old = local(PHONE, "10.1.1.1:5062"), late, low;
	struct binding_facts pass = facts("alice@a.example", PHONE);
	char uri[64], token[TOKEN_TEXT];

	(void)state;
	pass.expires_us = old.expires_us;
	bindings_put(b, &pass);
	expect_way(b, "sip:alice@a.example", NULL);
	bindings_put(b, &old);
	expect_way(b, "sip:alice@A.example:5070;x=y", PHONE);
	expect_way(b, "sip:alice@b.example", NULL);
	expect_way(b, "sip:a.example", NULL);
	bindings_token(b, &old, token);
	snprintf(uri, sizeof uri, "sip:%s@a.example", token);
	expect_way(b, uri, NULL);
	late = local("sip:alice@10.1.1.2", "10.1.1.2:5060");
	late.now_us += SECOND;
	bindings_put(b, &late);
	expect_way(b, "sip:alice@a.example", "sip:alice@10.1.1.2");
	low = local("sip:alice@10.1.1.3", "10.1.1.3:5060");
	low.now_us += 2 * SECOND;
	low.q = 999;
	bindings_put(b, &low);
	expect_way(b, "sip:alice@a.example", "sip:alice@10.1.1.2");
	late.q = 0;
	bindings_put(b, &late);
	expect_way(b, "sip:alice@a.example", PHONE);
	old.source.ip[3] = 77; /* the same phone behind another address */
	bindings_put(b, &old);
	assert_int_equal(bindings_count(b), 4);
	old.expires_us = late.expires_us = low.expires_us = real_now();
	bindings_put(b, &old);
	bindings_put(b, &late);
	bindings_put(b, &low);
	expect_way(b, "sip:alice@a.example", NULL);
	bindings_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_binding_lives_and_ends, quiet),
		cmocka_unit_test_setup(what_makes_a_name, quiet),
		cmocka_unit_test_setup(accounts, quiet),
		cmocka_unit_test_setup(too_long, quiet),
		cmocka_unit_test_setup(a_restart_keeps_all, quiet),
		cmocka_unit_test_setup(slots_are_used_again, quiet),
		cmocka_unit_test_setup(damage_stays_in_its_slot, quiet),
		cmocka_unit_test_setup(a_torn_write, quiet),
		cmocka_unit_test_setup(a_damaged_head_begins_anew, quiet),
		cmocka_unit_test_setup(senseless_records, quiet),
		cmocka_unit_test_setup(a_full_disk, quiet),
		cmocka_unit_test_setup(memory_runs_out, quiet),
		cmocka_unit_test_setup(ways_to_a_phone, quiet),
		cmocka_unit_test_setup(routes_of_an_account, quiet),
		cmocka_unit_test_setup(a_local_binding_is_kept, quiet),
		cmocka_unit_test_setup(ways_to_an_account, quiet),
		cmocka_unit_test_setup(several_phones_in_order, quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
