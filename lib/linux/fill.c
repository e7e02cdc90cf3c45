/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill.c - the first contents of pages, through their file.
 *
 * A mapping of our own is used and not the VMM's: that one may have guard markers
 * or be registered with a userfaultfd, and nobody shall be kept out of, or wait
 * for, what is being written here. It is advised to have huge pages where the
 * memory is made of them; a kernel that has none says no, which is no error.
 *
 * Whether a file can be written is known when it has been: the first write decides
 * for BEST, and nothing has been done when it refuses.
 *
 * System calls, for a seccomp filter: pwrite64, or mmap, madvise (MADV_HUGEPAGE,
 * MADV_POPULATE_WRITE) and munmap; and what the backends of a conversion make.
 */
#define _GNU_SOURCE
#include "linux/fill.h"

#include <errno.h>
#include <string.h>

#include <gmemstate/access.h>
#include <gmemstate/convert.h>
#include <gmemstate/state.h>

#include "linux/sized.h"
#include "linux/sys.h"

#define CHUNK_BYTES	(UINT64_C(2) << 20)

/* Most of a file mapped at a time: page tables are given back as it goes. */
#define WINDOW_BYTES	(UINT64_C(1) << 30)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

const char *gms_populate_name(uint32_t way)
{
	static const char *const name[] = {
		[GMS_POPULATE_BEST] = "the best there is",
		[GMS_POPULATE_PWRITE] = "pwrite",
		[GMS_POPULATE_MEMCPY] = "memcpy",
		[GMS_POPULATE_ADVISE_MEMCPY] = "MADV_POPULATE_WRITE + memcpy",
	};

	return way < sizeof(name) / sizeof(name[0]) ? name[way] : NULL;
}

/* A page that is written in part is not done. */
static int by_pwrite(struct gms__linux_fill *fill)
{
	uint64_t at = 0;

	while (at < fill->bytes) {
		const uint64_t left = fill->bytes - at;
		const long rc = gms__linux_pwrite(fill->fd, fill->src + at,
						  left < CHUNK_BYTES ? left : CHUNK_BYTES,
						  fill->offset_bytes + at);

		fill->calls++;
		if (rc == -EINTR)
			continue;
		if (rc <= 0) {
			if (!at && (rc == -ESPIPE || rc == -EINVAL))
				return -EOPNOTSUPP;
			return rc ? (int)rc : -EIO;
		}
		at += (uint64_t)rc;
		fill->done_bytes = at - at % GMS_PAGE_SIZE;
	}
	return 0;
}

/* A window of the file from @from on; it begins at a whole huge page, which may be earlier. */
static int by_window(struct gms__linux_fill *fill, uint64_t from, uint64_t bytes)
{
	const uint64_t page_bytes = (uint64_t)GMS_PAGE_SIZE << fill->order;
	const uint64_t lead = (fill->offset_bytes + from) % page_bytes;
	void *mem;
	int rc;

	rc = gms__linux_map_part(&mem, fill->fd, fill->offset_bytes + from - lead, lead + bytes);
	fill->calls += 2;
	if (rc)
		return rc;
	if (fill->order >= GMS_ORDER_2M) {
		(void)gms__linux_madvise(mem, lead + bytes, MADV_HUGEPAGE);
		fill->calls++;
	}
	if (fill->way == GMS_POPULATE_ADVISE_MEMCPY) {
		rc = gms__linux_madvise((char *)mem + lead, bytes, MADV_POPULATE_WRITE);
		fill->calls++;
	}
	if (!rc) {
		memcpy((char *)mem + lead, fill->src + from, bytes);
		fill->done_bytes = from + bytes;
	}
	gms__linux_munmap(mem, lead + bytes);
	return rc;
}

static int by_memcpy(struct gms__linux_fill *fill)
{
	int rc = 0;

	while (!rc && fill->done_bytes < fill->bytes) {
		const uint64_t left = fill->bytes - fill->done_bytes;

		rc = by_window(fill, fill->done_bytes, left < WINDOW_BYTES ? left : WINDOW_BYTES);
	}
	return rc == -ENODEV ? -EOPNOTSUPP : rc;
}

int gms__linux_fill(struct gms__linux_fill *fill)
{
	const uint32_t asked = fill->way;
	int rc = -EOPNOTSUPP;

	fill->done_bytes = 0;
	if (asked == GMS_POPULATE_PWRITE ||
	    (asked == GMS_POPULATE_BEST && fill->order < GMS_ORDER_2M)) {
		fill->way = GMS_POPULATE_PWRITE;
		rc = by_pwrite(fill);
		if (rc != -EOPNOTSUPP || asked == GMS_POPULATE_PWRITE)
			return rc;
	}
	fill->way = asked;
	if (asked == GMS_POPULATE_BEST)
		fill->way = fill->order < GMS_ORDER_2M ? GMS_POPULATE_ADVISE_MEMCPY
						       : GMS_POPULATE_MEMCPY;
	return by_memcpy(fill);
}

/* What pages of a range have contents? -EEXIST with the first; -ENOENT with a hole. */
static int check_pages(const struct gms_space *space, struct gms_range range, gms_gfn *gfn)
{
	const gms_gfn end = range.first + range.npages;
	struct gms_iter it;
	struct gms_run run;
	int rc;

	rc = gms_iter_init(&it, space, range, GMS_STATE_POPULATED);
	if (rc)
		return rc;
	for (*gfn = range.first; *gfn < end; *gfn += run.npages) {
		if (!gms_iter_next(&it, &run) || run.first != *gfn)
			return -ENOENT;
		if (run.state)
			return -EEXIST;
	}
	return 0;
}

/* The map follows: MISSING goes with gms_resolve(), what was not missing is set populated. */
static int mark(struct gms_space *space, struct gms_range range)
{
	const struct gms_change change = { .range = range, .set = GMS_STATE_POPULATED };
	gms_gfn gfn;
	int rc = 0;

	if (!gms_find(space, range, GMS_STATE_MISSING, GMS_STATE_MISSING, &gfn))
		rc = gms_resolve(space, range, false, NULL);
	return rc ? rc : gms_convert(space, &change, 1, NULL, NULL);
}

/* The pages of a range that are in one region. */
static int fill_region(struct gms_space *space, struct gms_range range, const char *src,
		       const struct gms_populate_opts *opts, struct gms_populate_result *did)
{
	struct gms__linux_fill fill = { .way = opts->way, .src = src };
	struct gms_region region;
	struct gms_range done;
	uint64_t in_region;
	int rc, err = 0;

	GMS_INIT(&region);
	rc = gms_region_get(space, range.first, &region);
	if (rc)
		return rc;
	if (region.backing_id > INT32_MAX)
		return -EBADF;
	in_region = region.first + region.npages - range.first;
	fill.fd = (int)region.backing_id;
	fill.order = opts->order ? opts->order : region.base_order;
	fill.offset_bytes = region.page_offset_bytes;
	fill.bytes = (range.npages < in_region ? range.npages : in_region) << GMS_PAGE_SHIFT;
	rc = gms__linux_fill(&fill);
	did->calls += fill.calls;
	did->way = fill.way;
	done = (struct gms_range){ range.first, fill.done_bytes >> GMS_PAGE_SHIFT };
	if (done.npages)
		err = mark(space, done);
	if (!err)
		did->next = done.first + done.npages;
	return rc ? rc : err;
}

int gms_populate_write(struct gms_space *space, struct gms_range range, const void *src,
		       const struct gms_populate_opts *opts, struct gms_populate_result *result)
{
	struct gms_populate_result did = { .next = range.first };
	struct gms_populate_opts given = { 0 };
	int rc = 0;

	if (!space || !src)
		return -EINVAL;
	if (opts)
		rc = gms__linux_sized_check(opts, sizeof(given));
	if (!rc && result)
		rc = gms__linux_sized_check(result, sizeof(did));
	if (rc)
		return rc;
	if (opts)
		gms__linux_sized_get(&given, sizeof(given), opts);
	if (given.way > GMS_POPULATE_ADVISE_MEMCPY || given.order >= GMS_ORDERS)
		return -EINVAL;

	rc = check_pages(space, range, &did.error_gfn);
	if (!rc)
		did.error_gfn = 0;
	while (!rc && did.next < range.first + range.npages) {
		const uint64_t done = did.next - range.first;

		rc = fill_region(space, (struct gms_range){ did.next, range.npages - done },
				 (const char *)src + (done << GMS_PAGE_SHIFT), &given, &did);
	}
	if (result)
		gms__linux_sized_put(result, &did, sizeof(did));
	return rc;
}
