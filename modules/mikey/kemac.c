/* kemac.c - inside a KEMAC: AES counter mode (RFC 3830 4.2.3) and the chain
 * of key data sub-payloads (6.13) with their validity (6.14).
 *
 * Which types a mode takes is the mode's decision. Null encryption is not
 * done: the modes refuse it. AES key wrap (RFC 3394) is opened, never made: it
 * takes whole blocks of 8 bytes, and no padding is defined for others. */
#include "modules/mikey/kemac.h"

#include "daemon/base/err.h"
#include "modules/mikey/payload.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>

#define HAS_SALT(type) ((type) & 1) /* table 6.13.a: the odd ones */
#define KEY_TYPE_MAX 5              /* with the group TGKs of RFC 6043 */

static uint8_t get_key(struct reader *r, struct mikey_key *k)
{
	uint8_t next = reader_u8(r), v = reader_u8(r);

	k->type = v >> 4;
	k->kv.type = v & 15;
	if (!r->err && k->type > KEY_TYPE_MAX)
		reader_fail(r, E_UNSUPPORTED);
	k->key = mikey_read_bytes(r, reader_u16(r));
	if (HAS_SALT(k->type))
		k->salt = mikey_read_bytes(r, reader_u16(r));
	mikey_kv_get(r, &k->kv);
	return next;
}

int mikey_keys_decode(struct mikey_bytes plain, bool with_id,
		      struct mikey_keys *out)
{
	struct reader r = reader_of(plain.p, plain.len);
	unsigned next = MIKEY_KEY_DATA;

	memset(out, 0, sizeof *out);
	if (with_id) {
		next = reader_u8(&r);
		out->id.type = MIKEY_ID;
		mikey_payload_form(MIKEY_ID)->get(&r, &out->id);
	} else if (!plain.len) {
		return 0; /* 6.2: an update without new keys */
	}
	while (!r.err && next != MIKEY_LAST) {
		if (next != MIKEY_KEY_DATA)
			return E_FORMAT;
		if (out->n == MIKEY_KEYS_MAX)
			return E_UNSUPPORTED;
		next = get_key(&r, &out->key[out->n++]);
	}
	return reader_end(&r);
}

static void put_key(struct buf *b, const struct mikey_key *k, bool last)
{
	if ((k->key.len > 0xffff || k->salt.len > 0xffff) && !b->err)
		b->err = E_ARG;
	buf_u8(b, last ? MIKEY_LAST : MIKEY_KEY_DATA);
	buf_u8(b, (uint8_t)(k->type << 4 | (k->kv.type & 15)));
	buf_u16(b, (uint16_t)k->key.len);
	buf_put(b, k->key.p, k->key.len);
	if (HAS_SALT(k->type)) {
		buf_u16(b, (uint16_t)k->salt.len);
		buf_put(b, k->salt.p, k->salt.len);
	}
	mikey_kv_put(b, &k->kv);
}

int mikey_keys_encode(const struct mikey_keys *k, struct buf *out)
{
	if (k->id.type) {
		buf_u8(out, k->n ? MIKEY_KEY_DATA : MIKEY_LAST);
		mikey_payload_form(MIKEY_ID)->put(out, &k->id);
	}
	for (size_t i = 0; i < k->n; i++)
		put_key(out, &k->key[i], i + 1 == k->n);
	return out->err;
}

/* Fetched once, kept as long as the process. */
static EVP_CIPHER *cipher_of(size_t key_len)
{
	static _Atomic(EVP_CIPHER *) made[2];
	size_t i = key_len == 32;
	EVP_CIPHER *c = atomic_load(&made[i]), *none = NULL;

	if (c)
		return c;
	c = EVP_CIPHER_fetch(NULL, i ? "AES-256-CTR" : "AES-128-CTR", NULL);
	if (c && !atomic_compare_exchange_strong(&made[i], &none, c)) {
		EVP_CIPHER_free(c);
		c = none;
	}
	return c;
}

int mikey_aes_cm(const uint8_t *key, size_t key_len, const uint8_t iv[16],
		 struct mikey_bytes in, uint8_t *out)
{
	EVP_CIPHER *c = cipher_of(key_len);
	EVP_CIPHER_CTX *ctx = c ? EVP_CIPHER_CTX_new() : NULL;
	int r = E_INTERNAL, n;

	if (!ctx)
		return E_NOMEM;
	if (EVP_EncryptInit_ex2(ctx, c, key, iv, NULL) &&
	    EVP_EncryptUpdate(ctx, out, &n, in.p, (int)in.len))
		r = 0;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

int mikey_key_unwrap(const uint8_t key[16], const uint8_t iv[8],
		     struct mikey_bytes in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx;
	int n, r = E_FORMAT;

	if (in.len < 24 || in.len % 8)
		return E_FORMAT;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return E_NOMEM;
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_DecryptInit_ex2(ctx, EVP_aes_128_wrap(), key, iv, NULL) &&
	    EVP_DecryptUpdate(ctx, out, &n, in.p, (int)in.len) &&
	    (size_t)n == in.len - 8)
		r = 0;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

void mikey_iv(const uint8_t salt[14], uint32_t csb_id, uint64_t stamp,
	      uint8_t iv[16])
{
	memcpy(iv, salt, 14);
	iv[14] = iv[15] = 0;
	for (size_t i = 0; i < 4; i++)
		iv[2 + i] ^= (uint8_t)(csb_id >> (24 - 8 * i));
	for (size_t i = 0; i < 8; i++)
		iv[6 + i] ^= (uint8_t)(stamp >> (56 - 8 * i));
}
