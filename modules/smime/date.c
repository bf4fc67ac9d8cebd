/* date.c - the Date header field. See date.h. The C library's names of days
 * and months follow the locale; these do not. */
#include "modules/smime/date.h"

#include "daemon/base/err.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Which of the names of three letters; -1. */
static int name_of(const char *names, const char *text)
{
	for (int i = 0; names[3 * i]; i++)
		if (!memcmp(names + 3 * i, text, 3))
			return i;
	return -1;
}

/* n digits; -1. */
static int number(const char *text, size_t n)
{
	int v = 0;

	for (; n--; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		v = 10 * v + (*text - '0');
	}
	return v;
}

static const char form[] = "###, ## ### #### ##:##:## GMT";

static bool fits(const char *text)
{
	for (size_t i = 0; form[i]; i++)
		if (form[i] != '#' && form[i] != text[i])
			return false;
	return true;
}

int smime_date_read(struct mime_bytes text, uint64_t *wall_us)
{
	char t[SMIME_DATE_TEXT] = "";
	struct tm tm = { .tm_isdst = 0 }, again;
	time_t s;

	if (text.len != SMIME_DATE_TEXT - 1)
		return E_FORMAT;
	memcpy(t, text.p, text.len);
	if (!fits(t))
		return E_FORMAT;
	tm.tm_mday = number(t + 5, 2);
	tm.tm_mon = name_of(months, t + 8);
	tm.tm_year = number(t + 12, 4) - 1900;
	tm.tm_hour = number(t + 17, 2);
	tm.tm_min = number(t + 20, 2);
	tm.tm_sec = number(t + 23, 2);
	if (tm.tm_mday < 1 || tm.tm_mon < 0 || tm.tm_year < 70 ||
	    tm.tm_hour < 0 || tm.tm_min < 0 || tm.tm_sec < 0)
		return E_FORMAT;
	again = tm;
	s = timegm(&again); /* which brings 31 Feb and 25:61 into order */
	if (s < 0 || again.tm_mday != tm.tm_mday || again.tm_hour !=
	    tm.tm_hour || again.tm_min != tm.tm_min || again.tm_sec !=
	    tm.tm_sec || again.tm_wday != name_of(days, t))
		return E_FORMAT;
	*wall_us = (uint64_t)s * 1000000;
	return 0;
}

void smime_date_write(uint64_t wall_us, char out[static SMIME_DATE_TEXT])
{
	time_t s = (time_t)(wall_us / 1000000);
	struct tm tm;
	char text[64];

	if (!gmtime_r(&s, &tm))
		memset(&tm, 0, sizeof tm);
	snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		 days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
		 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	memcpy(out, text, SMIME_DATE_TEXT - 1);
	out[SMIME_DATE_TEXT - 1] = 0;
}
