#include "modules/sip/sealed.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "modules/sip/message/headers.h"
#include "modules/sip/message/reply.h"
#include "modules/sip/sealing/whole.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>

#define FRAG_MAX 4096
#define FIELDS_MAX 4096
#define SINCE_1900_S 2208988800ul /* until 1970: Sofia counts from there */

bool sealed_from(const struct pair *pair, const struct leg *from)
{
	return from->face->face == OUTSIDE && pair->call &&
	       call_opens(pair->call);
}

/* Takes what was written. */
static char *text_of(struct buf *b)
{
	char *text = b->err ? NULL : strdup(buf_string(b));

	buf_free(b);
	return text;
}

static void put_address(struct buf *b, const char *name, su_home_t *home,
			const url_t *url, const char *tag)
{
	const char *uri = url ? url_as_string(home, url) : NULL;

	if (!uri)
		return; /* what is missing binds nothing: refused there */
	buf_printf(b, "%s: <%s>%s%s\r\n", name, uri, tag ? ";tag=" : "",
		   tag ? tag : "");
}

static void put_value(struct buf *b, const char *name, su_home_t *home,
		      const void *header)
{
	const char *value = header ?
		sip_header_as_string(home, (sip_header_t *)header) : NULL;

	if (value)
		buf_printf(b, "%s: %s\r\n", name, value);
}

char *sealed_frag(const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct buf b = buf_of(FRAG_MAX);

	su_home_init(home);
	if (sip->sip_status)
		buf_printf(&b, "SIP/2.0 %d %s\r\n",
			   sip->sip_status->st_status,
			   sip->sip_status->st_phrase ?
			   sip->sip_status->st_phrase : "");
	if (sip->sip_from)
		put_address(&b, "From", home, sip->sip_from->a_url,
			    sip->sip_from->a_tag);
	if (sip->sip_to)
		put_address(&b, "To", home, sip->sip_to->a_url,
			    sip->sip_to->a_tag);
	if (sip->sip_call_id)
		buf_printf(&b, "Call-ID: %s\r\n", sip->sip_call_id->i_id);
	if (sip->sip_cseq)
		buf_printf(&b, "CSeq: %u %s\r\n", sip->sip_cseq->cs_seq,
			   sip->sip_cseq->cs_method_name);
	if (sip->sip_contact)
		put_address(&b, "Contact", home, sip->sip_contact->m_url,
			    NULL);
	put_value(&b, "Date", home, sip->sip_date);
	su_home_deinit(home);
	return text_of(&b);
}

char *sealed_fields(const sip_t *sip)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	struct buf b = buf_of(FIELDS_MAX);
	const sip_unknown_t *un;

	su_home_init(home);
	put_value(&b, "Content-Type", home, sip->sip_content_type);
	put_value(&b, "Content-Disposition", home,
		  sip->sip_content_disposition);
	put_value(&b, "Content-Encoding", home, sip->sip_content_encoding);
	put_value(&b, "Content-Language", home, sip->sip_content_language);
	for (un = sip->sip_unknown; un; un = un->un_next)
		if (!strcasecmp(un->un_name, "Content-Transfer-Encoding"))
			buf_printf(&b, "Content-Transfer-Encoding: %s\r\n",
				   un->un_value);
	su_home_deinit(home);
	return text_of(&b);
}

/* The wall clock's: Sofia's own is another (daemon/engine/loop.c). */
bool sealed_date(msg_t *msg)
{
	sip_time_t now = (sip_time_t)(clock_wall_us(&clock_system) / 1000000) +
			 SINCE_1900_S;
	sip_date_t *date = sip_date_create(msg_home(msg), now);

	return date && !msg_header_insert(msg, NULL, (msg_header_t *)date);
}

/* The length that the message was completed with is that of no body. */
static bool put_length(msg_t *msg, size_t len)
{
	sip_t *sip = sip_object(msg);
	sip_content_length_t *l = sip_content_length_create(msg_home(msg),
							    (uint32_t)len);

	if (sip->sip_content_length)
		msg_header_remove(msg, NULL,
				  (msg_header_t *)sip->sip_content_length);
	return l && !msg_header_insert(msg, NULL, (msg_header_t *)l);
}

bool sealed_put(msg_t *msg, const struct call_sealed_body *body)
{
	if (body->whole)
		whole_reduce(msg, false);
	return header_add(msg, "Content-Type", body->type) &&
	       (!*body->disposition ||
		header_add(msg, "Content-Disposition", body->disposition)) &&
	       (!*body->transfer ||
		header_add(msg, "Content-Transfer-Encoding",
			   body->transfer)) &&
	       put_length(msg, body->len) &&
	       body_add(msg, body->data, body->len);
}

bool sealed_fits(struct txn *t, const struct refusal *no,
		 const struct call_sealed_body *body)
{
	return !no && t->out && sealed_put(t->out, body);
}

void sealed_ask(struct txn *t, const struct body *body, seal_fn fn)
{
	const struct refusal no = reply_no(500, NULL);
	struct body_way way;
	char *frag;

	call_way(t->pair->call, &way);
	frag = whole_bound(&way, NULL, NULL, t->out);
	t->pair->depth++;
	if (frag)
		call_seal(t->pair->call, frag, body, fn, t);
	else
		fn(t, &no, NULL);
	t->pair->depth--;
	free(frag);
}
