/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * revoke.h - take pages of one mapping away from the VMM and give them back.
 */
#ifndef GMS_LINUX_REVOKE_H
#define GMS_LINUX_REVOKE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <gmemstate/backend.h>

#include "linux/track.h"

/* One mapping and the way its pages are revoked. */
struct gms__linux_revoker {
	char	*base;			/* where it is mapped */
	uint64_t bytes;
	uint64_t host_page_bytes;
	int	 pidfd;			/* this process; negative if there is none */
	uint32_t wanted;		/* enum gms_revoke, from the options */
	_Atomic uint32_t found;		/* enum gms_revoke; BEST until something was revoked */
	pthread_mutex_t	 deciding;	/* held only while found is BEST */
	struct gms__linux_track track;	/* private pages, if not each is revoked alone */
};

/* Set up for the mapping in base and bytes. 0 or a negative errno. */
int gms__linux_revoker_init(struct gms__linux_revoker *revoker, uint32_t wanted,
			    uint64_t host_page_bytes);
void gms__linux_revoker_fini(struct gms__linux_revoker *revoker);

/*
 * From now on pages are revoked @unit_bytes at a time, or not at all if that is 0.
 * Before the first conversion. 0 or a negative errno.
 */
int gms__linux_revoker_track(struct gms__linux_revoker *revoker, uint64_t unit_bytes);

/* Private pages of a range of pages that can be reached all the same. */
uint64_t gms__linux_revoker_exposed(struct gms__linux_revoker *revoker, uint64_t first,
				    uint64_t npages);

/*
 * Runs must lie in the memory: -EINVAL. On a host with larger pages single 4K pages
 * cannot be told apart: -EOPNOTSUPP. Before anything is done.
 */
int gms__linux_runs_check(const struct gms__linux_revoker *on, const struct gms_host_run *runs,
			  size_t nruns);

/* gms_host_fn, with a revoker as ctx: gms_backend::unmap_host and ::map_host. */
gms_host_fn gms__linux_revoke;
gms_host_fn gms__linux_restore;

#endif
