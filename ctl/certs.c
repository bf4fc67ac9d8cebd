/* certs.c - certificates, revocation lists and pins for human eyes. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *text_of(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t && *t ? t : "-";
}

static long long int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Names come from far away: nothing of theirs may drive a terminal. */
static void put(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?'
								     : *text);
}

static const char *day(long long s, char out[static 32])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d", &tm))
		strcpy(out, "-");
	return out;
}

static void put_names(const json_t *names)
{
	const json_t *n;
	size_t i;

	json_array_foreach(names, i, n) {
		fputs(i ? ", " : "", stdout);
		put(json_string_value(n) ? json_string_value(n) : "-");
	}
	fputs(json_array_size(names) ? "\n" : "nobody\n", stdout);
}

static void put_cert(const char *what, const json_t *c)
{
	char from[32], until[32];

	printf("%s: ", what);
	put(text_of(c, "subject"));
	printf("\n  names   ");
	put_names(json_object_get(c, "names"));
	printf("  issuer  ");
	put(text_of(c, "issuer"));
	printf("\n  valid   %s to %s, %lld days left\n",
	       day(int_of(c, "from"), from), day(int_of(c, "until"), until),
	       int_of(c, "days_left"));
	printf("  key     %s\n  SHA-256 %s\n", text_of(c, "key"),
	       text_of(c, "sha256"));
}

static void put_chain(const char *what, const json_t *list)
{
	const json_t *c;
	size_t i;

	json_array_foreach(list, i, c)
		put_cert(what, c);
}

static void put_lists(const json_t *lists)
{
	char from[32], next[32];
	const json_t *l;
	size_t i;

	json_array_foreach(lists, i, l) {
		printf("revocation list: ");
		put(text_of(l, "issuer"));
		printf("\n  of %s, next by %s, %lld days left, %lld revoked\n",
		       day(int_of(l, "from"), from),
		       day(int_of(l, "next"), next), int_of(l, "days_left"),
		       int_of(l, "revoked"));
	}
}

void show_certs(const json_t *certs)
{
	const json_t *p;
	size_t i;

	put_chain("ours", json_object_get(certs, "own"));
	put_chain("anchor", json_object_get(certs, "anchors"));
	put_lists(json_object_get(certs, "lists"));
	json_array_foreach(json_object_get(certs, "peers"), i, p) {
		printf("peer ");
		put(text_of(p, "peer"));
		putchar('\n');
		put_chain("its", json_object_get(p, "chain"));
	}
	if (int_of(certs, "more"))
		printf("and %lld more\n", int_of(certs, "more"));
	if (!json_object_get(certs, "own"))
		puts("no certificates are configured");
	json_array_foreach(json_object_get(certs, "warnings"), i, p) {
		printf("WARNING: ");
		put(json_string_value(p) ? json_string_value(p) : "-");
		putchar('\n');
	}
}

void show_trust(const json_t *trust)
{
	char since[32], seen[32];
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(trust, "pins"), i, p) {
		put(text_of(p, "name"));
		printf("\n  SHA-256 %s\n  by %s on %s, last seen %s\n",
		       text_of(p, "sha256"), text_of(p, "by"),
		       day(int_of(p, "since"), since),
		       day(int_of(p, "seen"), seen));
	}
	if (int_of(trust, "more"))
		printf("and %lld more\n", int_of(trust, "more"));
	if (!json_array_size(json_object_get(trust, "pins")))
		puts("no certificate is trusted on first use");
	if (int_of(trust, "lost"))
		printf("WARNING: %lld were lost by damage: who is not known "
		       "is refused until you accept (--accept) or stop "
		       "missing them (--mend)\n", int_of(trust, "lost"));
}
