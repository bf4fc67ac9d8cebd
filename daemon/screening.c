/* screening.c - see screening.h. The groups stand apart from settings.c, which
 * has the two faces and the plain limits. */
#include "daemon/screening.h"

#include "daemon/base/err.h"
#include "daemon/message.h"
#include "daemon/uri.h"

#include <string.h>
#include <strings.h>

static const char *const scanners[] = { "drop", "refuse", "pass", NULL };
static const char *const pers[] = { "user", "host", "all", NULL };

static int pattern_valid(const char *value, const char **why)
{
	*why = "USER@HOST without scheme and port, \"*\" for any characters, "
	       "up to 127 letters";
	if (!*value || strlen(value) >= NAME_TEXT ||
	    !strncasecmp(value, "sip:", 4) || !strncasecmp(value, "sips:", 5))
		return E_FORMAT;
	for (; *value; value++)
		if (*value <= 0x20 || *value >= 0x7f)
			return E_FORMAT;
	return 0;
}

static int file_valid(const char *value, const char **why)
{
	*why = "\"file:PATH\", a line each: \"deny PATTERN\" or \"allow "
	       "PATTERN\"";
	return conf_is_file(value) ? 0 : E_FORMAT;
}

static int agent_valid(const char *value, const char **why)
{
	*why = "a piece of a User-Agent, 3 to 60 letters";
	if (strlen(value) < 3 || strlen(value) > 60)
		return E_FORMAT;
	for (; *value; value++)
		if (*value < 0x20 || *value >= 0x7f)
			return E_FORMAT;
	return 0;
}

static int number_valid(const char *value, const char **why)
{
	*why = "a number as it is dialled: digits, * and #";
	return *value && !value[strspn(value, "0123456789*#+")] ? 0 : E_FORMAT;
}

static const struct conf_key screening_keys[] = {
	{ .name = "allow", .type = CONF_TEXTS, .valid = pattern_valid,
	  .help = "Callers (patterns of USER@HOST, compared with From) from "
		  "outside who are let in although deny has them." },
	{ .name = "deny", .type = CONF_TEXTS, .valid = pattern_valid,
	  .help = "Callers from outside whose calls and other requests are "
		  "refused with 403. A From that nothing vouches for is "
		  "easily made up: this keeps off a nuisance, no attacker." },
	{ .name = "file", .type = CONF_TEXT, .valid = file_valid,
	  .help = "\"file:PATH\", relative to the configuration's folder: more "
		  "of both, a line each, \"allow PATTERN\" or \"deny "
		  "PATTERN\"; \"#\" begins a comment. It is read again at a "
		  "reload." },
	{ .name = "agents", .type = CONF_TEXTS, .valid = agent_valid,
	  .dflt = "friendly-scanner,sipvicious,sundayddr,sip-scan,sipcli,"
		  "pplsip",
	  .help = "Pieces of a User-Agent, in small or capital letters, by "
		  "which a scanner from outside is known. Addresses in "
		  "outside.trusted are never taken for one." },
	{ .name = "scanner", .type = CONF_WORD, .dflt = "drop",
	  .choices = scanners,
	  .help = "What a scanner's requests get: drop, no answer; refuse, "
		  "403; pass, what others get. They are counted and in the "
		  "log each way." },
	{ .name = NULL }
};

static const struct conf_key toll_keys[] = {
	{ .name = "match", .type = CONF_TEXT, .required = true,
	  .valid = pattern_valid,
	  .help = "Whom the calls are to: a pattern of USER@HOST of the "
		  "Request-URI, \"*\" stands for any characters. All rules "
		  "that fit count." },
	{ .name = "user", .type = CONF_TEXT, .dflt = "*",
	  .valid = pattern_valid,
	  .help = "Whom they are from: a pattern of USER@HOST of From." },
	{ .name = "hour", .type = CONF_INT, .dflt = "20", .min = 0,
	  .max = 1000000, .unit = "calls",
	  .help = "So many in an hour, answered or not; more are refused with "
		  "403. 0: none at all." },
	{ .name = "calls", .type = CONF_INT, .dflt = "2", .min = 1,
	  .max = 1000000, .unit = "calls",
	  .help = "So many at one time." },
	{ .name = "per", .type = CONF_WORD, .dflt = "user", .choices = pers,
	  .help = "What is counted together: user, the calls of one From; "
		  "host, those of one inside address, whatever their From; "
		  "all, every call that the rule fits." },
	{ .name = NULL }
};

static const struct conf_key emergency_keys[] = {
	{ .name = "numbers", .type = CONF_TEXTS, .dflt = "112,911",
	  .valid = number_valid,
	  .help = "Numbers that are emergency calls when a phone calls them, "
		  "beside urn:service:sos (RFC 5031). They are refused by no "
		  "limit, toll or list, and go out in clear where they cannot "
		  "be sealed, even with need = \"require\"; each is in the "
		  "log." },
	{ .name = "route", .type = CONF_TEXT, .valid = uri_valid,
	  .help = "SIP URI of the next hop of emergency calls; that of the "
		  "peer that matches, or outside.proxy, when left out." },
	{ .name = NULL }
};

static const struct conf_group screening_group = {
	"screening", CONF_ONE, screening_keys,
	"Who of outside is let in."
};

static const struct conf_group tolls_group = {
	"tolls", CONF_LIST, toll_keys,
	"Tolls: outward calls that cost, and how many of them are let out."
};

static const struct conf_group emergency_group = {
	"emergency", CONF_ONE, emergency_keys, "Emergency calls."
};

const struct conf_group *const screening_groups[] = {
	&screening_group, &tolls_group, &emergency_group, NULL
};

/* The key table has held the word. */
static unsigned word_of(const char *const *words, const char *word)
{
	unsigned i = 0;

	while (strcmp(words[i], word))
		i++;
	return i;
}

void screening_read(const struct conf *c, struct screening *out)
{
	const struct conf_node *n = conf_one(c, "screening");
	const struct conf_node *sos = conf_one(c, "emergency");

	*out = (struct screening){
		.lists = n, .agents = n, .file = conf_text(n, "file"),
		.scanner = (enum scanner)word_of(scanners,
						 conf_text(n, "scanner")),
		.conf = c, .emergency_route = conf_text(sos, "route"),
	};
	for (size_t i = 0; i < conf_texts(sos, "numbers") &&
			   i < EMERGENCY_MAX; i++)
		out->numbers[out->n_numbers++] =
			conf_text_at(sos, "numbers", i);
}

int screening_check(const struct conf *c, struct conf_err *err)
{
	const struct conf_node *sos = conf_one(c, "emergency");
	size_t n = conf_texts(sos, "numbers");

	if (n <= EMERGENCY_MAX)
		return 0;
	return conf_fail(err, sos, "emergency.numbers: %zu entries; allowed: "
			 "up to %d", n, EMERGENCY_MAX);
}

bool screening_toll(const struct screening *s, size_t i, struct toll *out)
{
	const struct conf_node *n;

	if (!s->conf || i >= conf_count(s->conf, "tolls"))
		return false;
	n = conf_at(s->conf, "tolls", i);
	*out = (struct toll){
		.match = conf_text(n, "match"), .user = conf_text(n, "user"),
		.hour = (unsigned)conf_int(n, "hour"),
		.calls = (unsigned)conf_int(n, "calls"),
		.per = (enum toll_per)word_of(pers, conf_text(n, "per")),
	};
	return true;
}
