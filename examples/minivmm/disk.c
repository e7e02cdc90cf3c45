/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disk.c - the file behind the block device.
 *
 * O_DIRECT, so that the kernel pins the very pages of the request and the page
 * cache has no part in what is measured. Not every file system offers it, and
 * not for every length: then the page cache is used, and the user told once.
 */
#include "minivmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(struct mv_disk *disk, const char *what, int rc)
{
	fprintf(stderr, "minivmm: %s: %s: %s\n", disk->path, what, strerror(-rc));
	mv_disk_close(disk);
	return rc;
}

/* A file that is gone when the program is. */
static int open_temporary(struct mv_disk *disk)
{
	char name[4096];
	const char *dir = getenv("TMPDIR");

	if (!dir || !*dir)
		dir = "/var/tmp";
	disk->path = dir;
	if (snprintf(name, sizeof(name), "%s/minivmm-XXXXXX", dir) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	disk->buffered_fd = mkostemp(name, O_CLOEXEC);
	if (disk->buffered_fd < 0)
		return -errno;
	disk->temporary = true;
	disk->direct_fd = open(name, O_RDWR | O_DIRECT | O_CLOEXEC);
	unlink(name);
	return 0;
}

/* Blocks that are written to already, so that no run pays for finding them. */
static int write_zeros(struct mv_disk *disk, uint64_t bytes)
{
	memset(disk->staging, 0, MV_LENGTH_MAX);
	for (uint64_t done = 0; done < bytes;) {
		const uint64_t left = bytes - done;
		const size_t want = left < MV_LENGTH_MAX ? (size_t)left : MV_LENGTH_MAX;
		const ssize_t n = pwrite(disk->buffered_fd, disk->staging, want, (off_t)done);

		if (n > 0)
			done += (uint64_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	return fsync(disk->buffered_fd) && errno != EINVAL ? -errno : 0;
}

int mv_disk_open(struct mv_disk *disk, const char *path, uint64_t bytes)
{
	int rc = 0;

	memset(disk, 0, sizeof(*disk));
	disk->direct_fd = disk->buffered_fd = -1;
	disk->direct_granule_bytes = MV_SECTOR_BYTES;
	disk->path = path;
	if (!path) {
		rc = open_temporary(disk);
	} else {
		disk->buffered_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (disk->buffered_fd < 0)
			rc = -errno;
		else
			disk->direct_fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	}
	if (rc)
		return fail(disk, "cannot open the disk", rc);
	if (disk->direct_fd < 0)
		fprintf(stderr, "minivmm: %s: this file system refuses O_DIRECT: "
			"I/O goes through the page cache\n", disk->path);

	disk->nsectors = bytes / MV_SECTOR_BYTES;
	disk->staging = aligned_alloc(MV_PAGE_BYTES, MV_LENGTH_MAX);
	if (!disk->staging)
		return fail(disk, "staging buffer", -ENOMEM);
	rc = write_zeros(disk, bytes);
	return rc ? fail(disk, "cannot make the disk", rc) : 0;
}

void mv_disk_close(struct mv_disk *disk)
{
	if (disk->direct_fd >= 0)
		close(disk->direct_fd);
	if (disk->buffered_fd >= 0)
		close(disk->buffered_fd);
	free(disk->staging);
	disk->direct_fd = disk->buffered_fd = -1;
	disk->staging = NULL;
}

static int pick_fd(const struct mv_disk *disk, const void *mem, uint64_t length, uint64_t offset)
{
	const uint64_t all = (uintptr_t)mem | length | offset;

	if (disk->direct_fd < 0 || all % disk->direct_granule_bytes)
		return disk->buffered_fd;
	return disk->direct_fd;
}

/* O_DIRECT said no: to what is not a multiple of a page, or to everything. */
static void give_up_direct(struct mv_disk *disk, uint64_t all)
{
	if (disk->direct_granule_bytes < MV_PAGE_BYTES && all % MV_PAGE_BYTES) {
		disk->direct_granule_bytes = MV_PAGE_BYTES;
		fprintf(stderr, "minivmm: %s: O_DIRECT wants multiples of 4 KiB here: "
				"smaller I/O goes through the page cache\n", disk->path);
		return;
	}
	fprintf(stderr, "minivmm: %s: this file system refuses O_DIRECT: "
			"I/O goes through the page cache\n", disk->path);
	close(disk->direct_fd);
	disk->direct_fd = -1;
}

int mv_disk_io(struct mv_disk *disk, struct mv_memory *memory, uint32_t op, void *mem,
	       uint32_t length_bytes, uint64_t offset_bytes)
{
	uint32_t done = 0;

	while (done < length_bytes) {
		char *at = (char *)mem + done;
		const uint64_t offset = offset_bytes + done;
		const uint32_t left = length_bytes - done;
		const int fd = pick_fd(disk, at, left, offset);
		ssize_t n;
		int error;

		if (op == MV_OP_READ)
			n = pread(fd, at, left, (off_t)offset);
		else
			n = pwrite(fd, at, left, (off_t)offset);
		error = errno;
		mv_charge(memory, op == MV_OP_READ ? GMS_ACCT_SYS_READ : GMS_ACCT_SYS_WRITE, 1, 0);
		if (n > 0)
			done += (uint32_t)n;
		else if (!n)
			return -EIO;
		else if (error == EINVAL && fd == disk->direct_fd)
			give_up_direct(disk, (uintptr_t)at | left | offset);
		else if (error != EINTR)
			return -error;
	}
	return 0;
}

int mv_disk_fill(struct mv_disk *disk, uint64_t seed, uint64_t bytes)
{
	uint64_t *word = (uint64_t *)(void *)disk->staging;

	for (uint64_t done = 0; done < bytes;) {
		const uint64_t left = bytes - done;
		const size_t want = left < MV_LENGTH_MAX ? (size_t)left : MV_LENGTH_MAX;
		const int fd = pick_fd(disk, disk->staging, want, done);
		ssize_t n;

		for (size_t i = 0; i < want / 8; i++)
			word[i] = mv_pattern(seed, done + i * 8);
		n = pwrite(fd, disk->staging, want, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		if (n % 8)
			return -EIO;
		done += (uint64_t)n;
	}
	return 0;
}

int mv_disk_verify(struct mv_disk *disk, uint64_t seed, uint64_t bytes, uint64_t *wrong_bytes)
{
	const uint64_t *word = (const uint64_t *)(const void *)disk->staging;

	*wrong_bytes = 0;
	for (uint64_t done = 0; done < bytes;) {
		const uint64_t left = bytes - done;
		const size_t want = left < MV_LENGTH_MAX ? (size_t)left : MV_LENGTH_MAX;
		const int fd = pick_fd(disk, disk->staging, want, done);
		const ssize_t n = pread(fd, disk->staging, want, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		if (n % 8)
			return -EIO;
		for (ssize_t i = 0; i < n / 8; i++)
			*wrong_bytes += mv_wrong_bytes(word[i],
						       mv_pattern(seed, done + (uint64_t)i * 8));
		done += (uint64_t)n;
	}
	return 0;
}
