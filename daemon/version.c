/* version.c - one configuration as a child has it. See version.h. */
#include "daemon/version.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/password.h"
#include "daemon/psk.h"

#include <stdlib.h>
#include <string.h>

/* A secret and whose it is: a peer's key, an account's password. */
struct psk {
	struct psk *next;
	char peer[NAME_TEXT];
	struct secret secret;
};

static void wipe_list(struct psk **list)
{
	struct psk *p;

	while ((p = *list)) {
		*list = p->next;
		wipe(p, sizeof *p);
		free(p);
	}
}

void version_wipe(struct version *v)
{
	wipe_list(&v->psks);
	wipe_list(&v->passwords);
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

typedef int (*read_fn)(int fd, struct secret *out, const char **why);

static int add_secret(struct psk **list, read_fn read, const char *whose,
		      int fd, const char **why)
{
	struct psk *p = calloc(1, sizeof *p);
	int r = p ? read(fd, &p->secret, why) : E_NOMEM;

	if (r) {
		free(p);
		return r;
	}
	strncpy(p->peer, whose, sizeof p->peer - 1);
	p->next = *list;
	*list = p;
	return 0;
}

static const struct secret *secret_of(const struct psk *p, const char *whose)
{
	while (p && strcmp(p->peer, whose))
		p = p->next;
	return p ? &p->secret : NULL;
}

int version_add_psk(struct version *v, const char *peer, int fd)
{
	const char *why = "no memory";
	int r = add_secret(&v->psks, psk_read, peer, fd, &why);

	if (r)
		log_error("conf", "pre-shared key of %s: %s", peer, why);
	return r;
}

const struct secret *version_psk(const struct version *v, const char *peer)
{
	return secret_of(v->psks, peer);
}

int version_add_password(struct version *v, const char *account, int fd)
{
	const char *why = "no memory";
	int r = add_secret(&v->passwords, password_read, account, fd, &why);

	if (r)
		log_error("conf", "password of account %s: file %s", account,
			  why);
	return r;
}

const struct secret *version_password(const struct version *v,
				      const char *account)
{
	return secret_of(v->passwords, account);
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
