/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_hostile.c - what a guest must not be able to ask for.
 *
 * Every line is sent alone, as conversion and as request, and must be refused:
 * nothing here is shared, so there is nothing that the device may touch.
 */
#include "guest.h"

#define RAM_FIRST	(MV_RAM_GPA / MV_PAGE_BYTES)
#define RAM_PAGES	(MV_RAM_BYTES / MV_PAGE_BYTES)
#define RAM_END_GPA	(MV_RAM_GPA + MV_RAM_BYTES)

static const struct mv_conversion bad_conversion[] = {
	{ RAM_FIRST, 0 },
	{ RAM_FIRST - 1, 1 },				/* not RAM */
	{ RAM_FIRST - 1, 2 },				/* begins outside */
	{ RAM_FIRST, RAM_PAGES + 1 },			/* ends outside */
	{ RAM_FIRST + RAM_PAGES, 1 },
	{ RAM_FIRST + 1, UINT64_MAX },			/* wraps */
	{ UINT64_MAX, 2 },
	{ 0, 1 },					/* the firmware */
};

static const struct mv_request bad_request[] = {
	{ 0, MV_RAM_GPA, 4096, MV_OP_READ, 0, 0 },	/* private */
	{ 0, MV_RAM_GPA, 4096, MV_OP_WRITE, 0, 0 },
	{ 0, MV_POOL_GPA, 512, MV_OP_READ, 0, 0 },
	{ 0, MV_RAM_GPA, 0, MV_OP_READ, 0, 0 },
	{ 0, MV_RAM_GPA, 511, MV_OP_READ, 0, 0 },
	{ 0, MV_RAM_GPA, MV_LENGTH_MAX + 512, MV_OP_READ, 0, 0 },
	{ 0, MV_RAM_GPA, UINT32_MAX, MV_OP_READ, 0, 0 },
	{ 0, MV_RAM_GPA + 1, 512, MV_OP_READ, 0, 0 },	/* unaligned */
	{ 0, MV_RAM_GPA - 512, 512, MV_OP_READ, 0, 0 },	/* not RAM */
	{ 0, MV_CONTROL_GPA, 512, MV_OP_READ, 0, 0 },	/* the firmware */
	{ 0, RAM_END_GPA - 512, 1024, MV_OP_READ, 0, 0 },
	{ 0, RAM_END_GPA, 512, MV_OP_READ, 0, 0 },
	{ 0, UINT64_MAX - 511, 1024, MV_OP_READ, 0, 0 },
	{ UINT64_MAX, MV_RAM_GPA, 512, MV_OP_READ, 0, 0 },	/* past the disk */
	{ UINT64_MAX / 512, MV_RAM_GPA, 512, MV_OP_WRITE, 0, 0 },
	{ 0, MV_RAM_GPA, 512, 0, 0, 0 },		/* no such operation */
	{ 0, MV_RAM_GPA, 512, MV_OP_WRITE + 1, 0, 0 },
};

static const uint32_t bad_count[] = { 0, MV_BATCH_MAX + 1, UINT32_MAX };

#define COUNT(array)	((unsigned int)(sizeof(array) / sizeof((array)[0])))

static void ask_convert(const struct mv_guest *guest, uint32_t n)
{
	struct mv_control *control = guest->control;

	control->nconversions = n;
	for (uint32_t to_shared = 0; to_shared < 2; to_shared++) {
		control->to_shared = to_shared;
		mv_guest_ring(guest, MV_PORT_CONVERT);
		control->sent++;
		control->refusals += control->convert_status != 0;
	}
}

static void ask_kick(const struct mv_guest *guest, uint32_t n)
{
	struct mv_control *control = guest->control;

	control->nrequests = n;
	control->request[0].status = 0;
	mv_guest_ring(guest, MV_PORT_KICK);
	control->sent++;
	control->refusals += control->kick_status || control->request[0].status;
}

void mv_guest_hostile(const struct mv_guest *guest)
{
	struct mv_control *control = guest->control;

	for (unsigned int i = 0; i < COUNT(bad_conversion); i++) {
		control->conversion[0] = bad_conversion[i];
		ask_convert(guest, 1);
	}
	for (unsigned int i = 0; i < COUNT(bad_request); i++) {
		control->request[0] = bad_request[i];
		ask_kick(guest, 1);
	}
	for (unsigned int i = 0; i < COUNT(bad_count); i++) {
		control->conversion[0] = (struct mv_conversion){ RAM_FIRST, 1 };
		ask_convert(guest, bad_count[i]);
		ask_kick(guest, bad_count[i]);
	}
}
