/* cms.c - between bytes and OpenSSL's CMS. See cms.h. */
#include "modules/smime/cms.h"

#include <openssl/err.h>

enum smime_reason smime_cms_reason(enum smime_reason reason)
{
	unsigned long e;

	while ((e = ERR_get_error()))
		if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
			reason = SMIME_BROKEN;
	return reason;
}

int smime_cms_read(struct mime_bytes der, CMS_ContentInfo **out,
		   struct smime_fault *why)
{
	const unsigned char *p = der.p;
	CMS_ContentInfo *cms;

	ERR_clear_error();
	cms = der.len ? d2i_CMS_ContentInfo(NULL, &p, (long)der.len) : NULL;
	if (cms && p == der.p + der.len) {
		*out = cms;
		return 0;
	}
	CMS_ContentInfo_free(cms);
	return smime_fault(why, smime_cms_reason(SMIME_MALFORMED),
			   "what should be CMS is not%s",
			   cms ? " all of it" : "");
}

int smime_cms_write(CMS_ContentInfo *cms, struct buf *out,
		    struct smime_fault *why)
{
	int len = i2d_CMS_ContentInfo(cms, NULL);
	uint8_t *p = len > 0 ? buf_room(out, (size_t)len) : NULL;

	if (p && i2d_CMS_ContentInfo(cms, &p) == len)
		return 0;
	return smime_fault(why, smime_cms_reason(SMIME_BROKEN),
			   "CMS cannot be written");
}
