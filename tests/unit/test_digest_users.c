/* test_digest_users.c - the file of accounts: what is taken, each fault with
 * its line, and no memory. */
#include "daemon/base/err.h"
#include "daemon/digest/users.h"
#include "tests/mock/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* The password is "wonderland". */
#define MD5 "296f2f27e5eb48e6f0fe4ba1363a3107"
#define SHA "d9030225365ecb2137cf096055a83eb6" \
	    "ec2c341e124e8eff9853e6c9d76dfbcb"
#define BOTH (DIGEST_BIT(DIGEST_MD5) | DIGEST_BIT(DIGEST_SHA_256))

static int file_of(const void *text, size_t len)
{
	char path[] = "/tmp/test_users.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	return fd;
}

static int read_users(const char *text, unsigned hashes,
		      struct digest_users **out, char why[static 256])
{
	int fd = file_of(text, strlen(text));
	int r = digest_users_read(fd, "a.example", hashes, out, why);

	close(fd);
	return r;
}

static void both_hashes(void **state)
{
	struct digest_secret own;
	struct digest_users *u;
	char why[256];

	(void)state;
	assert_int_equal(read_users("# accounts\r\n\n"
				    "bob:a.example:" SHA "\r\n"
				    "alice:a.example:" MD5 "\n"
				    "bob:a.example:" MD5 "\n"
				    "alice:a.example:" SHA, BOTH, &u, why), 0);
	assert_int_equal(digest_users_count(u), 2);
	for (unsigned h = DIGEST_MD5; h <= DIGEST_SHA_256; h++) {
		digest_secret_make(h, "alice", "a.example", "wonderland",
				   &own);
		assert_memory_equal(digest_users_find(u, h, "alice"), &own,
				    sizeof own);
	}
	assert_null(digest_users_find(u, DIGEST_MD5, "Alice"));
	assert_null(digest_users_find(u, DIGEST_SHA_512_256, "alice"));
	assert_null(digest_users_find(u, DIGEST_MD5, ""));
	assert_null(digest_users_find(u, DIGEST_MD5, SHA SHA));
	digest_users_free(u);
}

static void one_hash_in_capitals(void **state)
{
	char text[] = "alice:a.example:" MD5, why[256];
	struct digest_users *u;

	(void)state;
	for (char *c = strrchr(text, ':'); *c; c++)
		if (*c >= 'a' && *c <= 'f')
			*c = (char)(*c & ~0x20);
	assert_int_equal(read_users(text, DIGEST_BIT(DIGEST_MD5), &u, why), 0);
	assert_string_equal(digest_users_find(u, DIGEST_MD5, "alice")->hex,
			    MD5);
	digest_users_free(u);
}

static void nobody_at_all(void **state)
{
	struct digest_users *u;
	char why[256];

	(void)state;
	assert_int_equal(read_users("", BOTH, &u, why), 0);
	assert_int_equal(digest_users_count(u), 0);
	assert_null(digest_users_find(u, DIGEST_MD5, "alice"));
	digest_users_free(u);
}

static void faults(void **state)
{
	static const struct {
		const char *text, *line, *what;
	} bad[] = {
		{ "alice", "line 1", "USER:REALM:HASH" },
		{ "\nalice:a.example", "line 2", "USER:REALM:HASH" },
		{ ":a.example:" MD5, "line 1", "empty" },
		{ "a b:a.example:" MD5, "line 1", "SIP URI" },
		{ "a\"b:a.example:" MD5, "line 1", "SIP URI" },
		{ "alice:b.example:" MD5, "line 1", "registrar.domain" },
		{ "alice:a.example:" MD5 "0", "line 1", "hex digits" },
		{ "alice:a.example: " MD5, "line 1", "hex digits" },
		{ "alice:a.example:", "line 1", "hex digits" },
		{ "alice:a.example:" MD5, "line 1", "no SHA-256" },
		{ "#\nalice:a.example:" SHA, "line 2", "no MD5" },
		{ "alice:a.example:" MD5 "\nalice:a.example:" MD5, "line",
		  "already" },
	};
	struct digest_users *u;
	char why[256];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(read_users(bad[i].text, BOTH, &u, why),
				 E_CONF);
		if (!strstr(why, bad[i].line) || !strstr(why, bad[i].what))
			fail_msg("%s: %s", bad[i].text, why);
	}
	fd = file_of("alice:a.example:\0", 18);
	assert_int_equal(digest_users_read(fd, "a.example", BOTH, &u, why),
			 E_CONF);
	close(fd);
	assert_int_equal(digest_users_read(-1, "a.example", BOTH, &u, why),
			 E_IO);
}

static void read_many(void *fd)
{
	struct digest_users *u;
	char why[256];
	int r = digest_users_read(*(int *)fd, "a.example",
				  DIGEST_BIT(DIGEST_MD5), &u, why);

	assert_true(!r || r == E_NOMEM);
	if (r)
		return;
	assert_int_equal(digest_users_count(u), 100);
	digest_users_free(u);
}

/* Each allocation failing in turn; more users than the first room. */
static void no_memory(void **state)
{
	char text[128 * 64], *at = text;
	int fd;

	(void)state;
	for (int i = 0; i < 100; i++)
		at += sprintf(at, "u%d:a.example:" MD5 "\n", i);
	fd = file_of(text, (size_t)(at - text));
	assert_true(alloc_walk(read_many, &fd) > 3);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_hashes),
		cmocka_unit_test(one_hash_in_capitals),
		cmocka_unit_test(nobody_at_all),
		cmocka_unit_test(faults),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
