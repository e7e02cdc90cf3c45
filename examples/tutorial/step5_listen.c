/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 5 of doc/tutorial.md: listen to conversions.
 *
 *   cc -o step5 step5_listen.c $(pkg-config --cflags --libs gmemstate)
 */
#include "guest.h"

/* A device behind an IOMMU, which must see what is shared and nothing else. */
static int map_spans(void *ctx, const struct gms_host_run *spans, size_t nspans, size_t *ndone,
		     struct gms_charge *charge)
{
	(void)charge;
	for (size_t i = 0; i < nspans; i++)	/* here you would call VFIO */
		printf("  %s: map   0x%" PRIx64 " +%" PRIu64 "\n", (const char *)ctx,
		       spans[i].first, spans[i].npages);
	*ndone = nspans;
	return 0;
}

static int unmap_spans(void *ctx, const struct gms_host_run *spans, size_t nspans,
		       size_t *ndone, struct gms_charge *charge)
{
	(void)charge;
	for (size_t i = 0; i < nspans; i++)
		printf("  %s: unmap 0x%" PRIx64 " +%" PRIu64 "\n", (const char *)ctx,
		       spans[i].first, spans[i].npages);
	*ndone = nspans;
	return 0;
}

static void plug_in(struct gms_space *space, char *name)
{
	struct gms_listener device;
	uint32_t id;

	GMS_INIT(&device);
	device.ctx = name;
	device.mask = GMS_STATE_SHARED;
	device.value = GMS_STATE_SHARED;
	device.commit = map_spans;
	device.revoke = unmap_spans;
	check(gms_listener_add(space, &device, &id), "gms_listener_add");
}

int main(void)
{
	const struct gms_range buffer = { 0x100201, 3 }, pool = { 0x100400, 512 };
	const struct gms_range page = { 0x100480, 1 };
	struct gms_space *space = make_guest(NULL);
	char name[] = "disk";

	check(gms_share(space, buffer, NULL), "gms_share");
	printf("a disk is plugged in\n");
	plug_in(space, name);
	printf("a pool of 2 MiB is shared\n");
	check(gms_share(space, pool, NULL), "gms_share");
	printf("one page of the pool turns private\n");
	check(gms_unshare(space, page, NULL), "gms_unshare");
	gms_space_free(space);
	return 0;
}
