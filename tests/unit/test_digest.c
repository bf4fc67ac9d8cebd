/* test_digest.c - digest authentication: the examples of RFC 7616 3.9, RFC
 * 2617 3.5 and RFC 2069, header values at each cut and with each fault. */
#include "daemon/base/err.h"
#include "daemon/digest/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define NONCE_7616 "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define OPAQUE_7616 "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
#define CNONCE_7616 "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"

/* With line folding, as the RFC prints it. */
static const char answer_7616[] =
	"Digest username=\"Mufasa\",\r\n"
	"    realm=\"http-auth@example.org\",\r\n"
	"    uri=\"/dir/index.html\",\r\n"
	"    algorithm=MD5,\r\n"
	"    nonce=\"" NONCE_7616 "\",\r\n"
	"    nc=00000001,\r\n"
	"    cnonce=\"" CNONCE_7616 "\",\r\n"
	"    qop=auth,\r\n"
	"    response=\"8ca523f5e9506fed4657c9700eebdbec\",\r\n"
	"    opaque=\"" OPAQUE_7616 "\"";

static const char answer_2617[] =
	"Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
	"nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
	"uri=\"/dir/index.html\", qop=auth, nc=00000001, "
	"cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", "
	"opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";

/* RFC 2069 2.4, its password and response as its erratum has them. */
static const char answer_2069[] =
	"Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
	"nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
	"uri=\"/dir/index.html\", "
	"response=\"1949323746fe6a43ef61f9606e7febea\", "
	"opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";

static int credentials(const char *text, struct digest_credentials *out)
{
	return digest_read_credentials(text, strlen(text), out);
}

static int challenge(const char *text, struct digest_challenge *out)
{
	return digest_read_challenge(text, strlen(text), out);
}

static struct digest_secret secret_of(const struct digest_credentials *c,
				      const char *password)
{
	struct digest_secret s;

	assert_int_equal(digest_secret_make(c->algorithm.hash, c->user,
					    c->realm, password, &s), 0);
	return s;
}

static void verify(const char *text, const char *password)
{
	struct digest_credentials c;
	struct digest_secret s, wrong;

	assert_int_equal(credentials(text, &c), 0);
	s = secret_of(&c, password);
	wrong = secret_of(&c, "another");
	assert_int_equal(digest_verify(&s, &c, "GET"), 0);
	assert_int_equal(digest_verify(&s, &c, "PUT"), E_AUTH);
	assert_int_equal(digest_verify(&s, &c, ""), E_ARG);
	assert_int_equal(digest_verify(&wrong, &c, "GET"), E_AUTH);
	c.response[0] ^= 1;
	assert_int_equal(digest_verify(&s, &c, "GET"), E_AUTH);
	c.response[0] ^= 1;
	c.response[31] = 0;
	assert_int_equal(digest_verify(&s, &c, "GET"), E_AUTH);
	c.response[0] = 0;
	assert_int_equal(digest_verify(&s, &c, "GET"), E_AUTH);
}

static void examples_of_the_rfcs(void **state)
{
	(void)state;
	verify(answer_7616, "Circle of Life");
	verify(answer_2617, "Circle Of Life");
	verify(answer_2069, "CircleOfLife");
}

static void both_challenges_of_7616(void **state)
{
	static const char *const want[] = {
		[DIGEST_MD5] = "8ca523f5e9506fed4657c9700eebdbec",
		[DIGEST_SHA_256] = "753927fa0e85d155564e2e272a28d1802ca10daf449"
				   "6794697cf8db5856cb6c1",
	};

	(void)state;
	for (unsigned h = DIGEST_MD5; h <= DIGEST_SHA_256; h++) {
		char text[512], response[DIGEST_HEX];
		struct digest_credentials c;
		struct digest_challenge ch;
		struct digest_secret s;

		snprintf(text, sizeof text,
			 "Digest realm=\"http-auth@example.org\", "
			 "qop=\"auth, auth-int\", algorithm=%s, "
			 "nonce=\"%s\", opaque=\"%s\"",
			 digest_hash_name(h), NONCE_7616, OPAQUE_7616);
		assert_int_equal(challenge(text, &ch), 0);
		assert_int_equal(ch.qop, DIGEST_AUTH | DIGEST_AUTH_INT);
		assert_int_equal(digest_answer(&ch, "Mufasa",
					       "/dir/index.html", CNONCE_7616,
					       1, &c), 0);
		s = secret_of(&c, "Circle of Life");
		assert_int_equal(digest_response(&s, &c, "GET", response), 0);
		assert_string_equal(response, want[h]);
		assert_string_equal(c.opaque, OPAQUE_7616);
	}
}

/* The values were computed with another program (Python's hashlib). */
static void other_hashes(void **state)
{
	struct digest_credentials c;
	char out[DIGEST_HEX];
	struct digest_secret s;

	(void)state;
	assert_int_equal(credentials(answer_2617, &c), 0);
	s = secret_of(&c, "Circle Of Life");
	assert_int_equal(digest_rspauth(&s, &c, out), 0);
	assert_string_equal(out, "376602cfd2f4e8e5e78b948a85263e85");
	c.algorithm.sess = 1;
	assert_int_equal(digest_response(&s, &c, "GET", out), 0);
	assert_string_equal(out, "8e3825c57e897f5a0dec6c2d4e5059d0");
	c.algorithm = (struct digest_algorithm){ DIGEST_SHA_512_256, 0 };
	assert_int_equal(digest_response(&s, &c, "GET", out), E_ARG);
	s = secret_of(&c, "Circle Of Life");
	assert_int_equal(digest_response(&s, &c, "GET", out), 0);
	assert_string_equal(out, "f23c08ec7334a881f8286e68450ddbd9f0cd91c4"
			    "1481f0e1433604da8113c6dc");
	c.qop = DIGEST_AUTH_INT;
	assert_int_equal(digest_response(&s, &c, "GET", out), E_UNSUPPORTED);
	c.algorithm.hash = DIGEST_COUNT;
	assert_int_equal(digest_secret_make(DIGEST_COUNT, "a", "b", "c", &s),
			 E_UNSUPPORTED);
	assert_int_equal(digest_secret_make(DIGEST_NONE, "a", "b", "c", &s),
			 E_UNSUPPORTED);
}

/* -- reading -------------------------------------------------------------- */

static void a_challenge_read(void **state)
{
	struct digest_challenge c;

	(void)state;
	assert_int_equal(challenge("digest  REALM = \"a b\" ,, domain=\"x\","
				   "NONCE=MTIz==,opaque=\"\", STALE=\"TRUE\","
				   "algorithm=\"sha-256-SESS\",qop=auth,"
				   "charset=UTF-8 , ", &c), 0);
	assert_string_equal(c.realm, "a b");
	assert_string_equal(c.nonce, "MTIz==");
	assert_int_equal(c.with_opaque, 1);
	assert_int_equal(c.stale, 1);
	assert_int_equal(c.algorithm.hash, DIGEST_SHA_256);
	assert_int_equal(c.algorithm.sess, 1);
	assert_int_equal(c.qop, DIGEST_AUTH);
	assert_int_equal(challenge("Digest realm=\"\\\"q\\\\\", nonce=\"n\","
				   "stale=maybe", &c), 0);
	assert_string_equal(c.realm, "\\\"q\\\\");
	assert_int_equal(c.algorithm.hash, DIGEST_MD5);
	assert_int_equal(c.qop + c.stale + c.with_opaque, 0);
}

static void challenges_refused(void **state)
{
	static const struct {
		int r;
		const char *text;
	} bad[] = {
		{ E_FORMAT, "" },
		{ E_FORMAT, "Digest" },
		{ E_FORMAT, "Digest=x" },
		{ E_UNSUPPORTED, "Basic realm=\"a\", nonce=\"b\"" },
		{ E_FORMAT, "Digest realm=\"a\"" },
		{ E_FORMAT, "Digest realm=\"a\", nonce=\"b\", nonce=\"c\"" },
		{ E_FORMAT, "Digest realm=\"a\", nonce=\"b" },
		{ E_FORMAT, "Digest realm=\"a\", nonce=\"b\\" },
		{ E_FORMAT, "Digest realm=\"a\", nonce=\"b\\\"" },
		{ E_FORMAT, "Digest realm=\"a\r\nX: y\", nonce=\"b\"" },
		{ E_FORMAT, "Digest realm=\"a\\\n\", nonce=\"b\"" },
		{ E_FORMAT, "Digest realm=\"a\" nonce=\"b\"" },
		{ E_FORMAT, "Digest realm=\"a\", nonce=" },
		{ E_FORMAT, "Digest realm=\"a\", nonce" },
		{ E_FORMAT, "Digest realm=\"a\", =\"b\", nonce=\"c\"" },
		{ E_FORMAT, "Digest realm=\"a\", nonce=\"b\", qop=\"\"" },
		{ E_FORMAT, "Digest realm=\"a\", nonce=\"b\", qop=\"a b\"" },
		{ E_UNSUPPORTED, "Digest realm=\"a\", nonce=\"b\", "
				 "algorithm=AKAv1-MD5" },
		{ E_UNSUPPORTED, "Digest algorithm=token, realm=\"a\"" },
		{ E_FORMAT, "Digest algorithm=token, realm=\"a" },
	};
	struct digest_challenge c, before;

	(void)state;
	memset(&c, 0x55, sizeof c);
	before = c;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(challenge(bad[i].text, &c), bad[i].r);
	assert_int_equal(digest_read_challenge("Digest realm=\"\0\", nonce=a",
					       27, &c), E_FORMAT);
	assert_memory_equal(&c, &before, sizeof c);
}

static void what_is_too_long(void **state)
{
	char text[2 * DIGEST_NONCE], name[DIGEST_TEXT + 1];
	struct digest_credentials a;
	struct digest_challenge c;

	(void)state;
	for (int over = 0; over < 2; over++) {
		memset(name, 'n', sizeof name);
		name[DIGEST_TEXT - 1 + over] = 0;
		snprintf(text, sizeof text, "Digest nonce=x, realm=%s", name);
		assert_int_equal(challenge(text, &c), over ? E_SPACE : 0);
		assert_int_equal(digest_answer(&c, name, "u", "", 0, &a),
				 over ? E_SPACE : 0);
		assert_int_equal(credentials(text, &a),
				 over ? E_SPACE : E_FORMAT);
	}
}

static void credentials_refused(void **state)
{
	static const char base[] = "Digest username=u,realm=r,nonce=n,uri=x,"
				   "response=0";
	static const char *const more[] = {
		",qop=auth", ",qop=auth,nc=00000001", ",qop=auth,cnonce=c",
		",qop=auth,nc=0000001,cnonce=c", ",nc=0000000g",
		",qop=auth,nc=00000000,cnonce=c", ",qop=\"\"",
		",algorithm=MD5-sess", ",realm=r2", ",response=\"",
	};
	struct digest_credentials c;
	char text[256];

	(void)state;
	assert_int_equal(credentials(base, &c), 0);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		snprintf(text, sizeof text, "%s%s", base, more[i]);
		assert_int_equal(credentials(text, &c), E_FORMAT);
	}
	snprintf(text, sizeof text, "%s,cnonce=c,nc=00000002", base);
	assert_int_equal(credentials(text, &c), 0); /* ignored without qop */
	assert_int_equal(c.nc, 0);
	assert_string_equal(c.cnonce, "");
	snprintf(text, sizeof text,
		 "%s,qop=\"auth\",cnonce=c,nc=DeadBeef,userhash=true", base);
	assert_int_equal(credentials(text, &c), 0);
	assert_int_equal(c.nc, 0xdeadbeef);
	assert_int_equal(c.userhash, 1);
}

/* No cut of a good value reads beyond its end (the sanitizers would tell), and
 * none before all that is needed is there is taken. */
static void every_cut(void **state)
{
	size_t needed = strlen(answer_2617) -
			strlen(", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"");
	struct digest_credentials c;

	(void)state;
	for (size_t n = 0; n < needed; n++)
		assert_int_equal(digest_read_credentials(answer_2617, n, &c),
				 n && n < strlen("Digest") ? E_UNSUPPORTED :
				 E_FORMAT);
	assert_int_equal(digest_read_credentials(answer_2617, needed, &c), 0);
}

/* -- writing -------------------------------------------------------------- */

static void what_is_written_reads_back(void **state)
{
	struct digest_credentials c, again;
	struct digest_challenge ch, ch2;
	struct buf b = buf_of(DIGEST_VALUE);

	(void)state;
	assert_int_equal(credentials(answer_7616, &c), 0);
	assert_int_equal(digest_write_credentials(&c, &b), 0);
	assert_int_equal(credentials(buf_string(&b), &again), 0);
	assert_memory_equal(&c, &again, sizeof c);
	buf_clear(&b);
	assert_int_equal(challenge("Digest realm=\"a\", nonce=\"b\","
				   "opaque=\"\", algorithm=MD5, qop=\"auth\","
				   "stale=true", &ch), 0);
	assert_int_equal(digest_write_challenge(&ch, &b), 0);
	assert_string_equal(buf_string(&b),
			    "Digest realm=\"a\", nonce=\"b\", opaque=\"\", "
			    "algorithm=MD5, qop=\"auth\", stale=true");
	assert_int_equal(challenge(buf_string(&b), &ch2), 0);
	assert_memory_equal(&ch, &ch2, sizeof ch);
	buf_free(&b);
}

static void nothing_escapes_its_quotes(void **state)
{
	static const char *const bad[] = { "a\"b", "a\\", "a\r\nb", "\x7f",
					   "\\\n" };
	struct digest_challenge c = { .nonce = "n",
				      .algorithm.hash = DIGEST_MD5 };
	struct buf b = buf_of(DIGEST_VALUE);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(c.realm, sizeof c.realm, "%s", bad[i]);
		assert_int_equal(digest_write_challenge(&c, &b), E_ARG);
	}
	snprintf(c.realm, sizeof c.realm, "a\\\"b\\\\");
	assert_int_equal(digest_write_challenge(&c, &b), 0);
	c.algorithm.hash = DIGEST_NONE;
	assert_int_equal(digest_write_challenge(&c, &b), E_ARG);
	buf_free(&b);
	b = buf_of(10);
	c.algorithm.hash = DIGEST_MD5;
	assert_int_equal(digest_write_challenge(&c, &b), E_SPACE);
	buf_free(&b);
}

static void info_both_ways(void **state)
{
	static const char text[] = "qop=auth, rspauth=\"00ff\", "
				   "cnonce=\"c\", nc=0000000a, "
				   "nextnonce=\"n\"";
	struct buf b = buf_of(DIGEST_VALUE);
	struct digest_info i;

	(void)state;
	assert_int_equal(digest_read_info(text, strlen(text), &i), 0);
	assert_string_equal(i.rspauth, "00ff");
	assert_int_equal(i.nc, 10);
	assert_int_equal(digest_write_info(&i, &b), 0);
	assert_string_equal(buf_string(&b), text);
	assert_int_equal(digest_read_info("", 0, &i), 0);
	assert_int_equal(i.qop, 0);
	assert_int_equal(digest_read_info("nc", 2, &i), E_FORMAT);
	buf_free(&b);
}

/* What the client makes of what is offered. */
static void answers_by_qop(void **state)
{
	struct digest_challenge ch = { .realm = "r", .nonce = "n",
				       .algorithm.hash = DIGEST_MD5 };
	struct digest_credentials c;

	(void)state;
	assert_int_equal(digest_answer(&ch, "u", "x", "c", 1, &c), 0);
	assert_int_equal(c.qop, 0);
	assert_string_equal(c.cnonce, "");
	ch.algorithm.sess = 1;
	assert_int_equal(digest_answer(&ch, "u", "x", "c", 1, &c),
			 E_UNSUPPORTED);
	ch.qop = DIGEST_AUTH_INT;
	assert_int_equal(digest_answer(&ch, "u", "x", "c", 1, &c),
			 E_UNSUPPORTED);
	ch.qop |= DIGEST_AUTH | DIGEST_OTHER;
	assert_int_equal(digest_answer(&ch, "u", "x", "", 1, &c), E_ARG);
	assert_int_equal(digest_answer(&ch, "u", "x", "c", 0, &c), E_ARG);
	assert_int_equal(digest_answer(&ch, "u", "x", "c", 7, &c), 0);
	assert_int_equal(c.qop, DIGEST_AUTH);
	assert_int_equal(c.nc, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_rfcs),
		cmocka_unit_test(both_challenges_of_7616),
		cmocka_unit_test(other_hashes),
		cmocka_unit_test(a_challenge_read),
		cmocka_unit_test(challenges_refused),
		cmocka_unit_test(what_is_too_long),
		cmocka_unit_test(credentials_refused),
		cmocka_unit_test(every_cut),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(nothing_escapes_its_quotes),
		cmocka_unit_test(info_both_ways),
		cmocka_unit_test(answers_by_qop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
