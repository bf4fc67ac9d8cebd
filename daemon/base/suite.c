/* suite.c - the table of SRTP crypto suites. See suite.h. */
#include "daemon/base/suite.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define CM_HMAC(bits, tag) \
	bits / 8, 14, 20, tag, 10, 0, 0, 1, 1, 0
#define NULL_HMAC(tag) 16, 14, 20, tag, 10, 0, 0, 0, 1, 1

/* RTCP keeps 80 bits in all of them: RFC 3711 5.2, RFC 4568 6.2.2, RFC 6188
 * section 4. */
static const struct suite_info suites[SUITE_COUNT] = {
	[SUITE_AES_CM_128_HMAC_SHA1_80] = { "AES_CM_128_HMAC_SHA1_80",
		CM_HMAC(128, 10) },
	[SUITE_AES_CM_128_HMAC_SHA1_32] = { "AES_CM_128_HMAC_SHA1_32",
		CM_HMAC(128, 4) },
	[SUITE_AEAD_AES_128_GCM] = { "AEAD_AES_128_GCM",
		16, 12, 0, 16, 16, 1, 0, 6, 0, 0 },
	[SUITE_AEAD_AES_256_GCM] = { "AEAD_AES_256_GCM",
		32, 12, 0, 16, 16, 1, 0, 6, 0, 0 },
	[SUITE_AES_192_CM_HMAC_SHA1_80] = { "AES_192_CM_HMAC_SHA1_80",
		CM_HMAC(192, 10) },
	[SUITE_AES_192_CM_HMAC_SHA1_32] = { "AES_192_CM_HMAC_SHA1_32",
		CM_HMAC(192, 4) },
	[SUITE_AES_256_CM_HMAC_SHA1_80] = { "AES_256_CM_HMAC_SHA1_80",
		CM_HMAC(256, 10) },
	[SUITE_AES_256_CM_HMAC_SHA1_32] = { "AES_256_CM_HMAC_SHA1_32",
		CM_HMAC(256, 4) },
	[SUITE_F8_128_HMAC_SHA1_80] = { "F8_128_HMAC_SHA1_80",
		16, 14, 20, 10, 10, 0, 1, 2, 1, 0 },
	[SUITE_NULL_HMAC_SHA1_80] = { "NULL_HMAC_SHA1_80", NULL_HMAC(10) },
	[SUITE_NULL_HMAC_SHA1_32] = { "NULL_HMAC_SHA1_32", NULL_HMAC(4) },
};

const char *const suite_names[] = {
	"AES_CM_128_HMAC_SHA1_80",
	"AES_CM_128_HMAC_SHA1_32",
	"AES_192_CM_HMAC_SHA1_80",
	"AES_192_CM_HMAC_SHA1_32",
	"AES_256_CM_HMAC_SHA1_80",
	"AES_256_CM_HMAC_SHA1_32",
	"F8_128_HMAC_SHA1_80",
	"AES_F8_128_HMAC_SHA1_80", /* what many call it */
	"AEAD_AES_128_GCM",
	"AEAD_AES_256_GCM",
	"NULL_HMAC_SHA1_80",
	"NULL_HMAC_SHA1_32",
	NULL,
};

const struct suite_info *suite_info(unsigned suite)
{
	if (suite == SUITE_NONE || suite >= SUITE_COUNT)
		return NULL;
	return &suites[suite];
}

enum suite suite_by_name(const char *name)
{
	if (!strncasecmp(name, "AES_F8_", 7))
		name += strlen("AES_");
	for (unsigned s = 1; s < SUITE_COUNT; s++)
		if (!strcasecmp(suites[s].name, name))
			return (enum suite)s;
	return SUITE_NONE;
}
