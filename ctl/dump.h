/* dump.h - reading a hex dump back into bytes. */
#ifndef CALLSEAL_DUMP_H
#define CALLSEAL_DUMP_H

#include "daemon/base/buf.h"

struct dump_fault {
	size_t at;        /* byte of the input */
	const char *what; /* static text: "is no hex digit" */
};

/* Reads what xxd, hexdump -C, od -tx1z, tshark -x or a programmer wrote: hex
 * digits in pairs, maybe with 0x, commas and colons, or each line behind its
 * offset and before its characters. E_NOTFOUND when it is no hex dump, E_FORMAT
 * with *no when it is a broken one, E_NOMEM. out has room for len bytes. */
int dump_read(const uint8_t *in, size_t len, struct buf *out,
	      struct dump_fault *no);

#endif
