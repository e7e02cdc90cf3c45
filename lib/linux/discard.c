/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * discard.c - give memory back to the host, or zero it where that cannot be.
 *
 * One fallocate(PUNCH_HOLE) a run: it zeroes what it cannot free, works whether
 * the VMM has the pages mapped or not, and needs no mapping. The kernel has no
 * vector for it but MADV_REMOVE through process_madvise(2), which took 648 us for
 * 256 runs of a page where single punches took 709 us (with a second thread
 * running 2,646 against 2,846 us): not worth a way that mprotect ends.
 *
 * Who punches a hole under an I/O that holds the page sends its data nowhere, and
 * the kernel does not object. Pins are checked before, by the core.
 *
 *   D1  After a discard the pages read as zeros, whatever the kind of memory.
 *   D2  Only what the kernel frees counts as freed. The rest is charged as zeroed
 *       and summed up in undiscarded_bytes. That parts of a huge page add up to all
 *       of it does not free it: some may have been used again since.
 *
 * System calls, for a seccomp filter: fallocate; for memfd_secret mmap and munmap.
 */
#define _GNU_SOURCE	/* FALLOC_FL_PUNCH_HOLE */
#include "linux/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <gmemstate/account.h>

#include "linux/sys.h"

#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

/* Most that is mapped at a time to be zeroed. */
#define PART_BYTES	((size_t)2 << 20)

static int write_part(const struct gms_backing *backing, uint64_t offset, size_t bytes,
		      struct gms_charge *charge)
{
	void *mem;
	const int rc = gms__linux_map_part(&mem, backing->fd, offset, bytes);

	gms_charge_add(charge, GMS_ACCT_SYS_OTHER, 1);
	if (rc)		/* -EAGAIN: such memory is locked, and there is a limit to that */
		return rc == -EAGAIN ? -ENOMEM : rc;
	memset(mem, 0, bytes);
	gms__linux_munmap(mem, bytes);
	gms_charge_add(charge, GMS_ACCT_SYS_OTHER, 1);
	gms_charge_add(charge, GMS_ACCT_FLUSH_PROCESS, 1);
	gms_charge_add(charge, GMS_ACCT_PAGES_ZEROED, bytes >> GMS_PAGE_SHIFT);
	return 0;
}

/*
 * Memory without holes: write zeros through a mapping of our own, which nobody else
 * knows. It is locked as the guest's is, and counts as much towards the limit of that,
 * so there is never much of it.
 */
static int write_zeros(const struct gms_backing *backing, const struct gms_host_run *run,
		       struct gms_charge *charge)
{
	const uint64_t bytes = run->npages << GMS_PAGE_SHIFT;
	int rc = 0;

	for (uint64_t at = 0; !rc && at < bytes; at += PART_BYTES)
		rc = write_part(backing, run->backing_offset_bytes + at,
				bytes - at < PART_BYTES ? (size_t)(bytes - at) : PART_BYTES,
				charge);
	return rc;
}

static int punch(const struct gms_backing *backing, const struct gms_host_run *run,
		 struct gms_charge *charge)
{
	const int rc = gms__linux_fallocate_run(backing, run, PUNCH, charge);

	/* The kernel flushes if the VMM had touched the pages, which it does not tell. */
	if (!rc && !backing->error[GMS_BACKING_CAN_TOUCH])
		gms_charge_add(charge, GMS_ACCT_FLUSH_PROCESS, 1);
	return rc;
}

/* Bytes of a run that are not whole pages of those that can be freed. */
static uint64_t kept_of(const struct gms_backing *backing, const struct gms_host_run *run)
{
	const uint64_t unit = backing->discard_bytes, from = run->backing_offset_bytes;
	const uint64_t bytes = run->npages << GMS_PAGE_SHIFT;
	uint64_t first, end;

	if (!unit)
		return bytes;
	first = (from + unit - 1) / unit * unit;
	end = (from + bytes) / unit * unit;
	return first < end ? bytes - (end - first) : bytes;
}

int gms__linux_zero(struct gms_backing *backing, const struct gms_host_run *run,
		    struct gms_charge *charge)
{
	int rc;

	if (!backing->discard_bytes)
		return write_zeros(backing, run, charge);
	rc = punch(backing, run, charge);
	if (!rc)
		gms_charge_add(charge, GMS_ACCT_PAGES_ZEROED,
			       kept_of(backing, run) >> GMS_PAGE_SHIFT);
	return rc;
}

int gms__linux_zero_runs(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
			 struct gms_charge *charge)
{
	struct gms_backing *backing = ctx;
	int rc = gms__linux_runs_check(&backing->revoker, runs, nruns);

	if (!rc && runs->to && backing->error[GMS_BACKING_CAN_TOUCH])
		rc = -EOPNOTSUPP;	/* as map_host will: nothing shall be lost before */
	for (*ndone = 0; *ndone < nruns && !rc; *ndone += !rc)
		rc = gms__linux_zero(backing, &runs[*ndone], charge);
	return rc;
}

int gms__linux_discard(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		       struct gms_charge *charge)
{
	struct gms_backing *backing = ctx;
	int rc = gms__linux_runs_check(&backing->revoker, runs, nruns);

	if (rc)
		return rc;
	for (size_t i = 0; i < nruns; i++) {
		rc = gms__linux_zero(backing, &runs[i], charge);
		if (rc) {
			*ndone = i;
			return rc;
		}
		atomic_fetch_add_explicit(&backing->undiscarded_bytes, kept_of(backing, &runs[i]),
					  memory_order_relaxed);
	}
	*ndone = nruns;
	return 0;
}
