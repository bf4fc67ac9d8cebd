/* test_clerk_connected.c - calls that were diverted: whose their messages may
 * be, and whom ours are for, by the keeper's own policy (RFC 4916). */
#include "daemon/base/err.h"
#include "daemon/keeper/certs/certname.h"
#include "daemon/keeper/memory/memory.h"
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
#define TIM "sip:tim@b.example"
#define SDP "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"

enum who { BOBS, TIMS, DOMAINS, WHOS };

static const struct {
	const char *san, *id;
} ends[WHOS] = {
	[BOBS] = { "URI:" BOB, BOB },
	[TIMS] = { "URI:" TIM, TIM },
	[DOMAINS] = { "URI:sip:b.example", "sip:b.example" },
};

/* Alice's gateway, and gateways that answer her calls to Bob. */
struct scene {
	struct ca ca;
	struct credential *alice, *own[WHOS];
	X509 *cert[WHOS];
	struct house a, far[WHOS];
	struct memory *memory;
	enum body_mode mode;
	char head[2048], called[IDENTITY_TEXT];
	const char *content;
	bool response, gone, told, probe;
	uint8_t dialog;
};

static void give(struct house *h, const char *match, enum body_mode mode,
		 const struct credential *own, struct memory *memory)
{
	house_open(h, match);
	clerk_free(h->clerk);
	h->wall_us = CA_NOW * 1000000ull;
	h->profile.body = mode;
	h->credential = own;
	h->bodies = &smime_bodies;
	h->memory = memory;
	house_open_on(h, match, 10, NULL);
}

/* Without an issuer they sign for themselves. */
static X509 *issue(struct scene *s, bool tofu, EVP_PKEY *key, const char *san)
{
	const struct ca_order order = { .san = san, .key_id = true };
	struct ca own = s->ca;
	X509 *name = NULL, *x;

	if (tofu) { /* what names the issuer is of no other use */
		name = ca_issue(&s->ca, key, san, &order);
		own = (struct ca){ .key = key, .cert = name };
	}
	x = ca_issue(&own, key, tofu ? san : "x", &order);
	X509_free(name);
	return x;
}

static void open_scene(struct scene *s, enum body_mode mode, bool tofu)
{
	EVP_PKEY *key = ca_key(1, "P-256", 0);
	X509 *alice;

	memset(s, 0, sizeof *s);
	s->mode = mode;
	s->content = SDP;
	strcpy(s->called, BOB);
	s->ca = ca_make(0, "the issuer");
	assert_int_equal(memory_new(-1, 100, &s->memory), 0);
	alice = ca_issue(&s->ca, key, "x", &(struct ca_order){
		.san = "URI:sip:a.example", .key_id = true });
	s->alice = ca_credential(alice, NULL, key, &s->ca);
	for (unsigned i = 0; i < WHOS; i++) {
		key = ca_key(2 + i, "P-256", 0);
		s->cert[i] = issue(s, tofu, key, ends[i].san);
		s->own[i] = ca_credential(s->cert[i], NULL, key, &s->ca);
		ca_add(s->own[i], CREDENTIAL_PEER, "them",
		       ca_file(alice, NULL, NULL, NULL));
		give(&s->far[i], "a.example", mode, s->own[i], NULL);
	}
	ca_add(s->alice, CREDENTIAL_PEER, "them",
	       ca_file(s->cert[BOBS], NULL, NULL, NULL));
	X509_free(alice);
	give(&s->a, "b.example", mode, s->alice, s->memory);
	s->a.profile.diverted = true;
	s->a.profile.tofu = tofu;
}

static void close_scene(struct scene *s)
{
	house_close(&s->a);
	for (unsigned i = 0; i < WHOS; i++) {
		house_close(&s->far[i]);
		credential_free(s->own[i]);
		X509_free(s->cert[i]);
	}
	credential_free(s->alice);
	memory_free(s->memory);
	ca_free(&s->ca);
}

/* A message of Alice's call, in the branch that has that tag. from: what a
 * request of the far end says of it. */
static void say(struct scene *s, const char *start, const char *cseq,
		const char *tag, const char *from)
{
	const char *ours = from ? "To" : "From";
	const char *theirs = from ? "From" : "To";
	time_t t = CA_NOW;
	char date[64];

	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&t));
	s->response = !strncmp(start, "SIP/2.0", 7);
	s->dialog++;
	snprintf(s->head, sizeof s->head, "%s\r\n%s: <" ALICE ">;tag=1\r\n"
		 "%s: <%s>%s%s\r\nCall-ID: x\r\nCSeq: %s\r\n"
		 "Contact: <sip:192.0.2.1>\r\nDate: %s\r\n", start, ours,
		 theirs, from ? from : BOB, *tag ? ";tag=" : "", tag, cseq,
		 date);
}

static void add(struct sent *s, const char *text)
{
	size_t len = strlen(text);

	memcpy(s->tail + s->tail_len, text, len);
	s->tail_len += len;
}

/* What is bound has the first line where it is a response, or all of it is. */
static const char *bound(const struct scene *s)
{
	return s->mode == BODY_MODE_TUNNEL || s->response
		? s->head : strstr(s->head, "\r\n") + 2;
}

static uint8_t whole(const struct scene *s)
{
	return s->mode != BODY_MODE_TUNNEL ? WHOLE_NOT
		: s->gone ? WHOLE_LAST : WHOLE_CALL;
}

static const struct sent *seal(struct scene *s, struct house *h,
			       const char *local, const char *remote)
{
	static struct sent tail;
	struct msg_body_seal m = { .party = party(1, local, remote),
				   .whole = whole(s), .probe = s->probe };

	m.party.n = 0;
	m.party.outward = h == &s->a;
	m.full = h != &s->a; /* with their certificates */
	if (s->gone || s->told)
		strcpy(m.connected, TIM);
	tail.tail_len = 0;
	add(&tail, bound(s));
	m.frag_len = (uint32_t)tail.tail_len;
	add(&tail, s->content);
	m.len = (uint32_t)tail.tail_len;
	assert_int_equal(tell(h, MSG_BODY_SEAL, 1, &m, sizeof m, &tail), 0);
	return last(h, MSG_BODY_SEALED);
}

static const struct sent *by(struct scene *s, enum who who)
{
	const struct sent *m = seal(s, &s->far[who], who == DOMAINS
				    ? BOB : ends[who].id, ALICE);

	if (m->u.sealed.err)
		fail_msg("%s", m->u.sealed.reason);
	return m;
}

static const struct sent *open_at(struct scene *s, struct house *h,
				  const char *local, const char *remote,
				  const struct sent *body)
{
	static struct sent tail;
	struct msg_body_open m = { .party = party(1, local, remote),
				   .origin = { .dialog = { s->dialog },
					       .cseq = 7 },
				   .response = s->response,
				   .bare = !*s->content, .whole = whole(s),
				   .probe = s->probe };

	m.party.n = 0;
	m.party.outward = h == &s->a;
	tail.tail_len = 0;
	add(&tail, bound(s));
	m.frag_len = (uint32_t)tail.tail_len;
	add(&tail, "Content-Type: ");
	add(&tail, body->u.sealed.type);
	if (*body->u.sealed.transfer) {
		add(&tail, "\r\nContent-Transfer-Encoding: ");
		add(&tail, body->u.sealed.transfer);
	}
	add(&tail, "\r\n");
	m.fields_len = (uint32_t)tail.tail_len - m.frag_len;
	memcpy(tail.tail + tail.tail_len, body->tail, body->tail_len);
	tail.tail_len += body->tail_len;
	m.len = (uint32_t)tail.tail_len;
	assert_int_equal(tell(h, MSG_BODY_OPEN, 2, &m, sizeof m, &tail), 0);
	return last(h, MSG_BODY_OPENED);
}

/* Alice's gateway takes it as that one's ("": Bob's). */
static void taken(struct scene *s, enum who who, const char *connected)
{
	const struct sent *o = open_at(s, &s->a, ALICE, s->called, by(s, who));

	if (o->u.opened.err)
		fail_msg("%s", o->u.opened.reason);
	assert_string_equal(o->u.opened.connected, connected);
}

static void refused(struct scene *s, enum who who, int err, unsigned status,
		    const char *why)
{
	const struct msg_body_opened *m =
		&open_at(s, &s->a, ALICE, s->called, by(s, who))->u.opened;

	/* within encryption that is not authentic nobody is told more */
	if (!strstr(m->reason, why) && m->status != 493)
		fail_msg("%s", m->reason);
	assert_int_equal(m->err, err);
	assert_true(m->status == status ||
		    (m->status == 493 && s->mode != BODY_MODE_SIGN));
	assert_string_equal(m->connected, "");
}

static void where_the_profile_takes_it(void **state)
{
	static struct scene s;

	(void)state;
	for (int mode = BODY_MODE_SIGN; mode <= BODY_MODE_TUNNEL; mode++) {
		if (mode == BODY_MODE_ENCRYPT)
			continue;
		open_scene(&s, (enum body_mode)mode, false);
		s.a.profile.diverted = false;
		say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
		refused(&s, TIMS, E_AUTH, 403, "certificate is for " TIM);
		s.a.profile.diverted = true;
		taken(&s, TIMS, TIM);
		taken(&s, DOMAINS, TIM); /* which speaks for him */
		refused(&s, BOBS, E_AUTH, 403, "the call is with " TIM);
		close_scene(&s);
	}
}

static void only_who_answers_first_is_anybody(void **state)
{
	static struct scene s;

	(void)state;
	open_scene(&s, BODY_MODE_SIGN, false);
	say(&s, "SIP/2.0 200 OK", "1 UPDATE", "f", NULL);
	refused(&s, TIMS, E_AUTH, 403, "certificate is for " TIM);
	say(&s, "UPDATE " ALICE " SIP/2.0", "1 UPDATE", "f", BOB);
	refused(&s, TIMS, E_AUTH, 403, "certificate is for " TIM);
	say(&s, "SIP/2.0 180 Ringing", "1 INVITE", "f", NULL);
	taken(&s, BOBS, "");
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
	refused(&s, TIMS, E_AUTH, 403, "certificate is for " TIM);
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "g", NULL);
	taken(&s, TIMS, TIM);
	won(&s.a, 1);
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "h", NULL);
	refused(&s, TIMS, E_AUTH, 403, "its tag is of none");
	/* and of no call that was redirected meanwhile */
	strcpy(s.called, "sip:carol@b.example");
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "g", NULL);
	refused(&s, TIMS, E_AUTH, 403, "its tag is of none");
	close_scene(&s);
}

static void a_request_names_who_signs_it(void **state)
{
	static struct scene s;

	(void)state;
	open_scene(&s, BODY_MODE_SIGN_ENCRYPT, false);
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
	taken(&s, BOBS, "");
	say(&s, "UPDATE " ALICE " SIP/2.0", "1 UPDATE", "f", TIM);
	refused(&s, BOBS, E_AUTH, 403, "the call is with " TIM);
	s.content = "";
	say(&s, "UPDATE " ALICE " SIP/2.0", "1 UPDATE", "f", TIM);
	taken(&s, TIMS, TIM);
	say(&s, "INFO " ALICE " SIP/2.0", "2 INFO", "f", BOB); /* the old one */
	taken(&s, TIMS, TIM);
	say(&s, "UPDATE " ALICE " SIP/2.0", "3 UPDATE", "f", BOB);
	taken(&s, BOBS, "");
	say(&s, "BYE " ALICE " SIP/2.0", "4 BYE", "f", TIM); /* first that */
	refused(&s, TIMS, E_AUTH, 403, "the call is with " BOB);
	say(&s, "INVITE " ALICE " SIP/2.0", "4 INVITE", "f", TIM);
	taken(&s, TIMS, TIM);
	say(&s, "BYE " ALICE " SIP/2.0", "5 BYE", "f", BOB);
	refused(&s, BOBS, E_AUTH, 403, "the call is with " TIM);
	say(&s, "INVITE " ALICE " SIP/2.0", "5 INVITE", "f", BOB);
	taken(&s, BOBS, "");
	say(&s, "UPDATE " ALICE " SIP/2.0", "3 UPDATE", "f",
	    "sip:t\"m@b.example");
	refused(&s, DOMAINS, E_POLICY, 403, "diverted to sip:t\"m@b.example");
	say(&s, "UPDATE " ALICE " SIP/2.0", "4 UPDATE", "f",
	    "tel:+1234"); /* nobody */
	taken(&s, BOBS, "");
	close_scene(&s);
}

/* Who was called gets back into the call by none of them. */
static void by_its_tag(void **state)
{
	static const char *const tags[] = { "g", "" };
	static struct scene s;

	(void)state;
	open_scene(&s, BODY_MODE_SIGN, false);
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
	taken(&s, TIMS, TIM);
	won(&s.a, 1);
	s.content = "";
	for (unsigned i = 0; i < 2; i++) {
		say(&s, "BYE " ALICE " SIP/2.0", "1 BYE", tags[i], BOB);
		refused(&s, BOBS, E_AUTH, 403, "its tag is of none");
		say(&s, "SIP/2.0 200 OK", "2 INVITE", tags[i], NULL);
		refused(&s, BOBS, E_AUTH, 403, "its tag is of none");
	}
	say(&s, "UPDATE " ALICE " SIP/2.0", "2 UPDATE", "F", TIM);
	taken(&s, TIMS, TIM);
	say(&s, "BYE " ALICE " SIP/2.0", "3 BYE", "F", BOB);
	refused(&s, BOBS, E_AUTH, 403, "the call is with " TIM);
	close_scene(&s);
}

/* The engine's word does not change who a branch of the call is. */
static void others_get_nothing_of_his(void **state)
{
	static const struct {
		const char *start, *tag;
	} rows[] = {
		{ "BYE " BOB " SIP/2.0", "g" },
		{ "INVITE " BOB " SIP/2.0", "" },
	};
	static struct scene s;
	static struct sent m;

	(void)state;
	open_scene(&s, BODY_MODE_TUNNEL, false);
	say(&s, "SIP/2.0 180 Ringing", "1 INVITE", "f", NULL);
	taken(&s, TIMS, TIM);
	s.content = "";
	s.told = true;
	for (unsigned i = 0; i < 2; i++) {
		say(&s, rows[i].start, i ? "2 INVITE" : "1 BYE", rows[i].tag,
		    NULL);
		m = *seal(&s, &s.a, ALICE, BOB);
		assert_int_equal(m.u.sealed.err, 0);
		assert_int_equal(open_at(&s, &s.far[TIMS], TIM, ALICE,
					 &m)->u.opened.status, 493);
		s.dialog++;
		assert_int_equal(open_at(&s, &s.far[BOBS], BOB, ALICE,
					 &m)->u.opened.err, 0);
	}
	close_scene(&s);
}

static void his_own_peer_counts_too(void **state)
{
	static struct scene s;
	struct profile other;

	(void)state;
	open_scene(&s, BODY_MODE_SIGN, false);
	s.a.peer.match = "bob@b.example";
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
	refused(&s, TIMS, E_POLICY, 403, "has no peer");
	s.a.peer.match = "b.example";
	taken(&s, TIMS, TIM);
	/* a reload: whom the call was diverted to is gone */
	s.a.peer.match = "bob@b.example";
	refused(&s, TIMS, E_POLICY, 403, "has no peer");
	/* it is another peer's, which must have the profile of the call */
	other = s.a.profile;
	strcpy(s.a.other.name, "others");
	s.a.other.match = "tim@b.example";
	s.a.other.profile = &other;
	refused(&s, TIMS, E_POLICY, 403, "of the same profile");
	s.a.other.profile = &s.a.profile;
	taken(&s, TIMS, TIM);
	close_scene(&s);
}

/* First use is of whom we call. */
static void nobody_else_is_pinned(void **state)
{
	static struct scene s;
	struct memory_record rec;
	uint8_t print[FINGERPRINT];
	unsigned len = sizeof print;

	(void)state;
	open_scene(&s, BODY_MODE_SIGN, true);
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
	refused(&s, TIMS, E_AUTH, 403, "whose certificate nobody vouches for");
	assert_int_equal(memory_get(s.memory, MEMORY_PIN, "tim@b.example",
				    &rec), E_NOTFOUND);
	assert_int_equal(memory_get(s.memory, MEMORY_PIN, "bob@b.example",
				    &rec), E_NOTFOUND);
	assert_int_equal(X509_digest(s.cert[TIMS], EVP_sha256(), print, &len),
			 1);
	assert_int_equal(trust_accept(s.memory, "tim@b.example", print,
				      s.a.wall_us), 0);
	taken(&s, TIMS, TIM);
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "g", NULL);
	taken(&s, BOBS, "");
	assert_int_equal(memory_get(s.memory, MEMORY_PIN, "bob@b.example",
				    &rec), 0);
	close_scene(&s);
}

/* What he is capable of says nothing of who was called. */
static void nothing_of_his_is_remembered(void **state)
{
	static const struct {
		enum who who;
		const char *connected;
		int err;
	} rows[] = { { TIMS, TIM, E_NOTFOUND }, { BOBS, "", 0 } };
	static struct scene s;
	const struct sent *m;
	struct memory_record rec;
	uint64_t exchange;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		open_scene(&s, BODY_MODE_SIGN, false);
		s.a.profile.need = NEED_PREFER;
		m = offer(&s.a, 1);
		exchange = m->u.offered.exchange;
		m = answer(&s.far[BOBS], m, (struct where){ 2, 1, 1, 1, 21 });
		assert_int_equal(m->u.answered.err, 0);
		say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
		taken(&s, rows[i].who, rows[i].connected);
		m = &s.far[BOBS].sent[0];
		while (m->type != MSG_KEY_ANSWERED)
			m++;
		assert_int_equal(finish(&s.a, exchange, 0, m)->u.finished.err,
				 0);
		assert_int_equal(memory_get(s.memory, MEMORY_BEST,
					    "them b.example", &rec),
				 rows[i].err);
		close_scene(&s);
	}
}

/* Bob's gateway got a key with the INVITE: what is for Tim is not under it. */
static void he_gets_no_key_of_others(void **state)
{
	static struct scene s;
	static struct sent bye;
	const struct msg_body_opened *m;

	(void)state;
	open_scene(&s, BODY_MODE_TUNNEL, false);
	say(&s, "INVITE " BOB " SIP/2.0", "1 INVITE", "", NULL);
	m = &open_at(&s, &s.far[BOBS], BOB, ALICE,
		     seal(&s, &s.a, ALICE, BOB))->u.opened;
	assert_int_equal(m->err, 0);
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
	taken(&s, TIMS, TIM);
	s.content = "";
	for (unsigned i = 0; i < 2; i++) {
		say(&s, "BYE " TIM " SIP/2.0", i ? "3 BYE" : "2 BYE", "f",
		    NULL);
		bye = *seal(&s, &s.a, ALICE, BOB);
		assert_int_equal(bye.u.sealed.err, 0);
		m = &open_at(&s, &s.far[TIMS], TIM, ALICE, &bye)->u.opened;
		assert_int_equal(m->err, 0);
		s.dialog++;
		m = &open_at(&s, &s.far[BOBS], BOB, ALICE, &bye)->u.opened;
		assert_int_equal(m->status, 493);
		/* the call is over: by his certificate, with headers alone */
		release(&s.a, 1);
		s.gone = true;
	}
	s.content = SDP;
	say(&s, "UPDATE " TIM " SIP/2.0", "4 UPDATE", "f", NULL);
	bye = *seal(&s, &s.a, ALICE, BOB);
	s.dialog++;
	m = &open_at(&s, &s.far[TIMS], TIM, ALICE, &bye)->u.opened;
	assert_int_equal(m->status, 493);
	close_scene(&s);
}

/* It is our trouble, and nobody is connected by half. */
static void without_memory_nobody_is_connected(void **state)
{
	static struct scene s;
	static struct sent ok;
	const struct msg_body_opened *m;
	unsigned long n = 0, used, failed = 0;

	(void)state;
	open_scene(&s, BODY_MODE_SIGN, false);
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
	ok = *by(&s, TIMS);
	do {
		s.a.n = 0;
		s.a.mono_us += SECOND;
		release(&s.a, 1);
		alloc_fail_at(++n);
		m = &open_at(&s, &s.a, ALICE, BOB, &ok)->u.opened;
		used = alloc_count();
		alloc_fail_never();
		assert_string_equal(m->connected, m->err ? "" : TIM);
		if (m->err)
			assert_true(m->status == 500 || m->status == 503);
		failed += m->err != 0;
	} while (used >= n);
	assert_true(failed > 5);
	close_scene(&s);
}

/* It is of no call, whose end would be told. */
static void a_question_leaves_nothing(void **state)
{
	static struct scene s;

	(void)state;
	open_scene(&s, BODY_MODE_SIGN, false);
	s.content = "";
	s.probe = true;
	say(&s, "SIP/2.0 200 OK", "1 OPTIONS", "f", NULL);
	taken(&s, BOBS, "");
	s.probe = false;
	s.content = SDP;
	say(&s, "SIP/2.0 200 OK", "1 INVITE", "f", NULL);
	taken(&s, TIMS, TIM); /* nobody is known by that tag */
	close_scene(&s);
}

static void so_many_branches(void **state)
{
	static struct scene s;
	char tag[16];

	(void)state;
	open_scene(&s, BODY_MODE_SIGN, false);
	for (int i = 0; i < 17; i++) {
		snprintf(tag, sizeof tag, "f%d", i);
		say(&s, "SIP/2.0 180 Ringing", "1 INVITE", tag, NULL);
		if (i < 16)
			taken(&s, i & 1 ? TIMS : BOBS, i & 1 ? TIM : "");
		else
			refused(&s, TIMS, E_FULL, 503, "cannot be kept");
	}
	release(&s.a, 1);
	taken(&s, TIMS, TIM);
	close_scene(&s);
}

static void whose_a_certificate_is(void **state)
{
	static const struct {
		const char *san, *own; /* NULL: nobody's, or several's */
	} rows[] = {
		{ "URI:sip:tim@B.example:5060", TIM },
		{ "URI:sip:tim@b.example,URI:sips:tim@b.example", TIM },
		{ "URI:sip:tim@b.example,URI:sip:b.example,DNS:c.example",
		  TIM },
		{ "URI:sip:b.example,DNS:b.example", "sip:b.example" },
		{ "DNS:b.example", "sip:b.example" },
		{ "URI:sip:tim@b.example,URI:sip:bob@b.example", NULL },
		{ "URI:sip:b.example,DNS:c.example", NULL },
		{ "URI:https://b.example,email:tim@b.example", NULL },
		{ NULL, NULL },
	};
	struct ca ca = ca_make(0, "the issuer");
	char own[IDENTITY_TEXT];
	X509 *x;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		x = ca_issue(&ca, ca_key(1, "P-256", 0), "x",
			     &(struct ca_order){ .san = rows[i].san });
		assert_int_equal(certname_own(x, own), rows[i].own != NULL);
		if (rows[i].own)
			assert_string_equal(own, rows[i].own);
		X509_free(x);
	}
	ca_free(&ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_the_profile_takes_it),
		cmocka_unit_test(only_who_answers_first_is_anybody),
		cmocka_unit_test(a_request_names_who_signs_it),
		cmocka_unit_test(by_its_tag),
		cmocka_unit_test(others_get_nothing_of_his),
		cmocka_unit_test(his_own_peer_counts_too),
		cmocka_unit_test(nobody_else_is_pinned),
		cmocka_unit_test(nothing_of_his_is_remembered),
		cmocka_unit_test(he_gets_no_key_of_others),
		cmocka_unit_test(without_memory_nobody_is_connected),
		cmocka_unit_test(a_question_leaves_nothing),
		cmocka_unit_test(so_many_branches),
		cmocka_unit_test(whose_a_certificate_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
