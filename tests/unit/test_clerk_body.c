/* test_clerk_body.c - the keeper seals and opens descriptions, by its own
 * policy: what a far end sealed is good for one message, once, for a while. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/smime/smime.h"
#include "tests/mock/ca.h"
#include "tests/unit/clerk_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define ALICE "sip:alice@a.example"
#define BOB "sip:bob@b.example"
#define SDP "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"

/* Alice's gateway and Bob's. */
struct ends {
	struct ca ca;
	struct credential *own[2];
	struct house a, b;
	char frag[1024], fields[1024];
	const char *words, *words_fields; /* of a MESSAGE; NULL: SDP */
	uint8_t branch;
	bool full, bare, probe;
};

static void give(struct house *h, const char *match, enum body_mode mode,
		 const struct credential *own)
{
	house_open(h, match);
	clerk_free(h->clerk);
	h->wall_us = CA_NOW * 1000000ull;
	h->profile.body = mode;
	h->credential = own;
	h->bodies = &smime_bodies;
	house_open_on(h, match, 10, NULL);
}

/* file: Alice's gateway has Bob's certificate from one. */
static void open_ends_with(struct ends *e, enum body_mode mode, bool file)
{
	static const char *const san[2] = { "URI:sip:a.example",
					    "URI:sip:b.example" };

	memset(e, 0, sizeof *e);
	e->ca = ca_make(0, "the issuer");
	for (unsigned i = 0; i < 2; i++) {
		EVP_PKEY *key = ca_key(1 + i, i ? "P-256" : "RSA", 2048);
		X509 *x = ca_issue(&e->ca, key, "x", &(struct ca_order){
			.san = san[i] });

		e->own[i] = ca_credential(x, NULL, key, &e->ca);
		if (i && file)
			ca_add(e->own[0], CREDENTIAL_PEER, "them",
			       ca_file(x, NULL, NULL, NULL));
		X509_free(x);
	}
	give(&e->a, "b.example", mode, e->own[0]);
	give(&e->b, "a.example", mode, e->own[1]);
}

static void open_ends(struct ends *e, enum body_mode mode)
{
	open_ends_with(e, mode, true);
}

static void close_ends(struct ends *e)
{
	house_close(&e->a);
	house_close(&e->b);
	credential_free(e->own[0]);
	credential_free(e->own[1]);
	ca_free(&e->ca);
}

/* The headers of Alice's INVITE, made at that time. */
static void headers(struct ends *e, uint64_t wall_us)
{
	time_t t = (time_t)(wall_us / SECOND);
	char date[64];

	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&t));
	snprintf(e->frag, sizeof e->frag, "From: <" ALICE ">;tag=1\r\n"
		 "To: <" BOB ">\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n"
		 "Contact: <sip:192.0.2.1>\r\nDate: %s\r\n", date);
}

/* The same of a request by Bob in that call. */
static void as_from_bob(struct ends *e)
{
	char date[64];

	snprintf(date, sizeof date, "%s", strstr(e->frag, "Date: "));
	snprintf(e->frag, sizeof e->frag, "From: <" BOB ">;tag=2\r\n"
		 "To: <" ALICE ">;tag=1\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n"
		 "Contact: <sip:192.0.2.2>\r\n%s", date);
}

static void add(struct sent *s, const void *data, size_t len)
{
	memcpy(s->tail + s->tail_len, data, len);
	s->tail_len += len;
}

static const struct sent *seal(struct ends *e, struct house *h,
			       const char *local, const char *remote)
{
	struct sent tail = { .tail_len = 0 };
	struct msg_body_seal m = { .party = party(1, local, remote) };
	const struct sent *s;

	m.party.n = 0;
	m.party.outward = h == &e->a;
	m.full = e->full;
	m.words = e->words != NULL;
	m.probe = e->probe;
	m.frag_len = (uint32_t)strlen(e->frag);
	add(&tail, e->frag, m.frag_len);
	if (m.words) {
		m.fields_len = (uint32_t)strlen(e->words_fields);
		add(&tail, e->words_fields, m.fields_len);
		add(&tail, e->words, strlen(e->words));
	} else if (!e->bare && !e->probe) {
		add(&tail, SDP, sizeof SDP - 1);
	}
	m.len = (uint32_t)tail.tail_len;
	assert_int_equal(tell(h, MSG_BODY_SEAL, 1, &m, sizeof m, &tail), 0);
	s = last(h, MSG_BODY_SEALED);
	snprintf(e->fields, sizeof e->fields, "Content-Type: %s\r\n",
		 s->u.sealed.type);
	if (s->u.sealed.disposition[0])
		snprintf(e->fields + strlen(e->fields), 200,
			 "Content-Disposition: %s\r\n"
			 "Content-Transfer-Encoding: %s\r\n",
			 s->u.sealed.disposition, s->u.sealed.transfer);
	return s;
}

/* As a message of that dialog; body from a sealed one. */
static const struct sent *open_as(struct ends *e, struct house *h,
				  const struct sent *body, uint8_t dialog,
				  bool response)
{
	struct sent tail = { .tail_len = 0 };
	struct msg_body_open m = { .origin = { .dialog = { dialog },
					       .branch = { 1 + e->branch },
					       .cseq = 7 },
				   .response = response };
	bool inward = h == &e->b;

	m.words = e->words != NULL;
	m.bare = e->bare || e->probe;
	m.probe = e->probe;
	m.party = inward ? party(2, BOB, ALICE) : party(1, ALICE, BOB);
	m.party.n = 0;
	m.party.outward = !inward;
	m.frag_len = (uint32_t)strlen(e->frag);
	m.fields_len = (uint32_t)strlen(e->fields);
	m.len = m.frag_len + m.fields_len + (uint32_t)body->tail_len;
	tail.tail_len = m.len;
	memcpy(tail.tail, e->frag, m.frag_len);
	memcpy(tail.tail + m.frag_len, e->fields, m.fields_len);
	memcpy(tail.tail + m.frag_len + m.fields_len, body->tail,
	       body->tail_len);
	assert_int_equal(tell(h, MSG_BODY_OPEN, 2, &m, sizeof m, &tail), 0);
	return last(h, MSG_BODY_OPENED);
}

static const struct sent *open_at(struct ends *e, struct house *h,
				  const struct sent *body, uint8_t dialog)
{
	return open_as(e, h, body, dialog, false);
}

static void opens_to_sdp(const struct sent *s)
{
	assert_int_equal(s->u.opened.err, 0);
	assert_int_equal(s->tail_len, sizeof SDP - 1);
	assert_memory_equal(s->tail, SDP, s->tail_len);
}

static void refused(const struct sent *s, int err, unsigned status,
		    const char *why)
{
	assert_int_equal(s->u.opened.err, err);
	assert_int_equal(s->u.opened.status, status);
	assert_int_equal(s->tail_len != 0, status == 493);
	assert_non_null(strstr(s->u.opened.reason, why));
}

static void each_mode_there_and_back(void **state)
{
	static struct ends e;
	const struct sent *s, *o;

	(void)state;
	for (int mode = BODY_MODE_SIGN; mode <= BODY_MODE_SIGN_ENCRYPT;
	     mode++) {
		open_ends(&e, (enum body_mode)mode);
		headers(&e, e.a.wall_us);
		s = seal(&e, &e.a, ALICE, BOB);
		assert_int_equal(s->u.sealed.err, 0);
		o = open_at(&e, &e.b, s, 1);
		opens_to_sdp(o);
		assert_int_equal(o->u.opened.is_signed,
				 mode != BODY_MODE_ENCRYPT);
		assert_int_equal(o->u.opened.encrypted,
				 mode != BODY_MODE_SIGN);
		/* back: Bob has no certificate of Alice but what she sent */
		s = seal(&e, &e.b, BOB, ALICE);
		assert_int_equal(s->u.sealed.err == 0,
				 mode != BODY_MODE_ENCRYPT);
		if (!s->u.sealed.err)
			opens_to_sdp(open_at(&e, &e.a, s, 1));
		else
			assert_non_null(strstr(s->u.sealed.reason,
					       "set its peer's cert"));
		close_ends(&e);
	}
}

static void for_one_message_once_and_for_a_while(void **state)
{
	static struct ends e;
	static struct sent s;
	char *at;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.a, ALICE, BOB);
	at = strstr(e.frag, "CSeq: 7");
	at[6] = '8';
	refused(open_at(&e, &e.b, &s, 1), E_AUTH, 403, "CSeq");
	at[6] = '7';
	e.b.wall_us += 301 * SECOND;
	refused(open_at(&e, &e.b, &s, 1), E_AUTH, 403, "Date");
	e.b.wall_us -= 2 * 301 * SECOND;
	refused(open_at(&e, &e.b, &s, 1), E_AUTH, 403, "Date");
	e.b.wall_us += 301 * SECOND;
	opens_to_sdp(open_at(&e, &e.b, &s, 1));
	refused(open_at(&e, &e.b, &s, 1), E_REPLAY, 488, "seen before");
	refused(open_at(&e, &e.b, &s, 2), E_REPLAY, 488, "seen before");
	close_ends(&e);
}

/* The same INVITE on another branch: of a fork while the first waits, else of
 * somebody who repeats it. */
static void as_long_as_the_first_waits(void **state)
{
	static struct ends e;
	static struct sent s;

	(void)state;
	for (int how = 0; how < 3; how++) {
		open_ends(&e, BODY_MODE_SIGN);
		headers(&e, e.a.wall_us);
		s = *seal(&e, &e.a, ALICE, BOB);
		opens_to_sdp(open_at(&e, &e.b, &s, 1));
		e.branch = 1;
		opens_to_sdp(open_at(&e, &e.b, &s, 1));
		e.branch = 2;
		if (how == 0)
			won(&e.b, 2);
		else if (how == 1)
			release(&e.b, 2);
		if (how == 2)
			opens_to_sdp(open_at(&e, &e.b, &s, 1));
		else
			refused(open_at(&e, &e.b, &s, 1), E_REPLAY, 488,
				"seen before");
		close_ends(&e);
	}
}

/* What the far end says in a call of ours begins none: no proxy forks it. */
static void in_a_call_of_ours_once(void **state)
{
	static struct ends e;
	static struct sent s;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	as_from_bob(&e);
	s = *seal(&e, &e.b, BOB, ALICE);
	opens_to_sdp(open_at(&e, &e.a, &s, 1));
	e.branch = 1;
	refused(open_at(&e, &e.a, &s, 1), E_REPLAY, 488, "seen before");
	close_ends(&e);
}

/* Who repeats it may write what no signature covers in another way. */
static void however_it_is_written(void **state)
{
	static const char type[] = "application/pkcs7-signature";
	static struct ends e;
	static struct sent s;
	char *at;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.a, ALICE, BOB);
	opens_to_sdp(open_at(&e, &e.b, &s, 1));
	at = strstr((char *)s.tail, type);
	assert_non_null(at);
	at[0] = 'A';
	refused(open_at(&e, &e.b, &s, 2), E_REPLAY, 488, "seen before");
	close_ends(&e);
}

/* A 183 and its 200 may have the same body. */
static void a_response_says_it_again(void **state)
{
	static struct ends e;
	static struct sent s;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.b, BOB, ALICE);
	opens_to_sdp(open_as(&e, &e.a, &s, 1, true));
	opens_to_sdp(open_as(&e, &e.a, &s, 1, true));
	close_ends(&e);
}

#define TEXT "Content-Type: text/plain;charset=UTF-8\r\n" \
	     "Content-Language: de\r\n"

static void what_is_less_than_the_profile_wants(void **state)
{
	static struct ends e;
	static struct sent s;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN_ENCRYPT);
	headers(&e, e.a.wall_us);
	e.a.profile.body = BODY_MODE_SIGN;
	s = *seal(&e, &e.a, ALICE, BOB);
	refused(open_at(&e, &e.b, &s, 1), E_POLICY, 488, "not encrypted");
	e.bare = true; /* nor where only headers might be: a 183 */
	refused(open_at(&e, &e.b, &s, 1), E_POLICY, 488, "not encrypted");
	e.bare = false;
	e.words_fields = TEXT;
	e.words = "hello";
	s = *seal(&e, &e.a, ALICE, BOB);
	e.bare = true;
	refused(open_at(&e, &e.b, &s, 1), E_POLICY, 488, "not encrypted");
	e.bare = false;
	e.words = NULL;
	e.a.profile.body = BODY_MODE_ENCRYPT;
	s = *seal(&e, &e.a, ALICE, BOB);
	/* by AES-CBC, so that nobody learns why */
	refused(open_at(&e, &e.b, &s, 1), E_AUTH, 493, "");
	strcpy(e.fields, "Content-Type: application/sdp\r\n");
	s.tail_len = sizeof SDP - 1;
	memcpy(s.tail, SDP, s.tail_len);
	refused(open_at(&e, &e.b, &s, 1), E_POLICY, 488, "not ");
	close_ends(&e);
}

/* No byte that changes lets anything else through; some, like the case of a
 * header's name, change nothing. */
static void a_changed_byte_shows_nothing_else(void **state)
{
	static struct ends e;
	static struct sent s;
	const struct sent *o;
	size_t fine = 0;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.a, ALICE, BOB);
	for (size_t i = 0; i < s.tail_len; i += 17) {
		e.b.n = 0;
		e.b.mono_us += 10 * SECOND; /* the rate */
		s.tail[i] ^= 0x20;
		o = open_at(&e, &e.b, &s, (uint8_t)i);
		if (o->u.opened.err)
			assert_int_equal(o->tail_len != 0,
					 o->u.opened.status == 493);
		else
			opens_to_sdp(o);
		fine += !o->u.opened.err;
		s.tail[i] ^= 0x20;
	}
	assert_in_range(fine, 0, s.tail_len / 17 / 10);
	close_ends(&e);
}


static void opens_to_words(const struct ends *e, const struct sent *s)
{
	size_t n = s->u.opened.fields_len;

	assert_int_equal(s->u.opened.err, 0);
	assert_int_equal(n, strlen(e->words_fields));
	assert_memory_equal(s->tail, e->words_fields, n);
	assert_int_equal(s->tail_len - n, strlen(e->words));
	assert_memory_equal(s->tail + n, e->words, s->tail_len - n);
}

static void words_of_any_kind(void **state)
{
	static const char *const kinds[][2] = {
		{ TEXT, "hello\r\n\r\n--x\r\nyou" },
		{ "Content-Type: application/im-iscomposing+xml\r\n", "<i/>" },
		{ "Content-Type: message/cpim\r\n"
		  "Content-Disposition: render;handling=optional\r\n",
		  "From: <im:x>\r\n\r\nContent-Type: text/plain\r\n\r\nhi" },
		{ "Content-Type: multipart/mixed;boundary=b\r\n",
		  "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n" },
		{ "Content-Type: text/plain\r\n"
		  "Content-Transfer-Encoding: quoted-printable\r\n", "=41" },
		{ "", "a body of no type" },
	};
	static struct ends e;
	static struct sent s;

	(void)state;
	for (int mode = BODY_MODE_SIGN; mode <= BODY_MODE_SIGN_ENCRYPT;
	     mode++) {
		open_ends(&e, (enum body_mode)mode);
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
			e.a.wall_us = e.b.wall_us += SECOND;
			headers(&e, e.a.wall_us);
			e.words_fields = kinds[i][0];
			e.words = kinds[i][1];
			s = *seal(&e, &e.a, ALICE, BOB);
			assert_int_equal(s.u.sealed.err, 0);
			assert_string_not_equal(s.u.sealed.type, "");
			opens_to_words(&e, open_at(&e, &e.b, &s, 1));
			if (mode == BODY_MODE_ENCRYPT)
				continue;
			e.branch = 1;
			refused(open_at(&e, &e.b, &s, 1), E_REPLAY, 488,
				"seen before");
			e.branch = 0;
		}
		close_ends(&e);
	}
}

/* What one is opened as, the other is not: an INVITE has SDP. */
static void words_are_no_description(void **state)
{
	static struct ends e;
	static struct sent s;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	e.words_fields = TEXT;
	e.words = "hello";
	s = *seal(&e, &e.a, ALICE, BOB);
	e.words = NULL;
	refused(open_at(&e, &e.b, &s, 1), E_UNSUPPORTED, 415, "");
	s = *seal(&e, &e.a, ALICE, BOB);
	e.words = "";
	refused(open_at(&e, &e.b, &s, 1), E_UNSUPPORTED, 415, "SDP");
	e.words = "hello";
	s = *seal(&e, &e.a, ALICE, BOB);
	e.frag[strlen("From: <sip:alice@a.example>;tag=")] = '2';
	refused(open_at(&e, &e.b, &s, 1), E_AUTH, 403, "From");
	close_ends(&e);
}

/* The headers of a message that has no body: a BYE, a 180. */
static void headers_alone(void **state)
{
	static struct ends e;
	static struct sent s, none;
	const struct sent *o;
	char *at;

	(void)state;
	for (int mode = BODY_MODE_SIGN; mode <= BODY_MODE_SIGN_ENCRYPT;
	     mode++) {
		open_ends(&e, (enum body_mode)mode);
		headers(&e, e.a.wall_us);
		e.bare = true;
		s = *seal(&e, &e.a, ALICE, BOB);
		if (mode == BODY_MODE_ENCRYPT) {
			assert_int_equal(s.u.sealed.err, E_CONF);
			close_ends(&e);
			continue;
		}
		e.bare = false; /* where a description must be */
		if (mode == BODY_MODE_SIGN)
			refused(open_at(&e, &e.b, &s, 1), E_FORMAT, 400,
				"description");
		else /* nothing is there that would be encrypted */
			refused(open_at(&e, &e.b, &s, 1), E_POLICY, 488,
				"not encrypted");
		e.bare = true;
		at = strstr(e.frag, "CSeq: 7");
		at[6] = '8';
		refused(open_at(&e, &e.b, &s, 1), E_AUTH, 403, "CSeq");
		at[6] = '7';
		o = open_at(&e, &e.b, &s, 1);
		assert_int_equal(o->u.opened.err, 0);
		assert_true(o->u.opened.is_signed);
		assert_int_equal(o->tail_len, 0);
		refused(open_at(&e, &e.b, &s, 2), E_REPLAY, 488, "seen");
		e.fields[0] = 0;
		refused(open_at(&e, &e.b, &none, 1), E_AUTH, 403, "nobody");
		close_ends(&e);
	}
}

/* What was signed for a 183 is no answer. */
static void the_status_is_signed_too(void **state)
{
	static struct ends e;
	static struct sent s;
	static char lines[1024];

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	strcpy(lines, e.frag);
	snprintf(e.frag, sizeof e.frag, "SIP/2.0 183 Session Progress\r\n"
		 "%.900s", lines);
	s = *seal(&e, &e.b, BOB, ALICE);
	memcpy(e.frag + strlen("SIP/2.0 "), "200", 3);
	refused(open_as(&e, &e.a, &s, 1, true), E_AUTH, 403, "first line");
	memcpy(e.frag + strlen("SIP/2.0 "), "183", 3);
	opens_to_sdp(open_as(&e, &e.a, &s, 1, true));
	strcpy(e.frag, lines); /* nor is what names none */
	s = *seal(&e, &e.b, BOB, ALICE);
	snprintf(e.frag, sizeof e.frag, "SIP/2.0 200 OK\r\n%.900s", lines);
	refused(open_as(&e, &e.a, &s, 1, true), E_AUTH, 403, "status");
	close_ends(&e);
}

/* Certificates travel once, until somebody does not know them. */
static void certificates_travel_once(void **state)
{
	static struct ends e;
	static struct sent s;
	size_t with;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.a, ALICE, BOB);
	assert_false(s.u.sealed.brief);
	with = s.tail_len;
	opens_to_sdp(open_at(&e, &e.b, &s, 1));
	/* nothing is known of Bob's gateway before it answers */
	assert_false(seal(&e, &e.a, ALICE, BOB)->u.sealed.brief);
	s = *seal(&e, &e.b, BOB, ALICE);
	assert_false(s.u.sealed.brief);
	opens_to_sdp(open_at(&e, &e.a, &s, 1));

	e.a.wall_us = e.b.wall_us += SECOND;
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.a, ALICE, BOB);
	assert_true(s.u.sealed.brief);
	assert_in_range(s.tail_len, 1, with - 500);
	opens_to_sdp(open_at(&e, &e.b, &s, 1));

	/* a gateway that was restarted knows nobody, and says so */
	house_reopen(&e.b);
	refused(open_at(&e, &e.b, &s, 1), E_NOTFOUND, 493, "");
	e.full = true;
	s = *seal(&e, &e.a, ALICE, BOB);
	assert_false(s.u.sealed.brief);
	opens_to_sdp(open_at(&e, &e.b, &s, 1));
	e.full = false;
	assert_false(seal(&e, &e.a, ALICE, BOB)->u.sealed.brief);
	close_ends(&e);
}

static const struct sent *learn(struct house *h, const struct sent *shown)
{
	struct msg_body_learn m = { .party = party(1, ALICE, BOB),
				    .len = (uint32_t)shown->tail_len,
				    .fields_len = shown->u.opened.fields_len };

	m.party.n = 0;
	m.party.outward = 1;
	assert_int_equal(tell(h, MSG_BODY_LEARN, 3, &m, sizeof m, shown), 0);
	return last(h, MSG_BODY_LEARNED);
}

/* Who sealed for a key that is no longer ours hears which one is (RFC 3261
 * 23.2), and seals for that one if its policy lets it. */
static void a_493_brings_the_certificate(void **state)
{
	static struct ends e;
	static struct sent s, no;
	struct credential *older;
	EVP_PKEY *key;
	X509 *x;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN_ENCRYPT);
	/* what Alice's gateway has of Bob is of last year */
	key = ca_key(3, "P-256", 0);
	x = ca_issue(&e.ca, key, "x", &(struct ca_order){
		.san = "URI:sip:b.example" });
	older = ca_credential(x, NULL, key, &e.ca);
	ca_add(e.own[0], CREDENTIAL_PEER, "them", ca_file(x, NULL, NULL, NULL));
	X509_free(x);
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.a, ALICE, BOB);
	no = *open_at(&e, &e.b, &s, 1);
	assert_int_equal(no.u.opened.status, 493);
	assert_true(no.u.opened.fields_len > 0);
	assert_true(no.tail_len > no.u.opened.fields_len);
	assert_int_equal(learn(&e.a, &no)->u.learned.err, 0);
	s = *seal(&e, &e.a, ALICE, BOB);
	opens_to_sdp(open_at(&e, &e.b, &s, 1));
	/* the same one again says nothing new */
	assert_int_equal(learn(&e.a, &no)->u.learned.err, E_STATE);
	credential_free(older);
	close_ends(&e);
}

/* Without a file of the other's: signed headers there, signed headers back,
 * then both can encrypt. */
static void certificates_are_asked_for(void **state)
{
	static struct ends e;
	static struct sent s;

	(void)state;
	open_ends_with(&e, BODY_MODE_SIGN_ENCRYPT, false);
	headers(&e, e.a.wall_us);
	e.a.profile.fetch = true;
	s = *seal(&e, &e.a, ALICE, BOB);
	assert_int_equal(s.u.sealed.err, E_NOTFOUND);
	assert_true(s.u.sealed.fetch);
	e.a.profile.fetch = false;
	assert_false(seal(&e, &e.a, ALICE, BOB)->u.sealed.fetch);
	/* who is called does not ask */
	e.b.profile.fetch = true;
	s = *seal(&e, &e.b, BOB, ALICE);
	assert_int_equal(s.u.sealed.err, E_NOTFOUND);
	assert_false(s.u.sealed.fetch);

	e.probe = true;
	s = *seal(&e, &e.a, ALICE, BOB);
	assert_int_equal(s.u.sealed.err, 0);
	assert_false(s.u.sealed.brief);
	assert_int_equal(open_at(&e, &e.b, &s, 1)->u.opened.err, 0);
	refused(open_at(&e, &e.b, &s, 1), E_REPLAY, 488, "seen before");
	s = *seal(&e, &e.b, BOB, ALICE);
	assert_int_equal(open_as(&e, &e.a, &s, 1, true)->u.opened.err, 0);
	e.probe = false;

	e.a.wall_us = e.b.wall_us += SECOND;
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.a, ALICE, BOB);
	assert_int_equal(s.u.sealed.err, 0);
	opens_to_sdp(open_at(&e, &e.b, &s, 1));
	s = *seal(&e, &e.b, BOB, ALICE);
	opens_to_sdp(open_as(&e, &e.a, &s, 1, true));
	close_ends(&e);
}

/* A question is no message: what only signs says nothing in a call that has to
 * be encrypted. */
static void a_question_is_no_body(void **state)
{
	static struct ends e;
	static struct sent s;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN_ENCRYPT);
	headers(&e, e.a.wall_us);
	e.probe = true;
	s = *seal(&e, &e.a, ALICE, BOB);
	e.probe = false;
	refused(open_at(&e, &e.b, &s, 1), E_POLICY, 488, "not encrypted");
	close_ends(&e);
}

/* Only an issuer that is believed, and only for that identity. */
static void certificates_of_others_are_not_learned(void **state)
{
	static struct ends e, f;
	static struct sent s, no;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN_ENCRYPT);
	open_ends(&f, BODY_MODE_SIGN_ENCRYPT);
	headers(&f, f.a.wall_us);
	/* sealed for Bob, it comes to Alice: she shows her own */
	s = *seal(&f, &f.a, ALICE, BOB);
	strcpy(e.frag, f.frag);
	strcpy(e.fields, f.fields);
	no = *open_at(&e, &e.a, &s, 1);
	assert_int_equal(no.u.opened.status, 493);
	assert_true(no.tail_len > 0);
	assert_int_equal(learn(&e.a, &no)->u.learned.err, E_AUTH);
	no.tail_len = no.u.opened.fields_len;
	assert_int_not_equal(learn(&e.a, &no)->u.learned.err, 0);
	e.a.profile.body = BODY_MODE_NONE;
	assert_int_equal(learn(&e.a, &no)->u.learned.err, E_POLICY);
	close_ends(&e);
	close_ends(&f);
}

static void policy_is_the_keepers_own(void **state)
{
	static struct ends e;
	static struct sent s;

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	headers(&e, e.a.wall_us);
	s = *seal(&e, &e.a, ALICE, BOB);
	e.b.profile.body = BODY_MODE_NONE;
	refused(open_at(&e, &e.b, &s, 1), E_POLICY, 403, "no S/MIME");
	e.b.profile.body = BODY_MODE_SIGN;
	e.b.credential = NULL;
	refused(open_at(&e, &e.b, &s, 1), E_POLICY, 403, "set identity");
	e.b.credential = e.own[1];
	e.b.bodies = NULL;
	refused(open_at(&e, &e.b, &s, 1), E_NOTFOUND, 500, "no module");
	e.b.bodies = &smime_bodies;
	strcpy(e.b.peer.name, "others");
	refused(open_at(&e, &e.b, &s, 1), E_POLICY, 403, "belongs to peer");
	strcpy(e.b.peer.name, "them");
	/* our certificate is for a.example alone */
	assert_int_not_equal(seal(&e, &e.a, "sip:x@c.example", BOB)
			     ->u.sealed.err, 0);
	close_ends(&e);
}

static void a_broken_request_closes_the_pair(void **state)
{
	static struct ends e;
	struct msg_body_seal m = { .party = party(1, ALICE, BOB),
				   .len = 3, .frag_len = 4 };
	struct msg_body_open o = { .party = party(1, ALICE, BOB), .len = 3,
				   .frag_len = 2, .fields_len = 2 };
	struct sent tail = { .tail_len = 3 };

	(void)state;
	open_ends(&e, BODY_MODE_SIGN);
	assert_int_equal(tell(&e.a, MSG_BODY_SEAL, 1, &m, sizeof m, &tail),
			 E_FORMAT);
	assert_int_equal(tell(&e.a, MSG_BODY_OPEN, 1, &o, sizeof o, &tail),
			 E_FORMAT);
	o.fields_len = UINT32_MAX;
	assert_int_equal(tell(&e.a, MSG_BODY_OPEN, 1, &o, sizeof o, &tail),
			 E_FORMAT);
	o.party.call = 0;
	o.fields_len = 0;
	assert_int_equal(tell(&e.a, MSG_BODY_OPEN, 1, &o, sizeof o, &tail),
			 E_FORMAT);
	close_ends(&e);
}

static void ignore_line(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mode_there_and_back),
		cmocka_unit_test(for_one_message_once_and_for_a_while),
		cmocka_unit_test(as_long_as_the_first_waits),
		cmocka_unit_test(in_a_call_of_ours_once),
		cmocka_unit_test(however_it_is_written),
		cmocka_unit_test(a_response_says_it_again),
		cmocka_unit_test(what_is_less_than_the_profile_wants),
		cmocka_unit_test(a_changed_byte_shows_nothing_else),
		cmocka_unit_test(words_of_any_kind),
		cmocka_unit_test(words_are_no_description),
		cmocka_unit_test(headers_alone),
		cmocka_unit_test(the_status_is_signed_too),
		cmocka_unit_test(certificates_travel_once),
		cmocka_unit_test(a_493_brings_the_certificate),
		cmocka_unit_test(certificates_are_asked_for),
		cmocka_unit_test(a_question_is_no_body),
		cmocka_unit_test(certificates_of_others_are_not_learned),
		cmocka_unit_test(policy_is_the_keepers_own),
		cmocka_unit_test(a_broken_request_closes_the_pair),
	};

	log_to(ignore_line);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
