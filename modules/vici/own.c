/* own.c - tunnels that each call has for itself. See own.h; RFC 7296.
 *
 * Both ends have a pre-shared key and a name for this tunnel alone, by the
 * call's keying. One begins IKE; the other has charon know all of it before it
 * says so in signalling, and waits. Identities are made of the name, so that
 * charon tells calls apart, and the key proves both ends. IKE goes between the
 * addresses that media have, and takes exactly the ports of one line of SDP:
 * what the far end narrowed is no tunnel.
 *
 * A key is here from raise() until charon is given it, a moment later. */
#include "modules/vici/own.h"

#include "daemon/base/err.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define DPD_S 5      /* a far end that says nothing is asked */
#define NUMBER_TEXT 8
#define RTP_AND_RTCP 2
/* Of IKE: 128 bits at least, which the verdict counts on. */
#define PROPOSAL "aes256-aes128-sha256-x25519-ecp256"
#define NARROWED "the far end does not take all that the call needs"

enum own_state {
	OWN_RESERVED,
	OWN_LOADING, /* until raised() */
	OWN_AWAITED, /* by the far end */
	OWN_UP
};

struct tunnel_pair {
	struct tunnel_pair *next;
	struct owns *of;
	void *owner;
	enum own_state state;
	uint32_t number; /* no SPI, but unique here */
	uint64_t use;
	bool there;      /* the manager has the peer */
	bool begins;     /* this end does */
	struct addr near, far;
	unsigned ports;  /* of each end, from the address's on */
	struct secret key;
	char name[IKE_NAME_MAX + 1];
};

struct owns {
	struct tunnel_maker role;
	struct ike *ike;
	struct tunnel_pair *pairs;
	const struct tunnel_ears *ears;
	void *user;
};

static int fail(struct tunnel_why *why, int err, const char *text)
{
	snprintf(why->text, sizeof why->text, "%s", text);
	return err;
}

static int no_tunnel(struct tunnel_why *why, const char *text)
{
	snprintf(why->text, sizeof why->text, "no tunnel to the peer: %s",
		 text);
	return E_STATE;
}

/* -- reserving ------------------------------------------------------------ */

static const char *const proposals[ESP_SUITES] = {
	[ESP_AES_128_GCM] = "aes128gcm16-x25519-ecp256",
	[ESP_AES_256_GCM] = "aes256gcm16-x25519-ecp256",
	[ESP_AES_128_CBC_SHA256] = "aes128-sha256-x25519-ecp256",
	[ESP_AES_256_CBC_SHA256] = "aes256-sha256-x25519-ecp256",
};

static bool can(void *state, uint8_t family, enum esp_suite suite)
{
	(void)state;
	(void)family;
	return suite == ESP_NONE || proposals[suite];
}

static bool is_taken(const struct owns *o, uint32_t number)
{
	const struct tunnel_pair *p = o->pairs;

	while (p && p->number != number)
		p = p->next;
	return p;
}

static int draw(const struct owns *o, uint32_t *out)
{
	do
		if (getrandom(out, sizeof *out, 0) != sizeof *out)
			return E_IO;
	while (*out < ESP_SPI_MIN || is_taken(o, *out));
	return 0;
}

static int reserve(void *state, const struct addr *local,
		   const struct tunnel_pair *with, void *owner,
		   struct tunnel_pair **out, uint32_t *spi,
		   struct tunnel_why *why)
{
	struct owns *o = state;
	struct tunnel_pair *p;

	(void)with;
	(void)local;
	if (!o->ike)
		return fail(why, E_STATE, "IKE is not ready");
	if (ike_trouble(o->ike)) /* before anybody is called in vain */
		return no_tunnel(why, ike_trouble(o->ike));
	p = calloc(1, sizeof *p);
	if (!p)
		return fail(why, E_NOMEM, "no memory");
	if (draw(o, &p->number)) {
		free(p);
		return fail(why, E_IO, "no random number");
	}
	p->of = o;
	p->owner = owner;
	p->next = o->pairs;
	o->pairs = p;
	*spi = p->number;
	*out = p;
	return 0;
}

/* -- raising -------------------------------------------------------------- */

/* "once:0123abcd:PEER": charon shows it to the operator. */
static void write_name(struct tunnel_pair *p, const char *peer)
{
	snprintf(p->name, sizeof p->name, IKE_ONCE "%0*x:%.*s", NUMBER_TEXT,
		 (unsigned)p->number, (int)(sizeof p->name -
		 sizeof IKE_ONCE - NUMBER_TEXT - 1), peer);
}

const char *owns_peer(const char *name)
{
	size_t n = strlen(IKE_ONCE) + NUMBER_TEXT + 1;

	return strncmp(name, IKE_ONCE, strlen(IKE_ONCE)) || strlen(name) < n
	       ? NULL : name + n;
}

static void write_id(char *out, const struct msg_tunnel_key *m, bool begins)
{
	for (size_t i = 0; i < TUNNEL_NAME; i++)
		out += sprintf(out, "%02x", m->in.auth[i]);
	strcpy(out, begins ? "-a" : "-b");
}

static struct addr bare(struct addr a)
{
	a.port = 0;
	return a;
}

static int add_peer(struct tunnel_pair *p, const struct tunnel_pair *instead,
		    const struct msg_tunnel_key *m)
{
	char ours[2 * TUNNEL_NAME + 3], theirs[sizeof ours];
	struct ike_peer peer = {
		.name = p->name, .local = bare(m->near.at),
		.remote = bare(m->far.at), .dpd_s = DPD_S,
		.proposal = PROPOSAL,
		.ours = { .auth = VICI_AUTH_PSK, .id = ours },
		.theirs = { .auth = VICI_AUTH_PSK, .id = theirs },
		.once = true, .beside = instead ? instead->name : NULL
	};

	write_id(ours, m, p->begins);
	write_id(theirs, m, !p->begins);
	return ike_peer_add(p->of->ike, &peer);
}

static struct vici_selector selector_of(const struct esp_end *e)
{
	const struct esp_selector *s = e->sel;

	return (struct vici_selector){
		.net = s->net, .protocol = IPPROTO_UDP, .port = s->port,
		.port_last = (uint16_t)(s->port | (uint16_t)~s->mask)
	};
}

static int add_use(struct tunnel_pair *p, const struct msg_tunnel_key *m)
{
	struct vici_selector local = selector_of(&m->near);
	struct vici_selector remote = selector_of(&m->far);
	struct ike_want want = {
		.peer = p->name, .local = &local, .remote = &remote,
		.n_local = 1, .n_remote = 1,
		.proposal = proposals[m->in.suite],
		/* the keys' end is a tenth later */
		.rekey_s = m->life_s - m->life_s / 10,
		.passive = !p->begins
	};

	return ike_use(p->of->ike, &want, &p->use);
}

static struct addr first_of(const struct esp_end *e)
{
	struct addr a = e->sel[0].net.base;

	a.port = e->sel[0].port;
	return a;
}

/* What it is to take the place of leads to the same ports: others would have
 * media before it is up. */
static const char *wrong(const struct tunnel_pair *p,
			 const struct tunnel_pair *instead)
{
	if (addr_same_host(&p->near, &p->far))
		return "the far end has our own address";
	if (instead && (!addr_equal(&p->near, &instead->near) ||
			!addr_equal(&p->far, &instead->far)))
		return "the far end's media moved to another address or port, "
		       "where the tunnel of this call cannot follow";
	return NULL;
}

static int raise(void *state, struct tunnel_pair *p,
		 struct tunnel_pair *instead, const struct msg_tunnel_key *m,
		 struct tunnel_why *why)
{
	const struct owns *o = state;
	const char *text;
	int r;

	p->near = first_of(&m->near);
	p->far = first_of(&m->far);
	p->ports = m->near.sel[0].mask & m->far.sel[0].mask & 1
		   ? 1 : RTP_AND_RTCP;
	p->begins = m->ike == TUNNEL_IKE_BEGINS;
	text = wrong(p, instead);
	if (text)
		return fail(why, E_POLICY, text);
	if (!can(state, p->near.family, m->in.suite))
		return fail(why, E_UNSUPPORTED, "charon has no such suite");
	if (ike_trouble(o->ike))
		return no_tunnel(why, ike_trouble(o->ike));
	write_name(p, m->peer);
	r = secret_set(&p->key, m->in.key, m->in.key_len);
	if (!r)
		r = add_peer(p, instead, m);
	p->there = !r;
	if (!r)
		r = add_use(p, m);
	if (r && p->there) {
		ike_peer_del(o->ike, p->name);
		p->there = false;
	}
	if (r) {
		secret_wipe(&p->key);
		return fail(why, r, r == E_EXISTS ? "another tunnel of "
			    "charon's is for some of the same packets: see "
			    "ike_nets of the peers" : err_text(r));
	}
	p->state = OWN_LOADING;
	return E_AGAIN;
}

/* -- what ike tells ------------------------------------------------------- */

bool owns_need_key(struct owns *o, const char *peer)
{
	struct tunnel_pair *p = o->pairs;

	while (p && (!p->there || strcmp(p->name, peer)))
		p = p->next;
	if (!p)
		return false;
	ike_key(o->ike, peer, p->key.len ? &p->key : NULL);
	secret_wipe(&p->key);
	return true;
}

/* Nothing in it leads anywhere else: ike.h. */
static bool takes_all(const struct tunnel_pair *p)
{
	struct addr near = p->near, far = p->far;

	for (unsigned i = 0; i < p->ports; i++, near.port++, far.port++)
		if (!ike_covers(p->of->ike, p->use, &near, &far))
			return false;
	return true;
}

static void told(struct tunnel_pair *p, enum tunnel_event e, const char *why)
{
	p->of->ears->event(p->of->user, p->owner, e, why);
}

static void raised(struct tunnel_pair *p, int err, const char *why)
{
	p->of->ears->raised(p->of->user, p->owner, err, why);
}

static void on_ready(struct tunnel_pair *p)
{
	if (p->state != OWN_LOADING)
		return;
	p->state = OWN_AWAITED;
	raised(p, 0, NULL);
}

/* Also again, by other SAs. */
static void on_up(struct tunnel_pair *p)
{
	enum own_state was = p->state;

	if (!takes_all(p)) {
		if (was == OWN_LOADING)
			raised(p, E_POLICY, NARROWED);
		else
			told(p, TUNNEL_EVENT_GONE, NARROWED);
		return;
	}
	p->state = OWN_UP;
	if (was == OWN_LOADING)
		raised(p, 0, NULL);
	else if (was == OWN_AWAITED)
		told(p, TUNNEL_EVENT_UP, NULL);
}

static void on_end(struct tunnel_pair *p, const struct ike_event *e)
{
	struct tunnel_why why;
	int r = no_tunnel(&why, e->why);

	if (p->state == OWN_LOADING)
		raised(p, r, why.text);
	else
		told(p, TUNNEL_EVENT_GONE, e->why);
}

static struct tunnel_pair *find(const struct owns *o, uint64_t use)
{
	struct tunnel_pair *p = o->pairs;

	while (p && (!p->there || p->use != use))
		p = p->next;
	return p;
}

bool owns_event(struct owns *o, const struct ike_event *e)
{
	struct tunnel_pair *p = find(o, e->use);
	bool ours = p;

	/* the far end may have been so fast that nobody told of ready; whom
	 * that is told may drop it */
	if (p && !p->begins && e->news <= IKE_UP) {
		on_ready(p);
		p = find(o, e->use);
	}
	if (p && e->news == IKE_UP)
		on_up(p);
	else if (p && e->news > IKE_UP)
		on_end(p, e);
	return ours;
}

/* -- the rest of the role ------------------------------------------------- */

static bool sends(void *state, const struct tunnel_pair *p)
{
	(void)state;
	return p->state == OWN_UP;
}

/* charon sends by the newest, or by any that leads to the same place. */
static int turn(void *state, struct tunnel_pair *p, struct tunnel_why *why)
{
	(void)state;
	return p->state == OWN_UP ? 0 : fail(why, E_STATE, "the far end has "
					     "not raised it yet");
}

static void drop(void *state, struct tunnel_pair *p)
{
	struct owns *o = state;
	struct tunnel_pair **at = &o->pairs;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (p->there) {
		ike_drop(o->ike, p->use);
		ike_peer_del(o->ike, p->name);
	}
	secret_wipe(&p->key);
	free(p);
}

static void hear_by(void *state, const struct tunnel_ears *ears, void *user)
{
	struct owns *o = state;

	o->ears = ears;
	o->user = user;
}

/* -- life ----------------------------------------------------------------- */

void owns_use(struct owns *o, struct ike *ike)
{
	o->ike = ike;
	for (struct tunnel_pair *p = o->pairs; p && !ike; p = p->next)
		p->there = false;
}

const struct tunnel_maker *owns_maker(const struct owns *o)
{
	return &o->role;
}

int owns_new(struct owns **out)
{
	struct owns *o = calloc(1, sizeof *o);

	if (!o)
		return E_NOMEM;
	o->role = (struct tunnel_maker){
		.state = o, .can = can, .reserve = reserve, .raise = raise,
		.sends = sends, .turn = turn, .heard = sends, .drop = drop,
		.listen = hear_by };
	*out = o;
	return 0;
}

void owns_free(struct owns *o)
{
	while (o && o->pairs)
		drop(o, o->pairs);
	free(o);
}
