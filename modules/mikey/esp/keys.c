/* keys.c - see keys.h. ESP derives nothing itself, so each session gets an
 * encryption key, an authentication key and, for GCM, a salt by their own
 * constants (RFC 3830 4.1.3), never the TEK.
 *
 * In our profile RAND is followed by the nonces of both ends. So each answer to
 * an offer leads to other keys, though method and TGK be the same (a forked
 * call, an offer sent again to one who lost its memory): no key is ever used
 * for two SAs, which under GCM would give both away (RFC 4106 section 3.1).
 *
 * Where IKE raises the tunnel it has keys of its own; from the session that
 * runs from the initiator come the pre-shared key that proves both ends of it
 * (RFC 7296 2.15), and a name for it. */
#include "modules/mikey/esp/keys.h"

#include "daemon/base/err.h"
#include "modules/mikey/outgoing.h"
#include "modules/mikey/psk.h"

#include <string.h>

static int derive(const struct mikey_root *root, uint8_t cs,
		  const struct esp_result *esp, struct esp_key *out)
{
	const struct esp_suite_info *s = esp_suite_info(esp->suite);
	int r;

	*out = (struct esp_key){ .suite = (uint16_t)esp->suite,
				 .key_len = s->key_len,
				 .salt_len = s->salt_len,
				 .auth_len = esp->auth_len };
	r = mikey_derive(root, MIKEY_ESP_ENCR, cs, out->key, out->key_len);
	if (!r && out->auth_len)
		r = mikey_derive(root, MIKEY_ESP_AUTH, cs, out->auth,
				 out->auth_len);
	if (!r && out->salt_len)
		r = mikey_derive(root, MIKEY_TGK_SALT, cs, out->salt,
				 out->salt_len);
	return r;
}

static int derive_ike(const struct mikey_root *root,
		      const struct esp_result *esp, struct esp_tunnel *t)
{
	uint8_t cs = esp->ike == TUNNEL_IKE_BEGINS ? t->cs_out : t->cs_in;
	int r;

	t->out = (struct esp_key){ .suite = (uint16_t)esp->suite };
	t->in = (struct esp_key){ .suite = (uint16_t)esp->suite,
				  .key_len = TUNNEL_PSK,
				  .auth_len = TUNNEL_NAME };
	r = mikey_derive(root, MIKEY_TEK, cs, t->in.key, TUNNEL_PSK);
	return r ? r : mikey_derive(root, MIKEY_TGK_SALT, cs, t->in.auth,
				    TUNNEL_NAME);
}

int mikey_esp_fresh(const struct mikey_root *root, const struct esp_tunnel *t,
		    uint8_t rand[static MIKEY_RAND_MAX], struct mikey_root *out)
{
	*out = *root;
	if (!t->fresh_len)
		return 0;
	if (root->rand.len > MIKEY_ESP_RAND_MAX)
		return E_ARG;
	memcpy(rand, root->rand.p, root->rand.len);
	memcpy(rand + root->rand.len, t->fresh, t->fresh_len);
	out->rand = (struct mikey_bytes){ rand, root->rand.len + t->fresh_len };
	return 0;
}

static int one_tunnel(const struct mikey_root *root,
		      const struct esp_result *esp, struct esp_tunnel *t)
{
	uint8_t rand[MIKEY_RAND_MAX];
	struct mikey_root fresh;
	int r = mikey_esp_fresh(root, t, rand, &fresh);

	if (r)
		return r;
	if (esp->ike)
		return derive_ike(&fresh, esp, t);
	r = derive(&fresh, t->cs_in, esp, &t->in);
	return r ? r : derive(&fresh, t->cs_out, esp, &t->out);
}

int mikey_esp_keys(const struct mikey_root *root, struct esp_result *esp)
{
	int r = 0;

	if (esp->n && !esp_suite_info(esp->suite))
		return E_ARG;
	for (size_t i = 0; i < esp->n && !r; i++)
		r = one_tunnel(root, esp, &esp->tunnel[i]);
	return r;
}

int mikey_esp_keys_check(const struct mikey_keys *keys,
			 const struct esp_result *esp,
			 struct keying_fault *fault)
{
	const struct esp_suite_info *s = esp_suite_info(esp->suite);
	const struct mikey_key *k = &keys->key[0];
	size_t least = esp->ike ? TUNNEL_PSK : s->key_len;

	if (keys->n != 1 || k->type != MIKEY_KEY_TGK || k->kv.type)
		return mikey_fault(fault, E_UNSUPPORTED, "the MIKEY message "
				   "has not one TGK, without salt and "
				   "validity, as ESP takes");
	if (k->key.len < MIKEY_TGK_MIN || k->key.len < least)
		return mikey_fault(fault, E_UNSUPPORTED, "the TGK has %zu "
				   "bytes, which does not fit %s", k->key.len,
				   esp->ike ? "a key of IKE's" : s->name);
	return 0;
}

size_t mikey_esp_tgk_len(const struct esp_terms *t)
{
	size_t most = t->ike ? TUNNEL_PSK : MIKEY_TGK_MIN;

	for (size_t i = 0; i < t->n_suites; i++) {
		const struct esp_suite_info *s = esp_suite_info(t->suites[i]);

		if (s && s->key_len > most)
			most = s->key_len;
	}
	return most;
}
