/* probe.c - one SA of each kind, added and deleted. See probe.h.
 *
 * Both requests are in one batch, which the kernel does within one system call:
 * a probe that is killed leaves nothing. */
#include "modules/xfrm/probe.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/xfrm/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct trial {
	enum esp_suite suite;
	uint8_t family;
	bool esn, encap;
	const char *name; /* for the log; NULL: of old peers, seldom missed */
};

static const struct trial trials[] = {
	{ ESP_AES_128_GCM, 4, false, false,
	  "AES-GCM-128 over IPv4" },
	{ ESP_AES_256_GCM, 4, false, false,
	  "AES-GCM-256 over IPv4" },
	{ ESP_AES_128_CBC_SHA256, 4, false, false,
	  "AES-CBC-128 with HMAC-SHA-256 over IPv4" },
	{ ESP_AES_256_CBC_SHA256, 4, false, false,
	  "AES-CBC-256 with HMAC-SHA-256 over IPv4" },
	{ ESP_AES_128_CBC_SHA1, 4, false, false, NULL },
	{ ESP_AES_256_CBC_SHA1, 4, false, false, NULL },
	{ ESP_3DES_CBC_SHA1, 4, false, false, NULL },
	{ ESP_AES_128_GCM, 6, false, false,
	  "AES-GCM-128 over IPv6" },
	{ ESP_AES_256_GCM, 6, false, false,
	  "AES-GCM-256 over IPv6" },
	{ ESP_AES_128_CBC_SHA256, 6, false, false,
	  "AES-CBC-128 with HMAC-SHA-256 over IPv6" },
	{ ESP_AES_256_CBC_SHA256, 6, false, false,
	  "AES-CBC-256 with HMAC-SHA-256 over IPv6" },
	{ ESP_AES_128_GCM, 4, true, false, "64-bit sequences with AES-GCM" },
	{ ESP_AES_128_CBC_SHA256, 4, true, false,
	  "64-bit sequences with AES-CBC" },
	{ ESP_AES_128_GCM, 4, false, true, "encapsulation in UDP" },
};
#define TRIALS (sizeof trials / sizeof *trials)

static int try_one(struct xfrm *x, const struct trial *t, int *error)
{
	struct ipsec_sa sa = { .mode = ESP_TUNNEL, .window = 32,
			     .esn = t->esn, .reqid = x->range.reqid_last };
	struct request q[2] = { { .kind = REQUEST_SA_ADD, .sa = &sa },
				{ .kind = REQUEST_SA_DELETE, .sa = &sa } };
	int done[2], r;

	r = addr_parse(t->family == 4 ? "192.0.2.1" : "2001:db8::1", &sa.src);
	if (!r)
		r = addr_parse(t->family == 4 ? "192.0.2.2" : "2001:db8::2",
			       &sa.dst);
	if (t->encap)
		sa.encap = (struct ipsec_encap){ 4501, 4501 };
	if (!r)
		r = xfrm_spi(x, &sa.spi);
	if (!r)
		r = ask_random_key(&sa.key, t->suite);
	if (!r)
		r = link_run(x->link, q, 2, done, NULL, NULL);
	wipe(&sa.key, sizeof sa.key);
	if (!r)
		*error = done[0];
	return r;
}

static void found(struct probe *out, const struct trial *t)
{
	if (t->esn)
		*(ipsec_algorithms(t->suite)->aead ? &out->esn_gcm
						   : &out->esn_cbc) = true;
	else if (t->encap)
		out->encap = true;
	else if (t->family == 4)
		out->ip4[t->suite] = true;
	else
		out->ip6[t->suite] = true;
}

static void missed(struct probe *out, const struct trial *t)
{
	size_t at = strlen(out->text);

	snprintf(out->text + at, sizeof out->text - at, "%s%s",
		 at ? ", " : "this kernel's ESP lacks ", t->name);
}

static int nothing_at_all(int error, struct xfrm_why *why)
{
	struct request q = { .kind = REQUEST_SA_ADD };
	char text[sizeof why->text];
	int r = ask_refused(why, &q, error, "");

	if (r == E_POLICY)
		return r;
	memcpy(text, why->text, sizeof text);
	ask_failed(why, 0, "this kernel has no ESP (modprobe esp4 esp6): %.*s",
		   (int)sizeof text - 64, text);
	why->error = error;
	return E_UNSUPPORTED;
}

int probe_all(struct xfrm *x, struct probe *out, struct xfrm_why *why)
{
	unsigned good = 0;
	int first = 0, error, r;

	*out = (struct probe){ 0 };
	for (size_t i = 0; i < TRIALS; i++) {
		r = try_one(x, &trials[i], &error);
		if (r)
			return ask_failed(why, r, "no answer from the kernel: "
					  "%s", err_text(r));
		if (error == EEXIST) /* somebody keys the documentation's */
			return ask_failed(why, E_EXISTS, "try again");
		if (!error)
			found(out, &trials[i]);
		else if (trials[i].name)
			missed(out, &trials[i]);
		good += !error;
		first = first ? first : error;
	}
	return good ? 0 : nothing_at_all(first, why);
}
