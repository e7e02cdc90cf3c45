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

static bool bit(const struct fx_host *host, gms_gfn gfn)
{
	uint64_t at = gfn - host->first;

	return host->mapped[at / 64] >> (at % 64) & 1;
}

static void put(struct fx_host *host, gms_gfn gfn, bool mapped)
{
	uint64_t at = gfn - host->first, one = UINT64_C(1) << (at % 64);

	if (bit(host, gfn) == mapped)
		return;
	host->mapped[at / 64] ^= one;
	host->mapped_pages += mapped ? 1 : UINT64_MAX;
}

static void note(struct fx_host *host, enum fx_host_op op, const struct gms_host_run *run,
		 bool failed)
{
	if (host->nlog < FX_HOST_LOG)
		host->log[host->nlog] = (struct fx_host_entry){
			.op = op, .failed = failed,
			.first = run ? run->first : 0, .npages = run ? run->npages : 0,
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

static bool look_at_run(struct fx_host *host, enum fx_host_op op, const struct gms_host_run *run,
			const struct gms_host_run *before)
{
	if (!run->npages || run->first < host->first ||
	    run->npages > host->npages - (run->first - host->first)) {
		complain(host, "%c: run 0x%" PRIx64 "+%" PRIu64 " is empty or outside", op,
			 run->first, run->npages);
		return false;
	}
	if (before && run->first < before->first + before->npages)
		complain(host, "%c: run at 0x%" PRIx64 " goes back", op, run->first);
	if (host->space) {
		if (before && run->first == before->first + before->npages &&
		    one_region(host, before->first, run->first))
			complain(host, "%c: runs meet at 0x%" PRIx64, op, run->first);
		look_at_place(host, run);
	}
	for (gms_gfn gfn = run->first; gfn < run->first + run->npages; gfn++) {
		if (bit(host, gfn) != (op == FX_UNMAP))
			complain(host, "%c: page 0x%" PRIx64 " does not turn", op, gfn);
		if (host->space && gms_state_at(host->space, gfn) & (GMS_STATE_SHARED | GMS_HOLE))
			complain(host, "%c: page 0x%" PRIx64 " is on the shared side", op, gfn);
	}
	return true;
}

static int operate(struct fx_host *host, enum fx_host_op op, const struct gms_host_run *runs,
		   size_t nruns, size_t *ndone, struct gms_charge *charge)
{
	bool may_fail;
	int err = 0;

	pthread_mutex_lock(&host->lock);
	may_fail = !host->fail_op || host->fail_op == op;
	host->calls++;
	if (!nruns || *ndone)
		complain(host, "%c: %zu runs, ndone %zu", op, nruns, *ndone);
	for (size_t i = 0; i < nruns; i++) {
		if (!look_at_run(host, op, &runs[i], i ? &runs[i - 1] : NULL))
			continue;
		if (host->armed && may_fail && !host->pass) {
			host->armed = false;
			host->failures++;
			note(host, op, &runs[i], true);
			*ndone = i;
			err = host->error;
			break;
		}
		host->pass -= host->armed && may_fail;
		note(host, op, &runs[i], false);
		host->runs++;
		for (uint64_t k = 0; k < runs[i].npages; k++)
			put(host, runs[i].first + k, op == FX_MAP);
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
	host->mapped = calloc((npages + 63) / 64, sizeof(*host->mapped));
	ck_assert_ptr_nonnull(host->mapped);
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
	free(host->mapped);
	free(host);
}

void fx_host_set(struct fx_host *host, struct gms_range range, bool mapped)
{
	for (uint64_t k = 0; k < range.npages; k++)
		put(host, range.first + k, mapped);
}

bool fx_host_maps(struct fx_host *host, gms_gfn gfn)
{
	return bit(host, gfn);
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
	host->calls = host->runs = host->flushes = host->failures = 0;
}

void fx_host_check(struct fx_host *host, const struct gms_space *space, struct gms_range range)
{
	ck_assert_msg(!host->broken[0], "backend contract: %s", host->broken);
	for (gms_gfn gfn = range.first; gfn < range.first + range.npages; gfn++) {
		gms_state state = gms_state_at(space, gfn);

		if (state == GMS_HOLE)
			continue;
		/* An assertion of Check is a write to a file: none a page. */
		if (bit(host, gfn) != !!(state & GMS_STATE_SHARED))
			ck_abort_msg("page 0x%" PRIx64 ": the host has it %s, the books say %s", gfn,
			      bit(host, gfn) ? "mapped" : "unmapped",
			      state & GMS_STATE_SHARED ? "shared" : "private");
	}
}

uint64_t fx_host_hash(struct fx_host *host)
{
	uint64_t hash = host->mapped_pages;

	for (uint64_t i = 0; i < (host->npages + 63) / 64; i++)
		hash = (hash ^ host->mapped[i]) * UINT64_C(0x100000001b3);
	return hash;
}
