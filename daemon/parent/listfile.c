/* listfile.c - the file of callers who are let in or not (screening.file).
 *
 * The parent opens it and hands the descriptor to the engine, which reads it
 * at each reload; by itself it reads it to say what is wrong before anything
 * changes. It must be nobody's to change but the operator's. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/engine/guard/screen.h"
#include "daemon/parent/parent.h"
#include "daemon/screening.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "parent"

static int fault(const char *path, const char *why)
{
	log_error(TAG, "screening.file: %s: %s", path, why);
	return E_CONF;
}

static int check_rights(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return fault(path, "is no regular file");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return fault(path, "others may change it; cure: chmod go-w");
	return 0;
}

int files_open_list(const struct conf *c, const char *dir, int *out)
{
	const char *value = conf_text(conf_one(c, "screening"), "file");
	const char *name = value + strlen("file:");
	char path[1024];
	int fd, n, r;

	*out = -1;
	if (!*value)
		return 0;
	n = snprintf(path, sizeof path, "%s%s%s", *name == '/' ? "" : dir,
		     *name == '/' ? "" : "/", name);
	if ((size_t)n >= sizeof path)
		return fault(name, "the path is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fault(path, strerror(errno));
	if ((r = check_rights(fd, path))) {
		close(fd);
		return r;
	}
	*out = fd;
	return 0;
}

int files_check_list(const struct conf *c, const char *dir)
{
	struct screen *screen = NULL;
	struct screening s;
	char why[160];
	int fd, r;

	screening_read(c, &s);
	r = files_open_list(c, dir, &fd);
	if (r || fd < 0)
		return r;
	r = screen_new(&s, fd, &screen, why, sizeof why);
	if (r)
		log_error(TAG, "screening.file: %s: %s", s.file, why);
	screen_free(screen);
	close(fd);
	return r;
}
