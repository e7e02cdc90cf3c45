/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of check.h: the checker's manners, and the dump. */
#include "fixture.h"

#define S	GMS_STATE_SHARED
#define D	GMS_STATE_DIRECT_MAP

static struct fx_mem mem;
static struct gms_space *space;

static void setup(void)
{
	fx_mem_init(&mem);
	space = fx_plain_space(&mem);
	fx_region(space, FX_RANGE(0x40000, FX_1G), 18, D, NULL);
}

static void teardown(void)
{
	fx_space_done(space, &mem);
}

START_TEST(check_of_a_sound_space_says_nothing)
{
	char why[8];
	uint64_t calls = mem.calls;

	memset(why, 'x', sizeof(why));
	ck_assert_int_eq(gms_check(space, why, sizeof(why)), 0);
	ck_assert_str_eq(why, "");
	ck_assert_int_eq(gms_check(space, NULL, 0), 0);
	ck_assert_int_eq(gms_check(space, NULL, 100), 0);
	why[0] = 'x';
	ck_assert_int_eq(gms_check(space, why, 0), 0);
	ck_assert_int_eq(why[0], 'x');
	ck_assert_int_eq(gms_check(space, why, 1), 0);
	ck_assert_int_eq(why[0], 0);
	ck_assert_uint_eq(mem.calls, calls);
}
END_TEST

START_TEST(check_refuses_null)
{
	char why[64];

	ck_assert_int_eq(gms_check(NULL, why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(gms_check(NULL, NULL, 0), -EINVAL);
}
END_TEST

START_TEST(check_of_mixed_pinned_memory_is_sound)
{
	gms_pin_id id;

	for (gms_gfn gfn = 0x40000; gfn < 0x40000 + 4 * FX_2M; gfn += 3)
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	ck_assert_int_eq(gms_pin(space, FX_RANGE(0x40003, 1), 0, 1, &id, NULL), 0);
	fx_check(space);
}
END_TEST

struct lines {
	char	 text[4096];
	size_t	 bytes;
	unsigned count, stop_at;
	int	 stop;
};

static int take_line(void *ctx, const char *text, size_t bytes)
{
	struct lines *lines = ctx;

	ck_assert_uint_gt(bytes, 1);
	ck_assert_int_eq(text[bytes - 1], '\n');
	ck_assert_ptr_null(memchr(text, '\n', bytes - 1));
	ck_assert_ptr_null(memchr(text, '\0', bytes));
	ck_assert_uint_lt(lines->bytes + bytes, sizeof(lines->text));
	memcpy(lines->text + lines->bytes, text, bytes);
	lines->bytes += bytes;
	return ++lines->count == lines->stop_at ? lines->stop : 0;
}

START_TEST(dump_writes_one_run_a_line)
{
	struct lines lines = { .count = 0 };

	ck_assert_int_eq(gms_share(space, FX_RANGE(0x40200, 512), NULL), 0);
	fx_region(space, FX_RANGE(0x100000, 3), 0, S | D | GMS_STATE_USER0, NULL);
	ck_assert_int_eq(gms_dump(space, FX_ALL, take_line, &lines), 0);
	ck_assert_uint_eq(lines.count, 4);
	ck_assert_msg(!strncmp(lines.text, "0x40000-0x401ff 512 2m private direct-map\n", 42), "%s",
		      lines.text);
	ck_assert_ptr_nonnull(strstr(lines.text, "0x40200-0x403ff 512 2m shared direct-map\n"));
	ck_assert_ptr_nonnull(strstr(lines.text, "0x40400-0x7ffff 261120 2m private direct-map\n"));
	ck_assert_ptr_nonnull(strstr(lines.text,
				     "0x100000-0x100002 3 4k shared direct-map user0\n"));
}
END_TEST

START_TEST(dump_is_clipped_to_the_range)
{
	struct lines lines = { .count = 0 };

	ck_assert_int_eq(gms_dump(space, FX_RANGE(0, 0x40010), take_line, &lines), 0);
	ck_assert_str_eq(lines.text, "0x40000-0x4000f 16 1g private direct-map\n");
	lines = (struct lines){ .count = 0 };
	ck_assert_int_eq(gms_dump(space, FX_RANGE(0, 0x40000), take_line, &lines), 0);
	ck_assert_uint_eq(lines.count, 0);
}
END_TEST

START_TEST(dump_stops_where_the_writer_does)
{
	struct lines lines = { .stop_at = 2, .stop = -EPIPE };

	for (gms_gfn gfn = 0x40000; gfn < 0x40020; gfn += 2)
		ck_assert_int_eq(gms_share(space, FX_RANGE(gfn, 1), NULL), 0);
	ck_assert_int_eq(gms_dump(space, FX_ALL, take_line, &lines), -EPIPE);
	ck_assert_uint_eq(lines.count, 2);
	lines = (struct lines){ .stop_at = 1, .stop = 42 };
	ck_assert_int_eq(gms_dump(space, FX_ALL, take_line, &lines), 42);
	ck_assert_uint_eq(lines.count, 1);
}
END_TEST

START_TEST(dump_refuses_bad_input)
{
	struct lines lines = { .count = 0 };

	ck_assert_int_eq(gms_dump(NULL, FX_ALL, take_line, &lines), -EINVAL);
	ck_assert_int_eq(gms_dump(space, FX_ALL, NULL, &lines), -EINVAL);
	ck_assert_int_eq(gms_dump(space, FX_RANGE(0, 0), take_line, &lines), -EINVAL);
	ck_assert_int_eq(gms_dump(space, FX_RANGE(7, UINT64_MAX), take_line, &lines), -EINVAL);
	ck_assert_uint_eq(lines.count, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("check");
	TCase *tc = fx_case(s, "check");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, check_of_a_sound_space_says_nothing);
	tcase_add_test(tc, check_refuses_null);
	tcase_add_test(tc, check_of_mixed_pinned_memory_is_sound);
	tc = fx_case(s, "dump");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, dump_writes_one_run_a_line);
	tcase_add_test(tc, dump_is_clipped_to_the_range);
	tcase_add_test(tc, dump_stops_where_the_writer_does);
	tcase_add_test(tc, dump_refuses_bad_input);
	return fx_run(s);
}
