/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * out.h - a file that a program writes: all of it, or none.
 *
 * What is written goes to a new file beside the one that is named, which takes its
 * place when it is complete; "-" is the standard output. A write that fails is
 * remembered, and the first failure is told by out_close().
 */
#ifndef GMS_TOOL_OUT_H
#define GMS_TOOL_OUT_H

#include <stdio.h>

#include <gmemstate/types.h>

struct out {
	FILE *file;
	const char *path;	/* the caller's; "-": the standard output */
	char *temporary;	/* NULL: written in place */
	int   err;		/* the first: a negative errno */
};

/* 0 or a negative errno. */
int  out_open(struct out *out, const char *path);
void out_print(struct out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void out_write(struct out *out, const void *bytes, size_t nbytes);
/* A gms_write_fn whose ctx is a struct out. */
int  out_text(void *ctx, const char *text, size_t bytes);
/*
 * err is what making the contents came to: 0 puts the file in its place, and with any
 * other nothing is left of it. That, or the first write that failed, is returned.
 */
int  out_close(struct out *out, int err);

#endif
