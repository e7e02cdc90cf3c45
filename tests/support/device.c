/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - a listener that keeps its own list; see device.h.
 */
#include "device.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmemstate/account.h>
#include <gmemstate/state.h>

static void complain(struct fx_device *device, const char *format, ...)
	__attribute__((__format__(__printf__, 2, 3)));

static void complain(struct fx_device *device, const char *format, ...)
{
	va_list args;

	if (device->broken[0])
		return;
	va_start(args, format);
	vsnprintf(device->broken, sizeof(device->broken), format, args);
	va_end(args);
}

/* The first span that ends after gfn. */
static size_t find(const struct fx_device *device, gms_gfn gfn)
{
	size_t lo = 0, hi = device->nspans;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (device->span[mid].first + device->span[mid].npages <= gfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void insert(struct fx_device *device, size_t at, gms_gfn first, uint64_t npages)
{
	if (device->nspans == device->capacity) {
		device->capacity = device->capacity ? 2 * device->capacity : 64;
		device->span = realloc(device->span, device->capacity * sizeof(*device->span));
		ck_assert_ptr_nonnull(device->span);
	}
	memmove(&device->span[at + 1], &device->span[at],
		(device->nspans - at) * sizeof(*device->span));
	device->span[at] = (struct fx_span){ first, npages };
	device->nspans++;
	if (device->nspans > device->nspans_max)
		device->nspans_max = device->nspans;
	if (device->ops.max_spans && device->nspans > device->ops.max_spans)
		complain(device, "%zu spans, over budget", device->nspans);
}

static void erase(struct fx_device *device, size_t at)
{
	device->nspans--;
	memmove(&device->span[at], &device->span[at + 1],
		(device->nspans - at) * sizeof(*device->span));
}

static void look_at_place(struct fx_device *device, const struct gms_host_run *run)
{
	const uint64_t most = device->ops.max_span_pages ? device->ops.max_span_pages : 1u << 18;
	const uint64_t granule = UINT64_C(1) << device->ops.granule_order;
	struct gms_region region;

	if (!run->npages || run->first % granule || run->npages % granule)
		complain(device, "span 0x%" PRIx64 "+%" PRIu64 " is not of granules", run->first,
			 run->npages);
	if (run->first / most != (run->first + run->npages - 1) / most)
		complain(device, "span 0x%" PRIx64 "+%" PRIu64 " is too large", run->first,
			 run->npages);
	if (!device->space)
		return;
	GMS_INIT(&region);
	if (gms_region_get(device->space, run->first, &region) ||
	    run->npages > region.first + region.npages - run->first) {
		complain(device, "span at 0x%" PRIx64 " leaves its region", run->first);
		return;
	}
	if (run->backing_id != region.backing_id ||
	    run->backing_offset_bytes != region.page_offset_bytes || run->hva != region.page_hva)
		complain(device, "span at 0x%" PRIx64 " is translated wrongly", run->first);
}

static void map(struct fx_device *device, const struct gms_host_run *run)
{
	const size_t at = find(device, run->first);

	look_at_place(device, run);
	if (at < device->nspans && device->span[at].first < run->first + run->npages)
		complain(device, "0x%" PRIx64 "+%" PRIu64 " is mapped in part", run->first,
			 run->npages);
	insert(device, at, run->first, run->npages);
}

static void unmap(struct fx_device *device, const struct gms_host_run *run)
{
	const size_t at = find(device, run->first);
	const gms_gfn end = run->first + run->npages;
	struct fx_span was;

	if (at == device->nspans || device->span[at].first > run->first ||
	    device->span[at].first + device->span[at].npages < end) {
		complain(device, "0x%" PRIx64 "+%" PRIu64 " was not given", run->first, run->npages);
		return;
	}
	was = device->span[at];
	if (!(device->ops.flags & GMS_LISTEN_CAN_CUT) &&
	    (was.first != run->first || was.npages != run->npages))
		complain(device, "0x%" PRIx64 "+%" PRIu64 " is a part of what was given", run->first,
			 run->npages);
	erase(device, at);
	if (was.first + was.npages > end)
		insert(device, at, end, was.first + was.npages - end);
	if (was.first < run->first)
		insert(device, at, was.first, run->first - was.first);
	device->pages_revoked += run->npages;
}

/* Is this the one that fails? */
static bool fails(struct fx_device *device)
{
	if (device->fuse && fx_fuse_blows(device->fuse, device)) {
		device->error = device->fuse->error;
		device->failures++;
		return true;
	}
	if (!device->armed)
		return false;
	if (device->pass--)
		return false;
	device->armed = false;
	device->failures++;
	return true;
}

static void begin(void *ctx)
{
	struct fx_device *device = ctx;

	pthread_mutex_lock(&device->lock);
	if (device->open && !device->threads)
		complain(device, "begin after begin");
	device->open = true;
	device->begins++;
	pthread_mutex_unlock(&device->lock);
}

static void end(void *ctx)
{
	struct fx_device *device = ctx;

	pthread_mutex_lock(&device->lock);
	if (!device->open && !device->threads)
		complain(device, "end without begin");
	device->open = false;
	device->ends++;
	pthread_mutex_unlock(&device->lock);
}

static void abort_op(void *ctx)
{
	struct fx_device *device = ctx;

	pthread_mutex_lock(&device->lock);
	device->aborts++;
	pthread_mutex_unlock(&device->lock);
}

static int prepare(void *ctx, const struct gms_span_change *change)
{
	struct fx_device *device = ctx;
	int err = 0;

	pthread_mutex_lock(&device->lock);
	device->prepares++;
	if (!change->nlost && !change->ngained)
		complain(device, "prepare for nothing");
	if (fails(device)) {
		err = device->error;
		device->vetoes++;
		if (device->fuse)
			device->fuse->vetoed = true;
	}
	pthread_mutex_unlock(&device->lock);
	return err;
}

static int operate(struct fx_device *device, const struct gms_host_run *runs, size_t nruns,
		   size_t *ndone, bool is_map)
{
	int err = 0;

	pthread_mutex_lock(&device->lock);
	if (!device->open && !device->threads)
		complain(device, "a call outside of begin and end");
	if (!nruns || *ndone)
		complain(device, "%zu runs, ndone %zu", nruns, *ndone);
	for (size_t i = 0; i < nruns && !err; i++) {
		if (fails(device)) {
			*ndone = i;
			err = device->error;
		} else if (is_map) {
			map(device, &runs[i]);
			device->spans_committed++;
		} else {
			unmap(device, &runs[i]);
			device->spans_revoked++;
		}
	}
	*(is_map ? &device->commits : &device->revokes) += 1;
	pthread_mutex_unlock(&device->lock);
	return err;
}

static int revoke(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		  struct gms_charge *charge)
{
	gms_charge_add(charge, GMS_ACCT_FLUSH_IOTLB, 1);
	return operate(ctx, runs, nruns, ndone, false);
}

static int commit(void *ctx, const struct gms_host_run *runs, size_t nruns, size_t *ndone,
		  struct gms_charge *charge)
{
	gms_charge_add(charge, GMS_ACCT_SYS_IOCTL, 1);
	return operate(ctx, runs, nruns, ndone, true);
}

struct fx_device *fx_device_new(struct gms_space *space, gms_state mask, gms_state value)
{
	struct fx_device *device = calloc(1, sizeof(*device));

	ck_assert_ptr_nonnull(device);
	pthread_mutex_init(&device->lock, NULL);
	device->space = space;
	GMS_INIT(&device->ops);
	device->ops.ctx = device;
	device->ops.mask = mask;
	device->ops.value = value;
	device->ops.begin = begin;
	device->ops.end = end;
	device->ops.prepare = prepare;
	device->ops.abort = abort_op;
	device->ops.revoke = revoke;
	device->ops.commit = commit;
	return device;
}

void fx_device_free(struct fx_device *device)
{
	if (!device)
		return;
	pthread_mutex_destroy(&device->lock);
	free(device->span);
	free(device);
}

void fx_device_fail_after(struct fx_device *device, uint64_t pass, int error)
{
	device->pass = pass;
	device->error = error;
	device->armed = true;
}

bool fx_device_heal(struct fx_device *device)
{
	const bool was = device->armed;

	device->armed = false;
	return was;
}

void fx_device_forget(struct fx_device *device)
{
	device->prepares = device->revokes = device->commits = device->aborts = 0;
	device->begins = device->ends = device->failures = device->vetoes = 0;
	device->spans_revoked = device->spans_committed = device->pages_revoked = 0;
	device->nspans_max = device->nspans;
}

void fx_device_mend(struct fx_device *device, const struct fx_span *spans, size_t n)
{
	device->nspans = 0;
	device->broken[0] = '\0';
	for (size_t i = 0; i < n; i++)
		insert(device, i, spans[i].first, spans[i].npages);
}

const struct fx_span *fx_device_span(const struct fx_device *device, gms_gfn gfn)
{
	const size_t at = find(device, gfn);

	return at < device->nspans && device->span[at].first <= gfn ? &device->span[at] : NULL;
}

/* Do all pages of the granule around gfn match, and lie in one region? */
static bool granule_matches(const struct fx_device *device, const struct gms_space *space,
			    gms_gfn gfn, uint64_t granule)
{
	const gms_state unheard = GMS_STATE_MISSING | GMS_STATE_FROZEN;
	const gms_gfn first = gfn & ~(granule - 1);
	struct gms_region region;

	GMS_INIT(&region);
	if (gms_region_get(space, gfn, &region) || first < region.first ||
	    first + granule > region.first + region.npages)
		return false;
	if (!region.hva && (device->ops.flags & GMS_LISTEN_WANTS_HVA))
		return false;
	for (gms_gfn at = first; at < first + granule; at++) {
		const gms_state state = gms_state_at(space, at);

		if ((state & (device->ops.mask | unheard)) != device->ops.value)
			return false;
	}
	return true;
}

void fx_device_check(struct fx_device *device, const struct gms_space *space,
		     struct gms_range range)
{
	const uint64_t granule = UINT64_C(1) << device->ops.granule_order;

	ck_assert_msg(!device->broken[0], "listener contract: %s", device->broken);
	ck_assert_msg(device->begins == device->ends, "%" PRIu64 " begins, %" PRIu64 " ends",
		      device->begins, device->ends);
	for (gms_gfn gfn = range.first & ~(granule - 1); gfn < range.first + range.npages;
	     gfn += granule) {
		const bool matches = granule_matches(device, space, gfn, granule);

		/* An assertion of Check is a write to a file: none a page. */
		for (gms_gfn at = gfn; at < gfn + granule; at++) {
			if (matches != !!fx_device_span(device, at))
				ck_abort_msg("page 0x%" PRIx64 " is %s, and %s", at,
					     matches ? "for the device" : "not for the device",
					     matches ? "not mapped" : "mapped");
		}
	}
}

uint64_t fx_device_hash(struct fx_device *device)
{
	uint64_t hash = device->nspans;

	for (size_t i = 0; i < device->nspans; i++) {
		hash = (hash ^ device->span[i].first) * UINT64_C(0x100000001b3);
		hash = (hash ^ device->span[i].npages) * UINT64_C(0x100000001b3);
	}
	return hash;
}
