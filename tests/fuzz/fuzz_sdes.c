/* fuzz_sdes.c - a=crypto values: what is read can be written and read again
 * with the same meaning; whatever stands in an offer, an answer to it is taken
 * by no other offer; whatever stands in an answer, it gives a key that is not
 * ours. */
#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/sdes/crypto.h"
#include "modules/sdes/exchange.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
	if (!held)
		abort();
}

static void codec(const uint8_t *data, size_t size)
{
	static struct crypto c, again;
	struct buf text = buf_of(1 << 16), twice = buf_of(1 << 16);
	const char *why = NULL;

	if (crypto_read((const char *)data, size, &c, &why)) {
		must(why != NULL);
		return;
	}
	must(!crypto_write(&c, &text));
	if (!c.foreign) {
		must(!crypto_read((char *)text.data, text.len, &again, &why));
		must(!memcmp(&c, &again, sizeof c));
		must(!crypto_write(&again, &twice));
		must(text.len == twice.len &&
		     !memcmp(text.data, twice.data, text.len));
	}
	buf_free(&text);
	buf_free(&twice);
}

static void method(const uint8_t *data, size_t size)
{
	static const enum suite suites[] = {
		SUITE_AES_CM_128_HMAC_SHA1_80, SUITE_AES_CM_128_HMAC_SHA1_32,
		SUITE_AEAD_AES_128_GCM, SUITE_AES_256_CM_HMAC_SHA1_80
	};
	const uint32_t ssrc = 1;
	struct keying_terms t = { .local_id = "sip:a@a", .remote_id = "sip:b@b",
				  .suites = suites, .n_suites = 4, .n = 1,
				  .ssrc = &ssrc };
	struct buf out = buf_of(KEYING_MAX);
	struct keying_pending *p = NULL;
	struct keying_result res, early;
	struct keying_fault fault;

	if (!sdes_keying.answer(&t, data, size, &out, &res, &fault))
		must(res.n == 1 && res.facts.bare && out.len &&
		     res.send[0].suite == res.recv[0].suite &&
		     memcmp(res.send[0].key, res.recv[0].key, 16));
	buf_clear(&out);
	must(!sdes_keying.offer(&t, &out, &p, &early, &fault));
	if (!sdes_keying.finish(p, data, size, 1, &res, &fault))
		must(res.send[0].suite == res.recv[0].suite &&
		     memcmp(res.send[0].key, res.recv[0].key, 16));
	sdes_keying.drop(p);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	codec(data, size);
	method(data, size);
	return 0;
}
