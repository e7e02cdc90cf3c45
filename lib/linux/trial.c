/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trial.c - find out what guest memory can do, by doing it to its first page.
 *
 * Nobody has the memory yet: it is all zeros, only zeros are written, and the
 * page is given back in the end where it can be. Touches go through the kernel,
 * which answers -EFAULT where ours would be a signal.
 *
 *   1. touch it, load and store; what the file then holds says how large a page came
 *   2. read and write the descriptor
 *   3. pin it: process_vm_readv(2) takes the way of direct I/O
 *   4. revoke and restore a page of the host; if that is refused, one of the file
 *   5. allocate it
 *   6. punch a hole of a page of the host; if that frees nothing, of one of the file
 *   7. reserve that page again, of hugetlb: the hole gave the reservation back too
 *
 * guest_memfd does not count its blocks: there the page cache is asked, and where
 * that cannot be seen (no mapping), what fallocate(2) answers is believed.
 *
 * System calls, for a seccomp filter: pipe2, write, read, fstat, pread64, pwrite64,
 * process_vm_readv, getpid, fallocate, mincore, mmap, munmap, close; those of revoke.c.
 */
#define _GNU_SOURCE	/* FALLOC_FL_PUNCH_HOLE */
#include "linux/backing.h"

#include <errno.h>
#include <fcntl.h>

#include "linux/sys.h"
#include "linux/touch.h"

#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define THP	(UINT64_C(2) << 20)

struct trial {
	struct gms_backing *backing;
	int pipe[2];
};

static void set(struct trial *trial, enum gms_backing_ability ability, int err)
{
	trial->backing->error[ability] = err;
}

static bool can(const struct trial *trial, enum gms_backing_ability ability)
{
	return !trial->backing->error[ability];
}

/*
 * That the host is kept out is a property of some guest_memfd. Anything else that
 * cannot be touched is out of memory, and taken for kept out its private pages
 * would never be revoked: no such backing is made.
 */
static int try_touch(struct trial *trial)
{
	struct gms_backing *backing = trial->backing;
	char *mem = backing->revoker.base;
	uint64_t bytes = 0;
	int rc;

	set(trial, GMS_BACKING_HAS_HUGE, -EOPNOTSUPP);
	set(trial, GMS_BACKING_CAN_TOUCH, -EOPNOTSUPP);
	if (!can(trial, GMS_BACKING_CAN_MAP))
		return 0;
	rc = gms__linux_touch_both(trial->pipe, mem, mem);
	set(trial, GMS_BACKING_CAN_TOUCH, rc);
	if (rc && (rc != -EFAULT || backing->kind < GMS_BACKING_GUEST_MEMFD))
		return rc == -EFAULT ? -ENOMEM : rc;
	if (rc || gms__linux_file_bytes(backing->fd, &bytes))
		return 0;
	backing->counts_blocks = bytes;
	if (bytes >= THP) {
		set(trial, GMS_BACKING_HAS_HUGE, 0);
		backing->got_bytes = bytes;
	}
	return 0;
}

static void try_descriptor(struct trial *trial)
{
	const int fd = trial->backing->fd;
	char byte = 0;
	long rc = gms__linux_pread(fd, &byte, 1, 0);

	set(trial, GMS_BACKING_CAN_PREAD, rc < 0 ? (int)rc : 0);
	byte = 0;
	rc = gms__linux_pwrite(fd, &byte, 1, 0);
	set(trial, GMS_BACKING_CAN_PWRITE, rc < 0 ? (int)rc : 0);
}

static void try_pin(struct trial *trial)
{
	char byte;
	long rc;

	set(trial, GMS_BACKING_CAN_GUP, -EOPNOTSUPP);
	if (!can(trial, GMS_BACKING_CAN_MAP))
		return;
	rc = gms__linux_vm_read(&byte, trial->backing->revoker.base, 1);
	set(trial, GMS_BACKING_CAN_GUP, rc < 0 ? (int)rc : 0);
}

/* Out of reach, and back. Undecided afterwards: what conversions find may differ. */
static int revoke_once(struct trial *trial, uint64_t bytes)
{
	struct gms__linux_revoker *revoker = &trial->backing->revoker;
	const struct gms_host_run run = { .npages = bytes >> GMS_PAGE_SHIFT };
	size_t ndone = 0;
	int rc = gms__linux_revoke(revoker, &run, 1, &ndone, NULL);
	bool gone;

	if (rc)
		return rc;
	gone = gms__linux_touch(trial->pipe, revoker->base) == -EFAULT &&
	       gms__linux_touch(trial->pipe, revoker->base + bytes - 1) == -EFAULT;
	rc = gms__linux_restore(revoker, &run, 1, &ndone, NULL);
	if (!rc)
		atomic_store_explicit(&revoker->found, GMS_REVOKE_BEST, memory_order_release);
	if (!rc && (!gone || gms__linux_touch(trial->pipe, revoker->base)))
		rc = -EOPNOTSUPP;
	return rc;
}

/*
 * What cannot be revoked here at all is not tracked either: conversions to private
 * are then refused, with what the kernel says.
 */
static int try_revoke(struct trial *trial)
{
	struct gms_backing *backing = trial->backing;
	struct gms__linux_revoker *revoker = &backing->revoker;
	uint64_t bytes = revoker->host_page_bytes;
	int rc;

	set(trial, GMS_BACKING_CAN_REVOKE, -EOPNOTSUPP);
	if (!can(trial, GMS_BACKING_CAN_TOUCH))
		return 0;
	if (revoker->wanted == GMS_REVOKE_NONE)
		return gms__linux_revoker_track(revoker, 0);
	rc = revoke_once(trial, bytes);
	if (rc && backing->page_bytes > bytes) {
		bytes = backing->page_bytes;
		rc = revoke_once(trial, bytes);
	}
	set(trial, GMS_BACKING_CAN_REVOKE, rc);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	backing->revoke_bytes = bytes;
	return bytes > revoker->host_page_bytes ? gms__linux_revoker_track(revoker, bytes) : 0;
}

static void try_populate(struct trial *trial)
{
	const struct gms_backing *backing = trial->backing;

	set(trial, GMS_BACKING_CAN_POPULATE,
	    gms__linux_fallocate(backing->fd, FALLOC_FL_KEEP_SIZE, 0, backing->page_bytes));
}

/* Does the first page have memory? Where the kernel does not tell, it is as @believed. */
static bool has_memory(const struct trial *trial, bool believed)
{
	const struct gms_backing *backing = trial->backing;
	const uint64_t page_bytes = backing->revoker.host_page_bytes;
	unsigned char resident = 0;

	if (!can(trial, GMS_BACKING_CAN_MAP) ||
	    gms__linux_mincore(backing->revoker.base, page_bytes, &resident))
		return believed;
	return resident & 1;
}

/* Punch a hole; did the file become smaller? */
static int punch_once(const struct trial *trial, uint64_t bytes)
{
	const struct gms_backing *backing = trial->backing;
	const uint64_t before = gms__linux_file_allocated(backing);
	const int rc = gms__linux_fallocate(backing->fd, PUNCH, 0, bytes);

	if (rc)
		return rc;
	if (before != GMS_BACKING_UNKNOWN)
		return gms__linux_file_allocated(backing) < before ? 0 : -EOPNOTSUPP;
	return has_memory(trial, false) ? -EOPNOTSUPP : 0;
}

static void try_discard(struct trial *trial)
{
	struct gms_backing *backing = trial->backing;
	uint64_t bytes = backing->revoker.host_page_bytes;
	int rc = punch_once(trial, bytes);

	if (rc == -EOPNOTSUPP && backing->page_bytes > bytes) {
		bytes = backing->page_bytes;
		rc = punch_once(trial, bytes);
	}
	set(trial, GMS_BACKING_CAN_DISCARD, rc);
	backing->discard_bytes = rc ? 0 : bytes;
	/* Of a huge page the rest is still there. */
	if (!rc && backing->got_bytes > bytes)
		(void)gms__linux_fallocate(backing->fd, PUNCH, 0, backing->got_bytes);
}

/*
 * The kernel reserves huge pages when they are mapped, for the file and for ever, but
 * for those that a hole has taken. Whoever has the page by now, we have not.
 */
static int reserve_again(const struct gms_backing *backing)
{
	void *mem;
	int rc;

	if (!gms__linux_file_page_bytes(backing->kind))
		return 0;
	rc = gms__linux_map_part(&mem, backing->fd, 0, backing->page_bytes);
	if (!rc)
		gms__linux_munmap(mem, backing->page_bytes);
	return rc;
}

int gms__linux_try(struct gms_backing *backing)
{
	struct trial trial = { .backing = backing };
	int rc = gms__linux_touch_open(trial.pipe);

	if (rc)
		return rc;
	backing->got_bytes = backing->page_bytes;
	rc = try_touch(&trial);
	if (!rc) {
		try_descriptor(&trial);
		try_pin(&trial);
		rc = try_revoke(&trial);
	}
	if (!rc) {
		try_populate(&trial);
		try_discard(&trial);
		rc = reserve_again(backing);
	}
	gms__linux_touch_close(trial.pipe);
	return rc;
}
