/* vici_shell.c - the VICI client as a program for the live tests: orders by
 * lines on its input, what happens by lines on its output, each with the
 * microseconds since some start in front.
 *
 *   vici_shell SOCKET PREFIX        PREFIX marks the connections that are ours
 *
 * The n-th order that asks charon something says "order n", and is answered by
 * "answer n ..."; "up", "down", "event", "sa" and "child" lines come as it
 * happens. */
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "modules/vici/ask.h"
#include "tests/mock/vici_text.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS 64
#define FILE_MAX 8192

struct shell {
	struct event_base *base;
	struct vici_client *client;
	struct vici_client_settings settings;
	const char *prefix;
	char in[65536];
	size_t in_len;
	unsigned orders, timeout_ms;
};

struct order {
	struct shell *shell;
	unsigned n;
};

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
	va_list ap;

	printf("%" PRIu64 " ", clock_mono_us(&clock_system));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

#define T(t) (int)(t).len, (t).p

/* -- what charon tells ----------------------------------------------------- */

static void on_up(void *user, const struct vici_version *v)
{
	(void)user;
	say("up %s %s", v->text, v->daemon);
}

static void on_down(void *user, const struct vici_down *d)
{
	(void)user;
	say("down was_up=%d retry_ms=%u error=%d %s", d->was_up, d->retry_ms,
	    d->err, d->why);
}

static void say_ike(const char *word, const struct vici_ike *ike)
{
	char local[ADDR_TEXT], remote[ADDR_TEXT];

	say("%s conn=%.*s ours=%d id=%u state=%d local=%s remote=%s "
	    "local_id=%.*s remote_id=%.*s", word, T(ike->conn), ike->ours,
	    ike->id, ike->state, addr_text(&ike->local, local),
	    addr_text(&ike->remote, remote), T(ike->local_id),
	    T(ike->remote_id));
}

static void say_child(const char *word, const struct vici_ike *ike,
		      const struct vici_child_sa *c)
{
	char local[VICI_SELECTOR_TEXT] = "", remote[VICI_SELECTOR_TEXT] = "";

	if (c->local.n)
		vici_selector_text(&c->local.list[0], local);
	if (c->remote.n)
		vici_selector_text(&c->remote.list[0], remote);
	say("%s conn=%.*s ike=%u name=%.*s id=%u reqid=%u state=%d "
	    "spi_in=%08x spi_out=%08x bytes_out=%" PRIu64 " local=%s "
	    "remote=%s odd=%d", word, T(ike->conn), ike->id, T(c->name),
	    c->id, c->reqid, c->state, c->spi_in, c->spi_out, c->bytes_out,
	    local, remote, c->local.odd || c->remote.odd);
}

static void on_event(void *user, const char *name, const void *message,
		     size_t len)
{
	static const char *const words[] = {
		"ike-up", "ike-down", "ike-rekey", "child-up", "child-down",
		"child-rekey"
	};
	struct shell *s = user;
	struct vici_event ev;
	char word[32];
	int r = vici_event_read(name, message, len, s->prefix, &ev);

	if (r) {
		say("event bad %s %s", name, err_text(r));
		return;
	}
	snprintf(word, sizeof word, "event %s", words[ev.kind]);
	if (ev.kind < VICI_CHILD_UP)
		say_ike(word, &ev.ike);
	else
		say_child(word, &ev.ike, &ev.child);
	if (ev.kind == VICI_IKE_REKEY)
		say_ike("event new", &ev.new_ike);
	if (ev.kind == VICI_CHILD_REKEY)
		say_child("event new", &ev.ike, &ev.new_child);
}

static void on_ike(void *user, struct vici_ike *ike)
{
	struct vici_child_sa child;

	(void)user;
	say_ike("sa", ike);
	while (!vici_ike_child(ike, &child))
		say_child("child", ike, &child);
}

static void on_answer(void *user, int err, const struct vici_result *r)
{
	struct order *o = user;

	say("answer %u error=%d matches=%u id=%.*s text=%.*s", o->n, err,
	    r->matches, T(r->id), T(r->errmsg));
	free(o);
}

static void on_raw(void *user, int err, const void *message, size_t len)
{
	struct buf text = buf_of(VICI_PACKET_MAX);
	struct order *o = user;

	say("answer %u error=%d %s", o->n, err,
	    vici_to_text(&text, message, len));
	buf_free(&text);
	free(o);
}

/* -- orders ---------------------------------------------------------------- */

static struct vici_bytes read_file(const char *path)
{
	static uint8_t data[FILE_MAX];
	FILE *f = fopen(path, "rb");
	struct vici_bytes b = { data, f ? fread(data, 1, sizeof data, f) : 0 };

	if (f)
		fclose(f);
	return b;
}

static struct vici_selector selector(const char *text)
{
	struct vici_selector s = { .port = 0 };

	if (vici_selector_read((struct vici_text){ text, strlen(text) }, &s))
		say("bad selector %s", text);
	return s;
}

/* What a "load" has; a child takes the words behind it. */
struct load {
	struct vici_conn conn;
	struct vici_child children[8];
	struct vici_selector ts[8][2];
	struct vici_bytes pin;
};

static struct vici_child *last_child(struct load *l)
{
	return &l->children[l->conn.n_children - 1];
}

static void load_word(struct load *l, const char *key, const char *value)
{
	struct vici_conn *c = &l->conn;
	size_t n = c->n_children;

	if (!strcmp(key, "name"))
		c->name = value;
	else if (!strcmp(key, "local"))
		addr_parse(value, &c->local);
	else if (!strcmp(key, "remote"))
		addr_parse(value, &c->remote);
	else if (!strcmp(key, "id"))
		c->ours.id = value;
	else if (!strcmp(key, "peer"))
		c->theirs.id = value;
	else if (!strcmp(key, "proposal"))
		c->proposal = value;
	else if (!strcmp(key, "pin")) {
		l->pin = read_file(value);
		c->ours.auth = c->theirs.auth = VICI_AUTH_PUBKEY;
		c->theirs.certs = &l->pin;
		c->theirs.n_certs = 1;
	} else if (!strcmp(key, "child") && n < 8) {
		c->n_children++;
		*last_child(l) = (struct vici_child){
			.name = value, .local = &l->ts[n][0], .n_local = 1,
			.remote = &l->ts[n][1], .n_remote = 1
		};
	} else if (n && !strcmp(key, "esp"))
		last_child(l)->proposal = value;
	else if (n && !strcmp(key, "local_ts"))
		l->ts[n - 1][0] = selector(value);
	else if (n && !strcmp(key, "remote_ts"))
		l->ts[n - 1][1] = selector(value);
	else
		say("bad word %s", key);
}

/* "key=value": the value, and the key ends there. */
static char *value_of(char *word)
{
	char *equals = strchr(word, '=');

	if (equals)
		*equals++ = 0;
	return equals ? equals : word + strlen(word);
}

static int order_load(struct shell *s, char **w, const struct vici_then *then)
{
	struct load l = { .conn = { .children = l.children } };
	char *value;

	for (; *w; w++) {
		value = value_of(*w);
		load_word(&l, *w, value);
	}
	return vici_load_conn(s->client, &l.conn, then);
}

static int order_unload(struct shell *s, char **w,
			const struct vici_then *then)
{
	return vici_unload_conn(s->client, w[0], then);
}

static int order_psk(struct shell *s, char **w, const struct vici_then *then)
{
	struct secret key;
	struct vici_psk psk = { w[0], &key, (const char *const *)w + 2, 0 };

	secret_set(&key, w[1], strlen(w[1]));
	while (w[2 + psk.n_owners])
		psk.n_owners++;
	return vici_load_psk(s->client, &psk, then);
}

static int order_unpsk(struct shell *s, char **w, const struct vici_then *then)
{
	return vici_unload_psk(s->client, w[0], then);
}

static int order_cert(struct shell *s, char **w, const struct vici_then *then)
{
	return vici_load_cert(s->client, read_file(w[0]), false, then);
}

static int order_key(struct shell *s, char **w, const struct vici_then *then)
{
	return vici_load_key(s->client, read_file(w[0]), then);
}

static int order_unkey(struct shell *s, char **w, const struct vici_then *then)
{
	return vici_unload_key(s->client, w[0], then);
}

static int order_initiate(struct shell *s, char **w,
			  const struct vici_then *then)
{
	return vici_initiate(s->client, w[0], w[1], then);
}

static struct vici_which which_of(char **w)
{
	struct vici_which which = { 0 };
	char *value;

	for (; *w; w++) {
		value = value_of(*w);
		if (!strcmp(*w, "conn"))
			which.conn = value;
		if (!strcmp(*w, "child"))
			which.child = value;
		if (!strcmp(*w, "ike_id"))
			which.ike_id = (uint32_t)atoi(value);
		if (!strcmp(*w, "child_id"))
			which.child_id = (uint32_t)atoi(value);
	}
	return which;
}

static int order_terminate(struct shell *s, char **w,
			   const struct vici_then *then)
{
	struct vici_which which = which_of(w);

	return vici_terminate(s->client, &which, false, then);
}

static int order_rekey(struct shell *s, char **w, const struct vici_then *then)
{
	struct vici_which which = which_of(w);

	return vici_rekey(s->client, &which, then);
}

static int order_list(struct shell *s, char **w, const struct vici_then *then)
{
	struct vici_listing listing = {
		.prefix = s->prefix, .conn = w[0], .each = on_ike,
		.busy_too = true
	};

	return vici_list_sas(s->client, &listing, then);
}

static int order_raw(struct shell *s, char **w, const struct vici_then *then)
{
	struct buf message = buf_of(VICI_PACKET_MAX);
	struct buf text = buf_of(sizeof s->in);
	struct vici_request rq = {
		.command = w[0], .message = &message,
		.timeout_ms = then->timeout_ms, .done = on_raw,
		.user = then->user
	};
	int r;

	for (char **word = w + 1; *word; word++)
		buf_printf(&text, "%s ", *word);
	r = vici_from_text(&message, buf_string(&text));
	if (!r)
		r = vici_client_request(s->client, &rq);
	buf_free(&message);
	buf_free(&text);
	return r;
}

static const struct {
	const char *word;
	int words; /* that must follow */
	int (*run)(struct shell *s, char **w, const struct vici_then *then);
} orders[] = {
	{ "load", 1, order_load },       { "unload", 1, order_unload },
	{ "psk", 2, order_psk },         { "unpsk", 1, order_unpsk },
	{ "cert", 1, order_cert },       { "key", 1, order_key },
	{ "unkey", 1, order_unkey },     { "initiate", 1, order_initiate },
	{ "terminate", 0, order_terminate }, { "rekey", 0, order_rekey },
	{ "list", 0, order_list },       { "raw", 1, order_raw },
};

static void run_order(struct shell *s, char **w, int n)
{
	struct order *o = calloc(1, sizeof *o);
	struct vici_then then = { s->timeout_ms, on_answer, o };
	int r = E_NOTFOUND;

	if (!o)
		abort();
	o->shell = s;
	o->n = ++s->orders;
	say("order %u %s", o->n, w[0]);
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		if (!strcmp(orders[i].word, w[0]) && n > orders[i].words)
			r = orders[i].run(s, w + 1, &then);
	if (r) {
		say("answer %u error=%d at once", o->n, r);
		free(o);
	}
}

static void run_line(struct shell *s, char *line)
{
	char *w[WORDS + 1] = { NULL }, *save = NULL;
	int n = 0;

	for (char *p = strtok_r(line, " ", &save); p && n < WORDS;
	     p = strtok_r(NULL, " ", &save))
		w[n++] = p;
	if (!n)
		return;
	if (!strcmp(w[0], "timeout") && n == 2)
		s->timeout_ms = (unsigned)atoi(w[1]);
	else
		run_order(s, w, n);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	struct shell *s = arg;
	ssize_t n = read(fd, s->in + s->in_len, sizeof s->in - s->in_len);
	char *end;

	(void)what;
	if (n <= 0) {
		event_base_loopbreak(s->base);
		return;
	}
	s->in_len += (size_t)n;
	while ((end = memchr(s->in, '\n', s->in_len))) {
		*end++ = 0;
		run_line(s, s->in);
		s->in_len -= (size_t)(end - s->in);
		memmove(s->in, end, s->in_len);
	}
}

int main(int argc, char **argv)
{
	static const struct vici_client_ops ops = { on_up, on_down, on_event };
	static struct shell s = {
		.settings = VICI_CLIENT_DEFAULTS, .timeout_ms = 5000
	};
	struct event *input;

	if (argc != 3) {
		fprintf(stderr, "usage: vici_shell SOCKET PREFIX\n");
		return 64;
	}
	s.settings.path = argv[1];
	s.settings.events = vici_event_names;
	s.prefix = argv[2];
	s.base = event_base_new();
	input = event_new(s.base, 0, EV_READ | EV_PERSIST, on_input, &s);
	if (!input || event_add(input, NULL) ||
	    vici_client_new(s.base, &s.settings, &ops, &s, &s.client))
		return 1;
	event_base_dispatch(s.base);
	vici_client_free(s.client);
	event_free(input);
	event_base_free(s.base);
	return 0;
}
