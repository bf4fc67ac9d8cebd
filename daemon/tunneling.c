/* tunneling.c - see tunneling.h. */
#include "daemon/tunneling.h"

#include "daemon/base/err.h"
#include "daemon/base/esp.h"
#include "daemon/settings.h"
#include "daemon/tunnelnets.h"

#include <string.h>

static const char *const shuts[] = { "kernel", "relay", NULL };

static const struct conf_key tunnel_keys[] = {
	{ .name = "ports", .type = CONF_TEXT, .dflt = "40000-40999",
	  .valid = settings_ports_valid, .reload = RELOAD_RESTART,
	  .help = "UDP ports of the outside for media that go in ESP (media = "
		  "\"esp\" or \"ike\" of a profile); each call takes two a "
		  "media line. The kernel lets nothing else through them, from "
		  "start to end (but see shut): none of them may be in "
		  "media.ports. With \"ike\" charon can give the kernel a "
		  "power of two of ports alone, the least that holds these "
		  "(32768-49151 for the default): between the two ends all "
		  "UDP of those goes in the tunnel, so keep SIP out of it." },
	{ .name = "life", .type = CONF_INT, .dflt = "3600", .min = 300,
	  .max = 86400, .unit = "s", .reload = RELOAD_LIVE,
	  .help = "How long a key of ESP is used; new ones are agreed on "
		  "before. For media = \"ike\" as it is at the start." },
	{ .name = "window", .type = CONF_INT, .dflt = "256",
	  .min = ESP_WINDOW_MIN, .max = ESP_WINDOW_MAX, .unit = "packets",
	  .reload = RELOAD_LIVE,
	  .help = "How far packets may be out of order (RFC 4303 3.4.3)." },
	{ .name = "shut", .type = CONF_WORD, .choices = shuts,
	  .dflt = "kernel", .reload = RELOAD_RESTART,
	  .help = "Who keeps ports shut for what is in no tunnel. kernel: its "
		  "policies, from start to end. relay: the relay alone, which "
		  "stops when the tunnel is told to be gone, and takes what "
		  "comes from the far end's address: for media = \"ike\" where "
		  "the kernel has no ESP and charon does it itself "
		  "(kernel-libipsec). Not with media = \"esp\"." },
	{ .name = "udp", .type = CONF_INT, .dflt = "0", .min = 0,
	  .max = 65535, .reload = RELOAD_RESTART,
	  .help = "UDP port of the outside for ESP in UDP (RFC 3948), 0: none; "
		  "not 4500, which is IKE's. ESP goes in UDP where a NAT is "
		  "before either side (outside.public); then both need a "
		  "port. An end behind a NAT need not have it sent on from "
		  "outside: its keep-alives hold the NAT open, and the far "
		  "end follows the port that its packets come from, at the "
		  "address that outside.public says. Where both are behind "
		  "NATs, one of these must send the port on, unchanged." },
	{ .name = "keepalive", .type = CONF_INT, .dflt = "20", .min = 5,
	  .max = 3600, .unit = "s", .reload = RELOAD_RESTART,
	  .help = "How often an octet goes to each far end of ESP in UDP "
		  "while a tunnel leads there and a NAT is before us "
		  "(outside.public), so that it does not forget us (RFC 3948 "
		  "4): less than it remembers UDP for." },
	{ .name = "nets", .type = CONF_TEXTS, .reload = RELOAD_RESTART,
	  .help = "The networks behind us that tunnels with esp_scope = "
		  "\"net\" are for, ADDRESS/BITS; up to four of IPv4 and four "
		  "of IPv6. Phones of such calls must be in them." },
	{ .name = NULL }
};

const struct conf_group tunnel_group = {
	"tunnel", CONF_ONE, tunnel_keys,
	"Media in ESP, by the kernel's IPsec, where a profile has media = "
	"\"esp\" or \"ike\"."
};

/* -- networks behind us ---------------------------------------------------- */

static int check_net(const struct conf_node *n, const struct tunnel_settings *t,
		     const struct net *net, struct conf_err *err)
{
	char text[ADDR_TEXT];
	unsigned same = 0;

	if (!net->bits)
		return conf_fail(err, n, "tunnel.nets: it names all addresses "
				 "there are; say what is behind us");
	if (tunnelnets_meet(t, net))
		return conf_fail(err, n, "tunnel.nets: %s/%u overlaps with "
				 "another one; leave one of them out",
				 addr_host(&net->base, text), net->bits);
	for (size_t i = 0; i < t->n_nets; i++)
		same += t->nets[i].base.family == net->base.family;
	if (same == ESP_SELECTORS_MAX)
		return conf_fail(err, n, "tunnel.nets: more than %d of IPv%d",
				 ESP_SELECTORS_MAX, net->base.family);
	return 0;
}

static int read_nets(const struct conf_node *n, struct tunnel_settings *t,
		     struct conf_err *err)
{
	for (size_t i = 0; i < conf_texts(n, "nets"); i++) {
		const char *text = conf_text_at(n, "nets", i);
		struct net net;

		if (net_parse(text, &net))
			return conf_fail(err, n, "tunnel.nets: \"%.60s\" is "
					 "no ADDRESS/BITS", text);
		net_trim(&net);
		if (check_net(n, t, &net, err))
			return E_CONF;
		t->nets[t->n_nets++] = net;
	}
	return 0;
}

/* -- reading --------------------------------------------------------------- */

int tunneling_read(const struct conf *c, struct tunnel_settings *out,
		   struct conf_err *err)
{
	const struct conf_node *n = conf_one(c, "tunnel");
	struct tunnel_settings t = {
		.life_s = (uint32_t)conf_int(n, "life"),
		.window = (uint16_t)conf_int(n, "window"),
		.open = !strcmp(conf_text(n, "shut"), "relay"),
		.udp = (uint16_t)conf_int(n, "udp"),
		.keepalive_s = (uint32_t)conf_int(n, "keepalive"),
	};

	if (settings_ports(conf_text(n, "ports"), &t.port_min, &t.port_max))
		return conf_fail(err, n, "tunnel.ports");
	if (read_nets(n, &t, err))
		return E_CONF;
	*out = t;
	return 0;
}
