/* reply.c - replies and events of XFRM. See reply.h.
 *
 * Each type of message has a row: the structure that comes first, where the
 * attributes begin, and who reads it. A message that is shorter than its
 * structure, or whose attributes run over its end, is malformed. */
#include "modules/xfrm/reply.h"

#include "daemon/base/err.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <string.h>

/* -- values --------------------------------------------------------------- */

static struct addr addr_of(const xfrm_address_t *x, uint16_t family)
{
	struct addr a = { 0 };

	a.family = family == AF_INET ? 4 : family == AF_INET6 ? 6 : 0;
	if (a.family)
		memcpy(a.ip, x, a.family == 4 ? 4 : 16);
	return a;
}

static struct ipsec_selector selector_of(const struct xfrm_selector *s)
{
	return (struct ipsec_selector){
		.src = { addr_of(&s->saddr, s->family), s->prefixlen_s },
		.dst = { addr_of(&s->daddr, s->family), s->prefixlen_d },
		.sport = ntohs(s->sport), .sport_mask = ntohs(s->sport_mask),
		.dport = ntohs(s->dport), .dport_mask = ntohs(s->dport_mask),
		.proto = s->proto };
}

static uint64_t limit(__u64 n)
{
	return n == XFRM_INF ? 0 : n;
}

static uint32_t seconds(__u64 n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static void read_info(const struct xfrm_usersa_info *i, struct reply *out)
{
	const struct xfrm_lifetime_cfg *l = &i->lft;

	out->sa = (struct ipsec_sa){
		.src = addr_of(&i->saddr, i->family),
		.dst = addr_of(&i->id.daddr, i->family),
		.spi = ntohl(i->id.spi), .reqid = i->reqid,
		.mode = i->mode == XFRM_MODE_TUNNEL ? ESP_TUNNEL
						    : ESP_TRANSPORT,
		.esn = i->flags & XFRM_STATE_ESN,
		.life = { limit(l->soft_byte_limit), limit(l->hard_byte_limit),
			  limit(l->soft_packet_limit),
			  limit(l->hard_packet_limit),
			  seconds(l->soft_add_expires_seconds),
			  seconds(l->hard_add_expires_seconds) },
		.sel = selector_of(&i->sel) };
	out->use = (struct reply_use){
		.bytes = i->curlft.bytes, .packets = i->curlft.packets,
		.added_s = i->curlft.add_time, .used_s = i->curlft.use_time,
		.dropped = i->stats.replay_window + i->stats.replay +
			   i->stats.integrity_failed };
	if (i->id.proto != IPPROTO_ESP || !out->sa.dst.family)
		out->kind = REPLY_OTHER;
}

static const uint8_t dirs[] = { [XFRM_POLICY_IN] = IPSEC_IN,
				[XFRM_POLICY_OUT] = IPSEC_OUT,
				[XFRM_POLICY_FWD] = IPSEC_FWD };

/* Policies of sockets have directions of their own. */
static void read_rule(const struct xfrm_userpolicy_info *i, struct reply *out)
{
	out->policy = (struct ipsec_policy){
		.sel = selector_of(&i->sel), .priority = i->priority,
		.action = i->action == XFRM_POLICY_BLOCK ? IPSEC_BLOCK
							 : IPSEC_BYPASS };
	if (i->dir < sizeof dirs)
		out->policy.dir = dirs[i->dir];
	if (i->dir >= sizeof dirs || !out->policy.sel.src.base.family)
		out->kind = REPLY_OTHER;
}

/* -- what comes first ----------------------------------------------------- */

static void read_sa(const void *head, struct reply *out)
{
	struct xfrm_usersa_info i;

	memcpy(&i, head, sizeof i);
	out->reserved = true; /* until a key is seen */
	read_info(&i, out);
}

static void read_expire(const void *head, struct reply *out)
{
	struct xfrm_user_expire e;

	memcpy(&e, head, sizeof e);
	out->hard = e.hard;
	read_info(&e.state, out);
}

static void read_policy(const void *head, struct reply *out)
{
	struct xfrm_userpolicy_info i;

	memcpy(&i, head, sizeof i);
	read_rule(&i, out);
}

/* The whole policy is an attribute; its head may be a number alone. */
static void read_removed(const void *head, struct reply *out)
{
	(void)head;
	out->policy = (struct ipsec_policy){ .action = IPSEC_BYPASS };
}

static void read_flushed(const void *head, struct reply *out)
{
	(void)head;
	(void)out;
}

static void read_acquire(const void *head, struct reply *out)
{
	struct xfrm_user_acquire a;

	memcpy(&a, head, sizeof a);
	read_rule(&a.policy, out);
	out->policy.sel = selector_of(&a.sel);
	out->sa.src = addr_of(&a.saddr, a.sel.family);
	out->sa.dst = addr_of(&a.id.daddr, a.sel.family);
	out->sa.spi = ntohl(a.id.spi);
	if (a.id.proto != IPPROTO_ESP)
		out->kind = REPLY_OTHER;
}

static void read_mapping(const void *head, struct reply *out)
{
	struct xfrm_user_mapping m;

	memcpy(&m, head, sizeof m);
	out->sa.src = addr_of(&m.new_saddr, m.id.family);
	out->sa.dst = addr_of(&m.id.daddr, m.id.family);
	out->sa.spi = ntohl(m.id.spi);
	out->sa.reqid = m.reqid;
	out->sa.encap.sport = ntohs(m.new_sport);
	if (m.id.proto != IPPROTO_ESP || !out->sa.dst.family ||
	    !out->sa.encap.sport)
		out->kind = REPLY_OTHER;
}

/* -- attributes ----------------------------------------------------------- */

/* No template of ours: a policy all the same. */
static void set_foreign(struct reply *out)
{
	out->kind = out->kind == REPLY_POLICY ? REPLY_FOREIGN : REPLY_OTHER;
	out->policy.action = IPSEC_PROTECT;
	out->policy.reqid = 0;
}

static void take_template(const struct nlattr *a, struct reply *out)
{
	struct ipsec_policy *p = &out->policy;
	struct xfrm_user_tmpl t;

	if (mnl_attr_get_payload_len(a) != sizeof t) { /* a bundle */
		set_foreign(out);
		return;
	}
	memcpy(&t, mnl_attr_get_payload(a), sizeof t);
	p->action = IPSEC_PROTECT;
	p->spi = ntohl(t.id.spi);
	p->reqid = t.reqid;
	out->sa.reqid = out->kind == REPLY_ACQUIRE ? t.reqid : out->sa.reqid;
	p->mode = t.mode == XFRM_MODE_TUNNEL ? ESP_TUNNEL : ESP_TRANSPORT;
	p->src = addr_of(&t.saddr, t.family);
	p->dst = addr_of(&t.id.daddr, t.family);
	if (addr_is_any(&p->dst) && addr_is_any(&p->src))
		p->src = p->dst = (struct addr){ 0 };
	if (t.id.proto != IPPROTO_ESP)
		set_foreign(out);
}

static void take_encap(const struct nlattr *a, struct reply *out)
{
	struct xfrm_encap_tmpl e;

	if (mnl_attr_get_payload_len(a) < sizeof e)
		return;
	memcpy(&e, mnl_attr_get_payload(a), sizeof e);
	out->sa.encap = (struct ipsec_encap){ ntohs(e.encap_sport),
					    ntohs(e.encap_dport) };
}

static void take_key(const struct nlattr *a, struct reply *out)
{
	(void)a;
	out->reserved = false;
}

static void take_policy(const struct nlattr *a, struct reply *out)
{
	if (out->kind == REPLY_REMOVED &&
	    mnl_attr_get_payload_len(a) >= sizeof(struct xfrm_userpolicy_info))
		read_policy(mnl_attr_get_payload(a), out);
}

/* Ours have none of these; 0 is the same as none. */
static void take_foreign(const struct nlattr *a, struct reply *out)
{
	const uint8_t *p = mnl_attr_get_payload(a);

	for (size_t i = 0; i < mnl_attr_get_payload_len(a); i++)
		if (p[i])
			out->kind = REPLY_OTHER;
}

static const struct {
	uint16_t type;
	void (*take)(const struct nlattr *a, struct reply *out);
} attributes[] = {
	{ XFRMA_TMPL, take_template },
	{ XFRMA_POLICY, take_policy },
	{ XFRMA_ENCAP, take_encap },
	{ XFRMA_ALG_AEAD, take_key },
	{ XFRMA_ALG_CRYPT, take_key },
	{ XFRMA_MARK, take_foreign },
	{ XFRMA_IF_ID, take_foreign },
	{ XFRMA_POLICY_TYPE, take_foreign },
};

static void take(const struct nlattr *a, struct reply *out)
{
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		if (attributes[i].type == mnl_attr_get_type(a))
			attributes[i].take(a, out);
}

/* Those between at and the end of the message; E_FORMAT unless they fill it. */
static int take_all(const struct nlmsghdr *m, size_t at, struct reply *out)
{
	const char *end = (const char *)m + m->nlmsg_len;
	const char *p = (const char *)m + MNL_NLMSG_HDRLEN + MNL_ALIGN(at);

	while (p < end) {
		const struct nlattr *a = (const void *)p;

		if (!mnl_attr_ok(a, (int)(end - p)))
			return E_FORMAT;
		take(a, out);
		p += MNL_ALIGN(a->nla_len);
	}
	return 0;
}

/* -- acknowledgements ----------------------------------------------------- */

/* The text that NETLINK_EXT_ACK brings, printable and cut to size. */
static void read_text(const struct nlmsghdr *m, size_t at, struct reply *out)
{
	const char *end = (const char *)m + m->nlmsg_len;
	const char *p = (const char *)m + MNL_ALIGN(at);

	while (p < end) {
		const struct nlattr *a = (const void *)p;
		size_t n = 0;

		if (!mnl_attr_ok(a, (int)(end - p)))
			return;
		if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG) {
			const char *s = mnl_attr_get_payload(a);

			while (n < mnl_attr_get_payload_len(a) && s[n] &&
			       n < REPLY_TEXT - 1) {
				out->text[n] = s[n] < ' ' || s[n] > '~'
						       ? '?' : s[n];
				n++;
			}
			out->text[n] = 0;
		}
		p += MNL_ALIGN(a->nla_len);
	}
}

static int read_error(const struct nlmsghdr *m, struct reply *out)
{
	struct nlmsgerr e;
	size_t at = MNL_NLMSG_HDRLEN + sizeof e;

	if (mnl_nlmsg_get_payload_len(m) < sizeof e)
		return E_FORMAT;
	memcpy(&e, mnl_nlmsg_get_payload(m), sizeof e);
	if (e.error > 0 || e.error < -4095)
		return E_FORMAT;
	out->kind = e.error ? REPLY_REFUSED : REPLY_ACK;
	out->error = -e.error;
	if (!(m->nlmsg_flags & NLM_F_CAPPED) && e.error &&
	    e.msg.nlmsg_len > MNL_NLMSG_HDRLEN)
		at += e.msg.nlmsg_len - MNL_NLMSG_HDRLEN;
	if ((m->nlmsg_flags & NLM_F_ACK_TLVS) && at < m->nlmsg_len)
		read_text(m, at, out);
	return 0;
}

/* A dump may fail in its middle: then DONE has the errno. */
static int read_done(const struct nlmsghdr *m, struct reply *out)
{
	int32_t error = 0;

	if (mnl_nlmsg_get_payload_len(m) >= sizeof error)
		memcpy(&error, mnl_nlmsg_get_payload(m), sizeof error);
	if (error > 0 || error < -4095)
		return E_FORMAT;
	out->kind = error ? REPLY_REFUSED : REPLY_DONE;
	out->error = -error;
	return 0;
}

/* -- the table ------------------------------------------------------------ */

static const struct {
	uint16_t type;
	enum reply_kind kind;
	size_t head; /* bytes of the structure */
	void (*read)(const void *head, struct reply *out);
} rows[] = {
	{ XFRM_MSG_NEWSA, REPLY_SA, sizeof(struct xfrm_usersa_info), read_sa },
	{ XFRM_MSG_NEWPOLICY, REPLY_POLICY,
	  sizeof(struct xfrm_userpolicy_info), read_policy },
	{ XFRM_MSG_UPDPOLICY, REPLY_POLICY,
	  sizeof(struct xfrm_userpolicy_info), read_policy },
	{ XFRM_MSG_DELPOLICY, REPLY_REMOVED,
	  sizeof(struct xfrm_userpolicy_id), read_removed },
	{ XFRM_MSG_FLUSHPOLICY, REPLY_FLUSHED, 0, read_flushed },
	{ XFRM_MSG_EXPIRE, REPLY_EXPIRE, sizeof(struct xfrm_user_expire),
	  read_expire },
	{ XFRM_MSG_ACQUIRE, REPLY_ACQUIRE, sizeof(struct xfrm_user_acquire),
	  read_acquire },
	{ XFRM_MSG_MAPPING, REPLY_MOVED, sizeof(struct xfrm_user_mapping),
	  read_mapping },
};

static int read_message(const struct nlmsghdr *m, struct reply *out)
{
	if (m->nlmsg_type == NLMSG_ERROR)
		return read_error(m, out);
	if (m->nlmsg_type == NLMSG_DONE)
		return read_done(m, out);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].type != m->nlmsg_type)
			continue;
		if (mnl_nlmsg_get_payload_len(m) < rows[i].head)
			return E_FORMAT;
		out->kind = rows[i].kind;
		rows[i].read(mnl_nlmsg_get_payload(m), out);
		return take_all(m, rows[i].head, out);
	}
	return 0;
}

int reply_next(const void *bytes, size_t len, size_t *at, struct reply *out)
{
	const struct nlmsghdr *m = (const void *)((const char *)bytes + *at);
	size_t left = len - *at;
	struct reply got = { .kind = REPLY_OTHER };
	int r;

	if (!left)
		return E_AGAIN;
	/* libmnl compares as int: a length of 4 GB would be less than left */
	if (left > INT32_MAX || !mnl_nlmsg_ok(m, (int)left) ||
	    m->nlmsg_len > left)
		return E_FORMAT;
	got.seq = m->nlmsg_seq;
	got.by = m->nlmsg_pid;
	got.more = m->nlmsg_flags & NLM_F_MULTI;
	r = read_message(m, &got);
	if (r)
		return r;
	*at += MNL_ALIGN(m->nlmsg_len) < left ? MNL_ALIGN(m->nlmsg_len) : left;
	*out = got;
	return 0;
}
