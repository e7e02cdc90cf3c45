/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unpack.h - what xz or zstd packed, some bytes at a time.
 */
#ifndef GMS_TRACE_UNPACK_H
#define GMS_TRACE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More than any level of xz or zstd asks for, but for zstd --ultra --long=28 and above. */
#define UNPACK_LIMIT	(UINT64_C(192) << 20)

/* How far a step came. */
struct trace_step {
	const char *from;	/* packed bytes, the next one */
	size_t	    from_bytes;
	bool	    last;	/* there are none after these */
	char	   *to;
	size_t	    to_bytes;	/* room */
	bool	    whole;	/* the packed data may end here */
	const char *wrong;	/* after -EBADMSG and -ENOMEM */
};

/* 0, or a negative errno with step->wrong set. */
int  trace_xz_new(void **unpacker, const char **wrong);
int  trace_xz_step(void *unpacker, struct trace_step *step);
void trace_xz_free(void *unpacker);
int  trace_zstd_new(void **unpacker, const char **wrong);
int  trace_zstd_step(void *unpacker, struct trace_step *step);
void trace_zstd_free(void *unpacker);

#endif
