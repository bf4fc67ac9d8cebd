/* child.c - a child process's services for tests. See child.h. */
#include "tests/mock/child.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct child {
	struct conf *conf;
	struct settings settings;
	struct policy *policy;
	struct core *core;
	int refuse[PROC_COUNT];
	char file[NAME_TEXT];
	int fd;
	unsigned reloads;
	size_t n;
	struct mock_sent taken;
	struct mock_sent sent[MOCK_SENT_MAX];
};

static const char *const levels[] = { "session", "media", NULL };

static const struct conf_key mikey_keys[] = {
	{ .name = "level", .type = CONF_WORD, .dflt = "session",
	  .choices = levels, .help = "As modules/mikey has it." },
	{ .name = "verify", .type = CONF_BOOL, .dflt = "true",
	  .help = "As modules/mikey has it." },
	{ .name = "rekey", .type = CONF_INT, .dflt = "0", .max = 86400,
	  .help = "As modules/mikey has it." },
	{ .name = "legacy", .type = CONF_BOOL, .dflt = "false",
	  .help = "As modules/mikey has it." },
	{ .name = NULL }
};

static const struct conf_group mikey_group = {
	.name = "mikey", .shape = CONF_ONE, .keys = mikey_keys,
	.help = "As modules/mikey has it.",
};

static const struct conf_group *const mikey_groups[] = { &mikey_group, NULL };
static const struct module mikey = { .name = "mikey", .process = PROC_KEEPER,
				     .groups = mikey_groups };

const struct module *const *modules_of(enum process p)
{
	static const struct module *const keeper[] = { &mikey, NULL };
	static const struct module *const none[] = { NULL };

	return p == PROC_KEEPER ? keeper : none;
}

static void must(int r, const struct conf_err *err)
{
	if (!r)
		return;
	fprintf(stderr, "mock child: %s\n", err->text);
	abort();
}

static void read_conf(struct child *c, const char *text)
{
	struct conf_err err = { "no memory" };

	must(conf_parse(text, "test", NULL, settings_groups(), &c->conf, &err),
	     &err);
	must(settings_read(c->conf, &c->settings, &err), &err);
	must(policy_new(c->conf, &c->policy, &err), &err);
}

struct child *mock_child_new(const char *text)
{
	struct child *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->fd = -1;
	read_conf(c, text);
	return c;
}

void mock_child_conf(struct child *c, const char *text)
{
	policy_free(c->policy);
	conf_free(c->conf);
	c->policy = NULL;
	c->conf = NULL;
	memset(&c->settings, 0, sizeof c->settings);
	read_conf(c, text);
}

void mock_child_core(struct child *c, void *process_state)
{
	if (core_new(process_state, &c->core))
		abort();
}

void mock_child_free(struct child *c)
{
	core_free(c->core);
	policy_free(c->policy);
	conf_free(c->conf);
	free(c);
}

void mock_child_refuse(struct child *c, enum process p, int err)
{
	c->refuse[p] = err;
}

void mock_child_file(struct child *c, const char *name, int fd)
{
	snprintf(c->file, sizeof c->file, "%s", name);
	c->fd = fd;
}

const struct mock_sent *mock_child_take(struct child *c, enum message type)
{
	size_t i = 0;

	while (i < c->n && type && c->sent[i].type != type)
		i++;
	if (i == c->n)
		return NULL;
	c->taken = c->sent[i];
	c->n--;
	memmove(&c->sent[i], &c->sent[i + 1], (c->n - i) * sizeof *c->sent);
	return &c->taken;
}

size_t mock_child_count(const struct child *c, enum message type)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->sent[i].type == type;
	return n;
}

unsigned mock_child_reloads(const struct child *c)
{
	return c->reloads;
}

/* -- daemon/child.h ------------------------------------------------------- */

struct core *child_core(struct child *c)
{
	return c->core;
}

const struct conf *child_conf(const struct child *c)
{
	return c->conf;
}

const struct settings *child_settings(const struct child *c)
{
	return &c->settings;
}

const struct policy *child_policy(const struct child *c)
{
	return c->policy;
}

unsigned child_restarts(const struct child *c, unsigned *signal)
{
	(void)c;
	*signal = 6;
	return 2;
}

uint32_t child_epoch(const struct child *c)
{
	(void)c;
	return 7;
}

int child_file(const struct child *c, const char *name)
{
	return strcmp(c->file, name) ? -1 : c->fd;
}

int child_send(struct child *c, enum process to, enum message type,
	       uint64_t id, const void *body, size_t len, const void *tail,
	       size_t tail_len)
{
	struct mock_sent *s;

	if (c->refuse[to])
		return c->refuse[to];
	if (c->n == MOCK_SENT_MAX || len > MOCK_BODY_MAX ||
	    tail_len > MOCK_BODY_MAX)
		return E_FULL;
	s = &c->sent[c->n++];
	s->to = to;
	s->type = type;
	s->id = id;
	s->len = len;
	s->tail_len = tail_len;
	memcpy(s->body.bytes, body, len);
	if (tail_len)
		memcpy(s->tail, tail, tail_len);
	return 0;
}

void child_ask_reload(struct child *c)
{
	c->reloads++;
}
