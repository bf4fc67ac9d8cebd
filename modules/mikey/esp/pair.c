/* pair.c - see pair.h. A far end is believed to say where it is and what lies
 * behind it, but only as far as our own terms reach: it may not name what is
 * ours, nor a network that the operator did not allow, nor this machine. Of our
 * own end only we tell. */
#include "modules/mikey/esp/pair.h"

#include "daemon/base/err.h"
#include "modules/mikey/outgoing.h"

#include <string.h>

static bool meet(const struct esp_end *a, const struct esp_end *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (esp_selectors_meet(&a->sel[i], &b->sel[k]))
				return true;
	return false;
}

/* -- our own -------------------------------------------------------------- */

/* Whether the terms are those of tunnels that IKE raises, if it is to do so: it
 * finds NATs itself. */
static bool ike_fits(const struct esp_terms *t)
{
	if (!t->ike)
		return true;
	for (size_t i = 0; i < t->n; i++)
		if (t->near[i].natted || t->near[i].at.port)
			return false;
	return t->mode == ESP_TUNNEL && t->scope == ESP_MEDIA;
}

static int check_near(const struct esp_terms *t, struct keying_fault *fault)
{
	const char *why;

	for (size_t i = 0; i < t->n; i++) {
		if (esp_end_check(&t->near[i], t->scope, t->mode, &why))
			return mikey_fault(fault, E_ARG, "our end of tunnel "
					   "%zu has %s", i + 1, why);
		for (size_t k = 0; k < i; k++)
			if (t->near[k].spi == t->near[i].spi ||
			    meet(&t->near[k], &t->near[i]))
				return mikey_fault(fault, E_ARG, "two tunnels "
						   "of ours have an SPI or "
						   "traffic in common");
	}
	return 0;
}

int mikey_esp_terms(const struct esp_terms *t, bool legacy,
		    struct keying_fault *fault)
{
	for (size_t i = 0; i < t->n_suites; i++) {
		const struct esp_suite_info *s = esp_suite_info(t->suites[i]);

		if (s && s->legacy && !legacy)
			return mikey_fault(fault, E_POLICY, "ESP suite %s is "
					   "of old peers: set mikey.legacy, or "
					   "leave it out of the profile's esp",
					   s->name);
		if (!s)
			return mikey_fault(fault, E_POLICY, "an ESP suite "
					   "that is none of ours");
		for (size_t k = 0; k < i; k++)
			if (t->suites[k] == t->suites[i])
				return mikey_fault(fault, E_POLICY, "ESP "
						   "suite %s stands twice",
						   s->name);
	}
	if (!t->n_suites)
		return mikey_fault(fault, E_POLICY, "no ESP suite is allowed");
	if (!t->n || t->n > ESP_TUNNELS_MAX ||
	    (t->n > 1 && t->scope != ESP_MEDIA) || t->n_nets > ESP_NETS_MAX ||
	    t->life_s < ESP_LIFE_MIN_S || t->window < ESP_WINDOW_MIN ||
	    t->window > ESP_WINDOW_MAX)
		return mikey_fault(fault, E_ARG, "tunnels, their lifetime or "
				   "their replay window are out of bounds");
	if (!ike_fits(t))
		return mikey_fault(fault, E_ARG, "IKE raises tunnels of lines "
				   "of media in tunnel mode, without ports of "
				   "UDP");
	return check_near(t, fault);
}

struct mikey_esp_bounds mikey_esp_bounds_of(const struct esp_terms *t)
{
	struct mikey_esp_bounds b = { .ike = t->ike, .mode = t->mode,
				      .scope = t->scope,
				      .n_nets = t->n_nets };

	if (t->n_nets)
		memcpy(b.nets, t->nets, t->n_nets * sizeof *b.nets);
	return b;
}

/* -- the far end ---------------------------------------------------------- */

static bool within(const struct net *n, const struct mikey_esp_bounds *b)
{
	for (size_t i = 0; i < b->n_nets; i++)
		if (n->bits >= b->nets[i].bits &&
		    net_contains(&b->nets[i], &n->base))
			return true;
	return false;
}

static bool all_within(const struct esp_end *far,
		       const struct mikey_esp_bounds *b)
{
	for (size_t i = 0; i < far->n; i++)
		if (!within(&far->sel[i].net, b))
			return false;
	return true;
}

static bool is_taken(const struct esp_end *far, const struct esp_result *out)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->tunnel[i].far.spi == far->spi ||
		    meet(&out->tunnel[i].far, far))
			return true;
	return false;
}

static int check_far(const struct esp_end *near, const struct esp_end *far,
		     const struct mikey_esp_bounds *b,
		     const struct esp_result *out, const char **why)
{
	if (esp_end_check(far, b->scope, b->mode, why))
		return E_UNSUPPORTED;
	*why = "a port or a NAT, which IKE sees to itself";
	if (b->ike && (far->natted || far->at.port))
		return E_UNSUPPORTED;
	*why = "an address of the other family than ours";
	if (far->at.family != near->at.family)
		return E_UNSUPPORTED;
	*why = "our own address";
	if (addr_same_host(&far->at, &near->at))
		return E_UNSUPPORTED;
	*why = "a loopback address";
	if (addr_is_loopback(&far->at) && !addr_is_loopback(&near->at))
		return E_UNSUPPORTED;
	*why = "a selector for what is ours";
	if (meet(near, far))
		return E_UNSUPPORTED;
	*why = "an address or network that is not allowed";
	if (b->scope != ESP_MEDIA && !all_within(far, b))
		return E_UNSUPPORTED;
	*why = "an address that is behind us";
	if (b->scope == ESP_NET && esp_end_has(near, &far->at))
		return E_UNSUPPORTED;
	*why = "an SPI or selector of another of its tunnels";
	if (is_taken(far, out))
		return E_UNSUPPORTED;
	*why = "no port for the encapsulation that a NAT demands";
	if ((near->natted || far->natted) &&
	    (!near->at.port || !far->at.port))
		return E_UNSUPPORTED;
	return 0;
}

int mikey_esp_pair_add(const struct mikey_esp_side *near,
		       const struct mikey_esp_side *far,
		       const struct mikey_esp_bounds *b,
		       struct esp_result *out, const char **why)
{
	int r = check_far(&near->end, &far->end, b, out, why);

	if (r)
		return r;
	out->tunnel[out->n++] = (struct esp_tunnel){
		.near = near->end, .far = far->end,
		.udp = near->end.natted || far->end.natted,
	};
	return 0;
}
