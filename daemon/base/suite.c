/* suite.c - the table of SRTP crypto suites. See suite.h. */
#include "daemon/base/suite.h"

#include <stddef.h>
#include <strings.h>

static const struct suite_info suites[SUITE_COUNT] = {
	[SUITE_AES_CM_128_HMAC_SHA1_80] = { "AES_CM_128_HMAC_SHA1_80",
		16, 14, 20, 10, 10, 0, 1, 1 },
	/* RTCP keeps 80 bits: RFC 3711 5.2, RFC 4568 6.2.2 */
	[SUITE_AES_CM_128_HMAC_SHA1_32] = { "AES_CM_128_HMAC_SHA1_32",
		16, 14, 20, 4, 10, 0, 1, 1 },
	[SUITE_AEAD_AES_128_GCM] = { "AEAD_AES_128_GCM",
		16, 12, 0, 16, 16, 1, 6, 0 },
	[SUITE_AEAD_AES_256_GCM] = { "AEAD_AES_256_GCM",
		32, 12, 0, 16, 16, 1, 6, 0 },
};

const char *const suite_names[] = {
	"AES_CM_128_HMAC_SHA1_80",
	"AES_CM_128_HMAC_SHA1_32",
	"AEAD_AES_128_GCM",
	"AEAD_AES_256_GCM",
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
	for (unsigned s = 1; s < SUITE_COUNT; s++)
		if (!strcasecmp(suites[s].name, name))
			return (enum suite)s;
	return SUITE_NONE;
}
