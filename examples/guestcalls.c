/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guestcalls - what guests of five platforms ask for, byte by byte: the request as
 * it comes, what the library makes of it, and what goes back.
 *
 * A guest of 64 MiB at 4 GiB. A device holds page 0x100480: who wants it private is
 * told how far he came, and comes again when it is free.
 *
 *   cc guestcalls.c $(pkg-config --cflags --libs gmemstate)
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <gmemstate/gmemstate.h>

#define FIRST	UINT64_C(0x100000)
#define PAGES	UINT64_C(16384)
#define HELD	(FIRST + 0x480)

struct guest {
	struct gms_space *space;
	struct gms_request *request;
	gms_pin_id pin;
};

/* --- What stands in a request, and what came of it --- */

static const char *verb(const struct gms_change *change)
{
	if (change->set & GMS_STATE_SHARED)
		return "share";
	if (change->clear & GMS_STATE_SHARED)
		return "unshare";
	if (change->set & GMS_STATE_ACCEPTED)
		return "accept";
	return change->clear & GMS_STATE_POPULATED ? "give back" : "nothing";
}

static void print_plan(const struct gms_request *request)
{
	static const char *const sizes[] = { [0] = "4K", [9] = "2M", [18] = "1G" };
	struct gms_request_part part;

	for (uint32_t i = 0; !gms_request_part_at(request, i, &part); i++) {
		const struct gms_range range = part.change.range;

		printf("  %-8s %-9s %#" PRIx64 "..%#" PRIx64 "  as %s", i ? "" : "plan",
		       verb(&part.change), range.first, range.first + range.npages - 1,
		       sizes[part.order]);
		if (part.nentries)
			printf(", entries %u to %u", part.entry, part.entry + part.nentries - 1);
		printf("\n");
	}
}

static void print_outcome(const struct gms_request *request)
{
	struct gms_request_result did;

	GMS_INIT(&did);
	if (gms_request_result(request, &did))
		return;
	printf("  %-8s %" PRIu64 " of %" PRIu64 " pages in %" PRIu64 " commit%s", "done",
	       did.pages_done, did.pages, did.commits, did.commits == 1 ? "" : "s");
	if (did.error)
		printf(", then %s", gms_strerror(did.error));
	if (did.error_gfn)
		printf(" at %#" PRIx64, did.error_gfn);
	if (did.error_reason)
		printf(" (%s)", gms_reason_name(did.error_reason));
	printf("\n");
}

/* Between begin and end: the same for every protocol. */
static int look_and_run(struct guest *guest)
{
	int err;

	print_plan(guest->request);
	err = gms_request_run(guest->request);
	print_outcome(guest->request);
	return err;
}

static int hold(struct guest *guest)
{
	const struct gms_range page = { HELD, 1 };
	int err = gms_share(guest->space, page, NULL);

	return err ? err : gms_pin(guest->space, page, GMS_PIN_WRITE, 1, &guest->pin, NULL);
}

static int let_go(struct guest *guest)
{
	printf("  the device lets go of %#" PRIx64 "\n", HELD);
	return gms_unpin(guest->space, guest->pin);
}

/* --- KVM: a hypercall, and an exit --- */

static int kvm_call(struct guest *guest)
{
	const uint64_t args[6] = { FIRST << 12, 512, 1 };	/* shared, in 2M if it can be */
	int64_t ret = 0;
	int err;

	printf("KVM: the hypercall MAP_GPA_RANGE\n");
	printf("  %-8s rbx %#" PRIx64 ", rcx %" PRIu64 ", rdx %#" PRIx64 "\n", "request",
	       args[0], args[1], args[2]);
	err = gms_kvm_call_begin(guest->request, GMS_KVM_MAP_GPA_RANGE, args);
	if (!err)
		err = look_and_run(guest);
	if (!err)
		err = gms_kvm_call_end(guest->request, GMS_KVM_FOR_GUEST, &ret);
	printf("  %-8s rax %" PRId64 "\n\n", "answer", ret);
	return err;
}

static int kvm_fault(struct guest *guest)
{
	static const char *const actions[] = { "resume", "wait", "again later", "refuse" };
	uint32_t action = 0;
	int err;

	printf("KVM: the exit MEMORY_FAULT\n");
	printf("  %-8s flags %#" PRIx64 ", gpa %#" PRIx64 ", size %#x\n", "request",
	       GMS_KVM_FAULT_PRIVATE, FIRST << 12, 4096);
	err = gms_kvm_fault_begin(guest->request, GMS_KVM_FAULT_PRIVATE, FIRST << 12, 4096);
	if (!err)
		err = look_and_run(guest);
	if (!err)
		err = gms_kvm_fault_end(guest->request, &action);
	printf("  %-8s %s\n\n", "answer", actions[action]);
	return err;
}

/* --- SEV-SNP: a buffer of page state changes, and one page by the MSR --- */

#define ENTRIES	5

static uint64_t entry(gms_gfn gfn, uint64_t op)
{
	return gfn << GMS_SNP_GFN_SHIFT | op << GMS_SNP_OP_SHIFT;
}

static void print_buffer(const char *what, const uint64_t *words)
{
	printf("  %-8s header  %016" PRIx64 "  cur_entry %u, end_entry %u\n", what, words[0],
	       (unsigned)(words[0] & 0xffff), (unsigned)(words[0] >> 16 & 0xffff));
	for (unsigned i = 0; i < ENTRIES; i++) {
		const uint64_t word = words[1 + i];

		printf("  %-8s entry %u %016" PRIx64 "  %s gfn %#" PRIx64 " %s, %u done\n", "", i,
		       word, (word >> GMS_SNP_OP_SHIFT & 0xf) == GMS_SNP_SHARED ? "shared " : "private",
		       word >> 12 & ((UINT64_C(1) << 40) - 1), word & GMS_SNP_PSC_2M ? "2M" : "4K",
		       (unsigned)(word & 0xfff));
	}
}

static int snp_psc(struct guest *guest, uint64_t *words)
{
	uint64_t info = 0;
	int err;

	print_buffer("request", words);
	err = gms_snp_psc_begin(guest->request, words, (1 + ENTRIES) * sizeof(*words));
	if (!err)
		err = look_and_run(guest);
	if (!err)
		err = gms_snp_psc_end(guest->request, words, &info);
	print_buffer("answer", words);
	printf("  %-8s sw_exit_info_2 %#" PRIx64 "\n", "", info);
	return err;
}

static int snp_buffer(struct guest *guest)
{
	_Alignas(8) uint64_t words[1 + ENTRIES] = {
		(uint64_t)(ENTRIES - 1) << GMS_SNP_PSC_END_ENTRY_SHIFT,
		entry(FIRST + 0x210, GMS_SNP_SHARED),
		entry(FIRST + 0x211, GMS_SNP_SHARED),
		entry(FIRST + 0x212, GMS_SNP_SHARED),
		entry(FIRST + 0x400, GMS_SNP_PRIVATE) | GMS_SNP_PSC_2M,
		entry(FIRST + 0x600, GMS_SNP_PRIVATE) | GMS_SNP_PSC_2M,
	};
	int err;

	printf("SEV-SNP: a buffer of page state changes; a device holds %#" PRIx64 "\n", HELD);
	err = hold(guest);
	if (!err)
		err = snp_psc(guest, words);
	if (!err)
		err = let_go(guest);
	if (!err)
		err = snp_psc(guest, words);
	printf("\n");
	return err;
}

static int snp_msr(struct guest *guest)
{
	const uint64_t msr = entry(FIRST + 0x210, GMS_SNP_PRIVATE) | GMS_SNP_MSR_REQUEST;
	uint64_t answer = 0;
	int err;

	printf("SEV-SNP: one page, by the GHCB MSR\n");
	printf("  %-8s %#" PRIx64 "\n", "request", msr);
	err = gms_snp_msr_begin(guest->request, msr);
	if (!err)
		err = look_and_run(guest);
	if (!err)
		err = gms_snp_msr_end(guest->request, &answer);
	printf("  %-8s %#" PRIx64 "\n\n", "answer", answer);
	return err;
}

/* --- TDX: MapGPA, which an interrupt cuts short, and acceptance --- */

#define SHARED_BIT	(UINT64_C(1) << 51)

/* Something comes in during the second chunk of 2 MiB. */
static bool interrupt_comes(void *ctx)
{
	unsigned *chunks = ctx;

	return ++*chunks == 2;
}

static int tdx_map(struct guest *guest)
{
	uint64_t r12 = SHARED_BIT | (FIRST + 0x1000) << 12, r13 = UINT64_C(4) << 21;
	uint64_t r10 = GMS_TDX_MAP_RETRY, r11 = 0;
	const uint64_t end = r12 + r13;
	int err = 0;

	printf("TDX: MapGPA of 8 MiB, in chunks of 2 MiB; an interrupt comes in between\n");
	while (!err && r10 == GMS_TDX_MAP_RETRY) {
		printf("  %-8s r12 %#" PRIx64 ", r13 %#" PRIx64 "\n", "request", r12, r13);
		err = gms_tdx_map_begin(guest->request, r12, r13);
		if (!err)
			err = look_and_run(guest);
		if (!err)
			err = gms_tdx_map_end(guest->request, &r10, &r11);
		printf("  %-8s r10 %#" PRIx64 ", r11 %#" PRIx64 "\n", "answer", r10, r11);
		r12 = r11;
		r13 = end - r11;
	}
	printf("\n");
	return err;
}

static int tdx_accept(struct guest *guest)
{
	const uint64_t rcx = (FIRST + 0x2000) << 12 | GMS_TDX_LEVEL_2M;
	int err = 0;

	printf("TDX: a block of 2M is accepted, and once more\n");
	for (unsigned times = 0; !err && times < 2; times++) {
		uint64_t rax = 0;

		printf("  %-8s rcx %#" PRIx64 "\n", "request", rcx);
		err = gms_tdx_accept_begin(guest->request, rcx);
		if (!err)
			err = look_and_run(guest);
		if (!err)
			err = gms_tdx_accept_end(guest->request, &rax);
		printf("  %-8s rax %#" PRIx64 "\n", "answer", rax);
	}
	printf("\n");
	return err;
}

/* --- pKVM: a page at a time, and not twice --- */

static int pkvm_share(struct guest *guest)
{
	int err = 0;

	printf("pKVM: a page is shared, and once more\n");
	for (unsigned times = 0; !err && times < 2; times++) {
		uint64_t regs[4] = { GMS_PKVM_MEM_SHARE, (FIRST + 0x3000) << 12 };
		uint32_t action;

		printf("  %-8s x0 %#" PRIx64 ", x1 %#" PRIx64 "\n", "request", regs[0], regs[1]);
		err = gms_pkvm_begin(guest->request, 0, regs);
		if (!err)
			err = look_and_run(guest);
		if (!err)
			err = gms_pkvm_end(guest->request, regs, &action);
		printf("  %-8s x0 %" PRId64 "\n", "answer", (int64_t)regs[0]);
	}
	printf("\n");
	return err;
}

/* --- Arm CCA: as far as the first page that was destroyed --- */

static int destroy(struct guest *guest, gms_gfn gfn)
{
	const struct gms_change change = { { gfn, 1 }, GMS_STATE_DESTROYED, 0 };

	return gms_convert(guest->space, &change, 1, NULL, NULL);
}

static int cca_ripas(struct guest *guest)
{
	const uint64_t top = (FIRST + 0x3200) << 12;
	struct gms_cca_answer answer = { 0, (FIRST + 0x3100) << 12, GMS_CCA_ACCEPT };
	int err = destroy(guest, FIRST + 0x3180);

	printf("Arm CCA: pages are to be RAM; one of them was destroyed\n");
	while (!err && answer.x1 != top && answer.x2 == GMS_CCA_ACCEPT) {
		const uint64_t base = answer.x1;

		printf("  %-8s base %#" PRIx64 ", top %#" PRIx64 ", RAM\n", "request", base, top);
		err = gms_cca_ripas_begin(guest->request, base, top, GMS_CCA_RIPAS_RAM, 0);
		if (!err)
			err = look_and_run(guest);
		if (!err)
			err = gms_cca_ripas_end(guest->request, &answer);
		printf("  %-8s x0 %" PRIu64 ", x1 %#" PRIx64 ", x2 %" PRIu64 "\n", "answer",
		       answer.x0, answer.x1, answer.x2);
	}
	printf("\n");
	return err;
}

static int guest_new(struct guest *guest, unsigned *chunks)
{
	struct gms_request_opts opts;
	struct gms_region_opts ram;
	int err;

	GMS_INIT(&ram);
	ram.first = FIRST;
	ram.npages = PAGES;
	ram.base_order = GMS_ORDER_2M;
	ram.state = GMS_STATE_DIRECT_MAP | GMS_STATE_POPULATED;
	GMS_INIT(&opts);
	opts.stop = interrupt_comes;
	opts.ctx = chunks;
	err = gms_space_new(&guest->space, NULL);
	if (!err)
		err = gms_region_add(guest->space, &ram, NULL);
	if (!err)
		err = gms_request_new(&guest->request, guest->space, &opts);
	return err;
}

int main(void)
{
	static int (*const calls[])(struct guest *) = {
		kvm_call, kvm_fault, snp_buffer, snp_msr, tdx_map, tdx_accept, pkvm_share, cca_ripas,
	};
	struct guest guest = { 0 };
	unsigned chunks = 0;
	int err = guest_new(&guest, &chunks);

	for (size_t i = 0; !err && i < sizeof(calls) / sizeof(calls[0]); i++)
		err = calls[i](&guest);
	if (err)
		fprintf(stderr, "guestcalls: %s\n", gms_strerror(err));
	gms_request_free(guest.request);
	gms_space_free(guest.space);
	return err ? 1 : 0;
}
