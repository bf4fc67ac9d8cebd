/* ikecert.h - certificates of IKE, where a peer with media = "ike" is believed
 * by them: ours, and those that prove the far end. charon has the private key,
 * and no file of ours may hold it. */
#ifndef CALLSEAL_IKECERT_H
#define CALLSEAL_IKECERT_H

#include "daemon/base/conf.h"
#include "daemon/policy.h"

#define IKECERTS_MAX 4  /* of one file */
#define IKECERT_WHY 256 /* room for a reason */

/* How their files are called on the pair to the tunnel process (struct
 * msg_file): ours, and that of the i-th peer. */
#define IKECERT_FILE_OURS "ike.cert"
#define IKECERT_FILE_PEER "ike.peer%zu"

enum ikecert_use {
	IKECERT_OURS, /* one, which names us */
	IKECERT_PIN,  /* up to IKECERTS_MAX, each of which names the far end */
	IKECERT_CA    /* as many that may issue */
};

struct ikecerts {
	size_t n;
	struct {
		uint8_t *der;
		size_t len;
	} cert[IKECERTS_MAX];
};

/* Reads and checks a file: that all are in force at that time, fit the use, and
 * are for that identity of IKE (NULL: any; one that is neither a name, an
 * address nor one of mail is for charon to compare). E_CONF, E_NOMEM: why says
 * what and the cure. The caller owns *out: ikecerts_free(). The descriptor
 * stays open, at any offset. */
int ikecerts_read(int fd, enum ikecert_use use, const char *id,
		  uint64_t now_us, struct ikecerts *out,
		  char why[static IKECERT_WHY]);
void ikecerts_free(struct ikecerts *c); /* {0} is allowed */

#endif
