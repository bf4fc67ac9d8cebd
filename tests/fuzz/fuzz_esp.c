/* fuzz_esp.c - MIKEY messages that key ESP, as an offer to gateways of each
 * scope, with SRTP in it and without, and as the answer to an offer of theirs.
 * The MAC is set right, and in an answer what must be our own offer's, so that
 * what lies behind is reached; whatever is then accepted must be whole and
 * sound. */
#include "daemon/base/err.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/stamp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

#define PSK "0123456789abcdef"

static const enum esp_suite suites[] = {
	ESP_AES_128_GCM, ESP_AES_256_GCM, ESP_AES_128_CBC_SHA256,
	ESP_AES_256_CBC_SHA256, ESP_3DES_CBC_SHA1, ESP_AES_128_CBC_SHA1,
};

static const enum suite srtp[] = {
	SUITE_AEAD_AES_128_GCM, SUITE_AES_CM_128_HMAC_SHA1_80,
	SUITE_F8_128_HMAC_SHA1_80,
};
static const uint32_t ssrc[2] = { 0x11111111, 0x22222222 };

/* One gateway of each scope, two that have two lines of SRTP in it, and one for
 * whose lines IKE raises tunnels. */
#define GATEWAYS 6
#define BY_IKE 5

struct gateway {
	struct esp_end near[2];
	struct net nets[1];
	struct esp_terms esp;
};

static struct esp_end end(const char *at, uint32_t spi, const char *net)
{
	struct esp_end e = { .spi = spi, .n = 1 };

	must(!addr_parse(at, &e.at) && !net_parse(net, &e.sel[0].net));
	return e;
}

static void line(struct esp_end *e, uint16_t port)
{
	e->sel[0].protocol = 17;
	e->sel[0].port = port;
	e->sel[0].mask = 0xfffe;
}

static void gateways(struct gateway g[GATEWAYS])
{
	g[0].near[0] = end("198.51.100.2:4501", 0xb0b, "198.51.100.2");
	g[1].near[0] = end("2001:db8::2", 0x2001, "2001:db8::2");
	g[1].near[1] = end("2001:db8::2", 0x2002, "2001:db8::2");
	line(&g[1].near[0], 6000);
	line(&g[1].near[1], 6002);
	g[2].near[0] = end("198.51.100.2", 0x2002, "10.2.0.0/16");
	must(!net_parse("0.0.0.0/0", &g[0].nets[0]));
	must(!net_parse("10.0.0.0/8", &g[2].nets[0]));
	for (size_t i = 0; i < 3; i++)
		g[i].esp = (struct esp_terms){
			.suites = suites, .n_suites = 6,
			.mode = i == 2 ? ESP_TUNNEL : ESP_TRANSPORT,
			.scope = i == 0 ? ESP_HOST : i == 1 ? ESP_MEDIA
							    : ESP_NET,
			.n = i == 1 ? 2 : 1, .near = g[i].near,
			.life_s = 3600, .window = 64,
			.nets = g[i].nets, .n_nets = i != 1,
		};
	for (size_t i = 3; i < BY_IKE; i++) {
		g[i] = g[i - 3];
		g[i].esp.near = g[i].near;
		g[i].esp.nets = g[i].nets;
		g[i].esp.n_suites = 4; /* without those of old peers */
		g[i].esp.srtp = true;
	}
	g[BY_IKE] = g[1];
	g[BY_IKE].esp.near = g[BY_IKE].near;
	g[BY_IKE].esp.ike = true;
	g[BY_IKE].esp.mode = ESP_TUNNEL;
}

/* IKE has one key of each tunnel, the kernel one of each direction. */
static void check_keys(const struct esp_result *res, const struct esp_tunnel *x)
{
	static const uint8_t none[ESP_KEY_MAX];

	must(x->in.suite == res->suite && x->out.suite == res->suite);
	if (!res->ike) {
		must(x->in.key_len >= 16);
		must(memcmp(x->in.key, x->out.key, x->in.key_len));
		return;
	}
	must(x->in.key_len == TUNNEL_PSK && x->in.auth_len == TUNNEL_NAME);
	must(memcmp(x->in.key, none, sizeof none));
	must(!memcmp(x->out.key, none, sizeof none));
	must(!x->udp && !x->far.at.port);
}

static void check_result(const struct esp_terms *t,
			 const struct keying_result *res, int r,
			 const struct keying_fault *fault)
{
	const char *why;

	must(r ? !res->esp.n && !res->n && fault->text[0]
	       : res->esp.n == t->n && res->n == (t->srtp ? 2 : 0));
	for (size_t i = 0; i < res->n; i++) {
		const struct srtp_key *k = &res->send[i];

		must(k->suite == res->facts.suite && suite_info(k->suite));
		must(k->key_len >= 16 && !k->mki_len);
		must(memcmp(k->key, res->recv[i].key, k->key_len));
		must(memcmp(k->key, res->esp.tunnel[0].out.key, 16));
	}
	for (size_t i = 0; i < res->esp.n; i++) {
		const struct esp_tunnel *x = &res->esp.tunnel[i];

		must(!esp_end_check(&x->far, t->scope, t->mode, &why));
		must(x->near.spi == t->near[i].spi);
		must(!addr_same_host(&x->far.at, &x->near.at));
		must(!esp_selectors_meet(&x->far.sel[0], &x->near.sel[0]));
		must(!res->esp.ike == !t->ike);
		check_keys(&res->esp, x);
	}
}

static struct keying_terms terms_of(const struct secret *psk,
				    const struct esp_terms *esp)
{
	return (struct keying_terms){
		.local_id = "sip:bob@b.example",
		.remote_id = "sip:alice@a.example",
		.psk = psk, .esp = esp, .wall_us = 1900000000000000,
		.window_us = 300000000, .legacy = true,
		.suites = srtp, .n_suites = 3, .n = 2, .ssrc = ssrc,
	};
}

/* m as an offer, its KEMAC right. */
static void answer(const struct mikey_message *of, const struct secret *psk,
		   const struct esp_terms *esp)
{
	struct keying_terms t = terms_of(psk, esp);
	struct buf offer = buf_of(KEYING_MAX), out = buf_of(KEYING_MAX);
	const struct mikey_payload *stamp = mikey_find(of, MIKEY_T, 0);
	const struct mikey_payload *rand = mikey_find(of, MIKEY_RAND, 0);
	struct mikey_root root = { .prf = of->prf, .csb_id = of->csb_id };
	struct keying_result res = { .n = 0 };
	struct keying_fault fault = { "" };
	struct mikey_message m = *of;
	struct mikey_psk_keys keys;
	int r;

	if (!m.n || m.payload[m.n - 1].type != MIKEY_KEMAC || !rand)
		return;
	root.rand = rand->data;
	if (mikey_psk_derive(psk, &root, m.payload[m.n - 1].kind,
			     m.payload[m.n - 1].mac_alg, &keys))
		return;
	if (stamp && stamp->data.len == 8) {
		struct reader in = reader_of(stamp->data.p, 8);

		t.wall_us = mikey_stamp_us(reader_u64(&in), t.wall_us);
	}
	if (!mikey_encode_maced(&m, &keys, &offer)) {
		r = mikey_psk.answer(&t, offer.data, offer.len, &out, &res,
				     &fault);
		check_result(esp, &res, r, &fault);
	}
	buf_free(&offer);
	buf_free(&out);
}

/* Makes an answer one to that offer: bundle, time, our own ends, V. */
static int fit(const struct mikey_message *offer, const struct secret *psk,
	       const struct keying_terms *t, struct mikey_message *m,
	       struct buf *out)
{
	static const uint8_t zero[MIKEY_HASH_MAX];
	struct mikey_payload *v = m->n ? &m->payload[m->n - 1] : NULL;
	const struct mikey_payload *id = mikey_find(m, MIKEY_ID, 0);
	const struct mikey_covered also = {
		.id_i = { (const uint8_t *)t->local_id, strlen(t->local_id) },
		.id_r = id ? id->data : (struct mikey_bytes){
			(const uint8_t *)t->remote_id, strlen(t->remote_id) },
		.stamp = mikey_find(offer, MIKEY_T, 0)->data,
	};
	struct mikey_root root = {
		.csb_id = offer->csb_id,
		.rand = mikey_find(offer, MIKEY_RAND, 0)->data,
	};
	struct mikey_psk_keys keys;

	if (!v || v->type != MIKEY_V ||
	    mikey_psk_derive(psk, &root, MIKEY_ENCR_AES_CM_128,
			     MIKEY_MAC_SHA1, &keys))
		return E_UNSUPPORTED;
	v->kind = MIKEY_MAC_SHA1;
	v->data = (struct mikey_bytes){ zero, keys.auth_len };
	m->csb_id = offer->csb_id;
	m->prf = offer->prf;
	for (size_t i = 0; i < m->n; i++)
		if (m->payload[i].type == MIKEY_T)
			m->payload[i] = *mikey_find(offer, MIKEY_T, 0);
	for (size_t i = 0; i < m->n_cs && i < offer->n_cs &&
	     m->map == MIKEY_MAP_GENERIC; i++)
		if (offer->cs[i].data.len) {
			m->cs[i].spi = offer->cs[i].spi;
			m->cs[i].data = offer->cs[i].data;
		}
	return mikey_encode_verified(m, &keys, &also, out);
}

/* m as the answer to an offer of such a gateway. */
static void finish(const struct mikey_message *of, const struct secret *psk,
		   const struct esp_terms *esp)
{
	struct keying_terms t = terms_of(psk, esp);
	struct buf out = buf_of(KEYING_MAX), made = buf_of(KEYING_MAX);
	struct keying_result early, res = { .n = 0 };
	struct keying_fault fault = { "" };
	struct mikey_message m = *of, offer;
	struct keying_pending *p;
	int r;

	if (mikey_psk.offer(&t, &out, &p, &early, &fault))
		return;
	must(!mikey_decode(out.data, out.len, &offer));
	if (!fit(&offer, psk, &t, &m, &made)) {
		r = mikey_psk.finish(p, made.data, made.len, 0, &res, &fault);
		check_result(esp, &res, r, &fault);
	}
	mikey_psk.drop(p);
	buf_free(&out);
	buf_free(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mikey_message m;
	static struct gateway g[GATEWAYS];
	struct secret psk;

	if (!g[0].esp.n)
		gateways(g);
	secret_set(&psk, PSK, strlen(PSK));
	if (mikey_decode(data, size, &m))
		return 0;
	for (size_t i = 0; i < GATEWAYS; i++) {
		if (m.data_type == MIKEY_PSK_INIT)
			answer(&m, &psk, &g[i].esp);
		if (m.data_type == MIKEY_PSK_VERIFY)
			finish(&m, &psk, &g[i].esp);
	}
	return 0;
}
