/* test_trust.c - certificates trusted on first use: what is pinned and what is
 * not, change, loss, and the methods that bring them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/base/log.h"
#include "daemon/keeper/certs/trust.h"
#include "tests/unit/cert_pair.h"

static X509 *self[2]; /* Alice's, Bob's: each signs for itself */
static X509 *other;   /* Bob's name, another key */
static char logged[1024];

static void keep_line(enum log_class c, const char *line)
{
	if (c == LOG_CLASS_REFUSED)
		snprintf(logged, sizeof logged, "%s", line);
}

static X509 *self_signed(unsigned key, const char *name,
			 const struct ca_order *order)
{
	struct ca by = ca_make(key, name);
	X509 *x = ca_issue(&by, rsa_key(key), name, order);

	ca_free(&by);
	return x;
}

/* Neither has an anchor. */
static struct credential *own(X509 *x, unsigned key)
{
	struct credential *c;

	assert_int_equal(credential_new(&c), 0);
	ca_add(c, CREDENTIAL_CERT, "", ca_file(x, NULL, NULL, NULL));
	ca_add(c, CREDENTIAL_KEY, "", ca_file(NULL, NULL, rsa_key(key), NULL));
	assert_true(credential_proves(c));
	assert_false(credential_ready(c));
	return c;
}

static void digest_of(X509 *x, uint8_t print[FINGERPRINT])
{
	unsigned len = FINGERPRINT;

	assert_int_equal(X509_digest(x, EVP_sha256(), print, &len), 1);
}

static struct memory *memory(void)
{
	struct memory *m;

	assert_int_equal(memory_new(-1, 16, &m), 0);
	return m;
}

struct ends {
	struct cert_pair p;
	struct credential *a, *b;
	struct memory *m[2];
};

static void ends_open(struct ends *e, const struct keying *how, X509 *bob,
		      unsigned bobs_key)
{
	struct certs none = { .own = { NULL, NULL } };

	pair_open(&e->p, how, &none);
	e->a = own(self[0], KEY_A);
	e->b = own(bob, bobs_key);
	e->p.a.credential = e->a;
	e->p.b.credential = e->b;
	e->p.a.trust = (struct trust){ true, e->m[0] };
	e->p.b.trust = (struct trust){ true, e->m[1] };
}

static void ends_close(struct ends *e)
{
	pair_close(&e->p);
	credential_free(e->a);
	credential_free(e->b);
}

static int call(struct ends *e)
{
	int r = pair_offer(&e->p);

	if (!r)
		r = pair_answer(&e->p);
	return r ? r : pair_finish(&e->p);
}

static int keep(struct memory *m, const struct pin *pin, bool outward)
{
	char why[REASON_TEXT];

	return trust_keep(m, pin, outward, NOW_US, why);
}

static void the_first_call_pins_the_next_ones_fit(void **state)
{
	const struct keying *const methods[] = { &mikey_dhsign, &mikey_ecdh,
						 &mikey_rsa_r };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct ends e = { .m = { memory(), memory() } };

		for (int n = 1; n <= 2; n++) {
			ends_open(&e, methods[i], self[1], KEY_B);
			assert_int_equal(call(&e), 0);
			assert_int_equal(e.p.calling.facts.verified, 0);
			assert_int_equal(e.p.calling.facts.pinned, n);
			assert_int_equal(e.p.calling.facts.confirmed, 1);
			assert_int_equal(e.p.calling.pin.state, n);
			assert_string_equal(e.p.calling.pin.name, "b.example");
			/* who was called has not seen the caller ever */
			assert_int_equal(e.p.called.facts.verified, 0);
			assert_int_equal(e.p.called.facts.pinned, PIN_NEW);
			assert_int_equal(keep(e.m[0], &e.p.calling.pin, true),
					 0);
			assert_int_equal(keep(e.m[1], &e.p.called.pin, false),
					 0);
			ends_close(&e);
		}
		assert_int_equal(memory_count(e.m[0], MEMORY_PIN), 1);
		assert_int_equal(memory_count(e.m[1], MEMORY_PIN), 0);
		memory_free(e.m[0]);
		memory_free(e.m[1]);
	}
}

static void another_certificate_is_refused_until_accepted(void **state)
{
	struct ends e = { .m = { memory(), memory() } };
	char old[FINGERPRINT_TEXT], now[FINGERPRINT_TEXT];
	uint8_t print[FINGERPRINT];

	(void)state;
	digest_of(self[1], print);
	fingerprint_text(print, old);
	assert_int_equal(trust_accept(e.m[0], "b.example", print, NOW_US), 0);
	digest_of(other, print);
	fingerprint_text(print, now);
	ends_open(&e, &mikey_dhsign, other, KEY_ROGUE);
	assert_int_equal(call(&e), E_AUTH);
	assert_int_equal(e.p.calling.n, 0);
	assert_non_null(strstr(e.p.fault.text, "b.example changed"));
	assert_non_null(strstr(e.p.fault.text, "callsealctl trust --accept"));
	assert_non_null(strstr(logged, old));
	assert_non_null(strstr(logged, now));
	assert_non_null(strstr(logged, "callsealctl trust --accept b.example"));
	ends_close(&e);
	/* nor may it call us */
	ends_open(&e, &mikey_dhsign, other, KEY_ROGUE);
	e.p.b.credential = e.a;
	e.p.a.credential = e.b;
	e.p.a.local_id = e.p.b.remote_id = BOB;
	e.p.a.remote_id = e.p.b.local_id = ALICE;
	e.p.b.trust.memory = e.m[0];
	assert_int_equal(pair_offer(&e.p), 0);
	assert_int_equal(pair_answer(&e.p), E_AUTH);
	ends_close(&e);
	assert_int_equal(trust_accept(e.m[0], "b.example", print, NOW_US), 0);
	ends_open(&e, &mikey_dhsign, other, KEY_ROGUE);
	assert_int_equal(call(&e), 0);
	assert_int_equal(e.p.calling.facts.pinned, PIN_KNOWN);
	assert_int_equal(e.p.calling.facts.verified, 0);
	ends_close(&e);
	memory_free(e.m[0]);
	memory_free(e.m[1]);
}

/* Two first calls at once: the second finds the pin of the first. */
static void a_pin_that_came_meanwhile_counts(void **state)
{
	struct memory *m = memory();
	struct pin one = { PIN_NEW, "b.example", { 1 } };
	struct pin two = { PIN_NEW, "b.example", { 2 } };

	(void)state;
	assert_int_equal(keep(m, &one, true), 0);
	assert_int_equal(keep(m, &two, true), E_AUTH);
	assert_int_equal(keep(m, &two, false), E_AUTH);
	assert_int_equal(keep(m, &one, false), 0);
	assert_int_equal(keep(NULL, &one, true), E_FULL);
	memory_free(m);
}

static int check(const struct memory *m, const char *who, bool domain,
		 uint8_t first, struct pin *pin)
{
	const struct trust t = { true, m };
	uint8_t print[FINGERPRINT] = { first };
	char why[REASON_TEXT];

	return trust_check(&t, who, domain, print, pin, why);
}

static void users_and_domains(void **state)
{
	struct memory *m = memory();
	uint8_t print[FINGERPRINT] = { 1 };
	struct pin pin;

	(void)state;
	assert_int_equal(check(m, "bob@b", false, 1, &pin), 0);
	assert_string_equal(pin.name, "bob@b");
	assert_int_equal(check(m, "bob@b", true, 1, &pin), 0);
	assert_string_equal(pin.name, "b");
	assert_int_equal(pin.state, PIN_NEW);
	trust_accept(m, "b", print, NOW_US);
	/* a certificate for the user does not get round the domain's pin */
	assert_int_equal(check(m, "bob@b", false, 2, &pin), E_AUTH);
	assert_int_equal(check(m, "carol@b", true, 1, &pin), 0);
	assert_int_equal(pin.state, PIN_KNOWN);
	/* the user's own pin comes first */
	print[0] = 2;
	trust_accept(m, "bob@b", print, NOW_US);
	assert_int_equal(check(m, "bob@b", false, 2, &pin), 0);
	assert_string_equal(pin.name, "bob@b");
	assert_int_equal(check(m, "bob@b", true, 1, &pin), E_AUTH);
	memory_free(m);
}

static void after_damage_nothing_is_new(void **state)
{
	FILE *f = tmpfile();
	int fd = fileno(f);
	struct memory *m;
	uint8_t print[FINGERPRINT] = { 1 };
	struct pin pin;

	(void)state;
	assert_int_equal(memory_new(fd, 16, &m), 0);
	trust_accept(m, "b", print, NOW_US);
	memory_free(m);
	assert_int_equal(pwrite(fd, "damage", 6, 512 + 30), 6);
	assert_int_equal(memory_new(fd, 16, &m), 0);
	assert_int_equal(check(m, "bob@b", true, 1, &pin), E_LOST);
	assert_non_null(strstr(logged, "lost by damage"));
	assert_int_equal(keep(m, &(struct pin){ PIN_NEW, "c", { 1 } }, true),
			 E_LOST);
	trust_accept(m, "b", print, NOW_US);
	assert_int_equal(check(m, "bob@b", true, 1, &pin), 0);
	assert_int_equal(check(m, "bob@c", true, 1, &pin), E_LOST);
	assert_int_equal(memory_mend(m, MEMORY_PIN), 0);
	assert_int_equal(check(m, "bob@c", true, 1, &pin), 0);
	memory_free(m);
	fclose(f);
}

/* What a certificate of one's own must be, too. */
static void bad_ones_are_refused(void **state)
{
	static const struct {
		struct ca_order order;
		const char *reason;
	} rows[] = {
		{ { .san = "URI:sip:b.example", .to_s = -1 }, "expired" },
		{ { .san = "URI:sip:b.example", .from_s = 9 },
		  "not valid yet" },
		{ { .san = "URI:sip:c.example" }, "for sip:c.example" },
		{ { .san = NULL }, "for nobody" },
		{ { .san = "URI:sip:b.example", .usage = "keyEncipherment" },
		  "may not sign" },
		{ { .san = "URI:sip:b.example", .extended = "serverAuth" },
		  "not for SIP" },
	};
	struct ca ca = ca_make(KEY_CA, "an issuer");
	struct ends e = { .m = { memory(), memory() } };
	X509 *x;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const uint8_t *der;
		uint8_t *bytes = NULL;
		struct credential_fault why = { "" };
		struct certificate *out;
		int len;

		x = self_signed(KEY_B, "b", &rows[i].order);
		len = i2d_X509(x, &bytes);
		der = bytes;
		ends_open(&e, &mikey_dhsign, self[1], KEY_B);
		assert_int_equal(credential_verify(e.a, &(struct der){
			der, (size_t)len }, 1, &(struct credential_ask){
			CERTIFICATE_SIGNS, BOB, NOW_US, { true, e.m[0] } },
			&out, &why), E_AUTH);
		if (!strstr(why.text, rows[i].reason))
			fail_msg("%s", why.text);
		ends_close(&e);
		OPENSSL_free(bytes);
		X509_free(x);
	}
	/* of an issuer that nobody named */
	x = ca_issue(&ca, rsa_key(KEY_B), "b", &(struct ca_order){
		.san = "URI:sip:b.example" });
	ends_open(&e, &mikey_dhsign, x, KEY_B);
	assert_int_equal(call(&e), E_AUTH);
	assert_non_null(strstr(e.p.fault.text, "not self-signed"));
	ends_close(&e);
	X509_free(x);
	assert_int_equal(memory_count(e.m[0], MEMORY_PIN), 0);
	memory_free(e.m[0]);
	memory_free(e.m[1]);
	ca_free(&ca);
}

/* Without trust on first use it stays what it was: nobody. */
static void by_an_anchor_they_are_strangers(void **state)
{
	struct ends e = { .m = { memory(), memory() } };

	(void)state;
	ends_open(&e, &mikey_dhsign, self[1], KEY_B);
	e.p.a.trust.tofu = false;
	assert_int_equal(call(&e), E_POLICY);
	ends_close(&e);
	ends_open(&e, &mikey_dhsign, self[1], KEY_B);
	ca_add(e.a, CREDENTIAL_CA, "", ca_file(self[0], NULL, NULL, NULL));
	e.p.a.trust.tofu = false;
	assert_int_equal(call(&e), E_AUTH);
	ends_close(&e);
	memory_free(e.m[0]);
	memory_free(e.m[1]);
}

/* The operator's own word about a peer is no first use. */
static void a_configured_certificate_needs_no_pin(void **state)
{
	struct ends e = { .m = { memory(), memory() } };

	(void)state;
	ends_open(&e, &mikey_pke, self[1], KEY_B);
	ca_add(e.a, CREDENTIAL_PEER, "them",
	       ca_file(self[1], NULL, NULL, NULL));
	assert_int_equal(call(&e), 0);
	assert_int_equal(e.p.calling.facts.verified, 1);
	assert_int_equal(e.p.calling.facts.pinned, 0);
	assert_int_equal(e.p.called.facts.verified, 0);
	assert_int_equal(e.p.called.facts.pinned, PIN_NEW);
	ends_close(&e);
	memory_free(e.m[0]);
	memory_free(e.m[1]);
}

static int order(struct memory *m, enum trust_order what, const char *name)
{
	struct msg_trust t = { .order = what, .print = { 7 } };
	char why[REASON_TEXT] = "";
	int r;

	snprintf(t.name, sizeof t.name, "%s", name);
	r = trust_order(m, &t, NOW_US, why);
	assert_int_equal(!r, !why[0]);
	return r;
}

static void note(struct memory *m, enum memory_kind kind, const char *name)
{
	const uint8_t one = 1;

	assert_int_equal(memory_put(m, &(struct memory_record){
		kind, name, &one, 1, NOW_US }), 0);
}

/* A peer's name, a host's, or both with a space between. */
static void the_operators_orders(void **state)
{
	struct memory *m = memory();
	struct memory_record r;

	(void)state;
	assert_int_equal(order(m, TRUST_ACCEPT, "b.example"), 0);
	note(m, MEMORY_BEST, "trunk b.example");
	note(m, MEMORY_BEST, "trunk c.example");
	note(m, MEMORY_METHOD, "trunk");
	note(m, MEMORY_METHOD, "trunks");
	note(m, MEMORY_COUNTER, "trunk");
	assert_int_equal(order(m, TRUST_FORGET, "example"), E_NOTFOUND);
	assert_int_equal(order(m, TRUST_FORGET, "b.example"), 0);
	assert_int_equal(memory_count(m, MEMORY_PIN), 0);
	assert_int_equal(memory_count(m, MEMORY_BEST), 1);
	assert_int_equal(order(m, TRUST_FORGET, "trunk"), 0);
	assert_int_equal(memory_count(m, MEMORY_BEST), 0);
	assert_int_equal(memory_get(m, MEMORY_METHOD, "trunks", &r), 0);
	assert_int_equal(memory_count(m, MEMORY_METHOD), 1);
	assert_int_equal(memory_count(m, MEMORY_COUNTER), 1);
	assert_int_equal(order(m, TRUST_MEND, ""), 0);
	assert_int_equal(order(m, (enum trust_order)9, "b"), E_ARG);
	assert_int_equal(order(m, TRUST_ACCEPT, ""), E_ARG);
	memory_free(m);
}

static void fingerprints_are_read(void **state)
{
	char text[FINGERPRINT_TEXT], colons[3 * FINGERPRINT + 1];
	uint8_t print[FINGERPRINT], got[FINGERPRINT];

	(void)state;
	digest_of(self[0], print);
	fingerprint_text(print, text);
	assert_int_equal(fingerprint_read(text, got), 0);
	assert_memory_equal(got, print, FINGERPRINT);
	for (size_t i = 0; i < FINGERPRINT; i++)
		snprintf(colons + 3 * i, 4, "%02X:", print[i]);
	assert_int_equal(fingerprint_read(colons, got), E_FORMAT);
	colons[3 * FINGERPRINT - 1] = 0;
	assert_int_equal(fingerprint_read(colons, got), 0);
	assert_memory_equal(got, print, FINGERPRINT);
	for (size_t n = 0; n < FINGERPRINT_TEXT - 1; n++) {
		char c = text[n];

		text[n] = 0;
		assert_int_equal(fingerprint_read(text, got), E_FORMAT);
		text[n] = 'g';
		assert_int_equal(fingerprint_read(text, got), E_FORMAT);
		text[n] = c;
	}
}

static int setup(void **state)
{
	(void)state;
	log_to(keep_line);
	self[0] = self_signed(KEY_A, "a", &(struct ca_order){
		.san = "URI:sip:a.example" });
	self[1] = self_signed(KEY_B, "b", &(struct ca_order){
		.san = "URI:sip:b.example" });
	other = self_signed(KEY_ROGUE, "b", &(struct ca_order){
		.san = "URI:sip:b.example" });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	X509_free(self[0]);
	X509_free(self[1]);
	X509_free(other);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_call_pins_the_next_ones_fit),
		cmocka_unit_test(another_certificate_is_refused_until_accepted),
		cmocka_unit_test(a_pin_that_came_meanwhile_counts),
		cmocka_unit_test(users_and_domains),
		cmocka_unit_test(after_damage_nothing_is_new),
		cmocka_unit_test(bad_ones_are_refused),
		cmocka_unit_test(by_an_anchor_they_are_strangers),
		cmocka_unit_test(a_configured_certificate_needs_no_pin),
		cmocka_unit_test(fingerprints_are_read),
		cmocka_unit_test(the_operators_orders),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
