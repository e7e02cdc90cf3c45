/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * states DIR - files for map.sh to draw: before.snap and after.snap of a guest, their
 * texts, and tib.snap of a TiB.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <gmemstate/gmemstate.h>

static int to_file(void *ctx, const char *text, size_t bytes)
{
	return fwrite(text, 1, bytes, ctx) == bytes ? 0 : -EIO;
}

static int write_state(struct gms_space *space, const char *dir, const char *name, int text)
{
	const struct gms_range all = { 0, GMS_GFN_LIMIT };
	char path[4096];
	FILE *file;
	int err;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "wb");
	if (!file)
		return -errno;
	err = text ? gms_dump(space, all, to_file, file) : gms_save(space, to_file, file);
	return fclose(file) ? -EIO : err;
}

static int add(struct gms_space *space, gms_gfn first, uint64_t npages)
{
	struct gms_region_opts opts;

	GMS_INIT(&opts);
	opts.first = first;
	opts.npages = npages;
	opts.base_order = GMS_ORDER_2M;
	opts.state = GMS_STATE_DIRECT_MAP;
	return gms_region_add(space, &opts, NULL);
}

static int share(struct gms_space *space, gms_gfn first, uint64_t npages)
{
	const struct gms_range range = { first, npages };

	return gms_share(space, range, NULL);
}

static int unshare(struct gms_space *space, gms_gfn first, uint64_t npages)
{
	const struct gms_range range = { first, npages };

	return gms_unshare(space, range, NULL);
}

/* 32 MiB at 0 and at 4 GiB: a pool, and buffers that move. */
static int write_guest(struct gms_space *space, const char *dir)
{
	int err = add(space, 0, 16 * 512);

	if (!err)
		err = add(space, 0x100000, 16 * 512);
	if (!err)
		err = share(space, 2 * 512, 2 * 512);
	if (!err)
		err = share(space, 0x100000 + 100, 7);
	if (!err)
		err = write_state(space, dir, "before.snap", 0);
	if (!err)
		err = write_state(space, dir, "before.txt", 1);
	if (!err)
		err = unshare(space, 0x100000 + 100, 7);
	if (!err)
		err = share(space, 0x100000 + 5000, 3);
	if (!err)
		err = write_state(space, dir, "after.snap", 0);
	return err ? err : write_state(space, dir, "after.txt", 1);
}

static int write_tib(struct gms_space *space, const char *dir)
{
	int err = add(space, 0, UINT64_C(1) << 28);

	if (!err)
		err = share(space, 12345678, 1);
	return err ? err : write_state(space, dir, "tib.snap", 0);
}

static int write_new(const char *dir, int (*write)(struct gms_space *, const char *))
{
	struct gms_space *space = NULL;
	int err = gms_space_new(&space, NULL);

	if (!err)
		err = write(space, dir);
	gms_space_free(space);
	return err;
}

int main(int argc, char **argv)
{
	int err = argc == 2 ? write_new(argv[1], write_guest) : -EINVAL;

	if (!err)
		err = write_new(argv[1], write_tib);
	if (err)
		fprintf(stderr, "states: %s\n", strerror(-err));
	return err != 0;
}
