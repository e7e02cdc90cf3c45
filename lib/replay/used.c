/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * used.c - pages that turned private, until the guest uses them; see used.h.
 */
#include "replay/used.h"

#include <errno.h>
#include <stdlib.h>

#define GIB_PAGES	(UINT64_C(1) << (30 - GMS_PAGE_SHIFT))
#define WORD_PAGES	64u

int used_init(struct used *used, uint64_t ngib)
{
	*used = (struct used){ .gib = calloc(ngib, sizeof(*used->gib)), .ngib = ngib };
	return used->gib ? 0 : -ENOMEM;
}

void used_drop(struct used *used)
{
	for (uint64_t i = 0; used->gib && i < used->ngib; i++)
		free(used->gib[i]);
	free(used->gib);
	*used = (struct used){ .gib = NULL };
}

/* Bits of the pages from this one on, within a word: at most up to end. */
static uint64_t bits_at(uint64_t page, uint64_t end, uint64_t *npages)
{
	const uint64_t at = page % WORD_PAGES, room = WORD_PAGES - at;

	*npages = end - page < room ? end - page : room;
	return UINT64_MAX >> (WORD_PAGES - *npages) << at;
}

static uint64_t *word_of(const struct used *used, uint64_t page)
{
	uint64_t *gib = used->gib[page / GIB_PAGES];

	return gib ? &gib[page % GIB_PAGES / WORD_PAGES] : NULL;
}

int used_turned(struct used *used, const struct gms_range *runs, size_t nruns)
{
	for (size_t i = 0; i < nruns; i++) {
		const uint64_t end = runs[i].first + runs[i].npages;
		uint64_t npages;

		for (uint64_t page = runs[i].first; page < end; page += npages) {
			const uint64_t bits = bits_at(page, end, &npages);
			uint64_t **gib = &used->gib[page / GIB_PAGES];

			if (!*gib)
				*gib = calloc(GIB_PAGES / WORD_PAGES, sizeof(**gib));
			if (!*gib)
				return -ENOMEM;
			*word_of(used, page) |= bits;
		}
	}
	return 0;
}

uint64_t used_take(struct used *used, uint64_t gpa, uint64_t bytes)
{
	const uint64_t end = ((gpa + bytes - 1) >> GMS_PAGE_SHIFT) + 1;
	uint64_t npages, n = 0;

	for (uint64_t page = gpa >> GMS_PAGE_SHIFT; page < end; page += npages) {
		const uint64_t bits = bits_at(page, end, &npages);
		uint64_t *word = word_of(used, page);

		if (!word || !(*word & bits))
			continue;
		n += (uint64_t)__builtin_popcountll(*word & bits);
		*word &= ~bits;
	}
	return n;
}
