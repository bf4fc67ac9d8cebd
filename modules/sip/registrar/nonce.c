/* nonce.c - see nonce.h.
 *
 * A nonce is its time, a random number and a MAC over both and the address that
 * it is for, so that giving one away costs no memory. What is kept is for
 * nonces that were used: the highest count and a window of those before it,
 * since requests overtake each other. They lie in sets of a few places; the
 * oldest of a full set goes, and leaves its time behind: no older nonce of that
 * set is known from then on. So a place that is lost can make a phone ask
 * again, and never lets a repeated answer through. */
#include "modules/sip/registrar/nonce.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/base/secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define SETS 2048 /* a power of two */
#define WAYS 8
#define WINDOW 32 /* counts */
#define RANDOM 8
#define MAC 16
#define NONCE_BYTES (8 + RANDOM + MAC)

_Static_assert(2 * NONCE_BYTES + 1 == NONCE_TEXT, "NONCE_TEXT");

struct use {
	uint64_t made_us; /* 0: free */
	uint8_t id[RANDOM];
	uint32_t top;  /* the highest count used */
	uint32_t seen; /* bit i: top - i was used */
};

struct set {
	uint64_t floor_us; /* what was made then or before is forgotten */
	struct use use[WAYS];
};

struct nonces {
	uint8_t key[32];
	char opaque[OPAQUE_TEXT];
	struct set set[SETS];
};

/* What a nonce says of itself. */
struct parts {
	uint64_t made_us;
	uint8_t id[RANDOM];
	uint8_t mac[MAC];
};

static void to_hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = 0;
}

static int from_hex(const char *text, uint8_t *out, size_t n)
{
	return strlen(text) == 2 * n ? hex_read(text, n, out) : E_FORMAT;
}

static int mac_of(const struct nonces *n, const uint8_t *data, size_t len,
		  uint8_t out[static MAC])
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	unsigned mac_len = 0;

	if (!HMAC(EVP_sha256(), n->key, sizeof n->key, data, len, mac,
		  &mac_len) || mac_len < MAC)
		return E_INTERNAL;
	memcpy(out, mac, MAC);
	return 0;
}

/* Of time and random number, for that address. */
static int mac_for(const struct nonces *n, const uint8_t *bytes,
		   const struct addr *whose, uint8_t out[static MAC])
{
	uint8_t all[8 + RANDOM + 1 + sizeof whose->ip];

	memcpy(all, bytes, 8 + RANDOM);
	all[8 + RANDOM] = whose->family;
	memcpy(all + 8 + RANDOM + 1, whose->ip, sizeof whose->ip);
	return mac_of(n, all, sizeof all, out);
}

int nonces_new(struct nonces **out)
{
	struct nonces *n = calloc(1, sizeof *n);
	uint8_t mac[MAC];
	int r = n ? E_INTERNAL : E_NOMEM;

	if (n && RAND_bytes(n->key, sizeof n->key) == 1)
		r = mac_of(n, (const uint8_t *)"opaque", 6, mac);
	if (r) {
		free(n);
		return r;
	}
	to_hex(mac, sizeof mac, n->opaque);
	*out = n;
	return 0;
}

void nonces_free(struct nonces *n)
{
	if (n)
		wipe(n, sizeof *n);
	free(n);
}

const char *nonces_opaque(const struct nonces *n)
{
	return n->opaque;
}

int nonce_make(const struct nonces *n, const struct addr *whose,
	       uint64_t now_us, char out[static NONCE_TEXT])
{
	uint8_t bytes[NONCE_BYTES];
	int r;

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(now_us >> (56 - 8 * i));
	if (RAND_bytes(bytes + 8, RANDOM) != 1)
		return E_INTERNAL;
	r = mac_for(n, bytes, whose, bytes + 8 + RANDOM);
	if (!r)
		to_hex(bytes, sizeof bytes, out);
	return r;
}

/* E_EXPIRED unless it is one of ours. */
static int take_apart(const struct nonces *n, const char *nonce,
		      const struct addr *whose, struct parts *out)
{
	uint8_t bytes[NONCE_BYTES] = { 0 }, mac[MAC];
	struct reader r = reader_of(bytes, sizeof bytes);

	if (from_hex(nonce, bytes, sizeof bytes) ||
	    mac_for(n, bytes, whose, mac) ||
	    !equal_ct(mac, bytes + 8 + RANDOM, MAC))
		return E_EXPIRED;
	out->made_us = reader_u64(&r);
	memcpy(out->id, reader_bytes(&r, RANDOM), RANDOM);
	memcpy(out->mac, mac, MAC);
	return 0;
}

int nonce_check(const struct nonces *n, const char *nonce,
		const struct addr *whose, uint64_t now_us, uint64_t life_us)
{
	struct parts p;

	if (take_apart(n, nonce, whose, &p) || p.made_us > now_us ||
	    now_us - p.made_us > life_us)
		return E_EXPIRED;
	return 0;
}

/* The nonce's place, or that of the oldest, which is given up for it; NULL when
 * it is older than all of them. */
static struct use *place_of(struct set *s, const struct parts *p)
{
	struct use *oldest = &s->use[0];

	for (struct use *u = s->use; u < s->use + WAYS; u++) {
		if (u->made_us == p->made_us &&
		    !memcmp(u->id, p->id, RANDOM))
			return u;
		if (u->made_us < oldest->made_us)
			oldest = u;
	}
	if (p->made_us <= s->floor_us || p->made_us <= oldest->made_us)
		return NULL;
	if (oldest->made_us > s->floor_us)
		s->floor_us = oldest->made_us;
	*oldest = (struct use){ 0 };
	return oldest;
}

static int count(struct use *u, uint32_t nc)
{
	uint32_t behind;

	if (nc > u->top) {
		uint32_t by = nc - u->top;

		u->seen = by < WINDOW ? u->seen << by | 1 : 1;
		u->top = nc;
		return 0;
	}
	behind = u->top - nc;
	if (behind >= WINDOW || u->seen & 1u << behind)
		return E_REPLAY;
	u->seen |= 1u << behind;
	return 0;
}

int nonce_use(struct nonces *n, const char *nonce, const struct addr *whose,
	      uint32_t nc)
{
	struct parts p;
	struct use *u;

	if (take_apart(n, nonce, whose, &p))
		return E_EXPIRED;
	u = place_of(&n->set[(p.mac[0] | p.mac[1] << 8) & (SETS - 1)], &p);
	if (!u)
		return E_EXPIRED;
	if (!u->made_us) {
		u->made_us = p.made_us;
		memcpy(u->id, p.id, RANDOM);
	} else if (!nc) {
		return E_REPLAY;
	}
	if (nc)
		return count(u, nc);
	u->top = UINT32_MAX; /* and no other is taken after it */
	u->seen = UINT32_MAX;
	return 0;
}
