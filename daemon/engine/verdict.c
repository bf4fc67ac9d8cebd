/* verdict.c - the judge of calls.
 *
 * sealed: key exchange and media are authenticated to a credential that is
 * configured for the peer, by the identity that the call has (RFC 3830 6.7), or
 * by the credential alone where the exchange names nobody. peer: encrypted, but the identity is not proven,
 * or the far end did not prove that it holds the key (RFC 3830 V payload).
 * plain: all else. A key that hangs on something weaker than its suite makes
 * the call no stronger than that: the reason says so. MIKEY does not
 * authenticate the SDP around it (RFC 4567 section 8): the reason says so,
 * as long as no signed body binds it.
 * hop needs SDES over verified TLS, which no module does yet. */
#include "daemon/engine/verdict.h"

#include <stddef.h>

#define NO 0
#define YES 1
#define ANY 2

/* The first row that fits counts; the last fits always. other: the keys are
 * another identity's; unnamed: the far end's is not in the exchange. */
static const struct {
	char sealed, keyed, verified, offerer, confirmed, other, weak, unnamed;
	struct verdict v;
} table[] = {
	{ NO, ANY, ANY, ANY, ANY, ANY, ANY, ANY,
	  { VERDICT_PLAIN, "the profile forbids sealing" } },
	{ YES, NO, ANY, ANY, ANY, ANY, ANY, ANY,
	  { VERDICT_PLAIN, "no keys are agreed" } },
	{ YES, YES, NO, ANY, ANY, ANY, ANY, ANY,
	  { VERDICT_PEER, "the far end's identity is not verified" } },
	{ YES, YES, YES, YES, NO, ANY, ANY, ANY,
	  { VERDICT_PEER, "the far end did not prove that it has the key" } },
	{ YES, YES, YES, ANY, ANY, YES, ANY, ANY,
	  { VERDICT_PEER, "the call was diverted: keys are agreed with another "
			  "identity of the domain than it names" } },
	{ YES, YES, YES, ANY, ANY, NO, YES, ANY,
	  { VERDICT_SEALED, "far edge proved the configured credential; the "
			    "key exchange is weaker than the suite; SDP itself "
			    "is not authenticated" } },
	{ YES, YES, YES, ANY, ANY, NO, NO, YES,
	  { VERDICT_SEALED, "far edge proved the configured credential, but "
			    "its key exchange names nobody; SDP itself is not "
			    "authenticated" } },
	{ YES, YES, YES, ANY, ANY, NO, NO, NO,
	  { VERDICT_SEALED, "far edge proved the configured credential; SDP "
			    "itself is not authenticated" } },
	{ ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY,
	  { VERDICT_PLAIN, "unknown" } },
};

static bool fits(char want, bool is)
{
	return want == ANY || (want == YES) == is;
}

/* What is not told is taken for the 128 bits that every method must have. */
static bool is_weak(const struct msg_key_facts *key)
{
	const struct suite_info *s = suite_info(key->suite);
	unsigned bits = key->key_bits ? key->key_bits : 128;

	return s && bits < s->key_len * 8u;
}

struct verdict verdict_of(const struct verdict_facts *f)
{
	size_t i = 0;

	while (!fits(table[i].sealed, f->sealed) ||
	       !fits(table[i].keyed, f->keyed) ||
	       !fits(table[i].verified, f->key.verified == 1) ||
	       !fits(table[i].offerer, f->offerer) ||
	       !fits(table[i].confirmed, f->key.confirmed == 1) ||
	       !fits(table[i].other, f->key.identity == KEY_IDENTITY_OTHER) ||
	       !fits(table[i].weak, is_weak(&f->key)) ||
	       !fits(table[i].unnamed, f->key.identity == KEY_IDENTITY_NONE))
		i++;
	return table[i].v;
}

const char *verdict_name(enum verdict_word w)
{
	static const char *const name[] = { "plain", "hop", "peer", "sealed" };

	return w <= VERDICT_SEALED ? name[w] : "?";
}
