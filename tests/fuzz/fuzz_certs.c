/* fuzz_certs.c - what reads a signed MIKEY message from the network: the
 * answers and finishes of the methods that prove by certificates, certificates
 * and their names. The first byte chooses the method. A message whose last
 * payload is a SIGN is also tried with the signature set right by a trusted
 * far end, so that what lies behind it is reached; whatever is then accepted
 * must be a whole result. */
#include "modules/mikey/dhsign.h"
#include "modules/mikey/pke.h"
#include "modules/mikey/rsa_r.h"
#include "modules/mikey/message.h"
#include "tests/mock/ca.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct keying *const methods[] = {
	&mikey_pke, &mikey_rsa_r, &mikey_dhsign, &mikey_ecdh
};

static const enum suite suites[] = {
	SUITE_AES_CM_128_HMAC_SHA1_80, SUITE_AEAD_AES_128_GCM,
};

/* One certificate is good enough for both ends. */
static struct credential *own(void)
{
	static struct credential *c;
	struct ca ca;
	X509 *x;

	if (c)
		return c;
	ca = ca_make(0, "the issuer");
	x = ca_issue(&ca, ca_key(1, "RSA", 2048), "x", &(struct ca_order){
		.san = "URI:sip:a.example,URI:sip:b.example" });
	c = ca_credential(x, NULL, ca_key(1, "RSA", 2048), &ca);
	ca_add(c, CREDENTIAL_PEER, "them", ca_file(x, NULL, NULL, NULL));
	X509_free(x);
	ca_free(&ca);
	return c;
}

static struct keying_terms terms_of(const struct mikey_message *m)
{
	static const uint32_t ssrc[STREAM_MAX] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct keying_terms terms = {
		.local_id = "sip:bob@b.example",
		.remote_id = "sip:alice@a.example",
		.credential = own(), .peer = "them",
		.suites = suites, .n_suites = 2, .legacy = true,
		.n = m->n_cs >= 2 && m->n_cs <= 16 ? m->n_cs / 2 : 1,
		.ssrc = ssrc, .wall_us = CA_NOW * 1000000ull,
		.window_us = UINT64_MAX, .verify = true,
	};

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

/* Our certificate in place of the message's, our signature at its end. */
static void answer_signed(const struct keying *k, const struct keying_terms *t,
			  struct mikey_message *m)
{
	static uint8_t zero[256];
	struct buf b = buf_of(2 * KEYING_MAX);
	struct der chain[CHAIN_MAX], run;

	if (!m->n || m->payload[m->n - 1].type != MIKEY_SIGN)
		return;
	credential_chain(t->credential, chain);
	for (size_t i = 0; i < m->n; i++)
		if (m->payload[i].type == MIKEY_CERT)
			m->payload[i].data = (struct mikey_bytes){
				chain[0].p, chain[0].len };
	m->payload[m->n - 1].kind = SIGNATURE_PKCS1;
	m->payload[m->n - 1].data = (struct mikey_bytes){ zero, 256 };
	if (!mikey_encode(m, &b)) {
		run = (struct der){ b.data, b.len - 256 };
		if (!credential_sign(t->credential, SIGNATURE_PKCS1, &run, 1,
				     b.data + run.len))
			answer(k, t, b.data, b.len);
	}
	buf_free(&b);
}

static void finish(const struct keying *k, const struct keying_terms *t,
		   const uint8_t *data, size_t size)
{
	struct buf out = buf_of(KEYING_MAX);
	struct keying_result res = { .n = 0 };
	struct keying_fault fault = { "" };
	struct keying_pending *p;

	if (!k->offer(t, &out, &p, &res, &fault)) {
		/* nobody guesses the signature, or the empty answer */
		if (!k->finish(p, data, size, t->wall_us, &res, &fault))
			abort();
		k->drop(p);
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mikey_message m;
	const struct keying *k;
	struct keying_terms t;

	if (!size)
		return 0;
	k = methods[data[0] % (sizeof methods / sizeof *methods)];
	data++;
	size--;
	if (mikey_decode(data, size, &m))
		m.n_cs = 0;
	t = terms_of(&m);
	answer(k, &t, data, size);
	if (m.n_cs)
		answer_signed(k, &t, &m);
	if (!(size & 7)) /* dear: now and then */
		finish(k, &t, data, size);
	return 0;
}
