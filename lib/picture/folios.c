/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * folios.c - which folios a space has, as runs of one order; see memory.h.
 *
 * Asking for the folio of each block of 2 MiB takes minutes of a space of 4 PiB. So the
 * space is saved once more, into nothing, and the sections that tell of folios are
 * looked at: they are as many as there are cuts. gms_save(3) has the format; what the
 * library just wrote is in its own version and without damage.
 */
#include "picture/memory.h"

#include <errno.h>
#include <stdlib.h>

#define HEADER_BYTES	16u
#define SECTION_BYTES	8u	/* before the payload */
#define SUM_BYTES	4u	/* behind it */
#define REGION		2u	/* types of sections */
#define FOLIOS		4u
#define ORDER_BITS	5u

struct folios {
	struct picture_memory *memory;
	uint64_t most_bytes;		/* 0: any */
	uint64_t skip;			/* bytes that say nothing of folios */
	unsigned char head[SECTION_BYTES];
	unsigned int nhead;
	uint32_t left;			/* of a payload that does */
	uint32_t type;
	uint64_t number;		/* that is being read */
	unsigned int shift;
	unsigned int nth;		/* of its section */
	gms_gfn	 at, end;		/* of the region: told up to there */
	uint32_t base_order;
};

static int add(struct folios *folios, uint32_t order, gms_gfn end)
{
	struct picture_memory *memory = folios->memory;
	const size_t n = memory->nfolios;
	struct picture_folios *more;

	folios->at = end;
	/* A power of two is full. */
	if (!(n & (n - 1))) {
		if (folios->most_bytes && n * sizeof(*more) > folios->most_bytes)
			return -EMSGSIZE;
		more = realloc(memory->folios, (n ? 2 * n : 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memory->folios = more;
	}
	memory->folios[memory->nfolios++] = (struct picture_folios){ end, order };
	return 0;
}

/* Of a region without a section nothing is cut. */
static int end_region(struct folios *folios)
{
	return folios->at < folios->end ? add(folios, folios->base_order, folios->end) : 0;
}

static int take_number(struct folios *folios, uint64_t number)
{
	const uint32_t order = number & ((1u << ORDER_BITS) - 1);
	int err;

	if (folios->type == FOLIOS)
		return add(folios, order, folios->at + (number >> ORDER_BITS << order));
	switch (folios->nth++) {
	case 0:
		err = end_region(folios);
		folios->at = number;
		return err;
	case 1:
		folios->end = folios->at + number;
		return 0;
	case 2:
		folios->base_order = (uint32_t)number;
		return 0;
	default:
		return 0;
	}
}

static void begin_section(struct folios *folios)
{
	const unsigned char *head = folios->head;
	const uint32_t bytes = head[4] | (uint32_t)head[5] << 8 | (uint32_t)head[6] << 16 |
			       (uint32_t)head[7] << 24;

	folios->nhead = 0;
	folios->nth = 0;
	folios->type = head[0] | (uint32_t)head[1] << 8;
	if (folios->type == REGION || folios->type == FOLIOS)
		folios->left = bytes;
	folios->skip = (folios->left ? 0 : (uint64_t)bytes) + SUM_BYTES;
}

static int take_byte(struct folios *folios, unsigned char byte)
{
	uint64_t number;

	if (!folios->left) {
		folios->head[folios->nhead++] = byte;
		if (folios->nhead == SECTION_BYTES)
			begin_section(folios);
		return 0;
	}
	folios->left--;
	folios->number |= (uint64_t)(byte & 0x7f) << folios->shift;
	folios->shift += 7;
	if (byte & 0x80)
		return 0;
	number = folios->number;
	folios->number = 0;
	folios->shift = 0;
	return take_number(folios, number);
}

static int take(void *ctx, const char *text, size_t bytes)
{
	struct folios *folios = ctx;
	size_t i = 0;
	int err = 0;

	while (!err && i < bytes) {
		const uint64_t left = bytes - i;

		if (folios->skip && !folios->left) {
			const uint64_t n = folios->skip < left ? folios->skip : left;

			folios->skip -= n;
			i += n;
		} else {
			err = take_byte(folios, (unsigned char)text[i++]);
		}
	}
	return err;
}

int picture_list_folios(struct picture_memory *memory, uint64_t most_bytes)
{
	struct folios folios = {
		.memory = memory, .most_bytes = most_bytes, .skip = HEADER_BYTES,
	};
	int err = gms_save(memory->space, take, &folios);

	return err ? err : end_region(&folios);
}
