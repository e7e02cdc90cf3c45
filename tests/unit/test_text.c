/* SPDX-License-Identifier: BSD-2-Clause */
/* White-box tests of lib/base/text.c. */
#include "fixture.h"

#include "base/text.h"

START_TEST(numbers_read_as_printf_writes_them)
{
	static const uint64_t value[] = { 0, 1, 9, 10, 255, 4096, UINT32_MAX, UINT64_MAX };

	for (size_t i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
		char ours[64], theirs[64];
		struct gms__text text;

		gms__text_begin(&text, ours, sizeof(ours));
		gms__text_dec(&text, value[i]);
		gms__text_str(&text, " ");
		gms__text_hex(&text, value[i]);
		snprintf(theirs, sizeof(theirs), "%" PRIu64 " 0x%" PRIx64, value[i], value[i]);
		ck_assert_str_eq(ours, theirs);
		ck_assert_uint_eq(text.len, strlen(theirs));
	}
}
END_TEST

START_TEST(what_does_not_fit_is_cut)	/* _i: room */
{
	struct gms__text text;
	char buf[8];

	memset(buf, 'x', sizeof(buf));
	gms__text_begin(&text, buf, (size_t)_i);
	gms__text_str(&text, "gfn ");
	gms__text_dec(&text, 1234);
	if (_i) {
		ck_assert_uint_eq(strlen(buf), (size_t)_i - 1);
		ck_assert(!strncmp(buf, "gfn 1234", (size_t)_i - 1));
	}
	for (size_t i = (size_t)_i; i < sizeof(buf); i++)
		ck_assert_int_eq(buf[i], 'x');
}
END_TEST

START_TEST(no_buffer_is_fine)
{
	struct gms__text text;

	gms__text_begin(&text, NULL, 10);
	gms__text_str(&text, "dropped");
	ck_assert_uint_eq(text.len, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("text");
	TCase *t = fx_case(s, "text");

	tcase_add_test(t, numbers_read_as_printf_writes_them);
	tcase_add_loop_test(t, what_does_not_fit_is_cut, 0, 9);
	tcase_add_test(t, no_buffer_is_fine);
	return fx_run(s);
}
