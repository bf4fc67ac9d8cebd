/* digest.c - "digest USER DOMAIN": the lines of the file of accounts for a
 * password, which is read from the terminal or from standard input. */
#include "daemon/base/secret.h"
#include "daemon/digest/digest.h"

#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_MAX 256

static int fail(const char *why)
{
	fprintf(stderr, "callsealctl: digest: %s\n", why);
	return CTL_REFUSED;
}

/* One line without its end, unseen where that is a terminal. */
static bool read_line(const char *prompt, char out[static PASSWORD_MAX])
{
	bool terminal = isatty(STDIN_FILENO), got;
	struct termios was, quiet;

	if (terminal && !tcgetattr(STDIN_FILENO, &was)) {
		quiet = was;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		fputs(prompt, stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	} else {
		terminal = false;
	}
	got = fgets(out, PASSWORD_MAX, stdin) && strchr(out, '\n');
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputc('\n', stderr);
	}
	out[strcspn(out, "\r\n")] = 0;
	return got && *out;
}

static bool is_word(const char *text)
{
	return *text && !text[strcspn(text, ": \t\r\n\"\\@")];
}

static int put_lines(const char *user, const char *domain,
		     const char *password)
{
	struct digest_secret s = { 0 };
	int r = 0;

	for (unsigned h = DIGEST_MD5; !r && h <= DIGEST_SHA_256; h++) {
		r = digest_secret_make(h, user, domain, password, &s);
		if (!r)
			printf("%s:%s:%s\n", user, domain, s.hex);
	}
	wipe(&s, sizeof s);
	return r ? fail("OpenSSL does not give this hash") : CTL_OK;
}

int digest_lines(const char *user, const char *domain)
{
	char password[PASSWORD_MAX] = "", again[PASSWORD_MAX] = "";
	int status = CTL_OK;

	if (!is_word(user) || !is_word(domain))
		return fail("USER and DOMAIN hold no colon, \"@\", quote or "
			    "space");
	setvbuf(stdin, NULL, _IONBF, 0); /* no copy stays behind */
	if (!read_line("Password: ", password))
		status = fail("no password, one whole line of up to 254 "
			      "letters, was given");
	else if (isatty(STDIN_FILENO) &&
		 (!read_line("Once more: ", again) || strcmp(password, again)))
		status = fail("the two differ");
	if (status == CTL_OK)
		status = put_lines(user, domain, password);
	wipe(password, sizeof password);
	wipe(again, sizeof again);
	return status;
}
