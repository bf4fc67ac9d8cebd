/* slots.c - a file of numbered slots. See slots.h.
 *
 * All slots have the same size, so that a record is written in its place by
 * one pwrite(), nothing is ever compacted, and damage stays within one slot:
 * whoever was in it registers again by himself. Slot 0 is the head with the
 * secret. A slot is the record's length, the record, zeroes, and a checksum
 * over its number and all of this; a free one is zeroes throughout.
 *
 * It survives a crash of the process, and of the machine as far as the kernel
 * wrote it. The engine opens no files: the parent gave the descriptor. */
#include "modules/sip/registration/slots.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "sip"
#define SLOT 1024 /* bytes in the file */
#define SUM_AT (SLOT - 8)

static const char magic[24] = "callseal bindings 1\n";

struct slots {
	int fd;
	uint8_t secret[SLOTS_SECRET];
	uint32_t end;   /* the first slot past the file's */
	uint32_t *free; /* those before that are empty */
	size_t n_free, room;
	bool failing;   /* told once that writing fails */
};

static uint64_t sum_of(uint32_t slot, const uint8_t *bytes)
{
	uint64_t h = 0xcbf29ce484222325u ^ slot;

	for (size_t i = 0; i < SUM_AT; i++)
		h = (h ^ bytes[i]) * 0x100000001b3u;
	return h;
}

static void seal(uint32_t slot, uint8_t *bytes)
{
	uint64_t sum = sum_of(slot, bytes);

	for (int i = 0; i < 8; i++)
		bytes[SUM_AT + i] = (uint8_t)(sum >> (56 - 8 * i));
}

static bool sound(uint32_t slot, const uint8_t *bytes)
{
	struct reader r = reader_of(bytes + SUM_AT, 8);

	return reader_u64(&r) == sum_of(slot, bytes);
}

static bool empty(const uint8_t *bytes)
{
	for (size_t i = 0; i < SLOT; i++)
		if (bytes[i])
			return false;
	return true;
}

static int write_slot(struct slots *s, uint32_t slot, const uint8_t *bytes)
{
	ssize_t n;

	if (s->fd < 0)
		return 0;
	do
		n = pwrite(s->fd, bytes, SLOT, (off_t)slot * SLOT);
	while (n < 0 && errno == EINTR);
	if (n == SLOT) {
		s->failing = false;
		return 0;
	}
	if (!s->failing)
		log_error(TAG, "registrations cannot be written: %s; they "
			  "will be lost when the engine restarts. Is the disk "
			  "full?", n < 0 ? strerror(errno) : "cut short");
	s->failing = true;
	return E_IO;
}

/* 0, E_CLOSED at the end (or in the middle of a slot), E_IO. */
static int read_slot(const struct slots *s, uint32_t slot, uint8_t *bytes)
{
	ssize_t n;

	do
		n = pread(s->fd, bytes, SLOT, (off_t)slot * SLOT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return E_IO;
	return n == SLOT ? 0 : E_CLOSED;
}

static int set_free(struct slots *s, uint32_t slot)
{
	size_t room = s->room ? 2 * s->room : 64;
	uint32_t *more;

	if (s->n_free == s->room) {
		more = realloc(s->free, room * sizeof *more);
		if (!more)
			return E_NOMEM;
		s->free = more;
		s->room = room;
	}
	s->free[s->n_free++] = slot;
	return 0;
}

/* -- loading -------------------------------------------------------------- */

static int begin(struct slots *s)
{
	uint8_t head[SLOT] = { 0 };
	struct secret random;
	int r = secret_random(&random, SLOTS_SECRET);

	if (r)
		return r;
	memcpy(s->secret, random.bytes, SLOTS_SECRET);
	secret_wipe(&random);
	memcpy(head, magic, sizeof magic);
	memcpy(head + sizeof magic, s->secret, SLOTS_SECRET);
	seal(0, head);
	s->end = 1;
	if (s->fd >= 0 && ftruncate(s->fd, 0))
		return E_IO;
	return write_slot(s, 0, head);
}

static int read_head(struct slots *s)
{
	uint8_t head[SLOT];
	int r = read_slot(s, 0, head);

	if (r)
		return r == E_IO ? r : E_FORMAT;
	if (!sound(0, head) || memcmp(head, magic, sizeof magic))
		return E_FORMAT;
	memcpy(s->secret, head + sizeof magic, SLOTS_SECRET);
	s->end = 1;
	return 0;
}

static int take(uint32_t slot, const uint8_t *bytes, slot_fn found, void *user)
{
	size_t len = (size_t)bytes[0] << 8 | bytes[1];

	if (!sound(slot, bytes) || !len || len > SLOT_ROOM)
		return E_FORMAT;
	return found(user, slot, bytes + 2, len);
}

static int open_file(struct slots *s)
{
	struct stat st;
	int r;

	if (s->fd < 0)
		return begin(s);
	if (fstat(s->fd, &st))
		return E_IO;
	if (!st.st_size)
		return begin(s);
	r = read_head(s);
	if (r == E_FORMAT) {
		log_error(TAG, "the file of registrations is damaged: phones "
			  "cannot be called until they register again");
		return begin(s);
	}
	return r;
}

int slots_new(int fd, struct slots **out)
{
	struct slots *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return E_NOMEM;
	s->fd = fd;
	r = open_file(s);
	if (r) {
		slots_free(s);
		return r;
	}
	*out = s;
	return 0;
}

/* A half slot at the end is what a crash left: it is written over. */
int slots_load(struct slots *s, slot_fn found, void *user)
{
	uint8_t bytes[SLOT];
	unsigned damaged = 0;
	int r = E_CLOSED, kept;

	while (s->fd >= 0 && !(r = read_slot(s, s->end, bytes))) {
		kept = empty(bytes) ? E_NOTFOUND
				    : take(s->end, bytes, found, user);
		if (kept == E_NOMEM || (kept && set_free(s, s->end)))
			return E_NOMEM;
		damaged += kept == E_FORMAT;
		s->end++;
	}
	if (damaged)
		log_error(TAG, "%u registrations in the state directory are "
			  "damaged: those phones cannot be called until they "
			  "register again", damaged);
	return r == E_CLOSED ? 0 : r;
}

void slots_free(struct slots *s)
{
	if (!s)
		return;
	free(s->free);
	wipe(s->secret, sizeof s->secret);
	free(s);
}

const uint8_t *slots_secret(const struct slots *s)
{
	return s->secret;
}

/* -- writing -------------------------------------------------------------- */

int slots_put(struct slots *s, uint32_t *slot, const void *data, size_t len)
{
	uint8_t bytes[SLOT] = { 0 };
	uint32_t at = *slot;

	if (!len || len > SLOT_ROOM)
		return E_SPACE;
	if (!at)
		at = s->n_free ? s->free[s->n_free - 1] : s->end;
	bytes[0] = (uint8_t)(len >> 8);
	bytes[1] = (uint8_t)len;
	memcpy(bytes + 2, data, len);
	seal(at, bytes);
	if (write_slot(s, at, bytes))
		return E_IO;
	if (!*slot && s->n_free)
		s->n_free--;
	else if (!*slot)
		s->end++;
	*slot = at;
	return 0;
}

void slots_drop(struct slots *s, uint32_t slot)
{
	static const uint8_t zero[SLOT];

	if (!slot)
		return;
	/* Without memory the slot is lost until the next start, no more. */
	if (!write_slot(s, slot, zero))
		(void)set_free(s, slot);
}
