/* process.h - the five processes. */
#ifndef CALLSEAL_PROCESS_H
#define CALLSEAL_PROCESS_H

/* Values travel between processes; append only. */
enum process {
	PROC_PARENT,
	PROC_ENGINE,
	PROC_KEEPER,
	PROC_RELAY,
	PROC_TUNNEL,
	PROC_COUNT
};

/* "parent", "engine", ...; "?" for other values. */
const char *process_name(enum process p);

#endif
