/* conn.c - what is loaded into charon. See conn.h; the words are those of
 * swanctl.conf(5). */
#include "modules/vici/conn.h"

#include "daemon/base/err.h"

#include <string.h>

static const char *const auths[] = {
	[VICI_AUTH_PSK] = "psk", [VICI_AUTH_PUBKEY] = "pubkey"
};

/* What every connection and every child says. */
static const char *const conn_always[][2] = {
	{ "version", "2" },
	{ "mobike", "no" },
	{ "keyingtries", "1" },
};
static const char *const child_always[][2] = {
	{ "start_action", "none" },
	{ "close_action", "none" },
	{ "dpd_action", "clear" },
};

#define N(table) (sizeof(table) / sizeof *(table))

static void put_all(struct vici_writer *w, const char *const (*pairs)[2],
		    size_t n)
{
	for (size_t i = 0; i < n; i++)
		vici_key_text(w, pairs[i][0], pairs[i][1]);
}

static void put_seconds(struct vici_writer *w, const char *name, unsigned s)
{
	if (s)
		vici_key_number(w, name, s);
}

static void put_list(struct vici_writer *w, const char *name, const char *one)
{
	if (one)
		vici_list_of(w, name, one);
}

static int put_host(struct vici_writer *w, const char *addrs, const char *port,
		    const struct addr *a)
{
	char text[ADDR_TEXT];

	if (a->port)
		vici_key_number(w, port, a->port);
	if (a->family)
		vici_list_of(w, addrs, addr_host(a, text));
	return a->family ? 0 : E_ARG;
}

static void put_certs(struct vici_writer *w, const char *name,
		      const struct vici_bytes *certs, size_t n)
{
	if (!n)
		return;
	vici_list(w, name);
	for (size_t i = 0; i < n; i++)
		vici_item(w, certs[i].p, certs[i].len);
	vici_list_end(w);
}

static int put_side(struct vici_writer *w, const char *name,
		    const struct vici_side *side)
{
	if (!side->id || !*side->id || (size_t)side->auth >= N(auths) ||
	    (side->n_certs + side->n_cas && side->auth != VICI_AUTH_PUBKEY))
		return E_ARG;
	vici_section(w, name);
	vici_key_text(w, "auth", auths[side->auth]);
	vici_key_text(w, "id", side->id);
	put_certs(w, "certs", side->certs, side->n_certs);
	put_certs(w, "cacerts", side->cas, side->n_cas);
	vici_section_end(w);
	return 0;
}

static int put_selectors(struct vici_writer *w, const char *name,
			 const struct vici_selector *list, size_t n)
{
	char text[VICI_SELECTOR_TEXT];
	int r = n ? 0 : E_ARG;

	vici_list(w, name);
	for (size_t i = 0; i < n && !r; i++) {
		r = vici_selector_text(&list[i], text);
		if (!r)
			vici_item(w, text, strlen(text));
	}
	vici_list_end(w);
	return r;
}

static int put_child(struct vici_writer *w, const struct vici_child *c)
{
	int r;

	vici_section(w, c->name);
	vici_key_text(w, "mode", c->transport ? "transport" : "tunnel");
	put_all(w, child_always, N(child_always));
	put_list(w, "esp_proposals", c->proposal);
	put_seconds(w, "rekey_time", c->rekey_s);
	if (c->reqid)
		vici_key_number(w, "reqid", c->reqid);
	r = put_selectors(w, "local_ts", c->local, c->n_local);
	if (!r)
		r = put_selectors(w, "remote_ts", c->remote, c->n_remote);
	vici_section_end(w);
	return r;
}

/* Two of one name would be taken for one. */
static bool names_differ(const struct vici_conn *conn)
{
	for (size_t i = 0; i < conn->n_children; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(conn->children[i].name,
				    conn->children[k].name))
				return false;
	return true;
}

static int put_children(struct vici_writer *w, const struct vici_conn *conn)
{
	int r = 0;

	if (conn->n_children > VICI_CHILDREN_MAX || !names_differ(conn))
		return E_ARG;
	vici_section(w, "children");
	for (size_t i = 0; i < conn->n_children && !r; i++)
		r = put_child(w, &conn->children[i]);
	vici_section_end(w);
	return r;
}

int vici_conn_write(struct buf *out, const struct vici_conn *conn)
{
	struct vici_writer w = vici_writer_of(out);
	int r;

	vici_section(&w, conn->name);
	put_all(&w, conn_always, N(conn_always));
	vici_key_text(&w, "encap", conn->encap ? "yes" : "no");
	put_list(&w, "proposals", conn->proposal);
	put_seconds(&w, "rekey_time", conn->rekey_s);
	put_seconds(&w, "dpd_delay", conn->dpd_s);
	put_host(&w, "local_addrs", "local_port", &conn->local);
	r = put_host(&w, "remote_addrs", "remote_port", &conn->remote);
	if (!r)
		r = put_side(&w, "local", &conn->ours);
	if (!r)
		r = put_side(&w, "remote", &conn->theirs);
	if (!r)
		r = put_children(&w, conn);
	vici_section_end(&w);
	return r ? r : vici_finish(&w);
}

int vici_psk_write(struct buf *out, const struct vici_psk *psk)
{
	struct vici_writer w = vici_writer_of(out);

	if (psk->key->len < VICI_PSK_MIN || !psk->n_owners ||
	    psk->n_owners > VICI_OWNERS_MAX)
		return E_ARG;
	vici_key_text(&w, "id", psk->id);
	vici_key_text(&w, "type", "IKE");
	vici_key(&w, "data", psk->key->bytes, psk->key->len);
	vici_list(&w, "owners");
	for (size_t i = 0; i < psk->n_owners; i++)
		vici_item(&w, psk->owners[i], strlen(psk->owners[i]));
	vici_list_end(&w);
	return vici_finish(&w);
}
