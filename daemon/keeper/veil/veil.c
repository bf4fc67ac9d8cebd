/* veil.c - one value veiled and shown. See veil.h. */
#include "daemon/keeper/veil/veil.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/base/secret.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define TAG 16 /* the synthetic IV */
#define HEAD "veiled:"
#define HEAD_LEN (sizeof HEAD - 1)
#define VALUE_MAX 4096

int veil_draw(struct veil *v)
{
	return RAND_bytes(v->key, sizeof v->key) == 1 ? 0 : E_INTERNAL;
}

int veil_name(uint64_t call, const char *peer, const char *remote_id,
	      uint8_t out[static 32])
{
	struct buf b = buf_of(4096);
	int r;

	buf_u64(&b, call);
	buf_put(&b, peer, strlen(peer) + 1);
	buf_put(&b, remote_id, strlen(remote_id) + 1);
	r = !b.err && EVP_Digest(b.data, b.len, out, NULL, EVP_sha256(), NULL)
		? 0 : E_INTERNAL;
	buf_free(&b);
	return r;
}

/* Encrypts or decrypts len bytes, with the tag before or after. */
static int run(const struct veil *v, const struct veil_for *f, bool hide,
	       struct mime_bytes in, uint8_t *out, uint8_t tag[static TAG])
{
	EVP_CIPHER *siv = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const uint8_t whose = (uint8_t)f->whose;
	int n, r = E_INTERNAL;

	if (siv && ctx &&
	    EVP_CipherInit_ex2(ctx, siv, v->key, NULL, hide, NULL) == 1 &&
	    (hide || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG,
					 tag) == 1) &&
	    EVP_CipherUpdate(ctx, NULL, &n, f->name, sizeof f->name) == 1 &&
	    EVP_CipherUpdate(ctx, NULL, &n, &whose, 1) == 1)
		r = EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.len) == 1 &&
		    EVP_CipherFinal_ex(ctx, out + n, &n) == 1
			? 0 : hide ? E_INTERNAL : E_AUTH;
	if (!r && hide && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG,
					      tag) != 1)
		r = E_INTERNAL;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(siv);
	return r;
}

bool veil_is(struct mime_bytes value)
{
	return value.len > HEAD_LEN && !memcmp(value.p, HEAD, HEAD_LEN);
}

int veil_hide(const struct veil *v, const struct veil_for *f,
	      struct mime_bytes value, struct buf *out)
{
	uint8_t plain[1 + VALUE_MAX], cipher[1 + VALUE_MAX], tag[TAG];
	int r;

	if (value.len > VALUE_MAX)
		return E_SPACE;
	plain[0] = f->note;
	memcpy(plain + 1, value.p, value.len);
	r = run(v, f, true, (struct mime_bytes){ plain, value.len + 1 }, cipher,
		tag);
	wipe(plain, sizeof plain);
	if (r)
		return r;
	buf_text(out, HEAD);
	hex_put(out, tag, sizeof tag);
	hex_put(out, cipher, value.len + 1);
	return out->err;
}

int veil_show(const struct veil *v, struct veil_for *f,
	      struct mime_bytes veiled, struct buf *out)
{
	uint8_t bytes[TAG + 1 + VALUE_MAX], plain[1 + VALUE_MAX];
	struct mime_bytes hex = { veiled.p + HEAD_LEN, veiled.len - HEAD_LEN };
	size_t len = hex.len / 2;
	int r;

	if (!veil_is(veiled) || hex.len % 2 || len > sizeof bytes ||
	    len < TAG + 1 || hex_read(hex.p, len, bytes))
		return E_FORMAT;
	r = run(v, f, false, (struct mime_bytes){ bytes + TAG, len - TAG },
		plain, bytes);
	if (!r) {
		f->note = plain[0];
		buf_put(out, plain + 1, len - TAG - 1);
		r = out->err;
	}
	wipe(plain, sizeof plain);
	return r;
}

/* -- several -------------------------------------------------------------- */

static struct mime_bytes take_value(struct mime_bytes *rest)
{
	const uint8_t *lf = memchr(rest->p, '\n', rest->len);
	struct mime_bytes v = { rest->p, lf ? (size_t)(lf - rest->p)
					    : rest->len };
	size_t used = v.len + (lf != NULL);

	rest->p += used;
	rest->len -= used;
	return v;
}

int veil_hide_lines(const struct veil *v, const struct veil_for *f,
		    struct mime_bytes values, struct buf *out)
{
	int r = 0;

	for (bool first = true; values.len && !r; first = false) {
		if (!first)
			buf_u8(out, '\n');
		r = veil_hide(v, f, take_value(&values), out);
	}
	return r;
}

int veil_show_lines(const struct veil *v, struct veil_for *f,
		    struct mime_bytes veiled, struct buf *out)
{
	int r = 0;

	for (bool first = true; veiled.len && !r; first = false) {
		if (!first)
			buf_u8(out, '\n');
		r = veil_show(v, f, take_value(&veiled), out);
	}
	return r;
}
