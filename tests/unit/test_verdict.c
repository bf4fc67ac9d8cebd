/* The verdict and the table of failures: pure functions, all of their rows. */
#include "daemon/base/err.h"
#include "daemon/base/esp.h"
#include "daemon/engine/report/failure.h"
#include "daemon/engine/report/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void all_verdicts(void **state)
{
	static const struct {
		bool sealed, keyed, offerer;
		uint8_t verified, confirmed;
		enum verdict_word word;
	} row[] = {
		{ 0, 0, 0, 0, 0, VERDICT_PLAIN },
		{ 0, 1, 1, 1, 1, VERDICT_PLAIN },
		{ 1, 0, 1, 1, 1, VERDICT_PLAIN },
		{ 1, 1, 0, 0, 0, VERDICT_PEER },
		{ 1, 1, 1, 0, 1, VERDICT_PEER },
		{ 1, 1, 1, 1, 0, VERDICT_PEER },
		{ 1, 1, 1, 1, 1, VERDICT_SEALED },
		{ 1, 1, 0, 1, 0, VERDICT_SEALED },
		{ 1, 1, 0, 2, 0, VERDICT_PEER }, /* not 1: not known */
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct verdict_facts f = { .sealed = row[i].sealed,
					   .keyed = row[i].keyed,
					   .offerer = row[i].offerer };
		struct verdict v;

		f.key.verified = row[i].verified;
		f.key.confirmed = row[i].confirmed;
		v = verdict_of(&f);
		assert_int_equal(v.word, row[i].word);
		assert_true(strlen(v.reason) > 0);
	}
}

/* Whatever else is proven, it is not who was called. */
static void diverted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct verdict_facts f = { .sealed = i & 1, .keyed = i >> 1 & 1,
					   .offerer = i >> 2 & 1,
					   .sdp_signed = i >> 5 & 1 };
		struct verdict as_called;
		struct verdict v;

		f.key.verified = i >> 3 & 1;
		f.key.confirmed = i >> 4 & 1;
		as_called = verdict_of(&f);
		f.diverted = true;
		v = verdict_of(&f);
		if (as_called.word != VERDICT_SEALED) {
			assert_int_equal(v.word, as_called.word);
			continue;
		}
		assert_int_equal(v.word, VERDICT_PEER);
		assert_non_null(strstr(v.reason, "the call was diverted"));
	}
}

/* Keys in SDP: as good as the hop's TLS, whatever else is claimed. */
static void bare_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct verdict_facts f = { .sealed = i & 1, .keyed = i >> 1 & 1,
					   .offerer = i >> 2 & 1,
					   .hop = i >> 5 & 1 };
		struct verdict v;

		f.key.bare = 1;
		f.key.verified = i >> 3 & 1;
		f.key.confirmed = i >> 4 & 1;
		v = verdict_of(&f);
		assert_int_equal(v.word, f.sealed && f.keyed && f.hop
				 ? VERDICT_HOP : VERDICT_PLAIN);
	}
}

/* Whatever else is proven: who is on the way hears it. */
static void readable_media(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct verdict_facts f = { .sealed = 1, .keyed = 1,
					   .offerer = i & 1,
					   .hop = i >> 1 & 1 };

		f.key.suite = i >> 2 & 1 ? SUITE_NULL_HMAC_SHA1_32
					 : SUITE_NULL_HMAC_SHA1_80;
		f.key.verified = i >> 3 & 1;
		f.key.confirmed = i >> 4 & 1;
		f.key.bare = i >> 5 & 1;
		assert_int_equal(verdict_of(&f).word, VERDICT_PLAIN);
		assert_non_null(strstr(verdict_of(&f).reason,
				       "encrypts nothing"));
	}
}

/* A long key that came under a short one: still sealed, but it is said. */
static void weak_exchanges_are_named(void **state)
{
	static const struct {
		enum suite suite;
		uint16_t bits;
		bool weak;
	} row[] = {
		{ SUITE_AEAD_AES_128_GCM, 0, false },
		{ SUITE_AEAD_AES_128_GCM, 128, false },
		{ SUITE_AEAD_AES_128_GCM, 90, true },
		{ SUITE_AEAD_AES_256_GCM, 0, true },
		{ SUITE_AEAD_AES_256_GCM, 128, true },
		{ SUITE_AEAD_AES_256_GCM, 255, true },
		{ SUITE_AEAD_AES_256_GCM, 256, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct verdict_facts f = { .sealed = true, .keyed = true };
		struct verdict v;

		f.key.verified = f.key.confirmed = 1;
		f.key.suite = (uint16_t)row[i].suite;
		f.key.key_bits = row[i].bits;
		v = verdict_of(&f);
		assert_int_equal(v.word, VERDICT_SEALED);
		assert_int_equal(strstr(v.reason, "weaker") != NULL,
				 row[i].weak);
	}
}

/* IKE makes the tunnel's keys by an exchange of its own, of 128 bits; MIKEY's
 * key proves the ends, and a short one is told, too. */
static void keys_of_ike_are_told(void **state)
{
	static const struct {
		enum esp_suite suite;
		uint16_t bits;
		bool weak;
	} row[] = {
		{ ESP_AES_128_GCM, 0, false },
		{ ESP_AES_128_GCM, 256, false },
		{ ESP_AES_128_CBC_SHA256, 128, false },
		{ ESP_AES_128_GCM, 90, true },
		{ ESP_AES_256_GCM, 128, true },
		{ ESP_AES_256_GCM, 256, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct verdict_facts f = { .sealed = true, .keyed = true,
					   .by_ike = true };

		f.key.verified = f.key.confirmed = 1;
		f.key.esp = (uint8_t)row[i].suite;
		f.key.key_bits = row[i].bits;
		assert_int_equal(verdict_of(&f).word, VERDICT_SEALED);
		assert_non_null(strstr(verdict_of(&f).reason, "to IKE"));
		assert_int_equal(strstr(verdict_of(&f).reason, "weaker") !=
				 NULL, row[i].weak);
		f.key.identity = KEY_IDENTITY_NONE;
		assert_non_null(strstr(verdict_of(&f).reason, row[i].weak
				       ? "weaker" : "names nobody"));
		f.key.identity = KEY_IDENTITY_OTHER;
		assert_int_equal(verdict_of(&f).word, VERDICT_PEER);
		f.key.identity = KEY_IDENTITY_CALL;
		f.key.verified = 0;
		assert_int_equal(verdict_of(&f).word, VERDICT_PEER);
		f.keyed = false;
		assert_int_equal(verdict_of(&f).word, VERDICT_PLAIN);
	}
}

/* Keys of another identity than the call's are never sealed; keys of nobody
 * are, since a credential proved them, but it is said. */
static void identities_are_told(void **state)
{
	struct verdict_facts f = { .sealed = true, .keyed = true };

	(void)state;
	f.key.verified = f.key.confirmed = 1;
	f.key.suite = SUITE_AEAD_AES_128_GCM;
	f.key.identity = KEY_IDENTITY_OTHER;
	assert_int_equal(verdict_of(&f).word, VERDICT_PEER);
	assert_non_null(strstr(verdict_of(&f).reason, "diverted"));
	f.key.identity = KEY_IDENTITY_NONE;
	assert_int_equal(verdict_of(&f).word, VERDICT_SEALED);
	assert_non_null(strstr(verdict_of(&f).reason, "names nobody"));
	f.key.identity = KEY_IDENTITY_CALL;
	assert_null(strstr(verdict_of(&f).reason, "names nobody"));
}

/* It is told where SDP is not only MIKEY's companion, and nowhere else. */
static void signed_descriptions_are_told(void **state)
{
	struct verdict_facts f = { .sealed = true, .keyed = true,
				   .sdp_signed = true };

	(void)state;
	f.key.verified = f.key.confirmed = 1;
	f.key.suite = SUITE_AEAD_AES_128_GCM;
	assert_int_equal(verdict_of(&f).word, VERDICT_SEALED);
	assert_non_null(strstr(verdict_of(&f).reason, "both sides signed"));
	f.key.key_bits = 90;
	assert_non_null(strstr(verdict_of(&f).reason, "weaker"));
	f.key.verified = 0;
	assert_int_equal(verdict_of(&f).word, VERDICT_PEER);
	f.sealed = false;
	assert_int_equal(verdict_of(&f).word, VERDICT_PLAIN);
}

/* A pin is no configured credential, on whichever side. */
static void a_pin_makes_a_peer(void **state)
{
	static const char *const says[] = { "not verified", "not seen before",
					    "earlier call", "not verified" };

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct verdict_facts f = { .sealed = true, .keyed = true,
					   .offerer = i >> 2 & 1 };
		struct verdict v;

		f.key.pinned = i & 3;
		f.key.confirmed = i >> 3 & 1;
		v = verdict_of(&f);
		assert_int_equal(v.word, VERDICT_PEER);
		assert_non_null(strstr(v.reason, says[i & 3]));
	}
}

/* Whatever the facts, sealed needs all of them. */
static void never_better(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		struct verdict_facts f = { .sealed = i & 1, .keyed = i >> 1 & 1,
					   .offerer = i >> 2 & 1 };
		struct verdict v;

		f.key.verified = i >> 3 & 1;
		f.key.confirmed = i >> 4 & 1;
		f.key.identity = i >> 5 & 1 ? KEY_IDENTITY_OTHER
					    : KEY_IDENTITY_CALL;
		v = verdict_of(&f);
		if (v.word == VERDICT_SEALED)
			assert_true(f.sealed && f.keyed && f.key.verified &&
				    (!f.offerer || f.key.confirmed) &&
				    f.key.identity == KEY_IDENTITY_CALL);
		if (!f.sealed || !f.keyed)
			assert_int_equal(v.word, VERDICT_PLAIN);
	}
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_SEALED), "sealed");
	assert_string_equal(verdict_name(VERDICT_PLAIN), "plain");
	assert_string_equal(verdict_name(99), "?");
}

static void failures(void **state)
{
	static const struct {
		enum stage stage;
		int err, status;
		unsigned warn;
	} row[] = {
		{ STAGE_OFFER, E_FORMAT, 400, 399 },
		{ STAGE_OFFER, E_UNSUPPORTED, 488, 305 },
		{ STAGE_ANSWER, E_FORMAT, 488, 399 },
		{ STAGE_UNSEALED, E_POLICY, 488, 306 },
		{ STAGE_SEALED, E_POLICY, 488, 306 },
		{ STAGE_PORTS, E_FULL, 503, 399 },
		{ STAGE_KEY_ANSWER, E_AUTH, 488, 306 },
		{ STAGE_KEY_ANSWER, E_REPLAY, 488, 306 },
		{ STAGE_KEY_ANSWER, E_EXPIRED, 488, 306 },
		{ STAGE_KEY_ANSWER, E_UNSUPPORTED, 488, 306 },
		{ STAGE_KEY_ANSWER, E_FORMAT, 400, 399 },
		{ STAGE_KEY_ANSWER, E_POLICY, 403, 399 },
		{ STAGE_KEY_FINISH, E_AUTH, 488, 306 },
		{ STAGE_BIND, E_AUTH, 500, 399 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		const struct failure *f = failure_of(row[i].stage, row[i].err);

		assert_int_equal(f->status, row[i].status);
		assert_int_equal(f->warn_code, row[i].warn);
	}
}

/* Every stage has an end for every error, with all that a peer and an
 * operator need; what is ours and passes comes with Retry-After. */
static void complete(void **state)
{
	(void)state;
	for (int s = STAGE_OFFER; s <= STAGE_QUEUE; s++)
		for (int err = E_LOST; err < 0; err++) {
			const struct failure *f =
				failure_of((enum stage)s, err);

			assert_int_equal(f->stage, s);
			assert_in_range(f->status, 400, 699);
			assert_true(strlen(f->phrase) && strlen(f->cure));
			assert_int_equal(strlen(f->warn) > 0,
					 f->warn_code > 0);
			assert_null(strchr(f->warn, '"'));
			if (f->status == 503)
				assert_true(f->retry_after_s > 0);
		}
	assert_int_equal(failure_of((enum stage)99, E_AUTH)->status, 500);
}

/* doc/POLICY.md has every row of the table, in its order, and no other. */
static void policy_page(void **state)
{
	static char page[64 * 1024];
	const char *dir = getenv("srcdir"), *at;
	const struct failure *f;
	char path[256], row[256];
	size_t len;
	FILE *file;

	(void)state;
	snprintf(path, sizeof path, "%s/doc/POLICY.md", dir ? dir : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(page, 1, sizeof page - 1, file);
	fclose(file);
	page[len] = 0;
	at = strstr(page, "| where | how it failed |");
	assert_non_null(at);
	at = strchr(strchr(at, '\n') + 1, '\n') + 1;
	for (size_t i = 0; (f = failure_at(i)); i++) {
		snprintf(row, sizeof row, "| %s | %s | %d | %s | ",
			 stage_name(f->stage),
			 f->err ? err_text(f->err) : "any other", f->status,
			 f->warn);
		if (strncmp(at, row, strlen(row)))
			fail_msg("doc/POLICY.md lacks: %s", row);
		at = strchr(at, '\n') + 1;
	}
	assert_string_equal(at, "");
}

/* SRTP in ESP: no better than either, and the reason has both. */
static void srtp_in_esp_is_told(void **state)
{
	static const struct {
		uint8_t esp;
		uint16_t suite, bits;
		bool weak;
	} row[] = {
		{ ESP_AES_128_GCM, SUITE_AEAD_AES_128_GCM, 128, false },
		{ ESP_AES_256_GCM, SUITE_AEAD_AES_128_GCM, 128, true },
		{ ESP_AES_128_GCM, SUITE_AEAD_AES_256_GCM, 128, true },
		{ ESP_AES_256_GCM, SUITE_AEAD_AES_256_GCM, 256, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct verdict_facts f = {
			.sealed = true, .keyed = true,
			.key = { .esp = row[i].esp, .suite = row[i].suite,
				 .key_bits = row[i].bits, .verified = 1,
				 .confirmed = 1,
				 .identity = KEY_IDENTITY_CALL } };
		struct verdict v = verdict_of(&f);

		assert_int_equal(v.word, VERDICT_SEALED);
		assert_non_null(strstr(v.reason, "SRTP, in ESP"));
		assert_int_equal(strstr(v.reason, "weaker") != NULL,
				 row[i].weak);
		assert_string_equal(verdict_suite(&f.key),
				    suite_info(row[i].suite)->name);
		assert_string_equal(verdict_around(&f.key),
				    esp_suite_info(row[i].esp)->name);
		f.key.identity = KEY_IDENTITY_NONE;
		f.key.key_bits = 256;
		v = verdict_of(&f);
		assert_non_null(strstr(v.reason, "names nobody; media are "
				       "SRTP, in ESP"));
		f.key.verified = 0;
		assert_int_equal(verdict_of(&f).word, VERDICT_PEER);
		f.key.suite = SUITE_NONE;
		assert_null(verdict_around(&f.key));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_verdicts),
		cmocka_unit_test(diverted), cmocka_unit_test(never_better),
		cmocka_unit_test(weak_exchanges_are_named),
		cmocka_unit_test(keys_of_ike_are_told),
		cmocka_unit_test(identities_are_told),
		cmocka_unit_test(srtp_in_esp_is_told),
		cmocka_unit_test(bare_keys), cmocka_unit_test(readable_media),
		cmocka_unit_test(signed_descriptions_are_told),
		cmocka_unit_test(a_pin_makes_a_peer),
		cmocka_unit_test(names), cmocka_unit_test(failures),
		cmocka_unit_test(complete), cmocka_unit_test(policy_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
