/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snap.c - everything that can be seen of a space, to compare before and after.
 */
#include "fixture.h"

uint64_t fx_hash(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static void take_regions(struct fx_snap *snap, const struct gms_space *space)
{
	struct gms_region r;

	for (gms_gfn at = 0;; at = r.first + r.npages) {
		int err;

		GMS_INIT(&r);
		err = gms_region_next(space, at, &r);
		if (err == -ENOENT)
			break;
		ck_assert_int_eq(err, 0);
		snap->nregions++;
		snap->regions = fx_hash(snap->regions, r.first);
		snap->regions = fx_hash(snap->regions, r.npages);
		snap->regions = fx_hash(snap->regions, r.backing_id);
		snap->regions = fx_hash(snap->regions, r.backing_offset_bytes);
		snap->regions = fx_hash(snap->regions, (uintptr_t)r.hva);
		snap->regions = fx_hash(snap->regions, r.id);
		snap->regions = fx_hash(snap->regions, r.base_order);
	}
}

static void take_runs(struct fx_snap *snap, const struct gms_space *space)
{
	struct gms_iter it;
	struct gms_run run;

	ck_assert_int_eq(gms_iter_init(&it, space, FX_ALL, GMS_STATE_ALL), 0);
	while (gms_iter_next(&it, &run)) {
		snap->nruns++;
		snap->runs = fx_hash(snap->runs, run.first);
		snap->runs = fx_hash(snap->runs, run.npages);
		snap->runs = fx_hash(snap->runs, run.state);
		snap->runs = fx_hash(snap->runs, run.region);
	}
}

static void take_folios(struct fx_snap *snap, const struct gms_space *space)
{
	struct gms_folio_iter it;
	struct gms_folio folio;

	ck_assert_int_eq(gms_folio_iter_init(&it, space, FX_ALL), 0);
	while (gms_folio_iter_next(&it, &folio)) {
		snap->nfolios++;
		snap->folios = fx_hash(snap->folios, folio.first);
		snap->folios = fx_hash(snap->folios, folio.order);
		snap->folios = fx_hash(snap->folios, folio.flags);
		snap->folios = fx_hash(snap->folios, folio.shared_pages);
	}
}

static void take_pins(struct fx_snap *snap, struct gms_space *space)
{
	struct gms_pin_info *list = NULL;
	size_t found = 0, again = 0;

	ck_assert_int_eq(gms_pins_in(space, FX_ALL, NULL, 0, &found), 0);
	if (found) {
		list = calloc(found, sizeof(*list));
		ck_assert_ptr_nonnull(list);
		ck_assert_int_eq(gms_pins_in(space, FX_ALL, list, found, &again), 0);
		ck_assert_uint_eq(again, found);
	}
	snap->npins = found;
	for (size_t i = 0; i < found; i++) {
		snap->pins = fx_hash(snap->pins, list[i].range.first);
		snap->pins = fx_hash(snap->pins, list[i].range.npages);
		snap->pins = fx_hash(snap->pins, list[i].id);
		snap->pins = fx_hash(snap->pins, list[i].tag);
		snap->pins = fx_hash(snap->pins, list[i].flags);
	}
	free(list);
}

void fx_snap_take(struct fx_snap *snap, struct gms_space *space, struct fx_host *host)
{
	memset(snap, 0, sizeof(*snap));
	take_regions(snap, space);
	take_runs(snap, space);
	take_folios(snap, space);
	take_pins(snap, space);
	snap->host = host ? fx_host_hash(host) : 0;
	fx_acct(space, &snap->acct);
}

static bool counts_refusals(uint32_t kind)
{
	switch (kind) {
	case GMS_ACCT_CONVERTS:
	case GMS_ACCT_BLOCKED:
	case GMS_ACCT_ROLLBACKS:
	case GMS_ACCT_UNDO_FAILURES:
	case GMS_ACCT_PINS_REFUSED:
	case GMS_ACCT_HOST_RUNS:
	case GMS_ACCT_BACKEND_CALLS:
	case GMS_ACCT_BACKEND_FLUSHES:
	case GMS_ACCT_SYS_MADVISE:
	case GMS_ACCT_FLUSH_PROCESS:
		return true;
	default:
		return false;
	}
}

#define SAME(member) \
	ck_assert_msg(a->member == b->member, "%s:%d: " #member " was %" PRIu64 ", is %" PRIu64, \
		      file, line, (uint64_t)a->member, (uint64_t)b->member)

void fx_snap_same_at(const struct fx_snap *a, const struct fx_snap *b, const char *file, int line)
{
	SAME(nregions);
	SAME(regions);
	SAME(nruns);
	SAME(runs);
	SAME(nfolios);
	SAME(folios);
	SAME(npins);
	SAME(pins);
	SAME(host);
	SAME(acct.regions);
	SAME(acct.pages);
	SAME(acct.shared_pages);
	SAME(acct.shared_pages_max);
	SAME(acct.folios_4k);
	SAME(acct.folios_2m);
	SAME(acct.folios_1g);
	SAME(acct.pins);
	SAME(acct.pinned_pages);
	SAME(acct.loans);
	SAME(acct.lent_bytes);
	SAME(acct.lent_pages);
	SAME(acct.idle_pages);
	SAME(acct.slack_bytes);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++)
		ck_assert_msg(counts_refusals(kind) ||
			      a->acct.event[kind].count == b->acct.event[kind].count,
			      "%s:%d: %s was %" PRIu64 ", is %" PRIu64, file, line,
			      gms_acct_name(kind), a->acct.event[kind].count,
			      b->acct.event[kind].count);
}
