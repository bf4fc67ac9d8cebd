/* ikefiles.c - certificates of IKE: ours, and those by which peers with media =
 * "ike" are believed.
 *
 * The parent opens them and hands the descriptors to the tunnel process, as
 * tlsfiles.c does for the engine. Their private keys are charon's. */
#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/ikecert.h"
#include "daemon/parent/parent.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "parent"

/* One of the files. */
struct row {
	const char *value; /* "file:PATH" */
	const char *key;   /* of the configuration */
	const char *peer;  /* whose; "": it is ours */
	enum ikecert_use use;
	char id[NAME_TEXT]; /* "": not known here */
	char name[NAME_TEXT];
};

static struct row ours(const struct conf *c)
{
	const struct conf_node *n = conf_one(c, "vici");
	const char *id = conf_text(n, "id");
	struct row r = { conf_text(n, "cert"), "vici.cert", "", IKECERT_OURS,
			 "", IKECERT_FILE_OURS };

	snprintf(r.id, sizeof r.id, "%s", *id ? id : conf_text(n, "address"));
	return r;
}

static struct row theirs(const struct peer *p, size_t i)
{
	struct row r = { p->ike.cert, p->ike.ca ? "ike_ca of peer "
						: "ike_cert of peer ", p->name,
			 p->ike.ca ? IKECERT_CA : IKECERT_PIN, "", "" };
	char at[ADDR_TEXT];

	snprintf(r.id, sizeof r.id, "%s", *p->ike.id ? p->ike.id
		 : addr_host(&p->ike.at, at));
	snprintf(r.name, sizeof r.name, IKECERT_FILE_PEER, i);
	return r;
}

static int fault(const struct row *r, const char *path, const char *why)
{
	log_error(TAG, "%s%s: file %s: %s", r->key, r->peer, path, why);
	return E_CONF;
}

static int open_row(const struct row *r, const char *dir, int *out)
{
	char path[1024], why[256];

	if (files_path(r->value + strlen("file:"), dir, path, sizeof path))
		return E_SPACE;
	if (files_open_checked(path, S_IWGRP | S_IWOTH, out, why))
		return fault(r, path, why);
	return 0;
}

static bool any_wants_it(const struct policy *policy)
{
	const struct peer *p;

	for (size_t i = 0; (p = policy_at(policy, i)); i++)
		if (*p->ike.cert)
			return true;
	return false;
}

/* Ours, then the peers'. */
static bool row_at(const struct conf *c, const struct policy *policy, size_t i,
		   struct row *out)
{
	const struct peer *p = i ? policy_at(policy, i - 1) : NULL;

	if (!i)
		*out = any_wants_it(policy) ? ours(c)
					    : (struct row){ .value = "" };
	else if (p)
		*out = theirs(p, i - 1);
	return !i || p;
}

int files_open_ike(const struct conf *c, const struct policy *policy,
		   const char *dir, size_t i, struct ike_file *out)
{
	struct row row;

	if (!row_at(c, policy, i, &row))
		return E_NOTFOUND;
	memcpy(out->name, row.name, sizeof out->name);
	out->fd = -1;
	return *row.value ? open_row(&row, dir, &out->fd) : 0;
}

static int check_row(const struct row *row, const char *dir)
{
	struct ikecerts certs = { 0 };
	char why[IKECERT_WHY];
	int fd, r;

	if (!*row->value)
		return 0;
	r = open_row(row, dir, &fd);
	if (r)
		return r;
	r = ikecerts_read(fd, row->use, *row->id ? row->id : NULL,
			  clock_wall_us(&clock_system), &certs, why);
	close(fd);
	ikecerts_free(&certs);
	return r ? fault(row, row->value + strlen("file:"), why) : 0;
}

int files_check_ike(const struct conf *c, const struct policy *policy,
		    const char *dir)
{
	struct row row;
	int r = 0;

	for (size_t i = 0; row_at(c, policy, i, &row); i++)
		if (check_row(&row, dir))
			r = E_CONF;
	return r;
}
