/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of cost.h: a model, its text, and texts that are none. */
#include "fixture.h"

#include <stdlib.h>

struct text {
	char   buf[8192];
	size_t len;
	int    fail_at;		/* this line, from 1, is refused */
	int    lines;
};

static int collect(void *ctx, const char *bytes, size_t n)
{
	struct text *text = ctx;

	if (++text->lines == text->fail_at)
		return -EIO;
	ck_assert_uint_le(text->len + n, sizeof(text->buf));
	memcpy(text->buf + text->len, bytes, n);
	text->len += n;
	return 0;
}

static int load(struct gms_cost_model *model, const char *text,
		struct gms_cost_load_result *result)
{
	GMS_INIT(model);
	GMS_INIT(result);
	return gms_cost_load(model, text, strlen(text), result);
}

/* Every number another one, the first three within their bounds. */
static void fill(struct gms_cost_model *model)
{
	uint64_t *number = &model->host_page_bytes;
	const size_t n = (sizeof(*model) - sizeof(size_t)) / sizeof(*number);

	GMS_INIT(model);
	for (size_t i = 0; i < n; i++)
		number[i] = 1000003 * i + 7;
	model->host_page_bytes = 65536;
	model->cpus = 512;
	model->threads = 64;
}

START_TEST(saved_model_loads_as_it_was)
{
	struct gms_cost_load_result result;
	struct gms_cost_model model, back;
	struct text text = { .len = 0 };

	fill(&model);
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), 0);
	ck_assert_int_eq(text.lines, 64);
	GMS_INIT(&back);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_cost_load(&back, text.buf, text.len, &result), 0);
	ck_assert_mem_eq(&back, &model, sizeof(model));
	ck_assert_uint_eq(result.known_keys, 62);
	ck_assert_uint_eq(result.unknown_keys, 0);
	ck_assert_uint_eq(result.line, 0);
	ck_assert_ptr_null(result.expected);
}
END_TEST

START_TEST(text_is_as_documented)
{
	static const char want[] = "gmemstate-cost 1\nhost_page_bytes 4096\nguest_exit_ns 5600\n"
		"flush_0_ns 1\nflush_64_ns 1000000000000\ncopy_cold_256k_ns 26800\nend\n";
	struct gms_cost_model model;
	struct text text = { .len = 0 };

	GMS_INIT(&model);
	model.host_page_bytes = 4096;
	model.guest_exit_ns = 5600;
	model.flush_ns[0] = 1;
	model.flush_ns[7] = GMS_COST_MOST_NS;
	model.copy_cold_ns[GMS_COST_SIZE_256K] = 26800;
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), 0);
	ck_assert_uint_eq(text.len, strlen(want));
	ck_assert_mem_eq(text.buf, want, text.len);
}
END_TEST

START_TEST(save_refuses_what_load_would)
{
	struct text text = { .len = 0 };
	struct gms_cost_model model;

	ck_assert_int_eq(gms_cost_save(NULL, collect, &text), -EINVAL);
	GMS_INIT(&model);
	ck_assert_int_eq(gms_cost_save(&model, NULL, &text), -EINVAL);
	model.host_page_bytes = 4097;
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), -EINVAL);
	model.host_page_bytes = UINT64_C(1) << 31;
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), -EINVAL);
	model.host_page_bytes = 4096;
	model.cpus = (UINT64_C(1) << 20) + 1;
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), -EINVAL);
	model.cpus = 1;
	model.pread_ns[GMS_COST_SIZE_2M] = GMS_COST_MOST_NS + 1;
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), -EINVAL);
	ck_assert_int_eq(text.lines, 0);
	model.pread_ns[GMS_COST_SIZE_2M] = GMS_COST_MOST_NS;
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), 0);
}
END_TEST

START_TEST(save_stops_where_the_writer_does)	/* _i: the line */
{
	struct text text = { .fail_at = _i };
	struct gms_cost_model model;

	GMS_INIT(&model);
	model.cpus = 2;
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), -EIO);
	ck_assert_int_eq(text.lines, _i);
}
END_TEST

START_TEST(example_is_whole_enough_to_be_saved)
{
	struct text text = { .len = 0 };
	struct gms_cost_model model;
	struct gms_cost_item item;
	uint32_t known = 0;

	GMS_INIT(&model);
	ck_assert_int_eq(gms_cost_example(&model), 0);
	ck_assert_uint_eq(model.size, sizeof(model));
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), 0);
	for (uint32_t i = 0; !gms_cost_item_at(&model, i, &item); i++)
		known += item.value > 0;
	ck_assert_uint_ge(known, 40);
	ck_assert_uint_gt(model.guest_exit_ns, 0);
	ck_assert_uint_gt(model.copy_cold_ns[0], model.copy_warm_ns[0]);
	ck_assert_int_eq(gms_cost_example(NULL), -EINVAL);
	model.size = 7;
	ck_assert_int_eq(gms_cost_example(&model), -EINVAL);
}
END_TEST

START_TEST(items_are_the_struct_in_order)
{
	struct gms_cost_item item = { "untouched", 0 };
	const char *seen[64];
	struct gms_cost_model model;
	uint32_t n = 0;

	fill(&model);
	for (; !gms_cost_item_at(&model, n, &item); n++) {
		ck_assert_uint_lt(n, 64);
		ck_assert_uint_eq(item.value, (&model.host_page_bytes)[n]);
		seen[n] = item.name;
		for (uint32_t i = 0; i < n; i++)
			ck_assert_str_ne(seen[i], item.name);
	}
	ck_assert_uint_eq(n, 62);
	item.name = "untouched";
	ck_assert_int_eq(gms_cost_item_at(&model, n, &item), -ENOENT);
	ck_assert_str_eq(item.name, "untouched");
	ck_assert_int_eq(gms_cost_item_at(&model, 0, NULL), -EINVAL);
	ck_assert_int_eq(gms_cost_item_at(NULL, 0, &item), -EINVAL);
}
END_TEST

struct broken {
	const char *text;
	int error;
	uint64_t line;
};

static const struct broken broken[] = {
	{ "", -EBADMSG, 1 },
	{ "gmemstate-cost 1", -EBADMSG, 1 },
	{ "gmemstate-cost\n", -EBADMSG, 1 },
	{ "gmemstate-cost \nend\n", -EBADMSG, 1 },
	{ "gmemstate-cost 0\nend\n", -EBADMSG, 1 },
	{ "gmemstate-cost 1 \nend\n", -EBADMSG, 1 },
	{ "gmemstate-costs 1\nend\n", -EBADMSG, 1 },
	{ "\ngmemstate-cost 1\nend\n", -EBADMSG, 1 },
	{ "gmemstate-cost 2\nwhatever it is\n", -EOPNOTSUPP, 1 },
	{ "gmemstate-cost 18446744073709551617\nend\n", -EBADMSG, 1 },
	{ "gmemstate-cost 1\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nend", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nend\n\n", -EBADMSG, 3 },
	{ "gmemstate-cost 1\nend\ncpus 2\n", -EBADMSG, 3 },
	{ "gmemstate-cost 1\nend \n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus 2\n", -EBADMSG, 3 },
	{ "gmemstate-cost 1\ncpus 2", -EBADMSG, 2 },
	{ "gmemstate-cost 1\n# 1\n\ncpus\nend\n", -EBADMSG, 4 },
	{ "gmemstate-cost 1\ncpus \nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus 2 \nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus  2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\n cpus 2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus\t2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus 2\r\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus 0x2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus -2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus +2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus 2.5\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus 1048577\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nhost_page_bytes 12288\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nhost_page_bytes 2147483648\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nioctl_ns 1000000000001\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nioctl_ns 18446744073709551616\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nioctl_ns 99999999999999999999999999\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\ncpus 2\nthreads 1\ncpus 2\nend\n", -EBADMSG, 4 },
	{ "gmemstate-cost 1\nCpus 2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\n2cpus 2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nlater\001 2\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nlater 2\001\nend\n", -EBADMSG, 2 },
	{ "gmemstate-cost 1\nlater \303\244\nend\n", -EBADMSG, 2 },
};

#define BROKEN	((int)(sizeof(broken) / sizeof(broken[0])))

START_TEST(damaged_text_is_refused_with_its_line)	/* _i: which */
{
	struct gms_cost_load_result result;
	struct gms_cost_model model, before;

	fill(&model);
	before = model;
	GMS_INIT(&result);
	ck_assert_int_eq(gms_cost_load(&model, broken[_i].text, strlen(broken[_i].text), &result),
			 broken[_i].error);
	ck_assert_mem_eq(&model, &before, sizeof(model));
	ck_assert_uint_eq(result.line, broken[_i].line);
	ck_assert_ptr_nonnull(result.expected);
	ck_assert_int_eq(gms_cost_load(&model, broken[_i].text, strlen(broken[_i].text), NULL),
			 broken[_i].error);
}
END_TEST

START_TEST(names_of_a_later_version_are_counted)
{
	struct gms_cost_load_result result;
	struct gms_cost_model model;

	ck_assert_int_eq(load(&model, "gmemstate-cost 1\nlater_ns 5\ncpus 0002\nlater_ns 6\n"
			      "other a word, or two\nend\n", &result), 0);
	ck_assert_uint_eq(model.cpus, 2);
	ck_assert_uint_eq(model.host_page_bytes, 0);
	ck_assert_uint_eq(result.known_keys, 1);
	ck_assert_uint_eq(result.unknown_keys, 3);
}
END_TEST

/* Exactly as long as it is: a sanitizer sees a look past the end. */
START_TEST(text_cut_anywhere_is_refused)
{
	struct text text = { .len = 0 };
	struct gms_cost_model model, back;
	bool refused = true;

	fill(&model);
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), 0);
	for (size_t n = 0; n < text.len; n++) {
		char *cut = malloc(n + !n);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, text.buf, n);
		GMS_INIT(&back);
		refused &= gms_cost_load(&back, cut, n, NULL) == -EBADMSG;
		refused &= !back.cpus;
		free(cut);
	}
	ck_assert(refused);
}
END_TEST

/* Whatever is read, is in bounds, and is read again as the same. */
START_TEST(text_with_any_byte_changed_is_refused_or_sound)
{
	struct gms_cost_model model, back, again;
	struct text text = { .len = 0 };
	unsigned int sound = 0, wrong = 0;

	fill(&model);
	ck_assert_int_eq(gms_cost_save(&model, collect, &text), 0);
	for (size_t at = 0; at < text.len; at++) {
		const char was = text.buf[at];

		for (int c = 0; c < 256; c += 1 + (int)(at % 7)) {
			struct text saved = { .len = 0 };
			int err;

			text.buf[at] = (char)c;
			GMS_INIT(&back);
			err = gms_cost_load(&back, text.buf, text.len, NULL);
			if (err) {
				wrong += err != -EBADMSG && err != -EOPNOTSUPP;
				continue;
			}
			sound++;
			wrong += gms_cost_save(&back, collect, &saved) != 0;
			GMS_INIT(&again);
			wrong += gms_cost_load(&again, saved.buf, saved.len, NULL) != 0;
			wrong += memcmp(&again, &back, sizeof(back)) != 0;
		}
		text.buf[at] = was;
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_gt(sound, 0);
}
END_TEST

START_TEST(text_that_is_too_long_is_refused)
{
	static const char head[] = "gmemstate-cost 1\n", tail[] = "\nend\n";
	const size_t most = GMS_COST_TEXT_BYTES;
	struct gms_cost_load_result result;
	struct gms_cost_model model;
	char *text = malloc(most + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, '#', most + 1);
	memcpy(text, head, strlen(head));
	memcpy(text + most - strlen(tail), tail, strlen(tail));
	GMS_INIT(&model);
	ck_assert_int_eq(gms_cost_load(&model, text, most, NULL), 0);
	memset(text + strlen(head), '\n', most + 1 - strlen(head));
	memcpy(text + most + 1 - strlen(tail), tail, strlen(tail));
	GMS_INIT(&result);
	ck_assert_int_eq(gms_cost_load(&model, text, most + 1, &result), -EBADMSG);
	ck_assert_ptr_nonnull(result.expected);
	free(text);
}
END_TEST

START_TEST(structs_of_other_versions_are_met)
{
	static const char text[] = "gmemstate-cost 1\ncpus 2\nsyscall_ns 3\nend\n";
	struct { struct gms_cost_model known; uint64_t later; } longer;
	struct gms_cost_load_result result;
	struct gms_cost_model model;
	struct gms_cost_item item;

	/* An older caller's: as far as it goes. */
	memset(&model, 0x5a, sizeof(model));
	model.size = offsetof(struct gms_cost_model, threads);
	ck_assert_int_eq(gms_cost_load(&model, text, strlen(text), NULL), 0);
	ck_assert_uint_eq(model.cpus, 2);
	ck_assert_uint_eq(model.syscall_ns, UINT64_C(0x5a5a5a5a5a5a5a5a));
	ck_assert_int_eq(gms_cost_item_at(&model, 3, &item), 0);
	ck_assert_uint_eq(item.value, 0);

	GMS_INIT(&longer);
	ck_assert_int_eq(gms_cost_load(&longer.known, text, strlen(text), NULL), 0);
	ck_assert_uint_eq(longer.known.syscall_ns, 3);
	ck_assert_uint_eq(longer.known.size, sizeof(longer));
	longer.later = 1;
	ck_assert_int_eq(gms_cost_load(&longer.known, text, strlen(text), NULL), -E2BIG);
	ck_assert_int_eq(gms_cost_save(&longer.known, collect, NULL), -E2BIG);
	ck_assert_int_eq(gms_cost_item_at(&longer.known, 0, &item), -E2BIG);
	ck_assert_int_eq(gms_cost_example(&longer.known), -E2BIG);

	GMS_INIT(&model);
	GMS_INIT(&result);
	ck_assert_int_eq(gms_cost_load(NULL, text, strlen(text), NULL), -EINVAL);
	ck_assert_int_eq(gms_cost_load(&model, NULL, 0, NULL), -EINVAL);
	result.size = 3;
	ck_assert_int_eq(gms_cost_load(&model, text, strlen(text), &result), -EINVAL);
	ck_assert_uint_eq(model.cpus, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cost");
	TCase *save = fx_case(s, "save"), *read = fx_case(s, "load");

	tcase_add_test(save, saved_model_loads_as_it_was);
	tcase_add_test(save, text_is_as_documented);
	tcase_add_test(save, save_refuses_what_load_would);
	tcase_add_loop_test(save, save_stops_where_the_writer_does, 1, 4);
	tcase_add_test(save, example_is_whole_enough_to_be_saved);
	tcase_add_test(save, items_are_the_struct_in_order);
	tcase_add_loop_test(read, damaged_text_is_refused_with_its_line, 0, BROKEN);
	tcase_add_test(read, names_of_a_later_version_are_counted);
	tcase_add_test(read, text_cut_anywhere_is_refused);
	tcase_add_test(read, text_with_any_byte_changed_is_refused_or_sound);
	tcase_add_test(read, text_that_is_too_long_is_refused);
	tcase_add_test(read, structs_of_other_versions_are_met);
	return fx_run(s);
}
