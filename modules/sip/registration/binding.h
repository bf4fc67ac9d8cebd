/* binding.h - the table of bindings: which phone is reached under which name
 * of ours, and until when. Knows no SIP message. Engine thread. */
#ifndef CALLSEAL_SIP_BINDING_H
#define CALLSEAL_SIP_BINDING_H

#include "daemon/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a binding may hold; together they fit a slot of the file. */
#define ACCOUNT_TEXT 256 /* "user@host", with the NUL */
#define CONTACT_TEXT 320
#define ROUTES_TEXT 320
#define PROTO_TEXT 8
#define TOKEN_TEXT 33

/* Account, contact and host of the source make the binding what it is; of a
 * local one, account and contact alone (RFC 3261 10.3). */
struct binding_facts {
	const char *account; /* address of record, "user@host" */
	const char *contact; /* the phone's URI */
	const char *routes;  /* Service-Route (RFC 3608), "" when none */
	struct addr source;  /* where its REGISTER came from */
	const char *proto;   /* over what: "udp", "tcp", "tls" */
	uint64_t expires_us; /* UTC */
	uint64_t now_us;
	const char *form; /* an alias of its parameters, or NULL */
	bool local; /* by the registrar of our own; what follows is its */
	uint16_t q; /* preference, 0 to 1000 (RFC 3261 20.10) */
	uint32_t cseq;    /* of the REGISTER */
	const char *call; /* and an alias of its Call-ID */
};

struct binding {
	/* of the tables */
	struct binding *next_token, *next_account, *next_host;
	char token[TOKEN_TEXT]; /* the user part of our Contact upstream */
	char proto[PROTO_TEXT];
	char *account, *contact, *routes;
	struct addr source;
	uint64_t since_us, expires_us; /* UTC */
	uint64_t put_us; /* the last time; 0: not since the file was read */
	char form[TOKEN_TEXT];
	uint32_t slot;
	bool local;
	uint16_t q;
	uint32_t cseq;
	char call[TOKEN_TEXT];
};

struct bindings;

/* fd: the file that keeps them (borrowed), or -1. */
int bindings_new(int fd, uint64_t now_us, struct bindings **out);
void bindings_free(struct bindings *b); /* NULL is allowed */
/* The name of a binding, the same whenever it registers, which nobody can
 * guess. Only account, contact and source count. */
void bindings_token(const struct bindings *b, const struct binding_facts *f,
		    char out[static TOKEN_TEXT]);
/* Another name for a text, by the same secret: kind tells purposes apart. */
void bindings_alias(const struct bindings *b, const char *kind,
		    const char *text, char out[static TOKEN_TEXT]);
/* NULL when there is none, or it is over. Valid until the next change. */
const struct binding *bindings_find(const struct bindings *b,
				    const char *token, uint64_t now_us);
/* The next binding of the account after at; at NULL: the first. */
const struct binding *bindings_next(const struct bindings *b,
				    const char *account,
				    const struct binding *at);
/* Adds or refreshes. E_SPACE when a text is too long, E_NOMEM; a file that
 * cannot be written does not count. */
int bindings_put(struct bindings *b, const struct binding_facts *f);
void bindings_drop(struct bindings *b, const char *token);
void bindings_drop_account(struct bindings *b, const char *account);
/* Drops what is over. */
void bindings_sweep(struct bindings *b, uint64_t now_us);
size_t bindings_count(const struct bindings *b);
/* How many one host has. */
size_t bindings_count_host(const struct bindings *b, const struct addr *host);
/* Calls fn for each, in no order; fn changes nothing. */
void bindings_each(const struct bindings *b,
		   void (*fn)(const struct binding *e, void *user), void *user);

#endif
