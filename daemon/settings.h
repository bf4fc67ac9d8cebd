/* settings.h - the config groups that belong to no module, and every table
 * together. See callseal.conf(5), which is made from them. */
#ifndef CALLSEAL_SETTINGS_H
#define CALLSEAL_SETTINGS_H

#include "daemon/base/addr.h"
#include "daemon/base/conf.h"
#include "daemon/message.h"
#include "daemon/registrar.h"
#include "daemon/screening.h"
#include "daemon/tunneling.h"

#include <stdbool.h>
#include <stddef.h>

#define LISTEN_MAX 8
#define NETS_MAX 32

/* All groups: these, the policy's and the modules'. NULL-terminated, in the
 * order in which the default prints them. Static. */
const struct conf_group *const *settings_groups(void);

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };

struct listener {
	enum transport transport;
	struct addr addr; /* never the "any" address: it goes into headers */
};

struct nets {
	struct net at[NETS_MAX];
	size_t n;
};

/* One face: inside or outside. */
struct face_settings {
	struct listener listen[LISTEN_MAX];
	size_t n_listen;
	struct addr media[2]; /* IPv4, IPv6: where media ports are opened and
	                         what SDP says; family 0: none */
	struct net nets[NETS_MAX]; /* inside only: where phones live */
	size_t n_nets;
	const char *proxy; /* SIP URI of the next hop, or "" */
	struct nets trusted, allow, deny; /* outside only */
	struct addr public[2]; /* IPv4, IPv6: what the network sees of us, when
	                          a NAT is in between; outside only */
};

/* Of strangers, that is of one outside address that is not trusted, but for
 * rate; a second, where they are rates. 0: none. */
struct limits {
	unsigned subscriptions_host; /* of phones, too */
	unsigned calls_host, rate_host, requests_host;
	unsigned rate;    /* of new calls, all together */
	unsigned unknown; /* calls to nobody, a minute */
	unsigned caller;  /* phones that one From makes ring */
	unsigned message; /* bytes */
	unsigned preempt; /* bits: namespaces of RFC 4412 that count, in the
	                     order dsn, drsn, q735, ets, wps, esnet */
};

/* Whose certificate is checked: that of the server we connect to, that of both
 * ends, of none. */
enum tls_verify { TLS_VERIFY_SERVER, TLS_VERIFY_MUTUAL, TLS_VERIFY_NONE };

struct tls_settings {
	const char *cert, *key, *ca; /* "file:PATH", or "" */
	enum tls_verify verify;
};

struct settings {
	struct tls_settings tls;
	struct face_settings face[2]; /* by enum face */
	unsigned port_min, port_max;  /* media ports, even .. odd */
	unsigned workers;             /* relay threads */
	const char *media_loop;       /* "auto", "uring", "epoll" */
	const char *transform;        /* "evp", "libsrtp2" */
	unsigned media_timeout_s;     /* 0: never */
	unsigned media_silence_s;     /* of one end; 0: never */
	unsigned media_grace_s;       /* a replaced key still opens */
	unsigned calls_max;
	unsigned setup_max; /* in set-up, of one outside address */
	unsigned late_max;  /* of those, without an offer, of one peer */
	unsigned registrations_max;      /* contacts */
	unsigned registrations_host_max; /* of one inside address */
	unsigned refresh_s; /* sooner refreshes do not pass; 0: all do */
	unsigned subscriptions_max; /* and other requests outside a call */
	unsigned nat_keepalive_s; /* of phones behind a NAT; 0: none */
	struct limits limits;
	struct screening screening;
	struct tunnel_settings tunnel;
	enum register_mode register_mode;
	struct registrar_settings registrar;
	bool redirect_follow; /* calls.redirect = "follow" */
	bool refer_handle; /* calls.refer = "handle" */
	unsigned session_s; /* of a session timer; 0: none of our own */
};

/* "FIRST-LAST": whole pairs of an even port for RTP and an odd one for RTCP.
 * E_FORMAT. */
int settings_ports(const char *text, unsigned *min, unsigned *max);
/* The same, for key tables. */
int settings_ports_valid(const char *value, const char **why);

/* Reads and checks the groups; strings are borrowed from c. */
int settings_read(const struct conf *c, struct settings *out,
		  struct conf_err *err);

/* How others name an address of ours on that face. */
struct addr settings_seen(const struct face_settings *f,
			  const struct addr *own);

/* Whether an address, whatever its port, is this host's, as far as is
 * configured: of media, a listener, outside.public, or a loopback one. */
bool settings_is_own(const struct settings *s, const struct addr *a);

/* The face has a TLS listener, without which nothing leaves there by TLS. */
bool settings_has_tls(const struct face_settings *f);

/* The check of everything that needs no system call: key tables are already
 * held; here settings, policy and each module's check(). */
int settings_check(const struct conf *c, struct conf_err *err);

#endif
