/* exchange.c - SDES offer and answer (RFC 4568 sections 5.1 and 7.1).
 *
 * Each side draws the key that it sends with and tells it. An offer has one
 * attribute for each allowed suite, best first, each with a key of its own; an
 * answer has one: tag and suite of the chosen one and the answerer's own key.
 * So nothing can be opened before the answer, and what is sent depends on it.
 *
 * Attributes that cannot be used are skipped one by one; of the others the one
 * whose suite stands first with us is taken. An answer that names no tag of
 * ours, or tells our own key, is refused. Nothing here proves who the far end
 * is: that is as good as the way the SDP came.
 *
 * What old end points write as k=clear: comes here as a value, too (clear.h);
 * it is answered, never offered.
 *
 * Does not do: several lines at once (each has its own exchange), several keys
 * in an attribute of ours, a lifetime or derivation rate for our own keys. */
#include "modules/sdes/exchange.h"

#include "daemon/base/err.h"
#include "daemon/keeper/veil/clear.h"
#include "modules/sdes/crypto.h"
#include "modules/sdes/usable.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MKI_LEN 4   /* bytes, of ours */
#define VALUES_MAX 64 /* of an offer, whatever the engine says */

static int fail(struct keying_fault *fault, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct keying_fault *fault, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fault->text, sizeof fault->text, fmt, ap);
	va_end(ap);
	return err;
}

static int check_terms(const struct keying_terms *t,
		       struct keying_fault *fault)
{
	if (t->n != 1)
		return fail(fault, E_ARG, "SDES keys one media line at a "
			    "time, not %zu", t->n);
	if (!t->n_suites)
		return fail(fault, E_POLICY, "the profile has no suite");
	return 0;
}

/* -- our keys ------------------------------------------------------------- */

/* A name that differs from the last key's: 1 for the first (RFC 4568 6.1: a
 * positive number, the same length for all). */
static void name_key(struct crypto_key *k, const struct keying_terms *t,
		     unsigned len)
{
	uint32_t name = 1u + t->keyings;

	k->mki_len = len;
	memset(k->mki, 0, sizeof k->mki);
	for (unsigned i = len; i-- && name; name >>= 8)
		k->mki[i] = (uint8_t)name;
	if (len == 1 && !k->mki[0])
		k->mki[0] = 1; /* 256 keys later */
}

/* A fresh attribute of that suite, and the key as the relay wants it. */
static int draw(const struct keying_terms *t, enum suite suite,
		unsigned mki_len, struct crypto *c, struct srtp_key *out)
{
	const struct suite_info *s = suite_info(suite);
	const char *why;

	if (!s)
		return E_ARG;
	c->n_keys = 1;
	c->key[0].len = (size_t)s->key_len + s->salt_len;
	if (mki_len)
		name_key(&c->key[0], t, mki_len);
	if (RAND_bytes(c->key[0].bytes, (int)c->key[0].len) != 1)
		return E_INTERNAL;
	return usable(c, true, out, &why);
}

static void result_of(struct keying_result *r, const struct srtp_key *send,
		      const struct srtp_key *recv)
{
	*r = (struct keying_result){ .n = 1 };
	r->send[0] = *send;
	r->recv[0] = *recv;
	r->facts.suite = send->suite;
	r->facts.bare = 1;
	r->facts.key_bits = (uint16_t)(8 * send->key_len);
	strcpy(r->facts.method, sdes_keying.name);
}

/* -- offer ---------------------------------------------------------------- */

struct keying_pending {
	bool no_rate;
	size_t n;
	struct srtp_key key[SUITE_COUNT]; /* tag i + 1 */
};

static void drop(struct keying_pending *p)
{
	if (!p)
		return;
	wipe(p, sizeof *p);
	free(p);
}

static int write_offer(const struct keying_terms *t, struct keying_pending *p,
		       struct buf *out)
{
	unsigned mki_len = t->mki == KEYING_MKI_ALWAYS ? MKI_LEN : 0;
	int r = 0;

	for (size_t i = 0; i < t->n_suites && i < SUITE_COUNT && !r; i++) {
		const struct suite_info *s = suite_info(t->suites[i]);
		struct crypto c = { .tag = (uint32_t)i + 1 };

		if (!s)
			return E_ARG;
		snprintf(c.suite, sizeof c.suite, "%s", s->name);
		if (i)
			buf_u8(out, '\n');
		r = draw(t, t->suites[i], mki_len, &c, &p->key[i]);
		if (!r)
			r = crypto_write(&c, out);
		p->n = i + 1;
		wipe(&c, sizeof c);
	}
	return r;
}

static int offer(const struct keying_terms *t, struct buf *out,
		 struct keying_pending **pending, struct keying_result *early,
		 struct keying_fault *fault)
{
	struct keying_pending *p;
	int r = check_terms(t, fault);

	if (r)
		return r;
	p = calloc(1, sizeof *p);
	if (!p)
		return fail(fault, E_NOMEM, "out of memory");
	p->no_rate = t->no_rate;
	r = write_offer(t, p, out);
	if (r) {
		drop(p);
		buf_clear(out);
		return fail(fault, r, "the a=crypto offer cannot be made: %s",
			    err_text(r));
	}
	early->n = 0;
	*pending = p;
	return 0;
}

/* -- answer --------------------------------------------------------------- */

/* What is known while the offer's attributes are gone through. Secret. */
struct choice {
	const struct keying_terms *t;
	size_t rank;     /* of the best so far, in our list; n_suites: none */
	struct crypto best;
	struct srtp_key recv;
	uint32_t tag[VALUES_MAX];
	size_t n;
	int err;         /* of the first that was skipped, and why */
	uint32_t err_tag;
	const char *why;
};

static size_t rank_of(const struct keying_terms *t, unsigned suite)
{
	size_t i = 0;

	if (t->suite != SUITE_NONE && suite != (unsigned)t->suite)
		return t->n_suites;
	while (i < t->n_suites && (unsigned)t->suites[i] != suite)
		i++;
	return i;
}

static bool tag_seen(const struct choice *ch, uint32_t tag)
{
	for (size_t i = 0; i < ch->n; i++)
		if (ch->tag[i] == tag)
			return true;
	return false;
}

static void skip(struct choice *ch, const struct crypto *c, int err,
		 const char *why)
{
	if (ch->err)
		return;
	ch->err = err;
	ch->err_tag = c->tag;
	ch->why = why;
}

static void consider(struct choice *ch, const char *text, size_t len)
{
	struct crypto c = { .tag = 0 };
	struct srtp_key key;
	const char *why = "it is malformed";
	size_t rank;
	int r = crypto_read(text, len, &c, &why);

	if (!r && tag_seen(ch, c.tag)) {
		why = "its tag is there twice";
		r = E_FORMAT;
	}
	if (!r) {
		ch->tag[ch->n++] = c.tag;
		r = usable(&c, ch->t->no_rate, &key, &why);
	}
	rank = r ? 0 : rank_of(ch->t, key.suite);
	if (!r && rank == ch->t->n_suites) {
		why = "its suite is not in the profile";
		r = E_UNSUPPORTED;
	}
	if (r) {
		skip(ch, &c, r, why);
	} else if (rank < ch->rank) {
		ch->rank = rank;
		ch->best = c;
		ch->recv = key;
	}
	wipe(&c, sizeof c);
	wipe(&key, sizeof key);
}

static int choose(struct choice *ch, const uint8_t *offer, size_t len,
		  struct keying_fault *fault)
{
	const char *text = (const char *)offer, *end;
	size_t n;

	ch->rank = ch->t->n_suites;
	for (size_t lines = 0; len && lines < VALUES_MAX; lines++) {
		end = memchr(text, '\n', len);
		n = end ? (size_t)(end - text) : len;
		consider(ch, text, n);
		text += n + (end != NULL);
		len -= n + (end != NULL);
	}
	if (ch->rank < ch->t->n_suites)
		return 0;
	if (!ch->err)
		return fail(fault, E_FORMAT, "there is no a=crypto");
	return fail(fault, ch->err, "no a=crypto can be used; tag %u: %s",
		    ch->err_tag, ch->why);
}

static int respond(const struct choice *ch, struct buf *out,
		   struct keying_result *result)
{
	struct crypto c = { .tag = ch->best.tag };
	unsigned mki_len = ch->recv.mki_len;
	struct srtp_key send;
	int r;

	if (!mki_len && ch->t->mki == KEYING_MKI_ALWAYS)
		mki_len = MKI_LEN;
	memcpy(c.suite, ch->best.suite, sizeof c.suite);
	r = draw(ch->t, (enum suite)ch->recv.suite, mki_len, &c, &send);
	if (!r)
		r = crypto_write(&c, out);
	if (!r)
		result_of(result, &send, &ch->recv);
	else
		buf_clear(out);
	wipe(&c, sizeof c);
	wipe(&send, sizeof send);
	return r;
}

/* k=clear: has one key for both directions, and the answer says it again. That
 * no packet of ours comes back as one of the far end's is the relay's care. */
static int answer_clear(const struct keying_terms *t, struct mime_bytes offer,
			struct buf *out, struct keying_result *result,
			struct keying_fault *fault)
{
	struct srtp_key both = { .suite = SUITE_AES_CM_128_HMAC_SHA1_80,
				 .key_len = CLEAR_KEY,
				 .salt_len = CLEAR_SALT };
	struct clear_key k;

	if (!t->veiled || !t->legacy)
		return fail(fault, E_POLICY, "k=clear: is taken with legacy, "
			    "in a body that is encrypted and signed");
	if (rank_of(t, both.suite) == t->n_suites)
		return fail(fault, E_UNSUPPORTED, "k=clear: is for "
			    "AES_CM_128_HMAC_SHA1_80, which is not in the "
			    "profile");
	if (clear_value(offer, &k))
		return fail(fault, E_FORMAT, "k=clear: is malformed");
	memcpy(both.key, k.key, sizeof k.key);
	memcpy(both.salt, k.salt, sizeof k.salt);
	result_of(result, &both, &both);
	result->stamp_us = t->wall_us;
	buf_put(out, offer.p, offer.len);
	wipe(&k, sizeof k);
	wipe(&both, sizeof both);
	return out->err;
}

static int answer(const struct keying_terms *t, const uint8_t *offer,
		  size_t len, struct buf *out, struct keying_result *result,
		  struct keying_fault *fault)
{
	const struct mime_bytes text = { offer, len };
	struct choice ch = { .t = t };
	int r = check_terms(t, fault);

	if (r)
		return r;
	if (clear_is(text))
		return answer_clear(t, text, out, result, fault);
	r = choose(&ch, offer, len, fault);
	if (!r && (r = respond(&ch, out, result)))
		fail(fault, r, "the a=crypto answer cannot be made: %s",
		     err_text(r));
	if (!r)
		result->stamp_us = t->wall_us;
	wipe(&ch, sizeof ch);
	return r;
}

/* -- finish --------------------------------------------------------------- */

static bool same_key(const struct srtp_key *a, const struct srtp_key *b)
{
	return a->key_len == b->key_len && equal_ct(a->key, b->key, a->key_len);
}

/* 5.1.3: tag and suite are one of those offered; 7.1.2: the key is not. */
static int check_answer(const struct keying_pending *p, const struct crypto *c,
			const struct srtp_key *recv, struct keying_fault *fault)
{
	if (!c->tag || c->tag > p->n || p->key[c->tag - 1].suite != recv->suite)
		return fail(fault, E_UNSUPPORTED, "the answer's a=crypto has "
			    "tag %u and suite %s, which were not offered so",
			    c->tag, c->suite);
	for (size_t i = 0; i < p->n; i++)
		if (same_key(&p->key[i], recv))
			return fail(fault, E_AUTH, "the answer's a=crypto "
				    "tells our own key");
	return 0;
}

static int finish(struct keying_pending *p, const uint8_t *answer, size_t len,
		  uint64_t wall_us, struct keying_result *result,
		  struct keying_fault *fault)
{
	struct crypto c = { .tag = 0 };
	const char *why = "it is malformed";
	struct srtp_key recv;
	int r = crypto_read((const char *)answer, len, &c, &why);

	(void)wall_us; /* nothing in it is dated */
	if (!r)
		r = usable(&c, p->no_rate, &recv, &why);
	if (r)
		fail(fault, r, "the answer's a=crypto cannot be used: %s",
		     why);
	else
		r = check_answer(p, &c, &recv, fault);
	if (!r)
		result_of(result, &p->key[c.tag - 1], &recv);
	wipe(&c, sizeof c);
	wipe(&recv, sizeof recv);
	return r;
}

/* A tag is a number; MIKEY begins with its version, a bundle with 0. */
static bool takes(const uint8_t *offer, size_t len)
{
	return len && ((offer[0] >= '0' && offer[0] <= '9') ||
		       clear_is((struct mime_bytes){ offer, len }));
}

const struct keying sdes_keying = {
	.name = "sdes",
	.protocol = "sdes",
	.bare = true,
	.takes = takes,
	.offer = offer,
	.answer = answer,
	.finish = finish,
	.drop = drop,
};
