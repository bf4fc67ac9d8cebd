/* field.h - the header fields of a MIME entity (RFC 2045, 2183; RFC 3261
 * 20.11 to 20.15): Content-Type with its parameters, Content-Disposition,
 * Content-Transfer-Encoding, Content-ID. Nothing is copied: all results are
 * borrowed from the text that was read. No thread is involved. */
#ifndef CALLSEAL_MIME_FIELD_H
#define CALLSEAL_MIME_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIME_HEAD_MAX 8192 /* bytes of the fields of one entity */

/* Borrowed; len 0: absent. */
struct mime_bytes {
	const uint8_t *p;
	size_t len;
};

struct mime_bytes mime_text(const char *s); /* borrowed; NULL: absent */
/* Without regard to case. */
bool mime_is(struct mime_bytes a, const char *text);

/* The values of the fields that count, as they stand there. */
struct mime_fields {
	struct mime_bytes type, disposition, transfer, id;
};

/* Reads whole lines, each with its CRLF, without the empty one that ends
 * them. E_FORMAT: not so, or one of the four twice; E_SPACE: too long. Fields
 * of other names are passed over. */
int mime_fields_read(struct mime_bytes head, struct mime_fields *out);

/* The value of one field of such lines, of whatever name. E_NOTFOUND; E_FORMAT,
 * also where it stands twice. */
int mime_field_find(struct mime_bytes head, const char *name,
		    struct mime_bytes *value);

struct mime_type {
	struct mime_bytes type, subtype;
	struct mime_bytes params; /* well-formed; ask mime_param() */
};

/* E_FORMAT, also for a parameter that stands there twice. */
int mime_type_read(struct mime_bytes value, struct mime_type *out);
/* "application/sdp", or of any subtype "multipart" plus "/" and "*". */
bool mime_type_is(const struct mime_type *t, const char *name);
/* The value of a parameter, its quotes taken off, as a C string. E_NOTFOUND,
 * E_SPACE. */
int mime_param(struct mime_bytes params, const char *name, char *out,
	       size_t size);

struct mime_disposition {
	struct mime_bytes type; /* absent: "session" for SDP, else "render" */
	bool required; /* handling; true unless it says "optional" */
};

/* An absent value gives the defaults of RFC 3261 20.11. E_FORMAT. */
int mime_disposition_read(struct mime_bytes value,
			  struct mime_disposition *out);

enum mime_transfer {
	MIME_IDENTITY, /* 7bit, 8bit, binary, or absent */
	MIME_BASE64,
	MIME_FOREIGN   /* quoted-printable, or unknown: cannot be read */
};

/* E_FORMAT. */
int mime_transfer_read(struct mime_bytes value, enum mime_transfer *out);

#endif
