/* seals.c - see seals.h.
 *
 * No edge can seal what a proxy makes or must read: 100, CANCEL, the ACK of a
 * failure, failures themselves. They end what they belong to at worst, and
 * nothing is done in clear because of them. A PRACK acknowledges and no more;
 * with SDP it is sealed as SDP is, and as a whole where messages go so. */
#include "modules/sip/sealing/seals.h"

#include "modules/sip/sealed.h"

static const struct {
	sip_method_t method;
	enum seals request, provisional, success;
} table[] = {
	{ sip_method_invite, SEALS_MUST, SEALS_MUST, SEALS_MUST },
	{ sip_method_ack, SEALS_MUST, SEALS_NONE, SEALS_NONE },
	{ sip_method_bye, SEALS_MUST, SEALS_NONE, SEALS_OURS },
	{ sip_method_cancel, SEALS_NONE, SEALS_NONE, SEALS_NONE },
	{ sip_method_prack, SEALS_NONE, SEALS_NONE, SEALS_NONE },
	{ sip_method_message, SEALS_MUST, SEALS_NONE, SEALS_OURS },
};

/* UPDATE, INFO, REFER, NOTIFY, whatever else. */
static const struct {
	enum seals request, provisional, success;
} others = { SEALS_MUST, SEALS_NONE, SEALS_MUST };

enum seals seals_of(sip_method_t method, int status, bool whole)
{
	size_t n = sizeof table / sizeof *table, i = 0;

	if (status >= 300 || status == 100)
		return SEALS_NONE;
	if (whole && method == sip_method_prack)
		return SEALS_OURS;
	while (i < n && table[i].method != method)
		i++;
	if (!status)
		return i < n ? table[i].request : others.request;
	if (status < 200)
		return i < n ? table[i].provisional : others.provisional;
	return i < n ? table[i].success : others.success;
}

enum seals seals_on(const struct pair *pair, const struct leg *leg,
		    sip_method_t method, int status)
{
	if (!sealed_from(pair, leg) || !call_signs(pair->call))
		return SEALS_NONE;
	return seals_of(method, status, call_whole(pair->call));
}
