/* policy.c - peers and profiles. See policy.h.
 *
 * What the key tables cannot say is checked here: that names are unique, that
 * a profile exists, that what is required can be done. A pattern is matched
 * against the URI's name (uri.c), so that neither escapes, ports nor letter
 * case of the host lead past a peer that requires sealing. */
#include "daemon/policy.h"

#include "daemon/base/err.h"
#include "daemon/protocol.h"
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

static const char *const needs[] = {
	[NEED_REQUIRE] = "require", [NEED_PREFER] = "prefer",
	[NEED_ALLOW] = "allow", [NEED_FORBID] = "forbid", NULL
};

static const char *const answers[] = { "pickup", "early", NULL };
static const char *const unencrypteds[] = { "refuse", "allow", NULL };
static const char *const asserteds[] = { "refuse", "trust", NULL };
static const char *const lates[] = { "refuse", "allow", NULL };

/* One line a method; the keeper refuses one that no module registered. */
static const char *const keying_methods[] = {
	"mikey-psk", "mikey-dhhmac", "mikey-rsa", "mikey-rsa-r", "mikey-dh",
	"mikey-ecdh", "sdes", NULL
};

static const char *const sdes_ways[] = {
	[SDES_TLS] = "tls", [SDES_ANY] = "any", NULL
};

/* Methods that prove identities by certificates. */
static bool is_certified(const char *method)
{
	return !strcmp(method, "mikey-rsa") ||
	       !strcmp(method, "mikey-rsa-r") || !strcmp(method, "mikey-dh") ||
	       !strcmp(method, "mikey-ecdh");
}

static const char *const negotiations[] = {
	[NEGOTIATE_STATIC] = "static", [NEGOTIATE_AUTOMATIC] = "automatic",
	[NEGOTIATE_PRIORITY] = "priority", NULL
};

static int file_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\", the file holds PEM";
	return !strncmp(value, "file:", 5) && value[5] ? 0 : E_FORMAT;
}

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

static const char *const retargets[] = { "refuse", "allow", NULL };
static const char *const bodies[] = {
	[BODY_MODE_NONE] = "none",
	[BODY_MODE_SIGN] = "sign",
	[BODY_MODE_ENCRYPT] = "encrypt",
	[BODY_MODE_SIGN_ENCRYPT] = "sign-encrypt",
	[BODY_MODE_TUNNEL] = "tunnel",
	NULL
};
static const char *const hides[] = {
	[HIDE_NONE] = "false", [HIDE_CALLER] = "true", [HIDE_BOTH] = "both",
	NULL
};
static const char *const medias[] = {
	[MEDIA_SRTP] = "srtp", [MEDIA_ESP] = "esp", [MEDIA_IKE] = "ike",
	"ike+srtp", NULL
};
/* By their names; what only old peers have is never offered. */
static const char *const scopes[] = { "media", "host", NULL };
static const enum esp_scope scope_values[] = { ESP_MEDIA, ESP_HOST };

static const char *const esp_suites[] = {
	"AES_128_GCM", "AES_256_GCM", "AES_128_CBC_HMAC_SHA256_128",
	"AES_256_CBC_HMAC_SHA256_128", NULL
};
static const char *const ikes[] = { "standing", "after", NULL };
static const char *const trusts[] = { "ca", "tofu", NULL };

static const struct conf_key profile_keys[] = {
	{ .name = "need", .type = CONF_WORD, .choices = needs,
	  .required = true,
	  .help = "require: a call that cannot be sealed ends. "
		  "prefer: ours are offered sealed; where the far end "
		  "refuses that they are offered again with keys that it "
		  "may leave out (RFC 8643), then in clear, but never in "
		  "clear to one that was sealed before; what comes is taken "
		  "as it is. allow: ours are plain, a sealed one that comes "
		  "is taken. forbid: calls are plain in both directions. "
		  "Once a call is sealed it stays so. Only require keeps "
		  "somebody on the way from a first call in clear." },
	{ .name = "keying", .type = CONF_WORDS, .choices = keying_methods,
	  .help = "How keys are agreed, best first: our offers lead with the "
		  "first and have the others as alternatives (negotiate), "
		  "offers of the far end may use any of them. mikey-psk "
		  "carries the session key under the pre-shared one; "
		  "mikey-dhhmac agrees on it by Diffie-Hellman, so that who "
		  "gets the pre-shared key later opens no call of today. "
		  "mikey-rsa seals it with the peer's certificate (its cert) "
		  "and signs with ours (identity, trust). mikey-rsa-r does so "
		  "the other way round and mikey-dh agrees on it by "
		  "Diffie-Hellman, signed: both need no certificate of the "
		  "peer beforehand. mikey-ecdh is mikey-dh on the curves P-256 "
		  "and P-384, which is stronger and costs less; its "
		  "numbers are of no registry, so name it only for peers that "
		  "are callseal, too. sdes (RFC 4568) writes the keys into "
		  "SDP as they are, which is what trunks speak: everybody on "
		  "the way of the SIP message has them, but where SDP is "
		  "signed and encrypted itself (body = \"sign-encrypt\")." },
	{ .name = "sdes", .type = CONF_WORD, .choices = sdes_ways,
	  .dflt = "tls",
	  .help = "Over what keys of sdes may go. tls: only where SIP comes "
		  "and goes by TLS with a verified certificate; the verdict "
		  "is hop. any: over anything, so that whoever sees the SIP "
		  "hears the call; the verdict is plain. Neither counts with "
		  "body = \"sign-encrypt\", which hides and proves them from "
		  "edge to edge." },
	{ .name = "retarget", .type = CONF_WORD, .choices = retargets,
	  .dflt = "refuse",
	  .help = "What becomes of a call that was diverted on its way, so "
		  "that the identities in its key exchange are not the ones "
		  "that the call has. refuse: it cannot be sealed. allow: the "
		  "answering side may be another identity of the same domain; "
		  "the verdict is then peer, not sealed, and says who it is. "
		  "An identity of another domain, or another caller, is "
		  "always refused." },
	{ .name = "suites", .type = CONF_WORDS, .choices = suite_names,
	  .dflt = "AEAD_AES_128_GCM,AES_CM_128_HMAC_SHA1_80",
	  .help = "SRTP crypto suites that may be used, best first." },
	{ .name = "unencrypted", .type = CONF_WORD, .choices = unencrypteds,
	  .dflt = "refuse",
	  .help = "Whether suites may name NULL_HMAC_SHA1_80 and _32, which "
		  "authenticate media and encrypt nothing: whoever is on the "
		  "way hears the call, and its verdict is plain. Not with "
		  "sdes." },
	{ .name = "trust", .type = CONF_WORD, .choices = trusts, .dflt = "ca",
	  .help = "By whose word certificates of far ends are believed. ca: "
		  "of an issuer that trust.ca names. tofu: they sign for "
		  "themselves; the one that a far end shows on our first call "
		  "to it is the only one from then on (callsealctl trust), "
		  "and no call is more than peer." },
	{ .name = "body", .type = CONF_WORD, .choices = bodies,
	  .dflt = "none",
	  .help = "How descriptions (SDP) and the words of a MESSAGE go to far "
		  "ends of this profile, and must come from them: S/MIME, "
		  "by our certificate (identity) and theirs (trust), from edge "
		  "to edge whatever is between. sign: nobody on the way can "
		  "change them, bound to the message's From, To, Call-ID, "
		  "CSeq and Contact. encrypt: nobody "
		  "on the way can read them; it proves nobody. sign-encrypt: "
		  "both. Where they are signed, so are messages of a call "
		  "that have none (not encrypted: they have nothing but "
		  "their headers): nobody else's BYE ends it. tunnel: the "
		  "whole of each message of a call goes within what is signed "
		  "and encrypted, and around it is left what proxies need; "
		  "messages outside of calls go as with sign-encrypt. "
		  "Encrypting takes the far end's certificate: its "
		  "peer's cert, or the one that it signed with before, or was "
		  "asked for (fetch). Not with answer = \"early\"." },
	{ .name = "hide", .type = CONF_WORD, .choices = hides,
	  .dflt = "false",
	  .help = "What the messages of a call with body = \"tunnel\" do not "
		  "show around what is sealed. true: who calls; From is "
		  "sip:anonymous@anonymous.invalid, and the far end takes the "
		  "true one from within. both: who is called, too; the "
		  "Request-URI and To have in place of the user a token that "
		  "differs from call to call. Only domains are named then, "
		  "by what the message is encrypted for: certificates must be "
		  "of domains. Both ends must be set to it: a call that shows "
		  "more is refused, and so is what belongs to no call. "
		  "Certificates are not asked for (fetch): set the peer's "
		  "cert." },
	{ .name = "fetch", .type = CONF_BOOL, .dflt = "true",
	  .help = "Whether a certificate that bodies for a far end must be "
		  "encrypted for, and that is not known, is asked for: by "
		  "an OPTIONS that we sign, before the call or MESSAGE goes "
		  "out. It is believed as any other (trust). Such questions "
		  "of far ends of this profile are answered, too." },
	{ .name = "media", .type = CONF_WORD, .choices = medias,
	  .dflt = "srtp",
	  .help = "In what media go outside. srtp: each packet by itself. "
		  "esp: as they are, in IPsec tunnels of the kernel, one a "
		  "media line (or see esp_scope), which the call's keying "
		  "(any of mikey) raises and its end removes; they leave from "
		  "tunnel.ports, where "
		  "nothing passes but in a tunnel. ike: as they are, too, in "
		  "a tunnel to the peer that strongSwan's charon raises (ike "
		  "of the peer, group vici), without keying. ike+srtp: in that "
		  "tunnel, and in it by SRTP, too, which keying agrees on: who "
		  "gets into charon hears nothing. Both ends must be set to "
		  "the same; with need = \"require\" only. T.38 faxes "
		  "pass with esp and ike, and where calls are plain: SRTP "
		  "cannot protect them." },
	{ .name = "esp", .type = CONF_WORDS, .choices = esp_suites,
	  .dflt = "AES_128_GCM,AES_256_GCM",
	  .help = "Suites of ESP that may be used with media = \"esp\", best "
		  "first; with media = \"ike\" those that are of one kind with "
		  "the first." },
	{ .name = "esp_scope", .type = CONF_WORD, .choices = scopes,
	  .dflt = "media",
	  .help = "What the tunnels of media = \"esp\" are for; both ends "
		  "must be set to the same. media: the lines of one call. "
		  "host: everything between the two gateways (addresses of "
		  "outside.media), as long as some call is up; all calls to "
		  "one far end share it, each with keys of its own. Only SIP "
		  "stays out of it (UDP to our outside.listen; TCP also to "
		  "5060, 5061 and the ports in routes); it takes esp_nets of "
		  "the peer." },
	{ .name = "ike", .type = CONF_WORD, .choices = ikes,
	  .dflt = "standing",
	  .help = "When the tunnel of media = \"ike\" is there. standing: "
		  "always; it is raised at start and whenever it is lost, "
		  "and a call that needs it meanwhile ends. after: while "
		  "calls use it; who answers raises it, and the caller's "
		  "phone has the answer once it is up. Both ends must be set "
		  "to the same." },
	{ .name = "answer", .type = CONF_WORD, .choices = answers,
	  .dflt = "pickup",
	  .help = "When the keys of a sealed call are agreed on. pickup: the "
		  "far end's offer is authenticated before the phone rings, "
		  "but Diffie-Hellman and RSA are computed, and the answer is "
		  "sent, when the phone is picked up. early: at once, in a "
		  "reliable 183, to far ends that say in their INVITE that "
		  "they understand it, and our own INVITE says so; both sides "
		  "then have the keys when the phone is picked up, and an "
		  "INVITE that nobody answers costs the computation." },
	{ .name = "late", .type = CONF_WORD, .choices = lates,
	  .dflt = "refuse",
	  .help = "An INVITE from outside without an offer, where calls must "
		  "be sealed: refuse it, for it proves nothing and would make "
		  "the phone ring; or allow it: our side offers when the "
		  "phone is picked up, and a far end that cannot answer that "
		  "is sent a BYE." },
	{ .name = "asserted", .type = CONF_WORD, .choices = asserteds,
	  .dflt = "refuse",
	  .help = "Whether the network of these far ends is trusted with who "
		  "is calling (RFC 3325). refuse: what it says of that "
		  "(P-Asserted-Identity, Remote-Party-ID), of earlier ways of "
		  "the call (Diversion, History-Info), of its urgency, or that "
		  "the phone shall answer by itself, does not reach phones; a "
		  "phone's Privacy (RFC 3323) is done here. trust: it passes, "
		  "and privacy is that network's to do: for a provider's "
		  "trunk." },
	{ .name = "negotiate", .type = CONF_WORD, .choices = negotiations,
	  .dflt = "priority",
	  .help = "Which method and suite of those that both sides have. "
		  "priority: the lowest sum of the ranks in both sides' "
		  "lists, ties go to the offerer. automatic: the first of "
		  "the offerer's that the answerer has; so, too, when the "
		  "far end is not set to priority. static: only the first of "
		  "each list, in both directions. Lists and choice are "
		  "authenticated; far ends that do not know the negotiation "
		  "get an offer of the first." },
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
	{ .name = "cert", .type = CONF_TEXT, .valid = file_valid,
	  .help = "The peer's certificate, \"file:PATH\" in PEM, to seal keys "
		  "for it: calls to it by mikey-rsa take one." },
	{ .name = "ike", .type = CONF_TEXT,
	  .help = "With media = \"ike\": the address of the peer's end of IKE. "
		  "It proves itself by the psk, or by a certificate (ike_cert "
		  "or ike_ca), as we do then (vici.cert)." },
	{ .name = "ike_id", .type = CONF_TEXT, .valid = name_valid,
	  .help = "Its identity of IKE; its address when left out." },
	{ .name = "ike_nets", .type = CONF_TEXTS,
	  .help = "Where its media arrive and come from, ADDRESS/BITS: what "
		  "the tunnel leads to. Its address of IKE when left out." },
	{ .name = "esp_nets", .type = CONF_TEXTS,
	  .help = "With esp_scope = \"host\": where the far end's address "
		  "must lie, ADDRESS/BITS. A tunnel to any other address is "
		  "refused, whoever asks for it. Two peers' must not "
		  "overlap." },
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

static const struct conf_group profiles_group = {
	"profiles", CONF_NAMED, profile_keys,
	"Profiles: what a call must, may or must not use."
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

/* The key table has held the word. */
static enum need need_of(const char *word)
{
	enum need need = NEED_REQUIRE;

	while (strcmp(needs[need], word))
		need++;
	return need;
}

const char *policy_body(enum body_mode mode)
{
	return bodies[mode];
}

const char *policy_need(enum need need)
{
	return needs[need];
}

/* Suites that leave media readable want a word of their own. */
static int check_readable(const struct conf_node *n, const struct profile *p,
			  struct conf_err *err)
{
	const char *name = NULL;

	for (size_t i = 0; i < p->n_suites && !name; i++)
		if (suite_info(p->suites[i])->readable)
			name = suite_info(p->suites[i])->name;
	if (!name)
		return 0;
	if (strcmp(conf_text(n, "unencrypted"), "allow"))
		return conf_fail(err, n, "profiles.%s.suites: %s encrypts "
				 "nothing; leave it out, or set unencrypted = "
				 "\"allow\" if everybody may hear these calls",
				 p->name, name);
	for (size_t i = 0; i < p->n_keying; i++)
		if (protocol_of(p->keying[i]) == PROTOCOL_SDES)
			return conf_fail(err, n, "profiles.%s.suites: sdes has "
					 "no %s; leave one of them out",
					 p->name, name);
	return 0;
}

/* An early answer is no SDP. */
static int read_body(const struct conf_node *n, struct profile *p,
		     struct conf_err *err)
{
	while (strcmp(bodies[p->body], conf_text(n, "body")))
		p->body++;
	if (p->body && p->early)
		return conf_fail(err, n, "profiles.%s.body: \"%s\" does not "
				 "go with answer = \"early\"; leave one of "
				 "them out", p->name, bodies[p->body]);
	while (strcmp(hides[p->hide], conf_text(n, "hide")))
		p->hide++;
	if (p->hide && p->body != BODY_MODE_TUNNEL)
		return conf_fail(err, n, "profiles.%s.hide: only whole "
				 "messages hide who calls; set body = "
				 "\"tunnel\", or leave hide out", p->name);
	p->fetch = p->fetch && !p->hide;
	return 0;
}

/* What tunnels do not go with. */
static const char *against_esp(const struct profile *p)
{
	for (size_t i = 0; i < p->n_keying; i++)
		if (protocol_of(p->keying[i]) != PROTOCOL_MIKEY)
			return "keying by sdes";
	if (p->need != NEED_REQUIRE)
		return "a need that is not \"require\"";
	if (p->body)
		return "body";
	if (p->early)
		return "answer = \"early\"";
	if (p->late)
		return "late = \"allow\"";
	return NULL;
}

/* Whose key charon has, too, from which SRTP is to be safe. */
static bool keyed_by_psk(const struct profile *p)
{
	for (size_t i = 0; i < p->n_keying; i++)
		if (!strcmp(p->keying[i], "mikey-psk") ||
		    !strcmp(p->keying[i], "mikey-dhhmac"))
			return true;
	return false;
}

static const char *against_media(const struct profile *p)
{
	if (p->media == MEDIA_IKE && p->n_keying && !p->srtp_within)
		return "keying (\"ike+srtp\" does)";
	if (p->srtp_within && keyed_by_psk(p))
		return "keying by mikey-psk or mikey-dhhmac, since charon has "
		       "the pre-shared key";
	return against_esp(p);
}

/* Both, where "+srtp" is behind it. */
static void read_way(const struct conf_node *n, struct profile *p)
{
	const char *way = conf_text(n, "media");

	while (strncmp(medias[p->media], way, strlen(medias[p->media])))
		p->media++;
	p->srtp_within = strchr(way, '+') != NULL;
}

static enum esp_scope scope_of(const char *name)
{
	size_t i = 0;

	while (scopes[i + 1] && strcmp(scopes[i], name))
		i++;
	return scope_values[i];
}

static int read_media(const struct conf_node *n, struct profile *p,
		      struct conf_err *err)
{
	const char *against;

	p->esp_scope = scope_of(conf_text(n, "esp_scope"));
	for (size_t i = 0; i < conf_texts(n, "esp") && i < ESP_SUITES; i++)
		p->esp[p->n_esp++] =
			esp_suite_by_name(conf_text_at(n, "esp", i));
	if (p->ike_after && p->media != MEDIA_IKE)
		return conf_fail(err, n, "profiles.%s.ike: it says when the "
				 "tunnel of media = \"ike\" is there; set "
				 "that, or leave it out", p->name);
	if (p->esp_scope != ESP_MEDIA && p->media != MEDIA_ESP)
		return conf_fail(err, n, "profiles.%s.esp_scope: it says what "
				 "tunnels of media = \"esp\" are for; set "
				 "that, or leave it out", p->name);
	if (p->media == MEDIA_SRTP)
		return 0;
	against = against_media(p);
	if (against)
		return conf_fail(err, n, "profiles.%s.media: \"%s\" does not "
				 "go with %s; leave one of them out", p->name,
				 conf_text(n, "media"), against);
	if (!p->n_esp)
		return conf_fail(err, n, "profiles.%s.esp: media = \"%s\" "
				 "takes at least one suite", p->name,
				 conf_text(n, "media"));
	return 0;
}

static int read_profile(const struct conf_node *n, struct profile *p,
			struct conf_err *err)
{
	size_t keying = conf_texts(n, "keying"), suites;
	int r;

	suites = conf_texts(n, "suites");
	p->name = conf_node_name(n);
	p->need = need_of(conf_text(n, "need"));
	p->retarget = !strcmp(conf_text(n, "retarget"), "allow");
	p->early = !strcmp(conf_text(n, "answer"), "early");
	p->asserted = !strcmp(conf_text(n, "asserted"), "trust");
	p->late = !strcmp(conf_text(n, "late"), "allow");
	p->sdes = strcmp(conf_text(n, "sdes"), "any") ? SDES_TLS : SDES_ANY;
	while (strcmp(negotiations[p->negotiate], conf_text(n, "negotiate")))
		p->negotiate++;
	p->fetch = conf_bool(n, "fetch");
	p->tofu = !strcmp(conf_text(n, "trust"), "tofu");
	if (keying > KEYING_METHODS_MAX || suites > SUITE_COUNT)
		return conf_fail(err, n, "profiles.%s: a list is too long",
				 p->name);
	for (size_t i = 0; i < keying; i++)
		p->keying[p->n_keying++] = conf_text_at(n, "keying", i);
	for (size_t i = 0; i < suites; i++)
		p->suites[p->n_suites++] =
			suite_by_name(conf_text_at(n, "suites", i));
	p->ike_after = !strcmp(conf_text(n, "ike"), "after");
	read_way(n, p);
	if (p->need != NEED_FORBID && !p->n_keying &&
	    (p->media != MEDIA_IKE || p->srtp_within))
		return conf_fail(err, n, "profiles.%s.keying: need = "
				 "\"%s\" takes a way of keying, like "
				 "\"mikey-psk\"", p->name, needs[p->need]);
	if (p->need != NEED_FORBID && !p->n_suites)
		return conf_fail(err, n, "profiles.%s.suites: need = "
				 "\"%s\" takes at least one suite",
				 p->name, needs[p->need]);
	if (p->need == NEED_FORBID && p->n_keying)
		return conf_fail(err, n, "profiles.%s.keying: need = "
				 "\"forbid\" uses none; leave it out or set "
				 "need = \"require\"", p->name);
	r = check_readable(n, p, err);
	if (!r)
		r = read_body(n, p, err);
	return r ? r : read_media(n, p, err);
}

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

	return (p->media == MEDIA_IKE && !*peer->ike.cert) || keyed_by_psk(p);
}

/* By what we know it when it comes with a key. */
static int check_psk(const struct conf_node *n, const struct peer *peer,
		     struct conf_err *err)
{
	bool ike = peer->profile->media == MEDIA_IKE;

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

static bool uses_certs(const struct profile *p)
{
	if (p->body)
		return true;
	for (size_t i = 0; i < p->n_keying; i++)
		if (is_certified(p->keying[i]))
			return true;
	return false;
}

/* Who we are and whom we believe must be there where it is needed. */
static int check_certs(const struct policy *p, const struct conf_node *n,
		       const struct peer *peer, struct conf_err *err)
{
	const struct conf_node *own = conf_one(p->conf, "identity");

	if (!uses_certs(peer->profile) && peer->profile->tofu)
		return conf_fail(err, n, "peers: %s: profile \"%.60s\" never "
				 "uses certificates; leave trust = \"tofu\" "
				 "out or name a method with them in keying",
				 peer->name, peer->profile->name);
	if (!uses_certs(peer->profile))
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
	if ((peer->profile->media == MEDIA_IKE) != (peer->ike.at.family != 0))
		return conf_fail(err, n, "peers: %s: ike = \"ADDRESS\" and a "
				 "profile with media = \"ike\" go together; "
				 "set both or none", peer->name);
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
		if ((r = read_profile(conf_at(c, "profiles", i),
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
