/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.c - an allocator that counts, fails on demand and distrusts its caller.
 *
 * Layout of a block: a gap as long as the alignment asked for (at least a
 * cache line), whose end holds the record; the caller's bytes; a tail guard.
 */
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE		UINT64_C(0x6c6976652d6d656d)
#define DEAD		UINT64_C(0x646561642d6d656d)
#define GUARD_BYTES	16
#define FRESH		0xcd
#define FREED		0xa5
#define GUARD		0x5e

struct record {
	uint64_t magic;
	uint64_t bytes;
	uint64_t align;
	void	*base;
};

static void broken(const char *what, const void *mem, size_t bytes, size_t align)
{
	/* Any thread may be here, so the test cannot simply be failed. */
	fprintf(stderr, "fx_mem: %s (%p, %zu bytes, align %zu)\n", what, mem, bytes, align);
	abort();
}

static void *mem_alloc(void *ctx, size_t bytes, size_t align)
{
	struct fx_mem *mem = ctx;
	struct record *record;
	size_t gap, total;
	char *base, *body;
	bool refuse;

	if (!bytes || !align || (align & (align - 1)) || align > 4096)
		broken("asked for a size or alignment outside the contract", NULL, bytes, align);

	gap = align < 64 ? 64 : align;
	if (bytes > SIZE_MAX - gap - GUARD_BYTES - align)
		broken("asked for a size that wraps", NULL, bytes, align);

	pthread_mutex_lock(&mem->lock);
	mem->calls++;
	refuse = mem->armed && !mem->pass;
	if (mem->armed && mem->pass)
		mem->pass--;
	if (refuse) {
		mem->refused++;
		mem->armed = mem->sticky;
	}
	pthread_mutex_unlock(&mem->lock);
	if (refuse)
		return NULL;

	total = (gap + bytes + GUARD_BYTES + gap - 1) & ~(gap - 1);
	base = aligned_alloc(gap, total);
	if (!base)
		return NULL;

	body = base + gap;
	record = (struct record *)(void *)(body - sizeof(*record));
	*record = (struct record){ .magic = LIVE, .bytes = bytes, .align = align, .base = base };
	memset(body, FRESH, bytes);
	memset(body + bytes, GUARD, GUARD_BYTES);

	pthread_mutex_lock(&mem->lock);
	mem->live_blocks++;
	mem->live_bytes += bytes;
	mem->bytes += bytes;
	if (mem->live_bytes > mem->peak_bytes)
		mem->peak_bytes = mem->live_bytes;
	pthread_mutex_unlock(&mem->lock);
	return body;
}

static void mem_free(void *ctx, void *block, size_t bytes, size_t align)
{
	struct fx_mem *mem = ctx;
	unsigned char *body = block;
	struct record *record;

	if (!block)
		broken("free of NULL", block, bytes, align);

	record = (struct record *)(void *)(body - sizeof(*record));
	if (record->magic != LIVE)
		broken(record->magic == DEAD ? "freed twice" : "free of a stranger, or underrun",
		       block, bytes, align);
	if (record->bytes != bytes || record->align != align)
		broken("freed with another size or alignment", block, bytes, align);
	for (size_t i = 0; i < GUARD_BYTES; i++)
		if (body[bytes + i] != GUARD)
			broken("overrun", block, bytes, align);

	record->magic = DEAD;
	memset(body, FREED, bytes);
	pthread_mutex_lock(&mem->lock);
	mem->live_blocks--;
	mem->live_bytes -= bytes;
	pthread_mutex_unlock(&mem->lock);
	free(record->base);
}

void fx_mem_init(struct fx_mem *mem)
{
	memset(mem, 0, sizeof(*mem));
	pthread_mutex_init(&mem->lock, NULL);
	GMS_INIT(&mem->ops);
	mem->ops.ctx = mem;
	mem->ops.alloc = mem_alloc;
	mem->ops.free = mem_free;
}

void fx_mem_fail_after(struct fx_mem *mem, uint64_t pass, bool sticky)
{
	pthread_mutex_lock(&mem->lock);
	mem->pass = pass;
	mem->armed = true;
	mem->sticky = sticky;
	mem->refused = 0;
	pthread_mutex_unlock(&mem->lock);
}

void fx_mem_heal(struct fx_mem *mem)
{
	pthread_mutex_lock(&mem->lock);
	mem->armed = false;
	pthread_mutex_unlock(&mem->lock);
}
