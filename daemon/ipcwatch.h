/* ipcwatch.h - an ipc end on a libevent loop: what keeper and relay give as
 * child_ops.watch, .watch_write and .unwatch. The loop's thread only. */
#ifndef CALLSEAL_IPCWATCH_H
#define CALLSEAL_IPCWATCH_H

#include "daemon/ipc.h"

struct event_base;
struct ipcwatch;

/* Reads whenever there is something. base and ipc are borrowed and outlive
 * the watch. E_NOMEM. */
int ipcwatch_new(struct event_base *base, struct ipc *ipc,
		 struct ipcwatch **out);
/* Whether to call ipc_write() as soon as there is room. */
void ipcwatch_write(struct ipcwatch *w, bool write);
/* Also from inside the ipc's handler. */
void ipcwatch_free(struct ipcwatch *w);

#endif
