/* headers.c - what passes end to end and what belongs to each leg.
 *
 * A header that is not in the table passes, known to Sofia or not, as the
 * very bytes that came (RFC 3261 16.6 asks that of a proxy; for a gateway in
 * the middle it is what keeps phones working). The agents parse with
 * MSG_DO_EXTRACT_COPY, so that each parsed header still knows its line; the
 * copy is a header "unknown" to Sofia that carries this line. Of a list that
 * came in one line only the first element has bytes, so that the line is
 * copied once.
 *
 * The table has what RFC 3261 makes the leg's own (Via, Route, Record-Route,
 * From, To, Call-ID, CSeq, Contact, Max-Forwards, Content-Length), what counts
 * in one leg only (RSeq, RAck: RFC 3262; Session-Expires, Min-SE: RFC 4028;
 * Timestamp, Path, Service-Route), and what names a dialog of the other leg and
 * would tell its Call-ID. */
#include "modules/sip/message/headers.h"

#include "daemon/base/err.h"
#include "modules/sip/border/border.h"
#include "modules/sip/registrar/admission.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>

static const struct {
	const char *name;
	char compact; /* RFC 3261 7.3.3 */
	enum header_fate fate;
} table[] = {
	{ "Via", 'v', HEADER_OURS },
	{ "From", 'f', HEADER_OURS },
	{ "To", 't', HEADER_OURS },
	{ "Call-ID", 'i', HEADER_OURS },
	{ "CSeq", 0, HEADER_OURS },
	{ "Contact", 'm', HEADER_OURS },
	{ "Max-Forwards", 0, HEADER_OURS },
	{ "Content-Length", 'l', HEADER_OURS },
	{ "Route", 0, HEADER_OURS },
	{ "Record-Route", 0, HEADER_OURS },
	{ "Path", 0, HEADER_OURS },
	{ "Service-Route", 0, HEADER_OURS },
	{ "Timestamp", 0, HEADER_OURS },
	{ "RSeq", 0, HEADER_OURS },
	{ "RAck", 0, HEADER_OURS },
	{ "In-Reply-To", 0, HEADER_OURS },
	{ "Replaces", 0, HEADER_OURS },
	{ "Join", 0, HEADER_OURS },
	{ "Target-Dialog", 0, HEADER_OURS },
	{ "Same-Session", 0, HEADER_OURS },
	{ "Session-Expires", 'x', HEADER_OURS },
	{ "Min-SE", 0, HEADER_OURS },
	{ "Content-Type", 'c', HEADER_BODY },
	{ "Content-Encoding", 'e', HEADER_BODY },
	{ "Content-Disposition", 0, HEADER_BODY },
	{ "Content-Language", 0, HEADER_BODY },
	{ "Content-Transfer-Encoding", 0, HEADER_BODY },
	{ "MIME-Version", 0, HEADER_BODY },
};

enum header_fate header_fate(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (len == 1 && table[i].compact &&
		    (name[0] | 0x20) == table[i].compact)
			return table[i].fate;
		if (strlen(table[i].name) == len &&
		    !strncasecmp(table[i].name, name, len))
			return table[i].fate;
	}
	return HEADER_PASSES;
}

/* The line of a received header: name, value and CRLF, with nothing in it
 * that could be read as a line of its own. */
static bool line_of(const msg_header_t *h, const char **line, size_t *len,
		    size_t *name_len)
{
	const char *s = h->sh_data, *colon;
	size_t n = h->sh_len, i;

	if (!s || n < 4 || s[n - 2] != '\r' || s[n - 1] != '\n')
		return false;
	colon = memchr(s, ':', n);
	if (!colon || memchr(s, 0, n))
		return false;
	for (i = 0; i < n - 2; i++) {
		if (s[i] == '\r' && s[i + 1] != '\n')
			return false;
		if (s[i] == '\n' && s[i + 1] != ' ' && s[i + 1] != '\t')
			return false;
	}
	for (i = (size_t)(colon - s); i > 0; i--)
		if (s[i - 1] != ' ' && s[i - 1] != '\t')
			break;
	*line = s;
	*len = n;
	*name_len = i;
	return i > 0;
}

static bool copy_line(msg_t *to, const char *line, size_t len,
		      size_t name_len)
{
	su_home_t *home = msg_home(to);
	msg_header_t *h = msg_header_alloc(home, sip_unknown_class,
					   (isize_t)(len + name_len + 2));
	char *room;

	if (!h)
		return false;
	room = (char *)(h->sh_unknown + 1);
	memcpy(room, line, len);
	room[len] = 0;
	memcpy(room + len + 1, line, name_len);
	room[len + 1 + name_len] = 0;
	h->sh_data = room;
	h->sh_len = (usize_t)len;
	h->sh_unknown->un_name = room + len + 1;
	h->sh_unknown->un_value = strchr(room, ':') + 1;
	return msg_header_insert(to, NULL, h) == 0;
}

/* Where Sofia has no bytes for us (its own message, an odd line end). */
static bool copy_parsed(msg_t *to, const msg_header_t *h)
{
	msg_header_t *copy = msg_header_dup_one(msg_home(to), h);

	return copy && msg_header_insert(to, NULL, copy) == 0;
}

static const char *name_of(const msg_header_t *h)
{
	if (h->sh_class == (msg_hclass_t *)sip_unknown_class)
		return h->sh_unknown->un_name;
	return h->sh_class->hc_name;
}

/* RFC 7615; the proxy's, too. */
static bool is_proof(const char *name)
{
	return !strcasecmp(name, "Authentication-Info") ||
	       !strcasecmp(name, "Proxy-Authentication-Info");
}

/* Separators, payloads and the first line have no name. */
static bool copies(const msg_header_t *h, unsigned flags)
{
	const char *name = name_of(h);
	enum header_fate fate;

	if (!name || !*name || h->sh_class == (msg_hclass_t *)sip_error_class)
		return false;
	if (h->sh_data && !h->sh_len)
		return false; /* came in the line of the one before */
	if ((flags & COPY_NO_REQUIRE) && !strcasecmp(name, "Require"))
		return false;
	if ((flags & COPY_NO_SUPPORTED) && !strcasecmp(name, "Supported"))
		return false;
	if ((flags & COPY_NO_REFER_TO) &&
	    h->sh_class == (msg_hclass_t *)sip_refer_to_class)
		return false;
	if ((flags & COPY_NO_DATE) && !strcasecmp(name, "Date"))
		return false;
	if ((flags & COPY_NO_PROOF) && is_proof(name))
		return false;
	if (border_stops(flags, h, name))
		return false;
	fate = header_fate(name, strlen(name));
	return fate == HEADER_PASSES ||
	       (fate == HEADER_BODY && (flags & COPY_BODY));
}

static bool copy_one(msg_t *to, const msg_header_t *h)
{
	size_t len, name_len;
	const char *line;

	if (line_of(h, &line, &len, &name_len))
		return copy_line(to, line, len, name_len);
	return copy_parsed(to, h);
}

/* Credentials for our own realm. */
static bool proves(const msg_header_t *h, const char *realm)
{
	const char *value;
	size_t len;

	if (h->sh_class != (msg_hclass_t *)sip_authorization_class &&
	    h->sh_class != (msg_hclass_t *)sip_proxy_authorization_class)
		return false;
	value = msg_params_find(h->sh_auth->au_params, "realm=");
	len = strlen(realm);
	if (!value)
		return true; /* whatever it is */
	value += *value == '"';
	return !strncmp(value, realm, len) && strchr("\"", value[len]);
}

/* Whom a phone says it is beside From, which its password vouches for. */
static bool claims(const msg_header_t *h)
{
	static const char *const names[] = { "P-Asserted-Identity",
					     "P-Preferred-Identity",
					     "Remote-Party-ID" };
	const char *name = name_of(h);

	for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static int copy_all(msg_t *to, const sip_t *from, unsigned flags,
		    const char *realm)
{
	const msg_header_t *h = from->sip_request ?
		(const msg_header_t *)from->sip_request :
		(const msg_header_t *)from->sip_status;

	for (h = h ? h->sh_succ : NULL; h; h = h->sh_succ)
		if (copies(h, flags) &&
		    !(realm && (proves(h, realm) || claims(h))) &&
		    !copy_one(to, h))
			return E_NOMEM;
	return 0;
}

int headers_copy(msg_t *to, const sip_t *from, unsigned flags)
{
	return copy_all(to, from, flags, NULL);
}

int headers_copy_request(const struct sip_face *came, msg_t *to,
			 const sip_t *from, unsigned flags)
{
	return copy_all(to, from, flags, admission_realm(came));
}

/* An address of the inside; with no nets configured, any address may be. */
bool headers_show_inside(const url_t *uri, const struct face_settings *inside)
{
	char host[ADDR_TEXT];
	struct addr a;
	size_t i;

	snprintf(host, sizeof host, "%.60s",
		 uri->url_host ? uri->url_host : "");
	if (host[0] == '[') {
		host[strcspn(host, "]")] = 0;
		memmove(host, host + 1, strlen(host));
	}
	if (addr_parse(host, &a))
		return false;
	for (i = 0; i < inside->n_listen; i++)
		if (addr_same_host(&inside->listen[i].addr, &a))
			return true;
	for (i = 0; i < inside->n_nets; i++)
		if (net_contains(&inside->nets[i], &a))
			return true;
	return !inside->n_nets;
}

int headers_contacts(msg_t *to, const sip_t *from,
		     const struct face_settings *hidden)
{
	const sip_contact_t *m;
	int n = 0;

	for (m = from->sip_contact; m; m = m->m_next) {
		if (hidden && headers_show_inside(m->m_url, hidden))
			continue;
		if (!copy_parsed(to, (const msg_header_t *)m))
			return E_NOMEM;
		n++;
	}
	return n;
}

static bool dropped(const char *const *drop, const char *tag)
{
	while (*drop && strcasecmp(*drop, tag))
		drop++;
	return *drop != NULL;
}

bool headers_requires(const sip_t *from, const char *const *drop)
{
	const sip_require_t *r = from->sip_require;
	const msg_param_t *p = r ? r->k_items : NULL;

	while (p && *p && !dropped(drop, *p))
		p++;
	return p && *p;
}

bool headers_require(msg_t *to, const sip_t *from, const char *const *drop)
{
	const msg_param_t *p = from->sip_require->k_items;
	bool ok = true;

	for (; ok && p && *p; p++)
		if (!dropped(drop, *p))
			ok = header_add(to, "Require", *p);
	return ok;
}

bool headers_support(msg_t *to, const sip_t *from, const char *const *drop)
{
	const sip_supported_t *s = from->sip_supported;
	const msg_param_t *p = s ? s->k_items : NULL;
	bool ok = true;

	for (; ok && p && *p; p++)
		if (!dropped(drop, *p))
			ok = header_add(to, "Supported", *p);
	return ok;
}

int headers_hop(msg_t *to, const sip_t *from)
{
	sip_max_forwards_t *mf;

	if (!from->sip_max_forwards)
		return 0; /* Sofia starts at 70 */
	if (!from->sip_max_forwards->mf_count)
		return E_FULL;
	mf = sip_max_forwards_dup(msg_home(to), from->sip_max_forwards);
	if (!mf)
		return E_NOMEM;
	mf->mf_count--;
	return msg_header_insert(to, NULL, (msg_header_t *)mf) ? E_NOMEM : 0;
}

bool header_add(msg_t *to, const char *name, const char *value)
{
	su_home_t *home = msg_home(to);
	sip_unknown_t *h = (sip_unknown_t *)msg_header_alloc(
		home, sip_unknown_class, 0);

	if (!h)
		return false;
	h->un_name = su_strdup(home, name);
	h->un_value = su_strdup(home, value);
	if (!h->un_name || !h->un_value)
		return false;
	return msg_header_insert(to, NULL, (msg_header_t *)h) == 0;
}

bool body_add(msg_t *to, const void *data, size_t len)
{
	sip_payload_t *pl;

	if (!len)
		return true;
	pl = sip_payload_create(msg_home(to), data, (isize_t)len);
	return pl && msg_header_insert(to, NULL, (msg_header_t *)pl) == 0;
}
