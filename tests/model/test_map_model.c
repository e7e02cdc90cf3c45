/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_map_model.c - random edits of a map and of an array, compared after each.
 *
 * White box: an edit is planned (needs, provide, edit), or tried first with
 * whatever tables are in hand, or made by gms_convert(). Edits are drawn so that
 * a few blocks go through every representation, over and over; which became
 * which is counted, and each that can happen must have happened at the end.
 *
 * Epochs of some thousand steps have a fresh space each, for a palette fills up
 * for good: by turns a small guest, all of which is compared after every step,
 * and a large one, of which the blocks that were touched and those beside them
 * are, and all of it now and then. GMS_MODEL_STEPS sets how many steps there are
 * (make model: 10 million), GMS_SEED replays, GMS_MODEL_EPOCH one epoch alone.
 */
#include "map_model.h"

#include <stdarg.h>
#include <time.h>

#define S		GMS_STATE_SHARED

#define EPOCH_STEPS	UINT64_C(10000)
#define EPOCHS_MIN	16		/* each guest under each policy twice */
#define WHOLE_EVERY	2500		/* of a large guest */
#define CHECK_STEPS	UINT64_C(300000)	/* of make check; enough for each transition */

struct mm mm;

/*
 * Odd borders within a block and a GiB; regions that share a GiB, some of them a
 * block too, or meet where a word of bits begins. A stripe keeps GMS__IDLE idle
 * chunks: GiB 1 of the small guest is of more regions.
 */
_Static_assert(GMS__IDLE < 4, "an idle chunk must be one too many at times");
static const struct mm_guest guests[] = {
	{ "small", {
		{ FX_1G - 300, 300 + FX_2M + 100, 0 }, { FX_1G + FX_2M + 150, FX_2M + 7, 0 },
		{ FX_1G + 8 * FX_2M + 9, 247, 0 }, { FX_1G + 8 * FX_2M + 256, 200, 0 },
		{ 2 * FX_1G + 4 * FX_2M, 2 * FX_2M, 9 } }, true },
	{ "large", {
		{ FX_1G - 700, 700 + FX_1G + 3 * FX_2M + 77, 0 },
		{ 2 * FX_1G + 3 * FX_2M + 177, FX_2M * 200 + 5, 0 },
		{ 3 * FX_1G, FX_1G, 18 }, { 4 * FX_1G, 64 * FX_2M, 9 },
		{ 4 * FX_1G + 64 * FX_2M, 100, 0 }, { 4 * FX_1G + 70 * FX_2M, FX_2M, 9 } }, false },
};

static const struct { uint32_t split, merge; } policies[] = {
	{ GMS_SPLIT_NONE, GMS_MERGE_EXPLICIT },	/* folios are cut below the engine */
	{ GMS_SPLIT_LEVELS, GMS_MERGE_EAGER },
	{ GMS_SPLIT_NONE, GMS_MERGE_EXPLICIT },
	{ GMS_SPLIT_LEVELS, GMS_MERGE_EXPLICIT },
};

static const char *const way_name[MM_WAYS] = { "planned", "tried", "convert", "cut", "grow" };

void mm_disagree(const char *form, ...)
{
	char text[400];
	va_list args;

	va_start(args, form);
	vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	fprintf(stderr, "map model: %s guest, split %u, merge %u, GMS_SEED=0x%" PRIx64
		" GMS_MODEL_EPOCH=%" PRIu64 ", step %" PRIu64 "; the last operations:\n",
		mm.guest->name, mm.split, mm.merge, fx_seed(), mm.epoch, mm.step);
	for (uint64_t i = mm.step < 16 ? 0 : mm.step - 15; i <= mm.step; i++) {
		const struct mm_op *op = &mm.story[i % 16];
		uint64_t word;

		if (!op->region || op->step != i)
			continue;
		if (!mm_word(op->region, op->first, &word))
			word = 0;
		fprintf(stderr, "  %6" PRIu64 " %-8s 0x%" PRIx64 "+%" PRIu64
			" set 0x%x clear 0x%x = %d; block now of kind %d\n", op->step,
			way_name[op->way], op->first, op->end - op->first, op->set, op->clear,
			op->err, gms__block_kind(word));
	}
	fprintf(stderr, "  -> %s\n", text);
	fflush(stderr);
	ck_abort_msg("%s", text);
}

static void planned(const struct mm_op *op, struct gms__tables *hand)
{
	struct gms_cursor cursor = { 0 };
	struct gms__needs needs;
	gms_gfn pos = op->first;
	struct gms_run run;

	memset(&needs, 0, sizeof(needs));
	gms__map_needs(mm.map, &op->region->row, op->first, op->end, op->set, op->clear, &needs);
	while (gms__map_next_run(mm.map, &cursor, &pos, op->end, GMS_STATE_ALL, &run)) {
		const gms_state new = gms__changed(run.state, op->set, op->clear);

		if (new != run.state)
			gms__map_needs_state(mm.map, new, &needs);
	}
	MM_AGREE(!gms__map_provide(mm.map, &needs, hand, true), "no memory");
	gms__map_edit(mm.map, &op->region->row, op->first, op->end, op->set, op->clear, hand);
}

/* With what happens to be in hand; false, and nothing has changed: planned instead. */
static void tried(const struct mm_op *op, struct gms__tables *hand)
{
	uint64_t before = 0, after = 0;

	mm_word(op->region, op->first, &before);
	for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++)
		MM_AGREE(!gms__pool_take(&mm.map->leaves[c], &hand->leaves[c], mm_below(2), true),
			 "no memory");
	if (gms__map_edit_try(mm.map, &op->region->row, op->first, op->end, op->set, op->clear,
			      hand))
		return;
	mm_word(op->region, op->first, &after);
	MM_AGREE(after == before, "an edit that was refused changed a word");
	mm_verify_around(op);
	gms__tables_put(mm.map, hand);
	planned(op, hand);
}

static void edit_directly(const struct mm_op *op)
{
	const struct gms_range range = FX_RANGE(op->first, op->end - op->first);
	const uint64_t stripes = gms__map_stripes(range);
	uint64_t to_shared = 0, to_private = 0;
	struct gms__tables hand;

	memset(&hand, 0, sizeof(hand));
	gms__map_lock(mm.map, stripes, op->first, op->end);
	gms__map_change_begin(mm.map, stripes);
	if (op->way == MM_TRIED)
		tried(op, &hand);
	else
		planned(op, &hand);
	gms__map_change_end(mm.map, stripes);
	gms__map_unlock(mm.map, stripes);
	gms__tables_put(mm.map, &hand);
	mm_array_edit(op, &to_shared, &to_private);
	gms__ledger_shared(&mm.space->ledger, to_shared, to_private);
}

static void convert(struct mm_op *op)
{
	const struct gms_change change = {
		FX_RANGE(op->first, op->end - op->first), op->set, op->clear
	};
	const int should = mm_array_refuses(op);
	struct gms_convert_result result;
	uint64_t to_shared = 0, to_private = 0;

	GMS_INIT(&result);
	op->err = gms_convert(mm.space, &change, 1, NULL, &result);
	MM_AGREE(op->err == should, "convert: %s, should be %s", gms_strerror(op->err),
		 gms_strerror(should));
	if (should)
		return;
	MM_AGREE(result.changed_pages + result.unchanged_pages == change.range.npages,
		 "convert: %" PRIu64 " pages changed, %" PRIu64 " not", result.changed_pages,
		 result.unchanged_pages);
	mm_array_edit(op, &to_shared, &to_private);
}

/* Cut the folio of a block, and the one of its GiB before it, or join them again. */
static void shape_directly(const struct mm_op *op)
{
	const struct gms__region *row = &op->region->row;
	const uint64_t stripe = UINT64_C(1) << gms__stripe_of(op->first);
	struct gms__tables hand;

	memset(&hand, 0, sizeof(hand));
	gms__map_lock(mm.map, stripe, op->first, op->first + 1);
	gms__map_change_begin(mm.map, stripe);
	if (op->way == MM_CUT) {
		MM_AGREE(!gms__pool_take(&mm.map->chunks, &hand.chunks, 1, true), "no memory");
		if (op->region->base_order == 18 && !gms__map_is_split(row, op->first, 18))
			gms__shape_cut(mm.space, row, op->first, 18, true, &hand);
		if (!gms__map_is_split(row, op->first, 9))
			gms__shape_cut(mm.space, row, op->first, 9, true, &hand);
	} else {
		if (gms__map_is_split(row, op->first, 9))
			gms__shape_cut(mm.space, row, op->first, 9, false, &hand);
		if (gms__map_is_split(row, op->first, 18) && !gms__map_any_split_2m(row, op->first))
			gms__shape_cut(mm.space, row, op->first, 18, false, &hand);
		gms__map_settle(mm.map, row, op->first, &hand, mm_odds(1, 2));
	}
	gms__map_change_end(mm.map, stripe);
	gms__map_unlock(mm.map, stripe);
	gms__tables_put(mm.map, &hand);
}

static void shape(struct mm_op *op)
{
	const unsigned order = op->region->base_order == 18 && mm_odds(1, 2) ? 18 : 9;

	if (mm.split == GMS_SPLIT_NONE)
		shape_directly(op);
	else if (op->way == MM_CUT)
		op->err = gms_folio_split(mm.space, op->first, order == 18 ? 9 : 0);
	else
		op->err = gms_folio_merge(mm.space, op->first, order);
	MM_AGREE(!op->err || (op->way == MM_GROWN && op->err == -EBUSY), "%s: %s",
		 way_name[op->way], gms_strerror(op->err));
}

static void step(void)
{
	struct mm_op *op = &mm.story[mm.step % 16];
	const bool direct = mm.split == GMS_SPLIT_NONE;

	mm_draw_edit(op);
	if (op->region->base_order && mm_odds(1, 8)) {
		op->way = mm_odds(1, 3) ? MM_CUT : MM_GROWN;
		op->first &= ~(FX_2M - 1);
		op->end = op->first + FX_2M;
		op->set = op->clear = 0;
	} else if (direct && mm_odds(1, 2)) {
		op->way = MM_PLANNED;
	} else if (direct && mm_odds(1, 2) &&
		   op->first / FX_2M == (op->end - 1) / FX_2M) {
		op->way = MM_TRIED;
	} else {
		op->way = MM_CONVERTED;
	}
	mm_matrix_before(op);
	if (op->way == MM_CONVERTED)
		convert(op);
	else if (op->way == MM_CUT || op->way == MM_GROWN)
		shape(op);
	else
		edit_directly(op);
	mm_matrix_after(op);
}

static void setup(uint64_t epoch)
{
	memset(&mm, 0, sizeof(mm));
	mm_draw_begin();
	mm.guest = &guests[epoch % 2];
	mm.epoch = epoch;
	mm.split = policies[epoch / 2 % 4].split;
	mm.merge = policies[epoch / 2 % 4].merge;
	fx_rand_init(&mm.rand, fx_seed(), epoch);
	fx_mem_init(&mm.mem);
	mm.space = fx_space(&mm.mem, GMS_PROFILE_GENERIC, mm.split, mm.merge);
	mm.map = &mm.space->map;
	mm.page = malloc(MM_FRAMES * sizeof(*mm.page));
	ck_assert_ptr_nonnull(mm.page);
	for (gms_gfn gfn = 0; gfn < MM_FRAMES; gfn++)
		mm.page[gfn] = MM_HOLE;
	for (const struct mm_place *p = mm.guest->place; p < mm.guest->place + MM_REGIONS; p++) {
		const gms_state state = mm_odds(1, 2) ? GMS_STATE_DIRECT_MAP : S;
		struct mm_region *r = &mm.region[mm.nregions];
		uint64_t check;

		if (!p->npages)
			break;
		fx_region(mm.space, FX_RANGE(p->first, p->npages), p->base_order, state, NULL);
		ck_assert(gms__region_find(mm.map, p->first, &r->row, &check));
		r->end = p->first + p->npages;
		r->base_order = p->base_order;
		mm_array_add(r, state);
		mm.nregions++;
	}
}

static void run_epoch(uint64_t epoch, uint64_t steps)
{
	setup(epoch);
	for (mm.step = 1; mm.step <= steps; mm.step++) {
		step();
		if (mm.guest->small || mm.step % WHOLE_EVERY == 0)
			mm_verify_whole(mm.story[mm.step % 16].region);
		else
			mm_verify_around(&mm.story[mm.step % 16]);
	}
	mm_verify_whole(NULL);
	gms_space_free(mm.space);
	MM_AGREE(!mm.mem.live_blocks, "%" PRIu64 " blocks leaked", mm.mem.live_blocks);
	free(mm.page);
}

START_TEST(every_representation_equals_an_array)
{
	const uint64_t steps = fx_env_u64("GMS_MODEL_STEPS", CHECK_STEPS / fx_slowdown());
	const uint64_t only = fx_env_u64("GMS_MODEL_EPOCH", UINT64_MAX);
	const uint64_t epochs = steps / EPOCH_STEPS < EPOCHS_MIN ? EPOCHS_MIN : steps / EPOCH_STEPS;
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (only != UINT64_MAX) {
		run_epoch(only, steps / epochs);
		mm_matrix_print();
		return;
	}
	for (uint64_t epoch = 0; epoch < epochs; epoch++)
		run_epoch(epoch, steps / epochs + (epoch < steps % epochs));
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%" PRIu64 " steps in %" PRIu64 " epochs, %.1f seconds\n", steps, epochs,
	       (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec));
	mm_matrix_print();
	mm_matrix_check(steps >= CHECK_STEPS);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("map_model");

	fx_seed();
	tcase_add_test(fx_case(s, "edits"), every_representation_equals_an_array);
	return fx_run(s);
}
