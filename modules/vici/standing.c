/* standing.c - one tunnel to each peer with media = "ike", which is raised at
 * start and again whenever it is lost (ike/ike.h); with ike = "after" while
 * calls use it: until then charon has only to know the peer, so that the far
 * end can raise it. Its selectors are UDP: ours from tunnel.ports on our media
 * address, theirs anything in their nets, which the far end narrows to its own
 * ports. SIP is never in it. Tunnels that each call has for itself are own.c's,
 * by the same manager. */
#include "modules/vici/standing.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "modules/vici/ike/ike.h"
#include "modules/vici/list.h"
#include "modules/vici/own.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "vici"
#define DPD_S 5 /* a far end that says nothing is asked */

static int name_valid(const char *value, const char **why)
{
	size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyz"
			  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");

	/* with another '-' one could begin another's, and end its tunnels */
	*why = "letters, digits, '_' or '.', up to 63, then a '-'";
	return n && n < 64 && !strcmp(value + n, "-") ? 0 : E_FORMAT;
}

static int file_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\"";
	return conf_is_file(value) ? 0 : E_FORMAT;
}

static const struct conf_key vici_keys[] = {
	{ .name = "socket", .type = CONF_TEXT, .dflt = "/run/charon.vici",
	  .reload = RELOAD_RESTART,
	  .help = "The socket of strongSwan's charon (its VICI plugin), which "
		  "the daemon's user must be able to open." },
	{ .name = "prefix", .type = CONF_TEXT, .dflt = "callseal-",
	  .valid = name_valid, .reload = RELOAD_RESTART,
	  .help = "Begins the names of our connections in charon; what has it "
		  "and no peer is ended. Two instances that share a charon "
		  "need two." },
	{ .name = "id", .type = CONF_TEXT, .reload = RELOAD_RESTART,
	  .help = "Our identity of IKE; our address of IKE when left out." },
	{ .name = "address", .type = CONF_TEXT, .reload = RELOAD_RESTART,
	  .help = "Our address of IKE; that of our media outside when left "
		  "out." },
	{ .name = "cert", .type = CONF_TEXT, .valid = file_valid,
	  .reload = RELOAD_RESTART,
	  .help = "Our certificate of IKE, \"file:PATH\" in PEM, for peers "
		  "with ike_cert or ike_ca; it names id. Its private key "
		  "charon has by itself (swanctl/private), and we never." },
	{ .name = NULL }
};

const struct conf_group vici_group = {
	"vici", CONF_ONE, vici_keys,
	"IKE through strongSwan, where a profile has media = \"ike\"."
};

/* A peer and the use of its tunnel. */
struct stand {
	struct stand *further; /* of the next peer */
	const struct peer *peer;
	struct tunnel_peer end; /* where it is: the peer's ike, or found */
	bool there;             /* that is known */
	struct addr next;       /* found since; family 0: nothing new */
	const char *untaken;    /* static: why that was not taken, as logged */
	uint64_t use;
	bool up;
	bool broken; /* it cannot be raised before a restart */
	bool failed; /* it did not come up when last wanted */
	const char *tried; /* static: of the far end, as logged; or NULL */
	char why[IKECERT_WHY + 32];
};

struct charon {
	struct standing role;
	const struct conf_node *conf;
	struct ike_settings settings;
	struct ike *ike;
	struct stand *stands;
	struct owns *owns; /* calls' own */
	struct proof *proof;
	const struct settings *of; /* the configuration's */
	const struct standing_ops *ops;
	void *user;
};

static int check_cert(const struct conf *c, const struct conf_node *n,
		      struct conf_err *err)
{
	const struct conf_node *p;

	for (size_t i = 0; (p = conf_at(c, "peers", i)); i++)
		if ((*conf_text(p, "ike_cert") || *conf_text(p, "ike_ca")) &&
		    !*conf_text(n, "cert"))
			return conf_fail(err, n, "vici.cert: a peer is "
					 "believed by its certificate of IKE, "
					 "and we have none to show; set cert "
					 "= \"file:PATH\"");
	return 0;
}

static int check_names(const struct conf *c, struct conf_err *err)
{
	const struct conf_node *p;

	for (size_t i = 0; (p = conf_at(c, "peers", i)); i++)
		if (!strncmp(conf_text(p, "name"), IKE_ONCE, strlen(IKE_ONCE)))
			return conf_fail(err, p, "peers.name: \"" IKE_ONCE "\" "
					 "begins the names of calls' tunnels "
					 "in charon; choose another name");
	return 0;
}

static bool media_is_sips(const struct settings *s)
{
	const struct face_settings *out = &s->face[OUTSIDE];

	for (int six = 0; six < 2; six++)
		for (size_t i = 0; out->media[six].family && i < out->n_listen;
		     i++)
			if (addr_same_host(&out->media[six],
					   &out->listen[i].addr))
				return true;
	return false;
}

/* A charon that does ESP itself gets all that goes to the far end's media
 * address, and drops what is in no tunnel. */
static int check_media(const struct conf *c, struct conf_err *err)
{
	struct policy *policy;
	struct settings s;
	int r = settings_read(c, &s, err);

	if (!r)
		r = policy_new(c, &policy, err);
	if (r)
		return r;
	if (s.tunnel.open && policy_ike_calls(policy) && media_is_sips(&s))
		r = conf_fail(err, conf_one(c, "outside"), "outside.media: "
			      "where charon does ESP itself (tunnel.shut = "
			      "\"relay\") SIP to the address of the tunnels "
			      "of ike = \"call\" would be lost; give media an "
			      "address that outside.listen has not");
	policy_free(policy);
	return r;
}

int vici_standing_check(const struct conf *c, struct conf_err *err)
{
	const struct conf_node *n = conf_one(c, "vici");
	const char *at = conf_text(n, "address");
	struct addr a;

	if (!*conf_text(n, "prefix"))
		return conf_fail(err, n, "vici.prefix: it is empty, and all of "
				 "charon's connections would be ours");
	if (*at && (addr_parse(at, &a) || a.port || addr_is_any(&a)))
		return conf_fail(err, n, "vici.address: \"%.60s\" is no "
				 "address of a host", at);
	if (check_names(c, err) || check_media(c, err))
		return E_CONF;
	return check_cert(c, n, err);
}

static struct stand *find(const struct charon *c, const char *peer)
{
	struct stand *s = c->stands;

	while (s && strcmp(s->peer->name, peer))
		s = s->further;
	return s;
}

/* -- what ike tells -------------------------------------------------------- */

static void on_need_key(void *user, const char *peer)
{
	struct charon *c = user;

	if (!owns_need_key(c->owns, peer))
		c->ops->need_key(c->user, peer);
}

/* Again, when it was up: by other SAs. */
static void on_tunnel_up(struct charon *c, struct stand *s)
{
	log_info(TAG, "peer %s: the tunnel is up", s->peer->name);
	if (s->up)
		c->ops->changed(c->user, s->peer->name);
	s->up = true;
	s->failed = false;
	s->tried = NULL;
}

static void settle(struct charon *c, struct stand *s);

static void on_tunnel_down(struct charon *c, struct stand *s,
			   const struct ike_event *e)
{
	s->up = false;
	s->failed = true;
	snprintf(s->why, sizeof s->why, "%s", e->why);
	if (e->err == E_REFUSED || e->err == E_AUTH)
		log_line(LOG_CLASS_REFUSED, TAG, 0, "audit: peer %s: refused "
			 "by IKE: %s", s->peer->name, s->why);
	if (s->peer->profile->ike_after)
		log_info(TAG, "peer %s: the tunnel %s: %s", s->peer->name,
			 e->news == IKE_GONE ? "is gone" : "cannot come up",
			 s->why);
	else
		log_error(TAG, "peer %s: the tunnel %s: %s; it is raised again",
			  s->peer->name, e->news == IKE_GONE
			  ? "is gone" : "did not come up", s->why);
	if (e->news == IKE_GONE)
		c->ops->gone(c->user, s->peer->name);
	settle(c, s);
}

static void on_event(void *user, const struct ike_event *e)
{
	struct charon *c = user;
	struct stand *s = c->stands;

	if (owns_event(c->owns, e))
		return;
	while (s && s->use != e->use)
		s = s->further;
	if (!s)
		c->ops->wanted(c->user, e->use,
			       e->news == IKE_UP ? NULL : e->why);
	else if (e->news == IKE_UP)
		on_tunnel_up(c, s);
	else
		on_tunnel_down(c, s, e);
}

static void on_charon(void *user, bool up, const char *why)
{
	(void)user;
	if (up)
		log_info(TAG, "charon %s is there", why);
	else
		log_error(TAG, "no charon: %s; start strongSwan, or see "
			  "vici.socket", why);
}

/* Once, for anybody can have charon say it again. */
static void on_tried(void *user, const char *peer, const char *why)
{
	struct stand *s = find(user, peer);

	if (!s || s->tried == why)
		return;
	s->tried = why;
	log_line(LOG_CLASS_REFUSED, TAG, 0, "audit: peer %s: charon refused a "
		 "tunnel that the far end began: %s", peer, why);
}

static const struct ike_ops ops = { on_need_key, on_event, on_charon,
				    on_tried };

/* -- one peer -------------------------------------------------------------- */

/* Suites of one kind can stand in one proposal. */
static void write_proposal(const struct profile *p, char *out, size_t len)
{
	static const struct {
		enum esp_suite suite;
		bool gcm;
		const char *name;
	} rows[] = {
		{ ESP_AES_128_GCM, true, "aes128gcm16" },
		{ ESP_AES_256_GCM, true, "aes256gcm16" },
		{ ESP_AES_128_CBC_SHA256, false, "aes128" },
		{ ESP_AES_256_CBC_SHA256, false, "aes256" },
	};
	bool gcm = p->esp[0] == ESP_AES_128_GCM || p->esp[0] == ESP_AES_256_GCM;
	size_t n = 0;

	*out = 0;
	for (size_t i = 0; i < p->n_esp; i++)
		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
			if (rows[k].suite == p->esp[i] && rows[k].gcm == gcm)
				n += (size_t)snprintf(out + n, len - n, "%s%s",
						      n ? "-" : "",
						      rows[k].name);
	snprintf(out + n, len - n, "%s-x25519-ecp256", gcm ? "" : "-sha256");
}

static const struct addr *our_media(const struct settings *s, uint8_t family)
{
	return &s->face[OUTSIDE].media[family == 6];
}

static struct vici_selector our_selector(const struct settings *s,
					 uint8_t family)
{
	struct vici_selector sel = {
		.net = { *our_media(s, family), family == 6 ? 128 : 32 },
		.protocol = IPPROTO_UDP,
		.port = (uint16_t)s->tunnel.port_min,
		.port_last = (uint16_t)s->tunnel.port_max
	};

	sel.net.base.port = 0;
	return sel;
}

/* For a call, or to stand. */
static int add_use(struct charon *c, const struct stand *st, bool call,
		   bool wait, uint64_t *use)
{
	const struct settings *s = c->of;
	const struct peer *peer = st->peer;
	const struct tunnel_peer *p = &st->end;
	struct vici_selector local = our_selector(s, p->nets[0].base.family);
	struct vici_selector remote[TUNNEL_NETS_MAX];
	char proposal[96];
	struct ike_want want = {
		.peer = peer->name, .local = &local, .n_local = 1,
		.remote = remote, .n_remote = p->n_nets,
		.proposal = proposal, .rekey_s = s->tunnel.life_s,
		.standing = !call,
		.passive = call ? wait : peer->profile->ike_after
	};

	if (!local.net.base.family)
		return E_UNSUPPORTED;
	write_proposal(peer->profile, proposal, sizeof proposal);
	for (size_t i = 0; i < p->n_nets; i++)
		remote[i] = (struct vici_selector){
			.net = p->nets[i], .protocol = IPPROTO_UDP,
			.port = 0, .port_last = UINT16_MAX
		};
	return ike_use(c->ike, &want, use);
}

/* For one whose address is not known yet, what we have. */
static struct addr our_address(const struct charon *c, const struct addr *far)
{
	uint8_t family = far->family ? far->family
				     : our_media(c->of, 4)->family ? 4 : 6;
	struct addr a = *our_media(c->of, family);

	if (*conf_text(c->conf, "address"))
		addr_parse(conf_text(c->conf, "address"), &a);
	a.port = 0;
	return a;
}

static int add_peer(struct charon *c, struct stand *st)
{
	const struct peer *peer = st->peer;
	char ours[ADDR_TEXT], theirs[ADDR_TEXT];
	const char *id = conf_text(c->conf, "id"), *why = NULL;
	struct ike_peer p = {
		.name = peer->name, .remote = st->end.at,
		.local = our_address(c, &st->end.at), .dpd_s = DPD_S
	};

	p.ours.id = *id ? id : addr_host(&p.local, ours);
	p.theirs.id = *peer->ike.id ? peer->ike.id
				    : addr_host(&p.remote, theirs);
	if (*peer->ike.cert)
		why = proof_give(c->proof, peer->name, &p);
	if (why)
		snprintf(st->why, sizeof st->why, "%s", why);
	return why ? E_CONF : ike_peer_add(c->ike, &p);
}

/* What is wrong with one peer does not keep others from their tunnels. */
static int breaks(struct stand *st, int r)
{
	st->broken = true;
	if (r != E_CONF)
		snprintf(st->why, sizeof st->why, "%s; see ike, ike_id and "
			 "ike_nets of the peers", err_text(r));
	log_error(TAG, "peer %s: no tunnel can be raised: %s", st->peer->name,
		  st->why);
	return r == E_NOMEM ? r : 0;
}

static int raise_at(struct charon *c, struct stand *st)
{
	int r;

	st->there = true;
	strcpy(st->why, "it was not raised yet");
	r = add_peer(c, st);
	if (!r)
		r = add_use(c, st, false, false, &st->use);
	return r ? breaks(st, r) : 0;
}

static int stand_up(struct charon *c, const struct peer *peer)
{
	struct stand *st = calloc(1, sizeof *st);

	if (!st)
		return E_NOMEM;
	st->peer = peer;
	st->end = peer->ike;
	st->further = c->stands;
	c->stands = st;
	if (!peer->ike.discover)
		return raise_at(c, st);
	strcpy(st->why, "where its end of IKE is, it has not said yet");
	return 0;
}

/* -- where it is found ----------------------------------------------------- */

static bool is_up(const struct charon *c, const struct stand *s)
{
	return s->up && ike_is_up(c->ike, s->use);
}

/* False: calls wait for a tunnel to where it was. */
static bool leave(struct charon *c, struct stand *s)
{
	if (!s->there)
		return true;
	ike_drop(c->ike, s->use);
	s->use = 0;
	if (ike_peer_del(c->ike, s->peer->name) == E_STATE) {
		if (add_use(c, s, false, false, &s->use))
			s->use = 0; /* none stands until it has moved */
		return false;
	}
	return true;
}

/* Goes to where the far end was found last. What is up has proved itself, which
 * what somebody says has not: it stays until it is gone. */
static void settle(struct charon *c, struct stand *s)
{
	char host[ADDR_TEXT];

	if (s->next.family && s->there &&
	    addr_same_host(&s->next, &s->end.at))
		s->next.family = 0;
	if (!s->next.family || (s->there && is_up(c, s)) || !leave(c, s))
		return;
	s->end = s->peer->ike;
	s->end.at = s->next;
	if (!s->end.n_nets)
		s->end.nets[s->end.n_nets++] = (struct net){
			s->next, s->next.family == 4 ? 32 : 128
		};
	s->next.family = 0;
	s->up = s->broken = s->failed = false;
	log_info(TAG, "peer %s: its end of IKE is %s, as it says",
		 s->peer->name, addr_host(&s->end.at, host));
	raise_at(c, s); /* what fails is logged, and seen by calls */
}

static const char *unsound(const struct charon *c, const struct stand *s,
			   const struct msg_ike_sdp *far)
{
	struct addr own = our_address(c, &far->at);

	if (!addr_is_host(&far->at))
		return "it is no address of a host";
	if (own.family != far->at.family)
		return "we have no address of that family";
	if (settings_is_own(c->of, &far->at) || addr_same_host(&own, &far->at))
		return "it is our own address";
	for (const struct stand *x = c->stands; x; x = x->further)
		if (x != s && (addr_same_host(&x->end.at, &far->at) ||
			       addr_same_host(&x->next, &far->at)))
			return "it is another peer's address";
	if (*s->peer->ike.cert && !s->peer->ike.ca && far->certs.n &&
	    !proof_fits(c->proof, s->peer->name, &far->certs))
		return "its fingerprint is not that of the peer's ike_cert";
	return NULL;
}

/* Why not is told once. */
static const char *found(void *state, const char *peer,
			 const struct msg_ike_sdp *far)
{
	struct charon *c = state;
	struct stand *s = find(c, peer);
	const char *why;

	if (!s || !s->peer->ike.discover)
		return "the peer is where its ike says";
	why = unsound(c, s, far);
	if (why) {
		const char *before = s->untaken;

		s->untaken = why;
		return why == before ? NULL : why;
	}
	s->untaken = NULL;
	s->next = far->at;
	s->next.port = 0;
	settle(c, s);
	return NULL;
}

/* -- the role -------------------------------------------------------------- */

static void end(void *state)
{
	struct charon *c = state;
	struct stand *s;

	owns_use(c->owns, NULL);
	if (c->ike)
		ike_finish(c->ike);
	ike_free(c->ike);
	c->ike = NULL;
	while ((s = c->stands)) {
		c->stands = s->further;
		free(s);
	}
}

static int begin(void *state, struct event_base *base,
		 const struct settings *settings, const struct policy *policy,
		 const struct standing_ops *standing_ops, void *user)
{
	struct charon *c = state;
	const struct peer *p;
	int r;

	c->ops = standing_ops;
	c->user = user;
	c->of = settings;
	r = ike_new(base, &c->settings, &ops, c, &c->ike);
	if (!r)
		owns_use(c->owns, c->ike);
	for (size_t i = 0; !r && (p = policy_at(policy, i)); i++)
		if (profile_stands(p->profile))
			r = stand_up(c, p);
	if (r)
		end(c);
	return r;
}

static void key(void *state, const char *peer, const struct secret *psk)
{
	struct charon *c = state;

	ike_key(c->ike, peer, psk);
}

static const char *trouble(void *state, const char *peer)
{
	const struct charon *c = state;
	const struct stand *s = find(c, peer);

	if (!s)
		return "there is no such peer";
	if (s->broken || !s->there)
		return s->why;
	if (s->up || (s->peer->profile->ike_after && !ike_trouble(c->ike)))
		return NULL;
	return ike_trouble(c->ike) ? ike_trouble(c->ike) : s->why;
}

/* A tunnel for calls alone ends with them, and nobody is told. */
static bool up(void *state, const char *peer)
{
	const struct charon *c = state;
	const struct stand *s = find(c, peer);

	return s && is_up(c, s);
}

static const char *down(void *state, const char *peer)
{
	const struct charon *c = state;
	const struct stand *s = find(c, peer);

	if (!s || up(state, peer))
		return NULL;
	if (!s->broken && ike_trouble(c->ike))
		return ike_trouble(c->ike);
	if (s->broken || !s->there || s->failed || !s->peer->profile->ike_after)
		return s->why;
	return s->tried;
}

static void ours(void *state, const char *peer, struct msg_ike_sdp *out)
{
	const struct charon *c = state;
	const struct stand *s = find(c, peer);

	if (!s)
		return;
	out->at = our_address(c, &s->end.at);
	if (*s->peer->ike.cert)
		proof_ours(c->proof, &out->certs);
}

/* charon goes to the address that the operator gave, by its own ports. */
static const char *address_differs(const struct stand *s,
				   const struct addr *at)
{
	if (!addr_same_host(&s->end.at, at))
		return "it has another address than the peer's ike";
	return at->port == 500 || at->port == 4500
		       ? NULL : "its port is neither 500 nor 4500";
}

static const char *differs(void *state, const char *peer,
			   const struct msg_ike_sdp *far)
{
	const struct charon *c = state;
	const struct stand *s = find(c, peer);
	const char *why = NULL;

	if (!s)
		return "there is no such peer";
	if (far->at.family)
		why = address_differs(s, &far->at);
	if (why || !(far->certs.n + far->certs.unknown))
		return why;
	if (!*s->peer->ike.cert)
		return "it names a certificate, and the peer is to prove "
		       "itself by its psk";
	return proof_fits(c->proof, peer, &far->certs) ? NULL :
	       "its fingerprint is not that of the peer's ike_cert";
}

static int want(void *state, const char *peer, bool wait, uint64_t *out)
{
	struct charon *c = state;
	const struct stand *s = find(c, peer);

	if (!s || !s->there)
		return E_NOTFOUND;
	return add_use(c, s, true, wait, out);
}

static void unwant(void *state, uint64_t use)
{
	struct charon *c = state;

	ike_drop(c->ike, use);
}

static bool covers(void *state, const char *peer, const struct addr *local,
		   const struct addr *remote)
{
	const struct charon *c = state;
	const struct stand *s = find(c, peer);

	return s && ike_covers(c->ike, s->use, local, remote);
}

static int list(void *state, standing_sa_fn fn, standing_listed_fn listed,
		void *user)
{
	struct charon *c = state;

	return vici_standing_list(c->ike, c->settings.prefix, fn, listed, user);
}

const struct tunnel_maker *vici_standing_maker(const struct standing *role)
{
	const struct charon *c = role->state;

	return owns_maker(c->owns);
}

int vici_standing_new(const struct conf *conf, struct standing **out)
{
	static const struct ike_settings defaults = IKE_DEFAULTS;
	struct charon *c = calloc(1, sizeof *c);

	if (!c || owns_new(&c->owns)) {
		free(c);
		return E_NOMEM;
	}
	c->conf = conf_one(conf, "vici");
	c->settings = defaults;
	c->settings.client.path = conf_text(c->conf, "socket");
	c->settings.prefix = conf_text(c->conf, "prefix");
	c->role = (struct standing){ c, begin, end, key, trouble, down, up,
				     ours, differs, found, covers, want,
				     unwant, list };
	*out = &c->role;
	return 0;
}

struct ike_settings *vici_standing_times(struct standing *role)
{
	struct charon *c = role->state;

	return &c->settings;
}

static int read_proof(const struct charon *c, const struct policy *policy,
		      const struct proof_files *files, struct proof **out)
{
	const char *id = conf_text(c->conf, "id");

	if (!*id)
		id = conf_text(c->conf, "address");
	return proof_new(policy, *id ? id : NULL, files, out);
}

int vici_standing_certs(struct standing *role, const struct policy *policy,
			const struct proof_files *files)
{
	struct charon *c = role->state;

	return read_proof(c, policy, files, &c->proof);
}

/* Of a peer that has its tunnels by certificates that are good. */
static bool is_proved(const struct stand *s)
{
	return *s->peer->ike.cert && s->there && !s->broken;
}

/* What is wrong with one file keeps none of the others from being taken. */
static int renew(struct charon *c, struct stand *s, struct proof *next,
		 bool other)
{
	struct ike_peer p = { .name = s->peer->name };
	const char *why = proof_take(c->proof, next, s->peer->name, &other);

	if (why)
		log_error(TAG, "peer %s: %s; the one before stays",
			  s->peer->name, why);
	if (!other)
		return 0;
	proof_give(c->proof, s->peer->name, &p);
	log_info(TAG, "peer %s: its certificate of IKE, or ours, is another "
		 "one", s->peer->name);
	return ike_peer_certs(c->ike, s->peer->name, &p.ours, &p.theirs);
}

int vici_standing_renew(struct standing *role, const struct policy *policy,
			const struct proof_files *files)
{
	struct charon *c = role->state;
	struct proof *next;
	bool other = false;
	const char *why;
	int one, r = read_proof(c, policy, files, &next);

	if (r)
		return r;
	why = proof_take_ours(c->proof, next, &other);
	if (why)
		log_error(TAG, "%s; ours before stays", why);
	for (struct stand *s = c->stands; s; s = s->further)
		if (is_proved(s) && (one = renew(c, s, next, other)))
			r = one;
	proof_free(next);
	return r;
}

void vici_standing_free(struct standing *s)
{
	struct charon *c = s ? s->state : NULL;

	if (!c)
		return;
	owns_free(c->owns);
	proof_free(c->proof);
	free(c);
}
