/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_array.c - an array with a word a page, and the map compared with it.
 */
#include "map_model.h"

#define S	GMS_STATE_SHARED

static const gms_state counted[GMS__COUNTED] = {
	GMS_STATE_SHARED, GMS_STATE_POPULATED, GMS_STATE_MISSING, GMS_STATE_DIRTY
};

void mm_array_add(struct mm_region *r, gms_state state)
{
	for (gms_gfn gfn = r->row.first; gfn < r->end; gfn++) {
		mm.page[gfn] = (uint16_t)state;
		for (unsigned i = 0; i < GMS__COUNTED; i++)
			r->pages[gms__gib_of(gfn)][i] += state & counted[i] ? 1 : 0;
	}
}

void mm_array_edit(const struct mm_op *op, uint64_t *to_shared, uint64_t *to_private)
{
	for (gms_gfn gfn = op->first; gfn < op->end; gfn++) {
		const gms_state old = mm.page[gfn], new = (old & ~op->clear) | op->set;
		uint32_t *pages = op->region->pages[gms__gib_of(gfn)];

		if (old == new)
			continue;
		mm.page[gfn] = (uint16_t)new;
		*to_shared += new & ~old & S ? 1 : 0;
		*to_private += old & ~new & S ? 1 : 0;
		if (!((old ^ new) & GMS__COUNTED_STATES))
			continue;
		for (unsigned i = 0; i < GMS__COUNTED; i++)
			pages[i] += !!(new & counted[i]) - !!(old & counted[i]);
	}
}

int mm_array_refuses(const struct mm_op *op)
{
	for (gms_gfn gfn = op->first; gfn < op->end; gfn++) {
		const gms_state old = mm.page[gfn], new = (old & ~op->clear) | op->set;

		if (old & ~new & GMS_STATE_POISON && new & GMS_STATE_POPULATED)
			return -EHWPOISON;
		if (old & ~new & S && old & GMS_STATE_FROZEN)
			return -EBUSY;
	}
	return 0;
}

static gms_state draw_mask(void)
{
	switch (mm_below(4)) {
	case 0:		return S;
	case 1:		return UINT32_C(1) << mm_below(15);
	default:	return (gms_state)fx_rand_u64(&mm.rand) & GMS_STATE_ALL;
	}
}

/* Runs of [first, end), which is whole in a region, under a mask (I1). */
static void verify_runs(gms_gfn first, gms_gfn end, gms_state mask)
{
	struct gms_cursor cursor = { 0 };
	gms_gfn pos = first, at = first;
	struct gms_run run;

	while (gms__map_next_run(mm.map, &cursor, &pos, end, mask, &run)) {
		MM_AGREE(run.first == at && run.npages && run.npages <= end - at,
			 "run 0x%" PRIx64 "+%" PRIu64 ", should begin at 0x%" PRIx64, run.first,
			 run.npages, at);
		MM_AGREE(at == first || (mm.page[at - 1] & mask) != run.state,
			 "two runs of state 0x%x under 0x%x meet at 0x%" PRIx64, run.state, mask, at);
		for (; at < run.first + run.npages; at++)
			MM_AGREE((mm.page[at] & mask) == run.state, "page 0x%" PRIx64
				 " is in a run of 0x%x under 0x%x, should be 0x%x", at, run.state,
				 mask, mm.page[at]);
	}
	MM_AGREE(at == end, "runs under 0x%x end at 0x%" PRIx64 ", should at 0x%" PRIx64, mask, at,
		 end);
}

static void verify_page(gms_gfn gfn)
{
	const gms_state is = gms__map_get(mm.map, gfn);
	const gms_state should = mm.page[gfn] == MM_HOLE ? GMS_HOLE : mm.page[gfn];

	MM_AGREE(is == should, "page 0x%" PRIx64 ": state 0x%x, should be 0x%x", gfn, is, should);
}

static void verify_count(gms_gfn first, gms_gfn end, gms_state attribute)
{
	uint64_t is = gms__map_count(mm.map, first, end, attribute), should = 0;

	for (gms_gfn gfn = first; gfn < end; gfn++)
		should += mm.page[gfn] & attribute ? 1 : 0;
	MM_AGREE(is == should, "0x%" PRIx64 "..0x%" PRIx64 " count 0x%x: %" PRIu64 ", should be %"
		 PRIu64, first, end, attribute, is, should);
}

static bool matches(gms_gfn gfn, gms_state mask, gms_state value)
{
	return mm.page[gfn] != MM_HOLE && (mm.page[gfn] & mask) == value;
}

static bool region_ends_at(gms_gfn gfn)
{
	for (const struct mm_region *r = mm.region; r < mm.region + mm.nregions; r++) {
		if (r->end == gfn)
			return true;
	}
	return false;
}

/* The runs of one value, which a region's end ends too, and the first page of it. */
static void verify_matches(gms_gfn first, gms_gfn end, gms_state mask)
{
	const gms_state value = mm.page[first + mm_below(end - first)] & mask & GMS_STATE_ALL;
	struct gms_cursor cursor = { 0 };
	gms_gfn pos = first, at = first, found;
	struct gms_run run;

	found = gms__map_find(mm.map, first, end, mask, value);
	while (at < end && !matches(at, mask, value))
		at++;
	MM_AGREE(found == at, "find 0x%x of 0x%x: 0x%" PRIx64 ", should be 0x%" PRIx64, value, mask,
		 found, at);
	while (gms__map_next_match(mm.map, &cursor, &pos, end, mask, value, &run)) {
		MM_AGREE(run.first == at && run.state == value && run.npages <= end - at,
			 "match of 0x%x under 0x%x at 0x%" PRIx64 ", should be at 0x%" PRIx64,
			 value, mask, run.first, at);
		do {
			at++;
		} while (at < end && matches(at, mask, value) && !region_ends_at(at));
		MM_AGREE(run.first + run.npages == at, "match at 0x%" PRIx64 "+%" PRIu64
			 ", should end at 0x%" PRIx64, run.first, run.npages, at);
		while (at < end && !matches(at, mask, value))
			at++;
	}
	MM_AGREE(at == end, "no match for page 0x%" PRIx64, at);
}

/* The piece around one page, as the word itself tells it. */
static void verify_piece(uint64_t word, gms_gfn lo, gms_gfn hi, gms_state mask)
{
	const gms_gfn gfn = lo + mm_below(hi - lo), base = gfn & ~(FX_2M - 1);
	unsigned first, end;
	const gms_state state = gms__block_piece(&mm.map->palette, word, (unsigned)(gfn - base),
						 mask, &first, &end);
	gms_gfn from = gfn, to = gfn + 1;

	while (from > lo && !((mm.page[from - 1] ^ mm.page[gfn]) & mask))
		from--;
	while (to < hi && !((mm.page[to] ^ mm.page[gfn]) & mask))
		to++;
	MM_AGREE(state == (mm.page[gfn] & mask) && gms__max(base + first, lo) == from &&
		 gms__min(base + end, hi) == to, "piece of 0x%" PRIx64 " under 0x%x: [%u, %u) state "
		 "0x%x, should be [%" PRIu64 ", %" PRIu64 ") state 0x%x", gfn, mask, first, end,
		 state, from - base, to - base, mm.page[gfn] & mask);
}

/* What the chunk has counted of a block's group and of its GiB (M2). */
static void verify_counts(const struct mm_region *r, gms_gfn gfn)
{
	const struct gms__chunk *chunk = gms__chunk_of(&r->row, gfn);
	const uint32_t *should = r->pages[gms__gib_of(gfn)];
	const gms_gfn lo = gms__clip_lo(&r->row, gfn, GMS__GROUP_PAGES);
	const gms_gfn hi = gms__clip_hi(&r->row, gfn, GMS__GROUP_PAGES);
	unsigned shared = 0, is;

	if (!chunk)
		return;
	is = chunk->shared[gms__block_index(gfn) / GMS__GROUP_BLOCKS];
	for (gms_gfn at = lo; at < hi; at++)
		shared += mm.page[at] & S;
	MM_AGREE(is == shared, "group of 0x%" PRIx64 ": %u shared, should be %u", gfn, is, shared);
	for (unsigned i = 0; i < GMS__COUNTED; i++)
		MM_AGREE(chunk->pages[i] == should[i], "GiB of 0x%" PRIx64 ": %u pages of 0x%x, "
			 "should be %u", gfn, chunk->pages[i], counted[i], should[i]);
}

/* The block around a page, as far as it is the region's. */
static void verify_block(const struct mm_region *r, gms_gfn gfn)
{
	const gms_gfn lo = gms__clip_lo(&r->row, gfn, FX_2M);
	const gms_gfn hi = gms__clip_hi(&r->row, gfn, FX_2M);
	uint64_t word = 0;
	const bool has_word = mm_word(r, gfn, &word);
	bool mixed = false;

	for (gms_gfn at = lo + 1; at < hi && !mixed; at++)
		mixed = mm.page[at] != mm.page[lo];
	MM_AGREE(mixed == (has_word && !gms__block_is_uniform(word)), "block of 0x%" PRIx64
		 " is of kind %d, its pages are %s", gfn, gms__block_kind(word),
		 mixed ? "mixed" : "equal");
	verify_runs(lo, hi, GMS_STATE_ALL);
	verify_counts(r, lo);
	if (has_word)
		verify_piece(word, lo, hi, draw_mask());
	for (unsigned i = 0; i < 4; i++)
		verify_page(lo + mm_below(hi - lo));
	switch (mm_below(4)) {
	case 0:
		verify_runs(lo, hi, draw_mask());
		break;
	case 1:
		verify_matches(lo, hi, draw_mask());
		break;
	case 2:
		verify_count(lo, hi, counted[mm_below(GMS__COUNTED)]);
		break;
	default:
		verify_count(lo + mm_below(hi - lo), hi, counted[mm_below(GMS__COUNTED)]);
	}
}

void mm_verify_around(const struct mm_op *op)
{
	const struct mm_region *r = op->region;
	const gms_gfn first = op->first & ~(FX_2M - 1), last = (op->end - 1) & ~(FX_2M - 1);
	const gms_gfn near[] = {
		first - FX_2M, first, last, last + FX_2M,
		first + mm_below((last - first) / FX_2M + 1) * FX_2M,
	};

	for (unsigned i = 0; i < 5; i++) {
		const gms_gfn lo = near[i], hi = near[i] + FX_2M;

		if ((i == 2 && last == first) || (i == 4 && last - first < 2 * FX_2M))
			continue;
		/* A block's pages may be several regions'. */
		for (r = mm.region; r < mm.region + mm.nregions; r++) {
			if (lo < r->end && r->row.first < hi)
				verify_block(r, gms__max(lo, r->row.first));
		}
	}
	verify_page(op->first);
	verify_page(op->end - 1);
	verify_page(op->first - 1);
	if (op->end < MM_FRAMES)
		verify_page(op->end);
}

/* Every chunk and leaf that is not free is some word's. */
static void verify_tables(void)
{
	uint64_t chunks = 0, leaves[GMS__LEAF_CLASSES] = { 0 };

	for (const struct mm_region *r = mm.region; r < mm.region + mm.nregions; r++) {
		for (gms_gfn at = r->row.first; at < r->end; at = (at | (FX_1G - 1)) + 1) {
			const struct gms__chunk *chunk = gms__chunk_of(&r->row, at);

			chunks += chunk != NULL;
			for (unsigned b = 0; chunk && b < GMS__CHUNK_BLOCKS; b++) {
				if (gms__block_has_leaf(chunk->word[b]))
					leaves[gms__block_class(chunk->word[b])]++;
			}
		}
	}
	MM_AGREE(mm.map->chunks.ntotal - mm.map->chunks.nfree == chunks,
		 "%" PRIu64 " chunks are lost",
		 mm.map->chunks.ntotal - mm.map->chunks.nfree - chunks);
	for (unsigned c = 0; c < GMS__LEAF_CLASSES; c++)
		MM_AGREE(mm.map->leaves[c].ntotal - mm.map->leaves[c].nfree == leaves[c],
			 "%" PRIu64 " leaves of class %u are lost",
			 mm.map->leaves[c].ntotal - mm.map->leaves[c].nfree - leaves[c], c);
}

void mm_verify_whole(const struct mm_region *touched)
{
	char why[256] = "";
	int err;

	for (const struct mm_region *r = mm.region; r < mm.region + mm.nregions; r++) {
		const gms_state attribute = counted[mm_below(GMS__COUNTED)];
		const bool every = !touched || touched == r || mm_odds(1, 16);
		uint64_t should = 0, is;

		verify_runs(r->row.first, r->end, GMS_STATE_ALL);
		verify_runs(r->row.first, r->end, draw_mask());
		verify_matches(r->row.first, r->end + FX_2M, draw_mask());	/* over borders */
		verify_count(r->row.first + mm_below(r->row.npages), r->end, attribute);
		verify_page(r->row.first - 1);
		for (gms_gfn gfn = r->row.first; gfn < r->end && every; gfn++)
			verify_page(gfn);
		for (gms_gfn at = r->row.first; at < r->end; at = (at | (FX_1G - 1)) + 1)
			for (unsigned i = 0; i < GMS__COUNTED; i++)
				should += counted[i] == attribute ? r->pages[gms__gib_of(at)][i] : 0;
		is = gms__map_count(mm.map, r->row.first, r->end, attribute);
		MM_AGREE(is == should, "region 0x%" PRIx64 ": %" PRIu64 " pages of 0x%x, should be %"
			 PRIu64, r->row.first, is, attribute, should);
	}
	verify_tables();
	err = gms_check(mm.space, why, sizeof(why));
	MM_AGREE(!err, "gms_check: %s", why);
}
