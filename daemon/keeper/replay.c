/* replay.c - the replay cache and its file. See replay.h.
 *
 * In memory: a hash table with open addressing, rebuilt without what is over
 * whenever it is half full, and doubled if that does not help. Entries keep
 * 128 bits of each hash: who could make two messages that collide has the
 * pre-shared key and would only deceive himself.
 *
 * The floor: a message whose timestamp is not above it may have been seen and
 * forgotten, so it is refused. It rises to the timestamp of whatever is
 * forgotten as over (which matters only to a clock that goes back), to one
 * window ahead of us when the cache is lost (a message may bear a time one
 * window ahead), and to one old window behind us when the window grows.
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

static const char magic[32] = "callseal replay cache 1\n";

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
	uint64_t window_us;
	uint64_t floor_us;   /* refuse timestamps up to here */
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

static void raise_floor(struct replay *r, uint64_t floor_us)
{
	if (floor_us > r->floor_us)
		r->floor_us = floor_us;
}

/* What is forgotten as over must not come back with a clock that does. */
static void forget(struct replay *r, const struct entry *e)
{
	if (e->expires_us > r->window_us)
		raise_floor(r, e->expires_us - r->window_us - 1);
}

static int write_header(const struct replay *r);

/* Makes room for one more: without the dead, twice as large if need be. */
static int make_room(struct replay *r, uint64_t now_us)
{
	struct entry *old = r->slot;
	size_t n_old = r->slots, live;
	uint64_t floor_us = r->floor_us;

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
		else if (old[i].expires_us)
			forget(r, &old[i]);
	free(old);
	return r->fd >= 0 && r->floor_us > floor_us ? write_header(r) : 0;
}

/* -- the file ------------------------------------------------------------- */

/* A record's bytes to write to; the room fits, so nothing is allocated. */
static struct buf record_of(uint8_t out[RECORD])
{
	return (struct buf){ .data = out, .cap = RECORD + 1, .max = RECORD };
}

static void pack(const struct entry *e, uint8_t out[RECORD])
{
	struct buf b = record_of(out);

	buf_u64(&b, e->expires_us);
	buf_u64(&b, e->accepted_us);
	buf_put(&b, e->hash, HASH);
	buf_put(&b, e->dialog, HASH);
	buf_put(&b, e->branch, HASH);
	buf_u32(&b, e->cseq);
	buf_u32(&b, e->peer);
	buf_u64(&b, fnv(out, RECORD - 8));
}

static bool sound(const uint8_t in[RECORD])
{
	struct reader r = reader_of(in + RECORD - 8, 8);

	return reader_u64(&r) == fnv(in, RECORD - 8);
}

static void unpack(const uint8_t in[RECORD], struct entry *e)
{
	struct reader r = reader_of(in, RECORD);

	e->expires_us = reader_u64(&r);
	e->accepted_us = reader_u64(&r);
	memcpy(e->hash, reader_bytes(&r, HASH), HASH);
	memcpy(e->dialog, reader_bytes(&r, HASH), HASH);
	memcpy(e->branch, reader_bytes(&r, HASH), HASH);
	e->cseq = reader_u32(&r);
	e->peer = reader_u32(&r);
}

static void pack_header(const struct replay *r, uint8_t out[RECORD])
{
	struct buf b = record_of(out);

	memset(out, 0, RECORD);
	buf_put(&b, magic, sizeof magic);
	buf_u64(&b, r->window_us);
	buf_u64(&b, r->floor_us);
	b.len = RECORD - 8;
	buf_u64(&b, fnv(out, RECORD - 8));
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
	uint64_t to = RECORD, floor_us = r->floor_us;
	uint8_t rec[RECORD];
	struct entry e;
	int err = 0;

	for (uint64_t from = RECORD; !err; from += RECORD) {
		err = read_at(r->fd, rec, from);
		if (!err && !sound(rec))
			err = E_FORMAT;
		if (err)
			break;
		unpack(rec, &e);
		if (e.expires_us <= now_us) {
			forget(r, &e);
			continue;
		}
		if (from != to)
			err = write_at(r->fd, rec, to);
		if (!err && load && !(err = make_room(r, now_us)))
			insert(r, &e);
		to += RECORD;
	}
	if (err != E_CLOSED)
		return err;
	if (r->floor_us > floor_us && (err = write_header(r)))
		return err;
	r->size = to;
	return ftruncate(r->fd, (off_t)to) ? E_IO : 0;
}

static int write_header(const struct replay *r)
{
	uint8_t rec[RECORD];

	pack_header(r, rec);
	return write_at(r->fd, rec, 0);
}

static int start_file(struct replay *r)
{
	int err = write_header(r);

	r->size = RECORD;
	if (!err && ftruncate(r->fd, RECORD))
		err = E_IO;
	return err;
}

/* The cache that was there is unusable: begin anew, but trust nothing that it
 * may have held. */
static int begin_blind(struct replay *r, uint64_t now_us)
{
	log_error("keeper", "the replay cache is damaged: offers are refused "
		  "for %llu s, then all is well again",
		  (unsigned long long)(r->window_us / 1000000));
	raise_floor(r, now_us + r->window_us);
	memset(r->slot, 0, r->slots * sizeof *r->slot);
	r->used = 0;
	return start_file(r);
}

/* The window and floor of those who wrote the file. */
static int read_header(struct replay *r, uint64_t now_us)
{
	struct reader h = reader_of(NULL, 0);
	uint8_t rec[RECORD];
	uint64_t window;
	int err = read_at(r->fd, rec, 0);

	if (err)
		return err == E_IO ? E_IO : E_FORMAT;
	if (!sound(rec) || memcmp(rec, magic, sizeof magic))
		return E_FORMAT;
	h = reader_of(rec + sizeof magic, 16);
	window = reader_u64(&h);
	r->floor_us = reader_u64(&h);
	if (window < r->window_us)
		raise_floor(r, now_us - window);
	return window == r->window_us ? 0 : write_header(r);
}

static int load(struct replay *r, uint64_t now_us)
{
	struct stat st;
	int err;

	if (fstat(r->fd, &st))
		return E_IO;
	if (st.st_size == 0)
		return start_file(r);
	err = read_header(r, now_us);
	if (!err)
		err = sweep(r, now_us, true);
	if (err == E_FORMAT || err == E_FULL)
		return begin_blind(r, now_us);
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
	r->window_us = window_us;
	r->slots = FIRST_SLOTS;
	r->slot = calloc(r->slots, sizeof *r->slot);
	if (!r->slot)
		err = E_NOMEM;
	else if (fd >= 0)
		err = load(r, now_us);
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

/* What was forgotten under a shorter window must not come back. */
void replay_window(struct replay *r, uint64_t window_us, uint64_t now_us)
{
	if (window_us == r->window_us)
		return;
	if (window_us > r->window_us)
		raise_floor(r, now_us - r->window_us);
	r->window_us = window_us;
	if (r->fd >= 0 && write_header(r))
		log_error("keeper", "the replay cache cannot be written");
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

static int append(struct replay *r, const struct entry *e, uint64_t now_us)
{
	uint8_t rec[RECORD];
	int err = 0;

	if (r->size > 2 * RECORD * (uint64_t)r->used + COMPACT_SLACK)
		err = sweep(r, now_us, false);
	pack(e, rec);
	if (!err)
		err = write_at(r->fd, rec, r->size);
	if (!err)
		r->size += RECORD;
	return err;
}

int replay_add(struct replay *r, const struct replay_case *c,
	       uint64_t stamp_us)
{
	struct entry e = entry_of(c, stamp_us + r->window_us + 1);
	int err;

	if (stamp_us <= r->floor_us)
		return E_EXPIRED;
	err = make_room(r, c->now_us);
	if (!err && r->fd >= 0)
		err = append(r, &e, c->now_us);
	if (!err)
		insert(r, &e);
	return err;
}

size_t replay_count(const struct replay *r)
{
	return r->used;
}
