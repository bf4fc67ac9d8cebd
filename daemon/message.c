/* message.c - the one message table: who may send what to whom, how long it
 * is, and what in it can be checked without knowing its meaning.
 *
 * ipc_check() is the whole parser between the processes: sizes must be exact,
 * texts must end within their arrays, counts must fit theirs. It says nothing
 * about values whose meaning depends on the state of the receiver. */
#include "daemon/base/err.h"
#include "daemon/ipc_wire.h"

#include <string.h>

#define NO_OFFSET 0xffff
#define TEXTS_MAX 8

enum {
	PARENT = 1 << PROC_PARENT,
	ENGINE = 1 << PROC_ENGINE,
	KEEPER = 1 << PROC_KEEPER,
	RELAY = 1 << PROC_RELAY,
	TUNNEL = 1 << PROC_TUNNEL,
	CHILD = ENGINE | KEEPER | RELAY | TUNNEL,
	ALL = PARENT | CHILD
};

struct text_field {
	uint16_t offset, size; /* size 0: no such field */
};

struct row {
	const char *name;
	uint8_t from, to;    /* masks of processes */
	bool fd;             /* carries exactly one descriptor, else none */
	uint16_t size;       /* of the struct */
	uint16_t tail;       /* offset of the tail's length, or NO_OFFSET */
	uint32_t tail_max;
	uint16_t count;      /* offset of a number up to STREAM_MAX */
	struct text_field text[TEXTS_MAX];
};

#define TEXT(s, f) { offsetof(struct s, f), sizeof(((struct s *)0)->f) }
#define EMPTY 0, NO_OFFSET, 0, NO_OFFSET, { { 0, 0 } }
#define PLAIN(s) sizeof(struct s), NO_OFFSET, 0, NO_OFFSET
#define COUNTED(s, n) sizeof(struct s), NO_OFFSET, 0, offsetof(struct s, n)
#define TAILED(s, max) sizeof(struct s), offsetof(struct s, len), max
#define SHOWN_MAX (IPC_BODY_MAX - sizeof(struct msg_shown))
#define LISTED_MAX (IPC_BODY_MAX - sizeof(struct msg_tunnel_listed))
#define CONF_MAX (IPC_BODY_MAX - sizeof(struct msg_conf))
#define PARTY(s) TEXT(s, party.peer), TEXT(s, party.local_id), \
		 TEXT(s, party.remote_id)
#define NONE { 0, 0 }

static const struct row table[MSG_COUNT] = {
	[MSG_HELLO] = { "hello", ALL, ALL, 0, PLAIN(msg_hello), { NONE } },

	[MSG_CONF] = { "conf", PARENT, CHILD, 0,
		TAILED(msg_conf, CONF_MAX), NO_OFFSET, { NONE } },
	[MSG_SECRET] = { "secret", PARENT, KEEPER, 1, PLAIN(msg_secret),
		{ TEXT(msg_secret, peer) } },
	[MSG_CREDENTIAL] = { "credential", PARENT, KEEPER, 1,
		PLAIN(msg_credential), { TEXT(msg_credential, peer) } },
	[MSG_USERS] = { "users", PARENT, KEEPER, 1, EMPTY },
	[MSG_PASSWORD] = { "password", PARENT, KEEPER, 1,
		PLAIN(msg_password), { TEXT(msg_password, account) } },
	[MSG_FILE] = { "file", PARENT, CHILD, 1, PLAIN(msg_file),
		{ TEXT(msg_file, name) } },
	[MSG_PAIR] = { "pair", PARENT, CHILD, 1, PLAIN(msg_pair),
		{ NONE } },
	[MSG_BEGIN] = { "begin", PARENT, CHILD, 0, PLAIN(msg_begin),
		{ NONE } },
	[MSG_PING] = { "ping", PARENT, CHILD, 0, EMPTY },
	[MSG_STOP] = { "stop", PARENT, CHILD, 0, EMPTY },
	[MSG_LEVEL] = { "level", PARENT, CHILD, 0, PLAIN(msg_level),
		{ NONE } },

	[MSG_TRUST] = { "trust", PARENT, KEEPER, 0, PLAIN(msg_trust),
		{ TEXT(msg_trust, name) } },

	[MSG_READY] = { "ready", CHILD, PARENT, 0, EMPTY },
	[MSG_APPLIED] = { "applied", CHILD, PARENT, 0, PLAIN(msg_applied),
		{ NONE } },
	[MSG_PONG] = { "pong", CHILD, PARENT, 0, EMPTY },
	[MSG_ACCUSE] = { "accuse", CHILD, PARENT, 0, PLAIN(msg_accuse),
		{ NONE } },
	[MSG_TRUSTED] = { "trusted", KEEPER, PARENT, 0, PLAIN(msg_trusted),
		{ TEXT(msg_trusted, reason) } },
	[MSG_RELOAD] = { "reload", ENGINE, PARENT, 0, EMPTY },

	[MSG_KEY_OFFER] = { "key-offer", ENGINE, KEEPER, 0,
		COUNTED(msg_key_offer, party.n), { PARTY(msg_key_offer) } },
	[MSG_KEY_OFFERED] = { "key-offered", KEEPER, ENGINE, 0,
		TAILED(msg_key_offered, KEYING_TAIL_MAX),
		offsetof(struct msg_key_offered, n),
		{ TEXT(msg_key_offered, reason) } },
	[MSG_KEY_ANSWER] = { "key-answer", ENGINE, KEEPER, 0,
		TAILED(msg_key_answer, KEYING_TAIL_MAX),
		offsetof(struct msg_key_answer, party.n),
		{ PARTY(msg_key_answer) } },
	[MSG_KEY_ANSWERED] = { "key-answered", KEEPER, ENGINE, 0,
		TAILED(msg_key_answered, KEYING_MAX),
		offsetof(struct msg_key_answered, n),
		{ TEXT(msg_key_answered, facts.method),
		  TEXT(msg_key_answered, reason) } },
	[MSG_KEY_FINISH] = { "key-finish", ENGINE, KEEPER, 0,
		TAILED(msg_key_finish, KEYING_MAX), NO_OFFSET, { NONE } },
	[MSG_KEY_FINISHED] = { "key-finished", KEEPER, ENGINE, 0,
		COUNTED(msg_key_finished, n),
		{ TEXT(msg_key_finished, facts.method),
		  TEXT(msg_key_finished, reason) } },
	[MSG_KEY_DROP] = { "key-drop", ENGINE, KEEPER, 0,
		PLAIN(msg_key_drop), { NONE } },
	[MSG_KEY_WON] = { "key-won", ENGINE, KEEPER, 0,
		PLAIN(msg_key_won), { NONE } },
	[MSG_KEY_RELEASE] = { "key-release", ENGINE, KEEPER, 0,
		PLAIN(msg_key_release), { NONE } },

	[MSG_KEY_PLAIN] = { "key-plain", ENGINE, KEEPER, 0,
		PLAIN(msg_key_plain), { TEXT(msg_key_plain, peer),
					TEXT(msg_key_plain, remote_id) } },
	[MSG_KEY_PLAINED] = { "key-plained", KEEPER, ENGINE, 0,
		PLAIN(msg_key_plained), { TEXT(msg_key_plained, reason) } },

	[MSG_BODY_SEAL] = { "body-seal", ENGINE, KEEPER, 0,
		TAILED(msg_body_seal, BODY_TAIL_MAX), NO_OFFSET,
		{ PARTY(msg_body_seal), TEXT(msg_body_seal, connected) } },
	[MSG_BODY_SEALED] = { "body-sealed", KEEPER, ENGINE, 0,
		TAILED(msg_body_sealed, BODY_TAIL_MAX), NO_OFFSET,
		{ TEXT(msg_body_sealed, type),
		  TEXT(msg_body_sealed, disposition),
		  TEXT(msg_body_sealed, transfer),
		  TEXT(msg_body_sealed, reason) } },
	[MSG_BODY_OPEN] = { "body-open", ENGINE, KEEPER, 0,
		TAILED(msg_body_open, BODY_TAIL_MAX), NO_OFFSET,
		{ PARTY(msg_body_open) } },
	[MSG_BODY_OPENED] = { "body-opened", KEEPER, ENGINE, 0,
		TAILED(msg_body_opened, BODY_TAIL_MAX), NO_OFFSET,
		{ TEXT(msg_body_opened, reason),
		  TEXT(msg_body_opened, connected) } },
	[MSG_BODY_LEARN] = { "body-learn", ENGINE, KEEPER, 0,
		TAILED(msg_body_learn, BODY_TAIL_MAX), NO_OFFSET,
		{ PARTY(msg_body_learn) } },
	[MSG_BODY_LEARNED] = { "body-learned", KEEPER, ENGINE, 0,
		PLAIN(msg_body_learned), { TEXT(msg_body_learned, reason) } },
	[MSG_DIGEST_CHECK] = { "digest-check", ENGINE, KEEPER, 0,
		PLAIN(msg_digest_check),
		{ TEXT(msg_digest_check, method),
		  TEXT(msg_digest_check, credentials.user),
		  TEXT(msg_digest_check, credentials.realm),
		  TEXT(msg_digest_check, credentials.nonce),
		  TEXT(msg_digest_check, credentials.uri),
		  TEXT(msg_digest_check, credentials.response),
		  TEXT(msg_digest_check, credentials.cnonce),
		  TEXT(msg_digest_check, credentials.opaque) } },
	[MSG_DIGEST_CHECKED] = { "digest-checked", KEEPER, ENGINE, 0,
		PLAIN(msg_digest_checked),
		{ TEXT(msg_digest_checked, rspauth) } },

	[MSG_ACCOUNT_ANSWER] = { "account-answer", ENGINE, KEEPER, 0,
		PLAIN(msg_account_answer),
		{ TEXT(msg_account_answer, account),
		  TEXT(msg_account_answer, realm),
		  TEXT(msg_account_answer, nonce),
		  TEXT(msg_account_answer, cnonce),
		  TEXT(msg_account_answer, uri),
		  TEXT(msg_account_answer, method) } },
	[MSG_ACCOUNT_ANSWERED] = { "account-answered", KEEPER, ENGINE, 0,
		PLAIN(msg_account_answered),
		{ TEXT(msg_account_answered, response),
		  TEXT(msg_account_answered, rspauth) } },

	[MSG_SHOW] = { "show", ENGINE, KEEPER, 0, PLAIN(msg_show),
		{ NONE } },
	[MSG_SHOWN] = { "shown", KEEPER, ENGINE, 0,
		TAILED(msg_shown, SHOWN_MAX), NO_OFFSET, { NONE } },
	[MSG_KEY] = { "key", KEEPER, RELAY, 0, PLAIN(msg_key), { NONE } },
	[MSG_KEY_GONE] = { "key-gone", KEEPER, RELAY, 0,
		PLAIN(msg_key_gone), { NONE } },

	[MSG_STREAM_ADD] = { "stream-add", ENGINE, RELAY, 0,
		COUNTED(msg_stream_add, n), { NONE } },
	[MSG_STREAM_ADDED] = { "stream-added", RELAY, ENGINE, 0,
		COUNTED(msg_stream_added, n), { NONE } },
	[MSG_STREAM_SET] = { "stream-set", ENGINE, RELAY, 0,
		PLAIN(msg_stream_set), { NONE } },
	[MSG_STREAM_DONE] = { "stream-done", RELAY, ENGINE, 0,
		PLAIN(msg_stream_done), { NONE } },
	[MSG_STREAM_DEL] = { "stream-del", ENGINE, RELAY, 0,
		PLAIN(msg_stream_del), { NONE } },
	[MSG_STREAM_GET] = { "stream-get", ENGINE, RELAY, 0,
		PLAIN(msg_stream_get), { NONE } },
	[MSG_STREAM_STATS] = { "stream-stats", RELAY, ENGINE, 0,
		PLAIN(msg_stream_stats), { NONE } },
	[MSG_STREAM_EVENT] = { "stream-event", RELAY, ENGINE, 0,
		PLAIN(msg_stream_event), { NONE } },

	[MSG_TUNNEL_KEY] = { "tunnel-key", KEEPER, TUNNEL, 0,
		PLAIN(msg_tunnel_key), { TEXT(msg_tunnel_key, peer) } },
	[MSG_TUNNEL_KEY_GONE] = { "tunnel-key-gone", KEEPER, TUNNEL, 0,
		PLAIN(msg_key_gone), { NONE } },
	[MSG_TUNNEL_RESERVE] = { "tunnel-reserve", ENGINE, TUNNEL, 0,
		COUNTED(msg_tunnel_reserve, n), { NONE } },
	[MSG_TUNNEL_RESERVED] = { "tunnel-reserved", TUNNEL, ENGINE, 0,
		COUNTED(msg_tunnel_reserved, n),
		{ TEXT(msg_tunnel_reserved, reason) } },
	[MSG_TUNNEL_RAISE] = { "tunnel-raise", ENGINE, TUNNEL, 0,
		PLAIN(msg_tunnel_raise), { NONE } },
	[MSG_TUNNEL_RAISED] = { "tunnel-raised", TUNNEL, ENGINE, 0,
		PLAIN(msg_tunnel_raised),
		{ TEXT(msg_tunnel_raised, reason) } },
	[MSG_TUNNEL_DROP] = { "tunnel-drop", ENGINE, TUNNEL, 0,
		PLAIN(msg_tunnel_drop), { NONE } },
	[MSG_TUNNEL_LIST] = { "tunnel-list", ENGINE, TUNNEL, 0,
		PLAIN(msg_tunnel_list), { NONE } },
	[MSG_TUNNEL_LISTED] = { "tunnel-listed", TUNNEL, ENGINE, 0,
		TAILED(msg_tunnel_listed, LISTED_MAX), NO_OFFSET, { NONE } },
	[MSG_TUNNEL_EVENT] = { "tunnel-event", TUNNEL, ENGINE, 0,
		PLAIN(msg_tunnel_event), { NONE } },
	[MSG_TUNNEL_USE] = { "tunnel-use", ENGINE, TUNNEL, 0,
		PLAIN(msg_tunnel_use), { TEXT(msg_tunnel_use, peer) } },
	[MSG_TUNNEL_USED] = { "tunnel-used", TUNNEL, ENGINE, 0,
		PLAIN(msg_tunnel_used), { TEXT(msg_tunnel_used, reason) } },

	[MSG_IKE_KEY] = { "ike-key", TUNNEL, KEEPER, 0,
		PLAIN(msg_ike_key), { TEXT(msg_ike_key, peer) } },
	[MSG_IKE_KEYED] = { "ike-keyed", KEEPER, TUNNEL, 0,
		PLAIN(msg_ike_keyed), { TEXT(msg_ike_keyed, peer) } },
	[MSG_IKE_OURS] = { "ike-ours", TUNNEL, ENGINE, 0,
		PLAIN(msg_ike_ours), { TEXT(msg_ike_ours, peer) } },
	[MSG_IKE_FOUND] = { "ike-found", ENGINE, TUNNEL, 0,
		PLAIN(msg_ike_found), { TEXT(msg_ike_found, peer) } },
};

static const struct row *row_of(unsigned type)
{
	return type < MSG_COUNT && table[type].name ? &table[type] : NULL;
}

const char *message_name(enum message type)
{
	const struct row *row = row_of(type);

	return row ? row->name : "?";
}

bool message_has_fd(enum message type)
{
	const struct row *row = row_of(type);

	return row && row->fd;
}

static uint32_t u32_at(const void *body, size_t offset)
{
	uint32_t v;

	memcpy(&v, (const char *)body + offset, sizeof v);
	return v;
}

static bool may(const struct row *row, enum process from, enum process to)
{
	if ((unsigned)from >= PROC_COUNT || (unsigned)to >= PROC_COUNT)
		return false;
	return (row->from & 1 << from) && (row->to & 1 << to);
}

static bool texts_end(const struct row *row, const char *body)
{
	for (size_t i = 0; i < TEXTS_MAX && row->text[i].size; i++)
		if (!memchr(body + row->text[i].offset, 0, row->text[i].size))
			return false;
	return true;
}

int message_check(enum message type, enum process from, enum process to,
		  const void *body, struct message_sizes size)
{
	const struct row *row = row_of(type);

	if (!row)
		return E_UNSUPPORTED;
	if (!may(row, from, to))
		return E_POLICY;
	if (size.body != row->size)
		return E_FORMAT;
	if (row->tail == NO_OFFSET ? size.tail != 0 :
	    size.tail > row->tail_max ||
	    u32_at(body, row->tail) != size.tail)
		return E_FORMAT;
	if (row->count != NO_OFFSET && u32_at(body, row->count) > STREAM_MAX)
		return E_FORMAT;
	return texts_end(row, body) ? 0 : E_FORMAT;
}

int ipc_check(void *data, size_t len, enum process from, enum process to,
	      struct ipc_msg *out)
{
	struct message_sizes size;
	struct ipc_header head;
	const struct row *row;
	uint8_t *body = data;
	int r;

	if (len < sizeof head)
		return E_FORMAT;
	memcpy(&head, data, sizeof head);
	row = row_of(head.type);
	if (!row)
		return E_UNSUPPORTED;
	if (head.zero || len - sizeof head < row->size)
		return E_FORMAT;
	body += sizeof head;
	size.body = row->size;
	size.tail = len - sizeof head - row->size;
	if ((r = message_check(head.type, from, to, body, size)))
		return r;
	*out = (struct ipc_msg){
		.type = head.type, .id = head.id,
		.body = body, .len = size.body,
		.tail = body + size.body, .tail_len = size.tail, .fd = -1,
	};
	return 0;
}
