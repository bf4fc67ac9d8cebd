/* module.c - IKE through strongSwan's charon, a module of the tunnel process:
 *
 *   standing.c   a tunnel to each peer with media = "ike"
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

static int file_of(void *user, const char *name)
{
	return child_file(user, name);
}

static int read_certs(struct core *core, struct standing *s)
{
	struct child *child = tunnel_child(core_process(core));
	struct proof_files files = { file_of, child,
				     clock_wall_us(&clock_system) };

	return vici_standing_certs(s, child_policy(child), &files);
}

static int start(struct core *core, const struct conf *c, void **state)
{
	struct standing *s;
	int r = vici_standing_new(c, &s);

	if (r)
		return r;
	r = read_certs(core, s);
	if (!r)
		r = core_register(core, "standing", "charon", s);
	if (r)
		vici_standing_free(s);
	else
		*state = s;
	return r;
}

/* charon's connections follow the peers, and those the configuration. */
static int reload(void *state, const struct conf *c)
{
	(void)state;
	(void)c;
	return 0;
}

static void stop(void *state)
{
	vici_standing_free(state);
}

static const struct conf_group *const groups[] = { &vici_group, NULL };
static const char *const provides[] = { "standing", NULL };

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
