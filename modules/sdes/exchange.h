/* exchange.h - offer and answer of one media line's a=crypto values as a
 * method of keying. A message is the values, one a line (LF between them, none
 * behind the last). */
#ifndef CALLSEAL_SDES_EXCHANGE_H
#define CALLSEAL_SDES_EXCHANGE_H

#include "daemon/keeper/keying.h"

extern const struct keying sdes_keying;

#endif
