/* registrar.c - the configuration of the embedded registrar. See registrar.h.
 *
 * Engine and keeper both read it: the one for challenges and bindings, the
 * other for the realm and the hashes that it judges by. */
#include "daemon/registrar.h"

#include "daemon/base/err.h"
#include "daemon/digest/users.h"

#include <string.h>

const char *const register_modes[] = { "off", "pass", "local", NULL };
static const char *const hashes[] = { "sha-256", "md5", NULL };
static const char *const qops[] = { "require", "any", NULL };
static const char *const rings[] = { "all", "best", NULL };

static int users_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\"";
	return conf_is_file(value) ? 0 : E_FORMAT;
}

/* A realm is compared letter by letter, a domain is not: lower case is both. */
static int domain_valid(const char *value, const char **why)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";

	*why = "a domain name in lower case, up to 120 letters";
	return strlen(value) <= 120 && !value[strspn(value, letters)]
		? 0 : E_FORMAT;
}

static const struct conf_key keys[] = {
	{ .name = "domain", .type = CONF_TEXT, .valid = domain_valid,
	  .help = "The domain of the phones' accounts, and the realm of their "
		  "passwords; needed with register = \"local\"." },
	{ .name = "users", .type = CONF_TEXT, .valid = users_valid,
	  .help = "The file of accounts, \"file:PATH\", relative to the "
		  "configuration's folder, which nobody else may read; needed "
		  "with register = \"local\"." },
	{ .name = "hash", .type = CONF_WORDS, .choices = hashes,
	  .dflt = "sha-256,md5",
	  .help = "With which hashes phones are asked for their password, the "
		  "strongest first whatever stands here first (RFC 8760). "
		  "Each account needs all of them. Old phones know md5 alone, "
		  "and some of those give up where anything else is offered "
		  "beside it: then leave that alone, too." },
	{ .name = "qop", .type = CONF_WORD, .choices = qops,
	  .dflt = "require",
	  .help = "Whether a phone has to answer with qop=auth, which binds "
		  "the answer to a count so that nobody can repeat it. any "
		  "takes answers without, from phones older than RFC 2617; "
		  "each of our challenges is then good for one of them." },
	{ .name = "ring", .type = CONF_WORD, .choices = rings, .dflt = "all",
	  .help = "Which phones of an account ring when it is called: all of "
		  "them; or best, those with the highest q in their Contact "
		  "alone, and when all of those refused or were silent for "
		  "4 s, those with the next. The first that is picked up has "
		  "the call, the others are told so; one that declines (6xx) "
		  "ends it." },
	{ .name = "nonce_life", .type = CONF_INT, .dflt = "300", .min = 10,
	  .max = 86400, .unit = "s",
	  .help = "How long a phone may answer a challenge again, counting, "
		  "before it gets a new one." },
	{ .name = "expires_min", .type = CONF_INT, .dflt = "60", .min = 10,
	  .max = 3600, .unit = "s",
	  .help = "A phone that asks for a shorter registration is refused "
		  "with 423." },
	{ .name = "expires_max", .type = CONF_INT, .dflt = "3600", .min = 60,
	  .max = 604800, .unit = "s",
	  .help = "The longest registration, which a phone that names no time "
		  "gets, too." },
	{ .name = NULL }
};

const struct conf_group registrar_group = {
	"registrar", CONF_ONE, keys,
	"The registrar of our own, for register = \"local\"."
};

enum register_mode register_mode_of(const struct conf *c)
{
	const char *word = conf_text(conf_one(c, ""), "register");
	unsigned mode = REGISTER_OFF;

	while (strcmp(register_modes[mode], word))
		mode++;
	return (enum register_mode)mode;
}

static unsigned read_hashes(const struct conf_node *n)
{
	unsigned mask = 0;

	for (size_t i = 0; i < conf_texts(n, "hash"); i++)
		mask |= strcmp(conf_text_at(n, "hash", i), "md5")
			? DIGEST_BIT(DIGEST_SHA_256) : DIGEST_BIT(DIGEST_MD5);
	return mask;
}

int registrar_read(const struct conf *c, struct registrar_settings *out,
		   struct conf_err *err)
{
	const struct conf_node *n = conf_one(c, "registrar");
	struct registrar_settings r = {
		.domain = conf_text(n, "domain"),
		.users = conf_text(n, "users"),
		.hashes = read_hashes(n),
		.ring_best = !strcmp(conf_text(n, "ring"), "best"),
		.any_qop = !strcmp(conf_text(n, "qop"), "any"),
		.nonce_s = (uint32_t)conf_int(n, "nonce_life"),
		.expires_min = (uint32_t)conf_int(n, "expires_min"),
		.expires_max = (uint32_t)conf_int(n, "expires_max"),
	};

	if (register_mode_of(c) == REGISTER_LOCAL && !*r.domain)
		return conf_fail(err, n, "registrar.domain: is missing; needed "
				 "with register = \"local\"");
	if (register_mode_of(c) == REGISTER_LOCAL && !*r.users)
		return conf_fail(err, n, "registrar.users: is missing; needed "
				 "with register = \"local\"; make one with: "
				 "callsealctl digest");
	if (!r.hashes)
		return conf_fail(err, n, "registrar.hash: is empty; allowed: "
				 "sha-256, md5, or both");
	if (r.expires_min > r.expires_max)
		return conf_fail(err, n, "registrar.expires_min: %u is more "
				 "than expires_max (%u)", r.expires_min,
				 r.expires_max);
	*out = r;
	return 0;
}
