/* test_smime_bad.c - bodies that must not open, and the reason and status that
 * each gets: cut and changed ones, stripped and signed anew, of the wrong
 * people, by weak algorithms, too large, and CMS that lies. */
#include "config.h" /* memmem() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/mock/alloc.h"
#include "tests/mock/slow.h"
#include "tests/unit/smime_rig.h"

#include "daemon/keeper/certs/credential_cms.h"

#include <openssl/rsa.h>
#include <stdlib.h>

#define N(a) (sizeof(a) / sizeof *(a))
#define P7M "application/pkcs7-mime"

static struct smime_rig g;

static void must(int r)
{
	if (r)
		fail_msg("%d: %s", r, g.why.text);
}

static struct mime_bytes sealed(void)
{
	return (struct mime_bytes){ g.sealed.body.data, g.sealed.body.len };
}

static void is(enum smime_reason got, enum smime_reason want, unsigned status)
{
	if (got != want)
		fail_msg("%s, not %s: %s", smime_reason_text(got),
			 smime_reason_text(want), g.why.text);
	assert_int_equal(smime_status(want), status);
}

/* -- cut and changed ------------------------------------------------------ */

static void no_cut_opens(void **state)
{
	(void)state;
	rig_open(&g, KIND_P256);
	for (int form = 0; form < SMIME_FORMS; form++) {
		must(rig_seal(&g, (enum smime_form)form, ENTITY));
		for (size_t n = 0; n < g.sealed.body.len; n++)
			assert_int_not_equal(rig_try(&g, g.sealed.type,
				(struct mime_bytes){ g.sealed.body.data, n }),
				SMIME_FINE);
		buf_put(&g.sealed.body, "x", 1);
		assert_int_not_equal(rig_reason(&g), SMIME_FINE);
		rig_forget(&g);
	}
	rig_close(&g);
}

/* What opens in spite of a changed bit has the content that was sealed, or
 * does not claim to be authentic. */
static void changed_bit(size_t i, bool claims)
{
	const struct mime_fields f = rig_fields(&g);
	uint8_t *at = &g.sealed.body.data[i / 8];

	*at ^= (uint8_t)(1u << i % 8);
	if (!smime_open(&g.open, &f, sealed(), &g.opened, &g.why)) {
		if (g.opened.authentic)
			rig_is_sdp(&g);
		else
			assert_false(claims);
		assert_int_equal(g.opened.content.n, 1);
	} else {
		assert_int_equal(g.opened.content.n, 0);
		assert_int_not_equal(g.why.reason, SMIME_BROKEN);
		assert_int_not_equal(g.why.reason, SMIME_OURS);
	}
	smime_opened_free(&g.opened);
	*at ^= (uint8_t)(1u << i % 8);
}

static void no_change_is_believed(void **state)
{
	const size_t step = rounds(61, 307); /* bits */

	(void)state;
	rig_open(&g, KIND_P256);
	for (int form = 0; form < SMIME_FORMS; form++) {
		must(rig_seal(&g, (enum smime_form)form, ENTITY));
		for (size_t i = 0; i < 8 * g.sealed.body.len; i += step)
			changed_bit(i, true);
		rig_forget(&g);
	}
	g.seal.envelope.cipher = SMIME_AES_128_CBC;
	must(rig_seal(&g, SMIME_ENCRYPT, ENTITY));
	for (size_t i = 0; i < 8 * g.sealed.body.len; i += step)
		changed_bit(i, false);
	rig_close(&g);
}

/* Without AEAD and without a signature outside, nothing tells what the changed
 * ciphertext became. */
static void cbc_tells_nothing(void **state)
{
	unsigned seen[SMIME_REASONS] = { 0 };

	(void)state;
	rig_open(&g, KIND_P256);
	g.seal.envelope.cipher = SMIME_AES_128_CBC;
	must(rig_seal(&g, SMIME_SIGN_ENCRYPT, ENTITY));
	for (size_t i = g.sealed.body.len - 900; i < g.sealed.body.len;
	     i += 3) {
		g.sealed.body.data[i] ^= 1;
		seen[rig_reason(&g)]++;
		g.sealed.body.data[i] ^= 1;
	}
	assert_int_equal(seen[SMIME_UNDECIPHERABLE] + seen[SMIME_FINE], 300);
	/* those that open are in what nothing depends on */
	assert_true(seen[SMIME_FINE] < 70);
	rig_close(&g);
}

/* -- stripped, moved, signed anew ----------------------------------------- */

/* The parts of the multipart that is sealed. */
static void parts_of(struct mime *m)
{
	const struct mime_fields f = rig_fields(&g);

	assert_int_equal(mime_read(&f, sealed(), m), 0);
	assert_int_equal(m->part[0].multi, MIME_SIGNED);
}

/* A whole entity in place of the body. */
static enum smime_reason try_entity(struct mime_bytes entity)
{
	static struct mime m;
	char type[SMIME_TYPE_TEXT];

	assert_int_equal(mime_read_entity(entity, &m), 0);
	snprintf(type, sizeof type, "%.*s", (int)m.part[0].fields.type.len,
		 (const char *)m.part[0].fields.type.p);
	return rig_try(&g, type, m.part[0].body);
}

static void layers_are_missed(void **state)
{
	static struct mime m;

	(void)state;
	rig_open(&g, KIND_P256);
	must(rig_seal(&g, SMIME_ENCRYPT_SIGN, ENTITY));
	g.open.need = SMIME_NEED_SIGNED | SMIME_NEED_ENCRYPTED;
	is(rig_reason(&g), SMIME_FINE, 200);
	parts_of(&m);
	is(try_entity(m.part[1].raw), SMIME_MISSING, 488); /* no signature */
	is(try_entity(mime_text(ENTITY)), SMIME_MISSING, 488);
	rig_forget(&g);
	must(rig_seal(&g, SMIME_SIGN, ENTITY)); /* no encryption */
	is(rig_reason(&g), SMIME_MISSING, 488);
	rig_close(&g);
}

static void parts_that_are_reordered(void **state)
{
	struct buf all = buf_of(MIME_BODY_MAX);
	static struct mime m;
	struct mime_bytes part[3];
	char boundary[MIME_BOUNDARY_TEXT], type[SMIME_TYPE_TEXT];

	(void)state;
	rig_open(&g, KIND_P256);
	must(rig_seal(&g, SMIME_SIGN, ENTITY));
	parts_of(&m);
	part[0] = part[2] = m.part[2].raw;
	part[1] = m.part[1].raw;
	assert_int_equal(mime_boundary(boundary, part, 2), 0);
	snprintf(type, sizeof type, "multipart/signed;boundary=%s;"
		 "protocol=\"application/pkcs7-signature\"", boundary);
	mime_put_multipart(&all, boundary, part, 2);
	is(rig_try(&g, type, (struct mime_bytes){ all.data, all.len }),
	   SMIME_MALFORMED, 400);
	buf_clear(&all);
	mime_put_multipart(&all, boundary, part, 3);
	is(rig_try(&g, type, (struct mime_bytes){ all.data, all.len }),
	   SMIME_MALFORMED, 400);
	buf_clear(&all);
	mime_put_multipart(&all, boundary, part + 1, 2);
	is(rig_try(&g, type, (struct mime_bytes){ all.data, all.len }),
	   SMIME_FINE, 200);
	snprintf(type, sizeof type, "multipart/signed;boundary=%s;"
		 "protocol=\"application/pgp-signature\"", boundary);
	is(rig_try(&g, type, (struct mime_bytes){ all.data, all.len }),
	   SMIME_UNSUPPORTED, 415);
	snprintf(type, sizeof type, "multipart/signed;boundary=%s", boundary);
	is(rig_try(&g, type, (struct mime_bytes){ all.data, all.len }),
	   SMIME_UNSUPPORTED, 415);
	buf_free(&all);
	rig_close(&g);
}

/* What Alice encrypted, Mallory signs. */
static void stripped_and_signed_anew(void **state)
{
	struct smime_sealed own;
	static struct mime m;

	(void)state;
	rig_open(&g, KIND_P256);
	must(rig_seal(&g, SMIME_ENCRYPT_SIGN, ENTITY));
	parts_of(&m);
	g.seal.terms.credential = g.own[2];
	g.seal.form = SMIME_SIGN;
	must(smime_seal(&g.seal, m.part[1].raw, &own, &g.why));
	smime_sealed_free(&g.sealed);
	g.sealed = own;
	is(rig_reason(&g), SMIME_SIGNER_REFUSED, 403);
	g.open.checking.id = MALLORY; /* it is his call then */
	is(rig_reason(&g), SMIME_FINE, 200);
	rig_close(&g);
}

/* -- the wrong people ----------------------------------------------------- */

static void wrong_recipient(void **state)
{
	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		rig_open(&g, (enum smime_kind)kind);
		must(rig_seal(&g, SMIME_ENCRYPT_SIGN, ENTITY));
		g.open.terms.credential = g.own[2];
		is(rig_reason(&g), SMIME_UNDECIPHERABLE, 493);
		rig_close(&g);
	}
}

static void wrong_key_of_the_right_name(void **state)
{
	struct credential *c;

	(void)state;
	for (int kind = 0; kind < KINDS; kind++) {
		rig_open(&g, (enum smime_kind)kind);
		must(rig_seal(&g, SMIME_ENCRYPT, ENTITY));
		c = ca_credential(g.cert[1], NULL, rig_key(
			(enum smime_kind)kind, 2), &g.ca);
		g.open.terms.credential = c;
		is(rig_reason(&g), SMIME_UNDECIPHERABLE, 493);
		credential_free(c);
		rig_close(&g);
	}
}

static void wrong_signer(void **state)
{
	(void)state;
	rig_open(&g, KIND_P256);
	must(rig_seal(&g, SMIME_SIGN, ENTITY));
	g.open.checking.id = "sip:alice2@a.example";
	is(rig_reason(&g), SMIME_SIGNER_REFUSED, 403);
	g.open.checking.id = NULL;
	is(rig_reason(&g), SMIME_SIGNER_REFUSED, 403);
	rig_close(&g);
}

/* Alice's certificate, as ordered; it must be refused. */
static void refuse_signer(const struct ca_order *o, const struct ca *by,
			  bool revoked)
{
	X509 *x = ca_issue(by, rig_key(KIND_P256, 0), "alice", o);
	struct credential *c = ca_credential(x, NULL, rig_key(KIND_P256, 0),
					     by);

	g.seal.terms.credential = c;
	must(rig_seal(&g, SMIME_SIGN, ENTITY));
	if (revoked) {
		X509_CRL *crl = ca_revoke(by, x, 86400);

		ca_add(g.own[1], CREDENTIAL_CRL, "",
		       ca_file(NULL, NULL, NULL, crl));
		X509_CRL_free(crl);
	}
	is(rig_reason(&g), SMIME_SIGNER_REFUSED, 403);
	rig_forget(&g);
	credential_free(c);
	X509_free(x);
}

static void certificates_that_are_refused(void **state)
{
	struct ca rogue;

	(void)state;
	rig_open(&g, KIND_P256);
	rogue = ca_make(14, "the issuer");
	refuse_signer(&(struct ca_order){ .san = "URI:" ALICE, .to_s = -1 },
		      &g.ca, false);
	refuse_signer(&(struct ca_order){ .san = "URI:" ALICE, .from_s = 9 },
		      &g.ca, false);
	refuse_signer(&(struct ca_order){ .san = "URI:" BOB }, &g.ca, false);
	refuse_signer(&(struct ca_order){ .san = "DNS:a.example.org" }, &g.ca,
		      false);
	refuse_signer(&(struct ca_order){ .san = "URI:" ALICE,
		.usage = "keyEncipherment" }, &g.ca, false);
	refuse_signer(&(struct ca_order){ .san = "URI:" ALICE,
		.extended = "serverAuth" }, &g.ca, false);
	refuse_signer(&(struct ca_order){ .san = "URI:" ALICE }, &rogue,
		      false);
	refuse_signer(&(struct ca_order){ .san = "URI:" ALICE }, &g.ca, true);
	ca_free(&rogue);
	rig_close(&g);
}

static void recipients_that_are_refused(void **state)
{
	static const struct ca_order orders[] = {
		{ .san = "URI:" MALLORY },
		{ .san = "URI:" BOB, .to_s = -1 },
		{ .san = "URI:" BOB, .usage = "digitalSignature" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * N(orders); i++) {
		enum smime_kind kind = i % 2 ? KIND_RSA : KIND_P256;
		struct credential *c;
		X509 *x;

		rig_open(&g, kind);
		x = ca_issue(&g.ca, rig_key(kind, 1), "bob", &orders[i / 2]);
		c = ca_credential(x, NULL, rig_key(kind, 1), &g.ca);
		smime_card_free(g.card[1]);
		g.to[1].card = g.card[1] = rig_card(c);
		assert_int_not_equal(rig_seal(&g, SMIME_ENCRYPT, ENTITY), 0);
		is(g.why.reason, SMIME_SIGNER_REFUSED, 403);
		assert_null(g.sealed.body.data);
		credential_free(c);
		X509_free(x);
		rig_close(&g);
	}
	rig_open(&g, KIND_P256);
	assert_int_not_equal(rig_seal(&g, SMIME_FORMS, ENTITY), 0);
	is(g.why.reason, SMIME_OURS, 500);
	g.seal.terms.credential = NULL;
	assert_int_not_equal(rig_seal(&g, SMIME_SIGN, ENTITY), 0);
	is(g.why.reason, SMIME_OURS, 500);
	rig_close(&g);
}

/* -- trust on first use --------------------------------------------------- */

/* Alice, certified by nobody but herself, with one of the RSA keys. */
static struct credential *self_signed(unsigned key)
{
	struct ca by = ca_make(key, "alice");
	X509 *x = ca_issue(&by, ca_key(key, "RSA", 2048), "alice",
			   &(struct ca_order){ .san = "URI:" ALICE });
	struct credential *c = ca_credential(x, NULL, ca_key(key, "RSA", 2048),
					     &by);

	X509_free(x);
	ca_free(&by);
	return c;
}

static void a_pinned_certificate_stays(void **state)
{
	struct credential *alice[2] = { self_signed(1), self_signed(3) };
	char why[REASON_TEXT];
	struct memory *m;

	(void)state;
	rig_open(&g, KIND_RSA);
	assert_int_equal(memory_new(-1, 16, &m), 0);
	g.open.terms.trust = (struct trust){ true, m };
	is((must(rig_seal(&g, SMIME_SIGN, ENTITY)), rig_reason(&g)),
	   SMIME_SIGNER_REFUSED, 403); /* not self-signed */
	for (unsigned i = 0; i < 3; i++) {
		rig_forget(&g);
		g.seal.terms.credential = alice[i / 2];
		must(rig_seal(&g, SMIME_SIGN, ENTITY));
		if (i == 2) {
			is(rig_reason(&g), SMIME_SIGNER_REFUSED, 403);
		} else {
			must(rig_unseal(&g));
			assert_int_equal(g.opened.signer.pin.state,
					 i ? PIN_KNOWN : PIN_NEW);
			assert_int_equal(trust_keep(m, &g.opened.signer.pin,
						    true, NOW_US, why), 0);
		}
	}
	credential_free(alice[0]);
	credential_free(alice[1]);
	memory_free(m);
	rig_close(&g);
}

/* -- memory that runs out ------------------------------------------------- */

static void work(void *user)
{
	int r = rig_seal(&g, *(enum smime_form *)user, ENTITY);

	if (!r)
		r = rig_unseal(&g);
	if (r)
		assert_int_equal(g.why.reason, SMIME_BROKEN);
	else
		rig_is_sdp(&g);
	rig_forget(&g);
}

static void no_memory_no_content(void **state)
{
	(void)state;
	rig_open(&g, KIND_P256);
	for (int form = 0; form < SMIME_FORMS; form++) {
		for (int base64 = 0; base64 < 2; base64++) {
			enum smime_form f = (enum smime_form)form;

			g.seal.base64 = base64;
			assert_in_range(alloc_walk(work, &f), 3, 20000);
		}
	}
	rig_close(&g);
}

static void cards_that_are_refused(void **state)
{
	struct der chain[CHAIN_MAX + 1];
	struct smime_card *c;

	(void)state;
	rig_open(&g, KIND_P256);
	credential_chain(g.own[0], chain);
	for (size_t i = 1; i <= CHAIN_MAX; i++)
		chain[i] = chain[0];
	assert_int_equal(smime_card_new(chain, 0, &c, &g.why), E_FORMAT);
	assert_int_equal(smime_card_new(chain, CHAIN_MAX + 1, &c, &g.why),
			 E_SPACE);
	assert_int_equal(smime_card_new(chain, CHAIN_MAX, &c, &g.why), 0);
	smime_card_free(smime_card_keep(c));
	smime_card_free(c);
	smime_card_free(NULL);
	while (chain[0].len-- > 0)
		assert_int_equal(smime_card_new(chain, 1, &c, &g.why),
				 E_FORMAT);
	rig_close(&g);
}

/* -- CMS made by OpenSSL alone -------------------------------------------- */

static enum smime_reason try_cms(CMS_ContentInfo *cms)
{
	uint8_t *der = NULL;
	int len = i2d_CMS_ContentInfo(cms, &der);
	enum smime_reason got;

	assert_true(len > 0);
	got = rig_try(&g, P7M, (struct mime_bytes){ der, (size_t)len });
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	return got;
}

static BIO *content(void)
{
	return BIO_new_mem_buf(ENTITY, -1);
}

struct key_terms {
	const EVP_CIPHER *cipher;
	const EVP_MD *hash; /* of OAEP or of the key agreement */
	bool oaep;
};

static CMS_ContentInfo *encrypted(const struct key_terms *k, X509 *to)
{
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, k->cipher,
					   CMS_BINARY | CMS_PARTIAL);
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, to,
							CMS_KEY_PARAM);
	EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(ri);
	BIO *in = content();

	if (k->oaep) {
		assert_true(EVP_PKEY_CTX_set_rsa_padding(
				    ctx, RSA_PKCS1_OAEP_PADDING) > 0);
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, k->hash);
	} else if (k->hash) {
		assert_true(EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, k->hash) > 0);
	}
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	BIO_free(in);
	return cms;
}

static void weak_keys_and_ciphers(void **state)
{
	const struct {
		enum smime_kind kind;
		struct key_terms k;
		enum smime_reason strict, legacy;
	} rows[] = {
		{ KIND_RSA, { EVP_aes_128_cbc(), NULL, false }, SMIME_WEAK,
		  SMIME_FINE },
		{ KIND_RSA, { EVP_aes_128_cbc(), EVP_sha1(), true },
		  SMIME_WEAK, SMIME_FINE },
		{ KIND_RSA, { EVP_aes_192_cbc(), EVP_sha512(), true },
		  SMIME_FINE, SMIME_FINE },
		{ KIND_RSA, { EVP_des_ede3_cbc(), EVP_sha256(), true },
		  SMIME_WEAK, SMIME_FINE },
		{ KIND_RSA, { EVP_camellia_128_cbc(), EVP_sha256(), true },
		  SMIME_WEAK, SMIME_WEAK },
		{ KIND_P256, { EVP_aes_128_cbc(), EVP_sha1(), false },
		  SMIME_WEAK, SMIME_FINE },
		{ KIND_P256, { EVP_aes_256_gcm(), EVP_sha512(), false },
		  SMIME_FINE, SMIME_FINE },
		{ KIND_P256, { EVP_aes_256_gcm(), EVP_sha224(), false },
		  SMIME_WEAK, SMIME_WEAK },
		{ KIND_P256, { EVP_des_ede3_cbc(), EVP_sha256(), false },
		  SMIME_WEAK, SMIME_FINE },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		rig_open(&g, rows[i].kind);
		is(try_cms(encrypted(&rows[i].k, g.cert[1])), rows[i].strict,
		   rows[i].strict ? 488 : 200);
		g.open.checking.legacy = true;
		is(try_cms(encrypted(&rows[i].k, g.cert[1])), rows[i].legacy,
		   rows[i].legacy ? 488 : 200);
		rig_close(&g);
	}
}

/* A key under PKCS #1 v1.5 that does not open looks like one that does. */
static void a_wrong_padding_tells_nothing(void **state)
{
	const struct key_terms k = { EVP_aes_128_cbc(), NULL, false };
	CMS_ContentInfo *cms;
	uint8_t *der = NULL;
	size_t len, at;

	(void)state;
	rig_open(&g, KIND_RSA);
	g.open.checking.legacy = true;
	cms = encrypted(&k, g.cert[1]);
	len = (size_t)i2d_CMS_ContentInfo(cms, &der);
	CMS_ContentInfo_free(cms);
	at = len - 300; /* within the encrypted key */
	for (size_t i = 0; i < 100; i++) {
		der[at + i] ^= 1;
		is(rig_try(&g, P7M, (struct mime_bytes){ der, len }),
		   SMIME_UNDECIPHERABLE, 493);
		assert_string_equal(g.why.text, "it is not encrypted for us, "
				    "or was changed");
		der[at + i] ^= 1;
	}
	OPENSSL_free(der);
	rig_close(&g);
}

static void too_many_recipients(void **state)
{
	CMS_ContentInfo *cms;
	BIO *in;

	(void)state;
	rig_open(&g, KIND_P256);
	for (int n = SMIME_RECIPIENTS; n <= SMIME_RECIPIENTS + 1; n++) {
		cms = CMS_encrypt(NULL, NULL, EVP_aes_128_gcm(),
				  CMS_BINARY | CMS_PARTIAL);
		for (int i = 0; i < n; i++) {
			CMS_RecipientInfo *ri = CMS_add1_recipient_cert(
				cms, g.cert[1], CMS_KEY_PARAM);

			EVP_PKEY_CTX_set_ecdh_kdf_md(
				CMS_RecipientInfo_get0_pkey_ctx(ri),
				EVP_sha256());
		}
		in = content();
		assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
		BIO_free(in);
		is(try_cms(cms), n > SMIME_RECIPIENTS ? SMIME_TOO_LARGE
						      : SMIME_FINE,
		   n > SMIME_RECIPIENTS ? 400 : 200);
	}
	rig_close(&g);
}

/* A tag of 4 bytes would be guessed soon. The object is short enough for heads
 * of two and of four bytes. */
static void short_tags(void **state)
{
	static const uint8_t icv[] = { 0x02, 0x01, 0x10 };
	struct smime_kek k = { .id = "k", .id_len = 1 };
	uint8_t *p, *hit;
	size_t len;

	(void)state;
	rig_open(&g, KIND_P256);
	secret_random(&k.key, 16);
	g.seal.envelope.kek = &k;
	g.seal.envelope.n_to = 0;
	g.open.kek = &k;
	g.open.n_kek = 1;
	must(rig_seal(&g, SMIME_ENCRYPT, ENTITY SDP SDP SDP));
	is(rig_reason(&g), SMIME_FINE, 200);
	p = g.sealed.body.data;
	len = g.sealed.body.len - 12;
	hit = memmem(p, len, icv, sizeof icv);
	assert_non_null(hit);
	hit[2] = 4;
	assert_int_equal(p[len + 12 - 17], 0x10);
	p[len + 12 - 17] = 4;
	for (size_t i = 0; i < 3; i++) { /* SEQUENCE, [0], SEQUENCE */
		uint8_t *head = p + (i == 0 ? 0 : i == 1 ? 17 : 21);
		unsigned n = (unsigned)head[2] << 8 | head[3];

		assert_int_equal(head[1], 0x82);
		head[2] = (uint8_t)((n - 12) >> 8);
		head[3] = (uint8_t)(n - 12);
	}
	is(rig_try(&g, P7M, (struct mime_bytes){ p, len }), SMIME_WEAK, 488);
	rig_close(&g);
}

/* -- signatures made by OpenSSL alone ------------------------------------- */

struct sign_terms {
	const EVP_MD *hash;
	unsigned flags;
	int type;  /* of the content; 0: data */
	bool lies; /* it says data in the end, the attribute does not */
	bool twice;
};

static CMS_ContentInfo *signed_by_alice(const struct sign_terms *s)
{
	const unsigned flags = CMS_BINARY | CMS_PARTIAL;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	EVP_PKEY *key = credential_private(g.own[0]);
	CMS_SignerInfo *si = NULL;
	BIO *in = content();

	if (s->type)
		CMS_set1_eContentType(cms, OBJ_nid2obj(s->type));
	for (int i = 0; i <= s->twice; i++)
		si = CMS_add1_signer(cms, g.cert[0], key, s->hash, s->flags |
				     CMS_NOSMIMECAP | (i ? CMS_NOCERTS : 0));
	assert_non_null(si);
	assert_int_equal(CMS_final(cms, in, NULL, flags), 1);
	if (s->lies)
		CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_data));
	BIO_free(in);
	return cms;
}

static void signatures_that_are_refused(void **state)
{
	const struct {
		struct sign_terms s;
		enum smime_reason strict, legacy;
	} rows[] = {
		{ { .hash = EVP_sha256() }, SMIME_FINE, SMIME_FINE },
		{ { .hash = EVP_sha512() }, SMIME_FINE, SMIME_FINE },
		{ { .hash = EVP_sha1() }, SMIME_WEAK, SMIME_FINE },
		{ { .hash = EVP_sha224() }, SMIME_WEAK, SMIME_WEAK },
		{ { .hash = EVP_sha256(), .flags = CMS_NOATTR }, SMIME_WEAK,
		  SMIME_FINE },
		{ { .hash = EVP_sha256(), .twice = true }, SMIME_UNSUPPORTED,
		  SMIME_UNSUPPORTED },
		{ { .hash = EVP_sha256(), .type = NID_pkcs7_digest },
		  SMIME_UNSUPPORTED, SMIME_UNSUPPORTED },
		{ { .hash = EVP_sha256(), .type = NID_pkcs7_digest,
		    .lies = true }, SMIME_MALFORMED, SMIME_MALFORMED },
		{ { .hash = EVP_sha256(), .flags = CMS_NOCERTS },
		  SMIME_SIGNER_UNKNOWN, SMIME_SIGNER_UNKNOWN },
	};

	(void)state;
	for (int kind = 0; kind <= KIND_P256; kind++) {
		rig_open(&g, (enum smime_kind)kind);
		for (size_t i = 0; i < N(rows); i++) {
			g.open.checking.legacy = false;
			is(try_cms(signed_by_alice(&rows[i].s)),
			   rows[i].strict, smime_status(rows[i].strict));
			g.open.checking.legacy = true;
			is(try_cms(signed_by_alice(&rows[i].s)),
			   rows[i].legacy, smime_status(rows[i].legacy));
		}
		rig_close(&g);
	}
}

/* Makes lengths of two bytes larger. */
static void lengthen(uint8_t *head, size_t by)
{
	unsigned n = ((unsigned)head[2] << 8 | head[3]) + (unsigned)by;

	assert_int_equal(head[1], 0x82);
	head[2] = (uint8_t)(n >> 8);
	head[3] = (uint8_t)n;
}

/* The one digest, listed often: each listing costs a hash of all content. */
static void digests_are_listed_once(void **state)
{
	const struct sign_terms s = { .hash = EVP_sha256() };
	uint8_t *der = NULL, *set, out[4096];

	(void)state;
	rig_open(&g, KIND_P256);
	for (size_t more = 3; more <= 4; more++) {
		CMS_ContentInfo *cms = signed_by_alice(&s);
		size_t len = (size_t)i2d_CMS_ContentInfo(cms, &der), one;

		lengthen(der, 0);
		set = memmem(der, len, "\x02\x01\x01\x31", 4);
		assert_non_null(set);
		set += 3;
		one = set[1]; /* one AlgorithmIdentifier */
		assert_in_range(one, 13, 15);
		memcpy(out, der, (size_t)(set + 2 - der) + one);
		for (size_t i = 1; i <= more; i++)
			memcpy(out + (set + 2 - der) + i * one, set + 2, one);
		memcpy(out + (set + 2 - der) + (more + 1) * one,
		       set + 2 + one, len - (size_t)(set + 2 - der) - one);
		lengthen(out, more * one);
		lengthen(out + 15, more * one);
		lengthen(out + 19, more * one);
		out[set + 1 - der] = (uint8_t)(one * (more + 1));
		is(rig_try(&g, P7M, (struct mime_bytes){
			out, len + more * one }), more > 3
			? SMIME_WRONG_SIGNATURE : SMIME_FINE, more > 3 ? 403
								       : 200);
		OPENSSL_free(der);
		der = NULL;
		CMS_ContentInfo_free(cms);
	}
	rig_close(&g);
}

static void detached_or_not(void **state)
{
	const struct sign_terms s = { .hash = EVP_sha256() };
	CMS_ContentInfo *cms;
	struct buf all = buf_of(MIME_BODY_MAX), p7s = buf_of(MIME_BODY_MAX);
	struct mime_bytes part[2] = { mime_text(ENTITY), { NULL, 0 } };
	uint8_t *der = NULL;
	int len;

	(void)state;
	rig_open(&g, KIND_P256);
	cms = signed_by_alice(&s);
	len = i2d_CMS_ContentInfo(cms, &der);
	mime_put_entity(&p7s, &(struct mime_head){
		.type = "application/pkcs7-signature" },
		(struct mime_bytes){ der, (size_t)len });
	part[1] = (struct mime_bytes){ p7s.data, p7s.len };
	mime_put_multipart(&all, "x.y", part, 2);
	is(rig_try(&g, "multipart/signed;boundary=x.y;"
		   "protocol=\"application/pkcs7-signature\"",
		   (struct mime_bytes){ all.data, all.len }),
	   SMIME_MALFORMED, 400);
	CMS_set_detached(cms, 1);
	is(try_cms(cms), SMIME_MALFORMED, 400);
	OPENSSL_free(der);
	buf_free(&p7s);
	buf_free(&all);
	rig_close(&g);
}

static void too_many_certificates(void **state)
{
	const struct sign_terms s = { .hash = EVP_sha256() };

	(void)state;
	rig_open(&g, KIND_P256);
	for (int n = CHAIN_MAX; n <= CHAIN_MAX + 1; n++) {
		CMS_ContentInfo *cms = signed_by_alice(&s);

		for (int i = 1; i < n; i++) {
			X509 *x = ca_issue(&g.ca, rig_key(KIND_P256, 2), "x",
					   &(struct ca_order){ .san = NULL });

			assert_int_equal(CMS_add0_cert(cms, x), 1);
		}
		is(try_cms(cms), n > CHAIN_MAX ? SMIME_TOO_LARGE : SMIME_FINE,
		   n > CHAIN_MAX ? 400 : 200);
	}
	rig_close(&g);
}

/* -- other types, sizes --------------------------------------------------- */

static CMS_ContentInfo *of_type(int which)
{
	BIO *in = content();
	CMS_ContentInfo *cms =
		which == 0 ? CMS_data_create(in, CMS_BINARY)
		: which == 1 ? CMS_digest_create(in, EVP_sha256(), CMS_BINARY)
			     : CMS_EncryptedData_encrypt(in,
				EVP_aes_128_cbc(), (const uint8_t *)
				"0123456789abcdef", 16, CMS_BINARY);

	BIO_free(in);
	assert_non_null(cms);
	return cms;
}

/* RFC 3274: ContentInfo { compressedData, [0] { 0, zlib, data } }; what is
 * in it is never looked at. */
static const uint8_t compressed[] = {
	0x30, 0x41, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09,
	0x10, 0x01, 0x09, 0xa0, 0x32, 0x30, 0x30, 0x02, 0x01, 0x00, 0x30, 0x0d,
	0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03,
	0x08, 0x30, 0x1c, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
	0x07, 0x01, 0xa0, 0x0f, 0x04, 0x0d, 0x78, 0x9c, 0x73, 0x74, 0x1c, 0x05,
	0xa3, 0x60, 0x14, 0x00, 0x00, 0x02, 0x01,
};

static void other_types_are_not_opened(void **state)
{
	static const struct {
		const char *type;
		enum smime_reason reason;
		unsigned status;
	} rows[] = {
		{ "multipart/encrypted;boundary=b", SMIME_UNSUPPORTED, 415 },
		{ "multipart/mixed;boundary=b", SMIME_FINE, 200 },
		{ P7M, SMIME_MALFORMED, 400 },
		{ "multipart/mixed", SMIME_MALFORMED, 400 },
		{ "", SMIME_MALFORMED, 400 },
	};

	(void)state;
	rig_open(&g, KIND_P256);
	for (int i = 0; i < 3; i++)
		is(try_cms(of_type(i)), SMIME_UNSUPPORTED, 415);
	is(rig_try(&g, P7M ";smime-type=compressed-data", (struct mime_bytes){
		compressed, sizeof compressed }), SMIME_UNSUPPORTED, 415);
	for (size_t i = 0; i < N(rows); i++)
		is(rig_try(&g, rows[i].type, mime_text(
			"--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--")),
		   rows[i].reason, rows[i].status);
	must(rig_seal(&g, SMIME_SIGN_OPAQUE, ENTITY));
	g.sealed.transfer = "quoted-printable";
	is(rig_reason(&g), SMIME_UNSUPPORTED, 415);
	g.sealed.transfer = "base64";
	is(rig_reason(&g), SMIME_MALFORMED, 400);
	rig_forget(&g);
	must(rig_seal(&g, SMIME_ENCRYPT, "what is no entity"));
	is(rig_reason(&g), SMIME_MALFORMED, 400);
	rig_forget(&g);
	g.seal.envelope.cipher = SMIME_AES_128_CBC;
	must(rig_seal(&g, SMIME_ENCRYPT, "what is no entity"));
	is(rig_reason(&g), SMIME_UNDECIPHERABLE, 493);
	rig_close(&g);
}

/* Seals what is sealed already. */
static void seal_again(enum smime_form form)
{
	struct buf entity = buf_of(MIME_BODY_MAX);
	struct smime_sealed again;

	mime_put_fields(&entity, &(struct mime_head){
		.type = g.sealed.type, .transfer = g.sealed.transfer });
	buf_put(&entity, g.sealed.body.data, g.sealed.body.len);
	g.seal.form = form;
	must(smime_seal(&g.seal, (struct mime_bytes){ entity.data, entity.len },
			&again, &g.why));
	buf_free(&entity);
	smime_sealed_free(&g.sealed);
	g.sealed = again;
}

static void too_large(void **state)
{
	char *big = calloc(1, MIME_BODY_MAX + 1);

	(void)state;
	rig_open(&g, KIND_P256);
	memset(big, 'x', MIME_BODY_MAX);
	memcpy(big, ENTITY, strlen(ENTITY));
	for (int form = 0; form < SMIME_FORMS; form++) {
		assert_int_equal(rig_seal(&g, (enum smime_form)form, big),
				 E_SPACE);
		is(g.why.reason, SMIME_TOO_LARGE, 400);
		assert_null(g.sealed.body.data);
	}
	is(rig_try(&g, "a/b", (struct mime_bytes){
		(uint8_t *)big, MIME_BODY_MAX + 1 }), SMIME_TOO_LARGE, 400);
	free(big);
	must(rig_seal(&g, SMIME_SIGN, ENTITY));
	seal_again(SMIME_ENCRYPT);
	seal_again(SMIME_SIGN); /* triple wrapping */
	must(rig_unseal(&g));
	assert_int_equal(g.opened.n, 3);
	rig_is_sdp(&g);
	smime_opened_free(&g.opened);
	seal_again(SMIME_SIGN_OPAQUE);
	is(rig_reason(&g), SMIME_TOO_LARGE, 400);
	rig_close(&g);
}

static void every_reason_has_words(void **state)
{
	(void)state;
	for (int i = 0; i < SMIME_REASONS; i++) {
		assert_true(strlen(smime_reason_text((enum smime_reason)i)) >
			    3);
		assert_true(smime_status((enum smime_reason)i) >= 200);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_cut_opens),
		cmocka_unit_test(no_change_is_believed),
		cmocka_unit_test(cbc_tells_nothing),
		cmocka_unit_test(layers_are_missed),
		cmocka_unit_test(parts_that_are_reordered),
		cmocka_unit_test(stripped_and_signed_anew),
		cmocka_unit_test(wrong_recipient),
		cmocka_unit_test(wrong_key_of_the_right_name),
		cmocka_unit_test(wrong_signer),
		cmocka_unit_test(certificates_that_are_refused),
		cmocka_unit_test(recipients_that_are_refused),
		cmocka_unit_test(a_pinned_certificate_stays),
		cmocka_unit_test(no_memory_no_content),
		cmocka_unit_test(cards_that_are_refused),
		cmocka_unit_test(weak_keys_and_ciphers),
		cmocka_unit_test(a_wrong_padding_tells_nothing),
		cmocka_unit_test(too_many_recipients),
		cmocka_unit_test(short_tags),
		cmocka_unit_test(signatures_that_are_refused),
		cmocka_unit_test(digests_are_listed_once),
		cmocka_unit_test(detached_or_not),
		cmocka_unit_test(too_many_certificates),
		cmocka_unit_test(other_types_are_not_opened),
		cmocka_unit_test(too_large),
		cmocka_unit_test(every_reason_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
