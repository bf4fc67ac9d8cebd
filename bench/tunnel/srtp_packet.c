/* srtp_packet.c - one RTP packet as SRTP, in hexadecimal digits, for
 * bench/tunnel/bytes.py: real bytes of the relay's own transform.
 *
 * usage: srtp_packet SUITE PAYLOAD_BYTES    (SUITE "none": as RTP) */
#include "modules/srtp/transforms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 12
#define PAYLOAD_MAX 1200

static int protect(const char *suite, uint8_t *packet, size_t *len)
{
	enum suite id = suite_by_name(suite);
	struct srtp_key key = { .suite = (uint16_t)id };
	const struct suite_info *s = suite_info(id);
	struct transform_key *t;
	int r;

	if (!s)
		return -1;
	key.key_len = s->key_len;
	key.salt_len = s->salt_len;
	memset(key.key, 0x17, s->key_len);
	memset(key.salt, 0x2a, s->salt_len);
	r = evp_start();
	if (!r)
		r = evp_transform.open(&key, 1, &t);
	if (r)
		return r;
	r = evp_transform.protect_rtp(t, packet, len, HEADER, 1);
	evp_transform.close(t);
	return r;
}

int main(int argc, char **argv)
{
	uint8_t packet[HEADER + PAYLOAD_MAX + TRANSFORM_ROOM] = {
		0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4
	};
	size_t len = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (!len || len > PAYLOAD_MAX) {
		fputs("usage: srtp_packet SUITE PAYLOAD_BYTES\n", stderr);
		return 64;
	}
	memset(packet + HEADER, 0xd5, len);
	len += HEADER;
	if (strcmp(argv[1], "none") && protect(argv[1], packet, &len)) {
		fprintf(stderr, "srtp_packet: no suite %s\n", argv[1]);
		return 1;
	}
	for (size_t i = 0; i < len; i++)
		printf("%02x", packet[i]);
	putchar('\n');
	return 0;
}
