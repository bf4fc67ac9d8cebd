/* fuzz_rtp.c - the header of RTP: what is parsed fills the packet exactly,
 * and fields that are written are the ones that are read. */
#include "daemon/relay/rtp.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

static void check_writing(const uint8_t *data, size_t size,
			  const struct rtp *was)
{
	uint8_t *copy = malloc(size);
	struct rtp now;

	if (!copy)
		return;
	memcpy(copy, data, size);
	rtp_put_seq(copy, (uint16_t)(was->seq ^ 0xffff));
	rtp_put_timestamp(copy, ~was->timestamp);
	rtp_put_ssrc(copy, ~was->ssrc);
	check(!rtp_parse(copy, size, &now));
	check(now.seq + was->seq == 0xffff);
	check(now.timestamp == ~was->timestamp && now.ssrc == ~was->ssrc);
	check(now.hdr_len == was->hdr_len && now.pad_len == was->pad_len);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtp plain, sealed;

	if (rtp_parse_sealed(data, size, &sealed)) {
		check(rtp_parse(data, size, &plain) != 0);
		return 0;
	}
	check(sealed.hdr_len >= RTP_HEADER_LEN && sealed.pad_len == 0);
	check(sealed.hdr_len + sealed.payload_len == size);
	check(!sealed.ext_off ||
	      sealed.ext_off + sealed.ext_len == sealed.hdr_len);
	if (rtp_parse(data, size, &plain))
		return 0;
	check(plain.hdr_len == sealed.hdr_len);
	check(plain.hdr_len + plain.payload_len + plain.pad_len == size);
	check(!plain.padded == !plain.pad_len);
	check_writing(data, size, &plain);
	return 0;
}
