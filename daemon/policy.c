/* policy.c - peers and profiles. See policy.h.
 *
 * What the key tables cannot say is checked here: that names are unique, that
 * a profile exists, that what is required can be done. A pattern is matched
 * against the URI's name (uri.c), so that neither escapes, ports nor letter
 * case of the host lead past a peer that requires sealing. */
#include "daemon/policy.h"

#include "daemon/base/err.h"
#include "daemon/uri.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct policy {
	struct profile *profiles;
	size_t n_profiles;
	struct peer *peers;
	size_t n_peers;
};

/* -- key tables ----------------------------------------------------------- */

static const char *const needs[] = {
	[NEED_REQUIRE] = "require", [NEED_FORBID] = "forbid", NULL
};

/* One line a method; the keeper refuses one that no module registered. */
static const char *const keying_methods[] = { "mikey-psk", "mikey-dhhmac",
					      NULL };

static int psk_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\", the file holds at least 32 hex digits";
	return !strncmp(value, "file:", 5) && value[5] ? 0 : E_FORMAT;
}

static int match_valid(const char *value, const char **why)
{
	*why = "USER@HOST without scheme and port, \"*\" for any characters, "
	       "up to 127 letters";
	if (strlen(value) >= NAME_TEXT || !strncasecmp(value, "sip:", 4) ||
	    !strncasecmp(value, "sips:", 5))
		return E_FORMAT;
	for (; *value; value++)
		if (*value <= 0x20 || *value >= 0x7f)
			return E_FORMAT;
	return 0;
}

static int name_valid(const char *value, const char **why)
{
	*why = "up to 127 visible characters without space";
	if (strlen(value) >= NAME_TEXT)
		return E_FORMAT;
	for (; *value; value++)
		if (*value <= 0x20 || *value >= 0x7f)
			return E_FORMAT;
	return 0;
}

static const struct conf_key profile_keys[] = {
	{ .name = "need", .type = CONF_WORD, .choices = needs,
	  .required = true,
	  .help = "require: a call that cannot be sealed ends. "
		  "forbid: calls are plain in both directions." },
	{ .name = "keying", .type = CONF_WORDS, .choices = keying_methods,
	  .help = "How keys are agreed, best first: our offers use the first, "
		  "offers of the far end may use any of them. mikey-psk "
		  "carries the session key under the pre-shared one; "
		  "mikey-dhhmac agrees on it by Diffie-Hellman, so that who "
		  "gets the pre-shared key later opens no call of today." },
	{ .name = "suites", .type = CONF_WORDS, .choices = suite_names,
	  .dflt = "AEAD_AES_128_GCM,AES_CM_128_HMAC_SHA1_80",
	  .help = "SRTP crypto suites that may be used, best first." },
	{ .name = NULL }
};

static const struct conf_key peer_keys[] = {
	{ .name = "match", .type = CONF_TEXT, .required = true,
	  .valid = match_valid,
	  .help = "Which far ends: a pattern of USER@HOST, \"*\" stands for "
		  "any characters. The first peer that matches counts." },
	{ .name = "profile", .type = CONF_TEXT, .required = true,
	  .help = "The name of the profile that applies." },
	{ .name = "name", .type = CONF_TEXT, .valid = name_valid,
	  .help = "A short unique name for logs and calls; the pattern when "
		  "left out." },
	{ .name = "psk", .type = CONF_TEXT, .valid = psk_valid,
	  .help = "The pre-shared key, \"file:PATH\", relative to the "
		  "configuration's folder: at least 32 hex digits in a file "
		  "that nobody else may read." },
	{ .name = "route", .type = CONF_TEXT, .valid = uri_valid,
	  .help = "SIP URI of the next hop; by the Request-URI or "
		  "outside.proxy when left out." },
	{ .name = NULL }
};

static const struct conf_group profiles_group = {
	"profiles", CONF_NAMED, profile_keys,
	"Profiles: what a call must, may or must not use."
};

static const struct conf_group peers_group = {
	"peers", CONF_LIST, peer_keys,
	"Peers: far ends and the profile that applies to them. A call that no "
	"peer matches is refused."
};

const struct conf_group *const policy_groups[] = {
	&profiles_group, &peers_group, NULL
};

/* -- building ------------------------------------------------------------- */

static int read_profile(const struct conf_node *n, struct profile *p,
			struct conf_err *err)
{
	size_t keying = conf_texts(n, "keying"), suites;

	suites = conf_texts(n, "suites");
	p->name = conf_node_name(n);
	p->need = strcmp(conf_text(n, "need"), "forbid") ? NEED_REQUIRE :
							    NEED_FORBID;
	if (keying > KEYING_METHODS_MAX || suites > SUITE_COUNT)
		return conf_fail(err, n, "profiles.%s: a list is too long",
				 p->name);
	for (size_t i = 0; i < keying; i++)
		p->keying[p->n_keying++] = conf_text_at(n, "keying", i);
	for (size_t i = 0; i < suites; i++)
		p->suites[p->n_suites++] =
			suite_by_name(conf_text_at(n, "suites", i));
	if (p->need == NEED_REQUIRE && !p->n_keying)
		return conf_fail(err, n, "profiles.%s.keying: need = "
				 "\"require\" takes a way of keying; allowed: "
				 "\"mikey-psk\", \"mikey-dhhmac\"", p->name);
	if (p->need == NEED_REQUIRE && !p->n_suites)
		return conf_fail(err, n, "profiles.%s.suites: need = "
				 "\"require\" takes at least one suite",
				 p->name);
	if (p->need == NEED_FORBID && p->n_keying)
		return conf_fail(err, n, "profiles.%s.keying: need = "
				 "\"forbid\" uses none; leave it out or set "
				 "need = \"require\"", p->name);
	return 0;
}

static const struct profile *find_profile(const struct policy *p,
					  const char *name)
{
	for (size_t i = 0; i < p->n_profiles; i++)
		if (!strcmp(p->profiles[i].name, name))
			return &p->profiles[i];
	return NULL;
}

static bool uses_psk(const struct profile *p)
{
	for (size_t i = 0; i < p->n_keying; i++)
		if (!strcmp(p->keying[i], "mikey-psk") ||
		    !strcmp(p->keying[i], "mikey-dhhmac"))
			return true;
	return false;
}

static int check_peer(const struct policy *p, const struct conf_node *n,
		      const struct peer *peer, struct conf_err *err)
{
	if (policy_peer(p, peer->name))
		return conf_fail(err, n, "peers: the name \"%s\" is there "
				 "twice; give each peer its own name",
				 peer->name);
	if (!peer->profile)
		return conf_fail(err, n, "peers: %s: no profile \"%.60s\" in "
				 "profiles", peer->name,
				 conf_text(n, "profile"));
	if (uses_psk(peer->profile) && !*peer->psk)
		return conf_fail(err, n, "peers: %s: profile \"%.60s\" uses a "
				 "pre-shared key, but the peer has none; make "
				 "one (openssl rand -hex 32) and set psk = "
				 "\"file:PATH\"", peer->name,
				 peer->profile->name);
	if (!uses_psk(peer->profile) && *peer->psk)
		return conf_fail(err, n, "peers: %s: profile \"%.60s\" never "
				 "uses the psk; leave it out or name a profile "
				 "with mikey-psk or mikey-dhhmac", peer->name,
				 peer->profile->name);
	return 0;
}

static void read_peer(const struct policy *p, const struct conf_node *n,
		      struct peer *peer)
{
	const char *name = conf_text(n, "name");

	peer->match = conf_text(n, "match");
	strncpy(peer->name, *name ? name : peer->match, NAME_TEXT - 1);
	peer->route = conf_text(n, "route");
	peer->psk = conf_text(n, "psk");
	peer->profile = find_profile(p, conf_text(n, "profile"));
}

static int build(struct policy *p, const struct conf *c, struct conf_err *err)
{
	size_t profiles = conf_count(c, "profiles");
	size_t peers = conf_count(c, "peers");
	int r;

	p->profiles = calloc(profiles + 1, sizeof *p->profiles);
	p->peers = calloc(peers + 1, sizeof *p->peers);
	if (!p->profiles || !p->peers) {
		strcpy(err->text, "out of memory");
		return E_NOMEM;
	}
	for (size_t i = 0; i < profiles; i++, p->n_profiles++)
		if ((r = read_profile(conf_at(c, "profiles", i),
				      &p->profiles[i], err)))
			return r;
	for (size_t i = 0; i < peers; i++, p->n_peers++) {
		read_peer(p, conf_at(c, "peers", i), &p->peers[i]);
		if ((r = check_peer(p, conf_at(c, "peers", i), &p->peers[i],
				    err)))
			return r;
	}
	return 0;
}

int policy_new(const struct conf *c, struct policy **out, struct conf_err *err)
{
	struct policy *p = calloc(1, sizeof *p);
	int r = E_NOMEM;

	if (p)
		r = build(p, c, err);
	else
		strcpy(err->text, "out of memory");
	if (r)
		policy_free(p);
	else
		*out = p;
	return r;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	free(p->profiles);
	free(p->peers);
	free(p);
}

/* -- asking --------------------------------------------------------------- */

static bool same(char pattern, char c, bool host)
{
	return pattern == c || (host && tolower((unsigned char)pattern) == c);
}

/* Each "*" takes as little as it can; on a mismatch the last one takes more. */
static bool matches(const char *pattern, const char *name)
{
	const char *host = strchr(name, '@'), *star = NULL, *from = NULL;

	host = host ? host : name;
	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (*pattern && same(*pattern, *name, name >= host)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

const struct peer *policy_match(const struct policy *p, const char *uri)
{
	char name[URI_NAME_TEXT];

	if (!uri_name(uri, name))
		return NULL;
	for (size_t i = 0; i < p->n_peers; i++)
		if (matches(p->peers[i].match, name))
			return &p->peers[i];
	return NULL;
}

const struct peer *policy_peer(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_peers; i++)
		if (!strcmp(p->peers[i].name, name))
			return &p->peers[i];
	return NULL;
}

size_t policy_count(const struct policy *p)
{
	return p->n_peers;
}

const struct peer *policy_at(const struct policy *p, size_t i)
{
	return i < p->n_peers ? &p->peers[i] : NULL;
}
