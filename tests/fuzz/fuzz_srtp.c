/* fuzz_srtp.c - packets from the network into the transform "evp": none may
 * open, but what we protect must. The first byte chooses suite (4 bits), key
 * derivation rate (2), MKI and kind, the rest is the packet. */
#include "daemon/relay/rtp.h"
#include "modules/srtp/transforms.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct keys {
	struct transform_key *send, *recv;
};

static void check(int ok)
{
	if (!ok)
		abort();
}

static struct srtp_key key_of(uint8_t choice)
{
	static const uint8_t kdrs[] = { 0, 1, 9, 17 };
	unsigned suite = 1 + (choice & 15u) % (SUITE_COUNT - 1);
	const struct suite_info *info = suite_info(suite);
	struct srtp_key k = { .suite = (uint16_t)suite,
			      .key_len = info->key_len,
			      .salt_len = info->salt_len,
			      .kdr = kdrs[choice >> 4 & 3],
			      .mki_len = choice & 0x40 ? 4 : 0 };

	memset(k.key, 0x42, k.key_len);
	memset(k.salt, 0x24, k.salt_len);
	memcpy(k.mki, "\0\0\0\1", 4);
	return k;
}

/* Opens p (or what protecting made of it, when turn is set). */
static void run_rtp(struct keys *k, uint8_t *p, size_t len, bool turn)
{
	struct rtp h;
	size_t n = len;

	if (rtp_parse_sealed(p, len, &h))
		return;
	if (turn && evp_transform.protect_rtp(k->send, p, &n, h.hdr_len, h.seq))
		return;
	if (evp_transform.open_rtp(k->recv, p, &n, h.hdr_len, h.seq))
		check(!turn);
	else
		check(turn && n == len);
}

static void run_rtcp(struct keys *k, uint8_t *p, size_t len, bool turn)
{
	uint32_t index = 0;
	size_t n = len;

	if (turn && evp_transform.protect_rtcp(k->send, p, &n, 9))
		return;
	if (evp_transform.open_rtcp(k->recv, p, &n, &index))
		check(!turn);
	else
		check(turn && n == len && index == 9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct srtp_key key;
	struct keys k = { NULL, NULL };
	uint8_t *p;

	if (!size)
		return 0;
	key = key_of(data[0]);
	p = malloc(size + TRANSFORM_ROOM);
	check(!evp_transform.open(&key, 1, &k.send));
	check(!evp_transform.open(&key, 0, &k.recv));
	for (int turn = 0; p && turn < 2; turn++) {
		memcpy(p, data + 1, size - 1);
		if (data[0] & 0x80)
			run_rtcp(&k, p, size - 1, turn);
		else
			run_rtp(&k, p, size - 1, turn);
		if (turn)
			check(!memcmp(p, data + 1, size - 1));
	}
	evp_transform.close(k.send);
	evp_transform.close(k.recv);
	free(p);
	return 0;
}
