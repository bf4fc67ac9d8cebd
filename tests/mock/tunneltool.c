/* tunneltool.c - drives the tunnel process as parent, engine and keeper would,
 * by lines of text, for tests/kernel and bench.
 *
 *     tunneltool CALLSEALD CONF LEDGER [--no-sandbox]
 *
 * starts CALLSEALD --child tunnel with this configuration and says "ready PID",
 * or "ended STATUS"; then reads a command a line and answers each with a line,
 * "ok ..." or "failed CODE: why". Words are name=value; names of tunnels are
 * the caller's.
 *
 *     reserve name= call= local=ADDRESS:PORT [scope=]
 *     key name= id= seed= far=ADDRESS:PORT spi= [call=] [near=ADDRESS:PORT]
 *         [suite=] [life=] [kib=] [window=] [mode=] [scope=] [udp=1]
 *         [door=PORT far_door=PORT [public=ADDRESS] [far_nat=1]]   in UDP: the
 *         ports of both ends, what a NAT before us makes of us, and whether
 *         there is one before them
 *     scopes are numbers of enum esp_scope; with 2 and 3 addresses have no
 *     ports, and with 3 there are nets= and far_nets=ADDRESS/BITS[,...]
 *     raise name= id= [instead=NAME [proven=1]]   waits for the answer
 *     ask name= id=                    does not: "answer name=" does
 *     answer name= | drop name= | gone id=
 *     list                             its portions, with tabs between
 *     events seconds=                  counts what came so far
 *     engine                           another one takes its place
 *     keeper                           likewise
 *     stop                             in order; says the exit status
 *     bench local= far= count= [keep=1]    see bench/tunnel/esp.py */
#include "config.h"

#include "daemon/base/buf.h"
#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "daemon/ipc.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 24
#define HELD 4096
#define KEEPER_EPOCH (UINT64_C(1) << 32)

struct held {
	char name[24];
	uint32_t tunnel, spi;
	uint64_t call;
	struct addr local;
};

/* One pair to the process under test, and what came on it last. */
struct end {
	struct tool *tool;
	struct ipc *ipc;
	enum message type; /* of the last answer; 0: none yet */
	uint64_t id;
	struct msg_tunnel_reserved reserved;
	struct msg_tunnel_raised raised;
	uint64_t raised_us; /* when that came */
	char *text; /* of the last list */
	uint32_t next;
	bool closed;
};

struct tool {
	pid_t pid;
	int status;
	bool ended, ready;
	uint32_t epoch;
	uint64_t ticket;
	struct end parent, engine, keeper;
	struct held held[HELD];
	size_t n_held;
	unsigned soft, gone, raised;
	char *word[WORDS];
	size_t n;
};

static struct tool t;

/* -- words ---------------------------------------------------------------- */

static const char *text(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 1; i < t.n; i++)
		if (!strncmp(t.word[i], name, len) && t.word[i][len] == '=')
			return t.word[i] + len + 1;
	return NULL;
}

static unsigned long number(const char *name, unsigned long dflt)
{
	const char *s = text(name);

	return s ? strtoul(s, NULL, 0) : dflt;
}

static struct addr address(const char *name)
{
	struct addr a = { 0 };

	if (!text(name) || addr_parse(text(name), &a)) {
		printf("failed: %s= is no address\n", name);
		exit(64);
	}
	return a;
}

static struct held *held(const char *name)
{
	for (size_t i = 0; name && i < t.n_held; i++)
		if (!strcmp(t.held[i].name, name))
			return &t.held[i];
	return NULL;
}

static struct held *held_new(const char *name)
{
	struct held *h = held(name);

	h = h ? h : &t.held[t.n_held++ % HELD];
	*h = (struct held){ .call = 0 };
	snprintf(h->name, sizeof h->name, "%s", name);
	return h;
}

static void say(int err, const char *what)
{
	if (err)
		printf("failed %d: %s\n", err, what);
	else
		printf("ok%s%s\n", *what ? " " : "", what);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* -- the pairs ------------------------------------------------------------ */

static int take(void *user, struct ipc_msg *msg)
{
	struct end *e = user;
	const struct msg_tunnel_event *event = msg->body;
	const struct msg_tunnel_listed *listed = msg->body;

	if (msg->type == MSG_READY)
		t.ready = true;
	if (msg->type == MSG_TUNNEL_EVENT) {
		t.soft += event->event == TUNNEL_EVENT_SOFT;
		t.gone += event->event == TUNNEL_EVENT_GONE;
		return 0;
	}
	if (msg->type == MSG_TUNNEL_RAISED) {
		memcpy(&e->raised, msg->body, sizeof e->raised);
		e->raised_us = now_us();
	}
	if (msg->type == MSG_TUNNEL_RESERVED)
		memcpy(&e->reserved, msg->body, sizeof e->reserved);
	if (msg->type == MSG_TUNNEL_LISTED) {
		e->text = strndup((const char *)msg->tail, msg->tail_len);
		e->next = listed->next;
	}
	if (msg->id) {
		e->type = msg->type;
		e->id = msg->id;
	}
	return 0;
}

static void closed(void *user, int err, enum message type)
{
	struct end *e = user;

	(void)err;
	(void)type;
	e->closed = true;
}

static const struct ipc_ops ops = { .handle = take, .closed = closed };

static void reap(void)
{
	if (!t.ended && waitpid(t.pid, &t.status, WNOHANG) == t.pid)
		t.ended = true;
}

/* Reads what comes within that time. */
static void turn(int ms)
{
	struct end *ends[] = { &t.parent, &t.engine, &t.keeper };
	struct pollfd fd[3];

	for (int i = 0; i < 3; i++)
		fd[i] = (struct pollfd){
			ends[i]->ipc && !ends[i]->closed
				? ipc_fd(ends[i]->ipc) : -1, POLLIN, 0 };
	if (poll(fd, 3, ms) <= 0)
		return;
	for (int i = 0; i < 3; i++)
		if (fd[i].revents)
			ipc_read(ends[i]->ipc);
}

static bool wait_answer(struct end *e, enum message type, uint64_t id)
{
	uint64_t end = now_us() + 8000000;

	while (!(e->type == type && e->id == id) && !e->closed &&
	       now_us() < end)
		turn(100);
	return e->type == type && e->id == id;
}

static void send_it(struct end *e, enum message type, uint64_t id,
		    const void *body, size_t len)
{
	int r = ipc_send(e->ipc, type, id, body, len, NULL, 0, -1);

	if (r && r != E_CLOSED) {
		printf("failed: %s: %s\n", message_name(type), err_text(r));
		exit(1);
	}
}

static void send_fd(enum message type, const void *body, size_t len, int fd)
{
	if (ipc_send(t.parent.ipc, type, 0, body, len, NULL, 0, fd))
		exit(1);
}

static void open_end(struct end *e, int fd, enum process self)
{
	ipc_free(e->ipc);
	free(e->text);
	*e = (struct end){ .tool = &t };
	if (ipc_new(fd, self, PROC_TUNNEL, &ops, e, &e->ipc))
		exit(1);
}

static void pair(struct end *e, enum process self)
{
	struct msg_pair m = { self, ++t.epoch };
	struct msg_hello hello = { self, t.epoch, 0, 0 };
	int fd[2];

	if (ipc_socketpair(fd))
		exit(1);
	send_fd(MSG_PAIR, &m, sizeof m, fd[1]);
	open_end(e, fd[0], self);
	send_it(e, MSG_HELLO, 0, &hello, sizeof hello);
}

/* -- starting ------------------------------------------------------------- */

static void launch(const char *program, bool sandbox)
{
	char *argv[] = { (char *)"tunnel", (char *)"--child", (char *)"tunnel",
			 sandbox ? NULL : (char *)"--no-sandbox", NULL };
	int fd[2];

	if (ipc_socketpair(fd))
		exit(1);
	t.pid = fork();
	if (!t.pid) {
		dup2(fd[1], 3);
		fcntl(3, F_SETFD, 0);
		execv(program, argv);
		_exit(127);
	}
	close(fd[1]);
	open_end(&t.parent, fd[0], PROC_PARENT);
}

static void configure(const char *path, const char *ledger)
{
	struct msg_hello hello = { PROC_PARENT, ++t.epoch, 0, 0 };
	struct msg_level level = { 4 };
	struct msg_conf conf = { .generation = 1 };
	struct msg_begin begin = { 1 };
	struct msg_file file = { "ledger" };
	int fd = open(ledger, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	FILE *f = fopen(path, "re");
	char bytes[8192];

	if (fd < 0 || !f) {
		printf("failed: %s or %s cannot be opened\n", path, ledger);
		exit(64);
	}
	conf.len = (uint32_t)fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	send_it(&t.parent, MSG_HELLO, 0, &hello, sizeof hello);
	send_it(&t.parent, MSG_LEVEL, 0, &level, sizeof level);
	send_fd(MSG_FILE, &file, sizeof file, fd);
	if (ipc_send(t.parent.ipc, MSG_CONF, 0, &conf, sizeof conf, bytes,
		     conf.len, -1))
		exit(1);
	pair(&t.engine, PROC_ENGINE);
	pair(&t.keeper, PROC_KEEPER);
	send_it(&t.parent, MSG_BEGIN, 0, &begin, sizeof begin);
}

static int wait_ready(void)
{
	while (!t.ready && !t.ended) {
		turn(100);
		reap();
	}
	if (t.ready)
		printf("ready %d\n", (int)t.pid);
	else
		printf("ended %d\n", WIFEXITED(t.status)
			       ? WEXITSTATUS(t.status)
			       : 128 + WTERMSIG(t.status));
	fflush(stdout);
	return t.ready ? 0 : 1;
}

/* -- commands ------------------------------------------------------------- */

static int reserve(const char *name, uint64_t call, const struct addr *local)
{
	struct msg_tunnel_reserve m = {
		.call = call, .n = 1,
		.scope = (uint32_t)number("scope", ESP_MEDIA) };
	const struct msg_tunnel_reserved *a = &t.engine.reserved;
	struct held *h;

	m.local[0] = *local;
	send_it(&t.engine, MSG_TUNNEL_RESERVE, ++t.ticket, &m, sizeof m);
	if (!wait_answer(&t.engine, MSG_TUNNEL_RESERVED, t.ticket))
		return E_TIMEOUT;
	if (a->err)
		return a->err;
	h = held_new(name);
	h->tunnel = a->tunnel[0];
	h->spi = a->spi[0];
	h->call = call;
	h->local = *local;
	return 0;
}

static void do_reserve(void)
{
	struct addr local = address("local");
	int r = reserve(text("name"), number("call", 1), &local);
	char said[64] = "";

	if (!r)
		snprintf(said, sizeof said, "tunnel=%u spi=0x%08x",
			 held(text("name"))->tunnel,
			 held(text("name"))->spi);
	say(r, r ? t.engine.reserved.reason : said);
}

/* Both ends' tools make the same keys from a seed and the receiver's SPI. */
static struct esp_key key_of(const char *seed, uint32_t spi, unsigned suite)
{
	const struct esp_suite_info *i = esp_suite_info(suite);
	struct esp_key k = { .suite = (uint16_t)suite, .key_len = i->key_len,
			     .salt_len = i->salt_len, .auth_len = i->auth_len };
	char room[64];
	uint8_t out[64];

	snprintf(room, sizeof room, "%s/%u", seed, spi);
	EVP_Digest(room, strlen(room), out, NULL, EVP_sha512(), NULL);
	memcpy(k.key, out, k.key_len);
	memcpy(k.salt, out + 32, k.salt_len);
	memcpy(k.auth, out + 32, k.auth_len);
	return k;
}

/* With the scope of networks those of that word are behind it. */
static int end_of(unsigned scope, const struct addr *at, uint32_t spi,
		  const char *word, struct esp_end *out)
{
	const struct addr none = { 0 };
	struct net nets[8];
	char list[256], *save, *one;
	size_t n = 0;
	int r = esp_own_end(scope == ESP_NET ? ESP_HOST : scope, at, &none, 0,
			    spi, out);

	if (r || scope != ESP_NET)
		return r;
	snprintf(list, sizeof list, "%s", text(word) ? text(word) : "");
	for (one = strtok_r(list, ",", &save); one && n < 8;
	     one = strtok_r(NULL, ",", &save))
		if (net_parse(one, &nets[n++]))
			return E_ARG;
	/* a wrong one is for the process under test to refuse */
	out->n = n < ESP_SELECTORS_MAX ? n : ESP_SELECTORS_MAX;
	memset(out->sel, 0, sizeof out->sel);
	for (size_t i = 0; i < out->n; i++)
		out->sel[i].net = nets[i];
	return 0;
}

/* The ends in UDP, as their words are. */
static void put_doors(struct msg_tunnel_key *m)
{
	struct addr public;

	if (!text("door"))
		return;
	m->udp = 1;
	m->near.at.port = (uint16_t)number("door", 0);
	m->far.at.port = (uint16_t)number("far_door", 0);
	m->far.natted = number("far_nat", 0);
	m->near.natted = text("public");
	if (!m->near.natted)
		return;
	public = address("public");
	esp_end_behind(m->scope, &public, &m->near); /* seen from before it */
}

static void send_key(const struct held *h, uint64_t id, const char *seed,
		     const struct addr *far, uint32_t spi)
{
	unsigned suite = (unsigned)number("suite", ESP_AES_128_GCM);
	struct addr near = text("near") ? address("near") : h->local;
	struct msg_tunnel_key m = {
		.key_id = KEEPER_EPOCH | id,
		.call = number("call", (unsigned long)h->call),
		.tunnel = h->tunnel, .life_s = (uint32_t)number("life", 3600),
		.life_kib = (uint32_t)number("kib", 0),
		.window = (uint16_t)number("window", 256),
		.mode = (uint8_t)number("mode", ESP_TRANSPORT),
		.scope = (uint8_t)number("scope", ESP_MEDIA),
		.udp = (uint32_t)number("udp", 0), .peer = "b",
	};

	if (end_of(m.scope, &near, h->spi, "nets", &m.near) ||
	    end_of(m.scope, far, spi, "far_nets", &m.far)) {
		printf("failed: an end is none\n");
		exit(64);
	}
	put_doors(&m);
	m.in = key_of(seed, h->spi, suite);
	m.out = key_of(seed, spi, suite);
	send_it(&t.keeper, MSG_TUNNEL_KEY, 0, &m, sizeof m);
	wipe(&m, sizeof m);
}

static void do_key(void)
{
	struct addr far = address("far");

	send_key(held(text("name")), number("id", 1), text("seed"), &far,
		 (uint32_t)number("spi", 0));
	say(0, "");
}

static uint64_t ask_raise(const struct held *h, uint64_t id,
			  const struct held *instead)
{
	struct msg_tunnel_raise m = {
		.tunnel = h->tunnel, .instead = instead ? instead->tunnel : 0,
		.key_id = KEEPER_EPOCH | id,
		.proven = (uint32_t)number("proven", 0) };

	send_it(&t.engine, MSG_TUNNEL_RAISE, ++t.ticket, &m, sizeof m);
	return t.ticket;
}

static void do_answer(void)
{
	bool came = wait_answer(&t.engine, MSG_TUNNEL_RAISED, t.ticket);

	say(came ? t.engine.raised.err : E_TIMEOUT,
	    came ? t.engine.raised.reason : "no answer");
}

static void do_ask(void)
{
	ask_raise(held(text("name")), number("id", 1), held(text("instead")));
	say(0, "");
}

static void do_raise(void)
{
	ask_raise(held(text("name")), number("id", 1), held(text("instead")));
	do_answer();
}

static void do_drop(void)
{
	struct msg_tunnel_drop m = { held(text("name"))->tunnel };

	send_it(&t.engine, MSG_TUNNEL_DROP, 0, &m, sizeof m);
	say(0, "");
}

static void do_gone(void)
{
	struct msg_key_gone m = { KEEPER_EPOCH | number("id", 1) };

	send_it(&t.keeper, MSG_TUNNEL_KEY_GONE, 0, &m, sizeof m);
	say(0, "");
}

/* All portions, one behind the other. */
static void do_list(void)
{
	struct msg_tunnel_list m = { 0 };

	printf("ok");
	do {
		send_it(&t.engine, MSG_TUNNEL_LIST, ++t.ticket, &m, sizeof m);
		if (!wait_answer(&t.engine, MSG_TUNNEL_LISTED, t.ticket))
			break;
		printf("%c%s", m.after ? '\t' : ' ', t.engine.text);
		free(t.engine.text);
		t.engine.text = NULL;
		m.after = t.engine.next;
	} while (m.after);
	printf("\n");
}

static void do_events(void)
{
	uint64_t end = now_us() + number("seconds", 1) * 1000000;
	char said[64];

	while (now_us() < end)
		turn(50);
	snprintf(said, sizeof said, "soft=%u gone=%u", t.soft, t.gone);
	t.soft = t.gone = 0;
	say(0, said);
}

static void do_engine(void)
{
	pair(&t.engine, PROC_ENGINE);
	say(0, "");
}

static void do_keeper(void)
{
	pair(&t.keeper, PROC_KEEPER);
	say(0, "");
}

static void do_stop(void)
{
	char said[16];

	send_it(&t.parent, MSG_STOP, 0, NULL, 0);
	while (!t.ended) {
		turn(50);
		reap();
	}
	snprintf(said, sizeof said, "%d", t.status);
	say(0, said);
}

/* -- figures -------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The n-th tunnel: reserved, keyed and raised; *us from RAISE to RAISED. */
static int bench_one(unsigned n, struct addr local, struct addr far,
		     uint64_t *us)
{
	char name[24], seed[24];
	uint64_t begin;
	int r;

	local.port = (uint16_t)(local.port + 2 * n);
	far.port = (uint16_t)(far.port + 2 * n);
	snprintf(name, sizeof name, "b%u", n);
	snprintf(seed, sizeof seed, "b%u/%llu", n,
		 (unsigned long long)t.ticket);
	r = reserve(name, 1000 + n, &local);
	if (r)
		return r;
	send_key(held(name), ++t.raised, seed, &far, 0x100000 + n);
	begin = now_us();
	ask_raise(held(name), t.raised, NULL);
	if (!wait_answer(&t.engine, MSG_TUNNEL_RAISED, t.ticket))
		return E_TIMEOUT;
	*us = t.engine.raised_us - begin;
	return t.engine.raised.err;
}

static uint64_t bench_drop(unsigned count)
{
	uint64_t begin = now_us();
	char name[24];

	for (unsigned n = 0; n < count; n++) {
		struct msg_tunnel_drop m;

		snprintf(name, sizeof name, "b%u", n);
		m.tunnel = held(name)->tunnel;
		send_it(&t.engine, MSG_TUNNEL_DROP, 0, &m, sizeof m);
		ipc_write(t.engine.ipc);
	}
	/* whatever is asked behind them is answered behind them */
	while (ipc_wants_write(t.engine.ipc)) {
		ipc_write(t.engine.ipc);
		turn(1);
	}
	ask_raise(&(struct held){ .tunnel = UINT32_MAX }, 1, NULL);
	wait_answer(&t.engine, MSG_TUNNEL_RAISED, t.ticket);
	return now_us() - begin;
}

static void do_bench(void)
{
	unsigned count = (unsigned)number("count", 100), n = 0;
	struct addr local = address("local"), far = address("far");
	uint64_t *us = calloc(count, sizeof *us), begin = now_us(), all, drop;
	char said[160];
	int r = us && count ? 0 : E_ARG;

	for (; !r && n < count; n++)
		r = bench_one(n, local, far, &us[n]);
	all = now_us() - begin;
	drop = number("keep", 0) ? 0 : bench_drop(r ? n - 1 : n);
	if (!r)
		qsort(us, count, sizeof *us, by_size);
	if (!r)
		snprintf(said, sizeof said, "count=%u p50_us=%llu p99_us=%llu "
			 "most_us=%llu all_us=%llu drop_us=%llu", count,
			 (unsigned long long)us[count / 2],
			 (unsigned long long)us[count * 99 / 100],
			 (unsigned long long)us[count - 1],
			 (unsigned long long)all, (unsigned long long)drop);
	say(r, r ? err_text(r) : said);
	free(us);
}

static const struct {
	const char *name;
	void (*run)(void);
} commands[] = {
	{ "reserve", do_reserve }, { "key", do_key }, { "raise", do_raise },
	{ "ask", do_ask }, { "answer", do_answer }, { "drop", do_drop },
	{ "gone", do_gone }, { "list", do_list }, { "events", do_events },
	{ "engine", do_engine }, { "keeper", do_keeper }, { "stop", do_stop },
	{ "bench", do_bench },
};

static void run(char *line)
{
	char *rest = NULL;

	t.n = 0;
	for (char *w = strtok_r(line, " \n", &rest); w && t.n < WORDS;
	     w = strtok_r(NULL, " \n", &rest))
		t.word[t.n++] = w;
	for (size_t i = 0; t.n && i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(commands[i].name, t.word[0])) {
			commands[i].run();
			fflush(stdout);
			return;
		}
	printf("failed: no such command\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[1024];

	if (argc < 4)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	launch(argv[1], argc == 4);
	configure(argv[2], argv[3]);
	if (wait_ready())
		return 1;
	while (fgets(line, sizeof line, stdin))
		run(line);
	if (!t.ended)
		kill(t.pid, SIGKILL);
	return 0;
}
