/* explain.c - a MIKEY message in plain words (RFC 3830 section 6), for
 * operators and the curious. Works on the bytes alone: no key is needed, and
 * what a KEMAC holds is told as a length, even where it lies open. */
#include "modules/mikey/explain.h"

#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "daemon/keeper/rank.h"
#include "modules/mikey/dh.h"
#include "modules/mikey/error.h"
#include "modules/mikey/esp/policy.h"
#include "modules/mikey/esp/words.h"
#include "modules/mikey/ident.h"
#include "modules/mikey/message.h"
#include "modules/mikey/payload.h"
#include "modules/mikey/sp.h"
#include "modules/mikey/stamp.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ITEM_MAX (64 * 1024) /* bytes of text for one payload */

#define WORD(table, i) \
	((i) < sizeof(table) / sizeof *(table) && (table)[i] ? (table)[i] \
							     : "unknown")

static const char *const data_types[] = {
	"pre-shared key offer", "pre-shared key verification",
	"public key offer", "public key verification",
	"Diffie-Hellman offer", "Diffie-Hellman response",
	"error message",
	"DHHMAC offer (RFC 4650)", "DHHMAC response (RFC 4650)",
	"RSA-R offer (RFC 4738)", "RSA-R response (RFC 4738)",
};
static const char *const prfs[] = { "MIKEY-1 (HMAC-SHA-1)",
				    "PRF-HMAC-SHA-256" };
static const char *const maps[] = {
	"SRTP-ID", "empty map", "GENERIC-ID",
	[MIKEY_MAP_2005] = "dialect of 2005",
};
static const char *const encrs[] = { "NULL (not encrypted!)", "AES-CM-128",
				     "AES-KW-128", "AES-CM-256" };
static const char *const macs[] = { "NULL (no MAC!)", "HMAC-SHA-1-160",
				    "HMAC-SHA-256-256" };
static const char *const stamps[] = { "NTP-UTC", "NTP", "counter",
				      "NTP-UTC-32" };
static const char *const ids[] = { "NAI", "URI", "byte string" };
static const char *const certs[] = { "X.509v3", "X.509v3 URL",
				     "X.509v3 for signatures",
				     "X.509v3 for encryption" };
static const char *const hashes[] = { "SHA-1", "MD5", "SHA-256" };
static const char *const caches[] = { "no cache", "cache",
				      "cache for this bundle" };
static const char *const signs[] = {
	"RSA PKCS#1 v1.5", "RSA-PSS", "ECCSI", [15] = "ECDSA (private number)"
};
static const char *const extensions[] = { "vendor ID", "SDP IDs (RFC 4567)",
					  "TESLA I-Key", "key ID (RFC 4563)",
					  "CSB ID (RFC 4738)",
					  "OMA BCAST (RFC 5410)" };

static void put_hex(struct buf *out, struct mikey_bytes b)
{
	hex_put(out, b.p, b.len);
}

/* RFC 4567 7.1: two crypto sessions a media line, forth and back. */
static void put_srtp_id(const struct mikey_cs *cs, struct buf *out)
{
	buf_printf(out, "\n  CS %u (6.1.1): line %u, %s, policy %u, ", cs->id,
		   (cs->id + 1u) / 2,
		   cs->id % 2 ? "offerer to answerer" : "answerer to offerer",
		   cs->policy);
	if (cs->ssrc)
		buf_printf(out, "SSRC %08x, ", cs->ssrc);
	else
		buf_text(out, "SSRC left to its sender, ");
	buf_printf(out, "rollover counter %u", cs->roc);
}

static void put_generic_id(const struct mikey_cs *cs, struct buf *out)
{
	buf_printf(out, "\n  CS %u (RFC 6043 6.1.1): protocol %u, %zu "
		   "policies, %zu bytes of data, SPI of %zu bytes",
		   cs->id, cs->protocol, cs->policies.len, cs->data.len,
		   cs->spi.len);
}

static void put_map(const struct mikey_message *m, struct buf *out)
{
	for (size_t i = 0; i < m->n_cs; i++)
		if (mikey_esp_is_session(m, i))
			mikey_esp_put_session(m, i, out);
		else if (m->map == MIKEY_MAP_SRTP)
			put_srtp_id(&m->cs[i], out);
		else if (m->map == MIKEY_MAP_GENERIC)
			put_generic_id(&m->cs[i], out);
}

/* The V flag has a meaning in the initiator's messages only. */
static const char *wish_of(const struct mikey_message *m)
{
	if (m->data_type != MIKEY_PSK_INIT && m->data_type != MIKEY_PK_INIT)
		return "";
	return m->v ? " a verification is asked for;"
		    : " no verification is asked for;";
}

static void put_header(const struct mikey_message *m, struct buf *out)
{
	buf_printf(out, "version 1, type %u: %s;%s PRF %s; "
		   "bundle %08x; %u crypto sessions, %s",
		   m->data_type, WORD(data_types, m->data_type), wish_of(m),
		   WORD(prfs, m->prf), m->csb_id, m->n_cs,
		   WORD(maps, m->map));
	if (m->map != MIKEY_MAP_EMPTY)
		put_map(m, out);
}

static void put_time(const struct mikey_payload *p, struct buf *out)
{
	struct reader r = reader_of(p->data.p, p->data.len);
	char text[40] = "";
	time_t t;
	struct tm tm;

	/* the era is this century's: any fixed moment in it will do */
	t = (time_t)(mikey_stamp_us(reader_u64(&r), 1767225600000000u) /
		     1000000);
	if (p->kind <= MIKEY_TS_NTP && gmtime_r(&t, &tm))
		strftime(text, sizeof text, " = %Y-%m-%d %H:%M:%S UTC", &tm);
	buf_printf(out, "timestamp, %s ", WORD(stamps, p->kind));
	put_hex(out, p->data);
	buf_text(out, text);
}

/* In DHHMAC's numbering 0 is HMAC-SHA-1 (RFC 4650 4.2). */
static void put_bare_kemac(const struct mikey_payload *p, struct buf *out)
{
	unsigned alg = p->mac_alg;

	if (alg == MIKEY_MAC_NULL && p->mac.len)
		alg = MIKEY_MAC_SHA1;
	buf_printf(out, "no key, the MAC of the message: %s, %zu bytes",
		   WORD(macs, alg), p->mac.len);
}

static void put_kemac(const struct mikey_payload *p, struct buf *out)
{
	if (!p->data.len) {
		put_bare_kemac(p, out);
		return;
	}
	buf_printf(out, "the key, %zu bytes of data under %s; MAC %s, %zu "
		   "bytes",
		   p->data.len, WORD(encrs, p->kind), WORD(macs, p->mac_alg),
		   p->mac.len);
}

static void put_text(struct mikey_bytes b, struct buf *out)
{
	char text[128];

	buf_printf(out, "\"%s\"", mikey_identity_text(b, text, sizeof text));
}

static void put_suite(const struct mikey_sp *sp, struct buf *out)
{
	buf_printf(out, "%s", suite_info(sp->suite)->name);
	if (sp->kdr)
		buf_printf(out, ", session keys anew every %u packets",
			   1u << (sp->kdr - 1));
}

static const char *protocol_of(const struct mikey_payload *p)
{
	return p->kind == 0 ? " (SRTP)" :
	       p->kind == MIKEY_PROTOCOL_ESP ? " (ESP)" :
	       p->kind == MIKEY_PROTOCOL_IKE ? " (ESP by IKE)" :
	       p->kind == MIKEY_PROTOCOL_2005 ? " (ESP, dialect of 2005)" : "";
}

static const char *param_of(const struct mikey_payload *p, unsigned type)
{
	return p->kind ? mikey_esp_policy_name(p->kind, type)
		       : mikey_sp_name(type);
}

static void put_policy(const struct mikey_payload *p, struct buf *out)
{
	struct reader r = reader_of(p->data.p, p->data.len);
	struct mikey_sp sp;
	const char *why;

	buf_printf(out, "policy %u, protocol %u%s: ", p->extra, p->kind,
		   protocol_of(p));
	if (p->kind == 0 && !mikey_sp_get(p->data, &sp, &why))
		put_suite(&sp, out);
	else if (!mikey_esp_put_policy(p, out))
		buf_text(out, "no suite we know");
	while (r.len) {
		unsigned type = reader_u8(&r);
		uint8_t len = reader_u8(&r);
		struct mikey_bytes v = mikey_read_bytes(&r, len);
		const char *name = param_of(p, type);

		buf_printf(out, "\n  %u %s = 0x", type,
			   name ? name : "(unknown)");
		put_hex(out, v);
	}
}

/* RFC 4563 section 4: a list of type, length, id. */
static void put_key_ids(struct mikey_bytes list, struct buf *out)
{
	static const char *const types[] = { "MBMS key domain",
					     "MBMS service key",
					     "MBMS traffic key" };
	struct reader r = reader_of(list.p, list.len);

	while (r.len && !r.err) {
		uint8_t type = reader_u8(&r), len = reader_u8(&r);
		struct mikey_bytes id = mikey_read_bytes(&r, len);

		if (r.err)
			break;
		buf_printf(out, "; %s ", WORD(types, type));
		put_hex(out, id);
	}
	if (r.err)
		buf_text(out, "; the rest is malformed");
}

static void put_code(uint8_t code, bool suite, struct buf *out)
{
	const struct suite_info *s = suite ? suite_info(code) : NULL;
	const char *name = suite ? s ? s->name : NULL : rank_method_name(code);

	if (name)
		buf_printf(out, " %s", name);
	else
		buf_printf(out, " (unknown %u)", code);
}

static void put_list(const struct rank_list *l, bool suite, struct buf *out)
{
	buf_text(out, suite ? "\n  suites, best first:"
			    : "\n  methods, best first:");
	for (size_t i = 0; i < l->n; i++)
		put_code(l->item[i], suite, out);
}

/* doc/NEGOTIATION.md */
static void put_ranks(const struct rank_ext *e, struct buf *out)
{
	buf_printf(out, " of callseal: priorities of the %s, %s",
		   e->answer ? "answerer" : "offerer",
		   e->lists.by_rank ? "lowest sum of ranks" : "automatic");
	put_list(&e->lists.methods, false, out);
	put_list(&e->lists.suites, true, out);
	buf_text(out, "\n  hash of the whole offer: ");
	put_hex(out, (struct mikey_bytes){ e->hash, sizeof e->hash });
	if (!e->answer)
		return;
	buf_text(out, "\n  chosen:");
	put_code(e->choice.method, false, out);
	put_code(e->choice.suite, true, out);
}

static void put_extension(const struct mikey_payload *p, struct buf *out)
{
	struct rank_ext ranks;

	buf_printf(out, "%s", WORD(extensions, p->kind));
	if (p->kind == MIKEY_EXT_VENDOR &&
	    !rank_get(p->data.p, p->data.len, &ranks)) {
		put_ranks(&ranks, out);
	} else if (p->kind == MIKEY_EXT_SDP_IDS) {
		buf_text(out, ": key management protocols offered ");
		put_text(p->data, out);
	} else {
		buf_printf(out, ", %zu bytes", p->data.len);
		if (p->kind == MIKEY_EXT_KEY_ID)
			put_key_ids(p->data, out);
	}
}

static void put_payload(const struct mikey_payload *p, struct buf *out)
{
	switch (p->type) {
	case MIKEY_KEMAC:
		put_kemac(p, out);
		break;
	case MIKEY_PKE:
		buf_printf(out, "envelope key, %zu bytes, encrypted; %s",
			   p->data.len, WORD(caches, p->kind));
		break;
	case MIKEY_DH:
		buf_printf(out, "public value in %s, %zu bytes",
			   mikey_dh_name(p->kind), p->data.len);
		break;
	case MIKEY_SIGN:
		buf_printf(out, "signature, %s, %zu bytes",
			   WORD(signs, p->kind), p->data.len);
		break;
	case MIKEY_T:
		put_time(p, out);
		break;
	case MIKEY_ID:
		buf_printf(out, "identity, %s ", WORD(ids, p->kind));
		put_text(p->data, out);
		break;
	case MIKEY_CERT:
		buf_printf(out, "certificate, %s, %zu bytes",
			   WORD(certs, p->kind), p->data.len);
		break;
	case MIKEY_CHASH:
		buf_printf(out, "hash of a certificate, %s ",
			   WORD(hashes, p->kind));
		put_hex(out, p->data);
		break;
	case MIKEY_V:
		buf_printf(out, "proof of holding the key, MAC %s, %zu bytes",
			   WORD(macs, p->kind), p->data.len);
		break;
	case MIKEY_SP:
		put_policy(p, out);
		break;
	case MIKEY_RAND:
		buf_printf(out, "random, %zu bytes ", p->data.len);
		put_hex(out, p->data);
		break;
	case MIKEY_ERR:
		buf_printf(out, "error %u: %s", p->kind,
			   mikey_error_text(p->kind));
		break;
	default:
		put_extension(p, out);
	}
}

static void put_header_item(const struct mikey_message *m, size_t len,
			    struct mikey_item *i, struct buf *text)
{
	*i = (struct mikey_item){ .name = "HDR", .section = "RFC 3830 6.1",
				  .len = m->n ? m->payload[0].at : len };
	put_header(m, text);
}

static void put_payload_item(const struct mikey_payload *p,
			     struct mikey_item *i, struct buf *text)
{
	const struct mikey_payload_form *f = mikey_payload_form(p->type);

	*i = (struct mikey_item){ .name = f->name, .at = p->at,
				  .len = p->len };
	snprintf(i->section, sizeof i->section, "RFC 3830 %s", f->section);
	put_payload(p, text);
}

int mikey_items(const uint8_t *msg, size_t len, mikey_item_fn fn, void *user,
		struct mikey_end *end)
{
	struct buf text = buf_of(ITEM_MAX);
	struct mikey_message m;
	struct mikey_item item;
	int r = mikey_decode(msg, len, &m);
	/* the last payload that was begun may be the one that failed */
	size_t n = !r ? m.n + 1 : m.n;

	*end = (struct mikey_end){ r, r ? m.failed_at : len };
	for (size_t i = 0; i < n && !text.err; i++) {
		buf_clear(&text);
		if (i)
			put_payload_item(&m.payload[i - 1], &item, &text);
		else
			put_header_item(&m, len, &item, &text);
		item.text = buf_string(&text);
		if (!text.err)
			fn(user, &item);
	}
	r = text.err;
	buf_free(&text);
	return r;
}

static void put_item(void *user, const struct mikey_item *i)
{
	struct buf *out = user;

	buf_printf(out, "%s (%s): %s\n", i->name, i->section, i->text);
}

int mikey_explain(const uint8_t *msg, size_t len, struct buf *out)
{
	struct mikey_end end;
	int r;

	buf_printf(out, "MIKEY message, %zu bytes\n", len);
	r = mikey_items(msg, len, put_item, out, &end);
	if (r)
		return r;
	if (end.err)
		buf_printf(out, "the rest is %s, from byte %zu on\n",
			   err_text(end.err), end.at);
	return end.err ? end.err : out->err;
}
