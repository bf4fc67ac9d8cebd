/* fuzz_digest.c - digest header values: what is read is written so that it
 * reads back the same, no control gets through, and a response that somebody
 * made up fits no secret. The first octet says which header. */
#include "daemon/base/err.h"
#include "daemon/digest/digest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int held)
{
	if (!held)
		abort();
}

static void written(int r, const struct buf *b)
{
	must(!r && b->len < 2 * DIGEST_VALUE);
	for (size_t i = 0; i < b->len; i++)
		must(b->data[i] == '\t' ||
		     (b->data[i] >= 0x20 && b->data[i] != 0x7f));
}

static void challenge(const char *text, size_t len, struct buf *b)
{
	static struct digest_challenge c, again;
	static struct digest_credentials answer;
	int r;

	if (digest_read_challenge(text, len, &c))
		return;
	must(digest_hash_len(c.algorithm.hash) > 0);
	r = digest_answer(&c, "alice", "sip:a", "0a4f113b", 1, &answer);
	must(r ? r == E_UNSUPPORTED : answer.qop == (c.qop ? 1 : 0));
	if (c.qop & DIGEST_OTHER)
		return;
	written(digest_write_challenge(&c, b), b);
	must(!digest_read_challenge((char *)b->data, b->len, &again));
	must(!memcmp(&c, &again, sizeof c));
}

static void credentials(const char *text, size_t len, struct buf *b)
{
	static struct digest_credentials c, again;
	struct digest_secret s;
	int r;

	if (digest_read_credentials(text, len, &c))
		return;
	must(!digest_secret_make(c.algorithm.hash, c.user, c.realm,
				 "what nobody can have guessed", &s));
	r = digest_verify(&s, &c, "REGISTER");
	must(r == E_AUTH || (c.qop > DIGEST_AUTH && r == E_UNSUPPORTED));
	if (c.qop & DIGEST_OTHER)
		return;
	written(digest_write_credentials(&c, b), b);
	must(!digest_read_credentials((char *)b->data, b->len, &again));
	must(!memcmp(&c, &again, sizeof c));
}

static void info(const char *text, size_t len, struct buf *b)
{
	static struct digest_info i, again;

	if (digest_read_info(text, len, &i) || i.qop & DIGEST_OTHER)
		return;
	written(digest_write_info(&i, b), b);
	must(!digest_read_info((char *)b->data, b->len, &again));
	must(!memcmp(&i, &again, sizeof i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const what[])(const char *, size_t, struct buf *) = {
		challenge, credentials, info
	};
	struct buf b = buf_of(2 * DIGEST_VALUE);
	char *copy;

	if (!size)
		return 0;
	copy = malloc(size); /* so that a sanitizer sees its end */
	memcpy(copy, data, size);
	what[data[0] % 3](copy + 1, size - 1, &b);
	free(copy);
	buf_free(&b);
	return 0;
}
