/* card.c - a far end's certificates, read once and kept. See card.h. */
#include "modules/smime/card.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "modules/smime/cms.h"

#include <openssl/err.h>
#include <stdlib.h>

#define CARD_MAX (128 * 1024) /* bytes of DER */

struct smime_card {
	unsigned owners; /* beside the first */
	X509 *leaf;
	struct buf bytes; /* what chain[] points into */
	struct der chain[CHAIN_MAX];
	size_t n;
};

void smime_card_free(struct smime_card *c)
{
	if (!c || c->owners-- > 0)
		return;
	X509_free(c->leaf);
	buf_free(&c->bytes);
	free(c);
}

struct smime_card *smime_card_keep(const struct smime_card *c)
{
	struct smime_card *own = (struct smime_card *)(uintptr_t)c;

	own->owners++;
	return own;
}

const struct der *smime_card_chain(const struct smime_card *c, size_t *n)
{
	*n = c->n;
	return c->chain;
}

X509 *smime_card_leaf(const struct smime_card *c)
{
	return c->leaf;
}

static struct smime_card *card(void)
{
	struct smime_card *c = calloc(1, sizeof *c);

	if (c)
		c->bytes = buf_of(CARD_MAX);
	return c;
}

/* Gives it out, or lets it go. */
static int finish(struct smime_card *c, struct smime_card **out,
		  struct smime_fault *why)
{
	size_t at = 0;

	if (!c || !c->leaf || c->bytes.err) {
		smime_card_free(c);
		return smime_fault(why, smime_cms_reason(SMIME_BROKEN),
				   "a certificate cannot be kept");
	}
	for (size_t i = 0; i < c->n; at += c->chain[i++].len)
		c->chain[i].p = c->bytes.data + at;
	*out = c;
	return 0;
}

int smime_card_new(const struct der *chain, size_t n, struct smime_card **out,
		   struct smime_fault *why)
{
	const unsigned char *p = n ? chain[0].p : NULL;
	struct smime_card *c;
	X509 *leaf;

	if (n > CHAIN_MAX)
		return smime_fault(why, SMIME_TOO_LARGE, "more than %d "
				   "certificates", CHAIN_MAX);
	ERR_clear_error();
	leaf = p ? d2i_X509(NULL, &p, (long)chain[0].len) : NULL;
	if (!leaf || p != chain[0].p + chain[0].len) {
		X509_free(leaf);
		return smime_fault(why, smime_cms_reason(SMIME_MALFORMED),
				   "there is no certificate");
	}
	c = card();
	if (!c) {
		X509_free(leaf);
		return finish(NULL, out, why);
	}
	c->leaf = leaf;
	for (; c->n < n; c->n++) {
		buf_put(&c->bytes, chain[c->n].p, chain[c->n].len);
		c->chain[c->n].len = chain[c->n].len;
	}
	return finish(c, out, why);
}

static void add(struct smime_card *c, X509 *x)
{
	int len = i2d_X509(x, NULL);
	uint8_t *p = len > 0 ? buf_room(&c->bytes, (size_t)len) : NULL;

	if (!p || i2d_X509(x, &p) != len)
		c->bytes.err = c->bytes.err ? c->bytes.err : E_INTERNAL;
	else
		c->chain[c->n++].len = (size_t)len;
}

int smime_card_of(X509 *leaf, STACK_OF(X509) *others, struct smime_card **out,
		  struct smime_fault *why)
{
	struct smime_card *c;

	if (sk_X509_num(others) > CHAIN_MAX)
		return smime_fault(why, SMIME_TOO_LARGE, "more than %d "
				   "certificates", CHAIN_MAX);
	c = card();
	if (c && X509_up_ref(leaf)) {
		c->leaf = leaf;
		add(c, leaf);
		for (int i = 0; i < sk_X509_num(others); i++)
			if (sk_X509_value(others, i) != leaf &&
			    c->n < CHAIN_MAX)
				add(c, sk_X509_value(others, i));
	}
	return finish(c, out, why);
}
