/* module.c - the module xfrm: the role "tunnel" by the kernel's XFRM.
 *
 *   block.c   nothing but ESP passes the ports, or to and from networks
 *   foreign.c unless another program lets it
 *   pair.c    SAs, of one line of media, for all between two ends, or between
 *             the networks behind them
 *   group.c   the policies that pairs have in common
 *   bypass.c  what stays out of those that are for all
 *   door.c    our port of ESP in UDP
 *   follow.c  what NATs before either end make of ports
 *   keep.c    when those before us are kept open
 *
 * Before start() is over it has swept what an earlier run left (but for its
 * block policies, which are taken over, so that no packet slips through
 * between) and tried what this kernel can. stop() removes all, and empties the
 * ledger: one with anything in it tells the parent that a crash left something,
 * and start() removes that also where no tunnels are wanted any more. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/child.h"
#include "daemon/module.h"
#include "modules/xfrm/tunnel/block.h"
#include "modules/xfrm/tunnel/door.h"
#include "modules/xfrm/tunnel/foreign.h"
#include "modules/xfrm/tunnel/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "xfrm"

extern const struct module xfrm_module;

struct state {
	int ledger; /* borrowed */
	struct pairs pairs;
	struct tunnel_maker maker;
};

/* -- the configuration ---------------------------------------------------- */

/* The loopback device takes no policies. */
static int check_media(const struct conf *c, const struct settings *s,
		       struct conf_err *err)
{
	const struct addr *m = s->face[OUTSIDE].media;

	for (int i = 0; i < 2; i++)
		if (m[i].family && addr_is_loopback(&m[i]))
			return conf_fail(err, conf_one(c, "outside"),
					 "outside.media: ESP takes an address "
					 "of a network, not loopback");
	return 0;
}

/* Tunnels of charon's need ports that are shut, too. */
static bool wants(const struct policy *policy, const struct settings *s)
{
	return policy_uses(policy, MEDIA_ESP) ||
	       (policy_uses(policy, MEDIA_IKE) && !s->tunnel.open);
}

static int check(const struct conf *c, struct conf_err *err)
{
	struct policy *policy;
	struct settings s;
	int r = settings_read(c, &s, err);

	if (!r)
		r = policy_new(c, &policy, err);
	if (r)
		return r;
	if (wants(policy, &s))
		r = check_media(c, &s, err);
	policy_free(policy);
	return r;
}

static void add_gate(struct pairs *p, const struct addr *a)
{
	struct addr host = *a;

	host.port = 0;
	if (!a->family || addr_is_any(a))
		return;
	for (size_t i = 0; i < p->n_gates; i++)
		if (addr_equal(&p->gate[i], &host))
			return;
	p->gate[p->n_gates++] = host;
}

static void copy_settings(struct pairs *p, const struct settings *s)
{
	memcpy(p->media, s->face[OUTSIDE].media, sizeof p->media);
	for (int f = INSIDE; f <= OUTSIDE; f++)
		for (size_t i = 0; i < s->face[f].n_listen; i++)
			if (p->n_sip < PAIR_SIP_MAX)
				p->sip[p->n_sip++] = s->face[f].listen[i].addr;
	_Static_assert(PAIR_SIP_MAX == 2 * LISTEN_MAX, "room for all");
	for (int i = 0; i < 2; i++)
		add_gate(p, &s->face[OUTSIDE].media[i]);
	for (size_t i = 0; i < s->face[OUTSIDE].n_listen; i++)
		add_gate(p, &s->face[OUTSIDE].listen[i].addr);
}

/* -- starting ------------------------------------------------------------- */

/* What does not go away by itself ends the daemon. */
static int explain(int r, const struct xfrm_why *why)
{
	log_error(TAG, "media = \"esp\": %s", why->text);
	return r == E_UNSUPPORTED || r == E_POLICY ? E_CONF : r;
}

static int open_kernel(struct pairs *p, int ledger)
{
	struct xfrm_why why;
	struct xfrm_swept swept;
	int r = xfrm_open(ledger, &p->x, &why);

	if (!r)
		r = probe_all(p->x, &p->probe, &why);
	if (!r)
		r = xfrm_sweep(p->x, true, &swept, &why);
	if (r)
		return explain(r, &why);
	if (swept.sas || swept.policies)
		log_info(TAG, "removed what an earlier run left: %u SAs, %u "
			 "policies", swept.sas, swept.policies);
	if (*p->probe.text)
		log_error(TAG, "%s", p->probe.text);
	return 0;
}

/* Gateways may be in their own networks: SIP passes to and from all of them,
 * and what it takes to get there. */
static int pass_sip(struct pairs *p, const struct net *net,
		    struct xfrm_why *why)
{
	uint32_t slot[2 * BYPASS_MOST];
	size_t n;
	int r = 0;

	for (size_t i = 0; !r && i < p->n_gates; i++)
		if (p->gate[i].family == net->base.family)
			r = bypass_raise(p->x, &p->bypass, &p->gate[i], net,
					 slot, &n, why);
	return r;
}

static int shut_nets(struct pairs *p, const struct pair_peer *peer,
		     struct xfrm_why *why)
{
	int r = 0;

	for (size_t i = 0; !r && i < peer->n; i++) {
		r = foreign_check_net(p->x, &peer->net[i], why);
		if (!r)
			r = pass_sip(p, &peer->net[i], why);
		if (!r)
			r = block_net(p->x, &peer->net[i], why);
	}
	return r;
}

static int shut_ports(struct pairs *p, const struct addr *host,
		      const struct tunnel_settings *t, struct xfrm_why *why)
{
	int r = foreign_check(p->x, host, t->port_min, t->port_max, why);

	return r ? r : block_ports(p->x, host, t->port_min, t->port_max, why);
}

static int block_all(struct pairs *p, const struct tunnel_settings *t)
{
	struct xfrm_why why;
	int r = 0;

	for (int i = 0; !r && i < 2; i++)
		if (p->media[i].family)
			r = shut_ports(p, &p->media[i], t, &why);
	for (size_t i = 0; !r && i < p->n_peers; i++)
		r = shut_nets(p, &p->peer[i], &why);
	if (!r)
		r = block_forget(p->x, &why);
	return r ? explain(r, &why) : 0;
}

/* All of it goes. */
static int clear(struct xfrm *x, int ledger, struct xfrm_swept *swept,
		 struct xfrm_why *why)
{
	int r = xfrm_sweep(x, false, swept, why);

	if (!r && !ledger_count(xfrm_ledger(x)) && ftruncate(ledger, 0))
		log_error(TAG, "the ledger cannot be emptied");
	return r;
}

static void shut_doors(struct state *s)
{
	for (int i = 0; i < 2; i++)
		if (s->pairs.door[i] >= 0)
			close(s->pairs.door[i]);
}

static int open_doors(struct state *s, unsigned port)
{
	const struct addr *media = s->pairs.media;
	char at[ADDR_TEXT];
	const char *why;
	int r = 0;

	for (int i = 0; port && !r && i < 2; i++) {
		if (!media[i].family)
			continue;
		r = door_open(&media[i], port, &s->pairs.door[i], &why);
		if (r)
			log_error(TAG, "tunnel.udp: port %u of %s: %s: %s",
				  port, addr_host(&media[i], at), why,
				  strerror(errno));
	}
	return r;
}

static void stop(void *state)
{
	struct state *s = state;
	struct xfrm_swept swept;
	struct xfrm_why why;

	if (s->pairs.x && clear(s->pairs.x, s->ledger, &swept, &why))
		log_error(TAG, "%s; the next start removes it", why.text);
	pairs_free(&s->pairs);
	if (s->pairs.x)
		xfrm_close(s->pairs.x);
	shut_doors(s);
	free(s);
}

/* -- what is left of a configuration that had tunnels --------------------- */

/* A fault of it is told, and hinders no call. */
static void clear_left(int ledger)
{
	struct xfrm_swept swept;
	struct xfrm_why why;
	struct stat st;
	struct xfrm *x;
	int r;

	if (fstat(ledger, &st) || !st.st_size)
		return;
	r = xfrm_open(ledger, &x, &why);
	if (!r) {
		r = clear(x, ledger, &swept, &why);
		xfrm_close(x);
	}
	if (r)
		log_error(TAG, "SAs and policies of an earlier run may be in "
			  "the kernel still, and shut its tunnel.ports: %s",
			  why.text);
	else if (swept.sas || swept.policies)
		log_info(TAG, "no peer has tunnels any more: removed what an "
			 "earlier run left, %u SAs, %u policies", swept.sas,
			 swept.policies);
}

/* -- starting, the rest --------------------------------------------------- */

static int start(struct core *core, const struct conf *c, void **out)
{
	struct child *child = tunnel_child(core_process(core));
	struct state *s = calloc(1, sizeof *s);
	struct conf_err err = { "" };
	struct settings settings;
	int r = E_NOMEM;

	if (!s)
		return r;
	s->pairs.door[0] = s->pairs.door[1] = -1;
	r = settings_read(c, &settings, &err);
	s->ledger = child_file(child, "ledger");
	if (!r && !wants(child_policy(child), &settings)) {
		clear_left(s->ledger);
		*out = s;
		return 0;
	}
	if (!r)
		r = bypass_read(&settings, child_policy(child),
				&s->pairs.bypass);
	if (!r)
		r = pairs_read(&s->pairs, &settings, child_policy(child));
	if (!r) {
		copy_settings(&s->pairs, &settings);
		r = open_kernel(&s->pairs, s->ledger);
	}
	if (!r)
		r = open_doors(s, settings.tunnel.udp);
	if (!r)
		r = block_all(&s->pairs, &settings.tunnel);
	s->maker = pairs_maker(&s->pairs);
	if (!r)
		r = core_register(core, "tunnel", "xfrm", &s->maker);
	if (r) {
		/* blocked stays blocked: a next start takes it over */
		xfrm_close(s->pairs.x);
		pairs_free(&s->pairs);
		shut_doors(s);
		free(s);
		return r;
	}
	*out = s;
	return 0;
}

/* -- for --check ---------------------------------------------------------- */

/* Under names of its own, that nobody keeps. */
static int try_kernel(int ledger, struct xfrm_why *why)
{
	struct probe probe;
	struct xfrm *x;
	int r = xfrm_open(ledger, &x, why);

	if (r)
		return r;
	r = probe_all(x, &probe, why);
	xfrm_close(x);
	return r;
}

static int try(char *why, size_t len)
{
	struct xfrm_why x = { .text = "no memory" };
	int fd = memfd_create("ledger", MFD_CLOEXEC);
	int r = fd < 0 ? E_IO : try_kernel(fd, &x);

	if (fd >= 0)
		close(fd);
	if (r)
		snprintf(why, len, "%s", x.text);
	return r;
}

static const char *const provides[] = { "tunnel", NULL };

const struct module xfrm_module = {
	.name = "xfrm",
	.process = PROC_TUNNEL,
	.provides = provides,
	.check = check,
	.try = try,
	.start = start,
	.stop = stop,
};
