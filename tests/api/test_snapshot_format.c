/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of snapshot.h: files made by hand, of other versions and by enemies. */
#include "fixture.h"

#include "snapfile.h"

#define D	GMS_STATE_DIRECT_MAP
#define S	GMS_STATE_SHARED
#define F	GMS_STATE_FROZEN

enum { END = SNAPFILE_END, SPACE = 1, REGION, STATES, FOLIOS, FROZEN };

/* A section: its numbers. */
struct section {
	unsigned type;
	unsigned n;
	uint64_t number[12];
	unsigned flags;
};

#define SEC(type, ...) \
	{ type, sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), { __VA_ARGS__ }, 0 }

/* GENERIC, EAGER, with this split policy. */
#define SPACE_OF(split)		SEC(SPACE, 0, split, 0, 0, 0, 0, 0, 0)
/* Pages [first, first + npages) in folios of this order. */
#define REGION_OF(first, npages, order)	SEC(REGION, first, npages, order, 0, 1, 0, 0)
#define RUN(npages)		((npages) * 2)
#define FOLIO(n, order)		((n) << 5 | (order))

static void make(struct snapfile *file, const struct section *section, unsigned minor)
{
	snapfile_header(file, GMS_SNAPSHOT_MAJOR, minor);
	for (; section->type; section++)
		snapfile_section(file, section->type, section->flags, section->number, section->n);
	snapfile_end(file);
}

/* What it comes to: a sound space, or nothing. */
static int outcome(struct snapfile *file, struct gms_load_result *result)
{
	struct gms_space *out = NULL;
	struct fx_mem mem;
	int err;

	fx_mem_init(&mem);
	err = snapfile_load(&out, file, &mem, result);
	if (!err)
		fx_space_done(out, &mem);
	ck_assert_uint_eq(mem.live_blocks, 0);
	ck_assert_int_eq(!result->expected, !err);
	return err;
}

/* --- what may be ----------------------------------------------------------- */

static const struct section good[][12] = {
	{ SPACE_OF(GMS_SPLIT_LEVELS) },
	{ SPACE_OF(GMS_SPLIT_LEVELS), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), S) },
	{ SPACE_OF(0), SEC(REGION, 0, 2, 0, 0, 0, 0, 1), SEC(STATES, RUN(2), S) },
	{ SPACE_OF(GMS_SPLIT_LEVELS), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), F),
	  SEC(FOLIOS, FOLIO(512, 0)), SEC(FROZEN, 0, 3, 1, 0, 3, 2, 500, 6, 0xfffffffe) },
	/* Runs that say the same twice, and one section a record. */
	{ SPACE_OF(GMS_SPLIT_NONE), REGION_OF(512, 512, 9), SEC(STATES, RUN(1), S),
	  SEC(STATES, RUN(1), S, RUN(509), 0), SEC(STATES, RUN(1), S) },
	{ SPACE_OF(GMS_SPLIT_HALVES), REGION_OF(0, 512, 9), SEC(STATES, RUN(256), S, RUN(256), 0),
	  SEC(FOLIOS, FOLIO(1, 8), FOLIO(2, 7)) },
	{ SPACE_OF(GMS_SPLIT_ALL_4K), REGION_OF(0, FX_1G, 18), SEC(STATES, RUN(FX_1G), S),
	  SEC(FOLIOS, FOLIO(FX_1G, 0)) },
	{ SPACE_OF(GMS_SPLIT_ALL_4K), REGION_OF(0, 1024, 9), SEC(STATES, RUN(512), S, RUN(512), 0),
	  SEC(FOLIOS, FOLIO(512, 0), FOLIO(1, 9)) },
	{ SPACE_OF(GMS_SPLIT_NONE), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0),
	  REGION_OF(512, 2, 0), SEC(STATES, RUN(1), 0, RUN(1), S) },
};

#define GOOD	(int)(sizeof(good) / sizeof(good[0]))

START_TEST(what_may_be_loads)
{
	struct snapfile *file = snapfile_new();
	struct gms_load_result result;

	make(file, good[_i], 0);
	ck_assert_int_eq(outcome(file, &result), 0);
	ck_assert_uint_eq(result.offset_bytes, file->len);
	snapfile_free(file);
}
END_TEST

/* --- what may not ---------------------------------------------------------- */

static const struct section bad[][12] = {
	/* spaces */
	{ REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0) },
	{ SPACE_OF(GMS_SPLIT_LEVELS), SPACE_OF(GMS_SPLIT_LEVELS) },
	{ SPACE_OF(4) },
	{ SEC(SPACE, GMS_PROFILE_COUNT, 0, 0, 0, 0, 0, 0, 0) },
	{ SEC(SPACE, UINT64_C(1) << 32, 0, 0, 0, 0, 0, 0, 0) },
	{ SEC(SPACE, 0, 0, 3, 0, 0, 0, 0, 0) },
	{ SEC(SPACE, 0, 0, 0, 1, 0, 0, 0, 0) },
	{ SEC(SPACE, 0, 0, 1, (UINT64_C(1) << 31) + 1, 0, 0, 0, 0) },
	{ SEC(SPACE, 0, 0, 0, 0, 3, 0, 0, 0) },
	{ SEC(SPACE, 0, 0, 0, 0, 0, 0, 0) },
	{ SEC(SPACE, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
	/* regions */
	{ SPACE_OF(0), REGION_OF(1, 512, 9), SEC(STATES, RUN(512), 0) },
	{ SPACE_OF(0), REGION_OF(0, 0, 0) },
	{ SPACE_OF(0), REGION_OF(0, 8, 3), SEC(STATES, RUN(8), 0) },
	{ SPACE_OF(0), REGION_OF(GMS_GFN_LIMIT - 1, 2, 0), SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), REGION_OF(UINT64_MAX, 2, 0), SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), REGION_OF(2, 2, 0), SEC(STATES, RUN(2), 0), REGION_OF(3, 2, 0),
	  SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), REGION_OF(2, 2, 0), SEC(STATES, RUN(2), 0), REGION_OF(0, 2, 0),
	  SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), SEC(REGION, 0, 2, 0, 9, 0, 0, 0), SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), SEC(REGION, 0, 2, 0, 0, 0, 1, 0), SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), SEC(REGION, 0, 2, 0, 0, 0, -UINT64_C(4096), 0), SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), SEC(REGION, 0, 2, 0, 0, 0, 0), SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), SEC(REGION, 0, 2, 0, 0, 0, 0, 2), SEC(STATES, RUN(2), 0) },
	{ SPACE_OF(0), SEC(REGION, 0, 2, 0, 0, 0, 0, 1), SEC(STATES, RUN(2), S | D) },
	{ SEC(SPACE, GMS_PROFILE_KVM_ATTRS, 0, 0, 0, 0, 0, 0, 0),
	  SEC(REGION, 0, 2, 0, 0, 0, 0, 1), SEC(STATES, RUN(2), D) },
	/* states */
	{ SPACE_OF(0), SEC(STATES, RUN(1), 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(1), 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(3), 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), 0, RUN(1), 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), 0), SEC(STATES, RUN(1), 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, 0, 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, 1, 0, 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2)) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), GMS_STATE_ALL + 1) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), UINT64_C(1) << 40) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), GMS_STATE_HOST_MAPPED) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), S | GMS_STATE_ACCEPTED) },
	{ SEC(SPACE, GMS_PROFILE_KVM_ATTRS, 0, 0, 0, 0, 0, 0, 0), REGION_OF(0, 2, 0),
	  SEC(STATES, RUN(2), GMS_STATE_ACCEPTED) },
	{ SEC(SPACE, GMS_PROFILE_SECRETMEM, 0, 0, 0, 0, 0, 0, 0), REGION_OF(0, 2, 0),
	  SEC(STATES, RUN(2), GMS_STATE_DIRECT_MAP) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2) + 1, 0, S) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2) + 1, 0, S, 4) },
	{ SPACE_OF(0), REGION_OF(0, 1024, 9), SEC(STATES, RUN(513) + 1, 0, 0, 0), },
	/* folios: none there, too early, of orders that there are not, that tile nothing */
	{ SPACE_OF(0), SEC(FOLIOS, FOLIO(1, 0)) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(FOLIOS, FOLIO(512, 0)), SEC(STATES, RUN(512), 0) },
	{ SPACE_OF(3), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0), SEC(FOLIOS, FOLIO(512, 0)) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0), SEC(FOLIOS, FOLIO(2, 8)) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0), SEC(FOLIOS, FOLIO(511, 0)) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0), SEC(FOLIOS, FOLIO(513, 0)) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0), SEC(FOLIOS, FOLIO(2, 9)) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0), SEC(FOLIOS, FOLIO(1, 31)) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0), SEC(FOLIOS, FOLIO(0, 0)) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0), SEC(FOLIOS, FOLIO(512, 0)),
	  SEC(FOLIOS, FOLIO(512, 0)) },
	{ SPACE_OF(1), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), 0),
	  SEC(FOLIOS, FOLIO(1, 7), FOLIO(1, 8), FOLIO(1, 7)) },
	{ SPACE_OF(1), REGION_OF(0, 1024, 9), SEC(STATES, RUN(1024), 0), SEC(FOLIOS, FOLIO(1024, 0)) },
	{ SPACE_OF(0), REGION_OF(0, 2 * FX_1G, 9), SEC(STATES, RUN(2 * FX_1G), 0),
	  SEC(FOLIOS, FOLIO(2 * FX_1G, 0)) },
	{ SPACE_OF(2), REGION_OF(0, FX_1G, 18), SEC(STATES, RUN(FX_1G), 0),
	  SEC(FOLIOS, FOLIO(512, 9)) },
	{ SPACE_OF(2), REGION_OF(0, 1024, 9), SEC(STATES, RUN(1024), 0),
	  SEC(FOLIOS, FOLIO(100, 0), FOLIO(924, 0)) },
	/* folios that the policy does not allow */
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(1), S, RUN(511), 0) },
	{ SPACE_OF(0), REGION_OF(0, FX_1G, 18), SEC(STATES, RUN(512), S, RUN(FX_1G - 512), 0) },
	{ SPACE_OF(1), REGION_OF(0, 512, 9), SEC(STATES, RUN(256), S, RUN(256), 0),
	  SEC(FOLIOS, FOLIO(2, 7), FOLIO(1, 8)), REGION_OF(512, 512, 9),
	  SEC(STATES, RUN(128), S, RUN(384), 0), SEC(FOLIOS, FOLIO(2, 8)) },
	{ SPACE_OF(2), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), S) },
	{ SPACE_OF(2), REGION_OF(0, 1024, 9), SEC(STATES, RUN(512), S, RUN(512), 0) },
	/* freeze counts */
	{ SPACE_OF(0), SEC(FROZEN, 0, 1, 1) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(FROZEN, 0, 1, 1), SEC(STATES, RUN(2), F) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(1), F, RUN(1), 0), SEC(FROZEN, 0, 2, 1) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), F), SEC(FROZEN, 0, 3, 1) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), F), SEC(FROZEN, 1, 2, 1) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), F), SEC(FROZEN, 3, 1, 1) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), F), SEC(FROZEN, 0, 0, 1) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), F), SEC(FROZEN, 0, 1, 0) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), F), SEC(FROZEN, 0, 1, 0xffffffff) },
	{ SPACE_OF(0), REGION_OF(0, 2, 0), SEC(STATES, RUN(2), F), SEC(FROZEN, 0, 1, 1, 0, 1, 1) },
	{ SPACE_OF(0), REGION_OF(FX_1G - 1, 2, 0), SEC(STATES, RUN(2), F), SEC(FROZEN, 0, 2, 1) },
	{ SPACE_OF(0), REGION_OF(0, 512, 9), SEC(STATES, RUN(512), F), SEC(FROZEN, 0, 1, 1),
	  SEC(FOLIOS, FOLIO(512, 0)) },
	/* ends */
	{ SPACE_OF(0), SEC(END, 2, 100) },
	{ SPACE_OF(0), SEC(END, 1, 16) },
	{ SEC(END, 0, 16) },
};

#define BAD	(int)(sizeof(bad) / sizeof(bad[0]))

START_TEST(what_may_not_be_is_refused)
{
	struct snapfile *file = snapfile_new();
	struct gms_load_result result;
	int err;

	make(file, bad[_i], 0);
	err = outcome(file, &result);
	ck_assert_msg(err == -EBADMSG, "%s, expected %s", gms_strerror(err), result.expected);
	ck_assert_uint_ge(result.offset_bytes, SNAPFILE_HEADER);
	ck_assert_uint_le(result.offset_bytes, file->len);
	snapfile_free(file);
}
END_TEST

START_TEST(numbers_have_one_form)
{
	static const struct {
		unsigned char byte[16];
		size_t bytes;
	} odd[] = {
		{ { 0x80, 0x00, 0, 0, 0, 0, 0, 0, 0 }, 9 },	/* longer than it must be */
		{ { 0, 0, 0, 0, 0, 0, 0, 0x80 }, 8 },		/* without an end */
		{ { 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		  }, 16 },
	};
	static const unsigned char most[] = {
		0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
	};
	struct snapfile *file = snapfile_new();
	struct gms_load_result result;
	unsigned char over[sizeof(most)];

	for (unsigned i = 0; i < 3; i++) {
		snapfile_header(file, 1, 0);
		snapfile_section_raw(file, SPACE, 0, odd[i].byte, odd[i].bytes);
		snapfile_end(file);
		ck_assert_int_eq(outcome(file, &result), -EBADMSG);
	}
	snapfile_header(file, 1, 0);
	snapfile_section_raw(file, SPACE, 0, most, sizeof(most));
	snapfile_end(file);
	ck_assert_int_eq(outcome(file, &result), 0);
	memcpy(over, most, sizeof(over));
	over[sizeof(over) - 1] = 2;
	snapfile_header(file, 1, 0);
	snapfile_section_raw(file, SPACE, 0, over, sizeof(over));
	snapfile_end(file);
	ck_assert_int_eq(outcome(file, &result), -EBADMSG);
	snapfile_free(file);
}
END_TEST

/* --- versions -------------------------------------------------------------- */

START_TEST(versions_are_met)
{
	static const struct {
		unsigned major, minor, type, flags;
		uint64_t profile;
		int	 err;
		uint64_t skipped;
	} table[] = {
		{ 1, 0, 0, 0, 0, -EOPNOTSUPP, 0 },	/* no type of this version */
		{ 1, 0, 7, 0, 0, -EOPNOTSUPP, 0 },
		{ 1, 0, 7, 1, 0, 0, 1 },
		{ 1, 9, 7, 1, 0, 0, 1 },		/* a later one wrote it */
		{ 1, 9, 7, 0, 0, -EOPNOTSUPP, 0 },
		{ 1, 9, 7, 3, 0, -EOPNOTSUPP, 0 },	/* flags that nobody knows */
		{ 1, 9, 0xfffe, 1, 0, 0, 1 },
		{ 1, 65535, 7, 1, 0, 0, 1 },
		{ 1, 0, 7, 1, GMS_PROFILE_COUNT, -EBADMSG, 0 },
		{ 1, 1, 7, 1, GMS_PROFILE_COUNT, -EOPNOTSUPP, 0 },
		{ 0, 0, 7, 1, 0, -EBADMSG, 0 },
		{ 2, 0, 7, 1, 0, -EOPNOTSUPP, 0 },
		{ 65535, 0, 7, 1, 0, -EOPNOTSUPP, 0 },
	};
	struct snapfile *file = snapfile_new();
	struct gms_load_result result;

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const uint64_t space[] = { table[i].profile, 0, 0, 0, 0, 0, 0, 0 };

		snapfile_header(file, table[i].major, table[i].minor);
		snapfile_section(file, SPACE, 0, space, 8);
		snapfile_section(file, table[i].type, table[i].flags, space, 3);
		snapfile_end(file);
		ck_assert_msg(outcome(file, &result) == table[i].err, "row %u: %s", i,
			      result.expected);
		ck_assert_uint_eq(result.skipped_sections, table[i].skipped);
		ck_assert_uint_eq(result.format_major, table[i].major);
		ck_assert_uint_eq(result.format_minor, table[i].minor);
	}
	snapfile_free(file);
}
END_TEST

/* What is to be skipped may be of any length, anywhere; what is known may not. */
START_TEST(sections_may_be_long_where_they_are_skipped)
{
	static unsigned char zeros[100000];
	const uint64_t space[8] = { 0 };
	struct snapfile *file = snapfile_new();
	struct gms_load_result result;

	snapfile_header(file, 1, 3);
	snapfile_section_raw(file, 99, 1, zeros, sizeof(zeros));
	snapfile_section_raw(file, 99, 1, zeros, 0);
	snapfile_section(file, SPACE, 1, space, 8);	/* it is known: the flag says nothing */
	snapfile_section_raw(file, 99, 1, zeros, 4097);
	snapfile_end(file);
	ck_assert_int_eq(outcome(file, &result), 0);
	ck_assert_uint_eq(result.skipped_sections, 3);

	snapfile_header(file, 1, 3);
	snapfile_section(file, SPACE, 0, space, 8);
	snapfile_section_raw(file, STATES, 0, zeros, 4097);
	snapfile_end(file);
	ck_assert_int_eq(outcome(file, &result), -EBADMSG);
	snapfile_free(file);
}
END_TEST

/* --- memory ---------------------------------------------------------------- */

START_TEST(memory_is_bounded)
{
	/* Every frame there is, with 2 KiB a GiB for when its blocks turned. */
	static const struct section large[] = {
		SEC(SPACE, 0, 0, 1, 7, 0, 0, 0, 0),
		REGION_OF(0, GMS_GFN_LIMIT, 18), SEC(STATES, RUN(GMS_GFN_LIMIT), 0), { 0 },
	};
	struct snapfile *file = snapfile_new();
	struct gms_load_result result;
	struct gms_load_opts opts;
	struct gms_space *out = NULL;
	struct fx_mem mem;

	fx_mem_init(&mem);
	GMS_INIT(&opts);
	GMS_INIT(&result);
	opts.mem = &mem.ops;
	opts.most_bytes = 1 << 20;
	make(file, large, 0);
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, &result), -EMSGSIZE);
	ck_assert_ptr_null(result.expected);
	ck_assert_uint_lt(mem.peak_bytes, 1 << 20);

	/* A chunk for a page in each GiB. */
	snapfile_header(file, 1, 0);
	snapfile_section(file, SPACE, 0, (const uint64_t[8]){ 0 }, 8);
	snapfile_section(file, REGION, 0, (const uint64_t[]){ 0, 1000 * FX_1G, 0, 0, 0, 0, 0 }, 7);
	for (unsigned i = 0; i < 1000; i++)
		snapfile_section(file, STATES, 0,
				 (const uint64_t[]){ RUN(1), S, RUN(FX_1G - 1), 0 }, 4);
	snapfile_end(file);
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, &result), -EMSGSIZE);
	ck_assert_uint_lt(mem.peak_bytes, (1 << 20) + (100 << 10));
	ck_assert_uint_eq(mem.live_blocks, 0);
	opts.most_bytes = 16 << 20;
	file->at = 0;
	ck_assert_int_eq(gms_load(&out, &opts, snapfile_read, file, &result), 0);
	ck_assert_uint_eq(fx_shared(out, FX_ALL), 1000);
	fx_space_done(out, &mem);
	snapfile_free(file);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("snapshot_format");
	TCase *files = fx_case(s, "files"), *versions = fx_case(s, "versions");

	tcase_add_loop_test(files, what_may_be_loads, 0, GOOD);
	tcase_add_loop_test(files, what_may_not_be_is_refused, 0, BAD);
	tcase_add_test(files, numbers_have_one_form);
	tcase_add_test(files, memory_is_bounded);
	tcase_add_test(versions, versions_are_met);
	tcase_add_test(versions, sections_may_be_long_where_they_are_skipped);
	return fx_run(s);
}
