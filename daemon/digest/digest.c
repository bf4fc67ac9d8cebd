/* digest.c - what is hashed in digest authentication (RFC 7616 3.4, RFC 8760).
 * MD5 is there because phones have nothing else; OpenSSL may be built or set
 * so that it is not, and then answers that it is unsupported. */
#include "daemon/digest/digest.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"

#include <openssl/evp.h>
#include <string.h>

static const struct {
	const char *name, *evp;
	size_t hex; /* digits */
} hashes[DIGEST_COUNT] = {
	[DIGEST_MD5] = { "MD5", "MD5", 32 },
	[DIGEST_SHA_256] = { "SHA-256", "SHA256", 64 },
	[DIGEST_SHA_512_256] = { "SHA-512-256", "SHA512-256", 64 },
};

const char *digest_hash_name(unsigned hash)
{
	return hash < DIGEST_COUNT ? hashes[hash].name : NULL;
}

size_t digest_hash_len(unsigned hash)
{
	return hash < DIGEST_COUNT ? hashes[hash].hex : 0;
}

static void to_hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = 0;
}

/* H() of texts with colons between, up to NULL. */
static int hash_texts(unsigned hash, const char *const *text,
		      char out[static DIGEST_HEX])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int r = E_INTERNAL;
	EVP_MD_CTX *ctx;
	EVP_MD *how;

	if (!digest_hash_len(hash))
		return E_UNSUPPORTED;
	how = EVP_MD_fetch(NULL, hashes[hash].evp, NULL);
	if (!how)
		return E_UNSUPPORTED;
	ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestInit_ex(ctx, how, NULL) != 1)
		goto out;
	for (size_t i = 0; text[i]; i++)
		if ((i && EVP_DigestUpdate(ctx, ":", 1) != 1) ||
		    EVP_DigestUpdate(ctx, text[i], strlen(text[i])) != 1)
			goto out;
	if (EVP_DigestFinal_ex(ctx, md, &len) != 1 ||
	    2 * len != digest_hash_len(hash))
		goto out;
	to_hex(md, len, out);
	r = 0;
out:
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(how);
	wipe(md, sizeof md);
	return r;
}

int digest_secret_make(unsigned hash, const char *user, const char *realm,
		       const char *password, struct digest_secret *out)
{
	char hex[DIGEST_HEX];
	int r = hash_texts(hash, (const char *[]){ user, realm, password,
						   NULL }, hex);

	if (r)
		return r;
	memset(out, 0, sizeof *out);
	out->hash = (uint8_t)hash;
	memcpy(out->hex, hex, digest_hash_len(hash));
	wipe(hex, sizeof hex);
	return 0;
}

/* H(A1), which "-sess" binds to the nonces (3.4.2). */
static int hash_a1(const struct digest_secret *s,
		   const struct digest_credentials *c,
		   char out[static DIGEST_HEX])
{
	if (c->algorithm.sess)
		return hash_texts(s->hash, (const char *[]){
			s->hex, c->nonce, c->cnonce, NULL }, out);
	memcpy(out, s->hex, DIGEST_HEX);
	return 0;
}

static void nc_text(uint32_t nc, char out[static 9])
{
	uint8_t bytes[] = { (uint8_t)(nc >> 24), (uint8_t)(nc >> 16),
			    (uint8_t)(nc >> 8), (uint8_t)nc };

	to_hex(bytes, sizeof bytes, out);
}

/* KD(H(A1), ...) with A2 = method:uri, the method empty for rspauth. */
static int compute(const struct digest_secret *s,
		   const struct digest_credentials *c, const char *method,
		   char out[static DIGEST_HEX])
{
	char a1[DIGEST_HEX], a2[DIGEST_HEX], nc[9];
	int r;

	if (s->hash != c->algorithm.hash)
		return E_ARG;
	if (c->qop && c->qop != DIGEST_AUTH)
		return E_UNSUPPORTED;
	r = hash_a1(s, c, a1);
	if (!r)
		r = hash_texts(s->hash, (const char *[]){ method, c->uri,
							  NULL }, a2);
	nc_text(c->nc, nc);
	if (!r && c->qop)
		r = hash_texts(s->hash, (const char *[]){
			a1, c->nonce, nc, c->cnonce, "auth", a2, NULL }, out);
	else if (!r)
		r = hash_texts(s->hash, (const char *[]){
			a1, c->nonce, a2, NULL }, out);
	wipe(a1, sizeof a1);
	return r;
}

int digest_response(const struct digest_secret *s,
		    const struct digest_credentials *c, const char *method,
		    char out[static DIGEST_HEX])
{
	return *method ? compute(s, c, method, out) : E_ARG;
}

int digest_rspauth(const struct digest_secret *s,
		   const struct digest_credentials *c,
		   char out[static DIGEST_HEX])
{
	return compute(s, c, "", out);
}

int digest_verify(const struct digest_secret *s,
		  const struct digest_credentials *c, const char *method)
{
	size_t len = digest_hash_len(s->hash);
	char want[DIGEST_HEX];
	int r = digest_response(s, c, method, want);

	if (!r && (strlen(c->response) != len ||
		   !equal_ct(want, c->response, len)))
		r = E_AUTH;
	wipe(want, sizeof want);
	return r;
}

static int put(char *to, size_t room, const char *text)
{
	size_t len = strlen(text);

	if (len >= room)
		return E_SPACE;
	memcpy(to, text, len + 1);
	return 0;
}

int digest_answer(const struct digest_challenge *ch, const char *user,
		  const char *uri, const char *cnonce, uint32_t nc,
		  struct digest_credentials *out)
{
	struct digest_credentials c = { .algorithm = ch->algorithm,
					.with_opaque = ch->with_opaque };
	int r;

	if (ch->qop ? !(ch->qop & DIGEST_AUTH) : ch->algorithm.sess)
		return E_UNSUPPORTED;
	if (ch->qop && (!nc || !*cnonce))
		return E_ARG;
	if (ch->qop) {
		c.qop = DIGEST_AUTH;
		c.nc = nc;
	}
	if ((r = put(c.user, sizeof c.user, user)) ||
	    (r = put(c.uri, sizeof c.uri, uri)) ||
	    (c.qop && (r = put(c.cnonce, sizeof c.cnonce, cnonce))))
		return r;
	memcpy(c.realm, ch->realm, sizeof c.realm);
	memcpy(c.nonce, ch->nonce, sizeof c.nonce);
	memcpy(c.opaque, ch->opaque, sizeof c.opaque);
	*out = c;
	return 0;
}
