/* buf.h - bounded reading and writing of wire bytes, without pointer
 * arithmetic in the callers. Integers are big-endian on the wire.
 *
 * Both sides remember their first failure: read or write field after field,
 * then ask once (reader_end(), buf.err). After a failure reads give zeroes and
 * writes do nothing. No thread is involved; one owner at a time. */
#ifndef CALLSEAL_BUF_H
#define CALLSEAL_BUF_H

#include <stddef.h>
#include <stdint.h>

/* Reads from borrowed bytes, which must outlive it. */
struct reader {
	const uint8_t *p; /* next byte */
	size_t len;       /* bytes left */
	int err;          /* 0, or the first failure */
};

struct reader reader_of(const void *data, size_t len);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
/* The next n bytes, borrowed from the input; NULL when fewer are left. */
const uint8_t *reader_bytes(struct reader *r, size_t n);
/* Makes the reader fail with err unless it has failed already. */
void reader_fail(struct reader *r, int err);
/* 0 if all was read and nothing failed; E_FORMAT for trailing bytes. */
int reader_end(const struct reader *r);

/* Owns its bytes; grows on demand up to max. Wiped when freed or regrown, so
 * it may hold secrets. */
struct buf {
	uint8_t *data;
	size_t len, cap, max;
	int err; /* 0, E_SPACE past max, E_NOMEM */
};

/* An empty buffer that may grow to max bytes; nothing is allocated yet. */
struct buf buf_of(size_t max);
void buf_free(struct buf *b);
/* Forgets the contents and the failure, keeps the memory (wiped). */
void buf_clear(struct buf *b);
void buf_put(struct buf *b, const void *data, size_t len);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_text(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Room for n bytes at the end, counted as written; NULL on failure. */
uint8_t *buf_room(struct buf *b, size_t n);
/* The contents as a C string (a NUL is kept after them, not counted);
 * "" when empty or failed. Borrowed, valid until the next write. */
const char *buf_string(struct buf *b);

#endif
