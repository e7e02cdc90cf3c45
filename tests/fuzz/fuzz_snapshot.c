/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_snapshot.c - files that somebody else wrote: nothing, or a sound space.
 *
 * An input is a byte and a file. If the byte is odd the file's sums, its magic and its end
 * are put right first, so that what is between them is looked at. What loads is sound, and what
 * is saved of it loads again and is saved the same. What does not load leaves nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gmemstate/gmemstate.h>

#include "api/snapshot.h"
#include "base/crc32c.h"
#include "fuzz.h"

const char fuzz_name[] = "snapshot";

#define MOST_BYTES	(UINT64_C(1) << 20)

struct file {
	unsigned char *buf;
	size_t	 room, len, at;
	uint32_t sum;
	uint64_t sections;
};

static void add(struct file *file, const void *bytes, size_t n)
{
	if (n > file->room - file->len) {
		file->room = (file->len + n) * 2;
		file->buf = realloc(file->buf, file->room);
		if (!file->buf)
			fuzz_fail("out of memory");
	}
	memcpy(file->buf + file->len, bytes, n);
	file->len += n;
}

static int write_file(void *ctx, const char *text, size_t bytes)
{
	add(ctx, text, bytes);
	return 0;
}

static int64_t read_file(void *ctx, void *buf, size_t bytes)
{
	struct file *file = ctx;

	if (bytes > file->len - file->at)
		bytes = file->len - file->at;
	if (bytes)
		memcpy(buf, file->buf + file->at, bytes);
	file->at += bytes;
	return (int64_t)bytes;
}

/* --- memory that is counted ------------------------------------------------ */

static void *mem_alloc(void *ctx, size_t bytes, size_t align)
{
	++*(uint64_t *)ctx;
	return aligned_alloc(align, (bytes + align - 1) & ~(align - 1));
}

static void mem_free(void *ctx, void *mem, size_t bytes, size_t align)
{
	(void)bytes;
	(void)align;
	--*(uint64_t *)ctx;
	free(mem);
}

/* --- files that are put right ---------------------------------------------- */

static void add_summed(struct file *file, const void *bytes, size_t n)
{
	file->sum = gms__crc32c(file->sum, bytes, n);
	add(file, bytes, n);
}

static void add_sum(struct file *file)
{
	unsigned char sum[GMS__SNAP_SUM_BYTES];

	gms__snap_put(sum, file->sum, sizeof(sum));
	add(file, sum, sizeof(sum));
}

static void add_section(struct file *file, unsigned type, unsigned flags, const void *payload,
			size_t bytes)
{
	unsigned char head[GMS__SNAP_HEAD_BYTES];

	gms__snap_put(head, type, 2);
	gms__snap_put(head + 2, flags, 2);
	gms__snap_put(head + 4, bytes, 4);
	add_summed(file, head, sizeof(head));
	add_summed(file, payload, bytes);
	add_sum(file);
	file->sections++;
}

static unsigned put_number(unsigned char *at, uint64_t number)
{
	unsigned n = 0;

	for (; number > 127; number >>= 7)
		at[n++] = (unsigned char)(number | 128);
	at[n++] = (unsigned char)number;
	return n;
}

static void add_end(struct file *file)
{
	unsigned char payload[2 * 10];
	unsigned n = put_number(payload, file->sections);

	n += put_number(payload + n, file->len);
	add_section(file, GMS__SNAP_END, 0, payload, n);
}

/* Up to the first end that the input has, or to where its bytes end. */
static void put_right(struct file *file, const uint8_t *data, size_t bytes)
{
	size_t at = GMS__SNAP_HEADER_BYTES + GMS__SNAP_SUM_BYTES;

	add_summed(file, GMS__SNAP_MAGIC, GMS__SNAP_MAGIC_BYTES);
	add_summed(file, data + 8, 4);
	add_sum(file);
	while (bytes - at >= GMS__SNAP_HEAD_BYTES) {
		const unsigned type = (unsigned)gms__snap_get(data + at, 2);
		const unsigned flags = (unsigned)gms__snap_get(data + at + 2, 2);
		size_t length = gms__snap_get(data + at + 4, 4);

		if (type == GMS__SNAP_END)
			break;
		at += GMS__SNAP_HEAD_BYTES;
		if (length > bytes - at)
			length = bytes - at;
		add_section(file, type, flags, data + at, length);
		at += length;
		at += bytes - at < GMS__SNAP_SUM_BYTES ? bytes - at : GMS__SNAP_SUM_BYTES;
	}
	add_end(file);
}

/* --- one input ------------------------------------------------------------- */

static void check_refusal(int err, const struct gms_load_result *result, const struct file *file,
			  uint64_t live)
{
	fuzz_same("blocks that are left", live, 0);
	if (err != -EBADMSG && err != -EOPNOTSUPP && err != -EMSGSIZE)
		fuzz_fail("refused with %d", err);
	fuzz_same("expected", !result->expected, err == -EMSGSIZE);
	if (result->offset_bytes > file->len)
		fuzz_fail("wrong behind the end");
}

static void save(struct gms_space *space, struct file *file)
{
	char why[256];

	if (gms_check(space, why, sizeof(why)))
		fuzz_fail("gms_check(): %s", why);
	fuzz_same("gms_save()", gms_save(space, write_file, file), 0);
	gms_space_free(space);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct file file = { 0 }, saved = { 0 }, again = { 0 };
	uint64_t live = 0;
	struct gms_mem_ops mem = { sizeof(mem), &live, mem_alloc, mem_free };
	struct gms_load_result result;
	struct gms_load_opts opts;
	struct gms_space *space = NULL;
	int err;

	if (bytes < 1 + GMS__SNAP_HEADER_BYTES + GMS__SNAP_SUM_BYTES)
		return 0;
	GMS_INIT(&opts);
	GMS_INIT(&result);
	opts.mem = &mem;
	opts.most_bytes = MOST_BYTES;
	if (data[0] & 1)
		put_right(&file, data + 1, bytes - 1);
	else
		add(&file, data + 1, bytes - 1);
	err = gms_load(&space, &opts, read_file, &file, &result);
	if (err) {
		check_refusal(err, &result, &file, live);
	} else {
		fuzz_same("bytes read", result.offset_bytes, file.at);
		save(space, &saved);
		opts.most_bytes = 0;
		fuzz_same("load of a save", gms_load(&space, &opts, read_file, &saved, NULL), 0);
		save(space, &again);
		fuzz_same("blocks that are left", live, 0);
		if (again.len != saved.len || memcmp(again.buf, saved.buf, saved.len))
			fuzz_fail("saved in another way the second time");
	}
	free(file.buf);
	free(saved.buf);
	free(again.buf);
	return 0;
}
