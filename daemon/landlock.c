/* landlock.c - which files a process may read. See landlock.h.
 *
 * A filter of system calls sees no paths; Landlock does. Only rights of its
 * first version are named, so that any kernel which has it takes them. The C
 * library has no wrappers for its calls. */
#include "config.h"

#include "daemon/landlock.h"

#include "daemon/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Everything of version 1: what is not allowed below is refused. */
#define HANDLED ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define OF_FILE ((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE)
#define OF_FOLDER (OF_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

static int allow(int rules, const char *path)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = 0 };
	int fd = open(path, O_PATH | O_CLOEXEC), r = 0;
	struct stat st = { .st_mode = 0 };

	if (fd < 0)
		return 0;
	beneath.parent_fd = fd;
	if (fstat(fd, &st))
		r = E_IO;
	beneath.allowed_access = S_ISDIR(st.st_mode) ? OF_FOLDER : OF_FILE;
	if (!r && syscall(SYS_landlock_add_rule, rules,
			  LANDLOCK_RULE_PATH_BENEATH, &beneath, 0))
		r = E_IO;
	close(fd);
	return r;
}

int landlock_reading(const char *const *paths)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = HANDLED
	};
	int rules, r = 0;

	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr,
			     0);
	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP
			? E_UNSUPPORTED : E_IO;
	for (; !r && *paths; paths++)
		r = allow(rules, *paths);
	if (!r && syscall(SYS_landlock_restrict_self, rules, 0))
		r = E_IO;
	close(rules);
	return r;
}
