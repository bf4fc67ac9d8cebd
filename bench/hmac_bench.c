/* hmac_bench.c - ns for the HMAC-SHA1 of one packet, the ways that OpenSSL
 * offers to keep a key between packets. Why evp.c does it as it does.
 *
 * usage: hmac_bench [BYTES] */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 21
#define CALLS 50000
#define KEY_LEN 20

static const uint8_t key[KEY_LEN] = { 1, 2, 3 };
static uint8_t in_pad[64], out_pad[64], packet[2048];
static size_t len = 176;

static SHA_CTX sha_in, sha_out;
static EVP_MD_CTX *md_in, *md_out, *md;
static HMAC_CTX *hmac;
static EVP_MAC_CTX *mac;

static void open_all(void)
{
	EVP_MAC *how = EVP_MAC_fetch(NULL, "HMAC", NULL);
	char sha1[] = "SHA1";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1,
						 0),
		OSSL_PARAM_construct_end(),
	};

	memset(in_pad, 0x36, 64);
	memset(out_pad, 0x5c, 64);
	for (int i = 0; i < KEY_LEN; i++) {
		in_pad[i] ^= key[i];
		out_pad[i] ^= key[i];
	}
	SHA1_Init(&sha_in);
	SHA1_Update(&sha_in, in_pad, 64);
	SHA1_Init(&sha_out);
	SHA1_Update(&sha_out, out_pad, 64);
	md_in = EVP_MD_CTX_new();
	md_out = EVP_MD_CTX_new();
	md = EVP_MD_CTX_new();
	EVP_DigestInit_ex2(md_in, EVP_sha1(), NULL);
	EVP_DigestUpdate(md_in, in_pad, 64);
	EVP_DigestInit_ex2(md_out, EVP_sha1(), NULL);
	EVP_DigestUpdate(md_out, out_pad, 64);
	EVP_DigestInit_ex2(md, EVP_sha1(), NULL);
	hmac = HMAC_CTX_new();
	HMAC_Init_ex(hmac, key, KEY_LEN, EVP_sha1(), NULL);
	mac = EVP_MAC_CTX_new(how);
	EVP_MAC_init(mac, key, KEY_LEN, params);
	EVP_MAC_free(how);
}

static void by_sha1(uint8_t *out)
{
	SHA_CTX c = sha_in;

	SHA1_Update(&c, packet, len);
	SHA1_Final(out, &c);
	c = sha_out;
	SHA1_Update(&c, out, 20);
	SHA1_Final(out, &c);
}

static void by_copy(uint8_t *out)
{
	EVP_MD_CTX_copy_ex(md, md_in);
	EVP_DigestUpdate(md, packet, len);
	EVP_DigestFinal_ex(md, out, NULL);
	EVP_MD_CTX_copy_ex(md, md_out);
	EVP_DigestUpdate(md, out, 20);
	EVP_DigestFinal_ex(md, out, NULL);
}

static void by_hmac(uint8_t *out)
{
	unsigned n;

	HMAC_Init_ex(hmac, NULL, 0, NULL, NULL);
	HMAC_Update(hmac, packet, len);
	HMAC_Final(hmac, out, &n);
}

static void by_mac(uint8_t *out)
{
	size_t n;

	EVP_MAC_init(mac, NULL, 0, NULL);
	EVP_MAC_update(mac, packet, len);
	EVP_MAC_final(mac, out, &n, 20);
}

static void by_pads(uint8_t *out)
{
	EVP_DigestInit_ex2(md, NULL, NULL);
	EVP_DigestUpdate(md, in_pad, 64);
	EVP_DigestUpdate(md, packet, len);
	EVP_DigestFinal_ex(md, out, NULL);
	EVP_DigestInit_ex2(md, NULL, NULL);
	EVP_DigestUpdate(md, out_pad, 64);
	EVP_DigestUpdate(md, out, 20);
	EVP_DigestFinal_ex(md, out, NULL);
}

static const struct {
	const char *name;
	void (*run)(uint8_t *out);
} ways[] = {
	{ "SHA1_*, SHA_CTX copied (deprecated)", by_sha1 },
	{ "EVP_MD_CTX_copy_ex", by_copy },
	{ "HMAC_Init_ex without key (deprecated)", by_hmac },
	{ "EVP_MAC_init without key", by_mac },
	{ "EVP_Digest*, both pads hashed anew", by_pads },
};
#define WAYS (sizeof ways / sizeof *ways)

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double timed(void (*run)(uint8_t *out))
{
	struct timespec a, b;
	uint8_t out[20];

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < CALLS; i++)
		run(out);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 +
		(double)(b.tv_nsec - a.tv_nsec)) / CALLS;
}

int main(int argc, char **argv)
{
	static double v[WAYS][ROUNDS];
	uint8_t want[20], out[20];

	if (argc > 1)
		len = (size_t)atoi(argv[1]);
	if (len > sizeof packet)
		return 1;
	open_all();
	by_sha1(want);
	for (size_t w = 0; w < WAYS; w++) {
		ways[w].run(out);
		if (memcmp(out, want, sizeof out))
			return 1;
	}
	for (int r = 0; r < ROUNDS; r++)
		for (size_t w = 0; w < WAYS; w++)
			v[w][r] = timed(ways[w].run);
	printf("HMAC-SHA1 of %zu bytes, medians of %d rounds\n", len, ROUNDS);
	for (size_t w = 0; w < WAYS; w++) {
		qsort(v[w], ROUNDS, sizeof **v, by_value);
		printf("%-40s %5.0f ns\n", ways[w].name, v[w][ROUNDS / 2]);
	}
	EVP_MD_CTX_free(md_in);
	EVP_MD_CTX_free(md_out);
	EVP_MD_CTX_free(md);
	HMAC_CTX_free(hmac);
	EVP_MAC_CTX_free(mac);
	return 0;
}
