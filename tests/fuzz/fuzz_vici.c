/* fuzz_vici.c - what comes from a VICI socket: a packet is read, a message is
 * read element by element and written again to the same octets, a section is
 * skipped to where reading on would have come; then it is read as SAs, as a
 * line of the log and as each event. */
#include "daemon/base/err.h"
#include "modules/vici/packet.h"
#include "modules/vici/reason.h"
#include "modules/vici/sa.h"
#include "modules/vici/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
	if (!held)
		abort();
}

/* A name that is read may be one that is not written: then false. */
static int write_again(struct vici_writer *w, const struct vici_element *e)
{
	char name[VICI_NAME_MAX + 1];

	if (e->name.len && !vici_name_ok(e->name.p, e->name.len))
		return 0;
	snprintf(name, sizeof name, "%.*s", (int)e->name.len, e->name.p);
	switch (e->type) {
	case VICI_SECTION:
		vici_section(w, name);
		break;
	case VICI_SECTION_END:
		vici_section_end(w);
		break;
	case VICI_KEY:
		vici_key(w, name, e->value.p, e->value.len);
		break;
	case VICI_LIST:
		vici_list(w, name);
		break;
	case VICI_ITEM:
		vici_item(w, e->value.p, e->value.len);
		break;
	case VICI_LIST_END:
		vici_list_end(w);
		break;
	default:
		abort();
	}
	return 1;
}

static void skip(struct vici_reader r)
{
	unsigned depth = r.list ? r.depth : r.depth - 1;

	must(!vici_skip(&r) && !r.list && r.depth == depth);
}

static void message(const uint8_t *data, size_t size)
{
	struct buf b = buf_of(size + 1);
	struct vici_writer w = vici_writer_of(&b);
	struct vici_reader r = vici_reader_of(data, size);
	struct vici_element e;
	int same = 1;

	for (;;) {
		must(!vici_next(&r, &e));
		if (e.type == VICI_END)
			break;
		if (e.type == VICI_SECTION || e.type == VICI_LIST)
			skip(r);
		same = same && write_again(&w, &e);
	}
	if (same)
		must(!vici_finish(&w) && b.len == size &&
		     (!size || !memcmp(b.data, data, size)));
	buf_free(&b);
}

static void sas(const uint8_t *data, size_t size)
{
	struct vici_child_sa child;
	struct vici_reason why;
	struct vici_line line;
	struct vici_version v;
	struct vici_event ev;
	struct vici_ike ike;
	int r = 0;

	if (!vici_version_read(data, size, &v))
		must(vici_name_ok(v.text, strlen(v.text)));
	if (!vici_line_read(data, size, &line)) {
		why = vici_reason_of(line.text);
		must(line.ike_id && line.conn.len && !why.weight == !why.why);
	}
	for (size_t i = 0; vici_event_names[i]; i++)
		if (!vici_event_read(vici_event_names[i], data, size, "gw",
				     &ev))
			must(ev.ike.id != 0);
	if (vici_ike_read(data, size, "gw", &ike))
		return;
	must(ike.id != 0);
	while (!(r = vici_ike_child(&ike, &child)))
		must(child.id && child.local.n <= VICI_SELECTORS);
	must(r == E_NOTFOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vici_packet p;

	if (vici_packet_read(data, size, &p))
		return 0;
	must(p.op < VICI_OPS && p.len < size);
	message(p.message, p.len);
	sas(p.message, p.len);
	return 0;
}
