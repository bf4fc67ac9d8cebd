/* request.c - requests to XFRM. See request.h.
 *
 * A table has a row for each kind: type, flags, which structure comes first
 * and which attributes may follow; each of those decides whether it applies.
 * The structures are those of <linux/xfrm.h>; what its comments leave open is
 * as the kernel's net/xfrm/xfrm_user.c reads it. There is no way here to
 * flush; what is there is replaced by POLICY_UPDATE alone, for policies of
 * ours. */
#include "modules/xfrm/request.h"

#include "daemon/base/secret.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

static uint16_t family_of(const struct addr *a)
{
	return a->family == 4 ? AF_INET : a->family == 6 ? AF_INET6 : 0;
}

static xfrm_address_t address_of(const struct addr *a)
{
	xfrm_address_t x;

	memcpy(&x, a->ip, sizeof x);
	return x;
}

/* Of structures that are all 0: their padding leaves, too, and a compiler that
 * initialises or assigns one leaves that as it was. */
static void fill_selector(struct xfrm_selector *out,
			  const struct ipsec_selector *s)
{
	out->daddr = address_of(&s->dst.base);
	out->saddr = address_of(&s->src.base);
	out->dport = htons(s->dport);
	out->dport_mask = htons(s->dport_mask);
	out->sport = htons(s->sport);
	out->sport_mask = htons(s->sport_mask);
	out->family = family_of(&s->src.base);
	out->prefixlen_d = s->dst.bits;
	out->prefixlen_s = s->src.bits;
	out->proto = s->proto;
}

static __u64 limit(uint64_t n)
{
	return n ? n : XFRM_INF;
}

/* Packets of window that the old state has room for. */
#define OLD_WINDOW 32

static bool needs_bitmap(const struct ipsec_sa *sa)
{
	return sa->esn || sa->window > OLD_WINDOW;
}

static void fill_life(struct xfrm_lifetime_cfg *out, const struct ipsec_life *l)
{
	out->soft_byte_limit = limit(l->soft_bytes);
	out->hard_byte_limit = limit(l->hard_bytes);
	out->soft_packet_limit = limit(l->soft_packets);
	out->hard_packet_limit = limit(l->hard_packets);
	out->soft_add_expires_seconds = l->soft_s;
	out->hard_add_expires_seconds = l->hard_s;
}

static void fill_info(struct xfrm_usersa_info *out, const struct ipsec_sa *sa)
{
	bool inner = sa->mode == ESP_TUNNEL && !sa->sel.src.base.family;

	fill_selector(&out->sel, &sa->sel);
	out->id.daddr = address_of(&sa->dst);
	out->id.spi = htonl(sa->spi);
	out->id.proto = IPPROTO_ESP;
	out->saddr = address_of(&sa->src);
	fill_life(&out->lft, &sa->life);
	out->reqid = sa->reqid;
	out->family = family_of(&sa->dst);
	out->mode = sa->mode == ESP_TUNNEL ? XFRM_MODE_TUNNEL
					   : XFRM_MODE_TRANSPORT;
	out->replay_window = needs_bitmap(sa) ? 0 : (__u8)sa->window;
	out->flags = (__u8)((sa->esn ? XFRM_STATE_ESN : 0) |
			    (inner ? XFRM_STATE_AF_UNSPEC : 0));
}

/* -- what comes first ----------------------------------------------------- */

/* Messages are aligned to four bytes only, the structures want eight. */
static void put_head(struct nlmsghdr *m, const void *head, size_t len)
{
	memcpy(mnl_nlmsg_put_extra_header(m, len), head, len);
}

static void head_sa(struct nlmsghdr *m, const struct request *q)
{
	struct xfrm_usersa_info info;

	memset(&info, 0, sizeof info);
	fill_info(&info, q->sa);
	put_head(m, &info, sizeof info);
}

static void head_reserve(struct nlmsghdr *m, const struct request *q)
{
	struct xfrm_userspi_info spi;

	memset(&spi, 0, sizeof spi);
	fill_info(&spi.info, q->sa);
	spi.info.id.spi = 0;
	spi.min = spi.max = q->sa->spi;
	put_head(m, &spi, sizeof spi);
}

static void head_sa_name(struct nlmsghdr *m, const struct request *q)
{
	struct xfrm_usersa_id id;

	memset(&id, 0, sizeof id);
	id.daddr = address_of(&q->sa->dst);
	id.spi = htonl(q->sa->spi);
	id.family = family_of(&q->sa->dst);
	id.proto = IPPROTO_ESP;
	put_head(m, &id, sizeof id);
}

/* A dump reads nothing of it. */
static void head_none(struct nlmsghdr *m, const struct request *q)
{
	(void)m;
	(void)q;
}

static const __u8 dirs[IPSEC_DIRS] = {
	[IPSEC_IN] = XFRM_POLICY_IN, [IPSEC_OUT] = XFRM_POLICY_OUT,
	[IPSEC_FWD] = XFRM_POLICY_FWD };

static void head_policy(struct nlmsghdr *m, const struct request *q)
{
	const struct ipsec_policy *p = q->policy;
	struct xfrm_userpolicy_info info;

	memset(&info, 0, sizeof info);
	fill_selector(&info.sel, &p->sel);
	fill_life(&info.lft, &(struct ipsec_life){ 0 });
	info.priority = p->priority;
	info.dir = dirs[p->dir];
	info.action = p->action == IPSEC_BLOCK ? XFRM_POLICY_BLOCK
					       : XFRM_POLICY_ALLOW;
	info.share = XFRM_SHARE_ANY;
	put_head(m, &info, sizeof info);
}

static void head_policy_name(struct nlmsghdr *m, const struct request *q)
{
	struct xfrm_userpolicy_id id;

	memset(&id, 0, sizeof id);
	fill_selector(&id.sel, &q->policy->sel);
	id.dir = dirs[q->policy->dir];
	put_head(m, &id, sizeof id);
}

/* -- attributes ----------------------------------------------------------- */

/* All three algorithm structures begin with the name and the bits of key. */
union algorithm {
	struct xfrm_algo plain;
	struct xfrm_algo_auth auth;
	struct xfrm_algo_aead aead;
	char room[sizeof(struct xfrm_algo_aead) + ESP_KEY_MAX + ESP_SALT_MAX];
};

static void put_aead(struct nlmsghdr *m, const struct request *q)
{
	const struct esp_key *k = &q->sa->key;
	const char *name = ipsec_algorithms(k->suite)->aead;
	size_t n = (size_t)k->key_len + k->salt_len;
	union algorithm a = { 0 };

	if (!name)
		return;
	strcpy(a.aead.alg_name, name);
	a.aead.alg_key_len = (unsigned)(8 * n);
	a.aead.alg_icv_len = 8u * esp_suite_info(k->suite)->icv_len;
	memcpy(a.room + sizeof a.aead, k->key, k->key_len);
	memcpy(a.room + sizeof a.aead + k->key_len, k->salt, k->salt_len);
	mnl_attr_put(m, XFRMA_ALG_AEAD, sizeof a.aead + n, &a);
	wipe(&a, sizeof a);
}

static void put_encr(struct nlmsghdr *m, const struct request *q)
{
	const struct esp_key *k = &q->sa->key;
	const char *name = ipsec_algorithms(k->suite)->encr;
	union algorithm a = { 0 };

	if (!name)
		return;
	strcpy(a.plain.alg_name, name);
	a.plain.alg_key_len = 8u * k->key_len;
	memcpy(a.room + sizeof a.plain, k->key, k->key_len);
	mnl_attr_put(m, XFRMA_ALG_CRYPT, sizeof a.plain + k->key_len, &a);
	wipe(&a, sizeof a);
}

/* Without the length of the tag the kernel cuts SHA-256 to 96 bits. */
static void put_auth(struct nlmsghdr *m, const struct request *q)
{
	const struct esp_key *k = &q->sa->key;
	const char *name = ipsec_algorithms(k->suite)->auth;
	union algorithm a = { 0 };

	if (!name)
		return;
	strcpy(a.auth.alg_name, name);
	a.auth.alg_key_len = 8u * k->auth_len;
	a.auth.alg_trunc_len = 8u * esp_suite_info(k->suite)->icv_len;
	memcpy(a.room + sizeof a.auth, k->auth, k->auth_len);
	mnl_attr_put(m, XFRMA_ALG_AUTH_TRUNC, sizeof a.auth + k->auth_len, &a);
	wipe(&a, sizeof a);
}

static void put_encap(struct nlmsghdr *m, const struct request *q)
{
	struct xfrm_encap_tmpl e;

	memset(&e, 0, sizeof e);
	e.encap_type = UDP_ENCAP_ESPINUDP;
	e.encap_sport = htons(q->sa->encap.sport);
	e.encap_dport = htons(q->sa->encap.dport);

	if (q->sa->encap.sport)
		mnl_attr_put(m, XFRMA_ENCAP, sizeof e, &e);
}

static void put_again(struct nlmsghdr *m, const struct request *q)
{
	if (q->sa->again_s)
		mnl_attr_put_u32(m, XFRMA_MTIMER_THRESH, q->sa->again_s);
}

/* The kernel makes the bitmap from its length. */
static void put_bitmap(struct nlmsghdr *m, const struct request *q)
{
	struct xfrm_replay_state_esn s = {
		.bmp_len = (q->sa->window + 31u) / 32,
		.replay_window = q->sa->window };

	if (needs_bitmap(q->sa))
		mnl_attr_put(m, XFRMA_REPLAY_ESN_VAL, sizeof s, &s);
}

/* ~0: any algorithm; which SA it is says the reqid (and the SPI). */
static void put_template(struct nlmsghdr *m, const struct request *q)
{
	const struct ipsec_policy *p = q->policy;
	struct xfrm_user_tmpl t;

	memset(&t, 0, sizeof t);
	t.id.daddr = address_of(&p->dst);
	t.id.spi = htonl(p->spi);
	t.id.proto = IPPROTO_ESP;
	t.family = family_of(p->dst.family ? &p->dst : &p->sel.dst.base);
	t.saddr = address_of(&p->src);
	t.reqid = p->reqid;
	t.mode = p->mode == ESP_TUNNEL ? XFRM_MODE_TUNNEL
				       : XFRM_MODE_TRANSPORT;
	t.share = XFRM_SHARE_ANY;
	t.aalgos = t.ealgos = t.calgos = ~0u;
	if (p->action == IPSEC_PROTECT)
		mnl_attr_put(m, XFRMA_TMPL, sizeof t, &t);
}

/* -- the table ------------------------------------------------------------ */

typedef void (*part_fn)(struct nlmsghdr *m, const struct request *q);

static const part_fn of_sa[] = { put_aead, put_encr, put_auth, put_encap,
				 put_again, put_bitmap, NULL };
static const part_fn of_policy[] = { put_template, NULL };
static const part_fn of_none[] = { NULL };

static const struct row {
	const char *text;
	uint16_t type, flags;
	part_fn head;
	const part_fn *attributes;
} rows[REQUEST_KINDS] = {
	[REQUEST_SA_ADD] = { "add an SA", XFRM_MSG_NEWSA,
			     NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, head_sa,
			     of_sa },
	[REQUEST_SA_UPDATE] = { "fill in an SA", XFRM_MSG_UPDSA, NLM_F_ACK,
				head_sa, of_sa },
	[REQUEST_SA_FOLLOW] = { "change the ports of an SA", XFRM_MSG_UPDSA,
				NLM_F_ACK, head_sa, of_sa },
	[REQUEST_SA_RESERVE] = { "reserve an SPI", XFRM_MSG_ALLOCSPI,
				 NLM_F_ACK, head_reserve, of_none },
	[REQUEST_SA_DELETE] = { "delete an SA", XFRM_MSG_DELSA, NLM_F_ACK,
				head_sa_name, of_none },
	[REQUEST_SA_GET] = { "read an SA", XFRM_MSG_GETSA, NLM_F_ACK,
			     head_sa_name, of_none },
	[REQUEST_SA_DUMP] = { "list the SAs", XFRM_MSG_GETSA, NLM_F_DUMP,
			      head_none, of_none },
	[REQUEST_POLICY_ADD] = { "add a policy", XFRM_MSG_NEWPOLICY,
				 NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
				 head_policy, of_policy },
	[REQUEST_POLICY_UPDATE] = { "change a policy", XFRM_MSG_UPDPOLICY,
				    NLM_F_ACK, head_policy, of_policy },
	[REQUEST_POLICY_DELETE] = { "delete a policy", XFRM_MSG_DELPOLICY,
				    NLM_F_ACK, head_policy_name, of_none },
	[REQUEST_POLICY_GET] = { "read a policy", XFRM_MSG_GETPOLICY,
				 NLM_F_ACK, head_policy_name, of_none },
	[REQUEST_POLICY_DUMP] = { "list the policies", XFRM_MSG_GETPOLICY,
				  NLM_F_DUMP, head_none, of_none },
};

void request_put(struct buf *out, const struct request *q, uint32_t seq)
{
	const struct row *row = &rows[q->kind];
	uint8_t *at = buf_room(out, REQUEST_ROOM);
	struct nlmsghdr *m;

	if (!at)
		return;
	memset(at, 0, REQUEST_ROOM);
	m = mnl_nlmsg_put_header(at);
	m->nlmsg_type = row->type;
	m->nlmsg_flags = NLM_F_REQUEST | row->flags;
	m->nlmsg_seq = seq;
	row->head(m, q);
	for (const part_fn *put = row->attributes; *put; put++)
		(*put)(m, q);
	out->len -= REQUEST_ROOM - MNL_ALIGN(m->nlmsg_len);
}

const char *request_text(enum request_kind kind)
{
	return kind < REQUEST_KINDS ? rows[kind].text : "?";
}
