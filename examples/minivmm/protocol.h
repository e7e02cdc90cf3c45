/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol.h - what the guest and the VMM agree on: the map of guest-physical
 * memory, the doorbells, and the control page through which they talk.
 *
 * The guest rings a doorbell by `out` to a port; what it wants lies in the
 * control page, which is always shared. The VMM answers there too and lets the
 * guest go on, so nobody reads while the other one writes - unless the guest is
 * hostile: the VMM copies a request once and believes only its copy.
 */
#ifndef MINIVMM_PROTOCOL_H
#define MINIVMM_PROTOCOL_H

#include <stdint.h>

#define MV_PAGE_BYTES		4096u
#define MV_SECTOR_BYTES		512u

/* Always shared: page tables, the guest's code and stack, the control page. */
#define MV_FIRMWARE_GPA		UINT64_C(0)
#define MV_FIRMWARE_BYTES	(UINT64_C(128) << 10)
#define MV_TABLES_GPA		UINT64_C(0x1000)
#define MV_IMAGE_GPA		UINT64_C(0x5000)	/* guest.ld says so too */
#define MV_IMAGE_BYTES		UINT64_C(0x8000)
#define MV_STACK_TOP_GPA	UINT64_C(0x10000)
#define MV_CONTROL_GPA		UINT64_C(0x10000)

/* Private from launch on, but for what the guest shares. */
#define MV_RAM_GPA		(UINT64_C(1) << 30)
#define MV_RAM_BYTES		(UINT64_C(256) << 20)

/* Where the guest keeps its buffers: one after the other in each area. */
#define MV_AREA_BYTES		(UINT64_C(64) << 20)
#define MV_OUT_GPA		MV_RAM_GPA
#define MV_IN_GPA		(MV_OUT_GPA + MV_AREA_BYTES)
#define MV_POOL_GPA		(MV_IN_GPA + MV_AREA_BYTES)
#define MV_SLOTS		64u	/* buffers, if not said otherwise */
#define MV_POOL_SLOTS		16u

#define MV_LENGTH_MAX		(UINT32_C(1) << 20)
#define MV_BATCH_MAX		256u

/* The doorbells. */
#define MV_PORT_READY		0x510u	/* the job is done: give me the next one */
#define MV_PORT_CONVERT		0x511u	/* share or unshare conversion[] */
#define MV_PORT_KICK		0x512u	/* carry out request[] */

/* How the guest gives the device its buffers. */
enum mv_mode {
	MV_MODE_POOL = 1,	/* copy through a pool that is shared for ever */
	MV_MODE_CONVERT,	/* share, do `batch` requests, unshare */
	MV_MODE_KEEP,		/* share a buffer at its first use and leave it so */
	MV_MODE_KICK,		/* share nothing: the VMM has other ways to it */
	MV_MODE_HOSTILE		/* ask for everything that must be refused */
};

enum mv_op {
	MV_OP_READ = 1,		/* disk to memory */
	MV_OP_WRITE		/* memory to disk */
};

struct mv_request {
	uint64_t lba;		/* in sectors */
	uint64_t gpa;
	uint32_t length_bytes;
	uint32_t op;
	int32_t  status;	/* the VMM's answer: 0 or a negative errno */
	uint32_t reserved;
};

struct mv_conversion {
	uint64_t gfn;
	uint64_t npages;
};

struct mv_control {
	/* The job. Written by the VMM while the guest waits at READY. */
	uint64_t seed;
	uint32_t mode;
	uint32_t batch;
	uint32_t length_bytes;
	uint32_t nblocks;
	uint32_t nbuffers;	/* that the blocks take turns in; a multiple of batch */
	uint32_t ops;		/* bit MV_OP_*: write each block, read it and check */
	uint32_t touch;		/* every page of the buffers, before the first block */
	uint32_t reserved_job;

	/* What came of it. Written by the guest. */
	uint64_t checked_bytes;
	uint64_t wrong_bytes;
	uint64_t copied_bytes;
	uint64_t refusals;
	uint64_t sent;		/* hostile ones */

	/* CONVERT */
	uint32_t nconversions;
	uint32_t to_shared;
	int32_t  convert_status;

	/* KICK */
	uint32_t nrequests;
	int32_t  kick_status;
	uint32_t reserved;

	struct mv_conversion conversion[MV_BATCH_MAX];
	struct mv_request request[MV_BATCH_MAX];
};

/*
 * The eight bytes that belong at a place of the disk: a function of the seed,
 * the block and the offset in it, so that data from another run, another block
 * or another place in the block is never taken for the right one.
 */
static inline uint64_t mv_pattern(uint64_t seed, uint64_t disk_offset_bytes)
{
	uint64_t x = seed + (disk_offset_bytes / 8) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* How many of the bytes of two words differ. */
static inline unsigned int mv_wrong_bytes(uint64_t a, uint64_t b)
{
	unsigned int wrong = 0;

	for (uint64_t differ = a ^ b; differ; differ >>= 8)
		wrong += (differ & 0xff) != 0;
	return wrong;
}

#endif
