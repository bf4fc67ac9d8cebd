/* test_origin.c - what is kept of a request for a trace. */
#include "modules/sip/message/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sofia-sip/sip_header.h>

#define FIRST "INVITE sip:b@b SIP/2.0\r\n"
#define REST "Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n" \
	     "From: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: 1\r\n" \
	     "CSeq: 1 INVITE\r\n"

static char *head(const char *text)
{
	msg_t *msg = msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY, text,
			      (ssize_t)strlen(text));
	char *copy;

	assert_non_null(sip_object(msg)->sip_request);
	copy = strdup(origin_head(msg_home(msg), sip_object(msg)));
	msg_destroy(msg);
	return copy;
}

static void lines_as_they_came(void **state)
{
	char *h = head(FIRST REST "X-Odd :  a\r\n b\r\n"
		       "Authorization: Digest username=\"a\""
		       ", response=\"1\"\r\n"
		       "Content-Type: application/sdp\r\n"
		       "Content-Length: 17\r\n\r\nv=0\r\na=crypto:1\r\n");

	(void)state;
	assert_non_null(strstr(h, "INVITE sip:b@b SIP/2.0\n"));
	assert_non_null(strstr(h, "\nFrom: <sip:a@a>;tag=1\n"));
	assert_non_null(strstr(h, "\nX-Odd :  a   b\n")); /* one line */
	assert_null(strstr(h, "Digest"));
	assert_null(strstr(h, "crypto"));
	free(h);
}

static void long_ones_are_cut(void **state)
{
	static char text[40000];
	size_t n = (size_t)sprintf(text, FIRST REST);
	char *h;

	(void)state;
	for (int i = 0; i < 500; i++)
		n += (size_t)sprintf(text + n, "X-Filler: %050d\r\n", i);
	sprintf(text + n, "\r\n");
	h = head(text);
	assert_true(strlen(h) > 3000 && strlen(h) <= 4096);
	assert_true(h[strlen(h) - 1] == '\n');
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_as_they_came),
		cmocka_unit_test(long_ones_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
