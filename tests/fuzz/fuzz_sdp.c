/* fuzz_sdp.c - session descriptions: whatever is read can be written for the
 * other leg, what was written can be read, and in a sealed call none of the
 * sender's key material is in it; IKE's lines read the same when they are
 * written again, and agree with themselves or say why not; preconditions of
 * ours take the place of the sender's, and an answer that takes all can be read
 * and has none of the sender's keys; what is said of IPsec by OPTIONS reads the
 * same when it is written again; where media pass the relay by, the other
 * leg reads the sender's addresses as they were read here. */
#include "daemon/engine/sdp/sdpcan.h"
#include "daemon/engine/sdp/sdpike.h"
#include "daemon/engine/sdp/sdppre.h"
#include "daemon/engine/sdp/sdptext.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEY "AQAFgM0XflAB"
#define CRYPTO1 "1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"
#define CRYPTO2 "2 AEAD_AES_128_GCM inline:BBBB"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
	if (!held)
		abort();
}

/* Two alternatives to KEY. */
static const char *const also[] = { "AQAFgM0XflAC", "AQcFgM0XflAD" };
static const struct sdp_config config[] = { { 101, 101 }, { 102, 102 } };

static void plan(const struct sdp *s, struct sdp_edit *e, bool sealed)
{
	memset(e, 0, sizeof *e);
	e->id = 1;
	e->version = 2;
	e->sealed = e->no_pre = sealed;
	e->mikey = sealed ? KEY : NULL;
	if (sealed)
		e->also = (struct sdp_also){ 2, also, config };
	e->addr = (struct addr){ .family = 4, .ip = { 192, 0, 2, 1 } };
	for (unsigned i = 0; i < s->n; i++) {
		e->line[i].reject = !s->media[i].rtp || !s->media[i].port;
		e->line[i].proto = sealed ? SDP_PROTO_SECURE : SDP_PROTO_KEEP;
		e->line[i].addr = e->addr;
		e->line[i].addr.port = (uint16_t)(1000 + 2 * i);
		if (sealed)
			e->line[i].crypto = CRYPTO1 "\n" CRYPTO2;
		e->line[i].configs = e->also;
		e->line[i].chosen = config[sealed];
		e->line[i].directed = i & 1;
		e->line[i].direction = (enum sdp_direction)(i >> 1 & 3);
		e->line[i].pre = (struct sdp_pre_edit){ sealed, i & 3,
							i >> 1 & 3 };
		if (i & 1)
			e->line[i].addr.family = 6;
	}
}

/* What names the alternatives is ours alone, and names both. */
static void check_alternatives(const struct sdp *s)
{
	struct sdp_text text[SDP_ALSO_MAX];
	struct sdp_config found[SDP_ALSO_MAX];

	must(s->keys.n_capabilities == 2);
	for (unsigned i = 0; i < s->n; i++) {
		const struct sdp_media *m = &s->media[i];

		must(!m->keys.n_capabilities);
		if (!m->port) {
			must(!m->n_configs && !m->chosen.number);
			continue;
		}
		must(m->chosen.number == 102);
		must(sdp_alternatives(&s->keys, m, text, found) == 2);
		for (int n = 0; n < 2; n++)
			must(sdp_is(text[n], also[n]));
	}
}

static void check_sealed(const struct sdp *s)
{
	must(s->keys.n_mikey == 1 && !s->keys.n_crypto && !s->keys.clear);
	for (unsigned i = 0; i < s->n; i++) {
		const struct sdp_keys *k = &s->media[i].keys;

		must(!k->clear && !k->n_mikey && !k->n_other);
		must(k->n_crypto == (s->media[i].port ? 2 : 0));
		for (unsigned n = 0; n < k->n_crypto; n++)
			must(sdp_is(k->crypto[n], n ? CRYPTO2 : CRYPTO1));
	}
}

static void check_pre(const struct sdp *s, const struct sdp_edit *e)
{
	struct sdp_pre pre[SDP_LINES_MAX];
	const char *why = NULL;

	must(!sdp_pre_read(s, pre, &why));
	for (unsigned i = 0; i < s->n; i++) {
		must(pre[i].there == !e->line[i].reject && !pre[i].strange);
		must(e->line[i].reject ||
		     (pre[i].current == e->line[i].pre.current &&
		      pre[i].confirm == e->line[i].pre.confirm));
	}
}

static void accept_all(const struct sdp *s)
{
	struct buf out = buf_of(1 << 20);
	const char *why = NULL;
	struct sdp_edit e;
	struct sdp again;

	plan(s, &e, true);
	must(!sdp_accept(s, &e, &out));
	must(!sdp_read(out.data, out.len, &again, &why));
	must(again.n == s->n && !again.keys.n_mikey && !again.keys.clear);
	for (unsigned i = 0; i < again.n; i++) {
		const struct sdp_media *m = &again.media[i];

		must(!m->keys.n_mikey && !m->keys.n_crypto && !m->keys.clear);
		must(m->port == (e.line[i].reject ? 0
						  : e.line[i].addr.port));
		must(e.line[i].reject ||
		     addr_equal(&m->addr, &e.line[i].addr));
	}
	check_pre(&again, &e);
	buf_free(&out);
}

static void refuse(const struct sdp *s)
{
	struct buf out = buf_of(1 << 20);
	const char *why = NULL;
	struct sdp again;

	must(!sdp_pre_refuse(s, &out));
	must(!sdp_read(out.data, out.len, &again, &why));
	must(again.n == s->n);
	for (unsigned i = 0; i < again.n; i++)
		must(!again.media[i].port);
	buf_free(&out);
}

/* Whatever a far end says of its state, nothing is met that was not said. */
static void read_pre(const struct sdp *s)
{
	struct sdp_pre pre[SDP_LINES_MAX];
	const char *why = NULL;

	if (sdp_pre_read(s, pre, &why)) {
		must(why != NULL);
		return;
	}
	for (unsigned i = 0; i < s->n; i++)
		for (int answer = 0; answer < 2; answer++) {
			struct sdp_status st = { 0 };

			sdp_status_take(&st, &pre[i], answer, 0, 0);
			must(!sdp_status_met(&st) ||
			     (pre[i].there &&
			      pre[i].current == SDP_PRE_BOTH));
			must(!sdp_status_due(&st) || st.confirm);
		}
}

static void convert(const struct sdp *s, bool sealed)
{
	struct buf out = buf_of(1 << 20);
	const char *why = NULL;
	struct sdp_edit e;
	struct sdp again;

	plan(s, &e, sealed);
	must(!sdp_write(s, &e, &out));
	must(!sdp_read(out.data, out.len, &again, &why));
	must(again.n == s->n);
	for (unsigned i = 0; i < s->n; i++) {
		must(e.line[i].reject ? !again.media[i].port
		     : again.media[i].port == e.line[i].addr.port);
		must(!e.line[i].directed ||
		     again.media[i].direction == e.line[i].direction);
	}
	if (sealed) {
		check_sealed(&again);
		check_alternatives(&again);
		check_pre(&again, &e);
	}
	buf_free(&out);
}

static unsigned count(const struct sdp *s, const char *attribute)
{
	struct sdp_text rest = s->text, line, eol, value;
	unsigned n = 0;

	while (sdp_next_line(&rest, &line, &eol) && line.len)
		n += line.p[0] == 'a' &&
		     sdp_is(sdp_attribute(line, &value), attribute);
	return n;
}

/* Media past the relay: the other leg reads the addresses that were read here,
 * and thus looked at, and no others, whichever it takes of several. */
static void pass_by(const struct sdp *s)
{
	struct buf out = buf_of(1 << 20);
	const char *why = NULL;
	struct sdp_edit e;
	struct sdp again;

	plan(s, &e, true);
	for (unsigned i = 0; i < s->n; i++) {
		e.line[i].reject |= s->media[i].named || s->media[i].rtcp_named;
		e.line[i].direct = true;
		e.line[i].addr = s->media[i].addr;
	}
	must(!sdp_write(s, &e, &out));
	must(!sdp_read(out.data, out.len, &again, &why));
	must(count(&again, "rtcp") <= s->n && !count(&again, "altc"));
	for (unsigned i = 0; i < s->n; i++) {
		const struct sdp_media *m = &again.media[i];

		must(!m->rtcp_named);
		must(e.line[i].reject ||
		     (addr_equal(&m->addr, &s->media[i].addr) &&
		      addr_equal(&m->rtcp, &s->media[i].rtcp)));
	}
	buf_free(&out);
}

static bool same_prints(const struct prints *a, const struct prints *b)
{
	for (unsigned i = 0; i < a->n; i++)
		if (!print_equal(&a->list[i], &b->list[i]))
			return false;
	return a->n == b->n;
}

static void write_ike(const struct sdp_ike *i)
{
	struct buf out = buf_of(1 << 16);
	const char *why = NULL;
	struct sdp_ike again;
	unsigned line = 0;
	struct sdp s;

	buf_text(&out, "v=0\no=- 1 1 IN IP4 192.0.2.1\n");
	must(!sdp_ike_write(i, "\n", &out));
	must(!sdp_read(out.data, out.len, &s, &why));
	must(!sdp_ike_read(&s, &line, &again, &why));
	must(again.at.port == i->at.port && again.udpencap == i->udpencap);
	must(!i->at.port || (again.setup == i->setup &&
			     same_prints(&again.certs, &i->certs) &&
			     same_prints(&again.psks, &i->psks)));
	buf_free(&out);
}

static void read_ikes(const struct sdp *s)
{
	struct sdp_ike i, answer;
	const char *why = NULL;
	struct sdp_ike_deal d;
	unsigned line = 0;

	while (!sdp_ike_read(s, &line, &i, &why)) {
		line++;
		write_ike(&i);
		answer = i;
		answer.setup = sdp_ike_reply(i.setup, line & 1);
		must(!sdp_ike_agree(&i, &answer, &d, &why) || why);
	}
}

/* An address of IKE that is not said cannot be written. */
static void read_can(const uint8_t *data, size_t size)
{
	const struct addr at = { .family = 4, .ip = { 192, 0, 2, 1 } };
	struct buf out = buf_of(1 << 16);
	struct sdp_can can, again;
	const char *why = NULL;
	int r;

	if (sdp_can_read(data, size, &can, &why)) {
		must(why != NULL);
		return;
	}
	r = sdp_can_write(&can, 1, &at, &out);
	must(!r == (!can.ike || can.ike_at.family));
	if (!r) {
		must(!sdp_can_read(out.data, out.len, &again, &why));
		must(again.ike == can.ike && again.esp == can.esp);
		must(addr_equal(&again.ike_at, &can.ike_at) &&
		     addr_equal(&again.esp_at, &can.esp_at));
		must(same_prints(&again.certs, &can.certs));
	}
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL;
	struct sdp s;

	read_can(data, size);

	if (sdp_read(data, size, &s, &why)) {
		must(why != NULL);
		return 0;
	}
	convert(&s, false);
	convert(&s, true);
	pass_by(&s);
	read_ikes(&s);
	read_pre(&s);
	accept_all(&s);
	refuse(&s);
	return 0;
}
