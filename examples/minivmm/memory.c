/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - the guest's memory, and the space that keeps the books of it.
 *
 * Two regions. The firmware, a little memfd that is always shared: what a
 * guest must show the host to run at all. And RAM: guest_memfd that begins
 * shared, so that the VMM could load it, in 2 MiB folios. Launch makes all of it
 * private with one conversion, and from then on the VMM's own access to a page
 * is gone until the guest shares it. The guest never notices: KVM reaches
 * guest_memfd through the file. Where RAM has to be a memfd, the guest has a
 * mapping of its own, which nobody revokes.
 */
#include "minivmm.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#ifdef MV_HAVE_JEMALLOC
#include <gmemstate/jemalloc.h>
#endif


static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t mv_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t mv_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* Remembered, so that the firmware's page-time can be taken out exactly. */
static uint64_t ledger_clock(void *ctx)
{
	struct mv_memory *memory = ctx;

	memory->clock_ns = mv_now_ns();
	return memory->clock_ns;
}

static void say(void *ctx, uint32_t level, const char *text)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "minivmm: libgmemstate: %s\n", text);
}

void mv_charge(struct mv_memory *memory, uint32_t kind, uint64_t count, uint64_t ns)
{
	const int rc = gms_acct_charge(memory->space, 0, kind, count, ns);

	if (rc)
		fprintf(stderr, "minivmm: charging %s: %s\n", gms_acct_name(kind),
			gms_strerror(rc));
}

static int new_space(struct mv_memory *memory)
{
	struct gms_space_opts opts;
	struct gms_mem_ops mem;
	int rc = 0;

	GMS_INIT(&opts);
	GMS_INIT(&mem);
	opts.lend_policy = GMS_LEND_PERSISTENT;	/* a lazy device says when */
	opts.now_ns = ledger_clock;
	opts.log = say;
	opts.ctx = memory;
#ifdef MV_HAVE_JEMALLOC
	rc = gms_jemalloc_new(&memory->arena);
	if (!rc)
		rc = gms_jemalloc_allocator(memory->arena, &mem);
	if (!rc)
		opts.mem = &mem;
#endif
	return rc ? rc : gms_space_new(&memory->space, &opts);
}

static int add_region(struct mv_memory *memory, struct gms_backing **backing, int vm_fd,
		      uint64_t gpa, uint64_t bytes, uint32_t base_order, gms_state state)
{
	struct gms_backing_opts make;
	struct gms_region_opts region;
	int rc;

	GMS_INIT(&make);
	GMS_INIT(&region);
	make.bytes = bytes;
	make.kind = vm_fd < 0 ? GMS_BACKING_MEMFD : GMS_BACKING_GUEST_MEMFD;
	make.vm_fd = vm_fd;
	rc = gms_backing_new(backing, &make);
	if (!rc)
		rc = gms_backing_region(*backing, gpa / MV_PAGE_BYTES, base_order, state, &region);
	if (!rc)
		rc = gms_region_add(memory->space, &region, NULL);
	return rc;
}

static int map_for_guest(struct mv_memory *memory)
{
	void *mem = mmap(NULL, MV_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			 gms_backing_fd(memory->ram), 0);

	if (mem == MAP_FAILED)
		return -errno;
	memory->guest_ram = mem;
	return 0;
}

int mv_memory_new(struct mv_memory *memory, int vm_fd, bool direct_map)
{
	const gms_state shared = GMS_STATE_SHARED | GMS_STATE_DIRECT_MAP;
	const gms_state ram_state = direct_map ? shared : GMS_STATE_SHARED;
	int rc;

	memset(memory, 0, sizeof(*memory));
	rc = new_space(memory);
	if (!rc)
		rc = add_region(memory, &memory->firmware, -1, MV_FIRMWARE_GPA, MV_FIRMWARE_BYTES,
				GMS_ORDER_4K, shared);
	if (!rc)
		rc = add_region(memory, &memory->ram, vm_fd, MV_RAM_GPA, MV_RAM_BYTES,
				GMS_ORDER_2M, ram_state);
	if (!rc && vm_fd < 0)
		rc = map_for_guest(memory);
	if (rc) {
		mv_memory_free(memory);
		return rc;
	}
	memory->firmware_hva = gms_backing_hva(memory->firmware);
	memory->ram_hva = gms_backing_hva(memory->ram);
	memory->control = (struct mv_control *)(void *)(memory->firmware_hva + MV_CONTROL_GPA);
	return 0;
}

void mv_memory_load(struct mv_memory *memory, uint64_t area_bytes)
{
	static const uint64_t area[] = { MV_OUT_GPA, MV_IN_GPA, MV_POOL_GPA };

	for (unsigned int i = 0; i < sizeof(area) / sizeof(area[0]); i++)
		memset(memory->ram_hva + (area[i] - MV_RAM_GPA), 0, area_bytes);
}

int mv_memory_all_private(struct mv_memory *memory)
{
	const struct gms_range ram = {
		MV_RAM_GPA / MV_PAGE_BYTES, MV_RAM_BYTES / MV_PAGE_BYTES
	};

	return gms_unshare(memory->space, ram, NULL);
}

void mv_memory_free(struct mv_memory *memory)
{
	if (memory->guest_ram)
		munmap(memory->guest_ram, MV_RAM_BYTES);
	gms_space_free(memory->space);
	gms_backing_free(memory->ram);
	gms_backing_free(memory->firmware);
#ifdef MV_HAVE_JEMALLOC
	gms_jemalloc_free(memory->arena);
#endif
	memset(memory, 0, sizeof(*memory));
}
