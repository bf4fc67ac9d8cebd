/* show.c - what callsealctl certs and trust tell. See show.h.
 *
 * A message has a bounded size, so long lists are cut, and the number left out
 * is told; the warnings are of all. Soon is 30 days for certificates, and for
 * revocation lists, which are renewed more often, one. */
#include "daemon/keeper/show.h"

#include "daemon/base/err.h"
#include "daemon/keeper/certs/certname.h"
#include "daemon/keeper/certs/credential_inside.h"
#include "daemon/keeper/certs/signature.h"

#include <jansson.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CERTS_SHOWN 64
#define PINS_SHOWN 200
#define SUBJECT_TEXT 256
#define DAY 86400
#define SOON_CERT 30 /* days */
#define SOON_LIST 1

/* What is filled while going through all. */
struct picture {
	json_t *root, *warnings;
	long long now_s;
	long long least; /* days left of what is over first */
	bool any;
};

static const char *name_text(const X509_NAME *name, char out[SUBJECT_TEXT])
{
	BIO *b = BIO_new(BIO_s_mem());
	int n = 0;

	if (b && X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(b, out, SUBJECT_TEXT - 1);
	out[n > 0 ? n : 0] = 0;
	BIO_free(b);
	return out;
}

static long long seconds(const ASN1_TIME *t)
{
	struct tm tm = { .tm_year = 0 };

	return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (long long)timegm(&tm) : 0;
}

/* Rounded down: what is over has less than 0. */
static long long days_left(const struct picture *p, long long until_s)
{
	long long left = until_s - p->now_s;

	return left >= 0 ? left / DAY : -1 - (-left - 1) / DAY;
}

static void warn_of(struct picture *p, const char *what, const char *who,
		    long long days, long long soon)
{
	char text[SUBJECT_TEXT + 128];

	if (!p->any || days < p->least)
		p->least = days;
	p->any = true;
	if (days >= soon)
		return;
	if (days < 0)
		snprintf(text, sizeof text, "%s %s is out of date", what, who);
	else
		snprintf(text, sizeof text, "%s %s is over in %lld days", what,
			 who, days);
	json_array_append_new(p->warnings, json_string(text));
}

static void add_name(void *user, const char *name)
{
	char text[SUBJECT_TEXT];

	snprintf(text, sizeof text, "%s", name);
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	json_array_append_new(user, json_string(text));
}

static void put_key(json_t *o, const EVP_PKEY *key)
{
	const char *curve = key ? signature_curve(key) : NULL;
	char text[64];

	if (curve)
		snprintf(text, sizeof text, "ECDSA %s", curve);
	else
		snprintf(text, sizeof text, "%s %d",
			 key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA
				 ? "RSA" : "other",
			 key ? EVP_PKEY_get_bits(key) : 0);
	json_object_set_new(o, "key", json_string(text));
}

static json_t *certificate(struct picture *p, const char *what, X509 *x)
{
	char subject[SUBJECT_TEXT], issuer[SUBJECT_TEXT];
	long long until = seconds(X509_get0_notAfter(x));
	uint8_t print[FINGERPRINT] = { 0 };
	char hex[FINGERPRINT_TEXT];
	unsigned len = sizeof print;
	json_t *o, *names = json_array();

	certname_each(x, add_name, names);
	X509_digest(x, EVP_sha256(), print, &len);
	name_text(X509_get_subject_name(x), subject);
	o = json_pack("{s:s,s:s,s:o,s:I,s:I,s:I,s:s}", "subject", subject,
		      "issuer", name_text(X509_get_issuer_name(x), issuer),
		      "names", names, "from",
		      (json_int_t)seconds(X509_get0_notBefore(x)), "until",
		      (json_int_t)until, "days_left",
		      (json_int_t)days_left(p, until), "sha256",
		      fingerprint_text(print, hex));
	put_key(o, X509_get0_pubkey(x));
	warn_of(p, what, subject, days_left(p, until), SOON_CERT);
	return o;
}

static json_t *chain(struct picture *p, const char *what,
		     const STACK_OF(X509) *all)
{
	json_t *list = json_array();

	for (int i = 0; i < sk_X509_num(all); i++)
		json_array_append_new(list, certificate(p, what,
						sk_X509_value(all, i)));
	return list;
}

static json_t *list_of(struct picture *p, const X509_CRL *crl)
{
	char issuer[SUBJECT_TEXT];
	long long until = seconds(X509_CRL_get0_nextUpdate(crl));
	const STACK_OF(X509_REVOKED) *gone =
		X509_CRL_get_REVOKED((X509_CRL *)(uintptr_t)crl);
	int n = sk_X509_REVOKED_num(gone);

	name_text(X509_CRL_get_issuer(crl), issuer);
	warn_of(p, "revocation list of", issuer, days_left(p, until),
		SOON_LIST);
	return json_pack("{s:s,s:I,s:I,s:I,s:i}", "issuer", issuer, "from",
			 (json_int_t)seconds(X509_CRL_get0_lastUpdate(crl)),
			 "next", (json_int_t)until, "days_left",
			 (json_int_t)days_left(p, until), "revoked",
			 n > 0 ? n : 0);
}

static void add_store(struct picture *p, const struct credential *c)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(c->store);
	json_t *anchors = json_array(), *lists = json_array(), *o;
	long long more = 0;

	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		X509_OBJECT *one = sk_X509_OBJECT_value(all, i);
		X509 *x = X509_OBJECT_get0_X509(one);
		const X509_CRL *crl = X509_OBJECT_get0_X509_CRL(one);

		o = x ? certificate(p, "anchor", x)
		      : crl ? list_of(p, crl) : NULL;
		if (o && json_array_size(x ? anchors : lists) == CERTS_SHOWN) {
			json_decref(o);
			more++;
		} else if (o) {
			json_array_append_new(x ? anchors : lists, o);
		}
	}
	json_object_set_new(p->root, "anchors", anchors);
	json_object_set_new(p->root, "lists", lists);
	json_object_set_new(p->root, "more", json_integer(more));
}

static void add_peers(struct picture *p, const struct credential *c)
{
	json_t *peers = json_array();

	for (const struct known *k = c->known; k; k = k->next)
		json_array_append_new(peers, json_pack("{s:s,s:o}", "peer",
			k->peer, "chain", chain(p, "certificate of peer",
						k->chain)));
	json_object_set_new(p->root, "peers", peers);
}

/* It must fit a message: else it says so alone. */
static char *text_of(json_t *root)
{
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	return text;
}

char *show_certs(const struct credential *c, uint64_t wall_us)
{
	struct picture p = { .root = json_object(), .warnings = json_array(),
			     .now_s = (long long)(wall_us / 1000000) };

	if (c) {
		json_object_set_new(p.root, "own",
				    chain(&p, "our certificate", c->own));
		add_store(&p, c);
		add_peers(&p, c);
	}
	if (p.any)
		json_object_set_new(p.root, "days_left",
				    json_integer(p.least));
	json_object_set_new(p.root, "warnings", p.warnings);
	ERR_clear_error();
	return text_of(p.root);
}

/* -- pins ----------------------------------------------------------------- */

struct pins {
	json_t *list;
	long long more;
};

static int add_pin(void *user, const struct memory_record *r)
{
	struct pins *pins = user;
	char hex[FINGERPRINT_TEXT];
	struct trust_entry e;

	if (trust_entry_of(r, &e))
		return 0;
	if (json_array_size(pins->list) == PINS_SHOWN) {
		pins->more++;
		return 0;
	}
	json_array_append_new(pins->list, json_pack("{s:s,s:s,s:s,s:I,s:I}",
		"name", e.name, "sha256", fingerprint_text(e.print, hex), "by",
		e.accepted ? "operator" : "first call", "since",
		(json_int_t)(e.since_us / 1000000), "seen",
		(json_int_t)(e.seen_us / 1000000)));
	return 0;
}

char *show_trust(const struct memory *m)
{
	struct pins pins = { .list = json_array() };

	memory_each(m, MEMORY_PIN, add_pin, &pins);
	return text_of(json_pack("{s:o,s:I,s:I}", "pins", pins.list, "more",
				 (json_int_t)pins.more, "lost",
				 (json_int_t)memory_lost(m, MEMORY_PIN)));
}
