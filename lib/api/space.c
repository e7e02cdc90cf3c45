/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.c - the calls of space.h: check what the caller gave, name the error.
 */
#include <errno.h>
#include <string.h>

#include <gmemstate/space.h>

#include "api/space.h"
#include "base/sized.h"
#include "engine/space.h"

int gms_space_new(struct gms_space **out, const struct gms_space_opts *theirs)
{
	struct gms_space_opts opts;
	struct gms_space *space;
	struct gms_mem_ops mem;
	int err = 0;

	if (!out)
		return -EINVAL;
	GMS_INIT(&opts);
	if (theirs)
		err = gms__sized_in(&opts, sizeof(opts), theirs);
	if (!err)
		err = gms__mem_ops_in(&mem, opts.mem);
	if (err)
		return err;
	if (!gms__profile_get(opts.profile) || opts.split > GMS_SPLIT_NONE ||
	    opts.merge > GMS_MERGE_EXPLICIT || (opts.flags & ~GMS__SPACE_FLAGS) ||
	    opts.merge_after_commits > (opts.merge == GMS_MERGE_DEFERRED ? UINT32_C(1) << 31 : 0) ||
	    opts.lend_policy > GMS_LEND_PERSISTENT || opts.reserved)
		return -EINVAL;

	space = mem.alloc(mem.ctx, sizeof(*space), GMS__CACHE_LINE);
	if (!space)
		return -ENOMEM;
	memset(space, 0, sizeof(*space));
	err = gms__space_init(space, &opts, &mem);
	if (err) {
		mem.free(mem.ctx, space, sizeof(*space), GMS__CACHE_LINE);
		return err;
	}
	/* The space itself is metadata like the rest. */
	space->map.mem.bytes += sizeof(*space);
	space->map.mem.bytes_max = space->map.mem.bytes;
	*out = space;
	return 0;
}

void gms_space_free(struct gms_space *space)
{
	struct gms_mem_ops mem;

	if (!space)
		return;
	mem = space->map.mem.ops;
	gms__space_fini(space);
	mem.free(mem.ctx, space, sizeof(*space), GMS__CACHE_LINE);
}

int gms_space_reserve(struct gms_space *space, uint64_t nleaves)
{
	return space ? gms__space_reserve(space, nleaves) : -EINVAL;
}

static bool order_ok(uint32_t order)
{
	return order == GMS_ORDER_4K || order == GMS_ORDER_2M || order == GMS_ORDER_1G;
}

static bool sets_direct_map(const struct gms_profile_info *profile)
{
	return profile->direct_map == GMS_DIRECT_MAP_ALWAYS ||
	       profile->direct_map == GMS_DIRECT_MAP_SHARED;
}

int gms__region_check(const struct gms_space *space, const struct gms_region_opts *opts)
{
	const struct gms_range range = { opts->first, opts->npages };
	const uint64_t hva = (uint64_t)(uintptr_t)opts->hva;
	uint64_t folio_pages, fault_pages, bytes;

	if (!gms__range_ok(range) || range.first + range.npages > GMS_GFN_LIMIT ||
	    !order_ok(opts->base_order) || !order_ok(opts->fault_order) ||
	    (opts->flags & ~GMS_REGION_NO_DIRECT_MAP))
		return -EINVAL;
	folio_pages = UINT64_C(1) << opts->base_order;
	fault_pages = UINT64_C(1) << opts->fault_order;
	bytes = opts->npages << GMS_PAGE_SHIFT;
	if (opts->first % folio_pages || opts->npages % folio_pages ||
	    opts->first % fault_pages || opts->npages % fault_pages ||
	    opts->backing_offset_bytes % (folio_pages << GMS_PAGE_SHIFT) ||
	    opts->backing_offset_bytes > UINT64_MAX - bytes)
		return -EINVAL;
	if (hva % GMS_PAGE_SIZE || hva > UINT64_MAX - bytes)
		return -EINVAL;
	if ((opts->state & ~GMS_STATE_ALL) || gms__rule_first(opts->state))
		return -EINVAL;
	if ((opts->flags & GMS_REGION_NO_DIRECT_MAP) && (opts->state & GMS_STATE_DIRECT_MAP))
		return -EINVAL;
	if ((opts->flags & GMS_REGION_NO_DIRECT_MAP) && sets_direct_map(space->profile))
		return -EOPNOTSUPP;
	return opts->state & ~space->profile->attributes ? -EOPNOTSUPP : 0;
}

int gms_region_add(struct gms_space *space, const struct gms_region_opts *theirs, uint32_t *id)
{
	struct gms_region_opts opts;
	struct gms_backend backend;
	uint32_t new_id;
	int err;

	if (!space)
		return -EINVAL;
	err = gms__sized_in(&opts, sizeof(opts), theirs);
	if (!err && opts.backend)
		err = gms__sized_in(&backend, sizeof(backend), opts.backend);
	if (!err)
		err = gms__region_check(space, &opts);
	if (!err)
		err = gms__space_region_add(space, &opts, opts.backend ? &backend : NULL, &new_id);
	if (!err && id)
		*id = new_id;
	return err;
}

int gms_region_remove(struct gms_space *space, uint32_t id)
{
	return space ? gms__space_region_remove(space, id) : -EINVAL;
}

static void describe(const struct gms__region *row, gms_gfn gfn, struct gms_region *region)
{
	const uint64_t offset = (gfn - row->first) << GMS_PAGE_SHIFT;
	struct gms_region ours;

	GMS_INIT(&ours);
	ours.first = row->first;
	ours.npages = row->npages;
	ours.backing_id = row->backing_id;
	ours.backing_offset_bytes = row->backing_offset_bytes;
	ours.hva = row->hva;
	ours.page_offset_bytes = row->backing_offset_bytes + offset;
	ours.page_hva = row->hva ? (char *)row->hva + offset : NULL;
	ours.id = gms__region_id(row);
	ours.base_order = gms__region_order(row);
	ours.fault_order = gms__region_fault_order(row);
	ours.flags = gms__region_flags(row);
	gms__sized_out(region, &ours, sizeof(ours));
}

int gms_region_next(const struct gms_space *space, gms_gfn gfn, struct gms_region *region)
{
	struct gms__region row;
	uint64_t check;
	int err;

	if (!space)
		return -EINVAL;
	err = gms__sized_check(region, sizeof(*region));
	if (err)
		return err;
	if (!gms__region_find(&space->map, gfn, &row, &check))
		return -ENOENT;
	describe(&row, gms__max(gfn, row.first), region);
	return 0;
}

int gms_region_get(const struct gms_space *space, gms_gfn gfn, struct gms_region *region)
{
	struct gms__region row;
	uint64_t check;
	int err;

	if (!space)
		return -EINVAL;
	err = gms__sized_check(region, sizeof(*region));
	if (err)
		return err;
	if (!gms__region_find(&space->map, gfn, &row, &check) || row.first > gfn)
		return -ENOENT;
	describe(&row, gfn, region);
	return 0;
}

/* The first page of the first row that holds what; by address or by offset. */
static int translate(const struct gms_space *space, gms_gfn *gfn,
		     bool (*holds)(const struct gms__region *row, uint64_t what, uint64_t backing,
				   uint64_t *offset_bytes),
		     uint64_t what, uint64_t backing)
{
	struct gms__region row;
	uint64_t check, first_check = 0, offset;

	/* The table may change between two rows: then from the start again. */
	for (uint64_t i = 0; gms__region_nth(&space->map, i, &row, &check); i++) {
		if (i && check != first_check) {
			i = UINT64_MAX;
			continue;
		}
		first_check = check;
		if (holds(&row, what, backing, &offset)) {
			*gfn = row.first + (offset >> GMS_PAGE_SHIFT);
			return 0;
		}
	}
	return -ENOENT;
}

static bool holds_hva(const struct gms__region *row, uint64_t hva, uint64_t backing,
		      uint64_t *offset_bytes)
{
	const uint64_t base = (uint64_t)(uintptr_t)row->hva;

	(void)backing;
	*offset_bytes = hva - base;
	return base && hva >= base && *offset_bytes < row->npages << GMS_PAGE_SHIFT;
}

static bool holds_offset(const struct gms__region *row, uint64_t offset, uint64_t backing,
			 uint64_t *offset_bytes)
{
	*offset_bytes = offset - row->backing_offset_bytes;
	return row->backing_id == backing && offset >= row->backing_offset_bytes &&
	       *offset_bytes < row->npages << GMS_PAGE_SHIFT;
}

int gms_gfn_of(const struct gms_space *space, const void *hva, gms_gfn *gfn)
{
	if (!space || !gfn)
		return -EINVAL;
	return translate(space, gfn, holds_hva, (uint64_t)(uintptr_t)hva, 0);
}

int gms_gfn_of_offset(const struct gms_space *space, uint64_t backing_id, uint64_t offset_bytes,
		      gms_gfn *gfn)
{
	if (!space || !gfn)
		return -EINVAL;
	return translate(space, gfn, holds_offset, offset_bytes, backing_id);
}
