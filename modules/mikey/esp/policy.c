/* policy.c - see policy.h. Two tables: what the parameters of each protocol
 * are, and how long.
 *
 * Our profile has the transform numbers of IKEv2 (RFC 7296 3.3.2). The dialect
 * of 2005 has PF_KEY's (RFC 2367 3.5, and KAME's for AES and the modes), one
 * octet each, key lengths in octets. Its HMAC-SHA-1 may have a key of 16 octets
 * in place of 20 (RFC 2104 section 3 allows any). Its flags say nothing that
 * counts here. DES, null encryption and MD5 are refused. */
#include "modules/mikey/esp/policy.h"

#include "daemon/base/err.h"

#include <stdbool.h>

#define PARAMS 8

enum param { ENCR, KEY_LEN, INTEG, MODE, SCOPE, LIFE_S, LIFE_KIB, WINDOW };
enum old_param { SATYPE, OLD_MODE, FLAGS, EALG, EKEYL, AALG, AKEYL,
		 OLD_PARAMS };

struct param_info {
	const char *name;
	uint8_t len;
};

static const struct param_info ours[PARAMS] = {
	[ENCR] = { "encryption (IKEv2 transform)", 1 },
	[KEY_LEN] = { "encryption key length", 1 },
	[INTEG] = { "integrity (IKEv2 transform)", 1 },
	[MODE] = { "mode", 1 },
	[SCOPE] = { "scope", 1 },
	[LIFE_S] = { "lifetime in seconds", 4 },
	[LIFE_KIB] = { "lifetime in KiB", 4 },
	[WINDOW] = { "replay window", 2 },
};

static const struct param_info old[OLD_PARAMS] = {
	[SATYPE] = { "SATYPE", 1 },
	[OLD_MODE] = { "MODE", 1 },
	[FLAGS] = { "FLAGS", 1 },
	[EALG] = { "EALG", 1 },
	[EKEYL] = { "EKEYL", 1 },
	[AALG] = { "AALG", 1 },
	[AKEYL] = { "AKEYL", 1 },
};

static const struct param_info *table_of(unsigned protocol, size_t *n)
{
	if (mikey_esp_is_ours(protocol)) {
		*n = PARAMS;
		return ours;
	}
	*n = protocol == MIKEY_PROTOCOL_2005 ? OLD_PARAMS : 0;
	return old;
}

const char *mikey_esp_policy_name(unsigned protocol, unsigned type)
{
	size_t n;
	const struct param_info *table = table_of(protocol, &n);

	return type < n ? table[type].name : NULL;
}

static uint32_t number(struct reader *r, size_t len)
{
	uint32_t v = 0;

	while (len--)
		v = v << 8 | reader_u8(r);
	return v;
}

/* All n parameters, each once. */
static int read_values(struct mikey_bytes params,
		       const struct param_info *table, size_t n,
		       uint32_t v[static PARAMS], const char **why)
{
	struct reader r = reader_of(params.p, params.len);
	unsigned seen = 0;

	while (r.len && !r.err) {
		uint8_t type = reader_u8(&r), len = reader_u8(&r);

		*why = "an unknown parameter";
		if (type >= n)
			return E_UNSUPPORTED;
		*why = "a parameter of a wrong length, or twice";
		if (len != table[type].len || seen & 1u << type)
			return E_FORMAT;
		seen |= 1u << type;
		v[type] = number(&r, len);
	}
	*why = "parameters that are cut off";
	if (r.err)
		return E_FORMAT;
	*why = "too few parameters";
	return seen == (1u << n) - 1 ? 0 : E_UNSUPPORTED;
}

static enum esp_suite suite_of(const uint32_t *v)
{
	for (unsigned i = 1; i < ESP_SUITES; i++) {
		const struct esp_suite_info *s = esp_suite_info(i);

		if (!s->legacy && s->encr == v[ENCR] &&
		    s->integ == v[INTEG] && s->key_len == v[KEY_LEN])
			return (enum esp_suite)i;
	}
	return ESP_NONE;
}

static int get_ours(const uint32_t *v, struct mikey_esp_policy *out,
		    const char **why)
{
	*out = (struct mikey_esp_policy){
		.suite = suite_of(v), .mode = (enum esp_mode)v[MODE],
		.scope = (enum esp_scope)v[SCOPE], .life_s = v[LIFE_S],
		.life_kib = v[LIFE_KIB], .window = (uint16_t)v[WINDOW],
	};
	*why = "algorithms or a key length of no suite we know";
	if (!out->suite)
		return E_UNSUPPORTED;
	out->auth_len = esp_suite_info(out->suite)->auth_len;
	*why = "an unknown mode";
	if (v[MODE] != ESP_TRANSPORT && v[MODE] != ESP_TUNNEL)
		return E_UNSUPPORTED;
	*why = "an unknown scope";
	if (v[SCOPE] < ESP_MEDIA || v[SCOPE] > ESP_NET)
		return E_UNSUPPORTED;
	*why = "a lifetime of 0 seconds";
	if (!out->life_s)
		return E_UNSUPPORTED;
	*why = "a replay window that we do not do";
	return out->window < ESP_WINDOW_MIN || out->window > ESP_WINDOW_MAX
		       ? E_UNSUPPORTED : 0;
}

/* SADB_EALG_3DESCBC, SADB_X_EALG_AESCBC; SADB_AALG_SHA1HMAC. */
static const struct {
	uint8_t ealg, key_len;
	enum esp_suite suite;
} old_ciphers[] = {
	{ 3, 24, ESP_3DES_CBC_SHA1 },
	{ 12, 16, ESP_AES_128_CBC_SHA1 },
	{ 12, 32, ESP_AES_256_CBC_SHA1 },
};

#define OLD_ESP 3        /* SADB_SATYPE_ESP */
#define OLD_SHA1 3       /* SADB_AALG_SHA1HMAC */
#define OLD_TRANSPORT 1  /* IPSEC_MODE_TRANSPORT */
#define OLD_TUNNEL 2

static int get_old(const uint32_t *v, struct mikey_esp_policy *out,
		   const char **why)
{
	*out = (struct mikey_esp_policy){ .scope = ESP_HOST,
					  .auth_len = (uint8_t)v[AKEYL] };
	*why = "an SA that is not ESP";
	if (v[SATYPE] != OLD_ESP)
		return E_UNSUPPORTED;
	*why = "an unknown mode";
	if (v[OLD_MODE] != OLD_TRANSPORT && v[OLD_MODE] != OLD_TUNNEL)
		return E_UNSUPPORTED;
	out->mode = v[OLD_MODE] == OLD_TUNNEL ? ESP_TUNNEL : ESP_TRANSPORT;
	*why = "an authentication that is not HMAC-SHA-1 of 16 or 20 octets";
	if (v[AALG] != OLD_SHA1 || (v[AKEYL] != 16 && v[AKEYL] != 20))
		return E_UNSUPPORTED;
	*why = "a cipher or a key length that is not done";
	for (size_t i = 0; i < sizeof old_ciphers / sizeof *old_ciphers; i++)
		if (old_ciphers[i].ealg == v[EALG] &&
		    old_ciphers[i].key_len == v[EKEYL])
			out->suite = old_ciphers[i].suite;
	return out->suite ? 0 : E_UNSUPPORTED;
}

static int check_ike(const struct mikey_esp_policy *p, const char **why)
{
	*why = "a lifetime in bytes, which tunnels of IKE do not have";
	if (p->life_kib)
		return E_UNSUPPORTED;
	*why = "another mode or scope than tunnels of IKE have";
	return p->mode == ESP_TUNNEL && p->scope == ESP_MEDIA ? 0
							      : E_UNSUPPORTED;
}

int mikey_esp_policy_get(unsigned protocol, struct mikey_bytes params,
			 struct mikey_esp_policy *out, const char **why)
{
	size_t n;
	const struct param_info *table = table_of(protocol, &n);
	struct mikey_esp_policy got;
	uint32_t v[PARAMS];
	int r;

	*why = "a protocol that is not ESP";
	if (!n)
		return E_UNSUPPORTED;
	r = read_values(params, table, n, v, why);
	if (!r)
		r = mikey_esp_is_ours(protocol) ? get_ours(v, &got, why)
						: get_old(v, &got, why);
	if (!r && protocol == MIKEY_PROTOCOL_IKE)
		r = check_ike(&got, why);
	if (!r)
		*out = got;
	return r;
}

static void put(struct buf *b, enum param type, uint32_t value)
{
	uint8_t len = ours[type].len;

	buf_u8(b, (uint8_t)type);
	buf_u8(b, len);
	while (len--)
		buf_u8(b, (uint8_t)(value >> (8 * len)));
}

void mikey_esp_policy_put(struct buf *b, const struct mikey_esp_policy *p)
{
	const struct esp_suite_info *s = esp_suite_info(p->suite);

	if (!s || s->legacy) {
		if (!b->err)
			b->err = E_ARG;
		return;
	}
	put(b, ENCR, s->encr);
	put(b, KEY_LEN, s->key_len);
	put(b, INTEG, s->integ);
	put(b, MODE, p->mode);
	put(b, SCOPE, p->scope);
	put(b, LIFE_S, p->life_s);
	put(b, LIFE_KIB, p->life_kib);
	put(b, WINDOW, p->window);
}
