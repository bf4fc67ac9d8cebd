/* cms.h - between bytes and OpenSSL's CMS. Private to modules/smime. */
#ifndef CALLSEAL_SMIME_CMS_H
#define CALLSEAL_SMIME_CMS_H

#include "daemon/base/buf.h"
#include "daemon/mime/field.h"
#include "modules/smime/fault.h"

#include <openssl/cms.h>

/* One whole object, nothing behind it; the caller frees. SMIME_MALFORMED,
 * SMIME_BROKEN. */
int smime_cms_read(struct mime_bytes der, CMS_ContentInfo **out,
		   struct smime_fault *why);
/* Adds it as DER. SMIME_BROKEN. */
int smime_cms_write(CMS_ContentInfo *cms, struct buf *out,
		    struct smime_fault *why);
/* SMIME_BROKEN when memory ran out, by OpenSSL's queue of errors, else the
 * reason that is given. Empties the queue. */
enum smime_reason smime_cms_reason(enum smime_reason reason);

#endif
