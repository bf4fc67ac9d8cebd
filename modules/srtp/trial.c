/* trial.c - evp.c tried at start. See transforms.h.
 *
 * OpenSSL reads its configuration and makes its tables with the first use of
 * an algorithm; a confined process could not. And one that was built or
 * configured without an algorithm is better known before the first call. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/srtp/transforms.h"

#define HEADER 12 /* the least of RTP */

/* One packet there and back. */
static int try_suite(unsigned suite)
{
	const struct suite_info *info = suite_info(suite);
	const struct srtp_key key = { .suite = (uint16_t)suite,
				      .key_len = info->key_len,
				      .salt_len = info->salt_len };
	uint8_t pkt[HEADER + 1 + TRANSFORM_ROOM] = { 0x80 };
	struct transform_key *send = NULL, *recv = NULL;
	size_t len = HEADER + 1;
	int r = evp_transform.open(&key, 1, &send);

	if (!r)
		r = evp_transform.open(&key, 0, &recv);
	if (!r)
		r = evp_transform.protect_rtp(send, pkt, &len, HEADER, 0);
	if (!r)
		r = evp_transform.open_rtp(recv, pkt, &len, HEADER, 0);
	evp_transform.close(send);
	evp_transform.close(recv);
	return r;
}

int evp_start(void)
{
	int r = 0;

	for (unsigned s = 1; !r && s < SUITE_COUNT; s++) {
		r = try_suite(s);
		if (r)
			log_error("srtp", "OpenSSL does not do %s: %s; see "
				  "openssl.cnf", suite_info(s)->name,
				  err_text(r));
	}
	return r;
}
