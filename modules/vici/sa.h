/* sa.h - what charon tells of its SAs: the answers to "list-sas", and the
 * events that something came up, went down or was rekeyed.
 *
 * Texts are borrowed from the message. Pure functions. A message is read to
 * its end, children included, before a function says 0, so that nobody acts
 * on half of one. */
#ifndef CALLSEAL_VICI_SA_H
#define CALLSEAL_VICI_SA_H

#include "modules/vici/selector.h"

enum vici_ike_state {
	VICI_IKE_OTHER, /* a word that is not below */
	VICI_IKE_CREATED,
	VICI_IKE_CONNECTING,
	VICI_IKE_ESTABLISHED,
	VICI_IKE_PASSIVE,
	VICI_IKE_REKEYING,
	VICI_IKE_REKEYED,
	VICI_IKE_DELETING,
	VICI_IKE_DESTROYING
};

enum vici_child_state {
	VICI_CHILD_OTHER,
	VICI_CHILD_CREATED,
	VICI_CHILD_ROUTED,
	VICI_CHILD_INSTALLING,
	VICI_CHILD_INSTALLED,
	VICI_CHILD_UPDATING,
	VICI_CHILD_REKEYING,
	VICI_CHILD_REKEYED,
	VICI_CHILD_RETRYING,
	VICI_CHILD_DELETING,
	VICI_CHILD_DELETED,
	VICI_CHILD_DESTROYING
};

enum vici_mode {
	VICI_MODE_OTHER,
	VICI_MODE_TUNNEL,
	VICI_MODE_TRANSPORT
};

/* A section that is to be read later; there is false when it did not come. */
struct vici_section {
	bool there;
	struct vici_text name;
	struct vici_reader in; /* behind its start */
};

struct vici_ike {
	struct vici_text conn; /* the configuration's name */
	bool ours;             /* by that name; see vici_is_ours() */
	uint32_t id;           /* charon's; another one after a rekeying */
	enum vici_ike_state state;
	struct addr local, remote; /* with ports; family 0: not known yet */
	struct vici_text local_id, remote_id;
	uint64_t spi_i, spi_r;
	bool initiator, nat_local, nat_remote, nat_any;
	int64_t established_s; /* ago */
	int64_t rekey_s;       /* from now; negative when overdue; 0: never */
	struct vici_section children;
};

struct vici_child_sa {
	struct vici_text name; /* the configuration's, not unique */
	uint32_t id;           /* charon's; another one after a rekeying */
	uint32_t reqid;
	enum vici_child_state state;
	enum vici_mode mode;
	bool encap; /* ESP in UDP */
	uint32_t spi_in, spi_out;
	struct vici_text cipher, integrity; /* empty: none of its own */
	uint32_t cipher_bits;
	uint64_t bytes_in, bytes_out, packets_in, packets_out;
	int64_t installed_s, rekey_s, life_s; /* as in vici_ike */
	struct vici_selectors local, remote;
};

enum vici_event_kind {
	VICI_IKE_UP,
	VICI_IKE_DOWN,
	VICI_IKE_REKEY,
	VICI_CHILD_UP,
	VICI_CHILD_DOWN,
	VICI_CHILD_REKEY
};

struct vici_event {
	enum vici_event_kind kind;
	struct vici_ike ike;               /* the old one of VICI_IKE_REKEY */
	struct vici_ike new_ike;           /* VICI_IKE_REKEY */
	struct vici_child_sa child;        /* VICI_CHILD_*, the old one */
	struct vici_child_sa new_child;    /* VICI_CHILD_REKEY */
};

/* What to register for, to get all of them; NULL-terminated. */
#define VICI_EVENT_NAMES "ike-updown", "ike-rekey", "child-updown", \
	"child-rekey"
extern const char *const vici_event_names[];

/* charon's word; "?" for one that is not above. */
const char *vici_ike_state_word(enum vici_ike_state state);
const char *vici_child_state_word(enum vici_child_state state);

/* Whether a connection is of this instance: prefix (never empty) begins its
 * name. Connections of others in the same charon are shown, never touched. */
bool vici_is_ours(struct vici_text conn, const char *prefix);

/* One "list-sa" event: one IKE_SA. E_FORMAT, also for a child in it. */
int vici_ike_read(const void *message, size_t len, const char *prefix,
		  struct vici_ike *out);
/* Its next child; E_NOTFOUND behind the last. */
int vici_ike_child(struct vici_ike *ike, struct vici_child_sa *out);
/* E_NOTFOUND when the event has another name. E_FORMAT. */
int vici_event_read(const char *name, const void *message, size_t len,
		    const char *prefix, struct vici_event *out);

#endif
