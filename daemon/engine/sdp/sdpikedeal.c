/* sdpikedeal.c - what an offer and an answer agree on about IKE: RFC 6193
 * section 4 (roles, by RFC 4145 4.1), 5.1 (rejection) and 8 (what proves whom).
 * See sdpike.h. */
#include "daemon/engine/sdp/sdpike.h"

#include "daemon/base/err.h"

static enum sdp_setup offered(enum sdp_setup s)
{
	return s == SDP_SETUP_UNSAID ? SDP_SETUP_ACTIVE : s;
}

static enum sdp_setup answered(enum sdp_setup s)
{
	return s == SDP_SETUP_UNSAID ? SDP_SETUP_PASSIVE : s;
}

enum sdp_setup sdp_ike_reply(enum sdp_setup offer, bool begin)
{
	switch (offered(offer)) {
	case SDP_SETUP_PASSIVE:
		return SDP_SETUP_ACTIVE;
	case SDP_SETUP_ACTPASS:
		return begin ? SDP_SETUP_ACTIVE : SDP_SETUP_PASSIVE;
	default:
		return SDP_SETUP_PASSIVE;
	}
}

/* The answers that each offer allows. */
static bool allowed(enum sdp_setup offer, enum sdp_setup answer)
{
	return answer == sdp_ike_reply(offer, true) ||
	       answer == sdp_ike_reply(offer, false);
}

static bool told(const struct prints *p)
{
	return p->n || p->unknown;
}

static bool have_common(const struct prints *a, const struct prints *b)
{
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned k = 0; k < b->n; k++)
			if (print_equal(&a->list[i], &b->list[k]))
				return true;
	return false;
}

/* The certificates' fingerprints first: they are what RFC 6193 is about. */
static int prove(const struct sdp_ike *offer, const struct sdp_ike *answer,
		 enum sdp_ike_proof *out, const char **why)
{
	bool certs = told(&offer->certs) || told(&answer->certs);
	bool psks = told(&offer->psks) || told(&answer->psks);

	if (offer->certs.n && answer->certs.n) {
		*out = SDP_IKE_BY_CERT;
	} else if (have_common(&offer->psks, &answer->psks)) {
		*out = SDP_IKE_BY_PSK;
	} else if (!certs && !psks) {
		*out = SDP_IKE_BY_TRUST;
	} else {
		*why = certs ? "only one end told a certificate's fingerprint "
			       "that is of use"
			     : "the pre-shared keys' fingerprints differ";
		return E_AUTH;
	}
	return 0;
}

int sdp_ike_agree(const struct sdp_ike *offer, const struct sdp_ike *answer,
		  struct sdp_ike_deal *out, const char **why)
{
	enum sdp_setup reply = answered(answer->setup);
	struct sdp_ike_deal d = { .udpencap = offer->udpencap };
	int r;

	if (!offer->at.port || !answer->at.port) {
		*why = "IKE was rejected";
		return E_REFUSED;
	}
	if (offer->udpencap != answer->udpencap ||
	    !allowed(offer->setup, reply)) {
		*why = "the answer's format or role is none that the offer "
		       "allows";
		return E_FORMAT;
	}
	r = prove(offer, answer, &d.proof, why);
	if (r)
		return r;
	d.offerer_begins = reply == SDP_SETUP_PASSIVE;
	*out = d;
	return 0;
}
