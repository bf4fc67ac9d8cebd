/* test_mikey_bad.c - bad input, for every method alike: messages cut, with
 * wrong lengths, counts and types, payloads too many or missing, public values
 * that are none, signed or MACed by another, old, or reflected. Where a change
 * can be authenticated again (by the far end itself) it is, so that what lies
 * behind MAC and signature is reached. All are refused with a reason, and leave
 * no result. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "modules/mikey/dh.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/error.h"
#include "modules/mikey/sign.h"
#include "tests/unit/cert_pair.h"

#include <openssl/bn.h>

static const struct keying *const methods[] = {
	&mikey_psk, &mikey_dhhmac, &mikey_pke, &mikey_rsa_r, &mikey_dhsign,
	&mikey_ecdh,
};

#define N_METHODS (sizeof methods / sizeof *methods)

static struct certs certs;
static struct secret psk;

/* An exchange whose offer and answer are there; nothing is finished. */
static void start(struct cert_pair *p, const struct keying *how)
{
	pair_open(p, how, &certs);
	p->a.psk = p->b.psk = &psk;
	assert_int_equal(pair_offer(p), 0);
	assert_int_equal(pair_answer(p), 0);
	p->called = (struct keying_result){ .n = 0 };
}

static void read_offer(const struct cert_pair *p, struct mikey_message *m)
{
	assert_int_equal(mikey_decode(p->offer.data, p->offer.len, m), 0);
}

static void read_answer(const struct cert_pair *p, struct mikey_message *m)
{
	assert_int_equal(mikey_decode(p->answer.data, p->answer.len, m), 0);
}

/* b takes it as the offer; whatever it says, nothing may come of it. */
static int offered(struct cert_pair *p, const uint8_t *bytes, size_t len)
{
	struct buf out = buf_of(KEYING_MAX);
	int r;

	p->fault.text[0] = 0;
	r = p->how->answer(&p->b, bytes, len, &out, &p->called, &p->fault);
	assert_true(r <= 0);
	if (r)
		assert_int_equal(p->called.n, 0);
	assert_true(!r || strlen(p->fault.text) > 10);
	assert_true(out.len <= KEYING_MAX);
	buf_free(&out);
	return r;
}

/* a takes it as the answer. */
static int answered(struct cert_pair *p, const uint8_t *bytes, size_t len)
{
	int r;

	p->fault.text[0] = 0;
	p->calling = (struct keying_result){ .n = 0 };
	r = p->how->finish(p->pending, bytes, len, NOW_US, &p->calling,
			   &p->fault);
	assert_true(r <= 0);
	if (r)
		assert_int_equal(p->calling.n, 0);
	assert_true(!r || strlen(p->fault.text) > 10);
	return r;
}

/* -- authenticated again -------------------------------------------------- */

static void message_keys(const struct mikey_message *offer, unsigned mac_alg,
			 struct mikey_psk_keys *keys)
{
	const struct mikey_root root = {
		.prf = offer->prf, .csb_id = offer->csb_id,
		.rand = mikey_find(offer, MIKEY_RAND, 0)->data,
	};

	assert_int_equal(mikey_psk_derive(&psk, &root, MIKEY_ENCR_AES_CM_128,
					  mac_alg, keys), 0);
}

static struct mikey_covered covered_by(const struct mikey_message *offer)
{
	return (struct mikey_covered){
		.id_i = mikey_find(offer, MIKEY_ID, 0)->data,
		.id_r = mikey_find(offer, MIKEY_ID, 1)->data,
		.stamp = mikey_find(offer, MIKEY_T, 0)->data,
	};
}

/* Writes m with a right MAC, verification or signature at its end. False: it
 * cannot be on the wire. */
static bool seal(const struct cert_pair *p, const struct mikey_message *offer,
		 struct mikey_message *m, struct buf *out)
{
	unsigned last = m->payload[m->n - 1].type;
	struct mikey_covered also = covered_by(offer);
	bool answer = m->data_type != offer->data_type;
	struct mikey_psk_keys keys;

	buf_clear(out);
	if (last == MIKEY_SIGN) {
		m->n--;
		return !mikey_encode_signed(m, certs.own[answer],
					    answer && p->how == &mikey_rsa_r
						    ? &also : NULL, out);
	}
	message_keys(offer, MIKEY_MAC_SHA1, &keys);
	return last == MIKEY_V ? !mikey_encode_verified(m, &keys, &also, out)
			       : !mikey_encode_maced(m, &keys, out);
}

/* Whether the last payload's key is known here: not that of an envelope. */
static bool can_seal(const struct cert_pair *p, bool answer)
{
	return p->how != &mikey_pke || !answer;
}

/* -- the wire ------------------------------------------------------------- */

static void cuts(struct cert_pair *p)
{
	for (size_t n = 0; n < p->offer.len; n++)
		assert_int_not_equal(offered(p, p->offer.data, n), 0);
	for (size_t n = 0; n < p->answer.len; n++)
		assert_int_not_equal(answered(p, p->answer.data, n), 0);
}

/* A byte more at the end, or at each payload's start. */
static void bytes_too_many(struct cert_pair *p)
{
	struct mikey_message m;
	uint8_t room[KEYING_MAX + 1];

	read_offer(p, &m);
	for (size_t i = 0; i <= m.n; i++) {
		size_t at = i < m.n ? m.payload[i].at : p->offer.len;

		memcpy(room, p->offer.data, at);
		room[at] = 0;
		memcpy(room + at + 1, p->offer.data + at, p->offer.len - at);
		assert_int_not_equal(offered(p, room, p->offer.len + 1), 0);
	}
}

/* Every byte in front of a payload's data: lengths, algorithms, next. */
static void headers_changed(struct cert_pair *p)
{
	static const uint8_t to[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct mikey_message m;
	uint8_t room[KEYING_MAX];

	read_offer(p, &m);
	memcpy(room, p->offer.data, p->offer.len);
	for (size_t i = 0; i < m.n; i++)
		for (size_t k = 0; k < 5 && k < m.payload[i].len; k++)
			for (size_t v = 0; v < sizeof to; v++) {
				size_t at = m.payload[i].at + k;

				if (to[v] == p->offer.data[at])
					continue;
				room[at] = to[v];
				assert_int_not_equal(offered(p, room,
							     p->offer.len), 0);
				room[at] = p->offer.data[at];
			}
	for (size_t at = 0; at < 10; at++) { /* HDR */
		room[at] ^= 0xff;
		assert_int_not_equal(offered(p, room, p->offer.len), 0);
		room[at] = p->offer.data[at];
	}
}

static void types_unknown(struct cert_pair *p)
{
	static const uint8_t types[] = { 13, 17, 19, 20, 22, 26, 99, 255 };
	struct mikey_message m;
	uint8_t room[KEYING_MAX];

	read_offer(p, &m);
	memcpy(room, p->offer.data, p->offer.len);
	for (size_t i = 0; i < sizeof types; i++) {
		room[2] = types[i]; /* HDR's next payload */
		assert_int_not_equal(offered(p, room, p->offer.len), 0);
		room[2] = p->offer.data[2];
		room[m.payload[1].at] = types[i];
		assert_int_not_equal(offered(p, room, p->offer.len), 0);
		room[m.payload[1].at] = p->offer.data[m.payload[1].at];
	}
	for (unsigned t = 0; t < 256; t++) {
		room[1] = (uint8_t)t;
		if (t != m.data_type)
			assert_int_not_equal(offered(p, room, p->offer.len),
					     0);
	}
}

/* -- payloads, authenticated again ---------------------------------------- */

/* The i-th payload a second time, in front of itself. */
static void doubled(struct mikey_message *m, size_t i)
{
	memmove(&m->payload[i + 1], &m->payload[i],
		(m->n - i) * sizeof *m->payload);
	m->n++;
}

static void missing(struct mikey_message *m, size_t i)
{
	m->n--;
	memmove(&m->payload[i], &m->payload[i + 1],
		(m->n - i) * sizeof *m->payload);
}

/* What may be there again, or not at all, in an offer that is taken. */
static bool may_repeat(const struct mikey_message *m, size_t i)
{
	return m->payload[i].type == MIKEY_EXTENSION ||
	       m->payload[i].type == MIKEY_CERT; /* one more to choose from */
}

static bool may_lack(const struct mikey_message *m, size_t i)
{
	return m->payload[i].type == MIKEY_EXTENSION ||
	       m->payload[i].type == MIKEY_ID ||
	       m->payload[i].type == MIKEY_CERT; /* see below */
}

static void payloads_twice(struct cert_pair *p)
{
	struct buf out = buf_of(2 * KEYING_MAX);
	struct mikey_message offer, m;

	read_offer(p, &offer);
	for (size_t i = 0; i + 1 < offer.n; i++) {
		m = offer;
		doubled(&m, i);
		if (may_repeat(&offer, i) || !seal(p, &offer, &m, &out))
			continue;
		assert_int_not_equal(offered(p, out.data, out.len), 0);
	}
	buf_free(&out);
}

static void payloads_missing(struct cert_pair *p)
{
	struct buf out = buf_of(2 * KEYING_MAX);
	struct mikey_message offer, m;

	read_offer(p, &offer);
	for (size_t i = 0; i < offer.n; i++) {
		m = offer;
		missing(&m, i);
		if (i + 1 < offer.n ? !seal(p, &offer, &m, &out)
				    : (buf_clear(&out),
				       mikey_encode(&m, &out)) != 0)
			continue;
		if (may_lack(&offer, i))
			offered(p, out.data, out.len); /* either, but whole */
		else
			assert_int_not_equal(offered(p, out.data, out.len), 0);
		p->called = (struct keying_result){ .n = 0 };
	}
	buf_free(&out);
}

/* And of the answer, which has nothing that a mode could do without but the
 * identities. */
static void answers_missing(struct cert_pair *p)
{
	struct buf out = buf_of(2 * KEYING_MAX);
	struct mikey_message offer, answer, m;

	read_offer(p, &offer);
	read_answer(p, &answer);
	for (size_t i = 0; can_seal(p, true) && i + 1 < answer.n; i++) {
		bool id = answer.payload[i].type == MIKEY_ID;

		m = answer;
		missing(&m, i);
		if (!seal(p, &offer, &m, &out))
			continue;
		if (!id)
			assert_int_not_equal(answered(p, out.data, out.len),
					     0);
		m = answer;
		doubled(&m, i);
		if (!may_repeat(&answer, i) && seal(p, &offer, &m, &out))
			assert_int_not_equal(answered(p, out.data, out.len),
					     0);
	}
	buf_free(&out);
}

static void counts_absurd(struct cert_pair *p)
{
	static const uint8_t counts[] = { 0, 1, 3, 4, 63, 64, 65, 255 };
	struct buf out = buf_of(2 * KEYING_MAX);
	struct mikey_message offer, m;
	uint8_t room[KEYING_MAX];

	read_offer(p, &offer);
	memcpy(room, p->offer.data, p->offer.len);
	for (size_t i = 0; i < sizeof counts; i++) {
		m = offer;
		m.n_cs = counts[i];
		if (counts[i] <= MIKEY_CS_MAX && seal(p, &offer, &m, &out))
			assert_int_not_equal(offered(p, out.data, out.len), 0);
		room[8] = counts[i]; /* said, but not there */
		assert_int_not_equal(offered(p, room, p->offer.len), 0);
	}
	buf_free(&out);
}

static void (*const on_the_wire[])(struct cert_pair *p) = {
	cuts, bytes_too_many, headers_changed, types_unknown, payloads_twice,
	payloads_missing, answers_missing, counts_absurd,
};

static void bad_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++)
		for (size_t k = 0; k < sizeof on_the_wire /
				       sizeof *on_the_wire; k++) {
			struct cert_pair p;

			start(&p, methods[i]);
			on_the_wire[k](&p);
			pair_close(&p);
		}
}

/* -- public values -------------------------------------------------------- */

enum value { ZERO, ONE, P_LESS_1, P, P_MORE_1, ALL_ONES, SHORTER_FORM, OFF,
	     OWN, VALUES };

/* A value of a group, or the coordinates and form of a point. */
static void spoil(unsigned group, enum value v, uint8_t *y, size_t len)
{
	static const uint8_t low[] = { [ZERO] = 0, [ONE] = 1 };

	if (v == ZERO || v == ONE) {
		memset(y, 0, len);
		y[len - 1] = low[v];
	} else if (v == ALL_ONES) {
		memset(y + mikey_dh_is_curve(group), 0xff,
		       len - mikey_dh_is_curve(group));
	} else if (v == SHORTER_FORM) {
		y[0] = mikey_dh_is_curve(group) ? 2 : 0;
		if (!mikey_dh_is_curve(group))
			memset(y, 0, len);
	} else if (v == OFF) {
		memset(y, 0, mikey_dh_is_curve(group) ? 1 : len);
	} else {
		BIGNUM *p = BN_get_rfc3526_prime_1536(NULL);

		assert_true(v == P_LESS_1 ? BN_sub_word(p, 1)
					  : BN_add_word(p, v == P_MORE_1));
		if (mikey_dh_is_curve(group))
			y[len - 1] ^= 1; /* off the curve */
		else
			assert_true(BN_bn2binpad(p, y, (int)len) > 0);
		BN_free(p);
	}
}

static const struct keying *const agreeing[] = {
	&mikey_dhhmac, &mikey_dhsign, &mikey_ecdh,
};

/* Puts y into the first DH payload of m. */
static void put_value(struct mikey_message *m, uint8_t *y, enum value v)
{
	struct mikey_payload *dh = (struct mikey_payload *)(uintptr_t)
		mikey_find(m, MIKEY_DH, 0);

	memcpy(y, dh->data.p, dh->data.len);
	spoil(dh->kind, v, y, dh->data.len);
	dh->data.p = y;
}

static void bad_values(void **state)
{
	struct buf out = buf_of(2 * KEYING_MAX);
	uint8_t y[MIKEY_DH_MAX];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (enum value v = ZERO; v < OWN; v++) {
			struct mikey_message offer, m;
			struct cert_pair p;

			start(&p, agreeing[i]);
			read_offer(&p, &offer);
			m = offer;
			put_value(&m, y, v);
			assert_true(seal(&p, &offer, &m, &out));
			assert_int_equal(offered(&p, out.data, out.len),
					 E_FORMAT);
			read_answer(&p, &m);
			put_value(&m, y, v);
			assert_true(seal(&p, &offer, &m, &out));
			assert_int_equal(answered(&p, out.data, out.len),
					 E_FORMAT);
			pair_close(&p);
		}
	buf_free(&out);
}

/* Our own value as the far end's: its answer would be under a key of ours. */
static void our_value_comes_back(void **state)
{
	struct buf out = buf_of(2 * KEYING_MAX);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct mikey_message offer, m;
		struct mikey_payload *dh;
		struct cert_pair p;

		start(&p, agreeing[i]);
		read_offer(&p, &offer);
		read_answer(&p, &m);
		dh = (struct mikey_payload *)(uintptr_t)mikey_find(&m,
							MIKEY_DH, 0);
		dh->data = mikey_find(&offer, MIKEY_DH, 0)->data;
		assert_true(seal(&p, &offer, &m, &out));
		assert_int_equal(answered(&p, out.data, out.len), E_FORMAT);
		pair_close(&p);
	}
	buf_free(&out);
}

static void wrong_groups(void **state)
{
	static const uint8_t value[MIKEY_DH_MAX] = { [100] = 7, [60] = 5 };
	static const unsigned groups[] = { MIKEY_OAKLEY_1, MIKEY_OAKLEY_2,
					   MIKEY_OAKLEY_5, MIKEY_P256,
					   MIKEY_P384 };
	struct buf out = buf_of(2 * KEYING_MAX);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t g = 0; g < 5; g++) {
			struct mikey_message offer, m;
			struct mikey_payload *dh;
			struct cert_pair p;

			start(&p, agreeing[i]);
			read_offer(&p, &offer);
			m = offer;
			dh = (struct mikey_payload *)(uintptr_t)mikey_find(&m,
							MIKEY_DH, 0);
			dh->kind = (uint8_t)groups[g];
			dh->data = (struct mikey_bytes){
				value, mikey_dh_len(groups[g]) };
			assert_true(seal(&p, &offer, &m, &out));
			if (groups[g] != MIKEY_OAKLEY_5)
				assert_int_not_equal(offered(&p, out.data,
							     out.len), 0);
			else
				assert_int_equal(offered(&p, out.data, out.len),
						 p.how == &mikey_ecdh
							 ? E_UNSUPPORTED : 0);
			pair_close(&p);
		}
	buf_free(&out);
}

/* -- who, when, to whom --------------------------------------------------- */

static void strangers(void **state)
{
	struct secret other;

	(void)state;
	secret_set(&other, "another pre-shared key", 22);
	for (size_t i = 0; i < N_METHODS; i++) {
		struct ca rogue = ca_make(KEY_ROGUE_CA, "another issuer");
		X509 *x = ca_issue(&rogue, rsa_key(KEY_ROGUE), "x",
				   &(struct ca_order){
					.san = "URI:sip:a.example" });
		struct credential *own = ca_credential(x, NULL,
						       rsa_key(KEY_ROGUE),
						       &certs.ca);
		struct cert_pair p;

		ca_add(own, CREDENTIAL_PEER, "them",
		       ca_file(certs.b, NULL, NULL, NULL));
		pair_open(&p, methods[i], &certs);
		p.a.psk = &other;
		p.b.psk = &psk;
		p.a.credential = own;
		assert_int_equal(pair_offer(&p), 0);
		assert_int_equal(offered(&p, p.offer.data, p.offer.len),
				 E_AUTH);
		pair_close(&p);
		credential_free(own);
		X509_free(x);
		ca_free(&rogue);
	}
}

static void of_another_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p;

		start(&p, methods[i]);
		p.b.wall_us = NOW_US + p.b.window_us + 1000000;
		assert_int_equal(offered(&p, p.offer.data, p.offer.len),
				 E_EXPIRED);
		p.b.wall_us = NOW_US - p.b.window_us - 1000000;
		assert_int_equal(offered(&p, p.offer.data, p.offer.len),
				 E_EXPIRED);
		pair_close(&p);
	}
}

/* Certificates that ended while the window is wide. */
static void of_an_expired_certificate(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		X509 *x = ca_issue(&certs.ca, rsa_key(KEY_A), "a",
				   &(struct ca_order){
					.san = "URI:sip:a.example",
					.to_s = 3600 });
		struct credential *own = ca_credential(x, NULL,
						       rsa_key(KEY_A),
						       &certs.ca);
		struct cert_pair p;

		if (!methods[i]->certified) {
			credential_free(own);
			X509_free(x);
			continue;
		}
		ca_add(own, CREDENTIAL_PEER, "them",
		       ca_file(certs.b, NULL, NULL, NULL));
		pair_open(&p, methods[i], &certs);
		p.a.credential = own;
		assert_int_equal(pair_offer(&p), 0);
		p.b.window_us = UINT64_MAX;
		assert_int_equal(offered(&p, p.offer.data, p.offer.len), 0);
		p.called = (struct keying_result){ .n = 0 };
		p.b.wall_us += 7200 * 1000000ull;
		assert_int_equal(offered(&p, p.offer.data, p.offer.len),
				 E_AUTH);
		assert_non_null(strstr(p.fault.text, "expired"));
		pair_close(&p);
		credential_free(own);
		X509_free(x);
	}
}

/* A message comes back to its maker, as the other kind and as its own. */
static void reflected(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct keying_terms b;
		struct cert_pair p;

		start(&p, methods[i]);
		assert_int_not_equal(answered(&p, p.offer.data, p.offer.len),
				     0);
		assert_int_not_equal(offered(&p, p.answer.data, p.answer.len),
				     0);
		b = p.b;
		p.b = p.a; /* a is asked to answer its own offer */
		assert_int_equal(offered(&p, p.offer.data, p.offer.len),
				 E_AUTH);
		p.b = b;
		pair_close(&p);
	}
}

/* The answer to one offer is none to the next. */
static void of_another_exchange(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct cert_pair p, q;

		start(&p, methods[i]);
		start(&q, methods[i]);
		assert_int_equal(answered(&p, q.answer.data, q.answer.len),
				 E_AUTH);
		assert_int_equal(answered(&p, p.answer.data, p.answer.len), 0);
		pair_close(&p);
		pair_close(&q);
	}
}

/* -- which of our certificates -------------------------------------------- */

/* A signed offer without certificates is by the peer's configured one, or by
 * nobody known. */
static void the_configured_certificate_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++) {
		struct buf out = buf_of(2 * KEYING_MAX);
		struct mikey_message offer, m;
		const struct mikey_payload *cert;
		struct cert_pair p;

		start(&p, methods[i]);
		read_offer(&p, &offer);
		m = offer;
		while ((cert = mikey_find(&m, MIKEY_CERT, 0)))
			missing(&m, (size_t)(cert - m.payload));
		if (methods[i]->certified) {
			assert_true(seal(&p, &offer, &m, &out));
			assert_int_equal(offered(&p, out.data, out.len), 0);
			p.called = (struct keying_result){ .n = 0 };
			p.b.peer = "another";
			assert_int_equal(offered(&p, out.data, out.len),
					 E_AUTH);
			p.b.peer = "them";
			out.data[out.len - 9] ^= 1;
			assert_int_equal(offered(&p, out.data, out.len),
					 E_AUTH);
		}
		buf_free(&out);
		pair_close(&p);
	}
}

/* CHASH in front of the PKE payload (RFC 3830 3.2). */
static void hashes_name_our_certificate(void **state)
{
	static const struct {
		uint8_t kind, len, wrong;
		int err;
	} rows[] = {
		{ 0, 20, 0, 0 }, { 0, 20, 1, E_AUTH }, { 2, 32, 0, 0 },
		{ 2, 32, 1, E_AUTH }, { 1, 16, 0, E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = buf_of(2 * KEYING_MAX);
		struct mikey_message offer, m;
		uint8_t hash[EVP_MAX_MD_SIZE];
		const EVP_MD *md[] = { EVP_sha1(), EVP_md5(), EVP_sha256() };
		struct cert_pair p;
		size_t at;

		start(&p, &mikey_pke);
		read_offer(&p, &offer);
		m = offer;
		at = (size_t)(mikey_find(&m, MIKEY_PKE, 0) - m.payload);
		assert_true(X509_digest(certs.b, md[rows[i].kind], hash,
					NULL));
		hash[3] ^= rows[i].wrong;
		doubled(&m, at);
		m.payload[at] = (struct mikey_payload){
			.type = MIKEY_CHASH, .kind = rows[i].kind,
			.data = { hash, rows[i].len } };
		assert_true(seal(&p, &offer, &m, &out));
		assert_int_equal(offered(&p, out.data, out.len), rows[i].err);
		buf_free(&out);
		pair_close(&p);
	}
}

/* -- error messages ------------------------------------------------------- */

/* Each number is told as the answer to each method's offer, in words and in
 * our own codes. */
static void every_error_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METHODS; i++)
		for (unsigned no = 0; no < 256; no++) {
			struct buf out = buf_of(KEYING_MAX);
			struct mikey_message offer;
			struct cert_pair p;
			struct mikey_refusal why = { .offer = &offer,
						     .error_no = (uint8_t)no };

			if (no > 20 && no < 255)
				continue;
			start(&p, methods[i]);
			read_offer(&p, &offer);
			assert_int_equal(mikey_error_make(&why, &out), 0);
			assert_int_equal(answered(&p, out.data, out.len),
					 mikey_error_code(no));
			assert_non_null(strstr(p.fault.text,
					       mikey_error_text(no)));
			assert_non_null(strstr(p.fault.text,
					       "not authenticated"));
			for (size_t n = 0; n < out.len; n++)
				assert_int_not_equal(answered(&p, out.data, n),
						     0);
			buf_free(&out);
			pair_close(&p);
		}
}

static int open_all(void **state)
{
	(void)state;
	secret_set(&psk, "0123456789abcdef", 16);
	certs_open(&certs);
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_messages),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(our_value_comes_back),
		cmocka_unit_test(wrong_groups),
		cmocka_unit_test(strangers),
		cmocka_unit_test(of_another_time),
		cmocka_unit_test(of_an_expired_certificate),
		cmocka_unit_test(reflected),
		cmocka_unit_test(of_another_exchange),
		cmocka_unit_test(the_configured_certificate_counts),
		cmocka_unit_test(hashes_name_our_certificate),
		cmocka_unit_test(every_error_is_understood),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
