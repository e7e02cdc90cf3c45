/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Step 6 of doc/tutorial.md: account for it.
 *
 *   cc -o step6 step6_account.c $(pkg-config --cflags --libs gmemstate)
 */
#include "guest.h"

/* The guest's time goes on by 50 us a request here; yours is CLOCK_MONOTONIC. */
static uint64_t time_ns;

static uint64_t clock_ns(void *ctx)
{
	(void)ctx;
	return time_ns;
}

/* A request of the guest: 32 KiB shared for as long as the device takes, 50 us. */
static void serve(struct gms_space *space, unsigned i)
{
	const struct gms_range buffer = { 0x100000 + i % 64 * 8, 8 };

	check(gms_share(space, buffer, NULL), "gms_share");
	check(gms_acct_charge(space, 0, GMS_ACCT_GUEST_EXITS, 2, 0), "gms_acct_charge");
	time_ns += 50000;
	check(gms_unshare(space, buffer, NULL), "gms_unshare");
}

static void print_ledger(const struct gms_space *space)
{
	struct gms_acct acct;

	GMS_INIT(&acct);
	check(gms_acct_read(space, &acct), "gms_acct_read");
	printf("most pages shared at once %8" PRIu64 "\n", acct.shared_pages_max);
	printf("page-milliseconds shared  %8" PRIu64 "\n", acct.shared_page_ns / 1000000);
	for (uint32_t kind = 0; kind < GMS_ACCT_KINDS; kind++) {
		if (acct.event[kind].count)
			printf("%-25s %8" PRIu64 "\n", gms_acct_name(kind),
			       acct.event[kind].count);
	}
}

int main(void)
{
	struct gms_space *space = make_guest(clock_ns);
	char why[100];

	for (unsigned i = 0; i < 1000; i++)
		serve(space, i);
	print_ledger(space);
	if (gms_check(space, why, sizeof(why)))
		printf("the books are wrong: %s\n", why);
	else
		printf("recounted: the books are right\n");
	gms_space_free(space);
	return 0;
}
