/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance oracle: one batch of conversions, carried out through a model
 * backend under each profile, is charged exactly what the hosts' algorithms
 * cost. The numbers are written out by hand from what each system does, in the
 * units of the ledger, and owe nothing to the tables in lib/.
 *
 * The batch is of three runs in pages of 4K:
 *
 *	run		pages	whole 2M  beside	2M chunks, rounded up
 *	256+8		    8	       0       8	1
 *	2048+1536	 1536	       3       0	3
 *	5220+1000	 1000	       1     488	2
 *
 * An SNP guest names 4K and 2M: 8 + 3 + (412 + 1 + 76) = 500 entries, which fill
 * 8 buffers of 64. A host joins neighbours of one size within a buffer: the 8; the
 * 3; the 412, entries 11 to 422, in 7 buffers; the one; the 76, entries 424 to
 * 499, in 2: 12 stretches. The blocks of 2M that the runs touch are 0, 4 to 6, and
 * 10 to 12.
 */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

#define RUNS	3
#define PAGES	2544

static const struct gms_range batch[RUNS] = { { 256, 8 }, { 2048, 1536 }, { 5220, 1000 } };

struct item {
	uint32_t kind;		/* all 0: the end */
	uint64_t count;
};

struct row {
	uint32_t profile;
	struct item to_shared[16];
	struct item to_private[16];
};

#define K(kind, count)	{ GMS_ACCT_##kind, count }

#define GMEM_TO_SHARED \
	K(GUEST_EXITS, 3), K(HYPERCALLS, 3), K(USER_EXITS, 3), K(SYS_IOCTL, 3), \
	K(FLUSH_STAGE2, 3), K(TREE_UPDATES, 3), K(REFAULTS, 2544)
#define GMEM_TO_PRIVATE \
	K(GUEST_EXITS, 3), K(HYPERCALLS, 3), K(USER_EXITS, 3), K(SYS_IOCTL, 3), \
	K(FLUSH_STAGE2, 3), K(FLUSH_PROCESS, 3), K(TREE_UPDATES, 3)

static const struct row rows[] = {
	{ GMS_PROFILE_GENERIC, { { 0 } }, { { 0 } } },
	/* One hypercall, exit and ioctl a run; a tree node reserved and stored a page. */
	{ GMS_PROFILE_KVM_ATTRS,
	  { K(GUEST_EXITS, 3), K(HYPERCALLS, 3), K(USER_EXITS, 3), K(SYS_IOCTL, 3),
	    K(SYS_FALLOCATE, 3), K(FLUSH_STAGE2, 3), K(TREE_UPDATES, 5088), K(PTES_4K, 2544),
	    K(REFAULTS, 2544), K(PAGES_ZEROED, 2544) },
	  { K(GUEST_EXITS, 3), K(HYPERCALLS, 3), K(USER_EXITS, 3), K(SYS_IOCTL, 3),
	    K(SYS_MADVISE, 3), K(FLUSH_STAGE2, 3), K(FLUSH_PROCESS, 3), K(TREE_UPDATES, 5088),
	    K(PTES_4K, 2544), K(REFAULTS, 2544), K(PAGES_ZEROED, 2544) } },
	/* One store a run, whatever its length; nothing is cleared. */
	{ GMS_PROFILE_GMEM_INPLACE, { GMEM_TO_SHARED }, { GMEM_TO_PRIVATE, K(PTES_4K, 2544) } },
	{ GMS_PROFILE_GMEM_HUGETLB, { GMEM_TO_SHARED }, { GMEM_TO_PRIVATE, K(PTES_4K, 2544) } },
	/* A flush of the kernel's own translations for every page that leaves: none is joined. */
	{ GMS_PROFILE_NO_DIRECT_MAP,
	  { GMEM_TO_SHARED, K(PTES_4K, 2544) },
	  { GMEM_TO_PRIVATE, K(PTES_4K, 2544 + 2544), K(FLUSH_KERNEL, 2544), K(PTES_2M, 7),
	    K(PTES_1G, 1) } },
	{ GMS_PROFILE_SECRETMEM, { { 0 } }, { { 0 } } },
	{ GMS_PROFILE_SNP,
	  { K(GUEST_EXITS, 8), K(HYPERCALLS, 8), K(USER_EXITS, 12), K(SYS_IOCTL, 12),
	    K(SYS_FALLOCATE, 12), K(FLUSH_STAGE2, 12), K(RMP_UPDATES, 500), K(ACCEPTS, 500),
	    K(BYTES_FLUSHED, 10420224) },
	  { K(GUEST_EXITS, 8), K(HYPERCALLS, 8), K(USER_EXITS, 12), K(SYS_IOCTL, 12),
	    K(SYS_MADVISE, 12), K(FLUSH_STAGE2, 12), K(FLUSH_PROCESS, 12), K(RMP_UPDATES, 500),
	    K(ACCEPTS, 500) } },
	{ GMS_PROFILE_TDX,
	  { K(GUEST_EXITS, 3), K(HYPERCALLS, 3), K(USER_EXITS, 6), K(SYS_IOCTL, 6),
	    K(FLUSH_STAGE2, 2544), K(PTES_4K, 2544) },
	  { K(GUEST_EXITS, 3), K(HYPERCALLS, 3), K(USER_EXITS, 6), K(SYS_IOCTL, 6),
	    K(FLUSH_STAGE2, 6), K(PTES_4K, 2544), K(ACCEPTS, 2544), K(PAGES_ZEROED, 2544) } },
	{ GMS_PROFILE_PKVM,
	  { K(GUEST_EXITS, 2544), K(HYPERCALLS, 2544), K(SYS_IOCTL, 3), K(FLUSH_STAGE2, 2544),
	    K(PTES_4K, 5088) },
	  { K(GUEST_EXITS, 2544), K(HYPERCALLS, 2544), K(SYS_IOCTL, 3), K(FLUSH_STAGE2, 2544),
	    K(PTES_4K, 5088) } },
	{ GMS_PROFILE_CCA,
	  { K(GUEST_EXITS, 3), K(HYPERCALLS, 3), K(USER_EXITS, 3), K(SYS_IOCTL, 3),
	    K(FLUSH_STAGE2, 3), K(TREE_UPDATES, 3), K(PTES_4K, 2544), K(REFAULTS, 2544) },
	  { K(GUEST_EXITS, 3), K(HYPERCALLS, 3), K(USER_EXITS, 3), K(SYS_IOCTL, 3),
	    K(FLUSH_STAGE2, 3), K(FLUSH_PROCESS, 3), K(TREE_UPDATES, 3), K(PTES_4K, 2544),
	    K(ACCEPTS, 3) } },
};
#define NROWS	((int)(sizeof(rows) / sizeof(rows[0])))

static struct fx_mem mem;
static struct gms_space *space;
static struct gms_model *model;

static void begin(uint32_t profile, uint32_t base_order)
{
	struct gms_backend backend;
	struct gms_region_opts opts;
	struct gms_model_opts model_opts;

	fx_mem_init(&mem);
	GMS_INIT(&model_opts);
	model_opts.mem = &mem.ops;
	model_opts.profile = profile;
	ck_assert_int_eq(gms_model_new(&model, &model_opts), 0);
	GMS_INIT(&backend);
	ck_assert_int_eq(gms_model_backend(model, &backend), 0);
	space = fx_space(&mem, profile, GMS_SPLIT_LEVELS, GMS_MERGE_EAGER);
	fx_region_opts(&opts, FX_RANGE(0, FX_1G), base_order, 0, NULL);
	opts.backend = &backend;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
}

static void end(void)
{
	gms_model_free(model);
	fx_space_done(space, &mem);
}

static void convert(bool to_shared)
{
	struct gms_change changes[RUNS];

	for (unsigned i = 0; i < RUNS; i++)
		changes[i] = (struct gms_change){ batch[i], to_shared ? S : 0, to_shared ? 0 : S };
	ck_assert_int_eq(gms_convert(space, changes, RUNS, NULL, NULL), 0);
}

/* As before, but for what was spent on the way. */
static void unchanged(const struct fx_snap *before)
{
	struct fx_snap after;

	fx_snap_take(&after, space, NULL);
	for (uint32_t kind = GMS_ACCT_GUEST_EXITS; kind < GMS_ACCT_KINDS; kind++)
		after.acct.event[kind] = before->acct.event[kind];
	fx_snap_same(before, &after);
}

/* Of what others charge than the library, this was charged since before, and no more. */
static void charged(const char *what, const struct gms_acct *before, const struct item *items)
{
	struct gms_acct now;

	fx_acct(space, &now);
	for (uint32_t kind = GMS_ACCT_GUEST_EXITS; kind < GMS_ACCT_KINDS; kind++) {
		const uint64_t seen = now.event[kind].count - before->event[kind].count;
		uint64_t wanted = 0;

		for (unsigned i = 0; i < 16; i++)
			wanted += items[i].kind == kind ? items[i].count : 0;
		ck_assert_msg(seen == wanted, "%s, %s: %" PRIu64 ", should be %" PRIu64, what,
			      gms_acct_name(kind), seen, wanted);
	}
}

static const char *name_of(uint32_t profile)
{
	struct gms_profile_info info;

	GMS_INIT(&info);
	ck_assert_int_eq(gms_profile_info(profile, &info), 0);
	return info.name;
}

START_TEST(a_batch_costs_what_the_host_does)	/* _i: of rows */
{
	const char *name = name_of(rows[_i].profile);
	struct gms_acct before;

	begin(rows[_i].profile, 0);
	ck_assert_uint_eq(rows[_i].profile, (uint32_t)_i);
	fx_acct(space, &before);
	convert(true);
	charged(name, &before, rows[_i].to_shared);
	fx_acct(space, &before);
	convert(true);		/* as it is already: nothing but the call */
	charged(name, &before, (struct item[16]){ { 0 } });
	convert(false);
	charged(name, &before, rows[_i].to_private);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_HOST_RUNS) >= 2 * RUNS, 1);
	fx_check(space);
	end();
}
END_TEST

/* The direct map's large entries are split once: the second time costs none. */
START_TEST(the_direct_map_is_split_once)
{
	const struct item again[16] = {
		GMEM_TO_PRIVATE, K(PTES_4K, 2544 + 2544), K(FLUSH_KERNEL, 2544)
	};
	struct gms_acct before;

	begin(GMS_PROFILE_NO_DIRECT_MAP, 0);
	convert(true);
	convert(false);
	convert(true);
	fx_acct(space, &before);
	convert(false);
	charged("again", &before, again);
	end();
}
END_TEST

/* Run by run costs what the runs cost, but for what a guest puts into one buffer. */
START_TEST(three_calls_are_three_buffers)
{
	const struct item wanted[16] = {
		/* 8: 1 buffer, 1 stretch; 3: 1, 1; 489: entries 0 to 411 in 7, the one in
		   the seventh, 413 to 488 in 2: 8 buffers, 10 stretches */
		K(GUEST_EXITS, 10), K(HYPERCALLS, 10), K(USER_EXITS, 12), K(SYS_IOCTL, 12),
		K(SYS_FALLOCATE, 12), K(FLUSH_STAGE2, 12), K(RMP_UPDATES, 500),
		K(ACCEPTS, 500), K(BYTES_FLUSHED, 10420224)
	};
	struct gms_acct before;

	begin(GMS_PROFILE_SNP, 0);
	fx_acct(space, &before);
	for (unsigned i = 0; i < RUNS; i++)
		ck_assert_int_eq(gms_share(space, batch[i], NULL), 0);
	charged("one by one", &before, wanted);
	end();
}
END_TEST

/* B1, B4, B5: the host unmaps all of it, then finds a page that is held. */
START_TEST(a_refusal_costs_what_stays_unmapped)	/* _i: 0 gmem, 1 two backings */
{
	const uint32_t profile = _i ? GMS_PROFILE_KVM_ATTRS : GMS_PROFILE_GMEM_INPLACE;
	const struct item refused[16] = {
		K(GUEST_EXITS, 1), K(HYPERCALLS, 1), K(USER_EXITS, 1), K(SYS_IOCTL, 1),
		K(FLUSH_PROCESS, 1), K(PTES_4K, 4), K(REFAULTS, 4)
	};
	struct gms_convert_result result;
	struct gms_profile_info info;
	struct gms_acct before;
	struct fx_snap snap;

	begin(profile, 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(100, 4), NULL), 0);
	fx_acct(space, &before);
	fx_snap_take(&snap, space, NULL);
	ck_assert_int_eq(gms_model_fail(model, 1, -EAGAIN), 0);	/* unmap_host is the first */
	GMS_INIT(&result);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(100, 4), &result), -EAGAIN);
	ck_assert_uint_eq(result.error_gfn, 100);
	ck_assert_uint_eq(result.error_reason, GMS_REASON_BACKEND);
	unchanged(&snap);
	charged("refused", &before, _i ? (struct item[16]){ { 0 } } : refused);
	GMS_INIT(&info);
	ck_assert_int_eq(gms_profile_info(profile, &info), 0);
	ck_assert_int_eq(info.held_error, _i ? 0 : -EAGAIN);
	ck_assert_uint_eq(info.atomicity, _i ? GMS_ATOMIC_ALL : GMS_ATOMIC_BUT_UNMAPS);
	ck_assert_uint_eq(info.progress, _i ? GMS_PROGRESS_NONE : GMS_PROGRESS_ERROR_OFFSET);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(100, 4), NULL), 0);
	fx_check(space);
	end();
}
END_TEST

/* The library asks before it touches: a pin costs nothing at all. */
START_TEST(a_pin_is_refused_before_the_host_hears_of_it)	/* _i: of rows */
{
	struct gms_acct before;
	gms_pin_id id;

	begin(rows[_i].profile, 0);
	ck_assert_int_eq(gms_share(space, FX_RANGE(100, 4), NULL), 0);
	if (!gms_pin(space, FX_RANGE(102, 1), 0, 1, &id, NULL)) {
		fx_acct(space, &before);
		ck_assert_int_eq(gms_unshare(space, FX_RANGE(100, 4), NULL), -EAGAIN);
		charged("pinned", &before, (struct item[16]){ { 0 } });
	}
	end();
}
END_TEST

START_TEST(contents_are_the_vmm_s_where_the_host_does_not_keep_them)	/* _i: of rows */
{
	const struct gms_change change = { FX_RANGE(64, 10), S, 0 };
	const uint32_t profile = rows[_i].profile;
	const bool loses = profile == GMS_PROFILE_KVM_ATTRS || profile == GMS_PROFILE_SNP ||
			   profile == GMS_PROFILE_TDX || profile == GMS_PROFILE_CCA;
	const bool knows = loses || (profile != GMS_PROFILE_GENERIC &&
				     profile != GMS_PROFILE_SECRETMEM);
	struct gms_convert_opts opts;

	begin(profile, 0);
	GMS_INIT(&opts);
	opts.content = GMS_CONTENT_PRESERVE;
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, NULL), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_BYTES_COPIED), loses ? 40960 : 0);
	end();
	begin(profile, 0);
	opts.content = GMS_CONTENT_ZERO;
	ck_assert_int_eq(gms_convert(space, &change, 1, &opts, NULL), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_PAGES_ZEROED), knows ? 10 : 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_BYTES_COPIED), 0);
	end();
}
END_TEST

START_TEST(discard_and_populate_are_charged)
{
	struct gms_change change = { FX_RANGE(1000, 100), GMS_STATE_POPULATED, 0 };
	const struct item in[16] = {	/* blocks 1 and 2 */
		K(FLUSH_KERNEL, 100), K(PTES_4K, 100), K(PTES_2M, 2), K(PTES_1G, 1)
	};
	const struct item out[16] = { K(SYS_FALLOCATE, 1) };
	struct gms_acct before;

	begin(GMS_PROFILE_SECRETMEM, 0);
	fx_acct(space, &before);
	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
	charged("populate", &before, in);
	change = (struct gms_change){ FX_RANGE(1000, 100), 0, GMS_STATE_POPULATED };
	fx_acct(space, &before);
	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
	charged("discard", &before, out);
	end();
}
END_TEST

/* --- the rows that no conversion of ours goes through --------------------- */

static void costs(uint32_t path, uint32_t event, const struct item *items)
{
	uint64_t count[GMS_ACCT_KINDS] = { 0 }, wanted[GMS_ACCT_KINDS] = { 0 };

	for (unsigned i = 0; i < 16; i++)
		wanted[items[i].kind] += items[i].count;
	ck_assert_int_eq(gms_path_cost(path, event, batch, RUNS, count, GMS_ACCT_KINDS), 0);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++)
		ck_assert_msg(count[kind] == wanted[kind], "path %u, %s: %" PRIu64 ", should be %"
			      PRIu64, path, gms_acct_name(kind), count[kind], wanted[kind]);
}

START_TEST(other_paths_cost_what_they_do)
{
	static const struct item bounce[16] = { K(BYTES_COPIED, 10420224) };
	static const struct item iommu[16] = {
		K(SYS_IOCTL, 3), K(FLUSH_IOTLB, 3), K(PTES_4K, 2544)
	};
	static const struct item userfault[16] = {
		K(GUEST_EXITS, 2544), K(USER_EXITS, 2544), K(SYS_WRITE, 2544), K(PTES_4K, 2544),
		K(BYTES_COPIED, 10420224)
	};
	static const struct item implicit[16] = {	/* no hypercall: a fault */
		K(GUEST_EXITS, 3), K(USER_EXITS, 3), K(SYS_IOCTL, 3), K(SYS_MADVISE, 3),
		K(FLUSH_STAGE2, 3), K(FLUSH_PROCESS, 3), K(TREE_UPDATES, 5088),
		K(PTES_4K, 2544), K(REFAULTS, 2544), K(PAGES_ZEROED, 2544)
	};
	static const struct item nothing[16] = { { 0 } };

	costs(GMS_PATH_BOUNCE, GMS_COST_TO_SHARED, bounce);
	costs(GMS_PATH_BOUNCE, GMS_COST_TO_PRIVATE, bounce);
	costs(GMS_PATH_IOMMU, GMS_COST_TO_SHARED, iommu);
	costs(GMS_PATH_USERFAULT, GMS_COST_POPULATE, userfault);
	costs(GMS_PATH_IMPLICIT, GMS_COST_TO_PRIVATE, implicit);
	costs(GMS_PATH_NONE, GMS_COST_TO_SHARED, nothing);
	costs(GMS_PATH_USERFAULT, GMS_COST_TO_SHARED, nothing);
}
END_TEST

START_TEST(path_calls_refuse_bad_input)
{
	static const struct gms_range unsorted[] = { { 10, 5 }, { 14, 1 } };
	static const struct gms_range wild[] = { { 10, UINT64_MAX } };
	FX_LONGER(struct gms_path_info) longer;
	struct gms_path_info info;
	uint64_t count[2] = { 7, 7 };

	ck_assert_int_eq(gms_path_cost(GMS_PATH_COUNT, 1, batch, 1, count, 2), -EINVAL);
	ck_assert_int_eq(gms_path_cost(GMS_PATH_GMEM, 0, batch, 1, count, 2), -EINVAL);
	ck_assert_int_eq(gms_path_cost(GMS_PATH_GMEM, 3, batch, 1, count, 2), -EINVAL);
	ck_assert_int_eq(gms_path_cost(GMS_PATH_GMEM, 128, batch, 1, count, 2), -EINVAL);
	ck_assert_int_eq(gms_path_cost(GMS_PATH_GMEM, 1, NULL, 1, count, 2), -EINVAL);
	ck_assert_int_eq(gms_path_cost(GMS_PATH_GMEM, 1, batch, 1, NULL, 2), -EINVAL);
	ck_assert_int_eq(gms_path_cost(GMS_PATH_GMEM, 1, unsorted, 2, count, 2), -EINVAL);
	ck_assert_int_eq(gms_path_cost(GMS_PATH_GMEM, 1, wild, 1, count, 2), -EINVAL);
	ck_assert_int_eq(gms_path_cost(GMS_PATH_GMEM, 1, batch, 3, count, 2), 0);
	ck_assert_uint_eq(count[0], 7);
	ck_assert_uint_eq(count[1], 7);
	for (uint32_t path = 0; path < GMS_PATH_COUNT; path++) {
		GMS_INIT(&info);
		ck_assert_int_eq(gms_path_info(path, &info), 0);
		ck_assert_ptr_nonnull(info.name);
		for (size_t i = 0; i < info.nterms; i++)
			ck_assert(info.terms[i].kind >= GMS_ACCT_GUEST_EXITS &&
				  info.terms[i].kind < GMS_ACCT_KINDS &&
				  info.terms[i].per < GMS_PER_COUNT && info.terms[i].events &&
				  info.terms[i].count);
	}
	ck_assert_int_eq(gms_path_info(GMS_PATH_COUNT, &info), -EINVAL);
	ck_assert_int_eq(gms_path_info(0, NULL), -EINVAL);
	gms_init(&longer, sizeof(longer));
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_path_info(0, &longer.known), -E2BIG);
}
END_TEST

/* --- the model ------------------------------------------------------------ */

static void counts(struct gms_model_counts *c)
{
	GMS_INIT(c);
	ck_assert_int_eq(gms_model_read(model, c), 0);
}

START_TEST(every_step_may_fail)	/* and leaves all as it was; _i: of rows */
{
	uint64_t pass = 0;

	for (bool failed = true; failed; pass++) {
		struct gms_change changes[RUNS];
		struct gms_model_counts c;
		struct fx_snap before;

		begin(rows[_i].profile, GMS_ORDER_1G);
		ck_assert_int_eq(gms_share(space, FX_RANGE(5000, 9), NULL), 0);
		for (unsigned i = 0; i < RUNS; i++)
			changes[i] = (struct gms_change){ batch[i], S | GMS_STATE_POPULATED, 0 };
		changes[1] = (struct gms_change){ FX_RANGE(5000, 7), GMS_STATE_DIRTY, S };
		fx_snap_take(&before, space, NULL);
		ck_assert_int_eq(gms_model_fail(model, pass, -EIO), 0);
		failed = gms_convert(space, changes, RUNS, NULL, NULL) == -EIO;
		counts(&c);
		ck_assert_uint_eq(c.failures, failed);
		if (failed) {
			unchanged(&before);
			ck_assert_int_eq(gms_convert(space, changes, RUNS, NULL, NULL), 0);
		}
		fx_check(space);
		end();
	}
	ck_assert_uint_ge(pass, 8);	/* 2 splits; 1 + 1; 2 of populate; 2 + 2 */
}
END_TEST

START_TEST(model_counts_what_it_is_asked)
{
	struct gms_model_counts c;

	begin(GMS_PROFILE_GMEM_HUGETLB, GMS_ORDER_1G);
	ck_assert_int_eq(gms_share(space, FX_RANGE(100, 1), NULL), 0);
	ck_assert_int_eq(gms_unshare(space, FX_RANGE(100, 1), NULL), 0);
	counts(&c);
	ck_assert_uint_eq(c.calls[GMS_MODEL_SPLIT], 2);
	ck_assert_uint_eq(c.calls[GMS_MODEL_MERGE], 2);
	ck_assert_uint_eq(c.calls[GMS_MODEL_MAP_HOST], 1);
	ck_assert_uint_eq(c.calls[GMS_MODEL_UNMAP_HOST], 1);
	ck_assert_uint_eq(c.calls[GMS_MODEL_SET_ATTRIBUTES], 2);
	ck_assert_uint_eq(c.runs[GMS_MODEL_SET_ATTRIBUTES], 2);
	ck_assert_uint_eq(c.calls[GMS_MODEL_FLUSH], 2);
	ck_assert_uint_eq(c.steps, 6);
	ck_assert_uint_eq(c.failures, 0);
	end();
}
END_TEST

START_TEST(model_refuses_bad_input)
{
	FX_LONGER(struct gms_model_opts) longer;
	struct gms_model *other = NULL;
	struct gms_model_counts c;
	struct gms_model_opts opts;
	struct gms_backend backend;

	begin(GMS_PROFILE_GENERIC, 0);
	GMS_INIT(&opts);
	opts.profile = GMS_PROFILE_COUNT;
	ck_assert_int_eq(gms_model_new(NULL, NULL), -EINVAL);
	ck_assert_int_eq(gms_model_new(&other, &opts), -EINVAL);
	opts.profile = 0;
	opts.flags = 1;
	ck_assert_int_eq(gms_model_new(&other, &opts), -EINVAL);
	gms_init(&longer, sizeof(longer));
	longer.tail[0] = 1;
	ck_assert_int_eq(gms_model_new(&other, &longer.known), -E2BIG);
	ck_assert_ptr_null(other);
	GMS_INIT(&backend);
	GMS_INIT(&c);
	ck_assert_int_eq(gms_model_backend(NULL, &backend), -EINVAL);
	ck_assert_int_eq(gms_model_backend(model, NULL), -EINVAL);
	ck_assert_int_eq(gms_model_read(NULL, &c), -EINVAL);
	ck_assert_int_eq(gms_model_read(model, NULL), -EINVAL);
	ck_assert_int_eq(gms_model_fail(NULL, 0, -EIO), -EINVAL);
	ck_assert_int_eq(gms_model_fail(model, 0, 0), -EINVAL);
	gms_model_free(NULL);
	ck_assert_int_eq(gms_model_new(&other, NULL), 0);
	gms_model_free(other);
	end();
}
END_TEST

START_TEST(model_without_memory_fails_cleanly)
{
	struct gms_change change = { FX_RANGE(0, FX_1G), GMS_STATE_POPULATED, 0 };
	struct gms_model_opts opts;
	struct gms_model *other = NULL;
	struct fx_snap before;

	begin(GMS_PROFILE_SECRETMEM, 0);
	ck_assert_int_eq(gms_space_reserve(space, 4), 0);
	fx_snap_take(&before, space, NULL);
	fx_mem_fail_after(&mem, 0, true);
	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), -ENOMEM);
	GMS_INIT(&opts);
	opts.mem = &mem.ops;
	ck_assert_int_eq(gms_model_new(&other, &opts), -ENOMEM);
	fx_mem_heal(&mem);
	unchanged(&before);
	ck_assert_int_eq(gms_convert(space, &change, 1, NULL, NULL), 0);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_PTES_2M), 512);
	ck_assert_uint_eq(fx_event(space, GMS_ACCT_PTES_1G), 1);
	end();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("profile_cost");
	TCase *tc = fx_case(s, "oracle");

	tcase_add_loop_test(tc, a_batch_costs_what_the_host_does, 0, NROWS);
	tcase_add_test(tc, the_direct_map_is_split_once);
	tcase_add_test(tc, three_calls_are_three_buffers);
	tcase_add_loop_test(tc, a_refusal_costs_what_stays_unmapped, 0, 2);
	tcase_add_loop_test(tc, a_pin_is_refused_before_the_host_hears_of_it, 0, NROWS);
	tcase_add_loop_test(tc, contents_are_the_vmm_s_where_the_host_does_not_keep_them, 0,
			    NROWS);
	tcase_add_test(tc, discard_and_populate_are_charged);
	tcase_add_test(tc, other_paths_cost_what_they_do);
	tcase_add_test(tc, path_calls_refuse_bad_input);
	tc = fx_case(s, "model");
	tcase_add_loop_test(tc, every_step_may_fail, 0, NROWS);
	tcase_add_test(tc, model_counts_what_it_is_asked);
	tcase_add_test(tc, model_refuses_bad_input);
	tcase_add_test(tc, model_without_memory_fails_cleanly);
	return fx_run(s);
}
