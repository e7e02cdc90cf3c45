/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 4 of doc/tutorial.md: ask what a page is.
 *
 *   cc -o step4 step4_ask.c $(pkg-config --cflags --libs gmemstate)
 */
#include "guest.h"

static void list_states(const struct gms_space *space, struct gms_range pages)
{
	struct gms_iter it;
	struct gms_run run;

	check(gms_iter_init(&it, space, pages, GMS_STATE_SHARED), "gms_iter_init");
	while (gms_iter_next(&it, &run))
		printf("0x%" PRIx64 " +%-4" PRIu64 "%s\n", run.first, run.npages,
		       run.state & GMS_STATE_SHARED ? "shared" : "private");
}

/* May a device that is emulated here write to these pages of the guest? */
static void may_write(const struct gms_space *space, struct gms_range pages)
{
	struct gms_gup_answer answer;

	GMS_INIT(&answer);
	check(gms_gup_query(space, pages, GMS_PIN_WRITE, &answer), "gms_gup_query");
	printf("write to 0x%" PRIx64 " +%" PRIu64 ": ", pages.first, pages.npages);
	if (answer.refused_pages)
		printf("no, 0x%" PRIx64 " is %s\n", answer.refused_gfn,
		       gms_reason_name(answer.reason));
	else
		printf("yes\n");
}

int main(void)
{
	const struct gms_range buffer = { 0x100201, 3 }, folio = { 0x100200, 512 };
	struct gms_space *space = make_guest(NULL);

	check(gms_share(space, buffer, NULL), "gms_share");
	if (gms_state_at(space, 0x100201) & GMS_STATE_SHARED)
		printf("0x100201 is shared\n");
	list_states(space, folio);
	may_write(space, buffer);
	may_write(space, (struct gms_range){ 0x100203, 2 });
	printf("pages to map: 0x100201 with 2^%u frames, 0x100400 with 2^%u\n",
	       gms_map_order(space, 0x100201, GMS_STATE_SHARED),
	       gms_map_order(space, 0x100400, GMS_STATE_SHARED));
	gms_space_free(space);
	return 0;
}
