/* hidden.c - see hidden.h.
 *
 * The token is no ciphertext: the Request-URI is in the message within, which
 * is encrypted for the domain and opened before the call is routed. A second
 * copy of it outside would be one more thing to break, and to keep until
 * somebody does. */
#include "modules/sip/sealing/hidden.h"

#include "daemon/base/hex.h"
#include "modules/sip/border/border.h"
#include "modules/sip/sealing/whole.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_string.h>

#define TOKEN_LEN 32 /* hex digits */
#define TOKEN_LABEL "callseal hidden callee\n"

enum hide hidden_on(const struct pair *pair, const struct leg *leg)
{
	if (leg->face->face != OUTSIDE)
		return HIDE_NONE;
	return pair->call ? call_hides(pair->call)
			  : pair->way ? pair->way->hide : HIDE_NONE;
}

sip_from_t *hidden_from(su_home_t *home)
{
	return sip_from_make(home, BORDER_ANONYMOUS);
}

static bool token_of(const char *call_id, char out[static TOKEN_LEN + 1])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned len = 0;
	bool fine = ctx &&
		    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, TOKEN_LABEL,
				     sizeof TOKEN_LABEL - 1) == 1 &&
		    EVP_DigestUpdate(ctx, call_id, strlen(call_id)) == 1 &&
		    EVP_DigestFinal_ex(ctx, hash, &len) == 1;

	EVP_MD_CTX_free(ctx);
	if (fine)
		hex_write(hash, TOKEN_LEN / 2, out);
	return fine;
}

/* A number is at the host that it is asked of, or at none. */
static const url_t *place_of(su_home_t *home, const char *target)
{
	const url_t *uri = url_make(home, target);

	return uri && uri->url_host && *uri->url_host &&
	       (uri->url_type == url_sip || uri->url_type == url_sips)
		? uri : NULL;
}

sip_to_t *hidden_to(su_home_t *home, const char *target, const char *call_id)
{
	const url_t *place = place_of(home, target);
	char token[TOKEN_LEN + 1];

	if (!place || !token_of(call_id, token))
		return NULL;
	return sip_to_format(home, "<%s:%s@%s>", place->url_scheme, token,
			     place->url_host);
}

/* Parameters choose the way (transport, maddr); others, like user=phone, are of
 * the user. */
const char *hidden_target(su_home_t *home, const char *target,
			  const char *call_id)
{
	const url_t *place = place_of(home, target);
	char token[TOKEN_LEN + 1], transport[16] = "", maddr[ADDR_TEXT] = "";
	const char *port = place && place->url_port ? place->url_port : "";

	if (!place || !token_of(call_id, token))
		return NULL;
	if (place->url_params) {
		url_param(place->url_params, "transport", transport,
			  sizeof transport);
		url_param(place->url_params, "maddr", maddr, sizeof maddr);
	}
	return su_sprintf(home, "%s:%s@%s%s%s%s%s%s%s", place->url_scheme,
			  token, place->url_host, *port ? ":" : "", port,
			  *transport ? ";transport=" : "", transport,
			  *maddr ? ";maddr=" : "", maddr);
}

static bool is_anonymous(const url_t *uri)
{
	return uri->url_user && !strcasecmp(uri->url_user, "anonymous") &&
	       uri->url_host &&
	       !strcasecmp(uri->url_host, "anonymous.invalid");
}

static bool is_token(const url_t *uri, const char *token)
{
	return uri->url_user && !strcmp(uri->url_user, token);
}

enum hide hidden_in(const sip_t *invite)
{
	char token[TOKEN_LEN + 1];

	if (!invite->sip_from || !invite->sip_to || !invite->sip_call_id ||
	    !invite->sip_request || !is_anonymous(invite->sip_from->a_url))
		return HIDE_NONE;
	return token_of(invite->sip_call_id->i_id, token) &&
	       is_token(invite->sip_to->a_url, token) &&
	       is_token(invite->sip_request->rq_url, token)
		? HIDE_BOTH : HIDE_CALLER;
}

const char *hidden_refuses(const struct pair *pair, const struct leg *to,
			   const sip_t *sip)
{
	return hidden_on(pair, to) && sip->sip_request && sip->sip_replaces
		? "a hidden call cannot replace another, which it would name"
		: NULL;
}

void hidden_failure(msg_t *msg)
{
	whole_reduce(msg, true);
}
