/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_steps.h - the steps of a way to do I/O, and what they cost by a model.
 *
 * Arithmetic saturates: UINT64_MAX means at least that much.
 */
#ifndef GMS_API_COST_STEPS_H
#define GMS_API_COST_STEPS_H

#include <stdint.h>

#include <gmemstate/cost.h>

/* The larger of the two units that pages are measured in. */
#define GMS__COST_BLOCK_BYTES	(UINT64_C(2) << 20)

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
	uint64_t bytes, pages;		/* of a request; pages are the host's */
	uint64_t requests;		/* that ns and count are for */
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

/* All steps, for requests of this length; the model's page and the pattern are sound. */
struct gms__cost_sum gms__cost_steps(const struct gms_cost_model *model,
				     const struct gms_cost_pattern *pattern,
				     uint32_t strategy, uint64_t bytes);

#endif
