/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cost.h - what a path costs: rows of terms, and the units they are per.
 */
#ifndef GMS_ENGINE_COST_H
#define GMS_ENGINE_COST_H

#include <gmemstate/profile.h>

/* How often each enum gms_cost_per occurs in the runs of one call. */
struct gms__units {
	uint64_t n[GMS_PER_COUNT];
	gms_gfn	 end_2m, end_1g;	/* blocks before these were counted as new */
};

extern const struct gms_path_info gms__paths[GMS_PATH_COUNT];

/* A run of the call, after those that were added before. */
void gms__units_add(struct gms__units *units, gms_gfn first, uint64_t npages);
/* The blocks of the run that are new, if all are; after gms__units_add(). */
void gms__units_new(struct gms__units *units, gms_gfn first, uint64_t npages);
/* All runs were added: what is rounded up once a call. */
void gms__units_end(struct gms__units *units);

/* Hand what the units cost on a path to add(), a term at a time. */
void gms__path_cost(uint32_t path, uint32_t event, const struct gms__units *units,
		    void (*add)(void *to, uint32_t kind, uint64_t count), void *to);

#endif
