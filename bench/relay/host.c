/* host.c - the relay alone, as a target of load.c: makes sealed calls as
 * engine and keeper would, prints one flow line for each (see flows.h) and a
 * line "ready", and forwards until its standard input ends.
 *
 *   relay_host LOOP TRANSFORM SUITE CALLS [WORKERS] */
#include "bench/relay/flows.h"
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/relay/control.h"
#include "modules/srtp/transforms.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define RELAY_HOST "127.77.0.1"
#define LOAD_HOST "127.77.0.2"
#define LOAD_PORT 10000 /* four ports a call from here on */
#define KEY_ID(call, d) (UINT64_C(1) << 32 | (2 * (call) + 1 + (d)))

struct host {
	struct control *control;
	struct settings settings;
	const struct transform *transform;
	struct msg_stream_added added;
	int err;
	bool answered;
};

static void die(const char *what, int r)
{
	fprintf(stderr, "relay_host: %s: %s\n", what, err_text(r));
	exit(1);
}

static void tell(void *user, enum message type, uint64_t id, const void *body,
		 size_t len)
{
	struct host *h = user;
	const struct msg_stream_done *done = body;

	(void)id;
	if (type == MSG_STREAM_ADDED) {
		memcpy(&h->added, body, len);
		h->err = h->added.err;
		h->answered = true;
	}
	if (type == MSG_STREAM_DONE) {
		h->err = done->err;
		h->answered = true;
	}
}

/* A message, and until its answer came if there is one. */
static void ask(struct host *h, enum process from, enum message type,
		void *body)
{
	struct ipc_msg m = { .type = type, .body = body, .fd = -1 };
	struct pollfd p = { .fd = control_fd(h->control), .events = POLLIN };
	int r;

	h->answered = type == MSG_KEY;
	r = control_message(h->control, from, &m);
	if (r)
		die(message_name(type), r);
	while (!h->answered) {
		poll(&p, 1, 1000);
		control_answers(h->control);
	}
	if (h->err)
		die(message_name(type), h->err);
}

static void make_key(struct srtp_key *k, enum suite suite)
{
	*k = (struct srtp_key){ .suite = suite };
	k->key_len = suite_info(suite)->key_len;
	k->salt_len = suite_info(suite)->salt_len;
	if (getrandom(k->key, k->key_len, 0) < 0 ||
	    getrandom(k->salt, k->salt_len, 0) < 0)
		die("random", E_IO);
}

static struct addr load_addr(unsigned call, unsigned offset)
{
	struct addr a;

	addr_parse(LOAD_HOST, &a);
	a.port = (uint16_t)(LOAD_PORT + 4 * call + offset);
	return a;
}

static void make_call(struct host *h, unsigned call, enum suite suite)
{
	struct msg_stream_add add = { .call = call + 1, .n = 1 };
	struct msg_stream_set set = { .set_remote = { 1, 1 }, .set_keys = 1,
				      .may_send = 1 };
	struct msg_key key = { .call = call + 1 };
	struct flow f = { .phone = load_addr(call, 0),
			  .far = load_addr(call, 2) };

	add.line[0] = (struct msg_stream_line){ .family = { 4, 4 },
						.sealed = 1 };
	ask(h, PROC_ENGINE, MSG_STREAM_ADD, &add);
	memcpy(f.relay, h->added.port[0].local, sizeof f.relay);
	key.stream = set.stream = h->added.port[0].stream;
	for (int d = KEY_SEND; d <= KEY_RECV; d++) {
		make_key(&f.key[d], suite);
		key.key = f.key[d];
		key.key_id = KEY_ID(call, (unsigned)d);
		key.direction = (uint32_t)d;
		ask(h, PROC_KEEPER, MSG_KEY, &key);
	}
	set.key = (struct msg_key_ids){ .send = KEY_ID(call, 0),
						 .recv = KEY_ID(call, 1) };
	set.remote[INSIDE] = f.phone;
	set.remote[OUTSIDE] = f.far;
	ask(h, PROC_ENGINE, MSG_STREAM_SET, &set);
	flow_print(stdout, &f);
}

static void read_settings(struct host *h, char **argv, unsigned workers)
{
	struct settings *s = &h->settings;

	for (int f = INSIDE; f <= OUTSIDE; f++)
		addr_parse(RELAY_HOST, &s->face[f].media[0]);
	net_parse("127.77.0.0/16", &s->face[INSIDE].nets[0]);
	s->face[INSIDE].n_nets = 1;
	s->port_min = 16384;
	s->port_max = 32767;
	s->tunnel.port_min = 40000;
	s->tunnel.port_max = 40999;
	s->workers = workers;
	s->media_loop = argv[1];
	h->transform = strcmp(argv[2], "evp") ? &libsrtp2_transform :
						&evp_transform;
}

static long resident_kb(void)
{
	long kb = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "VmRSS:", 6))
			kb = strtol(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

static bool may_clear(void *user)
{
	(void)user;
	return true;
}

static bool may_tunnel(void *user, bool sealed)
{
	(void)user;
	(void)sealed;
	return true;
}

static void open_control(struct host *h)
{
	struct control_conf conf = { .settings = &h->settings, .tell = tell,
				     .may_clear = may_clear,
				     .may_tunnel = may_tunnel,
				     .clock = &clock_system, .user = h };
	int r = control_new(&conf, &h->control);

	if (r)
		die("control_new", r);
	r = control_start(h->control, h->transform);
	if (r)
		die("control_start", r);
}

int main(int argc, char **argv)
{
	static struct host h;
	struct rlimit files;
	unsigned calls;
	enum suite suite;
	long before;
	char byte;

	if (argc < 5 || !(suite = suite_by_name(argv[3]))) {
		fprintf(stderr, "relay_host LOOP TRANSFORM SUITE CALLS "
				"[WORKERS]\n");
		return 2;
	}
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	calls = (unsigned)strtoul(argv[4], NULL, 10);
	if (libsrtp2_start())
		return 1;
	read_settings(&h, argv, argc > 5 ? (unsigned)atoi(argv[5]) : 1);
	open_control(&h);
	make_call(&h, 0, suite);
	before = resident_kb();
	for (unsigned i = 1; i < calls; i++)
		make_call(&h, i, suite);
	fprintf(stderr, "# %s: %ld bytes a stream\n",
		control_loop(h.control), calls < 2 ? 0 :
		(resident_kb() - before) * 1024 / (long)(calls - 1));
	printf("ready\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	control_free(h.control);
	libsrtp2_stop();
	return 0;
}
