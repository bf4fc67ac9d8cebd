/* memory.c - records of far ends in a file of slots. See memory.h.
 *
 * A slot is a sector of 512 bytes, written in its place by one pwrite(), so
 * that it is there whole or not at all; nothing is compacted, and damage stays
 * within one slot. It ends in an HMAC over its number and its bytes under a
 * key that slot 0, the head, holds: a slot of another file, or moved within
 * this one, is as good as damaged. The key guards against mishap, not against
 * who may write the file: he is the daemon's own user outside its sandbox, or
 * root, and could change the configuration as well.
 *
 * A slot that is gone without a trace (zeroes, a file cut short) must not be
 * taken for "never met": the head counts the records of each kind that
 * protects. A new record is written before its count, a forgotten one after,
 * so that a crash in between leaves one too many, never one too few. Whoever
 * loses the head loses all; then at least one of each is missing.
 *
 * It survives a crash of the process, and of the machine as far as the kernel
 * wrote it. An empty file is a first start: who can empty it, see above. */
#include "daemon/keeper/memory/memory.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/base/secret.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "keeper"
#define SLOT 512 /* bytes in the file */
#define MAC 32
#define MAC_AT (SLOT - MAC)
#define KEY 32
#define BUCKETS 1024
#define FRESH_US (60 * 1000000ull) /* the same again is not written anew */

static const char magic[24] = "callseal memory 1\n";

/* Kinds that protect are counted and never give way. */
static const struct {
	bool protects, rises;
} kinds[MEMORY_KINDS] = {
	[MEMORY_PIN] = { .protects = true },
	[MEMORY_BEST] = { .protects = true, .rises = true },
	[MEMORY_METHOD] = { .protects = false },
	[MEMORY_COUNTER] = { .protects = true },
};

struct entry {
	struct entry *next; /* in its bucket */
	struct memory_record r;
	char name[MEMORY_NAME_TEXT];
	uint8_t data[MEMORY_DATA_MAX];
};

struct memory {
	int fd;
	uint8_t key[KEY];
	size_t most;
	struct entry **slot; /* most of them; [i] is slot i + 1 of the file */
	struct entry *bucket[BUCKETS];
	size_t count[MEMORY_KINDS], lost[MEMORY_KINDS];
	bool failing; /* told once that writing fails */
};

/* -- slots ---------------------------------------------------------------- */

static int mac_of(const struct memory *m, uint32_t slot, const uint8_t *bytes,
		  uint8_t out[MAC])
{
	uint8_t all[4 + MAC_AT];
	unsigned len = MAC;

	for (int i = 0; i < 4; i++)
		all[i] = (uint8_t)(slot >> (24 - 8 * i));
	memcpy(all + 4, bytes, MAC_AT);
	return HMAC(EVP_sha256(), m->key, KEY, all, sizeof all, out, &len)
		       ? 0 : E_NOMEM;
}

static int sound(const struct memory *m, uint32_t slot, const uint8_t *bytes)
{
	uint8_t mac[MAC];
	int r = mac_of(m, slot, bytes, mac);

	if (!r && !equal_ct(mac, bytes + MAC_AT, MAC))
		r = E_FORMAT;
	return r;
}

static int write_bytes(struct memory *m, uint32_t slot, const uint8_t *bytes)
{
	ssize_t n;

	if (m->fd < 0)
		return 0;
	do
		n = pwrite(m->fd, bytes, SLOT, (off_t)slot * SLOT);
	while (n < 0 && errno == EINTR);
	if (n == SLOT) {
		m->failing = false;
		return 0;
	}
	if (!m->failing)
		log_error(TAG, "what is known of far ends cannot be written: "
			  "%s; it will be lost when the keeper restarts. Is "
			  "the disk full?",
			  n < 0 ? strerror(errno) : "cut short");
	m->failing = true;
	return E_IO;
}

static int write_sealed(struct memory *m, uint32_t slot, uint8_t *bytes)
{
	int r = mac_of(m, slot, bytes, bytes + MAC_AT);

	return r ? r : write_bytes(m, slot, bytes);
}

/* 0, E_CLOSED at the end (or in the middle of a slot), E_IO. */
static int read_bytes(const struct memory *m, uint32_t slot, uint8_t *bytes)
{
	ssize_t n;

	do
		n = pread(m->fd, bytes, SLOT, (off_t)slot * SLOT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return E_IO;
	return n == SLOT ? 0 : E_CLOSED;
}

static bool empty(const uint8_t *bytes)
{
	for (size_t i = 0; i < SLOT; i++)
		if (bytes[i])
			return false;
	return true;
}

/* A slot's bytes to write to; the room fits, so nothing is allocated. */
static struct buf room_of(uint8_t bytes[SLOT])
{
	memset(bytes, 0, SLOT);
	return (struct buf){ .data = bytes, .cap = SLOT, .max = MAC_AT };
}

static int write_head(struct memory *m)
{
	uint8_t bytes[SLOT];
	struct buf b = room_of(bytes);
	int r;

	buf_put(&b, magic, sizeof magic);
	buf_put(&b, m->key, KEY);
	for (int k = 0; k < MEMORY_KINDS; k++)
		buf_u32(&b, kinds[k].protects
				    ? (uint32_t)(m->count[k] + m->lost[k]) : 0);
	r = write_sealed(m, 0, bytes);
	wipe(bytes, sizeof bytes);
	return r;
}

static int write_entry(struct memory *m, size_t i)
{
	const struct memory_record *r = &m->slot[i]->r;
	uint8_t bytes[SLOT];
	struct buf b = room_of(bytes);

	buf_u8(&b, (uint8_t)r->kind);
	buf_u64(&b, r->time_us);
	buf_u16(&b, (uint16_t)strlen(r->name));
	buf_u16(&b, (uint16_t)r->len);
	buf_text(&b, r->name);
	buf_put(&b, r->data, r->len);
	return write_sealed(m, (uint32_t)i + 1, bytes);
}

/* -- the table ------------------------------------------------------------ */

static struct entry **bucket_of(struct memory *m, enum memory_kind kind,
				const char *name)
{
	uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)kind;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3u;
	return &m->bucket[(h ^ h >> 32) % BUCKETS];
}

static struct entry *find(const struct memory *m, enum memory_kind kind,
			  const char *name)
{
	struct memory *own = (struct memory *)(uintptr_t)m;
	struct entry *e = *bucket_of(own, kind, name);

	while (e && (e->r.kind != kind || strcmp(e->name, name)))
		e = e->next;
	return e;
}

static void fill(struct entry *e, const struct memory_record *r)
{
	e->r = *r;
	strncpy(e->name, r->name, sizeof e->name - 1);
	memcpy(e->data, r->data, r->len);
	e->r.name = e->name;
	e->r.data = e->data;
}

static int insert(struct memory *m, size_t i, const struct memory_record *r)
{
	struct entry *e = calloc(1, sizeof *e), **b;

	if (!e)
		return E_NOMEM;
	fill(e, r);
	b = bucket_of(m, r->kind, r->name);
	e->next = *b;
	*b = e;
	m->slot[i] = e;
	m->count[r->kind]++;
	return 0;
}

static void drop(struct memory *m, size_t i)
{
	struct entry *e = m->slot[i], **at = bucket_of(m, e->r.kind, e->name);

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	m->slot[i] = NULL;
	m->count[e->r.kind]--;
	free(e);
}

static size_t slot_of(const struct memory *m, const struct entry *e)
{
	size_t i = 0;

	while (m->slot[i] != e)
		i++;
	return i;
}

/* -- loading -------------------------------------------------------------- */

static int parse(const uint8_t *bytes, struct memory_record *r,
		 char name[static MEMORY_NAME_TEXT])
{
	struct reader in = reader_of(bytes, MAC_AT);
	const uint8_t *text;
	size_t n;

	r->kind = reader_u8(&in);
	r->time_us = reader_u64(&in);
	n = reader_u16(&in);
	r->len = reader_u16(&in);
	text = reader_bytes(&in, n);
	r->data = reader_bytes(&in, r->len);
	if (in.err || r->kind <= MEMORY_NONE || r->kind >= MEMORY_KINDS ||
	    !n || n >= MEMORY_NAME_TEXT || memchr(text, 0, n) ||
	    !r->len || r->len > MEMORY_DATA_MAX)
		return E_FORMAT;
	memcpy(name, text, n);
	name[n] = 0;
	r->name = name;
	return 0;
}

static int take(struct memory *m, size_t i, const uint8_t *bytes)
{
	char name[MEMORY_NAME_TEXT];
	struct memory_record rec;
	int r = sound(m, (uint32_t)i + 1, bytes);

	if (!r)
		r = parse(bytes, &rec, name);
	if (!r && find(m, rec.kind, rec.name))
		r = E_FORMAT;
	return r ? r : insert(m, i, &rec);
}

static int begin(struct memory *m)
{
	struct secret random;
	int r = secret_random(&random, KEY);

	if (r)
		return r;
	memcpy(m->key, random.bytes, KEY);
	secret_wipe(&random);
	if (m->fd >= 0 && ftruncate(m->fd, 0))
		return E_IO;
	return write_head(m);
}

static int begin_blind(struct memory *m)
{
	log_error(TAG, "what is known of far ends is damaged: certificates "
		  "trusted on first use must be accepted anew (callsealctl "
		  "trust)");
	for (int k = 0; k < MEMORY_KINDS; k++)
		m->lost[k] = kinds[k].protects;
	return begin(m);
}

/* The key, and how many there must be. */
static int read_head(struct memory *m, size_t want[MEMORY_KINDS])
{
	uint8_t bytes[SLOT];
	struct reader in = reader_of(bytes, MAC_AT);
	int r = read_bytes(m, 0, bytes);

	if (r)
		return r == E_IO ? r : E_FORMAT;
	if (memcmp(reader_bytes(&in, sizeof magic), magic, sizeof magic))
		return E_FORMAT;
	memcpy(m->key, reader_bytes(&in, KEY), KEY);
	for (int k = 0; k < MEMORY_KINDS; k++)
		want[k] = reader_u32(&in);
	r = sound(m, 0, bytes);
	wipe(bytes, sizeof bytes);
	return r;
}

static int read_slots(struct memory *m, unsigned *damaged)
{
	uint8_t bytes[SLOT];
	int r = 0, one;

	for (size_t i = 0; i < m->most; i++) {
		if ((r = read_bytes(m, (uint32_t)i + 1, bytes)))
			break;
		one = empty(bytes) ? 0 : take(m, i, bytes);
		if (one == E_NOMEM)
			return one;
		*damaged += one == E_FORMAT;
	}
	return r == E_CLOSED ? 0 : r;
}

static void tell_loss(const struct memory *m, unsigned damaged)
{
	if (damaged)
		log_error(TAG, "%u records of far ends in the state directory "
			  "are damaged and count for nothing", damaged);
	for (int k = 0; k < MEMORY_KINDS; k++)
		if (m->lost[k])
			log_error(TAG, "%zu %s missing from the state "
				  "directory: a far end that is not known may "
				  "be one of them", m->lost[k],
				  k == MEMORY_PIN ? "trusted certificates are"
						  : "records of peers' "
						    "protection are");
}

static int load(struct memory *m)
{
	size_t want[MEMORY_KINDS];
	unsigned damaged = 0;
	struct stat st;
	int r;

	if (fstat(m->fd, &st))
		return E_IO;
	if (!st.st_size)
		return begin(m);
	r = read_head(m, want);
	if (r == E_FORMAT)
		return begin_blind(m);
	if (!r)
		r = read_slots(m, &damaged);
	for (int k = 0; !r && k < MEMORY_KINDS; k++)
		if (kinds[k].protects && want[k] > m->count[k])
			m->lost[k] = want[k] - m->count[k];
	if (!r)
		tell_loss(m, damaged);
	return r;
}

int memory_new(int fd, size_t most, struct memory **out)
{
	struct memory *m = calloc(1, sizeof *m);
	int r = E_NOMEM;

	if (!m)
		return E_NOMEM;
	m->fd = fd;
	m->most = most;
	m->slot = calloc(most, sizeof *m->slot);
	if (m->slot)
		r = fd < 0 ? begin(m) : load(m);
	if (r)
		memory_free(m);
	else
		*out = m;
	return r;
}

void memory_free(struct memory *m)
{
	if (!m)
		return;
	for (size_t i = 0; m->slot && i < m->most; i++)
		free(m->slot[i]);
	free(m->slot);
	wipe(m, sizeof *m);
	free(m);
}

/* -- asking --------------------------------------------------------------- */

int memory_get(const struct memory *m, enum memory_kind kind,
	       const char *name, struct memory_record *out)
{
	const struct entry *e = m ? find(m, kind, name) : NULL;

	if (!e)
		return memory_lost(m, kind) ? E_LOST : E_NOTFOUND;
	*out = e->r;
	return 0;
}

int memory_each(const struct memory *m, enum memory_kind kind, memory_fn fn,
		void *user)
{
	int r = 0;

	for (size_t i = 0; m && !r && i < m->most; i++)
		if (m->slot[i] && m->slot[i]->r.kind == kind)
			r = fn(user, &m->slot[i]->r);
	return r;
}

size_t memory_count(const struct memory *m, enum memory_kind kind)
{
	return m ? m->count[kind] : 0;
}

size_t memory_lost(const struct memory *m, enum memory_kind kind)
{
	return m ? m->lost[kind] : 0;
}

/* -- changing ------------------------------------------------------------- */

static bool is_record(const struct memory_record *r)
{
	return r->kind > MEMORY_NONE && r->kind < MEMORY_KINDS && r->name &&
	       r->name[0] && strlen(r->name) < MEMORY_NAME_TEXT && r->len &&
	       r->len <= MEMORY_DATA_MAX;
}

bool memory_is_full(const struct memory *m)
{
	for (size_t i = 0; m && i < m->most; i++)
		if (!m->slot[i] || !kinds[m->slot[i]->r.kind].protects)
			return false;
	return true;
}

/* The first free slot, or that of the oldest record that gives way. */
static int make_room(struct memory *m, size_t *out)
{
	size_t oldest = m->most;

	for (size_t i = 0; i < m->most; i++) {
		if (!m->slot[i]) {
			*out = i;
			return 0;
		}
		if (!kinds[m->slot[i]->r.kind].protects &&
		    (oldest == m->most || m->slot[i]->r.time_us <
						  m->slot[oldest]->r.time_us))
			oldest = i;
	}
	if (oldest == m->most)
		return E_FULL;
	drop(m, oldest);
	*out = oldest;
	return 0;
}

static int add(struct memory *m, const struct memory_record *rec)
{
	size_t i;
	int r = make_room(m, &i);

	if (!r)
		r = insert(m, i, rec);
	if (!r)
		r = write_entry(m, i);
	if (!r && kinds[rec->kind].protects)
		r = write_head(m);
	return r;
}

/* What changes nothing is not written. */
static int change(struct memory *m, struct entry *e,
		  const struct memory_record *r)
{
	bool same = e->r.len == r->len && !memcmp(e->data, r->data, r->len);

	if (kinds[r->kind].rises && r->data[0] < e->data[0])
		return 0;
	if (same && r->time_us >= e->r.time_us &&
	    r->time_us - e->r.time_us < FRESH_US)
		return 0;
	memmove(e->data, r->data, r->len); /* r may be what we gave out */
	e->r.len = r->len;
	e->r.time_us = r->time_us;
	return write_entry(m, slot_of(m, e));
}

int memory_put(struct memory *m, const struct memory_record *r)
{
	struct entry *e;

	if (!m)
		return E_FULL;
	if (!is_record(r))
		return E_ARG;
	e = find(m, r->kind, r->name);
	return e ? change(m, e, r) : add(m, r);
}

int memory_forget(struct memory *m, enum memory_kind kind, const char *name)
{
	static const uint8_t zero[SLOT];
	struct entry *e = m ? find(m, kind, name) : NULL;
	size_t i;
	int r = 0;

	if (!e)
		return E_NOTFOUND;
	i = slot_of(m, e);
	drop(m, i);
	if (kinds[kind].protects)
		r = write_head(m);
	return r ? r : write_bytes(m, (uint32_t)i + 1, zero);
}

int memory_mend(struct memory *m, enum memory_kind kind)
{
	m->lost[kind] = 0;
	return write_head(m);
}
