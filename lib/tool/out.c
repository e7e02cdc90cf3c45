/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * out.c - a file that a program writes: all of it, or none; see out.h.
 */
#include "tool/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A device or a pipe cannot be replaced by a file; it is written in place. */
static int is_replaceable(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? errno == ENOENT : S_ISREG(st.st_mode);
}

static int open_temporary(struct out *out)
{
	const size_t bytes = strlen(out->path) + sizeof(".XXXXXX");
	const mode_t mask = umask(0);
	int fd;

	umask(mask);
	out->temporary = malloc(bytes);
	if (!out->temporary)
		return -ENOMEM;
	snprintf(out->temporary, bytes, "%s.XXXXXX", out->path);
	fd = mkstemp(out->temporary);
	if (fd >= 0 && !fchmod(fd, 0666 & ~mask))
		out->file = fdopen(fd, "w");
	if (out->file)
		return 0;
	out->err = -errno;
	if (fd >= 0) {
		close(fd);
		unlink(out->temporary);
	}
	free(out->temporary);
	out->temporary = NULL;
	return out->err;
}

int out_open(struct out *out, const char *path)
{
	*out = (struct out){ .path = path };
	if (!strcmp(path, "-")) {
		out->file = stdout;
		return 0;
	}
	if (is_replaceable(path))
		return open_temporary(out);
	out->file = fopen(path, "w");
	return out->file ? 0 : -errno;
}

static void remember(struct out *out)
{
	if (!out->err)
		out->err = errno ? -errno : -EIO;
}

void out_print(struct out *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	errno = 0;
	if (vfprintf(out->file, format, args) < 0)
		remember(out);
	va_end(args);
}

void out_write(struct out *out, const void *bytes, size_t nbytes)
{
	errno = 0;
	if (fwrite(bytes, 1, nbytes, out->file) != nbytes)
		remember(out);
}

int out_text(void *ctx, const char *text, size_t bytes)
{
	struct out *out = ctx;

	out_write(out, text, bytes);
	return out->err;
}

int out_close(struct out *out, int err)
{
	errno = 0;
	if (out->file == stdout ? fflush(stdout) : fclose(out->file))
		remember(out);
	if (out->temporary) {
		if (!err && !out->err && rename(out->temporary, out->path))
			remember(out);
		if (err || out->err)
			unlink(out->temporary);
		free(out->temporary);
	}
	*out = (struct out){ .err = out->err };
	return err ? err : out->err;
}
