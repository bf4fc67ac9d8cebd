/* mikey_sample.c METHOD [sha-256] - writes one exchange as MIKEY lines of SDP:
 * "offer BASE64" and "answer BASE64". For mikey_tshark.sh. */
#include "daemon/base/clock.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/dhsign.h"
#include "modules/mikey/pke.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/rsa_r.h"
#include "tests/mock/ca.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static void show(const char *word, const struct buf *b)
{
	unsigned char text[8192];

	EVP_EncodeBlock(text, b->data, (int)b->len);
	printf("%s %s\n", word, (const char *)text);
}

static const struct keying *method_of(const char *name)
{
	static const struct keying *const all[] = {
		&mikey_psk, &mikey_dhhmac, &mikey_pke, &mikey_rsa_r,
		&mikey_dhsign, &mikey_ecdh
	};

	for (size_t i = 0; name && i < sizeof all / sizeof *all; i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

/* Certificates of one issuer for both ends, at the time that they have.
 * own[] are the stores, for the caller to free. */
static void certify(struct keying_terms *a, struct keying_terms *b,
		    struct credential *own[2])
{
	struct ca ca = ca_make(0, "the issuer");
	X509 *x = ca_issue(&ca, ca_key(1, "RSA", 2048), "a",
			   &(struct ca_order){ .san = "URI:sip:a.example" });
	X509 *y = ca_issue(&ca, ca_key(2, "RSA", 2048), "b",
			   &(struct ca_order){ .san = "URI:sip:b.example" });

	own[0] = ca_credential(x, NULL, ca_key(1, "RSA", 2048), &ca);
	own[1] = ca_credential(y, NULL, ca_key(2, "RSA", 2048), &ca);
	ca_add(own[0], CREDENTIAL_PEER, "b", ca_file(y, NULL, NULL, NULL));
	a->credential = own[0];
	b->credential = own[1];
	a->peer = "b";
	b->peer = "a";
	a->wall_us = b->wall_us = CA_NOW * 1000000ull;
	X509_free(x);
	X509_free(y);
	ca_free(&ca);
}

static struct buf ranks[2];

/* Both with the lists of the negotiation by priority. */
static void rank(const struct keying *k, const struct keying_name *name,
		 struct keying_terms *a, struct keying_terms *b)
{
	const struct rank_name as = { name->bundle, name->rand,
				      sizeof name->rand };
	struct rank_ext e = { .lists = { true, { 1, { rank_method(k->name) } },
					 { 1, { SUITE_AEAD_AES_128_GCM } } } };

	ranks[0] = ranks[1] = buf_of(RANK_EXT_MAX);
	rank_hash(&e.lists, &as, 1, e.hash);
	rank_put(&e, &ranks[0]);
	e.answer = true;
	rank_decide(&e.lists, &e.lists, &e.choice);
	rank_put(&e, &ranks[1]);
	a->name = name;
	a->ranks = ranks[0].data;
	a->ranks_len = ranks[0].len;
	b->ranks = ranks[1].data;
	b->ranks_len = ranks[1].len;
	b->suite = SUITE_AEAD_AES_128_GCM;
}

int main(int argc, char **argv)
{
	const struct keying *k = method_of(argc > 1 ? argv[1] : "mikey-psk");
	const enum suite suites[] = { SUITE_AEAD_AES_128_GCM };
	const uint32_t ssrc[2][2] = { { 0x11111111, 0x22222222 },
				      { 0x33333333, 0x44444444 } };
	struct secret psk;
	struct keying_terms a = {
		.local_id = "sip:alice@a.example",
		.remote_id = "sip:bob@b.example",
		.psk = &psk, .suites = suites, .n_suites = 1, .n = 2,
		.ssrc = ssrc[0], .wall_us = clock_wall_us(&clock_system),
		.window_us = 300000000, .verify = true,
	};
	struct keying_name name = { 0x01020304, { 1, 2, 3 } };
	struct keying_terms b;
	struct buf offer = buf_of(KEYING_MAX), answer = buf_of(KEYING_MAX);
	struct credential *own[2] = { NULL, NULL };
	struct keying_pending *p = NULL;
	struct keying_result res;
	struct keying_fault why = { "" };
	int r;

	if (!k)
		return 2;
	a.sha256 = argc > 2 && !strcmp(argv[2], "sha-256");
	b = a;
	secret_set(&psk, "0123456789abcdef", 16);
	b.local_id = a.remote_id;
	b.remote_id = a.local_id;
	b.ssrc = ssrc[1];
	if (k->certified)
		certify(&a, &b, own);
	rank(k, &name, &a, &b);
	r = k->offer(&a, &offer, &p, &res, &why);
	if (!r)
		r = k->answer(&b, offer.data, offer.len, &answer, &res, &why);
	if (!r) {
		show("offer", &offer);
		show("answer", &answer);
	} else {
		fprintf(stderr, "%s\n", why.text);
	}
	k->drop(p);
	buf_free(&ranks[0]);
	buf_free(&ranks[1]);
	buf_free(&offer);
	buf_free(&answer);
	credential_free(own[0]);
	credential_free(own[1]);
	return r != 0;
}
