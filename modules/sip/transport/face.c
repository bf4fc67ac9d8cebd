/* face.c - an agent for each face with its listeners.
 *
 * Two agents, not one with all listeners: which face a request came in on is
 * then a matter of which agent calls, and Sofia can choose no transport, Via
 * or connection of the other face for what we send. Sofia chooses among a
 * face's listeners by transport and address family; our Contact is chosen by
 * the same rule.
 *
 * The loop mark: the branch we give a request ends in a keyed hash of its
 * Request-URI. A request that comes back with that Via and the same URI is a
 * loop; one whose URI was changed on its way (two phones of ours that call
 * each other through an outside proxy) is a spiral and goes on. What the mark
 * does not see, Max-Forwards ends.
 *
 * Via TLS our Contact names it (";transport=tls"); in a call to a sips: URI it
 * is a sips: URI (RFC 5630 section 4), and then no request leaves on a hop
 * without TLS.
 *
 * Does not do: DNS beyond what Sofia does by itself. */
#include "modules/sip/transport/face.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/base/log.h"
#include "modules/sip/transport/tls.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_uniqueid.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

#define UDP_REQUEST_MAX 1300     /* bytes; RFC 3261 18.1.1 */
#define UDP_BUFFER (4 << 20)     /* bytes */
#define RINGING_MAX 185000       /* ms without news; RFC 3261 16.6 */
#define IDENT_4 "ip4"
#define IDENT_6 "ip6"
#define MARK_LEN 16              /* hex digits */
#define BRANCH_COOKIE "z9hG4bK"
#define NO_FILES "/nonexistent" /* tls.c gives Sofia its certificates */
#define TLS_PORT "5061"
/* To nta_agent_create(): listeners come later. */
#define NO_LISTENER ((url_string_t *)-1)

static const char *const transport_names[] = { "udp", "tcp", "tls" };

/* "host" or "[host]" and ":port", as a URI wants it. */
static void host_port(const struct addr *a, char *out, size_t room)
{
	char host[ADDR_TEXT];

	addr_host(a, host);
	snprintf(out, room, a->family == 6 ? "[%s]:%u" : "%s:%u", host,
		 a->port);
}

/* Sofia takes "[2001:db8::1]" for a host name and then the first listener of
 * the transport, be it IPv4; so the listeners bear their family as a name. */
static const char *ident_of(const char *host)
{
	struct addr a;

	if (!host)
		return NULL;
	if (host[0] == '[')
		return IDENT_6;
	return addr_parse(host, &a) ? NULL : a.family == 6 ? IDENT_6 : IDENT_4;
}

/* Where a URI leads to: the address that it pins, else its host. value has room
 * for it. */
static const char *host_of(const url_t *uri, char value[static ADDR_TEXT])
{
	if (uri->url_params &&
	    url_param(uri->url_params, "maddr", value, ADDR_TEXT) > 0)
		return value;
	return uri->url_host;
}

static int open_one(struct sip_face *f, size_t i)
{
	const struct listener *l = &f->settings->listen[i];
	const char *name = transport_names[l->transport];
	struct addr seen = settings_seen(f->settings, &l->addr);
	bool udp = l->transport == TRANSPORT_UDP;
	bool behind = !addr_equal(&seen, &l->addr);
	char where[ADDR_TEXT + 16], host[ADDR_TEXT], uri[200];

	f->bound[i] = seen;
	addr_host(&l->addr, host);
	host_port(&seen, where, sizeof where);
	snprintf(uri, sizeof uri, "<sip:%s%s%s>", where,
		 udp ? "" : ";transport=", udp ? "" : name);
	f->contact[i] = sip_contact_make(f->sip->home, uri);
	snprintf(uri, sizeof uri, "<sips:%s>", where);
	f->secure[i] = sip_contact_make(f->sip->home, uri);
	if (!f->contact[i] || !f->secure[i])
		return E_NOMEM;
	/* Sofia's Via names the host, and it listens on maddr */
	snprintf(uri, sizeof uri, "sip%s:%s;transport=%s%s%s%s%s",
		 l->transport == TRANSPORT_TLS ? "s" : "", where, name,
		 behind ? ";maddr=" : "", behind && l->addr.family == 6 ?
		 "[" : "", behind ? host : "", behind && l->addr.family == 6 ?
		 "]" : "");
	if (nta_agent_add_tport(f->agent, (url_string_t *)uri,
				TPTAG_UDP_RMEM(UDP_BUFFER),
				TPTAG_UDP_WMEM(UDP_BUFFER),
				TPTAG_IDENT(ident_of(host)),
				TPTAG_PONG2PING(1), /* RFC 5626 4.4.1 */
				TPTAG_CERTIFICATE(NO_FILES),
				TPTAG_STUN_SERVER(0), TAG_END()) < 0) {
		log_error(SIP_TAG, "cannot listen on %s %s: %s; is it an "
			  "address of this machine, and free?", name,
			  addr_text(&l->addr, where), strerror(su_errno()));
		return E_IO;
	}
	return 0;
}

int face_open(struct sip_face *f, nta_request_f *stranger)
{
	size_t i;
	int r;

	f->agent = nta_agent_create(
		loop_root(f->sip->loop), NO_LISTENER, NULL, f, NTATAG_UA(1),
		NTATAG_CANCEL_487(0), NTATAG_MERGE_482(0),
		NTATAG_EXTRA_100(1), /* where face_works() says so */
		NTATAG_USE_NAPTR(1), NTATAG_USE_SRV(1),
		NTATAG_SIPFLAGS(MSG_DO_EXTRACT_COPY),
		NTATAG_MAXSIZE(engine_settings(f->sip->engine)->limits.message),
		NTATAG_UDP_MTU(UDP_REQUEST_MAX),
		NTATAG_TIMER_C(RINGING_MAX),
		NTATAG_MAX_PROCEEDING(100000), TPTAG_UDP_RMEM(UDP_BUFFER),
		TPTAG_STUN_SERVER(0),
		TAG_END());
	if (!f->agent)
		return E_NOMEM;
	for (i = 0; i < f->settings->n_listen; i++)
		if ((r = open_one(f, i)))
			return r;
	f->door = calloc(1, sizeof *f->door);
	if (!f->door)
		return E_NOMEM;
	f->door->face = f;
	f->door->dialog = nta_leg_tcreate(f->agent, stranger, f->door,
					  NTATAG_NO_DIALOG(1), TAG_END());
	return f->door->dialog ? 0 : E_NOMEM;
}

void face_close(struct sip_face *f)
{
	if (f->door && f->door->dialog)
		nta_leg_destroy(f->door->dialog);
	if (f->agent)
		nta_agent_destroy(f->agent);
	free(f->door);
	f->door = NULL;
	f->agent = NULL;
}

static enum transport transport_of(const tport_t *tp)
{
	if (tport_has_tls(tp))
		return TRANSPORT_TLS;
	return tport_is_tcp(tp) ? TRANSPORT_TCP : TRANSPORT_UDP;
}

static bool is_of(const tport_t *tp, const struct listener *l)
{
	const su_addrinfo_t *ai = tport_get_address(tp);
	struct addr at;

	return ai && transport_of(tp) == l->transport &&
	       !addr_from_sockaddr(ai->ai_addr, &at) &&
	       addr_equal(&at, &l->addr);
}

/* nta has the Via of a listener as its transport's magic, and copies it into
 * requests that begin; what is under way keeps the text that it has, and CANCEL
 * and ACK have that of their INVITE (RFC 3261 9.1, 17.1.1.3). */
static void move_via(struct sip_face *f, size_t i, const char *kept)
{
	tport_t *tp = tport_primaries(nta_agent_tports(f->agent));
	sip_via_t *v;

	while (tp && !is_of(tp, &f->settings->listen[i]))
		tp = tport_next(tp);
	v = tp ? (sip_via_t *)tport_magic(tp) : NULL;
	if (!v || v->v_common->h_class != sip_via_class)
		return;
	v->v_host = kept;
	msg_fragment_clear(v->v_common);
}

/* Legs point to the contacts, so those stay where they are. */
static bool move_one(struct sip_face *f, size_t i)
{
	struct addr seen = settings_seen(f->settings,
					 &f->settings->listen[i].addr);
	const char *old = f->contact[i]->m_url->url_host;
	char host[ADDR_TEXT + 16], *kept;

	host_port(&seen, host, sizeof host);
	*strrchr(host, ':') = '\0';
	if (!strcmp(old, host))
		return false;
	kept = su_strdup(f->sip->home, host);
	if (!kept)
		return false; /* it stays what it was called */
	f->contact[i]->m_url->url_host = kept;
	f->secure[i]->m_url->url_host = kept;
	move_via(f, i, kept);
	return true;
}

bool face_moved(struct sip_face *f, const struct face_settings *now)
{
	bool moved = false;

	f->settings = now;
	for (size_t i = 0; i < now->n_listen; i++)
		moved |= move_one(f, i);
	return moved;
}

/* What we are called where t and family are used; by TLS as sips: or sip:. */
static const sip_contact_t *contact_for(const struct sip_face *f,
					enum transport t, int family,
					bool sips)
{
	const struct face_settings *s = f->settings;
	int score, best_score = -1;
	size_t i, best = 0;

	for (i = 0; i < s->n_listen; i++) {
		score = (s->listen[i].addr.family == family) * 2 +
			(s->listen[i].transport == t);
		if (score > best_score) {
			best_score = score;
			best = i;
		}
	}
	sips = sips && s->listen[best].transport == TRANSPORT_TLS;
	return sips ? f->secure[best] : f->contact[best];
}

const char *face_transport(const struct sip_face *f, nta_incoming_t *irq)
{
	tport_t *tp = nta_incoming_transport(f->agent, irq, NULL);
	const char *name = transport_names[tp ? transport_of(tp)
					      : TRANSPORT_UDP];

	tport_unref(tp);
	return name;
}

bool face_by_tls(const struct sip_face *f, nta_incoming_t *irq)
{
	tport_t *tp = nta_incoming_transport(f->agent, irq, NULL);
	bool tls = tp && tport_has_tls(tp);

	tport_unref(tp);
	return tls;
}

bool face_secured(const struct sip_face *f, nta_incoming_t *irq)
{
	tport_t *tp = nta_incoming_transport(f->agent, irq, NULL);
	bool secured = tls_verified(tp);

	tport_unref(tp);
	return secured;
}

bool face_delivers_secured(const struct sip_face *f, const msg_t *msg)
{
	return tls_verified(tport_delivered_by(nta_agent_tports(f->agent),
					       msg));
}

const sip_contact_t *face_contact_of(const struct sip_face *f,
				     nta_incoming_t *irq, bool sips)
{
	tport_t *tp = nta_incoming_transport(f->agent, irq, NULL);
	const sip_contact_t *found = NULL;
	const su_addrinfo_t *ai;
	struct addr at = { 0 };
	enum transport t;
	size_t i;

	if (!tp)
		return f->contact[0];
	t = transport_of(tp);
	ai = tport_get_address(tport_parent(tp));
	if (ai && !addr_from_sockaddr(ai->ai_addr, &at))
		for (i = 0; !found && i < f->settings->n_listen; i++)
			if (f->settings->listen[i].transport == t &&
			    addr_equal(&f->settings->listen[i].addr, &at))
				found = sips && t == TRANSPORT_TLS ?
					f->secure[i] : f->contact[i];
	tport_unref(tp);
	return found ? found : contact_for(f, t, at.family, sips);
}

bool face_wants_tls(const url_t *uri)
{
	char value[8] = "";

	if (uri->url_type == url_sips)
		return true;
	return uri->url_params &&
	       url_param(uri->url_params, "transport", value,
			 sizeof value) > 0 && !strcasecmp(value, "tls");
}

static enum transport transport_to(const url_t *uri)
{
	char value[8] = "";

	if (face_wants_tls(uri))
		return TRANSPORT_TLS;
	if (uri->url_params &&
	    url_param(uri->url_params, "transport", value, sizeof value) > 0 &&
	    !strcasecmp(value, "tcp"))
		return TRANSPORT_TCP;
	return TRANSPORT_UDP;
}

const sip_contact_t *face_contact_to(const struct sip_face *f,
				     const url_t *to, bool sips)
{
	enum transport t = TRANSPORT_UDP;
	char value[ADDR_TEXT];
	const char *host = to ? host_of(to, value) : NULL;

	if (to)
		t = transport_to(to);
	return contact_for(f, t, host && host[0] == '[' ? 6 : 4, sips);
}

/* Where a complete request goes: hop if given, else its first loose route,
 * else its Request-URI. NULL: no memory. */
static const url_t *next_hop(msg_t *msg, const char *hop)
{
	const sip_t *sip = sip_object(msg);

	if (*hop)
		return url_make(msg_home(msg), hop);
	if (sip->sip_route && url_has_param(sip->sip_route->r_url, "lr"))
		return sip->sip_route->r_url;
	return sip->sip_request->rq_url;
}

bool face_route_add(msg_t *msg, const char *hop)
{
	su_home_t *home = msg_home(msg);
	url_t *url = *hop ? url_make(home, hop) : NULL;
	sip_route_t *route;

	if (!*hop || (url && !url_has_param(url, "lr")))
		return true;
	if (!url)
		return false;
	/* the address is known here only */
	url->url_params = url_strip_param_string((char *)url->url_params,
						 "maddr");
	route = sip_route_create(home, url, NULL);
	return route && !msg_header_insert(msg, NULL, (msg_header_t *)route);
}

bool face_may_leave(msg_t *msg, const char *hop, bool sips)
{
	const url_t *to = next_hop(msg, hop);

	sips |= sip_object(msg)->sip_request->rq_url->url_type == url_sips;
	return to && (!sips || face_wants_tls(to));
}

bool face_may_carry(msg_t *msg, const char *hop)
{
	return face_may_leave(msg, hop, true) && tls_verifies();
}

const char *face_ident(msg_t *msg, const char *hop)
{
	const url_t *uri = next_hop(msg, hop);
	char value[ADDR_TEXT];

	return uri ? ident_of(host_of(uri, value)) : NULL;
}

struct addr face_source(nta_incoming_t *irq)
{
	msg_t *msg = nta_incoming_getrequest(irq);
	struct addr a = { 0 };

	if (msg)
		addr_from_sockaddr(&msg_addr(msg)->su_sa, &a);
	msg_destroy(msg);
	return a;
}

void face_works(nta_incoming_t *irq)
{
	nta_incoming_set_params(irq, NTATAG_EXTRA_100(1), TAG_END());
}

/* The mark of a URI: user, host, port and scheme, no parameters. */
static void mark_of(const struct sip *s, const url_t *uri, char *out)
{
	uint8_t mac[EVP_MAX_MD_SIZE] = { 0 };
	unsigned len = 0;
	char text[512];

	snprintf(text, sizeof text, "%s:%s@%s:%s",
		 uri->url_scheme ? uri->url_scheme : "",
		 uri->url_user ? uri->url_user : "",
		 uri->url_host ? uri->url_host : "",
		 uri->url_port ? uri->url_port : "");
	HMAC(EVP_sha256(), s->secret, sizeof s->secret, (uint8_t *)text,
	     strlen(text), mac, &len);
	hex_write(mac, MARK_LEN / 2, out);
}

void face_branch(const struct sip *s, const url_t *uri, char *out)
{
	char mark[MARK_LEN + 1];
	uint64_t unique;

	mark_of(s, uri, mark);
	su_randmem(&unique, sizeof unique);
	snprintf(out, FACE_BRANCH, BRANCH_COOKIE "%016llx%s",
		 (unsigned long long)unique, mark);
}

static bool is_listener(const struct sip_face *f, const char *host,
			const char *port)
{
	char where[ADDR_TEXT + 16];
	struct addr a, seen;
	size_t i;

	snprintf(where, sizeof where, "%.60s:%.8s", host,
		 port && *port ? port : "5060");
	if (addr_parse(where, &a))
		return false;
	for (i = 0; i < f->settings->n_listen; i++) {
		seen = settings_seen(f->settings, &f->settings->listen[i].addr);
		if (addr_equal(&f->settings->listen[i].addr, &a) ||
		    addr_equal(&f->bound[i], &a) || addr_equal(&seen, &a))
			return true;
	}
	return false;
}

bool face_looped(const struct sip *s, const sip_t *sip)
{
	const sip_via_t *v;
	char mark[MARK_LEN + 1];
	size_t len;

	mark_of(s, sip->sip_request->rq_url, mark);
	for (v = sip->sip_via; v; v = v->v_next) {
		len = v->v_branch ? strlen(v->v_branch) : 0;
		if (len < MARK_LEN || !v->v_host)
			continue;
		if (strcasecmp(v->v_branch + len - MARK_LEN, mark))
			continue;
		if (is_listener(&s->face[INSIDE], v->v_host, v->v_port) ||
		    is_listener(&s->face[OUTSIDE], v->v_host, v->v_port))
			return true;
	}
	return false;
}

bool face_is_us(const struct sip_face *f, const url_t *uri)
{
	const char *port = uri->url_port;

	if ((!port || !*port) && face_wants_tls(uri))
		port = TLS_PORT;
	return !uri->url_host || is_listener(f, uri->url_host, port);
}
