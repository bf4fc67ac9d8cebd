/* fuzz_extract.c - what callsealctl mikey decode reads: text, dumps and bodies
 * of any form, and the messages in them, held against a pre-shared key. */
#include "ctl/extract.h"
#include "daemon/base/err.h"
#include "modules/mikey/explain.h"
#include "modules/mikey/witness.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_item(void *user, const struct mikey_item *i)
{
	const size_t *len = user;

	if (i->at + i->len > *len || !*i->text)
		abort();
}

static void on_finding(void *user, const struct mikey_finding *f)
{
	(void)user;
	if (!f->text[0] || f->word > MIKEY_UNCHECKED)
		abort();
}

static void on_message(void *user, const struct extracted *e)
{
	struct mikey_end end;
	size_t len = e->len;

	if (!e->data) {
		if (!e->fault[0])
			abort();
		return;
	}
	if (mikey_items(e->data, e->len, on_item, &len, &end) ||
	    end.at > e->len)
		abort();
	mikey_witness_hear(user, e->data, e->len, on_finding, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret psk = { 0 };
	struct mikey_witness *w;
	char why[EXTRACT_TEXT] = "";
	int n;

	secret_set(&psk, "0123456789abcdef", 16);
	if (mikey_witness_new(&psk, NULL, &w))
		return 0;
	n = extract(data, size, on_message, w, why);
	if (n < 0 || (!n && !why[0]))
		abort();
	mikey_witness_free(w);
	return 0;
}
