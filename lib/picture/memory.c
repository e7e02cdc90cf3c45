/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - what a file says about a guest's memory; see memory.h.
 */
#include "picture/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOT_BYTE	0x89	/* the first one of a snapshot */

/* --- bytes -------------------------------------------------------------------- */

int picture_input_byte(struct picture_input *in)
{
	return in->taken < in->nhead ? in->head[in->taken++] : getc(in->file);
}

static int64_t read_input(void *ctx, void *buf, size_t bytes)
{
	struct picture_input *in = ctx;
	const size_t left = in->nhead - in->taken, head = bytes < left ? bytes : left;
	size_t got = head;

	memcpy(buf, in->head + in->taken, head);
	in->taken += head;
	if (got < bytes)
		got += fread((unsigned char *)buf + got, 1, bytes - got, in->file);
	return !got && ferror(in->file) ? -EIO : (int64_t)got;
}

/* --- a snapshot ----------------------------------------------------------------- */

static int add_region(struct picture_memory *memory, struct picture_region region)
{
	struct picture_region *more;

	/* A power of two is full. */
	if (!(memory->nregions & (memory->nregions - 1))) {
		more = realloc(memory->region,
			       (memory->nregions ? 2 * memory->nregions : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memory->region = more;
	}
	memory->region[memory->nregions++] = region;
	return 0;
}

static int list_regions(struct picture_memory *memory)
{
	struct gms_region region;
	gms_gfn at = 0;
	int err = 0;

	while (!err && (GMS_INIT(&region), !gms_region_next(memory->space, at, &region))) {
		err = add_region(memory, (struct picture_region){
			region.first, region.npages, region.base_order
		});
		at = region.first + region.npages;
	}
	return err;
}

static int load_snapshot(struct picture_memory *memory, struct picture_input *in,
			 uint64_t most_bytes, char *why, size_t room)
{
	struct gms_load_opts opts;
	struct gms_load_result result;
	int err;

	GMS_INIT(&opts);
	GMS_INIT(&result);
	opts.most_bytes = most_bytes;
	err = gms_load(&memory->space, &opts, read_input, in, &result);
	if (!err)
		err = list_regions(memory);
	if (!err)
		err = picture_list_folios(memory, most_bytes);
	if (!err || err == -ENOMEM)
		return err;
	if (result.expected)
		snprintf(why, room, "byte %" PRIu64 " of the snapshot: expected %s",
			 result.offset_bytes, result.expected);
	else if (err == -EMSGSIZE)
		snprintf(why, room, "the snapshot would take more than %" PRIu64
			 " bytes of memory: see --most-bytes", most_bytes);
	else
		snprintf(why, room, "byte %" PRIu64 " of the snapshot: %s", result.offset_bytes,
			 gms_strerror(err));
	return err;
}

/* --- a text ---------------------------------------------------------------------- */

/*
 * The largest order that its runs have; or that any run of the file has, if the region
 * could have been made so: of one whose runs all begin where it is cut.
 */
static void guess_base(struct picture_region *region, uint32_t largest)
{
	const uint64_t odd = region->first | region->npages;

	if (largest > region->base_order && !(odd & ((UINT64_C(1) << largest) - 1)))
		region->base_order = largest;
}

static int regions_of_runs(struct picture_memory *memory)
{
	struct picture_region region = { 0, 0, 0 };
	uint32_t largest = 0;
	int err = 0;

	for (size_t i = 0; !err && i < memory->nruns; i++) {
		const struct picture_run *run = &memory->run[i];

		if (region.npages && run->first != region.first + region.npages) {
			err = add_region(memory, region);
			region.npages = 0;
		}
		if (!region.npages)
			region = (struct picture_region){ run->first, 0, 0 };
		region.npages += run->npages;
		if (run->order > region.base_order)
			region.base_order = run->order;
		if (run->order > largest)
			largest = run->order;
	}
	if (!err && region.npages)
		err = add_region(memory, region);
	for (size_t i = 0; i < memory->nregions; i++)
		guess_base(&memory->region[i], largest);
	return err;
}

static int load_open(struct picture_memory *memory, struct picture_input *in,
		     uint64_t most_bytes, char *why, size_t room)
{
	int err;

	/* A pipe may give the first bytes one by one. */
	in->nhead = fread(in->head, 1, sizeof(in->head), in->file);
	if (!in->nhead) {
		snprintf(why, room, "it is empty: expected a snapshot of gms_save() or the text "
			 "of gms_dump()");
		return -EBADMSG;
	}
	if (in->head[0] == SNAPSHOT_BYTE)
		return load_snapshot(memory, in, most_bytes, why, room);
	if (in->head[0] != '0') {
		snprintf(why, room, "neither a snapshot of gms_save() nor the text of gms_dump()");
		return -EBADMSG;
	}
	err = picture_parse(memory, in, most_bytes, why, room);
	return err ? err : regions_of_runs(memory);
}

int picture_read(struct picture_memory *memory, FILE *file, uint64_t most_bytes, char *why,
		 size_t room)
{
	struct picture_input in = { .file = file };
	int err, reason;

	memset(memory, 0, sizeof(*memory));
	*why = '\0';
	errno = 0;
	err = load_open(memory, &in, most_bytes, why, room);
	reason = errno;
	if (!err && !memory->nregions) {
		snprintf(why, room, "there is no region in it: nothing to draw");
		err = -EBADMSG;
	}
	if (err && ferror(file))
		snprintf(why, room, "cannot be read: %s", strerror(reason ? reason : EIO));
	else if (err && !*why)
		snprintf(why, room, "%s", strerror(-err));
	if (err)
		picture_unload(memory);
	return err;
}

int picture_load(struct picture_memory *memory, const char *path, uint64_t most_bytes,
		 char *why, size_t room)
{
	const bool standard = !strcmp(path, "-");
	FILE *file = standard ? stdin : fopen(path, "rb");
	int err = -errno;

	if (file) {
		err = picture_read(memory, file, most_bytes, why, room);
	} else {
		memset(memory, 0, sizeof(*memory));
		snprintf(why, room, "%s", strerror(-err));
	}
	if (file && !standard)
		fclose(file);
	return err;
}

void picture_unload(struct picture_memory *memory)
{
	gms_space_free(memory->space);
	free(memory->folios);
	free(memory->run);
	free(memory->region);
	memset(memory, 0, sizeof(*memory));
}

bool picture_has(const struct picture_memory *memory, gms_state bit)
{
	const struct gms_range all = { 0, GMS_GFN_LIMIT };
	gms_gfn gfn;

	if (memory->space)
		return !gms_find(memory->space, all, bit, bit, &gfn);
	for (size_t i = 0; i < memory->nruns; i++)
		if (memory->run[i].state & bit)
			return true;
	return false;
}
