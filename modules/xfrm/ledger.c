/* ledger.c - slots of 128 bytes. See ledger.h.
 *
 * A slot is copied whole into its place in the mapped file, so that damage
 * stays within it; it ends in a checksum over its number and bytes. An end of
 * the process between two bytes of a slot shows as damage, and the sweep then
 * goes by names. Slot 0, the head, has the world that the records are of, and
 * the sub-range. The checksum guards against mishap; whoever may write the file
 * may do as the daemon. */
#include "modules/xfrm/ledger.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/xfrm/range.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "xfrm"
#define SLOT 128 /* bytes in the file */
#define SUM_AT (SLOT - 8)

static const char magic[24] = "callseal ledger 1\n";

struct ledger {
	int fd;
	uint8_t *file; /* mapped: the head and most slots */
	uint8_t world[LEDGER_WORLD];
	uint32_t range;
	struct ledger_record *record; /* [i] is slot i + 1 */
	uint64_t *name;               /* hash of its name in the kernel */
	uint32_t *first, *next; /* slots by name: of each hash, behind each */
	size_t most, used, end;       /* end: none is used from there on */
	size_t room; /* slots of the file: an earlier run may have had more */
	size_t hint;                  /* none is free before it */
	bool damaged;
};

/* -- bytes ---------------------------------------------------------------- */

static uint64_t sum_of(uint32_t slot, const uint8_t *bytes)
{
	uint64_t h = 0xcbf29ce484222325u ^ slot;

	for (size_t i = 0; i < SUM_AT; i++)
		h = (h ^ bytes[i]) * 0x100000001b3u;
	return h;
}

static bool sound(uint32_t slot, const uint8_t *bytes)
{
	struct reader r = reader_of(bytes + SUM_AT, 8);

	return reader_u64(&r) == sum_of(slot, bytes);
}

/* Room for one slot's bytes; they fit, so nothing is allocated. */
static struct buf room_of(uint8_t bytes[SLOT])
{
	memset(bytes, 0, SLOT);
	return (struct buf){ .data = bytes, .cap = SLOT, .max = SUM_AT };
}

static uint8_t *bytes_at(const struct ledger *l, uint32_t slot)
{
	return l->file + (size_t)slot * SLOT;
}

static void write_sealed(const struct ledger *l, uint32_t slot, uint8_t *bytes)
{
	uint64_t sum = sum_of(slot, bytes);

	for (int i = 0; i < 8; i++)
		bytes[SUM_AT + i] = (uint8_t)(sum >> (56 - 8 * i));
	memcpy(bytes_at(l, slot), bytes, SLOT);
}

static void put_addr(struct buf *b, const struct addr *a)
{
	buf_u8(b, a->family);
	buf_put(b, a->ip, sizeof a->ip);
}

static struct addr get_addr(struct reader *r)
{
	struct addr a = { 0 };
	const uint8_t *ip;

	a.family = reader_u8(r);
	ip = reader_bytes(r, sizeof a.ip);
	if (ip)
		memcpy(a.ip, ip, sizeof a.ip);
	if (a.family != 0 && a.family != 4 && a.family != 6)
		reader_fail(r, E_FORMAT);
	return a;
}

static void put_net(struct buf *b, const struct net *n)
{
	put_addr(b, &n->base);
	buf_u8(b, n->bits);
}

static struct net get_net(struct reader *r)
{
	struct addr base = get_addr(r);

	return (struct net){ base, reader_u8(r) };
}

static void put_policy(struct buf *b, const struct ipsec_policy *p)
{
	put_net(b, &p->sel.src);
	put_net(b, &p->sel.dst);
	buf_u16(b, p->sel.sport);
	buf_u16(b, p->sel.sport_mask);
	buf_u16(b, p->sel.dport);
	buf_u16(b, p->sel.dport_mask);
	buf_u8(b, p->sel.proto);
	buf_u8(b, p->dir);
	buf_u8(b, p->action);
	buf_u32(b, p->priority);
	put_addr(b, &p->src);
	put_addr(b, &p->dst);
	buf_u32(b, p->spi);
	buf_u32(b, p->reqid);
	buf_u8(b, p->mode);
}

static void get_policy(struct reader *r, struct ipsec_policy *p)
{
	p->sel.src = get_net(r);
	p->sel.dst = get_net(r);
	p->sel.sport = reader_u16(r);
	p->sel.sport_mask = reader_u16(r);
	p->sel.dport = reader_u16(r);
	p->sel.dport_mask = reader_u16(r);
	p->sel.proto = reader_u8(r);
	p->dir = reader_u8(r);
	p->action = reader_u8(r);
	p->priority = reader_u32(r);
	p->src = get_addr(r);
	p->dst = get_addr(r);
	p->spi = reader_u32(r);
	p->reqid = reader_u32(r);
	p->mode = reader_u8(r);
}

static void put_sa(struct buf *b, const struct ipsec_sa *sa)
{
	put_addr(b, &sa->src);
	put_addr(b, &sa->dst);
	buf_u32(b, sa->spi);
	buf_u32(b, sa->reqid);
	buf_u8(b, sa->mode);
}

static void get_sa(struct reader *r, struct ipsec_sa *sa)
{
	sa->src = get_addr(r);
	sa->dst = get_addr(r);
	sa->spi = reader_u32(r);
	sa->reqid = reader_u32(r);
	sa->mode = reader_u8(r);
}

static int parse(const uint8_t *bytes, struct ledger_record *out)
{
	struct reader r = reader_of(bytes, SUM_AT);
	const char *why;

	*out = (struct ledger_record){ .kind = reader_u8(&r) };
	if (out->kind == LEDGER_SA)
		get_sa(&r, &out->sa);
	else if (out->kind == LEDGER_POLICY)
		get_policy(&r, &out->policy);
	else
		return E_FORMAT;
	if (r.err)
		return E_FORMAT;
	if (out->kind == LEDGER_POLICY)
		return ipsec_policy_check(&out->policy, &why) ? E_FORMAT : 0;
	return out->sa.dst.family && out->sa.spi >= ESP_SPI_MIN ? 0 : E_FORMAT;
}

/* -- names in the kernel -------------------------------------------------- */

static uint64_t hash(uint64_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

static uint64_t name_of(const struct ledger_record *r)
{
	const struct ipsec_selector *s = &r->policy.sel;
	uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)r->kind;

	if (r->kind == LEDGER_SA) {
		h = hash(h, r->sa.dst.ip, sizeof r->sa.dst.ip);
		return hash(h, &r->sa.spi, sizeof r->sa.spi);
	}
	h = hash(h, s->src.base.ip, sizeof s->src.base.ip);
	h = hash(h, s->dst.base.ip, sizeof s->dst.base.ip);
	h = hash(h, &s->sport, sizeof s->sport);
	h = hash(h, &s->dport, sizeof s->dport);
	return hash(h, &r->policy.dir, sizeof r->policy.dir);
}

static bool same_name(const struct ledger_record *a,
		      const struct ledger_record *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == LEDGER_SA)
		return a->sa.spi == b->sa.spi &&
		       addr_same_host(&a->sa.dst, &b->sa.dst);
	return a->policy.dir == b->policy.dir &&
	       ipsec_selector_equal(&a->policy.sel, &b->policy.sel);
}

/* The first slot of those whose names may be that one. */
static uint32_t *first_at(const struct ledger *l, uint64_t name)
{
	return &l->first[name % l->room];
}

static void index_add(struct ledger *l, uint32_t slot)
{
	uint32_t *first;

	l->name[slot - 1] = name_of(&l->record[slot - 1]);
	first = first_at(l, l->name[slot - 1]);
	l->next[slot - 1] = *first;
	*first = slot;
}

static void index_remove(struct ledger *l, uint32_t slot)
{
	uint32_t *at = first_at(l, l->name[slot - 1]);

	while (*at != slot)
		at = &l->next[*at - 1];
	*at = l->next[slot - 1];
}

/* -- the file ------------------------------------------------------------- */

static void write_head(const struct ledger *l)
{
	uint8_t bytes[SLOT];
	struct buf b = room_of(bytes);

	buf_put(&b, magic, sizeof magic);
	buf_put(&b, l->world, LEDGER_WORLD);
	buf_u32(&b, l->range);
	write_sealed(l, 0, bytes);
}

/* E_FORMAT: it is none; *same: of this world. */
static int read_head(struct ledger *l, bool *same)
{
	struct reader in = reader_of(bytes_at(l, 0), SUM_AT);

	if (!sound(0, bytes_at(l, 0)) ||
	    memcmp(reader_bytes(&in, sizeof magic), magic, sizeof magic))
		return E_FORMAT;
	*same = !memcmp(reader_bytes(&in, LEDGER_WORLD), l->world,
			LEDGER_WORLD);
	l->range = reader_u32(&in);
	return l->range <= RANGE_NONE ? 0 : E_FORMAT;
}

/* Room on the disk for all of it: a mapped file that cannot grow would end the
 * process when it is written to. */
static int make_room(const struct ledger *l)
{
	off_t size = (off_t)(l->room + 1) * SLOT;

	return posix_fallocate(l->fd, 0, size) ? E_IO : 0;
}

static int map(struct ledger *l)
{
	void *at;

	if (make_room(l))
		return E_IO;
	at = mmap(NULL, (l->room + 1) * SLOT, PROT_READ | PROT_WRITE,
		  MAP_SHARED, l->fd, 0);
	if (at == MAP_FAILED)
		return errno == ENOMEM ? E_NOMEM : E_IO;
	l->file = at;
	return 0;
}

static int begin(struct ledger *l)
{
	if (ftruncate(l->fd, 0) || make_room(l))
		return E_IO;
	write_head(l);
	return 0;
}

static bool empty(const uint8_t *bytes)
{
	for (size_t i = 0; i < SLOT; i++)
		if (bytes[i])
			return false;
	return true;
}

/* As an empty file is once there is room in it. */
static bool is_blank(const struct ledger *l)
{
	for (uint32_t slot = 0; slot <= l->room; slot++)
		if (!empty(bytes_at(l, slot)))
			return false;
	return true;
}

static void read_slots(struct ledger *l)
{
	unsigned damaged = 0;

	for (size_t i = 0; i < l->room; i++) {
		const uint8_t *bytes = bytes_at(l, (uint32_t)i + 1);

		if (empty(bytes))
			continue;
		if (!sound((uint32_t)i + 1, bytes) ||
		    parse(bytes, &l->record[i])) {
			l->record[i].kind = LEDGER_NONE;
			damaged++;
			continue;
		}
		index_add(l, (uint32_t)i + 1);
		l->used++;
		l->end = i + 1;
	}
	l->damaged = damaged;
	if (damaged)
		log_error(TAG, "%u records of the ledger are damaged; what is "
			  "in the kernel in this instance's name goes all the "
			  "same", damaged);
}

static int load(struct ledger *l)
{
	bool same;
	int r = map(l);

	if (r)
		return r;
	if (read_head(l, &same)) {
		l->range = RANGE_NONE;
		l->damaged = !is_blank(l);
		if (l->damaged)
			log_error(TAG, "the ledger is damaged: SAs and "
				  "policies of an earlier run may be left in "
				  "the kernel; \"ip xfrm state\" and \"ip "
				  "xfrm policy\" show them (reqids from "
				  "0x40000000)");
		return begin(l);
	}
	if (!same)
		return begin(l);
	read_slots(l);
	return 0;
}

/* Slots of the file, and no fewer than most. */
static int measure(struct ledger *l)
{
	struct stat st;

	if (fstat(l->fd, &st))
		return E_IO;
	l->room = l->most;
	if (st.st_size / SLOT > (off_t)l->most + 1)
		l->room = (size_t)(st.st_size / SLOT) - 1;
	return l->room < UINT32_MAX ? 0 : E_IO;
}

static int open_file(struct ledger *l)
{
	int r;

	if (flock(l->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? E_EXISTS : E_IO;
	r = measure(l);
	if (r)
		return r;
	l->record = calloc(l->room, sizeof *l->record);
	l->name = calloc(l->room, sizeof *l->name);
	l->first = calloc(l->room, sizeof *l->first);
	l->next = calloc(l->room, sizeof *l->next);
	return l->record && l->name && l->first && l->next ? load(l)
							     : E_NOMEM;
}

int ledger_new(int fd, size_t most, const uint8_t world[static LEDGER_WORLD],
	       struct ledger **out)
{
	struct ledger *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return E_NOMEM;
	l->fd = fd;
	l->most = most;
	l->range = RANGE_NONE;
	memcpy(l->world, world, LEDGER_WORLD);
	r = open_file(l);
	if (r)
		ledger_free(l);
	else
		*out = l;
	return r;
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	if (l->file)
		munmap(l->file, (l->room + 1) * SLOT);
	free(l->record);
	free(l->name);
	free(l->first);
	free(l->next);
	free(l);
}

bool ledger_damaged(const struct ledger *l)
{
	return l->damaged;
}

uint32_t ledger_range(const struct ledger *l)
{
	return l->range;
}

void ledger_set_range(struct ledger *l, uint32_t n)
{
	l->range = n;
	write_head(l);
}

/* -- records -------------------------------------------------------------- */

static void write_record(const struct ledger *l, uint32_t slot,
			 const struct ledger_record *rec)
{
	uint8_t bytes[SLOT];
	struct buf b = room_of(bytes);

	buf_u8(&b, (uint8_t)rec->kind);
	if (rec->kind == LEDGER_SA)
		put_sa(&b, &rec->sa);
	else
		put_policy(&b, &rec->policy);
	write_sealed(l, slot, bytes);
}

int ledger_put(struct ledger *l, const struct ledger_record *rec,
	       uint32_t *slot)
{
	size_t i = l->hint;

	while (i < l->most && l->record[i].kind)
		i++;
	l->hint = i;
	if (i == l->most)
		return E_FULL;
	write_record(l, (uint32_t)i + 1, rec);
	l->record[i] = *rec;
	/* never more than the file has */
	l->record[i].sa.key = (struct esp_key){ 0 };
	index_add(l, (uint32_t)i + 1);
	l->used++;
	if (i >= l->end)
		l->end = i + 1;
	*slot = (uint32_t)i + 1;
	return 0;
}

void ledger_turn(struct ledger *l, uint32_t slot, uint32_t spi)
{
	struct ledger_record *r = ledger_at(l, slot);

	r->policy.spi = spi;
	write_record(l, slot, r);
}

void ledger_rename(struct ledger *l, uint32_t slot, uint32_t reqid)
{
	struct ledger_record *r = ledger_at(l, slot);

	r->sa.reqid = reqid;
	write_record(l, slot, r);
}

void ledger_drop(struct ledger *l, uint32_t slot)
{
	struct ledger_record *r = ledger_at(l, slot);

	if (!r)
		return;
	index_remove(l, slot);
	r->kind = LEDGER_NONE;
	l->used--;
	if (slot - 1 < l->hint)
		l->hint = slot - 1;
	while (l->end && !l->record[l->end - 1].kind)
		l->end--;
	memset(bytes_at(l, slot), 0, SLOT);
}

struct ledger_record *ledger_at(const struct ledger *l, uint32_t slot)
{
	return slot && slot <= l->end && l->record[slot - 1].kind
		       ? &l->record[slot - 1] : NULL;
}

uint32_t ledger_next(const struct ledger *l, uint32_t slot)
{
	while (slot < l->end)
		if (ledger_at(l, ++slot))
			return slot;
	return 0;
}

static uint32_t find(const struct ledger *l, const struct ledger_record *like)
{
	uint64_t name = name_of(like);
	uint32_t slot = *first_at(l, name);

	while (slot && !(l->name[slot - 1] == name &&
			 same_name(&l->record[slot - 1], like)))
		slot = l->next[slot - 1];
	return slot;
}

uint32_t ledger_find_sa(const struct ledger *l, const struct addr *dst,
			uint32_t spi)
{
	return find(l, &(struct ledger_record){
		.kind = LEDGER_SA, .sa = { .dst = *dst, .spi = spi } });
}

uint32_t ledger_find_policy(const struct ledger *l,
			    const struct ipsec_policy *p)
{
	return find(l, &(struct ledger_record){ .kind = LEDGER_POLICY,
						.policy = *p });
}

size_t ledger_count(const struct ledger *l)
{
	return l->used;
}

/* -- the world ------------------------------------------------------------ */

int ledger_world(uint8_t out[static LEDGER_WORLD])
{
	struct {
		char boot[64];
		uint64_t device, inode;
	} id = { 0 };
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return E_IO;
	n = read(fd, id.boot, sizeof id.boot);
	close(fd);
	if (n <= 0 || stat("/proc/thread-self/ns/net", &st))
		return E_IO;
	id.device = st.st_dev;
	id.inode = st.st_ino;
	return EVP_Digest(&id, sizeof id, out, NULL, EVP_sha256(), NULL)
		       ? 0 : E_NOMEM;
}
