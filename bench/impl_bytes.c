/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_bytes.c - a byte a page: the plain way to hold several attributes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

struct bytes {
	uint64_t npages;
	uint8_t	 *value;
};

static void *bytes_create(uint64_t npages)
{
	struct bytes *bytes = malloc(sizeof(*bytes));

	if (bytes)
		bytes->value = calloc(npages, 1);
	if (!bytes || !bytes->value) {
		fputs("bench: out of memory\n", stderr);
		exit(1);
	}
	bytes->npages = npages;
	return bytes;
}

static void bytes_destroy(void *map)
{
	struct bytes *bytes = map;

	free(bytes->value);
	free(bytes);
}

static unsigned bytes_get(void *map, uint64_t page)
{
	return ((const struct bytes *)map)->value[page];
}

static void bytes_assign(void *map, uint64_t first, uint64_t end, unsigned value)
{
	memset(((struct bytes *)map)->value + first, (int)value, end - first);
}

/* Eight pages at a time; bit 0 of each is what counts. */
#define SHARED_OF_8	UINT64_C(0x0101010101010101)

static uint64_t find(const uint8_t *value, uint64_t first, uint64_t end, unsigned shared)
{
	const uint64_t invert = shared ? 0 : SHARED_OF_8;
	uint64_t word;

	for (; first < end && first % 8; first++) {
		if ((value[first] & 1) == shared)
			return first;
	}
	for (; first + 8 <= end; first += 8) {
		memcpy(&word, value + first, sizeof(word));
		word = (word ^ invert) & SHARED_OF_8;
		if (word)
			break;
	}
	while (first < end && (value[first] & 1) != shared)
		first++;
	return first;
}

static int bytes_uniform(void *map, uint64_t first, uint64_t end)
{
	const uint8_t *value = ((const struct bytes *)map)->value;
	const unsigned shared = value[first] & 1;

	return find(value, first, end, !shared) == end ? (int)shared : -1;
}

static uint64_t bytes_next(void *map, uint64_t first, uint64_t end)
{
	return find(((const struct bytes *)map)->value, first, end, 1);
}

static void bytes_runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	const uint8_t *value = ((const struct bytes *)map)->value;

	for (;;) {
		uint64_t stop;

		first = find(value, first, end, 1);
		if (first == end)
			return;
		stop = find(value, first, end, 0);
		fn(arg, first, stop);
		first = stop;
	}
}

static uint64_t bytes_count(void *map, uint64_t first, uint64_t end)
{
	const uint8_t *value = ((const struct bytes *)map)->value;
	uint64_t n = 0, word;

	for (; first + 8 <= end; first += 8) {
		memcpy(&word, value + first, sizeof(word));
		n += (unsigned)__builtin_popcountll(word & SHARED_OF_8);
	}
	for (; first < end; first++)
		n += value[first] & 1;
	return n;
}

static void bytes_bitmap(void *map, uint64_t first, uint64_t end, uint64_t *bits)
{
	const uint8_t *value = ((const struct bytes *)map)->value;

	for (; first < end; first += 64, bits++) {
		uint64_t out = 0, word;

		for (unsigned i = 0; i < 64; i += 8) {
			memcpy(&word, value + first + i, sizeof(word));
			/* Gathers the low bits of eight bytes in the top byte. */
			word = (word & SHARED_OF_8) * UINT64_C(0x0102040810204080);
			out |= (word >> 56) << i;
		}
		*bits = out;
	}
}

static void bytes_batch(void *map, const uint64_t *pages, size_t n, unsigned shared)
{
	uint8_t *value = ((struct bytes *)map)->value;

	for (size_t i = 0; i < n; i++)
		value[pages[i]] = (uint8_t)shared;
}

const struct peer peer_bytes = {
	.name = "bytes", .attrs = PEER_FOUR_ATTRS, .flags = PEER_PLAIN | PEER_ANY_THREAD,
	.max_pages = UINT64_C(1) << 30,
	.create = bytes_create, .destroy = bytes_destroy, .get = bytes_get, .set = bytes_assign,
	.uniform = bytes_uniform, .next = bytes_next, .runs = bytes_runs, .count = bytes_count,
	.bitmap = bytes_bitmap, .batch = bytes_batch
};
