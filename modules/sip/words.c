/* words.c - see words.h.
 *
 * The body may be anything but SDP (text, a sign of typing, CPIM, a multipart):
 * it goes with its Content- headers into what is sealed, and comes out with
 * those that were sealed; what stood around it counts for nothing. A response
 * to a sealed MESSAGE has no body (RFC 3428 section 7). */
#include "modules/sip/words.h"

#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/sealed.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/sip_header.h>

bool words_in(const sip_t *sip)
{
	return sip->sip_request && sip->sip_payload &&
	       sip->sip_request->rq_method == sip_method_message &&
	       sip->sip_payload->pl_len;
}

bool words_given(const sip_t *sip, struct call_given *g)
{
	char *frag = sealed_frag(sip), *fields = sealed_fields(sip);

	*g = (struct call_given){
		.frag = frag, .fields = fields, .words = true,
	};
	if (sip->sip_payload) {
		g->body = (const uint8_t *)sip->sip_payload->pl_data;
		g->len = sip->sip_payload->pl_len;
	}
	filter_origin(sip, &g->origin);
	if (frag && fields)
		return true;
	words_given_free(g);
	return false;
}

void words_given_free(struct call_given *g)
{
	free((char *)(uintptr_t)g->frag);
	free((char *)(uintptr_t)g->fields);
	g->frag = g->fields = NULL;
}

struct body words_of(const sip_t *sip, const char *fields)
{
	return (struct body){
		.type = "", .fields = fields,
		.data = (const uint8_t *)sip->sip_payload->pl_data,
		.len = sip->sip_payload->pl_len,
	};
}

/* One line, whose name must describe a body. */
static bool put_line(msg_t *msg, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name = colon ? (size_t)(colon - line) : 0;
	size_t skip = colon ? name + 1 + strspn(colon + 1, " ") : 0;
	char *key, *value;
	bool fine;

	if (!name || skip > len || header_fate(line, name) != HEADER_BODY)
		return true;
	key = strndup(line, name);
	value = strndup(line + skip, len - skip);
	fine = key && value && header_add(msg, key, value);
	free(key);
	free(value);
	return fine;
}

bool words_put(msg_t *msg, const struct body *words)
{
	const char *line = words->fields, *end;

	for (; (end = strstr(line, "\r\n")); line = end + 2)
		if (!put_line(msg, line, (size_t)(end - line)))
			return false;
	return body_add(msg, words->data, words->len);
}
