/* kek.c - session keys. See kek.h. */
#include "modules/smime/kek.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"

#include <openssl/rand.h>
#include <string.h>

#define FIELD "Content-Session-Key"
#define ID_LEN 8 /* bytes of ours */
#define KEY_MAX 32

static bool is_length(size_t len)
{
	return len == 16 || len == 32;
}

int smime_kek_new(struct smime_kek *k, size_t len)
{
	if (!is_length(len))
		return E_ARG;
	if (RAND_bytes(k->id, ID_LEN) != 1)
		return E_INTERNAL;
	k->id_len = ID_LEN;
	return secret_random(&k->key, len);
}

void smime_kek_put(const struct smime_kek *k, struct buf *out)
{
	buf_text(out, FIELD ": kek;id=");
	hex_put(out, k->id, k->id_len);
	buf_text(out, ";key=");
	hex_put(out, k->key.bytes, k->key.len);
	buf_text(out, "\r\n");
}

/* Of at most room bytes. */
static int get_hex(struct mime_bytes params, const char *name, uint8_t *out,
		   size_t room, size_t *len)
{
	char text[2 * KEY_MAX + 1];
	size_t n;
	int r = mime_param(params, name, text, sizeof text);

	n = r ? 0 : strlen(text);
	if (!n || n % 2 || n / 2 > room)
		r = E_FORMAT;
	if (!r)
		r = hex_read(text, n / 2, out);
	wipe(text, sizeof text);
	if (!r)
		*len = n / 2;
	return r;
}

int smime_kek_get(struct mime_bytes head, struct smime_kek *out)
{
	struct mime_disposition d; /* the same grammar: a word, parameters */
	struct mime_bytes value;
	struct smime_kek k = { .id_len = 0 };
	int r = mime_field_find(head, FIELD, &value);

	if (r)
		return r;
	r = mime_disposition_read(value, &d);
	if (!r && !mime_is(d.type, "kek"))
		r = E_FORMAT;
	if (!r) {
		value.p += d.type.len;
		value.len -= d.type.len;
		r = get_hex(value, "id", k.id, sizeof k.id, &k.id_len);
	}
	if (!r)
		r = get_hex(value, "key", k.key.bytes, KEY_MAX, &k.key.len);
	if (!r && !is_length(k.key.len))
		r = E_FORMAT;
	if (!r)
		*out = k;
	wipe(&k, sizeof k);
	return r;
}
