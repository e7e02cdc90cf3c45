/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c - recount everything and compare; what breaks is named by its label.
 *
 * Labels: I1.. of gmemstate(7), M1.. of map/map.h, T and P of the pins.
 *
 * Locking: takes all stripes, and the claims' lock where it looks at pins.
 */
#include "engine/check.h"

#include <errno.h>

struct recount {
	struct gms_space *space;
	struct gms__text *why;
	uint64_t regions;
	uint64_t pages;
	uint64_t shared;
	uint64_t folios[3];	/* 4K, 2M, 1G */
	uint64_t pins;
	uint64_t pinned_pages;
	bool	 broken;
};

static void broken(struct recount *rc, const char *what, uint64_t gfn, uint64_t seen,
		   uint64_t wanted)
{
	if (rc->broken)
		return;	/* the first is the one to look at */
	rc->broken = true;
	gms__text_str(rc->why, what);
	gms__text_str(rc->why, " at gfn ");
	gms__text_hex(rc->why, gfn);
	gms__text_str(rc->why, ": ");
	gms__text_dec(rc->why, seen);
	gms__text_str(rc->why, ", should be ");
	gms__text_dec(rc->why, wanted);
}

static void check_state(struct recount *rc, gms_gfn gfn, gms_state state)
{
	uint32_t reason;

	if (state & ~rc->space->profile->known)
		broken(rc, "C11: attributes outside the profile", gfn,
		       state & ~rc->space->profile->known, 0);
	if (gms__rule_check(state, state, &reason))
		broken(rc, "I4: state not allowed", gfn, state, 0);
	if (rc->space->profile->direct_map != GMS__DIRECT_MAP_AS_TOLD &&
	    gms__profile_first(rc->space->profile, state) != state)
		broken(rc, "C11: direct map not as the profile has it", gfn, state,
		       gms__profile_first(rc->space->profile, state));
}

/* Returns the shared pages of [lo, hi), a block that is not uniform. */
static uint64_t check_pages(struct recount *rc, uint64_t word, gms_gfn lo, gms_gfn hi)
{
	const struct gms__palette *palette = &rc->space->map.palette;
	const gms_gfn base = lo & ~(GMS__BLOCK_PAGES - 1);
	const gms_state first = gms__block_get(palette, word, (unsigned)(lo - base));
	uint64_t shared = 0;
	bool differ = false;

	for (gms_gfn gfn = lo; gfn < hi; gfn++) {
		const gms_state state = gms__block_get(palette, word, (unsigned)(gfn - base));

		check_state(rc, gfn, state);
		shared += state & GMS_STATE_SHARED;
		differ |= state != first;
	}
	if (!differ)
		broken(rc, "M1: mixed word of one state, kind", lo, word & 7, 0);
	if (shared != gms__block_shared(palette, word, (unsigned)(lo - base),
					(unsigned)(hi - base)))
		broken(rc, "M2: shared pages of a word", lo, word & 7, shared);
	return shared;
}

static void check_folio(struct recount *rc, gms_gfn first, unsigned order, uint64_t shared)
{
	rc->folios[order / GMS_ORDER_2M]++;
	if (rc->space->split == GMS_SPLIT_LEVELS && order && shared &&
	    shared != UINT64_C(1) << order)
		broken(rc, "I7: mixed folio, shared pages", first, shared, 0);
}

static uint64_t check_block(struct recount *rc, const struct gms__region *row, uint64_t word,
			    gms_gfn lo, gms_gfn hi, uint64_t *nmixed)
{
	uint64_t shared;

	if (gms__block_kind(word) == GMS__UNIFORM) {
		check_state(rc, lo, gms__block_state(word));
		shared = gms__block_state(word) & GMS_STATE_SHARED ? hi - lo : 0;
	} else {
		shared = check_pages(rc, word, lo, hi);
		++*nmixed;
	}
	if (gms__block_is_split(word) && gms__region_order(row) < GMS_ORDER_2M)
		broken(rc, "M4: split mark above the base order", lo, 1, 0);
	return shared;
}

static void check_gib(struct recount *rc, const struct gms__region *row, gms_gfn lo, gms_gfn hi)
{
	const uint64_t g = (lo >> GMS_ORDER_1G) - (row->first >> GMS_ORDER_1G);
	const uint64_t gib = row->word[g];
	const unsigned base = gms__region_order(row);
	const bool whole = base == GMS_ORDER_1G && !gms__word_is_split(gib);
	uint64_t shared = 0, pair = 0, nmixed = 0;
	const struct gms__chunk *chunk;

	if (gms__word_is_split(gib) && base < GMS_ORDER_1G)
		broken(rc, "M4: split mark above the base order", lo, 1, 0);
	if (gms__word_is_uniform(gib)) {
		check_state(rc, lo, gms__word_state(gib));
		shared = gms__word_state(gib) & GMS_STATE_SHARED ? hi - lo : 0;
		if (!whole && base)
			rc->folios[1] += (hi - lo) >> GMS_ORDER_2M;
	}
	chunk = gms__word_is_uniform(gib) ? NULL : gms__word_table(gib);
	for (gms_gfn at = lo; chunk && at < hi; at = (at | (GMS__BLOCK_PAGES - 1)) + 1) {
		const unsigned b = gms__block_index(at);
		const gms_gfn end = gms__min(hi, (at | (GMS__BLOCK_PAGES - 1)) + 1);
		const uint64_t n = check_block(rc, row, chunk->word[b], at, end, &nmixed);

		pair = b & 1 && at != lo ? pair + n : n;
		if ((b & 1 || end == hi) && pair != chunk->shared[b / 2])
			broken(rc, "M2: shared pages of two blocks", at,
			       chunk->shared[b / 2], pair);
		if (whole && gms__block_is_split(chunk->word[b]))
			broken(rc, "M5: split block in a whole folio", at, 1, 0);
		if (base && !whole && gms__block_is_split(chunk->word[b]))
			rc->folios[0] += end - at;
		else if (base && !whole)
			check_folio(rc, at, GMS_ORDER_2M, n);
		shared += n;
	}
	if (chunk && chunk->nmixed != nmixed)
		broken(rc, "M3: mixed words of a chunk", lo, chunk->nmixed, nmixed);
	if (chunk && shared != chunk->shared_pages)
		broken(rc, "M2: shared pages of a GiB", lo, chunk->shared_pages, shared);
	if (whole)
		check_folio(rc, lo, GMS_ORDER_1G, shared);
	if (!base)
		rc->folios[0] += hi - lo;
	rc->shared += shared;
}

static void check_pin(struct gms__inode *node, void *ctx)
{
	struct recount *rc = ctx;
	gms_gfn pos = node->first;

	rc->pins++;
	rc->pinned_pages += node->end - node->first;
	while (pos < node->end) {
		const gms_gfn at = pos;
		struct gms_run run;

		if (!gms__map_next_run(&rc->space->map, &pos, node->end, GMS_STATE_ALL, &run) ||
		    run.first != at) {
			broken(rc, "I2: pin over a hole", at, 1, 0);
			return;
		}
		if (!(run.state & GMS_STATE_SHARED))
			broken(rc, "I4: pin on a private page", at, 1, 0);
		if (!(run.state & GMS_STATE_DIRECT_MAP))
			broken(rc, "I5: pin outside the direct map", at, 1, 0);
		if (run.state & GMS_STATE_MISSING)
			broken(rc, "I10: pin on a missing page", at, 1, 0);
	}
}

static void equal(struct recount *rc, const char *what, const uint64_t *seen, uint64_t wanted)
{
	if (gms__load_relaxed(seen) != wanted)
		broken(rc, what, 0, gms__load_relaxed(seen), wanted);
}

int gms__check(struct gms_space *space, struct gms__text *why)
{
	struct recount rc = { .space = space, .why = why };
	const struct gms__ledger *ledger = &space->ledger;
	struct gms__region row;
	gms_gfn last = 0;
	uint64_t check;

	gms__map_lock(&space->map, GMS__ALL_STRIPES);
	for (uint64_t i = 0; gms__region_nth(&space->map, i, &row, &check); i++) {
		const gms_gfn end = row.first + row.npages;
		const uint64_t folio = UINT64_C(1) << gms__region_order(&row);

		if (row.first < last)
			broken(&rc, "I2: regions overlap", row.first, row.first, last);
		if (row.first % folio || row.npages % folio)
			broken(&rc, "I6: region not tiled by its folios", row.first, row.npages,
			       folio);
		for (gms_gfn at = row.first; at < end; at = (at | (GMS__GIB_PAGES - 1)) + 1)
			check_gib(&rc, &row, at, gms__min(end, (at | (GMS__GIB_PAGES - 1)) + 1));
		rc.regions++;
		rc.pages += row.npages;
		last = end;
	}
	gms__claims_each(&space->claims, check_pin, &rc);
	if (!gms__claims_sound(&space->claims))
		broken(&rc, "T1: the tree of pins", 0, rc.pins, space->claims.n);
	equal(&rc, "I8: regions", &ledger->regions, rc.regions);
	equal(&rc, "I8: pages", &ledger->pages, rc.pages);
	equal(&rc, "I8: shared pages", &ledger->shared_pages, rc.shared);
	equal(&rc, "I8: folios of 4K", &ledger->folios_4k, rc.folios[0]);
	equal(&rc, "I8: folios of 2M", &ledger->folios_2m, rc.folios[1]);
	equal(&rc, "I8: folios of 1G", &ledger->folios_1g, rc.folios[2]);
	equal(&rc, "I8: pins", &ledger->pins, rc.pins);
	equal(&rc, "I8: pinned pages", &ledger->pinned_pages, rc.pinned_pages);
	gms__map_unlock(&space->map, GMS__ALL_STRIPES);
	return rc.broken ? -EBADMSG : 0;
}
