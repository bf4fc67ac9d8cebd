/* load.c - media for a relay: both ends of every call of a flow file (see
 * flows.h) send a packet of 160 bytes each 20 ms and check what arrives.
 *
 *   relay_load FLOWS PID[,PID] SECONDS
 *
 * Prints one JSON object: packets, losses, what was wrong, the relay's time
 * on the CPU for each packet that it forwarded (all threads of the PIDs, user
 * and system, from /proc), and latencies. It spins, so that the relay does not
 * pay for waking it; give it a CPU of its own. */
#include "bench/relay/flows.h"
#include "daemon/base/clock.h"
#include "daemon/relay/index.h"
#include "daemon/relay/rtp.h"
#include "modules/srtp/transforms.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAYLOAD 160
#define LENGTH (RTP_HEADER_LEN + PAYLOAD)
#define INTERVAL_US 20000
#define WARM_US 1000000
#define ROOM 2048
#define LATENCIES 5000 /* steps of 10 us */

struct end {
	struct call *call;
	int fd;
	struct sockaddr_storage to;
	socklen_t to_len;
	bool sealed;
	uint64_t index;
};

struct call {
	struct end end[2]; /* by face */
	struct transform_key *send, *recv; /* the far end's */
	struct index_rx rx;
};

struct load {
	struct call *calls;
	unsigned n;
	int epoll;
	bool counting;
	uint64_t sent, received, bad;
	uint32_t late[LATENCIES];
};

static uint64_t now_us(void)
{
	return clock_mono_us(&clock_system);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void end_open(struct load *l, struct end *e, struct call *c,
		     const struct addr *here, const struct addr *to)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = e };
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(here, &sa);
	int size = 1 << 18;

	e->call = c;
	e->index = 1;
	e->to_len = addr_to_sockaddr(to, &e->to);
	e->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (e->fd < 0 || bind(e->fd, (struct sockaddr *)&sa, len) ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, e->fd, &ev))
		die("socket");
}

static void call_open(struct load *l, struct call *c, const struct flow *f)
{
	end_open(l, &c->end[INSIDE], c, &f->phone, &f->relay[INSIDE]);
	end_open(l, &c->end[OUTSIDE], c, &f->far, &f->relay[OUTSIDE]);
	c->end[OUTSIDE].sealed = true;
	if (evp_transform.open(&f->key[KEY_RECV], 1, &c->send) ||
	    evp_transform.open(&f->key[KEY_SEND], 0, &c->recv))
		die("keys");
	index_rx_init(&c->rx);
}

static void load_open(struct load *l, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[1024];
	struct flow flow;
	unsigned room = 0;

	while (f && fgets(line, sizeof line, f))
		room++;
	l->calls = calloc(room + 1, sizeof *l->calls);
	l->epoll = epoll_create1(0);
	if (!f || !l->calls || l->epoll < 0)
		die(path);
	for (rewind(f); fgets(line, sizeof line, f);)
		if (flow_parse(line, &flow) == 1)
			call_open(l, &l->calls[l->n++], &flow);
	fclose(f);
}

static void send_one(struct load *l, struct end *e)
{
	uint8_t pkt[ROOM] = { 0x80 };
	uint64_t at = now_us();
	size_t len = LENGTH;

	memset(pkt + RTP_HEADER_LEN, e->sealed ? 's' : 'p', PAYLOAD);
	rtp_put_seq(pkt, (uint16_t)e->index);
	rtp_put_timestamp(pkt, (uint32_t)e->index * 160);
	rtp_put_ssrc(pkt, (uint32_t)e->fd);
	memcpy(pkt + RTP_HEADER_LEN, &at, sizeof at);
	if (e->sealed &&
	    evp_transform.protect_rtp(e->call->send, pkt, &len, RTP_HEADER_LEN,
				      e->index))
		die("protect");
	e->index++;
	if (sendto(e->fd, pkt, len, 0, (struct sockaddr *)&e->to,
		   e->to_len) == (ssize_t)len)
		l->sent += l->counting;
}

/* What the far end got: opens it in place. */
static bool opens(struct call *c, uint8_t *pkt, size_t *len)
{
	uint64_t index;
	struct rtp h;

	return !rtp_parse_sealed(pkt, *len, &h) &&
	       !index_rx_rtp(&c->rx, h.ssrc, h.seq, &index) &&
	       !evp_transform.open_rtp(c->recv, pkt, len, h.hdr_len, index) &&
	       !index_rx_rtp_done(&c->rx, h.ssrc, index);
}

static void receive_one(struct load *l, struct end *e)
{
	uint8_t pkt[ROOM];
	ssize_t n = recv(e->fd, pkt, sizeof pkt, 0);
	size_t len = n > 0 ? (size_t)n : 0;
	uint64_t at, late;

	if (!len || !l->counting)
		return;
	if ((e->sealed && !opens(e->call, pkt, &len)) || len != LENGTH ||
	    pkt[LENGTH - 1] != (e->sealed ? 'p' : 's')) {
		l->bad++;
		return;
	}
	memcpy(&at, pkt + RTP_HEADER_LEN, sizeof at);
	late = (now_us() - at) / 10;
	l->received++;
	l->late[late < LATENCIES ? late : LATENCIES - 1]++;
}

static void drain(struct load *l)
{
	struct epoll_event ev[64];
	int n = epoll_wait(l->epoll, ev, 64, 0);

	for (int i = 0; i < n; i++)
		receive_one(l, ev[i].data.ptr);
}

/* Ends take turns, spread evenly over each interval. */
static void run(struct load *l, uint64_t for_us)
{
	uint64_t start = now_us(), n_ends = 2 * (uint64_t)l->n, k = 0;

	for (;;) {
		uint64_t gone = now_us() - start;

		if (gone > for_us)
			return;
		for (; k * INTERVAL_US / n_ends <= gone; k++) {
			struct call *c = &l->calls[k % n_ends / 2];

			send_one(l, &c->end[k % 2]);
		}
		drain(l);
	}
}

/* Nanoseconds on the CPU of all threads of a process. */
static uint64_t cpu_of(const char *pid)
{
	char path[300];
	unsigned long long ns, sum = 0;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%s/task", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid,
			 d->d_name);
		f = d->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (f && fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static uint64_t cpu_of_all(const char *pids)
{
	char copy[256], *save;
	uint64_t sum = 0;

	snprintf(copy, sizeof copy, "%s", pids);
	for (char *p = strtok_r(copy, ",", &save); p;
	     p = strtok_r(NULL, ",", &save))
		sum += cpu_of(p);
	return sum;
}

static unsigned late_at(const struct load *l, unsigned per_mille)
{
	uint64_t left = l->received * per_mille / 1000;
	unsigned i = 0;

	for (; i < LATENCIES - 1 && left > l->late[i]; i++)
		left -= l->late[i];
	return i * 10;
}

int main(int argc, char **argv)
{
	static struct load l;
	struct rlimit files;
	uint64_t cpu;

	if (argc != 4) {
		fprintf(stderr, "relay_load FLOWS PID[,PID] SECONDS\n");
		return 2;
	}
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	load_open(&l, argv[1]);
	run(&l, WARM_US);
	l.counting = true;
	cpu = cpu_of_all(argv[2]);
	run(&l, strtoull(argv[3], NULL, 10) * 1000000);
	cpu = cpu_of_all(argv[2]) - cpu;
	for (uint64_t until = now_us() + 100000; now_us() < until;)
		drain(&l);
	printf("{\"calls\": %u, \"sent\": %llu, \"received\": %llu, "
	       "\"bad\": %llu, \"cpu_ns\": %.0f, \"p50_us\": %u, "
	       "\"p99_us\": %u}\n", l.n, (unsigned long long)l.sent,
	       (unsigned long long)l.received, (unsigned long long)l.bad,
	       l.received ? (double)cpu / (double)l.received : 0,
	       late_at(&l, 500), late_at(&l, 990));
	return 0;
}
