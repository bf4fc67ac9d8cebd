/* count.c - see count.h. A replayed offer has the identity of the first time,
 * but under a pre-shared key nobody need tell one (RFC 3830 3.1), so there all
 * that share the key share the counter. */
#include "daemon/keeper/memory/count.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <stdio.h>

#define BYTES 4

/* Cut to fit: names that then are one only refuse more. */
static void name_of(const struct count_owner *o, char out[MEMORY_NAME_TEXT])
{
	snprintf(out, MEMORY_NAME_TEXT, "%s%s%s", o->peer, o->id ? " " : "",
		 o->id ? o->id : "");
}

int count_last(const struct memory *m, const struct count_owner *o,
	       struct keying_counter *out)
{
	char name[MEMORY_NAME_TEXT];
	struct memory_record rec;
	struct reader bytes;
	int r;

	name_of(o, name);
	r = memory_get(m, MEMORY_COUNTER, name, &rec);
	if (r && r != E_NOTFOUND)
		return r;
	*out = (struct keying_counter){ .set = false };
	if (r)
		return 0;
	bytes = reader_of(rec.data, rec.len);
	*out = (struct keying_counter){ true, reader_u32(&bytes) };
	return reader_end(&bytes) ? E_LOST : 0;
}

int count_keep(struct memory *m, const struct count_owner *o,
	       struct keying_counter last, uint64_t wall_us)
{
	char name[MEMORY_NAME_TEXT];
	uint8_t bytes[BYTES];
	struct memory_record rec = { .kind = MEMORY_COUNTER, .name = name,
				     .data = bytes, .len = BYTES,
				     .time_us = wall_us };

	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)(last.value >> (24 - 8 * i));
	name_of(o, name);
	return memory_put(m, &rec);
}
