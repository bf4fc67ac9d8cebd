/* witness.c - see witness.h (RFC 3830 4.1.4, 5.2, 6.2, 6.9; RFC 4650 3.1; RFC
 * 4738 3.6).
 *
 * The keys of the messages hang on the pre-shared key, the bundle and its
 * RAND, which only the first offer has: it is remembered with its identities
 * and timestamp, which the response's MAC covers. Envelopes need a private key
 * and stay closed. A certificate is held against the anchors at the time that
 * its message claims, so that old captures can be read; whom a call was meant
 * to reach is not known here: the identity in the message is what it must
 * hold for. */
#include "modules/mikey/witness.h"

#include "daemon/base/err.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/kemac.h"
#include "modules/mikey/message.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/sign.h"
#include "modules/mikey/stamp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFERS 16

/* What later messages of a bundle need of its offers; text of its own. */
struct heard {
	uint32_t csb_id;
	uint8_t data_type, prf;
	uint8_t rand[MIKEY_RAND_MAX], stamp[8];
	size_t rand_len, stamp_len;
	char id_i[IDENTITY_TEXT], id_r[IDENTITY_TEXT];
};

struct mikey_witness {
	const struct secret *psk;
	const struct credential *trust;
	struct heard offer[OFFERS];
	unsigned n; /* ever; the ring's next place */
};

/* One message on the stand. */
struct stand {
	struct mikey_witness *w;
	struct mikey_message m;
	struct mikey_bytes bytes;
	const struct heard *offer; /* of its bundle; NULL: not heard */
	struct mikey_covered also; /* behind a response's MAC */
	mikey_finding_fn fn;
	void *user;
};

int mikey_witness_new(const struct secret *psk, const struct credential *trust,
		      struct mikey_witness **out)
{
	struct mikey_witness *w = calloc(1, sizeof *w);

	if (!w)
		return E_NOMEM;
	w->psk = psk;
	w->trust = trust;
	*out = w;
	return 0;
}

void mikey_witness_free(struct mikey_witness *w)
{
	free(w);
}

static void say(const struct stand *s, const char *what,
		enum mikey_finding_word word, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void say(const struct stand *s, const char *what,
		enum mikey_finding_word word, const char *fmt, ...)
{
	struct mikey_finding f = { .what = what, .word = word };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.text, sizeof f.text, fmt, ap);
	va_end(ap);
	s->fn(s->user, &f);
}

/* -- memory --------------------------------------------------------------- */

static bool is_offer(unsigned data_type)
{
	return data_type == MIKEY_PSK_INIT || data_type == MIKEY_PK_INIT ||
	       data_type == MIKEY_DH_INIT || data_type == MIKEY_DHHMAC_INIT ||
	       data_type == MIKEY_RSAR_INIT;
}

static const struct heard *recall(const struct mikey_witness *w,
				  uint32_t csb_id)
{
	for (unsigned i = w->n; i && i + OFFERS > w->n; i--)
		if (w->offer[(i - 1) % OFFERS].csb_id == csb_id)
			return &w->offer[(i - 1) % OFFERS];
	return NULL;
}

static size_t copy(uint8_t *out, size_t room, const struct mikey_payload *p)
{
	if (!p || p->data.len > room)
		return 0;
	memcpy(out, p->data.p, p->data.len);
	return p->data.len;
}

static void copy_id(char out[static IDENTITY_TEXT],
		    const struct mikey_payload *p)
{
	size_t n = copy((uint8_t *)out, IDENTITY_TEXT - 1, p);

	out[n] = 0;
}

/* An update has no RAND of its own (4.5). */
static void remember(struct stand *s)
{
	const struct mikey_payload *rand = mikey_find(&s->m, MIKEY_RAND, 0);
	struct heard h = { .csb_id = s->m.csb_id, .prf = s->m.prf,
			   .data_type = s->m.data_type };

	if (!rand && !s->offer)
		return;
	if (rand)
		h.rand_len = copy(h.rand, sizeof h.rand, rand);
	else
		memcpy(h.rand, s->offer->rand, h.rand_len = s->offer->rand_len);
	h.stamp_len = copy(h.stamp, sizeof h.stamp,
			   mikey_find(&s->m, MIKEY_T, 0));
	copy_id(h.id_i, mikey_find(&s->m, MIKEY_ID, 0));
	copy_id(h.id_r, mikey_find(&s->m, MIKEY_ID, 1));
	s->w->offer[s->w->n % OFFERS] = h;
	s->offer = &s->w->offer[s->w->n++ % OFFERS];
}

/* What a response's MAC covers behind the message: the identities of the offer,
 * the answerer's as it gives it itself. */
static void cover(struct stand *s)
{
	const struct mikey_payload *id = mikey_find(&s->m, MIKEY_ID, 0);

	s->also = (struct mikey_covered){
		.id_i = mikey_text_bytes(s->offer->id_i),
		.id_r = id ? id->data : mikey_text_bytes(s->offer->id_r),
		.stamp = { s->offer->stamp, s->offer->stamp_len },
	};
}

/* -- pre-shared key ------------------------------------------------------- */

static int keys_of(const struct stand *s, unsigned encr, unsigned mac,
		   struct mikey_psk_keys *out)
{
	struct mikey_root root = {
		.prf = s->offer->prf, .csb_id = s->m.csb_id,
		.rand = { s->offer->rand, s->offer->rand_len },
	};

	return mikey_psk_derive(s->w->psk, &root, encr, mac, out);
}

/* RFC 4650 has numbers of its own; the length tells. */
static unsigned mac_alg(size_t len)
{
	return len == 32 ? MIKEY_MAC_SHA256 : MIKEY_MAC_SHA1;
}

static void say_mac(const struct stand *s, int r)
{
	if (!r)
		say(s, "MAC", MIKEY_HOLDS, "made with this pre-shared key, "
		    "unchanged since");
	else if (r == E_AUTH)
		say(s, "MAC", MIKEY_WRONG, "made with another key, or changed "
		    "on its way");
	else
		say(s, "MAC", MIKEY_UNCHECKED, "cannot be computed: %s",
		    err_text(r));
}

static void say_keys(const struct stand *s, const struct mikey_keys *k)
{
	static const char *const types[] = { "TGK", "TGK", "TEK", "TEK" };
	char validity[40] = "";

	if (!k->n)
		say(s, "KEMAC", MIKEY_HOLDS, "it opens, and has no key (an "
		    "update that keeps the one before)");
	for (size_t i = 0; i < k->n; i++) {
		const struct mikey_key *key = &k->key[i];

		if (key->kv.type == 1)
			snprintf(validity, sizeof validity, ", MKI of %zu "
				 "bytes", key->kv.spi.len);
		else if (key->kv.type)
			strcpy(validity, ", valid for an interval");
		say(s, "KEMAC", MIKEY_HOLDS, "it opens: a %s of %zu bytes, "
		    "%s%s", key->type < 4 ? types[key->type] : "group's key",
		    key->key.len, key->salt.len ? "with a salt" : "no salt",
		    validity);
	}
}

static uint64_t stamp_of(const struct stand *s)
{
	const struct mikey_payload *t = mikey_find(&s->m, MIKEY_T, 0);
	uint64_t v = 0;

	for (size_t i = 0; t && i < t->data.len && i < 8; i++)
		v = v << 8 | t->data.p[i];
	return v;
}

static void open_kemac(const struct stand *s, const struct mikey_payload *p,
		       const struct mikey_psk_keys *k)
{
	uint8_t iv[16], *plain = malloc(p->data.len + 1);
	struct mikey_keys keys;
	int r = plain ? 0 : E_NOMEM;

	mikey_iv(k->salt, s->m.csb_id, stamp_of(s), iv);
	if (!r)
		r = mikey_aes_cm(k->encr, k->encr_len, iv, p->data, plain);
	if (!r)
		r = mikey_keys_decode((struct mikey_bytes){ plain,
							    p->data.len },
				      false, &keys);
	if (r)
		say(s, "KEMAC", MIKEY_WRONG, "what opens is %s", err_text(r));
	else
		say_keys(s, &keys);
	wipe(&keys, sizeof keys);
	if (plain)
		wipe(plain, p->data.len);
	free(plain);
}

static void check_kemac(const struct stand *s)
{
	const struct mikey_payload *p = mikey_find(&s->m, MIKEY_KEMAC, 0);
	struct mikey_bytes covered = s->bytes;
	struct mikey_psk_keys k;
	uint8_t mac[MIKEY_HASH_MAX];
	int r;

	if (!p || !p->mac.len) {
		say(s, "MAC", MIKEY_WRONG, "there is none: anybody can have "
		    "made this");
		return;
	}
	r = keys_of(s, p->data.len ? p->kind : MIKEY_ENCR_AES_CM_128,
		    mac_alg(p->mac.len), &k);
	if (!r) {
		covered.len = (size_t)(p->mac.p - s->bytes.p);
		r = mikey_hmac(k.mac_alg, k.auth, k.auth_len, &covered, 1,
			       mac);
	}
	if (!r && (p->mac.len != k.auth_len ||
		   p->at + p->len != s->bytes.len ||
		   !equal_ct(mac, p->mac.p, p->mac.len)))
		r = E_AUTH;
	say_mac(s, r);
	if (!r && p->data.len)
		open_kemac(s, p, &k);
	wipe(&k, sizeof k);
}

static void check_v(const struct stand *s)
{
	const struct mikey_payload *v = mikey_find(&s->m, MIKEY_V, 0);
	struct mikey_psk_keys k;
	int r;

	if (!v || !v->data.len) {
		say(s, "MAC", MIKEY_WRONG, "there is no verification");
		return;
	}
	r = keys_of(s, MIKEY_ENCR_AES_CM_128, v->kind, &k);
	if (!r)
		r = mikey_verified(&k, s->bytes, v, &s->also);
	wipe(&k, sizeof k);
	if (r == E_AUTH && (!s->also.id_i.len || !s->also.id_r.len))
		say(s, "MAC", MIKEY_UNCHECKED, "it covers both identities, "
		    "which are not in the messages");
	else
		say_mac(s, r);
}

/* Authenticated the one way or the other, or by nobody (5.1.2). */
static void check_error(const struct stand *s)
{
	if (s->offer->data_type != MIKEY_PSK_INIT &&
	    s->offer->data_type != MIKEY_DHHMAC_INIT)
		say(s, "MAC", MIKEY_UNCHECKED, "the offer was not made with a "
		    "pre-shared key");
	else if (mikey_find(&s->m, MIKEY_V, 0))
		check_v(s);
	else if (mikey_find(&s->m, MIKEY_KEMAC, 0))
		check_kemac(s);
	else
		say(s, "MAC", MIKEY_UNCHECKED, "there is none: anybody can "
		    "have sent this error");
}

/* -- certificates --------------------------------------------------------- */

/* Of the signer: IDi of an offer, IDr of a response, each first in it. */
static void signer_of(const struct stand *s, char out[static IDENTITY_TEXT])
{
	const struct mikey_payload *id = mikey_find(&s->m, MIKEY_ID, 0);

	out[0] = 0;
	if (id)
		copy_id(out, id);
	else if (s->offer && !is_offer(s->m.data_type))
		strcpy(out, s->offer->id_r);
}

static void check_sign(const struct stand *s)
{
	bool rsa_r = s->m.data_type == MIKEY_RSAR_RESPONSE;
	struct mikey_signed of = {
		.credential = s->w->trust, .m = &s->m, .bytes = s->bytes,
		.also = rsa_r ? &s->also : NULL, .use = CERTIFICATE_SIGNS,
		/* any time of this NTP era will do to find the era */
		.wall_us = mikey_stamp_us(stamp_of(s), 1767225600000000u),
	};
	struct keying_fault why = { "" };
	char id[IDENTITY_TEXT];
	int r;

	signer_of(s, id);
	of.id = id;
	r = mikey_sign_check(&of, NULL, &why);
	if (r)
		say(s, "signature", MIKEY_WRONG, "%s", why.text);
	else
		say(s, "signature", MIKEY_HOLDS, "by %.100s, whose "
		    "certificate leads to an anchor", id);
}

/* -- the rows ------------------------------------------------------------- */

/* What a message of each type can be held against. */
static const struct {
	void (*mac)(const struct stand *s);
	const char *instead; /* of a MAC under the pre-shared key */
	bool sign;
	bool bound; /* also needs what only the offer says */
} rows[] = {
	[MIKEY_PSK_INIT] = { check_kemac, NULL, false, false },
	[MIKEY_PSK_VERIFY] = { check_v, NULL, false, true },
	[MIKEY_PK_INIT] = { NULL, "it is under the envelope key", true,
			    false },
	[MIKEY_PK_VERIFY] = { NULL, "it is under the envelope key", false,
			      true },
	[MIKEY_DH_INIT] = { NULL, NULL, true, false },
	[MIKEY_DH_RESPONSE] = { NULL, NULL, true, false },
	[MIKEY_ERROR] = { check_error, NULL, false, true },
	[MIKEY_DHHMAC_INIT] = { check_kemac, NULL, false, false },
	[MIKEY_DHHMAC_RESPONSE] = { check_kemac, NULL, false, true },
	[MIKEY_RSAR_INIT] = { NULL, NULL, true, false },
	[MIKEY_RSAR_RESPONSE] = { NULL, "it is under the envelope key", true,
				  true },
};

static void hear_mac(const struct stand *s, unsigned row)
{
	if (!rows[row].mac) {
		say(s, "MAC", MIKEY_UNCHECKED, "%s", rows[row].instead
		    ? rows[row].instead : "this method has a signature "
		    "instead");
		return;
	}
	if (s->offer)
		rows[row].mac(s);
	else
		say(s, "MAC", MIKEY_UNCHECKED, "the offer of bundle %08x, "
		    "which has the RAND, is not in the input before it",
		    s->m.csb_id);
}

static void hear_sign(const struct stand *s, unsigned row)
{
	if (!rows[row].sign)
		say(s, "signature", MIKEY_UNCHECKED, "messages of this type "
		    "have none");
	else if (rows[row].bound && !s->offer)
		say(s, "signature", MIKEY_UNCHECKED, "the offer, whose "
		    "identities it covers, is not in the input before it");
	else
		check_sign(s);
}

void mikey_witness_hear(struct mikey_witness *w, const uint8_t *msg,
			size_t len, mikey_finding_fn fn, void *user)
{
	struct stand s = { .w = w, .bytes = { msg, len }, .fn = fn,
			   .user = user };
	unsigned row;

	if (mikey_decode(msg, len, &s.m))
		return;
	row = s.m.data_type;
	if (row >= sizeof rows / sizeof *rows)
		return;
	s.offer = recall(w, s.m.csb_id);
	if (is_offer(row))
		remember(&s);
	if (s.offer)
		cover(&s);
	if (w->psk)
		hear_mac(&s, row);
	if (w->trust)
		hear_sign(&s, row);
}
