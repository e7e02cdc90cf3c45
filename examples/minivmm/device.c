/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - the paravirtual block device: what the VMM does at a doorbell.
 *
 * CONVERT turns the guest's list of ranges into one batch of changes: the
 * library sorts and joins them, and the host is called once. KICK carries out
 * requests. For each one the device asks whether the kernel could pin its pages;
 * if so it pins them, so that no conversion can take them away meanwhile, and
 * reads or writes the disk straight in guest memory. Shared pages that the kernel
 * may not pin are copied; private ones are refused. A device that goes by the
 * memory's file needs none of this: it maps nothing, and copies.
 *
 * Everything the guest says is copied once and checked on the copy.
 */
#include "minivmm.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define RAM_FIRST	(MV_RAM_GPA / MV_PAGE_BYTES)
#define RAM_PAGES	(MV_RAM_BYTES / MV_PAGE_BYTES)
#define MV_LOANS_MAX	4096u

/* The guest may write to it at any moment: read it once, and not again later. */
static void copy_in(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	atomic_signal_fence(memory_order_seq_cst);
}

static uint32_t read_once(const uint32_t *word)
{
	return *(const volatile uint32_t *)word;
}

static bool in_ram(uint64_t first, uint64_t npages)
{
	return npages && first >= RAM_FIRST && first - RAM_FIRST < RAM_PAGES &&
	       npages <= RAM_PAGES - (first - RAM_FIRST);
}

/* How much the host sees now, and whether it is more than ever. */
static int look(struct mv_device *device)
{
	struct gms_acct acct;
	uint64_t shared;
	int rc;

	GMS_INIT(&acct);
	rc = gms_acct_read(device->memory->space, &acct);
	if (rc)
		return rc;
	shared = acct.shared_pages - device->firmware_pages;
	if (shared > device->shared_max)
		device->shared_max = shared;
	if (device->watch && shared > device->watch->shared_pages)
		rc = mv_snapshot_take(device->watch, device->memory->space);
	return rc;
}

static int return_loan(struct mv_device *device, struct gms_range range)
{
	struct gms_loan_info loan;
	size_t found = 0;
	int rc = gms_loans_in(device->memory->space, range, &loan, 1, &found);

	if (rc)
		return rc;
	if (found != 1 || loan.gpa != range.first * MV_PAGE_BYTES ||
	    loan.bytes != range.npages * MV_PAGE_BYTES)
		return -EINVAL;
	return gms_return(device->memory->space, loan.id, NULL);
}

static int read_gauges(const struct mv_device *device, struct gms_lend_gauges *gauges)
{
	GMS_INIT(gauges);
	return gms_lend_read(device->memory->space, gauges);
}

/* Take back what is idle, if that is so many pages. */
static int take_idle(struct mv_device *device, uint64_t npages)
{
	struct gms_lend_gauges gauges;
	const int rc = read_gauges(device, &gauges);

	if (rc || gauges.idle_pages < npages)
		return rc;
	return gms_reclaim(device->memory->space, gauges.idle_pages, UINT64_MAX, NULL);
}

/* Few enough loans for one more? A guest may return none. */
static int may_lend(struct mv_device *device)
{
	struct gms_lend_gauges gauges;
	const int rc = read_gauges(device, &gauges);

	return !rc && gauges.loans >= MV_LOANS_MAX ? -ENOSPC : rc;
}

/* The guest converts; a lazy VMM lends, and waits until many are idle. */
static int lend(struct mv_device *device, const struct gms_change *change, uint32_t n)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < n; i++) {
		const struct gms_range range = change[i].range;
		gms_loan_id id;

		if (change[i].clear) {
			rc = return_loan(device, range);
			if (!rc)
				rc = take_idle(device, device->strategy->batch * range.npages);
			continue;
		}
		rc = may_lend(device);
		if (!rc)
			rc = gms_lend(device->memory->space, range.first * MV_PAGE_BYTES,
				      range.npages * MV_PAGE_BYTES, GMS_LEND_BOTH, 0, &id, NULL);
	}
	return rc;
}

static int convert(struct mv_device *device)
{
	const struct mv_control *control = device->memory->control;
	const uint32_t n = read_once(&control->nconversions);
	const bool to_shared = read_once(&control->to_shared) != 0;
	struct mv_conversion want[MV_BATCH_MAX];
	struct gms_change change[MV_BATCH_MAX];
	int rc;

	if (!n || n > MV_BATCH_MAX)
		return -EINVAL;
	copy_in(want, control->conversion, n * sizeof(want[0]));

	for (uint32_t i = 0; i < n; i++) {
		if (!in_ram(want[i].gfn, want[i].npages))
			return -EINVAL;
		change[i].range.first = want[i].gfn;
		change[i].range.npages = want[i].npages;
		change[i].set = to_shared ? GMS_STATE_SHARED : 0;
		change[i].clear = to_shared ? 0 : GMS_STATE_SHARED;
	}
	if (device->strategy->lazy)
		return lend(device, change, n);
	rc = gms_convert(device->memory->space, change, n, NULL, NULL);
	if (!rc && device->strategy->blind && to_shared)
		device->pool = change[0].range;
	return rc;
}

int mv_device_convert(struct mv_device *device)
{
	device->memory->control->convert_status = convert(device);
	return look(device);
}

static bool is_valid(const struct mv_device *device, const struct mv_request *request)
{
	const uint64_t ram_offset = request->gpa - MV_RAM_GPA;	/* wraps below RAM: too large */
	const uint64_t nsectors = request->length_bytes / MV_SECTOR_BYTES;

	if (request->op != MV_OP_READ && request->op != MV_OP_WRITE)
		return false;
	if (!nsectors || request->length_bytes % MV_SECTOR_BYTES ||
	    request->length_bytes > MV_LENGTH_MAX || request->gpa % MV_SECTOR_BYTES)
		return false;
	if (ram_offset >= MV_RAM_BYTES || request->length_bytes > MV_RAM_BYTES - ram_offset)
		return false;
	return request->lba < device->disk->nsectors &&
	       nsectors <= device->disk->nsectors - request->lba;
}

static struct gms_range pages_of(const struct mv_request *request)
{
	const uint64_t last = (request->gpa + request->length_bytes - 1) / MV_PAGE_BYTES;
	struct gms_range range = { .first = request->gpa / MV_PAGE_BYTES };

	range.npages = last + 1 - range.first;
	return range;
}

static bool in_pool(const struct mv_device *device, const struct gms_range *pages)
{
	return pages->first >= device->pool.first &&
	       pages->first - device->pool.first < device->pool.npages &&
	       pages->npages <= device->pool.npages - (pages->first - device->pool.first);
}

/* Through the VMM's own buffer. */
static int staged(struct mv_device *device, const struct mv_request *request, char *mem)
{
	const uint64_t disk_offset = request->lba * MV_SECTOR_BYTES;
	char *staging = device->disk->staging;
	int rc;

	if (request->op == MV_OP_WRITE)
		memcpy(staging, mem, request->length_bytes);
	rc = mv_disk_io(device->disk, device->memory, request->op, staging, request->length_bytes,
			disk_offset);
	if (rc)
		return rc;
	if (request->op == MV_OP_READ)
		memcpy(mem, staging, request->length_bytes);
	mv_charge(device->memory, GMS_ACCT_BYTES_COPIED, request->length_bytes, 0);
	return 0;
}

/* Neither shared nor mapped: by system calls on the memory's file. */
static int by_file(struct mv_device *device, const struct mv_request *request)
{
	const int fd = gms_backing_fd(device->memory->ram);
	const off_t at = (off_t)(request->gpa - MV_RAM_GPA);
	char *staging = device->disk->staging;
	ssize_t n;
	int rc;

	if (request->op == MV_OP_WRITE) {
		n = pread(fd, staging, request->length_bytes, at);
		if (n != (ssize_t)request->length_bytes)
			return n < 0 ? -errno : -EIO;
	}
	rc = mv_disk_io(device->disk, device->memory, request->op, staging, request->length_bytes,
			request->lba * MV_SECTOR_BYTES);
	if (rc)
		return rc;
	if (request->op == MV_OP_READ) {
		n = pwrite(fd, staging, request->length_bytes, at);
		if (n != (ssize_t)request->length_bytes)
			return n < 0 ? -errno : -EIO;
	}
	mv_charge(device->memory,
		  request->op == MV_OP_WRITE ? GMS_ACCT_SYS_READ : GMS_ACCT_SYS_WRITE, 1, 0);
	mv_charge(device->memory, GMS_ACCT_BYTES_COPIED, request->length_bytes, 0);
	return 0;
}

static int in_place(struct mv_device *device, const struct mv_request *request,
		    struct gms_range pages, uint32_t pin_flags, char *mem)
{
	struct gms_space *space = device->memory->space;
	gms_pin_id pin;
	int rc, unpinned;

	rc = gms_pin(space, pages, pin_flags, 0, &pin, NULL);
	if (rc)
		return rc;
	rc = mv_disk_io(device->disk, device->memory, request->op, mem, request->length_bytes,
			request->lba * MV_SECTOR_BYTES);
	unpinned = gms_unpin(space, pin);
	if (rc || unpinned)
		return rc ? rc : unpinned;
	mv_charge(device->memory, GMS_ACCT_BYTES_DIRECT, request->length_bytes, 0);
	return 0;
}

static int carry_out(struct mv_device *device, const struct mv_request *request)
{
	const uint32_t pin_flags = request->op == MV_OP_READ ? GMS_PIN_WRITE : 0;
	struct gms_gup_answer gup;
	struct gms_range pages;
	char *mem;
	int rc;

	if (!is_valid(device, request))
		return -EINVAL;
	pages = pages_of(request);
	mem = device->memory->ram_hva + (request->gpa - MV_RAM_GPA);
	if (device->strategy->by_file)
		return by_file(device, request);
	if (device->strategy->blind)
		return in_pool(device, &pages) ? staged(device, request, mem) : -EFAULT;

	GMS_INIT(&gup);
	rc = gms_gup_query(device->memory->space, pages, pin_flags, &gup);
	if (rc)
		return rc;
	if (!gup.refused_pages)
		return in_place(device, request, pages, pin_flags, mem);
	if (gup.reason == GMS_REASON_NO_DIRECT_MAP) {
		uint64_t nshared = 0;

		rc = gms_count(device->memory->space, pages, GMS_STATE_SHARED, GMS_STATE_SHARED,
			       &nshared);
		if (rc)
			return rc;
		if (nshared == pages.npages)
			return staged(device, request, mem);
	}
	return -EFAULT;
}

uint32_t mv_device_kick(struct mv_device *device)
{
	struct mv_control *control = device->memory->control;
	const uint32_t n = read_once(&control->nrequests);
	struct mv_request request[MV_BATCH_MAX];

	control->kick_status = !n || n > MV_BATCH_MAX ? -EINVAL : 0;
	if (!n || n > MV_BATCH_MAX)
		return 0;
	copy_in(request, control->request, n * sizeof(request[0]));

	for (uint32_t i = 0; i < n; i++) {
		if (device->rogue && is_valid(device, &request[i])) {
			const struct gms_range pages = pages_of(&request[i]);

			device->rogue = false;
			if (mv_rogue_touch(device->memory, pages.first + pages.npages))
				device->rogue_failed = true;
		}
		control->request[i].status = carry_out(device, &request[i]);
		mv_charge(device->memory, GMS_ACCT_REQUESTS, 1, 0);
	}
	return n;
}
