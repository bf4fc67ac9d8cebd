/* flows.c - calls as lines of text. See flows.h. */
#include "bench/relay/flows.h"

#include <openssl/evp.h>
#include <string.h>

#define WORDS 7
#define BYTES_MAX (SRTP_KEY_MAX + SRTP_SALT_MAX)

static void print_key(FILE *f, const struct srtp_key *k)
{
	uint8_t bytes[BYTES_MAX], text[2 * BYTES_MAX];

	memcpy(bytes, k->key, k->key_len);
	memcpy(bytes + k->key_len, k->salt, k->salt_len);
	EVP_EncodeBlock(text, bytes, k->key_len + k->salt_len);
	fprintf(f, " %s", (const char *)text);
}

void flow_print(FILE *f, const struct flow *flow)
{
	const struct addr *a[] = { &flow->phone, &flow->relay[INSIDE],
				   &flow->far, &flow->relay[OUTSIDE] };
	char text[ADDR_TEXT];

	for (int i = 0; i < 4; i++)
		fprintf(f, "%s ", addr_text(a[i], text));
	fprintf(f, "%s", suite_info(flow->key[0].suite)->name);
	print_key(f, &flow->key[KEY_SEND]);
	print_key(f, &flow->key[KEY_RECV]);
	fprintf(f, "\n");
}

static int parse_key(const char *text, enum suite suite, struct srtp_key *out)
{
	const struct suite_info *info = suite_info(suite);
	uint8_t bytes[2 * BYTES_MAX];
	char padded[2 * BYTES_MAX];
	size_t len = strlen(text);

	if (!info || len + 4 > sizeof padded)
		return -1;
	memcpy(padded, text, len);
	while (len % 4)
		padded[len++] = '=';
	if (EVP_DecodeBlock(bytes, (uint8_t *)padded, (int)len) <
	    info->key_len + info->salt_len)
		return -1;
	*out = (struct srtp_key){ .suite = suite, .key_len = info->key_len,
				  .salt_len = info->salt_len };
	memcpy(out->key, bytes, info->key_len);
	memcpy(out->salt, bytes + info->key_len, info->salt_len);
	return 0;
}

int flow_parse(char *line, struct flow *out)
{
	struct addr *a[] = { &out->phone, &out->relay[INSIDE], &out->far,
			     &out->relay[OUTSIDE] };
	char *word[WORDS], *save;
	int n = 0;

	for (char *w = strtok_r(line, " \n", &save); w && n < WORDS;
	     w = strtok_r(NULL, " \n", &save))
		word[n++] = w;
	if (!n || word[0][0] == '#')
		return 0;
	if (n != WORDS)
		return -1;
	for (int i = 0; i < 4; i++)
		if (addr_parse(word[i], a[i]))
			return -1;
	for (int d = 0; d < 2; d++)
		if (parse_key(word[5 + d], suite_by_name(word[4]),
			      &out->key[d]))
			return -1;
	return 1;
}
