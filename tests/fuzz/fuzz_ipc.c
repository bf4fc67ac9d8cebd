/* fuzz_ipc.c - the check of one datagram between processes. The first two
 * bytes name the processes, the rest is the datagram. */
#include "daemon/ipc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_msg msg;
	uint64_t *copy;
	size_t len;

	if (size < 2)
		return 0;
	len = size - 2;
	copy = malloc(len + 1);
	if (!copy)
		return 0;
	memcpy(copy, data + 2, len);
	if (!ipc_check(copy, len, data[0], data[1], &msg)) {
		/* whatever passes lies within the datagram, wholly */
		if (msg.len + msg.tail_len + 16 != len || msg.fd != -1 ||
		    (uint8_t *)msg.body != (uint8_t *)copy + 16 ||
		    msg.tail != (uint8_t *)copy + 16 + msg.len ||
		    msg.type <= MSG_NONE || msg.type >= MSG_COUNT)
			abort();
	}
	free(copy);
	return 0;
}
