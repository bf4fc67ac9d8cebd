/* module.c - IKE through strongSwan's charon, a module of the tunnel process:
 *
 *   standing.c   a tunnel to each peer with media = "ike"
 *   own.c        the tunnels of calls that have their own (ike = "call")
 *   proof.c      certificates of IKE, ours and theirs
 *   list.c       what charon has, for the operator
 *   ike/         tunnels by who uses them
 *   ask.c, conn.c, sa.c, selector.c   what charon is asked and tells
 *   client.c, packet.c, message.c     its VICI socket */
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/child.h"
#include "daemon/module.h"
#include "daemon/tunnel/tunnel.h"
#include "modules/vici/standing.h"

#include <stdlib.h>

struct vici {
	struct core *core;
	struct standing *standing;
};

static int file_of(void *user, const char *name)
{
	return child_file(user, name);
}

static int read_certs(struct vici *v,
		      int (*read)(struct standing *s,
				  const struct policy *policy,
				  const struct proof_files *files))
{
	struct child *child = tunnel_child(core_process(v->core));
	struct proof_files files = { file_of, child,
				     clock_wall_us(&clock_system) };

	return read(v->standing, child_policy(child), &files);
}

static void stop(void *state)
{
	struct vici *v = state;

	vici_standing_free(v->standing);
	free(v);
}

static int start(struct core *core, const struct conf *c, void **state)
{
	struct vici *v = calloc(1, sizeof *v);
	int r = v ? vici_standing_new(c, &v->standing) : E_NOMEM;

	if (r) {
		free(v);
		return r;
	}
	v->core = core;
	r = read_certs(v, vici_standing_certs);
	if (!r)
		r = core_register(core, "standing", "charon", v->standing);
	if (!r)
		r = core_register(core, "tunnel", "charon",
				  vici_standing_maker(v->standing));
	if (r)
		stop(v);
	else
		*state = v;
	return r;
}

/* charon's connections follow the peers, and those the configuration; what may
 * be another is what is in a file of certificates. */
static int reload(void *state, const struct conf *c)
{
	(void)c;
	return read_certs(state, vici_standing_renew);
}

static const struct conf_group *const groups[] = { &vici_group, NULL };
static const char *const provides[] = { "standing", "tunnel", NULL };

const struct module vici_module = {
	.name = "vici",
	.process = PROC_TUNNEL,
	.provides = provides,
	.groups = groups,
	.check = vici_standing_check,
	.start = start,
	.reload = reload,
	.stop = stop,
};
