/* range.h - which names in the kernel are ours: one of 4096 sub-ranges of
 * reqids, inbound SPIs and priorities of policies for each instance.
 *
 * Reqids are from 0x40000000 to 0x7fffffff, SPIs from 0x100 to 0xbfffffff: IKE
 * daemons number reqids from 1 and take SPIs from 0xc0000000 on. Policies have
 * the instance in their priority, so that those without a reqid (bypass, block)
 * can be told from others' as well. */
#ifndef CALLSEAL_XFRM_RANGE_H
#define CALLSEAL_XFRM_RANGE_H

#include "modules/xfrm/ipsec.h"

#define RANGES 4096u
#define RANGE_NONE RANGES

struct range {
	uint32_t n; /* 0..4095 */
	uint32_t reqid_first, reqid_last;
	uint32_t spi_first, spi_last;
};

#define RANGE_LOCK "callseal/xfrm/%u" /* an abstract socket, by its number */

/* n must be below RANGES. */
struct range range_of(uint32_t n);
/* Takes it for this process in the network namespace of the calling thread, as
 * long as *fd is open: also a killed process gives it back. E_EXISTS: another
 * has it. E_IO. */
int range_lock(uint32_t n, int *fd);
/* A random one that nobody has locked and that taken() does not say of
 * (something of it is in the kernel); locked in *fd. taken may be NULL. E_FULL:
 * none found. */
int range_claim(bool (*taken)(void *user, uint32_t n), void *user,
		uint32_t *n, int *fd);

/* Priorities; lower ones go first. Bypass before all, also of an IKE daemon;
 * protect in four ranks (0 first; media before host before net); block after
 * all others. */
#define RANGE_RANKS 4
uint32_t range_priority(const struct range *r, enum ipsec_action action,
			unsigned rank);
/* The sub-range that a reqid or a policy is of; RANGE_NONE: none, not ours. */
uint32_t range_of_reqid(uint32_t reqid);
uint32_t range_of_policy(const struct ipsec_policy *p);

#endif
