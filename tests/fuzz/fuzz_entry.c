/* fuzz_entry.c - the signalling module by its own entry: a running module with
 * a mock core on loopback, and two ends that send it what the fuzzer made.
 *
 * An input is messages, each behind a line of "===" and a letter: "i" from the
 * inside end, "l" from there while the gateway is the registrar, "o" from the
 * outside end, by UDP; "t" from outside by TCP. What stands before the first
 * such line goes out from outside. So that an input can answer, and go on in a
 * dialog, these stand for what the same end was sent last: $V all Vias, $F
 * From, $T To, $I Call-ID, $S CSeq, $C the URI of Contact; $P is its port, $L
 * the gateway's.
 *
 * Nothing may stop the module, and once every call is hung up no pair may be
 * left. Nothing leaves the machine, whatever address a message names. */
#include "config.h" /* memmem() */

#include "modules/sip/pair.h"
#include "modules/sip/sip.h"
#include "tests/mock/core.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "modules/sip/request/request.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sofia-sip/nta_tag.h>

#define TEXT 2048
#define MESSAGE 65536
#define SIZE_MAX_TRIED 20000
#define CLEAN_EVERY 32
#define T1 2 /* ms */
#define PATIENCE_US 8000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct module sip_module;

/* -- nothing leaves ------------------------------------------------------- */

static bool is_here(const struct sockaddr *sa)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	if (!sa || sa->sa_family == AF_UNIX)
		return true;
	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
	return sa->sa_family == AF_INET &&
	       ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

static struct sockaddr_in at(unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	static ssize_t (*real)(int, const struct msghdr *, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
	if (is_here(m->msg_name))
		return real(fd, m, flags);
	errno = ENETUNREACH;
	return -1;
}

int connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	static int (*real)(int, const struct sockaddr *, socklen_t);
	struct sockaddr_in nobody = at(9);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "connect");
	if (is_here(sa))
		return real(fd, sa, len);
	/* Sofia's resolver tries for ever when it cannot connect at all */
	if (sa->sa_family == AF_INET)
		return real(fd, (struct sockaddr *)&nobody, sizeof nobody);
	errno = ENETUNREACH;
	return -1;
}

/* -- the ends ------------------------------------------------------------- */

/* What an end was told last. */
enum { VIA, FROM, TO, CALL_ID, CSEQ, CONTACT, WORDS };

static const struct {
	const char *name;
	char letter;
} words[WORDS] = {
	{ "Via:", 'V' }, { "From:", 'F' }, { "To:", 'T' },
	{ "Call-ID:", 'I' }, { "CSeq:", 'S' }, { "Contact:", 'C' }
};

struct end {
	int fd;
	unsigned port, gate;
	char word[WORDS][TEXT];
};

static struct {
	struct engine engine;
	struct sip *sip;
	void *state;
	struct end end[2]; /* by face */
	unsigned port, runs;
} here;

static void step(void)
{
	for (int i = 0; i < 4; i++)
		loop_step(here.engine.loop, 0);
}

static void note(struct end *e, const char *message)
{
	const char *line, *next, *value;
	size_t len, n;

	for (int i = 0; i < WORDS; i++)
		e->word[i][0] = 0;
	for (line = message; line && *line != '\r'; line = next) {
		next = strstr(line, "\r\n");
		len = next ? (size_t)(next - line) : strlen(line);
		next = next ? next + 2 : NULL;
		for (int i = 0; i < WORDS; i++) {
			n = strlen(words[i].name);
			if (len <= n || strncasecmp(line, words[i].name, n))
				continue;
			value = line + n + strspn(line + n, " ");
			n = strlen(e->word[i]);
			snprintf(e->word[i] + n, TEXT - n, "%s%.*s",
				 i == VIA && n ? "\r\nVia: " : "",
				 (int)(len - (size_t)(value - line)), value);
		}
	}
}

static void hear(struct end *e)
{
	static char message[MESSAGE + 1];
	ssize_t n;

	while ((n = recv(e->fd, message, MESSAGE, MSG_DONTWAIT)) > 0) {
		message[n] = 0;
		note(e, message);
	}
}

/* -- what they say -------------------------------------------------------- */

static size_t put(char *out, size_t n, const char *text, size_t len)
{
	if (n + len > MESSAGE)
		return n;
	memcpy(out + n, text, len);
	return n + len;
}

/* The URI within a Contact. */
static const char *uri_of(const char *contact, size_t *len)
{
	const char *uri = strchr(contact, '<');

	uri = uri ? uri + 1 : contact;
	*len = strcspn(uri, ">");
	return uri;
}

static size_t put_word(const struct end *e, char *out, size_t n, char letter)
{
	char text[16];
	const char *uri;
	size_t len;

	if (letter == 'P' || letter == 'L') {
		snprintf(text, sizeof text, "%u",
			 letter == 'P' ? e->port : e->gate);
		return put(out, n, text, strlen(text));
	}
	for (int i = 0; i < WORDS; i++) {
		if (words[i].letter != letter)
			continue;
		uri = e->word[i];
		len = strlen(uri);
		if (i == CONTACT)
			uri = uri_of(uri, &len);
		return put(out, n, uri, len);
	}
	return put(out, n, &letter, 1);
}

static void say(const struct end *e, const char *text, size_t len, bool tcp)
{
	static char out[MESSAGE];
	struct sockaddr_in to = at(e->gate);
	size_t n = 0;
	int fd = e->fd;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '$' && i + 1 < len)
			n = put_word(e, out, n, text[++i]);
		else
			n = put(out, n, &text[i], 1);
	}
	if (tcp) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&to, sizeof to)) {
			close(fd);
			return;
		}
	}
	if (sendto(fd, out, n, MSG_NOSIGNAL, tcp ? NULL : (void *)&to,
		   tcp ? 0 : sizeof to) < 0)
		errno = 0; /* too long for a datagram, say */
	step();
	if (tcp)
		close(fd);
	for (int i = 0; i < 2; i++)
		hear(&here.end[i]);
}

/* -- the module ----------------------------------------------------------- */

static int end_open(struct end *e, unsigned port, unsigned gate)
{
	struct sockaddr_in a = at(port);

	e->port = port;
	e->gate = gate;
	e->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return bind(e->fd, (struct sockaddr *)&a, sizeof a);
}

static bool start(unsigned port)
{
	static char target[2][64];
	struct engine *e = &here.engine;

	if (mock_core_open(e, port))
		abort();
	e->settings.register_mode = REGISTER_PASS;
	for (int f = INSIDE; f <= OUTSIDE; f++) {
		snprintf(target[f], sizeof target[f], "sip:to@127.0.0.1:%u",
			 port + 2 + (unsigned)f);
		e->target[f] = target[f];
	}
	if (!sip_module.start((struct core *)(void *)e, NULL, &here.state) &&
	    !end_open(&here.end[INSIDE], port + 2, port) &&
	    !end_open(&here.end[OUTSIDE], port + 3, port + 1))
		return true;
	mock_core_close(e);
	return false;
}

static void quiet(enum log_class c, const char *line)
{
	(void)c;
	(void)line;
}

static void open_all(void)
{
	unsigned port = 21600 + (unsigned)getpid() % 4000 * 4;

	setenv("SRESOLV_CONF", "/dev/null", 1); /* ask nobody */
	log_to(quiet);
	for (int i = 0; i < 50 && !here.port; i++, port += 4)
		if (start(port))
			here.port = port;
	if (!here.port)
		abort();
	here.sip = here.state;
	for (int f = INSIDE; f <= OUTSIDE; f++)
		nta_agent_set_params(here.sip->face[f].agent,
				     NTATAG_SIP_T1(T1),
				     NTATAG_SIP_T1X64(64 * T1),
				     NTATAG_SIP_T2(8 * T1),
				     NTATAG_SIP_T4(10 * T1), TAG_END());
	here.sip->patience_us = 200 * T1 * 1000;
	pair_give_up(here.sip);
}

static void left_behind(void)
{
	const struct pair *pair = here.sip->pairs;

	for (const struct txn *t = pair->txns; t; t = t->next)
		fprintf(stderr, "pair %d: method %d initial %d done %d "
			"answer %d final %d acked %d irq %d orq %d\n",
			pair->state, (int)t->method, t->initial, t->done,
			t->answer, t->final, t->acked, t->irq != NULL,
			t->orq != NULL);
	abort();
}

/* Every call is hung up, and goes. */
static void clean(void)
{
	uint64_t until = clock_mono_us(&clock_system) + PATIENCE_US;

	while (here.sip->n_pairs && clock_mono_us(&clock_system) < until) {
		mock_core_hangup(&here.engine, 480, "cleaning");
		loop_step(here.engine.loop, 1);
	}
	if (here.sip->n_pairs)
		left_behind();
	for (int i = 0; i < 2; i++)
		hear(&here.end[i]);
}

static void run(const char *text, size_t len)
{
	const char *end = text + len, *next, *mark = "\n===";
	char who = 'o';

	for (; text < end; text = next) {
		next = memmem(text, (size_t)(end - text), mark, strlen(mark));
		next = next ? next + 1 : end;
		if (end - text > 5 && !memcmp(text, mark + 1, 3)) {
			who = text[3];
			text += 4;
			text += *text == '\r';
			text += *text == '\n' && text < end;
		}
		here.engine.settings.register_mode =
			who == 'l' ? REGISTER_LOCAL : REGISTER_PASS;
		if (text < next)
			say(&here.end[who != 'i' && who != 'l'], text,
			    (size_t)(next - text), who == 't');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > SIZE_MAX_TRIED)
		return 0;
	if (!here.port)
		open_all();
	run((const char *)data, size);
	if (++here.runs % CLEAN_EVERY == 0)
		clean();
	return 0;
}
