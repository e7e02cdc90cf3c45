/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unpack.c - xz by liblzma, zstd by libzstd; see unpack.h.
 *
 * Both formats let several packed files stand one after the other.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "trace/unpack.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef HAVE_LZMA
#include <lzma.h>

int trace_xz_new(void **unpacker, const char **wrong)
{
	lzma_stream *stream = malloc(sizeof(*stream));

	*wrong = "not enough memory to unpack xz";
	if (!stream)
		return -ENOMEM;
	*stream = (lzma_stream)LZMA_STREAM_INIT;
	if (lzma_stream_decoder(stream, UNPACK_LIMIT, LZMA_CONCATENATED) != LZMA_OK) {
		free(stream);
		return -ENOMEM;
	}
	*unpacker = stream;
	return 0;
}

int trace_xz_step(void *unpacker, struct trace_step *step)
{
	lzma_stream *stream = unpacker;
	lzma_ret ret;

	stream->next_in = (const uint8_t *)step->from;
	stream->avail_in = step->from_bytes;
	stream->next_out = (uint8_t *)step->to;
	stream->avail_out = step->to_bytes;
	ret = lzma_code(stream, step->last ? LZMA_FINISH : LZMA_RUN);
	step->from = (const char *)stream->next_in;
	step->from_bytes = stream->avail_in;
	step->to = (char *)stream->next_out;
	step->to_bytes = stream->avail_out;
	step->whole = ret == LZMA_STREAM_END;
	switch (ret) {
	case LZMA_OK:
	case LZMA_STREAM_END:
		return 0;
	case LZMA_BUF_ERROR:
		/* No progress: nothing came in, or no room was left. */
		if (!step->last || !step->to_bytes)
			return 0;
		step->wrong = "the xz data ends too early: the file is cut off";
		return -EBADMSG;
	case LZMA_MEM_ERROR:
		step->wrong = "not enough memory to unpack xz";
		return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR:
		step->wrong = "the xz data needs more than 192 MiB of memory to unpack";
		return -EBADMSG;
	default:
		step->wrong = "the xz data is damaged";
		return -EBADMSG;
	}
}

void trace_xz_free(void *unpacker)
{
	lzma_end(unpacker);
	free(unpacker);
}
#else
int trace_xz_new(void **unpacker, const char **wrong)
{
	(void)unpacker;
	*wrong = "built without liblzma: unpack it first, with xz -dc";
	return -EBADMSG;
}

int trace_xz_step(void *unpacker, struct trace_step *step)
{
	(void)unpacker;
	(void)step;
	return -EBADMSG;
}

void trace_xz_free(void *unpacker)
{
	(void)unpacker;
}
#endif

#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>

int trace_zstd_new(void **unpacker, const char **wrong)
{
	*wrong = "not enough memory to unpack zstd";
	*unpacker = ZSTD_createDCtx();
	return *unpacker ? 0 : -ENOMEM;
}

int trace_zstd_step(void *unpacker, struct trace_step *step)
{
	ZSTD_inBuffer from = { step->from, step->from_bytes, 0 };
	ZSTD_outBuffer to = { step->to, step->to_bytes, 0 };
	/* Nothing in would count as the begin of a further frame. */
	const bool was_whole = step->whole && !step->from_bytes;
	const size_t left = was_whole ? 0 : ZSTD_decompressStream(unpacker, &to, &from);

	if (ZSTD_isError(left)) {
		step->wrong = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge ?
			      "the zstd data needs more than 128 MiB of memory to unpack" :
			      "the zstd data is damaged";
		return -EBADMSG;
	}
	step->from += from.pos;
	step->from_bytes -= from.pos;
	step->to += to.pos;
	step->to_bytes -= to.pos;
	step->whole = left == 0;
	if (step->last && !step->whole && !step->from_bytes && !to.pos) {
		step->wrong = "the zstd data ends too early: the file is cut off";
		return -EBADMSG;
	}
	return 0;
}

void trace_zstd_free(void *unpacker)
{
	ZSTD_freeDCtx(unpacker);
}
#else
int trace_zstd_new(void **unpacker, const char **wrong)
{
	(void)unpacker;
	*wrong = "built without libzstd: unpack it first, with zstd -dc";
	return -EBADMSG;
}

int trace_zstd_step(void *unpacker, struct trace_step *step)
{
	(void)unpacker;
	(void)step;
	return -EBADMSG;
}

void trace_zstd_free(void *unpacker)
{
	(void)unpacker;
}
#endif
