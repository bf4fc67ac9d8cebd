/* sa.c - what charon tells of its SAs. See sa.h.
 *
 * Each section is read by a table of its keys: where the value goes and what
 * kind it is. What a table does not name is passed over, since every version
 * adds to it; what it names must be of its kind and come once. An id, which
 * charon counts from 1, must be there. */
#include "modules/vici/sa.h"

#include "daemon/base/err.h"

#include <string.h>

enum kind {
	TEXT,
	NUMBER32,
	NUMBER64,
	HEX32,
	HEX64,
	SECONDS,   /* int64_t, may be negative */
	YES,       /* bool: "yes", or left out */
	HOST,      /* struct addr, without its port */
	PORT,      /* of the struct addr before it */
	WORD,      /* an enum by the field's words; others are 0 */
	SELECTORS, /* a list */
	SECTION    /* kept for later */
};

struct field {
	const char *name; /* NULL: a section of any name, but only one */
	enum kind kind;
	size_t offset;
	const char *const *words; /* by the enum's value, NULL-terminated */
};

#define FIELDS_MAX 32 /* of one table */

static const char *const ike_states[] = {
	"", "CREATED", "CONNECTING", "ESTABLISHED", "PASSIVE", "REKEYING",
	"REKEYED", "DELETING", "DESTROYING", NULL
};

static const char *const child_states[] = {
	"", "CREATED", "ROUTED", "INSTALLING", "INSTALLED", "UPDATING",
	"REKEYING", "REKEYED", "RETRYING", "DELETING", "DELETED",
	"DESTROYING", NULL
};

static const char *const modes[] = { "", "TUNNEL", "TRANSPORT", NULL };

#define IKE(name, kind, member) \
	{ name, kind, offsetof(struct vici_ike, member), NULL }
static const struct field ike_fields[] = {
	IKE("uniqueid", NUMBER32, id),
	{ "state", WORD, offsetof(struct vici_ike, state), ike_states },
	IKE("local-host", HOST, local),
	IKE("local-port", PORT, local),
	IKE("remote-host", HOST, remote),
	IKE("remote-port", PORT, remote),
	IKE("local-id", TEXT, local_id),
	IKE("remote-id", TEXT, remote_id),
	IKE("initiator-spi", HEX64, spi_i),
	IKE("responder-spi", HEX64, spi_r),
	IKE("initiator", YES, initiator),
	IKE("nat-local", YES, nat_local),
	IKE("nat-remote", YES, nat_remote),
	IKE("nat-any", YES, nat_any),
	IKE("established", SECONDS, established_s),
	IKE("rekey-time", SECONDS, rekey_s),
	IKE("child-sas", SECTION, children),
};

#define CHILD(name, kind, member) \
	{ name, kind, offsetof(struct vici_child_sa, member), NULL }
static const struct field child_fields[] = {
	CHILD("name", TEXT, name),
	CHILD("uniqueid", NUMBER32, id),
	CHILD("reqid", NUMBER32, reqid),
	{ "state", WORD, offsetof(struct vici_child_sa, state), child_states },
	{ "mode", WORD, offsetof(struct vici_child_sa, mode), modes },
	CHILD("encap", YES, encap),
	CHILD("spi-in", HEX32, spi_in),
	CHILD("spi-out", HEX32, spi_out),
	CHILD("encr-alg", TEXT, cipher),
	CHILD("encr-keysize", NUMBER32, cipher_bits),
	CHILD("integ-alg", TEXT, integrity),
	CHILD("bytes-in", NUMBER64, bytes_in),
	CHILD("packets-in", NUMBER64, packets_in),
	CHILD("bytes-out", NUMBER64, bytes_out),
	CHILD("packets-out", NUMBER64, packets_out),
	CHILD("install-time", SECONDS, installed_s),
	CHILD("rekey-time", SECONDS, rekey_s),
	CHILD("life-time", SECONDS, life_s),
	CHILD("local-ts", SELECTORS, local),
	CHILD("remote-ts", SELECTORS, remote),
};

/* The root of every message: an IKE_SA by its name, and whether it is up. */
struct root {
	bool up;
	struct vici_section ike;
};

static const struct field root_fields[] = {
	{ "up", YES, offsetof(struct root, up), NULL },
	{ NULL, SECTION, offsetof(struct root, ike), NULL },
};

/* What a rekeying tells: of an IKE_SA or, in its section, of a child. */
struct pair {
	struct vici_section old, new;
};

static const struct field pair_fields[] = {
	{ "old", SECTION, offsetof(struct pair, old), NULL },
	{ "new", SECTION, offsetof(struct pair, new), NULL },
};

struct only {
	struct vici_section section;
};

static const struct field only_fields[] = {
	{ NULL, SECTION, offsetof(struct only, section), NULL },
};

#define N(table) (sizeof(table) / sizeof *(table))

const char *vici_ike_state_word(enum vici_ike_state state)
{
	return state == VICI_IKE_OTHER ? "?" : ike_states[state];
}

const char *vici_child_state_word(enum vici_child_state state)
{
	return state == VICI_CHILD_OTHER ? "?" : child_states[state];
}

/* -- one value ------------------------------------------------------------- */

static int read_number(struct vici_text t, unsigned base, uint64_t max,
		       void *to, size_t size)
{
	uint32_t small;
	uint64_t v;

	if (vici_text_u64(t, base, max, &v))
		return E_FORMAT;
	small = (uint32_t)v;
	memcpy(to, size == sizeof v ? (void *)&v : (void *)&small, size);
	return 0;
}

static int read_seconds(struct vici_text t, int64_t *to)
{
	bool negative = t.len && *t.p == '-';
	uint64_t v;

	t.p += negative;
	t.len -= negative;
	if (vici_text_u64(t, 10, INT64_MAX, &v))
		return E_FORMAT;
	*to = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

/* "%any" and what else is no address of ours to understand stays unknown. */
static int read_host(struct vici_text t, struct addr *to)
{
	char text[ADDR_TEXT];
	struct addr a = { 0 };
	uint16_t port = to->port;

	if (t.len && t.len < sizeof text && !memchr(t.p, 0, t.len)) {
		memcpy(text, t.p, t.len);
		text[t.len] = 0;
		if (addr_parse(text, &a))
			a = (struct addr){ 0 };
	}
	a.port = port;
	*to = a;
	return 0;
}

static int read_port(struct vici_text t, struct addr *to)
{
	uint64_t v;

	if (vici_text_u64(t, 10, UINT16_MAX, &v))
		return E_FORMAT;
	to->port = (uint16_t)v;
	return 0;
}

static int read_word(struct vici_text t, const char *const *words, void *to)
{
	unsigned v = 0;

	for (unsigned i = 1; words[i]; i++)
		if (vici_text_is(t, words[i]))
			v = i;
	memcpy(to, &v, sizeof v);
	return 0;
}

_Static_assert(sizeof(enum vici_ike_state) == sizeof(unsigned) &&
	       sizeof(enum vici_child_state) == sizeof(unsigned) &&
	       sizeof(enum vici_mode) == sizeof(unsigned),
	       "read_word() writes an unsigned");

static int read_value(const struct field *f, struct vici_text t, void *to)
{
	switch (f->kind) {
	case TEXT:
		*(struct vici_text *)to = t;
		return 0;
	case NUMBER32:
		return read_number(t, 10, UINT32_MAX, to, 4);
	case NUMBER64:
		return read_number(t, 10, UINT64_MAX, to, 8);
	case HEX32:
		return read_number(t, 16, UINT32_MAX, to, 4);
	case HEX64:
		return read_number(t, 16, UINT64_MAX, to, 8);
	case SECONDS:
		return read_seconds(t, to);
	case YES:
		*(bool *)to = vici_text_is(t, "yes");
		return 0;
	case HOST:
		return read_host(t, to);
	case PORT:
		return read_port(t, to);
	case WORD:
		return read_word(t, f->words, to);
	default:
		return E_INTERNAL; /* lists and sections are no values */
	}
}

/* -- one section ----------------------------------------------------------- */

/* By name and type: a connection may well be called "up". */
static const struct field *find(const struct field *table, size_t n,
				const struct vici_element *e)
{
	enum vici_type type;

	for (size_t i = 0; i < n; i++) {
		type = table[i].kind == SECTION ? VICI_SECTION :
		       table[i].kind == SELECTORS ? VICI_LIST : VICI_KEY;
		if (type == e->type &&
		    (!table[i].name || vici_text_is(e->name, table[i].name)))
			return &table[i];
	}
	return NULL;
}

static int read_field(struct vici_reader *r, const struct vici_element *e,
		      const struct field *f, void *out)
{
	char *to = (char *)out + f->offset;
	struct vici_section section = { true, e->name, *r };

	if (e->type == VICI_KEY)
		return read_value(f, e->value, to);
	if (e->type == VICI_LIST)
		return vici_selectors_read(r, (struct vici_selectors *)to);
	*(struct vici_section *)to = section;
	return vici_skip(r);
}

/* Reads to the end of the section (or message) that r is in. */
static int read_section(struct vici_reader r, const struct field *table,
			size_t n, void *out)
{
	const struct field *f;
	struct vici_element e;
	uint32_t seen = 0;
	int x;

	_Static_assert(N(ike_fields) <= FIELDS_MAX &&
		       N(child_fields) <= FIELDS_MAX, "bits of seen");
	while (!(x = vici_next(&r, &e)) && e.type != VICI_END &&
	       e.type != VICI_SECTION_END) {
		f = find(table, n, &e);
		if (f && seen & 1u << (f - table))
			return E_FORMAT;
		if (f) {
			seen |= 1u << (f - table);
			x = read_field(&r, &e, f, out);
		} else if (e.type != VICI_KEY) {
			x = vici_skip(&r);
		}
		if (x)
			return x;
	}
	return x;
}

/* -- SAs ------------------------------------------------------------------- */

static int read_child(const struct vici_section *s, struct vici_child_sa *out)
{
	struct vici_child_sa child = { .name = s->name, .cipher = { "", 0 },
				       .integrity = { "", 0 } };
	int r = s->there ? 0 : E_FORMAT;

	if (!r)
		r = read_section(s->in, child_fields, N(child_fields), &child);
	if (!r && !child.id)
		r = E_FORMAT; /* nothing could be done with it */
	if (!r)
		*out = child;
	return r;
}

int vici_ike_child(struct vici_ike *ike, struct vici_child_sa *out)
{
	struct vici_reader *r = &ike->children.in;
	struct vici_section s = { .there = true };
	struct vici_element e;

	if (!ike->children.there)
		return E_NOTFOUND;
	if (vici_next(r, &e))
		return E_FORMAT;
	if (e.type == VICI_SECTION_END) {
		ike->children.there = false;
		return E_NOTFOUND;
	}
	if (e.type != VICI_SECTION)
		return E_FORMAT;
	s.name = e.name;
	s.in = *r;
	if (vici_skip(r))
		return E_FORMAT;
	return read_child(&s, out);
}

bool vici_is_ours(struct vici_text conn, const char *prefix)
{
	size_t len = strlen(prefix);

	return len && conn.len >= len && !memcmp(conn.p, prefix, len);
}

static int read_ike(const struct vici_section *s, struct vici_text conn,
		    const char *prefix, struct vici_ike *out)
{
	struct vici_ike ike = { .conn = conn, .local_id = { "", 0 },
				.remote_id = { "", 0 },
				.ours = vici_is_ours(conn, prefix) };
	int r = s->there ? 0 : E_FORMAT;

	if (!r)
		r = read_section(s->in, ike_fields, N(ike_fields), &ike);
	if (!r && !ike.id)
		r = E_FORMAT;
	if (!r)
		*out = ike;
	return r;
}

static int read_root(const void *message, size_t len, struct root *out)
{
	struct vici_reader r = vici_reader_of(message, len);

	return read_section(r, root_fields, N(root_fields), out);
}

int vici_ike_read(const void *message, size_t len, const char *prefix,
		  struct vici_ike *out)
{
	struct root root = { 0 };
	struct vici_ike ike, walk;
	struct vici_child_sa child;
	int r = read_root(message, len, &root);

	if (!r)
		r = read_ike(&root.ike, root.ike.name, prefix, &ike);
	if (r)
		return r;
	walk = ike;
	do
		r = vici_ike_child(&walk, &child);
	while (!r);
	if (r != E_NOTFOUND)
		return r;
	*out = ike;
	return 0;
}

/* -- events ---------------------------------------------------------------- */

static int ike_updown(const struct root *root, const char *prefix,
		      struct vici_event *ev)
{
	ev->kind = root->up ? VICI_IKE_UP : VICI_IKE_DOWN;
	return read_ike(&root->ike, root->ike.name, prefix, &ev->ike);
}

static int ike_rekey(const struct root *root, const char *prefix,
		     struct vici_event *ev)
{
	struct vici_text conn = root->ike.name;
	struct pair pair = { .old.there = false };
	int r = root->ike.there ? 0 : E_FORMAT;

	ev->kind = VICI_IKE_REKEY;
	if (!r)
		r = read_section(root->ike.in, pair_fields, N(pair_fields),
				 &pair);
	if (!r)
		r = read_ike(&pair.old, conn, prefix, &ev->ike);
	if (!r)
		r = read_ike(&pair.new, conn, prefix, &ev->new_ike);
	return r;
}

/* The one child that an event is about, as a section. */
static int the_child(const struct root *root, const char *prefix,
		     struct vici_event *ev, struct vici_section *out)
{
	struct only only = { .section.there = false };
	int r = read_ike(&root->ike, root->ike.name, prefix, &ev->ike);

	if (!r && !ev->ike.children.there)
		r = E_FORMAT;
	if (!r)
		r = read_section(ev->ike.children.in, only_fields,
				 N(only_fields), &only);
	if (!r)
		*out = only.section;
	return r;
}

static int child_updown(const struct root *root, const char *prefix,
			struct vici_event *ev)
{
	struct vici_section s;
	int r = the_child(root, prefix, ev, &s);

	ev->kind = root->up ? VICI_CHILD_UP : VICI_CHILD_DOWN;
	return r ? r : read_child(&s, &ev->child);
}

static int child_rekey(const struct root *root, const char *prefix,
		       struct vici_event *ev)
{
	struct pair pair = { .old.there = false };
	struct vici_section s;
	int r = the_child(root, prefix, ev, &s);

	ev->kind = VICI_CHILD_REKEY;
	if (!r && !s.there)
		r = E_FORMAT;
	if (!r)
		r = read_section(s.in, pair_fields, N(pair_fields), &pair);
	if (!r)
		r = read_child(&pair.old, &ev->child);
	if (!r)
		r = read_child(&pair.new, &ev->new_child);
	return r;
}

const char *const vici_event_names[] = {
	VICI_EVENT_NAMES, NULL
};

static int (*const event_readers[])(const struct root *, const char *,
				    struct vici_event *) = {
	ike_updown, ike_rekey, child_updown, child_rekey
};

int vici_event_read(const char *name, const void *message, size_t len,
		    const char *prefix, struct vici_event *out)
{
	struct root root = { 0 };
	struct vici_event ev;
	size_t i = 0;
	int r;

	while (vici_event_names[i] && strcmp(vici_event_names[i], name))
		i++;
	if (!vici_event_names[i])
		return E_NOTFOUND;
	memset(&ev, 0, sizeof ev);
	r = read_root(message, len, &root);
	if (!r)
		r = event_readers[i](&root, prefix, &ev);
	if (!r)
		*out = ev;
	return r;
}
