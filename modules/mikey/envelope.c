/* envelope.c - see envelope.h.
 *
 * The MAC of this KEMAC covers the payload alone, with its next payload field
 * as 0 (RFC 3830 6.2); the signature around covers the message. Whether the
 * envelope key could be opened shows nowhere but in that MAC (credential.h), so
 * that a liar with a good certificate learns nothing about other people's
 * envelopes. Caching of the envelope key (6.3) is not done: each call has
 * a new one. */
#include "modules/mikey/envelope.h"

#include "daemon/base/err.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/outgoing.h"

#include <openssl/rand.h>
#include <string.h>

#define ENVELOPE_KEY 16 /* bytes: as strong as the KEMAC's cipher */

/* MAC over the payload up to its MAC field. */
static int mac_of(const struct mikey_psk_keys *k, const uint8_t head[4],
		  struct mikey_bytes data, uint8_t *out)
{
	const uint8_t tail = k->mac_alg;
	const struct mikey_bytes run[] = { { head, 4 }, data, { &tail, 1 } };

	return mikey_hmac(k->mac_alg, k->auth, k->auth_len, run, 3, out);
}

static void head_of(unsigned encr_alg, size_t len, uint8_t head[4])
{
	head[0] = MIKEY_LAST;
	head[1] = (uint8_t)encr_alg;
	head[2] = (uint8_t)(len >> 8);
	head[3] = (uint8_t)len;
}

static int seal(struct mikey_envelope *e, const struct mikey_envelope_order *o)
{
	struct mikey_keys keys = { .n = 1 };
	struct buf plain = buf_of(ENVELOPE_PLAIN);
	uint8_t iv[16], head[4];
	int r;

	keys.id = (struct mikey_payload){ .type = MIKEY_ID,
					  .kind = MIKEY_ID_URI, .data = o->id };
	keys.key[0].type = MIKEY_KEY_TGK;
	keys.key[0].key = (struct mikey_bytes){ e->tgk, e->tgk_len };
	keys.key[0].kv = o->kv;
	r = mikey_keys_encode(&keys, &plain);
	e->sealed_len = plain.len;
	mikey_iv(e->keys.salt, o->root->csb_id, o->stamp, iv);
	if (!r)
		r = mikey_aes_cm(e->keys.encr, e->keys.encr_len, iv,
				 (struct mikey_bytes){ plain.data, plain.len },
				 e->sealed);
	buf_free(&plain);
	head_of(MIKEY_ENCR_AES_CM_128, e->sealed_len, head);
	return r ? r : mac_of(&e->keys, head, (struct mikey_bytes){
			      e->sealed, e->sealed_len }, e->mac);
}

int mikey_envelope_make(struct mikey_envelope *e,
			const struct mikey_envelope_order *o)
{
	struct secret key = { 0 };
	int r;

	if (o->tgk_len > sizeof e->tgk)
		return E_ARG;
	e->tgk_len = o->tgk_len;
	r = secret_random(&key, ENVELOPE_KEY);
	if (!r && RAND_bytes(e->tgk, (int)e->tgk_len) != 1)
		r = E_INTERNAL;
	if (!r)
		r = mikey_psk_derive(&key, o->root, MIKEY_ENCR_AES_CM_128,
				     mikey_mac_of(o->root->prf), &e->keys);
	if (!r)
		r = seal(e, o);
	if (!r)
		r = certificate_seal(o->receiver, &key, e->pke, &e->pke_len);
	secret_wipe(&key);
	return r;
}

void mikey_envelope_add(const struct mikey_envelope *e,
			struct mikey_message *m)
{
	struct mikey_payload *kemac = mikey_add(m, MIKEY_KEMAC,
						MIKEY_ENCR_AES_CM_128);

	kemac->data = (struct mikey_bytes){ e->sealed, e->sealed_len };
	kemac->mac_alg = e->keys.mac_alg;
	kemac->mac = (struct mikey_bytes){ e->mac, e->keys.auth_len };
	mikey_add(m, MIKEY_PKE, 0)->data =
		(struct mikey_bytes){ e->pke, e->pke_len };
}

/* -- opening -------------------------------------------------------------- */

static int check_algorithms(const struct mikey_payload *k,
			    struct keying_fault *fault)
{
	if (k->mac_alg == MIKEY_MAC_NULL || k->kind == MIKEY_ENCR_NULL)
		return mikey_fault(fault, E_UNSUPPORTED, "the keys in the "
				   "MIKEY message are not protected (NULL)");
	if (k->kind > MIKEY_ENCR_AES_CM_256)
		return mikey_fault(fault, E_UNSUPPORTED, "MIKEY encryption "
				   "algorithm %u is not supported", k->kind);
	if (k->data.len > ENVELOPE_PLAIN)
		return mikey_fault(fault, E_UNSUPPORTED, "the MIKEY message "
				   "has %zu bytes of keys", k->data.len);
	return 0;
}

/* The message keys; for a wrong envelope they are random. */
static int open_keys(struct mikey_envelope *e, const struct credential *own,
		     const struct mikey_message *m,
		     const struct mikey_root *root)
{
	const struct mikey_payload *pke = mikey_find(m, MIKEY_PKE, 0);
	const struct mikey_payload *k = mikey_find(m, MIKEY_KEMAC, 0);
	struct secret key = { 0 };
	int r = credential_open(own, (struct der){ pke->data.p, pke->data.len },
				&key);

	if (!r)
		r = mikey_psk_derive(&key, root, k->kind, k->mac_alg,
				     &e->keys);
	secret_wipe(&key);
	return r;
}

static int check_mac(const struct mikey_envelope *e,
		     const struct mikey_payload *k, struct keying_fault *fault)
{
	uint8_t head[4], mac[MIKEY_HASH_MAX];
	int r;

	head_of(k->kind, k->data.len, head);
	r = mac_of(&e->keys, head, k->data, mac);
	if (!r && !equal_ct(mac, k->mac.p, e->keys.auth_len))
		r = E_AUTH;
	return r ? mikey_fault(fault, r, "the envelope of the MIKEY message "
			       "does not open: was it sealed for our "
			       "certificate?") : 0;
}

static int decrypt(struct mikey_envelope *e, const struct mikey_message *m,
		   struct keying_fault *fault)
{
	size_t len;
	int r = mikey_psk_open(&e->keys, m, e->plain, &len);

	if (!r)
		r = mikey_keys_decode((struct mikey_bytes){ e->plain, len },
				      true, &e->key);
	return r ? mikey_fault(fault, r, "the key data of the MIKEY message is "
			       "%s", err_text(r)) : 0;
}

/* 3.2: "MUST always be verified to be equal with the expected". */
static int check_id(const struct mikey_envelope *e, const char *id,
		    struct keying_fault *fault)
{
	char who[56];

	if (e->key.id.kind <= MIKEY_ID_URI &&
	    mikey_same_identity(e->key.id.data, mikey_text_bytes(id)))
		return 0;
	return mikey_fault(fault, E_AUTH, "the keys in the MIKEY message are "
			   "from %s, the call is with %.56s",
			   mikey_identity_text(e->key.id.data, who,
					       sizeof who), id);
}

int mikey_envelope_open(struct mikey_envelope *e, const struct credential *own,
			const struct mikey_message *m,
			const struct mikey_root *root, const char *id,
			struct keying_fault *fault)
{
	const struct mikey_payload *k = mikey_find(m, MIKEY_KEMAC, 0);
	int r = check_algorithms(k, fault);

	if (r)
		return r;
	r = open_keys(e, own, m, root);
	if (r == E_FORMAT)
		r = E_AUTH; /* of another length than our key */
	if (r)
		return mikey_fault(fault, r, "the envelope of the MIKEY "
				   "message cannot be opened: %s",
				   err_text(r));
	r = check_mac(e, k, fault);
	if (!r)
		r = decrypt(e, m, fault);
	return r ? r : check_id(e, id, fault);
}
