/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of snapshot.h: what is saved comes back, and nothing else gets in. */
#include "fixture.h"

#include <pthread.h>

#include "snapfile.h"

#define S	GMS_STATE_SHARED
#define F	GMS_STATE_FROZEN

/* --- round trips ----------------------------------------------------------- */

/* A region of 1G folios, one of 2M amid a GiB, and one of pages that is not aligned. */
#define HUGE	(2 * FX_1G)
#define LARGE	(3 * FX_1G + 5 * FX_2M)
#define SMALL	(LARGE + 16 * FX_2M + 3)
#define SPAN	(SMALL + 1000)

static struct gms_space *a_space(struct fx_mem *mem, uint32_t profile, uint32_t split)
{
	struct gms_space_opts opts;
	struct gms_space *space = NULL;
	struct gms_region_opts region;

	GMS_INIT(&opts);
	opts.profile = profile;
	opts.split = split;
	opts.merge = split == GMS_SPLIT_LEVELS ? GMS_MERGE_DEFERRED : GMS_MERGE_EAGER;
	opts.merge_after_commits = split == GMS_SPLIT_LEVELS ? 5 : 0;
	opts.lend_policy = GMS_LEND_LAZY;
	opts.lend_idle_pages = 300;
	opts.lend_idle_ns = UINT64_MAX;
	opts.mem = &mem->ops;
	ck_assert_int_eq(gms_space_new(&space, &opts), 0);
	fx_region(space, FX_RANGE(0, HUGE), GMS_ORDER_1G, 0, NULL);
	fx_region(space, FX_RANGE(LARGE, 16 * FX_2M), GMS_ORDER_2M, 0, NULL);
	fx_region_opts(&region, FX_RANGE(SMALL, 1000), GMS_ORDER_4K, 0, NULL);
	region.backing_id = UINT64_MAX;
	ck_assert_int_eq(gms_region_add(space, &region, NULL), 0);
	return space;
}

static struct gms_range a_range(struct fx_rand *rand)
{
	static const uint64_t length[] = { 1, 1, 1, 7, 64, 512, 513, 2048, FX_1G };
	const gms_gfn base = (const gms_gfn[]){ 0, FX_1G, LARGE, SMALL }[fx_rand_below(rand, 4)];
	const gms_gfn first = base + fx_rand_below(rand, base == SMALL ? 900 : 4096);

	return FX_RANGE(fx_rand_odds(rand, 1, 4) ? first & ~(FX_2M - 1) : first,
			length[fx_rand_below(rand, 9)]);
}

/* Whatever is allowed. */
static void stir(struct gms_space *space, struct fx_rand *rand, unsigned steps)
{
	struct gms_change change;
	struct gms_range range;
	int err = 0;

	for (unsigned i = 0; i < steps; i++) {
		range = a_range(rand);
		switch (fx_rand_below(rand, 8)) {
		case 0:
			err = gms_freeze(space, range, 0, NULL);
			break;
		case 1:
			err = gms_thaw(space, range, NULL);
			break;
		case 2:
			err = gms_folio_split(space, range.first,
					      (unsigned)fx_rand_below(rand, 19));
			break;
		case 3:
			for (gms_gfn gfn = 0; !err && gfn < 300; gfn += 2)
				err = gms_share(space, FX_RANGE(range.first + gfn, 1), NULL);
			break;
		default:
			change.range = range;
			change.set = (gms_state)fx_rand_u64(rand) & (gms_state)fx_rand_u64(rand) &
				     GMS_STATE_ALL & ~GMS_STATE_POISON;
			change.clear = (gms_state)fx_rand_u64(rand) & GMS_STATE_ALL & ~change.set;
			err = gms_convert(space, &change, 1, NULL, NULL);
			break;
		}
		if (err)	/* much is refused, by the rules and the profile */
			err = 0;
	}
}

/* The first page that is not the same in both, or GMS_GFN_LIMIT. */
static gms_gfn first_difference(const struct gms_space *a, const struct gms_space *b)
{
	struct gms_folio of_a, of_b;

	for (gms_gfn gfn = 0; gfn < SPAN; gfn++) {
		if (gms_state_at(a, gfn) != gms_state_at(b, gfn))
			return gfn;
		if (gms_folio_at(a, gfn, &of_a) != gms_folio_at(b, gfn, &of_b))
			return gfn;
		if (gms_state_at(a, gfn) != GMS_HOLE &&
		    (of_a.first != of_b.first || of_a.order != of_b.order))
			return gfn;
	}
	return GMS_GFN_LIMIT;
}

static void same_regions(const struct gms_space *a, const struct gms_space *b)
{
	struct gms_region of_a, of_b;
	gms_gfn at = 0;
	int err;

	do {
		GMS_INIT(&of_a);
		GMS_INIT(&of_b);
		err = gms_region_next(a, at, &of_a);
		ck_assert_int_eq(gms_region_next(b, at, &of_b), err);
		of_a.hva = of_a.page_hva = NULL;
		ck_assert_mem_eq(&of_a, &of_b, sizeof(of_a));
		at = of_a.first + of_a.npages;
	} while (!err);
}

static const uint32_t profiles[] = {
	GMS_PROFILE_GENERIC, GMS_PROFILE_NO_DIRECT_MAP, GMS_PROFILE_SNP, GMS_PROFILE_CCA,
};

START_TEST(space_comes_back_as_it_was)		/* _i: profile * 4 + split policy */
{
	struct snapfile *file = snapfile_new(), *again = snapfile_new();
	struct fx_mem mem, other;
	struct gms_space *space, *back = NULL;
	struct gms_load_result result;
	struct fx_rand rand;
	struct gms_acct a, b;

	fx_rand_init(&rand, fx_seed(), 700 + (unsigned)_i);
	fx_mem_init(&mem);
	fx_mem_init(&other);
	space = a_space(&mem, profiles[_i / 4], (uint32_t)_i % 4);
	for (unsigned round = 0; round < 3; round++) {
		stir(space, &rand, 40);
		snapfile_clear(file);
		ck_assert_int_eq(gms_save(space, snapfile_write, file), 0);
		ck_assert_int_eq(snapfile_load(&back, file, &other, &result), 0);
		ck_assert_uint_eq(result.offset_bytes, file->len);
		ck_assert_uint_eq(result.format_major, GMS_SNAPSHOT_MAJOR);
		ck_assert_uint_eq(result.format_minor, GMS_SNAPSHOT_MINOR);
		ck_assert_ptr_null(result.expected);
		fx_check(back);
		if (!round) {
			const gms_gfn gfn = first_difference(space, back);

			ck_assert_msg(gfn == GMS_GFN_LIMIT, "gfn 0x%" PRIx64 " differs", gfn);
		}
		same_regions(space, back);
		fx_acct(space, &a);
		fx_acct(back, &b);
		ck_assert_uint_eq(a.shared_pages, b.shared_pages);
		ck_assert_mem_eq(a.folios, b.folios, sizeof(a.folios));
		ck_assert_uint_eq(b.event[GMS_ACCT_COMMITS].count, 0);
		snapfile_clear(again);
		ck_assert_int_eq(gms_save(back, snapfile_write, again), 0);
		ck_assert_uint_eq(again->len, file->len);
		ck_assert_mem_eq(again->buf, file->buf, file->len);
		fx_space_done(back, &other);
	}
	fx_space_done(space, &mem);
	snapfile_free(file);
	snapfile_free(again);
}
END_TEST

START_TEST(frozen_pages_thaw_as_often_as_before)
{
	struct snapfile *file = snapfile_new();
	struct gms_space *space, *back = NULL;
	struct fx_mem mem;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, 2 * FX_1G), GMS_ORDER_2M, 0, NULL);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(FX_1G - 8, 16), 0, NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(FX_1G - 4, 8), 0, NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(FX_1G - 4, 2), 0, NULL), 0);
	ck_assert_int_eq(gms_save(space, snapfile_write, file), 0);
	gms_space_free(space);

	ck_assert_int_eq(snapfile_load(&back, file, &mem, NULL), 0);
	fx_check(back);
	ck_assert_int_eq(gms_thaw(back, FX_RANGE(FX_1G - 8, 16), NULL), 0);
	ck_assert_uint_eq(gms_state_at(back, FX_1G - 5) & F, 0);
	ck_assert_uint_eq(gms_state_at(back, FX_1G - 4) & F, F);
	ck_assert_uint_eq(gms_state_at(back, FX_1G + 3) & F, F);
	ck_assert_uint_eq(gms_state_at(back, FX_1G + 4) & F, 0);
	ck_assert_int_eq(gms_thaw(back, FX_RANGE(FX_1G - 4, 8), NULL), 0);
	ck_assert_uint_eq(gms_state_at(back, FX_1G - 4) & F, F);
	ck_assert_uint_eq(gms_state_at(back, FX_1G - 2) & F, 0);
	ck_assert_int_eq(gms_thaw(back, FX_RANGE(FX_1G - 4, 2), NULL), 0);
	ck_assert_uint_eq(gms_state_at(back, FX_1G - 4) & F, 0);
	fx_space_done(back, &mem);
	snapfile_free(file);
}
END_TEST

/* One count over the border of two regions is one count again. */
START_TEST(frozen_across_regions)
{
	struct snapfile *file = snapfile_new();
	struct gms_space *space, *back = NULL;
	struct fx_mem mem;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, 1024), GMS_ORDER_2M, 0, NULL);
	fx_region(space, FX_RANGE(1024, 1024), GMS_ORDER_2M, 0, NULL);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(gms_freeze(space, FX_RANGE(1000, 48), 0, NULL), 0);
	ck_assert_int_eq(gms_save(space, snapfile_write, file), 0);
	gms_space_free(space);

	ck_assert_int_eq(snapfile_load(&back, file, &mem, NULL), 0);
	fx_check(back);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(gms_state_at(back, 1023) & F, F);
		ck_assert_uint_eq(gms_state_at(back, 1024) & F, F);
		ck_assert_int_eq(gms_thaw(back, FX_RANGE(1000, 48), NULL), 0);
		fx_check(back);
	}
	ck_assert_uint_eq(gms_state_at(back, 1023) & F, 0);
	ck_assert_uint_eq(gms_state_at(back, 1024) & F, 0);
	fx_space_done(back, &mem);
	snapfile_free(file);
}
END_TEST

START_TEST(file_is_small)
{
	struct snapfile *file = snapfile_new();
	struct gms_space *space, *back = NULL;
	struct fx_mem mem;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, 1024 * FX_1G), GMS_ORDER_1G, 0, NULL);
	ck_assert_int_eq(gms_save(space, snapfile_write, file), 0);
	ck_assert_uint_lt(file->len, 200);
	ck_assert_int_eq(snapfile_load(&back, file, &mem, NULL), 0);
	ck_assert_uint_eq(gms_state_at(back, 1024 * FX_1G - 1), 0);
	ck_assert_uint_eq(fx_order_at(back, 1024 * FX_1G - 1), GMS_ORDER_1G);
	gms_space_free(space);
	fx_check(back);

	for (gms_gfn gfn = 1; gfn < 64 * FX_2M; gfn += 2)
		ck_assert_int_eq(gms_share(back, FX_RANGE(gfn, 1), NULL), 0);
	snapfile_clear(file);
	ck_assert_int_eq(gms_save(back, snapfile_write, file), 0);
	ck_assert_uint_lt(file->len * 8, 64 * FX_2M * 5 / 4);	/* bits, of pages */
	fx_space_done(back, &mem);
	snapfile_free(file);
}
END_TEST

/* --- damage ---------------------------------------------------------------- */

/* Of every kind of section one. */
static void save_sample(struct snapfile *file)
{
	struct gms_space *space;
	struct fx_mem mem;

	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0, FX_1G), GMS_ORDER_1G, 0, NULL);
	fx_region(space, FX_RANGE(FX_1G, FX_2M), GMS_ORDER_4K, S, NULL);
	for (gms_gfn gfn = 0; gfn < 200; gfn += 2)
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(700, 9), 0, NULL), 0);
	ck_assert_int_eq(gms_freeze(space, FX_RANGE(702, 3), 0, NULL), 0);
	ck_assert_int_eq(gms_save(space, snapfile_write, file), 0);
	fx_space_done(space, &mem);
}

/* A load that must fail, and leave nothing. */
static int refused(struct snapfile *file, struct gms_load_result *result)
{
	struct gms_space *out = NULL;
	struct fx_mem mem;
	int err;

	fx_mem_init(&mem);
	err = snapfile_load(&out, file, &mem, result);
	if (out || mem.live_blocks || !err)
		ck_abort_msg("loaded, or left something: %s", gms_strerror(err));
	return err;
}

START_TEST(every_damaged_bit_is_found)
{
	struct snapfile *file = snapfile_new();
	unsigned passed = 0;

	save_sample(file);
	for (size_t i = 0; i < file->len; i++) {
		for (unsigned b = 0; b < 8; b++) {
			file->buf[i] ^= (unsigned char)(1u << b);
			passed += refused(file, NULL) != -EBADMSG;
			file->buf[i] ^= (unsigned char)(1u << b);
		}
		file->buf[i] = (unsigned char)~file->buf[i];
		passed += refused(file, NULL) != -EBADMSG;
		file->buf[i] = (unsigned char)~file->buf[i];
	}
	ck_assert_uint_eq(passed, 0);
	snapfile_free(file);
}
END_TEST

START_TEST(file_cut_anywhere_is_refused)
{
	struct snapfile *file = snapfile_new();
	struct gms_load_result result;
	size_t len;

	save_sample(file);
	len = file->len;
	for (file->len = 0; file->len < len; file->len++) {
		ck_assert_int_eq(refused(file, &result), -EBADMSG);
		ck_assert_uint_eq(result.offset_bytes, file->len);
		ck_assert_str_eq(result.expected, "more: the file ends too soon");
	}
	snapfile_free(file);
}
END_TEST

START_TEST(sections_belong_where_they_are)
{
	struct snapfile *file = snapfile_new(), *other = snapfile_new();
	size_t at[64], n = 0;

	save_sample(file);
	for (at[0] = SNAPFILE_HEADER; at[n] < file->len; n++)
		at[n + 1] = at[n] + snapfile_section_bytes(file, at[n]);
	ck_assert_uint_eq(at[n], file->len);
	ck_assert_uint_ge(n, 8);
	for (size_t i = 0; i < n; i++) {
		snapfile_clear(other);		/* missing */
		snapfile_add(other, file, 0, at[i]);
		snapfile_add(other, file, at[i + 1], file->len);
		ck_assert_int_eq(refused(other, NULL), -EBADMSG);
		if (i + 1 == n)			/* what is behind the end nobody reads */
			break;
		snapfile_clear(other);		/* there twice */
		snapfile_add(other, file, 0, at[i + 1]);
		snapfile_add(other, file, at[i], file->len);
		ck_assert_int_eq(refused(other, NULL), -EBADMSG);
		snapfile_clear(other);		/* after the next one */
		snapfile_add(other, file, 0, at[i]);
		snapfile_add(other, file, at[i + 1], at[i + 2]);
		snapfile_add(other, file, at[i], at[i + 1]);
		snapfile_add(other, file, at[i + 2], file->len);
		ck_assert_int_eq(refused(other, NULL), -EBADMSG);
	}
	snapfile_free(file);
	snapfile_free(other);
}
END_TEST

/* --- others fail ----------------------------------------------------------- */

START_TEST(memory_may_run_out_anywhere)		/* _i: sticky */
{
	struct snapfile *file = snapfile_new();
	struct gms_space *back = NULL;
	struct gms_load_result result;
	struct fx_mem mem;
	uint64_t pass;
	int err = -ENOMEM;

	save_sample(file);
	fx_mem_init(&mem);
	for (pass = 0; err == -ENOMEM; pass++) {
		fx_mem_fail_after(&mem, pass, _i);
		err = snapfile_load(&back, file, &mem, &result);
		if (err == -ENOMEM && (mem.live_blocks || back || result.expected))
			ck_abort_msg("allocation %" PRIu64 " failed and left something", pass);
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_ge(pass, 8);
	fx_mem_heal(&mem);
	fx_space_done(back, &mem);
	snapfile_free(file);
}
END_TEST

START_TEST(reads_may_fail_and_be_short)
{
	struct snapfile *file = snapfile_new();
	struct gms_space *back = NULL;
	unsigned calls, passed = 0;
	struct fx_mem mem;

	save_sample(file);
	file->buf[file->len++] = 'x';	/* somebody else's, behind it */
	fx_mem_init(&mem);
	file->piece = 3;
	ck_assert_int_eq(snapfile_load(&back, file, &mem, NULL), 0);
	ck_assert_uint_eq(file->at, file->len - 1);
	fx_space_done(back, &mem);
	calls = file->calls;
	ck_assert_uint_gt(calls, 50);
	for (file->fail_at = 1; file->fail_at <= calls; file->fail_at++)
		passed += refused(file, NULL) != -EIO || file->calls != file->fail_at;
	ck_assert_uint_eq(passed, 0);
	snapfile_free(file);
}
END_TEST

START_TEST(writes_may_fail)
{
	struct snapfile *file = snapfile_new(), *other = snapfile_new();
	struct gms_space *space = NULL;
	struct fx_mem mem;
	unsigned calls;

	save_sample(file);
	fx_mem_init(&mem);
	ck_assert_int_eq(snapfile_load(&space, file, &mem, NULL), 0);
	snapfile_clear(file);
	ck_assert_int_eq(gms_save(space, snapfile_write, file), 0);
	calls = file->calls;
	ck_assert_uint_ge(calls, 8);
	for (other->fail_at = 1; other->fail_at <= calls; other->fail_at++) {
		snapfile_clear(other);
		ck_assert_int_eq(gms_save(space, snapfile_write, other), -EIO);
		ck_assert_uint_eq(other->calls, other->fail_at);	/* and is not called again */
		other->fail_at += 1000;
		ck_assert_int_eq(refused(other, NULL), -EBADMSG);
		other->fail_at -= 1000;
	}
	fx_space_done(space, &mem);
	snapfile_free(file);
	snapfile_free(other);
}
END_TEST

static int64_t read_too_much(void *ctx, void *buf, size_t bytes)
{
	(void)ctx;
	memset(buf, 0, bytes);
	return (int64_t)bytes + 1;
}

START_TEST(arguments_are_checked)
{
	struct snapfile *file = snapfile_new();
	FX_LONGER(struct gms_load_opts) longer;
	FX_LONGER(struct gms_load_result) saw;
	struct gms_load_opts opts;
	struct gms_space *out = NULL;

	save_sample(file);
	GMS_INIT(&opts);
	ck_assert_int_eq(gms_save(NULL, snapfile_write, file), -EINVAL);
	ck_assert_int_eq(gms_load(NULL, NULL, snapfile_read, file, NULL), -EINVAL);
	ck_assert_int_eq(gms_load(&out, NULL, NULL, file, NULL), -EINVAL);
	ck_assert_int_eq(gms_load(&out, NULL, read_too_much, NULL, NULL), -EINVAL);
	opts.flags = 1u << 31;
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, NULL), -EINVAL);
	opts.flags = 0;
	opts.reserved = 1;
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, NULL), -EINVAL);
	opts.size = 1;
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, NULL), -EINVAL);
	GMS_INIT(&longer);
	longer.tail[3] = 1;
	ck_assert_int_eq(gms_load(&out, &longer.known, snapfile_read, file, NULL), -E2BIG);
	GMS_INIT(&saw);
	saw.tail[3] = 1;
	ck_assert_int_eq(gms_load(&out, NULL, snapfile_read, file, &saw.known), -E2BIG);
	ck_assert_ptr_null(out);
	ck_assert_uint_eq(file->at, 0);
	longer.tail[3] = 0;
	saw.tail[3] = 0;
	longer.known.flags = GMS_SPACE_ACCESS;
	ck_assert_int_eq(gms_load(&out, &longer.known, snapfile_read, file, &saw.known), 0);
	ck_assert_uint_eq(saw.known.size, sizeof(saw));
	gms_space_free(out);
	snapfile_free(file);
}
END_TEST

/* What a region rules out is ruled out in the new space too. */
START_TEST(flags_of_regions_come_back)
{
	const struct gms_change change = { FX_RANGE(2, 1), S | GMS_STATE_DIRECT_MAP, 0 };
	struct gms_space *space, *loaded = NULL;
	struct snapfile *file = snapfile_new();
	struct gms_region_opts opts;
	struct gms_region region;
	struct fx_mem mem, loaded_mem;

	fx_mem_init(&mem);
	fx_mem_init(&loaded_mem);
	space = fx_plain_space(&mem);
	fx_region_opts(&opts, FX_RANGE(0, 8), 0, S, NULL);
	opts.flags = GMS_REGION_NO_DIRECT_MAP;
	ck_assert_int_eq(gms_region_add(space, &opts, NULL), 0);
	fx_region(space, FX_RANGE(8, 8), 0, 0, NULL);
	ck_assert_int_eq(gms_save(space, snapfile_write, file), 0);
	ck_assert_int_eq(snapfile_load(&loaded, file, &loaded_mem, NULL), 0);
	GMS_INIT(&region);
	ck_assert_int_eq(gms_region_get(loaded, 7, &region), 0);
	ck_assert_uint_eq(region.flags, GMS_REGION_NO_DIRECT_MAP);
	ck_assert_int_eq(gms_region_get(loaded, 8, &region), 0);
	ck_assert_uint_eq(region.flags, 0);
	ck_assert_int_eq(gms_convert(loaded, &change, 1, NULL, NULL), -EPERM);
	fx_space_done(loaded, &loaded_mem);
	fx_space_done(space, &mem);
	snapfile_free(file);
}
END_TEST

/* --- what the embedder fills in -------------------------------------------- */

struct filler {
	struct fx_host *host;
	unsigned regions;
	bool	 same_hva;
	bool	 odd_hva;
	int	 err;
};

static int fill(void *ctx, struct gms_region_opts *opts)
{
	struct filler *filler = ctx;
	const uint64_t place = filler->same_hva ? 0 : opts->first;

	filler->regions++;
	opts->hva = (void *)(uintptr_t)(FX_HVA + place * GMS_PAGE_SIZE + filler->odd_hva);
	opts->backend = &filler->host->backend;
	opts->npages = 3;	/* what it may not say */
	return opts->first ? filler->err : 0;
}

START_TEST(regions_get_what_the_embedder_has)
{
	struct snapfile *file = snapfile_new();
	struct fx_host *host = fx_host_new(0, FX_1G + FX_2M);
	struct filler filler = { .host = host };
	struct gms_load_opts opts;
	struct gms_space *out = NULL;
	struct gms_region region;
	struct fx_mem mem;

	save_sample(file);
	fx_mem_init(&mem);
	GMS_INIT(&opts);
	GMS_INIT(&region);
	opts.mem = &mem.ops;
	opts.ctx = &filler;
	opts.region = fill;
	filler.err = -EIO;
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, NULL), -EIO);
	ck_assert_uint_eq(filler.regions, 2);
	filler.err = 0;
	filler.same_hva = true;
	file->at = 0;
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, NULL), -EEXIST);
	filler.same_hva = false;
	filler.odd_hva = true;
	file->at = 0;
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, NULL), -EINVAL);
	ck_assert_ptr_null(out);
	ck_assert_uint_eq(mem.live_blocks, 0);
	filler.odd_hva = false;
	file->at = 0;
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, NULL), 0);
	ck_assert_uint_eq(fx_event(out, GMS_ACCT_BACKEND_CALLS), 0);
	ck_assert_int_eq(gms_region_get(out, FX_1G + 1, &region), 0);
	ck_assert_uint_eq(region.npages, FX_2M);
	ck_assert_ptr_eq(region.hva, (void *)(uintptr_t)(FX_HVA + FX_1G * GMS_PAGE_SIZE));
	host->space = out;
	fx_host_set(host, FX_RANGE(FX_1G, FX_2M), true);
	ck_assert_int_eq(gms_unshare(out, FX_RANGE(FX_1G, 1), NULL), 0);
	ck_assert_uint_gt(fx_event(out, GMS_ACCT_BACKEND_CALLS), 0);
	fx_space_done(out, &mem);
	fx_host_free(host);
	snapfile_free(file);
}
END_TEST

/* --- beside writers -------------------------------------------------------- */

struct crew {
	struct gms_space *space;
	uint32_t stop;
};

/* Two pages far apart turn in one commit. */
static void *turn(void *arg)
{
	struct crew *crew = arg;
	struct gms_change change[2] = {
		{ FX_RANGE(3, 1), S, 0 }, { FX_RANGE(FX_1G + 7, 1), S, 0 },
	};

	while (!__atomic_load_n(&crew->stop, __ATOMIC_RELAXED)) {
		if (gms_convert(crew->space, change, 2, NULL, NULL))
			break;
		for (unsigned i = 0; i < 2; i++) {
			change[i].set ^= S;
			change[i].clear ^= S;
		}
	}
	return NULL;
}

START_TEST(file_is_of_one_moment)
{
	struct snapfile *file = snapfile_new();
	struct crew crew = { .stop = 0 };
	struct gms_space *back = NULL;
	struct fx_mem mem, other;
	unsigned torn = 0;
	pthread_t thread;

	fx_mem_init(&mem);
	fx_mem_init(&other);
	crew.space = fx_plain_space(&mem);
	fx_region(crew.space, FX_RANGE(0, 2 * FX_1G), GMS_ORDER_2M, 0, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, turn, &crew), 0);
	for (unsigned i = 0; i < 200; i++) {
		snapfile_clear(file);
		ck_assert_int_eq(gms_save(crew.space, snapfile_write, file), 0);
		ck_assert_int_eq(snapfile_load(&back, file, &other, NULL), 0);
		torn += gms_state_at(back, 3) != gms_state_at(back, FX_1G + 7);
		gms_space_free(back);
	}
	__atomic_store_n(&crew.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(torn, 0);
	fx_space_done(crew.space, &mem);
	snapfile_free(file);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("snapshot");
	TCase *whole = fx_case(s, "round_trip"), *damage = fx_case(s, "damage");
	TCase *others = fx_case(s, "others");

	tcase_add_loop_test(whole, space_comes_back_as_it_was, 0, 16);
	tcase_add_test(whole, flags_of_regions_come_back);
	tcase_add_test(whole, frozen_pages_thaw_as_often_as_before);
	tcase_add_test(whole, frozen_across_regions);
	tcase_add_test(whole, file_is_small);
	tcase_add_test(whole, file_is_of_one_moment);
	tcase_add_test(damage, every_damaged_bit_is_found);
	tcase_add_test(damage, file_cut_anywhere_is_refused);
	tcase_add_test(damage, sections_belong_where_they_are);
	tcase_add_loop_test(others, memory_may_run_out_anywhere, 0, 2);
	tcase_add_test(others, reads_may_fail_and_be_short);
	tcase_add_test(others, writes_may_fail);
	tcase_add_test(others, arguments_are_checked);
	tcase_add_test(others, regions_get_what_the_embedder_has);
	return fx_run(s);
}
