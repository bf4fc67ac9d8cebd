/* origin.c - see origin.h. A line that came folded is made one; what is longer
 * than a trace needs is cut at a line's end. */
#include "modules/sip/message/origin.h"

#include <string.h>

#include <sofia-sip/sip_header.h>

#define HEAD_MAX 4096 /* bytes kept of one call */

/* Payloads and separators are no lines; a list's further members have none. */
static bool is_line(const msg_header_t *h)
{
	return h->sh_data && h->sh_len > 2 &&
	       h->sh_class != (msg_hclass_t *)sip_payload_class &&
	       h->sh_class != (msg_hclass_t *)sip_separator_class &&
	       h->sh_class != (msg_hclass_t *)sip_authorization_class &&
	       h->sh_class != (msg_hclass_t *)sip_proxy_authorization_class;
}

/* Bytes that are no text, and line ends within, become spaces. */
static size_t put_line(char *out, const char *line, size_t len)
{
	size_t n = 0;

	while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	for (size_t i = 0; i < len; i++)
		out[n++] = (unsigned char)line[i] < 0x20 ||
			   line[i] == 0x7f ? ' ' : line[i];
	out[n++] = '\n';
	return n;
}

char *origin_head(su_home_t *home, const sip_t *sip)
{
	const msg_header_t *h = (const msg_header_t *)sip->sip_request;
	char *out = su_alloc(home, HEAD_MAX + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	for (; h; h = h->sh_succ) {
		if (!is_line(h))
			continue;
		if (n + h->sh_len >= HEAD_MAX)
			break;
		n += put_line(out + n, h->sh_data, h->sh_len);
	}
	out[n] = 0;
	return out;
}
