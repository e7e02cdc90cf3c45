/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c - a backend that keeps its own view of the host, a bit a page.
 */
#include "fixture.h"

#include <stdarg.h>

__attribute__((__format__(__printf__, 2, 3)))
static void complain(struct fx_host *host, const char *form, ...)
{
	va_list args;

	if (host->broken[0])
		return;		/* what came first is what explains */
	va_start(args, form);
	vsnprintf(host->broken, sizeof(host->broken), form, args);
	va_end(args);
}

static bool bit(const struct fx_host *host, enum fx_host_plane plane, gms_gfn gfn)
{
	uint64_t at = gfn - host->first;

	return host->plane[plane][at / 64] >> (at % 64) & 1;
}

/* Each bit has a word of its own in the hash, so that flipping it twice leaves it. */
static void flip(struct fx_host *host, uint64_t *bits, uint64_t at, uint64_t salt)
{
	bits[at / 64] ^= UINT64_C(1) << (at % 64);
	host->hash ^= fx_hash(fx_hash(salt, at), salt);
}

static void put(struct fx_host *host, enum fx_host_plane plane, gms_gfn gfn, bool on)
{
	if (bit(host, plane, gfn) != on)
		flip(host, host->plane[plane], gfn - host->first, 1 + plane);
}

static void note(struct fx_host *host, enum fx_host_op op, const struct gms_host_run *run,
		 bool failed)
{
	if (host->nlog < FX_HOST_LOG)
		host->log[host->nlog] = (struct fx_host_entry){
			.op = op, .failed = failed,
			.first = run ? run->first : 0, .npages = run ? run->npages : 0,
			.content = run ? run->content : 0,
		};
	host->nlog++;
}

static void look_at_place(struct fx_host *host, const struct gms_host_run *run)
{
	struct gms_region region;

	GMS_INIT(&region);
	if (gms_region_get(host->space, run->first, &region)) {
		complain(host, "run at 0x%" PRIx64 " is in no region", run->first);
		return;
	}
	if (run->npages > region.first + region.npages - run->first)
		complain(host, "run at 0x%" PRIx64 " leaves its region", run->first);
	if (run->backing_id != region.backing_id ||
	    run->backing_offset_bytes != region.page_offset_bytes || run->hva != region.page_hva)
		complain(host, "run at 0x%" PRIx64 " is translated wrongly", run->first);
}

/* Two runs that touch and could have been one. */
static bool one_region(struct fx_host *host, gms_gfn a, gms_gfn b)
{
	struct gms_region ra, rb;

	GMS_INIT(&ra);
	GMS_INIT(&rb);
	return !gms_region_get(host->space, a, &ra) && !gms_region_get(host->space, b, &rb) &&
	       ra.id == rb.id;
}

/* Which bit an operation is about. */
static enum fx_host_plane plane_of(enum fx_host_op op)
{
	switch (op) {
	case FX_ATTRIBUTES:
		return FX_IS_SHARED;
	case FX_DIRECT:
		return FX_IS_DIRECT;
	case FX_POPULATE:
	case FX_DISCARD:
		return FX_HAS_MEMORY;
	default:
		return FX_IS_MAPPED;
	}
}

/* Does the run say of itself what the operation is? */
static void look_at_words(struct fx_host *host, enum fx_host_op op,
			  const struct gms_host_run *run)
{
	static const gms_state mask[FX_HOST_PLANES] = {
		GMS_STATE_SHARED, GMS_STATE_SHARED, GMS_STATE_DIRECT_MAP, GMS_STATE_POPULATED,
	};
	/* Who thaws maps, and is told that FROZEN goes. */
	const bool frost = plane_of(op) == FX_IS_MAPPED && run->mask == GMS_STATE_FROZEN;
	const bool on = op == FX_POPULATE || (frost ? op == FX_UNMAP : op == FX_MAP);

	if (op == FX_ZERO) {
		if (run->content != GMS_CONTENT_ZERO)
			complain(host, "z: nobody asked for zeros at 0x%" PRIx64, run->first);
		return;
	}
	if ((run->mask != mask[plane_of(op)] && !frost) || (run->to && run->to != run->mask) ||
	    (op != FX_ATTRIBUTES && op != FX_DIRECT && !run->to == on))
		complain(host, "%c: run at 0x%" PRIx64 " has mask 0x%x, to 0x%x", op, run->first,
			 run->mask, run->to);
	/* An undo asks for contents to be kept. */
	if (host->cut[0] && run->content != host->content && run->content != GMS_CONTENT_UNDO)
		complain(host, "%c: run at 0x%" PRIx64 " has content %u", op, run->first,
			 run->content);
}

/* May the VMM touch a page in this state? */
static bool touches(gms_state state)
{
	return (state & (GMS_STATE_SHARED | GMS_STATE_FROZEN)) == GMS_STATE_SHARED;
}

/* What the bit that an operation is about turns to. */
static bool turns_to(enum fx_host_op op, const struct gms_host_run *run)
{
	return plane_of(op) == FX_IS_MAPPED ? op == FX_MAP : run->to != 0;
}

static bool look_at_run(struct fx_host *host, enum fx_host_op op, const struct gms_host_run *run,
			const struct gms_host_run *before)
{
	const enum fx_host_plane plane = plane_of(op);
	const bool private_side = plane == FX_IS_MAPPED || plane == FX_IS_SHARED;

	if (!run->npages || run->first < host->first ||
	    run->npages > host->npages - (run->first - host->first)) {
		complain(host, "%c: run 0x%" PRIx64 "+%" PRIu64 " is empty or outside", op,
			 run->first, run->npages);
		return false;
	}
	if (before && run->first < before->first + before->npages)
		complain(host, "%c: run at 0x%" PRIx64 " goes back", op, run->first);
	look_at_words(host, op, run);
	if (host->space) {
		if (before && run->first == before->first + before->npages &&
		    one_region(host, before->first, run->first))
			complain(host, "%c: runs meet at 0x%" PRIx64, op, run->first);
		look_at_place(host, run);
	}
	for (gms_gfn gfn = run->first; gfn < run->first + run->npages; gfn++) {
		if (op != FX_ZERO && bit(host, plane, gfn) == turns_to(op, run))
			complain(host, "%c: page 0x%" PRIx64 " does not turn", op, gfn);
		if (host->space && private_side && (gms_state_at(host->space, gfn) == GMS_HOLE ||
						    touches(gms_state_at(host->space, gfn))))
			complain(host, "%c: page 0x%" PRIx64 " is on the shared side", op, gfn);
	}
	return true;
}

/* Is this the run, or the folio, that fails? */
static bool fails(struct fx_host *host, enum fx_host_op op)
{
	if (host->fuse && fx_fuse_blows(host->fuse, host)) {
		host->error = host->fuse->error;
		host->failures++;
		return true;
	}
	if (!host->armed || (host->fail_op && host->fail_op != op))
		return false;
	if (host->pass--)
		return false;
	host->armed = false;
	host->failures++;
	return true;
}

static int operate(struct fx_host *host, enum fx_host_op op, const struct gms_host_run *runs,
		   size_t nruns, size_t *ndone, struct gms_charge *charge)
{
	int err = 0;

	pthread_mutex_lock(&host->lock);
	host->calls++;
	host->calls_of[op]++;
	if (!nruns || *ndone)
		complain(host, "%c: %zu runs, ndone %zu", op, nruns, *ndone);
	for (size_t i = 0; i < nruns; i++) {
		if (!look_at_run(host, op, &runs[i], i ? &runs[i - 1] : NULL))
			continue;
		if (fails(host, op)) {
			note(host, op, &runs[i], true);
			*ndone = i;
			err = host->error;
			break;
		}
		note(host, op, &runs[i], false);
		host->runs++;
		for (uint64_t k = 0; k < runs[i].npages && op != FX_ZERO; k++)
			put(host, plane_of(op), runs[i].first + k, turns_to(op, &runs[i]));
		gms_charge_add(charge, GMS_ACCT_SYS_MADVISE, 1);
	}
	pthread_mutex_unlock(&host->lock);
	return err;
}

static int unmap_host(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	return operate(ctx, FX_UNMAP, runs, nruns, ndone, charge);
}

static int map_host(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	return operate(ctx, FX_MAP, runs, nruns, ndone, charge);
}

static int set_attributes(void *ctx, const struct gms_host_run *runs, size_t nruns,
			  size_t *ndone, struct gms_charge *charge)
{
	return operate(ctx, FX_ATTRIBUTES, runs, nruns, ndone, charge);
}

static int direct_map(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		      struct gms_charge *charge)
{
	return operate(ctx, FX_DIRECT, runs, nruns, ndone, charge);
}

static int populate(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		    struct gms_charge *charge)
{
	return operate(ctx, FX_POPULATE, runs, nruns, ndone, charge);
}

static int discard(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		   struct gms_charge *charge)
{
	return operate(ctx, FX_DISCARD, runs, nruns, ndone, charge);
}

static int zero(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		struct gms_charge *charge)
{
	return operate(ctx, FX_ZERO, runs, nruns, ndone, charge);
}

/* A folio is cut, or is one again; the caller has the lock. */
static void reshape(struct fx_host *host, enum fx_host_op op, const struct gms_host_folio *folio)
{
	const bool large = folio->order == GMS_ORDER_1G;
	const uint64_t at = (folio->first >> folio->order) - (host->first >> folio->order);
	bool is_cut;

	if (folio->parts_order >= folio->order ||
	    folio->first & ((UINT64_C(1) << folio->order) - 1))
		complain(host, "%c: folio at 0x%" PRIx64 " of order %u to %u", op, folio->first,
			 folio->order, folio->parts_order);
	if (folio->parts_order != (large ? GMS_ORDER_2M : GMS_ORDER_4K) ||
	    (!large && folio->order != GMS_ORDER_2M)) {		/* not by levels */
		host->levels = false;
		host->hash ^= fx_hash(folio->first, folio->order << 8 | folio->parts_order);
		return;
	}
	is_cut = host->cut[large][at / 64] >> (at % 64) & 1;
	if (host->levels && is_cut != (op == FX_MERGE))
		complain(host, "%c: folio of order %u at 0x%" PRIx64 " is %s", op, folio->order,
			 folio->first, is_cut ? "cut" : "whole");
	flip(host, host->cut[large], at, 1 + FX_HOST_PLANES + large);
}

static void note_folio(struct fx_host *host, enum fx_host_op op,
		       const struct gms_host_folio *folio, bool failed)
{
	const struct gms_host_run run = {
		.first = folio->first, .npages = UINT64_C(1) << folio->order,
	};

	host->calls++;
	host->calls_of[op]++;
	note(host, op, &run, failed);
}

static int split(void *ctx, const struct gms_host_folio *folio, struct gms_charge *charge)
{
	struct fx_host *host = ctx;
	bool failed;

	pthread_mutex_lock(&host->lock);
	failed = fails(host, FX_SPLIT);
	note_folio(host, FX_SPLIT, folio, failed);
	if (!failed)
		reshape(host, FX_SPLIT, folio);
	pthread_mutex_unlock(&host->lock);
	gms_charge_add(charge, GMS_ACCT_SYS_IOCTL, 1);
	return failed ? host->error : 0;
}

static void merge(void *ctx, const struct gms_host_folio *folio, struct gms_charge *charge)
{
	struct fx_host *host = ctx;

	pthread_mutex_lock(&host->lock);
	note_folio(host, FX_MERGE, folio, false);
	reshape(host, FX_MERGE, folio);
	pthread_mutex_unlock(&host->lock);
	gms_charge_add(charge, GMS_ACCT_SYS_IOCTL, 1);
}

static void flush(void *ctx, struct gms_charge *charge)
{
	struct fx_host *host = ctx;

	pthread_mutex_lock(&host->lock);
	host->flushes++;
	note(host, FX_FLUSH, NULL, false);
	gms_charge_add(charge, GMS_ACCT_FLUSH_PROCESS, host->charge_flush);
	pthread_mutex_unlock(&host->lock);
}

struct fx_host *fx_host_new(gms_gfn first, uint64_t npages)
{
	struct fx_host *host = calloc(1, sizeof(*host));

	ck_assert_ptr_nonnull(host);
	host->first = first;
	host->npages = npages;
	for (int i = 0; i < FX_HOST_PLANES; i++) {
		host->plane[i] = calloc((npages + 63) / 64, sizeof(*host->plane[i]));
		ck_assert_ptr_nonnull(host->plane[i]);
	}
	pthread_mutex_init(&host->lock, NULL);
	host->charge_flush = 1;
	GMS_INIT(&host->backend);
	host->backend.ctx = host;
	host->backend.unmap_host = unmap_host;
	host->backend.map_host = map_host;
	host->backend.flush = flush;
	return host;
}

void fx_host_free(struct fx_host *host)
{
	if (!host)
		return;
	pthread_mutex_destroy(&host->lock);
	for (int i = 0; i < FX_HOST_PLANES; i++)
		free(host->plane[i]);
	free(host->cut[0]);
	free(host->cut[1]);
	free(host);
}

void fx_host_do_all(struct fx_host *host)
{
	for (int i = 0; i < 2; i++) {
		host->cut[i] = calloc(host->npages / FX_2M / 64 + 2, sizeof(*host->cut[i]));
		ck_assert_ptr_nonnull(host->cut[i]);
	}
	host->levels = true;
	host->backend.set_attributes = set_attributes;
	host->backend.direct_map = direct_map;
	host->backend.populate = populate;
	host->backend.discard = discard;
	host->backend.split = split;
	host->backend.merge = merge;
	host->backend.zero = zero;
}

void fx_host_set(struct fx_host *host, struct gms_range range, bool mapped)
{
	for (uint64_t k = 0; k < range.npages; k++)
		put(host, FX_IS_MAPPED, range.first + k, mapped);
}

bool fx_host_maps(struct fx_host *host, gms_gfn gfn)
{
	return bit(host, FX_IS_MAPPED, gfn);
}

/* What a host must know of a page in this state. */
static bool must_be(gms_state state, enum fx_host_plane plane)
{
	static const gms_state mask[FX_HOST_PLANES] = {
		GMS_STATE_SHARED, GMS_STATE_SHARED, GMS_STATE_DIRECT_MAP, GMS_STATE_POPULATED,
	};

	return plane == FX_IS_MAPPED ? touches(state) : state & mask[plane];
}

void fx_host_mend(struct fx_host *host, const struct gms_space *space, struct gms_range range)
{
	host->broken[0] = '\0';
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		const gms_state state = gms_state_at(space, gfn);

		if (state == GMS_HOLE)
			continue;
		for (int i = 0; i < FX_HOST_PLANES; i++)
			put(host, i, gfn, must_be(state, i));
	}
}

void fx_host_fail_after(struct fx_host *host, uint64_t pass, int error)
{
	host->pass = pass;
	host->error = error;
	host->armed = true;
}

bool fx_host_heal(struct fx_host *host)
{
	bool was = host->armed;

	host->armed = false;
	return was;
}

void fx_host_forget(struct fx_host *host)
{
	host->nlog = 0;
	memset(host->calls_of, 0, sizeof(host->calls_of));
	host->calls = host->runs = host->flushes = host->failures = 0;
}

/* The folio that begins or goes on with this block of 2M. */
static void check_folio(const struct fx_host *host, const struct gms_space *space, gms_gfn gfn)
{
	struct gms_region region;
	struct gms_folio folio;

	GMS_INIT(&region);
	if (gms_region_get(space, gfn, &region) || !region.base_order ||
	    gms_folio_at(space, gfn, &folio))
		return;
	for (unsigned large = 0; large <= (region.base_order == GMS_ORDER_1G); large++) {
		const unsigned order = large ? GMS_ORDER_1G : GMS_ORDER_2M;
		const uint64_t at = (gfn >> order) - (host->first >> order);

		if ((host->cut[large][at / 64] >> (at % 64) & 1) != (folio.order < order))
			ck_abort_msg("folio at 0x%" PRIx64 " is of order %u, and %s for the host",
				     gfn, folio.order, folio.order < order ? "whole" : "cut");
	}
}

void fx_host_check(struct fx_host *host, const struct gms_space *space, struct gms_range range)
{
	const int planes = host->cut[0] ? FX_HOST_PLANES : 1;

	ck_assert_msg(!host->broken[0], "backend contract: %s", host->broken);
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		gms_state state = gms_state_at(space, gfn);

		if (state == GMS_HOLE)
			continue;
		/* An assertion of Check is a write to a file: none a page. */
		for (int i = 0; i < planes; i++) {
			if (bit(host, i, gfn) != must_be(state, i))
				ck_abort_msg("page 0x%" PRIx64 " of state 0x%x: bit %d of the host "
					     "is %d", gfn, state, i, bit(host, i, gfn));
		}
		if (host->levels && gfn % FX_2M == 0)
			check_folio(host, space, gfn);
	}
}

void fx_host_wrote(struct fx_host *host, gms_gfn gfn)
{
	if (bit(host, FX_HAS_MEMORY, gfn))
		complain(host, "page 0x%" PRIx64 " was populated, and then brought in", gfn);
	put(host, FX_HAS_MEMORY, gfn, true);
}

uint64_t fx_host_hash(struct fx_host *host)
{
	return host->hash;
}
