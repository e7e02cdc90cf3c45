/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/trace/{ftrace,perf,head,dma,list}.c: what the kernel's tools print of dma:* events. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define NONE	TRACE_NO_ADDRESS
#define FTRACE	"    kworker/u8:0-12      [001] d.h1.  1234.567890: "
#define CMD	"    kworker/u8:0-12      [001]  1234.567890: "
#define PERF	"    kworker/u8:0    12 [001]  1234.567890: "
#define DEV	"0000:00:03.0"

/* What the text of an event comes to: the first of n, and the bytes of the last. */
static const struct said {
	const char *text;
	size_t	 n;
	uint8_t	 op, dir;
	uint64_t gpa, dma, bytes, last_bytes;
	uint64_t lost;
} said[] = {
	{ "dma_map_page: " DEV " dir=TO_DEVICE dma_addr=716c000 size=8 phys_addr=7abc000 attrs=",
	  1, TRACE_MAP, TRACE_TO_DEVICE, 0x7abc000, 0x716c000, 8, 8, 0 },
	{ "dma_map_phys: " DEV " dir=FROM_DEVICE dma_addr=0 size=4096 phys_addr=0 attrs=CC_SHARED",
	  1, TRACE_MAP, TRACE_FROM_DEVICE, 0, 0, 4096, 4096, 0 },
	{ "dma_unmap_page: " DEV " dir=BIDIRECTIONAL dma_addr=716c000 size=8 attrs=",
	  1, TRACE_UNMAP, TRACE_BOTH, NONE, 0x716c000, 8, 8, 0 },
	{ "dma_unmap_phys: " DEV " dir=FROM_DEVICE dma_addr=716c000 size=8 attrs=SKIP_CPU_SYNC",
	  1, TRACE_UNMAP, TRACE_FROM_DEVICE, NONE, 0x716c000, 8, 8, 0 },
	{ "dma_alloc: " DEV " dir=BIDIRECTIONAL dma_addr=2e2ee000 size=512 "
	  "virt_addr=000000003e1d580e flags=GFP_KERNEL|__GFP_ZERO attrs=",
	  1, TRACE_COHERENT, TRACE_BOTH, NONE, 0x2e2ee000, 512, 512, 0 },
	/* The first kernels with these events. */
	{ "dma_alloc: " DEV " dma_addr=2e2ee000 size=512 virt_addr=000000003e1d580e "
	  "flags=GFP_KERNEL attrs=",
	  1, TRACE_COHERENT, TRACE_BOTH, NONE, 0x2e2ee000, 512, 512, 0 },
	{ "dma_alloc_pages: " DEV " dir=FROM_DEVICE dma_addr=1000 size=512 "
	  "virt_addr=0000000000abcdef "
	  "flags=GFP_KERNEL attrs=",
	  1, TRACE_COHERENT, TRACE_FROM_DEVICE, NONE, 0x1000, 512, 512, 0 },
	{ "dma_alloc_sgt: " DEV " dir=FROM_DEVICE dma_addr=1000 size=8192 phys_addrs={0x5000} "
	  "flags=GFP_KERNEL attrs=",
	  1, TRACE_COHERENT, TRACE_FROM_DEVICE, 0x5000, 0x1000, 8192, 8192, 0 },
	{ "dma_alloc_sgt: " DEV " dir=FROM_DEVICE dma_addr=1000 size=8192 "
	  "phys_addrs={0x5000,0x9000} flags=GFP_KERNEL attrs=",
	  1, TRACE_COHERENT, TRACE_FROM_DEVICE, NONE, 0x1000, 8192, 8192, 0 },
	{ "dma_free: " DEV " dir=BIDIRECTIONAL dma_addr=1000 size=512 "
	  "virt_addr=000000003e1d580e attrs=",
	  1, TRACE_FREE, TRACE_BOTH, NONE, 0x1000, 512, 512, 0 },
	{ "dma_free_pages: " DEV " dir=TO_DEVICE dma_addr=1000 size=512 virt_addr=000000003e1d580e "
	  "attrs=",
	  1, TRACE_FREE, TRACE_TO_DEVICE, NONE, 0x1000, 512, 512, 0 },
	{ "dma_free_sgt: " DEV " dir=TO_DEVICE dma_addr=1000 size=8192 phys_addrs={0x5000}",
	  1, TRACE_FREE, TRACE_TO_DEVICE, 0x5000, 0x1000, 8192, 8192, 0 },
	{ "dma_map_sg: " DEV " dir=TO_DEVICE nents=2/2 ents=2/2 dma_addrs={0x1000,0x77ae000} "
	  "sizes={0x1000,0x3000} phys_addrs={0xa000,0xb000} attrs=NO_WARN",
	  2, TRACE_MAP, TRACE_TO_DEVICE, 0xa000, 0x1000, 4096, 12288, 0 },
	/* Older: without the counts. */
	{ "dma_map_sg: " DEV " dir=TO_DEVICE dma_addrs={0x1000,0x77ae000} sizes={0x1000,0x3000} "
	  "phys_addrs={0xa000,0xb000} attrs=",
	  2, TRACE_MAP, TRACE_TO_DEVICE, 0xa000, 0x1000, 4096, 12288, 0 },
	{ "dma_map_sg: " DEV " dir=TO_DEVICE nents=2/300 ents=2/300 [TRUNCATED] "
	  "dma_addrs={0x1000,0x77ae000} sizes={0x1000,0x3000} phys_addrs={0xa000,0xb000} attrs=",
	  2, TRACE_MAP, TRACE_TO_DEVICE, 0xa000, 0x1000, 4096, 12288, 298 },
	/* An IOMMU made one of two. */
	{ "dma_map_sg: " DEV " dir=FROM_DEVICE nents=2/2 ents=1/1 dma_addrs={0xffe00000} "
	  "sizes={0x2000} phys_addrs={0xa000,0xb000} attrs=",
	  1, TRACE_MAP, TRACE_FROM_DEVICE, NONE, 0xffe00000, 8192, 8192, 0 },
	/* A segment of nothing. */
	{ "dma_map_sg: " DEV " dir=TO_DEVICE nents=2/2 ents=2/2 dma_addrs={0x0,0x1000} "
	  "sizes={0x0,0x3000} phys_addrs={0x0,0xb000} attrs=",
	  1, TRACE_MAP, TRACE_TO_DEVICE, 0xb000, 0x1000, 12288, 12288, 0 },
	{ "dma_map_sg: " DEV " dir=TO_DEVICE nents=0/0 ents=0/0 dma_addrs={} sizes={} "
	  "phys_addrs={} "
	  "attrs=",
	  0, 0, 0, 0, 0, 0, 0, 0 },
	{ "dma_unmap_sg: " DEV " dir=TO_DEVICE phys_addrs={0x77bd000,0x77ae000,0x1} attrs=",
	  3, TRACE_UNMAP, TRACE_TO_DEVICE, 0x77bd000, NONE, 0, 0, 0 },
	{ "dma_sync_single_for_cpu: " DEV " dir=FROM_DEVICE dma_addr=1000 size=256",
	  1, TRACE_SYNC_CPU, TRACE_FROM_DEVICE, NONE, 0x1000, 256, 256, 0 },
	{ "dma_sync_single_for_device: " DEV " dir=TO_DEVICE dma_addr=1000 size=256",
	  1, TRACE_SYNC_DEVICE, TRACE_TO_DEVICE, NONE, 0x1000, 256, 256, 0 },
	{ "dma_sync_sg_for_cpu: " DEV " dir=FROM_DEVICE dma_addrs={0x1000,0x4000} "
	  "sizes={0x10,0x20}",
	  2, TRACE_SYNC_CPU, TRACE_FROM_DEVICE, NONE, 0x1000, 16, 32, 0 },
	{ "dma_sync_sg_for_device: " DEV " dir=TO_DEVICE dma_addrs={0x1000,0x4000} "
	  "sizes={0x10,0x20}",
	  2, TRACE_SYNC_DEVICE, TRACE_TO_DEVICE, NONE, 0x1000, 16, 32, 0 },
	/* As libtraceevent writes lists when it can .. */
	{ "dma_sync_sg_for_cpu: " DEV " dir=FROM_DEVICE dma_addrs=4096 16384 sizes=16 32",
	  2, TRACE_SYNC_CPU, TRACE_FROM_DEVICE, NONE, 0x1000, 16, 32, 0 },
	{ "dma_map_sg: " DEV " dir=TO_DEVICE nents=0/0 ents=0/0 dma_addrs= sizes= "
	  "phys_addrs= attrs=",
	  0, 0, 0, 0, 0, 0, 0, 0 },
	/* .. and when it cannot. */
	{ "dma_map_sg: [FAILED TO PARSE] device=" DEV " full_nents=2 full_ents=2 truncated=0 "
	  "phys_addrs=ARRAY[00, 30, a5, 3f, 00, 00, 00, 00, 08, d0, e1, 01, 01, 00, 00, 00] "
	  "dma_addrs=ARRAY[00, 40, a5, 3f, 00, 00, 00, 00, 08, d0, e1, 01, 00, 00, 00, 00] "
	  "lengths=ARRAY[00, 10, 00, 00, 00, 40, 00, 00] dir=1 attrs=0x100",
	  2, TRACE_MAP, TRACE_TO_DEVICE, 0x3fa53000, 0x3fa54000, 4096, 16384, 0 },
	{ "dma_unmap_sg: [FAILED TO PARSE] device=" DEV " "
	  "addrs=ARRAY[00, 30, a5, 3f, 00, 00, 00, 00] dir=2 attrs=0x0",
	  1, TRACE_UNMAP, TRACE_FROM_DEVICE, 0x3fa53000, NONE, 0, 0, 0 },
	{ "dma_alloc_sgt: [FAILED TO PARSE] device=" DEV " "
	  "phys_addrs=ARRAY[00, 30, a5, 3f, 00, 00, 00, 00] dma_addr=4096 size=8192 dir=0 "
	  "flags=3264 attrs=0x0",
	  1, TRACE_COHERENT, TRACE_BOTH, 0x3fa53000, 0x1000, 8192, 8192, 0 },
	/* A field that nobody knew when this was written. */
	{ "dma_map_phys: " DEV " node=1 dir=FROM_DEVICE dma_addr=0 size=4096 phys_addr=0 "
	  "attrs=A|B colour=red",
	  1, TRACE_MAP, TRACE_FROM_DEVICE, 0, 0, 4096, 4096, 0 },
};

static void check_said(const char *head, const struct said *want, uint32_t form)
{
	const struct trace_event *first, *last;
	struct text_read read;
	char text[2000];

	snprintf(text, sizeof(text), "%s%s\n", head, want->text);
	text_read(&read, text, NULL);
	ck_assert_msg(!read.err, "%s: %d, expected %s", text, read.err, read.fault.expected);
	ck_assert_uint_eq(read.seen.form, form);
	ck_assert_uint_eq(read.n, want->n);
	ck_assert_uint_eq(read.seen.events, want->n);
	ck_assert_uint_eq(read.seen.other_lines, 0);
	ck_assert_uint_eq(read.seen.lost_events, want->lost);
	first = read.events;
	last = read.events + want->n - 1;
	if (want->n) {
		ck_assert_uint_eq(first->time_ns, 1234567890000);
		ck_assert_uint_eq(first->cpu, 1);
		ck_assert_uint_eq(first->op, want->op);
		ck_assert_uint_eq(first->dir, want->dir);
		ck_assert_uint_eq(first->gpa, want->gpa);
		ck_assert_uint_eq(first->dma, want->dma);
		ck_assert_uint_eq(first->bytes, want->bytes);
		ck_assert_uint_eq(last->bytes, want->last_bytes);
		ck_assert_uint_eq(last->time_ns, 1234567890000);
		ck_assert_str_eq(read.device, DEV);
	}
	text_done(&read);
}

START_TEST(an_event_is_what_it_says_to_ftrace)
{
	check_said(FTRACE, &said[_i], TRACE_FORM_FTRACE);
}
END_TEST

START_TEST(an_event_is_what_it_says_to_trace_cmd)
{
	check_said(CMD, &said[_i], TRACE_FORM_FTRACE);
}
END_TEST

START_TEST(an_event_is_what_it_says_to_perf)
{
	check_said(PERF "              dma:", &said[_i], TRACE_FORM_PERF);
}
END_TEST

#define MAP	"dma_map_page: " DEV " dir=TO_DEVICE dma_addr=716c000 size=8 " \
		"phys_addr=716c000 attrs="
#define GOOD	FTRACE MAP "\n"

/* Other lines: sound, and of no mapping. */
static const char *const others[] = {
	FTRACE "dma_map_page: " DEV " dir=TO_DEVICE dma_addr=ffffffffffffffff size=8 "
	       "phys_addr=716c000 attrs=",
	FTRACE "dma_map_page: " DEV " dir=TO_DEVICE dma_addr=716c000 size=0 "
	  "phys_addr=716c000 attrs=",
	FTRACE "dma_map_phys: " DEV " dir=TO_DEVICE dma_addr=716c000 size=8 phys_addr=716c000 "
	       "attrs=SKIP_CPU_SYNC|MMIO",
	FTRACE "dma_map_resource: " DEV " dir=TO_DEVICE dma_addr=716c000 size=8 "
	  "phys_addr=716c000 attrs=",
	FTRACE "dma_unmap_resource: " DEV " dir=TO_DEVICE dma_addr=716c000 size=8 attrs=",
	FTRACE "dma_map_sg_err: " DEV " dir=TO_DEVICE dma_addrs={0x1000} err=-12 attrs=",
	FTRACE "dma_alloc_sgt_err: " DEV " dir=TO_DEVICE dma_addr=0 size=512 "
	       "virt_addr=0000000000000000 flags=GFP_KERNEL attrs=",
	FTRACE "dma_alloc: " DEV " dir=BIDIRECTIONAL dma_addr=2e2ee000 size=512 "
	       "virt_addr=0000000000000000 flags=GFP_KERNEL attrs=",
	FTRACE "dma_alloc: " DEV " dir=BIDIRECTIONAL dma_addr=2e2ee000 size=512 "
	       "virt_addr=(nil) flags=GFP_KERNEL attrs=",
	FTRACE "sched_switch: prev_comm=a prev_pid=1 prev_prio=120 ==> next_comm=b",
	FTRACE "tracing_mark_write: somebody else's",
	FTRACE "tracing_mark_write: mark ",
	FTRACE "vring_map_single <-virtqueue_add",
	FTRACE "<stack trace>",
	" => dma_map_page_attrs",
	"cpus=2",
};

START_TEST(another_line_is_counted)
{
	struct text_read read;
	char text[2000];

	snprintf(text, sizeof(text), GOOD "%s\n", others[_i]);
	text_read(&read, text, NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(read.seen.other_lines, 1);
	ck_assert_uint_eq(read.seen.lost_events, 0);
	text_done(&read);
}
END_TEST

/* Heads: of tasks with strange names, of other clocks, with other options. */
static const struct {
	const char *head;
	uint64_t time_ns;
	uint32_t cpu;
	uint32_t form;
} heads[] = {
	{ "          <idle>-0       [000] ..s1.     3.176771: ", 3176771000, 0, TRACE_FORM_FTRACE },
	{ "   Web [1] co: a-1234567 [127] dNh2. 99999.000001: ", 99999000001000, 127,
	  TRACE_FORM_FTRACE },
	{ "17 0 M-12      [003] .....     3.000000: ", 3000000000, 3, TRACE_FORM_FTRACE },
	{ "    kworker/u8:0-12      (     12) [001] d.h1.  0.567890: ", 567890000, 1,
	  TRACE_FORM_FTRACE },
	{ "    kworker/u8:0-12      [001] d..1  0.567890: ", 567890000, 1, TRACE_FORM_FTRACE },
	/* trace_clock=counter, x86-tsc. */
	{ "    kworker/u8:0-12      [001] d..1. 12345678901: ", 12345678901, 1, TRACE_FORM_FTRACE },
	/* trace-cmd report -t, perf script --ns. */
	{ "    kworker/u8:0-12      [001]  0.567890123: ", 567890123, 1, TRACE_FORM_FTRACE },
	{ "swapper     0 [001]  0.567890123:  dma:", 567890123, 1, TRACE_FORM_PERF },
	{ ":-1    -1 [001]  0.567890123456: \t dma:", 567890123, 1, TRACE_FORM_PERF },
	{ "a b [c] 17/18 [001]  0.5: dma:", 500000000, 1, TRACE_FORM_PERF },
};

START_TEST(the_head_of_a_line_is_found)
{
	struct text_read read;
	char text[2000];

	snprintf(text, sizeof(text), "# comment\n\n%s" MAP "\n", heads[_i].head);
	text_read(&read, text, NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.seen.form, heads[_i].form);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(read.events->time_ns, heads[_i].time_ns);
	ck_assert_uint_eq(read.events->cpu, heads[_i].cpu);
	text_done(&read);
}
END_TEST

/* Where it broke: what of the line is left there, and what was expected instead. */
static const struct damaged {
	const char *line;
	const char *rest;
	const char *expected;
} damaged[] = {
	{ "  5678: dma_map_page: " DEV, "5678: dma_map_page: " DEV,
	  "TASK-PID [CPU] FLAGS TIME: EVENT: .." },
	{ " a-1 [65536] d..1. 1.5: " MAP, "a-1 [65536] d..1. 1.5: " MAP,
	  "TASK-PID [CPU] FLAGS TIME: EVENT: .." },
	{ "a-1 [0] d..1. 18446744074.0: " MAP, "a-1 [0] d..1. 18446744074.0: " MAP,
	  "TASK-PID [CPU] FLAGS TIME: EVENT: .." },
	{ "CPU:1 [LOST some]", "CPU:1 [LOST some]", "TASK-PID [CPU] FLAGS TIME: EVENT: .." },
	{ "a-1 [000] many_flags 1.5: " MAP, "a-1 [000] many_flags 1.5: " MAP,
	  "TASK-PID [CPU] FLAGS TIME: EVENT: .." },
	{ FTRACE "dma_map_page: ", "", "the name of a device" },
	{ FTRACE "dma_map_page: \x01 dir=TO_DEVICE", "\x01 dir=TO_DEVICE", "the name of a device" },
	{ FTRACE "dma_map_page: d", "", "dir=" },
	{ FTRACE "dma_map_page: d dir=UP", "UP", "TO_DEVICE, FROM_DEVICE or BIDIRECTIONAL" },
	{ FTRACE "dma_map_page: d dir=TO_DEVICE", "", "dma_addr=" },
	{ FTRACE "dma_map_page: d dir=TO_DEVICE dma_a", "dma_a", "a field, as size=4096" },
	{ FTRACE "dma_map_page: d dir=TO_DEVICE dma_addr=x size=8", "x size=8",
	  "an address in hexadecimal" },
	{ FTRACE "dma_map_page: d dir=TO_DEVICE dma_addr=0 phys_addr=1.2", "1.2",
	  "an address in hexadecimal" },
	{ FTRACE "dma_map_page: d dir=TO_DEVICE dma_addr=0 size=8x", "8x", "a length in bytes" },
	{ FTRACE "dma_map_page: d dir=TO_DEVICE dma_addr=0", "", "size=" },
	{ FTRACE "dma_map_page: d dir=TO_DEVICE dma_addr=0 size=8", "", "phys_addr=" },
	{ FTRACE "dma_map_page: d dir=TO_DEVICE dma_addr=0 size=8 phys_addr=fffffffffffffff8",
	  "d dir=TO_DEVICE dma_addr=0 size=8 phys_addr=fffffffffffffff8",
	  "addresses and a length that end below 2^64" },
	{ FTRACE "dma_unmap_sg: d dir=TO_DEVICE phys_addrs={0xffffffffffffffff}",
	  "d dir=TO_DEVICE phys_addrs={0xffffffffffffffff}",
	  "addresses and lengths that end below 2^64" },
	{ FTRACE "dma_map_sg: d dir=TO_DEVICE dma_addrs={0x1,0x", "0x",
	  "a list, as {0x1000,0x2000}" },
	{ FTRACE "dma_map_sg: d dir=TO_DEVICE dma_addrs={0x1,0x2", "",
	  "a list, as {0x1000,0x2000}" },
	{ FTRACE "dma_map_sg: d dir=TO_DEVICE dma_addrs={0x1} sizes={0x1,0x2} phys_addrs={0x1}",
	  "", "as many sizes as dma_addrs" },
	{ FTRACE "dma_map_sg: d dir=TO_DEVICE dma_addrs={0x1}", "", "sizes=" },
	{ FTRACE "dma_map_sg: d dir=TO_DEVICE dma_addrs={0x1} sizes={0x1}", "", "phys_addrs=" },
	{ FTRACE "dma_unmap_sg: d dir=TO_DEVICE", "", "phys_addrs=" },
	{ FTRACE "dma_unmap_sg: d dir=TO_DEVICE phys_addrs=ARRAY[00, 30, a5]", "00, 30, a5]",
	  "a list, as {0x1000,0x2000}" },
	{ FTRACE "dma_unmap_sg: d dir=TO_DEVICE phys_addrs={0x10000000000000000}",
	  "0x10000000000000000}", "a list, as {0x1000,0x2000}" },
	{ FTRACE "dma_map_sg: d dir=TO_DEVICE ents=x dma_addrs={0x1}", "x dma_addrs={0x1}",
	  "a number of segments, as 2/2" },
	{ FTRACE "dma_map_sg: [FAILED TO PARSE] device=d full_ents=x", "x",
	  "a number of segments" },
};

START_TEST(a_damaged_line_is_told_by_what_was_expected)
{
	const struct damaged *bad = &damaged[_i];
	const size_t shown = strlen(bad->rest) < 50 ? strlen(bad->rest) : 50;
	struct text_read read;
	char text[2000];

	snprintf(text, sizeof(text), GOOD "%s\n" GOOD, bad->line);
	text_read(&read, text, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(read.fault.line, 2);
	ck_assert_uint_eq(read.fault.column, strlen(bad->line) - strlen(bad->rest) + 1);
	ck_assert_str_eq(read.fault.expected, bad->expected);
	if (bad->rest[0] != 1)
		ck_assert(!strncmp(read.fault.text, bad->rest, shown));
	text_done(&read);
}
END_TEST

START_TEST(what_is_lost_is_counted)
{
	struct text_read read;

	text_read(&read, "# entries-in-buffer/entries-written: 100/150   #P:2\n" GOOD
		  "CPU:1 [LOST 12 EVENTS]\nCPU:0 [LOST EVENTS]\n"
		  FTRACE "dma_map_sg: " DEV " dir=[LINE TOO BIG]\n[LINE TOO BIG]\n"
		  "##### CPU 1 buffer started ####\n" GOOD, NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 2);
	ck_assert_uint_eq(read.seen.lost_events, 50 + 12 + 1 + 2);
	ck_assert_uint_eq(read.seen.other_lines, 0);
	text_done(&read);

	text_read(&read, PERF "dma:" MAP "\n\tffffffff81000000 dma_map_page_attrs+0x1 "
	  "([kernel])\n\n"
		  "swapper     0 [000]  1.0: PERF_RECORD_LOST lost 25\n"
		  PERF "sched:sched_switch: a ==> b\n" PERF "dma:dma_map_page\n", NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(read.seen.lost_events, 25);
	ck_assert_uint_eq(read.seen.other_lines, 3);
	text_done(&read);
	text_read(&read, PERF "dma:" MAP "\nHello\n", NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_str_eq(read.fault.expected, "TASK PID [CPU] TIME: SYSTEM:EVENT: ..");
	text_done(&read);
}
END_TEST

START_TEST(what_a_program_said_before_is_passed_over)
{
	const struct trace_opts skip = { .skip_bad = true };
	struct text_read read;

	text_read(&read, "50+0 records in\n17 bytes\n3 2\n" GOOD, &skip);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.seen.form, TRACE_FORM_FTRACE);
	ck_assert_uint_eq(read.seen.bad_lines, 3);
	ck_assert_uint_eq(read.n, 1);
	text_done(&read);
}
END_TEST

/* First lines that say what the others are. */
static const char *const firsts[] = {
	"CPU:1 [LOST 5 EVENTS]\n" GOOD,
	"cpus=2\n" GOOD,
	FTRACE "vring_map_single <-virtqueue_add\n" GOOD,
};

START_TEST(the_form_is_seen_from_the_first_line)
{
	struct text_read read;

	text_read(&read, firsts[_i], NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.seen.form, TRACE_FORM_FTRACE);
	ck_assert_uint_eq(read.n, 1);
	text_done(&read);
}
END_TEST

START_TEST(a_marker_is_a_mark)
{
	struct text_read read;

	text_read(&read, FTRACE "tracing_mark_write: mark boot\n" GOOD, NULL);
	ck_assert_uint_eq(read.n, 2);
	ck_assert_uint_eq(read.events->op, TRACE_MARK);
	ck_assert_uint_eq(read.events->time_ns, 1234567890000);
	ck_assert_str_eq(read.mark, "boot");
	text_done(&read);
	text_read(&read, CMD "print:    tracing_mark_write: mark  read it\n", NULL);
	ck_assert_str_eq(read.mark, "read it");
	text_done(&read);
}
END_TEST

START_TEST(a_list_that_does_not_fit_is_given_in_parts)
{
	static char text[TRACE_LINE_BYTES];
	struct text_read read;
	char *at = text, *path;
	uint64_t wrong = 0;

	at += sprintf(at, FTRACE "dma_unmap_sg: d dir=TO_DEVICE phys_addrs={0x0");
	for (unsigned int i = 1; i < 1000; i++)
		at += sprintf(at, ",0x%x", i << 12);
	sprintf(at, "} attrs=\n" GOOD);
	path = text_file(text, strlen(text));
	text_path(&read, path, NULL, 7);
	remove(path);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1001);
	for (unsigned int i = 0; i < 1000; i++)
		wrong += read.events[i].gpa != (uint64_t)i << 12;
	ck_assert_uint_eq(wrong, 0);
	text_done(&read);
	free(path);

	/* More than the kernel can print. */
	at = text + sprintf(text, FTRACE "dma_unmap_sg: d dir=TO_DEVICE phys_addrs={0x0");
	for (unsigned int i = 0; i < 4096; i++)
		at += sprintf(at, ",0x0");
	sprintf(at, "}\n");
	text_read(&read, text, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_str_eq(read.fault.expected, "a list of 4096 segments at most");
	text_done(&read);
}
END_TEST

/* Parts of three traces of Linux 6.12, taken as doc/capture.md tells. */
static const struct {
	const char *path;
	uint32_t form;
	uint64_t lines, maps, unmaps, coherent, marks, others;
} captured[] = {
	{ "tests/trace/ftrace.txt", TRACE_FORM_FTRACE, 276, 281, 214, 14, 3, 0 },
	{ "tests/trace/trace-cmd.txt", TRACE_FORM_FTRACE, 101, 52, 48, 0, 0, 1 },
	{ "tests/trace/perf.txt", TRACE_FORM_PERF, 203, 243, 154, 3, 0, 0 },
};

START_TEST(what_was_captured_is_read)
{
	struct text_read read;

	text_source(&read, captured[_i].path);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.seen.form, captured[_i].form);
	ck_assert_uint_eq(read.seen.lines, captured[_i].lines);
	ck_assert_uint_eq(read.ops[TRACE_MAP], captured[_i].maps);
	ck_assert_uint_eq(read.ops[TRACE_UNMAP], captured[_i].unmaps);
	ck_assert_uint_eq(read.ops[TRACE_COHERENT], captured[_i].coherent);
	ck_assert_uint_eq(read.ops[TRACE_MARK], captured[_i].marks);
	ck_assert_uint_eq(read.seen.other_lines, captured[_i].others);
	ck_assert_uint_eq(read.seen.bad_lines, 0);
	text_done(&read);
}
END_TEST

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

int main(void)
{
	Suite *s = suite_create("trace ftrace");
	TCase *good = tcase_create("good"), *bad = tcase_create("bad");

	tcase_add_loop_test(good, an_event_is_what_it_says_to_ftrace, 0, COUNT(said));
	tcase_add_loop_test(good, an_event_is_what_it_says_to_trace_cmd, 0, COUNT(said));
	tcase_add_loop_test(good, an_event_is_what_it_says_to_perf, 0, COUNT(said));
	tcase_add_loop_test(good, another_line_is_counted, 0, COUNT(others));
	tcase_add_loop_test(good, the_head_of_a_line_is_found, 0, COUNT(heads));
	tcase_add_test(good, what_is_lost_is_counted);
	tcase_add_loop_test(good, the_form_is_seen_from_the_first_line, 0, COUNT(firsts));
	tcase_add_test(good, what_a_program_said_before_is_passed_over);
	tcase_add_test(good, a_marker_is_a_mark);
	tcase_add_test(good, a_list_that_does_not_fit_is_given_in_parts);
	tcase_add_loop_test(good, what_was_captured_is_read, 0, COUNT(captured));
	tcase_add_loop_test(bad, a_damaged_line_is_told_by_what_was_expected, 0, COUNT(damaged));
	suite_add_tcase(s, good);
	suite_add_tcase(s, bad);
	return text_run(s);
}
