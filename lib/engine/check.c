/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.c - recount everything and compare; what breaks is named by its label.
 *
 * Labels: I1.. of gmemstate(7), M1.. of map/map.h, K1.. of map/block.h, H1.. of
 * map/halves.h, T and P of the pins, L of the loans, A, F and Z of engine/access.h.
 *
 * Locking: takes all stripes, which makes the pins stand still too.
 */
#include "engine/check.h"

#include <errno.h>

#include "engine/listeners.h"
#include "engine/shape.h"
#include "map/halves.h"
#include "map/walk.h"

struct recount {
	struct gms_space *space;
	struct gms__text *why;
	uint64_t regions;
	uint64_t pages;
	uint64_t shared;
	uint64_t folios[GMS_ORDERS];
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

static void check_state(struct recount *rc, const struct gms__region *row, gms_gfn gfn,
			gms_state state)
{
	uint32_t reason;

	if (state & ~rc->space->profile->attributes)
		broken(rc, "C11: attributes outside the profile", gfn,
		       state & ~rc->space->profile->attributes, 0);
	if (gms__rule_check(state, state, &reason))
		broken(rc, "I4: state not allowed", gfn, state, 0);
	if (gms__region_bars(row, state))
		broken(rc, "I5: in the direct map, which the region rules out", gfn, state,
		       state & ~GMS_STATE_DIRECT_MAP);
	if (rc->space->profile->direct_map != GMS_DIRECT_MAP_AS_TOLD &&
	    gms__profile_first(rc->space->profile, state) != state)
		broken(rc, "C11: direct map not as the profile has it", gfn, state,
		       gms__profile_first(rc->space->profile, state));
}

/* What a GiB's blocks come to. */
struct gib {
	const struct gms__region *row;
	uint64_t pages[GMS__COUNTED];
	uint64_t group;			/* shared pages of the group so far */
	uint64_t nmixed;
	uint64_t nlists;
	uint64_t nsplit;
};

static const gms_state counted[GMS__COUNTED] = {
	GMS_STATE_SHARED, GMS_STATE_POPULATED, GMS_STATE_MISSING, GMS_STATE_DIRTY
};

/* K2: a word of runs says what it says in one way only. */
static void check_runs(struct recount *rc, uint64_t word, gms_gfn lo)
{
	const struct gms__two_runs r = gms__block_two_runs(word);

	if (r.s1 >= r.e1 || r.e1 > GMS__BLOCK_PAGES ||
	    (r.s2 < GMS__BLOCK_PAGES ? r.s2 <= r.e1 || r.e2 <= r.s2 : r.e2 != r.s2))
		broken(rc, "K2: runs in a word", lo, r.s1, r.s2);
}

/* K3: neighbours in a list differ, and ascend. */
static void check_list(struct recount *rc, uint64_t word, gms_gfn lo)
{
	const uint16_t *entry = gms__block_leaf(word);
	const unsigned n = gms__block_kind(word) == GMS__LIST16 ? 16 : 32;

	for (unsigned i = 1; i < n; i++) {
		if (entry[i] != entry[i - 1] && (entry[i] >> 7 <= entry[i - 1] >> 7 ||
						 !((entry[i] ^ entry[i - 1]) & 127)))
			broken(rc, "K3: entries of a list", lo, entry[i], entry[i - 1]);
	}
}

/* Returns the shared pages of [lo, hi), a block that is not uniform. */
static uint64_t check_pages(struct recount *rc, struct gib *gib, uint64_t word, gms_gfn lo,
			    gms_gfn hi)
{
	const struct gms__map *map = &rc->space->map;
	const gms_gfn base = lo & ~(GMS__BLOCK_PAGES - 1);
	const gms_state first = gms__block_get(&map->palette, word, (unsigned)(lo - base));
	uint64_t n[GMS__COUNTED] = { 0 };
	bool differ = false;

	for (gms_gfn gfn = lo; gfn < hi; gfn++) {
		const gms_state state = gms__block_get(&map->palette, word,
						       (unsigned)(gfn - base));

		check_state(rc, gib->row, gfn, state);
		for (unsigned i = 0; i < GMS__COUNTED; i++)
			n[i] += state & counted[i] ? 1 : 0;
		differ |= state != first;
	}
	if (!differ)
		broken(rc, "M1: mixed word of one state, kind", lo, word & 7, 0);
	if (gms__block_kind(word) == GMS__RUNS)
		check_runs(rc, word, lo);
	if (gms__block_kind(word) == GMS__LIST16 || gms__block_kind(word) == GMS__LIST32)
		check_list(rc, word, lo);
	for (unsigned i = 0; i < GMS__COUNTED; i++) {
		if (n[i] != gms__block_count(&map->palette, map->bulk, word,
					     (unsigned)(lo - base), (unsigned)(hi - base),
					     counted[i]))
			broken(rc, "M2: counted pages of a word", lo, word & 7, n[i]);
		gib->pages[i] += n[i];
	}
	return n[GMS__COUNT_SHARED];
}

static uint64_t check_uniform(struct recount *rc, struct gib *gib, gms_state state, gms_gfn lo,
			      gms_gfn hi)
{
	check_state(rc, gib->row, lo, state);
	for (unsigned i = 0; i < GMS__COUNTED; i++)
		gib->pages[i] += state & counted[i] ? hi - lo : 0;
	return state & GMS_STATE_SHARED ? hi - lo : 0;
}

static uint64_t check_block(struct recount *rc, struct gib *gib, uint64_t word, gms_gfn lo,
			    gms_gfn hi)
{
	gib->nmixed += !gms__block_is_uniform(word);
	gib->nlists += gms__block_is_list(word);
	gib->nsplit += gms__block_is_split(word);
	if (gms__block_is_split(word) && gms__region_order(gib->row) < GMS_ORDER_2M)
		broken(rc, "M4: split mark above the base order", lo, 1, 0);
	if (gms__block_is_uniform(word))
		return check_uniform(rc, gib, gms__block_state(&rc->space->map.palette, word), lo,
				     hi);
	return check_pages(rc, gib, word, lo, hi);
}

static void check_chunk(struct recount *rc, struct gib *gib, const struct gms__chunk *chunk,
			bool whole, gms_gfn lo, gms_gfn hi)
{
	for (gms_gfn at = lo; at < hi; at = (at | (GMS__BLOCK_PAGES - 1)) + 1) {
		const unsigned b = gms__block_index(at), g = b / GMS__GROUP_BLOCKS;
		const gms_gfn end = gms__min(hi, (at | (GMS__BLOCK_PAGES - 1)) + 1);
		const uint64_t n = check_block(rc, gib, chunk->word[b], at, end);

		gib->group = b % GMS__GROUP_BLOCKS && at != lo ? gib->group + n : n;
		if (((b + 1) % GMS__GROUP_BLOCKS == 0 || end == hi) &&
		    gib->group != chunk->shared[g])
			broken(rc, "M2: shared pages of a group", at, chunk->shared[g], gib->group);
		if (whole && gms__block_is_split(chunk->word[b]))
			broken(rc, "M5: split block in a whole folio", at, 1, 0);
	}
	if (chunk->nmixed != gib->nmixed)
		broken(rc, "M3: mixed words of a chunk", lo, chunk->nmixed, gib->nmixed);
	if (chunk->nlists != gib->nlists)
		broken(rc, "M3: lists of a chunk", lo, chunk->nlists, gib->nlists);
	for (unsigned i = 0; i < GMS__COUNTED; i++) {
		if (chunk->pages[i] != gib->pages[i])
			broken(rc, "M2: counted pages of a GiB", lo, chunk->pages[i],
			       gib->pages[i]);
	}
}

static void check_whole(struct recount *rc, gms_gfn first, unsigned order)
{
	const uint64_t npages = UINT64_C(1) << order;
	const uint64_t shared = gms__map_count(&rc->space->map, first, first + npages,
					       GMS_STATE_SHARED);

	if (rc->space->split == GMS_SPLIT_ALL_4K && shared)
		broken(rc, "I7: shared pages in a folio", first, shared, 0);
	if (rc->space->split != GMS_SPLIT_NONE && shared && shared != npages)
		broken(rc, "I7: mixed folio, shared pages", first, shared, 0);
}

/*
 * The folios of the block of this order at first, by the marks on it. Returns how
 * many blocks are cut, the block itself among them.
 */
static uint64_t check_folios(struct recount *rc, const struct gms__region *row, gms_gfn first,
			     unsigned order)
{
	const gms_gfn end = first + (UINT64_C(1) << order);
	uint64_t n = 1;
	unsigned parts;

	if (!order || !gms__map_is_split(row, first, order)) {
		rc->folios[order]++;
		if (order)
			check_whole(rc, first, order);
		return 0;
	}
	parts = gms__shape_parts(rc->space, order);
	if (!parts)
		rc->folios[0] += UINT64_C(1) << order;
	for (gms_gfn at = first; parts && at < end; at += UINT64_C(1) << parts)
		n += check_folios(rc, row, at, parts);
	return n;
}

/* H1: every mark of the trees is on the way to a folio; cuts are those that are. */
static void check_halves(struct recount *rc, struct gib *gib, struct gms__chunk *chunk,
			 gms_gfn lo, gms_gfn hi, uint64_t cuts)
{
	const struct gms__halves *halves = gms__halves_of(chunk);
	uint64_t marks;

	for (unsigned i = 0; i < GMS__TREE_WORDS; i++)
		gib->nsplit += (unsigned)__builtin_popcountll(halves->top[i]);
	marks = gib->nsplit;
	for (gms_gfn at = lo; at < hi; at += GMS__BLOCK_PAGES) {
		const unsigned b = gms__block_index(at);
		const uint64_t *tree = (const uint64_t *)(uintptr_t)halves->tree[b];

		if (!gms__block_is_split(chunk->word[b]))
			continue;
		for (unsigned i = 0; i < GMS__TREE_WORDS; i++)
			marks += (unsigned)__builtin_popcountll(tree[i]);
	}
	if (marks != cuts)
		broken(rc, "H1: marks of halves", lo, marks, cuts);
}

/* The folios of a GiB, and how many marks its chunk has for them. */
static void check_shape(struct recount *rc, struct gib *gib, gms_gfn lo, gms_gfn hi)
{
	const unsigned base = gms__region_order(gib->row);
	struct gms__chunk *chunk = gms__chunk_of(gib->row, lo);
	uint64_t cuts = 0, at_gib = 0;

	if (!base)
		rc->folios[0] += hi - lo;
	for (gms_gfn at = lo; base && at < hi; at += UINT64_C(1) << base)
		cuts += check_folios(rc, gib->row, at, base);
	if (!chunk)
		return;
	if (base == GMS_ORDER_1G)
		at_gib = gms__map_is_split(gib->row, lo, base);
	if (base && rc->space->split == GMS_SPLIT_HALVES)
		check_halves(rc, gib, chunk, lo, hi, cuts - at_gib);
	if (chunk->nsplit != gib->nsplit)
		broken(rc, "M3: split blocks of a chunk", lo, chunk->nsplit, gib->nsplit);
}

static void check_gib(struct recount *rc, const struct gms__region *row, gms_gfn lo, gms_gfn hi)
{
	const struct gms__words *words = gms__words_of(row);
	const uint64_t *at = gms__gib_at(row, lo);
	const uint64_t word = *at, g = (uint64_t)(at - words->word);
	const unsigned base = gms__region_order(row);
	const bool whole = base == GMS_ORDER_1G && !gms__word_is_split(word);
	struct gib gib = { .row = row };
	uint64_t shared;

	if (gms__word_is_split(word) && base < GMS_ORDER_1G &&
	    (base == GMS_ORDER_4K || !gms__word_is_uniform(word)))
		broken(rc, "M4: split mark above the base order", lo, 1, 0);
	if (gms__word_is_uniform(word))
		check_uniform(rc, &gib, gms__word_state(word), lo, hi);
	else
		check_chunk(rc, &gib, gms__word_table(word), whole, lo, hi);
	check_shape(rc, &gib, lo, hi);
	shared = gib.pages[GMS__COUNT_SHARED];
	if (shared && !(words->lit[g / 64] >> g % 64 & 1))
		broken(rc, "M6: a dark GiB with shared pages", lo, 0, shared);
	rc->shared += shared;
}

static void check_pin(struct gms__inode *node, void *ctx)
{
	struct recount *rc = ctx;
	struct gms_cursor cursor = { 0 };
	gms_gfn pos = node->first;

	rc->pins++;
	rc->pinned_pages += node->end - node->first;
	while (pos < node->end) {
		const gms_gfn at = pos;
		struct gms_run run;

		if (!gms__map_next_run(&rc->space->map, &cursor, &pos, node->end, GMS_STATE_ALL,
				       &run) ||
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

static void equal(struct recount *rc, const char *what, uint64_t seen, uint64_t wanted)
{
	if (seen != wanted)
		broken(rc, what, 0, seen, wanted);
}

static void check_loans(struct recount *rc)
{
	struct gms__fault fault;
	struct gms__loans_sums sums;

	if (!gms__loans_sound(rc->space, &sums, &fault)) {
		broken(rc, fault.what, fault.gfn, fault.seen, fault.wanted);
		return;
	}
	equal(rc, "I8: loans", gms__loans_sum(rc->space, GMS__LOANS), sums.loans);
	equal(rc, "I8: bytes lent", gms__loans_sum(rc->space, GMS__LENT_BYTES), sums.bytes);
	equal(rc, "I8: pages lent", gms__loans_sum(rc->space, GMS__LENT_PAGES), sums.lent_pages);
	equal(rc, "I8: idle pages", gms__loans_sum(rc->space, GMS__IDLE_PAGES), sums.idle_pages);
	equal(rc, "I8: idle pages of the policy", gms__load(&rc->space->loans.nidle),
	      sums.idle_pages);
	equal(rc, "I8: bytes shown beyond those lent",
	      gms__loans_sum(rc->space, GMS__SLACK_BYTES), sums.slack_bytes);
}

/*
 * Of what the library counted, only bounds can be recounted. A bucket says within
 * a factor of two what fell into it, and whoever counts for a tag counted for the
 * space before: so the accounts are read first (TG4).
 */
static void check_ledger(struct recount *rc)
{
	const struct gms__ledger *ledger = &rc->space->ledger;
	struct gms_histogram h;

	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		const struct gms__tag *tag = NULL;
		uint64_t sum = gms__load(&ledger->tags.other.count[kind]), all;

		while ((tag = gms__tags_each(&ledger->tags, tag)))
			sum += gms__load(&tag->count[kind]);
		all = gms__loans_events(rc->space, kind);
		if (sum > all)
			broken(rc, "I8: accounts of tags, kind", kind, sum, all);
	}
	for (uint32_t kind = GMS_HISTOGRAM_TO_SHARED; kind <= GMS_HISTOGRAM_TO_PRIVATE; kind++) {
		uint64_t least = 0, most = 0;

		GMS_INIT(&h);
		gms__ledger_histogram(ledger, kind, &h);
		for (unsigned i = 0; i < GMS_HISTOGRAM_BUCKETS; i++) {
			least += h.bucket[i] * (i ? (UINT64_C(1) << (i - 1)) + 1 : 1);
			most += h.bucket[i] << i;
		}
		if (h.sum < least || h.sum > most)
			broken(rc, "I8: sizes of commits, histogram", kind, h.sum, least);
		if (h.count > gms__ledger_events(ledger, GMS_ACCT_COMMITS))
			broken(rc, "I8: number of commits, histogram", kind, h.count,
			       gms__ledger_events(ledger, GMS_ACCT_COMMITS));
	}
}

int gms__check(struct gms_space *space, struct gms__text *why)
{
	struct recount rc = { .space = space, .why = why };
	const struct gms__ledger *ledger = &space->ledger;
	struct gms__fault fault;
	struct gms__region row;
	gms_gfn last = 0;
	uint64_t check;

	gms__map_lock_all(&space->map);
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
	if (!gms__claims_sound(&space->claims, &fault))
		broken(&rc, fault.what, fault.gfn, fault.seen, fault.wanted);
	if (!gms__spans_sound(space, &fault))
		broken(&rc, fault.what, fault.gfn, fault.seen, fault.wanted);
	if (!gms__access_sound(space, &fault))
		broken(&rc, fault.what, fault.gfn, fault.seen, fault.wanted);
	equal(&rc, "I8: regions", gms__load(&ledger->regions), rc.regions);
	equal(&rc, "I8: pages", gms__load(&ledger->pages), rc.pages);
	equal(&rc, "I8: shared pages", gms__load(&ledger->shared_pages), rc.shared);
	for (unsigned order = 0; order < GMS_ORDERS; order++) {
		if (gms__ledger_nfolios(ledger, order) != rc.folios[order])
			broken(&rc, "I8: folios, of the order that stands for the gfn", order,
			       gms__ledger_nfolios(ledger, order), rc.folios[order]);
	}
	equal(&rc, "I8: pins", gms__ledger_gauge(ledger, GMS__PINS), rc.pins);
	equal(&rc, "I8: pinned pages", gms__ledger_gauge(ledger, GMS__PINNED_PAGES),
	      rc.pinned_pages);
	check_loans(&rc);
	check_ledger(&rc);
	gms__map_unlock(&space->map, GMS__ALL_STRIPES);
	return rc.broken ? -EBADMSG : 0;
}
