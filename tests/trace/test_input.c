/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/trace/{trace,input,unpack}.c: files and pipes, whole and cut off, packed or not. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "text.h"

#define LINE	"8755240000 1 M 73fc0f8 16 T 00:02.0 73fc0f8\n"
#define LINES	20000u
#define ROOM	(LINES * 64)

/* LINES lines, each of another address. */
static size_t make_text(char *text)
{
	char *at = text;

	for (unsigned int i = 0; i < LINES; i++)
		at += sprintf(at, "%u 1 M %x000 16 T 00:02.0 73fc0f8\n", i, i);
	return (size_t)(at - text);
}

static void check_all(const struct text_read *read, uint64_t n)
{
	uint64_t wrong = 0;

	for (size_t i = 0; i < read->n && i < TEXT_EVENTS; i++)
		wrong += read->events[i].gpa != (uint64_t)i << 12 || read->events[i].time_ns != i;
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(read->n, n);
}

/* --- the standard input, as a pipe ------------------------------------------- */

struct pipe_in {
	int	 saved, write_fd;
	pthread_t writer;
	const char *bytes;
	size_t	 n, step;
};

static void pipe_open(struct pipe_in *in)
{
	int fds[2];

	in->saved = dup(STDIN_FILENO);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	close(fds[0]);
	in->write_fd = fds[1];
}

static void pipe_say(const struct pipe_in *in, const char *text)
{
	ck_assert_int_eq(write(in->write_fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void pipe_close(struct pipe_in *in)
{
	ck_assert_int_eq(dup2(in->saved, STDIN_FILENO), STDIN_FILENO);
	close(in->saved);
}

static void *write_slowly(void *ctx)
{
	struct pipe_in *in = ctx;
	size_t step;

	for (size_t at = 0; at < in->n; at += step) {
		step = in->n - at < in->step ? in->n - at : in->step;
		if (write(in->write_fd, in->bytes + at, step) != (ssize_t)step)
			break;
	}
	close(in->write_fd);
	return NULL;
}

static void read_pipe(struct text_read *read, const void *bytes, size_t n, size_t step)
{
	struct pipe_in in = { .bytes = bytes, .n = n, .step = step };

	pipe_open(&in);
	ck_assert_int_eq(pthread_create(&in.writer, NULL, write_slowly, &in), 0);
	text_path(read, "-", NULL, 100);
	pthread_join(in.writer, NULL);
	pipe_close(&in);
}

START_TEST(a_pipe_gives_what_is_there)
{
	struct pipe_in in;
	struct trace_event events[10];
	struct trace *trace;

	pipe_open(&in);
	ck_assert_int_eq(trace_open(&trace, "-", NULL), 0);
	ck_assert_str_eq(trace_fault(trace)->path, "<stdin>");
	pipe_say(&in, LINE LINE "8755240000 1 M 73fc");
	ck_assert_int_eq(trace_read(trace, events, 10), 2);
	pipe_say(&in, "0f8 16 T 00:02.0 73fc0f8\n");
	ck_assert_int_eq(trace_read(trace, events, 10), 1);
	ck_assert_uint_eq(events[0].gpa, 0x73fc0f8);
	pipe_say(&in, LINE LINE LINE);
	ck_assert_int_eq(trace_read(trace, events, 2), 2);
	ck_assert_int_eq(trace_read(trace, events, 2), 1);
	ck_assert_uint_eq(trace_seen(trace)->lines, 6);
	ck_assert_uint_eq(trace_seen(trace)->total_bytes, 0);
	close(in.write_fd);
	ck_assert_int_eq(trace_read(trace, events, 10), 0);
	ck_assert_int_eq(trace_read(trace, events, 10), 0);
	trace_close(trace);
	pipe_close(&in);
}
END_TEST

static void do_nothing(int signum)
{
	(void)signum;
}

START_TEST(a_signal_ends_the_wait)
{
	const struct sigaction action = { .sa_handler = do_nothing };
	struct trace_event event;
	struct sigaction old;
	struct pipe_in in;
	struct trace *trace;

	pipe_open(&in);
	ck_assert_int_eq(sigaction(SIGALRM, &action, &old), 0);
	ck_assert_int_eq(trace_open(&trace, "-", NULL), 0);
	ualarm(20000, 20000);
	ck_assert_int_eq(trace_read(trace, &event, 1), -EINTR);
	ualarm(0, 0);
	/* It is no end. */
	pipe_say(&in, LINE);
	ck_assert_int_eq(trace_read(trace, &event, 1), 1);
	trace_close(trace);
	close(in.write_fd);
	sigaction(SIGALRM, &old, NULL);
	pipe_close(&in);
}
END_TEST

START_TEST(a_pipe_may_be_slow)
{
	static const char text[] = LINE "# mark 7 x\n" LINE LINE;
	struct text_read read;

	read_pipe(&read, text, sizeof(text) - 1, 1);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 4);
	ck_assert_str_eq(read.mark, "x");
	ck_assert_uint_eq(read.seen.bytes, sizeof(text) - 1);
	text_done(&read);
}
END_TEST

START_TEST(a_pipe_that_does_not_wait_is_waited_for)
{
	struct pipe_in in = { .bytes = LINE, .n = strlen(LINE), .step = 1 };
	struct text_read read;
	int flags;

	pipe_open(&in);
	flags = fcntl(STDIN_FILENO, F_GETFL);
	ck_assert_int_eq(fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK), 0);
	ck_assert_int_eq(pthread_create(&in.writer, NULL, write_slowly, &in), 0);
	text_path(&read, "-", NULL, 100);
	pthread_join(in.writer, NULL);
	pipe_close(&in);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1);
	text_done(&read);
}
END_TEST

START_TEST(a_file_as_standard_input_has_an_end)
{
	char *path = text_file("rest\n" LINE, strlen("rest\n" LINE));
	const int saved = dup(STDIN_FILENO);
	struct text_read read;
	char rest[5];

	ck_assert_ptr_nonnull(freopen(path, "r", stdin));
	/* Somebody read the first line before us. */
	ck_assert_int_eq(pread(STDIN_FILENO, rest, 5, 0), 5);
	ck_assert_int_eq(lseek(STDIN_FILENO, 5, SEEK_SET), 5);
	text_path(&read, "-", NULL, 100);
	ck_assert_int_eq(read.err, 0);
	ck_assert_uint_eq(read.n, 1);
	ck_assert_uint_eq(read.seen.total_bytes, strlen(LINE));
	ck_assert_uint_eq(read.seen.bytes, strlen(LINE));
	text_done(&read);
	dup2(saved, STDIN_FILENO);
	close(saved);
	unlink(path);
	free(path);
}
END_TEST

START_TEST(lines_are_read_across_the_windows_ends)
{
	char *text = malloc(ROOM);
	const size_t bytes = make_text(text);
	struct text_read read;

	ck_assert_uint_gt(bytes, 2 * 4 * TRACE_LINE_BYTES);
	text_bytes(&read, text, bytes, NULL);
	ck_assert_int_eq(read.err, 0);
	check_all(&read, LINES);
	text_done(&read);
	read_pipe(&read, text, bytes, 4093);
	ck_assert_int_eq(read.err, 0);
	check_all(&read, LINES);
	text_done(&read);
	free(text);
}
END_TEST

START_TEST(what_cannot_be_opened_is_told)
{
	struct text_read read;

	text_path(&read, "/nowhere/trace.txt", NULL, 1);
	ck_assert_int_eq(read.err, -ENOENT);
	ck_assert_str_eq(read.fault.path, "/nowhere/trace.txt");
	ck_assert_str_eq(read.fault.expected, "No such file or directory");
	ck_assert_uint_eq(read.fault.line, 0);
	text_done(&read);
	text_path(&read, "/", NULL, 1);
	ck_assert_int_eq(read.err, -EISDIR);
	text_done(&read);
}
END_TEST

START_TEST(an_error_stays)
{
	char *path = text_file(LINE "x\n" LINE, strlen(LINE "x\n" LINE));
	struct trace_event events[10];
	struct trace *trace;

	ck_assert_int_eq(trace_open(&trace, path, NULL), 0);
	ck_assert_int_eq(trace_read(trace, events, 10), 1);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(trace_read(trace, events, 10), -EBADMSG);
	ck_assert_uint_eq(trace_seen(trace)->lines, 2);
	ck_assert_uint_eq(trace_fault(trace)->line, 2);
	ck_assert_ptr_null(trace_device(trace, 1));
	trace_close(trace);
	trace_close(NULL);
	unlink(path);
	free(path);
}
END_TEST

/* What is no text is refused with what to do. */
static const struct {
	const char *bytes;
	size_t n;
	const char *wrong;
} refused[] = {
	{ "PERFILE2\0\0", 10, "this is perf's own file: make text of it with perf script -i" },
	{ "\x17\x08\x44tracing6", 11,
	  "this is trace-cmd's own file: make text of it with trace-cmd report -i" },
	{ "\x1f\x8b\x08", 3, "unpack it first, with gzip -dc" },
	{ "BZh91AY", 7, "unpack it first, with bzip2 -dc" },
	{ "\x04\x22\x4d\x18", 4, "unpack it first, with lz4 -dc" },
};

START_TEST(other_files_are_refused_with_advice)
{
	struct text_read read;

	text_bytes(&read, refused[_i].bytes, refused[_i].n, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_uint_eq(read.fault.line, 0);
	ck_assert_str_eq(read.fault.expected, refused[_i].wrong);
	text_done(&read);
	read_pipe(&read, refused[_i].bytes, refused[_i].n, 1);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_str_eq(read.fault.expected, refused[_i].wrong);
	text_done(&read);
}
END_TEST

/* --- packed ------------------------------------------------------------------- */

#ifdef HAVE_LZMA
static size_t pack_xz(void *to, const char *text, size_t n)
{
	size_t at = 0;

	ck_assert_int_eq(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, (const uint8_t *)text,
						 n, to, &at, ROOM), LZMA_OK);
	return at;
}
#endif
#ifdef HAVE_ZSTD
static size_t pack_zstd(void *to, const char *text, size_t n)
{
	const size_t bytes = ZSTD_compress(to, ROOM, text, n, 1);

	ck_assert(!ZSTD_isError(bytes));
	return bytes;
}
#endif

static const struct {
	const char *name;
	size_t (*pack)(void *to, const char *text, size_t n);
	const char *cut;
} packers[] = {
#ifdef HAVE_LZMA
	{ "xz", pack_xz, "the xz data ends too early: the file is cut off" },
#endif
#ifdef HAVE_ZSTD
	{ "zstd", pack_zstd, "the zstd data ends too early: the file is cut off" },
#endif
	{ "plain", NULL, NULL },
};
#define PACKERS	(sizeof(packers) / sizeof(packers[0]) - 1)

START_TEST(packed_is_as_plain)
{
	char *text = malloc(ROOM), *packed = malloc(ROOM);
	const size_t bytes = packers[_i].pack(packed, text, make_text(text));
	struct text_read read;

	text_bytes(&read, packed, bytes, NULL);
	ck_assert_int_eq(read.err, 0);
	ck_assert_str_eq(read.seen.packing, packers[_i].name);
	ck_assert_uint_eq(read.seen.bytes, bytes);
	ck_assert_uint_eq(read.seen.total_bytes, bytes);
	check_all(&read, LINES);
	text_done(&read);
	read_pipe(&read, packed, bytes, 1);
	ck_assert_int_eq(read.err, 0);
	check_all(&read, LINES);
	text_done(&read);
	free(packed);
	free(text);
}
END_TEST

START_TEST(packed_files_may_follow_each_other)
{
	char *text = malloc(ROOM), *packed = malloc(ROOM);
	const size_t bytes = make_text(text), half = bytes / 2;
	struct text_read read;
	size_t n;

	/* The first ends in the middle of a line; between them is one of nothing. */
	n = packers[_i].pack(packed, text, half);
	n += packers[_i].pack(packed + n, text, 0);
	n += packers[_i].pack(packed + n, text + half, bytes - half);
	text_bytes(&read, packed, n, NULL);
	ck_assert_int_eq(read.err, 0);
	check_all(&read, LINES);
	text_done(&read);

	/* What is no further one is told, after all lines. */
	strcpy(packed + n, "no more\n");
	text_bytes(&read, packed, n + 8, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	check_all(&read, LINES);
	ck_assert_uint_eq(read.fault.line, 0);
	text_done(&read);
	free(packed);
	free(text);
}
END_TEST

START_TEST(a_file_cut_anywhere_is_told)
{
	char *text = malloc(ROOM), *packed = malloc(ROOM);
	const size_t bytes = packers[_i].pack(packed, text, make_text(text));
	const struct trace_opts skip = { .skip_bad = true };
	struct text_read read;
	uint64_t wrong = 0;

	for (size_t cut = 8; cut < bytes; cut += bytes / 100 + 1) {
		/* No line can be passed over to repair it. */
		text_bytes(&read, packed, cut, &skip);
		wrong += read.err != -EBADMSG || read.fault.line || read.seen.bad_lines ||
			 strcmp(read.fault.expected, packers[_i].cut) != 0;
		check_all(&read, read.n);
		text_done(&read);
	}
	ck_assert_uint_eq(wrong, 0);
	text_bytes(&read, packed, bytes - 1, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_str_eq(read.fault.expected, packers[_i].cut);
	text_done(&read);
	free(packed);
	free(text);
}
END_TEST

START_TEST(damage_of_any_byte_is_survived)
{
	char text[4096], packed[4096];
	const struct trace_opts skip = { .skip_bad = true };
	struct text_read read;
	uint64_t wrong = 0;
	size_t n = 0, bytes;

	for (unsigned int i = 0; i < 50; i++)
		n += (size_t)sprintf(text + n, "%u 0 M %u000 1 T d 0\n", i, i);
	bytes = packers[_i].pack(packed, text, n);
	for (size_t at = 0; at < bytes; at++) {
		packed[at] = (char)(packed[at] ^ 1 << at % 8);
		text_bytes(&read, packed, bytes, &skip);
		/* xz has sums of all; this zstd has none. The magic makes it another file. */
		if (at >= 6 && !strcmp(packers[_i].name, "xz"))
			wrong += read.err != -EBADMSG || read.fault.line;
		text_done(&read);
		packed[at] = (char)(packed[at] ^ 1 << at % 8);
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

#ifdef HAVE_ZSTD
START_TEST(zstd_that_wants_much_memory_is_refused)
{
	/* A frame with a window of 2 GiB, and one empty block. */
	static const char packed[] = "\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00";
	struct text_read read;

	text_bytes(&read, packed, sizeof(packed) - 1, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_str_eq(read.fault.expected,
			 "the zstd data needs more than 128 MiB of memory to unpack");
	text_done(&read);
}
END_TEST
#endif

#ifdef HAVE_LZMA
START_TEST(xz_that_wants_much_memory_is_refused)
{
	const lzma_stream_flags flags = { .check = LZMA_CHECK_CRC32 };
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	lzma_block block = {
		.check = LZMA_CHECK_CRC32,
		.compressed_size = LZMA_VLI_UNKNOWN,
		.uncompressed_size = LZMA_VLI_UNKNOWN,
		.filters = filters,
	};
	uint8_t packed[LZMA_STREAM_HEADER_SIZE + LZMA_BLOCK_HEADER_SIZE_MAX + 1] = { 0 };
	struct text_read read;

	/* A header with a dictionary of 1 GiB. */
	ck_assert(!lzma_lzma_preset(&options, 1));
	options.dict_size = UINT32_C(1) << 30;
	ck_assert_int_eq(lzma_stream_header_encode(&flags, packed), LZMA_OK);
	ck_assert_int_eq(lzma_block_header_size(&block), LZMA_OK);
	ck_assert_int_eq(lzma_block_header_encode(&block, packed + LZMA_STREAM_HEADER_SIZE),
			 LZMA_OK);
	text_bytes(&read, packed, LZMA_STREAM_HEADER_SIZE + block.header_size + 1, NULL);
	ck_assert_int_eq(read.err, -EBADMSG);
	ck_assert_str_eq(read.fault.expected,
			 "the xz data needs more than 192 MiB of memory to unpack");
	text_done(&read);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("trace input");
	TCase *pipes = tcase_create("pipes"), *files = tcase_create("files"),
	      *packed = tcase_create("packed");

	tcase_add_test(pipes, a_pipe_gives_what_is_there);
	tcase_add_test(pipes, a_signal_ends_the_wait);
	tcase_add_test(pipes, a_pipe_may_be_slow);
	tcase_add_test(pipes, a_pipe_that_does_not_wait_is_waited_for);
	tcase_add_test(files, a_file_as_standard_input_has_an_end);
	tcase_add_test(files, lines_are_read_across_the_windows_ends);
	tcase_add_test(files, what_cannot_be_opened_is_told);
	tcase_add_test(files, an_error_stays);
	tcase_add_loop_test(files, other_files_are_refused_with_advice, 0,
			    sizeof(refused) / sizeof(refused[0]));
	tcase_set_timeout(packed, 60);
	tcase_add_loop_test(packed, packed_is_as_plain, 0, PACKERS);
	tcase_add_loop_test(packed, packed_files_may_follow_each_other, 0, PACKERS);
	tcase_add_loop_test(packed, a_file_cut_anywhere_is_told, 0, PACKERS);
	tcase_add_loop_test(packed, damage_of_any_byte_is_survived, 0, PACKERS);
#ifdef HAVE_ZSTD
	tcase_add_test(packed, zstd_that_wants_much_memory_is_refused);
#endif
#ifdef HAVE_LZMA
	tcase_add_test(packed, xz_that_wants_much_memory_is_refused);
#endif
	suite_add_tcase(s, pipes);
	suite_add_tcase(s, files);
	suite_add_tcase(s, packed);
	return text_run(s);
}
