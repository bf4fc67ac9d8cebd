/* fuzz_conf.c - the configuration's text, key tables and checks. */
#include "daemon/settings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig 1.5 loses the text of a string without end. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_err err = { "" };
	struct conf *c = NULL, *again = NULL;
	char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	if (!conf_parse(text, "fuzz", NULL, settings_groups(), &c, &err)) {
		/* what a child gets reads the same */
		if (conf_parse(conf_text_of(c), "child", NULL,
			       settings_groups(), &again, &err))
			abort();
		settings_check(c, &err);
	} else if (!*err.text) {
		abort();
	}
	conf_free(c);
	conf_free(again);
	free(text);
	return 0;
}
