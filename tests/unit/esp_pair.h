/* esp_pair.h - the terms of two gateways that key one or more tunnels, for both
 * kinds of pair (mikey_pair.h, cert_pair.h). Include after cmocka.h. */
#ifndef CALLSEAL_TEST_ESP_PAIR_H
#define CALLSEAL_TEST_ESP_PAIR_H

#include "daemon/keeper/keying.h"

#include <string.h>

struct esp_side {
	enum esp_suite suites[4];
	struct esp_end near[ESP_TUNNELS_MAX];
	struct net nets[2];
	struct esp_terms t;
};

/* a is the offerer's, b the answerer's. */
struct esp_sides {
	struct esp_side a, b;
};

static inline struct esp_end esp_host(const char *at, uint32_t spi)
{
	struct esp_end e = { .spi = spi, .n = 1 };

	assert_int_equal(addr_parse(at, &e.at), 0);
	e.sel[0].net.base = e.at;
	e.sel[0].net.base.port = 0;
	e.sel[0].net.bits = e.at.family == 4 ? 32 : 128;
	return e;
}

static inline struct esp_end esp_line(const char *at, uint32_t spi,
				      uint16_t port)
{
	struct esp_end e = esp_host(at, spi);

	e.sel[0].protocol = 17;
	e.sel[0].port = port;
	e.sel[0].mask = 0xfffe;
	return e;
}

static inline struct esp_end esp_net(const char *at, uint32_t spi,
				     const char *net)
{
	struct esp_end e = esp_host(at, spi);

	assert_int_equal(net_parse(net, &e.sel[0].net), 0);
	return e;
}

static inline void esp_side_open(struct esp_side *s)
{
	s->suites[0] = ESP_AES_128_GCM;
	s->suites[1] = ESP_AES_256_GCM;
	s->suites[2] = ESP_AES_128_CBC_SHA256;
	s->suites[3] = ESP_AES_256_CBC_SHA256;
	s->t = (struct esp_terms){
		.suites = s->suites, .n_suites = 4, .mode = ESP_TRANSPORT,
		.scope = ESP_HOST, .n = 1, .near = s->near, .life_s = 3600,
		.window = 128, .nets = s->nets, .n_nets = 2,
	};
	assert_int_equal(net_parse("0.0.0.0/0", &s->nets[0]), 0);
	assert_int_equal(net_parse("::/0", &s->nets[1]), 0);
}

/* Two hosts, transport mode. */
static inline void esp_open(struct esp_sides *s)
{
	*s = (struct esp_sides){ .a = { .t = { .n = 0 } } };
	esp_side_open(&s->a);
	esp_side_open(&s->b);
	s->a.near[0] = esp_host("192.0.2.1", 0x1001);
	s->b.near[0] = esp_host("198.51.100.2", 0x2002);
}

/* The same with a line of media for each of n tunnels, by IPv6. */
static inline void esp_open_lines(struct esp_sides *s, size_t n)
{
	esp_open(s);
	for (size_t i = 0; i < n; i++) {
		uint32_t k = (uint32_t)i;

		s->a.near[i] = esp_line("2001:db8::1", 0x1001 + k,
					(uint16_t)(4000 + 2 * i));
		s->b.near[i] = esp_line("2001:db8::2", 0x2001 + k,
					(uint16_t)(6000 + 2 * i));
	}
	s->a.t.n = s->b.t.n = n;
	s->a.t.scope = s->b.t.scope = ESP_MEDIA;
}

/* Lines, whose tunnels IKE raises. */
static inline void esp_open_ike(struct esp_sides *s, size_t n)
{
	esp_open_lines(s, n);
	s->a.t.ike = s->b.t.ike = true;
	s->a.t.mode = s->b.t.mode = ESP_TUNNEL;
}

/* The same for a network behind each. */
static inline void esp_open_nets(struct esp_sides *s)
{
	esp_open(s);
	s->a.near[0] = esp_net("192.0.2.1", 0x1001, "10.1.0.0/16");
	s->b.near[0] = esp_net("198.51.100.2", 0x2002, "10.2.0.0/16");
	s->a.t.scope = s->b.t.scope = ESP_NET;
	s->a.t.mode = s->b.t.mode = ESP_TUNNEL;
	assert_int_equal(net_parse("10.2.0.0/15", &s->a.nets[0]), 0);
	assert_int_equal(net_parse("10.0.0.0/15", &s->b.nets[0]), 0);
	s->a.t.n_nets = s->b.t.n_nets = 1;
}

/* SRTP goes in the tunnels of both. */
static inline void esp_with_srtp(struct esp_sides *s)
{
	s->a.t.srtp = s->b.t.srtp = true;
}

static inline void esp_same_end(const struct esp_end *a,
				const struct esp_end *b)
{
	assert_int_equal(a->spi, b->spi);
	assert_true(addr_equal(&a->at, &b->at));
	assert_int_equal(a->natted, b->natted);
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct esp_selector *x = &a->sel[i], *y = &b->sel[i];

		assert_true(addr_equal(&x->net.base, &y->net.base));
		assert_int_equal(x->net.bits, y->net.bits);
		assert_int_equal(x->port, y->port);
		assert_int_equal(x->mask, y->mask);
		assert_int_equal(x->protocol, y->protocol);
	}
}

/* a offered. Both have the same key and name for each tunnel, none twice. */
static inline void esp_same_ike(const struct esp_result *a,
				const struct esp_result *b)
{
	assert_true(a->n > 0);
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->ike, TUNNEL_IKE_BEGINS);
	assert_int_equal(b->ike, TUNNEL_IKE_WAITS);
	assert_int_equal(a->suite, b->suite);
	for (size_t i = 0; i < a->n; i++) {
		const struct esp_tunnel *x = &a->tunnel[i], *y = &b->tunnel[i];
		const struct esp_key none = { .suite = (uint16_t)a->suite };

		assert_int_equal(x->in.suite, a->suite);
		assert_int_equal(x->in.key_len, TUNNEL_PSK);
		assert_int_equal(x->in.auth_len, TUNNEL_NAME);
		assert_int_equal(x->in.salt_len, 0);
		assert_memory_equal(&x->in, &y->in, sizeof x->in);
		assert_memory_equal(&x->out, &none, sizeof none);
		assert_memory_equal(&y->out, &none, sizeof none);
		esp_same_end(&x->near, &y->far);
		esp_same_end(&x->far, &y->near);
		assert_false(x->udp || y->udp);
		for (size_t k = 0; k < i; k++) {
			const struct esp_key *other = &a->tunnel[k].in;

			assert_memory_not_equal(x->in.key, other->key,
						TUNNEL_PSK);
			assert_memory_not_equal(x->in.auth, other->auth,
						TUNNEL_NAME);
		}
	}
}

/* Both ends have the same of everything, the other way round. */
static inline void esp_same(const struct esp_result *a,
			    const struct esp_result *b)
{
	assert_true(a->n > 0);
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->suite, b->suite);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->scope, b->scope);
	assert_int_equal(a->window, b->window);
	for (size_t i = 0; i < a->n; i++) {
		const struct esp_tunnel *x = &a->tunnel[i], *y = &b->tunnel[i];

		assert_memory_equal(&x->in, &y->out, sizeof x->in);
		assert_memory_equal(&x->out, &y->in, sizeof x->out);
		assert_memory_not_equal(x->in.key, x->out.key, x->in.key_len);
		esp_same_end(&x->near, &y->far);
		esp_same_end(&x->far, &y->near);
		assert_int_equal(x->udp, y->udp);
		assert_int_equal(x->in.suite, a->suite);
	}
}

/* The same of SRTP's keys, which have nothing in common with each other or with
 * those of the tunnels. */
static inline void esp_same_srtp(const struct keying_result *a,
				 const struct keying_result *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->facts.suite, b->facts.suite);
	for (size_t i = 0; i < a->n; i++) {
		const struct srtp_key *x = &a->send[i], *y = &a->recv[i];

		assert_memory_equal(x, &b->recv[i], sizeof *x);
		assert_memory_equal(y, &b->send[i], sizeof *y);
		assert_int_equal(x->suite, a->facts.suite);
		assert_int_equal(x->mki_len, 0);
		assert_memory_not_equal(x->key, y->key, 16);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(x->key, a->send[k].key, 16);
		for (size_t k = 0; k < a->esp.n; k++) {
			const struct esp_tunnel *t = &a->esp.tunnel[k];

			assert_memory_not_equal(x->key, t->in.key, 16);
			assert_memory_not_equal(x->key, t->out.key, 16);
			assert_memory_not_equal(y->key, t->in.key, 16);
		}
	}
}

#endif
