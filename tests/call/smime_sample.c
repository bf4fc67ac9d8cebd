/* smime_sample.c - seals and opens one MIME entity between standard input and
 * output, for smime_oracles.sh. Certificates are in a folder: ca.pem, NAME.pem,
 * NAME.key, of sip:NAME@x.example.
 *
 *   smime_sample seal FOLDER FROM TO FORM CIPHER [base64]
 *   smime_sample open FOLDER FROM TO [legacy]
 *
 * "open" writes the content's body, and on standard error what it was in. */
#include "daemon/base/clock.h"
#include "daemon/mime/writer.h"
#include "modules/smime/open.h"
#include "modules/smime/seal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const forms[SMIME_FORMS] = {
	[SMIME_SIGN] = "sign", [SMIME_SIGN_OPAQUE] = "opaque",
	[SMIME_ENCRYPT] = "encrypt", [SMIME_ENCRYPT_SIGN] = "encrypt-sign",
	[SMIME_SIGN_ENCRYPT] = "sign-encrypt",
};

static void stop(const char *what)
{
	fprintf(stderr, "smime_sample: %s\n", what);
	exit(1);
}

static void add(struct credential *c, enum credential_part part,
		const char *folder, const char *name, const char *suffix)
{
	struct credential_fault why;
	char path[512];
	int fd;

	snprintf(path, sizeof path, "%s/%s.%s", folder, name, suffix);
	fd = open(path, O_RDONLY);
	if (fd < 0 || credential_read(c, part, name, fd, &why))
		stop(path);
	close(fd);
}

static struct credential *credential_of(const char *folder, const char *own,
					const char *other)
{
	struct credential *c;

	if (credential_new(&c))
		stop("no memory");
	add(c, CREDENTIAL_CERT, folder, own, "pem");
	add(c, CREDENTIAL_KEY, folder, own, "key");
	add(c, CREDENTIAL_CA, folder, "ca", "pem");
	add(c, CREDENTIAL_PEER, folder, other, "pem");
	return c;
}

static struct mime_bytes input(void)
{
	static uint8_t all[MIME_BODY_MAX];

	return (struct mime_bytes){ all, fread(all, 1, sizeof all, stdin) };
}

static unsigned find(const char *const *names, size_t n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return i;
	stop(name);
	return 0;
}

static enum smime_cipher cipher_of(const char *name)
{
	const char *names[SMIME_CIPHERS];

	for (int i = 0; i < SMIME_CIPHERS; i++)
		names[i] = smime_cipher_name((enum smime_cipher)i);
	return (enum smime_cipher)find(names, SMIME_CIPHERS, name);
}

static int seal(char **a, bool base64)
{
	struct credential *own = credential_of(a[0], a[1], a[2]);
	struct credential *their = credential_of(a[0], a[2], a[1]);
	struct der chain[CHAIN_MAX];
	struct smime_card *card = NULL;
	struct smime_fault why;
	char id[128];
	int r = smime_card_new(chain, credential_chain(their, chain), &card,
			       &why);
	const struct smime_to to = { .card = card, .id = id };
	const struct smime_seal how = {
		.terms = { .credential = own,
			   .wall_us = clock_wall_us(&clock_system) },
		.form = (enum smime_form)find(forms, SMIME_FORMS, a[3]),
		.envelope = { .cipher = cipher_of(a[4]), .to = &to,
			      .n_to = 1 },
		.signing = { .certificates = true, .capabilities = true },
		.base64 = base64,
	};
	struct buf out = buf_of(2 * MIME_BODY_MAX);
	struct smime_sealed s;

	snprintf(id, sizeof id, "sip:%s@x.example", a[2]);
	if (r || smime_seal(&how, input(), &s, &why))
		stop(why.text);
	mime_put_fields(&out, &(struct mime_head){ .type = s.type,
			.disposition = s.disposition,
			.transfer = s.transfer });
	buf_put(&out, s.body.data, s.body.len);
	fwrite(out.data, 1, out.len, stdout);
	buf_free(&out);
	smime_sealed_free(&s);
	smime_card_free(card);
	credential_free(own);
	credential_free(their);
	return 0;
}

static int open_it(char **a, bool legacy)
{
	static struct mime m;
	static struct smime_opened o;
	struct credential *own = credential_of(a[0], a[2], a[1]);
	char id[128];
	const struct smime_open how = {
		.terms = { .credential = own,
			   .wall_us = clock_wall_us(&clock_system) },
		.checking = { .id = id, .peer = a[1], .legacy = legacy },
	};
	struct smime_fault why = { SMIME_FINE, "" };
	int r;

	snprintf(id, sizeof id, "sip:%s@x.example", a[1]);
	if (mime_read_entity(input(), &m))
		stop("no MIME entity");
	r = smime_open_part(&how, &m.part[0], &o, &why);
	if (r) {
		fprintf(stderr, "%s: %s\n", smime_reason_text(why.reason),
			why.text);
	} else {
		for (size_t i = 0; i < o.n; i++)
			fprintf(stderr, "%s\n", o.layer[i].encrypted
				? smime_cipher_name(o.layer[i].cipher)
				: "signed");
		fwrite(o.content.part[0].body.p, 1,
		       o.content.part[0].body.len, stdout);
	}
	smime_opened_free(&o);
	credential_free(own);
	return r ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *last = argv[argc - 1];

	if (argc >= 7 && !strcmp(argv[1], "seal"))
		return seal(argv + 2, !strcmp(last, "base64"));
	if (argc >= 5 && !strcmp(argv[1], "open"))
		return open_it(argv + 2, !strcmp(last, "legacy"));
	stop("read the head of smime_sample.c");
}
