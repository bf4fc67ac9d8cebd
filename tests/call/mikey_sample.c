/* mikey_sample.c METHOD - writes one exchange as MIKEY lines of SDP: "offer
 * BASE64" and "answer BASE64". For mikey_tshark.sh. */
#include "daemon/base/clock.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/psk.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static void show(const char *word, const struct buf *b)
{
	unsigned char text[2048];

	EVP_EncodeBlock(text, b->data, (int)b->len);
	printf("%s %s\n", word, (const char *)text);
}

static const struct keying *method_of(const char *name)
{
	static const struct keying *const all[] = { &mikey_psk, &mikey_dhhmac };

	for (size_t i = 0; name && i < sizeof all / sizeof *all; i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
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
	struct keying_terms b = a;
	struct buf offer = buf_of(1500), answer = buf_of(1500);
	struct keying_pending *p = NULL;
	struct keying_result res;
	struct keying_fault why = { "" };
	int r;

	if (!k)
		return 2;
	secret_set(&psk, "0123456789abcdef", 16);
	b.local_id = a.remote_id;
	b.remote_id = a.local_id;
	b.ssrc = ssrc[1];
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
	buf_free(&offer);
	buf_free(&answer);
	return r != 0;
}
