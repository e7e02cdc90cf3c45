/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * share_dma_buffer - the guest asks for a 3-page DMA buffer inside a private
 * 2 MiB folio: make it shared, then ask whether a device backend may pin it.
 *
 *   cc share_dma_buffer.c $(pkg-config --cflags --libs gmemstate)
 */
#include <inttypes.h>
#include <stdio.h>

#include <gmemstate/gmemstate.h>

int main(void)
{
	const struct gms_range buffer = { 0x100010, 3 };	/* 12 KiB, 64 KiB past 4 GiB */
	struct gms_gup_answer inside, around;
	struct gms_convert_result did;
	struct gms_region_opts ram;
	struct gms_space *space = NULL;
	int err;

	GMS_INIT(&ram);
	GMS_INIT(&did);
	GMS_INIT(&inside);
	GMS_INIT(&around);
	ram.first = 0x100000;			/* 2 MiB at 4 GiB, ... */
	ram.npages = 512;
	ram.base_order = GMS_ORDER_2M;		/* ... one folio, ... */
	ram.state = GMS_STATE_DIRECT_MAP;	/* ... private */

	err = gms_space_new(&space, NULL);
	if (!err)
		err = gms_region_add(space, &ram, NULL);
	if (!err)
		err = gms_share(space, buffer, &did);
	if (!err)
		err = gms_gup_query(space, buffer, GMS_PIN_WRITE, &inside);
	if (!err)
		err = gms_gup_query(space, (struct gms_range){ buffer.first, buffer.npages + 1 },
				    GMS_PIN_WRITE, &around);

	if (err)
		fprintf(stderr, "share_dma_buffer: %s\n", gms_strerror(err));
	else
		printf("%" PRIu64 " pages shared by splitting %" PRIu64 " folio; %" PRIu64
		       " of %" PRIu64 " may be pinned; gfn 0x%" PRIx64 " may not: it is %s\n",
		       did.changed_pages, did.splits, inside.eligible_pages, buffer.npages,
		       around.refused_gfn, gms_reason_name(around.reason));

	gms_space_free(space);	/* NULL is fine */
	return err ? 1 : 0;
}
