/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.c - the embedder's allocator; see mem.h.
 */
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/sized.h"

#define ADDRESS_LIMIT	(UINT64_C(1) << 48)

static void *libc_alloc(void *ctx, size_t bytes, size_t align)
{
	void *p = NULL;

	(void)ctx;
	return posix_memalign(&p, align, bytes) ? NULL : p;
}

static void libc_free(void *ctx, void *p, size_t bytes, size_t align)
{
	(void)ctx;
	(void)bytes;
	(void)align;
	free(p);
}

const struct gms_mem_ops gms__mem_libc = {
	.size = sizeof(gms__mem_libc),
	.alloc = libc_alloc,
	.free = libc_free,
};

int gms__mem_ops_in(struct gms_mem_ops *ours, const struct gms_mem_ops *theirs)
{
	int err;

	GMS_INIT(ours);
	err = gms__sized_in(ours, sizeof(*ours), theirs ? theirs : &gms__mem_libc);
	if (err)
		return err;
	return ours->alloc && ours->free ? 0 : -EINVAL;
}

void gms__mem_init(struct gms__mem *mem, const struct gms_mem_ops *ops)
{
	mem->ops = *ops;
	mem->bytes = 0;
	mem->bytes_max = 0;
}

void *gms__mem_alloc(struct gms__mem *mem, size_t bytes)
{
	void *p = mem->ops.alloc(mem->ops.ctx, bytes, GMS__CACHE_LINE);

	if (!p)
		return NULL;
	if ((uint64_t)(uintptr_t)p >= ADDRESS_LIMIT) {
		mem->ops.free(mem->ops.ctx, p, bytes, GMS__CACHE_LINE);
		return NULL;
	}
	gms__raise(&mem->bytes_max, gms__add(&mem->bytes, bytes));
	return p;
}

void gms__mem_free(struct gms__mem *mem, void *p, size_t bytes)
{
	if (!p)
		return;
	gms__sub(&mem->bytes, bytes);
	mem->ops.free(mem->ops.ctx, p, bytes, GMS__CACHE_LINE);
}
