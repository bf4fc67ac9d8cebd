/* settings.c - the config groups that belong to no module. See settings.h.
 *
 * Addresses are checked as far as that goes without a system call: a listener
 * needs an address that can stand in a header, and media ports must not cover
 * a listener's. Whether an address is ours shows when it is bound. */
#include "daemon/settings.h"

#include "daemon/base/err.h"
#include "daemon/module.h"
#include "daemon/policy.h"
#include "daemon/screening.h"
#include "daemon/uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 64

/* -- values of one key ---------------------------------------------------- */

static int parse_listener(const char *text, struct listener *out)
{
	struct listener l = { .transport = TRANSPORT_UDP };

	if (!strncmp(text, "tcp:", 4))
		l.transport = TRANSPORT_TCP;
	else if (!strncmp(text, "tls:", 4))
		l.transport = TRANSPORT_TLS;
	else if (strncmp(text, "udp:", 4))
		return E_FORMAT;
	if (addr_parse(text + 4, &l.addr) || !l.addr.port ||
	    addr_is_any(&l.addr))
		return E_FORMAT;
	*out = l;
	return 0;
}

static int listener_valid(const char *value, const char **why)
{
	struct listener l;

	*why = "\"udp:ADDRESS:PORT\", \"tcp:ADDRESS:PORT\" or "
	       "\"tls:ADDRESS:PORT\", IPv6 as [ADDRESS]; not the "
	       "any-address";
	return parse_listener(value, &l);
}

static int parse_media(const char *text, struct addr *out)
{
	struct addr a;

	if (addr_parse(text, &a) || a.port || addr_is_any(&a))
		return E_FORMAT;
	*out = a;
	return 0;
}

static int media_valid(const char *value, const char **why)
{
	struct addr a;

	*why = "an address of this machine without a port, not the "
	       "any-address";
	return parse_media(value, &a);
}

static int net_valid(const char *value, const char **why)
{
	struct net n;

	*why = "a network, ADDRESS/BITS";
	return net_parse(value, &n);
}

/* RTP takes the even port of a pair and RTCP the odd one behind it. */
int settings_ports(const char *text, unsigned *min, unsigned *max)
{
	unsigned a, b;
	char end;

	if (sscanf(text, "%5u-%5u%c", &a, &b, &end) != 2)
		return E_FORMAT;
	if (a < 1024 || b > 65535 || a % 2 || !(b % 2) || a + 3 > b)
		return E_FORMAT;
	*min = a;
	*max = b;
	return 0;
}

int settings_ports_valid(const char *value, const char **why)
{
	unsigned a, b;

	*why = "\"FIRST-LAST\", FIRST even, LAST odd, within 1024-65535, at "
	       "least four ports";
	return settings_ports(value, &a, &b);
}

static int user_valid(const char *value, const char **why)
{
	*why = "the name of a system user, up to 32 letters";
	return strlen(value) <= 32 && !strpbrk(value, " \t\n:/") ? 0 : E_FORMAT;
}

static int file_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\"";
	return conf_is_file(value) ? 0 : E_FORMAT;
}

static int phone_user_valid(const char *value, const char **why)
{
	*why = "the user part of a SIP URI, without \"@\"";
	return value[strcspn(value, " \t\n@<>\"")] ? E_FORMAT : 0;
}

/* -- key tables ----------------------------------------------------------- */

static const char *const loops[] = { "auto", "uring", "epoll", NULL };
static const char *const transforms[] = { "evp", "libsrtp2", NULL };

static const struct conf_key top_keys[] = {
	{ .name = "user", .type = CONF_TEXT, .dflt = "callseal",
	  .valid = user_valid, .reload = RELOAD_RESTART,
	  .help = "Whom the processes run as when the daemon is started as "
		  "root." },
	{ .name = "register", .type = CONF_WORD, .dflt = "off",
	  .choices = register_modes,
	  .help = "What becomes of a phone's REGISTER: off refuses it; with "
		  "pass it goes on to outside.proxy, else to the route of the "
		  "peer that its account matches, else to its Request-URI, "
		  "with the gateway's Contact. The phone must use the gateway "
		  "as its outbound proxy. local: the gateway is the registrar "
		  "(registrar), and asks for the password of every call and "
		  "message from inside, too." },
	{ .name = NULL }
};

#define LISTEN_HELP \
	"Where SIP is received: \"udp:ADDRESS:PORT\", \"tcp:ADDRESS:PORT\" " \
	"or \"tls:ADDRESS:PORT\"."
#define MEDIA_HELP \
	"Addresses of this machine for media, at most one of each family; " \
	"those of listen when left out."

static const struct conf_key inside_keys[] = {
	{ .name = "listen", .type = CONF_TEXTS,
	  .dflt = "udp:127.0.0.1:5060,tcp:127.0.0.1:5060",
	  .valid = listener_valid, .reload = RELOAD_RESTART,
	  .help = LISTEN_HELP },
	{ .name = "nets", .type = CONF_TEXTS, .dflt = "127.0.0.0/8,::1/128",
	  .valid = net_valid, .reload = RELOAD_RESTART,
	  .help = "Networks where phones live. Only they may call from "
		  "inside, and only there is plain media sent." },
	{ .name = "media", .type = CONF_TEXTS, .valid = media_valid,
	  .reload = RELOAD_RESTART, .help = MEDIA_HELP },
	{ .name = "proxy", .type = CONF_TEXT, .valid = uri_valid,
	  .help = "SIP URI where inward calls go for users who are no phones "
		  "below; they are refused with 404 when left out." },
	{ .name = "keepalive", .type = CONF_INT, .dflt = "25", .min = 0,
	  .max = 3600, .unit = "s", .reload = RELOAD_LIVE,
	  .help = "How often a registered phone behind a NAT is asked by "
		  "OPTIONS, so that the NAT does not forget the way to it; 0: "
		  "never." },
	{ .name = NULL }
};

static const struct conf_key outside_keys[] = {
	{ .name = "listen", .type = CONF_TEXTS,
	  .dflt = "udp:127.0.0.1:5070,tcp:127.0.0.1:5070",
	  .valid = listener_valid, .reload = RELOAD_RESTART,
	  .help = LISTEN_HELP },
	{ .name = "media", .type = CONF_TEXTS, .valid = media_valid,
	  .reload = RELOAD_RESTART, .help = MEDIA_HELP },
	{ .name = "proxy", .type = CONF_TEXT, .valid = uri_valid,
	  .help = "SIP URI of the next hop of outward calls whose peer has no "
		  "route; by the Request-URI when left out." },
	{ .name = "public", .type = CONF_TEXTS, .valid = media_valid,
	  .help = "Under which address the network sees us, at most one of "
		  "each family, when a NAT is in between that sends the ports "
		  "of listen and media.ports on to us, unchanged: it stands in "
		  "Contact, Via and SDP in place of our own. Another one after "
		  "a reload is told to the far end of each sealed call, with "
		  "new keys, and to registrars of accounts; phones that "
		  "register through us bring it with their next REGISTER." },
	{ .name = "trusted", .type = CONF_TEXTS, .valid = net_valid,
	  .help = "Networks outside whose proxies are known: the limits of "
		  "one outside address do not hold for them, and what they "
		  "say of a call's priority counts. The addresses in proxy "
		  "and in the routes of peers need not be named." },
	{ .name = "allow", .type = CONF_TEXTS, .valid = net_valid,
	  .help = "When set, SIP from outside is taken from these networks "
		  "only; all else is dropped without an answer." },
	{ .name = "deny", .type = CONF_TEXTS, .valid = net_valid,
	  .help = "Networks outside whose SIP is dropped without an answer, "
		  "even if allow has them." },
	{ .name = NULL }
};

static const char *const verifies[] = { "server", "mutual", "none", NULL };

static const struct conf_key tls_keys[] = {
	{ .name = "cert", .type = CONF_TEXT, .valid = file_valid,
	  .help = "\"file:PATH\": our certificate for TLS and what leads to "
		  "its CA, PEM, ours first; needed by \"tls:\" listeners." },
	{ .name = "key", .type = CONF_TEXT, .valid = file_valid,
	  .help = "\"file:PATH\": its private key, PEM without a passphrase, "
		  "a key for nothing but TLS." },
	{ .name = "ca", .type = CONF_TEXT, .valid = file_valid,
	  .help = "\"file:PATH\": certificates of the CAs that we trust, "
		  "PEM." },
	{ .name = "verify", .type = CONF_WORD, .dflt = "server",
	  .choices = verifies, .reload = RELOAD_RESTART,
	  .help = "Whose certificate is checked: server, that of the next hop "
		  "we connect to, against ca and its name; mutual, also that "
		  "of who connects to us, against ca; none, nobody's, which "
		  "anyone on the way can use." },
	{ .name = NULL }
};

static const struct conf_key media_keys[] = {
	{ .name = "ports", .type = CONF_TEXT, .dflt = "16384-32767",
	  .valid = settings_ports_valid, .reload = RELOAD_RESTART,
	  .help = "UDP ports for media on both faces; each call takes two a "
		  "media line and face." },
	{ .name = "workers", .type = CONF_INT, .dflt = "1", .min = 1, .max = 64,
	  .unit = "threads", .reload = RELOAD_RESTART,
	  .help = "Threads that forward packets." },
	{ .name = "loop", .type = CONF_WORD, .dflt = "auto", .choices = loops,
	  .reload = RELOAD_RESTART,
	  .help = "How packets are received and sent; auto takes io_uring "
		  "where the kernel allows it." },
	{ .name = "transform", .type = CONF_WORD, .dflt = "evp",
	  .choices = transforms, .reload = RELOAD_RESTART,
	  .help = "Which code makes SRTP." },
	{ .name = "timeout", .type = CONF_INT, .dflt = "300", .min = 0,
	  .max = 86400, .unit = "s", .reload = RELOAD_RESTART,
	  .help = "A call whose media is silent in both directions for so "
		  "long ends; 0: never. One on hold does not." },
	{ .name = "silence", .type = CONF_INT, .dflt = "0", .min = 0,
	  .max = 86400, .unit = "s", .reload = RELOAD_RESTART,
	  .help = "A call of which one end sends nothing for so long, neither "
		  "RTP nor RTCP, though the other does and it is neither on "
		  "hold nor a T.38 fax, whose pages go one way, ends, too: a "
		  "phone that disappeared. 0: never, for phones "
		  "that send nothing while their user only listens." },
	{ .name = "grace", .type = CONF_INT, .dflt = "5", .min = 3,
	  .max = 300, .unit = "s", .reload = RELOAD_RESTART,
	  .help = "How long a key that was replaced in a running call still "
		  "opens what comes late." },
	{ .name = NULL }
};

/* RFC 4028 section 5. */
static bool session_valid(unsigned s)
{
	return !s || s >= 90;
}

static const char *const redirects[] = { "pass", "follow", NULL };
static const char *const refers[] = { "pass", "handle", NULL };

static const struct conf_key call_keys[] = {
	{ .name = "session", .type = CONF_INT, .dflt = "1800", .min = 0,
	  .max = 604800, .unit = "s", .reload = RELOAD_LIVE,
	  .help = "Session timer (RFC 4028) that the gateway wants on each leg "
		  "whose end knows timers: without a refresh for so long the "
		  "call ends. At least 90; 0: only what the ends ask for." },
	{ .name = "redirect", .type = CONF_WORD, .dflt = "pass",
	  .choices = redirects, .reload = RELOAD_LIVE,
	  .help = "What becomes of a 300, 301 or 302 to a call that leaves. "
		  "pass: the phone gets it, and decides. follow: the call goes "
		  "on to the best Contact that it may go to, five times at "
		  "most; peer, profile and limits are those of the new place. "
		  "In neither way it leads out of a profile that requires "
		  "sealing. One of a phone to a call that comes always "
		  "passes." },
	{ .name = "refer", .type = CONF_WORD, .dflt = "pass",
	  .choices = refers, .reload = RELOAD_LIVE,
	  .help = "What becomes of a phone's REFER, which transfers its call. "
		  "pass: the far end gets it, and calls whom it names. handle: "
		  "if it names another phone of ours, the gateway calls that "
		  "one itself and joins it to the call; to the far end the "
		  "call goes on, with the keys that it has. All other REFERs "
		  "pass." },
	{ .name = NULL }
};

/* What modules/sip can rank. */
static const char *const rank_namespaces[] = {
	"dsn", "drsn", "q735", "ets", "wps", "esnet", NULL
};

static const struct conf_key limit_keys[] = {
	{ .name = "calls", .type = CONF_INT, .dflt = "2000", .min = 1,
	  .max = 1000000, .unit = "calls",
	  .help = "Calls at one time; more are refused with 503." },
	{ .name = "setup", .type = CONF_INT, .dflt = "500", .min = 1,
	  .max = 1000000, .unit = "calls", .reload = RELOAD_LIVE,
	  .help = "Calls from one outside address that are being set up at one "
		  "time; more are refused with 503. All calls that a proxy "
		  "sends come from its address." },
	{ .name = "late", .type = CONF_INT, .dflt = "4", .min = 0,
	  .max = 1000000, .unit = "calls", .reload = RELOAD_LIVE,
	  .help = "Calls of one peer without an offer in the INVITE that ring "
		  "at one time, where they must be sealed (late = "
		  "\"allow\"); more are refused with 503." },
	{ .name = "early", .type = CONF_INT, .dflt = "100", .min = 0,
	  .max = 1000000, .unit = "calls", .reload = RELOAD_LIVE,
	  .help = "Calls of one peer that ring and have cost an answer by "
		  "Diffie-Hellman or RSA already (answer = \"early\"); the "
		  "answers of more are made when the phone is picked up." },
	{ .name = "registrations", .type = CONF_INT, .dflt = "10000", .min = 1,
	  .max = 1000000, .unit = "contacts",
	  .help = "Registered contacts at one time; more are refused with "
		  "503." },
	{ .name = "registrations_host", .type = CONF_INT, .dflt = "200",
	  .min = 1, .max = 1000000, .unit = "contacts",
	  .help = "Registered contacts of one inside address; more are "
		  "refused with 403." },
	{ .name = "refresh", .type = CONF_INT, .dflt = "20", .min = 0,
	  .max = 3600, .unit = "s",
	  .help = "With register = \"pass\": a phone's refresh that comes "
		  "sooner after the last that its registrar accepted, and "
		  "changes nothing, is answered by the gateway itself, as "
		  "long as half of what was granted is left. 0: each one "
		  "goes on." },
	{ .name = "subscriptions", .type = CONF_INT, .dflt = "10000",
	  .min = 1, .max = 1000000, .unit = "subscriptions",
	  .help = "Subscriptions (message waiting, busy lamps) and other "
		  "requests outside a call at one time; more are refused "
		  "with 503." },
	{ .name = "subscriptions_host", .type = CONF_INT, .dflt = "1000",
	  .min = 0, .max = 1000000, .unit = "subscriptions",
	  .help = "The same of one address on either face, unless it is in "
		  "outside.trusted; 0: no limit." },
	{ .name = "calls_host", .type = CONF_INT, .dflt = "500", .min = 0,
	  .max = 1000000, .unit = "calls",
	  .help = "Calls at one time from one outside address that is not in "
		  "outside.trusted; more are refused with 503; 0: no limit." },
	{ .name = "rate", .type = CONF_INT, .dflt = "2000", .min = 0,
	  .max = 1000000, .unit = "calls/s",
	  .help = "New calls a second, all together; more are refused with "
		  "503 and a Retry-After; 0: no limit." },
	{ .name = "rate_host", .type = CONF_INT, .dflt = "20", .min = 0,
	  .max = 1000000, .unit = "calls/s",
	  .help = "New calls a second from one outside address that is not in "
		  "outside.trusted, three times as many at once after a "
		  "pause; more are refused with 503; 0: no limit." },
	{ .name = "requests_host", .type = CONF_INT, .dflt = "200", .min = 0,
	  .max = 1000000, .unit = "requests/s",
	  .help = "Requests a second of any kind from one outside address "
		  "that is not in outside.trusted, three times as many at "
		  "once after a pause; more are dropped; 0: no limit." },
	{ .name = "unknown", .type = CONF_INT, .dflt = "20", .min = 0,
	  .max = 1000000, .unit = "calls",
	  .help = "So many users who do not exist may one outside address "
		  "that is not in outside.trusted ask for in a minute. After "
		  "that every user is unknown to it (404) for a while, so "
		  "that it cannot find out who is there; 0: no limit." },
	{ .name = "caller", .type = CONF_INT, .dflt = "10", .min = 0,
	  .max = 1000000, .unit = "calls",
	  .help = "Phones that one caller (From) of outside makes ring at one "
		  "time, where calls need not be sealed and the address is not "
		  "in outside.trusted; more are refused with 503; 0: no "
		  "limit." },
	{ .name = "message", .type = CONF_INT, .dflt = "262144",
	  .min = 4096, .max = 1048576, .unit = "bytes",
	  .reload = RELOAD_RESTART,
	  .help = "The longest SIP message; longer ones are refused with "
		  "413." },
	{ .name = "preempt", .type = CONF_WORDS, .choices = rank_namespaces,
	  .help = "Namespaces of Resource-Priority (RFC 4412) that count: "
		  "when limits.calls is reached, a call with a higher "
		  "priority ends one with the lowest. Those of phones and of "
		  "outside.trusted only; all others are ignored. Who "
		  "requires that one is understood, and names none of "
		  "these, gets 417." },
	{ .name = NULL }
};

static const struct conf_key phone_keys[] = {
	{ .name = "user", .type = CONF_TEXT, .required = true,
	  .valid = phone_user_valid,
	  .help = "The user part of the Request-URI." },
	{ .name = "contact", .type = CONF_TEXT, .required = true,
	  .valid = uri_valid,
	  .help = "SIP URI where inward calls for that user go." },
	{ .name = "sips", .type = CONF_BOOL, .dflt = "false",
	  .help = "Whether a call to a sips: URI, which asks for TLS on every "
		  "hop, may reach this phone without; it is refused with 480 "
		  "otherwise." },
	{ .name = NULL }
};

static const struct conf_group own_before[] = {
	{ "", CONF_ONE, top_keys, "The daemon." },
	{ "inside", CONF_ONE, inside_keys,
	  "The inside face, towards the phones." },
	{ "outside", CONF_ONE, outside_keys,
	  "The outside face, towards the network." },
	{ "tls", CONF_ONE, tls_keys, "TLS, on both faces." },
	{ "media", CONF_ONE, media_keys, "Media." },
	{ "calls", CONF_ONE, call_keys, "Calls." },
	{ "limits", CONF_ONE, limit_keys, "Limits." },
};

static const struct conf_group phones_group = {
	"phones", CONF_LIST, phone_keys, "Phones: where inward calls go."
};

static void add_modules(const struct conf_group **all, size_t n)
{
	const struct module *const *m;

	for (enum process p = PROC_PARENT; p < PROC_COUNT; p++)
		for (m = modules_of(p); *m; m++)
			for (size_t i = 0; (*m)->groups && (*m)->groups[i]; i++)
				if (n < GROUPS_MAX)
					all[n++] = (*m)->groups[i];
}

const struct conf_group *const *settings_groups(void)
{
	static const struct conf_group *all[GROUPS_MAX + 1];
	size_t n = 0;

	if (all[0])
		return all;
	for (size_t i = 0; i < sizeof own_before / sizeof *own_before; i++)
		all[n++] = &own_before[i];
	for (size_t i = 0; screening_groups[i]; i++)
		all[n++] = screening_groups[i];
	for (size_t i = 0; policy_groups[i]; i++)
		all[n++] = policy_groups[i];
	all[n++] = &phones_group;
	all[n++] = &registrar_group;
	all[n++] = &tunnel_group;
	add_modules(all, n);
	return all;
}

/* -- reading -------------------------------------------------------------- */

static int read_listeners(const struct conf_node *n, const char *face,
			  struct face_settings *f, struct conf_err *err)
{
	size_t count = conf_texts(n, "listen");

	if (!count || count > LISTEN_MAX)
		return conf_fail(err, n, "%s.listen: %zu entries; allowed: 1 to"
				 " %d", face, count, LISTEN_MAX);
	for (size_t i = 0; i < count; i++)
		if (parse_listener(conf_text_at(n, "listen", i), &f->listen[i]))
			return conf_fail(err, n, "%s.listen", face);
	f->n_listen = count;
	return 0;
}

static struct addr *media_slot(struct face_settings *f, const struct addr *a)
{
	return &f->media[a->family == 6];
}

static int read_media(const struct conf_node *n, const char *face,
		      struct face_settings *f, struct conf_err *err)
{
	size_t count = conf_texts(n, "media");
	struct addr a;

	for (size_t i = 0; i < count; i++) {
		if (parse_media(conf_text_at(n, "media", i), &a) ||
		    media_slot(f, &a)->family)
			return conf_fail(err, n, "%s.media: more than one "
					 "address of a family; allowed: one "
					 "IPv4 and one IPv6", face);
		*media_slot(f, &a) = a;
	}
	for (size_t i = 0; !count && i < f->n_listen; i++) {
		a = f->listen[i].addr;
		a.port = 0;
		if (!media_slot(f, &a)->family)
			*media_slot(f, &a) = a;
	}
	return 0;
}

static int read_public(const struct conf_node *n, struct face_settings *f,
		       struct conf_err *err)
{
	struct addr a;

	for (size_t i = 0; i < conf_texts(n, "public"); i++) {
		if (parse_media(conf_text_at(n, "public", i), &a) ||
		    f->public[a.family == 6].family)
			return conf_fail(err, n, "outside.public: more than "
					 "one address of a family; allowed: "
					 "one IPv4 and one IPv6");
		f->public[a.family == 6] = a;
	}
	return 0;
}

/* name: "GROUP.KEY" */
static int read_nets(const struct conf_node *n, const char *name,
		     struct net *out, size_t *n_out, struct conf_err *err)
{
	const char *key = strchr(name, '.') + 1;
	size_t count = conf_texts(n, key);

	if (count > NETS_MAX)
		return conf_fail(err, n, "%s: %zu entries; allowed: "
				 "up to %d", name, count, NETS_MAX);
	for (size_t i = 0; i < count; i++)
		if (net_parse(conf_text_at(n, key, i), &out[i]))
			return conf_fail(err, n, "%s", name);
	*n_out = count;
	return 0;
}

static int read_strangers(const struct conf_node *n, struct face_settings *f,
			  struct conf_err *err)
{
	int r;

	if ((r = read_public(n, f, err)) ||
	    (r = read_nets(n, "outside.trusted", f->trusted.at,
			   &f->trusted.n, err)) ||
	    (r = read_nets(n, "outside.allow", f->allow.at, &f->allow.n,
			   err)))
		return r;
	return read_nets(n, "outside.deny", f->deny.at, &f->deny.n, err);
}

static int read_face(const struct conf *c, enum face which,
		     struct settings *s, struct conf_err *err)
{
	const char *name = which == INSIDE ? "inside" : "outside";
	const struct conf_node *n = conf_one(c, name);
	struct face_settings *f = &s->face[which];
	int r;

	if ((r = read_listeners(n, name, f, err)) ||
	    (r = read_media(n, name, f, err)))
		return r;
	f->proxy = conf_text(n, "proxy");
	if (which == INSIDE)
		s->nat_keepalive_s = (unsigned)conf_int(n, "keepalive");
	return which == INSIDE ?
	       read_nets(n, "inside.nets", f->nets, &f->n_nets, err) :
	       read_strangers(n, f, err);
}

static void read_tls(const struct conf *c, struct tls_settings *t)
{
	const struct conf_node *n = conf_one(c, "tls");
	const char *verify = conf_text(n, "verify");

	t->cert = conf_text(n, "cert");
	t->key = conf_text(n, "key");
	t->ca = conf_text(n, "ca");
	while (strcmp(verifies[t->verify], verify))
		t->verify++;
}

static void read_limits(const struct conf *c, struct settings *s)
{
	const struct conf_node *n = conf_one(c, "limits");
	struct limits *l = &s->limits;

	s->calls_max = (unsigned)conf_int(n, "calls");
	s->setup_max = (unsigned)conf_int(n, "setup");
	s->late_max = (unsigned)conf_int(n, "late");
	s->registrations_max = (unsigned)conf_int(n, "registrations");
	s->registrations_host_max = (unsigned)conf_int(n, "registrations_host");
	s->refresh_s = (unsigned)conf_int(n, "refresh");
	s->subscriptions_max = (unsigned)conf_int(n, "subscriptions");
	l->subscriptions_host = (unsigned)conf_int(n, "subscriptions_host");
	l->calls_host = (unsigned)conf_int(n, "calls_host");
	l->rate = (unsigned)conf_int(n, "rate");
	l->rate_host = (unsigned)conf_int(n, "rate_host");
	l->requests_host = (unsigned)conf_int(n, "requests_host");
	l->unknown = (unsigned)conf_int(n, "unknown");
	l->caller = (unsigned)conf_int(n, "caller");
	l->message = (unsigned)conf_int(n, "message");
	for (size_t i = 0; i < conf_texts(n, "preempt"); i++)
		for (size_t k = 0; rank_namespaces[k]; k++)
			if (!strcmp(conf_text_at(n, "preempt", i),
				    rank_namespaces[k]))
				l->preempt |= 1u << k;
}

static int read_rest(const struct conf *c, struct settings *s,
		     struct conf_err *err)
{
	const struct conf_node *n = conf_one(c, "media");
	int r;

	read_tls(c, &s->tls);
	if (settings_ports(conf_text(n, "ports"), &s->port_min, &s->port_max))
		return conf_fail(err, n, "media.ports");
	s->workers = (unsigned)conf_int(n, "workers");
	s->media_loop = conf_text(n, "loop");
	s->transform = conf_text(n, "transform");
	s->media_timeout_s = (unsigned)conf_int(n, "timeout");
	s->media_silence_s = (unsigned)conf_int(n, "silence");
	s->media_grace_s = (unsigned)conf_int(n, "grace");
	n = conf_one(c, "calls");
	s->session_s = (unsigned)conf_int(n, "session");
	s->redirect_follow = !strcmp(conf_text(n, "redirect"), "follow");
	s->refer_handle = !strcmp(conf_text(n, "refer"), "handle");
	if (!session_valid(s->session_s))
		return conf_fail(err, n, "calls.session: %u; allowed: 0, or "
				 "90 to 604800", s->session_s);
	read_limits(c, s);
	screening_read(c, &s->screening);
	if ((r = tunneling_read(c, &s->tunnel, err)))
		return r;
	memcpy(s->tunnel.seen, s->face[OUTSIDE].public, sizeof s->tunnel.seen);
	s->register_mode = register_mode_of(c);
	return registrar_read(c, &s->registrar, err);
}

/* -- what concerns several keys ------------------------------------------- */

/* The i-th listener over both faces; NULL past the last. */
static const struct listener *listener_at(const struct settings *s, size_t i)
{
	if (i < s->face[INSIDE].n_listen)
		return &s->face[INSIDE].listen[i];
	i -= s->face[INSIDE].n_listen;
	return i < s->face[OUTSIDE].n_listen ? &s->face[OUTSIDE].listen[i] :
					       NULL;
}

static int check_twice(const struct settings *s, size_t at,
		       const struct conf_node *n, struct conf_err *err)
{
	const struct listener *l = listener_at(s, at), *other;
	char text[ADDR_TEXT];

	for (size_t i = 0; i < at; i++) {
		other = listener_at(s, i);
		if ((l->transport == TRANSPORT_UDP) ==
			    (other->transport == TRANSPORT_UDP) &&
		    addr_equal(&l->addr, &other->addr))
			return conf_fail(err, n, "listen: %s is there twice; "
					 "each listener serves one face",
					 addr_text(&l->addr, text));
	}
	return 0;
}

static int check_listeners(const struct conf *c, const struct settings *s,
			   struct conf_err *err)
{
	const struct conf_node *n;
	const struct listener *l;
	int r;

	for (size_t i = 0; (l = listener_at(s, i)); i++) {
		n = conf_one(c, i < s->face[INSIDE].n_listen ? "inside" :
							       "outside");
		if ((r = check_twice(s, i, n, err)))
			return r;
		if (l->transport == TRANSPORT_UDP &&
		    l->addr.port >= s->port_min && l->addr.port <= s->port_max)
			return conf_fail(err, n, "listen: port %u lies within "
					 "media.ports (%u-%u); choose another",
					 l->addr.port, s->port_min,
					 s->port_max);
	}
	return 0;
}

struct addr settings_seen(const struct face_settings *f,
			  const struct addr *own)
{
	struct addr a = f->public[own->family == 6];

	a.port = own->port;
	return a.family ? a : *own;
}

bool settings_has_tls(const struct face_settings *f)
{
	for (size_t i = 0; i < f->n_listen; i++)
		if (f->listen[i].transport == TRANSPORT_TLS)
			return true;
	return false;
}

static int check_proxy(const struct conf *c, const struct settings *s,
		       enum face face, struct conf_err *err)
{
	const char *name = face == INSIDE ? "inside" : "outside";

	if (!uri_wants_tls(s->face[face].proxy) ||
	    settings_has_tls(&s->face[face]))
		return 0;
	return conf_fail(err, conf_one(c, name), "%s.proxy: asks for TLS, but "
			 "%s.listen has no \"tls:ADDRESS:PORT\"", name, name);
}

static int check_tls(const struct conf *c, const struct settings *s,
		     struct conf_err *err)
{
	const struct conf_node *n = conf_one(c, "tls");
	const struct tls_settings *t = &s->tls;
	int r;

	if ((r = check_proxy(c, s, INSIDE, err)) ||
	    (r = check_proxy(c, s, OUTSIDE, err)))
		return r;
	if (!settings_has_tls(&s->face[INSIDE]) &&
	    !settings_has_tls(&s->face[OUTSIDE]))
		return 0;
	if (!*t->cert || !*t->key)
		return conf_fail(err, n, "tls: a \"tls:\" listener needs "
				 "tls.cert and tls.key");
	if (!*t->ca && t->verify != TLS_VERIFY_NONE)
		return conf_fail(err, n, "tls.ca: is missing; needed to check "
				 "certificates (tls.verify = \"%s\")",
				 verifies[t->verify]);
	return 0;
}

int settings_read(const struct conf *c, struct settings *out,
		  struct conf_err *err)
{
	struct settings s = { 0 };
	int r;

	if ((r = read_face(c, INSIDE, &s, err)) ||
	    (r = read_face(c, OUTSIDE, &s, err)) ||
	    (r = read_rest(c, &s, err)) ||
	    (r = check_listeners(c, &s, err)) || (r = check_tls(c, &s, err)))
		return r;
	*out = s;
	return 0;
}

static int check_phones(const struct conf *c, struct conf_err *err)
{
	size_t count = conf_count(c, "phones");
	const struct conf_node *n;

	for (size_t i = 0; i < count; i++) {
		n = conf_at(c, "phones", i);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(conf_text(n, "user"),
				    conf_text(conf_at(c, "phones", j), "user")))
				return conf_fail(err, n, "phones: user "
						 "\"%.80s\" is there twice",
						 conf_text(n, "user"));
	}
	return 0;
}

static bool overlap(unsigned a_min, unsigned a_max, unsigned b_min,
		    unsigned b_max)
{
	return a_min <= b_max && b_min <= a_max;
}

/* ESP in UDP, which a NAT before us demands. */
static int check_udp(const struct conf *c, const struct settings *s,
		     const struct policy *policy, struct conf_err *err)
{
	const struct conf_node *n = conf_one(c, "tunnel");
	const struct tunnel_settings *t = &s->tunnel;
	const struct listener *l;
	bool natted = t->seen[0].family || t->seen[1].family;

	if (natted && policy_uses(policy, MEDIA_IKE))
		return conf_fail(err, conf_one(c, "outside"), "outside.public: "
				 "tunnels of media = \"ike\" do not pass a NAT;"
				 " leave it out, or use media = \"srtp\"");
	if (natted && !t->udp)
		return conf_fail(err, n, "tunnel.udp: with outside.public a "
				 "NAT is before us, which takes ESP in UDP; "
				 "give it a port");
	if (t->udp == 4500 ||
	    overlap(t->udp, t->udp, t->port_min, t->port_max) ||
	    overlap(t->udp, t->udp, s->port_min, s->port_max))
		return conf_fail(err, n, "tunnel.udp: %u is IKE's, or lies in "
				 "tunnel.ports or media.ports; choose another",
				 t->udp);
	for (size_t i = 0; (l = listener_at(s, i)); i++)
		if (t->udp && l->addr.port == t->udp)
			return conf_fail(err, n, "tunnel.udp: %u is a "
					 "listener's; choose another", t->udp);
	return 0;
}

static void own_addresses(const struct settings *s, struct tunnelpeer_own *own)
{
	const struct listener *l;

	own->n = 0;
	for (int i = 0; i < 4; i++)
		if (s->face[i / 2].media[i % 2].family)
			own->at[own->n++] = &s->face[i / 2].media[i % 2];
	for (int i = 0; i < 2; i++)
		if (s->tunnel.seen[i].family)
			own->at[own->n++] = &s->tunnel.seen[i];
	for (size_t i = 0; (l = listener_at(s, i)); i++)
		own->at[own->n++] = &l->addr;
	_Static_assert(4 + 2 + 2 * LISTEN_MAX <= TUNNEL_OWN_MAX,
		       "room for all");
}

bool settings_is_own(const struct settings *s, const struct addr *a)
{
	struct tunnelpeer_own own;

	own_addresses(s, &own);
	for (size_t i = 0; i < own.n; i++)
		if (addr_same_host(own.at[i], a))
			return true;
	return addr_is_loopback(a);
}

/* Nothing but ESP passes the ports of tunnels, so nobody else may have them. */
static int check_tunnel(const struct conf *c, const struct settings *s,
			const struct policy *policy, struct conf_err *err)
{
	const struct conf_node *n = conf_one(c, "tunnel");
	const struct tunnel_settings *t = &s->tunnel;
	struct tunnelpeer_own own;
	const struct listener *l;

	if (!policy_tunnels(policy))
		return 0;
	if (t->open && policy_uses(policy, MEDIA_ESP))
		return conf_fail(err, n, "tunnel.shut: \"relay\" does not go "
				 "with media = \"esp\", which is the kernel's; "
				 "leave it out");
	if (overlap(t->port_min, t->port_max, s->port_min, s->port_max))
		return conf_fail(err, n, "tunnel.ports: %u-%u and media.ports "
				 "(%u-%u) overlap; give tunnels ports of their "
				 "own", t->port_min, t->port_max, s->port_min,
				 s->port_max);
	for (size_t i = 0; (l = listener_at(s, i)); i++)
		if (overlap(t->port_min, t->port_max, l->addr.port,
			    l->addr.port))
			return conf_fail(err, n, "tunnel.ports: port %u of a "
					 "listener lies within; choose others",
					 l->addr.port);
	if (check_udp(c, s, policy, err))
		return E_CONF;
	own_addresses(s, &own);
	return tunnelpeers_check(n, policy, t, &own, err);
}

/* A route by TLS needs a TLS listener: we connect from it. */
static int check_routes(const struct conf *c, const struct settings *s,
			const struct policy *policy, struct conf_err *err)
{
	const struct peer *peer;

	for (size_t i = 0; (peer = policy_at(policy, i)); i++)
		if (peer->n_routes && uri_wants_tls(peer->routes[0]) &&
		    !settings_has_tls(&s->face[OUTSIDE]))
			return conf_fail(err, conf_one(c, "outside"),
					 "peers: the route of %s asks for TLS, "
					 "but outside.listen has no \"tls:"
					 "ADDRESS:PORT\"", peer->name);
	return 0;
}

static int check_modules(const struct conf *c, struct conf_err *err)
{
	const struct module *const *m;
	int r;

	for (enum process p = PROC_PARENT; p < PROC_COUNT; p++)
		for (m = modules_of(p); *m; m++)
			if ((*m)->check && (r = (*m)->check(c, err)))
				return r;
	return 0;
}

int settings_check(const struct conf *c, struct conf_err *err)
{
	struct policy *policy = NULL;
	struct settings s;
	int r;

	if ((r = settings_read(c, &s, err)) || (r = check_phones(c, err)) ||
	    (r = screening_check(c, err)) || (r = policy_new(c, &policy, err)))
		return r;
	r = check_routes(c, &s, policy, err);
	if (!r)
		r = check_tunnel(c, &s, policy, err);
	policy_free(policy);
	if (r)
		return r;
	return check_modules(c, err);
}
