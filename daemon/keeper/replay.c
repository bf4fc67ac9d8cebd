/* replay.c - the replay cache and its file. See replay.h.
 *
 * In memory: a hash table with open addressing, rebuilt without what is over
 * whenever it is half full, and doubled if that does not help. Entries keep
 * 128 bits of each hash: who could make two messages that collide has the
 * pre-shared key and would only deceive himself.
 *
 * In the file: a header and records of one size, appended in order of
 * acceptance. Compaction moves the live records towards the front one by one
 * and cuts the end off, so that a crash in between leaves some twice and
 * loses none. A torn last record (a crash in a write) is cut off: its message
 * was not answered. Any other damage means that the cache is lost. The file
 * survives a crash of the process, and of the machine as far as the kernel
 * wrote it; RFC 3830 5.4 asks no more. */
#include "daemon/keeper/replay.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH 16          /* bytes kept of each hash */
#define RECORD 80        /* bytes in the file */
#define FIRST_SLOTS 256  /* a power of 2, like all sizes */
#define BRANCHES_MAX 8   /* of one INVITE */
#define PENDING_US (180 * 1000000ull) /* how long an INVITE may still fork */
#define COMPACT_SLACK (1024 * 1024) /* bytes of dead records left alone */

static const char header[RECORD] = "callseal replay cache 1\n";

struct entry {
	uint64_t expires_us; /* 0: the slot is free */
	uint64_t accepted_us;
	uint8_t hash[HASH], dialog[HASH], branch[HASH];
	uint32_t cseq, peer;
};

struct replay {
	struct entry *slot;
	size_t slots, used, most;
	int fd;
	uint64_t size;       /* of the file: where the next record goes */
	uint64_t blind_us;   /* refuse all before */
};

static uint64_t fnv(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * 0x100000001b3u;
	return h;
}

static size_t home(const struct replay *r, const uint8_t *hash)
{
	size_t h;

	memcpy(&h, hash, sizeof h);
	return h & (r->slots - 1);
}

static struct entry entry_of(const struct replay_case *c, uint64_t expires_us)
{
	struct entry e = { .expires_us = expires_us, .accepted_us = c->now_us,
			   .cseq = c->origin->cseq,
			   .peer = (uint32_t)fnv(c->peer, strlen(c->peer)) };

	memcpy(e.hash, c->hash, HASH);
	memcpy(e.dialog, c->origin->dialog, HASH);
	memcpy(e.branch, c->origin->branch, HASH);
	return e;
}

/* -- the table ------------------------------------------------------------ */

static void insert(struct replay *r, const struct entry *e)
{
	size_t i = home(r, e->hash);

	while (r->slot[i].expires_us)
		i = (i + 1) & (r->slots - 1);
	r->slot[i] = *e;
	r->used++;
}

static size_t count_live(const struct replay *r, uint64_t now_us)
{
	size_t n = 0;

	for (size_t i = 0; i < r->slots; i++)
		n += r->slot[i].expires_us > now_us;
	return n;
}

/* Makes room for one more: without the dead, twice as large if need be. */
static int make_room(struct replay *r, uint64_t now_us)
{
	struct entry *old = r->slot;
	size_t n_old = r->slots, live;

	if (r->used + 1 <= r->slots / 2 && r->used < r->most)
		return 0;
	live = count_live(r, now_us);
	if (live >= r->most)
		return E_FULL;
	while (live + 1 > r->slots / 4)
		r->slots *= 2;
	r->slot = calloc(r->slots, sizeof *r->slot);
	if (!r->slot) {
		r->slot = old;
		r->slots = n_old;
		return E_NOMEM;
	}
	r->used = 0;
	for (size_t i = 0; i < n_old; i++)
		if (old[i].expires_us > now_us)
			insert(r, &old[i]);
	free(old);
	return 0;
}

/* -- the file ------------------------------------------------------------- */

static void pack(const struct entry *e, uint8_t out[RECORD])
{
	struct buf b = { .data = out, .cap = RECORD + 1, .max = RECORD };

	buf_u64(&b, e->expires_us);
	buf_u64(&b, e->accepted_us);
	buf_put(&b, e->hash, HASH);
	buf_put(&b, e->dialog, HASH);
	buf_put(&b, e->branch, HASH);
	buf_u32(&b, e->cseq);
	buf_u32(&b, e->peer);
	buf_u64(&b, fnv(out, RECORD - 8));
}

static int unpack(const uint8_t in[RECORD], struct entry *e)
{
	struct reader r = reader_of(in, RECORD);

	e->expires_us = reader_u64(&r);
	e->accepted_us = reader_u64(&r);
	memcpy(e->hash, reader_bytes(&r, HASH), HASH);
	memcpy(e->dialog, reader_bytes(&r, HASH), HASH);
	memcpy(e->branch, reader_bytes(&r, HASH), HASH);
	e->cseq = reader_u32(&r);
	e->peer = reader_u32(&r);
	return reader_u64(&r) == fnv(in, RECORD - 8) ? 0 : E_FORMAT;
}

static int write_at(int fd, const void *p, uint64_t at)
{
	ssize_t n;

	do
		n = pwrite(fd, p, RECORD, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n == RECORD ? 0 : E_IO;
}

/* 0, E_CLOSED at the end, E_IO. */
static int read_at(int fd, void *p, uint64_t at)
{
	ssize_t n;

	do
		n = pread(fd, p, RECORD, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return E_IO;
	return n == RECORD ? 0 : E_CLOSED;
}

/* Moves live records forward over dead ones; with load, also into memory. */
static int sweep(struct replay *r, uint64_t now_us, bool load)
{
	uint64_t to = RECORD;
	uint8_t rec[RECORD];
	struct entry e;
	int err = 0;

	for (uint64_t from = RECORD; !err; from += RECORD) {
		err = read_at(r->fd, rec, from);
		if (!err)
			err = unpack(rec, &e);
		if (err || e.expires_us <= now_us)
			continue;
		if (from != to)
			err = write_at(r->fd, rec, to);
		if (!err && load && !(err = make_room(r, now_us)))
			insert(r, &e);
		to += RECORD;
	}
	if (err != E_CLOSED)
		return err;
	r->size = to;
	return ftruncate(r->fd, (off_t)to) ? E_IO : 0;
}

static int start_file(struct replay *r)
{
	int err = write_at(r->fd, header, 0);

	r->size = RECORD;
	if (!err && ftruncate(r->fd, RECORD))
		err = E_IO;
	return err;
}

/* The cache that was there is unusable: begin anew, but trust nothing before
 * everything that it may have held is too old. */
static int begin_blind(struct replay *r, uint64_t window_us, uint64_t now_us)
{
	log_error("keeper", "the replay cache is damaged: offers are refused "
		  "for %llu s, then all is well again",
		  (unsigned long long)(2 * window_us / 1000000));
	/* a message could bear a time one window ahead when it was seen */
	r->blind_us = now_us + 2 * window_us;
	memset(r->slot, 0, r->slots * sizeof *r->slot);
	r->used = 0;
	return start_file(r);
}

static int load(struct replay *r, uint64_t window_us, uint64_t now_us)
{
	char first[RECORD];
	struct stat st;
	int err;

	if (fstat(r->fd, &st))
		return E_IO;
	if (st.st_size == 0)
		return start_file(r);
	if (read_at(r->fd, first, 0) || memcmp(first, header, RECORD))
		return begin_blind(r, window_us, now_us);
	err = sweep(r, now_us, true);
	if (err == E_FORMAT || err == E_FULL)
		return begin_blind(r, window_us, now_us);
	return err;
}

int replay_new(int fd, size_t most, uint64_t window_us, uint64_t now_us,
	       struct replay **out)
{
	struct replay *r = calloc(1, sizeof *r);
	int err = 0;

	if (!r)
		return E_NOMEM;
	r->fd = fd;
	r->most = most;
	r->slots = FIRST_SLOTS;
	r->slot = calloc(r->slots, sizeof *r->slot);
	if (!r->slot)
		err = E_NOMEM;
	else if (fd >= 0)
		err = load(r, window_us, now_us);
	if (err) {
		replay_free(r);
		return err;
	}
	*out = r;
	return 0;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	free(r->slot);
	free(r);
}

/* Whether the new case is the INVITE of e on another branch. */
static bool further_branch(const struct entry *e, const struct entry *n)
{
	return !memcmp(e->dialog, n->dialog, HASH) && e->cseq == n->cseq &&
	       e->peer == n->peer &&
	       n->accepted_us < e->accepted_us + PENDING_US;
}

enum replay_verdict replay_check(const struct replay *r,
				 const struct replay_case *c)
{
	struct entry n = entry_of(c, 1);
	size_t branches = 0;

	if (c->now_us < r->blind_us)
		return REPLAY_BLIND;
	for (size_t i = home(r, n.hash); r->slot[i].expires_us;
	     i = (i + 1) & (r->slots - 1)) {
		const struct entry *e = &r->slot[i];

		if (memcmp(e->hash, n.hash, HASH) ||
		    e->expires_us <= c->now_us)
			continue;
		if (!further_branch(e, &n) ||
		    !memcmp(e->branch, n.branch, HASH) ||
		    ++branches == BRANCHES_MAX)
			return REPLAY_SEEN;
	}
	return branches ? REPLAY_BRANCH : REPLAY_NEW;
}

int replay_add(struct replay *r, const struct replay_case *c,
	       uint64_t expires_us)
{
	struct entry e = entry_of(c, expires_us);
	uint8_t rec[RECORD];
	int err = make_room(r, c->now_us);

	if (err)
		return err;
	if (r->fd >= 0) {
		if (r->size > 2 * RECORD * (uint64_t)r->used + COMPACT_SLACK &&
		    (err = sweep(r, c->now_us, false)))
			return err;
		pack(&e, rec);
		err = write_at(r->fd, rec, r->size);
		if (err)
			return err;
		r->size += RECORD;
	}
	insert(r, &e);
	return 0;
}

size_t replay_count(const struct replay *r)
{
	return r->used;
}
