/* stamp.c - by what a tunnel was raised, at the end of its name in charon: a
 * hash of the configuration and of the key, so that the next process takes over
 * no tunnel that another key, identity, address or suite has raised. See ike.h.
 *
 * The name stands in charon's log. So of the key it tells 16 bits, by which
 * another key is known but nothing worth guessing is. */
#include "modules/vici/ike/inside.h"

#include "daemon/base/err.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

static void put_text(struct buf *b, const char *text)
{
	if (text)
		buf_text(b, text);
	buf_u8(b, 0); /* so that no two lists of texts look alike */
}

static void put_certs(struct buf *b, const struct vici_bytes *certs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_put(b, certs[i].p, certs[i].len);
}

static void put_side(struct buf *b, const struct vici_side *s)
{
	put_text(b, s->auth == VICI_AUTH_PSK ? "psk" : "pubkey");
	put_text(b, s->id);
	put_certs(b, s->certs, s->n_certs);
	put_text(b, s->n_cas ? "cas" : NULL);
	put_certs(b, s->cas, s->n_cas);
}

static void put_peer(struct buf *b, const struct ike_peer *p)
{
	char text[ADDR_TEXT];

	put_text(b, addr_text(&p->local, text));
	put_text(b, addr_text(&p->remote, text));
	put_text(b, p->proposal);
	put_side(b, &p->ours);
	put_side(b, &p->theirs);
}

/* An empty key stands for none. */
static int hash(struct buf *b, const struct secret *key,
		uint8_t out[static 32])
{
	int r = b->err;

	if (!r && !HMAC(EVP_sha256(), key ? key->bytes : (uint8_t *)"",
			key ? (int)key->len : 0, b->data, b->len, out, NULL))
		r = E_INTERNAL;
	buf_free(b);
	return r;
}

int stamp_key(const struct peer *p, const struct secret *key, uint16_t *out)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	uint8_t h[32];
	int r;

	put_peer(&b, &p->conf);
	r = hash(&b, key, h);
	if (!r)
		*out = (uint16_t)(h[0] << 8 | h[1]);
	wipe(h, sizeof h);
	return r;
}

int stamp_child(struct child *c)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	uint8_t h[32];
	int r;

	put_peer(&b, &c->peer->conf);
	put_text(&b, c->proposal);
	r = hash(&b, NULL, h);
	if (!r)
		snprintf(c->sa_name, sizeof c->sa_name,
			 "%s#%02x%02x%02x%02x%04x", c->name, h[0], h[1], h[2],
			 h[3], c->peer->key_stamp);
	return r;
}
