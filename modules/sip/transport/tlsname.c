/* tlsname.c - for whom a certificate speaks: RFC 5922 sections 7.1 and 7.2.
 *
 * Sofia's own comparison knows DNS names only and leaves out addresses; and
 * neither it nor OpenSSL's X509_check_host() knows that a SIP URI among the
 * names excludes the DNS names. Internationalised names are compared as the
 * letters that stand there (A-labels). */
#include "modules/sip/transport/tls.h"

#include "daemon/base/addr.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 256

/* "host" without brackets and the dot at the end. */
static bool bare(const char *host, char out[HOST_MAX])
{
	size_t len = strlen(host);

	if (*host == '[' && len > 2 && host[len - 1] == ']') {
		host++;
		len -= 2;
	} else if (len > 1 && host[len - 1] == '.') {
		len--;
	}
	if (!len || len >= HOST_MAX)
		return false;
	memcpy(out, host, len);
	out[len] = 0;
	return true;
}

/* The name is text of the certificate: it may have zero bytes in it. */
static bool same(const char *name, size_t len, const char *host)
{
	return len == strlen(host) && !memchr(name, 0, len) &&
	       !strncasecmp(name, host, len);
}

static bool matches_text(const ASN1_STRING *s, const char *host)
{
	return same((const char *)ASN1_STRING_get0_data(s),
		    (size_t)ASN1_STRING_length(s), host);
}

/* The host of "sip:host", "sip:host:port;parameters"; false for any other
 * scheme and for the URI of a user. */
static bool uri_host(const ASN1_STRING *s, const char **host, size_t *len)
{
	const char *text = (const char *)ASN1_STRING_get0_data(s);
	size_t all = (size_t)ASN1_STRING_length(s), n;

	if (all <= 4 || strncasecmp(text, "sip:", 4) || memchr(text, '@', all))
		return false;
	for (n = 4; n < all && !strchr(":;?", text[n]); n++)
		;
	*host = text + 4;
	*len = n - 4;
	return n > 4;
}

static bool matches_ip(const ASN1_STRING *s, const char *host)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
	bool yes = ip && !ASN1_STRING_cmp(s, ip);

	ASN1_OCTET_STRING_free(ip);
	return yes;
}

enum kind { KIND_URI, KIND_DNS, KIND_IP };

/* Returns how many names of that kind there are; sets *yes on a match. */
static int look(const GENERAL_NAMES *names, enum kind kind, const char *host,
		bool *yes)
{
	const GENERAL_NAME *n;
	const char *uri;
	size_t len;
	int count = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		n = sk_GENERAL_NAME_value(names, i);
		if (kind == KIND_URI && n->type == GEN_URI &&
		    uri_host(n->d.uniformResourceIdentifier, &uri, &len)) {
			*yes |= same(uri, len, host);
		} else if (kind == KIND_DNS && n->type == GEN_DNS) {
			*yes |= matches_text(n->d.dNSName, host);
		} else if (kind == KIND_IP && n->type == GEN_IPADD) {
			*yes |= matches_ip(n->d.iPAddress, host);
		} else {
			continue;
		}
		count++;
	}
	return count;
}

/* Only without any subjectAltName. */
static bool matches_cn(X509 *cert, const char *host)
{
	char cn[HOST_MAX];
	int len = X509_NAME_get_text_by_NID(X509_get_subject_name(cert),
					    NID_commonName, cn, sizeof cn);

	return len > 0 && (size_t)len < sizeof cn &&
	       same(cn, (size_t)len, host);
}

bool tls_speaks_for(X509 *cert, const char *host)
{
	GENERAL_NAMES *names;
	char name[HOST_MAX];
	bool yes = false;
	struct addr a;
	int crit = 0;

	if (!bare(host, name))
		return false;
	names = X509_get_ext_d2i(cert, NID_subject_alt_name, &crit, NULL);
	if (!addr_parse(name, &a))
		look(names, KIND_IP, name, &yes);
	else if (!names && crit == -1)
		yes = matches_cn(cert, name);
	else if (!look(names, KIND_URI, name, &yes))
		look(names, KIND_DNS, name, &yes);
	GENERAL_NAMES_free(names);
	return yes;
}
