/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snp.c - the GHCB's buffer of page state changes.
 *
 * begin copies the header, then each entry from cur_entry on, and makes parts of the
 * copy; end writes back how far the parts came. Done are always the entries before some
 * entry, whole, and the first pages of that one: the state of a buffer is those two
 * numbers, and KVM's skipping, joining and resuming are ways to come to them.
 *
 *   P1  words.psc.entry[i] is what the guest's entry i was, for i in [first, end); the
 *       entry at end is wrong, or past end_entry, or was not looked at (no header).
 *   P2  Parts are of entries in order. An entry in [first, end) that is in none had all
 *       its pages done.
 */
#include "guest/snp.h"

#include <errno.h>

#include "base/atomic.h"
#include "base/le.h"

_Static_assert(GMS_SNP_PSC_ENTRIES_MOST == GMS__REQUEST_PARTS, "an entry is a part at most");
_Static_assert(GMS_SNP_PSC_BYTES == 8 * (GMS_SNP_PSC_ENTRIES_MOST + 1), "header and entries");

#define WORD		sizeof(uint64_t)
#define INDEX_MASK	UINT64_C(0xffff)	/* of cur_entry and end_entry */
#define CUR_PAGE_MASK	UINT64_C(0xfff)

/* stop_error: what is wrong with the buffer. gms_convert() never says these. */
#define BAD_HEADER	(-EPROTO)
#define BAD_ENTRY	(-EBADMSG)

/* Guest memory: of no type that a compiler may know of. */
typedef uint64_t __attribute__((__may_alias__)) guest_word;
typedef uint16_t __attribute__((__may_alias__)) guest_half;

/*
 * A word of the guest's buffer. Where the buffer is not aligned each byte is read once:
 * what comes of it may never have been there as a word, and it is checked like any other.
 */
static uint64_t read_word(const unsigned char *at)
{
	uint64_t word = 0;

	if ((uintptr_t)at % WORD == 0)
		return gms__le64(gms__load_relaxed((const guest_word *)(const void *)at));
	for (unsigned i = 0; i < WORD; i++)
		word |= (uint64_t)gms__load_relaxed(at + i) << 8 * i;
	return word;
}

static void write_bytes(unsigned char *at, uint64_t word, size_t nbytes)
{
	for (size_t i = 0; i < nbytes; i++)
		gms__store(at + i, (unsigned char)(word >> 8 * i));
}

static void write_entry(unsigned char *buffer, uint32_t index, uint64_t word)
{
	unsigned char *at = buffer + WORD * (1 + index);

	if ((uintptr_t)at % WORD == 0)
		gms__store((guest_word *)(void *)at, gms__le64(word));
	else
		write_bytes(at, word, WORD);
}

/* The first half word of the header, and not what is behind it. */
static void write_cur_entry(unsigned char *buffer, uint32_t index)
{
	if ((uintptr_t)buffer % sizeof(guest_half) == 0)
		gms__store((guest_half *)(void *)buffer, gms__le16((uint16_t)index));
	else
		write_bytes(buffer, index, sizeof(guest_half));
}

static uint32_t cur_entry_of(uint64_t header)
{
	return (uint32_t)(header >> GMS_SNP_PSC_CUR_ENTRY_SHIFT & INDEX_MASK);
}

static uint32_t end_entry_of(uint64_t header)
{
	return (uint32_t)(header >> GMS_SNP_PSC_END_ENTRY_SHIFT & INDEX_MASK);
}

static uint64_t cur_page_of(uint64_t entry)
{
	return entry >> GMS_SNP_PSC_CUR_PAGE_SHIFT & CUR_PAGE_MASK;
}

static uint32_t order_of(uint64_t entry)
{
	return entry & GMS_SNP_PSC_2M ? GMS_ORDER_2M : GMS_ORDER_4K;
}

static uint64_t npages_of(uint64_t entry)
{
	return UINT64_C(1) << order_of(entry);
}

static uint64_t with_cur_page(uint64_t entry, uint64_t npages)
{
	return (entry & ~(CUR_PAGE_MASK << GMS_SNP_PSC_CUR_PAGE_SHIFT)) |
	       npages << GMS_SNP_PSC_CUR_PAGE_SHIFT;
}

/* All of an entry's pages, done or not: false if it is none. */
static bool pages_of_entry(const struct gms_request *request, uint64_t entry,
			   struct gms_range *range)
{
	const uint64_t npages = npages_of(entry);
	const gms_gfn gfn = gms__snp_gfn(entry);

	return cur_page_of(entry) <= npages && gfn % npages == 0 &&
	       gms__pages_of(request, gfn << GMS_PAGE_SHIFT, npages << GMS_PAGE_SHIFT, range);
}

/* Does one entry go on where the one before it ends, both of one kind and both new? */
static bool joins(uint64_t before, uint64_t entry)
{
	return !cur_page_of(before) && !cur_page_of(entry) &&
	       order_of(before) == order_of(entry) && gms__snp_op(before) == gms__snp_op(entry) &&
	       gms__snp_gfn(before) + npages_of(before) == gms__snp_gfn(entry);
}

/* Entry index of the copy, of these pages: a part, or more of the last one, or done. */
static void take_entry(struct gms_request *request, uint32_t index, struct gms_range range)
{
	const struct gms__psc_copy *copy = &request->words.psc;
	const uint64_t entry = copy->entry[index], done = cur_page_of(entry);
	struct gms_request_part *part;

	if (done == range.npages)
		return;
	if (index > copy->first && joins(copy->entry[index - 1], entry)) {
		part = &request->part[request->nparts - 1];
		part->change.range.npages += range.npages;
		part->nentries++;
		return;
	}
	range.first += done;
	range.npages -= done;
	part = gms__snp_add(request, range, gms__snp_op(entry));
	part->entry = index;
	part->nentries = 1;
	part->order = done ? GMS_ORDER_4K : order_of(entry);
}

/* Copy entries and make parts of them, up to the first that is wrong. */
static int take_entries(struct gms_request *request, const unsigned char *buffer, uint32_t last)
{
	struct gms__psc_copy *copy = &request->words.psc;
	struct gms_range range;

	for (; copy->end <= last; copy->end++) {
		const uint64_t entry = read_word(buffer + WORD * (1 + copy->end));

		if (!pages_of_entry(request, entry, &range))
			return BAD_ENTRY;
		copy->entry[copy->end] = entry;
		take_entry(request, copy->end, range);
	}
	return 0;
}

int gms_snp_psc_begin(struct gms_request *request, const void *buffer, size_t bytes)
{
	struct gms__psc_copy *copy;
	int stop_error = BAD_HEADER;

	if (!buffer || gms__request_begin(request, GMS_PROTOCOL_SNP_PSC, GMS_REQUEST_WHOLE))
		return -EINVAL;
	copy = &request->words.psc;
	copy->header = bytes < WORD ? 0 : read_word(buffer);
	copy->first = cur_entry_of(copy->header);
	copy->end = copy->first;
	if (bytes > GMS_SNP_PSC_BYTES)
		bytes = GMS_SNP_PSC_BYTES;
	if (bytes / WORD > 1 + (size_t)end_entry_of(copy->header))
		stop_error = take_entries(request, buffer, end_entry_of(copy->header));
	gms__request_ready(request, stop_error);
	return 0;
}

/* The entry at hand, and how many of its pages were done of those that were not. */
static uint32_t reached(const struct gms_request *request, uint64_t *npages)
{
	const struct gms__psc_copy *copy = &request->words.psc;
	const struct gms_request_part *part = &request->part[request->place.part];
	uint64_t each;

	*npages = 0;
	if (gms__request_whole(request))
		return copy->end;
	each = npages_of(copy->entry[part->entry]);
	*npages = request->place.pages % each;
	return part->entry + (uint32_t)(request->place.pages / each);
}

static void write_back(const struct gms_request *request, unsigned char *buffer)
{
	const struct gms__psc_copy *copy = &request->words.psc;
	uint64_t npages;
	const uint32_t at = reached(request, &npages);

	for (uint32_t i = copy->first; i < at; i++) {
		const uint64_t entry = copy->entry[i];

		if (cur_page_of(entry) != npages_of(entry))
			write_entry(buffer, i, with_cur_page(entry, npages_of(entry)));
	}
	if (npages) {
		const uint64_t entry = copy->entry[at];

		write_entry(buffer, at, with_cur_page(entry, cur_page_of(entry) + npages));
	}
	if (at != copy->first)
		write_cur_entry(buffer, at);
}

/* For now: the embedder said so, or a page is held and he wants that. */
static bool is_put_off(const struct gms_request *request)
{
	if (request->error == -EAGAIN && request->error_reason == GMS_REASON_NONE)
		return true;
	return (request->opts.flags & GMS_REQUEST_PUT_OFF) &&
	       (request->error == -EAGAIN || request->error == -EBUSY);
}

static uint64_t info_of(const struct gms_request *request)
{
	if (!request->error || is_put_off(request))
		return 0;
	if (request->error != request->stop_error)
		return GMS_SNP_PSC_GENERIC;
	return request->error == BAD_HEADER ? GMS_SNP_PSC_INVALID_HDR : GMS_SNP_PSC_INVALID_ENTRY;
}

int gms_snp_psc_end(struct gms_request *request, void *buffer, uint64_t *sw_exit_info_2)
{
	if (!buffer || !sw_exit_info_2 || gms__request_end(request, GMS_PROTOCOL_SNP_PSC))
		return -EINVAL;
	write_back(request, buffer);
	*sw_exit_info_2 = info_of(request);
	return 0;
}

int gms_snp_psc(struct gms_request *request, void *buffer, size_t bytes, uint64_t *sw_exit_info_2)
{
	int err = sw_exit_info_2 ? gms_snp_psc_begin(request, buffer, bytes) : -EINVAL;

	if (!err)
		err = gms_request_run(request);
	return err ? err : gms_snp_psc_end(request, buffer, sw_exit_info_2);
}
