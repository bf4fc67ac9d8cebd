/* ask.c - the requests that a tunnel needs. See ask.h. */
#include "modules/vici/ask.h"

#include "daemon/base/err.h"

#include <stdlib.h>
#include <string.h>

/* Somebody who waits for an answer; freed with it. */
struct asked {
	struct vici_then then;
	struct vici_listing listing;
	vici_name_fn named;
	int err; /* of what was streamed */
};

/* -- answers --------------------------------------------------------------- */

static int read_result(const void *message, size_t len,
		       struct vici_result *out)
{
	struct vici_reader r = vici_reader_of(message, len);
	struct vici_element e;
	int said = E_FORMAT; /* unless it says yes or no */
	uint64_t v;

	while (!vici_next(&r, &e) && e.type != VICI_END) {
		if (e.type != VICI_KEY || r.depth)
			continue;
		if (vici_text_is(e.name, "success"))
			said = vici_text_is(e.value, "yes") ? 0 : E_REFUSED;
		if (vici_text_is(e.name, "errmsg"))
			out->errmsg = e.value;
		if (vici_text_is(e.name, "id"))
			out->id = e.value;
		if (vici_text_is(e.name, "matches") &&
		    !vici_text_u64(e.value, 10, UINT32_MAX, &v))
			out->matches = (uint32_t)v;
	}
	return said;
}

/* All lists of such an answer are of names. */
static int read_names(const struct asked *a, const void *message, size_t len)
{
	struct vici_reader r = vici_reader_of(message, len);
	struct vici_element e;
	int err = vici_check(message, len);

	while (!err && !(err = vici_next(&r, &e)) && e.type != VICI_END)
		if (e.type == VICI_ITEM && vici_name_read(e.value))
			a->named(a->then.user, e.value);
	return err;
}

static void on_done(void *user, int err, const void *message, size_t len)
{
	struct vici_result result = { .errmsg = { "", 0 }, .id = { "", 0 } };
	struct asked *a = user;

	if (!err && a->named)
		err = read_names(a, message, len);
	else if (!err && !a->listing.each)
		err = read_result(message, len, &result);
	if (!err)
		err = a->err;
	a->then.done(a->then.user, err, &result);
	free(a);
}

static void on_each(void *user, const void *message, size_t len)
{
	struct asked *a = user;
	struct vici_ike ike;
	int r = vici_ike_read(message, len, a->listing.prefix, &ike);

	if (!r)
		a->listing.each(a->then.user, &ike);
	else if (!a->err)
		a->err = r;
}

/* r is how writing the message went. */
static int ask_as(struct vici_client *c, const char *command,
		  struct buf *message, int r, const struct asked *like)
{
	struct asked *a = NULL;
	struct vici_request rq = {
		.command = command, .message = message,
		.timeout_ms = like->then.timeout_ms, .done = on_done
	};

	if (!r && !(a = calloc(1, sizeof *a)))
		r = E_NOMEM;
	if (!r) {
		*a = *like;
		if (a->listing.each) {
			rq.stream = "list-sa";
			rq.each = on_each;
		}
		rq.user = a;
		r = vici_client_request(c, &rq);
	}
	buf_free(message);
	if (r)
		free(a);
	return r;
}

static int ask(struct vici_client *c, const char *command, struct buf *message,
	       int r, const struct vici_then *then)
{
	struct asked like = { .then = *then };

	return ask_as(c, command, message, r, &like);
}

static int ask_names(struct vici_client *c, const char *command,
		     vici_name_fn each, const struct vici_then *then)
{
	struct asked like = { .then = *then, .named = each };
	struct buf b = buf_of(VICI_PACKET_MAX);

	return ask_as(c, command, &b, 0, &like);
}

int vici_list_conns(struct vici_client *c, vici_name_fn each,
		    const struct vici_then *then)
{
	return ask_names(c, "get-conns", each, then);
}

int vici_list_psks(struct vici_client *c, vici_name_fn each,
		   const struct vici_then *then)
{
	return ask_names(c, "get-shared", each, then);
}

/* -- loading and unloading ------------------------------------------------- */

int vici_load_conn(struct vici_client *c, const struct vici_conn *conn,
		   const struct vici_then *then)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	int r = vici_conn_write(&b, conn);

	return ask(c, "load-conn", &b, r, then);
}

int vici_load_psk(struct vici_client *c, const struct vici_psk *psk,
		  const struct vici_then *then)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	int r = vici_psk_write(&b, psk);

	return ask(c, "load-shared", &b, r, then);
}

/* A command with one text. */
static int ask_by(struct vici_client *c, const char *command, const char *key,
		  const char *value, const struct vici_then *then)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);

	vici_key_text(&w, key, value);
	return ask(c, command, &b, vici_finish(&w), then);
}

int vici_unload_conn(struct vici_client *c, const char *name,
		     const struct vici_then *then)
{
	return ask_by(c, "unload-conn", "name", name, then);
}

int vici_unload_psk(struct vici_client *c, const char *id,
		    const struct vici_then *then)
{
	return ask_by(c, "unload-shared", "id", id, then);
}

int vici_unload_key(struct vici_client *c, const char *id,
		    const struct vici_then *then)
{
	return ask_by(c, "unload-key", "id", id, then);
}

int vici_load_cert(struct vici_client *c, struct vici_bytes cert, bool ca,
		   const struct vici_then *then)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);

	vici_key_text(&w, "type", "X509");
	vici_key_text(&w, "flag", ca ? "CA" : "NONE");
	vici_key(&w, "data", cert.p, cert.len);
	return ask(c, "load-cert", &b, vici_finish(&w), then);
}

int vici_load_key(struct vici_client *c, struct vici_bytes key,
		  const struct vici_then *then)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);

	vici_key_text(&w, "type", "any");
	vici_key(&w, "data", key.p, key.len);
	return ask(c, "load-key", &b, vici_finish(&w), then);
}

/* -- SAs ------------------------------------------------------------------- */

static void put_text(struct vici_writer *w, const char *key, const char *value)
{
	if (value)
		vici_key_text(w, key, value);
}

static void put_id(struct vici_writer *w, const char *key, uint32_t value)
{
	if (value)
		vici_key_number(w, key, value);
}

int vici_initiate(struct vici_client *c, const char *conn, const char *child,
		  const struct vici_then *then)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);

	vici_key_text(&w, "ike", conn);
	put_text(&w, "child", child);
	vici_key_text(&w, "timeout", "-1");
	vici_key_text(&w, "loglevel", "-1");
	return ask(c, "initiate", &b, vici_finish(&w), then);
}

static int put_which(struct vici_writer *w, const struct vici_which *which)
{
	if (!which->conn && !which->child && !which->ike_id &&
	    !which->child_id)
		return E_ARG; /* would be all of everybody */
	put_text(w, "ike", which->conn);
	put_text(w, "child", which->child);
	put_id(w, "ike-id", which->ike_id);
	put_id(w, "child-id", which->child_id);
	return vici_finish(w);
}

int vici_terminate(struct vici_client *c, const struct vici_which *which,
		   bool force, const struct vici_then *then)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);

	vici_key_text(&w, "timeout", "-1");
	vici_key_text(&w, "loglevel", "-1");
	if (force)
		vici_key_text(&w, "force", "yes");
	return ask(c, "terminate", &b, put_which(&w, which), then);
}

int vici_rekey(struct vici_client *c, const struct vici_which *which,
	       const struct vici_then *then)
{
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);

	return ask(c, "rekey", &b, put_which(&w, which), then);
}

int vici_list_sas(struct vici_client *c, const struct vici_listing *listing,
		  const struct vici_then *then)
{
	struct asked like = { .then = *then, .listing = *listing };
	struct buf b = buf_of(VICI_PACKET_MAX);
	struct vici_writer w = vici_writer_of(&b);

	put_text(&w, "ike", listing->conn);
	if (!listing->busy_too)
		vici_key_text(&w, "noblock", "yes");
	return ask_as(c, "list-sas", &b, vici_finish(&w), &like);
}
