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
	const struct conf *conf;
	struct profile *profiles;
	size_t n_profiles;
	struct peer *peers;
	size_t n_peers;
	struct account *accounts;
	size_t n_accounts;
};

/* -- key tables ----------------------------------------------------------- */

static int file_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\", the file holds PEM";
	return conf_is_file(value) ? 0 : E_FORMAT;
}

static int psk_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\", the file holds at least 32 hex digits";
	return conf_is_file(value) ? 0 : E_FORMAT;
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
	{ .name = "cert", .type = CONF_TEXT, .valid = file_valid,
	  .help = "The peer's certificate, \"file:PATH\" in PEM, to seal keys "
		  "for it: calls to it by mikey-rsa take one." },
	{ .name = "ike", .type = CONF_TEXT,
	  .help = "With media = \"ike\", but not ike = \"call\" of the "
		  "profile: the address of the peer's end of IKE, "
		  "or \"discover\": the one that it says when it is asked by "
		  "OPTIONS (discover of the profile). Another address that "
		  "it says later counts once the tunnel to the last one is "
		  "gone. "
		  "It proves itself by the psk, or by a certificate (ike_cert "
		  "or ike_ca), as we do then (vici.cert)." },
	{ .name = "ike_id", .type = CONF_TEXT, .valid = name_valid,
	  .help = "Its identity of IKE; its address when left out, "
		  "which ike = \"discover\" does not allow." },
	{ .name = "ike_nets", .type = CONF_TEXTS,
	  .help = "Where its media arrive and come from, ADDRESS/BITS: what "
		  "the tunnel leads to. Its address of IKE when left out." },
	{ .name = "esp_nets", .type = CONF_TEXTS,
	  .help = "With esp_scope = \"host\": where the far end's address "
		  "must lie, ADDRESS/BITS; with \"net\": where the networks "
		  "behind it must. A tunnel to any other address is refused, "
		  "whoever asks for it. Two peers' must not overlap, with "
		  "\"net\" nor two of one peer." },
	{ .name = "ike_cert", .type = CONF_TEXT, .valid = file_valid,
	  .help = "Its certificate of IKE, \"file:PATH\" in PEM, which must "
		  "name ike_id: no other one is believed. Up to four, of "
		  "which it may have any, while one takes the place of "
		  "another." },
	{ .name = "ike_ca", .type = CONF_TEXT, .valid = file_valid,
	  .help = "Instead of ike_cert: the CA whose certificates for ike_id "
		  "are believed, \"file:PATH\" in PEM. Charon then believes it "
		  "for connections of others, too, that name no CA." },
	{ .name = "route", .type = CONF_TEXTS, .valid = uri_valid,
	  .help = "SIP URI of the next hop; by the Request-URI or "
		  "outside.proxy when left out. A list of them is tried in "
		  "its order: the next one when one cannot be reached, says "
		  "nothing, or answers 503. A name stands for all the servers "
		  "that DNS has for it (RFC 3263). With \";lr\" it is "
		  "named in a Route header, too." },
	{ .name = "keepalive", .type = CONF_INT, .dflt = "0", .min = 0,
	  .max = 86400, .unit = "s", .reload = RELOAD_LIVE,
	  .help = "How often each next hop of route is asked by OPTIONS "
		  "whether it is there; one that is not is left out until it "
		  "answers again. 0: never." },
	{ .name = NULL }
};

static const struct conf_group peers_group = {
	"peers", CONF_LIST, peer_keys,
	"Peers: far ends and the profile that applies to them. A call that no "
	"peer matches is refused."
};

static const char *const signatures[] = { "pkcs1", "pss", NULL };

static const struct conf_key identity_keys[] = {
	{ .name = "cert", .type = CONF_TEXT, .valid = file_valid,
	  .help = "Our own certificate, \"file:PATH\" in PEM, relative to the "
		  "configuration's folder, its issuers behind it. It names "
		  "us in subjectAltName: URI:sip:DOMAIN, URI:sip:USER@HOST "
		  "or DNS:DOMAIN." },
	{ .name = "key", .type = CONF_TEXT, .valid = file_valid,
	  .help = "Its private key (RSA with 2048 bits or more, or on P-256 "
		  "or P-384, which signs but receives no keys), "
		  "\"file:PATH\" in PEM without passphrase, in a file that "
		  "nobody else may read." },
	{ .name = "signature", .type = CONF_WORD, .choices = signatures,
	  .dflt = "pkcs1",
	  .help = "How an RSA key signs MIKEY messages: pkcs1 is what every "
		  "far end must know, pss the better one, which it should "
		  "(RFC 3830 4.2.6). Both are always taken." },
	{ .name = NULL }
};

static const struct conf_key trust_keys[] = {
	{ .name = "ca", .type = CONF_TEXTS, .valid = file_valid,
	  .help = "Whom we believe: files of certificates in PEM, "
		  "\"file:PATH\". A far end's chain must lead to one." },
	{ .name = "crl", .type = CONF_TEXTS, .valid = file_valid,
	  .help = "Revocation lists in PEM, \"file:PATH\". When there is "
		  "one, every far end's issuer must have one that is in "
		  "date." },
	{ .name = NULL }
};

static const struct conf_group identity_group = {
	"identity", CONF_ONE, identity_keys,
	"Who we are, for methods of keying that use certificates."
};

static const struct conf_group trust_group = {
	"trust", CONF_ONE, trust_keys, "Whose certificates we believe."
};

const struct conf_group *const policy_groups[] = {
	&profiles_group, &peers_group, &accounts_group, &identity_group,
	&trust_group, NULL
};

/* -- building ------------------------------------------------------------- */

static const struct profile *find_profile(const struct policy *p,
					  const char *name)
{
	for (size_t i = 0; i < p->n_profiles; i++)
		if (!strcmp(p->profiles[i].name, name))
			return &p->profiles[i];
	return NULL;
}

static bool uses_psk(const struct peer *peer)
{
	const struct profile *p = peer->profile;

	return (profile_stands(p) && !*peer->ike.cert) ||
	       profile_keyed_by_psk(p);
}

/* By what we know it when it comes with a key. */
static int check_psk(const struct conf_node *n, const struct peer *peer,
		     struct conf_err *err)
{
	bool ike = profile_stands(peer->profile);

	if (uses_psk(peer) && !*peer->psk)
		return conf_fail(err, n, "peers: %s: profile \"%.60s\" uses a "
				 "pre-shared key, but the peer has none; make "
				 "one (openssl rand -hex 32) and set psk = "
				 "\"file:PATH\"%s", peer->name,
				 peer->profile->name, ike ? ", or ike_cert or "
				 "ike_ca" : "");
	if (!uses_psk(peer) && *peer->psk && ike)
		return conf_fail(err, n, "peers: %s: it is believed by its "
				 "psk or by its certificate; leave psk out, "
				 "or %s", peer->name, peer->ike.ca ? "ike_ca"
				 : "ike_cert");
	if (!uses_psk(peer) && *peer->psk)
		return conf_fail(err, n, "peers: %s: profile \"%.60s\" never "
				 "uses the psk; leave it out or name a profile "
				 "with mikey-psk or mikey-dhhmac", peer->name,
				 peer->profile->name);
	return 0;
}

/* Who we are and whom we believe must be there where it is needed. */
static int check_certs(const struct policy *p, const struct conf_node *n,
		       const struct peer *peer, struct conf_err *err)
{
	const struct conf_node *own = conf_one(p->conf, "identity");

	if (!profile_uses_certs(peer->profile) && peer->profile->tofu)
		return conf_fail(err, n, "peers: %s: profile \"%.60s\" never "
				 "uses certificates; leave trust = \"tofu\" "
				 "out or name a method with them in keying",
				 peer->name, peer->profile->name);
	if (!profile_uses_certs(peer->profile))
		return !*peer->cert ? 0 :
			conf_fail(err, n, "peers: %s: profile \"%.60s\" never "
				  "uses the cert; leave it out or name a "
				  "profile with mikey-rsa", peer->name,
				  peer->profile->name);
	if (!*conf_text(own, "cert") || !*conf_text(own, "key"))
		return conf_fail(err, n, "peers: %s: profile \"%.60s\" uses "
				 "certificates, but we have none; set identity "
				 "= { cert = \"file:PATH\"; key = "
				 "\"file:PATH\"; }", peer->name,
				 peer->profile->name);
	if (!peer->profile->tofu &&
	    !conf_texts(conf_one(p->conf, "trust"), "ca"))
		return conf_fail(err, n, "peers: %s: profile \"%.60s\" uses "
				 "certificates, but we believe nobody; set "
				 "trust = { ca = ( \"file:PATH\" ); }, or the "
				 "profile's trust = \"tofu\"",
				 peer->name, peer->profile->name);
	return 0;
}

static int check_peer(const struct policy *p, const struct conf_node *n,
		      const struct peer *peer, struct conf_err *err)
{
	int r;

	if (policy_peer(p, peer->name))
		return conf_fail(err, n, "peers: the name \"%s\" is there "
				 "twice; give each peer its own name",
				 peer->name);
	if (!peer->profile)
		return conf_fail(err, n, "peers: %s: no profile \"%.60s\" in "
				 "profiles", peer->name,
				 conf_text(n, "profile"));
	if (peer->profile->ike_call &&
	    (peer->ike.at.family || peer->ike.discover))
		return conf_fail(err, n, "peers: %s: with ike = \"call\" of "
				 "its profile each call says where the far "
				 "end is; leave the peer's ike out, and "
				 "what goes with it", peer->name);
	if (profile_stands(peer->profile) !=
	    (peer->ike.at.family || peer->ike.discover))
		return conf_fail(err, n, "peers: %s: ike = \"ADDRESS\" and a "
				 "profile with media = \"ike\" go together; "
				 "set both or none", peer->name);
	if (peer->ike.discover && peer->profile->discover == DISCOVER_NONE)
		return conf_fail(err, n, "peers: %s: ike = \"discover\" is for "
				 "a profile that asks; set its discover = "
				 "\"ask\" or \"require\", or ike = "
				 "\"ADDRESS\"", peer->name);
	if (peer->profile->ike_sdp != IKE_SDP_NONE && peer->ike.ca)
		return conf_fail(err, n, "peers: %s: ike_sdp holds a "
				 "fingerprint against a certificate that is "
				 "known, and charon does not tell which of a "
				 "CA's it was shown; set ike_cert in place of "
				 "ike_ca, or leave ike_sdp out", peer->name);
	r = tunnelpeer_check(n, peer, p->peers, p->n_peers, err);
	if (!r)
		r = check_psk(n, peer, err);
	return r ? r : check_certs(p, n, peer, err);
}

/* What one route of a list promises, TLS, the others must keep. */
static int check_routes(const struct conf_node *n, const struct peer *peer,
			struct conf_err *err)
{
	if (conf_texts(n, "route") > ROUTES_MAX)
		return conf_fail(err, n, "peers: %s: route has %zu entries; "
				 "allowed: up to %d", peer->name,
				 conf_texts(n, "route"), ROUTES_MAX);
	if (peer->keepalive_s && !peer->n_routes)
		return conf_fail(err, n, "peers: %s: keepalive asks the next "
				 "hops of route; set route = \"sip:HOST\", or "
				 "leave keepalive out", peer->name);
	if (peer->profile->discover != DISCOVER_NONE && !peer->keepalive_s)
		return conf_fail(err, n, "peers: %s: its profile has discover, "
				 "which asks the next hops of route when "
				 "keepalive does; set both, or leave discover "
				 "out", peer->name);
	for (size_t i = 1; i < peer->n_routes; i++)
		if (uri_wants_tls(peer->routes[i]) !=
		    uri_wants_tls(peer->routes[0]))
			return conf_fail(err, n, "peers: %s: route has next "
					 "hops with and without TLS; use "
					 "\";transport=tls\" for all or none",
					 peer->name);
	return 0;
}

static int read_peer(const struct policy *p, const struct conf_node *n,
		     struct peer *peer, struct conf_err *err)
{
	const char *name = conf_text(n, "name");

	peer->match = conf_text(n, "match");
	strncpy(peer->name, *name ? name : peer->match, NAME_TEXT - 1);
	while (peer->n_routes < conf_texts(n, "route") &&
	       peer->n_routes < ROUTES_MAX) {
		peer->routes[peer->n_routes] =
			conf_text_at(n, "route", peer->n_routes);
		peer->n_routes++;
	}
	peer->keepalive_s = (unsigned)conf_int(n, "keepalive");
	peer->psk = conf_text(n, "psk");
	peer->cert = conf_text(n, "cert");
	peer->profile = find_profile(p, conf_text(n, "profile"));
	if (tunnelpeer_nets(n, peer->name, "esp_nets", peer->esp_nets,
			    &peer->n_esp_nets, err))
		return E_CONF;
	return tunnelpeer_read(n, peer->name, &peer->ike, err);
}

static int check_identity(const struct conf *c, struct conf_err *err)
{
	const struct conf_node *own = conf_one(c, "identity");

	if (!*conf_text(own, "cert") == !*conf_text(own, "key"))
		return 0;
	return conf_fail(err, own, "identity: cert and key go together; set "
			 "both or none");
}

static int check_account(const struct policy *p, const struct conf_node *n,
			 const struct account *a, struct conf_err *err)
{
	const struct account *other;

	if (!policy_peer(p, a->peer))
		return conf_fail(err, n, "accounts: %s: no peer has the name "
				 "\"%.60s\"; use the name of one in peers",
				 a->name, a->peer);
	for (size_t i = 0; i < p->n_accounts; i++) {
		other = &p->accounts[i];
		if (!strcmp(other->name, a->name))
			return conf_fail(err, n, "accounts: the name \"%s\" is "
					 "there twice; give each account its "
					 "own name", a->name);
	}
	return 0;
}

static int read_accounts(struct policy *p, struct conf_err *err)
{
	size_t count = conf_count(p->conf, "accounts");
	const struct conf_node *n;
	int r;

	p->accounts = calloc(count + 1, sizeof *p->accounts);
	if (!p->accounts) {
		strcpy(err->text, "out of memory");
		return E_NOMEM;
	}
	for (; p->n_accounts < count; p->n_accounts++) {
		n = conf_at(p->conf, "accounts", p->n_accounts);
		if ((r = account_read(n, &p->accounts[p->n_accounts], err)) ||
		    (r = check_account(p, n, &p->accounts[p->n_accounts],
				       err)))
			return r;
	}
	return 0;
}

static int build(struct policy *p, const struct conf *c, struct conf_err *err)
{
	size_t profiles = conf_count(c, "profiles");
	size_t peers = conf_count(c, "peers");
	int r = check_identity(c, err);

	if (r)
		return r;
	p->conf = c;
	p->profiles = calloc(profiles + 1, sizeof *p->profiles);
	p->peers = calloc(peers + 1, sizeof *p->peers);
	if (!p->profiles || !p->peers) {
		strcpy(err->text, "out of memory");
		return E_NOMEM;
	}
	for (size_t i = 0; i < profiles; i++, p->n_profiles++)
		if ((r = profile_read(conf_at(c, "profiles", i),
				      &p->profiles[i], err)))
			return r;
	for (size_t i = 0; i < peers; i++, p->n_peers++) {
		if ((r = read_peer(p, conf_at(c, "peers", i), &p->peers[i],
				   err)) ||
		    (r = check_peer(p, conf_at(c, "peers", i), &p->peers[i],
				    err)) ||
		    (r = check_routes(conf_at(c, "peers", i), &p->peers[i],
				      err)))
			return r;
	}
	return read_accounts(p, err);
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
	free(p->accounts);
	free(p);
}

/* -- asking --------------------------------------------------------------- */

const struct peer *policy_match(const struct policy *p, const char *uri)
{
	char name[URI_NAME_TEXT];

	if (!uri_name(uri, name))
		return NULL;
	for (size_t i = 0; i < p->n_peers; i++)
		if (uri_matches(p->peers[i].match, name))
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

bool policy_hides(const struct policy *p)
{
	const struct peer *peer;

	for (size_t i = 0; (peer = policy_at(p, i)); i++)
		if (peer->profile->hide)
			return true;
	return false;
}

bool policy_tunnels(const struct policy *p)
{
	return policy_uses(p, MEDIA_ESP) || policy_uses(p, MEDIA_IKE);
}

bool policy_uses(const struct policy *p, enum media_way way)
{
	for (size_t i = 0; i < p->n_peers; i++)
		if (p->peers[i].profile->media == way)
			return true;
	return false;
}

bool policy_ike_calls(const struct policy *p)
{
	for (size_t i = 0; i < p->n_peers; i++)
		if (p->peers[i].profile->ike_call)
			return true;
	return false;
}

const struct account *policy_account_at(const struct policy *p, size_t i)
{
	return i < p->n_accounts ? &p->accounts[i] : NULL;
}

const struct account *policy_account(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_accounts; i++)
		if (!strcmp(p->accounts[i].name, name))
			return &p->accounts[i];
	return NULL;
}

const struct account *policy_account_for(const struct policy *p,
					 const char *peer, const char *realm)
{
	for (size_t i = 0; i < p->n_accounts; i++)
		if (account_answers(&p->accounts[i], peer, realm))
			return &p->accounts[i];
	return NULL;
}

/* -- files of the credential ---------------------------------------------- */

static bool is_file(const char *value, enum credential_part part,
		    const char *peer, struct policy_file *out)
{
	if (!*value)
		return false;
	*out = (struct policy_file){ part, peer, value + strlen("file:") };
	return true;
}

/* The i-th of a list, else *i goes down by its length. */
static bool in_list(const struct conf_node *n, const char *key, size_t *i,
		    enum credential_part part, struct policy_file *out)
{
	size_t count = conf_texts(n, key);

	if (*i < count)
		return is_file(conf_text_at(n, key, *i), part, "", out);
	*i -= count;
	return false;
}

bool policy_file(const struct policy *p, size_t i, struct policy_file *out)
{
	const struct conf_node *own = conf_one(p->conf, "identity");
	const struct conf_node *trust = conf_one(p->conf, "trust");

	if (is_file(conf_text(own, "cert"), CREDENTIAL_CERT, "", out) &&
	    i-- == 0)
		return true;
	if (is_file(conf_text(own, "key"), CREDENTIAL_KEY, "", out) &&
	    i-- == 0)
		return true;
	if (in_list(trust, "ca", &i, CREDENTIAL_CA, out) ||
	    in_list(trust, "crl", &i, CREDENTIAL_CRL, out))
		return true;
	for (size_t k = 0; k < p->n_peers; k++)
		if (is_file(p->peers[k].cert, CREDENTIAL_PEER,
			    p->peers[k].name, out) && i-- == 0)
			return true;
	return false;
}
