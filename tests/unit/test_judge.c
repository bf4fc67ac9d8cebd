/* test_judge.c - the keeper's verdict on a phone's answer: right, wrong,
 * nobody, not as asked, and too many wrong ones. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/digest/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define BOTH (DIGEST_BIT(DIGEST_MD5) | DIGEST_BIT(DIGEST_SHA_256))
#define MS 1000ull

static const struct registrar_settings own = {
	.domain = "a.example", .hashes = BOTH
};

static char last_line[512];

static void keep_line(enum log_class c, const char *line)
{
	(void)c;
	snprintf(last_line, sizeof last_line, "%s", line);
}

struct bench {
	struct judge *judge;
	struct digest_users *users;
	struct judge_terms terms;
};

static void put_user(int fd, const char *name)
{
	struct digest_secret s;

	for (unsigned h = DIGEST_MD5; h <= DIGEST_SHA_256; h++) {
		digest_secret_make(h, name, "a.example", name, &s);
		dprintf(fd, "%s:a.example:%s\n", name, s.hex);
	}
}

static int set_up(void **state)
{
	char path[] = "/tmp/test_judge.XXXXXX", why[256];
	struct bench *b = calloc(1, sizeof *b);
	int fd = mkstemp(path);

	unlink(path);
	put_user(fd, "alice");
	put_user(fd, "bob");
	assert_int_equal(digest_users_read(fd, "a.example", BOTH, &b->users,
					   why), 0);
	close(fd);
	assert_int_equal(judge_new(&b->judge), 0);
	b->terms = (struct judge_terms){ b->users, &own, true, 1000 * MS };
	log_to(keep_line);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	log_to(NULL);
	judge_free(b->judge);
	digest_users_free(b->users);
	free(b);
	return 0;
}

/* What a phone sends; here the password is the user's name. */
static struct msg_digest_check ask(unsigned hash, const char *user,
				   const char *password)
{
	struct msg_digest_check m = {
		.method = "REGISTER",
		.credentials = { .realm = "a.example", .nonce = "n",
				 .uri = "sip:a.example", .cnonce = "c",
				 .nc = 1, .qop = DIGEST_AUTH,
				 .algorithm.hash = (uint8_t)hash },
	};
	struct digest_secret s;

	snprintf(m.credentials.user, sizeof m.credentials.user, "%s", user);
	digest_secret_make(hash, user, "a.example", password, &s);
	digest_response(&s, &m.credentials, m.method, m.credentials.response);
	return m;
}

static int judged(struct bench *b, const struct msg_digest_check *m,
		  char rspauth[static DIGEST_HEX])
{
	memset(rspauth, 0, DIGEST_HEX);
	return judge_check(b->judge, &b->terms, m, rspauth);
}

static void right_and_wrong(void **state)
{
	char got[DIGEST_HEX], want[DIGEST_HEX];
	struct msg_digest_check m;
	struct digest_secret s;

	for (unsigned h = DIGEST_MD5; h <= DIGEST_SHA_256; h++) {
		m = ask(h, "alice", "alice");
		assert_int_equal(judged(*state, &m, got), 0);
		digest_secret_make(h, "alice", "a.example", "alice", &s);
		digest_rspauth(&s, &m.credentials, want);
		assert_string_equal(got, want);
		strcpy(m.method, "INVITE");
		assert_int_equal(judged(*state, &m, got), E_AUTH);
		assert_string_equal(got, "");
		m = ask(h, "alice", "bob");
		assert_int_equal(judged(*state, &m, got), E_AUTH);
		m = ask(h, "mallory", "mallory");
		assert_int_equal(judged(*state, &m, got), E_AUTH);
		assert_string_equal(got, "");
	}
}

static void not_as_asked(void **state)
{
	struct bench *b = *state;
	struct registrar_settings md5 = own, loose = own;
	struct msg_digest_check m = ask(DIGEST_MD5, "alice", "alice"), bad;
	char got[DIGEST_HEX];

	md5.hashes = DIGEST_BIT(DIGEST_MD5);
	loose.any_qop = true;
	bad = m, bad.credentials.algorithm.sess = 1;
	assert_int_equal(judged(b, &bad, got), E_POLICY);
	bad = m, bad.credentials.algorithm.hash = 200;
	assert_int_equal(judged(b, &bad, got), E_POLICY);
	bad = m, bad.credentials.userhash = 1;
	assert_int_equal(judged(b, &bad, got), E_POLICY);
	bad = m, strcpy(bad.credentials.realm, "b.example");
	assert_int_equal(judged(b, &bad, got), E_POLICY);
	bad = m, bad.credentials.qop = DIGEST_AUTH_INT;
	assert_int_equal(judged(b, &bad, got), E_POLICY);
	b->terms.own = &md5;
	assert_int_equal(judged(b, &m, got), 0);
	bad = ask(DIGEST_SHA_256, "alice", "alice");
	assert_int_equal(judged(b, &bad, got), E_POLICY);
	b->terms.own = &own;
	bad = m, bad.credentials.qop = 0;
	assert_int_equal(judged(b, &bad, got), E_POLICY);
	b->terms.own = &loose;
	assert_int_equal(judged(b, &bad, got), E_AUTH); /* another response */
	bad.credentials.qop = DIGEST_AUTH_INT;
	assert_int_equal(judged(b, &bad, got), E_POLICY);
	b->terms.local = false;
	assert_int_equal(judged(b, &m, got), E_POLICY);
	b->terms.local = true;
	b->terms.users = NULL;
	assert_int_equal(judged(b, &m, got), E_POLICY);
}

/* Wrong answers have a rate; right ones have none, other accounts are left
 * alone, and an account comes back. */
static void guessing(void **state)
{
	struct msg_digest_check right = ask(DIGEST_MD5, "alice", "alice");
	struct msg_digest_check wrong = ask(DIGEST_MD5, "alice", "guess");
	struct msg_digest_check other = ask(DIGEST_MD5, "bob", "bob");
	struct bench *b = *state;
	char got[DIGEST_HEX];
	int n = 0;

	for (int i = 0; i < 1000; i++)
		assert_int_equal(judged(b, &right, got), 0);
	while (judged(b, &wrong, got) == E_AUTH)
		n++;
	assert_in_range(n, 15, 25);
	assert_non_null(strstr(last_line, "account alice: too many wrong"));
	assert_int_equal(judged(b, &right, got), E_FULL);
	assert_string_equal(got, "");
	assert_int_equal(judged(b, &other, got), 0);
	b->terms.now_us += 2000 * MS;
	assert_int_equal(judged(b, &right, got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(right_and_wrong, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(not_as_asked, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(guessing, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
