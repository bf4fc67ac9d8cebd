/* test_keying_alloc.c - memory runs out at each place in turn: in ours and
 * in OpenSSL's. Whatever fails says so, gives everything back, and ships no
 * key of half a call. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/replay.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/psk.h"
#include "tests/mock/alloc.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/cert_pair.h"
#include "tests/unit/esp_pair.h"

#define NOW 1900000000000000ull

/* OpenSSL's memory comes through here, too. */
static void *openssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(n);
}

static void *openssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return realloc(p, n);
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

struct ends {
	const struct keying *method;
	struct secret psk;
	enum suite suite[1];
	uint32_t ssrc[1];
	struct keying_terms a, b;
};

static void ends_open(struct ends *e)
{
	*e = (struct ends){ .suite = { SUITE_AEAD_AES_256_GCM },
			    .ssrc = { 1 } };
	secret_set(&e->psk, "0123456789abcdef", 16);
	e->a = (struct keying_terms){
		.local_id = "sip:alice@a.example",
		.remote_id = "sip:bob@b.example",
		.psk = &e->psk, .suites = e->suite, .n_suites = 1, .n = 1,
		.ssrc = e->ssrc, .wall_us = NOW, .window_us = 300000000,
		.verify = true,
	};
	e->b = e->a;
	e->b.local_id = e->a.remote_id;
	e->b.remote_id = e->a.local_id;
}

/* Lines or tunnels that have keys. */
static size_t keyed(const struct keying_result *r)
{
	return r->n + r->esp.n;
}

static void exchange(void *user)
{
	struct ends *e = user;
	struct buf offer = buf_of(KEYING_MAX), answer = buf_of(KEYING_MAX);
	struct keying_pending *p = NULL;
	struct keying_result early = { .n = 0 }, called = { .n = 0 };
	struct keying_result calling = { .n = 0 };
	struct keying_fault why = { "" };
	const struct keying *k = e->method;
	int r = k->offer(&e->a, &offer, &p, &early, &why);

	assert_true(r ? !keyed(&early) && offer.len == 0 : offer.len > 0);
	if (!r) {
		r = k->answer(&e->b, offer.data, offer.len, &answer, &called,
			      &why);
		assert_int_equal(keyed(&called), r ? 0 : 1);
	}
	if (!r) {
		r = k->finish(p, answer.data, answer.len, NOW, &calling, &why);
		assert_int_equal(keyed(&calling), r ? 0 : 1);
	}
	/* not E_AUTH: no memory is nobody's fault. OpenSSL's readers of
	 * certificates do not always tell, so there any failure will do. */
	assert_true(!r || r == E_NOMEM || r == E_INTERNAL ||
		    (k->certified && r < 0));
	assert_true(!r || why.text[0]);
	k->drop(p);
	buf_free(&offer);
	buf_free(&answer);
}

static const struct keying *const methods[] = {
	&mikey_psk, &mikey_dhhmac, &mikey_pke, &mikey_rsa_r, &mikey_dhsign,
	&mikey_ecdh
};

static struct certs certs;

/* With tunnels, or streams where s is NULL. */
static void exchanges_without_memory(const struct esp_sides *s)
{
	struct ends e;

	ends_open(&e);
	if (s) {
		e.a.esp = &s->a.t;
		e.b.esp = &s->b.t;
	}
	certs_open(&certs);
	e.a.credential = certs.own[0];
	e.b.credential = certs.own[1];
	e.a.peer = e.b.peer = "them";
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		e.method = methods[i];
		exchange(&e); /* what is made once for the process */
		assert_in_range(alloc_walk(exchange, &e), 10, 20000);
	}
	certs_close(&certs);
}

static void an_exchange_without_memory(void **state)
{
	(void)state;
	exchanges_without_memory(NULL);
}

static void tunnels_without_memory(void **state)
{
	struct esp_sides s;

	(void)state;
	esp_open(&s);
	exchanges_without_memory(&s);
}

/* Answers an offer, whatever it is; the largest allocation for it. */
static size_t largest_for(struct ends *e, const uint8_t *offer, size_t len)
{
	struct buf answer = buf_of(KEYING_MAX);
	struct keying_result res = { .n = 0 };
	struct keying_fault why = { "" };

	alloc_fail_never();
	e->method->answer(&e->b, offer, len, &answer, &res, &why);
	buf_free(&answer);
	return alloc_largest();
}

/* No byte of a message, and no length in it, makes us ask for more memory than
 * a good one, and one copy of it, take. (The head and a sample: fuzzing, which
 * has a limit too, does the rest.) */
static void no_allocation_larger_than_warranted(void **state)
{
	static const uint8_t odd[] = { 0, 0x7f, 0x80, 0xff };
	struct buf offer;
	struct keying_pending *p;
	struct keying_result res;
	struct keying_fault why;
	struct ends e;
	size_t most;

	(void)state;
	ends_open(&e);
	certs_open(&certs);
	e.a.credential = certs.own[0];
	e.b.credential = certs.own[1];
	e.a.peer = e.b.peer = "them";
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		e.method = methods[i];
		offer = buf_of(KEYING_MAX);
		assert_int_equal(e.method->offer(&e.a, &offer, &p, &res, &why),
				 0);
		e.method->drop(p);
		most = largest_for(&e, offer.data, offer.len) + offer.len;
		for (size_t at = 0; at < offer.len; at += at < 60 ? 1 : 13) {
			uint8_t was = offer.data[at];

			for (size_t o = 0; o < sizeof odd; o++) {
				offer.data[at] = odd[o];
				assert_in_range(largest_for(&e, offer.data,
							    offer.len), 0,
						most);
			}
			offer.data[at] = was;
			assert_in_range(largest_for(&e, offer.data, at), 0,
					most);
		}
		buf_free(&offer);
	}
	certs_close(&certs);
}

/* -- the clerk ------------------------------------------------------------ */

struct house {
	struct profile profile;
	struct peer peer;
	struct secret psk;
	struct clock clock;
	long keys; /* shipped and not taken back */
	int err;   /* of the last reply */
	uint32_t n;
	uint8_t offer[1024];
	size_t offer_len;
};

static uint64_t now(void *user)
{
	(void)user;
	return NOW;
}

static const struct peer *match(void *user, const char *uri)
{
	(void)uri;
	return &((struct house *)user)->peer;
}

static const struct secret *psk(void *user, const char *peer)
{
	(void)peer;
	return &((struct house *)user)->psk;
}

static const struct keying *method(void *user, const char *name)
{
	(void)user;
	(void)name;
	return &mikey_psk;
}

static int send_to(void *user, enum process to, enum message type, uint64_t id,
		   const void *body, size_t len, const void *tail,
		   size_t tail_len)
{
	struct house *h = user;
	const struct msg_key_offered *o = body;
	const struct msg_key_answered *a = body;

	(void)to;
	(void)id;
	(void)len;
	(void)tail;
	(void)tail_len;
	h->keys += (type == MSG_KEY) - (type == MSG_KEY_GONE);
	if (type == MSG_KEY_OFFERED) {
		h->err = o->err;
		h->n = o->n;
	} else if (type == MSG_KEY_ANSWERED) {
		h->err = a->err;
		h->n = a->n;
	}
	return 0;
}

static void ask(struct house *h, struct clerk *c, enum message type,
		void *body, size_t len)
{
	struct ipc_msg m = { .type = type, .body = body, .len = len,
			     .tail = h->offer, .fd = -1 };

	if (type == MSG_KEY_ANSWER)
		m.tail_len = h->offer_len;
	assert_int_equal(clerk_handle(c, PROC_ENGINE, &m), 0);
	if (type != MSG_KEY_RELEASE)
		assert_int_equal(h->keys % 2, 0);
}

static void fill_party(struct msg_key_party *p, uint64_t call,
		       const char *local, const char *remote)
{
	p->call = call;
	p->n = 1;
	strcpy(p->peer, "them");
	strcpy(p->local_id, local);
	strcpy(p->remote_id, remote);
}

/* One call out, one in, both released. */
static void work(void *user)
{
	struct house *h = user;
	const struct clerk_services s = {
		.clock = &h->clock, .match = match, .psk = psk,
		.method = method, .send = send_to, .user = h,
	};
	struct msg_key_offer offer = { .party = { .call = 0 } };
	struct msg_key_answer answer = { .party = { .call = 0 } };
	struct msg_key_release release = { 1 };
	struct replay *replay;
	struct clerk *c;

	if (replay_new(-1, 10, 300000000, NOW, &replay) ||
	    clerk_new(&s, 1, 10, replay, &c))
		return;
	fill_party(&offer.party, 1, "sip:bob@b.example",
		   "sip:alice@a.example");
	fill_party(&answer.party, 2, "sip:bob@b.example",
		   "sip:alice@a.example");
	ask(h, c, MSG_KEY_OFFER, &offer, sizeof offer);
	assert_int_equal(h->keys, h->err ? 0 : 2);
	ask(h, c, MSG_KEY_RELEASE, &release, sizeof release);
	assert_int_equal(h->keys, 0);
	ask(h, c, MSG_KEY_ANSWER, &answer, sizeof answer);
	assert_int_equal(h->keys, h->err ? 0 : 2);
	release.call = 2;
	ask(h, c, MSG_KEY_RELEASE, &release, sizeof release);
	assert_int_equal(h->keys, 0);
	clerk_free(c);
}

static void the_clerk_without_memory(void **state)
{
	static struct house h;
	struct ends e;
	struct buf offer = buf_of(sizeof h.offer);
	struct keying_pending *p;
	struct keying_result res;
	struct keying_fault why;

	(void)state;
	h.clock = (struct clock){ now, now, NULL };
	h.profile = (struct profile){ .name = "sealed", .n_keying = 1,
				      .keying = { "mikey-psk" },
				      .n_suites = 1 };
	h.profile.suites[0] = SUITE_AEAD_AES_256_GCM;
	strcpy(h.peer.name, "them");
	h.peer.profile = &h.profile;
	secret_set(&h.psk, "0123456789abcdef", 16);
	ends_open(&e);
	assert_int_equal(mikey_psk.offer(&e.a, &offer, &p, &res, &why), 0);
	memcpy(h.offer, offer.data, offer.len);
	h.offer_len = offer.len;
	mikey_psk.drop(p);
	buf_free(&offer);
	work(&h);
	assert_int_equal(h.err, 0);
	assert_in_range(alloc_walk(work, &h), 20, 10000);
}

static void ignore_line(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exchange_without_memory),
		cmocka_unit_test(tunnels_without_memory),
		cmocka_unit_test(no_allocation_larger_than_warranted),
		cmocka_unit_test(the_clerk_without_memory),
	};

	if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc,
				      openssl_free))
		return 1;
	log_to(ignore_line);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
