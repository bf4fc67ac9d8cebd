/* standing.h - the role "standing" by charon: one tunnel to each peer with
 * media = "ike". See daemon/tunnel/standing.h. */
#ifndef CALLSEAL_VICI_STANDING_H
#define CALLSEAL_VICI_STANDING_H

#include "daemon/base/conf.h"
#include "daemon/tunnel/standing.h"
#include "daemon/tunnel/tunnel.h"
#include "modules/vici/proof.h"

/* The config group "vici"; conf is borrowed as long as the role. */
extern const struct conf_group vici_group;
int vici_standing_check(const struct conf *c, struct conf_err *err);
struct ike_settings;

/* E_NOMEM. */
int vici_standing_new(const struct conf *c, struct standing **out);
/* Reads the certificates of IKE, before it begins. E_NOMEM. */
int vici_standing_certs(struct standing *s, const struct policy *policy,
			const struct proof_files *files);
/* Reads them again: what another one raised ends. In place of a file that is of
 * no use the one before stays; the others are taken. E_NOMEM. */
int vici_standing_renew(struct standing *s, const struct policy *policy,
			const struct proof_files *files);
/* The role "tunnel" beside it, while it has begun. */
const struct tunnel_maker *vici_standing_maker(const struct standing *s);
/* The times of IKE, which may be changed until it begins. */
struct ike_settings *vici_standing_times(struct standing *s);
void vici_standing_free(struct standing *s);

#endif
