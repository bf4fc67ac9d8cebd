/* selector.h - whether a selector that a far end asks for may be installed. A
 * selector that is too wide takes traffic that is none of the call's into the
 * far end's tunnel, or lets the far end in. Pure. */
#ifndef CALLSEAL_XFRM_SELECTOR_H
#define CALLSEAL_XFRM_SELECTOR_H

#include "modules/xfrm/ipsec.h"

/* What is allowed; borrowed. Each side of a selector must lie whole within one
 * of its nets: near are ours (the gateway, or the nets behind it), far those of
 * this very peer. */
struct selector_rules {
	/* ESP_MEDIA: UDP between one host each, one port or an even and the
	 * next; ESP_HOST: all between one host each; ESP_NET: between nets. */
	enum esp_scope scope;
	const struct net *near;
	size_t n_near;
	const struct net *far;
	size_t n_far;
	const struct addr *sip; /* where we listen for SIP, with ports; an
	                           address of zeroes: on all of ours */
	size_t n_sip;
};

/* s seen outbound: src is near, dst far. 0, or E_POLICY (E_ARG when it is no
 * selector at all) and *why, static text. In the scopes host and net SIP must
 * have bypass policies; one that names our SIP ports is refused anyhow. */
int selector_check(const struct ipsec_selector *s,
		   const struct selector_rules *rules, const char **why);

#endif
