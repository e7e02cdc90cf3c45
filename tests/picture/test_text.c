/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of lib/picture/text.c and memory.c: the text of gms_dump() and damaged files. */
#include <unistd.h>

#include "oracle.h"
#include "picture/options.h"
#include "tool/out.h"

/* What loading those bytes says, and what is wrong with them. */
static int load_bytes(struct picture_memory *memory, const void *bytes, size_t n, char *why,
		      size_t room)
{
	char path[] = "picture-XXXXXX";
	const int fd = mkstemp(path);
	int err;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
	err = picture_load(memory, path, UINT64_C(1) << 24, why, room);
	unlink(path);
	return err;
}

/* _i: the split policy. Of a text the state of every page is known, and where folios are cut. */
START_TEST(text_says_what_the_snapshot_says)
{
	struct picture_memory snapshot, text;
	struct gms_space *space;
	struct fx_rand rand;
	uint64_t wrong = 0, pages = 0;

	fx_rand_init(&rand, fx_seed(), (uint64_t)_i);
	space = oracle_space(&rand, (uint32_t)_i);
	oracle_change(space, &rand, 300);
	oracle_load(&snapshot, space, false);
	oracle_load(&text, space, true);
	ck_assert_int_eq(picture_has(&text, GMS_STATE_MISSING),
			 picture_has(&snapshot, GMS_STATE_MISSING));
	for (size_t i = 0; i < snapshot.nregions; i++) {
		const struct gms_range range = FX_RANGE(snapshot.region[i].first,
							snapshot.region[i].npages);
		struct picture_walk walk;
		struct picture_piece piece;
		gms_gfn at = range.first;

		picture_walk_begin(&walk, &text, range, GMS_STATE_ALL, true);
		while (picture_walk_next(&walk, &piece)) {
			wrong += piece.first != at;
			at += piece.npages;
			for (gms_gfn gfn = piece.first; gfn < at; gfn++)
				wrong += gms_state_at(space, gfn) != piece.state;
			/* Its order is that of the folio where a run begins. */
			if (!(piece.first % FX_2M) || gms_state_at(space, piece.first - 1) == piece.state)
				continue;
			if (piece.base_order && _i != GMS_SPLIT_HALVES)
				wrong += (fx_order_at(space, piece.first) < 9) != (piece.order < 9);
		}
		pages += at - range.first;
		wrong += at != range.first + range.npages;
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_gt(pages, FX_1G);
	picture_unload(&snapshot);
	picture_unload(&text);
	gms_space_free(space);
}
END_TEST

static const struct {
	const char *text, *why;
} bad[] = {
	{ "0x40000-0x401ff 512 2m private\n0x", "line 2, column 3: expected the end of the line" },
	{ "0x40000-0x401ff 512 2m private", "line 1, column 31: expected the end of the line" },
	{ "00x4\n", "line 1, column 1: expected a frame" },
	{ "0x04-0x4 1 4k private\n", "line 1, column 3: expected a frame" },
	{ "0x4 1 4k private\n", "line 1, column 4: expected \"-\"" },
	{ "0x4-4 1 4k private\n", "line 1, column 5: expected the last frame" },
	{ "0x4-0x3 1 4k private\n", "line 1, column 5: expected a last frame that is not before" },
	{ "0x4-0x5 1 4k private\n", "line 1, column 9: expected as many pages" },
	{ "0x4-0x5 x 4k private\n", "line 1, column 9: expected as many pages" },
	{ "0x4-0x5  2 4k private\n", "line 1, column 9: expected as many pages" },
	{ "0x4-0x5 2 8k private\n", "line 1, column 11: expected the order" },
	{ "0x4-0x5 2 4kk private\n", "line 1, column 11: expected the order" },
	{ "0x4-0x5 2 4k\n", "line 1, column 13: expected \"private\" or \"shared\"" },
	{ "0x4-0x5 2 4k populated\n", "line 1, column 23: expected \"private\" or \"shared\"" },
	{ "0x4-0x5 2 4k private shared\n", "line 1, column 22: expected the next attribute" },
	{ "0x4-0x5 2 4k shared populated direct-map\n", "line 1, column 31: expected the next" },
	{ "0x4-0x5 2 4k private \n", "line 1, column 22: expected the next attribute" },
	{ "0x4-0x5 2 4k private nothing\n", "line 1, column 22: expected the next attribute" },
	{ "0x4-0x5 2 4k private\n0x5-0x5 1 4k private\n", "line 2, column 1: expected a frame behind" },
	{ "0x4-0x10000000000 1099511627773 4k private\n", "line 1, column 7: expected the last frame" },
	{ "", "it is empty" },
	{ "no snapshot", "neither a snapshot of gms_save() nor the text of gms_dump()" },
	{ "\x89GMS\r\n\x1a\nxxxx", "byte 12 of the snapshot: expected more" },
};

/* _i: one of bad */
START_TEST(bad_text_is_refused_with_its_place)
{
	struct picture_memory memory;
	char why[256];

	ck_assert_int_lt(load_bytes(&memory, bad[_i].text, strlen(bad[_i].text), why, sizeof(why)),
			 0);
	ck_assert_msg(!strncmp(why, bad[_i].why, strlen(bad[_i].why)), "%s\nis not: %s", why,
		      bad[_i].why);
	ck_assert_ptr_null(memory.run);
}
END_TEST

START_TEST(text_is_read)
{
	static const char text[] =
		"0x0-0xff 256 4k shared direct-map populated host-mapped\n"
		"0x100-0x1ff 256 4k private populated\n"
		"0x40000-0x7ffff 262144 1g private\n";
	struct picture_memory memory;
	char why[256];

	ck_assert_msg(!load_bytes(&memory, text, sizeof(text) - 1, why, sizeof(why)), "%s", why);
	ck_assert_uint_eq(memory.nruns, 3);
	ck_assert_uint_eq(memory.run[0].state, GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP |
			  GMS_STATE_POPULATED | GMS_STATE_HOST_MAPPED);
	ck_assert_uint_eq(memory.nregions, 2);
	ck_assert_uint_eq(memory.region[0].npages, 512);
	ck_assert_uint_eq(memory.region[1].base_order, GMS_ORDER_1G);
	picture_unload(&memory);
}
END_TEST

/* Any byte of a snapshot: refused, and the message says where and what. */
START_TEST(damaged_snapshot_is_refused_with_its_place)
{
	struct picture_memory memory;
	char path[] = "picture-XXXXXX", why[256];
	unsigned char bytes[1 << 16];
	struct gms_space *space;
	struct fx_rand rand;
	uint64_t wrong = 0;
	size_t n;
	FILE *file;

	fx_rand_init(&rand, fx_seed(), 7);
	space = oracle_space(&rand, GMS_SPLIT_LEVELS);
	oracle_change(space, &rand, 30);
	file = fdopen(mkstemp(path), "w+b");
	ck_assert_int_eq(gms_save(space, out_text,
				  &(struct out){ .file = file }), 0);
	rewind(file);
	n = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	unlink(path);
	for (unsigned int i = 0; i < 300; i++) {
		const size_t at = fx_rand_below(&rand, n);
		const unsigned char was = bytes[at];

		bytes[at] ^= (unsigned char)(1 + fx_rand_below(&rand, 255));
		wrong += load_bytes(&memory, bytes, n, why, sizeof(why)) >= 0;
		wrong += at && (strncmp(why, "byte ", 5) || !strstr(why, "expected "));
		bytes[at] = was;
	}
	ck_assert_uint_eq(wrong, 0);
	gms_space_free(space);
}
END_TEST

START_TEST(text_has_its_bound)
{
	struct picture_memory memory;
	char path[] = "picture-XXXXXX", why[256];
	FILE *file = fdopen(mkstemp(path), "wb");

	for (unsigned int i = 0; i < 1000; i++)
		fprintf(file, "0x%x-0x%x 1 4k private\n", 0x1000 + 2 * i, 0x1000 + 2 * i);
	fclose(file);
	ck_assert_int_eq(picture_load(&memory, path, 8192, why, sizeof(why)), -EMSGSIZE);
	ck_assert_ptr_nonnull(strstr(why, "--most-bytes"));
	/* Runs, and a region of each: 24 KiB of both. */
	ck_assert_int_eq(picture_load(&memory, path, 40000, why, sizeof(why)), -EMSGSIZE);
	ck_assert_int_eq(picture_load(&memory, path, 80000, why, sizeof(why)), 0);
	ck_assert_uint_eq(memory.nregions, 1000);
	picture_unload(&memory);
	unlink(path);
}
END_TEST

START_TEST(ranges_are_parsed)
{
	static const struct {
		const char *text;
		gms_gfn first;
		uint64_t npages;
	} good[] = {
		{ "0x100000000+2G", 0x100000, 0x80000 },
		{ "0x1000-0x1fff", 1, 1 },
		{ "0x1000-0x2000", 1, 1 },
		{ "4096+1", 1, 1 },
		{ "4K-8K", 1, 1 },
		{ "0+4P", 0, GMS_GFN_LIMIT },
		{ "0xAbC000+1M", 0xabc, 256 },
	};
	static const char *const wrong[] = {
		"", "0x1000", "0x1000+", "+1", "-1", "0x+1", "0x1000+0", "0x2000-0x2000", "0+4P1",
		"0+5P", "1P-1T", "0x1000+1g", "18446744073709551616+1", "1 +1",
		"0x10000000000000+1",
	};
	struct gms_range range;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(picture_parse_range(good[i].text, &range), "%s", good[i].text);
		ck_assert_uint_eq(range.first, good[i].first);
		ck_assert_uint_eq(range.npages, good[i].npages);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!picture_parse_range(wrong[i], &range), "%s", wrong[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *files = fx_case(suite, "files");

	tcase_add_loop_test(files, text_says_what_the_snapshot_says, GMS_SPLIT_LEVELS,
			    GMS_SPLIT_NONE + 1);
	tcase_add_loop_test(files, bad_text_is_refused_with_its_place, 0,
			    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(files, text_is_read);
	tcase_add_test(files, damaged_snapshot_is_refused_with_its_place);
	tcase_add_test(files, text_has_its_bound);
	tcase_add_test(files, ranges_are_parsed);
	return fx_run(suite);
}
