/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapfile.c - a snapshot in memory.
 */
#include "fixture.h"

#include "snapfile.h"

struct snapfile *snapfile_new(void)
{
	struct snapfile *file = calloc(1, sizeof(*file));

	ck_assert_ptr_nonnull(file);
	return file;
}

void snapfile_free(struct snapfile *file)
{
	free(file);
}

void snapfile_clear(struct snapfile *file)
{
	file->len = 0;
	file->at = 0;
	file->calls = 0;
	file->sum = 0;
	file->sections = 0;
}

int snapfile_write(void *ctx, const char *text, size_t bytes)
{
	struct snapfile *file = ctx;

	if (++file->calls == file->fail_at)
		return -EIO;
	ck_assert_uint_le(bytes, sizeof(file->buf) - file->len);
	memcpy(file->buf + file->len, text, bytes);
	file->len += bytes;
	return 0;
}

int64_t snapfile_read(void *ctx, void *buf, size_t bytes)
{
	struct snapfile *file = ctx;

	if (++file->calls == file->fail_at)
		return -EIO;
	if (file->piece && bytes > file->piece)
		bytes = file->piece;
	if (bytes > file->len - file->at)
		bytes = file->len - file->at;
	memcpy(buf, file->buf + file->at, bytes);
	file->at += bytes;
	return (int64_t)bytes;
}

int snapfile_load(struct gms_space **out, struct snapfile *file, struct fx_mem *mem,
		  struct gms_load_result *result)
{
	struct gms_load_opts opts;

	GMS_INIT(&opts);
	opts.mem = &mem->ops;
	file->at = 0;
	file->calls = 0;
	if (result)
		GMS_INIT(result);
	return gms_load(out, &opts, snapfile_read, file, result);
}

void snapfile_add(struct snapfile *file, const struct snapfile *other, size_t from, size_t to)
{
	ck_assert_uint_le(to - from, sizeof(file->buf) - file->len);
	memcpy(file->buf + file->len, other->buf + from, to - from);
	file->len += to - from;
}

static void put(struct snapfile *file, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		file->buf[file->len++] = (unsigned char)(number >> (8 * i));
}

size_t snapfile_section_bytes(const struct snapfile *file, size_t at)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < 4; i++)
		bytes |= (size_t)file->buf[at + 4 + i] << (8 * i);
	return 8 + bytes + 4;
}

/* What was put since is summed, and the sum put behind it. */
static void sum_from(struct snapfile *file, size_t from)
{
	uint32_t sum = ~file->sum;

	for (size_t i = from; i < file->len; i++) {
		sum ^= file->buf[i];
		for (unsigned b = 0; b < 8; b++)
			sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	file->sum = ~sum;
	put(file, file->sum, 4);
}

void snapfile_header(struct snapfile *file, unsigned major, unsigned minor)
{
	static const unsigned char magic[] = { 0x89, 'G', 'M', 'S', '\r', '\n', 0x1a, '\n' };

	snapfile_clear(file);
	memcpy(file->buf, magic, sizeof(magic));
	file->len = sizeof(magic);
	put(file, major, 2);
	put(file, minor, 2);
	sum_from(file, 0);
}

void snapfile_section_raw(struct snapfile *file, unsigned type, unsigned flags,
			  const unsigned char *payload, size_t bytes)
{
	const size_t from = file->len;

	ck_assert_uint_le(bytes + 12, sizeof(file->buf) - file->len);
	put(file, type, 2);
	put(file, flags, 2);
	put(file, bytes, 4);
	if (bytes)
		memcpy(file->buf + file->len, payload, bytes);
	file->len += bytes;
	sum_from(file, from);
	file->sections++;
}

void snapfile_section(struct snapfile *file, unsigned type, unsigned flags,
		      const uint64_t *numbers, unsigned n)
{
	unsigned char payload[512];
	size_t bytes = 0;

	ck_assert_uint_le(n, sizeof(payload) / 10);
	for (unsigned i = 0; i < n; i++) {
		uint64_t left = numbers[i];

		for (; left > 127; left >>= 7)
			payload[bytes++] = (unsigned char)(left | 128);
		payload[bytes++] = (unsigned char)left;
	}
	snapfile_section_raw(file, type, flags, payload, bytes);
}

void snapfile_end(struct snapfile *file)
{
	const uint64_t numbers[] = { file->sections, file->len };

	snapfile_section(file, SNAPFILE_END, 0, numbers, 2);
}
