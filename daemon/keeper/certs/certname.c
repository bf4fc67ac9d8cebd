/* certname.c - which SIP identities a certificate is good for (RFC 5922
 * section 7.1, 7.2; RFC 3261 section 26 for users).
 *
 * A URI "sip:user@host" in subjectAltName is that user. A URI "sip:host" is a
 * domain, and holds for all its users; a DNS name is one only where no such
 * URI is there. Names are compared whole and without regard to case of the
 * host; a wildcard is no wildcard (7.2). The common name is not looked at: the
 * RFC allows it for old certificates only. A name with a NUL in it is none. */
#include "daemon/keeper/certs/certname.h"

#include "daemon/uri.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ANY_USAGE "2.5.29.37.0"
#define SIP_DOMAIN_USAGE "1.3.6.1.5.5.7.3.20" /* RFC 5924 */

/* The text of an IA5String without surprises; NULL otherwise. */
static const char *text_of(const ASN1_IA5STRING *s)
{
	const char *text = (const char *)ASN1_STRING_get0_data(s);
	size_t len = (size_t)ASN1_STRING_length(s);

	return text && len && strlen(text) == len ? text : NULL;
}

/* A name that SIP can use: a "sip" URI or a DNS name. */
static const char *sip_name(const GENERAL_NAME *g, bool *uri)
{
	const char *text;

	*uri = g->type == GEN_URI;
	if (*uri) {
		text = text_of(g->d.uniformResourceIdentifier);
		return text && !strncasecmp(text, "sip:", 4) ? text : NULL;
	}
	return g->type == GEN_DNS ? text_of(g->d.dNSName) : NULL;
}

static bool is_domain_uri(const char *name)
{
	return !strchr(name, '@');
}

/* Whether a URI of the certificate names the user or domain of want, which
 * is "user@host" as uri_name() writes it. */
static bool uri_holds(const char *name, const char *want, const char *host)
{
	char own[URI_NAME_TEXT];

	if (is_domain_uri(name))
		return uri_name(name, own) && !strcasecmp(own, host);
	return uri_name(name, own) && !strcmp(own, want);
}

/* Which of its names hold for an identity. */
struct match {
	bool user, domain; /* a URI */
	bool dns;
	bool domains;      /* it has the URI of some domain */
};

static struct match match_of(X509 *x, const char *id)
{
	struct match m = { .user = false };
	GENERAL_NAMES *names;
	char want[URI_NAME_TEXT];
	const char *host, *name;
	bool uri;

	if (!uri_name(id, want) || !strncasecmp(id, "tel:", 4))
		return m;
	host = strchr(want, '@');
	host = host ? host + 1 : want;
	names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		name = sip_name(sk_GENERAL_NAME_value(names, i), &uri);
		if (!name)
			continue;
		if (uri && uri_holds(name, want, host))
			*(is_domain_uri(name) ? &m.domain : &m.user) = true;
		if (uri && is_domain_uri(name))
			m.domains = true;
		if (!uri && !strcasecmp(name, host))
			m.dns = true;
	}
	GENERAL_NAMES_free(names);
	return m;
}

bool certname_holds(X509 *x, const char *id)
{
	struct match m = match_of(x, id);

	return m.user || m.domain || (m.dns && !m.domains);
}

bool certname_is_domain(X509 *x, const char *id)
{
	struct match m = match_of(x, id);

	return m.domain || (m.dns && !m.domains);
}

/* The names of one kind. */
struct only {
	char id[IDENTITY_TEXT];
	bool some, several;
};

static void note(struct only *o, const char *name)
{
	char id[IDENTITY_TEXT];

	if (!uri_identity(name, id))
		return;
	o->several = o->several || (o->some && strcmp(o->id, id));
	o->some = true;
	memcpy(o->id, id, sizeof o->id);
}

bool certname_own(X509 *x, char out[static IDENTITY_TEXT])
{
	struct only user = { .some = false }, domain = { .some = false };
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL,
						NULL);
	const struct only *own;
	const char *name;
	bool uri;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		name = sip_name(sk_GENERAL_NAME_value(names, i), &uri);
		if (name)
			note(is_domain_uri(name) ? &domain : &user, name);
	}
	GENERAL_NAMES_free(names);
	own = user.some ? &user : &domain;
	if (!own->some || own->several)
		return false;
	memcpy(out, own->id, sizeof own->id);
	return true;
}

void certname_each(X509 *x, void (*fn)(void *user, const char *name),
		   void *user)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL,
						NULL);
	const char *name;
	bool uri;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		name = sip_name(sk_GENERAL_NAME_value(names, i), &uri);
		if (name)
			fn(user, name);
	}
	GENERAL_NAMES_free(names);
}

const char *certname_text(X509 *x, char *out, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL,
						NULL);
	const char *name = NULL;
	bool uri = false;

	for (int i = 0; !name && i < sk_GENERAL_NAME_num(names); i++)
		name = sip_name(sk_GENERAL_NAME_value(names, i), &uri);
	if (name)
		snprintf(out, size, "%s%s", uri ? "" : "DNS:", name);
	else
		snprintf(out, size, "nobody");
	for (char *p = out; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	GENERAL_NAMES_free(names);
	return out;
}

bool certname_any(X509 *x)
{
	char text[8];

	return strcmp(certname_text(x, text, sizeof text), "nobody") != 0;
}

bool certname_usage(X509 *x)
{
	EXTENDED_KEY_USAGE *all;
	bool ok = false;
	char oid[64];

	if (!(X509_get_extension_flags(x) & EXFLAG_XKUSAGE))
		return true;
	all = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	for (int i = 0; i < sk_ASN1_OBJECT_num(all); i++) {
		OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(all, i), 1);
		ok = ok || !strcmp(oid, ANY_USAGE) ||
		     !strcmp(oid, SIP_DOMAIN_USAGE);
	}
	EXTENDED_KEY_USAGE_free(all);
	return ok;
}
