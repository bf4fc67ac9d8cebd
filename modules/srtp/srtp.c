/* srtp.c - the module srtp: two ways to do SRTP, under the role "transform".
 *
 * evp.c        the transform on OpenSSL's EVP, which the relay uses by default
 * libsrtp.c    the same through libsrtp2: a second opinion (media.transform)
 * keystream.c  AES in counter and f8 mode, for evp.c
 * mac.c        HMAC-SHA1 for evp.c
 * session.c    session keys from a master key, for evp.c
 * trial.c      every suite of evp.c tried once at start
 *
 * The module has no state and no configuration of its own. libsrtp2 is only
 * started where media.transform asks for it: its cryptographic library takes
 * time, memory and file descriptors at start. */
#include "daemon/module.h"
#include "modules/srtp/transforms.h"

#include <stddef.h>
#include <string.h>

static const struct transform *const transforms[] = {
	&evp_transform,
	&libsrtp2_transform,
};

static int check_profile(const struct conf_node *n, struct conf_err *err)
{
	size_t count = conf_texts(n, "suites");

	for (size_t i = 0; i < count; i++) {
		const char *name = conf_text_at(n, "suites", i);

		if (!libsrtp2_does(suite_by_name(name)))
			return conf_fail(err, n, "profiles.%s.suites: %s is "
					 "not done by media.transform = "
					 "\"libsrtp2\"; take it out, or set "
					 "media.transform = \"evp\"",
					 conf_node_name(n), name);
	}
	return 0;
}

/* What a chosen transform cannot do is better known before the first call. */
static int check(const struct conf *c, struct conf_err *err)
{
	size_t count = conf_count(c, "profiles");
	int r = 0;

	if (strcmp(conf_text(conf_one(c, "media"), "transform"),
		   libsrtp2_transform.name))
		return 0;
	for (size_t i = 0; i < count && !r; i++)
		r = check_profile(conf_at(c, "profiles", i), err);
	return r;
}

static int start(struct core *core, const struct conf *c, void **state)
{
	int r = evp_start();

	if (!r && !strcmp(conf_text(conf_one(c, "media"), "transform"),
		    libsrtp2_transform.name))
		r = libsrtp2_start();
	for (size_t i = 0; !r && i < sizeof transforms / sizeof *transforms;
	     i++)
		r = core_register(core, "transform", transforms[i]->name,
				  transforms[i]);
	if (r)
		libsrtp2_stop();
	else
		*state = NULL;
	return r;
}

static void stop(void *state)
{
	(void)state;
	libsrtp2_stop();
}

static const char *const provides[] = { "transform", NULL };

const struct module srtp_module = {
	.name = "srtp",
	.process = PROC_RELAY,
	.provides = provides,
	.check = check,
	.start = start,
	.stop = stop,
};
