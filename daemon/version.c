/* version.c - one configuration as a child has it. See version.h. */
#include "daemon/version.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/psk.h"

#include <stdlib.h>
#include <string.h>

struct psk {
	struct psk *next;
	char peer[NAME_TEXT];
	struct secret secret;
};

void version_wipe(struct version *v)
{
	struct psk *p;

	while ((p = v->psks)) {
		v->psks = p->next;
		wipe(p, sizeof *p);
		free(p);
	}
	credential_free(v->credential);
	v->credential = NULL;
	digest_users_free(v->users);
	v->users = NULL;
}

void version_free(struct version *v)
{
	if (!v)
		return;
	version_wipe(v);
	policy_free(v->policy);
	conf_free(v->conf);
	free(v);
}

static int read_text(struct version *v, const char *text)
{
	struct conf_err err = { "" };
	int r = conf_parse(text, "configuration", NULL, settings_groups(),
			   &v->conf, &err);

	if (!r)
		r = settings_check(v->conf, &err);
	if (!r)
		r = settings_read(v->conf, &v->settings, &err);
	if (!r)
		r = policy_new(v->conf, &v->policy, &err);
	if (r)
		log_error("conf", "%s", err.text);
	return r;
}

int version_new(const char *text, size_t len, uint32_t generation,
		struct version **out)
{
	struct version *v = calloc(1, sizeof *v);
	char *copy = strndup(text, len);
	int r = E_NOMEM;

	if (v && copy)
		r = read_text(v, copy);
	free(copy);
	if (r) {
		version_free(v);
		return r;
	}
	v->generation = generation;
	*out = v;
	return 0;
}

int version_add_psk(struct version *v, const char *peer, int fd)
{
	struct psk *p = calloc(1, sizeof *p);
	const char *why = "no memory";
	int r = p ? psk_read(fd, &p->secret, &why) : E_NOMEM;

	if (r) {
		log_error("conf", "pre-shared key of %s: %s", peer, why);
		free(p);
		return r;
	}
	strncpy(p->peer, peer, sizeof p->peer - 1);
	p->next = v->psks;
	v->psks = p;
	return 0;
}

const struct secret *version_psk(const struct version *v, const char *peer)
{
	for (const struct psk *p = v->psks; p; p = p->next)
		if (!strcmp(p->peer, peer))
			return &p->secret;
	return NULL;
}

static int new_credential(struct version *v)
{
	const struct conf_node *own = conf_one(v->conf, "identity");
	int r = credential_new(&v->credential);

	if (!r)
		credential_pss(v->credential,
			       !strcmp(conf_text(own, "signature"), "pss"));
	return r;
}

int version_add_credential(struct version *v, enum credential_part part,
			   const char *peer, int fd)
{
	static const char *const names[] = {
		"identity.cert", "identity.key", "trust.ca", "trust.crl",
		"cert"
	};
	struct credential_fault why = { "no memory" };
	int r = v->credential ? 0 : new_credential(v);

	if (!r)
		r = credential_read(v->credential, part, peer, fd, &why);
	if (r)
		log_error("conf", "%s%s%s: %s", *peer ? "peer " : "", peer,
			  *peer ? "'s certificate" : names[part], why.text);
	return r;
}

int version_add_users(struct version *v, int fd)
{
	const struct registrar_settings *own = &v->settings.registrar;
	char why[256] = "no memory";
	int r;

	digest_users_free(v->users);
	v->users = NULL;
	r = digest_users_read(fd, own->domain, own->hashes, &v->users, why);
	if (r)
		log_error("conf", "registrar.users: %s", why);
	return r;
}

int version_check(const struct version *v)
{
	struct credential_fault why;
	int r = v->credential
			? credential_check(v->credential,
					   clock_wall_us(&clock_system), &why)
			: 0;

	if (r || (v->credential &&
		  credential_stale(v->credential, clock_wall_us(&clock_system),
				   &why)))
		log_error("conf", "%s", why.text);
	return r;
}
