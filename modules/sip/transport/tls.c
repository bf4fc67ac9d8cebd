/* tls.c - TLS under Sofia's transports.
 *
 * Sofia's nta brings TLS transports, but Debian's build (1.12.11) reads its
 * files by path, verifies nobody, never frees a connection's SSL object (24 to
 * 35 kB each), and tells nobody why a handshake failed. What it calls for TLS
 * goes through the dynamic linker, so functions of the same name in this
 * program come first. They are of two kinds:
 *
 *   files    the functions of OpenSSL by which Sofia would load certificate,
 *            key and CAs: here they give the context what the parent opened
 *   life     tls_init_master, tls_init_secondary, tls_connect, tls_free: they
 *            call Sofia's own and add what it lacks
 *
 * No private struct of Sofia's is touched. That a context or connection was
 * made inside one of Sofia's functions shows by the callbacks that OpenSSL
 * runs for each new object (ex_data); whether Sofia freed one, too, so that a
 * Sofia which frees its objects does no harm. configure pins the version all
 * the same, and tls_use() proves that the hooks are in force.
 *
 * A connection of ours checks the server's certificate (in force, made by one
 * of our CAs, made for the host we meant: RFC 5922) within the handshake, so
 * that nothing of SIP leaves before. With verify = "mutual" whoever connects
 * to us has to show a certificate of these CAs.
 *
 * TLS 1.2 and 1.3, ephemeral keys and AEAD only; no session is resumed, so
 * that a new connection always meets the CAs of today.
 *
 * Does not do: CRL and OCSP; a certificate for each name (SNI). */
#include "modules/sip/transport/tls.h"

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "daemon/base/log.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport.h>

#define TAG "sip"
#define CONTEXTS_MAX (2 * LISTEN_MAX)
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define NAME_LEN 256
#define FAILURE_S 5 /* how long a failure explains what Sofia reports */

/* One TLS connection; its place in the table is its descriptor. */
struct link {
	const void *tls; /* Sofia's object */
	SSL *ssl;        /* NULL once freed */
	const tport_t *tport; /* Sofia's; only to be compared */
	bool accepted;
	char host[NAME_LEN]; /* what the server's certificate must speak for */
	char why[NAME_LEN];  /* of a refused certificate */
};

static struct {
	struct tls_file *file;
	enum tls_verify verify;
	SSL_CTX *context[CONTEXTS_MAX]; /* Sofia's, with a reference of ours */
	size_t n_contexts;
	struct link **link; /* by descriptor */
	size_t room, n_links;
	int ssl_index;      /* of our data in an SSL */
	SSL *born;          /* the SSL that was made last */
	struct link *step;  /* in a handshake now; NULL once it ended there */
	struct link ended;
	unsigned long ended_err;
	struct {
		char host[NAME_LEN], why[NAME_LEN];
		uint64_t at_us;
	} failure;
} ours = { .ssl_index = -1 };

/* What Sofia exports, with its types. */
struct tls_s;
struct tls_s *tls_init_master(void *issues);
struct tls_s *tls_init_secondary(struct tls_s *master, int fd, int accept);
void tls_free(struct tls_s *tls);
int tls_connect(su_root_magic_t *magic, su_wait_t *w, tport_t *tp);
int tls_get_socket(struct tls_s *tls);
void tport_error_report(tport_t *tp, int err, const su_sockaddr_t *to);

/* Sofia's own function behind ours. */
static void *behind(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (!f) {
		log_error(TAG, "Sofia-SIP has no %s: not the version this was "
			  "built for", name);
		abort();
	}
	return f;
}

/* -- contexts ------------------------------------------------------------- */

static bool give_cas(SSL_CTX *ctx)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *ca = ours.file->ca;
	STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
	bool good = store && names;
	X509_NAME *name;

	for (int i = 0; good && i < sk_X509_num(ca); i++) {
		name = X509_NAME_dup(
			X509_get_subject_name(sk_X509_value(ca, i)));
		good = name && sk_X509_NAME_push(names, name) > 0 &&
		       X509_STORE_add_cert(store, sk_X509_value(ca, i));
	}
	if (!good) {
		X509_STORE_free(store);
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return false;
	}
	SSL_CTX_set_cert_store(ctx, store);
	SSL_CTX_set_client_CA_list(ctx, names);
	return true;
}

static bool harden(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
			    SSL_OP_NO_RENEGOTIATION |
			    SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(ctx, CIPHERS);
}

static bool fill(SSL_CTX *ctx)
{
	struct tls_file *f = ours.file;

	return f && f->cert && SSL_CTX_use_certificate(ctx, f->cert) == 1 &&
	       SSL_CTX_set1_chain(ctx, f->chain) == 1 &&
	       SSL_CTX_use_PrivateKey(ctx, f->key) == 1 && give_cas(ctx) &&
	       harden(ctx);
}

/* -- in place of OpenSSL's, for Sofia only -------------------------------- */

/* The first that Sofia asks for. */
int SSL_CTX_use_certificate_file(SSL_CTX *ctx, const char *file, int type)
{
	(void)file;
	(void)type;
	if (ours.n_contexts == CONTEXTS_MAX || !SSL_CTX_up_ref(ctx))
		return 0;
	ours.context[ours.n_contexts++] = ctx;
	return fill(ctx);
}

int SSL_CTX_use_PrivateKey_file(SSL_CTX *ctx, const char *file, int type)
{
	(void)file;
	(void)type;
	return SSL_CTX_check_private_key(ctx);
}

/* This one's failure makes Sofia give up the listener. */
int SSL_CTX_load_verify_locations(SSL_CTX *ctx, const char *file,
				  const char *dir)
{
	(void)file;
	(void)dir;
	return ours.n_contexts && ours.context[ours.n_contexts - 1] == ctx &&
	       SSL_CTX_check_private_key(ctx);
}

STACK_OF(X509_NAME) *SSL_load_client_CA_file(const char *file)
{
	(void)file;
	return NULL; /* fill() gives them, once Sofia is done */
}

/* -- the server's and the client's certificate ---------------------------- */

static int on_certificate(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct link *l = SSL_get_ex_data(ssl, ours.ssl_index);
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	int err = X509_STORE_CTX_get_error(store);

	if (!l)
		return 0;
	if (good && !l->accepted && !X509_STORE_CTX_get_error_depth(store) &&
	    !tls_speaks_for(cert, l->host)) {
		err = X509_V_ERR_HOSTNAME_MISMATCH;
		X509_STORE_CTX_set_error(store, err);
		good = 0;
	}
	if (!good)
		snprintf(l->why, sizeof l->why, "its certificate is refused: "
			 "%s", X509_verify_cert_error_string(err));
	return good;
}

static void set_verify(const struct link *l)
{
	int mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

	if (ours.verify == TLS_VERIFY_NONE ||
	    (l->accepted && ours.verify != TLS_VERIFY_MUTUAL))
		mode = SSL_VERIFY_NONE;
	SSL_set_verify(l->ssl, mode, on_certificate);
}

/* -- connections ---------------------------------------------------------- */

static void on_ssl_new(void *ssl, void *data, CRYPTO_EX_DATA *ad, int index,
		       long argl, void *argp)
{
	(void)data;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	ours.born = ssl;
}

static void on_ssl_free(void *ssl, void *data, CRYPTO_EX_DATA *ad, int index,
			long argl, void *argp)
{
	struct link *l = data;

	(void)ssl;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (l)
		l->ssl = NULL;
}

static struct link *link_at(int fd)
{
	return fd >= 0 && (size_t)fd < ours.room ? ours.link[fd] : NULL;
}

static bool make_room(int fd)
{
	size_t room = ours.room ? ours.room : 64;
	struct link **bigger;

	if ((size_t)fd < ours.room)
		return true;
	while (room <= (size_t)fd)
		room *= 2;
	bigger = realloc(ours.link, room * sizeof *bigger);
	if (!bigger)
		return false;
	memset(bigger + ours.room, 0, (room - ours.room) * sizeof *bigger);
	ours.link = bigger;
	ours.room = room;
	return true;
}

static bool link_new(const void *tls, SSL *ssl, int fd, int accept)
{
	struct link *l;

	if (!ssl || SSL_get_fd(ssl) != fd || !make_room(fd) || link_at(fd))
		return false;
	l = calloc(1, sizeof *l);
	if (!l || !SSL_set_ex_data(ssl, ours.ssl_index, l)) {
		free(l);
		return false;
	}
	/* Sofia writes a message in pieces, each a record. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	l->tls = tls;
	l->ssl = ssl;
	l->accepted = accept;
	ours.link[fd] = l;
	ours.n_links++;
	set_verify(l);
	return true;
}

/* Sofia's tls_free() drops a reference of the context and one of the BIO,
 * which are the SSL's own: the SSL needs two more to outlive it. */
struct tls_s *tls_init_secondary(struct tls_s *master, int fd, int accept)
{
	struct tls_s *(*real)(struct tls_s *, int, int) =
		(struct tls_s *(*)(struct tls_s *, int, int))
		behind("tls_init_secondary");
	struct tls_s *tls;

	ours.born = NULL;
	tls = real(master, fd, accept);
	if (!tls)
		return NULL;
	if (!link_new(tls, ours.born, fd, accept)) {
		log_error(TAG, "a TLS connection cannot be taken: no memory, "
			  "or not the Sofia-SIP this was built for");
		((void (*)(struct tls_s *))behind("tls_free"))(tls);
		errno = ENOMEM;
		return NULL;
	}
	BIO_up_ref(SSL_get_rbio(ours.born));
	SSL_CTX_up_ref(SSL_get_SSL_CTX(ours.born));
	return tls;
}

void tls_free(struct tls_s *tls)
{
	void (*real)(struct tls_s *) =
		(void (*)(struct tls_s *))behind("tls_free");
	int fd = tls ? tls_get_socket(tls) : -1;
	struct link *l = link_at(fd);

	if (l && l->tls != tls)
		l = NULL; /* a listener's context, or one that failed */
	if (l) {
		ours.link[fd] = NULL;
		ours.n_links--;
	}
	if (l && l == ours.step) {
		ours.ended_err = ERR_peek_last_error();
		ours.ended = *l;
		ours.step = NULL;
	}
	real(tls);
	if (!l)
		return;
	SSL_free(l->ssl); /* NULL if Sofia did it */
	free(l);
}

/* -- handshakes ----------------------------------------------------------- */

static void explain(const struct link *l, unsigned long err, char *out,
		    size_t room)
{
	const char *reason = err ? ERR_reason_error_string(err) : NULL;

	if (*l->why)
		snprintf(out, room, "%s", l->why);
	else
		snprintf(out, room, "no TLS with it: %s", reason ? reason :
			 "the connection was refused or closed");
}

static void failed(const struct link *l, const char *at, unsigned long err)
{
	const char *host = l->host;
	char why[NAME_LEN + 32];

	explain(l, err, why, sizeof why);
	if (l->accepted) {
		log_line(LOG_CLASS_REFUSED, TAG, 0, "TLS from %s: %s", at, why);
		return;
	}
	snprintf(ours.failure.host, sizeof ours.failure.host, "%s", host);
	snprintf(ours.failure.why, sizeof ours.failure.why, "%.250s", why);
	ours.failure.at_us = clock_mono_us(&clock_system);
	log_line(LOG_CLASS_REMOTE, TAG, 0, "TLS to %s (%s): %s; check that it "
		 "speaks TLS there, that its certificate is made for \"%s\" "
		 "and in force, and that tls.ca has its CA", host, at, why,
		 host);
}

/* A connection that somebody made to us must not serve for requests to the
 * address it came from, as if we had met a server's certificate there. Sofia
 * takes one for the name it has or that its certificate speaks for; as yet the
 * name is its address. */
static void unname(tport_t *tp)
{
	static const char nobody[] = "(accepted)";
	tp_name_t *name = (tp_name_t *)(uintptr_t)tport_name(tp);

	name->tpn_canon = nobody;
}

enum step { STEP_DONE, STEP_AGAIN, STEP_FAILED };

static enum step step(const struct link *l, const su_wait_t *w)
{
	int r;

	if (w->revents & (SU_WAIT_ERR | SU_WAIT_HUP))
		return STEP_DONE; /* no connection: Sofia says so by itself */
	r = l->accepted ? SSL_accept(l->ssl) : SSL_connect(l->ssl);
	switch (SSL_get_error(l->ssl, r)) {
	case SSL_ERROR_NONE:
		return STEP_DONE;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return STEP_AGAIN;
	default:
		return STEP_FAILED;
	}
}

/* Sofia steps as well, to learn what to wait for. What came in the meantime
 * stays in the socket for our next step. */
static int sofia_waits(struct link *l, int (*real)(su_root_magic_t *,
						   su_wait_t *, tport_t *),
		       su_wait_t *w, tport_t *tp)
{
	BIO *socket = SSL_get_rbio(l->ssl), *empty = BIO_new(BIO_s_mem());
	int r;

	if (!empty)
		return real(NULL, w, tp);
	BIO_set_mem_eof_return(empty, -1);
	BIO_up_ref(socket);
	SSL_set0_rbio(l->ssl, empty);
	r = real(NULL, w, tp);
	if (ours.step)
		SSL_set0_rbio(l->ssl, socket);
	else
		BIO_free(socket);
	return r;
}

static void name_link(struct link *l, tport_t *tp)
{
	const tp_name_t *name = tport_name(tp);

	l->tport = tp;
	if (*l->host)
		return;
	snprintf(l->host, sizeof l->host, "%s",
		 name->tpn_canon ? name->tpn_canon : name->tpn_host);
	if (l->accepted)
		unname(tp);
}

/* One step of a handshake. When it fails in there, Sofia closes the connection
 * and lets the requests that wait for it time out; so it is tried here first,
 * and Sofia is told of an error: then it tries the next server, or answers 503
 * at once. Errors left in OpenSSL's queue would be taken for those of the next
 * connection. */
int tls_connect(su_root_magic_t *magic, su_wait_t *w, tport_t *tp)
{
	int (*real)(su_root_magic_t *, su_wait_t *, tport_t *) =
		(int (*)(su_root_magic_t *, su_wait_t *, tport_t *))
		behind("tls_connect");
	struct link *l = link_at(w->fd);
	enum step did;
	char at[NAME_LEN];
	int r;

	ERR_clear_error();
	if (!l)
		return real(magic, w, tp);
	name_link(l, tp);
	snprintf(at, sizeof at, "%s:%s", tport_name(tp)->tpn_host,
		 tport_name(tp)->tpn_port);
	did = step(l, w);
	if (did == STEP_FAILED) {
		failed(l, at, ERR_peek_last_error());
		ERR_clear_error();
		tport_error_report(tp, EPROTO, NULL);
		return 0;
	}
	ours.step = l;
	r = did == STEP_AGAIN ? sofia_waits(l, real, w, tp) :
				real(magic, w, tp);
	if (!ours.step)
		failed(&ours.ended, at, ours.ended_err);
	ours.step = NULL;
	ERR_clear_error();
	return r;
}

static const struct link *link_of(const tport_t *tp)
{
	for (size_t fd = 0; tp && fd < ours.room; fd++)
		if (ours.link[fd] && ours.link[fd]->tport == tp)
			return ours.link[fd];
	return NULL;
}

static bool checks(const struct link *l)
{
	return l && l->ssl && SSL_get_verify_mode(l->ssl) & SSL_VERIFY_PEER;
}

/* Sofia takes any open connection to an address for a request to it, whoever
 * the certificate spoke for. From the primary it looks again, with the name,
 * or connects. */
tport_t *tport_by_name(const tport_t *self, const tp_name_t *to)
{
	tport_t *(*real)(const tport_t *, const tp_name_t *) =
		(tport_t *(*)(const tport_t *, const tp_name_t *))
		behind("tport_by_name");
	tport_t *tp = real(self, to);
	const char *name;

	if (!tp || !tport_is_secondary(tp) || !tport_has_tls(tp))
		return tp;
	name = tport_name(tp)->tpn_canon;
	return name && to->tpn_canon && !strcasecmp(name, to->tpn_canon) ?
		tp : tport_parent(tp);
}

struct tls_s *tls_init_master(void *issues)
{
	struct tls_s *(*real)(void *) =
		(struct tls_s *(*)(void *))behind("tls_init_master");
	size_t before = ours.n_contexts;
	struct tls_s *tls = real(issues);

	if (tls && ours.n_contexts == before + 1 &&
	    fill(ours.context[before])) /* again: Sofia set its own ciphers */
		return tls;
	if (tls)
		((void (*)(struct tls_s *))behind("tls_free"))(tls);
	while (ours.n_contexts > before)
		SSL_CTX_free(ours.context[--ours.n_contexts]);
	errno = EINVAL;
	return NULL;
}

/* -- for the module ------------------------------------------------------- */

/* A function of ours that Sofia does not reach would be a hole. */
static int check_hooks(void)
{
	static const char *const name[] = {
		"tls_init_master", "tls_init_secondary", "tls_connect",
		"tls_free", "tport_by_name", "SSL_CTX_use_certificate_file",
		"SSL_CTX_use_PrivateKey_file", "SSL_CTX_load_verify_locations",
		"SSL_load_client_CA_file"
	};
	void *const here[] = {
		(void *)tls_init_master, (void *)tls_init_secondary,
		(void *)tls_connect, (void *)tls_free, (void *)tport_by_name,
		(void *)SSL_CTX_use_certificate_file,
		(void *)SSL_CTX_use_PrivateKey_file,
		(void *)SSL_CTX_load_verify_locations,
		(void *)SSL_load_client_CA_file
	};

	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		if (dlsym(RTLD_DEFAULT, name[i]) != here[i]) {
			log_error(TAG, "%s of Sofia-SIP cannot be replaced in "
				  "this program: no TLS", name[i]);
			return E_INTERNAL;
		}
	return 0;
}

/* All or nothing: a context to try with comes first. */
static int refill(struct tls_file *f)
{
	struct tls_file *old = ours.file;
	SSL_CTX *trial = SSL_CTX_new(TLS_method());
	bool good;

	ours.file = f;
	good = trial && fill(trial);
	SSL_CTX_free(trial);
	for (size_t i = 0; good && i < ours.n_contexts; i++)
		good = fill(ours.context[i]);
	ERR_clear_error();
	if (!good) {
		ours.file = old;
		return E_CONF;
	}
	tls_file_free(old);
	return 0;
}

int tls_use(struct tls_file *f, enum tls_verify verify)
{
	int r = check_hooks();

	if (ours.ssl_index < 0)
		ours.ssl_index = SSL_get_ex_new_index(0, NULL, on_ssl_new, NULL,
						      on_ssl_free);
	if (!r && ours.ssl_index < 0)
		r = E_NOMEM;
	if (!r)
		r = refill(f);
	if (r)
		tls_file_free(f);
	else
		ours.verify = verify;
	return r;
}

bool tls_expires(int64_t *unix_s)
{
	struct tm at;

	if (!ours.file || !ours.file->cert ||
	    !ASN1_TIME_to_tm(X509_get0_notAfter(ours.file->cert), &at))
		return false;
	*unix_s = timegm(&at);
	return true;
}

void tls_forget(void)
{
	while (ours.n_contexts)
		SSL_CTX_free(ours.context[--ours.n_contexts]);
	tls_file_free(ours.file);
	ours.file = NULL;
	free(ours.link);
	ours.link = NULL;
	ours.room = 0;
}

bool tls_verified(const tport_t *tp)
{
	const struct link *l = tp && tport_has_tls(tp) ? link_of(tp) : NULL;

	return checks(l) && SSL_is_init_finished(l->ssl) &&
	       SSL_get0_peer_certificate(l->ssl) &&
	       SSL_get_verify_result(l->ssl) == X509_V_OK;
}

bool tls_verifies(void)
{
	return ours.file && ours.verify != TLS_VERIFY_NONE;
}

size_t tls_links(void)
{
	return ours.n_links;
}

const char *tls_failure(const char *host)
{
	uint64_t now = clock_mono_us(&clock_system);

	if (!host || !ours.failure.at_us ||
	    now - ours.failure.at_us > FAILURE_S * 1000000ull ||
	    strcasecmp(host, ours.failure.host))
		return NULL;
	return ours.failure.why;
}
