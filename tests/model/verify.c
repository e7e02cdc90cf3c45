/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c - compare all that can be read of a space with the oracle.
 */
#include "oracle.h"
#include "snapfile.h"

#define S	GMS_STATE_SHARED

static struct gms_range clip(const struct oracle *o, struct gms_range range)
{
	if (range.first >= o->npages)
		return FX_RANGE(0, 1);
	if (range.npages > o->npages - range.first)
		range.npages = o->npages - range.first;
	return range;
}

static void verify_pages(struct oracle *o, struct gms_space *space, struct fx_host *host,
			 struct gms_range range)
{
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		gms_state is = gms_state_at(space, gfn);

		AGREE(is == o->state[gfn], "page 0x%" PRIx64 ": state 0x%x, should be 0x%x", gfn,
		      is, o->state[gfn]);
		if (!(is & GMS_HOLE) && oracle_region_of(o, gfn)->hosted)
			AGREE(fx_host_maps(host, gfn) == ((is & (S | GMS_STATE_FROZEN)) == S),
			      "page 0x%" PRIx64 ": the host's view differs", gfn);
	}
}

/* The run around a page, found page by page. */
static struct gms_run run_of(const struct oracle *o, gms_gfn gfn, gms_state mask,
			     struct gms_range within)
{
	const struct oracle_region *r = oracle_region_of(o, gfn);
	gms_gfn first = gfn, end = gfn + 1;
	const gms_gfn low = r->range.first > within.first ? r->range.first : within.first;
	const gms_gfn r_end = r->range.first + r->range.npages;
	const gms_gfn w_end = within.first + within.npages, high = r_end < w_end ? r_end : w_end;

	while (first > low && !((o->state[first - 1] ^ o->state[gfn]) & mask))
		first--;
	while (end < high && !((o->state[end] ^ o->state[gfn]) & mask))
		end++;
	return (struct gms_run){ first, end - first, o->state[gfn] & mask, r->id };
}

static void verify_run(const struct gms_run *is, const struct gms_run *should)
{
	AGREE(is->first == should->first && is->npages == should->npages &&
	      is->state == should->state && is->region == should->region,
	      "run 0x%" PRIx64 "+%" PRIu64 " state 0x%x region %u, should be 0x%" PRIx64
	      "+%" PRIu64 " state 0x%x region %u", is->first, is->npages, is->state, is->region,
	      should->first, should->npages, should->state, should->region);
}

static void verify_runs(struct oracle *o, struct gms_space *space, struct gms_range range,
			gms_state mask)
{
	gms_gfn at = range.first;
	struct gms_iter it;
	struct gms_run run;
	int err = gms_iter_init(&it, space, range, mask);

	AGREE(!err, "gms_iter_init: %d", err);
	while (gms_iter_next(&it, &run)) {
		struct gms_run should;

		for (; at < range.first + range.npages && o->state[at] & GMS_HOLE; at++)
			;
		AGREE(at < range.first + range.npages, "a run too many at 0x%" PRIx64, run.first);
		should = run_of(o, at, mask, range);
		verify_run(&run, &should);
		at = run.first + run.npages;
	}
	for (; at < range.first + range.npages; at++)
		AGREE(o->state[at] & GMS_HOLE, "no run for page 0x%" PRIx64, at);
}

/* Those runs whose state is a value; region borders end them too. */
static void verify_matches(struct oracle *o, struct gms_space *space, struct gms_range range,
			   gms_state mask, gms_state value)
{
	gms_gfn at = range.first;
	struct gms_iter it;
	struct gms_run run;
	int err = gms_iter_init_match(&it, space, range, mask, value);

	AGREE(!err, "gms_iter_init_match: %d", err);
	for (;;) {
		const bool more = gms_iter_next(&it, &run);
		struct gms_run should;

		while (at < range.first + range.npages &&
		       (o->state[at] & GMS_HOLE || (o->state[at] & mask) != value))
			at++;
		AGREE(more == (at < range.first + range.npages), "match of 0x%x under 0x%x at 0x%"
		      PRIx64 ": %s", value, mask, at, more ? "one too many" : "not found");
		if (!more)
			break;
		should = run_of(o, at, mask, range);
		verify_run(&run, &should);
		at = run.first + run.npages;
	}
}

/* What the map keeps counts of, and what is left of it. */
static void verify_counts(struct oracle *o, struct gms_space *space, struct gms_range range)
{
	static const gms_state attribute[] = {
		S, GMS_STATE_POPULATED, GMS_STATE_MISSING, GMS_STATE_DIRTY
	};
	uint64_t should[4] = { 0 }, pages = 0;

	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		if (o->state[gfn] & GMS_HOLE)
			continue;
		pages++;
		for (int i = 0; i < 4; i++)
			should[i] += o->state[gfn] & attribute[i] ? 1 : 0;
	}
	for (int i = 0; i < 4; i++) {
		uint64_t with = 0, without = 0;
		int err = gms_count(space, range, attribute[i], attribute[i], &with);

		if (!err)
			err = gms_count(space, range, attribute[i], 0, &without);
		AGREE(!err && with == should[i] && without == pages - should[i],
		      "count of %s: %d, %" PRIu64 " with and %" PRIu64 " without, should be %"
		      PRIu64 " of %" PRIu64, gms_state_name(attribute[i]), err, with, without,
		      should[i], pages);
	}
}

/* One question of each kind about random places in a range. */
static void verify_questions(struct oracle *o, struct gms_space *space, struct fx_rand *rand,
			     struct gms_range range, gms_state mask)
{
	const gms_gfn gfn = range.first + fx_rand_below(rand, range.npages);
	const gms_state value = o->state[gfn] & mask & GMS_STATE_ALL;
	uint64_t count = 0, pages = 0, is_count = 0;
	gms_gfn found = UINT64_MAX, is_found = UINT64_MAX;
	bool same = true, hole = false, is_same = false;
	gms_state some = GMS_HOLE;
	struct gms_run run, should;
	int err;

	for (gms_gfn g = range.first; g < range.first + range.npages; g++) {
		if (o->state[g] & GMS_HOLE) {
			hole = true;
			continue;
		}
		same = same && (some == GMS_HOLE || !((some ^ o->state[g]) & mask));
		some = o->state[g];
		pages++;
		if ((o->state[g] & mask) != value)
			continue;
		count++;
		if (found == UINT64_MAX)
			found = g;
	}

	err = gms_count(space, range, mask, value, &is_count);
	AGREE(!err && is_count == count, "count: %d, %" PRIu64 ", should be %" PRIu64, err,
	      is_count, count);
	err = gms_count(space, range, 0, 0, &is_count);
	AGREE(!err && is_count == pages, "count of all: %d, %" PRIu64 ", should be %" PRIu64, err,
	      is_count, pages);
	err = gms_find(space, range, mask, value, &is_found);
	AGREE(err == (found == UINT64_MAX ? -ENOENT : 0) && is_found == found,
	      "find: %d, 0x%" PRIx64 ", should be 0x%" PRIx64, err, is_found, found);
	err = gms_uniform(space, range, mask, &is_same);
	AGREE(err == -ENOENT ? hole : !err && !hole && is_same == same,
	      "uniform 0x%" PRIx64 "+%" PRIu64 " mask 0x%x: %d, %d; %s, %d", range.first,
	      range.npages, mask, err, is_same, hole ? "a hole" : "no hole", same);

	verify_matches(o, space, range, mask, value);
	err = gms_run_at(space, gfn, mask, &run);
	if (o->state[gfn] & GMS_HOLE) {
		AGREE(err == -ENOENT, "run at a hole: %d", err);
		AGREE(!gms_map_order(space, gfn, mask), "map order of a hole");
		return;
	}
	AGREE(!err, "run: %d", err);
	should = run_of(o, gfn, mask, FX_RANGE(0, o->npages));
	verify_run(&run, &should);
	for (unsigned order = 18;; order -= o->split == GMS_SPLIT_HALVES ? 1 : 9) {
		const gms_gfn first = gfn >> order << order;

		if (order && (order > oracle_order(o, gfn) || first < should.first ||
			      first + (UINT64_C(1) << order) > should.first + should.npages))
			continue;
		AGREE(gms_map_order(space, gfn, mask) == order,
		      "map order of 0x%" PRIx64 " under 0x%x: %u, should be %u", gfn, mask,
		      gms_map_order(space, gfn, mask), order);
		break;
	}
}

static void verify_folios(struct oracle *o, struct gms_space *space, struct gms_range range)
{
	gms_gfn at = range.first;
	struct gms_folio_iter it;
	struct gms_folio folio;
	int err = gms_folio_iter_init(&it, space, range);

	AGREE(!err, "gms_folio_iter_init: %d", err);
	while (gms_folio_iter_next(&it, &folio)) {
		struct gms_folio other;
		uint64_t npages = UINT64_C(1) << folio.order, shared;
		unsigned order;

		for (; at < range.first + range.npages && o->state[at] & GMS_HOLE; at++)
			;
		AGREE(at < range.first + range.npages, "a folio too many: 0x%" PRIx64,
		      folio.first);
		order = oracle_order(o, at);
		AGREE(folio.order == order && folio.first == at >> order << order &&
		      folio.region == oracle_region_of(o, at)->id,
		      "folio 0x%" PRIx64 " order %u, should be around 0x%" PRIx64 " order %u",
		      folio.first, folio.order, at, order);
		shared = oracle_shared(o, FX_RANGE(folio.first, npages));
		AGREE(folio.shared_pages == shared, "folio 0x%" PRIx64 ": %" PRIu64
		      " shared, should be %" PRIu64, folio.first, folio.shared_pages, shared);
		AGREE(folio.flags == (shared && shared < npages ? GMS_FOLIO_MIXED : 0),
		      "folio 0x%" PRIx64 ": flags 0x%x", folio.first, folio.flags);
		err = gms_folio_at(space, at, &other);
		AGREE(!err && !memcmp(&folio, &other, sizeof(folio)),
		      "folio at 0x%" PRIx64 " is another than the walk's", at);
		at = folio.first + npages;
	}
	for (; at < range.first + range.npages; at++)
		AGREE(o->state[at] & GMS_HOLE, "no folio for page 0x%" PRIx64, at);
}

static void verify_gup(struct oracle *o, struct gms_space *space, struct gms_range range,
		       uint32_t flags)
{
	struct gms_gup_answer answer;
	uint64_t eligible = 0;
	gms_gfn refused = UINT64_MAX, at = range.first;
	struct gms_gup_iter it;
	struct gms_gup_run run;
	int err;

	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		if (oracle_gup(o->state[gfn], flags) == GMS_REASON_NONE)
			eligible++;
		else if (refused == UINT64_MAX)
			refused = gfn;
	}
	GMS_INIT(&answer);
	err = gms_gup_query(space, range, flags, &answer);
	AGREE(!err && answer.eligible_pages == eligible &&
	      answer.refused_pages == range.npages - eligible,
	      "gup query: %d, %" PRIu64 " eligible, should be %" PRIu64, err,
	      answer.eligible_pages, eligible);
	if (refused != UINT64_MAX)
		AGREE(answer.refused_gfn == refused &&
		      answer.reason == oracle_gup(o->state[refused], flags),
		      "gup query: 0x%" PRIx64 " %s, should be 0x%" PRIx64 " %s",
		      answer.refused_gfn, gms_reason_name(answer.reason), refused,
		      gms_reason_name(oracle_gup(o->state[refused], flags)));
	else
		AGREE(answer.reason == GMS_REASON_NONE, "gup query: a reason, but no refusal");

	err = gms_gup_iter_init(&it, space, range, flags);
	AGREE(!err, "gms_gup_iter_init: %d", err);
	while (gms_gup_iter_next(&it, &run)) {
		const struct oracle_region *r = oracle_region_of(o, at), *next;

		AGREE(run.first == at && run.npages && run.region == (r ? r->id : 0),
		      "gup run at 0x%" PRIx64 ", should be at 0x%" PRIx64, run.first, at);
		for (; at < run.first + run.npages; at++)
			AGREE(at < range.first + range.npages &&
			      oracle_gup(o->state[at], flags) == run.reason &&
			      oracle_region_of(o, at) == r,
			      "gup run with page 0x%" PRIx64 " in it", at);
		next = at < range.first + range.npages ? oracle_region_of(o, at) : NULL;
		AGREE(at == range.first + range.npages || next != r ||
		      oracle_gup(o->state[at], flags) != run.reason,
		      "gup run ends early at 0x%" PRIx64, at);
	}
	AGREE(at == range.first + range.npages, "gup walk ends at 0x%" PRIx64, at);
}

static int by_first_then_age(const void *a, const void *b)
{
	const struct oracle_pin *x = a, *y = b;

	if (x->range.first != y->range.first)
		return x->range.first < y->range.first ? -1 : 1;
	return x->age < y->age ? -1 : 1;
}

static void verify_pins(struct oracle *o, struct gms_space *space, struct gms_range range)
{
	struct oracle_pin should[ORACLE_PINS];
	struct gms_pin_info is[ORACLE_PINS];
	size_t n = 0, found = 0;
	int err;

	for (int i = 0; i < ORACLE_PINS; i++)
		if (o->pin[i].id && oracle_meet(o->pin[i].range, range))
			should[n++] = o->pin[i];
	qsort(should, n, sizeof(should[0]), by_first_then_age);
	err = gms_pins_in(space, range, is, ORACLE_PINS, &found);
	AGREE(!err && found == n, "pins: %d, %zu, should be %zu", err, found, n);
	for (size_t i = 0; i < n; i++)
		AGREE(is[i].id == should[i].id && is[i].tag == should[i].tag &&
		      is[i].flags == should[i].flags &&
		      is[i].range.first == should[i].range.first &&
		      is[i].range.npages == should[i].range.npages,
		      "pin %zu is %" PRIu64 ", should be %" PRIu64, i, is[i].id, should[i].id);
}

static void verify_gauge(const char *name, uint64_t is, uint64_t should)
{
	AGREE(is == should, "%s: %" PRIu64 ", should be %" PRIu64, name, is, should);
}

static void verify_ledger(struct oracle *o, struct gms_space *space, struct fx_mem *mem)
{
	uint64_t regions = 0, pages = 0, shared = 0, folios[GMS_ORDERS] = { 0 }, pins = 0, pinned = 0;
	struct gms_acct acct;

	for (int i = 0; i < ORACLE_REGIONS; i++) {
		const struct oracle_region *r = &o->region[i];

		if (!r->id)
			continue;
		regions++;
		pages += r->range.npages;
		shared += oracle_shared(o, r->range);
		for (gms_gfn gfn = r->range.first; gfn < r->range.first + r->range.npages;) {
			unsigned order = oracle_order(o, gfn);

			folios[order]++;
			gfn += UINT64_C(1) << order;
		}
	}
	for (int i = 0; i < ORACLE_PINS; i++)
		if (o->pin[i].id) {
			pins++;
			pinned += o->pin[i].range.npages;
		}
	fx_acct(space, &acct);
	verify_gauge("regions", acct.regions, regions);
	verify_gauge("pages", acct.pages, pages);
	verify_gauge("shared_pages", acct.shared_pages, shared);
	verify_gauge("shared_pages_max", acct.shared_pages_max, o->shared_max);
	verify_gauge("folios_4k", acct.folios_4k, folios[0]);
	verify_gauge("folios_2m", acct.folios_2m, folios[9]);
	verify_gauge("folios_1g", acct.folios_1g, folios[18]);
	for (unsigned order = 0; order < GMS_ORDERS; order++)
		verify_gauge("folios", acct.folios[order], folios[order]);
	verify_gauge("pins", acct.pins, pins);
	verify_gauge("pinned_pages", acct.pinned_pages, pinned);
	verify_gauge("metadata_bytes", acct.metadata_bytes, mem->live_bytes);
	verify_gauge("metadata_bytes_max", acct.metadata_bytes_max, mem->peak_bytes);
	for (uint32_t kind = GMS_ACCT_COMMITS; kind < GMS_ACCT_GUEST_EXITS; kind++)
		if (kind != GMS_ACCT_HOST_RUNS && kind != GMS_ACCT_BACKEND_CALLS &&
		    kind != GMS_ACCT_BACKEND_FLUSHES)
			verify_gauge(gms_acct_name(kind), acct.event[kind].count, o->event[kind]);
}

/* What is saved of it and loaded is the same, but for who holds pages. */
static void verify_snapshot(const struct oracle *o, struct gms_space *space)
{
	struct snapfile *file = snapfile_new();
	struct gms_space *back = NULL;
	char why[256] = "";
	struct fx_mem mem;
	int err;

	fx_mem_init(&mem);
	err = gms_save(space, snapfile_write, file);
	AGREE(!err, "gms_save: %d", err);
	err = snapfile_load(&back, file, &mem, NULL);
	AGREE(!err, "gms_load: %d", err);
	err = gms_check(back, why, sizeof(why));
	AGREE(!err, "gms_check of what was loaded: %s", why);
	for (gms_gfn gfn = 0; gfn < o->npages; gfn++) {
		const gms_state is = gms_state_at(back, gfn);
		struct gms_folio folio = { .order = 0 };

		AGREE(is == o->state[gfn], "page 0x%" PRIx64 " loaded: state 0x%x, should be 0x%x",
		      gfn, is, o->state[gfn]);
		if (is & GMS_HOLE)
			continue;
		err = gms_folio_at(back, gfn, &folio);
		AGREE(!err && folio.order == oracle_order(o, gfn),
		      "page 0x%" PRIx64 " loaded: order %u, should be %u", gfn, folio.order,
		      oracle_order(o, gfn));
	}
	gms_space_free(back);
	AGREE(!mem.live_blocks, "%" PRIu64 " blocks of what was loaded leaked", mem.live_blocks);
	snapfile_free(file);
}

void verify(struct oracle *o, struct gms_space *space, struct fx_host *host, struct fx_mem *mem,
	    struct fx_rand *rand, struct gms_range around, bool whole)
{
	const gms_state masks[] = {
		S, GMS_STATE_ALL, 0, S | GMS_STATE_DIRECT_MAP, GMS_STATE_DIRTY,
		(gms_state)fx_rand_u64(rand) & GMS_STATE_ALL,
	};
	const gms_state mask = masks[fx_rand_below(rand, 6)];
	const gms_gfn from = fx_rand_below(rand, o->npages);
	struct gms_range some = FX_RANGE(from, 1 + fx_rand_below(rand, o->npages - from));
	char why[256] = "";
	int err;

	AGREE(!host->broken[0], "backend contract: %s", host->broken);
	around = clip(o, whole ? FX_RANGE(0, o->npages) : around);
	verify_pages(o, space, host, around);
	verify_runs(o, space, around, mask);
	verify_questions(o, space, rand, around, mask);
	verify_counts(o, space, around);
	verify_folios(o, space, around);
	verify_gup(o, space, around, (uint32_t)fx_rand_below(rand, 4));
	verify_pins(o, space, around);
	if (some.npages > 4096 && !whole)
		some.npages = 4096;
	verify_runs(o, space, some, GMS_STATE_ALL);
	verify_questions(o, space, rand, some, mask);
	verify_counts(o, space, some);
	verify_gup(o, space, some, GMS_PIN_WRITE);
	verify_pins(o, space, some);
	if (whole)
		verify_ledger(o, space, mem);
	if (whole && fx_rand_odds(rand, 1, 8))
		verify_snapshot(o, space);
	err = gms_check(space, why, sizeof(why));
	AGREE(!err, "gms_check: %s", why);
}
