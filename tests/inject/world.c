/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c - a small guest with backends and listeners, all on one fuse.
 */
#include "world.h"

#include <stdarg.h>

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP
#define P	GMS_STATE_POPULATED

static const struct world_place places[WORLD_PLACES] = {
	{ { FX_1G - 1024, 2048 }, 0, 0 },
	{ { 2 * FX_1G + 512, 300 }, 2048, 1 },
	{ { 2 * FX_1G + 812, 212 }, 2348, 0 },
	{ { 2 * FX_1G + 1024, 1024 }, 2560, -1 },
};

void world_fail(const struct world *w, const char *form, ...)
{
	char text[400];
	va_list args;

	va_start(args, form);
	vsnprintf(text, sizeof(text), form, args);
	va_end(args);
	fprintf(stderr, "GMS_SEED=0x%" PRIx64 " GMS_INJECT_WORLD=%" PRIu64 ": batch %" PRIu64
		", %s, profile %u, split %u, merge %u%s, mode %u, flags 0x%x\n", fx_seed(),
		w->number, w->step, w->doing, w->profile, w->split, w->merge,
		w->large ? ", 1G" : "", w->batch.opts.mode, w->batch.opts.flags);
	for (int i = 0; i < WORLD_DEVICES; i++) {
		if (w->id[i])
			fprintf(stderr, "  listener %u: 0x%x of 0x%x, flags 0x%x, granule %u, most %"
				PRIu64 " pages, %" PRIu64 " spans\n", w->id[i],
				w->device[i]->ops.value, w->device[i]->ops.mask,
				w->device[i]->ops.flags, w->device[i]->ops.granule_order,
				w->device[i]->ops.max_span_pages, w->device[i]->ops.max_spans);
	}
	for (size_t i = 0; i < w->batch.n; i++)
		fprintf(stderr, "  0x%" PRIx64 "+%" PRIu64 " set 0x%x clear 0x%x\n",
			w->batch.change[i].range.first, w->batch.change[i].range.npages,
			w->batch.change[i].set, w->batch.change[i].clear);
	fprintf(stderr, "  fuse: %u blown, %" PRIu64 " asked\n  -> %s\n", w->fuse.blown,
		w->fuse.asked, text);
	fflush(stderr);
	ck_abort_msg("%s", text);
}

uint64_t world_below(struct world *w, uint64_t bound)
{
	return fx_rand_below(&w->rand, bound);
}

bool world_odds(struct world *w, uint64_t num, uint64_t den)
{
	return fx_rand_odds(&w->rand, num, den);
}

static void note_log(void *ctx, uint32_t level, const char *text)
{
	struct world *w = ctx;

	w->logged += level == GMS_LOG_ERROR && text[0];
}

/* --- coming and going ------------------------------------------------------ */

static void add_region(struct world *w, int i)
{
	const struct world_place *place = &w->place[i];
	struct fx_host *host = place->host < 0 ? NULL : w->host[place->host];
	const uint32_t order = i == 0 && w->large ? 18 : i == 0 || i == 3 ? 9 : 0;
	const struct gms_range range = order == 18 ? FX_RANGE(0, 2 * FX_1G) : place->range;
	struct gms_region_opts opts;
	uint32_t id;

	fx_region_opts(&opts, range, order, w->profile == GMS_PROFILE_GENERIC ? D : 0, host);
	if (i == 3 && world_odds(w, 1, 2))
		opts.hva = NULL;
	if (gms_region_add(w->space, &opts, &id))
		world_fail(w, "region %d", i);
	if (host) {
		host->space = w->space;
		fx_host_mend(host, w->space, range);
	}
}

static void draw_device(struct world *w, int i)
{
	static const gms_state predicate[][2] = {
		{ S, S }, { S, S }, { S, 0 }, { S | P, S | P }, { S | GMS_STATE_DIRTY, S },
		{ GMS_STATE_USER0, GMS_STATE_USER0 }, { P, P }, { 0, 0 }, { S | D, S | D },
	};
	const gms_state *p = predicate[world_below(w, 9)];
	struct fx_device *device = fx_device_new(w->space, p[0], p[1]);

	w->device[i] = device;
	device->fuse = &w->fuse;
	device->ops.flags = (uint32_t)world_below(w, 32);
	if (world_odds(w, 1, 3))
		device->ops.granule_order = (uint32_t)world_below(w, 11);
	/* Not where all of a large region matches: that is for the adversary's tests. */
	if (world_odds(w, 1, 3) && (!w->large || p[1] & (S | P | GMS_STATE_USER0)))
		device->ops.max_span_pages =
			UINT64_C(1) << (device->ops.granule_order + world_below(w, 8));
	if (world_odds(w, 1, 3))
		device->ops.max_spans = 2 + world_below(w, 40);
	device->space = world_odds(w, 1, 4) ? w->space : NULL;
}

void world_begin(struct world *w, uint64_t number)
{
	const unsigned nhosts = (unsigned)(number % 3);
	struct gms_space_opts opts;

	memset(w, 0, sizeof(*w));
	w->number = number;
	w->doing = "making it";
	fx_rand_init(&w->rand, fx_seed(), number);
	fx_mem_init(&w->mem);
	fx_fuse_arm(&w->fuse, FX_FUSE_NEVER, FX_FUSE_NEVER, 0);
	memcpy(w->place, places, sizeof(places));
	w->profile = (uint32_t)(number / 3 % GMS_PROFILE_COUNT);
	w->split = world_odds(w, 1, 2) ? GMS_SPLIT_LEVELS :
		   (uint32_t)world_below(w, GMS_SPLIT_NONE + 1);
	w->merge = world_odds(w, 1, 2) ? GMS_MERGE_EAGER :
		   (uint32_t)world_below(w, GMS_MERGE_EXPLICIT + 1);
	w->large = world_odds(w, 1, 4);
	GMS_INIT(&opts);
	opts.profile = w->profile;
	opts.split = w->split;
	opts.merge = w->merge;
	if (w->merge == GMS_MERGE_DEFERRED)
		opts.merge_after_commits = world_below(w, 4);
	opts.mem = &w->mem.ops;
	opts.log = note_log;
	opts.ctx = w;
	if (gms_space_new(&w->space, &opts))
		world_fail(w, "no space");
	for (unsigned i = 0; i < nhosts; i++) {
		w->host[i] = fx_host_new(0, 2 * FX_1G + 2048);
		fx_host_do_all(w->host[i]);
		w->host[i]->fuse = &w->fuse;
	}
	for (int i = 0; i < WORLD_PLACES; i++) {
		if (nhosts < 2)		/* A none A */
			w->place[i].host = nhosts && places[i].host == 0 ? 0 : -1;
		else if (i == 3)	/* A B A, and B or none */
			w->place[i].host = world_odds(w, 1, 2) ? 1 : -1;
		add_region(w, i);
	}
	for (unsigned i = 0, n = (unsigned)world_below(w, WORLD_DEVICES + 1); i < n; i++)
		draw_device(w, (int)i);
}

void world_end(struct world *w)
{
	world_check_views(w);
	gms_space_free(w->space);
	if (w->mem.live_blocks || w->mem.live_bytes)
		world_fail(w, "%" PRIu64 " blocks leaked", w->mem.live_blocks);
	fx_host_free(w->host[0]);
	fx_host_free(w->host[1]);
	for (int i = 0; i < WORLD_DEVICES; i++)
		fx_device_free(w->device[i]);
}

/* --- drawing --------------------------------------------------------------- */

static struct gms_range draw_range(struct world *w)
{
	const struct world_place *place = &w->place[world_odds(w, 1, 2) ? 0 : world_below(w, 4)];
	const gms_gfn first = place->range.first, end = first + place->range.npages;
	gms_gfn from = first + world_below(w, place->range.npages);
	uint64_t npages;

	switch (world_below(w, 4)) {
	case 0:			/* begins at a border, or just before it */
		from = (from + 256) / 512 * 512 - world_below(w, 3);
		break;
	case 1:			/* in a few places, so that changes meet */
		from = from / 64 * 64;
		break;
	default:
		break;
	}
	switch (world_below(w, 6)) {
	case 0:
		npages = 1;
		break;
	case 1:
		npages = 1 + world_below(w, 8);
		break;
	case 2:
		npages = 512 * (1 + world_below(w, 2));
		break;
	case 3:
		npages = end - first;
		break;
	default:
		npages = 1 + world_below(w, 300);
	}
	from = from < first ? first : from >= end ? end - 1 : from;
	/* Into the next region, which for the first is a hole: now and then. */
	if (npages > end - from && (place->index == 0 || world_odds(w, 2, 3)))
		npages = end - from;
	if (from + npages > 2 * FX_1G + 2048)
		npages = 2 * FX_1G + 2048 - from;
	return FX_RANGE(from, npages);
}

static gms_state known(const struct world *w)
{
	const bool cca = w->profile == GMS_PROFILE_CCA || w->profile == GMS_PROFILE_GENERIC;
	const bool accepts = cca || w->profile == GMS_PROFILE_SNP || w->profile == GMS_PROFILE_TDX;

	return GMS_STATE_ALL & ~(cca ? 0 : GMS_STATE_DESTROYED) &
	       ~(accepts ? 0 : GMS_STATE_ACCEPTED) &
	       ~(w->profile == GMS_PROFILE_GENERIC ? 0 : D);
}

static void draw_change(struct world *w, struct gms_change *change)
{
	static const struct {
		gms_state set, clear;
	} usual[] = {
		{ S, 0 }, { 0, S }, { S, 0 }, { 0, S }, { S, 0 }, { 0, S }, { P, 0 }, { 0, P },
		{ S | P, 0 }, { 0, S | P }, { S | GMS_STATE_DIRTY, 0 }, { P, S }, { S, P },
		{ GMS_STATE_USER0, 0 }, { 0, GMS_STATE_USER0 | GMS_STATE_DIRTY }, { D, 0 }, { 0, D },
		{ D, S }, { S, D },
	};
	static const gms_state rare[] = {
		GMS_STATE_FROZEN, GMS_STATE_MISSING, GMS_STATE_POISON, GMS_STATE_ACCEPTED,
		GMS_STATE_HOST_MAPPED, GMS_STATE_WRITE_PROTECT, GMS_STATE_DESTROYED,
	};
	const size_t which = world_below(w, sizeof(usual) / sizeof(usual[0]));

	change->range = draw_range(w);
	change->set = usual[which].set;
	change->clear = usual[which].clear;
	if (world_odds(w, 1, 6)) {
		const gms_state bits = rare[world_below(w, sizeof(rare) / sizeof(rare[0]))];

		/* Hindrances are small, and go as a whole. */
		change->set = change->clear = 0;
		if (world_odds(w, 1, 2)) {
			change->set = bits;
			change->range.npages = 1 + change->range.npages % 8;
		} else {
			change->clear = bits | (bits & GMS_STATE_POISON ? P : 0);
			change->range = w->place[world_below(w, WORLD_PLACES)].range;
		}
	}
	change->set &= known(w);
	change->clear &= known(w);
}

/* A page after a change of these bits, as convert.h has it. */
static gms_state after(const struct world *w, gms_state old, gms_state set, gms_state clear)
{
	gms_state also = 0;

	if (w->profile == GMS_PROFILE_NO_DIRECT_MAP) {
		set |= set & S ? D : 0;
		also |= clear & S ? D : 0;
	}
	also |= clear & S ? GMS_STATE_HOST_MAPPED : 0;
	also |= set & S ? GMS_STATE_ACCEPTED : 0;
	also |= clear & P ? GMS_STATE_ACCEPTED | GMS_STATE_HOST_MAPPED | GMS_STATE_DIRTY : 0;
	return (old & ~(clear | also)) | set;
}

static void foresee(struct world *w)
{
	const struct world_batch *b = &w->batch;

	for (int k = 0; k < WORLD_PLACES; k++) {
		const struct gms_range range = w->place[k].range;

		for (uint64_t i = 0; i < range.npages; i++) {
			const unsigned at = w->place[k].index + (unsigned)i;
			gms_state set = 0, clear = 0;

			for (size_t c = 0; c < b->n; c++) {
				const struct gms_change *change = &b->change[c];

				if (range.first + i - change->range.first >= change->range.npages)
					continue;
				set = (set & ~change->clear) | change->set;
				clear = (clear & ~change->set) | change->clear;
			}
			w->want[at] = after(w, w->now[at], set, clear);
		}
	}
}

void world_draw(struct world *w)
{
	struct world_batch *b = &w->batch;

	b->n = world_odds(w, 1, 3) ? 1 : 1 + world_below(w, WORLD_CHANGES);
	for (size_t i = 0; i < b->n; i++)
		draw_change(w, &b->change[i]);
	GMS_INIT(&b->opts);
	b->opts.mode = world_odds(w, 1, 3) ? GMS_CONVERT_PROGRESS : GMS_CONVERT_ATOMIC;
	b->opts.content = (uint32_t)world_below(w, 3);
	b->opts.tag = world_below(w, 2);
	for (int i = 0; i < 2; i++) {
		if (w->host[i])
			w->host[i]->content = b->opts.content;
	}
	world_look(w);
	foresee(w);
}

void world_repin(struct world *w)
{
	const size_t i = world_below(w, 4);

	if (w->pin[i]) {
		if (gms_unpin(w->space, w->pin[i]))
			world_fail(w, "unpin");
		w->pin[i] = 0;
	} else if (world_odds(w, 1, 3)) {
		struct gms_range range = draw_range(w);

		range.npages = 1 + range.npages % 4;
		if (gms_pin(w->space, range, (uint32_t)world_below(w, 4), i, &w->pin[i], NULL))
			w->pin[i] = 0;
	}
}

/* --- looking --------------------------------------------------------------- */

void world_look(struct world *w)
{
	for (int k = 0; k < WORLD_PLACES; k++) {
		for (uint64_t i = 0; i < w->place[k].range.npages; i++)
			w->now[w->place[k].index + i] =
				gms_state_at(w->space, w->place[k].range.first + i);
	}
}

static uint64_t hash_pins(const struct world *w)
{
	struct gms_pin_info pin[8];
	uint64_t hash = 0;
	size_t found;

	if (gms_pins_in(w->space, FX_RANGE(0, 3 * FX_1G), pin, 8, &found))
		world_fail(w, "pins cannot be listed");
	for (size_t i = 0; i < found; i++) {
		hash = fx_hash(hash, pin[i].range.first);
		hash = fx_hash(hash, pin[i].range.npages);
		hash = fx_hash(hash, pin[i].id ^ pin[i].tag << 32 ^ pin[i].flags);
	}
	return hash;
}

/* What the library says a listener has must be what the listener has. */
static uint64_t hash_device(const struct world *w, int i, uint64_t *undo_failures)
{
	const struct fx_device *device = w->device[i];
	struct gms_listener_info info;
	uint64_t npages = 0;

	if (device->broken[0])
		world_fail(w, "listener %u, contract: %s", w->id[i], device->broken);
	if (device->open || device->begins != device->ends)
		world_fail(w, "listener %u was not told of the end", w->id[i]);
	if (!w->id[i])
		return device->nspans;
	GMS_INIT(&info);
	if (gms_listener_get(w->space, w->id[i], &info))
		world_fail(w, "listener %u is gone", w->id[i]);
	for (size_t k = 0; k < device->nspans; k++) {
		const struct fx_span *s = &device->span[k];
		struct gms_range span;

		npages += s->npages;
		if (gms_listener_span_at(w->space, w->id[i], s->first, &span) ||
		    span.first != s->first || span.npages != s->npages)
			world_fail(w, "listener %u has 0x%" PRIx64 "+%" PRIu64 ", the library "
				   "says otherwise", w->id[i], s->first, s->npages);
	}
	if (info.spans != device->nspans || info.pages != npages)
		world_fail(w, "listener %u has %zu spans, the library says %" PRIu64, w->id[i],
			   device->nspans, info.spans);
	*undo_failures = info.undo_failures;
	return fx_hash(fx_device_hash(w->device[i]), info.spans_max);
}

void world_snap(struct world *w, struct world_snap *snap)
{
	struct gms_folio_iter folios;
	struct gms_folio folio;
	struct gms_iter runs;
	struct gms_run run;

	memset(snap, 0, sizeof(*snap));
	for (int k = 0; k < WORLD_PLACES; k++) {
		if (gms_iter_init(&runs, w->space, w->place[k].range, GMS_STATE_ALL) ||
		    gms_folio_iter_init(&folios, w->space, w->place[k].range))
			world_fail(w, "walks");
		while (gms_iter_next(&runs, &run)) {
			snap->runs = fx_hash(snap->runs, run.first);
			snap->runs = fx_hash(snap->runs, run.npages << 32 ^ run.state);
		}
		/* Places of single pages have no other shape. */
		while ((k == 0 || k == 3) && gms_folio_iter_next(&folios, &folio)) {
			snap->folios = fx_hash(snap->folios, folio.first);
			snap->folios = fx_hash(snap->folios, folio.order ^ folio.flags << 8 ^
							     folio.shared_pages << 16);
		}
	}
	snap->pins = hash_pins(w);
	for (int i = 0; i < 2; i++) {
		if (!w->host[i])
			continue;
		if (w->host[i]->broken[0])
			world_fail(w, "backend %d, contract: %s", i, w->host[i]->broken);
		w->host[i]->nlog = 0;
		snap->host[i] = fx_host_hash(w->host[i]);
	}
	for (int i = 0; i < WORLD_DEVICES; i++) {
		if (w->device[i])
			snap->device[i] = hash_device(w, i, &snap->undo_failures[i]);
	}
	fx_acct(w->space, &snap->acct);
}

/*
 * What is counted when it is tried: calls of the embedder's code and what they
 * charged, conversions asked for, refused, taken back.
 */
bool world_counts_attempts(uint32_t kind)
{
	switch (kind) {
	case GMS_ACCT_CONVERTS:
	case GMS_ACCT_BLOCKED:
	case GMS_ACCT_ROLLBACKS:
	case GMS_ACCT_UNDO_FAILURES:
	case GMS_ACCT_HOST_RUNS:
	case GMS_ACCT_BACKEND_CALLS:
	case GMS_ACCT_BACKEND_FLUSHES:
	case GMS_ACCT_DRY_RUNS:
	case GMS_ACCT_LISTENER_CALLS:
	case GMS_ACCT_LISTENER_VETOES:
	case GMS_ACCT_SPANS_MAPPED:
	case GMS_ACCT_SPANS_UNMAPPED:
		return true;
	default:
		return kind >= GMS_ACCT_GUEST_EXITS;
	}
}

#define SAME(member) \
	do { \
		if (a->member != b->member) \
			world_fail(w, #member " was 0x%" PRIx64 ", is 0x%" PRIx64, \
				   (uint64_t)a->member, (uint64_t)b->member); \
	} while (0)

void world_same(const struct world *w, const struct world_snap *a, const struct world_snap *b,
		bool views)
{
	SAME(runs);
	SAME(folios);
	SAME(pins);
	for (int i = 0; i < 2 && views; i++)
		SAME(host[i]);
	for (int i = 0; i < WORLD_DEVICES && views; i++) {
		SAME(device[i]);
		SAME(undo_failures[i]);
	}
	SAME(acct.regions);
	SAME(acct.pages);
	SAME(acct.shared_pages);
	SAME(acct.shared_pages_max);
	SAME(acct.folios_4k);
	SAME(acct.folios_2m);
	SAME(acct.folios_1g);
	SAME(acct.pins);
	SAME(acct.pinned_pages);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		if (!world_counts_attempts(kind) &&
		    a->acct.event[kind].count != b->acct.event[kind].count)
			world_fail(w, "%s was %" PRIu64 ", is %" PRIu64, gms_acct_name(kind),
				   a->acct.event[kind].count, b->acct.event[kind].count);
	}
}

void world_check(const struct world *w)
{
	char why[200];

	if (gms_check(w->space, why, sizeof(why)))
		world_fail(w, "gms_check: %s", why);
}

void world_check_views(struct world *w)
{
	for (int k = 0; k < WORLD_PLACES; k++) {
		if (w->place[k].host >= 0)
			fx_host_check(w->host[w->place[k].host], w->space, w->place[k].range);
		for (int i = 0; i < WORLD_DEVICES; i++) {
			if (w->id[i])
				fx_device_check(w->device[i], w->space, w->place[k].range);
		}
	}
}
