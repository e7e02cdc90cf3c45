/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_estimate.c - what a strategy costs: a request's share of its steps, what it
 * exposes, and from which length on it is cheaper than to copy.
 */
#include <errno.h>
#include <stdbool.h>

#include "base/sized.h"
#include "api/cost_steps.h"
#include "api/cost_text.h"

#define GRANULE_MOST	(UINT64_C(1) << 30)
#define LENGTH_MOST	(UINT64_C(1) << 40)	/* of a break-even */

/* Two strategies, by the length of a request. */
struct race {
	const struct gms_cost_model *model;
	const struct gms_cost_pattern *pattern;
	uint32_t strategy;
	bool unknown;		/* at some length that was looked at */
};

static uint64_t request_ns(struct race *race, uint32_t strategy, uint64_t bytes)
{
	struct gms_cost_counts counts;
	struct gms__cost_sum sum;

	gms__cost_count(race->model, race->pattern, strategy, bytes, &counts);
	sum = gms__cost_price(race->model, race->pattern, &counts);
	if (sum.missing)
		race->unknown = true;
	return gms__cost_total_ns(&sum, counts.requests);
}

static bool is_cheaper(struct race *race, uint64_t bytes)
{
	return request_ns(race, race->strategy, bytes) < request_ns(race, GMS_COST_BOUNCE, bytes) &&
	       !race->unknown;
}

/*
 * Both are straight between the knots, so that there is one crossing there at most
 * if the ends differ; the first knot at which the strategy is cheaper ends the
 * stretch that has the first.
 */
static uint64_t break_even(struct race *race)
{
	const uint64_t granule = gms__cost_granule(race->model, race->pattern);
	uint64_t low = 0, high = 1;	/* granules: not cheaper; cheaper, or looked at next */
	bool found = is_cheaper(race, granule);

	for (unsigned int i = 0; !found && i <= GMS_COST_SIZE_COUNT; i++) {
		low = high;
		high = gms__divide_up(i < GMS_COST_SIZE_COUNT ? gms__cost_sizes[i] : LENGTH_MOST,
				      granule);
		if (high < low)
			high = low;
		found = is_cheaper(race, high * granule);
	}
	while (found && high - low > 1) {
		const uint64_t middle = low + (high - low) / 2;

		if (is_cheaper(race, middle * granule))
			high = middle;
		else
			low = middle;
	}
	if (race->unknown)
		return 0;
	return found ? high * granule : UINT64_MAX;
}

static void expose(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		   uint32_t strategy, const struct gms__cost_sum *sum,
		   struct gms_cost_estimate *estimate)
{
	const uint64_t pages = gms__cost_pages(model, pattern, pattern->bytes);
	const uint64_t outstanding = pattern->outstanding ? pattern->outstanding
							  : gms__cost_batch(pattern);

	switch (strategy) {
	case GMS_COST_BOUNCE:
	case GMS_COST_POOL:
	case GMS_COST_PERSISTENT:
		estimate->exposed_pages = gms__times(pages, outstanding);
		estimate->exposed_ns = UINT64_MAX;
		break;
	case GMS_COST_CONVERT_BATCH:	/* while those of the others are turned */
		estimate->exposed_pages = gms__times(pages, estimate->requests - 1);
		for (unsigned int i = 0; estimate->requests > 1 && i < GMS__COST_PARTS; i++)
			estimate->exposed_ns = gms__plus(estimate->exposed_ns, sum->ns[i]);
		break;
	case GMS_COST_LAZY:
		estimate->exposed_pages = gms__times(pages, outstanding);
		estimate->exposed_ns = pattern->reuse_ns && pattern->reuse_ns < pattern->idle_ns ?
				       pattern->reuse_ns : pattern->idle_ns;
		break;
	default:
		break;
	}
}

static bool is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

static int check(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		 uint32_t strategy)
{
	const uint64_t granule = gms__cost_granule(model, pattern);

	if (!gms__cost_in_bounds(model) || strategy >= GMS_COST_STRATEGIES || !pattern->bytes)
		return -EINVAL;
	if (granule && (!is_power_of_two(granule) || granule > GRANULE_MOST ||
			granule < model->host_page_bytes))
		return -EINVAL;
	return pattern->direction && gms__cost_way_is_sound(pattern) ? 0 : -EINVAL;
}

static int estimate_known(const struct gms_cost_model *model,
			  const struct gms_cost_pattern *pattern, uint32_t strategy,
			  struct gms_cost_estimate *estimate)
{
	struct race race = { .model = model, .pattern = pattern, .strategy = strategy };
	struct gms_cost_counts counts;
	struct gms__cost_sum sum;

	estimate->missing = "host_page_bytes";
	if (!model->host_page_bytes)
		return -ENODATA;
	gms__cost_count(model, pattern, strategy, pattern->bytes, &counts);
	sum = gms__cost_price(model, pattern, &counts);
	estimate->missing = sum.missing;
	if (sum.missing)
		return -ENODATA;

	gms__cost_tell(&sum, counts.requests, estimate);
	estimate->requests = counts.requests;
	expose(model, pattern, strategy, &sum, estimate);
	if (strategy != GMS_COST_BOUNCE)
		estimate->break_even_bytes = break_even(&race);
	return 0;
}

int gms_cost_estimate(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		      uint32_t strategy, struct gms_cost_estimate *estimate)
{
	struct gms_cost_estimate found = { .missing = NULL };
	struct gms_cost_pattern our_pattern;
	struct gms_cost_model our_model;
	int err = gms__sized_in(&our_model, sizeof(our_model), model);

	if (!err)
		err = gms__sized_in(&our_pattern, sizeof(our_pattern), pattern);
	if (!err)
		err = gms__sized_check(estimate, sizeof(*estimate));
	if (!err)
		err = check(&our_model, &our_pattern, strategy);
	if (err)
		return err;
	err = estimate_known(&our_model, &our_pattern, strategy, &found);
	gms__sized_out(estimate, &found, sizeof(found));
	return err;
}
