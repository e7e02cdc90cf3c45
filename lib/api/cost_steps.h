/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_steps.h - the steps of a way to do I/O, counted, and what they cost by a model.
 *
 * cost_count.c makes counts of a pattern of requests; cost_price.c prices counts,
 * those and anybody's. Arithmetic saturates: UINT64_MAX means at least that much.
 */
#ifndef GMS_API_COST_STEPS_H
#define GMS_API_COST_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/cost.h>

/* The larger of the two units that pages are measured in. */
#define GMS__COST_BLOCK_BYTES	(UINT64_C(2) << 20)

/* Of enum gms_cost_size. */
extern const uint64_t gms__cost_sizes[GMS_COST_SIZE_COUNT];

/* The longest copy of a class of struct gms_cost_copies. */
static inline uint64_t gms__cost_most_bytes(unsigned int class)
{
	return class < GMS_COST_SIZE_COUNT ? gms__cost_sizes[class] : UINT64_MAX;
}

enum gms__cost_part {
	GMS__COST_EXITS,
	GMS__COST_SYSCALLS,
	GMS__COST_PAGE_TABLE,	/* not counted */
	GMS__COST_FLUSHES,
	GMS__COST_REFAULTS,
	GMS__COST_COPIES,	/* counted in bytes */
	GMS__COST_PARTS
};

struct gms__cost_sum {
	const struct gms_cost_model *model;
	const struct gms_cost_pattern *pattern;
	uint64_t ns[GMS__COST_PARTS];
	uint64_t count[GMS__COST_PARTS];
	const char *missing;		/* the first number that is not known, or NULL */
};

static inline uint64_t gms__plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t gms__times(uint64_t a, uint64_t b)
{
	return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static inline uint64_t gms__divide_up(uint64_t a, uint64_t b)
{
	return a == UINT64_MAX ? a : a / b + (a % b != 0);
}

/* What can be converted, and how many requests at once. */
static inline uint64_t gms__cost_granule(const struct gms_cost_model *model,
					 const struct gms_cost_pattern *pattern)
{
	return pattern->granule_bytes ? pattern->granule_bytes : model->host_page_bytes;
}

static inline uint64_t gms__cost_batch(const struct gms_cost_pattern *pattern)
{
	const uint32_t batch = pattern->batch ? pattern->batch : 1;

	return pattern->outstanding && pattern->outstanding < batch ? pattern->outstanding : batch;
}

/* Host pages that a request of this length converts; the model's page and the pattern are sound. */
uint64_t gms__cost_pages(const struct gms_cost_model *model,
			 const struct gms_cost_pattern *pattern, uint64_t bytes);

/* All steps, for requests of this length. */
void gms__cost_count(const struct gms_cost_model *model, const struct gms_cost_pattern *pattern,
		     uint32_t strategy, uint64_t bytes, struct gms_cost_counts *counts);

/* Of a pattern, is what a price depends on sound? */
bool gms__cost_way_is_sound(const struct gms_cost_pattern *pattern);

/* What sound counts cost, in all. */
struct gms__cost_sum gms__cost_price(const struct gms_cost_model *model,
				     const struct gms_cost_pattern *pattern,
				     const struct gms_cost_counts *counts);

/* As an estimate tells it: times divided by so many, counts as they are. */
void gms__cost_tell(const struct gms__cost_sum *sum, uint64_t share,
		    struct gms_cost_estimate *estimate);

/* The sum of the parts, each divided by so many. */
uint64_t gms__cost_total_ns(const struct gms__cost_sum *sum, uint64_t share);

#endif
