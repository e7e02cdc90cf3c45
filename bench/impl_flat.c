/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * impl_flat.c - one bit a page, as QEMU's RamBlockAttributes has it.
 *
 * "flat" is the yardstick: nothing that holds one attribute of single pages is
 * smaller. "flat4" has four such bitmaps. "qemu" is flat with the state change
 * of QEMU 10.1, which looks for the next bit up to the end of the bitmap and
 * not only of the range.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bits.h"
#include "peer.h"

struct flat {
	uint64_t  npages;
	uint64_t *bits[4];
};

static void *flat_new(uint64_t npages, unsigned planes)
{
	struct flat *flat = calloc(1, sizeof(*flat));

	for (unsigned i = 0; flat && i < planes; i++) {
		flat->bits[i] = calloc((npages + 63) / 64, sizeof(uint64_t));
		if (!flat->bits[i])
			flat = NULL;
	}
	if (!flat) {
		fputs("bench: out of memory\n", stderr);
		exit(1);
	}
	flat->npages = npages;
	return flat;
}

static void *flat_create(uint64_t npages)
{
	return flat_new(npages, 1);
}

static void *flat4_create(uint64_t npages)
{
	return flat_new(npages, 4);
}

static void flat_destroy(void *map)
{
	struct flat *flat = map;

	for (unsigned i = 0; i < 4; i++)
		free(flat->bits[i]);
	free(flat);
}

static unsigned flat_get(void *map, uint64_t page)
{
	const struct flat *flat = map;

	return bits_test(flat->bits[0], page);
}

static unsigned flat4_get(void *map, uint64_t page)
{
	const struct flat *flat = map;

	return bits_test(flat->bits[0], page) | bits_test(flat->bits[1], page) << 1 |
	       bits_test(flat->bits[2], page) << 2 | bits_test(flat->bits[3], page) << 3;
}

static void flat_set(void *map, uint64_t first, uint64_t end, unsigned shared)
{
	struct flat *flat = map;

	if (shared)
		bits_set(flat->bits[0], first, end);
	else
		bits_clear(flat->bits[0], first, end);
}

static void flat4_assign(void *map, uint64_t first, uint64_t end, unsigned value)
{
	struct flat *flat = map;

	for (unsigned i = 0; i < 4; i++) {
		if (value >> i & 1)
			bits_set(flat->bits[i], first, end);
		else
			bits_clear(flat->bits[i], first, end);
	}
}

static void qemu_set(void *map, uint64_t first, uint64_t end, unsigned shared)
{
	struct flat *flat = map;
	const uint64_t next = bits_next_set(flat->bits[0], first, flat->npages);
	const uint64_t next_zero = bits_next_clear(flat->bits[0], first, flat->npages);

	if (shared ? next_zero >= end : next >= end)
		return;			/* all of it is so already */
	if (shared ? next >= end : next_zero >= end) {
		flat_set(map, first, end, shared);
		return;
	}
	for (uint64_t page = first; page < end; page++) {	/* a mixture */
		if (bits_test(flat->bits[0], page) != shared)
			flat_set(map, page, page + 1, shared);
	}
}

static int flat_uniform(void *map, uint64_t first, uint64_t end)
{
	const struct flat *flat = map;

	if (bits_test(flat->bits[0], first))
		return bits_next_clear(flat->bits[0], first, end) == end ? 1 : -1;
	return bits_next_set(flat->bits[0], first, end) == end ? 0 : -1;
}

static uint64_t flat_next(void *map, uint64_t first, uint64_t end)
{
	const struct flat *flat = map;

	return bits_next_set(flat->bits[0], first, end);
}

static void flat_runs(void *map, uint64_t first, uint64_t end, run_fn *fn, void *arg)
{
	const struct flat *flat = map;

	for (;;) {
		uint64_t stop;

		first = bits_next_set(flat->bits[0], first, end);
		if (first == end)
			return;
		stop = bits_next_clear(flat->bits[0], first, end);
		fn(arg, first, stop);
		first = stop;
	}
}

static uint64_t flat_count(void *map, uint64_t first, uint64_t end)
{
	const struct flat *flat = map;

	return bits_count(flat->bits[0], first, end);
}

static void flat_bitmap(void *map, uint64_t first, uint64_t end, uint64_t *bits)
{
	const struct flat *flat = map;

	__builtin_memcpy(bits, flat->bits[0] + first / 64, (end - first) / 8);
}

static void flat_batch(void *map, const uint64_t *pages, size_t n, unsigned shared)
{
	uint64_t *bits = ((struct flat *)map)->bits[0];

	if (shared) {
		for (size_t i = 0; i < n; i++)
			bits[pages[i] >> 6] |= UINT64_C(1) << (pages[i] & 63);
	} else {
		for (size_t i = 0; i < n; i++)
			bits[pages[i] >> 6] &= ~(UINT64_C(1) << (pages[i] & 63));
	}
}

#define FLAT_QUERIES						\
	.destroy = flat_destroy,				\
	.uniform = flat_uniform, .next = flat_next,		\
	.runs = flat_runs, .count = flat_count, .bitmap = flat_bitmap

const struct peer peer_flat = {
	.name = "flat", .attrs = PEER_ONE_ATTR, .flags = PEER_PLAIN | PEER_ANY_THREAD,
	.max_pages = UINT64_C(1) << 32,
	.create = flat_create, .get = flat_get, .set = flat_set, .batch = flat_batch,
	FLAT_QUERIES
};

const struct peer peer_flat4 = {
	.name = "flat4", .attrs = PEER_FOUR_ATTRS, .flags = PEER_PLAIN | PEER_ANY_THREAD,
	.max_pages = UINT64_C(1) << 32,
	.create = flat4_create, .get = flat4_get, .set = flat_set, .assign = flat4_assign,
	.batch = flat_batch, FLAT_QUERIES
};

const struct peer peer_qemu = {
	.name = "qemu", .attrs = PEER_ONE_ATTR, .flags = PEER_PLAIN | PEER_EXTRA,
	.max_pages = UINT64_C(1) << 32,
	.create = flat_create, .get = flat_get, .set = qemu_set, .load = flat_set, FLAT_QUERIES
};
