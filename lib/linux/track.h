/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * track.h - which pages are private where not every one can be revoked alone.
 */
#ifndef GMS_LINUX_TRACK_H
#define GMS_LINUX_TRACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <gmemstate/backend.h>

struct gms__linux_track {
	pthread_mutex_t lock;	/* one conversion, or one count, at a time */
	uint64_t  npages;
	uint64_t  unit_pages;	/* revoked together; 0: none ever is */
	uint64_t *private;	/* a bit a page */
	uint32_t *nprivate;	/* of each unit */
};

/* Every page shared. 0 or a negative errno. */
int gms__linux_track_init(struct gms__linux_track *track, uint64_t bytes, uint64_t unit_bytes);
void gms__linux_track_fini(struct gms__linux_track *track);

/*
 * The units that the host is to be told of when the pages of a run turn: those
 * that become private whole, or were. False if there are none.
 */
bool gms__linux_track_span(const struct gms__linux_track *track, const struct gms_host_run *run,
			   bool take, struct gms_host_run *span);

/* Note that the pages of a run turned. */
void gms__linux_track_turn(struct gms__linux_track *track, const struct gms_host_run *run,
			   bool take);

/* Private pages of a range whose unit is not private whole. */
uint64_t gms__linux_track_exposed(const struct gms__linux_track *track, uint64_t first,
				  uint64_t npages);

#endif
