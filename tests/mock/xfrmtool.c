/* xfrmtool.c - drives modules/xfrm by lines of text, for tests/kernel and
 * bench.
 *
 *     xfrmtool LEDGER
 *
 * opens (or makes) the ledger, says its sub-range, then reads a command a line
 * and answers each with a line, "ok ..." or "failed CODE: why". Words are
 * name=value; names of tunnels are the caller's.
 *
 *     probe | sweep [keep=1] | list | exit
 *     raise name= own= peer= port= far= in= out= seed= [suite=1] [mode=tunnel]
 *           [soft= hard= (packets)] [hard_s=] [esn=1] [window=] [encap=PORT]
 *           [near=NET remote=NET (tunnel: what is behind)]
 *     reserve name= own= peer= [in=]  then raise with that in= and reqid=
 *     rule name= action=block|bypass near=NET remote=NET [port= mask=]
 *     drop name= | events seconds= | many name= own= peer= count= [hard_s=]
 *     bench own= peer= count= */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/xfrm/probe.h"
#include "modules/xfrm/xfrm.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORDS 24
#define HELD 8192
#define EACH 5 /* slots of one name */

struct held {
	char name[24];
	uint32_t slot[EACH];
	size_t n;
};

struct tool {
	struct xfrm *x;
	struct xfrm_why why;
	struct held *held;
	char *word[WORDS];
	size_t n;
	unsigned soft, gone, acquire;
};

/* -- words ---------------------------------------------------------------- */

static const char *text(const struct tool *t, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 1; i < t->n; i++)
		if (!strncmp(t->word[i], name, len) && t->word[i][len] == '=')
			return t->word[i] + len + 1;
	return NULL;
}

static unsigned long number(const struct tool *t, const char *name,
			    unsigned long dflt)
{
	const char *s = text(t, name);

	return s ? strtoul(s, NULL, 0) : dflt;
}

static struct addr address(const struct tool *t, const char *name)
{
	const char *s = text(t, name);
	struct addr a = { 0 };

	if (!s || addr_parse(s, &a)) {
		printf("failed: %s= is no address\n", name);
		exit(64);
	}
	return a;
}

static struct net network(const struct tool *t, const char *name,
			  const struct addr *host)
{
	struct net n = { .bits = 0 };

	if (!text(t, name) && host)
		return (struct net){ *host, host->family == 4 ? 32 : 128 };
	if (!text(t, name) || net_parse(text(t, name), &n)) {
		printf("failed: %s= is no net\n", name);
		exit(64);
	}
	return n;
}

static struct held *held_as(struct tool *t, const char *name)
{
	for (size_t i = 0; i < HELD; i++)
		if (!strcmp(t->held[i].name, name))
			return &t->held[i];
	return NULL;
}

static void say(const struct tool *t, int r, const char *what)
{
	if (r)
		printf("failed %d: %s\n", r, t->why.text);
	else
		printf("ok%s\n", what);
}

/* -- raising -------------------------------------------------------------- */

/* Both ends make the same key for what one of them sends. */
static struct esp_key key_of(const char *seed, const struct addr *from,
			     unsigned suite)
{
	const struct esp_suite_info *i = esp_suite_info(suite);
	struct esp_key key = { .suite = (uint16_t)suite,
			       .key_len = i ? i->key_len : 0,
			       .salt_len = i ? i->salt_len : 0,
			       .auth_len = i ? i->auth_len : 0 };
	char host[ADDR_TEXT], all[256];
	uint8_t bytes[64];

	snprintf(all, sizeof all, "%s from %s", seed, addr_host(from, host));
	EVP_Digest(all, strlen(all), bytes, NULL, EVP_sha512(), NULL);
	memcpy(key.key, bytes, ESP_KEY_MAX);
	memcpy(key.salt, bytes + 60, ESP_SALT_MAX);
	EVP_Digest(bytes, sizeof bytes, key.auth, NULL, EVP_sha256(), NULL);
	return key;
}

struct tunnel {
	struct ipsec_sa sa[2]; /* in, out */
	struct ipsec_policy policy[3];
	struct xfrm_wanted w;
};

static void fill_policies(const struct tool *t, struct tunnel *u,
			  struct ipsec_selector out, uint32_t reqid)
{
	struct ipsec_selector in = { .src = out.dst, .dst = out.src,
		.sport = out.dport, .sport_mask = out.dport_mask,
		.dport = out.sport, .dport_mask = out.sport_mask,
		.proto = out.proto };
	uint32_t priority = range_priority(xfrm_range(t->x), IPSEC_PROTECT, 0);

	for (int i = 0; i < 3; i++) {
		const struct ipsec_sa *sa = &u->sa[i == 1];

		u->policy[i] = (struct ipsec_policy){
			.sel = i == 1 ? out : in, .priority = priority,
			.dir = (uint8_t)i, /* as enum ipsec_dir goes */
			.action = IPSEC_PROTECT, .src = sa->src, .dst = sa->dst,
			.spi = i == 1 ? sa->spi : 0, .reqid = reqid,
			.mode = sa->mode };
	}
}

static int fill(struct tool *t, struct tunnel *u)
{
	struct addr own = address(t, "own"), peer = address(t, "peer");
	uint16_t port = (uint16_t)number(t, "port", 0);
	uint16_t far = (uint16_t)number(t, "far", 0);
	const char *mode = text(t, "mode");
	struct ipsec_selector out = {
		.src = network(t, "near", &own),
		.dst = network(t, "remote", &peer),
		.sport = port, .dport = far,
		.sport_mask = port ? 0xfffe : 0, .dport_mask = far ? 0xfffe : 0,
		.proto = port || far ? IPPROTO_UDP : 0 };
	uint16_t encap = (uint16_t)number(t, "encap", 0);
	struct ipsec_sa sa = {
		.mode = mode && !strcmp(mode, "tunnel") ? ESP_TUNNEL
							: ESP_TRANSPORT,
		.esn = number(t, "esn", 0),
		.window = (uint16_t)number(t, "window", 32),
		.encap = { encap, encap },
		.life = { .soft_packets = number(t, "soft", 0),
			  .hard_packets = number(t, "hard", 0),
			  .soft_bytes = number(t, "soft_bytes", 0),
			  .hard_bytes = number(t, "hard_bytes", 0),
			  .hard_s = (uint32_t)number(t, "hard_s", 0) } };
	unsigned suite = (unsigned)number(t, "suite", ESP_AES_128_GCM);
	const char *seed = text(t, "seed");
	int r = xfrm_reqid(t->x, &sa.reqid);

	if (r)
		return r;
	sa.reqid = (uint32_t)number(t, "reqid", sa.reqid);
	u->sa[0] = u->sa[1] = sa;
	u->sa[0].src = u->sa[1].dst = peer;
	u->sa[0].dst = u->sa[1].src = own;
	u->sa[0].spi = (uint32_t)number(t, "in", 0);
	u->sa[1].spi = (uint32_t)number(t, "out", 0);
	u->sa[0].key = key_of(seed ? seed : "", &peer, suite);
	u->sa[1].key = key_of(seed ? seed : "", &own, suite);
	fill_policies(t, u, out, sa.reqid);
	u->w = (struct xfrm_wanted){ u->sa, 2, u->policy,
				     sa.mode == ESP_TUNNEL ? 3 : 2 };
	return 0;
}

static int hold(struct tool *t, const char *name, const struct xfrm_wanted *w)
{
	struct held *h = held_as(t, name);
	int r;

	h = h ? h : held_as(t, "");
	if (!h)
		return E_FULL;
	r = xfrm_raise(t->x, w, h->slot, &t->why);
	if (r)
		return r;
	snprintf(h->name, sizeof h->name, "%s", name);
	h->n = w->n_sa + w->n_policy;
	return 0;
}

static void do_raise(struct tool *t)
{
	struct tunnel u;
	int r = fill(t, &u);

	if (!r)
		r = hold(t, text(t, "name"), &u.w);
	wipe(&u, sizeof u);
	say(t, r, "");
}

static void do_reserve(struct tool *t)
{
	struct held *h = held_as(t, "");
	char said[64];
	struct tunnel u;
	int r = fill(t, &u);

	if (!u.sa[0].spi && !r)
		r = xfrm_spi(t->x, &u.sa[0].spi);
	if (!r)
		r = xfrm_reserve(t->x, &u.sa[0], h->slot, &t->why);
	if (!r) {
		snprintf(h->name, sizeof h->name, "%s", text(t, "name"));
		h->n = 1;
	}
	snprintf(said, sizeof said, " in=0x%08x reqid=0x%08x", u.sa[0].spi,
		 u.sa[0].reqid);
	say(t, r, said);
	wipe(&u, sizeof u);
}

static void do_rule(struct tool *t)
{
	uint16_t port = (uint16_t)number(t, "port", 0);
	uint16_t mask = (uint16_t)number(t, "mask", port ? 0xffff : 0);
	bool block = !strcmp(text(t, "action"), "block");
	struct ipsec_policy p[3];
	struct net near = network(t, "near", NULL);
	struct net remote = network(t, "remote", NULL);

	for (int i = 0; i < 3; i++) {
		p[i] = (struct ipsec_policy){
			.dir = (uint8_t)i,
			.action = block ? IPSEC_BLOCK : IPSEC_BYPASS,
			.sel = { .src = i == IPSEC_OUT ? near : remote,
				 .dst = i == IPSEC_OUT ? remote : near,
				 .proto = port ? IPPROTO_UDP : 0 } };
		p[i].priority = range_priority(xfrm_range(t->x), p[i].action,
					       0);
		if (i == IPSEC_OUT)
			p[i].sel.sport = port, p[i].sel.sport_mask = mask;
		else
			p[i].sel.dport = port, p[i].sel.dport_mask = mask;
	}
	say(t, hold(t, text(t, "name"), &(struct xfrm_wanted){
		    .policy = p, .n_policy = 2 }), "");
}

static void do_drop(struct tool *t)
{
	const char *name = text(t, "name");
	size_t n = strlen(name);
	int r = 0, e;

	/* "many" holds NAME and NAME.1, NAME.2, ... */
	for (size_t i = 0; i < HELD; i++) {
		struct held *h = &t->held[i];

		if (strncmp(h->name, name, n) || (h->name[n] &&
						  h->name[n] != '.'))
			continue;
		e = xfrm_drop(t->x, h->slot, h->n, &t->why);
		r = e ? e : r;
		if (!e)
			h->name[0] = 0;
	}
	say(t, r, "");
}

/* -- many ----------------------------------------------------------------- */

static void one_of_many(struct tool *t, struct tunnel *u, uint32_t i)
{
	struct secret s;

	for (int k = 0; k < 2; k++) {
		secret_random(&s, ESP_KEY_MAX + ESP_SALT_MAX);
		memcpy(u->sa[k].key.key, s.bytes, ESP_KEY_MAX);
		memcpy(u->sa[k].key.salt, s.bytes + ESP_KEY_MAX, ESP_SALT_MAX);
		secret_random(&s, ESP_AUTH_MAX);
		memcpy(u->sa[k].key.auth, s.bytes, ESP_AUTH_MAX);
		xfrm_reqid(t->x, &u->sa[k].reqid);
		u->sa[k].reqid = u->sa[0].reqid;
		u->sa[k].spi = 0x10000u + 2 * i + (unsigned)k;
	}
	secret_wipe(&s);
	for (int k = 0; k < 3; k++) {
		struct ipsec_selector *sel = &u->policy[k].sel;
		uint16_t port = (uint16_t)(2 + 2 * i);

		u->policy[k].reqid = u->sa[0].reqid;
		u->policy[k].spi = k == 1 ? u->sa[1].spi : 0;
		sel->sport = sel->dport = port;
		sel->sport_mask = sel->dport_mask = 0xfffe;
		sel->proto = IPPROTO_UDP;
	}
}

static void do_many(struct tool *t)
{
	unsigned long count = number(t, "count", 1);
	struct tunnel u;
	char name[48];
	int r = fill(t, &u);

	for (uint32_t i = 0; !r && i < count; i++) {
		one_of_many(t, &u, i);
		snprintf(name, sizeof name, "%s.%u", text(t, "name"), i);
		r = hold(t, name, &u.w);
	}
	wipe(&u, sizeof u);
	say(t, r, "");
}

static uint64_t now_ns(void)
{
	struct timespec s;

	clock_gettime(CLOCK_MONOTONIC, &s);
	return (uint64_t)s.tv_sec * 1000000000u + (uint64_t)s.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void print_times(const char *what, uint64_t *ns, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ns[i];
	qsort(ns, n, sizeof *ns, by_size);
	printf(" %s p50=%.0f p99=%.0f us, %.0f/s", what,
	       (double)ns[n / 2] / 1e3, (double)ns[n * 99 / 100] / 1e3,
	       (double)n * 1e9 / (double)sum);
}

/* Two SAs and two policies up, all held, then down. */
static void do_bench(struct tool *t)
{
	unsigned long count = number(t, "count", 1000);
	uint64_t *up = calloc(count, sizeof *up), begin;
	uint64_t *down = calloc(count, sizeof *down);
	struct tunnel u;
	char name[32];
	int r = fill(t, &u);

	for (uint32_t i = 0; !r && i < count; i++) {
		one_of_many(t, &u, i);
		snprintf(name, sizeof name, "b.%u", i);
		begin = now_ns();
		r = xfrm_raise(t->x, &u.w, t->held[i].slot, &t->why);
		up[i] = now_ns() - begin;
	}
	for (uint32_t i = 0; !r && i < count; i++) {
		begin = now_ns();
		r = xfrm_drop(t->x, t->held[i].slot, 4, &t->why);
		down[i] = now_ns() - begin;
	}
	if (r) {
		say(t, r, "");
	} else {
		printf("ok");
		print_times("raise", up, count);
		print_times("drop", down, count);
		printf("\n");
	}
	free(up);
	free(down);
	wipe(&u, sizeof u);
}

/* -- looking -------------------------------------------------------------- */

static void count_event(void *user, const struct xfrm_event *e)
{
	struct tool *t = user;

	t->soft += e->kind == XFRM_SOFT;
	t->gone += e->kind == XFRM_GONE;
	t->acquire += e->kind == XFRM_ACQUIRE;
}

static void do_events(struct tool *t)
{
	uint64_t end = now_ns() + number(t, "seconds", 0) * 1000000000ull;
	struct pollfd p = { .fd = xfrm_events_fd(t->x), .events = POLLIN };
	char said[96];
	int r = 0;

	t->soft = t->gone = t->acquire = 0;
	do {
		if (poll(&p, 1, 20) > 0)
			r = xfrm_events(t->x, count_event, t);
	} while (!r && now_ns() < end);
	snprintf(said, sizeof said, " soft=%u gone=%u acquire=%u", t->soft,
		 t->gone, t->acquire);
	say(t, r, said);
}

static void count_sa(void *user, uint32_t slot, const struct reply *r)
{
	(void)r;
	++((unsigned *)user)[!slot];
}

static void do_list(struct tool *t)
{
	unsigned n[2] = { 0, 0 };
	int r = xfrm_list(t->x, count_sa, n, &t->why);
	char said[96];

	snprintf(said, sizeof said, " ours=%u foreign=%u records=%zu", n[0],
		 n[1], ledger_count(xfrm_ledger(t->x)));
	say(t, r, said);
}

static void do_sweep(struct tool *t)
{
	struct xfrm_swept s;
	int r = xfrm_sweep(t->x, number(t, "keep", 0), &s, &t->why);
	char said[96];

	snprintf(said, sizeof said, " sas=%u policies=%u gone=%u foreign=%u",
		 s.sas, s.policies, s.gone, s.foreign);
	say(t, r, said);
}

static void do_probe(struct tool *t)
{
	struct probe p;
	char said[640], *at = said;
	int r = probe_all(t->x, &p, &t->why);

	for (int i = ESP_NONE + 1; i <= ESP_AES_256_CBC_SHA256; i++)
		at += sprintf(at, " %d:%d%d", i, p.ip4[i], p.ip6[i]);
	snprintf(at, 580, " esn:%d%d encap:%d %s", p.esn_gcm, p.esn_cbc,
		 p.encap, p.text);
	say(t, r, said);
}

/* -- the loop ------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(struct tool *t);
} commands[] = {
	{ "probe", do_probe }, { "sweep", do_sweep }, { "raise", do_raise },
	{ "reserve", do_reserve }, { "rule", do_rule }, { "drop", do_drop },
	{ "events", do_events }, { "many", do_many }, { "list", do_list },
	{ "bench", do_bench },
};

static void run(struct tool *t, char *line)
{
	char *save = NULL;

	t->n = 0;
	for (char *w = strtok_r(line, " \n", &save); w && t->n < WORDS;
	     w = strtok_r(NULL, " \n", &save))
		t->word[t->n++] = w;
	for (size_t i = 0; t->n && i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(commands[i].name, t->word[0])) {
			commands[i].run(t);
			return;
		}
	printf("failed: no such command\n");
}

int main(int argc, char **argv)
{
	struct tool t = { 0 };
	char line[1024];
	int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600)
			  : -1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	t.held = calloc(HELD, sizeof *t.held);
	if (fd < 0 || !t.held)
		return 64;
	if (xfrm_open(fd, &t.x, &t.why)) {
		printf("failed: %s\n", t.why.text);
		return 1;
	}
	printf("ok range=%u reqid=0x%08x\n", xfrm_range(t.x)->n,
	       xfrm_range(t.x)->reqid_first);
	while (fgets(line, sizeof line, stdin) && strcmp(line, "exit\n"))
		run(&t, line);
	xfrm_close(t.x);
	free(t.held);
	close(fd);
	return 0;
}
