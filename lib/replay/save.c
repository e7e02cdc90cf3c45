/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * save.c - the guests of replays as snapshots; see save.h.
 */
#include "replay/save.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tool/out.h"

static int complain(const char *path, int err, char *why, size_t why_bytes)
{
	snprintf(why, why_bytes, "%s: %s", path, strerror(-err));
	return err;
}

/*
 * "lazy=64,1 snp 4k" is lazy-64-1-snp-4k. No two setups of a run become the same: numbers
 * come behind the strategy, a profile begins with a letter, and a folio size ends with one.
 */
static void file_name(char *name, size_t room, const char *setup)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	char *at;

	snprintf(name, room, "%s", setup);
	for (at = name; *(at += strspn(at, plain)); at++)
		*at = '-';
}

int save_folder(const char *dir, char *why, size_t why_bytes)
{
	if (mkdir(dir, 0777) && errno != EEXIST)
		return complain(dir, -errno, why, why_bytes);
	return 0;
}

int save_guest(const char *dir, const struct replay *replay, char *why, size_t why_bytes)
{
	char name[sizeof(replay->opts.setup.name)], path[PATH_MAX];
	struct out out;
	int err;

	file_name(name, sizeof(name), replay->opts.setup.name);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s.snap", dir, name) >= sizeof(path))
		return complain(dir, -ENAMETOOLONG, why, why_bytes);
	err = out_open(&out, path);
	if (!err)
		err = out_close(&out, gms_save(replay->world.space, out_text, &out));
	return err ? complain(path, err, why, why_bytes) : 0;
}
