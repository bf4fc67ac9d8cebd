/* orders.c - the operator's orders that change whom we trust: the socket
 * trust.sock, one order a connection, one line each way, JSON (see
 * callseal-control(7)).
 *
 * The control socket is the engine's, and the engine is what the network
 * reaches: who took it could give itself a certificate that we then trust. So
 * these orders come to the parent and go from it to the keeper. None of our
 * other processes can reach this socket: it is root's (or the user's own who
 * started us), their system call filter has no Unix sockets, and who connects
 * is asked of the kernel. One client is served at a time, for 5 s at most. */
#include "config.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/keeper/certs/trust.h"
#include "daemon/parent/parent.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAG "parent"
#define PATIENCE_US (5 * 1000000ull)

void orders_end(struct orders *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	o->len = 0;
	o->asked = false;
}

/* The answer, which ends the connection. */
static void say(struct orders *o, const char *error)
{
	json_t *reply = error ? json_pack("{s:b,s:s}", "ok", 0, "error", error)
			      : json_pack("{s:b}", "ok", 1);
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	json_decref(reply);
	if (text && send(o->fd, text, strlen(text), MSG_NOSIGNAL) > 0)
		(void)!send(o->fd, "\n", 1, MSG_NOSIGNAL);
	free(text);
	orders_end(o);
}

/* -- an order ------------------------------------------------------------- */

/* Two names may stand with a space between (trust.c). */
static bool is_name(const char *name, bool two)
{
	if (!name || !*name || strlen(name) >= IDENTITY_TEXT)
		return false;
	for (; *name; name++)
		if ((*name <= 0x20 && !(two && *name == ' ')) || *name >= 0x7f)
			return false;
	return true;
}

/* NULL, or what is wrong with it. */
static const char *read_order(const json_t *q, struct msg_trust *out)
{
	static const char *const words[] = { [TRUST_ACCEPT] = "accept",
					     [TRUST_FORGET] = "forget",
					     [TRUST_MEND] = "mend" };
	const char *cmd = json_string_value(json_object_get(q, "cmd"));
	const char *name = json_string_value(json_object_get(q, "name"));
	const char *print = json_string_value(json_object_get(q, "sha256"));

	while (cmd && out->order <= TRUST_MEND &&
	       strcmp(cmd, words[out->order]))
		out->order++;
	if (!cmd || out->order > TRUST_MEND)
		return "\"cmd\" is none of accept, forget and mend";
	if (out->order == TRUST_MEND)
		return NULL;
	if (!is_name(name, out->order == TRUST_FORGET))
		return "\"name\" is missing, too long, or has spaces in it";
	snprintf(out->name, sizeof out->name, "%s", name);
	if (out->order == TRUST_ACCEPT &&
	    (!print || fingerprint_read(print, out->print)))
		return "\"sha256\" is no fingerprint: 64 hexadecimal digits";
	return NULL;
}

static void take_line(struct parent *p, struct orders *o)
{
	struct worker *keeper = worker_of(p, PROC_KEEPER);
	json_t *q = json_loadb(o->line, o->len, JSON_REJECT_DUPLICATES, NULL);
	struct msg_trust m = { .order = TRUST_ACCEPT };
	const char *wrong = json_is_object(q) ? read_order(q, &m)
					      : "the order is no JSON object";

	json_decref(q);
	if (!wrong && (!keeper->ready || keeper->broken ||
		       ipc_send(keeper->ipc, MSG_TRUST, ++o->ticket, &m,
				sizeof m, NULL, 0, -1)))
		wrong = "the keeper is not there; try again in a while";
	if (wrong)
		say(o, wrong);
	else
		o->asked = true;
}

void orders_done(struct parent *p, uint64_t ticket,
		 const struct msg_trusted *m)
{
	struct orders *o = &p->orders;

	if (o->fd >= 0 && o->asked && ticket == o->ticket)
		say(o, m->err ? *m->reason ? m->reason : err_text(m->err)
			      : NULL);
}

/* -- who gives it --------------------------------------------------------- */

/* root, or who started us; never one of our own processes. */
static bool may_order(const struct parent *p, int fd)
{
	struct ucred who;
	socklen_t len = sizeof who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) ||
	    (who.uid && who.uid != geteuid()))
		return false;
	for (int i = 0; i < p->n_workers; i++)
		if (p->worker[i].pid && p->worker[i].pid == who.pid)
			return false;
	return true;
}

static void welcome(struct parent *p, struct orders *o)
{
	int fd = accept4(p->files.fd[FILE_TRUST], NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	o->fd = fd;
	o->until_us = clock_mono_us(&clock_system) + PATIENCE_US;
	if (may_order(p, fd))
		return;
	log_line(LOG_CLASS_REFUSED, TAG, 0, "somebody who may not tried to "
		 "change whom we trust");
	say(o, "only root, or who started callseald, changes whom we trust");
}

static void hear(struct parent *p, struct orders *o)
{
	size_t room = sizeof o->line - o->len;
	ssize_t n = recv(o->fd, o->line + o->len, room, 0);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		orders_end(o);
		return;
	}
	o->len += (size_t)n;
	end = memchr(o->line, '\n', o->len);
	if (!end && o->len == sizeof o->line)
		say(o, "the order is too long");
	if (!end || o->asked)
		return;
	o->len = (size_t)(end - o->line);
	take_line(p, o);
}

/* -- the loop's side ------------------------------------------------------ */

int orders_fd(const struct parent *p)
{
	if (p->orders.fd < 0)
		return p->files.fd[FILE_TRUST];
	return p->orders.asked ? -1 : p->orders.fd;
}

void orders_event(struct parent *p)
{
	if (p->orders.fd < 0)
		welcome(p, &p->orders);
	else
		hear(p, &p->orders);
}

uint64_t orders_tick(struct parent *p, uint64_t now)
{
	struct orders *o = &p->orders;

	if (o->fd < 0)
		return UINT64_MAX;
	if (now >= o->until_us) {
		say(o, "it took too long");
		return UINT64_MAX;
	}
	return o->until_us;
}
