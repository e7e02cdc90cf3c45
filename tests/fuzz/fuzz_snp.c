/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_snp.c - buffers and words of SNP guests, sent again while there is something left.
 *
 * The buffer begins at any address, and may be written to by the guest between its reading
 * and its answer: then only the words of the answer are as the oracle has them.
 */
#include "oracle_snp.h"

#include <string.h>

#define ROUNDS	5
#define ENTRIES	253u
#define GUARD	0x5a

/* Of the options: the guest writes to the buffer meanwhile. */
#define SCRIBBLES	0x80u

const char fuzz_name[] = "snp";

static const uint32_t profiles[] = {
	GMS_PROFILE_GENERIC, GMS_PROFILE_KVM_ATTRS, GMS_PROFILE_SNP, GMS_PROFILE_CCA,
};

static uint64_t draw_entry(struct fuzz_in *in)
{
	const uint8_t kind = fuzz_u8(in);
	const uint64_t huge = kind >> 7;
	gms_gfn gfn = fuzz_gfn(in) & (GMS_GFN_LIMIT - 1);
	uint64_t done = 0;

	if (huge && kind % 16)
		gfn &= ~UINT64_C(511);
	if (kind % 8 == 7)
		done = fuzz_below(in, huge ? 515 : 3);
	return huge << 56 | (uint64_t)(kind >> 4 & 7) % 5 << 52 | gfn << 12 | done;
}

static void put_word(uint8_t *at, uint64_t word)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(word >> 8 * i);
}

/* Some entries of their own, each with some that go on from it by equal steps. */
static void draw_entries(struct fuzz_in *in, uint8_t *buffer, bool raw)
{
	unsigned i = 0;

	while (i < ENTRIES && in->left) {
		uint64_t entry = raw ? fuzz_u64(in) : draw_entry(in);
		const uint8_t more = fuzz_u8(in), odd = fuzz_u8(in);
		/* Mostly by its own length, so that they join. */
		const uint64_t step = more >> 5 ? (entry >> 56 & 1 ? 512 : 1) : more % 32;

		for (unsigned n = more & 0x10 ? more % 16u * 8 : more % 4; i < ENTRIES; n--) {
			/* One of them is begun, or of the other size. */
			put_word(buffer + 8 * (size_t)(1 + i++), n + 1 != odd % 64 ? entry :
				 odd & 0x80 ? entry ^ UINT64_C(1) << 56 : entry + 1);
			if (!n)
				break;
			entry += step << 12;
		}
	}
}

static void draw_buffer(struct fuzz_in *in, struct psc *psc)
{
	const uint8_t shape = fuzz_u8(in);
	uint64_t cur = 0, end;

	memset(psc->buffer, 0, sizeof(psc->buffer));
	psc->bytes = shape % 8 ? PSC_BYTES : fuzz_below(in, PSC_BYTES + 9);
	if (shape & 0x08)
		cur = fuzz_below(in, shape & 0x10 ? 300 : 16);
	end = fuzz_below(in, shape & 0x10 ? 300 : 16);
	if (shape / 64 == 3)
		cur |= fuzz_u64(in) << 16 | UINT64_C(0xffff) << 48;
	put_word(psc->buffer, cur | end << 16);
	draw_entries(in, psc->buffer, shape & 0x20);
}

static struct gms_request *draw_options(struct fuzz_in *in, struct world *w, struct psc *psc,
					uint8_t *options)
{
	static const uint64_t chunks[] = { GMS_REQUEST_WHOLE, GMS_REQUEST_WHOLE, 512, 100 };
	static const uint16_t most[] = { 0, 0, 0, 1, 100, 512, 513, 2000 };
	static const unsigned bits[] = { 52, 52, 51, 40 };
	struct gms_request_opts opts;

	*options = fuzz_u8(in);
	memset(&psc->how, 0, sizeof(psc->how));
	GMS_INIT(&opts);
	psc->how.flags = opts.flags = *options & 1 ? GMS_REQUEST_HOLES : 0;
	psc->how.most_pages = opts.most_pages = most[*options >> 1 & 7];
	psc->how.chunk_pages = opts.chunk_pages = chunks[*options >> 4 & 3];
	psc->gpa_bits = opts.gpa_bits = bits[fuzz_below(in, 4)];
	return world_request(w, &opts);
}

/* As the guest finds it: what was answered, and else what it wrote meanwhile. */
static void scribble_over(uint8_t *buffer, const uint8_t *before, uint8_t scribble)
{
	for (size_t at = 8; at < PSC_BYTES; at += 8) {
		if (!memcmp(buffer + at, before + at, 8))
			memset(buffer + at, scribble, 8);
	}
	if (!memcmp(buffer, before, 2))
		memset(buffer, scribble, 2);
	memset(buffer + 2, scribble, 6);
}

/* One exit: false if there is nothing more to do. */
static bool ask(struct world *w, struct gms_request *request, struct psc *psc, unsigned offset,
		uint8_t scribble)
{
	static uint8_t memory[8 + PSC_BYTES + 8];
	uint8_t *const buffer = memory + offset;
	const struct psc before = *psc;
	uint64_t info = 0, expected;

	memset(memory, GUARD, sizeof(memory));
	memcpy(buffer, psc->buffer, PSC_BYTES);
	expected = oracle_psc(w, psc);
	fuzz_same("begin", gms_snp_psc_begin(request, buffer, psc->bytes), 0);
	if (scribble) {
		memset(buffer, scribble, PSC_BYTES);
		scribble_over(psc->buffer, before.buffer, scribble);
	}
	fuzz_same("gms_request_run()", gms_request_run(request), 0);
	fuzz_same("end", gms_snp_psc_end(request, buffer, &info), 0);
	fuzz_same("sw_exit_info_2", info, expected);
	for (size_t at = 0; at < sizeof(memory); at++) {
		const size_t in = at - offset;

		if (memory[at] != (in < PSC_BYTES ? psc->buffer[in] : GUARD))
			fuzz_fail("byte %zu of entry %d", in % 8, (int)(in / 8) - 1);
	}
	world_compare(w);
	return memcmp(psc->buffer, before.buffer, PSC_BYTES);
}

static void ask_msr(struct world *w, struct gms_request *request, const struct psc *psc,
		    uint64_t word)
{
	const uint64_t expected = oracle_psc_msr(w, word, psc->gpa_bits, psc->how);
	uint64_t answer = 0;

	fuzz_same("gms_snp_msr()", gms_snp_msr(request, word, &answer), 0);
	fuzz_same("answer", answer, expected);
	world_compare(w);
}

int fuzz_one(const uint8_t *data, size_t bytes)
{
	struct fuzz_in in = fuzz_in(data, bytes);
	struct world *w = world_get(profiles[fuzz_below(&in, 4)]);
	struct gms_request *request;
	uint8_t options, scribble;
	static struct psc psc;

	world_setup(w, &in);
	request = draw_options(&in, w, &psc, &options);
	ask_msr(w, request, &psc, (draw_entry(&in) & ~UINT64_C(0xfff)) | 0x14);
	scribble = options & SCRIBBLES ? fuzz_u8(&in) : 0;
	options = fuzz_u8(&in);
	draw_buffer(&in, &psc);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const bool moved = ask(w, request, &psc, options % 8, scribble);

		if (options & 8u << i) {
			world_release(w);
			world_thaw(w);
		} else if (!moved) {
			break;
		}
	}
	return 0;
}
