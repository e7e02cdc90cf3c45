/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_advise.c - which strategy is the cheapest, and in what.
 *
 * Each that is allowed is estimated; the reason that is given is the part in which
 * the runner-up loses most.
 */
#include <errno.h>
#include <stdbool.h>

#include <gmemstate/cost.h>

#include "base/sized.h"

struct entry {
	uint32_t strategy;
	struct gms_cost_estimate estimate;
};

const char *gms_cost_strategy_name(uint32_t strategy)
{
	static const char *const names[GMS_COST_STRATEGIES] = {
		[GMS_COST_BOUNCE] = "bounce",
		[GMS_COST_POOL] = "pool",
		[GMS_COST_CONVERT] = "convert",
		[GMS_COST_CONVERT_BATCH] = "convert-batch",
		[GMS_COST_LAZY] = "lazy",
		[GMS_COST_PERSISTENT] = "persistent",
		[GMS_COST_PREAD] = "pread",
	};

	return strategy < GMS_COST_STRATEGIES ? names[strategy] : NULL;
}

static bool is_better(const struct entry *a, const struct entry *b)
{
	if (b->strategy == GMS_COST_STRATEGIES)
		return true;
	if (a->estimate.total_ns != b->estimate.total_ns)
		return a->estimate.total_ns < b->estimate.total_ns;
	return a->estimate.exposed_ns < b->estimate.exposed_ns;
}

static const char *reason(const struct gms_cost_estimate *best,
			  const struct gms_cost_estimate *next)
{
	const struct {
		uint64_t best_ns, next_ns;
		const char *why;
	} part[] = {
		{ best->exits_ns, next->exits_ns, "the guest exits for less than with the next" },
		{ best->syscalls_ns, next->syscalls_ns,
		  "it makes cheaper system calls than the next, or fewer" },
		{ best->page_table_ns, next->page_table_ns,
		  "it has less work on page tables than the next" },
		{ best->flushes_ns, next->flushes_ns, "it flushes for less than the next" },
		{ best->refaults_ns, next->refaults_ns, "fewer pages fault than with the next" },
		{ best->copies_ns, next->copies_ns, "it copies for less than the next" },
	};
	const char *why = "it costs the same as the next";
	uint64_t most_ns = 0;

	if (best->total_ns == next->total_ns)
		return why;
	for (unsigned int i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		if (part[i].next_ns > part[i].best_ns &&
		    part[i].next_ns - part[i].best_ns > most_ns) {
			most_ns = part[i].next_ns - part[i].best_ns;
			why = part[i].why;
		}
	}
	return why;
}

static void report(const struct entry *best, const struct entry *next,
		   struct gms_cost_advice *advice)
{
	advice->strategy = best->strategy;
	advice->runner_up = next->strategy;
	if (best->strategy == GMS_COST_STRATEGIES) {
		advice->why = "none is known";
		return;
	}
	advice->total_ns = best->estimate.total_ns;
	advice->break_even_bytes = best->estimate.break_even_bytes;
	advice->runner_up_ns = next->estimate.total_ns;
	advice->why = "there is no other that is allowed and known";
	if (next->strategy != GMS_COST_STRATEGIES)
		advice->why = reason(&best->estimate, &next->estimate);
}

int gms_cost_advise(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		    uint32_t allowed, struct gms_cost_advice *advice)
{
	struct entry best = { .strategy = GMS_COST_STRATEGIES }, next = best, entry;
	struct gms_cost_advice found = { .missing = NULL };
	int err = gms__sized_check(advice, sizeof(*advice));

	if (err)
		return err;
	if (!allowed || allowed & ~GMS_COST_ANY)
		return -EINVAL;

	for (uint32_t i = 0; i < GMS_COST_STRATEGIES; i++) {
		if (!(allowed >> i & 1))
			continue;
		entry = (struct entry){ .strategy = i, .estimate.size = sizeof(entry.estimate) };
		err = gms_cost_estimate(model, pattern, i, &entry.estimate);
		if (err == -ENODATA) {
			if (!found.unknown)
				found.missing = entry.estimate.missing;
			found.unknown |= UINT32_C(1) << i;
			continue;
		}
		if (err)
			return err;
		if (is_better(&entry, &best)) {
			next = best;
			best = entry;
		} else if (is_better(&entry, &next)) {
			next = entry;
		}
	}
	report(&best, &next, &found);
	gms__sized_out(advice, &found, sizeof(found));
	return best.strategy == GMS_COST_STRATEGIES ? -ENODATA : 0;
}
