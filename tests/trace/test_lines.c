/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/trace/lines.c: the form of examples/traces, sound and damaged. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define GOOD	"8755240000 1 M 73fc0f8 16 T 00:02.0 73fc0f8\n"

START_TEST(a_line_is_an_event)
{
	struct text_read read;
	const struct trace_event *event;

	text_read(&read, "8755240000 3 U 73FC0f8 4097 F 00:02.0 7f001000\n", NULL);
	event = read.events;
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(event->time_ns, 8755240000);
	ck_assert_uint_eq(event->gpa, 0x73fc0f8);
	ck_assert_uint_eq(event->dma, 0x7f001000);
	ck_assert_uint_eq(event->bytes, 4097);
	ck_assert_uint_eq(event->cpu, 3);
	ck_assert_uint_eq(event->op, TRACE_UNMAP);
	ck_assert_uint_eq(event->dir, TRACE_FROM_DEVICE);
	ck_assert_uint_eq(event->device, 0);
	ck_assert_str_eq(read.device, "00:02.0");
	ck_assert_uint_eq(read.seen.lines, 1);
	ck_assert_uint_eq(read.seen.events, 1);
	ck_assert_uint_eq(read.seen.devices, 1);
	ck_assert_uint_eq(read.seen.form, TRACE_FORM_LINES);
	ck_assert_str_eq(read.seen.packing, "plain");
	ck_assert_uint_eq(read.seen.bytes, read.seen.total_bytes);
	text_done(&read);
}
END_TEST

START_TEST(letters_are_what_they_stand_for)
{
	static const struct {
		char letter;
		uint8_t is;
	} ops[] = { { 'M', TRACE_MAP }, { 'U', TRACE_UNMAP }, { 'A', TRACE_COHERENT },
		    { 'R', TRACE_FREE } },
	  dirs[] = { { 'T', TRACE_TO_DEVICE }, { 'F', TRACE_FROM_DEVICE }, { 'B', TRACE_BOTH } };
	struct text_read read;
	char line[100];

	for (size_t op = 0; op < 4; op++) {
		for (size_t dir = 0; dir < 3; dir++) {
			snprintf(line, sizeof(line), "1 0 %c 1000 1 %c d 2000\n",
				 ops[op].letter, dirs[dir].letter);
			text_read(&read, line, NULL);
			ck_assert_uint_eq(read.n, 1);
			ck_assert_uint_eq(read.events->op, ops[op].is);
			ck_assert_uint_eq(read.events->dir, dirs[dir].is);
			text_done(&read);
		}
	}
}
END_TEST

/* Other ways to write the same. */
static const char *const sound[] = {
	GOOD,
	"8755240000 1 M 73fc0f8 16 T 00:02.0 73fc0f8",			/* no end of line */
	"8755240000 1 M 73fc0f8 16 T 00:02.0 73fc0f8\r\n",
	"8755240000 1 M 73fc0f8 16 T 00:02.0 73fc0f8\r",
	"  8755240000\t1  M 73fc0f8 16 T\t00:02.0 73fc0f8 \t\n",
	"\n\r\n # a comment\n#\n#mark\n# mark\n# mark soon\n# mark 1\n# mark 1 \n" GOOD "\n\n#",
	"0000000000000000000008755240000 01 M 00000000000000000073fc0f8 00016 T 00:02.0 73fc0f8",
};

START_TEST(the_same_written_otherwise_is_the_same)
{
	struct text_read read;

	text_read(&read, sound[_i], NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(read.events->time_ns, 8755240000);
	ck_assert_uint_eq(read.events->cpu, 1);
	ck_assert_uint_eq(read.events->gpa, 0x73fc0f8);
	ck_assert_uint_eq(read.events->bytes, 16);
	ck_assert_uint_eq(read.events->dma, 0x73fc0f8);
	ck_assert_str_eq(read.device, "00:02.0");
	text_done(&read);
}
END_TEST

START_TEST(the_largest_numbers_fit)
{
	struct text_read read;

	text_read(&read, "18446744073709551615 65535 M fffffffffffffffe 1 T d 0\n"
			 "0 0 M 0 18446744073709551615 T d 0\n", NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.events[0].time_ns, UINT64_MAX);
	ck_assert_uint_eq(read.events[0].cpu, 65535);
	ck_assert_uint_eq(read.events[0].gpa, UINT64_MAX - 1);
	ck_assert_uint_eq(read.events[1].bytes, UINT64_MAX);
	text_done(&read);
}
END_TEST

#define TIME	"a time in nanoseconds"
#define CPU	"the number of a processor, 0 to 65535"
#define OP	"M, U, A or R (map, unmap, allocate, free)"
#define GPA	"a guest-physical address in hexadecimal"
#define LENGTH	"a length in bytes, 1 or more"
#define FITS	"a length that ends below 2^64"
#define DIR	"T, F or B (the device reads, writes, both)"
#define DEVICE	"the name of a device"
#define DMA	"the address that the device was given, in hexadecimal"
#define END	"the end of the line"

/* The line is the file's second. */
static const struct damaged {
	const char *line;
	uint64_t column;
	const char *expected;
	const char *text;
} damaged[] = {
	{ "x 1 M 73fc0f8 16 T d 73fc0f8", 1, TIME, "x 1 M 73fc0f8 16 T d 73fc0f8" },
	{ "  -1 1 M 0 1 T d 0", 3, TIME, "-1 1 M 0 1 T d 0" },
	{ "18446744073709551616 1 M 0 1 T d 0", 1, TIME, "18446744073709551616 1 M 0 1 T d 0" },
	{ "99999999999999999999 1 M 0 1 T d 0", 1, TIME, "99999999999999999999 1 M 0 1 T d 0" },
	{ "1.5 1 M 0 1 T d 0", 1, TIME, "1.5 1 M 0 1 T d 0" },
	{ "17", 1, TIME, "17" },
	{ "17 ", 4, CPU, "" },
	{ "17 65536 M 0 1 T d 0", 4, CPU, "65536 M 0 1 T d 0" },
	{ "17 a M 0 1 T d 0", 4, CPU, "a M 0 1 T d 0" },
	{ "17 0", 4, CPU, "0" },
	{ "17 0 X 0 1 T d 0", 6, OP, "X 0 1 T d 0" },
	{ "17 0 MM 0 1 T d 0", 6, OP, "MM 0 1 T d 0" },
	{ "17 0 m 0 1 T d 0", 6, OP, "m 0 1 T d 0" },
	{ "17 0 M 0x1000 1 T d 0", 8, GPA, "0x1000 1 T d 0" },
	{ "17 0 M g 1 T d 0", 8, GPA, "g 1 T d 0" },
	{ "17 0 M 10000000000000000 1 T d 0", 8, GPA, "10000000000000000 1 T d 0" },
	{ "17 0 M 1000 0 T d 0", 13, LENGTH, "0 T d 0" },
	{ "17 0 M 1000 1k T d 0", 13, LENGTH, "1k T d 0" },
	{ "17 0 M 1000 18446744073709551616 T d 0", 13, LENGTH, "18446744073709551616 T d 0" },
	{ "17 0 M 1000 18446744073709547520 T d 0", 13, FITS, "18446744073709547520 T d 0" },
	{ "17 0 M ffffffffffffffff 1 T d 0", 25, FITS, "1 T d 0" },
	{ "17 0 M 1000 1 R d 0", 15, DIR, "R d 0" },
	{ "17 0 M 1000 1 T", 15, DIR, "T" },
	{ "17 0 M 1000 1 T ", 17, DEVICE, "" },
	{ "17 0 M 1000 1 T \x1b[2J 0", 17, DEVICE, "\\x1b[2J 0" },
	{ "17 0 M 1000 1 T \xc3\xa9 0", 17, DEVICE, "\\xc3\\xa9 0" },
	{ "17 0 M 1000 1 T d", 18, DMA, "" },
	{ "17 0 M 1000 1 T d z", 19, DMA, "z" },
	{ "17 0 M 1000 1 T d 1000,", 19, DMA, "1000," },
	{ "17 0 M 1000 1 T d ffffffffffffffff", 19, DMA, "ffffffffffffffff" },
	{ "17 0 M 1000 1 T d 1000 more", 24, END, "more" },
	{ "17 0 M 1000 1 T d 1000 18 0 M 1000 1 T d 1000 19 0 M 1000 1 T d 1000 20 0", 24, END,
	  "18 0 M 1000 1 T d 1000 19 0 M 1000 1 T d 1000 20 0" },
	{ "17 0 M 1000 1 T d 1000 18 0 M 1000 1 T d 1000 19 0 M 1000 1 T d 1000 20 0 M 1000 "
	  "1 T", 24,
	  END, "18 0 M 1000 1 T d 1000 19 0 M 1000 1 T d 1000 20 0 M 1000..." },
};

START_TEST(a_damaged_line_is_told_by_what_was_expected)
{
	const struct damaged *bad = &damaged[_i];
	struct text_read read;
	char text[1000];

	snprintf(text, sizeof(text), GOOD "%s\n" GOOD, bad->line);
	text_read(&read, text, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(read.fault.line, 2);
	ck_assert_uint_eq(read.fault.column, bad->column);
	ck_assert_str_eq(read.fault.expected, bad->expected);
	ck_assert_str_eq(read.fault.text, bad->text);
	text_done(&read);
}
END_TEST

START_TEST(a_damaged_line_is_passed_over_if_that_is_asked_for)
{
	const struct trace_opts opts = { .skip_bad = true };
	struct text_read read;
	char text[1000];

	snprintf(text, sizeof(text), "%s\n" GOOD "%s\n%s\n" GOOD, damaged[_i].line,
		 damaged[_i].line, damaged[_i].line);
	text_read(&read, text, &opts);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 2);
	ck_assert_uint_eq(read.seen.bad_lines, 3);
	ck_assert_uint_eq(read.seen.lines, 5);
	ck_assert_str_eq(read.device + strlen(read.device) - 1,
			 read.device[0] == 'd' ? "d" : "0");
	text_done(&read);
}
END_TEST

START_TEST(a_zero_byte_is_no_end)
{
	static const char text[] = GOOD "17 0 M 1000 1 T d\0 1000\n" GOOD;
	struct text_read read;

	text_bytes(&read, text, sizeof(text) - 1, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_uint_eq(read.fault.line, 2);
	ck_assert_uint_eq(read.fault.column, 17);
	ck_assert_str_eq(read.fault.expected, DEVICE);
	ck_assert_str_eq(read.fault.text, "d\\x00 1000");
	text_done(&read);
}
END_TEST

START_TEST(a_mark_ends_a_read_and_has_a_name)
{
	struct text_read read;

	text_read(&read, GOOD "# mark 8755240001 two words\x1b \n" GOOD
		  "#  mark\t9 \tdeux\n", NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 4);
	ck_assert_uint_eq(read.ops[TRACE_MARK], 2);
	ck_assert_uint_eq(read.seen.events, 2);
	ck_assert_uint_eq(read.events[1].op, TRACE_MARK);
	ck_assert_uint_eq(read.events[1].time_ns, 8755240001);
	ck_assert_uint_eq(read.events[1].gpa, TRACE_NO_ADDRESS);
	ck_assert_str_eq(read.mark, "deux");
	text_done(&read);
	text_read(&read, "# mark 8755240001 two words\x1b \n", NULL);
	ck_assert_str_eq(read.mark, "two words?");
	text_done(&read);
}
END_TEST

START_TEST(an_endless_line_is_one_bad_line)
{
	const struct trace_opts skip = { .skip_bad = true };
	const size_t good = strlen(GOOD), endless = TRACE_LINE_BYTES + 1 + (size_t)_i * 1000000;
	char *text = malloc(2 * good + endless + 1);
	struct text_read read;

	memcpy(text, GOOD, good);
	memset(text + good, '7', endless);
	text[good + endless] = '\n';
	memcpy(text + good + endless + 1, GOOD, good);
	text_bytes(&read, text, 2 * good + endless + 1, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_uint_eq(read.fault.line, 2);
	ck_assert_uint_eq(read.fault.column, TRACE_LINE_BYTES + 1);
	ck_assert_str_eq(read.fault.expected, "the end of the line, which may have 65536 bytes");
	text_done(&read);

	text_bytes(&read, text, 2 * good + endless + 1, &skip);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 2);
	ck_assert_uint_eq(read.seen.bad_lines, 1);
	ck_assert_uint_eq(read.seen.lines, 3);
	text_done(&read);

	/* The end of the file instead of the line's. */
	text_bytes(&read, text, good + endless, &skip);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(read.seen.bad_lines, 1);
	text_done(&read);
	free(text);
}
END_TEST

START_TEST(the_longest_line_is_a_line)
{
	char *text = malloc(TRACE_LINE_BYTES + 1);
	const size_t good = strlen(GOOD) - 1;
	struct text_read read;

	memset(text, ' ', TRACE_LINE_BYTES);
	memcpy(text + TRACE_LINE_BYTES - good, GOOD, good + 1);
	text_bytes(&read, text, TRACE_LINE_BYTES + 1, NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1);
	text_done(&read);
	free(text);
}
END_TEST

START_TEST(names_are_told_apart_up_to_the_limit)
{
	const uint32_t devices = TRACE_DEVICES + 100;
	char *text = malloc(devices * 2 * 64), *at = text;
	struct text_read read;
	uint64_t wrong = 0;

	for (uint32_t i = 0; i < 2 * devices; i++)
		at += sprintf(at, "1 0 M 1000 1 T device-%u 1000\n", i % devices);
	text_read(&read, text, NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 2 * devices);
	ck_assert_uint_eq(read.seen.devices, TRACE_DEVICES);
	for (uint32_t i = 0; i < TEXT_EVENTS; i++) {
		const uint32_t number = i % devices;

		wrong += read.events[i].device !=
			 (number < TRACE_DEVICES - 1 ? number : TRACE_DEVICES - 1);
	}
	ck_assert_uint_eq(wrong, 0);
	text_done(&read);
	free(text);
}
END_TEST

START_TEST(what_is_no_trace_is_told)
{
	struct text_read read;

	text_read(&read, "# tea\n\nHello, world!\n", NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_uint_eq(read.fault.line, 3);
	ck_assert_uint_eq(read.fault.column, 1);
	ck_assert_str_eq(read.fault.text, "Hello, world!");
	text_done(&read);
	text_read(&read, "", NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 0);
	text_done(&read);
}
END_TEST

/* As examples/traces/README counts them. */
static const struct {
	const char *path;
	uint64_t maps, coherent;
} examples[] = {
	{ "examples/traces/A-virtio-blk.txt.xz", 79804, 6 },
	{ "examples/traces/C-virtio-blk-swiotlb.txt.xz", 79089, 6 },
};

START_TEST(the_examples_have_the_events_of_their_readme)
{
	struct text_read read;

	text_source(&read, examples[_i].path);
#ifdef HAVE_LZMA
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.ops[TRACE_MAP], examples[_i].maps);
	ck_assert_uint_eq(read.ops[TRACE_UNMAP], examples[_i].maps);
	ck_assert_uint_eq(read.ops[TRACE_COHERENT], examples[_i].coherent);
	ck_assert_uint_eq(read.ops[TRACE_MARK], 12);
	ck_assert_str_eq(read.mark, "end");
	ck_assert_uint_eq(read.seen.events, 2 * examples[_i].maps + examples[_i].coherent);
	ck_assert_uint_eq(read.seen.devices, 3);
	ck_assert_uint_eq(read.seen.bytes, read.seen.total_bytes);
	ck_assert_str_eq(read.seen.packing, "xz");
#else
	ck_assert_int_eq(read.err, -EBADMSG);
#endif
	text_done(&read);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace lines");
	TCase *good = tcase_create("good"), *bad = tcase_create("bad");

	tcase_add_test(good, a_line_is_an_event);
	tcase_add_test(good, letters_are_what_they_stand_for);
	tcase_add_loop_test(good, the_same_written_otherwise_is_the_same, 0,
			    sizeof(sound) / sizeof(sound[0]));
	tcase_add_test(good, the_largest_numbers_fit);
	tcase_add_test(good, a_mark_ends_a_read_and_has_a_name);
	tcase_add_test(good, the_longest_line_is_a_line);
	tcase_add_test(good, names_are_told_apart_up_to_the_limit);
	tcase_add_loop_test(good, the_examples_have_the_events_of_their_readme, 0, 2);
	tcase_add_loop_test(bad, a_damaged_line_is_told_by_what_was_expected, 0,
			    sizeof(damaged) / sizeof(damaged[0]));
	tcase_add_loop_test(bad, a_damaged_line_is_passed_over_if_that_is_asked_for, 0,
			    sizeof(damaged) / sizeof(damaged[0]));
	tcase_add_test(bad, a_zero_byte_is_no_end);
	tcase_add_loop_test(bad, an_endless_line_is_one_bad_line, 0, 2);
	tcase_add_test(bad, what_is_no_trace_is_told);
	suite_add_tcase(s, good);
	suite_add_tcase(s, bad);
	return text_run(s);
}
