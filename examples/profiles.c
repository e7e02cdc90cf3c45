/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profiles - one sequence of conversions under every system there is: what would
 * each of them do, how often? A model backend stands in for the host, so nothing
 * here needs KVM.
 *
 *   cc profiles.c $(pkg-config --cflags --libs gmemstate)
 *
 * The guest shares four buffers at once, as a driver does that is loaded, takes
 * back and shares again three pages a hundred times, as one does that maps and
 * unmaps them for each request, and takes all back at the end.
 */
#include <inttypes.h>
#include <stdio.h>

#include <gmemstate/gmemstate.h>

static const struct gms_range buffers[] = {
	{ 0x100000, 3 }, { 0x100200, 64 }, { 0x100400, 1024 }, { 0x100a00, 700 },
};
#define NBUFFERS	(sizeof(buffers) / sizeof(buffers[0]))
#define REQUESTS	100

/* Columns: what is printed, and the sum of which kinds it is. */
static const struct {
	const char *title;
	uint32_t kind[8];	/* to the first 0 */
} columns[] = {
	{ "exits", { GMS_ACCT_GUEST_EXITS } },
	{ "to-vmm", { GMS_ACCT_USER_EXITS } },
	{ "syscalls", { GMS_ACCT_SYS_IOCTL, GMS_ACCT_SYS_FALLOCATE, GMS_ACCT_SYS_MADVISE } },
	{ "flushes", { GMS_ACCT_FLUSH_STAGE2, GMS_ACCT_FLUSH_PROCESS, GMS_ACCT_FLUSH_KERNEL } },
	{ "ptes", { GMS_ACCT_PTES_4K, GMS_ACCT_PTES_2M, GMS_ACCT_PTES_1G } },
	{ "tree", { GMS_ACCT_TREE_UPDATES, GMS_ACCT_RMP_UPDATES } },
	{ "accepts", { GMS_ACCT_ACCEPTS } },
	{ "zeroed", { GMS_ACCT_PAGES_ZEROED } },
	{ "refaults", { GMS_ACCT_REFAULTS } },
};
#define NCOLUMNS	(sizeof(columns) / sizeof(columns[0]))

static int turn_all(struct gms_space *space, bool share)
{
	struct gms_change changes[NBUFFERS];

	for (size_t i = 0; i < NBUFFERS; i++) {
		changes[i].range = buffers[i];
		changes[i].set = share ? GMS_STATE_SHARED : 0;
		changes[i].clear = share ? 0 : GMS_STATE_SHARED;
	}
	return gms_convert(space, changes, NBUFFERS, NULL, NULL);
}

static int sequence(struct gms_space *space)
{
	int err = turn_all(space, true);

	for (int i = 0; i < REQUESTS && !err; i++) {
		err = gms_unshare(space, buffers[0], NULL);
		if (!err)
			err = gms_share(space, buffers[0], NULL);
	}
	return err ? err : turn_all(space, false);
}

static int run(struct gms_model *model, uint32_t profile, struct gms_acct *acct)
{
	struct gms_backend backend;
	struct gms_region_opts ram;
	struct gms_space_opts opts;
	struct gms_space *space = NULL;
	int err;

	GMS_INIT(&backend);
	GMS_INIT(&opts);
	GMS_INIT(&ram);
	opts.profile = profile;
	ram.first = 0x100000;
	ram.npages = 0x40000;	/* 1 GiB at 4 GiB, private */
	ram.base_order = GMS_ORDER_1G;
	ram.backend = &backend;

	err = gms_model_backend(model, &backend);
	if (!err)
		err = gms_space_new(&space, &opts);
	if (!err)
		err = gms_region_add(space, &ram, NULL);
	if (!err)
		err = sequence(space);
	if (!err)
		err = gms_acct_read(space, acct);
	gms_space_free(space);
	return err;
}

static void print_row(const char *name, const struct gms_acct *acct)
{
	printf("%-14s", name);
	for (size_t c = 0; c < NCOLUMNS; c++) {
		uint64_t sum = 0;

		for (size_t k = 0; columns[c].kind[k]; k++)
			sum += acct->event[columns[c].kind[k]].count;
		printf(" %8" PRIu64, sum);
	}
	printf("\n");
}

int main(void)
{
	int err = 0;

	printf("%-14s", "profile");
	for (size_t c = 0; c < NCOLUMNS; c++)
		printf(" %8s", columns[c].title);
	printf("\n");
	for (uint32_t profile = GMS_PROFILE_KVM_ATTRS; profile < GMS_PROFILE_COUNT; profile++) {
		struct gms_model_opts opts;
		struct gms_model *model = NULL;
		struct gms_profile_info info;
		struct gms_acct acct;

		GMS_INIT(&opts);
		GMS_INIT(&info);
		GMS_INIT(&acct);
		opts.profile = profile;
		err = gms_profile_info(profile, &info);
		if (!err && info.convert_path == GMS_PATH_NONE)
			continue;	/* nothing converts its pages */
		if (!err)
			err = gms_model_new(&model, &opts);
		if (!err)
			err = run(model, profile, &acct);
		gms_model_free(model);
		if (err) {
			fprintf(stderr, "profiles: %s\n", gms_strerror(err));
			return 1;
		}
		print_row(info.name, &acct);
	}
	return 0;
}
