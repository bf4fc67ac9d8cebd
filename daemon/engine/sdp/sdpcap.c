/* sdpcap.c - the part of RFC 5939 (SDP capability negotiation) that carries
 * alternative keying messages:
 *
 *   a=acap:101 key-mgmt:mikey BASE64     attribute capability (3.4.1)
 *   a=pcfg:101 a=101 +callseal=1         potential configuration (3.5.1)
 *   a=acfg:101 a=101                     the one that was chosen (3.5.2)
 *
 * The extension with a plus keeps away everybody else who reads RFC 5939: what
 * they do not know they must not choose (3.5.1). So a capability counts only
 * when a configuration of just this form names it; all others, and numbers
 * past what we write, are nothing to us. A man in the middle can do what he
 * likes here: the messages themselves tell (doc/NEGOTIATION.md). */
#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdptext.h"

#include <string.h>

#define EXTENSION "+callseal=1"

/* A number of RFC 5939, from 1, at the front; it ends at a space or the end. */
static bool get_number(struct sdp_text *t, unsigned *out)
{
	struct sdp_text n = { t->p, 0 };
	unsigned v = 0;

	while (n.len < t->len && n.p[n.len] >= '0' && n.p[n.len] <= '9')
		n.len++;
	if (!n.len || n.len > 9 || (n.len < t->len && n.p[n.len] != ' '))
		return false;
	for (size_t i = 0; i < n.len; i++)
		v = v * 10 + (unsigned)(n.p[i] - '0');
	t->p += n.len;
	t->len -= n.len;
	*out = v;
	return v > 0;
}

static bool get_attributes(struct sdp_text word, unsigned *out)
{
	if (word.len < 3 || memcmp(word.p, "a=", 2))
		return false;
	word.p += 2;
	word.len -= 2;
	return get_number(&word, out) && !word.len;
}

static bool is_word(struct sdp_text t, const char *word)
{
	return t.len == strlen(word) && !memcmp(t.p, word, t.len);
}

bool sdp_get_capability(struct sdp_text v, struct sdp_capability *out)
{
	struct sdp_capability c;
	struct sdp_text name;

	if (!get_number(&v, &c.number))
		return false;
	name = sdp_word(&v);
	c.mikey = sdp_word(&v);
	if (!is_word(name, "key-mgmt:mikey") || !c.mikey.len || v.len)
		return false;
	*out = c;
	return true;
}

bool sdp_get_config(struct sdp_text v, struct sdp_config *out)
{
	struct sdp_config c;

	if (!get_number(&v, &c.number) ||
	    !get_attributes(sdp_word(&v), &c.capability) ||
	    !is_word(sdp_word(&v), EXTENSION) || v.len)
		return false;
	*out = c;
	return true;
}

bool sdp_get_chosen(struct sdp_text v, struct sdp_config *out)
{
	struct sdp_config c;

	if (!get_number(&v, &c.number) ||
	    !get_attributes(sdp_word(&v), &c.capability) || v.len)
		return false;
	*out = c;
	return true;
}

void sdp_put_capabilities(struct buf *out, const struct sdp_also *a,
			  const char *eol)
{
	for (unsigned i = 0; i < a->n; i++)
		buf_printf(out, "a=acap:%u key-mgmt:mikey %s%s",
			   a->config[i].capability, a->mikey[i], eol);
}

void sdp_put_configs(struct buf *out, const struct sdp_also *a,
		     const char *eol)
{
	for (unsigned i = 0; i < a->n; i++)
		buf_printf(out, "a=pcfg:%u a=%u " EXTENSION "%s",
			   a->config[i].number, a->config[i].capability, eol);
}

void sdp_put_chosen(struct buf *out, const struct sdp_config *c,
		    const char *eol)
{
	if (c->number)
		buf_printf(out, "a=acfg:%u a=%u%s", c->number, c->capability,
			   eol);
}

/* -- from both: the alternatives of a level, in order --------------------- */

static const struct sdp_capability *find(const struct sdp_keys *k,
					 unsigned number)
{
	for (unsigned i = 0; i < k->n_capabilities; i++)
		if (k->capability[i].number == number)
			return &k->capability[i];
	return NULL;
}

/* Configurations of lower numbers come first (3.5.1). */
static const struct sdp_config *next_config(const struct sdp_media *m,
					    unsigned above)
{
	const struct sdp_config *next = NULL;

	for (unsigned i = 0; i < m->n_configs; i++)
		if (m->config[i].number > above &&
		    (!next || m->config[i].number < next->number))
			next = &m->config[i];
	return next;
}

unsigned sdp_alternatives(const struct sdp_keys *k, const struct sdp_media *m,
			  struct sdp_text mikey[static SDP_ALSO_MAX],
			  struct sdp_config config[static SDP_ALSO_MAX])
{
	const struct sdp_config *c = next_config(m, 0);
	const struct sdp_capability *cap;
	unsigned n = 0;

	for (; c; c = next_config(m, c->number)) {
		cap = find(k, c->capability);
		if (!cap)
			continue;
		mikey[n] = cap->mikey;
		config[n++] = *c;
	}
	return n;
}
