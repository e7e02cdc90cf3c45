/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * input.h - the bytes of a file or a pipe, unpacked.
 *
 * How they are packed is seen from the first bytes. What is known, but not read here
 * (gzip, perf.data ..), is refused with the command that makes text of it.
 *
 * Memory: TRACE_INPUT_BYTES, and what the decoder needs, UNPACK_LIMIT at most (unpack.h).
 */
#ifndef GMS_TRACE_INPUT_H
#define GMS_TRACE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACE_INPUT_BYTES	65536u

enum trace_packing {
	TRACE_PACKING_UNKNOWN = 0,	/* no byte was read */
	TRACE_PACKING_PLAIN,
	TRACE_PACKING_XZ,
	TRACE_PACKING_ZSTD
};

struct trace_input {
	int	 fd;
	bool	 is_file;	/* a regular one: it has an end, and reads never wait */
	bool	 owns_fd;
	bool	 at_end;	/* of the packed bytes */
	bool	 is_whole;	/* what was unpacked so far ends where packed data may end */
	uint8_t	 packing;	/* enum trace_packing */
	int	 err;		/* the error that ended it */
	uint64_t bytes;		/* read so far, as they are in the file */
	uint64_t total_bytes;	/* that there are to read; 0: nobody knows */
	const char *wrong;	/* with err: what is wrong with the file; may be NULL */
	void	*unpacker;	/* of xz or zstd */
	size_t	 at, end;	/* packed[at, end) is not used yet */
	char	 packed[TRACE_INPUT_BYTES];
};

/* path: "-" is the standard input. 0 or a negative errno. */
int  trace_input_open(struct trace_input *in, const char *path);
void trace_input_close(struct trace_input *in);
/*
 * Some of the next bytes, n at most; 0: the end. -EAGAIN: nothing there, and wait is
 * false. -EINTR: a signal came first. -EBADMSG, -ENOMEM: in->wrong says why; else a failed read.
 */
ssize_t trace_input_read(struct trace_input *in, char *to, size_t n, bool wait);
/* "plain", "xz" or "zstd". */
const char *trace_input_packing(const struct trace_input *in);

#endif
