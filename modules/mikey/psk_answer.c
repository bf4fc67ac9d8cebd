/* psk_answer.c - the pre-shared key method, responder's side (RFC 3830 3.1,
 * 5.3).
 *
 * A list of steps, each of which may refuse: decode, shape, algorithms, MAC,
 * timestamp, identities, protocols, crypto sessions, suite, TGK, keys,
 * response. The MAC is checked before anything that is answered in detail, so
 * that everybody without the key hears the same unauthenticated "authentication
 * failure"; later refusals carry a V. Replays are the keeper's business: it
 * knows the dialogs. */
#include "modules/mikey/psk.h"

#include "daemon/base/err.h"
#include "modules/mikey/incoming.h"
#include "modules/mikey/kemac.h"

#include <string.h>

#define PLAIN_MAX 512 /* bytes of key data; one TGK takes at most 70 */

/* One offer on its way through the steps. Secret: wipe it. */
struct answer {
	struct mikey_incoming in;
	const struct mikey_payload *kemac;
	struct mikey_psk_keys keys;
	uint8_t plain[PLAIN_MAX];
	struct mikey_keys tgk;
	struct keying_result result;
};

#define REFUSE(a, ...) MIKEY_REFUSE(&(a)->in, __VA_ARGS__)

static int decode(struct answer *a)
{
	int r = mikey_incoming_decode(&a->in, MIKEY_PSK_INIT);

	a->kemac = mikey_find(&a->in.offer, MIKEY_KEMAC, 0);
	return r;
}

static bool is_last(const struct answer *a, const struct mikey_payload *p)
{
	return p == &a->in.offer.payload[a->in.offer.n - 1];
}

/* Payloads the exchange must have; what has no place in it is refused. */
static int check_shape(struct answer *a)
{
	static const uint8_t stray[] = { MIKEY_PKE, MIKEY_DH, MIKEY_SIGN,
					 MIKEY_CERT, MIKEY_CHASH, MIKEY_V,
					 MIKEY_ERR };

	if (!a->kemac || !is_last(a, a->kemac))
		return REFUSE(a, E_FORMAT, MIKEY_ERR_OTHER, "the MIKEY offer's "
			      "last payload is no KEMAC");
	return mikey_incoming_shape(&a->in, stray, sizeof stray);
}

/* 4.2.3, 4.2.4: null algorithms lean on a protected SIP that nobody has. */
static int check_algorithms(struct answer *a)
{
	unsigned encr = a->kemac->kind, mac = a->kemac->mac_alg;

	if (mac == MIKEY_MAC_NULL)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_MAC, "the MIKEY "
			      "offer has no MAC (NULL): anybody can have "
			      "made it");
	if (encr == MIKEY_ENCR_NULL)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_EA, "the MIKEY "
			      "offer is not encrypted (NULL): everybody has "
			      "the key");
	if (encr > MIKEY_ENCR_AES_CM_256)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_EA, "MIKEY "
			      "encryption algorithm %u is not supported",
			      encr);
	return 0;
}

static int check_mac(struct answer *a)
{
	struct mikey_root root = mikey_incoming_root(&a->in);
	struct mikey_bytes covered = { a->in.bytes.p,
				       a->in.bytes.len - a->kemac->mac.len };
	uint8_t mac[MIKEY_HASH_MAX];
	int r = mikey_psk_derive(a->in.t->psk, &root, a->kemac->kind,
				 a->kemac->mac_alg, &a->keys);

	if (!r)
		r = mikey_hmac(a->keys.mac_alg, a->keys.auth, a->keys.auth_len,
			       &covered, 1, mac);
	if (r)
		return REFUSE(a, r, MIKEY_ERR_OTHER, "the MAC cannot be "
			      "computed: %s", err_text(r));
	if (!equal_ct(mac, a->kemac->mac.p, a->keys.auth_len))
		return REFUSE(a, E_AUTH, MIKEY_ERR_AUTH, "the MAC of the MIKEY "
			      "offer is wrong: do both sides have the same "
			      "pre-shared key?");
	mikey_incoming_proven(&a->in, &a->keys);
	return 0;
}

static int open_tgk(struct answer *a)
{
	size_t len = a->kemac->data.len;
	int r;

	if (len > PLAIN_MAX)
		return REFUSE(a, E_UNSUPPORTED, MIKEY_ERR_OTHER, "the MIKEY "
			      "offer has %zu bytes of keys", len);
	r = mikey_psk_open(&a->keys, &a->in.offer, a->plain, &len);
	if (!r)
		r = mikey_keys_decode((struct mikey_bytes){ a->plain, len },
				      false, &a->tgk);
	if (r)
		return REFUSE(a, r, MIKEY_ERR_OTHER, "the key data of the "
			      "MIKEY offer is %s", err_text(r));
	return 0;
}

static int check_terms(struct answer *a)
{
	int r = mikey_incoming_stamp(&a->in);

	return r ? r : mikey_incoming_terms(&a->in);
}

static int make_keys(struct answer *a)
{
	return mikey_incoming_result(&a->in, &a->tgk, a->keys.bits,
				     &a->result);
}

static const struct {
	int (*step)(struct answer *a);
} steps[] = {
	{ decode }, { check_shape }, { check_algorithms }, { check_mac },
	{ check_terms }, { open_tgk }, { make_keys },
};

static int run(struct answer *a, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && !r; i++)
		r = steps[i].step(a);
	if (r)
		return mikey_incoming_report(&a->in, r, out);
	r = mikey_incoming_verify(&a->in, MIKEY_PSK_VERIFY, out);
	return mikey_incoming_made(&a->in, r, out);
}

int mikey_psk_answer(const struct keying_terms *t, const uint8_t *offer,
		     size_t len, struct buf *out, struct keying_result *result,
		     struct keying_fault *fault)
{
	struct answer a = { .in = { .t = t, .bytes = { offer, len },
				    .fault = fault,
				    .method = mikey_psk.name } };
	int r = mikey_psk_terms(t, fault);

	if (r)
		return r;
	r = run(&a, out);
	if (!r)
		*result = a.result;
	wipe(&a, sizeof a);
	return r;
}
