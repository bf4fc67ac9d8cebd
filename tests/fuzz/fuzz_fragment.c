/* fuzz_fragment.c - any bytes as the headers that were sealed, as SDP with k=
 * lines, and as values. A message fits itself or is refused for what it lacks;
 * an AIB that can be written for it fits it, whatever its Date. */
#include "daemon/base/err.h"
#include "daemon/keeper/veil/clear.h"
#include "daemon/keeper/veil/veil_sdp.h"
#include "daemon/mime/tree.h"
#include "modules/smime/binding.h"
#include "modules/smime/date.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

static const struct smime_when ever = { 0, UINT64_MAX };

static void check_keys(struct mime_bytes text)
{
	struct clear_key k[CLEAR_KEYS], again[CLEAR_KEYS];
	struct buf out = buf_of(text.len), rest = buf_of(text.len);
	size_t n = 0, m = 0;

	if (!clear_read(text, k, &n, &out)) {
		must(n <= CLEAR_KEYS && out.len <= text.len);
		must(!clear_read((struct mime_bytes){ out.data, out.len },
				 again, &m, &rest));
		must(!m && rest.len == out.len);
	}
	buf_free(&out);
	buf_free(&rest);
}

/* Whatever was veiled comes back, and a second time, too; but for a key of all
 * media, which comes back as one of each: those may be too many. */
static void check_veil(struct mime_bytes text)
{
	static struct veil v;
	struct veil_for f = { .note = 0 };
	struct buf out = buf_of(1 << 20), back = buf_of(1 << 20),
		   again = buf_of(1 << 20), last = buf_of(1 << 20);
	int r = veil_sdp_hide(&v, &f, true, text, &out);

	if (!r) {
		must(!veil_sdp_show(&v, &f, (struct mime_bytes){
			out.data, out.len }, &back));
		r = veil_sdp_hide(&v, &f, true, (struct mime_bytes){
			back.data, back.len }, &again);
		must(!r || r == E_SPACE);
	}
	if (!r) {
		must(!veil_sdp_show(&v, &f, (struct mime_bytes){
			again.data, again.len }, &last));
		must(last.len == back.len &&
		     !memcmp(last.data, back.data, last.len));
	}
	buf_free(&out);
	buf_free(&back);
	buf_free(&again);
	buf_free(&last);
}

static void check_aib(const struct smime_fragment *f)
{
	static struct smime_fragment aib;
	static struct mime m;
	struct buf out = buf_of(MIME_BODY_MAX);
	struct smime_fault why = { SMIME_FINE, "" };
	int r = smime_aib_write(f, NULL, &out, &why);

	if (!r)
		must(!mime_read_entity((struct mime_bytes){
			out.data, out.len }, &m));
	if (!r && !smime_fragment_read(m.part[0].body, false, &aib, &why) &&
	    smime_aib_check(&aib, f, NULL, ever, &why))
		must(why.reason == SMIME_MISMATCH && why.text[0]);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mime_bytes text = { data, size };
	static struct smime_fragment f;
	struct smime_fault why = { SMIME_FINE, "" };
	struct mime_bytes uri, tag;
	uint64_t us;

	check_keys(text);
	check_veil(text);
	if (!smime_date_read(text, &us)) {
		char again[SMIME_DATE_TEXT];

		smime_date_write(us, again);
		must(!memcmp(again, data, size));
	}
	if (!smime_address_read(text, &uri, &tag))
		must(uri.len && uri.len + tag.len <= size);
	if (smime_fragment_read(text, false, &f, &why)) {
		must(!f.n && why.text[0]);
		return 0;
	}
	must(f.n && f.n <= SMIME_FIELDS);
	for (size_t i = 0; i < f.n; i++)
		must(smime_same_value(f.field[i].value, f.field[i].value));
	if (smime_tunnel_check(&f, &f, (enum smime_veil)(size % 3), ever, &why))
		must(why.reason == SMIME_MISMATCH && why.text[0]);
	check_aib(&f);
	return 0;
}
