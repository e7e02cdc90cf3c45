/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest.c - the guest: writes blocks to its disk, reads them back, and checks
 * every byte.
 *
 * Compiled twice. For KVM into a flat image that runs in ring 3 without libc
 * (MV_FREESTANDING; entered from guest_entry.S, memory is where it is), and into
 * the VMM itself, as the body of a thread, for hosts without KVM.
 */
#include "guest.h"

#include <stdbool.h>
#include <string.h>

void mv_guest_ring(const struct mv_guest *guest, uint32_t port)
{
#ifdef MV_FREESTANDING
	(void)guest;
	__asm__ volatile("outb %%al, %w0" : : "d"(port) : "memory");
#else
	guest->doorbell(guest->ctx, port);
#endif
}

static char *at(const struct mv_guest *guest, uint64_t gpa)
{
	return guest->ram + (gpa - MV_RAM_GPA);
}

static void fill(char *mem, uint32_t length_bytes, uint64_t seed, uint64_t disk_offset_bytes)
{
	uint64_t *word = (uint64_t *)(void *)mem;

	for (uint32_t i = 0; i < length_bytes / 8; i++)
		word[i] = mv_pattern(seed, disk_offset_bytes + i * UINT64_C(8));
}

static uint64_t count_wrong(const char *mem, uint32_t length_bytes, uint64_t seed,
			    uint64_t disk_offset_bytes)
{
	const uint64_t *word = (const uint64_t *)(const void *)mem;
	uint64_t wrong = 0;

	for (uint32_t i = 0; i < length_bytes / 8; i++) {
		const uint64_t want = mv_pattern(seed, disk_offset_bytes + i * UINT64_C(8));

		if (word[i] != want)
			wrong += mv_wrong_bytes(word[i], want);
	}
	return wrong;
}

/* One doorbell: the pages under n buffers of a job, one conversion a buffer. */
static void convert(const struct mv_guest *guest, uint64_t first_gpa, uint32_t nbuffers,
		    uint32_t length_bytes, bool to_shared)
{
	struct mv_control *control = guest->control;

	for (uint32_t i = 0; i < nbuffers; i++) {
		const uint64_t gpa = first_gpa + (uint64_t)i * length_bytes;
		const uint64_t last_gfn = (gpa + length_bytes - 1) / MV_PAGE_BYTES;

		control->conversion[i].gfn = gpa / MV_PAGE_BYTES;
		control->conversion[i].npages = last_gfn + 1 - gpa / MV_PAGE_BYTES;
	}
	control->nconversions = nbuffers;
	control->to_shared = to_shared;
	mv_guest_ring(guest, MV_PORT_CONVERT);
	if (control->convert_status)
		control->refusals++;
}

/* One doorbell: blocks first_block.. to or from buffers that lie side by side. */
static void kick(const struct mv_guest *guest, uint32_t op, uint64_t first_gpa,
		 uint32_t first_block, uint32_t nblocks)
{
	struct mv_control *control = guest->control;
	const uint32_t length = control->length_bytes;

	for (uint32_t i = 0; i < nblocks; i++) {
		struct mv_request *request = &control->request[i];

		request->lba = (uint64_t)(first_block + i) * (length / MV_SECTOR_BYTES);
		request->gpa = first_gpa + (uint64_t)i * length;
		request->length_bytes = length;
		request->op = op;
	}
	control->nrequests = nblocks;
	mv_guest_ring(guest, MV_PORT_KICK);
	if (control->kick_status)
		control->refusals++;
	for (uint32_t i = 0; i < nblocks; i++)
		control->refusals += control->request[i].status != 0;
}

/* Bring blocks from the buffers to the disk or back, the way the job says. */
static void transfer(const struct mv_guest *guest, uint32_t op, uint64_t gpa,
		     uint32_t first_block, uint32_t nblocks)
{
	struct mv_control *control = guest->control;
	const uint32_t length = control->length_bytes;
	const uint64_t pool_gpa = MV_POOL_GPA + (uint64_t)(first_block % MV_POOL_SLOTS) * length;

	switch (control->mode) {
	case MV_MODE_POOL:
		if (op == MV_OP_WRITE)
			memcpy(at(guest, pool_gpa), at(guest, gpa), length);
		kick(guest, op, pool_gpa, first_block, 1);
		if (op == MV_OP_READ)
			memcpy(at(guest, gpa), at(guest, pool_gpa), length);
		control->copied_bytes += length;
		break;
	case MV_MODE_CONVERT:
		convert(guest, gpa, nblocks, length, true);
		kick(guest, op, gpa, first_block, nblocks);
		convert(guest, gpa, nblocks, length, false);
		break;
	case MV_MODE_KEEP:
		if (first_block < control->nbuffers)
			convert(guest, gpa, 1, length, true);
		kick(guest, op, gpa, first_block, 1);
		break;
	default:	/* MV_MODE_KICK */
		kick(guest, op, gpa, first_block, 1);
		break;
	}
}

/* As a guest would have that filled or cleared them some time ago. */
static void touch(const struct mv_guest *guest, uint64_t gpa)
{
	const uint64_t bytes = (uint64_t)guest->control->nbuffers * guest->control->length_bytes;

	for (uint64_t done = 0; done < bytes; done += MV_PAGE_BYTES)
		*(volatile char *)at(guest, gpa + done) = 0;
}

static void run_job(const struct mv_guest *guest)
{
	struct mv_control *control = guest->control;
	const uint32_t length = control->length_bytes;
	const uint64_t seed = control->seed;
	const uint32_t step = control->mode == MV_MODE_CONVERT ? control->batch : 1;

	if (control->mode == MV_MODE_POOL)
		convert(guest, MV_POOL_GPA, 1, MV_POOL_SLOTS * length, true);

	if (control->touch) {
		touch(guest, MV_OUT_GPA);
		touch(guest, MV_IN_GPA);
	}
	for (uint32_t block = 0; block < control->nblocks; block += step) {
		const uint32_t left = control->nblocks - block;
		const uint32_t n = left < step ? left : step;
		const uint64_t slot = block % control->nbuffers;
		const uint64_t out_gpa = MV_OUT_GPA + slot * length;
		const uint64_t in_gpa = MV_IN_GPA + slot * length;
		const uint64_t disk_bytes = (uint64_t)block * length;

		if (control->ops & 1u << MV_OP_WRITE) {
			fill(at(guest, out_gpa), n * length, seed, disk_bytes);
			transfer(guest, MV_OP_WRITE, out_gpa, block, n);
		}
		if (!(control->ops & 1u << MV_OP_READ))
			continue;
		transfer(guest, MV_OP_READ, in_gpa, block, n);
		control->wrong_bytes += count_wrong(at(guest, in_gpa), n * length, seed,
						    disk_bytes);
		control->checked_bytes += (uint64_t)n * length;
	}
}

void mv_guest_loop(const struct mv_guest *guest)
{
	struct mv_control *control = guest->control;

	for (;;) {
		mv_guest_ring(guest, MV_PORT_READY);
		control->checked_bytes = 0;
		control->wrong_bytes = 0;
		control->copied_bytes = 0;
		control->refusals = 0;
		control->sent = 0;
		if (control->mode == MV_MODE_HOSTILE)
			mv_guest_hostile(guest);
		else
			run_job(guest);
	}
}

#ifdef MV_FREESTANDING
void mv_guest_entry(void);

void mv_guest_entry(void)
{
	const struct mv_guest guest = {
		.control = (struct mv_control *)MV_CONTROL_GPA,
		.ram = (char *)MV_RAM_GPA,
	};

	mv_guest_loop(&guest);
}
#endif
