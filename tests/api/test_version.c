/* SPDX-License-Identifier: BSD-2-Clause */
/* Black-box tests of version.h: headers and library are of one version. */
#include "fixture.h"

START_TEST(number_is_that_of_the_header)
{
	ck_assert_uint_eq(gms_version(), GMS_VERSION);
	ck_assert_uint_eq(gms_version() >> 16, GMS_VERSION_MAJOR);
	ck_assert_uint_eq(gms_version() >> 8 & 0xff, GMS_VERSION_MINOR);
	ck_assert_uint_eq(gms_version() & 0xff, GMS_VERSION_PATCH);
}
END_TEST

START_TEST(text_says_the_same_as_the_number)
{
	char text[64];

	snprintf(text, sizeof(text), "%u.%u.%u", gms_version() >> 16, gms_version() >> 8 & 0xff,
		 gms_version() & 0xff);
	ck_assert_str_eq(gms_version_string(), text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("version");
	TCase *version = fx_case(s, "version");

	tcase_add_test(version, number_is_that_of_the_header);
	tcase_add_test(version, text_says_the_same_as_the_number);
	return fx_run(s);
}
