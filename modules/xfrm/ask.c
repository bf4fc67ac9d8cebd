/* ask.c - what raising, sweeping and probing share: asking the kernel, and
 * saying what it refused. See ask.h. */
#include "modules/xfrm/ask.h"

#include "daemon/base/err.h"
#include "daemon/base/secret.h"
#include "modules/xfrm/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void name_sa(const struct ipsec_sa *sa, char *out, size_t len)
{
	char to[ADDR_TEXT];

	snprintf(out, len, "SPI 0x%08x to %s", sa->spi,
		 addr_host(&sa->dst, to));
}

static void name_policy(const struct ipsec_policy *p, char *out, size_t len)
{
	static const char *const dirs[IPSEC_DIRS] = { "in", "out", "fwd" };
	const struct ipsec_selector *s = &p->sel;
	char from[ADDR_TEXT], to[ADDR_TEXT];

	snprintf(out, len, "%s %s/%u port %u/0x%x to %s/%u port %u/0x%x",
		 p->dir < IPSEC_DIRS ? dirs[p->dir] : "?",
		 addr_host(&s->src.base, from), s->src.bits, s->sport,
		 s->sport_mask, addr_host(&s->dst.base, to), s->dst.bits,
		 s->dport, s->dport_mask);
}

int ask_refused(struct xfrm_why *why, const struct request *q, int error,
		const char *said)
{
	const struct refusal *r = refusal_of(q->kind, error);
	char name[192] = "";

	if (q->sa)
		name_sa(q->sa, name, sizeof name);
	else if (q->policy)
		name_policy(q->policy, name, sizeof name);
	why->error = error;
	snprintf(why->text, sizeof why->text,
		 "cannot %s%s%s: %s (%s%s%s); %s", request_text(q->kind),
		 *name ? ", " : "", name, r->text, strerror(error),
		 *said ? ": " : "", said, r->cure);
	return r->code;
}

int ask_failed(struct xfrm_why *why, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	why->error = 0;
	return code;
}

int ask_random_key(struct esp_key *key, unsigned suite)
{
	const struct esp_suite_info *i = esp_suite_info(suite);
	struct secret s;
	int r = i ? secret_random(&s, sizeof key->key + sizeof key->salt +
				      sizeof key->auth)
		  : E_ARG;

	if (r)
		return r;
	*key = (struct esp_key){
		.suite = (uint16_t)suite, .key_len = i->key_len,
		.salt_len = i->salt_len, .auth_len = i->auth_len };
	memcpy(key->key, s.bytes, sizeof key->key);
	memcpy(key->salt, s.bytes + sizeof key->key, sizeof key->salt);
	memcpy(key->auth, s.bytes + sizeof key->key + sizeof key->salt,
	       sizeof key->auth);
	secret_wipe(&s);
	return 0;
}

int ask_dump(struct link *l, enum request_kind kind, link_fn fn, void *user,
	     struct xfrm_why *why)
{
	struct request q = { .kind = kind };
	int done = 0, r = link_run(l, &q, 1, &done, fn, user);

	if (r)
		return ask_failed(why, r, "cannot %s: %s", request_text(kind),
				  err_text(r));
	return done ? ask_refused(why, &q, done, "") : 0;
}

struct request ask_about(const struct ledger_record *r,
			 enum request_kind for_sa, enum request_kind for_policy)
{
	if (r->kind == LEDGER_SA)
		return (struct request){ .kind = for_sa, .sa = &r->sa };
	return (struct request){ .kind = for_policy, .policy = &r->policy };
}

static bool same_end(const struct addr *ours, const struct addr *seen)
{
	return !ours->family || addr_same_host(ours, seen);
}

bool ask_is(const struct ledger_record *r, const struct reply *seen)
{
	const struct ipsec_policy *a = &r->policy, *b = &seen->policy;

	if (r->kind == LEDGER_SA)
		return seen->kind == REPLY_SA && r->sa.spi == seen->sa.spi &&
		       r->sa.reqid == seen->sa.reqid &&
		       addr_same_host(&r->sa.dst, &seen->sa.dst);
	if (seen->kind != REPLY_POLICY || a->dir != b->dir ||
	    a->action != b->action || a->priority != b->priority ||
	    !ipsec_selector_equal(&a->sel, &b->sel))
		return false;
	return a->action != IPSEC_PROTECT ||
	       (a->reqid == b->reqid && a->mode == b->mode &&
		same_end(&a->src, &b->src) &&
		same_end(&a->dst, &b->dst));
}

/* -- removing ------------------------------------------------------------- */

static bool is_gone(int error)
{
	return !error || error == ESRCH || error == ENOENT;
}

/* One batch. What got no answer is asked for once more: the names are ours. */
static int remove_batch(struct xfrm *x, const uint32_t *slot, size_t n,
			struct xfrm_why *why)
{
	struct request q[LINK_BATCH];
	int done[LINK_BATCH], r = 0;

	for (size_t i = 0; i < n; i++)
		q[i] = ask_about(ledger_at(x->ledger, slot[i]),
				 REQUEST_SA_DELETE, REQUEST_POLICY_DELETE);
	if (link_run(x->link, q, n, done, NULL, NULL))
		r = link_run(x->link, q, n, done, NULL, NULL);
	if (r == E_NOMEM || r == E_IO)
		return ask_failed(why, E_IO, "cannot ask the kernel: %s",
				  err_text(r));
	for (size_t i = 0; i < n; i++) {
		if (done[i] == -1)
			r = ask_failed(why, E_IO, "no answer from the kernel");
		else if (!is_gone(done[i])) {
			ask_refused(why, &q[i], done[i], "");
			r = E_IO;
		} else {
			ledger_drop(x->ledger, slot[i]);
		}
	}
	return r;
}

static int remove_kind(struct xfrm *x, const uint32_t *slot, size_t n,
		       enum ledger_kind kind, struct xfrm_why *why)
{
	uint32_t some[LINK_BATCH];
	size_t have = 0;
	int r = 0, e;

	for (size_t i = 0; i <= n; i++) {
		const struct ledger_record *rec =
			i < n ? ledger_at(x->ledger, slot[i]) : NULL;

		if (rec && rec->kind == kind)
			some[have++] = slot[i];
		if (have == LINK_BATCH || (i == n && have)) {
			e = remove_batch(x, some, have, why);
			r = e ? e : r;
			have = 0;
		}
	}
	return r;
}

/* Policies first: one without its SA makes the kernel ask for an SA at the next
 * packet, and keep that wish for 30 s. */
int ask_remove(struct xfrm *x, const uint32_t *slot, size_t n,
	       struct xfrm_why *why)
{
	int r = remove_kind(x, slot, n, LEDGER_POLICY, why);
	int e = remove_kind(x, slot, n, LEDGER_SA, why);

	return r ? r : e;
}
