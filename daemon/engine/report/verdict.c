/* verdict.c - the judge of calls.
 *
 * sealed: key exchange and media are authenticated to a credential that is
 * configured for the peer, by the identity that the call has (RFC 3830 6.7), or
 * by the credential alone where the exchange names nobody. peer: encrypted, but
 * the identity is not proven or rests on an earlier call alone (a certificate
 * trusted on first use), or the far end did not prove that it holds the key
 * (RFC 3830 V payload).
 * plain: all else. A key that hangs on something weaker than its suite makes
 * the call no stronger than that: the reason says so. MIKEY does not
 * authenticate the SDP around it (RFC 4567 section 8): the reason says so,
 * as long as no signed body binds it.
 * hop: the keys stood in SDP as they are (SDES, RFC 4568), and SDP went by
 * verified TLS; whatever else is told, it is never more. Without such TLS it
 * is plain. */
#include "daemon/engine/report/verdict.h"

#include <stddef.h>

/* What a row wants of a fact; what it does not name may be either. */
enum want { ANY, NO, YES };

/* The first row that fits counts; the last fits always. first, again: by a
 * certificate without an anchor; other: the keys are another identity's;
 * both: SRTP goes in ESP; unnamed: the far end's is not in the exchange. */
static const struct {
	enum want sealed, keyed, readable, bare, hop, verified, first, again,
		  offerer, confirmed, diverted, other, both, by_ike, weak,
		  unnamed, vouched;
	struct verdict v;
} table[] = {
	{ .sealed = NO,
	  .v = { VERDICT_PLAIN, "the profile forbids sealing" } },
	{ .keyed = NO,
	  .v = { VERDICT_PLAIN, "no keys are agreed" } },
	{ .readable = YES,
	  .v = { VERDICT_PLAIN, "the suite authenticates media and encrypts "
				"nothing, as the profile allows" } },
	{ .bare = YES, .hop = NO,
	  .v = { VERDICT_PLAIN, "the profile lets SDES keys stand in SIP that "
				"anybody may read" } },
	{ .bare = YES, .hop = YES,
	  .v = { VERDICT_HOP, "SDES: encrypted as far as the next hop's TLS "
			      "goes; who is behind it, and every proxy on the "
			      "way, has the keys" } },
	{ .verified = NO, .first = YES,
	  .v = { VERDICT_PEER, "nobody vouches for the far end's certificate, "
			       "which was not seen before" } },
	{ .verified = NO, .again = YES,
	  .v = { VERDICT_PEER, "the far end's certificate is that of an "
			       "earlier call; nobody else vouches for it" } },
	{ .verified = NO,
	  .v = { VERDICT_PEER, "the far end's identity is not verified" } },
	{ .offerer = YES, .confirmed = NO,
	  .v = { VERDICT_PEER, "the far end did not prove that it has the "
			       "key" } },
	{ .diverted = YES,
	  .v = { VERDICT_PEER, "the call was diverted: its far end signs, or "
			       "signed, as another identity than it names" } },
	{ .other = YES,
	  .v = { VERDICT_PEER, "the call was diverted: keys are agreed with "
			       "another identity of the domain than it "
			       "names" } },
	{ .both = YES, .weak = YES, .sealed = YES, .keyed = YES, .bare = NO,
	  .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential; "
				 "media are SRTP, in ESP; the key exchange is "
				 "weaker than a suite of theirs; SDP itself is "
				 "not authenticated" } },
	{ .both = YES, .unnamed = YES, .sealed = YES, .keyed = YES, .bare = NO,
	  .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential, "
				 "but its key exchange names nobody; media are "
				 "SRTP, in ESP; SDP itself is not "
				 "authenticated" } },
	{ .both = YES, .sealed = YES, .keyed = YES, .bare = NO,
	  .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential; "
				 "media are SRTP, in ESP; SDP itself is not "
				 "authenticated" } },
	{ .by_ike = YES, .weak = YES, .sealed = YES, .keyed = YES, .bare = NO,
	  .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential to "
				 "MIKEY, and MIKEY's key to IKE; a key "
				 "exchange is weaker than the suite; SDP "
				 "itself is not authenticated" } },
	{ .by_ike = YES, .unnamed = YES, .sealed = YES, .keyed = YES,
	  .bare = NO, .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential to "
				 "MIKEY, which names nobody, and MIKEY's key "
				 "to IKE; SDP itself is not authenticated" } },
	{ .by_ike = YES, .sealed = YES, .keyed = YES, .bare = NO,
	  .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential to "
				 "MIKEY, and MIKEY's key to IKE, which made "
				 "those of the tunnel; SDP itself is not "
				 "authenticated" } },
	{ .weak = YES, .sealed = YES, .keyed = YES, .bare = NO, .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential; "
				 "the key exchange is weaker than the suite; "
				 "SDP itself is not authenticated" } },
	{ .vouched = YES, .unnamed = NO, .weak = NO, .sealed = YES,
	  .keyed = YES, .bare = NO, .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential, "
				 "and both sides signed SDP" } },
	{ .unnamed = YES, .sealed = YES, .keyed = YES, .bare = NO,
	  .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential, "
				 "but its key exchange names nobody; SDP "
				 "itself is not authenticated" } },
	{ .sealed = YES, .keyed = YES, .bare = NO, .verified = YES,
	  .v = { VERDICT_SEALED, "far edge proved the configured credential; "
				 "SDP itself is not authenticated" } },
	{ .v = { VERDICT_PLAIN, "unknown" } },
};

static bool fits(enum want want, bool is)
{
	return want == ANY || (want == YES) == is;
}

/* Than either suite. What is not told is taken for the 128 bits that every
 * method must have, and no more is IKE's own exchange (x25519, P-256), from
 * which its keys come. */
static bool is_weak(const struct verdict_facts *f)
{
	const struct msg_key_facts *key = &f->key;
	const struct esp_suite_info *esp = esp_suite_info(key->esp);
	const struct suite_info *s = suite_info(key->suite);
	unsigned bits = key->key_bits ? key->key_bits : 128;

	if (f->by_ike && bits > 128)
		bits = 128;
	return (esp && bits < esp->key_len * 8u) ||
	       (s && bits < s->key_len * 8u);
}

static bool is_both(const struct msg_key_facts *key)
{
	return esp_suite_info(key->esp) && suite_info(key->suite);
}

const char *verdict_suite(const struct msg_key_facts *key)
{
	const struct esp_suite_info *esp = esp_suite_info(key->esp);
	const struct suite_info *s = suite_info(key->suite);

	return s ? s->name : esp ? esp->name : NULL;
}

const char *verdict_around(const struct msg_key_facts *key)
{
	return is_both(key) ? esp_suite_info(key->esp)->name : NULL;
}

static bool is_readable(const struct msg_key_facts *key)
{
	const struct suite_info *s = suite_info(key->suite);

	return s && s->readable;
}

struct verdict verdict_of(const struct verdict_facts *f)
{
	static const struct verdict left = {
		VERDICT_PLAIN, "the far end does not seal, and need not"
	};
	static const struct verdict emergency = {
		VERDICT_PLAIN, "an emergency call, which goes out whether it "
			       "can be sealed or not"
	};
	static const struct verdict carried = {
		VERDICT_SEALED, "media go in an IPsec tunnel, whose far end "
				"proved the configured key by IKE; SDP itself "
				"is not authenticated"
	};
	size_t i = 0;

	if (f->carried)
		return carried;
	if (!f->sealed && f->emergency)
		return emergency;
	if (!f->sealed && !f->forbidden)
		return left;
	while (!fits(table[i].sealed, f->sealed) ||
	       !fits(table[i].keyed, f->keyed) ||
	       !fits(table[i].readable, is_readable(&f->key)) ||
	       !fits(table[i].bare, f->key.bare != 0) ||
	       !fits(table[i].hop, f->hop) ||
	       !fits(table[i].verified, f->key.verified == 1) ||
	       !fits(table[i].first, f->key.pinned == 1) ||
	       !fits(table[i].again, f->key.pinned == 2) ||
	       !fits(table[i].offerer, f->offerer) ||
	       !fits(table[i].confirmed, f->key.confirmed == 1) ||
	       !fits(table[i].diverted, f->diverted) ||
	       !fits(table[i].other, f->key.identity == KEY_IDENTITY_OTHER) ||
	       !fits(table[i].both, is_both(&f->key)) ||
	       !fits(table[i].weak, is_weak(f)) ||
	       !fits(table[i].by_ike, f->by_ike) ||
	       !fits(table[i].vouched, f->sdp_signed) ||
	       !fits(table[i].unnamed, f->key.identity == KEY_IDENTITY_NONE))
		i++;
	return table[i].v;
}

const char *verdict_name(enum verdict_word w)
{
	static const char *const name[] = { "plain", "hop", "peer", "sealed" };

	return w <= VERDICT_SEALED ? name[w] : "?";
}
