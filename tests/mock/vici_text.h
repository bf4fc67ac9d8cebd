/* vici_text.h - VICI messages as lines of text: "gw { id = 1 ts [ a b ] }". A
 * value is a word or, in hex, "0x00ff". */
#ifndef CALLSEAL_MOCK_VICI_TEXT_H
#define CALLSEAL_MOCK_VICI_TEXT_H

#include "modules/vici/message.h"

/* Appends the message to out. E_FORMAT, or what a writer says. */
int vici_from_text(struct buf *out, const char *text);
/* The text of a well-formed message, one line without its end, as a string in
 * out (cleared first). Values with blanks or what is not printable are in
 * hex. */
const char *vici_to_text(struct buf *out, const void *message, size_t len);

#endif
