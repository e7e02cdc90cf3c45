/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.c - go through a guest's memory by what is alike; see memory.h.
 */
#include "picture/memory.h"

#include <string.h>

#define BLOCK_PAGES	(UINT64_C(1) << GMS_ORDER_2M)

static gms_gfn block_end(gms_gfn gfn)
{
	return (gfn | (BLOCK_PAGES - 1)) + 1;
}

static gms_gfn run_end(const struct gms_run *run)
{
	return run->first + run->npages;
}

/* The first run of the text that reaches behind the frame. */
static size_t find_run(const struct picture_memory *memory, gms_gfn gfn)
{
	size_t low = 0, high = memory->nruns;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct picture_run *run = &memory->run[middle];

		if (run->first + run->npages <= gfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first folios that reach behind the frame. */
static size_t find_folios(const struct picture_memory *memory, gms_gfn gfn)
{
	size_t low = 0, high = memory->nfolios;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (memory->folios[middle].end <= gfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void picture_walk_begin(struct picture_walk *walk, const struct picture_memory *memory,
			struct gms_range range, gms_state mask, bool exact)
{
	memset(walk, 0, sizeof(*walk));
	walk->memory = memory;
	walk->at = range.first;
	walk->end = range.first + range.npages;
	walk->mask = mask;
	walk->exact = exact;
	if (!memory->space) {
		walk->next_run = find_run(memory, range.first);
		return;
	}
	walk->folios = find_folios(memory, range.first);
	/* Of a walk that could not be set up the first step says that it is over. */
	(void)!gms_iter_init(&walk->it, memory->space, range, mask);
}

static bool next_run(struct picture_walk *walk)
{
	const struct picture_memory *memory = walk->memory;
	const struct picture_run *run;
	gms_gfn first, end;

	if (memory->space)
		return gms_iter_next(&walk->it, &walk->run);
	if (walk->next_run == memory->nruns)
		return false;
	run = &memory->run[walk->next_run++];
	first = run->first > walk->at ? run->first : walk->at;
	end = run->first + run->npages < walk->end ? run->first + run->npages : walk->end;
	if (first >= end)
		return false;
	walk->run.first = first;
	walk->run.npages = end - first;
	walk->run.state = run->state & walk->mask;
	return true;
}

/* As far as folios go on like the one at hand, in which the run goes on too. */
static void look_at_folio(struct picture_walk *walk)
{
	const struct picture_folios *folios = &walk->memory->folios[walk->folios];
	gms_gfn end = run_end(&walk->run);
	struct gms_folio folio;

	while (folios->end <= walk->at)
		folios = &walk->memory->folios[++walk->folios];
	walk->order = folios->order;
	walk->mixed = false;
	walk->folio_end = folios->end;
	if (!walk->exact) {
		if (walk->order >= GMS_ORDER_2M)
			return;
		/* A block's first folio stands for all of it. */
		walk->folio_end = walk->folio_end & ~(BLOCK_PAGES - 1);
		if (walk->folio_end < block_end(walk->at))
			walk->folio_end = block_end(walk->at);
		return;
	}
	/* Whole ones within a run of pages that are alike are not mixed; of another, ask. */
	end &= ~((UINT64_C(1) << walk->order) - 1);
	if (end > walk->at && !(walk->at & ((UINT64_C(1) << walk->order) - 1))) {
		if (end < walk->folio_end)
			walk->folio_end = end;
	} else if (!gms_folio_at(walk->memory->space, walk->at, &folio)) {
		walk->mixed = folio.flags & GMS_FOLIO_MIXED;
		walk->folio_end = folio.first + (UINT64_C(1) << folio.order);
	}
}

/* What the text says of the order: that of a run that begins in the block. */
static void guess_folio(struct picture_walk *walk, uint32_t base_order)
{
	const struct picture_memory *memory = walk->memory;
	const struct picture_run *run = &memory->run[walk->next_run - 1];
	const gms_gfn end = run->first + run->npages;

	walk->order = run->order;
	walk->folio_end = end;
	if (run->order >= GMS_ORDER_2M)
		return;
	/* It began in this block, or in one before. */
	if (run->first >= block_end(walk->at) - BLOCK_PAGES) {
		walk->folio_end = block_end(walk->at);
		return;
	}
	walk->folio_end = end & ~(BLOCK_PAGES - 1);
	walk->order = base_order < GMS_ORDER_2M ? base_order : GMS_ORDER_2M;
	if (walk->at >= walk->folio_end) {
		walk->folio_end = end;
		if (walk->next_run < memory->nruns && run[1].first == end)
			walk->order = run[1].order;
	}
}

bool picture_walk_next(struct picture_walk *walk, struct picture_piece *piece)
{
	const struct picture_region *region;
	gms_gfn end;

	if (!walk->run.npages || walk->at >= run_end(&walk->run)) {
		if (!next_run(walk))
			return false;
		walk->at = walk->run.first;
	}
	region = &walk->memory->region[walk->region];
	while (region->first + region->npages <= walk->at)
		region = &walk->memory->region[++walk->region];
	if (walk->at >= walk->folio_end || !walk->memory->space) {
		if (!region->base_order) {
			walk->order = 0;
			walk->mixed = false;
			walk->folio_end = region->first + region->npages;
		} else if (walk->memory->space) {
			look_at_folio(walk);
		} else {
			guess_folio(walk, region->base_order);
		}
	}
	end = run_end(&walk->run) < walk->folio_end ? run_end(&walk->run) : walk->folio_end;
	*piece = (struct picture_piece){
		.first = walk->at,
		.npages = end - walk->at,
		.state = walk->run.state,
		.order = walk->order,
		.base_order = region->base_order,
		.mixed = walk->mixed,
	};
	walk->at = end;
	return true;
}
