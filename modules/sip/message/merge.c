/* merge.c - requests outside any dialog that came by two ways.
 *
 * Sofia's own check takes a proxy's fork of one INVITE to two phones of ours
 * for a request that was merged, since Call-ID, From tag and CSeq are alike.
 * Here the Request-URI counts, too: it says which phone is meant. Repetitions
 * on the same branch never come here, Sofia's transactions take them.
 *
 * A table of keyed hashes with a time; a newer one may take the place of an
 * older one, whose copy is then not noticed: no harm, but for a second call. */
#include "modules/sip/message/merge.h"

#include "daemon/base/clock.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 8192
#define KEPT_US 32000000 /* 64*T1 */

struct merges {
	struct {
		uint64_t key, until_us;
	} slot[SLOTS];
};

struct merges *merges_new(void)
{
	return calloc(1, sizeof(struct merges));
}

void merges_free(struct merges *m)
{
	free(m);
}

/* 0: no memory. */
static uint64_t key_of(const struct sip *s, enum face face, const sip_t *sip,
		       const char *uri)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	uint8_t mac[EVP_MAX_MD_SIZE] = { 0 };
	uint64_t key = 0;
	unsigned len = 0;
	char *text;

	su_home_init(home);
	text = su_sprintf(home, "%d %s %u %s\n%s\n%s", (int)face,
			  sip->sip_request->rq_method_name,
			  sip->sip_cseq->cs_seq, uri, sip->sip_call_id->i_id,
			  sip->sip_from->a_tag ? sip->sip_from->a_tag : "");
	if (text && HMAC(EVP_sha256(), s->secret, sizeof s->secret,
			 (uint8_t *)text, strlen(text), mac, &len))
		memcpy(&key, mac, sizeof key);
	su_home_deinit(home);
	return key;
}

uint64_t merge_invite(const struct sip *s, enum face face, const sip_t *sip)
{
	return key_of(s, face, sip, "");
}

static uint64_t key_with_uri(const struct sip *s, enum face face,
			     const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	uint64_t key = 0;
	char *uri;

	su_home_init(home);
	uri = url_as_string(home, sip->sip_request->rq_url);
	if (uri)
		key = key_of(s, face, sip, uri);
	su_home_deinit(home);
	return key;
}

bool merge_seen(struct sip *s, enum face face, const sip_t *sip)
{
	uint64_t now = clock_mono_us(&clock_system);
	uint64_t key = key_with_uri(s, face, sip);
	struct merges *m = s->merges;
	bool seen = key && m->slot[key % SLOTS].key == key &&
		    m->slot[key % SLOTS].until_us > now;

	if (!seen) {
		m->slot[key % SLOTS].key = key;
		m->slot[key % SLOTS].until_us = now + KEPT_US;
	}
	return seen;
}
