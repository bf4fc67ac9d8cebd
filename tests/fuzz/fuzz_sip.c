/* fuzz_sip.c - what modules/sip does with a received message before any state
 * of a call: which headers are copied, what the body is, whether it looped.
 * A copied line must not hold a second one (header smuggling), nor one that
 * belongs to a leg. */
#include "modules/sip/transport/face.h"
#include "modules/sip/filter.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/unquoted.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE_MAX_TRIED 65000

static void check_line(const msg_header_t *h)
{
	const char *s = h->sh_data;
	size_t n = h->sh_len, i;

	if (!s)
		return; /* Sofia will write it */
	if (n < 4 || s[n - 1] != '\n' || s[n - 2] != '\r' || memchr(s, 0, n))
		abort();
	for (i = 0; i < n - 2; i++) {
		if (s[i] == '\n' && s[i + 1] != ' ' && s[i + 1] != '\t')
			abort();
		if (s[i] == '\r' && s[i + 1] != '\n')
			abort();
	}
	if (header_fate(h->sh_unknown->un_name,
			strlen(h->sh_unknown->un_name)) == HEADER_OURS)
		abort();
}

static void copy(const sip_t *sip, unsigned flags)
{
	static const struct face_settings inside = { .n_nets = 0 };
	msg_t *to = msg_create(sip_default_mclass(), 0);
	const msg_header_t *h;

	if (headers_copy(to, sip, flags))
		abort();
	for (h = (msg_header_t *)sip_object(to)->sip_unknown; h;
	     h = h->sh_next)
		check_line(h);
	headers_hop(to, sip);
	headers_contacts(to, sip, &inside);
	msg_destroy(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct face_settings none;
	static struct sip s = { .face[INSIDE] = { .settings = &none },
				.face[OUTSIDE] = { .settings = &none } };
	const sip_t *sip;
	msg_t *msg;

	if (!size || size > SIZE_MAX_TRIED)
		return 0;
	msg = msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY, data,
		       (ssize_t)size);
	sip = msg ? sip_object(msg) : NULL;
	if (msg)
		unquoted_mend(msg);
	if (sip && (sip->sip_request || sip->sip_status)) {
		copy(sip, 0);
		copy(sip, COPY_BODY);
		copy(sip, COPY_NO_REQUIRE);
		filter_body_kind(sip);
		if (sip->sip_request)
			face_looped(&s, sip);
	}
	msg_destroy(msg);
	return 0;
}
