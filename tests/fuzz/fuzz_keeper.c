/* fuzz_keeper.c - what a taken engine can say to the keeper: sequences of
 * well-formed messages, with real MIKEY and S/MIME behind them. Each step is an
 * octet that chooses what is done and a few that choose the values; messages of
 * the keeper's own are said back to it as offers, answers and bodies, whole or
 * changed. No key id may be shipped twice to one relay, or at all to tunnels,
 * and nothing of a body that is refused comes out. */
#include "config.h" /* memmem() */

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/memory/memory.h"
#include "daemon/keeper/clerk/clerk.h"
#include "daemon/keeper/replay.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/psk.h"
#include "modules/smime/smime.h"
#include "tests/mock/ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000ull
#define SHIPPED_MAX 4096
#define KEPT 8 /* messages of the keeper's that are said back */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct kept {
	uint64_t exchange;
	size_t len;
	uint8_t bytes[KEYING_MAX];
};

/* A body that the keeper sealed, or what goes with a 493. */
struct paper {
	char fields[512];
	size_t len;
	uint8_t bytes[8192];
};

struct house {
	struct clerk *clerk;
	struct memory *memory;
	struct clock clock;
	uint64_t mono_us, wall_us;
	struct profile profile;
	struct peer peer[2];
	struct secret psk;
	struct reader in;
	int relay_err, engine_err;
	uint32_t engine, relay;
	struct kept kept[KEPT];
	unsigned n_kept;
	struct paper sealed[KEPT], shown;
	unsigned n_sealed;
	struct msg_key shipped[SHIPPED_MAX];
	unsigned n_shipped;
	uint64_t tunnel_key; /* the last that was shipped */
};

static uint64_t mono(void *user)
{
	return ((struct house *)user)->mono_us;
}

static uint64_t wall(void *user)
{
	return ((struct house *)user)->wall_us;
}

static const struct peer *match(void *user, const char *uri)
{
	struct house *h = user;

	for (int i = 0; i < 2; i++)
		if (strstr(uri, h->peer[i].match))
			return &h->peer[i];
	return NULL;
}

static const struct secret *psk(void *user, const char *peer)
{
	(void)peer;
	return &((struct house *)user)->psk;
}

static const struct keying *method(void *user, const char *name)
{
	(void)user;
	if (!strcmp(name, "mikey-dhhmac"))
		return &mikey_dhhmac;
	return strcmp(name, "mikey-psk") ? NULL : &mikey_psk;
}

/* One certificate for both ends, made once. */
static const struct credential *credential(void *user)
{
	static const struct ca_order order = {
		.san = "URI:sip:a.example,URI:sip:b.example", .key_id = true
	};
	static struct credential *own;
	struct ca ca;
	EVP_PKEY *key;
	X509 *x;

	(void)user;
	if (own)
		return own;
	ca = ca_make(0, "the issuer");
	key = ca_key(1, "P-256", 0);
	x = ca_issue(&ca, key, "x", &order);
	own = ca_credential(x, NULL, key, &ca);
	X509_free(x);
	ca_free(&ca);
	return own;
}

static const struct bodies *bodies(void *user)
{
	(void)user;
	return &smime_bodies;
}

static void ship(struct house *h, const struct msg_key *key)
{
	for (unsigned i = 0; i < h->n_shipped; i++)
		if (h->shipped[i].key_id == key->key_id)
			abort();
	if (h->n_shipped < SHIPPED_MAX)
		h->shipped[h->n_shipped++] = *key;
}

static void keep(struct house *h, uint64_t exchange, const void *tail,
		 size_t len)
{
	struct kept *k = &h->kept[h->n_kept++ % KEPT];

	k->exchange = exchange;
	k->len = len;
	if (len)
		memcpy(k->bytes, tail, len);
}

/* Ids only grow. */
static void ship_tunnel(struct house *h, const struct msg_tunnel_key *key)
{
	if (key->key_id <= h->tunnel_key)
		abort();
	h->tunnel_key = key->key_id;
}

static void put(struct paper *p, const void *bytes, size_t len)
{
	p->len = len < sizeof p->bytes ? len : sizeof p->bytes;
	memcpy(p->bytes, bytes, p->len);
}

static void keep_sealed(struct house *h, const struct msg_body_sealed *m,
			const void *tail, size_t len)
{
	struct paper *p = &h->sealed[h->n_sealed++ % KEPT];

	snprintf(p->fields, sizeof p->fields, "Content-Type: %s\r\n",
		 m->type);
	if (*m->transfer)
		snprintf(p->fields + strlen(p->fields), 64, "Content-Transfer-"
			 "Encoding: %s\r\n", m->transfer);
	put(p, tail, len);
}

/* All or nothing; with a 493 go our certificates. */
static void look_opened(struct house *h, const struct msg_body_opened *m,
			const uint8_t *tail, size_t len)
{
	if (m->len != len || m->head_len > len ||
	    m->fields_len > len - m->head_len)
		abort();
	if (!m->err)
		return;
	if (len && (m->status != 493 || !m->fields_len || m->head_len ||
		    memmem(tail, len, "v=0", 3)))
		abort();
	if (!len || m->fields_len >= sizeof h->shown.fields)
		return;
	memcpy(h->shown.fields, tail, m->fields_len);
	h->shown.fields[m->fields_len] = 0;
	put(&h->shown, tail + m->fields_len, len - m->fields_len);
}

static int say(void *user, enum process to, enum message type, uint64_t id,
	       const void *body, size_t len, const void *tail, size_t tail_len)
{
	struct house *h = user;

	(void)id;
	(void)len;
	if (to == PROC_RELAY && h->relay_err)
		return h->relay_err;
	if (to == PROC_ENGINE && h->engine_err)
		return h->engine_err;
	if (type == MSG_KEY)
		ship(h, body);
	if (type == MSG_KEY_OFFERED)
		keep(h, ((const struct msg_key_offered *)body)->exchange, tail,
		     tail_len);
	if (type == MSG_KEY_ANSWERED)
		keep(h, 0, tail, tail_len);
	if (type == MSG_TUNNEL_KEY)
		ship_tunnel(h, body);
	if (type == MSG_BODY_SEALED && tail_len)
		keep_sealed(h, body, tail, tail_len);
	if (type == MSG_BODY_OPENED)
		look_opened(h, body, tail, tail_len);
	return 0;
}

/* -- values --------------------------------------------------------------- */

static void pick_id(struct house *h, char *out)
{
	static const char *const ids[] = {
		"sip:alice@a.example", "sip:bob@b.example", "sip:bob@c.example",
		"", "sip:", "sip:bob%40b.example@x", "sip:@b.example", "tel:+1"
	};

	strcpy(out, ids[reader_u8(&h->in) % 8]);
}

/* A tunnel of one end or the other, mostly. */
static void line_up(struct msg_key_line *l)
{
	static const char *const ends[] = { "192.0.2.1", "192.0.2.2",
					    "2001:db8::1", "2001:db8::2" };

	if (l->stream >= 0xf0)
		return;
	l->tunnel = l->stream & 15;
	l->spi = 0x1000 + l->tunnel;
	if (addr_parse(ends[(l->stream & 1) | (l->stream >> 5 & 2)],
		       &l->local))
		abort();
	l->local.port = (uint16_t)(39998 + 2 * l->tunnel);
}

static struct msg_key_party party(struct house *h)
{
	static const char *const names[] = { "them", "us", "other", "" };
	struct msg_key_party p = { .call = reader_u8(&h->in) % 6 };
	uint8_t form = reader_u8(&h->in);

	p.n = form % (STREAM_MAX + 1);
	strcpy(p.peer, names[form >> 6]);
	if (form & 0x20) {
		strcpy(p.local_id, "sip:alice@a.example");
		strcpy(p.remote_id, "sip:bob@b.example");
		strcpy(p.peer, "them");
	} else if (form & 0x10) {
		strcpy(p.local_id, "sip:bob@b.example");
		strcpy(p.remote_id, "sip:alice@a.example");
		strcpy(p.peer, "us");
	} else {
		pick_id(h, p.local_id);
		pick_id(h, p.remote_id);
	}
	for (unsigned i = 0; i < p.n; i++) {
		p.line[i].stream = reader_u8(&h->in);
		p.line[i].ssrc = reader_u8(&h->in) * 0x01010101u;
		if (h->profile.media == MEDIA_ESP)
			line_up(&p.line[i]);
	}
	return p;
}

/* A tail: one that the keeper wrote, perhaps with one octet changed, or what
 * the input has. */
static size_t tail_of(struct house *h, uint8_t *out, uint64_t *exchange)
{
	uint8_t which = reader_u8(&h->in);
	const struct kept *k = &h->kept[which % KEPT];
	size_t len = reader_u8(&h->in), at;
	const uint8_t *p;

	*exchange = k->exchange;
	if (which & 0x80) {
		p = reader_bytes(&h->in, len);
		if (!p)
			return 0;
		memcpy(out, p, len);
		return len;
	}
	memcpy(out, k->bytes, k->len);
	if ((which & 0x40) && k->len) {
		at = (len << 4 | (which & 15)) % k->len;
		out[at] ^= (uint8_t)(1 + (which & 7));
	}
	return k->len;
}

static void tell(struct house *h, enum process from, enum message type,
		 void *body, size_t len, const uint8_t *tail, size_t tail_len)
{
	size_t all = (len + tail_len + 7) / 8;
	uint64_t *copy = calloc(all ? all : 1, sizeof *copy);
	struct ipc_msg m = { .type = type, .id = 1, .body = copy, .len = len,
			     .tail = (uint8_t *)copy + len,
			     .tail_len = tail_len, .fd = -1 };

	if (!copy)
		return;
	memcpy(copy, body, len);
	if (tail_len)
		memcpy((uint8_t *)copy + len, tail, tail_len);
	clerk_handle(h->clerk, from, &m);
	free(copy);
}

/* -- steps ---------------------------------------------------------------- */

static void do_offer(struct house *h)
{
	struct msg_key_offer m = { .party = party(h) };

	tell(h, PROC_ENGINE, MSG_KEY_OFFER, &m, sizeof m, NULL, 0);
}

static void do_answer(struct house *h)
{
	static uint8_t tail[KEYING_TAIL_MAX];
	struct msg_key_answer m = { .party = party(h) };
	uint64_t exchange;

	m.origin.dialog[0] = reader_u8(&h->in) % 3;
	m.origin.branch[0] = reader_u8(&h->in);
	m.origin.cseq = reader_u8(&h->in) % 3;
	m.len = (uint32_t)tail_of(h, tail, &exchange);
	tell(h, PROC_ENGINE, MSG_KEY_ANSWER, &m, sizeof m, tail, m.len);
}

static void do_finish(struct house *h)
{
	static uint8_t tail[KEYING_MAX];
	struct msg_key_finish m = { .branch = reader_u8(&h->in) };
	uint8_t which = reader_u8(&h->in);

	m.len = (uint32_t)tail_of(h, tail, &m.exchange);
	if (which < 200)
		m.exchange = h->kept[which % KEPT].exchange;
	tell(h, PROC_ENGINE, MSG_KEY_FINISH, &m, sizeof m, tail, m.len);
}

/* What the peers' profile says of bodies and media. */
static void do_profile(struct house *h)
{
	uint8_t how = reader_u8(&h->in);

	h->profile.body = (enum body_mode)((how & 7) % (BODY_MODE_TUNNEL + 1));
	h->profile.hide = how & 8 ? HIDE_BOTH : HIDE_NONE;
	h->profile.media = how & 0x10 ? MEDIA_ESP : MEDIA_SRTP;
	h->profile.fetch = how & 0x20;
	h->profile.tofu = how & 0x40;
	h->profile.retarget = how & 0x80;
	h->profile.diverted = h->profile.retarget && !h->profile.hide &&
			      h->profile.body != BODY_MODE_NONE &&
			      h->profile.body != BODY_MODE_ENCRYPT;
}

/* The headers of a message between them, with its first line where all of it
 * is sealed. */
static size_t head_of(struct house *h, const struct msg_key_party *p,
		      uint8_t how, char *out)
{
	static const char *const first[] = {
		"INVITE sip:bob@b.example SIP/2.0\r\n", "SIP/2.0 200 OK\r\n",
		"BYE sip:bob@b.example SIP/2.0\r\n", ""
	};
	time_t t = (time_t)(h->wall_us / SECOND);
	char date[64];

	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&t));
	return (size_t)snprintf(out, 2048, "%sFrom: <%.200s>;tag=1\r\nTo: "
		"<%.200s>%s\r\nCall-ID: %d\r\nCSeq: %d %s\r\nContact: "
		"<sip:192.0.2.1>\r\nDate: %s\r\n", how & 0x40 ? first[how & 3]
		: "", how & 0x10 ? "sip:carol@b.example" :
		how & 4 ? p->remote_id : p->local_id,
		how & 4 ? p->local_id : p->remote_id, how & 8 ? ";tag=2" : "",
		(int)p->call, how & 1,
		(how & 3) == 2 ? "BYE" : "INVITE", date);
}

static void do_seal(struct house *h)
{
	static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
				  "s=-\r\nt=0 0\r\n";
	struct msg_body_seal m = { .party = party(h) };
	uint8_t how = reader_u8(&h->in), more = reader_u8(&h->in);
	char tail[4096];
	size_t n = head_of(h, &m.party, how, tail);

	m.party.n = 0;
	m.party.outward = more & 1;
	m.full = more >> 1 & 1;
	m.words = more >> 2 & 1;
	m.probe = more >> 3 & 1;
	m.whole = more >> 4 & 3;
	if (more & 0x40)
		strcpy(m.connected, "sip:carol@b.example");
	m.frag_len = (uint32_t)n;
	if (m.words)
		n += m.fields_len = (uint32_t)sprintf(
			tail + n, "Content-Type: text/plain\r\n");
	if (!(more & 0x80))
		n += (size_t)sprintf(tail + n, "%s", m.words ? "tea" : sdp);
	m.len = (uint32_t)n;
	tell(h, PROC_ENGINE, MSG_BODY_SEAL, &m, sizeof m, (uint8_t *)tail, n);
}

/* A body of the keeper's own, perhaps with an octet changed, or what the input
 * has, behind a fragment of a header. Bytes of the fields, in len. */
static size_t body_of(struct house *h, uint8_t *tail, size_t n, uint32_t *len)
{
	uint8_t which = reader_u8(&h->in), at = reader_u8(&h->in);
	const struct paper *p = which & 0x20 ? &h->shown
					     : &h->sealed[which % KEPT];
	const uint8_t *own;

	*len = (uint32_t)strlen(p->fields);
	memcpy(tail + n, p->fields, *len);
	n += *len;
	if (which & 0x80) {
		own = reader_bytes(&h->in, at);
		if (own)
			memcpy(tail + n, own, at);
		return n + (own ? at : 0);
	}
	memcpy(tail + n, p->bytes, p->len);
	if (which & 0x40 && p->len)
		tail[n + at * p->len / 256] ^= (uint8_t)(1 << (which & 7));
	return n + p->len;
}

static void do_open(struct house *h)
{
	static uint8_t tail[16384];
	struct msg_body_open m = { .party = party(h) };
	uint8_t how = reader_u8(&h->in), more = reader_u8(&h->in);
	size_t n = head_of(h, &m.party, how, (char *)tail);

	m.party.n = 0;
	m.party.outward = more & 1;
	m.response = more >> 1 & 1;
	m.words = more >> 2 & 1;
	m.probe = more >> 3 & 1;
	m.whole = more >> 4 & 3;
	m.bare = more >> 6 & 1;
	m.origin.branch[0] = more >> 7;
	m.frag_len = (uint32_t)n;
	n = body_of(h, tail, n, &m.fields_len);
	m.len = (uint32_t)n;
	tell(h, PROC_ENGINE, MSG_BODY_OPEN, &m, sizeof m, tail, n);
}

static void do_learn(struct house *h)
{
	static uint8_t tail[16384];
	struct msg_body_learn m = { .party = party(h) };
	size_t n = body_of(h, tail, 0, &m.fields_len);

	m.party.n = 0;
	m.len = (uint32_t)n;
	tell(h, PROC_ENGINE, MSG_BODY_LEARN, &m, sizeof m, tail, n);
}

static void do_plain(struct house *h)
{
	struct msg_key_plain m = { .peer = "them" };

	h->profile.need = reader_u8(&h->in) & 1 ? NEED_PREFER : NEED_REQUIRE;
	snprintf(m.remote_id, sizeof m.remote_id, "sip:bob@%c.example",
		 'a' + reader_u8(&h->in) % 4);
	tell(h, PROC_ENGINE, MSG_KEY_PLAIN, &m, sizeof m, NULL, 0);
}

static void do_drop(struct house *h)
{
	struct msg_key_drop m = { h->kept[reader_u8(&h->in) % KEPT].exchange };

	tell(h, PROC_ENGINE, MSG_KEY_DROP, &m, sizeof m, NULL, 0);
}

static void do_release(struct house *h)
{
	struct msg_key_release m = { reader_u8(&h->in) % 6 };

	tell(h, PROC_ENGINE, MSG_KEY_RELEASE, &m, sizeof m, NULL, 0);
}

static void do_relay(struct house *h)
{
	h->n_shipped = 0; /* a new one gets all again */
	clerk_sibling(h->clerk, PROC_RELAY, 0);
	clerk_sibling(h->clerk, PROC_RELAY, ++h->relay);
}

static void do_engine(struct house *h)
{
	clerk_sibling(h->clerk, PROC_ENGINE, 0);
	clerk_sibling(h->clerk, PROC_ENGINE, ++h->engine);
}

static void do_time(struct house *h)
{
	static const uint64_t step[] = { 0, 1, 30, 200, 301, 700, 4000,
					 100000 };
	uint8_t how = reader_u8(&h->in);

	h->mono_us += step[how % 8] * SECOND;
	if (how & 0x80)
		h->wall_us -= step[how % 8] * SECOND;
	else
		h->wall_us += step[how % 8] * SECOND;
	clerk_tick(h->clerk);
}

static void do_fault(struct house *h)
{
	uint8_t how = reader_u8(&h->in);

	h->relay_err = how & 1 ? E_FULL : how & 2 ? E_CLOSED : 0;
	h->engine_err = how & 4 ? E_FULL : 0;
}

static void do_other(struct house *h)
{
	uint32_t m[1024] = { 1 }; /* as long as the longest */
	uint8_t how = reader_u8(&h->in);

	tell(h, how % PROC_COUNT, reader_u8(&h->in) % MSG_COUNT, m, sizeof m,
	     NULL, 0);
}

static void (*const steps[])(struct house *h) = {
	do_offer, do_answer, do_finish, do_drop, do_release, do_relay,
	do_engine, do_time, do_fault, do_other, do_offer, do_answer, do_answer,
	do_finish, do_plain, do_profile, do_seal, do_open, do_open, do_learn,
};

#define STEPS (sizeof steps / sizeof *steps)

static bool house_open(struct house *h)
{
	struct clerk_services s = {
		.clock = &h->clock, .match = match, .psk = psk,
		.method = method, .send = say, .user = h,
		.credential = credential, .bodies = bodies,
	};
	struct clerk_limits limits = {
		.window_us = 300 * SECOND, .verify = true,
		.tunnel = { .port_min = 40000, .port_max = 40999,
			    .life_s = 3600, .window = 256 },
	};
	struct replay *replay;

	h->clock = (struct clock){ mono, wall, h };
	h->mono_us = 1000 * SECOND;
	h->wall_us = 1900000000 * SECOND;
	h->profile = (struct profile){ .name = "sealed", .need = NEED_REQUIRE,
				       .keying = { "mikey-psk",
						   "mikey-dhhmac" },
				       .n_keying = 2, .n_suites = 1,
				       .negotiate = NEGOTIATE_PRIORITY };
	h->profile.suites[0] = SUITE_AEAD_AES_128_GCM;
	h->profile.esp[0] = ESP_AES_256_GCM;
	h->profile.esp[1] = ESP_AES_128_CBC_SHA256;
	h->profile.n_esp = 2;
	h->profile.esp_scope = ESP_MEDIA;
	for (int i = 0; i < 2; i++) {
		strcpy(h->peer[i].name, i ? "us" : "them");
		h->peer[i].match = i ? "@a.example" : "@b.example";
		h->peer[i].profile = &h->profile;
	}
	secret_set(&h->psk, "0123456789abcdef", 16);
	if (memory_new(-1, 4, &h->memory))
		return false;
	s.memory = h->memory;
	if (replay_new(-1, 64, 300 * SECOND, h->wall_us, &replay) ||
	    clerk_new(&s, 7, 4, replay, &h->clerk))
		return false;
	clerk_limits(h->clerk, &limits);
	clerk_sibling(h->clerk, PROC_ENGINE, ++h->engine);
	clerk_sibling(h->clerk, PROC_RELAY, ++h->relay);
	clerk_sibling(h->clerk, PROC_TUNNEL, 1);
	return true;
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct house *h = calloc(1, sizeof *h);

	log_to(quiet);
	if (h && house_open(h)) {
		h->in = reader_of(data, size);
		for (int i = 0; i < 400 && h->in.len && !h->in.err; i++)
			steps[reader_u8(&h->in) % STEPS](h);
		clerk_free(h->clerk);
	}
	if (h)
		memory_free(h->memory);
	free(h);
	return 0;
}
