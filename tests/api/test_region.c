/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of space.h: regions come and go, and addresses are translated. */
#include "fixture.h"

#define SHARED_MAPPABLE	(GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP)
#define HVA(gfn)	((void *)(uintptr_t)(FX_HVA + (gfn) * GMS_PAGE_SIZE))

static struct fx_mem mem;
static struct gms_space *space;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
}

static void teardown(void)
{
	fx_space_done(space, &mem);
}

/* --- gms_region_add ------------------------------------------------------ */

static void refuse_add(const struct gms_region_opts *opts, int error)
{
	struct fx_snap before, after;
	uint64_t live = mem.live_bytes;
	uint32_t id = 4711;

	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_region_add(space, opts, &id), error);
	ck_assert_uint_eq(id, 4711);
	ck_assert_uint_eq(mem.live_bytes, live);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
}

START_TEST(add_refuses_null)
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(0, 1), 0, 0, NULL);
	ck_assert_int_eq(gms_region_add(NULL, &opts, NULL), -EINVAL);
	refuse_add(NULL, -EINVAL);
}
END_TEST

START_TEST(add_without_id_is_fine)
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(0, 1), 0, 0, NULL);
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
}
END_TEST

static const struct {
	gms_gfn	 first;
	uint64_t npages;
	uint32_t order;
} bad_places[] = {
	{ 0, 0, 0 },				/* empty */
	{ 5, 0, 0 },
	{ UINT64_MAX, 1, 0 },			/* past the limit */
	{ UINT64_MAX, 2, 0 },			/* wraps */
	{ 2, UINT64_MAX, 0 },
	{ GMS_GFN_LIMIT, 1, 0 },
	{ GMS_GFN_LIMIT - 1, 2, 0 },
	{ GMS_GFN_LIMIT - 512, 1024, 9 },
	{ 0, UINT64_MAX - 511, 9 },
	{ 1, 512, 9 }, { 0, 511, 9 }, { 0, 513, 9 }, { 256, 512, 9 },	/* unaligned */
	{ 512, 262144, 18 }, { 0, 262144 + 512, 18 },
	{ 0, 262144, 1 }, { 0, 262144, 8 }, { 0, 262144, 10 },		/* no such order */
	{ 0, 262144, 17 }, { 0, 262144, 19 }, { 0, 262144, 64 }, { 0, 262144, UINT32_MAX },
};

START_TEST(add_refuses_bad_places)	/* _i: of bad_places */
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(bad_places[_i].first, bad_places[_i].npages),
		       bad_places[_i].order, 0, NULL);
	opts.backing_offset_bytes = 0;
	opts.hva = NULL;
	refuse_add(&opts, -EINVAL);
}
END_TEST

START_TEST(add_refuses_bad_offsets_and_addresses)
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(512, 512), 9, 0, NULL);
	opts.backing_offset_bytes = GMS_PAGE_SIZE;	/* not a multiple of the folio */
	refuse_add(&opts, -EINVAL);
	opts.backing_offset_bytes = UINT64_MAX - 2 * 1024 * 1024 + 1;	/* wraps to 0 */
	opts.npages = 1024;
	refuse_add(&opts, -EINVAL);

	fx_region_opts(&opts, FX_RANGE(512, 512), 0, 0, NULL);
	opts.backing_offset_bytes = 1;
	refuse_add(&opts, -EINVAL);
	opts.backing_offset_bytes = 0;
	opts.hva = (char *)HVA(0) + 1;
	refuse_add(&opts, -EINVAL);
	opts.hva = (void *)(UINTPTR_MAX - 2 * GMS_PAGE_SIZE + 1);
	refuse_add(&opts, -EINVAL);
}
END_TEST

START_TEST(add_refuses_bad_states)
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(0, 1), 0, 0, NULL);
	opts.state = GMS_HOLE;
	refuse_add(&opts, -EINVAL);
	opts.state = GMS_STATE_ALL + 1;
	refuse_add(&opts, -EINVAL);
	opts.state = GMS_STATE_HOST_MAPPED | GMS_STATE_DIRECT_MAP;
	refuse_add(&opts, -EINVAL);
	opts.state = GMS_STATE_SHARED | GMS_STATE_ACCEPTED;
	refuse_add(&opts, -EINVAL);
	opts.state = GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP;
	opts.flags = GMS_REGION_NO_DIRECT_MAP;
	refuse_add(&opts, -EINVAL);
	opts.state = GMS_STATE_SHARED;
	opts.flags = GMS_REGION_NO_DIRECT_MAP << 1;
	refuse_add(&opts, -EINVAL);
}
END_TEST

/* Memory that the kernel never maps is not mapped because somebody says so later. */
START_TEST(direct_map_stays_ruled_out)	/* _i: one page, or all, which a plan looks at */
{
	const struct gms_range all = FX_RANGE(0, 3 * FX_2M);
	const struct gms_change change = {
		_i ? all : FX_RANGE(FX_2M + 7, 1), GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP, 0
	};
	struct gms_convert_result result;
	struct gms_region_opts opts;
	struct gms_region region;
	uint64_t bit = 1, npages;

	fx_region(space, FX_RANGE(0, FX_2M), 9, 0, NULL);
	fx_region(space, FX_RANGE(2 * FX_2M, FX_2M), 9, 0, NULL);
	fx_region_opts(&opts, FX_RANGE(FX_2M, FX_2M), 9, 0, NULL);
	opts.flags = GMS_REGION_NO_DIRECT_MAP;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_region_get(space, FX_2M, &region), 0);
	ck_assert_uint_eq(region.flags, GMS_REGION_NO_DIRECT_MAP);
	ck_assert_uint_eq(region.base_order, 9);
	ck_assert_int_eq(gms_region_get(space, 0, &region), 0);
	ck_assert_uint_eq(region.flags, 0);

	/* A table of its blocks, so that the quick way is open. */
	ck_assert_int_eq(gms_share(space, FX_RANGE(FX_2M + 5, 1), NULL), 0);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, &result), -EPERM);
	ck_assert_uint_eq(result.error_gfn, _i ? FX_2M : FX_2M + 7);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_NO_DIRECT_MAP);
	ck_assert_int_eq(gms_bitmap_import(space, FX_RANGE(FX_2M, 1), GMS_STATE_DIRECT_MAP,
					   GMS_STATE_DIRECT_MAP, 0, &bit, GMS_BITMAP_SET, NULL),
			 -EPERM);
	ck_assert_int_eq(gms_count(space, all, GMS_STATE_DIRECT_MAP, GMS_STATE_DIRECT_MAP,
				   &npages), 0);
	ck_assert_uint_eq(npages, 0);
	/* Who clears it, or sets it elsewhere, is right. */
	ck_assert_int_eq(gms_convert(space, &(struct gms_change){ all, GMS_STATE_SHARED,
								  GMS_STATE_DIRECT_MAP }, 1,
				     NULL, NULL), 0);
	ck_assert_int_eq(gms_convert(space, &(struct gms_change){ FX_RANGE(0, FX_2M),
								  GMS_STATE_DIRECT_MAP, 0 }, 1,
				     NULL, NULL), 0);
}
END_TEST

START_TEST(add_refuses_overlap)
{
	struct gms_region_opts opts;

	fx_region(space, FX_RANGE(1024, 1024), 9, 0, NULL);
	fx_region_opts(&opts, FX_RANGE(1024, 1024), 9, 0, NULL);
	opts.hva = NULL;
	refuse_add(&opts, -EEXIST);	/* all of it */
	opts.first = 512;
	refuse_add(&opts, -EEXIST);	/* its beginning */
	opts.first = 1536;
	refuse_add(&opts, -EEXIST);	/* its end */
	opts.first = 0;
	opts.npages = 4096;
	refuse_add(&opts, -EEXIST);	/* around it */
	fx_region_opts(&opts, FX_RANGE(1500, 1), 0, 0, NULL);
	opts.hva = NULL;
	refuse_add(&opts, -EEXIST);	/* within it */

	fx_region_opts(&opts, FX_RANGE(8192, 1), 0, 0, NULL);
	opts.hva = HVA(2047);		/* in hva only */
	refuse_add(&opts, -EEXIST);
	opts.hva = HVA(2048);
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
}
END_TEST

START_TEST(add_takes_neighbours_and_two_without_hva)
{
	struct gms_region_opts opts;

	fx_region(space, FX_RANGE(512, 512), 9, 0, NULL);
	fx_region(space, FX_RANGE(0, 512), 9, 0, NULL);
	fx_region(space, FX_RANGE(1024, 1), 0, 0, NULL);
	fx_region_opts(&opts, FX_RANGE(2000, 1), 0, 0, NULL);
	opts.hva = NULL;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	opts.first = 2001;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	fx_check(space);
}
END_TEST

START_TEST(add_takes_the_last_frame)
{
	struct gms_region_opts opts;

	fx_region_opts(&opts, FX_RANGE(GMS_GFN_LIMIT - 1, 1), 0, GMS_STATE_SHARED, NULL);
	opts.hva = NULL;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	ck_assert_uint_eq(gms_state_at(space, GMS_GFN_LIMIT - 1), GMS_STATE_SHARED);
	ck_assert_uint_eq(gms_state_at(space, GMS_GFN_LIMIT), GMS_HOLE);
	ck_assert_uint_eq(gms_state_at(space, UINT64_MAX), GMS_HOLE);
	fx_check(space);
}
END_TEST

START_TEST(add_refuses_shorter_than_size_and_unknown_tail)
{
	FX_LONGER(struct gms_region_opts) opts;
	FX_LONGER(struct gms_backend) backend;

	gms_init(&opts, sizeof(opts));
	gms_init(&backend, sizeof(backend));
	fx_region_opts(&opts.known, FX_RANGE(0, 1), 0, 0, NULL);
	opts.known.size = sizeof(opts);
	opts.known.backend = &backend.known;

	opts.tail[3] = 1;
	refuse_add(&opts.known, -E2BIG);
	opts.tail[3] = 0;
	backend.tail[15] = 1;
	refuse_add(&opts.known, -E2BIG);
	backend.tail[15] = 0;
	opts.known.size = sizeof(size_t) - 1;
	refuse_add(&opts.known, -EINVAL);
	opts.known.size = sizeof(opts);
	backend.known.size = 0;
	refuse_add(&opts.known, -EINVAL);
	backend.known.size = sizeof(backend);
	ck_assert_int_eq(gms_region_add(space, &opts.known, NULL), 0);
}
END_TEST

START_TEST(add_takes_64_backends_and_not_65)
{
	struct gms_region_opts opts;
	struct gms_backend backend;
	static char which[65];

	GMS_INIT(&backend);
	for (uint64_t i = 0; i < 65; i++) {
		fx_region_opts(&opts, FX_RANGE(i, 1), 0, 0, NULL);
		opts.backend = &backend;
		backend.ctx = &which[i];
		if (i == 64)
			refuse_add(&opts, -ENOSPC);
		else
			ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	}
	backend.ctx = &which[0];	/* one that is known may come again */
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
}
END_TEST

START_TEST(add_gives_every_page_its_state_and_folio)	/* _i: 0, 1, 2 of the orders */
{
	static const uint32_t orders[] = { 0, 9, 18 };
	const struct gms_range ram = FX_RANGE(FX_1G, FX_1G);
	struct gms_run run;

	fx_region(space, ram, orders[_i], SHARED_MAPPABLE | GMS_STATE_USER2, NULL);
	ck_assert_int_eq(gms_run_at(space, ram.first + 12345, GMS_STATE_ALL, &run), 0);
	ck_assert_uint_eq(run.first, ram.first);
	ck_assert_uint_eq(run.npages, ram.npages);
	ck_assert_uint_eq(run.state, SHARED_MAPPABLE | GMS_STATE_USER2);
	ck_assert_uint_eq(fx_order_at(space, ram.first), orders[_i]);
	ck_assert_uint_eq(fx_order_at(space, ram.first + ram.npages - 1), orders[_i]);
	ck_assert_uint_eq(gms_state_at(space, ram.first - 1), GMS_HOLE);
	ck_assert_uint_eq(gms_state_at(space, ram.first + ram.npages), GMS_HOLE);
}
END_TEST

/* --- gms_region_remove --------------------------------------------------- */

START_TEST(remove_refuses_null_and_strangers)
{
	uint32_t id = fx_region(space, FX_RANGE(0, 1), 0, 0, NULL);

	ck_assert_int_eq(gms_region_remove(NULL, id), -EINVAL);
	ck_assert_int_eq(gms_region_remove(space, 0), -ENOENT);
	ck_assert_int_eq(gms_region_remove(space, id + 1), -ENOENT);
	ck_assert_int_eq(gms_region_remove(space, UINT32_MAX), -ENOENT);
	ck_assert_int_eq(gms_region_remove(space, id), 0);
	ck_assert_int_eq(gms_region_remove(space, id), -ENOENT);
}
END_TEST

START_TEST(remove_makes_a_hole_and_never_reuses_the_id)
{
	uint32_t a = fx_region(space, FX_RANGE(0, FX_1G), 18, SHARED_MAPPABLE, NULL), b;
	uint64_t live = 0;

	b = fx_region(space, FX_RANGE(FX_1G, 512), 9, 0, NULL);
	ck_assert_uint_ne(a, b);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(0, 7), NULL), 0);
	ck_assert_int_eq(gms_region_remove(space, a), 0);
	ck_assert_uint_eq(gms_state_at(space, 0), GMS_HOLE);
	ck_assert_uint_eq(gms_state_at(space, FX_1G), 0);
	fx_check(space);
	for (int i = 0; i < 5; i++) {
		uint32_t again = fx_region(space, FX_RANGE(0, FX_1G), 18, SHARED_MAPPABLE, NULL);

		ck_assert_uint_ne(again, a);
		ck_assert_uint_ne(again, b);
		ck_assert_uint_eq(fx_order_at(space, 5), 18);
		a = again;
		ck_assert_int_eq(gms_region_remove(space, again), 0);
		if (i == 1)	/* what is kept for readers and for the next is kept once */
			live = mem.live_bytes;
	}
	ck_assert_uint_eq(mem.live_bytes, live);
}
END_TEST

START_TEST(remove_of_a_pinned_region_is_refused_until_unpin)
{
	uint32_t id = fx_region(space, FX_RANGE(0, 512), 9, SHARED_MAPPABLE, NULL);
	struct fx_snap before, after;
	gms_pin_id pin;

	fx_region(space, FX_RANGE(512, 512), 9, SHARED_MAPPABLE, NULL);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(511, 2), 0, 9, &pin, NULL), 0);
	fx_snap_take(&before, space, NULL);
	ck_assert_int_eq(gms_region_remove(space, id), -EAGAIN);
	fx_snap_take(&after, space, NULL);
	fx_snap_same(&before, &after);
	ck_assert_int_eq(gms_unpin(space, pin), 0);
	ck_assert_int_eq(gms_region_remove(space, id), 0);
}
END_TEST

/* --- translations -------------------------------------------------------- */

START_TEST(get_translates_each_page)
{
	struct gms_region region;
	uint32_t id = fx_region(space, FX_RANGE(1024, 512), 9, 0, NULL);

	GMS_INIT(&region);
	ck_assert_int_eq(gms_region_get(space, 1029, &region), 0);
	ck_assert_uint_eq(region.size, sizeof(region));
	ck_assert_uint_eq(region.first, 1024);
	ck_assert_uint_eq(region.npages, 512);
	ck_assert_uint_eq(region.backing_id, FX_BACKING_ID);
	ck_assert_uint_eq(region.backing_offset_bytes, 1024 * GMS_PAGE_SIZE);
	ck_assert_ptr_eq(region.hva, HVA(1024));
	ck_assert_uint_eq(region.page_offset_bytes, 1029 * GMS_PAGE_SIZE);
	ck_assert_ptr_eq(region.page_hva, HVA(1029));
	ck_assert_uint_eq(region.id, id);
	ck_assert_uint_eq(region.base_order, 9);
	ck_assert_int_eq(gms_region_get(space, 1023, &region), -ENOENT);
	ck_assert_int_eq(gms_region_get(space, 1536, &region), -ENOENT);
	ck_assert_int_eq(gms_region_get(space, UINT64_MAX, &region), -ENOENT);
}
END_TEST

START_TEST(get_of_a_region_without_hva_gives_none)
{
	struct gms_region_opts opts;
	struct gms_region region;

	fx_region_opts(&opts, FX_RANGE(0, 2), 0, 0, NULL);
	opts.hva = NULL;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_region_get(space, 1, &region), 0);
	ck_assert_ptr_null(region.hva);
	ck_assert_ptr_null(region.page_hva);
}
END_TEST

typedef int region_fn(const struct gms_space *, gms_gfn, struct gms_region *);
static region_fn *const region_fns[] = { gms_region_get, gms_region_next };

START_TEST(get_and_next_refuse_bad_structs)	/* _i: which of the two */
{
	FX_LONGER(struct gms_region) longer;
	region_fn *fn = region_fns[_i];
	struct gms_region region;

	fx_region(space, FX_RANGE(0, 1), 0, 0, NULL);
	GMS_INIT(&region);
	ck_assert_int_eq(fn(NULL, 0, &region), -EINVAL);
	ck_assert_int_eq(fn(space, 0, NULL), -EINVAL);
	region.size = sizeof(size_t) - 1;
	ck_assert_int_eq(fn(space, 0, &region), -EINVAL);
	region.size = 0;
	ck_assert_int_eq(fn(space, 0, &region), -EINVAL);

	gms_init(&longer, sizeof(longer));
	ck_assert_int_eq(fn(space, 0, &longer.known), 0);
	ck_assert_uint_eq(longer.known.size, sizeof(longer));
	longer.tail[7] = 1;
	ck_assert_int_eq(fn(space, 0, &longer.known), -E2BIG);
}
END_TEST

START_TEST(get_writes_no_more_than_a_shorter_struct_has)	/* _i: which of the two */
{
	struct gms_region region;
	const unsigned char *rest = (const unsigned char *)&region;
	const size_t keep = offsetof(struct gms_region, backing_id);

	fx_region(space, FX_RANGE(0, 1), 0, 0, NULL);
	memset(&region, 0x77, sizeof(region));
	region.size = keep;
	ck_assert_int_eq(region_fns[_i](space, 0, &region), 0);
	ck_assert_uint_eq(region.npages, 1);
	for (size_t i = keep; i < sizeof(region); i++)
		ck_assert_uint_eq(rest[i], 0x77);
}
END_TEST

START_TEST(next_visits_all_in_order)
{
	static const gms_gfn firsts[] = { 0, 512, 4096, GMS_GFN_LIMIT - 512 };
	struct gms_region region;
	gms_gfn at = 0;

	for (int i = 3; i >= 0; i--)
		fx_region(space, FX_RANGE(firsts[i], 512), 9, 0, NULL);
	for (int i = 0; i < 4; i++) {
		GMS_INIT(&region);
		ck_assert_int_eq(gms_region_next(space, at, &region), 0);
		ck_assert_uint_eq(region.first, firsts[i]);
		at = region.first + region.npages;
	}
	ck_assert_int_eq(gms_region_next(space, at, &region), -ENOENT);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_region_next(space, 600, &region), 0);
	ck_assert_uint_eq(region.first, 512);
	ck_assert_uint_eq(region.page_offset_bytes, 600 * GMS_PAGE_SIZE);
	ck_assert_int_eq(gms_region_next(space, 1024, &region), 0);
	ck_assert_uint_eq(region.first, 4096);
	ck_assert_ptr_eq(region.page_hva, HVA(4096));
}
END_TEST

START_TEST(gfn_of_translates_back)
{
	gms_gfn gfn = 99;

	fx_region(space, FX_RANGE(1024, 512), 9, 0, NULL);
	fx_region(space, FX_RANGE(8192, 1), 0, 0, NULL);
	ck_assert_int_eq(gms_gfn_of(NULL, HVA(1024), &gfn), -EINVAL);
	ck_assert_int_eq(gms_gfn_of(space, HVA(1024), NULL), -EINVAL);
	ck_assert_int_eq(gms_gfn_of(space, NULL, &gfn), -ENOENT);
	ck_assert_int_eq(gms_gfn_of(space, (char *)HVA(1024) - 1, &gfn), -ENOENT);
	ck_assert_int_eq(gms_gfn_of(space, HVA(1536), &gfn), -ENOENT);
	ck_assert_int_eq(gms_gfn_of(space, HVA(8193), &gfn), -ENOENT);
	ck_assert_uint_eq(gfn, 99);
	ck_assert_int_eq(gms_gfn_of(space, (char *)HVA(1024), &gfn), 0);
	ck_assert_uint_eq(gfn, 1024);
	ck_assert_int_eq(gms_gfn_of(space, (char *)HVA(1536) - 1, &gfn), 0);
	ck_assert_uint_eq(gfn, 1535);
	ck_assert_int_eq(gms_gfn_of(space, (char *)HVA(8192) + 77, &gfn), 0);
	ck_assert_uint_eq(gfn, 8192);
}
END_TEST

START_TEST(gfn_of_offset_translates_back_to_the_lowest)
{
	struct gms_region_opts opts;
	gms_gfn gfn = 99;

	for (gms_gfn first = 4096; first >= 1024; first -= 1024) {
		fx_region_opts(&opts, FX_RANGE(first, 512), 9, 0, NULL);
		opts.backing_offset_bytes = 512 * GMS_PAGE_SIZE;
		ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	}
	ck_assert_int_eq(gms_gfn_of_offset(NULL, 7, 512 * GMS_PAGE_SIZE, &gfn), -EINVAL);
	ck_assert_int_eq(gms_gfn_of_offset(space, 7, 512 * GMS_PAGE_SIZE, NULL), -EINVAL);
	ck_assert_int_eq(gms_gfn_of_offset(space, 8, 512 * GMS_PAGE_SIZE, &gfn), -ENOENT);
	ck_assert_int_eq(gms_gfn_of_offset(space, 7, 512 * GMS_PAGE_SIZE - 1, &gfn), -ENOENT);
	ck_assert_int_eq(gms_gfn_of_offset(space, 7, 1024 * GMS_PAGE_SIZE, &gfn), -ENOENT);
	ck_assert_int_eq(gms_gfn_of_offset(space, 7, UINT64_MAX, &gfn), -ENOENT);
	ck_assert_uint_eq(gfn, 99);
	ck_assert_int_eq(gms_gfn_of_offset(space, 7, 1024 * GMS_PAGE_SIZE - 1, &gfn), 0);
	ck_assert_uint_eq(gfn, 1024 + 511);
}
END_TEST

/* What a device took with it when it was unplugged is there for the next. */
START_TEST(backends_of_removed_regions_make_room)
{
	struct gms_space *plug = fx_plain_space(NULL);
	struct gms_backend backend;
	struct gms_region_opts opts;
	char device[200];
	uint32_t id;

	for (size_t i = 0; i < sizeof(device); i++) {
		fx_region_opts(&opts, FX_RANGE(FX_2M, FX_2M), GMS_ORDER_2M, 0, NULL);
		GMS_INIT(&backend);
		backend.ctx = &device[i];
		opts.backend = &backend;
		ck_assert_int_eq(gms_region_add(plug, &opts, &id), 0);
		ck_assert_int_eq(gms_region_remove(plug, id), 0);
	}
	gms_space_free(plug);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("region");
	TCase *tc = fx_case(s, "add");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, backends_of_removed_regions_make_room);
	tcase_add_test(tc, add_refuses_null);
	tcase_add_test(tc, add_without_id_is_fine);
	tcase_add_loop_test(tc, add_refuses_bad_places, 0,
			    (int)(sizeof(bad_places) / sizeof(bad_places[0])));
	tcase_add_test(tc, add_refuses_bad_offsets_and_addresses);
	tcase_add_test(tc, add_refuses_bad_states);
	tcase_add_loop_test(tc, direct_map_stays_ruled_out, 0, 2);
	tcase_add_test(tc, add_refuses_overlap);
	tcase_add_test(tc, add_takes_neighbours_and_two_without_hva);
	tcase_add_test(tc, add_takes_the_last_frame);
	tcase_add_test(tc, add_refuses_shorter_than_size_and_unknown_tail);
	tcase_add_test(tc, add_takes_64_backends_and_not_65);
	tcase_add_loop_test(tc, add_gives_every_page_its_state_and_folio, 0, 3);

	tc = fx_case(s, "remove");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, remove_refuses_null_and_strangers);
	tcase_add_test(tc, remove_makes_a_hole_and_never_reuses_the_id);
	tcase_add_test(tc, remove_of_a_pinned_region_is_refused_until_unpin);

	tc = fx_case(s, "translate");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, get_translates_each_page);
	tcase_add_test(tc, get_of_a_region_without_hva_gives_none);
	tcase_add_loop_test(tc, get_and_next_refuse_bad_structs, 0, 2);
	tcase_add_loop_test(tc, get_writes_no_more_than_a_shorter_struct_has, 0, 2);
	tcase_add_test(tc, next_visits_all_in_order);
	tcase_add_test(tc, gfn_of_translates_back);
	tcase_add_test(tc, gfn_of_offset_translates_back_to_the_lowest);
	return fx_run(s);
}
