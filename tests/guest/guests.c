/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guests.c - the guest's side of each protocol; see guests.h.
 */
#include "guests.h"

#define GPA_BITS	48u
#define SHARED_BIT	(UINT64_C(1) << (GPA_BITS - 1))

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What goes wrong on a thread is counted: a test fails on its main thread only. */
static void must(struct guest *guest, bool holds)
{
	guest->wrong += !holds;
}

static bool kvm_call(struct guest *guest, struct gms_range range, bool share, unsigned tries)
{
	const uint64_t args[6] = {
		range.first * GMS_PAGE_SIZE, range.npages, share ? 0 : GMS_KVM_MAP_PRIVATE,
	};
	int64_t ret = -1;

	do {
		must(guest, !gms_kvm_call(guest->request, GMS_KVM_MAP_GPA_RANGE, args,
					  GMS_KVM_FOR_GUEST, &ret));
	} while (ret && tries--);
	return !ret;
}

/* The guest touches the page as what it is to be, until it can. */
static bool kvm_fault(struct guest *guest, struct gms_range range, bool share, unsigned tries)
{
	for (uint64_t i = 0; i < range.npages; i++) {
		unsigned left = tries;
		uint32_t action = GMS_KVM_REFUSE;

		do {
			must(guest, !gms_kvm_fault(guest->request, share ? 0 : GMS_KVM_FAULT_PRIVATE,
						   (range.first + i) * GMS_PAGE_SIZE,
						   GMS_PAGE_SIZE, &action));
		} while (action == GMS_KVM_AGAIN && left--);
		if (action != GMS_KVM_RESUME)
			return false;
	}
	return true;
}

/* The next entries of a range: 2M where the page begins a block that fits. */
static unsigned fill(struct guest *guest, struct gms_range *range, bool share)
{
	const uint64_t op = share ? GMS_SNP_SHARED : GMS_SNP_PRIVATE;
	unsigned n = 0;

	while (range->npages && n < GUEST_PSC_ENTRIES) {
		const bool large = range->first % FX_2M == 0 && range->npages >= FX_2M;
		const uint64_t npages = large ? FX_2M : 1;

		guest->buffer[++n] = (large ? GMS_SNP_PSC_2M : 0) | op << GMS_SNP_OP_SHIFT |
				     range->first << GMS_SNP_GFN_SHIFT;
		range->first += npages;
		range->npages -= npages;
	}
	return n;
}

/* Linux checks that cur_entry does not go back. */
static bool send(struct guest *guest, unsigned n, unsigned tries)
{
	uint64_t error = 1;
	unsigned cur = 0;

	guest->buffer[0] = (uint64_t)(n - 1) << GMS_SNP_PSC_END_ENTRY_SHIFT;
	while (cur < n) {
		const uint64_t before = guest->buffer[0];

		must(guest, !gms_snp_psc(guest->request, guest->buffer,
					 (1 + n) * sizeof(*guest->buffer), &error));
		must(guest, (guest->buffer[0] & 0xffff) >= cur);
		must(guest, guest->buffer[0] >> GMS_SNP_PSC_END_ENTRY_SHIFT == n - 1);
		cur = guest->buffer[0] & 0xffff;
		if (error && (error != GMS_SNP_PSC_GENERIC ||
			      (guest->buffer[0] == before && !tries--)))
			return false;
	}
	return true;
}

static bool snp_psc(struct guest *guest, struct gms_range range, bool share, unsigned tries)
{
	while (range.npages) {
		if (!send(guest, fill(guest, &range, share), tries))
			return false;
	}
	return true;
}

static bool snp_msr(struct guest *guest, struct gms_range range, bool share, unsigned tries)
{
	const uint64_t op = share ? GMS_SNP_SHARED : GMS_SNP_PRIVATE;
	uint64_t msr = 0;

	for (uint64_t i = 0; i < range.npages; i++) {
		unsigned left = tries;

		do {
			must(guest, !gms_snp_msr(guest->request, op << GMS_SNP_OP_SHIFT |
						 (range.first + i) << GMS_SNP_GFN_SHIFT |
						 GMS_SNP_MSR_REQUEST, &msr));
		} while (msr != GMS_SNP_MSR_RESPONSE && left--);
		if (msr != GMS_SNP_MSR_RESPONSE)
			return false;
	}
	return true;
}

/* Linux checks that the address is inside of the range. */
static bool tdx(struct guest *guest, struct gms_range range, bool share, unsigned tries)
{
	uint64_t at = range.first * GMS_PAGE_SIZE | (share ? SHARED_BIT : 0), r10 = 0, r11;
	const uint64_t end = at + range.npages * GMS_PAGE_SIZE;
	unsigned left = tries;

	while (true) {
		must(guest, !gms_tdx_map(guest->request, at, end - at, &r10, &r11));
		if (r10 != GMS_TDX_MAP_RETRY)
			return r10 == GMS_TDX_MAP_SUCCESS;
		must(guest, r11 >= at && r11 < end);
		if (r11 > at)
			left = tries;
		else if (!left--)
			return false;
		at = r11;
	}
}

static bool pkvm(struct guest *guest, struct gms_range range, bool share, unsigned tries)
{
	const uint64_t most = guest->kind == GUEST_PKVM ? 1 : GUEST_PKVM_MOST;
	const uint32_t flags = guest->kind == GUEST_PKVM ? 0 : GMS_PKVM_RANGES;

	while (range.npages) {
		const uint64_t n = least(range.npages, most);
		uint64_t regs[4] = {
			share ? GMS_PKVM_MEM_SHARE : GMS_PKVM_MEM_UNSHARE,
			range.first * GMS_PAGE_SIZE, flags ? n : 0, 0,
		};
		uint32_t action = GMS_PKVM_LATER;

		must(guest, !gms_pkvm(guest->request, flags, regs, &action));
		if (action == GMS_PKVM_ANSWER && regs[0] == GMS_PKVM_SUCCESS) {
			const uint64_t done = flags ? regs[1] : 1;

			must(guest, done && done <= n);
			range.first += done;
			range.npages -= done;
		} else if (!tries--) {
			return false;
		}
	}
	return true;
}

/* Linux checks that the new top is inside of the range. */
static bool cca(struct guest *guest, struct gms_range range, bool share, unsigned tries)
{
	const uint64_t ripas = share ? GMS_CCA_RIPAS_EMPTY : GMS_CCA_RIPAS_RAM;
	uint64_t at = range.first * GMS_PAGE_SIZE;
	const uint64_t top = at + range.npages * GMS_PAGE_SIZE;
	struct gms_cca_answer answer = { 1, 0, 0 };
	unsigned left = tries;

	while (at < top) {
		must(guest, !gms_cca_ripas(guest->request, at, top, ripas,
					   GMS_CCA_CHANGE_DESTROYED, &answer));
		if (answer.x0 != GMS_CCA_SUCCESS || answer.x2 != GMS_CCA_ACCEPT)
			return false;
		must(guest, answer.x1 >= at && answer.x1 <= top);
		if (answer.x1 > at)
			left = tries;
		else if (!left--)
			return false;
		at = answer.x1;
	}
	return true;
}

static const struct {
	const char *name;
	uint32_t profile;
	uint64_t most_pages;
	bool (*turn)(struct guest *guest, struct gms_range range, bool share, unsigned tries);
} kinds[GUEST_KINDS] = {
	[GUEST_KVM_CALL] = { "kvm-call", GMS_PROFILE_KVM_ATTRS, 0, kvm_call },
	[GUEST_KVM_FAULT] = { "kvm-fault", GMS_PROFILE_KVM_ATTRS, 0, kvm_fault },
	[GUEST_SNP_PSC] = { "snp-psc", GMS_PROFILE_SNP, 0, snp_psc },
	[GUEST_SNP_MSR] = { "snp-msr", GMS_PROFILE_SNP, 0, snp_msr },
	[GUEST_TDX] = { "tdx", GMS_PROFILE_TDX, 0, tdx },
	[GUEST_TDX_RETRY] = { "tdx-retry", GMS_PROFILE_TDX, GMS_TDX_CHUNK_PAGES, tdx },
	[GUEST_PKVM] = { "pkvm", GMS_PROFILE_PKVM, 0, pkvm },
	[GUEST_PKVM_RANGE] = { "pkvm-range", GMS_PROFILE_PKVM, 0, pkvm },
	[GUEST_CCA] = { "cca", GMS_PROFILE_CCA, 0, cca },
	[GUEST_CCA_PARTS] = { "cca-parts", GMS_PROFILE_CCA, GUEST_CCA_MOST, cca },
};

const char *guest_name(enum guest_kind kind)
{
	return kinds[kind].name;
}

uint32_t guest_profile(enum guest_kind kind)
{
	return kinds[kind].profile;
}

void guest_init(struct guest *guest, enum guest_kind kind, struct gms_space *space,
		struct gms_collector *collector)
{
	struct gms_request_opts opts;

	memset(guest, 0, sizeof(*guest));
	guest->kind = kind;
	GMS_INIT(&opts);
	opts.gpa_bits = GPA_BITS;
	opts.most_pages = kinds[kind].most_pages;
	opts.collector = collector;
	ck_assert_int_eq(gms_request_new(&guest->request, space, &opts), 0);
}

void guest_fini(struct guest *guest)
{
	gms_request_free(guest->request);
	guest->request = NULL;
}

bool guest_turn(struct guest *guest, struct gms_range range, bool share, unsigned tries)
{
	return kinds[guest->kind].turn(guest, range, share, tries);
}
