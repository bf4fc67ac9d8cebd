/* landlock.h - which files a process may read, by Landlock. */
#ifndef CALLSEAL_LANDLOCK_H
#define CALLSEAL_LANDLOCK_H

/* From now on the calling thread, and threads it starts, open nothing but
 * these files and what lies in these folders (NULL-terminated, paths that do
 * not exist are left out), and those for reading only. Descriptors that are
 * open stay as they are. Needs no_new_privs. E_UNSUPPORTED when the kernel has
 * no Landlock (it came with Linux 5.13), E_IO; nothing changed then. */
int landlock_reading(const char *const *paths);

#endif
