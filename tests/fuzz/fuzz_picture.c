/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_picture.c - files that gmemstate-map is asked to draw: refused, or drawn whole.
 *
 * What is read of a text, written as gms_dump() writes it, is that text again: nothing in
 * it was passed over. What was read is drawn in each view, by rows or not: each of its
 * pages is counted once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "picture/page.h"

const char fuzz_name[] = "picture";

#define MOST_BYTES	(UINT64_C(1) << 20)
#define MOST_RANGES	1000u

static const char *order_name(uint32_t order)
{
	return order == GMS_ORDER_1G ? "1g" : order == GMS_ORDER_2M ? "2m" : "4k";
}

static void write_run(FILE *file, const struct picture_run *run)
{
	fprintf(file, "0x%llx-0x%llx %llu %s", (unsigned long long)run->first,
		(unsigned long long)(run->first + run->npages - 1),
		(unsigned long long)run->npages, order_name(run->order));
	if (!(run->state & GMS_STATE_SHARED))
		fputs(" private", file);
	for (gms_state left = run->state; left; left &= left - 1)
		fprintf(file, " %s", gms_state_name(left & -left));
	fputc('\n', file);
}

/* "-" is an order too, and is not kept apart from 4k. */
static bool is_same(const uint8_t *data, size_t bytes, const char *text, size_t ntext)
{
	while (bytes && ntext) {
		if (bytes > 2 && !memcmp(data, " - ", 3) && ntext > 3 && !memcmp(text, " 4k ", 4)) {
			data += 3;
			bytes -= 3;
			text += 4;
			ntext -= 4;
			continue;
		}
		if (*data != (uint8_t)*text)
			return false;
		data++;
		bytes--;
		text++;
		ntext--;
	}
	return !bytes && !ntext;
}

static void check_text(const struct picture_memory *memory, const uint8_t *data, size_t bytes)
{
	char *text = NULL;
	size_t ntext = 0;
	FILE *file = open_memstream(&text, &ntext);

	if (!file)
		fuzz_fail("out of memory");
	for (size_t i = 0; i < memory->nruns; i++)
		write_run(file, &memory->run[i]);
	fclose(file);
	if (!is_same(data, bytes, text, ntext))
		fuzz_fail("another text was read than was there");
	free(text);
}

static void draw(const struct picture_memory *memory, const struct picture_view *view,
		 uint64_t npages, bool rows)
{
	struct picture_layout layout;
	struct picture_counts counts;
	struct picture_legend legend;
	const struct picture_words words = { .now = "file", .cell = "a pixel" };
	struct picture_page page;
	struct picture_box box;
	struct gms_range *ranges;
	uint64_t sum = 0;
	uint8_t *inks;
	size_t n;

	if (picture_ranges(&ranges, &n, NULL, memory, (struct gms_range){ 0, GMS_GFN_LIMIT }))
		fuzz_fail("out of memory");
	picture_page_box(&box, 256);
	if (n > MOST_RANGES) {
		free(ranges);
		return;
	}
	if (picture_lay_out(&layout, ranges, n, &box, rows))
		fuzz_fail("%zu ranges have no place", n);
	if (picture_tally(&layout, view, NULL, memory, &counts, &inks))
		fuzz_fail("out of memory");
	for (unsigned int i = 0; i < PICTURE_CLASSES; i++)
		sum += counts.pages[i];
	fuzz_same("pages of all classes", sum, npages);
	fuzz_same("pages", counts.total, npages);
	picture_legend(&legend, &words, view, &layout, &counts, inks);
	if (picture_page(&page, &layout, view, &legend, inks))
		fuzz_fail("out of memory");
	picture_page_free(&page);
	free(inks);
	picture_layout_free(&layout);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	static const struct picture_view *const views[] = {
		&picture_state, &picture_bare_state, &picture_folios, &picture_access,
	};
	struct picture_memory memory;
	uint64_t npages = 0;
	char why[256];
	FILE *file;

	if (!bytes)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, bytes, "rb");
	if (!file)
		fuzz_fail("out of memory");
	if (!picture_read(&memory, file, MOST_BYTES, why, sizeof(why))) {
		if (!memory.space)
			check_text(&memory, data, bytes);
		for (size_t i = 0; i < memory.nregions; i++)
			npages += memory.region[i].npages;
		for (unsigned int i = 0; i < 4; i++)
			draw(&memory, views[i], npages, (data[bytes / 2] + i) % 2);
		picture_unload(&memory);
	} else if (!*why) {
		fuzz_fail("refused without a reason");
	}
	fclose(file);
	return 0;
}
