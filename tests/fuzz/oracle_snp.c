/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle_snp.c - a buffer of page state changes, bit by bit and page by page.
 *
 * Fields are found by their place in the specification's tables, and progress is made one
 * page at a time: cur_page goes up by one, and cur_entry when there is no page left.
 */
#include "oracle_snp.h"

/* An entry is wrong; no conversion says so. */
#define WRONG_ENTRY	(-1001)

struct field {
	unsigned bit, nbits;	/* in a word of 64 bits, little endian */
};

static const struct field cur_entry = { 0, 16 }, end_entry = { 16, 16 }, cur_page = { 0, 12 },
	gfn = { 12, 40 }, operation = { 52, 4 }, pagesize = { 56, 1 };

static uint64_t get(const struct psc *psc, unsigned word, struct field field)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < field.nbits; i++) {
		const unsigned bit = 64 * word + field.bit + i;

		value |= (uint64_t)(psc->buffer[bit / 8] >> bit % 8 & 1) << i;
	}
	return value;
}

/* One more: none of these fields is ever full. */
static void count_up(struct psc *psc, unsigned word, struct field field)
{
	for (unsigned bit = 64 * word + field.bit;; bit++) {
		psc->buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (psc->buffer[bit / 8] & 1 << bit % 8)
			return;
	}
}

static uint64_t pages_of(const struct psc *psc, unsigned i)
{
	return get(psc, 1 + i, pagesize) ? 512 : 1;
}

static uint64_t left_of(const struct psc *psc, unsigned i)
{
	return pages_of(psc, i) - get(psc, 1 + i, cur_page);
}

static bool is_wrong(const struct psc *psc, unsigned i)
{
	const uint64_t npages = pages_of(psc, i), first = get(psc, 1 + i, gfn);

	return get(psc, 1 + i, cur_page) > npages || first % npages ||
	       first + npages > UINT64_C(1) << (psc->gpa_bits - 12);
}

/* May entry i join entries of the same kind as entry first, which end before page next? */
static bool may_join(const struct psc *psc, unsigned first, unsigned i, uint64_t next)
{
	return !is_wrong(psc, i) && !get(psc, 1 + first, cur_page) && !get(psc, 1 + i, cur_page) &&
	       get(psc, 1 + i, operation) == get(psc, 1 + first, operation) &&
	       get(psc, 1 + i, pagesize) == get(psc, 1 + first, pagesize) &&
	       get(psc, 1 + i, gfn) == next;
}

static struct gms_change change_of(uint64_t op, gms_gfn first, uint64_t npages)
{
	struct gms_change change = { { first, npages }, 0, 0 };

	if (op == 1)
		change.clear = GMS_STATE_SHARED;
	if (op == 2) {
		change.set = GMS_STATE_SHARED;
		change.clear = GMS_STATE_ACCEPTED;
	}
	return change;
}

/* What is asked for, before the entry that is returned: wrong, or past the end. */
static unsigned read_entries(const struct psc *psc, struct ask *ask)
{
	const unsigned end = (unsigned)get(psc, 0, end_entry);
	unsigned i = (unsigned)get(psc, 0, cur_entry);

	while (i <= end) {
		const unsigned first = i;
		const gms_gfn at = get(psc, 1 + i, gfn) + get(psc, 1 + i, cur_page);
		uint64_t npages;

		if (is_wrong(psc, i)) {
			ask->stop_error = WRONG_ENTRY;
			break;
		}
		npages = left_of(psc, i++);
		if (!npages)
			continue;
		for (; i <= end && may_join(psc, first, i, at + npages); i++)
			npages += pages_of(psc, i);
		ask->part[ask->nparts++] = change_of(get(psc, 1 + first, operation), at, npages);
	}
	return i;
}

/* So many pages are done, and every entry before limit may be gone past. */
static void make_progress(struct psc *psc, uint64_t npages, unsigned limit)
{
	for (;;) {
		const unsigned i = (unsigned)get(psc, 0, cur_entry);

		if (i >= limit)
			return;
		if (!left_of(psc, i))
			count_up(psc, 0, cur_entry);
		else if (npages--)
			count_up(psc, 1 + i, cur_page);
		else
			return;
	}
}

uint64_t oracle_psc(struct world *w, struct psc *psc)
{
	struct ask ask = psc->how;
	struct reply reply;
	unsigned limit;

	if (psc->bytes < 8 || get(psc, 0, end_entry) >= (psc->bytes - 8) / 8 ||
	    get(psc, 0, end_entry) >= 253)
		return UINT64_C(0x0000000100000001);
	limit = read_entries(psc, &ask);
	oracle_request(w, &ask, &reply);
	make_progress(psc, reply.pages, limit);
	if (!reply.error)
		return 0;
	return reply.error == WRONG_ENTRY ? UINT64_C(0x0000000100000002) :
	       UINT64_C(0x0000010000000000);
}

uint64_t oracle_psc_msr(struct world *w, uint64_t word, unsigned gpa_bits, struct ask how)
{
	const uint64_t op = word >> 52 & 15, page = word >> 12 & ((UINT64_C(1) << 40) - 1);
	const uint64_t error = UINT64_C(0x8000000000000015);
	struct reply reply;

	if ((op != 1 && op != 2) || page >> (gpa_bits - 12))
		return error;
	how.part[how.nparts++] = change_of(op, page, 1);
	oracle_request(w, &how, &reply);
	return reply.error ? error : 0x15;
}
