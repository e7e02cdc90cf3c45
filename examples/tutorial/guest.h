/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.h - the guest of doc/tutorial.md, from step 2 on: 4 GiB of private memory, with
 * a hole for devices below the fourth.
 */
#ifndef TUTORIAL_GUEST_H
#define TUTORIAL_GUEST_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <gmemstate/gmemstate.h>

#define GIB_PAGES	(UINT64_C(1) << GMS_ORDER_1G)

static void check(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "%s: %s\n", what, gms_strerror(err));
		exit(1);
	}
}

/* Frames from first on, which are in file 3 (a guest_memfd, say) at this offset. */
static void add_ram(struct gms_space *space, gms_gfn first, uint64_t npages, uint64_t offset)
{
	struct gms_region_opts ram;

	GMS_INIT(&ram);
	ram.first = first;
	ram.npages = npages;
	ram.backing_id = 3;
	ram.backing_offset_bytes = offset;
	ram.base_order = GMS_ORDER_2M;
	check(gms_region_add(space, &ram, NULL), "gms_region_add");
}

/* now_ns: the time, for the ledger of step 6; NULL: none. */
static struct gms_space *make_guest(uint64_t (*now_ns)(void *ctx))
{
	struct gms_space_opts opts;
	struct gms_space *space;

	GMS_INIT(&opts);
	opts.profile = GMS_PROFILE_GMEM_INPLACE;
	opts.now_ns = now_ns;
	check(gms_space_new(&space, &opts), "gms_space_new");
	add_ram(space, 0, 3 * GIB_PAGES, 0);
	add_ram(space, 4 * GIB_PAGES, GIB_PAGES, 3 * GIB_PAGES << GMS_PAGE_SHIFT);
	return space;
}

#endif
