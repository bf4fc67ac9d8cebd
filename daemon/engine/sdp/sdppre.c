/* sdppre.c - preconditions in SDP. See sdppre.h.
 *
 * RFC 3312 section 4 for the grammar, 5 for the tables, RFC 4032 4.1 for what
 * it changed in them, RFC 5027 for the type "sec". Of other types only that
 * they are mandatory is seen: who does not know one must refuse the offer (RFC
 * 3312 section 9). The segmented status has no meaning with "sec".
 *
 * Does not do: strengths other than mandatory in what we write. */
#include "daemon/engine/sdp/sdppre.h"

#include "daemon/base/err.h"
#include "daemon/engine/sdp/sdpike.h"
#include "daemon/engine/sdp/sdptext.h"

#include <string.h>

static const char *const directions[] = { "none", "send", "recv",
					  "sendrecv" };
static const char *const strengths[] = { "none", "optional", "mandatory" };
/* They stand in refusals only. */
static const char *const failed[] = { "failure", "unknown" };
static const char *const statuses[] = { "e2e", "local", "remote" };

#define COUNT(a) (sizeof (a) / sizeof *(a))

/* The place of a word in a list, or -1. */
static int place(struct sdp_text word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sdp_is(word, list[i]))
			return (int)i;
	return -1;
}

/* The words of a line, which has so many and no more. */
static bool split(struct sdp_text value, struct sdp_text *word, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		word[i] = sdp_word(&value);
		if (!word[i].len)
			return false;
	}
	return !sdp_word(&value).len;
}

/* What is read of one m= line: each direction once. */
struct reading {
	struct sdp_pre *pre;
	unsigned current, desired; /* lines; directions */
};

static bool is_ours(struct sdp_text type, struct sdp_text status)
{
	return sdp_is(type, "sec") && sdp_is(status, "e2e");
}

/* type, status, direction */
static int read_current(struct reading *rd, struct sdp_text value)
{
	struct sdp_text w[3];
	int d = split(value, w, 3)
		? place(w[2], directions, COUNT(directions)) : -1;

	if (d < 0 || place(w[1], statuses, COUNT(statuses)) < 0)
		return E_FORMAT;
	if (!is_ours(w[0], w[1]))
		return 0;
	rd->pre->current = (unsigned)d;
	return rd->current++ ? E_FORMAT : 0;
}

static int read_confirm(struct reading *rd, struct sdp_text value)
{
	struct sdp_text w[3];
	int d = split(value, w, 3)
		? place(w[2], directions, COUNT(directions)) : -1;

	if (d < 0 || place(w[1], statuses, COUNT(statuses)) < 0)
		return E_FORMAT;
	if (is_ours(w[0], w[1]))
		rd->pre->confirm |= (unsigned)d;
	return 0;
}

static int desire(struct reading *rd, unsigned d, enum sdp_strength s)
{
	if (!d || rd->desired & d)
		return E_FORMAT;
	rd->desired |= d;
	for (unsigned i = 0; i < 2; i++)
		if (d >> i & 1)
			rd->pre->desired[i] = s;
	return 0;
}

/* type, strength, status, direction. What is strange and concerns the other
 * side's own network alone is not for us to meet. */
static int read_desired(struct reading *rd, struct sdp_text value)
{
	struct sdp_text w[4];
	int d, s;

	if (!split(value, w, 4))
		return E_FORMAT;
	d = place(w[3], directions, COUNT(directions));
	s = place(w[1], strengths, COUNT(strengths));
	if (d < 0 || place(w[2], statuses, COUNT(statuses)) < 0 ||
	    (s < 0 && place(w[1], failed, COUNT(failed)) < 0))
		return E_FORMAT;
	if (is_ours(w[0], w[2]))
		return s < 0 ? E_FORMAT
			     : desire(rd, (unsigned)d, (enum sdp_strength)s);
	if (s == SDP_STRENGTH_MANDATORY && !sdp_is(w[2], "local"))
		rd->pre->strange = true;
	return 0;
}

static const struct {
	const char *name;
	int (*read)(struct reading *rd, struct sdp_text value);
} attributes[] = {
	{ "curr", read_current },
	{ "des", read_desired },
	{ "conf", read_confirm },
};

bool sdp_pre_is(struct sdp_text name)
{
	for (size_t i = 0; i < COUNT(attributes); i++)
		if (sdp_is(name, attributes[i].name))
			return true;
	return false;
}

static int read_attribute(struct reading *rd, struct sdp_text line)
{
	struct sdp_text value, name = sdp_attribute(line, &value);

	for (size_t i = 0; i < COUNT(attributes); i++)
		if (sdp_is(name, attributes[i].name))
			return attributes[i].read(rd, value);
	return 0;
}

/* What is desired of no direction, or without a current status, is none. */
static void end_section(struct reading *rd)
{
	if (rd->pre)
		rd->pre->there = rd->current && rd->desired;
}

int sdp_pre_read(const struct sdp *s, struct sdp_pre out[static SDP_LINES_MAX],
		 const char **why)
{
	struct sdp_text rest = s->text, line, eol;
	struct reading rd = { .pre = NULL };
	unsigned n = 0;

	memset(out, 0, SDP_LINES_MAX * sizeof *out);
	while (sdp_next_line(&rest, &line, &eol) && line.len) {
		if (line.p[0] == 'm' && n < s->n) {
			end_section(&rd);
			rd = (struct reading){ .pre = &out[n++] };
		} else if (line.p[0] == 'a' && rd.pre &&
			   read_attribute(&rd, line)) {
			*why = "a line of preconditions is malformed";
			return E_FORMAT;
		}
	}
	end_section(&rd);
	return 0;
}

void sdp_pre_write(unsigned current, unsigned confirm, const char *eol,
		   struct buf *out)
{
	buf_printf(out, "a=curr:sec e2e %s%s",
		   directions[current & SDP_PRE_BOTH], eol);
	buf_printf(out, "a=des:sec mandatory e2e sendrecv%s", eol);
	if (confirm & SDP_PRE_BOTH)
		buf_printf(out, "a=conf:sec e2e %s%s",
			   directions[confirm & SDP_PRE_BOTH], eol);
}

/* -- refusals -------------------------------------------------------------- */

/* One that is strange; type, status and direction are as they came. */
static bool put_strange(struct sdp_text line, const char *eol, struct buf *out)
{
	struct sdp_text value, name = sdp_attribute(line, &value), w[4];

	if (!sdp_is(name, "des") || !split(value, w, 4) ||
	    is_ours(w[0], w[2]) || !sdp_is(w[1], "mandatory") ||
	    sdp_is(w[2], "local"))
		return false;
	buf_text(out, "a=des:");
	buf_put(out, w[0].p, w[0].len);
	buf_text(out, " unknown ");
	buf_put(out, w[2].p, w[2].len);
	buf_text(out, " ");
	buf_put(out, w[3].p, w[3].len);
	buf_text(out, eol);
	return true;
}

static void put_refused(const struct sdp_media *m, struct sdp_text line,
			const char *eol, struct buf *out)
{
	size_t rest = (size_t)(line.p + line.len - m->proto.p);

	buf_text(out, "m=");
	buf_put(out, m->media.p, m->media.len);
	buf_text(out, " 0 ");
	buf_put(out, m->proto.p, rest);
	buf_text(out, eol);
}

int sdp_pre_refuse(const struct sdp *s, struct buf *out)
{
	static const char failure[] = "a=des:sec failure e2e sendrecv";
	struct sdp_text rest = s->text, line, eol;
	bool strange = true; /* before the first m= */
	unsigned n = 0;

	buf_printf(out, "v=0%so=- 0 0 IN IP4 0.0.0.0%ss=-%sc=IN IP4 0.0.0.0%s"
		   "t=0 0%s", s->eol, s->eol, s->eol, s->eol, s->eol);
	while (sdp_next_line(&rest, &line, &eol) && line.len) {
		if (line.p[0] == 'm' && n < s->n) {
			if (!strange)
				buf_printf(out, "%s%s", failure, s->eol);
			put_refused(&s->media[n], line, s->eol, out);
			strange = sdp_ike_is(s, n++); /* it has none */
		} else if (line.p[0] == 'a' && n) {
			strange |= put_strange(line, s->eol, out);
		}
	}
	if (!strange)
		buf_printf(out, "%s%s", failure, s->eol);
	return out->err;
}

/* -- the tables of section 5 ----------------------------------------------- */

/* What we know by ourselves, where we do (local information). */
enum value { NO, YES, OURS_OR_NO, OURS_OR_YES };

/* By [it was an answer][it says yes][we said yes]: what we say from then on.
 * RFC 4032 4.1: the answerer's table, then the offerer's. An answerer who knows
 * nothing himself takes the offerer's word (RFC 3312 table 3). */
static const enum value table[2][2][2] = {
	[false] = { { NO, OURS_OR_NO }, { OURS_OR_YES, YES } },
	[true] = { { NO, NO }, { YES, YES } },
};

/* Theirs as we see it (table 4). */
static unsigned inverted(unsigned d)
{
	return (d & SDP_PRE_SEND ? SDP_PRE_RECV : 0) |
	       (d & SDP_PRE_RECV ? SDP_PRE_SEND : 0);
}

static bool judge(enum value v, bool known, bool have)
{
	if (known && (v == OURS_OR_NO || v == OURS_OR_YES))
		return have;
	return v == YES || v == OURS_OR_YES;
}

void sdp_status_take(struct sdp_status *s, const struct sdp_pre *theirs,
		     bool answer, unsigned known, unsigned have)
{
	unsigned said = inverted(theirs->current), now = 0;

	for (unsigned bit = SDP_PRE_SEND; bit <= SDP_PRE_RECV; bit <<= 1)
		if (judge(table[answer][!!(said & bit)][!!(s->current & bit)],
			  known & bit, have & bit))
			now |= bit;
	s->current = now;
	s->told = said;
	s->confirm = inverted(theirs->confirm);
	s->agreed = theirs->there;
}

void sdp_status_have(struct sdp_status *s, unsigned have)
{
	s->current |= have & SDP_PRE_BOTH;
}

bool sdp_status_met(const struct sdp_status *s)
{
	return s->agreed && s->current == SDP_PRE_BOTH;
}

bool sdp_status_due(const struct sdp_status *s)
{
	if (s->confirm && (s->current & s->confirm) == s->confirm)
		return true;
	return (s->current & ~s->told) != 0;
}
