/* binding.c - the table of bindings. See binding.h.
 *
 * In memory: three hash tables, by token (calls to a phone), by account (calls
 * and questions of one) and by host (how many it has). In the file: a slot for
 * each binding (slots.c), written with every change, so that phones can be
 * called again as soon as a restarted engine has read it.
 *
 * The token is a keyed hash of what makes the binding, not a random number:
 * the same phone has the same name upstream whenever it registers, before it
 * was accepted, too, and after a restart. The key is the file's own secret. */
#include "modules/sip/registration/binding.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/hex.h"
#include "modules/sip/registration/slots.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096 /* a power of two */
#define TOKEN_BYTES ((TOKEN_TEXT - 1) / 2)
#define LOCAL 1 /* in the file: kind of a binding; none stands for the other */

struct bindings {
	struct slots *slots;
	struct binding *token[BUCKETS], *account[BUCKETS], *host[BUCKETS];
	size_t n;
	uint64_t now_us; /* while loading */
};

static size_t bucket_of(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t h = 0x811c9dc5u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * 0x01000193u;
	return (h ^ h >> 16) & (BUCKETS - 1);
}

static size_t bucket(const char *text)
{
	return bucket_of(text, strlen(text));
}

static size_t bucket_host(const struct addr *a)
{
	return bucket_of(a->ip, sizeof a->ip);
}

/* -- names ---------------------------------------------------------------- */

static void name_of(const struct bindings *b, struct buf *of,
		    char out[static TOKEN_TEXT])
{
	const uint8_t *key = slots_secret(b->slots);
	uint8_t mac[EVP_MAX_MD_SIZE] = { 0 };
	unsigned len = 0;

	HMAC(EVP_sha256(), key, SLOTS_SECRET, of->data, of->len, mac, &len);
	hex_write(mac, TOKEN_BYTES, out);
}

/* Room on the stack: a name cannot fail. */
static struct buf room_of(uint8_t *room, size_t len)
{
	return (struct buf){ .data = room, .cap = len, .max = len - 1 };
}

/* Whole, with the NUL between it and the next. */
static void put_whole(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text) + 1);
}

void bindings_token(const struct bindings *b, const struct binding_facts *f,
		    char out[static TOKEN_TEXT])
{
	uint8_t room[ACCOUNT_TEXT + CONTACT_TEXT + 64];
	struct buf of = room_of(room, sizeof room);

	put_whole(&of, f->local ? "local" : "contact");
	buf_u8(&of, f->local ? 0 : f->source.family);
	if (!f->local)
		buf_put(&of, f->source.ip, sizeof f->source.ip);
	put_whole(&of, f->account);
	put_whole(&of, f->contact);
	name_of(b, &of, out);
}

void bindings_alias(const struct bindings *b, const char *kind,
		    const char *text, char out[static TOKEN_TEXT])
{
	uint8_t digest[EVP_MAX_MD_SIZE] = { 0 }, room[128];
	struct buf of = room_of(room, sizeof room);
	unsigned len = 0;

	EVP_Digest(text, strlen(text), digest, &len, EVP_sha256(), NULL);
	put_whole(&of, kind);
	buf_put(&of, digest, len);
	name_of(b, &of, out);
}

/* -- the tables ----------------------------------------------------------- */

static void binding_free(struct binding *e)
{
	if (!e)
		return;
	free(e->account);
	free(e->contact);
	free(e->routes);
	free(e);
}

static void enter_host(struct bindings *b, struct binding *e)
{
	struct binding **at = &b->host[bucket_host(&e->source)];

	e->next_host = *at;
	*at = e;
}

static void leave_host(struct bindings *b, struct binding *e)
{
	struct binding **at = &b->host[bucket_host(&e->source)];

	while (*at != e)
		at = &(*at)->next_host;
	*at = e->next_host;
}

static void enter(struct bindings *b, struct binding *e)
{
	struct binding **by_token = &b->token[bucket(e->token)];
	struct binding **by_account = &b->account[bucket(e->account)];

	e->next_token = *by_token;
	*by_token = e;
	e->next_account = *by_account;
	*by_account = e;
	enter_host(b, e);
	b->n++;
}

static void leave(struct bindings *b, struct binding *e)
{
	struct binding **at = &b->token[bucket(e->token)];

	while (*at != e)
		at = &(*at)->next_token;
	*at = e->next_token;
	at = &b->account[bucket(e->account)];
	while (*at != e)
		at = &(*at)->next_account;
	*at = e->next_account;
	leave_host(b, e);
	b->n--;
}

static void drop(struct bindings *b, struct binding *e)
{
	leave(b, e);
	slots_drop(b->slots, e->slot);
	binding_free(e);
}

static struct binding *by_token(const struct bindings *b, const char *token)
{
	struct binding *e = b->token[bucket(token)];

	while (e && strcmp(e->token, token))
		e = e->next_token;
	return e;
}

const struct binding *bindings_find(const struct bindings *b,
				    const char *token, uint64_t now_us)
{
	const struct binding *e = by_token(b, token);

	return e && e->expires_us > now_us ? e : NULL;
}

const struct binding *bindings_next(const struct bindings *b,
				    const char *account,
				    const struct binding *at)
{
	const struct binding *e = at ? at->next_account
				     : b->account[bucket(account)];

	while (e && strcmp(e->account, account))
		e = e->next_account;
	return e;
}

/* -- the file's record ---------------------------------------------------- */

static void put_text(struct buf *b, const char *text)
{
	size_t len = strlen(text);

	buf_u16(b, (uint16_t)len);
	buf_put(b, text, len);
}

static void keep(struct bindings *b, struct binding *e)
{
	uint8_t room[SLOT_ROOM + 1];
	struct buf out = room_of(room, sizeof room);

	buf_u64(&out, e->expires_us);
	buf_u64(&out, e->since_us);
	buf_u8(&out, e->source.family);
	buf_u16(&out, e->source.port);
	buf_put(&out, e->source.ip, sizeof e->source.ip);
	put_text(&out, e->proto);
	put_text(&out, e->account);
	put_text(&out, e->contact);
	put_text(&out, e->routes);
	if (e->local) {
		buf_u8(&out, LOCAL);
		buf_u16(&out, e->q);
		buf_u32(&out, e->cseq);
		put_text(&out, e->call);
	}
	if (!out.err)
		(void)slots_put(b->slots, &e->slot, out.data, out.len);
}

static void get_text(struct reader *r, char *out, size_t room)
{
	size_t len = reader_u16(r);
	const uint8_t *bytes = len < room ? reader_bytes(r, len) : NULL;

	out[0] = 0;
	if (!bytes || memchr(bytes, 0, len)) {
		reader_fail(r, E_FORMAT);
		return;
	}
	memcpy(out, bytes, len);
	out[len] = 0;
}

/* The facts of a record, and where their texts are. */
struct record {
	struct binding_facts facts;
	uint64_t since_us;
	char proto[PROTO_TEXT], account[ACCOUNT_TEXT], contact[CONTACT_TEXT];
	char routes[ROUTES_TEXT], call[TOKEN_TEXT];
};

static void read_local(struct reader *r, struct record *out)
{
	if (!r->len)
		return;
	if (reader_u8(r) != LOCAL)
		reader_fail(r, E_FORMAT);
	out->facts.local = true;
	out->facts.q = reader_u16(r);
	out->facts.cseq = reader_u32(r);
	get_text(r, out->call, sizeof out->call);
}

static int read_record(const uint8_t *data, size_t len, struct record *out)
{
	struct reader r = reader_of(data, len);
	struct binding_facts *f = &out->facts;
	const uint8_t *ip;

	f->expires_us = reader_u64(&r);
	out->since_us = reader_u64(&r);
	f->source.family = reader_u8(&r);
	f->source.port = reader_u16(&r);
	ip = reader_bytes(&r, sizeof f->source.ip);
	if (ip)
		memcpy(f->source.ip, ip, sizeof f->source.ip);
	get_text(&r, out->proto, sizeof out->proto);
	get_text(&r, out->account, sizeof out->account);
	get_text(&r, out->contact, sizeof out->contact);
	get_text(&r, out->routes, sizeof out->routes);
	read_local(&r, out);
	f->call = out->call;
	f->proto = out->proto;
	f->account = out->account;
	f->contact = out->contact;
	f->routes = out->routes;
	return reader_end(&r);
}

/* -- changes -------------------------------------------------------------- */

static struct binding *make(const struct bindings *b,
			    const struct binding_facts *f)
{
	struct binding *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	bindings_token(b, f, e->token);
	e->account = strdup(f->account);
	e->contact = strdup(f->contact);
	e->routes = strdup(f->routes);
	if (e->account && e->contact && e->routes)
		return e;
	binding_free(e);
	return NULL;
}

static int set_routes(struct binding *e, const char *routes)
{
	char *copy;

	if (!strcmp(e->routes, routes))
		return 0;
	copy = strdup(routes);
	if (!copy)
		return E_NOMEM;
	free(e->routes);
	e->routes = copy;
	return 0;
}

static void refresh(struct bindings *b, struct binding *e,
		    const struct binding_facts *f)
{
	leave_host(b, e);
	e->source = f->source;
	enter_host(b, e);
	e->expires_us = f->expires_us;
	snprintf(e->proto, sizeof e->proto, "%s", f->proto);
	e->put_us = f->now_us; /* 0 of what the file had */
	snprintf(e->form, sizeof e->form, "%s", f->form ? f->form : "");
	e->local = f->local;
	e->q = f->q;
	e->cseq = f->cseq;
	snprintf(e->call, sizeof e->call, "%s", f->call ? f->call : "");
}

int bindings_put(struct bindings *b, const struct binding_facts *f)
{
	char token[TOKEN_TEXT];
	struct binding *e;

	if (strlen(f->account) >= ACCOUNT_TEXT ||
	    strlen(f->contact) >= CONTACT_TEXT ||
	    strlen(f->routes) >= ROUTES_TEXT || strlen(f->proto) >= PROTO_TEXT)
		return E_SPACE;
	bindings_token(b, f, token);
	e = by_token(b, token);
	if (e && set_routes(e, f->routes))
		return E_NOMEM;
	if (!e) {
		e = make(b, f);
		if (!e)
			return E_NOMEM;
		e->since_us = f->now_us;
		enter(b, e);
	}
	refresh(b, e, f);
	keep(b, e);
	return 0;
}

void bindings_drop(struct bindings *b, const char *token)
{
	struct binding *e = by_token(b, token);

	if (e)
		drop(b, e);
}

void bindings_drop_account(struct bindings *b, const char *account)
{
	struct binding *e = b->account[bucket(account)], *next;

	for (; e; e = next) {
		next = e->next_account;
		if (!strcmp(e->account, account))
			drop(b, e);
	}
}

void bindings_sweep(struct bindings *b, uint64_t now_us)
{
	struct binding *e, *next;

	for (size_t i = 0; i < BUCKETS; i++)
		for (e = b->token[i]; e; e = next) {
			next = e->next_token;
			if (e->expires_us <= now_us)
				drop(b, e);
		}
}

/* -- looking -------------------------------------------------------------- */

size_t bindings_count(const struct bindings *b)
{
	return b->n;
}

void bindings_each(const struct bindings *b,
		   void (*fn)(const struct binding *e, void *user), void *user)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct binding *e = b->token[i]; e;
		     e = e->next_token)
			fn(e, user);
}

size_t bindings_count_host(const struct bindings *b, const struct addr *host)
{
	size_t n = 0;

	for (const struct binding *e = b->host[bucket_host(host)]; e;
	     e = e->next_host)
		n += addr_same_host(&e->source, host);
	return n;
}

/* -- life ----------------------------------------------------------------- */

/* A record of the file. */
static int on_found(void *user, uint32_t slot, const uint8_t *data, size_t len)
{
	struct record rec = { 0 };
	struct bindings *b = user;
	struct binding *e;
	int r = read_record(data, len, &rec);

	if (r)
		return E_FORMAT;
	if (rec.facts.expires_us <= b->now_us)
		return E_EXPIRED;
	e = make(b, &rec.facts);
	if (!e)
		return E_NOMEM;
	if (by_token(b, e->token)) {
		binding_free(e);
		return E_EXISTS;
	}
	e->slot = slot;
	enter(b, e);
	refresh(b, e, &rec.facts);
	e->since_us = rec.since_us;
	return 0;
}

int bindings_new(int fd, uint64_t now_us, struct bindings **out)
{
	struct bindings *b = calloc(1, sizeof *b);
	int r;

	if (!b)
		return E_NOMEM;
	b->now_us = now_us;
	r = slots_new(fd, &b->slots);
	if (!r)
		r = slots_load(b->slots, on_found, b);
	if (r) {
		bindings_free(b);
		return r;
	}
	*out = b;
	return 0;
}

void bindings_free(struct bindings *b)
{
	struct binding *e, *next;

	if (!b)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (e = b->token[i]; e; e = next) {
			next = e->next_token;
			binding_free(e);
		}
	slots_free(b->slots);
	free(b);
}
