/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 2 of doc/tutorial.md: describe the guest's memory.
 *
 *   cc -o step2 step2_memory.c $(pkg-config --cflags --libs gmemstate)
 */
#include "guest.h"

static void list_memory(const struct gms_space *space)
{
	struct gms_region r;
	gms_gfn gfn = 0;

	for (GMS_INIT(&r); !gms_region_next(space, gfn, &r); gfn = r.first + r.npages)
		printf("frames 0x%06" PRIx64 " to 0x%06" PRIx64 ": %" PRIu64 " MiB, from 0x%" PRIx64
		       " on in file %" PRIu64 "\n", r.first, r.first + r.npages - 1,
		       r.npages >> 8, r.backing_offset_bytes, r.backing_id);
}

static void find(const struct gms_space *space, gms_gfn gfn)
{
	struct gms_region r;

	GMS_INIT(&r);
	if (gms_region_get(space, gfn, &r))
		printf("frame 0x%" PRIx64 " is in a hole\n", gfn);
	else
		printf("frame 0x%" PRIx64 " is at 0x%" PRIx64 " in file %" PRIu64 "\n", gfn,
		       r.page_offset_bytes, r.backing_id);
}

int main(void)
{
	struct gms_space *space = make_guest(NULL);

	list_memory(space);
	find(space, 0x100201);
	find(space, 0xfee00);
	gms_space_free(space);
	return 0;
}
