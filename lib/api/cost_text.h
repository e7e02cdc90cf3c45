/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost_text.h - the names of a cost model's numbers.
 */
#ifndef GMS_API_COST_TEXT_H
#define GMS_API_COST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/cost.h>

/* What values a number may have. */
enum gms__cost_unit {
	GMS__COST_NS,		/* up to GMS_COST_MOST_NS */
	GMS__COST_PAGE,		/* bytes, a power of two */
	GMS__COST_COUNT		/* up to GMS__COST_COUNT_MOST */
};

#define GMS__COST_COUNT_MOST	(UINT64_C(1) << 20)

struct gms__cost_name {
	const char *name;
	size_t	    offset;	/* in struct gms_cost_model; a uint64_t is there */
	enum gms__cost_unit unit;
};

/* In the order of the struct. At most 64: readers keep a bit for each. */
#define GMS__COST_NAMES	62

extern const struct gms__cost_name gms__cost_names[GMS__COST_NAMES];

/* All numbers are what gms_cost_load() takes. */
bool gms__cost_in_bounds(const struct gms_cost_model *model);

#endif
