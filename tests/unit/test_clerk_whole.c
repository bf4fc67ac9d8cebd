/* test_clerk_whole.c - the keeper seals and opens whole messages of calls (RFC
 * 3261 23.4): what within fits what is around, under one key for a call. */
#include "daemon/base/err.h"
#include "daemon/keeper/sessions.h"
#include "modules/smime/smime.h"
#include "tests/mock/alloc.h"
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

/* Alice's gateway and Bob's, and a message between them. */
struct ends {
	struct ca ca;
	struct credential *own[2];
	struct house a, b;
	char head[2048];   /* that is sealed */
	char around[2048]; /* of the message that comes */
	const char *words; /* with fields; NULL: content */
	const char *content;
	bool full, bare, response;
	uint8_t whole, dialog;
};

static void give(struct house *h, const char *match,
		 const struct credential *own)
{
	house_open(h, match);
	clerk_free(h->clerk);
	h->wall_us = CA_NOW * 1000000ull;
	h->profile.body = BODY_MODE_TUNNEL;
	h->credential = own;
	h->bodies = &smime_bodies;
	house_open_on(h, match, 10, NULL);
}

/* b: the name in the certificate of Bob's. */
static void open_ends_as(struct ends *e, const char *b)
{
	const char *const san[2] = { "URI:sip:a.example", b };

	memset(e, 0, sizeof *e);
	e->whole = WHOLE_CALL;
	e->content = SDP;
	e->ca = ca_make(0, "the issuer");
	for (unsigned i = 0; i < 2; i++) {
		EVP_PKEY *key = ca_key(1 + i, "P-256", 0);
		X509 *x = ca_issue(&e->ca, key, "x", &(struct ca_order){
			.san = san[i], .key_id = true });

		e->own[i] = ca_credential(x, NULL, key, &e->ca);
		if (i)
			ca_add(e->own[0], CREDENTIAL_PEER, "them",
			       ca_file(x, NULL, NULL, NULL));
		X509_free(x);
	}
	give(&e->a, "b.example", e->own[0]);
	give(&e->b, "a.example", e->own[1]);
}

static void open_ends(struct ends *e)
{
	open_ends_as(e, "URI:sip:b.example");
}

static void close_ends(struct ends *e)
{
	house_close(&e->a);
	house_close(&e->b);
	credential_free(e->own[0]);
	credential_free(e->own[1]);
	ca_free(&e->ca);
}

/* A message of this call. Around it is less, and more. */
static void say(struct ends *e, const char *start, const char *cseq)
{
	time_t t = CA_NOW;
	char date[64];

	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&t));
	e->response = !strncmp(start, "SIP/2.0", 7);
	e->dialog++;
	snprintf(e->head, sizeof e->head, "%s\r\nFrom: <" ALICE ">;tag=1\r\n"
		 "To: <" BOB ">\r\nCall-ID: x\r\nCSeq: %s\r\n"
		 "Contact: <sip:192.0.2.1>\r\nDate: %s\r\nSubject: tea %s\r\n"
		 "Allow: BYE\r\n", start, cseq, date, cseq);
	snprintf(e->around, sizeof e->around, "%s\r\nVia: SIP/2.0/UDP p\r\n"
		 "f: <" ALICE ">;tag=1\r\nTo: <" BOB ">\r\ni: x\r\n"
		 "CSeq: %s\r\nContact: <sip:192.0.2.1>\r\nDate: %s\r\n"
		 "Max-Forwards: 9\r\nContent-Length: 3\r\n", start, cseq, date);
}

static void add(struct sent *s, const char *text)
{
	size_t len = strlen(text);

	memcpy(s->tail + s->tail_len, text, len);
	s->tail_len += len;
}

/* By itself a body is bound to headers alone. */
static const char *bound(const struct ends *e, const char *head)
{
	return e->whole ? head : strstr(head, "\r\n") + 2;
}

static struct msg_key_party between(const struct ends *e,
				    const struct house *h)
{
	struct msg_key_party p = h == &e->a ? party(1, ALICE, BOB)
					    : party(2, BOB, ALICE);

	p.n = 0;
	p.outward = h == &e->a;
	return p;
}

static const struct sent *seal(struct ends *e, struct house *h)
{
	struct sent tail = { .tail_len = 0 };
	struct msg_body_seal m = { .party = between(e, h), .full = e->full,
				   .words = e->words != NULL,
				   .whole = e->whole };

	add(&tail, bound(e, e->head));
	m.frag_len = (uint32_t)tail.tail_len;
	add(&tail, e->words ? e->words : "");
	m.fields_len = (uint32_t)tail.tail_len - m.frag_len;
	add(&tail, e->content);
	m.len = (uint32_t)tail.tail_len;
	assert_int_equal(tell(h, MSG_BODY_SEAL, 1, &m, sizeof m, &tail), 0);
	return last(h, MSG_BODY_SEALED);
}

static const struct sent *open_it(struct ends *e, struct house *h,
				  const struct sent *body)
{
	static struct sent tail;
	struct msg_body_open m = { .party = between(e, h),
				   .origin = { .dialog = { e->dialog },
					       .cseq = 7 },
				   .response = e->response, .bare = e->bare,
				   .words = e->words != NULL,
				   .whole = e->whole };

	tail.tail_len = 0;
	add(&tail, bound(e, e->around));
	m.frag_len = (uint32_t)tail.tail_len;
	add(&tail, "Content-Type: ");
	add(&tail, body->u.sealed.type);
	add(&tail, "\r\n");
	m.fields_len = (uint32_t)tail.tail_len - m.frag_len;
	memcpy(tail.tail + tail.tail_len, body->tail, body->tail_len);
	tail.tail_len += body->tail_len;
	m.len = (uint32_t)tail.tail_len;
	assert_int_equal(tell(h, MSG_BODY_OPEN, 2, &m, sizeof m, &tail), 0);
	return last(h, MSG_BODY_OPENED);
}

/* All of it came through. */
static void opens(const struct ends *e, const struct sent *s)
{
	const struct msg_body_opened *m = &s->u.opened;
	size_t at = m->head_len + m->fields_len;

	if (m->err)
		fail_msg("%s", m->reason);
	assert_true(m->is_signed && m->encrypted);
	assert_int_equal(m->head_len, strlen(e->head));
	assert_memory_equal(s->tail, e->head, m->head_len);
	assert_int_equal(s->tail_len - at, strlen(e->content));
	assert_memory_equal(s->tail + at, e->content, strlen(e->content));
}

static void refused(const struct sent *s, int err, unsigned status,
		    const char *why)
{
	if (!strstr(s->u.opened.reason, why))
		fail_msg("%s", s->u.opened.reason);
	assert_int_equal(s->u.opened.err, err);
	assert_int_equal(s->u.opened.status, status);
	assert_int_equal(s->u.opened.head_len, 0);
	assert_int_equal(s->tail_len != 0, status == 493);
}

static bool shows(const struct sent *s, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i + n <= s->tail_len; i++)
		if (!memcmp(s->tail + i, text, n))
			return true;
	return false;
}

static size_t passes(struct ends *e, struct house *from, struct house *to)
{
	const struct sent *s = seal(e, from);

	if (s->u.sealed.err)
		fail_msg("%s", s->u.sealed.reason);
	assert_false(shows(s, "Subject") || shows(s, "a.example"));
	opens(e, open_it(e, to, s));
	return s->tail_len;
}

static void a_call_has_one_key(void **state)
{
	static struct ends e;
	size_t invite, ok, ack, again;

	(void)state;
	open_ends(&e);
	say(&e, "INVITE " BOB " SIP/2.0", "1 INVITE");
	(void)passes(&e, &e.a, &e.b);
	say(&e, "SIP/2.0 200 OK", "1 INVITE");
	ok = passes(&e, &e.b, &e.a);
	say(&e, "ACK " BOB " SIP/2.0", "1 ACK");
	e.content = "";
	e.bare = true;
	ack = passes(&e, &e.a, &e.b);
	/* by public keys once more, which the key then travels with */
	e.full = true;
	say(&e, "UPDATE " BOB " SIP/2.0", "2 UPDATE");
	invite = passes(&e, &e.a, &e.b);
	say(&e, "SIP/2.0 200 OK", "2 UPDATE");
	e.full = false;
	again = passes(&e, &e.b, &e.a);
	/* the engine goes on to ask so: the key that is there stays */
	e.full = true;
	say(&e, "UPDATE " BOB " SIP/2.0", "3 UPDATE");
	assert_true(passes(&e, &e.a, &e.b) < invite - 150);
	assert_true(ok < 1000 && ack < 900 && again < 900);
	assert_true(invite > ack + 200);
	close_ends(&e);
}

static void who_is_called_instead_gets_another_key(void **state)
{
	static struct sessions s;
	struct bodies_terms t = { .remote_id = BOB };
	uint8_t id[sizeof s.key[0].id];

	(void)state;
	sessions_seal(&s, false, &t);
	memcpy(id, t.session->id, sizeof id);
	sessions_seal(&s, false, &t);
	assert_memory_equal(t.session->id, id, sizeof id);
	assert_true(t.carry);
	sessions_opened(&s, &(struct bodies_opened){ .by_session = 1 });
	sessions_seal(&s, false, &t);
	assert_false(t.carry);
	t.remote_id = "sip:carol@b.example";
	sessions_seal(&s, false, &t);
	assert_memory_not_equal(t.session->id, id, sizeof id);
	assert_true(t.carry);
	/* nor does what Bob sends still open */
	t.remote_id = BOB;
	sessions_open(&s, &t);
	assert_int_equal(t.n_session, 0);
	wipe(&s, sizeof s);
}

static void keys_end_with_the_call(void **state)
{
	static struct ends e;
	const struct sent *s;

	(void)state;
	open_ends(&e);
	say(&e, "INVITE " BOB " SIP/2.0", "1 INVITE");
	(void)passes(&e, &e.a, &e.b);
	say(&e, "SIP/2.0 200 OK", "1 INVITE");
	(void)passes(&e, &e.b, &e.a);
	say(&e, "BYE " BOB " SIP/2.0", "2 BYE");
	s = seal(&e, &e.a);
	release(&e.b, 2);
	refused(open_it(&e, &e.b, s), E_AUTH, 493, "not encrypted for us");
	e.full = true; /* as the engine asks after that 493 */
	(void)passes(&e, &e.a, &e.b);
	/* of a call that is over it is sealed, too, and nothing is kept */
	release(&e.a, 1);
	e.full = false;
	e.whole = WHOLE_LAST;
	say(&e, "BYE " BOB " SIP/2.0", "3 BYE");
	(void)passes(&e, &e.a, &e.b);
	say(&e, "BYE " BOB " SIP/2.0", "4 BYE");
	(void)passes(&e, &e.a, &e.b);
	close_ends(&e);
}

static void change(char *text, const char *what, const char *to)
{
	char *at = strstr(text, what);

	assert_non_null(at);
	memcpy(at, to, strlen(to));
}

static void both_belong_together(void **state)
{
	static const struct {
		const char *what, *to, *why;
	} rows[] = {
		{ "x\r\n", "y\r\n", "Call-ID" },
		{ "7 INVITE", "8 INVITE", "CSeq" },
		{ "alice", "mallo", "From" }, { "bob@b", "rob@b", "To" },
		{ "INVITE", "UPDATE", "first line" },
		{ "192.0.2.1", "192.0.2.9", "Contact" },
		{ "GMT", "GMX", "Date" },
	};
	static struct ends e;
	const struct sent *s;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		open_ends(&e);
		say(&e, "INVITE sip:b@b SIP/2.0", "7 INVITE");
		s = seal(&e, &e.a);
		change(e.around, rows[i].what, rows[i].to);
		refused(open_it(&e, &e.b, s), E_AUTH, 403, rows[i].why);
		close_ends(&e);
	}
}

static void what_comes_again_or_late_is_refused(void **state)
{
	static struct ends e;
	const struct sent *s;

	(void)state;
	open_ends(&e);
	say(&e, "INVITE " BOB " SIP/2.0", "1 INVITE");
	s = seal(&e, &e.a);
	opens(&e, open_it(&e, &e.b, s));
	e.dialog++;
	refused(open_it(&e, &e.b, s), E_REPLAY, 488, "seen before");
	e.b.wall_us += 1000 * SECOND;
	e.dialog++;
	refused(open_it(&e, &e.b, s), E_AUTH, 403, "Date is off");
	close_ends(&e);
}

static void nothing_less_is_taken(void **state)
{
	static struct ends e;
	const struct sent *s;

	(void)state;
	open_ends(&e);
	/* only its body is sealed */
	e.a.profile.body = BODY_MODE_SIGN_ENCRYPT;
	e.whole = WHOLE_NOT;
	say(&e, "INVITE " BOB " SIP/2.0", "1 INVITE");
	s = seal(&e, &e.a);
	assert_int_equal(s->u.sealed.err, 0);
	refused(open_it(&e, &e.b, s), E_POLICY, 403, "no whole message");
	e.whole = WHOLE_CALL;
	refused(open_it(&e, &e.b, s), E_POLICY, 488, "no whole message");
	/* the other way round, too */
	assert_int_equal(seal(&e, &e.a)->u.sealed.err, E_POLICY);
	e.a.profile.body = BODY_MODE_TUNNEL;
	s = seal(&e, &e.a);
	e.b.profile.body = BODY_MODE_SIGN_ENCRYPT;
	refused(open_it(&e, &e.b, s), E_POLICY, 403, "body = \"tunnel\"");
	e.whole = WHOLE_NOT;
	assert_int_not_equal(open_it(&e, &e.b, s)->u.opened.err, 0);
	close_ends(&e);
}

static void words_and_nothing(void **state)
{
	static struct ends e;
	const struct sent *s;

	(void)state;
	open_ends(&e);
	e.words = "Content-Type: text/plain\r\n";
	e.content = "5";
	say(&e, "INFO " BOB " SIP/2.0", "3 INFO");
	s = seal(&e, &e.a);
	s = open_it(&e, &e.b, s);
	opens(&e, s);
	assert_memory_equal(s->tail + s->u.opened.head_len, e.words,
			    strlen(e.words));
	/* outside of calls they go by themselves */
	e.whole = WHOLE_NOT;
	say(&e, "MESSAGE " BOB " SIP/2.0", "3 MESSAGE");
	s = seal(&e, &e.a);
	assert_int_equal(s->u.sealed.err, 0);
	s = open_it(&e, &e.b, s);
	assert_int_equal(s->u.opened.err, 0);
	assert_int_equal(s->u.opened.head_len, 0);
	/* an INVITE must offer */
	e.whole = WHOLE_CALL;
	e.words = NULL;
	e.content = "";
	say(&e, "INVITE " BOB " SIP/2.0", "9 INVITE");
	s = seal(&e, &e.a);
	refused(open_it(&e, &e.b, s), E_POLICY, 488, "no description");
	close_ends(&e);
}

/* -- who is hidden -------------------------------------------------------- */

static void put_around(struct ends *e, const char *from, const char *to)
{
	char *rest = strstr(e->around, "i: x\r\n"), copy[1024];

	snprintf(copy, sizeof copy, "%s", rest);
	snprintf(e->around, sizeof e->around, "INVITE sip:x@b.example SIP/2.0"
		 "\r\nFrom: <%s>;tag=1\r\nTo: <%s>\r\n%s", from, to, copy);
}

/* An INVITE of Alice's, who is hidden, and Bob, if he is; sealed. */
static const struct sent *hidden(struct ends *e, enum hide hide)
{
	e->a.profile.hide = e->b.profile.hide = hide;
	say(e, "INVITE " BOB " SIP/2.0", "1 INVITE");
	put_around(e, "sip:anonymous@anonymous.invalid",
		   hide == HIDE_BOTH ? "sip:f00d@b.example" : BOB);
	return seal(e, &e->a);
}

static void hidden_refused(const struct sent *s, unsigned status,
			   const char *why)
{
	if (!s->u.opened.err || !strstr(s->u.opened.reason, why))
		fail_msg("%s", s->u.opened.reason);
	assert_int_equal(s->u.opened.status, status);
	assert_int_equal(s->tail_len, 0); /* no certificates, either */
}

static void who_is_hidden_is_named_within(void **state)
{
	static struct ends e;
	const struct sent *s, *o;

	(void)state;
	for (enum hide hide = HIDE_CALLER; hide <= HIDE_BOTH; hide++) {
		open_ends(&e);
		s = hidden(&e, hide);
		assert_int_equal(s->u.sealed.err, 0);
		/* who is it? as often as somebody asks */
		e.whole = WHOLE_REVEAL;
		for (unsigned i = 0; i < 2; i++) {
			o = open_it(&e, &e.b, s);
			if (o->u.opened.err)
				fail_msg("%s", o->u.opened.reason);
			assert_int_equal(o->tail_len, strlen(e.head));
			assert_memory_equal(o->tail, e.head, o->tail_len);
		}
		e.whole = WHOLE_CALL;
		opens(&e, open_it(&e, &e.b, s));
		e.dialog++;
		hidden_refused(open_it(&e, &e.b, s), 488, "seen before");
		close_ends(&e);
	}
}

static void no_more_differs_than_is_hidden(void **state)
{
	static struct ends e;
	const struct sent *s;

	(void)state;
	open_ends(&e);
	s = hidden(&e, HIDE_CALLER);
	put_around(&e, "sip:anonymous@anonymous.invalid", "sip:rob@b.example");
	hidden_refused(open_it(&e, &e.b, s), 403, "To differs");
	e.whole = WHOLE_REVEAL; /* which tells nobody why */
	hidden_refused(open_it(&e, &e.b, s), 493, "To differs");
	e.whole = WHOLE_CALL;
	put_around(&e, "sip:anonymous@anonymous.invalid", BOB);
	change(e.around, "tag=1", "tag=2");
	hidden_refused(open_it(&e, &e.b, s), 403, "From differs");
	/* put into another call, with what is around it */
	put_around(&e, "sip:anonymous@anonymous.invalid", BOB);
	change(e.around, "i: x", "i: y");
	hidden_refused(open_it(&e, &e.b, s), 403, "Call-ID differs");
	/* somebody else of the domain, whose certificate fits */
	say(&e, "INVITE " BOB " SIP/2.0", "1 INVITE");
	change(e.head, "alice", "mallo");
	hidden_refused(open_it(&e, &e.b, seal(&e, &e.a)), 403, "in the name of "
		       "sip:mallo@a.example");
	close_ends(&e);
}

static void nobody_hides_unasked(void **state)
{
	static struct ends e;
	const struct sent *s;

	(void)state;
	open_ends(&e);
	s = hidden(&e, HIDE_CALLER);
	e.b.profile.hide = HIDE_NONE;
	hidden_refused(open_it(&e, &e.b, s), 403, "From differs");
	e.whole = WHOLE_REVEAL;
	hidden_refused(open_it(&e, &e.b, s), 493, "profile has hide");
	/* for whom nothing is encrypted, or who only signed it */
	e.b.profile.hide = HIDE_CALLER;
	release(&e.b, 2);
	e.a.profile.body = BODY_MODE_SIGN;
	e.whole = WHOLE_NOT;
	s = seal(&e, &e.a);
	e.whole = WHOLE_REVEAL;
	hidden_refused(open_it(&e, &e.b, s), 493, "no message that names");
	close_ends(&e);
}

/* Our trouble is not the sender's: he may ask again. */
static void without_memory_nobody_is_named(void **state)
{
	static struct ends e;
	static struct sent s;
	const struct sent *o;
	unsigned long n = 0, used, failed = 0;

	(void)state;
	open_ends(&e);
	s = *hidden(&e, HIDE_BOTH);
	e.whole = WHOLE_REVEAL;
	do {
		e.b.n = 0;
		e.b.mono_us += SECOND;
		alloc_fail_at(++n);
		o = open_it(&e, &e.b, &s);
		used = alloc_count();
		alloc_fail_never();
		if (!o->u.opened.err) {
			assert_int_equal(o->tail_len, strlen(e.head));
			assert_memory_equal(o->tail, e.head, o->tail_len);
			continue;
		}
		failed++;
		assert_int_equal(o->u.opened.status, 500);
		assert_int_equal(o->tail_len, 0);
	} while (used >= n);
	assert_true(failed > 10);
	close_ends(&e);
}

static void users_certificates_would_name_them(void **state)
{
	static struct ends e;
	const struct sent *s;

	(void)state;
	open_ends_as(&e, "URI:" BOB);
	s = hidden(&e, HIDE_CALLER);
	assert_int_equal(s->u.sealed.err, 0);
	release(&e.a, 1);
	s = hidden(&e, HIDE_BOTH);
	assert_int_equal(s->u.sealed.err, E_POLICY);
	assert_non_null(strstr(s->u.sealed.reason, "one of the domain"));
	close_ends(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_has_one_key),
		cmocka_unit_test(who_is_called_instead_gets_another_key),
		cmocka_unit_test(keys_end_with_the_call),
		cmocka_unit_test(both_belong_together),
		cmocka_unit_test(what_comes_again_or_late_is_refused),
		cmocka_unit_test(nothing_less_is_taken),
		cmocka_unit_test(words_and_nothing),
		cmocka_unit_test(who_is_hidden_is_named_within),
		cmocka_unit_test(no_more_differs_than_is_hidden),
		cmocka_unit_test(nobody_hides_unasked),
		cmocka_unit_test(without_memory_nobody_is_named),
		cmocka_unit_test(users_certificates_would_name_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
