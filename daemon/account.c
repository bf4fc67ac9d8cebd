/* account.c - our accounts at peers. See account.h. */
#include "daemon/account.h"

#include "daemon/base/err.h"
#include "daemon/uri.h"

#include <string.h>

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

/* What may stand between quotes without an escape. */
static int quoted_valid(const char *value, const char **why)
{
	*why = "up to 127 visible characters without quotes and backslashes";
	if (strlen(value) >= DIGEST_TEXT)
		return E_FORMAT;
	for (; *value; value++)
		if (*value < 0x20 || *value >= 0x7f || strchr("\"\\", *value))
			return E_FORMAT;
	return 0;
}

static int file_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\", the file holds the password";
	return conf_is_file(value) ? 0 : E_FORMAT;
}

static int account_valid(const char *value, const char **why)
{
	*why = "\"sip:USER@HOST\"";
	return uri_is_sip(value) && strchr(value, '@') &&
	       strlen(value) < IDENTITY_TEXT ? 0 : E_FORMAT;
}

static const struct conf_key keys[] = {
	{ .name = "uri", .type = CONF_TEXT, .required = true,
	  .valid = account_valid,
	  .help = "The account, \"sip:USER@HOST\". Calls for it come to the "
		  "user of that name below phones, or by inside.proxy." },
	{ .name = "peer", .type = CONF_TEXT, .required = true,
	  .help = "The name of the peer where it is: registration goes by its "
		  "route, and challenges of calls and other requests to it "
		  "are answered." },
	{ .name = "password", .type = CONF_TEXT, .required = true,
	  .valid = file_valid,
	  .help = "\"file:PATH\", relative to the configuration's folder: the "
		  "password, in a file that nobody else may read." },
	{ .name = "user", .type = CONF_TEXT, .valid = quoted_valid,
	  .help = "The user name for digest authentication; that of uri when "
		  "left out." },
	{ .name = "realm", .type = CONF_TEXT, .valid = quoted_valid,
	  .help = "Whose challenges are answered: the realm, or \"*\" for any; "
		  "the host of uri when left out. Further accounts with the "
		  "same peer may answer other realms." },
	{ .name = "register", .type = CONF_INT, .dflt = "0", .min = 0,
	  .max = 86400, .unit = "s",
	  .help = "For how long the gateway registers itself, again and "
		  "again; 0: not, challenges are answered only." },
	{ .name = "name", .type = CONF_TEXT, .valid = name_valid,
	  .help = "A short unique name for logs; user and host of uri when "
		  "left out." },
	{ .name = NULL }
};

const struct conf_group accounts_group = {
	"accounts", CONF_LIST, keys,
	"Accounts of the gateway itself at its peers: registration and digest "
	"authentication (RFC 7616, RFC 8760)."
};

/* Up to len bytes, which the checks above have made fit. */
static void take(char out[static DIGEST_TEXT], const char *text, size_t len)
{
	len = strnlen(text, len < DIGEST_TEXT ? len : DIGEST_TEXT - 1);
	memcpy(out, text, len);
	out[len] = 0;
}

int account_read(const struct conf_node *n, struct account *out,
		 struct conf_err *err)
{
	struct account a = { .uri = conf_text(n, "uri"),
			     .peer = conf_text(n, "peer"),
			     .password = conf_text(n, "password"),
			     .register_s = (unsigned)conf_int(n, "register") };
	const char *user = conf_text(n, "user");
	const char *realm = conf_text(n, "realm");
	const char *named = conf_text(n, "name"), *at;
	char name[URI_NAME_TEXT];

	if (!uri_name(a.uri, name) || !(at = strchr(name, '@')) ||
	    strlen(name) >= NAME_TEXT)
		return conf_fail(err, n, "accounts: uri \"%.80s\": allowed: "
				 "\"sip:USER@HOST\", up to 127 letters",
				 a.uri);
	take(a.name, *named ? named : name, NAME_TEXT - 1);
	take(a.user, *user ? user : name,
	     *user ? DIGEST_TEXT - 1 : (size_t)(at - name));
	take(a.realm, *realm ? realm : at + 1, DIGEST_TEXT - 1);
	*out = a;
	return 0;
}

bool account_answers(const struct account *a, const char *peer,
		     const char *realm)
{
	return !strcmp(a->peer, peer) &&
	       (!strcmp(a->realm, "*") || !strcmp(a->realm, realm));
}
