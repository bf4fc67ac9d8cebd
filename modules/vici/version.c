/* version.c - the answer to VICI's command "version". See version.h. */
#include "modules/vici/version.h"

#include "daemon/base/err.h"

#include <string.h>

static bool copy(struct vici_text from, char *to, size_t room)
{
	if (from.len >= room || !vici_name_ok(from.p, from.len))
		return false;
	memcpy(to, from.p, from.len);
	to[from.len] = 0;
	return true;
}

/* Up to four digits at *p, which goes behind them. */
static bool number(const char **p, unsigned *out)
{
	const char *from = *p;

	for (*out = 0; **p >= '0' && **p <= '9' && *p < from + 4; ++*p)
		*out = *out * 10 + (unsigned)(**p - '0');
	return *p > from;
}

/* "5.9.8", "6.0", "5.9.10rc1" */
static bool numbers(struct vici_version *v)
{
	const char *p = v->text;

	if (!number(&p, &v->major) || *p++ != '.' || !number(&p, &v->minor))
		return false;
	return *p != '.' || (p++, number(&p, &v->patch));
}

int vici_version_read(const void *message, size_t len,
		      struct vici_version *out)
{
	struct vici_reader r = vici_reader_of(message, len);
	struct vici_version v = { 0 };
	bool daemon = false, text = false;
	struct vici_element e;
	int x;

	while (!(x = vici_next(&r, &e)) && e.type != VICI_END) {
		if (e.type != VICI_KEY)
			continue;
		if (vici_text_is(e.name, "daemon"))
			daemon = copy(e.value, v.daemon, sizeof v.daemon);
		if (vici_text_is(e.name, "version"))
			text = copy(e.value, v.text, sizeof v.text);
	}
	if (x || !daemon || !text || !numbers(&v))
		return E_FORMAT;
	*out = v;
	return 0;
}

bool vici_version_new_enough(const struct vici_version *v)
{
	if (v->major != VICI_OLDEST_MAJOR)
		return v->major > VICI_OLDEST_MAJOR;
	return v->minor >= VICI_OLDEST_MINOR;
}
