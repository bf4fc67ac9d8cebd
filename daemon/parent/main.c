/* main.c - callseald: options, and which process this is to be.
 *
 * Started by the operator it is the parent. The parent starts its own program
 * again as "--child NAME" for each child; that form is of no use by hand. */
#include "config.h"

#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/parent/parent.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	OPT_CHECK = 256, OPT_PRINT, OPT_STATE, OPT_RUN, OPT_FOREGROUND,
	OPT_NO_SANDBOX, OPT_VERSION, OPT_HELP
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'f' },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "print-config", no_argument, NULL, OPT_PRINT },
	{ "state-dir", required_argument, NULL, OPT_STATE },
	{ "run-dir", required_argument, NULL, OPT_RUN },
	{ "foreground", no_argument, NULL, OPT_FOREGROUND },
	{ "verbose", no_argument, NULL, 'v' },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 }
};

static const char help[] =
"Usage: callseald [OPTION]...\n"
"The call sealing gateway: plain SIP phones inside, sealed calls outside.\n"
"\n"
"  -f, --config FILE   read this configuration and conf.d/*.conf beside it\n"
"                      (default " CONF_PATH_DEFAULT ";\n"
"                      embedded defaults when that does not exist)\n"
"      --check         check the configuration and the key files, then end:\n"
"                      0 when it is fine, 78 when not\n"
"      --print-config  write the annotated default configuration, then end\n"
"      --state-dir DIR what must outlive a restart (default\n"
"                      " STATE_DIR_DEFAULT ")\n"
"      --run-dir DIR   the control socket (default " RUN_DIR_DEFAULT ")\n"
"      --foreground    stay attached to the terminal; it always does\n"
"  -v, --verbose       log more; may be repeated\n"
"      --no-sandbox    do not confine the processes: for debugging only\n"
"      --version       print the version, then end\n"
"      --help          print this, then end\n"
"\n"
"SIGHUP reads the configuration again, SIGTERM ends in order.\n"
"Exit status: 0 in order, 64 wrong usage, 78 wrong configuration, else 1.\n";

static int usage(void)
{
	fputs("Try \"callseald --help\".\n", stderr);
	return EX_USAGE;
}

/* Returns -1 to go on, else the exit status. */
static int take_option(int c, struct options *o)
{
	switch (c) {
	case 'f':
		o->conf_path = optarg;
		return -1;
	case 'v':
		o->verbose++;
		return -1;
	case OPT_CHECK:
		o->check = true;
		return -1;
	case OPT_PRINT:
		o->print_config = true;
		return -1;
	case OPT_STATE:
		o->state_dir = optarg;
		return -1;
	case OPT_RUN:
		o->run_dir = optarg;
		return -1;
	case OPT_FOREGROUND:
		return -1;
	case OPT_NO_SANDBOX:
		o->sandbox = false;
		return -1;
	case OPT_VERSION:
		puts("callseald " PACKAGE_VERSION);
		return EX_OK;
	case OPT_HELP:
		fputs(help, stdout);
		return EX_OK;
	default:
		return usage();
	}
}

static int take_options(int argc, char **argv, struct options *o)
{
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, "f:v", long_options,
					 NULL)) != -1)
		r = take_option(c, o);
	if (r < 0 && optind < argc) {
		fprintf(stderr, "callseald: unexpected \"%s\"\n", argv[optind]);
		r = usage();
	}
	return r;
}

/* Where the configuration wants tunnels. Whoever checks may have less rights
 * than the daemon: that is told, but no fault. */
static int check_kernel(const struct policy *policy)
{
	const struct module *const *m = modules_of(PROC_TUNNEL);
	char why[512];
	int r;

	for (; policy_uses(policy, MEDIA_ESP) && *m; m++) {
		r = (*m)->try ? (*m)->try(why, sizeof why) : 0;
		if (r == E_POLICY)
			printf("note: whether the kernel can do media = "
			       "\"esp\" was not tried: %s\n", why);
		else if (r)
			log_error("parent", "media = \"esp\": %s", why);
		if (r && r != E_POLICY)
			return E_CONF;
	}
	return 0;
}

static int check(const struct options *o)
{
	struct conf_err err = { "" };
	struct policy *policy = NULL;
	struct conf *conf = NULL;
	char dir[1024];
	int r;

	r = parent_load(o, &conf, dir, sizeof dir);
	if (!r)
		r = policy_new(conf, &policy, &err);
	if (!r)
		r = files_check_psks(policy, dir);
	if (!r)
		r = files_check_passwords(policy, dir);
	if (!r)
		r = files_check_credential(policy, dir);
	if (!r)
		r = files_check_ike(conf, policy, dir);
	if (!r)
		r = files_check_tls(conf, dir);
	if (!r)
		r = files_check_list(conf, dir);
	if (!r)
		r = files_check_users(conf, dir);
	if (!r)
		r = check_kernel(policy);
	if (!r)
		remind(conf, policy);
	policy_free(policy);
	conf_free(conf);
	if (r)
		return EX_CONFIG;
	puts("configuration is fine");
	return EX_OK;
}

/* --child NAME [--no-sandbox]: descriptor 3 is the pair to the parent. */
static int child(int argc, char **argv)
{
	static const struct child_ops *const all[] = {
		&engine_ops, &keeper_ops, &relay_ops, &tunnel_ops
	};
	bool sandbox = !(argc > 3 && !strcmp(argv[3], "--no-sandbox"));

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!strcmp(process_name(all[i]->self), argv[2]))
			return child_main(all[i], 3, sandbox);
	return usage();
}

int main(int argc, char **argv)
{
	struct options o = {
		.state_dir = STATE_DIR_DEFAULT, .run_dir = RUN_DIR_DEFAULT,
		.sandbox = true
	};
	int r;

	if (argc > 2 && !strcmp(argv[1], "--child"))
		return child(argc, argv);
	r = take_options(argc, argv, &o);
	if (r >= 0)
		return r;
	log_open("callseald", o.verbose ? LOG_CLASS_DEBUG : LOG_CLASS_INFO);
	if (o.print_config) {
		conf_print_default(stdout, settings_groups());
		return fflush(stdout) ? EXIT_FAILURE : EX_OK;
	}
	return o.check ? check(&o) : parent_run(&o);
}
