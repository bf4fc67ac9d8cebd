/* date.h - the Date header field (RFC 3261 20.17): always GMT. */
#ifndef CALLSEAL_SMIME_DATE_H
#define CALLSEAL_SMIME_DATE_H

#include "daemon/mime/field.h"

#define SMIME_DATE_TEXT 30 /* "Thu, 21 Feb 2002 13:02:03 GMT" with its NUL */

/* E_FORMAT, also for a day of the week that does not fit. */
int smime_date_read(struct mime_bytes text, uint64_t *wall_us);
void smime_date_write(uint64_t wall_us, char out[static SMIME_DATE_TEXT]);

#endif
