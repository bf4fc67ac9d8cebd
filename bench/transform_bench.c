/* transform_bench.c - ns a packet of the transforms, side by side.
 *
 * Columns, all on the same packets (RTP header, PAYLOAD bytes):
 *   floor      the fewest raw OpenSSL calls for the same bytes, without any
 *              check, in this file; HMAC with the deprecated SHA1_ calls
 *   evp        the transform alone
 *   evp+index  with parsing and indexes: all the relay does for a packet
 *   libsrtp2   the other transform, parsing and replay list its own
 * Each round runs every column once, in turning order, so that a slow moment
 * of the machine hits all of them; medians of thread CPU time are told, and
 * ratios to the floor. With it: bytes of heap and time to open for a key.
 *
 * usage: transform_bench [ROUNDS [PAYLOAD [COLUMNS]]]
 * COLUMNS 3 leaves libsrtp2 out, which empties the caches for the others. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "daemon/base/secret.h"
#include "daemon/relay/index.h"
#include "daemon/relay/rtp.h"
#include "modules/srtp/session.h"
#include "modules/srtp/transforms.h"

#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 1000 /* packets timed at once */
#define ROOM 1600
#define SESSIONS_MAX 1000
#define ROUNDS_MAX 1001

/* -- the floor ------------------------------------------------------------ */

struct floor {
	EVP_CIPHER_CTX *cipher, *mask; /* mask: f8 only */
	SHA_CTX inner, outer;
	struct session s;
	const struct suite_info *suite;
};

static const EVP_CIPHER *floor_cipher(const struct suite_info *s)
{
	if (s->aead)
		return s->key_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
	if (s->f8)
		return EVP_aes_128_cbc();
	return s->key_len == 32 ? EVP_aes_256_ctr() :
	       s->key_len == 24 ? EVP_aes_192_ctr() : EVP_aes_128_ctr();
}

static void floor_mask(struct floor *f)
{
	uint8_t key[16];

	memset(key, 0x55, sizeof key);
	memcpy(key, f->s.salt, 14);
	for (int i = 0; i < 16; i++)
		key[i] ^= f->s.key[i];
	f->mask = EVP_CIPHER_CTX_new();
	EVP_EncryptInit_ex(f->mask, EVP_aes_128_ecb(), NULL, key, NULL);
	EVP_CIPHER_CTX_set_padding(f->mask, 0);
	EVP_CIPHER_CTX_set_padding(f->cipher, 0);
}

static void floor_open(struct floor *f, const struct srtp_key *k, int send)
{
	struct session rtcp;
	uint8_t in[64], out[64];

	memset(f, 0, sizeof *f);
	f->suite = suite_info(k->suite);
	session_derive(k, &f->s, &rtcp);
	f->cipher = EVP_CIPHER_CTX_new();
	EVP_CipherInit_ex(f->cipher, floor_cipher(f->suite), NULL, f->s.key,
			  NULL, send || !f->suite->aead);
	if (f->suite->f8)
		floor_mask(f);
	memset(in, 0x36, sizeof in);
	memset(out, 0x5c, sizeof out);
	for (int i = 0; i < SESSION_AUTH_MAX; i++) {
		in[i] ^= f->s.auth[i];
		out[i] ^= f->s.auth[i];
	}
	SHA1_Init(&f->inner);
	SHA1_Update(&f->inner, in, sizeof in);
	SHA1_Init(&f->outer);
	SHA1_Update(&f->outer, out, sizeof out);
}

static void floor_ctr(struct floor *f, uint8_t *p, size_t len, uint64_t index)
{
	uint8_t iv[16] = { 0 };
	int n;

	memcpy(iv, f->s.salt, 14);
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= p[8 + i];
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	EVP_CipherInit_ex(f->cipher, NULL, NULL, NULL, iv, -1);
	EVP_CipherUpdate(f->cipher, p + 12, &n, p + 12, (int)len - 12);
}

static void floor_f8(struct floor *f, uint8_t *p, size_t len, uint64_t index)
{
	static const uint8_t zero[16];
	uint8_t iv[16] = { 0 }, stream[ROOM];
	int n, whole = (int)(len - 12 + 15) / 16 * 16;

	memcpy(iv + 1, p + 1, 11);
	for (int i = 0; i < 4; i++)
		iv[12 + i] = (uint8_t)(index >> (40 - 8 * i));
	EVP_CipherUpdate(f->mask, iv, &n, iv, 16);
	for (int i = 0; i < whole; i += 16) {
		memcpy(stream + i, iv, 16);
		stream[i + 15] ^= (uint8_t)(i / 16);
	}
	EVP_CipherInit_ex(f->cipher, NULL, NULL, NULL, zero, -1);
	EVP_CipherUpdate(f->cipher, stream, &n, stream, whole);
	for (size_t i = 12; i < len; i++)
		p[i] ^= stream[i - 12];
}

static void floor_crypt(struct floor *f, uint8_t *p, size_t len,
			uint64_t index)
{
	if (f->suite->f8)
		floor_f8(f, p, len, index);
	else
		floor_ctr(f, p, len, index);
}

static void floor_hmac(struct floor *f, const uint8_t *p, size_t len,
		       uint64_t index, uint8_t *out)
{
	uint8_t roc[4] = { (uint8_t)(index >> 40), (uint8_t)(index >> 32),
			   (uint8_t)(index >> 24), (uint8_t)(index >> 16) };
	SHA_CTX c = f->inner;

	SHA1_Update(&c, p, len);
	SHA1_Update(&c, roc, 4);
	SHA1_Final(out, &c);
	c = f->outer;
	SHA1_Update(&c, out, 20);
	SHA1_Final(out, &c);
}

static int floor_gcm(struct floor *f, uint8_t *p, size_t len, uint64_t index,
		     int send)
{
	uint8_t iv[12] = { 0 };
	int n;

	memcpy(iv + 2, p + 8, 4);
	for (int i = 0; i < 6; i++)
		iv[6 + i] = (uint8_t)(index >> (40 - 8 * i));
	for (int i = 0; i < 12; i++)
		iv[i] ^= f->s.salt[i];
	EVP_CipherInit_ex(f->cipher, NULL, NULL, NULL, iv, -1);
	EVP_CipherUpdate(f->cipher, NULL, &n, p, 12);
	if (!send)
		EVP_CIPHER_CTX_ctrl(f->cipher, EVP_CTRL_AEAD_SET_TAG, 16,
				    p + len);
	EVP_CipherUpdate(f->cipher, p + 12, &n, p + 12, (int)len - 12);
	if (EVP_CipherFinal_ex(f->cipher, p + len, &n) != 1)
		return -1;
	if (send)
		EVP_CIPHER_CTX_ctrl(f->cipher, EVP_CTRL_AEAD_GET_TAG, 16,
				    p + len);
	return 0;
}

static int floor_protect(struct floor *f, uint8_t *p, size_t *len,
			 uint64_t index)
{
	uint8_t tag[20];
	int r = 0;

	if (f->suite->aead) {
		r = floor_gcm(f, p, *len, index, 1);
	} else {
		floor_crypt(f, p, *len, index);
		floor_hmac(f, p, *len, index, tag);
		memcpy(p + *len, tag, f->suite->rtp_tag_len);
	}
	*len += f->suite->rtp_tag_len;
	return r;
}

static int floor_unprotect(struct floor *f, uint8_t *p, size_t *len,
			   uint64_t index)
{
	uint8_t tag[20];

	*len -= f->suite->rtp_tag_len;
	if (f->suite->aead)
		return floor_gcm(f, p, *len, index, 0);
	floor_hmac(f, p, *len, index, tag);
	if (!equal_ct(tag, p + *len, f->suite->rtp_tag_len))
		return -1;
	floor_crypt(f, p, *len, index);
	return 0;
}

/* -- the columns ---------------------------------------------------------- */

enum column { FLOOR, EVP, EVP_INDEX, LIBSRTP2, COLUMNS };

static const char *const names[] = { "floor", "evp", "evp+index", "libsrtp2" };

struct one {
	struct floor send_floor, recv_floor;
	struct transform_key *send, *recv;
	struct index_tx tx;
	struct index_rx rx;
};

/* Packets lie close together, so that not they but the keys are cold. */
static struct {
	size_t len;
	uint8_t *data;
} pkts[BATCH];
static uint8_t bytes[BATCH * ROOM];

static size_t payload = 160;
static int rounds = 21, columns = COLUMNS;

static const struct transform *transform_of(enum column c)
{
	return c == LIBSRTP2 ? &libsrtp2_transform : &evp_transform;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "transform_bench: %s failed\n", what);
	exit(1);
}

static struct srtp_key key_of(unsigned suite, size_t n)
{
	const struct suite_info *info = suite_info(suite);
	struct srtp_key k = { .suite = (uint16_t)suite,
			      .key_len = info->key_len,
			      .salt_len = info->salt_len };

	memset(k.key, 0x55, k.key_len);
	memcpy(k.key, &n, sizeof n);
	memset(k.salt, 0x33, k.salt_len);
	return k;
}

static struct one *open_all(enum column c, unsigned suite, size_t sessions)
{
	struct one *all = calloc(sessions, sizeof *all);

	for (size_t i = 0; all && i < sessions; i++) {
		struct srtp_key k = key_of(suite, i);

		floor_open(&all[i].send_floor, &k, 1);
		floor_open(&all[i].recv_floor, &k, 0);
		index_tx_init(&all[i].tx, 1);
		index_rx_init(&all[i].rx);
		if (transform_of(c)->open(&k, 1, &all[i].send) ||
		    transform_of(c)->open(&k, 0, &all[i].recv))
			die("open");
	}
	if (!all)
		die("calloc");
	return all;
}

static void close_all(enum column c, struct one *all, size_t sessions)
{
	for (size_t i = 0; i < sessions; i++) {
		EVP_CIPHER_CTX_free(all[i].send_floor.cipher);
		EVP_CIPHER_CTX_free(all[i].recv_floor.cipher);
		EVP_CIPHER_CTX_free(all[i].send_floor.mask);
		EVP_CIPHER_CTX_free(all[i].recv_floor.mask);
		transform_of(c)->close(all[i].send);
		transform_of(c)->close(all[i].recv);
	}
	free(all);
}

/* The n-th packet since the start belongs to session n % sessions. */
static uint64_t index_of(uint64_t n, size_t sessions)
{
	return 1 + n / sessions;
}

static void fill(uint64_t first, size_t sessions)
{
	for (size_t i = 0; i < BATCH; i++) {
		uint8_t *p = bytes + i * (12 + payload + TRANSFORM_ROOM);

		pkts[i].data = p;
		memset(p, 0, 12);
		p[0] = 0x80;
		rtp_put_seq(p, (uint16_t)index_of(first + i, sessions));
		rtp_put_ssrc(p, 0x12345678);
		for (size_t j = 0; j < payload; j++)
			p[12 + j] = (uint8_t)(i * 7 + j);
		pkts[i].len = 12 + payload;
	}
}

static int protect(enum column c, struct one *o, size_t i, uint64_t index)
{
	uint8_t *p = pkts[i].data;
	struct rtp h;
	bool moved;

	if (c == FLOOR)
		return floor_protect(&o->send_floor, p, &pkts[i].len, index);
	if (c != EVP_INDEX)
		return transform_of(c)->protect_rtp(o->send, p, &pkts[i].len,
						    12, index);
	if (rtp_parse(p, pkts[i].len, &h) ||
	    index_tx_rtp(&o->tx, h.ssrc, h.seq, &index, &moved))
		return -1;
	return evp_transform.protect_rtp(o->send, p, &pkts[i].len, h.hdr_len,
					 index);
}

static int unprotect(enum column c, struct one *o, size_t i, uint64_t index)
{
	uint8_t *p = pkts[i].data;
	struct rtp h;

	if (c == FLOOR)
		return floor_unprotect(&o->recv_floor, p, &pkts[i].len, index);
	if (c != EVP_INDEX)
		return transform_of(c)->open_rtp(o->recv, p, &pkts[i].len, 12,
						 index);
	if (rtp_parse_sealed(p, pkts[i].len, &h) ||
	    index_rx_rtp(&o->rx, h.ssrc, h.seq, &index) ||
	    evp_transform.open_rtp(o->recv, p, &pkts[i].len, h.hdr_len, index))
		return -1;
	return index_rx_rtp_done(&o->rx, h.ssrc, index);
}

typedef int (*step_fn)(enum column c, struct one *o, size_t i, uint64_t index);

/* ns a packet for one batch. */
static double timed(enum column c, struct one *all, size_t sessions,
		    uint64_t first, step_fn step)
{
	double start = now_ns();

	for (size_t i = 0; i < BATCH; i++)
		if (step(c, &all[(first + i) % sessions], i,
			 index_of(first + i, sessions)))
			die(names[c]);
	return (now_ns() - start) / BATCH;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, (size_t)rounds, sizeof *v, by_value);
	return v[rounds / 2];
}

/* A digest of the batch: all columns must make the same bytes. */
static uint64_t batch_sum(void)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < BATCH; i++)
		for (size_t j = 0; j < pkts[i].len; j++)
			sum = (sum ^ pkts[i].data[j]) * 1099511628211u;
	return sum;
}

/* libsrtp2 is the last column, and does not do every suite. */
static int columns_of(unsigned suite)
{
	return columns == COLUMNS && !libsrtp2_does(suite) ? LIBSRTP2 : columns;
}

static void print_row(unsigned suite, size_t sessions, const char *what,
		      double v[COLUMNS][ROUNDS_MAX])
{
	double base = median(v[FLOOR]);

	printf("%-24s %5zu %-8s %6.0f", suite_info(suite)->name, sessions, what,
	       base);
	for (int c = EVP; c < columns_of(suite); c++)
		printf("  %6.0f %5.2f", median(v[c]), median(v[c]) / base);
	printf("\n");
}

static void run(unsigned suite, size_t sessions)
{
	static double prot[COLUMNS][ROUNDS_MAX], open[COLUMNS][ROUNDS_MAX];
	struct one *all[COLUMNS];
	uint64_t sums[COLUMNS], n = 0;
	const int of = columns_of(suite);

	for (int c = 0; c < of; c++)
		all[c] = open_all((enum column)c, suite, sessions);
	/* round -1 warms caches up and is not counted */
	for (int r = -1; r < rounds; r++, n += BATCH) {
		for (int i = 0; i < of; i++) {
			int to = r < 0 ? 0 : r, c = (i + to) % of;

			fill(n, sessions);
			prot[c][to] = timed((enum column)c, all[c], sessions,
					    n, protect);
			sums[c] = batch_sum();
			open[c][to] = timed((enum column)c, all[c], sessions,
					    n, unprotect);
		}
		for (int c = 1; c < of; c++)
			if (sums[c] != sums[0])
				die("comparing the bytes");
	}
	print_row(suite, sessions, "protect", prot);
	print_row(suite, sessions, "open", open);
	for (int c = 0; c < of; c++)
		close_all((enum column)c, all[c], sessions);
}

/* Heap and time of one key, from SESSIONS_MAX of them. */
static void run_keys(unsigned suite, enum column c, int send)
{
	static struct transform_key *keys[SESSIONS_MAX];
	const struct transform *how = transform_of(c);
	size_t before = mallinfo2().uordblks, heap;
	double start = now_ns(), open_ns, close_ns;

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		struct srtp_key k = key_of(suite, i);

		if (how->open(&k, send, &keys[i]))
			die("open");
	}
	open_ns = now_ns() - start;
	heap = mallinfo2().uordblks - before;
	start = now_ns();
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		how->close(keys[i]);
	close_ns = now_ns() - start;
	printf("%-24s %-8s %-7s %6zu bytes  open %5.1f us  close %5.1f us\n",
	       suite_info(suite)->name, how->name, send ? "send" : "receive",
	       heap / SESSIONS_MAX, open_ns / 1e3 / SESSIONS_MAX,
	       close_ns / 1e3 / SESSIONS_MAX);
}

/* A rate of 1: each packet has session keys of its own. */
static void run_rate(unsigned suite)
{
	static double v[ROUNDS_MAX];
	struct srtp_key k = key_of(suite, 1);
	struct one o = { .send = NULL };

	k.kdr = 1;
	if (evp_transform.open(&k, 1, &o.send))
		die("open");
	for (int r = 0; r < rounds; r++) {
		uint64_t n = (uint64_t)r * BATCH;

		fill(n, 1);
		v[r] = timed(EVP, &o, 1, n, protect);
	}
	printf("%-24s %6.0f\n", suite_info(suite)->name, median(v));
	evp_transform.close(o.send);
}

int main(int argc, char **argv)
{
	static const size_t counts[] = { 1, 10, 100, SESSIONS_MAX };

	if (argc > 1)
		rounds = atoi(argv[1]);
	if (argc > 2)
		payload = (size_t)atoi(argv[2]);
	if (argc > 3)
		columns = atoi(argv[3]);
	if (rounds < 1 || rounds > ROUNDS_MAX || payload > ROOM - 64 ||
	    columns < 1 || columns > COLUMNS || libsrtp2_start())
		die("starting");
	printf("ns a packet, %zu bytes of payload, medians of %d rounds\n"
	       "%-24s %5s %-8s %6s", payload, rounds, "suite", "keys", "",
	       names[FLOOR]);
	for (int c = EVP; c < columns; c++)
		printf("  %6s ratio", names[c]);
	printf("\n");
	for (unsigned s = 1; s < SUITE_COUNT; s++)
		for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
			run(s, counts[i]);
	printf("\na key, mean of %d\n", SESSIONS_MAX);
	for (unsigned s = 1; s < SUITE_COUNT; s++) {
		run_keys(s, EVP, 1);
		run_keys(s, EVP, 0);
		if (libsrtp2_does(s))
			run_keys(s, LIBSRTP2, 1);
	}
	printf("\nevp, ns to protect a packet with new session keys\n");
	for (unsigned s = 1; s < SUITE_COUNT; s++)
		run_rate(s);
	libsrtp2_stop();
	return 0;
}
