/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * psc.h - buffers of page state changes, as a guest makes them.
 *
 * struct psc_memory is the memory of a guest around a buffer. psc_ask() has it carried
 * out and fails the test if anything was stored to that the answer does not consist of.
 */
#ifndef PSC_H
#define PSC_H

#include "fixture.h"

#define PSC_WORDS	(GMS_SNP_PSC_ENTRIES_MOST + 1)
#define PSC_GUARDS	4
#define PSC_GUARD	UINT64_C(0xa5a5a5a5a5a5a5a5)

struct psc_memory {
	uint64_t before[PSC_GUARDS];
	uint64_t word[PSC_WORDS];	/* the buffer: header, entries */
	uint64_t behind[PSC_GUARDS];
};

static inline uint64_t psc_header(unsigned cur, unsigned end)
{
	return (uint64_t)end << GMS_SNP_PSC_END_ENTRY_SHIFT | cur;
}

static inline uint64_t psc_entry(unsigned op, gms_gfn gfn, bool huge, unsigned cur_page)
{
	return (huge ? GMS_SNP_PSC_2M : 0) | (uint64_t)op << GMS_SNP_OP_SHIFT |
	       gfn << GMS_SNP_GFN_SHIFT | cur_page;
}

static inline unsigned psc_cur_entry(const struct psc_memory *memory)
{
	return memory->word[0] & 0xffff;
}

static inline unsigned psc_end_entry(const struct psc_memory *memory)
{
	return memory->word[0] >> GMS_SNP_PSC_END_ENTRY_SHIFT & 0xffff;
}

static inline unsigned psc_cur_page(const struct psc_memory *memory, unsigned index)
{
	return memory->word[1 + index] & 0xfff;
}

/* A buffer of entries 0..nentries - 1; every other word is a guard. */
static inline void psc_fill(struct psc_memory *memory, unsigned cur, unsigned end,
			    const uint64_t *entries, unsigned nentries)
{
	uint64_t *const words = (uint64_t *)(void *)memory;

	for (size_t i = 0; i < sizeof(*memory) / sizeof(*words); i++)
		words[i] = PSC_GUARD;
	memory->word[0] = psc_header(cur, end);
	memcpy(memory->word + 1, entries, nentries * sizeof(*entries));
}

/* Stores are to cur_entry and cur_page, up to the entry at hand, and to nothing else. */
static inline void psc_check_stores(const struct psc_memory *old, const struct psc_memory *new)
{
	const unsigned from = psc_cur_entry(old), to = psc_cur_entry(new);
	unsigned wrong = 0;

	wrong += memcmp(old->before, new->before, sizeof(old->before)) != 0;
	wrong += memcmp(old->behind, new->behind, sizeof(old->behind)) != 0;
	wrong += to < from || ((old->word[0] ^ new->word[0]) & ~UINT64_C(0xffff)) != 0;
	for (unsigned i = 0; i < GMS_SNP_PSC_ENTRIES_MOST; i++) {
		const uint64_t differs = old->word[1 + i] ^ new->word[1 + i];

		wrong += i < from || i > to ? differs != 0 : differs >> 12 != 0;
	}
	ck_assert_msg(!wrong, "%u words were stored to that are no answer", wrong);
}

static inline uint64_t psc_ask(struct gms_request *request, struct psc_memory *memory,
			       size_t bytes)
{
	const struct psc_memory old = *memory;
	uint64_t info = UINT64_MAX;

	ck_assert_int_eq(gms_snp_psc(request, memory->word, bytes, &info), 0);
	psc_check_stores(&old, memory);
	return info;
}

#endif
