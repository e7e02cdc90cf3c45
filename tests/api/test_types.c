/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of types.h: clearing sized structs, and names for people. */
#include "fixture.h"

START_TEST(init_clears_all_and_writes_the_size)
{
	struct gms_convert_opts opts;
	const unsigned char *byte = (const unsigned char *)&opts;

	memset(&opts, 0xff, sizeof(opts));
	GMS_INIT(&opts);
	ck_assert_uint_eq(opts.size, sizeof(opts));
	for (size_t i = sizeof(opts.size); i < sizeof(opts); i++)
		ck_assert_uint_eq(byte[i], 0);
}
END_TEST

START_TEST(init_of_null_or_too_little_does_nothing)
{
	unsigned char few[sizeof(size_t)];

	memset(few, 0x5a, sizeof(few));
	gms_init(NULL, 64);
	gms_init(NULL, 0);
	for (size_t bytes = 0; bytes < sizeof(size_t); bytes++)
		gms_init(few, bytes);
	for (size_t i = 0; i < sizeof(few); i++)
		ck_assert_uint_eq(few[i], 0x5a);
}
END_TEST

START_TEST(init_of_just_a_size_writes_it)
{
	size_t few[2] = { SIZE_MAX, SIZE_MAX };

	gms_init(few, sizeof(few[0]));
	ck_assert_uint_eq(few[0], sizeof(few[0]));
	ck_assert_uint_eq(few[1], SIZE_MAX);
}
END_TEST

static const int errors[] = {
	0, -EINVAL, -E2BIG, -ENOENT, -EAGAIN, -EBUSY, -EPERM, -EHWPOISON, -ENOMEM, -EOPNOTSUPP,
	-EEXIST, -ENOSPC, -EFAULT, -EBADMSG, -ESTALE,
};

START_TEST(strerror_names_every_error_apart)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const char *text = gms_strerror(errors[i]);

		ck_assert_ptr_nonnull(text);
		ck_assert_uint_gt(strlen(text), 1);
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(strcmp(text, gms_strerror(errors[k])),
				      "%d and %d are both \"%s\"", errors[i], errors[k], text);
	}
}
END_TEST

START_TEST(strerror_of_anything_is_not_null)
{
	ck_assert_ptr_nonnull(gms_strerror(1));
	ck_assert_ptr_nonnull(gms_strerror(-4095));
	ck_assert_ptr_nonnull(gms_strerror(INT32_MIN));
	ck_assert_ptr_nonnull(gms_strerror(INT32_MAX));
}
END_TEST

START_TEST(strerror_leaves_errno_alone)
{
	errno = 77;
	gms_strerror(-EINVAL);
	gms_strerror(-4095);
	ck_assert_int_eq(errno, 77);
}
END_TEST

START_TEST(reason_names_are_distinct)
{
	for (uint32_t i = 0; i < GMS_REASON_COUNT; i++) {
		const char *name = gms_reason_name(i);

		ck_assert_ptr_nonnull(name);
		ck_assert_str_ne(name, "");
		ck_assert_str_ne(name, "unknown");
		for (uint32_t k = 0; k < i; k++)
			ck_assert_str_ne(name, gms_reason_name(k));
	}
	ck_assert_str_eq(gms_reason_name(GMS_REASON_PINNED), "pinned");
	ck_assert_str_eq(gms_reason_name(GMS_REASON_FROZEN), "frozen");
}
END_TEST

START_TEST(reason_of_a_later_version_is_unknown)
{
	ck_assert_str_eq(gms_reason_name(GMS_REASON_COUNT), "unknown");
	ck_assert_str_eq(gms_reason_name(UINT32_MAX), "unknown");
}
END_TEST

START_TEST(state_names_are_distinct)
{
	for (unsigned i = 0; i < 15; i++) {
		const char *name = gms_state_name(UINT32_C(1) << i);

		ck_assert_ptr_nonnull(name);
		ck_assert_str_ne(name, "");
		for (unsigned k = 0; k < i; k++)
			ck_assert_str_ne(name, gms_state_name(UINT32_C(1) << k));
	}
	ck_assert_str_eq(gms_state_name(GMS_STATE_SHARED), "shared");
	ck_assert_str_eq(gms_state_name(GMS_STATE_DIRECT_MAP), "direct-map");
}
END_TEST

START_TEST(state_name_of_none_or_several_bits_is_null)
{
	ck_assert_ptr_null(gms_state_name(0));
	ck_assert_ptr_null(gms_state_name(GMS_STATE_SHARED | GMS_STATE_DIRTY));
	ck_assert_ptr_null(gms_state_name(GMS_STATE_ALL));
	ck_assert_ptr_null(gms_state_name(GMS_HOLE));
	for (unsigned i = 15; i < 32; i++)
		ck_assert_ptr_null(gms_state_name(UINT32_C(1) << i));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("types");
	TCase *init = fx_case(s, "init"), *names = fx_case(s, "names");

	tcase_add_test(init, init_clears_all_and_writes_the_size);
	tcase_add_test(init, init_of_null_or_too_little_does_nothing);
	tcase_add_test(init, init_of_just_a_size_writes_it);
	tcase_add_test(names, strerror_names_every_error_apart);
	tcase_add_test(names, strerror_of_anything_is_not_null);
	tcase_add_test(names, strerror_leaves_errno_alone);
	tcase_add_test(names, reason_names_are_distinct);
	tcase_add_test(names, reason_of_a_later_version_is_unknown);
	tcase_add_test(names, state_names_are_distinct);
	tcase_add_test(names, state_name_of_none_or_several_bits_is_null);
	return fx_run(s);
}
