/* rewrite.c - the last step of a body: which ports, which profile and which
 * keying messages the other leg sees, and under which o= line.
 *
 * Each leg has its own o= id and version; the version grows when, and only
 * when, anything else changes (RFC 3264 5), so that an unchanged description
 * repeats its bytes. */
#include "daemon/base/err.h"
#include "daemon/engine/body/ikelines.h"

#include <openssl/evp.h>
#include <string.h>

struct rewriting {
	struct call *c;
	struct job *j;
	const struct deal *d;
	enum face to;
	struct sdp_edit edit;
	int (*write)(const struct sdp *s, const struct sdp_edit *e,
		     struct buf *out);
	struct buf ike; /* our section of it */
};

static bool line_passes(const struct rewriting *w, unsigned i)
{
	return deal_takes(w->d, i) && w->j->sdp.media[i].port &&
	       (w->c->line[i].stream || call_direct(w->c));
}

/* Our media address when no line has one. */
static struct addr seen(const struct rewriting *w, const struct addr *own)
{
	return settings_seen(&engine_settings(w->c->engine)->face[w->to], own);
}

static struct addr any_media(const struct rewriting *w)
{
	const struct addr *media =
		engine_settings(w->c->engine)->face[w->to].media;

	return seen(w, media[0].family ? &media[0] : &media[1]);
}

static const char *text_of(const struct rewriting *w, unsigned n)
{
	const struct exchange *x = &w->d->exchange[n];

	if (!call_sealed(w->c) || w->to != OUTSIDE || n >= w->d->n_exchanges)
		return NULL;
	return w->j->q.role == BODY_OFFER ? x->offer : x->answer;
}

/* The alternatives of our offer, or which one of theirs we answer. */
static void edit_also(struct rewriting *w, struct sdp_edit_line *l, unsigned n)
{
	const struct exchange *x = &w->d->exchange[n];

	if (!text_of(w, n))
		return;
	if (w->j->q.role == BODY_OFFER) {
		l->configs = exchange_also(x);
		if (w->d->media_level)
			l->also = l->configs;
		else
			w->edit.also = l->configs;
	} else if (x->chosen) {
		l->chosen = x->config[x->chosen - 1];
	}
}

static void edit_line(struct rewriting *w, unsigned i, unsigned exchange)
{
	struct sdp_edit_line *l = &w->edit.line[i];

	l->hide = w->to == INSIDE && dual_hides(w->c, i);
	l->bare = w->to == INSIDE && ikelines_seen(w->c, w->j, i);
	l->reject = !line_passes(w, i) || before_rejects(w->c, w->j, i);
	before_edit(w->c, w->j, i, l);
	if (call_sealed(w->c) && (w->d->usable >> i & 1))
		l->proto = w->to == OUTSIDE && call_savp(w->c)
			? SDP_PROTO_SECURE : SDP_PROTO_PLAIN;
	if (l->reject)
		return;
	l->direct = call_direct(w->c);
	l->addr = l->direct ? w->j->sdp.media[i].addr
			    : seen(w, &w->c->line[i].local[w->to]);
	if (!w->edit.addr.family)
		w->edit.addr = l->addr;
	if (w->d->protocol == PROTOCOL_SDES)
		l->crypto = text_of(w, exchange);
	else if (w->d->media_level)
		l->mikey = text_of(w, exchange);
	else
		w->edit.mikey = text_of(w, 0);
	edit_also(w, l, w->d->media_level ? exchange : 0);
}

/* Ours, in place of the room that is kept for it; theirs does not go in. */
static int edit_ike(struct rewriting *w)
{
	unsigned line = w->c->ike_line;
	int r;

	for (unsigned i = 0; i < w->j->sdp.n && w->to == INSIDE; i++)
		w->edit.ike |= i + 1 == line || w->edit.line[i].bare;
	if (w->to != OUTSIDE || !line || line > w->j->sdp.n)
		return 0;
	r = ikelines_write(w->j, &w->ike);
	w->edit.ike = w->ike.len > 0;
	if (!r && w->edit.ike)
		w->edit.line[line - 1].section = buf_string(&w->ike);
	return r ? r : w->ike.err;
}

static int plan(struct rewriting *w)
{
	unsigned exchange = 0;

	w->edit.sealed = call_sealed(w->c);
	w->edit.no_pre = w->c->before;
	for (unsigned i = 0; i < w->j->sdp.n; i++) {
		edit_line(w, i, exchange);
		exchange += w->d->usable >> i & 1;
	}
	if (w->d->alone)
		w->edit.mikey = text_of(w, 0);
	if (!w->edit.addr.family)
		w->edit.addr = any_media(w);
	return edit_ike(w);
}

static int write_version(struct rewriting *w, struct buf *out,
			 uint8_t digest[static 32])
{
	int r;

	buf_clear(out);
	r = w->write(&w->j->sdp, &w->edit, out);
	if (r)
		return r;
	if (!EVP_Digest(out->data, out->len, digest, NULL, EVP_sha256(), NULL))
		return E_NOMEM;
	return 0;
}

static int write_out(struct rewriting *w, struct buf *out)
{
	struct own_sdp *own = &w->c->own[w->to];
	uint8_t digest[32];
	int r = plan(w);

	if (r)
		return r;
	w->edit.id = own->id;
	w->edit.version = own->version ? own->version : 1;
	r = write_version(w, out, digest);
	if (r)
		return r;
	if (own->version && memcmp(digest, own->digest, 32)) {
		w->edit.version++;
		if ((r = write_version(w, out, digest)))
			return r;
	}
	own->version = w->edit.version;
	memcpy(own->digest, digest, 32);
	return 0;
}

int rewrite_body(struct call *c, struct job *j, struct buf *out)
{
	struct rewriting w = { .c = c, .j = j, .d = job_deal(j),
			       .to = j->q.from == INSIDE ? OUTSIDE : INSIDE,
			       .write = sdp_write,
			       .ike = buf_of(IPC_BODY_MAX) };
	int r = write_out(&w, out);

	buf_free(&w.ike);
	return r;
}

int rewrite_accept(struct call *c, struct job *j, struct buf *out)
{
	struct rewriting w = { .c = c, .j = j, .d = job_deal(j),
			       .to = OUTSIDE, .write = sdp_accept,
			       .ike = buf_of(IPC_BODY_MAX) };
	int r = write_out(&w, out);

	buf_free(&w.ike);
	return r;
}
