/* tunnel_calls.h - calls whose media go in tunnels of their own, by filter_rig:
 * what phone and far end say, and what came of it. */
#ifndef CALLSEAL_TUNNEL_CALLS_H
#define CALLSEAL_TUNNEL_CALLS_H

#include "tests/unit/filter_rig.h"

#include "daemon/engine/body/package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n" \
	     "c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define HOLD "v=0\r\no=- 1 2 IN IP4 127.0.0.9\r\ns=-\r\n" \
	     "c=IN IP4 127.0.0.9\r\nt=0 0\r\n"
#define AUDIO "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
#define VIDEO "m=video 4000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
#define FAX "m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n"
#define SDP HEAD AUDIO
#define MGMT "a=key-mgmt:mikey " RIG_MIKEY "\r\n"

static struct outcome o;
static const char *mikey = RIG_MIKEY; /* the far end's message */
static enum mime_keyed_form form;     /* and how it packs it */
static const char *whom = "esp";      /* its peer */

/* A package of this SDP, as the far end makes it. */
static inline const char *packed(const char *head, const char *media,
			  char type[static MIME_KEYED_TYPE])
{
	static struct buf b;
	char text[2048];

	buf_free(&b);
	b = buf_of(4096);
	snprintf(text, sizeof text, "%sa=key-mgmt:mikey %s\r\n%s", head, mikey,
		 media);
	assert_int_equal(package_close(form, text, strlen(text), &b, type), 0);
	return buf_string(&b);
}

static inline void outside(struct rig *r, enum body_role role, const char *head,
		    const char *media)
{
	char type[MIME_KEYED_TYPE];
	const char *body = packed(head, media, type);

	r->type = type;
	rig_filter(r, OUTSIDE, role, 0, body, &o);
	r->type = NULL;
}

static inline void inside(struct rig *r, enum body_role role, const char *body)
{
	rig_filter(r, INSIDE, role, 0, body, &o);
}

static inline void passes(void)
{
	if (!o.passed)
		fail_msg("refused with %d %s\n%s", o.no.status, o.no.warn,
			 rig_log);
	assert_int_equal(o.n, 1);
}

static inline void refused(int status)
{
	assert_int_equal(o.n, 1);
	assert_false(o.passed);
	assert_int_equal(o.no.status, status);
}

static inline const struct msg_stream_set *last_set(const struct rig *r)
{
	return &r->set[(r->n_set - 1) % 64];
}

static inline struct rig *rig_with(const char *conf, enum face from)
{
	struct rig *r = rig_new(conf);

	addr_parse("127.0.0.9:4000", &r->far);
	r->late_keys = true;
	rig_call(r, from, whom);
	return r;
}

static inline struct rig *rig(enum face from)
{
	return rig_with("", from);
}

#endif
