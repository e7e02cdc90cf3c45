/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print - the ledger of a space in which something of everything was done, as
 * OpenMetrics or, with an argument, as JSON; for formats.sh.
 */
#include <stdio.h>

#include <gmemstate/gmemstate.h>

static uint64_t now_ns(void *ctx)
{
	return *(uint64_t *)ctx += 777;
}

static int print(void *ctx, const char *text, size_t bytes)
{
	return fwrite(text, 1, bytes, ctx) == bytes ? 0 : -1;
}

static int use(struct gms_space *space)
{
	const gms_tag tags[] = { 1, 7, UINT64_MAX - 1, GMS_TAG_OTHER };
	struct gms_region_opts region;
	gms_pin_id id;
	int err;

	GMS_INIT(&region);
	region.npages = 1 << 20;
	region.base_order = GMS_ORDER_2M;
	region.state = GMS_STATE_DIRECT_MAP;
	err = gms_region_add(space, &region, NULL);
	for (uint64_t i = 0; i < 100 && !err; i++) {
		const struct gms_change change = {
			{ i * 2000, 1 + i * i }, GMS_STATE_SHARED, 0
		};
		struct gms_convert_opts opts;

		GMS_INIT(&opts);
		opts.tag = tags[i % 4];
		err = gms_convert(space, &change, 1, &opts, NULL);
		if (!err && i % 3)
			err = gms_unshare(space, change.range, NULL);
		if (!err)
			err = gms_acct_charge(space, tags[i % 3], GMS_ACCT_GUEST_EXITS +
					      (uint32_t)i % (GMS_ACCT_KINDS - GMS_ACCT_GUEST_EXITS),
					      i, i * 1234567);
	}
	return err ? err : gms_pin(space, (struct gms_range){ 0, 1 }, 0, 7, &id, NULL);
}

int main(int argc, char **argv)
{
	struct gms_space_opts opts;
	struct gms_space *space;
	uint64_t clock_ns = 0;
	int err;

	(void)argv;
	GMS_INIT(&opts);
	opts.now_ns = now_ns;
	opts.ctx = &clock_ns;
	if (gms_space_new(&space, &opts))
		return 1;
	err = use(space);
	if (!err)
		err = gms_acct_write(space, argc > 1 ? GMS_ACCT_JSON : GMS_ACCT_OPENMETRICS, print,
				     stdout);
	gms_space_free(space);
	return err ? 1 : 0;
}
