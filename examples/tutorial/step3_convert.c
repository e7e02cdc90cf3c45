/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 3 of doc/tutorial.md: convert pages.
 *
 *   cc -o step3 step3_convert.c $(pkg-config --cflags --libs gmemstate)
 */
#include "guest.h"

/* The guest offers these pages to the host; to its devices, say. */
static void offer(struct gms_space *space, struct gms_range pages)
{
	struct gms_convert_result did;
	int err;

	GMS_INIT(&did);
	err = gms_share(space, pages, &did);
	printf("share   0x%06" PRIx64 " +%" PRIu64 ": ", pages.first, pages.npages);
	if (err)
		printf("%s; frame 0x%" PRIx64 ": %s\n", gms_strerror(err), did.error_gfn,
		       gms_reason_name(did.error_reason));
	else
		printf("%" PRIu64 " pages turned shared, folios cut: %" PRIu64 "\n",
		       did.changed_pages, did.splits);
}

/* And takes them back. */
static void take_back(struct gms_space *space, struct gms_range pages)
{
	struct gms_convert_result did;

	GMS_INIT(&did);
	check(gms_unshare(space, pages, &did), "gms_unshare");
	printf("unshare 0x%06" PRIx64 " +%" PRIu64 ": %" PRIu64
	       " pages turned private, folios whole again: %" PRIu64 "\n", pages.first,
	       pages.npages, did.changed_pages, did.merges);
}

int main(void)
{
	const struct gms_range buffer = { 0x100201, 3 }, wrong = { 0x0bffff, 2 };
	struct gms_space *space = make_guest(NULL);

	offer(space, buffer);
	offer(space, buffer);		/* as guests do: nothing happens */
	offer(space, wrong);		/* its second page is in the hole */
	take_back(space, buffer);
	gms_space_free(space);
	return 0;
}
