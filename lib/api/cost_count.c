/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_count.c - the steps of a way to do I/O, counted.
 *
 * N pages and B bytes are a request's, d is 1, or 2 if bytes go both ways. The rows
 * are what examples/minivmm does and its ledger counts; its names are in brackets.
 * The device's own read or write is the same in all rows and is left out.
 *
 *   strategy           doorbells asks     turns                     copies
 *   BOUNCE  (bounce)   1         0        0                         2 d B
 *   POOL    (pool)     1         0        0                         1 d B
 *   CONVERT (eager)    1         2        share 1, unshare 1        0
 *   CONVERT_BATCH      1 of n    2 of n   share n, unshare n        0
 *           (batch=n)
 *   LAZY, used again   1         2        0                         0
 *         else         1         2        share 1; unshare n of n   0
 *   PERSISTENT (keep)  1         0        0                         0
 *         first use    1         1        share 1                   0
 *   PREAD              1         0        0                         1 d B by system calls
 *
 * PERSISTENT pays for the first use where there is no other (reuse_ns is 0): in the
 * long run of a buffer that is used again it is nothing. The guest uses pages after they
 * turned private where there is a next use; and, what a device wrote, at once, which LAZY
 * has not taken back by then. A conversion that loses the contents (ATTRIBUTES) copies
 * d B more for each buffer that is shared.
 *
 *   E1  Sums and products saturate; UINT64_MAX means at least that much.
 */
#include "api/cost_steps.h"

const uint64_t gms__cost_sizes[GMS_COST_SIZE_COUNT] = {
	4096, 16384, 65536, 262144, GMS__COST_BLOCK_BYTES
};

void gms_cost_count_copy(struct gms_cost_copies *copies, uint64_t bytes, uint64_t n)
{
	unsigned int i = 0;

	while (i < GMS_COST_SIZE_COUNT && bytes > gms__cost_sizes[i])
		i++;
	copies->copies[i] = gms__plus(copies->copies[i], n);
	copies->bytes[i] = gms__plus(copies->bytes[i], gms__times(bytes, n));
}

uint64_t gms__cost_pages(const struct gms_cost_model *model,
			 const struct gms_cost_pattern *pattern, uint64_t bytes)
{
	const uint64_t granule = gms__cost_granule(model, pattern);

	return gms__times((bytes - 1) / granule + 1, granule / model->host_page_bytes);
}

/* Of one kind of request. */
struct request {
	const struct gms_cost_pattern *pattern;
	uint64_t bytes, pages;
};

static uint64_t directions(const struct request *request)
{
	return request->pattern->direction == GMS_COST_BOTH ? 2 : 1;
}

/* So many buffers in one conversion; side by side they are one run. */
static void count_turn(const struct request *request, uint64_t nbuffers,
		       struct gms_cost_turns *turns)
{
	const uint64_t npages = gms__times(nbuffers, request->pages);

	if (nbuffers == 1 || request->pattern->flags & GMS_COST_ADJACENT) {
		turns->lone_runs = 1;
		turns->lone_pages = npages;
	} else {
		turns->calls = 1;
		turns->runs = nbuffers;
		turns->pages = npages;
	}
}

static void count_taken(const struct request *request, uint64_t nbuffers, bool used,
			struct gms_cost_counts *counts)
{
	count_turn(request, nbuffers, &counts->to_private);
	if (used)
		counts->used_pages = gms__times(nbuffers, request->pages);
}

static void count_copies(const struct request *request, uint64_t n, struct gms_cost_copies *copies)
{
	gms_cost_count_copy(copies, request->bytes, n);
}

static void count_lost(const struct request *request, uint64_t nbuffers,
		       struct gms_cost_counts *counts)
{
	if (request->pattern->backing == GMS_COST_ATTRIBUTES)
		count_copies(request, gms__times(nbuffers, directions(request)), &counts->copied);
}

void gms__cost_count(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		     uint32_t strategy, uint64_t bytes, struct gms_cost_counts *counts)
{
	const struct request request = { pattern, bytes, gms__cost_pages(model, pattern, bytes) };
	const bool hit = pattern->reuse_ns &&
			 (strategy == GMS_COST_PERSISTENT || pattern->reuse_ns <= pattern->idle_ns);
	const bool batched = strategy == GMS_COST_CONVERT_BATCH || strategy == GMS_COST_LAZY;
	const uint64_t n = batched ? gms__cost_batch(pattern) : 1;

	*counts = (struct gms_cost_counts){ .size = sizeof(*counts), .requests = n };
	counts->doorbells = strategy == GMS_COST_CONVERT_BATCH ? 1 : n;
	switch (strategy) {
	case GMS_COST_BOUNCE:
		count_copies(&request, 2 * directions(&request), &counts->copied);
		break;
	case GMS_COST_POOL:
		count_copies(&request, directions(&request), &counts->copied);
		break;
	case GMS_COST_CONVERT:
	case GMS_COST_CONVERT_BATCH:
		counts->asks = 2;
		count_turn(&request, n, &counts->to_shared);
		count_taken(&request, n, pattern->reuse_ns || pattern->direction & GMS_COST_IN,
			    counts);
		count_lost(&request, n, counts);
		break;
	case GMS_COST_LAZY:
		counts->asks = 2 * n;
		if (hit)
			break;
		counts->to_shared.lone_runs = n;	/* each for itself: no batch */
		counts->to_shared.lone_pages = gms__times(n, request.pages);
		count_taken(&request, n, pattern->reuse_ns, counts);
		count_lost(&request, n, counts);
		break;
	case GMS_COST_PERSISTENT:
		if (hit)
			break;
		counts->asks = 1;
		count_turn(&request, 1, &counts->to_shared);
		count_lost(&request, 1, counts);
		break;
	default:	/* GMS_COST_PREAD */
		if (pattern->direction & GMS_COST_IN)
			count_copies(&request, 1, &counts->written);
		if (pattern->direction & GMS_COST_OUT)
			count_copies(&request, 1, &counts->read);
		break;
	}
}
