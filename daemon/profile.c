/* profile.c - see profile.h. What the key table cannot say is checked here:
 * what does not go together, and that what is required can be done. */
#include "daemon/profile.h"

#include "daemon/base/err.h"
#include "daemon/protocol.h"

#include <string.h>

/* -- the key table --------------------------------------------------------- */

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

static const char *const retargets[] = { "refuse", "allow", NULL };
static const char *const diverteds[] = { "refuse", "allow", NULL };
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
	"ike+srtp", "esp+srtp", NULL
};
static const char *const scopes[] = { "media", "host", "net", NULL };
static const enum esp_scope scope_values[] = { ESP_MEDIA, ESP_HOST, ESP_NET };
static const char *const alones[] = { "refuse", "allow", NULL };

static const char *const esp_suites[] = {
	"AES_128_GCM", "AES_256_GCM", "AES_128_CBC_HMAC_SHA256_128",
	"AES_256_CBC_HMAC_SHA256_128", "AES_128_CBC_HMAC_SHA1_96",
	"AES_256_CBC_HMAC_SHA1_96", "3DES_CBC_HMAC_SHA1_96", NULL
};
static const char *const ikes[] = {
	"standing", "after", "before", "call", NULL
};
static const char *const ike_sdps[] = { "none", "send", "require", NULL };
static const char *const discovers[] = { "none", "ask", "require", NULL };
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
		  "more is refused, and so is what belongs to no call. While "
		  "a peer has it, every anonymous sealed call is taken for a "
		  "hidden one: other peers' anonymous callers get 493. "
		  "Certificates are not asked for (fetch): set the peer's "
		  "cert." },
	{ .name = "diverted", .type = CONF_WORD, .choices = diverteds,
	  .dflt = "refuse",
	  .help = "Whether a call whose bodies are signed may be with another "
		  "than was called, as when it was diverted on its way (RFC "
		  "4916). refuse: only who was called can answer, or his "
		  "domain for him. allow: so can whoever has a certificate "
		  "that is believed and names him alone, and a peer of his "
		  "own with this same profile; from then on the call is with "
		  "him, until another whom From of an INVITE or UPDATE in it "
		  "names, and who signed that, takes his place. Phones are "
		  "told. Its verdict is no more than peer, and says so. "
		  "Anybody with such a certificate who is on the way can "
		  "then take a call, at its begin or later. Not with hide. "
		  "See retarget for keys." },
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
		  "tunnel.ports, where nothing passes but in a tunnel. ike: as "
		  "they are, too, in "
		  "a tunnel to the peer that strongSwan's charon raises (ike "
		  "of the peer, group vici), without keying, or with ike = "
		  "\"call\" in tunnels that each call's keying agrees on. "
		  "ike+srtp: in the peer's tunnel, and in it by SRTP, too, "
		  "which keying agrees on: who gets into charon hears "
		  "nothing. esp+srtp: as esp, and in the tunnels by SRTP, too "
		  "(suites), which the same keying messages agree on: a call "
		  "has both or nothing. Both ends "
		  "must be set to the same; with need = \"require\" only. "
		  "T.38 faxes pass with esp and ike, and where calls are "
		  "plain: SRTP cannot protect them." },
	{ .name = "esp", .type = CONF_WORDS, .choices = esp_suites,
	  .dflt = "AES_128_GCM,AES_256_GCM",
	  .help = "Suites of ESP that may be used with media = \"esp\", best "
		  "first; with media = \"ike\" those that are of one kind with "
		  "the first (with ike = \"call\" any). Those with SHA1 are "
		  "for calls of old peers that key ESP in the dialect of 2005 "
		  "(mikey.legacy, esp_scope = \"host\"): they are taken there "
		  "and never offered." },
	{ .name = "esp_scope", .type = CONF_WORD, .choices = scopes,
	  .dflt = "media",
	  .help = "What the tunnels of media = \"esp\" are for; both ends "
		  "must be set to the same. media: the lines of one call. "
		  "host: everything between the two gateways (addresses of "
		  "outside.media), as long as some call is up; all calls to "
		  "one far end share it, each with keys of its own. Only SIP "
		  "stays out of it (UDP to our outside.listen; TCP also to "
		  "5060, 5061 and the ports in routes, whoever sends from "
		  "there); it takes esp_nets of the peer. net: what is "
		  "between tunnel.nets and esp_nets of the peer, as long as "
		  "some call is up; media go from phone to phone by the "
		  "kernel's routing and not through us, so that it must be in "
		  "their way. Nothing else passes to and from the peer's "
		  "networks, from start to end, but SIP as with host. It takes "
		  "answer = \"early\" at both ends." },
	{ .name = "esp_alone", .type = CONF_WORD, .choices = alones,
	  .dflt = "refuse",
	  .help = "With esp_scope = \"net\": whether an INVITE whose SDP has "
		  "no line of media raises the tunnel alone. Otherwise it "
		  "hears 488." },
	{ .name = "ike", .type = CONF_WORD, .choices = ikes,
	  .dflt = "standing",
	  .help = "When the tunnel of media = \"ike\" is there. standing: "
		  "always; it is raised at start and whenever it is lost, "
		  "and a call that needs it meanwhile ends. after: while "
		  "calls use it; who answers raises it, and the caller's "
		  "phone has the answer once it is up. before: the same, but "
		  "it is up before anybody's phone rings, as a security "
		  "precondition (RFC 5027), or the call ends with 580; not "
		  "with ike+srtp, nor with a body that is sealed. call: each "
		  "call has tunnels of its own, one a media line, as with "
		  "media = \"esp\": keying (any of mikey) proves the ends and "
		  "agrees on a pre-shared key for that tunnel alone, by which "
		  "the two charons raise it; IKE needs nothing of the peer's "
		  "beforehand, neither address nor key. Not with ike+srtp, nor "
		  "behind a NAT (outside.public). Both ends must be set to the "
		  "same." },
	{ .name = "ike_sdp", .type = CONF_WORD, .choices = ike_sdps,
	  .dflt = "none",
	  .help = "With media = \"ike\": whether SDP has IKE in it (RFC 6193), "
		  "its address, who begins it and the certificate's "
		  "fingerprint. none: as if there were no such thing. send: "
		  "ours does, and what the far end's says must fit its ike "
		  "and ike_cert. require: and one without is refused. Not "
		  "with peers' ike_ca: charon does not tell which of the "
		  "CA's certificates it was shown." },
	{ .name = "discover", .type = CONF_WORD, .choices = discovers,
	  .dflt = "none",
	  .help = "With media = \"ike\", \"ike+srtp\" or \"esp\": whether "
		  "the peer's next hops (route) are asked beforehand what "
		  "they can do, by the OPTIONS of keepalive, which takes "
		  "both. Gateways of ours answer it to the addresses in their "
		  "own routes, with SDP of port 0; nobody else hears more "
		  "than before. ask: callsealctl peers shows what they said. "
		  "require: and a call does not go to one that said it "
		  "cannot, but ends with 488; one that said nothing yet is "
		  "called. It protects nothing, since anybody on the way "
		  "could answer; the tunnel does." },
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

const struct conf_group profiles_group = {
	"profiles", CONF_NAMED, profile_keys,
	"Profiles: what a call must, may or must not use."
};

/* -- reading --------------------------------------------------------------- */

/* The key table has held the word. */
static enum need need_of(const char *word)
{
	enum need need = NEED_REQUIRE;

	while (strcmp(needs[need], word))
		need++;
	return need;
}

const char *profile_need(enum need need)
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
	if (p->diverted && (p->body == BODY_MODE_NONE ||
			    p->body == BODY_MODE_ENCRYPT))
		return conf_fail(err, n, "profiles.%s.diverted: only a "
				 "signature tells who answers; set body = "
				 "\"sign\", \"sign-encrypt\" or \"tunnel\", or "
				 "leave diverted out", p->name);
	if (p->diverted && p->hide)
		return conf_fail(err, n, "profiles.%s.diverted: it does not "
				 "go with hide; leave one of them out",
				 p->name);
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
	if (p->early && p->esp_scope != ESP_NET)
		return "answer = \"early\"";
	if (p->late)
		return "late = \"allow\"";
	return NULL;
}

static bool is_old(const struct profile *p)
{
	for (size_t i = 0; i < p->n_esp; i++)
		if (esp_suite_info(p->esp[i])->legacy)
			return true;
	return false;
}

static bool is_readable(const struct profile *p)
{
	for (size_t i = 0; i < p->n_suites; i++)
		if (suite_info(p->suites[i])->readable)
			return true;
	return false;
}

/* Whose key charon has, too, from which SRTP is to be safe. */
bool profile_keyed_by_psk(const struct profile *p)
{
	for (size_t i = 0; i < p->n_keying; i++)
		if (!strcmp(p->keying[i], "mikey-psk") ||
		    !strcmp(p->keying[i], "mikey-dhhmac"))
			return true;
	return false;
}

static const char *against_media(const struct profile *p)
{
	if (profile_stands(p) && p->n_keying && !p->srtp_within)
		return "keying (\"ike+srtp\" and ike = \"call\" do)";
	if (p->media == MEDIA_IKE && p->srtp_within && profile_keyed_by_psk(p))
		return "keying by mikey-psk or mikey-dhhmac, since charon has "
		       "the pre-shared key";
	if (p->media == MEDIA_ESP && p->srtp_within && p->esp_scope == ESP_NET)
		return "esp_scope = \"net\", since media pass the relay by "
		       "there";
	if (p->media == MEDIA_ESP && p->srtp_within && is_old(p))
		return "suites of ESP with SHA1, since old peers have no SRTP "
		       "in it";
	if (p->media == MEDIA_ESP && p->srtp_within && is_readable(p))
		return "suites that encrypt nothing";
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

/* What tunnels for more than a line of media go with. */
static int check_scope(const struct conf_node *n, const struct profile *p,
		       struct conf_err *err)
{
	if (is_old(p) && p->esp_scope != ESP_HOST)
		return conf_fail(err, n, "profiles.%s.esp: suites with SHA1 "
				 "are of old peers, whose tunnels are for "
				 "everything between two hosts; set media = "
				 "\"esp\" and esp_scope = \"host\", or leave "
				 "them out", p->name);
	if (p->esp_scope == ESP_NET && !p->early)
		return conf_fail(err, n, "profiles.%s.esp_scope: with \"net\" "
				 "nobody holds a phone's first packets until "
				 "the tunnel is up; set answer = \"early\"",
				 p->name);
	if (p->esp_alone && p->esp_scope != ESP_NET)
		return conf_fail(err, n, "profiles.%s.esp_alone: it says what "
				 "goes with esp_scope = \"net\"; set that, or "
				 "leave it out", p->name);
	return 0;
}

static int read_media(const struct conf_node *n, struct profile *p,
		      struct conf_err *err)
{
	const char *against;

	p->esp_scope = scope_of(conf_text(n, "esp_scope"));
	for (size_t i = 0; i < conf_texts(n, "esp") && i < ESP_SUITES; i++)
		p->esp[p->n_esp++] =
			esp_suite_by_name(conf_text_at(n, "esp", i));
	if ((p->ike_after || p->ike_call) && p->media != MEDIA_IKE)
		return conf_fail(err, n, "profiles.%s.ike: it says when the "
				 "tunnel of media = \"ike\" is there; set "
				 "that, or leave it out", p->name);
	if (p->ike_before && (p->srtp_within || p->body))
		return conf_fail(err, n, "profiles.%s.ike: \"before\" does not "
				 "go with %s; leave one of them out", p->name,
				 p->body ? "a body that is sealed"
					 : "media = \"ike+srtp\"");
	if (p->ike_call && p->srtp_within)
		return conf_fail(err, n, "profiles.%s.ike: \"call\" keys its "
				 "tunnels by the keying that \"ike+srtp\" has "
				 "for SRTP; set media = \"ike\", or leave it "
				 "out", p->name);
	if (p->ike_sdp != IKE_SDP_NONE && p->ike_call)
		return conf_fail(err, n, "profiles.%s.ike_sdp: it does not go "
				 "with ike = \"call\", whose keying says all "
				 "that IKE must know; leave it out", p->name);
	if (p->ike_sdp != IKE_SDP_NONE && p->media != MEDIA_IKE)
		return conf_fail(err, n, "profiles.%s.ike_sdp: it says what "
				 "SDP tells of the tunnel of media = \"ike\"; "
				 "set that, or leave it out", p->name);
	if (p->discover != DISCOVER_NONE && p->media == MEDIA_SRTP)
		return conf_fail(err, n, "profiles.%s.discover: it asks for "
				 "IPsec; set media = \"ike\" or \"esp\", or "
				 "leave it out", p->name);
	if (p->esp_scope != ESP_MEDIA && p->media != MEDIA_ESP)
		return conf_fail(err, n, "profiles.%s.esp_scope: it says what "
				 "tunnels of media = \"esp\" are for; set "
				 "that, or leave it out", p->name);
	p->esp_alone = !strcmp(conf_text(n, "esp_alone"), "allow");
	if (p->media == MEDIA_SRTP)
		return 0;
	if (check_scope(n, p, err))
		return E_CONF;
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

int profile_read(const struct conf_node *n, struct profile *p,
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
	p->diverted = !strcmp(conf_text(n, "diverted"), "allow");
	p->tofu = !strcmp(conf_text(n, "trust"), "tofu");
	if (keying > KEYING_METHODS_MAX || suites > SUITE_COUNT)
		return conf_fail(err, n, "profiles.%s: a list is too long",
				 p->name);
	for (size_t i = 0; i < keying; i++)
		p->keying[p->n_keying++] = conf_text_at(n, "keying", i);
	for (size_t i = 0; i < suites; i++)
		p->suites[p->n_suites++] =
			suite_by_name(conf_text_at(n, "suites", i));
	p->ike_before = !strcmp(conf_text(n, "ike"), "before");
	p->ike_call = !strcmp(conf_text(n, "ike"), "call");
	p->ike_after = p->ike_before || !strcmp(conf_text(n, "ike"), "after");
	while (strcmp(ike_sdps[p->ike_sdp], conf_text(n, "ike_sdp")))
		p->ike_sdp++;
	while (strcmp(discovers[p->discover], conf_text(n, "discover")))
		p->discover++;
	read_way(n, p);
	if (p->need != NEED_FORBID && !p->n_keying &&
	    (!profile_stands(p) || p->srtp_within))
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

bool profile_uses_certs(const struct profile *p)
{
	if (p->body)
		return true;
	for (size_t i = 0; i < p->n_keying; i++)
		if (is_certified(p->keying[i]))
			return true;
	return false;
}
