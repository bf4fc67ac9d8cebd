/* rank.c - see rank.h.
 *
 * The extension (in MIKEY a general extension of type 0, vendor ID, RFC 3830
 * 6.15):
 *
 *   "callseal", version 1, kind (0 offer, 1 answer), flags (1: by rank),
 *   number of methods, their codes, number of suites, their codes,
 *   SHA-256 of the offer; answer: method and suite chosen
 *
 * All of it counts: what is behind it, a list without entries or with one
 * twice is malformed, since both sides must read the same ranks from it. Codes
 * that we do not know keep their place in a list and are never chosen, for
 * the other list cannot have them. It makes no choice of what to offer: that
 * is alternatives.c. */
#include "daemon/keeper/rank.h"

#include "daemon/base/err.h"

#include <openssl/evp.h>
#include <string.h>

#define MAGIC "callseal"
#define MAGIC_LEN 8
#define VERSION 1
#define FLAG_BY_RANK 1

/* Codes travel between gateways: append only. A method that is not of MIKEY
 * cannot be an alternative in its messages. */
static const char *const methods[] = {
	[1] = "mikey-psk", [2] = "mikey-dhhmac", [3] = "mikey-rsa",
	[4] = "mikey-rsa-r", [5] = "mikey-dh", [6] = "mikey-ecdh",
};

uint8_t rank_method(const char *name)
{
	for (size_t i = 1; i < sizeof methods / sizeof *methods; i++)
		if (!strcmp(methods[i], name))
			return (uint8_t)i;
	return 0;
}

const char *rank_method_name(uint8_t code)
{
	return code < sizeof methods / sizeof *methods ? methods[code] : NULL;
}

/* -- the rule ------------------------------------------------------------- */

/* The rank of a code from 0; -1 when the list has it not. */
static int rank_of(const struct rank_list *l, uint8_t code)
{
	for (int i = 0; i < l->n; i++)
		if (l->item[i] == code)
			return i;
	return -1;
}

uint8_t rank_choose(bool by_rank, const struct rank_list *offerer,
		    const struct rank_list *answerer)
{
	uint8_t best = 0;
	int least = 2 * RANK_LIST_MAX;

	for (int i = 0; i < offerer->n; i++) {
		int theirs = rank_of(answerer, offerer->item[i]);

		if (theirs < 0)
			continue;
		if (!by_rank)
			return offerer->item[i];
		if (i + theirs < least) { /* a tie stays with the earlier */
			least = i + theirs;
			best = offerer->item[i];
		}
	}
	return best;
}

int rank_decide(const struct rank_lists *offerer,
		const struct rank_lists *answerer, struct rank_choice *out)
{
	bool by_rank = offerer->by_rank && answerer->by_rank;
	struct rank_choice c = {
		rank_choose(by_rank, &offerer->methods, &answerer->methods),
		rank_choose(by_rank, &offerer->suites, &answerer->suites),
	};

	if (!c.method || !c.suite)
		return E_UNSUPPORTED;
	*out = c;
	return 0;
}

int rank_add(struct rank_list *l, uint8_t code)
{
	if (rank_of(l, code) >= 0)
		return E_EXISTS;
	if (l->n == RANK_LIST_MAX)
		return E_FULL;
	l->item[l->n++] = code;
	return 0;
}

/* -- in messages ---------------------------------------------------------- */

static void put_list(struct buf *out, const struct rank_list *l)
{
	buf_u8(out, l->n);
	buf_put(out, l->item, l->n);
}

static void put_lists(struct buf *out, const struct rank_lists *l)
{
	buf_u8(out, l->by_rank ? FLAG_BY_RANK : 0);
	put_list(out, &l->methods);
	put_list(out, &l->suites);
}

static void get_list(struct reader *r, struct rank_list *l)
{
	size_t n = reader_u8(r);
	const uint8_t *p = reader_bytes(r, n);

	if (!n || n > RANK_LIST_MAX)
		reader_fail(r, E_FORMAT);
	for (size_t i = 0; p && i < n && !r->err; i++)
		if (!p[i] || rank_add(l, p[i]))
			reader_fail(r, E_FORMAT);
}

int rank_hash(const struct rank_lists *lists, const struct rank_name *name,
	      size_t n, uint8_t out[static RANK_HASH])
{
	struct buf b = buf_of(8192);
	int r;

	put_lists(&b, lists);
	buf_u8(&b, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		size_t len = name[i].rand_len < 255 ? name[i].rand_len : 255;

		buf_u32(&b, name[i].bundle);
		buf_u8(&b, (uint8_t)len);
		buf_put(&b, name[i].rand, len);
	}
	r = b.err;
	if (!r && !EVP_Digest(b.data, b.len, out, NULL, EVP_sha256(), NULL))
		r = E_NOMEM;
	buf_free(&b);
	return r;
}

void rank_put(const struct rank_ext *e, struct buf *out)
{
	buf_put(out, MAGIC, MAGIC_LEN);
	buf_u8(out, VERSION);
	buf_u8(out, e->answer);
	put_lists(out, &e->lists);
	buf_put(out, e->hash, sizeof e->hash);
	if (!e->answer)
		return;
	buf_u8(out, e->choice.method);
	buf_u8(out, e->choice.suite);
}

static void get_lists(struct reader *r, struct rank_lists *l)
{
	uint8_t flags = reader_u8(r);

	if (flags & ~FLAG_BY_RANK)
		reader_fail(r, E_FORMAT);
	l->by_rank = flags & FLAG_BY_RANK;
	get_list(r, &l->methods);
	get_list(r, &l->suites);
}

int rank_get(const uint8_t *data, size_t len, struct rank_ext *out)
{
	struct reader r = reader_of(data, len);
	const uint8_t *magic = reader_bytes(&r, MAGIC_LEN), *hash;
	struct rank_ext e = { 0 };
	uint8_t kind;

	if (!magic || memcmp(magic, MAGIC, MAGIC_LEN))
		return E_NOTFOUND;
	if (reader_u8(&r) != VERSION)
		return r.err ? r.err : E_UNSUPPORTED;
	kind = reader_u8(&r);
	if (kind > 1)
		return E_FORMAT;
	e.answer = kind;
	get_lists(&r, &e.lists);
	hash = reader_bytes(&r, RANK_HASH);
	if (hash)
		memcpy(e.hash, hash, RANK_HASH);
	if (e.answer) {
		e.choice.method = reader_u8(&r);
		e.choice.suite = reader_u8(&r);
	}
	if (reader_end(&r))
		return E_FORMAT;
	*out = e;
	return 0;
}

int rank_check(const struct rank_ext *offer, const struct rank_ext *answer,
	       const char **why)
{
	struct rank_choice c;

	if (offer->answer || !answer->answer) {
		*why = "the answer's lists are those of an offer";
		return E_AUTH;
	}
	if (memcmp(offer->hash, answer->hash, RANK_HASH)) {
		*why = "the far end saw another offer than we made: it was "
		       "altered on the way";
		return E_AUTH;
	}
	if (rank_decide(&offer->lists, &answer->lists, &c) ||
	    c.method != answer->choice.method ||
	    c.suite != answer->choice.suite) {
		*why = "the far end chose what the two lists do not give";
		return E_AUTH;
	}
	return 0;
}
