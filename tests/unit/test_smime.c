/* test_smime.c - each form of sealed body, by each kind of key, there and
 * back; what it tells of the signer; the messages of RFC 6216. */
#include "config.h" /* memmem() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "modules/smime/certs.h"
#include "tests/unit/smime_rig.h"

#include <unistd.h>
#include <fcntl.h>

#define N(a) (sizeof(a) / sizeof *(a))

static struct smime_rig g;

static void must(int r)
{
	if (r)
		fail_msg("%d: %s", r, g.why.text);
}

static const struct form {
	enum smime_form form;
	size_t layers;
	bool is_signed, encrypted, readable;
	const char *type;
} forms[] = {
	{ SMIME_SIGN, 1, true, false, true, "multipart/signed;"
	  "protocol=\"application/pkcs7-signature\";micalg=sha-" },
	{ SMIME_SIGN_OPAQUE, 1, true, false, true, "application/pkcs7-mime;"
	  "smime-type=signed-data;" },
	{ SMIME_ENCRYPT, 1, false, true, false, "application/pkcs7-mime;"
	  "smime-type=authEnveloped-data;" },
	{ SMIME_ENCRYPT_SIGN, 2, true, true, false, "multipart/signed;" },
	{ SMIME_SIGN_ENCRYPT, 2, true, true, false, "application/pkcs7-mime;"
	  "smime-type=authEnveloped-data;" },
};

static bool holds(const char *text)
{
	return memmem(g.sealed.body.data, g.sealed.body.len, text,
		      strlen(text)) != NULL;
}

static void is_alice(const struct smime_card *c)
{
	size_t n[2];
	const struct der *a = smime_card_chain(g.card[0], &n[0]);
	const struct der *b = smime_card_chain(c, &n[1]);

	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 1);
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->p, b->p, a->len);
}

static void there_and_back(const struct form *f)
{
	must(rig_seal(&g, f->form, ENTITY));
	assert_memory_equal(g.sealed.type, f->type, strlen(f->type));
	if (!g.seal.base64)
		assert_int_equal(holds("m=audio"), f->readable);
	must(rig_unseal(&g));
	rig_is_sdp(&g);
	assert_int_equal(g.opened.n, f->layers);
	assert_int_equal(g.opened.is_signed, f->is_signed);
	assert_int_equal(g.opened.encrypted, f->encrypted);
	assert_int_equal(g.opened.layer[0].encrypted,
			 f->form == SMIME_ENCRYPT ||
			 f->form == SMIME_SIGN_ENCRYPT);
	if (f->is_signed) {
		assert_true(g.opened.authentic);
		assert_true(g.opened.signer.sent);
		is_alice(g.opened.signer.card);
	}
	rig_forget(&g);
}

static void each_form_with_each_key(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		rig_open(&g, (enum smime_kind)kind);
		for (size_t i = 0; i < 4 * N(forms); i++) {
			g.seal.base64 = i & 1;
			g.seal.signing.key_id = i & 2;
			g.seal.envelope.key_id = i & 2;
			there_and_back(&forms[i / 4]);
		}
		rig_close(&g);
	}
}

static void each_cipher(void **state)
{
	static const struct {
		enum smime_cipher cipher;
		int r;
		const char *type;
	} rows[] = {
		{ SMIME_AES_128_GCM, 0, "smime-type=authEnveloped-data" },
		{ SMIME_AES_256_GCM, 0, "smime-type=authEnveloped-data" },
		{ SMIME_AES_128_CBC, 0, "smime-type=enveloped-data" },
		{ SMIME_AES_256_CBC, 0, "smime-type=enveloped-data" },
		{ SMIME_AES_192_CBC, E_CONF, "" },
		{ SMIME_3DES_CBC, E_CONF, "" },
	};

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		rig_open(&g, (enum smime_kind)kind);
		for (size_t i = 0; i < N(rows); i++) {
			g.seal.envelope.cipher = rows[i].cipher;
			assert_int_equal(rig_seal(&g, SMIME_ENCRYPT, ENTITY),
					 rows[i].r);
			if (rows[i].r)
				continue;
			assert_non_null(strstr(g.sealed.type, rows[i].type));
			must(rig_unseal(&g));
			rig_is_sdp(&g);
			assert_int_equal(g.opened.layer[0].cipher,
					 rows[i].cipher);
			assert_int_equal(g.opened.authentic,
					 smime_cipher_aead(rows[i].cipher));
			rig_forget(&g);
		}
		rig_close(&g);
	}
}

static void signatures_by_pss(void **state)
{
	(void)state;
	rig_open(&g, KIND_RSA);
	credential_pss(g.own[0], true);
	there_and_back(&forms[0]);
	there_and_back(&forms[1]);
	rig_close(&g);
}

/* A certificate travels once; then it is referred to. */
static void certificates_are_referred_to(void **state)
{
	const struct smime_card *known[2];
	size_t with, without;

	(void)state;
	rig_open(&g, KIND_P256);
	known[0] = g.card[2];
	known[1] = g.card[0];
	for (int key_id = 0; key_id < 2; key_id++) {
		g.seal.signing.key_id = key_id;
		g.seal.signing.certificates = true;
		must(rig_seal(&g, SMIME_SIGN, ENTITY));
		with = g.sealed.body.len;
		rig_forget(&g);
		g.seal.signing.certificates = false;
		must(rig_seal(&g, SMIME_SIGN, ENTITY));
		without = g.sealed.body.len;
		assert_true(without + 300 < with);
		g.open.checking.known = NULL;
		g.open.checking.n_known = 0;
		assert_int_equal(rig_reason(&g), SMIME_SIGNER_UNKNOWN);
		assert_int_equal(smime_status(g.why.reason), 493);
		g.open.checking.known = known;
		g.open.checking.n_known = 1;
		assert_int_equal(rig_reason(&g), SMIME_SIGNER_UNKNOWN);
		g.open.checking.n_known = 2;
		must(rig_unseal(&g));
		assert_false(g.opened.signer.sent);
		assert_ptr_equal(g.opened.signer.card, g.card[0]);
		rig_forget(&g);
	}
	ca_add(g.own[1], CREDENTIAL_PEER, "them",
	       ca_file(g.cert[0], NULL, NULL, NULL));
	must(rig_seal(&g, SMIME_SIGN, ENTITY));
	g.open.checking.n_known = 0;
	g.open.checking.peer = "others";
	assert_int_equal(rig_reason(&g), SMIME_SIGNER_UNKNOWN);
	g.open.checking.peer = "them";
	must(rig_unseal(&g));
	assert_null(g.opened.signer.card);
	rig_close(&g);
}

static void capabilities_choose_the_cipher(void **state)
{
	static const struct {
		struct smime_capabilities c;
		enum smime_cipher cipher;
	} rows[] = {
		{ { .told = false }, SMIME_AES_128_CBC },
		{ { .told = true }, SMIME_AES_128_CBC },
		{ { .told = true, .ciphers = 1 << SMIME_AES_256_CBC },
		  SMIME_AES_256_CBC },
		{ { .told = true, .ciphers = 1 << SMIME_3DES_CBC },
		  SMIME_AES_128_CBC },
		{ { .told = true, .ciphers = 1 << SMIME_AES_256_CBC |
					     1 << SMIME_AES_256_GCM },
		  SMIME_AES_256_GCM },
		{ { .told = false, .ciphers = 1 << SMIME_AES_256_GCM },
		  SMIME_AES_128_CBC },
	};
	struct smime_capabilities *c = &g.opened.signer.capabilities;

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_int_equal(smime_cipher_for(&rows[i].c), rows[i].cipher);
	rig_open(&g, KIND_RSA);
	must(rig_seal(&g, SMIME_SIGN, ENTITY));
	must(rig_unseal(&g));
	assert_true(c->told && c->oaep);
	assert_int_equal(c->ciphers,
			 1 << SMIME_AES_128_GCM | 1 << SMIME_AES_256_GCM |
			 1 << SMIME_AES_128_CBC | 1 << SMIME_AES_256_CBC);
	assert_int_equal(smime_cipher_for(c), SMIME_AES_128_GCM);
	rig_forget(&g);
	g.seal.signing.capabilities = false;
	must(rig_seal(&g, SMIME_SIGN, ENTITY));
	must(rig_unseal(&g));
	assert_false(c->told);
	rig_close(&g);
}

static void session_keys(void **state)
{
	struct smime_kek k[2] = { { .id = "two", .id_len = 3 },
				  { .id = "one", .id_len = 3 } };
	size_t by_key, by_kek;

	(void)state;
	rig_open(&g, KIND_P256);
	secret_random(&k[0].key, 16);
	secret_random(&k[1].key, 16);
	must(rig_seal(&g, SMIME_ENCRYPT, ENTITY));
	by_key = g.sealed.body.len;
	rig_forget(&g);
	g.seal.envelope.n_to = 0;
	assert_int_equal(rig_seal(&g, SMIME_ENCRYPT, ENTITY), E_CONF);
	assert_int_equal(g.why.reason, SMIME_OURS);
	for (enum smime_cipher c = 0; c <= SMIME_AES_128_CBC; c++) {
		if (!smime_cipher_evp(c))
			continue;
		g.seal.envelope.cipher = c;
		g.seal.envelope.kek = &k[1];
		must(rig_seal(&g, SMIME_ENCRYPT_SIGN, ENTITY));
		g.open.kek = k;
		g.open.n_kek = 1;
		assert_int_equal(rig_reason(&g), SMIME_UNDECIPHERABLE);
		g.open.n_kek = 2;
		must(rig_unseal(&g));
		rig_is_sdp(&g);
		assert_ptr_equal(g.opened.layer[1].kek, &k[1]);
		smime_opened_free(&g.opened);
		secret_random(&k[1].key, 16);
		assert_int_equal(rig_reason(&g), SMIME_UNDECIPHERABLE);
		rig_forget(&g);
	}
	g.seal.envelope.cipher = SMIME_AES_128_GCM;
	must(rig_seal(&g, SMIME_ENCRYPT, ENTITY));
	by_kek = g.sealed.body.len;
	assert_true(by_kek + 100 < by_key);
	must(rig_unseal(&g));
	rig_forget(&g);
	g.seal.envelope.n_to = 1; /* both: with either */
	must(rig_seal(&g, SMIME_ENCRYPT, ENTITY));
	must(rig_unseal(&g));
	assert_ptr_equal(g.opened.layer[0].kek, &k[1]);
	smime_opened_free(&g.opened);
	g.open.n_kek = 0;
	must(rig_unseal(&g));
	assert_null(g.opened.layer[0].kek);
	rig_close(&g);
}

/* The key for what follows comes with the first message, once. */
static void session_keys_travel(void **state)
{
	static const struct {
		enum smime_form form;
		int r;
	} rows[] = {
		{ SMIME_SIGN_ENCRYPT, 0 }, { SMIME_ENCRYPT_SIGN, 0 },
		{ SMIME_SIGN, E_POLICY }, { SMIME_ENCRYPT, E_POLICY },
	};
	struct smime_kek k, got;
	struct buf entity = buf_of(1000);

	(void)state;
	rig_open(&g, KIND_P256);
	assert_int_equal(smime_kek_new(&k, 24), E_ARG);
	for (size_t i = 0; i < 2 * N(rows); i++) {
		assert_int_equal(smime_kek_new(&k, i % 2 ? 16 : 32), 0);
		buf_clear(&entity);
		smime_kek_put(&k, &entity);
		buf_text(&entity, ENTITY);
		must(rig_seal(&g, rows[i / 2].form,
			      buf_string(&entity)));
		must(rig_unseal(&g));
		rig_is_sdp(&g);
		assert_int_equal(smime_opened_kek(&g.opened, &got),
				 rows[i / 2].r);
		if (!rows[i / 2].r) {
			assert_int_equal(got.id_len, k.id_len);
			assert_memory_equal(got.id, k.id, k.id_len);
			assert_true(secret_equal(&got.key, &k.key));
		}
		rig_forget(&g);
	}
	must(rig_seal(&g, SMIME_SIGN_ENCRYPT, ENTITY));
	must(rig_unseal(&g));
	assert_int_equal(smime_opened_kek(&g.opened, &got), E_NOTFOUND);
	rig_forget(&g);
	must(rig_seal(&g, SMIME_SIGN_ENCRYPT, "\r\nContent-Session-Key: x"));
	must(rig_unseal(&g));
	assert_int_equal(smime_opened_kek(&g.opened, &got), E_NOTFOUND);
	buf_free(&entity);
	rig_close(&g);
}

static void odd_session_keys(void **state)
{
	static const struct {
		const char *head;
		int r;
	} rows[] = {
		{ "Content-Session-Key: kek;id=00;key=00112233445566778899aab"
		  "bccddeeff\r\n", 0 },
		{ "A: b\r\ncontent-session-key :kek ; key=00112233445566778899"
		  "aabbccddeeff; id=00\r\n", 0 },
		{ "", E_NOTFOUND }, { "A: b\r\n", E_NOTFOUND },
		{ "Content-Session-Key: kek;id=00;key=0011\r\n", E_FORMAT },
		{ "Content-Session-Key: kek;id=0;key=00112233445566778899aabb"
		  "ccddeeff\r\n", E_FORMAT },
		{ "Content-Session-Key: kek;key=00112233445566778899aabbccddee"
		  "ff\r\n", E_FORMAT },
		{ "Content-Session-Key: kek;id=000102030405060708090a0b0c0d0e"
		  "0f10;key=00112233445566778899aabbccddeeff\r\n", E_FORMAT },
		{ "Content-Session-Key: kek;id=00;key=00112233445566778899aabb"
		  "ccddeefg\r\n", E_FORMAT },
		{ "Content-Session-Key: x;id=00;key=00112233445566778899aabbc"
		  "cddeeff\r\n", E_FORMAT },
		{ "Content-Session-Key: kek;id=00;key=00112233445566778899aabb"
		  "ccddeeff\r\nContent-Session-Key: kek\r\n", E_FORMAT },
		{ "Content-Session-Key:\r\n", E_FORMAT },
	};
	struct smime_kek k;

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		if (smime_kek_get(mime_text(rows[i].head), &k) != rows[i].r)
			fail_msg("%s", rows[i].head);
}

/* Recipients of two kinds in one message. */
static void several_recipients(void **state)
{
	static struct smime_rig other;
	struct smime_to to[2];

	(void)state;
	rig_open(&other, KIND_P384);
	rig_open(&g, KIND_RSA);
	ca_add(g.own[0], CREDENTIAL_CA, "",
	       ca_file(other.ca.cert, NULL, NULL, NULL));
	to[0] = other.to[2];
	to[1] = g.to[1];
	g.seal.envelope.to = to;
	g.seal.envelope.n_to = 2;
	must(rig_seal(&g, SMIME_ENCRYPT, ENTITY));
	must(rig_unseal(&g));
	smime_opened_free(&g.opened);
	g.open.terms.credential = other.own[2];
	must(rig_unseal(&g));
	rig_is_sdp(&g);
	smime_opened_free(&g.opened);
	g.open.terms.credential = other.own[1];
	assert_int_equal(rig_reason(&g), SMIME_UNDECIPHERABLE);
	rig_close(&g);
	rig_close(&other);
}

static const char *from_content(struct mime_bytes content, void *user)
{
	return memmem(content.p, content.len, user, strlen(user)) ? user
								  : NULL;
}

/* Where the caller is hidden, the content says whose signature it is. */
static void the_content_names_the_signer(void **state)
{
	(void)state;
	rig_open(&g, KIND_P256);
	must(rig_seal(&g, SMIME_SIGN_ENCRYPT,
		      "Content-Type: message/sip\r\n\r\n"
		      "From: <" ALICE ">\r\n(" MALLORY ")\r\n"));
	g.open.checking.id = NULL;
	assert_int_equal(rig_reason(&g), SMIME_SIGNER_REFUSED);
	g.open.checking.who = from_content;
	g.open.checking.user = (void *)(uintptr_t)BOB;
	assert_int_equal(rig_reason(&g), SMIME_SIGNER_REFUSED);
	g.open.checking.user = (void *)(uintptr_t)MALLORY;
	assert_int_equal(rig_reason(&g), SMIME_SIGNER_REFUSED);
	g.open.checking.user = (void *)(uintptr_t)ALICE;
	must(rig_unseal(&g));
	assert_true(mime_type_is(&g.opened.content.part[0].type,
				 "message/sip"));
	rig_close(&g);
}

static void plain_bodies_pass_unless_needed(void **state)
{
	static const struct {
		unsigned need;
		int form; /* -1: plain */
		enum smime_reason reason;
	} rows[] = {
		{ 0, -1, SMIME_FINE },
		{ SMIME_NEED_SIGNED, -1, SMIME_MISSING },
		{ SMIME_NEED_ENCRYPTED, -1, SMIME_MISSING },
		{ SMIME_NEED_HIDDEN, -1, SMIME_MISSING },
		{ SMIME_NEED_SIGNED, SMIME_SIGN, SMIME_FINE },
		{ SMIME_NEED_SIGNED, SMIME_ENCRYPT, SMIME_MISSING },
		{ SMIME_NEED_ENCRYPTED, SMIME_SIGN, SMIME_MISSING },
		{ SMIME_NEED_ENCRYPTED, SMIME_ENCRYPT, SMIME_FINE },
		{ SMIME_NEED_SIGNED | SMIME_NEED_ENCRYPTED,
		  SMIME_ENCRYPT_SIGN, SMIME_FINE },
		{ SMIME_NEED_HIDDEN, SMIME_ENCRYPT_SIGN, SMIME_MISSING },
		{ SMIME_NEED_HIDDEN, SMIME_SIGN_ENCRYPT, SMIME_FINE },
	};

	(void)state;
	rig_open(&g, KIND_P256);
	for (size_t i = 0; i < N(rows); i++) {
		g.open.need = rows[i].need;
		if (rows[i].form < 0) {
			assert_int_equal(rig_try(&g, "application/sdp",
						 mime_text(SDP)),
					 rows[i].reason);
			continue;
		}
		must(rig_seal(&g, (enum smime_form)rows[i].form, ENTITY));
		assert_int_equal(rig_reason(&g), rows[i].reason);
		rig_forget(&g);
	}
	rig_close(&g);
}

/* A part beside others: an AIB beside SDP. */
static void parts_are_opened_alone(void **state)
{
	struct buf part = buf_of(MIME_BODY_MAX), all = buf_of(MIME_BODY_MAX);
	const struct mime_fields f = {
		.type = mime_text("multipart/mixed;boundary=x.y") };
	struct mime_bytes both[2] = { mime_text(ENTITY), { NULL, 0 } };
	static struct mime m;

	(void)state;
	rig_open(&g, KIND_P256);
	must(rig_seal(&g, SMIME_SIGN,
		      "Content-Type: message/sipfrag\r\n\r\nTo: b\r\n"));
	mime_put_fields(&part, &(struct mime_head){ .type = g.sealed.type });
	buf_put(&part, g.sealed.body.data, g.sealed.body.len);
	both[1] = (struct mime_bytes){ part.data, part.len };
	mime_put_multipart(&all, "x.y", both, 2);
	assert_int_equal(mime_read(&f, (struct mime_bytes){
		all.data, all.len }, &m), 0);
	must(smime_open_part(&g.open, &m.part[2], &g.opened, &g.why));
	assert_true(mime_type_is(&g.opened.content.part[0].type,
				 "message/sipfrag"));
	buf_free(&part);
	buf_free(&all);
	rig_close(&g);
}

/* Certificates alone, as a 493 has them: then one can encrypt. */
static void certificates_alone(void **state)
{
	struct smime_terms bob, alice;
	struct smime_card *card = NULL;
	struct pin pin;
	struct mime_fields f;
	static struct mime m;

	(void)state;
	for (int i = 0; i < 2 * KINDS; i++) {
		rig_open(&g, (enum smime_kind)(i / 2));
		bob = g.open.terms;
		alice = g.seal.terms;
		must(smime_certs_write(&bob, i % 2, &g.sealed, &g.why));
		assert_non_null(strstr(g.sealed.type, "certs-only"));
		assert_int_equal(rig_reason(&g), SMIME_UNSUPPORTED);
		f = rig_fields(&g);
		assert_int_equal(mime_read(&f, (struct mime_bytes){
			g.sealed.body.data, g.sealed.body.len }, &m), 0);
		must(smime_certs_read(&alice, &m.part[0], BOB, &card, &pin,
				      &g.why));
		assert_int_equal(pin.state, PIN_NONE);
		rig_forget(&g);
		g.to[1].card = card;
		must(rig_seal(&g, SMIME_ENCRYPT, ENTITY));
		must(rig_unseal(&g));
		smime_card_free(card);
		rig_close(&g);
	}
}

static void certificates_of_others(void **state)
{
	struct smime_card *card = NULL;
	struct smime_terms t;
	struct pin pin;
	struct mime_fields f;
	static struct mime m;

	(void)state;
	rig_open(&g, KIND_P256);
	t = g.seal.terms;
	must(smime_certs_write(&g.open.terms, false, &g.sealed, &g.why));
	f = rig_fields(&g);
	assert_int_equal(mime_read(&f, (struct mime_bytes){
		g.sealed.body.data, g.sealed.body.len }, &m), 0);
	assert_int_equal(smime_certs_read(&t, &m.part[0], MALLORY, &card,
					  &pin, &g.why), E_AUTH);
	assert_int_equal(g.why.reason, SMIME_SIGNER_REFUSED);
	t.wall_us += 2ull * 365 * 86400 * 1000000; /* it expired */
	assert_int_equal(smime_certs_read(&t, &m.part[0], BOB, &card, &pin,
					  &g.why), E_AUTH);
	assert_int_equal(g.why.reason, SMIME_SIGNER_REFUSED);
	t = g.seal.terms;
	m.part[0].body.len--;
	assert_int_equal(smime_certs_read(&t, &m.part[0], BOB, &card, &pin,
					  &g.why), E_FORMAT);
	m.part[0].body.len++;
	m.part[0].transfer = MIME_FOREIGN;
	assert_int_equal(smime_certs_read(&t, &m.part[0], BOB, &card, &pin,
					  &g.why), E_UNSUPPORTED);
	rig_forget(&g);
	must(rig_seal(&g, SMIME_SIGN_OPAQUE, ENTITY)); /* it has a signer */
	f = rig_fields(&g);
	assert_int_equal(mime_read(&f, (struct mime_bytes){
		g.sealed.body.data, g.sealed.body.len }, &m), 0);
	assert_int_equal(smime_certs_read(&t, &m.part[0], ALICE, &card, &pin,
					  &g.why), E_UNSUPPORTED);
	assert_int_equal(mime_read_entity(mime_text(ENTITY), &m), 0);
	assert_int_equal(smime_certs_read(&t, &m.part[0], ALICE, &card, &pin,
					  &g.why), E_UNSUPPORTED);
	assert_null(card);
	t.credential = NULL;
	assert_int_equal(smime_certs_write(&t, false, &g.sealed, &g.why),
			 E_CONF);
	rig_close(&g);
}

/* -- RFC 6216 ------------------------------------------------------------- */

static int vector_file(const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/rfc6216/%s", VECTOR_DIR, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	return fd;
}

/* Kumiko, to whom the messages go; she believes that one. */
static struct credential *kumiko(const char *set, const char *believes)
{
	struct credential *c;
	char name[64];

	assert_int_equal(credential_new(&c), 0);
	snprintf(name, sizeof name, "%s_kumiko.cert.pem", set);
	ca_add(c, CREDENTIAL_CERT, "", vector_file(name));
	snprintf(name, sizeof name, "%s_kumiko.key.pem", set);
	ca_add(c, CREDENTIAL_KEY, "", vector_file(name));
	ca_add(c, CREDENTIAL_CA, "", vector_file(believes));
	snprintf(name, sizeof name, "%s_fluffy.cert.pem", set);
	ca_add(c, CREDENTIAL_PEER, "fluffy", vector_file(name));
	return c;
}

/* The value of a header field; none of them is folded there. */
static struct mime_bytes header(struct mime_bytes m, const char *name)
{
	const uint8_t *p = memmem(m.p, m.len, name, strlen(name)), *end;

	if (!p)
		return (struct mime_bytes){ NULL, 0 };
	p += strlen(name);
	end = memmem(p, m.len - (size_t)(p - m.p), "\r\n", 2);
	return (struct mime_bytes){ p, (size_t)(end - p) };
}

static int open_message(const char *name)
{
	static uint8_t bytes[4096]; /* what was opened points into it */
	int fd = vector_file(name);
	ssize_t n = read(fd, bytes, sizeof bytes);
	const uint8_t *body = memmem(bytes, (size_t)n, "\r\n\r\n", 4);
	struct mime_bytes head = { bytes, (size_t)(body + 2 - bytes) };
	struct mime_fields f = {
		.type = header(head, "\r\nContent-Type: "),
		.disposition = header(head, "\r\nContent-Disposition: "),
		.transfer = header(head, "\r\nContent-Transfer-Encoding: "),
	};

	close(fd);
	return smime_open(&g.open, &f, (struct mime_bytes){
		body + 4, (size_t)(bytes + n - body) - 4 }, &g.opened,
		&g.why);
}

static void messages_of_rfc6216(void **state)
{
	static const struct {
		const char *file, *set;
		size_t layers;
		bool is_signed;
	} rows[] = {
		{ "smime-msg.dat", "eku", 1, true },
		{ "cms-smime-msg.dat", "eku", 1, true },
		{ "noeku-smime-msg.dat", "noeku", 1, true },
		{ "noeku-cms-smime-msg.dat", "noeku", 1, true },
		{ "smime-encrypted.dat", "eku", 1, false },
		{ "noeku-smime-encrypted.dat", "noeku", 1, false },
		{ "smime-sign-encrypt.dat", "eku", 2, true },
		{ "noeku-smime-sign-encrypt.dat", "eku", 2, true },
	};
	char anchor[64];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		memset(&g, 0, sizeof g);
		snprintf(anchor, sizeof anchor, "%s_fluffy.cert.pem",
			 rows[i].set);
		g.own[1] = kumiko(rows[i].set, anchor);
		g.open = (struct smime_open){
			.terms = { .credential = g.own[1], .wall_us = NOW_US },
			.checking = { .id = "sip:fluffy@example.com",
				      .peer = "fluffy", .legacy = true },
		};
		must(open_message(rows[i].file));
		assert_int_equal(g.opened.n, rows[i].layers);
		assert_int_equal(g.opened.is_signed, rows[i].is_signed);
		assert_true(mime_type_is(&g.opened.content.part[0].type,
					 "text/plain"));
		assert_memory_equal(g.opened.content.part[0].body.p, "Hello!",
				    6);
		smime_opened_free(&g.opened);
		g.open.checking.legacy = false;
		assert_true(open_message(rows[i].file) != 0);
		assert_int_equal(g.why.reason, SMIME_WEAK);
		credential_free(g.own[1]);
		if (!rows[i].is_signed)
			continue;
		g.own[1] = kumiko(rows[i].set, "ca.cert.pem");
		g.open.terms.credential = g.own[1];
		g.open.checking.legacy = true; /* no matter: SHA-1 above */
		assert_true(open_message(rows[i].file) != 0);
		assert_int_equal(g.why.reason, SMIME_SIGNER_REFUSED);
		credential_free(g.own[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_with_each_key),
		cmocka_unit_test(each_cipher),
		cmocka_unit_test(signatures_by_pss),
		cmocka_unit_test(certificates_are_referred_to),
		cmocka_unit_test(capabilities_choose_the_cipher),
		cmocka_unit_test(session_keys),
		cmocka_unit_test(session_keys_travel),
		cmocka_unit_test(odd_session_keys),
		cmocka_unit_test(several_recipients),
		cmocka_unit_test(the_content_names_the_signer),
		cmocka_unit_test(plain_bodies_pass_unless_needed),
		cmocka_unit_test(parts_are_opened_alone),
		cmocka_unit_test(certificates_alone),
		cmocka_unit_test(certificates_of_others),
		cmocka_unit_test(messages_of_rfc6216),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
