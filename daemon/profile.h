/* profile.h - what calls to a far end must, may or must not use. Read from the
 * configuration, whose texts it borrows. */
#ifndef CALLSEAL_PROFILE_H
#define CALLSEAL_PROFILE_H

#include "daemon/base/conf.h"
#include "daemon/base/esp.h"
#include "daemon/base/suite.h"

#include <stdbool.h>
#include <stddef.h>

/* The order is that of strictness. */
enum need {
	NEED_REQUIRE, /* a call that cannot be sealed ends */
	NEED_PREFER,  /* ours are offered sealed, what comes is taken */
	NEED_ALLOW,   /* ours are plain, what comes is taken */
	NEED_FORBID   /* plain, in both directions; said loudly at start */
};

/* Which of what both sides can do: doc/NEGOTIATION.md. */
enum negotiate {
	NEGOTIATE_STATIC,    /* only the first method and suite of the lists */
	NEGOTIATE_AUTOMATIC, /* the first of the offerer's that both have */
	NEGOTIATE_PRIORITY   /* the lowest sum of both sides' ranks */
};

#define KEYING_METHODS_MAX 8

/* How SDP goes between the edges, whatever the hops are (S/MIME). */
enum body_mode {
	BODY_MODE_NONE,
	BODY_MODE_SIGN,        /* readable on the way, but not to be changed */
	BODY_MODE_ENCRYPT,     /* proves nobody */
	BODY_MODE_SIGN_ENCRYPT, /* signed, and that is encrypted */
	BODY_MODE_TUNNEL /* the same of whole messages of a call */
};

/* Of whole messages: what the header around them does not show. */
enum hide {
	HIDE_NONE,
	HIDE_CALLER,
	HIDE_BOTH /* who is called, too */
};

/* In what media go outside. */
enum media_way {
	MEDIA_SRTP,
	MEDIA_ESP, /* keyed by MIKEY, in the kernel; perhaps SRTP in it */
	MEDIA_IKE  /* in a tunnel that charon keeps to the peer, or with
	              ike_call in tunnels that it makes for each call */
};

/* IKE in SDP (RFC 6193), with MEDIA_IKE. */
enum ike_sdp {
	IKE_SDP_NONE,
	IKE_SDP_SEND,   /* ours goes, and theirs is held against what we know */
	IKE_SDP_REQUIRE /* and there is none without theirs */
};

/* What OPTIONS to the peer's next hops asks beforehand, MEDIA_ESP or _IKE. */
enum discover {
	DISCOVER_NONE,
	DISCOVER_ASK,    /* it is shown */
	DISCOVER_REQUIRE /* and who said that he cannot is not called */
};

/* Over what SIP may go when it carries keys as they are (SDES). */
enum sdes_way { SDES_TLS, SDES_ANY };

struct profile {
	const char *name;
	enum need need;
	const char *keying[KEYING_METHODS_MAX]; /* names, best first */
	size_t n_keying;
	enum suite suites[SUITE_COUNT];         /* best first */
	size_t n_suites;
	bool retarget; /* keys may be agreed with another identity of the
	                  domain than the call names */
	bool early; /* answer = "early" */
	bool tofu;  /* trust = "tofu" */
	bool late;  /* late = "allow" */
	bool asserted; /* asserted = "trust" */
	enum sdes_way sdes;
	enum negotiate negotiate;
	enum body_mode body;
	enum hide hide;      /* BODY_MODE_TUNNEL */
	bool diverted;       /* another than was called may answer; bodies are
	                        signed, and nobody is hidden */
	bool fetch;          /* certificates for it may be asked for: not where
	                        somebody is hidden, for a question names both */
	enum media_way media;
	bool srtp_within; /* and there in SRTP: "esp+srtp", "ike+srtp" */
	bool ike_after; /* ike = "after" or "before": while calls use it */
	bool ike_before; /* the latter; MEDIA_IKE */
	bool ike_call; /* ike = "call": each call has its own, by a key that
	                  its keying agreed on; MEDIA_IKE */
	enum ike_sdp ike_sdp;
	enum discover discover;
	enum esp_suite esp[ESP_SUITES]; /* best first */
	size_t n_esp;
	enum esp_scope esp_scope; /* MEDIA_ESP */
	bool esp_alone; /* esp_alone = "allow"; ESP_NET */
};

/* The group "profiles". */
extern const struct conf_group profiles_group;

/* Into one that is all zero. E_CONF: *err says what does not go together. */
int profile_read(const struct conf_node *n, struct profile *p,
		 struct conf_err *err);
/* Whether its keying keys tunnels, and not streams: the kernel's, or charon's
 * of each call. */
static inline bool profile_keys_tunnels(const struct profile *p)
{
	return p->media == MEDIA_ESP || p->ike_call;
}

/* Whether charon keeps one tunnel to the peer, for all its calls. */
static inline bool profile_stands(const struct profile *p)
{
	return p->media == MEDIA_IKE && !p->ike_call;
}

/* Whether a pre-shared key is among its ways of keying. */
bool profile_keyed_by_psk(const struct profile *p);
/* Whether its keying or its bodies need certificates. */
bool profile_uses_certs(const struct profile *p);
/* "require", ... */
const char *profile_need(enum need need);

#endif
