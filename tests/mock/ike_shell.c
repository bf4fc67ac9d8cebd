/* ike_shell.c - modules/vici/ike as a program for the live tests: orders by
 * lines on its input, what happens by lines on its output, each with the
 * microseconds since some start in front.
 *
 *   ike_shell SOCKET PREFIX KEY      KEY: the pre-shared key of every peer
 *
 *   peer NAME LOCAL REMOTE OUR-ID THEIR-ID [DPD-SECONDS]     NAME: "once:..."
 *                                                for one tunnel of one call
 *   del NAME
 *   use PEER LOCAL-TS REMOTE-TS [standing|passive]    "did use N error=0"
 *   drop N
 *   covers N LOCAL REMOTE                             "did covers 1 error=0" */
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "modules/vici/ike/ike.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS 8

struct shell {
	struct event_base *base;
	struct ike *ike;
	struct secret key;
	char in[4096];
	size_t in_len;
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

static void on_need_key(void *user, const char *peer)
{
	struct shell *s = user;

	say("key peer=%s", peer);
	ike_key(s->ike, peer, &s->key);
}

static void on_event(void *user, const struct ike_event *e)
{
	static const char *const words[] = { "ready", "up", "failed",
					     "gone" };

	(void)user;
	say("%s use=%" PRIu64 " error=%d retry_ms=%u %s", words[e->news],
	    e->use, e->err, e->retry_ms, e->why);
}

static void on_charon(void *user, bool up, const char *why)
{
	(void)user;
	say("charon %s %s", up ? "there" : "gone", why);
}

static void on_tried(void *user, const char *peer, const char *why)
{
	(void)user;
	say("tried %s %s", peer, why);
}

/* -- orders: a result, and what went wrong --------------------------------- */

static uint64_t order_peer(struct shell *s, char **w, int *err)
{
	struct ike_peer p = {
		.name = w[0], .ours.id = w[3], .theirs.id = w[4],
		.proposal = "aes128gcm16-prfsha256-x25519",
		.dpd_s = w[5] ? (unsigned)atoi(w[5]) : 0,
		.once = !strncmp(w[0], IKE_ONCE, strlen(IKE_ONCE))
	};

	addr_parse(w[1], &p.local);
	addr_parse(w[2], &p.remote);
	*err = ike_peer_add(s->ike, &p);
	return 0;
}

static uint64_t order_del(struct shell *s, char **w, int *err)
{
	*err = ike_peer_del(s->ike, w[0]);
	return 0;
}

static struct vici_selector selector(const char *text)
{
	struct vici_selector s = { .port = 0 };

	vici_selector_read((struct vici_text){ text, strlen(text) }, &s);
	return s;
}

static uint64_t order_use(struct shell *s, char **w, int *err)
{
	struct vici_selector local = selector(w[1]), remote = selector(w[2]);
	struct ike_want want = {
		.peer = w[0], .local = &local, .remote = &remote,
		.n_local = 1, .n_remote = 1,
		.proposal = "aes128gcm16-x25519-ecp256",
		.standing = w[3] && !strcmp(w[3], "standing"),
		.passive = w[3] && !strcmp(w[3], "passive")
	};
	uint64_t use = 0;

	*err = ike_use(s->ike, &want, &use);
	return use;
}

static uint64_t order_drop(struct shell *s, char **w, int *err)
{
	ike_drop(s->ike, strtoull(w[0], NULL, 10));
	*err = 0;
	return 0;
}

static uint64_t order_covers(struct shell *s, char **w, int *err)
{
	struct addr local = { 0 }, remote = { 0 };

	*err = addr_parse(w[1], &local) | addr_parse(w[2], &remote);
	return ike_covers(s->ike, strtoull(w[0], NULL, 10), &local, &remote);
}

static const struct {
	const char *word;
	int words; /* that must follow */
	uint64_t (*run)(struct shell *s, char **w, int *err);
} orders[] = {
	{ "peer", 5, order_peer }, { "del", 1, order_del },
	{ "use", 3, order_use },   { "drop", 1, order_drop },
	{ "covers", 3, order_covers },
};

static void run_line(struct shell *s, char *line)
{
	char *w[WORDS + 1] = { NULL }, *save = NULL;
	uint64_t result = 0;
	int n = 0, err = E_NOTFOUND;

	for (char *p = strtok_r(line, " ", &save); p && n < WORDS;
	     p = strtok_r(NULL, " ", &save))
		w[n++] = p;
	for (size_t i = 0; n && i < sizeof orders / sizeof *orders; i++)
		if (!strcmp(orders[i].word, w[0]) && n > orders[i].words)
			result = orders[i].run(s, w + 1, &err);
	say("did %s %" PRIu64 " error=%d", w[0] ? w[0] : "", result, err);
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

static const struct ike_ops ops = { on_need_key, on_event, on_charon,
				    on_tried };

int main(int argc, char **argv)
{
	struct ike_settings settings = IKE_DEFAULTS;
	struct shell s = { .base = event_base_new() };
	struct event *input;

	if (argc != 4 || !s.base)
		return 2;
	settings.client.path = argv[1];
	settings.client.retry_max_ms = 1000;
	settings.prefix = argv[2];
	settings.raise_ms = 4000;
	settings.linger_ms = 200;
	settings.sweep_ms = 2000;
	if (secret_set(&s.key, argv[3], strlen(argv[3])) ||
	    ike_new(s.base, &settings, &ops, &s, &s.ike))
		return 1;
	input = event_new(s.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input,
			  &s);
	event_add(input, NULL);
	event_base_dispatch(s.base);
	ike_free(s.ike);
	event_free(input);
	event_base_free(s.base);
	secret_wipe(&s.key);
	return 0;
}
