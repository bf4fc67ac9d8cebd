/* mikey.c - MIKEY (RFC 3830) as a keying of the keeper; the map of this
 * folder.
 *
 *   message.c     header, crypto session map, chain of payloads
 *   payload.c     the table of payloads: read and write each
 *   sp.c          security policy parameters <-> crypto suite
 *   kdf.c         HMAC and the PRF
 *   kemac.c       inside a KEMAC: AES-CM, key data sub-payloads
 *   dh.c          Diffie-Hellman groups, public values, shared secret
 *   session.c     TGK -> SRTP master keys of all crypto sessions
 *   stamp.c       NTP timestamps
 *   ident.c       identities compared
 *   error.c       error messages
 *   agreement.c   Diffie-Hellman values in offer and answer
 *   map.c         crypto sessions of an offer: types of map, policy, keys
 *   incoming.c    an offer held against our terms, for all methods
 *   outgoing.c    our offers, as far as all modes make them alike
 *   psk.c         pre-shared key method: offer, finish
 *   psk_answer.c  pre-shared key method: answer
 *   dhhmac.c      Diffie-Hellman under a pre-shared key (RFC 4650)
 *   awaited.c     an offer that waits for a verification (V)
 *   sign.c        certificates and signatures in messages
 *   envelope.c    a TGK under an envelope key under a public key
 *   pke.c         public-key encryption: offer, finish
 *   pke_answer.c  public-key encryption: answer
 *   rsa_r.c       public-key encryption in reverse mode (RFC 4738)
 *   dhsign.c      signed Diffie-Hellman
 *   ranks.c       the negotiation by priority in a message
 *   esp/          the same where tunnels are keyed and not streams: policy.c,
 *                 end.c the wire; offer.c, answer.c, pair.c the exchange;
 *                 keys.c the keys; dialect.c a peer of 2005
 *   explain.c     a message in plain words, for operators
 *
 * Everything is a pure function. The window and the wish for a verification
 * reach it through the terms; which line of SDP carries a message is the
 * engine's business. The module only registers its records. */
#include "daemon/base/err.h"
#include "daemon/base/esp.h"
#include "daemon/module.h"
#include "modules/mikey/dhhmac.h"
#include "modules/mikey/dhsign.h"
#include "modules/mikey/pke.h"
#include "modules/mikey/psk.h"
#include "modules/mikey/rsa_r.h"

#include <string.h>

static const char *const kemacs[] = { "suite", "aes-128", NULL };
static const char *const mkis[] = { "rekey", "always", "never", NULL };
static const char *const hashes[] = { "sha-1", "sha-256", NULL };
static const char *const levels[] = { "session", "media", NULL };

static const struct conf_key keys[] = {
	{ .name = "window", .type = CONF_INT, .dflt = "300", .min = 5,
	  .max = 86400, .unit = "s", .reload = RELOAD_LIVE,
	  .help = "How far the timestamp of a MIKEY message may be from our "
		  "clock, either way. Accepted messages are remembered that "
		  "long, so that none is accepted twice." },
	{ .name = "level", .type = CONF_WORD, .dflt = "session",
	  .choices = levels, .reload = RELOAD_LIVE,
	  .help = "Where our offers carry MIKEY in SDP: one message for the "
		  "whole session, or one for each media line." },
	{ .name = "verify", .type = CONF_BOOL, .dflt = "true",
	  .reload = RELOAD_LIVE,
	  .help = "Ask the far end to prove that it holds the key. Without it "
		  "an outgoing call is never more than unverified." },
	{ .name = "legacy", .type = CONF_BOOL, .dflt = "false",
	  .reload = RELOAD_LIVE,
	  .help = "Take from old peers what is too weak for new ones: the "
		  "Diffie-Hellman groups of 768 and 1024 bits; in S/MIME "
		  "bodies (body) what was used in 2004, 3DES, SHA-1 and RSA "
		  "PKCS #1 v1.5 encryption; with keying by sdes a key as "
		  "k=clear:; and with media = \"esp\" the dialect of 2005, by "
		  "suites that the profile names (esp). Ours never use it." },
	{ .name = "counters", .type = CONF_BOOL, .dflt = "false",
	  .reload = RELOAD_LIVE,
	  .help = "Take offers of far ends without a clock, which count their "
		  "messages instead. Each must be higher than the peer's last, "
		  "which the state directory remembers; if it is lost, such "
		  "offers are refused. Our own offers have the time." },
	{ .name = "kemac", .type = CONF_WORD, .dflt = "suite",
	  .choices = kemacs, .reload = RELOAD_LIVE,
	  .help = "The cipher under which our offers carry a key. suite: "
		  "AES-256 (RFC 6043) when the suite's key is longer than 128 "
		  "bits, else AES-128. aes-128: always that, for peers of RFC "
		  "3830 alone; a longer suite is then no stronger, and the "
		  "verdict says so." },
	{ .name = "hash", .type = CONF_WORD, .dflt = "sha-1",
	  .choices = hashes, .reload = RELOAD_LIVE,
	  .help = "The hash function by which our offers derive keys and make "
		  "MACs. sha-1: HMAC-SHA-1, which every peer knows. sha-256: "
		  "HMAC-SHA-256 (RFC 6043), for peers known to have it. What "
		  "a far end's offer uses is taken whatever stands here." },
	{ .name = "derivation_rate", .type = CONF_INT, .dflt = "0", .min = 0,
	  .max = 16777216, .unit = "packets", .reload = RELOAD_LIVE,
	  .help = "After how many packets the session keys of our offers' "
		  "streams are derived anew, a power of 2 (RFC 3711 section "
		  "4.3.1); 0: never. What a far end's offer asks for is done "
		  "whatever stands here." },
	{ .name = "mki", .type = CONF_WORD, .dflt = "rekey",
	  .choices = mkis, .reload = RELOAD_LIVE,
	  .help = "Which keys that we make are named in every packet by an MKI "
		  "of 2 bytes (RFC 3711): rekey, those that replace others, "
		  "so that old and new are told apart; always; never, for "
		  "peers that know none: then the one that fits is found by "
		  "trying." },
	{ .name = "rekey", .type = CONF_INT, .dflt = "0", .min = 0,
	  .max = 86400, .unit = "s", .reload = RELOAD_LIVE,
	  .help = "How old the keys of a call get before we ask the far end "
		  "for new ones; 0: until they have protected as many packets "
		  "as they may, or callsealctl rekey asks." },
	{ .name = NULL },
};

static const struct conf_group group = {
	.name = "mikey",
	.shape = CONF_ONE,
	.keys = keys,
	.help = "Keying with MIKEY (RFC 3830) in SDP (RFC 4567).",
};

static const struct conf_group *const groups[] = { &group, NULL };
static const char *const provides[] = { "keying", NULL };

/* A suite of old peers in a profile is of use with their dialect alone. */
static int check_suites(const struct conf *c, struct conf_err *err)
{
	bool legacy = conf_bool(conf_one(c, "mikey"), "legacy");
	const struct conf_node *p;

	for (size_t i = 0; !legacy && (p = conf_at(c, "profiles", i)); i++)
		for (size_t k = 0; k < conf_texts(p, "esp"); k++) {
			const char *name = conf_text_at(p, "esp", k);

			if (esp_suite_info(esp_suite_by_name(name))->legacy)
				return conf_fail(err, p, "profiles.%s.esp: %s "
						 "is of old peers; set mikey."
						 "legacy, or leave it out",
						 conf_node_name(p), name);
		}
	return 0;
}

static int check(const struct conf *c, struct conf_err *err)
{
	const struct conf_node *n = conf_one(c, "mikey");
	long long rate = conf_int(n, "derivation_rate");

	if (rate & (rate - 1))
		return conf_fail(err, n, "mikey.derivation_rate: %lld is no "
				 "power of 2; set 0 or 1, 2, 4, ... 16777216",
				 rate);
	if (rate && !strcmp(conf_text(conf_one(c, "media"), "transform"),
			    "libsrtp2"))
		return conf_fail(err, n, "mikey.derivation_rate: media."
				 "transform = \"libsrtp2\" can do none; set "
				 "0, or media.transform = \"evp\"");
	return check_suites(c, err);
}

static const struct keying *const methods[] = {
	&mikey_psk, &mikey_dhhmac, &mikey_pke, &mikey_rsa_r, &mikey_dhsign,
	&mikey_ecdh
};

static int start(struct core *core, const struct conf *c, void **state)
{
	int r = 0;

	(void)c;
	for (size_t i = 0; i < sizeof methods / sizeof *methods && !r; i++)
		r = core_register(core, "keying", methods[i]->name,
				  methods[i]);
	if (!r)
		*state = NULL;
	return r;
}

static void stop(void *state)
{
	(void)state; /* nothing is kept */
}

extern const struct module mikey_module;

const struct module mikey_module = {
	.name = "mikey",
	.process = PROC_KEEPER,
	.provides = provides,
	.groups = groups,
	.check = check,
	.start = start,
	.stop = stop,
};
