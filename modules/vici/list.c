/* list.c - what charon has, for the operator: each CHILD_SA, ours or not, and
 * each IKE_SA without one. See list.h. */
#include "modules/vici/list.h"

#include "daemon/base/err.h"
#include "modules/vici/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD 64
#define SIDE 160 /* of a child's selectors */

struct listing {
	const char *prefix;
	standing_sa_fn each;
	standing_listed_fn done;
	void *user;
};

/* A row while it is shown: texts of charon's end without a NUL. */
struct row {
	struct standing_sa sa;
	char connection[VICI_NAME_MAX + 1], child[VICI_NAME_MAX + 1];
	char suite[2 * WORD + 16], local[SIDE], remote[SIDE];
};

static void copy(char *out, size_t len, struct vici_text t)
{
	snprintf(out, len, "%.*s", (int)t.len, t.p ? t.p : "");
}

static void write_suite(char *out, size_t len, const struct vici_child_sa *c)
{
	char cipher[WORD], integrity[WORD], bits[16] = "";

	copy(cipher, sizeof cipher, c->cipher);
	copy(integrity, sizeof integrity, c->integrity);
	if (c->cipher_bits)
		snprintf(bits, sizeof bits, "-%u", (unsigned)c->cipher_bits);
	snprintf(out, len, "%s%s%s%s", cipher, bits, *integrity ? "/" : "",
		 integrity);
}

/* What is odd, or too long, ends in "...". */
static void write_side(char *out, size_t len, const struct vici_selectors *s)
{
	char text[VICI_SELECTOR_TEXT];
	size_t n = 0;

	*out = 0;
	for (unsigned i = 0; i < s->n && n < len; i++)
		if (!vici_selector_text(&s->list[i], text))
			n += (size_t)snprintf(out + n, len - n, "%s%s",
					      i ? "," : "", text);
	if (n >= len || s->odd)
		strcpy(out + (n + 4 < len ? n : len - 4), "...");
}

static void show_child(const struct listing *l, struct row *r,
		       const struct vici_child_sa *c)
{
	struct standing_sa *sa = &r->sa;

	copy(r->child, sizeof r->child, c->name);
	write_suite(r->suite, sizeof r->suite, c);
	write_side(r->local, sizeof r->local, &c->local);
	write_side(r->remote, sizeof r->remote, &c->remote);
	sa->state = vici_child_state_word(c->state);
	sa->raised = true;
	sa->transport = c->mode == VICI_MODE_TRANSPORT;
	sa->spi_in = c->spi_in;
	sa->spi_out = c->spi_out;
	sa->bytes_in = c->bytes_in;
	sa->bytes_out = c->bytes_out;
	sa->packets_in = c->packets_in;
	sa->packets_out = c->packets_out;
	sa->left_s = c->life_s;
	l->each(l->user, sa);
}

static void each(void *user, struct vici_ike *ike)
{
	const struct listing *l = user;
	struct vici_child_sa c;
	struct row r;
	bool any = false;

	memset(&r, 0, sizeof r);
	r.sa = (struct standing_sa){
		.connection = r.connection, .child = r.child,
		.suite = r.suite, .takes_local = r.local,
		.takes_remote = r.remote, .local = ike->local,
		.remote = ike->remote,
		.state = vici_ike_state_word(ike->state)
	};
	copy(r.connection, sizeof r.connection, ike->conn);
	if (ike->ours)
		r.sa.peer = r.connection + strlen(l->prefix);
	if (ike->ours && owns_peer(r.sa.peer)) /* a call's */
		r.sa.peer = owns_peer(r.sa.peer);
	for (; !vici_ike_child(ike, &c); any = true)
		show_child(l, &r, &c);
	if (!any)
		l->each(l->user, &r.sa);
}

static void done(void *user, int err, const struct vici_result *result)
{
	struct listing *l = user;

	(void)result;
	l->done(l->user, err);
	free(l);
}

int vici_standing_list(struct ike *ike, const char *prefix,
		       standing_sa_fn each_sa, standing_listed_fn listed,
		       void *user)
{
	struct listing *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return E_NOMEM;
	*l = (struct listing){ prefix, each_sa, listed, user };
	r = ike_list(ike, each, done, l);
	if (r)
		free(l);
	return r;
}
