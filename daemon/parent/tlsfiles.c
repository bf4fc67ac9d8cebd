/* tlsfiles.c - the files of TLS: our certificate, its key, the CAs.
 *
 * The parent opens them and hands the descriptors to the engine, so that the
 * engine needs no right to read them and they are read anew at each reload.
 * It reads none itself, but for --check: there key and certificate must fit
 * and be in force. This key is the engine's own (the process that the network
 * reaches), so it must not be one that keys calls. */
#include "daemon/base/err.h"
#include "daemon/base/log.h"
#include "daemon/parent/parent.h"
#include "daemon/settings.h"
#include "daemon/tlsfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAG "parent"

const char *const files_tls_names[TLS_FILES] = { TLS_FILE_CERT, TLS_FILE_KEY,
						 TLS_FILE_CA };

static int fault(int which, const char *path, const char *why)
{
	log_error(TAG, "%s: file %s: %s", files_tls_names[which], path, why);
	return E_CONF;
}

static int check_rights(int fd, int which, const char *path)
{
	mode_t no = which == TLS_KEY ? S_IWGRP | S_IRWXO : S_IWGRP | S_IWOTH;
	char why[256];
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return fault(which, path, "is no regular file");
	if (!(st.st_mode & no))
		return 0;
	snprintf(why, sizeof why, "others may %schange it (mode %04o); cure: "
		 "chmod %s %.150s", which == TLS_KEY ? "read or " : "",
		 st.st_mode & 07777, which == TLS_KEY ? "g-w,o=" : "go-w",
		 path);
	return fault(which, path, why);
}

static int open_one(const char *value, int which, const char *dir, int *out)
{
	const char *name = value + strlen("file:");
	char path[1024];
	int fd, n, r;

	n = snprintf(path, sizeof path, "%s%s%s", *name == '/' ? "" : dir,
		     *name == '/' ? "" : "/", name);
	if ((size_t)n >= sizeof path)
		return fault(which, name, "the path is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fault(which, path, strerror(errno));
	if ((r = check_rights(fd, which, path))) {
		close(fd);
		return r;
	}
	*out = fd;
	return 0;
}

void files_close_tls(int fd[static TLS_FILES])
{
	for (int i = 0; i < TLS_FILES; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

int files_open_tls(const struct conf *c, const char *dir,
		   int out[static TLS_FILES])
{
	static const char *const keys[TLS_FILES] = { "cert", "key", "ca" };
	const struct conf_node *n = conf_one(c, "tls");
	int fd[TLS_FILES] = { -1, -1, -1 };
	const char *value;

	for (int i = 0; i < TLS_FILES; i++) {
		value = conf_text(n, keys[i]);
		if (*value && open_one(value, i, dir, &fd[i])) {
			files_close_tls(fd);
			return E_CONF;
		}
	}
	memcpy(out, fd, sizeof fd);
	return 0;
}

int files_check_tls(const struct conf *c, const char *dir)
{
	int fd[TLS_FILES], r;
	struct tls_file *f = NULL;
	char why[256];

	if ((r = files_open_tls(c, dir, fd)))
		return r;
	r = tls_file_read(fd, &f, why, sizeof why);
	if (r)
		log_error(TAG, "tls: %s", why);
	else if (tls_file_warns(f, why, sizeof why))
		log_error(TAG, "tls: %s", why);
	tls_file_free(f);
	files_close_tls(fd);
	return r;
}
