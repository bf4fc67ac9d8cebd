/* decode.c - "mikey decode": MIKEY messages in words, wherever they stand
 * (extract.c), payload by payload, and with --key or --ca whether their MACs
 * and signatures hold. The daemon is not asked. Nothing secret is shown: a key
 * is told by its length alone.
 *
 * One pass makes a JSON array; a table for human eyes is drawn from that. */
#include "ctl/ctl.h"

#include "ctl/extract.h"
#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/keeper/certs/credential.h"
#include "daemon/psk.h"
#include "modules/mikey/explain.h"
#include "modules/mikey/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX (256 * 1024)

/* -- the input ------------------------------------------------------------ */

static int read_all(FILE *f, struct buf *out)
{
	char chunk[4096];
	size_t n;

	while ((n = fread(chunk, 1, sizeof chunk, f)))
		buf_put(out, chunk, n);
	if (ferror(f))
		return E_IO;
	return out->err;
}

/* A file's contents, or the text itself when no such file is there. */
static int take_input(const char *what, struct buf *out)
{
	FILE *f;
	int r;

	if (!strcmp(what, "-"))
		return read_all(stdin, out);
	f = fopen(what, "rb");
	if (!f && (errno == ENOENT || errno == ENAMETOOLONG)) {
		buf_text(out, what);
		return out->err;
	}
	if (!f)
		return E_IO;
	r = read_all(f, out);
	fclose(f);
	return r;
}

/* What messages are held against. */
struct evidence {
	struct secret psk;
	struct credential *trust;
	struct mikey_witness *witness; /* NULL: nothing was given */
};

static int complain(const char *file, const char *why)
{
	fprintf(stderr, "callsealctl: %s: %s\n", file, why);
	return E_ARG;
}

static int read_key(const char *file, struct secret *out)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	const char *why;
	int r;

	if (fd < 0)
		return complain(file, strerror(errno));
	r = psk_read(fd, out, &why);
	close(fd);
	return r ? complain(file, why) : 0;
}

static int read_ca(const char *file, struct credential **out)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct credential_fault why = { "out of memory" };
	int r;

	if (fd < 0)
		return complain(file, strerror(errno));
	r = credential_new(out);
	if (!r)
		r = credential_read(*out, CREDENTIAL_CA, "", fd, &why);
	close(fd);
	return r ? complain(file, why.text) : 0;
}

static int gather(struct evidence *e, const struct decode_options *o)
{
	int r = 0;

	if (o->key)
		r = read_key(o->key, &e->psk);
	if (!r && o->ca)
		r = read_ca(o->ca, &e->trust);
	if (!r && (o->key || o->ca))
		r = mikey_witness_new(o->key ? &e->psk : NULL, e->trust,
				      &e->witness);
	return r;
}

static void let_go(struct evidence *e)
{
	mikey_witness_free(e->witness);
	credential_free(e->trust);
	secret_wipe(&e->psk);
}

/* -- one message as JSON -------------------------------------------------- */

/* The lines of an item: the first says what it is. */
static void put_lines(json_t *o, const char *text)
{
	json_t *details = json_array();
	size_t n = strcspn(text, "\n");

	json_object_set_new(o, "text", json_stringn(text, n));
	for (text += n; *text; text += n) {
		text++;
		while (*text == ' ')
			text++;
		n = strcspn(text, "\n");
		json_array_append_new(details, json_stringn(text, n));
	}
	if (json_array_size(details))
		json_object_set(o, "details", details);
	json_decref(details);
}

static void put_item(void *user, const struct mikey_item *i)
{
	json_t *o = json_pack("{s:s,s:s,s:I,s:I}", "name", i->name, "section",
			      i->section, "at", (json_int_t)i->at, "bytes",
			      (json_int_t)i->len);

	put_lines(o, i->text);
	json_array_append_new(user, o);
}

static void put_finding(void *user, const struct mikey_finding *f)
{
	static const char *const words[] = { [MIKEY_HOLDS] = "holds",
					     [MIKEY_WRONG] = "wrong",
					     [MIKEY_UNCHECKED] = "unchecked" };

	json_array_append_new(user, json_pack("{s:s,s:s,s:s}", "what", f->what,
					      "result", words[f->word], "text",
					      f->text));
}

static void put_message(const struct evidence *ev, const struct extracted *e,
			json_t *o)
{
	json_t *payloads = json_array(), *findings = json_array();
	struct mikey_end end = { E_NOMEM, 0 };

	mikey_items(e->data, e->len, put_item, payloads, &end);
	json_object_set_new(o, "payloads", payloads);
	if (end.err)
		json_object_set_new(o, "error", json_sprintf(
			"%s from byte %zu of the message on", err_text(end.err),
			end.at));
	if (ev->witness)
		mikey_witness_hear(ev->witness, e->data, e->len, put_finding,
				   findings);
	if (json_array_size(findings))
		json_object_set(o, "checks", findings);
	json_decref(findings);
}

struct decoding {
	const struct evidence *evidence;
	json_t *all;
};

static void take(void *user, const struct extracted *e)
{
	struct decoding *d = user;
	json_t *o = json_pack("{s:s,s:I,s:I}", "where", e->where, "at",
			      (json_int_t)e->at, "bytes", (json_int_t)e->len);

	if (e->data)
		put_message(d->evidence, e, o);
	else
		json_object_set_new(o, "error", json_string(e->fault));
	json_array_append_new(d->all, o);
}

/* -- for human eyes ------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "";
}

static void show_item(const json_t *p)
{
	const json_t *d;
	size_t i;

	printf("%s (%s): %s\n", text_of(p, "name"), text_of(p, "section"),
	       text_of(p, "text"));
	json_array_foreach(json_object_get(p, "details"), i, d)
		printf("  %s\n", json_string_value(d));
}

/* An error is for standard error, behind what was understood. */
static void show_message(const json_t *m)
{
	const char *where = text_of(m, "where"), *error = text_of(m, "error");
	const json_t *o;
	size_t i;

	if (json_object_get(m, "payloads"))
		printf("%s%sMIKEY message, %lld bytes\n", where,
		       *where ? ": " : "", (long long)json_integer_value(
			       json_object_get(m, "bytes")));
	json_array_foreach(json_object_get(m, "payloads"), i, o)
		show_item(o);
	json_array_foreach(json_object_get(m, "checks"), i, o)
		printf("check: %s %s: %s\n", text_of(o, "what"),
		       text_of(o, "result"), text_of(o, "text"));
	fflush(stdout);
	if (*error)
		fprintf(stderr, "callsealctl: %s%s%s\n", where,
			*where ? ": " : "", error);
}

static void show_all(const json_t *all, bool json)
{
	const json_t *m;
	size_t i;

	if (json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
		return;
	}
	json_array_foreach(all, i, m) {
		if (i)
			putchar('\n');
		show_message(m);
	}
}

static bool all_well(const json_t *all)
{
	const json_t *m, *c;
	size_t i, k;

	json_array_foreach(all, i, m) {
		if (json_object_get(m, "error"))
			return false;
		json_array_foreach(json_object_get(m, "checks"), k, c)
			if (!strcmp(text_of(c, "result"), "wrong"))
				return false;
	}
	return true;
}

static int decode(const struct buf *in, const struct evidence *ev, bool json)
{
	struct decoding d = { ev, json_array() };
	char why[EXTRACT_TEXT];
	int n = extract(in->data, in->len, take, &d, why);
	int status = n > 0 && all_well(d.all) ? CTL_OK : CTL_REFUSED;

	if (n < 0)
		fprintf(stderr, "callsealctl: %s\n", err_text(n));
	else if (!n)
		fprintf(stderr, "callsealctl: %s\n", why);
	else
		show_all(d.all, json);
	json_decref(d.all);
	return status;
}

int decode_mikey(const struct decode_options *o)
{
	struct evidence ev = { .trust = NULL };
	struct buf in = buf_of(INPUT_MAX);
	int r = gather(&ev, o), status = CTL_USAGE;

	if (!r && (r = take_input(o->what, &in))) {
		complain(o->what, r == E_IO ? strerror(errno)
			 : r == E_SPACE ? "more than 256 KiB" : err_text(r));
		status = CTL_REFUSED;
	}
	if (!r)
		status = decode(&in, &ev, o->json);
	buf_free(&in);
	let_go(&ev);
	return status;
}
