/* version.h - the answer to VICI's command "version". Pure functions. */
#ifndef CALLSEAL_VICI_VERSION_H
#define CALLSEAL_VICI_VERSION_H

#include "modules/vici/message.h"

/* An older strongSwan is refused; what we ask for was tried with 5.9.8. */
#define VICI_OLDEST_MAJOR 5
#define VICI_OLDEST_MINOR 9

struct vici_version {
	unsigned major, minor, patch;
	char daemon[32], text[32]; /* "charon-systemd", "5.9.8" */
};

/* E_FORMAT when there is no name of a daemon, or no version that begins with
 * two numbers. */
int vici_version_read(const void *message, size_t len,
		      struct vici_version *out);
bool vici_version_new_enough(const struct vici_version *v);

#endif
