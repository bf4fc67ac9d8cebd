/* fuzz_mikey.c - everything that reads a MIKEY message from the network: the
 * codec (what it takes must come out the same), the explanation, the answer
 * and the finish of the methods under a pre-shared key. A message that ends in
 * a KEMAC is also tried with its MAC set right, a DHHMAC response as if it were
 * to our offer, so that what lies behind the MAC is reached; whatever is then
 * accepted must be a whole result. An offer without a RAND is tried as an
 * update of a bundle that is there. */
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/explain.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/stamp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum suite suites[] = {
	SUITE_AES_CM_128_HMAC_SHA1_80, SUITE_AES_CM_128_HMAC_SHA1_32,
	SUITE_AEAD_AES_128_GCM, SUITE_AEAD_AES_256_GCM,
	SUITE_AES_192_CM_HMAC_SHA1_80, SUITE_AES_256_CM_HMAC_SHA1_32,
	SUITE_F8_128_HMAC_SHA1_80,
};

static void round_trip(const struct mikey_message *m, const uint8_t *data,
		       size_t size)
{
	struct buf b = buf_of(MIKEY_MESSAGE_MAX);

	if (mikey_encode(m, &b) || b.len != size || memcmp(b.data, data, size))
		abort();
	buf_free(&b);
}

/* What an offer without a RAND updates. */
static const struct keying_bundle *bundle_of(const struct mikey_message *m)
{
	static struct keying_bundle b;

	if (mikey_find(m, MIKEY_RAND, 0))
		return NULL;
	b = (struct keying_bundle){ .csb_id = m->csb_id, .prf = m->prf,
				    .rand_len = 16 };
	memcpy(b.rand, "the first RAND..", 16);
	return &b;
}

static struct keying_terms terms_of(const struct secret *psk,
				    const struct mikey_message *m)
{
	static const uint32_t ssrc[STREAM_MAX] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct mikey_payload *t = mikey_find(m, MIKEY_T, 0);
	struct keying_terms terms = {
		.local_id = "sip:bob@b.example",
		.remote_id = "sip:alice@a.example",
		.psk = psk, .suites = suites,
		.n_suites = sizeof suites / sizeof *suites,
		.n = m->n_cs >= 2 && m->n_cs <= 16 ? m->n_cs / 2 : 1,
		.ssrc = ssrc, .wall_us = 1900000000000000,
		.window_us = 300000000, .verify = true,
		.counters = true, .legacy = true,
		.bundle = bundle_of(m), .keyings = 1,
	};

	if (t && t->data.len == 8) {
		struct reader r = reader_of(t->data.p, 8);

		terms.wall_us = mikey_stamp_us(reader_u64(&r), terms.wall_us);
	}
	return terms;
}

static void answer(const struct keying *k, const struct keying_terms *t,
		   const uint8_t *data, size_t size)
{
	struct buf out = buf_of(KEYING_MAX);
	struct keying_result res = { .n = 0 };
	struct keying_fault fault = { "" };
	int r = k->answer(t, data, size, &out, &res, &fault);

	if (r ? res.n != 0 || !fault.text[0]
	      : res.n != t->n || !suite_info(res.facts.suite))
		abort();
	buf_free(&out);
}

/* The algorithms are RFC 4650's, too, where a KEMAC carries no key. */
static int derive(const struct secret *psk, const struct mikey_root *root,
		  const struct mikey_payload *k, struct mikey_psk_keys *keys)
{
	if (k->data.len)
		return mikey_psk_derive(psk, root, k->kind, k->mac_alg, keys);
	return mikey_psk_derive(psk, root, MIKEY_ENCR_AES_CM_128,
				k->mac.len == 20 ? MIKEY_MAC_SHA1 : k->mac_alg,
				keys);
}

static void answer_with_mac(const struct keying *method,
			    const struct keying_terms *t,
			    const struct mikey_message *m,
			    const uint8_t *data, size_t size)
{
	const struct mikey_payload *k = mikey_find(m, MIKEY_KEMAC, 0);
	const struct mikey_payload *rand = mikey_find(m, MIKEY_RAND, 0);
	struct mikey_root root = { .prf = m->prf, .csb_id = m->csb_id };
	struct mikey_psk_keys keys;
	struct mikey_bytes covered;
	uint8_t *copy;

	if (!k || k != &m->payload[m->n - 1])
		return;
	if (rand)
		root.rand = rand->data;
	else
		root.rand = (struct mikey_bytes){ t->bundle->rand,
						  t->bundle->rand_len };
	if (derive(t->psk, &root, k, &keys))
		return;
	copy = malloc(size);
	if (!copy)
		return;
	memcpy(copy, data, size);
	covered.p = copy;
	covered.len = size - keys.auth_len;
	if (!mikey_hmac(keys.mac_alg, keys.auth, keys.auth_len, &covered, 1,
			copy + covered.len))
		answer(method, t, copy, size);
	free(copy);
}

/* Makes a DHHMAC response one to that offer: bundle, timestamp, the offer's
 * public value and the MAC. */
static void fit_response(const struct secret *psk, const struct buf *offer,
			 const struct mikey_message *m, uint8_t *data,
			 size_t size)
{
	const struct mikey_payload *t = mikey_find(m, MIKEY_T, 0);
	const struct mikey_payload *dh = mikey_find(m, MIKEY_DH, 1);
	const struct mikey_payload *k = mikey_find(m, MIKEY_KEMAC, 0);
	struct mikey_bytes covered = { data, size - 20 };
	struct mikey_psk_keys keys;
	struct mikey_message o;
	struct mikey_root root;

	if (mikey_decode(offer->data, offer->len, &o))
		abort();
	root = (struct mikey_root){ .csb_id = o.csb_id,
		.rand = mikey_find(&o, MIKEY_RAND, 0)->data };
	memcpy(data + 4, offer->data + 4, 4);
	if (t && t->data.len == 8)
		memcpy(data + (t->data.p - data),
		       mikey_find(&o, MIKEY_T, 0)->data.p, 8);
	if (dh && dh->data.len == 192)
		memcpy(data + (dh->data.p - data),
		       mikey_find(&o, MIKEY_DH, 0)->data.p, 192);
	if (!k || k->mac.len != 20 || k != &m->payload[m->n - 1] ||
	    mikey_psk_derive(psk, &root, MIKEY_ENCR_AES_CM_128,
			     MIKEY_MAC_SHA1, &keys))
		return;
	mikey_hmac(keys.mac_alg, keys.auth, keys.auth_len, &covered, 1,
		   data + size - 20);
}

/* The other side of t, which sends with the message's SSRCs. */
static void finish_dhhmac(const struct keying_terms *t,
			  const struct mikey_message *of, const uint8_t *data,
			  size_t size)
{
	struct keying_terms mine = *t;
	uint32_t ssrc[STREAM_MAX] = { 0 };
	struct buf offer = buf_of(KEYING_MAX);
	struct keying_result early, res = { .n = 0 };
	struct keying_fault fault = { "" };
	struct keying_pending *p;
	struct mikey_message m;
	uint8_t *copy = malloc(size);
	int r;

	mine.local_id = t->remote_id;
	mine.remote_id = t->local_id;
	mine.ssrc = ssrc;
	mine.bundle = NULL;
	for (size_t i = 0; i < t->n && 2 * i < of->n_cs; i++)
		ssrc[i] = of->cs[2 * i].ssrc;
	if (!copy || mikey_dhhmac.offer(&mine, &offer, &p, &early, &fault)) {
		free(copy);
		return;
	}
	if (!mikey_dhhmac.finish(p, data, size, 0, &res, &fault))
		abort(); /* nobody guesses the MAC */
	memcpy(copy, data, size);
	if (!mikey_decode(copy, size, &m))
		fit_response(t->psk, &offer, &m, copy, size);
	r = mikey_dhhmac.finish(p, copy, size, 0, &res, &fault);
	if (r ? res.n != 0 || !fault.text[0]
	      : res.n != t->n || !suite_info(res.facts.suite))
		abort();
	mikey_dhhmac.drop(p);
	buf_free(&offer);
	free(copy);
}

static void finish(const struct keying_terms *t, const uint8_t *data,
		   size_t size)
{
	struct buf out = buf_of(KEYING_MAX);
	struct keying_result res = { .n = 0 };
	struct keying_fault fault = { "" };
	struct keying_pending *p;

	if (!mikey_psk.offer(t, &out, &p, &res, &fault)) {
		/* nobody guesses the MAC, or the empty answer */
		if (!mikey_psk.finish(p, data, size, 0, &res, &fault))
			abort();
		mikey_psk.drop(p);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mikey_message m;
	struct buf text = buf_of(1 << 20);
	struct keying_terms t;
	struct secret psk;
	int r = mikey_decode(data, size, &m);

	secret_set(&psk, "0123456789abcdef", 16);
	t = terms_of(&psk, &m);
	mikey_explain(data, size, &text);
	buf_free(&text);
	answer(&mikey_psk, &t, data, size);
	answer(&mikey_dhhmac, &t, data, size);
	finish(&t, data, size);
	if (!r) {
		round_trip(&m, data, size);
		answer_with_mac(&mikey_psk, &t, &m, data, size);
		answer_with_mac(&mikey_dhhmac, &t, &m, data, size);
		if (m.data_type == MIKEY_DHHMAC_RESPONSE)
			finish_dhhmac(&t, &m, data, size);
	}
	return 0;
}
