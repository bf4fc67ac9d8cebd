/* fuzz_smime.c - the whole open path. The bytes are a MIME entity: it is opened
 * as it stands, by the keys of RFC 6216 and with everything that is legacy; and
 * it is sealed by keys of ours, in a form that its length chooses, and opened
 * again, so that what lies behind signature and envelope is reached; and once
 * more as a whole SIP message, within and around. Nothing
 * may come out of what fails, and what was sealed must come out whole. */
#include "modules/smime/certs.h"
#include "modules/smime/open.h"
#include "modules/smime/seal.h"
#include "modules/smime/smime.h"
#include "tests/mock/ca.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_US (CA_NOW * 1000000ull)
#define OURS "sip:x@a.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static void add(struct credential *c, enum credential_part part,
		const char *peer, const char *file)
{
	char path[512];

	snprintf(path, sizeof path, "%s/rfc6216/%s", VECTOR_DIR, file);
	ca_add(c, part, peer, open(path, O_RDONLY));
}

static struct credential *theirs(void)
{
	static struct credential *c;

	if (c)
		return c;
	must(!credential_new(&c));
	add(c, CREDENTIAL_CERT, "", "eku_kumiko.cert.pem");
	add(c, CREDENTIAL_KEY, "", "eku_kumiko.key.pem");
	add(c, CREDENTIAL_CA, "", "eku_fluffy.cert.pem");
	add(c, CREDENTIAL_PEER, "fluffy", "eku_fluffy.cert.pem");
	return c;
}

static struct credential *ours(void)
{
	static struct credential *c;
	struct ca ca;
	X509 *x;

	if (c)
		return c;
	ca = ca_make(0, "the issuer");
	x = ca_issue(&ca, ca_key(1, "P-256", 0), "x", &(struct ca_order){
		.san = "URI:" OURS, .key_id = true });
	c = ca_credential(x, NULL, ca_key(1, "P-256", 0), &ca);
	X509_free(x);
	ca_free(&ca);
	return c;
}

/* A failure that shows nothing, or whole content. */
static void check(int r, const struct smime_opened *o,
		  const struct smime_fault *why)
{
	if (r) {
		must(why->reason != SMIME_FINE && why->text[0]);
		must(smime_status(why->reason) >= 400);
		must(!o->n && !o->texts && !o->content.n && !o->is_signed);
	} else {
		must(o->content.n && o->n <= SMIME_LAYERS);
		must(!o->is_signed || o->authentic);
	}
}

static void open_it(const struct mime_part *p)
{
	const struct smime_open how = {
		.terms = { .credential = theirs(), .wall_us = NOW_US },
		.checking = { .id = "sip:fluffy@example.com",
			      .peer = "fluffy", .legacy = true },
	};
	struct smime_fault why = { SMIME_FINE, "" };
	static struct smime_opened o;
	int r = smime_open_part(&how, p, &o, &why);
	struct smime_card *card = NULL;
	struct smime_kek kek;
	struct pin pin;

	check(r, &o, &why);
	if (!r && !smime_opened_kek(&o, &kek))
		must(o.is_signed && o.encrypted && kek.id_len);
	smime_opened_free(&o);
	r = smime_certs_read(&how.terms, p, "sip:fluffy@example.com", &card,
			     &pin, &why);
	must(!r == (card != NULL));
	smime_card_free(card);
}

static const struct smime_card *card(void)
{
	static struct smime_card *c;
	struct smime_fault why;
	struct der chain[CHAIN_MAX];

	if (!c)
		must(!smime_card_new(chain, credential_chain(ours(), chain),
				     &c, &why));
	return c;
}

static int seal_it(struct mime_bytes entity, unsigned choice,
		   struct smime_sealed *out)
{
	static const enum smime_cipher ciphers[] = { SMIME_AES_128_GCM,
						     SMIME_AES_128_CBC };
	const struct smime_to to = { .card = card(), .id = OURS };
	const struct smime_seal how = {
		.terms = { .credential = ours(), .wall_us = NOW_US },
		.form = (enum smime_form)(choice % SMIME_FORMS),
		.envelope = { .cipher = ciphers[choice / SMIME_FORMS % 2],
			      .to = &to, .n_to = 1, .key_id = choice & 4 },
		.signing = { .certificates = true, .key_id = choice & 8,
			     .capabilities = choice & 16 },
		.base64 = choice & 32,
	};
	struct smime_fault why;
	int r = smime_seal(&how, entity, out, &why);

	must(!r || why.reason == SMIME_TOO_LARGE);
	return r;
}

static void there_and_back(struct mime_bytes entity, size_t parts)
{
	const struct smime_open how = {
		.terms = { .credential = ours(), .wall_us = NOW_US },
		.checking = { .id = OURS, .legacy = entity.len & 1 },
	};
	struct smime_fault why = { SMIME_FINE, "" };
	static struct smime_opened o;
	struct smime_sealed s;
	struct mime_fields f = { .id = { NULL, 0 } };
	struct smime_kek kek;
	int r;

	if (seal_it(entity, (unsigned)entity.len, &s))
		return;
	f.type = mime_text(s.type);
	f.transfer = mime_text(s.transfer);
	r = smime_open(&how, &f, (struct mime_bytes){ s.body.data, s.body.len },
		       &o, &why);
	check(r, &o, &why);
	/* what is sealed itself, or no MIME, may be refused */
	must(!r || why.reason != SMIME_WRONG_SIGNATURE || parts != 1);
	if (!r)
		smime_opened_kek(&o, &kek);
	smime_sealed_free(&s);
	smime_opened_free(&o);
}

/* The head ends at the first empty line; the length chooses what is asked of
 * what comes out. */
static void whole(struct mime_bytes t)
{
	const struct bodies_terms terms = {
		.local_id = OURS, .remote_id = OURS, .peer = "us",
		.credential = ours(), .mode = BODY_MODE_TUNNEL,
		.wall_us = NOW_US, .window_us = UINT64_MAX / 2,
		.known = (const struct bodies_card *)(const void *)card(),
	};
	struct bodies_text text = { .frag = t.p, .frag_len = t.len };
	struct bodies_given given = { .frag = t.p };
	struct bodies_sealed s = { .body = buf_of(2 * MIME_BODY_MAX) };
	struct bodies_opened o = { .card = NULL };
	struct bodies_fault why = { 0, "" };
	static const char words[] = "Content-Type: text/plain\r\n";
	char fields[BODIES_TYPE_TEXT + 20], id[IDENTITY_TEXT];
	size_t n = 0;

	while (n + 3 < t.len && memcmp(t.p + n, "\r\n\r\n", 4))
		n++;
	if (n + 3 < t.len)
		text.frag_len = n + 2;
	text.content = t.p + text.frag_len + (n + 3 < t.len ? 2 : 0);
	text.content_len = (size_t)(t.p + t.len - text.content);
	given.frag_len = text.frag_len;
	given.words = t.len & 1;
	given.bare = t.len & 2;
	if (given.words) {
		text.fields = (const uint8_t *)words;
		text.fields_len = sizeof words - 1;
	}
	if (!smime_bodies.seal(&terms, &text, &s, &why)) {
		snprintf(fields, sizeof fields, "Content-Type: %s\r\n", s.type);
		given.fields = (const uint8_t *)fields;
		given.fields_len = strlen(fields);
		given.body = s.body.data;
		given.body_len = s.body.len;
		if (!smime_bodies.whose(&terms, &given, id, &why))
			must(!strncmp(id, "sip:", 4));
		if (smime_bodies.open(&terms, &given, &o, &why))
			must(why.status >= 400 && !o.head.len &&
			     !o.content.len);
		else
			must(o.head.len && o.is_signed && o.encrypted);
	}
	if (o.card)
		smime_bodies.card_free(o.card);
	buf_free(&o.head);
	buf_free(&o.fields);
	buf_free(&o.content);
	buf_free(&s.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mime_bytes entity = { data, size };
	static struct mime m;
	int r = mime_read_entity(entity, &m);

	if (!r)
		open_it(&m.part[0]);
	if (size)
		there_and_back(entity, r ? 0 : m.n);
	if (size)
		whole(entity);
	return 0;
}
