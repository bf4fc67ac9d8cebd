/* words.c - see words.h. */
#include "modules/mikey/esp/words.h"

#include "daemon/base/err.h"
#include "modules/mikey/esp/dialect.h"
#include "modules/mikey/esp/end.h"
#include "modules/mikey/esp/policy.h"

#include <stdio.h>
#include <string.h>

static const char *const modes[] = { "", "transport", "tunnel" };
static const char *const scopes[] = { "", "media", "host", "net" };

bool mikey_esp_is_session(const struct mikey_message *m, size_t i)
{
	return m->map == MIKEY_MAP_2005 ||
	       (m->map == MIKEY_MAP_GENERIC &&
		mikey_esp_is_ours(m->cs[i].protocol));
}

static void put_selector(const struct esp_selector *s, struct buf *out)
{
	char host[ADDR_TEXT];

	buf_printf(out, " %s/%u", addr_host(&s->net.base, host), s->net.bits);
	if (s->protocol)
		buf_printf(out, " protocol %u", s->protocol);
	if (s->mask)
		buf_printf(out, " port %u (mask %04x)", s->port, s->mask);
}

static void put_end(const struct mikey_cs *cs, struct buf *out)
{
	char host[ADDR_TEXT];
	struct mikey_esp_side side;
	const struct esp_end *e = &side.end;
	int r = mikey_esp_end_get(cs->data, cs->spi, &side);

	if (r) {
		buf_printf(out, "an end that is %s", err_text(r));
		return;
	}
	buf_printf(out, "%s %08x%s at %s",
		   cs->protocol == MIKEY_PROTOCOL_IKE ? "number" : "SPI",
		   e->spi,
		   e->spi < ESP_SPI_MIN ? " (reserved!)" : "",
		   addr_host(&e->at, host));
	if (e->at.port)
		buf_printf(out, ", in UDP at port %u%s", e->at.port,
			   e->natted ? " (a NAT is before it)" : "");
	buf_text(out, ", for");
	for (size_t i = 0; i < e->n; i++)
		put_selector(&e->sel[i], out);
}

static void put_ours(const struct mikey_cs *cs, struct buf *out)
{
	buf_printf(out, "\n  CS %u (RFC 6043 6.1.1, ESP%s): tunnel %u, %s, "
		   "%zu policies, ", cs->id,
		   cs->protocol == MIKEY_PROTOCOL_IKE ? " by IKE" : "",
		   (cs->id + 1u) / 2,
		   cs->id % 2 ? "offerer to answerer" : "answerer to offerer",
		   cs->policies.len);
	if (!cs->spi.len && !cs->data.len)
		buf_text(out, "the end left to who answers");
	else
		put_end(cs, out);
}

static void put_ip(const char *what, const uint8_t ip[4], struct buf *out)
{
	struct addr a = { .family = 4 };
	char host[ADDR_TEXT];

	memcpy(a.ip, ip, 4);
	buf_printf(out, "%s %s", what, addr_is_any(&a) ? "(left open)"
						       : addr_host(&a, host));
}

static void put_2005(const struct mikey_cs *cs, struct buf *out)
{
	struct mikey_2005_id id;

	if (mikey_2005_get(cs, &id))
		return;
	buf_printf(out, "\n  CS %u (ESP, dialect of 2005): policy %u, ",
		   cs->id, cs->policy);
	if (id.spi)
		buf_printf(out, "SPI %08x", id.spi);
	else
		buf_text(out, "SPI left open");
	put_ip(", from", id.from, out);
	put_ip(" to", id.to, out);
}

void mikey_esp_put_session(const struct mikey_message *m, size_t i,
			   struct buf *out)
{
	if (m->map == MIKEY_MAP_2005)
		put_2005(&m->cs[i], out);
	else
		put_ours(&m->cs[i], out);
}

bool mikey_esp_put_policy(const struct mikey_payload *sp, struct buf *out)
{
	struct mikey_esp_policy p;
	const char *why;

	if (!mikey_esp_is_ours(sp->kind) && sp->kind != MIKEY_PROTOCOL_2005)
		return false;
	if (mikey_esp_policy_get(sp->kind, sp->data, &p, &why)) {
		buf_printf(out, "%s", why);
		return true;
	}
	buf_printf(out, "%s, %s mode, scope %s", esp_suite_info(p.suite)->name,
		   modes[p.mode], scopes[p.scope]);
	if (p.life_s)
		buf_printf(out, ", keys live %u s", p.life_s);
	if (p.life_kib)
		buf_printf(out, " or %u KiB", p.life_kib);
	if (p.window)
		buf_printf(out, ", replay window of %u packets", p.window);
	return true;
}
