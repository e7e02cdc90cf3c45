/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/base/crc32c.c, by the examples of RFC 3720, B.4. */
#include "fixture.h"

#include "base/crc32c.h"

START_TEST(sums_are_those_of_the_standard)
{
	unsigned char bytes[32];

	ck_assert_uint_eq(gms__crc32c(0, "", 0), 0);
	ck_assert_uint_eq(gms__crc32c(0, "123456789", 9), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	ck_assert_uint_eq(gms__crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_uint_eq(gms__crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	ck_assert_uint_eq(gms__crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
}
END_TEST

START_TEST(sum_goes_on_where_it_was)
{
	static const char text[] = "123456789";

	for (size_t cut = 0; cut <= 9; cut++)
		ck_assert_uint_eq(gms__crc32c(gms__crc32c(0, text, cut), &text[cut], 9 - cut),
				  0xe3069283);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("crc32c");
	TCase *sums = fx_case(s, "sums");

	tcase_add_test(sums, sums_are_those_of_the_standard);
	tcase_add_test(sums, sum_goes_on_where_it_was);
	return fx_run(s);
}
