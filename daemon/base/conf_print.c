/* conf_print.c - the annotated default configuration, from the key tables:
 * what "callseald --print-config" writes and etc/ and the manual are held
 * against. It parses, and means the same as no configuration at all. */
#include "daemon/base/conf.h"

#include <string.h>

#define WIDTH 76

/* Help text as comment lines of bounded width. */
static void print_help(FILE *f, const char *indent, const char *text)
{
	size_t room = WIDTH - 2 - strlen(indent) * 8, n;

	while (*text) {
		n = strlen(text);
		if (n > room) {
			n = room;
			while (n && text[n] != ' ')
				n--;
			n = n ? n : strcspn(text, " ");
		}
		fprintf(f, "%s# %.*s\n", indent, (int)n, text);
		text += n;
		text += strspn(text, " ");
	}
}

static void print_choices(FILE *f, const struct conf_key *k)
{
	for (const char *const *word = k->choices; *word; word++)
		fprintf(f, "%s%s", word == k->choices ? "" : ", ", *word);
}

/* Type, range and what a change of it takes. */
static void print_kind(FILE *f, const char *indent, const struct conf_key *k)
{
	fprintf(f, "%s# [", indent);
	switch (k->type) {
	case CONF_INT:
		fprintf(f, "%lld to %lld%s%s", k->min, k->max,
			k->unit ? " " : "", k->unit ? k->unit : "");
		break;
	case CONF_BOOL:
		fprintf(f, "true or false");
		break;
	case CONF_WORD:
		print_choices(f, k);
		break;
	case CONF_WORDS:
		fprintf(f, "list of: ");
		print_choices(f, k);
		break;
	case CONF_TEXT:
		fprintf(f, "text");
		break;
	case CONF_TEXTS:
		fprintf(f, "list of texts");
	}
	fprintf(f, "%s%s]\n", k->required ? "; must be set" : "",
		k->reload == RELOAD_RESTART ? "; a change needs a restart" :
					      "");
}

static void print_quoted(FILE *f, const char *s, size_t len)
{
	fputc('"', f);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\')
			fputc('\\', f);
		fputc(s[i], f);
	}
	fputc('"', f);
}

static void print_list(FILE *f, const char *s)
{
	const char *between = "";
	size_t len;

	fputc('(', f);
	while (*s) {
		len = strcspn(s, ",");
		fprintf(f, "%s ", between);
		print_quoted(f, s, len);
		between = ",";
		s += len + (s[len] == ',');
		s += strspn(s, " ");
	}
	fprintf(f, "%s)", *between ? " " : "");
}

static void print_value(FILE *f, const struct conf_key *k)
{
	const char *text = k->dflt ? k->dflt : "";

	if (k->type == CONF_WORDS || k->type == CONF_TEXTS)
		print_list(f, text);
	else if (k->type == CONF_INT && !k->dflt)
		fprintf(f, "%lld", k->min);
	else if (k->type == CONF_INT || k->type == CONF_BOOL ||
		 !strcmp(text, "false"))
		fputs(k->dflt ? text : "false", f);
	else
		print_quoted(f, text, strlen(text));
}

static void print_keys(FILE *f, const char *indent, const struct conf_group *g,
		       bool commented)
{
	const char *off;

	for (const struct conf_key *k = g->keys; k->name; k++) {
		off = commented || !k->dflt ? "# " : "";
		print_help(f, indent, k->help);
		print_kind(f, indent, k);
		fprintf(f, "%s%s%s = ", indent, off, k->name);
		print_value(f, k);
		fprintf(f, ";\n");
		if (k[1].name)
			fprintf(f, "\n");
	}
}

static void print_group(FILE *f, const struct conf_group *g)
{
	static const char *const open[] = { " = {\n", " = { NAME = {\n",
					    " = ( {\n" };
	static const char *const end[] = { "};\n", "# }; };\n", "# } );\n" };
	bool commented = g->shape != CONF_ONE;

	if (g->help)
		print_help(f, "", g->help);
	if (*g->name)
		fprintf(f, "%s%s%s", commented ? "# " : "", g->name,
			open[g->shape]);
	print_keys(f, *g->name ? "\t" : "", g, commented);
	if (*g->name)
		fputs(end[g->shape], f);
}

void conf_print_default(FILE *f, const struct conf_group *const *groups)
{
	for (; *groups; groups++) {
		print_group(f, *groups);
		if (groups[1])
			fprintf(f, "\n");
	}
}
