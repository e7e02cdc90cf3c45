/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * input.c - the bytes of a file or a pipe, unpacked; see input.h.
 */
#include "trace/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/unpack.h"

/* What a file can begin with that is no text. */
static const struct magic {
	const char *bytes;
	uint8_t	    n;
	uint8_t	    packing;	/* enum trace_packing, or UNKNOWN: wrong says what to do */
	const char *wrong;
} magics[] = {
	{ "\xfd" "7zXZ\0", 6, TRACE_PACKING_XZ, NULL },
	{ "\x28\xb5\x2f\xfd", 4, TRACE_PACKING_ZSTD, NULL },
	{ "PERFILE2", 8, TRACE_PACKING_UNKNOWN,
	  "this is perf's own file: make text of it with perf script -i" },
	{ "\x17\x08\x44tracing", 10, TRACE_PACKING_UNKNOWN,
	  "this is trace-cmd's own file: make text of it with trace-cmd report -i" },
	{ "\x1f\x8b", 2, TRACE_PACKING_UNKNOWN, "unpack it first, with gzip -dc" },
	{ "BZh", 3, TRACE_PACKING_UNKNOWN, "unpack it first, with bzip2 -dc" },
	{ "\x04\x22\x4d\x18", 4, TRACE_PACKING_UNKNOWN, "unpack it first, with lz4 -dc" },
};

int trace_input_open(struct trace_input *in, const char *path)
{
	struct stat st;
	off_t at;
	int err;

	memset(in, 0, offsetof(struct trace_input, packed));
	in->owns_fd = strcmp(path, "-") != 0;
	in->fd = in->owns_fd ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (in->fd < 0)
		return -errno;
	err = fstat(in->fd, &st) ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
	if (err) {
		trace_input_close(in);
		return err;
	}
	in->is_file = S_ISREG(st.st_mode);
	at = in->is_file ? lseek(in->fd, 0, SEEK_CUR) : 0;
	if (in->is_file && at >= 0 && st.st_size > at)
		in->total_bytes = (uint64_t)(st.st_size - at);
	return 0;
}

void trace_input_close(struct trace_input *in)
{
	if (in->unpacker && in->packing == TRACE_PACKING_XZ)
		trace_xz_free(in->unpacker);
	if (in->unpacker && in->packing == TRACE_PACKING_ZSTD)
		trace_zstd_free(in->unpacker);
	in->unpacker = NULL;
	if (in->owns_fd)
		close(in->fd);
	in->owns_fd = false;
}

/* 1: a read would not wait; 0: it would; or a negative errno. */
static int is_readable(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	const int ready = poll(&pollfd, 1, timeout_ms);

	return ready < 0 ? -errno : ready;
}

/* Bytes as they are in the file. */
static ssize_t read_file(struct trace_input *in, char *to, size_t n, bool wait)
{
	ssize_t got;
	int ready;

	if (in->at_end)
		return 0;
	if (!wait && !in->is_file) {
		ready = is_readable(in->fd, 0);
		if (ready <= 0)
			return ready ? ready : -EAGAIN;
	}
	/* Who gave us our standard input may have made it one that does not wait. */
	while ((got = read(in->fd, to, n)) < 0 && errno == EAGAIN && wait) {
		ready = is_readable(in->fd, -1);
		if (ready < 0)
			return ready;
	}
	if (got < 0)
		return -errno;
	in->at_end = got == 0;
	in->bytes += (uint64_t)got;
	return got;
}

static int start_unpacking(struct trace_input *in)
{
	int err = 0;

	if (in->packing == TRACE_PACKING_XZ)
		err = trace_xz_new(&in->unpacker, &in->wrong);
	if (in->packing == TRACE_PACKING_ZSTD)
		err = trace_zstd_new(&in->unpacker, &in->wrong);
	if (err)
		in->unpacker = NULL;
	return err;
}

/* How is it packed? Reads until that is clear, of a pipe perhaps byte by byte. */
static int see_packing(struct trace_input *in, bool wait)
{
	const struct magic *m;
	bool maybe;
	ssize_t got;

	for (;;) {
		maybe = in->end == 0;
		for (m = magics; m < magics + sizeof(magics) / sizeof(magics[0]); m++) {
			const size_t n = in->end < m->n ? in->end : m->n;

			if (!n || memcmp(in->packed, m->bytes, n))
				continue;
			maybe = n < m->n;
			if (maybe)
				break;
			in->packing = m->packing;
			in->wrong = m->wrong;
			in->err = in->wrong ? -EBADMSG : start_unpacking(in);
			return in->err;
		}
		if (!maybe || in->at_end) {
			in->packing = TRACE_PACKING_PLAIN;
			return 0;
		}
		got = read_file(in, in->packed + in->end, sizeof(in->packed) - in->end, wait);
		if (got < 0)
			return (int)got;
		in->end += (size_t)got;
	}
}

static ssize_t unpack(struct trace_input *in, char *to, size_t n, bool wait)
{
	struct trace_step step = { .to = to, .to_bytes = n, .whole = in->is_whole };
	ssize_t got;
	int err;

	while (step.to_bytes == n) {
		if (in->at == in->end && !in->at_end) {
			got = read_file(in, in->packed, sizeof(in->packed), wait);
			if (got < 0)
				return got;
			in->at = 0;
			in->end = (size_t)got;
		}
		step.from = in->packed + in->at;
		step.from_bytes = in->end - in->at;
		step.last = in->at_end;
		err = in->packing == TRACE_PACKING_XZ ? trace_xz_step(in->unpacker, &step) :
							trace_zstd_step(in->unpacker, &step);
		in->at = in->end - step.from_bytes;
		in->is_whole = step.whole;
		if (err) {
			in->err = err;
			in->wrong = step.wrong;
			return step.to_bytes < n ? (ssize_t)(n - step.to_bytes) : err;
		}
		if (step.whole && in->at_end && in->at == in->end)
			break;
	}
	return (ssize_t)(n - step.to_bytes);
}

ssize_t trace_input_read(struct trace_input *in, char *to, size_t n, bool wait)
{
	size_t left;
	int err;

	if (in->err)
		return in->err;
	if (in->packing == TRACE_PACKING_UNKNOWN) {
		err = see_packing(in, wait);
		if (err)
			return err;
	}
	if (in->packing != TRACE_PACKING_PLAIN)
		return unpack(in, to, n, wait);
	left = in->end - in->at;
	if (!left)
		return read_file(in, to, n, wait);
	n = n < left ? n : left;
	memcpy(to, in->packed + in->at, n);
	in->at += n;
	return (ssize_t)n;
}

const char *trace_input_packing(const struct trace_input *in)
{
	return in->packing == TRACE_PACKING_XZ ? "xz" :
	       in->packing == TRACE_PACKING_ZSTD ? "zstd" : "plain";
}
